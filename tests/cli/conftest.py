"""A desk to work at: a folder with keys from fixed seeds, and a way to run one command line there."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delegate import Identity
from delegate.cli.app import main

NOW = "2026-12-01T12:00Z"
PEOPLE = {
    "alice": "user:alice@example.com",
    "planner": "agent:planner",
    "researcher": "agent:researcher",
    "summarizer": "agent:summarizer",
    "buyer": "agent:buyer",
    "clerk": "agent:clerk",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command line came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


class Desk:
    """A folder with keys, and `run`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        """Make the keys: the same bytes on every run."""
        self.folder = folder
        self._capsys = capsys
        self._patch = patch
        for number, (stem, name) in enumerate(PEOPLE.items(), 1):
            identity = Identity.from_seed(name, bytes([number]) * 32)
            identity.save(folder / f"{stem}.key")
            identity.principal.save(folder / f"{stem}.pub")

    def run(self, *arguments: str, stdin: bytes = b"", now: str | None = NOW) -> Ran:
        """Run `delegate` with these arguments, in this process."""
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        clock = () if now is None else ("--now", now)
        self._capsys.readouterr()
        status = main([*arguments, *clock])
        captured = self._capsys.readouterr()
        return Ran(status=status, out=captured.out, err=captured.err)

    def make(self, file: str, *arguments: str) -> str:
        """Run a command that prints a token; keep it in `file` too."""
        ran = self.run(*arguments)
        assert (ran.status, ran.out.count("\n")) == (0, 1), ran.err
        (self.folder / file).write_text(ran.out)
        return ran.out.strip()


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with a key pair of each and a journal of its own, and no token in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DELEGATE_TOKEN", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("DELEGATE_STATE", raising=False)
    monkeypatch.delenv("DELEGATE_DIRECTORY", raising=False)
    monkeypatch.setenv("DELEGATE_DATA", str(tmp_path / "data"))
    return Desk(tmp_path, capsys, monkeypatch)


MINT = (
    *("mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "8h", "--hops", "3"),
    *("--can", "files.read /data/**", "--can", "pay(amount, currency) if args.amount <= cap", "--let", "cap=500"),
    *("--can", "mail.send", "--if", "args.size < limit", "--let", "limit=1000000"),
    *("--audience", "files.example.com", "--why", "quarterly report"),
)
HAND_ON = (
    *("attenuate", "planner.token", "--key", "planner.key", "--to", "researcher.pub", "--ttl", "2h"),
    *("--can", "files.read /data/**", "--if", "action in allowed", "--let", 'allowed=["files.read","files.list"]'),
    *("--who", "manager=alice"),
)
HAND_ON_AGAIN = (
    *("attenuate", "researcher.token", "--key", "researcher.key", "--to", "summarizer.pub", "--ttl", "22m"),
    *("--can", "files.read /data/q3/**", "--hops", "0"),
)


@pytest.fixture
def story(desk: Desk) -> Desk:
    """The desk with a chain of three hops, in planner.token, researcher.token and summarizer.token."""
    desk.make("planner.token", *MINT)
    desk.make("researcher.token", *HAND_ON)
    desk.make("summarizer.token", *HAND_ON_AGAIN)
    return desk


def asking(resource: str, **args: object) -> list[str]:
    """Options of a request to read."""
    pairs = [part for name, value in args.items() for part in ("--arg", f"{name}={value}")]
    return ["--action", "files.read", "--resource", resource, *pairs]


HERE = ("--audience", "files.example.com")
Prove = Callable[..., str]


@pytest.fixture
def proven(story: Desk) -> Prove:
    """Proves a request with the summarizer's key, into x.proof."""

    def prove(resource: str, **args: object) -> str:
        return story.make(
            "x.proof",
            "prove",
            "summarizer.token",
            "--key",
            "summarizer.key",
            "--anyway",
            *HERE,
            *asking(resource, **args),
        )

    return prove
