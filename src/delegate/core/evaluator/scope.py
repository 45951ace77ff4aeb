"""What an evaluation runs in: the variables, and the steps that are left (SPEC §6.5).

Rules of this file:

- Steps are counted, not timed, and charged before the work that they pay for.
- An `EvaluationError` is a value as far as `&&`, `||`, `all` and `exists` go: they may absorb it. Running out of
  steps is not, and nothing absorbs it: `StepsExhaustedError` is no subclass of `EvaluationError`.

**The cost table.** A *segment* (SPEC §6.5) is charged as one sum when it is entered, one step a node; a flat `in` pays
the n of its list with it. On top, *n* being the number of characters, bytes, items or entries, and `/` rounding down:

| what | steps besides its nodes | charged |
| --- | --- | --- |
| `&&`, `||` | 1; then each operand is a segment, charged when it is reached | on entry |
| `?:` | 1 and its condition's segment; then the chosen branch is a segment | on entry |
| comprehension | 1 (its node) with its range in the segment around it | with the segment |
| … over a map | n of the map: keys are taken in order | before the first key |
| … each item | 1 and the body's segment; `map` with a filter: the result's segment where the filter holds | per item |
| `==`, `!=` of strings or of bytes | the lesser n / 64 | before comparing |
| `==`, `!=` of lists of one length | n, and what each pair costs, up to the first difference | n first |
| `==`, `!=` of maps of one size | n; with the same keys, what each pair of values costs, all of them | n first |
| `<` `<=` `>` `>=` of strings or bytes | the lesser n / 64 | before comparing |
| `in` a list | n of the list, and what each `==` costs, up to the first that holds | n first |
| `+` of strings or bytes; of lists | (n + n) / 64; n + n | before joining |
| `startsWith`, `endsWith` | the lesser n / 64 | before |
| `contains` | (n + n) / 64 and n * n / 4096 | before |
| `size` of a string | n / 64 | before |
| `string(bytes)`, `bytes(string)`, `int(string)`, `double(string)` | n / 64 | before |
| `timestamp(string)`, `duration(string)` | 4 and n / 4 | before |
| `string` of a double, a timestamp, a duration | 4 | before |
| timestamp accessors with a time zone | 4 | before |
| `matches` | 32 and n of the pattern / 2 | before weighing it |
| … of a pattern that weighs w (`regex.py`) | 8 * w and (n of the text + 1) * (w + 15) / 128 | before matching |
| `glob.match` | ((n of the text + 1) * ((n of the pattern + 63) / 64) + 2 * n of the pattern) / 4 | before |
| `path.within`, `url.host`, `url.scheme` | n of all arguments / 16, and 8 | before |
| `net.within` | n of both arguments / 16, and 24 | before |
| a pattern of `can` with two or more wildcards (§5.6) | as `glob.match` | before |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from delegate.errors import CaveatError, Reason
from delegate.limits import EVALUATION_STEPS

# Variables of a decision: names to plain values. Comprehensions copy the dict, and never change it.
Variables: TypeAlias = dict[str, object]


class EvaluationError(CaveatError):
    """An expression did not come to a value; `&&`, `||`, `all` and `exists` may absorb it, as CEL says."""


class StepsExhaustedError(CaveatError):
    """The steps of the decision are used up: nothing absorbs this."""

    def __init__(self) -> None:
        """The reason is LIMIT_EXCEEDED."""
        super().__init__("the evaluation steps of this decision are used up", reason=Reason.LIMIT_EXCEEDED)


class Scope:
    """What one decision evaluates in: its variables and its steps, shared by all conditions of the decision.

    Args:
        variables: `action`, `args`, …, to values of `values.py`; never changed.
        steps: how many steps all evaluations in this scope may take together.
    """

    __slots__ = ("steps_left", "variables")

    def __init__(self, variables: Variables, steps: int = EVALUATION_STEPS) -> None:
        self.variables = variables
        self.steps_left = steps

    def charge(self, steps: int) -> None:
        """Pay for work that is about to be done.

        Raises:
            StepsExhaustedError: LIMIT_EXCEEDED; from then on there are no steps left.
        """
        left = self.steps_left - steps
        if left < 0:
            self.steps_left = 0
            raise StepsExhaustedError
        self.steps_left = left


# A compiled part of an expression. Its segment's steps are charged by who calls it.
Run: TypeAlias = Callable[[Variables, Scope], object]
# A compiled expression.
Condition: TypeAlias = Callable[[Scope], object]
