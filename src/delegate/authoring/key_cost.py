"""What it would cost to open an encrypted PKCS#8 key, told before it is opened (SPEC §2.4).

The rules of this file:

- The key file says how often its passphrase is hashed. A count in the billions would keep its reader busy for an hour.
- Only that is read of the DER (RFC 8018): the counts behind the salt. Whatever is not read just so is refused, so
  that no other reader finds another count in the same bytes.
"""

from __future__ import annotations

import binascii
import re
from math import prod
from typing import Final

from delegate.errors import Reason, TokenError

ITERATIONS: Final = 10_000_000  # seconds; what tools write is 2,048 to a million

_PEM: Final = re.compile(
    r"-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END ENCRYPTED PRIVATE KEY-----\s*"
)
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_LONG, _LONG_TAG = 0x80, 0x1F
_SCRYPT_COUNTS: Final = 3  # N, r, p; PBKDF2 has one, and perhaps the length of the key


def open_pem(pem: str) -> bytes:
    """Give the DER of an encrypted key, if its passphrase is hashed at most `ITERATIONS` times.

    Raises:
        TokenError: MALFORMED.
    """
    found = _PEM.fullmatch(pem)
    try:
        der = b"" if found is None else binascii.a2b_base64(found[1].replace("\n", ""), strict_mode=True)
        counts = _counts(_items(_items(_items(der)[0][1])[0][1]))
        work = prod(counts[:_SCRYPT_COUNTS]) if len(counts) >= _SCRYPT_COUNTS else counts[0]
    except (ValueError, IndexError):
        raise TokenError(Reason.MALFORMED, "the key file is damaged") from None
    if not 0 < work <= ITERATIONS:
        raise TokenError(Reason.MALFORMED, f"a passphrase is hashed at most {ITERATIONS} times")
    return der


def _counts(items: list[tuple[int, bytes]]) -> list[int]:
    """Find the numbers behind the salt: `SEQUENCE { OCTET STRING, INTEGER, … }`, the first there is."""
    if items and items[0][0] == _OCTETS:
        return [int.from_bytes(content, "big", signed=True) for tag, content in items if tag == _INTEGER]
    return next((found for tag, content in items if tag == _SEQUENCE and (found := _counts(_items(content)))), [])


def _items(der: bytes) -> list[tuple[int, bytes]]:
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
