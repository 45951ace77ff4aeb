"""Less privilege, from evidence: what was granted against what was used, and a grant that would have been enough.

The rules of this file (AUDIT §16.10):

- Refused calls are no use, and what was not recorded is not guessed.
- A suggestion permits nothing that was not granted, which is proven before it is shown (`narrowing`). Replayed against
  the window, it allows all that was used. Where either does not hold, there is none.
- Only decisions are use: that a chain was signed and noted says nothing of what was done with it.
- What it would still allow beyond that is counted and said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Final, NamedTuple

from delegate.audit.events import AuditEvent, Kind
from delegate.audit.learning import Call, Judge
from delegate.audit.log import Log
from delegate.audit.narrowing import Replay, granted_by, suggest
from delegate.audit.routes import Route
from delegate.audit.take_back import stem
from delegate.audit.trace import Question, matching
from delegate.core.chain.spans import span
from delegate.errors import DelegateError
from delegate.language.capability import Capability, decode_capabilities
from delegate.limits import TIME_MAX

_RARE: Final = 0.01
_RARE_MOST: Final = 2
_OTHERS_MOST: Final = 100_000
_TTL_LEAST_S: Final = 300
_BUDGETS: Final = "its chains had budgets, which the log does not have: the command gives none"
_APPROVED: Final = "some of it was approved by others: the command asks for no approval but what its conditions say"
_ROUND_S: Final = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One capability that the agent's chains had, and how often a request that was allowed fell under it."""

    text: str
    used: int

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {"capability": self.text, "used": self.used}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What was granted to an agent and what it used, and what would have been enough.

    Attributes:
        agent: its name.
        since, until: the window: the first and the last of its events, or what was asked for, Unix seconds.
        chains: how many chains it acted with.
        used: how often it was allowed something.
        distinct: how many different requests these were.
        recorded: whether the arguments of all of them were.
        granted: each capability of its chains, and how often it was used.
        suggested: the grant; empty where nothing was used.
        covered: how many of `used` the suggestion allows in the replay: all of them.
        others: how many different requests of the window were not its use.
        others_before, others_after: how many of these its chains' capabilities permit, and how many the suggestion
            does, or would were there one.
        rare: action → how often, of those that it hardly used.
        beyond: in words, what else the suggestion would allow.
        ttl_s: how long a chain was used at most, rounded up, seconds.
        command: that mints the suggestion; empty where there is none.
    """

    agent: str
    since: int
    until: int
    chains: int
    used: int
    distinct: int
    recorded: bool
    granted: tuple[Granted, ...]
    suggested: tuple[Capability, ...]
    covered: int
    others: int
    others_before: int
    others_after: int
    rare: dict[str, int]
    beyond: tuple[str, ...]
    ttl_s: int
    command: str

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "agent": self.agent,
            "since": self.since,
            "until": self.until,
            "chains": self.chains,
            "used": self.used,
            "distinct": self.distinct,
            "arguments_recorded": self.recorded,
            "granted": [each.to_json() for each in self.granted],
            "suggested": list(map(str, self.suggested)),
            "replay": {
                "used": self.used,
                "allowed": self.covered,
                "others": self.others,
                "others_allowed_before": self.others_before,
                "others_allowed_after": self.others_after,
            },
            "rare": self.rare,
            "beyond": list(self.beyond),
            "ttl": self.ttl_s,
            "command": self.command,
        }


def advise(
    log: Log,
    agent: str,
    *,
    since: int | None = None,
    until: int | None = None,
    secrets: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Advice:
    """Say what an agent was granted and what it used, and suggest less.

    Args:
        log: its `tenant` says whose.
        agent: its name.
        since: the beginning of the window, Unix seconds; `None`: where the log begins.
        until: its end; `None`: now.
        secrets: names of arguments whose values must not show, besides those that are named like one.
        progress: told now and then how far reading is.

    Cost: reads the events of the window: some 30 µs each.
    """
    use = _Use({}, Counter(), {})
    routes: dict[bytes, _Chain] = {}
    first, last = TIME_MAX, 0
    budgets = approved = False
    for logged in matching(log, Question("agent", agent, since, until), progress=progress):
        event = logged.event
        if event.kind is not Kind.DECISION or event.route is None or event.holder != agent:
            continue
        chain = routes.setdefault(event.route.id, _Chain(event.route))
        first, last = min(first, event.time), max(last, event.time)
        if event.allowed:
            chain.last = max(chain.last, event.time)
            use.add(_call(event), chain.grants)
            budgets |= bool(event.charges)
            approved |= bool(event.approvers)
    window = (since if since is not None else min(first, last), until if until is not None else last)
    unseen = [words for words, is_so in ((_BUDGETS, budgets), (_APPROVED, approved)) if is_so]
    return _advice(log, agent, window, use, list(routes.values()), tuple(secrets), unseen)


class _Use(NamedTuple):
    """What was used: key → call, and how often; and what a chain granted → what was used under it."""

    calls: dict[bytes, Call]
    counts: Counter[bytes]
    under: dict[tuple[Capability, ...], dict[bytes, Call]]

    def add(self, call: Call, grants: tuple[Capability, ...]) -> None:
        key = call.key
        self.calls.setdefault(key, call)
        self.counts[key] += 1
        self.under.setdefault(grants, {}).setdefault(key, call)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def covered(self, judge: Judge | Replay) -> int:
        """Count how often it would have been allowed."""
        return sum(self.counts[key] for key, call in self.calls.items() if judge.allows(call))


class _Chain:
    """A chain that the agent acted with."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.last = 0
        self.blocks = _blocks(route)
        self.grants = granted_by(route)

    @property
    def lived_s(self) -> int:
        """How long it was used, from its signing on."""
        return max(0, self.last - self.route.hops[-1].issued)


def _advice(
    log: Log,
    agent: str,
    window: tuple[int, int],
    use: _Use,
    chains: Sequence[_Chain],
    secrets: tuple[str, ...],
    unseen: Sequence[str],
) -> Advice:
    calls = list(use.calls.values())
    narrowest = {str(each): each for chain in chains for each in (chain.blocks[-1] if chain.blocks else ())}
    granted = tuple(Granted(text=text, used=use.covered(Replay((each,)))) for text, each in sorted(narrowest.items()))
    suggested = suggest({grants: list(found.values()) for grants, found in use.under.items()}, secrets)
    replay = Replay(suggested)
    if use.covered(replay) != use.total:  # nothing is suggested that does not prove itself
        suggested = ()
        replay = Replay(suggested)
    judge = Judge(suggested)
    others = _others(log, window, use.calls.keys())
    before = Replay(dict.fromkeys(each for chain in chains for each in chain.grants))
    actions: Counter[str] = Counter()
    for key, call in use.calls.items():
        actions[call.action] += use.counts[key]
    rare = {
        action: count
        for action, count in sorted(actions.items())
        if count <= _RARE_MOST and count <= max(1, _RARE * use.total)
    }
    ttl_s = _rounded(max([_TTL_LEAST_S, *(chain.lived_s for chain in chains)]))
    return Advice(
        agent=agent,
        since=window[0],
        until=window[1],
        chains=len(chains),
        used=use.total,
        distinct=len(calls),
        recorded=all(call.args is not None for call in calls),
        granted=granted,
        suggested=suggested,
        covered=use.covered(replay),
        others=len(others),
        others_before=sum(before.allows(call) for call in others),
        others_after=sum(judge.allows(call) for call in others),
        rare=rare,
        beyond=(*_beyond(suggested, calls), *(unseen if suggested else ())),
        ttl_s=ttl_s,
        command=_command(agent, chains[-1].route, suggested, ttl_s) if suggested else "",
    )


def _call(event: AuditEvent) -> Call:
    return Call(event.action, event.resource, event.args)


def _others(log: Log, window: tuple[int, int], keys: Collection[bytes]) -> list[Call]:
    """Give the different requests of the window that were not the agent's use: others', and refused ones."""
    found: dict[bytes, Call] = {}
    for logged in matching(log, Question(since=window[0], until=window[1])):
        if logged.event.kind is not Kind.DECISION:
            continue
        call = _call(logged.event)
        try:
            key = call.key
        except DelegateError:
            continue
        if key not in keys:
            found.setdefault(key, call)
        if len(found) >= _OTHERS_MOST:
            break
    return list(found.values())


def _blocks(route: Route) -> list[tuple[Capability, ...]]:
    """Give what each block permits by itself; none where the log has something else."""
    try:
        return [decode_capabilities(hop.can) for hop in route.hops if hop.can]
    except (DelegateError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return []


def _beyond(suggested: Sequence[Capability], calls: Sequence[Call]) -> tuple[str, ...]:
    """Say in words what else each capability would allow."""
    lines = []
    for each in suggested:
        replay = Replay((each,))
        mine = [call for call in calls if replay.allows(call)]
        resources = {call.resource for call in mine if call.resource is not None}
        parts = []
        if isinstance(each.resource, str) and "*" in each.resource:
            parts.append(f"any other resource that {each.resource} matches; {len(resources)} used")
        names = sorted({name for call in mine for name in (call.args or {})})
        if any(call.args is None for call in mine):
            parts.append("any arguments; they were not recorded")
        elif names:
            parts.append(f"any other {', '.join(names)} within its conditions; {len(mine)} used")
        if parts:
            lines.append(f"{each.action}: {'; '.join(parts)}")
    return tuple(lines)


def _command(agent: str, route: Route, suggested: Sequence[Capability], ttl_s: int) -> str:
    hops = len({hop.name for hop in route.hops}) - 1
    words = ["delegate mint", f"--key {quote(stem(route.root))}.key", f"--to {quote(stem(agent))}.pub"]
    words += [f"--can {quote(str(each))}" for each in suggested]
    words.append(f"--ttl {span(ttl_s).replace(' ', '')}")
    if hops > 0 and route.hops[-1].name != agent:
        words.append(f"--hops {hops}")
    purpose = route.purpose
    if purpose:
        words.append(f"--why {quote(purpose)}")
    return " ".join(words)


def _rounded(seconds: int) -> int:
    """Round a lifetime up to one that people say."""
    for each in _ROUND_S:
        if seconds <= each:
            return each
    return math.ceil(seconds / 86_400) * 86_400
