"""A state file's connections, or another room's: opened with care, shared by threads, made anew after a fork (§10.4).

The rules of this file:

- A state is one file from its first opening on. Its path is made absolute once, what is at it is compared at every
  call, and whoever opens it again, in this process or in a child, finds the same file with the same id in it, or
  nothing: a second one would be another memory, and know of no revocation.
- It is its owner's alone, and so is what SQLite keeps beside it. No link is followed.
- One connection writes and one reads, each behind a lock: a look-up never waits for somebody's flush to disk.
- No connection crosses a `fork`: SQLite would take its parent's locks for the child's own, and would leave a mutex
  locked that another thread held. So all of them are closed before, and parent and child open theirs when they need
  them. Where that cannot be waited for, the child refuses.
- Waiting ends at the deadline: for the lock within the process, and for other processes' locks on the file.
- A file that is not ours is left as it is.
- The file is never opened but by SQLite: closing a descriptor of it would take away this process's locks on it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, TypeVar
from weakref import WeakSet

from delegate.core.decide.remembered import ProcessLock, this_process
from delegate.errors import StateError
from delegate.state.common import unavailable
from delegate.state.own_file import check_own
from delegate.state.sqlite_schema import APPLICATION_ID, BEGIN_MEMORY, IDENTITY, SCHEMA, VERSION

_T = TypeVar("_T")
_CACHE_KIB: Final = 65_536
_BESIDE: Final = ("-wal", "-shm", "-journal")
_FORK_WAITS_S: Final = 1.0  # for what is under way; far longer than a transaction takes
# What a damaged file can cause beside SQLite's own errors: a row that is missing, a value of another type. And a
# number that no column can hold.
_FAILURES: Final = (sqlite3.Error, TypeError, UnicodeDecodeError, OverflowError)


class Shape(NamedTuple):
    """What a file is, so that none is taken for another.

    Attributes:
        word: what messages call it: `state file`.
        application_id, version: what SQLite's header says of it.
        schema: the statements that make its tables, and set these two.
        identity: the question for the id that is in it.
        begin: what is written into a new one, with the time as its argument; empty where nothing is.
    """

    word: str
    application_id: int
    version: int
    schema: tuple[str, ...]
    identity: str
    begin: str = ""


STATE_FILE: Final = Shape("state file", APPLICATION_ID, VERSION, SCHEMA, IDENTITY, BEGIN_MEMORY)


class _Links:
    """The connections of one process, what they were opened on, and whose turn it is with them."""

    __slots__ = ("is_closed", "process", "reader", "reading", "seen", "writer", "writing")

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection, seen: tuple[int, ...]) -> None:
        self.process = this_process()
        self.seen = seen
        self.writer = writer
        self.reader = reader
        self.writing = Lock()
        self.reading = Lock()
        self.is_closed = False

    def close(self, until: float) -> bool:
        """Close both, as soon as nobody is at work with them; False where that is not by `until`."""
        if not self.writing.acquire(timeout=_left_s(until)):
            return False
        try:
            if not self.reading.acquire(timeout=_left_s(until)):
                return False
            try:
                self.is_closed = True
                self.reader.close()
                self.writer.close()
            finally:
                self.reading.release()
        finally:
            self.writing.release()
        return True


class SqliteFile:
    """Access to one state file. Safe under threads and across `fork`."""

    __slots__ = (
        "__weakref__",
        "_deadline_s",
        "_links",
        "_name",
        "_opening",
        "_shape",
        "_since",
        "_wal",
        "_which",
        "path",
    )

    def __init__(self, path: Path, deadline_s: float, since: int | None, shape: Shape = STATE_FILE) -> None:
        """Open the file, and make it, readable by its owner alone, where there is none.

        Args:
            path: where it is; a relative one is taken from where the process is now.
            deadline_s: how long to wait for others.
            since: when a memory that is made here begins, Unix seconds; `None`: now, by the machine's clock.
            shape: what kind of file it is.

        Raises:
            StateError: it cannot be opened and written, or is another kind of file.
        """
        try:
            self.path = Path(os.path.realpath(path.parent)) / path.name
        except OSError as error:
            raise self._failed(error) from error
        self._name = str(self.path)
        self._wal = f"{self._name}-wal"
        self._deadline_s = deadline_s
        self._since = since
        self._shape = shape
        self._links: _Links | None = None
        self._which: tuple[bytes, int, int] | None = None  # the id in it, device and inode; once opened, for good
        self._opening = ProcessLock()
        if not _REGISTER.mine().acquire(timeout=deadline_s):
            raise self._late()
        try:
            _FILES.add(self)
        finally:
            _REGISTER.mine().release()
        self._mine()

    @property
    def which(self) -> bytes:
        """The id in the file: of no other file, but of its copies."""
        return b"" if self._which is None else self._which[0]

    def close(self) -> None:
        """Close what this process opened. The file can be used again afterwards: it is opened anew."""
        links, self._links = self._links, None
        if links is not None and links.process is this_process():
            links.close(time.monotonic() + self._deadline_s)  # else whoever is at work with it closes it in the end

    def read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Ask something of one or several statements, each of which sees what was committed before it."""
        end = time.monotonic() + self._deadline_s
        while True:
            links = self._mine()
            if not links.reading.acquire(timeout=_left_s(end)):
                raise self._late()
            try:
                if not links.is_closed:
                    self._is_still_there(links)
                    return question(links.reader)
            except _FAILURES as error:
                raise self._failed(error) from error
            finally:
                links.reading.release()
            self._in_time(end)  # it was closed for a fork meanwhile: once more

    @contextlib.contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Change something: all of it or nothing, and nobody else meanwhile.

        Args:
            durable: whether it is on the disk before this returns. Otherwise a loss of power may undo it, a killed
                process still not.
        """
        began = time.monotonic()
        links = self._to_write(began + self._deadline_s)
        try:
            self._is_still_there(links)
            writer = links.writer
            left_s = max(0.0, self._deadline_s - (time.monotonic() - began))
            if left_s < self._deadline_s * 0.9:  # it took a while to get the turn: wait less for other processes
                _wait(writer, left_s)
            try:
                writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                writer.execute("BEGIN IMMEDIATE")
                yield writer
                writer.execute("COMMIT")
            finally:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                if left_s < self._deadline_s * 0.9:
                    _wait(writer, self._deadline_s)
        except _FAILURES as error:
            raise self._failed(error) from error
        finally:
            links.writing.release()

    def _to_write(self, end: float) -> _Links:
        """Take the turn to write; whoever calls it releases it."""
        while True:
            links = self._mine()
            if not links.writing.acquire(timeout=_left_s(end)):
                raise self._late()
            if not links.is_closed:
                return links
            links.writing.release()
            self._in_time(end)  # it was closed for a fork meanwhile: once more

    def _is_still_there(self, links: _Links) -> None:
        """Refuse to go on in a file that was removed or replaced: other processes would not see what is in it."""
        try:
            if self._seen() == links.seen:
                return
        except OSError as error:
            raise self._failed(error) from error
        raise self._replaced()

    def _seen(self) -> tuple[int, ...]:
        """Say what is at the path, and what is beside it: what was committed stands in both."""
        status = os.lstat(self._name)  # called for every request; a Path takes twice as long
        return status.st_dev, status.st_ino, os.lstat(self._wal).st_ino

    def _mine(self) -> _Links:
        links = self._links
        if links is None or links.process is not this_process():
            links = self._opened_once()
        return links

    def _opened_once(self) -> _Links:
        opening = self._opening.mine()
        if not opening.acquire(timeout=self._deadline_s):
            raise self._late()
        try:
            links = self._links
            if links is not None and links.process is this_process():
                return links
            if _FORK.found_at_work:
                message = f"this process was forked while a {self._shape.word} was at work, and cannot use any"
                raise unavailable(message)
            self._links = links = self._opened()
            return links
        finally:
            opening.release()

    def _opened(self) -> _Links:
        end = time.monotonic() + self._deadline_s
        try:
            if self._which is None:
                self._make()
            before = self._checked()
            writer = self._connected()
            try:
                which = self._prepare(writer, end)
                reader = self._connected()
            except BaseException:
                writer.close()
                raise
            try:
                reader.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                reader.execute(self._shape.identity).fetchone()
                found = (which, *self._checked())
                if found[1:] != before or self._which not in {None, found}:
                    raise self._replaced()
                self._which = found
                return _Links(writer, reader, self._seen())
            except BaseException:
                reader.close()
                writer.close()
                raise
        except (*_FAILURES, OSError) as error:
            raise self._failed(error) from error

    def _make(self) -> None:
        """Make the file where there is none, for its owner alone: SQLite would give it what the umask leaves."""
        with contextlib.suppress(FileExistsError):
            if sys.platform == "linux":
                os.mknod(self.path, stat.S_IFREG | 0o600)  # no descriptor: see above
            else:
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _checked(self) -> tuple[int, int]:
        """Check that the file, and what is beside it, is its owner's; give which it is."""
        status = os.lstat(self._name)
        check_own(status)
        for ending in _BESIDE:
            try:
                beside = os.lstat(self._name + ending)
            except FileNotFoundError:
                continue
            try:
                check_own(beside)
            except OSError as error:
                raise OSError(error.errno, f"of {self.path.name}{ending}: {error.strerror}") from None
        return status.st_dev, status.st_ino

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",  # which makes no file
            uri=True,
            timeout=self._deadline_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _prepare(self, writer: sqlite3.Connection, end: float) -> bytes:
        """Check what the file is, make its tables where it is new, and give the id that is in it."""
        _wait(writer, _left_s(end))
        writer.execute("BEGIN")  # to see one state of it, while others may be making it
        try:
            if not self._is_ours(writer) and self._which is not None:
                raise self._replaced()
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        self._to_wal(writer, end)
        writer.execute("PRAGMA synchronous = FULL")
        _wait(writer, _left_s(end))
        writer.execute("BEGIN IMMEDIATE")  # a file that cannot be written fails here
        try:
            if not self._is_ours(writer):
                for statement in self._shape.schema:
                    writer.execute(statement)
                if self._shape.begin:
                    writer.execute(self._shape.begin, (int(time.time()) if self._since is None else self._since,))
            which = writer.execute(self._shape.identity).fetchone()[0]
            writer.execute("COMMIT")
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        _wait(writer, self._deadline_s)
        return bytes(which)

    def _to_wal(self, writer: sqlite3.Connection, end: float) -> None:
        if writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        while True:
            try:  # unlike other locks, the one for this is not waited for
                mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)
            else:
                if mode != "wal":  # what SQLite cannot do here it will not do later
                    message = f"the {self._shape.word} cannot have a write-ahead log here; its journal is `{mode}`"
                    raise unavailable(message)
                return

    def _is_ours(self, writer: sqlite3.Connection) -> bool:
        """Whether it is of our kind; False where it is still empty."""
        application = writer.execute("PRAGMA application_id").fetchone()[0]
        version = writer.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and version == 0 and not writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            return False
        if application != self._shape.application_id:
            message = "the file is a database of something else"
            raise unavailable(message)
        if version != self._shape.version:
            message = f"the {self._shape.word} has version {version}; this program knows {self._shape.version}"
            raise unavailable(message)
        return True

    def hold(self, until: float) -> Lock | None:
        """Close what is open, and keep it so until the lock that this gives is released; `None`: not by `until`."""
        opening = self._opening.mine()
        if not opening.acquire(timeout=_left_s(until)):
            return None
        links = self._links
        if links is not None and links.process is this_process() and not links.close(until):
            opening.release()
            return None
        self._links = None
        return opening

    def _in_time(self, end: float) -> None:
        if time.monotonic() > end:
            raise self._late()

    def _replaced(self) -> StateError:
        return unavailable(f"the {self._shape.word} was removed or replaced by another one")

    def _late(self) -> StateError:
        return unavailable(f"the {self._shape.word} was busy for {self._deadline_s * 1000:.0f} ms")

    def _failed(self, error: Exception) -> StateError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return self._late()
        if isinstance(error, OSError) and error.strerror:
            return unavailable(f"the {self._shape.word}: {error.strerror[:1].lower()}{error.strerror[1:]}")
        words = str(error) if isinstance(error, sqlite3.Error) else f"{type(error).__name__}: {error}"
        return unavailable(f"the {self._shape.word}: {words}")


class _Fork:
    """What is held while this process forks, and whether it was forked with a state file at work."""

    __slots__ = ("found_at_work", "held")

    def __init__(self) -> None:
        self.found_at_work = False
        self.held: list[Lock] = []

    def before(self) -> None:
        """Close every file, and let nobody open one until the process is two."""
        end = time.monotonic() + _FORK_WAITS_S
        register = _REGISTER.mine()
        if not register.acquire(timeout=_FORK_WAITS_S):
            self.found_at_work = True
            return
        self.held.append(register)
        for file in list(_FILES):
            lock = file.hold(end)
            if lock is None:
                self.found_at_work = True
            else:
                self.held.append(lock)

    def in_parent(self) -> None:
        """Go on."""
        self.found_at_work = False
        while self.held:
            self.held.pop().release()

    def in_child(self) -> None:
        """Leave what could not be closed, and is its parent's; the locks are the child's own, and free."""
        self.held.clear()
        _LEFT_ALONE.extend(file._links for file in list(_FILES))  # noqa: SLF001 - of this module


def _wait(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _left_s(end: float) -> float:
    return max(0.0, end - time.monotonic())


_REGISTER: Final = ProcessLock()  # of the set below
_FILES: Final[WeakSet[SqliteFile]] = WeakSet()
_LEFT_ALONE: Final[list[_Links | None]] = []
_FORK: Final = _Fork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_FORK.before, after_in_parent=_FORK.in_parent, after_in_child=_FORK.in_child)
