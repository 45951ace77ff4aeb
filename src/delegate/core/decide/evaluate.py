"""Whether every block permits this request (SPEC §5, steps 6 and 7).

The rules of this file:

- A request is allowed only if every block permits it: authority is a conjunction. Nothing here compares a block
  with its parent.
- What does not come to `true` denies: false, an error, and any other value.
- The order is fixed and all blocks draw on one count of steps, so that every verifier names the same fault.
- What refuses is told as evidence, without words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from delegate.core.chain.compiled import permits
from delegate.core.chain.request import Request
from delegate.core.decide.discharges import Confirmed, check_needs
from delegate.core.decide.evidence import NO_PLACE, Evidence, Where
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import Timestamp
from delegate.errors import CaveatError, Denied, Reason

_SECOND_NS: Final = 1_000_000_000


class Query(NamedTuple):
    """What a service wants to know, besides what was presented.

    Attributes:
        request: as it was normalised.
        env: facts that the service vouches for.
        cost: unit → what the request costs.
        now: the verifier's clock, Unix seconds.
    """

    request: Request
    env: Mapping[str, Any]
    cost: Mapping[str, int]
    now: int


class Inputs(NamedTuple):
    """What a request was decided with, besides the chain: for explaining the decision afterwards."""

    request: Request
    variables: Mapping[str, Any]
    steps: int
    confirmed: tuple[Confirmed, ...] = ()
    third_parties: Mapping[bytes, str] = {}


def evaluate(chain: VerifiedChain, query: Query, settings: Settings, confirmed: tuple[Confirmed, ...] = ()) -> None:
    """Ask every block, then what other parties confirm, then the service's own policy (SPEC §5, steps 6 and 7).

    Performs steps 6 and 7. Whoever calls it has performed 1 to 5, and owes 8.

    Raises:
        Denied: CAPABILITY_MISSING, CAVEAT_FAILED, CAVEAT_ERROR, LIMIT_EXCEEDED, DISCHARGE_REFUSED, DISCHARGE_MISSING,
            POLICY_FAILED; `.evidence` says which condition, where one refused.
    """
    names = variables(chain, query, settings)
    request = query.request
    scope = Scope(names, settings.limits.evaluation_steps)
    hop, place = 0, NO_PLACE
    try:
        bound = chain.root.rules
        if bound is not None and not permits(bound, request, scope):
            evidence = Evidence(Where.ROOT, 0, NO_PLACE, names)
            raise Denied(Reason.CAPABILITY_MISSING, hop=0, evidence=evidence)
        # One loop with nothing called that need not be: this is most of a warm check.
        for hop, capabilities, caveats in chain.link.checks:
            place = NO_PLACE
            if capabilities is not None and not permits(capabilities, request, scope):
                evidence = Evidence(Where.CAPABILITIES, hop, NO_PLACE, names)
                raise Denied(Reason.CAPABILITY_MISSING, hop=hop, evidence=evidence)
            for place, (run, cost) in enumerate(caveats):
                left = scope.steps_left - cost
                if left < 0:
                    scope.charge(cost)  # raises
                scope.steps_left = left
                value = run(names, scope)
                if value is not True:
                    reason = Reason.CAVEAT_FAILED if value is False else Reason.CAVEAT_ERROR
                    raise Denied(reason, hop=hop, evidence=Evidence(Where.CAVEAT, hop, place, names))
    except CaveatError as error:
        if place == NO_PLACE:
            raise Denied(error.reason, error.detail, hop=hop) from None
        evidence = Evidence(Where.CAVEAT, hop, place, names, error.detail)
        raise Denied(error.reason, hop=hop, evidence=evidence) from None
    if chain.link.needs:
        check_needs(chain, confirmed, scope)
    if settings.policy:
        _check_policy(names, settings)


def variables(chain: VerifiedChain, query: Query, settings: Settings) -> dict[str, Any]:
    """Give the names that a caveat may read (SPEC §6.2)."""
    key = chain.link.block.key.thumbprint
    holder = {"key": key.hex()}
    name = settings.names.get(key) if settings.names else None
    if name is not None and name == chain.link.block.holder:
        holder["name"] = name  # confirmed by the verifier's own directory; else reading it is an error
    return {
        "action": query.request.action,
        "resource": query.request.resource,
        "args": query.request.values,
        "env": query.env,
        "now": Timestamp(query.now * _SECOND_NS),
        "aud": settings.audience,
        "origin": chain.originator,
        "holder": holder,
    }


def inputs(chain: VerifiedChain, query: Query, settings: Settings, confirmed: tuple[Confirmed, ...] = ()) -> Inputs:
    """Give what a request is decided with, for explaining the decision."""
    given = variables(chain, query, settings)
    return Inputs(query.request, given, settings.limits.evaluation_steps, confirmed, settings.third_parties)


def _check_policy(names: Mapping[str, Any], settings: Settings) -> None:
    scope = Scope(dict(names), settings.limits.evaluation_steps)
    for place, condition in enumerate(settings.policy):
        error = ""
        try:
            if condition(scope) is True:
                continue
        except CaveatError as met:
            error = met.detail
        raise Denied(Reason.POLICY_FAILED, evidence=Evidence(Where.POLICY, NO_PLACE, place, names, error))
