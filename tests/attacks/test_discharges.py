"""Attacks with what other parties confirmed: stolen, replayed, forged, counted twice, meant for another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import cbor2
import pytest

from delegate import (
    Discharge,
    Identity,
    Presentation,
    Reason,
    Request,
    RevokedKey,
    Token,
    Verifier,
    need,
)
from delegate.authoring.ask import asks
from delegate.core.chain.discharge import discharge_aad
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cose
from tests.attacks.world import (
    ALICE,
    AUDIENCE,
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    WORKER,
    forged_proof,
    minted,
    refusal,
    verifier,
)

BOB, CAROL, DAVE = (
    Identity.from_seed(f"user:{name}@example.com", bytes((40 + n,)) * 32) for n, name in enumerate("bcd")
)
TEAM = (BOB.principal, CAROL.principal, DAVE.principal)
PAY = Request("pay", None, {"amount": 500})
DEAR = Request("pay", None, {"amount": 50_000})


def held(**terms: Any) -> Token:  # noqa: ANN401 - terms of `need`
    """Alice lets the worker pay, if her colleagues confirm."""
    return minted(to=WORKER.principal, can=["pay(amount)"], needs=need(TEAM, **terms))


def service(**settings: Any) -> Verifier:  # noqa: ANN401 - a verifier's own
    """A service that knows all three colleagues."""
    return verifier(third_parties=TEAM, **settings)


def approved(by: Identity, token: Token, request: Request = PAY, **more: Any) -> Discharge:  # noqa: ANN401 - terms
    """Somebody's approval of a token's first need."""
    return by.discharge(
        asks(token.link, request)[0], **{"says": {"approved": True}, "ttl": "5m", "now": NOW - 10, **more}
    )


def presented(token: Token, discharges: Sequence[Discharge], request: Request = PAY) -> Presentation:
    """The worker's own presentation."""
    return WORKER.prove(token, request, AUDIENCE, discharges=discharges, now=NOW)


def signed(signer: Identity, claims: dict[Any, Any], *, as_key: PublicKey | None = None) -> Discharge:
    """A discharge that says anything, hinting at anybody."""
    key = as_key or signer.public_key
    protected = cose.protected_header(signer.public_key.algorithm, key.kid)
    payload = cose.byte_string(cbor2.dumps(claims, canonical=True))
    structure = cose.sig_structure(protected, discharge_aad(key.thumbprint), payload)
    return Discharge(cose.assemble(protected, payload, signer.signer.sign(structure)))


def test_the_holder_approves_itself() -> None:
    """The worker signs an approval with its own key, in its own and in bob's name: neither counts."""
    token = held()
    said = {1: BOB.name, 4: NOW + 60, 6: NOW, "to": [token.link.id, 0], "says": {"approved": True}}
    own = signed(WORKER, {**said, 1: WORKER.name})
    forged = signed(WORKER, said, as_key=BOB.public_key)
    assert refusal(service(), presented(token, [own]), PAY) == (Reason.DISCHARGE_UNEXPECTED, None)
    assert refusal(service(), presented(token, [forged]), PAY) == (Reason.DISCHARGE_INVALID, None)


def test_a_need_that_the_holder_appends_widens_nothing() -> None:
    """The worker appends a need of its own friend, and has that met: alice's need still stands."""
    token = held()
    wider = WORKER.attenuate(token, needs=need(MALLORY.principal, standing=True), now=NOW - 100)
    mine = MALLORY.discharge(asks(wider.link, PAY)[1], says={"approved": True}, ttl="5m", now=NOW)
    trusting = verifier(third_parties=(*TEAM, MALLORY.principal))
    assert refusal(trusting, presented(wider, [mine]), PAY) == (Reason.DISCHARGE_MISSING, 0)


def test_two_of_three_approve_a_payment_and_it_is_made_larger() -> None:
    """Two approvals of one payment are used for a larger one, and for the same one twice."""
    token = held(of=2)
    both = [approved(BOB, token), approved(CAROL, token)]
    bank = service()
    assert refusal(bank, presented(token, both, DEAR), DEAR) == (Reason.DISCHARGE_MISMATCH, 0)
    granted = bank.authorize(presented(token, both), PAY)
    assert granted.confirmed_by == (BOB.name, CAROL.name)
    assert granted.allows(PAY)
    assert not granted.allows(DEAR)
    assert refusal(bank, presented(token, both), PAY) == (Reason.REPLAYED, 0)


def test_one_approval_serves_one_payment_of_six_at_once() -> None:
    """Six threads use the same approval at the same time, each with a proof of its own: one pays."""
    token = held()
    bank, one = service(), [approved(BOB, token)]
    start = threading.Barrier(6)
    paid: list[bool] = []

    def call() -> None:
        mine = presented(token, one)
        start.wait()
        paid.append(bank.decide(mine, PAY).allowed)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(paid) == [False] * 5 + [True]


def test_a_refused_payment_spends_no_approval() -> None:
    """Somebody makes the service refuse with an approval in hand, to use it up."""
    token = held()
    one = [approved(BOB, token)]
    bank = service(policy=["env.open == true"])
    assert not bank.decide(presented(token, one), PAY, env={"open": False}).allowed
    assert bank.decide(presented(token, one), PAY, env={"open": True}).allowed


def test_an_approval_is_stolen_with_its_chain() -> None:
    """A thief has chain and approval, and not the worker's key."""
    token = held()
    stolen = presented(token, [approved(BOB, token)])
    proof = forged_proof(MALLORY.signer, token, PAY).proof
    thief = Presentation(stolen.blocks, proof, stolen.discharges)
    assert refusal(service(), thief, PAY) == (Reason.PROOF_WRONG_KEY, 0)


def test_an_approval_is_handed_on_to_another_agent() -> None:
    """The planner's payment was approved; it hands the chain on, and the helper uses the approval."""
    token = minted(can=["pay(amount)"], needs=need(TEAM))
    one = approved(BOB, token)
    helpers = PLANNER.attenuate(token, to=HELPER.principal, now=NOW - 100)
    presentation = HELPER.prove(helpers, PAY, AUDIENCE, discharges=[one], now=NOW)
    assert refusal(service(), presentation, PAY) == (Reason.DISCHARGE_MISMATCH, 0)


def test_an_approval_of_another_agents_chain() -> None:
    """The same words, the same request, another chain."""
    other = minted(to=HELPER.principal, can=["pay(amount)"], needs=need(TEAM))
    assert refusal(service(), presented(held(), [approved(BOB, other)]), PAY) == (Reason.DISCHARGE_MISMATCH, None)


def test_one_colleague_is_two() -> None:
    """Bob approves twice, and is no two people for it; nor may a verifier know him under two names."""
    token = held(of=2)
    twice = [approved(BOB, token), approved(BOB, token, now=NOW - 20)]
    assert refusal(service(), presented(token, twice), PAY) == (Reason.DISCHARGE_UNEXPECTED, 0)
    alias = Identity("user:robert@example.com", BOB.signer).principal
    with pytest.raises(ValueError, match="one key under two names"):
        verifier(third_parties=(BOB.principal, alias))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"now": NOW - 400}, Reason.DISCHARGE_EXPIRED),
        ({"now": NOW + 31}, Reason.DISCHARGE_EXPIRED),
        ({"now": NOW - 101, "ttl": "1h"}, Reason.DISCHARGE_EXPIRED),
        ({"says": {"approved": False}}, Reason.DISCHARGE_REFUSED),
        ({"says": {}}, Reason.DISCHARGE_REFUSED),
    ],
    ids=["expired", "from-the-future", "too-old", "denied", "silent"],
)
def test_an_approval_that_is_none_now(made: dict[str, Any], reason: Reason) -> None:
    """Too late, too early, too old, or no approval at all."""
    token = held(max_age="100s")
    assert refusal(service(), presented(token, [approved(BOB, token, **made)]), PAY) == (reason, 0)


def test_a_proof_a_block_and_a_discharge_are_not_one_another() -> None:
    """What is signed for one purpose is offered for another, with the header that is wanted there."""
    token = held()
    presentation = presented(token, [approved(BOB, token)])
    for other in (presentation.proof, token.blocks[0]):
        swapped = Presentation(token.blocks, presentation.proof, (other,))
        assert refusal(service(), swapped, PAY)[0] in {Reason.DISCHARGE_INVALID, Reason.DISCHARGE_UNEXPECTED}
    swapped = Presentation(token.blocks, presentation.discharges[0], presentation.discharges)
    assert refusal(service(), swapped, PAY) == (Reason.MALFORMED, 0)


def test_many_discharges_cost_no_signature_checks_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen discharges by strangers, to a chain that asks for bob: not one of their signatures is looked at."""
    token = held()
    said = {1: MALLORY.name, 4: NOW + 60, 6: NOW, "to": [token.link.id, 0], "says": {}}
    junk = presented(token, [signed(MALLORY, said)] * 16)
    checked = []
    real = PublicKey.verify
    bank = verifier(third_parties=(*TEAM, MALLORY.principal))

    def counting(key: PublicKey, message: bytes, signature: bytes) -> None:
        checked.append(key)
        real(key, message, signature)

    monkeypatch.setattr(PublicKey, "verify", counting)
    assert refusal(bank, junk, PAY) == (Reason.DISCHARGE_UNEXPECTED, None)
    assert checked == [ALICE.public_key, WORKER.public_key]


def test_each_discharge_costs_one_signature_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain seen before, a proof and two approvals: three signatures are checked, each under its signer's key."""
    token = held(of=2)
    bank = service()
    both = [approved(BOB, token), approved(CAROL, token)]
    bank.authorize(presented(token, both), PAY)
    both = [approved(BOB, token, now=NOW - 5), approved(CAROL, token, now=NOW - 5)]
    checked = []
    real = PublicKey.verify

    def counting(key: PublicKey, message: bytes, signature: bytes) -> None:
        checked.append(key)
        real(key, message, signature)

    monkeypatch.setattr(PublicKey, "verify", counting)
    bank.authorize(presented(token, both), PAY)
    assert checked == [WORKER.public_key, BOB.public_key, CAROL.public_key]


def test_nothing_of_a_discharge_is_read_before_chain_and_proof_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wrong proof, no discharge's signature is checked."""
    token = held()
    presentation = presented(token, [approved(BOB, token)])
    checked = []
    real = PublicKey.verify

    def counting(key: PublicKey, message: bytes, signature: bytes) -> None:
        checked.append(key)
        real(key, message, signature)

    monkeypatch.setattr(PublicKey, "verify", counting)
    assert refusal(service(), presentation, DEAR) == (Reason.PROOF_WRONG_REQUEST, 0)
    assert checked == [ALICE.public_key, WORKER.public_key]


def test_seventeen_discharges_are_too_many() -> None:
    """More than sixteen are refused before anything is checked, by the author too."""
    token = held()
    one = approved(BOB, token)
    with pytest.raises(ValueError, match="at most 16"):
        presented(token, [one] * 17)
    proof = presented(token, []).proof
    many = Presentation(token.blocks, proof, (one.signed,) * 17)
    assert refusal(service(), many.to_bytes(), PAY) == (Reason.LIMIT_EXCEEDED, None)


def test_a_bearer_token_cannot_leave_the_needs_out() -> None:
    """A bearer envelope has no room for discharges, and is refused; with a proof it may bring them."""
    token = ALICE.mint(bearer=True, can="pay(amount)", ttl="1h", audience=AUDIENCE, needs=need(TEAM), now=NOW - 60)
    bank = service(bearer=True)
    assert refusal(bank, token, PAY) == (Reason.PROOF_MISSING, 0)
    one = BOB.discharge(asks(token.link, PAY)[0], says={"approved": True}, ttl="5m", now=NOW)
    assert bank.authorize(token.prove(PAY, AUDIENCE, discharges=[one.to_text()], now=NOW), PAY).confirmed_by


def test_the_approvers_key_was_stolen_and_taken_back() -> None:
    """Bob's key is lost; he says so, or a revoker does. What the thief approves counts no more."""
    token = held()
    one = presented(token, [approved(BOB, token)])
    for signer, revokers in ((BOB, None), (DAVE, [DAVE.principal])):
        bank = service(revokers=revokers)
        bank.accept_revocations(signer.revoke(keys=[RevokedKey(BOB.public_key.thumbprint)], now=NOW - 5))
        assert refusal(bank, one, PAY) == (Reason.REVOKED, 0)


def test_a_verifier_whose_parties_have_one_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hint that two keys share would find either: such a configuration is refused."""
    monkeypatch.setattr(PublicKey, "kid", property(lambda _: bytes(8)))
    with pytest.raises(ValueError, match="have one kid"):
        service()
    verifier(third_parties=(BOB.principal, BOB.principal))
