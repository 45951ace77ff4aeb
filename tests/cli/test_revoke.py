"""`delegate list` and `revoke`: what was handed out, and taking it back, line by line."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from delegate import Identity, RevocationList, RevokedBlock, Token
from delegate.cli import revocation_files as lists
from tests.cli.conftest import HERE, NOW, Desk

NOON = 1_796_126_400  # 2026-12-01T12:00Z
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
REVOKE = ("revoke", "--key", "alice.key", "--list", "revoked.dlgr")


def ids(desk: Desk) -> list[str]:
    """The ids in the journal, oldest first."""
    lines = map(json.loads, (desk.folder / "data" / "journal.jsonl").read_text().splitlines())
    return [line["id"] for line in lines if "id" in line]


def kept(desk: Desk, file: str = "revoked.dlgr") -> RevocationList:
    """The list in a file."""
    return RevocationList.parse((desk.folder / file).read_text())


def named(text: str, desk: Desk) -> str:
    """A transcript with the ids that this run has in the place of 0, 1 and 2."""
    block = dedent(text).lstrip("\n")
    for number, each in enumerate(ids(desk)):
        block = block.replace(f"<id-{number}>", each[:8]).replace(f"<long-id-{number}>", each[:16])
    return block


def test_list(story: Desk) -> None:
    """Every hand-over: which, to whom, until when, what and why."""
    ran = story.run("list")
    assert (ran.status, ran.err) == (0, "revocations are those noted here; add other lists with --revocations FILE\n")
    assert ran.out == named(
        """
        <id-0>  user:alice@example.com → agent:planner
                  live until 2026-12-01 20:00 UTC (in 8h)
                  may files.read /data/**
                  may pay(amount, currency) if args.amount <= 500
                  may mail.send
                  if  args.size < 1000000
                  at files.example.com
                  hands on 3 more times
                  "quarterly report"
        <id-1>  agent:planner → agent:researcher
                  live until 2026-12-01 14:00 UTC (in 2h)
                  may files.read /data/**
                  if  action in ["files.read", "files.list"]
        <id-2>  agent:researcher → agent:summarizer
                  live until 2026-12-01 12:22 UTC (in 22m)
                  may files.read /data/q3/**
                  hands on to nobody
        """,
        story,
    )


def test_list_knows_what_was_revoked_from_here(story: Desk) -> None:
    """Without any list: a block, and then a key; not what a stranger to the chain takes back."""
    path = story.folder / "data" / "journal.jsonl"

    def states() -> list[str]:
        return [entry["state"] for entry in story.run("list", "--json").json["entries"]]

    stranger = ("revoke", "planner.token", "--hop", "0", "--key", "buyer.key", "--list", "stranger.dlgr")
    assert story.run(*stranger).status == 0
    assert states() == ["live"] * 3
    assert story.run(*REVOKE, ids(story)[1], "--why", "laptop stolen").status == 0
    assert states() == ["live", "revoked", "revoked"]
    assert json.loads(path.read_text().splitlines()[-1]) == {
        "journal": 1,
        "revoked": "block",
        "subject": ids(story)[1],
        "signer": ALICE.public_key.thumbprint.hex(),
        "since": 0,
        "until": NOON + 7200,
        "list": str(story.folder / "revoked.dlgr"),
        "made": NOON,
    }
    own = ("--holder", "planner.pub", "--key", "planner.key", "--list", "planner.dlgr", "--since", NOW)
    assert story.run("revoke", *own).status == 0
    assert states() == ["revoked"] * 3
    last = json.loads(path.read_text().splitlines()[-1])
    assert (last["revoked"], last["subject"]) == ("key", PLANNER.public_key.thumbprint.hex())
    assert (last["since"], path.read_text().count("\n")) == (NOON, 6)
    ran = story.run("list")
    assert (ran.out.count("revoked\n"), ran.err) == (3, "")


def test_list_shows_whatever_narrows(story: Desk) -> None:
    """A hand-over that says only where, how much, by whose word, how fresh, from when."""
    story.make(
        "limited.token", "attenuate", "researcher.token", "--key", "researcher.key", "--audience", "files.example.com",
        "--budget", "calls=3", "--budget", "usd_cents=500", "--fresh", "15m", "--need", "clerk.pub within 1h",
        "--not-before", "2026-12-01T12:05Z",
    )  # fmt: skip
    clerk = Identity.from_seed("agent:clerk", b"\x06" * 32).public_key.thumbprint[:8].hex()
    assert story.run("list").out.endswith(
        named(
            f"""
            <id-3>  agent:researcher, narrowing its own chain
                      live until 2026-12-01 14:00 UTC (in 2h)
                      at files.example.com
                      from 2026-12-01 12:05 UTC
                      spends at most 3 calls, 500 usd_cents
                      revocation data at most 15m old
                      needs 1 of 1 ({clerk}…) that said.approved == true, at most 3600 s old, for each
                        request
            """,
            story,
        )
    )


def test_list_says_what_is_over_and_what_is_revoked(story: Desk) -> None:
    """With a list of what was revoked; what is below a revoked block is revoked too."""
    assert story.run(*REVOKE, "researcher.token", "--hop", "1", "--no-journal").status == 0
    ran = story.run("list", "--revocations", "revoked.dlgr", now="2026-12-01T12:30Z")
    states = [line.strip() for line in ran.out.splitlines() if line.strip().startswith(("live", "over", "revoked"))]
    assert states == ["live until 2026-12-01 20:00 UTC (in 7h30m)", "revoked", "revoked"]
    ran = story.run("list", now="2026-12-01T14:00Z")
    assert "expired on 2026-12-01 14:00 UTC (now)" in ran.out
    assert "expired on 2026-12-01 12:22 UTC (1h38m ago)" in ran.out
    ran = story.run("list", "--live", "--json", "--revocations", "revoked.dlgr")
    assert [(entry["id"], entry["state"]) for entry in ran.json["entries"]] == [(ids(story)[0], "live")]
    ran = story.run("list", "--live", now="2027-12-01T14:00Z")
    assert (ran.out, ran.err) == ("", "nothing is live\n")


def test_list_of_nothing(desk: Desk) -> None:
    """No journal is no failure."""
    ran = desk.run("list")
    assert (ran.status, ran.out, ran.err) == (0, "", "the journal is empty\n")
    assert desk.run("list", "--json").json["entries"] == []


def test_list_escapes_what_others_wrote(story: Desk) -> None:
    """A journal that somebody got at does not act on the terminal."""
    path = story.folder / "data" / "journal.jsonl"
    path.write_text(path.read_text().replace("quarterly report", "\\u001b[2J\\u202e").replace("mail.send", "\\u0007"))
    out = story.run("list").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert '"\\x1b[2J\\u202e"' in out


def test_revoke_by_id(story: Desk) -> None:
    """The begin of an id: the list is made, numbered 1, and says who must be told what."""
    ran = story.run(*REVOKE, ids(story)[0][:8], "--why", "laptop stolen")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == named(
        """
        revoked: <long-id-0> user:alice@example.com → agent:planner, and everything below it
        list: revoked.dlgr, number 1, 1 record; sign it again before 2026-12-02 12:00 UTC (in 1d)
        """,
        story,
    )
    found = kept(story)
    assert (found.sequence, found.issuer, found.issued) == (1, ALICE.name, NOON)
    (record,) = found.records
    assert (record.subject.hex(), record.until, record.why) == (ids(story)[0], NOON + 8 * 3600, "laptop stolen")
    assert (story.folder / "revoked.dlgr").stat().st_mode & 0o777 == 0o644


def test_revoke_extends_the_list(story: Desk) -> None:
    """The next one has the next number and every record; a whole id will do, in either case."""
    story.run(*REVOKE, ids(story)[0][:8])
    ran = story.run(*REVOKE, ids(story)[1].upper())
    assert ran.status == 0
    assert "number 2, 2 records" in ran.err
    assert {record.subject.hex() for record in kept(story).records} == set(ids(story)[:2])
    assert [path.name for path in story.folder.iterdir() if path.name.startswith(".")] == []


def test_revoke_a_token_takes_back_the_key_s_first_block(story: Desk) -> None:
    """Text, file, stdin or the environment; planner takes back what planner handed on."""
    token = (story.folder / "summarizer.token").read_text().strip()
    for given, stdin in (("summarizer.token", b""), (token, b""), ("-", token.encode())):
        ran = story.run("revoke", given, "--key", "planner.key", "--list", "p.dlgr", stdin=stdin)
        assert ran.err.startswith(named("revoked: <long-id-1> agent:planner → agent:researcher", story))
        assert "warning" not in ran.err
    assert [record.subject.hex() for record in kept(story, "p.dlgr").records] == [ids(story)[1]]
    assert kept(story, "p.dlgr").sequence == 3


def test_revoke_the_token_of_the_environment(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every command takes it."""
    monkeypatch.setenv("DELEGATE_TOKEN", (story.folder / "summarizer.token").read_text().strip())
    assert story.run(*REVOKE).status == 0
    assert [record.subject.hex() for record in kept(story).records] == [ids(story)[0]]


def test_revoke_a_block_of_a_token(story: Desk) -> None:
    """`--hop` says which, and the record lasts as long as the chain did at that block."""
    ran = story.run(*REVOKE, "summarizer.token", "--hop", "1", "--json")
    assert (ran.status, ran.err) == (0, "")
    assert ran.json["block"] == {"id": ids(story)[1], "hop": 1, "until": NOON + 7200, "has_say": True}
    assert ran.json["list"] == {"file": "revoked.dlgr", "sequence": 1, "records": 1, "expires": NOON + 86_400}
    assert (ran.json["key"], ran.json["new_in_state"]) == (None, None)
    assert kept(story).records[0].until == NOON + 7200


def test_revoke_a_bearer_token(desk: Desk) -> None:
    """Whoever has it: alice takes it back by its id or by the token."""
    desk.make("b.token", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    ran = desk.run(*REVOKE, "b.token")
    assert "user:alice@example.com → whoever has it, and everything below it" in ran.err


def test_revoke_warns_where_the_key_has_no_say(story: Desk) -> None:
    """It is done as told, and said what it is worth."""
    ran = story.run("revoke", "planner.token", "--hop", "0", "--key", "buyer.key", "--list", "b.dlgr")
    assert ran.status == 0
    assert (
        "warning: agent:buyer signed neither that block nor one above it: "
        "this counts only where agent:buyer is a revoker\n"
    ) in ran.err
    ran = story.run("revoke", "summarizer.token", "--hop", "0", "--key", "planner.key", "--list", "p.dlgr", "--json")
    assert ran.json["block"]["has_say"] is False
    assert "warning: agent:planner signed neither" in ran.err


def test_revoke_warns_of_what_is_over(story: Desk) -> None:
    """A record that nobody needs."""
    ran = story.run(*REVOKE, ids(story)[0][:8], now="2026-12-01T20:00Z")
    assert (ran.status, "warning: its chain has expired anyway\n" in ran.err) == (0, True)
    ran = story.run(*REVOKE, ids(story)[0][:8], now="2026-12-04T20:00Z")  # what is named is listed, however old it is
    assert (ran.status, "revoked: " in ran.err) == (0, True)
    assert "warning: its chain has expired anyway\n" in ran.err


def test_revoke_an_id_that_only_others_know(desk: Desk) -> None:
    """From a log: the whole id and an end; whether the key has a say cannot be told."""
    ran = desk.run(*REVOKE, "ab" * 32, "--until", "2026-12-02T12:00Z")
    assert ran.status == 0
    assert ran.err.startswith("warning: this id is not in the journal, so whether this key can revoke it is unknown\n")
    assert f"revoked: {'ab' * 8}, and everything below it\n" in ran.err
    assert desk.run(*REVOKE, "ab" * 32, "--until", "2026-12-02T12:00Z", "--json").json["block"]["has_say"] is None


def test_revoke_a_key(desk: Desk) -> None:
    """`--holder`: a key takes itself back from the beginning; another's key with a warning."""
    ran = desk.run("revoke", "--holder", "clerk.pub", "--key", "clerk.key", "--list", "c.dlgr", "--why", "lost")
    clerk = Identity.load(desk.folder / "clerk.key").public_key.thumbprint
    assert ran.err == (
        f"revoked: the key {clerk.hex()[:16]} of agent:clerk\n"
        "list: c.dlgr, number 1, 1 record; sign it again before 2026-12-02 12:00 UTC (in 1d)\n"
    )
    (record,) = kept(desk, "c.dlgr").records
    assert (record.is_key, record.subject, record.since, record.why) == (True, clerk, 0, "lost")
    ran = desk.run(*REVOKE, "--holder", "clerk.pub", "--since", "2026-12-01T11:00Z")
    assert "warning: this is another's key: this counts only where user:alice@example.com is a revoker" in ran.err
    assert kept(desk).records[0].since == NOON - 3600


def test_revoke_a_block_and_a_key_at_once(story: Desk) -> None:
    """Both records in one list."""
    ran = story.run(*REVOKE, ids(story)[0][:8], "--holder", "planner.pub", "--json")
    assert ran.json["key"] == {"thumbprint": PLANNER.public_key.thumbprint.hex(), "since": 0}
    assert ran.json["block"]["id"] == ids(story)[0]
    assert [record.is_key for record in kept(story).records] == [True, False]


def test_the_lists_freshness_is_the_signer_s_choice(story: Desk) -> None:
    """`--ttl`."""
    story.run(*REVOKE, ids(story)[0][:8], "--ttl", "90m")
    assert kept(story).expires == NOON + 5400


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((*REVOKE, "abc"), 2, "give at least 8 digits of the id, as delegate list shows them; see delegate revoke"),
        ((*REVOKE, "deadbeef"), 2, "no id in the journal begins with deadbeef; give the whole id, or the token"),
        ((*REVOKE, "ab" * 32), 2, "this id is not in the journal; say when its chain expires: --until TIME"),
        ((*REVOKE, "deadbeef", "--hop", "1"), 2, "--hop cannot be used with an id, which names one block already"),
        ((*REVOKE, "planner.token", "--hop", "3"), 2, "--hop 3: the last block of this chain is 0"),
        ((*REVOKE, "planner.token", "--until", "2026-12-01T13:00Z"), 2, "--until is before the chain expires"),
        ((*REVOKE, "planner.token", "--since", "2026-12-01T13:00Z"), 2, "--since needs a key"),
        ((*REVOKE, "planner.token", "--why", "x" * 257), 2, "why is at most 256 characters"),
        ((*REVOKE, "planner.token", "--why", "a\nb"), 2, "why has U+000A (a control character) as its character 2"),
        ((*REVOKE, "missing.token"), 5, "no such file"),
        ((*REVOKE, "alice.pub"), 3, ""),
        ((*REVOKE,), 2, "no token"),
        (("revoke", "planner.token", "--key", "buyer.key", "--list", "x.dlgr"), 2, "signed no block of this chain"),
        (("revoke", "planner.token", "--key", "alice.pub", "--list", "x.dlgr"), 5, "a public key; give the .key file"),
        (("revoke", "planner.token", "--key", "alice.key"), 2, "missing option '--list'"),
        (("revoke", "planner.token", "--key", "alice.key", "--list", "no/where.dlgr"), 5, "no such file or directory"),
        (
            ("revoke", "planner.token", "--key", "alice.key", "--list", "planner.token"),
            3,
            "revocation list: planner.token",
        ),
        ((*REVOKE, "--holder", "alice.key"), 5, "this is a private key; give the .pub file"),
    ],
)
def test_what_revoke_refuses(story: Desk, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Each with its status and one line; no list is made."""
    ran = story.run(*arguments)
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert not list(story.folder.glob("*.dlgr"))


def test_an_id_that_begins_like_another_is_not_guessed(story: Desk) -> None:
    """Two ids with the same eight digits: neither is revoked."""
    path = story.folder / "data" / "journal.jsonl"
    first, second, _ = ids(story)
    path.write_text(path.read_text().replace(second, first[:8] + second[8:]))
    ran = story.run(*REVOKE, first[:8])
    assert (ran.status, "2 ids begin with" in ran.err) == (2, True)
    assert story.run(*REVOKE, first).status == 0


def test_an_end_that_is_too_early_for_an_id_is_refused(story: Desk) -> None:
    """The chain would live again between the two; a later end is taken."""
    assert story.run(*REVOKE, ids(story)[0][:8], "--until", "2026-12-01T13:00Z").status == 2
    assert story.run(*REVOKE, ids(story)[0][:8], "--until", "2026-12-01T21:00Z").status == 0
    assert kept(story).records[0].until == NOON + 9 * 3600


def test_a_list_is_for_everybody(story: Desk) -> None:
    """It is no secret: verifiers read it, whatever the mask of who wrote it."""
    mask = os.umask(0o077)
    try:
        story.run(*REVOKE, "planner.token")
    finally:
        os.umask(mask)
    assert (story.folder / "revoked.dlgr").stat().st_mode & 0o777 == 0o644


def test_another_s_list_is_not_extended(story: Desk) -> None:
    """Status 4: it is another key that is missing; the list is as it was."""
    story.run("revoke", "planner.token", "--hop", "0", "--key", "planner.key", "--list", "revoked.dlgr")
    before = (story.folder / "revoked.dlgr").read_bytes()
    ran = story.run(*REVOKE, "planner.token")
    assert (ran.status, ran.err) == (
        4,
        "missing key: revoked.dlgr is signed by another key, agent:planner; a list has one signer\n",
    )
    assert (story.folder / "revoked.dlgr").read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_list_is_not_written_over(story: Desk, damage: str) -> None:
    """A new one in its place would forget what was revoked: it is left for a person to look at."""
    path = story.folder / "revoked.dlgr"
    story.run(*REVOKE, "planner.token")
    text = path.read_text()
    path.write_text({"cut": text[:60], "changed": text[:60] + "AAAA" + text[64:], "empty": ""}[damage])
    before = path.read_bytes()
    ran = story.run(*REVOKE, "planner.token")
    assert (ran.status, ran.err.startswith("not a revocation list: revoked.dlgr: ")) == (3, True)
    assert path.read_bytes() == before


def test_a_list_that_is_a_link_is_written_where_it_points(story: Desk) -> None:
    """The link stays one; a link to nothing is no absent list."""
    (story.folder / "real").mkdir()
    (story.folder / "revoked.dlgr").symlink_to("real/list.dlgr")
    assert story.run(*REVOKE, "planner.token").status == 5
    (story.folder / "real" / "list.dlgr").write_text(ALICE.revoke(now=NOON).to_text())
    assert story.run(*REVOKE, "planner.token").status == 0
    assert (story.folder / "revoked.dlgr").is_symlink()
    assert kept(story, "real/list.dlgr").sequence == 2


def test_a_disk_that_fails_leaves_the_old_list(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written beside, synced, renamed: whatever fails, the old list is whole and nothing lies about."""
    story.run(*REVOKE, "planner.token")
    before = (story.folder / "revoked.dlgr").read_bytes()
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _full)
            patch.setattr(Path, "replace", _full)
            ran = story.run(*REVOKE, "planner.token")
        assert (ran.status, "no space left on device" in ran.err) == (5, True)
        assert (story.folder / "revoked.dlgr").read_bytes() == before
    assert [path.name for path in story.folder.iterdir() if path.name.startswith(".")] == []


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_commands_at_once_lose_no_record(desk: Desk) -> None:
    """Six processes extend one list: all records are in it, and each number was given once."""
    until = ("--until", "2026-12-03T12:00Z", "--now", NOW)
    started = [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "delegate", *REVOKE, f"{number:064x}", *until],
            cwd=desk.folder,
            stderr=subprocess.PIPE,
        )
        for number in range(6)
    ]
    for process in started:
        process.communicate()
    assert {process.returncode for process in started} == {0}
    found = kept(desk)
    assert (found.sequence, len(found.records)) == (6, 6)


def test_a_folder_that_cannot_be_locked_is_no_obstacle(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks: better no lock than no revocation."""
    import fcntl

    monkeypatch.setattr(fcntl, "flock", _full)
    assert story.run(*REVOKE, "planner.token").status == 0


def test_where_there_are_no_locks_none_is_taken(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system of another kind."""
    entered = False
    path = str(story.folder / "x")
    with monkeypatch.context() as patch:
        patch.setattr("delegate.cli.revocation_files.os.name", "nt")
        with lists.locked(path):
            entered = True
    assert entered


def test_what_is_revoked_by_the_library_is_what_is_revoked_here(story: Desk) -> None:
    """`Identity.revoke` and the command say the same of the same token."""
    token = Token.parse((story.folder / "planner.token").read_text())
    story.run(*REVOKE, "planner.token")
    assert kept(story).records == ALICE.revoke(blocks=[RevokedBlock.of(token)], now=NOON).records


def test_two_commands_take_turns_with_a_list(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a lock of its own, which goes with it; who waits too long does nothing, and says so."""
    lock = story.folder / ".revoked.dlgr.lock"
    with lists.locked(str(story.folder / "revoked.dlgr")):
        assert lock.stat().st_mode & 0o777 == 0o600
        monkeypatch.setattr(lists, "_LOCK_S", 0.0)
        ran = story.run(*REVOKE, "planner.token")
        assert (ran.status, "another command has been extending it" in ran.err) == (5, True)
        assert not (story.folder / "revoked.dlgr").exists()
    assert not lock.exists()
    assert story.run(*REVOKE, "planner.token").status == 0


def test_a_folder_that_is_locked_holds_nobody_up(story: Desk) -> None:
    """Whoever may read it can lock it, and that is nothing to a list."""
    handle = os.open(story.folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert story.run(*REVOKE, "planner.token").status == 0
    os.close(handle)


def test_a_lock_that_was_removed_is_no_lock(tmp_path: Path) -> None:
    """Whoever had it took it away when done: who opened it before takes the one that is there now."""
    lock = tmp_path / "lock"
    real = os.open

    def opened(*given: Any, **named: Any) -> int:  # noqa: ANN401 - passed on
        handle = real(*given, **named)
        lock.unlink()
        return handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", opened)
        assert lists._taken(lock) is None
    handle = lists._taken(lock)
    assert handle is not None
    assert lists._taken(lock) is None
    os.close(handle)


def test_a_lock_that_others_may_open_is_refused(story: Desk) -> None:
    """They could hold it for as long as they like."""
    lock = story.folder / ".revoked.dlgr.lock"
    lock.touch()
    lock.chmod(0o644)
    ran = story.run(*REVOKE, "planner.token")
    assert (ran.status, "others may open it, mode 644" in ran.err) == (5, True)
    lock.unlink()
    lock.symlink_to("elsewhere")
    ran = story.run(*REVOKE, "planner.token")
    assert (ran.status, "it is a symbolic link" in ran.err) == (5, True)
    assert not (story.folder / "elsewhere").exists()


def test_a_file_system_without_locks_takes_a_revocation(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better no lock than none."""

    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", without)
    assert story.run(*REVOKE, "planner.token").status == 0
