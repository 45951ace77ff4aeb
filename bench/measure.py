"""Measuring things against each other on a machine that is not quiet.

The rules of this file:

- What is compared takes turns, call by call: A B C, then B A C, and so on in shuffled orders. Whatever else the
  machine does hits all alike, nobody always follows the same other, and each call finds the processor's caches full
  of the others' work, as a call in a service does.
- Each call is timed alone. The garbage collector is off during a round, and runs between rounds.
- The figure to judge by is a median: of a round, the median call of one divided by the median call of the other; of
  all rounds, the median of these ratios, with quartiles. So a change of the machine's speed between rounds divides out.
- The best rounds stand beside it: of each case the quickest call, of which the median is taken over the cases.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from statistics import median, quantiles
from time import perf_counter_ns
from typing import NamedTuple, TypeAlias

Thunk: TypeAlias = Callable[[], object]
Prepare: TypeAlias = Callable[[], Sequence[Thunk]]  # called before each round: one thunk a case
SEED = 20_260_707


class Spread(NamedTuple):
    """A median with its quartiles."""

    low: float
    middle: float
    high: float


class Timings:
    """What was measured: a contender's name to its nanoseconds, round by round, all cases in each.

    Attributes:
        samples: one number a call.
        rounds: how many rounds these came in.
    """

    def __init__(self, samples: Mapping[str, Sequence[float]], cases: int) -> None:
        self.samples = samples
        self.rounds = len(next(iter(samples.values()))) // cases
        self._cases = cases

    @property
    def counted(self) -> str:
        """Say of how many calls each median is."""
        return f"medians of {self.rounds * self._cases} calls each, {self._cases} in each of {self.rounds} rounds"

    def microseconds(self, name: str) -> Spread:
        """Give what one call takes, over all calls."""
        return spread([each / 1000 for each in self.samples[name]])

    def ratio(self, name: str, base: str) -> Spread:
        """Give how many times as long as `base` it takes: median call by median call, round by round."""
        return spread(_divided(self._round_medians(name), self._round_medians(base)))

    def best_microseconds(self, name: str) -> float:
        """Give what one call takes at best: of each case the quickest, of these the median."""
        return median(self._quickest(name)) / 1000

    def best_ratio(self, name: str, base: str) -> float:
        """Give how many times as long as `base` it takes, each at its best."""
        return self.best_microseconds(name) / self.best_microseconds(base)

    def _round_medians(self, name: str) -> list[float]:
        taken = self.samples[name]
        return [median(taken[start : start + self._cases]) for start in range(0, len(taken), self._cases)]

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


def orders(count: int, random: Random) -> Iterator[list[int]]:
    """Give orders of `count` contenders without end, in which nobody has two turns running."""
    last = -1
    while True:
        order = list(range(count))
        random.shuffle(order)
        if order[0] == last and count > 1:
            other = random.randrange(1, count)
            order[0], order[other] = order[other], order[0]
        last = order[-1]
        yield order


def interleaved(
    contenders: Mapping[str, Prepare], *, rounds: int, repeat: int = 1, random: Random | None = None
) -> Timings:
    """Run every contender on every case, in turn, `rounds` times.

    Args:
        contenders: name → what prepares a round, untimed, and gives one thunk a case.
        rounds: how often.
        repeat: how often to call a thunk for one sample; for what takes less than a microsecond.
        random: what the orders are drawn from; without one, the same orders each time.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    turns = orders(len(contenders), random or Random(SEED))  # noqa: S311 - an order, no secret
    cases = 0
    for _ in range(rounds):
        lanes = [(prepare(), samples[name]) for name, prepare in contenders.items()]
        cases = len(lanes[0][0])
        with collector_off():
            for case in range(cases):
                for number in next(turns):
                    thunks, taken = lanes[number]
                    taken.append(_timed(thunks[case], repeat))
    return Timings(samples, cases)


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect what was made so far, then nothing until the end of the block."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _timed(thunk: Thunk, repeat: int) -> float:
    answer: object = None
    if repeat == 1:
        started = perf_counter_ns()
        answer = thunk()
        taken: float = perf_counter_ns() - started
    else:
        loops = range(repeat)
        started = perf_counter_ns()
        for _ in loops:
            answer = thunk()
        taken = (perf_counter_ns() - started) / repeat
    if answer is False:
        message = "a contender refused what it must allow"
        raise AssertionError(message)
    return taken


def fixed(thunks: Sequence[Thunk]) -> Prepare:
    """Prepare nothing: the same thunks in every round."""
    return lambda: thunks
