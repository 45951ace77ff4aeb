"""Many writers, few flushes to disk: what waits is written at once (group commit).

The rules of this file:

- Who waits is answered after the batch that has their entry is on the disk, and gets the error where it is not.
- There is no thread for whoever waits: one of those who wait writes for all, one batch, and hands over.
- What nobody waits for is written by a thread, soon, and is counted where that fails or where too much piles up.
- Before the process ends, what waits is written; a process that is killed loses what nobody waited for, and no more.
- A thread does not live on in a child made by `fork`: the child begins with its own, and with nothing that waits. What
  waited is its parent's to write.
"""

from __future__ import annotations

import atexit
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread
from typing import Final
from weakref import WeakSet

from delegate.audit.engine import BATCH_MAX, Entry
from delegate.core.decide.remembered import ProcessLock, this_process
from delegate.errors import DelegateError, Reason, StateError

SOON_S: Final = 0.05
PILE_MAX: Final = 65_536  # of what nobody waits for; some 50 MB

_AT_EXIT_S: Final = 5.0
Write = Callable[[str, Sequence[Entry]], int]


class _Job:
    """Entries of one tree, and who waits for them."""

    __slots__ = ("done", "entries", "error", "first", "leads", "tenant")

    def __init__(self, tenant: str, entries: Sequence[Entry]) -> None:
        self.tenant = tenant
        self.entries = entries
        self.first = -1
        self.error: BaseException | None = None
        self.leads = False
        self.done = Lock()
        self.done.acquire()


class _Side:
    """What waits in one process."""

    def __init__(self) -> None:
        self.process = this_process()
        self.lock = Lock()
        self.is_led = False
        self.jobs: deque[_Job] = deque()
        self.soon = Condition(Lock())
        self.pile: list[tuple[str, Entry]] = []
        self.is_writing = False
        self.has_thread = False
        self.is_closing = False
        self.dropped = 0


class Committer:
    """Writes what it is given in batches. Safe under threads and across `fork`."""

    __slots__ = ("__weakref__", "_side", "_sides", "_write")

    def __init__(self, write: Write) -> None:
        """`write` writes entries of one tree, durably, and gives the index of the first."""
        self._write = write
        self._side = _Side()
        self._sides = ProcessLock()
        _ALL.add(self)

    def _mine(self) -> _Side:
        side = self._side
        if side.process is not this_process():
            with self._sides.mine():
                if self._side.process is not this_process():
                    self._side = _Side()
                side = self._side
        return side

    @property
    def dropped(self) -> int:
        """How many entries that nobody waited for were not written."""
        return self._mine().dropped

    def write(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Write entries, and wait until they are on the disk; give the index of the first.

        Raises:
            StateError: they may not be.
        """
        side = self._mine()
        job = _Job(tenant, entries)
        with side.lock:
            side.jobs.append(job)
            leads = not side.is_led
            if leads:
                side.is_led = True
        if not leads:
            try:
                job.done.acquire()
            except BaseException:  # whatever interrupts the wait, nobody else is to wait for this one
                _leave(side, job)
                raise
            leads = job.leads
        if leads:
            self._lead(side)
        if job.error is not None:
            raise job.error
        if job.first < 0:
            raise StateError(Reason.STATE_UNAVAILABLE, "writing to the log was interrupted")
        return job.first

    def _lead(self, side: _Side) -> None:
        """Write one batch, the own entries among it, and hand over to whoever came meanwhile."""
        with side.lock:
            jobs, side.jobs = side.jobs, deque()
        try:
            self._write_all(jobs)
        finally:
            with side.lock:
                _hand_over(side)
            for job in jobs:
                job.done.release()

    def _write_all(self, jobs: Sequence[_Job]) -> None:
        by_tenant: dict[str, list[_Job]] = {}
        for job in jobs:
            by_tenant.setdefault(job.tenant, []).append(job)
        for tenant, theirs in by_tenant.items():
            for part in _parts(theirs):
                try:
                    first = self._write(tenant, [entry for job in part for entry in job.entries])
                except BaseException as error:  # noqa: BLE001 - each who waits is told
                    for job in part:
                        job.error = _told(error)
                else:
                    for job in part:
                        job.first = first
                        first += len(job.entries)

    def write_soon(self, tenant: str, entry: Entry) -> None:
        """Write an entry within a moment; nobody is told, but for `dropped`, whether it was."""
        side = self._mine()
        with side.soon:
            if len(side.pile) >= PILE_MAX:
                side.dropped += 1
                return
            side.pile.append((tenant, entry))
            if not side.has_thread:
                side.has_thread = True
                Thread(target=self._run, args=(side,), name="delegate-log", daemon=True).start()
            if len(side.pile) == BATCH_MAX:
                side.soon.notify_all()

    def flush(self, wait_s: float) -> bool:
        """Wait until all that was given before is written, or given up; say whether it was in time."""
        side = self._mine()
        end = time.monotonic() + wait_s
        with side.soon:
            side.is_closing = True  # so that the thread does not wait for more
            side.soon.notify_all()
            done = side.soon.wait_for(lambda: not side.pile and not side.is_writing, max(0.0, end - time.monotonic()))
            side.is_closing = False
            return done

    def _run(self, side: _Side) -> None:
        while True:
            with side.soon:
                if not side.pile:
                    side.soon.wait(1.0)
                    if not side.pile:
                        side.has_thread = False  # whoever comes next starts another
                        return
                if not side.is_closing and len(side.pile) < BATCH_MAX:
                    side.soon.wait(SOON_S)
                taken, side.pile = side.pile, []
                side.is_writing = True
            lost = 0
            by_tenant: dict[str, list[Entry]] = {}
            for tenant, entry in taken:
                by_tenant.setdefault(tenant, []).append(entry)
            for tenant, entries in by_tenant.items():
                for start in range(0, len(entries), BATCH_MAX):
                    part = entries[start : start + BATCH_MAX]
                    try:
                        self._write(tenant, part)
                    except Exception:  # noqa: BLE001 - counted: nobody waits
                        lost += len(part)
            with side.soon:
                side.dropped += lost
                side.is_writing = False
                side.soon.notify_all()


def _hand_over(side: _Side) -> None:
    """Have the first of those who wait write next; whoever calls it holds the lock."""
    if side.jobs:
        side.jobs[0].leads = True
        side.jobs[0].done.release()
    else:
        side.is_led = False


def _leave(side: _Side, job: _Job) -> None:
    """Wait no longer: take what was not begun out, and hand over where it was this one's turn."""
    with side.lock:
        if job in side.jobs:
            side.jobs.remove(job)
            if job.leads:
                _hand_over(side)


def _parts(jobs: Sequence[_Job]) -> list[list[_Job]]:
    """Cut jobs into batches of at most `BATCH_MAX` entries; one that is longer is a batch of its own."""
    found: list[list[_Job]] = [[]]
    count = 0
    for job in jobs:
        if found[-1] and count + len(job.entries) > BATCH_MAX:
            found.append([])
            count = 0
        found[-1].append(job)
        count += len(job.entries)
    return found


def _told(error: BaseException) -> BaseException:
    """Give each who waits an error of their own: a traceback grows with whoever raises it."""
    if isinstance(error, DelegateError):
        return StateError(Reason.STATE_UNAVAILABLE, error.detail)
    return StateError(Reason.STATE_UNAVAILABLE, f"the log raised {type(error).__name__}")


def _at_exit() -> None:
    """Write what nobody waited for before the process ends, in whatever order it is torn down."""
    for each in list(_ALL):
        each.flush(_AT_EXIT_S)


_ALL: Final[WeakSet[Committer]] = WeakSet()
atexit.register(_at_exit)
