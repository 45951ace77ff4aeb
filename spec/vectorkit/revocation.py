"""revocation.json: what was taken back, by whom, and how old that word may be (SPEC §5.4, §10.2)."""

# ruff: noqa: ANN401 - a key may be of any kind
from __future__ import annotations

from dataclasses import replace
from typing import Any

from vectorkit import revocation_lists
from vectorkit.build import (
    ALICE,
    AUDIENCE,
    BEARER_1,
    BOB,
    CLOUD_AGENT,
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    WORKER,
    Chain,
    Maker,
    chain,
    listed,
    prove,
    root,
    step,
)
from vectorkit.encode import sign_with_another_nonce, text

UNTIL = NOW + 28_800


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("revocation")
    _blocks(maker)
    _keys(maker)
    _dates(maker)
    _sequence(maker)
    _freshness(maker)
    _together(maker)
    return maker


def revoking(
    signer: Any,
    *,
    blocks: tuple[Chain, ...] = (),
    keys: tuple[Any, ...] = (),
    since: int = 0,
    until: int = UNTIL,
    **other: Any,
) -> str:
    """A list as text: the last block of each of these chains, and these keys."""
    said: dict[str, Any] = {}
    if keys:
        said["keys"] = [[each, since] for each in sorted(key.thumbprint for key in keys)]
    if blocks:
        said["blocks"] = [[each, until] for each in sorted(held.id for held in blocks)]
    return text("dlgr_", revocation_lists.build(signer, **said, **other))


STEPS = (step(), step(WORKER), step(HELPER))
ONE, TWO, THREE = (chain(*STEPS[:count]) for count in (1, 2, 3))


def _blocks(maker: Maker) -> None:
    def revoked(name: str, comment: str, lists: list[str], hop: int | None, **verifier: Any) -> None:
        reason = "allow" if hop is None else "revoked"
        maker.add(f"block-{name}", "10.2", comment, THREE, reason, hop, revocations=lists, **verifier)

    revoked("none", "a list that revokes nothing", [revoking(ALICE)], None)
    revoked("0-by-root", "block 0, by the root that signed it", [revoking(ALICE, blocks=(ONE,))], 0)
    revoked("1-by-signer", "block 1, by the planner, who signed it", [revoking(PLANNER, blocks=(TWO,))], 1)
    revoked("2-by-signer", "block 2, by the worker, who signed it", [revoking(WORKER, blocks=(THREE,))], 2)
    revoked("2-by-root", "block 2, by the root, who signed a block above", [revoking(ALICE, blocks=(THREE,))], 2)
    revoked("2-by-planner", "block 2, by the signer of block 1", [revoking(PLANNER, blocks=(THREE,))], 2)
    revoked("1-by-worker", "block 1, by who only signed below it", [revoking(WORKER, blocks=(TWO,))], None)
    revoked("0-by-planner", "block 0, by its holder, who did not sign it", [revoking(PLANNER, blocks=(ONE,))], None)
    revoked("2-by-holder", "block 2, by its holder", [revoking(HELPER, blocks=(THREE,))], None)
    revoked("by-stranger", "block 1, by who has no part in the chain", [revoking(MALLORY, blocks=(TWO,))], None)
    revoked("by-other-root", "block 1, by another root", [revoking(BOB, blocks=(TWO,))], None,
            roots=[root(ALICE), root(BOB)])  # fmt: skip
    revoked("by-revoker", "block 1, by one of the verifier's revokers", [revoking(BOB, blocks=(TWO,))], 1,
            revokers=[root(BOB)])  # fmt: skip
    revoked("first-falls", "blocks 2 and 1, by two lists: the first that falls is named",
            [revoking(WORKER, blocks=(THREE,)), revoking(PLANNER, blocks=(TWO,))], 1)  # fmt: skip
    revoked("other-chain", "a block of another chain of the same holders",
            [revoking(ALICE, blocks=(chain(step(), step(WORKER, if_=listed(True))),))], None)  # fmt: skip
    revoked("descendant", "a longer chain's block: the shorter chain stands",
            [revoking(HELPER, blocks=(chain(*STEPS, step(MALLORY)),))], None)  # fmt: skip
    revoked("expired-list", "a list that has expired: its records stay", [revoking(ALICE, blocks=(TWO,), iat=NOW - 90,
            exp=NOW - 60)], 1)  # fmt: skip
    revoked("until-past", "a record that says the chain was over an hour ago, while it is not: a day is kept",
            [revoking(ALICE, blocks=(TWO,), until=NOW - 3600)], 1)  # fmt: skip
    again = replace(TWO, blocks=(TWO.blocks[0], _with_another_signature()))
    maker.add(
        "block-re-signed",
        "3.3",
        "the revoked block with a second signature over the same bytes: it is the same block",
        again,
        "revoked",
        1,
        revocations=[revoking(ALICE, blocks=(TWO,))],
    )
    maker.add(
        "block-bare-chain",
        "5.4",
        "a revoked block in a bare chain: checked without a request too",
        THREE.token(),
        "revoked",
        1,
        revocations=[revoking(ALICE, blocks=(TWO,))],
    )
    bearer = chain(step(BEARER_1, aud=[AUDIENCE]))
    maker.add(
        "block-bearer",
        "5.4",
        "a bearer token that its minter took back",
        bearer.bearer(),
        "revoked",
        0,
        bearer=True,
        revocations=[revoking(ALICE, blocks=(bearer,))],
    )


def _with_another_signature() -> bytes:
    signed = chain(STEPS[0], step(WORKER, cose={"sign": sign_with_another_nonce}))
    return signed.blocks[1]


def _keys(maker: Maker) -> None:
    def revoked(name: str, comment: str, lists: list[str], hop: int | None, **verifier: Any) -> None:
        reason = "allow" if hop is None else "revoked"
        maker.add(f"key-{name}", "10.2", comment, THREE, reason, hop, revocations=lists, **verifier)

    revoked("root-by-itself", "the root's key, by itself", [revoking(ALICE, keys=(ALICE,))], 0)
    revoked("planner-by-itself", "the planner's key, by itself: what it signed falls",
            [revoking(PLANNER, keys=(PLANNER,))], 1)  # fmt: skip
    revoked("holder-by-itself", "the holder's key, by itself", [revoking(HELPER, keys=(HELPER,))], 2)
    revoked("holder-by-root", "the holder's key, by the root, which has no say over keys",
            [revoking(ALICE, keys=(HELPER,))], None)  # fmt: skip
    revoked("planner-by-worker", "the planner's key, by another holder", [revoking(WORKER, keys=(PLANNER,))], None)
    revoked("by-revoker", "the worker's key, by one of the verifier's revokers", [revoking(BOB, keys=(WORKER,))], 2,
            revokers=[root(BOB)])  # fmt: skip
    revoked("unrelated", "a key that is not in the chain", [revoking(MALLORY, keys=(MALLORY,))], None)
    revoked("block-as-key", "a block's id among the keys: it is no key of this chain",
            [text("dlgr_", revocation_lists.build(ALICE, keys=[[TWO.id, 0]]))], None)  # fmt: skip
    revoked("key-as-block", "a key's thumbprint among the blocks, by that key: it is no block",
            [text("dlgr_", revocation_lists.build(WORKER, blocks=[[WORKER.thumbprint, UNTIL]]))], None)  # fmt: skip
    shared = chain(step(), step(WORKER), step(WORKER, if_=listed(True)))
    maker.add(
        "key-narrowing-holder",
        "10.2",
        "the key of a holder that narrowed its own chain",
        shared,
        "revoked",
        2,
        revocations=[revoking(WORKER, keys=(WORKER,))],
    )
    bobs = chain(step(), step(WORKER), root=BOB)
    both = [root(ALICE), root(BOB)]
    for name, comment, lists, hop in (
        (
            "by-principal",
            "one of a shared planner's two principals revokes its key",
            [revoking(ALICE, keys=(PLANNER,))],
            None,
        ),
        ("by-itself", "a shared planner revokes its own key", [revoking(PLANNER, keys=(PLANNER,))], 1),
        (
            "block",
            "one of a shared planner's two principals takes back what it granted",
            [revoking(ALICE, blocks=(ONE,))],
            None,
        ),
    ):
        maker.add(
            f"shared-planner-{name}",
            "10.2",
            f"{comment}: the chain of the other one",
            bobs,
            "allow" if hop is None else "revoked",
            hop,
            roots=both,
            revocations=lists,
        )
    cloud = chain(step(CLOUD_AGENT), step(WORKER))
    maker.add(
        "key-p256",
        "10.2",
        "a P-256 key, by itself",
        cloud,
        "revoked",
        1,
        revocations=[revoking(CLOUD_AGENT, keys=(CLOUD_AGENT,))],
    )


def _dates(maker: Maker) -> None:
    back = chain(step(), step(WORKER, iat=NOW - 600))

    def dated(name: str, comment: str, held: Chain, since: int, hop: int | None) -> None:
        reason = "allow" if hop is None else "revoked"
        lists = [revoking(PLANNER, keys=(PLANNER,), since=since)]
        maker.add(f"key-{name}", "10.2", comment, held, reason, hop, revocations=lists)

    dated("back-dated", "a revoked key that signs with an old date: nothing that it signed counts", back, 0, 1)
    dated("since-before", "revoked since a second before it signed", TWO, NOW - 591, 1)
    dated("since-then", "revoked since just when it signed", TWO, NOW - 590, 1)
    dated("since-after", "revoked, on purpose, since a second after it signed", TWO, NOW - 589, None)
    dated("since-holder", "a key revoked since an hour ago holds the chain: it would prove now", ONE, NOW - 3600, 0)
    dated("since-holder-later", "a key that is to be revoked in an hour holds the chain", ONE, NOW + 3600, None)


def _sequence(maker: Maker) -> None:
    full = revoking(PLANNER, blocks=(TWO,), seq=7)
    maker.add(
        "list-rolled-back",
        "10.2",
        "an older list, without the record, after the newer one: nothing is un-revoked",
        TWO,
        "revoked",
        1,
        revocations=[full, revoking(PLANNER, seq=6, iat=NOW - 60)],
    )
    maker.add(
        "list-forged-ahead",
        "10.2",
        "a list of a far greater sequence, without the record, then the right one: it adds",
        TWO,
        "revoked",
        1,
        revocations=[revoking(PLANNER, seq=2**62), full],
    )
    maker.add(
        "list-newer-without",
        "10.2",
        "a newer list of the same signer that leaves the record out: an accepted record stays",
        TWO,
        "revoked",
        1,
        revocations=[full, revoking(PLANNER, seq=8)],
    )
    maker.add(
        "list-since-raised",
        "10.2",
        "a newer list gives a revoked key a later date: the earlier one stays",
        TWO,
        "revoked",
        1,
        revocations=[revoking(PLANNER, keys=(PLANNER,)), revoking(PLANNER, keys=(PLANNER,), since=NOW, seq=8)],
    )


def _freshness(maker: Maker) -> None:
    bound = chain(step(fresh=600), step(WORKER))
    both = chain(step(fresh=600), step(WORKER, fresh=60))
    alice, bob = root(ALICE), root(BOB)

    def stale(
        name: str, comment: str, held: Chain, lists: list[str], hop: int | None, *, holds: bool = False, **verifier: Any
    ) -> None:
        reason = "allow" if holds else "revocation_stale"
        maker.add(f"fresh-{name}", "10.2", comment, held, reason, hop, revocations=lists, **verifier)

    now = revoking(BOB, iat=NOW, exp=NOW + 3600)
    stale("now", "a list as of now", bound, [now], None, holds=True, revokers=[bob])
    stale("oldest", "a list just as old as the chain allows", bound, [revoking(BOB, iat=NOW - 600)], None, holds=True,
          revokers=[bob])  # fmt: skip
    stale("too-old", "a list a second older than the chain allows", bound, [revoking(BOB, iat=NOW - 601)], 0,
          revokers=[bob])  # fmt: skip
    stale("narrower", "block 1 bounds the age further", both, [revoking(BOB, iat=NOW - 61)], 1, revokers=[bob])
    stale("wider-child", "block 1 says a greater age than block 0", chain(step(fresh=60), step(WORKER, fresh=600)),
          [revoking(BOB, iat=NOW - 61)], 0, revokers=[bob])  # fmt: skip
    stale("no-list", "no list was ever seen", bound, [], 0, revokers=[bob])
    stale("no-revokers", "a fresh list, and nobody whose lists must be fresh", bound, [now], 0)
    stale("other-signer", "a fresh list, by another than the revoker", bound, [revoking(ALICE)], 0, revokers=[bob])
    stale("oldest-counts", "of two revokers one is fresh and one is not", bound,
          [now, revoking(ALICE, iat=NOW - 601)], 0, revokers=[alice, bob])  # fmt: skip
    stale("both", "of two revokers both are fresh", bound, [now, revoking(ALICE)], None, holds=True,
          revokers=[alice, bob])  # fmt: skip
    stale("expired", "a list that expires now, though it is young", bound, [revoking(BOB, iat=NOW - 60, exp=NOW)], 0,
          revokers=[bob])  # fmt: skip
    stale("ahead", "a list dated ahead by more than the leeway", bound, [revoking(BOB, iat=NOW + 31)], 0,
          revokers=[bob])  # fmt: skip
    stale("leeway", "a list dated ahead by just the leeway", bound, [revoking(BOB, iat=NOW + 30)], None, holds=True,
          revokers=[bob])  # fmt: skip
    stale("older-sequence", "a fresh list of a lesser sequence than an old one", bound,
          [revoking(BOB, seq=9, iat=NOW - 900), revoking(BOB, seq=8)], 0, revokers=[bob])  # fmt: skip
    stale("verifier", "the verifier's own bound", TWO, [revoking(BOB, iat=NOW - 61)], None, revokers=[bob],
          max_revocation_age=60)  # fmt: skip
    stale("verifier-holds", "the verifier's own bound, and a list that is as young", TWO,
          [revoking(BOB, iat=NOW - 60)], None, holds=True, revokers=[bob], max_revocation_age=60)  # fmt: skip
    stale("verifier-narrower", "the verifier's bound is less than the chain's", bound, [revoking(BOB, iat=NOW - 61)],
          None, revokers=[bob], max_revocation_age=60)  # fmt: skip
    maker.add(
        "fresh-bare-chain",
        "5.4",
        "stale data, and a bare chain: checked without a request too",
        bound.token(),
        "revocation_stale",
        0,
        revokers=[bob],
    )


def _together(maker: Maker) -> None:
    maker.add(
        "before-proof",
        "5.4",
        "a revoked chain with a proof that is not the holder's: the chain comes first",
        TWO.present(prove(TWO, key=MALLORY)),
        "revoked",
        1,
        revocations=[revoking(ALICE, blocks=(TWO,))],
    )
    maker.add(
        "before-stale",
        "5.4",
        "a revoked chain, by data that is stale: what is known counts",
        chain(step(fresh=60), step(WORKER)),
        "revoked",
        1,
        revokers=[root(BOB)],
        revocations=[revoking(PLANNER, keys=(PLANNER,), iat=NOW - 3600)],
    )
    expired = chain(step(exp=NOW))
    maker.add(
        "after-clock",
        "5.4",
        "an expired chain that was revoked too: the clock comes first",
        expired,
        "expired",
        0,
        revocations=[revoking(ALICE, blocks=(expired,))],
    )
