"""The journal: what mint and attenuate leave in it, what they must not, and how it is read again."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from delegate import Identity, RevokedBlock, RevokedKey, Token
from delegate.cli import journal
from delegate.journal.entries import Entry, entry_of, is_revoked, signed_blocks
from delegate.journal.file import Journal, append_line
from delegate.limits import TIME_MAX
from tests.cli.conftest import HAND_ON, HERE, MINT, Desk

NOON = 1_796_126_400  # 2026-12-01T12:00Z
ALICE, PLANNER, RESEARCHER, SUMMARIZER = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(
        ("user:alice@example.com", "agent:planner", "agent:researcher", "agent:summarizer"), start=1
    )
)


def lines(desk: Desk) -> list[dict[str, Any]]:
    """What the journal has."""
    return [json.loads(line) for line in (desk.folder / "data" / "journal.jsonl").read_text().splitlines()]


def token_in(desk: Desk, file: str) -> Token:
    """A token of the story."""
    return Token.parse((desk.folder / file).read_text())


def test_each_hand_over_leaves_one_line(story: Desk) -> None:
    """Block id, who, to whom, what, until, why, when: as the chain has it."""
    first, second, third = lines(story)
    token = token_in(story, "summarizer.token")
    assert [first["id"], second["id"], third["id"]] == [place.block_id.hex() for place in signed_blocks(token)]
    assert second == {
        "journal": 1,
        "id": token.link.up()[1].id.hex(),
        "hop": 1,
        "by": "agent:planner",
        "signer": PLANNER.public_key.thumbprint.hex(),
        "to": "agent:researcher",
        "key": RESEARCHER.public_key.thumbprint.hex(),
        "may": ["files.read /data/**"],
        "if": ['action in ["files.read", "files.list"]'],
        "limits": [],
        "until": NOON + 7200,
        "why": "",
        "made": NOON,
        "for": "user:alice@example.com",
        "tenant": "",
        "above": [[first["id"], ALICE.public_key.thumbprint.hex()]],
    }
    assert (first["why"], first["until"], first["above"]) == ("quarterly report", NOON + 8 * 3600, [])


def test_the_journal_is_its_owner_s(story: Desk) -> None:
    """Mode 0600, in a folder that others cannot look into."""
    path = story.folder / "data" / "journal.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_no_token_and_no_secret_is_in_it(story: Desk) -> None:
    """Neither a chain, nor a bearer's secret, nor a key: in no encoding that they are written in."""
    secret = story.make("b.token", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    story.make("c.token", "attenuate", "b.token", "--ttl", "1m")
    text = (story.folder / "data" / "journal.jsonl").read_text()
    assert text.count("\n") == 5
    assert "dlg" not in text
    for file in ("planner.token", "researcher.token", "summarizer.token", "b.token", "c.token"):
        written = (story.folder / file).read_text().strip()[5:]
        assert not any(written[at : at + 24] in text for at in range(0, len(written) - 24, 8)), file
    assert secret[5:40] not in text
    for seed in (bytes((n,)) * 32 for n in range(1, 7)):
        assert seed.hex() not in text
    assert [lines(story)[-1]["by"], lines(story)[-1]["to"]] == ["bearer:", "bearer:"]


def test_nothing_is_noted_where_it_is_not_wanted(desk: Desk) -> None:
    """`--no-journal` and `--dry-run` leave no line, and not even the file."""
    desk.make("planner.token", *MINT, "--no-journal")
    desk.run(*HAND_ON, "--dry-run")
    desk.make("researcher.token", *HAND_ON, "--no-journal")
    assert not (desk.folder / "data").exists()
    assert desk.run("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a if (", "--ttl", "5m").status == 2
    assert not (desk.folder / "data").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_journal_that_cannot_be_written_is_a_warning(desk: Desk, *, as_json: bool) -> None:
    """The token is printed all the same."""
    (desk.folder / "data").write_text("a file, where a folder is wanted")
    ran = desk.run(*MINT, *(["--json"] if as_json else []))
    assert ran.status == 0
    assert ("dlgt_" in ran.out, ran.out.startswith("dlgt_")) == (True, not as_json)
    assert "warning: the journal could not be written: " in ran.err
    assert ran.err.count("\n") == (1 if as_json else 2)


def test_a_full_disk_is_a_warning(desk: Desk) -> None:
    """The device that is always full."""
    (desk.folder / "data").mkdir()
    (desk.folder / "data" / "journal.jsonl").symlink_to("/dev/full")
    ran = desk.run(*MINT)
    assert (ran.status, ran.out[:5]) == (0, "dlgt_")
    assert "warning: the journal could not be written: " in ran.err


def test_a_user_without_a_home_gets_the_token_and_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container: no HOME, and a number that no name belongs to. A list says where else to look."""

    def unknown(number: int) -> object:
        raise KeyError(number)

    for name in ("DELEGATE_DATA", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    ran = desk.run(*MINT)
    assert (ran.status, ran.out[:5]) == (0, "dlgt_")
    words = "this user has no home folder; DELEGATE_DATA names another\n"
    assert f"warning: the journal could not be written: {words}" in ran.err
    ran = desk.run("list")
    assert (ran.status, ran.err) == (5, f"error: the journal: {words}")


def test_half_a_line_is_a_warning_and_is_skipped_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk took a part of it: the next line is whole, and only the part is lost."""
    path = desk.folder / "data" / "journal.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("delegate.journal.file.os.fdopen", lambda handle, *_, **__: _Short(handle))
        ran = desk.run(*MINT)
    assert (ran.status, ran.out[:5]) == (0, "dlgt_")
    assert "no space left on device" in ran.err
    assert len(path.read_bytes()) == 20
    desk.make("planner.token", *MINT)
    entries, _, skipped = journal.read()
    assert (len(entries), skipped) == (1, 1)


class _Short(io.FileIO):
    """A file that takes 20 bytes of what it is given."""

    def __init__(self, handle: int) -> None:
        super().__init__(handle, "r+b")

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever a file takes
        return super().write(bytes(data)[:20])


def test_the_journal_is_in_the_user_s_data_folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `DELEGATE_DATA`: where the system keeps such things."""
    monkeypatch.delenv("DELEGATE_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(desk.folder / "share"))
    monkeypatch.setenv("HOME", str(desk.folder))
    assert Journal().path.name == "journal.jsonl"
    assert Journal().path.parent.name == "delegate"
    assert Journal().path.is_relative_to(desk.folder)


def test_many_writers_tear_nothing(desk: Desk) -> None:
    """Sixteen at once: every line is whole. An empty one may be between: who saw half a line began a new one."""
    token = ALICE.mint(to=PLANNER.principal, can=["files.read /a/**"] * 32, ttl="1h", why="x" * 256)
    path = desk.folder / "data" / "journal.jsonl"
    path.parent.mkdir()
    line = json.dumps(entry_of(token).to_json()).encode() + b"\n"

    def write() -> None:
        for _ in range(8):
            append_line(path, line)

    writers = [threading.Thread(target=write) for _ in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [each for each in path.read_bytes().splitlines(keepends=True) if each != b"\n"] == [line] * 128


def test_a_torn_line_is_skipped_and_takes_no_other_with_it(story: Desk) -> None:
    """The machine stopped in the middle of a line: the next command begins a new one."""
    path = story.folder / "data" / "journal.jsonl"
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + third[:40])
    story.make("summarizer.token", *("attenuate", "researcher.token", "--key", "researcher.key", "--ttl", "1m"))
    entries, _, skipped = journal.read()
    assert ([entry.hop for entry in entries], skipped) == ([0, 1, 2], 1)
    ran = story.run("list")
    assert ran.err.startswith("warning: skipped 1 line of the journal that cannot be read\n")


def odd_lines() -> list[bytes]:
    """Lines that are not ours, each for one reason."""
    token = ALICE.mint(to=PLANNER.principal, can="a", ttl="1h")
    right = entry_of(token).to_json()
    wrong: dict[str, tuple[object, ...]] = {
        "journal": (None, 2, True, "1"),
        "id": (None, 5, "zz", "ab" * 31, "ab" * 33, ""),
        "signer": ("x", []),
        "key": ("x", {}),
        "by": (None, 1, ["a"]),
        "to": (None, 1),
        "why": (None, 1),
        "for": (None, 1),
        "tenant": (None, []),
        "may": (None, [1], 5, "a"),
        "if": (None, [None]),
        "limits": (None, [None], "x"),
        "until": (None, "1", 1.0, True, -1, TIME_MAX + 1),
        "made": (None, "1", -1, TIME_MAX + 1),
        "above": (None, [1], [["ab" * 32]], [["ab" * 32, "ab"]], [["ab" * 32] * 2] * 16),
    }
    changes = [{name: value} for name, values in wrong.items() for value in values]
    missing = [
        {name: value for name, value in right.items() if name != left_out}
        for left_out in right
        if left_out not in {"hop", "limits", "for", "tenant"}
    ]
    back = {
        "journal": 1, "revoked": "key", "subject": "ab" * 32, "signer": "ab" * 32, "since": 0, "until": 0, "list": "l",
        "made": 0,
    }  # fmt: skip
    wrong_back: dict[str, tuple[object, ...]] = {
        "journal": (None, 2),
        "revoked": (None, "list", 1, []),
        "subject": (None, "ab"),
        "signer": (None, "zz"),
        "since": (None, "0", -1, TIME_MAX + 1),
        "until": (None, True, -1, TIME_MAX + 1),
        "list": (None, 1),
        "made": (None, 1.0, -1, TIME_MAX + 1),
    }
    missing += [{name: value for name, value in back.items() if name != left_out} for left_out in back]
    missing += [{**back, name: value} for name, values in wrong_back.items() for value in values]
    objects = [*({**right, **change} for change in changes), *missing]
    odd = [json.dumps(each).encode() for each in objects]
    odd += [b"[]", b"null", b"5", b"{", b"\xff\xfe", b"[" * 100_000, b'{"journal":1,"journal":1}', b"9" * 5000, b"\0"]
    return odd


def test_whatever_is_in_it_reading_goes_on(desk: Desk) -> None:
    """Lines of others, wrong in one thing each, are counted; empty ones are nothing; the right ones are found."""
    desk.make("planner.token", *MINT)
    path = desk.folder / "data" / "journal.jsonl"
    odd = odd_lines()
    path.write_bytes(b"\n".join(odd) + b"\n\n  \n" + path.read_bytes())
    entries, _, skipped = journal.read()
    assert (len(entries), skipped) == (1, len(odd))
    assert entries[0].to_json() == lines_of(path)[-1]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The last line, read by another."""
    return [json.loads(path.read_bytes().splitlines()[-1])]


def test_an_entry_reads_as_it_was_written(story: Desk) -> None:
    """Line → entry → line is the same."""
    entries, _, skipped = journal.read()
    assert ([entry.to_json() for entry in entries], skipped) == (lines(story), 0)


def test_a_later_line_ends_no_block_early(story: Desk) -> None:
    """Of two lines about one block the later end counts, whichever comes first: what is live stays on the list."""
    path = story.folder / "data" / "journal.jsonl"
    entry = journal.read().entries[0]
    short = json.dumps({**entry.to_json(), "until": entry.made + 1}).encode() + b"\n"
    path.write_bytes(short + path.read_bytes() + short)
    found = [each for each in journal.read().entries if each.block_id == entry.block_id]
    assert [each.until for each in found] == [entry.until]


def test_a_journal_that_cannot_be_read_is_a_failure(desk: Desk) -> None:
    """A folder of its name: status 5, and its name."""
    os.makedirs(desk.folder / "data" / "journal.jsonl")  # noqa: PTH103 - one call
    ran = desk.run("list")
    assert ran.status == 5
    assert ran.err.endswith(": is a directory\n")


def chain_of_three() -> tuple[Token, Entry]:
    """A chain of three hops and the entry of its last."""
    one = ALICE.mint(to=PLANNER.principal, can="a", ttl="8h", hops=3, now=NOON)
    two = PLANNER.attenuate(one, to=RESEARCHER.principal, now=NOON)
    three = RESEARCHER.attenuate(two, to=SUMMARIZER.principal, now=NOON)
    return three, entry_of(three)


@pytest.mark.parametrize(
    ("signer", "hop", "expected"),
    [
        (ALICE, 0, True),
        (ALICE, 1, True),
        (ALICE, 2, True),
        (PLANNER, 0, False),
        (PLANNER, 1, True),
        (PLANNER, 2, True),
        (RESEARCHER, 1, False),
        (RESEARCHER, 2, True),
        (SUMMARIZER, 2, False),
    ],
)
def test_a_block_s_record_counts_for_who_signed_it_or_one_above(signer: Identity, hop: int, expected: bool) -> None:
    """Whoever gave can take back, the holder and those below cannot."""
    token, entry = chain_of_three()
    records = signer.revoke(blocks=[RevokedBlock.of(token, hop)], now=NOON).records
    assert is_revoked(entry, records, NOON) is expected


@pytest.mark.parametrize(
    ("signer", "key", "since", "expected"),
    [
        *((who, who, 0, True) for who in (ALICE, PLANNER, RESEARCHER, SUMMARIZER)),
        (ALICE, PLANNER, 0, False),
        (PLANNER, PLANNER, NOON, True),
        (PLANNER, PLANNER, NOON + 1, False),
        (SUMMARIZER, SUMMARIZER, NOON, True),
        (SUMMARIZER, SUMMARIZER, NOON + 1, False),  # not yet
        (Identity.generate("agent:x"), SUMMARIZER, 0, False),
    ],
)
def test_a_key_s_record_counts_for_that_key(signer: Identity, key: Identity, since: int, expected: bool) -> None:
    """A key takes back itself, wherever it signs or holds; not what it signed before a given date."""
    _, entry = chain_of_three()
    records = signer.revoke(keys=[RevokedKey(key.public_key.thumbprint, since)], now=NOON).records
    assert is_revoked(entry, records, NOON) is expected


def test_a_journal_that_others_may_write_is_neither_read_nor_extended(desk: Desk) -> None:
    """What it says would be anybody's word; nor is a link followed to where somebody wants it."""
    desk.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    path = desk.folder / "data" / "journal.jsonl"
    before = path.read_bytes()
    path.chmod(0o666)
    mint = ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    ran = desk.run(*mint)
    assert (ran.status, ran.out[:5]) == (0, "dlgt_")
    assert "warning: the journal could not be written" in ran.err
    assert "others may write it, mode 666; chmod 600" in ran.err
    assert path.read_bytes() == before
    ran = desk.run("list")
    assert (ran.status, "others may write it, mode 666" in ran.err) == (5, True)
    target = path.with_name("target")
    for there in (False, True):
        path.unlink()
        path.symlink_to(target)
        ran = desk.run(*mint)
        assert (ran.status, "it is a symbolic link" in ran.err) == (0, True)
        assert target.exists() == there
        assert (desk.run("list").status, target.exists()) == (5, there)
        target.write_bytes(b"")
    assert target.read_bytes() == b""
