"""A2A (SDK 1.x): a message to the next agent carries a chain, narrowed and handed to that agent for that message.

    client = await create_client(card, interceptors=[DelegateInterceptor(holder, agents)])          # the sender
    handler = DefaultRequestHandler(DelegateExecutor(executor, verifier, identity), tasks, card)    # the receiver

The rules of this file:

- The receiver's key comes from a directory of the sender's own, or from a card whose signature was checked here. Never
  from a card alone: whoever answers at an address writes its card.
- The last block names the message, by its digest: a chain is no secret, and whoever saw one could otherwise have the
  receiver act on words of theirs.
- The receiver takes a chain once, and only one that was handed to its own key. What it does then is decided by whoever
  it asks: it holds the chain, and proves each request.
- It names what stands around the message as well, where something does: tenant, metadata and configuration of the
  request, with the URL to which the results go.
- A key is for an address. The client, and not the sender, picks one of those in a card, so each of them must be known.
- Ids that the server puts in itself are no part of what was signed; a message that was signed without a task's id
  cannot join a task that is there.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

try:
    from a2a.client.interceptors import AfterArgs, BeforeArgs, ClientCallInterceptor
    from a2a.server.agent_execution import AgentExecutor, RequestContext
    from a2a.server.events import EventQueue
    from a2a.types.a2a_pb2 import AgentCard, AgentExtension, Message, SendMessageRequest
    from a2a.utils.errors import InvalidRequestError
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import Message as Proto
except ImportError as error:
    message = f"this needs version 1 of `a2a-sdk`: pip install 'delegate-token[a2a]' ({error})"
    raise ImportError(message) from None

from delegate.authoring.identity import Identity
from delegate.authoring.terms import Narrowing
from delegate.authoring.token import Token
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.keys.principal import Principal
from delegate.errors import DelegateError, Reason, StateError, TokenError, VerificationError
from delegate.holder import Holder
from delegate.verifier.verified import VerifiedChain
from delegate.verifier.verifier import AsyncVerifier, Verifier

URI: Final = "urn:uuid:98dbba97-4cb7-41ad-9858-3491732da838"  # SPEC §11: of the extension, and its key in metadata
MESSAGE: Final = "message"  # in `who` of the last block: the digest, in hex
ACTION: Final = "a2a:message"
_SENDING: Final = frozenset({"send_message", "send_message_streaming"})
_REMEMBERED: Final = 100_000

Directory: TypeAlias = Mapping[str, Principal] | Callable[[AgentCard], Principal | None]
Narrow: TypeAlias = Callable[[Message, AgentCard], Narrowing]

_received: ContextVar[Holder] = ContextVar("delegate-received")


def received() -> Holder:
    """Give the chain that came with the message which is worked on now, with this agent's own key: prove, or hand on.

    Raises:
        LookupError: no message that was checked here is worked on now.
    """
    return _received.get()


def extension(principal: Principal, *, required: bool = True) -> AgentExtension:
    """Describe this extension in an agent's card, with the agent's key: good for a card that is signed."""
    declared = AgentExtension(uri=URI, required=required, description="Takes delegated authority with each message.")
    declared.params.update({"principal": principal.to_text()})
    return declared


class DelegateInterceptor(ClientCallInterceptor):
    """Hands on a narrowed chain with each message that a client sends. It holds a key, and is not pickled."""

    def __init__(
        self,
        holder: Holder,
        agents: Directory | None = None,
        *,
        check_card: Callable[[AgentCard], None] | None = None,
        narrow: Narrow | None = None,
    ) -> None:
        """Set up an interceptor for one agent.

        Args:
            holder: the sender, with a chain that may be handed on.
            agents: whose key each agent has: from its URL to its principal, for every URL that its card has, since the
                SDK may use any; or a function of the card.
            check_card: checks a card's signature, and raises; the key may then come from the card itself, where
                `extension` put it. The SDK's `create_signature_verifier` makes one.
            narrow: what the block says, from the message and the card: `can`, `caveats`, `ttl` and so on. Without it,
                all that the sender may do, for five minutes, and not to be handed on.

        Raises:
            TypeError: no holder.

        With neither `agents` nor `check_card` nobody's key is known, and nothing is sent.
        """
        if not isinstance(holder, Holder):
            message = f"a chain is handed on by a Holder, not by a {type(holder).__name__}"
            raise TypeError(message)
        self._holder = holder
        self._agents = agents
        self._check_card = check_card
        self._narrow = narrow

    async def before(self, args: BeforeArgs) -> None:
        """Put the chain into the message's metadata.

        Raises:
            DelegateError: nobody says whose key the agent has; the chain cannot be handed on; or the message is too
                large to be named by its digest: it may have 64 KiB, so send files by their URLs.
        """
        if args.method not in _SENDING:
            return
        sent: Message = args.input.message
        principal = self._principal(args.agent_card)
        if not sent.context_id and not sent.task_id:
            sent.context_id = str(uuid.uuid4())  # else the server would, and could say any
        around = args.input if isinstance(args.input, SendMessageRequest) else None
        tenants = {each.tenant for each in args.agent_card.supported_interfaces}
        if around is not None and not around.tenant and len(tenants) == 1:
            around.tenant = tenants.pop()  # as the SDK would, after us
        if URI not in sent.extensions:
            sent.extensions.append(URI)
        terms: Narrowing = {} if self._narrow is None else self._narrow(sent, args.agent_card)
        terms = {"ttl": "5m", "hops": 0, **terms}
        terms["who"] = {**(terms.get("who") or {}), MESSAGE: digest(sent, around)}
        token = self._holder.attenuate(to=principal, **terms)
        sent.metadata.update({URI: token.to_text()})

    async def after(self, args: AfterArgs) -> None:
        """Nothing to do."""

    def _principal(self, card: AgentCard) -> Principal:
        found: set[Principal] = set()
        if callable(self._agents):
            one = self._agents(card)
            found = set() if one is None else {one}
        elif self._agents is not None:
            urls = [each.url for each in card.supported_interfaces]
            found = {self._agents[each] for each in urls if each in self._agents}
            unknown = next((each for each in urls if each not in self._agents), None)
            if found and unknown is not None:
                words = f"nobody says whose key is at `{shown(unknown)}`, which this agent's card has too"
                raise VerificationError(Reason.PROOF_WRONG_KEY, words)
        elif self._check_card is not None:
            self._check_card(card)
            for each in card.capabilities.extensions:
                if each.uri == URI:
                    found.add(Principal.parse(str(_as_json(each.params).get("principal", ""))))
        if len(found) != 1:
            words = (
                "nobody says whose key this agent has" if not found else "this agent's card has addresses of several"
            )
            raise VerificationError(Reason.PROOF_WRONG_KEY, words)
        return found.pop()

    def __reduce__(self) -> Any:  # noqa: ANN401 - it raises
        """Refuse to be pickled or copied: it holds a key."""
        message = "an interceptor holds a key and does not travel; make it again from the Holder"
        raise TypeError(message)

    def __repr__(self) -> str:
        return f"<DelegateInterceptor of {self._holder.identity.name}>"


class DelegateExecutor(AgentExecutor):
    """Runs an agent only on messages that came with a chain for it; the agent finds it by `received()`."""

    def __init__(self, executor: AgentExecutor, verifier: Verifier | AsyncVerifier, identity: Identity) -> None:
        """Set up a wrapper for one agent.

        Args:
            executor: the agent's own.
            verifier: of this agent, for what it takes: its roots, lists and audience count. Which chains were used it
                remembers in this process: two processes take the same message once each.
            identity: whose key chains must be handed to.

        Raises:
            TypeError: one of them is something else.
        """
        if not isinstance(verifier, (Verifier, AsyncVerifier)) or not isinstance(identity, Identity):
            message = "an executor is guarded by a Verifier and the agent's own Identity"
            raise TypeError(message)
        self._executor = executor
        self._verifier = verifier
        self._identity = identity
        self._used: dict[bytes, int] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Check what came with a message, and have the agent work on it; or refuse, and say why."""
        try:
            holder = await self._accepted(context)
        except DelegateError as error:
            # Whoever sends a message has proven nothing: a chain is no secret. They get the reason, and no more.
            said = {"reason": str(error.reason), **({} if error.hop is None else {"hop": error.hop})}
            words = f"Refused, and nothing was done: {error.public_detail}."
            raise InvalidRequestError(message=words, data={URI: said}) from None
        mark = _received.set(holder)
        try:
            await self._executor.execute(context, event_queue)
        finally:
            _received.reset(mark)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancel as the agent does: who may look at tasks and cancel them is decided by the server's own log-in."""
        await self._executor.cancel(context, event_queue)

    async def _accepted(self, context: RequestContext) -> Holder:
        came = context.message
        text = None if came is None else _as_json(came.metadata).get(URI)
        if came is None or text is None:
            raise TokenError(Reason.NOTHING_PRESENTED, "the message came without a chain")
        if not isinstance(text, str):
            raise TokenError(Reason.MALFORMED, "what came in the place of a chain is not text")
        chain = await self._verified(text)
        block, hop = chain.link.block, chain.link.hop
        if block.key != self._identity.public_key or not chain.link.handed_on:
            raise VerificationError(Reason.PROOF_WRONG_KEY, "the chain was not handed to this agent", hop=hop)
        if dict(block.who).get(MESSAGE) not in set(_digests(context, came)):
            raise VerificationError(Reason.PROOF_WRONG_REQUEST, "it was handed on for another message", hop=hop)
        self._use(chain)
        _settle_context(context, came)
        return Holder(self._identity, Token.parse(text))

    async def _verified(self, text: str) -> VerifiedChain:
        verifier = self._verifier
        if isinstance(verifier, AsyncVerifier):
            return await verifier.verify_chain(text)
        if verifier.is_in_memory:
            return verifier.verify_chain(text)
        return await asyncio.to_thread(verifier.verify_chain, text)

    def _use(self, chain: VerifiedChain) -> None:
        """Take a chain once; raises VerificationError and StateError. What has expired is forgotten."""
        now = int(time.time())
        if len(self._used) >= _REMEMBERED:
            self._used = {each: until for each, until in self._used.items() if until >= now}
        if chain.link.id in self._used:
            raise VerificationError(Reason.REPLAYED, "this message was taken before", hop=chain.link.hop)
        if len(self._used) >= _REMEMBERED:
            raise StateError(Reason.STATE_UNAVAILABLE, "too many messages are remembered")
        self._used[chain.link.id] = chain.expires + 60

    def __reduce__(self) -> Any:  # noqa: ANN401 - it raises
        """Refuse to be pickled or copied: it holds a key."""
        message = "an executor holds a key and does not travel"
        raise TypeError(message)


def digest(sent: Message, around: SendMessageRequest | None = None) -> str:
    """Name a message, for the last block of the chain that it brings: 64 hex digits.

    It is the digest of the request `a2a:message` whose argument `message` is the message's JSON form, without this
    extension's own metadata (SPEC §7.4), and whose arguments `tenant`, `metadata` and `configuration` are what stands
    around it, each where it is not empty.

    Args:
        sent: the message.
        around: the request that it is sent with; `None` where nothing stands around it.

    Raises:
        DelegateError: LIMIT_EXCEEDED for more than 64 KiB, MALFORMED for what is no request.
    """
    beside: dict[str, object] = {}
    if around is not None:
        told = {"metadata": _as_json(around.metadata), "configuration": _as_json(around.configuration)}
        beside = {name: value for name, value in {"tenant": around.tenant, **told}.items() if value}
    bare = Message()
    bare.CopyFrom(sent)
    if URI in bare.metadata:
        del bare.metadata[URI]
    if not bare.metadata.fields:
        bare.ClearField("metadata")
    try:
        return Request(ACTION, None, {"message": _as_json(bare), **beside}).digest.hex()
    except TypeError as error:
        raise DelegateError(Reason.MALFORMED, str(error)) from None


def _as_json(sent: Proto) -> dict[str, Any]:
    """Give a message of protobuf's as JSON; raises DelegateError MALFORMED for what JSON does not have."""
    try:
        found: dict[str, Any] = MessageToDict(sent)
    except Exception as error:  # noqa: BLE001 - NaN, infinity, a value that is none: protobuf has an error for each
        raise DelegateError(Reason.MALFORMED, f"what came is not JSON: {type(error).__name__}") from None
    return found


def _digests(context: RequestContext, came: Message) -> list[str]:
    """Give the digests that a message may have been signed with: as it is, and without what the server put in."""
    given = getattr(context, "_params", None)  # the SDK shows its parts, and not whether there is one
    around = None
    if given is not None:
        if given.tenant not in {"", context.tenant}:
            raise VerificationError(Reason.PROOF_WRONG_REQUEST, "it came for another tenant than it says")
        around = SendMessageRequest(
            tenant=context.tenant, metadata=given.metadata, configuration=given.configuration
        )  # over REST, the tenant is in the path alone
    found = [digest(came, around)]
    task = context.current_task
    bare = Message()
    bare.CopyFrom(came)
    if task is None:
        bare.ClearField("task_id")
        found.append(digest(bare, around))
    elif task.id == came.task_id:
        bare.ClearField("context_id")
        found.append(digest(bare, around))
    return found


def _settle_context(context: RequestContext, came: Message) -> None:
    """Put a message into the conversation of its task: the SDK makes one up where the sender named the task alone."""
    task = context.current_task
    if task is not None and task.id == came.task_id:
        came.context_id = context._context_id = task.context_id  # noqa: SLF001 - it has no other name
