"""signatures.json: COSE_Sign1, keys, algorithms (SPEC §3.3 to §3.5)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vectorkit.build import (
    ALICE,
    BLOCK,
    BOB,
    CLOUD_AGENT,
    CLOUD_ROOT,
    MALLORY,
    PLANNER,
    PROOF,
    WORKER,
    Maker,
    chain,
    root,
    step,
)
from vectorkit.encode import (
    P256_FIELD,
    P256_ORDER,
    P256_Y_OF_ZERO,
    MixedKey,
    Raw,
    cbor,
    other_s,
    s_plus_order,
    sign_with_mixed_r,
    sign_with_r_of_low_order,
)

LOW_ORDER = {
    "order-1": "0100000000000000000000000000000000000000000000000000000000000000",
    "order-2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order-4": "0000000000000000000000000000000000000000000000000000000000000000",
    "order-8": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order-4-other-sign": "0000000000000000000000000000000000000000000000000000000000000080",
    "order-1-not-canonical": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order-4-not-canonical": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}
# y = p + 3: a point of full order, in an encoding that is not its own
NOT_CANONICAL = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("signature")
    _signers(maker)
    _malleable(maker)
    _keys(maker)
    _header(maker)
    _frame(maker)
    _esp256(maker)
    return maker


def _signers(maker: Maker) -> None:
    def flip(key: Any, message: bytes) -> bytes:
        signature: bytes = key.sign(message)
        return bytes((signature[0] ^ 1,)) + signature[1:]

    def refuse(name: str, comment: str, *steps: Any, reason: str = "bad_signature", hop: int = 0, **more: Any) -> None:
        maker.add(name, "5.2", comment, chain(*steps, **more), reason, hop)

    refuse("flipped-0", "a flipped bit in the signature of block 0", step(cose={"sign": flip}))
    refuse("flipped-1", "a flipped bit in the signature of block 1", step(), step(WORKER, cose={"sign": flip}), hop=1)
    refuse("zero", "a signature of zeros", step(cose={"sign": lambda _key, _message: bytes(64)}))
    wider = cbor("/reports/**"), cbor("/private/**")
    refuse(
        "payload-changed",
        "the capability widened after signing",
        step(cose={"alter_payload": lambda payload: payload.replace(*wider)}),
    )
    refuse(
        "by-a-stranger",
        "a block that names planner as its signer, and planner's key never signed",
        step(),
        step(WORKER, signer=MALLORY),
        hop=1,
    )
    refuse(
        "by-the-new-holder", "a block signed by the holder that it names", step(), step(WORKER, signer=WORKER), hop=1
    )
    refuse(
        "by-the-root",
        "block 1 signed by the root and not by block 0's holder",
        step(),
        step(WORKER, signer=ALICE),
        hop=1,
    )
    refuse(
        "by-the-grandparent",
        "block 2 signed by block 0's holder after it handed on",
        step(),
        step(WORKER),
        step(MALLORY, signer=PLANNER),
        hop=2,
    )
    refuse("kid-of-the-root", "mallory's signature under the root's kid", step(signer=MALLORY))
    refuse("root-unknown", "a chain that starts with mallory", step(), root=MALLORY, reason="unknown_root")
    refuse(
        "re-rooted",
        "a chain of alice's, its block 0 signed anew by mallory, who keeps alice's name",
        step(iss=ALICE.name),
        root=MALLORY,
        reason="unknown_root",
    )
    maker.add(
        "re-rooted-by-another-root",
        "5.2",
        "bob is a root too, and signs in alice's name",
        chain(step(iss=ALICE.name), root=BOB),
        "unknown_root",
        0,
        roots=[root(ALICE), root(BOB)],
    )
    maker.add("no-roots", "5.2", "a verifier without roots", chain(step()), "unknown_root", 0, roots=[])
    maker.add("two-roots", "5.2", "the second of two roots", chain(step(), root=BOB), roots=[root(ALICE), root(BOB)])
    for name, context in (
        ("context-counter", "CounterSignature"),
        ("context-many", "Signature"),
        ("context-mac", "MAC0"),
    ):
        refuse(name, f"signed as a COSE `{context}`", step(cose={"context": context}))
    refuse("aad-empty", "signed without external_aad", step(cose={"aad": b""}))
    refuse(
        "aad-version", "signed as another version's block", step(cose={"aad": b"delegate/2 block\0" + ALICE.thumbprint})
    )
    refuse("aad-proof", "signed as a proof", step(cose={"aad": PROOF + ALICE.thumbprint}))
    refuse("aad-discharge", "signed as a discharge", step(cose={"aad": b"delegate/1 discharge\0" + ALICE.thumbprint}))
    refuse(
        "aad-other-root", "signed in the place of another root's block 0", step(cose={"aad": BLOCK + BOB.thumbprint})
    )


def _malleable(maker: Maker) -> None:
    def refuse(name: str, comment: str, sign: Callable[[Any, bytes], bytes]) -> None:
        maker.add(name, "3.5", comment, chain(step(), step(WORKER, cose={"sign": sign})), "bad_signature", 1)

    refuse(
        "s-plus-order",
        "S + L for S: the same signature to a checker without a bound",
        lambda key, message: s_plus_order(key.sign(message)),
    )
    refuse("r-low-order", "R is the neutral point, and the equation holds", sign_with_r_of_low_order)
    refuse("r-mixed-order", "R with a part of order 8: holds only if multiplied by the cofactor", sign_with_mixed_r)
    mixed = MixedKey("agent:planner", PLANNER)
    maker.add(
        "a-mixed-order",
        "3.5",
        "a key with a part of order 8: holds only if multiplied by the cofactor",
        chain(step(mixed), step(WORKER)),
        "bad_signature",
        1,
    )


def _keys(maker: Maker) -> None:
    for name, encoding in LOW_ORDER.items():
        weak = {1: {1: 1, -1: 6, -2: bytes.fromhex(encoding)}}
        maker.add(
            f"key-{name}",
            "3.5",
            "a holder's key of low order, for which anyone can sign",
            chain(step(cnf=weak)),
            "weak_key",
            0,
        )
    maker.add(
        "key-low-order-1",
        "3.5",
        "a key of low order in a later block",
        chain(step(), step(WORKER, cnf={1: {1: 1, -1: 6, -2: bytes(32)}})),
        "weak_key",
        1,
    )
    maker.add(
        "key-not-canonical",
        "3.5",
        "a key in an encoding that is not its own",
        chain(step(cnf={1: {1: 1, -1: 6, -2: bytes.fromhex(NOT_CANONICAL)}})),
        "weak_key",
        0,
    )


def _header(maker: Maker) -> None:
    kid = ALICE.thumbprint

    def refuse(name: str, comment: str, protected: bytes, reason: str, **cose: Any) -> None:
        maker.add(name, "3.3", comment, chain(step(cose={"protected": protected, **cose})), reason, 0)

    for name, number in (("eddsa", -8), ("es256", -7), ("none", 0), ("ml-dsa", -48), ("hmac", 5), ("positive", 18)):
        refuse(f"alg-{name}", f"alg is {number}", cbor({1: number, 4: kid}), "unsupported_algorithm")
    refuse("alg-word", "alg is the word `none`", cbor({1: "none", 4: kid}), "unsupported_algorithm")
    refuse("alg-null", "alg is null", cbor({1: None, 4: kid}), "unsupported_algorithm")
    refuse("alg-double", "alg is the double -19.0", cbor({1: -19.0, 4: kid}), "unsupported_algorithm")
    refuse("alg-absent", "no alg", cbor({4: kid}), "unsupported_algorithm")
    refuse("header-empty-map", "a protected header without labels", b"\xa0", "unsupported_algorithm")
    refuse("header-no-bytes", "an empty protected header, as COSE writes one without labels", b"", "truncated")
    refuse(
        "alg-swapped", "alg is ESP256, and the root's key is Ed25519", cbor({1: -9, 4: kid}), "unsupported_algorithm"
    )
    refuse(
        "alg-unprotected", "alg in the unprotected map alone", cbor({4: kid}), "malformed", unprotected=cbor({1: -19})
    )
    right = cbor({1: -19, 4: kid})
    refuse("alg-in-both", "alg in both maps", right, "malformed", unprotected=cbor({1: -19}))
    refuse("kid-unprotected", "a kid in the unprotected map", right, "malformed", unprotected=cbor({4: kid}))
    refuse(
        "unprotected-long",
        "the empty unprotected map without a length",
        right,
        "not_canonical",
        unprotected=b"\xbf\xff",
    )
    refuse("unprotected-array", "an array for the unprotected map", right, "malformed", unprotected=b"\x80")
    refuse("unprotected-null", "null for the unprotected map", right, "malformed", unprotected=b"\xf6")
    refuse("crit", "a critical label that nobody knows", cbor({1: -19, 2: [10], 4: kid, 10: 0}), "malformed")
    refuse("content-type", "a further label", cbor({1: -19, 3: 0, 4: kid}), "malformed")
    refuse("key-in-header", "the key itself in the header", cbor({1: -19, 4: kid, 5: cbor(MALLORY.cose)}), "malformed")
    refuse("label-twice", "alg twice", b"\xa3" + cbor(1) + cbor(-19) + cbor({1: -19, 4: kid})[1:], "not_canonical")
    refuse(
        "labels-out-of-order", "kid before alg", b"\xa2" + cbor(4) + cbor(kid) + cbor(1) + cbor(-19), "not_canonical"
    )
    refuse(
        "alg-long", "alg in a longer head than it needs", b"\xa2\x01\x39\x00\x12" + cbor(4) + cbor(kid), "not_canonical"
    )
    refuse("label-text", "a label as text", cbor({1: -19, 4: kid, "x": 0}), "malformed")
    refuse("header-array", "an array for the protected header", cbor([1, -19]), "malformed")
    refuse("kid-absent", "block 0 without a kid", cbor({1: -19}), "malformed")
    refuse("kid-short", "block 0 with the 8 bytes of a hint for its kid", cbor({1: -19, 4: kid[:8]}), "malformed")
    refuse("kid-31", "a kid of 31 bytes", cbor({1: -19, 4: kid[:31]}), "malformed")
    refuse("kid-empty", "a kid of no bytes", cbor({1: -19, 4: b""}), "malformed")
    refuse("kid-text", "a kid as text", cbor({1: -19, 4: "alice"}), "malformed")
    header = {"protected": cbor({1: -19, 4: PLANNER.thumbprint})}
    maker.add(
        "kid-in-block-1",
        "3.3",
        "a later block names its key, which only the block above may",
        chain(step(), step(WORKER, cose=header)),
        "malformed",
        1,
    )
    maker.add(
        "alg-swapped-1",
        "3.3",
        "block 1's alg is ESP256, and its signer's key is Ed25519",
        chain(step(), step(WORKER, cose={"protected": cbor({1: -9})})),
        "unsupported_algorithm",
        1,
    )


def _frame(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str, assemble: Callable[[bytes, bytes, bytes, bytes], bytes]) -> None:
        maker.add(name, "3.3", comment, chain(step(cose={"assemble": assemble})), reason, 0)

    refuse(
        "tag",
        "a tag 18 in the byte string, where the type is known",
        "malformed",
        lambda p, u, b, s: b"\xd2" + cbor([p, Raw(u), b, s]),
    )
    refuse("three-items", "no signature", "malformed", lambda p, u, b, _s: cbor([p, Raw(u), b]))
    refuse("five-items", "a fifth item", "malformed", lambda p, u, b, s: cbor([p, Raw(u), b, s, b""]))
    refuse(
        "cose-sign",
        "a COSE_Sign with a list of signatures",
        "malformed",
        lambda p, u, b, s: cbor([p, Raw(u), b, [[p, Raw(u), s]]]),
    )
    refuse("payload-detached", "null for the payload", "malformed", lambda p, u, _b, s: cbor([p, Raw(u), None, s]))
    refuse(
        "payload-map",
        "the claims without their byte string",
        "malformed",
        lambda p, u, b, s: cbor([p, Raw(u), Raw(b), s]),
    )
    refuse("payload-short", "claims of no bytes", "malformed", lambda p, u, _b, s: cbor([p, Raw(u), b"", s]))
    refuse(
        "payload-long-head",
        "the payload's length in a longer head than it needs",
        "not_canonical",
        lambda p, u, b, s: cbor([p, Raw(u), Raw(b"\x5a" + len(b).to_bytes(4, "big") + b), s]),
    )
    refuse("signature-63", "a signature of 63 bytes", "malformed", lambda p, u, b, s: cbor([p, Raw(u), b, s[:63]]))
    refuse("signature-65", "a signature of 65 bytes", "malformed", lambda p, u, b, s: cbor([p, Raw(u), b, s + b"\0"]))
    refuse("signature-empty", "a signature of no bytes", "malformed", lambda p, u, b, _s: cbor([p, Raw(u), b, b""]))
    refuse("signature-null", "null for the signature", "malformed", lambda p, u, b, _s: cbor([p, Raw(u), b, None]))
    refuse(
        "frame-trailing",
        "a byte after the COSE_Sign1, in its byte string",
        "not_canonical",
        lambda p, u, b, s: cbor([p, Raw(u), b, s]) + b"\0",
    )
    refuse(
        "frame-truncated",
        "the byte string ends inside the signature",
        "truncated",
        lambda p, u, b, s: cbor([p, Raw(u), b, s])[:-1],
    )
    refuse("frame-empty", "a block of no bytes", "truncated", lambda _p, _u, _b, _s: b"")


def _esp256(maker: Maker) -> None:
    cloud = [root(CLOUD_ROOT)]
    plain = chain(step(CLOUD_AGENT), step(WORKER), root=CLOUD_ROOT)
    maker.add("esp256", "3.4", "a root and a holder with keys on P-256", plain, roots=cloud)
    maker.add("esp256-proof", "3.4", "a proof by a key on P-256", chain(step(CLOUD_AGENT)))
    flipped = step(CLOUD_AGENT, cose={"sign": lambda key, message: other_s(key.sign(message))})
    maker.add(
        "esp256-other-s",
        "3.4",
        "n - s for s: ECDSA has both, and nothing is named by a signature",
        chain(flipped, root=CLOUD_ROOT),
        roots=cloud,
    )
    maker.add(
        "esp256-not-taken",
        "5.2",
        "a verifier that takes Ed25519 alone",
        plain,
        "unsupported_algorithm",
        0,
        roots=cloud,
        algorithms=[-19],
    )
    maker.add(
        "esp256-holder-not-taken",
        "5.2",
        "a verifier that takes Ed25519 alone, and a later signer on P-256",
        chain(step(CLOUD_AGENT), step(WORKER)),
        "unsupported_algorithm",
        1,
        algorithms=[-19],
    )
    for name, signature in (
        ("zero", bytes(64)),
        ("r-zero", bytes(32) + b"\1" * 32),
        ("s-zero", b"\1" * 32 + bytes(32)),
        ("r-order", P256_ORDER.to_bytes(32, "big") + b"\1" * 32),
        ("all-ones", b"\xff" * 64),
    ):
        forged = step(CLOUD_AGENT, cose={"sign": lambda _key, _message, signature=signature: signature})
        maker.add(
            f"esp256-{name}",
            "3.4",
            "an ECDSA signature out of range",
            chain(forged, root=CLOUD_ROOT),
            "bad_signature",
            0,
            roots=cloud,
        )
    off = {1: {1: 2, -1: 1, -2: CLOUD_AGENT.raw[:32], -3: bytes(32)}}
    maker.add("esp256-off-curve", "3.4", "a key that is no point of its curve", chain(step(cnf=off)), "weak_key", 0)
    swapped = {1: {1: 2, -1: 1, -2: CLOUD_AGENT.raw[32:], -3: CLOUD_AGENT.raw[:32]}}
    maker.add("esp256-swapped", "3.4", "x and y in each other's place", chain(step(cnf=swapped)), "weak_key", 0)
    point = {1: {1: 2, -1: 1, -2: bytes(32), -3: P256_Y_OF_ZERO}}
    maker.add("esp256-x-zero", "3.4", "the key whose x is 0", chain(step(cnf=point)).token())
    beyond = {1: {1: 2, -1: 1, -2: P256_FIELD.to_bytes(32, "big"), -3: P256_Y_OF_ZERO}}
    maker.add("esp256-x-prime", "3.4", "the same key, its x the field's prime", chain(step(cnf=beyond)), "weak_key", 0)
    infinity = {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}
    maker.add("esp256-zero-point", "3.4", "zeros for the coordinates", chain(step(cnf=infinity)), "weak_key", 0)
