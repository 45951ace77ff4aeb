"""Attacks with revocation lists: to take back what is another's, to un-revoke, to exhaust."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from delegate import Presentation, Reason, RevocationList, RevokedBlock, RevokedKey, Token, UnverifiedToken
from delegate.authoring.signers import Signer
from delegate.core.wire import armor, cose
from delegate.errors import DelegateError
from delegate.limits import REVOCATIONS, REVOCATIONS_BYTES
from tests.attacks.world import ALICE, AUDIENCE, MALLORY, NOW, PLANNER, READ, WORKER, minted, refusal, verifier

PURPOSE = b"\x58\x37delegate/1 revocations\0"


def listed(**terms: Any) -> RevocationList:  # noqa: ANN401 - terms of `make`
    """Alice's list of one block and one key."""
    usual = {"blocks": [RevokedBlock.of(minted())], "keys": [RevokedKey(WORKER.public_key.thumbprint)], "now": NOW}
    return ALICE.revoke(**{**usual, **terms})


def reason_of(source: Any) -> Reason:  # noqa: ANN401 - whatever an attacker sends
    """Why it is no list; it is a fault of the test if it is one."""
    try:
        RevocationList.parse(source)
    except DelegateError as error:
        assert error.hop is None  # noqa: PT017 - the reason is what is asked for
        return error.reason
    raise AssertionError("taken for a list")


def forged(signer: Signer, claims: dict[Any, Any], thumbprint: bytes | None = None, purpose: bytes = PURPOSE) -> bytes:
    """A list that says anything, signed by anybody."""
    place = signer.public_key.thumbprint if thumbprint is None else thumbprint
    protected = cose.protected_header(signer.public_key.algorithm, place)
    payload = cose.byte_string(cbor2.dumps(claims))
    structure = cose.sig_structure(protected, purpose + place, payload)
    return cbor2.dumps([6, cose.assemble(protected, payload, signer.sign(structure))])


def claims_of(found: RevocationList) -> dict[Any, Any]:
    """What a list says, to be altered."""
    claims: dict[Any, Any] = cbor2.loads(cbor2.loads(cbor2.loads(found.to_bytes())[1])[2])
    return claims


def test_a_list_in_another_s_name() -> None:
    """Mallory signs Alice's claims: under Alice's thumbprint it does not hold, under hers it is not Alice's."""
    claims = claims_of(listed())
    assert reason_of(forged(MALLORY.signer, claims, ALICE.public_key.thumbprint)) is Reason.BAD_SIGNATURE
    assert reason_of(forged(MALLORY.signer, claims)) is Reason.MALFORMED
    claims[8] = {1: MALLORY.public_key.cose_map}
    assert reason_of(forged(MALLORY.signer, claims, ALICE.public_key.thumbprint)) is Reason.MALFORMED
    own = RevocationList.parse(forged(MALLORY.signer, claims))
    assert (own.issuer, own.signer) == (ALICE.name, MALLORY.public_key.thumbprint)
    assert {record.signer for record in own.records} == {MALLORY.public_key.thumbprint}


def test_every_bit_of_a_list_is_signed_or_refused() -> None:
    """One bit changed anywhere, one byte less or more: no list."""
    data = listed().to_bytes()
    for at in range(len(data)):
        for bit in range(8):
            reason_of(data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :])
        assert reason_of(data[:at]) is Reason.TRUNCATED
    reason_of(data + b"\0")


def test_every_cut_of_the_text_says_that_it_was_cut() -> None:
    """A paste that ends early sends its reader to the clipboard, not after a forger."""
    text = listed().to_text()
    for size in range(len("dlgr_") + 1, len(text)):
        assert reason_of(text[:size]) is Reason.TRUNCATED


def test_a_list_signed_again_is_the_same_list() -> None:
    """A second signature by the same key changes nothing that is read: records go by their content."""
    found = listed()
    assert RevocationList.parse(forged(ALICE.signer, claims_of(found))).records == found.records


def test_a_list_is_no_block_and_no_proof_and_neither_is_a_list() -> None:
    """The signed part of each, put in the place of another: the purpose is another."""
    token = minted()
    presentation = PLANNER.prove(token, READ, AUDIENCE, now=NOW)
    signed: bytes = cbor2.loads(listed().to_bytes())[1]
    by_planner: bytes = cbor2.loads(PLANNER.revoke(now=NOW).to_bytes())[1]
    for stranger in (token.blocks[0], presentation.proof):
        assert reason_of(cbor2.dumps([6, stranger])) in {Reason.MALFORMED, Reason.BAD_SIGNATURE}
    service = verifier()
    assert refusal(service, Presentation((signed,), presentation.proof))[0] is Reason.BAD_SIGNATURE
    assert refusal(service, Presentation((*token.blocks, by_planner), presentation.proof))[0] is Reason.MALFORMED
    assert refusal(service, Presentation(token.blocks, by_planner))[0] in {Reason.MALFORMED, Reason.PROOF_WRONG_KEY}
    for purpose in (b"\x58\x31delegate/1 block\0", b"\x58\x31delegate/1 proof\0"):
        assert reason_of(forged(ALICE.signer, claims_of(listed()), purpose=purpose)) is Reason.BAD_SIGNATURE


def test_a_list_is_no_token_and_a_token_is_no_list() -> None:
    """Each envelope under the other's number or prefix."""
    data, token = listed().to_bytes(), minted()
    assert refusal(verifier(), data)[0] is Reason.UNSUPPORTED_VERSION
    assert refusal(verifier(), listed().to_text())[0] is Reason.MALFORMED
    assert refusal(verifier(), "dlgt_" + armor.to_base64url(data))[0] is Reason.UNSUPPORTED_VERSION
    assert reason_of(token.to_bytes()) is Reason.UNSUPPORTED_VERSION
    assert reason_of(token.to_text()) is Reason.MALFORMED
    assert reason_of("dlgr_" + armor.to_base64url(token.to_bytes())) is Reason.UNSUPPORTED_VERSION
    with pytest.raises(DelegateError):
        UnverifiedToken.parse(data)
    with pytest.raises(DelegateError):
        Token.parse(listed().to_text())


def test_an_old_list_does_not_un_revoke() -> None:
    """The signer's next list, made from an old one, brings back nothing that the newest had: merge has both."""
    old = listed(blocks=None)
    new = listed(previous=old)
    replayed = ALICE.revoke(previous=[new, old], now=NOW)
    assert set(replayed.records) == set(new.records)
    assert replayed.sequence > new.sequence


def test_records_out_of_order_or_twice() -> None:
    """Two records about one block in one list: which would count? Neither is read."""
    claims = claims_of(listed())
    (entry,) = claims["blocks"]
    for entries in ([entry, entry], [entry, [entry[0], entry[1] + 1]], [[b"\xff" * 32, 1], [bytes(32), 1]]):
        assert reason_of(forged(ALICE.signer, {**claims, "blocks": entries})) is Reason.NOT_CANONICAL


def test_a_claim_that_nobody_knows_denies() -> None:
    """It may have said that a record counts only sometimes."""
    claims = {**claims_of(listed()), "unless": 1}
    ordered = dict(sorted(claims.items(), key=lambda pair: cbor2.dumps(pair[0])))
    assert reason_of(forged(ALICE.signer, ordered)) is Reason.UNKNOWN_CLAIM


@pytest.mark.parametrize(
    "source",
    [
        b"\x82\x06\x5a" + (10_000_000).to_bytes(4) + bytes(10_000_000),
        "dlgr_" + "A" * 14_000_000,
        bytes(REVOCATIONS_BYTES + 1),
    ],
    ids=["bytes", "text", "zeros"],
)
def test_ten_megabytes(source: str | bytes) -> None:
    """Size first: nothing of it is decoded."""
    assert reason_of(source) is Reason.LIMIT_EXCEEDED


def test_one_record_too_many() -> None:
    """65,537 records that a signer put together by other means."""
    claims = {
        **claims_of(listed(blocks=None, keys=None)),
        "blocks": [[n.to_bytes(32), 0] for n in range(REVOCATIONS + 1)],
    }
    assert reason_of(forged(ALICE.signer, claims)) is Reason.LIMIT_EXCEEDED


def test_deep_nesting_and_vast_lengths() -> None:
    """A payload of brackets, and lengths that promise what is not there."""
    for payload in (b"\x81" * 100_000, b"\xbf" * 5000, b"\x9b" + b"\xff" * 8, b"\xa1\x08" * 5000 + b"\xa0"):
        item = cose.byte_string(payload)
        protected = cose.protected_header(cose.ED25519, ALICE.public_key.thumbprint)
        reason_of(cbor2.dumps([6, cose.assemble(protected, item, bytes(64))]))
