"""What a request costs the pools of a chain (SPEC §5.8, §10.3).

The rules of this file:

- Every pool of the chain is charged, the narrower and those above it: all of them or none.
- A unit that the service gave no cost for denies: nobody may take silence for free. `calls` is one, unasked.
- Nothing here charges: it says what to charge, and judges what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from delegate.core.chain.links import Link
from delegate.core.decide.discharges import Confirmed
from delegate.core.decide.effects import Spend
from delegate.core.decide.evaluate import Query
from delegate.core.decide.possession import Proof
from delegate.core.decide.settings import Settings
from delegate.core.decide.stores import Charge, Claim, Refused
from delegate.errors import DelegateError, Denied, Reason, StateError, VerificationError

CALLS: Final = "calls"


def to_spend(link: Link, proof: Proof, query: Query, settings: Settings, confirmed: Sequence[Confirmed]) -> Spend:
    """Say what a request claims and charges, all or nothing: step 8 of SPEC §5, but for doing it.

    Whoever calls it has performed 1 to 7: what is spent is not given back.

    Returns:
        The claims, the proof's first and behind it those of discharges that serve once; and the charges.

    Raises:
        StateError, Denied: as `charges`.
    """
    charged = charges(link, query.cost, has_ledger=settings.ledger is not None) if link.pools else ()
    claims: tuple[Claim, ...] = (
        Claim(proof.id, proof.issued, proof.issued + settings.proof_window_s + settings.leeway_s),
    )
    if confirmed:
        claims += tuple(_claim_of(each) for each in _serving_once(confirmed))
    return Spend(claims, charged, query.now)


def _serving_once(confirmed: Iterable[Confirmed]) -> list[Confirmed]:
    """List the discharges that serve one request, once."""
    return [each for each in confirmed if each.need is not None and each.said.digest is not None]


def _claim_of(used: Confirmed) -> Claim:
    """Claim a discharge until it could not be used again anyway: not by a longer-lived chain below its block either."""
    until = used.said.expires
    age = None if used.need is None else used.need.rule.age
    if age is not None:
        until = min(until, used.said.issued + age)
    return Claim(used.id, used.said.issued, until)


def charges(link: Link, cost: Mapping[str, int], *, has_ledger: bool) -> tuple[Charge, ...]:
    """Say what a request costs each pool of the chain.

    Raises:
        StateError: BUDGET_UNAVAILABLE: there is a pool, and no ledger.
        Denied: BUDGET_UNPRICED: there is a pool in a unit without a cost. `.hop` is the pool's block.
    """
    found = []
    origin = link.up()[0].id
    for pool in link.pools:
        if not has_ledger:
            raise StateError(
                Reason.BUDGET_UNAVAILABLE, "this verifier has no ledger to charge budgets in", hop=pool.hop
            )
        amount = cost.get(pool.unit, 1 if pool.unit == CALLS else None)
        if amount is None:
            raise Denied(Reason.BUDGET_UNPRICED, f"the service gave no cost in {pool.unit}", hop=pool.hop)
        found.append(Charge(pool.block_id, pool.unit, amount, pool.limit, pool.until, origin))
    return tuple(found)


def refusal(
    refused: Refused, link: Link, charged: Sequence[Charge], confirmed: Sequence[Confirmed] = ()
) -> DelegateError:
    """Say why a store claimed and charged nothing of what it was to spend."""
    if refused.left is None and refused.place:
        used = _serving_once(confirmed)[refused.place - 1]
        hop = None if used.need is None else used.need.hop
        return VerificationError(Reason.REPLAYED, f"{used.name}'s discharge has been used", hop=hop)
    if refused.left is None:
        return VerificationError(Reason.REPLAYED, "this proof has been used", hop=link.hop)
    pool, charge = link.pools[refused.place], charged[refused.place]
    detail = f"{pool.unit}: {charge.amount} needed, and {refused.left} of {pool.limit} left"
    return Denied(Reason.BUDGET_EXHAUSTED, detail, hop=pool.hop)
