"""FastAPI: what the endpoint acts on is what was decided, and refusals are problems that a client can read."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import fastapi
import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, File, Form, Header, Query, WebSocket
from pydantic import AliasChoices, AliasPath, BaseModel, Field, field_serializer
from starlette.types import ASGIApp

from delegate import Authorization, Holder, Request, need
from delegate.integrations import http
from delegate.integrations.asgi import DelegateMiddleware
from delegate.integrations.fastapi import Guard, RefusedError
from delegate.state import MemoryLedger
from tests.integrations.world import AUDIENCE, BOB, ORIGIN, holder, verifier

JSON = {"Content-Type": "application/json"}
ANY = holder("http.* https://shop.example.com/**")


class Payment(BaseModel):
    """What is paid."""

    amount: int
    to: str = "ann"


class Aliased(BaseModel):
    """A model whose field has another name on the wire."""

    amount: int = Field(alias="Amount")
    model_config = {"populate_by_name": True}


def call(
    app: ASGIApp,
    method: str = "POST",
    target: str = "/pay",
    content: bytes = b"",
    *,
    of: Holder | None = ANY,
    headers: dict[str, str] | None = None,
    audience: str = AUDIENCE,
    proven: Request | None = None,
) -> httpx.Response:
    """Send one request with a proof for it, made as a client makes it."""
    given = dict(headers or {})
    if of is not None:
        asked = proven or http.client_request(method, ORIGIN + target, list(given.items()), content)
        given["Authorization"] = f"Delegate {of.prove(asked, audience).to_text()}"

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8000") as client:
            return await client.request(method, target, content=content or None, headers=given)

    return asyncio.run(send())


def shop(**more: Any) -> tuple[FastAPI, Guard, list[Any]]:
    """An application that notes what its endpoints were given."""
    app, guard = FastAPI(), Guard(verifier(**more.pop("verifier", {})), origin=ORIGIN, **more)
    ran: list[Any] = []

    @app.post("/pay")
    def pay(payment: Annotated[Payment, Depends(guard.body(Payment))]) -> dict[str, object]:
        ran.append(payment)
        return {"paid": payment.amount}

    @app.get("/items")
    def items(granted: Annotated[Authorization, Depends(guard)]) -> dict[str, object]:
        ran.append(granted)
        return {"originator": granted.originator, "holder": granted.holder}

    return app, guard, ran


def test_an_endpoint_runs_on_whose_authority_it_is_told() -> None:
    """`Depends(guard)` gives the authorization."""
    app, _, ran = shop()
    answer = call(app, "GET", "/items?page=2")
    assert answer.json() == {"originator": "user:alice@example.com", "holder": "agent:worker"}
    assert ran[0].request.args["query"]["page"] == ("2",)


def test_a_body_is_handed_on_as_it_was_decided() -> None:
    """`guard.body(Model)` gives the model, and a condition sees the body."""
    app, _, ran = shop()
    limited = holder("http.post https://shop.example.com/pay if args.body.amount <= 500")
    assert call(app, content=b'{"amount": 5}', headers=JSON, of=limited).json() == {"paid": 5}
    assert ran == [Payment(amount=5)]
    refused = call(app, content=b'{"amount": 9999}', headers=JSON, of=limited)
    assert refused.status_code == 403
    assert "args.body.amount <= 500" in refused.json()["detail"]
    assert len(ran) == 1


def test_nothing_presented_is_answered_with_a_bare_challenge() -> None:
    """401, and which scheme and audience a proof must have."""
    answer = call(shop()[0], "GET", "/items", of=None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Delegate audience="shop.example.com"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "title": "Unauthorized",
        "status": 401,
        "reason": "nothing_presented",
        "detail": "nothing_presented",
    }


def test_what_is_not_genuine_is_an_invalid_token() -> None:
    """401 with an error in the challenge; what the proof was for is not told."""
    app, _, ran = shop()
    answer = call(app, "GET", "/items", audience="bank.example.com")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Delegate audience="shop.example.com", error="invalid_token"'
    assert answer.json()["reason"] == "proof_wrong_audience"
    garbage = call(app, "GET", "/items", of=None, headers={"Authorization": "Delegate dlgp_AAAA"})
    assert garbage.status_code == 401
    assert not ran


def test_a_proof_for_another_url_is_told_apart_from_a_forgery() -> None:
    """The canonical request that the service saw is in the answer: a wrong public URL can be seen at once."""
    app, _, ran = shop()
    answer = call(app, "GET", "/items", proven=Request.http("GET", "http://localhost:8000/items"))
    assert answer.json()["reason"] == "proof_wrong_request"
    assert answer.json()["request"] == '["http.get", "https://shop.example.com/items", {}]'
    assert not ran


def test_the_host_that_is_claimed_counts_for_nothing() -> None:
    """Neither `Host` nor `X-Forwarded-*` moves the origin."""
    app, _, ran = shop()
    lies = {"Host": "bank.example.com", "X-Forwarded-Host": "bank.example.com", "X-Forwarded-Proto": "http"}
    proven = Request.http("GET", "https://bank.example.com/items")
    assert call(app, "GET", "/items", headers=lies, proven=proven).status_code == 401
    assert not ran
    assert call(app, "GET", "/items", headers=lies).status_code == 200


def test_a_store_that_fails_is_told_as_503() -> None:
    """No ledger for a budget: 503, and no words about the store."""
    app, _, ran = shop()
    paid = holder("http.** https://shop.example.com/**", budget={"calls": 3})
    answer = call(app, "GET", "/items", of=paid)
    assert (answer.status_code, answer.json()["reason"]) == (503, "budget_unavailable")
    assert not ran


def test_who_could_confirm_is_told_to_the_holder() -> None:
    """The asks travel in the problem."""
    app, _, _ = shop(verifier={"third_parties": [BOB.principal]})
    needy = holder("http.* https://shop.example.com/**", needs=[need([BOB.principal])])
    answer = call(app, "GET", "/items", of=needy)
    assert answer.status_code == 403
    (ask,) = answer.json()["asks"]
    assert ask.startswith("dlga_")


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": "666"}',
        b'{"amount": true}',
        b'{"amount": 666, "amount": 5}',
        b'{"amount": 5, "currency": "EUR"}',
        b'{"amount": "5.0"}',
        b'{"amount": [5]}',
        b'{"amount": NaN}',
        b'{"amount": 1e999}',
        b'{"amount": 99999999999999999999}',
        b'{"amount": 5, "to": "\\ud800"}',
        b"[5]",
        b'"5"',
        b"5",
        b"null",
        b"{",
        b'\xff\xfe{\x00"\x00a\x00m\x00o\x00u\x00n\x00t\x00"\x00:\x005\x00}\x00',
        b'\xef\xbb\xbf{"amount": 5}',
        b"[" * 40 + b"]" * 40,
    ],
)
@pytest.mark.parametrize("path", ["/pay", "/plain"])
def test_a_body_that_would_run_as_something_else_does_not_run(body: bytes, path: str) -> None:
    """Coerced, twice, dropped, or no JSON at all: 4xx, whether the guard makes the model or FastAPI does."""
    app, guard, ran = shop()

    @app.post("/plain")
    def plain(payment: Payment, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((payment, granted))

    proven = Request.http("POST", ORIGIN + path, {"body": {"amount": "666"}})
    try:
        proven = http.client_request("POST", ORIGIN + path, list(JSON.items()), body)
    except fastapi.HTTPException:
        raise
    except Exception:  # noqa: BLE001, S110 - an honest client would send none of these
        pass
    answer = call(app, target=path, content=body, headers=JSON, proven=proven)
    assert 400 <= answer.status_code < 500
    assert not ran


def test_a_condition_cannot_be_got_around_by_another_writing() -> None:
    """`args.body.amount != 666` is not passed by a text that FastAPI makes 666 of."""
    app, guard, ran = shop()
    not_that = holder("http.post https://shop.example.com/**", caveats=["args.body.amount != 666"])

    @app.post("/plain")
    def plain(payment: Payment, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((payment, granted))

    @app.post("/embedded")
    def embedded(amount: Annotated[int, Body(embed=True)], granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((amount, granted))

    for path in ("/pay", "/plain", "/embedded"):
        answer = call(app, target=path, content=b'{"amount": "666"}', headers=JSON, of=not_that)
        assert answer.status_code == 422
        assert answer.json()["reason"] == "malformed"
        assert '"666"' in answer.json()["detail"]
        assert call(app, target=path, content=b'{"amount": 5}', headers=JSON, of=not_that).status_code == 200
    assert len(ran) == 3


def test_a_name_of_a_field_that_is_not_its_own_is_refused() -> None:
    """A model that takes a field by two names: a condition reads the one that is on the wire."""
    app, guard = FastAPI(), Guard(verifier(), origin=ORIGIN)

    @app.post("/pay")
    def pay(payment: Annotated[Aliased, Depends(guard.body(Aliased))]) -> int:
        return payment.amount

    assert call(app, content=b'{"Amount": 5}', headers=JSON).json() == 5
    assert call(app, content=b'{"amount": 5}', headers=JSON).status_code == 422


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/search?amount=666", 200),
        ("/search?amount=0666", 422),
        ("/search?amount=%20666", 422),
        ("/search?amount=%2B666", 422),
        ("/search?amount=666.0", 422),
        ("/search?amount=5&amount=666", 422),
        ("/search?amount=5&sure=true", 200),
        ("/search?amount=5&sure=yes", 422),
        ("/search?amount=5&tags=a&tags=b", 200),
        ("/search?amount=5&when=2026-01-01T00:00:00Z", 200),
        ("/search?amount=5&when=1767225600", 422),
        ("/search?amount=x", 422),
        ("/search?amount=99999999999999999999", 422),
        ("/search?amount=5&unknown=1", 200),
        ("/by/666", 200),
        ("/by/0666", 422),
        ("/converted/666", 200),
        ("/converted/0666", 422),
        ("/included/nested/666", 200),
        ("/included/nested/0666", 422),
        ("/model?amount=5", 200),
        ("/model?amount=05", 422),
    ],
)
def test_parameters_are_what_was_decided(target: str, status: int) -> None:
    """Query and path are texts to a condition: a text that FastAPI reads as another value is refused."""
    app, guard = FastAPI(), Guard(verifier(), origin=ORIGIN)
    ran: list[Any] = []
    router = APIRouter(prefix="/nested")

    @app.get("/search")
    def search(
        amount: int,
        granted: Annotated[Authorization, Depends(guard)],
        when: datetime | None = None,
        tags: Annotated[list[str], Query()] = [],  # noqa: B006 - as FastAPI wants it
        *,
        sure: bool = False,
    ) -> None:
        ran.append((amount, sure, when, tags, granted))

    @app.get("/by/{number}")
    def by(number: int, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((number, granted))

    @app.get("/converted/{number:int}")
    def converted(number: int, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((number, granted))

    @router.get("/{number:int}")
    def nested(number: int) -> None:
        ran.append(number)

    @app.get("/model")
    def by_model(query: Annotated[Payment, Query()], granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((query, granted))

    app.include_router(router, prefix="/included", dependencies=[Depends(guard)])
    assert call(app, "GET", target).status_code == status
    assert len(ran) == (status == 200)


class Priced(BaseModel):
    """Fields with other names on the wire, or none when they are written."""

    first: int = Field(1, validation_alias="First")
    second: int = Field(1, alias="Second", serialization_alias="other")
    third: int = Field(1, validation_alias=AliasChoices("Third", "3rd"))
    fourth: int = Field(1, exclude=True)
    fifth: int = Field(1, validation_alias=AliasPath("Fifth", 0))
    model_config = {"extra": "allow"}


@pytest.mark.parametrize("path", ["/model", "/single"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("First=666", 200),
        ("First=0666", 422),
        ("Second=666", 200),
        ("Second=0666", 422),
        ("Third=666", 200),
        ("Third=0666", 422),
        ("3rd=666", 200),
        ("3rd=0666", 422),
        ("Third=5&3rd=666", 422),
        ("fourth=666", 200),
        ("fourth=0666", 422),
        ("First=5&First=666", 422),
        ("unknown=5", 200),
    ],
)
def test_a_parameter_is_found_again_under_whatever_name_it_came(path: str, query: str, status: int) -> None:
    """Aliases to read by, aliases to write by, choices of them, and fields that are not written."""
    app, guard = FastAPI(), Guard(verifier(), origin=ORIGIN)

    @app.get("/model")
    def model(query: Annotated[Priced, Query()], granted: Annotated[Authorization, Depends(guard)]) -> None: ...

    @app.get("/single")
    def single(
        granted: Annotated[Authorization, Depends(guard)],
        first: Annotated[int, Query(validation_alias="First")] = 1,
        second: Annotated[int, Query(alias="Second", serialization_alias="other")] = 1,
        third: Annotated[int, Query(validation_alias=AliasChoices("Third", "3rd"))] = 1,
        fourth: int = 1,
    ) -> None: ...

    assert call(app, "GET", f"{path}?{query}").status_code == status


def test_a_request_is_decided_once_for_all_its_dependencies() -> None:
    """On the router, in a dependency of a dependency, as a body and by itself: one proof serves."""
    seen: list[Any] = []
    guard = Guard(verifier(), origin=ORIGIN, observe=seen.append)
    app = FastAPI(dependencies=[Depends(guard)])

    def who(granted: Annotated[Authorization, Depends(guard)]) -> str:
        return granted.holder

    @app.post("/pay")
    def pay(
        payment: Annotated[Payment, Depends(guard.body(Payment))],
        granted: Annotated[Authorization, Depends(guard)],
        name: Annotated[str, Depends(who)],
    ) -> list[object]:
        return [payment.amount, granted.holder, name]

    assert call(app, content=b'{"amount": 5}', headers=JSON).json() == [5, "agent:worker", "agent:worker"]
    assert len(seen) == 1


def test_a_scope_that_is_handed_on_carries_no_decision_to_another_request() -> None:
    """An endpoint calls the application again for another path: what was decided was not that."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()
    ran: list[str] = []

    @app.get("/admin")
    def admin(granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append("admin")

    @app.get("/items")
    async def items(request: fastapi.Request, granted: Annotated[Authorization, Depends(guard)]) -> list[int]:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await app({**request.scope, "path": "/admin", "raw_path": b"/admin"}, receive, send)
        return statuses

    assert call(app, "GET", "/items").json() == [401]
    assert not ran


def test_a_second_guard_decides_for_itself() -> None:
    """Two guards with one name are two: what one allowed, the other has not."""
    first, second = (Guard(verifier(policy=[policy]), origin=ORIGIN) for policy in ("true", "false"))
    app = FastAPI(dependencies=[Depends(first)])

    @app.get("/items")
    def items(granted: Annotated[Authorization, Depends(second)]) -> None: ...

    assert call(app, "GET", "/items").status_code == 403


def test_a_decision_serves_only_a_guard_that_decides_by_the_same() -> None:
    """Over one verifier: another cost, other facts, another origin, or somebody who is told."""
    shared = verifier(ledger=MemoryLedger())
    seen: list[Any] = []
    ran: list[Any] = []
    others = [
        Guard(shared, origin=ORIGIN, cost={"cents": 500}),
        Guard(shared, origin=ORIGIN, env={"mfa": False}),
        Guard(shared, origin=ORIGIN, observe=seen.append),
        Guard(shared, origin="https://bank.example.com"),
    ]
    for other in others:

        def items(granted: Annotated[Authorization, Depends(other)]) -> None:
            ran.append(granted)

        behind = FastAPI()
        behind.get("/items")(items)
        inside = FastAPI(dependencies=[Depends(Guard(shared, origin=ORIGIN))])
        inside.get("/items")(items)
        for app in (inside, DelegateMiddleware(behind, verifier=shared, origin=ORIGIN)):
            assert call(app, "GET", "/items").status_code == 401
        assert not ran
    assert len(seen) == 2
    same = FastAPI()

    @same.get("/items")
    def items_of_the_same(granted: Annotated[Authorization, Depends(Guard(shared, origin=ORIGIN))]) -> None: ...

    assert call(DelegateMiddleware(same, verifier=shared, origin=ORIGIN), "GET", "/items").status_code == 200


def test_a_shared_cache_keeps_no_answer_to_a_header_that_it_does_not_know() -> None:
    """`Delegation` is none of those that HTTP keeps from shared caches."""
    app, _, _ = shop()
    made = ANY.prove(Request.http("GET", f"{ORIGIN}/items"), AUDIENCE).to_text()
    answer = call(app, "GET", "/items", of=None, headers={"Delegation": made})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private")
    assert "cache-control" not in call(app, "GET", "/items").headers


def test_an_application_that_routes_by_host_is_asked_by_its_own() -> None:
    """`Host` is no part of what is proven."""
    guard = Guard(verifier(), origin=ORIGIN)
    app, behind = FastAPI(), FastAPI()

    @behind.get("/items")
    def items(granted: Annotated[Authorization, Depends(guard)]) -> None: ...

    for host in ("bank.example.com", "shop.example.com"):
        app.host(host, behind)
    statuses = [
        call(app, "GET", "/items", headers={"Host": f"{host}.example.com"}).status_code for host in ("shop", "bank")
    ]
    assert statuses == [200, 400]


def test_a_proof_serves_once() -> None:
    """The same header again is a replay."""
    app, _, ran = shop()
    asked = Request.http("GET", f"{ORIGIN}/items")
    header = {"Authorization": f"Delegate {ANY.prove(asked, AUDIENCE).to_text()}"}
    answers = [call(app, "GET", "/items", of=None, headers=header) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 401]
    assert answers[1].json()["reason"] == "replayed"
    assert len(ran) == 1


def test_what_did_not_run_costs_nothing() -> None:
    """A body that is refused after the decision gives back its charge."""
    app, _, ran = shop(verifier={"ledger": MemoryLedger()}, cost={"cents": 10})
    paid = holder("http.* https://shop.example.com/**", budget={"cents": 10, "calls": 1})
    for body in (b'{"amount": "5"}', b'{"amount": "x"}', b"", b'{"to": "ann"}'):
        assert call(app, content=body, headers=JSON, of=paid).status_code == 422
    assert call(app, content=b'{"amount": 5}', headers=JSON, of=paid).status_code == 200
    assert call(app, content=b'{"amount": 5}', headers=JSON, of=paid).json()["reason"] == "budget_exhausted"
    assert len(ran) == 1


def test_a_dependency_does_not_work_for_nothing() -> None:
    """A body is refused before another dependency runs; behind other middleware the charge stands."""
    guard = Guard(verifier(ledger=MemoryLedger()), origin=ORIGIN, cost={"cents": 1})
    worked: list[int] = []

    def work(granted: Annotated[Authorization, Depends(guard)]) -> None:
        worked.append(1)

    app = FastAPI()

    @app.post("/pay")
    def pay(_: Annotated[None, Depends(work)], payment: Annotated[Payment, Depends(guard.body(Payment))]) -> None: ...

    of = holder("http.* https://**", budget={"cents": 1})
    for _ in range(3):
        assert call(app, content=b'{"amount": "5"}', headers=JSON, of=of).status_code == 422
    assert not worked
    assert call(app, content=b'{"amount": 5}', headers=JSON, of=of).status_code == 200
    of = holder("http.* https://**", budget={"cents": 1})
    behind = DelegateMiddleware(app, guard)
    answers = [call(behind, content=b'{"amount": "5"}', headers=JSON, of=of) for _ in range(2)]
    assert [each.status_code for each in answers] == [422, 403]
    assert len(worked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/+json"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
        {"Content-Type": "text/plain"},
    ],
)
def test_json_cannot_be_hidden_from_a_condition(headers: dict[str, str]) -> None:
    """By another media type, or by a coding that FastAPI does not look at."""
    app, ran = FastAPI(), []
    guard = Guard(verifier(), origin=ORIGIN)

    @app.post("/pay")
    def pay(payment: Annotated[Any, Body()], granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append(payment)

    limited = holder("http.post https://**", caveats=["!has(args.body) || args.body.amount < 10"])
    asked = Request.http("POST", f"{ORIGIN}/pay", {"content_sha256": hashlib.sha256(b'{"amount": 50}').digest()})
    for proven in (asked, Request.http("POST", f"{ORIGIN}/pay", {"body": {"amount": 50}})):
        answer = call(app, content=b'{"amount": 50}', headers=headers, of=limited, proven=proven)
        assert answer.status_code in {400, 401, 403, 422}
    assert not ran


def test_a_form_is_refused_without_the_middleware_and_bound_with_it() -> None:
    """FastAPI reads a form before any dependency: alone the guard fails, behind the middleware the bytes are bound."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()
    ran: list[Any] = []

    @app.post("/form")
    def form(
        amount: Annotated[int, Form()],
        granted: Annotated[Authorization, Depends(guard)],
        file: Annotated[bytes, File()] = b"",
    ) -> None:
        ran.append((amount, file, granted))

    content = b'--x\r\nContent-Disposition: form-data; name="amount"\r\n\r\n5\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(RuntimeError, match="DelegateMiddleware"):
        call(app, target="/form", content=content, headers=headers)
    assert not ran
    wrapped = DelegateMiddleware(app, guard)
    assert call(wrapped, target="/form", content=content, headers=headers).status_code == 200
    assert ran[0][:2] == (5, b"")
    assert set(ran[0][2].request.args) == {"content_sha256"}
    tampered = http.client_request("POST", f"{ORIGIN}/form", list(headers.items()), content.replace(b"5", b"6"))
    assert call(wrapped, target="/form", content=content, headers=headers, proven=tampered).status_code == 401


def changing(change: Callable[[dict[str, Any]], None], body: bytes | None = None) -> Callable[[ASGIApp], ASGIApp]:
    """A middleware that changes what it hands on."""

    def around(app: ASGIApp) -> ASGIApp:
        async def changed(scope: Any, receive: Any, send: Any) -> None:
            scope = dict(scope)
            change(scope)

            async def other() -> Any:
                message = await receive()
                return message if body is None else {**message, "body": body}

            await app(scope, other, send)

        return changed

    return around


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (lambda scope: scope.update(path="/other", raw_path=b"/other"), None),
        (lambda scope: scope.update(query_string=b"amount=666"), None),
        (lambda scope: scope.update(method="PUT"), None),
        (lambda scope: scope.update(path="/other"), None),
        (lambda scope: None, b'{"amount": 9999}'),
    ],
)
def test_what_is_changed_behind_the_middleware_does_not_run(change: Any, body: bytes | None) -> None:
    """Between the middleware that decides and the endpoint, something rewrites the request."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()
    ran: list[Any] = []

    async def endpoint(granted: Annotated[Authorization, Depends(guard)], amount: int = 0) -> None:
        ran.append((granted, amount))

    app.add_api_route("/pay", endpoint, methods=["POST", "PUT"])
    app.add_api_route("/other", endpoint, methods=["POST"])
    wrapped = DelegateMiddleware(changing(change, body)(app), guard)
    answer = call(wrapped, content=b'{"amount": 5}', headers=JSON)
    assert answer.status_code == 422
    assert not ran
    assert call(DelegateMiddleware(app, guard), content=b'{"amount": 5}', headers=JSON).status_code == 200


def test_two_authorization_headers_are_refused() -> None:
    """Whichever of them a proxy or a framework would have read."""
    app, _, ran = shop()
    asked = Request.http("GET", f"{ORIGIN}/items")
    value = f"Delegate {ANY.prove(asked, AUDIENCE).to_text()}"

    async def send(headers: list[tuple[str, str]]) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            return (await client.get("/items", headers=headers)).status_code

    for second in (("Authorization", "Basic eDp5"), ("Authorization", value), ("Delegation", value.split()[1])):
        assert asyncio.run(send([("Authorization", value), second])) == 401
        assert asyncio.run(send([second, ("Authorization", value)])) == 401
    folded = f"{value}, {value}"
    assert asyncio.run(send([("Authorization", folded)])) == 401
    assert not ran
    both = [("Authorization", "Basic eDp5"), ("Delegation", value.split()[1])]
    assert asyncio.run(send(both)) == 200


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "x-method-override", "X-Rewrite-URL"])
def test_a_method_or_path_in_a_header_is_refused(header: str) -> None:
    """What some framework behind would take for the method: 400, and nothing runs."""
    app, _, ran = shop()
    assert call(app, "GET", "/items", headers={header: "DELETE"}).status_code == 400
    assert not ran


def test_a_body_that_is_too_large_is_not_decided() -> None:
    """413 as soon as it is known, declared or not; JSON larger than a request may be is 400."""
    app, _, ran = shop(max_body_bytes=100_000)

    @app.post("/any")
    async def any_(granted: Annotated[Authorization, Depends(shop()[1])]) -> None: ...

    assert call(app, content=b"x" * 100_001, headers={"Content-Type": "text/plain"}).status_code == 413
    big = b'{"amount": 5, "to": "' + b"a" * 70_000 + b'"}'
    proven = Request.http("POST", f"{ORIGIN}/pay")
    assert call(app, content=big, headers=JSON, proven=proven).status_code == 400
    assert not ran


def test_websocket_endpoints_are_not_opened_by_the_dependency() -> None:
    """It decides HTTP requests alone; an endpoint of another kind does not run."""
    guard = Guard(verifier(), origin=ORIGIN)
    ran: list[Any] = []
    app = FastAPI()

    @app.websocket("/chat")
    async def chat(socket: WebSocket, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append(granted)
        await socket.accept()

    async def connect() -> list[Any]:
        sent: list[Any] = []
        scope = {
            "type": "websocket",
            "path": "/chat",
            "raw_path": b"/chat",
            "query_string": b"",
            "headers": [],
            "root_path": "",
            "scheme": "ws",
        }

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent

    with pytest.raises(TypeError):
        asyncio.run(connect())
    assert not ran


def test_behind_a_prefix_the_public_path_is_decided() -> None:
    """A proxy takes `/api` off, FastAPI knows it as its root path; a mounted application sees the whole path."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()

    @app.get("/items")
    def items(granted: Annotated[Authorization, Depends(guard)]) -> str:
        return granted.request.resource or ""

    async def stripped(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/api"}, receive, send)

    proven = Request.http("GET", f"{ORIGIN}/api/items")
    assert call(stripped, "GET", "/items", proven=proven).json() == f"{ORIGIN}/api/items"
    outer = FastAPI()
    inner = FastAPI()
    inner.get("/items")(items)
    outer.mount("/sub", inner)
    assert call(outer, "GET", "/sub/items").json() == f"{ORIGIN}/sub/items"


def test_a_refusal_can_be_handled_by_the_application() -> None:
    """Its own handler for `RefusedError` is asked, and sees the outcome."""
    app, _, _ = shop()

    @app.exception_handler(RefusedError)
    async def refused(_: fastapi.Request, error: RefusedError) -> fastapi.Response:
        return fastapi.Response(str(error.outcome.reason), 418)

    answer = call(app, "GET", "/items", of=None)
    assert (answer.status_code, answer.text) == (418, "nothing_presented")


def test_it_shows_in_the_openapi_description() -> None:
    """A security scheme, which endpoints need it, and the model of a body."""
    app, _, _ = shop()
    described = app.openapi()
    assert described["components"]["securitySchemes"]["Delegate"]["scheme"] == "Delegate"
    assert described["components"]["securitySchemes"]["Delegate"]["type"] == "http"
    pay = described["paths"]["/pay"]["post"]
    assert pay["security"] == [{"Delegate": []}]
    schema = pay["requestBody"]["content"]["application/json"]["schema"]
    assert schema["title"] == "Payment"
    assert schema["properties"].keys() == {"amount", "to"}
    assert described["paths"]["/items"]["get"]["security"] == [{"Delegate": []}]


def test_headers_are_not_bound() -> None:
    """What the documentation says: an endpoint that acts on a header acts on its own."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()

    @app.get("/items")
    def items(granted: Annotated[Authorization, Depends(guard)], tenant: Annotated[str, Header()]) -> str:
        return tenant

    assert call(app, "GET", "/items", headers={"Tenant": "other"}).json() == "other"


class Unspoken(BaseModel):
    """A model that cannot be written again."""

    amount: int

    @field_serializer("amount")
    def refuse(self, value: int) -> int:
        """Refuse."""
        raise ValueError(value)


def test_a_body_that_cannot_be_compared_does_not_run() -> None:
    """A model that will not be dumped: 422, whoever makes it."""
    guard = Guard(verifier(), origin=ORIGIN)
    app = FastAPI()
    ran: list[Any] = []

    @app.post("/pay")
    def pay(payment: Annotated[Unspoken, Depends(guard.body(Unspoken))]) -> None:
        ran.append(payment)

    @app.post("/plain")
    def plain(payment: Unspoken, granted: Annotated[Authorization, Depends(guard)]) -> None:
        ran.append((payment, granted))

    for path in ("/pay", "/plain"):
        answer = call(app, target=path, content=b'{"amount": 5}', headers=JSON)
        assert answer.status_code == 422
        assert "cannot be compared" in answer.json()["detail"]
    assert not ran


def test_the_dependency_is_for_endpoints_of_fastapi() -> None:
    """Called by something else it cannot know what will run: it fails, and nothing runs."""
    guard = Guard(verifier(), origin=ORIGIN)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        await guard(fastapi.Request(scope, receive))

    with pytest.raises(RuntimeError, match="endpoints of FastAPI"):
        call(route, "GET", "/items")
    with pytest.raises(RefusedError):
        call(route, "GET", "/items", of=None)


def test_only_a_model_makes_a_body() -> None:
    """`guard.body(dict)` would compare nothing."""
    for given in (dict, int, Payment(amount=1), None):
        with pytest.raises(TypeError, match="Pydantic model"):
            shop()[1].body(given)  # type: ignore[type-var, arg-type]


def test_a_body_that_is_cut_off_is_no_request() -> None:
    """The client went away in the middle: nothing is decided, nothing runs."""
    seen: list[Any] = []
    app, _, ran = shop(observe=seen.append)
    asked = Request.http("POST", f"{ORIGIN}/pay", {"body": {"amount": 5}})
    value = f"Delegate {ANY.prove(asked, AUDIENCE).to_text()}"
    messages = [
        {"type": "http.request", "body": b'{"amount": 5}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    @app.post("/bare")
    async def bare(granted: Annotated[Authorization, Depends(shop(observe=seen.append)[1])]) -> None:
        ran.append(granted)

    middleware = DelegateMiddleware(app, shop(observe=seen.append)[1])
    for wrapped, path in ((app, "/pay"), (app, "/bare"), (middleware, "/pay")):
        waiting: list[Any] = list(messages)
        sent: list[Any] = []

        async def receive(waiting: list[Any] = waiting) -> Any:
            return waiting.pop(0)

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"authorization", value.encode()), (b"content-type", b"application/json")],
        }
        asyncio.run(wrapped(scope, receive, send))
        assert not ran
        assert not seen
        assert all(message.get("status", 400) == 400 for message in sent)
