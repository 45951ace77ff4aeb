"""Revocation lists as an author makes them: what is kept, what goes, and what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import cbor2
import pytest

from delegate import Identity, Reason, RevocationList, RevokedBlock, RevokedKey, TokenError, UnverifiedToken
from delegate.authoring.signers import Esp256Signer
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import INTEGER_MAX, REVOCATIONS, REVOCATIONS_BYTES, TIME_MAX

NOW = 1_790_000_000
DAY = 86_400
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)
KEY = WORKER.public_key.thumbprint


def block(number: int, until: int = NOW + 3600, why: str = "") -> RevokedBlock:
    """A block of some chain."""
    return RevokedBlock(hashlib.sha256(bytes((number,))).digest(), until, why)


def made(identity: Identity = ALICE, **terms: Any) -> RevocationList:  # noqa: ANN401 - terms of `make`
    """A list that was made now."""
    return identity.revoke(**{"now": NOW, **terms})


def ids(found: RevocationList) -> set[bytes]:
    """What it revokes."""
    return {record.subject for record in found.records}


def test_a_list_says_who_signed_it_and_how_fresh_it_is() -> None:
    """Issuer, key, number, age and records; a list of nothing is one too."""
    found = made(blocks=[block(1, why="stolen")], keys=[RevokedKey(KEY, NOW - 60)])
    assert (found.issuer, found.public_key, found.signer) == (ALICE.name, ALICE.public_key, ALICE.public_key.thumbprint)
    assert found.feed == Feed(found.signer, 1, NOW, NOW + DAY)
    assert found.records == (
        Record(KEY, found.signer, True, NOW - 60, TIME_MAX),
        Record(block(1).id, found.signer, False, 0, NOW + 3600, "stolen"),
    )
    assert made().records == ()
    assert "stolen" not in repr(found)


def test_a_list_reads_as_it_was_written_by_either_kind_of_key() -> None:
    """Text and bytes give the same list, for Ed25519 and ESP256."""
    cloud = Identity("svc:cloud", Esp256Signer.from_scalar(b"\x05" * 32))
    for identity in (ALICE, cloud):
        found = made(identity, blocks=[block(1), block(2)])
        assert RevocationList.parse(found.to_text()) == found == RevocationList.parse(found.to_bytes())
        assert RevocationList.parse(f"\n {found.to_text()}\t") == found


def test_what_is_signed_is_cose_with_the_purpose_of_lists() -> None:
    """Another encoder puts the Sig_structure together, and the signature holds over it."""
    found = made()
    number, signed = cbor2.loads(found.to_bytes())
    protected, unprotected, payload, signature = cbor2.loads(signed)
    assert (number, unprotected, cbor2.loads(protected)) == (6, {}, {1: -19, 4: found.signer})
    aad = b"delegate/1 revocations\0" + found.signer
    ALICE.public_key.verify(cbor2.dumps(["Signature1", protected, aad, payload]), signature)


def test_the_next_list_is_numbered_on_and_keeps_every_record() -> None:
    """Sequence + 1; old records stay, words and all."""
    first = made(blocks=[block(1, why="stolen")], keys=[RevokedKey(KEY, why="lost")])
    second = made(previous=first, blocks=[block(2)], now=NOW + 60)
    assert (second.sequence, second.issued) == (2, NOW + 60)
    assert set(first.records) < set(second.records)
    assert ids(second) == {KEY, block(1).id, block(2).id}


def test_the_next_list_follows_whatever_verifiers_have_seen() -> None:
    """Where the last list is lost, `after` keeps the number from falling behind."""
    assert made(after=7).sequence == 8
    assert made(after=7, previous=made(after=11)).sequence == 13


def test_a_block_goes_a_day_after_its_chain_is_over() -> None:
    """Not at once: a verifier's clock may run late, and would take the chain again."""
    first = made(blocks=[block(1, NOW + 10), block(2, NOW + 3600)])
    assert ids(made(previous=first, now=NOW + 10 + DAY)) == ids(first)
    assert ids(made(previous=first, now=NOW + 11 + DAY)) == {block(2).id}


def test_a_key_never_goes() -> None:
    """However much later the next list is."""
    first = made(keys=[RevokedKey(KEY)])
    assert ids(made(previous=first, now=NOW + 1000 * DAY)) == {KEY}


def test_what_is_said_twice_keeps_the_wider_of_the_two() -> None:
    """The later `until`, the earlier `since`, the newest words, and words rather than none."""
    first = made(blocks=[block(1, NOW + 100, "first")], keys=[RevokedKey(KEY, NOW)])
    wider = made(previous=first, blocks=[block(1, NOW + 200, "second")], keys=[RevokedKey(KEY, NOW - 5, "lost")])
    assert [(record.since, record.until, record.why) for record in wider.records] == [
        (NOW - 5, TIME_MAX, "lost"),
        (0, NOW + 200, "second"),
    ]
    narrower = made(previous=wider, blocks=[block(1, NOW + 50)], keys=[RevokedKey(KEY, NOW + 5)])
    assert narrower.records == wider.records
    assert made(blocks=[block(1), block(1)]).records == made(blocks=[block(1)]).records


def test_a_list_is_not_continued_by_another_signer() -> None:
    """Under its signature records might count that did not under the other's."""
    with pytest.raises(ValueError, match="another signer"):
        made(PLANNER, previous=made())
    with pytest.raises(ValueError, match="another signer"):
        ALICE.revoke(previous=[made(), made(PLANNER)], now=NOW)


def test_lists_of_one_signer_are_merged() -> None:
    """All records, a number above each, and the words of the newest."""
    laptop = made(blocks=[block(1, NOW + 100, "old")], after=4)
    phone = made(blocks=[block(1, NOW + 50, "new"), block(2)], keys=[RevokedKey(KEY)], after=9)
    for order in ([laptop, phone], [phone, laptop]):
        both = ALICE.revoke(previous=order, ttl="1h", now=NOW)
        assert (both.sequence, both.expires) == (11, NOW + 3600)
        assert ids(both) == {KEY, block(1).id, block(2).id}
        assert {(record.until, record.why) for record in both.records if record.subject == block(1).id} == {
            (NOW + 100, "new")
        }
    with pytest.raises(ValueError, match="at least one list"):
        ALICE.revoke(previous=[], now=NOW)


def test_a_block_is_taken_from_a_chain_with_the_expiry_of_that_block() -> None:
    """A child that is over sooner must not shorten what is said about its parent."""
    token = ALICE.mint(to=PLANNER.principal, can="a", ttl="8h", hops=1, now=NOW)
    longer = PLANNER.attenuate(token, to=WORKER.principal, ttl="1m", now=NOW)
    hops = UnverifiedToken.parse(longer).hops
    assert RevokedBlock.of(longer, 0) == RevokedBlock(hops[0].block_id, NOW + 8 * 3600)
    assert RevokedBlock.of(longer, why="x") == RevokedBlock(hops[1].block_id, NOW + 60, "x")
    with pytest.raises(IndexError):
        RevokedBlock.of(longer, 2)


@pytest.mark.parametrize(
    "terms",
    [
        {"blocks": [RevokedBlock(b"short", NOW)]},
        {"blocks": [RevokedBlock(bytes(32), -1)]},
        {"blocks": [RevokedBlock(bytes(32), TIME_MAX + 1)]},
        {"blocks": [RevokedBlock(bytes(32), NOW, "x" * 257)]},
        {"keys": [RevokedKey(bytes(31))]},
        {"keys": [RevokedKey(bytes(32), -1)]},
        {"keys": [RevokedKey(bytes(32), 0, "a\nb")]},
        {"after": INTEGER_MAX},
        {"ttl": 0},
        {"now": TIME_MAX},
    ],
    ids=repr,
)
def test_an_author_is_told_what_is_out_of_bounds(terms: dict[str, Any]) -> None:
    """Misuse is a ValueError, and nothing is signed."""
    with pytest.raises(ValueError, match=r"\w"):
        made(**terms)


def test_another_type_than_text_or_bytes_is_misuse() -> None:
    """A list is read from text or bytes."""
    source: Any = bytearray(made().to_bytes())
    with pytest.raises(TypeError):
        RevocationList.parse(source)


def test_a_list_is_full_at_its_bounds_and_refused_beyond() -> None:
    """65,536 records are read; one more, or more bytes than 4 MiB, is refused before it is signed for good."""
    subjects = [number.to_bytes(32) for number in range(1, REVOCATIONS + 1)]
    full = made(blocks=[RevokedBlock(subject, NOW + 60) for subject in subjects])
    assert len(RevocationList.parse(full.to_bytes()).records) == REVOCATIONS
    for more in ({"keys": [RevokedKey(KEY)]}, {"blocks": [RevokedBlock(bytes(32), NOW)]}):
        with pytest.raises(TokenError) as caught:
            made(previous=full, **more)
        assert caught.value.reason is Reason.LIMIT_EXCEEDED
    with pytest.raises(TokenError) as caught:
        made(blocks=[RevokedBlock(subject, NOW + 60, "x" * 256) for subject in subjects[:15_000]])
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert len(full.to_bytes()) < REVOCATIONS_BYTES


def test_a_signer_that_signs_something_else_makes_no_list() -> None:
    """A signer elsewhere may answer with anything: what does not hold is no list."""

    class Careless:
        public_key = ALICE.public_key

        def sign(self, message: bytes) -> bytes:
            return ALICE.signer.sign(message + b"!")

    with pytest.raises(Exception, match="bad_signature"):
        made(Identity(ALICE.name, Careless()))
