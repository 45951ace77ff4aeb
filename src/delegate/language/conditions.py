"""Writing caveats: text with values bound into it (SPEC §6.7).

Rules of this file:

- A value becomes a tree of literals, never text that is read again: what an attacker put into a string stays a
  string.
- Misuse by the calling program is a `ValueError` or `TypeError`; what is wrong with the text itself is a
  `CaveatSyntaxError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from delegate.core.evaluator.namespaced import glob_of, network_of
from delegate.core.evaluator.opcodes import CAVEAT_NAMES, LiteralValue, Op
from delegate.core.evaluator.regex import prepared
from delegate.core.evaluator.scope import EvaluationError
from delegate.core.evaluator.timestamps import format_duration, format_timestamp
from delegate.core.evaluator.values import Duration, Timestamp, to_value
from delegate.core.patterns.plain_form import plain_form
from delegate.errors import CaveatSyntaxError
from delegate.language.codec import to_wire
from delegate.language.parser import parse_expression, parse_placed
from delegate.language.printer import format_expression
from delegate.language.tree import Call, Expression, ListOf, Literal, MapOf, children, excess
from delegate.language.types import WrongTypeError, check_types
from delegate.limits import EXPRESSION_DEPTH, EXPRESSION_NODES, INTEGER_MAX, INTEGER_MIN, REGEX_CHARACTERS


class Caveat:
    """A condition that must hold for every request. `str()` is its CEL text; equal when encoded alike.

    Make one with `when`, or from a tree.
    """

    __slots__ = ("expression",)

    expression: Expression

    def __init__(self, expression: Expression) -> None:
        """Wrap a tree.

        Raises:
            ValueError: the tree exceeds the limits of an expression.
        """
        problem = excess(expression)
        if problem:
            raise ValueError(problem)
        object.__setattr__(self, "expression", expression)

    def __setattr__(self, name: str, value: object) -> None:
        """A caveat does not change."""
        message = "a caveat cannot be changed"
        raise AttributeError(message)

    def __reduce__(self) -> tuple[type[Caveat], tuple[Expression]]:
        return Caveat, (self.expression,)

    def to_wire(self) -> object:
        """The object that stands for it in a token."""
        return to_wire(self.expression)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Caveat) and self.expression == other.expression

    def __hash__(self) -> int:
        return hash(self.expression)

    def __str__(self) -> str:
        return format_expression(self.expression)

    def __repr__(self) -> str:
        return f"when({format_expression(self.expression)!r})"


def wrap(parsed: Expression) -> Caveat:
    """Make a caveat of a tree that the parser has held to the limits already."""
    made = object.__new__(Caveat)
    object.__setattr__(made, "expression", parsed)
    return made


def when(text: str, /, **values: object) -> Caveat:
    """Make a caveat from CEL text, with values in the places of names.

    Args:
        text: CEL that reads `action`, `resource`, `args`, `env`, `now`, `aud`, `origin` and `holder`.
        values: what each other name stands for: None, bool, int of 64 bits, finite float, str, bytes, a list,
            tuple or mapping of such, an aware datetime, a timedelta.

    Raises:
        CaveatSyntaxError: MALFORMED: not CEL, an unknown name or function, too large; a part that could only ever be an
            error, such as `now < 1999` or `duration("1d")`; arithmetic on a number of the request whose kind is not
            fixed by `double(…)` or `int(…)`. Its `span` is where, and the message says how to write it.
        ValueError: a value that the text does not use, one under a name that a caveat reads, or one that cannot
            be written: beyond 64 bits, not finite, a naive datetime, a lone surrogate.
        TypeError: a value of another type.
    """
    return condition(text, CAVEAT_NAMES, values)


def condition(text: str, names: frozenset[str], values: Mapping[str, object]) -> Caveat:
    """Make a condition that reads other names than a caveat does; else as `when`."""
    reserved = sorted(names & values.keys())
    if reserved:
        message = f"`{reserved[0]}` is what a caveat reads; bind the value under another name"
        raise ValueError(message)
    tree, used = read(text, names, {name: constant(value) for name, value in values.items()})
    unused = sorted(values.keys() - used)
    if unused:
        message = f"the value `{ascii(unused[0])[1:-1]}` is not used in the text"
        raise ValueError(message)
    return wrap(tree)


def read(
    text: str,
    names: frozenset[str] = CAVEAT_NAMES,
    constants: Mapping[str, Expression] | None = None,
    wanted: str = "bool",
) -> tuple[Expression, frozenset[str]]:
    """Read what an author wrote: in the language, and no part of it such that it could only ever be an error.

    Args:
        text: CEL.
        names: which variables it may read.
        constants: trees that replace names.
        wanted: what it must be able to come to: a `bool`, or for another value than a condition's, its type, or empty
            text for any.

    Returns:
        The tree, and which constants occur in it.

    Raises:
        CaveatSyntaxError: as `when`.
    """
    given = constants or {}
    tree, used = parse_expression(text, names=names, constants=given)
    try:
        _check(tree, wanted)
    except WrongTypeError:
        again, places = parse_placed(text, names=names, constants=given)
        try:
            _check(again, wanted)
        except WrongTypeError as wrong:
            span = _span(wrong.node, places) or (0, len(text))
            raise CaveatSyntaxError(wrong.detail, source=text, span=span) from None
        raise
    return tree, used


def _span(node: Expression, places: list[tuple[Expression, tuple[int, int]]]) -> tuple[int, int] | None:
    """Say where a part of a tree stands: as it was noted, else from the first to the last of what is in it."""
    for part, where in places:
        if part is node:
            return where
    within = [span for span in (_span(child, places) for child in children(node)) if span is not None]
    return (min(start for start, _ in within), max(end for _, end in within)) if within else None


def _check(tree: Expression, wanted: str) -> None:
    """Refuse what could only ever be an error; raises WrongTypeError."""
    check_types(tree, wanted)
    pending = [tree]
    while pending:
        node = pending.pop()
        pending.extend(children(node))
        if isinstance(node, Call) and node.op in _CHECKS:
            check, what = _CHECKS[node.op]
            literal = node.operands[1]
            if isinstance(literal, Literal) and isinstance(literal.value, str) and not check(literal.value):
                detail = why_no_glob(literal.value) if node.op is Op.GLOB_MATCH else f"text that is not a {what}"
                raise WrongTypeError(detail, literal)


def why_no_glob(pattern: str) -> str:
    """Why is this no pattern that `glob.match` takes? Empty text where it is one."""
    matcher = glob_of(pattern)
    return matcher if isinstance(matcher, str) else ""


def is_pattern(pattern: str) -> bool:
    """Is this a regular expression that `matches` takes? Yes, too, where google-re2 is not here to tell."""
    try:
        return len(pattern) <= REGEX_CHARACTERS and prepared(pattern)[1] is not None
    except EvaluationError:
        return True


def is_network(text: str) -> bool:
    """Is this a network that `net.within` takes?"""
    try:
        network_of(text)
    except EvaluationError:
        return False
    return True


_CHECKS = {
    Op.MATCHES: (is_pattern, "regular expression"),
    Op.GLOB_MATCH: (lambda text: not why_no_glob(text), "pattern"),
    Op.NET_WITHIN: (is_network, "network like `10.0.0.0/8`"),
    Op.PATH_WITHIN: (plain_form, "path in plain form"),
}


def constant(value: object, depth: int = 0) -> Expression:
    """The tree that a value is in an expression.

    Raises:
        ValueError, TypeError: as `when`.
    """
    if depth > EXPRESSION_DEPTH:
        message = f"a value is nested more than {EXPRESSION_DEPTH} deep"
        raise ValueError(message)
    if isinstance(value, (list, tuple, Mapping)) and len(value) > EXPRESSION_NODES:
        message = f"a value has more than {EXPRESSION_NODES} items"
        raise ValueError(message)
    if isinstance(value, (list, tuple)):
        return ListOf(tuple(constant(item, depth + 1) for item in value))
    if isinstance(value, Mapping):
        if not all(type(key) in {str, int, bool} for key in value):
            message = "the keys of a map are str, int or bool"
            raise TypeError(message)
        return MapOf(tuple((constant(key), constant(item, depth + 1)) for key, item in value.items()))
    if isinstance(value, (datetime, timedelta, Timestamp, Duration)):
        return _time(value)
    return _literal(value)


def _literal(value: object) -> Literal:
    problem = None
    match value:
        case None | bool() | bytes():
            pass
        case int() if not INTEGER_MIN <= value <= INTEGER_MAX:
            problem = "an int has 64 bits"
        case float() if not math.isfinite(value):
            problem = "a float is finite"
        case str() if any("\ud800" <= character <= "\udfff" for character in value):
            problem = "text has no lone surrogates"
        case int() | float() | str():
            pass
        case _:
            message = f"a {type(value).__name__} cannot be a value in a caveat"
            raise TypeError(message)
    if problem:
        raise ValueError(problem)
    return Literal(_plain(value))


def _plain(value: object) -> LiteralValue:
    """Without subclasses, such as members of an enumeration."""
    match value:
        case bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str.__str__(value)
        case bytes():
            return bytes(value)
    return None


def _time(value: datetime | timedelta | Timestamp | Duration) -> Call:
    if isinstance(value, datetime) and value.tzinfo is None:
        message = "a datetime without time zone"
        raise ValueError(message)
    try:
        given = to_value(value)
    except EvaluationError as error:
        raise ValueError(error.detail) from None
    if isinstance(given, Timestamp):
        return Call(Op.TIMESTAMP, (Literal(format_timestamp(given)),))
    assert isinstance(given, Duration)  # noqa: S101 - for the type checker
    return Call(Op.DURATION, (Literal(format_duration(given)),))
