"""Signing revocation lists: what somebody takes back, in the next list of theirs (SPEC §10.2).

The rules of this file:

- Records only ever add. The next list keeps what the ones before it said; a block's record may go once its chain is
  over.
- Lists of several signers are never put together: under another signature a record might count where it did not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

from delegate.authoring.draft import Draft
from delegate.authoring.plain_text import check_plain
from delegate.authoring.token import ChainEnvelope
from delegate.core.chain.revocations import AAD, CNF, EXP, IAT, ISS, SUBJECT_BYTES, Record, RevocationList
from delegate.core.chain.spans import Instant, Span, instant, seconds
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cbor, cose, envelope
from delegate.limits import INTEGER_MAX, TIME_MAX, WHY_CHARACTERS

# How long a block stays listed after its chain is over by the signer's clock: some verifier's runs late.
_KEPT_S: Final = 86_400
LIFE: Final = "24h"

T = TypeVar("T")


class RevokedBlock(NamedTuple):
    """A block to revoke, and with it every block below.

    Attributes:
        id: 32 bytes.
        until: when its chain is over anyway, Unix seconds.
        why: for people, at most 256 characters; may be empty.
    """

    id: bytes
    until: int
    why: str = ""

    @classmethod
    def of(cls, token: ChainEnvelope, hop: int = -1, why: str = "") -> RevokedBlock:
        """Take the block of a chain at hand; the last, where no hop is named.

        Raises:
            IndexError: no such hop. TokenError, VerificationError: the chain cannot be read.
        """
        link = token.link.up()[hop]
        return cls(link.id, link.expires, why)


class RevokedKey(NamedTuple):
    """A key to revoke, with every chain that it signs, holds or proves.

    Attributes:
        thumbprint: 32 bytes.
        since: 0: from the beginning. A later moment spares what says it is older: that is the key's own word.
        why: for people, at most 256 characters; may be empty.
    """

    thumbprint: bytes
    since: int = 0
    why: str = ""


def joined(records: Iterable[Record]) -> tuple[Record, ...]:
    """Put records of one signer together: none twice, the earlier `since`, the later `until`, the first words.

    Keys come before blocks, each by their bytes.
    """
    found: dict[tuple[bool, bytes], Record] = {}
    for record in records:
        place = (not record.is_key, record.subject)
        known = found.get(place)
        if known is not None:
            known = known._replace(since=min(known.since, record.since), until=max(known.until, record.until))
            record = known if known.why else known._replace(why=record.why)  # noqa: PLW2901 - the two are one
        found[place] = record
    return tuple(found[place] for place in sorted(found))


def draft_list(
    signer: Principal,
    *,
    blocks: Iterable[RevokedBlock] | None = None,
    keys: Iterable[RevokedKey] | None = None,
    previous: RevocationList | Iterable[RevocationList] | None = None,
    after: int = 0,
    ttl: Span = LIFE,
    now: Instant | None = None,
) -> Draft[RevocationList]:
    """Draft the next list of a signer; see `Identity.revoke` for the arguments."""
    key = signer.public_key
    earlier = _lists(previous)
    if any(each.public_key != key for each in earlier):
        message = "the list is another signer's"
        raise ValueError(message)
    at = int(time.time()) if now is None else instant(now)
    until = min(at + seconds(ttl), TIME_MAX)
    sequence = max((after, *(each.sequence for each in earlier))) + 1
    if sequence > INTEGER_MAX or until <= at:
        message = "no later list can follow"
        raise ValueError(message)
    given = [_block_record(key, each) for each in _given(blocks, "blocks")]
    given += [_key_record(key, each) for each in _given(keys, "keys")]
    newest_first = sorted(earlier, key=lambda each: each.sequence, reverse=True)
    kept = joined((*given, *(record for each in newest_first for record in each.records)))
    named = {each.subject for each in given}
    left = [each for each in kept if each.until + _KEPT_S >= at or each.subject in named]
    payload = _encode(signer, sequence, at, until, left)
    protected = cose.protected_header(key.algorithm, key.thumbprint)
    item = cose.byte_string(payload)

    def assemble(signature: bytes) -> RevocationList:
        return RevocationList.parse(envelope.build_revocations(cose.assemble(protected, item, signature)))

    return Draft(key, cose.sig_structure(protected, AAD + key.thumbprint, item), assemble)


def _lists(previous: RevocationList | Iterable[RevocationList] | None) -> tuple[RevocationList, ...]:
    if previous is None:
        return ()
    lists = (previous,) if isinstance(previous, RevocationList) else tuple(previous)
    if not lists:
        message = "previous is at least one list; leave it out where there is none"
        raise ValueError(message)
    return lists


def _given(records: Iterable[T] | None, what: str) -> tuple[T, ...]:
    items = () if records is None else tuple(records)
    if records is not None and not items:
        message = f"{what} is empty: name at least one, or leave {what} out"
        raise ValueError(message)
    return items


def _encode(signer: Principal, sequence: int, issued: int, expires: int, records: Iterable[Record]) -> bytes:
    claims: dict[int | str, object] = {
        ISS: signer.name, EXP: expires, IAT: issued, CNF: {1: cbor.decode(signer.public_key.cose_key)}, "seq": sequence,
    }  # fmt: skip
    for record in records:
        entries = claims.setdefault("keys" if record.is_key else "blocks", [])
        entry: list[object] = [record.subject, record.since if record.is_key else record.until]
        entries.append([*entry, record.why] if record.why else entry)  # type: ignore[attr-defined]
    return cbor.encode_sorted(claims)


def _block_record(signer: PublicKey, block: RevokedBlock) -> Record:
    _check_given(block.id, block.until, block.why)
    return Record(block.id, signer.thumbprint, False, 0, block.until, block.why)


def _key_record(signer: PublicKey, key: RevokedKey) -> Record:
    _check_given(key.thumbprint, key.since, key.why)
    return Record(key.thumbprint, signer.thumbprint, True, key.since, TIME_MAX, key.why)


def _check_given(subject: bytes, moment: int, why: str) -> None:
    if type(subject) is not bytes or len(subject) != SUBJECT_BYTES:
        message = "a block id and a thumbprint are 32 bytes"
        raise ValueError(message)
    instant(moment)
    if len(why) > WHY_CHARACTERS:
        message = f"why is at most {WHY_CHARACTERS} characters, and this one has {len(why)}"
        raise ValueError(message)
    check_plain(why, "why")
