"""Signers: that they sign, and that no printed, copied or stored form of one holds its secret."""

from __future__ import annotations

import copy
import pickle
from base64 import b64encode, urlsafe_b64encode
from dataclasses import asdict, dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from delegate.authoring.signers import Ed25519Signer, Esp256Signer, Signer
from tests.core.keys import curve

SEED = bytes(range(32))
ED = Ed25519Signer(SEED)
ES = Esp256Signer.from_scalar(SEED)


@pytest.mark.parametrize("signer", [ED, ES, Ed25519Signer.generate(), Esp256Signer.generate()], ids=type)
def test_both_kinds_sign(signer: Ed25519Signer | Esp256Signer) -> None:
    """Either kind is a `Signer`, and its signatures of 64 bytes hold under its key."""
    assert isinstance(signer, Signer)
    signature = signer.sign(b"message")
    assert len(signature) == 64
    signer.public_key.verify(b"message", signature)


def test_the_published_example_of_ed25519() -> None:
    """RFC 8032 §7.1, test 2."""
    signer = Ed25519Signer(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert signer.public_key.raw.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert signer.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_the_published_example_of_p256() -> None:
    """RFC 6979 §A.2.5, SHA-256, message "sample": where OpenSSL signs reproducibly, it is this signature."""
    signer = Esp256Signer.from_scalar(bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
    assert signer.sign(b"sample").hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_a_seed_is_the_key() -> None:
    """The same seed gives the same key, and independent arithmetic confirms its signature."""
    assert Ed25519Signer(SEED).public_key == ED.public_key
    assert ED.seed_bytes() == SEED
    assert Ed25519Signer.generate(lambda count: bytes(range(count))).public_key == ED.public_key
    assert Ed25519Signer.generate().public_key != Ed25519Signer.generate().public_key
    signature = ED.sign(b"m")
    key = curve.decode(int.from_bytes(ED.public_key.raw, "little") & (2**255 - 1), ED.public_key.raw[31] >> 7)
    assert key is not None
    weighted = curve.multiply(curve.challenge(signature[:32], ED.public_key.raw, b"m"), key)
    left = curve.multiply(int.from_bytes(signature[32:], "little"), curve.BASE)
    right = curve.decode(int.from_bytes(signature[:32], "little") & (2**255 - 1), signature[31] >> 7)
    assert right is not None
    assert left == curve.add(right, weighted)


@dataclass(frozen=True)
class Wrapper:
    """Something of a user's that holds a signer and is printed, logged or turned into a dict."""

    name: str
    signer: Signer


def visible_forms(signer: Ed25519Signer | Esp256Signer) -> str:
    """Everything that printing, formatting or looking at a signer and what holds it shows."""
    wrapper = Wrapper("agent:planner", signer)
    forms = [
        repr(signer),
        str(signer),
        f"{signer}{signer!r}{signer!s}{signer!a}",
        format(signer),
        "%s %r" % (signer, signer),  # noqa: UP031 - what logging does
        repr([signer]),
        repr(wrapper),
        repr(asdict(wrapper)),
        repr(dir(signer)),
        repr(getattr(signer, "__dict__", {})),
        repr(signer.public_key),
        str(signer.public_key.to_text()),
    ]
    for leave in (pickle.dumps, lambda it: it.__getstate__(), lambda it: it.__reduce_ex__(4), vars):
        try:
            forms.append(repr(leave(signer)))
        except TypeError as error:
            forms.append(f"{error!r} {error.args!r}")
    return "\n".join(forms)


@given(st.binary(min_size=32, max_size=32))
def test_no_visible_form_shows_an_ed25519_secret(seed: bytes) -> None:
    """No form shows the seed: not as raw bytes, hex, either base64, a number or an escape."""
    seen = visible_forms(Ed25519Signer(seed))
    for form in secret_forms(seed):
        assert form not in seen


@given(st.integers(2**200, 2**255))
def test_no_visible_form_shows_an_esp256_secret(number: int) -> None:
    """The same for the private number of a P-256 key."""
    scalar = number.to_bytes(32, "big")
    seen = visible_forms(Esp256Signer.from_scalar(scalar))
    for form in secret_forms(scalar):
        assert form not in seen


def secret_forms(secret: bytes) -> list[str]:
    """How 32 bytes get printed by mistake; a short number could stand anywhere by chance."""
    forms = [
        secret.hex(),
        secret.hex().upper(),
        b64encode(secret).decode().rstrip("="),
        urlsafe_b64encode(secret).decode().rstrip("="),
        repr(secret)[2:-1],
        str(list(secret))[1:-1],
        secret.decode("latin-1"),
        str(int.from_bytes(secret, "big")),
        str(int.from_bytes(secret, "little")),
    ]
    return [form for form in forms if len(form) > 20]


@pytest.mark.parametrize("signer", [ED, ES], ids=type)
def test_a_signer_is_not_pickled_and_a_copy_is_itself(signer: Ed25519Signer | Esp256Signer) -> None:
    """No serialiser takes the secret along, and copying multiplies nothing."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(signer, protocol)
    with pytest.raises(TypeError, match="not pickled"):
        signer.__getstate__()
    assert copy.copy(signer) is signer
    assert copy.deepcopy([signer])[0] is signer
    with pytest.raises(TypeError):
        vars(signer)
    with pytest.raises(AttributeError):
        signer.note = "x"  # type: ignore[union-attr]


def test_what_is_no_secret_is_refused() -> None:
    """A program's wrong seed, number or key is TypeError or ValueError, whose message does not repeat it."""
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Signer(bytes(31))
    with pytest.raises(TypeError, match="bytes"):
        Ed25519Signer("a" * 32)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32 bytes"):
        Esp256Signer.from_scalar(bytes(33))
    with pytest.raises(ValueError, match=r"."):
        Esp256Signer.from_scalar(bytes(32))
    with pytest.raises(ValueError, match=r"."):
        Esp256Signer.from_scalar(b"\xff" * 32)
    with pytest.raises(ValueError, match="P-256"):
        Esp256Signer(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(TypeError, match="EllipticCurvePrivateKey"):
        Esp256Signer(rsa.generate_private_key(65537, 2048))  # type: ignore[arg-type]
