"""The strict Ed25519 profile: one verdict, whichever library works out the equation."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from delegate.authoring.signers import Ed25519Signer
from delegate.core.keys import ed25519
from delegate.core.keys.public import PublicKey
from delegate.errors import Reason, VerificationError
from tests.core.keys import curve
from tests.vectors import SHARED

WYCHEPROOF = SHARED / "ed25519_wycheproof.json"

SIGNER = Ed25519Signer(bytes(range(32)))
KEY = SIGNER.public_key.raw
MESSAGE = b"a request"
SIGNATURE = SIGNER.sign(MESSAGE)


def open_with_cryptography(_to: object, _size: object, signed: bytes, size: int, public_raw: bytes) -> int:
    """Stand in for libsodium's function of this shape, with the other library's arithmetic."""
    try:
        Ed25519PublicKey.from_public_bytes(public_raw).verify(signed[:64], signed[64:size])
    except (InvalidSignature, ValueError):
        return -1
    return 0


def open_with_pynacl(_to: object, _size: object, signed: bytes, size: int, public_raw: bytes) -> int:
    """The same through PyNaCl's public function."""
    try:
        crypto_sign_open(signed[:size], public_raw)
    except CryptoError:
        return -1
    return 0


LIBRARIES = {"libsodium": ed25519._open, "pynacl": open_with_pynacl, "cryptography": open_with_cryptography}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test once with each library working out the equation."""
    name: str = request.param
    monkeypatch.setattr(ed25519, "_open", LIBRARIES[name])
    return name


@cache
def low_order_encodings() -> list[bytes]:
    """Every 32 bytes that decode, however loosely, to a point of order 1, 2, 4 or 8."""
    generator = curve.point_of_order_8()
    ys = {curve.multiply(factor, generator)[1] for factor in range(8)}
    fitting = [y for small in ys for y in (small, small + curve.P) if y < 2**255]
    return sorted((y | sign << 255).to_bytes(32, "little") for y in fitting for sign in (0, 1))


def sign_with(secret: int, nonce: tuple[int, bytes], public_raw: bytes, message: bytes) -> bytes:
    """A signature made by hand: with this secret number, this nonce and its encoding, under that key."""
    number, commitment = nonce
    response = (number + curve.challenge(commitment, public_raw, message) * secret) % curve.L
    return commitment + response.to_bytes(32, "little")


def test_the_low_order_encodings_are_all_and_only_these_14() -> None:
    """The constants equal what independent arithmetic over the curve finds."""
    assert len(low_order_encodings()) == 14
    assert set(low_order_encodings()) == ed25519.LOW_ORDER
    assert (ed25519.FIELD_PRIME, ed25519.GROUP_ORDER) == (curve.P, curve.L)


@pytest.mark.usefixtures("library")
def test_a_signature_made_by_hand_holds() -> None:
    """The independent arithmetic and the libraries mean the same curve, so refusals below are no noise."""
    public_raw = curve.encode(curve.multiply(1234567, curve.BASE))
    nonce = 7654321, curve.encode(curve.multiply(7654321, curve.BASE))
    assert ed25519.check(public_raw, MESSAGE, sign_with(1234567, nonce, public_raw, MESSAGE))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("encoding", low_order_encodings(), ids=bytes.hex)
def test_a_key_of_low_order_is_refused(encoding: bytes) -> None:
    """The attack: under such a key anyone signs, R = S·B or R = S·B + A. None gets through."""
    with pytest.raises(VerificationError) as caught:
        PublicKey.from_raw(encoding)
    assert caught.value.reason is Reason.WEAK_KEY
    for number in range(16):
        nonce = number + 1, curve.encode(curve.multiply(number + 1, curve.BASE))
        forged = sign_with(0, nonce, encoding, MESSAGE)
        assert not ed25519.check(encoding, MESSAGE, forged)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("encoding", low_order_encodings(), ids=bytes.hex)
def test_a_signature_whose_r_is_of_low_order_is_refused(encoding: bytes) -> None:
    """The key's own holder could make one; the libraries differ on it, and the profile says no."""
    secret = 1234567
    public_raw = curve.encode(curve.multiply(secret, curve.BASE))
    assert not ed25519.check(public_raw, MESSAGE, sign_with(secret, (0, encoding), public_raw, MESSAGE))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("factor", range(1, 8))
def test_the_cofactor_is_not_multiplied_away(factor: int) -> None:
    """What holds only up to a point of low order holds for some other verifiers, and not here."""
    secret, number = 1234567, 7654321
    public_raw = curve.encode(curve.multiply(secret, curve.BASE))
    twisted = curve.add(curve.multiply(number, curve.BASE), curve.multiply(factor, curve.point_of_order_8()))
    nonce = number, curve.encode(twisted)
    assert not ed25519.check(public_raw, MESSAGE, sign_with(secret, nonce, public_raw, MESSAGE))


@pytest.mark.usefixtures("library")
def test_a_key_that_is_not_canonically_encoded_is_refused() -> None:
    """Every y of p and more is refused as a key, so that no key has two thumbprints."""
    for y in range(curve.P, 2**255):
        for sign in (0, 1):
            encoding = (y | sign << 255).to_bytes(32, "little")
            assert not ed25519.check(encoding, MESSAGE, SIGNATURE)
            with pytest.raises(VerificationError) as caught:
                PublicKey.from_raw(encoding)
            assert caught.value.reason is Reason.WEAK_KEY


def test_the_largest_canonical_key_is_accepted() -> None:
    """The bound is p itself: y = p − 2 is canonical, of no low order, and becomes a key."""
    assert ed25519.is_strong((curve.P - 2).to_bytes(32, "little"))


@pytest.mark.usefixtures("library")
def test_s_plus_l_is_refused() -> None:
    """The attack: adding L to S makes a second signature of a first, without the key."""
    response = int.from_bytes(SIGNATURE[32:], "little")
    assert ed25519.check(KEY, MESSAGE, SIGNATURE)
    for multiple in range(1, 16):
        raised = response + multiple * curve.L
        assert not ed25519.check(KEY, MESSAGE, SIGNATURE[:32] + raised.to_bytes(32, "little"))
    assert not ed25519.check(KEY, MESSAGE, SIGNATURE[:32] + curve.L.to_bytes(32, "little"))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("length", [0, 31, 32, 63, 65, 96, 128])
def test_a_signature_has_64_bytes(length: int) -> None:
    """Another length is a plain no, where the library below raises an error of its own."""
    assert not ed25519.check(KEY, MESSAGE, (SIGNATURE * 2)[:length])
    with pytest.raises(VerificationError) as caught:
        SIGNER.public_key.verify(MESSAGE, (SIGNATURE * 2)[:length])
    assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_has_32_bytes(length: int) -> None:
    """The library would read past the end of a shorter key; it never sees one."""
    assert not ed25519.check((KEY * 2)[:length], MESSAGE, SIGNATURE)


@pytest.mark.usefixtures("library")
def test_a_byte_moved_between_signature_and_message_is_refused() -> None:
    """The library takes signature and message in one string; the border between them cannot be moved."""
    assert not ed25519.check(KEY, SIGNATURE[63:] + MESSAGE, SIGNATURE[:63])
    assert not ed25519.check(KEY, MESSAGE[1:], SIGNATURE + MESSAGE[:1])


@given(st.integers(0, 511))
def test_a_flipped_bit_is_refused(bit: int) -> None:
    """No bit of a signature is without meaning."""
    flipped = bytearray(SIGNATURE)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ed25519.check(KEY, MESSAGE, bytes(flipped))


@given(st.binary(max_size=80), st.binary(max_size=200), st.binary(min_size=60, max_size=68))
def test_any_bytes_give_a_verdict(public_raw: bytes, message: bytes, signature: bytes) -> None:
    """Nothing that PyNaCl raises gets out, whatever the bytes."""
    assert ed25519.check(public_raw, message, signature) is False


@cache
def wycheproof() -> list[tuple[dict[str, Any], bytes]]:
    """Every published case with the key of its group."""
    groups = json.loads(WYCHEPROOF.read_text())["testGroups"]
    return [(case, bytes.fromhex(group["publicKey"]["pk"])) for group in groups for case in group["tests"]]


needs_wycheproof = pytest.mark.skipif(
    not WYCHEPROOF.exists(), reason="the published vectors are not next to this checkout (../shared/vectors)"
)


@needs_wycheproof
@pytest.mark.usefixtures("library")
def test_wycheproof_verdicts() -> None:
    """With either library, every published case comes out as its authors say, without exception."""
    verdicts = {
        case["tcId"]: ed25519.check(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
        for case, key in wycheproof()
    }
    assert verdicts == {case["tcId"]: case["result"] == "valid" for case, _ in wycheproof()}
    assert len(verdicts) >= 150


@needs_wycheproof
def test_wycheproof_keys_are_keys_here() -> None:
    """No published case with a good signature is refused for its key."""
    for case, key in wycheproof():
        if case["result"] == "valid":
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            PublicKey.from_raw(key).verify(message, signature)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_is_thirty_two_bytes(size: int) -> None:
    """The library reads that many whatever it is given, beyond the end too."""
    with pytest.raises(ValueError, match="a seed is 32 bytes"):
        ed25519.expand(bytes(size))


def test_a_key_pair_is_what_the_library_s_own_wrapper_gives() -> None:
    """The call underneath it, without its module."""
    for seed in (bytes(32), bytes(range(32)), b"\xff" * 32):
        assert ed25519.expand(seed) == crypto_sign_seed_keypair(seed)
