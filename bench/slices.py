"""One tree's side of a comparison: measures a slice whenever `against.py` asks, in a process of its own.

    python bench/slices.py TREE

Run with `TREE/src` on the path. A line of JSON on stdin names a part and how many cases; the answer is one line: each
contender's nanoseconds, one number a call. Of the library, public names alone are used: the tree may be older.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import authoring, chains
from bench.fixtures import ask, bare_checks, chain, check_all
from bench.fleet import Fleet
from bench.measure import SEED, Prepare, interleaved
from bench.peers.load import load
from bench.peers.ours import Ours

import delegate

BLOCKS = 5
CHECK = "one check"
OURS = ("ours, proof", "ours, bearer")
Samples: TypeAlias = dict[str, list[float]]
Slice: TypeAlias = Callable[[int], Samples]


class Sliced:
    """A part whose contenders take turns, prepared at the first slice."""

    def __init__(self, prepare: Callable[[int], Mapping[str, Prepare]]) -> None:
        """`prepare` takes the number of cases."""
        self._prepare = prepare
        self._contenders: Mapping[str, Prepare] | None = None
        self._random = Random(SEED)  # noqa: S311 - an order, no secret

    def __call__(self, cases: int) -> Samples:
        """Measure one round."""
        if self._contenders is None:
            self._contenders = self._prepare(cases)
        timings = interleaved(self._contenders, rounds=1, random=self._random)
        return {name: list(taken) for name, taken in timings.samples.items()}


class SlicedFleet:
    """The fleet: each slice goes on where the last one ended, ten requests for each case."""

    def __init__(self) -> None:
        """Nothing is prepared before the first slice."""
        self._fleet: Fleet | None = None

    def __call__(self, cases: int) -> Samples:
        """Decide the next requests, a bare check beside each."""
        if self._fleet is None:
            peer = Ours()
            checks = [bare_checks(peer.present(chain(peer, 1, n), ask()))[-1:] for n in range(16)]
            ready = cycle(map(check_all, checks))

            def one_check() -> None:
                next(ready)()

            self._fleet = Fleet(load(OURS, makes_request=True), {CHECK: one_check})
        taken = self._fleet.decide(10 * cases)
        return {name: [each * 1000 for each in every] for name, every in taken.items()}


def parts() -> dict[str, Slice]:
    """Give what can be measured, by its name."""
    peers = load(OURS)
    assert not peers.absent, peers.absent
    return {
        "cold": Sliced(lambda cases: chains.cold(peers, BLOCKS, cases=cases)),
        "capability": Sliced(lambda cases: chains.capability_new(peers, BLOCKS, cases=cases)),
        "warm": Sliced(lambda cases: chains.warm(peers, BLOCKS, cases=cases)),
        "sibling": Sliced(lambda cases: chains.sibling(peers, cases=cases)),
        "fleet": SlicedFleet(),
        "authoring": Sliced(lambda cases: authoring.of_ours(cases=cases)),
    }


def main() -> None:
    """Answer until there are no more questions."""
    tree = Path(sys.argv[1]).resolve()
    assert Path(delegate.__file__).resolve().is_relative_to(tree), f"{delegate.__file__} is not of {tree}"
    known = parts()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(known[asked["part"]](asked["cases"])), flush=True)


if __name__ == "__main__":
    main()
