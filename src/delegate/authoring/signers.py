"""Signers: what signs. A signer in this process keeps its secret out of every printed, copied or stored form.

- `repr` and `str` name the public key alone; there is no `__dict__`; pickling and `__getstate__` are refused.
- A copy is the signer itself: a secret is not multiplied.
- Whoever needs the secret asks for it by name: `seed_bytes` and `to_pem`.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import TYPE_CHECKING, NoReturn, Protocol, Self, runtime_checkable

from delegate.core.keys import ed25519
from delegate.core.keys.public import Algorithm, PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@runtime_checkable
class Signer(Protocol):
    """What signs for one key: in this process, in a hardware token, in a cloud service."""

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures hold under."""

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over the message: R ‖ S for Ed25519, r ‖ s for ESP256."""


class Ed25519Signer:
    """An Ed25519 key in this process (RFC 8032)."""

    __slots__ = ("_public_key", "_secret")

    def __init__(self, seed: bytes) -> None:
        """Take the 32 bytes that the key pair follows from.

        Raises:
            TypeError, ValueError: not 32 bytes.
        """
        if not isinstance(seed, bytes):
            message = f"a seed is bytes, not {type(seed).__name__}"
            raise TypeError(message)
        if len(seed) != ed25519.SEED_BYTES:
            message = f"a seed is {ed25519.SEED_BYTES} bytes"
            raise ValueError(message)
        public_raw, self._secret = ed25519.expand(seed)
        self._public_key = PublicKey(Algorithm.ED25519, public_raw)

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes] = urandom) -> Self:
        """Make a new key. `entropy` is asked for 32 bytes; tests give their own."""
        return cls(entropy(ed25519.SEED_BYTES))

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures hold under."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature R ‖ S; the same for the same message. Cost: about 25 µs."""
        return ed25519.sign(self._secret, message)

    def seed_bytes(self) -> bytes:
        """The secret itself, 32 bytes: for a bearer token, which carries it, and for nothing that prints."""
        return self._secret[: ed25519.SEED_BYTES]

    def to_pem(self, passphrase: str | bytes | None = None) -> bytes:
        """The secret as PKCS#8 PEM, encrypted if there is a passphrase.

        Raises:
            ValueError: an empty passphrase, or one over 1023 bytes.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return _to_pem(Ed25519PrivateKey.from_private_bytes(self.seed_bytes()), passphrase)

    def __repr__(self) -> str:
        return f"Ed25519Signer({self._public_key})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        _refuse_to_leave()

    def __reduce__(self) -> NoReturn:
        _refuse_to_leave()


class Esp256Signer:
    """A P-256 key in this process, for ESP256."""

    __slots__ = ("_key", "_public_key")

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        """Take a private key of the `cryptography` library.

        Raises:
            TypeError, ValueError: not an elliptic-curve key, or not on P-256.
        """
        from cryptography.hazmat.primitives.asymmetric import ec

        from delegate.core.keys import esp256

        if not isinstance(key, ec.EllipticCurvePrivateKey):
            message = f"an esp256 key is an EllipticCurvePrivateKey, not {type(key).__name__}"
            raise TypeError(message)
        if not isinstance(key.curve, ec.SECP256R1):
            message = "an esp256 key is on the curve P-256"
            raise ValueError(message)  # noqa: TRY004 - the type is right, the curve is not
        self._key = key
        self._public_key = PublicKey(Algorithm.ESP256, esp256.public_raw(key.public_key()))

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        from cryptography.hazmat.primitives.asymmetric import ec

        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_scalar(cls, scalar: bytes) -> Self:
        """Take the 32 bytes of the private number, big-endian.

        Raises:
            ValueError: not 32 bytes, zero, or not below the order of the group.
        """
        from cryptography.hazmat.primitives.asymmetric import ec

        from delegate.core.keys import esp256

        if len(scalar) != esp256.COORDINATE_BYTES:
            message = f"an esp256 secret is {esp256.COORDINATE_BYTES} bytes"
            raise ValueError(message)
        return cls(ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1()))

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures hold under."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature r ‖ s; the same for the same message where OpenSSL is 3.2 or later."""
        from delegate.core.keys import esp256

        return esp256.sign(self._key, message)

    def to_pem(self, passphrase: str | bytes | None = None) -> bytes:
        """The secret as PKCS#8 PEM, encrypted if there is a passphrase.

        Raises:
            ValueError: an empty passphrase, or one over 1023 bytes.
        """
        return _to_pem(self._key, passphrase)

    def __repr__(self) -> str:
        return f"Esp256Signer({self._public_key})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        _refuse_to_leave()

    def __reduce__(self) -> NoReturn:
        _refuse_to_leave()


def passphrase_bytes(passphrase: str | bytes) -> bytes:
    """A passphrase as the library takes it; text in UTF-8, as every other tool has it."""
    return passphrase.encode() if isinstance(passphrase, str) else passphrase


def _to_pem(key: Ed25519PrivateKey | EllipticCurvePrivateKey, passphrase: str | bytes | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if passphrase is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if not passphrase:
        message = "an empty passphrase protects nothing; give none to leave the key unencrypted"
        raise ValueError(message)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase_bytes(passphrase)))


def _refuse_to_leave() -> NoReturn:
    message = "a signer is not pickled: its secret would go along; save it to a key file"
    raise TypeError(message)
