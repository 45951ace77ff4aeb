"""A log in PostgreSQL 12 or later, which as many machines as there are may write (AUDIT §16.3).

The rules of this file:

- Connections, deadlines, pins and the look at a schema are those of `state.postgres`; committed means on the disk.
- Whoever adds to a tenant's tree holds its row until the transaction is over: two writers never add from one place.
- The tenant is the first column of every key, and every statement names it.
"""

# ruff: noqa: S608 - what is put into the statements are constants
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

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
from delegate.state.common import PROOF_TEXTS, gave_back_another, pack, unavailable, unpack
from delegate.state.postgres import server, space_fault, tables_fault
from delegate.state.postgres_schema import seen

_T = TypeVar("_T")
_Rows = list[tuple[Any, ...]]
SPACE: Final = "delegate_log"
VERSION: Final = 1
_SETUP_S: Final = 5.0
_LONG_S: Final = 60.0
_AT_ONCE: Final = 64
_ROWS_AT_ONCE: Final = 2 * BATCH_MAX
_NUMBERS_KEPT: Final = 65_536

KEYS: Final = {
    "about": "only_one",
    "batches": "tenant first",
    "checkpoints": "tenant size",
    "labels": "tenant kind value route",
    "routes": "tenant number",
    "tallies": "tenant route action reason first",
    "tiles": "tenant level number",
    "trees": "tenant",
}
_TABLES: Final = f"""
CREATE SCHEMA IF NOT EXISTS {SPACE};
CREATE TABLE @about (only_one bigint PRIMARY KEY CHECK (only_one = 1), version bigint NOT NULL, id bytea NOT NULL);
CREATE TABLE @trees (tenant bytea PRIMARY KEY, size bigint NOT NULL, kept bigint NOT NULL);
CREATE TABLE @batches (
    tenant bytea NOT NULL REFERENCES @trees, first bigint NOT NULL, count bigint NOT NULL, bodies bytea NOT NULL,
    PRIMARY KEY (tenant, first)
);
CREATE TABLE @tiles (
    tenant bytea NOT NULL REFERENCES @trees, level bigint NOT NULL, number bigint NOT NULL, hashes bytea NOT NULL,
    PRIMARY KEY (tenant, level, number)
);
CREATE TABLE @routes (
    tenant bytea NOT NULL REFERENCES @trees, number bigint NOT NULL, id bytea NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (tenant, number), UNIQUE (tenant, id)
);
CREATE TABLE @labels (
    tenant bytea NOT NULL, kind bytea NOT NULL, value bytea NOT NULL, route bigint NOT NULL,
    PRIMARY KEY (tenant, kind, value, route), FOREIGN KEY (tenant, route) REFERENCES @routes (tenant, number)
);
CREATE TABLE @tallies (
    tenant bytea NOT NULL REFERENCES @trees, route bigint NOT NULL, action bytea NOT NULL, reason bytea NOT NULL,
    first bigint NOT NULL, count bigint NOT NULL, since bigint NOT NULL, until bigint NOT NULL,
    PRIMARY KEY (tenant, route, action, reason, first)
);
CREATE INDEX tallies_first ON @tallies (tenant, first);
CREATE TABLE @checkpoints (
    tenant bytea NOT NULL REFERENCES @trees, size bigint NOT NULL, note bytea NOT NULL, PRIMARY KEY (tenant, size)
)"""
_HAS_TABLES: Final = (
    "SELECT EXISTS (SELECT FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace"
    f" WHERE space.nspname = '{SPACE}' AND class.relname = 'about')"
)
_SEEN: Final = seen(SPACE)
_WINDOW: Final = (
    "tenant = %b AND until >= %b::bigint AND since <= %b::bigint AND first < %b::bigint"
    " AND (%b::bool IS NULL OR (reason <> ''::bytea) = %b::bool)"
    " AND (%b::bool IS NULL OR (since < %b::bigint OR until > %b::bigint) = %b::bool)"
    " AND (%b::bool OR route = ANY (%b::bigint[]))"
)


class PostgresLog:
    """Trees in a schema of a database. Safe under threads, processes and `fork`."""

    __slots__ = ("_links", "_numbers", "id", "url")

    def __init__(self, url: str, *, deadline: float) -> None:
        """Connect, and make the tables where there are none.

        Raises:
            StateError: the server does not answer, or not as it should, or only follows another one; or the tables
                are of a later version, not whole, or somebody else's.
            ValueError: a URL that cannot be read.
        """
        self.url, self._links = server(url, deadline=deadline, look=_look)
        self._numbers: dict[tuple[str, bytes], int] = {}
        try:
            if not self._links.ask(lambda link: link.is_ready):
                self._links.ask(_make, deadline_s=_SETUP_S)
            self._links.ask(_prove, deadline_s=_SETUP_S)
            ((found,),) = self._ask(lambda link: _rows(link, "SELECT id FROM @about"))
            self.id: bytes = bytes(found)
        except BaseException:
            self._links.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._links.close()

    def append(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries to a tree, durably; give the index of the first."""
        leaves = b"".join([leaf_hash(each.data) for each in entries])
        bodies = framed(entries)
        counted = tallied(entries)
        of = pack(tenant)
        new: dict[tuple[str, bytes], int] = {}

        def add(link: Any) -> int:  # noqa: ANN401 - a connection of `state.postgres`
            with link.transaction():
                _run(link, "INSERT INTO @trees VALUES (%b, 0, 0) ON CONFLICT DO NOTHING", [(of,)])
                ((size,),) = _rows(link, "SELECT size FROM @trees WHERE tenant = %b FOR UPDATE", (of,))
                tree_of(size, 0)
                edges = [_tile(link, of, level, width // TILE_WIDTH) for level, width in levels(size)]
                tiles = grow(size, edges, leaves)
                _run(link, "INSERT INTO @batches VALUES (%b, %b, %b, %b)", [(of, size, len(entries), bodies)])
                _run(
                    link,
                    "INSERT INTO @tiles VALUES (%b, %b, %b, %b)"
                    " ON CONFLICT (tenant, level, number) DO UPDATE SET hashes = excluded.hashes",
                    [(of, *where, hashes) for where, hashes in tiles.items()],
                )
                rows = [
                    (of, self._number(link, tenant, route, new), pack(action), reason.encode(), size, *count)
                    for (route, action, reason), count in counted.items()
                ]
                _run(link, "INSERT INTO @tallies VALUES (%b, %b, %b, %b, %b, %b, %b, %b)", rows)
                _run(link, "UPDATE @trees SET size = %b WHERE tenant = %b", [(size + len(entries), of)])
            return int(size)

        size = self._ask(add)
        if len(self._numbers) > _NUMBERS_KEPT:
            self._numbers = {}
        self._numbers.update(new)
        return size

    def _number(self, link: Any, tenant: str, route: Route | None, new: dict[tuple[str, bytes], int]) -> int:  # noqa: ANN401
        if route is None:
            return NO_ROUTE
        key = (tenant, route.id)
        number = self._numbers.get(key) or new.get(key)
        if number is None:
            of = pack(tenant)
            found = _rows(link, "SELECT number FROM @routes WHERE tenant = %b AND id = %b", (of, route.id))
            if not found:
                found = _rows(
                    link,
                    "INSERT INTO @routes SELECT %b::bytea, coalesce(max(number), 0) + 1, %b::bytea, %b::bytea"
                    " FROM @routes WHERE tenant = %b RETURNING number",
                    (of, route.id, route.encoded, of),
                )
                rows = [(of, kind.encode(), pack(value), found[0][0]) for kind, value in labels_of(route)]
                _run(link, "INSERT INTO @labels VALUES (%b, %b, %b, %b) ON CONFLICT DO NOTHING", rows)
            number = new[key] = int(found[0][0])
        return number

    def tree(self, tenant: str) -> Tree:
        """Say how large a tree is; of one that there is not, that it is empty."""
        found = self._find("SELECT size, kept FROM @trees WHERE tenant = %b", (pack(tenant),))
        return tree_of(*found[0]) if found else Tree(0, 0)

    def tile(self, tenant: str, level: int, number: int) -> bytes:
        """Give a tile; empty where there is none."""
        return self._ask(lambda link: _tile(link, pack(tenant), level, number))

    def batches(self, tenant: str, start: int, stop: int) -> Iterator[Batch]:
        """Give the batches that hold any entry from `start` on and before `stop`, in order."""
        of = pack(tenant)
        while start < stop:
            rows = self._find(
                "SELECT first, count, bodies FROM @batches WHERE tenant = %b AND first >= coalesce("
                "(SELECT max(first) FROM @batches WHERE tenant = %b AND first <= %b::bigint), 0)"
                " AND first < %b::bigint ORDER BY first LIMIT %b::bigint",
                (of, of, start, stop, _AT_ONCE),
            )
            batches = [Batch(*row) for row in rows]
            yield from (each for each in batches if each.first + each.many > start)
            if len(batches) < _AT_ONCE:
                return
            start = max(batches[-1].first + batches[-1].many, start + 1)

    def tallies(self, tenant: str, sought: Sought) -> Iterator[Tally]:
        """Give what happened, summed up over batches."""
        rows = self._find(
            "SELECT route, action, reason, min(first), sum(count)::bigint, min(since), max(until) FROM @tallies"
            f" WHERE {_WINDOW} GROUP BY route, action, reason",
            _window(tenant, sought),
        )
        yield from map(_tally, rows)

    def index(self, tenant: str) -> Iterator[Tally]:
        """Give every row of the index, in the order of the batches."""
        start = 0
        while True:
            rows = self._find(
                "SELECT route, action, reason, first, count, since, until FROM @tallies"
                " WHERE tenant = %b AND first >= %b::bigint ORDER BY first LIMIT %b::bigint",
                (pack(tenant), start, _ROWS_AT_ONCE),
            )
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
        rows = self._find(
            f"SELECT DISTINCT first FROM @tallies WHERE {_WINDOW} ORDER BY first DESC LIMIT %b::bigint",
            (*_window(tenant, sought), limit),
        )
        return [row[0] for row in rows]

    def routes(self, tenant: str, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, Route]]:
        """Give routes by their numbers; `None`: all."""
        of, last = pack(tenant), 0
        wanted = None if numbers is None else sorted(numbers)
        if wanted is not None:
            for number in wanted:
                rows = self._find("SELECT body FROM @routes WHERE tenant = %b AND number = %b::bigint", (of, number))
                yield from ((number, Route(body)) for (body,) in rows)
            return
        while True:
            rows = self._find(
                "SELECT number, body FROM @routes WHERE tenant = %b AND number > %b::bigint"
                " ORDER BY number LIMIT %b::bigint",
                (of, last, _ROWS_AT_ONCE),
            )
            yield from ((number, Route(body)) for number, body in rows)
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    def route(self, tenant: str, route_id: bytes) -> Route | None:
        """Give a route by its SHA-256; `None` where there is none."""
        rows = self._find("SELECT body FROM @routes WHERE tenant = %b AND id = %b", (pack(tenant), route_id))
        return Route(rows[0][0]) if rows else None

    def labelled(self, tenant: str, label: Label) -> frozenset[int]:
        """Give the numbers of the routes that have a label."""
        rows = self._find(
            "SELECT route FROM @labels WHERE tenant = %b AND kind = %b AND value = %b",
            (pack(tenant), label.kind.encode(), pack(label.value)),
        )
        return frozenset(row[0] for row in rows)

    def labels(self, tenant: str) -> Iterator[tuple[int, Label]]:
        """Give every label."""
        for route, kind, value in self._find(
            "SELECT route, kind, value FROM @labels WHERE tenant = %b", (pack(tenant),)
        ):
            yield route, Label(unpack(kind), unpack(value))

    def checkpoints(self, tenant: str) -> list[tuple[int, str]]:
        """Give the checkpoints that were signed: size and note, the smallest first."""
        rows = self._find("SELECT size, note FROM @checkpoints WHERE tenant = %b ORDER BY size", (pack(tenant),))
        return [(size, unpack(note)) for size, note in rows]

    def add_checkpoint(self, tenant: str, size: int, note: str) -> None:
        """Keep a checkpoint, durably; one of the same size is replaced."""

        def add(link: Any) -> None:  # noqa: ANN401 - as above
            with link.transaction():
                _run(link, "INSERT INTO @trees VALUES (%b, 0, 0) ON CONFLICT DO NOTHING", [(pack(tenant),)])
                _run(
                    link,
                    "INSERT INTO @checkpoints VALUES (%b, %b, %b)"
                    " ON CONFLICT (tenant, size) DO UPDATE SET note = excluded.note",
                    [(pack(tenant), size, pack(note))],
                )

        self._ask(add)

    def drop(self, tenant: str, before: int) -> int:
        """Drop the bodies of whole batches of entries before an index; give the first index that is kept.

        The server frees the space as it cleans up.
        """
        of = pack(tenant)

        def remove(link: Any) -> int:  # noqa: ANN401 - as above
            with link.transaction():
                link.run(f"SELECT pg_catalog.set_config('statement_timeout', '{_LONG_S * 1000:.0f}ms', true)")
                found = _rows(link, "SELECT size, kept FROM @trees WHERE tenant = %b FOR UPDATE", (of,))
                if not found:
                    return 0
                size, kept = found[0]
                _run(link, "DELETE FROM @batches WHERE tenant = %b AND first + count <= %b::bigint", [(of, before)])
                ((first,),) = _rows(link, "SELECT min(first) FROM @batches WHERE tenant = %b", (of,))
                kept = max(kept, size if first is None else first)
                _run(link, "DELETE FROM @tallies WHERE tenant = %b AND first < %b::bigint", [(of, kept)])
                _run(link, "UPDATE @trees SET kept = %b WHERE tenant = %b", [(kept, of)])
            return int(kept)

        return self._links.ask(_ready(remove), deadline_s=_LONG_S)

    def _ask(self, question: Callable[[Any], _T]) -> _T:
        return self._links.ask(_ready(question))

    def _find(self, statement: str, arguments: Sequence[object]) -> _Rows:
        return self._ask(lambda link: _rows(link, statement, arguments))


def _ready(question: Callable[[Any], _T]) -> Callable[[Any], _T]:
    def ask(link: Any) -> _T:  # noqa: ANN401 - as above
        if not link.is_ready:
            message = f"the tables of the schema {SPACE} are gone; connecting anew makes new ones"
            raise unavailable(message)
        return question(link)

    return ask


def _rows(link: Any, statement: str, arguments: Sequence[object] = ()) -> _Rows:  # noqa: ANN401 - as above
    found: _Rows = link.rows(statement.replace("@", f"{SPACE}."), arguments)
    return found


def _run(link: Any, statement: str, rows: Sequence[Sequence[object]]) -> None:  # noqa: ANN401 - as above
    with link.raw.cursor() as cursor:
        cursor.executemany(statement.replace("@", f"{SPACE}.").encode(), rows)


def _tile(link: Any, tenant: bytes, level: int, number: int) -> bytes:  # noqa: ANN401 - as above
    statement = "SELECT hashes FROM @tiles WHERE tenant = %b AND level = %b::bigint AND number = %b::bigint"
    found = _rows(link, statement, (tenant, level, number))
    return found[0][0] if found else b""


def _window(tenant: str, sought: Sought) -> tuple[object, ...]:
    since = 0 if sought.since is None else sought.since
    until = TIME_MAX if sought.until is None else sought.until
    before = 2**62 if sought.before is None else sought.before
    routes = sorted(sought.routes or ()) or [-1]
    return (
        *(pack(tenant), since, until, before, sought.refused, sought.refused),
        *(sought.cut, since, until, sought.cut, sought.routes is None, routes),
    )


def _tally(row: Sequence[Any]) -> Tally:
    return Tally(row[0], unpack(row[1]), unpack(row[2]), *row[3:])


def _lock_number() -> int:
    return int.from_bytes(hashlib.sha256(b"delegate log tables").digest()[:8], signed=True)


def _look(link: Any) -> None:  # noqa: ANN401 - as above
    """Make sure that what is here is a log, and ours; raises StateError."""
    if link.rows(_HAS_TABLES) != [(True,)]:
        return
    ((only_follows, space, tables, functions),) = link.rows(_SEEN)
    fault = space_fault(SPACE, space, only_follows=only_follows) or tables_fault(SPACE, tables, KEYS)
    if not fault and functions is not None:
        fault = f"the schema {SPACE} has functions, and this program makes none there"
    if not fault and _rows(link, "SELECT version FROM @about") != [(VERSION,)]:
        fault = f"the log has another version than {VERSION}, which this program knows"
    if fault:
        raise unavailable(fault)
    link.is_ready = True


def _make(link: Any) -> None:  # noqa: ANN401 - as above
    with link.transaction():
        link.run(f"SELECT pg_catalog.set_config('statement_timeout', '{_SETUP_S * 1000:.0f}ms', true)")
        link.rows("SELECT pg_advisory_xact_lock(%b::bigint)", (_lock_number(),))
        if link.rows(_HAS_TABLES) != [(True,)]:
            link.run(_TABLES.replace("@", f"{SPACE}."))
            _run(link, "INSERT INTO @about VALUES (1, %b, %b)", [(VERSION, os.urandom(16))])
        _look(link)


def _prove(link: Any) -> None:  # noqa: ANN401 - as above
    """Make sure that this server gives back what it is given; nothing of it stays; raises StateError."""
    tenant = os.urandom(16)
    with link.transaction(is_undone=True):
        _run(link, "INSERT INTO @trees VALUES (%b, %b, %b)", [(tenant, 2**62, 0)])
        rows = [(tenant, number, number + 1, text) for number, text in enumerate(PROOF_TEXTS)]
        _run(link, "INSERT INTO @batches VALUES (%b, %b, %b, %b)", rows)
        statement = "SELECT tenant, first, count, bodies FROM @batches WHERE tenant = %b ORDER BY first"
        found = _rows(link, statement, (tenant,))
        sizes = _rows(link, "SELECT size FROM @trees WHERE tenant = %b", (tenant,))
    if found != rows or sizes != [(2**62,)]:
        raise gave_back_another("this PostgreSQL")
