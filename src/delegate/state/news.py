"""Hearing of revocations as they are added, and noticing when one no longer would (SPEC §10.4).

The rules of this file:

- A version is relied on for a second after the server was last asked for it, and no longer: a feed that died, a
  server that hangs or a network that is cut are noticed by their silence, not by an error.
- News only says that something changed; what is so is always asked for. A piece of news that is lost is made up for
  by the next beat.
- Silence refuses nothing: it only means that every look-up asks the server. With it ends all that was known: what was
  heard before a connection broke is no word on what is at the other end of the next one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable
from threading import Event, Thread
from typing import Final, NamedTuple, Protocol

from delegate.core.decide.remembered import ProcessLock, this_process

_BEAT_S: Final = 0.25
_RELIED_ON_S: Final = 1.0
_AGAIN_S: Final = 0.2


class Listener(Protocol):
    """A connection to a feed. Anything it raises ends it."""

    def wait(self, seconds: float) -> None:
        """Return as soon as there is news, and after `seconds` at the latest."""
        ...

    def version(self) -> Hashable:
        """Ask the server for what changes with every addition, and with every loss of data."""
        ...

    def close(self) -> None:
        """Close it; may be called from another thread while it waits."""
        ...


class _Heard(NamedTuple):
    at: float  # when the server was asked
    version: Hashable


class _Ear:
    """One listening thread: of one process, until told to stop."""

    __slots__ = ("listener", "process", "stop")

    def __init__(self) -> None:
        self.process = this_process()
        self.stop = Event()
        self.listener: Listener | None = None


class Watch:
    """Knows the version of what is revoked, or knows that it does not. Safe under threads and across `fork`."""

    __slots__ = ("_ear", "_ended", "_heard", "_listen", "_lock", "_not_before")

    def __init__(self, listen: Callable[[], Listener], ended: Callable[[], None] = lambda: None) -> None:
        """Start nothing yet: the first question starts to listen.

        Args:
            listen: opens the feed.
            ended: called where what was known until now is not to be relied on any more.
        """
        self._listen = listen
        self._ended = ended
        self._ear: _Ear | None = None
        self._heard: _Heard | None = None
        self._not_before = -1.0
        self._lock = ProcessLock()

    def version(self) -> Hashable | None:
        """Give the version, or `None` where the server must be asked."""
        ear = self._ear
        if ear is None or ear.process is not this_process():
            self._start()
            return None
        heard = self._heard
        if heard is None or heard.at <= self._not_before or time.monotonic() - heard.at > _RELIED_ON_S:
            return None
        return heard.version

    def changed(self) -> None:
        """Rely on nothing that was heard until now: this process itself has just added something."""
        self._not_before = time.monotonic()
        self._ended()

    def close(self) -> None:
        """Stop listening."""
        ear, self._ear = self._ear, None
        if ear is not None and ear.process is this_process():
            ear.stop.set()
            if ear.listener is not None:
                with contextlib.suppress(Exception):
                    ear.listener.close()

    def _start(self) -> None:
        with self._lock.mine():
            if self._ear is not None and self._ear.process is not this_process():
                self._ear, self._heard = None, None
            if self._ear is None:
                self._ear = ear = _Ear()
                Thread(target=self._run, args=(ear,), name="delegate-feed", daemon=True).start()

    def _run(self, ear: _Ear) -> None:
        while not ear.stop.is_set():
            with contextlib.suppress(Exception):  # whatever it is, it is silence, and heard as such
                ear.listener = listener = self._listen()
                try:
                    self._hear(ear, listener)
                finally:
                    listener.close()
            self._heard = None
            self._ended()
            ear.stop.wait(_AGAIN_S)

    def _hear(self, ear: _Ear, listener: Listener) -> None:
        while not ear.stop.is_set():
            asked = time.monotonic()
            version = listener.version()
            self._heard = _Heard(asked, version)
            listener.wait(_BEAT_S)
