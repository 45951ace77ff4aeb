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
from delegate.core.evaluator.scope import EvaluationError, Run, Scope, Variables
from delegate.core.evaluator.values import no_overload


def build_junction(op: int, operands: list[Built]) -> Built:
    """Make the closure of `&&` or `||`."""
    decisive = op == Op.OR
    if not decisive:
        total = 1
        for _, cost, settled in operands:
            if not settled:
                break
            total += cost
        else:
            return _all_at_once(operands, total), 0, False
    return lambda variables, scope: _one_by_one(operands, variables, scope, decisive=decisive), 0, False


def _one_by_one(operands: list[Built], variables: Variables, scope: Scope, *, decisive: bool) -> bool:
    scope.charge(1)
    failed: EvaluationError | None = None
    for run, cost, _ in operands:
        left = scope.steps_left - cost
        if left < 0:
            scope.charge(cost)
        scope.steps_left = left
        try:
            value = run(variables, scope)
        except EvaluationError as error:
            failed = failed or error
            continue
        if value is decisive:
            return decisive
        if value is not True and value is not False:
            failed = failed or no_overload("||" if decisive else "&&", value)
    if failed is not None:
        raise failed
    return not decisive


def _all_at_once(operands: list[Built], total: int) -> Run:
    """`&&` of operands that charge nothing themselves, settled in one sum when all hold.

    They have no effect but their value, so that any other outcome may be had again, one by one and with each
    segment charged in its turn; so too when the steps might not suffice.
    """
    # Bound as defaults of parameters, as in `flat.py`: a sixth less to make than with five cells.
    if len(operands) == 2:
        (first, _, _), (second, _, _) = operands

        def run_two(
            variables: Variables,
            scope: Scope,
            operands: list[Built] = operands,
            total: int = total,
            first: Run = first,
            second: Run = second,
        ) -> object:
            left = scope.steps_left - total
            if left >= 0:
                try:
                    if first(variables, scope) is True and second(variables, scope) is True:
                        scope.steps_left = left
                        return True
                except EvaluationError:
                    pass
            return _one_by_one(operands, variables, scope, decisive=False)

        return run_two
    if len(operands) == 3:
        (first, _, _), (second, _, _), (third, _, _) = operands

        def run_three(
            variables: Variables,
            scope: Scope,
            operands: list[Built] = operands,
            total: int = total,
            first: Run = first,
            second: Run = second,
            third: Run = third,
        ) -> object:
            left = scope.steps_left - total
            if left >= 0:
                try:
                    if (
                        first(variables, scope) is True
                        and second(variables, scope) is True
                        and third(variables, scope) is True
                    ):
                        scope.steps_left = left
                        return True
                except EvaluationError:
                    pass
            return _one_by_one(operands, variables, scope, decisive=False)

        return run_three

    def run_all(variables: Variables, scope: Scope) -> object:
        left = scope.steps_left - total
        if left >= 0:
            try:
                for run, _, _ in operands:
                    if run(variables, scope) is not True:
                        break
                else:
                    scope.steps_left = left
                    return True
            except EvaluationError:
                pass
        return _one_by_one(operands, variables, scope, decisive=False)

    return run_all


def build_condition(operands: list[Built]) -> Built:
    """Make the closure of `?:`."""
    (test, test_cost, _), (yes, yes_cost, _), (no, no_cost, _) = operands

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

    return run, 0, False
