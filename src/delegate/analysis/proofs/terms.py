"""The terms of a question: names, fields, elements of lists and keys of maps, and what always holds of them.

The rules of this file:

- What is in nothing is missing; what is missing has nothing in it.
- Each claim that some element decides has a witness of its own, or names one; each claim about all elements is made of
  every one that is spoken of, once no more are added (`_close_elements`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delegate.analysis.proofs.formulas import (
    MISSING,
    SENT,
    Formula,
    Guess,
    InText,
    Kinds,
    Negations,
    Sum,
    Term,
    at_most,
    conj,
    disj,
    fact,
    number,
    variable,
)
from delegate.analysis.proofs.languages import ALL, Languages, TooMuchError, words
from delegate.analysis.proofs.symbols import (
    ELEMENTS_MOST,
    SECOND_NS,
    Cases,
    Constant,
    Names,
    Number,
    Outcome,
    Ref,
    Surroundings,
    Symbol,
)
from delegate.analysis.proofs.texts import Texts
from delegate.core.evaluator.opcodes import Op
from delegate.language.tree import Expression

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


@dataclass(eq=False, slots=True)
class _Range:
    """One comprehension over the elements of one term: what it says of each, and when it was said."""

    found: Formula  # it came to the value that one element decides
    none: Formula  # it came to the other
    decides: Callable[[Symbol], Outcome]
    said: set[Term]
    witness: Formula = False  # there is an element of its own that decides


class Terms:
    """One question's terms and symbols, and what always holds of them (`axioms`)."""

    def __init__(self, languages: Languages, around: Surroundings) -> None:
        self.languages = languages
        self.texts = Texts(languages)
        self.around = around
        self.negate = Negations()
        self.kinds: dict[Term, frozenset[str]] = {}
        self.axioms: list[Formula] = []
        self.elements: dict[tuple[Term, str], list[Term]] = {}
        self._ranges: dict[tuple[Term, str], list[_Range]] = {}
        self._sized: set[Term] = set()
        self._children: dict[Term, list[Term]] = {}
        self._fresh = 0
        self._guesses: dict[object, Guess] = {}
        self._opaque: dict[object, Ref] = {}
        self._outcomes: dict[tuple[Expression, Names], Outcome] = {}
        self._cases: dict[tuple[Expression, Names], Cases] = {}
        self._roots: dict[str, Cases] = {}
        self._said: dict[object, Outcome] = {}
        self._short_hosts: dict[Symbol, Formula] = {}
        self._networks: dict[Symbol, dict[IPv4Network | IPv6Network, Formula]] = {}
        self.named: dict[Term, dict[Constant, None]] = {}  # values that a term is compared with
        self._linked: set[tuple[Term, Term]] = set()
        self.approximations: dict[str, None] = {}  # what was left open

    def term(self, term: Term, kinds: frozenset[str]) -> Term:
        """Note a term, once."""
        if term not in self.kinds:
            self.kinds[term] = kinds
        return term

    def child(self, parent: Term, part: object, within: str, kinds: frozenset[str] = SENT) -> Term:
        """Give the term of a field, of an item, or of a key; what is in nothing is missing."""
        term = (*parent, part)
        if term not in self.kinds:
            self.kinds[term] = kinds | {MISSING}
            self.axioms.append(disj(self.of_kind(term, MISSING), self.of_kind(parent, within)))
            self._children.setdefault(parent, []).append(term)
            if isinstance(part, str):
                self._link_keys(parent)
            else:
                self.elements.setdefault((parent, within), []).append(term)
                if len(self.elements[parent, within]) > ELEMENTS_MOST:
                    raise TooMuchError("lists of too many elements")
                self._link_keys(parent)
        return term

    def fields(self, parent: Term) -> list[Term]:
        """Give the fields of a map that are spoken of."""
        return [each for each in self._children.get(parent, []) if isinstance(each[-1], str)]

    def _link_keys(self, parent: Term) -> None:
        """A key that is said to be in a map is the field of that name, where one is spoken of."""
        keys = self.elements.get((parent, "map"), [])
        for field in self._children.get(parent, []):
            name = field[-1]
            if isinstance(name, str):
                same = self.languages.word(name)
                for key in keys:
                    if (key, field) not in self._linked:
                        self._linked.add((key, field))
                        differs = self.negate(fact(InText(key, same)))
                        self.axioms.append(disj(self.of_kind(key, MISSING), differs, self.present(field)))

    def of_kind(self, term: Term, *kinds: str) -> Formula:
        """Say that a term is of one of these kinds."""
        known = self.kinds[term]
        wanted = known & frozenset(kinds)
        if not wanted or wanted == known:
            return bool(wanted)
        return fact(Kinds(term, wanted))

    def present(self, term: Term) -> Formula:
        """Say that a term is there."""
        return self.of_kind(term, *(self.kinds[term] - {MISSING}))

    def in_text(self, term: Term, language: int) -> Formula:
        """Say that the text of a term is in a set."""
        if language in {0, ALL}:
            return language == ALL
        return fact(InText(term, language))

    def choice(self) -> Formula:
        """Give a new atom that stands for a choice, not for something left open."""
        self._fresh += 1
        return fact(Guess(self._fresh, ""))

    def guess(self, key: object, why: str) -> Formula:
        """Give the atom for something left open; the same for the same key."""
        found = self._guesses.get(key)
        if found is None:
            self.approximations[why] = None
            self._fresh += 1
            found = self._guesses[key] = Guess(self._fresh, why)
        return fact(found)

    def opaque(self, key: object, kinds: frozenset[str], *, derived: bool = False) -> Ref:
        """Give a value that is in no request, of one of these kinds; the same for the same key.

        It is left open, unless it is `derived`: axioms say then what it is.
        """
        found = self._opaque.get((key, kinds))
        if found is None:
            if not derived:
                self.approximations[""] = None
            self._fresh += 1
            found = self._opaque[key, kinds] = Ref(self.term((f"#{self._fresh}",), kinds))
        return found

    def _open_value(self, key: object, why: str, kinds: frozenset[str]) -> Cases:
        return [(self.guess(("errs", key), why), self.opaque(key, kinds))]

    def _open_outcome(self, guard: Formula, key: object, why: str) -> Outcome:
        """Leave open whether it is true or false where the guard holds, and nothing else."""
        open_ = self.guess(key, why)
        return conj(guard, open_), conj(guard, self.negate(open_))

    def _root(self, name: str) -> Cases:
        found = self._roots.get(name)
        if found is None:
            found = self._roots[name] = self._make_root(name)
        return found

    def _make_root(self, name: str) -> Cases:
        around = self.around
        if name == "now":
            now = variable(("now",), "int")
            self.axioms.append(at_most(number(around.begins), now))
            if around.ends is not None:
                self.axioms.append(at_most(now, number(around.ends), strict=True))
            return [(True, Number("timestamp", now.times(SECOND_NS)))]
        if name == "origin" and around.origin is not None:
            return [(True, Constant(around.origin))]
        if name == "aud" and around.audience is not None and len(around.audience) == 1:
            return [(True, Constant(around.audience[0]))]
        kinds = {"resource": frozenset({"string", "null"}), "args": frozenset({"map"}), "env": frozenset({"map"})}
        term = self.term((name,), kinds.get(name, frozenset({"map"} if name == "holder" else {"string"})))
        if name == "action":
            self.axioms.append(self.in_text(term, self.texts.action()))
        if name == "aud":
            named = around.audience
            visible = self.languages.times(self.languages.chars([(0x21, 0x7E)]), 1, None)
            self.axioms.append(self.in_text(term, visible if named is None else words(self.languages, named)))
        return [(True, Ref(term))]

    def cases_of_name(self, name: str) -> None:
        """Speak of a name, so that what always holds of it is said."""
        self._root(name)

    def now_before(self, moment: int) -> Formula:
        """Say that the clock is before a moment, Unix seconds."""
        self._root("now")
        return at_most(variable(("now",), "int"), number(moment), strict=True)

    def resource(self) -> Term:
        """Give the term of the resource."""
        self._root("resource")
        return ("resource",)

    def action(self) -> Term:
        """Give the term of the action."""
        self._root("action")
        return ("action",)

    def _path(self, parts: tuple[str, ...], names: Names) -> Cases:
        name, *fields = parts
        bound = next((symbol for each, symbol in reversed(names) if each == name), None)
        if bound is None and name == "holder" and fields:
            return self._holder(fields)
        found: Cases = self._root(name) if bound is None else [(True, bound)]
        for field in fields:
            found = self._field(found, field)
        return found

    def _holder(self, fields: list[str]) -> Cases:
        around = self.around
        if len(fields) > 1:
            return []
        if fields[0] == "key" and around.key is not None:
            return [(True, Constant(around.key))]
        if fields[0] not in {"key", "name"}:
            return []
        self._root("holder")
        kinds = {"string"} if fields[0] == "key" else {"string", MISSING}
        term = self.term(("holder", fields[0]), frozenset(kinds))
        if fields[0] == "name" and around.holder is not None:
            self.axioms.append(self.in_text(term, self.languages.word(around.holder)))
        return [(self.present(term), Ref(term))]

    def _field(self, cases: Cases, field: str) -> Cases:
        found: Cases = []
        for guard, symbol in cases:
            if isinstance(symbol, Ref) and "map" in self.kinds[symbol.term]:
                term = self.child(symbol.term, field, "map")
                found.append((conj(guard, self.of_kind(symbol.term, "map"), self.present(term)), Ref(term)))
            elif isinstance(symbol, Constant) and isinstance(symbol.value, dict) and field in symbol.value:
                found.append((guard, Constant(symbol.value[field])))
        return found

    def _has(self, cases: Cases, field: str) -> Outcome:
        yes: list[Formula] = []
        no: list[Formula] = []
        for guard, symbol in cases:
            if isinstance(symbol, Ref) and "map" in self.kinds[symbol.term]:
                is_map = conj(guard, self.of_kind(symbol.term, "map"))
                there = self.present(self.child(symbol.term, field, "map"))
                yes.append(conj(is_map, there))
                no.append(conj(is_map, self.negate(there)))
            elif isinstance(symbol, Constant) and isinstance(symbol.value, dict):
                (yes if field in symbol.value else no).append(guard)
        return disj(*yes), disj(*no)

    def _has_holder(self, parts: tuple[str, ...]) -> Outcome:
        if len(parts) != 2:
            return False, False
        if parts[1] not in {"key", "name"}:
            return False, True
        there = disj(*(guard for guard, _ in self._holder([parts[1]])))
        return there, self.negate(there)

    def _over(self, term: Term, kind: str, op: Op, body: Callable[[Symbol], Outcome], key: object) -> Outcome:
        """Say what `all` or `exists` comes to over the items of a list, or the keys of a map, at a term."""
        known = ("fold", term, kind, op, key)
        decisive = op is Op.EXISTS
        if known not in self._said:
            found, none = self._said[known] = self.choice(), self.choice()
            decides = body if decisive else lambda symbol: (body(symbol)[1], body(symbol)[0])
            made = _Range(found, none, decides, set())
            self._ranges.setdefault((term, kind), []).append(made)
            self._fresh += 1
            witness = self.child(term, (kind, self._fresh), kind, SENT if kind == "list" else frozenset({"string"}))
            is_there, (hit, miss) = self.present(witness), decides(Ref(witness))
            is_kind = self.of_kind(term, kind)
            negate = self.negate
            made.witness = conj(is_there, hit)
            self.axioms += [
                disj(negate(found), negate(none)),
                # An error alone: one element errs, or is no bool, and none decides.
                disj(none, found, negate(is_kind), conj(is_there, negate(hit), negate(miss))),
            ]
        found, none = self._said[known]
        yes, no = (found, none) if decisive else (none, found)
        is_kind = self.of_kind(term, kind)
        return conj(is_kind, yes), conj(is_kind, no)

    def _instantiate(self) -> None:
        """Say of every element what is said of all; raises TooMuchError, where there are too many elements."""
        changed = True
        while changed:
            changed = False
            for (term, kind), ranges in [*self._ranges.items()]:
                for made in [*ranges]:
                    for element, symbol in self._all_elements(term, kind):
                        if element not in made.said:
                            made.said.add(element)
                            changed = True
                            self._instance(made, element, symbol)

    def _finish(self) -> None:
        """Say what needs to know all elements: that one of them decides, and how many there are."""
        for (term, kind), ranges in self._ranges.items():
            for made in ranges:
                fields = self.fields(term) if kind == "map" else []
                some = (conj(self.present(each), made.decides(Constant(each[-1]))[0]) for each in fields)
                self.axioms.append(disj(self.negate(made.found), *some, made.witness))
        for term in self._sized:
            self._size_axioms(term)

    def _all_elements(self, term: Term, kind: str) -> list[tuple[Term, Symbol]]:
        found: list[tuple[Term, Symbol]] = [(each, Ref(each)) for each in self.elements.get((term, kind), [])]
        if kind == "map":
            fields = self._children.get(term, [])
            found += [(each, Constant(each[-1])) for each in fields if isinstance(each[-1], str)]
        return found

    def _instance(self, made: _Range, element: Term, symbol: Symbol) -> None:
        hit, miss = made.decides(symbol)
        absent = self.negate(self.present(element))
        negate = self.negate
        self.axioms += [
            disj(negate(made.none), absent, miss),
            disj(made.found, absent, negate(hit)),
        ]

    def _size_axioms(self, term: Term) -> None:
        size = variable(term, "size")
        for element in self.elements.get((term, "list"), []):
            place = element[-1]
            there = self.present(element)
            if isinstance(place, int):
                long = at_most(number(place + 1), size)
                is_list = self.of_kind(term, "list")
                self.axioms += [
                    disj(self.negate(there), long),
                    disj(there, self.negate(is_list), self.negate(long)),
                ]
            else:
                self.axioms.append(disj(self.negate(there), at_most(number(1), size)))

    def _count(self, term: Term) -> Sum:
        """Give how many items a list has."""
        size = variable(term, "size")
        if term not in self._sized:
            self._sized.add(term)
            # One element stands for whatever is in the list.
            some = self.present(self.child(term, ("list", 0), "list"))
            none = self.negate(at_most(number(1), size))
            self.axioms += [at_most(number(0), size), disj(some, none, self.negate(self.of_kind(term, "list")))]
        return size

    def _item(self, term: Term, place: int) -> Cases:
        """Give an item of a list; what is before it is there where it is."""
        for before in range(place + 1):
            known = (*term, before) in self.kinds
            item = self.child(term, before, "list")
            if before and not known:
                self.axioms.append(disj(self.of_kind(item, MISSING), self.present((*term, before - 1))))
        item = (*term, place)
        return [(conj(self.of_kind(term, "list"), self.present(item)), Ref(item))]
