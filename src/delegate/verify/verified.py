"""`VerifiedChain`: a chain whose every signature held (SPEC §2.2)."""

from __future__ import annotations

from typing import NamedTuple

from delegate.chain.blocks import Block
from delegate.chain.difference import Difference, difference
from delegate.chain.effective import Effective, effective
from delegate.chain.hop import Hop, hops_of
from delegate.chain.links import Link
from delegate.verify.roots import Root


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
    root: Root
    first: Block

    @property
    def originator(self) -> str:
        """Name of the person or service whose authority this is; the root may speak for it."""
        return self.first.originator or self.first.issuer

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every block, from 0. Names are the word of whoever signed them."""
        return hops_of(self.link)

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

    def effective(self) -> Effective:
        """Work out what survives all hops: for people to see, never for a decision.

        Cost: milliseconds for long lists of capabilities; some tenths of a second at most, whatever the chain: then
        it shows more than the chain allows, and says so. Source: SPEC §6.9.
        """
        return effective(self.link, self.root.can)

    def diff(self, other: VerifiedChain) -> Difference:
        """Say what this chain takes away from another: from the same chain some hops earlier, say.

        Cost: as for `effective`, three times.
        """
        return difference(other.effective(), self.effective())

    def up_to(self, hop: int) -> VerifiedChain:
        """Give the chain as it was down to block `hop`; its holder was another then.

        Raises:
            IndexError: there is no such block.
        """
        return VerifiedChain(self.link.up()[hop], self.root, self.first)

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, from 0; 32 bytes each."""
        return tuple(link.id for link in self.link.up())

    def __repr__(self) -> str:
        return f"<VerifiedChain of {self.link.hop + 1} blocks by {self.originator}>"
