"""The ASGI middleware on a real server: nothing runs that was not decided, whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

from delegate import Request
from delegate.integrations import http
from delegate.integrations.asgi import DelegateMiddleware, authorization_of
from delegate.integrations.guard import Guard
from delegate.integrations.starlette import DelegateBackend
from tests.integrations.serving import exchange, serving
from tests.integrations.world import AUDIENCE, async_verifier, holder, verifier

ANY = holder("http.* http://**")
RAN: list[Any] = []


async def echo(request: StarletteRequest) -> JSONResponse:
    """Say what reached the endpoint."""
    body = await request.body()
    RAN.append((request.method, request.url.path, body))
    return JSONResponse([request.method, len(body), authorization_of(request.scope).holder])


async def upload(request: StarletteRequest) -> JSONResponse:
    """Read a form, chunk by chunk."""
    RAN.append("upload")
    async with request.form() as form:
        return JSONResponse({name: (await value.read()).hex()[:8] for name, value in form.items()})  # type: ignore[union-attr]


async def chat(socket: Any) -> None:
    """Answer what the chain permits, message by message."""
    RAN.append("chat")
    granted = authorization_of(socket.scope)
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(str(granted.allows(Request.tool(text))))


@requires("delegate")
async def whoami(request: StarletteRequest) -> JSONResponse:
    """Starlette's own words for it."""
    return JSONResponse([request.user.display_name, request.user.identity, request.user.is_authenticated])


async def healthz(request: StarletteRequest) -> JSONResponse:
    """Anybody may know that it lives."""
    return JSONResponse(request.method)


def application() -> Starlette:
    """An application with everything that a middleware may meet."""
    routes = [
        Route("/items/{rest:path}", echo, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/whoami", whoami),
        Route("/healthz", healthz, methods=["GET", "POST"]),
        WebSocketRoute("/chat", chat),
        Mount("/sub", routes=[Route("/{rest:path}", echo, methods=["GET"])]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(AuthenticationMiddleware, DelegateBackend())])


@pytest.fixture(scope="module", params=["h11", "httptools"])
def origin(request: pytest.FixtureRequest) -> Iterator[str]:
    """The application behind the middleware, on both of uvicorn's parsers."""

    def make(origin: str) -> Any:
        guard = Guard(async_verifier(), origin=origin, max_body_bytes=11_000_000)
        return DelegateMiddleware(application(), guard, websockets=True, unguarded=["/healthz"])

    with serving(make, http=request.param) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with nothing run."""
    RAN.clear()


def header(origin: str, method: str, target: str, args: dict[str, Any] | None = None) -> str:
    """A proof for one request."""
    made = ANY.prove(Request.http(method, origin + target, args), AUDIENCE)
    return f"Delegate {made.to_text()}"


def raw(origin: str, line: str, *headers: str, body: bytes = b"", half_close: bool = False) -> int:
    """Send a request byte by byte; give the status that comes back, 0 where none does."""
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""])
    received = exchange(origin, head.encode("latin-1") + body, half_close=half_close)
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def test_the_application_runs_with_the_body_that_was_decided(origin: str) -> None:
    """Any method, mounted or not; chunked bodies and large ones; a file in a form."""
    with httpx.Client(auth=_auth(), timeout=60) as client:
        assert client.get(f"{origin}/items/1").json() == ["GET", 0, "agent:worker"]
        assert client.head(f"{origin}/items/1").status_code == 200
        assert client.put(f"{origin}/items/1", json={"a": 1}).json() == ["PUT", 7, "agent:worker"]
        assert client.get(f"{origin}/sub/x?a=1").json()[0] == "GET"
        assert client.get(f"{origin}/items/%C3%A9%20b").status_code == 200
        big = client.post(f"{origin}/items/1", content=b"x" * 10_000_000, headers={"Content-Type": "text/plain"})
        assert big.json()[1] == 10_000_000
        assert client.post(f"{origin}/upload", files={"file": b"\xde\xad\xbe\xef"}).json() == {"file": "deadbeef"}
    assert len(RAN) == 7
    proven = header(origin, "POST", "/items/1", {"body": {"a": 1}})
    chunked = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
    whole = b'3\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\n\r\n'
    assert raw(origin, "POST /items/1", f"Authorization: {proven}", *chunked, body=whole) == 200


def _auth() -> Any:
    from delegate.integrations.httpx import DelegateAuth

    return DelegateAuth(ANY, AUDIENCE)


def test_a_body_that_is_cut_off_is_no_request(origin: str) -> None:
    """Chunked or counted, the client goes away in the middle: the application never hears of it."""
    proven = f"Authorization: {header(origin, 'POST', '/items/1', {'body': {'a': 1}})}"
    media = "Content-Type: application/json"
    for headers, body in (
        (["Transfer-Encoding: chunked"], b'8\r\n{"a": 1}\r\n'),
        (["Transfer-Encoding: chunked"], b'8\r\n{"a"'),
        (["Content-Length: 9"], b'{"a": 1}'),
    ):
        assert raw(origin, "POST /items/1", proven, media, *headers, body=body, half_close=True) in {0, 400}
    assert not RAN
    assert raw(origin, "POST /items/1", proven, media, "Content-Length: 8", body=b'{"a": 1}') == 200


def test_requests_with_two_meanings_do_not_run(origin: str) -> None:
    """Two headers, folding, another length, a whole URL, a rewritten method, a second slash, a dot segment."""
    proven = header(origin, "GET", "/items/1")
    value = f"Authorization: {proven}"
    for headers in (
        [value, value],
        [value, "Authorization: Basic eDp5"],
        ["Authorization: Basic eDp5", value],
        [value, f"Delegation: {proven.split()[1]}"],
        [f"Authorization: {proven},\r\n {proven}"],
        [f"{value}, {proven}"],
        [value, "X-HTTP-Method-Override: DELETE"],
        [value, "X-Original-URL: /items/2"],
        [f"authorization_: {proven}"],
    ):
        assert raw(origin, "GET /items/1", *headers) in {400, 401}
    for line in (
        "GET //items/1",
        "GET /./items/1",
        "GET /items/../items/1",
        "GET /items/%31",
        "GET /items/1%2F2",
        "GET /items/1;x",
        "GET /items/1?a=1",
        "GET /items/1/",
        "DELETE /items/1",
        "OPTIONS *",
    ):
        assert raw(origin, line, value) in {400, 401, 404, 405}
    assert not RAN
    assert raw(origin, "GET /items/1", value) == 200
    assert len(RAN) == 1


def test_a_host_that_is_claimed_counts_for_nothing(origin: str) -> None:
    """A proof for another origin is none for this one, whatever `Host` says."""
    other = ANY.prove(Request.http("GET", "http://bank.example.com/items/1"), AUDIENCE).to_text()
    head = "\r\n".join(
        ["GET /items/1 HTTP/1.1", "Host: bank.example.com", "Connection: close", f"Authorization: Delegate {other}"]
    )
    assert b" 401 " in exchange(origin, head.encode() + b"\r\n\r\n").split(b"\r\n")[0]
    assert not RAN


def test_a_body_that_is_too_large_is_not_read(origin: str) -> None:
    """Declared: answered before it comes. Chunked: answered when it is too much."""
    value = f"Authorization: {header(origin, 'POST', '/items/1')}"
    assert raw(origin, "POST /items/1", value, "Content-Length: 11000001", "Content-Type: text/plain") == 413
    assert not RAN


def test_who_presents_nothing_is_not_read(origin: str) -> None:
    """401 at once, however much is announced."""
    assert raw(origin, "POST /items/1", "Content-Length: 99999999") == 401
    assert raw(origin, "GET /items/1", "Authorization: Basic eDp5") == 401
    assert not RAN


def test_what_is_unguarded_is_exactly_that(origin: str) -> None:
    """One path, and for looking alone."""
    assert httpx.get(f"{origin}/healthz").json() == "GET"
    for method, path in (
        ("POST", "/healthz"),
        ("GET", "/healthz/"),
        ("GET", "/healthz/../items/1"),
        ("GET", "//healthz"),
    ):
        assert raw(origin, f"{method} {path}") == 401
    assert not RAN
    for paths in (["healthz"], ["/health*"], ["/a?b"], ["/a%62"]):
        with pytest.raises(ValueError, match="unguarded"):
            DelegateMiddleware(application(), Guard(verifier(), origin="https://x.example.com"), unguarded=paths)
    with pytest.raises(TypeError, match="unguarded"):
        DelegateMiddleware(application(), Guard(verifier(), origin="https://x.example.com"), unguarded="/")


def test_starlette_knows_who_calls(origin: str) -> None:
    """`request.user`, and `requires` for what the middleware did not decide."""
    with httpx.Client(auth=_auth()) as client:
        assert client.get(f"{origin}/whoami").json() == ["agent:worker", "user:alice@example.com", True]
    bare = Starlette(
        routes=[Route("/whoami", whoami)], middleware=[Middleware(AuthenticationMiddleware, DelegateBackend())]
    )
    with serving(lambda _: bare) as other:
        assert httpx.get(f"{other}/whoami").status_code == 403


def test_a_websocket_is_opened_by_a_proof_for_its_handshake(origin: str) -> None:
    """With the argument `upgrade`: a proof for a plain GET opens none."""

    async def talk(value: str | None) -> list[str]:
        extra = [("Authorization", value)] if value else []
        async with websockets.connect(origin.replace("http:", "ws:") + "/chat", additional_headers=extra) as socket:
            answers = []
            for each in ("pay", "http.get"):
                await socket.send(each)
                answers.append(str(await socket.recv()))
            return answers

    for value in (None, header(origin, "GET", "/chat"), "Delegate dlgp_x"):
        with pytest.raises(websockets.InvalidStatus) as caught:
            asyncio.run(talk(value))
        assert caught.value.response.status_code == 401
        assert b"reason" in (caught.value.response.body or b"")
    assert not RAN
    opened = http.client_request("GET", f"{origin}/chat", upgrade="websocket")
    assert asyncio.run(talk(f"Delegate {ANY.prove(opened, AUDIENCE).to_text()}")) == ["False", "False"]
    assert RAN == ["chat"]


def connection(kind: str, **more: Any) -> list[Any]:
    """What an application behind the middleware answers to a connection of some kind."""
    sent: list[Any] = []
    app = DelegateMiddleware(application(), verifier=verifier(), origin="http://x.example.com")

    async def receive() -> Any:
        return {"type": "http.request" if kind == "http" else f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "path": "/chat", "raw_path": b"/chat", "query_string": b"", "headers": [], **more}
    asyncio.run(app(scope, receive, send))
    return sent


def test_what_cannot_be_bound_is_not_opened() -> None:
    """WebSockets unless they are wanted, and any kind of connection that is not known."""
    assert connection("websocket")[0]["type"] == "websocket.close"
    (start, _) = connection("websocket", extensions={"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)
    for kind in ("webtransport", "http2.push", ""):
        with pytest.raises(ValueError, match="cannot be guarded"):
            connection(kind)
    assert not RAN


def test_a_server_that_gives_no_raw_path_is_decided_by_what_is_routed() -> None:
    """The raw path may be absent; it may not be another."""
    sent: list[Any] = []
    app = DelegateMiddleware(application(), verifier=verifier(), origin="http://x.example.com")
    value = header("http://x.example.com", "GET", "/items/%C3%A9")
    scope = {"type": "http", "method": "GET", "path": "/items/é", "query_string": b"", "root_path": ""}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", value.encode())]
    asyncio.run(app({**scope, "headers": headers, "raw_path": b"/items/other"}, receive, send))
    assert sent[0]["status"] == 400
    sent.clear()
    asyncio.run(app({**scope, "headers": headers}, receive, send))
    assert sent[0]["status"] == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/pay/666", 200),
        ("/pay/0666", 422),
        ("/sub/7/pay/666", 200),
        ("/sub/07/pay/666", 422),
        ("/sub/7/pay/0666", 422),
        ("/float/1.50", 422),
    ],
)
@pytest.mark.parametrize("place", ["around", "further", "inside", "mounted"])
def test_a_path_is_the_one_that_starlette_hands_on(target: str, status: int, place: str) -> None:
    """A converter that writes its value otherwise is found out, in a mount too, wherever the middleware stands."""

    async def end(request: StarletteRequest) -> JSONResponse:
        RAN.append(request.path_params)
        return JSONResponse({})

    routes = [
        Route("/pay/{n:int}", end),
        Route("/float/{n:float}", end),
        Mount("/sub/{m:int}", routes=[Route("/pay/{n:int}", end)]),
    ]
    guard = Guard(verifier(), origin="https://shop.example.com")
    within: list[Any] = [Middleware(DelegateMiddleware, guard)] if place == "inside" else []  # type: ignore[arg-type]
    app: Any = Starlette(routes=routes, middleware=within)
    if place == "mounted":
        app, target = Starlette(routes=[Mount("/api", DelegateMiddleware(app, guard))]), f"/api{target}"
    elif place != "inside":
        app = DelegateMiddleware(GZipMiddleware(app) if place == "further" else app, guard)
    asked = Request.http("GET", f"https://shop.example.com{target}")
    headers = {"Authorization": f"Delegate {holder('http.get https://**').prove(asked, AUDIENCE).to_text()}"}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://shop.example.com") as client:
            return await client.get(target, headers=headers)

    assert asyncio.run(send()).status_code == status
    assert len(RAN) == (status == 200)


@pytest.mark.parametrize(
    ("any_host", "routed", "host", "status"),
    [
        (None, True, "shop.example.com", 200),
        (None, True, "Shop.Example.com:443", 200),
        (None, True, "bank.example.com", 400),
        (None, True, "shop.example.com:8443", 400),
        (None, False, "bank.example.com", 200),
        (False, False, "bank.example.com", 400),
        (False, False, "shop.example.com/", 400),
        (False, False, "shop.example.com", 200),
        (True, True, "bank.example.com", 200),
    ],
)
def test_an_application_that_routes_by_host_is_asked_by_its_own(
    any_host: bool | None, routed: bool, host: str, status: int
) -> None:
    """`Host` is no part of what is proven: whoever sends a request would choose whose data it is about."""

    async def end(_: StarletteRequest) -> JSONResponse:
        return JSONResponse({})

    inner = [Route("/data", end)]
    hosts: list[Any] = [Host(name, Router(inner)) for name in ("shop.example.com", "bank.example.com")]
    guard = Guard(verifier(), origin="https://shop.example.com", any_host=any_host)
    app = DelegateMiddleware(Starlette(routes=hosts if routed else inner), guard)
    asked = Request.http("GET", "https://shop.example.com/data")
    proof = holder("http.get https://**").prove(asked, AUDIENCE).to_text()

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://shop.example.com") as client:
            return await client.get("/data", headers={"Host": host, "Authorization": f"Delegate {proof}"})

    assert asyncio.run(send()).status_code == status


def test_another_protocol_is_an_argument() -> None:
    """`Upgrade: h2c` on a connection that stays HTTP so far."""
    made = ANY.prove(Request.http("GET", "http://x.example.com/healthz"), AUDIENCE)
    headers = [
        (b"authorization", f"Delegate {made.to_text()}".encode()),
        (b"upgrade", b"h2c"),
        (b"connection", b"upgrade"),
    ]
    more = {"method": "GET", "path": "/healthz", "raw_path": b"/healthz"}
    assert connection("http", headers=headers, **more)[0]["status"] == 401
    assert connection("http", headers=headers[:1], **more)[0]["status"] == 200


def test_a_shared_cache_keeps_no_answer_to_a_header_that_it_does_not_know() -> None:
    """`Delegation` is none of those that HTTP keeps from shared caches."""
    more = {"method": "GET", "path": "/healthz", "raw_path": b"/healthz"}
    for name, private in ((b"authorization", None), (b"delegation", b"private")):
        made = ANY.prove(Request.http("GET", "http://x.example.com/healthz"), AUDIENCE).to_text()
        value = made if private else f"Delegate {made}"
        start, *_ = connection("http", headers=[(name, value.encode())], **more)
        assert (start["status"], dict(start["headers"]).get(b"cache-control")) == (200, private)


def test_lifespan_is_the_application_s_own() -> None:
    """Starting and stopping pass through; an application without a decision says so."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guarded = DelegateMiddleware(app, verifier=verifier(), origin="https://x.example.com")
    asyncio.run(guarded({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
    with pytest.raises(LookupError, match="DelegateMiddleware"):
        authorization_of({"type": "http"})


def test_what_would_be_half_configured_cannot_be_made() -> None:
    """A verifier without an origin, an origin without a verifier, both ways at once."""
    guard = Guard(verifier(), origin="https://x.example.com")
    for more in (
        {},
        {"verifier": verifier()},
        {"origin": "https://x.example.com"},
        {"guard": guard, "origin": "https://x.example.com"},
        {"guard": guard, "verifier": verifier()},
        {"guard": guard, "cost": {}},
        {"guard": verifier()},
    ):
        with pytest.raises(TypeError, match="guard"):
            DelegateMiddleware(application(), **more)
