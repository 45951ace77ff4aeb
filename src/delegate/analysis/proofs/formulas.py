"""What is known of a request, as formulas over few kinds of atoms.

The rules of this file:

- A *term* is a place of the request: `("args", "amount")`. Its value has one kind out of several, `missing` among them.
- A formula is a bool, a `Literal_` or a `Junction`. Equal parts are one object where they were made once.
- Numbers are linear sums over variables: the int or the double that a term is, the size of a list, nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final, TypeAlias

Term: TypeAlias = tuple[object, ...]
# A term, and which of its numbers: `int`, `double`, `size`.
Variable: TypeAlias = tuple[Term, str]

MISSING: Final = "missing"
SENT: Final = frozenset({"null", "bool", "int", "double", "string", "bytes", "list", "map"})


@dataclass(frozen=True, slots=True)
class Kinds:
    """The value of a term is of one of these kinds."""

    term: Term
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class InText:
    """The text that a term is, or would be, is in a set of `Languages`."""

    term: Term
    language: int


@dataclass(frozen=True, slots=True)
class AtMost:
    """A sum is at most 0, or less than that."""

    parts: tuple[tuple[Variable, Fraction], ...]
    constant: Fraction
    strict: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """The bool that a term is, or would be, is true."""

    term: Term


@dataclass(frozen=True, slots=True)
class Same:
    """The texts of two terms are one text, once something is written around the second."""

    term: Term
    other: Term
    ahead: str
    behind: str


@dataclass(frozen=True, slots=True)
class Guess:
    """Something that is left open: the outcome of what is not translated; or a choice, where `why` is empty."""

    number: int
    why: str


Atom: TypeAlias = Kinds | InText | AtMost | Truth | Same | Guess


@dataclass(frozen=True, slots=True)
class Fact:
    """An atom or its opposite."""

    atom: Atom
    holds: bool


@dataclass(frozen=True, slots=True, eq=False)
class Junction:
    """All of these formulas, or one of them."""

    every: bool
    parts: tuple[Formula, ...]


Formula: TypeAlias = "bool | Fact | Junction"


def fact(atom: Atom) -> Fact:
    """Say that an atom holds."""
    return Fact(atom, holds=True)


def conj(*parts: Formula) -> Formula:
    """Give what holds where all of these do."""
    return _junction(True, parts)


def disj(*parts: Formula) -> Formula:
    """Give what holds where one of these does."""
    return _junction(False, parts)


def _junction(every: bool, parts: Iterable[Formula]) -> Formula:  # noqa: FBT001 - as `Junction` has it
    found: dict[int, Formula] = {}
    seen: set[Formula] = set()
    for part in parts:
        if part is every:
            continue
        if isinstance(part, bool):
            return part
        for each in part.parts if isinstance(part, Junction) and part.every is every else (part,):
            if isinstance(each, Fact):
                if each in seen:
                    continue
                if Fact(each.atom, not each.holds) in seen:
                    return not every
                seen.add(each)
            found[id(each)] = each
    if len(found) < 2:
        return next(iter(found.values()), every)
    return Junction(every, tuple(found.values()))


class Negations:
    """The opposites of formulas, each made once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Junction, Formula]] = {}  # what is kept keeps its number

    def __call__(self, formula: Formula) -> Formula:
        """Give what holds where this does not."""
        if isinstance(formula, bool):
            return not formula
        if isinstance(formula, Fact):
            return Fact(formula.atom, not formula.holds)
        known = self._made.get(id(formula))
        if known is None:
            opposite = _junction(not formula.every, [self(part) for part in formula.parts])
            known = self._made[id(formula)] = (formula, opposite)
            if isinstance(opposite, Junction):
                self._made[id(opposite)] = (opposite, formula)
        return known[1]


@dataclass(frozen=True, slots=True)
class Sum:
    """A linear sum: variables with their factors, in order, and a constant."""

    parts: tuple[tuple[Variable, Fraction], ...]
    constant: Fraction

    def plus(self, other: Sum, factor: int | Fraction = 1) -> Sum:
        """Add another sum, times a factor."""
        found = dict(self.parts)
        for variable, weight in other.parts:
            found[variable] = found.get(variable, Fraction(0)) + weight * factor
        parts = tuple(sorted(((name, weight) for name, weight in found.items() if weight), key=repr))
        return Sum(parts, self.constant + other.constant * factor)

    def times(self, factor: int | Fraction) -> Sum:
        """Multiply with a number."""
        return Sum((), Fraction(0)).plus(self, factor)


def number(value: float | Fraction) -> Sum:
    """Give a constant."""
    return Sum((), Fraction(value))


def variable(term: Term, which: str) -> Sum:
    """Give a variable."""
    return Sum((((term, which), Fraction(1)),), Fraction(0))


def at_most(left: Sum, right: Sum, *, strict: bool = False) -> Formula:
    """Say that one sum is at most another, or less."""
    total = left.plus(right, -1)
    if not total.parts:
        return total.constant < 0 if strict else total.constant <= 0
    parts, constant = total.parts, total.constant
    whole = all(which != "double" for (_, which), _ in parts)
    if len(parts) == 1:
        weight = abs(parts[0][1])
        parts, constant = ((parts[0][0], parts[0][1] / weight),), constant / weight
    if whole and all(weight.denominator == 1 for _, weight in parts):
        bound = -constant  # the whole numbers at most, or below, this
        bound = Fraction(-floor(-bound) - 1) if strict else Fraction(floor(bound))
        return fact(AtMost(parts, -bound, strict=False))
    return fact(AtMost(parts, constant, strict))


def equal_sums(left: Sum, right: Sum) -> Formula:
    """Say that two sums are one number."""
    return conj(at_most(left, right), at_most(right, left))
