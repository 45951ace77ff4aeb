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

from delegate.authoring.der import INTEGER, OCTETS, SEQUENCE, items
from delegate.errors import Reason, TokenError

ITERATIONS: Final = 10_000_000  # seconds; what tools write is 2,048 to a million

_PEM: Final = re.compile(
    r"-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END ENCRYPTED PRIVATE KEY-----\s*"
)
_SCRYPT_COUNTS: Final = 3  # N, r, p; PBKDF2 has one, and perhaps the length of the key


def open_pem(pem: str) -> bytes:
    """Give the DER of an encrypted key, if its passphrase is hashed at most `ITERATIONS` times.

    Raises:
        TokenError: MALFORMED.
    """
    found = _PEM.fullmatch(pem)
    try:
        der = b"" if found is None else binascii.a2b_base64(found[1].replace("\n", ""), strict_mode=True)
        counts = _counts(items(items(items(der)[0][1])[0][1]))
        work = prod(counts[:_SCRYPT_COUNTS]) if len(counts) >= _SCRYPT_COUNTS else counts[0]
    except (ValueError, IndexError):
        raise TokenError(Reason.MALFORMED, "the key file is damaged") from None
    if not 0 < work <= ITERATIONS:
        raise TokenError(Reason.MALFORMED, f"a passphrase is hashed at most {ITERATIONS} times")
    return der


def _counts(found: list[tuple[int, bytes]]) -> list[int]:
    """Find the numbers behind the salt: `SEQUENCE { OCTET STRING, INTEGER, … }`, the first there is."""
    if found and found[0][0] == OCTETS:
        return [int.from_bytes(content, "big", signed=True) for tag, content in found if tag == INTEGER]
    return next((counts for tag, content in found if tag == SEQUENCE and (counts := _counts(items(content)))), [])
