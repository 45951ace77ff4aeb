"""What asks other servers, against servers that mean ill: real ones, on loopback."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from delegate.issue import IssuerUnavailable
from delegate.issue.fetch import fetch
from delegate.issue.kept import Kept


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does one thing to whoever connects; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    try:
                        connection.recv(65536)
                        answer(connection)
                    except OSError:
                        continue  # whoever asked has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def said(head: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    """Answer with these lines and this body."""
    text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda connection: connection.sendall(text)


def drip(connection: socket.socket) -> None:
    """A byte now and then, for ever: each read has its answer in time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    pause = threading.Event()
    while True:
        connection.sendall(b"a")
        pause.wait(0.02)


def drip_headers(connection: socket.socket) -> None:
    """The same before there is any body."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
    pause = threading.Event()
    while True:
        connection.sendall(b"a")
        pause.wait(0.02)


def endless(connection: socket.socket) -> None:
    """More and more, and it does not say how much."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")


def test_an_answer() -> None:
    """Status, body, headers; a form is posted."""
    with server(said("200 OK\r\nETag: x", b"hello")) as url:
        found = fetch(url, most_bytes=5)
        assert (found.status, found.body, found.headers["etag"]) == (200, b"hello", "x")
        assert fetch(url, most_bytes=5, form={"a": ["1", "2"]}).body == b"hello"
    with server(said("404 Not Found")) as url:
        assert fetch(url, most_bytes=5).status == 404


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (drip, "did not answer within"),
        (drip_headers, "did not answer within"),
        (lambda connection: connection.recv(1), "did not answer within"),
        (endless, "more than 1000 bytes"),
        (said("200 OK", b"a" * 1001), "more than 1000 bytes"),
        (said("200 OK\r\nContent-Encoding: gzip", gzip.compress(bytes(50_000_000))), "compressed"),
        (said("302 Found\r\nLocation: http://169.254.169.254/"), "a redirect"),
        (said("307 Temporary\r\nLocation: https://evil.example.com/"), "a redirect"),
        (said("nonsense"), "does not answer"),
        (lambda connection: connection.sendall(b"\0\0\0"), "does not answer"),
        (lambda _: None, "does not answer"),
    ],
)
def test_a_server_that_means_ill(answer: Callable[[socket.socket], None], told: str) -> None:
    """Slow, endless, compressed, elsewhere: one error of the tree, within the deadline."""
    patience_s = 0.3 if told == "did not answer within" else 60
    with server(answer) as url, pytest.raises(IssuerUnavailable, match=told):
        fetch(url, most_bytes=1000, deadline_s=patience_s)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "https://[::1", "", "//x"),
        *("https://a@127.0.0.1/", "https://127.0.0.1:99999/", "https://exa mple.com/", "https://a\n.com/"),
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    """Without TLS only this machine; nothing but HTTP; no user in the address."""
    with pytest.raises(IssuerUnavailable):
        fetch(url, most_bytes=10, deadline_s=0.3)


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can set a variable does not become the provider."""
    with server(said("200 OK", b"proxied")) as proxy, server(said("200 OK", b"direct")) as url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert fetch(url, most_bytes=100).body == b"direct"


def test_within_an_event_loop() -> None:
    """A program that is asynchronous elsewhere may ask too."""

    async def go() -> bytes:
        return fetch(url, most_bytes=100).body

    with server(said("200 OK", b"hello")) as url:
        assert asyncio.run(go()) == b"hello"


def test_one_thread_asks_and_the_others_go_on() -> None:
    """While the keys are renewed, whoever has the old ones does not wait for it."""
    asked: list[int] = []
    going, go = threading.Event(), threading.Event()

    def load() -> int:
        asked.append(1)
        if len(asked) == 2:
            going.set()
            go.wait(10)
        return len(asked)

    kept = Kept("the keys of x", load)
    assert kept.current(0).value == 1
    thread = threading.Thread(target=kept.current, args=(400,))
    thread.start()
    assert going.wait(10)
    assert kept.current(400).value == 1
    go.set()
    thread.join(10)
    assert kept.current(400).value == 2
    assert len(asked) == 2


def test_a_clock_that_goes_back_makes_nothing_fresh() -> None:
    """What was taken in the future is asked for again."""
    asked: list[int] = []
    kept = Kept("x", lambda: asked.append(1))
    kept.current(1_000_000)
    kept.current(0)
    assert len(asked) == 2


def test_what_cannot_be_had(tmp_path: Path) -> None:
    """A file that is not there is asked for again after a pause, and not before."""
    asked: list[int] = []

    def load() -> bytes:
        asked.append(1)
        return (tmp_path / "keys").read_bytes()

    kept = Kept("the keys of x", load)
    for now in (0, 1, 9):
        with pytest.raises(IssuerUnavailable, match="the keys of x cannot be had"):
            kept.current(now)
    assert len(asked) == 1
    (tmp_path / "keys").write_bytes(b"k")
    assert kept.current(10).value == b"k"
