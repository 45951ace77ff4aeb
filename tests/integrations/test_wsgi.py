"""Flask and Django on a real server: what the view is given is what was decided."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import django
import flask
import httpx
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import RequestFactory, override_settings
from django.urls import include, path, re_path, register_converter
from django.urls.converters import IntConverter, get_converters
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from delegate import Request
from delegate.integrations import django as with_django
from delegate.integrations import flask as with_flask
from delegate.integrations import http
from delegate.integrations.httpx import DelegateAuth
from tests.integrations.serving import exchange, serving
from tests.integrations.world import AUDIENCE, async_verifier, holder, verifier

ANY = holder("http.* http://**")
RAN: list[Any] = []


class Quiet(WSGIRequestHandler):
    """Says nothing."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving_wsgi(make: Callable[[str], Any]) -> Iterator[str]:
    """Serve a WSGI application, made for its origin; give the origin."""
    late: list[Any] = []
    server = make_server(
        "127.0.0.1", 0, lambda environ, start: late[0](environ, start), threaded=True, request_handler=Quiet
    )
    origin = f"http://127.0.0.1:{server.server_port}"
    late.append(make(origin))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def by_flask(origin: str) -> Any:
    """A Flask application; `/open` is not guarded, and `/late` reads its form first."""
    app = flask.Flask("shop")
    guard = with_flask.Guard(verifier(), origin=origin, max_body_bytes=100_000)

    @app.route("/items/<rest>", methods=["GET", "POST", "PUT"])
    @guard
    def items(rest: str) -> Any:
        RAN.append(flask.request.method)
        sent = guard.granted.request.to_json()["args"]
        return {"who": guard.granted.holder, "args": sent, "form": flask.request.form, "size": len(flask.request.data)}

    @app.get("/open")
    def unguarded() -> str:
        with pytest.raises(LookupError):
            _ = guard.granted
        return "open"

    @app.post("/late")
    def late() -> Any:
        flask.request.form.get("a")
        return guard.check() or "ran"

    return app


def by_django(origin: str) -> Any:
    """A Django application, with a function, a class and an awaited view."""
    _configure()
    guard = with_django.Guard(verifier(), origin=origin, max_body_bytes=100_000)

    @guard
    def items(request: HttpRequest, rest: str) -> JsonResponse:
        return _told(request, rest)

    @method_decorator(guard, name="dispatch")
    class Items(View):  # type: ignore[misc]
        def get(self, request: HttpRequest, rest: str) -> JsonResponse:
            return _told(request, rest)

    @csrf_exempt  # type: ignore[untyped-decorator]
    def late(request: HttpRequest) -> JsonResponse:
        request.POST.get("a")
        return guard(lambda _: JsonResponse("ran", safe=False))(request)

    def unguarded(_: HttpRequest) -> JsonResponse:
        return JsonResponse("open", safe=False)

    urls = (
        path("items/<rest>", items),
        path("class/<rest>", Items.as_view()),
        path("late", late),
        path("open", unguarded),
    )
    middleware = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    return _django(WSGIHandler, urls, middleware)


def _told(request: HttpRequest, _rest: str) -> JsonResponse:
    RAN.append(request.method)
    granted = request.delegate
    sent = granted.request.to_json()["args"]
    return JsonResponse({"who": granted.holder, "args": sent, "form": request.POST, "size": len(request.body)})


def _configure() -> None:
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    if not hasattr(settings, "ROOT_URLCONF"):
        settings.ROOT_URLCONF = ()  # each handler below has routes of its own
    django.setup()


def _django(kind: Any, urls: Any, middleware: list[str]) -> Any:
    class Routed(kind):  # type: ignore[misc]
        """Routes by these, whatever the settings say: those are one for all threads."""

        def get_response(self, request: HttpRequest) -> Any:
            request.urlconf = urls
            return super().get_response(request)

        async def get_response_async(self, request: HttpRequest) -> Any:
            request.urlconf = urls
            return await super().get_response_async(request)

    with override_settings(MIDDLEWARE=middleware):
        return Routed()


@pytest.fixture(scope="module", params=[by_flask, by_django], ids=["flask", "django"])
def origin(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each framework, served."""
    with serving_wsgi(request.param) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with nothing run."""
    RAN.clear()


def header(origin: str, method: str, target: str, args: dict[str, Any] | None = None) -> str:
    """A proof for one request."""
    return f"Delegate {ANY.prove(Request.http(method, origin + target, args), AUDIENCE).to_text()}"


def test_a_view_runs_with_what_was_decided(origin: str) -> None:
    """JSON, forms, files, queries, percent signs."""
    with httpx.Client(auth=DelegateAuth(ANY, AUDIENCE)) as client:
        answer = client.post(f"{origin}/items/1?q=%C3%A9", json={"a": [1, None]}).json()
        assert (answer["who"], answer["args"]) == ("agent:worker", {"body": {"a": [1, None]}, "query": {"q": ["é"]}})
        form = client.post(f"{origin}/items/1", data={"a": "1"}).json()
        assert form["form"] == {"a": "1"}
        assert set(form["args"]) == {"content_sha256"}
        assert client.post(f"{origin}/items/1", files={"f": b"x"}).status_code == 200
        assert client.get(f"{origin}/items/gesch%C3%A4ft%20b").status_code == 200
        assert client.get(f"{origin}/open").status_code == 200
    assert len(RAN) == 4
    beside = httpx.get(f"{origin}/items/1", headers={"Delegation": header(origin, "GET", "/items/1").split()[1]})
    assert (beside.status_code, beside.headers["cache-control"]) == (200, "private")


def test_what_is_refused_does_not_run(origin: str) -> None:
    """Nothing presented, another request, a key twice, two headers, too large, read before."""
    assert httpx.get(f"{origin}/items/1").headers["www-authenticate"] == f'Delegate audience="{AUDIENCE}"'
    proven = {"Authorization": header(origin, "GET", "/items/1")}
    answer = httpx.get(f"{origin}/items/2", headers=proven)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request"] == f'["http.get", "{origin}/items/2", {{}}]'
    media = {
        "Content-Type": "application/json",
        "Authorization": header(origin, "POST", "/items/1", {"body": {"a": 2}}),
    }
    assert httpx.post(f"{origin}/items/1", headers=media, content=b'{"a":1,"a":2}').status_code == 400
    large = {"Content-Type": "text/plain", **proven}
    assert httpx.post(f"{origin}/items/1", headers=large, content=b"x" * 100_001).status_code == 413
    twice = [("Authorization", proven["Authorization"])] * 2
    assert httpx.get(f"{origin}/items/1", headers=twice).status_code == 401
    form = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": header(origin, "POST", "/late")}
    content = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    late = httpx.post(f"{origin}/late", headers=form, content=content)
    assert (late.status_code, late.json()["reason"]) == (400, "malformed")
    for override in ("X-HTTP-Method-Override", "X-Original-URL"):
        assert httpx.get(f"{origin}/items/1", headers={**proven, override: "POST"}).status_code == 400
    assert not RAN
    assert httpx.get(f"{origin}/items/1", headers={**proven, "Host": "bank.example.com"}).status_code == 200


def test_a_body_that_is_cut_off_does_not_run(origin: str) -> None:
    """The client says nine bytes and sends three."""
    value = header(origin, "POST", "/items/1")
    head = f"POST /items/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {value}\r\n"
    body = "Content-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc"
    received = exchange(origin, (head + body).encode(), half_close=True)
    assert received == b"" or int(received.split(b" ", 2)[1]) in {400, 401}
    assert not RAN


def test_a_body_larger_than_django_takes_is_told_so() -> None:
    """Its own bound is less than the guard's."""
    guard = with_django.Guard(verifier(), origin="https://shop.example.com", max_body_bytes=10_000)
    _configure()
    made = holder("http.* https://**").prove(Request.http("POST", "https://shop.example.com/"), AUDIENCE)
    headers = {"Authorization": f"Delegate {made.to_text()}"}
    asked = RequestFactory().post("/", data=b"x" * 500, content_type="text/plain", headers=headers)
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        assert guard(lambda _: JsonResponse({}))(asked).status_code == 413


def test_targets_that_are_read_in_several_ways_do_not_run(origin: str) -> None:
    """By the bytes of the request line."""
    value = header(origin, "GET", "/items/1")
    for target in ("/items/../items/1", "/items/%31", "/items/1;x", f"{origin}/items/1", "*"):
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {value}\r\n\r\n"
        status = int(exchange(origin, head.encode()).split(b" ", 2)[1])
        assert status in {301, 400, 401, 404}
    assert not RAN


def test_every_view_of_an_application_is_guarded_by_one_line() -> None:
    """`app.before_request(guard.check)`; a view that is guarded too is decided once."""

    def make(origin: str) -> Any:
        app = flask.Flask("shop")
        guard = with_flask.Guard(verifier(), origin=origin)
        app.before_request(guard.check)

        @app.post("/items")
        @guard
        def items() -> str:
            flask.request.get_data()
            return guard.granted.originator

        return DispatcherMiddleware(flask.Flask("other"), {"/api": app})

    with serving_wsgi(make) as origin:
        assert httpx.get(f"{origin}/api/missing").status_code == 401
        with httpx.Client(auth=DelegateAuth(ANY, AUDIENCE)) as client:
            assert client.post(f"{origin}/api/items", json={}).text == "user:alice@example.com"
            assert client.get(f"{origin}/api/missing").status_code == 404


def test_a_class_of_django_is_guarded() -> None:
    """`method_decorator(guard, name="dispatch")`."""
    with serving_wsgi(by_django) as origin, httpx.Client(auth=DelegateAuth(ANY, AUDIENCE)) as client:
        assert httpx.get(f"{origin}/class/1").status_code == 401
        assert client.get(f"{origin}/class/1").json()["who"] == "agent:worker"
        assert client.put(f"{origin}/class/1").status_code == 405


def test_an_awaited_view_of_django_is_guarded() -> None:
    """By an `AsyncVerifier`, under ASGI."""

    def make(origin: str) -> Any:
        _configure()
        guard = with_django.Guard(async_verifier(), origin=origin)

        @guard
        async def items(request: HttpRequest) -> JsonResponse:
            return _told(request, "")

        return _django(ASGIHandler, (path("items", items),), [])

    with serving(make) as origin, httpx.Client(auth=DelegateAuth(ANY, AUDIENCE)) as client:
        assert httpx.get(f"{origin}/items").status_code == 401
        assert client.post(f"{origin}/items", json={"a": 1}).json()["args"] == {"body": {"a": 1}}
    assert RAN == ["POST"]


def test_a_decision_ends_with_its_request() -> None:
    """Where somebody pushed an application context early, Flask's `g` outlives the request; a decision does not."""
    app = flask.Flask("shop")
    guard = with_flask.Guard(verifier(), origin="https://shop.example.com")
    app.before_request(guard.check)

    @app.get("/secret")
    def secret() -> str:
        return guard.granted.originator

    of = holder("http.get https://shop.example.com/**")
    made = of.prove(Request.http("GET", "https://shop.example.com/secret"), AUDIENCE)
    with app.app_context():
        client = app.test_client()
        assert client.get("/secret", headers={"Authorization": f"Delegate {made.to_text()}"}).status_code == 200
        assert client.get("/secret").status_code == 401


def test_a_decision_serves_the_request_that_it_was_made_for() -> None:
    """What is changed on the way to the view is not what was decided."""
    app = flask.Flask("shop")
    guard = with_flask.Guard(verifier(), origin="https://shop.example.com")
    app.before_request(guard.check)

    @app.before_request
    def change() -> None:
        flask.request.environ["QUERY_STRING"] = "all=yes"

    @app.get("/secret")
    def secret() -> str:
        with pytest.raises(LookupError):
            _ = guard.granted
        refused = guard.check()
        assert refused is not None
        return str(refused.status_code)

    of = holder("http.get https://shop.example.com/**")
    made = of.prove(Request.http("GET", "https://shop.example.com/secret"), AUDIENCE)
    answer = app.test_client().get("/secret", headers={"Authorization": f"Delegate {made.to_text()}"})
    assert answer.text == "401"


def ask_django(urls: Any, target: str, kind: str = "") -> int:
    """Send one proven request to a Django application, with a content type of its own; give the status."""
    made = holder("http.get https://**").prove(Request.http("GET", f"https://shop.example.com{target}"), AUDIENCE)
    place, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": place,
        "QUERY_STRING": query,
        "RAW_URI": target,
        "CONTENT_TYPE": kind,
        "HTTP_AUTHORIZATION": f"Delegate {made.to_text()}",
        "wsgi.input": io.BytesIO(),
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    _configure()
    b"".join(_django(WSGIHandler, urls, [])(environ, lambda status, _: statuses.append(status)))
    return int(statuses[0][:3])


@pytest.mark.parametrize(
    ("target", "kind", "status"),
    [
        ("/f?file=public&x=+ACY-file+AD0-secret", "text/plain; charset*=utf-8''utf-7", 400),
        ("/f?file=public", "text/plain; charset=latin-1", 400),
        ("/f?file=%C3%A9", "text/plain; charset=utf-8", 200),
        ("/f?file=%C3%A9&a&a=", "text/plain; charset=no-such", 200),
        ("/pay/666", "", 200),
        ("/pay/0666", "", 422),
        ("/in/ann/7/pay/0666", "", 422),
        ("/in/ann/07/pay/666", "", 422),
        ("/in/ann/7/pay/666", "", 200),
        ("/odd/5", "", 422),
    ],
)
def test_what_django_reads_is_what_came(target: str, kind: str, status: int) -> None:
    """Neither a charset nor a converter makes another query or path of it."""
    guard = with_django.Guard(verifier(), origin="https://shop.example.com")

    class Odd(IntConverter):  # type: ignore[misc]
        def to_url(self, value: object) -> str:
            raise ValueError(value)

    if "odd" not in get_converters():
        register_converter(Odd, "odd")

    @guard
    def view(request: HttpRequest, **_: object) -> JsonResponse:
        RAN.append(request.GET)
        return JsonResponse({})

    inner = [path("nothing", view), path("<int:number>/pay/<int:amount>", view)]
    urls = (
        path("f", view),
        path("pay/<int:amount>", view),
        re_path("^in/(?P<who>[a-z]+)/", include(inner)),
        path("odd/<odd:amount>", view),
    )
    assert ask_django(urls, target, kind) == status
    assert len(RAN) == (status == 200)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/pay/666", 200),
        ("/pay/0666", 422),
        ("/pay/%D9%A6%D9%A6%D9%A6", 422),
        ("/in/de/666/gesch%C3%A4ft%20b", 200),
        ("/in/de/0666/b", 422),
        ("/float/1.5", 200),
        ("/float/1.50", 422),
        ("/id/123E4567-e89b-12d3-a456-426614174000", 422),
    ],
)
def test_a_path_is_the_one_that_flask_hands_on(target: str, status: int) -> None:
    """A converter that writes its value otherwise is found out, also where values are taken out of `view_args`."""
    app = flask.Flask("shop")
    guard = with_flask.Guard(verifier(), origin="https://shop.example.com")

    def note(**values: object) -> str:
        RAN.append(values)
        return "ran"

    for rule in ("/pay/<int:n>", "/in/<lang>/<int:n>/<path:rest>", "/float/<float:n>", "/id/<uuid:n>"):
        app.add_url_rule(rule, rule, guard(note))

    @app.url_value_preprocessor
    def take(_: str | None, values: dict[str, Any] | None) -> None:
        (values or {}).pop("lang", None)

    made = holder("http.get https://**").prove(Request.http("GET", f"https://shop.example.com{target}"), AUDIENCE)
    answer = app.test_client().get(target, headers={"Authorization": f"Delegate {made.to_text()}"})
    assert answer.status_code == status
    assert len(RAN) == (status == 200)


def test_an_application_of_flask_that_routes_by_host_is_asked_by_its_own() -> None:
    """`Host` is no part of what is proven."""
    app = flask.Flask("shop", host_matching=True, static_host="x")
    guard = with_flask.Guard(verifier(), origin="https://shop.example.com")
    app.add_url_rule("/data", "a", guard(lambda: "shop"), host="shop.example.com")
    app.add_url_rule("/data", "b", guard(lambda: "bank"), host="bank.example.com")
    of, statuses = holder("http.get https://**"), []
    for host in ("shop", "bank"):
        made = of.prove(Request.http("GET", "https://shop.example.com/data"), AUDIENCE)
        headers = {"Authorization": f"Delegate {made.to_text()}"}
        answer = app.test_client().get("/data", base_url=f"https://{host}.example.com", headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [200, 400]


def test_django_is_asked_by_its_own_host_where_that_is_wanted() -> None:
    """`any_host=False`: it is not seen whether an application of Django routes by `Host`."""
    _configure()
    for any_host, status in ((None, 200), (False, 400)):
        guard = with_django.Guard(verifier(), origin="https://shop.example.com", any_host=any_host)
        made = holder("http.get https://**").prove(Request.http("GET", "https://shop.example.com/"), AUDIENCE)
        headers = {"Authorization": f"Delegate {made.to_text()}", "Host": "bank.example.com"}
        assert guard(lambda _: JsonResponse({}))(RequestFactory().get("/", headers=headers)).status_code == status


def test_a_handshake_is_no_reading_of_a_page() -> None:
    """A view of Flask that opens a WebSocket: what `Upgrade` asks for is an argument of the request."""
    app = flask.Flask("shop")
    guard = with_flask.Guard(verifier(), origin="https://shop.example.com")

    @app.route("/ws", websocket=True)
    @guard
    def ws() -> str:
        return str(guard.granted.request.args["upgrade"])

    of = holder("http.get https://**")
    asks = {"Upgrade": "websocket", "Connection": "Upgrade"}
    answers = []
    for upgrade in (None, "websocket"):
        asked = http.client_request("GET", "https://shop.example.com/ws", upgrade=upgrade)
        headers = {"Authorization": f"Delegate {of.prove(asked, AUDIENCE).to_text()}", **asks}
        answers.append(app.test_client().get("/ws", base_url="ws://localhost", headers=headers))
    assert [each.status_code for each in answers] == [401, 200]
    assert answers[1].text == "websocket"


def test_flask_is_not_awaited() -> None:
    """An `AsyncVerifier` could not decide in its views."""
    with pytest.raises(TypeError, match="awaited"):
        with_flask.Guard(async_verifier(), origin="https://x.example.com")  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="guarded"):
        _ = with_flask.Guard(verifier(), origin="https://x.example.com").granted
