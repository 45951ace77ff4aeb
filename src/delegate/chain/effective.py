"""What a chain grants, all hops taken together (SPEC §6.9).

For eyes alone: no decision reads it. It never shows less than the chain allows; where it shows more, `exact` is
`False`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from delegate.caveats import (
    Expression,
    closed_names,
    conjunction,
    conjuncts,
    simplify,
)
from delegate.caveats import (
    format as format_caveat,
)
from delegate.chain.capability import Capability, Exactly, decode_capabilities, decode_caveats
from delegate.chain.links import Link
from delegate.limits import PATTERN_CHARACTERS
from delegate.patterns import ACTION_SEPARATOR, RESOURCE_SEPARATOR, Pattern, plain_form

Resource: TypeAlias = str | Exactly | None
Demand: TypeAlias = tuple[bytes, bytes]

# How many grants to work out at most; beyond it the last hop's capabilities stand for the rest, which shows more.
GRANTS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What survives all hops.

    Attributes:
        grants: capabilities with their whole condition, caveats of every hop included; none: nothing is granted.
        expires: the tightest expiry, Unix seconds.
        not_before: the latest beginning, Unix seconds.
        hops_left: how many times the chain may still be handed on.
        audience: services where it may be used; `None`: any.
        exact: whether every request that these grants cover is one that the chain allows, clock, place and proof
            aside; `False` where the grants show more.
        clashes: conditions that nothing can satisfy together, as text; why there is less than the hops say.
    """

    grants: tuple[Capability, ...]
    expires: int
    not_before: int
    hops_left: int
    audience: frozenset[str] | None
    exact: bool
    clashes: tuple[str, ...]


def effective(link: Link, bound: Sequence[Capability] | None = None) -> Effective:
    """Work out what a chain grants down to `link`.

    Args:
        link: the last block.
        bound: what its root is trusted for at most; `None`: anything.

    Cost: grows with the product of the hops' capabilities, up to 64 grants.
    """
    grants, exact, clashes = surviving(demands(link), bound)
    return Effective(
        grants=grants,
        expires=link.expires,
        not_before=link.not_before,
        hops_left=link.hops_left,
        audience=link.audience,
        exact=exact,
        clashes=clashes,
    )


def demands(link: Link) -> tuple[Demand, ...]:
    """Give what every block down to `link` demands: the bytes of its `can` and of its `if`."""
    return tuple((each.block.can, each.block.caveats) for each in link.up())


def surviving(
    blocks: Iterable[Demand], bound: Sequence[Capability] | None = None
) -> tuple[tuple[Capability, ...], bool, tuple[str, ...]]:
    """Work out which capabilities survive all blocks, whether they are exact, and which conditions clash."""
    grants: list[Capability] | None = None if bound is None else list(bound)
    exact = True
    caveats: list[Expression] = []
    for can, conditions in blocks:
        caveats += decode_caveats(conditions)
        permitted = decode_capabilities(can)
        if permitted and grants is None:
            grants = list(permitted)
        elif permitted and grants is not None:
            grants, whole = _meet(grants, permitted)
            exact = exact and whole
    found: list[Capability] = []
    clashes: list[str] = []
    for grant in grants or []:
        own = () if grant.condition is None else conjuncts(grant.condition)
        result = simplify((*own, *caveats))
        if result.contradiction:
            clashes.append(" && ".join(map(format_caveat, result.conjuncts)))
            continue
        condition = conjunction(result.conjuncts) if result.conjuncts else None
        capability = _unchecked(grant.action, grant.resource, condition)
        if capability not in found:
            found.append(capability)
    return tuple(found), exact, tuple(dict.fromkeys(clashes))


def condition_texts(grant: Capability) -> tuple[str, ...]:
    """Give a grant's conditions one by one, the closing of its arguments aside."""
    if grant.condition is None:
        return ()
    return tuple(format_caveat(part) for part in conjuncts(grant.condition) if closed_names(part) is None)


def open_arguments(grant: Capability) -> tuple[str, ...] | None:
    """Give the only arguments that may be given; `None`: any."""
    if grant.condition is not None:
        for part in conjuncts(grant.condition):
            names = closed_names(part)
            if names is not None:
                return names
    return None


def _meet(mine: Iterable[Capability], theirs: Sequence[Capability]) -> tuple[list[Capability], bool]:
    """Intersect two lists of capabilities; say whether the result is exact."""
    met: list[Capability] = []
    exact = True
    for one in mine:
        for other in theirs:
            if len(met) > GRANTS:
                return list(theirs), False
            actions, whole = _patterns(one.action, other.action, ACTION_SEPARATOR)
            resources, also = _resources(one.resource, other.resource)
            if actions and resources:
                exact = exact and whole and also
            parts = [part for each in (one, other) if each.condition is not None for part in conjuncts(each.condition)]
            condition = conjunction(parts) if parts else None
            met += [_unchecked(action, resource, condition) for action in actions for resource in resources]
    return met, exact


def _unchecked(action: str, resource: Resource, condition: Expression | None) -> Capability:
    return Capability(action=action, resource=resource, condition=condition)


def _resources(one: Resource, other: Resource) -> tuple[tuple[Resource, ...], bool]:
    if one is None or other is None:
        return ((None,) if one is other else ()), True
    if isinstance(one, str) and isinstance(other, str):
        return _patterns(one, other, RESOURCE_SEPARATOR)
    if isinstance(one, Exactly) and isinstance(other, Exactly):
        return ((one,) if one == other else ()), True
    literal, pattern = (one, other) if isinstance(one, Exactly) else (other, one)
    if not isinstance(literal, Exactly) or not isinstance(pattern, str):
        return (), True
    # A pattern matches plain resources only.
    fits = plain_form(literal.text) and Pattern.parse(pattern, RESOURCE_SEPARATOR).matches(literal.text)
    return ((literal,) if fits else ()), True


def _patterns(one: str, other: str, separator: str) -> tuple[tuple[str, ...], bool]:
    if one == other:
        return (one,), True
    shared = Pattern.parse(one, separator).intersection(Pattern.parse(other, separator))
    # What two long patterns share can be longer than a pattern may be.
    if shared is None or any(len(each.text) > PATTERN_CHARACTERS for each in shared):
        return (other,), False
    # Where `*` meets `/**`, they share nothing but the empty text: no action is that, nor a resource in plain form.
    return tuple(each.text for each in shared if each.text), True
