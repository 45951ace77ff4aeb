"""Fetching a signed document by URL: once, within a time in all, and no further than was meant.

The rules of this file:

- What comes is signed, so that whoever delivers it can lie about nothing but that there is something newer. What is
  guarded here is the process that fetches: its time, its memory, and where it connects to.
- A deadline is for all of it, from the name to the last byte: a server that sends a byte now and then outlives every
  time-out for one read.
- `https:` goes anywhere; `http:` to this machine alone. No other scheme, no proxy of the environment, no name and
  password in a URL, no redirect to another place.
- Sizes are counted after unpacking, while unpacking.
"""

from __future__ import annotations

import queue
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn
from urllib.parse import SplitResult, urljoin, urlsplit

from delegate.core.chain.printable import shown
from delegate.errors import Reason, StateError

if TYPE_CHECKING:
    from ssl import SSLContext

DEADLINE_S: Final = 10.0
_LONGER_S: Final = 1.0
_REDIRECTS: Final = 3
_TAG_CHARACTERS: Final = 256
_PIECE_BYTES: Final = 65_536
_URL_CHARACTERS: Final = 2_048
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED: Final = 304


class Answer(NamedTuple):
    """What a server gave.

    Attributes:
        body: the document, unpacked; `None` where the server says that it is the one that is known.
        tag: the server's mark of this document, to ask by the next time; empty: none.
        modified: the same, as a date in the server's words.
    """

    body: bytes | None
    tag: str = ""
    modified: str = ""


class Fetching:
    """One request under way, which another thread may end."""

    __slots__ = ("_socket", "_stopped")

    def __init__(self) -> None:
        """Nothing is connected yet."""
        self._socket: socket.socket | None = None
        self._stopped = Event()

    def use(self, connected: socket.socket | None) -> None:
        """Go on with this connection, unless it was ended meanwhile."""
        self._socket = connected  # the connection itself lets go of it once it has the head of a last answer
        if self._stopped.is_set():
            _unavailable("it was stopped")

    def stop(self) -> None:
        """End it: whatever it waits for, it waits no longer."""
        self._stopped.set()
        held = self._socket
        if held is not None:
            with suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # of TLS too: what is below it ends, whoever reads


def check_url(url: str) -> str:
    """Refuse what nothing is fetched from.

    Raises:
        TypeError, ValueError: not a URL; another scheme than `https:`, or `http:` to another machine; a name or a
            password in it.
    """
    if not isinstance(url, str):
        message = f"a URL is text, not {type(url).__name__}"
        raise TypeError(message)
    wrong = _what_is_wrong(url)
    if wrong:
        message = f"`{shown(url)}`: {wrong}"
        raise ValueError(message)
    return url


def fetch(
    url: str,
    *,
    most_bytes: int,
    known: Answer | None = None,
    deadline_s: float = DEADLINE_S,
    tls: SSLContext | None = None,
    fetching: Fetching | None = None,
) -> Answer:
    """Get the document at a URL.

    Args:
        url: as `check_url` takes it.
        most_bytes: of the document, unpacked.
        known: what came before: the server may answer that nothing has changed.
        deadline_s: for all of it, in seconds.
        tls: whom to trust for `https:`; what the system trusts, if not said.
        fetching: a handle by which another thread may end it.

    Raises:
        StateError: STATE_UNAVAILABLE: there was no answer in time, or none that is taken; `.detail` says which.
        TypeError, ValueError: no such URL.
    """
    check_url(url)
    handle = Fetching() if fetching is None else fetching
    answers: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(_get(url, most_bytes, known, deadline_s, tls, handle))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to whoever waits
            answers.put(error)

    # In a thread of its own: a name that does not resolve cannot be interrupted, but it need not be waited for.
    Thread(target=work, name="delegate-fetch", daemon=True).start()
    try:
        found = answers.get(timeout=deadline_s)
    except queue.Empty:
        handle.stop()
        _unavailable(f"{_told(url)}: no whole answer in {deadline_s:g} s")
    if isinstance(found, Answer):
        return found
    if isinstance(found, StateError):
        raise found
    if isinstance(found, (OSError, HTTPException, ValueError)):
        words = getattr(found, "strerror", None) or str(found) or type(found).__name__
        _unavailable(f"{_told(url)}: {words}")
    raise found


def _get(
    url: str,
    most_bytes: int,
    known: Answer | None,
    deadline_s: float,
    tls: SSLContext | None,
    handle: Fetching,
) -> Answer:
    at = url
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(at)
        kind = _Secure if parts.scheme == "https" else HTTPConnection
        # The deadline is the caller's to keep; this only ends what nobody waits for any more.
        connection = kind(parts.hostname or "", parts.port, timeout=deadline_s + _LONGER_S)
        handle.use(None)
        try:
            _connect(connection, tls, handle)
            answer = _ask(connection, at, most_bytes, known)
        finally:
            connection.close()
        if isinstance(answer, Answer):
            return answer
        at = _same_place(url, at, answer)
    _unavailable(f"{_told(url)}: more than {_REDIRECTS} redirects")


class _Secure(HTTPConnection):
    """A connection whose port is that of `https:`; the TLS in it is `_connect`'s."""

    default_port = 443


def _connect(connection: HTTPConnection, tls: SSLContext | None, handle: Fetching) -> None:
    """Connect, in steps that can each be ended: a server may be slow in the midst of a handshake too."""
    connection.connect()
    handle.use(connection.sock)
    if isinstance(connection, _Secure):
        import ssl

        context = ssl.create_default_context() if tls is None else tls
        secure = context.wrap_socket(connection.sock, server_hostname=connection.host, do_handshake_on_connect=False)
        connection.sock = secure
        handle.use(secure)
        secure.do_handshake()


def _ask(connection: HTTPConnection, url: str, most_bytes: int, known: Answer | None) -> Answer | str:
    """Ask once: give the answer, or where the server sends us."""
    headers = {"Accept-Encoding": "gzip", "User-Agent": "delegate"}
    if known is not None and known.tag:
        headers["If-None-Match"] = known.tag
    if known is not None and known.modified:
        headers["If-Modified-Since"] = known.modified
    parts = urlsplit(url)
    connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
    with connection.getresponse() as response:
        if response.status == _NOT_MODIFIED and known is not None:
            return known._replace(body=None)
        if response.status in _MOVED:
            return response.headers.get("Location") or ""
        if response.status != 200:
            _unavailable(f"{_told(url)}: the server answered {response.status}")
        body = _unpacked(response, url, most_bytes)
        return Answer(body, _header(response, "ETag"), _header(response, "Last-Modified"))


def _unpacked(response: HTTPResponse, url: str, most_bytes: int) -> bytes:
    packing = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if packing not in {"identity", "gzip"}:
        _unavailable(f"{_told(url)}: packed as `{shown(packing, 40)}`")
    unpack = zlib.decompressobj(wbits=31) if packing == "gzip" else None
    found = bytearray()
    packed = 0
    while piece := response.read(_PIECE_BYTES):
        packed += len(piece)
        if unpack is None:
            found += piece
        else:
            try:
                found += unpack.decompress(piece, most_bytes + 1 - len(found))
            except zlib.error:
                _unavailable(f"{_told(url)}: what came cannot be unpacked")
        if max(len(found), packed) > most_bytes:
            _unavailable(f"{_told(url)}: more than {most_bytes} bytes")
    if response.length:  # fewer bytes than the server had announced
        _unavailable(f"{_told(url)}: cut off")
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        _unavailable(f"{_told(url)}: what came cannot be unpacked")
    return bytes(found)


def _same_place(first: str, at: str, location: str) -> str:
    """Follow a redirect within one place: scheme, host and port; raises StateError for any other."""
    target = ""
    try:
        target = urljoin(at, location) if location else ""
        was, goes = urlsplit(first), urlsplit(target)
        same = not _what_is_wrong(target) and _place(was) == _place(goes)
    except ValueError:
        same = False
    if not same:
        _unavailable(f"{_told(first)}: redirected to another place, `{shown(location, 200)}`")
    return target


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    usual = {"https": 443, "http": 80}
    return parts.scheme, parts.hostname, parts.port or usual.get(parts.scheme)


def _header(response: HTTPResponse, name: str) -> str:
    """A header that is to be sent back; one that is too long, or no plain text, is not."""
    value = response.headers.get(name) or ""
    return value if len(value) <= _TAG_CHARACTERS and value.isascii() and value.isprintable() else ""


def _what_is_wrong(url: str) -> str:
    """Say what is wrong with a URL; no words where nothing is."""
    if len(url) > _URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        return "a URL is at most 2048 visible ascii characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in {"https", "http"} or not host:
        return "a URL begins with https://, and http:// is for this machine alone"
    if parts.username is not None or parts.password is not None:
        return "a URL with a name or a password is not fetched"
    if parts.fragment:
        return "a URL with a fragment is not fetched"
    if parts.scheme == "http" and host not in _HERE:
        return "http:// is for this machine alone; anything else is fetched by https://"
    return ""


def _told(url: str) -> str:
    """A URL for a message: without its query, which may hold a secret."""
    return shown(url.partition("?")[0])


def _unavailable(detail: str) -> NoReturn:
    raise StateError(Reason.STATE_UNAVAILABLE, detail)


Fetch = Callable[..., Answer]
