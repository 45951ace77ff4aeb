"""Ids that were used, in memory: the one mechanism behind replay protection and ledger (SPEC §10.1).

The rules of this file:

- A process has one memory of used ids: whoever names no other shares it, whatever its clock says. So a second verifier
  takes no proof that the first one took.
- Full means refuse, never forget: a flood must not make room for a replay.
- What this memory cannot remember it does not accept: a proof made before it began may have been used at a
  predecessor. It begins when it is made, by the machine's clock, and again in the child of a `fork`, which keeps the
  ids that it had: its parent and its siblings go on without it.
- A clock that goes back brings no proof back: what has lapsed once stays lapsed.
- Looking and keeping are two steps, so that a ledger can look at its pools between them; whoever takes them holds the
  lock over both.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Sequence
from threading import Lock
from typing import Final

from delegate.core.decide.remembered import ProcessLock, this_process
from delegate.core.decide.stores import Claim, Refused
from delegate.state.common import from_before, lapsed, twice, unavailable

CAPACITY: Final = 500_000  # about 100 MB, and 5,500 requests a second at the default window
_INHERITED: Final = (
    "used proofs and budgets are kept in this process's memory alone, which began before this process was forked: it "
    "knows nothing of what its parent and its siblings take from now on. Where several processes serve one audience, "
    "give them one store (delegate.state.connect)"
)


class _Start:
    """When this process could first have seen a proof, and whether it has said that others may see them too."""

    __slots__ = ("at", "warned")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.at = int(time.time())
        self.warned = False


_START: Final = _Start()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_START.begin)


class Claims:
    """Remembers ids until they lapse. Safe under threads and across `fork`, for whoever holds its lock."""

    __slots__ = ("_capacity", "_forgotten", "_lapsing", "_lock", "_of", "_seen", "_since")

    def __init__(self, *, since: int | None = None, capacity: int | None = None) -> None:
        """Start with an empty memory.

        Args:
            since: what was made before this is refused, Unix seconds; `None`: before now, by the machine's clock.
            capacity: how many ids to remember at most; `None`: 500,000.
        """
        self._since = int(time.time()) if since is None else since
        self._capacity = CAPACITY if capacity is None else capacity
        self._seen: set[bytes] = set()
        self._lapsing: list[tuple[int, bytes]] = []
        self._forgotten = -1  # the latest `until` among the ids that were evicted
        self._lock = ProcessLock()
        self._of = this_process()

    def lock(self) -> Lock:
        """Give what must be held from `refusal` to `keep`."""
        return self._lock.mine()

    def _begin_again(self) -> None:
        """Begin when this process did, and keep what was used before: a thread may have been about to keep more."""
        self._of = this_process()
        self._since = max(self._since, _START.at)
        self._seen = {id_ for _, id_ in self._lapsing}
        if not _START.warned:
            import logging

            _START.warned = True
            logging.getLogger("delegate").warning(_INHERITED)

    def refusal(self, claims: Sequence[Claim], now: int) -> Refused | None:
        """Say why these cannot be claimed; `None` where they can, and nothing is kept yet.

        Raises:
            StateError: no room. VerificationError: PROOF_EXPIRED.
        """
        if self._of is not this_process():
            self._begin_again()
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
            heapq.heappush(self._lapsing, (each.until, each.id))  # first: of this a child makes the other
            self._seen.add(each.id)

    def __len__(self) -> int:
        return len(self._seen)


_OF_THIS_PROCESS: Final = Claims(since=_START.at)


def claims_of(since: int | None, capacity: int | None) -> Claims:
    """Give this process's one memory of used ids; or one apart, where its beginning or its size is said."""
    return _OF_THIS_PROCESS if since is None and capacity is None else Claims(since=since, capacity=capacity)
