"""HTTPX2: a fresh proof for each request.

Three lines:

    from delegate.integrations.httpx2 import DelegateAuth

    client = httpx2.Client(auth=DelegateAuth(holder))
    client.get("https://files.example.com/reports/q3.csv")

`DelegateAuth` sees what its caller asks for, and not the redirects that the client follows meanwhile: behind one, the
service refuses the old proof, and the request is sent once more with a proof of its own. `DelegateTransport` sees each
request as it leaves, redirects and retries included, and needs to be told which origin has which name.
"""

from __future__ import annotations

from collections.abc import Mapping

try:
    import httpx2
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.httpx2 needs HTTPX2: pip install 'delegate-token[httpx2]'"
    raise ImportError(message) from error

from delegate.holder import Holder
from delegate.integrations import clients
from delegate.integrations.clients import Problem, WrongRequestError
from delegate.integrations.httpx_like import (
    AuthFlow,
    Signing,
    aread_problem,
    problem_of,
    read_problem,
    refuse_wrong_request,
)

__all__ = ["AsyncDelegateTransport", "DelegateAuth", "DelegateTransport", "Problem", "WrongRequestError", "problem_of"]


class DelegateAuth(AuthFlow, httpx2.Auth):
    """Proves each request of a client, or of one call: `auth=DelegateAuth(holder)`."""


class DelegateTransport(httpx2.BaseTransport):
    """Proves each request as it leaves, redirects and retries included: `httpx2.Client(transport=…)`."""

    def __init__(
        self,
        holder: Holder,
        audience: Mapping[str, str],
        *,
        discharges: clients.Discharges = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Take whose chain, and for whom.

        Args:
            holder: the agent's identity and chain.
            audience: origin → the name of the service there. Requests to other origins go out without a proof, and
                without one that was made before.
            discharges: as for `DelegateAuth`.
            transport: what sends; `httpx2.HTTPTransport()` if not said.

        Raises:
            TypeError, ValueError: as for `DelegateAuth`.
        """
        self._signing = Signing(holder, audience, discharges)
        self._inner = transport or httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, proven.

        Raises:
            WrongRequestError: the service saw another request.
            DelegateError: the request has no form that could be proven (SPEC §7.4).
        """
        request.read()
        signed, asked = self._signing.signed(request)
        response = self._inner.handle_request(signed)
        if asked is not None and response.status_code == httpx2.codes.UNAUTHORIZED:
            read_problem(response)
            refuse_wrong_request(asked, response)
        return response

    def close(self) -> None:
        """Close what sends."""
        self._inner.close()


class AsyncDelegateTransport(httpx2.AsyncBaseTransport):
    """`DelegateTransport` for `httpx2.AsyncClient`."""

    def __init__(
        self,
        holder: Holder,
        audience: Mapping[str, str],
        *,
        discharges: clients.Discharges = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Take whose chain, and for whom; see `DelegateTransport`."""
        self._signing = Signing(holder, audience, discharges)
        self._inner = transport or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, proven; see `DelegateTransport`."""
        await request.aread()
        signed, asked = self._signing.signed(request)
        response = await self._inner.handle_async_request(signed)
        if asked is not None and response.status_code == httpx2.codes.UNAUTHORIZED:
            await aread_problem(response)
            refuse_wrong_request(asked, response)
        return response

    async def aclose(self) -> None:
        """Close what sends."""
        await self._inner.aclose()
