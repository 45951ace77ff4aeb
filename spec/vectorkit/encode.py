"""CBOR that can be right or wrong on purpose, the text form, keys and signatures.

Rules of this file:

- Maps are written in the order of the dict that is given; `in_order` puts them right. Nothing is checked.
- Every key follows from its name, so that the same vectors come out on every machine.
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_sign,
    crypto_sign_seed_keypair,
)

FIELD_PRIME = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_Y_OF_ZERO = bytes.fromhex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")  # x = 0
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
IDENTITY_POINT = (1).to_bytes(32, "little")
ORDER_8_POINT = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")

ED25519, ESP256 = -19, -9


@dataclass(frozen=True)
class Raw:
    """Bytes that are put in as they are, well-formed or not."""

    data: bytes


@dataclass(frozen=True)
class Pairs:
    """A map written pair by pair: keys may repeat, and be of any kind."""

    items: tuple[tuple[Any, Any], ...]


def head(major: int, number: int) -> bytes:
    """The shortest head of an item (RFC 8949 §3)."""
    if number < 24:
        return bytes((major << 5 | number,))
    size = 1 if number < 2**8 else 2 if number < 2**16 else 4 if number < 2**32 else 8
    return bytes((major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size],)) + number.to_bytes(size, "big")


def cbor(value: Any) -> bytes:
    """Encode a value, maps in the order that they are in."""
    match value:
        case Raw(data=data):
            return data
        case Pairs(items=items):
            return head(5, len(items)) + b"".join(cbor(key) + cbor(item) for key, item in items)
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case float():
            return _double(value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list() | tuple():
            return head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())
    raise TypeError(type(value).__name__)


def _double(value: float) -> bytes:
    """The shortest of the three floats that holds the value."""
    for code, form in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            short = struct.pack(form, value)
        except OverflowError:
            continue
        if value != value or struct.unpack(form, short)[0] == value:  # noqa: PLR0124 - NaN
            return bytes((code,)) + short
    return b"\xfb" + struct.pack(">d", value)


def in_order(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """The same map with its keys in the bytewise order of their encodings (RFC 8949 §4.2.1)."""
    return dict(sorted(mapping.items(), key=lambda pair: cbor(pair[0])))


def text(prefix: str, data: bytes) -> str:
    """The text form."""
    return prefix + urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class Key:
    """A named Ed25519 key."""

    name: str
    seed: bytes
    raw: bytes

    algorithm = ED25519

    @classmethod
    def of(cls, name: str, seed_name: str = "") -> Key:
        """The key that follows from a name."""
        seed = hashlib.sha256(b"delegate/1 vectors " + (seed_name or name).encode()).digest()
        return cls(name, seed, crypto_sign_seed_keypair(seed)[0])

    @property
    def cose(self) -> dict[int, Any]:
        """The COSE_Key: {1: OKP, -1: Ed25519, -2: x}."""
        return {1: 1, -1: 6, -2: self.raw}

    @property
    def thumbprint(self) -> bytes:
        """SHA-256 of the COSE_Key."""
        return hashlib.sha256(cbor(self.cose)).digest()

    @property
    def line(self) -> str:
        """The public key as text."""
        return text("ed25519:", self.raw)

    def sign(self, message: bytes) -> bytes:
        """R ‖ S."""
        return crypto_sign(message, crypto_sign_seed_keypair(self.seed)[1])[:64]

    def scalar(self) -> int:
        """The secret scalar (RFC 8032 §5.1.5)."""
        digest = bytearray(hashlib.sha512(self.seed).digest()[:32])
        digest[0] &= 248
        digest[31] = digest[31] & 127 | 64
        return int.from_bytes(digest, "little")


@dataclass(frozen=True)
class P256Key:
    """A named P-256 key."""

    name: str
    secret: ec.EllipticCurvePrivateKey

    algorithm = ESP256

    @classmethod
    def of(cls, name: str) -> P256Key:
        """The key that follows from a name."""
        digest = hashlib.sha256(b"delegate/1 vectors " + name.encode()).digest()
        return cls(name, ec.derive_private_key(int.from_bytes(digest, "big") % P256_ORDER, ec.SECP256R1()))

    @property
    def raw(self) -> bytes:
        """The coordinates x ‖ y."""
        numbers = self.secret.public_key().public_numbers()
        return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    @property
    def cose(self) -> dict[int, Any]:
        """The COSE_Key: {1: EC2, -1: P-256, -2: x, -3: y}."""
        return {1: 2, -1: 1, -2: self.raw[:32], -3: self.raw[32:]}

    @property
    def thumbprint(self) -> bytes:
        """SHA-256 of the COSE_Key."""
        return hashlib.sha256(cbor(self.cose)).digest()

    @property
    def line(self) -> str:
        """The public key as text."""
        return text("esp256:", self.raw)

    def sign(self, message: bytes) -> bytes:
        """Give r ‖ s, by RFC 6979."""
        r, s = decode_dss_signature(self.secret.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


AnyKey = Key | P256Key


def s_plus_order(signature: bytes) -> bytes:
    """The same signature with S + L: holds for a checker that does not bound S."""
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def other_s(signature: bytes) -> bytes:
    """The other signature that every ECDSA signature has: n − s."""
    return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def _hash(r: bytes, public: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % GROUP_ORDER


def sign_with_r_of_low_order(key: Key, message: bytes) -> bytes:
    """A signature whose R is the neutral point: the equation holds, and R says nothing."""
    s = _hash(IDENTITY_POINT, key.raw, message) * key.scalar() % GROUP_ORDER
    return IDENTITY_POINT + s.to_bytes(32, "little")


def sign_with_another_nonce(key: Key, message: bytes) -> bytes:
    """A second right signature over the same message: whoever has the key can make any number of them."""
    nonce = int.from_bytes(hashlib.sha512(b"another" + message).digest(), "little") % GROUP_ORDER
    r = crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    s = (nonce + _hash(r, key.raw, message) * key.scalar()) % GROUP_ORDER
    return r + s.to_bytes(32, "little")


def sign_with_mixed_r(key: Key, message: bytes) -> bytes:
    """A signature that holds only if the equation is multiplied by the cofactor: R has a part of order 8."""
    nonce = int.from_bytes(hashlib.sha512(b"mixed" + message).digest(), "little") % GROUP_ORDER
    r = crypto_core_ed25519_add(crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little")), ORDER_8_POINT)
    s = (nonce + _hash(r, key.raw, message) * key.scalar()) % GROUP_ORDER
    return r + s.to_bytes(32, "little")


@dataclass(frozen=True)
class MixedKey:
    """A key with a part of order 8, and signatures that only a cofactored checker takes."""

    name: str
    base: Key

    algorithm = ED25519

    @property
    def raw(self) -> bytes:
        """The point A + T."""
        return crypto_core_ed25519_add(self.base.raw, ORDER_8_POINT)

    @property
    def cose(self) -> dict[int, Any]:
        """The COSE_Key."""
        return {1: 1, -1: 6, -2: self.raw}

    def sign(self, message: bytes) -> bytes:
        """A signature for which h is no multiple of 8, so that h·T does not vanish."""
        for counter in range(100):
            nonce = int.from_bytes(hashlib.sha512(bytes((counter,)) + message).digest(), "little") % GROUP_ORDER
            r = crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
            full = int.from_bytes(hashlib.sha512(r + self.raw + message).digest(), "little")
            if full % GROUP_ORDER % 8:
                s = (nonce + full * self.base.scalar()) % GROUP_ORDER
                return r + s.to_bytes(32, "little")
        raise AssertionError
