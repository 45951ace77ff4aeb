"""Envelopes: what travels as one piece, framed and nothing more (SPEC §3.1).

    token        = [1, [1*16 bstr]]
    bearer       = [2, [1*16 bstr], secret: bstr .size 32]
    presentation = [3, [1*16 bstr], proof: bstr, [*16 bstr]]
    revocations  = [6, bstr]

The rules of this file:

- Read by exact bytes, in one pass; every byte is accounted for, also between proof and discharges.
- What does not fit is decoded the slow way, to say by name what is wrong with it.
- Sizes and counts are checked before the work that they bound.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple, NoReturn

from delegate.core.wire import cbor
from delegate.core.wire.cose import byte_string
from delegate.errors import Reason, TokenError
from delegate.limits import BLOCKS, DISCHARGES, PRESENTATION_BYTES, REVOCATIONS_BYTES, TOKEN_BYTES

SECRET_BYTES: Final = 32
REVOCATIONS: Final = 6  # the number of the one envelope without a chain


class Kind(IntEnum):
    """The number that opens an envelope."""

    TOKEN = 1
    BEARER = 2
    PRESENTATION = 3


class Envelope(NamedTuple):
    """One envelope, framed. A tuple: it is built once a request."""

    kind: Kind
    blocks: tuple[bytes, ...]
    secret: bytes = b""
    proof: bytes = b""
    discharges: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        shown = ", secret not shown" if self.secret else ""
        return f"<Envelope of {len(self.blocks)} blocks, {self.kind.name.lower()}{shown}>"


_HEADS: Final = {b"\x82\x01": Kind.TOKEN, b"\x83\x02": Kind.BEARER, b"\x84\x03": Kind.PRESENTATION}
_ITEMS: Final = {Kind.TOKEN: 2, Kind.BEARER: 3, Kind.PRESENTATION: 4}
_ONE_BYTE_COUNT: Final = 24
_SHORT_BYTES: Final = 23
_SHORT_LIST_BYTES: Final = 65_540  # 82 06 59 nn nn and 65,535 bytes
_LONG_LIST: Final = bytes((0x82, REVOCATIONS, 0x5A))
_LONG_LIST_BYTES: Final = len(_LONG_LIST) + 4


class _UnframedError(Exception):
    """The exact bytes are not there; the slow way will say why."""


def build(envelope: Envelope) -> bytes:
    """Encode an envelope."""
    parts = [bytes((0x80 + _ITEMS[envelope.kind], envelope.kind)), _array(envelope.blocks)]
    if envelope.kind is Kind.BEARER:
        parts.append(byte_string(envelope.secret))
    elif envelope.kind is Kind.PRESENTATION:
        parts += byte_string(envelope.proof), _array(envelope.discharges)
    return b"".join(parts)


def parse(data: bytes) -> Envelope:
    """Frame an envelope; nothing of it is trusted yet.

    Raises:
        TokenError: LIMIT_EXCEEDED for size or count; UNSUPPORTED_VERSION for another envelope number;
            TRUNCATED, NOT_CANONICAL, MALFORMED.
    """
    kind = _HEADS.get(data[:2])
    if len(data) > (PRESENTATION_BYTES if kind is Kind.PRESENTATION else TOKEN_BYTES):
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(data)} bytes")
    try:
        if kind is None:
            raise _UnframedError
        blocks, at = _read_array(data, 2, BLOCKS)
        if kind is Kind.TOKEN and blocks and at == len(data):
            return Envelope(kind, blocks)
        if kind is Kind.BEARER and blocks:
            secret, at = _read_bytes(data, at)
            if len(secret) == SECRET_BYTES and at == len(data):
                return Envelope(kind, blocks, secret)
        if kind is Kind.PRESENTATION and blocks:
            if at - 2 > TOKEN_BYTES:
                raise TokenError(Reason.LIMIT_EXCEEDED, f"a chain of {at - 2} bytes")
            proof, at = _read_bytes(data, at)
            discharges, at = _read_array(data, at, DISCHARGES)
            if at == len(data):
                return Envelope(kind, blocks, b"", proof, discharges)
    except (_UnframedError, IndexError):
        pass
    _say_what_is_wrong(data)


def read_proof(data: bytes, rest: bytes) -> bytes | None:
    """Read a proof and no discharges behind `rest`, the last bytes of remembered blocks; `None` for anything else."""
    try:
        proof, at = _read_bytes(data, len(rest))
    except (_UnframedError, IndexError):
        return None
    return proof if data.startswith(rest) and data[at:] == b"\x80" else None


def build_revocations(signed: bytes) -> bytes:
    """Encode the envelope of a revocation list."""
    return bytes((0x82, REVOCATIONS)) + byte_string(signed)


def parse_revocations(data: bytes) -> bytes:
    """Frame a revocation list: give its COSE_Sign1, of which nothing is trusted yet.

    A long one is framed by its head alone. What does not fit is decoded, to say by name what is wrong with it, only up
    to 65,540 bytes: to decode 4 MiB of small items takes seconds, and anybody can send them.

    Raises:
        TokenError: LIMIT_EXCEEDED for size; UNSUPPORTED_VERSION for another envelope number; TRUNCATED,
            NOT_CANONICAL, MALFORMED.
    """
    size = len(data)
    if size > REVOCATIONS_BYTES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{size} bytes")
    if size > _SHORT_LIST_BYTES:
        return _long_list(data)
    match cbor.decode(data):
        case [int() as number, bytes() as signed] if type(number) is int and number == REVOCATIONS:
            return signed
        case [int() as number, *_] if type(number) is int and number != REVOCATIONS:
            raise TokenError(Reason.UNSUPPORTED_VERSION, f"envelope {number}")
    raise TokenError(Reason.MALFORMED, "not a revocation list of this format")


def _long_list(data: bytes) -> bytes:
    """Give what is in `[6, bstr]` where that is more than 65,535 bytes; no other head can be so long."""
    if data.startswith(_LONG_LIST):
        end = _LONG_LIST_BYTES + int.from_bytes(data[len(_LONG_LIST) : _LONG_LIST_BYTES])
        if end == len(data):
            return data[_LONG_LIST_BYTES:]
        if end > len(data):
            raise TokenError(Reason.TRUNCATED, "the bytes end inside an item")
    is_array = 0x80 < data[0] < 0x80 + _ONE_BYTE_COUNT
    if is_array and data[1] < _ONE_BYTE_COUNT and data[1] != REVOCATIONS:
        raise TokenError(Reason.UNSUPPORTED_VERSION, f"envelope {data[1]}")
    raise TokenError(Reason.MALFORMED, "not a revocation list of this format")


def _array(items: tuple[bytes, ...]) -> bytes:
    return cbor.head(0x80, len(items)) + b"".join(map(byte_string, items))


def _read_array(data: bytes, at: int, most: int) -> tuple[tuple[bytes, ...], int]:
    count = data[at] - 0x80
    if not 0 <= count < _ONE_BYTE_COUNT:
        raise _UnframedError
    if count > most:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{count} items where {most} are the most")
    items = []
    at += 1
    size = len(data)
    for _ in range(count):
        # The commonest heads without a call, which saves 0.2 µs a block.
        if data[at] == 0x58 and data[at + 1] > _SHORT_BYTES:
            start = at + 2
            end = start + data[at + 1]
            if end > size:
                raise _UnframedError
            items.append(data[start:end])
            at = end
        else:
            item, at = _read_bytes(data, at)
            items.append(item)
    return tuple(items), at


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Read one byte string with a minimal head, and say where it ends."""
    head = data[at]
    if head == 0x58:
        length = data[at + 1]
        start = at + 2
        minimal = length > 23
    elif head == 0x59:
        length = data[at + 1] << 8 | data[at + 2]
        start = at + 3
        minimal = length > 255
    else:
        length = head - 0x40
        start = at + 1
        minimal = 0 <= length < _ONE_BYTE_COUNT
    end = start + length
    if not minimal or end > len(data):
        raise _UnframedError
    return data[start:end], end


def _say_what_is_wrong(data: bytes) -> NoReturn:
    """Decode what did not fit the exact bytes, and refuse it by name."""
    match cbor.decode(data):
        case [int() as number, *_] if type(number) is int and number not in set(Kind):
            raise TokenError(Reason.UNSUPPORTED_VERSION, f"envelope {number}")
        case [_, list() as blocks, *_] if len(blocks) > BLOCKS:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(blocks)} blocks")
        case [3, _, _, list() as discharges] if len(discharges) > DISCHARGES:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(discharges)} discharges")
    raise TokenError(Reason.MALFORMED, "not an envelope of this format")
