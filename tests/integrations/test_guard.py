"""The guard core: one decision for one call, what runs is what was decided, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from delegate import Decision, DelegateError, Reason, Request, need
from delegate.directory import directory
from delegate.integrations.guard import (
    Call,
    CallGuard,
    ConvertedError,
    Guard,
    Outcome,
    check_runs,
    tool_request,
)
from delegate.state import MemoryLedger, connect, connect_async
from tests.integrations.world import ALICE, BOB, ORIGIN, PLANNER, WORKER, async_verifier, holder, proof, verifier

PAY = Request.tool("pay", {"amount": 5})
PAYER = holder("pay if args.amount <= 500")


def test_a_call_is_decided_once() -> None:
    """Allowed with an authorization; the same proof again is refused as used."""
    guard = CallGuard(verifier())
    presented = proof(PAYER, PAY).to_text()
    outcome = guard.decide(presented, PAY)
    assert outcome.allowed
    assert outcome.authorization is not None
    assert outcome.authorization.holder == "agent:worker"
    assert outcome.http_status == 200
    again = guard.decide(presented, PAY)
    assert (again.allowed, again.reason, again.authorization) == (False, Reason.REPLAYED, None)


def test_a_call_is_decided_once_with_await() -> None:
    """The same for an awaited verifier, for a verifier in memory, and for one whose store is a file."""

    async def run(guard: CallGuard) -> list[Reason | None]:
        presented = proof(PAYER, PAY)
        return [(await guard.adecide(presented, PAY)).reason for _ in range(2)]

    for each in (async_verifier(), verifier()):
        assert asyncio.run(run(CallGuard(each))) == [None, Reason.REPLAYED]


def test_a_store_that_waits_does_not_hold_the_loop(tmp_path: Path) -> None:
    """A `Verifier` over a file decides in a thread; the loop goes on meanwhile."""
    with connect(f"sqlite:///{tmp_path}/state.db") as state:
        shop = verifier(state=state)
        assert not shop.is_in_memory
        assert verifier().is_in_memory
        assert verifier(ledger=MemoryLedger()).is_in_memory
        used: list[str] = []

        def observe(_: Decision) -> None:
            used.append("decided")

        async def run() -> bool:
            return (await CallGuard(shop, observe=observe).adecide(proof(PAYER, PAY), PAY)).allowed

        assert asyncio.run(run())
        assert used == ["decided"]


def test_a_directory_is_a_store_too(tmp_path: Path) -> None:
    """A `Verifier` that asks one decides in a thread."""
    with directory.connect(f"sqlite:///{tmp_path}/names.db") as names:
        shop = verifier(directory=names)
        assert not shop.is_in_memory
        assert asyncio.run(CallGuard(shop).adecide(proof(PAYER, PAY), PAY)).allowed


@pytest.mark.parametrize("presented", [7, 1.5, True, [], {}, ["dlgp_x"], {"a": 1}, object()])
def test_what_is_no_presentation_is_refused(presented: object) -> None:
    """A field of JSON may hold anything: it is refused, never raised."""
    outcome = CallGuard(verifier()).decide(presented, PAY)
    assert outcome.reason is Reason.MALFORMED
    assert outcome.http_status == 401
    assert asyncio.run(CallGuard(verifier()).adecide(presented, PAY)).reason is Reason.MALFORMED


@pytest.mark.parametrize("presented", [None, "", b""])
def test_nothing_presented_is_told_so(presented: object) -> None:
    """A call without a chain is told as much, and nothing else."""
    outcome = CallGuard(verifier()).decide(presented, PAY)
    assert outcome.http_status == 401
    if presented != b"":
        assert outcome.told().to_json() == {"reason": "nothing_presented", "detail": "nothing_presented"}


def test_who_proved_nothing_is_told_reason_and_hop_alone() -> None:
    """A chain copied without its key: neither conditions nor who could confirm are told."""
    needy = holder("pay", needs=[need([BOB.principal])])
    guard = CallGuard(verifier(third_parties=[BOB.principal]))
    told = guard.decide(needy.token, PAY).told()
    assert told.to_json() == {"reason": "proof_missing", "detail": "proof_missing at hop 1", "hop": 1}


def test_the_holder_is_told_what_follows_from_the_chain() -> None:
    """Which condition refuses, once the proof held; nothing of `env` and the policy."""
    over = Request.tool("pay", {"amount": 9999})
    told = CallGuard(verifier()).decide(proof(PAYER, over), over).told()
    assert told.reason is Reason.CAPABILITY_MISSING
    assert "args.amount <= 500" in told.detail
    secret = CallGuard(verifier(policy=["args.amount < 3"])).decide(proof(PAYER, PAY), PAY).told()
    assert secret.to_json() == {"reason": "policy_failed", "detail": "policy_failed"}


def test_the_holder_is_told_whom_to_ask() -> None:
    """An ask for each need, as text, which a third party can read."""
    needy = holder("pay", needs=[need([BOB.principal])])
    guard = CallGuard(verifier(third_parties=[BOB.principal]))
    told = guard.decide(proof(needy, PAY), PAY).told()
    assert told.reason is Reason.DISCHARGE_MISSING
    (ask,) = told.asks
    assert ask.startswith("dlga_")
    assert told.to_json()["asks"] == [ask]


def test_a_proof_for_another_request_is_shown_the_one_that_the_service_saw() -> None:
    """So that the two can be compared: there is nothing in it but the request."""
    told = CallGuard(verifier()).decide(proof(PAYER, Request.tool("pay", {"amount": 6})), PAY).told()
    assert told.reason is Reason.PROOF_WRONG_REQUEST
    assert told.request == PAY.describe()
    assert told.to_json()["request"] == '["pay", null, {"amount": 5}]'


@pytest.mark.parametrize(
    ("came", "runs"),
    [
        ({"amount": "666"}, {"amount": 666}),
        ({"amount": True}, {"amount": 1}),
        ({"amount": 1}, {"amount": True}),
        ({"amount": 5}, {"amount": 5, "currency": "EUR"}),
        ({"amount": 5, "note": "x"}, {"amount": 5}),
        ({"amount": " 5"}, {"amount": "5"}),
        ({"Amount": 5}, {"amount": 5}),
        ({"amount": None}, {}),
        ({"blob": "00ff"}, {"blob": b"\x00\xff"}),
        ({"amount": 5}, {"amount": float("nan")}),
        ({"amount": 5}, {"amount": {1, 2}}),
        ({"amount": 5}, {"amount": object()}),
    ],
)
def test_what_would_run_as_something_else_is_refused(came: Mapping[str, Any], runs: Mapping[str, Any]) -> None:
    """Coercion, defaults, dropped and stripped arguments, aliases; before anything is claimed."""
    guard = CallGuard(verifier())
    request = Request.tool("pay", came)
    presented = proof(holder("pay"), request)
    outcome = guard.decide(presented, request, runs=runs)
    assert isinstance(outcome.error, ConvertedError)
    assert (outcome.http_status, outcome.reason, outcome.decision) == (422, Reason.MALFORMED, None)
    assert outcome.told().detail
    assert guard.decide(presented, request, runs=came).allowed  # the proof was not used up


def test_a_conversion_that_means_the_same_is_allowed() -> None:
    """5.0 is 5 to a request, and a tuple is a list."""
    request = Request.tool("pay", {"amount": 5, "to": ["a"]})
    check_runs(request, {"amount": 5.0, "to": ("a",)})
    with pytest.raises(ConvertedError, match=r"`amount` is 5 in the request and would run as \"5\""):
        check_runs(request, {"amount": "5", "to": ["a"]})


def test_facts_and_costs_may_come_of_the_call() -> None:
    """Functions of the call, plain or awaited; its context is what the framework gave."""
    checked = holder("pay", caveats=["env.region == 'eu'"])
    guard = CallGuard(verifier(), env=lambda call: {"region": call.context})
    assert guard.decide(proof(checked, PAY), PAY, context="eu").allowed
    assert guard.decide(proof(checked, PAY), PAY, context="us").reason is Reason.CAVEAT_FAILED

    async def env(call: Call) -> dict[str, object]:
        return {"region": call.context}

    waiting = CallGuard(verifier(), env=env)
    assert asyncio.run(waiting.adecide(proof(checked, PAY), PAY, context="eu")).allowed
    with pytest.raises(TypeError, match="adecide"):
        waiting.decide(proof(checked, PAY), PAY, context="eu")


def test_a_call_that_did_not_run_costs_nothing(tmp_path: Path) -> None:
    """What was charged is given back, `calls` included; sync, in a thread, and awaited."""
    paid = holder("pay", budget={"cents": 10, "calls": 2})

    def decided(guard: CallGuard) -> Outcome:
        return guard.decide(proof(paid, PAY), PAY)

    guard = CallGuard(verifier(ledger=MemoryLedger()), cost=lambda call: {"cents": call.request.args["amount"]})
    for _ in range(5):
        granted = decided(guard).authorization
        assert granted is not None
        assert guard.release(granted)
        assert not guard.release(granted)
    assert [decided(guard).allowed for _ in range(3)] == [True, True, False]

    async def run() -> list[bool]:
        async with await connect_async(f"sqlite:///{tmp_path}/state.db") as state:
            awaited = CallGuard(async_verifier(state=state), cost={"cents": 10})
            granted = (await awaited.adecide(proof(paid, PAY), PAY)).authorization
            assert granted is not None
            with pytest.raises(TypeError, match="arelease"):
                awaited.release(granted)
            return [await awaited.arelease(granted), (await awaited.adecide(proof(paid, PAY), PAY)).allowed]

    assert asyncio.run(run()) == [True, True]
    with connect(f"sqlite:///{tmp_path}/other.db") as state:
        stored = CallGuard(verifier(state=state), cost={"cents": 10})

        async def run_sync() -> list[bool]:
            granted = (await stored.adecide(proof(paid, PAY), PAY)).authorization
            assert granted is not None
            return [await stored.arelease(granted), (await stored.adecide(proof(paid, PAY), PAY)).allowed]

        assert asyncio.run(run_sync()) == [True, True]


def test_who_observes_sees_every_decision_and_may_stop_it() -> None:
    """Allowed and refused; what an observer raises is raised, and nothing runs."""
    seen: list[bool] = []
    guard = CallGuard(verifier(), observe=lambda decision: seen.append(decision.allowed))
    guard.decide(proof(PAYER, PAY), PAY)
    guard.decide(None, PAY)
    assert seen == [True, False]

    def broken(_: Decision) -> None:
        raise OSError

    with pytest.raises(OSError):
        CallGuard(verifier(), observe=broken).decide(proof(PAYER, PAY), PAY)


def test_what_would_be_half_configured_cannot_be_made() -> None:
    """No guard without a verifier or, for HTTP, without a public origin."""
    for given in (None, "verifier", CallGuard):
        with pytest.raises(TypeError, match="Verifier"):
            CallGuard(given)  # type: ignore[arg-type]
    for origin in ("", "shop.example.com", "https://shop.example.com/api", "*", "https://shop.example.com?x"):
        with pytest.raises(ValueError, match="origin"):
            Guard(verifier(), origin=origin)
    with pytest.raises(TypeError, match="origin"):
        Guard(verifier(), origin=None)  # type: ignore[arg-type]
    assert Guard(verifier(), origin=ORIGIN).audience == "shop.example.com"
    for more in ({"env": "x"}, {"cost": 3}, {"observe": 3}):
        with pytest.raises(TypeError, match=next(iter(more))):
            CallGuard(verifier(), **more)
    with pytest.raises(TypeError, match="adecide"):
        CallGuard(async_verifier()).decide(None, PAY)
    with pytest.raises(TypeError, match="Request"):
        CallGuard(verifier()).decide(None, "pay")  # type: ignore[arg-type]


def test_a_tool_call_is_made_of_whatever_came() -> None:
    """Names and arguments of any type give a request or a refusal."""
    assert tool_request("pay", {"amount": 5}) == PAY
    assert tool_request("pay") == Request.tool("pay")
    for name, arguments in ((None, {}), (5, {}), ("", {}), ("a b", {}), ("pay", []), ("pay", "x"), ("pay", {"a": {1}})):
        with pytest.raises(DelegateError) as caught:
            tool_request(name, arguments)
        assert caught.value.reason is Reason.MALFORMED


def test_a_holder_s_own_answer_is_an_outcome_too() -> None:
    """For frameworks without a service: what `Holder.may` says, told as a service would."""
    assert Outcome(PAYER.may(PAY)).allowed
    assert Outcome(PAYER.may(PAY)).authorization is None
    refused = Outcome(PAYER.may(Request.tool("pay", {"amount": 9999})))
    assert "args.amount <= 500" in refused.told().detail
    needy = holder("pay", needs=[need([BOB.principal])])
    assert len(Outcome(needy.may(PAY)).told().asks) == 1


def test_an_outcome_is_made_of_something_and_has_no_truth_value() -> None:
    """`if outcome:` would run a refused call."""
    with pytest.raises(ValueError, match="decision"):
        Outcome()
    outcome = CallGuard(verifier()).decide(None, PAY)
    with pytest.raises(TypeError, match="allowed"):
        bool(outcome)
    assert repr(outcome) == "<Outcome: nothing_presented>"
    allowed = CallGuard(verifier()).decide(proof(PAYER, PAY), PAY)
    assert repr(allowed) == "<Outcome: allowed>"
    with pytest.raises(ValueError, match="allowed"):
        allowed.told()


def test_the_world_is_what_it_says() -> None:
    """Three parties, and the worker two hops from Alice."""
    assert [ALICE.name, PLANNER.name, WORKER.name] == ["user:alice@example.com", "agent:planner", "agent:worker"]
