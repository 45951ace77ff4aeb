"""What a holder may be told, and can ask its own chain: what follows from the chain and the request alone."""

from __future__ import annotations

import pytest

from delegate import (
    Decision,
    DelegateError,
    Denied,
    Holder,
    Identity,
    MemoryReplay,
    Principal,
    Reason,
    Request,
    Root,
    Token,
    Verifier,
    at_most,
    can,
    need,
)
from delegate.authoring.minted import Lasting

NOW = 1_800_000_000
SHOP = "shop.example.com"
ALICE, AGENT, WORKER, BOSS = (
    Identity.from_seed(name, bytes([index]) * 32)
    for index, name in enumerate(("user:alice", "agent:buyer", "agent:worker", "user:boss"), 1)
)
PAY = Request("pay", "shop:1", {"amount": 700})


def chain(**terms: object) -> Token:
    """A chain of one hop, to the agent."""
    given: Lasting = {"can": "pay **", "ttl": "1h", "now": NOW, **terms}  # type: ignore[typeddict-item]
    return ALICE.mint(to=AGENT.principal, **given)


def verifier(*roots: Root | Principal, **settings: object) -> Verifier:
    """A service at that time."""
    trusted = roots or (ALICE.principal,)
    memory = MemoryReplay(since=0)
    return Verifier(trusted, audience=SHOP, clock=lambda: NOW, replay=memory, **settings)  # type: ignore[arg-type]


def refused(token: Token, request: Request = PAY, env: dict[str, object] | None = None, **settings: object) -> Decision:
    """What a service says to a proof that holds."""
    return verifier(**settings).decide(AGENT.prove(token, request, SHOP, now=NOW), request, env=env)


def may(token: Token, request: Request = PAY, audience: str | None = SHOP) -> Decision:
    """What the holder finds out alone."""
    return Holder(AGENT, token).may(request, audience=audience, now=NOW)


ALIKE = {
    "an argument over its bound": (
        {"can": can("pay", "**", args={"amount": at_most(500)})},
        (
            "capability_missing at hop 0: `pay` on `shop:1` is permitted by pay(amount) ** only if args.amount <= 500, "
            "and args.amount is 700"
        ),
    ),
    "another resource": (
        {"can": "pay shop:2"},
        "capability_missing at hop 0: `pay` on `shop:1` is not among what it permits: pay shop:2",
    ),
    "a caveat": (
        {"caveats": "args.amount <= 500"},
        "caveat_failed at hop 0: args.amount <= 500, and args.amount is 700",
    ),
    "a caveat that errs": (
        {"caveats": "args.size <= 500"},
        "caveat_error at hop 0: args.size <= 500, and args.size is missing",
    ),
    "false whatever the service knows": (
        {"caveats": "env.tier == 'gold' && args.amount < 5"},
        "caveat_failed at hop 0: args.amount < 5, and args.amount is 700",
    ),
    "an error comes before what is open": (
        {"caveats": "env.tier == 'gold' && args.size < 5"},
        "args.size < 5, and args.size is missing",
    ),
}


@pytest.mark.parametrize(("terms", "words"), ALIKE.values(), ids=ALIKE)
def test_holder_and_service_say_the_same(terms: dict[str, object], words: str) -> None:
    """Which condition did not hold, and what of the request it read: the holder has both, and may know."""
    told = refused(chain(**terms), env={"tier": "gold"})
    alone = may(chain(**terms))
    assert not told.allowed
    assert not alone.allowed
    assert words in told.holder_detail
    assert words in alone.holder_detail
    assert (alone.reason, alone.hop) == (told.reason, told.hop)
    assert told.error is not None
    assert told.error.holder_detail == told.holder_detail


OPEN = {
    "env": ("env.tier == 'gold'", {"tier": "SILVER"}),
    "has": ("has(env.staff)", {"tier": "SILVER"}),
    "two": ("env.tier == 'gold' || env.tier == 'bronze'", {"tier": "SILVER"}),
    "an index": ("env['tier'] == 'gold'", {"tier": "SILVER"}),
    "a count": ("size(env) > 5", {"tier": "SILVER"}),
    "a map": ("env.all(k, k != 'tier')", {"tier": "SILVER"}),
    "a name": ("holder.name == 'agent:SILVER'", {}),
    "has a name": ("!has(holder.name)", {}),
    "in the holder": ("!('name' in holder)", {}),
}


@pytest.mark.parametrize(("condition", "env"), OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("place", ["caveat", "capability"])
def test_nothing_of_what_a_service_knows_is_told(condition: str, env: dict[str, object], place: str) -> None:
    """`env` and the directory: the condition's own text is all, and the holder alone is allowed, with that said."""
    terms: dict[str, object] = {"caveats": condition} if place == "caveat" else {"can": f"pay ** if {condition}"}
    told = refused(chain(**terms), env=env, principals=[AGENT.principal])
    assert told.reason in {Reason.CAVEAT_FAILED, Reason.CAPABILITY_MISSING}
    assert "SILVER" not in told.holder_detail.replace("agent:SILVER", "")
    assert "is what the service alone knows" in told.holder_detail
    alone = may(chain(**terms))
    assert alone.allowed
    assert "is what the service alone knows" in alone.holder_detail


def test_two_services_that_answer_alike_tell_alike() -> None:
    """Same reason, same hop: neither facts nor directory, nor a root's bound, nor which caveat it was, shows."""
    token = chain(caveats=["env.a == 1", "env.b == 1", "args.amount < 900"])
    facts: tuple[dict[str, object], ...] = (
        {},
        {"a": 2, "b": 1},
        {"a": 1, "b": 2},
        {"a": "x", "b": 1},
        {"a": 1, "b": 3},
    )
    decisions = [
        refused(token, env=env, principals=principals) for env in facts for principals in (None, [AGENT.principal])
    ]
    found = {each.holder_detail for each in decisions if each.reason is Reason.CAVEAT_FAILED}
    assert len(found) == 1
    bounded = verifier(Root(ALICE.principal, can="SECRET **"))
    decision = bounded.decide(AGENT.prove(chain(), PAY, SHOP, now=NOW), PAY)
    assert decision.holder_detail == decision.public_detail == "capability_missing at hop 0"


def test_what_is_not_the_chains_is_told_to_nobody() -> None:
    """Policy, budgets and a store: reason and hop."""
    token = chain(budget={"eur": 5})
    for decision in (
        refused(chain(), policy=["args.amount < 5"]),
        refused(token),
    ):
        assert decision.reason in {Reason.POLICY_FAILED, Reason.BUDGET_UNAVAILABLE, Reason.BUDGET_UNPRICED}
        assert decision.holder_detail == decision.public_detail


def test_without_a_proof_nothing_is_told() -> None:
    """Whoever copied a chain, or was shown a preview of it, is told what anybody is."""
    token = chain(caveats="args.amount <= 500")
    service = verifier()
    proof = AGENT.prove(token, Request("pay", "shop:1", {"amount": 7}), SHOP, now=NOW)
    for decision in (service.decide(token, PAY), service.decide(proof, PAY), service.preview(token, PAY)):
        assert decision.holder_detail == decision.public_detail


def test_an_allowed_request_is_allowed_for_all() -> None:
    """And what `authorize` raises says the same as the decision."""
    token = chain(caveats="args.amount <= 500")
    small = Request("pay", "shop:1", {"amount": 7})
    assert refused(token, small).holder_detail == "allowed"
    assert may(token, small).holder_detail == "allowed, as far as the chain says"
    with pytest.raises(Denied) as caught:
        verifier().authorize(AGENT.prove(token, PAY, SHOP, now=NOW), PAY)
    assert caught.value.holder_detail == refused(token).holder_detail


def test_a_holder_is_told_when_and_where_its_chain_is_good() -> None:
    """Over, not begun, and for other services: as a service says it."""
    holder = Holder(AGENT, chain(audience=SHOP))
    assert holder.may(PAY, now=NOW + 3600).reason is Reason.EXPIRED
    assert holder.may(PAY, now=NOW - 3600).reason is Reason.NOT_YET_VALID
    assert holder.may(PAY, audience="other", now=NOW).reason is Reason.WRONG_AUDIENCE
    assert holder.may(PAY, now=NOW).allowed
    by_name = chain(caveats=f"aud == '{SHOP}'")
    assert "aud is what the service alone knows" in may(by_name, audience=None).holder_detail
    assert may(by_name, audience="x").reason is Reason.CAVEAT_FAILED


def test_a_holder_is_told_what_others_must_confirm() -> None:
    """The needs in words from both, and the asks to bring to them."""
    token = chain(needs=need(BOSS.principal))
    alone, told = may(token), refused(token)
    assert alone.reason is told.reason is Reason.DISCHARGE_MISSING
    assert "needs 1 of 1" in alone.holder_detail
    assert alone.holder_detail == told.holder_detail
    assert [ask.block_id for ask in alone.asks] == [token.link.id]
    assert alone.to_json()["asks"] == [ask.to_text() for ask in alone.asks]


def test_a_holder_is_no_verifier() -> None:
    """Nothing that looks verified or granted comes of it, and no hop has vouched for anything."""
    decision = may(chain())
    assert decision.chain is None
    assert decision.authorization is None
    assert decision.explain().verdicts == ()
    with pytest.raises(TypeError):
        bool(decision)


def test_the_first_hop_that_refuses_is_named() -> None:
    """Two hops; the second permits less."""
    token = ALICE.mint(to=AGENT.principal, can="pay **", ttl="1h", hops=1, now=NOW)
    narrower = AGENT.attenuate(token, to=WORKER.principal, can="pay shop:2", now=NOW)
    decision = Holder(WORKER, narrower).may(PAY, now=NOW)
    assert (decision.reason, decision.hop) == (Reason.CAPABILITY_MISSING, 1)
    assert list(map(str, Holder(WORKER, narrower).grants())) == ["pay shop:2"]


def test_a_chain_whose_conditions_take_too_much_is_refused_alone_too() -> None:
    """The steps of one decision, and no more."""
    long = " && ".join(f"args.l.all(a, args.l.all(b, int(a) + int(b) != {n}))" for n in range(9))
    token = chain(caveats=[long, *(f"{long} && {n} < 5" for n in range(5))])
    request = Request("pay", "shop:1", {"l": list(range(1000, 1400))})
    with pytest.raises(DelegateError) as caught:
        raise may(token, request).error or AssertionError
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    told = refused(token, request)
    assert told.reason is Reason.LIMIT_EXCEEDED
    assert told.holder_detail == told.public_detail


HEAVY = "args.xs.all(x, args.xs.all(y, int(x) + int(y) >= 0))"
LONG = Request("pay", "shop:1", {"amount": 700, "xs": list(range(200))})


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        ({"can": [can("pay", "**", when=f"args.amount == 1 && {HEAVY}"), "pay **"]}, True),
        ({"caveats": f"args.amount == 700 || {HEAVY}"}, True),
        ({"caveats": f"args.amount == 1 ? {HEAVY} : true"}, True),
        ({"can": [can("pay", "**", when=f"args.missing == 1 && args.amount == 1 && {HEAVY}"), "pay **"]}, True),
        ({"caveats": f"args.amount == 1 && {HEAVY}"}, False),
        ({"caveats": HEAVY}, False),
        ({"can": [can("pay", "**", when=HEAVY), "pay **"]}, False),
        ({"caveats": [f"args.amount == 1 || {HEAVY}", "args.amount == 1"]}, False),
    ],
)
def test_a_holder_spends_the_steps_that_a_service_spends(terms: dict[str, object], allowed: bool) -> None:
    """What a service need not look at is not looked at: no refusal for steps that it never takes; and the same hop."""
    token = chain(**terms)
    service, own = refused(token, LONG), may(token, LONG)
    assert (service.allowed, service.reason, service.hop) == (own.allowed, own.reason, own.hop)
    assert own.allowed is allowed


@pytest.mark.parametrize("tier", ["gold", "iron"])
def test_steps_that_depend_on_the_service_refuse_nothing(tier: str) -> None:
    """What `env` says may save a service the work: the holder says so, and that it is the service's to know."""
    token = chain(caveats=[f"env.tier == 'gold' || {HEAVY}", "args.amount == 700"])
    assert refused(token, LONG, {"tier": tier}).allowed is (tier == "gold")
    own = may(token, LONG)
    assert own.allowed
    assert "steps" in (own.holder_detail or "")
    certain = may(chain(caveats=["env.tier == 'gold'", "args.amount == 1"]), LONG)
    assert certain.reason is Reason.CAVEAT_FAILED
