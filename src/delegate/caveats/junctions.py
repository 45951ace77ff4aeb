"""Closures for `&&`, `||` and `?:` (SPEC §10.2).

Rules of this file:

- Operands run from left to right and stop at the first that decides. An error decides nothing: it stands only
  where no operand decides. What is no bool is an error.
- The node charges one step on entry, and each operand's segment when it is reached.
- Running out of steps is no `EvaluationError`, so it is not caught here.
"""

from __future__ import annotations

from collections.abc import Sequence

from delegate.caveats.built import Built
from delegate.caveats.nodes import Op
from delegate.caveats.scope import EvaluationError, Run, Scope, Variables
from delegate.caveats.values import no_overload


def build_junction(op: int, operands: Sequence[Built]) -> Built:
    """Make the closure of `&&` or `||`."""
    slowly = _one_by_one(operands, sign="||" if op == Op.OR else "&&", decisive=op == Op.OR)
    if op == Op.AND and all(operand.settled for operand in operands):
        return Built(_all_at_once(operands, slowly), 0, settled=False)
    return Built(slowly, 0, settled=False)


def _one_by_one(operands: Sequence[Built], *, sign: str, decisive: bool) -> Run:
    parts = [(operand.run, operand.cost) for operand in operands]

    def run(variables: Variables, scope: Scope) -> bool:
        scope.charge(1)
        failed: EvaluationError | None = None
        for operand, cost in parts:
            scope.charge(cost)
            try:
                value = operand(variables, scope)
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


def _all_at_once(operands: Sequence[Built], slowly: Run) -> Run:
    """`&&` of operands that charge nothing themselves, settled in one sum when all hold.

    They have no effect but their value, so that any other outcome may be had again, one by one and with each
    segment charged in its turn; so too when the steps might not suffice.
    """
    total = 1 + sum(operand.cost for operand in operands)
    runs = [operand.run for operand in operands]
    if len(runs) == 2:  # noqa: PLR2004 - unrolled: these are most
        first, second = runs

        def run_two(variables: Variables, scope: Scope) -> object:
            left = scope.steps_left - total
            if left >= 0:
                try:
                    if first(variables, scope) is True and second(variables, scope) is True:
                        scope.steps_left = left
                        return True
                except EvaluationError:
                    pass
            return slowly(variables, scope)

        return run_two
    if len(runs) == 3:  # noqa: PLR2004
        first, second, third = runs

        def run_three(variables: Variables, scope: Scope) -> object:
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
            return slowly(variables, scope)

        return run_three

    def run_all(variables: Variables, scope: Scope) -> object:
        left = scope.steps_left - total
        if left >= 0:
            try:
                for operand in runs:
                    if operand(variables, scope) is not True:
                        break
                else:
                    scope.steps_left = left
                    return True
            except EvaluationError:
                pass
        return slowly(variables, scope)

    return run_all


def build_condition(operands: Sequence[Built]) -> Built:
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

    return Built(run, 0, settled=False)
