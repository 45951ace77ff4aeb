"""Envelopes that hold one byte string and no chain: a discharge, an ask (SPEC §3.1).

    discharge = [5, signed]        text prefix dlgd_
    ask       = [7, bstr]          text prefix dlga_

The rules of this file:

- Framed by known bytes, every byte accounted for; what does not fit is decoded to say by name what is wrong.
- The text form is that of all envelopes (SPEC §3.2), and the checks are in the same order.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from delegate.core.wire import cbor
from delegate.core.wire.armor import PREFIX_CHARACTERS, from_base64url, to_base64url
from delegate.errors import Reason, TokenError
from delegate.limits import ASK_BYTES, DISCHARGE_BYTES

_FRAME_BYTES: Final = 8  # an upper bound of what the envelope adds


class Single(NamedTuple):
    """A kind of envelope: its number, its text prefix, what people call one, and how large its content may be."""

    number: int
    prefix: str
    word: str
    most_bytes: int


DISCHARGE: Final = Single(5, "dlgd_", "a discharge", DISCHARGE_BYTES)
ASK: Final = Single(7, "dlga_", "an ask", ASK_BYTES)


def build(kind: Single, content: bytes) -> bytes:
    """Encode an envelope around its content."""
    return cbor.encode_sorted([kind.number, content])


def to_text(kind: Single, content: bytes) -> str:
    """Give the text form."""
    return kind.prefix + to_base64url(build(kind, content))


def parse(kind: Single, source: str | bytes) -> bytes:
    """Read the text form or the bytes of an envelope of this kind; gives its content, which nobody has checked.

    Raises:
        TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION.
    """
    if isinstance(source, bytes) and source.lstrip()[:3] == b"dlg":  # text, as a file gives it
        source = source.decode("latin-1")
    if isinstance(source, str):
        return _content(kind, _from_text(kind, source))
    if isinstance(source, bytes):
        return _content(kind, source)
    message = f"{kind.word} is text or bytes, not {type(source).__name__}"
    raise TypeError(message)


def _from_text(kind: Single, text: str) -> bytes:
    text = text.strip(" \t\r\n")
    if not text.startswith(kind.prefix):
        raise TokenError(Reason.MALFORMED, f"{kind.word} begins with {kind.prefix}")
    if len(text) - PREFIX_CHARACTERS > (kind.most_bytes + _FRAME_BYTES) * 4 // 3 + 3:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(text)} characters")
    return from_base64url(text[PREFIX_CHARACTERS:])


def _content(kind: Single, data: bytes) -> bytes:
    if len(data) > kind.most_bytes + _FRAME_BYTES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(data)} bytes")
    match cbor.decode(data):
        case [int() as number, *_] if type(number) is int and number != kind.number:
            raise TokenError(Reason.UNSUPPORTED_VERSION, f"envelope {number}, where {kind.word} is wanted")
        case [int() as number, bytes() as content] if type(number) is int:
            if len(content) > kind.most_bytes:
                raise TokenError(Reason.LIMIT_EXCEEDED, f"{kind.word} of {len(content)} bytes")
            return content
    raise TokenError(Reason.MALFORMED, f"not {kind.word} of this format")
