"""Why a request was refused: every hop's own word, the values it read, and who could grant it."""

from __future__ import annotations

import json

from delegate import Decision, Identity, Reason, Request, Root, Token, Verifier, at_most, can

NOW = 1_800_000_000
AUDIENCE = "pay.example.com"
ALICE, PLANNER, BUYER, CLERK = (
    Identity.from_seed(name, bytes([index]) * 32)
    for index, name in enumerate(("user:alice", "agent:planner", "agent:buyer", "agent:clerk"), 1)
)


def _token(*, clerk: list[str], caveats: tuple[str, ...] = ()) -> Token:
    """Alice → planner → buyer → clerk; the buyer's hop says nothing, the clerk's is as given."""
    token = ALICE.mint(
        to=PLANNER.principal,
        can=[can("pay", args={"amount": at_most(500)}), "mail.send"],
        ttl="1h",
        hops=3,
        now=NOW,
    )
    token = PLANNER.attenuate(token, to=BUYER.principal, now=NOW)
    return BUYER.attenuate(token, to=CLERK.principal, can=clerk, caveats=caveats, now=NOW)


def _decide(token: Token, request: Request, **settings: object) -> Decision:
    verifier = Verifier([Root(ALICE.principal)], audience=AUDIENCE, clock=lambda: NOW, **settings)  # type: ignore[arg-type]
    return verifier.decide(CLERK.prove(token, request, AUDIENCE, now=NOW), request)


def test_every_hop_answers_and_the_grantor_is_whoever_narrowed_too_far() -> None:
    """Hops 0 and 1 permit it, hop 2 does not: the buyer, who signed hop 2, can hand it out again."""
    explained = _decide(_token(clerk=["mail.send"]), Request("pay", None, {"amount": 5})).explain()
    assert [verdict.permits for verdict in explained.verdicts] == [True, True, False]
    assert explained.verdicts[0].words == "pay(amount) if args.amount <= 500"
    assert explained.verdicts[1].words == "whatever the hops above permit"
    assert explained.verdicts[2].words == "only mail.send"
    assert (explained.reason, explained.hop) == (Reason.CAPABILITY_MISSING, 2)
    assert explained.grantor == "agent:buyer"
    assert explained.cannot == ("agent:clerk",)


def test_a_hop_below_the_first_refusal_answers_for_itself() -> None:
    """Hop 0 refuses by its condition; hop 2, asked alone, permits: it is not blamed."""
    explained = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 750})).explain()
    assert [verdict.permits for verdict in explained.verdicts] == [False, True, True]
    assert "args.amount <= 500, and args.amount is 750" in explained.verdicts[0].words
    assert explained.grantor == "user:alice"
    assert explained.cannot == ("agent:planner", "agent:buyer", "agent:clerk")


def test_a_caveat_that_fails_names_the_values_that_it_read() -> None:
    """Both in the detail and in the hop's verdict."""
    decision = _decide(
        _token(clerk=["pay"], caveats=("args.amount < 100 && has(args.amount)",)), Request("pay", None, {"amount": 200})
    )
    assert decision.detail == "args.amount < 100, and args.amount is 200"
    assert decision.explain().verdicts[2].words == decision.detail


def test_a_refusal_before_any_hop_was_asked_has_no_verdicts() -> None:
    """A chain that is not proven is not asked anything: no verdicts, nobody to grant."""
    request = Request("pay", None, {"amount": 5})
    verifier = Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW)
    explained = verifier.decide(_token(clerk=["pay"]), request).explain()
    assert explained.reason is Reason.PROOF_MISSING
    assert explained.verdicts == ()
    assert explained.grantor is None


def test_a_policy_of_the_service_is_nobody_s_to_grant() -> None:
    """Every hop permits it, the service does not: no hop is at fault."""
    explained = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 5}), policy="args.amount > 10").explain()
    assert explained.reason is Reason.POLICY_FAILED
    assert all(verdict.permits for verdict in explained.verdicts)
    assert explained.grantor is None


def test_an_allowed_decision_explains_which_capability_covers_it() -> None:
    """With the same shape, and as JSON."""
    decision = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 5}))
    assert decision.allowed
    shape = json.loads(json.dumps(decision.to_json()))
    assert shape["version"] == 1
    assert [verdict["permits"] for verdict in shape["explanation"]["verdicts"]] == [True, True, True]
    assert shape["explanation"]["reason"] is None
