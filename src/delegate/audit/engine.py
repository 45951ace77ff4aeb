"""What a log needs of an engine: a tree of its own for each tenant, appended to in batches (AUDIT §16.3).

The rules of this file:

- The tenant is part of every question. No number, order or uniqueness of one tree tells of another.
- A batch is one transaction: entries, tiles, index and routes, all on the disk or none of it.
- Of an index nothing is believed that the entries do not bear out: `verify` compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from delegate.audit.events import Kind
from delegate.audit.routes import Route
from delegate.audit.tree.merkle import SIZE_MAX
from delegate.state.common import unavailable

NO_ROUTE: Final = 0
BATCH_MAX: Final = 4_096
_LENGTH_BYTES: Final = 2


class Entry(NamedTuple):
    """One event on its way into a log.

    Attributes:
        data: its bytes.
        route: the route that it names; `None`: it names none.
        time: Unix seconds.
        action: what was asked, as `indexed` gives it.
        reason: why it was refused; empty where it was allowed.
    """

    data: bytes
    route: Route | None
    time: int
    action: str
    reason: str


class Tally(NamedTuple):
    """How often one thing happened within one batch: what is looked at first when something is sought.

    Attributes:
        route: number of the route in this tree; 0 for none.
        action: what was asked.
        reason: why it was refused; empty where it was allowed.
        first: index of the batch's first entry.
        many: how often.
        since, until: the first and the last time, Unix seconds.
    """

    route: int
    action: str
    reason: str
    first: int
    many: int
    since: int
    until: int


class Batch(NamedTuple):
    """Entries that were written at once: an entry bundle of tlog-tiles, of any length."""

    first: int
    many: int
    bodies: bytes

    def entries(self) -> list[bytes]:
        """Give the entries; fewer or more than `many` where the bytes are not what they were."""
        found = []
        at, data = 0, self.bodies
        while at + _LENGTH_BYTES <= len(data):
            end = at + _LENGTH_BYTES + (data[at] << 8 | data[at + 1])
            if end > len(data):
                break
            found.append(data[at + _LENGTH_BYTES : end])
            at = end
        if at != len(data):
            found.append(data[at:])
        return found


class Label(NamedTuple):
    """By what a route is found: `originator`, `agent`, `key`, `sponsor`, `owner`, `block`, `run` or `purpose`."""

    kind: str
    value: str


class Tree(NamedTuple):
    """What is known of a tenant's tree.

    Attributes:
        size: how many entries it has.
        kept: index of the first whose body is there still.
    """

    size: int
    kept: int


class Sought(NamedTuple):
    """What tallies are sought.

    Attributes:
        routes: numbers of routes; `None`: any.
        since, until: Unix seconds; `None`: any.
        before: only batches that begin before this index; `None`: all.
        refused: only refusals, or only what was allowed; `None`: both.
        cut: only rows whose times reach beyond `since` or `until`, or only those whose times do not; `None`: both.
    """

    routes: frozenset[int] | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    refused: bool | None = None
    cut: bool | None = None


class Engine(Protocol):
    """Keeps trees. Safe under threads, processes and `fork`.

    Every method may raise StateError: STATE_UNAVAILABLE.
    """

    @property
    def url(self) -> str:
        """Which engine, host and database, as may be shown."""

    @property
    def id(self) -> bytes:
        """Which log this is: 16 random bytes."""

    def append(self, tenant: str, entries: Sequence[Entry]) -> int:
        """Add entries to a tree, durably; give the index of the first."""

    def tree(self, tenant: str) -> Tree:
        """Say how large a tree is; of one that there is not, that it is empty."""

    def tile(self, tenant: str, level: int, number: int) -> bytes:
        """Give a tile; empty where there is none."""

    def batches(self, tenant: str, start: int, stop: int) -> Iterator[Batch]:
        """Give the batches that hold any entry from `start` on and before `stop`, in order."""

    def tallies(self, tenant: str, sought: Sought) -> Iterator[Tally]:
        """Give what happened, summed up over batches, where that can be: by route, action and reason.

        `first` is that of the first batch, and `many`, `since` and `until` are over all of them.
        """

    def index(self, tenant: str) -> Iterator[Tally]:
        """Give every row of the index, in the order of the batches."""

    def firsts(self, tenant: str, sought: Sought, limit: int) -> list[int]:
        """Give where the latest batches begin in which something sought happened, the latest first."""

    def routes(self, tenant: str, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, Route]]:
        """Give routes by their numbers; `None`: all."""

    def route(self, tenant: str, route_id: bytes) -> Route | None:
        """Give a route by its SHA-256; `None` where there is none."""

    def labelled(self, tenant: str, label: Label) -> frozenset[int]:
        """Give the numbers of the routes that have a label."""

    def labels(self, tenant: str) -> Iterator[tuple[int, Label]]:
        """Give every label."""

    def checkpoints(self, tenant: str) -> list[tuple[int, str]]:
        """Give the checkpoints that were signed: size and note, the smallest first."""

    def add_checkpoint(self, tenant: str, size: int, note: str) -> None:
        """Keep a checkpoint, durably; one of the same size is replaced."""

    def drop(self, tenant: str, before: int) -> int:
        """Drop the bodies of whole batches of entries before an index; give the first index that is kept."""

    def close(self) -> None:
        """Close every file and connection."""


def tree_of(size: int, kept: int) -> Tree:
    """Give what is known of a tree; raises StateError where there can be none such."""
    if not 0 <= kept <= size <= SIZE_MAX:
        message = "the log says of a tree what none can have"
        raise unavailable(message)
    return Tree(size, kept)


def indexed(kind: int, action: str) -> str:
    """Give what an event's action is in the index: of what is no decision, another than any decision has."""
    return action if kind == Kind.DECISION else f"{Kind(kind).word} {action}"


def is_of_decisions(row: Tally) -> bool:
    """Say whether a row counts decisions, and not what was handed out and taken back: no action has a space in it."""
    return " " not in row.action


def framed(entries: Iterable[Entry]) -> bytes:
    """Write entries one behind the other, each with its length in two bytes."""
    parts: list[bytes] = []
    for each in entries:
        data = each.data
        parts.append(len(data).to_bytes(_LENGTH_BYTES))
        parts.append(data)
    return b"".join(parts)


def tallied(entries: Iterable[Entry]) -> dict[tuple[Route | None, str, str], list[int]]:
    """Count entries by route, action and reason: → count, since, until."""
    found: dict[tuple[Route | None, str, str], list[int]] = {}
    for _, route, time, action, reason in entries:
        key = (route, action, reason)
        row = found.get(key)
        if row is None:
            found[key] = [1, time, time]
        else:
            row[0] += 1
            if time > row[2]:
                row[2] = time
            elif time < row[1]:
                row[1] = time
    return found


def labels_of(route: Route) -> set[Label]:
    """Say by what a route is to be found."""
    found = {Label("originator", route.originator), Label("key", route.root_thumbprint.hex())}
    for hop in route.hops:
        found.add(Label("agent", hop.name))
        found.add(Label("block", hop.block_id.hex()))
        found.add(Label("key", hop.thumbprint.hex()))
        for kind, value in (("sponsor", hop.sponsor), ("owner", hop.owner), ("run", hop.who.get("run"))):
            if value:
                found.add(Label(kind, value))
        if hop.why:
            found.add(Label("purpose", hop.why))
    return found
