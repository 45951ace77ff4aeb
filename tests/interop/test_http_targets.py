"""`Request.http` among five clients and three servers: one text for one target, or a refusal (SPEC §7.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import pytest

from delegate import DelegateError, Request
from tests.interop.clients import CLIENTS, origin_of, recorder
from tests.interop.servers import SERVERS, Routed
from tests.interop.urls import TARGETS


class Sent(NamedTuple):
    """What went to one origin: for each target as somebody writes it, what each client sent."""

    origin: str
    raw: dict[str, dict[str, bytes]]

    def received(self) -> dict[bytes, Request]:
        """Give each raw target that a service makes a request of, and that request."""
        every = {raw for by_client in self.raw.values() for raw in by_client.values()}
        made = {raw: _received(self.origin, raw) for raw in sorted(every)}
        return {raw: request for raw, request in made.items() if request is not None}


def _asked(url: str) -> Request | None:
    return _made(lambda: Request.http("GET", url))


def _received(origin: str, raw: bytes) -> Request | None:
    return _made(lambda: Request.from_target(origin, "GET", raw))


def _made(make: Callable[[], Request]) -> Request | None:
    try:
        return make()
    except DelegateError:
        return None


@pytest.fixture(scope="module")
def sent() -> Sent:
    """Ask for every URL with every client, at one server."""
    with recorder() as server:
        origin = origin_of(server)
        urls = [origin + target for target in TARGETS]
        by_client = {name: ask(server, urls) for name, ask in CLIENTS.items()}
    raw: dict[str, dict[str, bytes]] = {target: {} for target in TARGETS}
    for name, found in by_client.items():
        for target, received in zip(TARGETS, found, strict=True):
            if received is not None:
                raw[target][name] = received
    return Sent(origin, raw)


def test_every_client_was_asked_for_hundreds_of_urls(sent: Sent) -> None:
    """Most of them are sent by all five, and a good part of these is no refusal."""
    assert len(TARGETS) >= 300
    assert sum(len(by_client) == len(CLIENTS) for by_client in sent.raw.values()) >= 300
    assert len(sent.received()) >= 200


def test_what_a_client_sends_for_a_url_is_the_request_of_that_url_or_none(sent: Sent) -> None:
    """A caller proves `Request.http` of the URL, and the service sees `Request.from_target`: the same, or a refusal."""
    differing = {}
    for target, by_client in sent.raw.items():
        asked = _asked(sent.origin + target)
        for client, raw in by_client.items():
            received = _received(sent.origin, raw)
            if asked is not None and received not in {asked, None}:
                differing[target, client] = raw
    assert differing == {}


def test_everyday_urls_are_requests_whatever_sends_them(sent: Sent) -> None:
    """A refusal is for what is read in several ways: what is not, works with all of them."""
    for target in (
        "",
        "/",
        "/a/",
        "/index.html",
        "/v1/users/5",
        "/é",
        "/a%20b",
        "/a{b",
        "/p/[/q",
        "/a!b",
        "/a%21b",
        "/a@b",
    ):
        asked = Request.http("GET", sent.origin + target)
        assert len(sent.raw[target]) == len(CLIENTS)
        assert {Request.from_target(sent.origin, "GET", raw) for raw in sent.raw[target].values()} == {asked}
    for target in ("/a?a=1&b=2", "/a?q=é", "/a?q=%20", "/a?q=a+b", "/a?q={}", "/a?q=%26", "/a?q=%2B"):
        asked = Request.http("GET", sent.origin + target)
        assert {Request.from_target(sent.origin, "GET", raw) for raw in sent.raw[target].values()} == {asked}


@pytest.mark.parametrize("server", SERVERS)
def test_what_a_server_routes_alike_is_one_request(sent: Sent, server: str) -> None:
    """No two texts for what one handler is given: what a condition forbids under one text cannot be had by another."""
    requests: dict[object, set[str]] = defaultdict(set)
    for raw, request in sent.received().items():
        requests[_handled(SERVERS[server](raw))].add(request.describe())
    assert [found for found in requests.values() if len(found) > 1] == []


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_one_request_is_routed_alike(sent: Sent, server: str) -> None:
    """No two handlers, or values that they are given, for one text."""
    routes: dict[str, set[object]] = defaultdict(set)
    for raw, request in sent.received().items():
        routes[request.describe()].add(_handled(SERVERS[server](raw)))
    assert [found for found in routes.values() if len(found) > 1] == []


def _handled(routed: Routed) -> object:
    """What a handler sees: the path, and the values of each name in order; in which order the names came is lost."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in routed.query:
        values[name] = (*values.get(name, ()), value)
    return routed.path, frozenset(values.items())
