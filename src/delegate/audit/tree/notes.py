"""Signed notes: a text, and lines of signatures under it (C2SP signed-note, tlog-cosignature).

    <text, ending in a newline>
    <empty line>
    — <key name> <base64: key id of 4 bytes ‖ signature>

The rules of this file:

- A note is read by taking it apart and comparing with what writing it again gives: there is one way to write it.
- Lines by unknown keys are left alone; a line by a known key that does not hold refuses the whole note.
- A key has one use, which is part of its id: a log signs checkpoints, a witness signs that it saw them. One key with
  both uses could be made to say the one by signing the other, so nobody is known by both.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from enum import IntEnum
from hashlib import sha256
from os import urandom
from typing import Final, NamedTuple, NoReturn

from delegate.core.keys import ed25519
from delegate.errors import Reason, TokenError, VerificationError

NOTE_BYTES: Final = 1 << 20
SIGNATURES: Final = 64  # lines of one note
_NAME_CHARACTERS: Final = 255
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_DASH: Final = "\N{EM DASH} "
_PRIVATE: Final = "PRIVATE+KEY"
_STRUCTURE: Final = b"\x84\x6aSignature1"


class Use(IntEnum):
    """What a key of notes is for: the byte that says so in its id."""

    LOG = 0x01
    WITNESS = 0x04


class NoteKey(NamedTuple):
    """A key that signatures of notes are checked with.

    Attributes:
        name: a URL without a scheme: `example.com/log`.
        use: what it is for.
        raw: 32 bytes, Ed25519.
    """

    name: str
    use: Use
    raw: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which lines name the key, beside its name."""
        return key_id(self.name, self.use, self.raw)

    def to_text(self) -> str:
        """Write the key as C2SP's verifier keys are: `example.com/log+530d903a+AekyeR…`."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes((self.use,)) + self.raw)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read a verifier key.

        Raises:
            TokenError: MALFORMED, or UNSUPPORTED_ALGORITHM for a use that is not one of the two.
            VerificationError: WEAK_KEY.
        """
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        content = _decoded(encoded)
        use = _use(content)
        found = cls(name, use, content[1:])
        if not is_note_name(name) or len(found.raw) != ed25519.KEY_BYTES or found.to_text() != text:
            _malformed("not a verifier key: name, key id and key, joined by +")
        if not ed25519.is_strong(found.raw):
            raise VerificationError(Reason.WEAK_KEY, f"the key of {name} is of low order or not canonically encoded")
        return found


class NoteSigner:
    """A key that notes are signed with. Its secret never prints and is not pickled.

    Attributes:
        key: its public half.
    """

    __slots__ = ("_secret", "key")

    def __init__(self, name: str, use: Use, seed: bytes) -> None:
        """Take the 32 bytes that the key follows from.

        Raises:
            ValueError: not 32 bytes; a name with a blank or a plus in it, or of another length than 1 to 255.
        """
        if not is_note_name(name):
            message = f"a key's name is 1 to {_NAME_CHARACTERS} printable characters without blank and plus"
            raise ValueError(message)
        raw, self._secret = ed25519.expand(seed)
        self.key = NoteKey(name, Use(use), raw)

    @classmethod
    def generate(cls, name: str, use: Use, entropy: Callable[[int], bytes] = urandom) -> NoteSigner:
        """Make a new key; `entropy` is asked for 32 bytes."""
        return cls(name, use, entropy(ed25519.SEED_BYTES))

    def to_text(self) -> str:
        """Write the secret key, as tools for notes do: for a file that is its owner's alone."""
        seed = self._secret[: ed25519.SEED_BYTES]
        return f"{_PRIVATE}+{self.key.name}+{self.key.id.hex()}+{_base64(bytes((self.key.use,)) + seed)}"

    @classmethod
    def parse(cls, text: str) -> NoteSigner:
        """Read a secret key.

        Raises:
            TokenError: MALFORMED, UNSUPPORTED_ALGORITHM; nothing of the text is in the message.
        """
        parts = text.split("+", 4)
        if len(parts) != 5 or parts[:2] != _PRIVATE.split("+") or not is_note_name(parts[2]):
            _malformed("not a secret key for notes")
        content = _decoded(parts[4])
        use = _use(content)
        if len(content) != 1 + ed25519.SEED_BYTES:
            _malformed("not a secret key for notes")
        found = cls(parts[2], use, content[1:])
        if found.to_text() != text:
            _malformed("a secret key whose id is another's")
        return found

    def line(self, text: str, now: int) -> str:
        """Sign a note's text; `now`, Unix seconds, is in a witness's line alone."""
        body = text.encode()
        if self.key.use is Use.LOG:
            signed = ed25519.sign(self._secret, body)
        else:
            signed = now.to_bytes(_TIME_BYTES) + ed25519.sign(self._secret, cosigned(body, now))
        return f"{_DASH}{self.key.name} {_base64(self.key.id + signed)}\n"

    def sign_structure(self, structure: bytes) -> bytes:
        """Sign a COSE Sig_structure, which cannot be the text of a note: it is no UTF-8.

        Raises:
            ValueError: it is none.
        """
        if not structure.startswith(_STRUCTURE):
            message = "not a Sig_structure"
            raise ValueError(message)
        return ed25519.sign(self._secret, structure)

    def __repr__(self) -> str:
        return f"NoteSigner({self.key.to_text()})"

    def __reduce__(self) -> NoReturn:
        message = "a signer is not pickled: its secret would go along"
        raise TypeError(message)


class Signature(NamedTuple):
    """One line of signature, and nothing known about it yet."""

    name: str
    key_id: bytes
    signature: bytes

    def to_line(self) -> str:
        """Write the line."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.signature)}\n"


class Note(NamedTuple):
    """A note, whose signatures nobody has checked."""

    text: str
    signatures: tuple[Signature, ...]

    def to_text(self) -> str:
        """Write the note."""
        return f"{self.text}\n{''.join(each.to_line() for each in self.signatures)}"

    @classmethod
    def parse(cls, given: str | bytes) -> Note:
        """Take a note apart.

        Raises:
            TokenError: MALFORMED, LIMIT_EXCEEDED.
        """
        if len(given) > NOTE_BYTES:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"a note of {len(given)} bytes")
        try:
            whole = given.decode() if isinstance(given, bytes) else given
            whole.encode()
        except UnicodeError:
            _malformed("a note is not UTF-8")
        if any(each < " " and each != "\n" for each in whole):
            _malformed("a note with a control character")
        text, blank, below = whole.rpartition("\n\n")
        lines = below.split("\n")
        if not blank or not text or lines.pop() != "" or not lines:
            _malformed("a note is a text, an empty line, and lines of signatures")
        if len(lines) > SIGNATURES:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"a note with {len(lines)} signatures")
        found = cls(f"{text}\n", tuple(map(_signature, lines)))
        if found.to_text() != whole:
            _malformed("a line of signature that is not written as it must be")
        return found

    def with_line(self, line: str) -> Note:
        """Give the note with one more line under it; a line that is there already is not added again."""
        added = _signature(line.removesuffix("\n"))
        return self if added in self.signatures else Note(self.text, (*self.signatures, added))


class Held(NamedTuple):
    """A signature that held: by which key, and for a witness when it was made, Unix seconds."""

    key: NoteKey
    time: int | None


def opened(note: Note, known: Iterable[NoteKey]) -> tuple[Held, ...]:
    """Check every line by a key that is known.

    Returns:
        What held, in the order of the lines; one key counts once.

    Raises:
        VerificationError: BAD_SIGNATURE; a line by a known key does not hold. No known key is no error here: whoever
            calls it says how many it wants.
    """
    keys = {(each.name, each.id): each for each in known}
    found: dict[NoteKey, Held] = {}
    body = note.text.encode()
    for each in note.signatures:
        key = keys.get((each.name, each.key_id))
        if key is None:
            continue
        held = _check(key, body, each.signature)
        if held is None:
            raise VerificationError(Reason.BAD_SIGNATURE, f"the signature of {key.name} does not hold")
        found.setdefault(key, held)
    return tuple(found.values())


def cosigned(body: bytes, time: int) -> bytes:
    """Give what a witness signs: when, and the text that it saw."""
    return b"cosignature/v1\ntime %d\n" % time + body


def is_note_name(name: str) -> bool:
    """Say whether this can name a key: not empty, no blank, no plus, nothing that does not print."""
    return 0 < len(name) <= _NAME_CHARACTERS and name.isprintable() and "+" not in name and not any(map(_blank, name))


def key_id(name: str, use: int, raw: bytes) -> bytes:
    """Give the first four bytes of SHA-256(name ‖ newline ‖ use ‖ key)."""
    return sha256(name.encode() + b"\n" + bytes((use,)) + raw).digest()[:_ID_BYTES]


def _check(key: NoteKey, body: bytes, signature: bytes) -> Held | None:
    if key.use is Use.LOG:
        return Held(key, None) if ed25519.check(key.raw, body, signature) else None
    if len(signature) != _TIME_BYTES + ed25519.SIGNATURE_BYTES:
        return None
    time = int.from_bytes(signature[:_TIME_BYTES])
    if not 0 < time < 1 << 63:
        return None
    good = ed25519.check(key.raw, cosigned(body, time), signature[_TIME_BYTES:])
    return Held(key, time) if good else None


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    content = _decoded(encoded)
    if not line.startswith(_DASH) or not is_note_name(name) or len(content) <= _ID_BYTES:
        _malformed("not a line of signature")
    return Signature(name, content[:_ID_BYTES], content[_ID_BYTES:])


def _use(content: bytes) -> Use:
    try:
        return Use(content[0])
    except (IndexError, ValueError):
        raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key for notes is a log's or a witness's Ed25519") from None


def _blank(character: str) -> bool:
    return character.isspace()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        _malformed("not base64")


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
