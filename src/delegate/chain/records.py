"""What a revocation list is made of: records, and how fresh their signer's word is (SPEC §10.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from delegate.chain.token import ChainEnvelope


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
