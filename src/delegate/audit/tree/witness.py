"""A witness: it cosigns a checkpoint only where the tree before is the beginning of the tree now (C2SP tlog-witness).

    old <size>
    <hashes of a consistency proof, one a line>
    <empty line>
    <checkpoint>

The rules of this file:

- A witness cosigns what its memory says follows from what it cosigned before: of two trees that differ it has seen one,
  and never signs the other.
- Memory first: what is cosigned is remembered, durably, before it is answered; comparing and remembering is one step.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from delegate.audit.tree.checkpoints import Checkpoint, Seen, hashes_of, number, open_checkpoint
from delegate.audit.tree.merkle import check_consistency
from delegate.audit.tree.notes import Note, NoteKey, NoteSigner, Use
from delegate.errors import DelegateError, Reason, TokenError, VerificationError

BODY_BYTES: Final = 1 << 20
SIZE_TYPE: Final = "text/x.tlog.size"


class Request(NamedTuple):
    """The body of an add-checkpoint request.

    Attributes:
        old: size of the tree that the proof begins at.
        proof: hashes.
        note: the checkpoint.
    """

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def to_text(self) -> str:
        """Write the body."""
        import base64

        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof), ""]
        return "\n".join([*lines, self.note.to_text()])

    @classmethod
    def parse(cls, body: str | bytes) -> Request:
        """Read a body.

        Raises:
            TokenError: MALFORMED, LIMIT_EXCEEDED.
        """
        if len(body) > BODY_BYTES:
            raise TokenError(Reason.LIMIT_EXCEEDED, "a request of more than 1 MiB")
        try:
            text = body.decode() if isinstance(body, bytes) else body
        except UnicodeDecodeError:
            raise TokenError(Reason.MALFORMED, "a request that is not UTF-8") from None
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or not first.startswith("old "):
            raise TokenError(Reason.MALFORMED, "a request is an old size, hashes, an empty line and a checkpoint")
        return cls(number(first.removeprefix("old ")), hashes_of(lines), Note.parse(note))


class Memory(Protocol):
    """What a witness cosigned last, of each origin."""

    def latest(self, origin: str) -> Checkpoint | None:
        """Give the checkpoint that was cosigned last; `None`: never."""

    def advance(self, before: Checkpoint | None, note: Note) -> bool:
        """Remember this checkpoint, durably, if `before` is still what was cosigned last; say whether it was."""


class Answer(NamedTuple):
    """What a witness answers: HTTP status, content type, body."""

    status: int
    kind: str
    body: str


class Witness:
    """Cosigns what follows from what it cosigned before."""

    __slots__ = ("_logs", "_memory", "_signer")

    def __init__(self, signer: NoteSigner, logs: tuple[NoteKey, ...], memory: Memory) -> None:
        """Set up a witness.

        Args:
            signer: a key for this alone.
            logs: whose checkpoints it looks at.
            memory: where it remembers.

        Raises:
            ValueError: the key is a log's, or one of the logs is known by the same key; no log.
        """
        if signer.key.use is not Use.WITNESS:
            message = "a witness's key is for cosigning alone, and this is a log's"
            raise ValueError(message)
        if not logs or any(each.use is not Use.LOG for each in logs):
            message = "a witness looks at one log or more, each known by its log key"
            raise ValueError(message)
        if any(each.raw == signer.key.raw for each in logs):
            message = "a log and its witness have one key: it could forge what either says"
            raise ValueError(message)
        self._signer = signer
        self._logs = logs
        self._memory = memory

    def answer(self, body: str | bytes, now: int) -> Answer:
        """Answer an add-checkpoint request; `now` is Unix seconds. Raises StateError where the memory fails."""
        try:
            request = Request.parse(body)
            checkpoint = Checkpoint.parse(request.note.text)
        except DelegateError as error:
            return _refusal(400, error.detail)
        if all(each.name != checkpoint.origin for each in self._logs):
            return _refusal(404, "this witness does not know that log")
        try:
            seen = open_checkpoint(request.note, self._logs)
        except VerificationError as error:
            return _refusal(403, error.detail)
        return self._judge(request, seen, now)

    def _judge(self, request: Request, seen: Seen, now: int) -> Answer:
        checkpoint = seen.checkpoint
        if request.old > checkpoint.size:
            return _refusal(400, "the old size is larger than the new one")
        before = self._memory.latest(checkpoint.origin)
        if request.old != (0 if before is None else before.size):
            return _conflict(before)
        try:
            _check_follows(before, checkpoint, request.proof)
        except VerificationError as error:
            return _refusal(422, error.detail)
        line = self._signer.line(request.note.text, now)
        # The line that was checked: by name and id, since anybody can write another with this id above it.
        checked = (seen.log.name, seen.log.id)
        log_line = next(each for each in request.note.signatures if (each.name, each.key_id) == checked)
        kept = Note(request.note.text, (log_line,)).with_line(line)
        if not self._memory.advance(before, kept):
            return _conflict(self._memory.latest(checkpoint.origin))
        return Answer(200, "text/plain; charset=utf-8", line)


def _check_follows(before: Checkpoint | None, now: Checkpoint, proof: tuple[bytes, ...]) -> None:
    if before is None or before.size == 0:
        if proof:
            raise VerificationError(Reason.BAD_SIGNATURE, "from an empty tree on there is nothing to prove")
        return
    check_consistency(before.size, before.root, now.size, now.root, proof)


def _conflict(before: Checkpoint | None) -> Answer:
    return Answer(409, SIZE_TYPE, f"{0 if before is None else before.size}\n")


def _refusal(status: int, detail: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{detail}\n")
