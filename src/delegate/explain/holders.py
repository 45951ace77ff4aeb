"""What whoever holds a chain may be told about it, and may work out alone (SPEC §9.4).

The rules of this file:

- Nothing here decides. It reads the blocks, the request, the clock and the service's name, which the holder knows;
  never `env`, a policy, a store, a root's bound or the directory that confirms `holder.name`. So two services that
  answer with the same reason and hop say the same, whatever they know beside that.
- What reads such a thing is *open*. It is left out of the variables, and reading it is an error, which `&&` and `||`
  absorb as they would absorb any value: what comes to a value all the same does so for every service.
- What is not open costs here what it costs a service: the whole condition in its order, on the steps of one decision.
  From the first open one on, nobody here knows how many steps a service has left, so running out refuses nothing.
- Values are the caller's: escaped and shortened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from delegate.authoring.token import claimed_names
from delegate.core.chain.links import Link
from delegate.core.chain.request import Request
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import Timestamp
from delegate.errors import CaveatError, Denied, Reason, one_line
from delegate.explain.conditions import explain_failure_in, reads
from delegate.explain.refusals import covering, none_covers, request_name, unmet
from delegate.language.capability import decode_caveats
from delegate.language.codec import to_wire
from delegate.language.needs import decode_needs
from delegate.language.printer import format_expression
from delegate.language.tree import Expression, conjuncts
from delegate.limits import EVALUATION_STEPS

_SECOND_NS: Final = 1_000_000_000


class Outcome(IntEnum):
    """What a condition comes to, as far as the holder can know."""

    FALSE = 0
    ERROR = 1
    OPEN = 2
    HELD = 3


class Known(NamedTuple):
    """What a condition is read with, as far as the holder knows it: the whole, and the same without `holder`."""

    whole: Mapping[str, object]
    without_holder: Mapping[str, object]

    def scope(self, expression: Expression, steps_of: Scope) -> Scope:
        """Give the variables that an expression may read, on the steps that are left."""
        hidden = any(path[0] == "holder" and path[1:2] != ("key",) for path in reads(expression))
        return Scope(dict(self.without_holder if hidden else self.whole), steps_of.steps_left)

    def is_open(self, expression: Expression) -> bool:
        """Whether an expression reads what the service alone knows."""
        return any(
            path[0] not in self.whole or (path[0] == "holder" and path[1:2] != ("key",)) for path in reads(expression)
        )


class _Steps(Scope):
    """The steps of one decision, for as long as it is known how many a service has left; then as many once more."""

    __slots__ = ("are_known",)

    def __init__(self) -> None:
        super().__init__({})
        self.are_known = True

    def loosen(self) -> None:
        """Go on, where what a service spends depends on what it alone knows."""
        if self.are_known:
            self.are_known = False
            self.steps_left = EVALUATION_STEPS


class Open(NamedTuple):
    """What a hop permits under a condition that the service alone can judge, in words."""

    hop: int
    words: str


def known(link: Link, request: Request, now: int, audience: str | None) -> Known:
    """Give what the holder of a chain knows of the names that a condition may read (SPEC §6.2).

    Args:
        link: the last block.
        request: what is asked.
        now: Unix seconds.
        audience: the service's name; `None`: not known.
    """
    first = link.up()[0].block
    names: dict[str, object] = {
        "action": request.action,
        "resource": request.resource,
        "args": request.values,
        "now": Timestamp(now * _SECOND_NS),
        "origin": first.originator or first.issuer,
    }
    if audience is not None:
        names["aud"] = audience
    return Known({**names, "holder": {"key": link.block.key.thumbprint.hex()}}, names)


def judged(link: Link, request: Request, given: Known) -> Iterator[Denied | Open]:
    """Say of every hop what refuses the request, or on what that the holder cannot know it depends.

    The first refusal is the one that a service would give, unless it has one of its own.
    """
    scope, spare = _Steps(), Scope({})
    hop = 0
    try:
        for each in link.up():
            hop = each.hop
            if each.block.can:
                found = _capabilities(each, request, given, scope, spare)
                if found is not None:
                    yield found
            for caveat in decode_caveats(each.block.caveats):
                found = _caveat(hop, caveat, given, scope, spare)
                if found is not None:
                    yield found
    except CaveatError as error:  # no steps are left
        if scope.are_known:
            yield Denied(error.reason, error.detail, hop=hop)
        else:
            yield Open(hop, "whether the steps of one decision are enough, and the service alone knows")


def told(reason: Reason, hop: int | None, link: Link, request: Request, now: int, audience: str) -> str:
    """Say, of a refusal whose reason and hop are public, what follows from the chain and the request.

    Returns:
        One line; empty where nothing follows from them.

    Cost: evaluates the conditions of one hop again, with the steps of a decision, and as many for the words.
    """
    if hop is None:
        return ""
    at = link.up()[hop]
    given = known(link, request, now, audience)
    scope, spare = _Steps(), Scope({})
    try:
        if reason is Reason.CAPABILITY_MISSING and at.block.can:
            found = _capabilities(at, request, given, scope, spare)
            return "" if found is None else _words(found)
        if reason in {Reason.CAVEAT_FAILED, Reason.CAVEAT_ERROR}:
            some: list[Denied | Open] = []
            for caveat in decode_caveats(at.block.caveats):
                found = _caveat(hop, caveat, given, scope, spare)
                if isinstance(found, Denied):
                    return _words(found)
                some += () if found is None else (found,)
            return one_line("; or ".join(map(_words, some)))
    except CaveatError:
        return ""
    if reason in {Reason.DISCHARGE_MISSING, Reason.DISCHARGE_REFUSED}:
        return needed(at)
    return ""


def needed(at: Link) -> str:
    """Say what others must confirm before a hop permits anything."""
    names = claimed_names(at)
    return one_line("needs " + "; and ".join(each.in_words(names) for each in decode_needs(at.block.needs)))


def _words(found: Denied | Open) -> str:
    return found.detail if isinstance(found, Denied) else found.words


def _capabilities(at: Link, request: Request, given: Known, scope: _Steps, spare: Scope) -> Denied | Open | None:
    """Say why no capability of a block permits the request; `None` where one does."""
    refused: list[str] = []
    depends: list[str] = []
    for capability in covering(at.block.can, request, scope):
        if capability.condition is None:
            return None
        outcome = _outcome(capability.condition, given, scope)
        if outcome is Outcome.HELD:
            return None
        inner = given.scope(capability.condition, spare)
        words = unmet(capability, inner)
        spare.steps_left = inner.steps_left
        (depends if outcome is Outcome.OPEN else refused).append(words)
    if not refused and not depends:
        return Denied(Reason.CAPABILITY_MISSING, none_covers(at.block.can, request), hop=at.hop)
    words = f"{request_name(request)} is permitted by {'; and by '.join(depends or refused)}"
    return Open(at.hop, one_line(words)) if depends else Denied(Reason.CAPABILITY_MISSING, words, hop=at.hop)


def _caveat(hop: int, caveat: Expression, given: Known, scope: _Steps, spare: Scope) -> Denied | Open | None:
    """Say why a caveat does not hold; `None` where it does."""
    outcome = _outcome(caveat, given, scope)
    if outcome is Outcome.HELD:
        return None
    inner = given.scope(caveat, spare)
    words = explain_failure_in(caveat, inner) or format_expression(caveat)
    spare.steps_left = inner.steps_left
    if outcome is Outcome.OPEN:
        return Open(hop, one_line(words))
    return Denied(Reason.CAVEAT_FAILED if outcome is Outcome.FALSE else Reason.CAVEAT_ERROR, words, hop=hop)


def _outcome(condition: Expression, given: Known, scope: _Steps) -> Outcome:
    """Say what a condition comes to: what is certainly false, or an error, comes before what is open."""
    if not given.is_open(condition):
        return _part(condition, given, scope)
    scope.loosen()
    outcomes = {_part(part, given, scope) for part in conjuncts(condition)}
    return min(outcomes, default=Outcome.HELD)


def _part(part: Expression, given: Known, scope: Scope) -> Outcome:
    inner = given.scope(part, scope)
    try:
        value = compile_wire(to_wire(part))(inner)
    except CaveatError as error:
        if error.reason is Reason.LIMIT_EXCEEDED:
            raise
        return Outcome.OPEN if any(path[0] not in inner.variables for path in reads(part)) else Outcome.ERROR
    finally:
        scope.steps_left = inner.steps_left
    if type(value) is bool:
        return Outcome.HELD if value else Outcome.FALSE
    return Outcome.ERROR
