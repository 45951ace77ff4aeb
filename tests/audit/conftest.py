"""A service, a person and two agents, and logs on what they really run on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from delegate import Identity, Request, Token, Verifier
from delegate.audit import AuditEvent, Log, Route
from delegate.audit.events import Kind, salted
from delegate.audit.routes import route_of
from tests import servers

ALICE = Identity.from_seed("user:alice@example.com", bytes(32))
PLANNER = Identity.from_seed("agent:planner", b"p" * 32)
WORKER = Identity.from_seed("agent:worker", b"w" * 32)
NOW = 1_790_000_000
SERVICE = "files.example.com"
READ = Request("files.read", "/reports/q3.csv", {"size": 10})
TOO_LARGE = Request("files.read", "/reports/q3.csv", {"size": 5000})


def chain(why: str = "quarterly report") -> Token:
    """Alice → planner → worker."""
    token = ALICE.mint(to=PLANNER.principal, can="files.read /reports/**", ttl="8h", hops=1, why=why, now=NOW)
    return PLANNER.attenuate(token, to=WORKER.principal, caveats=["args.size < 1000"], now=NOW)


TOKEN = chain()


def verifier(**options: object) -> Verifier:
    """A verifier that trusts Alice, by a clock that stands."""
    given = {"audience": SERVICE, "clock": lambda: NOW + 10, **options}
    return Verifier([ALICE.principal], **given)  # type: ignore[arg-type]


def proof(request: Request = READ, token: Token = TOKEN) -> str:
    """What the worker presents."""
    return WORKER.prove(token, request, SERVICE, now=NOW + 10).to_text()


def route() -> Route:
    """Who acts through whom, of `TOKEN`."""
    return route_of(verifier().verify_chain(TOKEN), {})


ROUTE = route()


def event(number: int = 0, **changes: object) -> AuditEvent:
    """An event; no two with different numbers are alike."""
    salt = number.to_bytes(16)
    made = AuditEvent(
        kind=Kind.DECISION, time=NOW + number, service=SERVICE, tenant="", route=ROUTE, action="files.read",
        resource=f"/reports/{number}.csv", salt=salt, digest=salted(salt, READ.digest), args=None, allowed=True,
        reason=None, hop=None, condition=None, proof_id=bytes(32), charges={}, approvers=(), traceparent=None,
        claimed=None, omitted=0,
    )  # fmt: skip
    return made._replace(**changes)  # type: ignore[arg-type] # fields by their names


def refused(number: int, reason: str = "caveat_failed", hop: int | None = 1, **changes: object) -> AuditEvent:
    """The same, refused."""
    return event(number, allowed=False, reason=reason, hop=hop, proof_id=None, **changes)


@dataclass(kw_only=True)
class Place:
    """Where a log is, and how to open it."""

    name: str
    url: str
    _opened: list[Log] = field(default_factory=list)

    def open(self, **options: object) -> Log:
        """Open it once more."""
        log = Log(self.url, **{"deadline": 20.0, **options})  # type: ignore[arg-type]
        self._opened.append(log)
        return log

    def close(self) -> None:
        """Close all that was opened."""
        for each in self._opened:
            each.close()


@pytest.fixture(scope="session")
def postgres_running() -> Iterator[servers.PostgresServer]:
    """One PostgreSQL for all tests of this process."""
    with servers.postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each engine, with nothing in it."""
    url = f"sqlite:///{tmp_path}/audit.db"
    if request.param == "postgres":
        server: servers.PostgresServer = request.getfixturevalue("postgres_running")
        url = server.url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP SCHEMA IF EXISTS delegate_log CASCADE")
    opened = Place(name=request.param, url=url)
    yield opened
    opened.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log in a file."""
    with Log(f"sqlite:///{tmp_path}/audit.db", deadline=20.0) as opened:
        yield opened


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Run in a folder of its own; gives the path of a file in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DELEGATE_DATA", os.fspath(tmp_path / "data"))
    return lambda name: tmp_path / name
