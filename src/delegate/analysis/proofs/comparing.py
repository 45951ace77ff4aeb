"""Two values beside one another: whether they are equal, and which comes first (SPEC §6.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from delegate.analysis.proofs.formulas import (
    Formula,
    Same,
    Sum,
    Truth,
    at_most,
    conj,
    disj,
    equal_sums,
    fact,
    number,
    variable,
)
from delegate.analysis.proofs.symbols import (
    ELEMENTS_MOST,
    Around,
    Cases,
    Constant,
    Length,
    Number,
    OfUrl,
    Outcome,
    Ref,
    Symbol,
)
from delegate.analysis.proofs.terms import Terms
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import (
    Duration,
    Timestamp,
    equal,
    type_name,
)
from delegate.limits import EXACT_DOUBLE, INTEGER_MAX, INTEGER_MIN

_NUMBERS: Final = frozenset({"int", "double"})
_MIRRORED: Final = {Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE}


class Comparing(Terms):
    """What values are, and how they compare."""

    def is_kind(self, symbol: Symbol, *kinds: str) -> Formula:
        """Say that a value is of one of these kinds."""
        if isinstance(symbol, Ref):
            return self.of_kind(symbol.term, *kinds)
        if isinstance(symbol, Constant):
            value = symbol.value
            return ("nan" if value != value else type_name(value)) in kinds  # noqa: PLR0124 - NaN
        if isinstance(symbol, Number):
            return symbol.kind in kinds
        return ("int" if isinstance(symbol, Length) else "string") in kinds

    def text_in(self, symbol: Symbol, language: int) -> Formula:
        """Say that a value, where it is a text, is in a set."""
        languages = self.languages
        while True:
            if isinstance(symbol, Around):
                language = languages.before(languages.after(language, symbol.ahead), symbol.behind)
            elif isinstance(symbol, OfUrl):
                make = self.texts.host_urls if symbol.host else self.texts.scheme_urls
                language = make(language)
            else:
                break
            symbol = symbol.inner
        if isinstance(symbol, Constant):
            return isinstance(symbol.value, str) and languages.accepts(language, symbol.value)
        return self.in_text(symbol.term, language) if isinstance(symbol, Ref) else False

    def _numbers(self, symbol: Symbol) -> list[tuple[Formula, str, Sum]]:
        """Give the numbers that a value may be, each with where it is that."""
        if isinstance(symbol, Number):
            return [(True, symbol.kind, symbol.sum)]
        if isinstance(symbol, Ref):
            return [
                (self.of_kind(symbol.term, kind), kind, variable(symbol.term, "double" if kind == "double" else "int"))
                for kind in ("int", "double", "timestamp", "duration")
                if kind in self.kinds[symbol.term]
            ]
        if isinstance(symbol, Constant):
            value = symbol.value
            if isinstance(value, (Timestamp, Duration)):
                return [(True, type_name(value), number(value.ns))]
            if type(value) is int or (type(value) is float and math.isfinite(value)):
                return [(True, type_name(value), number(value))]
        return []

    def _as_outcome(self, cases: Cases) -> Outcome:
        yes: list[Formula] = []
        no: list[Formula] = []
        for guard, symbol in cases:
            if isinstance(symbol, Constant):
                if isinstance(symbol.value, bool):
                    (yes if symbol.value else no).append(guard)
            elif isinstance(symbol, Ref):
                is_bool = conj(guard, self.of_kind(symbol.term, "bool"))
                truth = fact(Truth(symbol.term))
                yes.append(conj(is_bool, truth))
                no.append(conj(is_bool, self.negate(truth)))
        return disj(*yes), disj(*no)

    def _as_cases(self, outcome: Outcome) -> Cases:
        return [(outcome[0], Constant(True)), (outcome[1], Constant(False))]

    def equal(self, one: Symbol, other: Symbol, why: str) -> Formula:
        """Say that two values are equal."""
        if isinstance(one, Constant) and isinstance(other, Constant):
            return equal(one.value, other.value, Scope({}))
        if isinstance(one, Constant):
            one, other = other, one
        if isinstance(one, Ref) and isinstance(other, Constant):
            self.named.setdefault(one.term, {})[other] = None
        if one == other and not (isinstance(one, Ref) and str(one.term[0]).startswith("#")):
            return True
        if isinstance(one, Length) or isinstance(other, Length):
            return conj(*self._order(Op.LE, one, other, why)[:1], *self._order(Op.GE, one, other, why)[:1])
        found: list[Formula] = [
            conj(mine, theirs, self._related(Op.EQ, kind, left, other_kind, right, why))
            for mine, kind, left in self._numbers(one)
            for theirs, other_kind, right in self._numbers(other)
            if kind == other_kind or {kind, other_kind} == _NUMBERS
        ]
        texts = conj(self.is_kind(one, "string"), self.is_kind(other, "string"))
        if texts is not False:
            found.append(conj(texts, self._same_text(one, other, why)))
        found.append(conj(self.is_kind(one, "null"), self.is_kind(other, "null")))
        bools = conj(self.is_kind(one, "bool"), self.is_kind(other, "bool"))
        if bools is not False:
            (yes, no), (also, nor) = self._as_outcome([(True, one)]), self._as_outcome([(True, other)])
            found.append(disj(conj(yes, also), conj(no, nor)))
        if isinstance(one, Ref) and isinstance(other, Constant) and isinstance(other.value, (list, tuple)):
            found.append(self._equal_list(one, other.value, why))
            return disj(*found)
        for kind in ("bytes", "list", "map"):
            both = conj(self.is_kind(one, kind), self.is_kind(other, kind))
            if both is not False:
                found.append(conj(both, self.guess(("equal", kind, frozenset((one, other))), why)))
        if isinstance(other, Constant) and isinstance(other.value, float) and math.isinf(other.value):
            found.append(conj(self.is_kind(one, "double"), self.guess(("equal", one, other), why)))
        return disj(*found)

    def audience_in(self, names: Sequence[str]) -> Formula:
        """Say that the service is one of these."""
        return disj(*(self.equal(symbol, Constant(each), "") for _, symbol in self._root("aud") for each in names))

    def _equal_list(self, one: Ref, items: Sequence[object], why: str) -> Formula:
        """Say that a value is a list of just these items."""
        is_list = self.is_kind(one, "list")
        if is_list is False:
            return False
        if len(items) >= ELEMENTS_MOST // 2:
            return conj(is_list, self.guess(("equal", one, repr(items)), why))
        parts: list[Formula] = [is_list, equal_sums(self._count(one.term), number(len(items)))]
        for place, item in enumerate(items):
            for guard, symbol in self._item(one.term, place):
                parts += [guard, self.equal(symbol, Constant(item), why)]
        return conj(*parts)

    def _same_text(self, one: Symbol, other: Symbol, why: str) -> Formula:
        if isinstance(other, Constant):
            return isinstance(other.value, str) and self.text_in(one, self.languages.word(other.value))
        if isinstance(one, Ref) and isinstance(other, Around):
            one, other = other, one
        inner, ahead, behind = (one.inner, one.ahead, one.behind) if isinstance(one, Around) else (one, "", "")
        if isinstance(inner, Ref) and isinstance(other, Ref) and inner != other:
            if not ahead and not behind and repr(inner.term) > repr(other.term):
                inner, other = other, inner
            return fact(Same(other.term, inner.term, ahead, behind))
        return self.guess(("same text", frozenset((one, other))), why)

    def _order(self, op: Op, one: Symbol, other: Symbol, why: str) -> Outcome:
        turned = isinstance(other, Length) and not isinstance(one, Length)
        if turned or (isinstance(one, Constant) and not isinstance(other, Constant)):
            return self._order(_MIRRORED[op], other, one, why)
        if isinstance(one, Length):
            return self._length_order(op, one, other, why)
        yes: list[Formula] = []
        ok: list[Formula] = []
        for mine, kind, left in self._numbers(one):
            for theirs, other_kind, right in self._numbers(other):
                if kind == other_kind or {kind, other_kind} == _NUMBERS:
                    both = conj(mine, theirs)
                    ok.append(both)
                    yes.append(conj(both, self._related(op, kind, left, other_kind, right, why)))
        texts = conj(self.is_kind(one, "string"), self.is_kind(other, "string"))
        if texts is not False:
            ok.append(texts)
            yes.append(conj(texts, self._text_order(op, one, other, why)))
        for kind in ("bool", "bytes"):
            both = conj(self.is_kind(one, kind), self.is_kind(other, kind))
            if both is not False:
                ok.append(both)
                yes.append(conj(both, self.guess((op, kind, one, other), why)))
        numeric = ("int", "double", "nan")
        for first, second in ((one, other), (other, one)):
            # With NaN all four are false, and no error.
            ok.append(conj(self.is_kind(first, "nan"), self.is_kind(second, *numeric)))
        if isinstance(other, Constant) and isinstance(other.value, float) and math.isinf(other.value):
            both = self.is_kind(one, "int", "double")
            ok.append(both)
            yes.append(conj(both, self.guess((op, one, other), why)))
        holds, fits = disj(*yes), disj(*ok)
        return holds, conj(fits, self.negate(holds))

    def _text_order(self, op: Op, one: Symbol, other: Symbol, why: str) -> Formula:
        if not (isinstance(other, Constant) and isinstance(other.value, str)):
            return self.guess((op, "text", one, other), why)
        less = self.texts.less(other.value)
        if op in {Op.LE, Op.GT}:
            less = self.languages.alt(less, self.languages.word(other.value))
        before = self.text_in(one, less)
        return before if op in {Op.LT, Op.LE} else self.negate(before)

    def _length_order(self, op: Op, one: Length, other: Symbol, why: str) -> Outcome:
        value = other.value if isinstance(other, Constant) else None
        if type(value) not in {int, float} or value != value:  # noqa: PLR0124 - NaN
            return self._open_outcome(self.is_kind(other, "int", "double", "nan"), (op, one, other), why)
        assert isinstance(value, (int, float))  # noqa: S101 - for the type checker
        # The lengths that hold are those from `least`, or those below it.
        bound = max(-1, min(value, 1 << 17))
        least = math.floor(bound) + 1 if op in {Op.LE, Op.GT} else math.ceil(bound)
        long = self.text_in(one.inner, self.texts.long(max(least, 0), None))
        below = self.negate(long)
        return (below, long) if op in {Op.LT, Op.LE} else (long, below)

    def _related(self, op: Op, kind: str, left: Sum, other_kind: str, right: Sum, why: str) -> Formula:
        """Compare two numbers; an int and a double as doubles, which beyond 2^53 round."""
        if kind == "int" and other_kind == "double":
            if not right.parts:
                return self._int_to_double(op, left, right)
            return self._rounding(op, left, left, right, why)
        if kind == "double" and other_kind == "int":
            if not right.parts:
                right = number(float(int(right.constant)))
            else:
                return self._rounding(op, right, left, right, why)
        return _relation(op, left, right)

    def _rounding(self, op: Op, whole: Sum, left: Sum, right: Sum, why: str) -> Formula:
        exact = conj(at_most(number(-EXACT_DOUBLE), whole), at_most(whole, number(EXACT_DOUBLE)))
        rounded = conj(self.negate(exact), self.guess((op, left, right), why))
        return disj(conj(exact, _relation(op, left, right)), rounded)

    def _int_to_double(self, op: Op, left: Sum, right: Sum) -> Formula:
        double = float(right.constant)
        span = range(INTEGER_MIN, INTEGER_MAX + 1)
        least = _first(span, lambda value: float(value) >= double)
        above = _first(span, lambda value: float(value) > double)
        match op:
            case Op.LT:
                return at_most(left, number(least), strict=True)
            case Op.LE:
                return at_most(left, number(above), strict=True)
            case Op.GT:
                return at_most(number(above), left)
            case Op.GE:
                return at_most(number(least), left)
        return conj(at_most(number(least), left), at_most(left, number(above), strict=True))


def _relation(op: Op, left: Sum, right: Sum) -> Formula:
    match op:
        case Op.LT:
            return at_most(left, right, strict=True)
        case Op.LE:
            return at_most(left, right)
        case Op.GT:
            return at_most(right, left, strict=True)
        case Op.GE:
            return at_most(right, left)
    return equal_sums(left, right)


def _first(span: range, test: Callable[[int], bool]) -> int:
    """Give the first number of a run that passes, or the one behind its end; those behind one that passes pass too."""
    low, high = span.start, span.stop
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle + 1, high)
    return low
