"""A state file's connections: opened with care, shared by threads, made anew after a fork (SPEC §10.4).

The rules of this file:

- One connection writes and one reads, each behind a lock: a look-up never waits for somebody's flush to disk.
- A connection belongs to the process that opened it. A child made by `fork` opens its own and leaves its parent's
  untouched, open: closing it could take away the parent's locks.
- Waiting ends at the deadline: for the lock within the process, and for other processes' locks on the file.
- A file that is not ours is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from delegate.errors import StateError
from delegate.state.common import unavailable
from delegate.state.sqlite_schema import APPLICATION_ID, BEGIN_MEMORY, SCHEMA, VERSION

_T = TypeVar("_T")
# Connections of parent processes: kept from being closed.
_LEFT_ALONE: Final[list[_Links]] = []
_CACHE_KIB: Final = 65_536
# What a damaged file can cause beside SQLite's own errors: a row that is missing, a value of another type. And a
# number that no column can hold.
_FAILURES: Final = (sqlite3.Error, TypeError, UnicodeDecodeError, OverflowError)


class _Links:
    """The connections of one process, and whose turn it is with them."""

    __slots__ = ("inode", "pid", "reader", "reading", "writer", "writing")

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection, inode: tuple[int, int]) -> None:
        self.pid = os.getpid()
        self.inode = inode
        self.writer = writer
        self.reader = reader
        self.writing = Lock()
        self.reading = Lock()

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


class SqliteFile:
    """Access to one state file. Safe under threads and across `fork`."""

    __slots__ = ("_deadline_s", "_links", "_name", "_since", "path")

    def __init__(self, path: Path, deadline_s: float, since: int | None) -> None:
        """Open the file, and make it, readable by its owner alone, where there is none.

        Args:
            path: where it is.
            deadline_s: how long to wait for others.
            since: when a memory that is made here begins, Unix seconds; `None`: now, by the machine's clock.

        Raises:
            StateError: it cannot be opened and written, or is no state file.
        """
        self.path = path
        self._name = str(path)
        self._deadline_s = deadline_s
        self._since = since
        self._links: _Links | None = None
        self._mine()

    def close(self) -> None:
        """Close what this process opened. The file can be used again afterwards: it is opened anew."""
        links, self._links = self._links, None
        if links is not None:
            if links.pid == os.getpid():
                links.close()
            else:
                _LEFT_ALONE.append(links)

    def read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Ask something of one or several statements, each of which sees what was committed before it."""
        links = self._mine()
        if not links.reading.acquire(timeout=self._deadline_s):
            raise self._late()
        try:
            self._is_still_there(links)
            return question(links.reader)
        except _FAILURES as error:
            raise self._failed(error) from error
        finally:
            links.reading.release()

    @contextlib.contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Change something: all of it or nothing, and nobody else meanwhile.

        Args:
            durable: whether it is on the disk before this returns. Otherwise a loss of power may undo it, a killed
                process still not.
        """
        links = self._mine()
        began = time.monotonic()
        if not links.writing.acquire(timeout=self._deadline_s):
            raise self._late()
        try:
            self._is_still_there(links)
            writer = links.writer
            left_s = max(0.0, self._deadline_s - (time.monotonic() - began))
            if left_s < self._deadline_s * 0.9:  # it took a while to get the turn: wait less for other processes
                writer.execute(f"PRAGMA busy_timeout = {int(left_s * 1000)}")
            try:
                writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                writer.execute("BEGIN IMMEDIATE")
                yield writer
                writer.execute("COMMIT")
            finally:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                if left_s < self._deadline_s * 0.9:
                    writer.execute(f"PRAGMA busy_timeout = {int(self._deadline_s * 1000)}")
        except _FAILURES as error:
            raise self._failed(error) from error
        finally:
            links.writing.release()

    def _is_still_there(self, links: _Links) -> None:
        """Refuse to go on in a file that was removed or replaced: other processes would not see what is in it."""
        try:
            if self._inode() == links.inode:
                return
        except OSError as error:
            raise self._failed(error) from error
        message = "the state file was replaced by another one"
        raise unavailable(message)

    def _inode(self) -> tuple[int, int]:
        status = os.stat(self._name)  # noqa: PTH116 - called for every request; a Path takes twice as long
        return status.st_dev, status.st_ino

    def _mine(self) -> _Links:
        links = self._links
        if links is None or links.pid != os.getpid():
            if links is not None:
                _LEFT_ALONE.append(links)
            self._links = links = self._opened()
        return links

    def _opened(self) -> _Links:
        try:
            if not self.path.exists():  # SQLite would give it the mode that the umask leaves
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            writer = self._connected()
            try:
                self._prepare(writer)
                reader = self._connected()
            except BaseException:
                writer.close()
                raise
            reader.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            return _Links(writer, reader, self._inode())
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._deadline_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _prepare(self, writer: sqlite3.Connection) -> None:
        end = time.monotonic() + self._deadline_s
        writer.execute("BEGIN")  # to see one state of it, while others may be making it
        try:
            self._is_ours(writer)
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        while writer.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:  # unlike other locks, the one for this is not waited for
                writer.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("BEGIN IMMEDIATE")  # a file that cannot be written fails here
        try:
            if not self._is_ours(writer):
                for statement in SCHEMA:
                    writer.execute(statement)
                writer.execute(BEGIN_MEMORY, (int(time.time()) if self._since is None else self._since,))
            writer.execute("COMMIT")
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")

    def _is_ours(self, writer: sqlite3.Connection) -> bool:
        """Whether it is a state file; False where it is still empty."""
        application = writer.execute("PRAGMA application_id").fetchone()[0]
        version = writer.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and version == 0 and not writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            return False
        if application != APPLICATION_ID:
            message = "the file is a database of something else"
            raise unavailable(message)
        if version != VERSION:
            message = f"the state file has version {version}; this program knows {VERSION}"
            raise unavailable(message)
        return True

    def _late(self) -> StateError:
        return unavailable(f"the state file was busy for {self._deadline_s * 1000:.0f} ms")

    def _failed(self, error: Exception) -> StateError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return self._late()
        if isinstance(error, OSError) and error.strerror:
            return unavailable(f"the state file: {error.strerror.lower()}")
        words = str(error) if isinstance(error, sqlite3.Error) else f"{type(error).__name__}: {error}"
        return unavailable(f"the state file: {words}")
