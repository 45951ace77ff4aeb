"""MCP with the real SDK: what a server lets through, what it tells a model, and the ways around it that were tried."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from delegate import Ask, AsyncVerifier, Discharge, Holder, Identity, Request, RevokedBlock, Verifier, need
from delegate.state import connect
from delegate.verifier.decision import Decision
from tests.integrations import world

mcp = pytest.importorskip("mcp", reason="the mcp package is not installed")
import httpx2  # noqa: E402 - comes with mcp
import uvicorn  # noqa: E402 - the same
from mcp import Client, MCPError, StdioServerParameters  # noqa: E402
from mcp.server import MCPServer  # noqa: E402
from mcp.server.caching import CacheHint  # noqa: E402
from mcp.server.extension import Extension  # noqa: E402
from mcp.server.lowlevel import Server  # noqa: E402
from mcp.server.mcpserver import Context  # noqa: E402
from mcp_types import (  # noqa: E402
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    Notification,
    NotificationParams,
    ProgressNotification,
    ProgressNotificationParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    Tool,
)
from pydantic import AfterValidator, BaseModel  # noqa: E402

from delegate.integrations.mcp import (  # noqa: E402
    KEY,
    REFUSED,
    DelegateExtension,
    answers_json,
    call_tool,
    granted,
    presentation_meta,
)
from delegate.integrations.tools import could_be  # noqa: E402

MODES = ("2026-07-28", "legacy")


def holder(*can: str, **terms: Any) -> Holder:
    """A worker with a chain of two hops: the planner's is wide, the worker's as said."""
    wide = world.ALICE.mint(to=world.PLANNER.principal, can=["**", "** **"], ttl="1h", hops=2)
    narrow = world.PLANNER.attenuate(wide, to=world.WORKER.principal, can=list(can), ttl="30m", **terms)
    return Holder(world.WORKER, narrow)


class _Amount(BaseModel):
    amount: int


class Shop:
    """A guarded server that remembers what it did."""

    def __init__(self, verifier: Verifier | AsyncVerifier | None = None, **settings: Any) -> None:
        self.done: list[object] = []
        self.seen: list[Decision] = []
        self.verifier: Any = verifier or world.verifier()
        extension = DelegateExtension(self.verifier, observe=self.seen.append, **settings)
        self.server = MCPServer("shop", extensions=[extension])
        server, done = self.server, self.done

        @server.tool()
        def pay(amount: int, currency: str = "EUR") -> str:
            done.append((amount, currency))
            return f"paid {amount} for {granted().originator}"

        @server.tool()
        def refund(amount: int) -> str:
            done.append(amount)
            return "refunded"

        @server.tool()
        async def ask(ctx: Context) -> str:
            answer = await ctx.elicit("how much?", _Amount)
            done.append(answer)
            return "asked"

        @server.tool()
        async def rounds(ctx: Context) -> str | InputRequiredResult:
            if ctx.input_responses is None:
                form = ElicitRequestFormParams(
                    message="how much?",
                    requested_schema={"type": "object", "properties": {"amount": {"type": "integer"}}},
                )
                return InputRequiredResult(input_requests={"sum": ElicitRequest(params=form)}, request_state="round 1")
            answer = ctx.input_responses["sum"]
            assert isinstance(answer, ElicitResult)
            done.append((ctx.request_state, answer.content))
            return "done"

        @server.resource("shop://stock/{item}")
        def stock(item: str) -> str:
            done.append(item)
            return f"{item}: 5"

        @server.resource("shop://prices")
        def prices() -> str:
            done.append("prices")
            return "1"

        @server.prompt()
        def greet(name: str) -> str:
            done.append(name)
            return f"Say hello to {name}"


def run(story: Callable[[Client], Awaitable[None]], server: Any, mode: str = MODES[0], **callbacks: Any) -> None:
    """Play a story with a client of this server."""

    async def main() -> None:
        async with Client(server, mode=mode, **callbacks) as client:
            await story(client)

    asyncio.run(main())


def text(result: CallToolResult) -> str:
    """The words of a result."""
    return "".join(each.text for each in result.content if isinstance(each, TextContent))


@pytest.mark.parametrize("mode", MODES)
def test_a_call_within_the_chain_runs_and_knows_on_whose_authority(mode: str) -> None:
    """Three lines on either side."""
    shop = Shop()

    async def story(client: Client) -> None:
        result = await call_tool(client, holder("pay"), "pay", {"amount": 5}, audience=world.AUDIENCE)
        assert (result.is_error, text(result)) == (False, "paid 5 for user:alice@example.com")

    run(story, shop.server, mode)
    assert shop.done == [(5, "EUR")]


@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_is_a_tool_error_that_a_model_can_mend(mode: str) -> None:
    """It has the bound, the value and whom to ask; it is no success, and not `no such tool`."""
    shop = Shop()

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        result = await call_tool(client, agent, "pay", {"amount": 900}, audience=world.AUDIENCE)
        assert result.is_error
        assert "args.amount <= 500" in text(result)
        assert "900" in text(result)
        assert "ask agent:planner for more" in text(result)
        assert "unknown" not in text(result).lower()
        assert result.meta is not None
        assert result.meta[KEY]["reason"] == "capability_missing"
        assert result.meta["authorization"] == {"reason": "insufficient_authorization"}
        mended = await call_tool(client, agent, "pay", {"amount": 500}, audience=world.AUDIENCE)
        assert not mended.is_error

    run(story, shop.server, mode)
    assert shop.done == [(500, "EUR")]


def test_whoever_proves_nothing_is_told_nothing() -> None:
    """No chain; a stolen one; a proof for another call: reason and hop, and no word of the conditions."""
    shop = Shop()
    agent = holder("pay if args.amount <= 500")
    stolen = world.proof(agent, Request.tool("pay", {"amount": 1}))

    async def story(client: Client) -> None:
        bare = await client.call_tool("pay", {"amount": 5})
        assert bare.is_error
        assert "nothing_presented" in text(bare)
        for arguments in ({"amount": 2}, {"amount": 900}, {}):
            result = await client.call_tool("pay", arguments, meta=presentation_meta(stolen))  # type: ignore[arg-type]
            assert result.is_error
            assert "proof_wrong_request" in text(result)
            assert "500" not in text(result)
            assert "planner" not in text(result)
        other = await client.call_tool("refund", {"amount": 1}, meta=presentation_meta(stolen))  # type: ignore[arg-type]
        assert other.is_error
        good = await client.call_tool("pay", {"amount": 1}, meta=presentation_meta(stolen))  # type: ignore[arg-type]
        assert not good.is_error
        again = await client.call_tool("pay", {"amount": 1}, meta=presentation_meta(stolen))  # type: ignore[arg-type]
        assert "replayed" in text(again)

    run(story, shop.server)
    assert shop.done == [(1, "EUR")]


@pytest.mark.parametrize(
    "given", [{"amount": "666"}, {"amount": 666.0, "currency": " "}, {"amount": True}, {"amount": 1, "note": "x"}]
)
def test_what_the_sdk_would_convert_or_drop_does_not_run(given: dict[str, Any]) -> None:
    """`"666"` is not 666 for a condition, and pays 666 all the same: refused, unless both are one request."""
    shop = Shop()

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount != 666 || args.currency == ' '")
        result = await call_tool(client, agent, "pay", given, audience=world.AUDIENCE)
        assert result.is_error == ("currency" not in given)
        if result.is_error:
            assert "would be converted" in text(result)

    run(story, shop.server)
    assert shop.done == ([(666, " ")] if "currency" in given else [])


CHECKED: list[str] = []


def _checked(value: str) -> str:
    CHECKED.append(value)
    return value.strip()


def test_a_tools_own_validators_run_for_whoever_proved_that_it_may() -> None:
    """Code of the application's does not run for anybody, and nobody else is told what it says."""
    with connect("memory://") as state:
        shop = Shop(Verifier([world.ALICE.principal], audience=world.AUDIENCE, state=state))

        CHECKED.clear()

        @shop.server.tool()
        def label(text: Annotated[str, AfterValidator(_checked)]) -> str:
            return text

        async def story(client: Client) -> None:
            assert (await client.call_tool("label", {"text": "x"})).is_error
            assert "would be" not in text(await client.call_tool("label", {"text": " x"}))
            other = await call_tool(client, holder("pay"), "label", {"text": " x"}, audience=world.AUDIENCE)
            assert "capability_missing" in text(other)
            assert CHECKED == []
            agent = holder("label", budget={"calls": 1})
            converted = await call_tool(client, agent, "label", {"text": " x"}, audience=world.AUDIENCE)
            assert "would be converted" in text(converted)
            assert CHECKED == [" x"]
            assert text(await call_tool(client, agent, "label", {"text": "x"}, audience=world.AUDIENCE)) == "x"

        run(story, shop.server)


class _Note(NotificationParams):
    amount: int = 0


class _Pay(Notification[_Note, str]):
    method: str = "x/pay"
    params: _Note


def test_a_notification_reaches_no_handler_of_the_services_own() -> None:
    """Nobody can prove one. The protocol's own pass."""
    shop = Shop()
    arrived = asyncio.Event()

    async def note(ctx: Any, params: _Note) -> None:
        shop.done.append(params.amount)

    async def progress(ctx: Any, params: Any) -> None:
        arrived.set()

    low = shop.server._lowlevel_server
    low.add_notification_handler("x/pay", _Note, note)
    low.add_notification_handler("notifications/progress", ProgressNotificationParams, progress)

    async def story(client: Client) -> None:
        await client.session.send_notification(_Pay(params=_Note(amount=50)))  # type: ignore[arg-type]
        own = ProgressNotificationParams(progress_token="1", progress=0.5)
        await client.session.send_notification(ProgressNotification(params=own))
        await arrived.wait()

    run(story, shop.server, "legacy")
    assert shop.done == []


@pytest.mark.parametrize("as_dict", [False, True])
def test_what_was_decided_for_one_caller_is_in_no_shared_cache(as_dict: bool) -> None:
    """Whatever the service says of its own results."""
    low: Server[Any] = Server("shop", cache_hints={"resources/read": CacheHint(ttl_ms=60_000, scope="public")})

    async def read(ctx: Any, params: ReadResourceRequestParams) -> Any:
        found = ReadResourceResult(contents=[], ttl_ms=60_000, cache_scope="public")
        return found.model_dump(by_alias=True, exclude={"cache_scope"}) if as_dict else found

    low.add_request_handler("resources/read", ReadResourceRequestParams, read)
    DelegateExtension(world.verifier()).guard(low)
    agent = holder("mcp:resources/read shop://**")

    async def story(client: Client) -> None:
        proof = agent.prove(Request("mcp:resources/read", "shop://prices", {}), world.AUDIENCE)
        result = await client.session.read_resource("shop://prices", meta=presentation_meta(proof))  # type: ignore[call-overload]
        assert isinstance(result, ReadResourceResult)
        assert (result.cache_scope, result.ttl_ms) == ("private", 60_000)

    run(story, low)


def test_wrong_arguments_and_unknown_tools_are_told_to_whoever_may_call() -> None:
    """And they cost nothing: what did not run is given back. Whoever may not is told that, and no more."""
    with connect("memory://") as state:
        shop = Shop(Verifier([world.ALICE.principal], audience=world.AUDIENCE, state=state))
        agent = holder("pay", "gone", budget={"calls": 1})

        async def story(client: Client) -> None:
            for name, arguments in (("pay", {"amount": "many"}), ("gone", {}), ("pay", {})):
                result = await call_tool(client, agent, name, arguments, audience=world.AUDIENCE)
                assert result.is_error
                assert "Refused" not in text(result)
            refused = await call_tool(client, agent, "gone2", {}, audience=world.AUDIENCE)
            assert "capability_missing" in text(refused)
            assert not (await call_tool(client, agent, "pay", {"amount": 1}, audience=world.AUDIENCE)).is_error
            spent = await call_tool(client, agent, "pay", {"amount": 1}, audience=world.AUDIENCE)
            assert "budget_exhausted" in text(spent)

        run(story, shop.server)
    assert shop.done == [(1, "EUR")]


@pytest.mark.parametrize("mode", MODES)
def test_lists_show_what_the_chain_could_permit_and_only_that(mode: str) -> None:
    """For the caller alone; without a chain nothing, and the reason is said."""
    shop = Shop()
    agent = holder("pay if args.amount < 5", "mcp:prompts/get")

    async def story(client: Client) -> None:
        meta: Any = {KEY: agent.token.to_text()}
        bare = await client.list_tools()
        assert bare.tools == []
        assert bare.meta is not None
        assert bare.meta[KEY]["reason"] == "nothing_presented"
        shown = await client.list_tools(meta=meta, cache_mode="bypass")
        assert [each.name for each in shown.tools] == ["pay"]
        assert shown.cache_scope == "private"
        assert (await client.list_resources(meta=meta, cache_mode="bypass")).resources == []
        assert (await client.list_resource_templates(meta=meta, cache_mode="bypass")).resource_templates == []
        assert [each.name for each in (await client.list_prompts(meta=meta, cache_mode="bypass")).prompts] == ["greet"]
        for bad in ("dlgt_x", 5, [agent.token.to_text()], MALLORYS.token.to_text()):
            meta = {KEY: bad}
            assert (await client.list_tools(meta=meta, cache_mode="bypass")).tools == []
        shop.verifier.accept_revocations(world.PLANNER.revoke(blocks=[RevokedBlock.of(agent.token, why="s3cret")]))
        meta = {KEY: agent.token.to_text()}
        revoked = await client.list_tools(meta=meta, cache_mode="bypass")
        assert revoked.tools == []
        assert "s3cret" not in str(revoked)

    run(story, shop.server, mode)


MALLORYS = Holder(world.MALLORY, Identity.generate("user:eve").mint(to=world.MALLORY.principal, can=["**"], ttl="1h"))


@pytest.mark.parametrize("mode", MODES)
def test_resources_and_prompts_are_guarded_as_tools_are(mode: str) -> None:
    """By an error of its own number: not `no such resource`, and not success."""
    shop = Shop()
    agent = holder("mcp:resources/read shop://stock/*", "mcp:prompts/get greet if args.name == 'Bob'")

    async def story(client: Client) -> None:
        async def refused(call: Awaitable[Any], word: str) -> None:
            with pytest.raises(MCPError) as error:
                await call
            assert error.value.error.code == REFUSED
            assert word in error.value.error.message

        def proof(request: Request) -> Any:
            return presentation_meta(world.proof(agent, request))

        pears, prices = (Request("mcp:resources/read", uri) for uri in ("shop://stock/pears", "shop://prices"))
        found = await client.read_resource("shop://stock/pears", meta=proof(pears))
        assert "pears: 5" in str(found.contents)
        await refused(client.read_resource("shop://stock/pears"), "nothing_presented")
        await refused(client.read_resource("shop://prices", meta=proof(prices)), "capability_missing")
        await refused(client.read_resource("shop://prices", meta=proof(pears)), "proof_wrong_request")
        for name in ("Bob", "Eve"):
            request = Request("mcp:prompts/get", "greet", {"name": name})
            asked = client.get_prompt("greet", {"name": name}, meta=proof(request))
            if name == "Bob":
                assert "Bob" in str((await asked).messages)
            else:
                await refused(asked, "capability_missing")
        await refused(client.get_prompt("greet", {"name": "Bob"}), "nothing_presented")

    run(story, shop.server, mode)
    assert shop.done == ["pears", "Bob"]


def test_handlers_that_are_added_later_are_guarded_too() -> None:
    """A completion reads the server's data as well; so does whatever another extension serves."""
    shop = Shop()

    @shop.server.completion()  # type: ignore[no-untyped-call,untyped-decorator]
    async def complete(ref: Any, argument: Any, context: Any) -> Any:
        shop.done.append("completed")

    async def story(client: Client) -> None:
        from mcp_types import PromptReference

        with pytest.raises(MCPError) as error:
            await client.complete(PromptReference(name="greet"), {"name": "name", "value": "B"})
        assert error.value.error.code == REFUSED

    run(story, shop.server)
    assert shop.done == []


class Rewriting(Extension):
    """Changes the arguments of a call after everybody above has looked at them."""

    identifier = "com.example/rewriting"

    async def intercept_tool_call(self, params: Any, ctx: Any, call_next: Any) -> Any:
        """Pay more."""
        params.arguments["amount"] = 9_999
        return await call_next(ctx)


@pytest.mark.parametrize("ours_is_last", [True, False])
def test_an_extension_below_cannot_change_what_was_decided(ours_is_last: bool) -> None:
    """Ours must be the last one: else nothing is served. Above it, a change is decided, and refused."""
    done: list[int] = []
    ours = DelegateExtension(world.verifier())
    server = MCPServer("shop", extensions=[Rewriting(), ours] if ours_is_last else [ours, Rewriting()])

    @server.tool()
    def pay(amount: int) -> str:
        done.append(amount)
        return "paid"

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        if ours_is_last:
            result = await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)
            assert "proof_wrong_request" in text(result)
        else:
            with pytest.raises(MCPError, match="not the last"):
                await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)

    run(story, server)
    assert done == []


def test_a_middleware_that_rewrites_cannot_either() -> None:
    """Wherever it stands: handlers are below all middlewares, and are what is guarded."""
    shop = Shop()

    async def rewriting(ctx: Any, call_next: Any) -> Any:
        from dataclasses import replace

        if ctx.method == "tools/call":
            ctx = replace(ctx, params={**ctx.params, "arguments": {"amount": 9_999}})
        if ctx.method == "resources/read":
            ctx = replace(ctx, params={**ctx.params, "uri": "shop://prices"})
        return await call_next(ctx)

    shop.server.middleware.append(rewriting)
    agent = holder("pay if args.amount <= 500", "mcp:resources/read shop://stock/*")

    async def story(client: Client) -> None:
        result = await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)
        assert result.is_error
        meta: Any = presentation_meta(world.proof(agent, Request("mcp:resources/read", "shop://stock/pears")))
        with pytest.raises(MCPError) as error:
            await client.read_resource("shop://stock/pears", meta=meta)
        assert error.value.error.code == REFUSED

    run(story, shop.server)
    assert shop.done == []


def test_a_handler_of_calls_that_replaces_the_sdks_own_is_guarded_too() -> None:
    """It asks no extension, so the guard is put around it."""
    from mcp_types import CallToolRequestParams

    shop = Shop()

    async def other(ctx: Any, params: Any) -> CallToolResult:
        shop.done.append(params.arguments)
        return CallToolResult(content=[TextContent(text="paid")], structured_content={"result": "paid"})

    shop.server._lowlevel_server.add_request_handler("tools/call", CallToolRequestParams, other)

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        assert (await client.call_tool("pay", {"amount": 5})).is_error
        assert (await call_tool(client, agent, "pay", {"amount": 501}, audience=world.AUDIENCE)).is_error
        assert not (await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)).is_error

    run(story, shop.server)
    assert shop.done == [{"amount": 5}]


@pytest.mark.parametrize("as_extension", [True, False])
def test_as_a_middleware_it_needs_to_be_an_extension_too(as_extension: bool) -> None:
    """Given as both it is one guard; as a middleware alone it knows no server, and serves nothing."""
    ours = DelegateExtension(world.verifier())
    server = MCPServer("shop", extensions=[ours] if as_extension else [], middleware=[ours])

    @server.tool()
    def pay(amount: int) -> str:
        return "paid"

    async def story(client: Client) -> None:
        asked = call_tool(client, holder("pay"), "pay", {"amount": 5}, audience=world.AUDIENCE)
        if as_extension:
            assert not (await asked).is_error
        else:
            with pytest.raises(MCPError, match="nothing is served"):
                await asked

    run(story, server)


def test_one_extension_does_not_serve_two_servers() -> None:
    """The second one would be guarded by the tools of the first."""
    extension = DelegateExtension(world.verifier())
    MCPServer("one", extensions=[extension])
    with pytest.raises(ValueError, match="one server"):
        MCPServer("two", extensions=[extension])


async def answer(ctx: Any, params: Any) -> ElicitResult:
    """What the client's user types."""
    return ElicitResult(action="accept", content={"amount": 100_000})


@pytest.mark.parametrize(
    ("can", "allowed"),
    [
        ("rounds if !has(args.inputResponses) || args.inputResponses.sum.content.amount <= 500", False),
        ("rounds()", False),
        ("rounds", True),
    ],
)
def test_an_answer_is_decided_with_its_call_in_each_round(can: str, allowed: bool) -> None:
    """100,000 was once paid by an answer that nobody had looked at."""
    shop = Shop()

    async def story(client: Client) -> None:
        result = await call_tool(client, holder(can), "rounds", {}, audience=world.AUDIENCE)
        assert result.is_error is not allowed, text(result)

    run(story, shop.server, elicitation_callback=answer)
    assert shop.done == ([("round 1", {"amount": 100_000})] if allowed else [])


def test_the_first_rounds_proof_serves_no_other_round() -> None:
    """The SDK's own client sends the same `_meta` in each round: refused there, since the request is another."""
    shop = Shop()
    proof = world.proof(holder("rounds"), Request.tool("rounds"))

    async def story(client: Client) -> None:
        result = await client.call_tool("rounds", {}, meta=presentation_meta(proof))  # type: ignore[arg-type]
        assert result.is_error
        assert "proof_wrong_request" in text(result)

    run(story, shop.server, elicitation_callback=answer)
    assert shop.done == []


def test_a_state_that_another_holder_was_given_is_refused() -> None:
    """A's was once accepted from B; nobody pays for what was refused for that."""
    shop = Shop()
    answers: Any = {"sum": ElicitResult(action="accept", content={"amount": 1})}
    other = Identity.generate("agent:other")
    wide = world.ALICE.mint(to=other.principal, can=["rounds"], ttl="1h")

    async def story(client: Client) -> None:
        def meta(agent: Holder, **arguments: Any) -> Any:
            return presentation_meta(world.proof(agent, Request.tool("rounds", arguments)))

        mine = holder("rounds")
        session = client.session
        first = await session.call_tool("rounds", {}, meta=meta(mine), allow_input_required=True)
        assert isinstance(first, InputRequiredResult)
        given = {"inputResponses": answers_json(answers)}
        for agent, allowed in ((Holder(other, wide), False), (mine, True)):
            result = await session.call_tool(
                "rounds", {}, meta=meta(agent, **given), input_responses=answers, request_state=first.request_state
            )
            assert result.is_error is not allowed
            assert allowed or "another holder's" in text(result)

    run(story, shop.server)
    assert shop.done == [("round 1", {"amount": 1})]


@pytest.mark.parametrize("elicits", [False, True])
def test_a_tool_cannot_ask_in_the_middle_of_a_call_unless_it_may(elicits: bool) -> None:
    """In the older protocol an answer comes without a proof."""
    shop = Shop(elicits=elicits)

    async def story(client: Client) -> None:
        result = await call_tool(client, holder("ask"), "ask", {}, audience=world.AUDIENCE)
        assert result.is_error is not elicits

    run(story, shop.server, "legacy", elicitation_callback=answer)
    assert len(shop.done) == elicits


def test_an_approval_is_asked_for_and_given() -> None:
    """The refusal has what to ask, for a proven holder alone; the next call brings the confirmation."""
    shop = Shop(world.verifier(third_parties=[world.BOB.principal]))
    agent = holder("pay", needs=need(world.BOB.principal, condition="said.approved == true"))
    seen: list[str] = []

    async def approve(asks: tuple[Ask, ...]) -> list[Discharge]:
        seen.extend(each.request.describe() for each in asks if each.request is not None)
        return [world.BOB.discharge(each, says={"approved": True}, ttl="5m") for each in asks]

    async def story(client: Client) -> None:
        alone = await call_tool(client, agent, "pay", {"amount": 7}, audience=world.AUDIENCE)
        assert alone.is_error
        assert "dlga_" in text(alone)
        assert alone.meta is not None
        assert alone.meta["authorization"]["remediationHints"][0]["type"] == "delegate-token/ask"
        result = await call_tool(client, agent, "pay", {"amount": 7}, audience=world.AUDIENCE, approve=approve)
        assert not result.is_error, text(result)

    run(story, shop.server)
    assert seen == ['["pay", null, {"amount": 7}]']
    assert shop.done == [(7, "EUR")]


def test_a_verifier_that_is_awaited_serves_too() -> None:
    """The loop goes on while a store is waited for."""
    shop = Shop(world.async_verifier())

    async def story(client: Client) -> None:
        result = await call_tool(client, holder("pay"), "pay", {"amount": 5}, audience=world.AUDIENCE)
        assert not result.is_error
        meta: Any = {KEY: holder("pay").token.to_text()}
        listed = await client.list_tools(meta=meta)
        assert [each.name for each in listed.tools] == ["pay"]

    run(story, shop.server)


def test_calls_at_once_are_each_decided_with_their_own_arguments() -> None:
    """Twenty calls in parallel, every other one beyond the bound."""
    shop = Shop()

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        calls = [call_tool(client, agent, "pay", {"amount": 491 + n}, audience=world.AUDIENCE) for n in range(20)]
        results = await asyncio.gather(*calls)
        assert [each.is_error for each in results] == [False] * 10 + [True] * 10

    run(story, shop.server)
    assert sorted(shop.done) == [(491 + n, "EUR") for n in range(10)]  # type: ignore[type-var]


@pytest.mark.parametrize("given", [5, None, ["x"], "", "x" * 100_000, {"a": 1}])
def test_whatever_stands_in_the_place_of_a_presentation_is_refused(given: Any) -> None:
    """Nothing else comes of it."""
    shop = Shop()
    meta: Any = {KEY: given}

    async def story(client: Client) -> None:
        result = await client.call_tool("pay", {"amount": 5}, meta=meta)
        assert result.is_error
        assert "Refused" in text(result)

    run(story, shop.server)
    assert shop.done == []


def test_a_tools_name_that_would_be_a_method_is_refused() -> None:
    """Who may read a resource may not call a tool of that name."""
    shop = Shop()
    shop.server.add_tool(lambda: shop.done.append("ran"), name="mcp:ping")

    async def story(client: Client) -> None:
        result = await call_tool(client, holder("**"), "mcp:ping", {}, audience=world.AUDIENCE)
        assert result.is_error
        collides = await client.call_tool("pay", {"inputResponses": {}, "amount": 1})
        assert collides.is_error

    run(story, shop.server)
    assert shop.done == []


def test_a_low_level_server_is_guarded_by_one_call() -> None:
    """It hands on the arguments as they came; all of its handlers are behind the guard."""
    done: list[object] = []

    async def on_call(ctx: Any, params: Any) -> CallToolResult:
        done.append(params.arguments)
        return CallToolResult(content=[TextContent(text=granted().holder)])

    async def on_list(ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="pay", input_schema={"type": "object"})])

    server: Server[Any] = Server("shop", on_call_tool=on_call, on_list_tools=on_list)
    DelegateExtension(world.verifier()).guard(server)

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        assert (await client.call_tool("pay", {"amount": 5})).is_error
        assert text(await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)) == "agent:worker"
        assert (await call_tool(client, agent, "pay", {"amount": 501}, audience=world.AUDIENCE)).is_error

    run(story, server)
    assert done == [{"amount": 5}]


@contextlib.contextmanager
def serving(shop: Shop, **settings: Any) -> Iterator[str]:
    """Serve over HTTP, on this machine alone; gives the URL."""
    import socket
    import threading

    app = shop.server.streamable_http_app(**settings)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.mark.parametrize(("mode", "settings"), [(MODES[0], {}), ("legacy", {}), ("legacy", {"stateless_http": True})])
def test_over_http(mode: str, settings: dict[str, Any]) -> None:
    """Allowed, refused, unproven; and a tool cannot be called past the guard by another line of JSON."""
    shop = Shop()

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        good = await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)
        assert text(good) == "paid 5 for user:alice@example.com"
        assert (await call_tool(client, agent, "pay", {"amount": 501}, audience=world.AUDIENCE)).is_error
        assert (await client.call_tool("pay", {"amount": 5})).is_error

    with serving(shop, **settings) as url:
        run(story, url, mode)
    assert shop.done == [(5, "EUR")]


HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
MODERN = {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "pay",
}


def body(arguments: str, meta: str = "{}") -> str:
    """A call as it travels, written by hand."""
    reserved = json.dumps(
        {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    )
    both = reserved[:-1] + ("," + meta[1:] if meta != "{}" else "}")
    call = f'{{"name": "pay", "arguments": {arguments}, "_meta": {both}}}'
    return f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {call}}}'


def test_by_hand_over_http() -> None:
    """The presentation in the header; then what a hostile client would send."""
    shop = Shop()
    agent = holder("pay if args.amount <= 500")

    def proof(amount: int = 5) -> str:
        return world.proof(agent, Request.tool("pay", {"amount": amount})).to_text()

    async def story(url: str) -> None:
        async with httpx2.AsyncClient() as client:

            async def post(content: str, *more: tuple[str, str], **changed: str) -> httpx2.Response:
                headers = [*{**HEADERS, **MODERN, **changed}.items(), *more]
                return await client.post(url, content=content, headers=headers)

            def ran(response: httpx2.Response) -> bool:
                found = response.json()
                return "result" in found and not found["result"].get("isError")

            five = body('{"amount": 5}')
            assert ran(await post(five, ("authorization", f"Delegate {proof()}")))
            assert shop.done == [(5, "EUR")]
            shop.done.clear()
            # Two presentations, in two headers or in two places.
            assert not ran(await post(five, *[("authorization", f"Delegate {proof()}")] * 2))
            assert not ran(await post(five, ("authorization", f"Delegate {proof()}, Delegate {proof()}")))
            with_meta = body('{"amount": 5}', json.dumps({KEY: proof()}))
            assert not ran(await post(with_meta, ("authorization", f"Delegate {proof()}")))
            assert not ran(await post(five, ("authorization", "Bearer x"), ("authorization", f"Delegate {proof()}")))
            # A key twice: one reader takes the first, another the last.
            assert not ran(await post(body('{"amount": 5, "amount": 9999}', json.dumps({KEY: proof(9999)}))))
            assert not ran(await post(body('{"amount": 9999, "amount": 5}', json.dumps({KEY: proof()}))))
            # Headers that say another call than the body, a batch, and a body that is cut off.
            for name, other in (("mcp-name", "refund"), ("mcp-method", "tools/list")):
                answer = await post(body('{"amount": 5}', json.dumps({KEY: proof()})), **{name: other})
                assert not ran(answer)
            batch = await post("[" + body('{"amount": 5}', json.dumps({KEY: proof()})) + "]")
            assert batch.status_code >= 400
            assert (await post(with_meta[:-20])).status_code >= 400
            # Case and room in the scheme are the header's own business.
            assert ran(await post(five, ("authorization", f"dELEGATE   {proof()}")))

    with serving(shop, json_response=True) as url:
        asyncio.run(story(url))
    assert shop.done == [(5, "EUR")]


ROOT = Path(__file__).parents[2]
STDIO = """
from delegate import MemoryReplay
from tests.integrations import test_mcp, world
test_mcp.Shop(world.verifier(replay=MemoryReplay(since=0))).server.run()
"""


def test_over_stdio() -> None:
    """Another process, whose only tie to us is a pipe: there is no header, and `_meta` carries the presentation."""

    async def story(client: Client) -> None:
        agent = holder("pay if args.amount <= 500")
        assert not (await call_tool(client, agent, "pay", {"amount": 5}, audience=world.AUDIENCE)).is_error
        assert (await call_tool(client, agent, "pay", {"amount": 501}, audience=world.AUDIENCE)).is_error

    run(story, StdioServerParameters(command=sys.executable, args=["-c", STDIO], cwd=ROOT))


def test_what_a_client_sends_beside_travels_on() -> None:
    """A trace, for example."""
    seen: list[Any] = []
    extension = DelegateExtension(world.verifier(), env=lambda call: seen.append(dict(call.context.meta)))
    server = MCPServer("shop", extensions=[extension])
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @server.tool()
    def look() -> str:
        return "seen"

    async def story(client: Client) -> None:
        meta = {"com.example/trace": trace}
        result = await call_tool(client, holder("look"), "look", audience=world.AUDIENCE, meta=meta)
        assert not result.is_error

    run(story, server)
    assert seen[0]["com.example/trace"] == trace


def test_a_list_rules_out_by_every_block() -> None:
    """A name is shown where each block that has capabilities has one for it."""
    agent = holder("pay.*", "refund")
    shown = [each for each in ("pay.card", "pay", "refund", "look") if could_be(agent.token.link, each)]
    assert shown == ["pay.card", "refund"]
