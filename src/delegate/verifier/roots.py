"""Roots: whose signature may start a chain, and for whom (SPEC §5.2).

A root is the verifier's own word about a key. Nothing that travels can add one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from delegate.core.chain.compiled import compile_capabilities
from delegate.core.chain.spans import Instant, instant
from delegate.core.decide.verified import Anchor
from delegate.core.keys.principal import Principal
from delegate.core.patterns.matching import compile_pattern
from delegate.errors import TokenError

if TYPE_CHECKING:
    from delegate.language.capability import Capability


T = TypeVar("T")


class Root:
    """A principal whose chains a verifier trusts, and how far.

    Attributes:
        principal: name and public key.
        speaks_for: patterns over the names of originators.
        tenants: tenants for which it may sign; `None`: whichever the verifier serves.
        can: what its chains permit at most; `None`: anything.
        anchor: all of this, compiled: what the verifier decides by.
        not_before, not_after: when the verifier trusts this key, Unix seconds.
    """

    __slots__ = ("anchor", "can", "not_after", "not_before", "principal", "speaks_for", "tenants")

    def __init__(
        self,
        principal: Principal,
        *,
        speaks_for: Iterable[str] | None = None,
        tenants: Iterable[str] | None = None,
        can: str | Capability | Iterable[str | Capability] | None = None,
        not_before: Instant | None = None,
        not_after: Instant | None = None,
    ) -> None:
        """Trust a principal.

        Args:
            principal: its name must be the one that the chain's `iss` gives.
            speaks_for: patterns over names for whom it may sign, such as `user:*@example.com` (`*` matches within
                a `/` segment, `**` any number of segments). For itself it always may; and for nobody else, if not said.
            tenants: tenants for which it may sign; whichever the verifier serves, if not said.
            can: a bound on whatever its chains permit; none, if not said.
            not_before: when to begin to trust this key, by the verifier's own clock.
            not_after: when to stop.

        Raises:
            ValueError: a bad pattern; something that is empty. TypeError: `speaks_for` or `tenants` is one string.
        """
        for names, what in ((speaks_for, "speaks_for"), (tenants, "tenants")):
            if isinstance(names, str):
                message = f"{what} is several names, not one string"
                raise TypeError(message)
        self.principal = principal
        self.speaks_for = given(speaks_for, "speaks_for")
        self.tenants = None if tenants is None else frozenset(given(tenants, "tenants"))
        self.not_before = None if not_before is None else instant(not_before)
        self.not_after = None if not_after is None else instant(not_after)
        try:
            matchers = tuple(compile_pattern(each, "/") for each in self.speaks_for)
        except TokenError as error:
            raise ValueError(error.detail) from None
        self.can: tuple[Capability, ...] | None = None
        encoded = b""
        if can is not None:
            from delegate.language.capability import capabilities, encode_capabilities

            self.can = capabilities(can)
            encoded = encode_capabilities(self.can)
        self.anchor = Anchor(
            principal,
            matchers,
            self.tenants,
            encoded,
            compile_capabilities(encoded) if encoded else None,
            self.not_before,
            self.not_after,
        )

    def __repr__(self) -> str:
        return f"<Root {self.principal.name}>"


def given(items: Iterable[T] | None, term: str) -> tuple[T, ...]:
    """Take what was given for a term; nothing where it was not said.

    Raises:
        ValueError: it is empty. Leaving the term out says that there is none; being empty is a mistake.
    """
    found = () if items is None else tuple(items)
    if items is not None and not found:
        message = f"{term} is empty: name at least one, or leave {term} out"
        raise ValueError(message)
    return found


Trusted: TypeAlias = Root | Principal


def anchor_of(trusted: Trusted) -> Anchor:
    """Compile what a verifier is told to trust; a bare principal speaks for itself only.

    Raises:
        TypeError: something that is neither a root nor a principal.
    """
    if isinstance(trusted, Root):
        return trusted.anchor
    if isinstance(trusted, Principal):
        return Anchor(trusted)
    message = f"a root is a Root or a Principal, not {type(trusted).__name__}"
    raise TypeError(message)
