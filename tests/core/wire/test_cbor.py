"""Strict deterministic CBOR: one value, one encoding, and a name for every fault."""

from __future__ import annotations

from itertools import combinations, product

import cbor2
import pytest

from delegate.core.wire import cbor
from delegate.errors import Reason, TokenError
from delegate.limits import CBOR_DEPTH


def reason_of(data: bytes) -> Reason:
    """Why it is refused."""
    with pytest.raises(TokenError) as caught:
        cbor.decode(data)
    return caught.value.reason


def test_cbor2_sorts_our_keys_as_rfc_8949_does() -> None:
    """For text keys and one-byte integers, cbor2's length-first order is the bytewise order of RFC 8949 §4.2.1."""
    texts = ["", "a", "b", "aa", "ab", "n", "if", "can", "req", "tenant", "z" * 23, "a" * 24, "b" * 300, "é", "\u4e00"]
    keys: list[int | str] = [*range(-24, 24), *texts]
    for pair in combinations(keys, 2):
        for one, other in (pair, pair[::-1]):
            ours = cbor.encode({one: 0, other: 0})
            bytewise = sorted((cbor2.dumps(one), cbor2.dumps(other)))
            assert ours == b"\xa2" + bytewise[0] + b"\x00" + bytewise[1] + b"\x00"
            assert cbor.decode(ours) == {one: 0, other: 0}


def test_beyond_our_keys_the_two_orders_differ() -> None:
    """That is why integers of two bytes are no keys: 100 comes before -1 bytewise, and after it by length."""
    assert cbor2.dumps({100: 0, -1: 0}, canonical=True) == b"\xa2\x20\x00\x18\x64\x00"
    assert min(cbor2.dumps(100), cbor2.dumps(-1)) == cbor2.dumps(100)
    assert reason_of(b"\xa1\x18\x64\x00") is Reason.MALFORMED


_FAULTS = [
    ("", Reason.TRUNCATED),
    ("19 01", Reason.TRUNCATED),
    ("62 61", Reason.TRUNCATED),
    ("82 01", Reason.TRUNCATED),
    ("a1 01", Reason.TRUNCATED),
    ("18 17", Reason.NOT_CANONICAL),
    ("19 00ff", Reason.NOT_CANONICAL),
    ("1b 00000000ffffffff", Reason.NOT_CANONICAL),
    ("38 17", Reason.NOT_CANONICAL),
    ("58 01 00", Reason.NOT_CANONICAL),
    ("78 01 61", Reason.NOT_CANONICAL),
    ("98 01 00", Reason.NOT_CANONICAL),
    ("b8 01 00 00", Reason.NOT_CANONICAL),
    ("5f 41 00 ff", Reason.NOT_CANONICAL),
    ("7f 61 61 ff", Reason.NOT_CANONICAL),
    ("9f 01 ff", Reason.NOT_CANONICAL),
    ("bf 01 01 ff", Reason.NOT_CANONICAL),
    ("a2 02 00 01 00", Reason.NOT_CANONICAL),
    ("a2 01 00 01 00", Reason.NOT_CANONICAL),
    ("a2 61 62 00 61 61 00", Reason.NOT_CANONICAL),
    ("a2 20 00 01 00", Reason.NOT_CANONICAL),
    ("a2 62 61 61 00 61 62 00", Reason.NOT_CANONICAL),
    ("01 01", Reason.NOT_CANONICAL),
    ("fa 3fc00000", Reason.NOT_CANONICAL),
    ("fb 3ff8000000000000", Reason.NOT_CANONICAL),
    ("81 fb 3ff8000000000000", Reason.NOT_CANONICAL),
    ("f9 7e00", Reason.MALFORMED),
    ("f9 7c00", Reason.MALFORMED),
    ("c0 61 61", Reason.MALFORMED),
    ("c2 41 01", Reason.MALFORMED),
    ("d8 23 61 61", Reason.MALFORMED),
    ("d9 d9f7 01", Reason.MALFORMED),
    ("81 d8 1c 80", Reason.MALFORMED),
    ("1b 8000000000000000", Reason.MALFORMED),
    ("3b 8000000000000000", Reason.MALFORMED),
    ("f7", Reason.MALFORMED),
    ("f0", Reason.MALFORMED),
    ("f8 ff", Reason.MALFORMED),
    ("1c", Reason.MALFORMED),
    ("ff", Reason.MALFORMED),
    ("61 ff", Reason.MALFORMED),
    ("a1 f5 01", Reason.MALFORMED),
    ("a1 41 61 01", Reason.MALFORMED),
    ("a1 f6 01", Reason.MALFORMED),
    ("a1 80 01", Reason.MALFORMED),
    ("a1 a0 01", Reason.MALFORMED),
    ("a1 f9 3c00 01", Reason.MALFORMED),
]


@pytest.mark.parametrize(("data", "reason"), _FAULTS)
def test_every_fault_has_its_name(data: str, reason: Reason) -> None:
    """What is not the one encoding of a value of the profile is refused, and the reason says why."""
    assert reason_of(bytes.fromhex(data)) is reason


@pytest.mark.parametrize(("data", "reason"), _FAULTS)
def test_every_fault_has_its_name_in_a_list(data: str, reason: Reason) -> None:
    """A list is first judged by its length alone, and no fault gets by that."""
    assert reason_of(b"\x81" + bytes.fromhex(data)) is reason
    assert reason_of(b"\x82\x81" + bytes.fromhex(data) + b"\x00") is reason or reason is Reason.TRUNCATED


def test_a_list_that_is_shorter_hides_no_byte_elsewhere() -> None:
    """A list of indefinite length with 300 items saves a byte: a head beside it that wastes one is found too."""
    definite = cbor.encode([[0] * 300, 0])
    same_length = b"\x82\x9f" + bytes(300) + b"\xff\x18\x00"
    assert len(same_length) == len(definite)
    assert cbor.decode(definite) == [[0] * 300, 0]
    assert reason_of(same_length) is Reason.NOT_CANONICAL


def _verdict(data: bytes) -> object:
    try:
        return repr(cbor.decode(data))
    except TokenError as error:
        return error.reason


def test_the_quick_way_and_the_slow_one_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lists of every three or four heads: judged by their length, and by encoding them again."""
    heads = bytes.fromhex("00 17 18 19 1b 20 38 41 58 5f 60 61 78 7f 80 81 82 98 9f a1 c1 f4 f6 f7 f8 f9 fa ff")
    few = bytes.fromhex("00 18 41 5f 60 61 78 7f 81 82 98 f6 ff")
    cases = [bytes((first, *rest)) for first in (0x81, 0x82) for rest in product(heads, repeat=3)]
    cases += [bytes((first, *rest)) for first in (0x81, 0x82, 0x83) for rest in product(few, repeat=4)]
    quick = [_verdict(data) for data in cases]
    monkeypatch.setattr(cbor, "_least_bytes", lambda _: -1)
    assert [_verdict(data) for data in cases] == quick
    assert set(quick) > {Reason.MALFORMED, Reason.NOT_CANONICAL, Reason.TRUNCATED}


def test_the_length_of_a_list_is_told_exactly() -> None:
    """At every edge where a head grows, so that the quick way is taken for what is right."""
    edges = [0, 1, 23, 24, 25, 255, 256, 257, 65535, 65536]
    numbers = [sign * edge for edge in [*edges, 2**32 - 1, 2**32, 2**63 - 1] for sign in (1, -1)]
    texts = [text * edge for edge in edges for text in ("a", "é", "€", "𝄞", b"\x9e")]
    lists = [[0] * edge for edge in edges]
    for item in (*numbers, *texts, *lists, -25, -(2**63), True, False, None, ["a", [b"b", [None]]]):
        assert cbor._least_bytes([item]) == len(cbor.encode([item]))
        assert cbor.decode(cbor.encode([item])) == [item]
    others: list[object] = [1.5, {}, 2**63, -(2**63) - 1, cbor2.undefined, [[1.5]], ["a", {"b": 1}]]
    for other in others:
        assert cbor._least_bytes([other]) < 0


@pytest.mark.parametrize(
    ("data", "value"), [("f93e00", 1.5), ("fa47c35000", 100000.0), ("f98000", -0.0), ("f90000", 0.0)]
)
def test_the_shortest_float_is_taken(data: str, value: float) -> None:
    """A float in its shortest form is read, the two zeros apart."""
    assert repr(cbor.decode(bytes.fromhex(data))) == repr(value)
    assert cbor.encode(value).hex() == data


def test_types_stay_exact() -> None:
    """`true`, 1 and 1.0 are three values."""
    for data, kind in ((b"\xf5", bool), (b"\x01", int), (b"\xf9\x3c\x00", float)):
        assert type(cbor.decode(data)) is kind


def test_the_depth_is_bounded() -> None:
    """As deep as the limit is read; one deeper is malformed, for arrays and maps alike."""
    for opening, end in ((b"\x81", b"\x80"), (b"\xa1\x00", b"\xa0")):
        cbor.decode(opening * CBOR_DEPTH + end)
        assert reason_of(opening * (CBOR_DEPTH + 1) + end) is Reason.MALFORMED


def test_every_tag_is_refused_before_it_acts() -> None:
    """No tag that cbor2 knows, now or later, makes an object: neither a date nor a compiled expression."""
    for tag, content in product([*range(40), 43000, 55799, 2**32, 2**64 - 1], (b"\x61\x28", b"\x80", b"\x00", b"\x40")):
        head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
        assert reason_of(head + content) is Reason.MALFORMED


def test_sorted_keys_are_in_the_order_of_the_wire() -> None:
    """Shorter first, then by bytes: counted in bytes, not in characters."""
    assert cbor.sorted_keys({"zz": 0, "é": 0, "b": 0, "a": 0, "aaa": 0}) == ["a", "b", "zz", "é", "aaa"]
    keys = {"zz": 0, "é": 0, "b": 0}
    assert cbor.encode(keys) == cbor.encode_sorted(dict.fromkeys(cbor.sorted_keys(keys), 0))


def test_one_byte_is_decided() -> None:
    """All 256 single bytes: a value, or a reason."""
    outcomes = set()
    for byte in range(256):
        try:
            cbor.decode(bytes((byte,)))
            outcomes.add("value")
        except TokenError as error:
            outcomes.add(str(error.reason))
    assert outcomes == {"value", "truncated", "malformed"}


@pytest.mark.parametrize(
    "data",
    ["f97c01", "f97e01", "fa7fc00001", "fb7ff8000000000001", "81f97c01", "a16161f97c01", "a1f97c0101"],
)
def test_what_the_format_has_not_is_malformed_in_every_encoding(data: str) -> None:
    """A NaN with another payload, also as a key."""
    for decode in (cbor.decode, cbor.decode_unchecked_maps):
        with pytest.raises(TokenError) as caught:
            decode(bytes.fromhex(data))
        assert caught.value.reason is Reason.MALFORMED
