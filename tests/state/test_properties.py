"""Each engine against a model of a few lines, in random order."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from delegate import VerificationError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Refused
from tests.state.conftest import Engine

EXAMPLES = itertools.count()
numbers = st.integers(0, 7)
amounts = st.sampled_from([0, 1, 2, 5, 9, 10, 2**62])
LIMITS = (10, 20, 2**63 - 1)


def machine(engine: Engine) -> type[RuleBasedStateMachine]:
    """Make the machine for one engine. Its examples share the engine, and no names."""

    class Machine(RuleBasedStateMachine):
        """Claims, charges, settlements and revocations."""

        def __init__(self) -> None:
            super().__init__()
            example = next(EXAMPLES)
            self.salt = example.to_bytes(16)
            # An example begins after the end of the one before: no clock goes back here.
            self.began = self.now = engine.now + 10_000 * example
            self.claimed: set[int] = set()
            self.spent: Counter[tuple[int, str]] = Counter()
            self.charged: dict[int, list[tuple[int, str, int]]] = {}
            self.records: dict[tuple[int, int, bool], tuple[int, int]] = {}
            self.feeds: dict[int, int] = {}

        def name(self, number: int) -> bytes:
            return self.salt + number.to_bytes(16)

        def claims(self, ids: list[int]) -> list[Claim]:
            return [Claim(self.name(each), self.began + 10 * each, self.began + 10 * each) for each in ids]

        def refusal(self, ids: list[int]) -> int | None:
            """Where the first claim stands that cannot be; lapsed ones have no place."""
            for place, each in enumerate(ids):
                if each in ids[:place]:
                    return place
            if any(10 * each < self.now - self.began for each in ids):
                return -1
            return next((place for place, each in enumerate(ids) if each in self.claimed), None)

        @rule(ids=st.lists(numbers, min_size=1, max_size=3))
        def claim(self, ids: list[int]) -> None:
            expected = self.refusal(ids)
            if expected == -1:
                self.lapsed(ids)
                return
            outcome = engine.state.replay.claim(self.claims(ids), now=self.now)
            assert outcome == (True if expected is None else Refused(expected))
            self.claimed |= set(ids) if outcome is True else set()

        def lapsed(self, ids: list[int]) -> None:
            """One of several is over: refused, and which refusal comes first is the engine's own."""
            with contextlib.suppress(VerificationError):
                assert engine.state.replay.claim(self.claims(ids), now=self.now) is not True

        @rule(number=numbers, wanted=st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from("ab")), amounts))
        def charge(self, number: int, wanted: dict[tuple[int, str], int]) -> None:
            if engine.name == "memory":
                number += 100  # its ledger and its replay protection are two memories
            if self.refusal([number]) == -1:
                return
            pools = list(wanted)
            charges = [
                Charge(self.name(1_000 + block), unit, amount, LIMITS[block], self.began + 900)
                for (block, unit), amount in wanted.items()
            ]
            expected: Refused | bool = True
            for place, (block, unit) in reversed(list(enumerate(pools))):
                left = LIMITS[block] - self.spent[block, unit]
                if wanted[block, unit] > left:
                    expected = Refused(place, left)
            if number in self.claimed:
                expected = Refused(0)
            assert engine.state.ledger.charge(self.claims([number]), charges, now=self.now) == expected
            if expected is True:
                self.claimed.add(number)
                self.spent.update(wanted)
                if wanted:
                    self.charged[number] = [(block, unit, amount) for (block, unit), amount in wanted.items()]

        @rule(number=numbers, unit=st.sampled_from("ab"), actual=amounts)
        def settle(self, number: int, unit: str, actual: int) -> None:
            if engine.name == "memory":
                number += 100
            charged = self.charged.get(number)
            with contextlib.suppress(ValueError):
                done = engine.state.ledger.settle(self.name(number), {unit: actual}, now=self.now)
                assert done == (charged is not None)
                if charged is not None:
                    mine = [each for each in charged if each[1] == unit]
                    assert all(actual <= amount for _, _, amount in mine)
                    assert mine or not actual
                    for block, _, amount in mine:
                        self.spent[block, unit] -= amount - actual
                    del self.charged[number]
                return
            assert charged is not None
            assert actual > min((amount for _, each, amount in charged if each == unit), default=0)

        @rule(
            signer=st.integers(0, 1),
            sequence=st.integers(1, 5),
            said=st.lists(st.tuples(numbers, st.booleans(), st.integers(0, 9)), max_size=4),
        )
        def revoke(self, signer: int, sequence: int, said: list[tuple[int, bool, int]]) -> None:
            by = self.name(2_000 + signer)
            records = [
                Record(self.name(each), by, is_key, since, TIME_MAX if is_key else self.began + since)
                for each, is_key, since in said
            ]
            before = len(self.records)
            for (each, is_key, _), record in zip(said, records, strict=True):
                since, until = self.records.get((each, signer, is_key), (record.since, record.until))
                self.records[each, signer, is_key] = (min(since, record.since), max(until, record.until))
            self.feeds[signer] = max(sequence, self.feeds.get(signer, 0))
            feed = Feed(by, sequence, self.began + sequence, self.began + 100)
            assert engine.state.revocations.add(feed, records, now=self.now) == len(self.records) - before

        @rule(seconds=st.integers(0, 15))
        def pass_time(self, seconds: int) -> None:
            self.now += seconds

        @invariant()
        def pools_are_as_they_should_be(self) -> None:
            asked = {self.name(1_000 + block): block for block in range(3)}
            found = {
                (asked[pool], unit): amount for (pool, unit), amount in engine.state.ledger.spent(list(asked)).items()
            }
            assert found == {pool: amount for pool, amount in self.spent.items() if amount}

        @invariant()
        def revocations_are_as_they_should_be(self) -> None:
            found = engine.state.revocations.look_up([self.name(number) for number in range(8)])
            assert sorted(found) == sorted(
                Record(self.name(each), self.name(2_000 + signer), is_key, since, until)
                for (each, signer, is_key), (since, until) in self.records.items()
            )
            mine = {self.name(2_000 + signer): sequence for signer, sequence in self.feeds.items()}
            assert {
                feed.signer: feed.sequence for feed in engine.state.revocations.feeds() if feed.signer in mine
            } == mine

    return Machine


@pytest.mark.parametrize("count", [12])
def test_an_engine_does_what_the_model_does(engine: Engine, count: int) -> None:
    """Whatever is asked in whatever order."""
    profile = settings(settings.get_profile("suite"), max_examples=count, stateful_step_count=25)
    run_state_machine_as_test(machine(engine), settings=profile)
