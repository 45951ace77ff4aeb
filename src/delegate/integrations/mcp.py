"""MCP (SDK 2.x): a server that decides each call by the caller's chain, and a client that proves each.

    server = MCPServer("shop", extensions=[DelegateExtension(verifier)])                             # the service
    result = await call_tool(session, holder, "pay", {"amount": 5}, audience="shop.example.com")    # the agent

The rules of this file:

- What is decided is what runs. A call is decided below every middleware and every other extension, with its arguments
  as they came; what the tool's function will get must be the same request. Answers to a server's questions are
  arguments too, and each round is proven anew.
- Whatever a client may reach is guarded: tools, resources, prompts, completions, subscriptions, and the methods of
  other extensions. Only what opens a connection, and lists, needs no proof; a list shows what the chain could permit.
  Of notifications, the protocol's own pass.
- A call is decided before any code of the tool's own runs, its validators as well.
- A refused tool call is the tool's own error, in words that a model can act on. Everything else that is refused is a
  protocol error of its own number. Neither looks like success, or as if there were no such thing.
- A presentation travels in `_meta` under one key, or in `Authorization: Delegate …`: in one of the two (SPEC §11).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from weakref import WeakSet

try:
    from mcp.client.client import Client
    from mcp.client.context import ClientRequestContext
    from mcp.client.session import ClientSession
    from mcp.server.caching import CACHEABLE_METHODS
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.extension import Extension
    from mcp.server.lowlevel.server import Server
    from mcp.server.mcpserver.server import MCPServer
    from mcp.server.request_state import RequestStateBoundary
    from mcp.shared.exceptions import MCPError
    from mcp_types import (
        CacheableResult,
        CallToolRequestParams,
        CallToolResult,
        ErrorData,
        InputRequiredResult,
        ListPromptsResult,
        ListResourcesResult,
        ListResourceTemplatesResult,
        ListToolsResult,
        PaginatedRequestParams,
        RequestParamsMeta,
        TextContent,
    )
except ImportError as error:
    message = f"this needs version 2 of the `mcp` package: pip install 'delegate-token[mcp]' ({error})"
    raise ImportError(message) from None

from pydantic import BaseModel, ValidationError

from delegate.authoring.discharge import Discharge
from delegate.authoring.token import Presentation
from delegate.core.chain.request import Request, parse_json
from delegate.errors import DelegateError, Reason, TokenError
from delegate.holder import Holder
from delegate.integrations.guard import CallGuard, Costs, Facts, Outcome, check_runs, tool_request
from delegate.integrations.tools import could_be, told
from delegate.verifier.decision import Authorization, Decision
from delegate.verifier.verified import VerifiedChain
from delegate.verifier.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    from delegate.authoring.ask import Ask

KEY: Final = "delegate-token/delegation"  # SPEC §11: in `_meta`, and of the extension
REFUSED: Final = -32003  # of what is no tool call: the protocol has no number for it yet
ANSWERS: Final = "inputResponses"  # the argument that answers to a server's questions are
METHOD_PREFIX: Final = "mcp:"  # before a method that is an action; no tool's name has a colon

_CALL: Final = "tools/call"
_LISTS: Final = frozenset({"tools/list", "resources/list", "resources/templates/list", "prompts/list"})
_FREE: Final = frozenset({"initialize", "ping", "server/discover", "logging/setLevel"})
# What a client tells a server by the protocol. Any other would reach a handler without a proof, and is dropped.
_NOTIFICATIONS: Final = frozenset(
    f"notifications/{each}" for each in ("initialized", "cancelled", "progress", "roots/list_changed")
)
_STATE_MARK: Final = "delegate:"
_ROUNDS: Final = 10
_PAGES: Final = 100

Approve: TypeAlias = Callable[["tuple[Ask, ...]"], Awaitable[Sequence[Discharge]]]

_listed: WeakSet[ClientSession] = WeakSet()
_granted: ContextVar[Authorization] = ContextVar("delegate-granted")


def granted() -> Authorization:
    """Give the authorization of the call that runs now: for a tool, resource or prompt that wants to know.

    Raises:
        LookupError: no call that was decided here runs now.
    """
    return _granted.get()


class DelegateExtension(Extension):
    """Guards all that a server offers. Give it last in `extensions`; for the low-level server, `guard(server)`."""

    identifier = KEY

    def __init__(
        self,
        verifier: Verifier | AsyncVerifier,
        *,
        env: Facts = None,
        cost: Costs = None,
        observe: Callable[[Decision], object] | None = None,
        elicits: bool = False,
    ) -> None:
        """Set up a guard for one server.

        Args:
            verifier: decides.
            env: as for `CallGuard`; `call.context` is the SDK's context of the request.
            cost: as for `CallGuard`.
            observe: as for `CallGuard`.
            elicits: whether a tool may ask the client, or its model, while it runs (protocols before 2026-07-28). Such
                an answer comes without a proof and is decided by nobody: the tool itself must then ask
                `granted().allows(…)`. Questions that a tool returns need no such leave.

        Raises:
            TypeError: as for `CallGuard`.
        """
        self._guard = CallGuard(verifier, env=env, cost=cost, observe=observe)
        self._elicits = elicits
        self._app: MCPServer[Any] | None = None
        self._server: Server[Any] | None = None

    def settings(self) -> dict[str, Any]:
        """Tell clients the audience for which a proof must be, and take over the server that asks.

        The SDK hands no extension its server, and applies this one in the server's constructor.
        """
        caller = sys._getframe(1).f_locals.get("self")  # noqa: SLF001 - as said
        if isinstance(caller, MCPServer):
            self.guard(caller._lowlevel_server)  # noqa: SLF001 - it has no other name
            self._app = caller
        return {"audience": self._guard.audience}

    def guard(self, server: Server[Any]) -> None:
        """Guard a low-level server: all of its handlers, also those that it gets later. An `MCPServer` needs no call.

        Raises:
            ValueError: this object guards another server already.
        """
        if self._server is not None:
            message = "a DelegateExtension guards one server: make another one"
            raise ValueError(message)
        self._server = server
        if self not in server.middleware:
            server.middleware.append(self)

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """See to it, for each message, that the handler which it will come to is guarded: as a middleware.

        An object that was given as a middleware alone knows no server, and lets nothing through.
        """
        if ctx.request_id is None:  # nobody can prove one, and nobody is answered
            return await call_next(ctx) if ctx.method in _NOTIFICATIONS else None
        if ctx.method in _FREE:
            return await call_next(ctx)
        if self._server is None:
            raise MCPError(REFUSED, "DelegateExtension is not one of this server's extensions: nothing is served")
        entry = self._server.get_request_handler(ctx.method)
        if ctx.method == _CALL and entry is not None and self._intercepts(entry.handler):
            return await call_next(ctx)
        if entry is not None and not isinstance(entry.handler, _Guarded):
            self._server.add_request_handler(ctx.method, entry.params_type, _Guarded(self, entry.handler))
        return await call_next(ctx)

    def _intercepts(self, handler: object) -> bool:
        """Say whether a handler of calls is the SDK's own, which asks its extensions; any other is guarded itself."""
        return self._app is not None and getattr(handler, "__qualname__", "").startswith("compose_tool_call_handler.")

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Decide a call and run it, or say to the model why not."""
        if self._app is None or self._app._extensions[-1] is not self:  # noqa: SLF001 - as above
            # An extension below this one could change the arguments after they were decided.
            raise MCPError(REFUSED, "DelegateExtension is not the last of this server's extensions: nothing is served")
        return await self._call(ctx, params, call_next)

    async def _call(
        self, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams, call_next: CallNext
    ) -> HandlerResult:
        outcome = await self._decided(ctx, params, lambda: _tool_call(params))
        if not outcome.allowed:
            return _tool_error(outcome)
        granted_now, decision = outcome.authorization, outcome.decision
        assert granted_now is not None  # noqa: S101 - a verifier allowed it
        assert decision is not None  # noqa: S101 - the same
        try:  # the tool's own code, its validators, runs from here on, for whoever proved that it may
            found, will_run = self._validated(params)
            if found is not None:
                check_runs(decision.request, _answered(found, params.input_responses))
        except DelegateError as error:
            await self._guard.arelease(granted_now)
            return _tool_error(Outcome(decision, error))
        if not _take_state(params, granted_now):
            await self._guard.arelease(granted_now)
            wrong = DelegateError(Reason.MALFORMED, "`requestState` is another holder's")
            return _tool_error(Outcome(error=wrong))
        result = await self._run(ctx, granted_now, call_next)
        if isinstance(result, InputRequiredResult):
            result = self._marked(result, granted_now)
            will_run = False
        if not will_run:
            await self._guard.arelease(granted_now)
        return result

    async def _other(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: Any,  # noqa: ANN401 - a model of the SDK's
        handler: Callable[[Any, Any], Awaitable[HandlerResult]],
    ) -> HandlerResult:
        """Decide any other request."""

        async def call_next(inner: ServerRequestContext[Any, Any]) -> HandlerResult:
            return await handler(inner, params)

        if ctx.method == _CALL:
            return await self._call(ctx, params, call_next)
        if ctx.method in _LISTS:
            return await self._list(ctx, params, call_next)
        outcome = await self._decided(ctx, params, lambda: _method_call(ctx.method, params))
        if not outcome.allowed:
            raise _protocol_error(outcome)
        granted_now = outcome.authorization
        assert granted_now is not None  # noqa: S101 - as above
        if not _take_state(params, granted_now):
            await self._guard.arelease(granted_now)
            raise _protocol_error(Outcome(error=DelegateError(Reason.MALFORMED, "`requestState` is another holder's")))
        result = await self._run(ctx, granted_now, call_next)
        if isinstance(result, InputRequiredResult):
            await self._guard.arelease(granted_now)
            return self._marked(result, granted_now)
        return _private(ctx.method, result)

    async def _run(
        self, ctx: ServerRequestContext[Any, Any], granted_now: Authorization, call_next: CallNext
    ) -> HandlerResult:
        mark = _granted.set(granted_now)
        try:
            if self._elicits:
                return await call_next(ctx)
            return await call_next(replace(ctx, session=_Mute(ctx.session)))  # type: ignore[arg-type]
        finally:
            _granted.reset(mark)

    async def _decided(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: Any,  # noqa: ANN401 - a model of the SDK's
        make: Callable[[], Request],
    ) -> Outcome:
        try:
            await _check_body(ctx)
            presentation = _presented(ctx, params)
            request = make()
        except DelegateError as error:
            return Outcome(error=error)
        return await self._guard.adecide(presentation, request, context=ctx)

    def _validated(self, params: CallToolRequestParams) -> tuple[Mapping[str, object] | None, bool]:
        """Give the arguments as the tool's function will get them, those that were given, as JSON; and if it will run.

        What the function fills in itself, its defaults, is not the caller's and is left out.

        Raises:
            DelegateError: MALFORMED: they cannot be told as JSON.
        """
        if self._app is None:
            return None, True  # a low-level server hands on what came
        tool = self._app._tool_manager.get_tool(params.name)  # noqa: SLF001 - as above
        if tool is None:
            return None, False
        try:
            model = tool.fn_metadata.arg_model
            found = model.model_validate(tool.fn_metadata.pre_parse_json(params.arguments or {}))
            return found.model_dump(mode="json", by_alias=True, exclude_unset=True), True
        except ValidationError:
            return None, False  # the SDK says so itself, once the call is allowed
        except Exception as error:  # noqa: BLE001 - a validator of the tool's own, or a value that JSON does not have
            words = f"what would run cannot be compared: {type(error).__name__}"
            raise DelegateError(Reason.MALFORMED, words) from None

    def _marked(self, result: InputRequiredResult, granted_now: Authorization) -> InputRequiredResult:
        """Bind what comes back in the next round to the holder of this one; the SDK seals it."""
        assert self._server is not None  # noqa: S101 - as above
        if not any(isinstance(each, RequestStateBoundary) for each in self._server.middleware):
            raise MCPError(REFUSED, "this server has no RequestStateBoundary: whoever comes back could be anybody")
        return result.model_copy(update={"request_state": _mark(granted_now) + (result.request_state or "")})

    async def _list(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: PaginatedRequestParams | None,
        call_next: CallNext,
    ) -> HandlerResult:
        """Show of a list what the caller's chain could permit: all that is shown is for this caller alone."""
        result = await call_next(ctx)
        try:
            chain = await self._chain(_presented(ctx, params))
        except DelegateError as error:
            return _filtered(result, None, error)
        return _filtered(result, chain, None)

    async def _chain(self, presentation: str | None) -> VerifiedChain:
        verifier = self._guard.verifier
        if isinstance(verifier, AsyncVerifier):
            return await verifier.verify_chain(presentation)
        if verifier.is_in_memory:
            return verifier.verify_chain(presentation)
        import asyncio

        return await asyncio.to_thread(verifier.verify_chain, presentation)


class _Guarded:
    """A handler of the server's, behind a decision."""

    def __init__(self, extension: DelegateExtension, handler: Callable[[Any, Any], Awaitable[HandlerResult]]) -> None:
        self._extension = extension
        self._handler = handler

    async def __call__(self, ctx: ServerRequestContext[Any, Any], params: Any) -> HandlerResult:  # noqa: ANN401
        return await self._extension._other(ctx, params, self._handler)  # noqa: SLF001 - it is the extension's own


class _Mute:
    """The session as a guarded call sees it: it can tell the client anything, and ask it nothing that decides."""

    def __init__(self, session: object) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the session has
        if name.startswith("elicit") or name in {"create_message", "send_request"}:
            return _refuse_question
        return getattr(self._session, name)


async def _refuse_question(*_: object, **__: object) -> Any:  # noqa: ANN401 - never anything
    message = (
        "an answer that is asked for in the middle of a call is decided by nobody: return an InputRequiredResult, or "
        "set `elicits` and ask granted().allows(…)"
    )
    raise PermissionError(message)


def _tool_call(params: CallToolRequestParams) -> Request:
    """Make the request that a tool call is; answers are one more argument (SPEC §7.4)."""
    if params.name.startswith(METHOD_PREFIX):
        raise DelegateError(Reason.MALFORMED, f"a tool's name does not begin with `{METHOD_PREFIX}`")
    if params.task is not None:
        raise DelegateError(Reason.MALFORMED, "a call as a task runs after it was decided: it is not served")
    return tool_request(params.name, _answered(params.arguments or {}, params.input_responses))


def _answered(arguments: Mapping[str, object], answers: Mapping[str, BaseModel] | None) -> Mapping[str, object]:
    if ANSWERS in arguments:
        raise DelegateError(Reason.MALFORMED, f"an argument called `{ANSWERS}`, which is what answers are called")
    return {**arguments, ANSWERS: answers_json(answers)} if answers else arguments


def answers_json(answers: Mapping[str, BaseModel]) -> dict[str, object]:
    """Give answers to a server's questions as they are in a request: as they travel, without `_meta`."""
    return {
        key: {name: value for name, value in _dumped(each).items() if name != "_meta"} for key, each in answers.items()
    }


def _dumped(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _method_call(method: str, params: BaseModel | None) -> Request:
    """Make the request that any other method is (SPEC §7.4)."""
    values = {} if params is None else _dumped(params)
    for name in ("_meta", "requestState"):
        values.pop(name, None)
    reference = values.get("ref")
    resource = None
    if method == "prompts/get":
        resource = values.pop("name")
        arguments: Mapping[str, object] = values.pop("arguments", None) or {}
        values = {**_answered(arguments, None), **values}
    elif "uri" in values:
        resource = values.pop("uri")
    elif isinstance(reference, dict):
        resource = reference.get("uri", reference.get("name"))
    try:
        return Request(METHOD_PREFIX + method, resource, values)
    except TypeError as error:
        raise DelegateError(Reason.MALFORMED, str(error)) from None


def _presented(ctx: ServerRequestContext[Any, Any], params: Any) -> str | None:  # noqa: ANN401 - a model of the SDK's
    """Find the presentation; raises TokenError where there is more than one, or something else."""
    meta: Any = ctx.meta if ctx.meta is not None else getattr(params, "meta", None)
    found = [meta[KEY]] if meta is not None and KEY in meta else []
    headers = getattr(ctx.request, "headers", None)
    if headers is not None:
        given = headers.getlist("authorization")
        delegated = [each.partition(" ")[2].strip() for each in given if each.partition(" ")[0].lower() == "delegate"]
        if delegated and len(given) > 1:
            raise TokenError(Reason.MALFORMED, "more than one `Authorization` header")
        found += delegated
    if len(found) > 1:
        raise TokenError(Reason.MALFORMED, "a presentation in `_meta` and another one in the header")
    if found and not isinstance(found[0], str):
        raise TokenError(Reason.MALFORMED, f"`{KEY}` is not text")
    return found[0] if found else None


async def _check_body(ctx: ServerRequestContext[Any, Any]) -> None:
    """Refuse a message in which a key stands twice, where its bytes can still be seen: over HTTP."""
    body = getattr(ctx.request, "_body", None)
    if isinstance(body, bytes) and body:
        parse_json(body)


def _take_state(params: Any, granted_now: Authorization) -> bool:  # noqa: ANN401 - a model of the SDK's
    """Take our mark off a `requestState`, so that the tool sees what it said; `False` where it is another holder's."""
    state = getattr(params, "request_state", None)
    if state is None:
        return True
    mark = _mark(granted_now)
    if not state.startswith(mark):
        return False
    params.request_state = state.removeprefix(mark) or None
    return True


def _mark(granted_now: Authorization) -> str:
    return f"{_STATE_MARK}{granted_now.chain.link.block.key.thumbprint.hex()}:"


def _meta(outcome: Outcome) -> dict[str, Any]:
    """Say the same for programs: our own words, and the protocol's proposal for refusals."""
    found = outcome.told()
    hints = [{"type": "delegate-token/ask", "asks": list(found.asks)}] if found.asks else []
    proposal = {"reason": "insufficient_authorization", **({"remediationHints": hints} if hints else {})}
    return {KEY: found.to_json(), "authorization": proposal}


def _tool_error(outcome: Outcome) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=told(outcome))], is_error=True, _meta=_meta(outcome))


def _protocol_error(outcome: Outcome) -> MCPError:
    return MCPError(REFUSED, told(outcome), _meta(outcome))


def _private(method: str, result: HandlerResult) -> HandlerResult:
    """Have nobody else be given a result that was decided for one caller, out of a cache in between."""
    if isinstance(result, CacheableResult):
        return result.model_copy(update={"cache_scope": "private"})
    if method not in CACHEABLE_METHODS or result is None:
        return result
    values = _dumped(result) if isinstance(result, BaseModel) else result
    return {**values, "cacheScope": "private"}


def _filtered(result: HandlerResult, chain: VerifiedChain | None, error: DelegateError | None) -> HandlerResult:
    """Leave of a list what some block of the chain does not rule out anyway; say why, where that is nothing."""

    def kept(items: Sequence[Any], action: Callable[[Any], str]) -> list[Any]:
        return [] if chain is None else [each for each in items if could_be(chain.link, action(each))]

    update: dict[str, Any] = {"cache_scope": "private"}
    if isinstance(result, ListToolsResult):
        update["tools"] = kept(result.tools, lambda each: str(each.name))
    elif isinstance(result, ListResourcesResult):
        update["resources"] = kept(result.resources, lambda _: METHOD_PREFIX + "resources/read")
    elif isinstance(result, ListResourceTemplatesResult):
        update["resource_templates"] = kept(result.resource_templates, lambda _: METHOD_PREFIX + "resources/read")
    elif isinstance(result, ListPromptsResult):
        update["prompts"] = kept(result.prompts, lambda _: METHOD_PREFIX + "prompts/get")
    else:
        raise MCPError(REFUSED, "a list that this guard does not know: it is not shown")
    if error is not None:  # whoever lists has proven nothing, and gets the reason alone
        bare = DelegateError(error.reason, hop=error.hop)
        update["meta"] = {**(result.meta or {}), **_meta(Outcome(error=bare))}
    return result.model_copy(update=update)


def presentation_meta(presentation: Presentation, meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Put a presentation where a server looks for it, beside what else is to be in `_meta`: a trace, a progress token.

    For requests that `call_tool` does not make: `await session.read_resource(uri, meta=presentation_meta(proof))`.
    """
    return {**(meta or {}), KEY: presentation.to_text()}


async def call_tool(
    session: ClientSession | Client,
    holder: Holder,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    audience: str,
    discharges: Sequence[Discharge] = (),
    approve: Approve | None = None,
    meta: Mapping[str, Any] | None = None,
) -> CallToolResult:
    """Call a tool of a guarded server: each round is proven, for what it asks and for this server.

    Args:
        session: the SDK's session or client. What a server asks in the middle goes to its callbacks, and the answers
            are part of the next round's request.
        holder: the agent; only its chain travels, never its key.
        name: of the tool.
        arguments: JSON values.
        audience: the server's name, as you know it. Never as the server says: a proof for another service would be
            good there.
        discharges: what others have confirmed already.
        approve: is given what to ask of others, where the server says that somebody must confirm the call first; gives
            their discharges, and the call is made once more. It must show people what they confirm.
        meta: what else is to be in `_meta`.

    Returns:
        The result. A refusal is one with `is_error`, and says why.

    Raises:
        DelegateError: the arguments are no request, or the chain cannot be proven.
        MCPError: as the SDK's own. RuntimeError: the server asks for ever.
    """
    inner = session.session if isinstance(session, Client) else session
    await _list_once(inner, holder)
    given = dict(arguments or {})
    answers: dict[str, Any] | None = None
    state: str | None = None
    brought = tuple(discharges)
    asked = False
    for _ in range(_ROUNDS):
        request = tool_request(name, _answered(given, answers))
        proof = holder.prove(request, audience, discharges=brought)
        result = await inner.call_tool(
            name,
            given,
            input_responses=answers,
            request_state=state,
            meta=cast("RequestParamsMeta", presentation_meta(proof, meta)),
            allow_input_required=True,
        )
        if isinstance(result, InputRequiredResult):
            state = result.request_state
            answers = {}
            for key, question in (result.input_requests or {}).items():
                context = ClientRequestContext(session=inner, request_id=key)
                answer = await inner.dispatch_input_request(context, question)
                if isinstance(answer, ErrorData):
                    raise MCPError.from_error_data(answer)
                answers[key] = answer
            continue
        asks = _asks_of(result) if result.is_error and approve is not None and not asked else ()
        if not asks or approve is None:
            return result
        asked = True
        brought = (*brought, *await approve(asks))
    message = f"the server still asks after {_ROUNDS} rounds"
    raise RuntimeError(message)


async def _list_once(session: ClientSession, holder: Holder) -> None:
    """Have a session know the tools that the chain could permit: it checks results, and mirrors headers, by that."""
    if session in _listed:
        return
    _listed.add(session)
    meta = cast("RequestParamsMeta", {KEY: holder.token.to_text()})
    cursor: str | None = None
    for _ in range(_PAGES):
        found = await session.list_tools(params=PaginatedRequestParams(cursor=cursor, _meta=meta))
        cursor = found.next_cursor
        if cursor is None:
            return


def _asks_of(result: CallToolResult) -> tuple[Ask, ...]:
    """Read what a refusal says is to be asked; what cannot be read is left out: it is only a server's word."""
    from delegate.authoring.ask import Ask

    said = (result.meta or {}).get(KEY)
    texts = said.get("asks") if isinstance(said, Mapping) else None
    found = []
    for each in texts if isinstance(texts, list) else ():
        try:
            found.append(Ask.parse(each))
        except (DelegateError, TypeError):
            continue
    return tuple(found)
