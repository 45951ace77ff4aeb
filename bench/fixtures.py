"""Chains to measure: every one distinct, so that nothing is measured warm by accident."""

from __future__ import annotations

import secrets
from functools import partial

from bench.measure import Thunk
from bench.peers.interface import Ask, Held, Narrowing, Peer
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from delegate import Presentation

PERSON = "user:alice@example.com"
SUFFIX = ".csv"
Checks = tuple[tuple[bytes, bytes], ...]  # signature + signed bytes, and the public key


def prefix(variant: int, *, new_capability: bool = False) -> str:
    """Give what a chain is for; the same for all, or one of its own for each variant."""
    return f"/reports/{variant}" if new_capability else "/reports"


def ask(variant: int = 0, *, new_capability: bool = False) -> Ask:
    """Give the request that such a chain allows."""
    return Ask.of(f"{prefix(variant, new_capability=new_capability)}/q3.csv", 10)


def hop(peer: Peer, index: int, variant: int, *, each: int = 2, new_capability: bool = False) -> Narrowing:
    """Write down one hop's caveats; no two variants share any, and no two hops of one."""
    size_below = 1_000_000 - index - 100 * variant
    return peer.narrowing(prefix(variant, new_capability=new_capability), size_below, SUFFIX if each > 1 else None)


def chain(peer: Peer, blocks: int, variant: int, *, each: int = 2, new_capability: bool = False) -> Held:
    """Make a chain of `blocks` blocks with `each` caveats a block, 1 or 2."""
    narrowing = partial(hop, peer, variant=variant, each=each, new_capability=new_capability)
    at = prefix(variant, new_capability=new_capability)
    held = peer.mint(PERSON, peer.recipient("agent:worker-0"), at, narrowing(0))
    for index in range(1, blocks):
        held = peer.extend(held, peer.recipient(f"agent:worker-{index}"), narrowing(index))
    return held


def bare_checks(text: str) -> Checks:
    """Make as many signatures as a presentation has, over as many bytes, each by another key.

    Checking these is the least that any verifier must do. They are signed here, so that nothing of the library's
    inside is needed: the floor stays what it is, whatever is built on it.
    """
    presentation = Presentation.parse(text)
    checks = []
    for signed in (*presentation.blocks, presentation.proof):
        public, secret = crypto_sign_seed_keypair(secrets.token_bytes(32))
        checks.append((crypto_sign(secrets.token_bytes(len(signed)), secret), public))
    return tuple(checks)


def check_all(checks: Checks) -> Thunk:
    """Give the floor: the library's own check of each signature, and nothing else."""

    def floor() -> None:
        for signed, key in checks:
            crypto_sign_open(signed, key)

    return floor
