"""Fetching by URL: what a server, or a network, can do to whoever fetches, and cannot."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from delegate import Reason
from delegate.errors import StateError
from delegate.trust import fetch as module
from delegate.trust.fetch import Answer, Fetching, check_url, fetch
from tests.trust.web import Page, Web, raw

HEAD = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(50_000_000))


def refused(url: str, **more: object) -> str:
    """Fetch, which must fail as a store does that gives no answer; gives the words."""
    with pytest.raises(StateError) as caught:
        fetch(url, **{"most_bytes": 1000, "deadline_s": 5.0, **more})  # type: ignore[arg-type]
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    return caught.value.detail


def test_a_document_is_fetched_with_its_marks(web: Web) -> None:
    """Body, tag and date are those that the server gave."""
    date = "Fri, 27 Nov 2026 12:00:00 GMT"
    web.pages["/it"] = Page(b"hello", headers=(("ETag", '"1"'), ("Last-Modified", date)))
    assert fetch(web.url("/it?x=1"), most_bytes=5) == Answer(b"hello", '"1"', date)
    assert web.asked[0][0] == "/it?x=1"


def test_a_document_that_is_known_is_not_sent_again(web: Web) -> None:
    """The tag is sent back; 304 says that nothing has changed, and keeps the marks."""
    web.pages["/it"] = Page(b"hello", headers=(("ETag", '"1"'),))
    known = fetch(web.url("/it"), most_bytes=5)
    assert fetch(web.url("/it"), most_bytes=5, known=known) == known._replace(body=None)
    assert web.asked[1][1]["if-none-match"] == '"1"'


def test_304_to_who_knows_nothing_is_no_answer(web: Web) -> None:
    """A server cannot say that nothing has changed since nothing."""
    web.pages["/it"] = Page(status=304)
    assert "304" in refused(web.url("/it"))


@pytest.mark.parametrize("tag", ["x" * 300, "é"])
def test_a_mark_that_is_odd_is_not_sent_back(web: Web, tag: str) -> None:
    """A tag of any length, or of other characters, is no header of ours."""
    web.pages["/it"] = Page(b"hello", headers=(("ETag", tag),))
    assert not fetch(web.url("/it"), most_bytes=5).tag


@pytest.mark.parametrize("status", [204, 206, 400, 404, 500, 503])
def test_only_200_is_a_document(web: Web, status: int) -> None:
    """An error page is no list, whatever it looks like."""
    web.pages["/it"] = Page(b"dlgr_", status)
    assert str(status) in refused(web.url("/it"))


def test_what_is_packed_is_unpacked(web: Web) -> None:
    """A server that packs what it sends is understood."""
    web.pages["/it"] = Page(gzip.compress(b"hello"), headers=(("Content-Encoding", "gzip"),))
    assert fetch(web.url("/it"), most_bytes=100).body == b"hello"


def test_a_bomb_takes_no_more_memory_than_a_document_may() -> None:
    """50 MB in 50 KB: unpacked as far as a document may go, and refused there."""
    web = Web()
    web.pages["/it"] = Page(BOMB, headers=(("Content-Encoding", "gzip"),))
    tracemalloc.start()
    try:
        assert "more than 100000 bytes" in refused(web.url("/it"), most_bytes=100_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
        web.close()


@pytest.mark.parametrize(
    ("body", "packing"),
    [
        (b"hello", "gzip"),
        (gzip.compress(b"hello")[:-1], "gzip"),
        (gzip.compress(b"hello") + b"more", "gzip"),
        (b"hello", "br"),
        (b"hello", "gzip, gzip"),
    ],
    ids=["not packed", "cut off", "something behind", "another packing", "packed twice"],
)
def test_what_cannot_be_unpacked_is_refused(web: Web, body: bytes, packing: str) -> None:
    """Packed in a way that is not understood, or not to its end."""
    web.pages["/it"] = Page(body, headers=(("Content-Encoding", packing),))
    refused(web.url("/it"))


def test_a_document_that_is_too_long_is_not_read_to_its_end() -> None:
    """A server that never stops is left after so many bytes."""
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(4096)
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(bytes(10_000))
            sent += 10_000

    with raw(flood) as url:
        assert "more than 1000 bytes" in refused(url)
    assert sent < 50_000_000


def test_a_document_that_is_cut_off_is_refused() -> None:
    """Fewer bytes than were announced, in either way of announcing them."""
    for rest in (b"Content-Length: 10\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\nA\r\nhello"):

        def cut(connection: socket.socket, rest: bytes = rest) -> None:
            connection.recv(4096)
            connection.sendall(HEAD + rest)

        with raw(cut) as url:
            refused(url)


def test_a_handshake_that_drips_does_not_outlive_the_deadline() -> None:
    """Nor does what is before the first byte of HTTP, and its thread ends with it."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            for byte in b"\x16\x03\x03\x40\x00\x02" + bytes(16_000):
                connection.sendall(bytes((byte,)))
                time.sleep(0.02)
        except OSError:
            ended.set()

    with raw(drip) as url:
        assert "no whole answer in 0.3 s" in refused(url.replace("http:", "https:"), deadline_s=0.3)
        assert ended.wait(10)


DRIPS = {
    "status line": b"HTTP/1.1 200 OK",
    "headers": HEAD + b"X-Slow: ",
    "body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n",
}


@pytest.mark.parametrize("begin", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_does_not_outlive_the_deadline(begin: bytes) -> None:
    """A byte now and then satisfies every time-out for one read; the deadline is for all of it."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(begin)
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            ended.set()

    with raw(drip) as url:
        assert "no whole answer in 0.3 s" in refused(url, most_bytes=1_000_000, deadline_s=0.3)
        assert ended.wait(10)  # and the connection is not left open


def test_a_server_that_says_nothing_does_not_outlive_the_deadline() -> None:
    """Nor one that takes the connection and is silent."""

    def silent(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.recv(1)

    with raw(silent) as url:
        assert "0.2 s" in refused(url, deadline_s=0.2)


def test_a_name_that_does_not_resolve_does_not_outlive_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving cannot be interrupted, so it is not waited for."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30) and [])
    assert "0.2 s" in refused("https://slow.example.com/it", deadline_s=0.2)
    release.set()


def test_a_fetch_is_ended_by_another_thread() -> None:
    """What is under way is ended at once, whatever it waits for; what has not begun does not begin."""
    handle = Fetching()

    def ending(connection: socket.socket) -> None:
        connection.recv(4096)
        handle.stop()
        connection.recv(1)

    with raw(ending) as url:
        refused(url, fetching=handle)
        assert "stopped" in refused(url, fetching=handle)


def test_a_redirect_within_one_place_is_followed(web: Web) -> None:
    """Relative or not, the same scheme, host and port."""
    web.pages["/a"] = Page(status=301, headers=(("Location", "/b"),))
    web.pages["/b"] = Page(status=307, headers=(("Location", web.url("/c")),))
    web.pages["/c"] = Page(b"hello")
    assert fetch(web.url("/a"), most_bytes=5).body == b"hello"


def test_a_redirect_to_another_place_is_not_followed(web: Web) -> None:
    """Another host, port or scheme, a local file, a name and a password: a server does not choose where we go."""
    other = Web()
    other.pages["/it"] = Page(b"hello")
    targets = [
        other.url("/it"),
        web.url("/it").replace("127.0.0.1", "localhost"),
        web.url("/it").replace("//", "//u:p@"),
        web.url("/it").replace("http:", "https:"),
        *("file:///etc/passwd", "ftp://127.0.0.1/it", "//example.com/it", "http://169.254.169.254/", "http://[", ""),
    ]
    for target in targets:
        web.pages["/it"] = Page(status=302, headers=(("Location", target),))
        assert "another place" in refused(web.url("/it")), target
    assert not other.asked
    other.close()


def test_redirects_in_a_circle_end(web: Web) -> None:
    """Three are followed."""
    web.pages["/it"] = Page(status=302, headers=(("Location", "/it"),))
    assert "more than 3 redirects" in refused(web.url("/it"))
    assert len(web.asked) == 4


def test_no_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a surrounding process set does not send us through somebody else."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web.pages["/it"] = Page(b"hello")
    assert fetch(web.url("/it"), most_bytes=5).body == b"hello"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "it",
            "/etc/passwd",
            "file:///etc/passwd",
            "ftp://a/b",
            "data:,x",
            "http://example.com/it",
            "https:///it",
        ),
        *("https://u@example.com/", "https://u:p@example.com/", "https://example.com/#a", "https://exa mple.com/"),
        *("https://example.com:x/", "https://[::1/", "https://example.com/\n", f"https://example.com/{'a' * 3000}"),
        *("https://exämple.com/", "http://127.0.0.1.example.com/", "HTTP+UNIX://a"),
    ],
)
def test_what_is_no_such_url_is_the_caller_s_mistake(url: str) -> None:
    """Said before anything is connected."""
    with pytest.raises(ValueError, match="`"):
        check_url(url)
    with pytest.raises(ValueError, match="`"):
        fetch(url, most_bytes=5)


def test_a_url_is_text() -> None:
    """Bytes are none."""
    with pytest.raises(TypeError, match="text"):
        check_url(b"https://example.com/")  # type: ignore[arg-type]


def test_a_query_is_not_told(web: Web) -> None:
    """It may hold a secret, and a refusal goes to logs."""
    assert "s3cret" not in refused(web.url("/it?key=s3cret"))


def test_nobody_there_is_told() -> None:
    """A port that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert "refused" in refused(f"http://127.0.0.1:{port}/it").lower()


def test_https_checks_who_answers(tmp_path: Path) -> None:
    """A certificate of nobody's is refused; one that the caller trusts is taken."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)  # noqa: S603 - our own arguments
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)

    def answer(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(HEAD + b"Content-Length: 5\r\n\r\nhello")

    with raw(answer) as url:
        there = url.replace("http://127.0.0.1", "https://localhost")
        assert "certificate" in refused(there).lower()
        trusting = ssl.create_default_context(cafile=certificate)
        assert fetch(there, most_bytes=5, tls=trusting).body == b"hello"
        assert "certificate" in refused(url.replace("http:", "https:"), tls=trusting).lower()  # another name


GARBAGE = [
    *(b"", b"\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/0.9", b"SSH-2.0-x\r\n", bytes(range(256)) * 300),
    *(HEAD + b"a" * 70_000, HEAD + b"A: b\r\n" * 200 + b"\r\n", HEAD + b"Content-Length: -5\r\n\r\nx"),
    *(HEAD + b"Content-Length: x\r\n\r\nx", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
def test_whatever_answers_gives_a_document_or_a_refusal(answer: bytes) -> None:
    """No answer of any server is another error."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    with raw(serve) as url, suppress(StateError):
        fetch(url, most_bytes=1000, deadline_s=5)


def test_a_fault_of_ours_is_not_hidden(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither the network's nor the server's comes out as what it is."""
    monkeypatch.setattr(module, "_get", lambda *_: (_ for _ in ()).throw(KeyError("ours")))
    with pytest.raises(KeyError):
        fetch(web.url("/it"), most_bytes=5)
