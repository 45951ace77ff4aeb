"""Ids that were used, in memory: the one mechanism behind replay protection and ledger (SPEC §10.1).

The rules of this file:

- Full means refuse, never forget: a flood must not make room for a replay.
- What this process cannot remember it does not accept: a proof made before the process started may have been
  used at its predecessor.
- A clock that goes back brings no proof back: what has lapsed once stays lapsed.
- Looking and keeping are two steps, so that a ledger can look at its pools between them; whoever takes them holds a
  lock over both.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from typing import Final

from delegate.core.decide.stores import Claim, Refused
from delegate.state.common import from_before, lapsed, twice, unavailable

# When this process could first have seen a proof. A fact of the process, read once and never changed.
PROCESS_START: Final = int(time.time())
CAPACITY: Final = 500_000  # about 100 MB, and 5,500 requests a second at the default window


class Claims:
    """Remembers ids until they lapse. Not safe under threads by itself."""

    __slots__ = ("_capacity", "_forgotten", "_lapsing", "_seen", "_since")

    def __init__(self, *, since: int, capacity: int) -> None:
        """Start with an empty memory; see `MemoryReplay`."""
        self._since = since
        self._capacity = capacity
        self._seen: set[bytes] = set()
        self._lapsing: list[tuple[int, bytes]] = []
        self._forgotten = -1  # the latest `until` among the ids that were evicted

    def refusal(self, claims: Sequence[Claim], now: int) -> Refused | None:
        """Say why these cannot be claimed; `None` where they can, and nothing is kept yet.

        Raises:
            StateError: no room. VerificationError: PROOF_EXPIRED.
        """
        if len(claims) > 1 and (place := twice(claims)) is not None:
            return Refused(place)
        lapsing = self._lapsing
        while lapsing and lapsing[0][0] < now:
            self._forgotten, gone = heapq.heappop(lapsing)
            self._seen.discard(gone)
        floor = max(self._forgotten, now - 1)
        for place, each in enumerate(claims):
            if each.issued < self._since:
                raise from_before(place)
            if each.until <= floor:  # the clock went back: this one may be among those evicted
                raise lapsed()
            if each.id in self._seen:
                return Refused(place)
        if len(self._seen) + len(claims) > self._capacity:
            message = f"{self._capacity} proofs are remembered; no room for more"
            raise unavailable(message)
        return None

    def keep(self, claims: Sequence[Claim]) -> None:
        """Remember these, which `refusal` let pass."""
        for each in claims:
            self._seen.add(each.id)
            heapq.heappush(self._lapsing, (each.until, each.id))

    def __len__(self) -> int:
        return len(self._seen)
