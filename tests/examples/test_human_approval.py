"""Human approval: two of three colleagues approve one payment, and no other."""

from __future__ import annotations

import pytest

from delegate import Denied, Discharge, Holder, Identity, Reason, Request, VerificationError, Verifier, need

ALICE, BOB, CAROL, DAVE = (Identity.generate(f"user:{name}@example.com") for name in ("alice", "bob", "carol", "dave"))
TEAM = [BOB.principal, CAROL.principal, DAVE.principal]
PAY = Request("pay", None, {"amount": 500, "currency": "EUR"})


def test_a_payment_waits_for_two_approvals() -> None:
    """Refused with the ask; approved by two; allowed once; and never for another amount."""
    buyer = Identity.generate("agent:buyer")
    wanted = need(TEAM, of=2, condition="said.approved == true", max_age="15m")
    token = ALICE.mint(to=buyer.principal, can="pay(amount, currency)", ttl="8h", why="office chairs", needs=[wanted])
    holder = Holder(buyer, token)
    shop = Verifier([ALICE.principal], audience="shop", third_parties=TEAM)

    with pytest.raises(Denied) as caught:
        shop.authorize(holder.prove(PAY, "shop"), PAY)
    decision = shop.decide(holder.prove(PAY, "shop"), PAY)
    assert caught.value.reason is Reason.DISCHARGE_MISSING
    assert decision.detail == (
        "needs 2 of 3 confirmations, has none; could come from user:bob@example.com, user:carol@example.com, "
        "user:dave@example.com"
    )
    (ask,) = decision.asks
    assert (ask.request, ask.of, len(ask.by), ask.why) == (PAY, 2, 3, "office chairs")

    first = BOB.discharge(ask, says={"approved": True}, ttl="5m")
    decision = shop.decide(holder.prove(PAY, "shop", discharges=[first]), PAY)
    assert decision.detail == (
        f"needs 2 of 3 confirmations, has 1 ({BOB.name}); could come from user:carol@example.com, user:dave@example.com"
    )
    (ask,) = decision.asks
    assert (ask.of, set(ask.by)) == (1, {each.public_key.thumbprint for each in TEAM[1:]})

    second = CAROL.discharge(ask, says={"approved": True}, ttl="5m")
    brought: list[Discharge | str | bytes] = [first, second.to_text()]
    granted = shop.authorize(holder.prove(PAY, "shop", discharges=brought), PAY)
    assert granted.confirmed_by == (BOB.name, CAROL.name)

    dear = Request("pay", None, {"amount": 50_000, "currency": "EUR"})
    for request, reason in ((dear, Reason.DISCHARGE_MISMATCH), (PAY, Reason.REPLAYED)):
        with pytest.raises(VerificationError) as refused:
            shop.authorize(holder.prove(request, "shop", discharges=brought), request)
        assert refused.value.reason is reason


def test_which_confirmation_is_for_another_request() -> None:
    """Explained by name: who confirmed, and whose confirmation is for something else."""
    buyer = Identity.generate("agent:buyer")
    token = ALICE.mint(to=buyer.principal, can="pay", ttl="8h", needs=need(TEAM, of=2))
    holder = Holder(buyer, token)
    shop = Verifier([ALICE.principal], audience="shop", third_parties=TEAM)
    other = Request("pay", None, {"amount": 1})
    mine = BOB.discharge(holder.asks(PAY)[0], says={"approved": True}, ttl="5m")
    another = CAROL.discharge(holder.asks(other)[0], says={"approved": True}, ttl="5m")
    decision = shop.decide(holder.prove(PAY, "shop", discharges=[another, mine]), PAY)
    assert decision.detail == (
        f"needs 2 of 3 confirmations, has 1 ({BOB.name}); the discharge by {CAROL.name} is for another request"
    )
    (ask,) = decision.asks
    assert BOB.public_key.thumbprint not in ask.by
