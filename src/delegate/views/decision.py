"""Why a request was refused, hop by hop: for the operator, from a decision that has been made (SPEC §9.3).

Nothing here decides or evaluates again: what every hop says, and who could grant the request, is `Decision.explain`'s.
"""

from __future__ import annotations

from delegate.core.chain.claims import BEARER
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.errors import DelegateError, Reason
from delegate.explain.conditions import show_value
from delegate.explain.decisions import Explanation
from delegate.verifier.decision import Decision
from delegate.verifier.verified import VerifiedChain
from delegate.views.layout import WIDTH, escaped, hung, wrapped
from delegate.views.moments import when_from

_NAME_CHARACTERS = 60
_COLUMN = 12
_SHORT_NAME = 32  # the names that a column is made for


def refusal(error: DelegateError, chain: VerifiedChain | None) -> str:
    """Say in one line why something was refused: `hop 1 (agent:planner → agent:worker): … [caveat_failed]`.

    Names are given only where `chain` is: those of a chain that did not verify are anybody's.
    """
    detail = escaped(error.detail)
    words = f"{detail} [{error.reason}]" if detail else f"[{error.reason}]"
    if error.hop is None:
        return words
    if chain is None or error.hop >= len(chain.hops):
        return f"hop {error.hop}: {words}"
    return f"{chain.hops[error.hop]}: {words}"


def decision_lines(decision: Decision, now: int, *, hops: bool) -> list[str]:
    """Write a decision: the request, on whose authority, and with `hops` what every hop says and who could grant."""
    explanation = decision.explain() if hops else None
    verdicts = () if explanation is None else explanation.verdicts
    by_policy = bool(verdicts) and decision.reason is Reason.POLICY_FAILED
    # Where every hop permits, something behind them refused: a budget, or a proof that was used before.
    told = by_policy or not all(each.permits for each in verdicts)
    lines = [*wrapped(_headline(decision), WIDTH), *_inset("request", request_line(decision.request))]
    if not decision.allowed and not told:
        lines += _inset("because", escaped(decision.detail))
    if decision.chain is not None:
        holder = _party(decision.chain.hops[-1].holder)
        lines += _inset("holder", f"{holder}, on the authority of {decision.chain.originator}")
        lines += _inset("until", when_from(decision.chain.expires, now))
    if decision.confirmed_by:
        lines += _inset("confirmed", ", ".join(decision.confirmed_by))
    if explanation is not None:
        lines += _hop_lines(explanation)
        if by_policy:
            lines += _inset("policy", f"✗ {escaped(decision.detail)}")
        lines += _grantor_lines(explanation, decision.request)
    return lines


def request_line(request: Request) -> str:
    """Write a request on one line, its arguments shortened."""
    words = [shown(request.action)]
    if request.resource is not None:
        words += ["on", shown(request.resource)]
    if request.values:
        pairs = (f"{shown(name, _NAME_CHARACTERS)}={show_value(value)}" for name, value in request.values.items())
        words += ["with", ", ".join(pairs)]
    return " ".join(words)


def _headline(decision: Decision) -> str:
    if decision.allowed:
        return "ALLOWED" if decision.authorization is not None else "WOULD be allowed"
    where = f" at {decision.hop_label()}" if decision.hop is not None else ""
    return f"REFUSED  {decision.reason}{where}"


def _hop_lines(explanation: Explanation) -> list[str]:
    names = [_party(each.holder) for each in explanation.verdicts]
    width = max((len(name) for name in names if len(name) <= _SHORT_NAME), default=0)
    column = _COLUMN + width + 4
    lines = []
    for name, each in zip(names, explanation.verdicts, strict=True):
        sign = "✓" if each.permits else "✗"
        head = f"  {f'hop {each.hop}':<9} {name:<{width}}  {sign}"
        lines += hung(head, wrapped(escaped(each.words), WIDTH - column), column)
    return lines


def _grantor_lines(explanation: Explanation, request: Request) -> list[str]:
    """Say who could grant the request, and who below cannot."""
    if explanation.grantor is None:
        return []
    action = shown(request.action)
    refusing = [each for each in explanation.verdicts if not each.permits]
    conditions = "that condition" if len(refusing) == 1 else "those conditions"
    again = f"without {conditions}" if refusing[0].covered else "again"
    can = f"{_party(explanation.grantor)} can hand out {action} {again}"
    cannot = ", ".join(map(_party, explanation.cannot))
    text = f"{can}; {cannot} cannot." if cannot else f"{can}."
    return [f"  {line}" for line in wrapped(text, WIDTH - 2)]


def _party(name: str) -> str:
    return "whoever has the token" if name == BEARER else name


def _inset(title: str, text: str) -> list[str]:
    return hung(f"  {title:<9}", wrapped(text, WIDTH - _COLUMN), _COLUMN)
