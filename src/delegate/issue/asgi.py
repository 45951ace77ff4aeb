"""The issuer over HTTP: an ASGI app, which any ASGI server runs.

    POST /token                                    RFC 8693
    POST /revoke                                   the holder's own chain
    GET  /.well-known/oauth-authorization-server   RFC 8414
    GET  /roots, /revocations                      files that the policy names, as they are
    GET  /health

The rules of this file:

- A request is read up to `BODY_BYTES`, and within `BODY_S` altogether; what is more, or slower, is refused.
- So many exchanges are worked at as there are threads, and no more than `WAITING` wait: beyond that, whoever asks is
  told to come back. A flood costs those who send it, and holds up nobody for long.
- Which address this is, is configured: `Host` is not looked at.
- An answer never says more than `NotIssued.told`, and nothing of it is to be kept by anybody between (`no-store`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from delegate.errors import DelegateError, Reason
from delegate.issue.compact import ALGORITHMS
from delegate.issue.issuer import REVOKE_PATH, TOKEN_PATH, Issuer
from delegate.issue.policy import Stamp, stamp_of
from delegate.issue.refusals import UNAVAILABLE, USE_NONCE, IssuerUnavailable, NotIssued
from delegate.issue.words import EXCHANGE

BODY_BYTES: Final = 64 * 1024
BODY_S: Final = 10.0
WAITING: Final = 64
THREADS: Final = 8
FILE_BYTES: Final = 4 * 1024 * 1024
RELOAD_S: Final = 5.0
_FORM: Final = "application/x-www-form-urlencoded"
# What `error_description` may hold (RFC 6749 §5.2).
_DESCRIBED: Final = str.maketrans({'"': "'", "\\": "/"})
_NO_STORE: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("delegate.issuer")


def app(issuer: Issuer, *, reload_s: float | None = RELOAD_S) -> App:
    """Make the app.

    Args:
        issuer: what decides and signs.
        reload_s: how often to look whether the policy's file has changed; `None`: never. A file with a mistake in it is
            logged, and the old policy goes on. It needs the server's lifespan events.

    Returns:
        An ASGI app for HTTP and lifespan events.
    """
    return _App(issuer, reload_s)


class _Refused(Exception):  # noqa: N818 - an outcome that is not an error of ours
    """A request that is none: a status, and a word of OAuth's."""

    def __init__(self, status: int, code: str = "invalid_request", told: str = "") -> None:
        super().__init__(told)
        self.status = status
        self.code = code
        self.told = told


class _App:
    """The app, and what it has in hand."""

    def __init__(self, issuer: Issuer, reload_s: float | None) -> None:
        self._issuer = issuer
        self._reload_s = reload_s
        self._threads = ThreadPoolExecutor(THREADS, "issuer")
        self._in_hand = 0
        self._prefix = urlsplit(issuer.policy.url).path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: nothing here is one
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        try:
            await self._answer(scope, receive, send)
        except _Refused as error:
            await _send_error(send, error.status, error.code, error.told)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], str(scope["path"])
        if path in {f"{self._prefix}{TOKEN_PATH}", f"{self._prefix}{REVOKE_PATH}"}:
            if method != "POST":
                raise _Refused(405, told="POST is wanted")
            await self._post(scope, receive, send, taking_back=path.endswith(REVOKE_PATH))
            return
        if method not in {"GET", "HEAD"}:
            raise _Refused(404)
        policy = self._issuer.policy
        if path == f"/.well-known/oauth-authorization-server{self._prefix}":
            await _send_json(send, 200, self._metadata(), head=method == "HEAD")
        elif path == f"{self._prefix}/roots" and policy.roots is not None:
            await self._file(policy.roots, scope, send)
        elif path == f"{self._prefix}/revocations" and policy.revocations is not None:
            await self._file(policy.revocations, scope, send)
        elif path == f"{self._prefix}/health":
            await _send_json(send, 200, {"status": "ok"}, head=method == "HEAD")
        else:
            raise _Refused(404)

    async def _post(self, scope: Scope, receive: Receive, send: Send, *, taking_back: bool) -> None:
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        kind = b"".join(value for name, value in headers if name == b"content-type").partition(b";")[0]
        if kind.strip().lower().decode("latin-1") != _FORM:
            raise _Refused(400, told=f"the body is {_FORM}")
        form = _form(await _body(receive))  # first: who sends slowly takes no place
        if self._in_hand >= THREADS + WAITING:
            raise _Refused(503, UNAVAILABLE, "too many at once; ask again")
        self._in_hand += 1
        try:
            proofs = [value.decode("latin-1") for name, value in headers if name == b"dpop"]
            chain = _certificates(scope)

            def work() -> dict[str, object]:
                if taking_back:
                    self._issuer.take_back(form, dpop=proofs)
                    return {}
                return self._issuer.exchange(form, dpop=proofs, certificates=chain).to_json()

            said = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except IssuerUnavailable as error:
            _log.warning("nothing issued: %s", error.detail)
            await _send_error(send, 503, error.code, error.told, error.reason)
        except NotIssued as error:
            _log.info("nothing issued: %s", error.detail)
            nonce = await self._nonce()
            if error.code == USE_NONCE and not nonce:
                await _send_error(send, 503, UNAVAILABLE, str(Reason.STATE_UNAVAILABLE), Reason.STATE_UNAVAILABLE)
            else:
                await _send_error(send, error.http_status, error.code, error.told, error.reason, nonce)
        except DelegateError as error:
            _log.info("nothing issued: %s", error.detail)
            await _send_error(send, 400, "invalid_request", str(error.reason), error.reason)
        except Exception:  # noqa: BLE001 - a fault of ours is logged whole, and told to nobody
            _log.exception("nothing issued")
            await _send_error(send, 500, "server_error", "")
        else:
            await _send_json(send, 200, said, more=_nonce(await self._nonce()))
        finally:
            self._in_hand -= 1

    async def _nonce(self) -> str:
        """Give the nonce for the next proof, made in a thread; none where the key does not sign: answers go without."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._issuer.dpop_nonce)
        except IssuerUnavailable as error:
            _log.warning("no nonce: %s", error.detail)
            return ""

    def _metadata(self) -> dict[str, object]:
        """Say what this is (RFC 8414), who signs, and how a person logs in."""
        policy = self._issuer.policy
        found: dict[str, object] = {
            "issuer": policy.url,
            "token_endpoint": self._issuer.token_url,
            "grant_types_supported": [EXCHANGE],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["none"],
            "dpop_signing_alg_values_supported": [*ALGORITHMS],
            "delegate_principal": self._issuer.principal.to_text(),
        }
        if policy.login is not None:
            found["delegate_login"] = {
                "issuer": policy.login.provider,
                "client_id": policy.login.client,
                "scope": policy.login.scope,
            }
        if policy.revocations is not None:
            found["revocation_endpoint"] = policy.url + REVOKE_PATH
        for name in ("roots", "revocations"):
            if getattr(policy, name) is not None:
                found[f"delegate_{name}"] = f"{policy.url}/{name}"
        return found

    async def _file(self, path: Path, scope: Scope, send: Send) -> None:
        try:
            data = await asyncio.get_running_loop().run_in_executor(self._threads, _read, path)
        except OSError as error:
            _log.warning("%s: %s", path.name, error.strerror)
            raise _Refused(503, UNAVAILABLE) from None
        tag = b'"' + sha256(data).hexdigest()[:32].encode() + b'"'
        wanted = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
        same = tag in [each.strip().removeprefix(b"W/") for each in wanted.split(b",")]
        headers = [(b"content-type", b"application/octet-stream"), (b"etag", tag), (b"cache-control", b"no-cache")]
        await _send(send, 304 if same else 200, b"" if same or scope["method"] == "HEAD" else data, headers)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        watching = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._reload_s is not None and self._issuer.policy.path is not None:
                    watching = asyncio.ensure_future(self._watch(self._issuer.policy.path, self._reload_s))
                await send({"type": "lifespan.startup.complete"})
            else:
                if watching is not None:
                    watching.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _watch(self, path: Path, every_s: float) -> None:
        """Take a new policy when its file changes."""
        seen = self._issuer.policy.stamp
        while True:
            await asyncio.sleep(every_s)
            now = _stamp(path)
            if now == seen:
                continue
            seen = now
            await asyncio.get_running_loop().run_in_executor(self._threads, reload, self._issuer)


def reload(issuer: Issuer) -> bool:
    """Read the policy anew, whole or not at all; says whether it was taken. What is wrong with it is logged."""
    try:
        issuer.reload()
    except (DelegateError, OSError) as error:
        _log.error("the policy stays as it was: %s", error)
        return False
    _log.info("there is a new policy")
    return True


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp_of(path.stat())
    except OSError:
        return None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise OSError(27, "the file is too large to be served")
    return data


async def _body(receive: Receive) -> bytes:
    """Read a request's body; raises _Refused."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400)
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise _Refused(413, told=f"a request has at most {BODY_BYTES} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(408, told="the request took too long") from None


def _form(body: bytes) -> list[tuple[str, str]]:
    """Read the parameters; raises _Refused."""
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:  # a UnicodeError too
        raise _Refused(400, told="the body is no form") from None


def _certificates(scope: Scope) -> list[bytes]:
    """Give the client's certificates, as DER, where the server tells them (ASGI's TLS extension)."""
    import ssl

    given = (scope.get("extensions") or {}).get("tls") or {}
    chain: Iterable[str] = given.get("client_cert_chain") or ()
    try:
        return [ssl.PEM_cert_to_DER_cert(each) for each in chain]
    except ValueError as error:
        raise NotIssued(Reason.MALFORMED, f"the server gives a certificate that is none: {error}") from None


def _nonce(text: str) -> tuple[tuple[bytes, bytes], ...]:
    """Tell the nonce for the next proof (RFC 9449 §8.2), where one is wanted."""
    return ((b"dpop-nonce", text.encode("ascii")),) if text else ()


async def _send_error(
    send: Send, status: int, code: str, told: str, reason: Reason | None = None, nonce: str = ""
) -> None:
    said: dict[str, object] = {"error": code}
    if told:
        said["error_description"] = told.encode("ascii", "replace").decode().translate(_DESCRIBED)
    if reason is not None:
        said["reason"] = str(reason)
    later = ((b"retry-after", b"1"),) if status == 503 else ()
    await _send_json(send, status, said, more=(*later, *_nonce(nonce)))


async def _send_json(
    send: Send, status: int, value: object, *, head: bool = False, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), *_NO_STORE, *more]
    await _send(send, status, b"" if head else body, headers, length=len(body))


async def _send(
    send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]], *, length: int | None = None
) -> None:
    sized = (b"content-length", str(len(body) if length is None else length).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, sized]})
    await send({"type": "http.response.body", "body": body})
