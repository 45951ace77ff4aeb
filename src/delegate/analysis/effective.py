"""What a chain grants, all hops taken together (SPEC §6.9).

For eyes alone: no decision reads it. It never shows less than the chain allows; where it shows more, `exact` is
`False`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from delegate.analysis.simplify import simplify, simplify_steps
from delegate.analysis.work import Comparing
from delegate.core.chain.links import Link
from delegate.core.patterns.plain_form import plain_form
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR
from delegate.language.capability import Capability, Exactly, decode_capabilities, decode_caveats
from delegate.language.closed import closed_names
from delegate.language.printer import format_expression as format_caveat
from delegate.language.tree import Expression, conjunction, conjuncts

Resource: TypeAlias = str | Exactly | None
Demand: TypeAlias = tuple[bytes, bytes]

# How many grants to work out at most; beyond it the last hop's capabilities stand for the rest, which shows more.
GRANTS: Final = 64
TEXT_STEPS: Final = 10  # what writing one condition takes


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
        clashes: conditions that nothing can satisfy together, as text; why there is less than the hops say. Not all of
            them where there was too much to work out.
    """

    grants: tuple[Capability, ...]
    expires: int
    not_before: int
    hops_left: int
    audience: frozenset[str] | None
    exact: bool
    clashes: tuple[str, ...]


class Sum(NamedTuple):
    """What blocks come to, before their conditions are joined.

    Attributes:
        grants: what their capabilities share; `None`: any request.
        caveats: all of them.
        exact: whether that is no more than the blocks permit.
    """

    grants: tuple[Capability, ...] | None
    caveats: tuple[Expression, ...]
    exact: bool


def effective(link: Link, bound: bytes = b"") -> Effective:
    """Work out what a chain grants down to `link`.

    Args:
        link: the last block.
        bound: what its root is trusted for at most, as `VerifiedChain.root.can` has it; empty: anything.

    Cost: milliseconds for chains that people make. It grows with the product of the hops' capabilities, up to 64
    grants, and ends at `patterns.COMPARING_STEPS`, some tenths of a second: what is not intersected by then is shown
    as the last hop has it, and conditions that are not simplified by then are shown as they stand.
    """
    comparing = Comparing()
    *_, total = _sums(link, bound, comparing)
    return _effective(link, total, comparing)


def effective_each(link: Link, bound: bytes, comparing: Comparing) -> tuple[Effective, ...]:
    """Work out what a chain grants down to each block, from 0, within the work for one question."""
    sums = zip(link.up(), _sums(link, bound, comparing), strict=True)
    return tuple(_effective(each, total, comparing) for each, total in sums)


def _sums(link: Link, bound: bytes, comparing: Comparing) -> Iterator[Sum]:
    total = start(bound)
    for can, conditions in demands(link):
        total = add(total, decode_capabilities(can), decode_caveats(conditions), comparing)
        yield total


def _effective(link: Link, total: Sum, comparing: Comparing) -> Effective:
    found: dict[Capability, None] = {}
    clashes: dict[str, None] = {}
    for capability, clash in _joined(total, comparing):
        if capability is not None:
            found[capability] = None
        elif clash:
            clashes[clash] = None
    return Effective(
        grants=tuple(found),
        expires=link.expires,
        not_before=link.not_before,
        hops_left=link.hops_left,
        audience=link.audience,
        exact=total.exact,
        clashes=tuple(clashes),
    )


def demands(link: Link) -> tuple[Demand, ...]:
    """Give what every block down to `link` demands: the bytes of its `can` and of its `if`."""
    found: list[Demand] = []
    above: Link | None = link
    while above is not None:
        found.append((above.block.can, above.block.caveats))
        above = above.parent
    found.reverse()
    return tuple(found)


def start(bound: bytes = b"") -> Sum:
    """Begin with what a root is trusted for at most; empty: anything."""
    return Sum(decode_capabilities(bound) if bound else None, (), exact=True)


def add(above: Sum, permitted: Sequence[Capability], caveats: Sequence[Expression], comparing: Comparing) -> Sum:
    """Add what one more block says: capabilities, none of which stand for any request, and caveats."""
    grants, exact = above.grants, above.exact
    if permitted and grants is None:
        grants = tuple(permitted)
    elif permitted and grants is not None:
        grants, whole = meet(grants, permitted, comparing)
        exact = exact and whole
    return Sum(grants, (*above.caveats, *caveats), exact)


def leaves_something(total: Sum, comparing: Comparing) -> bool:
    """Say whether anything is granted, or that cannot be told any more."""
    return any(capability is not None for capability, _ in _joined(total, comparing))


def first_clash(total: Sum, comparing: Comparing) -> str:
    """Give conditions that clash, as text, one for each grant; empty where none do."""
    return "; ".join(dict.fromkeys(clash for _, clash in _joined(total, comparing) if clash))


def _joined(total: Sum, comparing: Comparing) -> Iterator[tuple[Capability | None, str]]:
    """Join each grant's condition with all caveats: give the capability, or `None` and the conditions that clash."""
    for grant in total.grants or ():
        own = () if grant.condition is None else conjuncts(grant.condition)
        parts = (*own, *total.caveats)
        if not comparing.spend(simplify_steps(parts)):
            yield _unchecked(grant.action, grant.resource, conjunction(parts) if parts else None), ""
            continue
        result = simplify(parts)
        if result.contradiction:
            told = comparing.spend(TEXT_STEPS * len(result.conjuncts))
            yield None, " && ".join(map(format_caveat, result.conjuncts)) if told else ""
            continue
        condition = conjunction(result.conjuncts) if result.conjuncts else None
        yield _unchecked(grant.action, grant.resource, condition), ""


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


def meet(
    mine: Iterable[Capability], theirs: Sequence[Capability], comparing: Comparing
) -> tuple[tuple[Capability, ...], bool]:
    """Intersect two lists of capabilities; say whether the result is exact."""
    met: list[Capability] = []
    exact = True
    for one in mine:
        for other in theirs:
            if len(met) > GRANTS or not comparing.spend(1):
                return tuple(theirs), False
            actions, whole = comparing.shared(one.action, other.action, ACTION_SEPARATOR)
            resources, also = _resources(one.resource, other.resource, comparing) if actions else ((), True)
            if not resources:
                continue
            exact = exact and whole and also
            parts = [part for each in (one, other) if each.condition is not None for part in conjuncts(each.condition)]
            comparing.spend(len(parts) // 16)
            condition = conjunction(parts) if parts else None
            met += [_unchecked(action, resource, condition) for action in actions for resource in resources]
    return tuple(met), exact


def _unchecked(action: str, resource: Resource, condition: Expression | None) -> Capability:
    return Capability(action=action, resource=resource, condition=condition)


def _resources(one: Resource, other: Resource, comparing: Comparing) -> tuple[tuple[Resource, ...], bool]:
    if one is None or other is None:
        return ((None,) if one is other else ()), True
    if isinstance(one, str) and isinstance(other, str):
        return comparing.shared(one, other, RESOURCE_SEPARATOR)
    if isinstance(one, Exactly) and isinstance(other, Exactly):
        return ((one,) if one == other else ()), True
    literal, pattern = (one, other) if isinstance(one, Exactly) else (other, one)
    if not isinstance(literal, Exactly) or not isinstance(pattern, str):
        return (), True
    # A pattern matches plain resources only.
    fits = plain_form(literal.text) and comparing.matches(pattern, literal.text, RESOURCE_SEPARATOR)
    return ((literal,) if fits else ()), comparing.work.left >= 0
