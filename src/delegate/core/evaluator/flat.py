"""Closures for flat operators: a path on the left, a literal on the right (SPEC §6.4).

Rules of this file:

- What caveats mostly are is made quick: a name or one field of it, compared with a short literal, is one Python
  function that charges nothing and takes the common case without a further call.
- Everything else, and every failure, goes through `_generally` and so through the general implementations:
  there is one place for the meaning of each operator.
- `type(x) is …` before each comparison: Python's `True == 1` never decides.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from delegate.core.evaluator.functions import IMPLEMENTATIONS
from delegate.core.evaluator.opcodes import GENERAL, LiteralValue, Op
from delegate.core.evaluator.paths import Built, read_path
from delegate.core.evaluator.scope import Run, Scope, Variables
from delegate.core.evaluator.values import CHUNK_BITS, equal

_Parts: TypeAlias = tuple[str, ...]

# Reading a path, or a test that does not take the value, fails with these.
_UNREADABLE = (KeyError, TypeError)
# A literal of fewer characters or bytes is compared at no further charge.
_SHORT = 1 << CHUNK_BITS
_EQ = int(Op.EQ_FLAT)
_ORDER_TESTS: dict[int, Callable[[Any, Any], Any]] = {
    Op.LT_FLAT: operator.lt,
    Op.LE_FLAT: operator.le,
    Op.GT_FLAT: operator.gt,
    Op.GE_FLAT: operator.ge,
}
_TEXT_TESTS: dict[int, Callable[[str, str], bool]] = {
    Op.STARTS_WITH_FLAT: str.startswith,
    Op.ENDS_WITH_FLAT: str.endswith,
}
_ORDERED = frozenset({int, str, float})
# With a short literal these charge nothing for the sizes of their operands.
_CHARGELESS = frozenset({Op.EQ_FLAT, Op.NE_FLAT, *_ORDER_TESTS, *_TEXT_TESTS})
_IMPLEMENTATIONS: dict[int, Callable[..., object]] = {
    op - GENERAL: IMPLEMENTATIONS[Op(op)] for op in range(Op.EQ, Op.NET_WITHIN + 1)
}


def build_flat(op: int, parts: _Parts, literal: LiteralValue) -> Built:
    """Make the closure of a flat operator other than `in`."""
    count = len(parts)
    kind = type(literal)
    short = (kind is not str and kind is not bytes) or len(literal) < _SHORT  # type: ignore[arg-type]
    if short and count <= 2:
        if op == _EQ:
            return _equal(parts, literal, kind), count + 2, True
        if op in _ORDER_TESTS:
            if kind in _ORDERED:
                return _in_order(op, parts, literal, kind), count + 2, True
        elif kind is str and op in _TEXT_TESTS:
            return _test_text(op, parts, literal), count + 2, True  # type: ignore[arg-type]
    implementation = _IMPLEMENTATIONS[op]

    def run(variables: Variables, scope: Scope) -> object:
        return implementation(read_path(variables, parts), literal, scope)

    return run, count + 2, short and op in _CHARGELESS


def _generally(op: int, parts: _Parts, literal: LiteralValue, variables: Variables, scope: Scope) -> object:
    return _IMPLEMENTATIONS[op](read_path(variables, parts), literal, scope)


# What the closures below use is bound as defaults of parameters that nobody gives: two objects a closure in place of
# ten, which is 1 µs less to make and half the work for the garbage collector.


def _equal(parts: _Parts, literal: LiteralValue, kind: type) -> Run:
    if len(parts) == 1:

        def run(
            variables: Variables,
            scope: Scope,
            name: str = parts[0],
            literal: LiteralValue = literal,
            kind: type = kind,
        ) -> object:
            value = variables.get(name)
            # A name that is missing reads as None here, so null goes the general way.
            if type(value) is kind and value is not None:
                return value == literal
            return _generally(_EQ, (name,), literal, variables, scope)

        return run

    def run_field(
        variables: Variables,
        scope: Scope,
        parts: _Parts = parts,
        literal: LiteralValue = literal,
        kind: type = kind,
    ) -> object:
        name, field = parts
        try:
            value = variables[name][field]  # type: ignore[index] # what has no fields is a TypeError
        except _UNREADABLE:
            return _generally(_EQ, parts, literal, variables, scope)
        if type(value) is kind:
            return value == literal
        return _generally(_EQ, parts, literal, variables, scope)

    return run_field


def _in_order(op: int, parts: _Parts, literal: LiteralValue, kind: type) -> Run:
    if len(parts) == 1:

        def run(
            variables: Variables,
            scope: Scope,
            op: int = op,
            name: str = parts[0],
            literal: LiteralValue = literal,
            kind: type = kind,
        ) -> object:
            value = variables.get(name)
            if type(value) is kind:
                return _ORDER_TESTS[op](value, literal)
            return _generally(op, (name,), literal, variables, scope)

        return run

    def run_field(
        variables: Variables,
        scope: Scope,
        op: int = op,
        parts: _Parts = parts,
        literal: LiteralValue = literal,
        kind: type = kind,
    ) -> object:
        name, field = parts
        try:
            value = variables[name][field]  # type: ignore[index] # what has no fields is a TypeError
        except _UNREADABLE:
            return _generally(op, parts, literal, variables, scope)
        if type(value) is kind:
            return _ORDER_TESTS[op](value, literal)
        return _generally(op, parts, literal, variables, scope)

    return run_field


def _test_text(op: int, parts: _Parts, literal: str) -> Run:
    if len(parts) == 1:

        def run(
            variables: Variables, scope: Scope, op: int = op, name: str = parts[0], literal: str = literal
        ) -> object:
            try:
                return _TEXT_TESTS[op](variables[name], literal)  # type: ignore[arg-type] # no text is a TypeError
            except _UNREADABLE:
                return _generally(op, (name,), literal, variables, scope)

        return run

    def run_field(
        variables: Variables, scope: Scope, op: int = op, parts: _Parts = parts, literal: str = literal
    ) -> object:
        name, field = parts
        try:
            return _TEXT_TESTS[op](variables[name][field], literal)  # type: ignore[index] # no fields is one too
        except _UNREADABLE:
            return _generally(op, parts, literal, variables, scope)

    return run_field


def build_flat_in(parts: _Parts, literals: list[LiteralValue]) -> Built:
    """Make the closure of `path in [literals]`.

    Its segment pays one step an item for the comparisons, which is all that short literals cost.
    """
    cost = len(parts) + 2 + 2 * len(literals)
    texts = short = True
    for literal in literals:
        kind = type(literal)
        if kind is not str:
            texts = False
        if (kind is str or kind is bytes) and len(literal) >= _SHORT:  # type: ignore[arg-type]
            short = False
    if not (texts and short):
        return lambda variables, scope: _is_in(parts, literals, variables, scope), cost, short
    members = frozenset(literals)
    if len(parts) == 1:
        (name,) = parts

        def run(
            variables: Variables,
            scope: Scope,
            name: str = name,
            members: frozenset[LiteralValue] = members,
            literals: list[LiteralValue] = literals,
        ) -> object:
            try:
                return variables[name] in members
            except _UNREADABLE:
                return _is_in((name,), literals, variables, scope)

        return run, cost, True

    def run_path(variables: Variables, scope: Scope) -> object:
        value = read_path(variables, parts)
        try:
            return value in members
        except TypeError:
            return _is_in(parts, literals, variables, scope)

    return run_path, cost, True


def _is_in(parts: _Parts, literals: list[LiteralValue], variables: Variables, scope: Scope) -> bool:
    value = read_path(variables, parts)
    return any(equal(value, literal, scope) for literal in literals)
