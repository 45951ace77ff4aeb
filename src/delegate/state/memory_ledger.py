"""Budgets in memory: one process, bounded (SPEC §10.3).

The rules of this file:

- Everything is looked at before anything is changed: a refusal leaves every pool and every claim as it was.
- Full means refuse, never forget: no new pool is taken, and those that are there go on. A pool that was forgotten is
  never charged again, whatever the clock says.
- Whoever narrows a chain makes pools at will: those below one block 0 get a share of the room, and no more.
- A charge that can no longer be settled stays as it was charged, so the oldest may be forgotten.
- What was spent is this process's memory: a process that starts anew starts every pool anew. The child of a `fork`
  goes on from what its parent had spent by then. A budget that must outlive a process, or be shared by two, needs a
  shared engine.
- A `fork` may happen between any two steps of another thread. They are in such an order that the child, which makes the
  rest anew out of what was spent, finds every charge that was answered, and none given back twice.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from delegate.core.decide.remembered import this_process
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.state.claims import claims_of
from delegate.state.common import check_actual, check_charges, pool_lapsed, refunds, unavailable

_POOLS: Final = 500_000  # about 150 MB
_SHARE: Final = 16  # the pools below one block 0 are at most one in so many of all,
_LEAST_SHARE: Final = 256  # but so many at least: a chain of the longest has fewer
_Pool: TypeAlias = tuple[bytes, str]


class _Charged(NamedTuple):
    until: int
    pools: tuple[tuple[bytes, str, int], ...]


class MemoryLedger:
    """Counts in this process what has been spent. Safe under threads.

    Memory: about 400 bytes a pool until its chain expires, and about 500 a charge until it is settled or forgotten.
    """

    __slots__ = (
        "_below", "_capacity", "_charged", "_claims", "_forgotten", "_lapsing", "_of", "_origins", "_share", "_spent",
        "_until",
    )  # fmt: skip

    def __init__(self, *, since: int | None = None, capacity: int | None = None, pool_capacity: int = _POOLS) -> None:
        """Start with full pools, and with the memory of used proofs that this process has; see `MemoryReplay`.

        Args:
            since: proofs made before this are refused, Unix seconds; with it, the memory of used proofs is one apart.
            capacity: how many proofs to remember at most; beyond it, requests are refused. The same.
            pool_capacity: how many pools to remember at most; beyond it, requests that need a new one are refused, and
                so they are beyond a sixteenth of it (at least 256) below one block 0. And how many charges can still be
                settled; beyond it, the oldest no more.
        """
        self._claims = claims_of(since, capacity)
        self._capacity = pool_capacity
        self._spent: dict[_Pool, int] = {}
        self._until: dict[_Pool, int] = {}
        self._share = max(pool_capacity // _SHARE, _LEAST_SHARE)
        self._origins: dict[_Pool, bytes] = {}
        self._below: Counter[bytes] = Counter()  # how many pools there are below each block 0
        self._charged: dict[bytes, _Charged] = {}  # the oldest first
        self._lapsing: list[tuple[int, _Pool]] = []  # what is to be forgotten, and when
        self._forgotten = -1  # the latest `until` among the pools that were evicted
        self._of = this_process()

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing; see `Ledger.charge`."""
        check_charges(claims, charges)
        with self._claims.lock():
            refused = self._claims.refusal(claims, now)
            if refused is not None:
                return refused
            self._forget(now)
            for place, each in enumerate(charges):
                if each.until <= self._forgotten:
                    raise pool_lapsed()
                left = each.limit - self._spent.get((each.block_id, each.unit), 0)
                if each.amount > left:
                    return Refused(place, max(0, left))
            self._check_room(charges)
            self._claims.keep(claims, now)
            self._spend(claims[0].id, charges)
        return True

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        with self._claims.lock():
            self._forget(now)
            charged = self._charged.get(claim_id)
            if charged is None or charged.until < now:
                return False
            back = refunds(charged.pools, actual)
            del self._charged[claim_id]  # first: nothing is given back twice
            for block_id, unit, amount in back:
                if (block_id, unit) in self._spent:  # else its pool is over before the charge is
                    self._spent[block_id, unit] -= amount
        return True

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""
        wanted = frozenset(block_ids)
        with self._claims.lock():
            return {pool: amount for pool, amount in self._spent.items() if amount and pool[0] in wanted}

    def _begin_again(self) -> None:
        """Make good, in the child of a `fork`, what another thread was in the middle of."""
        self._of = this_process()
        self._spent = {pool: self._spent.get(pool, 0) for pool in self._until}
        self._origins = {pool: self._origins[pool] for pool in self._until}
        self._below = Counter(self._origins.values())
        self._lapsing = [(until, pool) for pool, until in self._until.items()]
        heapq.heapify(self._lapsing)

    def _check_room(self, charges: Sequence[Charge]) -> None:
        new = [each for each in charges if (each.block_id, each.unit) not in self._spent]
        if not new:
            return
        if len(self._spent) + len(new) > self._capacity:
            message = f"{self._capacity} pools are remembered; no room for more"
            raise unavailable(message)
        if self._below[new[0].origin] + len(new) > self._share:
            message = f"{self._share} pools below one block 0 are remembered; no room for more of them"
            raise unavailable(message)

    def _spend(self, claim_id: bytes, charges: Sequence[Charge]) -> None:
        for each in charges:
            pool = (each.block_id, each.unit)
            if pool not in self._spent:
                self._origins[pool] = each.origin
                self._below[each.origin] += 1
            if self._until.get(pool, -1) < each.until:
                self._until[pool] = each.until
                heapq.heappush(self._lapsing, (each.until, pool))
            self._spent[pool] = self._spent.get(pool, 0) + each.amount
        if charges:
            until = max(each.until for each in charges)
            if len(self._charged) >= self._capacity:
                del self._charged[next(iter(self._charged))]
            pools = tuple((each.block_id, each.unit, each.amount) for each in charges)
            self._charged[claim_id] = _Charged(until, pools)

    def _forget(self, now: int) -> None:
        if self._of is not this_process():
            self._begin_again()
        while self._lapsing and self._lapsing[0][0] < now:
            until, gone = heapq.heappop(self._lapsing)
            if self._until.get(gone) == until:  # else it was charged again since, and stays longer
                self._forgotten = max(self._forgotten, until)
                del self._until[gone], self._spent[gone]
                origin = self._origins.pop(gone)
                self._below[origin] -= 1
                if not self._below[origin]:
                    del self._below[origin]
        while self._charged and self._charged[oldest := next(iter(self._charged))].until < now:
            del self._charged[oldest]
