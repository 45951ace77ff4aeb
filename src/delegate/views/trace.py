"""What a log says, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from delegate.audit.events import AuditEvent
from delegate.audit.log import Logged
from delegate.audit.sinks import one_line
from delegate.audit.trace import Deeds, Node, Traced
from delegate.core.chain.printable import counted, shown
from delegate.views.moments import moment

_COLUMN = 44


def traced_lines(found: Traced) -> Iterator[str]:
    """Write a tree by hop; refusals stand out."""
    if not found.total.until:
        yield "nothing"
    for name in sorted(found.roots):
        yield from _node(found.roots[name], 0)
    if found.unverified.until:
        yield from _deeds("refused before any chain was verified", found.unverified, 0)
    if found.dropped:
        yield f"{counted(found.dropped, 'event')} of this log were dropped, and are not in here"


def _node(node: Node, depth: int) -> Iterator[str]:
    marks = []
    if depth and not node.vouched:
        marks.append("as named by the hop above")
    if node.sponsor:
        marks.append(f"sponsor {shown(node.sponsor)}")
    if node.purposes:
        some = sorted(node.purposes)
        marks.append("for " + ", ".join(shown(each, 60) for each in some[:3]) + (", …" if len(some) > 3 else ""))
    lead = "" if depth == 0 else "  " * (depth - 1) + "└ "
    head = f"{lead}{shown(node.name)}"
    yield f"{head}  ({'; '.join(marks)})" if marks else head
    for action in sorted(node.actions):
        yield from _deeds(shown(action), node.actions[action], depth + 1)
    for name in sorted(node.below):
        yield from _node(node.below[name], depth + 1)


def _deeds(what: str, deeds: Deeds, depth: int) -> Iterator[str]:
    lead = "  " * depth
    when = f"{moment(deeds.since)} to {moment(deeds.until)}" if deeds.since != deeds.until else moment(deeds.until)
    counts = [f"{deeds.allowed} allowed"] if deeds.allowed else []
    if deeds.refused:
        counts.append(f"✗ {deeds.refused_count} refused")
    yield f"{lead + what:<{_COLUMN}}  {', '.join(counts)}  {when}"
    for reason in sorted(deeds.refused):
        yield f"{lead}  ✗ {deeds.refused[reason]} {reason}"


def logged_line(logged: Logged) -> str:
    """Write one event in one line."""
    mark = "✓" if logged.event.allowed else "✗"
    return f"{mark} {logged.number:>8}  {moment(logged.event.time)}  {one_line(logged.event)}"


def event_lines(logged: Logged) -> Iterator[str]:
    """Write all that one event says."""
    event = logged.event
    yield f"event {logged.number}: {event.outcome}"
    yield f"  when       {moment(event.time)}"
    yield f"  service    {shown(event.service)}" + (f", tenant {shown(event.tenant)}" if event.tenant else "")
    yield f"  request    {shown(event.action)}" + ("" if event.resource is None else f" {shown(event.resource, 400)}")
    yield from _optional(event)
    if event.route is not None:
        yield f"  originator {shown(event.route.originator)}"
        for place, hop in enumerate(event.hops):
            sure = f"borne out by {hop.vouched}" if hop.vouched else f"named by {shown(hop.signer)}"
            answer = f"; sponsor {shown(hop.sponsor)}" if hop.sponsor else ""
            facts = "".join(f"; {shown(name)} {shown(value)}" for name, value in hop.who.items())
            yield f"  hop {place}      {shown(hop.signer)} → {shown(hop.name)} ({sure}{answer}{facts})"
            yield f"             block {hop.block_id.hex()}"
            if hop.why:
                yield f"             for {shown(hop.why)}"


def _optional(event: AuditEvent) -> Iterator[str]:
    if event.reason is not None:
        where = "" if event.hop is None else f" at hop {event.hop}"
        yield f"  reason     ✗ {event.reason}{where}"
    condition = event.condition_text()
    if condition is not None:
        yield f"  condition  {shown(condition, 400)}"
    if event.args is not None:
        import json

        yield f"  arguments  {shown(json.dumps(event.to_json()['args']), 1000)}"
    if event.claimed is not None:
        yield f"  claimed    {shown(event.claimed.holder)} for {shown(event.claimed.originator)}; nobody verified it"
    if event.approvers:
        yield f"  confirmed  {', '.join(map(shown, event.approvers))}"
    if event.charges:
        yield f"  charged    {', '.join(f'{amount} {shown(unit)}' for unit, amount in event.charges.items())}"
    if event.traceparent:
        yield f"  trace      {event.traceparent}"
    if event.omitted:
        yield f"  omitted    {counted(event.omitted, 'such refusal')} before it, counted and not written down"
