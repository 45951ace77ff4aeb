"""Replay protection in memory: one process, bounded, and forgetting nothing that still matters (SPEC §10.1).

What it remembers, and what it refuses instead of forgetting, is in `claims.py`. Two processes that serve the same
audience need a shared store: each of these remembers only its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from delegate.core.decide.stores import Claim, Outcome
from delegate.state.claims import CAPACITY, PROCESS_START, Claims


class MemoryReplay:
    """Remembers used proofs in this process.

    Safe under threads. Memory: about 200 bytes a proof, for as long as the proof could be used again.
    """

    __slots__ = ("_claims", "_lock")

    def __init__(self, *, since: int = PROCESS_START, capacity: int = CAPACITY) -> None:
        """Start with an empty memory.

        Args:
            since: proofs made before this are refused, Unix seconds; 0 takes any that is within the verifier's
                window, which is right only where no other process served the same audience before.
            capacity: how many proofs to remember at most; beyond it, requests are refused.
        """
        self._claims = Claims(since=since, capacity=capacity)
        self._lock = Lock()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        with self._lock:
            refused = self._claims.refusal(claims, now)
            if refused is not None:
                return refused
            self._claims.keep(claims)
        return True

    def __len__(self) -> int:
        return len(self._claims)
