"""What was used, within what was granted (AUDIT §16.10).

The rules of this file:

- A chain grants what every block permits, under the caveats of all of them. Where that cannot be said exactly, it
  grants nothing here: no advice is better than one that reaches further.
- A suggestion is a learned capability and one grant, both: the grant's conditions stand in it, or are implied. What was
  used under two grants is never joined.
- Before it is shown, it is proven: each capability suggested is within one that was granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from delegate.analysis.effective import add, meet, start
from delegate.analysis.patterns import Pattern
from delegate.analysis.simplify import simplify, simplify_steps
from delegate.analysis.work import Comparing
from delegate.audit.learning import CAPABILITIES_MAX, Call, Judge, learn
from delegate.audit.routes import Route
from delegate.core.patterns.plain_form import plain_form
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR
from delegate.errors import DelegateError
from delegate.language.capability import Capability, Exactly, decode_capabilities, decode_caveats, encode_capabilities
from delegate.language.tree import Expression, Fold, Has, Path, Unknown, children, conjunction, conjuncts

_REQUEST: Final = frozenset({"action", "resource", "args"})
_ANYTHING: Final = (Capability(action="**"), Capability(action="**", resource="**"))


def granted_by(route: Route) -> tuple[Capability, ...]:
    """Give what a chain grants, the caveats of every block in each; none where that cannot be said exactly."""
    comparing = Comparing()
    total = start()
    try:
        for hop in route.hops:
            can, caveats = decode_capabilities(hop.can or b""), decode_caveats(hop.conditions or b"")
            total = add(total, can, caveats, comparing)
    except (DelegateError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ()
    if not total.exact or comparing.work.left < 0:
        return ()
    grants = _ANYTHING if total.grants is None else total.grants
    found = [_with(each, (*_parts(each), *total.caveats)) for each in grants]
    return tuple(dict.fromkeys(each for each in found if _is_written(each)))


class Replay:
    """Capabilities that are asked about calls of which not all is known.

    The log has no time of day and no facts about the service, and often no arguments. A condition on what is not known
    is passed over: the call was allowed, under one of the grants that are left.
    """

    def __init__(self, capabilities: Iterable[Capability]) -> None:
        """Compile them."""
        given = tuple(capabilities)
        self._recorded = Judge(tuple(_known(each, _REQUEST) for each in given))
        self._others = Judge(tuple(_known(each, _REQUEST - {"args"}) for each in given))

    def allows(self, call: Call) -> bool:
        """Say whether they permit a call, as far as it is known."""
        return (self._others if call.args is None else self._recorded).allows(call)


def suggest(
    used: Mapping[tuple[Capability, ...], Sequence[Call]], secrets: Sequence[str] = ()
) -> tuple[Capability, ...]:
    """Suggest a grant that permits what was used, and nothing that was not granted.

    Args:
        used: what a chain granted → the calls that were allowed under it.
        secrets: names of arguments whose values must not show.

    Returns:
        At most 8 capabilities, each within one that was granted; none where that cannot be done.
    """
    groups: dict[Capability, list[Call]] = {}
    for grants, calls in used.items():
        replays = [(each, Replay((each,)), _known(each, _REQUEST) == each) for each in grants]
        for call in calls:
            mine = [(each, is_certain) for each, replay, is_certain in replays if replay.allows(call)]
            certain = [each for each, is_certain in mine if is_certain and call.args is not None]
            for each in certain[:1] or [each for each, _ in mine]:
                groups.setdefault(each, []).append(call)
    made = {grant: _narrowed(grant, calls, secrets) for grant, calls in groups.items()}
    while len(found := tuple(dict.fromkeys(each for row in made.values() for each in row))) > CAPABILITIES_MAX:
        widest = max(made, key=lambda grant: len(made[grant]))
        if len(made[widest]) <= 1:
            return ()
        made[widest] = (widest,)
    granted = tuple(groups)
    if not all(any(is_within(each, above) for above in granted) for each in found):
        return ()
    return tuple(sorted(found, key=str))


def is_within(narrow: Capability, wide: Capability) -> bool:
    """Say whether all that one capability permits, another does; `False` also where that cannot be told."""
    return (
        _contains(wide.action, narrow.action, ACTION_SEPARATOR)
        and _is_resource_within(narrow.resource, wide.resource)
        and _implies(_parts(narrow), _parts(wide))
    )


def _narrowed(grant: Capability, calls: Sequence[Call], secrets: Sequence[str]) -> tuple[Capability, ...]:
    """Give what was learned of the calls and is within the grant; the grant itself where that cannot be written."""
    learned = learn(calls, secrets=secrets)
    comparing = Comparing()
    met, is_exact = meet(learned, (grant,), comparing)
    if not is_exact or comparing.work.left < 0:
        return (grant,)
    found: list[Capability] = []
    for each in met:
        parts = _parts(each)
        made = each
        if comparing.spend(simplify_steps(parts)):
            simple = simplify(parts)
            if not simple.contradiction:
                made = _with(each, simple.conjuncts)
        found.append(made if is_within(made, grant) and _is_written(made) else each)
    replay = Replay(found)
    if not all(is_within(each, grant) and _is_written(each) for each in found) or not all(map(replay.allows, calls)):
        return (grant,)
    return tuple(dict.fromkeys(found))


def _known(capability: Capability, names: frozenset[str]) -> Capability:
    """Leave out the conditions that read anything else."""
    return _with(capability, tuple(part for part in _parts(capability) if _reads(part) <= names))


def _reads(node: Expression) -> set[str]:
    """Give the names of what a condition reads."""
    found: set[str] = set()
    bound: set[str] = set()
    left: list[Expression] = [node]
    while left:
        each = left.pop()
        target = each.target if isinstance(each, Has) else each
        if isinstance(target, Path):
            found.add(target.parts[0])
        elif isinstance(target, Unknown):
            found.add("")
        elif isinstance(target, Fold):
            bound.add(target.variable)
        left.extend(children(each))
    return found - bound


def _parts(capability: Capability) -> tuple[Expression, ...]:
    return () if capability.condition is None else conjuncts(capability.condition)


def _with(capability: Capability, parts: Sequence[Expression]) -> Capability:
    return replace(capability, condition=conjunction(parts) if parts else None)


def _is_written(capability: Capability) -> bool:
    """Say whether a block can hold it, and a person read it back."""
    try:
        encode_capabilities(capability)
        Judge((capability,))
        Capability.parse(str(capability))
    except (DelegateError, ValueError):
        return False
    return True


def _contains(wide: str, narrow: str, separator: str) -> bool:
    return wide == narrow or Pattern.parse(wide, separator).contains(Pattern.parse(narrow, separator))


def _is_resource_within(narrow: str | Exactly | None, wide: str | Exactly | None) -> bool:
    if narrow == wide:
        return True
    if not isinstance(wide, str) or narrow is None:
        return False
    if isinstance(narrow, Exactly):
        return plain_form(narrow.text) and Pattern.parse(wide).matches(narrow.text)
    return _contains(wide, narrow, RESOURCE_SEPARATOR)


def _implies(narrow: Sequence[Expression], wide: Sequence[Expression]) -> bool:
    """Say whether the conditions of one are all in the other's, or change nothing of what these come to."""
    own = set(narrow)
    if all(each in own for each in wide):
        return True
    both = (*narrow, *wide)
    if not Comparing().spend(simplify_steps(both)):
        return False
    alone, joined = simplify(narrow), simplify(both)
    return not joined.contradiction and set(alone.conjuncts) == set(joined.conjuncts)
