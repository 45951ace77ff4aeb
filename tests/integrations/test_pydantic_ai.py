"""PydanticAI with its own function model: what runs, what a model is told, and the ways around that were tried."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from delegate import Holder, Verifier
from delegate.state import connect
from tests.integrations import world

pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    ApprovalRequired,
    DeferredToolRequests,
    DeferredToolResults,
    ModelRetry,
    NativeOutput,
    PromptedOutput,
    RunContext,
    TextOutput,
    ToolOutput,
    capabilities,
)
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.native_tools import CodeExecutionTool
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import CombinedToolset, ExternalToolset, FunctionToolset, WrapperToolset

from delegate.integrations.pydantic_ai import DelegateToolset

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


def model(*rounds: list[ToolCallPart]) -> FunctionModel:
    """A model that makes these calls, one round after the other, and then says that it is done."""
    left = list(rounds)

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=left.pop(0) if left else [TextPart("done")])

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        if not left:
            yield "done"
            return
        for index, each in enumerate(left.pop(0)):
            yield {index: DeltaToolCall(each.tool_name, each.args_as_json_str(), tool_call_id=each.tool_call_id)}

    return FunctionModel(answer, stream_function=stream)


def call(name: str, index: int = 1, /, **args: object) -> ToolCallPart:
    """One tool call of the model's."""
    return ToolCallPart(name, args, tool_call_id=f"call-{index}")


def pay(amount: int, currency: str = "EUR") -> str:
    """Pay an amount."""
    DONE.append((amount, currency))
    return f"paid {amount}"


def answers(messages: list[ModelMessage]) -> list[str]:
    """What the model was told by its tools."""
    return [str(part.content) for each in messages for part in each.parts if isinstance(part, ToolReturnPart)]


def run(agent: Agent[Any, Any], **settings: Any) -> list[str]:
    """Run an agent; gives what the model was told."""
    return answers(asyncio.run(agent.run("pay", **settings)).all_messages())


def test_a_refused_call_is_in_the_models_hands_and_mended_by_it() -> None:
    """One import and one line; refusals do not use up the tool's retries."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay if args.amount <= 500"))
    rounds = [[call("pay", n, amount=900 + n)] for n in range(5)]
    *refused, good = run(Agent(model(*rounds, [call("pay", 9, amount=500)]), toolsets=[tools]))
    for words in refused:
        assert "args.amount <= 500" in words
        assert "ask agent:planner for more" in words
    assert good == "paid 500"
    assert DONE == [(500, "EUR")]


def test_streaming_is_no_way_around() -> None:
    """The call comes in pieces; it is decided whole."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay if args.amount <= 500"))
    agent = Agent(model([call("pay", 1, amount=900), call("pay", 2, amount=5)]), toolsets=[tools])

    async def main() -> list[ModelMessage]:
        async with agent.run_stream("pay") as result:
            await result.get_output()
            return result.all_messages()

    first, second = answers(asyncio.run(main()))
    assert "args.amount <= 500" in first
    assert second == "paid 5"
    assert DONE == [(5, "EUR")]


def test_calls_at_once_are_each_decided() -> None:
    """A model asks for ten in one message."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay if args.amount <= 500"))
    run(Agent(model([call("pay", n, amount=496 + n) for n in range(10)]), toolsets=[tools]))
    assert sorted(DONE) == [(496 + n, "EUR") for n in range(5)]  # type: ignore[type-var]


def test_what_the_function_gets_is_what_is_decided() -> None:
    """`"666"` becomes 666 on the way: the condition sees it as the function does."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay if args.amount != 666"))
    refused, good = run(Agent(model([call("pay", amount="666"), call("pay", 2, amount="5")]), toolsets=[tools]))
    assert "666" in refused
    assert good == "paid 5"
    assert DONE == [(5, "EUR")]


class Money(BaseModel):
    """An argument that is an object."""

    amount: int


def pay_nested(ctx: RunContext[Any], money: Money) -> str:
    """Pay what an object says."""
    DONE.append(money.amount)
    return "paid"


def test_objects_are_decided_as_json() -> None:
    """And the run's context is no argument."""
    tools = DelegateToolset(FunctionToolset([pay_nested]), holder("pay_nested(money) if args.money.amount <= 500"))
    calls = [call("pay_nested", n, money={"amount": 499 + n}) for n in (1, 2)]
    run(Agent(model(calls), toolsets=[tools]))
    assert DONE == [500]


class Rewriting(WrapperToolset[Any]):
    """Changes the amount of a call."""

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
        """Pay more."""
        return await self.wrapped.call_tool(name, {"amount": 9_999}, ctx, tool)


@pytest.mark.parametrize("inside", [True, False])
def test_a_toolset_that_rewrites_is_always_outside_of_the_gate(inside: bool) -> None:
    """Put within ours it would come after the decision; so ours goes on below it."""
    functions = FunctionToolset([pay])
    worker = holder("pay if args.amount <= 500")
    tools: Any = (
        DelegateToolset(Rewriting(functions), worker) if inside else Rewriting(DelegateToolset(functions, worker))
    )
    (words,) = run(Agent(model([call("pay", amount=5)]), toolsets=[tools]))
    assert "9999" in words
    assert DONE == []


def test_renamed_and_joined_toolsets_are_decided_by_the_functions_own_name() -> None:
    """A prefix is for the model."""
    worker = holder("pay if args.amount <= 500")
    joined: Any = CombinedToolset([FunctionToolset([pay]).prefixed("shop"), FunctionToolset([pay_nested])])
    tools = DelegateToolset(joined, worker).filtered(lambda ctx, tool: True)
    calls = [call("shop_pay", 1, amount=5), call("shop_pay", 2, amount=501), call("pay_nested", 3, money={"amount": 1})]
    first, second, third = run(Agent(model(calls), toolsets=[tools]))
    assert first == "paid 5"
    assert "args.amount <= 500" in second
    assert "capability_missing" in third
    assert DONE == [(5, "EUR")]


def test_tools_beside_the_gate_are_refused() -> None:
    """Of the agent itself, and of another toolset: an agent that has some does not run."""
    for more in ({"tools": [pay_nested]}, {"more": FunctionToolset([pay_nested])}):
        guarded = DelegateToolset(FunctionToolset([pay]), holder("pay"))
        toolsets: list[Any] = [guarded, *([more["more"]] if "more" in more else [])]
        agent = Agent(model([call("pay_nested", money={"amount": 1})]), toolsets=toolsets, tools=more.get("tools", []))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="pay_nested"):
            asyncio.run(agent.run("pay"))
    assert DONE == []


def around(amount: int) -> str:
    """Run without a gate."""
    DONE.append(("around", amount))
    return "ran"


def text_around(text: str) -> str:
    """Run without a gate, on text."""
    DONE.append(("around", text))
    return "ran"


OUTPUTS: tuple[Any, ...] = (
    around,
    [around, str],
    ToolOutput(around, name="final"),
    TextOutput(text_around),
    NativeOutput([around]),
    PromptedOutput(around),
)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda each: type(each).__name__)
def test_a_function_that_makes_the_output_is_a_way_around(output: Any) -> None:
    """The model's last answer would run it."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay"))
    agent = Agent(model([call("final_result", amount=5)]), toolsets=[tools], output_type=output)
    with pytest.raises(ValueError, match="the output function"):
        asyncio.run(agent.run("pay"))
    assert DONE == []


EXTERNAL = ExternalToolset([ToolDefinition(name="around", parameters_json_schema={"type": "object"})])
RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("around", {"toolsets": [FunctionToolset([around])]}),
    ("around", {"capabilities": [capabilities.Toolset(FunctionToolset([around]))]}),
    ("output function", {"output_type": ToolOutput(around)}),
    ("ExternalToolset", {"toolsets": [EXTERNAL], "output_type": [str, DeferredToolRequests]}),
    ("code_execution", {"capabilities": [capabilities.NativeTool(CodeExecutionTool())]}),
    ("lambda", {"capabilities": [capabilities.NativeTool(lambda ctx: CodeExecutionTool())]}),
)


@pytest.mark.parametrize(("name", "settings"), RUNS, ids=lambda each: "".join(each) if isinstance(each, dict) else each)
def test_what_one_run_alone_is_given_is_no_way_around(name: str, settings: dict[str, Any]) -> None:
    """The run is judged, not the agent: toolsets, capabilities, outputs, the provider's own tools."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay"))
    with pytest.raises(ValueError, match=name):
        run(Agent(model([call("around", amount=5)]), toolsets=[tools]), **settings)
    fixed = {key: value for key, value in settings.items() if key == "capabilities"}
    if fixed:
        with pytest.raises(ValueError, match=name):
            run(Agent(model([call("around", amount=5)]), toolsets=[tools], **fixed))
    agent = Agent(model([call("around", amount=5)]), toolsets=[tools])
    with agent.override(toolsets=[tools, FunctionToolset([around])]), pytest.raises(ValueError, match="around"):
        run(agent)
    assert DONE == []


def test_outputs_that_run_nothing_are_no_way_around() -> None:
    """A type of output is data; so is text."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay"))
    for output in (str, [str, Money], ToolOutput(Money)):
        rounds = [[call("pay", amount=5)], [call("final_result", 2, amount=6)]]
        result = asyncio.run(Agent(model(*rounds), toolsets=[tools], output_type=output).run("pay"))
        assert answers(result.all_messages())[0] == "paid 5"


def test_tools_that_run_elsewhere_are_not_guarded_here() -> None:
    """The call would be handed out, undecided, to whoever runs it."""
    agent = Agent(
        model([call("around", amount=5)]),
        toolsets=[DelegateToolset(EXTERNAL, holder("**"))],
        output_type=[str, DeferredToolRequests],
    )
    with pytest.raises(ValueError, match=r"do not run here.*around"):
        run(agent)


def test_a_call_that_was_put_off_is_given_back_and_decided_again() -> None:
    """A person approves it in a later run, with a budget for one."""

    def careful(ctx: RunContext[Any], amount: int) -> str:
        """Ask first."""
        if not ctx.tool_call_approved:
            raise ApprovalRequired
        DONE.append(amount)
        return "ok"

    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)
        worker = holder("careful", budget={"calls": 1})

        def agent(*rounds: Any) -> Agent[Any, Any]:
            tools = DelegateToolset(FunctionToolset([careful]), worker, verifier=verifier)
            return Agent(model(*rounds), toolsets=[tools], output_type=[str, DeferredToolRequests])

        first = asyncio.run(agent([call("careful", amount=5)]).run("pay"))
        assert isinstance(first.output, DeferredToolRequests)
        approved = DeferredToolResults(approvals={"call-1": True})
        kept = first.all_messages_json()
        done = asyncio.run(agent().run(message_history=first.all_messages(), deferred_tool_results=approved))
        assert answers(done.all_messages())[-1] == "ok"
    assert DONE == [5]
    assert worker.to_env()["DELEGATE_KEY"].split()[1].encode() not in kept


def test_a_tool_that_wants_a_retry_is_charged_once() -> None:
    """It says that nothing was done; the next try is a run of its own."""

    def shaky() -> str:
        """Fail once."""
        DONE.append("tried")
        if len(DONE) < 2:
            message = "again"
            raise ModelRetry(message)
        return "ok"

    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)
        tools = DelegateToolset(FunctionToolset([shaky]), holder("shaky", budget={"calls": 1}), verifier=verifier)
        calls = [[call("shaky", n)] for n in range(3)]
        again, good, spent = run(Agent(model(*calls), toolsets=[tools]))
    assert (again, good) == ("again", "ok")
    assert "budget_exhausted" in spent


def test_a_sub_agent_has_its_own_chain() -> None:
    """A tool that runs another agent, with a spawned holder."""
    wide = world.ALICE.mint(
        to=world.PLANNER.principal, can=["ask_helper", "pay if args.amount <= 500"], ttl="1h", hops=1
    )
    parent = Holder(world.PLANNER, wide)
    helper = parent.spawn("agent:helper", can=["pay if args.amount <= 50"], ttl="5m")

    async def ask_helper(amount: int) -> str:
        """Let the helper pay."""
        inner = Agent(model([call("pay", amount=amount)]), toolsets=[DelegateToolset(FunctionToolset([pay]), helper)])
        return answers((await inner.run("pay")).all_messages())[0]

    tools = DelegateToolset(FunctionToolset([ask_helper, pay]), parent)
    calls = [[call("ask_helper", amount=50)], [call("ask_helper", amount=51)], [call("pay", amount=51)]]
    first, second, third = run(Agent(model(*calls), toolsets=[tools]))
    assert first == "paid 50"
    assert "args.amount <= 50" in second
    assert third == "paid 51"


def test_a_toolset_does_not_travel_and_prints_no_key() -> None:
    """A resumed agent says what it needs: the holder."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay"))
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="make it again from the Holder"):
            travel(tools)
    assert repr(tools) == "<DelegateToolset of agent:worker>"
    assert "Identity" not in repr(tools.wrapped)


def test_one_toolset_is_guarded_for_one_holder() -> None:
    """A second gate, of another agent, would be decided by the first."""
    tools = DelegateToolset(FunctionToolset([pay]), holder("pay"))
    with pytest.raises(ValueError, match="another holder"):
        DelegateToolset(tools, holder("pay"))
