"""Roots: whose signature may start a chain, and for whom (SPEC §5.2).

A root is the verifier's own word about a key. Nothing that travels can add one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from delegate.chain.capability import Capability, capabilities, encode_capabilities
from delegate.chain.rules import Matcher, Rule, compile_capabilities
from delegate.chain.times import Instant, instant
from delegate.errors import TokenError
from delegate.keys import Principal
from delegate.patterns import compile_pattern


class Root:
    """A principal whose chains a verifier trusts, and how far.

    Attributes:
        principal: name and public key.
        speaks_for: patterns over the names of originators.
        tenants: tenants for which it may sign; `None`: whichever the verifier serves.
        can: what its chains permit at most; `None`: anything.
        rules: the same, compiled.
        not_before, not_after: when the verifier trusts this key, Unix seconds.
    """

    __slots__ = ("_speaks_for", "can", "not_after", "not_before", "principal", "rules", "speaks_for", "tenants")

    def __init__(
        self,
        principal: Principal,
        *,
        speaks_for: Iterable[str] = (),
        tenants: Iterable[str] | None = None,
        can: str | Capability | Iterable[str | Capability] | None = None,
        not_before: Instant | None = None,
        not_after: Instant | None = None,
    ) -> None:
        """Trust a principal.

        Args:
            principal: its name must be the one that the chain's `iss` gives.
            speaks_for: patterns over names for whom it may sign, such as `user:*@example.com` (`*` matches within
                a `/` segment, `**` across). For itself it always may.
            tenants: tenants for which it may sign.
            can: a bound on whatever its chains permit.
            not_before: when to begin to trust this key, by the verifier's own clock.
            not_after: when to stop.

        Raises:
            ValueError: a bad pattern; an empty `can`. TypeError: `speaks_for` or `tenants` is one string.
        """
        for names, what in ((speaks_for, "speaks_for"), (tenants, "tenants")):
            if isinstance(names, str):
                message = f"{what} is several names, not one string"
                raise TypeError(message)
        self.principal = principal
        self.speaks_for = tuple(speaks_for)
        self.tenants = None if tenants is None else frozenset(tenants)
        self.not_before = None if not_before is None else instant(not_before)
        self.not_after = None if not_after is None else instant(not_after)
        try:
            self._speaks_for: tuple[Matcher, ...] = tuple(compile_pattern(each, "/") for each in self.speaks_for)
        except TokenError as error:
            raise ValueError(error.detail) from None
        self.can: tuple[Capability, ...] | None = None if can is None else capabilities(can)
        self.rules: tuple[Rule, ...] | None = None
        if self.can is not None:
            if not self.can:
                message = "a root that can do nothing; leave it out instead"
                raise ValueError(message)
            self.rules = compile_capabilities(encode_capabilities(self.can))

    def may_speak_for(self, name: str) -> bool:
        """Say whether this root may start a chain with `name` as its originator."""
        return name == self.principal.name or any(matches(name) for matches in self._speaks_for)

    def __repr__(self) -> str:
        return f"<Root {self.principal.name}>"


Trusted: TypeAlias = Root | Principal
