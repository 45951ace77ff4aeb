"""Functions and operators that come to a value: sums, sizes, conversions, parts of moments and URLs (SPEC §6.6)."""

from __future__ import annotations

import math
from typing import Final

from delegate.analysis.proofs.asked_of_texts import Asking
from delegate.analysis.proofs.formulas import (
    Formula,
    Sum,
    Term,
    at_most,
    conj,
    disj,
    number,
    variable,
)
from delegate.analysis.proofs.languages import ALL, words
from delegate.analysis.proofs.symbols import (
    ANY,
    ELEMENTS_MOST,
    SECOND_NS,
    Around,
    Cases,
    Constant,
    Length,
    Number,
    OfUrl,
    Ref,
    Symbol,
)
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.values import (
    TIMESTAMP_MAX_NS,
    TIMESTAMP_MIN_NS,
)
from delegate.limits import EXACT_DOUBLE, INTEGER_MAX, INTEGER_MIN

# The least and greatest that parts of a moment come to (SPEC §6.6).
PARTS: Final = {
    Op.GET_FULL_YEAR: (0, 10_000),
    Op.GET_MONTH: (0, 11),
    Op.GET_DATE: (1, 31),
    Op.GET_DAY_OF_MONTH: (0, 30),
    Op.GET_DAY_OF_WEEK: (0, 6),
    Op.GET_DAY_OF_YEAR: (0, 365),
    Op.GET_HOURS: (0, 23),
    Op.GET_MINUTES: (0, 59),
    Op.GET_SECONDS: (0, 59),
    Op.GET_MILLISECONDS: (0, 999),
}


class Functions(Asking):
    """What functions come to."""

    def _size(self, symbol: Symbol, why: str) -> Cases:
        found: Cases = []
        text = self.is_kind(symbol, "string")
        if text is not False:
            found.append((text, Length(symbol)))
        if isinstance(symbol, Ref):
            term = symbol.term
            is_list = self.of_kind(term, "list")
            if is_list is not False:
                found.append((is_list, Number("int", self._count(term))))
            rest = self.of_kind(term, "map", "bytes")
            if rest is not False:
                count = self.opaque(("size", term), frozenset({"int"}))
                self.axioms.append(at_most(number(0), variable(count.term, "int")))
                found.append((conj(rest, self.guess(("size", term), why)), count))
                found.append((conj(rest, self.negate(self.guess(("size", term), why))), count))
        return found

    def _ranged(self, kind: str, total: Sum, guard: Formula) -> Cases:
        low, high = (TIMESTAMP_MIN_NS, TIMESTAMP_MAX_NS) if kind == "timestamp" else (INTEGER_MIN, INTEGER_MAX)
        return [(conj(guard, at_most(number(low), total), at_most(total, number(high))), Number(kind, total))]

    def _plus(self, op: Op, one: Symbol, other: Symbol, why: str) -> Cases:
        sign = 1 if op is Op.ADD else -1
        found: Cases = []
        for mine, kind, left in self._numbers(one):
            for theirs, other_kind, right in self._numbers(other):
                both = conj(mine, theirs)
                if both is False:
                    continue
                result = _sum_kind(op, kind, other_kind)
                if kind == other_kind == "double":
                    found += self._double_result((op, one, other), both, why)
                elif result:
                    found += self._ranged(result, left.plus(right, sign), both)
        doubles = ("double", "nan")
        if any(_is_infinite(each) or self.is_kind(each, "nan") is not False for each in (one, other)):
            both = conj(self.is_kind(one, *doubles), self.is_kind(other, *doubles))
            found += self._double_result((op, one, other), both, why)
        if op is Op.ADD:
            texts = conj(self.is_kind(one, "string"), self.is_kind(other, "string"))
            if texts is not False:
                found.append((texts, self._joined_text(one, other)))
            for kind in ("bytes", "list"):
                both = conj(self.is_kind(one, kind), self.is_kind(other, kind))
                if both is not False:
                    found.append((both, self.opaque(("+", one, other), frozenset({kind}))))
        return found

    def _double_result(self, key: object, guard: Formula, why: str) -> Cases:
        """Leave a double open: any number, or NaN; it does not err."""
        value = self.opaque(key, frozenset({"double", "nan"}))
        open_ = self.guess(("open", key), why)
        return [(conj(guard, open_), value), (conj(guard, self.negate(open_)), value)]

    def _joined_text(self, one: Symbol, other: Symbol) -> Symbol:
        if isinstance(other, Constant):
            if isinstance(one, Around):
                return Around(one.inner, one.ahead, one.behind + str(other.value))
            return Around(one, "", str(other.value))
        if isinstance(one, Constant):
            if isinstance(other, Around):
                return Around(other.inner, str(one.value) + other.ahead, other.behind)
            return Around(other, str(one.value), "")
        return self.opaque(("+", one, other), frozenset({"string"}))

    def _times(self, one: Symbol, other: Symbol, why: str) -> Cases:
        found: Cases = []
        for mine, kind, left in self._numbers(one):
            for theirs, other_kind, right in self._numbers(other):
                both = conj(mine, theirs)
                if both is False or kind != other_kind:
                    continue
                if kind == "double":
                    found += self._double_result(("*", one, other), both, why)
                elif kind == "int" and not (left.parts and right.parts):
                    scaled = left.times(right.constant) if left.parts else right.times(left.constant)
                    found += self._ranged("int", scaled, both)
                elif kind == "int":
                    value = self.opaque(("*", one, other), frozenset({"int"}))
                    found.append((conj(both, self.guess(("errs", "*", one, other), why)), value))
        doubles = ("double", "nan")
        if any(_is_infinite(each) or self.is_kind(each, "nan") is not False for each in (one, other)):
            both = conj(self.is_kind(one, *doubles), self.is_kind(other, *doubles))
            found += self._double_result(("*", one, other), both, why)
        return found

    def _negated(self, symbol: Symbol, why: str) -> Cases:
        found: Cases = []
        for guard, kind, total in self._numbers(symbol):
            if kind == "int":
                found += self._ranged("int", total.times(-1), guard)
            elif kind == "double":
                found.append((guard, Number("double", total.times(-1))))
        nan = self.is_kind(symbol, "nan")
        return found + (self._double_result(("-", symbol), nan, why) if nan is not False else [])

    def _divided(self, op: Op, one: Symbol, other: Symbol, why: str) -> Cases:
        found: Cases = []
        for mine, kind, left in self._numbers(one):
            for theirs, other_kind, right in self._numbers(other):
                both = conj(mine, theirs)
                if both is False or kind != other_kind:
                    continue
                if kind == "double" and op is Op.DIVIDE:
                    found += self._double_result((op, one, other), both, why)
                elif kind == "int" and not right.parts and right.constant > 0:
                    found += self._by_number(op, one, left, int(right.constant), both)
                elif kind == "int" and (right.parts or right.constant):
                    value = self.opaque((op, one, other), frozenset({"int"}))
                    found.append((conj(both, self.guess(("errs", op, one, other), why)), value))
        doubles = ("double", "nan")
        if op is Op.DIVIDE and any(
            _is_infinite(each) or self.is_kind(each, "nan") is not False for each in (one, other)
        ):
            both = conj(self.is_kind(one, *doubles), self.is_kind(other, *doubles))
            found += self._double_result((op, one, other), both, why)
        return found

    def _by_number(self, op: Op, one: Symbol, left: Sum, by: int, guard: Formula) -> Cases:
        """Divide an int by a number above 0: the quotient goes toward zero, the rest has the sign of the left."""
        known = (Op.DIVIDE, one, by, left)
        first = (known, frozenset({"int"})) not in self._opaque
        quotient = variable(self.opaque(known, frozenset({"int"}), derived=True).term, "int")
        rest = left.plus(quotient, -by)
        if first:
            zero = number(0)
            up = conj(at_most(zero, left), at_most(zero, rest), at_most(rest, number(by), strict=True))
            down = conj(at_most(left, zero), at_most(rest, zero), at_most(number(-by), rest, strict=True))
            # What is no int of 64 bits is not divided.
            inside = conj(at_most(number(INTEGER_MIN), left), at_most(left, number(INTEGER_MAX)))
            self.axioms.append(disj(up, down, self.negate(inside)))
        return [(guard, Number("int", quotient if op is Op.DIVIDE else rest))]

    def _index(self, container: Symbol, key: Symbol, why: str) -> Cases:
        value = key.value if isinstance(key, Constant) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(container, Ref) and isinstance(key, Constant):
            term = container.term
            found: Cases = []
            if type(value) is int and 0 <= value < ELEMENTS_MOST and "list" in self.kinds[term]:
                found += self._item(term, value)
            elif type(value) is int and value >= 0 and "list" in self.kinds[term]:
                found += self._guarded(self.of_kind(term, "list"), ("[]", container, key), why)
            if isinstance(value, str):
                found += self._field([(True, container)], value)
            elif type(value) in {int, bool, float} and "map" in self.kinds[term] and not self._of_request(term):
                found += self._guarded(self.of_kind(term, "map"), ("[]", container, key), why)
            return found
        return self._open_value(("[]", container, key), why, ANY)

    def _of_request(self, term: Term) -> bool:
        """Say whether a term is of the request, whose maps have text as keys alone."""
        return not str(term[0]).startswith("#")

    def _guarded(self, guard: Formula, key: object, why: str) -> Cases:
        return [(conj(guard, under), symbol) for under, symbol in self._open_value(key, why, ANY)]

    def _converted(self, op: Op, symbol: Symbol, why: str) -> Cases:
        kind = {
            Op.INT: "int", Op.DOUBLE: "double", Op.STRING: "string", Op.BOOL: "bool", Op.TIMESTAMP: "timestamp",
            Op.DURATION: "duration", Op.BYTES: "bytes",
        }[op]  # fmt: skip
        found: Cases = []
        numbers = self._numbers(symbol)
        itself = [(guard, Number(kind, total)) for guard, each, total in numbers if each == kind]
        found += itself or [(self.is_kind(symbol, kind), symbol)]
        key = (op, symbol)
        text = self.is_kind(symbol, "string")
        if op is Op.INT:
            truth, untruth = self._as_outcome([(True, symbol)])
            found += [(truth, Constant(1)), (untruth, Constant(0))]
            found += self._cut(symbol)
            found += self._left_open(self.is_kind(symbol, "timestamp"), key, why, "int")
            found += self._parsed(op, symbol, why, "int")
        elif op is Op.DOUBLE:
            nan = self.is_kind(symbol, "nan")
            found += [(nan, symbol)]
            for guard, each, total in numbers:
                if each == "int":
                    low, high = number(-EXACT_DOUBLE), number(EXACT_DOUBLE)
                    exact = conj(at_most(low, total), at_most(total, high))
                    found.append((conj(guard, exact), Number("double", total)))
                    # Beyond 2^53 it rounds, and stays beyond.
                    for side, above in ((high, True), (low, False)):
                        rounded = self.opaque((key, above), frozenset({"double"}))
                        beyond = variable(rounded.term, "double")
                        self.axioms.append(at_most(side, beyond) if above else at_most(beyond, side))
                        outside = at_most(side, total, strict=True) if above else at_most(total, side, strict=True)
                        found.append((conj(guard, outside), Number("double", beyond)))
            found += self._parsed(op, symbol, why, "double", "nan")
        elif op is Op.STRING:
            written = ("bool", "int", "double", "bytes", "timestamp", "duration", "nan")
            found += self._left_open(self.is_kind(symbol, *written),
                                     key, why, "string")  # fmt: skip
        elif op is Op.BOOL:
            for value, spelled in ((True, ("1", "t", "T", "true", "TRUE", "True")),
                                   (False, ("0", "f", "F", "false", "FALSE", "False"))):  # fmt: skip
                found.append((conj(text, self.text_in(symbol, words(self.languages, spelled))), Constant(value)))
        elif op is Op.TIMESTAMP:
            for guard, each, total in numbers:
                if each == "int":
                    found += self._ranged("timestamp", total.times(SECOND_NS), guard)
            found += self._parsed(op, symbol, why, "timestamp")
        elif op is Op.DURATION:
            found += self._parsed(op, symbol, why, "duration")
        else:
            found.append((text, self.opaque(key, frozenset({"bytes"}))))
        return found

    def _cut(self, symbol: Symbol) -> Cases:
        """Cut a double toward zero; what is beyond 64 bits errs."""
        found: Cases = []
        for guard, kind, total in self._numbers(symbol):
            if kind != "double":
                continue
            known = (Op.INT, symbol, total)
            first = (known, frozenset({"int"})) not in self._opaque
            whole = variable(self.opaque(known, frozenset({"int"}), derived=True).term, "int")
            low = at_most(number(INTEGER_MIN), total, strict=True)
            inside = conj(low, at_most(total, number(INTEGER_MAX), strict=True))
            if first:
                zero, one = number(0), number(1)
                up = conj(at_most(zero, total), at_most(whole, total), at_most(total, whole.plus(one), strict=True))
                down = conj(
                    at_most(total, zero), at_most(total, whole), at_most(whole.plus(one, -1), total, strict=True)
                )
                self.axioms.append(disj(up, down, self.negate(inside)))
            found.append((conj(guard, inside), Number("int", whole)))
        return found

    def _parsed(self, op: Op, symbol: Symbol, why: str, *kinds: str) -> Cases:
        """Leave open what a text is read as."""
        text = self.is_kind(symbol, "string")
        if text is False:
            return []
        value = self.opaque((op, symbol, "text"), frozenset(kinds))
        return [(conj(text, self.guess(("errs", op, symbol), why)), value)]

    def _left_open(self, guard: Formula, key: object, why: str, kind: str) -> Cases:
        """Leave open what comes of it, and whether it errs."""
        if guard is False:
            return []
        return [(conj(guard, self.guess(("errs", key), why)), self.opaque(key, frozenset({kind})))]

    def _of_url(self, op: Op, symbol: Symbol, why: str) -> Cases:
        text = self.is_kind(symbol, "string")
        if text is False:
            return []
        if op is Op.URL_SCHEME:
            return [(conj(text, self.text_in(symbol, self.texts.scheme_urls(ALL))), OfUrl(symbol, host=False))]
        bracketed = conj(text, self.text_in(symbol, self.texts.address_urls()))
        # Hosts and labels may be too long: a choice, since automata that count to 253 are no use to anybody.
        short = self._short_hosts.setdefault(symbol, self.choice())
        named = conj(text, self.text_in(symbol, self.texts.host_urls(ALL)), short)
        address = self._left_open(bracketed, (op, symbol), why, "string")
        for _, value in address:
            if isinstance(value, Ref):
                self.axioms.append(self.in_text(value.term, self.texts.addresses()))
        return [(named, OfUrl(symbol, host=True)), *address]

    def _part(self, op: Op, symbols: list[Symbol], why: str) -> Cases:
        """Leave a part of a moment open, within what it can be; whether it errs is open only where the zone is."""
        lasting = self.is_kind(symbols[0], "duration")
        if lasting is not False and op >= Op.GET_HOURS:
            return self._open_value((op, tuple(symbols)), why, frozenset({"int"}))
        value = self.opaque((op, tuple(symbols)), frozenset({"int"}))
        low, high = PARTS[op]
        part = variable(value.term, "int")
        self.axioms += [at_most(number(low), part), at_most(part, number(high))]
        moment = self.is_kind(symbols[0], "timestamp")
        errs = self.guess(("errs", op, tuple(symbols)), why)
        return [(conj(moment, errs), value), *([(conj(moment, self.negate(errs)), value)] if len(symbols) == 1 else [])]


def _sum_kind(op: Op, one: str, other: str) -> str:
    """Say of which kind a sum or difference is; empty: there is none."""
    if one == other == "int":
        return "int"
    if op is Op.ADD:
        return {("timestamp", "duration"): "timestamp", ("duration", "timestamp"): "timestamp",
                ("duration", "duration"): "duration"}.get((one, other), "")  # fmt: skip
    return {("timestamp", "duration"): "timestamp", ("timestamp", "timestamp"): "duration",
            ("duration", "duration"): "duration"}.get((one, other), "")  # fmt: skip


def _is_infinite(symbol: Symbol) -> bool:
    return isinstance(symbol, Constant) and isinstance(symbol.value, float) and not math.isfinite(symbol.value)
