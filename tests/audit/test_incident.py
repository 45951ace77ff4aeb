"""A staged incident: three people, eight agents, 10,000 requests, and one agent that was misled. The transcript."""

from __future__ import annotations

import json
import random
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from delegate import Identity, Request, Token, Verifier
from delegate.audit import Log, Recorder, keep_arguments
from delegate.cli import main
from tests.audit.conftest import NOW

SERVICE = "tools.example.com"
PEOPLE = ("alice", "bob", "carol")
AGENTS = ("planner", "mailer", "researcher", "coder", "tester", "buyer", "clerk", "scribe")
COUNT = 10_000
SECRET = Request("files.read", "/secrets/api-key.txt")
MAIL = Request("mail.send", None, {"to": "eve@evil.example", "size": 900})


class Batches:
    """A sink that keeps events, so that 10,000 are written in few batches."""

    required = False

    def __init__(self) -> None:
        self.events: list = []  # type: ignore[type-arg]

    def take(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Keep it."""
        self.events.append(event)


def staged(folder: Path) -> tuple[str, Token]:
    """Play it, and leave keys, a token and a log; gives the URL and the chain of the misled agent."""
    people = {name: Identity.from_seed(f"user:{name}@example.com", name.encode().ljust(32)) for name in PEOPLE}
    agents = {name: Identity.from_seed(f"agent:{name}", name.encode().ljust(32)) for name in AGENTS}
    for each in people.values():
        each.save(folder / f"{each.name.split(':')[1].split('@')[0]}.key")
        each.principal.save(folder / f"{each.name.split(':')[1].split('@')[0]}.pub")
    sink = Batches()
    recorder = Recorder(sink, arguments=keep_arguments("size"))
    now = [NOW]
    verifier = Verifier(
        [each.principal for each in people.values()], audience=SERVICE, clock=lambda: now[0], audit=recorder
    )
    chains: list[tuple[Identity, Token]] = []
    for name, helpers in (("alice", AGENTS[:3]), ("bob", AGENTS[3:6]), ("carol", AGENTS[6:])):
        first, *others = (agents[each] for each in helpers)
        can = ["files.read /**", "mail.send"]
        token = people[name].mint(to=first.principal, can=can, ttl="30d", hops=2, why=f"{name}'s desk", now=NOW)
        chains.append((first, token))
        chains += [(each, first.attenuate(token, to=each.principal, now=NOW)) for each in others]
    dice = random.Random(14)  # noqa: S311 - a staged story
    allowed = [Request("files.read", f"/desk/{number}.txt") for number in range(20)]
    templates = []
    for agent, token in chains:
        for request in (*allowed, Request("files.write", "/desk/1.txt")):
            verifier.decide(agent.prove(token, request, SERVICE, now=NOW), request)
            templates.append(sink.events.pop())
    mailer, of_mailer = chains[1]
    for number in range(COUNT):
        now[0] = NOW + number
        if number in {7_200, 7_203}:
            request = SECRET if number == 7_200 else MAIL
            assert verifier.decide(mailer.prove(of_mailer, request, SERVICE, now=now[0]), request).allowed
            continue
        template = templates[dice.randrange(len(templates))]
        sink.events.append(template._replace(time=now[0], salt=number.to_bytes(16)))
    url = f"sqlite:///{folder}/audit.db"
    with Log(url, deadline=20.0) as log:
        log.append(sink.events)
    (folder / "mailer.token").write_text(of_mailer.to_text())
    return url, of_mailer


def test_from_the_mail_to_the_person_in_two_commands(
    at: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which mail went out, on whose authority and through which hop; and what ends it."""
    folder = at("")
    url, token = staged(folder)
    monkeypatch.setenv("DELEGATE_LOG", url)

    def run(*arguments: str, status: int = 0) -> str:
        assert main(list(arguments)) == status
        return capsys.readouterr().out

    # 1. What mails were sent at all?
    found = json.loads(run("audit", "trace", "mail.send", "--by", "action", "--json"))
    assert found["total"]["allowed"] == 1
    (mail,) = found["events"]
    assert (mail["event"], mail["args"], mail["originator"]) == (7_203, {"size": 900}, "user:alice@example.com")
    lines = run("audit", "trace", "mail.send", "--by", "action").splitlines()
    assert lines[:3] == [
        "user:alice@example.com",
        "└ agent:planner  (as named by the hop above)",
        "  └ agent:mailer  (as named by the hop above; for alice's desk)",
    ]
    assert lines[3].split()[:3] == ["mail.send", "1", "allowed"]

    # 2. All of that event, and what takes it back.
    shown = run("audit", "trace", "7203")
    assert "originator user:alice@example.com" in shown
    assert "hop 1      agent:planner → agent:mailer (named by agent:planner)" in shown
    assert mail["hops"][1]["block_id"] in shown
    commands = [line for line in run("audit", "trace", "7203", "--revoke").splitlines() if not line.startswith("#")]
    assert len(commands) == 3
    assert mail["hops"][1]["block_id"] in commands[0]
    assert mail["hops"][0]["block_id"] in commands[1]
    assert "--thumbprint" in commands[2]

    # What else did it do? The secret was read just before.
    assert "/secrets/api-key.txt" in run("audit", "trace", "agent:mailer", "--until", "2026-09-21T16:13:30Z")
    lines = run("audit", "trace", "/secrets/**", "--by", "resource").splitlines()
    assert re.match(r"✓ +7200 .* files.read /secrets/api-key.txt$", lines[-1])

    # It ends: the first command, as it is printed.
    words = [word for word in shlex.split(commands[0]) if word]
    assert words[0] == "delegate"
    run(*words[1:], "--now", str(NOW + COUNT))
    verify = ("verify", "mailer.token", "--root", "alice.pub", "--now", str(NOW + COUNT))
    run(*verify, "--revocations", "revoked.dlgr", status=1)
    run(*verify)
    assert token.link.hop == 1

    # And the log is what it was.
    run("audit", "checkpoint", "-o", "kept.checkpoint")
    assert "✓ nothing was changed" in run("audit", "verify", "--checkpoint", "kept.checkpoint")
    refused = json.loads(run("audit", "trace", "--refused", "--json", "--events", "0"))
    assert refused["total"]["allowed"] == 0
    assert refused["total"]["refused"]["capability_missing"] > 100


def test_pages_follow_each_other(at: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    """To the end, each event once."""
    url, _ = staged(at(""))
    seen: list[int] = []
    before: list[str] = []
    while True:
        command = ["audit", "trace", "user:bob@example.com", "--log", url, "--json", "--events", "900", *before]
        assert main(command) == 0
        found = json.loads(capsys.readouterr().out)
        seen += [each["event"] for each in found["events"]]
        if found["before"] is None:
            break
        before = ["--before", str(found["before"])]
    assert seen == sorted(set(seen), reverse=True)
    total = found["total"]
    assert len(seen) == total["allowed"] + sum(total["refused"].values())
