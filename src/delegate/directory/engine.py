"""What a directory is kept in: a file of one machine, or PostgreSQL (SPEC §10.5).

The rules of this file:

- The driver, the deadline, the care with which a file or a server is opened, and what a fork does, are those of
  `state`.
- A change is one transaction that looks before it writes: nobody else of its tenant changes anything meanwhile. It is
  on the disk before it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

from delegate.directory import schema as sql
from delegate.state.engines import file_of

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
DEADLINE_S: Final = 0.25
LONG_S: Final = 600.0  # an import of many thousands, in one transaction
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")


class Rows(Protocol):
    """One transaction, or one look."""

    def rows(self, statement: str, arguments: Sequence[object] = ()) -> list[Row]:
        """Ask for rows."""
        ...

    def run(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement that gives nothing, once for each row of arguments."""
        ...


class Engine(Protocol):
    """Where the tables are. Safe under threads and across `fork`."""

    url: str
    deadline_s: float

    def read(self, question: Callable[[Rows], T]) -> T:
        """Look; raises StateError where there is no answer in time."""
        ...

    def write(self, tenant: bytes, change: Callable[[Rows], T], *, is_long: bool = False) -> T:
        """Change something of one tenant's: all of it or, where `change` raises, nothing."""
        ...

    def close(self) -> None:
        """Close every file and connection."""
        ...


def open_engine(url: str, deadline_s: float) -> Engine:
    """Open what a URL names.

    Raises:
        ValueError: no such engine, or a URL that has no sense. ImportError: its extra is not installed.
        StateError: it cannot be opened now.
    """
    if url.startswith(_SQLITE):
        path = file_of(url)
        if path is None:
            message = "a directory URL of a file is sqlite:///file.db or sqlite:////absolute/file.db, and nothing else"
            raise ValueError(message)
        return SqliteEngine(url, path, deadline_s)
    if url.startswith(_POSTGRES) and not any(each.isspace() or not each.isprintable() for each in url):
        try:
            from delegate.directory.postgres import PostgresEngine
        except ImportError as error:
            message = "this directory URL needs an extra: pip install 'delegate-token[postgres]'"
            raise ImportError(message) from error
        try:
            return PostgresEngine(url, deadline_s)
        except ValueError as error:
            raise ValueError(str(error).replace("a state URL", "a directory URL")) from None
    message = "a directory URL is sqlite:///file.db, sqlite:////absolute/file.db or postgresql://…"
    raise ValueError(message)


class SqliteEngine:
    """One file for the processes of one machine."""

    __slots__ = ("_file", "deadline_s", "url")

    def __init__(self, url: str, path: str, deadline_s: float) -> None:
        """Open or make the file, mode 0600."""
        from delegate.state.sqlite_file import Shape, SqliteFile

        made = sql.tables("", binary="BLOB", integer="INTEGER", options=" WITHOUT ROWID, STRICT")
        shape = Shape(
            "directory file",
            sql.APPLICATION_ID,
            sql.VERSION,
            (
                *made,
                sql.BEGIN_FILE,
                f"PRAGMA application_id = {sql.APPLICATION_ID}",
                f"PRAGMA user_version = {sql.VERSION}",
            ),
            _in_file(sql.IDENTITY),
        )
        self.url = url
        self.deadline_s = deadline_s
        self._file = SqliteFile(Path(path), deadline_s, None, shape)

    def read(self, question: Callable[[Rows], T]) -> T:
        """Look; see `Engine.read`."""
        return self._file.read(lambda reader: question(_FileRows(reader)))

    def write(self, tenant: bytes, change: Callable[[Rows], T], *, is_long: bool = False) -> T:  # noqa: ARG002 - one writer at a time, for as long as it takes
        """Change something; see `Engine.write`."""
        with self._file.transaction(durable=True) as writer:
            return change(_FileRows(writer))

    def close(self) -> None:
        """Close the file; see `Engine.close`."""
        self._file.close()


class _FileRows:
    """Statements over a connection to a file."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, arguments: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(_in_file(statement), arguments).fetchall()

    def run(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(_in_file(statement), rows)


@cache
def _in_file(statement: str) -> str:
    return statement.replace("@", "")
