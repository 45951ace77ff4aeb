"""Revocation lists: signed records of blocks and keys that no longer count (SPEC §10.2).

The rules of this file:

- A list whose signature does not hold never becomes an object.
- A list vouches for nobody: it brings its signer's key, and a record counts only where that very key has a say.
- Anybody can send one, of any content: of a long one no more is decoded than says whose it is. Its records are read
  after its signature held, byte by byte, and the first that is none ends it.
- Records only ever add. A longer list keeps what a shorter one said; a block's may go once its chain is over.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Self

from delegate.core.chain.printable import is_plain, shown
from delegate.core.keys.names import is_name
from delegate.core.keys.public import PublicKey
from delegate.core.wire import armor, cbor, cose, envelope
from delegate.errors import Reason, TokenError
from delegate.frozen import Frozen
from delegate.limits import INTEGER_MAX, REVOCATIONS, TIME_MAX, WHY_CHARACTERS

# With the head of a byte string of 23 + 32 bytes.
AAD: Final = b"\x58\x37delegate/1 revocations\0"
ISS, EXP, IAT, CNF = 1, 4, 6, 8
_TYPES: Final[dict[object, type]] = {
    ISS: str, EXP: int, IAT: int, CNF: dict, "seq": int, "keys": list, "blocks": list,
}  # fmt: skip
_NEEDED: Final = (ISS, EXP, IAT, CNF, "seq")
SUBJECT_BYTES: Final = 32
_LONG_PAYLOAD: Final = 65_536  # bytes, from here on: what has the longer head in the COSE_Sign1
_FIRST_ITEMS: Final = 64  # of iss, exp, iat, cnf and seq: some 20, whatever the key
_ARRAYS: Final = {"keys": b"\x64keys", "blocks": b"\x66blocks"}
_SUBJECT_HEAD: Final = b"\x58\x20"


class Record(NamedTuple):
    """One revocation, and whose word it is.

    Attributes:
        subject: 32 bytes: the id of a block, or the thumbprint of a key.
        signer: thumbprint of who signed the list.
        is_key: whether the subject is a key.
        since: of a key: from which moment on its signatures do not count, Unix seconds; 0: from the beginning.
        until: of a block: when its chain is over anyway and the record may go; of a key: never, `TIME_MAX`.
        why: for people; may be empty.
    """

    subject: bytes
    signer: bytes
    is_key: bool
    since: int
    until: int
    why: str = ""


class Feed(NamedTuple):
    """How fresh one signer's word is.

    Attributes:
        signer: thumbprint of who signs the lists.
        sequence: of the newest list, from 1.
        issued: when it was made, Unix seconds.
        expires: until when it may be relied on.
    """

    signer: bytes
    sequence: int
    issued: int
    expires: int


class RevocationList(Frozen):
    """What one signer takes back, signed. Made by `parse`, and by nothing else; `Identity.revoke` signs one.

    Attributes:
        issuer: the name that the signer gives itself: nobody has vouched for it.
        public_key: the signer's, under which the list holds.
        sequence: of two lists of one signer the greater is the newer; from 1.
        issued, expires: when it was made, and until when it may be relied on, Unix seconds.
        records: keys before blocks, each by their 32 bytes; none twice.
        data: the bytes that travel.
    """

    __slots__ = ("issuer", "public_key", "sequence", "issued", "expires", "records", "data")  # noqa: RUF023 - as printed
    UNSHOWN: ClassVar = frozenset({"records", "data"})

    issuer: str
    public_key: PublicKey
    sequence: int
    issued: int
    expires: int
    records: tuple[Record, ...]
    data: bytes

    @classmethod
    def parse(cls, source: str | bytes) -> Self:
        """Read a list, text or bytes, and check its signature.

        Answers "did this key say so?", never "does it count?", and never "is it fresh?": no clock is read.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION, UNKNOWN_CLAIM,
                UNSUPPORTED_ALGORITHM.
            VerificationError: WEAK_KEY, BAD_SIGNATURE.

        Cost: one signature check, and about 2 µs a record of what its signer signed. Source: SPEC §10.2.
        """
        if not isinstance(source, (str, bytes)):
            message = f"a revocation list is text or bytes, not {type(source).__name__}"
            raise TypeError(message)
        if isinstance(source, bytes) and source.lstrip()[:3] == b"dlg":  # text, as a file gives it
            source = source.decode("latin-1")
        data = armor.decode_revocations(source) if isinstance(source, str) else source
        signed = cose.open_list(envelope.parse_revocations(data))
        # The key is within: so what is decoded is framed before the signature held, and read after.
        behind = _first_claims(signed.payload) if len(signed.payload) >= _LONG_PAYLOAD else 0
        claims = cbor.decode(b"\xa5" + signed.payload[1:behind] if behind else signed.payload)
        if not isinstance(claims, dict):
            _malformed("the claims are not a map")
        key = _key(claims.get(CNF))
        if key.thumbprint != signed.kid:
            _malformed("the header names another key than the list brings")
        if key.algorithm != signed.algorithm:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "alg is not that of the key")
        key.verify(cose.sig_structure(signed.protected, AAD + signed.kid, signed.payload_item), signed.signature)
        _check_claims(claims)
        if behind:
            records = _read_long(signed.payload, behind, key.thumbprint)
        else:
            records = (
                *_records(claims.get("keys", ()), key.thumbprint, is_key=True),
                *_records(claims.get("blocks", ()), key.thumbprint, is_key=False),
            )
        return cls(
            issuer=claims[ISS],
            public_key=key,
            sequence=claims["seq"],
            issued=claims[IAT],
            expires=claims[EXP],
            records=records,
            data=data,
        )

    @property
    def signer(self) -> bytes:
        """Thumbprint of the signer's key."""
        return self.public_key.thumbprint

    @property
    def feed(self) -> Feed:
        """How fresh this makes the signer's word."""
        return Feed(self.signer, self.sequence, self.issued, self.expires)

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return self.data

    def to_text(self) -> str:
        """Give the text form: `dlgr_` and base64url."""
        return armor.encode_revocations(self.data)


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)


def _key(confirmation: object) -> PublicKey:
    """Read `cnf`. Encoding it again shows `True` for `1`; the payload was canonical."""
    encoded = cbor.encode_sorted(confirmation)
    if encoded[:2] != b"\xa1\x01":
        _malformed("cnf is absent, or holds something other than a COSE_Key")
    return PublicKey.from_cose(encoded[2:])


def _check_claims(claims: dict[Any, Any]) -> None:
    for name in claims:
        if name not in _TYPES:
            raise TokenError(Reason.UNKNOWN_CLAIM, f"claim `{shown(str(name))}`")
    for name, value in claims.items():
        if type(value) is not _TYPES[name]:
            _malformed(f"claim `{name}` is not of its type")
    if any(name not in claims for name in _NEEDED):
        _malformed("a list needs iss, exp, iat, cnf and seq")
    if not is_name(claims[ISS]):
        _malformed(f"not a name: `{shown(claims[ISS])}`")
    if not 0 <= claims[IAT] < claims[EXP] <= TIME_MAX:
        _malformed("iat is not before exp, or out of range")
    if not 0 < claims["seq"] <= INTEGER_MAX:
        _malformed("seq is out of range")
    count = len(claims.get("keys", ())) + len(claims.get("blocks", ()))
    _check_count(count)


def _check_count(count: int) -> None:
    if count > REVOCATIONS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{count} records")


def _first_claims(data: bytes) -> int:
    """Say where the first five claims of a long payload end; what they are, decoding them tells."""
    if not 0xA5 <= data[0] <= 0xA5 + len(_ARRAYS):
        _not_of_form()
    at = 1
    left = 10
    for _ in range(_FIRST_ITEMS):
        kind, short = data[at] >> 5, data[at] & 31
        at += 1
        number = short
        if short >= 24:
            if short > 27:
                _not_of_form()
            start, at = at, at + (1 << short - 24)
            number = int.from_bytes(data[start:at])
        left -= 1
        if kind in {2, 3}:
            at += number
        elif kind in {4, 5}:
            left += number * (kind - 3)
        if at >= len(data):
            _not_of_form()
        if not left:
            return at
    _not_of_form()


def _read_long(data: bytes, at: int, signer: bytes) -> tuple[Record, ...]:
    """Read the arrays behind the first five claims of a long payload, which are all that is left of it."""
    found: list[Record] = []
    left = data[0] - 0xA5
    try:
        for name, key in _ARRAYS.items():
            if data.startswith(key, at):
                kind, count, at = _head(data, at + len(key))
                if kind != 4:
                    _not_of_form()
                _check_count(len(found) + count)
                entries, at = _entries(data, at, count)
                found += _records(entries, signer, is_key=name == "keys")
                left -= 1
    except (IndexError, UnicodeDecodeError):
        _not_of_form()
    if left or at != len(data):
        _not_of_form()
    return tuple(found)


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the shortest head of an item: its kind, its number, and where it ends."""
    kind, number = data[at] >> 5, data[at] & 31
    if number < 24:
        return kind, number, at + 1
    size = 1 << number - 24
    end = at + 1 + size
    number = int.from_bytes(data[at + 1 : end])
    if size > 8 or number < (24 if size == 1 else 1 << size * 4):
        _not_of_form()
    return kind, number, end


def _entries(data: bytes, at: int, count: int) -> tuple[list[list[object]], int]:
    """Read the records of one array of a long payload, and say where it ends."""
    found: list[list[object]] = []
    for _ in range(count):
        parts = data[at] - 0x80
        if parts not in {2, 3} or not data.startswith(_SUBJECT_HEAD, at + 1):
            _not_of_form()
        subject = data[at + 3 : at + 3 + SUBJECT_BYTES]
        kind, moment, at = _head(data, at + 3 + SUBJECT_BYTES)
        entry: list[object] = [subject, moment]
        if parts == 3:
            why_kind, size, at = _head(data, at)
            kind |= why_kind ^ 3
            entry.append(data[at : at + size].decode())
            at += size
        if kind:  # the time is not an integer from 0, or why not a text
            _not_of_form()
        found.append(entry)
    return found, at


def _not_of_form() -> NoReturn:
    _malformed("a long list is not of its form")


def _records(entries: Any, signer: bytes, *, is_key: bool) -> list[Record]:  # noqa: ANN401 - what was decoded
    """Read `keys` or `blocks`: `[subject, time]` or `[subject, time, why]`, strictly by their subjects."""
    if type(entries) is list and not entries:
        _malformed("an empty list of records")
    found = []
    last = b""
    for entry in entries:
        if type(entry) is not list or len(entry) not in {2, 3}:
            _malformed("a record is not [subject, time] or [subject, time, why]")
        subject, moment = entry[:2]
        why = entry[2] if len(entry) == 3 else ""
        if type(subject) is not bytes or len(subject) != SUBJECT_BYTES:
            _malformed("what is revoked is not 32 bytes")
        if subject <= last:
            raise TokenError(Reason.NOT_CANONICAL, "records out of order")
        last = subject
        if type(moment) is not int or not 0 <= moment <= TIME_MAX:
            _malformed("a record's time is out of range")
        if type(why) is not str or (len(entry) == 3 and not why) or not is_plain(why):
            _malformed("why is empty or holds a control or format character")
        if len(why) > WHY_CHARACTERS:
            raise TokenError(Reason.LIMIT_EXCEEDED, f"why has {len(why)} characters")
        found.append(Record(subject, signer, is_key, moment if is_key else 0, TIME_MAX if is_key else moment, why))
    return found
