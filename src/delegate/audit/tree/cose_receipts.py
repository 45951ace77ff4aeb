"""Receipts of inclusion as others' tools read them (RFC 9942): a COSE_Sign1 over the root, with the path beside it.

    18([<<{1: -8 or -19, 395: 1}>>, {396: {-1: [<<[size, index, [hash, …]]>>]}}, null, signature])

The rules of this file:

- This is the one place with a tag, and with labels of more than one byte: it is written and read byte by byte here, and
  nowhere else are such bytes taken.
- What is signed cannot be taken for the text of a note: it is no UTF-8. So the log's own key may sign it.
- There is one way to write a receipt: reading takes it apart, writes it again and compares.
"""

from __future__ import annotations

from typing import Final, NamedTuple, NoReturn

from delegate.audit.tree.merkle import PROOF_HASHES, SIZE_MAX, check_inclusion
from delegate.audit.tree.notes import NoteKey, NoteSigner, Use
from delegate.core.keys import ed25519
from delegate.errors import Reason, TokenError, VerificationError

EDDSA: Final = -8
ED25519: Final = -19
RECEIPT_BYTES: Final = 4096
# {1: alg, 395: 1}: the header says which tree it is, RFC9162_SHA256.
_HEADERS: Final = {EDDSA: bytes.fromhex("a2 01 27 19018b 01"), ED25519: bytes.fromhex("a2 01 32 19018b 01")}
_PROOFS: Final = bytes.fromhex("a1 19018c a1 20 81")  # {396: {-1: [


class CoseReceipt(NamedTuple):
    """A receipt of inclusion, which nobody has checked.

    Attributes:
        algorithm: -8 (EdDSA) or -19 (Ed25519): the same signature.
        size, place: how many entries the tree has, and which of them it is.
        hashes: from the leaf's sibling up.
        signature: over the root.
    """

    algorithm: int
    size: int
    place: int
    hashes: tuple[bytes, ...]
    signature: bytes

    def encode(self) -> bytes:
        """Write it."""
        path = _head(4, len(self.hashes)) + b"".join(_bytes(each) for each in self.hashes)
        proof = b"\x83" + _head(0, self.size) + _head(0, self.place) + path
        header = _bytes(_HEADERS[self.algorithm])
        return b"\xd2\x84" + header + _PROOFS + _bytes(proof) + b"\xf6" + _bytes(self.signature)

    @classmethod
    def parse(cls, data: bytes) -> CoseReceipt:
        """Read it.

        Raises:
            TokenError: MALFORMED, UNSUPPORTED_ALGORITHM, LIMIT_EXCEEDED.
        """
        if len(data) > RECEIPT_BYTES:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"a receipt of {len(data)} bytes")
        reader = _Reader(data)
        reader.expect(b"\xd2\x84")
        header = reader.byte_string()
        algorithm = next((each for each, bytes_ in _HEADERS.items() if bytes_ == header), None)
        if algorithm is None:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a receipt of another algorithm, or of another kind of tree")
        reader.expect(_PROOFS)
        inner = _Reader(reader.byte_string())
        inner.expect(b"\x83")
        size, place = inner.number(0), inner.number(0)
        count = inner.number(4)
        if count > PROOF_HASHES or size > SIZE_MAX or place > SIZE_MAX:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"a receipt with a path of {count} hashes")
        hashes = tuple(inner.byte_string() for _ in range(count))
        inner.end()
        reader.expect(b"\xf6")
        signature = reader.byte_string()
        reader.end()
        found = cls(algorithm, size, place, hashes, signature)
        if found.encode() != data:
            _malformed()
        return found

    def check(self, leaf: bytes, root: bytes, log: NoteKey) -> None:
        """Check that the log signed this root, and that the leaf is in its tree.

        Args:
            leaf: the entry's leaf hash.
            root: of the tree of `size` entries, as a checkpoint of that size has it.
            log: the log's key.

        Raises:
            VerificationError: BAD_SIGNATURE.
        """
        check_inclusion(leaf, self.place, self.size, self.hashes, root)
        if log.use is not Use.LOG or not ed25519.check(log.raw, signed_bytes(self.algorithm, root), self.signature):
            raise VerificationError(Reason.BAD_SIGNATURE, "the receipt's signature does not hold")


def make(
    signer: NoteSigner, root: bytes, size: int, place: int, hashes: tuple[bytes, ...], algorithm: int = EDDSA
) -> CoseReceipt:
    """Sign a receipt for an entry; what is signed is the root alone.

    Raises:
        ValueError: the key is a witness's.
    """
    if signer.key.use is not Use.LOG:
        message = "a receipt of inclusion is signed by the log's key"
        raise ValueError(message)
    return CoseReceipt(algorithm, size, place, hashes, signer.sign_structure(signed_bytes(algorithm, root)))


def signed_bytes(algorithm: int, root: bytes) -> bytes:
    """Give the Sig_structure: the payload is the root, which does not travel (RFC 9942)."""
    return b"\x84\x6aSignature1" + _bytes(_HEADERS[algorithm]) + b"\x40" + _bytes(root)


class _Reader:
    """Reads the few kinds of CBOR that a receipt has, each in its shortest form."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def expect(self, known: bytes) -> None:
        """Take exactly these bytes."""
        if self._data[self._at : self._at + len(known)] != known:
            _malformed()
        self._at += len(known)

    def number(self, major: int) -> int:
        """Take a head of this major type, and give its number."""
        if self._at >= len(self._data):
            raise TokenError(Reason.TRUNCATED, "the receipt ends too early")
        first = self._data[self._at]
        self._at += 1
        if first >> 5 != major or first & 31 > 27:
            _malformed()
        if first & 31 < 24:
            return first & 31
        length = 1 << (first & 3)
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise TokenError(Reason.TRUNCATED, "the receipt ends too early")
        self._at += length
        return int.from_bytes(taken)

    def byte_string(self) -> bytes:
        """Take a byte string."""
        length = self.number(2)
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise TokenError(Reason.TRUNCATED, "the receipt ends too early")
        self._at += length
        return taken

    def end(self) -> None:
        """Refuse what is left over."""
        if self._at != len(self._data):
            _malformed()


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for length_log2, bound in enumerate((1 << 8, 1 << 16, 1 << 32, 1 << 64)):
        if number < bound:
            return bytes((major << 5 | 24 + length_log2,)) + number.to_bytes(1 << length_log2)
    message = "a number beyond 64 bits"
    raise ValueError(message)


def _bytes(data: bytes) -> bytes:
    return _head(2, len(data)) + data


def _malformed() -> NoReturn:
    raise TokenError(Reason.MALFORMED, "not a receipt of inclusion (RFC 9942)")
