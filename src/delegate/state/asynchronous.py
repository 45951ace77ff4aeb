"""The same engines behind `await` (SPEC §10.4).

The rules of this file:

- A store is asked in a thread, of a pool that belongs to these stores alone: the loop never waits for a disk or a
  server, and other work of the program never waits for them in a shared pool.
- What waits for a thread is bounded in number and in time. Beyond that it is refused, and has not been asked.
- The deadline is one, from the call to the answer: waiting for a thread is in it.
- Threads belong to the process that started them; a child made by `fork` starts its own, and nothing waits there yet.
- `asyncio` is imported on use: it is a tenth of the time that `import delegate` takes.
- A task that is cancelled stops waiting; what it asked may be done all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.remembered import this_process
from delegate.core.decide.stores import AsyncLedger, AsyncReplayStore, AsyncRevocationStore, Charge, Claim, Outcome
from delegate.state.common import unavailable
from delegate.state.engines import DEADLINE_S, State, connect
from delegate.state.findings import Finding

if TYPE_CHECKING:
    import asyncio

_T = TypeVar("_T")
_THREADS: Final = 16
_WAITING: Final = 1_000


class Threads:
    """The pool, and how much waits for it. Used by one loop at a time."""

    __slots__ = ("_deadline_s", "_is_closed", "_of", "_pool", "_waiting")

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._of = this_process()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="delegate-async")
        self._waiting: set[object] = set()  # one mark for each question that has no answer yet, given up or not

    async def run(self, question: Callable[[], _T], *, in_parts: bool = False) -> _T:
        """Ask in a thread, within the deadline; what is asked `in_parts` has one for each of them instead."""
        import asyncio

        if self._of is not this_process() and not self._is_closed:
            self._begin()
        if len(self._waiting) >= _WAITING:
            message = f"{len(self._waiting)} questions wait for the store already"
            raise unavailable(message)
        mark = object()
        self._waiting.add(mark)
        latest = time.monotonic() + self._deadline_s
        try:
            answer = asyncio.get_running_loop().run_in_executor(self._pool, self._in_time, question, latest, mark)
        except RuntimeError as error:
            self._waiting.discard(mark)
            message = f"no thread can be started: {error}"
            raise unavailable(message) from error
        answer.add_done_callback(_heard)
        await asyncio.wait((answer,), timeout=None if in_parts else self._deadline_s)
        if not answer.done():
            message = f"no answer within {self._deadline_s * 1000:.0f} ms; what was asked may be done all the same"
            raise unavailable(message)
        if answer.cancelled():
            message = "the state was closed; the store was not asked"
            raise unavailable(message)
        return answer.result()

    def _in_time(self, question: Callable[[], _T], latest: float, mark: object) -> _T:
        try:
            if time.monotonic() > latest:
                message = f"no thread was free within {self._deadline_s * 1000:.0f} ms; the store was not asked"
                raise unavailable(message)
            return question()
        finally:
            self._waiting.discard(mark)

    def close(self) -> None:
        """End the threads; what waits for one is told that it was not asked."""
        self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)


def _heard(answer: asyncio.Future[Any]) -> None:
    """Take note of an answer that nobody may wait for any more, so that `asyncio` does not complain of its error."""
    if not answer.cancelled():
        answer.exception()


class _AsyncStores:
    """Revocations, replay and ledger of one `State`, awaited."""

    __slots__ = ("_state", "_threads")

    def __init__(self, state: State, threads: Threads) -> None:
        self._state = state
        self._threads = threads

    async def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        return await self._threads.run(partial(self._state.replay.claim, claims, now=now))

    async def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        return await self._threads.run(partial(self._state.ledger.charge, claims, charges, now=now))

    async def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        return await self._threads.run(partial(self._state.ledger.settle, claim_id, actual, now=now))

    async def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        return await self._threads.run(partial(self._state.ledger.spent, block_ids))

    async def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        return await self._threads.run(
            partial(self._state.revocations.add, feed, records, now=now, known=known), in_parts=True
        )

    async def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        return await self._threads.run(partial(self._state.revocations.look_up, subjects, signers, now=now))

    async def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        return await self._threads.run(partial(self._state.revocations.feeds, signers))


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncState:
    """`State` with `await`, for every engine. An asynchronous context manager.

    Attributes:
        url: which engine; without its password.
        revocations: what was revoked.
        replay: which proofs were used.
        ledger: what was spent.
    """

    url: str
    revocations: AsyncRevocationStore
    replay: AsyncReplayStore
    ledger: AsyncLedger
    _state: State = field(repr=False)
    _threads: Threads = field(repr=False)

    async def check(self) -> tuple[Finding, ...]:
        """Look at the engine's settings; see `State.check`."""
        return await self._threads.run(self._state.check, in_parts=True)

    async def close(self) -> None:
        """Close every file, connection and thread."""
        import asyncio

        self._threads.close()
        await asyncio.to_thread(self._state.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __str__(self) -> str:
        return self.url


async def connect_async(url: str, *, deadline: float = DEADLINE_S) -> AsyncState:
    """Open the stores that a URL names, to be awaited; see `connect`."""
    import asyncio

    state = await asyncio.to_thread(partial(connect, url, deadline=deadline))
    threads = Threads(state.deadline_s)
    stores = _AsyncStores(state, threads)
    return AsyncState(url=state.url, revocations=stores, replay=stores, ledger=stores, _state=state, _threads=threads)
