"""Advice and reports, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from delegate.audit.advise import Advice
from delegate.audit.report import FleetReport
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.spans import span
from delegate.views.moments import moment

_ENOUGH = 4_000


def advice_lines(found: Advice) -> Iterator[str]:
    """Write what was granted and used, what would be enough, and how that was proven."""
    if not found.chains:
        yield "nothing"
        return
    yield f"{shown(found.agent)}: {moment(found.since)} to {moment(found.until)}, {counted(found.chains, 'chain')}"
    yield f"used {counted(found.used, 'time')}, {counted(found.distinct, 'different request')}"
    yield "granted"
    for each in found.granted:
        yield f"  {'✓' if each.used else '✗'} {shown(each.text, _ENOUGH)}  " + (
            f"used {counted(each.used, 'time')}" if each.used else "never used"
        )
    if found.rare:
        yield "hardly used: " + ", ".join(f"{shown(action)} ({count})" for action, count in found.rare.items())
    if not found.suggested:
        yield "no suggestion" if not found.used else "no suggestion: none would allow all that was used"
        return
    yield "enough would be"
    for capability in found.suggested:
        yield f"  {shown(str(capability), _ENOUGH)}"
    if not found.recorded:
        yield "  (arguments were not recorded, so they are not limited)"
    yield f"replayed: {found.covered} of {found.used} allowed"
    yield (
        f"of {counted(found.others, 'other request')} in the log: "
        f"{found.others_before} permitted before, {found.others_after} after"
    )
    if found.beyond:
        yield "it would also allow"
        for line in found.beyond:
            yield f"  {shown(line, _ENOUGH)}"
    yield found.command


def report_lines(found: FleetReport) -> Iterator[str]:
    """Write one agent after the other."""
    for row in found.rows:
        last = "never used" if row.last is None else f"last used {moment(row.last)}"
        refused = f", ✗ {row.refused} refused" if row.refused else ""
        yield f"{shown(row.agent)}: used {counted(row.used, 'time')}{refused}, {last}"
        for text in row.unused:
            yield f"  ✗ never used: {shown(text, _ENOUGH)}"
        if row.used and row.longest_s > row.needed_s:
            yield f"  ✗ chains live for {span(row.longest_s)}, and are used for {span(row.needed_s)}"
    if found.never:
        yield "never used: " + ", ".join(map(shown, found.never))
    if found.complete_since is not None:
        yield f"the log has every event since {moment(found.complete_since)}"
