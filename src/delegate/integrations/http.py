"""HTTP without I/O: what came → head, request (SPEC §7.4) and presentation (SPEC §11); both sides share it.

The rules of this file:

- One meaning or a refusal: a header that must stand once stands once, a body has a media type, JSON has each key once.
- A body is bound: JSON as the argument `body`, anything else as `content_sha256`. Nothing of a request that a framework
  would act on beside it (a method in a header, another path in a header) is let through.
- The public origin is configured. `Host`, `Forwarded` and `X-Forwarded-*` are not read.
- A presentation is taken from `Authorization: Delegate …`, or from `Delegation: …` where that header is taken; never
  from both, and never from a URL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request, parse_json
from delegate.core.chain.urls import join_target
from delegate.errors import DelegateError, Reason, TokenError
from delegate.regular import regular

Text: TypeAlias = str | bytes
Headers: TypeAlias = Iterable[tuple[Text, Text]]

SCHEME: Final = "Delegate"
BODY_BYTES: Final = 1 << 20
PROBLEM: Final = "application/problem+json"
_REMEMBERED_CHARACTERS: Final = 512
_IN_PATHS: Final = "/!$&'()*+,;=:@"
_MEDIA_TYPE: Final = regular(r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:;.*)?")
_PROTOCOL: Final = regular(r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+(?:/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?)[ \t]*")
_CHARSET: Final = regular(r""";[ \t]*charset[ \t]*=[ \t]*["']?([^"'; \t]*)""")
_JSON: Final = regular(r"application/.*json")
# What some server behind may take for the method or the path of a request, whatever its line says.
_OVERRIDES: Final = frozenset(
    {
        *(b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-url", b"x-rewrite-url"),
    }
)
_ONCE: Final = frozenset(
    {
        *(b"authorization", b"delegation", b"content-type", b"content-encoding", b"content-length"),
        *(b"transfer-encoding", b"upgrade"),
    }
)
_OF_CLIENTS: Final = frozenset({"content-type", "content-encoding", "upgrade"})
_READ: Final = _ONCE | _OVERRIDES


class TooLargeError(DelegateError):
    """A body larger than the service takes; nothing was decided."""

    http_status = 413


class Head(NamedTuple):
    """What a decision needs of the headers of a request.

    Attributes:
        presentation: chain and proof as text; `None` where none came.
        content_type: media type in lower case; `None` where none is said.
        is_json: whether a body is JSON: `application/…` with `json` at its end.
        declared_bytes: what `Content-Length` says; `None` where it says nothing.
        may_have_body: whether a body follows, as far as the headers say.
        upgrade: the protocol that the connection is asked to change to, in lower case; `None` where it is not.
        is_beside: whether the presentation came in `Delegation`, of which a cache knows nothing (SPEC §11).
    """

    presentation: str | None
    content_type: str | None
    is_json: bool
    declared_bytes: int | None
    may_have_body: bool
    upgrade: str | None = None
    is_beside: bool = False


class Answer(NamedTuple):
    """An HTTP answer to a refusal."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def read_head(headers: Headers) -> Head:
    """Read the headers of a request, names in any case; what is not read here is not bound by the proof.

    Raises:
        TokenError: MALFORMED: two presentations.
        DelegateError: MALFORMED: another header twice, one that names another method or path than the request's own,
            a media type, a length or a protocol that is none, JSON in another charset than UTF-8 or in a content
            coding.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        key = (name.encode("latin-1", "replace") if isinstance(name, str) else name).lower()
        if key not in _READ:
            continue
        if key in found:
            twice = f"{key.decode()} is given twice"
            if key in {b"authorization", b"delegation"}:
                raise TokenError(Reason.MALFORMED, twice)
            raise DelegateError(Reason.MALFORMED, twice)
        found[key] = value.encode("latin-1", "replace") if isinstance(value, str) else value
    if not _OVERRIDES.isdisjoint(found):
        name = min(_OVERRIDES & found.keys()).decode()
        raise DelegateError(Reason.MALFORMED, f"{name} names another method or path than the request's own")
    media, is_json = None, False
    if (said := found.get(b"content-type")) is not None:
        media, is_json = _media_type(said.decode("latin-1"))
    if is_json and found.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise DelegateError(Reason.MALFORMED, "JSON in a content coding, which some servers read and some do not")
    length = found.get(b"content-length")
    if length is not None and not (length.isdigit() and len(length) < 20):
        raise DelegateError(Reason.MALFORMED, "content-length is not a number")
    declared = None if length is None else int(length)
    return Head(
        _presentation(found),
        media,
        is_json,
        declared,
        bool(declared) or b"transfer-encoding" in found,
        _protocol(found.get(b"upgrade")),
        b"delegation" in found,
    )


def _protocol(said: bytes | None) -> str | None:
    if said is None:
        return None
    match = _PROTOCOL.fullmatch(said.decode("latin-1"))
    if match is None:
        raise DelegateError(Reason.MALFORMED, "upgrade is not the name of one protocol")
    return match[1].lower()


def _presentation(found: Mapping[bytes, bytes]) -> str | None:
    text: str | None = None
    if (said := found.get(b"authorization")) is not None:
        scheme, _, rest = said.decode("latin-1").strip(" \t").partition(" ")
        if scheme.lower() == "delegate":
            text = rest.strip(" \t")
    if (other := found.get(b"delegation")) is not None:
        if text is not None:
            raise TokenError(Reason.MALFORMED, "both authorization and delegation present a chain")
        text = other.decode("latin-1").strip(" \t")
    return text


def _media_type(said: str) -> tuple[str, bool]:
    match = _MEDIA_TYPE.fullmatch(said)
    if match is None:
        raise DelegateError(Reason.MALFORMED, f"content-type is not one media type: `{shown(said)}`")
    media = match[1].lower()
    if not _JSON.fullmatch(media):
        return media, False
    for charset in _CHARSET.findall(said.lower()):
        if charset not in {"utf-8", "utf8", "us-ascii"}:
            raise DelegateError(Reason.MALFORMED, f"JSON in the charset `{shown(charset)}`; it is UTF-8")
    return media, True


def body_arguments(head: Head, body: bytes) -> dict[str, object]:
    """Give the arguments that bind a body (SPEC §7.4): `body`, or `content_sha256`; none where there is no body.

    Raises:
        DelegateError: MALFORMED for JSON that is none or has a key twice, and for a body without a media type, which
            servers read in several ways; LIMIT_EXCEEDED for JSON larger than a request may be.
    """
    if not body:
        return {}
    if head.content_type is None:
        raise DelegateError(Reason.MALFORMED, "a body without a content-type")
    if head.is_json:
        return {"body": parse_json(body)}
    return {"content_sha256": hashlib.sha256(body).digest()}


def service_request(
    origin: str, method: str, target: Text, head: Head, body: bytes, *, upgrade: str | None = None
) -> Request:
    """Make the request that a service received.

    Args:
        origin: where clients reach it, as configured.
        method: of the request line.
        target: of the request line, undecoded.
        head: what `read_head` gives.
        body: all of it.
        upgrade: the protocol that the connection changes to, in lower case, such as `websocket`, where that is not by
            the header `Upgrade`.

    Raises:
        DelegateError: as `Request.from_target` and `body_arguments`; MALFORMED for two protocols.
    """
    upgrade = _one_protocol(upgrade, head)
    url = _url(origin, target)
    if not body and upgrade is None and len(url) <= _REMEMBERED_CHARACTERS:
        return _remembered(method, url)
    args = body_arguments(head, body)
    if upgrade is not None:
        args["upgrade"] = upgrade
    return Request.http(method, url, args)


def _one_protocol(upgrade: str | None, head: Head) -> str | None:
    if upgrade is not None and head.upgrade not in {None, upgrade}:
        raise DelegateError(
            Reason.MALFORMED, f"upgrade names `{shown(head.upgrade)}`, and the connection is `{upgrade}`"
        )
    return head.upgrade if upgrade is None else upgrade


@lru_cache(256)  # saves 30 µs for a URL that was asked for before; a request cannot be changed
def _remembered(method: str, url: str) -> Request:
    return Request.http(method, url)


def _url(origin: str, target: Text) -> str:
    """Do as `join_target`, with an origin that is read once: saves 25 µs a request."""
    text = target.decode("latin-1") if isinstance(target, bytes) else target
    if not text.startswith("/") or not text.isascii():
        return join_target(origin, text)  # which refuses it
    return _base(origin) + text


@lru_cache(64)  # a service has one
def _base(origin: str) -> str:
    return join_target(origin, "/")[:-1]


def client_request(
    method: str, url: str, headers: Headers = (), body: bytes = b"", *, upgrade: str | None = None
) -> Request:
    """Make the request that a client is about to send: what `service_request` makes of it at the service.

    Args:
        method: of the request.
        url: absolute; what is sent.
        headers: of the request; `Content-Type`, `Content-Encoding` and `Upgrade` are what counts.
        body: all of it.
        upgrade: as for `service_request`.

    Raises:
        DelegateError: as `Request.http` and `body_arguments`.
    """
    kept = [(name, value) for name, value in headers if _lower(name) in _OF_CLIENTS]
    head = read_head(kept)
    args, upgrade = body_arguments(head, body), _one_protocol(upgrade, head)
    if upgrade is not None:
        args["upgrade"] = upgrade
    return Request.http(method, url, args)


def _lower(name: Text) -> str:
    return (name if isinstance(name, str) else name.decode("latin-1")).lower()


def target_of(path: str, raw_path: bytes | None, query: bytes, root: str = "") -> bytes:
    """Put together the target of a request as its framework has it.

    Args:
        path: decoded, as the framework routes by it.
        raw_path: as it came, where the server gives it; it must be that same path.
        query: as it came.
        root: a prefix that a proxy took off before, where `path` does not have it.

    Raises:
        DelegateError: MALFORMED: the raw path is another than the one that is routed by.
    """
    if raw_path is None:  # the application acts by `path` alone, and so it is this that is decided
        raw_path = quote(path.encode("utf-8", "surrogateescape"), _IN_PATHS).encode()
    elif b"%" in raw_path or not raw_path.isascii():
        if unquote_to_bytes(raw_path).decode("utf-8", "replace") != path:
            raise DelegateError(Reason.MALFORMED, "the path that came is not the one that is routed by")
    elif raw_path.decode() != path:
        raise DelegateError(Reason.MALFORMED, "the path that came is not the one that is routed by")
    if root and path != root and not path.startswith(root if root.endswith("/") else f"{root}/"):
        raw_path = quote(root.encode("utf-8", "surrogateescape"), _IN_PATHS).encode() + raw_path
    return raw_path + b"?" + query if query else raw_path


def check_host(origin: str, headers: Headers) -> None:
    """Refuse a request whose `Host` is not that of an origin.

    Raises:
        DelegateError: MALFORMED: another host, two, or none.
    """
    said = [value for name, value in headers if _lower(name) == "host"]
    host = said[0] if len(said) == 1 else b""
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    try:
        same = "/" not in text and _base(f"{origin.partition('://')[0]}://{text.strip(' ')}") == _base(origin)
    except (DelegateError, ValueError):
        same = False
    if not same:
        raise DelegateError(Reason.MALFORMED, f"host is `{shown(text)}`, which is not where clients reach this service")


def challenge(audience: str, error: str | None = None) -> str:
    """Give the value of `WWW-Authenticate` (SPEC §11): which scheme, and for whom a proof must be made."""
    quoted = audience.replace("\\", "\\\\").replace('"', '\\"')
    return f'{SCHEME} audience="{quoted}"' + (f', error="{error}"' if error else "")


def privately(said: str | None) -> str:
    """Give the `Cache-Control` of an answer to a request that was proven in `Delegation`.

    A shared cache keeps nothing that was asked for with `Authorization` (RFC 9111 §3.5), and knows nothing of this.

    Args:
        said: what the service says; `None` where it says nothing.
    """
    directives = [each.strip() for each in (said or "").split(",")]
    kept = [
        each for each in directives if each and each.lower().partition("=")[0] not in {"public", "s-maxage", "private"}
    ]
    return ", ".join(kept if any(each.lower() == "no-store" for each in kept) else ["private", *kept])


def answer(status: int, told: Mapping[str, object], audience: str) -> Answer:
    """Give the answer to a refusal: a problem (RFC 9457), and with 401 a challenge.

    Args:
        status: 400 or more.
        told: what the caller may be told, as JSON values, its `reason` among them.
        audience: the service's name.
    """
    problem = {"title": HTTPStatus(status).phrase, "status": status, **told}
    body = json.dumps(problem).encode()
    headers = [("Content-Type", PROBLEM), ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))]
    if status == HTTPStatus.UNAUTHORIZED:
        bare = told["reason"] == Reason.NOTHING_PRESENTED
        headers.append(("WWW-Authenticate", challenge(audience, None if bare else "invalid_token")))
    return Answer(status, tuple(headers), body)


def routes_by_host(routes: Iterable[object]) -> bool:
    """Whether one of some routes is Starlette's `Host`."""
    return any(hasattr(route, "host_regex") for route in routes)
