"""Attacks on the chain itself: blocks dropped, moved, joined, forged; roots and names taken over."""

from __future__ import annotations

from itertools import permutations

import pytest

from delegate import (
    AttenuationError,
    Identity,
    Presentation,
    Principal,
    Reason,
    Root,
    Token,
    UnverifiedToken,
    Verifier,
    when,
)
from delegate.authoring.signers import Esp256Signer
from delegate.core.chain.binding import frame
from delegate.core.wire import envelope
from delegate.errors import VerificationError
from tests.attacks.world import (
    ALICE,
    AUDIENCE,
    HELPER,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    WORKER,
    claims_of,
    forged,
    minted,
    refusal,
    verifier,
)


def narrowed() -> Token:
    """Alice to planner to worker; the worker narrowed itself twice."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, now=NOW - 500)
    token = WORKER.attenuate(token, caveats="args.size < 10", now=NOW - 400)
    return WORKER.attenuate(token, caveats="args.size < 5", now=NOW - 300)


def test_a_holder_drops_its_own_restriction() -> None:
    """The worker hands its token to a sandbox, which drops the last block: the restriction. The key is the same."""
    token = narrowed()
    proof = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    for kept in (1, 2, 3):
        assert refusal(verifier(), Presentation(token.blocks[:kept], proof)) == (Reason.PROOF_WRONG_KEY, kept - 1)


def test_a_block_is_dropped_from_the_middle_or_the_start() -> None:
    """A sub-agent cuts out the hop that narrowed, or the person's own block."""
    token = narrowed()
    proof = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    for dropped, expected in (
        (0, (Reason.MALFORMED, 0)),
        (1, (Reason.BAD_SIGNATURE, 1)),
        (2, (Reason.BAD_SIGNATURE, 2)),
    ):
        blocks = token.blocks[:dropped] + token.blocks[dropped + 1 :]
        assert refusal(verifier(), Presentation(blocks, proof)) == expected


def test_blocks_are_put_in_another_order() -> None:
    """Two restrictions of one signer, the laxer one put last, in the hope that the last one counts."""
    token = narrowed()
    proof = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    for blocks in permutations(token.blocks):
        if blocks != token.blocks:
            assert refusal(verifier(), Presentation(blocks, proof))[0] in {Reason.BAD_SIGNATURE, Reason.MALFORMED}


def test_a_block_is_given_twice() -> None:
    """A doubled hop, to shift what comes below by one place."""
    token = narrowed()
    proof = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    for at in range(4):
        blocks = token.blocks[: at + 1] + token.blocks[at:]
        assert refusal(verifier(), Presentation(blocks, proof)) in [
            (Reason.BAD_SIGNATURE, at + 1),
            (Reason.MALFORMED, at + 1),
        ]


def test_a_block_of_a_wider_chain_of_the_same_holder_is_put_in() -> None:
    """Worker holds two chains from planner, and joins the wide head of the one with the tail of the other."""
    wide = minted(can=["**  **"], why="maintenance")
    narrow = PLANNER.attenuate(minted(), to=WORKER.principal, caveats="args.size < 5", now=NOW - 500)
    mixed = Token((wide.blocks[0], narrow.blocks[1]))
    presentation = WORKER.prove(mixed, READ, AUDIENCE, now=NOW)
    assert refusal(verifier(), presentation) == (Reason.BAD_SIGNATURE, 1)


def test_a_chain_is_put_under_another_root() -> None:
    """Mallory signs block 0 anew with her own key, alice's name and alice's rights; she is even a root for herself."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, now=NOW - 500)
    own = MALLORY.public_key.thumbprint
    first = forged(MALLORY.signer, claims_of(token.blocks[0]), own, kid=own)
    stolen = WORKER.prove(token, READ, AUDIENCE, now=NOW).proof
    assert refusal(verifier(), Presentation((first, token.blocks[1]), stolen)) == (Reason.UNKNOWN_ROOT, 0)
    both = verifier(ALICE.principal, MALLORY.principal)
    assert refusal(both, Presentation((first, token.blocks[1]), stolen)) == (Reason.UNKNOWN_ROOT, 0)


def test_two_flipped_bits_hide_a_block() -> None:
    """The outer array's length says one block less; a decoder that ignores what trails takes the shorter chain."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, now=NOW - 500)
    data = token.to_bytes()
    assert data[2] == 0x82
    with pytest.raises(Exception, match="not_canonical"):
        verifier().verify_chain(data[:2] + b"\x81" + data[3:])


def test_a_hop_names_a_delegator_whose_key_never_signed() -> None:
    """Mallory writes `planner hands to mallory` and signs it herself."""
    token = minted()
    link = token.link
    claims = {2: MALLORY.name, 6: NOW - 500, 8: {1: {1: 1, -1: 6, -2: MALLORY.public_key.raw}}}
    chain = Token((*token.blocks, forged(MALLORY.signer, claims, link.id)))
    assert refusal(verifier(), MALLORY.prove(chain, READ, AUDIENCE, now=NOW)) == (Reason.BAD_SIGNATURE, 1)


def test_a_name_is_only_as_good_as_its_signer() -> None:
    """Planner calls mallory's key `agent:trusted`: caveats that ask for the name do not take planner's word."""
    alias = Principal("agent:trusted", MALLORY.public_key)
    token = minted(caveats=when("holder.name == 'agent:trusted'"))
    handed = PLANNER.attenuate(token, to=alias, now=NOW - 500)
    presentation = MALLORY.prove(handed, READ, AUDIENCE, now=NOW)
    assert refusal(verifier(), presentation) == (Reason.CAVEAT_ERROR, 0)
    directory = verifier(principals=[Principal("agent:mallory", MALLORY.public_key)])
    assert refusal(directory, presentation) == (Reason.CAVEAT_ERROR, 0)
    vouched = verifier(principals=[alias])
    assert vouched.authorize(presentation, READ).holder == "agent:trusted"


def test_one_key_takes_two_names() -> None:
    """A holder appears twice under different names, to look like two parties who both agreed."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, now=NOW - 500)
    claims = {2: "agent:reviewer", 6: NOW - 400, 8: {1: {1: 1, -1: 6, -2: PLANNER.public_key.raw}}}
    chain = (*token.blocks, forged(WORKER.signer, claims, token.link.id))
    with pytest.raises(VerificationError) as caught:
        verifier().verify_chain(Token(chain))
    assert (caught.value.reason, caught.value.hop) == (Reason.IDENTITY_SHARED, 2)


def test_an_author_cannot_make_what_a_verifier_refuses() -> None:
    """The library's own authors meet the same rules: too many hops, and a key that is not theirs."""
    token = PLANNER.attenuate(minted(hops=1), to=WORKER.principal, now=NOW - 500)
    with pytest.raises(AttenuationError) as caught:
        WORKER.attenuate(token, to=HELPER.principal, now=NOW - 400)
    assert caught.value.reason is Reason.TOO_MANY_HOPS
    with pytest.raises(AttenuationError) as caught:
        MALLORY.attenuate(token, now=NOW)
    assert caught.value.reason is Reason.PROOF_WRONG_KEY


def test_a_root_signs_for_somebody_else() -> None:
    """An issuing service that may speak for example.com starts a chain in the name of somebody elsewhere."""
    issuer = Identity.from_seed("svc:issuer", bytes((77,)) * 32)
    trusted = Root(issuer.principal, speaks_for=["user:*@example.com"])
    for person, reason in (
        ("user:dana@example.org", Reason.ORIGINATOR_REFUSED),
        ("user:dana@example.com.evil", Reason.ORIGINATOR_REFUSED),
    ):
        token = issuer.mint(
            to=PLANNER.principal, can="files.read /reports/**", ttl="1h", on_behalf_of=person, now=NOW - 60
        )
        assert refusal(verifier(trusted), PLANNER.prove(token, READ, AUDIENCE, now=NOW)) == (reason, 0)
    token = issuer.mint(
        to=PLANNER.principal, can="files.read /reports/**", ttl="1h", on_behalf_of="user:d@example.com", now=NOW - 60
    )
    assert (
        verifier(trusted).authorize(PLANNER.prove(token, READ, AUDIENCE, now=NOW), READ).originator
        == "user:d@example.com"
    )


def test_signing_a_block_again_gives_it_no_new_identity() -> None:
    """A revoked holder signs the same block again: ECDSA gives another signature, and it is the same block."""
    cloud = Identity("agent:cloud", Esp256Signer.from_scalar(bytes((9,)) * 32))
    token = cloud.attenuate(minted(to=cloud.principal), to=WORKER.principal, now=NOW - 500)
    first, last = token.blocks
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = last[:-32] + (order - int.from_bytes(last[-32:], "big")).to_bytes(32, "big")
    assert other != last
    service = verifier()
    assert service.verify_chain(token).block_ids == service.verify_chain(Token((first, other))).block_ids


def test_a_parse_error_is_not_no_caveats() -> None:
    """A caller takes an error while parsing for "no caveats": there is nothing left to go on with."""
    token = minted()
    claims = claims_of(token.blocks[0])
    kid = ALICE.public_key.thumbprint
    for broken in (b"\x81\x82\x18", b"\x81\x81\x18\xc8", b"\x80", b"", b"\xff"):
        block = forged(ALICE.signer, {**claims, "if": broken}, kid, kid=kid)
        data = envelope.build(frame(token.to_bytes())._replace(blocks=(block,)))
        decision = verifier().preview(data, READ)
        assert not decision.allowed
        assert decision.chain is None
        for read in (Verifier.verify_chain, lambda _service, given: UnverifiedToken.parse(given)):
            with pytest.raises(Exception, match=r"malformed|truncated|not_canonical"):
                read(verifier(), data)
