"""The terms of a block: what may be said of it, each spelled and told here once (SPEC §4).

The rules of this file:

- `None`, or a term left out, says nothing. What is empty, as a list of no caveats, would restrict nothing and is never
  what was meant: an error.
- A term that there is not is an error too: it may have been meant as a restriction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from textwrap import dedent, indent
from typing import Final, TypeAlias, TypedDict, TypeVar

from delegate.core.chain.spans import Instant, Span
from delegate.language.capability import Capability
from delegate.language.conditions import Caveat
from delegate.language.needs import Need

Capabilities: TypeAlias = str | Capability | Iterable[str | Capability]
Caveats: TypeAlias = str | Caveat | Iterable[str | Caveat]
Names: TypeAlias = str | Iterable[str]
Needs: TypeAlias = Need | Iterable[Need]

F = TypeVar("F", bound=Callable[..., object])


class Narrowing(TypedDict, total=False):
    """What any block may say.

    Attributes:
        can: one or more capabilities, as `can(…)` or text: at most 32. A chain's first block needs some; in a later one
            they replace nothing and narrow what is above.
        caveats: conditions that must hold for every request, as text or `when(…)`: at most 32.
        ttl: how long from now; in a later block cut to what is left. Or
        expires: until when; later than the chain above raises. A chain's first block needs one of the two.
        not_before: not valid before.
        audience: names of the services where the chain may be used, of those above; any, if not said. A bearer token
            needs one.
        hops: how many times the key may still change below, cut to what is left. Not said, a later block leaves what is
            left; a chain minted for a holder, and one that a spawned agent gets, may be narrowed and not handed on (0);
            a bearer token has no bound, since every narrowing changes its key.
        who: facts about the holder: at most 16 texts of 256 characters.
        why: the purpose, at most 256 characters, for people and the audit trail.
        needs: what other parties must confirm, each made by `need(…)`: at most 8.
        budget: a pool for all that is done below, such as `{"usd_cents": 10000, "calls": 50}`: at most 8 units, each a
            word of a-z, 0-9, `_`, `.` and `-`, amounts from 0. What is charged to it is charged to those above as well.
            A service without a ledger refuses it.
        fresh: how old a service's revocation data may be.
        now: the moment to start from; the system's clock if not said.
    """

    can: Capabilities | None
    caveats: Caveats | None
    ttl: Span | None
    expires: Instant | None
    not_before: Instant | None
    audience: Names | None
    hops: int | None
    who: Mapping[str, str] | None
    why: str | None
    needs: Needs | None
    budget: Mapping[str, int] | None
    fresh: Span | None
    now: Instant | None


class Authority(Narrowing, total=False):
    """What a chain's first block may say beside all of that.

    Attributes:
        on_behalf_of: the originator, where it is not who mints; the verifier must let that one speak for them.
        tenant: the one tenant where this is good.
    """

    on_behalf_of: str | None
    tenant: str | None


NARROWING: Final = Narrowing.__optional_keys__
AUTHORITY: Final = Authority.__optional_keys__


def check_terms(given: Iterable[str], known: frozenset[str]) -> None:
    """Refuse a term that there is not; raises TypeError, as Python does for an argument that there is not."""
    if not known.issuperset(given):
        message = f"there is no term `{min(set(given) - known)}`; there are {', '.join(sorted(known))}"
        raise TypeError(message)


def telling(*kinds: type) -> Callable[[F], F]:
    """Put what these terms mean where `help()` shows it: into the docstring of what takes them."""

    def told(function: F) -> F:
        terms = "".join(_attributes(kind.__doc__) for kind in kinds)
        if function.__doc__ is not None and terms:  # Python can be told to leave docstrings out
            first, _, rest = function.__doc__.partition("\n")
            function.__doc__ = f"{first}\n{dedent(rest).rstrip()}\n\nTerms, none of which may be empty:\n{terms}"
        return function

    return told


def _attributes(docstring: str | None) -> str:
    return indent(dedent((docstring or "").partition("Attributes:\n")[2].rstrip()), "    ") + "\n"
