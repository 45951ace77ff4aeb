"""What a verifier does with its stores: looking up, charging, settling, and refusing where they do not answer."""

# ruff: noqa: ANN401 - stores are asked for what they should not answer too

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from delegate import (
    AsyncVerifier,
    Denied,
    Identity,
    Reason,
    Request,
    RevokedBlock,
    RevokedKey,
    StateError,
    Token,
    VerificationError,
    Verifier,
)
from delegate.authoring.ask import asks
from delegate.core.chain.revocations import Feed, Record
from delegate.language.needs import need
from delegate.state import (
    MemoryLedger,
    MemoryReplay,
    MemoryRevocations,
    Refused,
    SettlementError,
    connect,
    connect_async,
)
from delegate.state.sqlite import SqliteStore

NOW = 1_790_000_000
ALICE, PLANNER, WORKER, OTHER = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(("user:a@x.org", "agent:planner", "agent:worker", "user:o@x.org"), 1)
)
REQUEST = Request("pay", None, {"amount": 3})


def chain(**terms: Any) -> Token:
    """Alice's chain to the planner, handed on to the worker; `terms` are block 0's."""
    token = ALICE.mint(to=PLANNER.principal, can="pay", ttl="1h", hops=2, now=NOW, **terms)
    return PLANNER.attenuate(token, to=WORKER.principal, now=NOW)


def present(token: Token) -> str:
    """The worker's presentation, with a fresh proof."""
    return WORKER.prove(token, REQUEST, "shop", now=NOW).to_text()


def settings(**more: Any) -> dict[str, Any]:
    """A verifier's arguments."""
    return {"roots": [ALICE.principal], "audience": "shop", "clock": lambda: NOW, **more}


def service(**more: Any) -> Verifier:
    """A verifier; its stores are of memory unless given."""
    return Verifier(**settings(**more))


def began_at_0(folder: Path) -> str:
    """Make a state file that takes what was made by the clock of these tests; give its URL."""
    SqliteStore(folder / "state.db", since=0).close()
    return f"sqlite:///{folder}/state.db"


def test_a_warm_chain_is_refused_from_the_moment_that_its_list_is_taken_over() -> None:
    """No restart, and nothing that is remembered of the chain helps it; its sibling stands."""
    token, sibling = chain(), chain(why="another")
    verifier = service()
    for _ in range(3):
        assert verifier.decide(present(token), REQUEST).allowed
    taken_back = ALICE.revoke(blocks=[RevokedBlock.of(token, hop=0)], now=NOW)
    assert verifier.accept_revocations(taken_back.to_text()) == 1
    assert verifier.accept_revocations(taken_back) == 0
    for attempt in (verifier.decide(present(token), REQUEST), verifier.preview(token, REQUEST)):
        assert (attempt.reason, attempt.hop) == (Reason.REVOKED, 0)
    with pytest.raises(VerificationError, match="revoked at hop 0"):
        verifier.verify_chain(token)
    assert verifier.decide(present(sibling), REQUEST).allowed


def test_a_revocation_tells_by_whom_and_why() -> None:
    """For the operator; the words are the signer's, escaped."""
    token = chain()
    verifier = service(revokers=[OTHER.principal])
    verifier.accept_revocations(
        OTHER.revoke(keys=[RevokedKey(WORKER.public_key.thumbprint, why="laptop stolen")], now=NOW)
    )
    decision = verifier.decide(present(token), REQUEST)
    assert decision.detail == "a key in it was revoked by user:o@x.org: laptop stolen"
    assert decision.public_detail == "revoked at hop 1"
    assert decision.http_status == 401


def test_a_forged_list_is_not_taken_over() -> None:
    """Its signature is checked first."""
    data = bytearray(ALICE.revoke(now=NOW).to_bytes())
    data[-1] ^= 1
    verifier = service()
    with pytest.raises(VerificationError):
        verifier.accept_revocations(bytes(data))
    assert verifier.decide(present(chain()), REQUEST).allowed


def test_the_asynchronous_verifier_heeds_and_takes_over_lists(tmp_path: Path) -> None:
    """With stores of memory, and with a state that is awaited."""

    async def story(verifier: AsyncVerifier) -> None:
        token = chain(budget={"calls": 2, "eur": 9})
        granted = await verifier.authorize(present(token), REQUEST, cost={"eur": 5})
        assert await verifier.settle(granted, {"eur": 1})
        assert not await verifier.settle(granted, {"eur": 0})
        with pytest.raises(Denied, match="budget_exhausted"):
            await verifier.authorize(present(token), REQUEST, cost={"eur": 9})
        assert await verifier.accept_revocations(ALICE.revoke(blocks=[RevokedBlock.of(token)], now=NOW))
        assert (await verifier.decide(present(token), REQUEST)).reason is Reason.REVOKED
        assert (await verifier.preview(token, REQUEST)).reason is Reason.REVOKED
        with pytest.raises(VerificationError):
            await verifier.verify_chain(token)

    async def run() -> None:
        await story(AsyncVerifier(**settings(ledger=MemoryLedger(since=0))))
        async with await connect_async(began_at_0(tmp_path), deadline=10) as state:
            await story(AsyncVerifier(**settings(state=state)))

    asyncio.run(run())


def test_what_is_awaited_says_so_where_nobody_awaits(tmp_path: Path) -> None:
    """Each mistake is named, before a store is asked."""

    async def run() -> None:
        token = chain(budget={"calls": 2})
        async with await connect_async(began_at_0(tmp_path), deadline=10) as state:
            granted = await AsyncVerifier(**settings(state=state)).authorize(present(token), REQUEST)
            with pytest.raises(TypeError, match=r"await verifier\.settle"):
                granted.settle({"calls": 0})
            with pytest.raises(TypeError, match="is for AsyncVerifier"):
                service(state=state)

    asyncio.run(run())
    with pytest.raises(TypeError, match="not str"):
        service(state="sqlite:///state.db")


def test_what_was_allowed_says_nothing_of_what_was_revoked_since() -> None:
    """`allows` is about conditions and the clock; `decide` looks again."""
    token = chain()
    verifier = service()
    granted = verifier.authorize(present(token), REQUEST)
    verifier.accept_revocations(ALICE.revoke(blocks=[RevokedBlock.of(token)], now=NOW))
    assert granted.allows(REQUEST)
    assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED


def test_a_state_gives_all_three_stores_and_each_may_be_given_alone(tmp_path: Path) -> None:
    """Two verifiers on one file share what was used, spent and revoked."""
    token = chain(budget={"calls": 2})
    with connect(began_at_0(tmp_path), deadline=10) as state:
        first, second = service(state=state), service(state=state)
        proof = present(token)
        assert first.decide(proof, REQUEST).allowed
        assert second.decide(proof, REQUEST).reason is Reason.REPLAYED
        assert second.decide(present(token), REQUEST).allowed
        assert first.decide(present(token), REQUEST).reason is Reason.BUDGET_EXHAUSTED
        own = service(state=state, ledger=MemoryLedger(since=0))
        assert own.decide(present(token), REQUEST).allowed
        first.accept_revocations(ALICE.revoke(blocks=[RevokedBlock.of(token, hop=0)], now=NOW))
        assert second.decide(present(token), REQUEST).reason is Reason.REVOKED


def test_settling_gives_back_once_what_was_not_needed() -> None:
    """Up to what was charged; a unit that is not permitted stays."""
    token = chain(budget={"calls": 9, "eur": 10})
    verifier = service(ledger=MemoryLedger(since=0))
    granted = verifier.authorize(present(token), REQUEST, cost={"eur": 8})
    for actual in ({"eur": 9}, {"usd": 1}):
        with pytest.raises(ValueError):
            granted.settle(actual)
    with pytest.raises(TypeError):
        granted.settle({"eur": 1.5})  # type: ignore[dict-item]
    assert granted.settle({"eur": 3})
    assert not granted.settle({"eur": 0})
    assert verifier.decide(present(token), REQUEST, cost={"eur": 7}).allowed
    assert verifier.decide(present(token), REQUEST, cost={"eur": 1}).reason is Reason.BUDGET_EXHAUSTED


def test_settling_what_was_not_charged_does_nothing() -> None:
    """A chain without a budget."""
    assert not service(ledger=MemoryLedger(since=0)).authorize(present(chain()), REQUEST).settle({"eur": 0})


@pytest.mark.parametrize("cost", [{"eur": -1}, {"eur": 2**63}])
def test_a_cost_out_of_range_is_the_service_s_mistake(cost: dict[str, int]) -> None:
    """Misuse, and no refusal of the caller's."""
    with pytest.raises(ValueError):
        service().decide(present(chain()), REQUEST, cost=cost)


@pytest.mark.parametrize("cost", [{"eur": True}, {"eur": 1.0}, {1: 1}])
def test_a_cost_of_another_type_is_the_service_s_mistake(cost: dict[Any, Any]) -> None:
    """The same."""
    with pytest.raises(TypeError):
        service().decide(present(chain()), REQUEST, cost=cost)


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_siblings_at_once_never_spend_more_than_the_pool(engine: str, tmp_path: Path) -> None:
    """Sixteen agents of one parent, each in a thread of its own: as many are allowed as the pool holds."""
    token = ALICE.mint(to=PLANNER.principal, can="pay", ttl="1h", hops=2, now=NOW, budget={"calls": 7})
    agents = [Identity.generate(f"agent:{number}") for number in range(16)]
    shown = [
        agent.prove(PLANNER.attenuate(token, to=agent.principal, now=NOW), REQUEST, "shop", now=NOW).to_text()
        for agent in agents
    ]
    state = connect(began_at_0(tmp_path), deadline=30) if engine == "sqlite" else None
    stores = {"ledger": MemoryLedger(since=0)} if state is None else {"state": state}
    verifier = service(**stores)
    reasons: list[Reason | None] = []
    threads = [
        threading.Thread(target=lambda each=each: reasons.append(verifier.decide(each, REQUEST).reason))
        for each in shown
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if state is not None:
        state.close()
    assert (reasons.count(None), reasons.count(Reason.BUDGET_EXHAUSTED)) == (7, 9)


class Stores:
    """Stores that answer, or raise, what they are told to."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def _give(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> Any:
        """Its answer."""
        return self._give()

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Any:
        """Its answer."""
        return self._give()

    def feeds(self, signers: Sequence[bytes] | None = None) -> Any:
        """Its answer."""
        return self._give()

    def claim(self, claims: object, *, now: int) -> Any:
        """Its answer."""
        return self._give()

    def charge(self, claims: object, charges: object, *, now: int) -> Any:
        """Its answer."""
        return self._give()

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> Any:
        """Its answer."""
        return self._give()

    def spent(self, block_ids: Sequence[bytes]) -> Any:
        """Its answer."""
        return self._give()


@pytest.mark.parametrize(
    "answer", [None, True, 0, "", {}, [b"x"], [None], OSError("disk"), KeyError("k"), ValueError()], ids=repr
)
def test_a_revocation_store_that_answers_anything_else_has_not_answered(answer: object) -> None:
    """Refused; an empty list alone says that nothing was revoked."""
    verifier = service(revocations=Stores(answer))
    decision = verifier.decide(present(chain()), REQUEST)
    assert (decision.reason, decision.http_status) == (Reason.STATE_UNAVAILABLE, 503)
    with pytest.raises(StateError):
        verifier.verify_chain(chain())
    assert service(revocations=Stores([])).decide(present(chain()), REQUEST).allowed


KEY, SIGNER = WORKER.public_key.thumbprint, ALICE.public_key.thumbprint


@pytest.mark.parametrize(
    "odd",
    [
        Record(KEY, KEY, True, None, 0),  # type: ignore[arg-type]
        Record(KEY, KEY, True, "0", 0),  # type: ignore[arg-type]
        Record(KEY, KEY, True, False, 0),
        Record(KEY, KEY, True, 0.0, 0),  # type: ignore[arg-type]
        Record(KEY, KEY, True, float("nan"), 0),  # type: ignore[arg-type]
        Record(KEY, KEY, True, 0, None),  # type: ignore[arg-type]
        Record(KEY, KEY, None, 0, 0),  # type: ignore[arg-type]
        Record(KEY, KEY, 1, 0, 0),  # type: ignore[arg-type]
        Record(KEY, KEY, True, 0, 0, None),  # type: ignore[arg-type]
        Record(KEY, bytearray(KEY), True, 0, 0),  # type: ignore[arg-type]
        Record(bytearray(KEY), KEY, True, 0, 0),  # type: ignore[arg-type]
        Record([], [], True, 0, 0),  # type: ignore[arg-type]
        Record(None, None, True, None, None, None),  # type: ignore[arg-type]
        (KEY, KEY, True, 0, 0, ""),
    ],
    ids=repr,
)
def test_a_record_with_a_field_of_another_type_is_no_answer(odd: object) -> None:
    """It might name a key of this chain: it is neither overlooked nor guessed at."""
    good = Record(bytes(32), bytes(32), True, 0, 0)
    assert service(revocations=Stores([good])).decide(present(chain()), REQUEST).allowed
    for answer in ([odd], [good, odd]):
        decision = service(revocations=Stores(answer)).decide(present(chain()), REQUEST)
        assert decision.reason is Reason.STATE_UNAVAILABLE


class OddFeeds(Stores):
    """Stores of which only the feeds are odd."""

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Any:
        """Nothing was revoked."""
        return []


@pytest.mark.parametrize(
    "odd",
    [
        Feed(SIGNER, 1, None, NOW + 9),  # type: ignore[arg-type]
        Feed(SIGNER, 1, float("nan"), NOW + 9),  # type: ignore[arg-type]
        Feed(SIGNER, 1, NOW - 1, float("nan")),  # type: ignore[arg-type]
        Feed(SIGNER, 1, NOW - 1, NOW + 9.5),  # type: ignore[arg-type]
        Feed(SIGNER, 1, NOW - 1, None),  # type: ignore[arg-type]
        Feed(SIGNER, None, NOW - 1, NOW + 9),  # type: ignore[arg-type]
        Feed(SIGNER, True, NOW - 1, NOW + 9),
        Feed([], 1, NOW - 1, NOW + 9),  # type: ignore[arg-type]
        Feed(None, None, None, None),  # type: ignore[arg-type]
        (SIGNER, 1, NOW - 1, NOW + 9),
    ],
    ids=repr,
)
def test_a_feed_with_a_field_of_another_type_is_no_answer(odd: object) -> None:
    """No number is later than "not a number": such a time would be fresh for ever."""
    good = Feed(SIGNER, 1, NOW - 1, NOW + 9)
    for answer, reason in (([good], None), ([odd], Reason.STATE_UNAVAILABLE), ([good, odd], Reason.STATE_UNAVAILABLE)):
        verifier = service(revocations=OddFeeds(answer), revokers=[ALICE.principal], max_revocation_age="1h")
        assert verifier.decide(present(chain()), REQUEST).reason is reason


@pytest.mark.parametrize(
    "answer", [None, 1, False, "yes", OSError("disk"), ValueError("x"), SettlementError("x")], ids=repr
)
def test_a_ledger_that_answers_anything_else_has_not_charged(answer: object) -> None:
    """Refused; and a settlement is not done, unless the ledger itself says that it would be too much."""
    token = chain(budget={"calls": 5})
    decision = service(ledger=Stores(answer)).decide(present(token), REQUEST)
    assert decision.reason is Reason.STATE_UNAVAILABLE
    stores = Stores(answer=True)
    granted = service(ledger=stores).authorize(present(token), REQUEST)
    stores.answer = answer
    if answer is False:
        assert not granted.settle({"calls": 0})
    else:
        with pytest.raises(SettlementError if isinstance(answer, SettlementError) else StateError):
            granted.settle({"calls": 0})


@pytest.mark.parametrize(
    ("place", "left"),
    [
        *((place, None) for place in (1, -1, True, 0.0, None, "x")),
        *((0, left) for left in (3, -1, True, 1.0, "1")),
        *((place, 0) for place in (2, -1, None)),
    ],
    ids=repr,
)
def test_a_refusal_of_nothing_that_was_asked_is_no_answer(place: Any, left: Any) -> None:
    """Places that are none of the claims or charges, and more left than there was too little of; no crash."""
    answer = Refused(place, left)
    asked = [
        service(ledger=Stores(answer)).decide(present(chain(budget={"calls": 5, "eur": 9})), REQUEST, cost={"eur": 1}),
        service(replay=Stores(answer)).decide(present(chain()), REQUEST),
    ]
    assert {decision.reason for decision in asked} == {Reason.STATE_UNAVAILABLE}


def test_a_refusal_of_what_was_asked_is_taken() -> None:
    """A replay, and a pool that has too little: the first of two, in a unit of its own."""
    token = chain(budget={"calls": 5, "eur": 9})
    for answer, reason in ((Refused(0), Reason.REPLAYED), (Refused(0, 2), Reason.BUDGET_EXHAUSTED)):
        assert service(ledger=Stores(answer)).decide(present(token), REQUEST, cost={"eur": 3}).reason is reason


def test_an_approval_from_before_the_store_began_is_to_be_asked_for_again() -> None:
    """Whether it was used is not known any more; the proof is new, and the words say that it is not at fault."""
    rule = need(OTHER.principal)
    token = ALICE.mint(to=WORKER.principal, can="pay", ttl="1h", now=NOW, needs=[rule])
    approval = OTHER.discharge(asks(token.link, REQUEST)[0], says={"approved": True}, ttl="1h", now=NOW)
    verifier = service(third_parties=[OTHER.principal], replay=MemoryReplay(since=NOW + 1), clock=lambda: NOW + 2)
    proven = WORKER.prove(token, REQUEST, "shop", discharges=[approval], now=NOW + 2)
    decision = verifier.decide(proven, REQUEST)
    assert (decision.reason, decision.hop) == (Reason.PROOF_EXPIRED, 0)
    assert "ask for it again" in decision.detail


def test_an_empty_store_of_this_process_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody revoked costs nothing; with one record in it, it is asked."""
    verifier = service()
    monkeypatch.setattr(MemoryRevocations, "look_up", lambda *_, **__: 1 / 0)
    assert verifier.decide(present(chain()), REQUEST).allowed
    verifier.accept_revocations(OTHER.revoke(now=NOW))
    assert verifier.decide(present(chain()), REQUEST).reason is Reason.STATE_UNAVAILABLE


def test_a_holder_who_fills_the_ledger_fills_its_own_share() -> None:
    """It narrows its chain with a budget each time; another chain is charged, and so are its own pools from before."""
    token, other = chain(budget={"calls": 9_999}), chain(budget={"calls": 1}, why="another")
    ledger = MemoryLedger(since=0)
    ledger._share = 3
    verifier = service(ledger=ledger)
    narrowed = [WORKER.attenuate(token, budget={"calls": 2}, why=str(n), now=NOW) for n in range(3)]
    allowed = [verifier.decide(present(each), REQUEST).allowed for each in narrowed]
    assert allowed == [True, True, False]
    assert verifier.decide(present(other), REQUEST).allowed
    assert verifier.decide(present(narrowed[0]), REQUEST).allowed


def test_a_pool_is_remembered_as_long_as_its_own_block_lives() -> None:
    """A short-lived child must not let the ledger forget what its longer-lived parent's pool has spent."""
    token = ALICE.mint(to=PLANNER.principal, can="pay", ttl="1h", hops=2, now=NOW, budget={"calls": 1})
    short = PLANNER.attenuate(token, to=WORKER.principal, ttl="1m", now=NOW)
    long = PLANNER.attenuate(token, to=WORKER.principal, now=NOW)
    clock = [NOW]
    verifier = service(ledger=MemoryLedger(since=0), replay=MemoryReplay(since=0), clock=lambda: clock[0])
    assert verifier.decide(present(short), REQUEST).allowed
    clock[0] = NOW + 3000
    later = WORKER.prove(long, REQUEST, "shop", now=clock[0])
    assert verifier.decide(later, REQUEST).reason is Reason.BUDGET_EXHAUSTED


class Watched:
    """A store that keeps what it was asked, and what it gave."""

    def __init__(self) -> None:
        self.store = MemoryRevocations()
        self.given: list[Sequence[object]] = []
        self.signers: list[Sequence[bytes] | None] = []

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        """Take over a list."""
        return self.store.add(feed, records, now=now, known=known)

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        """Give records."""
        self.signers.append(signers)
        self.given.append(self.store.look_up(subjects, signers, now=now))
        return self.given[-1]  # type: ignore[return-value]

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give feeds."""
        self.given.append(self.store.feeds(signers))
        return self.given[-1]  # type: ignore[return-value]


def test_what_strangers_sign_never_reaches_a_decision() -> None:
    """A hundred of them list the root's key, and publish feeds: no decision has to look through any of it."""
    token, watched = chain(), Watched()
    verifier = service(revocations=watched, revokers=[OTHER.principal], max_revocation_age="1h")
    verifier.accept_revocations(OTHER.revoke(now=NOW))
    for number in range(100):
        stranger = Identity.generate(f"user:stranger{number}")
        listed = [RevokedKey(ALICE.public_key.thumbprint), RevokedKey(WORKER.public_key.thumbprint)]
        verifier.accept_revocations(stranger.revoke(keys=listed, now=NOW))
    for _ in range(2):
        watched.given.clear()
        assert verifier.decide(present(token), REQUEST).allowed
        assert [list(each) for each in watched.given] == [[], [OTHER.revoke(now=NOW).feed]]
    keys = [each.public_key.thumbprint for each in (ALICE, PLANNER, WORKER, OTHER)]
    assert [list(each or ()) for each in watched.signers] == [keys, keys]


@pytest.mark.parametrize("signer", [ALICE, PLANNER, WORKER, OTHER])
def test_whoever_has_a_say_is_still_heard(signer: Identity) -> None:
    """The root and the holder above on their blocks, each key on itself, the revoker on anything."""
    token = chain()
    taken = [RevokedKey((signer if signer is not OTHER else PLANNER).public_key.thumbprint)]
    verifier = service(revocations=Watched(), revokers=[OTHER.principal])
    verifier.accept_revocations(signer.revoke(keys=taken, now=NOW))
    assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED


@pytest.mark.parametrize("signer", [ALICE, OTHER])
def test_strangers_lists_do_not_keep_out_the_list_that_matters(signer: Identity) -> None:
    """They fill what room they may take, and are refused; a root's and a revoker's lists still find some."""
    token = chain()
    verifier = service(revocations=MemoryRevocations(capacity=20), revokers=[OTHER.principal])
    refused = 0
    for number in range(20):
        stranger = Identity.generate(f"user:stranger{number}")
        try:
            verifier.accept_revocations(stranger.revoke(keys=[RevokedKey(bytes(32))], now=NOW))
        except StateError:
            refused += 1
    assert refused == 15
    assert verifier.accept_revocations(signer.revoke(blocks=[RevokedBlock.of(token)], now=NOW)) == 1
    assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_a_revoked_chain_is_refused_whatever_else_arrived(engine: str, tmp_path: Path) -> None:
    """Neither an `until` that is long over, nor another list, nor a clock that ran ahead gives it back."""
    token, clock = chain(), [NOW]
    with connect(f"sqlite:///{tmp_path}/state.db" if engine == "sqlite" else "memory://", deadline=10) as state:
        verifier = service(revocations=state.revocations, clock=lambda: clock[0])
        revoked = RevokedBlock.of(token)._replace(until=NOW - 3 * 86_400)
        verifier.accept_revocations(ALICE.revoke(blocks=[revoked], now=NOW))
        assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED
        clock[0] = NOW + 3 * 86_400
        verifier.accept_revocations(OTHER.revoke(now=NOW))
        clock[0] = NOW
        assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_a_clock_that_is_ahead_takes_over_all_that_was_not_over_when_it_was_signed(engine: str, tmp_path: Path) -> None:
    """The list alone tells that its records are of now."""
    token, clock = chain(), [NOW + 3 * 86_400]
    with connect(f"sqlite:///{tmp_path}/state.db" if engine == "sqlite" else "memory://", deadline=10) as state:
        verifier = service(revocations=state.revocations, clock=lambda: clock[0])
        found = ALICE.revoke(blocks=[RevokedBlock.of(token)], now=NOW)
        assert verifier.accept_revocations(found) == 1
        clock[0] = NOW
        assert verifier.decide(present(token), REQUEST).reason is Reason.REVOKED
