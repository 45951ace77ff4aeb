"""Requests: a fresh proof for each request of a session, redirects included.

Three lines:

    from delegate.integrations.requests import DelegateAdapter

    session.mount("https://", DelegateAdapter(holder, {"https://files.example.com": "files.example.com"}))
    session.get("https://files.example.com/reports/q3.csv")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

try:
    import requests
    from requests.adapters import HTTPAdapter
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.requests needs Requests: pip install 'delegate-token[requests]'"
    raise ImportError(message) from error

from delegate.holder import Holder
from delegate.integrations import clients
from delegate.integrations.clients import Problem, WrongRequestError

__all__ = ["DelegateAdapter", "Problem", "WrongRequestError", "problem_of"]


class DelegateAdapter(HTTPAdapter):
    """Proves each request as it leaves, redirects included; mount it where the service is."""

    __attrs__ = ()  # what pickling would carry: nothing, and pickling is refused

    def __init__(self, holder: Holder, audience: Mapping[str, str], *, discharges: clients.Discharges = None) -> None:
        """Take whose chain, and for whom.

        Args:
            holder: the agent's identity and chain.
            audience: origin → the name of the service there. Requests to other origins go out without a proof.
            discharges: gives the discharges to present with a request; none, if not said.

        Raises:
            TypeError, ValueError: an argument of another type, or an audience that is none.
        """
        if not isinstance(audience, Mapping):
            wrong = "an adapter sees redirects: say which origins are proven to, as a map from origins to names"
            raise TypeError(wrong)
        self._signer = clients.Signer(holder, audience, discharges)
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:  # noqa: ANN401 - as Requests has it
        """Send a request, proven.

        Raises:
            WrongRequestError: the service saw another request.
            DelegateError: the request has no form that could be proven (SPEC §7.4).
            TypeError: its body is a stream, which is not known before it is sent: give bytes.
        """
        signed = request.copy()  # a redirect is made of the one that was given: no proof goes along
        headers = signed.headers
        taken = clients.without_proof(headers)
        url = request.url or ""
        if self._name(url) is None:
            return super().send(signed, *args, **more)
        if isinstance(signed.body, str):
            signed.body = signed.body.encode()
        body = signed.body or b""
        if not isinstance(body, bytes):
            wrong = "a streamed body is not known before it is sent: give bytes"
            raise TypeError(wrong)
        asked, origin = clients.asked_of(request.method or "", url, headers.items(), body)
        self._signer.sign(headers, asked, self._signer.names.of(origin) or "", taken=taken)
        response = super().send(signed, *args, **more)
        if response.status_code == requests.codes.unauthorized and (
            not (args or more.get("stream")) or _is_short(response)
        ):
            clients.refuse_wrong_request(asked, problem_of(response))
        return response

    def _name(self, url: str) -> str | None:
        scheme, _, rest = url.partition("://")
        host = rest.replace("?", "/").replace("#", "/").partition("/")[0]
        try:
            return self._signer.names.of(clients.origin_of(f"{scheme}://{host}"))
        except ValueError:
            return None

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a key would travel with it."""
        return self._signer.__reduce__()


def _is_short(response: requests.Response) -> bool:
    """Whether a refusal says that it is no larger than a problem may be: of a stream only such a one is read here."""
    length, coding = response.headers.get("Content-Length", ""), response.headers.get("Content-Encoding")
    fits = (
        length.isdecimal() and len(length) <= len(str(clients.PROBLEM_BYTES)) and int(length) <= clients.PROBLEM_BYTES
    )
    return fits and not coding


def problem_of(response: requests.Response) -> Problem | None:
    """Read what a service says about its refusal; `None` where it says nothing that can be read."""
    return Problem.read(response.headers.get("Content-Type"), response.content)
