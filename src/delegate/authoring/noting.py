"""What notes what was handed out, as authoring knows it: `Journal` is one.

An identity that has one notes every block that it signs for somebody, and every record that takes one back, before
anybody gets it: what could not be noted is not handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from delegate.authoring.token import ChainEnvelope
from delegate.core.chain.links import Link
from delegate.core.chain.revocations import Record

T = TypeVar("T", bound=ChainEnvelope)
Wrap = Callable[[tuple[bytes, ...], Link], T]


class Notes(Protocol):
    """A place where what was handed out is noted, by the ids of blocks and never the token."""

    def note(self, token: ChainEnvelope) -> None:
        """Note the last block of a chain; raises OSError."""

    def note_revoked(self, records: Iterable[Record], file: str, at: int) -> None:
        """Note what a list takes back; raises OSError."""


def noting(notes: Notes | None, wrap: Wrap[T]) -> Wrap[T]:
    """Have a chain noted as soon as it is put together."""
    if notes is None:
        return wrap

    def wrapped(blocks: tuple[bytes, ...], link: Link) -> T:
        token = wrap(blocks, link)
        notes.note(token)
        return token

    return wrapped
