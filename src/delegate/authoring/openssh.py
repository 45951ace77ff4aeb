"""Private key files of OpenSSH (PROTOCOL.key): read, and never written.

The rules of this file:

- The file says how often its passphrase is hashed: that is bounded before it is hashed.
- What is read here of the file is read by exact lengths, and only to bound and to name; the key itself is the library's
  to read and to check.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, NamedTuple

from delegate.authoring.foreign import foreign
from delegate.authoring.signers import Ed25519Signer, Esp256Signer, passphrase_bytes
from delegate.errors import Reason, TokenError

BEGIN: Final = "-----BEGIN OPENSSH PRIVATE KEY-----"
ROUNDS: Final = 512  # some seconds; what ssh-keygen writes is 16 to 24, and with -a what its user asked for
_PEM: Final = re.compile(rf"{BEGIN}\n([A-Za-z0-9+/=\n]+)-----END OPENSSH PRIVATE KEY-----\s*")
_MAGIC: Final = b"openssh-key-v1\0"
_FIELDS: Final = {b"ssh-ed25519": 2, b"ecdsa-sha2-nistp256": 3}  # before the comment


class _Frame(NamedTuple):
    """What such a file says before it is opened."""

    encrypted: bool
    rounds: int
    private: bytes


def is_encrypted(pem: str) -> bool:
    """Does the key have a passphrase? Raises TokenError: MALFORMED."""
    return _frame(pem).encrypted


def open_key(pem: str, passphrase: str | bytes | None) -> Ed25519Signer | Esp256Signer:
    """Read the key.

    Raises:
        TokenError: MALFORMED: damaged, a missing or a wrong passphrase, or one that is hashed more than `ROUNDS` times;
            UNSUPPORTED_ALGORITHM: neither Ed25519 nor P-256.
        ImportError: it has a passphrase, and the extra `ssh` is not installed.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    frame = _frame(pem)
    secret = None
    if frame.encrypted:
        if not passphrase:
            raise TokenError(Reason.MALFORMED, "this key file has a passphrase, and none was given")
        if not 0 < frame.rounds <= ROUNDS:
            raise TokenError(Reason.MALFORMED, f"a passphrase is hashed at most {ROUNDS} times")
        _check_bcrypt()
        secret = passphrase_bytes(passphrase)
    detail = "the passphrase is wrong or the key file is damaged" if secret else "the key file is damaged"
    with foreign(lambda: TokenError(Reason.MALFORMED, detail)):
        try:
            key = load_ssh_private_key(pem.encode("ascii"), secret)
        except UnsupportedAlgorithm:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256") from None
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key.private_bytes_raw())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return Esp256Signer(key)
    raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256")


def comment_of(pem: str) -> str:
    """Give the comment in a key without a passphrase; none where it has one, or cannot be read."""
    frame = _frame(pem)
    if frame.encrypted:
        return ""
    try:
        kind, at = _string(frame.private, 8)  # behind two check numbers
        for _ in range(_FIELDS[kind]):
            _, at = _string(frame.private, at)
        comment, _ = _string(frame.private, at)
        return comment.decode("ascii")
    except (KeyError, ValueError):
        return ""


def _frame(pem: str) -> _Frame:
    found = _PEM.fullmatch(pem)
    try:
        data = b"" if found is None else binascii.a2b_base64(found[1].replace("\n", ""), strict_mode=True)
        if not data.startswith(_MAGIC):
            raise ValueError
        cipher, at = _string(data, len(_MAGIC))
        kdf, at = _string(data, at)
        options, at = _string(data, at)
        if data[at : at + 4] != b"\0\0\0\1":  # one key
            raise ValueError
        _, at = _string(data, at + 4)
        private, _ = _string(data, at)
        encrypted = cipher != b"none"
        rounds = 0
        if encrypted:
            _, at = _string(options, 0)
            if kdf != b"bcrypt" or len(options) != at + 4:
                raise ValueError
            rounds = int.from_bytes(options[at:])
    except ValueError:
        raise TokenError(Reason.MALFORMED, "the key file is damaged") from None
    return _Frame(encrypted, rounds, private)


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """A string of RFC 4251 §5, and where it ends; raises ValueError."""
    start = at + 4
    end = start + int.from_bytes(data[at:start])
    if start > len(data) or end > len(data):
        raise ValueError
    return data[start:end], end


def _check_bcrypt() -> None:
    try:
        import bcrypt  # noqa: F401 - the library looks for it by itself, and says less
    except ImportError:
        message = "OpenSSH keys with a passphrase need the extra: pip install 'delegate-token[ssh]'"
        raise ImportError(message) from None
