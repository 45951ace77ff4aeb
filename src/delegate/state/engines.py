"""Which engine a URL names, and the three stores that it gives (SPEC §10.4).

The rules of this file:

- A driver is imported when a URL asks for it, in the one module that uses it.
- A URL is of one of the forms that are written here, or it is refused: what a reader would repair, each reader repairs
  in another way, and a state that was opened by mistake is an empty memory.
- A password is in the URL that the caller gives and in nothing that is printed: see `urls.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import unquote, unquote_to_bytes

from delegate.core.decide.stores import Ledger, ReplayStore, RevocationStore
from delegate.state.findings import Finding
from delegate.state.memory_ledger import MemoryLedger
from delegate.state.memory_replay import MemoryReplay
from delegate.state.memory_revocations import MemoryRevocations
from delegate.state.urls import unreadable

DEADLINE_S: Final = 0.25
_MEMORY: Final = "memory://"
_SQLITE: Final = "sqlite:///"
# What a path of a state file does not have: a query, a fragment, an escape that is none, no name at its end. And two
# slashes more than a relative one has are none that anybody meant.
_NOT_OF_PATH: Final = re.compile(r"[?#]|%(?![0-9A-Fa-f]{2})|(?:^|/)\.{0,2}$|^//")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that a verifier must remember, in one engine.

    Use it as a context manager, or call `close`. Safe under threads; after a `fork` parent and child go on with
    connections of their own.

    Attributes:
        url: which engine, host and database.
        revocations: what was revoked.
        replay: which proofs were used.
        ledger: what was spent.
    """

    url: str
    revocations: RevocationStore
    replay: ReplayStore
    ledger: Ledger
    deadline_s: float = DEADLINE_S
    _check: Callable[[], tuple[Finding, ...]] = field(repr=False)
    _close: Callable[[], None] = field(repr=False)

    def check(self) -> tuple[Finding, ...]:
        """Look at the settings of the engine that decide what it can lose; for the operator, not for every request."""
        return self._check()

    def close(self) -> None:
        """Close every file and connection."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return self.url


class _Store(RevocationStore, ReplayStore, Ledger, Protocol):
    """One engine for all three concerns."""

    def check(self) -> tuple[Finding, ...]: ...

    def close(self) -> None: ...


class _ServerStore(_Store, Protocol):
    """The same on a server; `url` is what may be shown of its URL."""

    url: str


def connect(url: str, *, deadline: float = DEADLINE_S) -> State:
    """Open the stores that a URL names.

    Args:
        url: one of
            `memory://`: this process alone, and gone with it; the used proofs are shared by all that the process opens;
            `sqlite:///file.db` (relative), `sqlite:////var/lib/x/file.db` (absolute): one machine's processes; `%20`
                stands for a blank, as in any URL;
            `redis://`, `rediss://` or `unix://`, as redis-py takes them: needs the extra `redis`;
            `postgresql://` or `postgres://`, as libpq takes them: needs the extra `postgres`.
        deadline: how many seconds any call waits at most; beyond them it is refused.

    Raises:
        StateError: STATE_UNAVAILABLE: it cannot be opened now.
        ValueError: no such engine, or a URL that has no sense.
        ImportError: the engine's extra is not installed.
    """
    if not deadline > 0:
        message = "a deadline is a number of seconds above 0"
        raise ValueError(message)
    _check_form(url)
    if url == _MEMORY:
        return _in_memory(url, deadline)
    if url.startswith(_SQLITE):
        return _state(url, deadline, _sqlite(_path_of(url), deadline))
    store = _SERVERS[url.partition("://")[0]](url, deadline)
    return _state(store.url, deadline, store)


def file_of(url: str) -> str | None:
    """Say which file a URL names, there or not; `None` where it names none, and where `connect` refuses it."""
    try:
        _check_form(url)
        return _path_of(url) if url.startswith(_SQLITE) else None
    except ValueError:
        return None


def _check_form(url: str) -> None:
    """Refuse what is not of the documented forms; raises ValueError, which does not repeat the URL."""
    if url.startswith("sqlite:") and ":memory:" in unquote(url).lower():
        message = "a state file has a name; for this process's memory the state URL is memory://"
        raise ValueError(message)
    if not (url == _MEMORY or url.startswith((_SQLITE, *(f"{each}://" for each in _SERVERS)))):
        message = (
            "a state URL is memory://, sqlite:///file.db, sqlite:////absolute/file.db, redis://…, rediss://…, unix://… "
            "or postgresql://…"
        )
        raise ValueError(message)
    if any(each.isspace() or not each.isprintable() for each in url):
        scheme = url.partition("://")[0]
        if scheme in _SERVERS:
            raise unreadable(scheme)
        message = "a state URL has no blanks or control characters; in the name of a file, %20 stands for a blank"
        raise ValueError(message)


def _path_of(url: str) -> str:
    """Give the path that a URL of a state file names; raises ValueError."""
    written = url.removeprefix(_SQLITE)
    path = os.fsdecode(unquote_to_bytes(written))
    if _NOT_OF_PATH.search(written) or not path.isprintable() or path != path.strip() or path.startswith("file:"):
        message = "a state URL of a file is sqlite:///file.db or sqlite:////absolute/file.db, and nothing behind it"
        raise ValueError(message)
    return path


def _state(url: str, deadline: float, store: _Store) -> State:
    return State(
        url=url,
        revocations=store,
        replay=store,
        ledger=store,
        deadline_s=deadline,
        _check=store.check,
        _close=store.close,
    )


def _in_memory(url: str, deadline: float) -> State:
    found = Finding(ok=False, what="memory", detail="only for this process: a restart forgets revocations and budgets")
    return State(
        url=url,
        revocations=MemoryRevocations(),
        replay=MemoryReplay(),
        ledger=MemoryLedger(),
        deadline_s=deadline,
        _check=lambda: (found,),
        _close=lambda: None,
    )


def _sqlite(path: str, deadline: float) -> _Store:
    from delegate.state.sqlite import SqliteStore

    return SqliteStore(path, deadline=deadline)


def _redis(url: str, deadline: float) -> _ServerStore:
    try:
        from delegate.state.redis import RedisStore
    except ImportError as error:
        raise _missing("redis") from error
    return RedisStore(url, deadline=deadline)


def _postgres(url: str, deadline: float) -> _ServerStore:
    try:
        from delegate.state.postgres import PostgresStore
    except ImportError as error:
        raise _missing("postgres") from error
    return PostgresStore(url, deadline=deadline)


def _missing(extra: str) -> ImportError:
    return ImportError(f"this state URL needs an extra: pip install 'delegate-token[{extra}]'")


_SERVERS: Final[dict[str, Callable[[str, float], _ServerStore]]] = {
    **dict.fromkeys(("redis", "rediss", "unix"), _redis),
    **dict.fromkeys(("postgresql", "postgres"), _postgres),
}
