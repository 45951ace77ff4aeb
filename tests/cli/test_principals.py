"""`delegate principal`, and `verify` and `check` with a directory (SPEC §10.5)."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from delegate import Identity
from tests.cli.conftest import Desk, Ran

URL = "sqlite:///directory.db"
ALICE, PLANNER = "user:alice@example.com", "agent:planner"


@pytest.fixture
def house(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk with a directory in which Alice answers for the planner, and nobody for the buyer."""
    monkeypatch.setenv("DELEGATE_DIRECTORY", URL)
    done(desk, "add", "alice.pub")
    done(desk, "add", "planner.pub", "--sponsor", ALICE, "--owner", "svc:platform", "--model", "large-2")
    done(desk, "add", "buyer.pub")
    Identity.from_seed(PLANNER, b"n" * 32).principal.save(desk.folder / "newer.pub")
    return desk


def principal(desk: Desk, *arguments: str, **more: Any) -> Ran:  # noqa: ANN401 - as `run`
    """Run one of the commands."""
    return desk.run("principal", *arguments, **more)


def done(desk: Desk, *arguments: str, **more: Any) -> Ran:  # noqa: ANN401 - as `run`
    """Run one that does what it should."""
    ran = principal(desk, *arguments, **more)
    assert ran.status == 0, ran.err
    return ran


def names(desk: Desk, *arguments: str, **more: Any) -> list[str]:  # noqa: ANN401 - as `run`
    """Whom `list` shows."""
    return [each["name"] for each in done(desk, "list", *arguments, "--json", **more).json["principals"]]


def test_a_directory_from_the_first_key_to_a_rotation(house: Desk) -> None:
    """Add, list, show, disable, enable, rotate, assign: as a person would, line by line."""
    ran = done(house, "list")
    assert ran.out.splitlines()[0].startswith("agent:buyer ")
    assert "no sponsor" in ran.out
    assert names(house) == ["agent:buyer", PLANNER, ALICE]
    assert done(house, "disable", PLANNER, "--why", "misbehaved").err == f"disabled: {PLANNER}\n"
    assert names(house, "--disabled") == [PLANNER]
    assert done(house, "enable", PLANNER).err == f"enabled: {PLANNER}\n"
    assert (
        done(house, "rotate", "newer.pub", "--overlap", "8h", "--why", "every 90 days").err == f"rotated: {PLANNER}\n"
    )
    assert done(house, "assign", PLANNER, "--version", "2").err == f"assigned: {PLANNER}\n"
    ran = done(house, "show", PLANNER)
    assert [line.split()[0] for line in ran.out.splitlines() if line[0] != " "] == [
        *("name", "sponsor", "owner", "model", "version", "added", "key", "key"),
        *("added", "disabled", "enabled", "rotated", "assigned"),
    ]
    assert "why: every 90 days" in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= 100
    shown = done(house, "show", PLANNER, "--json").json
    assert [each["until"] is None for each in shown["keys"]] == [False, True]
    for key in shown["keys"]:  # an old event's thumbprint leads to the person
        assert done(house, "show", key["thumbprint"], "--json").json["sponsor"] == ALICE
    assert done(house, "show", "planner.pub", "--json").json["name"] == PLANNER


def test_questions_about_many(house: Desk) -> None:
    """Orphans, old keys, kinds, sponsors and owners; several questions at once."""
    assert names(house, "--orphaned") == ["agent:buyer"]
    done(house, "disable", ALICE)
    assert names(house, "--orphaned") == ["agent:buyer", PLANNER]
    assert f"sponsor {ALICE} (disabled)" in done(house, "list", "--orphaned").out
    assert names(house, "--unrotated", "90d") == []
    later = "2027-03-02T12:00Z"
    done(house, "rotate", "newer.pub", now=later)
    assert names(house, "--unrotated", "90d", now=later) == ["agent:buyer"]
    assert names(house, "--kind", "agent") == ["agent:buyer", PLANNER]
    assert names(house, "--sponsor", ALICE) == names(house, "--owner", "svc:platform") == [PLANNER]
    assert names(house, "--kind", "user", "--orphaned") == []
    assert done(house, "list", "--kind", "svc").err == "no principal is so\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "planner.pub"), "agent:planner is in the directory already"),
        (("add", "newer.pub"), "a new key for the same party is a rotation"),
        (("add", "clerk.pub", "--sponsor", "agent:planner"), "a sponsor is a person"),
        (("add", "agent:clerk", "--key", "buyer.pub"), "buyer.pub is the key of agent:buyer, not of agent:clerk"),
        (("rotate", "clerk.pub"), "there is no `agent:clerk` in the directory"),
        (("rotate", "agent:buyer", "newer.pub"), "newer.pub is the key of agent:planner, not of agent:buyer"),
        (("rotate", "planner.pub"), "already, or was"),
        (("disable", "agent:clerk"), "there is no `agent:clerk`"),
        (("assign", "agent:planner", "--code", "latest"), "code is a digest"),
        (("show", "agent:clerk"), "there is no `agent:clerk`"),
        (("show", "ab" * 32), "there is no `abab"),
    ],
)
def test_what_the_directory_does_not_take_is_refused(house: Desk, arguments: tuple[str, ...], words: str) -> None:
    """Status 1, one line, and the same as JSON; nothing is changed."""
    before = done(house, "export", now=None).out
    ran = principal(house, *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("refused: ")
    assert words in ran.err
    ran = principal(house, *arguments, "--json")
    assert (ran.status, ran.err, ran.json["exit"]) == (1, "", 1)
    assert done(house, "export", now=None).out == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rotate", PLANNER), "say which key is new"),
        (("rotate", PLANNER, "newer.pub", "--key", "newer.pub"), "give the new key once"),
        (("add", "planner.pub", "--key", "planner.pub"), "is no name"),
        (("assign", PLANNER), "say what to change"),
        (("list", "--unused", "30d"), "say which log knows: --log URL"),
        (("list", "--tenant", "a b"), "--tenant: a tenant is"),
        (("list", "--directory", "redis://x"), "--directory: not a URL like"),
        (("import", "planner.pub", "--column", "boss=x"), "--column: there is no field `boss`"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(house: Desk, arguments: tuple[str, ...], words: str) -> None:
    """Status 2, and what was meant."""
    ran = principal(house, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err


def test_no_file_is_made_by_looking(desk: Desk) -> None:
    """A mistyped URL is an error for whoever looks or takes away; adding makes the file, and says so."""
    for arguments in (("list",), ("show", PLANNER), ("disable", PLANNER), ("export",), ("rotate", "planner.pub")):
        ran = principal(desk, *arguments, "--directory", URL, now=None)
        assert ran.status == 5
        assert "no such directory file: directory.db" in ran.err
    ran = principal(desk, "list")
    assert ran.status == 2
    assert "no directory: give --directory" in ran.err
    assert not (desk.folder / "directory.db").exists()
    ran = principal(desk, "add", "planner.pub", "--directory", URL)
    assert ran.err == f"made the directory file directory.db\nadded: {PLANNER}\n"


def test_tenants_see_their_own_alone(house: Desk) -> None:
    """At the command line: every output of one is the same with and without the other's."""
    done(house, "add", "planner.pub", "--tenant", "acme")

    def told() -> list[str]:
        words = (("list",), ("show", PLANNER), ("list", "--orphaned", "--json"))
        exported = done(house, "export", "--tenant", "acme", now=None).out
        return [exported, *(done(house, *each, "--tenant", "acme").out for each in words)]

    alone = told()
    done(house, "add", "clerk.pub", "--tenant", "other")
    done(house, "add", "planner.pub", "--tenant", "other", "--sponsor", ALICE)
    done(house, "disable", PLANNER, "--tenant", "other")
    assert told() == alone
    assert names(house, "--tenant", "acme") == [PLANNER]
    assert names(house) == ["agent:buyer", PLANNER, ALICE]


def test_import_and_export(house: Desk) -> None:
    """What was exported comes back in another directory, from each form; a second time nothing changes."""
    done(house, "rotate", "newer.pub")
    for form in ("json", "jsonl"):
        done(house, "export", "--format", form, "-o", f"all.{form}", now=None)
        ran = done(house, "import", f"all.{form}", "--directory", f"sqlite:///{form}.db")
        assert ran.err.endswith("added 3 principals\n")
        ran = done(house, "import", f"all.{form}", "--directory", f"sqlite:///{form}.db", "--json")
        assert (ran.json["added"], ran.json["unchanged"]) == (0, 3)
        again = done(house, "export", "--json", "--directory", f"sqlite:///{form}.db", now=None).json["principals"]
        mine = done(house, "export", "--json", now=None).json["principals"]
        assert [{**each, "history": each["history"][:-1]} for each in again] == mine
    text = done(house, "export", "--format", "csv", now=None).out
    ran = done(house, "import", "-", "--directory", "sqlite:///csv.db", stdin=text.encode())
    assert ran.err.endswith("added 3 principals\n")


def test_columns_of_another_s_file(house: Desk) -> None:
    """CSV as a personnel office writes it: the names of its columns, and one that is left out."""
    (house.folder / "agents.csv").write_text("Agent,Responsible,Cost centre\nagent:x,user:alice@example.com,17\n")
    mapped = ("--column", "name=Agent", "--column", "sponsor=Responsible")
    ran = principal(house, "import", "agents.csv", *mapped)
    assert ran.status == 1
    assert "line 1: unknown column `Cost centre`" in ran.err
    done(house, "import", "agents.csv", *mapped, "--skip", "Cost centre")
    assert names(house, "--sponsor", ALICE) == [PLANNER, "agent:x"]


def test_every_fault_of_an_import_is_told_by_its_line(house: Desk) -> None:
    """On stderr one a line, in JSON as objects; and nothing was added."""
    lines = [{"name": "agent:x"}, {"name": "nobody"}, {"name": PLANNER}, {"name": "agent:y", "colour": "red"}]
    (house.folder / "agents.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ran = principal(house, "import", "agents.jsonl")
    assert ran.status == 1
    first, second, last = ran.err.splitlines()
    assert first.startswith("line 2: name `nobody`")
    assert second.startswith("line 4: unknown field `colour`")
    assert last == "refused: 2 faults in agents.jsonl; nothing was added"
    (house.folder / "agents.jsonl").write_text("\n".join(map(json.dumps, [lines[0], lines[2]])))
    ran = principal(house, "import", "agents.jsonl", "--json")
    assert [each["line"] for each in ran.json["faults"]] == [2]
    assert "with another key" in ran.json["faults"][0]["detail"]
    assert names(house) == ["agent:buyer", PLANNER, ALICE]
    assert principal(house, "import", "nothing.json").status == 5


def test_progress_is_shown_on_a_terminal_and_nowhere_else(house: Desk) -> None:
    """A line that is written over, and gone in the end; none in a pipe, and none with `--json`."""
    (house.folder / "many.csv").write_text("name\n" + "".join(f"user:{n}\n" for n in range(600)))

    def run(url: str, *more: str) -> str:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "delegate", "principal", "import", "many.csv", "--directory", url, *more]
        subprocess.run(command, stderr=theirs, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - our own command
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
        os.close(ours)
        return said.decode()

    assert "imported 500 of 600\r\x1b[Kimported 600 of 600\r\x1b[K" in run("sqlite:///a.db")
    assert run("sqlite:///b.db", "--json") == ""
    assert "imported" not in done(house, "import", "many.csv", "--directory", "sqlite:///c.db").err


class FakeLog:
    """A log as `--unused` asks it."""

    def __init__(self, since: int | None, used: Mapping[bytes, int]) -> None:
        """Take what it knows."""
        self.since = since
        self.used = used

    def complete_since(self) -> int | None:
        """From when on it has everything."""
        return self.since

    def last_used(self, thumbprints: Sequence[bytes]) -> Mapping[bytes, int]:
        """When each was last used."""
        return {each: self.used[each] for each in thumbprints if each in self.used}

    def close(self) -> None:
        """Nothing to close."""


def test_unused_is_said_only_of_what_the_log_could_have_seen(house: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer principal and a short log are not known; whoever acted with an old key is used."""
    later, day = "2027-03-02T12:00Z", 86_400
    at = 1_803_988_800
    planner = Identity.from_seed(PLANNER, bytes([2]) * 32).public_key.thumbprint
    opened: list[tuple[str, dict[str, str]]] = []
    log = FakeLog(0, {planner: at - day})

    def connect(url: str, **more: str) -> FakeLog:
        if url == "nonsense":
            message = "not a log's URL"
            raise ValueError(message)
        opened.append((url, more))
        return log

    audit = ModuleType("delegate.audit")
    audit.connect = connect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "delegate.audit", audit)
    monkeypatch.setenv("DELEGATE_LOG", "sqlite:///audit.db")
    assert "no such log file: audit.db" in principal(house, "list", "--unused", "30d").err
    (house.folder / "audit.db").touch()
    done(house, "rotate", "newer.pub", now=later)
    done(house, "add", "clerk.pub", now=later)

    def uses() -> dict[str, str]:
        found = done(house, "list", "--unused", "30d", "--json", now=later).json["principals"]
        return {each["name"]: each["use"] for each in found}

    assert uses() == {"agent:buyer": "unused", "agent:clerk": "unknown", ALICE: "unused"}
    assert "not known whether it is used" in done(house, "list", "--unused", "30d", now=later).out
    log.since = at - day
    assert set(uses().values()) == {"unknown"}
    log.since = None
    assert set(uses().values()) == {"unknown"}
    log.since, log.used = 0, {planner: at - 31 * day}
    assert uses()[PLANNER] == "unused"
    done(house, "list", "--unused", "30d", "--tenant", "acme", now=later)
    assert opened[-1] == ("sqlite:///audit.db", {"tenant": "acme"})
    ran = principal(house, "list", "--unused", "30d", "--log", "nonsense")
    assert (ran.status, "not a log's URL" in ran.err) == (2, True)


def test_verify_and_check_ask_the_directory(house: Desk) -> None:
    """They say whose names are borne out; and refuse the unknown where they are told to."""
    house.make(
        "planner.token", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "files.read /**", "--ttl", "8h"
    )
    ran = house.run("verify", "planner.token", "--root", "alice.pub")
    assert "names: agent:planner vouched for ✓" in ran.out
    assert "names: agent:planner vouched for ✓" in house.run("inspect", "planner.token", "--root", "alice.pub").out
    assert "names: " not in house.run("inspect", "planner.token", "--root", "alice.pub", "--directory", "").out
    request = ("--action", "files.read", "--resource", "/a")
    house.make("x.proof", "prove", "planner.token", "--key", "planner.key", "--audience", "files", *request)
    verify = ("verify", "x.proof", "--root", "alice.pub", "--audience", "files", *request)
    check = ("check", "planner.token", "--root", "alice.pub", *request)
    for command in (verify, check, ("verify", "planner.token", "--root", "alice.pub")):
        assert house.run(*command, "--require-known").status == 0
    assert house.run(*verify, "--policy", "holder.who.model == 'large-2'").status == 0
    done(house, "disable", PLANNER)
    for command in (verify, check, ("verify", "planner.token", "--root", "alice.pub")):
        ran = house.run(*command, "--require-known")
        assert (ran.status, "agent:planner is disabled [principal_unknown]" in ran.err) == (1, True)
        assert house.run(*command).status == 0
        assert "names: " not in house.run(*command).out
    ran = house.run(*verify, "--require-known", "--tenant", "acme", "--json")
    assert ran.json["reason"] == "wrong_tenant"
    ran = house.run(*verify, "--require-known", "--directory", "")
    assert (ran.status, "require_known without directory" in ran.err) == (2, True)
    ran = house.run(*verify, "--directory", "sqlite:///none.db")
    assert (ran.status, "no such directory file" in ran.err) == (5, True)
