"""Conditions as formulas: where they are true, where false, and where neither (SPEC §6.5).

The rules of this file:

- A value is a list of *cases*: a guard and what the value is there. Where no guard holds, there is an error. So an
  error is never lost: what is neither true nor false is an error, and only what is proved to err may err alone.
- What is not translated is a fresh symbol: a `Guess` for an outcome, a term that is in no request for a value. The real
  outcome is always one of those that a guess allows; so "no request" stays true, and "this request" must be tried.
- One expression over the same values is one symbol, wherever it stands.
- Elements of lists, and keys of maps: each claim that there is one brings a witness, and a claim about all of them is
  made of every element that is spoken of.
- It is one class in five layers, each in a file of its own: `terms`, `comparing`, `asked_of_texts`, `functions`, and
  this.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, Final

from delegate.analysis.proofs.asked_of_texts import applied
from delegate.analysis.proofs.formulas import (
    Formula,
    conj,
    disj,
    equal_sums,
    number,
)
from delegate.analysis.proofs.functions import PARTS, Functions
from delegate.analysis.proofs.languages import Languages, TooMuchError
from delegate.analysis.proofs.symbols import (
    ANY,
    Around,
    Cases,
    Constant,
    Names,
    Number,
    Outcome,
    Ref,
    Surroundings,
    Symbol,
)
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope, StepsExhaustedError
from delegate.core.evaluator.values import ordered_keys, type_name
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR
from delegate.errors import DelegateError
from delegate.language.capability import Capability, Exactly
from delegate.language.codec import to_wire
from delegate.language.printer import format_expression
from delegate.language.tree import Call, Expression, Fold, Has, ListOf, Literal, Path, Select, children

_CASES_MOST: Final = 48
_LIST: Final = frozenset({"list"})
_NAMED_MOST: Final = 12
_OPENED_MOST: Final = 48
_OF_TEXTS: Final = frozenset(
    {Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS, Op.MATCHES, Op.GLOB_MATCH, Op.PATH_WITHIN, Op.NET_WITHIN}
)
_WHY_CHARACTERS: Final = 80
_ORDERS: Final[dict[Op, Callable[[Any, Any], bool]]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


class Translation(Functions):
    """Conditions and capabilities as formulas, for one question."""

    def __init__(self, languages: Languages, around: Surroundings) -> None:
        super().__init__(languages, around)
        self._opened: dict[tuple[Op, tuple[Symbol, ...]], tuple[Cases, Expression]] = {}

    def outcome(self, node: Expression, names: Names = ()) -> Outcome:
        """Say where a condition is true and where it is false; elsewhere it is neither."""
        key = (node, names)
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = self._outcome(node, names)
        return found

    def _outcome(self, node: Expression, names: Names) -> Outcome:
        match node:
            case Call(op=Op.AND, operands=operands):
                parts = [self.outcome(each, names) for each in operands]
                return conj(*(yes for yes, _ in parts)), disj(*(no for _, no in parts))
            case Call(op=Op.OR, operands=operands):
                parts = [self.outcome(each, names) for each in operands]
                return disj(*(yes for yes, _ in parts)), conj(*(no for _, no in parts))
            case Call(op=Op.NOT, operands=(operand,)):
                yes, no = self.outcome(operand, names)
                return no, yes
            case Call(op=Op.CONDITION, operands=(test, first, second)):
                (yes, no), one, other = (
                    self.outcome(test, names),
                    self.outcome(first, names),
                    self.outcome(second, names),
                )
                return (
                    disj(conj(yes, one[0]), conj(no, other[0])),
                    disj(conj(yes, one[1]), conj(no, other[1])),
                )
            case Has(target=Path(parts=parts_)):
                if parts_[0] == "holder" and not any(name == "holder" for name, _ in names):
                    return self._has_holder(parts_)
                return self._has(self._path(parts_[:-1], names), parts_[-1])
            case Has(target=Select(operand=operand, field=field)):
                return self._has(self.cases(operand, names), field)
            case Fold(op=op) if op in {Op.ALL, Op.EXISTS}:
                return self._fold(node, names)
            case Call(op=Op.IN, operands=(item, ListOf(items=items))):
                return self._in_list(self.cases(item, names), [self.cases(each, names) for each in items], _why(node))
        return self._as_outcome(self.cases(node, names))

    def cases(self, node: Expression, names: Names) -> Cases:
        """Say what an expression comes to, and where; elsewhere it is an error."""
        key = (node, names)
        found = self._cases.get(key)
        if found is None:
            found = [(guard, symbol) for guard, symbol in self._value(node, names) if guard is not False]
            if len(found) > _CASES_MOST:
                found = self._open(node, names, ANY)
            self._cases[key] = found
        return found

    def _value(self, node: Expression, names: Names) -> Cases:
        match node:
            case Literal(value=value):
                return [(True, Constant(value))]
            case Path(parts=parts):
                return self._path(parts, names)
            case Select(operand=operand, field=field):
                return self._field(self.cases(operand, names), field)
        if not _reads(node):
            return _folded(node)
        match node:
            case Has():
                return self._as_cases(self.outcome(node, names))
            case Fold(op=op):
                if op in {Op.ALL, Op.EXISTS}:
                    return self._as_cases(self.outcome(node, names))
                return self._exists_one(node, names) if op is Op.EXISTS_ONE else self._open(node, names, _LIST)
            case Call(op=op, operands=operands):
                if op in {Op.AND, Op.OR, Op.NOT} or (op is Op.IN and isinstance(operands[1], ListOf)):
                    return self._as_cases(self.outcome(node, names))
                if op is Op.CONDITION:
                    yes, no = self.outcome(operands[0], names)
                    return [
                        (conj(guard, under), symbol)
                        for guard, each in ((yes, operands[1]), (no, operands[2]))
                        for under, symbol in self.cases(each, names)
                    ]
                return self._call(op, operands, node, names)
            case ListOf():
                return self._open(node, names, frozenset({"list"}))
        return self._open(node, names, frozenset({"map"}))

    def _call(self, op: Op, operands: tuple[Expression, ...], node: Expression, names: Names) -> Cases:
        given = [self.cases(each, names) for each in operands]
        if math.prod(map(len, given)) > _CASES_MOST:
            return self._open(node, names, ANY)
        found: Cases = []
        for each in product(*given):
            guard = conj(*(under for under, _ in each))
            if guard is False:
                continue
            symbols = [symbol for _, symbol in each]
            constants = [symbol.value for symbol in symbols if isinstance(symbol, Constant)]
            if len(constants) == len(symbols):
                under = applied(op, constants)
            else:
                before = self._fresh
                under = self._operator(op, symbols, node)
                if self._fresh > before:
                    self._opened.setdefault((op, tuple(symbols)), (under, node))
            found += [(conj(guard, beside), symbol) for beside, symbol in under]
        return found

    def close(self) -> list[Formula]:
        """Say all that is left to be said of terms; give all that always holds.

        Raises:
            TooMuchError: there are too many elements.
        """
        self._instantiate()
        self._work_out()
        self._instantiate()
        self._finish()
        return self.axioms

    def _work_out(self) -> None:
        """Say what comes of an operator that was left open, where its operands are values that are named somewhere."""
        for (op, symbols), (cases, node) in [*self._opened.items()][:_OPENED_MOST]:
            values = [self._values(symbol) for symbol in symbols]
            if op in _OF_TEXTS and values[1] and not isinstance(symbols[1], Constant) and not values[0]:
                for is_it, value in values[1]:
                    instead = self._operator(op, [symbols[0], Constant(value)], node)
                    self._agree(is_it, cases, instead)
            for chosen in [*product(*values)][:_NAMED_MOST]:
                outcome = applied(op, [value for _, value in chosen])
                self._agree(conj(*(is_it for is_it, _ in chosen)), cases, outcome)
                for _, symbol in cases:
                    if isinstance(symbol, Ref) and outcome and isinstance(outcome[0][1], Constant):
                        self.named.setdefault(symbol.term, {})[outcome[0][1]] = None

    def _agree(self, where: Formula, cases: Cases, others: Cases) -> None:
        """Say that two lists of cases are one, where something holds; of values, only where they are known."""
        if where is False:
            return
        negate = self.negate
        unless = negate(where)
        here = [(guard, symbol) for guard, symbol in cases if guard is not False]
        there = disj(*(guard for guard, _ in others))
        comes = disj(*(guard for guard, _ in here))
        self.axioms += [disj(unless, negate(there), comes), disj(unless, there, negate(comes))]
        for under, other in others:
            if isinstance(other, Constant) and _is_plain(other.value):
                same = (disj(negate(guard), self.equal(symbol, other, "")) for guard, symbol in here)
                self.axioms += [disj(unless, negate(under), each) for each in same]

    def _values(self, symbol: Symbol) -> list[tuple[Formula, object]]:
        """Give values that a symbol is compared with somewhere, each with where it is that."""
        if isinstance(symbol, Constant):
            return [(True, symbol.value)]
        if isinstance(symbol, Ref):
            return [
                (conj(self.is_kind(symbol, type_name(each.value)), self.equal(symbol, each, "")), each.value)
                for each in [*self.named.get(symbol.term, {})][:_NAMED_MOST]
                if _is_plain(each.value)
            ]
        if isinstance(symbol, Around):
            return [
                (is_it, symbol.ahead + value + symbol.behind)
                for is_it, value in self._values(symbol.inner)
                if isinstance(value, str)
            ]
        return self._number_values(symbol) if isinstance(symbol, Number) else []

    def _number_values(self, symbol: Number) -> list[tuple[Formula, object]]:
        names = [name for name, _ in symbol.sum.parts]
        choices = [
            [each.value for each in self.named.get(term, {}) if type_name(each.value) == which][:_NAMED_MOST]
            for term, which in names
        ]
        found: list[tuple[Formula, object]] = []
        for values in [*product(*choices)][:_NAMED_MOST]:
            total = symbol.sum.constant
            for (_, weight), value in zip(symbol.sum.parts, values, strict=True):
                total += weight * Fraction(value if isinstance(value, (int, float)) else 0)
            is_it = equal_sums(symbol.sum, number(total))
            if symbol.kind == "double" and total and Fraction(float(total)) == total:
                found.append((is_it, float(total)))
            elif symbol.kind == "int" and total.denominator == 1:
                found.append((is_it, int(total)))
        return found

    def _open(self, node: Expression, names: Names, kinds: frozenset[str]) -> Cases:
        """Leave open what an expression comes to, and whether it errs."""
        return self._open_value(("node", node, names), _why(node), kinds)

    def _operator(self, op: Op, symbols: list[Symbol], node: Expression) -> Cases:
        first = symbols[0]
        why = _why(node)
        key = (op, tuple(symbols))
        if op in {Op.EQ, Op.NE}:
            same = self.equal(first, symbols[1], why)
            yes, no = (same, self.negate(same)) if op is Op.EQ else (self.negate(same), same)
            return self._as_cases((yes, no))
        if op in _ORDERS:
            return self._as_cases(self._order(op, first, symbols[1], why))
        if op in {Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS, Op.MATCHES, Op.GLOB_MATCH, Op.PATH_WITHIN, Op.NET_WITHIN}:
            return self._as_cases(self._of_texts(op, first, symbols[1], why))
        match op:
            case Op.IN:
                return self._as_cases(self._in(first, symbols[1], why))
            case Op.SIZE:
                return self._size(first, why)
            case Op.ADD | Op.SUBTRACT:
                return self._plus(op, first, symbols[1], why)
            case Op.MULTIPLY:
                return self._times(first, symbols[1], why)
            case Op.NEGATE:
                return self._negated(first, why)
            case Op.DIVIDE | Op.MODULO:
                return self._divided(op, first, symbols[1], why)
            case Op.INDEX:
                return self._index(first, symbols[1], why)
            case Op.INT | Op.DOUBLE | Op.STRING | Op.BOOL | Op.TIMESTAMP | Op.DURATION | Op.BYTES:
                return self._converted(op, first, why)
            case Op.DYN:
                return [(True, first)]
            case Op.URL_HOST | Op.URL_SCHEME:
                return self._of_url(op, first, why)
        return self._part(op, symbols, why) if op in PARTS else self._open_value(key, why, ANY)

    def _fold(self, node: Fold, names: Names) -> Outcome:
        decisive = node.op is Op.EXISTS

        def body(symbol: Symbol) -> Outcome:
            return self.outcome(node.bodies[0], (*names, (node.variable, symbol)))

        if isinstance(node.source, ListOf):
            cases = [self.cases(each, names) for each in node.source.items]
            fits = conj(*(disj(*(guard for guard, _ in each)) for each in cases))
            each_outcome = []
            for each in cases:
                found = [(guard, body(symbol)) for guard, symbol in each]
                each_outcome.append(
                    (
                        disj(*(conj(guard, yes) for guard, (yes, _) in found)),
                        disj(*(conj(guard, no) for guard, (_, no) in found)),
                    )
                )
            return self._joined(each_outcome, fits, decisive=decisive)
        yes: list[Formula] = []
        no: list[Formula] = []
        for guard, symbol in self.cases(node.source, names):
            if isinstance(symbol, Constant):
                value = symbol.value
                items = ordered_keys(value) if isinstance(value, dict) else value
                if not isinstance(items, (list, tuple)):
                    continue
                under = self._joined([body(Constant(each)) for each in items], True, decisive=decisive)
            elif isinstance(symbol, Ref):
                key = (node, names)
                parts = [
                    self._over(symbol.term, kind, node.op, body, key)
                    for kind in ("list", "map")
                    if kind in self.kinds[symbol.term]
                ]
                under = disj(*(each for each, _ in parts)), disj(*(each for _, each in parts))
            else:
                continue
            yes.append(conj(guard, under[0]))
            no.append(conj(guard, under[1]))
        return disj(*yes), disj(*no)

    def _exists_one(self, node: Fold, names: Names) -> Cases:
        """True or false where `exists` is true, false where that is false, an error where that errs."""
        yes, no = self.outcome(Fold(Op.EXISTS, node.source, node.variable, node.bodies), names)
        one, several = self.guess(("one", node, names), _why(node)), self.guess(("several", node, names), _why(node))
        return [
            (conj(yes, one), Constant(True)),
            (disj(no, conj(yes, self.negate(one), several)), Constant(False)),
        ]

    def _joined(self, items: Iterable[Outcome], fits: Formula, *, decisive: bool) -> Outcome:
        parts = [*items]
        if decisive:
            return conj(fits, disj(*(yes for yes, _ in parts))), conj(fits, *(no for _, no in parts))
        return conj(fits, *(yes for yes, _ in parts)), conj(fits, disj(*(no for _, no in parts)))

    def permits(self, capabilities: Sequence[Capability] | None, caveats: Sequence[Expression]) -> Formula:
        """Say what a block permits: one of its capabilities, where it has any, and all its caveats."""
        some = True if capabilities is None else disj(*map(self.covers, capabilities))
        return conj(some, *(self.outcome(each)[0] for each in caveats))

    def covers(self, capability: Capability) -> Formula:
        """Say which requests a capability permits (SPEC §6.1)."""
        action = self.in_text(self.action(), self.texts.pattern(capability.action, ACTION_SEPARATOR))
        resource = capability.resource
        term = self.resource()
        if resource is None:
            place = self.of_kind(term, "null")
        elif isinstance(resource, Exactly):
            place = conj(self.of_kind(term, "string"), self.in_text(term, self.languages.word(resource.text)))
        else:
            pattern = self.texts.pattern(resource, RESOURCE_SEPARATOR)
            place = conj(
                self.of_kind(term, "string"), self.in_text(term, self.texts.plain()), self.in_text(term, pattern)
            )
        condition = True if capability.condition is None else self.outcome(capability.condition)[0]
        return conj(action, place, condition)


def _is_plain(value: object) -> bool:
    """Say whether `==` with this value means that it is this value: not so of 0.0, which is -0.0 too, and of NaN."""
    if isinstance(value, float):
        return math.isfinite(value) and value != 0
    return not isinstance(value, (list, tuple, dict))


def _reads(node: Expression) -> bool:
    """Say whether an expression reads any name."""
    if isinstance(node, Path) or (isinstance(node, Has) and isinstance(node.target, Path)):
        return True
    return any(map(_reads, children(node)))


def _folded(node: Expression) -> Cases:
    """Work out what reads nothing."""
    try:
        return [(True, Constant(compile_wire(to_wire(node))(Scope({}))))]
    except StepsExhaustedError:
        raise TooMuchError("a constant that takes too many steps") from None
    except DelegateError:
        return []


def _why(node: Expression) -> str:
    """Give the text of what is left open, cut short."""
    text = format_expression(node)
    return text if len(text) <= _WHY_CHARACTERS else f"{text[: _WHY_CHARACTERS - 1]}…"
