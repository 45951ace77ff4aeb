"""A person's login, from a program at a terminal: authorization code with PKCE, or the device flow.

The rules of this file:

- Each login has a key of its own. The ID token is asked for with a nonce that only this key and a secret salt give, so
  nobody else can bring it to the issuer; in the device flow, which has no nonce, the grant must say `unbound`.
- The code comes back to this machine's own address, at a port of its own (RFC 8252 §7.3), and counts only with the
  `state` that was sent, the verifier that was kept (RFC 7636), and the provider's own name (RFC 9207).
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
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from delegate.core.chain.printable import shown
from delegate.core.keys.public import PublicKey
from delegate.core.wire.armor import to_base64url
from delegate.errors import Reason
from delegate.issue.binding import nonce_of
from delegate.issue.facts import read_object
from delegate.issue.fetch import Fetch, fetch
from delegate.issue.refusals import IssuerUnavailable, NotIssued
from delegate.issue.sources import SubjectToken
from delegate.issue.words import ID_TOKEN

WAIT_S: Final = 300.0
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_ANSWER_BYTES: Final = 64 * 1024
_INTERVAL_S: Final = (5, 60)
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
            NotIssued: the provider has none.
        """
        found = self.endpoints.get(name)
        if not isinstance(found, str) or not found:
            raise NotIssued(Reason.MALFORMED, f"{shown(self.issuer)} has no {name}")
        return found


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
        show: is given the address to open.
        fetch: what asks.
        wait_s: how long to wait for the person.

    Raises:
        NotIssued: the person, or the provider, refuses. IssuerUnavailable: nobody came back in time.
    """
    salt, state, verifier = os.urandom(32), to_base64url(os.urandom(16)), to_base64url(os.urandom(32))
    with _Callback(state, provider.issuer) as callback:
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
        code = callback.wait(wait_s)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback.address,
            "client_id": provider.client,
            "code_verifier": verifier,
        }
    said = _tokens(provider, form, fetch)
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
        wait_s: how long to wait for the person at most.

    Raises:
        NotIssued: the person, or the provider, refuses. IssuerUnavailable: nobody came back in time.
    """
    form: dict[str, str | list[str]] = {"client_id": provider.client, "scope": provider.scope}
    answer = fetch(provider.endpoint("device_authorization_endpoint"), most_bytes=_ANSWER_BYTES, form=form)
    said = read_object(answer.body, "the provider's answer", most_bytes=_ANSWER_BYTES)
    if answer.status != 200:
        raise _refused(said)
    code, address = said.get("device_code"), said.get("verification_uri_complete", said.get("verification_uri"))
    user_code, interval = said.get("user_code"), said.get("interval", _INTERVAL_S[0])
    if not all(isinstance(each, str) for each in (code, address, user_code)) or type(interval) is not int:
        raise NotIssued(Reason.MALFORMED, "the provider's answer to a device is none")
    show(str(address), str(user_code))
    waited, pause = 0.0, max(1, min(interval, _INTERVAL_S[1]))
    while waited < wait_s:
        sleep(pause)
        waited += pause
        try:
            said = _tokens(
                provider, {"grant_type": DEVICE, "device_code": str(code), "client_id": provider.client}, fetch
            )
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
    said = _tokens(provider, form, fetch)
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


def _tokens(provider: Provider, form: Mapping[str, str], fetch: Fetch) -> dict[str, Any]:
    answer = fetch(provider.endpoint("token_endpoint"), most_bytes=_ANSWER_BYTES, form=dict(form))
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


class _Callback:
    """Listens on this machine for the browser that comes back."""

    def __init__(self, state: str, issuer: str) -> None:
        self.code = ""
        self.refusal: NotIssued | None = None
        callback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # of one connection

            def do_GET(self) -> None:
                callback.answer(self, state, issuer)

            def log_message(self, *_: object) -> None:
                """Say nothing: the address holds a code."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, state: str, issuer: str) -> None:
        """Take what the browser brings, if it is what was sent for; whatever else calls here is sent away."""
        parts = urlsplit(request.path)
        given = parse_qs(parts.query, max_num_fields=20) if len(request.path) < 8192 else {}
        one = {name: values[0] for name, values in given.items() if len(values) == 1}
        if parts.path != "/callback" or one.get("state") != state:
            self._page(request, 404, "This is not the page of a login.")
            return
        if one.get("iss", issuer) != issuer:
            self.refusal = NotIssued(Reason.UNKNOWN_ROOT, "the answer to the login comes from another provider")
        elif "code" in one and "error" not in one:
            self.code = one["code"]
        else:
            self.refusal = _refused(one)
        done = "You are logged in; this page can be closed." if self.code else "You are not logged in."
        self._page(request, 200 if self.code else 400, done)

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

    def wait(self, wait_s: float) -> str:
        """Give the code that the browser brings back."""
        end = time.monotonic() + wait_s
        while not self.code and self.refusal is None:
            left = end - time.monotonic()
            if left <= 0:
                raise IssuerUnavailable(f"nobody logged in within {wait_s:g} s")
            self._server.timeout = left
            self._server.handle_request()
        if self.refusal is not None:
            raise self.refusal
        return self.code
