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
from delegate.core.decide.evidence import NO_HOP, NO_PLACE, Evidence, Where
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import Run, Scope
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
        names: thumbprint → name, as a directory confirms it now; `None`: none was asked.
        known: thumbprint → whom it knows, with `name` and `who`, as it answered.
    """

    request: Request
    env: Mapping[str, Any]
    cost: Mapping[str, int]
    now: int
    names: Mapping[bytes, str] | None = None
    known: Mapping[bytes, Any] | None = None


def evaluate(chain: VerifiedChain, query: Query, settings: Settings, confirmed: tuple[Confirmed, ...] = ()) -> None:
    """Check that every block permits a request, that others confirm what is needed, and the policy.

    Performs steps 6 and 7 of SPEC §5. Whoever calls it has performed 1 to 5, and owes 8.

    Args:
        chain: whose signatures held, and which is good now and here.
        query: the request, and the facts of the service.
        settings: the verifier's configuration.
        confirmed: the discharges that held.

    Raises:
        Denied: CAPABILITY_MISSING, CAVEAT_FAILED, CAVEAT_ERROR, LIMIT_EXCEEDED, DISCHARGE_REFUSED, DISCHARGE_MISSING,
            POLICY_FAILED; `.evidence` says which condition, where one refused.
    """
    names = variables(chain, query, settings)
    request = query.request
    scope = Scope(names, settings.limits.evaluation_steps)
    hop = 0
    caveats: tuple[Built, ...] = ()
    run: Run | None = None
    try:
        bound = chain.root.rules
        if bound is not None and not permits(bound, request, scope):  # SPEC 5.6.1
            evidence = Evidence(Where.ROOT, 0, NO_PLACE, names)
            raise Denied(Reason.CAPABILITY_MISSING, hop=0, evidence=evidence)
        # One loop with nothing called or counted that need not be: this is most of a warm check.
        for hop, capabilities, caveats in chain.link.checks:
            run = None
            if capabilities is not None and not permits(capabilities, request, scope):  # SPEC 5.6.2a
                evidence = Evidence(Where.CAPABILITIES, hop, NO_PLACE, names)
                raise Denied(Reason.CAPABILITY_MISSING, hop=hop, evidence=evidence)
            for run, cost in caveats:  # SPEC 5.6.2b
                left = scope.steps_left - cost
                if left < 0:
                    scope.charge(cost)  # raises
                scope.steps_left = left
                value = run(names, scope)
                if value is not True:
                    reason = Reason.CAVEAT_FAILED if value is False else Reason.CAVEAT_ERROR
                    raise Denied(reason, hop=hop, evidence=Evidence(Where.CAVEAT, hop, _place(caveats, run), names))
    except CaveatError as error:
        if run is None:
            raise Denied(error.reason, error.detail, hop=hop) from None
        evidence = Evidence(Where.CAVEAT, hop, _place(caveats, run), names, error.detail)
        raise Denied(error.reason, hop=hop, evidence=evidence) from None
    if chain.link.needs:
        check_needs(chain, confirmed, scope)  # SPEC 5.6.3
    if settings.policy:  # SPEC 5.7
        _check_policy(names, settings)


def _place(caveats: tuple[Built, ...], run: Run) -> int:
    """Find which of a block's caveats it is that refused."""
    return [each for each, _ in caveats].index(run)


def variables(chain: VerifiedChain, query: Query, settings: Settings) -> dict[str, Any]:
    """Give the names that a caveat may read (SPEC §6.2)."""
    request = query.request
    key = chain.link.block.key.thumbprint
    holder: dict[str, Any] = {"key": key.hex()}
    name = (settings.names if query.names is None else query.names).get(key)
    if name is not None and name == chain.link.block.holder:
        holder["name"] = name  # confirmed by the verifier's own directory; else reading it is an error
        if query.known and key in query.known:
            holder["who"] = dict(query.known[key].who)
    return {
        "action": request.action,
        "resource": request.resource,
        "args": request.values,
        "env": query.env,
        "now": Timestamp(query.now * _SECOND_NS),
        "aud": settings.audience,
        "origin": chain.originator,
        "holder": holder,
    }


def _check_policy(names: Mapping[str, Any], settings: Settings) -> None:
    scope = Scope(dict(names), settings.limits.evaluation_steps)
    for place, condition in enumerate(settings.policy):
        error = ""
        try:
            if condition(scope) is True:
                continue
        except CaveatError as met:
            error = met.detail
        raise Denied(Reason.POLICY_FAILED, evidence=Evidence(Where.POLICY, NO_HOP, place, names, error))
