"""FastAPI endpoints behind a guard, as dependencies.

The rules of this file:

- A request is decided once, however many dependencies ask the same guard for it. What one guard decided, another takes
  over only where both decide by the same: verifier, origin, `env`, `cost`, `observe`.
- What FastAPI makes of a request for an endpoint (its body, its query and path parameters) is compared with what was
  decided: what means something else is refused with 422. What that was charged is given back on the spot, or never:
  once a dependency could have done its work, the charge stands.
- What was parsed before anybody could decide it (a form) is refused here; `DelegateMiddleware` decides it.
- Headers and cookies are no part of a request that is proven: an endpoint that acts on one acts on its own.

Three lines:

    from delegate.integrations.fastapi import Guard

    guard = Guard(verifier, origin="https://shop.example.com")

    def pay(payment: Annotated[Payment, Depends(guard.body(Payment))]) -> ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

try:
    from fastapi import Body, Depends, HTTPException
    from fastapi.dependencies.models import Dependant
    from fastapi.dependencies.utils import request_params_to_args
    from fastapi.exceptions import RequestValidationError
    from fastapi.openapi.models import HTTPBase
    from fastapi.params import Form
    from fastapi.security.base import SecurityBase
    from pydantic import AliasChoices, AliasPath, BaseModel, ValidationError
    from pydantic_core import core_schema, to_jsonable_python
    from starlette._utils import get_route_path
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import replace_params
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.fastapi needs FastAPI: pip install 'delegate-token[fastapi]'"
    raise ImportError(message) from error

from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request as Asked
from delegate.core.chain.request import describe, normalise
from delegate.errors import DelegateError, Reason, StateError
from delegate.integrations import guard as core
from delegate.integrations import http
from delegate.verifier.decision import Authorization, Decision
from delegate.verifier.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler

M = TypeVar("M", bound=BaseModel)
KEY: Final = "delegate"
DESCRIPTION: Final = (
    "A delegation chain with a proof for this one request: `Authorization: Delegate dlgp_…`. "
    "The proof names this service, and serves once."
)


class RefusedError(HTTPException):
    """A request that its guard refused, on the way to its answer.

    Attributes:
        outcome: why, in full: for the service's own log.
    """

    def __init__(self, outcome: core.Outcome, answer: http.Answer) -> None:
        """Made by a guard."""
        challenge = {name: value for name, value in answer.headers if name == "WWW-Authenticate"}
        super().__init__(answer.status, outcome.told().to_json(), challenge or None)
        self.outcome = outcome
        self.answer = answer


class Guard(core.Guard, SecurityBase):
    """Decides a request: `granted: Annotated[Authorization, Depends(guard)]`. It shows in the OpenAPI description."""

    def __init__(
        self,
        verifier: Verifier | AsyncVerifier,
        *,
        origin: str,
        env: core.Facts = None,
        cost: core.Costs = None,
        observe: Callable[[Decision], object] | None = None,
        max_body_bytes: int = http.BODY_BYTES,
        any_host: bool | None = None,
    ) -> None:
        """Set up a guard; see `guard.Guard`. For `env` and `cost`, `call.context` is the request."""
        super().__init__(
            verifier,
            origin=origin,
            env=env,
            cost=cost,
            observe=observe,
            max_body_bytes=max_body_bytes,
            any_host=any_host,
        )
        self.model = HTTPBase(scheme=http.SCHEME, description=DESCRIPTION)
        self.scheme_name = http.SCHEME

    async def __call__(self, request: Request, response: Response = None) -> Authorization:  # type: ignore[assignment]
        """Decide this request; the dependency. `response` is FastAPI's, for the headers of an answer that it makes.

        Raises:
            RefusedError: it may not run. FastAPI answers with a problem (RFC 9457).
            RuntimeError: the endpoint takes a form, which FastAPI has read before anybody could decide it.
        """
        if response is not None and "delegation" in request.headers:
            response.headers["Cache-Control"] = http.privately(response.headers.get("Cache-Control"))
        by, found, *checked = request.scope.get(KEY, (None, None))
        here = by is not None and self.serves_as(by)
        granted: Authorization = found if here else await self._decided(request)
        line = _line(request)
        if here and checked:
            if checked[0] == line:
                return granted
            granted, here = await self._decided(request), False  # another request, in a scope that was handed on
        try:
            if here:  # by DelegateMiddleware: what reaches the endpoint must still be that
                await self._check_unchanged(request, granted)
            self._check_parameters(request, granted.request)
        except (core.ConvertedError, RequestValidationError) as error:
            if not here:  # else other middleware has run on it
                await self._give_back(granted)
            if isinstance(error, core.ConvertedError):
                raise self._refused(request, core.Outcome(error=error)) from None
            raise
        request.scope[KEY] = (self, granted, line)
        return granted

    def body(self, model: type[M]) -> Callable[..., Coroutine[Any, Any, M]]:
        """Make a dependency that gives the JSON body that was decided, as this model.

        Its set fields, dumped again, must be the body that came: a model that converts (`"666"` to 666), strips, drops
        or fills in is refused with 422. So are fields that the model does not have.

        Args:
            model: a Pydantic model.

        Raises:
            TypeError: it is none.
        """
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            wrong = f"guard.body takes a Pydantic model, not {model!r}"
            raise TypeError(wrong)

        async def read(request: Request, granted: Authorization, **_: object) -> M:
            try:
                return _read(model, granted.request)
            except core.ConvertedError as error:  # of a model that reads the same body in two ways
                raise self._refused(request, core.Outcome(error=error)) from None

        keyword = Parameter.KEYWORD_ONLY
        read.__signature__ = Signature(  # type: ignore[attr-defined]
            [
                Parameter("request", keyword, annotation=Request),
                Parameter("granted", keyword, annotation=Annotated[Authorization, Depends(self)]),
                Parameter("described", keyword, annotation=_body_of(model), default=None),
            ]
        )
        read.delegate = (self, model)  # type: ignore[attr-defined]
        return read

    def _check_parameters(self, request: Request, asked: Asked) -> None:
        """Check what the endpoint would be given before any other dependency runs; see `_check_parameters`.

        Raises:
            core.ConvertedError, RequestValidationError: the endpoint would be given something else, or nothing.
        """
        for each in _check_parameters(request, asked):
            by, model = getattr(each.call, "delegate", (None, None))
            if by is not None and model is not None and by.serves_as(self):
                _read(model, asked)

    async def _decided(self, request: Request) -> Authorization:
        try:
            head = http.read_head(request.scope["headers"])
            if head.presentation is None:
                outcome = core.NOTHING
            else:
                self.check_size(head.declared_bytes)
                routes = getattr(request.scope.get("router"), "routes", ())  # of the outermost application
                self.check_host(request.scope["headers"], is_routed=http.routes_by_host(routes))
                asked = self.request(request.method, _target(request), head, await self._body(request))
                outcome = await self.adecide(head.presentation, asked, context=request)
        except DelegateError as error:
            outcome = core.Outcome(error=error)
        if outcome.authorization is None:
            raise self._refused(request, outcome)
        return outcome.authorization

    async def _check_unchanged(self, request: Request, granted: Authorization) -> None:
        """Refuse a request that was changed between the middleware that decided it and the endpoint."""
        try:
            head = http.read_head(request.scope["headers"])
            target = _target(request)
            if request._stream_consumed and not hasattr(request, "_body"):  # noqa: SLF001 - a form, of the bytes decided
                binding = {name: granted.request.values[name] for name in granted.request.values if name != "query"}
                found = Asked.from_target(self.origin, request.method, target, binding)
            else:
                found = self.request(request.method, target, head, await self._body(request))
        except DelegateError as error:
            raise core.ConvertedError(Reason.MALFORMED, error.detail) from None
        if found != granted.request:
            raise core.ConvertedError(Reason.MALFORMED, "the request was changed after it was decided")

    async def _body(self, request: Request) -> bytes:
        """Read the body, once: what reads it later finds it on the request."""
        if not hasattr(request, "_body"):
            chunks: list[bytes] = []
            size = 0
            if request._stream_consumed:  # noqa: SLF001 - Starlette has no other word for it
                taken = "this endpoint takes a form, which is read before it can be decided: use DelegateMiddleware"
                raise RuntimeError(taken)
            try:
                async for chunk in request.stream():
                    size += len(chunk)
                    self.check_size(size)
                    chunks.append(chunk)
            except ClientDisconnect:
                raise HTTPException(400, "the body was cut off") from None
            request._body = b"".join(chunks)  # noqa: SLF001 - as Starlette's own middleware does
        return request._body  # noqa: SLF001 - the same

    async def _give_back(self, granted: Authorization) -> None:
        with suppress(StateError):  # the request is refused all the same
            await self.arelease(granted)

    def _refused(self, request: Request, outcome: core.Outcome) -> RefusedError:
        """Make the error; and see that it is answered with a problem, unless the application has its own handler."""
        handlers = request.scope.get("starlette.exception_handlers")
        if handlers is not None:
            handlers[0].setdefault(RefusedError, _answer)
        return RefusedError(outcome, self.answer(outcome))


class _Described:
    """Any JSON value to FastAPI, which so leaves it alone, and a model to whoever reads the OpenAPI description."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(self.model.__pydantic_core_schema__)


def _body_of(model: type[BaseModel]) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[Any, _Described(model), Body(title=model.__name__)]


def _is_described(field: Any) -> bool:  # noqa: ANN401 - a type of FastAPI's own
    """Whether the only body of a route is the one that `guard.body` reads: FastAPI makes nothing of it."""
    return any(isinstance(each, _Described) for each in field.field_info.metadata)


async def _answer(_request: Request, error: Exception) -> Response:
    answer = error.answer  # type: ignore[attr-defined]
    return Response(answer.body, answer.status, dict(answer.headers))


def _line(request: Request) -> tuple[object, ...]:
    """Give what tells one request from another in a scope."""
    scope = request.scope
    return tuple(scope.get(name) for name in ("method", "path", "raw_path", "query_string", "root_path"))


def _target(request: Request) -> bytes:
    scope = request.scope
    return http.target_of(
        scope["path"], scope.get("raw_path"), scope.get("query_string", b""), scope.get("root_path", "")
    )


def _made(model: type[M], body: object) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as invalid:
        found = [{**each, "loc": ("body", *each["loc"])} for each in invalid.errors(include_url=False)]
        raise RequestValidationError(found) from None


def _dumped(made: BaseModel) -> object:
    """Dump what a model has set; what cannot be dumped is not what came."""
    try:
        return made.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValueError as error:  # PydanticSerializationError is one
        raise core.ConvertedError(Reason.MALFORMED, f"the body cannot be compared: {error}") from None


def _read(model: type[M], asked: Asked) -> M:
    if "body" not in asked.values:
        raise RequestValidationError(
            [{"type": "missing", "loc": ("body",), "msg": "A JSON body is required", "input": None}]
        )
    made = _made(model, deepcopy(asked.values["body"]))
    core.check_runs(asked, {**asked.values, "body": _dumped(made)})
    return made


def _check_parameters(request: Request, asked: Asked) -> list[Dependant]:
    """Compare what FastAPI will hand to the endpoint, and to its dependencies, with what was decided.

    Returns:
        The endpoint, its dependencies and theirs.

    Raises:
        core.ConvertedError: something else.
        RuntimeError: it cannot be told what the endpoint takes.
    """
    context = request.scope.get("fastapi", {}).get("effective_route_context")
    route = request.scope.get("route") if getattr(context, "dependant", None) is None else context
    dependant = getattr(route, "dependant", None)
    if not isinstance(dependant, Dependant):
        unknown = "this guard is for endpoints of FastAPI: use DelegateMiddleware"
        raise RuntimeError(unknown)  # noqa: TRY004 - no argument is of the wrong type: it stands in the wrong place
    field = getattr(route, "body_field", None)
    if field is not None and "content_sha256" in asked.values and not isinstance(field.field_info, Form):
        raise core.ConvertedError(Reason.MALFORMED, "a body that is not bound as JSON, for an endpoint that takes one")
    if field is not None and "body" in asked.values and not _is_described(field):
        value, errors = field.validate(deepcopy(asked.values["body"]), {}, loc=("body",))
        if not errors:  # else the endpoint does not run: FastAPI answers with what is wrong
            try:
                dumped = field.serialize(value, mode="json", by_alias=True, exclude_unset=True)
            except ValueError as error:
                raise core.ConvertedError(Reason.MALFORMED, f"the body cannot be compared: {error}") from None
            core.check_runs(asked, {**asked.values, "body": dumped})
    path = request.path_params
    if any(type(value) is not str for value in path.values()):  # a converter of Starlette's
        again, _ = replace_params(route.path_format, route.param_convertors, dict(path))  # type: ignore[union-attr]
        if again != get_route_path(request.scope):
            raise core.ConvertedError(Reason.MALFORMED, f"the path would be read as `{shown(again)}`")
    query = request.query_params
    everything = list(_all(dependant))
    for each in everything:
        _check_texts(each.query_params, query, query.getlist)
        _check_texts(each.path_params, path, lambda name: [str(path[name])])
    return everything


def _all(dependant: Dependant) -> Iterable[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _check_texts(fields: list[Any], received: Mapping[str, Any], texts_of: Callable[[str], list[str]]) -> None:
    """Compare parameters that came as text: the value that will be used, as text, must be the text that came."""
    if not fields:
        return
    values, errors = request_params_to_args(fields, received)
    if errors:
        return  # the endpoint does not run
    for field in fields:
        value = values.get(field.name)
        if isinstance(value, BaseModel):
            _check_model(value, received, texts_of)
            continue
        read = _names(field.name, field.field_info)
        if not read.isdisjoint(received):
            dumped = field.serialize(value, mode="json", by_alias=True, exclude_unset=True)
            _check_found(read, dumped, received, texts_of)


def _check_model(made: BaseModel, received: Mapping[str, Any], texts_of: Callable[[str], list[str]]) -> None:
    """Compare a model that was made of parameters: each name that it could read is found again in its field."""
    unread = set(received)
    for name, info in type(made).model_fields.items():
        read = _names(name, info)
        unread -= read
        if read.isdisjoint(received):
            continue
        try:
            dumped = made.model_dump(mode="json", include={name})
            # What is left out of a dump runs all the same.
            one = dumped[name] if name in dumped else to_jsonable_python(getattr(made, name))
        except (ValueError, TypeError) as error:
            raise core.ConvertedError(Reason.MALFORMED, f"a parameter cannot be compared: {error}") from None
        _check_found(read, one, received, texts_of)
    more = made.model_extra or {}
    for name in unread & more.keys():
        _check_found({name}, more[name], received, texts_of)


def _names(name: str, info: Any) -> set[str]:  # noqa: ANN401 - what Pydantic knows of a field
    """Give all names that a field may be read by, its own among them."""
    found = {name}
    for alias in (info.alias, info.validation_alias):
        for choice in alias.choices if isinstance(alias, AliasChoices) else (alias,):
            first = choice.path[0] if isinstance(choice, AliasPath) else choice
            if isinstance(first, str):
                found.add(first)
    return found


def _check_found(
    names: set[str], runs: object, received: Mapping[str, Any], texts_of: Callable[[str], list[str]]
) -> None:
    for name in sorted(names & received.keys()):
        came = texts_of(name)
        if came != _as_texts(runs):
            said = ", ".join(f"`{shown(text)}`" for text in came)
            words = f"{said} would be read as {shown(describe(_normal(runs)))}"
            raise core.ConvertedError(Reason.MALFORMED, f"the parameter {shown(name)}: {words}")


def _as_texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, str) else describe(_normal(item)) for item in items]


def _normal(value: object) -> object:
    try:
        return normalise({"": value}, "a parameter")[""]
    except (DelegateError, TypeError):
        return repr(value)
