"""A2A with the real SDK, over its JSON-RPC and its REST: what a message brings along, and what is refused."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from delegate import DelegateError, Holder, Identity, Principal, Reason, Request, RevokedBlock, VerificationError
from tests.integrations import world

pytest.importorskip("a2a", reason="a2a-sdk is not installed")
import httpx
from a2a.client import ClientConfig
from a2a.client.client_factory import create_client
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_message, new_text_status_update_event
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    Message,
    Role,
    SendMessageRequest,
    TaskState,
)
from a2a.utils.errors import A2AError, InvalidRequestError
from a2a.utils.signing import create_agent_card_signer, create_signature_verifier
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from starlette.applications import Starlette
from starlette.routing import Mount

from delegate.integrations.a2a import (
    URI,
    DelegateExecutor,
    DelegateInterceptor,
    digest,
    extension,
    received,
)

PEER = Identity.from_seed("agent:peer", b"R" * 32)
URL = "http://peer.example.com/a2a"
PAY = Request("pay", None, {"amount": 5})


def holder(**terms: Any) -> Holder:
    """A worker that may hand on."""
    wide = world.ALICE.mint(to=world.PLANNER.principal, can=["pay", "refund"], ttl="1h", hops=3)
    return Holder(world.WORKER, world.PLANNER.attenuate(wide, to=world.WORKER.principal, **terms))


class Peer(AgentExecutor):
    """Works for whoever handed it a chain, and remembers whose."""

    def __init__(self) -> None:
        self.worked: list[tuple[str, Holder]] = []
        self.tenants: list[str] = []

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Say who is served; a message that asks for more leaves a task open."""
        text = context.get_user_input()
        self.worked.append((text, received()))
        self.tenants.append(context.tenant)
        if context.current_task is not None:
            assert context.context_id == context.current_task.context_id
        assert context.message is not None
        if context.current_task is None and "task" not in text:
            await event_queue.enqueue_event(new_text_message("done", role=Role.ROLE_AGENT))
            return
        task = context.current_task or new_task_from_user_message(context.message)
        if context.current_task is None:
            await event_queue.enqueue_event(task)
        state = TaskState.TASK_STATE_INPUT_REQUIRED if "more" in text else TaskState.TASK_STATE_COMPLETED
        await event_queue.enqueue_event(new_text_status_update_event(task.id, task.context_id, state, "well"))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Nothing to do."""


def card(binding: str = "JSONRPC", url: str = URL) -> AgentCard:
    """What the peer says of itself."""
    return AgentCard(
        name="peer",
        version="1",
        supported_interfaces=[AgentInterface(url=url, protocol_binding=binding, protocol_version="1.0")],
        capabilities=AgentCapabilities(streaming=False),
    )


class Wire:
    """A peer and a client for it, without a network between them."""

    def __init__(self, verifier: Any = None) -> None:
        self.peer = Peer()
        self.verifier = verifier or world.verifier()
        guarded = DelegateExecutor(self.peer, self.verifier, PEER)
        handler = DefaultRequestHandler(guarded, InMemoryTaskStore(), card())
        routes = [*create_jsonrpc_routes(handler, "/a2a"), Mount("/a2a", routes=create_rest_routes(handler))]
        self.app = Starlette(routes=routes)

    async def send(
        self,
        *sent: Message | SendMessageRequest,
        by: Any,
        binding: str = "JSONRPC",
        change: Callable[[dict[str, Any]], None] | None = None,
        around: Callable[[dict[str, Any]], None] | None = None,
        tenant: str = "",
    ) -> list[Any]:
        """Send messages, one after the other; gives the answers. `change` and `around` are somebody on the way."""
        import json

        async def tamper(request: httpx.Request) -> None:
            if change is not None or around is not None:
                body = json.loads(request.content)
                if change is not None:
                    change(body["params"]["message"])
                if around is not None:
                    around(body["params"])
                content = json.dumps(body).encode()
                request.stream = httpx.ByteStream(content)
                request.headers["content-length"] = str(len(content))

        found: list[Any] = []
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, event_hooks={"request": [tamper]}) as http:
            config = ClientConfig(httpx_client=http, streaming=False, supported_protocol_bindings=[binding])
            found_card = card(binding)
            found_card.supported_interfaces[0].tenant = tenant
            client = await create_client(found_card, config, interceptors=[] if by is None else [by])
            for each in sent:
                asked = each if isinstance(each, SendMessageRequest) else SendMessageRequest(message=each)
                if found and found[-1].HasField("task"):
                    asked.message.task_id = found[-1].task.id
                async for answer in client.send_message(asked):
                    found.append(answer)  # noqa: PERF401 - read above
        return found


def message(text: str = "pay the printer") -> Message:
    """What an agent says to another."""
    return new_text_message(text, role=Role.ROLE_USER)


AGENTS = {URL: PEER.principal}


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
def test_the_next_agent_holds_a_chain_of_its_own_and_can_prove(binding: str) -> None:
    """Three lines on either side; the hop is the natural one, narrowed as the sender says."""
    wire = Wire()
    by = DelegateInterceptor(holder(), AGENTS, narrow=lambda sent, agent: {"can": "pay if args.amount <= 50"})
    asyncio.run(wire.send(message(), by=by, binding=binding))
    ((text, held),) = wire.peer.worked
    assert text == "pay the printer"
    assert [hop.holder for hop in wire.verifier.verify_chain(held.token).hops][-2:] == ["agent:worker", "agent:peer"]
    shop = world.verifier()
    assert shop.decide(held.prove(PAY, world.AUDIENCE), PAY).allowed
    more = Request("pay", None, {"amount": 51})
    assert shop.decide(held.prove(more, world.AUDIENCE), more).reason is Reason.CAPABILITY_MISSING
    with pytest.raises(DelegateError, match="hop"):
        held.spawn("agent:more", ttl="1m")


def test_a_task_goes_on_with_a_chain_for_each_message() -> None:
    """The server puts in the ids of what it keeps; a message without a task's id opens one of its own."""
    wire = Wire()
    by = DelegateInterceptor(holder(), AGENTS)
    first, second = asyncio.run(wire.send(message("a task, and more"), message("the end of the task"), by=by))
    assert first.task.id == second.task.id
    assert [text for text, _ in wire.peer.worked] == ["a task, and more", "the end of the task"]


def refused(wire: Wire, **settings: Any) -> str:
    """Send one message that is refused; gives what the sender is told."""
    with pytest.raises(A2AError) as error:
        asyncio.run(wire.send(settings.pop("sent", message()), **settings))
    assert wire.peer.worked == []
    return str(error.value)


def test_without_a_chain_nothing_is_worked_on() -> None:
    """And the sender is told why: it is no success, and no empty answer."""
    assert "nothing_presented" in refused(Wire(), by=None)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "the words": (lambda sent: sent["parts"][0].update(text="pay Mallory"), "proof_wrong_request"),
    "a part more": (lambda sent: sent["parts"].append({"text": "and Mallory"}), "proof_wrong_request"),
    "other metadata": (lambda sent: sent["metadata"].update(note="x"), "proof_wrong_request"),
    "the conversation": (lambda sent: sent.update(contextId="of-another"), "proof_wrong_request"),
    "the chain cut off": (lambda sent: sent["metadata"].update({URI: sent["metadata"][URI][:-9]}), "nothing was done"),
    "a number for a chain": (lambda sent: sent["metadata"].update({URI: 5}), "malformed"),
    "no chain": (lambda sent: sent["metadata"].pop(URI), "nothing_presented"),
    "another message's id": (lambda sent: sent.update(messageId="7"), "proof_wrong_request"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_somebody_changes_on_the_way_is_refused(name: str) -> None:
    """A chain is no secret: it serves the message that it was handed on for."""
    change, words = CHANGES[name]
    assert words in refused(Wire(), by=DelegateInterceptor(holder(), AGENTS), change=change)


AROUND: dict[str, Callable[[dict[str, Any]], None]] = {
    "the tenant": lambda params: params.update(tenant="of-another"),
    "the request's metadata": lambda params: params.update(metadata={"priority": "pay Mallory"}),
    "where the results go": lambda params: params.setdefault("configuration", {}).update(
        taskPushNotificationConfig={"url": "https://mallory.example/results"}
    ),
    "how it is answered": lambda params: params.setdefault("configuration", {}).update(historyLength=5),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_somebody_puts_around_a_message_is_refused(name: str) -> None:
    """It is the sender's, or nobody's: the agent would act on it."""
    by = DelegateInterceptor(holder(), AGENTS)
    assert "proof_wrong_request" in refused(Wire(), by=by, around=AROUND[name])


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("tenant", ["", "acme"])
def test_what_the_sender_puts_around_a_message_is_bound_and_arrives(binding: str, tenant: str) -> None:
    """The tenant of the card's too, which the SDK puts in after us."""
    wire = Wire()
    sent = SendMessageRequest(message=message(), tenant=tenant)
    sent.metadata.update({"note": [1, None, "x"]})
    sent.configuration.history_length = 3
    sent.configuration.task_push_notification_config.url = "https://worker.example/results"
    asyncio.run(wire.send(sent, by=DelegateInterceptor(holder(), AGENTS), binding=binding, tenant="shop"))
    ((text, _),) = wire.peer.worked
    assert text == "pay the printer"
    assert wire.peer.tenants == [tenant or "shop"]


class NoAgent(AgentExecutor):
    """Is not to be reached."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Nothing comes here."""
        raise AssertionError

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Nothing to do."""


def _not_json() -> list[SendMessageRequest]:
    found = []
    handed = holder().attenuate(to=PEER.principal, ttl="5m", hops=0, who={"message": "0" * 64})
    for bad in (float("nan"), float("inf"), float("-inf"), None):
        for where in ("message", "request", "part"):
            sent = SendMessageRequest(message=message())
            sent.message.metadata.update({URI: handed.to_text()})
            value = Value() if bad is None else Value(number_value=bad)
            if where == "part":
                sent.message.parts.add().data.CopyFrom(value)
            else:
                (sent.message if where == "message" else sent).metadata.fields["x"].CopyFrom(value)
            found.append(sent)
    return found


@pytest.mark.parametrize("sent", _not_json())
def test_what_protobuf_has_and_json_does_not_is_refused(sent: SendMessageRequest) -> None:
    """Each such value has an error of its own in protobuf: none gets out."""
    agent = DelegateExecutor(NoAgent(), world.verifier(), PEER)
    with pytest.raises(InvalidRequestError, match=r"malformed|proof_wrong_request"):
        asyncio.run(agent.execute(RequestContext(ServerCallContext(), request=sent), None))  # type: ignore[arg-type]


def test_a_card_with_an_address_that_nobody_knows_gets_no_chain() -> None:
    """The SDK may send to it, with a key and a chain for the other."""
    by = DelegateInterceptor(holder(), AGENTS)
    for urls in ((URL, "https://evil.example/a2a"), ("https://evil.example/a2a", URL)):
        listed = card()
        del listed.supported_interfaces[:]
        listed.supported_interfaces.extend(AgentInterface(url=each, protocol_binding="JSONRPC") for each in urls)
        with pytest.raises(VerificationError, match=r"evil\.example"):
            by._principal(listed)


def test_a_message_cannot_be_moved_into_a_task_that_is_there() -> None:
    """Signed without a task's id, it may only open one."""
    wire = Wire()
    by = DelegateInterceptor(holder(), AGENTS)
    (opened,) = asyncio.run(wire.send(message("a task, and more"), by=by))
    wire.peer.worked.clear()

    def move(sent: dict[str, Any]) -> None:
        sent.update(taskId=opened.task.id, contextId=opened.task.context_id)

    assert "proof_wrong_request" in refused(wire, by=by, change=move)


def test_a_message_is_taken_once() -> None:
    """Sent again, word for word, by whoever saw it."""
    wire = Wire()
    seen: dict[str, Any] = {}
    asyncio.run(wire.send(message(), by=DelegateInterceptor(holder(), AGENTS), change=seen.update))
    wire.peer.worked.clear()
    assert "replayed" in refused(wire, by=None, change=lambda sent: sent.update(seen))


def test_a_chain_for_another_agent_or_of_another_root_is_refused() -> None:
    """Also one that the sender holds itself, and one that was taken back."""
    other = DelegateInterceptor(holder(), {URL: world.MALLORY.principal})
    assert "proof_wrong_key" in refused(Wire(), by=other)
    stranger = Identity.generate("user:eve").mint(to=world.WORKER.principal, can="pay", ttl="1h", hops=1)
    assert "unknown_root" in refused(Wire(), by=DelegateInterceptor(Holder(world.WORKER, stranger), AGENTS))
    own = message()
    own.metadata.update({URI: holder().token.to_text()})
    assert "proof_wrong_key" in refused(Wire(), by=None, sent=own)
    agent = holder()
    verifier = world.verifier()
    verifier.accept_revocations(world.PLANNER.revoke(blocks=[RevokedBlock.of(agent.token, why="s3cret")]))
    told = refused(Wire(verifier), by=DelegateInterceptor(agent, AGENTS))
    assert "revoked at hop 1" in told
    assert "s3cret" not in told


def test_a_chain_that_names_no_message_is_refused() -> None:
    """Handed to the peer for something else: a copy of it does not let anybody speak."""
    sent = message()
    handed = holder().attenuate(to=PEER.principal, ttl="5m")
    sent.metadata.update({URI: handed.to_text()})
    assert "proof_wrong_request" in refused(Wire(), by=None, sent=sent)


def test_a_chain_that_this_agent_narrowed_for_itself_brings_no_message() -> None:
    """The last block must be another's, handed on; only such a block can name a message."""
    sent = message()
    mine = Holder(PEER, holder().attenuate(to=PEER.principal, ttl="5m", hops=0, who={"message": digest(sent)}))
    sent.metadata.update({URI: mine.attenuate(ttl="1m").to_text()})
    assert "proof_wrong_key" in refused(Wire(), by=None, sent=sent)


def test_a_verifier_that_is_awaited_serves_too() -> None:
    """The loop goes on while a store is waited for."""
    wire = Wire(world.async_verifier())
    asyncio.run(wire.send(message(), by=DelegateInterceptor(holder(), AGENTS)))
    assert len(wire.peer.worked) == 1


SECRET = b"0" * 32


def signed(principal: Principal, key: bytes = SECRET) -> AgentCard:
    """A card with a key in it, and a signature."""
    found = card()
    found.capabilities.extensions.append(extension(principal))
    return create_agent_card_signer(key, {"alg": "HS256", "kid": "1", "jku": None, "typ": "JOSE"})(found)


def key_from(found: AgentCard) -> Principal:
    """Whose key the interceptor would hand a chain to."""
    check = create_signature_verifier(lambda kid, jku: SECRET, ["HS256"])
    return DelegateInterceptor(holder(), check_card=check)._principal(found)


def test_the_key_comes_from_a_signed_card_or_a_directory_and_from_nothing_else() -> None:
    """Whoever answers at an address writes its card."""
    assert key_from(signed(PEER.principal)) == PEER.principal
    for bad in (signed(world.MALLORY.principal, b"1" * 32), card()):
        with pytest.raises(Exception, match="signature"):
            key_from(bad)
    unsigned = card()
    unsigned.capabilities.extensions.append(extension(world.MALLORY.principal))
    with pytest.raises(Exception, match="signature"):
        key_from(unsigned)
    changed = signed(PEER.principal)
    changed.capabilities.extensions[0].params.update({"principal": world.MALLORY.principal.to_text()})
    with pytest.raises(Exception, match="signature"):
        key_from(changed)
    with pytest.raises(VerificationError, match="whose key"):
        DelegateInterceptor(holder())._principal(signed(PEER.principal))


def test_an_agent_that_nobody_knows_gets_no_chain() -> None:
    """Nor one whose card has the addresses of two."""
    by = DelegateInterceptor(holder(), AGENTS)
    with pytest.raises(VerificationError, match="whose key"):
        by._principal(card(url="http://evil.example.com"))
    two = card()
    two.supported_interfaces.append(AgentInterface(url="http://bank", protocol_binding="JSONRPC"))
    both = DelegateInterceptor(holder(), {URL: PEER.principal, "http://bank": world.BOB.principal})
    with pytest.raises(VerificationError, match="several"):
        both._principal(two)
    asked = DelegateInterceptor(holder(), lambda agent: PEER.principal if agent.name == "peer" else None)
    assert asked._principal(card()) == PEER.principal


def test_a_message_that_is_too_large_to_be_named_is_not_sent() -> None:
    """Files go by their URLs."""
    by = DelegateInterceptor(holder(), AGENTS)
    with pytest.raises(DelegateError) as error:
        asyncio.run(Wire().send(message("x" * 70_000), by=by))
    assert error.value.reason is Reason.LIMIT_EXCEEDED


def test_the_digest_is_of_what_travels() -> None:
    """Without our own metadata; whatever the order in which metadata was put in."""
    one, two = message(), Message()
    two.CopyFrom(one)
    before = digest(one)
    one.metadata.update({URI: "dlgt_x"})
    assert digest(one) == before
    one.metadata.update({"a": 1, "b": [True, None]})
    two.metadata.update({"b": [True, None], "a": 1.0})
    assert digest(one) == digest(two) != before
    assert URI in MessageToDict(one)["metadata"]


def test_neither_side_travels_or_prints_a_key() -> None:
    """Both hold one."""
    for each in (DelegateInterceptor(holder(), AGENTS), DelegateExecutor(Peer(), world.verifier(), PEER)):
        for travel in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="does not travel"):
                travel(each)
    assert repr(DelegateInterceptor(holder(), AGENTS)) == "<DelegateInterceptor of agent:worker>"
    with pytest.raises(TypeError):
        DelegateInterceptor("agent", AGENTS)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        DelegateExecutor(Peer(), None, PEER)  # type: ignore[arg-type]
