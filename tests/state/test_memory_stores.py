"""Budgets and revocations in memory: bounded, and what has lapsed makes room."""

from __future__ import annotations

import time

import pytest

from delegate import Reason, StateError, VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, MemoryLedger, MemoryRevocations, Outcome, Refused

DAY = 86_400
FEED = Feed(b"s" * 32, 1, 100, 200)


def claim(number: int, *, issued: int = 100, until: int = 190) -> Claim:
    """A proof by number."""
    return Claim(number.to_bytes(32), issued, until)


def charge(ledger: MemoryLedger, number: int, *, pool: int = 0, now: int = 100, until: int = 1_000) -> Outcome:
    """Charge 1 to a pool of 2 by number."""
    pools = [Charge(pool.to_bytes(32), "calls", 1, 2, until)]
    return ledger.charge([claim(number, issued=now, until=now + 90)], pools, now=now)


def key(number: int) -> Record:
    """A revoked key."""
    return Record(number.to_bytes(32), b"s" * 32, True, 0, TIME_MAX)


def block(number: int, until: int) -> Record:
    """A revoked block of a chain that ends."""
    return Record(number.to_bytes(32), b"s" * 32, False, 0, until)


def test_a_ledger_that_has_no_room_refuses() -> None:
    """For one more pool or proof; what it remembers it still knows, and what it refused it did not charge."""
    ledger = MemoryLedger(since=0, pool_capacity=2)
    assert [charge(ledger, number, pool=number) for number in range(2)] == [True, True]
    with pytest.raises(StateError) as caught:
        charge(ledger, 2, pool=2)
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    assert ledger.settle(claim(0).id, {}, now=100)
    with pytest.raises(StateError):
        charge(ledger, 2, pool=2)
    assert charge(ledger, 0) == Refused(0)
    assert charge(ledger, 3, pool=1) is True  # one that is there already
    full = MemoryLedger(since=0, capacity=1)
    assert charge(full, 0) is True
    with pytest.raises(StateError):
        charge(full, 1)
    assert full.spent([bytes(32)]) == {(bytes(32), "calls"): 1}


def test_pools_below_one_block_0_take_a_share_of_the_room() -> None:
    """A holder narrows its chain again and again: it fills its own share, and other chains find room.

    Pools that are there already go on; what has lapsed makes room in the share.
    """
    ledger = MemoryLedger(since=0, pool_capacity=8_192)

    def narrow(number: int, origin: bytes, *, now: int = 100) -> Outcome:
        pools = [Charge(origin, "calls", 1, 9_999, 5_000, origin)]
        pools += [Charge(number.to_bytes(32), unit, 1, 2, 1_000 if now == 100 else 5_000, origin) for unit in "ab"]
        return ledger.charge([claim(number, issued=now, until=now + 90)], pools, now=now)

    assert [narrow(number, b"o" * 32) for number in range(255)] == [True] * 255  # 1 + 2 * 255 of 512
    with pytest.raises(StateError, match="512 pools below one block 0"):
        narrow(255, b"o" * 32)
    assert narrow(1_000, b"p" * 32) is True
    again = [Charge((7).to_bytes(32), "a", 1, 2, 1_000, b"o" * 32)]
    assert ledger.charge([claim(2_000)], again, now=100) is True
    assert narrow(3_000, b"o" * 32, now=1_001) is True


def test_the_oldest_charge_is_forgotten_where_there_is_no_room_for_more() -> None:
    """It stays as it was charged; nobody is refused for it."""
    ledger = MemoryLedger(since=0, pool_capacity=2)
    pools = [Charge(bytes(32), "calls", 1, 9, 1_000)]
    assert [ledger.charge([claim(number)], pools, now=100) for number in range(3)] == [True] * 3
    assert [ledger.settle(claim(number).id, {"calls": 0}, now=100) for number in range(3)] == [False, True, True]
    assert ledger.spent([bytes(32)]) == {(bytes(32), "calls"): 1}


def test_a_pool_is_forgotten_after_its_chain_and_never_filled_again() -> None:
    """It makes room; a clock that goes back does not bring a full pool back."""
    ledger = MemoryLedger(since=0, pool_capacity=3)
    assert charge(ledger, 0, until=1_000) is True
    assert charge(ledger, 1, until=2_000) is True  # charged with a later end: stays as long
    assert charge(ledger, 2, pool=1, now=1_001, until=3_000) is True
    assert ledger.spent([bytes(32)]) == {(bytes(32), "calls"): 2}
    assert charge(ledger, 3, pool=1, now=2_001, until=3_000) is True
    assert ledger.spent([bytes(32)]) == {}
    with pytest.raises(StateError, match="expired"):
        charge(ledger, 4, now=2_001, until=2_000)


def test_a_charge_is_settled_as_long_as_its_pools_last() -> None:
    """Afterwards nothing is known of it; a pool that ended before the others gets nothing back."""
    ledger = MemoryLedger(since=0)
    pools = [Charge(b"a" * 32, "x", 5, 9, 500), Charge(b"b" * 32, "x", 5, 9, 900)]
    assert ledger.charge([claim(0)], pools, now=100) is True
    assert ledger.settle(claim(0).id, {"x": 1}, now=501) is True
    assert ledger.spent([b"a" * 32, b"b" * 32]) == {(b"b" * 32, "x"): 1}
    assert charge(ledger, 5, until=600) is True
    assert ledger.settle(claim(5).id, {"calls": 0}, now=601) is False


def test_a_ledger_refuses_proofs_from_before_it_began() -> None:
    """As replay protection does: a predecessor may have charged them."""
    for ledger in (MemoryLedger(since=101), MemoryLedger(capacity=9)):
        with pytest.raises(VerificationError) as caught:
            charge(ledger, 0)
        assert caught.value.reason is Reason.PROOF_EXPIRED


def test_revocations_that_have_no_room_are_refused_whole() -> None:
    """A list that does not fit adds nothing; one that says what is known already fits. A feed takes room too."""
    store = MemoryRevocations(capacity=3)
    assert store.add(FEED, [key(0), key(1)], now=100) == 2
    with pytest.raises(StateError):
        store.add(FEED._replace(sequence=2), [key(0), key(2)], now=100)
    assert store.look_up([key(2).subject]) == []
    assert store.feeds() == (FEED,)
    assert store.add(FEED._replace(sequence=2), [key(0)], now=100) == 0


def stranger(number: int) -> bytes:
    """A signer whom no verifier knows."""
    return b"m" * 24 + number.to_bytes(8)


def test_strangers_never_keep_out_whom_the_verifier_knows() -> None:
    """All of them together fill half of the room, with records or with feeds; a known signer may fill all of it."""
    store = MemoryRevocations(capacity=10)
    theirs = [key(number)._replace(signer=stranger(0)) for number in range(3)]
    assert store.add(Feed(stranger(0), 1, 100, 200), theirs, now=100, known=False) == 3
    assert store.add(Feed(stranger(1), 1, 100, 200), [], now=100, known=False) == 0
    with pytest.raises(StateError, match="strangers") as caught:
        store.add(Feed(stranger(2), 1, 100, 200), [], now=100, known=False)
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    assert store.add(Feed(stranger(1), 2, 100, 200), [], now=100, known=False) == 0  # takes no more
    assert store.add(FEED, [key(number) for number in range(4)], now=100, known=True) == 4
    assert len(store) == 10
    with pytest.raises(StateError, match="10 revocations"):
        store.add(FEED, [key(4)], now=100, known=True)


def test_a_stranger_who_becomes_known_makes_room_for_others() -> None:
    """What it had brought is its own from then on, whoever hands in the next list."""
    store = MemoryRevocations(capacity=8)
    theirs = [block(number, 500)._replace(signer=stranger(0)) for number in range(3)]
    feed = Feed(stranger(0), 1, 100, 200)
    assert store.add(feed, theirs, now=100, known=False) == 3
    with pytest.raises(StateError, match="strangers"):
        store.add(feed, [key(9)._replace(signer=stranger(0))], now=100, known=False)
    assert store.add(feed, [], now=100, known=True) == 0
    assert store.add(feed, [key(9)._replace(signer=stranger(0))], now=100, known=False) == 1
    other = Feed(stranger(1), 1, 100, 200)
    assert (
        store.add(other, [block(number, 500)._replace(signer=stranger(1)) for number in range(2)], now=100, known=False)
        == 2
    )
    assert len(store) == 8


def test_many_words_about_one_subject_take_time_in_proportion() -> None:
    """Thousands of signers list one key: adding the next costs no more than the first."""
    store = MemoryRevocations()
    records = [key(0)._replace(signer=stranger(number)) for number in range(20_000)]
    begun = time.process_time()
    assert store.add(FEED, records, now=100) == 20_000
    assert time.process_time() - begun < 5  # copying at each took 20 s and more
    assert store.look_up([key(0).subject], [stranger(7)]) == [records[7]]


def test_blocks_whose_chains_are_long_over_make_no_room() -> None:
    """Their `until` is their signer's word: what is full refuses, and what was taken over stays."""
    store = MemoryRevocations(capacity=4)
    store.add(FEED, [block(0, 500), block(1, 500), key(0)], now=100)
    store.add(FEED, [block(1, 700)], now=100)
    with pytest.raises(StateError, match="no room"):
        store.add(FEED, [key(3)], now=701 + 9 * DAY)
    assert store.look_up([bytes(32)]) == [block(0, 500), key(0)]
    assert store.look_up([block(1, 0).subject]) == [block(1, 700)]
