"""A log in one SQLite file, which every process of one machine may write (AUDIT §16.3).

The rules of this file:

- A batch is on the disk before it is answered, and the write lock is taken before the tree is looked at: two writers
  never add to one tree from the same place.
- What is kept in memory is only what can never change in this file: which number a route has. It is kept once it is on
  the disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from delegate.audit import sqlite_schema as sql
from delegate.audit.engine import (
    BATCH_MAX,
    NO_ROUTE,
    Batch,
    Entry,
    Label,
    Sought,
    Tally,
    Tree,
    framed,
    labels_of,
    tallied,
    tree_of,
)
from delegate.audit.routes import Route
from delegate.audit.tree.merkle import TILE_WIDTH, grow, leaf_hash, levels
from delegate.limits import TIME_MAX
from delegate.state.common import pack, unavailable, unpack
from delegate.state.sqlite_file import SqliteFile

_T = TypeVar("_T")
_Found = tuple[int, int, int]
_Rows = list[tuple[Any, ...]]
_AT_ONCE: Final = 64  # batches in one read: whoever reads a log does not hold up who writes it
_ROWS_AT_ONCE: Final = 2 * BATCH_MAX  # at least one whole batch
_NUMBERS_KEPT: Final = 65_536
_VACUUM_S: Final = 30.0


class SqliteLog:
    """Trees in one file. Safe under threads, processes and `fork`."""

    __slots__ = ("_file", "_numbers", "url")

    def __init__(self, path: Path | str, *, deadline: float) -> None:
        """Open or make the file.

        Args:
            path: where it is; it is made with mode 0600.
            deadline: seconds that a call may wait for others.

        Raises:
            StateError: it cannot be opened and written, or is no log.
        """
        self._file = SqliteFile(Path(path), deadline, None, sql.LOG_FILE)
        self._numbers: dict[tuple[int, bytes], int] = {}
        self.url = f"sqlite:///{path}"

    @property
    def id(self) -> bytes:
        """Which log this is: 16 random bytes."""
        return self._file.which

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def append(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries to a tree, durably; give the index of the first."""
        leaves = b"".join([leaf_hash(each.data) for each in entries])
        bodies = framed(entries)
        counted = tallied(entries)
        with self._file.transaction(durable=True) as writer:
            tree, size, _ = _tree(writer, tenant, make=True)
            edges = [_tile(writer, tree, level, width // TILE_WIDTH) for level, width in levels(size)]
            tiles = grow(size, edges, leaves)
            writer.execute(sql.ADD_BATCH, (tree, size, len(entries), bodies))
            writer.executemany(sql.SET_TILE, [(tree, *where, hashes) for where, hashes in tiles.items()])
            new: dict[tuple[int, bytes], int] = {}
            rows = [
                (tree, self._number(writer, tree, route, new), pack(action), reason.encode(), size, *count)
                for (route, action, reason), count in counted.items()
            ]
            writer.executemany(sql.ADD_TALLY, rows)
            if writer.execute(sql.SET_SIZE, (size + len(entries), tree, size)).rowcount != 1:
                message = "the log file does not keep the size of a tree"
                raise unavailable(message)
        if new:
            if len(self._numbers) > _NUMBERS_KEPT:
                self._numbers = {}
            self._numbers.update(new)
        return size

    def _number(
        self, writer: sqlite3.Connection, tree: int, route: Route | None, new: dict[tuple[int, bytes], int]
    ) -> int:
        """Give a route's number, and write the route down where it is new."""
        if route is None:
            return NO_ROUTE
        key = (tree, route.id)
        number = self._numbers.get(key) or new.get(key)
        if number is None:
            found = writer.execute(sql.FIND_ROUTE, key).fetchone()
            if found is None:
                found = writer.execute(sql.ADD_ROUTE, (tree, route.id, route.encoded, tree)).fetchone()
                rows = [(tree, kind.encode(), pack(value), found[0]) for kind, value in labels_of(route)]
                writer.executemany(sql.ADD_LABEL, rows)
            number = new[key] = int(found[0])
        return number

    def tree(self, tenant: str) -> Tree:
        """Say how large a tree is; of one that there is not, that it is empty."""
        return self._read(tenant, lambda _, found: tree_of(*found[1:])) or Tree(0, 0)

    def tile(self, tenant: str, level: int, number: int) -> bytes:
        """Give a tile; empty where there is none."""
        return self._read(tenant, lambda reader, found: _tile(reader, found[0], level, number)) or b""

    def batches(self, tenant: str, start: int, stop: int) -> Iterator[Batch]:
        """Give the batches that hold any entry from `start` on and before `stop`, in order."""
        while start < stop:
            ((first,),) = self._rows(tenant, sql.BATCH_OF, start) or ((None,),)
            rows = self._rows(tenant, sql.FIND_BATCHES, start if first is None else first, stop, _AT_ONCE)
            batches = [Batch(*row) for row in rows]
            yield from (each for each in batches if each.first + each.many > start)
            if len(batches) < _AT_ONCE:
                return
            start = max(batches[-1].first + batches[-1].many, start + 1)

    def tallies(self, tenant: str, sought: Sought) -> Iterator[Tally]:
        """Give what happened, summed up over batches."""
        found = self._read(tenant, lambda reader, found: _sought(reader, sql.SUMS, found[0], sought))
        yield from map(_tally, found or ())

    def index(self, tenant: str) -> Iterator[Tally]:
        """Give every row of the index, in the order of the batches."""
        start = 0
        while True:
            rows = self._rows(tenant, sql.INDEX, start, _ROWS_AT_ONCE)
            if len(rows) < _ROWS_AT_ONCE:
                yield from map(_tally, rows)
                return
            last = rows[-1][3]
            whole = [row for row in rows if row[3] != last]
            if not whole:
                message = "a batch of the log has more rows in the index than events"
                raise unavailable(message)
            yield from map(_tally, whole)
            start = last

    def firsts(self, tenant: str, sought: Sought, limit: int) -> list[int]:
        """Give where the latest batches begin in which something sought happened, the latest first."""
        found = self._read(tenant, lambda reader, found: _sought(reader, sql.FIRSTS, found[0], sought, limit))
        return [row[0] for row in found or ()]

    def routes(self, tenant: str, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, Route]]:
        """Give routes by their numbers; `None`: all."""
        if numbers is not None:
            for wanted in sorted(numbers):
                rows = self._rows(tenant, sql.ROUTE, wanted)
                yield from ((number, Route(body)) for number, body in rows)
            return
        last = 0
        while True:
            rows = self._rows(tenant, sql.ROUTES, last, _ROWS_AT_ONCE)
            yield from ((number, Route(body)) for number, body in rows)
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    def route(self, tenant: str, route_id: bytes) -> Route | None:
        """Give a route by its SHA-256; `None` where there is none."""
        rows = self._rows(tenant, sql.ROUTE_BY_ID, route_id)
        return Route(rows[0][0]) if rows else None

    def labelled(self, tenant: str, label: Label) -> frozenset[int]:
        """Give the numbers of the routes that have a label."""
        rows = self._rows(tenant, sql.LABELLED, label.kind.encode(), pack(label.value))
        return frozenset(row[0] for row in rows)

    def labels(self, tenant: str) -> Iterator[tuple[int, Label]]:
        """Give every label."""
        for route, kind, value in self._rows(tenant, sql.LABELS):
            yield route, Label(unpack(kind), unpack(value))

    def checkpoints(self, tenant: str) -> list[tuple[int, str]]:
        """Give the checkpoints that were signed: size and note, the smallest first."""
        return [(size, unpack(note)) for size, note in self._rows(tenant, sql.CHECKPOINTS)]

    def add_checkpoint(self, tenant: str, size: int, note: str) -> None:
        """Keep a checkpoint, durably; one of the same size is replaced."""
        with self._file.transaction(durable=True) as writer:
            tree, *_ = _tree(writer, tenant, make=True)
            writer.execute(sql.ADD_CHECKPOINT, (tree, size, pack(note)))

    def drop(self, tenant: str, before: int) -> int:
        """Drop the bodies of whole batches of entries before an index; give the first index that is kept."""
        with self._file.transaction(durable=True) as writer:
            tree, size, kept = _tree(writer, tenant, make=True)
            writer.execute(sql.DROP_BATCHES, (tree, before))
            (first,) = writer.execute(sql.FIRST_BATCH, (tree,)).fetchone()
            kept = max(kept, size if first is None else first)
            writer.execute(sql.DROP_TALLIES, (tree, kept))
            writer.execute(sql.SET_KEPT, (kept, tree))
        uri = f"{self._file.path.as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=_VACUUM_S, isolation_level=None)) as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:  # they are gone all the same, and what is written next takes their place
            message = f"dropped, but the space is not free yet: {error}"
            raise unavailable(message) from None
        return kept

    def _read(self, tenant: str, ask: Callable[[sqlite3.Connection, _Found], _T]) -> _T | None:
        """Ask something about a tenant's tree; `None` where there is no such tree."""

        def question(reader: sqlite3.Connection) -> _T | None:
            found = reader.execute(sql.FIND_TREE, (pack(tenant),)).fetchone()
            return None if found is None else ask(reader, found)

        return self._file.read(question)

    def _rows(self, tenant: str, statement: str, *arguments: object) -> _Rows:
        """Give the rows that a statement finds in a tenant's tree, whose number is its first argument."""
        found = self._read(tenant, lambda reader, found: reader.execute(statement, (found[0], *arguments)).fetchall())
        return found or []


def _tree(writer: sqlite3.Connection, tenant: str, *, make: bool) -> _Found:
    found = writer.execute(sql.FIND_TREE, (pack(tenant),)).fetchone()
    if found is None and make:
        found = writer.execute(sql.ADD_TREE, (pack(tenant),)).fetchone()
    tree, *known = found
    return (tree, *tree_of(*known))


def _tile(reader: sqlite3.Connection, tree: int, level: int, number: int) -> bytes:
    found = reader.execute(sql.FIND_TILE, (tree, level, number)).fetchone()
    return b"" if found is None else found[0]


def _sought(
    reader: sqlite3.Connection, statement: str, tree: int, sought: Sought, limit: int = -1
) -> list[tuple[Any, ...]]:
    arguments = {
        "tree": tree,
        "since": 0 if sought.since is None else sought.since,
        "until": TIME_MAX if sought.until is None else sought.until,
        "before": 2**62 if sought.before is None else sought.before,
        "refused": sought.refused,
        "cut": sought.cut,
        "limit": limit,
        "routes": "[]" if sought.routes is None else json.dumps(sorted(sought.routes)),
    }
    filled = statement.format(routes="" if sought.routes is None else sql.OF_ROUTES)
    return reader.execute(filled, arguments).fetchall()


def _tally(row: Sequence[Any]) -> Tally:
    return Tally(row[0], unpack(row[1]), unpack(row[2]), *row[3:])
