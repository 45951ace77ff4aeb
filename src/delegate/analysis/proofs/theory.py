"""Whether facts about one request can be true together, and a request of which they are.

The rules of this file:

- "No" is certain. "Yes" comes with values; where sums over several variables are not solved (they need z3), or texts
  are tied together in a way that is not solved here, the values are an attempt, for the verifier to try.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Protocol, TypeAlias

from delegate.analysis.proofs.formulas import AtMost, Fact, Guess, InText, Kinds, Same, Term, Truth, Variable
from delegate.analysis.proofs.languages import Languages
from delegate.limits import EXACT_DOUBLE, INTEGER_MAX, INTEGER_MIN

Facts: TypeAlias = tuple[Fact, ...]

_FAR: Final = 3 * 10**20  # further than any moment, in nanoseconds
_CORE_MOST: Final = 24
_DISTINCT_TRIES: Final = 40


@dataclass(slots=True)
class Bounds:
    """What a variable is at least and at most; `None`: no bound."""

    least: Fraction | None = None
    above: bool = False  # it is more than `least`
    most: Fraction | None = None
    below: bool = False

    def hold(self, bound: Fraction, *, upper: bool, strict: bool) -> None:
        """Tighten one side."""
        if upper and (self.most is None or bound < self.most or (bound == self.most and strict)):
            self.most, self.below = bound, strict
        if not upper and (self.least is None or bound > self.least or (bound == self.least and strict)):
            self.least, self.above = bound, strict

    def is_empty(self) -> bool:
        """Say whether nothing is within."""
        if self.least is None or self.most is None:
            return False
        return self.least > self.most or (self.least == self.most and (self.above or self.below))


class Solver(Protocol):
    """What solves sums over several variables."""

    def __call__(
        self, facts: Sequence[Fact], bounds: Callable[[Variable], tuple[int, int]]
    ) -> dict[Variable, Fraction] | list[Fact] | None:
        """Give values; or facts that cannot be true together; `None`: that is not known."""


@dataclass(slots=True)
class Solution:
    """Values of terms, as far as the facts say anything of them.

    Attributes:
        kinds: what is left of the kinds of each term.
        texts, numbers, truths: values.
        guesses: what was left open, as text.
        certain: whether every fact is true of these values, guesses aside.
    """

    kinds: dict[Term, frozenset[str]] = field(default_factory=dict)
    texts: dict[Term, str] = field(default_factory=dict)
    numbers: dict[Variable, Fraction] = field(default_factory=dict)
    truths: dict[Term, bool] = field(default_factory=dict)
    guesses: tuple[str, ...] = ()
    certain: bool = True


def variable_bounds(variable: Variable) -> tuple[int, int]:
    """Give what a variable is at least and at most, whatever else is known."""
    term, which = variable
    if which == "size":
        return 0, 1 << 17
    if str(term[0]).startswith("#"):
        return -_FAR, _FAR
    return (0, 253_402_300_799) if term == ("now",) else (INTEGER_MIN, INTEGER_MAX)


def opposite(atom: AtMost) -> AtMost:
    """Give what holds where this does not."""
    parts = tuple((variable, -weight) for variable, weight in atom.parts)
    whole = all(which != "double" and weight.denominator == 1 for (_, which), weight in atom.parts)
    if whole and atom.constant.denominator == 1 and not atom.strict:
        return AtMost(parts, 1 - atom.constant, strict=False)
    return AtMost(parts, -atom.constant, not atom.strict)


def bound_of(fact: Fact) -> tuple[Variable, Fraction, bool, bool] | None:
    """Give variable, bound, whether it is an upper one, and whether it is strict; `None` for several variables."""
    atom = fact.atom
    assert isinstance(atom, AtMost)  # noqa: S101 - for the type checker
    atom = atom if fact.holds else opposite(atom)
    if len(atom.parts) != 1:
        return None
    ((variable, weight),) = atom.parts
    return variable, -atom.constant / weight, weight > 0, atom.strict


class Theory:
    """What can be told of facts, for one question.

    Args:
        languages: what the sets in facts are of.
        kinds: which kinds each term may be of.
        solver: for sums over several variables.
    """

    def __init__(self, languages: Languages, kinds: dict[Term, frozenset[str]], solver: Solver | None) -> None:
        self.languages = languages
        self.kinds = kinds
        self.solver = solver
        self.needed_solver = False

    def solve(self, facts: Facts) -> Solution | list[Fact]:
        """Give values that make the facts true, or facts that cannot be true together.

        Raises:
            TooMuchError: the automata of texts are too large.
        """
        found = Solution(guesses=tuple(dict.fromkeys(_whys(facts))))
        for check in (self._kinds, self._truths, self._texts, self._numbers):
            conflict = check(facts, found)
            if conflict:
                return conflict
        return found

    def _kinds(self, facts: Facts, found: Solution) -> list[Fact]:
        said: dict[Term, list[Fact]] = {}
        for each in facts:
            if isinstance(each.atom, Kinds):
                term = each.atom.term
                left = found.kinds.get(term, self.kinds[term])
                found.kinds[term] = left & each.atom.kinds if each.holds else left - each.atom.kinds
                said.setdefault(term, []).append(each)
                if not found.kinds[term]:
                    return said[term]
        return []

    def _truths(self, facts: Facts, found: Solution) -> list[Fact]:
        for each in facts:
            if isinstance(each.atom, Truth):
                found.truths[each.atom.term] = each.holds
        return []

    # Texts.

    def _texts(self, facts: Facts, found: Solution) -> list[Fact]:
        tied = [each for each in facts if isinstance(each.atom, Same)]
        said: dict[Term, list[Fact]] = {}
        for each in facts:
            if isinstance(each.atom, InText):
                said.setdefault(each.atom.term, []).append(each)
        if tied:
            return self._tied_texts(facts, tied, said, found)
        for term, about in said.items():
            text = self._text_of(about)
            if text is None:
                return self._core(about)
            found.texts[term] = text
        return []

    def _text_of(self, about: Iterable[Fact]) -> str | None:
        yes: list[int] = []
        no: list[int] = []
        for each in about:
            assert isinstance(each.atom, InText)  # noqa: S101 - for the type checker
            (yes if each.holds else no).append(each.atom.language)
        return self.languages.find(yes, no)

    def _core(self, about: list[Fact]) -> list[Fact]:
        """Leave out of facts about one text what is not needed for them to clash."""
        kept = about
        if len(kept) <= _CORE_MOST:
            for each in about:
                fewer = [one for one in kept if one is not each]
                if self._text_of(fewer) is None:
                    kept = fewer
        return kept

    def _tied_texts(self, facts: Facts, tied: list[Fact], said: dict[Term, list[Fact]], found: Solution) -> list[Fact]:
        """Texts of which one is another with something around it: write all of them by a few."""
        written: dict[Term, tuple[Term, str, str]] = {}

        def by(term: Term) -> tuple[Term, str, str]:
            base, ahead, behind = written.get(term, (term, "", ""))
            if base == term:
                return term, ahead, behind
            further, before, after = by(base)
            return further, ahead + before, after + behind

        involved = [each for each in tied if each.holds]
        for each in involved:
            atom = each.atom
            assert isinstance(atom, Same)  # noqa: S101 - for the type checker
            one, ahead, behind = by(atom.term)
            other, before, after = by(atom.other)
            before, after = atom.ahead + before, after + atom.behind
            if one == other:
                if len(ahead) + len(behind) != len(before) + len(after):
                    return involved  # one text of two lengths
                found.certain = found.certain and (ahead, behind) == (before, after)
            elif not ahead and not behind:
                written[one] = (other, before, after)
            elif not before and not after:
                written[other] = (one, ahead, behind)
            else:
                found.certain = False
        groups: dict[Term, list[tuple[int, bool]]] = {}
        for term in {*said, *written}:
            base, ahead, behind = by(term)
            for each in said.get(term, []):
                assert isinstance(each.atom, InText)  # noqa: S101 - for the type checker
                moved = self.languages.before(self.languages.after(each.atom.language, ahead), behind)
                groups.setdefault(base, []).append((moved, each.holds))
            groups.setdefault(base, [])
        for each in tied:
            assert isinstance(each.atom, Same)  # noqa: S101 - for the type checker
            for term in (each.atom.term, each.atom.other):
                groups.setdefault(by(term)[0], [])
        values: dict[Term, str] = {}
        for base, about in groups.items():
            text = self.languages.find(
                [part for part, holds in about if holds], [part for part, holds in about if not holds]
            )
            if text is None:
                return [*involved, *(each for each in facts if isinstance(each.atom, InText))]
            values[base] = text
        different = [each.atom for each in tied if not each.holds]
        self._make_different(different, groups, values, by, found)
        for term in {
            *said,
            *written,
            *(t for each in tied if isinstance(each.atom, Same) for t in (each.atom.term, each.atom.other)),
        }:
            base, ahead, behind = by(term)
            found.texts[term] = ahead + values[base] + behind
        return []

    def _make_different(
        self,
        different: Sequence[object],
        groups: dict[Term, list[tuple[int, bool]]],
        values: dict[Term, str],
        by: Callable[[Term], tuple[Term, str, str]],
        found: Solution,
    ) -> None:
        for _ in range(_DISTINCT_TRIES):
            for atom in different:
                assert isinstance(atom, Same)  # noqa: S101 - for the type checker
                (one, ahead, behind), (other, before, after) = by(atom.term), by(atom.other)
                same = ahead + values[one] + behind == atom.ahead + before + values[other] + after + atom.behind
                if same:
                    groups[one].append((self.languages.word(values[one]) if values[one] else 1, False))
                    text = self.languages.find(
                        [part for part, holds in groups[one] if holds],
                        [part for part, holds in groups[one] if not holds],
                    )
                    if text is None:
                        found.certain = False
                        return
                    values[one] = text
                    break
            else:
                return
        found.certain = False

    # Numbers.

    def _numbers(self, facts: Facts, found: Solution) -> list[Fact]:
        sums = [each for each in facts if isinstance(each.atom, AtMost)]
        bounds: dict[Variable, Bounds] = {}
        said: dict[Variable, list[Fact]] = {}
        several = False
        for each in sums:
            known = bound_of(each)
            if known is None:
                several = True
                continue
            variable, bound, upper, strict = known
            here = bounds.setdefault(variable, start_bounds(variable))
            here.hold(bound, upper=upper, strict=strict)
            said.setdefault(variable, []).append(each)
            if here.is_empty():
                return said[variable]
        for variable, here in bounds.items():
            value = sample(variable, here)
            if value is None:
                return said[variable]
            found.numbers[variable] = value
        return self._several(sums, found) if several else []

    def _several(self, sums: list[Fact], found: Solution) -> list[Fact]:
        self.needed_solver = True
        solved = None if self.solver is None else self.solver(sums, variable_bounds)
        if isinstance(solved, list):
            return solved
        if solved is None:
            found.certain = False
        else:
            found.numbers.update(solved)
        return []


def start_bounds(variable: Variable) -> Bounds:
    """Give the bounds that a variable has of itself."""
    if variable[1] == "double":
        return Bounds()
    least, most = variable_bounds(variable)
    return Bounds(Fraction(least), above=False, most=Fraction(most), below=False)


def sample(variable: Variable, bounds: Bounds) -> Fraction | None:
    """Give a number within bounds, near 0 where there is a choice; `None`: there is none.

    A double of a request is no whole number within 2^53: it would be an int (SPEC §7.1).
    """
    if variable[1] != "double":
        least, most = bounds.least, bounds.most
        value = Fraction(0)
        if least is not None and value < least:
            value = Fraction(math.ceil(least))
        if most is not None and value > most:
            value = Fraction(math.floor(most))
        inside = (least is None or value >= least) and (most is None or value <= most)
        return value if inside else None
    return _double(bounds, whole=str(variable[0][0]).startswith("#"))


def _double(bounds: Bounds, *, whole: bool) -> Fraction | None:
    least, most = bounds.least, bounds.most
    tries: list[float] = [0.5, -0.5]
    for bound in (least, most):
        if bound is not None:
            near = float(max(min(bound, Fraction(10) ** 308), -(Fraction(10) ** 308)))
            tries += [near, near + 0.5, near - 0.5, math.nextafter(near, math.inf), math.nextafter(near, -math.inf)]
    if least is not None and most is not None:
        tries.append(float((least + most) / 2))
    for each in tries:
        value = Fraction(each)
        if not whole and value.denominator == 1 and abs(value) <= EXACT_DOUBLE:
            continue
        if (least is None or value > least or (value == least and not bounds.above)) and (
            most is None or value < most or (value == most and not bounds.below)
        ):
            return value
    if least is not None and least == most:
        return None if not whole else least
    # Bounds apart, and no double tried within: say nothing certain, and let it be tried.
    return (least or Fraction(0)) if least is not None else most


def _whys(facts: Iterable[Fact]) -> Iterable[str]:
    return (each.atom.why for each in facts if isinstance(each.atom, Guess) and each.atom.why)
