"""An ASGI application behind a guard: Starlette, FastAPI, Quart, Litestar, Django, whatever a server calls.

The rules of this file:

- Nothing of the application runs before the whole request, its body included, was decided; a body that is cut off is no
  request. The application then reads the same bytes that were decided.
- What is not bound does not pass: a WebSocket only where it is wanted, and any other kind of connection never.
- The path that is decided is the path that the application routes by.

Three lines:

    from delegate.integrations.asgi import DelegateMiddleware

    app = DelegateMiddleware(app, verifier=verifier, origin="https://files.example.com")

Inside, `authorization_of(scope)` says on whose authority.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from delegate.core.chain.printable import shown
from delegate.errors import DelegateError, Reason
from delegate.integrations import http
from delegate.integrations.guard import NOTHING, ConvertedError, Guard, Outcome

if TYPE_CHECKING:
    from delegate.verifier.decision import Authorization
    from delegate.verifier.verifier import AsyncVerifier, Verifier

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY: Final = "delegate"
_LAYERS: Final = 64
_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1


class DelegateMiddleware:
    """Lets through what its guard allows, and answers everything else itself."""

    def __init__(
        self,
        app: Application,
        guard: Guard | None = None,
        *,
        verifier: Verifier | AsyncVerifier | None = None,
        origin: str | None = None,
        websockets: bool = False,
        unguarded: Iterable[str] = (),
        **more: Any,  # noqa: ANN401 - handed on to Guard, which has their types
    ) -> None:
        """Put an application behind a guard.

        Args:
            app: the application.
            guard: decides; or say `verifier` and `origin`, and what else `Guard` takes.
            verifier: as for `Guard`.
            origin: as for `Guard`: where clients reach this service. Never taken from a request.
            websockets: let WebSockets be opened, by a proof for the handshake: `http.get` of its URL (with `https:`)
                and the argument `upgrade`, which is `"websocket"`. What is sent on them afterwards nobody has decided:
                the application asks `authorization.allows(request)` for each message that does something.
            more: what else `Guard` takes: `env`, `cost`, `observe`, `max_body_bytes`.
            unguarded: paths that are served without any decision, such as `/healthz`: exactly these, and for `GET` and
                `HEAD` alone.

        Raises:
            TypeError: neither a guard, nor both of a verifier and an origin; or both.
        """
        if guard is None and verifier is not None and origin is not None:
            guard = Guard(verifier, origin=origin, **more)
        elif not isinstance(guard, Guard) or verifier is not None or origin is not None or more:
            message = "say either a guard, or verifier= and origin= (and what else a Guard takes)"
            raise TypeError(message)
        if isinstance(unguarded, str):
            message = "unguarded is several paths: unguarded=['/healthz']"
            raise TypeError(message)
        self.app = app
        self.guard = guard
        self._websockets = websockets
        self._unguarded = frozenset(unguarded)
        if any(not path.startswith("/") or not path.isascii() or set(path) & set("%?#*") for path in self._unguarded):
            message = "an unguarded path is one plain path such as /healthz"
            raise ValueError(message)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
        elif kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        else:
            message = f"a connection of the kind {kind!r} cannot be guarded"
            raise ValueError(message)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._unguarded and scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        guard, body, is_beside = self.guard, b"", False
        try:
            head = http.read_head(scope["headers"])
            if head.presentation is None:
                outcome = NOTHING
            else:
                is_beside = head.is_beside
                guard.check_size(head.declared_bytes)
                whole = await read_body(guard, receive)
                if whole is None:
                    return  # the client went away before its request was whole
                body = whole
                request = guard.request(scope["method"], target(scope), head, body)
                guard.check_host(scope["headers"], is_routed=check_path(scope, self.app))
                outcome = await guard.adecide(head.presentation, request, context=scope)
        except DelegateError as error:
            outcome = Outcome(error=error)
        if outcome.authorization is None:
            await send_answer(send, guard.answer(outcome))
            return
        kept = _privately(send) if is_beside else send
        await self.app({**scope, KEY: (guard, outcome.authorization)}, replaying(body, receive), kept)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        guard = self.guard
        try:
            if not self._websockets:
                raise DelegateError(Reason.MALFORMED, "this service opens no WebSockets")
            head = http.read_head(scope["headers"])
            if head.presentation is None:
                outcome = NOTHING
            else:
                request = guard.request("GET", target(scope), head, upgrade="websocket")
                guard.check_host(scope["headers"], is_routed=check_path(scope, self.app))
                outcome = await guard.adecide(head.presentation, request, context=scope)
        except DelegateError as error:
            outcome = Outcome(error=error)
        if outcome.authorization is not None:
            await self.app({**scope, KEY: (guard, outcome.authorization)}, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await receive()  # websocket.connect
            await send_answer(send, guard.answer(outcome), "websocket.http.response")
        else:
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": str(outcome.reason)})


def authorization_of(scope: Scope) -> Authorization:
    """Say on whose authority a connection is served that a `DelegateMiddleware` let through.

    Args:
        scope: of the connection, such as `request.scope` in Starlette.

    Raises:
        LookupError: no middleware decided it: nothing may be done on its authority.
    """
    found = scope.get(KEY)
    if found is None:
        message = "nobody decided this request: is DelegateMiddleware around the application?"
        raise LookupError(message)
    authorization: Authorization = found[1]
    return authorization


def target(scope: Scope) -> bytes:
    """Give the target of the request line, as the application routes by it.

    Raises:
        DelegateError: as `http.target_of`.
    """
    return http.target_of(
        scope["path"], scope.get("raw_path"), scope.get("query_string", b""), scope.get("root_path", "")
    )


def check_path(scope: Scope, app: object) -> bool:
    """Refuse a path whose values Starlette's converters would write otherwise: `0666` is 666 to `{amount:int}`.

    The routes are those of the application, where it is Starlette's. No other framework's are compared.

    Returns:
        Whether it is seen to route by `Host`.

    Raises:
        ConvertedError: they would.
    """
    routes = _routes_of(app) or getattr(scope.get("app"), "routes", None)
    here: Scope = {**scope}
    is_routed = False
    while isinstance(routes, (list, tuple)):
        inner = None
        is_routed = is_routed or http.routes_by_host(routes)
        for route in routes:
            if not callable(getattr(route, "matches", None)):
                return is_routed
            match, child = route.matches(here)
            if getattr(match, "name", "") == "FULL":
                _check_route(route, here)
                here.update(child)
                inner = getattr(route, "routes", None)
                break
        routes = inner
    return is_routed


def _routes_of(app: object) -> object:
    """The routes of an application below other middleware, which keeps it as `app`; `None` where they are not found."""
    for _ in range(_LAYERS):
        routes = getattr(app, "routes", None)
        if routes is not None or app is None:
            return routes
        app = getattr(app, "app", None)
    return None


def _check_route(route: Any, scope: Scope) -> None:  # noqa: ANN401 - of Starlette, which is not imported here
    path, root = scope["path"], scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    expression, converters = getattr(route, "path_regex", None), getattr(route, "param_convertors", None)
    found = expression.match(path) if expression is not None and converters else None
    if found is None or converters is None:
        return
    for name, text in found.groupdict().items():
        try:
            again = converters[name].to_string(converters[name].convert(text))
        except (AssertionError, ValueError, TypeError, KeyError) as error:
            raise ConvertedError(Reason.MALFORMED, f"the path cannot be compared: {error}") from None
        if again != text:
            raise ConvertedError(Reason.MALFORMED, f"`{shown(text)}` in the path would be read as `{shown(again)}`")


async def read_body(guard: Guard, receive: Receive) -> bytes | None:
    """Read a whole body; `None` where it is cut off.

    Raises:
        http.TooLargeError: it is larger than the guard takes; the rest was not read.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        guard.check_size(size)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def replaying(body: bytes, receive: Receive) -> Receive:
    """Give a `receive` that gives a body that was read before, once, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _privately(send: Send) -> Send:
    """Keep shared caches from keeping an answer to a header that they know nothing of."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            said = b", ".join(value for name, value in headers if name.lower() == b"cache-control").decode("latin-1")
            others = [each for each in headers if each[0].lower() != b"cache-control"]
            kept = (b"cache-control", http.privately(said or None).encode("latin-1"))
            message = {**message, "headers": [*others, kept]}
        await send(message)

    return sent


async def send_answer(send: Send, answer: http.Answer, prefix: str = "http.response") -> None:
    """Send an answer."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}.body", "body": answer.body})
