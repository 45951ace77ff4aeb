"""revocation_lists.json: what a signer takes back, and what is no list (SPEC §10.2)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from vectorkit.build import ALICE, BLOCK, CLOUD_ROOT, LEFT_OUT, MALLORY, NOW, PROOF, WORKER, Cose
from vectorkit.encode import (
    Key,
    MixedKey,
    Pairs,
    Raw,
    cbor,
    in_order,
    s_plus_order,
    sign_with_mixed_r,
    sign_with_r_of_low_order,
    text,
)

REVOCATIONS = b"delegate/1 revocations\0"
_NAMES = {"iss": 1, "exp": 4, "iat": 6, "cnf": 8}
# Three subjects in order.
FIRST, SECOND, THIRD = sorted(hashlib.sha256(word).digest() for word in (b"one", b"two", b"three"))
UNTIL = NOW + 28_800


@dataclass(frozen=True)
class Maker:
    """Makes the vectors of this file."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, comment: str, what: bytes | str, reason: str, spec: str = "10.2") -> None:
        """Add a list that is refused."""
        self._add(name, spec, comment, what, reason, None)

    def good(self, name: str, comment: str, what: bytes, says: dict[str, Any]) -> None:
        """Add a list that holds, and what it says."""
        self._add(name, "10.2", comment, what, "accept", says)

    def _add(
        self, name: str, spec: str, comment: str, what: bytes | str, expect: str, says: dict[str, Any] | None
    ) -> None:
        if isinstance(what, bytes):
            what = text("dlgr_", what) if what[:2] == b"\x82\x06" else "hex:" + what.hex()
        self.made.append(
            {
                "name": f"revocation-list-{name}",
                "comment": comment,
                "spec": spec,
                "list": what,
                "expect": expect,
                "says": says,
            }
        )


def claims(key: Any = ALICE, **other: Any) -> dict[Any, Any]:
    """The claims of a list, in order; what is given replaces what they usually are."""
    said: dict[Any, Any] = {1: key.name, 4: NOW + 86_400, 6: NOW, 8: {1: key.cose}, "seq": 7}
    said |= {_NAMES.get(name, name): value for name, value in other.items()}
    return in_order({name: value for name, value in said.items() if value is not LEFT_OUT})


def signed(payload: bytes, key: Any = ALICE, **cose: Any) -> bytes:
    """The COSE_Sign1; `cose` replaces what it names."""
    thumbprint = hashlib.sha256(cbor(key.cose)).digest()
    standard = {"key": key, "payload": payload, "purpose": REVOCATIONS, "above": thumbprint, "kid": thumbprint}
    return Cose(**{**standard, **cose}).build()


def build(key: Any = ALICE, *, cose: dict[str, Any] | None = None, **other: Any) -> bytes:
    """A list, with one thing other than usual."""
    return cbor([6, signed(cbor(claims(key, **other)), key, **(cose or {}))])


def of_blocks(*records: Any) -> bytes:
    """A list of these block records."""
    return build(blocks=list(records))


def said(key: Any = ALICE, records: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What a reader makes of a list."""
    return {
        "issuer": key.name,
        "signer": key.thumbprint.hex(),
        "sequence": 7,
        "issued": NOW,
        "expires": NOW + 86_400,
        "records": records or [],
    }


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker()
    _good(maker)
    _form(maker)
    _cose(maker)
    _keys(maker)
    _claims(maker)
    _records(maker)
    return maker


def _good(maker: Maker) -> None:
    block = {"block": FIRST.hex(), "until": UNTIL}
    keys = [{"key": SECOND.hex(), "since": 0, "why": "lost"}, {"key": THIRD.hex(), "since": NOW - 60}]
    maker.good("empty", "a list without records: nothing new", build(), said())
    maker.good("block", "one block", of_blocks([FIRST, UNTIL]), said(records=[block]))
    maker.good(
        "key", "one key, from the beginning", build(keys=[[FIRST, 0]]), said(records=[{"key": FIRST.hex(), "since": 0}])
    )
    maker.good(
        "both",
        "keys, one with a word and one from a date, and two blocks",
        build(keys=[[SECOND, 0, "lost"], [THIRD, NOW - 60]], blocks=[[FIRST, UNTIL], [SECOND, UNTIL, "四半期"]]),
        said(records=[*keys, block, {"block": SECOND.hex(), "until": UNTIL, "why": "四半期"}]),
    )
    maker.good("esp256", "signed with ESP256", build(CLOUD_ROOT), said(CLOUD_ROOT))
    last = build(exp=253_402_300_799, seq=2**63 - 1)
    maker.good(
        "last", "the greatest time and number", last, {**said(), "expires": 253_402_300_799, "sequence": 2**63 - 1}
    )
    subjects = sorted(hashlib.sha256(bytes((number,))).digest() for number in range(222))
    long = of_blocks(*([subject, UNTIL, "x" * 256] for subject in subjects))
    records = [{"block": subject.hex(), "until": UNTIL, "why": "x" * 256} for subject in subjects]
    maker.good("long", "a payload of more than 65535 bytes", long, said(records=records))


def _form(maker: Maker) -> None:
    right = build()
    maker.add("as-token", "the prefix of a token", text("dlgt_", right), "malformed", "3.2")
    maker.add("without-prefix", "no prefix", text("", right), "malformed", "3.2")
    maker.add("padding", "padding behind the text", text("dlgr_", right) + "=", "not_canonical", "3.2")
    maker.add("cut-off-text", "the last 40 characters are missing", text("dlgr_", right)[:-40], "truncated", "3.2")
    maker.add("cut-off", "the last byte is missing", right[:-1], "truncated", "3.6")
    maker.add("behind", "a byte behind the list", right + b"\0", "not_canonical", "3.6")
    maker.add("number-9", "an envelope of number 9", b"\x82\x09" + right[2:], "unsupported_version")
    maker.add("number-1", "a list in the envelope of a token", b"\x82\x01" + right[2:], "unsupported_version")
    maker.add("number-true", "true for the number", b"\x82\xf5" + right[2:], "malformed")
    maker.add("three-items", "a third item", cbor([6, signed(cbor(claims())), []]), "malformed")
    maker.add("array-of-lists", "an array of signed things", cbor([6, [signed(cbor(claims()))]]), "malformed")
    maker.add("long-head", "a length in more bytes than it needs", _long_head(right), "not_canonical", "3.6")
    maker.add("tagged", "tag 18 before the COSE_Sign1", cbor([6, b"\xd2" + signed(cbor(claims()))]), "malformed", "3.3")
    maker.add(
        "payload-behind", "a byte behind the payload's map", cbor([6, signed(cbor(claims()) + b"\0")]), "not_canonical"
    )
    maker.add(
        "payload-array", "claims that are an array", cbor([6, signed(cbor([1, ALICE.name, bytes(32)]))]), "malformed"
    )
    maker.add("payload-tag", "a tag in the claims", build(seq=Raw(b"\xc1\x07")), "malformed", "3.6")


def _long_head(right: bytes) -> bytes:
    """The byte string's length, less than 256 of it, in two bytes."""
    assert right[2] == 0x58
    return right[:2] + b"\x59\x00" + right[3:]


def _cose(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str, **cose: Any) -> None:
        maker.add(name, comment, build(cose=cose), reason, "3.3")

    refuse("no-kid", "a header that names no key", "malformed", protected=cbor({1: -19}))
    refuse("short-kid", "a header with 8 bytes of the thumbprint", "malformed", kid=ALICE.thumbprint[:8])
    refuse("alg-8", "alg -8", "unsupported_algorithm", protected=cbor({1: -8, 4: ALICE.thumbprint}))
    refuse(
        "alg-of-another",
        "ESP256 in the header, a key of Ed25519",
        "unsupported_algorithm",
        protected=cbor({1: -9, 4: ALICE.thumbprint}),
    )
    refuse("unprotected", "a label in the unprotected map", "malformed", unprotected=cbor({4: ALICE.thumbprint}))
    refuse("short-signature", "a signature of 63 bytes", "malformed", sign=lambda key, message: key.sign(message)[:63])
    refuse("s-plus-order", "S + L for S", "bad_signature", sign=lambda key, message: s_plus_order(key.sign(message)))
    refuse("low-order-r", "an R of low order", "bad_signature", sign=sign_with_r_of_low_order)
    refuse("mixed-r", "an R with a part of order 8", "bad_signature", sign=sign_with_mixed_r)
    refuse("zeros", "a signature of zeros", "bad_signature", sign=lambda *_: bytes(64))
    refuse(
        "other-signer", "signed by another than it says", "bad_signature", sign=lambda _, message: MALLORY.sign(message)
    )
    refuse("as-block", "signed as a block", "bad_signature", purpose=BLOCK)
    refuse("as-proof", "signed as a proof", "bad_signature", purpose=PROOF)
    refuse("as-discharge", "signed as a discharge", "bad_signature", purpose=b"delegate/1 discharge\0")
    refuse("no-purpose", "signed without external_aad", "bad_signature", aad=b"")
    refuse("other-place", "signed at another's place", "bad_signature", above=MALLORY.thumbprint)
    refuse("other-context", "signed as a COSE_Sign", "bad_signature", context="Signature")
    refuse(
        "payload-long-head",
        "a payload's length in four bytes, where one will do",
        "not_canonical",
        assemble=lambda header, unprotected, payload, signature: cbor(
            [header, Raw(unprotected), Raw(b"\x5a" + len(payload).to_bytes(4, "big") + payload), signature]
        ),
    )
    altered = {"alter_payload": lambda payload: payload[:-1] + bytes((payload[-1] ^ 1,))}
    maker.add("altered", "a number altered after it was signed", build(cose=altered), "bad_signature")


def _keys(maker: Maker) -> None:
    weak = Key("user:alice@example.com", ALICE.seed, bytes((1,)) + bytes(31))
    mixed = MixedKey("user:alice@example.com", ALICE)
    maker.add("no-cnf", "without its signer's key", build(cnf=LEFT_OUT), "malformed")
    maker.add("cnf-bytes", "the key as bytes, in no map", build(cnf=cbor(ALICE.cose)), "malformed")
    maker.add("cnf-kid", "a thumbprint for the key", build(cnf={3: ALICE.thumbprint}), "malformed")
    maker.add("cnf-label", "the key under another label", build(cnf={2: ALICE.cose}), "malformed")
    maker.add("cnf-array", "the key in an array", build(cnf=[ALICE.cose]), "malformed")
    maker.add("cnf-two", "a key and something else", build(cnf={1: ALICE.cose, 3: b"k"}), "malformed")
    maker.add("cnf-true", "true for the label of the key", build(cnf=Pairs(((True, ALICE.cose),))), "malformed", "3.6")
    maker.add("cnf-other", "another's key, under the header of its signer", build(cnf={1: MALLORY.cose}), "malformed")
    maker.add(
        "header-other",
        "another's thumbprint in the header, above its signer's key",
        build(cose={"kid": WORKER.thumbprint, "above": WORKER.thumbprint}),
        "malformed",
    )
    maker.add("weak-key", "a key of low order", build(weak, cose={"sign": lambda *_: bytes(64)}), "weak_key", "3.5")
    maker.add("mixed-key", "a key with a part of order 8", build(mixed), "bad_signature", "3.5")
    other_curve = {1: {1: 1, -1: 4, -2: bytes(32)}}
    maker.add("x25519", "a key of X25519", build(cnf=other_curve), "unsupported_algorithm", "3.4")


def _claims(maker: Maker) -> None:
    for name in ("iss", "exp", "iat", "seq"):
        left: dict[str, Any] = {name: LEFT_OUT}
        maker.add(f"no-{name}", f"without {name}", build(**left), "malformed")
    maker.add("unknown", "a word that is no claim", build(until=NOW), "unknown_claim")
    more = {**claims(), 5: NOW}
    maker.add("nbf", "claim 5, which a list does not have", cbor([6, signed(cbor(in_order(more)))]), "unknown_claim")
    maker.add("iss-no-name", "a name without a scheme", build(iss="alice"), "malformed")
    maker.add("iss-bytes", "a name in bytes", build(iss=b"user:alice@example.com"), "malformed")
    maker.add("over-at-once", "exp equal to iat", build(exp=NOW), "malformed")
    maker.add("over-before", "exp before iat", build(exp=NOW - 1), "malformed")
    maker.add("iat-negative", "iat below 0", build(iat=-1), "malformed")
    maker.add("iat-float", "iat a float", build(iat=float(NOW)), "malformed")
    maker.add("exp-late", "exp in the year 10000", build(exp=253_402_300_800), "malformed")
    unknown: dict[str, Any] = {"zzzz": 1}
    maker.add(
        "seq-true-unknown", "true for seq, and a word that is no claim", build(seq=True, **unknown), "unknown_claim"
    )
    maker.add("no-seq-unknown", "without seq, and with that word", build(seq=LEFT_OUT, **unknown), "unknown_claim")
    maker.add("seq-0", "seq 0", build(seq=0), "malformed")
    maker.add("seq-negative", "seq below 0", build(seq=-1), "malformed")
    maker.add("seq-true", "true for seq 1", build(seq=True), "malformed")
    maker.add("seq-large", "seq of 2^63", build(seq=2**63), "malformed", "3.6")
    maker.add("seq-text", "seq a text", build(seq="7"), "malformed")
    twice = Pairs((*claims().items(), ("seq", 8)))
    maker.add("seq-twice", "seq twice", cbor([6, signed(cbor(twice))]), "not_canonical", "3.6")
    backwards = dict(reversed(claims(blocks=[[FIRST, UNTIL]]).items()))
    maker.add("claims-order", "claims out of order", cbor([6, signed(cbor(backwards))]), "not_canonical", "3.6")


def _records(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str, *records: Any) -> None:
        maker.add(name, comment, of_blocks(*records), reason)

    good = [FIRST, UNTIL]
    maker.add("blocks-empty", "an array of no blocks", build(blocks=[]), "malformed")
    maker.add("keys-empty", "an array of no keys", build(keys=[]), "malformed")
    maker.add("blocks-map", "a map of blocks", build(blocks={0: UNTIL}), "malformed")
    maker.add("keys-bytes", "keys within a byte string", build(keys=cbor([[FIRST, 0]])), "malformed")
    refuse("blocks-order", "blocks out of order", "not_canonical", [SECOND, UNTIL], good)
    refuse("block-twice", "a block twice", "not_canonical", good, good)
    refuse("block-two-times", "a block with two times", "not_canonical", good, [FIRST, UNTIL + 1])
    maker.add("keys-order", "keys out of order", build(keys=[[SECOND, 0], [FIRST, 0]]), "not_canonical")
    maker.add("key-twice", "a key twice", build(keys=[[FIRST, 0], [FIRST, NOW]]), "not_canonical")
    refuse("record-bytes", "a bare id", "malformed", FIRST)
    refuse("record-1", "a record without a time", "malformed", [FIRST])
    refuse("record-4", "a record of four items", "malformed", [FIRST, UNTIL, "why", "more"])
    refuse("subject-31", "31 bytes of an id", "malformed", [FIRST[:31], UNTIL])
    refuse("subject-33", "33 bytes", "malformed", [FIRST + b"\0", UNTIL])
    refuse("subject-text", "an id in base16", "malformed", [FIRST.hex(), UNTIL])
    refuse("until-negative", "a time below 0", "malformed", [FIRST, -1])
    refuse("until-late", "a time in the year 10000", "malformed", [FIRST, 253_402_300_800])
    refuse("until-float", "a float for a time", "malformed", [FIRST, 0.5])
    refuse("until-null", "null for a time", "malformed", [FIRST, None])
    maker.add("since-true", "true for a key's time", build(keys=[[FIRST, True]]), "malformed")
    refuse("why-empty", "no words, said", "malformed", [FIRST, UNTIL, ""])
    refuse("why-null", "null for words", "malformed", [FIRST, UNTIL, None])
    refuse("why-control", "a control character in the words", "malformed", [FIRST, UNTIL, "a\x1bb"])
    refuse("why-override", "a direction override in the words", "malformed", [FIRST, UNTIL, "a\u202eb"])
    refuse("why-257", "257 characters of words", "limit_exceeded", [FIRST, UNTIL, "x" * 257])
    refuse("last-of-many", "the last of three records is wrong", "malformed", good, [SECOND, UNTIL], [THIRD])
