"""What a decision checked of a chain and what it did not, for the line `Checked`.

The rules of this file:

- What was not checked is said every time, and why where that helps.
- A check that comes after the one that refused was not made.
- A list counts for as much as its signer has a say: that of a stranger to the chain is no check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from delegate.authoring.discharge import Discharge
from delegate.authoring.token import Presentation
from delegate.cli.verifiers import Backing
from delegate.core.decide.spending import CALLS, charges, refusal
from delegate.core.decide.stores import Refused
from delegate.core.keys.principal import Principal
from delegate.core.wire import cose
from delegate.core.wire.envelope import Kind
from delegate.errors import DelegateError, Denied, Reason
from delegate.explain.unverified import AnyToken
from delegate.state.engines import State
from delegate.verifier.decision import Decision
from delegate.verifier.verified import VerifiedChain
from delegate.views import checked
from delegate.views.checked import Checked, Mark

# In the order of SPEC §5: what is refused by one of these was not looked up (§5.4).
_BEFORE_AUDIENCE: Final = frozenset(
    {Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.LIFETIME_TOO_LONG, Reason.WRONG_TENANT}
)
_BEFORE_REVOCATION: Final = _BEFORE_AUDIENCE | {Reason.WRONG_AUDIENCE, Reason.BEARER_REFUSED}
# None a `Denied`, and all come after the proof held (§5.5, §5.8).
_AFTER_PROOF: Final = frozenset(
    {
        Reason.REPLAYED,
        Reason.BUDGET_UNAVAILABLE,
        Reason.DISCHARGE_INVALID,
        Reason.DISCHARGE_UNEXPECTED,
        Reason.DISCHARGE_EXPIRED,
        Reason.DISCHARGE_MISMATCH,
        Reason.PRINCIPAL_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a command looked at, beside the decision itself.

    Attributes:
        given: what was presented.
        backing: what the verifier rests on besides its roots.
        now: its clock.
        audience: the service, where the user named one.
        parties: third parties that the user named.
        proven: whether a proof was looked at.
        cost: unit → what the request costs; `None` where there is no request.
    """

    given: AnyToken
    backing: Backing
    now: int
    audience: str | None = None
    parties: Sequence[Principal] = ()
    proven: bool = False
    cost: Mapping[str, int] | None = None


def checks(decision: Decision, inspection: Inspection) -> tuple[Checked, ...]:
    """List what was checked and what was not."""
    chain = decision.chain
    total = len(inspection.given.blocks)
    if chain is None:
        if decision.reason is Reason.UNKNOWN_ROOT:
            return (
                checked.no_root(),
                Checked(what="signatures", mark=Mark.NOT_CHECKED, words="signatures not checked"),
            )
        signatures = checked.signatures(decision.hop or 0, total)
        return (signatures, _holder(decision, inspection), _revocation(decision, inspection), checked.NAMES)
    return (
        checked.signatures(total, total),
        checked.root(chain.root.principal.name),
        checked.in_time(decision.reason),
        _audience(decision, inspection.audience),
        _holder(decision, inspection),
        _revocation(decision, inspection),
        *_replay(decision, inspection),
        *_spent(decision, inspection),
        _names(chain),
    )


def items_json(items: Sequence[Checked]) -> list[dict[str, str | None]]:
    """Give the checks as JSON values."""
    return [item.to_json() for item in items]


def charged(decision: Decision, cost: Mapping[str, int]) -> dict[str, int]:
    """Say what an allowed request cost the budgets of its chain: unit → amount; empty where it has none."""
    if decision.authorization is None:
        return {}
    link = decision.authorization.chain.link
    return {charge.unit: charge.amount for charge in charges(link, cost, has_ledger=True)}


def affordable(decision: Decision, cost: Mapping[str, int], state: State | None) -> Decision:
    """Refuse what a preview allows, where a pool has too little left: by the stores, else by what it holds in all.

    A call costs 1. Other units are free unless `cost` has some, and then it must have all.
    """
    chain = decision.chain
    if not decision.allowed or chain is None:
        return decision
    link = chain.link
    prices = cost or {pool.unit: 0 for pool in link.pools if pool.unit != CALLS}
    try:
        wanted = charges(link, prices, has_ledger=True)
        spent = {} if state is None else state.ledger.spent([each.block_id for each in wanted])
        for place, each in enumerate(wanted):
            left = max(each.limit - spent.get((each.block_id, each.unit), 0), 0)
            if each.amount > left:
                raise refusal(Refused(place, left), link, wanted)
    except DelegateError as error:
        return decision.refused_by(error)
    return decision


def _audience(decision: Decision, audience: str | None) -> Checked:
    if audience is None or decision.reason in _BEFORE_AUDIENCE:
        return Checked(what="audience", mark=Mark.NOT_CHECKED, words="audience not checked")
    wrong = decision.reason is Reason.WRONG_AUDIENCE
    return Checked(what="audience", mark=Mark.FAILED if wrong else Mark.HELD, words=f"audience {audience}")


def _holder(decision: Decision, inspection: Inspection) -> Checked:
    if inspection.given.kind is Kind.BEARER:
        return Checked(what="holder", mark=Mark.NOT_CHECKED, words="holder: whoever has it")
    if _is_proven(decision, inspection):
        return Checked(what="holder", mark=Mark.HELD, words="holder proven")
    return checked.HOLDER


def _replay(decision: Decision, inspection: Inspection) -> tuple[Checked, ...]:
    """Say whether the proof could be used again, where one held."""
    if decision.reason is Reason.REPLAYED:
        return (Checked(what="replay", mark=Mark.FAILED, words="this proof was used before"),)
    if inspection.given.kind is Kind.BEARER or not _is_proven(decision, inspection):
        return ()
    if inspection.backing.state is None:
        words = "used proofs are not remembered between runs"
        return (Checked(what="replay", mark=Mark.NOT_CHECKED, words=words),)
    if decision.allowed:
        return (Checked(what="replay", mark=Mark.HELD, words="used proofs are remembered"),)
    return ()  # refusing claims nothing


def _is_proven(decision: Decision, inspection: Inspection) -> bool:
    after = decision.allowed or isinstance(decision.error, Denied) or decision.reason in _AFTER_PROOF
    return inspection.proven and after


def _revocation(decision: Decision, inspection: Inspection) -> Checked:
    chain, store = decision.chain, inspection.backing.revocations
    if decision.reason in {Reason.REVOKED, Reason.REVOCATION_STALE}:
        return checked.revocation_failed(decision.reason)
    if store is None:
        return _stapled(decision, inspection) or checked.revocation_unchecked("no list given")
    if chain is None or decision.reason in _BEFORE_REVOCATION:
        return checked.revocation_unchecked()
    if decision.reason is Reason.STATE_UNAVAILABLE:
        return checked.revocation_unchecked("the store did not answer")
    feeds = store.feeds()
    have_say = {each.public_key.thumbprint for each in (chain.root.principal, *inspection.backing.revokers)}
    have_say.update(hop.key.thumbprint for hop in chain.hops)
    counting = [feed for feed in feeds if feed.signer in have_say]
    if not counting:
        return _stapled(decision, inspection) or checked.revocation_unchecked("no list by anyone whose word counts")
    oldest = min(feed.issued for feed in counting)
    overdue = any(feed.expires <= inspection.now for feed in counting)
    stapled = _stapled(decision, inspection) if overdue else None
    return stapled or checked.not_revoked(len(counting), max(inspection.now - oldest, 0), overdue=overdue)


def _stapled(decision: Decision, inspection: Inspection) -> Checked | None:
    """Say which staple bears it out, the newest; `None` where none does, or where some discharge did not hold."""
    went_on = decision.allowed or isinstance(decision.error, Denied)
    if not went_on or not isinstance(inspection.given, Presentation):
        return None
    said = [(cose.open_signed(each).kid, Discharge(each).claimed) for each in inspection.given.discharges]
    held = [
        (statement.issued, revoker.name)
        for kid, statement in said
        for revoker in inspection.backing.revokers
        if statement.place is None and kid == revoker.public_key.kid and revoker.name in decision.confirmed_by
    ]
    if not held:
        return None
    issued, name = max(held)
    return checked.stapled(name, max(inspection.now - issued, 0))


def _spent(decision: Decision, inspection: Inspection) -> tuple[Checked, ...]:
    if inspection.cost is None or decision.chain is None or not decision.chain.link.pools:
        return ()
    amounts = charged(decision, inspection.cost)
    if amounts:
        return (checked.charged(amounts),)
    note = "enough is left" if decision.allowed and inspection.backing.state is not None else ""
    return (checked.not_charged(decision.reason, note),)


def _names(chain: VerifiedChain) -> Checked:
    borne_out = [hop.holder for hop in chain.hops if hop.confirmed]
    if not borne_out:
        return checked.NAMES
    rest = "" if len(borne_out) == len(chain.hops) else ", others not checked"
    return Checked(
        what="names", mark=Mark.HELD, words=f"names: {', '.join(dict.fromkeys(borne_out))} vouched for{rest}"
    )
