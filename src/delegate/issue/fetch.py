"""HTTP as this room speaks it: one request, one bounded answer, within one deadline.

The rules of this file:

- The deadline is for the whole: a server that sends a byte a second is cut off like one that sends nothing.
- An answer is read up to its bound and no further, and is asked for uncompressed: one that comes compressed is refused,
  so nothing can unfold.
- No redirect is followed: an address is configured, or comes from whoever was configured. No proxy is taken from the
  environment.
- `https` everywhere; `http` only to this machine itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Final, Protocol

from delegate.core.chain.printable import shown
from delegate.issue.refusals import IssuerUnavailable

if TYPE_CHECKING:
    import httpx

DEADLINE_S: Final = 10.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said.

    Attributes:
        status: the HTTP status; never that of a redirect.
        body: at most as many bytes as were asked for.
        headers: their names in lower case.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Fetch(Protocol):
    """What asks a server: `fetch`, or a test's own."""

    def __call__(
        self,
        url: str,
        *,
        most_bytes: int,
        form: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float = DEADLINE_S,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Ask; see `fetch`."""
        ...


class Unreachable(IssuerUnavailable):
    """A server did not answer, or not as it should.

    It says which server, by its name alone: an address may hold more than others should read.
    """


def fetch(
    url: str,
    *,
    most_bytes: int,
    form: Mapping[str, str | list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Ask a server once, also from within an event loop, which it then blocks: see `fetch_async`.

    Args:
        url: `https://…`, or `http://` and this machine.
        most_bytes: of the answer.
        form: what to post; a GET where there is none.
        headers: what to send beside.
        deadline_s: for all of it.
        context: for TLS; the system's authorities, if not said.

    Raises:
        Unreachable: it did not answer in time, or too much, compressed, or with a redirect.
        ImportError: the extra is not installed.
    """

    def run() -> Answer:
        return asyncio.run(
            fetch_async(url, most_bytes=most_bytes, form=form, headers=headers, deadline_s=deadline_s, context=context)
        )

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(run).result()


async def fetch_async(
    url: str,
    *,
    most_bytes: int,
    form: Mapping[str, str | list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """As `fetch`, awaited."""
    httpx = _library()
    host = checked_host(url)
    try:
        async with (
            asyncio.timeout(deadline_s),
            httpx.AsyncClient(
                verify=context or _context(url),
                trust_env=False,
                follow_redirects=False,
                timeout=deadline_s,
            ) as client,
            client.stream(
                "GET" if form is None else "POST",
                url,
                data=None if form is None else dict(form),
                headers={"accept-encoding": "identity", "accept": "application/json", **(headers or {})},
            ) as response,
        ):
            return await _read(response, host, most_bytes)
    except TimeoutError:
        raise Unreachable(f"{host} did not answer within {deadline_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as error:
        raise Unreachable(f"{host} does not answer: {shown(type(error).__name__)}") from None


def _context(url: str) -> ssl.SSLContext:
    """Trust the system's authorities; without TLS they need not be loaded."""
    return ssl.create_default_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _read(response: httpx.Response, host: str, most_bytes: int) -> Answer:
    if 300 <= response.status_code < 400:
        raise Unreachable(f"{host} answers with a redirect, and none is followed")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable(f"{host} answers compressed, which was not asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most_bytes:
            raise Unreachable(f"{host} answers with more than {most_bytes} bytes")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, body=bytes(body), headers=headers)


def checked_host(url: str) -> str:
    """Give an address's host, where it may be asked at all; raises Unreachable."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.username is not None or any(each.isspace() or not each.isprintable() for each in url):
        raise Unreachable(f"`{shown(url)}` is no address of a server")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise Unreachable(f"{shown(host)}: https is needed; http is taken on this machine alone")
    return host


def _library() -> ModuleType:
    """Load the HTTP client; raises ImportError, with what to install."""
    try:
        import httpx
    except ImportError as error:
        message = "asking an issuer needs an extra: pip install 'delegate-token[issuer]'"
        raise ImportError(message) from error
    return httpx
