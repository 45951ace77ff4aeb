"""root_bundles.json: whom a verifier is told to trust, and what is no bundle (SPEC §15)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from vectorkit.build import ALICE, BLOCK, BOB, CLOUD_ROOT, LEFT_OUT, MALLORY, NOW, PLANNER, PROOF, Cose
from vectorkit.encode import Key, Pairs, Raw, cbor, in_order, s_plus_order, text

ROOTS = b"delegate/1 roots\0"
SIGNER = ALICE
EXPIRES = NOW + 604_800
_NAMES = {"iss": 1, "sub": 2, "exp": 4, "nbf": 5, "iat": 6, "cnf": 8, "for_": "for"}


@dataclass(frozen=True)
class Maker:
    """Makes the vectors of this file."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, comment: str, what: bytes | str, reason: str, spec: str = "15.2") -> None:
        """Add a bundle that is refused."""
        self._add(name, spec, comment, what, reason, None)

    def good(self, name: str, comment: str, what: bytes, says: dict[str, Any]) -> None:
        """Add a bundle that holds, and what it says."""
        self._add(name, "15.1", comment, what, "accept", says)

    def _add(
        self, name: str, spec: str, comment: str, what: bytes | str, expect: str, says: dict[str, Any] | None
    ) -> None:
        if isinstance(what, bytes):
            what = text("dlgk_", what) if what[:2] == b"\x82\x08" else "hex:" + what.hex()
        self.made.append(
            {
                "name": f"root-bundle-{name}",
                "comment": comment,
                "spec": spec,
                "bundle": what,
                "pinned": [SIGNER.line, CLOUD_ROOT.line],
                "expect": expect,
                "says": says,
            }
        )


def entry(key: Any = BOB, **other: Any) -> dict[Any, Any]:
    """One key: a root, unless something else is said."""
    said: dict[Any, Any] = {2: key.name, 8: {1: key.cose}, "role": [1]}
    said |= {_NAMES.get(name, name): value for name, value in other.items()}
    return in_order({name: value for name, value in said.items() if value is not LEFT_OUT})


def sorted_keys(*entries: dict[Any, Any]) -> list[dict[Any, Any]]:
    """Keys by their thumbprints."""
    return sorted(entries, key=lambda each: hashlib.sha256(cbor(each[8][1])).digest())


def claims(key: Any = SIGNER, **other: Any) -> dict[Any, Any]:
    """The claims of a bundle, in order; what is given replaces what they usually are."""
    said: dict[Any, Any] = {1: key.name, 4: EXPIRES, 6: NOW, 8: {1: key.cose}, "seq": 7, "keys": [entry()]}
    said |= {_NAMES.get(name, name): value for name, value in other.items()}
    return in_order({name: value for name, value in said.items() if value is not LEFT_OUT})


def signed(payload: bytes, key: Any = SIGNER, **cose: Any) -> bytes:
    """The COSE_Sign1; `cose` replaces what it names."""
    thumbprint = hashlib.sha256(cbor(key.cose)).digest()
    standard = {"key": key, "payload": payload, "purpose": ROOTS, "above": thumbprint, "kid": thumbprint}
    return Cose(**{**standard, **cose}).build()


def build(key: Any = SIGNER, *, cose: dict[str, Any] | None = None, **other: Any) -> bytes:
    """A bundle, with one thing other than usual."""
    return cbor([8, signed(cbor(claims(key, **other)), key, **(cose or {}))])


def of(**other: Any) -> bytes:
    """A bundle whose one key has one thing other than usual."""
    return build(keys=[entry(**other)])


def said(key: Any = SIGNER, trusts: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What a reader makes of a bundle."""
    return {
        "issuer": key.name,
        "signer": key.thumbprint.hex(),
        "sequence": 7,
        "issued": NOW,
        "expires": EXPIRES,
        "trusts": trusts if trusts is not None else [told(BOB)],
    }


def told(key: Any, roles: Any = None, **other: Any) -> dict[str, Any]:
    """What a reader makes of one key."""
    return {
        "name": key.name,
        "thumbprint": key.thumbprint.hex(),
        "roles": [1] if roles is None else roles,
        **{name.rstrip("_"): value for name, value in other.items()},
    }


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker()
    _good(maker)
    _form(maker)
    _cose(maker)
    _claims(maker)
    _keys(maker)
    return maker


def _good(maker: Maker) -> None:
    maker.good("root", "one root", build(), said())
    maker.good("esp256", "signed with ESP256", build(CLOUD_ROOT), said(CLOUD_ROOT))
    maker.good("name", "a key whose name alone is vouched for", of(role=LEFT_OUT), said(trusts=[told(BOB, [])]))
    every = of(nbf=NOW, exp=NOW + 60, for_=["user:*@example.com", "**"], role=[1, 2, 3], tenants=["acme", "b"])
    trusts = [
        told(BOB, [1, 2, 3], for_=["user:*@example.com", "**"], tenants=["acme", "b"], **{"from": NOW}, until=NOW + 60)
    ]
    maker.good("everything", "all that can be said of a key", every, said(trusts=trusts))
    three = sorted_keys(entry(), entry(PLANNER, role=[2]), entry(CLOUD_ROOT, role=[3]))
    roles = {BOB.name: [1], PLANNER.name: [2], CLOUD_ROOT.name: [3]}
    by_name = {each.name: each for each in (BOB, PLANNER, CLOUD_ROOT)}
    found = [told(by_name[each[2]], roles[each[2]]) for each in three]
    maker.good(
        "three", "a root, a revoker and a third party, one with a key of P-256", build(keys=three), said(trusts=found)
    )
    moment = of(nbf=NOW, exp=NOW)
    maker.good(
        "moment", "a key that counts for one second", moment, said(trusts=[told(BOB, **{"from": NOW}, until=NOW)])
    )
    last = build(exp=253_402_300_799, seq=2**63 - 1)
    maker.good(
        "last", "the greatest time and number", last, {**said(), "expires": 253_402_300_799, "sequence": 2**63 - 1}
    )


def _form(maker: Maker) -> None:
    right = build()
    maker.add("as-list", "the prefix of a revocation list", text("dlgr_", right), "malformed", "3.2")
    maker.add("padding", "padding behind the text", text("dlgk_", right) + "=", "not_canonical", "3.2")
    maker.add("cut-off-text", "the last 40 characters are missing", text("dlgk_", right)[:-40], "truncated", "3.2")
    maker.add("cut-off", "the last byte is missing", right[:-1], "truncated", "3.6")
    maker.add("behind", "a byte behind the bundle", right + b"\0", "not_canonical", "3.6")
    maker.add("number-6", "the number of a revocation list", b"\x82\x06" + right[2:], "unsupported_version")
    maker.add("number-true", "true for the number", b"\x82\xf5" + right[2:], "malformed")
    maker.add("three-items", "a third item", cbor([8, signed(cbor(claims())), []]), "malformed")
    maker.add(
        "payload-array", "claims that are an array", cbor([8, signed(cbor([1, SIGNER.name, bytes(32)]))]), "malformed"
    )
    maker.add("too-long", "more than 65536 bytes", cbor([8, bytes(65_532)]), "limit_exceeded")


def _cose(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str, spec: str = "3.3", **cose: Any) -> None:
        maker.add(name, comment, build(cose=cose), reason, spec)

    refuse("no-kid", "a header that names no key", "malformed", protected=cbor({1: -19}))
    refuse("alg-8", "alg -8", "unsupported_algorithm", protected=cbor({1: -8, 4: SIGNER.thumbprint}))
    refuse(
        "alg-of-another",
        "ESP256 in the header, a key of Ed25519",
        "unsupported_algorithm",
        protected=cbor({1: -9, 4: SIGNER.thumbprint}),
    )
    refuse("s-plus-order", "S + L for S", "bad_signature", sign=lambda key, message: s_plus_order(key.sign(message)))
    refuse("zeros", "a signature of zeros", "bad_signature", sign=lambda *_: bytes(64))
    refuse("other-signer", "signed by another than it says", "bad_signature", sign=lambda _, it: MALLORY.sign(it))
    refuse("as-block", "signed as a block", "bad_signature", purpose=BLOCK)
    refuse("as-proof", "signed as a proof", "bad_signature", purpose=PROOF)
    refuse("as-list-signed", "signed as a revocation list", "bad_signature", purpose=b"delegate/1 revocations\0")
    altered = {"alter_payload": lambda payload: payload[:-1] + bytes((payload[-1] ^ 3,))}
    maker.add("altered", "a role altered after it was signed", build(cose=altered), "bad_signature", "3.3")
    maker.add("not-pinned", "signed, by a key that is not pinned", build(MALLORY), "unknown_root")
    maker.add(
        "cnf-other", "a pinned key, under the header of its signer", build(MALLORY, cnf={1: SIGNER.cose}), "malformed"
    )
    weak = Key(SIGNER.name, SIGNER.seed, bytes((1,)) + bytes(31))
    maker.add(
        "weak-key", "signed by a key of low order", build(weak, cose={"sign": lambda *_: bytes(64)}), "weak_key", "3.5"
    )


def _claims(maker: Maker) -> None:
    for name in ("iss", "exp", "iat", "cnf", "seq", "keys"):
        left: dict[str, Any] = {name: LEFT_OUT}
        maker.add(f"no-{name}", f"without {name}", build(**left), "malformed")
    maker.add("unknown", "a word that is no claim", build(until=NOW), "unknown_claim")
    maker.add("iss-no-name", "a name without a scheme", build(iss="alice"), "malformed")
    maker.add("over-at-once", "exp equal to iat", build(exp=NOW), "malformed")
    maker.add("exp-late", "exp in the year 10000", build(exp=253_402_300_800), "malformed")
    maker.add("iat-float", "iat a float", build(iat=float(NOW)), "malformed")
    maker.add("seq-0", "seq 0", build(seq=0), "malformed")
    maker.add("seq-true", "true for seq 1", build(seq=True), "malformed")
    maker.add("keys-empty", "no keys at all", build(keys=[]), "malformed")
    maker.add("keys-map", "a map of keys", build(keys={0: entry()}), "malformed")
    backwards = dict(reversed(claims().items()))
    maker.add("claims-order", "claims out of order", cbor([8, signed(cbor(backwards))]), "not_canonical", "3.6")
    twice = Pairs((*claims().items(), ("keys", [entry(MALLORY)])))
    maker.add("keys-twice", "keys twice", cbor([8, signed(cbor(twice))]), "not_canonical", "3.6")
    maker.add("tag", "a tag in the claims", build(seq=Raw(b"\xc1\x07")), "malformed", "3.6")


def _keys(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str, spec: str = "15.2", **other: Any) -> None:
        maker.add(name, comment, of(**other), reason, spec)

    refuse("key-no-name", "a key without a name", "malformed", sub=LEFT_OUT)
    refuse("key-no-cnf", "a name without a key", "malformed", cnf=LEFT_OUT)
    refuse("key-bearer", "a key that belongs to a bearer", "malformed", sub="bearer:x")
    refuse("key-unknown", "a word that nobody knows about a key", "unknown_claim", can=b"\x80")
    refuse("key-text", "a key as text", "malformed", cnf={1: BOB.line})
    refuse("key-weak", "a key of low order", "weak_key", cnf={1: {1: 1, -1: 6, -2: bytes((1,)) + bytes(31)}})
    refuse("key-x25519", "a key of X25519", "unsupported_algorithm", cnf={1: {1: 1, -1: 4, -2: bytes(32)}})
    refuse("role-empty", "no roles, said", "malformed", role=[])
    refuse("role-0", "a role 0", "malformed", role=[0])
    refuse("role-4", "a role 4", "malformed", role=[4])
    refuse("role-true", "true for role 1", "malformed", role=[True])
    refuse("role-order", "roles out of order", "malformed", role=[2, 1])
    refuse("role-twice", "a role twice", "malformed", role=[1, 1])
    refuse("role-number", "a role that is no array", "malformed", role=1)
    refuse("for-revoker", "for whom a revoker signs", "malformed", role=[2], for_=["**"])
    refuse("tenants-name", "tenants of a mere name", "malformed", role=LEFT_OUT, tenants=["acme"])
    refuse("for-empty", "for nobody, said", "malformed", for_=[])
    refuse("for-pattern", "for a pattern that is none", "malformed", for_=["a**b"])
    refuse("for-number", "for a number", "malformed", for_=[1])
    refuse("for-twice", "for one pattern twice", "not_canonical", for_=["**", "**"])
    refuse("for-17", "for 17 patterns", "limit_exceeded", for_=[f"user:{number}" for number in range(17)])
    refuse("for-long", "for a pattern of 1025 characters", "limit_exceeded", for_=["x" * 1025])
    refuse("tenants-17", "17 tenants", "limit_exceeded", tenants=[str(number) for number in range(17)])
    refuse("tenants-blank", "a tenant with a blank", "malformed", tenants=["a b"])
    refuse("until-before", "until before from", "malformed", nbf=NOW, exp=NOW - 1)
    refuse("from-negative", "from a moment below 0", "malformed", nbf=-1)
    refuse("until-late", "until the year 10000", "malformed", exp=253_402_300_800)
    refuse("until-float", "until a float", "malformed", exp=float(NOW))
    maker.add("key-array", "a key that is an array", build(keys=[[BOB.name, BOB.cose]]), "malformed")
    two = sorted_keys(entry(), entry(PLANNER))
    maker.add("keys-order", "keys out of order", build(keys=list(reversed(two))), "not_canonical")
    again = [entry(), entry(sub="user:bobby@example.com")]
    maker.add("key-two-names", "one key under two names", build(keys=again), "not_canonical")
    odd = entry(MALLORY, role=[4])
    maker.add("last-of-many", "the last of three keys is wrong", build(keys=[*two, odd]), "malformed")
    many = [{2: f"user:{number}", 8: {1: {1: 1, -1: 6, -2: _point(number)}}} for number in range(257)]
    maker.add("keys-257", "257 keys", build(keys=sorted_keys(*many)), "limit_exceeded")


def _point(number: int) -> bytes:
    """32 bytes that have the form of a key; nobody signs with it."""
    return hashlib.sha256(b"key %d" % number).digest()[:31] + b"\x01"
