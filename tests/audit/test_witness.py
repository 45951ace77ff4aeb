"""A witness cosigns one history of a log, and never a second one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.audit.memory import WitnessFile
from delegate.audit.tree.checkpoints import Checkpoint, open_checkpoint
from delegate.audit.tree.merkle import EMPTY_ROOT, Tiles, grow, leaf_hash
from delegate.audit.tree.notes import Note, NoteSigner, Signature, Use, opened
from delegate.audit.tree.witness import Request, Witness

LOG = NoteSigner("example.com/log", Use.LOG, b"l" * 32)
SIGNER = NoteSigner("witness.example", Use.WITNESS, b"w" * 32)
NOW = 1_790_000_000


def tree(word: str, size: int, *, fork: int = 0) -> Tiles:
    """A tree of so many entries; from `fork` on they are another's."""
    leaves = b"".join(leaf_hash(f"{word if at >= fork else 'same'} {at}".encode()) for at in range(size))
    kept = grow(0, [], leaves)
    return Tiles(size, lambda level, number: kept.get((level, number), b""))


HONEST, FORKED = tree("honest", 200, fork=10), tree("forked", 200, fork=10)


def note_of(tiles: Tiles, size: int, signer: NoteSigner = LOG, origin: str = "example.com/log") -> Note:
    """A signed checkpoint."""
    return Checkpoint(origin, size, tiles.root(size)).sign(signer)


def body(tiles: Tiles, old: int, size: int) -> str:
    """A request."""
    return Request(old, tiles.consistency(old, size), note_of(tiles, size)).to_text()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[WitnessFile]:
    """A witness's memory."""
    kept = WitnessFile(tmp_path / "witness.db", deadline=20.0)
    yield kept
    kept.close()


@pytest.fixture
def witness(memory: WitnessFile) -> Witness:
    """A witness with nothing seen."""
    return Witness(SIGNER, (LOG.key,), memory)


def test_it_cosigns_what_follows(witness: Witness, memory: WitnessFile, tmp_path: Path) -> None:
    """From nothing on, step by step, the same again; and remembers across restarts."""
    for old, size in ((0, 3), (3, 3), (3, 10), (10, 200)):
        answer = witness.answer(body(HONEST, old, size), NOW)
        assert (answer.status, answer.kind) == (200, "text/plain; charset=utf-8")
        note = note_of(HONEST, size).with_line(answer.body)
        assert [each.key for each in opened(note, [LOG.key, SIGNER.key])] == [LOG.key, SIGNER.key]
    memory.close()
    again = WitnessFile(tmp_path / "witness.db", deadline=20.0)
    try:
        kept = again.note("example.com/log")
        assert kept is not None
        assert len(opened(kept, [LOG.key, SIGNER.key])) == 2
        answer = Witness(SIGNER, (LOG.key,), again).answer(body(FORKED, 0, 100), NOW)
        assert (answer.status, answer.kind, answer.body) == (409, "text/x.tlog.size", "200\n")
    finally:
        again.close()


def test_it_does_not_cosign_a_fork(witness: Witness) -> None:
    """A log that shows one tree to one and another to another: the second gets no cosignature, however it asks."""
    assert witness.answer(body(HONEST, 0, 100), NOW).status == 200
    for old, size in ((100, 150), (100, 100)):
        assert witness.answer(body(FORKED, old, size), NOW).status == 422
    assert witness.answer(body(FORKED, 0, 150), NOW).status == 409
    assert witness.answer(Request(100, HONEST.consistency(100, 150), note_of(FORKED, 150)).to_text(), NOW).status == 422
    assert witness.answer(body(HONEST, 100, 150), NOW).status == 200


@pytest.mark.parametrize(
    ("request_body", "status"),
    [
        ("", 400),
        ("old x\n\n" + note_of(HONEST, 3).to_text(), 400),
        ("old 00\n\n" + note_of(HONEST, 3).to_text(), 400),
        ("old 4\n\n" + note_of(HONEST, 3).to_text(), 400),
        ("old 0\n" + "A" * 43 + "=\n\n" + note_of(HONEST, 3).to_text(), 422),
        ("old 0\n" + ("A" * 43 + "=\n") * 64 + "\n" + note_of(HONEST, 3).to_text(), 400),
        ("old 1\n\n" + note_of(HONEST, 3).to_text(), 409),
        (b"\xff", 400),
        ("x" * ((1 << 20) + 1), 400),
    ],
)
def test_requests_that_are_refused(witness: Witness, request_body: str | bytes, status: int) -> None:
    """Each with the status that the protocol gives."""
    assert witness.answer(request_body, NOW).status == status


def test_logs_that_it_does_not_know(witness: Witness) -> None:
    """An unknown origin is 404, a key that is not the origin's 403, and so is a signature that does not hold."""
    other = NoteSigner("example.com/other", Use.LOG, b"l" * 32)
    forger = NoteSigner("example.com/log", Use.LOG, b"f" * 32)
    note = note_of(HONEST, 3)
    broken = Note(note.text, (note.signatures[0]._replace(signature=bytes(64)),))
    for given_, status in (
        (note_of(HONEST, 3, other, "example.com/other"), 404),
        (note_of(HONEST, 3, forger), 403),
        (broken, 403),
    ):
        assert witness.answer(Request(0, (), given_).to_text(), NOW).status == status


def test_an_empty_log_can_be_seen(witness: Witness) -> None:
    """And what follows from it is anything."""
    empty = Checkpoint("example.com/log", 0, EMPTY_ROOT).sign(LOG)
    assert witness.answer(Request(0, (), empty).to_text(), NOW).status == 200
    assert witness.answer(body(HONEST, 0, 3), NOW).status == 200


def test_two_requests_at_once_do_not_roll_back(memory: WitnessFile) -> None:
    """What was compared with a memory that moved on meanwhile is not cosigned."""

    class Slow:
        """A memory that another request is quicker to."""

        def latest(self, origin: str) -> Checkpoint | None:
            return memory.latest(origin)

        def advance(self, before: Checkpoint | None, note: Note) -> bool:
            assert Witness(SIGNER, (LOG.key,), memory).answer(body(HONEST, 0, 20), NOW).status == 200
            return memory.advance(before, note)

    answer = Witness(SIGNER, (LOG.key,), Slow()).answer(body(HONEST, 0, 10), NOW)
    assert (answer.status, answer.body) == (409, "20\n")
    found = memory.latest("example.com/log")
    assert found is not None
    assert found.size == 20


def test_a_witness_is_not_its_log(memory: WitnessFile) -> None:
    """One key for both could forge what either says; a log's key is no witness's."""
    same = NoteSigner("witness.example", Use.WITNESS, b"l" * 32)
    for signer, logs in ((same, (LOG.key,)), (LOG, (LOG.key,)), (SIGNER, ()), (SIGNER, (SIGNER.key,))):
        with pytest.raises(ValueError, match="log"):
            Witness(signer, logs, memory)


class Nothing:
    """A memory that was never asked."""

    def latest(self, origin: str) -> Checkpoint | None:
        """Give nothing."""
        return None

    def advance(self, before: Checkpoint | None, note: Note) -> bool:
        """Remember nothing."""
        return False


@given(st.binary(max_size=300))
def test_any_body_gets_an_answer(data: bytes) -> None:
    """Never an error."""
    assert Witness(SIGNER, (LOG.key,), Nothing()).answer(b"old 0\n" + data, NOW).status in {400, 403, 404, 422}


def test_the_line_that_is_kept_is_the_one_that_was_checked(witness: Witness, memory: WitnessFile) -> None:
    """Another name's line with the log's key id stands above it, and takes no place."""
    note = note_of(HONEST, 3)
    junk = Signature("evil.example/log", LOG.key.id, b"z" * 64)
    both = Note(note.text, (junk, *note.signatures))
    assert witness.answer(Request(0, (), both).to_text(), NOW).status == 200
    kept = memory.note("example.com/log")
    assert kept is not None
    assert open_checkpoint(kept, (LOG.key,), (SIGNER.key,)).witnesses
