"""The four engines, each on what it really runs on, empty at the start of every test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis

from delegate.state import State, claims, connect
from tests import servers

ENGINES = ("memory", "sqlite", "redis", "postgres")
SHARED = ENGINES[1:]
PATIENT_S = 20.0  # a busy machine is no fault: tests of what is decided wait long


@dataclass(kw_only=True)
class Engine:
    """An engine with nothing in it yet."""

    name: str
    url: str
    state: State = field(init=False)
    now: int = field(init=False)
    _opened: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open it, then look at the clock: what is asked of it is no older than it is."""
        self.state = self.open()
        self.now = int(time.time())

    def open(self, *, deadline: float = PATIENT_S) -> State:
        """Open the same data once more, as another process would; memory cannot be shared."""
        if self.name == "memory" and self._opened:
            return self._opened[0]
        opened = connect(self.url, deadline=deadline)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all that was opened."""
        for each in self._opened:
            each.close()


@pytest.fixture(scope="session")
def redis_running() -> Iterator[servers.RedisServer]:
    """One Redis for all tests of this process."""
    with servers.redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_running() -> Iterator[servers.PostgresServer]:
    """One PostgreSQL for all tests of this process."""
    with servers.postgres_server() as server:
        yield server


def emptied(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an engine with nothing in it."""
    if name == "memory":  # as of a process that has just begun
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        patch.setattr(claims, "_OF_THIS_PROCESS", claims.Claims(since=claims._START.at))
        return "memory://"
    if name == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    server: servers.Server = request.getfixturevalue(f"{name}_running")
    if name == "redis":
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
    else:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP SCHEMA IF EXISTS delegate CASCADE")
    return server.url


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each of the four engines."""
    opened = Engine(name=request.param, url=emptied(request.param, request, tmp_path))
    yield opened
    opened.close()


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each of the engines that several processes can share."""
    opened = Engine(name=request.param, url=emptied(request.param, request, tmp_path))
    yield opened
    opened.close()
