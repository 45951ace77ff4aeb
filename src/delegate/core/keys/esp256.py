"""ESP256: ECDSA with SHA-256 over P-256, for keys in cloud services and hardware (RFC 9864, RFC 9053 §2.1).

A key is its coordinates x ‖ y, a signature r ‖ s, 64 bytes each and all big-endian. Both s and n − s hold,
as in every ECDSA; nothing here names or counts by a signature, so that gives nobody anything.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

KEY_BYTES = 64
SIGNATURE_BYTES = 64
COORDINATE_BYTES = 32
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1

_CHECKING = ec.ECDSA(SHA256())


def _signing() -> ec.ECDSA:
    """RFC 6979 where OpenSSL has it: reproducible, and a poor random source cannot give the key away."""
    try:
        return ec.ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:  # pragma: no cover - OpenSSL before 3.2
        return _CHECKING


_SIGNING = _signing()


def load(public_raw: bytes) -> ec.EllipticCurvePublicKey:
    """The library's form of a key.

    Raises:
        ValueError: not 64 bytes, no point of the curve, or a coordinate that is not below the field's prime.
    """
    if len(public_raw) != KEY_BYTES:
        message = f"an esp256 key is {KEY_BYTES} bytes"
        raise ValueError(message)
    x = int.from_bytes(public_raw[:COORDINATE_BYTES], "big")
    y = int.from_bytes(public_raw[COORDINATE_BYTES:], "big")
    if max(x, y) >= FIELD:  # OpenSSL takes some of these, and one key would have two thumbprints
        message = "a coordinate beyond the field"
        raise ValueError(message)
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def public_raw(key: ec.EllipticCurvePublicKey) -> bytes:
    """The coordinates x ‖ y of a P-256 key."""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(COORDINATE_BYTES, "big") + numbers.y.to_bytes(COORDINATE_BYTES, "big")


def check(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    """Is this the key's signature over the message? Anything but 64 bytes of signature gives False.

    Cost: one P-256 check, somewhat more than an Ed25519 one.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    r = int.from_bytes(signature[:COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[COORDINATE_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, _CHECKING)
    except InvalidSignature:
        return False
    return True


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """The signature r ‖ s over a message."""
    r, s = decode_dss_signature(key.sign(message, _SIGNING))
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
