"""The journal of a program: what an identity hands out and takes back is noted, and `delegate` finds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from delegate import BearerToken, Holder, Identity, Journal, RevokedBlock, RevokedKey, Verifier
from delegate.journal.entries import Entry, is_revoked
from delegate.journal.file import default_path

NOON = 1_796_126_400  # 2026-12-01T12:00Z
ALICE = "user:alice@example.com"
PLANNER = Identity.from_seed("agent:planner", b"\2" * 32)
WORKER = Identity.from_seed("agent:worker", b"\3" * 32)


def entries(journal: Journal) -> list[Entry]:
    """What was handed out."""
    return journal.read().entries


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """One of its own."""
    return Journal(tmp_path / "notes" / "journal.jsonl")


def test_every_way_to_hand_out_is_noted(journal: Journal, tmp_path: Path) -> None:
    """Minted, attenuated, spawned, drafted, for a bearer: one line each, by id and never the token."""
    alice = Identity.from_seed(ALICE, b"\1" * 32, journal=journal)
    planner = Identity("agent:planner", PLANNER.signer, journal=journal)
    made = [alice.mint(to=planner.principal, can="a", ttl="1h", hops=3, tenant="acme", now=NOON)]
    made.append(planner.attenuate(made[0], to=WORKER.principal, ttl="5m", now=NOON))
    held = Holder(planner, made[0])
    made.append(held.attenuate(ttl="1m", now=NOON))
    child = held.spawn("agent:child", hops=1, now=NOON)
    made.append(child.token)
    grandchild = child.spawn("agent:grandchild", now=NOON)
    made.append(grandchild.token)
    draft = alice.draft_mint(to=planner.principal, can="a", ttl="1h", now=NOON)
    assert len(entries(journal)) == 5
    made.append(draft.finish(alice.signer.sign(draft.to_sign)))
    draft = planner.draft(made[0], ttl="2m", now=NOON)
    made.append(draft.finish(planner.signer.sign(draft.to_sign)))
    bearer = alice.mint(bearer=True, can="a", ttl="1h", audience="files.example.com", now=NOON)
    found = entries(journal)
    assert [each.block_id for each in found] == [each.link.id for each in (*made, bearer)]
    assert [each.to for each in found[:5]] == [
        *("agent:planner", "agent:worker", "agent:planner", "agent:child", "agent:grandchild"),
    ]
    assert {(each.originator, each.tenant) for each in found[:5]} == {(ALICE, "acme")}
    text = journal.path.read_text()
    assert "dlg" not in text
    assert isinstance(bearer, BearerToken)
    for token in (*made, bearer):
        written = token.to_text()[5:]
        assert not any(written[at : at + 24] in text for at in range(0, len(written) - 24, 8))
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_what_a_bearer_token_hands_out_is_noted_where_a_journal_is_given(journal: Journal, tmp_path: Path) -> None:
    """Narrowed, bound to a holder, sealed: no identity is there to note it. What cannot be noted is not handed out."""
    bearer = PLANNER.mint(bearer=True, can="a", ttl="1h", audience="s", now=NOON)
    assert bearer.attenuate(ttl="5m", now=NOON) is not None
    assert not journal.path.exists()
    made = [
        bearer.attenuate(ttl="5m", now=NOON, journal=journal),
        bearer.attenuate(to=WORKER.principal, ttl="5m", now=NOON, journal=journal),
        bearer.seal(now=NOON, journal=journal),
    ]
    assert [each.block_id for each in entries(journal)] == [each.link.id for each in made]
    sealed = made[-1]
    assert isinstance(sealed, BearerToken)
    assert sealed.seal(now=NOON, journal=journal) is sealed
    assert len(entries(journal)) == 3
    (tmp_path / "file").write_text("")
    nowhere = Journal(tmp_path / "file" / "journal.jsonl")
    with pytest.raises(OSError, match="file"):
        bearer.attenuate(now=NOON, journal=nowhere)
    with pytest.raises(OSError, match="file"):
        bearer.seal(now=NOON, journal=nowhere)


def test_what_is_loaded_has_a_journal_too(journal: Journal, tmp_path: Path) -> None:
    """From a file, from a seed, made anew, from the environment."""
    ours = Identity.generate(ALICE, journal=journal)
    ours.save(tmp_path / "alice.key")
    for identity in (ours, Identity.load(tmp_path / "alice.key", journal=journal)):
        identity.mint(to=PLANNER.principal, can="a", ttl="1h")
    held = Holder(PLANNER, ours.mint(to=PLANNER.principal, can="a", ttl="1h"))
    Holder.from_env(held.to_env(), journal=journal).attenuate(ttl="5m")
    assert [each.by for each in entries(journal)] == [ALICE, ALICE, ALICE, "agent:planner"]


def test_without_a_journal_nothing_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's data folder is touched by a program that did not ask for it."""
    monkeypatch.setenv("DELEGATE_DATA", str(tmp_path / "data"))
    alice = Identity.generate(ALICE)
    assert alice.journal is None
    alice.revoke(blocks=[RevokedBlock.of(alice.mint(to=PLANNER.principal, can="a", ttl="1h"))])
    assert not (tmp_path / "data").exists()


def test_what_is_taken_back_is_noted(journal: Journal) -> None:
    """A block and a key: what is listed by others before is not noted again."""
    alice = Identity.from_seed(ALICE, b"\1" * 32, journal=journal)
    first = alice.mint(to=PLANNER.principal, can="a", ttl="1h", now=NOON)
    second = alice.mint(to=PLANNER.principal, can="a", ttl="1h", now=NOON)
    earlier = alice.revoke(blocks=[RevokedBlock.of(first)], now=NOON)
    alice.revoke(keys=[RevokedKey(WORKER.public_key.thumbprint)], previous=earlier, now=NOON)
    found = journal.read()
    assert [each.record.subject for each in found.revoked] == [first.link.id, WORKER.public_key.thumbprint]
    records = [each.record for each in found.revoked]
    assert [is_revoked(each, records, NOON) for each in found.entries] == [True, False]
    assert second.link.id == found.entries[1].block_id


def test_what_cannot_be_noted_is_not_handed_out(tmp_path: Path) -> None:
    """The caller is told before there is a token; a revocation list likewise."""
    (tmp_path / "folder").mkdir()
    alice = Identity.generate(ALICE, journal=Journal(tmp_path / "folder"))
    with pytest.raises(IsADirectoryError):
        alice.mint(to=PLANNER.principal, can="a", ttl="1h")
    with pytest.raises(IsADirectoryError):
        alice.revoke(keys=[RevokedKey(WORKER.public_key.thumbprint)])
    shared = tmp_path / "shared.jsonl"
    shared.touch()
    shared.chmod(0o666)
    with pytest.raises(PermissionError, match="others may write it"):
        Identity.generate(ALICE, journal=Journal(shared)).mint(to=PLANNER.principal, can="a", ttl="1h")


def test_a_journal_changes_nothing_of_the_token(journal: Journal) -> None:
    """It is accepted as any other, and the journal may be any object that notes."""
    seen: list[bytes] = []

    class Mine:
        def note(self, token: object) -> None:
            seen.append(token.link.id)  # type: ignore[attr-defined]

        def note_revoked(self, records: object, file: str, at: int) -> None:
            raise AssertionError

    alice = Identity.generate(ALICE, journal=Mine())
    token = alice.mint(to=PLANNER.principal, can="a", ttl="1h")
    assert seen == [token.link.id]
    assert Verifier(roots=[alice.principal], audience="files").verify_chain(token).originator == ALICE


@pytest.mark.parametrize("found", [RuntimeError("no home"), Path("~/.local/share/delegate"), Path("share/delegate")])
def test_no_home_is_no_folder(found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder called `~` in the working directory, and no error but of the file."""

    def looked_for(*_: object, **__: object) -> object:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.delenv("DELEGATE_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_data_path", looked_for)
    with pytest.raises(FileNotFoundError, match="no home folder; DELEGATE_DATA names another"):
        default_path()
    assert repr(Journal()) == "Journal()"


@pytest.mark.skipif(os.name != "posix", reason="only there is a user a number")
def test_no_home_and_an_unknown_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """What containers have: no HOME, and a number without a name."""

    def unknown(number: int) -> object:
        raise KeyError(number)

    for name in ("DELEGATE_DATA", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(FileNotFoundError, match="no home folder"):
        default_path()


def test_the_command_s_journal_is_the_one_without_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`DELEGATE_DATA`, else the user's data folder."""
    monkeypatch.setenv("DELEGATE_DATA", str(tmp_path / "data"))
    assert Journal().path == tmp_path / "data" / "journal.jsonl"
    monkeypatch.delenv("DELEGATE_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("HOME", "")
    assert Journal().path == tmp_path / "share" / "delegate" / "journal.jsonl"
