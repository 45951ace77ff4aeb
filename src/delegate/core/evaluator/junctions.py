"""Closures for `&&`, `||` and `?:` (SPEC §6.5).

Rules of this file:

- Operands run from left to right and stop at the first that decides. An error decides nothing: it stands only
  where no operand decides. What is no bool is an error.
- The node charges one step on entry, and each operand's segment when it is reached.
- Running out of steps is no `EvaluationError`, so it is not caught here.
"""

from __future__ import annotations

from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import EvaluationError, Scope, Variables
from delegate.core.evaluator.values import no_overload


def build_junction(op: int, operands: list[Built]) -> Built:
    """Make the closure of `&&` or `||`."""
    decisive = op == Op.OR
    neutral = not decisive

    def run(variables: Variables, scope: Scope) -> bool:
        scope.charge(1)
        failed: EvaluationError | None = None
        for operand, cost in operands:
            left = scope.steps_left - cost
            if left < 0:
                scope.charge(cost)  # raises
            scope.steps_left = left
            try:
                value = operand(variables, scope)
            except EvaluationError as error:
                failed = failed or error
                continue
            if value is neutral:
                continue
            if value is decisive:
                return decisive
            failed = failed or no_overload("||" if decisive else "&&", value)
        if failed is not None:
            raise failed
        return neutral

    return run, 0


def build_condition(operands: list[Built]) -> Built:
    """Make the closure of `?:`."""
    (test, test_cost), (yes, yes_cost), (no, no_cost) = operands

    def run(variables: Variables, scope: Scope) -> object:
        scope.charge(1 + test_cost)
        value = test(variables, scope)
        if value is True:
            scope.charge(yes_cost)
            return yes(variables, scope)
        if value is False:
            scope.charge(no_cost)
            return no(variables, scope)
        raise no_overload("?:", value)

    return run, 0
