"""Conditions joined and said shortly, for people to read (SPEC §6.9). No decision depends on it.

The rules of this file:

- The result says *at least* what the conditions say: where all of them hold, it holds. A condition is left out only
  where another one, holding, implies it; a contradiction is reported only where no value at all could satisfy both.
- An error denies, so `args.a <= 200` implies `args.a <= 500` also where `args.a` is missing or a text: both deny.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from delegate.core.evaluator.opcodes import LiteralValue, Op
from delegate.language.closed import closed_names, only_arguments
from delegate.language.tree import Call, Expression, Has, ListOf, Literal, Path, children, conjuncts, junction
from delegate.limits import EXACT_DOUBLE

# A literal as CEL compares it: numbers with numbers, every other type with its own.
_Comparable: TypeAlias = tuple[str, LiteralValue]

MIRRORED: Final = {
    Op.EQ: Op.EQ,
    Op.NE: Op.NE,
    Op.LT: Op.GT,
    Op.LE: Op.GE,
    Op.GT: Op.LT,
    Op.GE: Op.LE,
}
_UPPER: Final = frozenset({Op.LT, Op.LE})
_LOWER: Final = frozenset({Op.GT, Op.GE})
_TEXT_TESTS: Final = frozenset({Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS})
_BOOLS: Final = (Literal(value=True), Literal(value=False))
_ORDERED: Final = frozenset({"number", "str", "bytes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Simplified:
    """What conditions come to together.

    Attributes:
        conjuncts: all of them must hold; none where anything goes.
        contradiction: whether nothing can satisfy them; then `conjuncts` are the ones that clash.
    """

    conjuncts: tuple[Expression, ...]
    contradiction: bool = False


class _ClashError(Exception):
    """Two conditions that no value can satisfy."""

    def __init__(self, *conjuncts: Expression) -> None:
        super().__init__()
        self.conjuncts = conjuncts


def simplify(conditions: Iterable[Expression]) -> Simplified:
    """Join conditions and leave out what others imply.

    Args:
        conditions: all of them must hold.

    Cost: as `simplify_steps` says.
    """
    parts = [_normal(part) for condition in conditions for part in conjuncts(condition)]
    names: tuple[str, ...] | None = None
    facts: dict[tuple[str, ...], _Facts] = {}
    kept: dict[Expression | tuple[str, ...], None] = {}  # in order
    try:
        # Leaving out what cannot be given may bare another list of names.
        while (found := _named(parts)) is not None and found != names:
            names = found
            parts = [_normal(each) for part in parts for each in conjuncts(_possible(part, names))]
        for part in parts:
            if part == Literal(value=True):
                continue
            if part == Literal(value=False):
                return Simplified(conjuncts=(part,), contradiction=True)
            path = _subject(part)
            if closed_names(part) is not None:
                continue
            if path is not None and isinstance(part, Call):
                if path not in facts:
                    facts[path] = _Facts(path)
                    kept[path] = None
                facts[path].add(part)
            elif part not in kept:
                _check_negation(part, kept)
                kept[part] = None
        rest = [part for each in kept for part in (facts[each].conjuncts() if isinstance(each, tuple) else (each,))]
    except _ClashError as clash:
        return Simplified(conjuncts=clash.conjuncts, contradiction=True)
    first = (only_arguments(names),) if names is not None else ()
    return Simplified(conjuncts=(*first, *rest))


def clash_on_one_path(conditions: Iterable[Expression]) -> bool:
    """Say whether no value could satisfy these comparisons of one path with literals."""
    facts = _Facts(())
    try:
        for each in conditions:
            if isinstance(each, Call) and _subject(each) is not None:
                facts.add(each)
        facts.conjuncts()
    except _ClashError:
        return True
    return False


def simplify_steps(conditions: Iterable[Expression]) -> int:
    """About how many microseconds does `simplify` take?

    Some for each condition and node. Besides, tests of texts are compared with each other, lists with whatever else
    there is, and after each closed list of names all may be looked at again.
    """
    parts = [part for condition in conditions for part in conjuncts(condition)]
    texts = sum(isinstance(part, Call) and part.op in _TEXT_TESTS for part in parts)
    lists = (part.operands[1] for part in parts if isinstance(part, Call) and part.op is Op.IN)
    items = sum(len(each.items) for each in lists if isinstance(each, ListOf))
    nodes = closings = 0
    pending: list[Expression] = [*parts]
    while pending:
        node = pending.pop()
        nodes += 1
        closings += closed_names(node) is not None
        pending += children(node)
    return 10 * len(parts) + texts * texts // 2 + items * len(parts) + nodes * (1 + closings)


def _check_negation(part: Expression, kept: Collection[Expression | tuple[str, ...]]) -> None:
    opposite = part.operands[0] if isinstance(part, Call) and part.op is Op.NOT else Call(Op.NOT, (part,))
    if opposite in kept:
        raise _ClashError(opposite, part)


def _named(parts: Iterable[Expression]) -> tuple[str, ...] | None:
    """Give the arguments that all closed lists name; `None` without such a list."""
    names: tuple[str, ...] | None = None
    for part in parts:
        closed = closed_names(part)
        if closed is not None:
            names = closed if names is None else tuple(name for name in names if name in closed)
    return names


def _possible(part: Expression, names: tuple[str, ...]) -> Expression:
    """Leave out of a condition what asks whether there is an argument that is not named; `_ClashError` if that decides.

    Beside `pay(amount)`, `!has(args.size) || args.size < 9` is true.
    """
    left = _without_absent(part, names)
    if left == Literal(value=False) and left != part:
        raise _ClashError(part)
    return left


def _without_absent(node: Expression, names: tuple[str, ...]) -> Expression:
    match node:
        case Has(target=Path(parts=("args", name))) if name not in names:
            return Literal(value=False)
        case Call(op=Op.NOT, operands=(operand,)):
            inner = _without_absent(operand, names)
            if inner in _BOOLS and inner != operand:
                return Literal(value=inner == Literal(value=False))
        case Call(op=(Op.AND | Op.OR) as op, operands=operands):
            decisive, idle = Literal(value=op is Op.OR), Literal(value=op is Op.AND)
            given = [_without_absent(each, names) for each in operands]
            if tuple(given) != operands:
                return decisive if decisive in given else junction(op, (each for each in given if each != idle))
    return node


def _normal(part: Expression) -> Expression:
    """Put the path on the left: `500 >= args.a` is `args.a <= 500`."""
    if (
        isinstance(part, Call)
        and part.op in MIRRORED
        and isinstance(part.operands[0], Literal)
        and isinstance(part.operands[1], Path)
    ):
        return Call(MIRRORED[part.op], (part.operands[1], part.operands[0]))
    return part


def _subject(part: Expression) -> tuple[str, ...] | None:
    """Give the path that a condition of a known kind is about; `None` for any other condition."""
    match part:
        case Call(op=op, operands=(Path(parts=parts), Literal() as literal)):
            kind = _comparable(literal)[0]
            if not _is_exact(literal):
                return None
            if (
                op in (Op.EQ, Op.NE)
                or (op in _UPPER | _LOWER and kind in _ORDERED)
                or (op in _TEXT_TESTS and kind == "str")
            ):
                return parts
        case Call(op=Op.IN, operands=(Path(parts=parts), ListOf(items=items))):
            if all(isinstance(item, Literal) and _is_exact(item) for item in items):
                return parts
    return None


def _is_exact(literal: Literal) -> bool:
    """Say whether comparing with this literal as doubles is comparing with the number that it is."""
    value = literal.value
    return not isinstance(value, (int, float)) or abs(value) < EXACT_DOUBLE


def _comparable(literal: Literal) -> _Comparable:
    value = literal.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number", value
    return type(value).__name__, value


@dataclass(slots=True)
class _Facts:
    """What is known about one path from the conditions so far; raises `_ClashError` where it cannot be."""

    path: tuple[str, ...]
    upper: dict[str, Call] = field(default_factory=dict)  # by the type of the literal
    lower: dict[str, Call] = field(default_factory=dict)
    allowed: tuple[Literal, ...] | None = None  # from `==` and `in`
    allowed_by: Expression | None = None
    unequal: dict[Call, None] = field(default_factory=dict)
    texts: list[Call] = field(default_factory=list)

    def add(self, part: Call) -> None:
        right = part.operands[1]
        if isinstance(right, ListOf):
            self._allow(tuple(item for item in right.items if isinstance(item, Literal)), part)
        elif not isinstance(right, Literal):
            return
        elif part.op is Op.EQ:
            self._allow((right,), part)
        elif part.op is Op.NE:
            self.unequal[part] = None
        elif part.op in _TEXT_TESTS:
            self._test_text(part)
        elif part.op in _UPPER:
            self._bound(self.upper, part, _tighter_upper)
        else:
            self._bound(self.lower, part, _tighter_lower)

    def conjuncts(self) -> tuple[Expression, ...]:
        """Say what is known in as few conditions as there are."""
        tests = [*self.lower.values(), *self.upper.values(), *self.unequal, *self.texts]
        subject = Path(self.path)
        if self.allowed is None:
            kinds = {_kind(test) for test in tests if test.op is not Op.NE}
            if len(kinds) > 1:  # a value has one type, and comparing it with another type's is an error
                raise _ClashError(*tests)
            self._check_range()
            return tuple(tests)
        left = tuple(value for value in self.allowed if all(_holds(test, value) for test in tests))
        if not left:
            raise _ClashError(*((self.allowed_by,) if self.allowed_by is not None else ()), *tests)
        if len(left) == 1:
            return (Call(Op.EQ, (subject, left[0])),)
        return (Call(Op.IN, (subject, ListOf(left))),)

    def _allow(self, values: tuple[Literal, ...], part: Call) -> None:
        if self.allowed is None:
            left = tuple(dict.fromkeys(values))
        else:
            wanted = {_comparable(value) for value in values}
            left = tuple(value for value in self.allowed if _comparable(value) in wanted)
        if not left:
            raise _ClashError(*((self.allowed_by,) if self.allowed_by is not None else ()), part)
        self.allowed, self.allowed_by = left, part

    def _bound(self, bounds: dict[str, Call], part: Call, tighter: Callable[[Call, Call], bool]) -> None:
        before = bounds.get(_kind(part))
        if before is None or tighter(part, before):
            bounds[_kind(part)] = part

    def _check_range(self) -> None:
        for kind, upper in self.upper.items():
            lower = self.lower.get(kind)
            if lower is not None:
                least, most = _value(lower), _value(upper)
                if least > most or (least == most and (upper.op is Op.LT or lower.op is Op.GT)):
                    raise _ClashError(lower, upper)

    def _test_text(self, part: Call) -> None:
        mine = str(_value(part))
        for before in list(self.texts):
            theirs = str(_value(before))
            if before.op is part.op:
                if _implies_text(part.op, theirs, mine):
                    return
                if _implies_text(part.op, mine, theirs):
                    self.texts.remove(before)
                elif part.op is not Op.CONTAINS:
                    raise _ClashError(before, part)
            elif part.op is Op.CONTAINS and mine in theirs:
                return
            elif before.op is Op.CONTAINS and theirs in mine:
                self.texts.remove(before)
        self.texts.append(part)


def _implies_text(op: Op, long: str, short: str) -> bool:
    """Say whether a text that passes with `long` passes with `short`."""
    if op is Op.STARTS_WITH:
        return long.startswith(short)
    return long.endswith(short) if op is Op.ENDS_WITH else short in long


def _kind(part: Call) -> str:
    return _comparable(_literal(part))[0]


def _literal(part: Call) -> Literal:
    right = part.operands[1]
    return right if isinstance(right, Literal) else Literal(None)


def _value(part: Call) -> Any:  # noqa: ANN401 - a number, text or bytes, compared with its own kind only
    return _literal(part).value


def _tighter_upper(new: Call, old: Call) -> bool:
    return bool(_value(new) < _value(old) or (_value(new) == _value(old) and new.op is Op.LT))


def _tighter_lower(new: Call, old: Call) -> bool:
    return bool(_value(new) > _value(old) or (_value(new) == _value(old) and new.op is Op.GT))


def _holds(test: Call, value: Literal) -> bool:
    """Say whether a condition holds for one value of its path."""
    kind, given = _comparable(value)
    bound_kind, bound = _comparable(_literal(test))
    if test.op is Op.NE:
        return (kind, given) != (bound_kind, bound)
    if kind != bound_kind:
        return False  # an error, which denies
    left: Any = given
    right: Any = bound
    match test.op:
        case Op.LT:
            return bool(left < right)
        case Op.LE:
            return bool(left <= right)
        case Op.GT:
            return bool(left > right)
        case Op.GE:
            return bool(left >= right)
        case Op.STARTS_WITH:
            return str(left).startswith(str(right))
        case Op.ENDS_WITH:
            return str(left).endswith(str(right))
    return str(right) in str(left)
