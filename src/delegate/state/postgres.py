"""PostgreSQL for all that verifiers must remember, on as many machines as there are (SPEC §10.4).

The rules of this file:

- What belongs together is one function, which is one transaction: see `postgres_schema.py`.
- Committed means on the disk, whatever the server's default says.
- An answer that did not come is a refusal; what was asked may have been done. So a proof may be spent, and a budget
  charged, for a request that was refused; never the other way round.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import psycopg

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.errors import StateError
from delegate.state import postgres_schema as sql
from delegate.state.answers import Memo
from delegate.state.common import (
    batches,
    check_actual,
    check_charges,
    check_current,
    current,
    from_before,
    lapsed,
    pack,
    pool_lapsed,
    too_much,
    twice,
    unavailable,
    unpack,
)
from delegate.state.connections import Driver, Links
from delegate.state.findings import Finding
from delegate.state.news import Watch

_Link: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
_CONNECT_S: Final = 2  # the least that libpq knows; whoever asks does not wait so long
_SETUP_S: Final = 5.0  # the first connection may have to make the tables, or wait for who does


class PostgresStore:
    """Replay protection, budgets and revocations in PostgreSQL 12 or later. Safe under threads and across `fork`."""

    __slots__ = ("_links", "_memo", "_watch")

    def __init__(self, url: str, *, deadline: float = 0.25) -> None:
        """Connect, and make the tables where there are none.

        Args:
            url: `postgresql://…`, as libpq takes it.
            deadline: seconds that any call takes at most.

        Raises:
            StateError: the server does not answer, or not as it should, or has tables of a later version.
        """
        driver = Driver(
            open=_opener(url, deadline),
            is_open=_is_open,
            close=psycopg.Connection.close,
            sever=_sever,
            secret=unquote(urlsplit(url).password or ""),
        )
        self._links: Links[_Link] = Links(driver, deadline_s=deadline)
        self._watch = Watch(lambda: _Listener(_connected(url, _SETUP_S)))
        self._memo = Memo()
        if not self._links.ask(_has_tables):
            self._links.ask(_make_tables, deadline_s=_SETUP_S)
        version = self._row(sql.FIND_VERSION, ())[0]
        if version != sql.VERSION:
            message = f"the tables have version {version}; this program knows {sql.VERSION}"
            raise unavailable(message)

    def close(self) -> None:
        """Close every connection."""
        self._watch.close()
        self._links.close()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        return self._spend(claims, (), now)

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing; see `Ledger.charge`."""
        check_charges(claims, charges)
        return self._spend(claims, charges, now)

    def _spend(self, claims: Sequence[Claim], charges: Sequence[Charge], now: int) -> Outcome:
        if (place := twice(claims)) is not None:
            return Refused(place)
        if not claims:
            return True
        check_current(claims, now)
        ids = sorted((each.id, each.until, place) for place, each in enumerate(claims))
        pools = sorted(
            (each.block_id, pack(each.unit), each.amount, each.limit, each.until, place)
            for place, each in enumerate(charges)
        )
        until = max((each.until for each in charges), default=0)
        issued = [each.issued for each in claims]
        arguments = (issued, *_columns(ids, 3), *_columns(pools, 6), claims[0].id, until)
        outcome, place, left = self._row(sql.SPEND, arguments)
        match outcome:
            case "done":
                return True
            case "claimed" | "short":
                return Refused(place, left)
            case "pool":
                raise pool_lapsed()
            case "before":
                raise from_before(place)
        raise lapsed()

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:  # noqa: ARG002 - the server forgets by its own clock
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        (answer,) = self._row(sql.SETTLE, (claim_id, list(map(pack, actual)), list(actual.values())))
        if answer == -1:
            raise too_much()
        return bool(answer == 1)

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""
        rows = self._rows(sql.SPENT, (list(block_ids),))
        return {(block_id, unpack(unit)): amount for block_id, unit, amount in rows}

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - room is not bounded here
        """Take over a list whose signature held, for good; see `RevocationStore.add`.

        There is no bound but the server's room: whoever may have lists taken over may fill it.
        """
        added = 0
        try:
            for batch, is_last in batches(current(feed, records, now)):
                rows = sorted((*each[:5], pack(each.why)) for each in batch)
                moved = feed if is_last else (None,) * 4
                added += self._row(sql.REVOKE, (*_columns(rows, 6), *moved))[0]
        finally:
            self._watch.changed()
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - the server forgets by its own clock
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        version = self._watch.version()
        if version is None:
            return self._find(subjects, signers)
        return self._memo.look_up(version, subjects, signers, self._find)

    def _find(self, subjects: Sequence[bytes], signers: Sequence[bytes] | None) -> Sequence[Record]:
        if signers is None:
            rows = self._rows(sql.LOOK_UP, (list(subjects),))
        else:
            rows = self._rows(sql.LOOK_UP_BY, (list(subjects), list(signers)))
        return [
            Record(subject, signer, is_key, since, until, unpack(why))
            for subject, signer, is_key, since, until, why in rows
        ]

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        version = self._watch.version()
        return self._find_feeds(signers) if version is None else self._memo.feeds(version, signers, self._find_feeds)

    def _find_feeds(self, signers: Sequence[bytes] | None) -> Sequence[Feed]:
        rows = self._rows(sql.FEEDS, ()) if signers is None else self._rows(sql.FEEDS_BY, (list(signers),))
        return [Feed(*row) for row in rows]

    def check(self) -> tuple[Finding, ...]:
        """Look at the server's settings for the operator."""
        try:
            settings = dict(self._rows(sql.SETTINGS, ()))
            version, follows = self._row("SELECT current_setting('server_version'), pg_is_in_recovery()", ())
        except StateError as error:
            return (Finding(ok=False, what="answers", detail=error.detail),)
        return (
            Finding(ok=True, what="answers", detail=f"PostgreSQL {version}"),
            Finding(ok=not follows, what="role", detail="standby, cannot be written" if follows else "primary"),
            *(
                Finding(ok=value != "off", what=name, detail=value if value != "off" else f"off; {loss}")
                for name, loss in _LOSSES.items()
                for value in (settings.get(name, "off"),)
            ),
        )

    def _row(self, statement: str, arguments: Sequence[object]) -> tuple[Any, ...]:
        return self._rows(statement, arguments)[0]

    def _rows(self, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._links.ask(lambda link: link.execute(statement.encode(), arguments).fetchall())


_LOSSES: Final = {
    "fsync": "a crash of the machine loses what was committed",
    "full_page_writes": "a crash of the machine can damage the tables",
    "synchronous_commit": "overridden here: each connection of this program turns it on",
}


class _Listener:
    """Hears of notifications, and asks how often revocations changed."""

    __slots__ = ("_link",)

    def __init__(self, link: _Link) -> None:
        self._link = link
        link.execute("LISTEN delegate")

    def wait(self, seconds: float) -> None:
        for _ in self._link.notifies(timeout=seconds, stop_after=1):
            pass

    def version(self) -> Hashable:
        row = self._link.execute(sql.NEWS).fetchone()
        return row and row[0]

    def close(self) -> None:
        _sever(self._link)
        self._link.close()


def _columns(rows: Sequence[Sequence[object]], count: int) -> list[list[object]]:
    return [[row[index] for row in rows] for index in range(count)]


def _connected(url: str, statement_s: float) -> _Link:
    link = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_S,
        application_name="delegate",
        tcp_user_timeout=2_000,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=2,
    )
    try:
        # What was given up here, the server gives up as well.
        link.execute(
            "SELECT set_config('statement_timeout', %s, false),"
            " set_config('default_transaction_isolation', 'read committed', false),"
            " CASE current_setting('synchronous_commit') WHEN 'off' THEN"
            " set_config('synchronous_commit', 'on', false) END",
            (f"{statement_s * 1000:.0f}ms",),
        )
    except BaseException:
        link.close()
        raise
    return link


def _opener(url: str, deadline: float) -> Callable[[], _Link]:
    return lambda: _connected(url, deadline)


def _has_tables(link: _Link) -> bool:
    row = link.execute(sql.HAS_TABLES).fetchone()
    return bool(row and row[0])


def _make_tables(link: _Link) -> None:
    with link.transaction():
        link.execute("SELECT set_config('statement_timeout', %s, true)", (f"{_SETUP_S * 1000:.0f}ms",))
        link.execute("SELECT pg_advisory_xact_lock(%s)", (sql.LOCK,))
        if not _has_tables(link):
            link.execute(sql.TABLES.encode())
            link.execute(sql.FUNCTIONS.encode())


def _is_open(link: _Link) -> bool:
    """Whether nothing came since the last answer: what comes unasked is the server's farewell."""
    if link.closed:
        return False
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return not poll.poll(0)


def _sever(link: _Link) -> None:
    with socket.socket(fileno=socket.dup(link.fileno())) as wire:  # the descriptor stays the link's to close
        wire.shutdown(socket.SHUT_RDWR)
