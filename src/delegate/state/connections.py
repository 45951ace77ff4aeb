"""Connections to a server, and a deadline that holds whatever the server does (SPEC §10.4).

The rules of this file:

- A question is asked in a thread that owns its connection; whoever asks waits until the deadline and not longer.
  No driver's own time-out is relied on: they do not cover resolving a name, connecting, or an answer that trickles.
- A connection on which anything went wrong, or whose answer came too late, is closed. So a late answer is never
  taken for another question's.
- Nothing is asked twice: an answer that was lost may have been a claim that was made.
- Connections and threads belong to the process that made them; a child made by `fork` makes its own.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, Final, Generic, TypeVar

from delegate.core.decide.remembered import ProcessLock, this_process
from delegate.errors import DelegateError, StateError
from delegate.state.common import unavailable

_LINKS: Final = 8  # at once: a server that hangs holds up so many threads and no more
_ERROR_NUMBER: Final = re.compile(r"^Error -?\d+ |\[Errno -?\d+\] ")  # no words, and the words follow
_C = TypeVar("_C")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver(Generic[_C]):
    """What is done with a connection; any of it may raise anything.

    Attributes:
        open: makes a connection that is ready for questions.
        is_open: whether one that was idle can be used still; must not wait.
        close: closes one, politely.
        sever: makes whatever waits on it fail; called from another thread.
        secrets: what no message may show, the longest first.
    """

    open: Callable[[], _C]
    is_open: Callable[[_C], bool]
    close: Callable[[_C], object]
    sever: Callable[[_C], object]
    secrets: tuple[str, ...] = ()


class NotUnderstoodError(Exception):
    """An answer came that is not one to what was asked; its connection is not used again."""


class _Job(Generic[_C, _T]):
    """One question and its answer, between the thread that asks and the one that talks to the server."""

    __slots__ = ("answer", "done", "error", "is_late", "question", "turn")

    def __init__(self, question: Callable[[_C], _T]) -> None:
        self.question = question
        self.answer: list[_T] = []
        self.error: BaseException | None = None
        self.is_late = False
        self.turn = Lock()
        self.done = Lock()
        self.done.acquire()

    def give_up(self, sever: Callable[[], None]) -> bool:
        """Stop waiting, and cut the connection; False where the answer has come, if in the last moment."""
        with self.turn:  # so that it is this question's connection that is cut
            self.is_late = not self.answer and self.error is None
            if self.is_late:
                sever()
            return self.is_late


class _Worker(Generic[_C]):
    """A thread and its connection."""

    __slots__ = ("_driver", "_give_back", "inbox", "link")

    def __init__(self, driver: Driver[_C], give_back: Callable[[_Worker[_C]], None]) -> None:
        self._driver = driver
        self._give_back = give_back
        self.link: _C | None = None
        self.inbox: SimpleQueue[_Job[_C, Any] | None] = SimpleQueue()
        Thread(target=self._run, name="delegate-state", daemon=True).start()

    def sever(self) -> None:
        """Wake the thread where it waits for the server."""
        link = self.link
        if link is not None:
            with contextlib.suppress(Exception):
                self._driver.sever(link)

    def _run(self) -> None:
        while (job := self.inbox.get()) is not None:
            answer: list[Any] = []
            error: BaseException | None = None
            try:
                answer.append(job.question(self._ready()))
            except BaseException as caught:  # noqa: BLE001 - handed to the thread that asked
                error = caught
                if not isinstance(caught, DelegateError):
                    self._drop()
            with job.turn:
                job.answer, job.error = answer, error
                is_late = job.is_late
            if is_late:
                self._drop()
                self._give_back(self)
            job.done.release()
            del job, answer, error
        self._drop()

    def _ready(self) -> _C:
        if self.link is not None and not self._driver.is_open(self.link):
            self._drop()
        if self.link is None:
            self.link = self._driver.open()
        return self.link

    def _drop(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            with contextlib.suppress(Exception):
                self._driver.close(link)


class _Crew(Generic[_C]):
    """The workers of one process."""

    __slots__ = ("free", "is_closed", "places", "process")

    def __init__(self, count: int) -> None:
        self.process = this_process()
        self.free: deque[_Worker[_C]] = deque()
        self.places = Semaphore(count)
        self.is_closed = False

    def release(self, worker: _Worker[_C]) -> None:
        """Take a worker back; or send it home, where everything was closed meanwhile."""
        if self.is_closed:
            worker.inbox.put(None)
        else:
            self.free.append(worker)
        self.places.release()


class Links(Generic[_C]):
    """Asks a server, within a deadline. Safe under threads and across `fork`."""

    __slots__ = ("_count", "_crew", "_driver", "_hiring", "deadline_s")

    def __init__(self, driver: Driver[_C], *, deadline_s: float, count: int = _LINKS) -> None:
        """Connect to nothing yet; at most `count` connections are open at a time."""
        self._driver = driver
        self._count = count
        self.deadline_s = deadline_s
        self._crew: _Crew[_C] = _Crew(count)
        self._hiring = ProcessLock()

    def ask(self, question: Callable[[_C], _T], *, deadline_s: float | None = None) -> _T:
        """Ask over a connection of one's own.

        Raises:
            StateError: no answer until the deadline, or none that could be understood. What was asked may have been
                done all the same.
            DelegateError: what the question itself raised.
        """
        crew = self._crew
        if crew.process is not this_process():
            with self._hiring.mine():
                if self._crew.process is not this_process():
                    self._crew = _Crew(self._count)
                crew = self._crew
        limit_s = self.deadline_s if deadline_s is None else deadline_s
        end = time.monotonic() + limit_s
        job: _Job[_C, _T] = _Job(question)
        if not crew.places.acquire(timeout=limit_s):
            raise self._late(limit_s)
        worker = self._worker(crew)
        is_late = True
        try:
            worker.inbox.put(job)
            job.done.acquire(timeout=max(0.0, end - time.monotonic()))
        finally:  # whatever interrupts the wait, the worker does not stay taken
            is_late = job.give_up(worker.sever)
            if not is_late:
                crew.release(worker)
        if is_late:
            raise self._late(limit_s)
        if job.error is not None:
            raise self._failed(job.error)
        return job.answer[0]

    def _worker(self, crew: _Crew[_C]) -> _Worker[_C]:
        """Give one that is idle, or one more; the place that was taken for it is free again where there is none."""
        worker = None
        try:
            with contextlib.suppress(IndexError):
                worker = crew.free.pop()
            if worker is None:
                worker = _Worker(self._driver, crew.release)
        except RuntimeError as error:
            message = f"no thread can be started: {error}"
            raise unavailable(message) from error
        finally:
            if worker is None:
                crew.places.release()
        return worker

    def close(self) -> None:
        """Close what is idle; what is under way closes when it is done."""
        crew, self._crew = self._crew, _Crew(self._count)
        if crew.process is this_process():
            crew.is_closed = True
            while crew.free:
                crew.free.pop().inbox.put(None)

    def _late(self, limit_s: float) -> StateError:
        return unavailable(f"the server did not answer within {limit_s * 1000:.0f} ms")

    def _failed(self, error: BaseException) -> Exception:
        if isinstance(error, DelegateError):
            return error
        return unavailable(f"the server: {_words(error, self._driver.secrets)}")


def _words(error: BaseException, secrets: tuple[str, ...]) -> str:
    """Say what went wrong in the words of the system or the driver; of other errors the type too."""
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror.lower(), secrets)
    said = _ERROR_NUMBER.sub("", one_line(error, secrets)).rstrip(".")
    is_driver_s = bool(said) and type(error).__module__ != "builtins"
    return said if is_driver_s else f"{type(error).__name__}: {said}"


def one_line(error: object, secrets: tuple[str, ...]) -> str:
    """Say what a driver said, in one line and without what no message may show."""
    said = str(error).strip().partition("\n")[0]
    for secret in secrets:
        said = said.replace(secret, "***")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said[:200])
