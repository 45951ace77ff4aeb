"""`VerifiedChain`, with what people look at: its hops, in words (SPEC §2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Self

from delegate.core.decide import verified

if TYPE_CHECKING:
    from delegate.explain.hops import Hop


_NOBODY: Final[Mapping[bytes, str]] = {}


class VerifiedChain(verified.VerifiedChain):
    """A chain whose every signature held, from a trusted root to the last block.

    It says who signed, never who presents it: without a proof, whoever copied the chain has it too. To decide a
    request, call `Verifier.authorize`. What it grants is worked out by `delegate.analysis.effective`.
    """

    confirmed: Mapping[bytes, str] = _NOBODY

    def with_names(self, names: Mapping[bytes, str]) -> Self:
        """Keep which names the verifier confirms: thumbprint → name."""
        self.confirmed = names
        return self

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every block, from 0. Names are the word of whoever signed them, where they are not `confirmed`."""
        from delegate.explain.hops import hops_of

        return hops_of(self.link, self.root.principal.public_key.thumbprint, confirmed=self.confirmed)

    def up_to(self, hop: int) -> VerifiedChain:
        """Give the chain as it was down to block `hop`; its holder was another then.

        Raises:
            IndexError: there is no such block.
        """
        return VerifiedChain(self.link.up()[hop], self.root, self.first).with_names(self.confirmed)
