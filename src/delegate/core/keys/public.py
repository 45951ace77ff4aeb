"""Public keys: their bytes, their two written forms, and what identifies them (SPEC §3.4, RFC 9679).

A key exists as a `PublicKey` only if its profile accepts it: whoever holds one need not ask again whether it
is of low order or off its curve. A key is identified by its thumbprint; the `kid` is a hint for look-up.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from delegate.core.keys import ed25519
from delegate.errors import Reason, TokenError, VerificationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

KID_BYTES = 8

# The deterministic encoding of a COSE_Key is the same but for the coordinates.
_OKP_HEAD = bytes.fromhex("a3 01 01 20 06 21 58 20")  # {1: OKP, -1: Ed25519, -2: x}
_EC2_HEAD = bytes.fromhex("a4 01 02 20 01 21 58 20")  # {1: EC2, -1: P-256, -2: x, -3: y}
_EC2_MIDDLE = bytes.fromhex("22 58 20")
_OKP_BYTES = len(_OKP_HEAD) + 32
_EC2_BYTES = len(_EC2_HEAD) + 32 + len(_EC2_MIDDLE) + 32
# How keys of other curves and kinds begin: well formed, and nothing that this version can check.
_OTHER_KINDS = (bytes.fromhex("a3 01 01 20"), bytes.fromhex("a4 01 02 20"), bytes.fromhex("a3 01 07 03"))
_ED25519_HEADS = (_OKP_HEAD[:5], _EC2_HEAD[:5])


class Algorithm(IntEnum):
    """The signature algorithms, by their COSE numbers (RFC 9864)."""

    ED25519 = -19
    ESP256 = -9

    @property
    def label(self) -> str:
        """The word for it in text: `ed25519` or `esp256`."""
        return self.name.lower()


_ED25519 = Algorithm.ED25519  # an enum's own attribute is slow to reach
_KEY_BYTES = {Algorithm.ED25519: 32, Algorithm.ESP256: 64}
_LABELS = {algorithm.label: algorithm for algorithm in Algorithm}
_set = object.__setattr__


class PublicKey:
    """A key that signatures can be checked with, and that its profile accepts. It cannot be changed.

    The thumbprint is made only when asked for: five keys are made per cold verification, few are asked, and
    the hash would cost as much as the rest of the key.

    Attributes:
        algorithm: the one algorithm that the key may be used with.
        raw: 32 bytes for Ed25519; x ‖ y, 64 bytes, for ESP256.
    """

    __slots__ = ("_loaded", "_thumbprint", "algorithm", "raw")

    algorithm: Algorithm
    raw: bytes
    _thumbprint: bytes | None
    _loaded: EllipticCurvePublicKey  # of an esp256 key alone: only for such a key is the library loaded

    def __init__(self, algorithm: Algorithm, raw: bytes) -> None:
        """Accept the key or refuse it, once for all its uses.

        Raises:
            VerificationError: WEAK_KEY, for a key of low order, not canonically encoded, or off its curve.
            ValueError: another number of bytes.
        """
        loaded: EllipticCurvePublicKey | None = None
        if algorithm is _ED25519:
            if len(raw) != ed25519.KEY_BYTES:
                message = f"an ed25519 key is {ed25519.KEY_BYTES} bytes"
                raise ValueError(message)
            if not ed25519.is_strong(raw):
                detail = "an ed25519 key of low order or not canonically encoded: anyone could sign for it"
                raise VerificationError(Reason.WEAK_KEY, detail)
        else:
            from delegate.core.keys import esp256

            if len(raw) != esp256.KEY_BYTES:
                message = f"an esp256 key is {esp256.KEY_BYTES} bytes"
                raise ValueError(message)
            try:
                loaded = esp256.load(raw)
            except ValueError:
                raise VerificationError(Reason.WEAK_KEY, "an esp256 key that is not a point of its curve") from None
        _set(self, "algorithm", algorithm)
        _set(self, "raw", raw)
        _set(self, "_thumbprint", None)
        if loaded is not None:
            _set(self, "_loaded", loaded)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        message = "a PublicKey cannot be changed"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> NoReturn:
        message = "a PublicKey cannot be changed"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        # The two kinds of keys have different lengths, so the bytes tell the algorithm too.
        return isinstance(other, PublicKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.to_text()})"

    def __str__(self) -> str:
        return self.to_text()

    def __reduce__(self) -> tuple[type[PublicKey], tuple[Algorithm, bytes]]:
        """Copy and pickle by the two fields; the rest is made anew, checks included."""
        return PublicKey, (self.algorithm, self.raw)

    @classmethod
    def from_raw(cls, raw: bytes) -> PublicKey:
        """Take the 32 bytes of an Ed25519 key.

        Raises:
            VerificationError: WEAK_KEY.
            TypeError, ValueError: not 32 bytes.

        Source: SPEC §3.5, RFC 8032 §5.1.5.
        """
        if not isinstance(raw, bytes):
            message = f"a raw key is bytes, not {type(raw).__name__}"
            raise TypeError(message)
        return cls(_ED25519, raw)

    @classmethod
    def from_cose(cls, encoded: bytes) -> PublicKey:
        """Read the deterministic encoding of a COSE_Key, one of exactly two forms.

        Args:
            encoded: 40 bytes for Ed25519, 75 for ESP256; nothing else is a key here.

        Raises:
            TokenError: MALFORMED; UNSUPPORTED_ALGORITHM for a key of another kind or curve.
            VerificationError: WEAK_KEY.

        Cost: about 1 µs for Ed25519. Source: SPEC §3.4, RFC 9053 §7, RFC 9679.
        """
        if len(encoded) == _OKP_BYTES and encoded.startswith(_OKP_HEAD):
            return cls(_ED25519, encoded[8:])
        if len(encoded) == _EC2_BYTES and encoded.startswith(_EC2_HEAD) and encoded[40:43] == _EC2_MIDDLE:
            return cls(Algorithm.ESP256, encoded[8:40] + encoded[43:])
        if encoded.startswith(_OTHER_KINDS) and not encoded.startswith(_ED25519_HEADS):
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256")
        raise TokenError(Reason.MALFORMED, "a key is not the deterministic form of a COSE_Key")

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read `ed25519:<base64url>` or `esp256:<base64url>`, unpadded.

        Raises:
            TokenError: MALFORMED; UNSUPPORTED_ALGORITHM for another word before the colon.
            VerificationError: WEAK_KEY.

        Source: SPEC §3.4.
        """
        label, colon, encoded = text.partition(":")
        if not colon:
            raise TokenError(Reason.MALFORMED, "a key is written `ed25519:` and its bytes in base64url")
        algorithm = _LABELS.get(label)
        if algorithm is None:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256")
        try:
            raw = urlsafe_b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4))
        except (Base64Error, UnicodeError):
            raw = b""
        # One key has one text: comparing with what we would write refuses padding, blanks and loose last
        # bits.
        size = _KEY_BYTES[algorithm]
        if len(raw) != size or _base64url(raw) != encoded:
            raise TokenError(Reason.MALFORMED, f"an {label} key is {size} bytes in unpadded base64url")
        return cls(algorithm, raw)

    def to_text(self) -> str:
        """Write the key as `parse` reads it."""
        return f"{self.algorithm.label}:{_base64url(self.raw)}"

    @property
    def cose_key(self) -> bytes:
        """The deterministic encoding of the COSE_Key: what a block carries and the thumbprint covers."""
        if self.algorithm is _ED25519:
            return _OKP_HEAD + self.raw
        return _EC2_HEAD + self.raw[:32] + _EC2_MIDDLE + self.raw[32:]

    @property
    def thumbprint(self) -> bytes:
        """What identifies the key: SHA-256 of its COSE_Key, 32 bytes (RFC 9679)."""
        found = self._thumbprint
        if found is None:
            found = sha256(self.cose_key).digest()
            _set(self, "_thumbprint", found)
        return found

    @property
    def kid(self) -> bytes:
        """A hint for look-up: the first 8 bytes of the thumbprint, which two keys can share."""
        return self.thumbprint[:KID_BYTES]

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check that this key signed the message; return nothing if it did.

        Args:
            message: any bytes.
            signature: 64 bytes for either algorithm; any other length does not hold.

        Raises:
            VerificationError: BAD_SIGNATURE.

        Cost: one signature check. Source: SPEC §3.5.
        """
        if self.algorithm is _ED25519:
            good = ed25519.check_accepted(self.raw, message, signature)
        else:
            from delegate.core.keys import esp256

            good = esp256.check(self._loaded, message, signature)
        if not good:
            raise VerificationError(Reason.BAD_SIGNATURE, "the signature does not hold under the key")


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
