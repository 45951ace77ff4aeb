"""What happens to a shared engine from outside: restores, failovers, poolers, replicas, clocks, other programs.

`python -m tests.campaigns.surroundings` runs every case on servers of its own; `… --only word` those with it in their
name. In each a verifier runs all the while. It has used a proof, spent of a pool, revoked a key and asked for others.
Afterwards, whatever happened:

- what it says of revocations is what a verifier says that was started after it, within a second; or it refuses;
- a proof that was used is used nowhere again;
- where it still answers, it goes on to work for new requests.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeAlias
from urllib.parse import quote

import psycopg
import pytest
import redis

from delegate import StateError, VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Refused, State, connect
from tests import servers

_PATIENT_S: Final = 20.0
_SECOND_S: Final = 1.1  # what an answer is relied on, and a little for the asking
_ONWARD_S: Final = 0.8  # until a feed that broke was opened again, and heard
SIGNER: Final = b"s".ljust(32, b"\0")
SUBJECTS: Final = tuple(number.to_bytes(32) for number in range(1, 6))
POOL: Final = b"p".ljust(32, b"\0")
Case: TypeAlias = Callable[[], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Make a function one of the cases, by its name."""
    CASES[function.__name__] = function
    return function


def revoked(number: int) -> Record:
    """A revoked key by number."""
    return Record(SUBJECTS[number], SIGNER, True, 0, TIME_MAX, f"{number}")


def revoke(state: State, number: int) -> None:
    """Revoke a key by number, whatever else was."""
    add(state, revoked(number))


def add(state: State, record: Record) -> None:
    """Add a record, by a newer list than any before."""
    now = int(time.time())
    state.revocations.add(Feed(SIGNER, time.time_ns(), now, now + 900), [record], now=now)


def hears(state: State, record: Record) -> None:
    """Make sure that a record which another verifier has just added is found within a second."""
    end = time.monotonic() + _SECOND_S
    while True:
        asked = time.monotonic()
        if state.revocations.look_up([record.subject], [SIGNER]) == [record]:
            return
        assert asked < end, "an addition is not found"
        time.sleep(0.01)


class Running:
    """A verifier that runs while something happens."""

    def __init__(self, url: str) -> None:
        """Use a proof, spend of a pool and revoke the first key; ask for all until the answers are remembered."""
        self.url = url
        self.state = connect(url, deadline=_PATIENT_S)
        self.used = [self.proof(), self.proof()]
        now = int(time.time())
        assert self.state.replay.claim(self.used[:1], now=now) is True
        assert self.state.ledger.charge(self.used[1:], [Charge(POOL, "calls", 1, 5, now + 900)], now=now) is True
        revoke(self.state, 0)
        self.warm()

    def proof(self) -> Claim:
        """Make a proof, now."""
        now = int(time.time())
        return Claim(os.urandom(32), now, now + 90)

    def warm(self) -> None:
        """Ask until the answers come from memory, those to what is so now."""
        end = time.monotonic() + _PATIENT_S
        memo: Any = self.state.revocations._memo  # type: ignore[attr-defined]
        memo._kept = (None, {})
        while not memo._kept[1] and time.monotonic() < end:
            self.found()
            time.sleep(0.01)

    def found(self) -> set[bytes]:
        """Say what it holds for revoked."""
        return {each.subject for each in self.state.revocations.look_up(SUBJECTS, [SIGNER])}

    def judge(self, *, url: str = "", goes_on: bool = True) -> set[bytes]:
        """Compare it with a verifier that is started now; give what both say, or what that one says alone."""
        with connect(url or self.url, deadline=_PATIENT_S) as fresh:
            truth = {each.subject for each in fresh.revocations.look_up(SUBJECTS, [SIGNER])}
            end = time.monotonic() + _SECOND_S
            while True:
                asked = time.monotonic()
                said = self._said()
                if said is None or said == truth or asked > end:
                    break
                time.sleep(0.01)
            assert said in (None, truth), f"the one that ran says {said}, a new one {truth}"
            end = time.monotonic() + _ONWARD_S
            while time.monotonic() < end:  # nothing of before comes back, as when the feed is heard again
                assert self._said() in (None, truth), "the one that ran says again what it said before"
                time.sleep(0.01)
            for each in self.used:
                for state in (self.state, fresh):
                    assert not claimed(state, each), "a used proof was taken again"
            if goes_on:
                self.goes_on()
        return truth

    def _said(self) -> set[bytes] | None:
        with contextlib.suppress(StateError):
            return self.found()
        return None

    def goes_on(self) -> None:
        """Make sure that a new request is taken, sooner or later, and what is revoked is found at once."""
        end = time.monotonic() + _PATIENT_S
        while not claimed(self.state, self.proof()):
            assert time.monotonic() < end, "it takes nothing any more"
            time.sleep(0.05)
        revoke(self.state, 4)
        assert SUBJECTS[4] in self.found()


def claimed(state: State, proof: Claim) -> bool:
    """Whether a proof is taken; not, where it is refused in any way."""
    try:
        return state.replay.claim([proof], now=int(time.time())) is True
    except (StateError, VerificationError):
        return False


def refused(operation: Callable[[], object], *words: str, within_s: float = 0.0) -> None:
    """Make sure that a store refuses, and says why; at once, or before long."""
    detail = ""
    end = time.monotonic() + within_s
    while not detail:
        try:
            operation()
        except StateError as error:
            detail = error.detail
        assert detail or time.monotonic() < end, f"it is not refused, for none of: {words}"
    assert any(word in detail for word in words), detail


# PostgreSQL.


@contextlib.contextmanager
def postgres() -> Iterator[tuple[servers.PostgresServer, psycopg.Connection[tuple[object, ...]], Running]]:
    """A server, a connection of the operator's, and a verifier."""
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        operator.execute("SET client_min_messages = error")
        running = Running(server.url)
        with running.state:
            yield server, operator, running


def dump(server: servers.PostgresServer, *options: str) -> str:
    """Give what `pg_dump` writes of the memory."""
    return server.run("pg_dump", "-h", str(server.folder), "-U", "delegate", "-n", "delegate", *options, "postgres")


def restore(server: servers.PostgresServer, script: str) -> None:
    """Run a dump."""
    file = server.folder / "dump.sql"
    file.write_text(script)
    file.chmod(0o644)
    server.run("psql", "-h", str(server.folder), "-U", "delegate", "-q", "-f", str(file), "postgres")


@case
def postgres_restore_of_an_older_dump() -> None:
    """As many additions since as before it, of other lists."""
    with postgres() as (server, operator, running):
        script = dump(server)
        revoke(running.state, 1)
        running.warm()
        operator.execute("DROP SCHEMA delegate CASCADE")
        restore(server, script)
        with connect(server.url, deadline=_PATIENT_S) as other:
            revoke(other, 2)
        assert running.judge() == {SUBJECTS[0], SUBJECTS[2]}


@case
def postgres_restore_in_steps() -> None:
    """Between structure, data and keys nothing is allowed, and nothing is written that keeps the keys away."""
    with postgres() as (server, operator, running):
        steps = [dump(server, f"--section={each}") for each in ("pre-data", "data", "post-data")]
        operator.execute("DROP SCHEMA delegate CASCADE")
        for step in steps[:2]:
            restore(server, step)
            for _ in range(3):
                refused(running.found, "exist", "beginning", "primary key", "gone", within_s=_SECOND_S)
                for each in running.used:
                    assert not claimed(running.state, each)
            refused(lambda: connect(server.url, deadline=_PATIENT_S), "primary key")
        restore(server, steps[2])
        assert running.judge() == {SUBJECTS[0]}


@case
def postgres_restore_elsewhere() -> None:
    """On another server, which then begins anew: what was used in between is used nowhere again."""
    with postgres() as (server, _, running), servers.postgres_server() as other:
        script = dump(server)
        late = running.proof()
        assert claimed(running.state, late)
        time.sleep(1.1)  # until the second is over in which it was made
        restore(other, script)
        with connect(other.url, deadline=_PATIENT_S) as moved:
            for each in (*running.used, late):
                assert not claimed(moved, each)
            assert moved.ledger.spent([POOL]) == {(POOL, "calls"): 1}


@case
def postgres_schema_made_anew() -> None:
    """By another verifier, with as many additions."""
    with postgres() as (server, operator, running):
        time.sleep(1.1)
        operator.execute("DROP SCHEMA delegate CASCADE")
        refused(running.found, "exist", "gone", "beginning", within_s=_SECOND_S)
        with connect(server.url, deadline=_PATIENT_S) as other:
            revoke(other, 3)
        assert running.judge() == {SUBJECTS[3]}


@case
def postgres_truncated() -> None:
    """Each table alone, and all: what was emptied has just begun, and a connection finds it so."""
    tables = ("claims", "pools", "charges", "records", "feeds", "counters", "memory")
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        operator.execute("SET client_min_messages = error")
        for names in (*((each,) for each in tables), tables):
            running = Running(server.url)
            with running.state:
                time.sleep(1.1)
                operator.execute(f"TRUNCATE {', '.join(f'delegate.{name}' for name in names)}".encode())
                assert running.judge() == (set() if "records" in names else {SUBJECTS[0]}), names
            operator.execute("DROP SCHEMA delegate CASCADE")


@case
def postgres_failover_to_one_that_lags() -> None:
    """The proof and the revocation that it lacks were made while it heard nothing."""
    with postgres() as (server, _, running), servers.postgres_standby(server) as standby:
        refused(lambda: connect(standby.url, deadline=_PATIENT_S), "follows another")
        with psycopg.connect(standby.url, autocommit=True) as deaf:
            deaf.execute("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
            deaf.execute("SELECT pg_reload_conf()")
            while deaf.execute("SELECT 1 FROM pg_stat_wal_receiver").fetchone():
                time.sleep(0.01)
        both = Running(f"postgresql://delegate@/postgres?host={server.folder},{standby.folder}")
        with both.state:
            revoke(both.state, 1)
            both.warm()
            time.sleep(1.1)
            server.kill()
            standby.run("pg_ctl", "promote", "-w", "-D", f"{standby.folder}/data")
            assert SUBJECTS[1] not in both.judge(url=standby.url)
            assert not any(claimed(both.state, each) for each in running.used)


@case
def postgres_listener_elsewhere() -> None:
    """Connections go to the new primary, and the listener has stayed at the old one, which still runs."""
    with postgres() as (server, _, _), servers.postgres_standby(server) as standby, Doors(server) as doors:
        running = Running(doors.url)
        with running.state:
            wait_for_replay(server, standby)
            doors.target = standby
            standby.run("pg_ctl", "promote", "-w", "-D", f"{standby.folder}/data")
            running.state.ledger._links.close()  # type: ignore[attr-defined]
            with connect(standby.url, deadline=_PATIENT_S) as other:
                revoke(other, 2)
            assert SUBJECTS[2] in running.judge(url=standby.url)


def wait_for_replay(server: servers.PostgresServer, standby: servers.PostgresServer) -> None:
    """Wait until a standby has all."""
    with psycopg.connect(server.url, autocommit=True) as one, psycopg.connect(standby.url, autocommit=True) as other:
        row = one.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        assert row
        while other.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", row).fetchone() != (True,):
            time.sleep(0.01)


class Doors:
    """A socket in front of a PostgreSQL; who comes later may be led to another one."""

    def __init__(self, target: servers.Server) -> None:
        """Lead to this one."""
        self.target = target
        self._folder = contextlib.ExitStack()
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        """Open the door."""
        folder: Path = self._folder.enter_context(servers.folder())
        self._socket.bind(str(folder / ".s.PGSQL.5432"))
        self._socket.listen(50)
        self.url = f"postgresql://delegate@/postgres?host={folder}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._socket.close()
        self._folder.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inner = socket.socket(socket.AF_UNIX)
                outer = self._socket.accept()[0]
                inner.connect(str(self.target.folder / ".s.PGSQL.5432"))
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(here: socket.socket, there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(65_536):
            there.sendall(data)
    for each in (here, there):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@case
def postgres_behind_a_pooler() -> None:
    """Another program prepares statements under the names that drivers give, and changes every setting."""
    with postgres() as (server, _, direct), servers.pooler(server, "transaction") as pooler:
        stop = threading.Event()
        thread = threading.Thread(target=_other_program, args=(pooler.url, stop))
        thread.start()
        try:
            running = Running(pooler.url)
            with running.state:
                for number in range(40):
                    here, there = (direct, running) if number % 2 else (running, direct)
                    key = Record(os.urandom(32), SIGNER, True, 0, TIME_MAX)
                    assert not there.state.revocations.look_up([key.subject], [SIGNER])
                    add(here.state, key)
                    assert here.state.revocations.look_up([key.subject], [SIGNER]) == [key]
                    hears(there.state, key)
                running.judge()
                assert running.found() == direct.found() == {SUBJECTS[0], SUBJECTS[4]}
                assert "pooler" in running.state.check()[0].detail
        finally:
            stop.set()
            thread.join()
        with psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as other:
            for _ in range(10):
                row = other.execute(
                    "SELECT current_setting('row_security'), current_setting('statement_timeout'),"
                    " (SELECT count(*) FROM pg_listening_channels())"
                )
                assert row.fetchone() == ("on", "0", 0), "a setting of ours is another program's"
    with postgres() as (server, _, _), servers.pooler(server, "session") as pooler:
        state = Running(pooler.url).state
        with state:
            assert "pooler" in state.check()[0].detail
    with postgres() as (server, _, _), servers.pooler(server, "statement") as pooler:
        refused(lambda: connect(pooler.url, deadline=_PATIENT_S), "statement pooling")


def _other_program(url: str, stop: threading.Event) -> None:
    settings = {
        "search_path": "public", "default_transaction_isolation": "serializable", "bytea_output": "escape",
        "standard_conforming_strings": "off", "synchronous_commit": "off",
    }  # fmt: skip
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as link:
        while not stop.is_set():
            for name, value in settings.items():
                with contextlib.suppress(psycopg.Error):  # its own names collide with its own
                    link.execute(f"SET {name} = '{value}'".encode())
                with contextlib.suppress(psycopg.Error):
                    link.execute("SELECT %s::int", (1,))


SETTINGS: Final = {
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "bytea_output": "escape",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Pacific/Apia",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "search_path": "public, pg_catalog",
    "row_security": "on",
    "synchronous_commit": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "session_replication_role": "replica",
    "plpgsql.variable_conflict": "use_variable",
    "extra_float_digits": "-15",
    "enable_indexscan": "off",
    "lc_messages": "C",
    "client_min_messages": "debug5",
}


@case
def postgres_settings() -> None:
    """Of the role, of the database and of the URL, each alone."""
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        operator.execute("SET client_min_messages = error")
        for number, (name, value) in enumerate(SETTINGS.items()):
            whose = ("DATABASE postgres", "ROLE delegate")[number % 2]
            operator.execute(f"ALTER {whose} SET {name} = {value if ',' in value else repr(value)}".encode())
            option = quote(f"-c {name}={value.replace(' ', chr(92) + ' ')}")
            url = f"{server.url}&options={option}" if number % 3 == 0 else server.url
            running = Running(url)
            with running.state:
                running.judge()
                assert running.state.ledger.spent([POOL]) == {(POOL, "calls"): 1}, name
            operator.execute(f"ALTER {whose} RESET {name}".encode())
            operator.execute("SET default_transaction_read_only = off")
            operator.execute("DROP SCHEMA delegate CASCADE")


@case
def postgres_encodings() -> None:
    """Of the database and of the environment."""
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        for encoding, locale in (("SQL_ASCII", "C"), ("LATIN1", "C"), ("EUC_JP", "C")):
            operator.execute(
                f"CREATE DATABASE {encoding} ENCODING '{encoding}' LOCALE '{locale}' TEMPLATE template0".encode()
            )
            for client in ("", "SQL_ASCII", "EUC_JP"):
                with environment("PGCLIENTENCODING", client):
                    running = Running(server.url.replace("/postgres?", f"/{encoding.lower()}?"))
                    with running.state:
                        running.judge()
                        bad = {each.what for each in running.state.check() if not each.ok}
                        assert bad == {"fsync", "full_page_writes"}
                        assert "off;" in next(each.detail for each in running.state.check() if each.what == "fsync")


@contextlib.contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for a while; nothing where there is no value."""
    before = os.environ.pop(name, None)
    try:
        if value:
            os.environ[name] = value
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


_MEDDLING: Final = """
CREATE FUNCTION public.yes({kind}, {kind}) RETURNS boolean LANGUAGE sql AS 'SELECT {answer}';
CREATE OPERATOR public.{operator} (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = public.yes);
"""


@case
def postgres_other_programs_beside_us() -> None:
    """Operators and functions in `public`, as narrow as can be, for whoever looks there first."""
    with postgres() as (server, operator, _):
        operator.execute("ALTER ROLE delegate SET search_path = public, pg_catalog")
        for operator_, kind, answer in ((">", "numeric", "false"), ("=", "bytea", "false"), ("<=", "bigint", "false")):
            operator.execute("DROP FUNCTION IF EXISTS public.yes CASCADE")
            operator.execute(_MEDDLING.format(operator=operator_, kind=kind, answer=answer).encode())
            operator.execute("DROP FUNCTION IF EXISTS public.cardinality(bytea[])")
            operator.execute(b"CREATE FUNCTION public.cardinality(bytea[]) RETURNS int LANGUAGE sql AS 'SELECT 0'")
            running = Running(server.url)
            with running.state:
                running.judge()
                now = int(time.time())
                pool = Charge(os.urandom(32), "calls", 3, 5, now + 900)
                assert running.state.ledger.charge([running.proof()], [pool], now=now) is True
                assert running.state.ledger.charge([running.proof()], [pool], now=now) == Refused(0, 2)
                assert running.state.ledger.spent([pool.block_id]) == {(pool.block_id, "calls"): 3}


@case
def postgres_what_is_not_ours() -> None:
    """Row security, triggers, rules, functions and owners: what could hide or change a row is refused, and named."""
    changes = {
        "ALTER TABLE delegate.claims ENABLE ROW LEVEL SECURITY; ALTER TABLE delegate.claims FORCE ROW LEVEL SECURITY":
            ("row-level security",),
        "ALTER TABLE delegate.counters ENABLE ROW LEVEL SECURITY; ALTER TABLE delegate.counters FORCE ROW LEVEL"
        " SECURITY": ("row-level security",),
        "CREATE FUNCTION public.gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER gone BEFORE INSERT ON delegate.records FOR EACH ROW EXECUTE FUNCTION public.gone()":
            ("delegate.records is not",),
        "CREATE RULE gone AS ON INSERT TO delegate.records DO INSTEAD NOTHING": ("delegate.records is not",),
        "CREATE TABLE public.more () INHERITS (delegate.records)": ("delegate.records is not",),
        "CREATE OR REPLACE FUNCTION delegate.home() RETURNS text LANGUAGE sql AS $$SELECT ''$$": ("functions",),
        "CREATE FUNCTION delegate.spend() RETURNS int LANGUAGE sql AS 'SELECT 1'": ("functions",),
        "GRANT CREATE ON SCHEMA delegate TO PUBLIC": ("may create",),
        "CREATE ROLE mallory; ALTER TABLE delegate.claims OWNER TO mallory": ("delegate.claims is not",),
        "CREATE ROLE mallory; ALTER SCHEMA delegate OWNER TO mallory": ("belongs to mallory",),
        "ALTER TABLE delegate.claims DROP CONSTRAINT claims_pkey": ("primary key",),
        "ALTER TABLE delegate.records RENAME TO r; CREATE VIEW delegate.records AS SELECT * FROM delegate.r":
            ("delegate.records is not",),
        "DROP TABLE delegate.feeds": ("delegate.feeds is not",),
        "ALTER TABLE delegate.counters RENAME TO c; CREATE VIEW delegate.counters AS SELECT * FROM delegate.c":
            ("delegate.counters is not",),
        "UPDATE delegate.counters SET value = 9 WHERE name = 'schema'": ("version 9",),
    }  # fmt: skip
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        operator.execute("SET client_min_messages = error")
        operator.execute("CREATE ROLE app LOGIN")
        operator.execute("GRANT CREATE ON DATABASE postgres TO app")
        url = server.url.replace("delegate@", "app@")
        for change, words in changes.items():
            running = Running(url)
            with running.state:
                operator.execute(change.encode())
                refused(lambda: connect(url, deadline=_PATIENT_S), *words)
                for each in running.used:
                    assert not claimed(running.state, each)
            operator.execute("DROP SCHEMA delegate CASCADE; DROP FUNCTION IF EXISTS public.gone")
            operator.execute("DROP ROLE IF EXISTS mallory")


@case
def postgres_of_a_role_with_few_rights() -> None:
    """The tables are the database owner's; a service may use them, and a stranger's schema is no memory."""
    with servers.postgres_server() as server, psycopg.connect(server.url, autocommit=True) as operator:
        operator.execute("SET client_min_messages = error")
        connect(server.url, deadline=_PATIENT_S).close()
        operator.execute("CREATE ROLE app LOGIN")
        url = server.url.replace("delegate@", "app@")
        refused(lambda: connect(url, deadline=_PATIENT_S), "permission denied")
        operator.execute("GRANT USAGE ON SCHEMA delegate TO app")
        operator.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA delegate TO app")
        running = Running(url)
        with running.state:
            running.judge()
        operator.execute("DROP SCHEMA delegate CASCADE")
        operator.execute("CREATE ROLE mallory LOGIN")
        operator.execute("GRANT CREATE ON DATABASE postgres TO mallory")
        connect(server.url.replace("delegate@", "mallory@"), deadline=_PATIENT_S).close()
        refused(lambda: connect(server.url, deadline=_PATIENT_S), "belongs to mallory")
        refused(lambda: connect(url, deadline=_PATIENT_S), "belongs to mallory")


@case
def postgres_told_to_the_operator() -> None:
    """Unlogged tables, tables that everybody may write, a replica that is not waited for."""
    with postgres() as (server, operator, running):
        operator.execute("ALTER TABLE delegate.claims SET UNLOGGED")
        operator.execute("GRANT INSERT ON delegate.pools TO PUBLIC")
        found = {each.what: each.detail for each in running.state.check() if not each.ok}
        while "answers" in found:  # the table was written anew: another memory
            found = {each.what: each.detail for each in running.state.check() if not each.ok}
        assert "claims" in found["tables"]
        assert "pools" in found["privileges"]
        with servers.postgres_standby(server):
            assert "synchronous_standby_names" in {each.what for each in running.state.check() if not each.ok}


# Redis.


@contextlib.contextmanager
def redis_(*options: str, clock_ahead_s: int | None = None) -> Iterator[tuple[servers.RedisServer, Any, Running]]:
    """A server, a connection of the operator's, and a verifier."""
    started = servers.redis_server(options=options, clock_ahead_s=clock_ahead_s)
    with started as server, redis.Redis.from_url(server.url) as operator:
        running = Running(server.url)
        with running.state:
            yield server, operator, running


@case
def redis_restart_from_an_older_snapshot() -> None:
    """As many additions since as before it, of other lists; and proofs that it does not know."""
    with redis_() as (server, operator, running):
        operator.save()
        late = running.proof()
        assert claimed(running.state, late)
        running.used.append(late)
        revoke(running.state, 1)
        running.warm()
        time.sleep(1.1)
        server.kill()
        server.start()
        with connect(server.url, deadline=_PATIENT_S) as other:
            revoke(other, 2)
        assert running.judge() == {SUBJECTS[0], SUBJECTS[2]}


@case
def redis_emptied() -> None:
    """All of it, or one of its keys, by whatever makes room."""
    names = ("clock", "claims", "pools", "records", "feeds", "news", "pools:until")
    for name in ("", *names):
        with redis_() as (_, operator, running):
            time.sleep(1.1)
            if name:
                operator.delete(f"delegate:{name}")
            else:
                operator.flushall()
            assert running.judge() == (set() if name in {"", "records"} else {SUBJECTS[0]}), name


@case
def redis_failover_to_one_that_lags() -> None:
    """The proof and the revocation that it lacks were made while it heard nothing. A replica is no memory."""
    with redis_() as (server, _, running), servers.redis_server() as other:
        replica: Any
        with redis.Redis.from_url(other.url) as replica:
            replica.execute_command("REPLICAOF", "127.0.0.1", "1")
            refused(lambda: connect(other.url, deadline=_PATIENT_S), "follows another", "read only", "READONLY")
            _copy(server, other)
            replica.execute_command("REPLICAOF", "NO", "ONE")
        late = running.proof()
        assert claimed(running.state, late)
        running.used.append(late)
        revoke(running.state, 1)
        time.sleep(1.1)
        with connect(other.url, deadline=_PATIENT_S) as moved:
            assert {each.subject for each in moved.revocations.look_up(SUBJECTS, [SIGNER])} == {SUBJECTS[0]}
            assert not any(claimed(moved, each) for each in running.used)


def _copy(server: servers.RedisServer, other: servers.RedisServer) -> None:
    """Give one server the data of another: a snapshot, and a start."""
    with redis.Redis.from_url(server.url) as client:
        client.save()
    other.kill()
    (other.folder / "dump.rdb").write_bytes((server.folder / "dump.rdb").read_bytes())
    other.start()


@case
def redis_half_an_addition() -> None:
    """The news may not be sent: nothing is added, however often it is tried, and a later addition is heard of."""
    with redis_() as (server, operator, running):
        operator.execute_command("ACL", "SETUSER", "few", "on", ">x", "~delegate:*", "+@all")
        url = f"unix://few:x@{server.socket}"
        with connect(url, deadline=_PATIENT_S) as few:
            operator.execute_command(
                "ACL",
                "SETUSER",
                "few",
                "resetkeys",
                *(f"~delegate:{name}" for name in ("clock", "claims", "pools*", "records*", "feeds", "charge:*")),
            )
            for _ in range(3):
                refused(lambda: revoke(few, 1), "permission", "NOPERM", "access")
                assert running.judge(goes_on=False) == {SUBJECTS[0]}
            operator.execute_command("ACL", "SETUSER", "few", "~delegate:news")
            revoke(few, 1)
            assert running.judge() == {SUBJECTS[0], SUBJECTS[1]}


@case
def redis_clock_that_jumps() -> None:
    """Ahead for a moment and back, whether or not anybody asks in that moment."""
    for asks in (False, True):
        with redis_("--hz", "100", clock_ahead_s=0) as (server, _, running):
            now = int(time.time())
            block = Record(SUBJECTS[3], SIGNER, False, 0, now + 600)
            add(running.state, block)
            short = Claim(os.urandom(32), now, now + 2)
            assert claimed(running.state, short)
            for ahead in (200, 3 * 86_400, 400 * 86_400):
                (server.folder / "clock").write_text(str(ahead))
                time.sleep(0.3)
                if asks:
                    claimed(running.state, running.proof())
                    with contextlib.suppress(StateError):
                        revoke(running.state, 2)
                (server.folder / "clock").write_text("0")
                for each in (*running.used, short):
                    assert not claimed(running.state, each), "a used proof was taken again"
                assert running.state.ledger.spent([POOL]) in ({(POOL, "calls"): 1}, {})
                pool = [Charge(POOL, "calls", 5, 5, now + 900)]
                with contextlib.suppress(StateError):
                    found = running.state.revocations.look_up([SUBJECTS[3]], [SIGNER], now=int(time.time()))
                    assert list(found) == [block], "a record is gone"
                with contextlib.suppress(StateError, VerificationError):
                    outcome = running.state.ledger.charge([running.proof()], pool, now=now)
                    assert outcome == Refused(0, 4), "the pool was filled again"


@case
def redis_boot_with_a_clock_ahead() -> None:
    """Three days, until it is set; the operator is told."""
    with redis_("--hz", "100", "--appendonly", "yes", clock_ahead_s=0) as (server, _, running):
        server.stop()
        (server.folder / "clock").write_text(str(3 * 86_400))
        server.start()
        with connect(server.url, deadline=_PATIENT_S) as other:
            assert {"clock"} <= {each.what for each in other.check() if not each.ok}
            assert not any(claimed(other, each) for each in running.used)
        (server.folder / "clock").write_text("0")
        running.judge(goes_on=False)
        assert "beginning" in {each.what for each in running.state.check() if not each.ok}


@case
def redis_urls_and_users() -> None:
    """What a URL would change, and a user who may not do what is needed, found when the store is opened."""
    with redis_() as (server, operator, _):
        for option in ("decode_responses=true", "protocol=3", "retry_on_timeout=true", "encoding=latin-1"):
            running = Running(f"{server.url}?{option}")
            with running.state:
                running.judge()
                assert running.state.ledger.spent([POOL])[POOL, "calls"] >= 1
        for command in ("time", "info", "zadd", "xadd", "hset", "evalsha", "expireat"):
            operator.execute_command("ACL", "SETUSER", "few", "reset", "on", ">word", "~*", "+@all", f"-{command}")
            refused(lambda: connect(f"unix://few:word@{server.socket}", deadline=_PATIENT_S), command, command.upper())
    with servers.redis_server(options=("--cluster-enabled", "yes")) as cluster:
        refused(lambda: connect(cluster.url, deadline=_PATIENT_S), "Redis Cluster")


# Running them.


def run(name: str) -> str:
    """Run a case; give what is wrong, nothing where nothing is."""
    try:
        CASES[name]()
    except (Exception, pytest.skip.Exception):  # noqa: BLE001 - whatever it is; a program that is missing too
        return traceback.format_exc()
    return ""


def main(arguments: list[str]) -> int:
    """Run the cases and print what came of each; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="those with this in their name")
    given = parser.parse_args(arguments)
    faults = 0
    for name in sorted(name for name in CASES if given.only in name):
        began = time.monotonic()
        fault = run(name)
        faults += bool(fault)
        print(f"{'FAULT' if fault else 'ok':<6} {name}  {time.monotonic() - began:.1f} s", flush=True)
        print(fault, file=sys.stderr, end="", flush=True)
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
