"""A directory in PostgreSQL 12 or later, for as many machines as there are (SPEC §10.5).

The rules of this file:

- Connections, deadlines, pins and the look at a schema are those of `state.postgres`.
- Whoever changes something of a tenant's holds that tenant's lock until the transaction is over.
- A server that does not give back what it is given is not used.
"""

# ruff: noqa: S608 - what is put into the statements are constants, and question marks
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from delegate.directory import schema as sql
from delegate.directory.engine import LONG_S, Row, Rows
from delegate.limits import TIME_MAX
from delegate.state.common import PROOF_TEXTS, gave_back_another, unavailable
from delegate.state.postgres import server, space_fault, tables_fault
from delegate.state.postgres_schema import seen

T = TypeVar("T")
_SETUP_S: Final = 5.0
_HAS_TABLES: Final = (
    "SELECT EXISTS (SELECT FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace"
    f" WHERE space.nspname = '{sql.SPACE}' AND class.relname = 'about')"
)
_SEEN: Final = seen(sql.SPACE)
_VERSION: Final = "SELECT version FROM @about"
_TABLES: Final = ";\n".join(
    (
        f"CREATE SCHEMA IF NOT EXISTS {sql.SPACE}",
        *sql.tables(f"{sql.SPACE}.", binary="bytea", integer="bigint"),
    )
)
_BEGIN: Final = "INSERT INTO @about (only_one, version, id) VALUES (1, ?, ?)"
_LOCK: Final = "SELECT pg_advisory_xact_lock(?::bigint)"


class PostgresEngine:
    """A schema of a database. Safe under threads and across `fork`."""

    __slots__ = ("_links", "deadline_s", "url")

    def __init__(self, url: str, deadline_s: float) -> None:
        """Connect, and make the tables where there are none.

        Raises:
            StateError: the server does not answer, or not as it should, or only follows another one; or the tables
                are of a later version, not whole, or somebody else's.
            ValueError: a URL that cannot be read.
        """
        self.url, self._links = server(url, deadline=deadline_s, look=_look)
        self.deadline_s = deadline_s
        try:
            if not self._links.ask(lambda link: link.is_ready):
                self._links.ask(_make, deadline_s=_SETUP_S)
            self._links.ask(_prove, deadline_s=_SETUP_S)
        except BaseException:
            self._links.close()
            raise

    def read(self, question: Callable[[Rows], T]) -> T:
        """Look; see `Engine.read`."""
        return self._links.ask(lambda link: question(_ready(link)))

    def write(self, tenant: bytes, change: Callable[[Rows], T], *, is_long: bool = False) -> T:
        """Change something; see `Engine.write`."""

        def ask(link: Any) -> T:  # noqa: ANN401 - a connection of `state.postgres`
            rows = _ready(link)
            with link.transaction():
                if is_long:
                    link.run(f"SELECT pg_catalog.set_config('statement_timeout', '{LONG_S * 1000:.0f}ms', true)")
                rows.rows(_LOCK, (_number(b"tenant " + tenant),))
                return change(rows)

        return self._links.ask(ask, deadline_s=LONG_S if is_long else None)

    def close(self) -> None:
        """Close every connection; see `Engine.close`."""
        self._links.close()


class _ServerRows:
    """Statements over a connection to the server."""

    __slots__ = ("_link",)

    def __init__(self, link: Any) -> None:  # noqa: ANN401 - as above
        self._link = link

    def rows(self, statement: str, arguments: Sequence[object] = ()) -> list[Row]:
        found: list[Row] = self._link.rows(_in_server(statement), arguments)
        return found

    def run(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with self._link.raw.cursor() as cursor:
            cursor.executemany(_in_server(statement).encode(), rows)


def _ready(link: Any) -> _ServerRows:  # noqa: ANN401 - as above
    if not link.is_ready:
        message = f"the tables of the schema {sql.SPACE} are gone; connecting anew makes new ones"
        raise unavailable(message)
    return _ServerRows(link)


@cache
def _in_server(statement: str) -> str:
    return statement.replace("@", f"{sql.SPACE}.").replace("?::bigint", "%b::bigint").replace("?", "%b")


def _number(what: bytes) -> int:
    """Give the number of a lock: nobody's but this room's, as far as a hash goes."""
    return int.from_bytes(hashlib.sha256(b"delegate directory " + what).digest()[:8], signed=True)


def _look(link: Any) -> None:  # noqa: ANN401 - as above
    """Make sure that what is here is a directory, and ours; raises StateError."""
    if link.rows(_HAS_TABLES) != [(True,)]:
        return
    fault = _fault(link)
    if fault:
        raise unavailable(fault)
    link.is_ready = True


def _fault(link: Any) -> str:  # noqa: ANN401 - as above
    ((only_follows, space, tables, functions),) = link.rows(_SEEN)
    fault = space_fault(sql.SPACE, space, only_follows=only_follows) or tables_fault(sql.SPACE, tables, sql.KEYS)
    if fault:
        return fault
    if functions is not None:
        return f"the schema {sql.SPACE} has functions, and this program makes none there"
    versions = _ServerRows(link).rows(_VERSION)
    if versions != [(sql.VERSION,)]:
        return f"the directory has another version than {sql.VERSION}, which this program knows"
    return ""


def _make(link: Any) -> None:  # noqa: ANN401 - as above
    rows = _ServerRows(link)
    with link.transaction():
        link.run(f"SELECT pg_catalog.set_config('statement_timeout', '{_SETUP_S * 1000:.0f}ms', true)")
        rows.rows(_LOCK, (_number(b"tables"),))
        if link.rows(_HAS_TABLES) != [(True,)]:
            link.run(_TABLES)
            rows.run(_BEGIN, [(sql.VERSION, os.urandom(16))])
        _look(link)


def _prove(link: Any) -> None:  # noqa: ANN401 - as above
    """Make sure that this server gives back what it is given; nothing of it stays.

    Raises:
        StateError: it does not.
    """
    rows = _ready(link)
    tenant, name, key = os.urandom(16), *PROOF_TEXTS[:1], os.urandom(32)
    facts = (*PROOF_TEXTS, *PROOF_TEXTS)
    with link.transaction(is_undone=True):
        rows.run(sql.ADD_PRINCIPAL, [(tenant, name, *facts, 0, None)])
        rows.run(sql.ADD_KEY, [(tenant, key, name, name, 0, TIME_MAX)])
        found = rows.rows(sql.find(2), (tenant, key, bytes(32)))
        unknown = rows.rows(sql.find(1), (b"another", key))
    if found != [(key, name, TIME_MAX, None, *facts[:-1])] or unknown:
        raise gave_back_another("this PostgreSQL")
