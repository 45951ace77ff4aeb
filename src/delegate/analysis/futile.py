"""What an appended block could never bring about: said to its author, and asked by no verifier (SPEC §6.9).

The rules of this file:

- It refuses only what no request could ever satisfy: what cannot be told takes effect.
- What it costs is counted, and ends (`patterns.COMPARING_STEPS`): what cannot be told by then takes effect.
- Conditions can clash only where they are about the same path, or where one is the other's negation. What has neither
  above it, as nearly everything that agents append, is seen to take effect without working out what the chain grants:
  that takes 100 µs. Where the glance is not sure, it is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from delegate.analysis.effective import Demand, Sum, add, demands, first_clash, leaves_something, start
from delegate.analysis.simplify import MIRRORED, clash_on_one_path
from delegate.analysis.work import Comparing
from delegate.core.chain.claims import Block
from delegate.core.chain.links import Link
from delegate.core.evaluator.opcodes import FLAT_OPS, GENERAL, Op
from delegate.core.wire import cbor
from delegate.errors import AttenuationError, Reason
from delegate.language.capability import Capability, capability_texts, decode_capabilities, decode_caveats
from delegate.language.tree import Call, Expression, ListOf, Literal, Path

_Path: TypeAlias = tuple[str, ...]
_Wire: TypeAlias = list[object]  # a condition as the wire has it: an opcode, and what it is about

_AND, _NOT, _IN, _HAS, _ALL, _PATH = (int(op) for op in (Op.AND, Op.NOT, Op.IN_FLAT, Op.HAS, Op.ALL, Op.PATH))
_OPS: Final = {op: Op(op + GENERAL) for op in FLAT_OPS}
_WAYS: Final = {int(Op.LT_FLAT): "<", int(Op.LE_FLAT): "<", int(Op.GT_FLAT): ">", int(Op.GE_FLAT): ">"}
_TEXT_TESTS: Final[dict[int, Callable[[Any, Any], bool]]] = {
    int(Op.STARTS_WITH_FLAT): str.startswith,
    int(Op.ENDS_WITH_FLAT): str.endswith,
}
_ANYWHERE: Final = Path(())
# `500 >= args.a` by its opcode: the one that says the same the other way round.
_TURNED: Final = {int(op): int(turned) - GENERAL for op, turned in MIRRORED.items()}
_KINDS: Final[dict[type, type]] = {int: float, float: float, str: str}
# So many conditions on one path are looked at together; more is for working out, which counts what it costs.
_ON_ONE_PATH: Final = 8
# And so many that are no comparisons are looked at, each next to each other one.
_OTHERS: Final = 32


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


class _Said(NamedTuple):
    """What the blocks above say.

    Attributes:
        flat: the conditions on each path that compare it with a literal.
        other: all that are of another form.
        is_closed: whether anything, such as a list of arguments, may take out of a condition what asks for an argument.
    """

    flat: Mapping[_Path, Sequence[_Wire]]
    other: Sequence[_Wire]
    is_closed: bool


def _cannot_clash(above: tuple[Demand, ...], caveats: Sequence[object]) -> bool:
    """Say whether these caveats plainly take effect. `False`: that has to be worked out."""
    said = _said(above)
    if said is None:
        return False
    on_paths: dict[_Path, Sequence[_Wire]] = {}
    other = said.other
    for each in _parts(caveats):
        if type(each) is not list:
            return False
        op = each[0]
        flat = each if op in FLAT_OPS else _turned(each)
        if flat is not None:
            path: _Path = tuple(flat[1:-1])  # type: ignore[arg-type]
            before = on_paths.get(path) or said.flat.get(path)
            on_paths[path] = together = [flat] if before is None else [*before, flat]
            if (other and [_NOT, flat] in other) or not _agree(together):
                return False
            continue
        if each[0] == _ALL or (said.is_closed and _asks(each)):
            return False
        opposite = each[1] if each[0] == _NOT else [_NOT, each]
        if opposite in other:
            return False
        if each[0] == _NOT and type(opposite) is list:
            flat = opposite if opposite[0] in FLAT_OPS else _turned(opposite)
            path = () if flat is None else tuple(flat[1:-1])  # type: ignore[arg-type]
            if flat in said.flat.get(path, ()) or flat in on_paths.get(path, ()):
                return False
        if len(other) == _OTHERS:
            return False
        other = [*other, each]
    return True


def _agree(conditions: Sequence[_Wire]) -> bool:
    """Say whether some value may satisfy all of these, which are about one path; the last of them is new."""
    last = conditions[-1]
    op = last[0]
    if len(conditions) == 1:
        return op != _IN or last[-1] != []
    # What mostly it is, without a tree: bounds that go the same way, and texts that begin, or end, alike.
    way = _WAYS.get(op)  # type: ignore[call-overload]
    if way is not None:
        kind = _KINDS.get(type(last[-1]))
        for each in conditions:
            if _WAYS.get(each[0]) is not way or _KINDS.get(type(each[-1])) is not kind:  # type: ignore[call-overload]
                break
        else:
            if kind is not None:
                return True
    test = _TEXT_TESTS.get(op)  # type: ignore[call-overload]
    if test is not None and all(each[0] == op and type(each[-1]) is str for each in conditions):
        literals = [each[-1] for each in conditions]
        longest = max(literals, key=len)  # type: ignore[arg-type]
        if all(test(longest, literal) for literal in literals):
            return True
    return len(conditions) <= _ON_ONE_PATH and not clash_on_one_path(map(_comparison, conditions))


def _comparison(flat: _Wire) -> Expression:
    """Make the tree of a comparison, whatever its path."""
    literal = flat[-1]
    right = ListOf(tuple(map(Literal, literal))) if type(literal) is list else Literal(literal)  # type: ignore[arg-type]
    return Call(_OPS[flat[0]], (_ANYWHERE, right))  # type: ignore[index]


@lru_cache(256)  # an agent appends several blocks below the same chains: saves 15 µs each
def _said(above: tuple[Demand, ...]) -> _Said | None:
    """Sort what the blocks say; `None` where a condition may turn out to say something else."""
    flat: dict[_Path, list[_Wire]] = {}
    other: list[_Wire] = []
    is_closed = False
    for can, caveats in above:
        for each in _parts([*_items(caveats), *(item[2] for item in _items(can) if len(item) > 2)]):
            if each is True:
                continue
            if type(each) is not list:
                return None
            compared = each if each[0] in FLAT_OPS else _turned(each)
            if compared is not None:
                flat.setdefault(tuple(compared[1:-1]), []).append(compared)  # type: ignore[arg-type]
            else:
                if len(other) == _OTHERS:
                    return None
                other.append(each)
                is_closed = is_closed or each[0] == _ALL
    if is_closed and any(map(_asks, other)):
        return None  # without what cannot be given, it may come to a comparison
    return _Said(flat, other, is_closed)


def _parts(conditions: Sequence[object]) -> list[object]:
    """Take `&&` apart."""
    found: list[object] = []
    for each in conditions:
        if type(each) is list and each[0] == _AND:
            found += each[1:]
        else:
            found.append(each)
    return found


def _turned(wire: _Wire) -> _Wire | None:
    """Give `500 >= args.a` with the path on the left; `None` for anything that is not of this form."""
    turned = _TURNED.get(wire[0])  # type: ignore[call-overload]
    if turned is not None and type(wire[1]) is not list and type(wire[2]) is list and wire[2][0] == _PATH:
        return [turned, *wire[2][1:], wire[1]]
    return None


def _asks(wire: _Wire) -> bool:
    """Say whether `has` may be in it."""
    return wire[0] == _HAS or any(type(each) is list and each and _asks(each) for each in wire[1:])


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
