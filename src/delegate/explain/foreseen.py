"""What the holder of a chain can tell before any service is asked: that the chain refuses, and why.

The rules of this file:

- Only what follows from the chain, the request, the service's name and the clock. A condition that reads `env` or the
  holder's name is the service's to judge, and so is everything that a store or a third party says.
- Nothing here decides, and no signature is checked: that nothing was found is no promise.
- The order is that of SPEC §5, so that the reason is the one that a service would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from delegate.authoring.token import originator_of
from delegate.core.chain.discharge import Statement
from delegate.core.chain.links import Link
from delegate.core.chain.printable import counted
from delegate.core.chain.request import Request
from delegate.core.chain.spans import span
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import Timestamp
from delegate.errors import CaveatError, DelegateError, Denied, Reason, VerificationError
from delegate.explain.conditions import explain_failure, reads, trace
from delegate.explain.refusals import covering, request_name, unmet
from delegate.language.capability import capability_texts, decode_caveats
from delegate.language.tree import Expression, conjunction, conjuncts

_LEEWAY_S: Final = 30  # what a service allows a signer's clock, unless told otherwise
_SECOND_NS: Final = 1_000_000_000


def foreseen(
    link: Link, request: Request, audience: str, now: int, brought: Iterable[Statement] = ()
) -> DelegateError | None:
    """Say why a chain is sure to be refused with this request; `None` where that cannot be told from here.

    Args:
        link: the last link of the chain, as claimed.
        request: what is about to be asked.
        audience: the service's name, as the service knows itself.
        now: Unix seconds.
        brought: what the discharges say that are to be presented.
    """
    try:
        _check_now_and_here(link, audience, now)
        _check_brought(link, request, now, brought)
        _check_blocks(link, request, _variables(link, request, audience, now))
    except DelegateError as error:
        return error
    return None


def _check_now_and_here(link: Link, audience: str, now: int) -> None:
    """Check what steps 3 and 4 of SPEC §5 check of the chain alone; raises VerificationError."""
    for each in link.up():
        begins = max(each.block.not_before or 0, each.block.issued)
        if now + _LEEWAY_S < begins:
            detail = f"it is valid in {span(begins - now)} from now, and not before"
            raise VerificationError(Reason.NOT_YET_VALID, detail, hop=each.hop)
    for each in link.up():
        if each.block.expires is not None and now >= each.block.expires:
            raise VerificationError(Reason.EXPIRED, f"expired {span(now - each.block.expires)} ago", hop=each.hop)
    for each in link.up():
        if each.block.audience and audience not in each.block.audience:
            detail = f"for {', '.join(each.block.audience)}, not for {audience}"
            raise VerificationError(Reason.WRONG_AUDIENCE, detail, hop=each.hop)


def _check_brought(link: Link, request: Request, now: int, brought: Iterable[Statement]) -> None:
    """Check what SPEC §14.2 says of a discharge, but for its signer; raises VerificationError."""
    needs = {(need.block_id, need.place): need for need in link.needs}
    for said in brought:
        need = needs.get((said.block_id, said.place if said.place is not None else -1))
        hop = None if need is None else need.hop
        if said.place is not None and need is None:
            detail = f"what {said.issuer} confirms is no need of this chain"
            raise VerificationError(Reason.DISCHARGE_UNEXPECTED, detail)
        if now >= said.expires:
            detail = f"the confirmation by {said.issuer} expired {span(now - said.expires)} ago"
            raise VerificationError(Reason.DISCHARGE_EXPIRED, detail, hop=hop)
        if said.digest not in {None, request.digest}:
            detail = f"the confirmation by {said.issuer} is for another request"
            raise VerificationError(Reason.DISCHARGE_MISMATCH, detail, hop=hop)
        if said.last not in {None, link.id}:
            detail = f"the confirmation by {said.issuer} is for another chain"
            raise VerificationError(Reason.DISCHARGE_MISMATCH, detail, hop=hop)


def unmet_needs(link: Link, brought: Iterable[Statement]) -> str:
    """Say how many confirmations the needs of a chain still lack; empty where none does.

    No refusal: a proof does not cover discharges, and they may be added to it.
    """
    said = [(each.block_id, each.place) for each in brought]
    lacking = sum(max(need.rule.of - said.count((need.block_id, need.place)), 0) for need in link.needs)
    return f"others must confirm this request: {counted(lacking, 'confirmation')} missing" if lacking else ""


def _variables(link: Link, request: Request, audience: str, now: int) -> dict[str, Any]:
    """Give the names that a condition may read, but for what the service alone knows."""
    return {
        "action": request.action,
        "resource": request.resource,
        "args": request.values,
        "now": Timestamp(now * _SECOND_NS),
        "aud": audience,
        "origin": originator_of(link),
        "holder": {"key": link.block.key.thumbprint.hex()},
    }


def _check_blocks(link: Link, request: Request, variables: Mapping[str, Any]) -> None:
    """Check what step 6 of SPEC §5 checks, as far as it can be told from here; raises Denied."""
    for each in link.up():
        if each.block.can:
            _check_capabilities(each, request, variables)
        for caveat in decode_caveats(each.block.caveats):
            known = _known(caveat)
            outcome = _outcome(known, variables)
            if outcome is not True:
                reason = Reason.CAVEAT_FAILED if outcome is False else Reason.CAVEAT_ERROR
                raise Denied(reason, explain_failure(known, variables), hop=each.hop)


def _check_capabilities(link: Link, request: Request, variables: Mapping[str, Any]) -> None:
    scope = Scope(dict(variables))
    near: list[str] = []
    try:
        for capability in covering(link.block.can, request, scope):
            known = None if capability.condition is None else _known(capability.condition)
            if known is None or _outcome(known, variables) is True:
                return
            near.append(unmet(replace(capability, condition=known), Scope(dict(variables))))
    except CaveatError:
        return  # too much work for a forecast
    name = request_name(request)
    if near:
        detail = f"{name} is permitted by {'; and by '.join(near)}"
    else:
        detail = f"{name} is not among what it permits: {', '.join(capability_texts(link.block.can))}"
    raise Denied(Reason.CAPABILITY_MISSING, detail, hop=link.hop)


def _known(condition: Expression) -> Expression:
    """Leave of a condition the parts that can be told from here: it holds only if they all do."""
    return conjunction(part for part in conjuncts(condition) if not any(map(_is_the_services, reads(part))))


def _is_the_services(path: tuple[str, ...]) -> bool:
    return path[0] == "env" or (path[0] == "holder" and path[1:2] != ("key",))


def _outcome(condition: Expression, variables: Mapping[str, Any]) -> object:
    """Give what the parts of a condition come to together: `True`, `False`, or an error."""
    found: object = True
    for _, value in trace(condition, Scope(dict(variables))):
        if value is False:
            return False
        if isinstance(value, CaveatError) and value.reason is Reason.LIMIT_EXCEEDED:
            continue  # too much work for a forecast
        if value is not True:
            found = value
    return found
