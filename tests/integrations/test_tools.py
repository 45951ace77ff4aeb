"""The gate for tools that run here, without a framework."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretBytes, SecretStr, field_serializer

from delegate import DelegateError, Holder, Identity, Request, Verifier, need
from delegate.integrations.tools import Gate, as_json
from delegate.state import connect
from tests.integrations import world


def holder(*can: str, **terms: Any) -> Holder:
    """A worker with a chain of two hops."""
    wide = world.ALICE.mint(to=world.PLANNER.principal, can=["**"], ttl="1h", hops=2)
    return Holder(world.WORKER, world.PLANNER.attenuate(wide, to=world.WORKER.principal, can=list(can), **terms))


def test_what_the_chain_permits_runs_and_what_it_does_not_is_told() -> None:
    """The words have the bound, the value and whom to ask."""
    gate = Gate(holder("pay if args.amount <= 500"))
    assert gate.decide("pay", {"amount": 500}).allowed
    refused = gate.decide("pay", {"amount": 900})
    assert not refused.allowed
    words = gate.told(refused)
    assert "args.amount <= 500" in words
    assert "900" in words
    assert "ask agent:planner for more" in words


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (5, {}),
        ("pay", []),
        ("pay", {"a": object()}),
        ("pay", {"a": float("nan")}),
        ("", {}),
        ("pay", {1: 2}),
        ("a b", {}),
    ],
)
def test_what_is_no_request_does_not_run(name: object, arguments: object) -> None:
    """Whatever a model sends: an outcome, and no error."""
    gate = Gate(holder("**"))
    for outcome in (gate.decide(name, arguments), asyncio.run(gate.adecide(name, arguments))):
        assert not outcome.allowed
        assert gate.told(outcome).startswith("Refused, and nothing was done")


def test_what_only_a_service_can_judge_is_no_permission_here() -> None:
    """`may` leaves it open; nobody here knows `env`, so nobody here allows it."""
    agent = holder("pay", caveats=["env.mfa == true"])
    assert agent.may(Request.tool("pay")).allowed
    outcome = Gate(agent).decide("pay", {})
    assert not outcome.allowed
    assert "env.mfa" in Gate(agent).told(outcome)
    knowing = Gate(agent, verifier=world.verifier(), env={"mfa": True})
    assert knowing.decide("pay", {}).allowed


@pytest.mark.parametrize(
    ("terms", "claim"),
    [
        ({"budget": {"calls": 1}}, "budget"),
        ({"audience": ["other.example.com"]}, "aud"),
        ({"fresh": "1m"}, "fresh"),
        ({"tenant": "acme"}, "tenant"),
    ],
)
def test_a_claim_that_nobody_checks_here_is_no_permission(terms: dict[str, Any], claim: str) -> None:
    """Without a verifier, nobody counts a budget, knows a name of its own or a tenant, or has revocation data."""
    above = world.ALICE.mint(to=world.WORKER.principal, can=["pay"], ttl="1h", hops=2, **terms)
    for agent in (Holder(world.WORKER, above), Holder(world.WORKER, above).spawn("agent:helper", ttl="5m")):
        gate = Gate(agent)
        for outcome in (gate.decide("pay", {}), asyncio.run(gate.adecide("pay", {}))):
            assert not outcome.allowed
            assert f"`{claim}` at hop 0" in gate.told(outcome)


def test_a_confirmation_that_is_missing_is_asked_for() -> None:
    """With what to ask, for whoever shows it to people."""
    gate = Gate(holder("pay", needs=need(world.BOB.principal)))
    outcome = gate.decide("pay", {})
    assert not outcome.allowed
    assert "dlga_" in gate.told(outcome)


def test_with_a_verifier_budgets_are_charged_and_given_back() -> None:
    """Two calls for a budget of one, where the first one did not run."""
    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)
        gate = Gate(holder("pay", budget={"calls": 1}), verifier=verifier)
        first = gate.decide("pay", {})
        assert first.allowed
        assert not gate.decide("pay", {}).allowed
        assert gate.release(first)
        assert asyncio.run(gate.adecide("pay", {})).allowed
        assert not asyncio.run(gate.arelease(gate.decide("pay", {})))


def test_revocation_counts_where_there_is_a_verifier() -> None:
    """And a chain of another root is no chain."""
    verifier = world.verifier()
    agent = holder("pay")
    gate = Gate(agent, verifier=verifier)
    assert gate.decide("pay", {}).allowed
    from delegate import RevokedBlock

    verifier.accept_revocations(world.PLANNER.revoke(blocks=[RevokedBlock.of(agent.token)]))
    assert not gate.decide("pay", {}).allowed
    stranger = Identity.generate("user:eve").mint(to=world.WORKER.principal, can="pay", ttl="1h")
    assert not Gate(Holder(world.WORKER, stranger), verifier=verifier).decide("pay", {}).allowed


def test_a_gate_does_not_travel_and_prints_no_key() -> None:
    """A checkpoint would hold the key."""
    gate = Gate(holder("pay"))
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="make it again from the Holder"):
            travel(gate)
    assert repr(gate) == "<Gate of agent:worker>"


def test_misuse_says_what_was_meant() -> None:
    """Costs that nobody would look at; no holder."""
    with pytest.raises(TypeError, match="Holder"):
        Gate("agent")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="verifier"):
        Gate(holder("pay"), env={})
    with pytest.raises(TypeError, match="verifier"):
        Gate(holder("pay"), cost={})


def test_values_that_json_does_not_have_are_refused() -> None:
    """Rather than written as something else."""
    assert as_json({"a": (1, 2), "b": None}) == {"a": [1, 2], "b": None}
    for bad in (object(), b"\xff", lambda: 0):
        with pytest.raises(DelegateError):
            as_json({"a": bad})


class Hiding(BaseModel):
    """Whose dump leaves out, renames and rewrites what a tool gets."""

    model_config = ConfigDict(extra="allow")

    amount: int = Field(alias="Amount")
    to: str = Field(default="alice", exclude=True)
    note: str = ""

    @field_serializer("note")
    def _written(self, _: str) -> str:
        return "nothing"


@dataclass
class Plain:
    """A dataclass with a field that is a model."""

    inner: Hiding
    _under: int = 0


class Colour(Enum):
    """One of a few."""

    RED = "red"


def test_what_a_tool_gets_is_decided_whatever_its_dump_leaves_out() -> None:
    """The fields themselves count: excluded ones, those of a serializer's own, those that came beside the model's."""
    hiding = Hiding.model_validate({"Amount": 1, "to": "mallory", "note": "x", "more": [2]})
    written = {"Amount": 1, "to": "mallory", "note": "x", "more": [2]}
    assert as_json({"a": hiding}) == {"a": written}
    assert as_json({"a": Plain(hiding, 3)}) == {"a": {"inner": written, "_under": 3}}
    assert as_json({"a": {"b": (hiding,)}, "c": Colour.RED}) == {"a": {"b": [written]}, "c": "red"}
    assert as_json({"a": date(2026, 1, 2), "b": Decimal("1.50"), "c": AnyUrl("https://x.example/")}) == {
        "a": "2026-01-02",
        "b": "1.50",
        "c": "https://x.example/",
    }
    for bad in (SecretStr("pin"), {"pin": SecretBytes(b"1")}, {1: "a", "1": "b"}, re.compile("a"), (n for n in [1])):
        with pytest.raises(DelegateError, match="not JSON"):
            as_json({"a": bad})
