"""HTTP without I/O: which headers and bodies have one meaning, and how a refusal is answered (SPEC §7.4, §11)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import DelegateError, Reason, Request
from delegate.integrations import http, wsgi
from delegate.integrations.guard import NOTHING, Guard, Outcome
from tests.integrations.world import ORIGIN, async_verifier, holder, proof, verifier

JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("headers", "presentation"),
    [
        ([], None),
        ([("Authorization", "Basic eDp5")], None),
        ([("Authorization", "Delegate dlgp_x")], "dlgp_x"),
        ([("AUTHORIZATION", "dElEgAtE  dlgp_x ")], "dlgp_x"),
        ([(b"authorization", b"Delegate dlgp_x")], "dlgp_x"),
        ([("Authorization", "Delegate")], ""),
        ([("Authorization", "Delegatedlgp_x")], None),
        ([("Delegation", "dlgp_x")], "dlgp_x"),
        ([("Authorization", "Basic eDp5"), ("delegation", " dlgp_x")], "dlgp_x"),
        ([("Authorization_", "Delegate dlgp_x"), ("Authorizatio\u212b", "Delegate dlgp_x")], None),
    ],
)
def test_a_presentation_stands_in_one_place(headers: Any, presentation: str | None) -> None:
    """`Authorization: Delegate …`, or `Delegation: …` where that header is taken."""
    assert http.read_head(headers).presentation == presentation


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Authorization", "Delegate a"), ("authorization", "Delegate a")], 401),
        ([("Authorization", "Basic a"), ("Authorization", "Delegate a")], 401),
        ([("Delegation", "a"), ("Delegation", "a")], 401),
        ([("Authorization", "Delegate a"), ("Delegation", "a")], 401),
        ([JSON, JSON], 400),
        ([JSON, ("content-type", "text/plain")], 400),
        ([("Content-Type", "application/json, text/plain")], 400),
        ([("Content-Type", "json")], 400),
        ([("Content-Type", "")], 400),
        ([("Content-Type", "application/json; charset=utf-16")], 400),
        ([("Content-Type", 'application/json; Charset="latin-1"')], 400),
        ([("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")], 400),
        ([("Content-Length", "5"), ("Content-Length", "5")], 400),
        ([("Content-Length", "-5")], 400),
        ([("Content-Length", "5, 5")], 400),
        ([("Content-Length", "\u0665")], 400),
        ([("Content-Length", "9" * 30)], 400),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")], 400),
        ([("X-HTTP-Method-Override", "GET")], 400),
        ([("Upgrade", "h2c, websocket")], 400),
        ([("Upgrade", "h2c"), ("upgrade", "h2c")], 400),
        ([("Upgrade", "")], 400),
        ([(b"x-original-url", b"/admin")], 400),
    ],
)
def test_headers_with_two_meanings_are_refused(headers: Any, status: int) -> None:
    """Twice, folded, contradicting, or naming another method or path."""
    with pytest.raises(DelegateError) as caught:
        http.read_head(headers)
    assert (caught.value.reason, caught.value.http_status) == (Reason.MALFORMED, status)


@pytest.mark.parametrize(
    ("media", "is_json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ("application/problem+json", True),
        ("application/vnd.api+json;ext=1", True),
        ("application/jsonl", False),
        ("application/json-seq", False),
        ("text/json", False),
        ("application/+json", True),
        ("application/.json", True),
        ("application/x.JSON", True),
        ("multipart/form-data; boundary=json", False),
    ],
)
def test_which_bodies_are_json(media: str, *, is_json: bool) -> None:
    """`application/…` that ends in `json`; in a content coding it is refused, for some would read it as it is."""
    assert http.read_head([("Content-Type", media)]).is_json is is_json
    coded = [("Content-Type", media), ("Content-Encoding", "gzip")]
    if is_json:
        with pytest.raises(DelegateError, match="coding"):
            http.read_head(coded)
    else:
        assert not http.read_head(coded).is_json
    assert http.read_head([("Content-Type", media), ("Content-Encoding", "identity")]).is_json is is_json


def test_a_body_is_bound() -> None:
    """JSON as `body`, the rest by its hash, nothing by nothing."""
    head = http.read_head([JSON])
    assert http.body_arguments(head, b"") == {}
    assert http.body_arguments(head, b'{"a": [1.0, null]}') == {"body": {"a": [1.0, None]}}
    assert http.body_arguments(head, b"null") == {"body": None}
    other = http.read_head([("Content-Type", "text/plain")])
    assert http.body_arguments(other, b"{}") == {"content_sha256": hashlib.sha256(b"{}").digest()}
    zipped = http.read_head([("Content-Type", "text/plain"), ("Content-Encoding", "gzip")])
    assert http.body_arguments(zipped, b"{}") == {"content_sha256": hashlib.sha256(b"{}").digest()}
    with pytest.raises(DelegateError, match="content-type"):
        http.body_arguments(http.read_head([]), b"{}")


def test_both_sides_make_the_same_request() -> None:
    """What a client proves is what a service sees."""
    sent = [JSON, ("User-Agent", "x")]
    ours = http.client_request("POST", f"{ORIGIN}/pay?now=1", sent, b'{"amount": 5}')
    theirs = http.service_request(ORIGIN, "POST", b"/pay?now=1", http.read_head(sent), b'{"amount":5.0}')
    assert ours == theirs
    assert ours.describe() == (
        '["http.post", "https://shop.example.com/pay", {"body": {"amount": 5}, "query": {"now": ["1"]}}]'
    )
    asks = [("Upgrade", "WebSocket"), ("Connection", "Upgrade")]
    received = http.service_request(ORIGIN, "GET", "/chat", http.read_head(asks), b"")
    assert received == http.client_request("GET", f"{ORIGIN}/chat", asks)
    assert received == http.service_request(ORIGIN, "GET", "/chat", http.read_head(asks), b"", upgrade="websocket")
    with pytest.raises(DelegateError, match="upgrade"):
        http.service_request(ORIGIN, "GET", "/chat", http.read_head([("Upgrade", "h2c")]), b"", upgrade="websocket")
    opened = http.client_request("GET", f"{ORIGIN}/chat", upgrade="websocket")
    assert opened == received
    assert opened == Request.http("GET", f"{ORIGIN}/chat", {"upgrade": "websocket"})


@pytest.mark.parametrize(
    ("path", "raw", "root", "target"),
    [
        ("/a", b"/a", "", b"/a"),
        ("/é", b"/%c3%a9", "", b"/%c3%a9"),
        ("/é", None, "", b"/%C3%A9"),
        ("/a b;c", None, "", b"/a%20b;c"),
        ("/a", b"/a", "/api", b"/api/a"),
        ("/api/a", b"/api/a", "/api", b"/api/a"),
        ("/api", b"/api", "/api", b"/api"),
        ("/apikeys", b"/apikeys", "/api", b"/api/apikeys"),
    ],
)
def test_a_target_is_what_is_routed_by(path: str, raw: bytes | None, root: str, target: bytes) -> None:
    """The raw path where it is the same, the path where there is no raw one, and the prefix that a proxy took off."""
    assert http.target_of(path, raw, b"", root) == target
    assert http.target_of(path, raw, b"a=1", root) == target + b"?a=1"


@pytest.mark.parametrize(("path", "raw"), [("/a", b"/b"), ("/a", b"/a/"), ("/a/b", b"/a%2Fc"), ("/a", b"/%62")])
def test_a_path_that_was_rewritten_is_refused(path: str, raw: bytes) -> None:
    """Something between the server and the guard routes elsewhere."""
    with pytest.raises(DelegateError, match="routed by"):
        http.target_of(path, raw, b"")


def test_what_wsgi_has_of_a_request() -> None:
    """With the target as it came, and without; moved by a dispatcher; a whole URL."""
    environ = {"SCRIPT_NAME": "", "PATH_INFO": "/\xc3\xa9", "QUERY_STRING": "a=1", "RAW_URI": "/%C3%A9?a=1"}
    assert wsgi.target(environ) == b"/%C3%A9?a=1"
    assert wsgi.target({**environ, "REQUEST_URI": "/%C3%A9?a=1#x"}) == b"/%C3%A9?a=1"
    assert wsgi.target({"SCRIPT_NAME": "/api", "PATH_INFO": "/a b", "QUERY_STRING": ""}) == b"/api/a%20b"
    with pytest.raises(DelegateError, match="routed by"):
        wsgi.target({**environ, "PATH_INFO": "/other"})
    whole = wsgi.target({**environ, "RAW_URI": "https://evil.example/"})
    with pytest.raises(DelegateError):
        Request.from_target(ORIGIN, "GET", whole)
    found = {"HTTP_AUTHORIZATION": "a", "CONTENT_TYPE": "b", "CONTENT_LENGTH": "", "wsgi.input": None, "PATH_INFO": "/"}
    assert list(wsgi.headers(found)) == [("AUTHORIZATION", "a"), ("CONTENT-TYPE", "b")]


@pytest.mark.parametrize(
    ("said", "private"),
    [
        (None, "private"),
        ("public, max-age=60, S-MaxAge=9", "private, max-age=60"),
        ("private", "private"),
        ("no-store", "no-store"),
    ],
)
def test_what_a_shared_cache_does_not_keep(said: str | None, private: str) -> None:
    """An answer to a header of which it knows nothing."""
    assert http.privately(said) == private


def test_a_challenge_is_one_quoted_string() -> None:
    """Any name that a verifier may have."""
    assert http.challenge('a"\\b') == 'Delegate audience="a\\"\\\\b"'
    assert http.challenge("a", "invalid_token") == 'Delegate audience="a", error="invalid_token"'


def test_a_refusal_is_a_problem() -> None:
    """RFC 9457: title and status, and beside them what the caller may be told."""
    guard = Guard(verifier(), origin=ORIGIN)
    answer = guard.answer(NOTHING)
    assert answer.status == 401
    assert dict(answer.headers)["Content-Type"] == "application/problem+json"
    assert dict(answer.headers)["Cache-Control"] == "no-store"
    denied = Request.http("GET", "https://shop.example.com/admin")
    asked = proof(holder("http.get https://shop.example.com/items"), denied)
    head = [("Authorization", f"Delegate {asked.to_text()}")]
    problem = json.loads(guard.answer(guard.decide_http("GET", "/admin", head)).body)
    assert problem == {
        "title": "Forbidden",
        "status": 403,
        "reason": "capability_missing",
        "hop": 1,
        "detail": problem["detail"],
    }
    assert problem["detail"].startswith("capability_missing at hop 1: ")
    with pytest.raises(ValueError, match="allowed"):
        guard.answer(guard.decide_http("GET", "/items", _for("GET", "/items")))


def _for(method: str, target: str) -> list[tuple[str, str]]:
    asked = Request.http(method, ORIGIN + target)
    made = proof(holder("http.* https://shop.example.com/**"), asked)
    return [("Authorization", f"Delegate {made.to_text()}")]


def test_nothing_presented_comes_before_everything_else() -> None:
    """Nobody is told what else is wrong with a request before they present something; a large body is not even read."""
    guard = Guard(verifier(), origin=ORIGIN, max_body_bytes=3)
    assert guard.decide_http("NO METHOD", "*", [], b"xxxxx") is NOTHING
    presented = guard.decide_http("GET", "/", _for("GET", "/"), b"xxxxx")
    assert (presented.http_status, presented.reason) == (413, Reason.LIMIT_EXCEEDED)
    for bad in (-1, 1.5, True, None):
        with pytest.raises(ValueError, match="max_body_bytes"):
            Guard(verifier(), origin=ORIGIN, max_body_bytes=bad)  # type: ignore[arg-type]


def test_a_request_at_hand_is_decided_by_await_too() -> None:
    """The same outcomes as without."""
    guard = Guard(async_verifier(), origin=ORIGIN, max_body_bytes=3)

    async def run() -> list[object]:
        found = [await guard.adecide_http("GET", "/", headers) for headers in ([], _for("GET", "/"))]
        late = await guard.adecide_http("GET", "/", _for("GET", "/"), b"xxxxx")
        return [each.http_status for each in (*found, late)]

    assert asyncio.run(run()) == [401, 200, 413]


@given(
    st.text(max_size=12),
    st.text(max_size=30) | st.binary(max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "Delegation", "Content-Type", b"content-length", "X-Rewrite-URL", "é"]),
            st.text(max_size=20) | st.binary(max_size=20) | st.sampled_from(["Delegate dlgp_AA", "application/json"]),
        ),
        max_size=4,
    ),
    st.binary(max_size=40),
)
def test_any_bytes_give_an_outcome(method: str, target: Any, headers: Any, body: bytes) -> None:
    """Whatever comes, it is refused and can be answered; nothing raises."""
    guard = Guard(verifier(), origin=ORIGIN)
    outcome = guard.decide_http(method, target, headers, body)
    assert isinstance(outcome, Outcome)
    assert not outcome.allowed
    answer = guard.answer(outcome)
    assert answer.status in {400, 401}
    assert json.loads(answer.body)["status"] == answer.status
