"""A person's login, from a program at a terminal: authorization code with PKCE, or the device flow.

The rules of this file:

- Each login has a key of its own. The ID token is asked for with a nonce that only this key and a secret salt give, so
  nobody else can bring it to the issuer; in the device flow, which has no nonce, the grant must say `unbound`.
- The code comes back to this machine's own address, at a port of its own (RFC 8252 §7.3), and counts only with the
  `state` that was sent, the verifier that was kept (RFC 7636), and the provider's own name (RFC 9207), which a provider
  that announces it must say.
- One deadline holds for a whole login: whoever calls here and says nothing, or little, keeps nobody waiting.
- An address out of a provider's document is checked before anybody opens it: a browser is a program with options.
- A refresh token is used once: whoever uses it holds the login's lock, and what comes in its place is written before
  anything else is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from delegate.core.chain.printable import shown
from delegate.core.keys.public import PublicKey
from delegate.core.wire.armor import to_base64url
from delegate.errors import Reason
from delegate.issue.binding import nonce_of
from delegate.issue.facts import read_object
from delegate.issue.fetch import DEADLINE_S, Fetch, checked_host, fetch
from delegate.issue.refusals import IssuerUnavailable, NotIssued
from delegate.issue.sources import SubjectToken
from delegate.issue.words import ID_TOKEN

WAIT_S: Final = 300.0
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_ANSWER_BYTES: Final = 64 * 1024
_INTERVAL_S: Final = (5, 60)
_CONNECTIONS: Final = 16
_POLL_S: Final = 0.02
_PAGE: Final = "<!doctype html><meta charset=utf-8><title>delegate</title><p>{}</p>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The OpenID provider that an issuer says people log in at.

    Attributes:
        issuer: its `iss`.
        client: as which client.
        scope: what is asked for.
        endpoints: its discovery document.
    """

    issuer: str
    client: str
    scope: str
    endpoints: Mapping[str, object] = field(repr=False)

    def endpoint(self, name: str) -> str:
        """Give the address of an endpoint.

        Raises:
            NotIssued: the provider has none. IssuerUnavailable: it is no address that may be asked, or opened.
        """
        found = self.endpoints.get(name)
        if not isinstance(found, str) or not found:
            raise NotIssued(Reason.MALFORMED, f"{shown(self.issuer)} has no {name}")
        checked_host(found)
        return found

    @property
    def names_itself(self) -> bool:
        """Whether it announces that its answer says whose it is (RFC 9207 §3)."""
        return self.endpoints.get("authorization_response_iss_parameter_supported") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a login gives; it is a `Source` for the key that it was made for.

    Attributes:
        id_token: says who it is.
        salt: of its nonce; empty in the device flow.
        refresh_token: for the next one; empty where there is none.
    """

    id_token: str = field(repr=False)
    salt: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    def token(self, key: PublicKey) -> SubjectToken:
        """Give the ID token."""
        del key
        return SubjectToken(text=self.id_token, kind=ID_TOKEN, salt=self.salt)


def provider_of(said: Mapping[str, object], *, fetch: Fetch = fetch) -> Provider:
    """Find where to log in, by what an issuer says of itself (`client.metadata`).

    Raises:
        NotIssued: it takes no logins. IssuerUnavailable: the provider does not answer.
    """
    login = said.get("delegate_login")
    if not isinstance(login, dict) or not all(isinstance(each, str) for each in login.values()):
        told = "this issuer does not say where people log in"
        raise NotIssued(Reason.MALFORMED, told, told=told)
    issuer, client = str(login.get("issuer", "")), str(login.get("client_id", ""))
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    answer = fetch(address, most_bytes=_ANSWER_BYTES)
    document = read_object(answer.body, "the provider's document", most_bytes=_ANSWER_BYTES)
    if document.get("issuer") != issuer:
        raise NotIssued(Reason.UNKNOWN_ROOT, f"the document at `{shown(issuer)}` is another provider's")
    return Provider(issuer=issuer, client=client, scope=str(login.get("scope", "openid")), endpoints=document)


def by_browser(
    provider: Provider,
    key: PublicKey,
    show: Callable[[str], object],
    *,
    fetch: Fetch = fetch,
    wait_s: float = WAIT_S,
) -> LoggedIn:
    """Log in with a browser on this machine.

    Args:
        provider: where.
        key: for which the ID token shall be.
        show: is given the address to open, and returns at once: while it does not, nobody looks at the deadline.
        fetch: what asks.
        wait_s: how long it may take: the person, and the provider's answer after that.

    Raises:
        NotIssued: the person, or the provider, refuses. IssuerUnavailable: nobody came back in time; an address of the
            provider's cannot be opened.
    """
    end = _Deadline(wait_s)
    salt, state, verifier = os.urandom(32), to_base64url(os.urandom(16)), to_base64url(os.urandom(32))
    with _Callback(state, provider) as callback:
        query = {
            "response_type": "code",
            "client_id": provider.client,
            "redirect_uri": callback.address,
            "scope": provider.scope,
            "state": state,
            "nonce": nonce_of(salt, key),
            "code_challenge": to_base64url(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if "offline_access" in provider.scope.split():
            query["prompt"] = "consent"  # OpenID Connect Core 11: without, no refresh token
        start = provider.endpoint("authorization_endpoint")
        show(f"{start}{'&' if '?' in start else '?'}{urlencode(query)}")
        code = callback.wait(end)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback.address,
            "client_id": provider.client,
            "code_verifier": verifier,
        }
    said = _tokens(provider, form, fetch, end)
    return LoggedIn(
        id_token=str(said["id_token"]), salt=to_base64url(salt), refresh_token=str(said.get("refresh_token", ""))
    )


def by_device(
    provider: Provider,
    show: Callable[[str, str], object],
    *,
    fetch: Fetch = fetch,
    sleep: Callable[[float], object] = time.sleep,
    wait_s: float = WAIT_S,
) -> LoggedIn:
    """Log in with a browser on another machine (RFC 8628).

    Args:
        provider: where.
        show: is given the address to open, and the code to type there.
        fetch: what asks.
        sleep: waits between two looks.
        wait_s: how long it may take.

    Raises:
        NotIssued: the person, or the provider, refuses. IssuerUnavailable: nobody came back in time.
    """
    end = _Deadline(wait_s)
    form: dict[str, str | list[str]] = {"client_id": provider.client, "scope": provider.scope}
    start = provider.endpoint("device_authorization_endpoint")
    answer = fetch(start, most_bytes=_ANSWER_BYTES, form=form, deadline_s=end.of_one())
    said = read_object(answer.body, "the provider's answer", most_bytes=_ANSWER_BYTES)
    if answer.status != 200:
        raise _refused(said)
    code, address = said.get("device_code"), said.get("verification_uri_complete", said.get("verification_uri"))
    user_code, interval = said.get("user_code"), said.get("interval", _INTERVAL_S[0])
    if not all(isinstance(each, str) for each in (code, address, user_code)) or type(interval) is not int:
        raise NotIssued(Reason.MALFORMED, "the provider's answer to a device is none")
    checked_host(str(address))
    show(str(address), str(user_code))
    waited, pause = 0.0, max(1, min(interval, _INTERVAL_S[1]))
    asked = {"grant_type": DEVICE, "device_code": str(code), "client_id": provider.client}
    while waited + pause <= wait_s and pause <= end.left():
        sleep(pause)
        waited += pause
        try:
            said = _tokens(provider, asked, fetch, end)
        except NotIssued as error:
            if error.code == "slow_down":
                pause += _INTERVAL_S[0]
            elif error.code != "authorization_pending":
                raise
        else:
            return LoggedIn(id_token=str(said["id_token"]), refresh_token=str(said.get("refresh_token", "")))
    raise IssuerUnavailable(f"nobody logged in within {wait_s:g} s")


def refreshed(
    endpoint: str, client: str, refresh_token: str, salt: str, keep: Callable[[str], object], *, fetch: Fetch = fetch
) -> LoggedIn:
    """Get a new ID token without the person.

    Args:
        endpoint: the provider's token endpoint.
        client: as which client.
        refresh_token: is used up by this.
        salt: of the login.
        keep: is given what comes in the refresh token's place, before anything else is done.
        fetch: what asks.

    Raises:
        NotIssued: it does not count any more, or gives no ID token.
    """
    provider = Provider(issuer="", client=client, scope="", endpoints={"token_endpoint": endpoint})
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client}
    said = _tokens(provider, form, fetch, _Deadline(DEADLINE_S))
    newer = str(said.get("refresh_token", refresh_token))
    keep(newer)
    return LoggedIn(id_token=str(said["id_token"]), salt=salt, refresh_token=newer)


def forgotten(endpoint: str, client: str, refresh_token: str, *, fetch: Fetch = fetch) -> None:
    """Tell the provider that a refresh token is not wanted any more (RFC 7009); raises IssuerUnavailable."""
    form: dict[str, str | list[str]] = {
        "token": refresh_token,
        "token_type_hint": "refresh_token",
        "client_id": client,
    }
    answer = fetch(endpoint, most_bytes=_ANSWER_BYTES, form=form)
    if answer.status != 200:
        raise IssuerUnavailable(f"the provider did not take its refresh token back: status {answer.status}")


class _Deadline:
    """When a login must be over."""

    __slots__ = ("_end", "_wait_s")

    def __init__(self, wait_s: float) -> None:
        self._end, self._wait_s = time.monotonic() + wait_s, wait_s

    def left(self) -> float:
        return self._end - time.monotonic()

    def of_one(self) -> float:
        """Give how long one question may take; raises IssuerUnavailable."""
        left = self.left()
        if left <= 0:
            raise self.over()
        return min(left, DEADLINE_S)

    def over(self) -> IssuerUnavailable:
        return IssuerUnavailable(f"nobody logged in within {self._wait_s:g} s")


def _tokens(provider: Provider, form: Mapping[str, str], fetch: Fetch, end: _Deadline) -> dict[str, Any]:
    place = provider.endpoint("token_endpoint")
    answer = fetch(place, most_bytes=_ANSWER_BYTES, form=dict(form), deadline_s=end.of_one())
    said = read_object(answer.body, "the provider's answer", most_bytes=_ANSWER_BYTES)
    if answer.status != 200:
        raise _refused(said)
    if not isinstance(said.get("id_token"), str):
        raise NotIssued(Reason.MALFORMED, "the provider gives no ID token")
    return said


def _refused(said: Mapping[str, object]) -> NotIssued:
    code = shown(str(said.get("error", "no reason given")))
    words = f"the provider refuses: {shown(str(said.get('error_description') or code), 300)}"
    return NotIssued(Reason.POLICY_FAILED, words, code=code, told=words)


class _Server(ThreadingHTTPServer):
    """A few connections at a time, each in a thread of its own that nobody waits for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._room = BoundedSemaphore(_CONNECTIONS)
        super().__init__(("127.0.0.1", 0), handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the library has it
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, *_: object) -> None:
        """Say nothing: the address holds a code."""


class _Callback:
    """Listens on this machine for the browser that comes back."""

    def __init__(self, state: str, provider: Provider) -> None:
        self.code = ""
        self.refusal: NotIssued | None = None
        self._one = Lock()
        self._done = Event()
        callback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # between two bytes

            def do_GET(self) -> None:
                callback.answer(self, state, provider)

            def log_message(self, *_: object) -> None:
                """Say nothing: the address holds a code."""

        self._server = _Server(Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(_POLL_S,), name="delegate login", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, state: str, provider: Provider) -> None:
        """Take what the browser brings, if it is what was sent for; whatever else calls here is sent away."""
        parts = urlsplit(request.path)
        try:
            given = parse_qs(parts.query, max_num_fields=20, keep_blank_values=True) if len(request.path) < 8192 else {}
        except ValueError:
            given = {}
        one = {name: values[0] for name, values in given.items() if len(values) == 1}
        if parts.path != "/callback" or one.get("state") != state:
            self._page(request, 404, "This is not the page of a login.")
            return
        with self._one:
            if not self.code and self.refusal is None:
                self._take(given, one, provider)
        done = "You are logged in; this page can be closed." if self.code else "You are not logged in."
        try:
            self._page(request, 200 if self.code else 400, done)
        finally:
            self._done.set()

    def _take(self, given: Mapping[str, list[str]], one: Mapping[str, str], provider: Provider) -> None:
        if one.get("iss") != provider.issuer if "iss" in given else provider.names_itself:
            self.refusal = NotIssued(Reason.UNKNOWN_ROOT, "the answer to the login comes from another provider")
        elif one.get("code") and "error" not in given:
            self.code = one["code"]
        else:
            self.refusal = _refused(one)

    def _page(self, request: BaseHTTPRequestHandler, status: int, words: str) -> None:
        body = _PAGE.format(escape(words)).encode()
        request.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Referrer-Policy", "no-referrer"),
        ):
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def wait(self, end: _Deadline) -> str:
        """Give the code that the browser brings back."""
        if not self._done.wait(max(0.0, end.left())):
            raise end.over()
        if self.refusal is not None:
            raise self.refusal
        return self.code
