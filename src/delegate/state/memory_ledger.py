"""Budgets in memory: one process, bounded (SPEC §10.3).

The rules of this file:

- Everything is looked at before anything is changed: a refusal leaves every pool and every claim as it was.
- Full means refuse, never forget. A pool that was forgotten is never charged again, whatever the clock says.
- What was spent is this process's memory: a process that starts anew starts every pool anew. A budget that must
  outlive a process, or be shared by two, needs a shared engine.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final, TypeAlias

from delegate.state.claims import CAPACITY, PROCESS_START, Claims
from delegate.state.protocols import Charge, Claim, Outcome, Refused
from delegate.state.rules import check_actual, check_charges, pool_lapsed, refunds, unavailable

_POOLS: Final = 500_000  # about 150 MB
_Pool: TypeAlias = tuple[bytes, str]


class MemoryLedger:
    """Counts in this process what has been spent. Safe under threads.

    Memory: about 300 bytes a pool until its chain expires, and about 500 a charge until then or until it is settled.
    """

    __slots__ = ("_capacity", "_charged", "_claims", "_forgotten", "_lapsing", "_lock", "_spent", "_until")

    def __init__(self, *, since: int = PROCESS_START, capacity: int = CAPACITY, pool_capacity: int = _POOLS) -> None:
        """Start with full pools.

        Args:
            since: proofs made before this are refused, Unix seconds; see `MemoryReplay`.
            capacity: how many proofs to remember at most; beyond it, requests are refused.
            pool_capacity: how many pools to remember at most, and how many charges that can still be settled.
        """
        self._claims = Claims(since=since, capacity=capacity)
        self._capacity = pool_capacity
        self._spent: dict[_Pool, int] = {}
        self._until: dict[_Pool, int] = {}
        self._charged: dict[bytes, tuple[tuple[bytes, str, int], ...]] = {}
        # What is to be forgotten, and when: a pool, or the id of a charge.
        self._lapsing: list[tuple[int, int, _Pool | bytes]] = []
        self._forgotten = -1  # the latest `until` among the pools that were put out
        self._lock = Lock()

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing; see `Ledger.charge`."""
        check_charges(claims, charges)
        with self._lock:
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
            if len(self._spent) + len(charges) > self._capacity or len(self._charged) >= self._capacity:
                message = f"{self._capacity} pools or charges are remembered; no room for more"
                raise unavailable(message)
            self._claims.keep(claims)
            self._spend(claims[0].id, charges)
        return True

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        with self._lock:
            self._forget(now)
            charged = self._charged.get(claim_id)
            if charged is None:
                return False
            for block_id, unit, amount in refunds(charged, actual):
                if (block_id, unit) in self._spent:  # else its pool is over before the charge is
                    self._spent[block_id, unit] -= amount
            del self._charged[claim_id]
        return True

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""
        wanted = frozenset(block_ids)
        with self._lock:
            return {pool: amount for pool, amount in self._spent.items() if amount and pool[0] in wanted}

    def _spend(self, claim_id: bytes, charges: Sequence[Charge]) -> None:
        for each in charges:
            pool = (each.block_id, each.unit)
            if self._until.get(pool, -1) < each.until:
                self._until[pool] = each.until
                heapq.heappush(self._lapsing, (each.until, id(pool), pool))
            self._spent[pool] = self._spent.get(pool, 0) + each.amount
        if charges:
            until = max(each.until for each in charges)
            self._charged[claim_id] = tuple((each.block_id, each.unit, each.amount) for each in charges)
            heapq.heappush(self._lapsing, (until, id(claim_id), claim_id))

    def _forget(self, now: int) -> None:
        while self._lapsing and self._lapsing[0][0] < now:
            until, _, gone = heapq.heappop(self._lapsing)
            if isinstance(gone, bytes):
                self._charged.pop(gone, None)
            elif self._until.get(gone) == until:  # else it was charged again since, and stays longer
                del self._until[gone], self._spent[gone]
                self._forgotten = max(self._forgotten, until)
