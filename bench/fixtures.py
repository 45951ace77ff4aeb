"""Chains to measure: every one distinct, so that nothing is measured warm by accident."""

from __future__ import annotations

from functools import partial

from bench.measure import Thunk
from bench.peers.interface import Ask, Held, Narrowing, Peer
from nacl.bindings import crypto_sign_open

from delegate import Presentation, PublicKey
from delegate.core.chain.binding import block_aad, proof_aad
from delegate.core.wire import cose

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


def bare_checks(root: PublicKey, text: str) -> Checks:
    """List the signatures of a presentation with what they sign: what any verifier must check."""
    presentation = Presentation.parse(text)
    key, above = root, root.thumbprint
    checks = []
    for data, link in zip(presentation.blocks, presentation.link.up(), strict=True):
        signed = cose.open_signed(data)
        structure = cose.sig_structure(signed.protected, block_aad(above), signed.payload_item)
        checks.append((signed.signature + structure, key.raw))
        key, above = link.block.key, link.id
    signed = cose.open_signed(presentation.proof)
    structure = cose.sig_structure(signed.protected, proof_aad(above), signed.payload_item)
    checks.append((signed.signature + structure, key.raw))
    return tuple(checks)


def check_all(checks: Checks) -> Thunk:
    """Give the floor: the library's own check of each signature, and nothing else."""

    def floor() -> None:
        for signed, key in checks:
            crypto_sign_open(signed, key)

    return floor
