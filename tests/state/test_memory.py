"""Replay protection in memory: full means refuse, nothing that still matters is forgotten, and a process has one."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping

import pytest

from delegate import (
    AsyncVerifier,
    Identity,
    MemoryReplay,
    Reason,
    Request,
    StateError,
    Token,
    VerificationError,
    Verifier,
)
from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.remembered import ProcessLock, Recent
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, MemoryLedger, MemoryRevocations, Refused, claims, connect, memory_replay

ALICE = Identity.generate("user:alice@example.com")
AGENT = Identity.generate("agent:a")


def chain(now: int, budget: Mapping[str, int] | None = None) -> Token:
    """A chain that permits everything."""
    return ALICE.mint(to=AGENT.principal, can="**", ttl="1h", now=now - 5, budget=budget)


@pytest.fixture
def shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a process that has just begun: that of the tests begins at 0."""
    monkeypatch.setattr(claims, "_OF_THIS_PROCESS", claims.Claims(since=claims._START.at))
    monkeypatch.setattr(memory_replay, "began_by", claims.began_by)


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


def test_a_memory_of_its_own_begins_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the process began: until then another may have taken what it is shown."""
    monkeypatch.setattr(time, "time", lambda: 5_000.9)
    for store in (MemoryReplay(capacity=9), MemoryLedger(capacity=9)._claims):
        assert (store._claims if isinstance(store, MemoryReplay) else store)._since == 5_000


def test_the_memory_of_a_process_begins_with_it(shared_memory: None) -> None:
    """A proof from before may have been used at a predecessor; whose clock is asked changes nothing."""
    began = claims._START.at
    with pytest.raises(VerificationError, match="before this store began"):
        claim(MemoryReplay(), 3, issued=began - 1, until=began + 90, now=began)
    for clock in (time.time, lambda: began, lambda: began + 5):
        verifier = Verifier([ALICE.principal], audience="s", clock=clock)
        proof = AGENT.prove(chain(began), Request("x"), "s", now=began - 1)
        assert verifier.decide(proof, Request("x")).reason is Reason.PROOF_EXPIRED


@pytest.mark.parametrize("budget", [None, {"calls": 9}], ids=["no pool", "a pool"])
def test_all_verifiers_of_a_process_share_one_memory(shared_memory: None, budget: dict[str, int] | None) -> None:
    """However each was set up: a proof that one took the others do not take, nor a ledger beside them."""
    now = int(time.time())
    proof = AGENT.prove(chain(now, budget=budget), Request("x"), "s", now=now)
    made: list[Verifier] = [
        Verifier([ALICE.principal], audience="s", ledger=MemoryLedger()),
        Verifier([ALICE.principal], audience="s", ledger=MemoryLedger(), clock=lambda: now),
        Verifier([ALICE.principal], audience="s", state=connect("memory://")),
        Verifier([ALICE.principal], audience="s", replay=MemoryReplay(), ledger=MemoryLedger()),
    ]
    assert made[0].decide(proof, Request("x")).allowed
    assert [each.decide(proof, Request("x")).reason for each in made] == [Reason.REPLAYED] * 4
    awaited = AsyncVerifier([ALICE.principal], audience="s", ledger=MemoryLedger())
    assert asyncio.run(awaited.decide(proof, Request("x"))).reason is Reason.REPLAYED


def test_an_approval_that_serves_once_serves_once_in_a_process(shared_memory: None) -> None:
    """At one verifier, whose chain has a pool, or at another, whose chain has none."""
    now = int(time.time())
    discharge = Claim(b"d" * 32, now, now + 90)
    first, second = Claim(b"1" * 32, now, now + 90), Claim(b"2" * 32, now, now + 90)
    pool = Charge(b"p" * 32, "calls", 1, 9, now + 900)
    assert MemoryLedger().charge([first, discharge], [pool], now=now) is True
    assert MemoryReplay().claim([second, discharge], now=now) == Refused(1)


def in_a_child(question: Callable[[], object]) -> tuple[object, str]:
    """Ask in a child of a fork; gives its answer, and what it said on stderr."""
    answer, errors = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        pid = os.fork()
    if not pid:
        os.dup2(errors[1], 2)
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
        logging.lastResort = logging.StreamHandler(sys.stderr)
        logging.root.handlers.clear()
        try:
            os.write(answer[1], pickle.dumps(question()))
        finally:
            os._exit(0)
    os.close(answer[1])
    os.close(errors[1])
    with os.fdopen(answer[0], "rb") as said, os.fdopen(errors[0]) as told:
        given, words = said.read(), told.read()
    os.waitpid(pid, 0)
    assert given, words
    return pickle.loads(given), words  # noqa: S301 - of our own child


def outcome(store: MemoryReplay, what: Claim, now: int) -> object:
    """Claim one; give how."""
    try:
        return store.claim([what], now=now)
    except VerificationError as error:
        return error.reason


def test_a_memory_begins_again_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its parent takes from then on it cannot know: it takes nothing from before, and warns, once.

    What its parent had taken by then it knows, made ahead of the clock or in that very second; a proof that was made
    after the fork it takes.
    """
    now = int(time.time())
    store = MemoryReplay(since=0)
    used = Claim(b"u" * 32, now + 20, now + 120)
    assert store.claim([used], now=now) is True

    def in_child() -> list[object]:
        began = claims._START.at
        old, new = Claim(b"o" * 32, began - 1, began + 90), Claim(b"n" * 32, began, began + 90)
        return [outcome(store, each, began) for each in (used, old, new, new)]

    given, words = in_a_child(in_child)
    assert given == [Refused(0), Reason.PROOF_EXPIRED, True, Refused(0)]
    assert words.count("forked") == 1
    assert "give them one store" in words
    assert outcome(store, Claim(b"o" * 32, now - 1, now + 90), now) is True  # in the parent nothing changed


def test_a_child_finds_no_lock_held_and_nothing_half_done() -> None:
    """Another thread was in the middle of a charge, a claim and an addition; it does not exist in the child."""
    now = int(time.time())
    until = now + 900
    ledger, revocations = MemoryLedger(since=0), MemoryRevocations()
    recent: Recent[str] = Recent(8)
    recent.put(b"before", "x")
    pool = Charge(b"p" * 32, "calls", 3, 5, until)
    assert ledger.charge([Claim(b"1" * 32, now, until)], [pool], now=now) is True
    record = Record(b"k" * 32, b"s" * 32, True, 0, TIME_MAX)
    feed = Feed(b"s" * 32, 1, now, until)
    revocations.add(feed, [record], now=now)
    with ledger._claims.lock(), revocations._lock.mine(), recent._lock.mine():
        ledger._until[b"q" * 32, "calls"] = until  # a pool that was about to be charged
        ledger._origins[b"q" * 32, "calls"] = b""
        ledger._claims._seen.add(b"h" * 32)  # an id that was about to be kept

        def in_child() -> list[object]:
            at = claims._START.at
            few = [pool._replace(amount=2)]
            answers: list[object] = [
                ledger.charge([Claim(b"2" * 32, at, until)], [pool], now=at),
                ledger.charge([Claim(b"2" * 32, at, until)], few, now=at),
                ledger.charge([Claim(b"3" * 32, at, until)], [pool._replace(block_id=b"q" * 32)], now=at),
                ledger.spent([b"p" * 32, b"q" * 32]),
                revocations.add(feed._replace(sequence=2), [record._replace(subject=b"l" * 32)], now=at),
                list(revocations.look_up([b"k" * 32, b"l" * 32])),
                recent.get(b"before"),
                recent.put(b"after", "y"),
                recent.get(b"before"),
                len(recent),
            ]
            charge = ledger.charge([Claim(b"h" * 32, at, until)], [pool._replace(amount=0)], now=at)
            return [*answers, charge]

        given, _ = in_a_child(in_child)
    assert given == [
        Refused(0, 2),
        True,
        True,
        {(b"p" * 32, "calls"): 5, (b"q" * 32, "calls"): 3},
        1,
        [record, record._replace(subject=b"l" * 32)],
        "x",
        True,
        None,
        1,
        True,
    ]


def test_a_settlement_that_was_under_way_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The charge is gone before anything is given back: a child of that moment gives nothing back twice."""
    now = int(time.time())
    ledger = MemoryLedger(since=0)
    pools = [Charge(bytes([number]) * 32, "calls", 3, 5, now + 900) for number in range(2)]
    assert ledger.charge([Claim(b"1" * 32, now, now + 900)], pools, now=now) is True
    seen: list[bool] = []

    class Watched(dict[tuple[bytes, str], int]):
        def __setitem__(self, pool: tuple[bytes, str], amount: int) -> None:
            seen.append(b"1" * 32 in ledger._charged)
            super().__setitem__(pool, amount)

    ledger._spent = Watched(ledger._spent)
    assert ledger.settle(b"1" * 32, {"calls": 0}, now=now) is True
    assert seen == [False, False]


def test_the_lock_of_a_child_is_made_once() -> None:
    """Of its first threads, all take the same."""
    lock = ProcessLock()

    def in_child() -> int:
        start = threading.Barrier(8)
        found: list[int] = []

        def work() -> None:
            start.wait()
            found.append(id(lock.mine()))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(set(found))

    with lock.mine():
        assert in_a_child(in_child)[0] == 1


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
