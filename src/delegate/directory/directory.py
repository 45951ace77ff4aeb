"""`Directory`: the principals of one tenant, each with its keys, its sponsor and its history (SPEC §10.5).

The rules of this file:

- A name that was ever one key's is never another party's: only `rotate` gives it a further key.
- One key is never two principals', whether it stands for the first one still or not.
- Nothing is deleted: who may not act any more is disabled, and an old key leads to whose it was.
- A change looks and writes in one transaction; what it refuses changes nothing.
- A directory sees one tenant. Whatever another has changes none of its answers, errors, orders or numbers.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.printable import shown
from delegate.core.chain.spans import Span, seconds
from delegate.core.decide.remembered import ProcessLock
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.directory import schema as sql
from delegate.directory.engine import DEADLINE_S, Engine, Row, Rows, open_engine
from delegate.directory.entries import (
    FACTS,
    DirectoryError,
    Entry,
    Event,
    Facts,
    Key,
    check_principal_name,
    check_text,
    malformed,
)
from delegate.directory.known import Known
from delegate.errors import DelegateError, Reason, StateError
from delegate.limits import TIME_MAX
from delegate.state.common import pack, unavailable, unpack

if TYPE_CHECKING:
    from delegate.directory.reading import Record
    from delegate.state.asynchronous import Threads

PAGE: Final = 500  # principals in one look
_THUMBPRINT_BYTES: Final = 32
_ASKED_AT_ONCE: Final = 64


class Directory:
    """The principals of one tenant. Use it as a context manager, or call `close`. Safe under threads and `fork`."""

    __slots__ = ("_clock", "_crew", "_engine", "_tenant", "tenant")

    def __init__(
        self,
        engine: Engine,
        *,
        tenant: str | None = None,
        clock: Callable[[], float] = time.time,
        crew: _Crew | None = None,
    ) -> None:
        """Made by `connect`.

        Args:
            engine: where the tables are.
            tenant: whose principals these are; `None`: of a house without tenants.
            clock: gives Unix seconds: what changes are dated by.
            crew: the threads that all tenants' share, for those who await.

        Raises:
            ValueError: not a tenant.
        """
        if tenant is not None and not check_audience_name(tenant):
            message = "a tenant is 1 to 200 visible ASCII characters"
            raise ValueError(message)
        self.tenant = tenant
        self._tenant = pack(tenant or "")
        self._engine = engine
        self._clock = clock
        self._crew = _Crew(engine.deadline_s) if crew is None else crew

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url

    def of(self, tenant: str | None) -> Directory:
        """Give the directory of another tenant, in the same place; closing either closes both.

        Raises:
            ValueError: not a tenant.
        """
        return Directory(self._engine, tenant=tenant, clock=self._clock, crew=self._crew)

    def close(self) -> None:
        """Close every file, connection and thread."""
        self._crew.close()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Directory {self.url}{f' of {self.tenant}' if self.tenant else ''}>"

    # What verifiers ask.

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, Known]:
        """Say whose these keys are; see `Finder.find`. Cost: one statement."""
        wanted = tuple(dict.fromkeys(thumbprints))
        found: dict[bytes, Known] = {}
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            part = wanted[start : start + _ASKED_AT_ONCE]
            for row in self._read(sql.find(len(part)), (self._tenant, *part)):
                found[bytes(row[0])] = _known(row, now)
        return found

    def awaited(self) -> _Awaited:
        """Give the same question to be awaited: asked in threads of its own, within the deadline."""
        return _Awaited(self, self._crew.threads())

    # What people ask.

    def get(self, name: str) -> Entry | None:
        """Give a principal; `None` where there is none of that name."""
        found = entries_of(self._read(sql.ENTRY, (self._tenant, pack(check_principal_name(name)))))
        return found[0] if found else None

    def of_key(self, key: PublicKey | bytes) -> Entry | None:
        """Give whose a key is or ever was, by the key or its thumbprint of 32 bytes: so old events lead to somebody."""
        thumbprint = key if isinstance(key, bytes) else key.thumbprint
        rows = self._read(sql.OWNER_OF_KEY, (self._tenant, thumbprint))
        return self.get(unpack(rows[0][0])) if rows else None

    def history(self, name: str) -> tuple[Event, ...]:
        """Give all that ever changed of a principal, oldest first."""
        rows = self._read(sql.EVENTS, (self._tenant, pack(check_principal_name(name))))
        return tuple(map(event_of, rows))

    def __iter__(self) -> Iterator[Entry]:
        """Give every principal, in the order of names, and a page at a time: any number of them takes little room."""
        for _, page in self._pages():
            yield from page

    def with_history(self) -> Iterator[tuple[Entry, tuple[Event, ...]]]:
        """Give every principal with all that ever changed of it, in the order of names."""
        for after, page in self._pages():
            changes: dict[bytes, list[Event]] = {}
            rows = self._read(sql.EVENTS_AMONG, (self._tenant, after, pack(page[-1].name))) if page else []
            for name, *row in rows:
                changes.setdefault(bytes(name), []).append(event_of(row))
            for each in page:
                yield each, tuple(changes.get(pack(each.name), ()))

    def _pages(self) -> Iterator[tuple[bytes, list[Entry]]]:
        after = b""
        while True:
            page = entries_of(self._read(sql.ENTRIES, (self._tenant, after, PAGE)))
            yield after, page
            if len(page) < PAGE:
                return
            after = pack(page[-1].name)

    def _read(self, statement: str, arguments: Sequence[object]) -> list[Row]:
        return self._engine.read(lambda rows: rows.rows(statement, arguments))

    # What changes something.

    def add(
        self,
        principal: Principal | str,
        *,
        sponsor: str | None = None,
        owner: str | None = None,
        code: str | None = None,
        model: str | None = None,
        version: str | None = None,
        note: str | None = None,
        why: str = "",
    ) -> Entry:
        """Add a principal, or give its first key to one that was added by its name alone.

        Args:
            principal: its name and public key; or its name alone, for a person who signs nothing.
            sponsor: name of the person who answers for it, `user:…`.
            owner: name of who runs it.
            code: digest of what it runs, `sha256:…`.
            model: as whoever runs it calls it.
            version: the same.
            note: for people.
            why: for the history, one line.

        Raises:
            DirectoryError: MALFORMED; IDENTITY_SHARED: the name or the key is there already; PRINCIPAL_UNKNOWN: the
                sponsor or owner is disabled.
            StateError: the directory did not answer.
        """
        given = {"sponsor": sponsor, "owner": owner, "code": code, "model": model, "version": version, "note": note}
        facts = Facts.of(given)
        name = principal.name if isinstance(principal, Principal) else check_principal_name(principal)
        key = principal.public_key if isinstance(principal, Principal) else None
        now = self._now()

        def change(rows: Rows) -> None:
            known = self._entry(rows, name)
            if known is not None and (key is None or known.keys):
                raise _there_already(known, key)
            self._check_new_key(rows, key, name)
            self._check_people(rows, facts)
            if known is None:
                rows.run(sql.ADD_PRINCIPAL, [principal_row(self._tenant, name, facts, now, None)])
            else:
                self._check_enabled(known)
                if facts.said():
                    self._set_facts(rows, name, replace(known.facts, **facts.said()))
            if key is not None:
                rows.run(sql.ADD_KEY, [key_row(self._tenant, name, Key(public_key=key, since=now))])
            what = "added" if known is None else "keyed"
            self._note(rows, name, now, what, (*_said(facts), *_key_words(key)), why)

        return self._change(change, name, why)

    def rotate(self, principal: Principal, *, overlap: Span | None = None, why: str = "") -> Entry:
        """Give a principal a new key; the one that it had stands for it no longer, and leads to it for ever.

        Args:
            principal: its name, and the new key.
            overlap: how much longer the old key stands for it, so that chains under way come to their end; not at all,
                if not said.
            why: for the history, one line.

        Raises:
            DirectoryError: PRINCIPAL_UNKNOWN: there is no such principal, it is disabled, or it has no key yet;
                IDENTITY_SHARED: the new key is somebody's, or was.
        """
        now = self._now()
        until = now if overlap is None else min(now + seconds(overlap), TIME_MAX)
        name, key = principal.name, principal.public_key

        def change(rows: Rows) -> None:
            known = self._there(rows, name)
            self._check_enabled(known)
            if not known.keys:
                raise _unknown(f"{name} has no key yet: add gives it the first one")
            self._check_new_key(rows, key, name)
            rows.run(sql.END_KEY, [(until, self._tenant, pack(name), until)])
            rows.run(sql.ADD_KEY, [key_row(self._tenant, name, Key(public_key=key, since=now))])
            self._note(rows, name, now, "rotated", (*_key_words(key), *_ends(known, until)), why)

        return self._change(change, name, why)

    def assign(
        self,
        name: str,
        *,
        sponsor: str | None = None,
        owner: str | None = None,
        code: str | None = None,
        model: str | None = None,
        version: str | None = None,
        note: str | None = None,
        why: str = "",
    ) -> Entry:
        """Change what is said of a principal; what is not given stays. The arguments are those of `add`.

        Raises:
            DirectoryError: MALFORMED; PRINCIPAL_UNKNOWN: there is no such principal, or its new sponsor or owner is
                disabled.
            ValueError: nothing to change.
        """
        given = {"sponsor": sponsor, "owner": owner, "code": code, "model": model, "version": version, "note": note}
        facts = Facts.of(given)
        check_principal_name(name)
        if not facts.said():
            message = f"say what to change: {', '.join(FACTS)}"
            raise ValueError(message)
        now = self._now()

        def change(rows: Rows) -> None:
            known = self._there(rows, name)
            self._check_people(rows, facts)
            self._set_facts(rows, name, replace(known.facts, **facts.said()))
            self._note(rows, name, now, "assigned", _changed(known.facts, facts), why)

        return self._change(change, name, why)

    def disable(self, name: str, *, why: str = "") -> Entry:
        """Let a principal act no longer, from now on; all that is known of it stays. Again, it changes nothing.

        Raises:
            DirectoryError: PRINCIPAL_UNKNOWN: there is no such principal.
        """
        return self._switch(name, why, to_disabled=True)

    def enable(self, name: str, *, why: str = "") -> Entry:
        """Let a disabled principal act again. Again, it changes nothing.

        Raises:
            DirectoryError: PRINCIPAL_UNKNOWN: there is no such principal.
        """
        return self._switch(name, why, to_disabled=False)

    def _switch(self, name: str, why: str, *, to_disabled: bool) -> Entry:
        check_principal_name(name)
        now = self._now()

        def change(rows: Rows) -> None:
            known = self._there(rows, name)
            if (known.disabled is not None) is not to_disabled:
                rows.run(sql.SET_DISABLED, [(now if to_disabled else None, self._tenant, pack(name))])
                self._note(rows, name, now, "disabled" if to_disabled else "enabled", (), why)

        return self._change(change, name, why)

    def take(self, records: Sequence[Record], *, progress: Callable[[int, int], None] | None = None) -> int:
        """Add all of these principals, or none.

        A record that says what the directory already has changes nothing.

        Args:
            records: as `reading.read` gives them.
            progress: told how many are done, and of how many.

        Returns:
            How many were added.

        Raises:
            DirectoryError: with every fault in `.faults`, by line; nothing was added.
        """
        from delegate.directory.taking import Taking

        now = self._now()
        taking = Taking(self._tenant, records, now, progress)
        try:
            return self._engine.write(self._tenant, taking.run, is_long=True)
        except BaseException:
            if taking.stopped is not None:
                raise taking.stopped from None
            raise

    def _change(self, change: Callable[[Rows], None], name: str, why: str) -> Entry:
        check_text("why", why)

        def changed(rows: Rows) -> Entry:
            change(rows)
            return self._there(rows, name)

        return self._engine.write(self._tenant, changed)

    def _now(self) -> int:
        now = int(self._clock())
        if not 0 <= now <= TIME_MAX:
            message = f"the clock says {now}, which is no time"
            raise ValueError(message)
        return now

    def _entry(self, rows: Rows, name: str) -> Entry | None:
        found = entries_of(rows.rows(sql.ENTRY, (self._tenant, pack(name))))
        return found[0] if found else None

    def _there(self, rows: Rows, name: str) -> Entry:
        found = self._entry(rows, name)
        if found is None:
            raise _unknown(f"there is no `{shown(name)}` in the directory")
        return found

    def _check_enabled(self, known: Entry) -> None:
        if known.disabled is not None:
            raise _unknown(f"{known.name} is disabled; enable it first")

    def _check_new_key(self, rows: Rows, key: PublicKey | None, name: str) -> None:
        if key is None:
            return
        found = rows.rows(sql.OWNER_OF_KEY, (self._tenant, key.thumbprint))
        if found:
            raise key_taken(unpack(found[0][0]), name)

    def _check_people(self, rows: Rows, facts: Facts) -> None:
        people = {field: getattr(facts, field) for field in ("sponsor", "owner") if getattr(facts, field)}
        if people:
            names = tuple({pack(each) for each in people.values()})
            disabled = {
                unpack(name)
                for name, at in rows.rows(sql.names_among(len(names)), (self._tenant, *names))
                if at is not None
            }
            for field, name in people.items():
                if name in disabled:
                    raise _unknown(f"{name} is disabled and cannot be {field}")

    def _set_facts(self, rows: Rows, name: str, facts: Facts) -> None:
        rows.run(sql.SET_FACTS, [(*map(pack, facts.values()), self._tenant, pack(name))])

    def _note(self, rows: Rows, name: str, at: int, what: str, words: Sequence[str], why: str) -> None:
        ((last,),) = rows.rows(sql.LAST_PLACE, (self._tenant, pack(name)))
        place = 0 if last is None else last + 1
        detail = "; ".join((*words, *([f"why: {why}"] if why else ())))
        rows.run(sql.ADD_EVENT, [(self._tenant, pack(name), place, at, pack(what), pack(detail))])


class _Awaited:
    """`Directory.find`, asked in threads, so that no loop waits for a disk or a server."""

    __slots__ = ("_directory", "_threads")

    def __init__(self, directory: Directory, threads: Threads) -> None:
        self._directory = directory
        self._threads = threads

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> Awaitable[Mapping[bytes, Known]]:
        """Say whose these keys are; see `Finder.find`."""
        return self._threads.run(lambda: self._directory.find(thumbprints, now=now))


class _Crew:
    """The threads of those who await; none are started before somebody does."""

    __slots__ = ("_deadline_s", "_lock", "_threads")

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._lock = ProcessLock()
        self._threads: Threads | None = None

    def threads(self) -> Threads:
        from delegate.state.asynchronous import Threads

        with self._lock.mine():
            if self._threads is None:
                self._threads = Threads(self._deadline_s)
            return self._threads

    def close(self) -> None:
        if self._threads is not None:
            self._threads.close()


def connect(
    url: str, *, tenant: str | None = None, deadline: float = DEADLINE_S, clock: Callable[[], float] = time.time
) -> Directory:
    """Open the directory that a URL names; where there is none, it is made.

    Args:
        url: `sqlite:///file.db` (relative) or `sqlite:////var/lib/x/file.db` (absolute), for the processes of one
            machine; `postgresql://…` or `postgres://…`, as libpq takes them, needs the extra `postgres`.
        tenant: whose principals to see; `None`: of a house without tenants.
        deadline: how many seconds any call waits at most; beyond them it is refused. An import may take longer.
        clock: gives Unix seconds: what changes are dated by.

    Raises:
        StateError: STATE_UNAVAILABLE: it cannot be opened now, or is something else.
        ValueError: no such engine, a URL that has no sense, or no tenant.
        ImportError: the extra is not installed.
    """
    if not deadline > 0:
        message = "a deadline is a number of seconds above 0"
        raise ValueError(message)
    if tenant is not None and not check_audience_name(tenant):
        message = "a tenant is 1 to 200 visible ASCII characters"
        raise ValueError(message)
    return Directory(open_engine(url, deadline), tenant=tenant, clock=clock)


# Rows and what they mean. Whatever a store gives that this program would not have written is no answer.


def principal_row(tenant: bytes, name: str, facts: Facts, added: int, disabled: int | None) -> tuple[object, ...]:
    """Give the arguments of `sql.ADD_PRINCIPAL`."""
    return (tenant, pack(name), *map(pack, facts.values()), added, disabled)


def key_row(tenant: bytes, name: str, key: Key) -> tuple[object, ...]:
    """Give the arguments of `sql.ADD_KEY`."""
    return (
        tenant,
        key.public_key.thumbprint,
        pack(name),
        pack(key.public_key.to_text()),
        key.since,
        key.until,
    )


def entries_of(rows: Sequence[Row]) -> list[Entry]:
    """Put rows together, one for each key, into principals.

    Raises:
        StateError: a row that this program would not have written.
    """
    found: list[Entry] = []
    try:
        for row in rows:
            name = check_principal_name(unpack(row[0]))
            keys = () if row[11] is None else (_key(row[11:15]),)
            if found and found[-1].name == name:
                found[-1] = replace(found[-1], keys=(*found[-1].keys, *keys))
                continue
            facts = Facts(**dict(zip(FACTS, map(unpack, row[1:7]), strict=True)))
            is_there, is_disabled = row[9] is not None, row[10] is not None
            standing = "disabled" if is_disabled else "active" if is_there else "unregistered"
            found.append(
                Entry(
                    name=name,
                    facts=facts,
                    keys=keys,
                    added=row[7],
                    disabled=row[8],
                    sponsor_is=standing if facts.sponsor else "missing",
                )
            )
    except (DelegateError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise _not_ours() from error
    return found


def _key(row: Row) -> Key:
    key = PublicKey.parse(unpack(row[0]))
    if key.thumbprint != row[1]:
        raise _not_ours()
    return Key(public_key=key, since=row[2], until=row[3])


def event_of(row: Sequence[Any]) -> Event:
    """Read an event as a store gives it; raises StateError."""
    try:
        at, what, detail = row
        return Event(at=at, what=unpack(what), detail=unpack(detail))
    except (UnicodeDecodeError, TypeError, AttributeError, ValueError) as error:
        raise _not_ours() from error


def _known(row: Row, now: int) -> Known:
    try:
        _, packed, until, disabled, *said = row
        name, who = _read(packed, *said)
        fault = ""
        if disabled is not None:
            fault = f"{name} is disabled"
        elif until is not None and until <= now:
            fault = f"{name} has another key now"
    except (UnicodeDecodeError, TypeError, AttributeError, ValueError) as error:
        raise _not_ours() from error
    return Known(name, who, fault)


@lru_cache(4096)  # the same few principals act again and again: saves 20 µs a decision
def _read(packed: bytes, *said: bytes) -> tuple[str, Mapping[str, str]]:
    name = unpack(packed)
    who = {"kind": name.partition(":")[0]}
    who.update((field, unpack(value)) for field, value in zip(FACTS, said, strict=False) if value)
    return name, MappingProxyType(who)


def _not_ours() -> StateError:
    return unavailable("the directory holds what this program would not have written")


# The words of refusals and of the history.


def _unknown(detail: str) -> DirectoryError:
    return DirectoryError(Reason.PRINCIPAL_UNKNOWN, detail)


def key_taken(owner: str, name: str) -> DirectoryError:
    """Make the refusal of a key that is, or was, somebody's."""
    if owner == name:
        return DirectoryError(Reason.IDENTITY_SHARED, f"this key is {name}'s already, or was; make a new one")
    return DirectoryError(Reason.IDENTITY_SHARED, f"this key is {owner}'s, and one key is never two principals'")


def _there_already(known: Entry, key: PublicKey | None) -> DirectoryError:
    if key is not None and known.key is not None and known.key.public_key != key:
        detail = f"{known.name} is in the directory with another key; a new key for the same party is a rotation"
    else:
        detail = f"{known.name} is in the directory already"
    return DirectoryError(Reason.IDENTITY_SHARED, detail)


def _said(facts: Facts) -> tuple[str, ...]:
    return tuple(f"{field} {value}" for field, value in facts.said().items())


def _changed(before: Facts, after: Facts) -> tuple[str, ...]:
    """Say what changes: both values, so that the old one is not lost."""
    return tuple(
        f"{field} {getattr(before, field) or '(none)'} → {value}"
        for field, value in after.said().items()
        if value != getattr(before, field)
    )


def _key_words(key: PublicKey | None) -> tuple[str, ...]:
    return () if key is None else (f"key {key.thumbprint.hex()}",)


def _ends(known: Entry, until: int) -> tuple[str, ...]:
    old = known.key
    return () if old is None else (f"key {old.public_key.thumbprint.hex()} until {until}",)


def check_time(field: str, value: object) -> int:
    """Refuse what is no time in Unix seconds; raises DirectoryError."""
    if type(value) is not int or not 0 <= value <= TIME_MAX:
        raise malformed(f"{field} is Unix seconds, a whole number")
    return value
