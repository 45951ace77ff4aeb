"""What was done in somebody's name, and through which agents: a tree by hop, out of a log (AUDIT §16.6).

The rules of this file:

- Nothing is loaded whole: counts come out of the index, events a page at a time.
- Counts are of decisions. What was handed out and taken back is among the events, and is no use of anything.
- What is found is what one tenant's tree says, and nothing of another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from delegate.audit.engine import Label, Sought, indexed, is_of_decisions
from delegate.audit.events import AuditEvent, Kind
from delegate.audit.log import Log, Logged
from delegate.audit.routes import Route, RouteHop
from delegate.errors import DelegateError
from delegate.limits import TIME_MAX

PAGE: Final = 20
PAGE_MAX: Final = 10_000
_BATCHES_AT_ONCE: Final = 256
BY: Final = ("originator", "agent", "sponsor", "owner", "block", "run", "purpose", "resource", "action", "approver")
_OF_ROUTE: Final = frozenset(BY[:7])
_OF_BODIES: Final = frozenset({"resource", "approver"})  # the index has neither


@dataclass(slots=True)
class Deeds:
    """How often one thing was done at one place of the tree.

    Attributes:
        allowed: how often it was.
        refused: reason → how often.
        since, until: the first and the last time, Unix seconds.
    """

    allowed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    since: int = 1 << 62
    until: int = 0

    def add(self, reason: str, count: int, since: int, until: int) -> None:
        """Count more of it."""
        if reason:
            self.refused[reason] = self.refused.get(reason, 0) + count
        else:
            self.allowed += count
        self.since = min(self.since, since)
        self.until = max(self.until, until)

    @property
    def refused_count(self) -> int:
        """How often it was refused, for whatever reason."""
        return sum(self.refused.values())

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "allowed": self.allowed,
            "refused": dict(sorted(self.refused.items())),
            "since": self.since if self.until else None,
            "until": self.until or None,
        }


@dataclass(slots=True)
class Node:
    """One party of a tree, below the one that handed to it.

    Attributes:
        name: whose it is.
        vouched: whether something bears the name out at every route that leads here.
        sponsor: the person who answers for it; `None`: not known, or several.
        below: name → whom it handed to.
        actions: what it did itself.
        purposes: for what, as the chains say.
        chains: through how many chains.
    """

    name: str
    vouched: bool = True
    sponsor: str | None = None
    below: dict[str, Node] = field(default_factory=dict)
    actions: dict[str, Deeds] = field(default_factory=dict)
    purposes: set[str] = field(default_factory=set)
    chains: int = 0

    def total(self) -> Deeds:
        """Sum up all that was done here and below."""
        found = Deeds()
        for each in (*self.actions.values(), *(node.total() for node in self.below.values())):
            found.allowed += each.allowed
            for reason, count in each.refused.items():
                found.refused[reason] = found.refused.get(reason, 0) + count
            found.since, found.until = min(found.since, each.since), max(found.until, each.until)
        return found

    def to_json(self) -> dict[str, object]:
        """Give the tree as JSON values."""
        return {
            "name": self.name,
            "vouched": self.vouched,
            "sponsor": self.sponsor,
            "purposes": sorted(self.purposes),
            "chains": self.chains,
            "total": self.total().to_json(),
            "actions": {action: self.actions[action].to_json() for action in sorted(self.actions)},
            "below": [self.below[name].to_json() for name in sorted(self.below)],
        }


class Question(NamedTuple):
    """What is asked of a log.

    Attributes:
        by: one of `BY`; `None`: everything.
        value: what it must be; of a resource a pattern.
        since, until: Unix seconds; `None`: any.
        refused: only refusals.
    """

    by: str | None = None
    value: str = ""
    since: int | None = None
    until: int | None = None
    refused: bool = False


class Page(NamedTuple):
    """Some events, the latest first.

    Attributes:
        events: at most as many as were asked for.
        before: index to go on before; `None`: there are no more.
    """

    events: tuple[Logged, ...]
    before: int | None


@dataclass(slots=True)
class Traced:
    """What was found.

    Attributes:
        question: what was asked.
        roots: originator → the tree below.
        unverified: what was refused before any chain was verified.
        total: over all of it.
        dropped: how many events of the log were dropped, and are not in here.
    """

    question: Question
    roots: dict[str, Node]
    unverified: Deeds
    total: Deeds
    dropped: int

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "by": self.question.by,
            "value": self.question.value or None,
            "since": self.question.since,
            "until": self.question.until,
            "total": self.total.to_json(),
            "unverified": self.unverified.to_json(),
            "dropped": self.dropped,
            "trees": [self.roots[name].to_json() for name in sorted(self.roots)],
        }


def asked_for(log: Log, text: str) -> Question:
    """Say what a name asks for: a person or service in whose name something was done, else an agent, a block, a run."""
    tenant = log.tenant or ""
    for by in ("originator", "agent", "block", "run", "sponsor"):
        if log.engine.labelled(tenant, Label(by, text)):
            return Question(by, text)
    return Question("originator" if text.startswith("user:") else "agent", text)


def trace(log: Log, question: Question, *, progress: Callable[[int, int], None] | None = None) -> Traced:
    """Say what was done, as a tree by hop.

    Cost: one question to the index, and reading the batches that `since` or `until` cuts through. A resource and an
    approver stand in the events alone: then all of those in question are read.
    """
    found = Traced(question, {}, Deeds(), Deeds(), log.kept_from)
    seen: set[tuple[int, int]] = set()
    if question.by in _OF_BODIES:
        for logged in matching(log, question, None, progress):
            event = logged.event
            if event.kind is Kind.DECISION:
                _add(found, event.route, event.action, event.reason or "", 1, event.time, event.time, seen)
        return found
    sought = _sought(log, question)
    if sought is None:
        return found
    tenant = log.tenant or ""
    rows = [
        row
        for row in log.engine.tallies(tenant, sought._replace(cut=False))
        if is_of_decisions(row) and (question.by != "action" or row.action == question.value)
    ]
    routes = dict(log.engine.routes(tenant, {row.route for row in rows if row.route}))
    for row in rows:
        _add(found, routes.get(row.route), row.action, row.reason, row.many, row.since, row.until, seen)
    if question.since is not None or question.until is not None:
        for event in _cut_through(log, question, sought._replace(cut=True)):
            _add(found, event.route, event.action, event.reason or "", 1, event.time, event.time, seen)
    return found


def _cut_through(log: Log, question: Question, sought: Sought) -> Iterator[AuditEvent]:
    """Give the events that match, of those rows of the index whose times a question cuts through."""
    wanted = _wanted(question)
    since = question.since or 0
    until = TIME_MAX if question.until is None else question.until
    while True:
        firsts = log.engine.firsts(log.tenant or "", sought, _BATCHES_AT_ONCE)
        for first in firsts:
            rows: dict[tuple[Route | None, str, str | None], list[AuditEvent]] = {}
            for logged in _batch(log, first):
                event = logged.event
                action = indexed(event.kind, event.action)
                rows.setdefault((event.route, action, event.reason), []).append(event)
            for events in rows.values():
                times = [event.time for event in events]
                if min(times) < since or max(times) > until:
                    yield from (event for event in events if event.kind is Kind.DECISION and wanted(event))
        if len(firsts) < _BATCHES_AT_ONCE:
            return
        sought = sought._replace(before=firsts[-1])


def page(
    log: Log,
    question: Question,
    *,
    limit: int = PAGE,
    before: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Page:
    """Give the latest events that are asked for, before an index; the latest first.

    Raises:
        ValueError: a limit that is not from 1 to 10,000.
    """
    if not 1 <= limit <= PAGE_MAX:
        message = f"a page has 1 to {PAGE_MAX} events"
        raise ValueError(message)
    events: list[Logged] = []
    for logged in matching(log, question, before, progress):
        if len(events) == limit:
            return Page(tuple(events), events[-1].number)
        events.append(logged)
    return Page(tuple(events), None)


def _sought(log: Log, question: Question, before: int | None = None) -> Sought | None:
    routes: frozenset[int] | None = None
    if question.by in _OF_ROUTE:
        routes = log.engine.labelled(log.tenant or "", Label(question.by or "", question.value))
        if not routes:
            return None
    return Sought(routes, question.since, question.until, before, True if question.refused else None)


def matching(
    log: Log,
    question: Question,
    before: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Logged]:
    """Give the events that are asked for, before an index, the latest first; never more than a batch at a time."""
    tenant, end = log.tenant or "", log.size
    at = end if before is None else min(before, end)
    wanted = _wanted(question)
    first_before = at
    while True:
        sought = _sought(log, question, first_before)
        if sought is None:
            return
        firsts = log.engine.firsts(tenant, sought, _BATCHES_AT_ONCE)
        for first in firsts:
            for logged in reversed(_batch(log, first)):
                if logged.number < at and wanted(logged.event):
                    yield logged
        if len(firsts) < _BATCHES_AT_ONCE:
            return
        first_before = firsts[-1]
        if progress is not None:
            progress(end - first_before, end)


def _batch(log: Log, first: int) -> list[Logged]:
    """Read one batch; what is no event is left out, and is for `verify` to tell."""
    found = []
    for batch in log.engine.batches(log.tenant or "", first, first + 1):
        for index, data in enumerate(batch.entries(), batch.first):
            try:
                found.append(Logged(index, log.read(data), data))
            except DelegateError:
                continue
    return found


def _wanted(question: Question) -> Callable[[AuditEvent], bool]:
    by, value = question.by, question.value
    tests: list[Callable[[AuditEvent], bool]] = []
    if question.since is not None:
        since = question.since
        tests.append(lambda event: event.time >= since)
    if question.until is not None:
        until = question.until
        tests.append(lambda event: event.time <= until)
    if question.refused:
        tests.append(lambda event: not event.allowed)
    if by == "resource":
        tests.append(_resource(value))
    elif by == "action":
        tests.append(lambda event: event.action == value)
    elif by == "approver":
        tests.append(lambda event: value in event.approvers)
    elif by is not None:
        tests.append(lambda event: event.route is not None and _has(event.route, by, value))
    return lambda event: all(test(event) for test in tests)


def _resource(value: str) -> Callable[[AuditEvent], bool]:
    from delegate.core.patterns.matching import compile_pattern

    matches = compile_pattern(value, "/")
    return lambda event: event.resource is not None and (event.resource == value or matches(event.resource))


def _has(route: Route, by: str, value: str) -> bool:
    if by == "originator":
        return route.originator == value
    return any(_hop_has(hop, by, value) for hop in route.hops)


def _hop_has(hop: RouteHop, by: str, value: str) -> bool:
    return value == {
        "agent": hop.name,
        "sponsor": hop.sponsor,
        "owner": hop.owner,
        "block": hop.block_id.hex(),
        "run": hop.who.get("run"),
        "purpose": hop.why,
    }.get(by)


def _add(
    found: Traced,
    route: Route | None,
    action: str,
    reason: str,
    count: int,
    since: int,
    until: int,
    seen: set[tuple[int, int]],
) -> None:
    found.total.add(reason, count, since, until)
    if route is None:
        found.unverified.add(reason, count, since, until)
        return
    node = found.roots.get(route.originator)
    if node is None:
        node = found.roots[route.originator] = Node(route.originator)
    for hop in route.hops:
        if hop.name != node.name:
            below = node.below.get(hop.name)
            if below is None:
                below = node.below[hop.name] = Node(hop.name, sponsor=hop.sponsor)
            node = below
            node.vouched &= hop.vouched is not None
            if node.sponsor != hop.sponsor:
                node.sponsor = None
    if route.purpose:
        node.purposes.add(route.purpose)
    mark = (id(node), hash(route.id))
    if mark not in seen:
        seen.add(mark)
        node.chains += 1
    node.actions.setdefault(action, Deeds()).add(reason, count, since, until)
