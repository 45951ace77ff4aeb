"""LangChain with its own scripted model: what runs, what a model is told, and the ways around that were tried."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest

from delegate import Holder, Verifier
from delegate.state import connect
from tests.integrations import world

pytest.importorskip("langchain", reason="langchain is not installed")
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ToolRetryMiddleware, after_model, wrap_tool_call
from langchain.tools import InjectedState, tool
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, Tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from delegate.integrations.langchain import DelegateMiddleware, guard_tools

DONE: list[object] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> Iterator[None]:
    DONE.clear()
    yield
    DONE.clear()


class Model(GenericFakeChatModel):
    """The framework's fake model, which takes tools and ignores them."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        """Nothing is bound."""
        return self


def holder(*can: str, **terms: Any) -> Holder:
    """A worker with a chain of two hops."""
    wide = world.ALICE.mint(to=world.PLANNER.principal, can=["**"], ttl="1h", hops=3)
    return Holder(world.WORKER, world.PLANNER.attenuate(wide, to=world.WORKER.principal, can=list(can), **terms))


def call(name: str, index: int = 1, /, **args: object) -> dict[str, Any]:
    """One tool call of the model's."""
    return {"name": name, "args": args, "id": f"call-{index}", "type": "tool_call"}


def model(*rounds: list[dict[str, Any]]) -> Model:
    """A model that makes these calls, one round after the other, and then says that it is done."""
    messages = [AIMessage(content="", tool_calls=each) for each in rounds]
    return Model(messages=iter([*messages, AIMessage(content="done")]))


@tool
def pay(amount: int, currency: str = "EUR") -> str:
    """Pay an amount."""
    DONE.append((amount, currency))
    return f"paid {amount}"


@tool
async def pay_later(amount: int) -> str:
    """Pay, later."""
    DONE.append(amount)
    return f"paid {amount}"


def answers(result: dict[str, Any]) -> list[tuple[str, str]]:
    """What the model was told by its tools: status and text."""
    return [(each.status, str(each.content)) for each in result["messages"] if isinstance(each, ToolMessage)]


ASK: Any = {"messages": [{"role": "user", "content": "pay"}]}
WAYS: tuple[Callable[[Any], dict[str, Any]], ...] = (
    lambda agent: agent.invoke(ASK),
    lambda agent: asyncio.run(agent.ainvoke(ASK)),
    lambda agent: list(agent.stream(ASK, stream_mode="values"))[-1],
)


@pytest.mark.parametrize("run", WAYS, ids=("sync", "async", "stream"))
def test_a_refused_call_is_in_the_models_hands_and_mended_by_it(run: Callable[[Any], dict[str, Any]]) -> None:
    """Two lines: the import and the middleware."""
    guard = DelegateMiddleware(holder("pay if args.amount <= 500"))
    agent = create_agent(model([call("pay", amount=900)], [call("pay", amount=500)]), [pay], middleware=[guard])
    (first, words), second = answers(run(agent))
    assert first == "error"
    assert "args.amount <= 500" in words
    assert "ask agent:planner for more" in words
    assert second == ("success", "paid 500")
    assert DONE == [(500, "EUR")]


def test_calls_at_once_are_each_decided() -> None:
    """A model asks for ten in one message."""
    calls = [call("pay", n, amount=496 + n) for n in range(10)]
    guard = DelegateMiddleware(holder("pay if args.amount <= 500"))
    for run in WAYS:
        DONE.clear()
        run(create_agent(model(calls), [pay], middleware=[guard]))
        assert sorted(DONE) == [(496 + n, "EUR") for n in range(5)]  # type: ignore[type-var]


def test_what_the_function_gets_is_what_is_decided() -> None:
    """`"666"` becomes 666 on the way, a default is filled in: the condition sees both as the function does."""
    guard = DelegateMiddleware(holder("pay if args.amount != 666 && args.currency == 'EUR'"))
    agent = create_agent(
        model([call("pay", amount="666"), call("pay", 2, amount="5"), call("pay", 3, amount=5, currency="USD")]),
        [pay],
        middleware=[guard],
    )
    assert [status for status, _ in answers(agent.invoke(ASK))] == ["error", "success", "error"]
    assert DONE == [(5, "EUR")]


class Rewriting(AgentMiddleware[Any, Any]):
    """Changes the amount after a look at it."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        """Pay more."""
        return handler(request.override(tool_call={**request.tool_call, "args": {"amount": 9_999}}))


@tool("pay")
def other_pay(amount: int) -> str:
    """Pay without a guard."""
    DONE.append(("unguarded", amount))
    return "paid"


class Swapping(AgentMiddleware[Any, Any]):
    """Puts another tool in the place of the one that was decided."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        """Run that one."""
        return handler(request.override(tool=other_pay))


@pytest.mark.parametrize("around", [Rewriting, Swapping])
@pytest.mark.parametrize("ours_is_last", [True, False])
def test_middleware_that_rewrites_or_swaps_does_not_get_past(around: type, ours_is_last: bool) -> None:
    """Outside of ours the change is decided; ours outside of it would not see the change, and refuses all."""
    guard = DelegateMiddleware(holder("pay if args.amount <= 500"))
    order: list[Any] = [around(), guard] if ours_is_last else [guard, around()]
    (status, words), *_ = answers(create_agent(model([call("pay", amount=5)]), [pay], middleware=order).invoke(ASK))
    if around is Swapping and ours_is_last:
        assert status == "success"
        assert DONE == [("unguarded", 5)]  # the other tool ran within the chain: it was guarded as well
    else:
        assert status == "error"
        assert ("9999" in words) is ours_is_last
        assert DONE == []


def test_a_jump_to_the_tools_does_not_get_past() -> None:
    """Middleware that sends the agent on to its tools, past every hook before the model."""

    @after_model(can_jump_to=["tools"])
    def jump(state: Any, runtime: Any) -> dict[str, Any] | None:
        if any(isinstance(each, ToolMessage) for each in state["messages"]):
            return None
        message = AIMessage(content="", tool_calls=[call("pay", 7, amount=9_999)])
        return {"messages": [message], "jump_to": "tools"}

    guard = DelegateMiddleware(holder("pay if args.amount <= 500"))
    agent = create_agent(model([]), [pay], middleware=[jump, guard])
    assert [status for status, _ in answers(agent.invoke(ASK))] == ["error"]
    assert DONE == []


def test_a_tool_without_a_name_here_is_still_told_as_such() -> None:
    """The runner says so; nothing runs."""
    guard = DelegateMiddleware(holder("**"))
    agent = create_agent(model([call("gone")]), [pay], middleware=[guard])
    (status, words), *_ = answers(agent.invoke(ASK))
    assert status == "error"
    assert "not a valid tool" in words


def test_what_the_provider_would_run_itself_is_refused_unless_allowed() -> None:
    """No chain here can limit it."""
    search: Any = {"type": "web_search_preview"}
    for allowed in (False, True):
        guard = DelegateMiddleware(holder("pay"), provider_tools=allowed)
        agent = create_agent(model(), [pay, search], middleware=[guard])
        if allowed:
            agent.invoke(ASK)
        else:
            with pytest.raises(ValueError, match="web_search_preview"):
                agent.invoke(ASK)


class Money(BaseModel):
    """An argument that is an object."""

    amount: int
    note: str = ""


@tool
def pay_nested(money: Money, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Pay what an object says."""
    DONE.append((money.amount, len(state["messages"])))
    return "paid"


def test_objects_are_decided_as_json_and_state_is_no_argument() -> None:
    """What the graph injects is not the model's, even if the model sends something under its name."""
    guard = DelegateMiddleware(holder("pay_nested(money) if args.money.amount <= 500"))
    rounds = [call("pay_nested", n, money={"amount": 499 + n}, state={"messages": []}) for n in (1, 2)]
    agent = create_agent(model(rounds), [pay_nested], middleware=[guard])
    assert [status for status, _ in answers(agent.invoke(ASK))] == ["success", "error"]
    assert DONE == [(500, 2)]


class OwnTool(BaseTool):
    """A tool that is a class, with one way to run for both."""

    name: str = "own"
    description: str = "its own"

    def _run(self, amount: int) -> str:
        DONE.append(amount)
        return "ran"


def test_every_kind_of_tool_is_guarded_once() -> None:
    """Functions, coroutines, classes, and the old kind with one text; each run is decided once."""

    def one_text(text: str) -> str:
        DONE.append(text)
        return "ran"

    old = Tool(name="old", description="one text", func=one_text)
    calls = [
        *(
            call("pay_later", 1, amount=1),
            call("own", 2, amount=2),
            call("old", 3, __arg1="x"),
            call("pay", 4, amount=4),
        ),
    ]
    with connect("memory://") as state:
        for allowed in (4, 3):
            DONE.clear()
            verifier = Verifier([world.ALICE.principal], audience="here", state=state)
            guard = DelegateMiddleware(holder("**", budget={"calls": allowed}), verifier=verifier)
            agent = create_agent(model(calls), [pay, pay_later, OwnTool(), old], middleware=[guard])
            result = asyncio.run(agent.ainvoke(ASK))
            assert sorted(status for status, _ in answers(result)) == ["error"] * (4 - allowed) + ["success"] * allowed
            assert len(DONE) == allowed


def test_a_retry_is_a_run_of_its_own() -> None:
    """A tool fails twice, and is tried a third time: three runs, three charges, and no fourth."""

    @tool
    def shaky() -> str:
        """Fail twice."""
        DONE.append("tried")
        if len(DONE) < 3:
            raise ConnectionError
        return "at last"

    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)
        guard = DelegateMiddleware(holder("shaky", budget={"calls": 3}), verifier=verifier)
        retry = ToolRetryMiddleware(max_retries=5, initial_delay=0, jitter=False)
        agent = create_agent(model([call("shaky")], [call("shaky", 2)]), [shaky], middleware=[retry, guard])
        first, second = answers(agent.invoke(ASK))
    assert first == ("success", "at last")
    assert "budget_exhausted" in second[1]


def test_an_interrupt_gives_back_and_a_checkpoint_holds_no_key() -> None:
    """A person is asked within the tool; the agent is resumed with a budget for one run, and by a new middleware."""

    @tool
    def careful(amount: int) -> str:
        """Ask first."""
        if interrupt("really?") == "yes":
            DONE.append(amount)
        return "ok"

    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    worker = holder("careful", budget={"calls": 1})
    with connect("memory://") as state:
        verifier = Verifier([world.ALICE.principal], audience="here", state=state)

        def agent(*rounds: Any) -> Any:
            guard = DelegateMiddleware(worker, verifier=verifier)
            return create_agent(model(*rounds), [careful], middleware=[guard], checkpointer=saver)

        assert "__interrupt__" in agent([call("careful", amount=5)]).invoke(ASK, config)
        kept = repr(saver.storage) + repr(saver.blobs) + repr(saver.writes)
        result = agent().invoke(Command(resume="yes"), config)
    assert answers(result) == [("success", "ok")]
    assert DONE == [5]
    secret = worker.to_env()["DELEGATE_KEY"].split()[1]
    assert secret not in kept
    assert b"W" * 32 not in pickle.dumps(dict(saver.blobs))


def test_a_middleware_does_not_travel_and_prints_no_key() -> None:
    """A resumed agent says what it needs: the holder."""
    guard = DelegateMiddleware(holder("pay"))
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="make it again from the Holder"):
            travel(guard)
    assert "agent:worker" in repr(guard)
    (guarded,) = guard_tools([pay], holder("pay"))
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(guarded)


def test_a_sub_agent_has_its_own_chain_and_no_way_to_its_parents() -> None:
    """A supervisor's tool runs another agent, with a spawned holder; both bounds hold for it."""
    parent = holder("pay if args.amount <= 500", "ask_helper", ttl="1h")
    helper = parent.spawn("agent:helper", can=["pay if args.amount <= 50"], ttl="5m")

    @tool
    def ask_helper(amount: int) -> str:
        """Let the helper pay."""
        inner = create_agent(model([call("pay", amount=amount)]), [pay], middleware=[DelegateMiddleware(helper)])
        return answers(inner.invoke(ASK))[0][1]

    guard = DelegateMiddleware(parent)
    calls = [call("ask_helper", 1, amount=50)], [call("ask_helper", 2, amount=51)], [call("pay", 3, amount=51)]
    agent = create_agent(model(*calls), [pay, ask_helper], middleware=[guard])
    first, second, third = answers(agent.invoke(ASK))
    assert first[1] == "paid 50"
    assert "args.amount <= 50" in second[1]
    assert third[1] == "paid 51"
    assert DONE == [(50, "EUR"), (51, "EUR")]


def test_a_graph_of_ones_own_uses_guarded_tools_or_the_wrapper() -> None:
    """Without `create_agent`: a ToolNode of LangGraph's."""
    worker = holder("pay if args.amount <= 500")
    guard = DelegateMiddleware(worker)
    nodes = (
        ToolNode(guard_tools([pay], worker)),
        ToolNode([pay], wrap_tool_call=guard.wrap_tool_call, awrap_tool_call=guard.awrap_tool_call),
    )
    for node in nodes:
        DONE.clear()
        graph: Any = StateGraph(MessagesState)
        graph.add_node("tools", node)
        graph.add_edge(START, "tools")
        graph.add_edge("tools", END)
        message = AIMessage(content="", tool_calls=[call("pay", n, amount=499 + n) for n in (1, 2)])
        result = graph.compile().invoke({"messages": [message]})
        assert [status for status, _ in answers(result)] == ["success", "error"]
        assert DONE == [(500, "EUR")]


def test_tools_are_guarded_once_and_only_tools() -> None:
    """What is guarded already would be charged twice."""
    guarded = guard_tools([pay], holder("pay"))
    with pytest.raises(ValueError, match="already"):
        guard_tools(guarded, holder("pay"))
    with pytest.raises(TypeError, match="BaseTool"):
        guard_tools([print], holder("pay"))  # type: ignore[list-item]
    assert pay.invoke({"amount": 9_999}) == "paid 9999"  # the tool itself stays as it was


@wrap_tool_call
def _looking(request: Any, handler: Any) -> Any:
    DONE.append(type(request.tool).__name__)
    return handler(request)


def test_an_error_of_the_tools_own_is_handled_as_the_tool_says() -> None:
    """A guard changes nothing of that; and middleware outside may look."""
    from langchain_core.tools import ToolException

    def failing() -> str:
        """Fail."""
        raise ToolException("broken")

    for handling, expected in ((True, "broken"), ("words", "words"), (str.upper, None)):
        flag: Any = (lambda error: str(error).upper()) if handling is str.upper else handling
        one = tool(failing)
        one.handle_tool_error = flag
        agent = create_agent(
            model([call("failing")]), [one], middleware=[_looking, DelegateMiddleware(holder("failing"))]
        )
        assert answers(agent.invoke(ASK)) == [("error", expected or "BROKEN")]
    assert DONE == ["StructuredTool"] * 3


class WithCallbacks(BaseModel):
    """Arguments of which one has a name that LangChain leaves out of its own records."""

    amount: int
    callbacks: list[str] = []


class Calling(BaseTool):
    """A tool that takes `callbacks`, as any other argument."""

    name: str = "pay"
    description: str = "pays"
    args_schema: Any = WithCallbacks

    def _run(self, amount: int, callbacks: list[str]) -> str:
        DONE.append((amount, callbacks))
        return "paid"


def test_no_argument_is_hidden_for_its_name() -> None:
    """What came is decided, under whichever name; the callbacks of the framework's own are no argument."""

    def send(**given: object) -> str:
        DONE.append(given)
        return "paid"

    schema = {"type": "object", "properties": {"amount": {"type": "integer"}}}
    loose = StructuredTool(name="pay", description="pays", func=send, args_schema=schema)
    for name in ("callbacks", "state", "store", "runtime", "args", "kwargs", "tool_call_id"):
        agent = create_agent(
            model([call("pay", amount=5, **{name: ["https://mallory.example"]})], [call("pay", 2, amount=5)]),
            [loose],
            middleware=[DelegateMiddleware(holder("pay(amount)"))],
        )
        assert [status for status, _ in answers(agent.invoke(ASK))] == ["error", "success"], name
    agent = create_agent(
        model([call("pay", amount=5, callbacks=["https://mallory.example"])]),
        [Calling()],
        middleware=[DelegateMiddleware(holder("pay(amount)"))],
    )
    assert [status for status, _ in answers(agent.invoke(ASK))] == ["error"]
    assert DONE == [{"amount": 5}] * 7


def test_an_argument_that_only_the_application_fills_in_is_decided_where_it_came_with_the_call() -> None:
    """A loop of somebody's own strips nothing: what came under such a name may be the model's."""

    @tool("pay")
    def pay_from(amount: int, account: Annotated[str, InjectedToolArg] = "alice") -> str:
        """Pay from an account."""
        DONE.append((amount, account))
        return "paid"

    (guarded,) = guard_tools([pay_from], holder("pay(amount)"))
    assert "account" in guarded.invoke({"amount": 5, "account": "bank"})
    assert guarded.invoke({"amount": 5}) == "paid"
    assert DONE == [(5, "alice")]
