"""What every engine must do: the same tests for memory, SQLite, Redis and PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from delegate import Reason, VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import INTEGER_MAX, TIME_MAX
from delegate.state import Charge, Claim, Outcome, Refused, SettlementError
from tests.state import siblings
from tests.state.conftest import PATIENT_S, Engine

HOSTILE = ["", "a\0b", "'; DROP TABLE claims; --", "\ud800", "日本\u202e", "%s {} \\ \n", "x" * 256]


def name(number: int, kind: str = "id") -> bytes:
    """32 bytes that stand for something."""
    return kind.encode().ljust(24, b"\0") + number.to_bytes(8)


def proof(engine: Engine, number: int, *, until: int = 90) -> Claim:
    """A proof made now."""
    return Claim(name(number), engine.now, engine.now + until)


def cost(engine: Engine, block: int, amount: int, limit: int, unit: str = "calls") -> Charge:
    """What is charged to the pool of a block."""
    return Charge(name(block, "block"), unit, amount, limit, engine.now + 900)


def charge(engine: Engine, number: int, *charges: Charge) -> Outcome:
    """Charge these for one proof."""
    return engine.state.ledger.charge([proof(engine, number)], charges, now=engine.now)


def spent(engine: Engine, *blocks: int) -> dict[tuple[int, str], int]:
    """What has been charged, by the number of the block."""
    asked = {name(block, "block"): block for block in blocks}
    return {(asked[pool], unit): amount for (pool, unit), amount in engine.state.ledger.spent(list(asked)).items()}


def revoked(number: int, *, signer: int = 0, since: int = 0, until: int = TIME_MAX, why: str = "") -> Record:
    """A record about a key, or about a block where it ends."""
    return Record(name(number, "subject"), name(signer, "signer"), until == TIME_MAX, since, until, why)


def feed(engine: Engine, sequence: int = 1, signer: int = 0) -> Feed:
    """A list of a signer's."""
    issued = engine.now + sequence % 100
    return Feed(name(signer, "signer"), sequence, issued, issued + 1000)


def look_up(engine: Engine, *numbers: int) -> list[Record]:
    """All records about these, in an order."""
    return sorted(engine.state.revocations.look_up([name(number, "subject") for number in numbers]))


# Claims.


def test_an_id_is_claimed_once(engine: Engine) -> None:
    """The second time it is known, whoever asks; another one is not."""
    assert engine.state.replay.claim([proof(engine, 1)], now=engine.now) is True
    assert engine.open().replay.claim([proof(engine, 1)], now=engine.now + 1) == Refused(0)
    assert engine.open().replay.claim([proof(engine, 2)], now=engine.now) is True


def test_several_ids_are_claimed_together_or_not_at_all(engine: Engine) -> None:
    """One of three was used: the place of the first such one is said, and the others stay unused."""
    claims = [proof(engine, number) for number in range(5)]
    assert engine.state.replay.claim([claims[1]], now=engine.now) is True
    assert engine.state.replay.claim([claims[3]], now=engine.now) is True
    assert engine.state.replay.claim([claims[4], claims[3], claims[0], claims[1]], now=engine.now) == Refused(1)
    assert engine.state.replay.claim([claims[4], claims[0]], now=engine.now) is True


def test_an_id_given_twice_in_one_call_is_refused(engine: Engine) -> None:
    """A proof and a discharge that are one: the second place is named, and nothing is claimed."""
    one, other = proof(engine, 1), proof(engine, 2)
    assert engine.state.replay.claim([other, one, one], now=engine.now) == Refused(2)
    assert engine.state.ledger.charge([one, one], [cost(engine, 0, 1, 5)], now=engine.now) == Refused(1)
    assert spent(engine, 0) == {}
    assert engine.state.replay.claim([one, other], now=engine.now) is True


def test_nothing_to_claim_is_claimed(engine: Engine) -> None:
    """A request without proof needs no memory."""
    assert engine.state.replay.claim([], now=engine.now) is True


def test_an_id_is_known_to_its_last_second_and_never_claimed_again(engine: Engine) -> None:
    """Whatever the clock says afterwards, even that it is earlier than it was: no second use."""
    first = proof(engine, 1)
    assert engine.state.replay.claim([first], now=engine.now) is True
    assert engine.state.replay.claim([first], now=first.until) == Refused(0)
    later = Claim(name(2), engine.now + 200, engine.now + 290)
    assert engine.state.replay.claim([later], now=engine.now + 200) is True
    for now in (engine.now + 200, engine.now + 50):
        try:
            assert engine.state.replay.claim([first], now=now) == Refused(0)
        except VerificationError as error:
            assert error.reason is Reason.PROOF_EXPIRED  # noqa: PT017 - either refusal will do


def test_an_id_that_has_lapsed_is_refused(engine: Engine) -> None:
    """It may have been used and forgotten."""
    for claim in (engine.state.replay.claim, lambda claims, now: engine.state.ledger.charge(claims, [], now=now)):
        with pytest.raises(VerificationError) as caught:
            claim([proof(engine, 1)], now=engine.now + 91)
        assert caught.value.reason is Reason.PROOF_EXPIRED


def test_an_id_from_before_the_memory_began_is_refused(engine: Engine) -> None:
    """It may have been used at a predecessor, whose data are gone; which of several it is makes the words, and no more.

    Nothing is claimed or charged with it.
    """
    old, new = Claim(name(1), engine.now - 86_400, engine.now + 90), proof(engine, 2)
    pool = cost(engine, 0, 1, 5)
    for claims, words in (([old], "to remember proofs"), ([old, new], "proofs"), ([new, old], "ask for it again")):
        with pytest.raises(VerificationError, match=words) as caught:
            engine.state.replay.claim(claims, now=engine.now)
        assert caught.value.reason is Reason.PROOF_EXPIRED
        with pytest.raises(VerificationError, match=words):
            engine.open().ledger.charge(claims, [pool], now=engine.now)
    assert spent(engine, 0) == {}
    assert engine.state.replay.claim([new, old._replace(issued=engine.now)], now=engine.now) is True


def test_of_many_threads_one_claims(engine: Engine) -> None:
    """Claiming is atomic: eight threads and twenty ids, each claimed by one of them."""
    numbers = list(range(20)) * 8
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda number: engine.state.replay.claim([proof(engine, number)], now=engine.now), numbers)
        )
    assert sorted(number for number, outcome in zip(numbers, outcomes, strict=True) if outcome is True) == list(
        range(20)
    )


# Budgets.


def test_a_charge_takes_from_every_pool_or_from_none(engine: Engine) -> None:
    """The first pool that has not enough is named with what it still holds, and nothing is charged anywhere."""
    assert charge(engine, 1, cost(engine, 0, 7, 10), cost(engine, 1, 7, 20), cost(engine, 2, 7, 9)) is True
    assert spent(engine, 0, 1, 2) == {(0, "calls"): 7, (1, "calls"): 7, (2, "calls"): 7}
    refused = charge(engine, 2, cost(engine, 1, 5, 20), cost(engine, 2, 5, 9), cost(engine, 0, 5, 10))
    assert refused == Refused(1, 2)
    assert spent(engine, 0, 1, 2) == {(0, "calls"): 7, (1, "calls"): 7, (2, "calls"): 7}
    assert charge(engine, 2, cost(engine, 0, 3, 10)) is True


def test_units_and_blocks_have_pools_of_their_own(engine: Engine) -> None:
    """The same unit at another block, and another unit at the same block, are other pools."""
    assert charge(engine, 1, cost(engine, 0, 3, 3, "usd"), cost(engine, 0, 1, 1), cost(engine, 1, 1, 1)) is True
    assert charge(engine, 2, cost(engine, 1, 1, 1), cost(engine, 0, 1, 3, "usd")) == Refused(0, 0)
    assert spent(engine, 0, 1, 2) == {(0, "usd"): 3, (0, "calls"): 1, (1, "calls"): 1}


def test_an_empty_pool_still_takes_nothing(engine: Engine) -> None:
    """An amount of 0 fits into any pool, and is no spending."""
    assert charge(engine, 1, cost(engine, 0, 5, 5), cost(engine, 1, 0, 0)) is True
    assert charge(engine, 2, cost(engine, 0, 0, 5)) is True
    assert charge(engine, 3, cost(engine, 0, 1, 5)) == Refused(0, 0)
    assert spent(engine, 0, 1) == {(0, "calls"): 5}


def test_a_proof_is_charged_once(engine: Engine) -> None:
    """A replayed charge is refused as a replay, and charges nothing."""
    assert charge(engine, 1, cost(engine, 0, 2, 10)) is True
    assert charge(engine, 1, cost(engine, 0, 2, 10)) == Refused(0)
    assert spent(engine, 0) == {(0, "calls"): 2}


def test_what_is_short_does_not_spend_the_proof(engine: Engine) -> None:
    """Refusing spends nothing: the same proof can be charged where there is enough."""
    assert charge(engine, 1, cost(engine, 0, 11, 10)) == Refused(0, 10)
    assert charge(engine, 1, cost(engine, 0, 10, 10)) is True


def test_amounts_reach_to_the_largest_integer(engine: Engine) -> None:
    """2^63−1 is counted exactly, and nothing overflows on the way."""
    most = INTEGER_MAX
    assert charge(engine, 1, cost(engine, 0, most - 1, most)) is True
    assert spent(engine, 0) == {(0, "calls"): most - 1}
    assert charge(engine, 2, cost(engine, 0, most, most)) == Refused(0, 1)
    assert charge(engine, 3, cost(engine, 0, 2, most)) == Refused(0, 1)
    assert charge(engine, 4, cost(engine, 0, 1, most)) is True
    assert spent(engine, 0) == {(0, "calls"): most}
    assert engine.state.ledger.settle(name(1), {"calls": 2**53 + 1}, now=engine.now) is True
    assert spent(engine, 0) == {(0, "calls"): 2**53 + 2}


@pytest.mark.parametrize("amount", [999_999_999, 1_000_000_000, 10**18 - 1, 10**18, 2**53 + 1])
def test_amounts_around_where_digits_carry(engine: Engine, amount: int) -> None:
    """Sums and differences are exact where a number has just become longer."""
    assert charge(engine, 1, cost(engine, 0, amount, 2 * amount + 1)) is True
    assert charge(engine, 2, cost(engine, 0, amount + 2, 2 * amount + 1)) == Refused(0, amount + 1)
    assert charge(engine, 2, cost(engine, 0, amount + 1, 2 * amount + 1)) is True
    assert spent(engine, 0) == {(0, "calls"): 2 * amount + 1}
    assert engine.state.ledger.settle(name(1), {"calls": 1}, now=engine.now) is True
    assert spent(engine, 0) == {(0, "calls"): amount + 2}


@pytest.mark.parametrize(
    ("amount", "limit"), [(-1, 5), (1, -1), (True, 5), (2**63, 2**63), (1, 2**63), (1.0, 5)], ids=repr
)
def test_what_is_no_amount_is_the_callers_mistake(engine: Engine, amount: int, limit: int) -> None:
    """It changes nothing anywhere."""
    with pytest.raises(ValueError, match="integers from 0"):
        charge(engine, 1, cost(engine, 0, 1, 5), cost(engine, 1, amount, limit))
    assert spent(engine, 0, 1) == {}


def test_a_charge_has_a_claim_and_names_a_pool_once(engine: Engine) -> None:
    """Otherwise there would be nothing to settle by, or two amounts for one pool."""
    with pytest.raises(ValueError, match="needs a claim"):
        engine.state.ledger.charge([], [cost(engine, 0, 1, 5)], now=engine.now)
    with pytest.raises(ValueError, match="once in a call"):
        charge(engine, 1, cost(engine, 0, 1, 5), cost(engine, 0, 1, 5))


def test_what_was_not_needed_is_given_back_once(engine: Engine) -> None:
    """To every pool that was charged in that unit; other units stay; a second time there is nothing to settle."""
    charges = [cost(engine, 0, 9, 10, "usd"), cost(engine, 1, 9, 9, "usd"), cost(engine, 0, 1, 5)]
    assert charge(engine, 1, *charges) is True
    assert engine.state.ledger.settle(name(1), {"usd": 4, "unknown": 0}, now=engine.now) is True
    assert spent(engine, 0, 1) == {(0, "usd"): 4, (1, "usd"): 4, (0, "calls"): 1}
    assert engine.open().ledger.settle(name(1), {"usd": 0}, now=engine.now) is False
    assert spent(engine, 0, 1) == {(0, "usd"): 4, (1, "usd"): 4, (0, "calls"): 1}


def test_no_more_is_settled_than_was_charged(engine: Engine) -> None:
    """More, or a unit that was not charged, gives nothing back; and the charge can still be settled."""
    assert charge(engine, 1, cost(engine, 0, 5, 10), cost(engine, 0, 5, 10, "usd")) is True
    for actual in ({"calls": 6}, {"usd": 1, "calls": 6}, {"eur": 1}, {"calls": -1}, {"calls": True}):
        with pytest.raises(ValueError, match=r"than it was charged|integers") as caught:
            engine.state.ledger.settle(name(1), actual, now=engine.now)
        assert ("than it was charged" in str(caught.value)) == (type(caught.value) is SettlementError)
    assert spent(engine, 0) == {(0, "calls"): 5, (0, "usd"): 5}
    assert engine.state.ledger.settle(name(1), {"calls": 5}, now=engine.now) is True


def test_what_was_never_charged_is_not_settled(engine: Engine) -> None:
    """Nothing is known of it; nor of a claim that charged nothing."""
    assert engine.state.ledger.settle(name(1), {"calls": 0}, now=engine.now) is False
    assert engine.state.replay.claim([proof(engine, 1)], now=engine.now) is True
    assert engine.state.ledger.settle(name(1), {"calls": 0}, now=engine.now) is False
    assert engine.state.ledger.charge([proof(engine, 2)], [], now=engine.now) is True
    assert engine.state.ledger.settle(name(2), {}, now=engine.now) is False


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_a_unit_is_any_text(engine: Engine, unit: str) -> None:
    """What an attacker names a unit is a name and nothing else."""
    assert charge(engine, 1, cost(engine, 0, 3, 5, unit), cost(engine, 1, 1, 5)) is True
    assert charge(engine, 2, cost(engine, 0, 3, 5, unit)) == Refused(0, 2)
    assert spent(engine, 0, 1) == {(0, unit): 3, (1, "calls"): 1}
    assert engine.state.ledger.settle(name(1), {unit: 1}, now=engine.now) is True
    assert spent(engine, 0) == {(0, unit): 1}


def test_sixty_four_siblings_never_spend_more_than_their_parents_pool(engine: Engine) -> None:
    """64 threads at once, each with a pool of its own below one that holds 40: exactly 40 are allowed."""
    barrier = threading.Barrier(64)

    def one(number: int) -> Outcome:
        barrier.wait()
        return charge(engine, number, cost(engine, 1000, 1, 40), cost(engine, number, 1, 1))

    with ThreadPoolExecutor(64) as pool:
        outcomes = list(pool.map(one, range(64)))
    assert sum(outcome is True for outcome in outcomes) == 40
    assert spent(engine, 1000) == {(1000, "calls"): 40}
    assert sum(spent(engine, *range(64)).values()) == 40


def test_siblings_in_several_processes_never_spend_more_than_their_parents_pool(shared: Engine) -> None:
    """Four processes, sixteen charges each, at once."""
    command = [sys.executable, "-m", "tests.state.siblings", shared.url, str(shared.now)]
    running = [
        subprocess.Popen([*command, str(first), "4"], stdout=subprocess.PIPE)  # noqa: S603 - ours
        for first in range(4)
    ]
    allowed = [int(each.communicate(timeout=60)[0]) for each in running]
    assert sum(allowed) == siblings.POOL
    assert shared.state.ledger.spent([siblings.BLOCK]) == {(siblings.BLOCK, "calls"): siblings.POOL}


def test_what_a_parent_opened_serves_its_child_after_a_fork(shared: Engine) -> None:
    """Both go on with connections of their own, and see one another's claims."""
    assert shared.state.replay.claim([proof(shared, 1)], now=shared.now) is True
    assert look_up(shared, 1) == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        child = os.fork()
    if not child:
        answers = [shared.state.replay.claim([proof(shared, number)], now=shared.now) for number in (1, 2)]
        os._exit(0 if answers == [Refused(0), True] and look_up(shared, 1) == [] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert shared.state.replay.claim([proof(shared, 2), proof(shared, 3)], now=shared.now) == Refused(0)
    assert shared.state.replay.claim([proof(shared, 3)], now=shared.now) is True


# Revocations.


def test_what_was_revoked_is_found_by_its_subject(engine: Engine) -> None:
    """Every record about any of the subjects, whoever signed it, and no other."""
    first = [revoked(1, why="lost"), revoked(2, until=engine.now + 900)]
    assert engine.state.revocations.add(feed(engine), first, now=engine.now) == 2
    other = revoked(1, signer=1, since=engine.now)
    assert engine.state.revocations.add(feed(engine, signer=1), [other, revoked(3)], now=engine.now) == 2
    assert look_up(engine, 1, 2, 9) == sorted([*first, other])
    assert look_up(engine, 9) == look_up(engine) == []


def test_a_look_up_gives_the_records_of_the_signers_that_were_named(engine: Engine) -> None:
    """And of nobody else, be it many; of those who signed the input is empty is nothing."""
    store, subject = engine.state.revocations, name(1, "subject")
    records = [revoked(1, signer=signer) for signer in range(300)]
    block = revoked(1, signer=7, until=engine.now + 900)
    store.add(feed(engine), [*records, block, revoked(2, signer=7)], now=engine.now)
    for _ in range(2):  # the second time from what was kept
        assert sorted(store.look_up([subject], [name(7, "signer")])) == sorted([records[7], block])
        assert list(store.look_up([subject], [name(999, "signer")])) == list(store.look_up([subject], [])) == []
        several = [name(number, "signer") for number in range(150, 500)]
        assert sorted(store.look_up([name(9, "subject"), subject], several)) == sorted(records[150:])
        assert len(store.look_up([subject])) == len(store.look_up([subject], None)) == 301


def test_feeds_are_those_of_the_signers_that_were_named(engine: Engine) -> None:
    """Everybody's where nobody is named."""
    store = engine.state.revocations
    for signer in range(5):
        store.add(feed(engine, signer=signer), [], now=engine.now)
    for _ in range(2):
        wanted = [name(signer, "signer") for signer in (3, 9, 1)]
        assert sorted(store.feeds(wanted)) == [feed(engine, signer=1), feed(engine, signer=3)]
        assert list(store.feeds([])) == []
        assert len(store.feeds()) == len(store.feeds(None)) == 5


def test_a_revocation_is_seen_where_nothing_was_before(engine: Engine) -> None:
    """A look-up that found nothing does not hide what is added after it."""
    for number in range(3):
        assert look_up(engine, *range(5)) == [revoked(each) for each in range(number)]
        assert engine.state.revocations.add(feed(engine, number + 1), [revoked(number)], now=engine.now) == 1
    assert look_up(engine, *range(5)) == [revoked(each) for each in range(3)]


def test_records_only_add(engine: Engine) -> None:
    """One that is there already stays, with the earlier `since` and the later `until` of the two; it is not new."""
    store = engine.state.revocations
    key, block = revoked(1, since=500, why="first"), revoked(2, until=engine.now + 500, why="x")
    assert store.add(feed(engine), [key, block], now=engine.now) == 2
    assert store.add(feed(engine, 2), [key, block], now=engine.now) == 0
    later = [key._replace(since=600, why="second"), block._replace(until=engine.now + 400)]
    assert store.add(feed(engine, 3), later, now=engine.now) == 0
    assert look_up(engine, 1, 2) == [key, block]
    wider = [key._replace(since=400, why=""), block._replace(until=engine.now + 600)]
    assert store.add(feed(engine, 4), wider, now=engine.now) == 0
    assert look_up(engine, 1, 2) == [key._replace(since=400), block._replace(until=engine.now + 600)]
    assert store.add(feed(engine, 5), [], now=engine.now) == 0
    assert look_up(engine, 1, 2) == [key._replace(since=400), block._replace(until=engine.now + 600)]


def test_one_list_may_say_a_thing_twice(engine: Engine) -> None:
    """It counts once, and merges as two lists would."""
    twice = [revoked(1, since=500, why="x"), revoked(1, since=400, why="y")]
    assert engine.state.revocations.add(feed(engine), twice, now=engine.now) == 1
    assert look_up(engine, 1) == [revoked(1, since=400, why="x")]


def test_a_block_and_a_key_of_one_name_are_two_records(engine: Engine) -> None:
    """32 bytes can stand for either; neither hides the other."""
    block = revoked(1, until=engine.now + 900)
    assert engine.state.revocations.add(feed(engine), [block, revoked(1)], now=engine.now) == 2
    assert look_up(engine, 1) == sorted([block, revoked(1)])


def test_a_feed_moves_only_forward(engine: Engine) -> None:
    """An older list adds its records, and does not make the signer's word older or fresher."""
    store = engine.state.revocations
    assert list(store.feeds()) == []
    store.add(feed(engine, 5), [], now=engine.now)
    assert list(store.feeds()) == [feed(engine, 5)]
    assert store.add(feed(engine, 4), [revoked(1)], now=engine.now) == 1
    assert store.add(feed(engine, 5)._replace(expires=TIME_MAX), [], now=engine.now) == 0
    assert list(store.feeds()) == [feed(engine, 5)]
    store.add(feed(engine, INTEGER_MAX), [], now=engine.now)
    store.add(feed(engine, INTEGER_MAX - 1), [], now=engine.now)
    store.add(feed(engine, 1, signer=1), [], now=engine.now)
    assert sorted(store.feeds()) == [feed(engine, INTEGER_MAX), feed(engine, 1, signer=1)]
    assert look_up(engine, 1) == [revoked(1)]


def test_no_record_is_ever_forgotten(engine: Engine) -> None:
    """Its `until` is its signer's word: whatever it says, and whatever else was taken over since, it stays."""
    over = revoked(1, until=engine.now - 3 * 86_400)
    assert engine.state.revocations.add(feed(engine), [over, revoked(2)], now=engine.now) == 2
    assert look_up(engine, 1, 2) == [over, revoked(2)]
    long_over = revoked(3, until=1)
    assert engine.state.revocations.add(feed(engine, 2), [long_over], now=engine.now) == 1
    assert engine.state.revocations.add(feed(engine, 3), [], now=engine.now + 9 * 86_400) == 0
    assert look_up(engine, 1, 2, 3) == [over, revoked(2), long_over]


def test_a_list_is_taken_over_whole_by_a_clock_that_is_ahead(engine: Engine) -> None:
    """By the time at which it was signed, none of its records was over."""
    record, ahead = revoked(1, until=engine.now + 900), engine.now + 3 * 86_400
    assert engine.state.revocations.add(feed(engine), [record], now=ahead) == 1
    for now in (engine.now, None):
        assert list(engine.state.revocations.look_up([record.subject], [record.signer], now=now)) == [record]


@pytest.mark.parametrize("why", HOSTILE, ids=repr)
def test_a_reason_is_any_text(engine: Engine, why: str) -> None:
    """It comes back as it was."""
    engine.state.revocations.add(feed(engine), [revoked(1, why=why)], now=engine.now)
    engine.state.revocations.add(feed(engine), [revoked(1, since=0, why="other")], now=engine.now)
    assert look_up(engine, 1) == [revoked(1, why=why)]


def test_a_long_list_is_taken_over_whole(engine: Engine) -> None:
    """2,345 records, and a look-up of more subjects than a chain has."""
    records = [revoked(number) for number in range(2_345)]
    assert engine.state.revocations.add(feed(engine), records, now=engine.now) == 2_345
    assert look_up(engine, *range(0, 2_345, 5)) == records[::5]
    assert engine.state.revocations.add(feed(engine, 2), [*records, revoked(9_999)], now=engine.now) == 1


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; a machine that is busy may take its time."""
    end = time.monotonic() + PATIENT_S
    while not condition():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.01)


def test_a_revocation_reaches_whoever_shares_the_engine(shared: Engine) -> None:
    """Another verifier, which has answers in its memory, finds what was added and what the feed's newest list is."""
    other = shared.open()
    subject = [name(1, "subject")]
    assert list(other.revocations.look_up(subject)) == []
    time.sleep(0.05)  # long enough to begin to listen
    assert list(other.revocations.look_up(subject)) == []
    assert list(other.revocations.feeds()) == []
    shared.state.revocations.add(feed(shared), [revoked(1)], now=shared.now)
    eventually(lambda: list(other.revocations.look_up(subject)) == [revoked(1)])
    eventually(lambda: list(other.revocations.feeds()) == [feed(shared)])


def test_an_engine_says_what_it_finds_of_itself(engine: Engine) -> None:
    """When the operator asks: a line a setting. All of them answer, and memory says that it is only that."""
    findings = engine.state.check()
    assert findings
    for finding in findings:
        assert finding.what
        assert "\n" not in finding.detail
    assert [finding.ok for finding in findings if finding.what == "answers"] == [True] * (engine.name != "memory")


def test_a_closed_engine_can_be_closed_again(engine: Engine) -> None:
    """And it is no error to close it twice."""
    engine.state.close()
    engine.state.close()
