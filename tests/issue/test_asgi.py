"""The issuer over HTTP: what it answers, and what it does not take."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from delegate import Identity, Principal, Token
from delegate.issue import Issuer, NotIssued, Policy, asgi
from delegate.issue import dpop as proofs
from delegate.state import MemoryReplay
from tests.issue.world import AGENT, ISSUER, NOW, POLICY, URL, World

FORM = {"content-type": "application/x-www-form-urlencoded"}


def sent(
    world: World,
    method: str = "POST",
    path: str = "/token",
    *,
    form: dict[str, str] | None = None,
    **more: Any,  # noqa: ANN401
) -> httpx.Response:
    """One request to the app, as over HTTP."""
    if method == "POST" and "content" not in more:
        more["data"] = world.form() if form is None else form
        more.setdefault("headers", {"dpop": world.proof()})

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(asgi.app(world.issuer))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.request(method, path, **more)

    return asyncio.run(go())


def test_a_chain_is_issued() -> None:
    """The answer holds it, and nobody between keeps it."""
    answer = sent(World())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert Token.parse(answer.json()["access_token"]).link.block.holder == "agent:planner"


def test_a_refusal_is_one_of_oauth() -> None:
    """The error, a sentence without quotes, our reason; and no more."""
    world = World()
    answer = sent(world, form=world.form(world.provider.token(groups=[])))
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "the policy gives this nothing",
        "reason": "policy_failed",
    }
    bad = sent(World(), headers={"dpop": "x"}).json()
    assert (bad["error"], bad["reason"]) == ("invalid_dpop_proof", "malformed")
    assert '"' not in bad["error_description"]


def test_the_address_is_the_configured_one() -> None:
    """Behind a proxy `Host` says anything; the proof is held against what the policy says."""
    world = World()
    headers = {"dpop": world.proof(), "host": "evil.example.com", "x-forwarded-host": "evil.example.com"}
    assert sent(world, headers=headers).status_code == 200
    evil = {"dpop": world.proof(url="https://evil.example.com/token"), "host": "evil.example.com"}
    assert sent(world, headers=evil).json()["reason"] == "proof_wrong_request"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"content": b"{}", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"a=1"}, 400),
        ({"content": b"a" * 70_000, "headers": FORM}, 413),
        ({"content": b"\xff=1", "headers": FORM}, 400),
        ({"content": b"a=%ff", "headers": FORM}, 400),
        ({"content": b"&".join(b"a%d=1" % n for n in range(200)), "headers": FORM}, 400),
        ({"content": b"", "headers": FORM}, 400),
    ],
)
def test_a_body_that_is_no_form(given: dict[str, Any], status: int) -> None:
    """Refused as such, with a body in JSON."""
    answer = sent(World(), **given)
    assert answer.status_code == status
    assert "error" in answer.json()


def test_other_methods_and_paths() -> None:
    """There is nothing else."""
    world = World()
    found = {
        (method, path): sent(world, method, path, content=b"").status_code
        for method in ("GET", "POST", "PUT", "DELETE")
        for path in ("/token", "/", "/roots", "/token/", "/../token")
    }
    assert set(found.values()) == {404, 405, 400}
    assert found["GET", "/token"] == 405
    assert sent(world, "GET", "/health").json() == {"status": "ok"}


def test_what_it_says_of_itself() -> None:
    """RFC 8414, who signs, and how to log in."""
    login = '[login]\ntrust = "corp"\nclient = "cli"\n\n[[trust]]'
    world = World(POLICY.replace("[[trust]]", login, 1))
    found = sent(world, "GET", "/.well-known/oauth-authorization-server").json()
    assert (found["issuer"], found["token_endpoint"]) == (URL, f"{URL}/token")
    assert Principal.parse(found["delegate_principal"]) == ISSUER.principal
    assert found["delegate_login"] == {"issuer": "https://login.example.com", "client_id": "cli", "scope": "openid"}
    assert "delegate_login" not in sent(World(), "GET", "/.well-known/oauth-authorization-server").json()


def test_it_serves_roots_and_revocations(tmp_path: Path) -> None:
    """As they are in the files; an unchanged one is not sent again."""
    (tmp_path / "roots").write_bytes(b"signed roots")
    world = World(POLICY.replace("[[trust]]", 'roots = "roots"\nrevocations = "list"\n\n[[trust]]', 1), folder=tmp_path)
    answer = sent(world, "GET", "/roots")
    assert (answer.status_code, answer.content) == (200, b"signed roots")
    again = sent(world, "GET", "/roots", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert sent(world, "GET", "/revocations").status_code == 503
    (tmp_path / "roots").write_bytes(b"newer")
    newer = sent(world, "GET", "/roots", headers={"if-none-match": answer.headers["etag"]})
    assert (newer.status_code, newer.content) == (200, b"newer")
    (tmp_path / "list").write_bytes(bytes(asgi.FILE_BYTES + 1))
    assert sent(world, "GET", "/revocations").status_code == 503


def test_an_issuer_at_a_path() -> None:
    """RFC 8414 §3.1: the well-known part comes first."""
    world = World(POLICY.replace("issuer.example.com", "example.com/issuer"))
    url = "https://example.com/issuer/token"
    assert sent(world, path="/issuer/token", headers={"dpop": world.proof(url=url)}).status_code == 200
    assert sent(world, "GET", "/.well-known/oauth-authorization-server/issuer").status_code == 200
    assert sent(world, path="/token", headers={"dpop": world.proof(url=url)}).status_code == 404


class _Slow:
    """An issuer that is busy until it is let go."""

    def __init__(self) -> None:
        self.policy = Policy.parse(POLICY)
        self.token_url = f"{URL}/token"
        self.go = threading.Event()

    def dpop_nonce(self) -> str:
        return ""

    def exchange(self, *_: object, **__: object) -> None:
        self.go.wait(60)
        raise NotIssued("malformed", "x")  # type: ignore[arg-type] # any will do


def test_a_flood_is_told_to_come_back() -> None:
    """So many at once are worked at, so many wait, and no more: the next is refused at once."""
    slow = _Slow()
    application = asgi.app(slow)  # type: ignore[arg-type]

    async def go() -> list[int]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            most = asgi.THREADS + asgi.WAITING
            tasks = [asyncio.create_task(client.post("/token", data={"a": "1"})) for _ in range(most)]
            while vars(application)["_in_hand"] < most:  # noqa: ASYNC110 - nothing tells when they have all begun
                await asyncio.sleep(0)
            refused = await client.post("/token", data={"a": "1"})
            assert refused.headers["retry-after"] == "1"
            slow.go.set()
            return [refused.status_code, *[(await task).status_code for task in tasks]]

    assert asyncio.run(go()) == [503, *[400] * (asgi.THREADS + asgi.WAITING)]


def called(application: asgi.App, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the app sends, given these messages; after the last one, nothing comes any more."""
    found: list[dict[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        found.append(dict(message))

    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    return found


def post(world: World) -> dict[str, Any]:
    """The scope of an honest request."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"dpop", world.proof().encode())]
    return {"type": "http", "method": "POST", "path": "/token", "headers": headers}


def test_a_body_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte and then nothing is cut off by a deadline for the whole."""
    monkeypatch.setattr(asgi, "BODY_S", 0.01)
    world = World()
    found = called(asgi.app(world.issuer), post(world), [{"type": "http.request", "body": b"a", "more_body": True}])
    assert found[0]["status"] == 408
    gone = called(asgi.app(world.issuer), post(world), [{"type": "http.disconnect"}])
    assert gone[0]["status"] == 400


def test_a_fault_of_ours_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The asker hears that it went wrong; the log has the rest."""
    world = World()

    class Broken(MemoryReplay):
        def claim(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - it gives nothing
            message = "secret"
            raise RuntimeError(message)

    world.issuer._replay = Broken()
    answer = sent(world)
    assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
    assert "secret" in caplog.text


def test_a_websocket_is_closed() -> None:
    """Nothing here is one."""
    found = called(asgi.app(World().issuer), {"type": "websocket"}, [{"type": "websocket.connect"}])
    assert [each["type"] for each in found] == ["websocket.close"]


def test_a_changed_policy_is_taken_while_it_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its file is looked at; one with a mistake is told, and the old one goes on."""
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    issuer = Issuer(Policy.load(file), ISSUER, replay=MemoryReplay(since=0), clock=lambda: NOW)
    application = asgi.app(issuer, reload_s=0.001)

    async def until(change: str, told: Any) -> None:  # noqa: ANN401 - a function that says when
        file.write_text(change)
        while not told():  # noqa: ASYNC110 - nothing tells when it has been told
            await asyncio.sleep(0.001)

    async def go() -> None:
        coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        sent_: list[dict[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent_.append(dict(message))

        coming.put_nowait({"type": "lifespan.startup"})
        running = asyncio.ensure_future(application({"type": "lifespan"}, coming.get, send))
        while not sent_:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0)
        await until(POLICY.replace('"15m"', '"1m"'), lambda: issuer.policy.grants[0].ttl_s == 60)
        await until("[issuer", lambda: "stays as it was" in caplog.text)
        assert issuer.policy.grants[0].ttl_s == 60
        file.unlink()
        await until(POLICY.replace('"15m"', '"2m"'), lambda: issuer.policy.grants[0].ttl_s == 120)
        coming.put_nowait({"type": "lifespan.shutdown"})
        await running

    asyncio.run(asyncio.wait_for(go(), 60))


def test_query_parameters_are_not_read() -> None:
    """A token in an address would be in every log."""
    world = World()
    answer = sent(world, path=f"/token?{urlencode(world.form())}", form={"a": "1"})
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"] == "unsupported_grant_type"
    assert AGENT.name == "agent:planner"


def test_a_key_that_is_away_is_asked_for_again() -> None:
    """The issuer's key is in a token that was pulled out: 503 for a nonce and for a chain, and no exception."""
    from delegate.authoring.elsewhere import refused

    class Away:
        public_key = ISSUER.public_key

        def sign(self, message: bytes) -> bytes:
            del message
            refused("no token")

    with_nonce = POLICY.replace("[[trust]]", "dpop_nonce = true\n\n[[trust]]", 1)
    for policy, proof in ((with_nonce, {}), (with_nonce, {"nonce": "x"}), (POLICY, {})):
        world = World(policy)
        world.issuer = Issuer(
            world.policy, Identity("svc:issuer", Away()), clock=lambda: NOW, replay=MemoryReplay(since=0)
        )
        made = proofs.make(AGENT.signer, method="POST", url=f"{URL}/token", now=NOW, **proof)
        answer = sent(world, form=world.form(), headers={"dpop": made})
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    refusal = sent(World(with_nonce), form={}, headers={})
    assert refusal.status_code == 400
