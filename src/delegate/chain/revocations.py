"""Revocation lists: signed records of blocks and keys that no longer count (SPEC §10.2).

The rules of this file:

- A list whose signature does not hold never becomes an object.
- A list vouches for nobody: it brings its signer's key, and a record counts only where that very key has a say.
- Records only ever add. A longer list keeps what a shorter one said; a block's may go once its chain is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Self

from delegate.chain.identity import Identity
from delegate.chain.records import Feed, Record, RevokedBlock, RevokedKey, joined
from delegate.chain.text import is_plain, shown
from delegate.chain.times import Duration, Instant, instant, seconds
from delegate.errors import Reason, TokenError
from delegate.keys import PublicKey, is_name
from delegate.limits import INTEGER_MAX, REVOCATIONS, TIME_MAX, WHY_CHARACTERS
from delegate.wire import armor, cbor, cose, envelope

__all__ = ["Feed", "Record", "RevocationList", "RevokedBlock", "RevokedKey"]

# With the head of a byte string of 23 + 32 bytes.
_AAD: Final = b"\x58\x37delegate/1 revocations\0"
_ISS, _EXP, _IAT, _CNF = 1, 4, 6, 8
_TYPES: Final[dict[object, type]] = {
    _ISS: str, _EXP: int, _IAT: int, _CNF: dict, "seq": int, "keys": list, "blocks": list,
}  # fmt: skip
_NEEDED: Final = (_ISS, _EXP, _IAT, _CNF, "seq")
_SUBJECT_BYTES: Final = 32
# How long a block stays listed after its chain is over by the signer's clock: some verifier's runs late.
_KEPT_S: Final = 86_400
_LIFE: Final = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """What one signer takes back, signed. Made by `parse`, `make` and `merge`, and by nothing else.

    Attributes:
        issuer: the name that the signer gives itself: nobody has vouched for it.
        public_key: the signer's, under which the list holds.
        sequence: of two lists of one signer the greater is the newer; from 1.
        issued, expires: when it was made, and until when it may be relied on, Unix seconds.
        records: keys before blocks, each by their 32 bytes; none twice.
        data: the bytes that travel.
    """

    issuer: str
    public_key: PublicKey
    sequence: int
    issued: int
    expires: int
    records: tuple[Record, ...] = field(repr=False)
    data: bytes = field(repr=False)

    @classmethod
    def parse(cls, source: str | bytes) -> Self:
        """Read a list, text or bytes, and check its signature.

        Answers "did this key say so?", never "does it count?", and never "is it fresh?": no clock is read.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION, UNKNOWN_CLAIM,
                UNSUPPORTED_ALGORITHM.
            VerificationError: WEAK_KEY, BAD_SIGNATURE.

        Cost: one signature check, and about 2 µs a record. Source: SPEC §10.2.
        """
        if not isinstance(source, (str, bytes)):
            message = f"a revocation list is text or bytes, not {type(source).__name__}"
            raise TypeError(message)
        data = armor.decode_revocations(source) if isinstance(source, str) else source
        signed = cose.open_list(envelope.parse_revocations(data))
        # The key is within: so what is decoded is framed before the signature held, and read after.
        claims = cbor.decode(signed.payload)
        if not isinstance(claims, dict):
            _malformed("the claims are not a map")
        key = _key(claims.get(_CNF))
        if key.thumbprint != signed.kid:
            _malformed("the header names another key than the list brings")
        if key.algorithm != signed.algorithm:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "alg is not that of the key")
        key.verify(cose.sig_structure(signed.protected, _AAD + signed.kid, signed.payload_item), signed.signature)
        _check_claims(claims)
        return cls(
            issuer=claims[_ISS],
            public_key=key,
            sequence=claims["seq"],
            issued=claims[_IAT],
            expires=claims[_EXP],
            records=(
                *_records(claims.get("keys", ()), key.thumbprint, is_key=True),
                *_records(claims.get("blocks", ()), key.thumbprint, is_key=False),
            ),
            data=data,
        )

    @classmethod
    def make(
        cls,
        identity: Identity,
        *,
        blocks: Iterable[RevokedBlock] = (),
        keys: Iterable[RevokedKey] = (),
        previous: RevocationList | None = None,
        after: int = 0,
        ttl: Duration = _LIFE,
        now: Instant | None = None,
    ) -> Self:
        """Sign a list; with `previous`, the next one, which keeps its records.

        A block is left out once its chain has been over for a day; a key never. Without blocks and keys the list
        says that there is nothing new as of now.

        Args:
            identity: who signs. A list counts only where its key has a say.
            blocks: what to revoke. One that is listed already keeps the later `until`.
            keys: the same; one that is listed already keeps the earlier `since`.
            previous: this identity's newest list.
            after: the greatest sequence that verifiers have seen of it, where that list is lost.
            ttl: for how long verifiers may rely on it; sign the next one before.
            now: the moment to start from; the system's clock if absent.

        Raises:
            ValueError: an argument out of its bounds; `previous` is another signer's.
            TokenError: LIMIT_EXCEEDED: more than a list holds.

        Cost: one signature and one check.
        """
        given = [_block_record(identity, block) for block in blocks] + [_key_record(identity, key) for key in keys]
        return cls._next(identity, () if previous is None else (previous,), given, after, ttl, now)

    @classmethod
    def merge(
        cls,
        identity: Identity,
        lists: Iterable[RevocationList],
        *,
        ttl: Duration = _LIFE,
        now: Instant | None = None,
    ) -> Self:
        """Sign one list with the records of several of this identity's, newer than each; raises as `make`.

        What others have revoked is theirs to say: under this signature it might count where theirs does not.
        """
        found = tuple(lists)
        if not found:
            message = "no lists to merge"
            raise ValueError(message)
        return cls._next(identity, found, (), 0, ttl, now)

    @classmethod
    def _next(
        cls,
        identity: Identity,
        earlier: tuple[RevocationList, ...],
        given: Iterable[Record],
        after: int,
        ttl: Duration,
        now: Instant | None,
    ) -> Self:
        key = identity.public_key
        if any(each.public_key != key for each in earlier):
            message = "the list is another signer's"
            raise ValueError(message)
        at = int(time.time()) if now is None else instant(now)
        until = min(at + seconds(ttl), TIME_MAX)
        sequence = max((after, *(each.sequence for each in earlier))) + 1
        if sequence > INTEGER_MAX or until <= at:
            message = "no later list can follow"
            raise ValueError(message)
        newest_first = sorted(earlier, key=lambda each: each.sequence, reverse=True)
        kept = joined((*given, *(record for each in newest_first for record in each.records)))
        payload = _encode(identity, sequence, at, until, [record for record in kept if record.until + _KEPT_S >= at])
        protected = cose.protected_header(key.algorithm, key.thumbprint)
        item = cose.byte_string(payload)
        signature = identity.signer.sign(cose.sig_structure(protected, _AAD + key.thumbprint, item))
        return cls.parse(envelope.build_revocations(cose.assemble(protected, item, signature)))

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
    for name, value in claims.items():
        if name not in _TYPES:
            raise TokenError(Reason.UNKNOWN_CLAIM, f"claim `{shown(str(name))}`")
        if type(value) is not _TYPES[name]:
            _malformed(f"claim `{name}` is not of its type")
    if any(name not in claims for name in _NEEDED):
        _malformed("a list needs iss, exp, iat, cnf and seq")
    if not is_name(claims[_ISS]):
        _malformed(f"not a name: `{shown(claims[_ISS])}`")
    if not 0 <= claims[_IAT] < claims[_EXP] <= TIME_MAX:
        _malformed("iat is not before exp, or out of range")
    if not 0 < claims["seq"] <= INTEGER_MAX:
        _malformed("seq is out of range")
    count = len(claims.get("keys", ())) + len(claims.get("blocks", ()))
    if count > REVOCATIONS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{count} records")


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
        if type(subject) is not bytes or len(subject) != _SUBJECT_BYTES:
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


def _encode(identity: Identity, sequence: int, issued: int, expires: int, records: Iterable[Record]) -> bytes:
    key = identity.public_key
    claims: dict[int | str, object] = {
        _ISS: identity.name, _EXP: expires, _IAT: issued, _CNF: {1: key.cose_map}, "seq": sequence,
    }  # fmt: skip
    for record in records:
        entries = claims.setdefault("keys" if record.is_key else "blocks", [])
        entry: list[object] = [record.subject, record.since if record.is_key else record.until]
        entries.append([*entry, record.why] if record.why else entry)  # type: ignore[attr-defined]
    return cbor.encode_sorted(claims)


def _block_record(identity: Identity, block: RevokedBlock) -> Record:
    _check_given(block.id, block.until, block.why)
    return Record(block.id, identity.public_key.thumbprint, False, 0, block.until, block.why)


def _key_record(identity: Identity, key: RevokedKey) -> Record:
    _check_given(key.thumbprint, key.since, key.why)
    return Record(key.thumbprint, identity.public_key.thumbprint, True, key.since, TIME_MAX, key.why)


def _check_given(subject: bytes, moment: int, why: str) -> None:
    if type(subject) is not bytes or len(subject) != _SUBJECT_BYTES:
        message = "a block id and a thumbprint are 32 bytes"
        raise ValueError(message)
    instant(moment)
    if len(why) > WHY_CHARACTERS or not is_plain(why):
        message = f"why is at most {WHY_CHARACTERS} characters, none of them a control or format character"
        raise ValueError(message)
