"""Where a directory is kept: which URLs, which files, which servers, and what happens when they fail (SPEC §10.5)."""

from __future__ import annotations

import builtins
import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from delegate import Reason, StateError
from delegate.directory import connect
from delegate.state import connect as connect_state
from tests import servers
from tests.directory.conftest import ALICE, NOW, PLANNER, Place, emptied


def unavailable(call: Callable[[], object], words: str) -> None:
    """A call is refused because the directory cannot say."""
    with pytest.raises(StateError) as caught:
        call()
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    assert words in caught.value.detail


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "directory.db",
            "memory://",
            "redis://localhost",
            "mysql://x",
            "sqlite://x.db",
            "sqlite:///",
            "sqlite:///:memory:",
        ),
        *(
            "sqlite:///a b.db",
            "sqlite:///x.db?mode=ro",
            "sqlite:////",
            "sqlite:///folder/",
            "sqlite:///file:x",
            "SQLITE:///x",
        ),
        *("postgresql://a b", "postgresql://u:p@ss@host/db", "postgresql://host/db?nonsense=1", "postgresql:///\n"),
    ],
)
def test_a_url_of_another_form_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word of it, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="directory URL") as caught:
        connect(url)
    assert "p@ss" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_is_above_nothing(deadline: float) -> None:
    """As for a state."""
    with pytest.raises(ValueError, match="a deadline is"):
        connect("sqlite:///x.db", deadline=deadline)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError that says what to install."""
    for name in ("delegate.directory.postgres", "delegate.state.postgres"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> object:  # noqa: ANN401 - as `__import__`
        if name.partition(".")[0] == "psycopg":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'delegate-token\[postgres\]'"):
        connect("postgresql:///x")


def test_a_file_is_its_owner_s_alone_and_of_its_own_kind(tmp_path: Path) -> None:
    """Mode 0600; a state file is no directory, nor the other way round, nor is anything else."""
    directory, state = f"sqlite:///{tmp_path}/directory.db", f"sqlite:///{tmp_path}/state.db"
    connect(directory).close()
    connect_state(state).close()
    assert stat.S_IMODE((tmp_path / "directory.db").stat().st_mode) == 0o600
    unavailable(lambda: connect(state), "the file is a database of something else")
    unavailable(lambda: connect_state(directory), "the file is a database of something else")
    (tmp_path / "note.txt").write_text("not a database, and longer than a header of SQLite is" * 10)
    (tmp_path / "note.txt").chmod(0o600)
    unavailable(lambda: connect(f"sqlite:///{tmp_path}/note.txt"), "the directory file: ")
    (tmp_path / "link.db").symlink_to(tmp_path / "directory.db")
    unavailable(lambda: connect(f"sqlite:///{tmp_path}/link.db"), "symbolic link")
    unavailable(lambda: connect(f"sqlite:///{tmp_path}/none/x.db"), "the directory file: no such file")
    with sqlite3.connect(tmp_path / "directory.db") as connection:
        connection.execute("PRAGMA user_version = 2")
    unavailable(lambda: connect(directory), "the directory file has version 2; this program knows 1")


def test_a_file_that_was_removed_or_replaced_refuses(tmp_path: Path) -> None:
    """It is one file from its first opening on: another would know of nobody who was disabled."""
    path = tmp_path / "directory.db"
    directory = connect(f"sqlite:///{path}", clock=lambda: NOW)
    directory.add(PLANNER.principal)
    for each in tmp_path.iterdir():
        each.rename(each.with_name(f"old-{each.name}"))
    unavailable(lambda: directory.find([PLANNER.public_key.thumbprint], now=NOW), "the directory file")
    with connect(f"sqlite:///{path}") as another:
        assert list(another) == []
        unavailable(lambda: directory.find([PLANNER.public_key.thumbprint], now=NOW), "removed or replaced")
        unavailable(lambda: directory.add(ALICE.principal), "removed or replaced")


def test_a_file_that_another_writes_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    """Whoever looks is not held up; whoever changes something is refused in the end, and nothing was changed."""
    url = f"sqlite:///{tmp_path}/directory.db"
    directory = connect(url, deadline=0.05, clock=lambda: NOW)
    with sqlite3.connect(tmp_path / "directory.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        unavailable(lambda: directory.add(PLANNER.principal), "the directory file was busy for 50 ms")
        assert list(directory) == []
        other.execute("ROLLBACK")
    other.close()
    directory.add(PLANNER.principal)


def test_no_reference_leads_nowhere(tmp_path: Path) -> None:
    """The tables themselves take no key and no event without its principal, and no two of what is one."""
    url = f"sqlite:///{tmp_path}/directory.db"
    with connect(url, clock=lambda: NOW) as directory:
        directory.add(PLANNER.principal)
    with sqlite3.connect(tmp_path / "directory.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for statement in (
            "INSERT INTO keys VALUES (x'', x'01', x'02', x'03', 1, NULL)",
            "INSERT INTO events VALUES (x'', x'02', 0, 1, x'', x'')",
            "INSERT INTO keys VALUES (x'61', x'01', (SELECT name FROM principals), x'03', 1, NULL)",
            "DELETE FROM principals",
            "INSERT INTO principals SELECT * FROM principals",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
    connection.close()


def test_parent_and_child_go_on_after_a_fork(place: Place) -> None:
    """Each with connections of its own: the child reads and writes, and so does the parent."""
    directory = place.open()
    directory.add(PLANNER.principal)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            found = directory.get(PLANNER.name)
            directory.disable(PLANNER.name)
            os.write(theirs, b"done" if found is not None else b"lost")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 4) == b"done"
    entry = directory.get(PLANNER.name)
    assert entry is not None
    assert entry.disabled == NOW
    os.close(ours)
    os.close(theirs)


CHANGES = {
    "a later version": ("UPDATE delegate_directory.about SET version = 2", "another version than 1"),
    "no version": ("DELETE FROM delegate_directory.about", "another version than 1"),
    "a table that is missing": ("DROP TABLE delegate_directory.events", "delegate_directory.events is not as"),
    "a key that is missing": (
        "ALTER TABLE delegate_directory.events DROP CONSTRAINT events_pkey",
        "delegate_directory.events has not its primary key",
    ),
    "another key": (
        "ALTER TABLE delegate_directory.keys DROP CONSTRAINT keys_pkey, ADD PRIMARY KEY (thumbprint)",
        "delegate_directory.keys has not its primary key",
    ),
    "a rule": (
        "CREATE RULE r AS ON INSERT TO delegate_directory.keys DO INSTEAD NOTHING",
        "delegate_directory.keys is not as this program makes it",
    ),
    "a function": (
        "CREATE FUNCTION delegate_directory.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "the schema delegate_directory has functions",
    ),
    "somebody else's": (
        "CREATE ROLE mallory; GRANT CREATE ON SCHEMA delegate_directory TO mallory",
        "others than its owner may create things",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tables_that_are_not_as_this_program_makes_them_are_refused(
    change: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """When a connection is opened: whoever could change them could make anybody known."""
    place = Place(name="postgres", url=emptied("postgres", request, tmp_path))
    place.open().close()
    statement, words = CHANGES[change]
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(statement.encode())
    try:
        unavailable(place.open, words)
    finally:
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP SCHEMA delegate_directory CASCADE")
            connection.execute("DROP ROLE IF EXISTS mallory")


def test_tables_that_go_away_refuse_and_come_back_only_by_connecting_anew(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """An open directory makes no empty one in their place."""
    place = Place(name="postgres", url=emptied("postgres", request, tmp_path))
    directory = place.open()
    directory.add(PLANNER.principal)
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA delegate_directory CASCADE")
    for _ in range(3):
        with pytest.raises(StateError):
            directory.find([PLANNER.public_key.thumbprint], now=NOW)
    assert list(place.open()) == []
    place.close()


def test_a_server_that_hangs_is_waited_for_until_the_deadline() -> None:
    """And asked again when it goes on; with its password nowhere."""
    with servers.postgres_server() as server:
        directory = connect(server.url, deadline=0.5, clock=lambda: NOW)
        directory.add(PLANNER.principal)
        server.freeze()
        unavailable(lambda: directory.find([PLANNER.public_key.thumbprint], now=NOW), "did not answer within 500 ms")
        server.thaw()
        server.stop()
        unavailable(lambda: directory.find([PLANNER.public_key.thumbprint], now=NOW), "")
        unavailable(lambda: connect(server.url), "")
        server.start()
        assert directory.find([PLANNER.public_key.thumbprint], now=NOW)
        directory.close()


def test_a_url_shows_no_password() -> None:
    """Neither in what is refused, nor in what is open."""
    with pytest.raises(StateError) as caught:
        connect("postgresql://alice:hunter2@127.0.0.1:1/db")
    assert "hunter2" not in f"{caught.value!s} {caught.value!r}"
