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
from itertools import product
from typing import Any, Final

from delegate.analysis.proofs.asked_of_texts import applied
from delegate.analysis.proofs.formulas import (
    Formula,
    conj,
    disj,
)
from delegate.analysis.proofs.functions import PARTS, Functions
from delegate.analysis.proofs.languages import TooMuchError
from delegate.analysis.proofs.symbols import (
    ANY,
    Cases,
    Constant,
    Names,
    Outcome,
    Ref,
    Symbol,
)
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope, StepsExhaustedError
from delegate.core.evaluator.values import (
    ordered_keys,
)
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR
from delegate.errors import DelegateError
from delegate.language.capability import Capability, Exactly
from delegate.language.codec import to_wire
from delegate.language.printer import format_expression
from delegate.language.tree import Call, Expression, Fold, Has, ListOf, Literal, Path, Select, children

_CASES_MOST: Final = 48
_WHY_CHARACTERS: Final = 80
_ORDERS: Final[dict[Op, Callable[[Any, Any], bool]]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


class Translation(Functions):
    """Conditions and capabilities as formulas, for one question."""

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
                return self._open(node, names, frozenset({"bool"} if op is Op.EXISTS_ONE else {"list"}))
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
            known = len(constants) == len(symbols)
            under = applied(op, constants) if known else self._operator(op, symbols, node)
            found += [(conj(guard, beside), symbol) for beside, symbol in under]
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
