"""What one part of a chain takes away from another (SPEC §6.9). For eyes alone: no decision reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from delegate.analysis.effective import TEXT_STEPS, Effective, condition_texts, open_arguments
from delegate.analysis.work import Comparing
from delegate.core.patterns.tokens import ACTION_SEPARATOR
from delegate.language.capability import Capability
from delegate.language.tree import conjuncts

_ANY: Final = "a"  # an action to write resources beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What `after` takes away from `before`, both as `effective` gives them. Patterns and conditions are text.

    Attributes:
        removed: action patterns that are gone.
        actions: each action pattern that became narrower, and what is new in its place.
        narrowed: actions, and their resources before and after; `(none)` stands for requests without a resource.
        added: each condition that was not there before, and the actions that it is for.
        closed: each action whose arguments were closed or became fewer: their names before (`None`: any) and after.
        expires_by_s: by how many seconds the end came nearer.
        hops_by: how many hand-overs fewer are left.
        audience: services that are left, where it changed; else `None`.
    """

    removed: tuple[str, ...]
    actions: tuple[tuple[str, tuple[str, ...]], ...]
    narrowed: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]
    added: tuple[tuple[str, tuple[str, ...]], ...]
    closed: tuple[tuple[str, tuple[str, ...] | None, tuple[str, ...]], ...]
    expires_by_s: int
    hops_by: int
    audience: frozenset[str] | None

    def to_json(self) -> dict[str, object]:
        """Give the difference as JSON values."""
        return {
            "removed": list(self.removed),
            "actions": [{"before": was, "after": list(now)} for was, now in self.actions],
            "narrowed": [
                {"actions": list(actions), "before": list(was), "after": list(now)}
                for actions, was, now in self.narrowed
            ],
            "added": [{"condition": text, "actions": list(actions)} for text, actions in self.added],
            "closed": [
                {"action": action, "before": None if was is None else list(was), "after": list(now)}
                for action, was, now in self.closed
            ],
            "expires_by_s": self.expires_by_s,
            "hops_by": self.hops_by,
            "audience": None if self.audience is None else sorted(self.audience),
        }


def difference(before: Effective, after: Effective, comparing: Comparing | None = None) -> Difference:
    """Say what was taken away between two points of one chain.

    Cost: ends with the work for one question (`comparing`): what cannot be told by then is not shown as taken away.
    """
    comparing = comparing or Comparing()
    left = tuple(dict.fromkeys(grant.action for grant in after.grants))
    was = tuple(dict.fromkeys(grant.action for grant in before.grants))
    old = {text for grant in before.grants for text in _texts(grant, comparing)}
    added: dict[str, dict[str, None]] = {}  # each new condition: the actions that it is for, in order
    for grant in after.grants:
        for text in _texts(grant, comparing):
            if text not in old:
                added.setdefault(text, {})[grant.action] = None
    return Difference(
        removed=tuple(action for action in was if not any(_meet(action, each, comparing) for each in left)),
        actions=_actions(was, left, comparing),
        narrowed=_narrowed(before, after, left, comparing),
        added=tuple((text, tuple(actions)) for text, actions in added.items()),
        closed=_closed(before, after, left, comparing),
        expires_by_s=before.expires - after.expires,
        hops_by=before.hops_left - after.hops_left,
        audience=after.audience if after.audience != before.audience else None,
    )


def _meet(one: str, other: str, comparing: Comparing) -> bool:
    return comparing.meet(one, other, ACTION_SEPARATOR)


def _texts(grant: Capability, comparing: Comparing) -> tuple[str, ...]:
    """Give a grant's conditions as text; none where that is too much."""
    count = 0 if grant.condition is None else len(conjuncts(grant.condition))
    return condition_texts(grant) if comparing.spend(TEXT_STEPS * count) else ()


def _actions(
    was: Iterable[str], left: tuple[str, ...], comparing: Comparing
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    old = tuple(was)
    new = [action for action in left if action not in old]
    found = (
        (action, tuple(each for each in new if _meet(action, each, comparing))) for action in old if action not in left
    )
    return tuple((action, narrower) for action, narrower in found if narrower)


def _narrowed(
    before: Effective, after: Effective, left: Iterable[str], comparing: Comparing
) -> tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]:
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for action in left:
        was = _resources(_above(action, before, comparing))
        now = _resources(grant for grant in after.grants if grant.action == action)
        if was and set(was) != set(now):
            found.setdefault((was, now), []).append(action)
    return tuple((tuple(actions), was, now) for (was, now), actions in found.items())


def _above(action: str, before: Effective, comparing: Comparing) -> list[Capability]:
    """Give the grants that an action comes from: those of the same pattern, else those that share an action."""
    same = [grant for grant in before.grants if grant.action == action]
    return same or [grant for grant in before.grants if _meet(action, grant.action, comparing)]


def _closed(
    before: Effective, after: Effective, left: Iterable[str], comparing: Comparing
) -> tuple[tuple[str, tuple[str, ...] | None, tuple[str, ...]], ...]:
    found = []
    for action in left:
        was = _argument_names(_above(action, before, comparing))
        now = _argument_names(grant for grant in after.grants if grant.action == action)
        if now is not None and now != was:
            found.append((action, was, now))
    return tuple(found)


def _argument_names(grants: Iterable[Capability]) -> tuple[str, ...] | None:
    lists = [open_arguments(grant) for grant in grants]
    if any(names is None for names in lists):
        return None
    return tuple(dict.fromkeys(name for names in lists if names is not None for name in names))


def _resources(grants: Iterable[Capability]) -> tuple[str, ...]:
    """Write resources as in a capability."""
    words = (str(Capability(action=_ANY, resource=each.resource)).removeprefix(_ANY).strip() for each in grants)
    return tuple(dict.fromkeys(text or "(none)" for text in words))
