"""A service in any language behind nginx or Caddy: the proxy asks here, and passes on what was decided.

The rules of this file:

- The dialect is named, never guessed: what the client sends reaches the check too, and looks like the proxy's own.
- What the proxy must say, it says exactly once; a check that lacks it, or has it twice, is the proxy's fault, and 500.
- A request with a body is refused: the proxy decides before it has the body. So is one that changes the protocol.
- Every header that is told to the backend is told every time, so that none of the client's own can stand in for it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from delegate.core.chain.request import Request
from delegate.errors import DelegateError, Reason
from delegate.integrations import http
from delegate.integrations.guard import NOTHING, Guard, Outcome
from delegate.verifier.decision import Authorization

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Dialect(NamedTuple):
    """How one proxy asks, and which answers it passes on.

    Attributes:
        method: the header with the method of the request.
        target: the header with its target, as it came.
        passes_body: whether the client gets the body of a refusal; else it travels in a header.
        configuration: what to write into the proxy's own file, with `HOST`, `CHECK` and `BACKEND` to be put in.
    """

    method: bytes
    target: bytes
    passes_body: bool
    configuration: str


BODY: Final = b"x-delegate-body"  # `none`, or anything else where there is a body or another protocol is asked for
TOLD: Final = ("X-Delegate-Originator", "X-Delegate-Holder", "X-Delegate-Expires", "X-Delegate-Proof")
PROBLEM: Final = "X-Delegate-Problem"
_PROBLEM_BYTES: Final = 16_000  # what fits into the header of an answer, by the configuration below

_NGINX: Final = """\
# In http { }: how the check is told of a body, or of another protocol.
map "$http_content_length$http_transfer_encoding$http_upgrade" $delegate_body {
    ""      none;
    "0"     none;
    default some;
}

# The whole host: a location of its own with another `auth_request` would be a way around.
server {
    server_name HOST;
    listen LISTEN;
    underscores_in_headers off;
    ignore_invalid_headers on;

    auth_request /.delegate;
    auth_request_set $delegate_originator $upstream_http_x_delegate_originator;
    auth_request_set $delegate_holder     $upstream_http_x_delegate_holder;
    auth_request_set $delegate_expires    $upstream_http_x_delegate_expires;
    auth_request_set $delegate_proof      $upstream_http_x_delegate_proof;
    auth_request_set $delegate_problem    $upstream_http_x_delegate_problem;
    error_page 401 = @delegate_401;
    error_page 403 = @delegate_403;

    location = /.delegate {
        internal;
        proxy_pass http://CHECK;
        proxy_pass_request_body off;
        proxy_set_header Content-Length    "";
        proxy_set_header X-Delegate-Method $request_method;
        proxy_set_header X-Delegate-Target $request_uri;
        proxy_set_header X-Delegate-Body   $delegate_body;
        proxy_buffer_size 32k;
        proxy_buffers 4 32k;
        proxy_busy_buffers_size 32k;
    }

    location / {
        # As it was decided: `proxy_pass` without this variable would write some paths anew.
        proxy_pass http://BACKEND$request_uri;
        proxy_pass_request_body off;
        proxy_set_header Content-Length        "";
        proxy_set_header Host                  $host;
        proxy_set_header Authorization         "";
        proxy_set_header Delegation            "";
        proxy_set_header X-Delegate-Originator $delegate_originator;
        proxy_set_header X-Delegate-Holder     $delegate_holder;
        proxy_set_header X-Delegate-Expires    $delegate_expires;
        proxy_set_header X-Delegate-Proof      $delegate_proof;
    }

    location @delegate_401 {
        internal;
        default_type application/problem+json;
        return 401 $delegate_problem;
    }

    location @delegate_403 {
        internal;
        default_type application/problem+json;
        return 403 $delegate_problem;
    }
}
"""

_CADDY: Final = """\
# The whole host. `route` keeps this order.
HOST {
    route {
        # Nothing that the client sends stands in for what is told here, in any spelling.
        request_header -X-Delegate*
        request_header -X_Delegate*
        # Nor does it take away what is told: a proxy drops each header that `Connection` names.
        request_header -Connection
        request_body {
            max_size 64KB
        }
        @body `{http.request.body} != "" || {http.request.header.Upgrade} != ""`
        @bare `{http.request.body} == "" && {http.request.header.Upgrade} == ""`
        request_header @body X-Delegate-Body some
        request_header @bare X-Delegate-Body none

        forward_auth CHECK {
            uri /
            copy_headers X-Delegate-Originator X-Delegate-Holder X-Delegate-Expires X-Delegate-Proof
        }

        request_header -Authorization
        request_header -Delegation
        reverse_proxy BACKEND
    }
}
"""

DIALECTS: Final = {
    "nginx": Dialect(b"x-delegate-method", b"x-delegate-target", passes_body=False, configuration=_NGINX),
    "caddy": Dialect(b"x-forwarded-method", b"x-forwarded-uri", passes_body=True, configuration=_CADDY),
}


def configuration(dialect: str, *, host: str, check: str, backend: str, listen: str = "443 ssl") -> str:
    """Write what belongs into the proxy's own file.

    Args:
        dialect: `nginx` or `caddy`.
        host: the host that is guarded, as the proxy has it.
        check: where this check listens.
        backend: where the service listens.
        listen: of nginx alone: its `listen` line.
    """
    text = DIALECTS[dialect].configuration
    for word, value in (("HOST", host), ("LISTEN", listen), ("CHECK", check), ("BACKEND", backend)):
        text = text.replace(word, value)
    return text


class ForwardAuth:
    """An ASGI application that answers a proxy's question about one request."""

    def __init__(self, guard: Guard, dialect: str) -> None:
        """Answer one kind of proxy.

        Args:
            guard: decides; its origin is the one that clients see.
            dialect: `nginx` or `caddy`.

        Raises:
            ValueError: another dialect.
        """
        if dialect not in DIALECTS:
            message = f"a dialect is one of {', '.join(DIALECTS)}"
            raise ValueError(message)
        self._guard = guard
        self._dialect = DIALECTS[dialect]

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
        """Answer one question."""
        del receive
        if scope["type"] != "http":
            message = "only HTTP requests are answered"
            raise ValueError(message)
        said = self._said(scope["headers"])
        if said is None:
            await _send(send, 500, [("Content-Type", "text/plain")], b"the proxy does not ask as it should\n")
            return
        outcome = await self._decided(scope, *said)
        if outcome.authorization is not None:
            await _send(send, 200, told(outcome.authorization), b"")
            return
        answer = self._guard.answer(outcome)
        if self._dialect.passes_body:
            await _send(send, answer.status, list(answer.headers), answer.body)
            return
        # nginx passes on 401 and 403 alone, without a body; 503 is its 500.
        status = answer.status if answer.status in {401, 503} else 403
        kept = [(name, value) for name, value in answer.headers if name in {"WWW-Authenticate", "Cache-Control"}]
        await _send(send, status, [*kept, (PROBLEM, _short(answer.body))], b"")

    def _said(self, headers: http.Headers) -> tuple[str, bytes, bytes] | None:
        """Give what the proxy says: method, target, and whether there is a body; `None` where it is not said once."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            found.setdefault(name.lower() if isinstance(name, bytes) else name.lower().encode(), []).append(
                value if isinstance(value, bytes) else value.encode()
            )
        said = [found.get(name, []) for name in (self._dialect.method, self._dialect.target, BODY)]
        if any(len(each) != 1 for each in said):
            return None
        return said[0][0].decode("latin-1"), said[1][0], said[2][0]

    async def _decided(self, scope: MutableMapping[str, Any], method: str, target: bytes, body: bytes) -> Outcome:
        try:
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_THE_CHECK]
            head = http.read_head(kept)
            if head.presentation is None:
                return NOTHING
            if body != b"none" or head.upgrade is not None:
                raise DelegateError(
                    Reason.MALFORMED, "a request with a body, or for another protocol, is not for a proxy"
                )
            asked = Request.from_target(self._guard.origin, method, target)
        except DelegateError as error:
            return Outcome(error=error)
        return await self._guard.adecide(head.presentation, asked, context=scope)


# Of the check's own request, which has no body.
_OF_THE_CHECK: Final = frozenset({b"content-length", b"transfer-encoding", b"content-type", b"content-encoding"})


def told(granted: Authorization) -> list[tuple[str, str]]:
    """Say to the backend on whose authority, through whom, until when, and by which proof; each time all of it."""
    proof = granted.proof_id
    values = (granted.originator, granted.holder, str(granted.expires), "none" if proof is None else proof.hex())
    return [(name, quote(value, "!#$&'()*+,/:;=?@[]~")) for name, value in zip(TOLD, values, strict=True)]


def _short(problem: bytes) -> str:
    if len(problem) > _PROBLEM_BYTES:
        said = json.loads(problem)
        for long in ("request", "asks"):
            said.pop(long, None)
        problem = json.dumps(said).encode()
    return problem.decode("ascii")


async def _send(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    written = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": written})
    await send({"type": "http.response.body", "body": body})
