"""Attacks with a chain or a proof that was overheard."""

from __future__ import annotations

import threading

import pytest

from delegate import Presentation, Reason, Request, Token
from delegate.errors import VerificationError
from tests.attacks.world import (
    ALICE,
    AUDIENCE,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    WORKER,
    WRITE,
    forged_proof,
    minted,
    refusal,
    verifier,
)


def held() -> Token:
    """A chain whose holder is worker; it allows reading and writing reports."""
    return PLANNER.attenuate(minted(can=["files.* /reports/**"]), to=WORKER.principal, now=NOW - 500)


def test_a_thief_has_the_chain_and_not_the_key() -> None:
    """A chain is copied from a log: presented bare, or with the thief's own proof, it opens nothing."""
    token = held()
    assert refusal(verifier(), token) == (Reason.PROOF_MISSING, 1)
    for thief in (MALLORY, PLANNER, ALICE):
        assert refusal(verifier(), forged_proof(thief.signer, token)) == (Reason.PROOF_WRONG_KEY, 1)
    assert verifier().authorize(forged_proof(WORKER.signer, token), READ).holder == WORKER.name


def test_a_stolen_proof_is_sent_again() -> None:
    """The same presentation again, as text, as bytes, as an object: the proof is used."""
    service = verifier()
    presentation = WORKER.prove(held(), READ, AUDIENCE, now=NOW)
    service.authorize(presentation, READ)
    for again in (presentation, presentation.to_text(), presentation.to_bytes(), f"  {presentation.to_text()}\n"):
        assert refusal(service, again) == (Reason.REPLAYED, 1)


def test_a_stolen_proof_is_sent_to_another_service() -> None:
    """A malicious service passes on what it received."""
    presentation = WORKER.prove(held(), READ, "evil.example.com", now=NOW)
    assert refusal(verifier(), presentation) == (Reason.PROOF_WRONG_AUDIENCE, 1)


@pytest.mark.parametrize(
    "other",
    [
        WRITE,
        Request("files.read", "/reports/q4.csv"),
        Request("files.read", "/reports/q3.csv", {"force": True}),
        Request("files.read", "/reports/q3.csv", {"": None}),
    ],
    ids=["action", "resource", "argument", "empty-argument"],
)
def test_a_stolen_proof_is_sent_with_another_request(other: Request) -> None:
    """A proof over one request is put on another."""
    presentation = WORKER.prove(held(), READ, AUDIENCE, now=NOW)
    assert refusal(verifier(), presentation, other) == (Reason.PROOF_WRONG_REQUEST, 1)


def test_one_proof_serves_one_call_of_six_at_once() -> None:
    """Six threads present the same proof at the same time: one is served."""
    service = verifier()
    data = WORKER.prove(held(), READ, AUDIENCE, now=NOW).to_bytes()
    start = threading.Barrier(6)
    served: list[bool] = []

    def call() -> None:
        start.wait()
        served.append(service.decide(data, READ).allowed)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served) == [False] * 5 + [True]


def test_a_refused_request_spends_no_proof() -> None:
    """An attacker makes the service refuse with a victim's proof, to use it up: refusing spends nothing."""
    service = verifier()
    presentation = WORKER.prove(held(), READ, AUDIENCE, now=NOW)
    assert refusal(service, presentation, WRITE) == (Reason.PROOF_WRONG_REQUEST, 1)
    assert service.authorize(presentation, READ).request is READ


def test_a_proof_of_yesterday() -> None:
    """A proof is kept for later, or made for later."""
    for made, reason in ((NOW - 61, Reason.PROOF_EXPIRED), (NOW + 31, Reason.PROOF_EXPIRED)):
        assert refusal(verifier(), WORKER.prove(held(), READ, AUDIENCE, now=made)) == (reason, 1)


def test_a_proof_serves_its_chain_and_not_its_prefix_or_sibling() -> None:
    """The worker's proof over a narrowed chain is put on the wider one, of the same key."""
    token = held()
    narrow = WORKER.attenuate(token, caveats="args.size < 5", now=NOW - 400)
    sibling = PLANNER.attenuate(minted(can=["files.* /reports/**"]), to=WORKER.principal, now=NOW - 500)
    proof = WORKER.prove(narrow, READ, AUDIENCE, now=NOW).proof
    for other in (token, sibling):
        assert refusal(verifier(), Presentation(other.blocks, proof)) == (Reason.PROOF_WRONG_KEY, 1)


def test_a_proof_in_the_place_of_a_block_and_a_block_in_the_place_of_a_proof() -> None:
    """What is signed for one purpose is offered for another."""
    token = held()
    proof = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    with pytest.raises(VerificationError) as caught:
        verifier().verify_chain(Token((*token.blocks, proof)))
    assert (caught.value.reason, caught.value.hop) == (Reason.BAD_SIGNATURE, 2)
    block = WORKER.attenuate(token, now=NOW - 400).blocks[-1]
    assert refusal(verifier(), Presentation(token.blocks, block)) == (Reason.PROOF_WRONG_KEY, 1)
    assert refusal(verifier(), Presentation(token.blocks, proof, (block,))) == (Reason.DISCHARGE_UNEXPECTED, None)


def test_a_bearer_token_that_lost_its_restriction() -> None:
    """Whoever was handed a narrowed bearer token strips the last block, and keeps the secret."""
    from_alice = verifier(bearer=True)
    token = ALICE.mint(bearer=True, can="files.read /reports/**", ttl="1h", audience=AUDIENCE, now=NOW - 60)
    narrow = token.attenuate(caveats="args.size < 5", now=NOW - 30)
    assert refusal(from_alice, narrow) == (Reason.CAVEAT_ERROR, 1)
    envelope = narrow.envelope()
    stripped = type(narrow)(envelope.blocks[:1], envelope.secret)
    assert refusal(from_alice, stripped) == (Reason.PROOF_WRONG_KEY, 0)
    assert from_alice.authorize(token, READ).proof_id is None
    assert refusal(verifier(), token) == (Reason.BEARER_REFUSED, 0)
    sealed = narrow.seal(now=NOW - 20)
    with pytest.raises(Exception, match="too_many_hops"):
        sealed.attenuate(caveats="true", now=NOW - 10)
