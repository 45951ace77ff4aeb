"""Strict deterministic CBOR (RFC 8949 §4.2.1) over cbor2; the only module that calls it.

The rules of this file:

- One value, one encoding. What decodes must encode back to the very bytes that came: that refuses
  indefinite lengths, non-minimal heads, duplicate keys, long floats and trailing bytes at one stroke.
- No tag is ever acted on: cbor2 would turn tag 35 into a compiled regex before anybody could look.
- Types are exact: `True`, `1` and `1.0` are three values here, though Python finds them equal.
- Map keys are text, or integers whose head is one byte. For those, cbor2's length-first order and the
  bytewise order of RFC 8949 are the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

import cbor2

from delegate.errors import Reason, TokenError
from delegate.limits import CBOR_DEPTH, INTEGER_MAX, INTEGER_MIN

ONE_BYTE_MIN: Final = -24
ONE_BYTE_MAX: Final = 23
# A head of one byte holds a number less than this.
_SHORT: Final = 24
_ONE_BYTE: Final = [bytes((byte,)) for byte in range(256)]
# Less than any sum of lengths could make up for: there is no such encoding.
_UNKNOWN: Final = -(1 << 62)
_INDEFINITE_LIST: Final = b"\x9f"


class _TagRefusedError(ValueError):
    """Raised inside cbor2 to stop it at a tag's head."""


def _refuse_tag(*_: object) -> NoReturn:
    raise _TagRefusedError


class _EveryTag(dict[int, Callable[..., NoReturn]]):
    """Answers for every tag, those of later cbor2 versions included, with a refusal."""

    def __getitem__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuse_tag


_EVERY_TAG: Final = _EveryTag()
_loads: Final = cbor2.loads
_dumps: Final = cbor2.dumps
# cbor2 lets Python's own errors through for some malformed input (an unhashable key, a vast length).
_FAILURES: Final = (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError, RecursionError)


def encode(value: object) -> bytes:
    """Encode deterministically: sorted maps, shortest heads and floats.

    Cost: about four times `encode_sorted`.
    """
    return _dumps(value, canonical=True)


def encode_sorted(value: object) -> bytes:
    """Encode a value whose maps were built in canonical order and that holds no float.

    For such values the same bytes as `encode`; saves 6 µs a block.
    """
    return _dumps(value)


def head(kind: int, number: int) -> bytes:
    """Encode the head of an item: its kind's first byte, and a number below 2^64 in the fewest bytes."""
    if number < _SHORT:
        return _ONE_BYTE[kind + number]
    if number < 256:
        return bytes((kind + 24, number))
    size, more = (2, 25) if number < 65_536 else (4, 26) if number < 1 << 32 else (8, 27)
    return _ONE_BYTE[kind + more] + number.to_bytes(size)


def decode(data: bytes) -> object:
    """Decode one strict item: None, bool, int (64 bits), finite float, str, bytes, list or dict.

    Raises:
        TokenError: TRUNCATED where the bytes end inside an item; NOT_CANONICAL where the same value has
            another, the only right, encoding; MALFORMED for everything else, tags included.
    """
    value = _load(data)
    # Without a list of indefinite length, only the deterministic encoding is as short: counting shows what encoding
    # again would, for lists such as caveats are, and saves 4 µs of 7 for three conditions.
    if type(value) is list and _INDEFINITE_LIST not in data and _least_bytes(value) == len(data):
        return value
    _encode_again(value, data)
    # Plain re-encoding keeps a long float long; only the canonical one shows that it could be shorter.
    if _check(value) and encode(value) != data:
        raise TokenError(Reason.NOT_CANONICAL, "a float longer than it need be")
    return value


def decode_unchecked_maps(data: bytes) -> object:
    """Decode as `decode`, but leave the order and the types of what is inside to the caller's own table.

    Saves 3 µs a block: the claims table checks order and types while it reads.
    """
    value = _load(data)
    _encode_again(value, data)
    return value


def _load(data: bytes) -> object:
    try:
        return _loads(data, semantic_decoders=_EVERY_TAG, tag_hook=_refuse_tag, max_depth=CBOR_DEPTH)
    except cbor2.CBORDecodeEOF:
        raise TokenError(Reason.TRUNCATED, "the bytes end inside an item") from None
    except _FAILURES as error:
        if isinstance(error.__cause__, _TagRefusedError):
            raise TokenError(Reason.MALFORMED, "a tag, where none is allowed") from None
        _not_well_formed()


def _encode_again(value: object, data: bytes) -> None:
    try:
        again = _dumps(value)
    except _FAILURES:
        _not_well_formed()
    # Plain re-encoding first: it is 6 µs cheaper than the canonical one, and differs only for floats.
    if again != data and encode(value) != data:
        _refuse_nan(value)
        raise TokenError(Reason.NOT_CANONICAL, "not the deterministic encoding of what it says")


def _refuse_nan(value: object) -> None:
    """Refuse what the format does not have in any encoding; a NaN has many, and the format none of them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise TokenError(Reason.MALFORMED, "a number that is not finite")
    for item in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_nan(item)


def _not_well_formed() -> NoReturn:
    raise TokenError(Reason.MALFORMED, "not well-formed CBOR") from None


def _least_bytes(items: list[object]) -> int:
    """Count the bytes of a list's shortest encoding; give a negative for maps, floats and unknown types.

    The order of a map and the length of a float do not show in a count. All else does: a head longer than it need be, a
    text in pieces, a byte left over make an encoding longer, and nothing makes it shorter again but a list of
    indefinite length with 256 items or more.
    """
    count = _head_bytes(len(items))
    for item in items:
        kind = type(item)
        if kind is str:
            size = len(item) if item.isascii() else len(item.encode())  # type: ignore[attr-defined, arg-type]
            count += size + _head_bytes(size)
        elif kind is int:
            # The head of -n holds n - 1.
            count += _head_bytes(item if item >= 0 else ~item)  # type: ignore[operator, arg-type]
        elif kind is list:
            count += _least_bytes(item)  # type: ignore[arg-type]
        elif kind is bool or item is None:
            count += 1
        elif kind is bytes:
            count += len(item) + _head_bytes(len(item))  # type: ignore[arg-type]
        else:
            return _UNKNOWN
    return count


def _head_bytes(number: int) -> int:
    """Count the bytes of the shortest head that holds this number."""
    if number < _SHORT:
        return 1
    if number < 1 << 8:
        return 2
    if number < 1 << 16:
        return 3
    if number < 1 << 32:
        return 5
    return 9 if number <= INTEGER_MAX else _UNKNOWN


def sorted_keys(mapping: Iterable[str]) -> list[str]:
    """Order text keys as the wire does: by the bytes of their encoding."""
    return sorted(mapping, key=text_order)


def text_order(text: str) -> tuple[int, bytes]:
    """Sort key of a text map key: its head holds the length, so shorter comes first."""
    raw = text.encode()
    return len(raw), raw


def _check(value: object) -> bool:
    """Check types, 64-bit integers, finite floats, and strictly ordered map keys; say whether a float is in it."""
    kind = type(value)
    if kind is str or kind is bytes or kind is bool or value is None:
        return False
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise TokenError(Reason.MALFORMED, "an integer beyond 64 bits")
        return False
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TokenError(Reason.MALFORMED, "a number that is not finite")
        return True
    if isinstance(value, list):
        floats = [_check(item) for item in value]  # every item is checked, floats found or not
        return any(floats)
    if isinstance(value, dict):
        last: tuple[int, int, bytes] | None = None
        has_float = False
        for key, item in value.items():
            here = _key_order(key)
            if last is not None and here <= last:
                raise TokenError(Reason.NOT_CANONICAL, "map keys out of order")
            last = here
            has_float |= _check(item)
        return has_float
    raise TokenError(Reason.MALFORMED, "a type that the format does not have")


def _key_order(key: object) -> tuple[int, int, bytes]:
    """Rank a key as its encoding does: 0…23, then -1…-24, then text by length and bytes."""
    if type(key) is int and ONE_BYTE_MIN <= key <= ONE_BYTE_MAX:
        return (0, key, b"") if key >= 0 else (1, -key, b"")
    if type(key) is str:
        return (2, *text_order(key))
    raise TokenError(Reason.MALFORMED, "a map key that is neither text nor a one-byte integer")
