"""`VerifiedChain`, with what people look at: its hops, in words (SPEC §2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delegate.core.decide import verified

if TYPE_CHECKING:
    from delegate.explain.hops import Hop


class VerifiedChain(verified.VerifiedChain):
    """A chain whose every signature held, from a trusted root to the last block.

    It says who signed, never who presents it: without a proof, whoever copied the chain has it too. To decide a
    request, call `Verifier.authorize`. What it grants is worked out by `delegate.analysis.effective`.
    """

    __slots__ = ()

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every block, from 0. Names are the word of whoever signed them."""
        from delegate.explain.hops import hops_of

        return hops_of(self.link, self.root.principal.public_key.thumbprint)

    def up_to(self, hop: int) -> VerifiedChain:
        """Give the chain as it was down to block `hop`; its holder was another then.

        Raises:
            IndexError: there is no such block.
        """
        return VerifiedChain(self.link.up()[hop], self.root, self.first)
