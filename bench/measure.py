"""Measuring things against each other on a machine that is not quiet.

The rules of this file:

- What is compared is measured in turn, A B C A B C, a few cases at a time within each round, so that whatever
  else the machine does hits all alike. Who goes first changes each time.
- The figure is a ratio. Each case has its own: the quickest of its rounds against the other's quickest; of these
  the median, with quartiles. The ratio of all single runs, neighbours in time, stands next to it.
- The collector stays as the user's program has it. What was made beforehand is frozen out of its sight, so that
  nobody pays for the bench's own heap.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles
from time import perf_counter_ns
from typing import NamedTuple, TypeAlias

Thunk: TypeAlias = Callable[[], object]
Prepare: TypeAlias = Callable[[], Sequence[Thunk]]  # called before each round: one thunk a case


class Spread(NamedTuple):
    """A median with its quartiles."""

    low: float
    middle: float
    high: float


class Timings:
    """What was measured: a contender's name to its nanoseconds, round by round, all cases in each."""

    def __init__(self, samples: Mapping[str, Sequence[float]], cases: int) -> None:
        self.samples = samples
        self._cases = cases

    def microseconds(self, name: str) -> Spread:
        """Give what one run takes: of each case the quickest round, over all cases."""
        return spread([each / 1000 for each in self._quickest(name)])

    def ratio(self, name: str, base: str) -> Spread:
        """Give how many times as long as `base` it takes, case by case, of each the quickest round."""
        return spread(_divided(self._quickest(name), self._quickest(base)))

    def ratio_as_it_came(self, name: str, base: str) -> Spread:
        """Give the same over every single run, pauses of the collector and of the machine included."""
        return spread(_divided(self.samples[name], self.samples[base]))

    def _quickest(self, name: str) -> list[float]:
        taken = self.samples[name]
        return [min(taken[case :: self._cases]) for case in range(self._cases)]


def _divided(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(mine, theirs, strict=True)]


def spread(values: Sequence[float]) -> Spread:
    """Give median and quartiles."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, median(values), high)


def interleaved(contenders: Mapping[str, Prepare], *, rounds: int, batch: int = 32, repeat: int = 1) -> Timings:
    """Run every contender on every case, in turn, `rounds` times.

    Args:
        contenders: name → what prepares a round, untimed, and gives one thunk a case.
        rounds: how often.
        batch: how many cases a contender has before it is the next one's turn. With 1, each finds the processor's
            caches full of the others' work: an interpreter suffers more from it than a signature check does.
        repeat: how often to call a thunk for one sample; for what takes less than a microsecond.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    cases = 0
    for turn in range(rounds):
        lanes = [(prepare(), samples[name]) for name, prepare in contenders.items()]
        cases = len(lanes[0][0])
        gc.collect()
        gc.freeze()
        for number, start in enumerate(range(0, cases, batch)):
            first = (turn + number) % len(lanes)
            for thunks, taken in lanes[first:] + lanes[:first]:
                _run(thunks[start : start + batch], taken, repeat)
        gc.unfreeze()
    return Timings(samples, cases)


def _run(thunks: Sequence[Thunk], taken: list[float], repeat: int) -> None:
    loops = range(repeat)
    for thunk in thunks:
        answer: object = None
        started = perf_counter_ns()
        for _ in loops:
            answer = thunk()
        taken.append((perf_counter_ns() - started) / repeat)
        if answer is False:
            message = "a contender refused what it must allow"
            raise AssertionError(message)


def fixed(thunks: Sequence[Thunk]) -> Prepare:
    """Prepare nothing: the same thunks in every round."""
    return lambda: thunks
