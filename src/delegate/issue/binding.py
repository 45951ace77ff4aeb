"""Whether a token was meant for the key that whoever brought it has proven.

A proof shows a key, and not that the token is for it: whoever has seen Alice's token could bring it with a key of their
own. So a token says for which key it is, in one of three ways, or a grant takes it unbound: once, for one key.

The rules of this file:

- What a token says of its key must hold, whatever the grant allows: a token for another key is never taken. One with a
  nonce was asked for by somebody, for some key: without its salt it is nobody's.
- The salt of a nonce is a secret of whoever asked for the token until it is used; the thumbprint behind it has a fixed
  length, so that one digest stands for one salt and one key.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from delegate.core.keys.public import PublicKey
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import DelegateError, Reason
from delegate.issue.certificates import x5t
from delegate.issue.compact import jkt
from delegate.issue.refusals import NotIssued
from delegate.issue.subjects import Subject

SALT_BYTES: Final = (16, 64)


class Binding(StrEnum):
    """How a token is bound to a key."""

    KEY = "key"  # it names the key: cnf.jkt
    NONCE = "nonce"  # it was asked for by whoever has the key
    CERTIFICATE = "certificate"  # it names the certificate of the connection, or is that certificate
    UNBOUND = "unbound"


def nonce_of(salt: bytes, key: PublicKey) -> str:
    """Give the nonce with which to ask for an ID token that is for this key: SHA-256(salt ‖ thumbprint).

    Args:
        salt: 16 to 64 bytes, fresh for each token; it goes to the issuer with the token.
        key: the agent's.
    """
    if not SALT_BYTES[0] <= len(salt) <= SALT_BYTES[1]:
        message = f"a salt has {SALT_BYTES[0]} to {SALT_BYTES[1]} bytes"
        raise ValueError(message)
    return to_base64url(sha256(salt + key.thumbprint).digest())


def bound(subject: Subject, key: PublicKey, *, salt: str = "", chain: Sequence[bytes] = ()) -> Binding:
    """Say how a token is bound to this key; UNBOUND where nothing in it says for whom it is.

    Args:
        subject: of a token that was checked.
        key: what whoever brought it has proven.
        salt: of the nonce, in base64url; empty where none was given.
        chain: the certificates of the connection, whose key TLS has proven.

    Raises:
        NotIssued: PROOF_WRONG_KEY: it is for another key or certificate. MALFORMED: the salt is none.
    """
    if subject.by_certificate:
        return Binding.CERTIFICATE
    found = Binding.UNBOUND
    if subject.x5t:
        if not chain or not compare_digest(x5t(chain[0]), subject.x5t):
            raise _no("it is for a client certificate that is not the connection's")
        found = Binding.CERTIFICATE
    if salt:
        if not subject.nonce or not compare_digest(subject.nonce.encode(), nonce_of(_salt(salt), key).encode()):
            raise _no("its nonce does not come from this salt and this key")
        found = Binding.NONCE
    if subject.jkt:
        if not compare_digest(subject.jkt.encode(), jkt(key).encode()):
            raise _no("it is for another key than the one that was proven")
        found = Binding.KEY
    elif subject.nonce and not salt:
        raise _no("it has a nonce, and the salt that shows for which key it was asked did not come with it")
    return found


def _salt(text: str) -> bytes:
    try:
        salt = from_base64url(text)
    except DelegateError:
        salt = b""
    if not SALT_BYTES[0] <= len(salt) <= SALT_BYTES[1]:
        told = f"the salt of a nonce is {SALT_BYTES[0]} to {SALT_BYTES[1]} bytes in base64url"
        raise NotIssued(Reason.MALFORMED, told, told=told)
    return salt


def _no(words: str) -> NotIssued:
    return NotIssued(Reason.PROOF_WRONG_KEY, f"the subject token is refused: {words}", told=f"subject token: {words}")
