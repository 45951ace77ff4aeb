"""The text form: a prefix that says what it is, and unpadded base64url (SPEC §3.2).

The rules of this file:

- One byte string has one text: no padding, no other alphabet, nothing inside, no stray trailing bits.
- White space around a pasted token is its surroundings, not part of it; white space inside is a fault.
- A cut-off paste is `truncated`: the reader should look at the clipboard, not for a forger.
"""

from __future__ import annotations

import binascii
from typing import Final

from delegate.core.wire import cbor
from delegate.core.wire.envelope import Kind
from delegate.errors import Reason, TokenError
from delegate.limits import PRESENTATION_BYTES, REVOCATIONS_BYTES, TOKEN_BYTES

PREFIXES: Final = {Kind.TOKEN: "dlgt_", Kind.BEARER: "dlgb_", Kind.PRESENTATION: "dlgp_"}
_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
REVOCATIONS_PREFIX: Final = "dlgr_"
PREFIX_CHARACTERS: Final = 5
_ALIEN: Final = 0x21  # "!" is in neither alphabet
_FROM_URL: Final = bytes(
    {ord("-"): ord("+"), ord("_"): ord("/"), ord("+"): _ALIEN, ord("/"): _ALIEN, ord("="): _ALIEN}.get(code, code)
    for code in range(256)
)
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_QUANTUM: Final = 4
_PADDING: Final = (b"", b"", b"==", b"=")
# The characters that can end a text whose last quantum is two or three characters: no bits left over.
_LAST: Final = ("", "", "AQgw", "AEIMQUYcgkosw048")


def encode(kind: Kind, data: bytes) -> str:
    """Give the text form of an envelope's bytes."""
    return PREFIXES[kind] + to_base64url(data)


def decode(text: str) -> tuple[Kind, bytes]:
    """Take the text form apart; the kind is what the prefix claims.

    Raises:
        TokenError: MALFORMED for another prefix or alphabet; TRUNCATED for a cut-off paste; NOT_CANONICAL
            for padding and trailing bits; LIMIT_EXCEEDED for a text too long to hold an envelope.
    """
    text = text.strip(" \t\r\n")
    kind = _KINDS.get(text[:PREFIX_CHARACTERS])
    if kind is None:
        raise TokenError(Reason.MALFORMED, "does not begin with dlgt_, dlgb_ or dlgp_")
    most = PRESENTATION_BYTES if kind is Kind.PRESENTATION else TOKEN_BYTES
    if len(text) - PREFIX_CHARACTERS > most * 4 // 3 + 3:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(text)} characters")
    return kind, from_base64url(text[PREFIX_CHARACTERS:])


def encode_revocations(data: bytes) -> str:
    """Give the text form of a revocation list's bytes."""
    return REVOCATIONS_PREFIX + to_base64url(data)


def decode_revocations(text: str) -> bytes:
    """Take the text form of a revocation list apart; raises as `decode`."""
    text = text.strip(" \t\r\n")
    if not text.startswith(REVOCATIONS_PREFIX):
        raise TokenError(Reason.MALFORMED, f"does not begin with {REVOCATIONS_PREFIX}")
    if len(text) - PREFIX_CHARACTERS > REVOCATIONS_BYTES * 4 // 3 + 3:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(text)} characters")
    return from_base64url(text[PREFIX_CHARACTERS:])


def to_base64url(data: bytes) -> str:
    """Encode without padding (RFC 4648 §5)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Decode the one unpadded form.

    Raises:
        TokenError: MALFORMED for another alphabet; NOT_CANONICAL for padding or stray trailing bits;
            TRUNCATED where the text ends inside a byte, or inside the CBOR item that it holds.
    """
    try:
        raw = text.encode("ascii").translate(_FROM_URL)
    except UnicodeEncodeError:
        raise _alien(text) from None
    over = len(raw) % _QUANTUM
    try:
        # A lone last character holds less than a byte: drop it here, to look at the others first.
        data = binascii.a2b_base64(raw[:-1] if over == 1 else raw + _PADDING[over], strict_mode=True)
    except binascii.Error:
        raise _alien(text) from None
    if over == 1:
        if ord(text[-1]) not in _ALPHABET:
            raise _alien(text)
        raise TokenError(Reason.TRUNCATED, "cut off: the text ends inside a byte")
    if over and text[-1] not in _LAST[over]:
        try:
            cbor.decode(data)
        except TokenError as error:
            if error.reason is Reason.TRUNCATED:  # a paste cut off here
                raise
        raise TokenError(Reason.NOT_CANONICAL, "bits after the last byte")
    return data


def _alien(text: str) -> TokenError:
    """Name the fault of a text with characters beside the alphabet: padding, if they all are that."""
    if text.rstrip("=").encode("utf-8", "replace").translate(None, _ALPHABET):
        return TokenError(Reason.MALFORMED, "a character that is not base64url")
    return TokenError(Reason.NOT_CANONICAL, "padding")
