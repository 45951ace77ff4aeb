"""Flask views behind a guard.

Three lines:

    from delegate.integrations.flask import Guard

    guard = Guard(verifier, origin="https://shop.example.com")

    @app.post("/pay")
    @guard
    def pay(): ...

Inside, `guard.granted` says on whose authority, and `guard.granted.request.args["body"]` is the body that was decided:
act on that one. `app.before_request(guard.check)` guards every view of an application.

The rule of this file: a decision is kept on Flask's request object, and serves that request as it was decided. Flask's
`g` belongs to the application context, which one who pushes it early shares among many requests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast
from urllib.parse import unquote

try:
    from flask import Response, after_this_request, current_app, has_request_context, request
    from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.flask needs Flask: pip install 'delegate-token[flask]'"
    raise ImportError(message) from error

from delegate.core.chain.printable import shown
from delegate.errors import DelegateError, Reason
from delegate.integrations import guard as core
from delegate.integrations import http, wsgi
from delegate.verifier.decision import Authorization
from delegate.verifier.verifier import AsyncVerifier, Verifier

View = TypeVar("View", bound=Callable[..., Any])
_KEY: Final = "_delegate"
# What tells one request from another, as far as WSGI has it.
_OF_A_REQUEST: Final = (
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "RAW_URI", "wsgi.input"),
    *("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_AUTHORIZATION", "HTTP_DELEGATION"),
)


class Guard(core.Guard):
    """Decides the requests of Flask views: a decorator, and a function for `before_request`."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        origin: str,
        env: core.Facts = None,
        cost: core.Costs = None,
        max_body_bytes: int = http.BODY_BYTES,
        any_host: bool | None = None,
    ) -> None:
        """Set up a guard; see `guard.Guard`. For `env` and `cost`, `call.context` is Flask's request."""
        if isinstance(verifier, AsyncVerifier):
            wrong = "Flask's views are not awaited: give the guard a Verifier"
            raise TypeError(wrong)
        super().__init__(verifier, origin=origin, env=env, cost=cost, max_body_bytes=max_body_bytes, any_host=any_host)

    def __call__(self, view: View) -> View:
        """Guard one view. It stands closest to the function, below the route."""

        @wraps(view)
        def guarded(*args: object, **kwargs: object) -> object:
            refused = self.check()
            return view(*args, **kwargs) if refused is None else refused

        return cast("View", guarded)

    @property
    def granted(self) -> Authorization:
        """On whose authority this request is served.

        Raises:
            LookupError: nobody decided it.
        """
        authorization = self._found() if has_request_context() else None
        if authorization is None:
            missing = "nobody decided this request: is the view guarded?"
            raise LookupError(missing)
        return authorization

    def _found(self) -> Authorization | None:
        """What this guard decided of this very request, in which nothing has changed since."""
        by, line, authorization = request.__dict__.get(_KEY, (None, None, None))
        same = by is self and line == _line()
        return cast("Authorization", authorization) if same else None

    def check(self) -> Response | None:
        """Decide this request, once; give the answer to a refusal, and `None` where it may run."""
        if self._found() is not None:
            return None
        outcome = self._decided()
        if outcome.authorization is None:
            answer = self.answer(outcome)
            return Response(answer.body, answer.status, dict(answer.headers))
        if "HTTP_DELEGATION" in request.environ:
            after_this_request(_kept)
        request.__dict__[_KEY] = (self, _line(), outcome.authorization)
        return None

    def _decided(self) -> core.Outcome:
        try:
            head = http.read_head(wsgi.headers(request.environ))
            if head.presentation is None:
                return core.NOTHING
            self.check_size(head.declared_bytes)
            asked = self.request(request.method, wsgi.target(request.environ), head, self._body())
            _check_path()
            routed = current_app.url_map.host_matching or current_app.subdomain_matching
            self.check_host(wsgi.headers(request.environ), is_routed=routed)
        except DelegateError as error:
            return core.Outcome(error=error)
        return self.decide(head.presentation, asked, context=request)

    def _body(self) -> bytes:
        """Read the body, which Flask keeps for the view; raises DelegateError."""
        if "stream" in request.__dict__ and getattr(request, "_cached_data", None) is None:
            raise DelegateError(Reason.MALFORMED, "the body was read before it could be decided")
        limit = request.max_content_length
        try:
            request.max_content_length = self.max_body_bytes if limit is None else min(limit, self.max_body_bytes)
            return request.get_data(cache=True)
        except RequestEntityTooLarge:
            self.check_size(self.max_body_bytes + 1)
            raise
        except ClientDisconnected:
            raise DelegateError(Reason.MALFORMED, "the body was cut off") from None
        finally:
            request.max_content_length = limit


def _line() -> tuple[object, ...]:
    found = [request.environ.get(name) for name in _OF_A_REQUEST]
    return (*found[:6], id(found[6]), *found[7:], request.method)


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = http.privately(response.headers.get("Cache-Control"))
    return response


def _check_path() -> None:
    """Refuse a path that the view would be given otherwise: `0666` is 666 to `<int:amount>`.

    Raises:
        ConvertedError: it is.
    """
    adapter = current_app.create_url_adapter(request) if request.url_rule is not None else None
    if adapter is None:
        return
    # Matched again, since an application may take values out of `view_args`.
    rule, values = adapter.match(return_rule=True)
    if not values:
        return
    built = rule.build(values, append_unknown=False)
    again = None if built is None else unquote(built[1])
    if again != request.path:
        words = "is read as nothing that can be compared" if again is None else f"would be read as `{shown(again)}`"
        raise core.ConvertedError(Reason.MALFORMED, f"the path {words}")
