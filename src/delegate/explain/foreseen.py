"""What the holder of a chain can tell before any service is asked: that the chain refuses, and why.

The rules of this file:

- Only what follows from the chain, the request, the service's name and the clock. A condition that reads `env` or the
  holder's name is the service's to judge, and so is everything that a store or a third party says.
- Nothing here decides, and no signature is checked: that nothing was found is no promise.
- The order is that of SPEC §5, so that the reason is the one that a service would give.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegate.core.chain.discharge import Statement
from delegate.core.chain.links import Link
from delegate.core.chain.printable import counted
from delegate.core.chain.request import Request
from delegate.core.chain.spans import span
from delegate.core.decide.signatures import refuse_audience, refuse_early, refuse_late
from delegate.errors import DelegateError, Denied, Reason, VerificationError
from delegate.explain.holders import judged, known

_LEEWAY_S: Final = 30  # what a service allows a signer's clock, unless told otherwise


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
        _check_blocks(link, request, audience, now)
    except DelegateError as error:
        return error
    return None


def _check_now_and_here(link: Link, audience: str, now: int) -> None:
    """Check what steps 3 and 4 of SPEC §5 check of the chain alone; raises VerificationError."""
    if now + _LEEWAY_S < link.not_before:
        refuse_early(link, now + _LEEWAY_S)
    if now >= link.expires:
        refuse_late(link, now)
    if link.audience is not None and audience not in link.audience:
        refuse_audience(link, audience)


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


def _check_blocks(link: Link, request: Request, audience: str, now: int) -> None:
    """Check what step 6 of SPEC §5 checks, as far as it can be told from here; raises Denied."""
    for found in judged(link, request, known(link, request, now, audience)):
        if isinstance(found, Denied):
            raise found
