"""Keys that are not in this process: what all their signers share.

- Whatever keeps the key is believed in nothing: its signature is checked before it goes into anything.
- What it cannot do, or does not answer, is a `DelegateError` that says what to do about it.
"""

from __future__ import annotations

from typing import NoReturn

from delegate.core.keys.public import PublicKey
from delegate.errors import DelegateError, Reason, StateError


def refused(detail: str) -> NoReturn:
    """Say that a signature, or a key, could not be had; raises StateError, STATE_UNAVAILABLE."""
    raise StateError(Reason.STATE_UNAVAILABLE, detail)


def checked(public_key: PublicKey, message: bytes, signature: bytes, who: str) -> bytes:
    """Take a signature that holds; raises StateError for any other."""
    try:
        public_key.verify(message, signature)
    except DelegateError:
        refused(f"{who} gave a signature that does not hold under the key")
    return signature
