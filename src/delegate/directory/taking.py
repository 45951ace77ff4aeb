"""An import: all of it or nothing, and every fault by its line (SPEC §10.5).

The rules of this file:

- An import adds and changes nobody: of a principal that is there, everything that its record says must be so already.
- It is no way round what `add` refuses: whom the directory knows as disabled answers for nobody who comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from delegate.directory import schema as sql
from delegate.directory.directory import entries_of, event_of, key_row, key_taken, principal_row
from delegate.directory.engine import Rows
from delegate.directory.entries import FACTS, Entry, Event, Fault, Key
from delegate.directory.reading import MOST_FAULTS, Record, faulty
from delegate.state.common import pack, unpack

_AT_ONCE: Final = 100
_STEP: Final = 500


class Taking:
    """One import, in one transaction."""

    __slots__ = ("_beyond", "_faults", "_now", "_progress", "_records", "_tenant", "stopped")

    def __init__(
        self, tenant: bytes, records: Sequence[Record], now: int, progress: Callable[[int, int], None] | None
    ) -> None:
        """Take what is to be added; `progress` is told how many are done, and of how many."""
        self._tenant = tenant
        self._records = records
        self._now = now
        self._progress = progress
        self._faults: list[Fault] = []
        self._beyond = 0
        self.stopped: BaseException | None = None  # what `progress` raised, wherever it was called

    def run(self, rows: Rows) -> int:
        """Check all of it, then add all of it; gives how many were not there before.

        Raises:
            DirectoryError: with every fault.
        """
        self._faults.clear()
        self._beyond = 0
        self._check_each_other()
        fresh = self._check_directory(rows)
        if self._faults:
            raise faulty(sorted(self._faults, key=lambda each: each.line), self._beyond)
        for start in range(0, len(fresh), _STEP):
            self._add(rows, fresh[start : start + _STEP])
            self._tell(min(start + _STEP, len(fresh)), len(fresh))
        return len(fresh)

    def _tell(self, done: int, of: int) -> None:
        try:
            if self._progress is not None:
                self._progress(done, of)
        except BaseException as error:
            self.stopped = error
            raise

    def _fault(self, line: int, detail: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(line=line, detail=detail))
        else:
            self._beyond += 1

    def _check_each_other(self) -> None:
        names: dict[str, int] = {}
        keys: dict[bytes, Record] = {}
        for each in self._records:
            line = names.setdefault(each.name, each.line)
            if line != each.line:
                self._fault(each.line, f"{each.name} stands in line {line} already")
            for key in each.keys:
                other = keys.setdefault(key.public_key.thumbprint, each)
                if other.name != each.name:
                    self._fault(each.line, f"the key of {each.name} is {other.name}'s, in line {other.line}")

    def _check_directory(self, rows: Rows) -> list[Record]:
        """Find what is there already; gives the records that are new."""
        there = {name for name, _ in self._among(rows, sql.names_among, [pack(each.name) for each in self._records])}
        thumbprints = [key.public_key.thumbprint for each in self._records for key in each.keys]
        owners = {bytes(key): unpack(name) for key, name in self._among(rows, sql.keys_among, thumbprints)}
        fresh = []
        for each in self._records:
            if pack(each.name) in there:
                self._compare(rows, each)
                continue
            taken = [owners[key.public_key.thumbprint] for key in each.keys if key.public_key.thumbprint in owners]
            if taken:
                self._fault(each.line, key_taken(taken[0], each.name).detail)
            fresh.append(each)
        self._check_people(rows, fresh)
        return fresh

    def _check_people(self, rows: Rows, fresh: Sequence[Record]) -> None:
        """Refuse a sponsor or an owner whom the directory knows as disabled."""
        named = {name for each in fresh for name in (each.facts.sponsor, each.facts.owner) if name}
        disabled = {
            unpack(name) for name, at in self._among(rows, sql.names_among, [*map(pack, named)]) if at is not None
        }
        for each in fresh:
            for field, name in (("sponsor", each.facts.sponsor), ("owner", each.facts.owner)):
                if name in disabled:
                    self._fault(each.line, f"{name} is disabled and cannot be {field}")

    def _among(self, rows: Rows, question: Callable[[int], str], wanted: Sequence[bytes]) -> list[tuple[bytes, Any]]:
        found: list[tuple[bytes, Any]] = []
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            found += [(bytes(row[0]), row[1]) for row in rows.rows(question(len(part)), (self._tenant, *part))]
        return found

    def _compare(self, rows: Rows, record: Record) -> None:
        """Let pass what is there just so; anything else is a change, which an import does not make."""
        (entry,) = entries_of(rows.rows(sql.ENTRY, (self._tenant, pack(record.name))))
        difference = _difference(entry, record)
        if not difference and record.history:
            known = rows.rows(sql.EVENTS, (self._tenant, pack(record.name)))
            difference = _other_history([event_of(each) for each in known], record.history)
        if difference:
            self._fault(record.line, f"{record.name} is in the directory already, with another {difference}")

    def _add(self, rows: Rows, records: Sequence[Record]) -> None:
        now = self._now
        principals, keys, events = [], [], []
        for each in records:
            disabled = now if each.disabled == 0 else each.disabled
            added = now if each.added is None else each.added
            principals.append(principal_row(self._tenant, each.name, each.facts, added, disabled))
            keys += [key_row(self._tenant, each.name, _dated(key, now)) for key in each.keys]
            history = [(event.at, event.what, event.detail) for event in each.history]
            history.append((now, "imported", f"from line {each.line}"))
            events += [
                (self._tenant, pack(each.name), place, at, pack(what), pack(detail))
                for place, (at, what, detail) in enumerate(history)
            ]
        rows.run(sql.ADD_PRINCIPAL, principals)
        rows.run(sql.ADD_KEY, keys)
        rows.run(sql.ADD_EVENT, events)


def _dated(key: Key, now: int) -> Key:
    return replace(key, since=now) if key.since < 0 else key


def _difference(entry: Entry, record: Record) -> str:
    """Name what a record says otherwise than the directory; empty where it says the same."""
    last = entry.keys[-1:] if record.keys and record.keys[0].since < 0 else entry.keys  # a key alone is the present one
    if [each.public_key for each in record.keys] != [each.public_key for each in last]:
        return "key"
    for said, known in zip(record.keys, last, strict=True):
        if said.until != known.until or said.since not in {-1, known.since}:
            return "time of a key"
    if (entry.disabled is None) is not (record.disabled is None):
        return "standing: it is disabled in one of the two"
    if record.disabled and record.disabled != entry.disabled:
        return "time since when it is disabled"
    if record.added is not None and record.added != entry.added:
        return "time when it was added"
    for field, value in zip(FACTS, record.facts.values(), strict=True):
        if value != getattr(entry.facts, field):
            return field
    return ""


def _other_history(known: Sequence[Event], said: Sequence[Event]) -> str:
    """Name a history that is not the beginning of the one that is known."""
    return "" if list(known[: len(said)]) == list(said) else "history"
