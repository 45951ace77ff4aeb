"""Checkpoints: what a log says its tree is, signed (C2SP tlog-checkpoint); and proofs that carry one (tlog-proof).

    <origin>
    <number of entries>
    <root, base64>

The rules of this file:

- The origin names the log, and the log's key has that name: nobody's checkpoint passes for another's.
- There are no further lines: what a log could say there nobody audits. A checkpoint with some is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NoReturn

from delegate.audit.tree.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    PROOF_HASHES,
    SIZE_MAX,
    check_inclusion,
)
from delegate.audit.tree.notes import Held, Note, NoteKey, NoteSigner, Use, is_note_name, opened
from delegate.errors import Reason, TokenError, VerificationError

_PROOF_HEAD: Final = "c2sp.org/tlog-proof@v1"
_EXTRA_CHARACTERS: Final = 1 << 17


class Checkpoint(NamedTuple):
    """What a log says its tree is.

    Attributes:
        origin: which log.
        size: how many entries.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Write the text of the note."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            TokenError: MALFORMED.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not is_note_name(lines[0]):
            _malformed("a checkpoint is three lines: origin, size, root")
        found = cls(lines[0], number(lines[1]), hash_of(lines[2]))
        if found.size == 0 and found.root != EMPTY_ROOT:
            _malformed("a checkpoint of no entries with another root than that of none")
        return found

    def sign(self, signer: NoteSigner) -> Note:
        """Sign it.

        Raises:
            ValueError: the key is a witness's, or that of another origin.
        """
        if signer.key.use is not Use.LOG or signer.key.name != self.origin:
            message = f"a checkpoint of {self.origin} is signed by the log key of that name"
            raise ValueError(message)
        text = self.to_text()
        return Note(text, ()).with_line(signer.line(text, 0))


class Seen(NamedTuple):
    """A checkpoint whose log's signature held, and which witnesses' did.

    Attributes:
        checkpoint: what the log says.
        log: the key that signed it.
        witnesses: who saw it, and when.
    """

    checkpoint: Checkpoint
    log: NoteKey
    witnesses: tuple[Held, ...]


def open_checkpoint(note: Note, logs: Iterable[NoteKey], witnesses: Iterable[NoteKey] = ()) -> Seen:
    """Check who signed a checkpoint.

    Args:
        note: as it came.
        logs: keys of logs that are known; one of them, of the checkpoint's own origin, must have signed.
        witnesses: keys of witnesses that are known.

    Raises:
        TokenError: MALFORMED. VerificationError: UNKNOWN_ROOT, no known log signed it; BAD_SIGNATURE.
    """
    found = Checkpoint.parse(note.text)
    own = [each for each in logs if each.name == found.origin and each.use is Use.LOG]
    held = opened(note, (*own, *(each for each in witnesses if each.use is Use.WITNESS)))
    log = next((each.key for each in held if each.key.use is Use.LOG), None)
    if log is None:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"no known key of {found.origin} signed this checkpoint")
    return Seen(found, log, tuple(each for each in held if each.key.use is Use.WITNESS))


class InclusionProof(NamedTuple):
    """That an entry is in a log: its place, the hashes that lead to the root, and the checkpoint that has it.

    Attributes:
        place: of the entry, from 0.
        hashes: from the leaf's sibling up.
        note: the checkpoint.
        extra: bytes that travel along, and that nothing vouches for.
    """

    place: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes = b""

    def to_text(self) -> str:
        """Write it as a tlog-proof."""
        lines = [_PROOF_HEAD]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.place}")
        lines += [base64.b64encode(each).decode() for each in self.hashes]
        return "\n".join([*lines, "", self.note.to_text()])

    @classmethod
    def parse(cls, given: str | bytes) -> InclusionProof:
        """Read a tlog-proof.

        Raises:
            TokenError: MALFORMED, LIMIT_EXCEEDED.
        """
        try:
            text = given.decode() if isinstance(given, bytes) else given
        except UnicodeDecodeError:
            _malformed("a proof is not UTF-8")
        head, _, note = text.partition("\n\n")
        lines = head.split("\n")
        if lines.pop(0) != _PROOF_HEAD or not lines:
            _malformed(f"a proof begins with {_PROOF_HEAD}")
        extra = b""
        if lines[0].startswith("extra "):
            encoded = lines.pop(0).removeprefix("extra ")
            if len(encoded) > _EXTRA_CHARACTERS:
                raise TokenError(Reason.LIMIT_EXCEEDED, "the extra data of a proof are too long")
            extra = decoded(encoded)
        if not lines or not lines[0].startswith("index "):
            _malformed("a proof without its index")
        index = number(lines.pop(0).removeprefix("index "))
        found = cls(index, hashes_of(lines), Note.parse(note), extra)
        Checkpoint.parse(found.note.text)
        if found.to_text() != text:
            _malformed("a proof that is not written as it must be")
        return found

    def check(self, leaf: bytes, logs: Iterable[NoteKey], witnesses: Iterable[NoteKey] = ()) -> Seen:
        """Check the checkpoint's signatures, and that the leaf with this hash is in the tree.

        Whoever calls it decides whether `witnesses` of the answer are enough: see `Policy.check`.

        Raises:
            TokenError, VerificationError: as `open_checkpoint`; BAD_SIGNATURE where the proof does not hold.
        """
        seen = open_checkpoint(self.note, logs, witnesses)
        check_inclusion(leaf, self.place, seen.checkpoint.size, self.hashes, seen.checkpoint.root)
        return seen


def number(text: str) -> int:
    """Read a decimal without leading zeroes, up to 2^63−1.

    Raises:
        TokenError: MALFORMED.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 19 or (text[0] == "0" and text != "0"):
        _malformed("not a decimal number without leading zeroes")
    if int(text) > SIZE_MAX:
        _malformed("a number beyond 2^63-1")
    return int(text)


def hash_of(text: str) -> bytes:
    """Read one hash in base64; raises TokenError: MALFORMED."""
    found = decoded(text)
    if len(found) != HASH_BYTES:
        _malformed("a hash is not 32 bytes")
    return found


def hashes_of(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Read the hashes of a proof, one a line; raises TokenError: MALFORMED, LIMIT_EXCEEDED."""
    if len(lines) > PROOF_HASHES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a proof of {len(lines)} hashes")
    return tuple(map(hash_of, lines))


def decoded(text: str) -> bytes:
    """Read base64, written in the one way; raises TokenError: MALFORMED."""
    try:
        found = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        _malformed("not base64")
    if base64.b64encode(found).decode() != text:
        _malformed("base64 with bits to spare")
    return found


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
