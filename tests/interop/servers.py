"""Which path and query the frameworks of servers route a raw target to.

Each is given the target as its gateway has it: the percent signs of the path decoded (PEP 3333, ASGI), the query as it
came.
What is told is what a handler behind a route for any path is given.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import URLResolver, path
from django.urls.resolvers import RegexPattern
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route, Router
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request as WerkzeugRequest


class Routed(NamedTuple):
    """Where a request ends up: the path that its handler is given, and the values of its query, in order."""

    path: str
    query: tuple[tuple[str, str], ...]


def _split(target: bytes) -> tuple[bytes, bytes]:
    raw_path, _, query = target.partition(b"?")
    return unquote_to_bytes(raw_path), query


def _environ(target: bytes) -> dict[str, Any]:
    decoded, query = _split(target)
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": decoded.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "files.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }


def by_starlette(target: bytes) -> Routed:
    """Route as Starlette does."""
    found: list[Routed] = []

    async def handler(request: StarletteRequest) -> Response:
        found.append(Routed(f"/{request.path_params['rest']}", tuple(request.query_params.multi_items())))
        return Response()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        pass

    decoded, query = _split(target)
    scope = {
        "type": "http",
        "method": "GET",
        "path": decoded.decode("utf-8", "replace"),
        "raw_path": target.partition(b"?")[0],
        "query_string": query,
        "headers": [(b"host", b"files.example.com")],
    }
    asyncio.run(Router([Route("/{rest:path}", handler)])(scope, receive, send))
    return found[0]


_WERKZEUG = Map([Rule("/", endpoint="", defaults={"rest": ""}), Rule("/<path:rest>", endpoint="")], merge_slashes=False)


def by_werkzeug(target: bytes) -> Routed:
    """Route as Werkzeug does."""
    request = WerkzeugRequest(_environ(target))
    _, values = _WERKZEUG.bind_to_environ(request.environ).match()
    return Routed(f"/{values['rest']}", tuple(request.args.items(multi=True)))


def by_django(target: bytes) -> Routed:
    """Route as Django does."""
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    request = WSGIRequest(_environ(target))
    match = _DJANGO.resolve(request.path_info)
    query = tuple((name, value) for name, values in request.GET.lists() for value in values)
    return Routed(f"/{match.kwargs['rest']}", query)


def _view(*_: object, **__: object) -> None:
    """Is never called: only its route is looked at."""


_DJANGO = URLResolver(RegexPattern(r"^/"), [path("", _view, {"rest": ""}), path("<path:rest>", _view)])

SERVERS: dict[str, Callable[[bytes], Routed]] = {
    "starlette": by_starlette,
    "werkzeug": by_werkzeug,
    "django": by_django,
}
