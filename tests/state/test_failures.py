"""A store that is down, slow, full, damaged or not ours refuses: no allowance, no other error, no hang."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from delegate import Reason, StateError, VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Refused, State, connect, sqlite_schema
from delegate.state.sqlite import SqliteStore
from tests import servers

NOW = int(time.time()) + 5
# When what is claimed and charged here lapses: long after the slowest run of all the tests.
CLAIMED = NOW + 7_200
CHARGED = NOW + 9_000
ISSUED = NOW + 3_600  # of proofs: after any store here began to remember
POOL = Charge(b"b" * 32, "calls", 1, 1_000, CHARGED)
SIGNER = b"s" * 32
FEED = Feed(SIGNER, 1, NOW, NOW + 9_000)


def claim(number: int) -> Claim:
    """A proof by number."""
    return Claim(number.to_bytes(32), ISSUED, CLAIMED)


def revoked(number: int) -> Record:
    """A revoked key by number."""
    return Record(number.to_bytes(32), SIGNER, True, 0, TIME_MAX)


def afterwards(operation: Callable[[], object]) -> object:
    """Ask again where the store has noticed that something happened to it."""
    try:
        return operation()
    except StateError:
        return operation()


def operations(state: State) -> list[Callable[[], object]]:
    """Everything that a store can be asked, with ids that were not used."""
    fresh = int.from_bytes(os.urandom(8))
    return [
        lambda: state.replay.claim([claim(fresh)], now=NOW),
        lambda: state.ledger.charge([claim(fresh + 1)], [POOL], now=NOW),
        lambda: state.ledger.settle(b"c" * 32, {"calls": 0}, now=NOW),
        lambda: state.ledger.spent([POOL.block_id]),
        lambda: state.revocations.add(FEED, [revoked(fresh)], now=NOW),
        lambda: state.revocations.look_up([fresh.to_bytes(32)]),
    ]


def refuses(operation: Callable[[], object]) -> StateError:
    """Check that it is refused for the store's sake; give how."""
    with pytest.raises(StateError) as caught:
        operation()
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    assert "\n" not in caught.value.detail
    return caught.value


# SQLite.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a state file is to be."""
    return tmp_path / "state.db"


def opened(path: Path, *, deadline: float = 5.0) -> State:
    """Open a state file."""
    return connect(f"sqlite:///{path}", deadline=deadline)


def test_a_file_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    """A database of another program, one of a later version, and a text."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (x)")
        other.commit()
    before = path.read_bytes()
    assert "something else" in refuses(lambda: opened(path)).detail
    assert path.read_bytes() == before
    path.unlink()
    opened(path).close()
    with contextlib.closing(sqlite3.connect(path)) as later:
        later.execute(f"PRAGMA user_version = {sqlite_schema.VERSION + 1}")
    assert f"version {sqlite_schema.VERSION + 1}" in refuses(lambda: opened(path)).detail
    for side in (path, *path.parent.glob("state.db-*")):
        side.unlink()
    path.write_text("not a database, and long enough to be taken for one" * 100)
    refuses(lambda: opened(path))


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """No such folder; a folder in its place. Why is told in words, without a program's names for it."""
    missing = refuses(lambda: opened(tmp_path / "none" / "state.db"))
    assert missing.detail == "the state file: no such file or directory"
    assert refuses(lambda: opened(tmp_path)).detail == "the state file: is a directory"


def test_a_file_is_its_owners_alone(path: Path) -> None:
    """And so is what SQLite keeps beside it."""
    with opened(path) as state:
        state.replay.claim([claim(1)], now=NOW)
        assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
        assert all(finding.ok for finding in state.check())
        path.chmod(0o644)  # others may read it
        assert [finding.what for finding in state.check() if not finding.ok] == ["mode"]


def test_a_damaged_file_refuses(path: Path) -> None:
    """Every page after the first is noise: whatever is asked is refused, and `check` says it."""
    with opened(path) as state:
        state.revocations.add(FEED, [revoked(number) for number in range(3_000)], now=NOW)
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with contextlib.suppress(StateError), opened(path) as state:
        for operation in operations(state):
            refuses(operation)
        assert not all(finding.ok for finding in state.check())


def test_rows_that_are_not_as_they_were_written_refuse(path: Path) -> None:
    """A counter is gone, a text is no text: no error of another kind comes out."""
    with opened(path) as state:
        state.revocations.add(FEED, [revoked(1)], now=NOW)
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE records SET why = x'ff'")
            other.commit()
        refuses(lambda: state.revocations.look_up([(1).to_bytes(32)]))
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("DELETE FROM counters")
            other.commit()
        refuses(lambda: state.replay.claim([claim(1)], now=NOW))
        refuses(lambda: state.revocations.look_up([(1).to_bytes(32)]))


def test_a_file_that_another_process_locks_refuses_changes_and_still_answers(path: Path) -> None:
    """Somebody holds the write lock for longer than the deadline; nothing is half done."""
    with opened(path, deadline=0.05) as state, contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "busy for 50 ms" in refuses(lambda: state.ledger.charge([claim(1)], [POOL], now=NOW)).detail
        assert list(state.revocations.look_up([b"x" * 32])) == []
        other.execute("ROLLBACK")
        assert state.ledger.charge([claim(1)], [POOL], now=NOW) is True


def test_threads_wait_for_one_another_no_longer_than_the_deadline(path: Path) -> None:
    """One thread is in the middle of a change and does not come back from it."""
    store = SqliteStore(path, deadline=0.05)
    with store._file.transaction(durable=False):
        error: list[StateError] = []
        thread = threading.Thread(target=lambda: error.append(refuses(lambda: store.claim([claim(1)], now=NOW))))
        thread.start()
        thread.join()
    assert "busy" in error[0].detail
    assert store.claim([claim(1)], now=NOW) is True
    store.close()


def test_a_full_disk_refuses_and_charges_nothing(path: Path) -> None:
    """The file may not grow any more: claims that find no room are refused, and what was there still holds."""
    with opened(path) as state:
        assert isinstance(state.ledger, SqliteStore)
        assert state.ledger.charge([claim(0)], [POOL], now=NOW) is True
        writer = state.ledger._file._mine().writer
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        numbers = iter(range(1, 10_000))

        def charge_on() -> None:
            for number in numbers:
                unit = Charge(POOL.block_id, f"unit {number}", 1, 1, CHARGED)
                assert state.ledger.charge([claim(number)], [POOL, unit], now=NOW) is True

        assert "full" in refuses(charge_on).detail
        assert state.ledger.spent([POOL.block_id])[POOL.block_id, "calls"] == next(numbers) - 1
        assert state.ledger.charge([claim(0)], [POOL], now=NOW) == Refused(0)


def replace_by_copy(path: Path) -> None:
    """As from a backup: the same bytes, and another file."""
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "replaced by a copy": replace_by_copy,
    "moved": lambda path: path.rename(path.with_name("elsewhere")),
    "moved, and linked to": lambda path: path.symlink_to(path.rename(path.with_name("elsewhere"))),
    "without its log": lambda path: path.with_name("state.db-wal").unlink(),
    "with another log": lambda path: replace_by_copy(path.with_name("state.db-wal")),
    "in a folder that was moved": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_is_no_longer_what_was_opened_is_refused(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Other processes would remember elsewhere: nothing is asked of it any more, and nothing is made in its place."""
    path = tmp_path / "folder" / "state.db"
    path.parent.mkdir()
    with opened(path) as state:
        for operation in operations(state):
            operation()
        change(path)
        before = sorted(tmp_path.rglob("*"))
        for operation in operations(state):
            refuses(operation)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("change", ["removed", "replaced by a copy", "moved", "made anew", "emptied"])
def test_a_file_that_is_opened_again_is_the_same_one(path: Path, change: str) -> None:
    """A state that was closed is used again: its answers of before are none about another file, and it makes none."""
    state = opened(path)
    state.revocations.add(FEED, [revoked(1)], now=NOW)
    assert len(state.revocations.look_up([(1).to_bytes(32)])) == 1
    state.close()
    assert list(state.revocations.look_up([(1).to_bytes(32)])) == [revoked(1)]  # the same one: it goes on
    state.close()
    if change == "made anew":
        path.unlink()
        opened(path).close()
    elif change == "emptied":
        path.write_bytes(b"")
    else:
        CHANGES[change](path)
    before = {each: each.stat().st_size for each in path.parent.iterdir()}
    for operation in operations(state):
        refuses(operation)
    assert {each: each.stat().st_size for each in path.parent.iterdir()} == before
    state.close()


def test_a_relative_path_is_made_absolute_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that goes elsewhere, and its children, go on with the file that was opened."""
    other = path.parent / "other"
    other.mkdir()
    monkeypatch.chdir(path.parent)
    state = connect("sqlite:///state.db", deadline=5)
    state.revocations.add(FEED, [revoked(1)], now=NOW)
    monkeypatch.chdir(other)
    for _ in range(2):
        assert list(state.revocations.look_up([(1).to_bytes(32)])) == [revoked(1)]
        state.close()
    assert list(other.iterdir()) == []


def test_two_copies_of_a_file_have_no_version_in_common(path: Path) -> None:
    """One goes on from each: as often changed as the other, and with other revocations in it."""
    with opened(path) as state:
        state.revocations.add(FEED, [], now=NOW)
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    found = []
    for each in (path, copy):
        with opened(each) as state:
            state.revocations.add(FEED, [revoked(1)], now=NOW)
        with contextlib.closing(sqlite3.connect(each)) as look:
            found.append(look.execute("SELECT value FROM counters WHERE name = 'revocations'").fetchone()[0])
            found.append(look.execute("SELECT id FROM identity").fetchone()[0])
    assert found[0] != found[2]
    assert found[1] == found[3]
    assert len(found[1]) == 16


def linked(path: Path) -> None:
    """A link to where nothing is."""
    path.symlink_to(path.with_name("target"))


def linked_to_state(path: Path) -> None:
    """A link to a good one."""
    opened(path.with_name("target.db")).close()
    path.symlink_to("target.db")


def open_to_others(path: Path) -> None:
    """Whoever likes may write it."""
    opened(path).close()
    path.chmod(0o666)


def open_to_a_group(path: Path) -> None:
    """Or some others."""
    opened(path).close()
    path.chmod(0o620)


def log_open_to_others(path: Path) -> None:
    """What is committed stands in it."""
    opened(path).close()
    path.with_name("state.db-wal").touch()
    path.with_name("state.db-wal").chmod(0o666)


def index_linked(path: Path) -> None:
    """What SQLite writes beside it would go elsewhere."""
    opened(path).close()
    path.with_name("state.db-shm").symlink_to(path.with_name("target"))


UNSAFE = [linked, linked_to_state, open_to_others, open_to_a_group, log_open_to_others, index_linked, os.mkfifo]


@pytest.mark.parametrize("prepare", UNSAFE, ids=lambda each: each.__name__)
def test_a_file_that_others_may_change_is_refused(path: Path, prepare: Callable[[Path], object]) -> None:
    """By what it is or what it leads to; nothing is made, and nothing of it changed."""
    prepare(path)
    before = {each: each.lstat().st_mode for each in path.parent.iterdir()}
    said = refuses(lambda: opened(path)).detail
    assert "symbolic link" in said or "others may write it, mode 6" in said or "not a file" in said
    assert {each: each.lstat().st_mode for each in path.parent.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Who may write it whenever he likes."""
    opened(path).close()
    os.chown(path, 65534, 65534)
    assert "another user" in refuses(lambda: opened(path)).detail


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_file_that_may_not_be_written_is_refused() -> None:
    """Somebody else's file: readable, and no place to remember anything."""
    folder = Path(tempfile.mkdtemp())
    try:
        opened(folder / "state.db").close()
        folder.chmod(0o755)
        (folder / "state.db").chmod(0o644)
        os.seteuid(65534)
        try:
            refuses(lambda: opened(folder / "state.db"))
            refuses(lambda: opened(folder / "new.db"))
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(folder)


# Servers.


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A server that a test may do anything to."""
    if request.param == "redis":
        with servers.redis_server(durable=True) as one:
            yield one
    else:
        with servers.postgres_server() as other:
            yield other


def again(state: State, number: int) -> None:
    """Claim one until the server is there again; at most once is it claimed."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(StateError):
            outcome = state.replay.claim([claim(number)], now=NOW)
            assert outcome in {True, Refused(0)}
            return
    pytest.fail("it does not answer again")


def test_a_server_that_stops_answering_refuses_until_it_goes_on(server: servers.Server) -> None:
    """It hangs with its connections open. Afterwards answers belong to what was asked: none is a late one."""
    with connect(server.url, deadline=2) as warm:
        assert warm.replay.claim([claim(0)], now=NOW) is True
    with connect(server.url, deadline=0.1) as state:
        assert state.ledger.charge([claim(1)], [POOL], now=NOW) is True
        server.freeze()
        try:
            for operation in operations(state):
                refuses(operation)
            threads = [threading.Thread(target=lambda: refuses(operations(state)[0])) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            refuses(lambda: connect(server.url, deadline=0.1))
        finally:
            server.thaw()
        again(state, 2)
    with connect(server.url, deadline=10) as state:
        state.revocations.add(FEED, [revoked(7)], now=NOW)
        for _ in range(20):
            assert state.replay.claim([claim(1)], now=NOW) == Refused(0)
            assert list(state.revocations.look_up([(7).to_bytes(32)])) == [revoked(7)]
            assert state.ledger.spent([POOL.block_id])[POOL.block_id, "calls"] in {1, 2}


def test_a_server_that_was_killed_refuses_until_it_is_back(server: servers.Server) -> None:
    """No connection is left over that fails the first request after its return; nothing accepted is lost."""
    with connect(server.url, deadline=5) as state:
        assert state.replay.claim([claim(1)], now=NOW) is True
        assert state.ledger.charge([claim(2)], [POOL], now=NOW) is True
        state.revocations.add(FEED, [revoked(3)], now=NOW)
        assert list(state.revocations.look_up([(3).to_bytes(32)])) == [revoked(3)]
        server.kill()
        for operation in operations(state)[:5]:
            refuses(operation)
        assert [finding.ok for finding in state.check()] == [False]
        server.start()
        again(state, 4)
        assert state.replay.claim([claim(1)], now=NOW) == Refused(0)
        assert state.ledger.spent([POOL.block_id]) == {(POOL.block_id, "calls"): 1}
        assert list(state.revocations.look_up([(3).to_bytes(32)])) == [revoked(3)]


def test_a_feed_that_died_hides_nothing(server: servers.Server) -> None:
    """The listener's connection is cut: what another verifier adds right then is found all the same."""
    with connect(server.url, deadline=10) as state, connect(server.url, deadline=10) as other:
        subjects = [number.to_bytes(32) for number in range(5)]
        for number in range(5):
            end = time.monotonic() + 1
            while not listening(server) and time.monotonic() < end:
                list(state.revocations.look_up(subjects))
            cut(server)
            end = time.monotonic() + 20
            while time.monotonic() < end:
                with contextlib.suppress(StateError):  # its own connection is among those that are being cut
                    other.revocations.add(FEED, [revoked(number)], now=NOW)
                    break
            end = time.monotonic() + 20
            found: list[Record] = []
            while found != [revoked(number)]:
                assert time.monotonic() < end, "it is never found"
                with contextlib.suppress(StateError):
                    found = list(state.revocations.look_up(subjects[number : number + 1]))


def listening(server: servers.Server) -> bool:
    """Whether somebody listens to the feed."""
    if isinstance(server, servers.RedisServer):
        with redis.Redis.from_url(server.url) as client:
            return any("xread" in each["cmd"] for each in client.client_list())
    with psycopg.connect(server.url, autocommit=True) as link:
        found = link.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%revocations%' AND pid <> pg_backend_pid()"
        )
        return found.fetchone() is not None


def cut(server: servers.Server) -> None:
    """Cut every connection but one's own."""
    if isinstance(server, servers.RedisServer):
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    else:
        with psycopg.connect(server.url, autocommit=True) as link:
            link.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )


# Whoever is at the other end.


@contextlib.contextmanager
def listener(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Something on a loopback port that is no server of ours."""
    with socket.socket() as listening_:
        listening_.bind(("127.0.0.1", 0))
        listening_.listen(50)
        stop = threading.Event()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    serve(listening_.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listening_.getsockname()[1]
        finally:
            stop.set()
            listening_.shutdown(socket.SHUT_RDWR)
            thread.join()


def trickle(connection: socket.socket) -> None:
    """Send a byte now and then, for as long as the other end likes it."""

    def send() -> None:
        with contextlib.suppress(OSError), connection:
            for _ in range(100):
                connection.sendall(b"+")
                time.sleep(0.03)

    threading.Thread(target=send, daemon=True).start()


KEPT: list[socket.socket] = []
SERVED = {"silent": KEPT.append, "trickling": trickle, "closing": socket.socket.close}


@pytest.mark.parametrize("serve", SERVED.values(), ids=SERVED)
@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_what_is_no_server_refuses(scheme: str, serve: Callable[[socket.socket], object]) -> None:
    """It takes connections and says nothing, or never comes to an end, or hangs up."""
    with listener(serve) as port:
        refuses(lambda: connect(f"{scheme}://127.0.0.1:{port}/0", deadline=0.1))
    while KEPT:
        KEPT.pop().close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@127.0.0.1:1/0",
        "redis://user:hunter2@host.invalid:1/0",
        "unix:///nowhere/redis.sock?password=hunter2",
        "postgresql://u:hunter2@127.0.0.1:1/x",
        "postgresql://u:hunter2@host.invalid/x",
        "postgresql://u@/x?host=/nowhere&password=hunter2",
    ],
)
def test_a_server_that_is_not_there_refuses(url: str) -> None:
    """And the refusal shows no password."""
    assert "hunter2" not in str(refuses(lambda: connect(url, deadline=0.5)))


def test_a_wrong_password_refuses_and_is_not_shown() -> None:
    """At Redis, and at PostgreSQL for a role that needs one."""
    with servers.redis_server(password="right") as server:
        wrong = refuses(lambda: connect(f"unix://:hunter2@{server.socket}", deadline=5))
        assert "hunter2" not in str(wrong)
        connect(f"unix://:right@{server.socket}", deadline=5).close()
    with servers.postgres_server() as other:
        with psycopg.connect(other.url, autocommit=True) as link:
            link.execute("CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'right'")
        access = other.folder / "data" / "pg_hba.conf"
        access.write_text("local all locked scram-sha-256\nlocal all all trust\n")
        other.stop()
        other.start()
        place = f"/postgres?host={other.folder}"
        wrong = refuses(lambda: connect(f"postgresql://locked:hunter2@{place}", deadline=5))
        assert "hunter2" not in str(wrong)
        connect(f"postgresql://locked:right@{place}", deadline=5).close()


# Redis.


@pytest.fixture
def own_redis() -> Iterator[servers.RedisServer]:
    """A Redis that a test may set up as it likes."""
    with servers.redis_server() as one:
        yield one


@pytest.mark.parametrize("query", ["", "?protocol=3&decode_responses=true&max_connections=9"], ids=["plain", "options"])
def test_redis_is_reached_over_tcp(query: str) -> None:
    """As most services reach it, whatever the URL says of how answers are read."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1")
    url = f"redis://127.0.0.1:{port}{query}"
    with servers.redis_server(options=options), connect(url, deadline=5) as state:
        assert state.replay.claim([claim(1)], now=NOW) is True
        assert state.replay.claim([claim(1)], now=NOW) == Refused(0)


def test_a_redis_without_memory_refuses_and_charges_nothing(own_redis: servers.RedisServer) -> None:
    """It may keep no more: what needs no room still works, and a refused charge left no trace."""
    with connect(own_redis.url, deadline=5) as state, redis.Redis.from_url(own_redis.url) as client:
        assert state.ledger.charge([claim(1)], [POOL], now=NOW) is True
        client.config_set("maxmemory", 1)
        assert "maxmemory" in refuses(lambda: state.ledger.charge([claim(2)], [POOL], now=NOW)).detail
        client.config_set("maxmemory", 0)
        assert state.ledger.spent([POOL.block_id]) == {(POOL.block_id, "calls"): 1}
        assert state.ledger.charge([claim(2)], [POOL], now=NOW) is True


def test_a_redis_that_only_follows_refuses(own_redis: servers.RedisServer) -> None:
    """A replica takes no claims; nor does a primary that has lost the replicas it must have."""
    with connect(own_redis.url, deadline=5) as state, redis.Redis.from_url(own_redis.url) as client:
        client.config_set("min-replicas-to-write", 1)
        assert "NOREPLICAS" in str(refuses(lambda: state.replay.claim([claim(1)], now=NOW))).upper()
        refuses(lambda: state.revocations.look_up([b"x" * 32]))  # it may have been cut off
        client.config_set("min-replicas-to-write", 0)
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        refuses(lambda: state.replay.claim([claim(1)], now=NOW))
        refuses(lambda: state.revocations.look_up([b"x" * 32]))
        refuses(lambda: connect(own_redis.url, deadline=5))
        assert {"memory", "role"} <= {finding.what for finding in state.check() if not finding.ok}
        client.execute_command("REPLICAOF", "NO", "ONE")
        assert state.replay.claim([claim(1)], now=NOW) is True


def test_a_redis_that_lost_its_memory_takes_no_older_proof(own_redis: servers.RedisServer) -> None:
    """What was used before may be used nowhere: the memory begins again, and says so of what came before."""
    with connect(own_redis.url, deadline=5) as state, redis.Redis.from_url(own_redis.url) as client:
        begun = int(client.time()[0])
        old = Claim(b"o" * 32, begun - 30, begun + 60)
        with pytest.raises(VerificationError) as caught:
            state.replay.claim([old], now=begun)
        assert caught.value.reason is Reason.PROOF_EXPIRED
        new = Claim(b"n" * 32, begun, begun + 90)
        client.hset("delegate:clock", mapping={"since": begun - 60})
        assert state.replay.claim([new, old], now=begun) is True
        client.flushall()
        for each in (old, Claim(b"p" * 32, begun - 1, begun + 60)):
            with pytest.raises(VerificationError):
                state.replay.claim([each], now=begun)
            with pytest.raises(VerificationError):
                state.ledger.charge([each], [POOL], now=begun)


def test_redis_forgets_a_little_at_each_call(own_redis: servers.RedisServer) -> None:
    """What is over goes, a pool with all its units, and what was forgotten is refused whatever the clock says.

    Nothing of it lapses by the server's own clock, but for what only gives back.
    """
    with connect(own_redis.url, deadline=5) as state, redis.Redis.from_url(own_redis.url) as client:
        block = Record(b"x" * 32, SIGNER, False, 0, NOW + 500)
        assert state.ledger.charge([claim(1)], [POOL, POOL._replace(unit="other")], now=NOW) is True
        assert state.ledger.charge([claim(2)], [POOL._replace(until=CHARGED + 1_800)], now=NOW) is True
        state.revocations.add(FEED, [revoked(1), block, block._replace(subject=(1).to_bytes(32))], now=NOW)
        lasting = {key for key in client.scan_iter() if client.ttl(key) != -1}
        assert lasting == {b"delegate:charge:" + claim(number).id for number in (1, 2)}
        assert abs(client.ttl(b"delegate:charge:" + claim(1).id) + int(client.time()[0]) - CHARGED - 86_400) < 5
        assert client.zscore("delegate:pools:until", POOL.block_id) == CHARGED + 1_800
        old = {(1_000 + number).to_bytes(32): 1_000 + number for number in range(6)}
        client.zadd("delegate:claims", old)
        client.zadd("delegate:pools:until", {POOL.block_id: 2_000})
        assert state.replay.claim([claim(3)], now=NOW) is True
        assert client.zcard("delegate:claims") == 1 + 3 + 2
        assert client.hget("delegate:clock", "claims") == b"1003"
        assert state.ledger.charge([claim(4)], [POOL], now=NOW) is True
        assert state.ledger.spent([POOL.block_id]) == {(POOL.block_id, "calls"): 1}  # it was forgotten, and began anew
        assert client.hget("delegate:clock", "pools") == b"2000"
        client.hset("delegate:clock", mapping={"claims": CLAIMED})
        with pytest.raises(VerificationError) as caught:
            state.replay.claim([claim(5)], now=NOW)
        assert caught.value.reason is Reason.PROOF_EXPIRED
        client.hset("delegate:clock", mapping={"claims": CLAIMED - 1, "pools": CHARGED})
        assert state.replay.claim([claim(5)], now=NOW) is True
        refuses(lambda: state.ledger.charge([claim(6)], [POOL], now=NOW))
        with pytest.raises(VerificationError):
            state.replay.claim([claim(7)._replace(until=NOW - 100)], now=NOW - 200)
        refuses(lambda: state.ledger.charge([claim(8)], [POOL._replace(until=NOW - 90_000)], now=NOW))


def test_a_redis_that_does_not_show_its_settings_is_said_to(own_redis: servers.RedisServer) -> None:
    """A managed service may forbid `CONFIG`; and settings that lose data are named with what they lose."""
    with connect(own_redis.url, deadline=5) as state, redis.Redis.from_url(own_redis.url) as client:
        assert [finding.what for finding in state.check() if not finding.ok] == ["appendonly"]
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "yes")
        client.config_set("appendfsync", "no")
        assert [finding.what for finding in state.check() if not finding.ok] == ["appendfsync", "maxmemory-policy"]
        client.execute_command("ACL", "SETUSER", "default", "-config")
        assert "cannot be read" in state.check()[-1].detail
    own_redis.kill()
    assert [finding.ok for finding in state.check()] == [False]


# PostgreSQL.


def test_tables_of_a_later_version_are_refused(postgres_running: servers.PostgresServer) -> None:
    """They are left as they are."""
    with psycopg.connect(postgres_running.url, autocommit=True) as link:
        link.execute("SET client_min_messages = warning")
        link.execute("DROP SCHEMA IF EXISTS delegate CASCADE")
        connect(postgres_running.url, deadline=10).close()
        link.execute("UPDATE delegate.counters SET value = 99 WHERE name = 'schema'")
        assert "version 99" in refuses(lambda: connect(postgres_running.url, deadline=10)).detail
        link.execute("DROP SCHEMA delegate CASCADE")


def test_tables_that_were_lost_take_no_older_proof(postgres_running: servers.PostgresServer) -> None:
    """A verifier that was connected all the while is told too, as soon as they have a beginning."""
    with psycopg.connect(postgres_running.url, autocommit=True) as link:
        link.execute("SET client_min_messages = warning")
        link.execute("DROP SCHEMA IF EXISTS delegate CASCADE")
        with connect(postgres_running.url, deadline=10) as state:
            used = Claim(b"u" * 32, NOW - 3_600, CLAIMED)
            link.execute("UPDATE delegate.counters SET value = 0 WHERE name = 'since'")
            assert state.replay.claim([used], now=NOW) is True
            link.execute("DROP SCHEMA delegate CASCADE")
            connect(postgres_running.url, deadline=10).close()
            with pytest.raises(VerificationError, match="before this store began"):
                afterwards(lambda: state.replay.claim([used], now=NOW))
            assert link.execute("SELECT count(*) FROM delegate.claims").fetchone() == (0,)
        link.execute("DROP SCHEMA delegate CASCADE")


def test_a_locked_pool_refuses_after_the_deadline(postgres_running: servers.PostgresServer) -> None:
    """Somebody holds the row; the server gives up as well, and charges nothing afterwards."""
    with connect(postgres_running.url, deadline=10) as ready:
        ready.ledger.charge([claim(50)], [POOL], now=NOW)
    with connect(postgres_running.url, deadline=1) as state, psycopg.connect(postgres_running.url) as link:
        link.execute("SELECT 1 FROM delegate.pools FOR UPDATE")
        refuses(lambda: state.ledger.charge([claim(51)], [POOL], now=NOW))
        with psycopg.connect(postgres_running.url, autocommit=True) as beside:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while beside.execute(waiting).fetchone() != (0,):  # on a busy machine the server's clock comes later
                time.sleep(0.05)
        link.rollback()
    with connect(postgres_running.url, deadline=10) as state:
        assert state.ledger.charge([claim(51)], [POOL], now=NOW) is True


def test_postgres_forgets_a_little_at_each_call(postgres_running: servers.PostgresServer) -> None:
    """What has lapsed goes, and what was forgotten is refused whatever the clock says."""
    with psycopg.connect(postgres_running.url, autocommit=True) as link:
        with connect(postgres_running.url, deadline=10) as state:
            for table in ("claims", "pools", "charges"):
                link.execute(f"DELETE FROM delegate.{table}".encode())  # noqa: S608 - ours
            link.execute(
                "INSERT INTO delegate.claims SELECT sha256(n::text::bytea), 1000 + n, n FROM generate_series(1, 6) n"
            )
            link.execute("INSERT INTO delegate.pools VALUES ('old', 'calls', 5, 2000)")
            link.execute("INSERT INTO delegate.charges VALUES ('old', 'old', 'calls', 5, 2000)")
            assert state.ledger.charge([claim(60)], [POOL], now=NOW) is True
            assert state.ledger.charge([claim(61)], [POOL], now=NOW) is True
            row = link.execute(
                "SELECT (SELECT count(*) FROM delegate.claims), (SELECT count(*) FROM delegate.pools),"
                " (SELECT count(*) FROM delegate.charges)"
            ).fetchone()
            assert row == (2, 1, 2)
            link.execute("UPDATE delegate.counters SET value = %s WHERE name = 'claims'", (CLAIMED + 1_000,))
            with pytest.raises(VerificationError) as caught:
                state.replay.claim([claim(62)], now=NOW)
            assert caught.value.reason is Reason.PROOF_EXPIRED
            with pytest.raises(VerificationError):
                state.replay.claim([Claim(b"v" * 32, 1, NOW - 100)], now=NOW - 200)
            link.execute("UPDATE delegate.counters SET value = -1 WHERE name = 'claims'")
            with pytest.raises(VerificationError):
                state.replay.claim([Claim(b"v" * 32, 1, NOW - 100)], now=NOW - 200)
            link.execute("UPDATE delegate.counters SET value = %s WHERE name = 'pools'", (CHARGED + 1_000,))
            refuses(lambda: state.ledger.charge([claim(63)], [POOL], now=NOW))
        link.execute("DROP SCHEMA delegate CASCADE")


def test_settings_of_postgres_that_lose_data_are_named(postgres_running: servers.PostgresServer) -> None:
    """The server of these tests has two of them."""
    with connect(postgres_running.url, deadline=10) as state:
        assert [finding.what for finding in state.check() if not finding.ok] == ["fsync", "full_page_writes"]
