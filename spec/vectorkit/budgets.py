"""budgets.json: pools for all that is done below a block, and what a request costs them (SPEC §5.8, §10.3)."""

# ruff: noqa: ANN401 - a setting may be of any kind
from __future__ import annotations

from typing import Any

from vectorkit.build import (
    AUDIENCE,
    BEARER_1,
    HELPER,
    NOW,
    PLANNER,
    WORKER,
    Chain,
    Maker,
    as_text,
    chain,
    listed,
    prove,
    step,
)

GREATEST = 2**63 - 1


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("budget")
    _one(maker)
    _several(maker)
    _siblings(maker)
    _order(maker)
    return maker


def _presented(held: Chain, number: int) -> str:
    """The chain with its own proof."""
    return as_text(held.present(prove(held, claims={"n": bytes(15) + bytes((number,))})))


def _one(maker: Maker) -> None:
    calls, cents = chain(step(budget={"calls": 2})), chain(step(budget={"usd_cents": 100}))

    def add(name: str, comment: str, held: Chain, reason: str = "allow", hop: int | None = None, **more: Any) -> None:
        maker.add(name, "10.3", comment, held, reason, hop, **{"ledger": True, **more})

    add("calls", "a call is one, unasked", calls)
    add("calls-given", "the service says that this call counts two", calls, cost={"calls": 2})
    add("calls-over", "the service says that this call counts three, of two", calls, "budget_exhausted", 0,
        cost={"calls": 3})  # fmt: skip
    add("calls-free", "the service says that this call counts nothing, of nothing",
        chain(step(budget={"calls": 0})), cost={"calls": 0})  # fmt: skip
    add("calls-none", "a pool of no calls", chain(step(budget={"calls": 0})), "budget_exhausted", 0)
    add("whole", "all of a pool", cents, cost={"usd_cents": 100})
    add("over", "one more than the pool holds", cents, "budget_exhausted", 0, cost={"usd_cents": 101})
    add("free", "a cost of nothing", cents, cost={"usd_cents": 0})
    add("greatest", "the greatest cost and pool", chain(step(budget={"usd_cents": GREATEST})),
        cost={"usd_cents": GREATEST})  # fmt: skip
    add("unpriced", "a unit that the service gave no cost for", cents, "budget_unpriced", 0)
    add("unpriced-other", "a cost in another unit", cents, "budget_unpriced", 0, cost={"eur_cents": 1})
    add("unpriced-later", "block 1 has a unit without a cost", chain(step(budget={"calls": 2}), step(WORKER,
        budget={"usd_cents": 1})), "budget_unpriced", 1)  # fmt: skip
    add("unasked", "a cost in a unit that no block has", calls, cost={"usd_cents": 5})
    add("without", "a cost, and a chain without a budget", chain(step()), cost={"usd_cents": 5})
    maker.add("unavailable", "5.8", "a budget, and a verifier without a ledger", calls, "budget_unavailable", 0)
    maker.add("unavailable-1", "5.8", "the same, of block 1", chain(step(), step(WORKER, budget={"calls": 1})),
              "budget_unavailable", 1)  # fmt: skip
    bearer = chain(step(BEARER_1, aud=[AUDIENCE], budget={"calls": 5}))
    maker.add("bearer", "5.5", "a bearer envelope: there is no proof to charge by", bearer.bearer(), "proof_missing", 0,
              bearer=True, ledger=True)  # fmt: skip
    add("bearer-proven", "a bearer chain, as a presentation", bearer, bearer=True)


def _several(maker: Maker) -> None:
    narrower = chain(step(budget={"usd_cents": 100}), step(WORKER, budget={"usd_cents": 10}))
    wider = chain(step(budget={"usd_cents": 10}), step(WORKER, budget={"usd_cents": 100}))
    both = chain(step(budget={"calls": 5, "usd_cents": 100}))
    cents = {"usd_cents": 11}
    maker.add(
        "narrower", "10.3", "what a narrower pool has not", narrower, "budget_exhausted", 1, ledger=True, cost=cents
    )
    maker.add("narrower-whole", "10.3", "all of the narrower pool", narrower, ledger=True, cost={"usd_cents": 10})
    maker.add("wider", "10.3", "a child says more than the pool above holds", wider, "budget_exhausted", 0, ledger=True,
              cost=cents)  # fmt: skip
    maker.add("two-units", "10.3", "two units", both, ledger=True, cost={"usd_cents": 100})
    maker.add("two-units-one-over", "10.3", "two units, the second with too little", both, "budget_exhausted", 0,
              ledger=True, cost={"usd_cents": 101})  # fmt: skip


def _siblings(maker: Maker) -> None:
    parent = step(budget={"calls": 2})
    worker, helper = chain(parent, step(WORKER)), chain(parent, step(HELPER))
    planner = chain(parent)

    def after(
        name: str,
        comment: str,
        before: list[str],
        held: Chain,
        reason: str = "allow",
        hop: int | None = None,
        **more: Any,
    ) -> None:
        maker.add(name, "10.3", comment, _presented(held, 99), reason, hop, before=before, **{"ledger": True, **more})

    one, two = _presented(worker, 1), _presented(helper, 2)
    after("third", "the third of two calls", [one, _presented(worker, 2)], worker, "budget_exhausted", 0)
    after("second", "the second of two calls", [one], worker)
    after("sibling", "two siblings have spent the parent's pool", [one, two], worker, "budget_exhausted", 0)
    after("own", "the parent itself, when its children have spent its pool", [one, two], planner, "budget_exhausted", 0)
    other = chain(step(budget={"calls": 2}, cti=bytes(7) + b"x"), step(WORKER))
    after("other-chain", "another chain with a budget alike has a pool of its own", [one, two], other)
    again = chain(parent, step(WORKER, budget={"calls": 1}))
    anew = chain(parent, step(WORKER, budget={"calls": 1}, iat=NOW - 300))
    after("re-issued", "a child that is issued anew has a fresh pool, and still charges its parent's",
          [_presented(again, 1)], anew)  # fmt: skip
    after("re-issued-parent", "… until the parent's is spent", [_presented(again, 1), one], anew, "budget_exhausted", 0)
    after("replayed", "a proof that was charged is presented again: it is a replay, and neither free nor charged twice",
          [_presented(worker, 99)], worker, "replayed", 1)  # fmt: skip
    refused = chain(step(budget={"calls": 1}), step(WORKER, if_=listed(False)))
    allowed = chain(step(budget={"calls": 1}), step(HELPER))
    after("refused-spends-nothing", "a sibling was refused before", [_presented(refused, 1)], allowed)
    over = chain(step(budget={"calls": 9}), step(WORKER, budget={"calls": 0}))
    nine = chain(step(budget={"calls": 9}), step(HELPER))
    after("all-or-nothing", "a sibling's narrower pool had not enough: the wider one was not charged",
          [_presented(over, 1)], nine, cost={"calls": 9})  # fmt: skip


def _order(maker: Maker) -> None:
    denied = chain(step(budget={"usd_cents": 1}), step(WORKER, if_=listed(False)))
    maker.add("after-caveats", "5.8", "a false caveat, before a unit without a cost", denied, "caveat_failed", 1,
              ledger=True)  # fmt: skip
    maker.add("after-policy", "5.8", "a policy that is false, before a pool that is empty",
              chain(step(budget={"calls": 0})), "policy_failed", None, ledger=True, policy=["false"])  # fmt: skip
    other = chain(step(PLANNER, budget={"calls": 0}), step(HELPER, budget={"calls": 0}))
    maker.add("first-pool", "10.3", "two empty pools: the first is named", other, "budget_exhausted", 0, ledger=True)
