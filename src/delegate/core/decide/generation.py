"""One set of roots, and what held under it (SPEC §5.9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from delegate.core.decide.anchor import Anchor
from delegate.core.decide.recent import TEXT_BYTES, Recent
from delegate.core.decide.verified import VerifiedChain


class Known(NamedTuple):
    """A chain that is known by its text. It is not kept alive by it: it is found by its last block.

    Attributes:
        last, id: the last block as it travels, and its id.
        rest: the last 0 to 2 bytes of the blocks, which share a quantum with the proof.
    """

    last: bytes
    id: bytes
    rest: bytes


class Sought(NamedTuple):
    """What is to be looked up of a chain: block ids and thumbprints, and of whom a record about them could count."""

    subjects: tuple[bytes, ...]
    signers: tuple[bytes, ...]


class Generation(NamedTuple):
    """One set of roots, and what held under it. A call of the verifier sees one generation from beginning to end."""

    by_thumbprint: dict[bytes, Anchor]
    blocks: Recent[VerifiedChain]
    sought: Recent[Sought]  # by the id of the last block
    texts: Recent[Known]  # by the text of a bearer token, or the head of a presentation's


def generation(anchors: Iterable[Anchor], cache_size: int) -> Generation:
    """Put anchors in order.

    Raises:
        ValueError: one key twice.
    """
    found: dict[bytes, Anchor] = {}
    for anchor in anchors:
        thumbprint = anchor.principal.public_key.thumbprint
        if thumbprint in found:
            message = f"the key of {anchor.principal.name} is a root twice"
            raise ValueError(message)
        found[thumbprint] = anchor
    return Generation(found, Recent(cache_size), Recent(cache_size), Recent(cache_size, TEXT_BYTES))
