"""Why a request was refused, hop by hop (SPEC §9.3). Built when it is asked for, from a decision already made.

The rules of this file:

- Nothing here decides. Every hop is asked by itself, with steps of its own, so that those after the first refusal
  answer too; and as many again serve the words for what does not hold.
- Whoever could grant the request is the signer of the first hop that refuses it, provided that all hops above permit
  it: a block can only narrow, so nobody below can.
- Values are the caller's: escaped and shortened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from delegate.caveats import Scope, compile_wire, explain_failure, to_wire
from delegate.caveats import format as format_caveat
from delegate.chain.blocks import BEARER
from delegate.chain.capability import Capability, decode_capabilities, decode_caveats
from delegate.chain.links import Link
from delegate.chain.request import Request
from delegate.chain.rules import compile_capabilities
from delegate.errors import CaveatError, DelegateError, Denied, Reason
from delegate.verify.verified import VerifiedChain


class Asking(NamedTuple):
    """What a request was decided with, besides the chain."""

    request: Request
    variables: Mapping[str, Any]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one hop, asked alone, says to a request.

    Attributes:
        hop: index of the block.
        signer, holder: names, as the chain gives them.
        permits: whether the block permits the request.
        words: the capability that covers it; or what it permits instead; or the caveat that does not hold, with
            the values that it read.
    """

    hop: int
    signer: str
    holder: str
    permits: bool
    words: str

    def to_json(self) -> dict[str, object]:
        """Give the verdict as JSON values."""
        return {
            "hop": self.hop,
            "signer": self.signer,
            "holder": self.holder,
            "permits": self.permits,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why, in full.

    Attributes:
        reason: why not; `None` where the request was allowed.
        hop: the first block that refuses; `None` where no single one does.
        detail: one line for the operator.
        verdicts: what every hop says, in order; empty where the chain did not verify or was not proven.
        grantor: who can hand out a chain that would permit it, at once and without asking anybody above; `None` where
            nobody in the chain can, or where asking more authority is not what is missing.
        cannot: holders further down, who hold too little to grant it.
    """

    reason: Reason | None
    hop: int | None
    detail: str
    verdicts: tuple[Verdict, ...]
    grantor: str | None
    cannot: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Give the explanation as JSON values."""
        return {
            "reason": None if self.reason is None else str(self.reason),
            "hop": self.hop,
            "detail": self.detail,
            "verdicts": [each.to_json() for each in self.verdicts],
            "grantor": self.grantor,
            "cannot": list(self.cannot),
        }


def explain(error: DelegateError | None, chain: VerifiedChain | None, asking: Asking | None) -> Explanation:
    """Explain a decision.

    Args:
        error: what refused it; `None` where it was allowed.
        chain: the verified chain, where it got that far.
        asking: what it was decided with, where it got that far.
    """
    asked = error is None or isinstance(error, Denied)
    verdicts: tuple[Verdict, ...] = ()
    if asked and chain is not None and asking is not None:
        verdicts = tuple(_verdict(link, asking) for link in chain.link.up())
    refusing = next((each for each in verdicts if not each.permits), None)
    grants = refusing is not None and error is not None and error.hop == refusing.hop and refusing.signer != BEARER
    return Explanation(
        reason=None if error is None else error.reason,
        hop=None if error is None else error.hop,
        detail="" if error is None else error.detail,
        verdicts=verdicts,
        grantor=refusing.signer if grants and refusing is not None else None,
        cannot=tuple(
            dict.fromkeys(
                each.holder
                for each in verdicts
                if grants and refusing is not None and each.hop >= refusing.hop and each.holder != refusing.signer
            )
        ),
    )


def _verdict(link: Link, asking: Asking) -> Verdict:
    try:
        permits, words = _asked_alone(link, asking)
    except CaveatError as error:  # the steps ran out: no next capability absorbs that
        permits, words = False, error.detail
    return Verdict(hop=link.hop, signer=link.signer, holder=link.block.holder, permits=permits, words=words)


def _asked_alone(link: Link, asking: Asking) -> tuple[bool, str]:
    scope, spare = (Scope(dict(asking.variables), asking.steps) for _ in range(2))
    covered = "whatever the hops above permit"
    if link.block.can:
        capabilities = decode_capabilities(link.block.can)
        near: list[str] = []
        for rule, capability in zip(compile_capabilities(link.block.can), capabilities, strict=True):
            if rule.covers(asking.request, scope):
                match = _condition_holds(capability, scope, spare)
                if match is None:
                    covered = str(capability)
                    break
                near.append(f"{capability}: {match}")
        else:
            return False, "; ".join(near) if near else f"only {', '.join(map(str, capabilities))}"
    caveats = decode_caveats(link.block.caveats)
    for expression in caveats:
        try:
            value = compile_wire(to_wire(expression))(scope)
        except CaveatError as error:
            return False, f"{format_caveat(expression)}: {error.detail}"
        if value is not True:
            return False, explain_failure(expression, asking.variables, spare)
    count = len(caveats)
    return True, f"{covered}{f' · {count} caveats hold' if count > 1 else ' · 1 caveat holds' if count else ''}"


def _condition_holds(capability: Capability, scope: Scope, spare: Scope) -> str | None:
    """Give `None` where the capability's condition holds, else why not."""
    if capability.condition is None:
        return None
    try:
        value = compile_wire(to_wire(capability.condition))(scope)
    except CaveatError as error:
        if error.reason is Reason.LIMIT_EXCEEDED:
            raise
        return error.detail
    return None if value is True else explain_failure(capability.condition, scope.variables, spare)
