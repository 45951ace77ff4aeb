"""A log: what goes in comes out, whatever is changed is found, and what was acknowledged is there."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from delegate.audit import Log
from delegate.audit.committer import Committer, _Job, _leave
from delegate.audit.engine import Batch, Engine, Entry
from delegate.audit.memory import WitnessFile
from delegate.audit.trace import Question, trace
from delegate.audit.tree.checkpoints import Checkpoint, open_checkpoint
from delegate.audit.tree.merkle import check_consistency, leaf_hash, root_of
from delegate.audit.tree.notes import Note, NoteSigner, Use
from delegate.audit.tree.witness import Request
from delegate.audit.verifying import Report
from delegate.errors import DelegateError, Reason, StateError, VerificationError
from tests.audit.conftest import NOW, Place, event, refused

SIGNER = NoteSigner("example.com/log", Use.LOG, b"l" * 32)


def mixed(count: int) -> list:  # type: ignore[type-arg]
    """Events of which every fifth was refused."""
    return [refused(number) if number % 5 == 4 else event(number) for number in range(count)]


def test_what_goes_in_comes_out(place: Place) -> None:
    """In order, across batches of many sizes, and for whoever opens it anew."""
    log = place.open()
    events = mixed(700)
    at = 0
    for size in (1, 2, 253, 1, 300, 143):
        assert log.append(events[at : at + size]) == at
        at += size
    assert (log.size, len(log), log.kept_from) == (700, 700, 0)
    again = place.open()
    assert [each.event for each in again.events()] == events == list(again)
    assert [each.number for each in again.events(250, 260)] == list(range(250, 260))
    assert again.event(555).event == events[555]
    for number in (700, -1):
        with pytest.raises(LookupError):
            again.event(number)
    assert again.root() == root_of(leaf_hash(each.encode()) for each in events)
    assert again.id == log.id
    assert log.verify() == Report(700, 0, 0, 0, (), 0)


def test_what_nobody_waits_for_is_written_soon(place: Place) -> None:
    """And before the log is closed."""
    log = place.open()
    for number in range(300):
        log.take(event(number))
    log.flush()
    assert (log.size, log.dropped) == (300, 0)
    log.take(event(300))
    log.close()
    assert place.open().size == 301


def test_many_writers_at_once(place: Place) -> None:
    """Threads that wait, over two openings of one log: each event once, and the tree whole."""
    logs = [place.open(required=True), place.open(required=True)]
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 25):
                logs[first // 25 % 2].take(event(number))
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(each.salt for each in logs[0]) == [number.to_bytes(16) for number in range(200)]
    assert logs[1].verify().ok


def test_checkpoints_follow_each_other(place: Place) -> None:
    """Each proves the one before; signing again what did not change gives the same."""
    log = place.open()
    points = []
    for first in (0, 100, 356):
        log.append([event(number) for number in range(first, first + 50)])
        note = log.checkpoint(SIGNER)
        assert log.checkpoint(SIGNER) == note
        points.append(Checkpoint.parse(note.text))
    assert [each.size for each in points] == [50, 100, 150]
    tiles = log.tiles()
    for old, new in itertools.pairwise(points):
        check_consistency(old.size, old.root, new.size, new.root, tiles.consistency(old.size, new.size))
    assert len(log.checkpoints()) == 3
    report = log.verify(points[:2])
    assert (report.ok, report.proven, report.unproven, report.checkpoints) == (True, 100, 50, 3)
    proof = log.prove(120, log.checkpoints()[-1])
    assert proof.check(leaf_hash(log.event(120).data), [SIGNER.key]).checkpoint == points[-1]
    with pytest.raises(ValueError, match="not in a checkpoint"):
        log.prove(120, log.checkpoints()[0])


def test_dropping_keeps_what_proves_the_rest(place: Place) -> None:
    """Whole batches go; hashes stay, and so do all proofs of what is left."""
    log = place.open()
    for first in range(0, 1000, 100):
        log.append([event(number) for number in range(first, first + 100)])
    note = log.checkpoint(SIGNER)
    before = log.prove(950, note)
    assert log.drop(550) == 500
    assert (log.size, log.kept_from, len(list(log.events()))) == (1000, 500, 500)
    with pytest.raises(LookupError, match="was dropped"):
        log.event(499)
    assert log.prove(950, note) == before
    assert log.prove(3, note).hashes
    report = log.verify([Checkpoint.parse(note.text)])
    assert (report.ok, report.kept, report.proven) == (True, 500, 1000)
    log.append([event(1000)])
    assert log.verify().ok
    assert log.drop(5000) == 1001
    assert log.verify().ok


def test_dropping_frees_the_space(tmp_path: Path) -> None:
    """The file is smaller afterwards."""
    path = tmp_path / "audit.db"
    with Log(f"sqlite:///{path}", deadline=20.0) as log:
        log.append([event(number) for number in range(3000)])
        log.append([event(3000)])
        log.checkpoint(SIGNER)
    before = path.stat().st_size
    with Log(f"sqlite:///{path}", deadline=20.0) as log:
        assert log.drop(3000) == 3000
    assert path.stat().st_size < before / 2


# Whatever is changed is found.

SIZE = 200
BATCH = 7  # so that batches and tiles do not end together


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    """A log of 200, and a checkpoint of it that was kept elsewhere."""
    path = tmp_path_factory.mktemp("whole") / "audit.db"
    with Log(f"sqlite:///{path}", deadline=20.0) as log:
        events = mixed(SIZE)
        for first in range(0, SIZE, BATCH):
            log.append(events[first : first + BATCH])
        point = Checkpoint.parse(log.checkpoint(SIGNER).text)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    return path, point


def tampered(whole: tuple[Path, Checkpoint], tmp_path: Path, change: Callable[[sqlite3.Connection], object]) -> Report:
    """What reading the log comes to after a change that its operator could make."""
    path = tmp_path / "copy.db"
    path.unlink(missing_ok=True)
    path.write_bytes(whole[0].read_bytes())
    path.chmod(0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        change(connection)
    with Log(f"sqlite:///{path}", deadline=20.0) as log:
        return log.verify([whole[1]])


class Tampered:
    """An engine whose batches somebody changed; all else is as it was."""

    def __init__(self, engine: Engine, batches: list[Batch]) -> None:
        self._engine = engine
        self._batches = batches

    def batches(self, tenant: str, start: int, stop: int) -> Iterator[Batch]:
        """Give them."""
        yield from (each for each in self._batches if each.first + each.many > start and each.first < stop)

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


Records = list[tuple[int, list[bytes]]]


def change_one(records: Records, batch: int, place: int) -> None:
    """Change one bit of one record."""
    data = records[batch][1][place]
    at = (batch * BATCH + place) % len(data)
    records[batch][1][place] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def drop_one(records: Records, batch: int, place: int) -> None:
    """Leave one record out."""
    del records[batch][1][place]


def swap_with_next(records: Records, batch: int, place: int) -> None:
    """Put a record behind the next one, across batches too."""
    other = (batch, place + 1) if place + 1 < len(records[batch][1]) else ((batch + 1) % len(records), 0)
    one = records[batch][1][place]
    records[batch][1][place], records[other[0]][1][other[1]] = records[other[0]][1][other[1]], one


def insert_before(records: Records, batch: int, place: int) -> None:
    """Add a record that nobody decided."""
    records[batch][1].insert(place, event(10_000).encode())


def make_one_batch_shorter(records: Records, batch: int, place: int) -> None:
    """Move a record into the batch before, so that all are there and in order."""
    if batch:
        records[batch - 1][1].append(records[batch][1].pop(0))
    else:
        del records[batch][1][place]


TAMPERING = [change_one, drop_one, swap_with_next, insert_before, make_one_batch_shorter]


@pytest.mark.parametrize("tamper", TAMPERING)
def test_each_record_that_is_tampered_with_is_found(
    tamper: Callable[[Records, int, int], None], whole: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    """All 200, one after the other; and the first fault is where it is."""
    path = tmp_path / "copy.db"
    path.write_bytes(whole[0].read_bytes())
    path.chmod(0o600)
    with Log(f"sqlite:///{path}", deadline=20.0) as log:
        engine = log.engine
        batches = list(engine.batches("", 0, SIZE))
        for number in range(SIZE):
            batch, place = divmod(number, BATCH)
            records = [(each.first, each.entries()) for each in batches]
            tamper(records, batch, place)
            changed = [
                Batch(first, each.many, b"".join(len(data).to_bytes(2) + data for data in found))
                for each, (first, found) in zip(batches, records, strict=True)
            ]
            log._engine = Tampered(engine, changed)  # type: ignore[assignment]
            report = log.verify([whole[1]])
            assert not report.ok, number
            first = min(fault.event for fault in report.faults if fault.event is not None)
            assert number - 2 * BATCH < first <= number or (tamper is swap_with_next and first == 0), report.faults
            assert report.proven <= number
        log._engine = engine


def test_a_record_that_is_changed_in_the_file_is_found(whole: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """The same through the file itself."""
    statement = "UPDATE batches SET bodies = CAST(x'0000' || substr(bodies, 3) AS BLOB) WHERE first = 77"
    report = tampered(whole, tmp_path, lambda connection: connection.execute(statement))
    assert report.faults[0].event == 77


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM batches WHERE first = 14",
        "DELETE FROM batches WHERE first = (SELECT max(first) FROM batches)",
        "UPDATE batches SET first = first + 1000 WHERE first = 14",
        "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0",
        "UPDATE tiles SET hashes = substr(hashes, 1, 64)",
        "DELETE FROM tiles",
        "UPDATE trees SET size = 150",
        "UPDATE trees SET size = 250",
        "UPDATE trees SET kept = 14; DELETE FROM batches WHERE first < 7",
        "DELETE FROM tallies WHERE first = 14",
        "UPDATE tallies SET action = x'61' WHERE first = 14",
        "UPDATE tallies SET count = count + 1 WHERE first = 14",
        "UPDATE tallies SET until = until + 1 WHERE first = 14",
        "INSERT INTO tallies VALUES (1, 1, x'61', x'', 14, 1, 0, 0)",
        "INSERT INTO tallies VALUES (1, 1, x'61', x'', 5000, 1, 0, 0)",
        "DELETE FROM labels WHERE kind = CAST('agent' AS BLOB)",
        "UPDATE labels SET value = CAST('user:eve@example.com' AS BLOB) WHERE kind = CAST('originator' AS BLOB)",
        "INSERT INTO labels VALUES (1, CAST('agent' AS BLOB), x'61', 99)",
        "DELETE FROM routes",
        "UPDATE routes SET body = CAST(replace(CAST(body AS TEXT), 'alice', 'bobby') AS BLOB)",
        "UPDATE routes SET body = x'00'",
        "UPDATE checkpoints SET note = CAST(replace(CAST(note AS TEXT), '200', '199') AS BLOB)",
        "UPDATE checkpoints SET note = x'00'",
    ],
)
def test_tampering_beside_the_records_is_found(statement: str, whole: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """Sizes, tiles, the index that finds events, routes, checkpoints."""
    assert not tampered(whole, tmp_path, lambda connection: connection.executescript(statement)).ok


def test_nothing_is_found_where_nothing_was_changed(whole: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """So that the tests above say something."""
    report = tampered(whole, tmp_path, lambda _: None)
    assert report == Report(SIZE, 0, SIZE, 1, (), 0)


def test_a_log_written_anew_is_found_by_a_checkpoint_kept_elsewhere(
    whole: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    """Its operator has every key and changes everything at once: without the checkpoint nobody could tell."""
    events = [each._replace(allowed=True, reason=None, hop=None) for each in mixed(SIZE)]
    with Log(f"sqlite:///{tmp_path}/anew.db", deadline=20.0) as log:
        log.append(events)
        log.checkpoint(SIGNER)
        assert log.verify().ok
        assert log.verify().unproven == SIZE
        report = log.verify([whole[1]])
        assert not report.ok
        assert "not those of the checkpoint of 200" in report.faults[0].detail


def test_a_fork_shown_to_two_auditors_is_found(tmp_path: Path) -> None:
    """Each was shown a log that is whole; one checkpoint held against the other's log tells."""
    points = []
    for word in ("one", "two"):
        with Log(f"sqlite:///{tmp_path}/{word}.db", deadline=20.0) as log:
            log.append([event(number) for number in range(50)])
            log.append([event(50, action=f"files.{word}")])
            points.append(Checkpoint.parse(log.checkpoint(SIGNER).text))
            assert log.verify([points[-1]]).ok
    with Log(f"sqlite:///{tmp_path}/two.db", deadline=20.0) as log:
        assert not log.verify([points[0]]).ok
        with pytest.raises(VerificationError):
            log.prove(50, log.checkpoints()[0]._replace(text=points[0].to_text()))


def test_a_log_does_not_sign_what_does_not_follow(tmp_path: Path) -> None:
    """Neither a tree that was cut off nor one that was changed below the last checkpoint."""
    for statement in ("UPDATE trees SET size = 10", "UPDATE tiles SET hashes = zeroblob(length(hashes))"):
        path = tmp_path / f"{len(statement)}.db"
        with Log(f"sqlite:///{path}", deadline=20.0) as log:
            log.append([event(number) for number in range(20)])
            log.checkpoint(SIGNER)
            with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(statement)
            with pytest.raises(VerificationError):
                log.checkpoint(SIGNER)


def test_a_request_to_a_witness_is_made_of_the_log(log: Log) -> None:
    """A consistency proof out of its tiles."""
    log.append([event(number) for number in range(300)])
    note = log.checkpoint(SIGNER)
    request = Request(100, log.tiles().consistency(100), note)
    assert Request.parse(request.to_text()) == request


# One tree a tenant.


def observed(place: Place, tenant: str | None) -> list[object]:
    """All that one tenant can see of a log."""
    log = place.open(tenant=tenant)
    tiles = log.tiles()
    engine, of = log.engine, tenant or ""
    return [
        log.size,
        log.kept_from,
        log.root(),
        [(each.number, each.data, each.event) for each in log.events()],
        log.checkpoint(SIGNER).to_text(),
        log.verify(),
        tiles.inclusion(0) if log.size else (),
        sorted(number for number, _ in engine.routes(of)),
        sorted(engine.labels(of)),
        list(engine.index(of)),
    ]


def test_no_tenant_can_tell_whether_there_are_others(place: Place) -> None:
    """What one tenant sees is to the byte the same with and without the others' data."""
    alone = [event(number, tenant="acme") for number in range(10)]
    first = place.open()
    first.append(alone)
    before = observed(place, "acme")
    for tenant in ("", "bolt", "acme2"):
        first.append([event(number + 7, tenant=tenant) for number in range(20)])
    assert observed(place, "acme") == before
    assert observed(place, "nobody")[:2] == [0, 0]
    assert {each.tenant for each in place.open(tenant="bolt")} == {"bolt"}
    assert {each.tenant for each in place.open()} == {""}


def test_events_of_several_tenants_are_no_batch(log: Log) -> None:
    """Each goes to its own tree."""
    for events in ([event(0), event(1, tenant="acme")], []):
        with pytest.raises(ValueError, match="one tenant"):
            log.append(events)
    log.take(event(0))
    log.take(event(1, tenant="acme"))
    log.flush()
    assert log.size == 1


# Failures.

WRITER = """
import sys
from delegate.audit import Log
from tests.audit.conftest import event
log = Log(sys.argv[1], required=True, deadline=20.0)
first = log.size
for number in range(first, first + 100_000):
    log.take(event(number))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def killed(url: str, lines: int) -> int:
    """Run a writer, kill it after it acknowledged so many, and say what it acknowledged last."""
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:  # noqa: S603
        assert process.stdout is not None
        last = -1
        for _ in range(lines):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        for line in process.stdout:
            if line.endswith("\n"):
                last = int(line)
        process.wait()
    return last


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """`kill -9` again and again; `make kill` does it more often."""
    url = f"sqlite:///{tmp_path}/audit.db"
    for turn in range(3):
        acknowledged = killed(url, 5 + 20 * turn)
        with Log(url, deadline=20.0) as log:
            assert log.size >= acknowledged + 1
            assert log.verify().ok
            assert [each.salt for each in log] == [number.to_bytes(16) for number in range(log.size)]


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Nothing can be written beyond this: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_refuses_and_damages_nothing(tmp_path: Path) -> None:
    """What was taken before is there, what was not is not, and writing goes on when there is room again."""
    path = tmp_path / "audit.db"
    with Log(f"sqlite:///{path}", required=True, deadline=20.0) as log:
        log.append([event(number) for number in range(10)])
        with no_file_larger_than((tmp_path / "audit.db-wal").stat().st_size + 100):
            with pytest.raises(StateError):
                log.take(event(10))
            with pytest.raises(StateError):
                log.append([event(number) for number in range(10, 2000)])
        assert log.size == 10
        log.take(event(10))
        assert log.size == 11
        assert log.verify().ok


def test_a_file_that_is_gone_or_read_only_refuses(tmp_path: Path) -> None:
    """A log that was removed takes nothing, and does not begin anew by itself."""
    path = tmp_path / "audit.db"
    with Log(f"sqlite:///{path}", required=True, deadline=0.2) as log:
        log.take(event(0))
        path.unlink()
        with pytest.raises(StateError):
            log.take(event(1))
    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 100)
    other.chmod(0o600)
    for bad in (other, tmp_path, tmp_path / "nowhere" / "audit.db"):
        with pytest.raises(StateError):
            Log(f"sqlite:///{bad}", deadline=0.2)


def test_a_locked_file_refuses_by_the_deadline(tmp_path: Path) -> None:
    """Another program that holds it does not hold up a service for ever."""
    path = tmp_path / "audit.db"
    with (
        Log(f"sqlite:///{path}", required=True, deadline=0.05) as log,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError):
            log.take(event(0))
        other.execute("ROLLBACK")
        log.take(event(0))
        assert log.size == 1


def test_what_could_not_be_written_is_counted(tmp_path: Path) -> None:
    """Where nobody waits."""
    path = tmp_path / "audit.db"
    log = Log(f"sqlite:///{path}", deadline=0.05)
    log.take(event(0))
    log.flush()
    path.unlink()
    log.take(event(1))
    log.take(event(2))
    log.flush()
    assert log.dropped == 2
    log.close()


def test_a_process_that_ends_writes_what_it_took(tmp_path: Path) -> None:
    """Though nobody closed the log."""
    code = (
        "import sys; from delegate.audit import Log; from tests.audit.conftest import event\n"
        "log = Log(sys.argv[1], deadline=20.0)\n"
        "for number in range(50): log.take(event(number))\n"
    )
    url = f"sqlite:///{tmp_path}/audit.db"
    subprocess.run([sys.executable, "-c", code, url], check=True, cwd=Path(__file__).parents[2])  # noqa: S603
    with Log(url, deadline=20.0) as log:
        assert log.size == 50


def test_whoever_is_interrupted_is_not_told_that_it_was_written() -> None:
    """Neither who writes for all, nor who waits; and the others go on."""
    begun, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def write(tenant: str, entries: Sequence[Entry]) -> int:
        assert tenant == ""
        if entries[0].time == 0:
            begun.set()
            assert go_on.wait(20)
            raise KeyboardInterrupt
        written.extend(each.time for each in entries)
        return len(written) - len(entries)

    committer = Committer(write)

    def entry(number: int) -> tuple[Entry]:
        return (Entry(b"", None, number, "", ""),)

    outcomes: dict[int, object] = {}

    def run(number: int) -> None:
        try:
            outcomes[number] = committer.write("", entry(number))
        except StateError as error:
            outcomes[number] = error.reason

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    threads[0].start()
    assert begun.wait(20)
    side = committer._mine()
    for thread in threads[1:]:
        thread.start()
    while len(side.jobs) < 2:
        pass
    gone = side.jobs[0]
    go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes[0] is Reason.STATE_UNAVAILABLE
    assert sorted(written) == [1, 2]
    assert gone.first >= 0
    waiting = _Job("", entry(9))
    side.is_led = True
    side.jobs.append(waiting)
    waiting.leads = True
    _leave(side, waiting)
    assert not side.is_led
    assert committer.write("", entry(4)) == 2


def test_a_fork_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Parent and child go on, each with what it was given."""
    log = Log(f"sqlite:///{tmp_path}/audit.db", deadline=20.0)
    log.take(event(0))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            log.take(event(1))
            log.flush()
            Log(f"sqlite:///{tmp_path}/audit.db", required=True, deadline=20.0).take(event(2))
            status = 0
        finally:
            os._exit(status)
    log.take(event(3))
    log.flush()
    assert os.waitpid(child, 0)[1] == 0
    assert sorted(int.from_bytes(each.salt) for each in log) == [0, 1, 2, 3]
    assert log.verify().ok
    log.close()


def test_a_server_that_is_gone_refuses(postgres_running) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """And takes again what comes when it is back."""
    with psycopg.connect(postgres_running.url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA IF EXISTS delegate_log CASCADE")
    with Log(postgres_running.url, required=True, deadline=5.0) as log:
        log.take(event(0))
        postgres_running.kill()
        with pytest.raises(StateError):
            log.take(event(1))
        postgres_running.start()
        log.take(event(2))
        assert [each.salt for each in log][-1] == event(2).salt
        assert log.verify().ok


def test_tables_that_are_not_as_they_were_refuse(place: Place) -> None:
    """Those of a later version, and those that somebody else made."""
    place.open().append([event(0)])
    place.close()
    if place.name == "sqlite":
        with contextlib.closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("PRAGMA user_version = 9")
    else:
        with psycopg.connect(place.url, autocommit=True) as server:
            server.execute("UPDATE delegate_log.about SET version = 9")
    with pytest.raises(StateError, match="version"):
        Log(place.url, deadline=5.0)


@pytest.mark.parametrize(
    "url",
    ["", "memory://", "redis://localhost", "sqlite:///", "sqlite://:memory:", "audit.db", "sqlite:///a.db?mode=ro"],
)
def test_urls_of_no_log(url: str) -> None:
    """A log is a file or a schema of PostgreSQL."""
    with pytest.raises(ValueError, match=r"log|state file"):
        Log(url)


def test_arguments_out_of_their_bounds(tmp_path: Path) -> None:
    """A deadline of nothing, a tenant that is none."""
    for options in ({"deadline": 0}, {"tenant": ""}, {"tenant": "a b"}):
        with pytest.raises(ValueError, match=r"deadline|tenant"):
            Log(f"sqlite:///{tmp_path}/audit.db", **options)
    assert event(0).time == NOW


def test_a_key_remembers_what_it_signed(place: Place, tmp_path: Path) -> None:
    """A tree of another, and one that was written anew, get no signature; what follows does."""
    memory = WitnessFile(tmp_path / "log.key.signed", deadline=20.0)
    log = place.open(required=True)
    log.append([event(1), event(2)])
    first = log.checkpoint(SIGNER, memory=memory)
    assert log.checkpoint(SIGNER, memory=memory) == first
    other = place.open(required=True, tenant="acme")
    other.append([event(number, tenant="acme") for number in range(5)])
    with pytest.raises(VerificationError):
        other.checkpoint(SIGNER, memory=memory)
    assert other.checkpoints() == ()
    log.append([event(3)])
    assert Checkpoint.parse(log.checkpoint(SIGNER, memory=memory).text).size == 3
    assert memory.latest(SIGNER.key.name) == Checkpoint.parse(log.checkpoints()[-1].text)
    memory.close()


def test_a_checkpoint_in_the_log_that_nobody_signed_is_signed_anew(place: Place) -> None:
    """The log's own file says what it likes."""
    log = place.open(required=True)
    log.append([event(1)])
    made = log.checkpoint(SIGNER)
    log.keep_checkpoint(Note(made.text, (made.signatures[0]._replace(signature=b"z" * 64),)))
    assert open_checkpoint(log.checkpoint(SIGNER), (SIGNER.key,))


@pytest.mark.parametrize(
    "statement",
    [
        "update trees set size = 1 << 40", "update trees set size = -1", "update trees set kept = -5",
        "update trees set kept = 9", "update tallies set action = x'ff'", "update tallies set reason = x'ff'",
        "insert into checkpoints values (1, 1, x'ff')", "delete from tiles",
        "update labels set value = x'ff' where kind = x'6f726967696e61746f72'",
        "update batches set count = 1 << 62", "update batches set count = -3", "update routes set body = x'ff'",
    ],
)  # fmt: skip
def test_a_hostile_file_ends_in_a_report_or_an_error(tmp_path: Path, statement: str) -> None:
    """Whatever it says of itself: nothing counts up to what it says."""
    with Log(f"sqlite:///{tmp_path}/audit.db", required=True) as log:
        log.append(mixed(3))
    with contextlib.closing(sqlite3.connect(tmp_path / "audit.db")) as file, file:
        file.execute("pragma foreign_keys = off")
        file.execute(statement)
    with Log(f"sqlite:///{tmp_path}/audit.db", required=True) as log:
        with contextlib.suppress(DelegateError):
            assert not log.verify().ok
        for tried in (log.checkpoints, log.root, lambda: list(log.events()), lambda: trace(log, Question())):
            with contextlib.suppress(DelegateError):
                tried()
        with contextlib.suppress(DelegateError):
            log.append([event(9)])
