"""What to ask, and whom, where a discharge is missing (SPEC §14.3). Worked out when it is wanted; decides nothing."""

from __future__ import annotations

from delegate.authoring.ask import Ask, ask_for
from delegate.core.chain.needs import NeedAt
from delegate.core.decide.discharges import unconfirmed
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.scope import Scope
from delegate.errors import Reason
from delegate.explain.decisions import Inputs
from delegate.language.needs import decode_needs


def lacking(chain: VerifiedChain, inputs: Inputs) -> tuple[Ask, ...]:
    """Give an ask for every need that is not met, to those of its parties that this verifier knows."""
    found = []
    for need in chain.link.needs:
        have = _confirming(need, inputs)
        by = tuple(each for each in need.rule.by if each in inputs.third_parties and each not in have)
        wanted = need.rule.of - len(have)
        if 0 < wanted <= len(by):
            at = chain.link.up()[need.hop]
            said = decode_needs(at.block.needs)[need.place]
            found.append(ask_for(chain.link, at, need.place, said, by, wanted, inputs.request))
    return tuple(found)


def _confirming(need: NeedAt, inputs: Inputs) -> frozenset[bytes]:
    """Give the keys whose discharge meets the condition, each judged alone."""
    found = set()
    for each in inputs.confirmed:
        if each.need is need:
            refusal = unconfirmed(need, [each], Scope(dict(inputs.variables), inputs.steps))
            if refusal is None or refusal.reason is Reason.DISCHARGE_MISSING:  # alone it may be too few
                found.add(each.signer)
    return frozenset(found)
