"""Django views behind a guard, sync and async.

Three lines:

    from delegate.integrations.django import Guard

    guard = Guard(verifier, origin="https://shop.example.com")

    @guard
    def pay(request): ...

Inside, `request.delegate` says on whose authority, and `request.delegate.request.args["body"]` is the body that was
decided: act on that one. A class-based view is guarded by `@method_decorator(guard, name="dispatch")`.

The rule of this file: what Django makes of a request before the view (its query, in the charset that a header names,
and the values of its path) is compared with what came; what would be written in another way is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

try:
    from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
    from django.http import HttpRequest, HttpResponse, UnreadablePostError
    from django.http.request import RawPostDataException
    from django.http.response import HttpResponseBase
    from django.urls import get_resolver
    from django.urls.resolvers import RoutePattern
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.django needs Django: pip install 'delegate-token[django]'"
    raise ImportError(message) from error

from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.errors import DelegateError, Reason
from delegate.integrations import guard as core
from delegate.integrations import http, wsgi

View = TypeVar("View", bound=Callable[..., Any])
_PARAMETER: Final = re.compile(r"<(?:[^>:]+:)?([^>]+)>")


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
                return _kept(request, await view(request, *args, **kwargs)) if refused is None else refused

            guarded: Any = awaited
        else:

            @wraps(view)
            def called(request: HttpRequest, *args: object, **kwargs: object) -> object:
                outcome = self._read(request)
                if not isinstance(outcome, core.Outcome):
                    outcome = self.decide(*outcome, context=request)
                refused = self._refused(request, outcome)
                return _kept(request, view(request, *args, **kwargs)) if refused is None else refused

            guarded = called
        guarded.csrf_exempt = True
        return cast("View", guarded)

    def _read(self, request: HttpRequest) -> core.Outcome | tuple[str, Request]:
        try:
            head = http.read_head(wsgi.headers(request.META))
            if head.presentation is None:
                return core.NOTHING
            self.check_size(head.declared_bytes)
            asked = self.request(request.method or "", _target(request), head, self._body(request))
            _check_read(request, asked)
            self.check_host(wsgi.headers(request.META))
        except DelegateError as error:
            return core.Outcome(error=error)
        return head.presentation, asked

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


def _kept(request: HttpRequest, response: object) -> object:
    if "HTTP_DELEGATION" in request.META and isinstance(response, HttpResponseBase):
        response["Cache-Control"] = http.privately(response.get("Cache-Control"))
    return response


def _target(request: HttpRequest) -> bytes:
    scope = getattr(request, "scope", None)  # of ASGI
    if scope is None:
        return wsgi.target(request.META, request.META["SCRIPT_NAME"] + request.META["PATH_INFO"])
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    if path.startswith(root) and path[len(root) :][:1] not in {"", "/"}:  # Django routes by what is left of it
        raise DelegateError(Reason.MALFORMED, "the root path ends within a segment of the path")
    return http.target_of(
        scope["path"], scope.get("raw_path"), scope.get("query_string", b""), scope.get("root_path", "")
    )


def _check_read(request: HttpRequest, asked: Request) -> None:
    """Compare what Django hands to the view with what came.

    Raises:
        DelegateError: MALFORMED: a charset other than UTF-8, in which query and form are other ones.
        ConvertedError: a query or a path that the view would see as another one.
    """
    encoding = request.encoding
    if encoding is not None and codecs.lookup(encoding).name != "utf-8":
        raise DelegateError(Reason.MALFORMED, f"a request in the charset `{shown(encoding)}`; it is UTF-8")
    try:
        query = {name: tuple(request.GET.getlist(name)) for name in request.GET}
    except TooManyFieldsSent:
        raise DelegateError(Reason.LIMIT_EXCEEDED, "a query of more fields than Django takes") from None
    if query != {name: tuple(values) for name, values in asked.args.get("query", {}).items()}:
        raise core.ConvertedError(Reason.MALFORMED, "the query would be read as another one")
    match = request.resolver_match
    if match is not None and match.captured_kwargs:
        _check_path(get_resolver(getattr(request, "urlconf", None)), request.path_info)


def _check_path(node: Any, path: str) -> bool:  # noqa: ANN401 - a resolver or a pattern, which share no type
    """Go the way that Django went through its routes; say whether this is it.

    Raises:
        core.ConvertedError: a converter writes its value otherwise: 666 for `0666`.
    """
    found = node.pattern.match(path)
    if found is None:
        return False
    rest, _, values = found
    for inner in getattr(node, "url_patterns", ()):
        if _check_path(inner, rest):
            break
    else:
        if hasattr(node, "url_patterns"):
            return False
    if isinstance(node.pattern, RoutePattern) and node.pattern.converters:
        converters, came = node.pattern.converters, path[: len(path) - len(rest)]
        try:
            again = _PARAMETER.sub(lambda each: converters[each[1]].to_url(values[each[1]]), str(node.pattern))
        except (ValueError, TypeError, KeyError) as error:
            raise core.ConvertedError(Reason.MALFORMED, f"the path cannot be compared: {error}") from None
        if again != came:
            raise core.ConvertedError(Reason.MALFORMED, f"the path would be read as `{shown(again)}`")
    return True
