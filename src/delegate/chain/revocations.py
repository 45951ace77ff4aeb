"""Revocation lists: signed records of blocks and keys that no longer count (SPEC §10.2)."""

from __future__ import annotations

from typing import NamedTuple


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
