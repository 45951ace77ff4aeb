"""URLs of engines, what they show of themselves, and the same engines behind `await`."""

from __future__ import annotations

import asyncio
import builtins
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from delegate import Reason, StateError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Outcome, Refused, State, connect, connect_async, postgres, redis
from delegate.state.connections import one_line
from tests.state.conftest import PATIENT_S, Engine


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://x",
        "sqlite://relative.db",
        "sqlite:///",
        "sqlite:///x?mode=ro",
        "sqlite:///x?",
        "sqlite:///x#",
        "sqlite:///x#y",
        "sqlite:state.db",
        "sqlite:/x.db",
        "sqlite:",
        "sqlite://",
        "sqlite:////",
        "sqlite://///x.db",
        "sqlite:///folder/",
        "sqlite:///folder/..",
        "sqlite:///.",
        "sqlite:///x.db ",
        "sqlite:///x.db%20",
        "sqlite:///%20x.db",
        " sqlite:///x.db",
        "sqlite:///x.db\n",
        "sqlite:///x\t.db",
        "sqlite:///x y.db",
        "sqlite:///x%00.db",
        "sqlite:///x%0a.db",
        "sqlite:///x%zz.db",
        "sqlite:///x%ff.db",
        "sqlite:///file:x.db",
        "SQLITE:///x.db",
        "sqlite:///:memory:",
        "sqlite:///%3Amemory%3A",
        "sqlite:///%3AMEMORY%3A",
        "sqlite:///file::memory:",
        "sqlite:////:memory:",
        "sqlite://:memory:",
        "sqlite::memory:",
        "memory:",
        "memory:///",
        "memory://?",
        "memory:// ",
        "redis:h",
        "redis:/h",
        "redis://h ",
        "Redis://h",
        "unix:/s",
        "postgresql:x",
        "postgresql:/x",
        "postgresql://h/x\n",
        "http://h",
        "mysql://u:hunter2@h/x",
        "redis+tls://h",
        "http://[",
        "state.db",
    ],
)
def test_what_names_no_engine_is_the_callers_mistake(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said without repeating the URL, which may hold a password; only documented forms open, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="state URL") as caught:
        connect(url, deadline=5)
    assert "hunter2" not in str(caught.value)
    assert (":memory:" in unquote(url).lower()) == ("for this process's memory" in str(caught.value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_is_some_time(deadline: float) -> None:
    """None at all would refuse everything."""
    with pytest.raises(ValueError, match="deadline"):
        connect("memory://", deadline=deadline)


def test_a_path_may_be_absolute_relative_and_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes and a relative path; four for an absolute one, as SQLAlchemy has it."""
    monkeypatch.chdir(tmp_path)
    connect("sqlite:///one.db").close()
    connect(f"sqlite:///{tmp_path}/two%20%3f.db").close()
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".db"} == {"one.db", "two ?.db"}


SHOWN = {
    "redis://h:1/0": "redis://h:1",
    "redis://h:1/3": "redis://h:1/3",
    "redis://:hunter2@h:1/0": "redis://h:1",
    "redis://u:hunter2%2F@h:1": "redis://h:1",
    "redis://u:hunter@2@h:1/0?health_check_interval=1": "redis://h:1",
    "rediss://h?pass%77ord=hunter2": "rediss://h",
    "redis://h?ssl_password=hunter2": "redis://h",
    "unix:///s?db=1&password=hunter2": "unix:///s?db=1",
    "unix://u:hunter2@/s": "unix:///s",
    "postgresql://h/x": "postgresql://h/x",
    "postgresql://u@/x?host=/s&password=hunter2": "postgresql:///s/x",
    "postgresql://u:hunter2@h1:1,h2:2/x": "postgresql://h1,h2:1,2/x",
    "postgresql://u:hunter2@[::1]:5/x": "postgresql://[::1]:5/x",
    "postgresql://u:hun#ter2@h/x": "postgresql://h/x",
    "postgresql://u:hun?ter2@h/x": "postgresql://h/x",
    "postgresql://u:hun%40ter2@h/x": "postgresql://h/x",
    "postgresql://u@h/x?pass%77ord=hunter2": "postgresql://h/x",
    "postgresql://u@h/x?sslpassword=hunter2": "postgresql://h/x",
    "postgres://u:hunter2@h/a%20b": "postgres://h/…",
}


@pytest.mark.parametrize("url", SHOWN)
def test_of_a_url_only_scheme_host_and_database_are_shown(url: str) -> None:
    """Whatever else it says, in whichever place a driver takes it from; and a message that says it does not."""
    where = (redis.where_of if url.startswith(("redis", "unix")) else postgres.where_of)(url)
    assert where.shown == SHOWN[url]
    said = one_line(OSError("is it hunter2, hunter@2, hunter2/, hun#ter2, hun?ter2, hun@ter2?"), where.secrets)
    assert "***" in said or "hun" not in url
    for secret in where.secrets:
        assert secret not in where.shown + said


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hun#ter2@h/0",
        "redis://u:hun?ter2@h/0",
        "redis://u:12?hunter2@h/0",
        "redis://u:12/hunter2@h/0",
        "redis://u:12#hunter2@h/0",
        "redis://u:12#hunter2",
        "redis://u:12/0?x=hunter2@h",
        "unix:///s?password=hun@ter2",
        "unix:///s?db=hunter2",
        "rediss://u:hun/ter2@h",
        "redis://[hunter2",
        "redis://h:hunter2",
        "postgresql://u:hun@ter2@h/x",
        "postgresql://u:hun/ter2@h/x",
        "postgresql://u:12/hunter2@h/x",
        "postgresql://u:hun ter2@h/x",
        "postgresql://u:hunter2%zz@h/x",
        "postgresql://u@h/x?passwrd=hunter2",
        "postgresql://u@h/x?PASSWORD=hunter2",
        "postgresql://h:hunter2/x",
        "postgresql://u@h/x?host=a%40hunter2",
    ],
)
def test_a_url_in_which_a_password_may_be_cut_is_refused(url: str) -> None:
    """With what to write instead, and without a word of it: what stands behind the cut looks like anything else."""
    with pytest.raises(ValueError, match="write %23 for #") as caught:
        connect(url, deadline=1)
    assert not {"hun", "ter2", "12"} & set(re.split(r"\W+", str(caught.value).replace("%2", " ")))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_state_shows_its_url_and_closes_with_its_block() -> None:
    """And nothing of how it is done."""
    with connect("memory://") as state:
        assert str(state) == "memory://"
        assert "_close" not in repr(state)


@pytest.mark.parametrize(("url", "extra"), [("redis://h", "redis"), ("postgresql://h", "postgres")])
def test_a_missing_driver_names_its_extra(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said in the error."""
    real = builtins.__import__
    driver = {"redis": "redis", "postgres": "psycopg"}[extra]

    def without(name: str, *rest: Any) -> Any:  # noqa: ANN401 - as `__import__` has it
        if name == driver:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, f"delegate.state.{extra}", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf"delegate-token\[{extra}\]"):
        connect(url)


def test_importing_the_library_imports_no_driver() -> None:
    """Nor what only asynchronous programs need."""
    program = "import sys, delegate.state; print({'redis', 'psycopg', 'sqlite3', 'asyncio'} & set(sys.modules))"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it imports much itself
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=plain)  # noqa: S603 - ours
    assert done.stdout == "set()\n"


def test_every_engine_can_be_awaited(engine: Engine) -> None:
    """The same seven operations, and a hundred at once."""
    now = engine.now
    pool = Charge(b"b" * 32, "calls", 1, 60, now + 900)
    feed = Feed(b"s" * 32, 1, now, now + 100)
    key = Record(b"k" * 32, b"s" * 32, True, 0, TIME_MAX)

    async def story() -> None:
        async with await connect_async(engine.url, deadline=PATIENT_S) as state:
            claims = [Claim(number.to_bytes(32), now + 5, now + 90) for number in range(101)]
            assert await state.replay.claim(claims[100:], now=now) is True
            assert await state.replay.claim(claims[100:], now=now) == Refused(0)
            charges = [state.ledger.charge([claim], [pool], now=now) for claim in claims[:100]]
            outcomes = await asyncio.gather(*charges)
            assert sum(outcome is True for outcome in outcomes) == 60
            allowed = claims[outcomes.index(True)]
            assert await state.ledger.settle(allowed.id, {"calls": 0}, now=now)
            assert await state.ledger.spent([pool.block_id]) == {(pool.block_id, "calls"): 59}
            assert await state.revocations.add(feed, [key], now=now) == 1
            assert list(await state.revocations.look_up([key.subject])) == [key]
            assert list(await state.revocations.feeds()) == [feed]
            assert await state.check()
            assert str(state) == state.url == engine.state.url

    asyncio.run(story())


class Stuck:
    """A store that answers when it is told to."""

    def __init__(self) -> None:
        """Not yet."""
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Wait."""
        self.entered.release()
        assert self.go_on.wait(20)
        return True


class Later:
    """A clock that shows what it will show in a day."""

    def monotonic(self) -> float:
        """Give the time."""
        return time.monotonic() + 86_400


def test_what_waits_for_a_thread_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that hangs: what finds no thread in time is refused unasked, and so is what is too much to wait."""
    stuck = Stuck()
    real = connect

    def opened(url: str, *, deadline: float) -> State:
        state = real(url, deadline=deadline)
        return State(
            url=url,
            revocations=state.revocations,
            replay=stuck,
            ledger=state.ledger,
            deadline_s=1_000,
            _check=state.check,
            _close=state.close,
        )

    monkeypatch.setattr("delegate.state.asynchronous.connect", opened)

    async def story() -> None:
        async with await connect_async("memory://") as state:
            asked = [asyncio.ensure_future(state.replay.claim([], now=0)) for _ in range(1_001)]
            for _ in range(16):
                await asyncio.to_thread(stuck.entered.acquire, timeout=20)
            monkeypatch.setattr("delegate.state.asynchronous.time", Later())
            stuck.go_on.set()
            answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, StateError)]
        assert {error.reason for error in refused} == {Reason.STATE_UNAVAILABLE}
        assert sum(answer is True for answer in answers) == 16
        assert [error for error in refused if "wait for the store" in error.detail] == refused[-1:]
        assert "was not asked" in refused[0].detail

    asyncio.run(story())


def test_behind_await_the_deadline_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the call to the answer: what has got a thread waits no longer than what has none.

    What was given up and still hangs counts as waiting; a long list is taken over in as many parts as it has.
    """
    stuck = Stuck()
    real = connect

    def opened(url: str, *, deadline: float) -> State:
        return replace(real(url, deadline=deadline), replay=stuck)

    monkeypatch.setattr("delegate.state.asynchronous.connect", opened)
    monkeypatch.setattr("delegate.state.asynchronous._WAITING", 20)

    async def story() -> None:
        async with await connect_async("memory://", deadline=0.05) as state:
            asked = [state.replay.claim([], now=0) for _ in range(20)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert not stuck.go_on.is_set()  # it hangs still, and everybody has an answer
            assert all(isinstance(each, StateError) and "within 50 ms" in each.detail for each in answers)
            with pytest.raises(StateError, match="20 questions wait"):
                await state.ledger.spent([])
            stuck.go_on.set()
            await asyncio.to_thread(state._threads._pool.shutdown)  # until all are done
            assert not state._threads._waiting

    asyncio.run(story())


def test_what_waits_while_the_state_is_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not asked; what has got a thread is answered."""
    stuck = Stuck()
    real = connect

    def opened(url: str, *, deadline: float) -> State:
        return replace(real(url, deadline=deadline), replay=stuck)

    monkeypatch.setattr("delegate.state.asynchronous.connect", opened)

    async def story() -> None:
        async with await connect_async("memory://", deadline=1_000) as state:
            asked = [asyncio.ensure_future(state.replay.claim([], now=0)) for _ in range(20)]
            for _ in range(16):
                await asyncio.to_thread(stuck.entered.acquire, timeout=20)
        stuck.go_on.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert answers[:16] == [True] * 16
        assert all(isinstance(each, StateError) and "was closed" in each.detail for each in answers[16:])

    asyncio.run(story())


def test_a_thread_that_cannot_be_started_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the store that does not answer, and nothing of it stays counted."""

    def no_thread(*_: object) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    async def story() -> None:
        async with await connect_async("memory://", deadline=20) as state:
            with monkeypatch.context() as patched:
                patched.setattr(threading.Thread, "start", no_thread)
                with pytest.raises(StateError, match="no thread can be started"):
                    await state.ledger.spent([])
            assert not state._threads._waiting
            assert await state.ledger.spent([]) == {}

    asyncio.run(story())


def test_what_is_awaited_goes_on_in_a_child_of_a_fork(engine: Engine) -> None:
    """It starts threads of its own; what waited in its parent waits there. One that was closed stays so."""
    now = engine.now
    state = asyncio.run(connect_async(engine.url, deadline=PATIENT_S))
    assert asyncio.run(state.replay.claim([Claim(b"1" * 32, now + 5, now + 90)], now=now)) is True
    state._threads._waiting.update(range(1_000))  # as if so much waited
    hear, say = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        pid = os.fork()
    if not pid:
        answers: list[object] = [
            asyncio.run(state.replay.claim([Claim(number * 32, now + 5, now + 90)], now=now)) for number in (b"1", b"2")
        ]
        asyncio.run(state.close())
        try:
            asyncio.run(state.ledger.spent([]))
        except StateError:
            answers.append("closed")
        os.write(say, repr(answers).encode())
        os._exit(0)
    os.close(say)
    with os.fdopen(hear) as heard:
        assert heard.read() == repr([Refused(0), True, "closed"])
    os.waitpid(pid, 0)
    state._threads._waiting.clear()
    asyncio.run(state.close())
