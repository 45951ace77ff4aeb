"""A proof's payload read by its exact bytes is what decoding it says, or is given up on."""

from __future__ import annotations

import cbor2
import pytest

from delegate import DelegateError
from delegate.core.decide import possession
from delegate.core.decide.remembered_texts import proof_head

AUDIENCE = "files.example.com"
DIGEST = bytes(range(32))
NONCE = bytes(range(100, 116))
TIME = 1_800_000_000


def payload(audience: str = AUDIENCE, issued: object = TIME, nonce: object = NONCE, digest: object = DIGEST) -> bytes:
    """The four claims of SPEC §7.3, by another encoder."""
    return cbor2.dumps({3: audience, 6: issued, "n": nonce, "req": digest})


def quickly(data: bytes, audience: str = AUDIENCE) -> int | None:
    """By the exact bytes."""
    return possession._issued_if_as_expected(data, proof_head(audience), DIGEST)


def plainly(data: bytes, audience: str = AUDIENCE) -> int | None:
    """By decoding; `None` for what is refused."""
    try:
        return possession._check_payload(data, audience, DIGEST)
    except DelegateError:
        return None


@pytest.mark.parametrize("audience", ["a", "b" * 23, "c" * 24, "d" * 200], ids=len)
@pytest.mark.parametrize("issued", [65_536, TIME, 2**32 - 1])
def test_a_usual_payload_is_read_by_its_known_bytes(audience: str, issued: int) -> None:
    """The quick way is not idle: every audience, every time of five bytes; and both ways read the same."""
    data = payload(audience, issued)
    assert quickly(data, audience) == plainly(data, audience) == issued


@pytest.mark.parametrize("issued", [0, 23, 24, 255, 256, 65_535, 2**32])
def test_a_time_of_another_length_is_left_to_decoding(issued: int) -> None:
    """Before 1970-01-02 and after 2106: the plain way takes them, in their shortest encoding alone."""
    assert quickly(payload(issued=issued)) is None
    assert plainly(payload(issued=issued)) == issued
    longer = payload().replace(b"\x1a" + TIME.to_bytes(4), b"\x1a" + (issued % 65_536).to_bytes(4))
    assert quickly(longer) is None
    assert plainly(longer) is None


@pytest.mark.parametrize(
    "data",
    [
        payload(audience="other.example.com"),
        payload(audience=AUDIENCE[:-1]),
        payload(digest=bytes(32)),
        payload(digest=DIGEST[:-1]),
        payload(nonce=NONCE[:-1]),
        payload(nonce=NONCE + b"x"),
        payload(nonce="n" * 16),
        payload(issued=float(TIME)),
        cbor2.dumps({3: AUDIENCE, 6: TIME, "n": NONCE, "req": DIGEST, "x": 1}),
        cbor2.dumps({3: AUDIENCE, 6: TIME, "req": DIGEST}),
        cbor2.dumps({6: TIME, 3: AUDIENCE, "n": NONCE, "req": DIGEST}),
        cbor2.dumps({3: AUDIENCE, 6: TIME, "n": NONCE, "req": DIGEST}, canonical=True) + b"\0",
        b"",
    ],
    ids=bytes.hex,
)
def test_what_decoding_refuses_is_not_read(data: bytes) -> None:
    """Another service, another request, other sizes, types, claims or orders."""
    assert plainly(data) is None
    assert quickly(data) is None


def test_no_small_change_is_read_as_anything_else() -> None:
    """Each byte changed in eight ways, dropped or doubled: what the quick way reads, the plain way reads alike."""
    right = payload()
    read = 0
    for place, byte in enumerate(right):
        before, after = right[:place], right[place + 1 :]
        others = (0, 1, 255, byte + 1, byte - 1, byte ^ 0x20, byte ^ 0x40, byte ^ 0x80)
        changed = [before + bytes([other % 256]) + after for other in others]
        changed += [before + after, before + bytes([byte, byte]) + after]
        for data in changed:
            found = quickly(data)
            if found is not None:
                read += 1
                assert found == plainly(data), data.hex()
    assert read > 16 * 8, "time and nonce may be anything"
