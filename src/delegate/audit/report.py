"""A fleet at a glance: what its agents have and do not use (AUDIT §16.10).

The rules of this file:

- Of whom the log cannot know, nothing is said: an agent that was never seen may be new, or its events dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from delegate.audit.advise import Advice, advise
from delegate.audit.engine import Sought, Tally, is_of_decisions
from delegate.audit.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent.

    Attributes:
        agent: its name.
        last: when it was last allowed something, Unix seconds; `None`: never, as far as the log goes back.
        used: how often.
        refused: how often it was refused.
        unused: capabilities of its chains that no allowed request fell under: what it would lose.
        longest_s: how long a chain of it is good, at most, from its signing on.
        needed_s: how long one was used, at most.
    """

    agent: str
    last: int | None
    used: int
    refused: int
    unused: tuple[str, ...]
    longest_s: int
    needed_s: int

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "agent": self.agent,
            "last": self.last,
            "used": self.used,
            "refused": self.refused,
            "unused": list(self.unused),
            "longest": self.longest_s,
            "needed": self.needed_s,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """All agents of a log.

    Attributes:
        rows: by name.
        never: agents that somebody named, or that chains name, and that never were allowed anything.
        complete_since: from when on every event is in the log, Unix seconds; `None`: it has none.
    """

    rows: tuple[Row, ...]
    never: tuple[str, ...]
    complete_since: int | None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "agents": [each.to_json() for each in self.rows],
            "never_used": list(self.never),
            "complete_since": self.complete_since,
        }


def report(
    log: Log,
    *,
    since: int | None = None,
    agents: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> FleetReport:
    """Say what each agent has and does not use.

    Args:
        log: its `tenant` says whose.
        since: only what happened since then, Unix seconds.
        agents: names of agents that there are, as a directory knows them.
        progress: told how many of how many agents were looked at.
    """
    tenant = log.tenant or ""
    named = {label.value for _, label in log.engine.labels(tenant) if label.kind == "agent"}
    holders: dict[str, list[int]] = {}
    lifetimes: dict[str, int] = {}
    for number, route in log.engine.routes(tenant):
        holder = route.holder
        holders.setdefault(holder, []).append(number)
        ends = [hop.expires for hop in route.hops if hop.expires is not None]
        if ends:
            lived = min(ends) - route.hops[-1].issued
            lifetimes[holder] = max(lifetimes.get(holder, 0), lived)
    rows = []
    for place, (agent, numbers) in enumerate(sorted(holders.items())):
        tallies = list(log.engine.tallies(tenant, Sought(routes=frozenset(numbers), since=since)))
        advice = advise(log, agent, since=since)
        rows.append(_row(agent, tallies_used(tallies), advice, lifetimes.get(agent, 0)))
        if progress is not None:
            progress(place + 1, len(holders))
    idle = {row.agent for row in rows if row.last is None}
    never = sorted((named | {*agents}) - {row.agent for row in rows} | idle)
    return FleetReport(rows=tuple(rows), never=tuple(never), complete_since=log.complete_since())


def tallies_used(tallies: Iterable[Tally]) -> tuple[int, int, int | None]:
    """Sum up: how often allowed, how often refused, and when last allowed."""
    used = refused = 0
    last: int | None = None
    for each in tallies:
        if not is_of_decisions(each):
            continue
        if each.reason:
            refused += each.many
        else:
            used += each.many
            last = each.until if last is None else max(last, each.until)
    return used, refused, last


def _row(agent: str, sums: tuple[int, int, int | None], advice: Advice, longest_s: int) -> Row:
    used, refused, last = sums
    return Row(
        agent=agent,
        last=last,
        used=used,
        refused=refused,
        unused=tuple(each.text for each in advice.granted if not each.used),
        longest_s=longest_s,
        needed_s=advice.ttl_s if used else 0,
    )
