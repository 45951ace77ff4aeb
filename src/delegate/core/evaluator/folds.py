"""Closures for comprehensions: `all exists exists_one map filter` (SPEC §6.5).

Rules of this file:

- Over a list its items are taken, over a map its keys, in the order of `values.ordered_keys`.
- Each item charges one step and the body's segment before the body runs, so that no number of items is free.
- `all` is `&&` and `exists` is `||` over the items, absorbed errors included. In the others the first error
  stands.
- The body runs over a copy of the variables, made once: the variable hides what has its name, and nothing
  outside is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import EvaluationError, Run, Scope, Variables
from delegate.core.evaluator.values import no_overload, ordered_keys


def build_fold(op: int, source: Built, variable: str, bodies: Sequence[Built]) -> Built:
    """Make the closure of a comprehension."""
    run, cost = source
    return _MAKERS[op](run, variable, bodies), 1 + cost


def _items(value: object, scope: Scope) -> Sequence[object]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, dict):
        scope.charge(len(value))
        return ordered_keys(value)
    detail = no_overload("a comprehension", value)
    raise detail


def _make_decision(source: Run, variable: str, bodies: Sequence[Built], *, sign: str, decisive: bool) -> Run:
    ((body, body_cost),) = bodies
    step = 1 + body_cost

    def run(variables: Variables, scope: Scope) -> bool:
        items = _items(source(variables, scope), scope)
        inner = dict(variables)
        failed: EvaluationError | None = None
        for item in items:
            scope.charge(step)
            inner[variable] = item
            try:
                value = body(inner, scope)
            except EvaluationError as error:
                failed = failed or error
                continue
            if value is decisive:
                return decisive
            if type(value) is not bool:
                failed = failed or no_overload(sign, value)
        if failed:
            raise failed
        return not decisive

    return run


def _make_all(source: Run, variable: str, bodies: Sequence[Built]) -> Run:
    return _make_decision(source, variable, bodies, sign="all", decisive=False)


def _make_exists(source: Run, variable: str, bodies: Sequence[Built]) -> Run:
    return _make_decision(source, variable, bodies, sign="exists", decisive=True)


def _make_exists_one(source: Run, variable: str, bodies: Sequence[Built]) -> Run:
    filtered = _make_filter(source, variable, bodies, name="exists_one")

    def run(variables: Variables, scope: Scope) -> bool:
        return len(filtered(variables, scope)) == 1  # type: ignore[arg-type]

    return run


def _make_filter(source: Run, variable: str, bodies: Sequence[Built], *, name: str = "filter") -> Run:
    ((body, body_cost),) = bodies
    step = 1 + body_cost

    def run(variables: Variables, scope: Scope) -> list[object]:
        items = _items(source(variables, scope), scope)
        inner = dict(variables)
        kept: list[object] = []
        for item in items:
            scope.charge(step)
            inner[variable] = item
            value = body(inner, scope)
            if value is True:
                kept.append(item)
            elif value is not False:
                raise no_overload(name, value)
        return kept

    return run


def _make_map(source: Run, variable: str, bodies: Sequence[Built]) -> Run:
    ((body, body_cost),) = bodies
    step = 1 + body_cost

    def run(variables: Variables, scope: Scope) -> list[object]:
        items = _items(source(variables, scope), scope)
        inner = dict(variables)
        results: list[object] = []
        for item in items:
            scope.charge(step)
            inner[variable] = item
            results.append(body(inner, scope))
        return results

    return run


def _make_map_some(source: Run, variable: str, bodies: Sequence[Built]) -> Run:
    (test, test_cost), (body, body_cost) = bodies
    step = 1 + test_cost

    def run(variables: Variables, scope: Scope) -> list[object]:
        items = _items(source(variables, scope), scope)
        inner = dict(variables)
        results: list[object] = []
        for item in items:
            scope.charge(step)
            inner[variable] = item
            value = test(inner, scope)
            if value is True:
                scope.charge(body_cost)
                results.append(body(inner, scope))
            elif value is not False:
                raise no_overload("map", value)
        return results

    return run


_MAKERS = {
    int(Op.ALL): _make_all,
    int(Op.EXISTS): _make_exists,
    int(Op.EXISTS_ONE): _make_exists_one,
    int(Op.FILTER): _make_filter,
    int(Op.MAP_EACH): _make_map,
    int(Op.MAP_SOME): _make_map_some,
}
