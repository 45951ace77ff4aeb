"""Answers of a server that are none: they refuse, spend nothing, and their connection is not used again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from delegate import StateError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, State, connect, postgres, redis
from delegate.state import postgres_schema as sql
from delegate.state.connections import NotUnderstoodError
from tests import servers
from tests.state.conftest import PATIENT_S, emptied

NOW = int(time.time())
CLAIM = Claim(b"i" * 32, NOW + 3_600, NOW + 7_200)  # after any store here began
POOL = Charge(b"b" * 32, "calls", 1, 5, NOW + 7_200)
SIGNER = b"s" * 32
KEY = Record(b"k" * 32, SIGNER, True, 0, TIME_MAX)

OPERATIONS: dict[str, Callable[[State], object]] = {
    "claim": lambda state: state.replay.claim([CLAIM], now=NOW),
    "charge": lambda state: state.ledger.charge([CLAIM], [POOL], now=NOW),
    "settle": lambda state: state.ledger.settle(CLAIM.id, {"calls": 0}, now=NOW),
    "spent": lambda state: state.ledger.spent([POOL.block_id]),
    "add": lambda state: state.revocations.add(Feed(SIGNER, 1, NOW, NOW + 9), [KEY], now=NOW),
    "look up": lambda state: state.revocations.look_up([KEY.subject], [SIGNER]),
    "look up all": lambda state: state.revocations.look_up([KEY.subject]),
    "feeds": lambda state: state.revocations.feeds([SIGNER]),
    "all feeds": lambda state: state.revocations.feeds(),
}
# Of PostgreSQL rows, of Redis what a script gives.
STRANGE: dict[str, tuple[list[Any], ...]] = {
    "postgres": (
        [],
        [()],
        [(None,)],
        [("done", None, None)],
        [(b"\x01", 0, None)],
        [(9, 0, 0)],
        [(2, "0", None)],
        [(5_000,)],
        [("home", b"token", 1, "-1")],
        [(b"home", b"token", 1, -1)],
        [("home", b"token", 1, -1, b"x" * 32, b"y" * 32, True, 0, 1, b"")],
        [("home", b"token", 1, -1, b"x" * 32, "signer", True, 0, 1, "why", "more")],
    ),
    "redis": ([], [9, 0], ["done", 0], [1, 1], [2, b"0"], [3, 0], [b"home"], ["home", b"v", b"-1", []], [[b"x"]]),
}


@pytest.fixture(params=["postgres", "redis"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:  # noqa: ANN401
    """A state, and how to make its server give something else: a function of the answer, or `None`."""
    url = emptied(request.param, request, tmp_path)
    change: list[Callable[[Any], Any] | None] = [None]
    link: Any = {"postgres": postgres._Link, "redis": redis._Link}[request.param]
    name = {"postgres": "rows", "redis": "run"}[request.param]
    real = getattr(link, name)

    def changed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        answer = real(*arguments, **named)
        return answer if change[0] is None else change[0](answer)

    monkeypatch.setattr(link, name, changed)
    with connect(url, deadline=PATIENT_S) as state:
        yield request.param, url, state, change


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_that_is_none_refuses(asked: Any, name: str) -> None:  # noqa: ANN401
    """Whatever it looks like; the next one is understood again, and by another connection."""
    engine, _, state, change = asked
    operation = OPERATIONS[name]
    for strange in STRANGE[engine]:
        if engine == "redis" and strange in ([], [[b"x"]]) and name == "spent":
            continue  # nothing is spent there
        state.ledger.spent([])  # over a connection that is understood so far
        change[0] = lambda _, strange=strange: strange
        state.revocations._memo.forget()
        with pytest.raises(StateError):
            operation(state)
        change[0] = None
        before = state.revocations._links._crew.free[-1].link
        assert before is None, "it is used again"
    operation(state)


def test_a_number_that_no_settlement_gives_refuses(asked: Any) -> None:  # noqa: ANN401
    """Neither yes nor no."""
    engine, _, state, change = asked
    change[0] = lambda _: 2 if engine == "redis" else [(2,)]
    with pytest.raises(StateError):
        OPERATIONS["settle"](state)


@pytest.mark.parametrize("kind", ["other bytes", "nothing"])
def test_a_store_that_gives_back_something_else_is_not_opened(asked: Any, kind: str) -> None:  # noqa: ANN401
    """One byte is another one; or what was to be kept is not there."""
    _, url, _, change = asked

    def spoiled(answer: Any) -> Any:  # noqa: ANN401 - as a server answers
        if isinstance(answer, (list, tuple)):
            return type(answer)(map(spoiled, answer))
        if kind == "nothing":
            return b"" if isinstance(answer, bytes) and len(answer) > 900 else answer
        return answer.replace(b"\xff", b"\xfe") if isinstance(answer, bytes) else answer

    change[0] = spoiled
    with pytest.raises(StateError, match="does not give back the bytes"):
        connect(url, deadline=PATIENT_S)


def test_redis_that_says_neither_that_it_may_nor_why_not_is_not_opened(asked: Any) -> None:  # noqa: ANN401
    """The first thing that is asked of it."""
    engine, url, _, change = asked
    change[0] = lambda _: [1]
    if engine == "redis":
        with pytest.raises(StateError, match="does not fit what it was asked"):
            connect(url, deadline=PATIENT_S)


def test_settings_that_cannot_be_looked_at_are_no_finding_of_loss(
    postgres_running: servers.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator reads that, and not that `fsync` is off."""
    real = postgres._Link.rows

    def rows(link: postgres._Link, statement: str, arguments: Any = ()) -> Any:  # noqa: ANN401
        return [] if "pg_settings" in statement else real(link, statement, arguments)

    with connect(postgres_running.url, deadline=PATIENT_S) as state:
        monkeypatch.setattr(postgres._Link, "rows", rows)
        found = {each.what: each.detail for each in state.check() if not each.ok}
    names = ("fsync", "full_page_writes", "zero_damaged_pages", "synchronous_standby_names")
    assert found == dict.fromkeys(names, "could not be looked at")


def test_what_happened_to_tables_is_told_or_borne(postgres_running: servers.PostgresServer) -> None:
    """Emptied tables have just begun; unlogged ones, and those that everybody may write, are told."""
    with (
        connect(postgres_running.url, deadline=PATIENT_S) as ran,
        psycopg.connect(postgres_running.url, autocommit=True) as operator,
    ):
        assert ran.replay.claim([CLAIM], now=NOW) is True
        operator.execute("TRUNCATE delegate.claims, delegate.counters, delegate.memory")
        operator.execute("ALTER TABLE delegate.feeds SET UNLOGGED")
        operator.execute("GRANT UPDATE ON delegate.pools TO PUBLIC")
        with connect(postgres_running.url, deadline=PATIENT_S) as opened:
            told = {each.what: each.detail for each in opened.check() if not each.ok}
            assert told["tables"] == "UNLOGGED: feeds; a crash empties them"
            assert told["privileges"] == "everybody may write pools"
            assert opened.replay.claim([CLAIM], now=NOW) is True  # it was dated ahead of the beginning
        operator.execute("DROP SCHEMA delegate CASCADE")
        with pytest.raises(StateError, match=r"gone|beginning|exist"):
            OPERATIONS["look up"](ran)
        with pytest.raises(StateError, match="are gone"):
            OPERATIONS["look up"](ran)


def test_a_standby_is_no_memory_and_a_replica_that_is_not_waited_for_is_told(
    postgres_running: servers.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when it is opened, nor by a verifier that was led to it later."""
    real = postgres._Link.rows
    url = postgres_running.url

    def rows(link: postgres._Link, statement: str, arguments: Any = ()) -> Any:  # noqa: ANN401
        answer = real(link, statement, arguments)
        if statement == sql.SEEN:
            return [(True, *answer[0][1:])]
        return [(answer[0][0], False, 2, answer[0][3])] if statement == sql.SERVER else answer

    with connect(url, deadline=PATIENT_S) as state, psycopg.connect(url, autocommit=True) as operator:
        monkeypatch.setattr(postgres._Link, "rows", rows)
        with pytest.raises(StateError, match="only follows another one"):
            connect(url, deadline=PATIENT_S)
        told = {each.what: each.detail for each in state.check() if not each.ok}
        assert told["synchronous_standby_names"].startswith("empty, with 2 replicas")
        state.ledger._links.close()  # type: ignore[attr-defined]
        assert "only follows" in state.check()[0].detail
        operator.execute("DROP SCHEMA delegate CASCADE")


def test_tables_and_a_beginning_are_made_once(postgres_running: servers.PostgresServer) -> None:
    """Whoever waited for another one to make them finds them; tables that vanish before they are tried are none."""
    url = postgres_running.url
    connect(url, deadline=PATIENT_S).close()
    link = postgres._opened(url, PATIENT_S)
    began = link.rows(sql.BEGAN)
    postgres._make_tables(link)
    postgres._begin(link)
    assert link.rows(sql.BEGAN) == began
    link.is_ready = False
    with pytest.raises(NotUnderstoodError, match="are gone"):
        postgres._prove(link)
    link.run("DROP SCHEMA delegate CASCADE")
    link.raw.close()
