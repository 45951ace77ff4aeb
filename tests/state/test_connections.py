"""Connections across threads, forks and closing; and what a state file forgets."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from delegate import StateError, VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.remembered import Process
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Refused, sqlite_file, sqlite_schema
from delegate.state.common import unavailable
from delegate.state.connections import Driver, Links, one_line
from delegate.state.news import Watch
from delegate.state.sqlite import SqliteStore

DAY = 86_400


def claim(number: int, until: int = 190) -> Claim:
    """A proof by number."""
    return Claim(number.to_bytes(32), 100, until)


def pool(number: int, until: int) -> Charge:
    """A charge of 1 to a pool of 1."""
    return Charge(number.to_bytes(32), "calls", 1, 1, until)


# SQLite.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a state file is to be."""
    return tmp_path / "state.db"


def test_a_state_file_forgets_a_little_at_each_call(path: Path) -> None:
    """Claims, pools and charges, never a record; and what was forgotten is refused when the clock goes back."""
    with contextlib.closing(SqliteStore(path, since=0)) as store, contextlib.closing(sqlite3.connect(path)) as look:
        for number in range(20):
            assert store.charge([claim(number)], [pool(number, 500)], now=100) is True
        feed = Feed(b"s" * 32, 1, 100, 200)
        store.add(feed, [Record(bytes(32), b"s" * 32, False, 0, 500)], now=100)

        def counts() -> list[int]:
            tables = ("claims", "pools", "charges", "records")
            return [look.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608 - ours

        assert counts() == [20, 20, 20, 1]
        assert store.claim([claim(50, 600)._replace(issued=191)], now=191) is True
        assert counts() == [5, 20, 20, 1]
        assert store.charge([claim(51, 900)._replace(issued=501)], [pool(51, 900)], now=501) is True
        assert counts() == [2, 5, 5, 1]
        assert store.settle(claim(51).id, {"calls": 0}, now=501) is True
        assert counts() == [2, 5, 0, 1]
        store.add(feed, [], now=501 + DAY)
        assert counts() == [2, 5, 0, 1]
        with pytest.raises(VerificationError):
            store.claim([claim(0)], now=100)
        with pytest.raises(StateError, match="expired"):
            store.charge([claim(60)._replace(issued=502, until=1_000)], [pool(0, 500)], now=100)


def test_a_state_file_that_is_new_takes_nothing_from_before_it(path: Path) -> None:
    """Its predecessor was removed, with all that was used in it; one that does not say when it began takes nothing."""
    now = int(time.time())
    used = Claim(b"u" * 32, now - 30, now + 60)
    with contextlib.closing(SqliteStore(path, since=0)) as store:
        assert store.claim([used], now=now) is True
    for each in path.parent.glob("state.db*"):
        each.unlink()
    with contextlib.closing(SqliteStore(path)) as store:
        for _ in range(2):
            with pytest.raises(VerificationError, match="before this store began to remember proofs"):
                store.claim([used], now=now)
        began = int(time.time())
    with contextlib.closing(SqliteStore(path, since=0)) as store:  # it is there already: nothing begins
        with pytest.raises(VerificationError, match="ask for it again"):
            store.charge([Claim(b"p" * 32, began, now + 60), used], [pool(1, now + 60)], now=now)
        assert store.spent([(1).to_bytes(32)]) == {}
    with contextlib.closing(sqlite3.connect(path)) as look:
        look.execute("DELETE FROM counters WHERE name = 'since'")
        look.commit()
    with (
        contextlib.closing(SqliteStore(path)) as store,
        pytest.raises(StateError, match="does not say when it began"),
    ):
        store.claim([used], now=now)


def test_a_state_file_that_is_being_made_by_somebody_else_is_waited_for(path: Path) -> None:
    """No longer than the deadline; and several that make it at once all get the same one."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="busy"):
            SqliteStore(path, deadline=0.05)
        other.execute("ROLLBACK")
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master")  # somebody reads: no other journal can be begun
        with pytest.raises(StateError, match="busy"):
            SqliteStore(path, deadline=0.05)
        other.execute("ROLLBACK")
    outcomes: list[object] = []
    barrier = threading.Barrier(8)

    def one() -> None:
        barrier.wait()
        with contextlib.closing(SqliteStore(path, deadline=20, since=0)) as store:
            outcomes.append(store.claim([claim(1)], now=100))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [Refused(0)] * 7 + [True]


def test_a_state_file_that_could_not_be_made_is_left_empty(path: Path) -> None:
    """Half of its tables would be none of ours; the next one to come makes them all."""
    broken = sqlite_file.STATE_FILE._replace(schema=(*sqlite_schema.SCHEMA[:5], "CREATE nonsense"))
    with pytest.raises(StateError, match="syntax"):
        sqlite_file.SqliteFile(path, 0.25, None, broken)
    with contextlib.closing(SqliteStore(path, since=0)) as store:
        assert store.claim([claim(1)], now=100) is True


def test_values_have_places_and_no_names() -> None:
    """To `sqlite3`, `?1` and `:id` are names: from Python 3.12 on it warns of a tuple for them, and later refuses."""
    statements = [text for name, text in vars(sqlite_schema).items() if name.isupper() and isinstance(text, str)]
    statements += [sqlite_schema.find_records(2, 3), sqlite_schema.find_records(1, None)]
    assert len(statements) > 20
    assert [text for text in statements if re.search(r"\?\d|[:@$]\w", text)] == []


def test_a_look_up_waits_for_another_thread_no_longer_than_the_deadline(path: Path) -> None:
    """Whoever reads gives up as whoever writes does; and `check` says so."""
    with contextlib.closing(SqliteStore(path, deadline=0.05)) as store:
        held = store._file._mine()
        with held.reading, pytest.raises(StateError, match="busy"):
            store.look_up([bytes(32)])
        with held.reading:
            assert [finding.ok for finding in store.check()] == [False]
        assert store.look_up([bytes(32)]) == []


def test_a_turn_that_was_waited_for_leaves_less_to_wait_for_others(path: Path) -> None:
    """The deadline is for both together, and is whole again afterwards."""
    with contextlib.closing(SqliteStore(path, deadline=10)) as store:
        links = store._file._mine()
        links.writing.acquire()
        threading.Timer(1.1, links.writing.release).start()
        with store._file.transaction(durable=False) as writer:
            assert writer.execute("PRAGMA busy_timeout").fetchone()[0] < 9_000
        assert links.writer.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000


def test_a_file_without_a_log_is_refused_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite cannot have one it says so, and would say so for ever: nobody asks again and again."""
    asked: list[str] = []

    class Without(sqlite3.Connection):
        def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as sqlite3 has it
            asked.append(statement)
            return super().execute("SELECT 'memory'" if "journal_mode" in statement else statement, *rest)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Without))
    with pytest.raises(StateError, match="cannot have a write-ahead log here; its journal is `memory`"):
        SqliteStore(path, deadline=1_000)
    assert sum("journal_mode" in each for each in asked) == 2


def child_of(work: Callable[[], object]) -> Callable[[], object]:
    """Fork, work in the child, and give a way to hear what came of it."""
    hear, say = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        pid = os.fork()
    if not pid:
        try:
            said: object = work()
        except StateError as error:
            said = error.detail
        os.write(say, pickle.dumps(said))
        os._exit(0)
    os.close(say)

    def answer() -> object:
        with os.fdopen(hear, "rb") as heard:
            given = heard.read()
        os.waitpid(pid, 0)
        return pickle.loads(given)  # noqa: S301 - of our own child

    return answer


def test_what_is_revoked_when_the_parent_has_gone_reaches_its_children(path: Path) -> None:
    """A child that took its parent's locks for its own held none: its log was removed, and it heard nothing."""
    key = Record(b"k" * 32, b"s" * 32, True, 0, TIME_MAX)
    store = SqliteStore(path, deadline=20)
    assert store.look_up([key.subject]) == []
    go_on, ready = os.pipe(), os.pipe()

    def work() -> list[object]:
        before = list(store.look_up([key.subject]))
        os.write(ready[1], b"x")
        os.read(go_on[0], 1)
        return [before, list(store.look_up([key.subject]))]

    answer = child_of(work)
    assert os.read(ready[0], 1) == b"x"
    store.close()  # the last one, for all that it knows
    program = (
        "import sys; from delegate.core.chain.revocations import Feed, Record; from delegate.state import connect\n"
        "with connect(sys.argv[1], deadline=20) as state:\n"
        f"    state.revocations.add(Feed(b's' * 32, 1, 1, 2), [{key!r}], now=1)"
    )
    subprocess.run([sys.executable, "-c", program, f"sqlite:///{path}"], check=True)  # noqa: S603 - ours
    os.write(go_on[1], b"x")
    assert answer() == [[], [key]]
    for each in (*go_on, *ready):
        os.close(each)


def test_nothing_of_a_state_file_is_open_while_a_process_forks(path: Path) -> None:
    """Neither in the child nor in the parent; both open it when they need it, and see one another's claims."""
    with contextlib.closing(SqliteStore(path, since=0)) as store:
        assert store.claim([claim(1)], now=100) is True
        parents = store._file._mine()
        is_closed = child_of(lambda: [parents.is_closed, store._file._links is None, store.claim([claim(2)], now=100)])
        assert is_closed() == [True, True, True]
        assert parents.is_closed
        assert [store.claim([claim(number)], now=100) for number in (1, 2)] == [Refused(0)] * 2


def test_who_waits_while_a_process_forks_goes_on_afterwards(path: Path) -> None:
    """To read or to write: what it waited for was closed meanwhile, and is opened anew."""
    with contextlib.closing(SqliteStore(path, since=0, deadline=20)) as store:
        for kind in ("reading", "writing"):
            links = store._file._mine()
            answers: list[object] = []
            question = partial(store.look_up, [bytes(32)]) if kind == "reading" else partial(store.claim, [], now=100)
            thread = threading.Thread(target=lambda ask=question, said=answers: said.append(ask()))
            with getattr(links, kind):
                thread.start()
                links.is_closed = True
                store._file._links = None
            thread.join()
            assert answers == [[] if kind == "reading" else True]
            links.reader.close()
            links.writer.close()


def test_a_process_that_forks_in_the_middle_of_a_change_leaves_a_child_that_refuses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be waited for is the parent's: it goes on, and the child asks no file of anything, in time."""
    monkeypatch.setattr(sqlite_file, "_FORK_WAITS_S", 0.01)
    with (
        contextlib.closing(SqliteStore(path, since=0)) as store,
        contextlib.closing(SqliteStore(path.with_name("other"), since=0)) as other,
    ):
        with store._file.transaction(durable=True) as writer:
            ask = [child_of(partial(each.look_up, [bytes(32)])) for each in (store, other)]
            assert all("was forked while a state file was at work" in str(each()) for each in ask)
            writer.execute(sqlite_schema.ADD_CLAIM, (claim(1).id, 190, 100))
        assert store.claim([claim(1)], now=100) == Refused(0)
        assert child_of(partial(store.look_up, [bytes(32)]))() == []
        with sqlite_file._REGISTER.mine():
            ask = [child_of(partial(each.look_up, [bytes(32)])) for each in (store, other)]
            assert all("was forked while a state file was at work" in str(each()) for each in ask)


# Links to a server.


class Wire:
    """A connection that a test leads."""

    def __init__(self) -> None:
        """Open."""
        self.closed = threading.Event()


class Maker:
    """Makes wires, and knows them all."""

    def __init__(self) -> None:
        """With none yet."""
        self.made: list[Wire] = []

    def open(self) -> Wire:
        """Make one more."""
        self.made.append(Wire())
        return self.made[-1]

    def links(self, deadline_s: float = 20.0, count: int = 2) -> Links[Wire]:
        """Make links of these wires."""
        driver = Driver(
            open=self.open,
            is_open=lambda wire: not wire.closed.is_set(),
            close=lambda wire: wire.closed.set(),
            sever=lambda wire: wire.closed.set(),
            secrets=("hunter2",),
        )
        return Links(driver, deadline_s=deadline_s, count=count)


class DriverError(Exception):
    """What a driver raises."""


def fail(error: Exception) -> Callable[[Wire], None]:
    """Make a question that fails."""

    def question(_: Wire) -> None:
        raise error

    return question


def no_thread(_: threading.Thread) -> None:
    """Fail as the system does where it has no room for one more."""
    message = "can't start new thread"
    raise RuntimeError(message)


def test_a_connection_is_used_again_until_something_goes_wrong_on_it() -> None:
    """A refusal that the question itself raised is nothing that went wrong; anything else is, and shows no secret."""
    maker = Maker()
    links = maker.links()
    assert links.ask(lambda wire: wire) is links.ask(lambda wire: wire) is maker.made[0]
    with pytest.raises(StateError, match=r"^state_unavailable: full$"):
        links.ask(fail(unavailable("full")))
    assert links.ask(lambda wire: wire) is maker.made[0]
    with pytest.raises(StateError, match=r"KeyError: 'login \*\*\*'$"):
        links.ask(fail(KeyError("login hunter2")))
    assert maker.made[0].closed.is_set()
    assert links.ask(lambda wire: wire) is maker.made[1]
    maker.made[1].closed.set()  # while nobody looked
    assert links.ask(lambda wire: wire) is maker.made[2]
    assert one_line(ValueError("one\x1b[0m\ntwo"), ()) == "one\N{REPLACEMENT CHARACTER}[0m"
    links.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (
            DriverError("Error 111 connecting to localhost:1. Connection refused."),
            "connecting to localhost:1. Connection refused",
        ),
        (DriverError("no host: [Errno -2] Name or service not known"), "no host: Name or service not known"),
        (DriverError(""), "DriverError: "),
        (OSError("hunter2"), "OSError: ***"),
        (TypeError("x"), "TypeError: x"),
    ],
)
def test_what_a_driver_says_is_said_in_words(error: Exception, words: str) -> None:
    """Without the numbers and the names of types that a program has for it; these where there is nothing else."""
    with pytest.raises(StateError) as caught:
        Maker().links().ask(fail(error))
    assert caught.value.detail == f"the server: {words}"


def test_a_late_answer_goes_nowhere() -> None:
    """Its connection is cut and closed, and serves no other question."""
    maker = Maker()
    links = maker.links(deadline_s=0.02)
    links.ask(lambda _: None, deadline_s=20)  # a machine that is busy may take long to start its thread
    with pytest.raises(StateError, match="within 20 ms"):
        links.ask(lambda wire: wire.closed.wait(20))
    assert maker.made[0].closed.is_set()
    for _ in range(20):
        assert links.ask(lambda wire: wire, deadline_s=20) is not maker.made[0]
    links.close()


def test_what_hangs_holds_up_no_more_than_there_are_connections() -> None:
    """The others wait for one to become free, no longer than the deadline."""
    maker = Maker()
    links = maker.links(deadline_s=0.02, count=1)
    go_on = threading.Event()
    for _ in range(3):
        with pytest.raises(StateError):
            links.ask(lambda _: go_on.wait(20))  # not even cutting it helps
    assert len(maker.made) == 1
    go_on.set()
    assert links.ask(lambda _: 1, deadline_s=20) == 1
    links.close()


def test_a_thread_that_cannot_be_started_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it is tried; once the system has threads again, the server is asked."""
    maker = Maker()
    links = maker.links(deadline_s=0.05, count=1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        for _ in range(2):
            with pytest.raises(StateError, match="no thread can be started"):
                links.ask(lambda wire: wire)
    assert links.ask(lambda wire: wire, deadline_s=20) is maker.made[0]
    links.close()


def test_links_close_what_is_idle_and_what_is_under_way_when_it_is_done() -> None:
    """And make new ones when they are asked again."""
    maker = Maker()
    links = maker.links()
    links.ask(lambda _: links.close())
    assert maker.made[0].closed.wait(20)
    links.ask(lambda _: None)
    links.close()
    assert maker.made[1].closed.wait(20)


def test_connections_of_a_parent_are_not_a_childs() -> None:
    """It opens its own, and leaves its parent's open; so does what listens to a feed."""
    maker = Maker()
    links = maker.links()
    links.ask(lambda _: None)
    links._crew.process = Process()  # as it looks to a child
    assert links.ask(lambda wire: wire) is maker.made[1]
    assert not maker.made[0].closed.is_set()
    links._crew.process = Process()
    links.close()
    assert not maker.made[1].closed.is_set()

    opened = threading.Semaphore(0)

    class Quiet:
        """A listener to whom nothing is ever said."""

        def __init__(self) -> None:
            opened.release()

        def wait(self, seconds: float) -> None:
            time.sleep(min(seconds, 0.01))

        def version(self) -> int:
            return 1

        def close(self) -> None: ...

    seen = Watch(Quiet)
    assert seen.version() is None
    assert opened.acquire(timeout=20)
    parents = seen._ear
    assert parents is not None
    parents.process = Process()
    assert seen.version() is None
    assert opened.acquire(timeout=20)
    assert seen._ear is not parents
    parents.stop.set()
    seen.close()
