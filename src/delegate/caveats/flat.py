"""Closures for flat operators: a path on the left, a literal on the right (SPEC §10.4).

Rules of this file:

- What caveats mostly are is made quick: a name or one field of it, compared with a short literal, is one Python
  function that charges nothing and takes the common case without a further call.
- Everything else, and every failure, goes through the general implementations, so that there is one place for
  the meaning of each operator.
- `type(x) is …` before each comparison: Python's `True == 1` never decides.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from delegate.caveats.built import Built, reader
from delegate.caveats.functions import IMPLEMENTATIONS
from delegate.caveats.nodes import GENERAL, LiteralValue, Op
from delegate.caveats.scope import Run, Scope, Variables
from delegate.caveats.values import CHUNK_BITS, equal

# Reading a path, or a test that does not take the value, fails with these.
_UNREADABLE = (KeyError, TypeError)
_ORDER_TESTS: dict[int, Callable[[object, object], bool]] = {
    Op.LT_FLAT: operator.lt,
    Op.LE_FLAT: operator.le,
    Op.GT_FLAT: operator.gt,
    Op.GE_FLAT: operator.ge,
}
_TEXT_TESTS: dict[int, Callable[[str, str], bool]] = {
    Op.STARTS_WITH_FLAT: str.startswith,
    Op.ENDS_WITH_FLAT: str.endswith,
}
_IMPLEMENTATIONS: dict[int, Callable[..., object]] = {
    op - GENERAL: IMPLEMENTATIONS[Op(op)] for op in range(Op.EQ, Op.NET_WITHIN + 1)
}
# With a short literal these charge nothing for the sizes of their operands.
_CHARGELESS = frozenset({Op.EQ_FLAT, Op.NE_FLAT, *_ORDER_TESTS, *_TEXT_TESTS})


def _is_short(literal: LiteralValue) -> bool:
    return not isinstance(literal, (str, bytes)) or len(literal) >> CHUNK_BITS == 0


def build_flat(op: int, parts: tuple[str, ...], literal: LiteralValue) -> Built:
    """Make the closure of a flat operator other than `in`."""
    cost = len(parts) + 2
    kind = type(literal)
    if len(parts) <= 2 and _is_short(literal):  # noqa: PLR2004 - a name and one field
        if op == Op.EQ_FLAT:
            return Built(_equal(parts, literal, kind), cost, settled=True)
        if op in _ORDER_TESTS and kind in {int, str, float}:
            return Built(_in_order(op, parts, literal, kind), cost, settled=True)
        if op in _TEXT_TESTS and kind is str:
            return Built(_test_text(op, parts, literal), cost, settled=True)  # type: ignore[arg-type]
    return Built(_general(op, parts, literal), cost, op in _CHARGELESS and _is_short(literal))


def _general(op: int, parts: tuple[str, ...], literal: LiteralValue) -> Run:
    implementation = _IMPLEMENTATIONS[op]
    read = reader(parts)

    def run(variables: Variables, scope: Scope) -> object:
        return implementation(read(variables), literal, scope)

    return run


def _equal(parts: tuple[str, ...], literal: LiteralValue, kind: type) -> Run:
    slowly = _general(Op.EQ_FLAT, parts, literal)
    if len(parts) == 1:
        (name,) = parts

        def run(variables: Variables, scope: Scope) -> object:
            value = variables.get(name)
            if type(value) is kind and value is not None:
                return value == literal
            return slowly(variables, scope)

        return run

    name, field = parts

    def run_field(variables: Variables, scope: Scope) -> object:
        try:
            value = variables[name][field]  # type: ignore[index] # what has no fields is a TypeError
        except _UNREADABLE:
            return slowly(variables, scope)
        if type(value) is kind:
            return value == literal
        return slowly(variables, scope)

    return run_field


def _in_order(op: int, parts: tuple[str, ...], literal: LiteralValue, kind: type) -> Run:
    slowly = _general(op, parts, literal)
    test = _ORDER_TESTS[op]
    if len(parts) == 1:
        (name,) = parts

        def run(variables: Variables, scope: Scope) -> object:
            value = variables.get(name)
            if type(value) is kind:
                return test(value, literal)
            return slowly(variables, scope)

        return run

    name, field = parts

    def run_field(variables: Variables, scope: Scope) -> object:
        try:
            value = variables[name][field]  # type: ignore[index] # what has no fields is a TypeError
        except _UNREADABLE:
            return slowly(variables, scope)
        if type(value) is kind:
            return test(value, literal)
        return slowly(variables, scope)

    return run_field


def _test_text(op: int, parts: tuple[str, ...], literal: str) -> Run:
    slowly = _general(op, parts, literal)
    test = _TEXT_TESTS[op]
    if len(parts) == 1:
        (name,) = parts

        def run(variables: Variables, scope: Scope) -> object:
            try:
                return test(variables[name], literal)  # type: ignore[arg-type] # what is no text is a TypeError
            except _UNREADABLE:
                return slowly(variables, scope)

        return run

    name, field = parts

    def run_field(variables: Variables, scope: Scope) -> object:
        try:
            return test(variables[name][field], literal)  # type: ignore[index]
        except _UNREADABLE:
            return slowly(variables, scope)

    return run_field


def build_flat_in(parts: tuple[str, ...], literals: list[LiteralValue]) -> Built:
    """Make the closure of `path in [literals]`. Its segment pays for all comparisons with short literals."""
    cost = len(parts) + 2 + 2 * len(literals)
    short = all(map(_is_short, literals))
    read = reader(parts)

    def slowly(variables: Variables, scope: Scope) -> object:
        value = read(variables)
        return any(equal(value, literal, scope) for literal in literals)

    if not short or not all(type(literal) is str for literal in literals):
        return Built(slowly, cost, short)
    members = frozenset(literals)
    if len(parts) == 1:
        (name,) = parts

        def run(variables: Variables, scope: Scope) -> object:
            try:
                return variables[name] in members
            except _UNREADABLE:
                return slowly(variables, scope)

        return Built(run, cost, settled=True)

    def run_path(variables: Variables, scope: Scope) -> object:
        try:
            return read(variables) in members
        except TypeError:
            return slowly(variables, scope)

    return Built(run_path, cost, settled=True)
