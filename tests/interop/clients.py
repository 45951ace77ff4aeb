"""What HTTP clients send for a URL: the raw target of the request line, as a server on loopback receives it.

The server is a thread that reads the request's head, notes its first line and answers `204`; connections stay open. It
takes whatever comes, and so tells nothing of what servers make of it.
"""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import aiohttp
import httpx
import httpx2
import requests
import urllib3

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Recorder(socketserver.ThreadingTCPServer):
    """Notes the raw target of every request."""

    daemon_threads = True
    request_queue_size = 64
    last: bytes | None = None


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Recorder)
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            method, _, rest = line.rstrip(b"\r\n").partition(b" ")
            target, _, version = rest.rpartition(b" ")
            assert (method, version) == (b"GET", b"HTTP/1.1")
            self.server.last = target
            self.wfile.write(_ANSWER)


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Serve on a port of loopback."""
    with Recorder(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def origin_of(server: Recorder) -> str:
    """Give the origin that reaches the server."""
    return f"http://127.0.0.1:{server.server_address[1]}"


def _each(server: Recorder, urls: Sequence[str], get: Callable[[str], object], refusals: object) -> list[bytes | None]:
    """Ask for each URL: what the server received, or `None` where the client sent nothing."""
    found: list[bytes | None] = []
    for url in urls:
        server.last = None
        try:
            get(url)
        except refusals:  # type: ignore[misc] # a class, or several
            assert server.last is None
        found.append(server.last)
    return found


def by_httpx(server: Recorder, urls: Sequence[str]) -> list[bytes | None]:
    """Give what `httpx` sends."""
    with httpx.Client(trust_env=False) as client:
        return _each(server, urls, client.get, (httpx.InvalidURL, httpx.UnsupportedProtocol))


def by_httpx2(server: Recorder, urls: Sequence[str]) -> list[bytes | None]:
    """Give what `httpx2` sends."""
    with httpx2.Client(trust_env=False) as client:
        return _each(server, urls, client.get, (httpx2.InvalidURL, httpx2.UnsupportedProtocol))


def by_requests(server: Recorder, urls: Sequence[str]) -> list[bytes | None]:
    """Give what `requests` sends."""
    with requests.Session() as session:
        session.trust_env = False
        return _each(server, urls, session.get, (requests.exceptions.InvalidURL,))


def by_urllib3(server: Recorder, urls: Sequence[str]) -> list[bytes | None]:
    """Give what `urllib3` sends."""
    with urllib3.PoolManager() as pool:
        return _each(server, urls, lambda url: pool.request("GET", url), urllib3.exceptions.LocationParseError)


def by_aiohttp(server: Recorder, urls: Sequence[str]) -> list[bytes | None]:
    """Give what `aiohttp` sends."""

    async def all_of_them() -> list[bytes | None]:
        found: list[bytes | None] = []
        async with aiohttp.ClientSession(trust_env=False) as session:
            for url in urls:
                server.last = None
                try:
                    async with session.get(url):
                        pass
                except (aiohttp.InvalidURL, ValueError):
                    assert server.last is None
                found.append(server.last)
        return found

    return asyncio.run(all_of_them())


CLIENTS = {
    "httpx": by_httpx,
    "httpx2": by_httpx2,
    "requests": by_requests,
    "urllib3": by_urllib3,
    "aiohttp": by_aiohttp,
}
