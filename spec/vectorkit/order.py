"""order.json: blocks dropped, moved, doubled, spliced; how one block follows another (SPEC §3.3, §4.4)."""

from __future__ import annotations

from dataclasses import replace

from vectorkit.build import (
    ALICE,
    BOB,
    HELPER,
    MALLORY,
    PLANNER,
    WORKER,
    Maker,
    append,
    chain,
    listed,
    prove,
    root,
    step,
)
from vectorkit.encode import cbor


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("order")
    _surgery(maker)
    _hops(maker)
    _identities(maker)
    return maker


def _surgery(maker: Maker) -> None:
    long = chain(
        step(), step(WORKER, if_=listed([4, "args", "to", "bob"])), step(WORKER, if_=listed(False)), step(HELPER)
    )
    proof = prove(long)
    b0, b1, b2, b3 = long.blocks

    def refuse(name: str, comment: str, blocks: tuple[bytes, ...], reason: str, hop: int) -> None:
        maker.add(name, "3.3", comment, cbor([3, list(blocks), proof, []]), reason, hop)

    refuse("dropped-first", "block 0 dropped", (b1, b2, b3), "malformed", 0)
    refuse("dropped-second", "a block dropped where the key changed", (b0, b2, b3), "bad_signature", 1)
    refuse(
        "dropped-caveat",
        "a block dropped that only narrowed: its signer is also the next one's",
        (b0, b1, b3),
        "bad_signature",
        2,
    )
    refuse("dropped-last", "the last block dropped, and its holder's proof kept", (b0, b1, b2), "proof_wrong_key", 2)
    refuse("swapped", "two blocks of one signer swapped", (b0, b1, b3, b2), "bad_signature", 2)
    refuse("swapped-first", "blocks 0 and 1 swapped", (b1, b0, b2, b3), "malformed", 0)
    refuse("doubled-first", "block 0 twice", (b0, b0, b1, b2, b3), "malformed", 1)
    refuse("doubled", "a narrowing block twice", (b0, b1, b2, b2, b3), "bad_signature", 3)
    refuse("doubled-last", "the last block twice", (b0, b1, b2, b3, b3), "bad_signature", 4)
    kept = chain(step(), step(PLANNER, if_=listed(False)))
    maker.add(
        "dropped-narrowing",
        "3.3",
        "the holder drops the block with which it narrowed itself, and keeps its proof",
        cbor([3, [kept.blocks[0]], prove(kept), []]),
        "proof_wrong_key",
        0,
    )
    other = chain(step(cti=b"another!", can=listed(["files.**", "**"])))
    child = append(other, step(WORKER))
    maker.add(
        "spliced",
        "3.3",
        "block 1 of another chain of the same holder",
        cbor([3, [b0, child.blocks[1]], prove(child), []]),
        "bad_signature",
        1,
    )
    maker.add(
        "spliced-first",
        "3.3",
        "block 0 of a wider chain put above a block that narrowed another",
        cbor([3, [other.blocks[0], b1], proof, []]),
        "bad_signature",
        1,
    )
    bobs = chain(step(), step(WORKER), root=BOB)
    maker.add(
        "spliced-root",
        "3.3",
        "the same holder's block under another root's block 0",
        cbor([3, [bobs.blocks[0], b1], proof, []]),
        "bad_signature",
        1,
        roots=[root(ALICE), root(BOB)],
    )
    resigned = chain(step(), replace(step(WORKER), signer=MALLORY))
    maker.add("forged-delegator", "5.2", "mallory writes a hop from planner to worker", resigned, "bad_signature", 1)
    maker.add(
        "proof-as-block",
        "3.3",
        "a proof in the place of a block",
        cbor([3, [b0, prove(chain(step()))], proof, []]),
        "bad_signature",
        1,
    )


def _hops(maker: Maker) -> None:
    none = chain(step(hops=0), step(WORKER))
    maker.add("hops-none", "4.4", "handed on where hops is 0", none, "too_many_hops", 1)
    maker.add(
        "hops-none-kept",
        "4.4",
        "narrowed by the holder where hops is 0",
        chain(step(hops=0), step(PLANNER, if_=listed(True))),
    )
    maker.add("hops-one", "4.4", "handed on once where hops is 1", chain(step(hops=1), step(WORKER)))
    maker.add(
        "hops-two-of-one",
        "4.4",
        "handed on twice where hops is 1",
        chain(step(hops=1), step(WORKER), step(HELPER)),
        "too_many_hops",
        2,
    )
    maker.add(
        "hops-raised",
        "4.4",
        "a later block says more hops than are left",
        chain(step(hops=1), step(WORKER, hops=5), step(HELPER)),
        "too_many_hops",
        2,
    )
    maker.add(
        "hops-raised-unused",
        "4.4",
        "a later block says more hops than are left, and nobody uses them",
        chain(step(hops=1), step(WORKER, hops=5)),
    )
    maker.add(
        "hops-lowered",
        "4.4",
        "a later block says fewer",
        chain(step(hops=3), step(WORKER, hops=0), step(HELPER)),
        "too_many_hops",
        2,
    )
    maker.add(
        "hops-lowered-by-holder",
        "4.4",
        "a holder binds its own hands",
        chain(step(hops=3), step(PLANNER, hops=0), step(WORKER)),
        "too_many_hops",
        2,
    )
    maker.add(
        "hops-back",
        "4.4",
        "handed back: a change of key like any other",
        chain(step(hops=1), step(WORKER), step(PLANNER)),
        "too_many_hops",
        2,
    )


def _identities(maker: Maker) -> None:
    maker.add(
        "shared-next",
        "4.4",
        "the next block gives the same key another name",
        chain(step(), step(PLANNER, sub="agent:other")),
        "identity_shared",
        1,
    )
    maker.add(
        "shared-later",
        "4.4",
        "a key comes back under another name",
        chain(step(), step(WORKER), step(PLANNER, sub="agent:other")),
        "identity_shared",
        2,
    )
    maker.add(
        "shared-root",
        "4.4",
        "the root's key as the holder's, under another name",
        chain(step(ALICE, sub="agent:alice")),
        "identity_shared",
        0,
    )
    maker.add(
        "shared-root-later",
        "4.4",
        "the root's key as a later holder's, under another name",
        chain(step(), step(ALICE, sub="agent:alice")),
        "identity_shared",
        1,
    )
    maker.add("back-to-root", "4.4", "handed back to the root, under its own name", chain(step(), step(ALICE)))
    maker.add("to-itself", "4.4", "a root's chain for itself", chain(step(ALICE)))
    maker.add(
        "one-name-two-keys",
        "4.4",
        "two keys under one name: a holder may have several",
        chain(step(), step(WORKER, sub=PLANNER.name)),
    )
