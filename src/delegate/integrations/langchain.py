"""LangChain and LangGraph: an agent's tools run within the chain that it holds, and no further.

    agent = create_agent(model, tools, middleware=[…, DelegateMiddleware(holder)])

The rules of this file:

- The *tool* is guarded, where its function is called: what is decided is what the function gets, whatever middleware,
  schema or state did to the call before.
- The middleware is the last of the list, the innermost: it sees the call that really runs. Anywhere else it refuses
  every call, because what stands behind it could still change or swap the tool.
- What the framework puts into a call itself (state, store, runtime, callbacks) is not the model's, and is no part of
  the request: it is known by what it is, or because it overwrites what came. Whatever else the function gets is
  decided, under whichever name.
- An interrupt before the tool is done gives back what was charged; the resumed run is decided anew.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any, Final, TypeAlias

try:
    from langchain.agents.middleware.types import AgentMiddleware, ModelRequest, ToolCallRequest
    from langchain_core.callbacks.manager import BaseRunManager
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import BaseTool, InjectedToolCallId, ToolException
    from langchain_core.tools.base import (
        _get_runnable_config_param,
        _is_injected_arg_type,
        get_all_basemodel_annotations,
    )
    from langgraph.errors import GraphBubbleUp
    from langgraph.prebuilt.tool_node import _get_all_injected_args
except ImportError as error:
    message = f"this needs version 1 of `langchain`: pip install 'delegate-token[langchain]' ({error})"
    raise ImportError(message) from None

from delegate.errors import DelegateError
from delegate.holder import Holder
from delegate.integrations.guard import Costs, Facts, Outcome
from delegate.integrations.tools import Gate, as_json
from delegate.verifier.verifier import AsyncVerifier, Verifier

Hidden: TypeAlias = Callable[[str, object], bool]

_RUNNER: Final = "langgraph.prebuilt.tool_node"
_GUARDED: Final = "_delegate_gate"
_REMEMBERED: Final = 256


class Refused(ToolException):
    """A tool call that the chain does not permit; its text is for the model."""


class DelegateMiddleware(AgentMiddleware[Any, Any]):
    """Guards every tool call of an agent. Give it last in `middleware`. It holds a key, and is not pickled."""

    def __init__(
        self,
        holder: Holder,
        *,
        verifier: Verifier | AsyncVerifier | None = None,
        env: Facts = None,
        cost: Costs = None,
        provider_tools: bool = False,
    ) -> None:
        """Set up a middleware for one agent; a sub-agent gets one of its own, of a spawned holder.

        Args:
            holder: as for `Gate`.
            verifier: as for `Gate`. With an `AsyncVerifier`, run the agent asynchronously.
            env: as for `Gate`; `call.context` is the tool.
            cost: as for `Gate`.
            provider_tools: whether the model's provider may run tools of its own (web search and the like), which
                nobody here can decide. Without it, a model request that has some raises.

        Raises:
            TypeError: as for `Gate`.
        """
        super().__init__()
        self._gate = Gate(holder, verifier=verifier, env=env, cost=cost)
        self._provider_tools = provider_tools
        self._known: dict[int, tuple[BaseTool, BaseTool]] = {}

    @property
    def name(self) -> str:
        """The name in traces, which says nothing of the holder."""
        return "DelegateMiddleware"

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:  # noqa: ANN401 - a message or a command of LangGraph's
        """Run a tool call with the tool guarded."""
        return self._misplaced(request, handler) or handler(self._guarded(request))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401 - as above
        """Run a tool call with the tool guarded."""
        return self._misplaced(request, handler) or await handler(self._guarded(request))

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]) -> Any:  # noqa: ANN401
        """Refuse tools that would run where nobody here decides."""
        self._check_tools(request)
        return handler(request)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401 - a response of LangChain's
        """Refuse tools that would run where nobody here decides."""
        self._check_tools(request)
        return await handler(request)

    def _check_tools(self, request: ModelRequest[Any]) -> None:
        there = [str(each.get("type") or each.get("name")) for each in request.tools if isinstance(each, dict)]
        if there and not self._provider_tools:
            message = (
                f"the model's provider would run {', '.join(sorted(there))} itself, which no chain here can limit; "
                "leave them out, or allow them with provider_tools=True"
            )
            raise ValueError(message)

    def _misplaced(self, request: ToolCallRequest, handler: object) -> ToolMessage | None:
        if getattr(handler, "__module__", "") == _RUNNER:
            return None
        words = "Refused, and nothing was done: DelegateMiddleware is not the last of the agent's middleware."
        call = request.tool_call
        return ToolMessage(content=words, name=call["name"], tool_call_id=call["id"], status="error")

    def _guarded(self, request: ToolCallRequest) -> ToolCallRequest:
        if request.tool is None:  # the runner says so itself: there is no such tool
            return request
        tool = request.tool
        known = self._known.get(id(tool))
        if known is None or known[0] is not tool:
            if len(self._known) >= _REMEMBERED:  # tools that are made for each call
                self._known.clear()
            known = self._known[id(tool)] = (tool, _guard(tool, self._gate))
        return request.override(tool=known[1])

    def __reduce__(self) -> Any:  # noqa: ANN401 - it raises
        """Refuse to be pickled or copied: see `Gate`."""
        return self._gate.__reduce__()

    def __repr__(self) -> str:
        return f"<DelegateMiddleware of {self._gate.holder.identity.name}>"


def guard_tools(
    tools: list[BaseTool],
    holder: Holder,
    *,
    verifier: Verifier | AsyncVerifier | None = None,
    env: Facts = None,
    cost: Costs = None,
) -> list[BaseTool]:
    """Guard tools by themselves, for graphs without `create_agent`: `ToolNode(guard_tools(tools, holder))`.

    Args:
        tools: LangChain's; they stay as they are.
        holder: as for `Gate`.
        verifier: as for `Gate`.
        env: as for `Gate`.
        cost: as for `Gate`.

    Raises:
        TypeError: as for `Gate`, and for what is no tool. ValueError: a tool that is guarded already.
    """
    gate = Gate(holder, verifier=verifier, env=env, cost=cost)
    for each in tools:
        if not isinstance(each, BaseTool):
            message = f"a tool is a BaseTool, not a {type(each).__name__}; for a function, use langchain.tools.tool"
            raise TypeError(message)
        if _GUARDED in vars(each):
            message = f"the tool `{each.name}` is guarded already"
            raise ValueError(message)
    return [_guard(each, gate) for each in tools]


def _guard(tool: BaseTool, gate: Gate) -> BaseTool:
    """Make a tool whose function is called only when the chain permits that call."""
    if vars(tool).get(_GUARDED) is gate:
        return tool
    inner_run, inner_arun = tool._run, tool._arun  # noqa: SLF001 - where the function is called, and no other place
    guarded = tool.model_copy()
    names = list(tool.args)
    hidden, ahidden = _put_in(tool, inner_run), _put_in(tool, _run_asynchronously(tool))

    @functools.wraps(inner_run)
    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the tool's function takes and gives
        outcome = _decidable(names, hidden, args, kwargs)
        if isinstance(outcome, dict):
            outcome = gate.decide(tool.name, outcome, context=tool)
        if not outcome.allowed:
            raise Refused(gate.told(outcome))
        try:
            return inner_run(*args, **kwargs)
        except GraphBubbleUp:
            gate.release(outcome)
            raise

    @functools.wraps(inner_arun)
    async def arun(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        outcome = _decidable(names, ahidden, args, kwargs)
        if isinstance(outcome, dict):
            outcome = await gate.adecide(tool.name, outcome, context=tool)
        if not outcome.allowed:
            raise Refused(gate.told(outcome))
        try:
            return await inner_arun(*args, **kwargs)
        except GraphBubbleUp:
            await gate.arelease(outcome)
            raise

    put = object.__setattr__
    put(run, "__signature__", signature(inner_run))  # which LangChain asks for at each call
    put(arun, "__signature__", signature(inner_arun))
    put(guarded, "_run", run)
    put(guarded, "_arun", arun)
    put(guarded, _GUARDED, gate)
    guarded.handle_tool_error = _handling(tool.handle_tool_error)
    return guarded


def _run_asynchronously(tool: BaseTool) -> Callable[..., Any]:
    """Give the function by which LangChain judges what to put into an asynchronous call."""
    return tool._run if type(tool)._arun is BaseTool._arun else tool._arun  # noqa: SLF001 - as it does itself


def _put_in(tool: BaseTool, function: Callable[..., Any]) -> Hidden:
    """Say of each argument in a call whether the framework put it in: by what it is, or because it overwrites it.

    A name alone says nothing: a model may send `callbacks`, and a tool may take it.
    """
    sent = {*tool.args}
    config = _get_runnable_config_param(function)
    graph = _get_all_injected_args(tool)
    overwritten = {*graph.state, graph.store, graph.runtime} - {None}
    schema = tool.get_input_schema()
    for name, kind in get_all_basemodel_annotations(schema).items():
        if _is_injected_arg_type(kind, injected_type=InjectedToolCallId):
            overwritten.add(name)
    fields = getattr(schema, "model_fields", {})

    def hidden(name: str, value: object) -> bool:
        if name in sent:
            return False
        if isinstance(value, BaseRunManager):  # which LangChain alone makes
            return name == "run_manager"
        if name in tool._injected_args_keys or name in graph.all_injected_keys:  # noqa: SLF001 - LangChain's own list
            # LangGraph strips it of what the model sends. What came all the same, with a call of somebody's own, is
            # decided; the default that the tool itself has did not come.
            default = fields[name].default if name in fields else None
            return name in overwritten or (type(value) is type(default) and value == default)
        return name == config or name in overwritten

    return hidden


def _decidable(
    names: list[str], hidden: Hidden, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, object] | Outcome:
    """Give the arguments that the tool's function gets and that a model can have sent, as JSON, by name."""
    given = names if len(args) <= len(names) else [f"arg{index}" for index in range(len(args))]
    named = kwargs | dict(zip(given, args, strict=False))
    try:
        return as_json({name: value for name, value in named.items() if not hidden(name, value)})
    except DelegateError as error:
        return Outcome(error=error)


def _handling(original: Any) -> Callable[[ToolException], Any]:  # noqa: ANN401 - a flag, words or a function
    """Give a refusal to the model as what it is, and leave every other error to the tool's own handling."""

    def handle(error: ToolException) -> Any:  # noqa: ANN401 - what the tool's own handling gives
        if isinstance(error, Refused):
            return str(error)
        if not original:
            raise error
        if isinstance(original, str):
            return original
        if callable(original):
            return original(error)
        return error.args[0] if error.args else "Tool execution error"

    return handle
