"""What HTTPX and HTTPX2 have in common, as it is used here: one flow for both, which loads neither.

The rules of this file:

- A request is proven as it will be sent, not as it was written.
- A redirect to another origin is none of ours: no proof goes there, new or old.
- Of a refusal at most so much is read as a problem may have. The rest is the caller's, who may read it or not.
"""

# ruff: noqa: ANN401 - a request and a response of either library, which share no type
from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from typing import Any, Final

from delegate.core.chain.request import Request
from delegate.holder import Holder
from delegate.integrations import clients

_UNAUTHORIZED: Final = 401
_GZIP_BYTES: Final = 1 << 10  # not more than 1 MiB when it is unpacked


class AuthFlow:
    """Proves each request of a client, or of one call."""

    requires_request_body = True

    def __init__(
        self, holder: Holder, audience: clients.Audiences = None, *, discharges: clients.Discharges = None
    ) -> None:
        """Take whose chain, and for whom.

        Args:
            holder: the agent's identity and chain.
            audience: the name of the service, as its verifier has it; or a map from origins to names, and no proof for
                any other origin; `None`: what the origin's challenge says, after a first request without a proof.
            discharges: gives the discharges to present with a request; none, if not said.

        Raises:
            TypeError, ValueError: an argument of another type, or an audience that is none.
        """
        self._signer = clients.Signer(holder, audience, discharges)

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Send a request, proven; see the library's `Auth`.

        Raises:
            WrongRequestError: the service saw another request.
            DelegateError: the request has no form that could be proven (SPEC §7.4).
        """
        request.read()
        flow = self._flow(request)
        following = next(flow)
        while True:
            response = yield following
            if response.status_code == _UNAUTHORIZED:
                read_problem(response)
                response.request.read()
            try:
                following = flow.send(response)
            except StopIteration:
                return
            if not response.is_stream_consumed:  # else the client would now read it, all of it
                response.stream.close()
                response.stream = _library(response).ByteStream(b"")

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Send a request, proven; see `sync_auth_flow`."""
        await request.aread()
        flow = self._flow(request)
        following = next(flow)
        while True:
            response = yield following
            if response.status_code == _UNAUTHORIZED:
                await aread_problem(response)
                await response.request.aread()
            try:
                following = flow.send(response)
            except StopIteration:
                return
            if not response.is_stream_consumed:
                await response.stream.aclose()
                response.stream = _library(response).ByteStream(b"")

    def _flow(self, request: Any) -> Generator[Any, Any, None]:
        names = self._signer.names
        asked, origin = _asked(request)
        name = names.of(origin)
        if name is not None:
            request.headers["Authorization"] = self._signer.proof(asked, name)
        response = yield request
        for _ in range(2):  # behind a redirect, and for a name that was learnt
            if response.status_code != _UNAUTHORIZED:
                return
            final = response.request
            asked, there = _asked(final)
            if there != origin:
                return  # a redirect to somebody else: not a word to them
            learnt = names.learn(there, response.headers.get_list("www-authenticate"))
            redirected = final.url != request.url or final.method != request.method
            named = learnt or (name if redirected else None)
            if named is None:
                break
            name, request = named, final
            request.headers["Authorization"] = self._signer.proof(asked, name)
            response = yield request
        if response.status_code == _UNAUTHORIZED:
            refuse_wrong_request(asked, response)


class Signing:
    """What the two transports share."""

    def __init__(self, holder: Holder, audience: Mapping[str, str], discharges: clients.Discharges) -> None:
        """Take whose chain, and for whom; raises as `AuthFlow`, and TypeError for what is no map."""
        if not isinstance(audience, Mapping):
            wrong = "a transport sees redirects: say which origins are proven to, as a map from origins to names"
            raise TypeError(wrong)
        self.signer = clients.Signer(holder, audience, discharges)

    def signed(self, request: Any) -> tuple[Any, Request | None]:
        """Give a copy to send, and what was proven, `None` for an origin that no proof is for.

        It is a copy, so that a redirect, which is made of the request that was given, takes no proof along.
        """
        headers = request.headers.copy()
        taken = clients.without_proof(headers)
        asked: Request | None = None
        name = self.signer.names.of(_origin(request))
        if name is not None:
            asked, _ = _asked(request)
            self.signer.sign(headers, asked, name, taken=taken)
        copy = type(request)(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return copy, asked


def problem_of(response: Any) -> clients.Problem | None:
    """Read what a service says about its refusal; `None` where it says nothing that can be read.

    Args:
        response: whose body has been read.
    """
    return clients.Problem.read(response.headers.get("Content-Type"), response.content)


def refuse_wrong_request(asked: Request, response: Any) -> None:
    """Raise as `clients.refuse_wrong_request`, where enough was read to say so."""
    if response.is_stream_consumed:
        clients.refuse_wrong_request(asked, problem_of(response))


def read_problem(response: Any) -> None:
    """Read a refusal, where it is no larger than a problem may be; else leave all of it to the caller."""
    if response.is_stream_consumed:
        return
    stream, begun, size = response.stream, [], 0
    rest = iter(stream)
    for chunk in rest:
        begun.append(chunk)
        size += len(chunk)
        if size > clients.PROBLEM_BYTES:
            break

    class Again(_library(response).SyncByteStream):  # type: ignore[misc]
        """What was read, and then what was not."""

        def __iter__(self) -> Iterator[bytes]:
            yield from begun
            yield from rest

        def close(self) -> None:
            stream.close()

    response.stream = Again()
    if _is_problem(response, size):
        response.read()


async def aread_problem(response: Any) -> None:
    """Read a refusal; see `read_problem`."""
    if response.is_stream_consumed:
        return
    stream, begun, size = response.stream, [], 0
    rest = aiter(stream)
    async for chunk in rest:
        begun.append(chunk)
        size += len(chunk)
        if size > clients.PROBLEM_BYTES:
            break

    class Again(_library(response).AsyncByteStream):  # type: ignore[misc]
        """What was read, and then what was not."""

        async def __aiter__(self) -> AsyncGenerator[bytes]:
            for chunk in begun:
                yield chunk
            async for chunk in rest:
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    response.stream = Again()
    if _is_problem(response, size):
        await response.aread()


def _is_problem(response: Any, size: int) -> bool:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return size <= clients.PROBLEM_BYTES if coding == "identity" else coding == "gzip" and size <= _GZIP_BYTES


def _library(response: Any) -> Any:
    return sys.modules[type(response).__module__.partition(".")[0]]


def _url(request: Any) -> str:
    url = request.url  # as it will be sent: `str` would show a fragment, and another writing of a host
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"


def _asked(request: Any) -> tuple[Request, str]:
    return clients.asked_of(request.method, _url(request), request.headers.multi_items(), request.content)


def _origin(request: Any) -> str:
    try:
        return clients.origin_of(f"{request.url.scheme}://{request.url.netloc.decode('ascii')}")
    except ValueError:
        return ""
