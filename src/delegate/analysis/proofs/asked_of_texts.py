"""What is asked of texts and of lists: `startsWith`, `matches`, `path.within`, `in` and their like (SPEC §6.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from delegate.analysis.proofs import expressions
from delegate.analysis.proofs.comparing import Comparing
from delegate.analysis.proofs.formulas import (
    Formula,
    conj,
    disj,
)
from delegate.analysis.proofs.languages import ALL, TooMuchError, words
from delegate.analysis.proofs.symbols import (
    Cases,
    Constant,
    Outcome,
    Ref,
    Symbol,
)
from delegate.core.evaluator.functions import IMPLEMENTATIONS
from delegate.core.evaluator.namespaced import glob_of, network_of
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.regex import prepared
from delegate.core.evaluator.scope import EvaluationError, Scope, StepsExhaustedError
from delegate.core.patterns.plain_form import plain_form
from delegate.core.patterns.tokens import RESOURCE_SEPARATOR
from delegate.errors import DelegateError
from delegate.limits import REGEX_CHARACTERS

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_SUBSTRINGS_MOST: Final = 48


class Asking(Comparing):
    """Questions of texts and of lists."""

    def _of_texts(self, op: Op, one: Symbol, other: Symbol, why: str) -> Outcome:
        fits = conj(self.is_kind(one, "string"), self.is_kind(other, "string"))
        if fits is False:
            return False, False
        if isinstance(other, Constant) and isinstance(other.value, str):
            return self._by_constant(op, one, other.value, fits, why)
        languages = self.languages
        if (
            isinstance(one, Constant)
            and isinstance(one.value, str)
            and op in {Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS}
        ):
            text = one.value
            if len(text) <= _SUBSTRINGS_MOST:
                starts = range(len(text) + 1) if op is not Op.STARTS_WITH else range(1)
                ends = range(len(text) + 1) if op is not Op.ENDS_WITH else range(len(text), len(text) + 1)
                parts = words(languages, [*{text[start:end] for start in starts for end in ends}])
                holds = self.text_in(other, parts)
                return conj(fits, holds), conj(fits, self.negate(holds))
        if op in {Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS}:
            return self._open_outcome(fits, (op, one, other), why)
        return self._open_outcome(conj(fits, self.guess(("errs", op, one, other), why)), (op, one, other), why)

    def _by_constant(self, op: Op, one: Symbol, text: str, fits: Formula, why: str) -> Outcome:
        languages = self.languages
        takes = ALL
        match op:
            case Op.STARTS_WITH:
                holds = languages.cat(languages.word(text), ALL)
            case Op.ENDS_WITH:
                holds = languages.cat(ALL, languages.word(text))
            case Op.CONTAINS:
                holds = languages.containing(languages.word(text))
            case Op.MATCHES:
                return self._matches(one, text, fits, why)
            case Op.GLOB_MATCH:
                if isinstance(glob_of(text), str):
                    return False, False
                takes = self.texts.plain() if "/" in text else ALL
                holds = self.texts.pattern(text, RESOURCE_SEPARATOR) if text else languages.word("")
            case Op.PATH_WITHIN:
                if not plain_form(text):
                    return False, False
                absolute = self.texts.absolute()
                side = absolute if text.startswith("/") else languages.other(absolute)
                takes = languages.both(self.texts.plain(), side)
                holds = self.texts.below(text)
            case _:
                return self._net_within(one, text, fits, why)
        fits = conj(fits, self.text_in(one, takes))
        inside = self.text_in(one, holds)
        return conj(fits, inside), conj(fits, self.negate(inside))

    def _matches(self, one: Symbol, pattern: str, fits: Formula, why: str) -> Outcome:
        if len(pattern) > REGEX_CHARACTERS:
            return False, False
        try:
            heavy, compiled = prepared(pattern)
        except EvaluationError:
            heavy, compiled = 0, None  # RE2 is not installed: others may have it
            return self._open_outcome(conj(fits, self.guess(("errs", pattern), why)), ("matches", one, pattern), why)
        if compiled is None:
            del heavy
            return False, False
        try:
            language = expressions.matching(self.languages, pattern)
        except expressions.NotReadError:
            return self._open_outcome(fits, ("matches", one, pattern), why)
        holds = self.text_in(one, language)
        return conj(fits, holds), conj(fits, self.negate(holds))

    def _net_within(self, one: Symbol, network: str, fits: Formula, why: str) -> Outcome:
        try:
            found = network_of(network)
        except EvaluationError:
            return False, False
        ipv4 = conj(fits, self.text_in(one, self.texts.ipv4()))
        good = self.guess(("address", one), why)
        ipv6 = conj(fits, self.text_in(one, self.texts.ipv6()), good)
        six = self._open_outcome(ipv6, ("net", one, network), why)
        self._relate_networks(one, found, self.guess(("net", one, network), why))
        holds: Formula = False
        if found.version == 4:
            holds = self.text_in(one, self.texts.ipv4_in(int(found.network_address), found.prefixlen))
        return disj(conj(ipv4, holds), six[0]), disj(conj(ipv4, self.negate(holds)), six[1])

    def _relate_networks(self, one: Symbol, network: IPv4Network | IPv6Network, inside: Formula) -> None:
        """Of an address that is left open: it is in no two networks apart, and within what is around it."""
        known = self._networks.setdefault(one, {})
        if network in known:
            return
        for other, also in known.items():
            if network.version != other.version or not network.overlaps(other):
                self.axioms.append(disj(self.negate(inside), self.negate(also)))
            elif network.prefixlen >= other.prefixlen:
                self.axioms.append(disj(self.negate(inside), also))
            else:
                self.axioms.append(disj(self.negate(also), inside))
        known[network] = inside

    def _in_list(self, item: Cases, items: Sequence[Cases], why: str) -> Outcome:
        fits = conj(disj(*(guard for guard, _ in item)), *(disj(*(guard for guard, _ in each)) for each in items))
        if fits is False:
            return False, False
        holds = disj(
            *(
                conj(guard, under, self.equal(symbol, other, why))
                for guard, symbol in item
                for each in items
                for under, other in each
            )
        )
        return conj(fits, holds), conj(fits, self.negate(holds))

    def _in(self, item: Symbol, container: Symbol, why: str) -> Outcome:
        if isinstance(container, Constant):
            value = container.value
            if isinstance(value, (list, tuple)):
                holds = disj(*(self.equal(item, Constant(each), why) for each in value))
                return holds, self.negate(holds)
            if not isinstance(value, dict):
                return False, False
            return self._open_outcome(self.guess(("errs", "in", item, container), why), ("in", item, container), why)
        if not isinstance(container, Ref):
            return False, False
        term = container.term
        yes: Formula = False
        no: Formula = False
        if "list" in self.kinds[term]:
            yes, no = self._over(
                term, "list", Op.EXISTS, lambda each: self._equal_outcome(each, item, why), ("in", item)
            )
        if "map" in self.kinds[term]:
            is_map = self.of_kind(term, "map")
            if isinstance(item, Constant) and isinstance(item.value, str):
                there = self.present(self.child(term, item.value, "map"))
                also = conj(is_map, there), conj(is_map, self.negate(there))
            else:
                key = conj(is_map, self.is_kind(item, "string", "int", "double", "bool", "nan"))
                also = self._open_outcome(key, ("in", item, container), why)
            yes, no = disj(yes, also[0]), disj(no, also[1])
        return yes, no

    def _equal_outcome(self, one: Symbol, other: Symbol, why: str) -> Outcome:
        same = self.equal(one, other, why)
        return same, self.negate(same)


def applied(op: Op, values: list[object]) -> Cases:
    """Work out a function of values that are known; no case: it errs. Raises TooMuchError."""
    try:
        return [(True, Constant(IMPLEMENTATIONS[op](*values, Scope({}))))]
    except StepsExhaustedError:
        raise TooMuchError("a constant that takes too many steps") from None
    except DelegateError:
        return []
