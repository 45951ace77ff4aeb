"""A request of which a formula is true: by cases and bounds alone, or with z3.

The rules of this file:

- Each search ends with `Nothing` only where no request can be: every branch clashed, and each clash was certain.
- What is found is handed to `accept`, which builds the request and tries it; where it says no, the search goes on, and
  can no longer say `Nothing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

from delegate.analysis.proofs.formulas import (
    MISSING,
    AtMost,
    Atom,
    Fact,
    Formula,
    Guess,
    InText,
    Junction,
    Kinds,
    Same,
    Truth,
    Variable,
)
from delegate.analysis.proofs.theory import Bounds, Solution, Theory, bound_of, opposite, sample, start_bounds

Accept = Callable[[Solution], bool]

_BRANCHES_MOST: Final = 1_000
_TRIES_MOST: Final = 12
_BLIND_TRIES_MOST: Final = 3  # where sums were not solved


class Found(Enum):
    """What came of a search."""

    REQUEST = 1
    NOTHING = 2  # there is none
    OPEN = 3  # one may be, and those that were tried are none
    GIVEN_UP = 4  # too many branches


class Cases:
    """A search by cases: each choice is made in turn, and left where it clashes with what was chosen before.

    Each fact knows the choices that brought it, as bits. A clash that some choice had no part in is a clash whichever
    way that choice goes: its other ways are not tried.
    """

    def __init__(self, theory: Theory, accept: Accept) -> None:
        self.theory = theory
        self.accept = accept
        self.branches = 0
        self.tries = 0
        self._open = False

    def search(self, formula: Formula) -> Found:
        """Look for a request."""
        found = self._branch(_State(self.theory), [(formula, 0)], [], 0)
        if isinstance(found, Found):
            return found
        return Found.OPEN if self._open else Found.NOTHING

    def _branch(self, state: _State, pending: list[Said], choices: list[Choice], level: int) -> Found | int:
        """Go down one branch; where it comes to nothing, give the choices that had a part in that."""
        self.branches += 1
        if self.branches > _BRANCHES_MOST:
            return Found.GIVEN_UP
        while True:
            clash = self._settle(state, pending, choices)
            if clash is not None:
                return clash
            kept: list[_Ways] = []
            for choice, by in choices:
                ways = state.ways(choice, by)
                if ways is None:
                    continue
                if not ways.left:
                    return ways.by
                if len(ways.left) == 1:  # no choice any more
                    pending.append((ways.left[0], ways.by))
                else:
                    kept.append(ways)
            choices = [(each.choice, each.said_by) for each in kept]
            if not pending:
                break
        if not kept:
            return self._leaf(state, level)
        best = min(kept, key=lambda each: len(each.left))
        rest = [(each.choice, each.said_by) for each in kept if each is not best]
        here = 1 << level
        blamed = best.by
        for way in sorted(best.left, key=_weight):
            found = self._branch(state.copy(), [(way, best.by | here)], [*rest], level + 1)
            if isinstance(found, Found):
                return found
            if not found & here:
                return found
            blamed |= found & ~here
        return blamed

    def _settle(self, state: _State, pending: list[Said], choices: list[Choice]) -> int | None:
        while pending:
            formula, by = pending.pop()
            if isinstance(formula, bool):
                if not formula:
                    return by
            elif isinstance(formula, Fact):
                clash = state.add(formula, by)
                if clash is not None:
                    return clash
            elif formula.every:
                pending += [(part, by) for part in formula.parts]
            else:
                choices.append((formula, by))
        return None

    def _leaf(self, state: _State, level: int) -> Found | int:
        solved = self.theory.solve(tuple(state.facts))
        if isinstance(solved, list):
            blamed = 0
            for each in solved:
                blamed |= state.facts[each]
            return blamed
        self.tries += 1
        if self.accept(solved):
            return Found.REQUEST
        self._open = True
        most = _TRIES_MOST if solved.certain else _BLIND_TRIES_MOST
        if self.tries >= most:
            return Found.OPEN
        # What was left open is to blame, and what led there is left first; nothing is proved from here on.
        blamed = 0
        for each, by in state.facts.items():
            blamed |= by if _is_open(each) else 0
        return blamed or (1 << level) - 1


Said: TypeAlias = "tuple[Formula, int]"
Choice: TypeAlias = "tuple[Junction, int]"


class _Ways(NamedTuple):
    """What is left of a choice: its ways, who said it, and who is to blame for there being no more."""

    choice: Junction
    said_by: int
    left: list[Formula]
    by: int


class _Clash(NamedTuple):
    by: int


class _State:
    """Facts that were chosen, by whom, and what they leave of kinds, texts and bounds."""

    __slots__ = ("bounds", "facts", "kinds", "texts", "theory")

    def __init__(self, theory: Theory) -> None:
        self.theory = theory
        self.facts: dict[Fact, int] = {}
        self.kinds: dict[object, tuple[frozenset[str], int]] = {}
        self.texts: dict[object, tuple[tuple[frozenset[int], frozenset[int]], int]] = {}
        self.bounds: dict[Variable, tuple[Bounds, int]] = {}

    def copy(self) -> _State:
        made = _State(self.theory)
        made.facts, made.kinds = dict(self.facts), dict(self.kinds)
        made.texts, made.bounds = dict(self.texts), dict(self.bounds)
        return made

    def ways(self, choice: Junction, by: int) -> _Ways | None:
        """Say what is left of a choice; `None`: it is made already."""
        left: list[Formula] = []
        blamed = by
        for part in choice.parts:
            if isinstance(part, Fact):
                if self.has(part):
                    return None
                joined = self._joined(part)
                if isinstance(joined, _Clash):
                    blamed |= joined.by
                    continue
            left.append(part)
        return _Ways(choice, by, left, blamed)

    def has(self, fact: Fact) -> bool:
        """Say whether a fact is known."""
        if fact in self.facts:
            return True
        if isinstance(fact.atom, Kinds) and fact.atom.term in self.kinds:
            left, _ = self.kinds[fact.atom.term]
            return left <= fact.atom.kinds if fact.holds else not left & fact.atom.kinds
        return False

    def add(self, fact: Fact, by: int) -> int | None:
        """Take a fact over; where it clashes, give who is to blame."""
        if fact in self.facts:
            return None
        joined = self._joined(fact)
        if isinstance(joined, _Clash):
            return joined.by | by
        self.facts[fact] = by
        atom = fact.atom
        if isinstance(atom, Kinds):
            left, before = joined
            self.kinds[atom.term] = left, before | by
        elif isinstance(atom, InText):
            sets, before = joined
            self.texts[atom.term] = sets, before | by
        elif isinstance(atom, AtMost) and joined is not None:
            variable, bounds, before = joined
            self.bounds[variable] = bounds, before | by
        return None

    def _joined(self, fact: Fact) -> Any:  # noqa: ANN401 - what it leaves of whatever the fact is about
        opposite_by = self.facts.get(Fact(fact.atom, not fact.holds))
        if opposite_by is not None:
            return _Clash(opposite_by)
        atom = fact.atom
        if isinstance(atom, Kinds):
            kinds, by = self.kinds.get(atom.term, (self.theory.kinds[atom.term], 0))
            left = kinds & atom.kinds if fact.holds else kinds - atom.kinds
            return (left, by) if left else _Clash(by)
        if isinstance(atom, InText):
            (yes, no), by = self.texts.get(atom.term, ((frozenset(), frozenset()), 0))
            sets = (yes | {atom.language}, no) if fact.holds else (yes, no | {atom.language})
            return _Clash(by) if self.theory.languages.find(*sets) is None else (sets, by)
        if isinstance(atom, AtMost):
            known = bound_of(fact)
            if known is None:
                return None
            variable, bound, upper, strict = known
            old, by = self.bounds.get(variable) or (start_bounds(variable), 0)
            new = Bounds(old.least, old.above, old.most, old.below)
            new.hold(bound, upper=upper, strict=strict)
            return _Clash(by) if new.is_empty() or sample(variable, new) is None else (variable, new, by)
        return None


def _is_open(fact: Fact) -> bool:
    """Say whether a fact is about something that was left open."""
    atom = fact.atom
    if isinstance(atom, Guess):
        return bool(atom.why)
    terms = [variable[0] for variable, _ in atom.parts] if isinstance(atom, AtMost) else [atom.term]
    return any(str(term[0]).startswith("#") for term in terms)


def _weight(formula: Formula) -> int:
    """Order ways: what says least of a request first, what leaves something open last."""
    if isinstance(formula, Fact):
        atom = formula.atom
        if isinstance(atom, Guess):
            return 4 if atom.why else int(formula.holds) * 2
        if isinstance(atom, Kinds):
            return 0 if (MISSING in atom.kinds) is formula.holds else 1
        return 1
    return 1 if isinstance(formula, bool) else 3


class WithZ3:
    """A search with z3 for choices and numbers; texts come to it as clauses, where they clash."""

    def __init__(self, theory: Theory, accept: Accept) -> None:
        import z3

        self.z3: Any = z3
        self.theory = theory
        self.accept = accept
        self.tries = 0
        self._atoms: dict[Atom, Any] = {}
        self._made: dict[int, tuple[Junction, Any]] = {}
        self._kinds: dict[object, Any] = {}
        self._solver = z3.SimpleSolver()
        self._open = False

    def search(self, formula: Formula) -> Found:
        """Look for a request."""
        self._solver.add(self._formula(formula))
        while True:
            answer = self._solver.check()
            if answer == self.z3.unsat:
                return Found.OPEN if self._open else Found.NOTHING
            if answer != self.z3.sat:
                return Found.GIVEN_UP
            model = self._solver.model()
            chosen: dict[Fact, None] = {}
            self._choose(formula, model, chosen, set())
            facts = tuple(chosen)
            solved = self.theory.solve(facts)
            if isinstance(solved, list):
                self._solver.add(self._clause(solved))
                continue
            self.tries += 1
            if self.accept(solved):
                return Found.REQUEST
            self._open = True
            if self.tries >= _TRIES_MOST:
                return Found.OPEN
            self._solver.add(self._clause([each for each in facts if not isinstance(each.atom, Kinds)] or facts))

    def _clause(self, facts: Sequence[Fact]) -> Any:  # noqa: ANN401 - z3 has no types
        return self.z3.Or(*(self._fact(Fact(each.atom, not each.holds)) for each in facts))

    def _formula(self, formula: Formula) -> Any:  # noqa: ANN401 - z3 has no types
        if isinstance(formula, bool):
            return self.z3.BoolVal(formula)
        if isinstance(formula, Fact):
            return self._fact(formula)
        known = self._made.get(id(formula))
        if known is None:
            parts = [self._formula(each) for each in formula.parts]
            known = self._made[id(formula)] = formula, (self.z3.And if formula.every else self.z3.Or)(*parts)
        return known[1]

    def _fact(self, fact: Fact) -> Any:  # noqa: ANN401 - z3 has no types
        atom = fact.atom
        made = self._atoms.get(atom)
        if made is None:
            made = self._atoms[atom] = self._atom(atom)
        return made if fact.holds else self.z3.Not(made)

    def _atom(self, atom: Atom) -> Any:  # noqa: ANN401 - z3 has no types
        z3 = self.z3
        if isinstance(atom, Kinds):
            kind = self._kinds.get(atom.term)
            if kind is None:
                known = self.theory.kinds[atom.term]
                kind = self._kinds[atom.term] = {
                    each: z3.Bool(f"kind {len(self._kinds)} {each}") for each in sorted(known)
                }
                self._solver.add(z3.PbEq([(each, 1) for each in kind.values()], 1))
            return z3.Or(*(kind[each] for each in sorted(atom.kinds)))
        if isinstance(atom, AtMost):
            total = sum_of(z3, atom)
            return total < 0 if atom.strict else total <= 0
        assert isinstance(atom, (InText, Truth, Same, Guess))  # noqa: S101 - for the type checker
        return z3.Bool(f"atom {len(self._atoms)}")

    def _choose(self, formula: Formula, model: Any, chosen: dict[Fact, None], seen: set[int]) -> None:  # noqa: ANN401
        """Take as few facts as make the formula true in the model."""
        if isinstance(formula, bool) or id(formula) in seen:
            return
        if isinstance(formula, Fact):
            chosen[formula] = None
            return
        seen.add(id(formula))
        if formula.every:
            for part in formula.parts:
                self._choose(part, model, chosen, seen)
            return
        true = [
            part for part in formula.parts if self.z3.is_true(model.eval(self._formula(part), model_completion=True))
        ]
        best = next((part for part in true if isinstance(part, Fact) and part in chosen), None)
        self._choose(min(true, key=_weight) if best is None else best, model, chosen, seen)


def sum_of(z3: Any, atom: AtMost) -> Any:  # noqa: ANN401 - z3 has no types
    """Write a sum for z3."""
    scale = 1
    for _, weight in (*atom.parts, (None, atom.constant)):
        scale = scale * weight.denominator
    total: Any = z3.IntVal(int(atom.constant * scale))
    for variable, weight in atom.parts:
        term, which = variable
        name = f"{which} {term!r}"
        total = total + int(weight * scale) * (z3.Real(name) if which == "double" else z3.Int(name))
    return total


def solve_sums(
    facts: Sequence[Fact], bounds: Callable[[Variable], tuple[int, int]]
) -> dict[Variable, Fraction] | list[Fact] | None:
    """Solve sums over several variables with z3, as `theory.Solver` has it."""
    import z3

    solver: Any = z3.Solver()
    marks: dict[str, Fact] = {}
    variables: dict[Variable, None] = {}
    for place, each in enumerate(facts):
        atom = each.atom
        assert isinstance(atom, AtMost)  # noqa: S101 - for the type checker
        atom = atom if each.holds else opposite(atom)
        variables.update(dict.fromkeys(variable for variable, _ in atom.parts))
        total = sum_of(z3, atom)
        marks[f"fact {place}"] = each
        solver.assert_and_track(total < 0 if atom.strict else total <= 0, f"fact {place}")
    for variable in variables:
        if variable[1] != "double":
            least, most = bounds(variable)
            name = z3.Int(f"{variable[1]} {variable[0]!r}")
            solver.add(name >= least, name <= most)
    answer = solver.check()
    if answer == z3.unsat:
        return [marks[str(each)] for each in solver.unsat_core()]
    if answer != z3.sat:
        return None
    model = solver.model()
    values: dict[Variable, Fraction] = {}
    for variable in variables:
        term, which = variable
        name = f"{which} {term!r}"
        value = model.eval(z3.Real(name) if which == "double" else z3.Int(name), model_completion=True)
        values[variable] = (
            Fraction(value.numerator_as_long(), value.denominator_as_long())
            if which == "double"
            else Fraction(value.as_long())
        )
    return values
