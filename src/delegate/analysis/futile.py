"""What an appended block could never bring about: said to its author, and asked by no verifier (SPEC §6.9).

The rules of this file:

- It refuses only what no request could ever satisfy: what cannot be told takes effect.
- What it costs is counted, and ends (`patterns.COMPARING_STEPS`): what cannot be told by then takes effect.
- What agents mostly append, a tighter bound or a condition on something new, is seen to take effect without working
  out what the chain grants: that takes 100 µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from delegate.analysis.effective import Demand, Sum, add, demands, first_clash, leaves_something, start
from delegate.analysis.work import Comparing
from delegate.core.chain.claims import Block
from delegate.core.chain.links import Link
from delegate.core.evaluator.opcodes import Op
from delegate.core.wire import cbor
from delegate.errors import AttenuationError, Reason
from delegate.language.capability import Capability, capability_texts, decode_capabilities, decode_caveats
from delegate.language.tree import Expression

# What is said of one path: which way a bound goes, and of what kind its literal is; for anything else, nothing.
_Said: TypeAlias = tuple[str, type] | None
_Path: TypeAlias = tuple[str, ...]

_UPPER: Final = frozenset({Op.LT_FLAT, Op.LE_FLAT})
_LOWER: Final = frozenset({Op.GT_FLAT, Op.GE_FLAT})
_ALONE: Final = frozenset(
    {Op.EQ_FLAT, Op.NE_FLAT, Op.STARTS_WITH_FLAT, Op.ENDS_WITH_FLAT, Op.CONTAINS_FLAT, *_UPPER, *_LOWER}
)
_FLAT: Final = frozenset(range(Op.EQ_FLAT, Op.NET_WITHIN_FLAT + 1))
_KINDS: Final[dict[type, type]] = {int: float, float: float, str: str}


def check_effect(link: Link, block: Block, caveats: Sequence[object]) -> None:
    """Refuse what could never take effect below `link`: a capability, conditions or an audience.

    Args:
        link: the chain above.
        block: what is to be appended.
        caveats: its caveats, as the objects that stand for them.

    Raises:
        AttenuationError: CAPABILITY_MISSING, CAVEAT_FAILED, WRONG_AUDIENCE; `.hop` is the block that forbids it.
    """
    if block.can or caveats:
        above = demands(link)
        if block.can or not _cannot_clash(above, caveats):
            _check_conditions(above, block)
    if block.audience and link.audience is not None and not link.audience.intersection(block.audience):
        forbids = (each.hop for each in link.up() if each.block.audience)
        detail = f"{', '.join(block.audience)}: no service that the hops above name"
        raise AttenuationError(detail, reason=Reason.WRONG_AUDIENCE, hop=next(forbids))


def _check_conditions(above: tuple[Demand, ...], block: Block) -> None:
    found = _forbidding(above, block.can, block.caveats)
    if found is None:
        return
    hop, mine, clash = found
    if mine:
        theirs = ", ".join(capability_texts(above[hop][0])) or "nothing that would leave any of it"
        raise AttenuationError(f"`{mine}` is nothing of what that hop permits: {theirs}", hop=hop)
    detail = f"nothing can satisfy it and that hop: {clash}"
    raise AttenuationError(detail, reason=Reason.CAVEAT_FAILED, hop=hop)


def _cannot_clash(above: tuple[Demand, ...], caveats: Sequence[object]) -> bool:
    """Say whether these caveats plainly take effect: each is about a path of its own, or a bound the same way."""
    said = _said(above)
    if said is None:
        return False
    mine: dict[_Path, _Said] = {}
    for each in caveats:
        if type(each) is not list or each[0] not in _ALONE:
            return False
        path, now = tuple(each[1:-1]), _bound(each)
        if path in said and (now is None or said[path] != now):
            return False
        if path in mine and (now is None or mine[path] != now):
            return False
        mine[path] = now
    return True


@lru_cache(256)
def _said(above: tuple[Demand, ...]) -> dict[_Path, _Said] | None:
    """Collect what the blocks say of which path; `None` where that cannot be told at a glance."""
    said: dict[_Path, _Said] = {}
    for can, caveats in above:
        pending: list[object] = [*(_items(caveats)), *(item[2] for item in _items(can) if len(item) > 2)]
        while pending:
            each = pending.pop()
            if type(each) is not list:
                return None
            if each[0] == Op.AND:
                pending += each[1:]
            elif each[0] in _FLAT:
                path, now = tuple(each[1:-1]), _bound(each)
                said[path] = now if said.get(path, now) == now else None
            elif each[0] != Op.ALL:  # which is how arguments are closed
                return None
    return said


def _bound(flat: list[object]) -> _Said:
    kind = _KINDS.get(type(flat[-1]))
    if kind is None:
        return None
    return ("most", kind) if flat[0] in _UPPER else ("least", kind) if flat[0] in _LOWER else None


def _items(data: bytes) -> list[list[object]]:
    items = cbor.decode(data) if data else []
    return items if isinstance(items, list) else []


@lru_cache(256)  # an agent appends the same few blocks below the same chains: saves 100 µs each
def _forbidding(above: tuple[Demand, ...], can: bytes, caveats: bytes) -> tuple[int, str, str] | None:
    """Find what grants nothing: the first hop that forbids it, the capability or empty, the conditions that clash.

    `None` where everything takes effect, or that cannot be told within the work for one question.
    """
    comparing = Comparing()
    sums: list[Sum] = []
    for each in above:
        sums.append(add(sums[-1] if sums else start(), *_decoded(*each), comparing))
    permitted, conditions = _decoded(can, caveats)
    found = None
    for mine in permitted:
        hop = _first_without(sums, (mine,), (), comparing)
        if hop is not None:
            found = hop, str(mine), ""
            break
    else:  # without conditions, the block leaves what its capabilities do
        hop = _first_without(sums, permitted, conditions, comparing) if conditions else None
        if hop is not None:
            found = hop, "", first_clash(add(sums[hop], permitted, conditions, comparing), comparing)
    # Below a chain that grants nothing, nothing more is taken away.
    return found if found is not None and leaves_something(sums[-1], comparing) else None


def _first_without(
    sums: Sequence[Sum], can: Sequence[Capability], caveats: Sequence[Expression], comparing: Comparing
) -> int | None:
    """Give the first hop with which this grants nothing any more."""

    def forbids(total: Sum) -> bool:
        return not leaves_something(add(total, can, caveats, comparing), comparing)

    if not forbids(sums[-1]):
        return None
    return next((hop for hop, total in enumerate(sums) if forbids(total)), len(sums) - 1)


def _decoded(can: bytes, caveats: bytes) -> tuple[tuple[Capability, ...], tuple[Expression, ...]]:
    return decode_capabilities(can), decode_caveats(caveats)
