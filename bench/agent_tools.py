"""What a gate adds to a call: each framework guarded and bare, in turns, in one run.

    .venv/bin/python bench/agent_tools.py

Each figure is a median over rounds, microseconds a call of wall clock in one process, with chains of two hops that have
been seen before. `may` asks the chain alone; `verified` proves each run and decides it as a service does. Beside them
one bare signature check of the same run. Figures mean little without the machine that gave them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from agents import function_tool
from langchain.tools import BaseTool, tool
from mcp import Client
from mcp.server import MCPServer
from nacl.signing import SigningKey
from pydantic_ai import RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import FunctionToolset
from pydantic_ai.usage import RunUsage

from delegate import Holder, Identity, Verifier
from delegate.integrations import langchain, openai_agents
from delegate.integrations.mcp import DelegateExtension, call_tool
from delegate.integrations.pydantic_ai import DelegateToolset

ROUNDS = 15
CALLS = 40
Way = Callable[[], Awaitable[object]]

ALICE, PLANNER, WORKER = (Identity.generate(name) for name in ("user:alice", "agent:planner", "agent:worker"))
WIDE = ALICE.mint(to=PLANNER.principal, can=["pay if args.amount <= 500"], ttl="1h", hops=1)
HOLDER = Holder(WORKER, PLANNER.attenuate(WIDE, to=WORKER.principal, can=["pay if args.amount <= 50"], ttl="30m"))


def verifier() -> Verifier:
    """A service that trusts Alice."""
    return Verifier([ALICE.principal], audience="bench")


def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


async def measured(ways: dict[str, Way]) -> dict[str, float]:
    """Time some ways in turns; gives the median microseconds a call of each."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.perf_counter()
            for _ in range(CALLS):
                await way()
            found[name].append((time.perf_counter() - begin) / CALLS * 1e6)
    return {name: statistics.median(times) for name, times in found.items()}


def langchain_ways() -> dict[str, Way]:
    """A tool of LangChain's, called as a graph calls it."""
    bare = tool(pay)
    tools = {
        "bare": bare,
        "may": langchain.guard_tools([bare], HOLDER)[0],
        "verified": langchain.guard_tools([bare], HOLDER, verifier=verifier())[0],
    }

    def way(one: BaseTool) -> Way:
        async def go() -> object:
            return one.invoke({"name": "pay", "args": {"amount": 5}, "id": "1", "type": "tool_call"})

        return go

    return {name: way(one) for name, one in tools.items()}


def openai_ways() -> dict[str, Way]:
    """A function tool of the OpenAI Agents SDK, called as its runner calls it."""
    bare = function_tool(pay)
    tools: dict[str, Any] = {
        "bare": bare,
        "may": openai_agents.guard_tools([bare], HOLDER)[0],
        "verified": openai_agents.guard_tools([bare], HOLDER, verifier=verifier())[0],
    }
    context = SimpleNamespace(tool_name="pay", _function_tool_arguments=None)
    return {name: partial(one.on_invoke_tool, context, '{"amount": 5}') for name, one in tools.items()}


async def pydantic_ways() -> dict[str, Way]:
    """A toolset of PydanticAI's, called as its tool manager calls it."""
    context: RunContext[Any] = RunContext(deps=None, model=TestModel(), usage=RunUsage())
    sets: dict[str, Any] = {
        "bare": FunctionToolset([pay]),
        "may": DelegateToolset(FunctionToolset([pay]), HOLDER),
        "verified": DelegateToolset(FunctionToolset([pay]), HOLDER, verifier=verifier()),
    }
    found: dict[str, Way] = {}
    for name, toolset in sets.items():
        one = (await toolset.get_tools(context))["pay"]
        found[name] = partial(toolset.call_tool, "pay", {"amount": 5}, context, one)
    return found


async def mcp_figures() -> dict[str, float]:
    """A tool call from the SDK's client to its server, in one process; the guarded one is proven and decided."""
    bare, guarded = MCPServer("bare"), MCPServer("guarded", extensions=[DelegateExtension(verifier())])
    bare.tool()(pay)
    guarded.tool()(pay)
    async with Client(bare) as one, Client(guarded) as other:
        return await measured(
            {
                "bare": lambda: one.call_tool("pay", {"amount": 5}),
                "verified": lambda: call_tool(other, HOLDER, "pay", {"amount": 5}, audience="bench"),
            }
        )


def one_check() -> float:
    """Give the microseconds of one bare signature check."""
    key = SigningKey.generate()
    signed = key.sign(b"x" * 200)
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(CALLS):
            key.verify_key.verify(signed)
        times.append((time.perf_counter() - begin) / CALLS * 1e6)
    return statistics.median(times)


async def main() -> None:
    """Print the table."""
    check = one_check()
    print(f"one bare signature check: {check:.0f} µs")
    figures = {
        "langchain": await measured(langchain_ways()),
        "openai-agents": await measured(openai_ways()),
        "pydantic-ai": await measured(await pydantic_ways()),
        "mcp": await mcp_figures(),
    }
    print(f"{'µs a call':<16}{'bare':>8}{'may':>8}{'verified':>10}{'adds':>8}{'checks':>8}")
    for name, found in figures.items():
        may = f"{found['may']:8.0f}" if "may" in found else f"{'':8}"
        adds = found["verified"] - found["bare"]
        print(f"{name:<16}{found['bare']:8.0f}{may}{found['verified']:10.0f}{adds:8.0f}{adds / check:8.1f}")


if __name__ == "__main__":
    asyncio.run(main())
