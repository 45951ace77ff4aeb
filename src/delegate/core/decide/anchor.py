"""What a verifier trusts to start chains, compiled: all of a root that the core knows (SPEC §5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from delegate.core.chain.compiled import Rule
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
