"""Django views behind a guard, sync and async.

Three lines:

    from delegate.integrations.django import Guard

    guard = Guard(verifier, origin="https://shop.example.com")

    @guard
    def pay(request): ...

Inside, `request.delegate` says on whose authority, and `request.delegate.request.args["body"]` is the body that was
decided: act on that one. A class-based view is guarded by `@method_decorator(guard, name="dispatch")`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

try:
    from django.core.exceptions import RequestDataTooBig
    from django.http import HttpRequest, HttpResponse, UnreadablePostError
    from django.http.request import RawPostDataException
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.django needs Django: pip install 'delegate-token[django]'"
    raise ImportError(message) from error

from delegate.core.chain.request import Request
from delegate.errors import DelegateError, Reason
from delegate.integrations import guard as core
from delegate.integrations import http, wsgi

View = TypeVar("View", bound=Callable[..., Any])


class Guard(core.Guard):
    """Decides the requests of Django views: a decorator. For `env` and `cost`, `call.context` is Django's request."""

    def __call__(self, view: View) -> View:
        """Guard one view. No other decorator may read the body before.

        A guarded view is exempt from Django's check against forged form posts: a browser sends no proof by itself.
        """
        if iscoroutinefunction(view):

            @wraps(view)
            async def awaited(request: HttpRequest, *args: object, **kwargs: object) -> object:
                outcome = self._read(request)
                if not isinstance(outcome, core.Outcome):
                    outcome = await self.adecide(*outcome, context=request)
                refused = self._refused(request, outcome)
                return await view(request, *args, **kwargs) if refused is None else refused

            guarded: Any = awaited
        else:

            @wraps(view)
            def called(request: HttpRequest, *args: object, **kwargs: object) -> object:
                outcome = self._read(request)
                if not isinstance(outcome, core.Outcome):
                    outcome = self.decide(*outcome, context=request)
                refused = self._refused(request, outcome)
                return view(request, *args, **kwargs) if refused is None else refused

            guarded = called
        guarded.csrf_exempt = True
        return cast("View", guarded)

    def _read(self, request: HttpRequest) -> core.Outcome | tuple[str, Request]:
        try:
            head = http.read_head(wsgi.headers(request.META))
            if head.presentation is None:
                return core.NOTHING
            self.check_size(head.declared_bytes)
            return head.presentation, self.request(request.method or "", _target(request), head, self._body(request))
        except DelegateError as error:
            return core.Outcome(error=error)

    def _body(self, request: HttpRequest) -> bytes:
        try:
            body: bytes = request.body
        except RequestDataTooBig:
            raise http.TooLargeError(Reason.LIMIT_EXCEEDED, "a body of more than Django takes") from None
        except RawPostDataException:
            raise DelegateError(Reason.MALFORMED, "the body was read before it could be decided") from None
        except UnreadablePostError:
            raise DelegateError(Reason.MALFORMED, "the body was cut off") from None
        return body

    def _refused(self, request: HttpRequest, outcome: core.Outcome) -> HttpResponse | None:
        if outcome.authorization is None:
            answer = self.answer(outcome)
            return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
        request.delegate = outcome.authorization
        return None


def _target(request: HttpRequest) -> bytes:
    scope = getattr(request, "scope", None)  # of ASGI
    if scope is None:
        return wsgi.target(request.META, request.META["SCRIPT_NAME"] + request.META["PATH_INFO"])
    return http.target_of(
        scope["path"], scope.get("raw_path"), scope.get("query_string", b""), scope.get("root_path", "")
    )
