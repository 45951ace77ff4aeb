"""Reading a whole tree, and saying what of it was changed, and where (AUDIT §16.5).

The rules of this file:

- Entries are hashed anew and compared with the tiles, tiles with the tiles above, and the root with checkpoints: who
  changes an entry has to change all of these, and cannot change a checkpoint that was kept elsewhere.
- A checkpoint out of the log itself is the operator's word, and nothing that was changed with it would show.
- The index is compared with the entries: what it leaves out would be found by nobody.
- Everything is read as a stream: a log may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from delegate.audit.engine import Batch, Label, Tally, indexed, labels_of
from delegate.audit.events import read
from delegate.audit.routes import Route
from delegate.audit.tree.checkpoints import Checkpoint
from delegate.audit.tree.merkle import HASH_BYTES, TILE_WIDTH, joined, levels
from delegate.audit.tree.notes import Note
from delegate.errors import DelegateError, VerificationError

if TYPE_CHECKING:
    from delegate.audit.log import Log

FAULTS_SHOWN: Final = 100
_MISSING_MOST: Final = 256  # tiles in a row
_Key = tuple[bytes | None, str, str]


class Fault(NamedTuple):
    """Something that is not as it was.

    Attributes:
        event: the first event that it is about; `None` where it is about none in particular.
        detail: what it is.
    """

    event: int | None
    detail: str


class Report(NamedTuple):
    """What reading a log came to.

    Attributes:
        size: events in the tree.
        kept: index of the first whose body is there still; those before it are proven by their hashes alone.
        proven: how many events a checkpoint that was given covers.
        checkpoints: how many checkpoints held, those in the log among them.
        faults: what is not as it was; at most 100 of them.
        fault_count: how many there are.
    """

    size: int
    kept: int
    proven: int
    checkpoints: int
    faults: tuple[Fault, ...]
    fault_count: int

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.fault_count

    @property
    def unproven(self) -> int:
        """How many events no checkpoint that was given covers: nobody can tell whether they are as they were."""
        return self.size - self.proven


class _Faults:
    """Collects faults, and only counts those beyond the first hundred."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.count = 0

    def add(self, index: int | None, detail: str) -> None:
        self.count += 1
        if len(self.found) < FAULTS_SHOWN:
            self.found.append(Fault(index, detail))


def verify(
    log: Log, checkpoints: Sequence[Checkpoint] = (), *, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Read the whole tree of a log.

    Args:
        log: its `tenant` says which tree.
        checkpoints: kept elsewhere, and their signatures checked. Without any, a log that was written anew from its
            beginning cannot be told from the one that it was.
        progress: told now and then how many of how many events were read.

    Raises:
        StateError: the engine does not answer.

    Cost: some 15 µs an event.
    """
    tenant = log.tenant or ""
    size, kept = log.engine.tree(tenant)
    faults = _Faults()
    _check_entries(log, tenant, size, kept, faults, progress)
    _check_tiles(log, tenant, size, faults)
    held, proven = _check_checkpoints(log, size, checkpoints, faults)
    wrong = [fault.event for fault in faults.found if fault.event is not None]
    if wrong:  # nothing is proven of what comes behind
        proven = min(proven, *wrong)
    return Report(size, kept, proven, held, tuple(faults.found), faults.count)


def _check_entries(
    log: Log, tenant: str, size: int, kept: int, faults: _Faults, progress: Callable[[int, int], None] | None
) -> None:
    routes: dict[int, Route] = {}
    _check_routes(log, tenant, routes, faults)
    index = _Rows(log.engine.index(tenant), {number: route.id for number, route in routes.items()})
    known = {route.id for route in routes.values()}
    expected = kept
    number, tile = -1, b""
    for batch in log.engine.batches(tenant, kept, size):
        if batch.first != expected:
            what = "missing" if batch.first > expected else "there twice"
            faults.add(min(batch.first, expected), f"events {expected} to {batch.first - 1} are {what}")
        entries = batch.entries()
        if len(entries) != batch.many:
            faults.add(batch.first, f"{len(entries)} events where there were {batch.many}")
        if batch.first + len(entries) > size:
            faults.add(size, "more events than the tree has")
        counted: dict[_Key, list[int]] = {}
        at = batch.first
        for data in entries:
            if at >> 8 != number:
                number = at >> 8
                tile = log.engine.tile(tenant, 0, number)
            place = (at & 255) * HASH_BYTES
            if sha256(b"\x00" + data).digest() != tile[place : place + HASH_BYTES]:
                faults.add(at, "its body is not the one that was written")
            _count(at, data, known, counted, faults)
            at += 1
        index.compare(batch, counted, faults)
        expected = batch.first + batch.many
        if progress is not None:
            progress(at, size)
    if expected < size:
        faults.add(expected, f"events {expected} to {size - 1} are missing")
    index.end(faults)


def _count(at: int, data: bytes, known: set[bytes], counted: dict[_Key, list[int]], faults: _Faults) -> None:
    try:
        found = read(data)
    except DelegateError as error:
        faults.add(at, f"it is no event: {error.detail}")
        return
    route_id, time = found.route_id, found.time
    if route_id is not None and route_id not in known:
        faults.add(at, "the route that it names is not there, or is another")
    key = (route_id, indexed(found.kind, found.action), found.reason or "")
    row = counted.get(key)
    if row is None:
        counted[key] = [1, time, time]
    else:
        row[0] += 1
        row[1] = min(row[1], time)
        row[2] = max(row[2], time)


class _Rows:
    """The rows of the index, batch by batch."""

    def __init__(self, rows: Iterator[Tally], routes: dict[int, bytes]) -> None:
        self._rows = rows
        self._routes = routes
        self._next = next(rows, None)

    def compare(self, batch: Batch, counted: dict[_Key, list[int]], faults: _Faults) -> None:
        """Compare a batch with its rows."""
        found: dict[_Key, list[int]] = {}
        is_sound = True
        while self._next is not None and self._next.first <= batch.first:
            row = self._next
            self._next = next(self._rows, None)
            route_id = self._routes.get(row.route) if row.route else None
            is_sound &= row.first == batch.first and (row.route == 0 or route_id is not None)
            found[route_id, row.action, row.reason] = [row.many, row.since, row.until]
        if not is_sound or found != counted:
            last = batch.first + batch.many - 1
            faults.add(batch.first, f"the index of events {batch.first} to {last} is not what they say")

    def end(self, faults: _Faults) -> None:
        """Say where there are more rows than batches."""
        if self._next is not None:
            faults.add(self._next.first, "the index has events that are not there")


def _check_routes(log: Log, tenant: str, routes: dict[int, Route], faults: _Faults) -> None:
    labels: dict[int, set[Label]] = {}
    for number, label in log.engine.labels(tenant):
        labels.setdefault(number, set()).add(label)
    for number, route in log.engine.routes(tenant):
        routes[number] = route
        try:
            expected = labels_of(route)
        except DelegateError:
            faults.add(None, f"route {number} is no route")
            continue
        if labels.pop(number, set()) != expected:
            faults.add(None, f"route {number} is not found by what it says")
    if labels:
        faults.add(None, "the index has routes that are not there")


def _check_tiles(log: Log, tenant: str, size: int, faults: _Faults) -> None:
    for level, width in levels(size):
        above, missing = b"", 0
        for number in range((width + TILE_WIDTH - 1) // TILE_WIDTH):
            tile = log.engine.tile(tenant, level, number)
            missing = 0 if tile else missing + 1
            if missing > _MISSING_MOST:  # a size that is not so: what is not there is not counted
                faults.add(number << 8 * (level + 1), f"the tiles of level {level} from {number} on are missing")
                break
            expected = min(TILE_WIDTH, width - number * TILE_WIDTH)
            first = number << 8 * (level + 1)
            if len(tile) != expected * HASH_BYTES:
                faults.add(first, f"tile {number} of level {level} has not the size that it must have")
            elif expected == TILE_WIDTH:
                if number % TILE_WIDTH == 0:
                    above = log.engine.tile(tenant, level + 1, number // TILE_WIDTH)
                place = number % TILE_WIDTH * HASH_BYTES
                if joined(tile) != above[place : place + HASH_BYTES]:
                    last = min(size, (number + 1) << 8 * (level + 1)) - 1
                    faults.add(first, f"the hashes of events {first} to {last} are not those that were written")


def _check_checkpoints(log: Log, size: int, given: Sequence[Checkpoint], faults: _Faults) -> tuple[int, int]:
    """Compare the tree with checkpoints; give how many held, and how far those that were given reach."""
    tiles = log.tiles(size)
    held = proven = good = 0
    bad: int | None = None
    own: list[Checkpoint] = []
    for _, text in log.engine.checkpoints(log.tenant or ""):
        try:
            own.append(Checkpoint.parse(Note.parse(text).text))
        except DelegateError as error:
            faults.add(None, f"a checkpoint in the log is none: {error.detail}")
    elsewhere = set(given)
    for each in sorted({*own, *given}, key=lambda checkpoint: checkpoint.size):
        whose = "" if each in elsewhere else " in the log itself"
        if each.size > size:
            faults.add(size, f"the checkpoint{whose} of {each.size} events has more than the log: some were cut off")
            continue
        try:
            is_held = tiles.root(each.size) == each.root
        except VerificationError:
            is_held = False
        if is_held:
            held += 1
            good = max(good, each.size if bad is None else good)
            if each in elsewhere:
                proven = max(proven, each.size)
        else:
            bad = each.size if bad is None else bad
            where = f"events {good} to {each.size - 1}" if each.size else "nothing"
            faults.add(good, f"{where} are not those of the checkpoint{whose} of {each.size} events")
    return held, proven
