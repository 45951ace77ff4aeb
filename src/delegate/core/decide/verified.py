"""`VerifiedChain`: a chain whose every signature held (SPEC §2.2)."""

from __future__ import annotations

from typing import NamedTuple

from delegate.core.chain.claims import Block
from delegate.core.chain.links import Link
from delegate.core.decide.anchor import Anchor


class VerifiedChain(NamedTuple):
    """A chain whose every signature held, from a trusted root to the last block.

    It says who signed, never who presents it: without a proof, whoever copied the chain has it too. To decide a
    request, call `Verifier.authorize`. A tuple: one is made a block on every cold check.

    Attributes:
        link: the last block and what the chain adds up to.
        root: the root that signed block 0.
        first: what block 0 says.
    """

    link: Link
    root: Anchor
    first: Block

    @property
    def originator(self) -> str:
        """Name of the person or service whose authority this is; the root may speak for it."""
        return self.first.originator or self.first.issuer

    @property
    def expires(self) -> int:
        """When the chain ends, Unix seconds: the least `exp`."""
        return self.link.expires

    @property
    def hops_left(self) -> int:
        """How many times the key may still change."""
        return self.link.hops_left

    @property
    def is_bearer(self) -> bool:
        """Whether any block is a bearer block."""
        return self.link.is_bearer

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, from 0; 32 bytes each."""
        return tuple(link.id for link in self.link.up())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.link.hop + 1} blocks by {self.originator}>"
