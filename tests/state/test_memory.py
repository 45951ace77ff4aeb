"""Replay protection in memory: full means refuse, and nothing that still matters is forgotten."""

from __future__ import annotations

import threading

import pytest

from delegate import MemoryReplay, Reason, StateError, VerificationError
from delegate.state import Claim


def claim(store: MemoryReplay, proof: int, *, issued: int = 100, until: int = 190, now: int = 100) -> bool:
    """Claim a proof by number."""
    return store.claim([Claim(proof.to_bytes(32), issued, until)], now=now) is True


def test_a_proof_is_claimed_once() -> None:
    """The second time it is known; another one is not."""
    store = MemoryReplay(since=0)
    assert claim(store, 1)
    assert not claim(store, 1)
    assert claim(store, 2)
    assert len(store) == 2


def test_a_full_store_refuses_and_forgets_nothing() -> None:
    """A flood makes no room for a replay: the store is full, and still knows what it knew."""
    store = MemoryReplay(since=0, capacity=3)
    assert all(claim(store, number) for number in range(3))
    with pytest.raises(StateError) as caught:
        claim(store, 3)
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    assert not claim(store, 0)


def test_what_has_lapsed_makes_room() -> None:
    """A proof is remembered through the last second in which it could be used, and then forgotten."""
    store = MemoryReplay(since=0, capacity=1)
    assert claim(store, 1, until=190)
    assert not claim(store, 1, now=190)
    assert claim(store, 2, issued=191, until=281, now=191)
    assert len(store) == 1


def test_proofs_from_before_the_store_began_are_refused() -> None:
    """A predecessor may have seen them; by default that is the start of the process."""
    store = MemoryReplay(since=100)
    assert claim(store, 1, issued=100)
    with pytest.raises(VerificationError) as caught:
        claim(store, 2, issued=99)
    assert caught.value.reason is Reason.PROOF_EXPIRED
    with pytest.raises(VerificationError):
        claim(MemoryReplay(), 3, issued=100)


def test_a_clock_that_goes_back_brings_no_proof_back() -> None:
    """The clock is set back after a proof was forgotten: what can no longer be remembered is refused."""
    store = MemoryReplay(since=0)
    assert claim(store, 1, issued=100, until=190, now=100)
    assert claim(store, 2, issued=200, until=290, now=200)  # forgets the first
    with pytest.raises(VerificationError) as caught:
        claim(store, 1, issued=100, until=190, now=150)
    assert caught.value.reason is Reason.PROOF_EXPIRED


def test_of_many_threads_one_claims() -> None:
    """Claiming is atomic: eight threads and fifty proofs, and each is claimed by one of them."""
    store = MemoryReplay(since=0)
    start = threading.Barrier(8)
    claimed: list[int] = []

    def work() -> None:
        start.wait()
        claimed.extend(number for number in range(50) if claim(store, number))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(50))
