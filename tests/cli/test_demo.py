"""The demo: its five outcomes, and that the commands it prints are commands that do what it says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from delegate import Reason
from delegate.cli import demo
from tests.cli.conftest import NOW, Desk


def test_the_story_ends_as_it_should(desk: Desk) -> None:
    """One allowed, four refused, each with its reason; nothing is left behind."""
    before = set(desk.folder.iterdir())
    ran = desk.run("demo")
    assert (ran.status, ran.err) == (0, "")
    root, handed = "hop 0 (user:alice@example.com → agent:planner)", "hop 1 (agent:planner → agent:worker)"
    outcomes = [line for line in ran.out.splitlines() if line.startswith(("   ✓", "   ✗"))]
    write = "`files.write` on `/reports/q3.csv` is not among what it permits: files.read /reports/**"
    assert outcomes == [
        "   ✓ ALLOWED",
        f"   ✗ refused: {handed}: {write} [capability_missing]",
        f"   ✗ refused: {root}: args.size <= 1000000, and args.size is 5000000 [caveat_failed]",
        f"   ✗ refused: {handed}: the chain came without a proof; present it with prove [proof_missing]",
        f"   ✗ refused: {root}: it was revoked by user:alice@example.com: the report is done [revoked]",
    ]
    assert max(len(line) for line in ran.out.splitlines() if line not in outcomes) <= 100
    assert set(desk.folder.iterdir()) == before


def test_the_story_as_json(desk: Desk) -> None:
    """The same for a program."""
    said = desk.run("demo", "--json").json
    assert said["as_expected"] is True
    reasons = [each["reason"] for each in said["requests"]]
    assert reasons == [None, "capability_missing", "caveat_failed", "proof_missing", "revoked"]


def test_another_ending_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo checks itself: were a request allowed that should not be, it would not end in 0."""
    monkeypatch.setattr(demo, "SCENES", (*demo.SCENES[:3], demo.SCENES[0]))
    assert desk.run("demo").status == 0
    wrong = demo.Scene(title="x", request=demo.SCENES[0].request, reason=Reason.EXPIRED, file="x.proof")
    monkeypatch.setattr(demo, "SCENES", (wrong,))
    assert desk.run("demo").status == 1


def test_the_printed_commands_do_what_they_say(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed in a fresh folder, they end in the same five outcomes."""
    printed = desk.run("demo", "--keep", "kept").out
    assert oct((desk.folder / "kept").stat().st_mode & 0o777) == "0o700"
    fresh = desk.folder / "fresh"
    fresh.mkdir()
    monkeypatch.chdir(fresh)
    statuses = [play(desk, line) for line in commands(printed)]
    assert statuses == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1]
    assert {path.name for path in fresh.iterdir()} == {path.name for path in (desk.folder / "kept").iterdir()}


def test_what_is_printed_of_a_decision_is_what_the_command_prints(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, behind the mark: of what is allowed all but what was checked, of a refusal all of it."""
    printed = desk.run("demo", "--keep", "kept").out
    monkeypatch.chdir(desk.folder / "kept")
    blocks = printed.replace(" \\\n", " ").split("\n\n")
    compared = 0
    for block in blocks:
        lines = [line[3:] for line in block.splitlines()]
        for place, line in enumerate(lines):
            if line.startswith("$ delegate verify"):
                ran = desk.run(*shlex.split(line)[2:])
                said = (ran.out.partition("Checked")[0] or ran.err).splitlines()
                told = [each.removeprefix("✓ ").removeprefix("✗ ") for each in lines[place + 1 :]]
                assert told == [each.rstrip() for each in said if each]
                compared += 1
    assert compared == len(demo.SCENES)


def test_what_is_kept_can_be_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proofs in the kept folder verify by the printed commands."""
    printed = desk.run("demo", "--keep", "kept").out
    monkeypatch.chdir(desk.folder / "kept")
    verifying = [line for line in commands(printed) if line.startswith("delegate verify")]
    assert [play(desk, line) for line in verifying] == [0, 1, 1, 1, 1]
    assert desk.run("demo", "--keep", ".").status == 5


def commands(printed: str) -> list[str]:
    """The command lines that the demo shows, put together again."""
    joined = printed.replace(" \\\n", " ")
    return [line.strip().removeprefix("$ ") for line in joined.splitlines() if line.strip().startswith("$ ")]


def play(desk: Desk, line: str) -> int:
    """Run one printed line; keep what goes to a file."""
    words = shlex.split(line)[1:]
    file = None
    if words[-2] == ">":
        file, words = words[-1], words[:-2]
    ran = desk.run(*words, now=None if words[0] == "key" else NOW)
    if file is not None:
        Path(file).write_text(ran.out)
    return ran.status
