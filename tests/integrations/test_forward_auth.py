"""nginx and Caddy, the real ones, asking `ForwardAuth`: what reaches the backend was decided, as it was decided."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from delegate import Request, need
from delegate.cli import main
from delegate.integrations.forward_auth import DIALECTS, ForwardAuth, configuration
from delegate.integrations.guard import Guard
from delegate.integrations.httpx import DelegateAuth, problem_of
from delegate.state import MemoryLedger
from tests.integrations.serving import exchange, serving
from tests.integrations.world import ALICE, AUDIENCE, BOB, holder, verifier
from tests.servers import folder, found

ANY = holder("http.* http://**")
SEEN: list[dict[str, Any]] = []
_PATIENCE_S = 60.0


class Place(NamedTuple):
    """A guarded service: where clients reach it, and by which proxy."""

    origin: str
    proxy: str


async def backend(scope: Any, receive: Any, send: Any) -> None:
    """Note all that arrives."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    SEEN.append({"method": scope["method"], "target": target.decode(), "headers": headers, "body": body})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def proxy(kind: str, check: str, behind: str, port: int) -> Iterator[None]:
    """Run a proxy with the configuration that `delegate serve --show-config` prints."""
    site = f"http://127.0.0.1:{port}" if kind == "caddy" else "_"
    text = configuration(kind, host=site, check=check, backend=behind, listen=f"127.0.0.1:{port}")
    with folder() as place, (place / "log").open("wb") as log:
        if kind == "nginx":
            head = f"daemon off; pid {place}/pid; error_log {place}/log warn; worker_processes 1;\n"
            temporary = "".join(
                f"{name}_temp_path {place}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            (place / "conf").write_text(f"{head}events {{}}\nhttp {{\naccess_log off; {temporary}\n{text}}}\n")
            command = [found("nginx", "nginx-light"), "-p", str(place), "-c", str(place / "conf")]
        else:
            (place / "conf").write_text("{\n  admin off\n  auto_https off\n}\n" + text)
            command = [found("caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", str(place / "conf")]
        environment = {"HOME": str(place), "XDG_DATA_HOME": str(place), "PATH": "/usr/sbin:/usr/bin:/bin"}
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=place, env=environment)  # noqa: S603 - ours
        try:
            end = time.monotonic() + _PATIENCE_S
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((place / "log").read_text("utf-8", "replace")[-2000:])
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A backend, a check and a proxy."""
    kind, port = request.param, _free_port()
    found(kind, "nginx-light" if kind == "nginx" else kind)
    origin = f"http://127.0.0.1:{port}"
    decides = verifier(third_parties=[BOB.principal], ledger=MemoryLedger())
    check = ForwardAuth(Guard(decides, origin=origin), kind)
    with contextlib.ExitStack() as running:
        asked = running.enter_context(serving(lambda _: check)).removeprefix("http://")
        behind = running.enter_context(serving(lambda _: backend)).removeprefix("http://")
        running.enter_context(proxy(kind, asked, behind, port))
        yield Place(origin, kind)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    """Each test begins with nothing at the backend."""
    SEEN.clear()


def header(origin: str, method: str, target: str) -> str:
    """A proof for one request."""
    return f"Delegate {ANY.prove(Request.http(method, origin + target), AUDIENCE).to_text()}"


def raw(place: Place, line: str, *headers: str, body: bytes = b"") -> int:
    """Send a request byte by byte; give its status."""
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""])
    received = exchange(place.origin, head.encode("latin-1") + body)
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def test_the_backend_is_told_on_whose_authority(place: Place) -> None:
    """The target as it was decided, and who; nothing of the proof."""
    with httpx.Client(auth=DelegateAuth(ANY, AUDIENCE)) as client:
        for target in ("/items?a=1&b=%20c", "/gesch%c3%a4ft/a%20b", "/~a,b=c@d", "/q%22"):
            SEEN.clear()
            assert client.get(place.origin + target).status_code == 200
            (seen,) = SEEN
            assert (seen["method"], seen["body"]) == ("GET", b"")
            asked = Request.http("GET", place.origin + target)
            assert Request.from_target(place.origin, "GET", seen["target"]) == asked
            told = {name: value for name, (value,) in seen["headers"].items() if name.startswith("x-delegate-")}
            assert told.pop("x-delegate-body", "none") == "none"
            assert len(bytes.fromhex(told.pop("x-delegate-proof"))) == 32
            assert int(told.pop("x-delegate-expires")) > time.time()
            assert told == {"x-delegate-originator": "user:alice@example.com", "x-delegate-holder": "agent:worker"}
            assert not {"authorization", "delegation"} & seen["headers"].keys()
        for method in ("DELETE", "OPTIONS", "PUT", "HEAD"):
            assert client.request(method, f"{place.origin}/items").status_code == 200
            assert SEEN[-1]["method"] == method


def test_a_refusal_can_be_read(place: Place) -> None:
    """401 with a challenge, 403 with what the holder may know, and whom to ask."""
    bare = httpx.get(f"{place.origin}/items")
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, f'Delegate audience="{AUDIENCE}"')
    with httpx.Client(auth=DelegateAuth(ANY)) as client:  # a name that is learnt from the challenge
        assert client.get(f"{place.origin}/items").status_code == 200
    needy = holder("http.* http://**", needs=[need([BOB.principal])])
    with httpx.Client(auth=DelegateAuth(needy, AUDIENCE)) as client:
        refused = client.get(f"{place.origin}/items")
    problem = problem_of(refused)
    assert problem is not None
    assert (refused.status_code, problem.reason) == (403, "discharge_missing")
    assert len(problem.asks) == 1
    wrong = httpx.get(f"{place.origin}/items", headers={"Authorization": header("http://127.0.0.1", "GET", "/items")})
    assert wrong.json()["request"] == f'["http.get", "{place.origin}/items", {{}}]'
    assert len(SEEN) == 1


def test_what_is_sent_with_a_body_is_refused(place: Place) -> None:
    """However it is announced: counted, chunked, on a method that usually has none; and another protocol."""
    value = f"Authorization: {header(place.origin, 'POST', '/items')}"
    assert raw(place, "POST /items", value, "Content-Length: 3", body=b"abc") == 403 or place.proxy == "caddy"
    chunked = b"3\r\nabc\r\n0\r\n\r\n"
    statuses = [
        raw(place, "POST /items", value, "Content-Length: 1", body=b"a"),
        raw(place, "POST /items", value, "Content-Length: 200000", "Content-Type: text/plain", body=b"a" * 200_000),
        raw(place, "POST /items", value, "Transfer-Encoding: chunked", body=chunked),
        raw(place, "GET /items", value, "Transfer-Encoding: chunked", body=chunked),
        raw(place, "POST /items", value, "Upgrade: websocket"),
    ]
    assert all(status in {400, 403, 413} for status in statuses), statuses
    assert not SEEN
    assert raw(place, "POST /items", value, "Content-Length: 0") == 200


def test_the_client_cannot_speak_for_the_proxy(place: Place) -> None:
    """Neither to the check nor to the backend, in either spelling."""
    value = f"Authorization: {header(place.origin, 'GET', '/items')}"
    lies = [
        f"{name}: {lie}"
        for name, lie in (
            *(("X-Delegate-Method", "GET"), ("X-Delegate-Target", "/items"), ("X-Delegate-Body", "none")),
            *(("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/items"), ("X-Original-URI", "/items")),
        )
    ]
    for line in ("GET /secret", "DELETE /items", "GET /items?a=1"):
        assert raw(place, line, value, *lies) == 401
        assert raw(place, line, value, *(lie.replace("-", "_", 2) for lie in lies)) == 401
    assert not SEEN
    names = ("Originator", "Holder", "Expires", "Proof")
    claims = [f"X-Delegate-{name}: mallory" for name in names] + [f"X_Delegate_{name}: mallory" for name in names]
    claims += [f"x-delegate_{name}: mallory" for name in names] + ["X-Delegate-Admin: mallory", *claims]
    assert raw(place, "GET /items", value, *claims, "Delegation_: x") == 200
    (seen,) = SEEN
    trusted = {f"x-delegate-{name.lower()}" for name in names}
    for name, values in seen["headers"].items():
        if name.replace("_", "-") in trusted:
            assert name in trusted
            assert len(values) == 1
            assert values != ["mallory"]


def test_the_client_cannot_take_away_what_the_proxy_tells(place: Place) -> None:
    """A header that `Connection` names is for one hop alone, and proxies drop it."""
    names = ("Originator", "Holder", "Expires", "Proof")
    told = [f"X-Delegate-{name}" for name in names]
    for connection in (", ".join(["close", *told]), ", ".join([*told, "X-Delegate-Body", "close"])):
        value = f"Authorization: {header(place.origin, 'GET', '/items')}"
        assert raw(place, "GET /items", value, f"Connection: {connection}") == 200
        assert all(len(SEEN[-1]["headers"][name.lower()]) == 1 for name in told)
    for connection in ("X-Delegate-Body, close", "X-Forwarded-Uri, X-Delegate-Target, close", "Upgrade, close"):
        value = f"Authorization: {header(place.origin, 'GET', '/items')}"
        assert raw(place, "GET /secret", value, f"Connection: {connection}", "X-Forwarded-Uri: /items") == 401
        posted = raw(place, "POST /items", value, f"Connection: {connection}, Content-Length", body=b"x")
        assert posted in {400, 401, 403}
    assert len(SEEN) == 2


def test_requests_with_two_meanings_do_not_reach_the_backend(place: Place) -> None:
    """Two presentations, a rewritten path, a second slash, a dot segment, a whole URL."""
    proven = header(place.origin, "GET", "/items")
    value = f"Authorization: {proven}"
    for headers in (
        [value, value],
        [value, "Authorization: Basic eDp5"],
        ["Authorization: Basic eDp5", value],
        [value, f"Delegation: {proven.split()[1]}"],
        [value, "X-HTTP-Method-Override: DELETE"],
        [value, "X-Original-URL: /secret"],
        [value, "X-Rewrite-URL: /secret"],
    ):
        assert raw(place, "GET /items", *headers) in {400, 401, 403}
    for line in ("GET //items", "GET /./items", "GET /a/../items", "GET /%69tems", "GET /items/", "GET /items%2F"):
        assert raw(place, line, value) in {400, 401, 403}
    assert raw(place, "GET /.delegate", value) in {401, 403, 404}
    assert not SEEN
    assert raw(place, "GET /items", value) == 200
    assert raw(place, "GET /items", value) == 401


def test_a_store_that_fails_lets_nothing_through(place: Place) -> None:
    """The chain has a budget in a unit that nobody priced, and the check is not there at all."""
    paid = holder("http.* http://**", budget={"cents": 10})
    with httpx.Client(auth=DelegateAuth(paid, AUDIENCE)) as client:
        assert client.get(f"{place.origin}/items").status_code == 403
    port = _free_port()
    with serving(lambda _: backend) as behind:
        nobody = f"127.0.0.1:{_free_port()}"
        with proxy(place.proxy, nobody, behind.removeprefix("http://"), port):
            assert httpx.get(f"http://127.0.0.1:{port}/items").status_code in {500, 502}
    assert not SEEN


def ask(dialect: str, *headers: tuple[bytes, bytes]) -> tuple[int, dict[str, str]]:
    """Ask the check itself, without a proxy."""
    sent: list[Any] = []
    check = ForwardAuth(Guard(verifier(), origin="https://shop.example.com"), dialect)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}
    asyncio.run(check(scope, None, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_proxy_that_does_not_ask_as_it_should_gets_500(dialect: str) -> None:
    """Something missing, or twice: never a guess."""
    method, target = DIALECTS[dialect].method, DIALECTS[dialect].target
    whole = [(method, b"GET"), (target, b"/items"), (b"x-delegate-body", b"none")]
    for missing in range(3):
        assert ask(dialect, *whole[:missing], *whole[missing + 1 :])[0] == 500
        assert ask(dialect, *whole, whole[missing])[0] == 500
    assert ask(dialect, *whole)[0] == 401
    other = "nginx" if dialect == "caddy" else "caddy"
    assert ask(other, *whole)[0] == 500
    proven = (b"authorization", header("https://shop.example.com", "GET", "/items").encode())
    assert ask(dialect, (method, b"GET"), (target, b"/items"), (b"x-delegate-body", b"maybe"), proven)[0] in {400, 403}


def test_a_long_problem_still_fits_into_a_header() -> None:
    """A header is all that nginx passes on a header: what is long is left out of it."""
    other = ("x" * 3000, "y" * 3000, "z" * 3000)
    target = "/items?" + "&".join(f"{name}=1" for name in other for _ in range(1)) + "&q=" + "%C3%A9" * 1500
    proven = (b"authorization", header("https://shop.example.com", "GET", "/items").encode())
    asked = [(b"x-delegate-method", b"GET"), (b"x-delegate-target", target.encode()), (b"x-delegate-body", b"none")]
    status, headers = ask("nginx", *asked, proven)
    problem = json.loads(headers["x-delegate-problem"])
    assert (status, problem["reason"]) == (401, "proof_wrong_request")
    assert "request" not in problem


def test_only_two_dialects_are_spoken() -> None:
    """And only over HTTP."""
    guard = Guard(verifier(), origin="https://shop.example.com")
    with pytest.raises(ValueError, match="nginx, caddy"):
        ForwardAuth(guard, "traefik")
    with pytest.raises(ValueError, match="HTTP"):
        asyncio.run(ForwardAuth(guard, "nginx")({"type": "websocket"}, None, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--forward-auth'"),
        (("--forward-auth", "traefik"), "traefik"),
        (("--forward-auth", "nginx"), "--audience"),
        (("--forward-auth", "nginx", "--audience", "shop", "--origin", "https://x.example.com"), "--root"),
        (("--forward-auth", "nginx", "--audience", "shop", "--origin", "x", "--root", "alice.pub"), "origin"),
        (("--forward-auth", "nginx", "--listen", "nowhere"), "not an address"),
        (("--forward-auth", "nginx", "--show-config"), "--host"),
    ],
)
def test_what_the_command_says_of_its_own_use(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half a configuration is a usage error."""
    monkeypatch.chdir(tmp_path)
    ALICE.principal.save("alice.pub")
    assert main(["serve", *arguments]) == 2
    assert said.lower() in capsys.readouterr().err.lower()


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_the_command_serves_and_prints_its_configuration(
    dialect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process of its own answers a proxy, until it is stopped."""
    shown = ("--show-config", "--host", "files.example.com", "--backend", "127.0.0.1:9000")
    assert main(["serve", "--forward-auth", dialect, *shown]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("files.example.com", "127.0.0.1:9000", "127.0.0.1:8700"))
    assert not {"HOST", "CHECK", "BACKEND", "LISTEN"} & set(said.replace("/", " ").replace("$", " ").split())
    if dialect == "caddy":
        return  # the one process below serves for both
    ALICE.principal.save(tmp_path / "alice.pub")
    service = ("--root", str(tmp_path / "alice.pub"), "--audience", AUDIENCE, "--origin", "https://shop.example.com")
    command = [
        sys.executable,
        "-m",
        "delegate",
        "serve",
        "--forward-auth",
        dialect,
        *service,
        "--listen",
        "127.0.0.1:0",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stderr is not None
            address = process.stderr.readline().split()[-1]
            asked = {"X-Delegate-Method": "GET", "X-Delegate-Target": "/items", "X-Delegate-Body": "none"}
            made = holder("http.* https://**").prove(Request.http("GET", "https://shop.example.com/items"), AUDIENCE)
            proven = {"Authorization": f"Delegate {made.to_text()}"}
            answers = [httpx.get(f"http://{address}/", headers=asked | proven) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200, 401]
            assert answers[0].headers["x-delegate-holder"] == "agent:worker"
        finally:
            process.terminate()
            process.wait(30)
