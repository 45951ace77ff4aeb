"""Ids that were used, in memory: the one mechanism behind replay protection and ledger (SPEC §10.1).

The rules of this file:

- A process has one memory of used ids: whoever names no other shares it, whatever its clock says; it began for all of
  them at one moment, which each clock has its own number for. So a second verifier
  takes no proof that the first one took.
- Full means refuse, never forget: a flood must not make room for a replay.
- What this memory cannot remember it does not accept: a proof made before it began may have been used at a
  predecessor. It begins when it is made, by the machine's clock, and again in the child of a `fork`, which keeps the
  ids that it had: its parent and its siblings go on without it.
- A clock that goes back brings no proof back: what has lapsed once stays lapsed.
- How long an id is remembered is the word of who claimed it, and another verifier's window may be longer: so a proof
  that is no younger than one that was forgotten is refused, whoever asks. A discharge ends at the same time for all.
- The memory that all verifiers of a process share forgets by the machine's clock as well as by theirs: one whose clock
  is far ahead makes it forget nothing that the others still need.
- Looking and keeping are two steps, so that a ledger can look at its pools between them; whoever takes them holds the
  lock over both.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, TypeAlias

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


def began_by(clock: Callable[[], float]) -> int:
    """Say when this process began, by another clock than the machine's: as long ago as by the machine's.

    A clock that stands still would make that earlier and earlier: it is never before the machine's own word, unless the
    clock itself is.
    """
    reading = int(clock())
    began = reading - (int(time.time()) - _START.at)
    return max(began, _START.at) if reading >= _START.at else began


_START: Final = _Start()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_START.begin)


# An id that is remembered: when it lapses, by the clock that the memory goes by; the id; until when it is remembered by
# the clock of who claimed it; and the `iat` of a proof, or -1 of a discharge. The one that lapses first is the least.
_Kept: TypeAlias = tuple[int, bytes, int, int]


class Claims:
    """Remembers ids until they lapse. Safe under threads and across `fork`, for whoever holds its lock."""

    __slots__ = ("_by_machine", "_capacity", "_forgotten", "_lapsing", "_lock", "_of", "_proved", "_seen", "_since")

    def __init__(self, *, since: int | None = None, capacity: int | None = None, by_machine: bool = False) -> None:
        """Start with an empty memory.

        Args:
            since: what was made before this is refused, Unix seconds; `None`: before now, by the machine's clock.
            capacity: how many ids to remember at most; `None`: 500,000.
            by_machine: whether nothing is forgotten before its time has come by the machine's clock too.
        """
        self._since = int(time.time()) if since is None else since
        self._capacity = CAPACITY if capacity is None else capacity
        self._by_machine = by_machine
        self._seen: set[bytes] = set()
        self._lapsing: list[_Kept] = []
        self._forgotten = -1  # the latest `until` among the ids that were evicted
        self._proved = -1  # the latest `iat` among the proofs that were evicted
        self._lock = ProcessLock()
        self._of = this_process()

    def lock(self) -> Lock:
        """Give what must be held from `refusal` to `keep`."""
        return self._lock.mine()

    def _begin_again(self) -> None:
        """Begin when this process did, and keep what was used before: a thread may have been about to keep more."""
        self._of = this_process()
        self._since = max(self._since, _START.at)
        self._seen = {id_ for _, id_, _, _ in self._lapsing}
        if not _START.warned:
            import logging

            _START.warned = True
            logging.getLogger("delegate").warning(_INHERITED)

    def refusal(self, claims: Sequence[Claim], now: int, since: int | None = None) -> Refused | None:
        """Say why these cannot be claimed; `None` where they can, and nothing is kept yet.

        The first is the proof's; behind it stand discharges that serve once.

        `since` is when this memory began by the clock that `now` is of; `None`: by the machine's.

        Raises:
            StateError: no room. VerificationError: PROOF_EXPIRED.
        """
        if self._of is not this_process():
            self._begin_again()
        if len(claims) > 1 and (place := twice(claims)) is not None:
            return Refused(place)
        if self._lapsing and self._lapsing[0][2] < now:
            self._forget(now)
        floor = max(self._forgotten, now - 1)
        for place, each in enumerate(claims):
            if each.issued < (self._since if since is None else since):
                raise from_before(place)
            if each.until <= floor:  # the clock went back: this one may be among those evicted
                raise lapsed()
            if each.id in self._seen:
                return Refused(place)
        if claims and claims[0].issued <= self._proved:  # another's window was shorter: the same
            raise lapsed()
        if len(self._seen) + len(claims) > self._capacity:
            message = f"{self._capacity} proofs are remembered; no room for more"
            raise unavailable(message)
        return None

    def _forget(self, now: int) -> None:
        lapsing = self._lapsing
        moment = int(time.time()) if self._by_machine else now
        while lapsing and lapsing[0][0] < moment and lapsing[0][2] < now:
            _, gone, until, proved = heapq.heappop(lapsing)
            self._forgotten = max(self._forgotten, until)
            self._proved = max(self._proved, proved)
            self._seen.discard(gone)

    def keep(self, claims: Sequence[Claim], now: int) -> None:
        """Remember these, which `refusal` let pass."""
        behind = max(int(time.time()) - now, 0) if self._by_machine else 0  # so much longer can they be used there
        proved = claims[0].issued if claims else -1
        for id_, _, until in claims:
            heapq.heappush(self._lapsing, (until + behind, id_, until, proved))  # of this a child makes the other
            self._seen.add(id_)
            proved = -1

    def __len__(self) -> int:
        return len(self._seen)


_OF_THIS_PROCESS: Final = Claims(since=_START.at, by_machine=True)


def claims_of(since: int | None, capacity: int | None) -> Claims:
    """Give this process's one memory of used ids; or one apart, where its beginning or its size is said."""
    return _OF_THIS_PROCESS if since is None and capacity is None else Claims(since=since, capacity=capacity)
