"""Why a request was refused, hop by hop: for the operator, from a decision that has been made (SPEC §9).

Nothing here decides: a decision's own `hop` and `detail` say which block refused and why. Hops before that one
permitted the request; hops after it were not asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from delegate.chain.blocks import BEARER
from delegate.chain.capability import decode_capabilities
from delegate.chain.request import Request
from delegate.chain.rules import compile_capabilities
from delegate.chain.text import shown
from delegate.errors import DelegateError, Denied, Reason
from delegate.explain.checked import Mark
from delegate.explain.moments import when_from
from delegate.verify import Decision, VerifiedChain

_ENOUGH = 4096
_VALUE_CHARACTERS = 60
_SIGNS = {Mark.HELD: "✓", Mark.FAILED: "✗", Mark.NOT_CHECKED: "–"}
_PERMIT_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one hop says to a request.

    Attributes:
        index: the hop.
        label: `agent:planner → agent:worker`.
        mark: permits it, refuses it, or was not asked.
        words: the capability that covers the request, what it permits instead, or why not asked.
    """

    index: int
    label: str
    mark: Mark
    words: str

    def to_json(self) -> dict[str, object]:
        """Give the verdict as JSON values."""
        return {"hop": self.index, "label": self.label, "result": str(self.mark), "words": self.words}


def refusal(error: DelegateError, chain: VerifiedChain | None) -> str:
    """Say in one line why something was refused: `hop 1 (agent:planner → agent:worker): … [caveat_failed]`.

    Names are given only where `chain` is: those of a chain that did not verify are anybody's.
    """
    detail = shown(error.detail, _ENOUGH)
    words = f"{detail} [{error.reason}]" if detail else f"[{error.reason}]"
    if error.hop is None:
        return words
    if chain is None or error.hop >= len(chain.hops):
        return f"hop {error.hop}: {words}"
    return f"{chain.hops[error.hop]}: {words}"


def verdicts(decision: Decision) -> tuple[Verdict, ...]:
    """Say what each hop says to the request: empty where the chain did not verify or no hop was asked."""
    if decision.chain is None or not _asked_hops(decision):
        return ()
    return tuple(_verdict(decision, decision.chain, index) for index in range(len(decision.chain.hops)))


def decision_lines(decision: Decision, now: int, *, hops: bool) -> list[str]:
    """Write a decision: what was asked, on whose authority, and with `hops` what each hop says to it."""
    said = verdicts(decision) if hops else ()
    lines = [_headline(decision), _inset("asked", asked(decision.request))]
    if not decision.allowed and not said:
        lines.append(_inset("because", shown(decision.detail, _ENOUGH)))
    if decision.chain is not None:
        holder = decision.chain.hops[-1].holder
        party = "whoever has the token" if holder == BEARER else holder
        lines.append(_inset("holder", f"{party}, on the authority of {decision.chain.originator}"))
        lines.append(_inset("until", when_from(decision.chain.expires, now)))
    lines += _hop_lines(said)
    if said and decision.reason is Reason.POLICY_FAILED:
        lines.append(_inset("policy", f"✗ {shown(decision.detail, _ENOUGH)}"))
    return lines


def _headline(decision: Decision) -> str:
    if decision.allowed:
        return "ALLOWED" if decision.authorization is not None else "WOULD be allowed"
    where = f" at {decision.hop_label()}" if decision.hop is not None else ""
    return f"REFUSED  {decision.reason}{where}"


def _hop_lines(said: tuple[Verdict, ...]) -> list[str]:
    width = max((len(each.label) for each in said), default=0)
    return [
        _inset(f"hop {each.index}", f"{each.label:<{width}}  {_SIGNS[each.mark]} {each.words}".rstrip())
        for each in said
    ]


def _inset(title: str, text: str) -> str:
    return f"  {title:<9} {text}"


def asked(request: Request) -> str:
    """Write a request on one line, its arguments shortened."""
    words = [shown(request.action)]
    if request.resource is not None:
        words += ["on", shown(request.resource)]
    if request.values:
        pairs = (f"{shown(name, _VALUE_CHARACTERS)}={shown(repr(value), _VALUE_CHARACTERS)}"
                 for name, value in request.values.items())  # fmt: skip
        words += ["with", ", ".join(pairs)]
    return " ".join(words)


def _asked_hops(decision: Decision) -> bool:
    return decision.allowed or isinstance(decision.error, Denied)


def _verdict(decision: Decision, chain: VerifiedChain, index: int) -> Verdict:
    hop = chain.hops[index]
    label = f"{hop.signer} → {hop.holder}"
    refuser = decision.hop
    if decision.allowed or refuser is None or index < refuser:
        return Verdict(index=index, label=label, mark=Mark.HELD, words=_permitted_by(chain, index, decision.request))
    if index == refuser:
        return Verdict(index=index, label=label, mark=Mark.FAILED, words=_refused_by(decision, chain, index))
    return Verdict(index=index, label=label, mark=Mark.NOT_CHECKED, words=f"not asked: hop {refuser} refused")


def _permitted_by(chain: VerifiedChain, index: int, request: Request) -> str:
    """Name the capabilities of a hop that cover the request, and how many caveats hold."""
    can = chain.link.up()[index].block.can
    hop = chain.hops[index]
    if can:
        rules = zip(compile_capabilities(can), decode_capabilities(can), strict=True)
        words = _some([str(capability) for rule, capability in rules if rule.covers(request)])
    else:
        words = "whatever the hops above permit"
    count = len(hop.caveats)
    return f"{words}{f' · {count} caveats hold' if count > 1 else ' · 1 caveat holds' if count else ''}"


def _refused_by(decision: Decision, chain: VerifiedChain, index: int) -> str:
    if decision.reason is Reason.CAPABILITY_MISSING:
        return f"only {_some(list(chain.hops[index].capabilities))}"
    return shown(decision.detail, _ENOUGH)


def _some(texts: list[str]) -> str:
    more = len(texts) - _PERMIT_MOST
    words = ", ".join(shown(text, _ENOUGH) for text in texts[:_PERMIT_MOST])
    return f"{words} and {more} more" if more > 0 else words
