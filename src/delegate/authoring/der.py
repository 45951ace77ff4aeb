"""As much DER (X.690) as key files need: tags and contents, of a definite length."""

from __future__ import annotations

from typing import Final

INTEGER: Final = 0x02
OCTETS: Final = 0x04
SEQUENCE: Final = 0x30
ATTRIBUTES: Final = 0xA0  # [0], constructed
PUBLIC_KEY: Final = 0x81  # [1], primitive
_LONG, _LONG_TAG = 0x80, 0x1F


def items(der: bytes) -> list[tuple[int, bytes]]:
    """Read tags and contents, one after the other; raises ValueError or IndexError for what has no definite end."""
    found = []
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size >= _LONG:
            more = size - _LONG
            size = int.from_bytes(der[at : at + more], "big")
            at += more
            if not more:
                raise ValueError
        if at + size > len(der) or tag & _LONG_TAG == _LONG_TAG:
            raise ValueError
        found.append((tag, der[at : at + size]))
        at += size
    return found


def item(tag: int, content: bytes) -> bytes:
    """Write one tag and its content."""
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(digits))) + digits + content


def first_version(der: bytes) -> tuple[bytes, bytes | None]:
    """Write a private key of version 2 (RFC 5958) as one of version 1 (RFC 5208); gives the public key in it too.

    Version 2 adds the public key, which whoever has the private one can work out: to be compared, not relied on.

    Raises:
        ValueError, IndexError: it is none of version 2.
    """
    ((tag, content),) = items(der)
    (version_tag, version), algorithm, key, *rest = items(content)
    kinds = [each for each, _ in rest]
    if (tag, version_tag, version) != (SEQUENCE, INTEGER, b"\x01") or algorithm[0] != SEQUENCE or key[0] != OCTETS:
        raise ValueError
    if kinds not in ([], [ATTRIBUTES], [PUBLIC_KEY], [ATTRIBUTES, PUBLIC_KEY]):
        raise ValueError
    public = dict(rest).get(PUBLIC_KEY)
    if public is not None and public[:1] != b"\0":  # a bit string of whole bytes
        raise ValueError
    body = item(INTEGER, b"\0") + item(*algorithm) + item(*key)
    return item(SEQUENCE, body), None if public is None else public[1:]
