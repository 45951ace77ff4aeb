"""Values: equality, order, membership, what a program may give, what comes back."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import BoolKey, Duration, Timestamp, equal, ordered_keys, to_value
from delegate.errors import CaveatError, Reason
from delegate.language.meaning import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a == b", {"a": True, "b": 1}),
        ("a == b", {"a": 0, "b": False}),
        ("a == b", {"a": True, "b": 1.0}),
        ("a == b", {"a": [True], "b": [1]}),
        ("a == b", {"a": {"k": True}, "b": {"k": 1}}),
        ("a in b", {"a": True, "b": [1, 1.0, "true"]}),
        ("a in b", {"a": 1, "b": [True]}),
        ("a in b", {"a": True, "b": {1: "x"}}),
        ("a in b", {"a": 1, "b": {True: "x"}}),
        ("a in [1, 2]", {"a": True}),
        ("a in ['1']", {"a": 1}),
        ("a == 1", {"a": True}),
        ("a == 0", {"a": False}),
        ("a == true", {"a": 1}),
        ("a.b == 1", {"a": {"b": True}}),
        ("a == 'x'", {"a": b"x"}),
        ("a == null", {"a": 0}),
        ("a == null", {"a": False}),
        ("a == b", {"a": Timestamp(0), "b": Duration(0)}),
        ("a == a", {"a": math.nan}),
        ("a in [0.0, 1.0] || a == a", {"a": math.nan}),
        ("a in l", {"a": math.nan, "l": [math.nan]}),
        ("l == l", {"l": [math.nan]}),
        ("m == m", {"m": {"a": math.nan}}),
    ],
)
def test_what_python_would_take_for_equal(text: str, value: dict[str, object]) -> None:
    """A bool is no number here, and NaN is not even itself, whatever Python's containers say."""
    assert evaluate(text, value) is False


@pytest.mark.parametrize(
    "text",
    [
        "1 == 1.0 && 1.0 == 1 && [1] == [1.0] && {'a': 1} == {'a': 1.0}",
        "1 in [1.0] && 1.0 in [1] && 1.0 in {1: 2} && {1: 2}[1.0] == 2",
        "9007199254740993 == 9007199254740992.0",
        "!(9007199254740992.0 in {9007199254740993: 1})",
        "0.0 == -0.0",
        "{true: 1, 1: 2}[true] == 1 && {true: 1, 1: 2}[1] == 2 && size({true: 1, 1: 2}) == 2",
        "{true: 1}.all(k, k)",
        "!{false: 1}.exists(k, k)",
        "{'b': 1, 'a': 2, 2: 3, 10: 4, true: 5, false: 6}.map(k, k) == [false, true, 2, 10, 'a', 'b']",
    ],
)
def test_equality_across_numbers_and_keys(text: str) -> None:
    """An int and a double are compared as doubles, and a map takes bools and ints for different keys."""
    assert evaluate(text, {}) is True


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("left", "right"), [(None, None), (True, 1), ([1], [2]), ({}, {}), ("a", b"a"), ("1", 1), (b"a", 1)]
)
def test_types_without_order(sign: str, left: object, right: object) -> None:
    """What has no order with the other is an error, whichever way the operands are written."""
    for text in (f"a {sign} b", f"b {sign} a"):
        with pytest.raises(CaveatError) as caught:
            evaluate(text, {"a": left, "b": right})
        assert caught.value.reason is Reason.CAVEAT_ERROR


def test_nan_is_in_no_order() -> None:
    """All four comparisons with NaN are false, flat and general."""
    for sign in ("<", "<=", ">", ">="):
        assert evaluate(f"a {sign} 1.0 || a {sign} 1 || a {sign} a || 1 {sign} a", {"a": math.nan}) is False


def test_values_that_a_program_gives() -> None:
    """Plain values are taken as they are; times become the language's own."""
    given = {"a": [1, "x", None], "b": (1.5, b"y")}
    assert to_value(given) == given
    items: list[object] = [1, 2]
    assert to_value(items) is items
    assert to_value(datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC)) == Timestamp(1_000_500_000)
    assert to_value(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == Timestamp(0)
    assert to_value(timedelta(milliseconds=-1)) == Duration(-1_000_000)
    assert to_value({True: 1}) == {BoolKey.TRUE: 1}
    assert Timestamp.from_seconds(1) == Timestamp(10**9)
    assert repr([Timestamp(1), Duration(2)]) == "[Timestamp(1), Duration(2)]"
    assert len({Timestamp(1), Timestamp(1), Duration(1)}) == 2


@pytest.mark.parametrize(
    "given",
    [
        2**63,
        -(2**63) - 1,
        "\ud800",
        {"\ud800": 1},
        object(),
        {1, 2},
        {1.5: 1},
        {None: 1},
        {b"a": 1},
        datetime(2020, 1, 1),  # noqa: DTZ001 - that it has no zone is the fault
        timedelta(days=200_000),
        bytearray(b"a"),
    ],
)
def test_values_that_are_none(given: object) -> None:
    """Anything else is a CaveatError, not a TypeError from inside."""
    with pytest.raises(CaveatError):
        to_value(given)
    with pytest.raises(CaveatError):
        evaluate("true", {"a": given})


def test_deep_values_are_refused() -> None:
    """No nesting that a program gives can exhaust the stack."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CaveatError):
        evaluate("a == a", {"a": deep})


def test_what_comes_back() -> None:
    """A map with bool keys comes back as a dict, and loses no entry where Python would."""
    assert evaluate("{true: 1, 'a': [{false: 2}]}", {}) == {True: 1, "a": [{False: 2}]}
    assert evaluate("{true: 1, 1: 2}", {}) == {BoolKey.TRUE: 1, 1: 2}
    assert evaluate("a", {"a": (1, 2)}) == [1, 2]


def test_what_is_no_value_is_an_error() -> None:
    """A scope that holds a foreign object gives errors, and never asks its `__eq__`."""

    class Yes:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError

    with pytest.raises(CaveatError):
        equal(Yes(), Yes(), Scope({}))
    with pytest.raises(CaveatError):
        equal(Yes(), 1, Scope({}))
    with pytest.raises(CaveatError):
        ordered_keys({None: 1, "a": 2})
