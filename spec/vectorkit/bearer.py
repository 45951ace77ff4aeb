"""bearer.json: chains whose last key travels with them (SPEC §4.5)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import (
    AUDIENCE,
    BEARER_1,
    BEARER_2,
    BEARER_3,
    HELPER,
    LEFT_OUT,
    PLANNER,
    READ,
    WORKER,
    Chain,
    Maker,
    append,
    chain,
    listed,
    prove,
    step,
)
from vectorkit.encode import cbor

WRITE = {"action": "files.write", "resource": "/reports/q3.csv", "args": {}}


def bearer(key: Any = BEARER_1, **claims: Any) -> Chain:
    """A bearer chain of one block for this service."""
    return chain(step(key, **{"aud": [AUDIENCE], **claims}))


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("bearer")
    one = bearer()
    two = append(one, step(BEARER_2, if_=listed([4, "args", "to", "bob"])))
    sealed = append(one, step(BEARER_2, hops=0))
    maker.add("one-block", "4.5", "a bearer token", one.bearer(), bearer=True)
    maker.add("sealed", "4.5", "sealed: usable as it is", sealed.bearer(), bearer=True)
    maker.add(
        "narrowed",
        "4.5",
        "narrowed, and used for what is left",
        two.bearer(),
        request={**READ, "args": {"to": "bob"}},
        bearer=True,
    )
    maker.add(
        "narrowed-refused",
        "4.5",
        "narrowed, and used for more",
        two.bearer(),
        "caveat_failed",
        1,
        request={**READ, "args": {"to": "eve"}},
        bearer=True,
    )
    maker.add("proof", "4.5", "a bearer token presented with a proof by its key", one, bearer=True)
    maker.add("sealed-proof", "4.5", "the key of a sealed token may still prove", sealed, bearer=True)
    bound = append(one, step(WORKER))
    maker.add("bound", "4.5", "bound to a holder from here on", bound, bearer=True)
    maker.add(
        "capability",
        "5.6",
        "a bearer token for another action",
        one.bearer(),
        "capability_missing",
        0,
        request=WRITE,
        bearer=True,
    )
    _refused(maker, one, two, sealed, bound)
    return maker


def _refused(maker: Maker, one: Chain, two: Chain, sealed: Chain, bound: Chain) -> None:
    def refuse(
        name: str, comment: str, what: bytes | Chain, reason: str, hop: int | None, *, taken: bool = True
    ) -> None:
        maker.add(name, "4.5", comment, what, reason, hop, authorize=True, bearer=taken)

    refuse("not-taken", "a verifier that takes no bearer chains", one.bearer(), "bearer_refused", 0, taken=False)
    refuse("not-taken-proof", "the same in a presentation", one, "bearer_refused", 0, taken=False)
    refuse(
        "not-taken-bound",
        "the same below a named holder: it stays a bearer chain",
        bound,
        "bearer_refused",
        0,
        taken=False,
    )
    refuse("without-audience", "without aud", bearer(aud=LEFT_OUT).bearer(), "bearer_refused", 0)
    refuse("other-audience", "for another service", bearer(aud=["mail.example.com"]).bearer(), "wrong_audience", 0)
    refuse("other-secret", "another secret", one.bearer(BEARER_2.seed), "proof_wrong_key", 0)
    refuse("zero-secret", "a secret of zeros", one.bearer(bytes(32)), "proof_wrong_key", 0)
    refuse(
        "stripped",
        "the narrowing block stripped, and the secret kept",
        cbor([2, [one.blocks[0]], BEARER_2.seed]),
        "proof_wrong_key",
        0,
    )
    refuse("public-as-secret", "the public key for the secret", one.bearer(BEARER_1.raw), "proof_wrong_key", 0)
    refuse("as-token", "the chain without its secret", one.token(), "proof_missing", 0)
    refuse(
        "same-key",
        "a narrowing block that keeps the key, so that it could be stripped",
        append(one, step(BEARER_1, if_=listed(True))),
        "bearer_refused",
        1,
    )
    refuse(
        "key-again",
        "a key that an earlier bearer block had",
        append(one, step(BEARER_2), step(BEARER_1)),
        "bearer_refused",
        2,
    )
    refuse(
        "after-named",
        "a bearer block below a named one",
        chain(step(PLANNER, aud=[AUDIENCE]), step(BEARER_1)),
        "bearer_refused",
        1,
    )
    refuse(
        "after-bound",
        "a bearer block below a named one below a bearer block",
        append(bound, step(BEARER_2)),
        "bearer_refused",
        2,
    )
    refuse(
        "after-named-same-key",
        "a named holder's block that says its key is nobody's",
        chain(step(PLANNER, aud=[AUDIENCE]), step(PLANNER, sub="bearer:")),
        "bearer_refused",
        1,
    )
    refuse("sealed-extended", "a sealed token extended", append(sealed, step(BEARER_3)), "too_many_hops", 2)
    refuse("sealed-bound", "a sealed token bound to a holder", append(sealed, step(HELPER)), "too_many_hops", 2)
    refuse(
        "named-holder",
        "a bearer envelope with a named holder's key",
        chain(step(PLANNER, aud=[AUDIENCE])).bearer(),
        "bearer_refused",
        0,
    )
    refuse(
        "bound-holder",
        "a bearer envelope with the key of the holder that it was bound to",
        bound.bearer(),
        "bearer_refused",
        1,
    )
    refuse(
        "named-bearer",
        "a name with the scheme of bearer blocks, which names nobody",
        bearer(sub="bearer:x").bearer(),
        "malformed",
        0,
    )
    refuse(
        "key-taken-over",
        "the bearer key under a name",
        append(one, step(BEARER_1, sub="agent:eve")),
        "identity_shared",
        1,
    )
    maker.add(
        "wrong-proof",
        "4.5",
        "the parent's key proves for a narrowed token",
        two.present(prove(two, key=BEARER_1)),
        "proof_wrong_key",
        1,
        bearer=True,
    )
