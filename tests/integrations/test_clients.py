"""HTTP clients: each request that leaves has a proof of its own, and none for anybody else. Against a real server."""

from __future__ import annotations

import asyncio
import json
import pickle
import types
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
import requests

from delegate import DelegateError, Discharge, Reason, Request, need
from delegate.integrations import clients, http
from delegate.integrations import httpx as with_httpx
from delegate.integrations import httpx2 as with_httpx2
from delegate.integrations import requests as with_requests
from delegate.integrations.asgi import DelegateMiddleware
from tests.integrations.serving import serving
from tests.integrations.world import AUDIENCE, BOB, holder, verifier

ANY = holder("http.* http://**")
SEEN: list[tuple[str, str, str | None, str | None]] = []


def site(origin: str, *, other: str = "", **more: Any) -> Any:
    """Notes which proofs reach it; redirects below `/to`, everything else behind a guard."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        body = json.dumps([scope["method"], scope["path"], len(message["body"])]).encode()
        await http_answer(send, 200, body)

    guarded = DelegateMiddleware(app, verifier=verifier(third_parties=[BOB.principal]), origin=origin, **more)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        found = {name.decode(): value.decode() for name, value in scope["headers"]}
        SEEN.append((origin, scope["path"], found.get("authorization"), found.get("delegation")))
        path = scope["path"]
        if path.startswith("/to/"):
            where = {"/to/same": "/items?page=2", "/to/other": f"{other}/items"}[path]
            await http_answer(send, 307, b"", (b"location", where.encode()))
        else:
            await guarded(scope, receive, send)

    return outer


async def http_answer(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send an answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[str, str]]:
    """Two services; the first knows the second."""
    with serving(site) as second, serving(lambda origin: site(origin, other=second)) as first:
        yield first, second


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    """Each test begins with no request noted."""
    SEEN.clear()


LIBRARIES = [(httpx, with_httpx), (httpx2, with_httpx2)]
IDS = ["httpx", "httpx2"]


def proofs() -> list[str | None]:
    """What was presented, in order."""
    return [seen[2] for seen in SEEN]


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_each_request_has_a_proof_of_its_own(library: Any, ours: Any, origins: tuple[str, str]) -> None:
    """Methods, queries, JSON, forms, multipart and bytes; sync and async."""
    first, _ = origins
    calls: list[Callable[[Any], Any]] = [
        lambda client: client.get(f"{first}/items?q=é+%2B&q=2#fragment"),
        lambda client: client.get(f"{first}/gesch%c3%a4ft/a b"),
        lambda client: client.post(f"{first}/items", json={"amount": 5, "to": ["é", None, 1.5]}),
        lambda client: client.post(f"{first}/items", data={"amount": 5}),
        lambda client: client.post(f"{first}/items", files={"file": b"\0\xff" * 5000}),
        lambda client: client.put(f"{first}/items", content=b"abc", headers={"Content-Type": "text/plain"}),
        lambda client: client.request("DELETE", f"{first}/items/1"),
    ]
    for auth in (ours.DelegateAuth(ANY, AUDIENCE), ours.DelegateAuth(ANY, {first: AUDIENCE})):
        with library.Client(auth=auth) as client:
            assert [call(client).status_code for call in calls] == [200] * len(calls)

    async def send() -> list[int]:
        async with library.AsyncClient(auth=ours.DelegateAuth(ANY, AUDIENCE)) as client:
            return [(await call(client)).status_code for call in calls]

    assert asyncio.run(send()) == [200] * len(calls)
    assert len(set(proofs())) == len(SEEN) == 3 * len(calls)


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_a_name_is_learnt_from_the_challenge_of_that_origin(
    library: Any,
    ours: Any,
    origins: tuple[str, str],
) -> None:
    """The first request goes without a proof, the next ones need no challenge."""
    first, second = origins
    with library.Client(auth=ours.DelegateAuth(ANY)) as client:
        answers = [client.post(f"{origin}/items", json={"a": 1}) for origin in (first, first, second)]
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert [value is None for value in proofs()] == [True, False, False, True, False]


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_a_redirect_gets_a_proof_of_its_own_and_another_origin_none(
    library: Any,
    ours: Any,
    origins: tuple[str, str],
) -> None:
    """By `DelegateAuth` after the service refused the old proof, by the transport at once; never to another origin."""
    first, second = origins
    with library.Client(auth=ours.DelegateAuth(ANY, AUDIENCE), follow_redirects=True) as client:
        assert client.post(f"{first}/to/same", json={"a": 1}).json() == ["POST", "/items", 7]
        SEEN.clear()
        assert client.get(f"{first}/to/other").status_code == 401
        assert [(seen[0], bool(seen[2])) for seen in SEEN] == [(first, True), (second, False)]
    SEEN.clear()
    with library.Client(auth=ours.DelegateAuth(ANY), follow_redirects=True) as client:
        assert client.get(f"{first}/items").status_code == 200  # the name of the first is known from now on
        assert client.get(f"{first}/to/other").status_code == 401
        assert not [seen for seen in SEEN if seen[0] == second and seen[2]]
    SEEN.clear()
    transport = ours.DelegateTransport(ANY, {first: AUDIENCE})
    with library.Client(transport=transport, follow_redirects=True) as client:
        assert client.post(f"{first}/to/same", json={"a": 1}).json() == ["POST", "/items", 7]
        assert len(set(proofs())) == len(SEEN) == 2
        SEEN.clear()
        assert client.get(f"{first}/to/other").status_code == 401
        assert client.get(f"{first}/to/other", auth=("ann", "secret")).status_code == 401
        assert [seen for seen in SEEN if seen[0] == second] == [(second, "/items", None, None)] * 2

    async def send() -> int:
        proving = ours.AsyncDelegateTransport(ANY, {first: AUDIENCE})
        async with library.AsyncClient(transport=proving, follow_redirects=True) as client:
            status: int = (await client.get(f"{first}/to/same")).status_code
            return status

    assert asyncio.run(send()) == 200


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_where_authorization_is_taken_the_proof_goes_beside_it(
    library: Any,
    ours: Any,
    origins: tuple[str, str],
) -> None:
    """A transport leaves other credentials where they are."""
    first, _ = origins
    with library.Client(transport=ours.DelegateTransport(ANY, {first: AUDIENCE}), auth=("ann", "secret")) as client:
        assert client.get(f"{first}/items").status_code == 200
    assert (SEEN[0][2] or "").startswith("Basic ")
    assert (SEEN[0][3] or "").startswith("dlgp_")


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_a_wrong_public_url_shows_both_requests_side_by_side(library: Any, ours: Any) -> None:
    """The service thinks it is somewhere else: an error that says where, and no retry."""
    with serving(lambda _: site("https://shop.example.com")) as origin:
        for client in (
            library.Client(auth=ours.DelegateAuth(ANY, AUDIENCE)),
            library.Client(auth=ours.DelegateAuth(ANY)),
            library.Client(transport=ours.DelegateTransport(ANY, {origin: AUDIENCE})),
        ):
            with client, pytest.raises(clients.WrongRequestError) as caught:
                client.get(f"{origin}/items")
            assert caught.value.ours == f'["http.get", "{origin}/items", {{}}]'
            assert caught.value.theirs == '["http.get", "https://shop.example.com/items", {}]'
            assert caught.value.theirs in caught.value.detail

        async def send() -> None:
            transport = ours.AsyncDelegateTransport(ANY, {origin: AUDIENCE})
            async with library.AsyncClient(transport=transport) as client:
                await client.get(f"{origin}/items")

        with pytest.raises(clients.WrongRequestError) as caught:
            asyncio.run(send())
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (again.ours, again.theirs) == (caught.value.ours, caught.value.theirs)


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
@pytest.mark.parametrize("learnt", [False, True])
def test_a_refusal_without_end_is_not_read_to_its_end(library: Any, ours: Any, *, learnt: bool) -> None:
    """Not more than a problem may have; whoever wants the rest reads it, from its beginning."""
    given: list[int] = []
    challenge = {"WWW-Authenticate": 'Delegate audience="shop.example.com"'} if learnt else {}

    def chunks() -> Iterator[bytes]:
        for number in range(8):
            given.append(number)
            yield bytes([number]) * (1 << 19)

    async def achunks() -> Any:
        for each in chunks():
            yield each

    name = None if learnt else AUDIENCE
    transport = library.MockTransport(lambda _: library.Response(401, headers=challenge, content=chunks()))
    makers: list[Any] = [lambda: library.Client(transport=transport, auth=ours.DelegateAuth(ANY, name))]
    if not learnt:
        inner = ours.DelegateTransport(ANY, {"https://shop.example.com": AUDIENCE}, transport=transport)
        makers.append(lambda: library.Client(transport=inner))
    for make in makers:
        given.clear()
        with make() as client, client.stream("GET", "https://shop.example.com/") as answer:
            assert len(given) == (6 if learnt else 3)
            assert answer.read() == b"".join(bytes([number]) * (1 << 19) for number in range(8))
    given.clear()

    async def send() -> None:
        sends = library.MockTransport(lambda _: library.Response(401, headers=challenge, content=achunks()))
        async with (
            library.AsyncClient(transport=sends, auth=ours.DelegateAuth(ANY, name)) as client,
            client.stream("GET", "https://shop.example.com/") as answer,
        ):
            assert len(given) == (6 if learnt else 3)
            assert len(await answer.aread()) == 1 << 22

    asyncio.run(send())


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_an_approval_is_asked_for_and_given(library: Any, ours: Any, origins: tuple[str, str]) -> None:
    """The problem has the ask; a discharge for it is presented with the next request."""
    first, _ = origins
    needy = holder("http.* http://**", needs=[need([BOB.principal])])
    given: list[Discharge] = []
    auth = ours.DelegateAuth(needy, AUDIENCE, discharges=lambda _: given)
    with library.Client(auth=auth) as client:
        refused = client.get(f"{first}/items")
        problem = ours.problem_of(refused)
        assert problem is not None
        assert (refused.status_code, problem.reason) == (403, Reason.DISCHARGE_MISSING)
        (ask,) = problem.asks
        assert ask.request == Request.http("GET", f"{first}/items")
        given.append(BOB.discharge(ask, says={"approved": True}, ttl="5m"))
        assert client.get(f"{first}/items").status_code == 200


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_what_cannot_be_proven_is_not_sent(library: Any, ours: Any, origins: tuple[str, str]) -> None:
    """A body without a media type, a key twice, a path that is read in several ways: the caller's error, at once."""
    first, _ = origins
    with library.Client(auth=ours.DelegateAuth(ANY, AUDIENCE)) as client:
        with pytest.raises(DelegateError, match="content-type"):
            client.post(f"{first}/items", content=b"x")
        with pytest.raises(DelegateError, match="repeated key"):
            client.post(f"{first}/items", content=b'{"a":1,"a":2}', headers={"Content-Type": "application/json"})
        with pytest.raises(DelegateError, match="several ways"):
            client.get(f"{first}/a%2Fb")
    assert not SEEN


@pytest.mark.parametrize(("library", "ours"), LIBRARIES, ids=IDS)
def test_a_host_with_two_writings_gets_no_proof(library: Any, ours: Any) -> None:
    """`127.1` is an address to some and none to others: it is in no map."""
    sent: list[bool] = []

    def note(request: Any) -> Any:
        sent.append("authorization" in request.headers)
        return library.Response(200)

    transport = ours.DelegateTransport(ANY, {"http://127.0.0.1": AUDIENCE}, transport=library.MockTransport(note))
    with library.Client(transport=transport) as client:
        for host in ("127.1", "127.0.0.1.", "0x7f.1", "127.0.0.1"):
            client.get(f"http://{host}/items")
    assert sent == [False, False, False, True]


@pytest.mark.parametrize(("length", "chunks"), [(None, 0), ("9999999", 0), ("40", 1)])
def test_a_refusal_that_is_streamed_by_requests_is_read_where_it_is_short(length: str | None, chunks: int) -> None:
    """It says its length, which HTTP holds it to; else it is its caller's."""
    read: list[int] = []

    def content() -> Iterator[bytes]:
        read.append(1)
        yield b"{}"

    answer = requests.Response()
    answer.status_code, answer.raw = 401, types.SimpleNamespace(stream=lambda *_, **__: content())
    answer.headers.update(
        {"Content-Type": "application/problem+json", **({"Content-Length": length} if length else {})}
    )
    adapter = with_requests.DelegateAdapter(ANY, {"https://shop.example.com": AUDIENCE})
    asked = requests.Request("GET", "https://shop.example.com/").prepare()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(requests.adapters.HTTPAdapter, "send", lambda *_, **__: answer)
        assert adapter.send(asked, stream=True) is answer
        assert len(read) == chunks


def test_requests_prove_too(origins: tuple[str, str]) -> None:
    """The same by an adapter of Requests, redirects included."""
    first, second = origins
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", with_requests.DelegateAdapter(ANY, {first: AUDIENCE}))
        assert session.get(f"{first}/items?q=é").status_code == 200
        assert session.post(f"{first}/items", json={"a": 1}).status_code == 200
        assert session.post(f"{first}/items", data={"a": 1}).status_code == 200
        assert session.post(f"{first}/items", data="é", headers={"Content-Type": "text/plain"}).status_code == 200
        assert session.post(f"{first}/items", files={"file": b"\0\xff"}).status_code == 200
        assert session.post(f"{first}/to/same", json={"a": 1}).json() == ["POST", "/items", 8]
        assert len(set(proofs())) == len(SEEN) == 7
        SEEN.clear()
        for auth in (None, ("ann", "secret")):
            assert session.get(f"{first}/to/other", auth=auth).status_code == 401
        assert [seen for seen in SEEN if seen[0] == second] == [(second, "/items", None, None)] * 2
        with pytest.raises(TypeError, match="streamed"):
            session.post(f"{first}/items", data=iter([b"x"]), headers={"Content-Type": "text/plain"})
        assert session.get(f"{second}/items", headers={"Authorization": "Delegate dlgp_x"}).status_code == 401
        assert SEEN[-1][2] is None
        assert session.get(first.replace("127.0.0.1", "127.1") + "/items").status_code == 401
    with serving(lambda _: site("https://shop.example.com")) as origin, requests.Session() as session:
        session.mount("http://", with_requests.DelegateAdapter(ANY, {origin: AUDIENCE}))
        with pytest.raises(with_requests.WrongRequestError):
            session.get(f"{origin}/items")


@pytest.mark.parametrize("ours", [with_httpx, with_httpx2])
def test_what_would_prove_to_anybody_cannot_be_made(ours: Any) -> None:
    """No empty map, no name that is none, no origin with a path, no transport without a map; and no key in a pickle."""
    for audience in ({}, "", "a b", {"https://x.example.com": ""}, {"https://x.example.com/api": "x"}, {"x": "x"}):
        with pytest.raises(ValueError):
            ours.DelegateAuth(ANY, audience)
    make: Any
    for make in (ours.DelegateTransport, ours.AsyncDelegateTransport, with_requests.DelegateAdapter):
        with pytest.raises(TypeError, match="map from origins"):
            make(ANY, AUDIENCE)
        with pytest.raises(TypeError, match="Holder"):
            make(ANY.identity, {"https://x.example.com": "x"})
    for kept in (ours.DelegateAuth(ANY), with_requests.DelegateAdapter(ANY, {"https://x.example.com": "x"})):
        assert "dlg" not in repr(vars(kept))
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(kept)


HOSTILE = [
    b"",
    b"[]",
    b"{",
    b"[" * 100_000,
    b'{"reason": 5, "detail": [], "hop": "x", "asks": {}, "request": 7}',
    b'{"reason": "no_such", "detail": "\\u001b[2J", "asks": [5, "dlga_", "x"], "hop": true}',
    b"\xff",
]


@pytest.mark.parametrize("body", HOSTILE)
def test_what_a_server_says_is_read_or_left(body: bytes) -> None:
    """Nothing of it raises, and nothing of it reaches a terminal as it is."""
    problem = clients.Problem.read("application/problem+json; charset=utf-8", body)
    assert problem is None or (problem.reason is None and not problem.asks and "\x1b" not in problem.detail)
    assert clients.Problem.read("text/html", b'{"reason": "revoked"}') is None
    assert clients.Problem.read(None, b"{}") is None
    assert clients.Problem.read("application/problem+json", b" " * (1 << 21)) is None


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="x", Delegate audience="shop.example.com"',
        "Delegate",
        "Delegate audience=shop.example.com",
        'Delegate audience=""',
        'Delegate audience="a b"',
        'Delegate audience="a',
        f'Delegate audience="{"a" * 5000}"',
        "Delegate " * 2000,
    ],
)
def test_a_challenge_that_is_none_teaches_nothing(header: str) -> None:
    """A name is taken from a challenge of ours alone."""
    assert clients.Names(None).learn("https://x.example.com", [header]) is None


def test_a_challenge_is_read_as_it_was_written() -> None:
    """Any name that a verifier may have comes through; what the caller said itself is never overruled."""
    for name in ("shop.example.com", 'a"b', "a\\b", 'a\\"b'):
        names = clients.Names(None)
        assert names.learn("https://x.example.com", [http.challenge(name, "invalid_token")]) == name
        assert names.of("https://x.example.com") == name
        assert names.of("https://y.example.com") is None
        assert names.learn("https://x.example.com", [http.challenge(name)]) is None
    for fixed in (clients.Names("shop"), clients.Names({"https://x.example.com": "shop"})):
        assert fixed.learn("https://x.example.com", [http.challenge("bank")]) is None
        assert fixed.of("https://x.example.com") == "shop"
