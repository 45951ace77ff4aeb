"""The log: events in a Merkle tree that its operator cannot quietly change (AUDIT §16.3).

The rules of this file:

- A tree of its own for each tenant. Whoever reads says which, and sees nothing of the others.
- What `take` was given by a verifier that requires it is on the disk when it returns.
- What was read is checked by `verify`, against checkpoints that were kept elsewhere, and by nothing before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from delegate.audit.committer import Committer
from delegate.audit.engine import BATCH_MAX, Engine, Entry, Label, Sought, indexed, is_of_decisions
from delegate.audit.events import AuditEvent, Encoded, read
from delegate.audit.routes import Route
from delegate.audit.tree.checkpoints import Checkpoint, InclusionProof, open_checkpoint
from delegate.audit.tree.merkle import Tiles, check_inclusion, leaf_hash
from delegate.audit.tree.notes import Note, NoteSigner
from delegate.core.chain.claims import check_audience_name
from delegate.errors import DelegateError, Reason, StateError, VerificationError

if TYPE_CHECKING:
    from delegate.audit.tree.witness import Memory
    from delegate.audit.verifying import Report

DEADLINE_S: Final = 5.0
_SQLITE: Final = "sqlite:"
_ROUTES_KEPT: Final = 16_384


class Logged(NamedTuple):
    """An event as it stands in the log.

    Attributes:
        number: its place in the tree, from 0: what it is called by.
        event: what it says.
        data: its bytes.
    """

    number: int
    event: AuditEvent
    data: bytes


class Log:
    """A log of events. Use it as a context manager, or call `close`: what was given to it is written before.

    Safe under threads, processes and `fork`.

    Attributes:
        required: whether a verifier refuses what this log did not take.
        tenant: whose tree is read; what is written goes into the tree of the event's own tenant.
    """

    __slots__ = ("_committer", "_deadline_s", "_engine", "_routes", "required", "tenant")

    def __init__(
        self, url: str, *, required: bool = False, tenant: str | None = None, deadline: float = DEADLINE_S
    ) -> None:
        """Open a log, and make it where there is none.

        Args:
            url: `sqlite:///audit.db` (relative), `sqlite:////var/lib/x/audit.db` (absolute), or `postgresql://…`.
            required: an event counts as taken when it is on the disk, and a verifier refuses a request whose event was
                not. Otherwise events are written within a moment, and what could not be written is counted.
            tenant: whose tree to read; `None`: that of verifiers that serve no tenant.
            deadline: seconds that any call waits at most for others.

        Raises:
            StateError: STATE_UNAVAILABLE: it cannot be opened now.
            ValueError: no such engine, a URL that has no sense, or no name for a tenant.
            ImportError: the engine's extra is not installed.
        """
        if tenant is not None and not check_audience_name(tenant):
            message = "a tenant is 1 to 200 visible ASCII characters"
            raise ValueError(message)
        if not deadline > 0:
            message = "a deadline is a number of seconds above 0"
            raise ValueError(message)
        self.required = required
        self.tenant = tenant
        self._deadline_s = deadline
        self._engine: Engine = _engine(url, deadline)
        self._committer = Committer(self._engine.append)
        self._routes: dict[bytes, Route] = {}

    # Writing.

    def take(self, event: AuditEvent) -> None:
        """Take an event; where the log is required, return when it is on the disk.

        Raises:
            StateError: where the log is required: it may not be there.
        """
        entry = _entry(event)
        if self.required:
            self._committer.write(event.tenant, (entry,))
        else:
            self._committer.write_soon(event.tenant, entry)

    def append(self, events: Iterable[AuditEvent]) -> int:
        """Write events of one tenant, durably, in batches of at most 4,096; give the index of the first.

        Raises:
            StateError: some may not be there. ValueError: events of several tenants, or none.
        """
        given = tuple(events)
        if len({each.tenant for each in given}) != 1:
            message = "append takes one event or more, all of one tenant"
            raise ValueError(message)
        entries = list(map(_entry, given))
        firsts = [
            self._committer.write(given[0].tenant, entries[start : start + BATCH_MAX])
            for start in range(0, len(entries), BATCH_MAX)
        ]
        return firsts[0]

    @property
    def dropped(self) -> int:
        """How many events this process could not write; with `required`, none: it refuses."""
        return self._committer.dropped

    def flush(self) -> None:
        """Wait until what was taken is written.

        Raises:
            StateError: it is not, by the deadline.
        """
        if not self._committer.flush(self._deadline_s):
            raise StateError(Reason.STATE_UNAVAILABLE, f"the log was busy for {self._deadline_s:g} s")

    # Reading.

    @property
    def url(self) -> str:
        """Which engine, host and database; no password."""
        return self._engine.url

    @property
    def engine(self) -> Engine:
        """What keeps it."""
        return self._engine

    @property
    def id(self) -> bytes:
        """Which log this is: 16 random bytes."""
        return self._engine.id

    @property
    def _of(self) -> str:
        return self.tenant or ""

    @property
    def size(self) -> int:
        """How many events were ever written to this tenant's tree."""
        return self._engine.tree(self._of).size

    @property
    def kept_from(self) -> int:
        """Index of the first event whose body was not dropped."""
        return self._engine.tree(self._of).kept

    def __len__(self) -> int:
        return self.size

    def events(self, start: int = 0, stop: int | None = None) -> Iterator[Logged]:
        """Read events in order, a batch at a time; dropped ones are left out.

        Raises:
            TokenError: an entry is none. StateError: the engine does not answer.
        """
        end = self.size if stop is None else min(stop, self.size)
        for index, data in self._entries(max(0, start), end):
            yield Logged(index, self.read(data), data)

    def _entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for batch in self._engine.batches(self._of, start, stop):
            for index, data in enumerate(batch.entries(), batch.first):
                if start <= index < stop:
                    yield index, data

    def __iter__(self) -> Iterator[AuditEvent]:
        for each in self.events():
            yield each.event

    def event(self, index: int) -> Logged:
        """Read one event.

        Raises:
            LookupError: there is none, or its body was dropped.
        """
        for each in self.events(index, index + 1):
            return each
        tree = self._engine.tree(self._of)
        message = f"event {index} was dropped" if 0 <= index < tree.kept else f"there is no event {index}"
        raise LookupError(message)

    def read(self, data: bytes) -> AuditEvent:
        """Read an event's bytes, with the route that it names; raises TokenError."""
        found = read(data)
        return found.event(self._route(found))

    def _route(self, found: Encoded) -> Route | None:
        if found.route_id is None:
            return None
        route = self._routes.get(found.route_id)
        if route is None:
            route = self._engine.route(self._of, found.route_id)
            if route is None or route.id != found.route_id:
                raise StateError(Reason.STATE_UNAVAILABLE, "the log does not have a route that an event names")
            if len(self._routes) >= _ROUTES_KEPT:
                self._routes = {}
            self._routes[found.route_id] = route
        return route

    def complete_since(self) -> int | None:
        """Say from when on every event is still in it, Unix seconds; `None`: it has none."""
        for each in self.events(self.kept_from, self.kept_from + 1):
            return each.event.time
        return None

    def last_used(self, thumbprints: Sequence[bytes]) -> Mapping[bytes, int]:
        """Say when each of these keys was last part of an allowed request, Unix seconds; those never seen are left out.

        Args:
            thumbprints: 32 bytes each.
        """
        found: dict[bytes, int] = {}
        for key in thumbprints:
            routes = self._engine.labelled(self._of, Label("key", key.hex()))
            rows = self._engine.tallies(self._of, Sought(routes=routes, refused=False)) if routes else ()
            times = [row.until for row in rows if is_of_decisions(row)]
            if routes and times:
                found[key] = max(times)
        return found

    # Proving.

    def tiles(self, size: int | None = None) -> Tiles:
        """Give the tree, for proofs."""

        def tile(level: int, number: int) -> bytes:
            return self._engine.tile(self._of, level, number)

        return Tiles(self.size if size is None else size, tile)

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the tree, as its tiles have it; whether the events bear it out, `verify` says."""
        return self.tiles().root(size)

    def checkpoint(self, signer: NoteSigner, *, memory: Memory | None = None) -> Note:
        """Sign what the tree is now, and keep it.

        First makes sure that the tree still begins with the last checkpoint that it signed: a log must never sign two
        trees that do not follow each other. What the log's own file says of that, whoever writes the file can change:
        `memory`, kept beside the key, they cannot. It also refuses to sign two trees with one key.

        Args:
            signer: the log's key.
            memory: what this key signed last, such as a `WitnessFile` beside it; `None`: the log's own file is
                believed.

        Raises:
            VerificationError: BAD_SIGNATURE: the tree is another than it was. StateError.
            ValueError: the key is no log's.
        """
        while True:
            tiles = self.tiles()
            kept = None
            last = self.checkpoints()
            if last:
                _check_begins_with(tiles, Checkpoint.parse(last[-1].text))
                kept = _kept(last[-1], signer, tiles.size)
            before = None if memory is None else memory.latest(signer.key.name)
            if before is not None:
                _check_begins_with(tiles, before)
            note = kept or Checkpoint(signer.key.name, tiles.size, tiles.root()).sign(signer)
            if memory is None or memory.advance(before, note):  # otherwise another process signed meanwhile
                break
        if kept is None:
            self._engine.add_checkpoint(self._of, tiles.size, note.to_text())
        return note

    def checkpoints(self) -> tuple[Note, ...]:
        """Give the checkpoints that were signed, the smallest first; nothing is checked."""
        return tuple(Note.parse(text) for _, text in self._engine.checkpoints(self._of))

    def keep_checkpoint(self, note: Note) -> None:
        """Keep a checkpoint that has more signatures now."""
        self._engine.add_checkpoint(self._of, Checkpoint.parse(note.text).size, note.to_text())

    def prove(self, index: int, note: Note) -> InclusionProof:
        """Prove that an event is in the tree of a checkpoint.

        Raises:
            ValueError: it is not among those that the checkpoint covers.
            VerificationError: BAD_SIGNATURE: the tree is not the one of the checkpoint.
        """
        checkpoint = Checkpoint.parse(note.text)
        tiles = self.tiles()
        if not 0 <= index < checkpoint.size:
            message = f"event {index} is not in a checkpoint of {checkpoint.size} events"
            raise ValueError(message)
        _check_begins_with(tiles, checkpoint)
        hashes = tiles.inclusion(index, checkpoint.size)
        check_inclusion(tiles.leaf(index), index, checkpoint.size, hashes, checkpoint.root)
        return InclusionProof(index, hashes, note)

    def verify(
        self, checkpoints: Sequence[Checkpoint] = (), *, progress: Callable[[int, int], None] | None = None
    ) -> Report:
        """Read the whole tree, and say what was changed; see `delegate.audit.verifying.verify`."""
        from delegate.audit.verifying import verify

        return verify(self, checkpoints, progress=progress)

    def drop(self, before: int) -> int:
        """Drop the bodies of events before an index, by whole batches; their hashes stay. Gives the first that is kept.

        Frees the space. What proves the events that are left is untouched.
        """
        return self._engine.drop(self._of, before)

    def close(self) -> None:
        """Write what was taken, and close every file and connection."""
        self._committer.flush(self._deadline_s)
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Log {self.url}>"


def connect(url: str, *, required: bool = False, tenant: str | None = None, deadline: float = DEADLINE_S) -> Log:
    """Open a log, and make it where there is none; see `Log`."""
    return Log(url, required=required, tenant=tenant, deadline=deadline)


def entry_hash(event: AuditEvent) -> bytes:
    """Give the leaf hash of an event, 32 bytes."""
    return leaf_hash(event.encode())


def _entry(event: AuditEvent) -> Entry:
    return Entry(event.encode(), event.route, event.time, indexed(event.kind, event.action), event.reason or "")


def _kept(note: Note, signer: NoteSigner, size: int) -> Note | None:
    """Give the note, if it is this signer's, of this size."""
    try:
        seen = open_checkpoint(note, (signer.key,))
    except DelegateError:
        return None
    return note if seen.checkpoint.size == size else None


def _check_begins_with(tiles: Tiles, before: Checkpoint) -> None:
    if before.size > tiles.size:
        detail = f"the log has {tiles.size} events, and a checkpoint of it {before.size}"
        raise VerificationError(Reason.BAD_SIGNATURE, detail)
    if tiles.root(before.size) != before.root:
        detail = f"the first {before.size} events are not those of the checkpoint; delegate audit verify says more"
        raise VerificationError(Reason.BAD_SIGNATURE, detail)


def _engine(url: str, deadline: float) -> Engine:
    """Open what a URL names; raises as `Log`."""
    from delegate.state.engines import file_of

    if url.startswith(("postgresql://", "postgres://")):
        try:
            from delegate.audit.postgres import PostgresLog
        except ImportError as error:
            message = "this log needs an extra: pip install 'delegate-token[postgres]'"
            raise ImportError(message) from error
        return PostgresLog(url, deadline=deadline)
    path = file_of(url) if url.startswith(_SQLITE) else None
    if path is None:
        message = "the URL of a log is sqlite:///audit.db, sqlite:////absolute/audit.db or postgresql://…"
        raise ValueError(message)
    from delegate.audit.sqlite import SqliteLog

    return SqliteLog(path, deadline=deadline)
