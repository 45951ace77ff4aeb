"""Why a request was refused, hop by hop (SPEC §9.3). Built when it is wanted, from a decision already made.

The rules of this file:

- Nothing here decides. Every hop is evaluated by itself, with steps of its own, so that those after the first refusal
  answer too; and as many again serve the words for what does not hold.
- Whoever could grant the request is the signer of the first hop that refuses it, provided that all hops above permit
  it: a block can only narrow, so nobody below can.
- Values are the caller's: escaped and shortened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.chain.request import Request
from delegate.core.decide.discharges import Confirmed, unconfirmed
from delegate.core.decide.evidence import Evidence
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError, DelegateError, Denied, Reason, one_line
from delegate.explain.conditions import explain_failure_in
from delegate.explain.refusals import covering, in_words, unmet
from delegate.language.capability import capability_texts, decode_caveats
from delegate.language.codec import to_wire
from delegate.language.printer import format_expression as format_caveat
from delegate.language.tree import Expression

_CONFIRMING: Final = frozenset({Reason.DISCHARGE_MISSING, Reason.DISCHARGE_REFUSED})


class Inputs(NamedTuple):
    """What a request was decided with, besides the chain: for explaining the decision afterwards."""

    request: Request
    variables: Mapping[str, Any]
    steps: int
    confirmed: tuple[Confirmed, ...] = ()
    third_parties: Mapping[bytes, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one hop, on its own, says to a request.

    Attributes:
        hop: index of the block.
        signer, holder: names, as the chain gives them.
        covered: whether action and resource fall under a capability of the block, or it has none.
        permits: whether the block permits the request.
        words: the capability that permits it; or what it permits instead; or the condition that does not hold, with
            the values that it read.
    """

    hop: int
    signer: str
    holder: str
    covered: bool
    permits: bool
    words: str

    def to_json(self) -> dict[str, object]:
        """Give the verdict as JSON values."""
        return {
            "hop": self.hop,
            "signer": self.signer,
            "holder": self.holder,
            "covered": self.covered,
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
        grantor: who can hand out a chain that would permit it, at once and without anybody above; `None` where
            nobody in the chain can, or where more authority is not what is missing.
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


def explain(error: DelegateError | None, chain: VerifiedChain | None, inputs: Inputs | None) -> Explanation:
    """Explain a decision.

    Args:
        error: what refused it; `None` where it was allowed.
        chain: the verified chain, where it got that far.
        inputs: what it was decided with, where it got that far.
    """
    judged = error is None or isinstance(error, Denied)
    verdicts: tuple[Verdict, ...] = ()
    if judged and chain is not None and inputs is not None:
        verdicts = tuple(_verdict(chain, link, inputs) for link in chain.link.up())
    refusing = next((each for each in verdicts if not each.permits), None)
    grants = refusing is not None and error is not None and error.hop == refusing.hop and refusing.signer != BEARER
    grants = grants and error is not None and error.reason not in _CONFIRMING  # asks say who can help there
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


def _verdict(chain: VerifiedChain, link: Link, inputs: Inputs) -> Verdict:
    scope, spare = (Scope(dict(inputs.variables), inputs.steps) for _ in range(2))
    covered, permits, words = True, True, "whatever the hops above permit"
    if link.block.can:
        covered, permits, words = _by_capabilities(link.block.can, inputs.request, scope, spare)
    if permits:
        caveats = decode_caveats(link.block.caveats)
        failure = next(filter(None, (_failure(each, scope, spare) for each in caveats)), "")
        permits = not failure
        words = failure or words + _held(len(caveats), "caveat", "holds", "hold")
    if permits:
        needs = [need for need in chain.link.needs if need.hop == link.hop]
        refusal = next(filter(None, (unconfirmed(need, inputs.confirmed, scope) for need in needs)), None)
        permits = refusal is None
        words = (
            words + _held(len(needs), "need", "is met", "are met")
            if refusal is None
            else _why_not(refusal, chain, inputs)
        )
    return Verdict(
        hop=link.hop,
        signer=link.signer,
        holder=link.block.holder,
        covered=covered,
        permits=permits,
        words=one_line(words),
    )


def _by_capabilities(can: bytes, request: Request, scope: Scope, spare: Scope) -> tuple[bool, bool, str]:
    """Say whether action and resource fall under a capability; whether its condition holds too; and which it is.

    `spare` pays for the words.
    """
    near: list[str] = []
    try:
        for capability in covering(can, request, scope):
            if capability.condition is None or _holds(capability.condition, scope):
                return True, True, str(capability)
            near.append(unmet(capability, spare))
    except CaveatError as error:  # the steps ran out: no next capability absorbs that
        return True, False, error.detail
    if near:
        return True, False, "; ".join(near)
    return False, False, f"only {', '.join(capability_texts(can))}"


def _holds(condition: Expression, scope: Scope) -> bool:
    try:
        return compile_wire(to_wire(condition))(scope) is True
    except CaveatError as error:
        if error.reason is Reason.LIMIT_EXCEEDED:
            raise
        return False


def _failure(caveat: Expression, scope: Scope, spare: Scope) -> str:
    """Give "" where a caveat holds, else which part does not, with the values that it read, or its error."""
    try:
        value = compile_wire(to_wire(caveat))(scope)
    except CaveatError as error:
        return f"{format_caveat(caveat)}: {error.detail}"
    return "" if value is True else explain_failure_in(caveat, spare)


def _why_not(refusal: Denied, chain: VerifiedChain, inputs: Inputs) -> str:
    evidence = refusal.evidence
    return in_words(evidence, chain, inputs.request) if isinstance(evidence, Evidence) else refusal.detail


def _held(count: int, what: str, one: str, several: str) -> str:
    if not count:
        return ""
    return f" · {count} {what}s {several}" if count > 1 else f" · 1 {what} {one}"
