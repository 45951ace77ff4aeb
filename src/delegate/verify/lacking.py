"""What to ask of whom where a discharge is missing (SPEC §14.3). Worked out when it is asked for; decides nothing."""

from __future__ import annotations

from delegate.caveats import Scope
from delegate.chain.ask import Ask, ask_for
from delegate.chain.needs import NeedAt, decode_needs
from delegate.errors import Reason
from delegate.verify.discharges import unconfirmed
from delegate.verify.explanation import Asking
from delegate.verify.verified import VerifiedChain


def lacking(chain: VerifiedChain, asking: Asking) -> tuple[Ask, ...]:
    """Give an ask for every need that is not met, to those of its parties that this verifier knows."""
    found = []
    for need in chain.link.needs:
        have = _confirming(chain, need, asking)
        by = tuple(each for each in need.rule.by if each in asking.third_parties and each not in have)
        wanted = need.rule.of - len(have)
        if 0 < wanted <= len(by):
            at = chain.link.up()[need.hop]
            said = decode_needs(at.block.needs)[need.place]
            found.append(ask_for(chain.link, at, need.place, said, by, wanted, asking.request))
    return tuple(found)


def _confirming(chain: VerifiedChain, need: NeedAt, asking: Asking) -> frozenset[bytes]:
    """Give the keys whose discharge meets the condition, each asked alone."""
    found = set()
    for each in asking.confirmed:
        if each.need is need:
            refusal = unconfirmed(chain, need, [each], Scope(dict(asking.variables), asking.steps))
            if refusal is None or refusal.reason is Reason.DISCHARGE_MISSING:  # alone it may be too few
                found.add(each.signer)
    return frozenset(found)
