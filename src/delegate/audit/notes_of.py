"""Events of what is handed out and taken back: for identities that are given a journal (AUDIT §16.1).

The rules of this file:

- What is noted is what the chain says of itself: nobody verified it here. Its events have kinds of their own, vouch for
  nobody, and stand in the tree of the journal's own tenant, not of one that the chain names.
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
from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.revocations import Record

if TYPE_CHECKING:
    from delegate.audit.recorder import Sink

_ACTIONS: Final = {Kind.MINT: "delegate.mint", Kind.ATTENUATE: "delegate.attenuate", Kind.REVOKE: "delegate.revoke"}


class NotesToLog:
    """A journal that also gives an event of each block that is signed, and of each record that takes something back.

    Given to an `Identity` as its journal: `Identity.load("alice.key", journal=NotesToLog(log, journal=Journal()))`.
    """

    __slots__ = ("_clock", "_journal", "_name", "_sink", "_tenant")

    def __init__(
        self,
        sink: Sink,
        *,
        name: str = "",
        journal: Notes | None = None,
        clock: Callable[[], float] = time.time,
        tenant: str | None = None,
    ) -> None:
        """Set it up.

        Args:
            sink: where events go, such as a `Log`.
            name: whose journal it is: the `service` of its events that take back.
            journal: where to note as well; `None`: nowhere.
            clock: gives Unix seconds.
            tenant: whose tree its events go into, whatever a chain says of itself; `None`: that of no tenant.

        Raises:
            ValueError: no name for a tenant.
        """
        if tenant is not None and not check_audience_name(tenant):
            message = "a tenant is 1 to 200 visible ASCII characters"
            raise ValueError(message)
        self._tenant = tenant or ""
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
        self._take(kind, link.signer, route, link.id, int(self._clock()))
        if self._journal is not None:
            self._journal.note(token)

    def note_revoked(self, records: Iterable[Record], file: str, at: int) -> None:
        """Note what a list takes back; raises as `note`."""
        given = tuple(records)
        for record in given:
            self._take(Kind.REVOKE, self._name, None, record.subject, at)
        if self._journal is not None:
            self._journal.note_revoked(given, file, at)

    def _take(self, kind: Kind, who: str, route: Route | None, subject: bytes, now: int) -> None:
        salt = urandom(SALT_BYTES)
        self._sink.take(
            AuditEvent(
                kind, now, who, self._tenant, route, _ACTIONS[kind], subject.hex(), salt, salted(salt, subject), None,
                True, None, None, None, None, {}, (), None, None, 0,
            )
        )  # fmt: skip

    def __repr__(self) -> str:
        return "NotesToLog()"
