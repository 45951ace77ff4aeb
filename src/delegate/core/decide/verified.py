"""`Anchor`, which a verifier trusts to start chains, and `VerifiedChain`, whose every signature held (SPEC §2.2, §5.2).

Of a `Root`, which has text and patterns, the core knows its anchor alone: all of it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from delegate.core.chain.claims import Block
from delegate.core.chain.compiled import Rule
from delegate.core.chain.links import Link
from delegate.core.keys.principal import Principal


class Anchor(NamedTuple):
    """A key that may start chains, for whom, and how far.

    Attributes:
        principal: name and public key; a chain's `iss` must be this very name.
        speaks_for: matchers of the names of originators, besides its own.
        tenants: tenants for which it may sign; `None`: whichever the verifier serves.
        can: what its chains permit at most, as the content of a `can` claim; empty: whatever their blocks do.
        rules: the same, compiled; `None` where there is no such bound.
        not_before, not_after: when the verifier trusts this key, Unix seconds.
    """

    principal: Principal
    speaks_for: tuple[Callable[[str], bool], ...] = ()
    tenants: frozenset[str] | None = None
    can: bytes = b""
    rules: tuple[Rule, ...] | None = None
    not_before: int | None = None
    not_after: int | None = None

    def may_speak_for(self, name: str) -> bool:
        """Say whether this key may start a chain with `name` as its originator."""
        return name == self.principal.name or any(matches(name) for matches in self.speaks_for)


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
