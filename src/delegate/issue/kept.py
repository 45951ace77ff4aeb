"""What another party publishes, kept for a while and asked for anew.

The rules of this file:

- It is asked for again when it is `FRESH_S` old, and when somebody has reason to think that there is newer; for that at
  most every `PAUSE_S`, whoever asks: a flood of made-up names is not passed on.
- While its owner does not answer, the old goes on until it is `STALE_S` old. Then there is none.
- One thread asks; the others go on with what there is, or wait where there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, Generic, TypeVar

from delegate.errors import DelegateError
from delegate.issue.refusals import IssuerUnavailable

FRESH_S: Final = 300
PAUSE_S: Final = 10
STALE_S: Final = 3600

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version(Generic[T]):
    """What there was at one moment, Unix seconds."""

    value: T
    at: int


class Kept(Generic[T]):
    """What one party publishes. Safe under threads."""

    __slots__ = ("_asked", "_load", "_lock", "_name", "_version")

    def __init__(self, name: str, load: Callable[[], T]) -> None:
        """`load` gives it, or raises; `name` is what it is, for messages."""
        self._name = name
        self._load = load
        self._lock = Lock()
        self._version: Version[T] | None = None
        self._asked: int | None = None

    def current(self, now: int) -> Version[T]:
        """Give it, no older than it may be.

        Raises:
            IssuerUnavailable: it cannot be had.
        """
        found = self._version
        if found is not None and 0 <= now - found.at < FRESH_S:
            return found
        found = self.newer(found, now)
        if not 0 <= now - found.at < STALE_S:
            raise IssuerUnavailable(f"{self._name}: the newest are {now - found.at} s old")
        return found

    def newer(self, seen: Version[T] | None, now: int) -> Version[T]:
        """Ask for it anew, unless another thread does or just did, or it is too soon; gives what there is then.

        Raises:
            IssuerUnavailable: there is none.
        """
        if not self._lock.acquire(blocking=seen is None):
            assert seen is not None  # noqa: S101 - for the type checker: whoever has none waits
            return seen
        try:
            found = self._version
            if found is not None and found is not seen:
                return found
            if self._asked is None or not 0 <= now - self._asked < PAUSE_S:
                self._asked = now
                with suppress(DelegateError, OSError):  # then the old one, if there is one and it is not too old
                    found = self._version = Version(self._load(), now)
            if found is None:
                raise IssuerUnavailable(f"{self._name} cannot be had")
            return found
        finally:
            self._lock.release()
