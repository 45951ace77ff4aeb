"""PydanticAI: an agent's tools run within the chain that it holds, and no further.

    agent = Agent(model, toolsets=[DelegateToolset(FunctionToolset(tools), holder)])

The rules of this file:

- The gate is innermost: it is put around each toolset that runs functions, below whatever renames, filters or rewrites.
  What is decided is what the function gets, validated and converted.
- Whatever else a run offers its model goes around the gate, wherever it comes from (the agent, the run, a capability,
  an override, a function that makes the output, the provider), and so do tools that run elsewhere: such a run does not
  start.
- A call that was allowed and then put off (an approval, a deferred call, a retry) gives back what it was charged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isroutine
from typing import Any

try:
    from pydantic_ai import NativeOutput, PromptedOutput, RunContext, TextOutput, ToolOutput
    from pydantic_ai._output import OutputToolset
    from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry, ToolFailed
    from pydantic_ai.native_tools._tool_search import ToolSearchTool
    from pydantic_ai.toolsets import AbstractToolset, CombinedToolset, FunctionToolset, WrapperToolset
    from pydantic_ai.toolsets.abstract import ToolsetTool
except ImportError as error:
    message = f"this needs version 2 of `pydantic-ai`: pip install 'delegate-token[pydantic-ai]' ({error})"
    raise ImportError(message) from None

from delegate.errors import DelegateError
from delegate.holder import Holder
from delegate.integrations.guard import Costs, Facts, Outcome
from delegate.integrations.tools import Gate, as_json
from delegate.verifier.verifier import AsyncVerifier, Verifier


@dataclass(repr=False)
class DelegateToolset(WrapperToolset[Any]):
    """Guards a toolset. It holds a key, and is not pickled.

    Attributes:
        wrapped: the toolset, with a gate around each part that runs functions.
        holder: as for `Gate`.
        verifier: as for `Gate`.
        env: as for `Gate`; `call.context` is the framework's `RunContext`.
        cost: as for `Gate`.

    Raises on construction:
        TypeError: as for `Gate`. ValueError: a toolset that is guarded already.
    """

    holder: Holder
    verifier: Verifier | AsyncVerifier | None = field(default=None, kw_only=True)
    env: Facts = field(default=None, kw_only=True)
    cost: Costs = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Put the gate around the parts; a copy that the framework makes of this has it already."""
        gate = Gate(self.holder, verifier=self.verifier, env=self.env, cost=self.cost)
        found = _parts(self.wrapped)
        guarded = [isinstance(each, _Gated) for each in found]
        if any(isinstance(each, _Gated) and each.gate.holder is not self.holder for each in found):
            message = "this toolset is guarded already, for another holder"
            raise ValueError(message)
        if not all(guarded):
            self.wrapped = self.wrapped.visit_and_replace(lambda each: _Gated(each, gate))

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """List the tools; refuse to serve a run that has others."""
        raw = _beside(ctx)
        if raw:
            message = (
                f"these tools of the agent would go around its chain: {', '.join(sorted(raw))}; "
                "give them to a FunctionToolset, and that to a DelegateToolset"
            )
            raise ValueError(message)
        return await super().get_tools(ctx)

    def __reduce__(self) -> Any:  # noqa: ANN401 - it raises
        """Refuse to be pickled or copied: see `Gate`."""
        return Gate(self.holder).__reduce__()

    def __repr__(self) -> str:
        return f"<DelegateToolset of {self.holder.identity.name}>"


@dataclass(repr=False)
class _Gated(WrapperToolset[Any]):
    """A toolset that runs functions, behind a gate."""

    gate: Gate

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """List the tools; refuse those that somebody else runs, whom no gate here can keep from it."""
        found = await super().get_tools(ctx)
        away = sorted(name for name, each in found.items() if each.tool_def.kind == "external")
        if away:
            message = f"these tools do not run here, so no chain here can limit them: {', '.join(away)}"
            raise ValueError(message)
        return found

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:  # noqa: ANN401 - what the tool gives
        """Run a function, or say to the model why not."""
        try:
            arguments = as_json(tool_args)
        except DelegateError as error:
            raise ToolFailed(self.gate.told(Outcome(error=error))) from None
        outcome = await self.gate.adecide(name, arguments, context=ctx)
        if not outcome.allowed:
            raise ToolFailed(self.gate.told(outcome))
        try:
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)
        except (ApprovalRequired, CallDeferred, ModelRetry):
            await self.gate.arelease(outcome)
            raise

    def visit_and_replace(
        self, visitor: Callable[[AbstractToolset[Any]], AbstractToolset[Any]]
    ) -> AbstractToolset[Any]:
        """Let the framework replace what is within, and stay around it."""
        return _Gated(self.wrapped.visit_and_replace(visitor), self.gate)


def _parts(toolset: AbstractToolset[Any]) -> list[AbstractToolset[Any]]:
    """Give the parts of a toolset that run functions, guarded or not."""
    if isinstance(toolset, _Gated):
        return [toolset]
    if isinstance(toolset, WrapperToolset):
        return _parts(toolset.wrapped)
    if isinstance(toolset, CombinedToolset):
        return [part for each in toolset.toolsets for part in _parts(each)]
    return [toolset]


def _beside(ctx: RunContext[Any]) -> set[str]:
    """Name what this run offers its model beside the gate: of the agent, of the run, of capabilities, of overrides."""
    whole = [] if ctx.tool_manager is None else [ctx.tool_manager.toolset]
    agent = ctx.agent
    raw = {name for each in (*whole, *(() if agent is None else agent.toolsets)) for name in _raw(each)}
    if agent is not None:
        raw |= _output_functions(agent.output_type)
    if ctx.root_capability is not None:
        for native in ctx.root_capability.get_native_tools():
            if not isinstance(native, ToolSearchTool):  # which finds tools, and runs none
                raw.add(str(getattr(native, "kind", None) or getattr(native, "__name__", type(native).__name__)))
    return raw


def _raw(toolset: AbstractToolset[Any]) -> list[str]:
    """Name what of a toolset would go around the gate."""
    names = []
    for each in _parts(toolset):
        if isinstance(each, FunctionToolset):
            names += list(each.tools)
        elif isinstance(each, OutputToolset):
            names += [
                f"the output function {name}"
                for name, one in each.processors.items()
                if one._function_schema is not None  # noqa: SLF001 - nothing else tells a function from a type
            ]
        elif not isinstance(each, _Gated):
            names.append(each.label)
    return names


def _output_functions(given: Any) -> set[str]:  # noqa: ANN401 - whatever the framework takes as a kind of output
    """Name the functions that the model's last answer would run, in whichever form it comes."""
    if isinstance(given, (list, tuple)):
        return {name for each in given for name in _output_functions(each)}
    if isinstance(given, ToolOutput):
        return _output_functions(given.output)
    if isinstance(given, (NativeOutput, PromptedOutput)):
        return _output_functions(given.outputs)
    if isinstance(given, TextOutput):
        return _output_functions(given.output_function)
    return {f"the output function {given.__name__}"} if isroutine(given) else set()
