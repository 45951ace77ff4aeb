"""What a chain grants, all hops together, as people look at it (SPEC §6.9).

For eyes alone: it shows what `effective` works out, and says where that is more than the chain allows.
"""

from __future__ import annotations

from collections.abc import Iterable

from delegate.analysis.effective import Effective, condition_texts, open_arguments
from delegate.core.chain.links import UNLIMITED_HOPS
from delegate.core.chain.spans import span
from delegate.explain.conditions import reads
from delegate.language.capability import Capability
from delegate.views.layout import ITEM, WIDTH, escaped, flow, titled, titled_items
from delegate.views.moments import when_from

_COLUMNS = WIDTH - 12
_MORE = "this shows more than the chain allows, as some patterns have no common form: use `check` for one request"


def grant_lines(effective: Effective, now: int) -> list[str]:
    """Write the grants, with their whole condition, and until when, where and how often they may be handed on."""
    terms = _terms(effective, now)
    nothing = why_nothing(effective)
    if nothing:
        return titled("Grants", flow([f"nothing: {nothing}"], ITEM, _COLUMNS))
    clashes = [f"{clash(text)}, so that part grants nothing" for text in effective.clashes]
    more = [] if effective.exact else [_MORE]
    if len(effective.grants) == 1 and not clashes and not more:
        return titled_items("Grants", [*_items(effective.grants[0]), *terms])
    lines = [line for grant in effective.grants for line in flow(_items(grant), ITEM, _COLUMNS)]
    lines += [line for text in (*clashes, *more) for line in flow([text], ITEM, _COLUMNS)]
    return titled("Grants", [*lines, *flow(terms, ITEM, _COLUMNS)])


def grants_json(effective: Effective) -> dict[str, object]:
    """Give the grants as JSON values; `arguments` are the only ones that may be given, `null`: any."""
    return {
        "grants": [
            {
                "text": str(grant),
                "conditions": list(condition_texts(grant)),
                "arguments": None if (names := open_arguments(grant)) is None else list(names),
            }
            for grant in effective.grants
        ],
        "exact": effective.exact,
        "clashes": list(effective.clashes),
    }


def why_nothing(effective: Effective) -> str:
    """Say why nothing is granted; empty where something is."""
    if effective.audience is not None and not effective.audience:
        return "the hops name different services, and no service is named by all"
    if effective.grants:
        return ""
    if effective.clashes:
        return ", and ".join(map(clash, effective.clashes))
    return "no action and resource is permitted by every hop"


def clash(text: str) -> str:
    """Write a condition that nothing satisfies."""
    return f"{escaped(text)} cannot hold"


def hops_text(hops: int) -> str:
    """Say how often a chain may still be handed on."""
    if hops == 0:
        return "to nobody"
    if hops >= UNLIMITED_HOPS:
        return "as often as a chain can"
    return "once more" if hops == 1 else f"{hops} more times"


def budget_text(budget: Iterable[tuple[str, int]]) -> str:
    """Say what may be spent: unit and amount of each pool."""
    return f"at most {', '.join(f'{amount} {unit}' for unit, amount in budget)}"


def freshness_text(fresh_s: int) -> str:
    """Say how old a verifier's revocation data may be."""
    return f"revocation data at most {span(fresh_s)} old"


def open_note(capability: Capability) -> str:
    """Say whether arguments that a capability does not name may be given."""
    names = open_arguments(capability)
    if names is not None:
        return "no other arguments" if names else "no arguments"
    about = () if capability.condition is None else reads(capability.condition)
    return "any other arguments" if any(path[0] == "args" for path in about) else "any arguments"


def _items(grant: Capability) -> list[str]:
    return [escaped(str(grant)), open_note(grant)]


def _terms(effective: Effective, now: int) -> list[str]:
    terms = [f"until {when_from(effective.expires, now)}"]
    if effective.not_before > now:
        terms.insert(0, f"from {when_from(effective.not_before, now)}")
    terms.append("at any service" if effective.audience is None else f"at {', '.join(sorted(effective.audience))}")
    hops = effective.hops_left
    terms.append("may not be handed on" if hops == 0 else f"may be handed on {hops_text(hops)}")
    return terms
