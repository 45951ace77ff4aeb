"""Servers on this machine for what is fetched: one that answers as it is told, and some that no honest one is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Page(NamedTuple):
    """What a server gives at one path."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Web:
    """An HTTP server on loopback: pages by their paths, which a test may change, and what was asked."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.gate = threading.Event()  # closed, it lets nobody in
        self.gate.set()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.gate.wait(30)
                web.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                page = web.pages.get(self.path.partition("?")[0], Page(status=404))
                tag = dict(page.headers).get("ETag")
                same = tag is not None and self.headers.get("If-None-Match") == tag
                self.send_response(304 if same else page.status)
                for name, value in page.headers:
                    self.send_header(name, value)
                if not same and "Content-Length" not in dict(page.headers):
                    self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                if not same:
                    with suppress(OSError):
                        self.wfile.write(page.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    @property
    def place(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        """The URL of a page."""
        return f"{self.place}{path}"

    def close(self) -> None:
        """Stop serving."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def raw(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does to each connection whatever `serve` does; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/it"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    thread.join()
