"""What each hop took away from the hop above, a line or two a hop (SPEC §6.9). For eyes alone.

    0 ─▶ agent:planner      files.read files.write /data/**   mail.send   8h, 6h12m left
    1 ─▶ agent:researcher   − mail.send   2h, 1h48m left

`−` is gone, `→` became narrower, `+` is a condition that must hold besides; `… for pay` says that it is for those
actions alone. `└─` instead of the arrow: the holder narrowed its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from delegate.analysis.difference import Difference, difference
from delegate.analysis.effective import Effective, condition_texts, effective_each
from delegate.analysis.work import Comparing
from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import UNLIMITED_HOPS, Link
from delegate.core.chain.spans import span
from delegate.core.keys.principal import Principal
from delegate.explain.hops import Hop, hops_of
from delegate.language.capability import Capability
from delegate.language.printer import format_expression as format_caveat
from delegate.language.tree import conjunction, conjuncts
from delegate.views.grants import budget_text, freshness_text, hops_text, why_nothing
from delegate.views.layout import CHANGE, WIDTH, escaped, flow, hung, wrapped
from delegate.views.moments import when_from

_COLUMN_MOST: Final = 40  # a longer name has a line of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class HopChange:
    """One hop, and what is granted above it and below it.

    Attributes:
        before: what the chain granted down to the hop above; `None` for hop 0.
        after: what it grants down to this one.
        taken: what lies between the two; `None` for hop 0.
    """

    hop: Hop
    before: Effective | None
    after: Effective
    taken: Difference | None

    def items(self, now: int) -> list[str]:
        """Write what the hop gives, if it is the first, or takes away, and how long it lives."""
        before, taken = self.before, self.taken
        first = _given(self.after) if before is None or taken is None else self._taken(before, taken)
        limits = self._limits(now)
        items = [*first, *limits] or ["takes nothing away"]
        return [*items, f'"{escaped(self.hop.why)}"'] if self.hop.why else items

    def to_json(self) -> dict[str, object]:
        """Give the change as JSON values."""
        hop, before, after = self.hop, self.before, self.after
        shape: dict[str, object] = {"hop": hop.index, "holder": hop.holder, "why": hop.why or None}
        shape |= {"budget": dict(hop.budget), "fresh": hop.fresh, "needs": list(hop.needs)}
        if before is None or self.taken is None:
            return {**shape, "gives": [str(grant) for grant in after.grants]}
        return {**shape, "nothing_left": why_nothing(after) or None, **self.taken.to_json()}

    def _taken(self, before: Effective, taken: Difference) -> list[str]:
        nothing = why_nothing(self.after)
        if nothing:
            return [f"− everything: {nothing}"] if not why_nothing(before) else []
        every = _shared(self.after.grants) if taken.added else ()
        gone = [f"− {' '.join(map(escaped, taken.removed))}"] if taken.removed else []
        return [
            *gone,
            *(f"{escaped(was)} → {' '.join(map(escaped, now))}" for was, now in taken.actions),
            *(_narrowing(*each, self.after, alone=len(taken.narrowed) == 1) for each in taken.narrowed),
            *(f"{escaped(action)}({_names(was)}) → ({_names(now)})" for action, was, now in taken.closed),
            *(_condition(text, actions, every) for text, actions in taken.added),
        ]

    def _limits(self, now: int) -> list[str]:
        """Write what bounds the chain from here on: where, when, how often handed on, how much, by whose word."""
        hop, before, after = self.hop, self.before, self.after
        limits = []
        if after.audience and (before is None or after.audience != before.audience):
            limits.append(f"at {', '.join(sorted(after.audience))}")
        if after.not_before > now and (before is None or after.not_before > before.not_before):
            limits.append(f"from {when_from(after.not_before, now)}")
        if before is None:
            if after.hops_left < UNLIMITED_HOPS:
                limits.append(f"hands on {hops_text(after.hops_left)}")
        elif before.hops_left - after.hops_left > hop.handed_on:
            limits.append(f"hands on {hops_text(after.hops_left)}")
        if hop.budget:
            limits.append(f"spends {budget_text(hop.budget)}")
        if hop.fresh is not None:
            limits.append(freshness_text(hop.fresh))
        limits += [f"needs {escaped(text)}" for text in hop.needs]
        if before is None or after.expires < before.expires:
            limits.append(_life(hop.issued, after.expires, now))
        return limits


def changes(link: Link, bound: bytes = b"", known: Iterable[Principal] = ()) -> tuple[HopChange, ...]:
    """Say of every hop what it took away; arguments as for `view`.

    Cost: within the work for one question, as `effective`.
    """
    comparing = Comparing()
    found = []
    before = None
    for hop, after in zip(hops_of(link, known=known), effective_each(link, bound, comparing), strict=True):
        taken: Difference | None = None if before is None else difference(before, after, comparing)
        found.append(HopChange(hop=hop, before=before, after=after, taken=taken))
        before = after
    return tuple(found)


def change_lines(head: str, found: Iterable[HopChange], now: int, width: int = WIDTH) -> list[str]:
    """Write a line a hop below `head`, or a few where `width` columns do not hold it."""
    hops = tuple(found)
    heads = [_head(each.hop) for each in hops]
    column = max((len(text) for text in heads if len(text) <= _COLUMN_MOST), default=0) + len(CHANGE)
    lines = wrapped(head, width)
    for text, each in zip(heads, hops, strict=True):
        lines += hung(text, flow(each.items(now), CHANGE, width - column), column)
    return lines


def _head(hop: Hop) -> str:
    """Name a hop: with an arrow where it was handed on, and without where its holder narrowed it."""
    holder = "whoever has it" if hop.holder == BEARER else hop.holder
    return f"{hop.index:>2} {'─▶' if hop.handed_on else '└─'} {holder}"


def _given(after: Effective) -> list[str]:
    """Write what hop 0 gives: actions together that share a resource and conditions, what all share at the end."""
    if not after.grants:
        return [f"nothing: {why_nothing(after)}"]
    shared: Collection[str] = ()
    if len(after.grants) > 1:
        shared = _shared(after.grants)
    groups: dict[object, list[Capability]] = {}
    for number, grant in enumerate(after.grants):
        own = _without(grant, shared)
        groups.setdefault(own.resource if own.condition is None else number, []).append(own)
    together = (
        " ".join([*(str(Capability(action=each.action)) for each in group[:-1]), str(group[-1])])
        for group in groups.values()
    )
    return [*map(escaped, together), *(f"+ {escaped(text)}" for text in shared)]


def _shared(grants: Sequence[Capability]) -> dict[str, None]:
    """Give the conditions that all grants have, in order."""
    first, *others = [dict.fromkeys(condition_texts(grant)) for grant in grants]
    return {text: None for text in first if all(text in texts for texts in others)}


def _without(grant: Capability, shared: Collection[str]) -> Capability:
    if grant.condition is None or not shared:
        return grant
    parts = [part for part in conjuncts(grant.condition) if format_caveat(part) not in shared]
    return Capability(action=grant.action, resource=grant.resource, condition=conjunction(parts) if parts else None)


def _narrowing(actions: Sequence[str], was: Sequence[str], now: Sequence[str], after: Effective, *, alone: bool) -> str:
    left = [text for text in was if text not in now]
    every = alone and len(actions) == len({grant.action for grant in after.grants})
    of = "" if every else f"{' '.join(map(escaped, actions))} "
    if set(now) < set(was):
        return f"− {of}{' '.join(map(escaped, left))}"
    return f"{of}{' '.join(map(escaped, was))} → {' '.join(map(escaped, now))}"


def _condition(text: str, actions: Sequence[str], every: Collection[str]) -> str:
    return f"+ {escaped(text)}" if text in every else f"+ {escaped(text)} for {' '.join(map(escaped, actions))}"


def _names(names: tuple[str, ...] | None) -> str:
    return "any" if names is None else ", ".join(map(escaped, names))


def _life(issued: int, expires: int, now: int) -> str:
    """Write how long a hop lives and how much of it is left: `6h12m left of 8h`."""
    whole, left = span(expires - issued), span(abs(expires - now))
    if expires <= now:
        return f"{whole}, expired {left} ago"
    return f"{left} left" if whole == left else f"{left} left of {whole}"
