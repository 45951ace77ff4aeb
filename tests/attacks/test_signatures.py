"""Attacks on signatures and keys. The single faults are in `spec/vectors/signatures.json`; here is what they buy."""

from __future__ import annotations

import hashlib

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from delegate import PublicKey, Reason, Token, VerificationError
from delegate.core.chain.binding import block_aad
from delegate.core.wire import cose
from delegate.errors import DelegateError
from tests import vectors
from tests.attacks.world import ALICE, NOW, PLANNER, WORKER, claims_of, forged, minted, verifier

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
NEUTRAL = (1).to_bytes(32, "little")


def test_a_key_for_which_anyone_can_sign() -> None:
    """Planner hands to a key of low order: R = the neutral point and S = 0 would be a signature over anything."""
    universal = NEUTRAL + bytes(32)
    # The library below `cryptography` takes it: that is why the profile has a rule of its own.
    Ed25519PublicKey.from_public_bytes(NEUTRAL).verify(universal, b"anything")
    with pytest.raises(VerificationError) as caught:
        PublicKey.from_raw(NEUTRAL)
    assert caught.value.reason is Reason.WEAK_KEY
    token = minted()
    claims = {2: WORKER.name, 6: NOW - 500, 8: {1: {1: 1, -1: 6, -2: NEUTRAL}}}
    with pytest.raises(VerificationError) as caught:
        verifier().verify_chain(Token((*token.blocks, forged(PLANNER.signer, claims, token.link.id))))
    assert (caught.value.reason, caught.value.hop) == (Reason.WEAK_KEY, 1)


def test_a_second_signature_is_made_out_of_a_first() -> None:
    """S + L for S: whoever counts or revokes by signatures or by hashes of tokens would be escaped."""
    token = minted()
    block = token.blocks[0]
    s = int.from_bytes(block[-32:], "little") + GROUP_ORDER
    again = block[:-32] + s.to_bytes(32, "little")
    with pytest.raises(VerificationError) as caught:
        verifier().verify_chain(Token((again,)))
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_a_signature_that_one_library_takes_and_another_does_not() -> None:
    """Every signature of the vectors: our checker takes it only if `cryptography` takes it too."""
    checked = 0
    for vector in vectors.load():
        if vector.name.startswith("signature-") and vector.fields["expect"] in {"bad_signature", "allow"}:
            chain = vector.source
            try:
                verdict = vector.verifier().verify_chain(chain) is not None
            except DelegateError:
                verdict = False
            theirs = _signatures_hold_for_cryptography(vector)
            assert not verdict or theirs, vector.name
            checked += 1
    assert checked > 20


def _signatures_hold_for_cryptography(vector: vectors.Vector) -> bool:
    """All Ed25519 signatures of the chain, by the other library; P-256 ones are its own already."""
    blocks = cbor2.loads(_bytes(vector))[1]
    above, key = b"", b""
    for index, block in enumerate(blocks):
        signed = cose.open_signed(block)
        if index == 0:
            above = signed.kid
            roots = [vectors.principal(each).public_key for each in vector.fields["roots"]]
            found = [root for root in roots if root.thumbprint == above]
            if not found:
                return False
            key = found[0].raw
        structure = cose.sig_structure(signed.protected, block_aad(above), signed.payload_item)
        if len(key) == 32:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signed.signature, structure)
            except InvalidSignature:
                return False
        above = hashlib.sha256(structure).digest()
        claims = claims_of(block)
        key = claims[8][1][-2] + claims[8][1].get(-3, b"")
    return True


def _bytes(vector: vectors.Vector) -> bytes:
    from delegate.core.chain.binding import frame
    from delegate.core.wire import envelope

    return envelope.build(frame(vector.source))


def test_claims_are_not_read_before_their_signature_held() -> None:
    """Caveat code and claims are the attacker's until the signature holds: a wrong signature is named first."""
    kid = ALICE.public_key.thumbprint
    claims = {**claims_of(minted().blocks[0]), "if": b"\xff", 9: "unknown"}
    block = forged(PLANNER.signer, claims, kid, kid=kid)
    with pytest.raises(VerificationError) as caught:
        verifier().verify_chain(Token((block,)))
    assert caught.value.reason is Reason.BAD_SIGNATURE
