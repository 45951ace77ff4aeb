"""What a tool's arguments must be, each constraint a CEL tree underneath (SPEC §6.7).

    can("pay", args={"amount": at_most(500), "currency": one_of("EUR", "USD")})

Rules of this file:

- A constraint is typed: an argument of another type is refused, also by `none_of`, and a missing one by all.
- `&` and `|` compose. In `a | b`, an argument of a type that only `b` takes is judged by `b`.
- A plain value stands for `equals(value)`.
- What cannot be meant is refused on authoring: no alternatives, a range without inside, a pattern that is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from delegate.core.evaluator.namespaced import is_host
from delegate.core.evaluator.opcodes import QUOTABLE_FIELD, Op
from delegate.core.patterns.plain_form import plain_form
from delegate.language.conditions import constant, is_network, is_pattern, why_no_glob
from delegate.language.tree import Call, Expression, Fold, Has, ListOf, Literal, Path, conjuncts, junction

Number: TypeAlias = int | float

# The tree of a constraint over an operand; the number says how many comprehensions are around it.
_Build: TypeAlias = Callable[[Expression, int], Expression]


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a value must be. Made by the functions of this module, composed with `&` and `|`."""

    build: _Build

    def __and__(self, other: Constraint) -> Constraint:
        """Both must hold."""
        return self._joined(Op.AND, other)

    def __or__(self, other: Constraint) -> Constraint:
        """At least one must hold."""
        return self._joined(Op.OR, other)

    def _joined(self, op: Op, other: Constraint) -> Constraint:
        both = (self.build, other.build)
        return Constraint(lambda operand, depth: junction(op, [build(operand, depth) for build in both]))


def constrain(name: str, constraint: Constraint | object) -> list[Expression]:
    """The conditions that a constraint puts on the argument of that name; all must hold.

    Args:
        name: of the argument, any text.
        constraint: or a value that the argument must equal.

    Raises:
        ValueError, TypeError: a value that cannot be a constant (see `authoring.when`).
    """
    made = constraint if isinstance(constraint, Constraint) else equals(constraint)
    return list(conjuncts(made.build(Path(("args", name)), 0)))


def _binary(op: Op, value: object) -> Constraint:
    literal = constant(value)
    return Constraint(lambda operand, _depth: Call(op, (operand, literal)))


def equals(value: object) -> Constraint:
    """The value itself: null, a bool, a number, text, bytes, a list or map. `5` equals `5.0`, and no text."""
    return _binary(Op.EQ, value)


def one_of(*values: object) -> Constraint:
    """One of these.

    Raises:
        ValueError: none given: nothing could ever match.
    """
    return _binary(Op.IN, _some_values(values))


def none_of(*values: object) -> Constraint:
    """Of the type of these, but none of them.

    Args:
        values: bools, numbers, text or bytes.

    Raises:
        ValueError: none given.
        TypeError: another type.
    """
    kinds = {type(value) for value in _some_values(values)}
    if not kinds <= _TYPE_TESTS.keys():
        message = "none_of takes bools, numbers, text and bytes"
        raise TypeError(message)
    tests = list(dict.fromkeys(_TYPE_TESTS[kind] for kind in sorted(kinds, key=str)))
    excluded = constant(list(values))

    def build(operand: Expression, _depth: int) -> Expression:
        typed = junction(Op.OR, (test for make in tests for test in make(operand)))
        return junction(Op.AND, (typed, Call(Op.NOT, (Call(Op.IN, (operand, excluded)),))))

    return Constraint(build)


def _some_values(values: tuple[object, ...]) -> list[object]:
    if not values:
        message = "at least one value"
        raise ValueError(message)
    return list(values)


def _is_least(least: object) -> Callable[[Expression], list[Expression]]:
    literal = constant(least)
    return lambda operand: [Call(Op.GE, (operand, literal))]


def _is_number(operand: Expression) -> list[Expression]:
    return [Call(Op.LT, (operand, Literal(0))), Call(Op.GE, (operand, Literal(0)))]


# Conditions one of which holds for every value of the type, and which are errors for any other.
_TYPE_TESTS: dict[type, Callable[[Expression], list[Expression]]] = {
    bool: _is_least(least=False),
    str: _is_least(""),
    bytes: _is_least(b""),
    int: _is_number,
    float: _is_number,
}


def _check_ordered(*values: Number | str) -> None:
    if not all(type(value) in {int, float, str} for value in values):
        message = "a bound is a number or text"
        raise TypeError(message)


def at_least(value: Number | str) -> Constraint:
    """A number of at least this, or text not before this."""
    _check_ordered(value)
    return _binary(Op.GE, value)


def at_most(value: Number | str) -> Constraint:
    """A number of at most this, or text not after this."""
    _check_ordered(value)
    return _binary(Op.LE, value)


def between(least: Number | str, most: Number | str) -> Constraint:
    """From `least` to `most`, both included.

    Raises:
        ValueError: `least` is more than `most`.
        TypeError: a number and text.
    """
    _check_ordered(least, most)
    if least > most:  # type: ignore[operator] # a number and text: the TypeError that is meant
        message = "the least is more than the most"
        raise ValueError(message)
    return at_least(least) & at_most(most)


def matching(pattern: str) -> Constraint:
    """Text that matches a pattern: `*` within a `/` segment, `**` for segments; with a `/` in it, plain paths only.

    Raises:
        ValueError: no pattern.
    """
    fault = why_no_glob(pattern)
    if fault:
        message = f"{pattern!a}: {fault}"
        raise ValueError(message)
    return _binary(Op.GLOB_MATCH, pattern)


def regex(pattern: str) -> Constraint:
    r"""Text that matches a regular expression (RE2) as a whole: it is anchored as `\A(?:…)\z`.

    Raises:
        ValueError: no regular expression, or too large a one.
    """
    anchored = rf"\A(?:{pattern})\z"
    # By itself too: `a)|(?:b` would be two alternatives, each anchored at one end.
    if not is_pattern(pattern) or not is_pattern(anchored):
        message = f"no regular expression: {pattern!a}"
        raise ValueError(message)
    return _binary(Op.MATCHES, anchored)


def within(directory: str) -> Constraint:
    """A path that is the directory or below it; one with `..`, encoded separators or the like is refused.

    Raises:
        ValueError: the directory is not in plain form.
    """
    if not plain_form(directory):
        message = f"no plain path: {directory!a}"
        raise ValueError(message)
    return _binary(Op.PATH_WITHIN, directory)


def host_in(*hosts: str, schemes: Iterable[str] = ("https", "http")) -> Constraint:
    """A URL of one of these hosts; userinfo, odd spellings of addresses and the like are refused.

    Args:
        hosts: names or addresses; `*.example.com` stands for every host below `example.com`.
        schemes: which schemes the URL may have.

    Raises:
        ValueError: none given, or no host in the form that `url.host` gives.
    """
    _some_values(hosts)
    allowed = _some_values(tuple(schemes))
    if not all(is_host(host.removeprefix("*.")) for host in hosts):
        message = "a host is a name in lower case or an address in its usual form, in front of it perhaps `*.`"
        raise ValueError(message)
    exact = [host for host in hosts if not host.startswith("*.")]
    suffixes = [host.removeprefix("*") for host in hosts if host.startswith("*.")]

    def build(operand: Expression, _depth: int) -> Expression:
        host = Call(Op.URL_HOST, (operand,))
        alternatives: list[Expression] = [Call(Op.IN, (host, constant(exact)))] if exact else []
        alternatives += [Call(Op.ENDS_WITH, (host, Literal(suffix))) for suffix in suffixes]
        scheme = Call(Op.IN, (Call(Op.URL_SCHEME, (operand,)), constant(allowed)))
        return junction(Op.AND, (scheme, junction(Op.OR, alternatives)))

    return Constraint(build)


def ip_in(*networks: str) -> Constraint:
    """An IP address in one of these networks, such as `10.0.0.0/8`; odd spellings are refused.

    Raises:
        ValueError: none given, or no network.
    """
    _some_values(networks)
    if not all(is_network(network) for network in networks):
        message = "a network is like `10.0.0.0/8`, with no bits set behind its prefix"
        raise ValueError(message)

    def build(operand: Expression, _depth: int) -> Expression:
        return junction(Op.OR, (Call(Op.NET_WITHIN, (operand, Literal(network))) for network in networks))

    return Constraint(build)


def _over_items(op: Op, constraint: Constraint | object) -> Constraint:
    made = constraint if isinstance(constraint, Constraint) else equals(constraint)

    def build(operand: Expression, depth: int) -> Expression:
        variable = "item" if depth == 0 else f"item{depth + 1}"
        # A comprehension would take a map's keys as well; what is added to a list is a list.
        source = Call(Op.ADD, (operand, ListOf(())))
        return Fold(op, source, variable, (made.build(Path((variable,)), depth + 1),))

    return Constraint(build)


def each(constraint: Constraint | object) -> Constraint:
    """A list, also an empty one, all of whose items are so."""
    return _over_items(Op.ALL, constraint)


def some(constraint: Constraint | object) -> Constraint:
    """A list at least one of whose items is so."""
    return _over_items(Op.EXISTS, constraint)


def length(constraint: Constraint | int) -> Constraint:
    """Text, bytes, a list or map with so many characters, bytes, items or entries: `length(at_most(80))`."""
    made = constraint if isinstance(constraint, Constraint) else equals(constraint)
    return Constraint(lambda operand, depth: made.build(Call(Op.SIZE, (operand,)), depth))


def any_value() -> Constraint:
    """Anything, null included, as long as it is given."""
    return Constraint(_is_given)


def _is_given(operand: Expression, _depth: int) -> Expression:
    if not isinstance(operand, Path):
        message = "any_value says something of an argument alone"
        raise TypeError(message)
    *outer, field = operand.parts
    if not outer:
        return Literal(value=True)
    if QUOTABLE_FIELD.fullmatch(field):
        return Has(operand)
    return Call(Op.IN, (Literal(field), Path(tuple(outer))))


__all__ = [
    "Constraint",
    "any_value",
    "at_least",
    "at_most",
    "between",
    "constrain",
    "each",
    "equals",
    "host_in",
    "ip_in",
    "length",
    "matching",
    "none_of",
    "one_of",
    "regex",
    "some",
    "within",
]
