"""Making tokens: mint and attenuate, token object to token object, and the bytes that a hop costs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

from bench.fixtures import PERSON, ask, chain, hop, prefix
from bench.measure import Prepare, Thunk
from bench.peers.interface import AUDIENCE, Ask, Held, Peer
from bench.peers.load import OTHERS, Peers
from bench.peers.ours import Ours
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

SIGNATURE = "one signature"
BLOCKS = (1, 2, 5, 10, 16)
_SIGNED_BYTES = 220  # about what a block has
_TEXT = {1: "one caveat", 2: "two caveats"}
TWO_FLAT = "two new flat conditions"
# What an author of ours may add to a chain; the number in a text is another each time.
CONDITIONS = {
    "two conditions seen before": ("args.size < 1000", 'args.kind != "draft"'),
    "one new flat condition": ("args.size < {}",),
    TWO_FLAT: ("args.size < {}", 'args.kind != "draft-{}"'),
    "one new condition, not flat: startsWith": ('resource.startsWith("/reports/{}")',),
    "one new condition, not flat: in": ('args.region in ["eu", "us-{}"]',),
    "one new condition, not flat: &&": ('args.size < {0} && args.kind == "csv-{0}" && args.draft == false',),
}
MINT, PROVE = "mint, a new capability", "prove, five blocks"
OF_OURS = (*(f"attenuate, {name}" for name in CONDITIONS), MINT, f"{MINT} and {TWO_FLAT}", PROVE)
GOALS = {  # how many bare signatures it may cost
    **{f"attenuate, {name}": 3 for name in CONDITIONS if "not flat" in name},
    f"attenuate, {TWO_FLAT}": 1.7,
    MINT: 2,
}


def contenders(peers: Peers, *, cases: int) -> dict[str, Prepare]:
    """Prepare minting, and attenuating a chain of one block to a new holder, with one caveat and with two.

    Ours: with caveats whose text this process has seen before, and with new ones each time.
    """
    found: dict[str, Prepare] = {SIGNATURE: partial(_signatures, cases)}
    new = count(1000).__next__  # beyond what any other part has made
    for name, peer in peers.found.items():
        for each, words in _TEXT.items():
            held = [chain(peer, 1, 0, each=each) for _ in range(cases)]
            found[f"attenuate, {words}: {name}"] = partial(_attenuations, peer, held, each, _same)
            found[f"mint, {words}: {name}"] = partial(_mints, peer, cases, each, _same)
            if name not in OTHERS:
                found[f"attenuate, {words} new: {name}"] = partial(_attenuations, peer, held, each, new)
                found[f"mint, {words} new: {name}"] = partial(_mints, peer, cases, each, new)
    return found


def of_ours(*, cases: int) -> dict[str, Prepare]:
    """Prepare what an author of ours does, by what is new to this process; and a proof over a chain of five blocks."""
    peer = Ours()
    held = [chain(peer, 1, 0) for _ in range(cases)]
    new = count(1_000_000)
    found: dict[str, Prepare] = {SIGNATURE: partial(_signatures, cases)}
    for name, texts in CONDITIONS.items():
        found[f"attenuate, {name}"] = partial(_narrowed, peer, held, texts, new)
    found[MINT] = partial(_minted, peer, cases, (), new)
    found[f"{MINT} and {TWO_FLAT}"] = partial(_minted, peer, cases, CONDITIONS[TWO_FLAT], new)
    found[PROVE] = partial(_proofs, [chain(peer, 5, variant) for variant in range(cases)], new)
    return found


def _narrowed(peer: Ours, held: list[Held], texts: tuple[str, ...], new: Iterator[int]) -> list[Thunk]:
    to = [peer.recipient("agent:worker-1") for _ in held]
    return [
        partial(peer.extend, one, next_holder, _written(texts, next(new)))
        for one, next_holder in zip(held, to, strict=True)
    ]


def _minted(peer: Ours, cases: int, texts: tuple[str, ...], new: Iterator[int]) -> list[Thunk]:
    numbers = [next(new) for _ in range(cases)]
    return [
        partial(peer.mint, PERSON, peer.recipient("agent:worker-0"), f"/reports/{number}", _written(texts, number))
        for number in numbers
    ]


def _proofs(held: list[Held], new: Iterator[int]) -> list[Thunk]:
    asks = [Ask.of(f"/reports/{next(new)}.csv", 10) for _ in held]
    return [partial(one.holder.prove, one.token, each.request, AUDIENCE) for one, each in zip(held, asks, strict=True)]


def _written(texts: tuple[str, ...], number: int) -> tuple[str, ...]:
    return tuple(text.format(number) for text in texts)


class Size(NamedTuple):
    """Binary bytes of a chain with two caveats a block, by its number of blocks; what a hop adds; a proof's."""

    by_blocks: dict[int, int]
    hop: float
    proof: int


def sizes(peers: Peers) -> dict[str, Size]:
    """Give the sizes of like chains."""
    found = {}
    for name, peer in peers.found.items():
        chains = {blocks: chain(peer, blocks, 0) for blocks in BLOCKS}
        by_blocks = {blocks: peer.size_bytes(held) for blocks, held in chains.items()}
        found[name] = Size(by_blocks, (by_blocks[10] - by_blocks[5]) / 5, peer.proof_bytes(chains[5], ask()))
    return found


def _same() -> int:
    return 0


def _attenuations(peer: Peer, held: list[Held], each: int, variant: Callable[[], int]) -> list[Thunk]:
    to = [peer.recipient("agent:worker-1") for _ in held]
    return [
        partial(peer.extend, one, next_holder, hop(peer, 1, variant(), each=each))
        for one, next_holder in zip(held, to, strict=True)
    ]


def _mints(peer: Peer, cases: int, each: int, variant: Callable[[], int]) -> list[Thunk]:
    return [
        partial(peer.mint, PERSON, peer.recipient("agent:worker-0"), prefix(0), hop(peer, 0, variant(), each=each))
        for _ in range(cases)
    ]


def _signatures(cases: int) -> list[Thunk]:
    """Sign as many bytes as a block has, by PyNaCl's `crypto_sign`: each time others, under another key."""
    thunks: list[Thunk] = []
    for _ in range(cases):
        _, secret = crypto_sign_seed_keypair(secrets.token_bytes(32))
        thunks.append(partial(crypto_sign, secrets.token_bytes(_SIGNED_BYTES), secret))
    return thunks
