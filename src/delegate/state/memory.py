"""Replay protection in memory: one process, bounded, and forgetting nothing that still matters (SPEC §10.1).

The rules of this file:

- Full means refuse, never forget: a flood must not make room for a replay.
- What this process cannot remember it does not accept: a proof made before the process started may have been
  used at its predecessor.
- A clock that goes back brings no proof back: what has lapsed once stays lapsed.
- Two processes that serve the same audience need a shared store: each of these remembers only its own.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from threading import Lock
from typing import Final

from delegate.errors import Reason, StateError, VerificationError
from delegate.state.protocols import Claim, Outcome, Refused

# When this process could first have seen a proof. A fact of the process, read once and never changed.
PROCESS_START: Final = int(time.time())
_CAPACITY: Final = 500_000  # about 100 MB, and 5,500 requests a second at the default window


class MemoryReplay:
    """Remembers used proofs in this process.

    Safe under threads. Memory: about 200 bytes a proof, for as long as the proof could be used again.
    """

    __slots__ = ("_capacity", "_forgotten", "_lapsing", "_lock", "_seen", "_since")

    def __init__(self, *, since: int = PROCESS_START, capacity: int = _CAPACITY) -> None:
        """Start with an empty memory.

        Args:
            since: proofs made before this are refused, Unix seconds; 0 takes any that is within the verifier's
                window, which is right only where no other process served the same audience before.
            capacity: how many proofs to remember at most; beyond it, requests are refused.
        """
        self._since = since
        self._capacity = capacity
        self._seen: set[bytes] = set()
        self._lapsing: list[tuple[int, bytes]] = []
        self._forgotten = -1  # the latest `until` among the proofs that were put out
        self._lock = Lock()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        for each in claims:
            if each.issued < self._since:
                raise VerificationError(Reason.PROOF_EXPIRED, "made before this process started to remember proofs")
        with self._lock:
            while self._lapsing and self._lapsing[0][0] < now:
                self._forgotten, lapsed = heapq.heappop(self._lapsing)
                self._seen.discard(lapsed)
            for index, each in enumerate(claims):
                if each.until <= self._forgotten:  # the clock went back: this one may be among those put out
                    raise VerificationError(Reason.PROOF_EXPIRED, "older than proofs that have lapsed already")
                if each.id in self._seen:
                    return Refused(index)
            if len(self._seen) + len(claims) > self._capacity:
                raise StateError(Reason.STATE_UNAVAILABLE, f"{self._capacity} proofs are remembered; no room for more")
            for each in claims:
                self._seen.add(each.id)
                heapq.heappush(self._lapsing, (each.until, each.id))
        return True

    def __len__(self) -> int:
        return len(self._seen)
