"""Requests: normalised once, refused by name, never changed; times; the mappings that integrations share."""

from __future__ import annotations

import hashlib
import json
import operator
from collections import OrderedDict, UserDict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import DelegateError, Reason, Request
from delegate.core.chain.request import parse_json
from delegate.core.chain.spans import instant, seconds
from delegate.limits import REQUEST_BYTES, REQUEST_DEPTH


def refused(*given: Any) -> Reason:  # noqa: ANN401 - what may be wrong
    """Why no request is made of it."""
    with pytest.raises(DelegateError) as caught:
        Request(*given)
    return caught.value.reason


def test_the_digest_is_that_of_the_specification() -> None:
    """SHA-256 of the prefix and the encoding of action, resource and arguments in order."""
    args = {"bb": [1, None, True], "a": b"\0", "c": {"y": 1.5, "x": "é"}}
    encoded = cbor2.dumps(["pay", None, {"a": b"\0", "c": {"x": "é", "y": 1.5}, "bb": [1, None, True]}], canonical=True)
    assert Request("pay", None, args).digest == hashlib.sha256(b"delegate/1 request\0" + encoded).digest()
    assert Request("pay").digest == hashlib.sha256(b"delegate/1 request\0\x83\x63pay\xf6\xa0").digest()


def test_what_differs_in_type_differs_in_digest() -> None:
    """`1`, `true`, `"1"`, bytes and 1.5 are different arguments."""
    values = [1, True, "1", b"1", 1.5, None, [], {}, "", b"", 0, False, [1], {"": 1}]
    assert len({Request("x", None, {"a": value}).digest for value in values}) == len(values)
    assert len({Request("x").digest, Request("x", "").digest, Request("x", "None").digest}) == 3


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (1.0, 1),
        (-0.0, 0),
        (2.0**53, 2**53),
        (-(2.0**53), -(2**53)),
        (2.0**53 + 2, 2.0**53 + 2),
        (0.5, 0.5),
        ((1, 2.0), (1, 2)),
        (OrderedDict(b=1, a=2.0), {"a": 2, "b": 1}),
        (MappingProxyType({"a": [1.0]}), {"a": (1,)}),
        (UserDict({"x": 1}), {"x": 1}),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        ("é", "é"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_a_value_is_normalised(given: Any, normal: Any) -> None:  # noqa: ANN401 - any argument
    """A whole double is its integer, a tuple a list, a mapping a map; nothing happens to text."""
    found = Request("x", None, {"v": given}).args["v"]
    assert (found, type(found) in {bool, float}) == (normal, type(normal) in {bool, float})


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        2**63,
        -(2**63) - 1,
        "\ud800",
        ["\udfff"],
        {"\ud800": 1},
        {"a": {"b": [float("nan")]}},
    ],
)
def test_a_value_without_one_meaning_is_malformed(value: Any) -> None:  # noqa: ANN401 - any argument
    """Not a number, out of 64 bits, half a character: two readers could take them for two things."""
    assert refused("x", None, {"v": value}) is Reason.MALFORMED


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, Decimal(1), datetime.now(UTC), bytearray(b"x"), memoryview(b"x"), {1: 2}, {True: 1}, 1j, range],
)
def test_what_json_does_not_have_is_a_mistake_of_the_program(value: object) -> None:
    """Other types are a `TypeError`, wherever they are."""
    with pytest.raises(TypeError):
        Request("x", None, {"v": value})
    with pytest.raises(TypeError):
        Request("x", None, {"v": [{"w": value}]})


def test_actions_and_resources_have_their_bounds() -> None:
    """Empty, too long, with blanks, control characters or half characters."""
    for action, reason in (
        ("", Reason.MALFORMED),
        ("x" * 257, Reason.LIMIT_EXCEEDED),
        ("a b", Reason.MALFORMED),
        ("a\nb", Reason.MALFORMED),
        ("a\u202eb", Reason.MALFORMED),
        ("a\ud800", Reason.MALFORMED),
        ("\x7f", Reason.MALFORMED),
    ):
        assert refused(action) is reason
    assert refused("x", "y" * 8193) is Reason.LIMIT_EXCEEDED
    assert refused("x", "\ud800") is Reason.MALFORMED
    for wrong in ((1,), (None,), ("x", 1), ("x", b"/")):
        with pytest.raises(TypeError):
            Request(*wrong)


def test_depth_and_size_are_bounded() -> None:
    """Sixteen levels, args counting one; 64 KiB encoded, to the byte."""
    nested: Any = 0
    for _ in range(REQUEST_DEPTH - 1):
        nested = [nested]
    Request("x", None, {"a": nested})
    assert refused("x", None, {"a": [nested]}) is Reason.LIMIT_EXCEEDED
    fixed = len(cbor2.dumps(["x", None, {"a": "y" * 60_000}])) - 60_000
    Request("x", None, {"a": "y" * (REQUEST_BYTES - fixed)})
    assert refused("x", None, {"a": "y" * (REQUEST_BYTES - fixed + 1)}) is Reason.LIMIT_EXCEEDED
    assert refused("x", None, {"a": "é" * 40_000}) is Reason.LIMIT_EXCEEDED


def test_a_request_cannot_be_changed() -> None:
    """Neither its fields, nor what it holds, nor what it was made from changes it afterwards."""
    given: dict[str, Any] = {"xs": [1], "m": {"a": 1}}
    request = Request("x", "/r", given)
    digest = request.digest
    given["xs"].append(2)
    given["m"]["a"] = 2
    given["new"] = 1
    for change in (
        lambda: setattr(request, "action", "y"),
        lambda: setattr(request, "other", 1),
        lambda: delattr(request, "action"),
        lambda: operator.setitem(request.args, "a", 1),  # type: ignore[call-overload]
        lambda: request.args["m"].__setitem__("a", 1),
        lambda: request.args["xs"].append(1),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    assert request.args == {"xs": (1,), "m": {"a": 1}}
    assert Request("x", "/r", request.args).digest == digest
    assert request == Request("x", "/r", {"m": {"a": 1}, "xs": [1.0]})
    assert hash(request) == hash(Request("x", "/r", {"m": {"a": 1}, "xs": [1]}))


@pytest.mark.parametrize(
    "text",
    [
        '{"action": "x", "action": "y"}',
        '{"action": "x", "args": {"a": 1, "a": 2}}',
        '{"action": "x", "args": {"a": NaN}}',
        '{"action": "x", "args": {"a": Infinity}}',
        '{"action": "x", "args": {"a": 9223372036854775808}}',
        '{"action": "x", "args": []}',
        '{"action": "x", "extra": 1}',
        '{"resource": "/x"}',
        '{"action": null}',
        '{"action": "x", "resource": 1}',
        "[]",
        "",
        "{",
        "null",
        '{"action": "x", "args": {"a": "\\ud800"}}',
        "[" * 100_000,
        '{"action": "x", "args": {"a": ' + "9" * 5000 + "}}",
        b"\xff",
        b"\xed\xa0\x80",
    ],
)
def test_json_is_read_strictly(text: str | bytes) -> None:
    """A key twice, not a number, too many digits, another shape: malformed, whatever others make of it."""
    with pytest.raises(DelegateError) as caught:
        Request.from_json(text)
    assert caught.value.reason is Reason.MALFORMED


def test_json_of_a_megabyte_is_over_the_limit() -> None:
    """Before it is parsed."""
    with pytest.raises(DelegateError) as caught:
        parse_json(" " * 2**20)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("url", "resource", "query"),
    [
        ("https://Example.COM/a/b", "https://example.com/a/b", None),
        ("https://example.com", "https://example.com/", None),
        ("HTTPS://example.com:443/", "https://example.com/", None),
        ("http://example.com:8080/x", "http://example.com:8080/x", None),
        ("https://example.com/x?b=2&a=1&b=3&c=", "https://example.com/x", {"b": ("2", "3"), "a": ("1",), "c": ("",)}),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x", None),
        ("https://127.0.0.1/x", "https://127.0.0.1/x", None),
        ("https://example.com/gesch%c3%a4ft/", "https://example.com/gesch%C3%A4ft/", None),
        ("https://example.com/geschäft/", "https://example.com/gesch%C3%A4ft/", None),
        ("https://example.com/a%21/{|[^", "https://example.com/a!/%7B%7C%5B%5E", None),
    ],
)
def test_an_http_request_has_one_mapping(url: str, resource: str, query: dict[str, Any] | None) -> None:
    """Method, scheme and host in lower case, no standard port, the query as arguments."""
    request = Request.http("GET", url)
    assert (request.action, request.resource) == ("http.get", resource)
    assert request.args == ({} if query is None else {"query": query})


@pytest.mark.parametrize(
    "url",
    [
        "/x",
        "example.com/x",
        "https://",
        "https://user@example.com/",
        "https://a:b@example.com/",
        "https://example.com/#f",
        "https://example.com:/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exämple.com/",
        "https://example.com\\@evil.org/",
        "https://exa\nmple.com/",
        "https://[::1/",
        "https://example.com/?q=%ff",
        "https://example.com/%64raft",
        "https://example.com/a%2Db",
        "https://ban\u212a.com/",
        "https://[fe80::1%ab]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:1.2.3.4]/",
        "https://[::ffff:102:304]/",
        "https://[v1.a]/",
        "https:///x",
        *(
            f"https://{host}/"
            for host in ("127.1", "0x7f.1", "2130706433", "127.000.000.001", "0177.0.0.1", "1.2.3.4.5")
        ),
        *(
            f"https://{host}/"
            for host in ("example.com.", "a..b", "[2001:db8:0::1]", "[::ffff:7f00:1]", "exa mple.com")
        ),
        *(
            f"https://example.com{path}"
            for path in ("/100%", "/a%zz", "/?q=100%", "/%ff", "/%c3", "/a%C0%AF", "/%ED%A0%80")
        ),
        *(
            f"https://example.com{path}"
            for path in ("/a%2fb", "/a%2F..", "/a%3Bb", "/a%0A", "/a%00", "/a%7f", "//evil.com")
        ),
        *(f"https://example.com{path}" for path in ("/a/..", "/a/../b", "/./a", "/..;/a", "/a b", "/a\\b", "/a\tb")),
    ],
)
def test_an_odd_url_is_refused(url: str) -> None:
    """Where two libraries would see two hosts, no request is made."""
    with pytest.raises(DelegateError) as caught:
        Request.http("GET", url)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "url", ["https://example.com/a%20b", "https://example.com/%C3%A9", "https://example.com/?q=%64"]
)
def test_what_must_be_encoded_may_be(url: str) -> None:
    """A space, what is beyond ASCII, and whatever a query holds, which is decoded."""
    assert Request.http("GET", url).resource_is_plain


@pytest.mark.parametrize("method", ["", "GET ", "get\n", "G\u212aT", "GET/x", "\u0130", "GET(", 'GE"T'])
def test_an_odd_method_is_refused(method: str) -> None:
    """A method is a token of RFC 9110; beyond ASCII, lowering would make another of it."""
    with pytest.raises(DelegateError) as caught:
        Request.http(method, "https://example.com/")
    assert caught.value.reason is Reason.MALFORMED
    assert Request.http("M-SEARCH", "https://example.com/").action == "http.m-search"


def test_a_condition_on_the_text_of_a_path_is_not_passed_by_another_text() -> None:
    """The attack: small hex digits, or none, for the letter that a condition forbids."""
    forbidden = "https://h/gesch%C3%A4ft/"
    for path in ("gesch%c3%a4ft", "gesch%C3%a4ft", "geschäft", "gesch%C3%A4ft"):
        resource = Request.http("GET", f"https://h/{path}/x").resource
        assert resource is not None
        assert resource.startswith(forbidden)


ORIGIN = "https://files.example.com"


@pytest.mark.parametrize("target", ["/reports/q3.csv?page=2", b"/reports/q3.csv?page=2"])
@pytest.mark.parametrize("origin", [ORIGIN, f"{ORIGIN}/", "https://Files.Example.com:443"])
def test_a_service_makes_its_request_of_its_origin_and_the_raw_target(origin: str, target: str | bytes) -> None:
    """It is the request of the URL that the caller had; text or bytes, as the server has the target."""
    assert Request.from_target(origin, "GET", target) == Request.http("GET", f"{ORIGIN}/reports/q3.csv?page=2")
    assert Request.from_target(origin, "GET", target, {"x": 1}).args["x"] == 1


@pytest.mark.parametrize(
    "target",
    [
        *(
            "",
            "*",
            "reports",
            "@evil.example/",
            ".evil.example/",
            ":80/",
            "https://files.example.com/x",
            "http://evil/x",
        ),
        *(
            "//evil.example/x",
            "/x y",
            "/x\r\nHost: evil.example",
            "/x\x00",
            "/x#f",
            "/é",
            b"/\xc3\xa9",
            "/x\\y",
            "?x=1",
        ),
        *("files.example.com:443", "/a/../b", "/%2e%2e/b", "/a%2Fb", "/100%", " /x", "/x\u200b", "/\ud800"),
    ],
)
def test_an_odd_target_is_refused(target: str | bytes) -> None:
    """No target makes another host, ends the line, or is read in several ways."""
    with pytest.raises(DelegateError) as caught:
        Request.from_target(ORIGIN, "GET", target)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "origin",
    [
        *("", "files.example.com", "https://", f"{ORIGIN}/api", f"{ORIGIN}?", f"{ORIGIN}/?x", f"{ORIGIN}#", "/"),
        *("https://u@files.example.com", "ftp://files.example.com", "https://127.1", "//files.example.com"),
    ],
)
def test_an_origin_is_scheme_and_host(origin: str) -> None:
    """Another is a mistake of whoever configured the service, and no refusal of a caller."""
    with pytest.raises(ValueError, match="an origin is like"):
        Request.from_target(origin, "GET", "/")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "aa", "base16", "é"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(values, values)
def test_a_description_is_the_request_s_alone(first: object, second: object) -> None:
    """One text for one digest, whatever it was made from; printable ASCII, so that it may be shown as it is."""
    one, other = (Request("x", None, {"v": each}) for each in (first, second))
    assert (one.describe() == other.describe()) is (one.digest == other.digest)
    assert one.describe() == Request("x", None, one.args).describe()
    assert one.describe().isascii()
    assert one.describe().isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("a", None, {"b": 1})),
        (("a", None), ("a", "null")),
        (("a", ""), ("a", None)),
        (("a", None, {"x": b"\0"}), ("a", None, {"x": {"base16": "00"}})),
        (("a", None, {"x": b"\0"}), ("a", None, {"x": "h'00'"})),
        (("a", None, {"x": 1}), ("a", None, {"x": True})),
        (("a", None, {"x": 1}), ("a", None, {"x": "1"})),
        (("a", None, {"x": 2**53 + 2}), ("a", None, {"x": float(2**53 + 2)})),
        (("a", "\u00e9"), ("a", "e\u0301")),
        (("a", "\\u00e9"), ("a", "\u00e9")),
        (("a", "\U0001f600"), ("a", "\\ud83d\\ude00")),
        (("a", 'x", {"y": 1}]'), ("a", "x", {"y": 1})),
    ],
)
def test_two_requests_have_two_descriptions(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """What looks alike, or looks like the text of another, is told apart."""
    assert Request(*one).describe() != Request(*other).describe()


def test_a_description_is_what_is_digested() -> None:
    """The diagnostic notation of the specification's array, keys in order."""
    request = Request(
        "pay", None, {"note": "caf\u00e9\x7f", "at": 1.5, "blob": b"\0\xff", "to": ["a", None, True], "n": 2.0}
    )
    expected = (
        r"""["pay", null, {"n": 2, "at": 1.5, "to": ["a", null, true], "blob": h'00ff', "note": "caf\u00e9\u007f"}]"""
    )
    assert request.describe() == expected


def test_a_query_twice_is_a_mistake_of_the_program() -> None:
    """The URL's query and an argument of that name."""
    with pytest.raises(ValueError):
        Request.http("GET", "https://example.com/?a=1", {"query": 1})


def test_a_tool_call_has_one_mapping() -> None:
    """The tool's name, no resource, its arguments."""
    request = Request.tool("send_mail", {"to": "bob"})
    assert (request.action, request.resource, dict(request.args)) == ("send_mail", None, {"to": "bob"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (90, 90),
        ("90s", 90),
        ("15m", 900),
        ("8h", 28_800),
        ("7d", 604_800),
        ("1h30m", 5400),
        ("2w", 1_209_600),
        (timedelta(minutes=1), 60),
    ],
)
def test_durations(given: Any, expected: int) -> None:  # noqa: ANN401 - any way to write one
    """Seconds, words and timedeltas."""
    assert seconds(given) == expected


@pytest.mark.parametrize(
    "given",
    ["", "5", "5 m", "-5m", "1.5h", "5M", "m", "9" * 30 + "s", 0, -1, timedelta(microseconds=1), timedelta(0), "٣s"],
)
def test_what_is_no_duration(given: Any) -> None:  # noqa: ANN401 - any way to write one
    """Neither empty nor negative, no fractions, ASCII digits."""
    with pytest.raises(ValueError):
        seconds(given)


@pytest.mark.parametrize("given", [None, 1.5, True, b"5m"])
def test_other_types_are_no_times(given: Any) -> None:  # noqa: ANN401 - any type
    """A float or a bool is a mistake of the program."""
    with pytest.raises(TypeError):
        seconds(given)
    with pytest.raises(TypeError):
        instant(given)


def test_instants() -> None:
    """Unix seconds and aware datetimes, from 1970 to 9999; a naive one is refused."""
    assert instant(5) == 5
    assert instant(datetime(1970, 1, 1, 1, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))) == 0
    for wrong in (datetime(2030, 1, 1), -1, 253_402_300_800, datetime(1969, 12, 31, 23, tzinfo=UTC)):  # noqa: DTZ001
        with pytest.raises(ValueError):
            instant(wrong)


@pytest.mark.parametrize(
    "value",
    [
        b"\0",
        {"base16": "00"},
        {"base16": "00", "b": 1},
        {"$base16": "00"},
        {"$$base16": b""},
        {"base16": {"base16": b"\1"}},
        [{"base16": 1}, b"\2"],
        {"$": 1},
        {"x$base16": 1},
    ],
    ids=repr,
)
def test_json_reads_back_as_the_same_request(value: object) -> None:
    """Bytes and an object that looks like them have two writings, and each reads back as what it was."""
    request = Request("a", None, {"x": value, "base16": 1})
    assert Request.from_json(json.dumps(request.to_json())) == request


def test_bytes_and_what_looks_like_them_are_written_apart() -> None:
    """Wherever a request is shown, and wherever JSON gives one."""
    raw, plain = Request("a", None, {"x": b"\0"}), Request("a", None, {"x": {"base16": "00"}})
    assert raw.to_json()["args"] == {"x": {"base16": "00"}}
    assert plain.to_json()["args"] == {"x": {"$base16": "00"}}
    assert raw.describe() != plain.describe()
    for text in ("0", "0g", "A0", 7, None, ["00"], "\u0661\u0661"):
        with pytest.raises(DelegateError, match="`base16` is not pairs of hex digits"):
            Request.from_json(json.dumps({"action": "a", "args": {"x": [{"base16": text}]}}))
