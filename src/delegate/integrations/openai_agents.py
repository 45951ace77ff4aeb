"""The OpenAI Agents SDK: an agent's tools run within the chain that it holds, and no further.

    agent = Agent(name="worker", tools=guard_tools(tools, holder), mcp_servers=guard_servers(servers, holder))

The rules of this file:

- A function tool is guarded where the SDK calls it, below approvals, guardrails and hooks: what is decided is what the
  function gets, converted as the SDK converts it, defaults included.
- What runs elsewhere, at the provider or in a sandbox of the SDK's, cannot be decided here, and is refused by name.
- The original tools are not changed. An agent that is handed off to, or used as a tool, has tools of its own: guard
  them with a spawned holder; `check_agent` finds what was forgotten.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, Final

try:
    from agents import Agent, FunctionTool, Handoff, Tool
    from agents.function_schema import FuncSchema, function_schema
    from agents.mcp import MCPServer
    from agents.tool_context import ToolContext
except ImportError as error:
    message = f"this needs the `openai-agents` package: pip install 'delegate-token[openai-agents]' ({error})"
    raise ImportError(message) from None

from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from delegate.core.chain.request import parse_json
from delegate.errors import DelegateError, Reason
from delegate.holder import Holder
from delegate.integrations.guard import Costs, Facts, Outcome
from delegate.integrations.tools import Gate, as_json
from delegate.verifier.verifier import AsyncVerifier, Verifier

_GUARDED: Final = "_delegate_gate"


def guard_tools(
    tools: Iterable[Tool],
    holder: Holder,
    *,
    verifier: Verifier | AsyncVerifier | None = None,
    env: Facts = None,
    cost: Costs = None,
) -> list[Tool]:
    """Guard tools: each call of one runs only when the chain permits it; else the model is told why.

    Args:
        tools: function tools, an agent's `as_tool()` among them; they stay as they are.
        holder: as for `Gate`.
        verifier: as for `Gate`.
        env: as for `Gate`; `call.context` is the SDK's context of the call.
        cost: as for `Gate`.

    Raises:
        TypeError: as for `Gate`.
        ValueError: a tool that is guarded already, or that runs where nobody here decides: hosted tools, computers,
            shells.
    """
    gate = Gate(holder, verifier=verifier, env=env, cost=cost)
    return [_guard(each, gate) for each in tools]


def guard_servers(
    servers: Iterable[MCPServer],
    holder: Holder,
    *,
    verifier: Verifier | AsyncVerifier | None = None,
    env: Facts = None,
    cost: Costs = None,
) -> list[MCPServer]:
    """Guard what an agent calls on MCP servers; see `guard_tools`. Better still: servers that verify for themselves."""
    gate = Gate(holder, verifier=verifier, env=env, cost=cost)
    return [_Server(each, gate) for each in servers]


def check_agent(agent: Agent[Any]) -> None:
    """Raise if an agent, or one that it can hand off to or uses as a tool, has a tool or a server that is not guarded.

    Raises:
        ValueError: it has; the message names them.
    """
    raw: list[str] = []
    seen: set[int] = set()
    waiting: list[Any] = [agent]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        raw += [f"{each.name}: {tool.name}" for tool in each.tools if not hasattr(tool, _GUARDED)]
        for tool in each.tools:  # a guard around an agent that is a tool says nothing of that agent's own tools
            behind = getattr(tool, "_agent_instance", None)
            if behind is not None:
                waiting.append(behind)
            elif getattr(tool, "_is_agent_tool", False):
                raw.append(f"{each.name}: {tool.name}, an agent that cannot be seen")
        raw += [f"{each.name}: {server.name}" for server in each.mcp_servers if not isinstance(server, _Server)]
        for one in each.handoffs:
            if isinstance(one, Agent):
                waiting.append(one)
                continue
            behind = one._agent_ref() if isinstance(one, Handoff) and one._agent_ref is not None else None  # noqa: SLF001
            if behind is None:
                raw.append(f"{each.name}: a hand-off whose agent cannot be seen")
            else:
                waiting.append(behind)
    if raw:
        message = f"not guarded: {', '.join(sorted(raw))}"
        raise ValueError(message)


def _guard(tool: Tool, gate: Gate) -> Tool:
    if not isinstance(tool, FunctionTool):
        name = getattr(tool, "name", type(tool).__name__)
        message = f"`{name}` does not run here, so no chain here can limit it: leave it out, or give it no authority"
        raise ValueError(message)  # noqa: TRY004 - the type is one of the SDK's, and what it is for is what is wrong
    if hasattr(tool, _GUARDED):
        message = f"the tool `{tool.name}` is guarded already"
        raise ValueError(message)
    inner = tool.on_invoke_tool
    convert = _converter(tool)

    async def on_invoke_tool(ctx: ToolContext[Any], given: str) -> Any:  # noqa: ANN401 - what the tool gives
        outcome = _decidable(given, convert)
        if isinstance(outcome, dict):
            outcome = await gate.adecide(tool.name, outcome, context=ctx)
        if not outcome.allowed:
            return gate.told(outcome)
        return await inner(ctx, given)

    guarded = copy.copy(tool)
    guarded.on_invoke_tool = on_invoke_tool
    setattr(guarded, _GUARDED, gate)
    return guarded


def _converter(tool: FunctionTool) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """Find how the SDK will convert the arguments: `None` for a tool that takes the JSON as it comes."""
    try:
        function = tool.__wrapped__
    except AttributeError:
        return None
    schema: FuncSchema = function_schema(function, use_docstring_info=False, strict_json_schema=False)

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        found = schema.params_pydantic_model(**values)
        return {name: getattr(found, name) for name in type(found).model_fields}

    return convert


def _decidable(given: str, convert: Callable[[dict[str, Any]], dict[str, Any]] | None) -> dict[str, object] | Outcome:
    """Give the arguments that the tool gets, as JSON, by name; or why nobody can decide them."""
    try:
        values = parse_json(given or "{}")
        if not isinstance(values, dict):
            raise DelegateError(Reason.MALFORMED, "a tool's arguments are an object")
        return values if convert is None else as_json(convert(values))
    except DelegateError as error:
        return Outcome(error=error)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        return Outcome(error=DelegateError(Reason.MALFORMED, f"the arguments are not those of the tool: {words}"))
    except Exception as error:  # noqa: BLE001 - a validator of the tool's own, or names that Python does not take
        return Outcome(error=DelegateError(Reason.MALFORMED, f"the arguments cannot be read: {type(error).__name__}"))


class _Server(MCPServer):
    """An MCP server whose tools are called only within a chain; everything else is the server's own."""

    def __init__(self, inner: MCPServer, gate: Gate) -> None:
        if isinstance(inner, _Server):
            message = f"the server `{inner.name}` is guarded already"
            raise ValueError(message)  # noqa: TRY004 - as above
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the server has
        if name in {"_inner", "_gate"}:  # not made yet
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def name(self) -> str:
        """The server's own name."""
        return self._inner.name

    async def connect(self) -> None:
        """Connect the server."""
        await self._inner.connect()  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Disconnect the server."""
        await self._inner.cleanup()  # type: ignore[no-untyped-call]

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:  # noqa: ANN401 - the SDK's own
        """List the server's tools."""
        return await self._inner.list_tools(run_context, agent)

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool, or say to the model why not."""
        outcome = await self._gate.adecide(tool_name, arguments)
        if not outcome.allowed:
            return CallToolResult(content=[TextContent(text=self._gate.told(outcome))], is_error=True)
        return await self._inner.call_tool(tool_name, arguments, meta)

    async def list_prompts(self) -> Any:  # noqa: ANN401 - the SDK's own
        """List the server's prompts."""
        return await self._inner.list_prompts()

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - the SDK's own
        """Get a prompt of the server's: instructions, which carry no authority."""
        return await self._inner.get_prompt(name, arguments)
