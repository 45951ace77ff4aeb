"""The OpenAI Agents SDK with a scripted model: what runs, what a model is told, and the ways around that were tried."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from delegate import Holder, Verifier
from delegate.state import connect
from tests.integrations import world

pytest.importorskip("agents", reason="openai-agents is not installed")
from agents import (
    Agent,
    FunctionTool,
    ModelResponse,
    RunConfig,
    Runner,
    RunResult,
    Usage,
    WebSearchTool,
    function_tool,
    handoff,
    set_tracing_disabled,
)
from agents.mcp import MCPServer
from agents.models.interface import Model
from mcp_types import CallToolResult, TextContent
from mcp_types import Tool as MCPTool
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from pydantic import BaseModel

from delegate.integrations.openai_agents import check_agent, guard_servers, guard_tools

set_tracing_disabled(True)
DONE: list[object] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> Iterator[None]:
    DONE.clear()
    yield
    DONE.clear()


def holder(*can: str, **terms: Any) -> Holder:
    """A worker with a chain of two hops."""
    wide = world.ALICE.mint(to=world.PLANNER.principal, can=["**"], ttl="1h", hops=3)
    return Holder(world.WORKER, world.PLANNER.attenuate(wide, to=world.WORKER.principal, can=list(can), **terms))


class Scripted(Model):
    """Makes these calls, one round after the other, and then says that it is done."""

    def __init__(self, *rounds: list[Any]) -> None:
        self.left = list(rounds)

    def _next(self) -> list[Any]:
        if self.left:
            return self.left.pop(0)
        text = ResponseOutputText(annotations=[], text="done", type="output_text")
        return [ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")]

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        """Answer at once."""
        return ModelResponse(output=self._next(), usage=Usage(), response_id=None)

    async def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Answer in one event."""
        response = Response(
            id="r", created_at=0, model="m", object="response", output=self._next(), tool_choice="none", tools=[],
            parallel_tool_calls=True,
        )  # fmt: skip
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=0)


NUMBERS = iter(range(1_000_000))


def call(name: str, given: str | None = None, /, **args: object) -> ResponseFunctionToolCall:
    """One tool call of the model's, its arguments as text."""
    return ResponseFunctionToolCall(
        call_id=f"call-{next(NUMBERS)}",
        name=name,
        arguments=json.dumps(args) if given is None else given,
        type="function_call",
    )


def pay_function(amount: int, currency: str = "EUR") -> str:
    """Pay an amount."""
    DONE.append((amount, currency))
    return f"paid {amount}"


pay = function_tool(pay_function, name_override="pay", strict_mode=False)


def run(agent: Agent[Any], *, stream: bool = False) -> list[str]:
    """Run an agent; gives what the model was told by its tools."""

    async def main() -> RunResult | Any:
        if not stream:
            return await Runner.run(agent, "pay", run_config=RunConfig(tracing_disabled=True))
        streaming = Runner.run_streamed(agent, "pay", run_config=RunConfig(tracing_disabled=True))
        async for _ in streaming.stream_events():
            pass
        return streaming

    items = asyncio.run(main()).new_items
    return [str(each.output) for each in items if each.type == "tool_call_output_item"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_call_is_in_the_models_hands_and_mended_by_it(stream: bool) -> None:
    """Two lines: the import and `guard_tools`."""
    tools = guard_tools([pay], holder("pay if args.amount <= 500"))
    model = Scripted([call("pay", amount=900)], [call("pay", amount=500)])
    refused, good = run(Agent(name="worker", model=model, tools=tools), stream=stream)
    assert "args.amount <= 500" in refused
    assert "ask agent:planner for more" in refused
    assert good == "paid 500"
    assert DONE == [(500, "EUR")]


def test_calls_at_once_are_each_decided() -> None:
    """A model asks for ten in one message."""
    tools = guard_tools([pay], holder("pay if args.amount <= 500"))
    model = Scripted([call("pay", amount=496 + n) for n in range(10)])
    run(Agent(name="worker", model=model, tools=tools))
    assert sorted(DONE) == [(496 + n, "EUR") for n in range(5)]  # type: ignore[type-var]


def test_what_the_function_gets_is_what_is_decided() -> None:
    """`"666"` becomes 666 on the way, and a default is filled in: the condition sees both as the function does."""
    tools = guard_tools([pay], holder("pay if args.amount != 666 && args.currency == 'EUR'"))
    calls = [call("pay", amount="666"), call("pay", amount="5"), call("pay", amount=5, currency="USD")]
    model = Scripted(*([each] for each in calls))
    first, second, third = run(Agent(name="worker", model=model, tools=tools))
    assert "666" in first
    assert second == "paid 5"
    assert "USD" in third
    assert DONE == [(5, "EUR")]


@pytest.mark.parametrize(
    "given",
    [
        '{"amount": 5, "amount": 9999}',
        '{"amount": NaN}',
        "[5]",
        "5",
        "{",
        '{"amount": "many"}',
        "{}",
        '{"amount": 123456789012345678901234567890}',
    ],
)
def test_what_is_no_request_does_not_run(given: str) -> None:
    """Text that two readers would read differently, and what the function does not take."""
    tools = guard_tools([pay], holder("pay"))
    (words,) = run(Agent(name="worker", model=Scripted([call("pay", given)]), tools=tools))
    assert words.startswith("Refused, and nothing was done")
    assert DONE == []


class Money(BaseModel):
    """An argument that is an object."""

    amount: int


@function_tool
def pay_nested(money: Money) -> str:
    """Pay what an object says."""
    DONE.append(money.amount)
    return "paid"


def test_objects_are_decided_as_json() -> None:
    """As the function gets them."""
    tools = guard_tools([pay_nested], holder("pay_nested(money) if args.money.amount <= 500"))
    model = Scripted([call("pay_nested", money={"amount": 499 + n}) for n in (1, 2)])
    run(Agent(name="worker", model=model, tools=tools))
    assert DONE == [500]


def test_a_tool_that_reads_its_own_json_is_decided_as_that() -> None:
    """Written without the decorator."""

    async def invoke(ctx: Any, given: str) -> str:
        DONE.append(json.loads(given or "{}"))
        return "ran"

    own = FunctionTool("own", "its own", {"type": "object", "properties": {}}, invoke, strict_json_schema=False)
    tools = guard_tools([own], holder("own if !has(args.amount) || args.amount <= 500"))
    model = Scripted([call("own", amount=501)], [call("own", "")], [call("own", amount=5)])
    assert [each == "ran" for each in run(Agent(name="worker", model=model, tools=tools))] == [False, True, True]
    assert DONE == [{}, {"amount": 5}]


def test_what_does_not_run_here_is_refused() -> None:
    """A hosted tool; and what is guarded already."""
    with pytest.raises(ValueError, match="does not run here"):
        guard_tools([WebSearchTool()], holder("**"))
    with pytest.raises(ValueError, match="already"):
        guard_tools(guard_tools([pay], holder("pay")), holder("pay"))


def test_a_rejected_approval_costs_nothing_and_an_approved_call_is_decided() -> None:
    """The SDK asks a person first; the run's state, which holds no key, goes on later."""
    careful = function_tool(pay_function, name_override="pay", strict_mode=False, needs_approval=True)
    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)
        worker = holder("pay", budget={"calls": 1})

        async def main() -> list[str]:
            agent = Agent(
                name="worker",
                model=Scripted([call("pay", amount=1)], [call("pay", amount=2)], [call("pay", amount=3)]),
                tools=guard_tools([careful], worker, verifier=verifier),
            )
            result = await Runner.run(agent, "pay")
            kept = []
            for approved in (False, True, True):
                going = result.to_state()
                kept.append(going.to_string())
                (asked,) = result.interruptions
                going.approve(asked) if approved else going.reject(asked)
                result = await Runner.run(agent, going)
            assert worker.to_env()["DELEGATE_KEY"].split()[1] not in "".join(kept)
            return [str(each.output) for each in result.new_items if each.type == "tool_call_output_item"]

        rejected, good, spent = asyncio.run(main())
    assert "not approved" in rejected
    assert good == "paid 2"
    assert "budget_exhausted" in spent
    assert DONE == [(2, "EUR")]


def test_a_hand_off_and_an_agent_as_a_tool_have_chains_of_their_own() -> None:
    """Neither holds a raw tool; each is bounded by the one above as well."""
    parent = holder("pay if args.amount <= 500", "helper", "transfer_to_other")
    child = parent.spawn("agent:helper", can=["pay if args.amount <= 50"], ttl="5m")
    helper = Agent(
        name="helper",
        model=Scripted([call("pay", amount=51)], [call("pay", amount=50)]),
        tools=guard_tools([pay], child),
    )
    other = Agent(name="other", model=Scripted([call("pay", amount=51)]), tools=guard_tools([pay], child))
    as_tool = helper.as_tool("helper", "helps")
    agent = Agent(
        name="worker",
        model=Scripted([call("helper", input="pay")], [call("pay", amount=51)], [call("transfer_to_other")]),
        tools=guard_tools([pay, as_tool], parent),
        handoffs=[other],
    )
    check_agent(agent)
    told = run(agent)
    assert DONE == [(50, "EUR"), (51, "EUR")]
    assert "args.amount <= 50" in told[-1]


def test_a_raw_tool_anywhere_is_found() -> None:
    """Of the agent, of one it hands off to, on a server, or behind a hand-off that cannot be seen."""
    raw = Agent(name="raw", tools=[pay])
    nested = Agent(name="between", handoffs=[raw]).as_tool("ask", "asks")
    unseen: Any = raw.as_tool("unseen", "asks")
    unseen._agent_instance = None
    for agent, words in (
        (raw, "raw: pay"),
        (Agent(name="a", handoffs=[Agent(name="b", handoffs=[raw])]), "raw: pay"),
        (Agent(name="a", handoffs=[handoff(raw)]), "raw: pay"),
        (Agent(name="a", mcp_servers=[Memory()]), "a: memory"),
        (Agent(name="a", tools=guard_tools([raw.as_tool("ask", "asks")], holder("ask"))), "raw: pay"),
        (Agent(name="a", handoffs=[Agent(name="b", tools=guard_tools([nested], holder("ask")))]), "raw: pay"),
        (Agent(name="a", tools=guard_tools([unseen], holder("ask"))), "a: unseen, an agent that cannot be seen"),
    ):
        with pytest.raises(ValueError, match=words):
            check_agent(agent)
    loop = Agent(name="loop", tools=guard_tools([pay], holder("pay")))
    loop.handoffs.append(loop)
    check_agent(loop)


class Memory(MCPServer):
    """A server in this process, in the SDK's own terms."""

    @property
    def name(self) -> str:
        """Its name."""
        return "memory"

    async def connect(self) -> None:
        """Nothing to do."""

    async def cleanup(self) -> None:
        """Nothing to do."""

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> list[MCPTool]:
        """One tool."""
        return [MCPTool(name="pay", input_schema={"type": "object", "properties": {"amount": {"type": "integer"}}})]

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Pay."""
        DONE.append(arguments)
        return CallToolResult(content=[TextContent(text="paid")])

    async def list_prompts(self) -> Any:
        """None."""

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """None."""


def test_tools_of_a_server_are_guarded_where_they_are_called() -> None:
    """Whatever the SDK makes of them."""
    servers = guard_servers([Memory()], holder("pay if args.amount <= 500"))
    model = Scripted([call("pay", amount=900)], [call("pay", amount=500)])
    agent = Agent(name="worker", model=model, mcp_servers=servers)
    check_agent(agent)
    refused, good = run(agent)
    assert "args.amount <= 500" in refused
    assert "paid" in good
    assert DONE == [{"amount": 500}]
    with pytest.raises(ValueError, match="already"):
        guard_servers(servers, holder("pay"))


def test_a_guarded_tool_does_not_travel() -> None:
    """It would take the key along."""
    (guarded,) = guard_tools([pay], holder("pay"))
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(guarded)
    assert "Identity" not in repr(guarded)
