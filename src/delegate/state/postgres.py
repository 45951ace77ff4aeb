"""PostgreSQL for all that verifiers must remember, on as many machines as there are (SPEC §10.4).

The rules of this file:

- What belongs together is one function, which is one transaction: see `postgres_schema.py`.
- Committed means on the disk, whatever the server's default says.
- What a session depends on is set when it is opened, whatever the server, the database, the role or the URL say; and
  every call looks whether it holds. Bytes and numbers go and come in binary form, which no setting touches.
- Behind a pooler a session is other programs' too: nothing is set but for one transaction, nothing is prepared under
  a name, and nobody listens.
- A connection is used only if it leads to a primary with tables and functions as this program makes them, owned by
  who may be trusted with them.
- An answer that did not come, or is not understood, is a refusal; what was asked may have been done. So a proof may
  be spent, and a budget charged, for a request that was refused; never the other way round. To make that rare, a
  store that is opened must first give back what it is given.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int4, Int8

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.errors import StateError
from delegate.limits import INTEGER_MAX, TIME_MAX
from delegate.state import postgres_schema as sql
from delegate.state.answers import Memo, frozen
from delegate.state.common import (
    BATCH_COUNT,
    PROOF_IDS,
    PROOF_TEXTS,
    batches,
    check_actual,
    check_charges,
    check_current,
    distinct,
    from_before,
    gave_back_another,
    lapsed,
    pack,
    pool_lapsed,
    too_much,
    twice,
    unavailable,
    unpack,
)
from delegate.state.connections import Driver, Links, NotUnderstoodError
from delegate.state.findings import Finding, beginning_finding, clock_finding
from delegate.state.news import Watch
from delegate.state.urls import Place, place, unreadable

_Raw: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
_Rows: TypeAlias = list[tuple[Any, ...]]
_T = TypeVar("_T")
_CONNECT_S: Final = 2  # the least that libpq knows; whoever asks does not wait so long
_SETUP_S: Final = 5.0  # the first connection may have to make the tables, or wait for who does


class _Link:
    """A connection. `is_ready`: the tables are there, and as they should be."""

    __slots__ = ("_pins", "is_pooled", "is_ready", "raw")

    def __init__(self, raw: _Raw, statement_s: float) -> None:
        """Find out whether somebody else uses this session too, and set what it depends on."""
        self.raw = raw
        self.is_ready = False
        raw.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        raw.read_only = False
        pins = {**sql.PINS, "statement_timeout": f"{statement_s * 1000:.0f}ms"}
        # A pooler gives a number of its own; what is set behind it is set for one transaction.
        other = f"pg_catalog.int4ne(pg_catalog.pg_backend_pid(), {raw.info.backend_pid})"
        self._pins, found = (
            f"SELECT {is_local}, "
            + ", ".join(f"pg_catalog.set_config('{name}', '{value}', {is_local})" for name, value in pins.items())
            for is_local in ("true", other)
        )
        self.is_pooled = raw.execute(found.encode()).fetchall()[0][0] is not False
        if self.is_pooled:
            with self.transaction():  # a pooler that gives each statement to another session says so here
                pass

    def rows(self, statement: str, arguments: Sequence[object] = ()) -> _Rows:
        """Ask for one thing, in a transaction of its own or in the one that is under way."""
        if not self.is_pooled or self.raw.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            return self.raw.execute(statement.encode(), arguments, binary=True).fetchall()
        with self.raw.pipeline(), self.raw.transaction():  # in one round trip
            self.raw.execute(self._pins.encode())
            cursor = self.raw.execute(statement.encode(), arguments, binary=True)
        return cursor.fetchall()

    @contextlib.contextmanager
    def transaction(self, *, is_undone: bool = False) -> Iterator[None]:
        """Ask for several things in one transaction."""
        with self.raw.transaction(force_rollback=is_undone):
            if self.is_pooled:
                self.raw.execute(self._pins.encode())
            yield

    def run(self, statements: str) -> None:
        """Run statements that give nothing."""
        self.raw.execute(statements.encode())


class PostgresStore:
    """Replay protection, budgets and revocations in PostgreSQL 12 or later. Safe under threads and across `fork`."""

    __slots__ = ("_links", "_memo", "_watch", "url")

    def __init__(self, url: str, *, deadline: float = 0.25) -> None:
        """Connect, and make the tables where there are none.

        Args:
            url: `postgresql://…`, as libpq takes it.
            deadline: seconds that any call takes at most.

        Raises:
            StateError: the server does not answer, or not as it should, or only follows another one; or the tables
                are of a later version, not whole, or somebody else's.
            ValueError: a URL that cannot be read.
        """
        self.url, self._links = server(url, deadline=deadline, look=_look_if_made)
        self._memo = Memo()
        self._watch = Watch(lambda: _Listener(_opened(url, _SETUP_S)), self._memo.forget)
        try:
            if not self._links.ask(lambda link: link.is_ready):
                self._links.ask(_make_tables, deadline_s=_SETUP_S)
            self._links.ask(_prove, deadline_s=_SETUP_S)
        except BaseException:
            self._links.close()
            raise

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
        arguments = _spending(claims, charges)
        return self._ask(lambda link: _outcome(link.rows(sql.SPEND, arguments)))

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:  # noqa: ARG002 - the server forgets by its own clock
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        arguments = (claim_id, list(map(pack, actual)), list(map(Int8, actual.values())))
        answer = self._ask(lambda link: _number(link.rows(sql.SETTLE, arguments), most=1))
        if answer == -1:
            raise too_much()
        return answer == 1

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""

        def ask(link: _Link) -> dict[tuple[bytes, str], int]:
            found = _found(link.rows(sql.SPENT, (list(block_ids),)), 0, _POOL)
            return {(block_id, unpack(unit)): amount for block_id, unit, amount in found}

        return self._ask(ask)

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - room is not bounded here
        """Take over a list whose signature held, for good; see `RevocationStore.add`.

        There is no bound but the server's room: whoever may have lists taken over may fill it.
        """
        added = 0
        try:
            for batch, is_last in batches(distinct(records)):
                added += self._ask(_adding(batch, feed if is_last else None))
        finally:
            self._watch.changed()
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - nothing is forgotten, so nothing depends on it
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        about, by = tuple(subjects), frozen(signers)

        def ask() -> tuple[Hashable, tuple[Record, ...]]:
            return self._ask(lambda link: _look_up(link, about, by))

        return list(self._memo.ask(self._watch.version(), (about, by), ask))

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        by = frozen(signers)

        def ask() -> tuple[Hashable, tuple[Feed, ...]]:
            return self._ask(lambda link: _find_feeds(link, by))

        return list(self._memo.ask(self._watch.version(), by, ask))

    def check(self) -> tuple[Finding, ...]:
        """Look at the server's settings for the operator."""
        try:
            return self._ask(_findings)
        except StateError as error:
            return (Finding(ok=False, what="answers", detail=error.detail),)

    def _ask(self, question: Callable[[_Link], _T]) -> _T:
        def ask(link: _Link) -> _T:
            if not link.is_ready:
                raise NotUnderstoodError(_NO_TABLES)
            return question(link)

        return self._links.ask(ask)


_NO_TABLES: Final = "the tables of the schema delegate are gone; connecting anew makes new ones"


class _Listener:
    """Hears of notifications, and asks for the version of what is revoked."""

    __slots__ = ("_link",)

    def __init__(self, link: _Link) -> None:
        self._link = link
        if not link.is_pooled:  # there it would hear for others, and others for it
            link.run("LISTEN delegate")

    def wait(self, seconds: float) -> None:
        for _ in self._link.raw.notifies(timeout=seconds, stop_after=1):
            pass

    def version(self) -> Hashable:
        return _version(self._link.rows(sql.NEWS))

    def close(self) -> None:
        _sever(self._link)
        self._link.raw.close()


# What is asked, and what the answers mean.


def _spending(claims: Sequence[Claim], charges: Sequence[Charge]) -> Sequence[object]:
    ids = sorted((each.id, each.issued, each.until, place) for place, each in enumerate(claims))
    pools = sorted(
        (each.block_id, pack(each.unit), each.amount, each.limit, each.until, place)
        for place, each in enumerate(charges)
    )
    until = max((each.until for each in charges), default=0)
    return (
        *_columns(ids, (bytes, Int8, Int8, Int4)),
        *_columns(pools, (bytes, bytes, Int8, Int8, Int8, Int4)),
        claims[0].id,
        Int8(until),
    )


def _columns(rows: Sequence[Sequence[Any]], kinds: Sequence[type]) -> list[list[Any]]:
    return [[kind(row[index]) for row in rows] for index, kind in enumerate(kinds)]


def _outcome(rows: _Rows) -> Outcome:
    match rows:
        case [(sql.DONE, None, None)]:
            return True
        case [(sql.CLAIMED, int(place), None)]:
            return Refused(place)
        case [(sql.SHORT, int(place), int(left))]:
            return Refused(place, left)
        case [(sql.LAPSED, _, None)]:
            raise lapsed()
        case [(sql.POOL_LAPSED, _, _)]:
            raise pool_lapsed()
        case [(sql.BEFORE, int(place), _)]:
            raise from_before(place)
    raise _not_understood()


def _number(rows: _Rows, *, most: int = BATCH_COUNT) -> int:
    match rows:
        case [(int(number),)] if -1 <= number <= most:
            return number
    raise _not_understood()


def _not_understood() -> NotUnderstoodError:
    return NotUnderstoodError("its answer does not fit what it was asked")


def _adding(batch: Sequence[Record], feed: Feed | None) -> Callable[[_Link], int]:
    rows = sorted((*each[:5], pack(each.why)) for each in batch)
    moved = (None,) * 4 if feed is None else (feed.signer, *map(Int8, feed[1:]))
    columns = _columns(rows, (bytes, bytes, bool, Int8, Int8, bytes))
    return lambda link: _number(link.rows(sql.REVOKE, (*columns, *moved, os.urandom(16))))


def _version(rows: _Rows) -> Hashable:
    """Take of which version an answer is."""
    match rows:
        case [(str(home), bytes(token), int(started), *_), *_]:
            return home, token, started
    raise _not_understood()


_POOL: Final = (bytes, bytes, int)
_RECORD: Final = (bytes, bytes, bool, int, int, bytes)
_FEED: Final = (bytes, int, int, int)


def _found(rows: _Rows, first: int, kinds: tuple[type, ...]) -> list[tuple[Any, ...]]:
    """Take what was found beside the one row that is always there; it begins with column `first`."""
    found = [row[first:] for row in rows]
    if found == [(None,) * len(kinds)]:
        return []
    if not found or not all(tuple(map(type, each)) == kinds for each in found):
        raise _not_understood()
    return found


def _look_up(
    link: _Link, subjects: tuple[bytes, ...], signers: tuple[bytes, ...] | None
) -> tuple[Hashable, tuple[Record, ...]]:
    if signers is None:
        rows = link.rows(sql.LOOK_UP, (list(subjects),))
    else:
        rows = link.rows(sql.LOOK_UP_BY, (list(subjects), list(signers)))
    version = _version(rows)
    records = tuple(Record._make((*each[:5], unpack(each[5]))) for each in _found(rows, 3, _RECORD))
    if not all(each.subject in subjects and (signers is None or each.signer in signers) for each in records):
        raise _not_understood()
    return version, records


def _find_feeds(link: _Link, signers: tuple[bytes, ...] | None) -> tuple[Hashable, tuple[Feed, ...]]:
    rows = link.rows(sql.FEEDS) if signers is None else link.rows(sql.FEEDS_BY, (list(signers),))
    return _version(rows), tuple(Feed(*each) for each in _found(rows, 3, _FEED))


# What is looked at when a connection is opened.


def where_of(url: str) -> Place:
    """Say what may be shown of a URL, and what may not.

    Raises:
        ValueError: it cannot be read, or a password in it has no clear end.
    """
    scheme, _, rest = url.partition("://")
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        raise unreadable(scheme) from None
    # libpq ends a login at the first `@` before a `/`: another one is in a password that it has cut.
    login = min((at for at in (rest.find("@"), rest.find("/")) if at >= 0), default=len(rest))
    if "@" in rest[login + 1 :]:
        raise unreadable(scheme)
    host = parts.get("host") or parts.get("hostaddr") or ""
    return place(scheme, host, parts.get("port", ""), parts.get("dbname", ""), parts)


def server(url: str, *, deadline: float, look: Callable[[_Link], object]) -> tuple[str, Links[_Link]]:
    """Give what of a URL may be shown, and connections to its server; connect to nothing yet.

    Args:
        url: `postgresql://…`, as libpq takes it.
        deadline: seconds that any call takes at most.
        look: looks at each connection that is opened, and raises StateError where it cannot be used.

    Raises:
        ValueError: a URL that cannot be read.
    """
    where = where_of(url)
    driver = Driver(
        open=lambda: open_link(url, deadline, look),
        is_open=_is_open,
        close=_close,
        sever=_sever,
        secrets=where.secrets,
    )
    return where.shown, Links(driver, deadline_s=deadline)


def open_link(url: str, statement_s: float, look: Callable[[_Link], object]) -> _Link:
    """Connect, set what a session depends on, and have a look at it."""
    raw = psycopg.connect(
        url,
        autocommit=True,
        prepare_threshold=None,  # a prepared statement's name may be another program's, behind a pooler
        client_encoding="UTF8",
        connect_timeout=_CONNECT_S,
        application_name="delegate",
        tcp_user_timeout=2_000,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=2,
    )
    try:
        link = _Link(raw, statement_s)
        look(link)
    except BaseException:
        raw.close()
        raise
    return link


def _opened(url: str, statement_s: float) -> _Link:
    return open_link(url, statement_s, _look_if_made)


def _look_if_made(link: _Link) -> None:
    if _has_tables(link):
        _look(link)


def _has_tables(link: _Link) -> bool:
    ((found,),) = link.rows(sql.HAS_TABLES)
    return found is True


def _make_tables(link: _Link) -> None:
    with link.transaction():
        link.run(f"SELECT pg_catalog.set_config('statement_timeout', '{_SETUP_S * 1000:.0f}ms', true)")
        link.rows("SELECT pg_advisory_xact_lock(%b)", (Int8(sql.LOCK),))
        if not _has_tables(link):
            link.run(sql.TABLES)
            link.run(sql.FUNCTIONS)
        _look(link)  # what it refuses, such as a schema that was somebody else's before, is undone


def _look(link: _Link) -> None:
    """Make sure that this is a memory, and ours; begin it anew where it has no beginning here.

    Raises:
        StateError: what is wrong.
    """
    fault = _fault(link)
    if fault:
        raise unavailable(fault)
    if link.rows(sql.IS_BEGUN) != [(True,)]:
        _begin(link)
    link.is_ready = True


def _begin(link: _Link) -> None:
    """Begin the memory here and now, unless another one has done so meanwhile."""
    with link.transaction():
        link.rows("SELECT pg_advisory_xact_lock(%b)", (Int8(sql.LOCK),))
        if link.rows(sql.IS_BEGUN) != [(True,)]:
            link.raw.execute(sql.BEGIN_HOME.encode(), (os.urandom(16),))
            link.run(sql.BEGIN_COUNTERS)


def _fault(link: _Link) -> str:
    """Say why this cannot be used; nothing where it can. Reads nothing of tables that might be another's."""
    ((only_follows, space, tables, functions),) = link.rows(sql.SEEN)
    fault = space_fault("delegate", space, only_follows=only_follows)
    if fault:
        return fault
    if tables["counters"]["is_plain"]:  # else it is named below
        versions = link.rows(sql.FIND_VERSION)
        if versions not in ([(sql.VERSION,)], []):
            return f"the tables have version {versions[0][0]}; this program knows {sql.VERSION}"
    fault = tables_fault("delegate", tables, sql.KEYS)
    if fault:
        return fault
    if functions != [[name, source, True] for name, source in sorted(sql.SOURCES.items())]:
        return "the functions of the schema delegate are not those that this program makes"
    return ""


def space_fault(schema: str, space: Sequence[Any], *, only_follows: bool) -> str:
    """Say why a schema, as `sql.seen` shows it, cannot be used; nothing where it can."""
    if only_follows:
        return "this server only follows another one, or may not be written: it does not know what was used or revoked"
    owner, is_trusted, is_open = space
    if not is_trusted:
        return f"the schema {schema} belongs to {owner}, which is neither this role nor the database's owner"
    if is_open:
        return f"others than its owner may create things in the schema {schema}"
    return ""


def tables_fault(schema: str, tables: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]) -> str:
    """Say which table, as `sql.seen` shows it, cannot be used; nothing where all can. `keys` are the primary ones."""
    for name, key in keys.items():
        table = tables.get(name)
        if table is None or not table["is_plain"]:
            return f"{schema}.{name} is not as this program makes it: no table, another's, or with rules or triggers"
        if table["key"] != key:
            return f"{schema}.{name} has not its primary key: is it being restored?"
    return ""


def _prove(link: _Link) -> None:
    """Make sure that this server gives back what it is given; nothing of it stays.

    Raises:
        StateError: it does not.
    """
    if not link.is_ready:
        raise NotUnderstoodError(_NO_TABLES)
    signer, unit, now = os.urandom(32), "\ud800 \0", TIME_MAX - 100
    texts = (*PROOF_TEXTS, *(b"" for _ in PROOF_IDS))
    rows = [(each, signer, True, 0, TIME_MAX, text) for each, text in zip(PROOF_IDS, texts, strict=False)]
    feed = Feed(signer, INTEGER_MAX, 0, TIME_MAX)
    with link.transaction(is_undone=True):
        columns = _columns(rows, (bytes, bytes, bool, Int8, Int8, bytes))
        arguments = (*columns, feed.signer, *map(Int8, feed[1:]), os.urandom(16))
        added = _number(link.rows(sql.REVOKE, arguments))
        found = sorted(_found(link.rows(sql.LOOK_UP_BY, ([*PROOF_IDS], [signer])), 3, _RECORD))
        claims = [Claim(os.urandom(32), now, now)]
        charges = [Charge(signer, unit, INTEGER_MAX, INTEGER_MAX, now)]
        outcomes = [_outcome(link.rows(sql.SPEND, _spending(claims, charges))) for _ in range(2)]
        spent = _found(link.rows(sql.SPENT, ([signer],)), 0, _POOL)
        settled = _number(link.rows(sql.SETTLE, (claims[0].id, [pack(unit)], [Int8(0)])))
        feeds = _found(link.rows(sql.FEEDS_BY, ([signer],)), 3, _FEED)
    if (
        (added, outcomes, settled) != (len(rows), [True, Refused(0)], 1)
        or found != rows
        or spent != [(signer, pack(unit), INTEGER_MAX)]
        or feeds != [feed]
    ):
        raise gave_back_another("this PostgreSQL")


# For the operator.

_LOSSES: Final = {
    "fsync": ("on", "a crash of the machine loses what was committed"),
    "full_page_writes": ("on", "a crash of the machine can damage the tables"),
    "zero_damaged_pages": ("off", "what is on a damaged page counts as never used, charged or revoked"),
}


def _findings(link: _Link) -> tuple[Finding, ...]:
    ((version, follows, replicas, clock),) = link.rows(sql.SERVER)
    own = time.time()
    ((since,),) = link.rows(sql.BEGAN)
    settings: dict[str, str] = dict(link.rows(sql.SETTINGS))
    ((_, _, seen, _),) = link.rows(sql.SEEN)
    tables = {name: seen[name] for name in sql.KEYS}
    lost = [name for name, table in tables.items() if not table["is_logged"]]
    open_ = [name for name, table in tables.items() if table["is_open"]]
    standby = settings.get("synchronous_standby_names")
    found = [
        Finding(ok=True, what="answers", detail=f"PostgreSQL {version}{', behind a pooler' * link.is_pooled}"),
        Finding(ok=not follows, what="role", detail="standby, cannot be written" if follows else "primary"),
        clock_finding(clock, own),
        beginning_finding(since, own),
        *(_setting(name, settings.get(name), right, loss) for name, (right, loss) in _LOSSES.items()),
        Finding(
            ok=not lost,
            what="tables",
            detail=f"UNLOGGED: {', '.join(lost)}; a crash empties them" if lost else "logged",
        ),
        Finding(
            ok=not open_,
            what="privileges",
            detail=f"everybody may write {', '.join(open_)}" if open_ else "not everybody may write",
        ),
    ]
    if standby is None:
        found.append(_setting("synchronous_standby_names", None, "", ""))
    elif replicas and not standby:
        detail = f"empty, with {replicas} replicas; a failover loses what was not yet copied"
        found.append(Finding(ok=False, what="synchronous_standby_names", detail=detail))
    return tuple(found)


def _setting(name: str, value: str | None, right: str, loss: str) -> Finding:
    if value is None:
        return Finding(ok=False, what=name, detail="could not be looked at")
    return Finding(ok=value == right, what=name, detail=value if value == right else f"{value}; {loss}")


def _is_open(link: _Link) -> bool:
    """Whether nothing came since the last answer: what comes unasked is the server's farewell."""
    if link.raw.closed or not link.is_ready:
        return False
    poll = select.poll()
    poll.register(link.raw.fileno(), select.POLLIN)
    return not poll.poll(0)


def _close(link: _Link) -> None:
    link.raw.close()


def _sever(link: _Link) -> None:
    with socket.socket(fileno=socket.dup(link.raw.fileno())) as wire:  # the descriptor stays the link's to close
        wire.shutdown(socket.SHUT_RDWR)
