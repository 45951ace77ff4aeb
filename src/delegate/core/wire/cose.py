"""COSE_Sign1 (RFC 9052) as this format uses it: four exact headers, nothing unprotected (SPEC §3.3).

    signed    = bstr .cbor [protected: bstr, {}, payload: bstr, signature: bstr]
    protected = {1: alg} or {1: alg, 4: kid}

The rules of this file:

- What is signed is the bytes as they travel: the Sig_structure is put together from slices of them.
- The protected header is one of a few exact byte strings; the unprotected map is empty.
- A block is read by its exact bytes, every byte accounted for; what does not fit is decoded the slow way
  to say by name what is wrong with it.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple, NoReturn

from delegate.core.wire import cbor
from delegate.errors import Reason, TokenError

ED25519: Final = -19
ESP256: Final = -9
SIGNATURE_BYTES: Final = 64  # for both algorithms
KID_BYTES: Final = 8
THUMBPRINT_BYTES: Final = 32

_CONTEXT: Final = b"\x84\x6aSignature1"
_ALG_HEAD: Final = {ED25519: b"\x01\x32", ESP256: b"\x01\x28"}
_ALGORITHM: Final = {0x32: ED25519, 0x28: ESP256}
# {1: alg}, as a byte string within the array
_BARE: Final = {b"\x43\xa1" + head: algorithm for algorithm, head in _ALG_HEAD.items()}
_COMMON_HEAD: Final = bytes.fromhex("84 43a10132 a0 58")
_COMMON_BYTES: Final = len(_COMMON_HEAD)
_COMMON_ITEM: Final = _COMMON_BYTES - 1  # where the payload's item begins
_FIRST_HEAD: Final = bytes.fromhex("84 5826 a20132045820")
_FIRST_ITEM: Final = len(_FIRST_HEAD) + THUMBPRINT_BYTES + 1
# The head of a Sig_structure under that header.
COMMON_STRUCTURE: Final = _CONTEXT + _COMMON_HEAD[1:5]
_LIST_PAYLOAD: Final = 42  # where the payload begins behind a header with a whole thumbprint
_DECODED_BYTES: Final = 65_535  # to decode 4 MiB of small items takes seconds
_BARE_HEADERS: Final = {algorithm: header for header, algorithm in _BARE.items()}


class Signed(NamedTuple):
    """One COSE_Sign1, framed and not yet checked. A tuple: saves 2 µs a block over a frozen dataclass."""

    algorithm: int
    kid: bytes  # empty where the header has none
    protected: bytes  # with its byte string head
    payload: bytes
    payload_item: bytes  # with its byte string head
    signature: bytes


def byte_string(data: bytes) -> bytes:
    """Encode a byte string."""
    return cbor.head(0x40, len(data)) + data


def text_string(text: str) -> bytes:
    """Encode a text."""
    raw = text.encode()
    return cbor.head(0x60, len(raw)) + raw


def protected_header(algorithm: int, kid: bytes = b"") -> bytes:
    """Encode the protected header, with its byte string head."""
    if not kid:
        return _BARE_HEADERS[algorithm]
    return byte_string(b"\xa2" + _ALG_HEAD[algorithm] + b"\x04" + byte_string(kid))


def sig_structure(protected: bytes, aad: bytes, payload_item: bytes) -> bytes:
    """Put together what is signed; `protected` and `payload_item` with their heads, `aad` as a byte string item."""
    return _CONTEXT + protected + aad + payload_item


def structure_id(structure: bytes) -> bytes:
    """Name what was signed, and with it all that its aad names: SHA-256 of the Sig_structure.

    The signature is not in it, so a second signature over the same bytes is the same block.
    """
    return hashlib.sha256(structure).digest()


def assemble(protected: bytes, payload_item: bytes, signature: bytes) -> bytes:
    """Encode one COSE_Sign1, without the byte string head around it."""
    return b"\x84" + protected + b"\xa0" + payload_item + b"\x58\x40" + signature


def frame_common(data: bytes) -> tuple[bytes, bytes] | None:
    """Frame the commonest COSE_Sign1: Ed25519, no kid, a payload of 24 to 255 bytes; `None` for any other.

    Saves 0.4 µs a block over `open_signed`, which takes it too; a test holds the two to the same parts.

    Returns:
        The payload with its byte string head of two bytes, and the signature.
    """
    if not data.startswith(_COMMON_HEAD) or len(data) < _COMMON_BYTES + 2:
        return None
    end = data[_COMMON_BYTES] + _COMMON_BYTES + 1
    if end < _COMMON_BYTES + 25 or len(data) != end + 2 + SIGNATURE_BYTES or data[end : end + 2] != b"\x58\x40":
        return None
    return data[_COMMON_ITEM:end], data[end + 2 :]


def frame_first(data: bytes) -> Signed | None:
    """Frame a COSE_Sign1 under Ed25519 with a whole thumbprint for a kid; `None` for any other.

    Saves 0.7 µs a chain over `open_signed`, which takes it too; a test holds the two to the same parts.
    """
    if not data.startswith(_FIRST_HEAD) or len(data) < _FIRST_ITEM + 3:
        return None
    start = _FIRST_ITEM + 2
    end = start + data[start - 1]
    least = 24
    if data[_FIRST_ITEM] == 0x59:
        start += 1
        end = start + (data[start - 2] << 8 | data[start - 1])
        least = 256
    elif data[_FIRST_ITEM] != 0x58:
        return None
    if end < start + least or len(data) != end + 2 + SIGNATURE_BYTES or data[end : end + 2] != b"\x58\x40":
        return None
    if data[_FIRST_ITEM - 1] != 0xA0:
        return None
    kid = data[_FIRST_ITEM - 1 - THUMBPRINT_BYTES : _FIRST_ITEM - 1]
    return Signed(ED25519, kid, data[1 : _FIRST_ITEM - 1], data[start:end], data[_FIRST_ITEM:end], data[end + 2 :])


def open_signed(data: bytes) -> Signed:
    """Frame one COSE_Sign1; nothing of it is trusted yet.

    Args:
        data: the content of the byte string around it.

    Raises:
        TokenError: UNSUPPORTED_ALGORITHM for another or no `alg`; MALFORMED, TRUNCATED, NOT_CANONICAL.
    """
    # 84 43 A1 01 alg A0 <payload> 58 40 <signature>: saves 8 µs a block over decoding the array.
    try:
        algorithm = _BARE.get(data[1:5])
        kid = b""
        at = 5
        if algorithm is None:
            algorithm, kid, at = _header_with_kid(data)
        head = data[at + 1]
        if head == 0x58:
            start = at + 3
            end = start + data[at + 2]
            minimal = end - start > 23
        elif head == 0x59:
            start = at + 4
            end = start + (data[at + 2] << 8 | data[at + 3])
            minimal = end - start > 255
        else:
            raise IndexError
        if (
            minimal
            and data[0] == 0x84
            and data[at] == 0xA0
            and data[end : end + 2] == b"\x58\x40"
            and len(data) == end + 2 + SIGNATURE_BYTES
        ):
            return Signed(algorithm, kid, data[1:at], data[start:end], data[at + 1 : end], data[end + 2 :])
    except IndexError:
        pass
    _say_what_is_wrong(data)


def open_list(data: bytes) -> Signed:
    """Frame the COSE_Sign1 of a revocation list: its header has a whole thumbprint, its payload may be a long one.

    Raises:
        TokenError: as `open_signed`; MALFORMED for a header without the signer's thumbprint.
    """
    if data[_LIST_PAYLOAD : _LIST_PAYLOAD + 1] != b"\x5a":
        signed = open_signed(data)
        if len(signed.kid) != THUMBPRINT_BYTES:
            raise TokenError(Reason.MALFORMED, "kid is not the signer's thumbprint")
        return signed
    try:
        algorithm, kid, at = _header_with_kid(data)
        start = at + 6
        end = start + int.from_bytes(data[at + 2 : start])
        if (
            at + 1 == _LIST_PAYLOAD
            and end - start > 65_535
            and data[0] == 0x84
            and data[at] == 0xA0
            and data[end : end + 2] == b"\x58\x40"
            and len(data) == end + 2 + SIGNATURE_BYTES
        ):
            return Signed(algorithm, kid, data[1:at], data[start:end], data[at + 1 : end], data[end + 2 :])
    except IndexError:
        pass
    _say_what_is_wrong(data)


def _header_with_kid(data: bytes) -> tuple[int, bytes, int]:
    """Read `{1: alg, 4: kid}` with a kid of 8 or 32 bytes: algorithm, kid, and where the header ends."""
    if data[1:4] == b"\x4d\xa2\x01" and data[5:7] == b"\x04\x48":
        at = 7 + KID_BYTES
    elif data[1:5] == b"\x58\x26\xa2\x01" and data[6:9] == b"\x04\x58\x20":
        at = 9 + THUMBPRINT_BYTES
    else:
        raise IndexError
    algorithm = _ALGORITHM.get(data[4] if at == 7 + KID_BYTES else data[5])
    if algorithm is None:
        raise IndexError
    return algorithm, data[at - (KID_BYTES if at == 7 + KID_BYTES else THUMBPRINT_BYTES) : at], at


def _say_what_is_wrong(data: bytes) -> NoReturn:
    """Decode what did not fit the exact bytes, and refuse it by name; what only a long list can be is not decoded."""
    if len(data) > _DECODED_BYTES:
        raise TokenError(Reason.MALFORMED, "not a COSE_Sign1 of this format")
    match cbor.decode(data):
        case [bytes() as protected, dict() as unprotected, bytes(), bytes() as signature]:
            header = cbor.decode(protected)
            if unprotected:
                raise TokenError(Reason.MALFORMED, "an unprotected header")
            if not isinstance(header, dict) or not header.keys() <= {1, 4}:
                raise TokenError(Reason.MALFORMED, "a protected header with other labels than alg and kid")
            if type(header.get(1)) is not int or header[1] not in _ALG_HEAD:
                raise TokenError(Reason.UNSUPPORTED_ALGORITHM, f"alg is {_shown(header.get(1))}")
            if len(signature) != SIGNATURE_BYTES:
                raise TokenError(Reason.MALFORMED, f"a signature of {len(signature)} bytes")
    raise TokenError(Reason.MALFORMED, "not a COSE_Sign1 of this format")


def _shown(algorithm: object) -> str:
    return str(algorithm) if type(algorithm) is int else "absent" if algorithm is None else "not an integer"
