"""Ed25519 with one verdict everywhere: the strict profile (SPEC §3.5, RFC 8032 §5.1.7).

A signature R ‖ S under the key A over a message is good if and only if

1. R ‖ S is 64 bytes and A is 32;
2. S < L, so that nobody can make a second signature out of a first;
3. A is canonically encoded and neither A nor R is one of the 14 encodings of a point of low order, for whose
   keys anyone can sign;
4. R equals the encoding of S·B − H(R ‖ A ‖ M)·A, byte for byte, without multiplying by the cofactor.

The library below checks most of this too, but which part of it depends on the library and its version; so the
cheap parts are checked here, and only the equation is left to it. No batches: they give other verdicts.
"""

from __future__ import annotations

from nacl._sodium import ffi, lib  # type: ignore[import-not-found] # compiled: the library as PyNaCl itself calls it

# Once is enough, and again does no harm. `nacl.bindings` does it too, and loads much else.
if lib.sodium_init() < 0:  # pragma: no cover - a machine without randomness
    message = "libsodium cannot be used: it found no source of randomness"
    raise RuntimeError(message)

_open = lib.crypto_sign_open  # int crypto_sign_open(m, mlen_p, sm, smlen, pk): 0 if the signature holds
_seed_keypair = lib.crypto_sign_seed_keypair  # int crypto_sign_seed_keypair(pk, sk, seed)
_sign = lib.crypto_sign  # int crypto_sign(sm, smlen_p, m, mlen, sk)
_new_buffer = ffi.new_allocator(should_clear_after_alloc=False)
_NOWHERE = ffi.NULL  # where the message is not wanted (libsodium takes NULL for both)

KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32

FIELD_PRIME = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

# y of the points of order 1, 2, 4 and 8: 1, −1, 0 and the two roots below (a test computes them anew).
_Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7


def _low_order_encodings() -> frozenset[bytes]:
    """Each y with either sign bit, and again with p added where that still fits 255 bits: 14 encodings."""
    canonical = (0, 1, FIELD_PRIME - 1, _Y_OF_ORDER_8, FIELD_PRIME - _Y_OF_ORDER_8)
    fitting = [y for y in (*canonical, FIELD_PRIME, FIELD_PRIME + 1) if y < 2**255]
    return frozenset((y | sign << 255).to_bytes(KEY_BYTES, "little") for y in fitting for sign in (0, 1))


LOW_ORDER = _low_order_encodings()


def is_strong(raw: bytes) -> bool:
    """Are these 32 bytes a key that the profile accepts: canonical, and not of low order?

    It need not be a point of the curve: for one that is not, no signature holds. Cost: about 0.2 µs.
    """
    if raw in LOW_ORDER:
        return False
    # Only y of 255 ones but for the last byte can reach p; the quick look spares a conversion.
    return raw[31] & 0x7F != 0x7F or (int.from_bytes(raw, "little") & (2**255 - 1)) < FIELD_PRIME


def check(public_raw: bytes, message: bytes, signature: bytes) -> bool:
    """Is this the key's signature over the message, by every rule of the profile?

    Args:
        public_raw: the encoding of A; anything but 32 bytes gives False.
        message: any bytes.
        signature: R ‖ S; anything but 64 bytes gives False.

    Cost: one Ed25519 check and 0.5 µs. Source: SPEC §3.5.
    """
    # INVARIANT: the library reads 32 bytes of key whatever it is given, so the length is settled here.
    return len(public_raw) == KEY_BYTES and is_strong(public_raw) and check_accepted(public_raw, message, signature)


def check_accepted(public_raw: bytes, message: bytes, signature: bytes) -> bool:
    """`check` for a key that `is_strong` has accepted already, as every `PublicKey` has been."""
    if len(signature) != SIGNATURE_BYTES or signature[:32] in LOW_ORDER:
        return False
    # L is just above 2^252: a last byte below 0x10 settles it for nearly every signature.
    if signature[63] >= 0x10 and int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return False
    signed = signature + message
    # PyNaCl's own wrapper of this very function takes the message out again, into a fresh buffer: without, 2.5 µs less.
    status: int = _open(_NOWHERE, _NOWHERE, signed, len(signed), public_raw)
    return status == 0


def expand(seed: bytes) -> tuple[bytes, bytes]:
    """The public key of a 32-byte seed, and the 64 bytes that `sign` takes: the seed and the public key."""
    # INVARIANT: the library reads 32 bytes of seed whatever it is given, so the length is settled here.
    if len(seed) != SEED_BYTES:
        message = f"a seed is {SEED_BYTES} bytes"
        raise ValueError(message)
    public_raw = _new_buffer("unsigned char[]", KEY_BYTES)
    secret = _new_buffer("unsigned char[]", SEED_BYTES + KEY_BYTES)
    _seed_keypair(public_raw, secret, seed)  # libsodium knows no failure here
    return bytes(ffi.buffer(public_raw)), bytes(ffi.buffer(secret))


def sign(secret: bytes, message: bytes) -> bytes:
    """The 64-byte signature over a message, with what `expand` gave; the same for the same message."""
    # As above, PyNaCl's own wrapper would copy the message out again: 0.6 µs.
    signed = _new_buffer("unsigned char[]", SIGNATURE_BYTES + len(message))
    _sign(signed, _NOWHERE, message, len(message), secret)  # libsodium knows no failure here
    return bytes(ffi.buffer(signed, SIGNATURE_BYTES))
