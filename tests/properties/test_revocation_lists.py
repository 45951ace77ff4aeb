"""Random revocation lists: what is written is read, and what follows keeps what was said."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from delegate import Identity, RevocationList, RevokedBlock, RevokedKey
from delegate.authoring.signers import Esp256Signer
from delegate.core.chain.printable import is_plain
from delegate.core.chain.revocations import Record
from delegate.errors import DelegateError
from delegate.limits import TIME_MAX

NOW = 1_790_000_000
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
CLOUD = Identity("svc:cloud", Esp256Signer.from_scalar(b"\x05" * 32))

# Few, so that records meet.
subjects = st.sampled_from([bytes((first,)) + bytes(31) for first in range(6)]) | st.binary(min_size=32, max_size=32)
moments = st.integers(0, TIME_MAX) | st.integers(NOW - 90_000, NOW + 90_000)
words = st.text(max_size=20).filter(is_plain)
blocks = st.lists(st.builds(RevokedBlock, subjects, moments, words), max_size=6)
keys = st.lists(st.builds(RevokedKey, subjects, moments, words), max_size=6)
identities = st.sampled_from([ALICE, CLOUD])


def by_subject(found: RevocationList) -> dict[tuple[bool, bytes], Record]:
    """Its records; there is one for each subject."""
    records = {(record.is_key, record.subject): record for record in found.records}
    assert len(records) == len(found.records)
    return records


@given(identity=identities, some=blocks, others=keys, ttl=st.integers(1, 10**6))
def test_a_list_reads_as_it_was_written(
    identity: Identity, some: list[RevokedBlock], others: list[RevokedKey], ttl: int
) -> None:
    """Text and bytes give the same list; it has every key and every block that was named."""
    made = identity.revoke(blocks=some or None, keys=others or None, ttl=ttl, now=NOW)
    assert RevocationList.parse(made.to_text()) == made == RevocationList.parse(made.to_bytes())
    assert (made.issued, made.expires, made.public_key) == (NOW, NOW + ttl, identity.public_key)
    wanted = {(True, key.thumbprint) for key in others}
    wanted |= {(False, block.id) for block in some}
    assert set(by_subject(made)) == wanted
    places = [(not record.is_key, record.subject) for record in made.records]
    assert places == sorted(places)


@given(first=blocks, second=blocks, some=keys, later=st.integers(0, 200_000))
def test_the_next_list_says_no_less(
    first: list[RevokedBlock], second: list[RevokedBlock], some: list[RevokedKey], later: int
) -> None:
    """Each record of a list is in the next, as wide or wider, but blocks whose chain has been over for a day."""
    old = ALICE.revoke(blocks=first or None, keys=some or None, now=NOW)
    new = ALICE.revoke(blocks=second or None, previous=old, now=NOW + later)
    assert new.sequence == old.sequence + 1
    found = by_subject(new)
    for place, record in by_subject(old).items():
        if place not in found:
            assert not record.is_key
            assert record.until + 86_400 < NOW + later
        else:
            assert (found[place].since <= record.since, found[place].until >= record.until) == (True, True)


@given(some=st.lists(blocks, min_size=1, max_size=3))
def test_merging_has_no_order(some: list[list[RevokedBlock]]) -> None:
    """The same lists in any order give the same list."""
    lists = [ALICE.revoke(blocks=each or None, after=number, now=NOW) for number, each in enumerate(some)]
    merged = ALICE.revoke(previous=lists, now=NOW)
    assert ALICE.revoke(previous=reversed(lists), now=NOW) == merged
    assert merged.sequence == len(some) + 1


@settings(max_examples=300)
@given(data=st.binary(max_size=300) | st.binary(max_size=100).map(lambda rest: b"\x82\x06\x58\x60" + rest))
def test_bytes_are_no_list_and_say_why(data: bytes) -> None:
    """Whatever comes, a list or a `DelegateError`."""
    for source in (data, data.decode("latin-1"), "dlgr_" + data.hex()):
        try:
            RevocationList.parse(source)
        except DelegateError as error:
            assert is_plain(error.detail)  # noqa: PT017 - what is looked for
