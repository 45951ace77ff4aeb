"""Whether every block permits this request (SPEC §5, steps 6 and 7).

The rules of this file:

- A request is allowed only if every block permits it: authority is a conjunction. Nothing here compares a block
  with its parent.
- What does not come to `true` denies: false, an error, and any other value.
- The order is fixed and all blocks draw on one count of steps, so that every verifier names the same fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from delegate.caveats import Scope, Timestamp
from delegate.chain.request import Request
from delegate.chain.rules import permits
from delegate.errors import CaveatError, Denied, Reason
from delegate.verify import refusal
from delegate.verify.discharges import Confirmed, check_needs
from delegate.verify.explanation import Asking
from delegate.verify.settings import Settings
from delegate.verify.verified import VerifiedChain

_SECOND_NS: Final = 1_000_000_000


def evaluate(
    chain: VerifiedChain,
    request: Request,
    env: Mapping[str, Any],
    settings: Settings,
    now: int,
    confirmed: tuple[Confirmed, ...] = (),
) -> None:
    """Ask every block, then what other parties confirm, then the service's own policy (SPEC §5, steps 6 and 7).

    Raises:
        Denied: CAPABILITY_MISSING, CAVEAT_FAILED, CAVEAT_ERROR, LIMIT_EXCEEDED, DISCHARGE_REFUSED, DISCHARGE_MISSING,
            POLICY_FAILED.
    """
    names = variables(chain, request, env, settings, now)
    scope = Scope(names, settings.limits.evaluation_steps)
    hop, place = 0, -1
    try:
        bound = chain.root.rules
        if bound is not None and not permits(bound, request, scope):
            detail = f"the root {chain.root.principal.name} is not trusted for it"
            raise Denied(Reason.CAPABILITY_MISSING, detail, hop=0)
        # One loop with nothing called that need not be: this is most of a warm check.
        for hop, capabilities, caveats in chain.link.checks:
            place = -1
            if capabilities is not None and not permits(capabilities, request, scope):
                raise Denied(Reason.CAPABILITY_MISSING, refusal.missing(chain, hop, request, names), hop=hop)
            for place, (run, cost) in enumerate(caveats):
                left = scope.steps_left - cost
                if left < 0:
                    scope.charge(cost)  # raises
                scope.steps_left = left
                value = run(names, scope)
                if value is not True:
                    reason = Reason.CAVEAT_FAILED if value is False else Reason.CAVEAT_ERROR
                    raise Denied(reason, refusal.failed(chain, hop, place, scope.variables), hop=hop)
    except CaveatError as error:
        failed = error.detail if place < 0 else refusal.failed(chain, hop, place, scope.variables, error.detail)
        raise Denied(error.reason, failed, hop=hop) from None
    if chain.link.needs:
        check_needs(chain, confirmed, scope)
    if settings.policy:
        _check_policy(scope, settings)


def variables(
    chain: VerifiedChain, request: Request, env: Mapping[str, Any], settings: Settings, now: int
) -> dict[str, Any]:
    """Give the names that a caveat may read (SPEC §6.2)."""
    key = chain.link.block.key.thumbprint
    holder = {"key": key.hex()}
    name = settings.names.get(key) if settings.names else None
    if name is not None and name == chain.link.block.holder:
        holder["name"] = name  # confirmed by the verifier's own directory; else reading it is an error
    return {
        "action": request.action,
        "resource": request.resource,
        "args": request.values,
        "env": env,
        "now": Timestamp(now * _SECOND_NS),
        "aud": settings.audience,
        "origin": chain.originator,
        "holder": holder,
    }


def asking(
    chain: VerifiedChain,
    request: Request,
    env: Mapping[str, Any],
    settings: Settings,
    now: int,
    confirmed: tuple[Confirmed, ...] = (),
) -> Asking:
    """Give what a request is decided with, for explaining the decision."""
    given = variables(chain, request, env, settings, now)
    return Asking(request, given, settings.limits.evaluation_steps, confirmed, settings.third_parties)


def _check_policy(scope: Scope, settings: Settings) -> None:
    own = Scope(scope.variables, settings.limits.evaluation_steps)
    for condition, text in zip(settings.policy, settings.policy_texts, strict=True):
        try:
            value = condition(own)
        except CaveatError as error:
            raise Denied(Reason.POLICY_FAILED, f"{text}: {error.detail}") from None
        if value is not True:
            raise Denied(Reason.POLICY_FAILED, text)
