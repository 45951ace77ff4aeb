"""Constraints on a tool's arguments: closed-world, typed, composable, printed as CEL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError
from delegate.language.codec import to_wire
from delegate.language.constraints import (
    Constraint,
    any_value,
    at_least,
    at_most,
    between,
    constrain,
    each,
    equals,
    host_in,
    ip_in,
    length,
    matching,
    none_of,
    one_of,
    regex,
    some,
    within,
)
from delegate.language.meaning import parse
from delegate.language.printer import format_expression
from delegate.language.tree import conjunction

_MISSING = object()


def _allows(constraint: object, value: object) -> bool:
    condition = compile_wire(to_wire(conjunction(constrain("a", constraint))))
    args = {} if value is _MISSING else {"a": value}
    try:
        return condition(Scope({"args": args})) is True
    except CaveatError:
        return False


@pytest.mark.parametrize(
    ("constraint", "text", "allowed", "refused"),
    [
        (5, "args.a == 5", [5, 5.0], [6, "5", True, None]),
        (None, "args.a == null", [None], [0, "", False]),
        (equals([1, "x"]), 'args.a == [1, "x"]', [[1, "x"]], [[1], ["x", 1], "x"]),
        (equals(True), "args.a == true", [True], [1, "true"]),
        (one_of("EUR", "USD"), 'args.a in ["EUR", "USD"]', ["EUR"], ["GBP", "eur", ["EUR"], {"EUR": 1}, 1]),
        (
            none_of("rm", "dd"),
            'args.a >= "" && !(args.a in ["rm", "dd"])',
            ["ls", ""],
            ["rm", 5, None, True, ["rm"], b"x"],
        ),
        (none_of(0), "(args.a < 0 || args.a >= 0) && !(args.a in [0])", [1, -1.5], [0, 0.0, "0", False]),
        (
            none_of(1, "a"),
            '(args.a < 0 || args.a >= 0 || args.a >= "") && !(args.a in [1, "a"])',
            [2, "b"],
            [1, "a", None],
        ),
        (at_least(5), "args.a >= 5", [5, 5.5], [4, "6", True, None]),
        (at_most(500), "args.a <= 500", [500, -1, 0.5], [501, "5", False]),
        (between(1, 5), "args.a >= 1 && args.a <= 5", [1, 5, 2.5], [0, 6, "3"]),
        (between("a", "c"), 'args.a >= "a" && args.a <= "c"', ["b"], ["d", 1]),
        (matching("*.csv"), 'glob.match(args.a, "*.csv")', ["a.csv"], ["a/b.csv", 5]),
        (matching("/d/**"), 'glob.match(args.a, "/d/**")', ["/d/a/b"], ["/d/../e", "/d/%2e%2e/e", "/data"]),
        (
            regex("[a-z]+|[0-9]+"),
            'args.a.matches("\\\\A(?:[a-z]+|[0-9]+)\\\\z")',
            ["abc", "12"],
            ["abc1", "ab\n", "", 12],
        ),
        (
            within("/data"),
            'path.within(args.a, "/data")',
            ["/data", "/data/a"],
            ["/database", "/data/../etc", "/data/%2e%2e/etc", "\\data\\x", "data/a", 5],
        ),
        (
            host_in("example.com", "*.example.org"),
            (
                'url.scheme(args.a) in ["https", "http"] && (url.host(args.a) in ["example.com"]'
                ' || url.host(args.a).endsWith(".example.org"))'
            ),
            ["https://EXAMPLE.com/x", "http://a.example.org:8080"],
            [
                "https://example.com@evil.com",
                "https://evil.com/example.com",
                "https://sub.example.com",
                "https://example.org",
                "https://badexample.org",
                "javascript://example.com/%0aalert(1)",
                "https://example.com\\.evil.com",
                "example.com",
            ],
        ),
        (host_in("10.0.0.1"), None, ["http://10.0.0.1/"], ["http://167772161/", "http://012.0.0.1/", "http://10.1/"]),
        (host_in("::1", schemes=["https"]), None, ["https://[0:0::1]/"], ["http://[::1]/", "https://[::2]/"]),
        (
            ip_in("10.0.0.0/8", "::1/128"),
            'net.within(args.a, "10.0.0.0/8") || net.within(args.a, "::1/128")',
            ["10.1.2.3", "::1", "::ffff:10.0.0.1"],
            ["11.0.0.1", "0x0a000001", "10.1", "012.0.0.1", 167772161],
        ),
        (
            each(at_most(5)),
            "(args.a + []).all(item, item <= 5)",
            [[], [1, 5]],
            [[6], [1, "x"], 5, {"k": 1}, "abc", {}],
        ),
        (some("x"), '(args.a + []).exists(item, item == "x")', [["y", "x"], [1, "x"]], [[], ["y"], "x", {"x": 1}]),
        (
            each(each(one_of(1, 2))),
            "(args.a + []).all(item, (item + []).all(item2, item2 in [1, 2]))",
            [[[1], [2, 1], []]],
            [[1], [[3]]],
        ),
        (any_value(), "has(args.a)", [None, 1, [], {}], []),
        (each(any_value()), "(args.a + []).all(item, true)", [[1, None]], [{}, 1]),
        (length(at_most(3)), "size(args.a) <= 3", ["abc", "éé😀", [1], {}, b"abc"], ["abcd", 3, None]),
        (length(2), "size(args.a) == 2", ["ab"], ["a"]),
        (
            one_of(1, 2) | equals("x"),
            'args.a in [1, 2] || args.a == "x"',
            [1, "x"],
            ["y", 3],
        ),
        (
            at_most(5) | matching("a*"),
            'args.a <= 5 || glob.match(args.a, "a*")',
            [3, "abc"],
            [6, "b", None],
        ),
        (
            (at_least(1) | equals(-1)) & at_most(5),
            "(args.a >= 1 || args.a == -1) && args.a <= 5",
            [1, 5, -1],
            [0, 6, "1"],
        ),
    ],
)
def test_constraint(constraint: object, text: str | None, allowed: list[object], refused: list[object]) -> None:
    """Each allows and refuses these, refuses a missing argument, and is CEL that parses back to itself."""
    condition = conjunction(constrain("a", constraint))
    printed = format_expression(condition)
    assert text is None or printed == text
    assert parse(printed) == condition
    assert [value for value in allowed if not _allows(constraint, value)] == []
    assert [value for value in refused if _allows(constraint, value)] == []
    assert not _allows(constraint, _MISSING)


def test_odd_names() -> None:
    """An argument may be called anything."""
    for name in ("content-type", "in", "a b", 'a"b', "é", ""):
        for constraint in (any_value(), at_most(5), none_of(7)):
            condition = conjunction(constrain(name, constraint))
            assert parse(format_expression(condition)) == condition
            run = compile_wire(to_wire(condition))
            assert run(Scope({"args": {name: 5}})) is True


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (one_of, ValueError),
        (none_of, ValueError),
        (host_in, ValueError),
        (ip_in, ValueError),
        (lambda: none_of([1]), TypeError),
        (lambda: none_of(None), TypeError),
        (lambda: at_most(True), TypeError),
        (lambda: at_least(None), TypeError),  # type: ignore[arg-type]
        (lambda: between(5, 1), ValueError),
        (lambda: between(1, "a"), TypeError),
        (lambda: equals(object()), TypeError),
        (lambda: equals(2**63), ValueError),
        (lambda: matching("***"), ValueError),
        (lambda: regex("("), ValueError),
        (lambda: regex("a)|(?:b"), ValueError),
        (lambda: regex("\\"), ValueError),
        (lambda: within("/data/.."), ValueError),
        (lambda: within(""), ValueError),
        (lambda: host_in("Example.com"), ValueError),
        (lambda: host_in("https://example.com"), ValueError),
        (lambda: host_in("*"), ValueError),
        (lambda: host_in("010.0.0.1"), ValueError),
        (lambda: host_in("example.com", schemes=()), ValueError),
        (lambda: ip_in("10.0.0.1/8"), ValueError),
        (lambda: ip_in("10.0.0.1"), ValueError),
        (lambda: constrain("a", length(any_value())), TypeError),
    ],
)
def test_what_cannot_be_meant(make: Callable[[], object], error: type[Exception]) -> None:
    """An empty choice, an empty range or a pattern that is none is refused where it is written."""
    with pytest.raises(error):
        make()


def test_constraints_are_values() -> None:
    """They can be kept and used for several arguments."""
    limit = at_most(5)
    assert isinstance(limit & limit, Constraint)
    assert [format_expression(condition) for name in ("x", "y") for condition in constrain(name, limit)] == [
        "args.x <= 5",
        "args.y <= 5",
    ]
