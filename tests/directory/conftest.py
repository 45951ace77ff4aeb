"""A directory on each engine, empty at the start of every test, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from delegate import Identity, Principal
from delegate.directory import Directory, connect
from tests.state.conftest import postgres_running

__all__ = ["postgres_running"]

NOW = 1_780_000_000
PATIENT_S = 20.0  # a busy machine is no fault


def person(name: str, number: int = 0) -> Identity:
    """Somebody whose key is the same on every run."""
    seed = f"{name} {number}".encode()[:32].ljust(32, b".")
    return Identity.from_seed(name, seed)


ALICE, BOB = person("user:alice@example.com"), person("user:bob@example.com")
PLANNER, WORKER = person("agent:planner"), person("agent:worker")
NEWER = person("agent:planner", 2)


def key_of(name: str, number: int = 0) -> Principal:
    """A name with its key."""
    return person(name, number).principal


@dataclass(kw_only=True)
class Place:
    """Where a directory is, and what time it is there."""

    name: str
    url: str
    now: int = NOW
    _opened: list[Directory] = field(default_factory=list)

    def open(self, tenant: str | None = None, *, deadline: float = PATIENT_S) -> Directory:
        """Open it once more, as another process would."""
        opened = connect(self.url, tenant=tenant, deadline=deadline, clock=lambda: self.now)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all that was opened."""
        for each in self._opened:
            each.close()


def emptied(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an engine with nothing in it."""
    if name == "sqlite":
        return f"sqlite:///{tmp_path}/directory.db"
    url: str = request.getfixturevalue("postgres_running").url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA IF EXISTS delegate_directory CASCADE")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each of the engines."""
    found = Place(name=request.param, url=emptied(request.param, request, tmp_path))
    yield found
    found.close()


@pytest.fixture
def directory(place: Place) -> Directory:
    """An empty directory of a house without tenants."""
    return place.open()
