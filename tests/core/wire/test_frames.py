"""COSE_Sign1, envelopes and the text form: known bytes read quickly, everything else named."""

from __future__ import annotations

import cbor2
import pytest

from delegate.core.wire import armor, cose, envelope
from delegate.core.wire.envelope import Envelope, Kind
from delegate.errors import Reason, TokenError
from delegate.limits import PRESENTATION_BYTES, REVOCATIONS_BYTES, TOKEN_BYTES
from tests import vectors

SIGNATURE = bytes(range(64))


def signed(payload: bytes, kid: bytes = b"", algorithm: int = cose.ED25519) -> bytes:
    """A COSE_Sign1 that is framed right."""
    return cose.assemble(cose.protected_header(algorithm, kid), cose.byte_string(payload), SIGNATURE)


@pytest.mark.parametrize("size", [24, 255, 256, 65_535])
@pytest.mark.parametrize("kid", [b"", bytes(8), bytes(32)], ids=len)
@pytest.mark.parametrize("algorithm", [cose.ED25519, cose.ESP256])
def test_what_is_assembled_is_opened(size: int, kid: bytes, algorithm: int) -> None:
    """Every header and size of payload that the format has: the parts come back, and it is COSE to others."""
    payload = b"\xaa" * size
    data = signed(payload, kid, algorithm)
    found = cose.open_signed(data)
    assert (found.algorithm, found.kid, found.payload, found.signature) == (algorithm, kid, payload, SIGNATURE)
    protected, unprotected, body, signature = cbor2.loads(data)
    assert cbor2.loads(protected) == ({1: algorithm, 4: kid} if kid else {1: algorithm})
    assert (unprotected, body, signature) == ({}, payload, SIGNATURE)


def test_what_is_signed_is_the_sig_structure_of_rfc_9052() -> None:
    """Put together from slices, it is what another encoder makes of the parts."""
    payload, aad = b"\xbb" * 100, b"delegate/1 block\0" + bytes(32)
    protected = cose.protected_header(cose.ED25519, bytes(32))
    structure = cose.sig_structure(protected, cose.byte_string(aad), cose.byte_string(payload))
    header = cbor2.dumps({1: -19, 4: bytes(32)})
    assert structure == cbor2.dumps(["Signature1", header, aad, payload])


def test_every_prefix_of_a_frame_is_truncated() -> None:
    """A COSE_Sign1 that is cut off anywhere says so."""
    for kid in (b"", bytes(8), bytes(32)):
        data = signed(b"\xaa" * 300, kid)
        for size in range(len(data)):
            with pytest.raises(TokenError) as caught:
                cose.open_signed(data[:size])
            assert caught.value.reason is Reason.TRUNCATED


def test_a_frame_has_no_room_for_anything_else() -> None:
    """Each byte of the frame, changed to each other value, is refused, or opens to other parts."""
    data = bytearray(signed(b"\xaa" * 24))
    original = cose.open_signed(bytes(data))
    for at in range(len(data)):
        right = data[at]
        for byte in range(256):
            data[at] = byte
            try:
                found = cose.open_signed(bytes(data))
            except TokenError:
                continue
            finally:
                data[at] = right
            assert byte == right or found != original


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535])
def test_a_byte_string_has_its_shortest_head(size: int) -> None:
    """The head is that of RFC 8949."""
    assert cose.byte_string(bytes(size)) == cbor2.dumps(bytes(size))


BLOCKS = (b"\x01" * 10, b"\x02" * 100, b"\x03" * 300)
ENVELOPES = [
    Envelope(Kind.TOKEN, BLOCKS),
    Envelope(Kind.BEARER, BLOCKS, bytes(32)),
    Envelope(Kind.PRESENTATION, BLOCKS, b"", b"\x04" * 70),
    Envelope(Kind.PRESENTATION, BLOCKS * 5, b"", b"\x04" * 70, (b"\x05", b"\x06" * 30)),
]


@pytest.mark.parametrize("framed", ENVELOPES, ids=lambda framed: framed.kind.name)
def test_an_envelope_is_parsed_as_it_was_built(framed: Envelope) -> None:
    """All kinds, with small and large items; cut off anywhere it is truncated; with a byte more it is not canonical."""
    data = envelope.build(framed)
    assert envelope.parse(data) == framed
    assert cbor2.dumps(cbor2.loads(data)) == data
    for size in range(len(data)):
        with pytest.raises(TokenError) as caught:
            envelope.parse(data[:size])
        assert caught.value.reason is Reason.TRUNCATED
    with pytest.raises(TokenError) as caught:
        envelope.parse(data + b"\0")
    assert caught.value.reason is Reason.NOT_CANONICAL


def filled(kind: Kind, size: int) -> bytes:
    """An envelope of exactly so many bytes."""
    first = b"\x01" * 8000
    rest = size - len(envelope.build(Envelope(kind, (first, b"\x02" * 300), bytes(32), b"\x03" * 300))) + 300
    if kind is Kind.PRESENTATION:
        return envelope.build(Envelope(kind, (first, b"\x02" * 300), b"", b"\x03" * rest))
    return envelope.build(Envelope(kind, (first, b"\x02" * rest), bytes(32)))


@pytest.mark.parametrize(
    ("kind", "most"), [(Kind.TOKEN, TOKEN_BYTES), (Kind.BEARER, TOKEN_BYTES), (Kind.PRESENTATION, PRESENTATION_BYTES)]
)
def test_the_size_of_an_envelope_is_bounded_to_the_byte(kind: Kind, most: int) -> None:
    """As many bytes as the limit are parsed, as bytes and as text; one more is over it."""
    data = filled(kind, most)
    assert len(data) == most
    assert envelope.parse(data).kind is kind
    assert armor.decode(armor.encode(kind, data)) == (kind, data)
    more = filled(kind, most + 1)
    assert len(more) == most + 1
    with pytest.raises(TokenError) as caught:
        envelope.parse(more)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_every_kind_of_envelope_has_its_prefix() -> None:
    """Five characters that say what it is."""
    assert {armor.encode(kind, b"")[:5] for kind in Kind} == {"dlgt_", "dlgb_", "dlgp_"}


@pytest.mark.parametrize("size", range(7))
def test_a_text_is_the_only_one_of_its_bytes(size: int) -> None:
    """Of all last characters, exactly one decodes to the bytes: the others are refused."""
    data = b"\x00" * size  # decodes as the item 0 and then more, so that stray bits are named by the text form
    text = armor.to_base64url(data)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = []
    for last in alphabet:
        try:
            if size and armor.from_base64url(text[:-1] + last) == data:
                same.append(last)
        except TokenError:
            continue
    assert same == ([text[-1]] if size else [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/", Reason.MALFORMED),
        ("\u00e9", Reason.MALFORMED),
        ("AAAA/", Reason.MALFORMED),
        ("AAAA=", Reason.NOT_CANONICAL),
        ("=", Reason.NOT_CANONICAL),
        ("AA==", Reason.NOT_CANONICAL),
        ("A=A=", Reason.MALFORMED),
        ("A!==", Reason.MALFORMED),
        ("\u00e9===", Reason.MALFORMED),
        ("\ud800=", Reason.MALFORMED),
        ("AAAAA", Reason.TRUNCATED),
        ("AAAAA/B", Reason.MALFORMED),
    ],
)
def test_of_several_faults_the_first_is_named(text: str, reason: Reason) -> None:
    """The alphabet comes before the length: a text with both faults was not cut off alone."""
    with pytest.raises(TokenError) as caught:
        armor.from_base64url(text)
    assert caught.value.reason is reason


def test_every_character_outside_the_alphabet_is_refused() -> None:
    """All of Latin-1, and some beyond, in the middle of a text."""
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    text = armor.to_base64url(bytes(30))
    for character in [*map(chr, range(256)), "\u0430", "\uff21", "\ud800", "\U0001f600"]:
        changed = text[:10] + character + text[11:]
        if character in alphabet:
            assert len(armor.from_base64url(changed)) == 30
        else:
            with pytest.raises(TokenError) as caught:
                armor.from_base64url(changed)
            assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("size", [24, 255, 256, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("algorithm", [cose.ED25519, cose.ESP256])
def test_a_long_payload_is_a_list_s_and_no_block_s(size: int, algorithm: int) -> None:
    """A list's payload may be longer than 65,535 bytes; a block's is refused as before."""
    data = signed(b"\xaa" * size, bytes(32), algorithm)
    found = cose.open_list(data)
    assert (found.algorithm, found.kid, found.payload, found.signature) == (
        algorithm,
        bytes(32),
        b"\xaa" * size,
        SIGNATURE,
    )
    assert cbor2.loads(found.payload_item) == found.payload
    assert cbor2.loads(found.protected) == cbor2.loads(data)[0]
    if size > 65_535:
        with pytest.raises(TokenError) as caught:
            cose.open_signed(data)
        assert caught.value.reason is Reason.MALFORMED
    else:
        assert cose.open_signed(data) == found


@pytest.mark.parametrize("kid", [b"", bytes(8)], ids=len)
@pytest.mark.parametrize("size", [24, 70_000])
@pytest.mark.parametrize("byte", [b"\xaa", b"\x5a"], ids=bytes.hex)
def test_a_list_without_its_signer_s_thumbprint_is_refused(kid: bytes, size: int, byte: bytes) -> None:
    """No kid, or half of one, with a short and a long payload, and one of what looks like the head of a long one."""
    with pytest.raises(TokenError) as caught:
        cose.open_list(signed(byte * size, kid))
    assert caught.value.reason is Reason.MALFORMED


def test_the_frame_of_a_long_list_has_no_room_for_anything_else() -> None:
    """Each byte around a long payload, changed to each other value, is refused, or opens to another kid, alg or end."""
    data = signed(b"\xaa" * 65_536, bytes(32))
    original = cose.open_list(data)
    for at in [*range(47), 47 + 65_536, 48 + 65_536]:
        for byte in range(256):
            changed = data[:at] + bytes((byte,)) + data[at + 1 :]
            try:
                opened = cose.open_list(changed)
            except TokenError:
                continue
            assert (opened == original) == (changed == data)
    for more in (data + b"\0", data[:-1], data[:46] + data[47:]):
        with pytest.raises(TokenError):
            cose.open_list(more)


@pytest.mark.parametrize("item", [[1, b"x"], [3], [7, b"x"], [0, b"x"], [-1, b"x"], [2**40, b"x"]], ids=repr)
def test_another_number_than_six_is_another_version(item: list[object]) -> None:
    """An envelope of another kind, or of a later version, where a list is wanted."""
    with pytest.raises(TokenError) as caught:
        envelope.parse_revocations(cbor2.dumps(item))
    assert caught.value.reason is Reason.UNSUPPORTED_VERSION


@pytest.mark.parametrize("item", [[6], [6, "x"], [6, b"x", b"y"], [], 6, {6: b"x"}, [6.0, b"x"]], ids=repr)
def test_what_is_not_six_and_bytes_is_no_list(item: object) -> None:
    """Other shapes, other types."""
    with pytest.raises(TokenError) as caught:
        envelope.parse_revocations(cbor2.dumps(item, canonical=True))
    assert caught.value.reason is Reason.MALFORMED


def test_the_size_of_a_list_is_checked_first() -> None:
    """One byte over, in bytes and in text."""
    with pytest.raises(TokenError) as caught:
        envelope.parse_revocations(b"\xff" * (REVOCATIONS_BYTES + 1))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    with pytest.raises(TokenError) as caught:
        armor.decode_revocations("dlgr_" + "!" * (REVOCATIONS_BYTES * 4 // 3 + 4))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("size", [65_534, 65_535, 65_536, 65_540, 65_541, 100_000])
def test_a_list_of_any_length_is_framed(size: int) -> None:
    """Below and above where its head grows; one byte less is cut off, one more is no list."""
    content = bytes(size)
    data = envelope.build_revocations(content)
    assert data == cbor2.dumps([6, content])
    assert envelope.parse_revocations(data) == content
    for wrong, reasons in ((data[:-1], {Reason.TRUNCATED}), (data + b"\0", {Reason.MALFORMED, Reason.NOT_CANONICAL})):
        with pytest.raises(TokenError) as caught:
            envelope.parse_revocations(wrong)
        assert caught.value.reason in reasons


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\x82\x06\x9a\x00\x3f\xff\x00", Reason.MALFORMED),
        (b"\x82\x06\x5b" + (4_000_000).to_bytes(8), Reason.MALFORMED),
        (b"\x83\x06\x5a" + (4_000_000).to_bytes(4), Reason.MALFORMED),
        (b"\x82\x06\x5a" + (65_535).to_bytes(4), Reason.MALFORMED),
        (b"\x82\x03\x9a\x00\x3f\xff\x00", Reason.UNSUPPORTED_VERSION),
        (b"\x82\x18\x63\x9a\x00\x3f\xff\x00", Reason.MALFORMED),
        (b"\x80\x07", Reason.MALFORMED),
        (b"\xa2\x07", Reason.MALFORMED),
        (b"\x9a\x00\x3f\xff\x00", Reason.MALFORMED),
        (b"\x82\x07\x9a\x00\x3f\xff\x00", Reason.UNSUPPORTED_VERSION),
        (b"\x97\x00", Reason.UNSUPPORTED_VERSION),
    ],
    ids=repr,
)
def test_four_megabytes_that_are_no_list_are_not_decoded(
    monkeypatch: pytest.MonkeyPatch, head: bytes, reason: Reason
) -> None:
    """Millions of empty arrays would take seconds and 300 MiB before the first of them is refused."""
    monkeypatch.setattr("delegate.core.wire.cbor.decode", lambda _: 1 / 0)
    with pytest.raises(TokenError) as caught:
        envelope.parse_revocations(head.ljust(4_000_000, b"\x80"))
    assert caught.value.reason is reason


def test_the_quick_ways_frame_what_the_long_way_frames() -> None:
    """Blocks of every accepted vector, and each small change of theirs: the same parts, or it gives up."""
    taken = {"frame_common": 0, "frame_first": 0}
    blocks = {block for vector in vectors.accepted() for block in vectors.blocks(vector)}
    for block in sorted(blocks, key=len)[:20] + sorted(blocks, reverse=True)[:20]:
        changed = [block, block[:-1], block + b"\0", b"", block[:42], block[:8]]
        for place, byte in enumerate(block):
            changed += [block[:place] + bytes([other % 256]) + block[place + 1 :] for other in (byte + 1, byte - 1)]
            changed.append(block[:place] + block[place + 1 :])
        for data in changed:
            try:
                opened = cose.open_signed(data)
            except TokenError:
                assert cose.frame_common(data) is None, data.hex()
                assert cose.frame_first(data) is None, data.hex()
                continue
            first, common = cose.frame_first(data), cose.frame_common(data)
            assert first in {None, opened}
            assert common in {None, (opened.payload_item, opened.signature)}
            taken["frame_first"] += first is not None
            taken["frame_common"] += common is not None
            assert common is None or (opened.kid, opened.algorithm, len(opened.payload_item)) == (
                b"", cose.ED25519, len(opened.payload) + 2,
            )  # fmt: skip
    assert min(taken.values()) > 1000, "the quick ways are idle"
