"""What to ask, and whom, where a discharge is missing (SPEC §14.3). Worked out when it is wanted; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from delegate.authoring.ask import Ask, ask_for
from delegate.core.chain.needs import NeedAt
from delegate.core.decide.decision import Refusal
from delegate.core.decide.discharges import Confirmed, unconfirmed
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


def could_confirm(need: NeedAt, confirmed: Iterable[Confirmed], third_parties: Mapping[bytes, str]) -> str:
    """Name who could still confirm a need, by the names that this verifier knows; nothing where nobody is left."""
    have = {each.signer for each in confirmed if each.need is need}
    known = [third_parties[each] for each in need.rule.by if each in third_parties]
    if not known:
        return "this verifier knows none of those who could confirm"
    names = sorted(third_parties[each] for each in need.rule.by if each in third_parties and each not in have)
    return f"could come from {', '.join(names)}" if names else ""


def missing_words(refusal: Refusal, third_parties: Mapping[bytes, str], tally: str) -> str:
    """Say beside how many confirmations are missing who could give them."""
    chain, hop = refusal.chain, refusal.error.hop
    for need in () if chain is None else chain.link.needs:
        if need.hop == hop and sum(each.need is need for each in refusal.confirmed) < need.rule.of:
            whom = could_confirm(need, refusal.confirmed, third_parties)
            return f"{tally}; {whom}" if whom else tally
    return tally


def _confirming(need: NeedAt, inputs: Inputs) -> frozenset[bytes]:
    """Give the keys whose discharge meets the condition, each judged alone."""
    found = set()
    for each in inputs.confirmed:
        if each.need is need:
            refusal = unconfirmed(need, [each], Scope(dict(inputs.variables), inputs.steps))
            if refusal is None or refusal.reason is Reason.DISCHARGE_MISSING:  # alone it may be too few
                found.add(each.signer)
    return frozenset(found)
