"""Receipts: what a service signed of its decisions."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import Identity, Principal
from delegate.audit.receipts import Receipt, Said, differences, is_for
from delegate.core.wire import cbor, cose
from delegate.errors import DelegateError, Reason, TokenError, VerificationError
from tests.audit.conftest import NOW, READ, SERVICE, TOKEN, TOO_LARGE, proof, verifier

SHOP = Identity.from_seed("svc:shop", b"s" * 32)
OTHER = Identity.from_seed("svc:shop", b"o" * 32)
RENAMED = Principal("svc:other", SHOP.public_key)


def test_an_allowed_request_has_a_receipt() -> None:
    """Which says what, when, by whom, and of which chain."""
    decision = verifier().decide(proof(), READ)
    receipt = decision.receipt(SHOP)
    said = Receipt.parse(receipt.to_text()).check(SHOP.principal)
    assert decision.authorization is not None
    assert said == Said(
        "svc:shop", SERVICE, NOW + 10, True, READ.digest, None, None, TOKEN.link.id, decision.authorization.proof_id
    )
    assert is_for(said, READ)
    assert not is_for(said, TOO_LARGE)
    assert Receipt.parse(receipt.to_bytes()) == receipt
    assert hash(Receipt.parse(receipt.to_text().encode())) == hash(receipt)


def test_a_refused_request_has_one_that_says_why() -> None:
    """Also where no chain was verified."""
    one = verifier()
    said = one.decide(proof(TOO_LARGE), TOO_LARGE).receipt(SHOP).check(SHOP.principal)
    assert (said.allowed, said.reason, said.hop, said.last) == (False, "caveat_failed", 1, TOKEN.link.id)
    said = one.decide("dlgp_AAAA", READ).receipt(SHOP).check(SHOP.principal)
    assert (said.allowed, said.last, said.proof) == (False, None, None)


def test_what_is_no_decision_has_none() -> None:
    """A preview, and a decision that came from another process."""
    one = verifier()
    for decision in (one.preview(TOKEN, READ), pickle.loads(pickle.dumps(one.decide(proof(), READ)))):  # noqa: S301
        with pytest.raises(ValueError, match="only what a verifier decided"):
            decision.receipt(SHOP)


def test_only_its_signer_s_key_and_name_do() -> None:
    """Another key of that name, and another name of that key."""
    receipt = verifier().decide(proof(), READ).receipt(SHOP)
    for principal in (OTHER.principal, RENAMED):
        with pytest.raises(VerificationError) as refusal:
            receipt.check(principal)
        assert refusal.value.reason is Reason.UNKNOWN_ROOT


def test_nothing_else_that_the_key_signs_passes_for_one() -> None:
    """A proof over the same bytes has another purpose."""
    said = verifier().decide(proof(), READ).receipt(SHOP).claimed
    payload = cose.byte_string(said.encode())
    protected = cose.protected_header(-19, SHOP.public_key.kid)
    structure = cose.sig_structure(protected, b"\x58\x31delegate/1 proof\0" + bytes(32), payload)
    forged = Receipt(cose.assemble(protected, payload, SHOP.signer.sign(structure)))
    with pytest.raises(VerificationError) as refusal:
        forged.check(SHOP.principal)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"more": 1}, Reason.UNKNOWN_CLAIM),
        ({"req": b"short"}, Reason.MALFORMED),
        ({"out": False}, Reason.MALFORMED),
        ({"why": "caveat_failed"}, Reason.MALFORMED),
        ({"out": False, "why": "because"}, Reason.MALFORMED),
        ({"hop": 1}, Reason.MALFORMED),
        ({"last": None}, Reason.MALFORMED),
        ({6: -1}, Reason.MALFORMED),
        ({6: True}, Reason.MALFORMED),
        ({1: "no name"}, Reason.MALFORMED),
        ({3: "two words"}, Reason.MALFORMED),
    ],
)
def test_payloads_that_are_none(changes: dict[int | str, object], reason: Reason) -> None:
    """Each claim that is unknown, of another type, out of its bounds, or against another."""
    said = verifier().decide(proof(), READ).receipt(SHOP).claimed
    claims = cbor.decode(said.encode())
    assert isinstance(claims, dict)
    payload = cose.byte_string(cbor.encode(claims | changes))
    protected = cose.protected_header(-19, SHOP.public_key.kid)
    bad = Receipt(cose.assemble(protected, payload, bytes(64)))
    with pytest.raises(TokenError) as refusal:
        Receipt.parse(bad.to_bytes())
    assert refusal.value.reason is reason


def test_a_receipt_is_compared_with_the_log() -> None:
    """In all that both say."""
    from tests.audit.test_events import Kept

    kept = Kept()
    decision = verifier(audit=kept).decide(proof(), READ)
    said = decision.receipt(SHOP).claimed
    (event,) = kept.events
    assert differences(said, event) == ()
    assert differences(said._replace(time=1), event) == ("the time",)
    assert differences(said._replace(request=bytes(32)), event) == ("the request",)
    assert differences(said._replace(allowed=False, reason="revoked"), event) == ("the outcome",)


@given(st.binary() | st.text())
def test_any_bytes_are_a_receipt_or_refused(source: bytes | str) -> None:
    """Never another error."""
    with pytest.raises(DelegateError):
        Receipt.parse(source)
