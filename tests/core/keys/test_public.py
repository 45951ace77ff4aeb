"""Public keys: their written forms, their identity, and what is refused to become one."""

from __future__ import annotations

import copy
import pickle
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from delegate.authoring.signers import Ed25519Signer, Esp256Signer
from delegate.core.keys import esp256
from delegate.core.keys.public import Algorithm, PublicKey
from delegate.errors import DelegateError, Reason, TokenError, VerificationError

ED = Ed25519Signer(bytes(range(32))).public_key
# Points with x = 0 and with y = 5; what is beyond the field names the same point once more.
Y_OF_X = bytes.fromhex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")
X_OF_Y = bytes.fromhex("d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7")
X_BEYOND = esp256.FIELD.to_bytes(32, "big")
Y_BEYOND = (esp256.FIELD + 5).to_bytes(32, "big")
ES = Esp256Signer.from_scalar(bytes(range(32))).public_key
OKP = bytes.fromhex("a301012006215820")
EC2 = bytes.fromhex("a401022001215820")
MIDDLE = bytes.fromhex("225820")


@pytest.mark.parametrize("key", [ED, ES], ids=str)
def test_a_key_reads_back_from_what_it_writes(key: PublicKey) -> None:
    """Both written forms give the same key, equal and with the same hash."""
    for again in (
        PublicKey.from_cose(key.cose_key),
        PublicKey.parse(key.to_text()),
        PublicKey.parse(str(key)),
    ):
        assert again == key
        assert hash(again) == hash(key)
        assert again.thumbprint == key.thumbprint
    assert PublicKey.from_raw(ED.raw) == ED
    assert ED != ES


def test_the_bytes_of_a_cose_key() -> None:
    """The encoding is deterministic; its SHA-256 is the thumbprint, whose first 8 bytes are the kid."""
    assert ED.cose_key == OKP + ED.raw
    assert ES.cose_key == EC2 + ES.raw[:32] + MIDDLE + ES.raw[32:]
    for key in (ED, ES):
        assert key.thumbprint == sha256(key.cose_key).digest()
        assert key.kid == key.thumbprint[:8]
    assert (Algorithm.ED25519, Algorithm.ESP256) == (-19, -9)


def test_the_thumbprint_of_the_published_example() -> None:
    """RFC 9679 §6: the P-256 example key has the published thumbprint."""
    x = bytes.fromhex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d")
    y = bytes.fromhex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
    key = PublicKey(Algorithm.ESP256, x + y)
    assert key.thumbprint.hex() == "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"


def test_a_key_cannot_be_changed() -> None:
    """A key is a value: no field can be set, and a copy or a pickle is equal and checked anew."""
    with pytest.raises(AttributeError, match="cannot be changed"):
        ED.raw = bytes(32)
    with pytest.raises(AttributeError, match="cannot be changed"):
        del ED.raw
    assert repr(ED) == f"PublicKey({ED})"
    for key in (ED, ES):
        assert key.thumbprint
        assert copy.deepcopy(key) == key
        assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        pytest.param(b"", Reason.MALFORMED, id="nothing"),
        pytest.param(ED.cose_key[:-1], Reason.MALFORMED, id="cut off"),
        pytest.param(ED.cose_key + b"\0", Reason.MALFORMED, id="one byte more"),
        pytest.param(ES.cose_key[:-1], Reason.MALFORMED, id="esp256 cut off"),
        pytest.param(ES.cose_key[:40] + b"\x21" + ES.cose_key[41:], Reason.MALFORMED, id="another label for y"),
        pytest.param(b"\xa4" + ED.cose_key[1:], Reason.MALFORMED, id="another map size"),
        pytest.param(b"\xb8\x03" + ED.cose_key[1:], Reason.MALFORMED, id="a map head that is not minimal"),
        pytest.param(
            bytes.fromhex("a320060101215820") + ED.raw,
            Reason.MALFORMED,
            id="the same labels in another order",
        ),
        pytest.param(bytes.fromhex("a4010103262006215820") + ED.raw, Reason.MALFORMED, id="with an algorithm inside"),
        pytest.param(bytes.fromhex("a301012004215820") + ED.raw, Reason.UNSUPPORTED_ALGORITHM, id="x25519"),
        pytest.param(bytes.fromhex("a301012007215839") + bytes(57), Reason.UNSUPPORTED_ALGORITHM, id="ed448"),
        pytest.param(bytes.fromhex("a401022002215830") + bytes(99), Reason.UNSUPPORTED_ALGORITHM, id="p-384"),
        pytest.param(bytes.fromhex("a3010703382f20") + bytes(9), Reason.UNSUPPORTED_ALGORITHM, id="ml-dsa"),
        pytest.param(
            bytes.fromhex("a401022001215820") + ES.raw[:32] + b"\x22\xf5",
            Reason.MALFORMED,
            id="compressed point",
        ),
        pytest.param(OKP + bytes(32), Reason.WEAK_KEY, id="low order"),
        pytest.param(OKP + b"\xff" * 32, Reason.WEAK_KEY, id="not canonical"),
        pytest.param(EC2 + bytes(32) + MIDDLE + bytes(32), Reason.WEAK_KEY, id="off the curve"),
        pytest.param(EC2 + b"\xff" * 32 + MIDDLE + ES.raw[32:], Reason.WEAK_KEY, id="a coordinate beyond the field"),
        pytest.param(EC2 + X_BEYOND + MIDDLE + Y_OF_X, Reason.WEAK_KEY, id="x of a point, and the field's prime"),
        pytest.param(EC2 + X_OF_Y + MIDDLE + Y_BEYOND, Reason.WEAK_KEY, id="y of a point, and the field's prime"),
    ],
)
def test_what_is_no_key_is_refused(encoded: bytes, reason: Reason) -> None:
    """Exactly two encodings are keys; near misses are refused by the word for what is wrong."""
    with pytest.raises(DelegateError) as caught:
        PublicKey.from_cose(encoded)
    assert caught.value.reason is reason
    assert isinstance(caught.value, VerificationError if reason is Reason.WEAK_KEY else TokenError)


def test_the_points_within_the_field_are_keys() -> None:
    """What is refused above is refused for its encoding alone."""
    for raw in (bytes(32) + Y_OF_X, X_OF_Y + (5).to_bytes(32, "big")):
        assert PublicKey(Algorithm.ESP256, raw).raw == raw


@given(st.one_of(st.binary(max_size=80), st.binary(min_size=32, max_size=32).map(OKP.__add__)))
def test_any_bytes_give_a_key_or_the_declared_error(encoded: bytes) -> None:
    """A key from outside is a key that reads back, or a `DelegateError`."""
    try:
        key = PublicKey.from_cose(encoded)
    except DelegateError:
        return
    assert key.cose_key == encoded


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MALFORMED),
        ("ed25519", Reason.MALFORMED),
        ("ed25519:", Reason.MALFORMED),
        ("rsa:AAAA", Reason.UNSUPPORTED_ALGORITHM),
        ("ED25519:" + ED.to_text()[8:], Reason.UNSUPPORTED_ALGORITHM),
        (ED.to_text() + "=", Reason.MALFORMED),
        (ED.to_text() + " ", Reason.MALFORMED),
        (" " + ED.to_text(), Reason.UNSUPPORTED_ALGORITHM),
        (ED.to_text()[:-1], Reason.MALFORMED),
        (ED.to_text()[:-1] + "9", Reason.MALFORMED),
        (ED.to_text()[:-2] + "+g", Reason.MALFORMED),
        (ED.to_text()[:20] + "\n" + ED.to_text()[20:], Reason.MALFORMED),
        ("ed25519:é" + ED.to_text()[9:], Reason.MALFORMED),
        ("esp256:" + ED.to_text()[8:], Reason.MALFORMED),
        ("ed25519:" + "A" * 43, Reason.WEAK_KEY),
        ("esp256:" + "A" * 86, Reason.WEAK_KEY),
    ],
)
def test_text_that_is_no_key_is_refused(text: str, reason: Reason) -> None:
    """One key has one text: padding, blanks, the other alphabet and loose last bits are refused."""
    with pytest.raises(DelegateError) as caught:
        PublicKey.parse(text)
    assert caught.value.reason is reason


def test_a_programs_mistake_is_no_outside_error() -> None:
    """The wrong type or length from a program is TypeError or ValueError."""
    with pytest.raises(ValueError, match="32 bytes"):
        PublicKey.from_raw(bytes(31))
    with pytest.raises(ValueError, match="64 bytes"):
        PublicKey(Algorithm.ESP256, bytes(63))
    with pytest.raises(ValueError, match="64 bytes"):
        esp256.load(bytes(65))
    with pytest.raises(TypeError, match="bytes"):
        PublicKey.from_raw("a" * 32)  # type: ignore[arg-type]


@pytest.mark.parametrize("signer", [Ed25519Signer(bytes(32)), Esp256Signer.from_scalar(bytes(31) + b"\7")], ids=str)
def test_verify_says_nothing_or_raises(signer: Ed25519Signer | Esp256Signer) -> None:
    """A good signature gives no value to misread; a bad one raises BAD_SIGNATURE."""
    key = signer.public_key
    signature = signer.sign(b"message")
    assert signature == signer.sign(b"message")
    key.verify(b"message", signature)
    other = Ed25519Signer(bytes(31) + b"\1").public_key if key.algorithm is Algorithm.ED25519 else ES
    refused = [
        (key, b"massage", signature),
        (key, b"message", bytes(64)),
        (key, b"message", b"\xff" * 64),
        (key, b"message", signature[:63]),
        (key, b"message", signature + b"\0"),
        (key, b"message", b""),
        (other, b"message", signature),
    ]
    for checker, message, wrong in refused:
        with pytest.raises(VerificationError) as caught:
            checker.verify(message, wrong)
        assert caught.value.reason is Reason.BAD_SIGNATURE


def test_an_esp256_signature_is_not_der() -> None:
    """The signature is r ‖ s, as COSE has it; what the library itself gives is refused."""
    private = ec.derive_private_key(7, ec.SECP256R1())
    signer = Esp256Signer(private)
    with pytest.raises(VerificationError):
        signer.public_key.verify(b"m", private.sign(b"m", ec.ECDSA(SHA256())))
