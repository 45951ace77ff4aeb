"""Events of what is handed out and taken back: for identities that are given a journal (AUDIT §16.1).

The rules of this file:

- What is noted is what the chain says of itself: nobody verified it here. Its events have kinds of their own.
- Where the log is required, what it did not take is not handed out: the block was signed, and nobody gets it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from os import urandom
from typing import TYPE_CHECKING, Any, Final

from delegate.audit.events import SALT_BYTES, AuditEvent, Kind, salted
from delegate.audit.routes import Route, route_of_link
from delegate.authoring.noting import Notes
from delegate.core.chain.revocations import Record

if TYPE_CHECKING:
    from delegate.audit.recorder import Sink

_ACTIONS: Final = {Kind.MINT: "delegate.mint", Kind.ATTENUATE: "delegate.attenuate", Kind.REVOKE: "delegate.revoke"}


class NotesToLog:
    """A journal that also gives an event of each block that is signed, and of each record that takes something back.

    Given to an `Identity` as its journal: `Identity.load("alice.key", journal=NotesToLog(log, journal=Journal()))`.
    """

    __slots__ = ("_clock", "_journal", "_name", "_sink")

    def __init__(
        self, sink: Sink, *, name: str = "", journal: Notes | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Set it up.

        Args:
            sink: where events go, such as a `Log`.
            name: whose journal it is: the `service` of its events that take back.
            journal: where to note as well; `None`: nowhere.
            clock: gives Unix seconds.
        """
        self._sink = sink
        self._name = name
        self._journal = journal
        self._clock = clock

    def note(self, token: Any) -> None:  # noqa: ANN401 - a chain that was just signed
        """Note the last block of a chain.

        Raises:
            StateError: a required log did not take it. OSError: the journal.
        """
        link = token.link
        kind = Kind.MINT if link.parent is None else Kind.ATTENUATE
        first = link.up()[0].block
        route = route_of_link(link, first.issuer, token.root, first.originator or first.issuer)
        self._take(kind, link.signer, first.tenant, route, link.id, int(self._clock()))
        if self._journal is not None:
            self._journal.note(token)

    def note_revoked(self, records: Iterable[Record], file: str, at: int) -> None:
        """Note what a list takes back; raises as `note`."""
        given = tuple(records)
        for record in given:
            self._take(Kind.REVOKE, self._name, "", None, record.subject, at)
        if self._journal is not None:
            self._journal.note_revoked(given, file, at)

    def _take(self, kind: Kind, who: str, tenant: str, route: Route | None, subject: bytes, now: int) -> None:
        salt = urandom(SALT_BYTES)
        self._sink.take(
            AuditEvent(
                kind, now, who, tenant, route, _ACTIONS[kind], subject.hex(), salt, salted(salt, subject), None, True,
                None, None, None, None, {}, (), None, None, 0,
            )
        )  # fmt: skip

    def __repr__(self) -> str:
        return "NotesToLog()"
