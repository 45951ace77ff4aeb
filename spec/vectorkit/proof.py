"""proof.json: whether the presenter holds the last key (SPEC §5.5, §7.3)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from dataclasses import replace
from typing import Any

from vectorkit.build import (
    ALICE,
    AUDIENCE,
    BLOCK,
    CLOUD_AGENT,
    HELPER,
    LEFT_OUT,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    WORKER,
    Cose,
    Maker,
    chain,
    digest,
    prove,
    step,
)
from vectorkit.encode import Pairs, Raw, cbor, s_plus_order, sign_with_r_of_low_order

PAY: dict[str, Any] = {
    "action": "pay",
    "resource": None,
    "args": {"amount": 10, "to": "bob", "tags": ["a", None], "blob": {"base16": "00ff"}},
}


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("proof")
    _accepted(maker)
    _holder(maker)
    _request(maker)
    _payload(maker)
    _frame(maker)
    return maker


def _accepted(maker: Maker) -> None:
    two = chain(step(), step(WORKER))
    maker.add("arguments", "7.1", "arguments of several kinds", chain(step(can=cbor([["pay"]]))), request=PAY)
    maker.add(
        "whole-double",
        "7.1",
        "an argument 10.0 is 10 to the proof and to a caveat",
        chain(step(can=cbor([["pay"]]), if_=cbor([[4, "args", "amount", 10]]))),
        request={**PAY, "args": {"amount": 10.0}},
    )
    maker.add("oldest", "5.5", "just as old as a proof may be", two.present(prove(two, claims={6: NOW - 60})))
    maker.add("newest", "5.5", "ahead by just the leeway", two.present(prove(two, claims={6: NOW + 30})))
    maker.add("kept-key", "5.5", "a holder that narrowed itself", chain(step(), step(PLANNER, if_=cbor([True]))))


def _holder(maker: Maker) -> None:
    two = chain(step(), step(WORKER))

    def refuse(name: str, comment: str, proof: bytes, reason: str = "proof_wrong_key", hop: int = 1) -> None:
        maker.add(name, "5.5", comment, two.present(proof), reason, hop)

    maker.add("missing", "5.5", "the chain alone: it is no secret", two.token(), "proof_missing", 1, authorize=True)
    refuse("by-a-thief", "a proof by somebody who has the chain and not the key", prove(two, key=MALLORY))
    refuse("by-the-parent", "a proof by whoever handed the chain on", prove(two, key=PLANNER))
    refuse("by-the-root", "a proof by the root", prove(two, key=ALICE))
    refuse(
        "over-the-parent",
        "the holder's proof over a chain one block shorter",
        prove(replace(chain(step()), holder=WORKER)),
    )
    other = chain(step(cti=b"another!"), step(WORKER))
    refuse("over-another", "the holder's proof over another chain of its own", prove(other))
    refuse("as-block", "what is signed as a block", prove(two, cose={"purpose": BLOCK}))
    refuse(
        "as-discharge",
        "what is signed as a discharge",
        prove(two, cose={"aad": b"delegate/1 discharge\0" + WORKER.thumbprint}),
    )
    refuse(
        "s-plus-order",
        "a second signature made out of the first",
        prove(two, cose={"sign": lambda k, m: s_plus_order(k.sign(m))}),
    )
    refuse("r-low-order", "R is the neutral point", prove(two, cose={"sign": sign_with_r_of_low_order}))
    refuse("zero", "a signature of zeros", prove(two, cose={"sign": lambda _k, _m: bytes(64)}))
    block = Cose(key=WORKER, payload=cbor({2: HELPER.name, 6: NOW, 8: {1: HELPER.cose}}), purpose=BLOCK, above=two.id)
    refuse("block-as-proof", "a block in the place of a proof", block.build())
    refuse("blocks-own", "the chain's last block in the place of a proof", two.blocks[1])


def _request(maker: Maker) -> None:
    two = chain(step(can=cbor([["**", "**"], ["**"]])), step(WORKER))

    def refuse(name: str, comment: str, **asked: Any) -> None:
        maker.add(
            f"request-{name}",
            "5.5",
            comment,
            two.present(prove(two, READ)),
            "proof_wrong_request",
            1,
            request={**READ, **asked},
        )

    refuse("action", "a proof over another action", action="files.delete")
    refuse("resource", "a proof over another resource", resource="/reports/q4.csv")
    refuse("resource-missing", "a proof over a request with a resource", resource=None)
    refuse("argument-more", "an argument more", args={"force": True})
    maker.add(
        "request-argument",
        "5.5",
        "another value of an argument",
        two.present(prove(two, PAY)),
        "proof_wrong_request",
        1,
        request={**PAY, "args": {**PAY["args"], "amount": 10_000}},
    )
    maker.add(
        "request-true-for-1",
        "7.1",
        "true where the proof says 1",
        two.present(prove(two, {**READ, "args": {"n": 1}})),
        "proof_wrong_request",
        1,
        request={**READ, "args": {"n": True}},
    )
    maker.add(
        "request-text-for-bytes",
        "7.1",
        "text where the proof says bytes",
        two.present(prove(two, {**READ, "args": {"n": {"base16": "6162"}}})),
        "proof_wrong_request",
        1,
        request={**READ, "args": {"n": "ab"}},
    )
    maker.add(
        "request-normal-form",
        "7.1",
        "another Unicode normal form of the same word",
        two.present(prove(two, {**READ, "args": {"n": "\u00e9"}})),
        "proof_wrong_request",
        1,
        request={**READ, "args": {"n": "e\u0301"}},
    )
    maker.add(
        "audience",
        "5.5",
        "a proof for another service",
        two.present(prove(two, claims={3: "mail.example.com"})),
        "proof_wrong_audience",
        1,
    )
    maker.add(
        "audience-empty",
        "5.5",
        "a proof for no service",
        two.present(prove(two, claims={3: ""})),
        "proof_wrong_audience",
        1,
    )
    maker.add(
        "too-old",
        "5.5",
        "a second older than a proof may be",
        two.present(prove(two, claims={6: NOW - 61})),
        "proof_expired",
        1,
    )
    maker.add(
        "ahead",
        "5.5",
        "ahead by a second more than the leeway",
        two.present(prove(two, claims={6: NOW + 31})),
        "proof_expired",
        1,
    )
    maker.add(
        "window",
        "5.5",
        "a verifier with a shorter window",
        two.present(prove(two, claims={6: NOW - 11})),
        "proof_expired",
        1,
        proof_window=10,
    )
    maker.add("twice", "5.8", "the same presentation a second time", two.present(), "replayed", 1, times=2)
    hers = prove(two, cose={"sign": lambda key, message: key.sign(message)})
    maker.add("one-of-many", "5.8", "one proof used for six calls", two.present(hers), "replayed", 1, times=6)


def _payload(maker: Maker) -> None:
    two = chain(step(), step(WORKER))

    def refuse(name: str, comment: str, reason: str = "malformed", **terms: Any) -> None:
        maker.add(f"payload-{name}", "7.3", comment, two.present(prove(two, **terms)), reason, 1)

    refuse("further-claim", "a further claim", "unknown_claim", claims={"x": 1})
    refuse("exp", "an exp of its own", "unknown_claim", claims={4: NOW + 60})
    for name, key in (("aud", 3), ("iat", 6), ("nonce", "n"), ("req", "req")):
        refuse(f"no-{name}", f"no {name}", claims={key: LEFT_OUT})
    refuse("aud-list", "a list for aud", claims={3: [AUDIENCE]})
    for name, value in (
        ("double", float(NOW)),
        ("nan", float("nan")),
        ("text", str(NOW)),
        ("true", True),
        ("negative", -1),
        ("vast", 2**63),
    ):
        refuse(f"iat-{name}", f"iat is {value!r}", claims={6: value})
    refuse("iat-bignum", "iat as a bignum", claims={6: Raw(b"\xc2" + cbor(NOW.to_bytes(8, "big")))})
    refuse("iat-long", "iat in eight bytes", "not_canonical", claims={6: Raw(b"\x1b" + NOW.to_bytes(8, "big"))})
    refuse("nonce-short", "a nonce of 15 bytes", claims={"n": bytes(15)})
    refuse("nonce-long", "a nonce of 17 bytes", claims={"n": bytes(17)})
    refuse("nonce-text", "a nonce as text", claims={"n": "x" * 16})
    refuse("req-short", "half a digest", claims={"req": digest(READ)[:16]})
    refuse("req-null", "null for the digest: any request", claims={"req": None})
    refuse(
        "out-of-order", "claims out of order", "not_canonical", payload=lambda said: cbor(dict(reversed(said.items())))
    )
    refuse(
        "twice",
        "the digest twice",
        "not_canonical",
        payload=lambda said: cbor(Pairs((*said.items(), ("req", said["req"])))),
    )
    refuse(
        "indefinite", "a map without a length", "not_canonical", payload=lambda said: b"\xbf" + cbor(said)[1:] + b"\xff"
    )
    refuse("trailing", "a byte after the claims", "not_canonical", payload=lambda said: cbor(said) + b"\0")
    refuse("true-key", "true for a key", payload=lambda said: cbor(Pairs((*said.items(), (True, 1)))))
    refuse("array", "an array for the claims", payload=lambda said: cbor(list(said.values())))


def _frame(maker: Maker) -> None:
    two = chain(step(), step(WORKER))

    def refuse(name: str, comment: str, reason: str = "malformed", **cose: Any) -> None:
        maker.add(f"frame-{name}", "3.3", comment, two.present(prove(two, cose=cose)), reason, 1)

    refuse("kid", "a proof that names its key", kid=WORKER.thumbprint)
    refuse("kid-hint", "a proof that hints at its key", kid=WORKER.thumbprint[:8])
    refuse(
        "alg-swapped",
        "alg is ESP256, and the holder's key is Ed25519",
        "unsupported_algorithm",
        protected=cbor({1: -9}),
    )
    refuse("alg-eddsa", "alg is -8", "unsupported_algorithm", protected=cbor({1: -8}))
    refuse("alg-none", "alg is `none`", "unsupported_algorithm", protected=cbor({1: "none"}))
    refuse("alg-absent", "no alg", "unsupported_algorithm", protected=b"\xa0")
    refuse("unprotected", "an unprotected header", unprotected=cbor({4: b"x"}))
    refuse("tag", "a tag 18", assemble=lambda p, u, b, s: b"\xd2" + cbor([p, Raw(u), b, s]))
    refuse("signature-short", "a signature of 63 bytes", assemble=lambda p, u, b, s: cbor([p, Raw(u), b, s[:63]]))
    refuse(
        "truncated",
        "a proof that ends inside its signature",
        "truncated",
        assemble=lambda p, u, b, s: cbor([p, Raw(u), b, s])[:-1],
    )
    refuse("empty", "a proof of no bytes", "truncated", assemble=lambda _p, _u, _b, _s: b"")
    cloud = chain(step(CLOUD_AGENT))
    maker.add(
        "esp256-not-taken",
        "5.5",
        "a holder's key on P-256, and a verifier that takes Ed25519 alone",
        cloud,
        "unsupported_algorithm",
        0,
        algorithms=[-19],
    )
