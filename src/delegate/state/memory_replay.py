"""Replay protection in memory: one process, bounded, and forgetting nothing that still matters (SPEC §10.1).

What it remembers, and what it refuses instead of forgetting, is in `claims.py`. Two processes that serve the same
audience need a shared store: each of these remembers only its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from delegate.core.decide.remembered import Process, this_process
from delegate.core.decide.stores import Claim, Outcome
from delegate.state.claims import began_by, claims_of


class MemoryReplay:
    """Remembers used proofs in this process.

    Safe under threads. Memory: about 200 bytes a proof, for as long as the proof could be used again. The child of a
    `fork` begins again: it refuses what was made before, and logs a warning once, since what its parent takes from then
    on it does not see.
    """

    __slots__ = ("_claims", "_clock", "_of", "_since")

    def __init__(self, *, since: int | None = None, capacity: int | None = None) -> None:
        """Give the memory that all verifiers of this process share; with an argument, one apart from it.

        Args:
            since: proofs made before this are refused, Unix seconds; `None`: before the memory began, by the machine's
                clock; the shared one began when the process loaded it. 0 takes any that is within the verifier's
                window, which is right only where no other store served the same audience before: for a test, or a look
                at old traffic, by a clock of one's own.
            capacity: how many proofs to remember at most; beyond it, requests are refused. `None`: 500,000.
        """
        self._claims = claims_of(since, capacity)
        self._clock: Callable[[], float] | None = None
        self._of: Process | None = None
        self._since: int | None = None

    @classmethod
    def by(cls, clock: Callable[[], float]) -> Self:
        """Give the shared memory for a verifier with a clock of its own: it began with the process, by that clock."""
        shared = cls()
        shared._clock = clock
        return shared

    def _began(self) -> int | None:
        if self._clock is not None and self._of is not this_process():
            self._since, self._of = began_by(self._clock), this_process()
        return self._since

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        with self._claims.lock():
            refused = self._claims.refusal(claims, now, self._began())
            if refused is not None:
                return refused
            self._claims.keep(claims, now)
        return True

    def __len__(self) -> int:
        return len(self._claims)
