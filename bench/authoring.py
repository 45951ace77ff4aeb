"""Making tokens: mint and attenuate, token object to token object, and the bytes that a hop costs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import NamedTuple

from bench.fixtures import PERSON, ask, chain, hop, prefix
from bench.measure import Prepare, Thunk, Timings, interleaved
from bench.peers.interface import Held, Peer
from bench.peers.load import OTHERS, Peers
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

SIGNATURE = "one signature"
BLOCKS = (1, 2, 5, 10, 16)
_SIGNED_BYTES = 220  # about what a block has
_TEXT = {1: "one caveat", 2: "two caveats"}


def measure(peers: Peers, *, cases: int, rounds: int) -> Timings:
    """Measure minting, and attenuating a chain of one block to a new holder, with one caveat and with two.

    Ours: with caveats whose text this process has seen before, and with new ones each time.
    """
    contenders: dict[str, Prepare] = {SIGNATURE: partial(_signatures, cases)}
    new = count(1000).__next__  # beyond what any other part has made
    for name, peer in peers.found.items():
        for each, words in _TEXT.items():
            held = [chain(peer, 1, 0, each=each) for _ in range(cases)]
            contenders[f"attenuate, {words}: {name}"] = partial(_attenuations, peer, held, each, _same)
            contenders[f"mint, {words}: {name}"] = partial(_mints, peer, cases, each, _same)
            if name not in OTHERS:
                contenders[f"attenuate, {words} new: {name}"] = partial(_attenuations, peer, held, each, new)
                contenders[f"mint, {words} new: {name}"] = partial(_mints, peer, cases, each, new)
    return interleaved(contenders, rounds=rounds)


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
