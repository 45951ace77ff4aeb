"""`when`: values bound into text, never pasted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatSyntaxError
from delegate.language.codec import from_wire
from delegate.language.conditions import Caveat, constant, when
from delegate.language.meaning import parse
from delegate.language.printer import format_expression


class _Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (-5, "-5"),
        (1.0, "1.0"),
        ('a"\n\u202eb', '"a\\"\\n\\u202eb"'),
        (b"a\xff", 'b"a\\xff"'),
        ([1, ["x"]], '[1, ["x"]]'),
        ((1, 2), "[1, 2]"),
        ({"a": 1, 2: True, False: None}, '{"a": 1, 2: true, false: null}'),
        (MappingProxyType({"a": 1}), '{"a": 1}'),
        (datetime(2027, 1, 1, tzinfo=UTC), 'timestamp("2027-01-01T00:00:00Z")'),
        (timedelta(minutes=90), 'duration("5400s")'),
        (_Colour.RED, '"red"'),
    ],
)
def test_values_become_literals(value: object, text: str) -> None:
    """Each kind of value has its text, and the caveat goes over the wire and back."""
    caveat = when("args.a == v", v=value)
    assert str(caveat) == f"args.a == {text}"
    assert from_wire(caveat.to_wire()) == caveat.expression == parse(str(caveat))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_stays_a_string(value: str) -> None:
    """Whatever an attacker puts into a value, it is compared, and nothing of it is ever read as language."""
    caveat = when("args.a == v && args.b != v", v=value)
    condition = compile_wire(caveat.to_wire())
    assert condition(Scope({"args": {"a": value, "b": None}})) is True
    assert condition(Scope({"args": {"a": f"{value}x", "b": None}})) is False
    assert parse(str(caveat)) == caveat.expression


def test_an_injection() -> None:
    """The story: an agent passes a "path" that would open the caveat, were it pasted."""
    caveat = when("resource == path", path='"/a" || true || "" == "')
    assert compile_wire(caveat.to_wire())(Scope({"resource": "/etc/passwd"})) is False
    assert str(caveat) == 'resource == "\\"/a\\" || true || \\"\\" == \\""'


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**63) - 1, float("nan"), float("inf"), "\ud800", datetime(2027, 1, 1), timedelta(days=200_000)],  # noqa: DTZ001
)
def test_values_that_cannot_be_written(value: object) -> None:
    """What the language has no literal for is a ValueError where it is bound."""
    with pytest.raises(ValueError, match=r"."):
        when("args.a == v", v=value)


@pytest.mark.parametrize("value", [object(), {1, 2}, {1.5: 1}, {None: 1}, [object()], bytearray(b"a")])
def test_types_that_cannot_be_written(value: object) -> None:
    """A type that the language has not is a TypeError."""
    with pytest.raises(TypeError):
        when("args.a == v", v=value)


def test_names() -> None:
    """A value must be used, under a name of its own; an unknown name is shown at its place."""
    with pytest.raises(ValueError, match="args"):
        when("args == 1", args=1)
    with pytest.raises(ValueError, match="not used"):
        when("args.a == 1", v=1)
    with pytest.raises(ValueError, match="not used"):
        when("args.l.all(v, v == 1)", v=1)
    with pytest.raises(ValueError, match="not used"):
        when("args.v == 1", v=1)
    with pytest.raises(CaveatSyntaxError) as caught:
        when("args.a == limit")
    assert caught.value.span == (10, 15)
    assert str(when("v.all(x, x == args.a) && w", v=[1], w=True)) == "[1].all(x, x == args.a) && true"


def test_deep_and_large_values() -> None:
    """A value too large for an expression is refused before it is turned into one."""
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        constant(deep)
    with pytest.raises(ValueError, match="items"):
        constant([1] * 100_000)
    with pytest.raises(CaveatSyntaxError, match="nodes"):
        when("args.a in v", v=[1] * 256)


@pytest.mark.parametrize(
    "text", ["action.matches('[')", "glob.match(action, '***')", "net.within(args.ip, '10.0.0.1/8')"]
)
def test_patterns_that_are_none(text: str) -> None:
    """What could only ever err is refused where it is written."""
    with pytest.raises(CaveatSyntaxError):
        when(text)
    with pytest.raises(CaveatSyntaxError):
        when(f"true || !({text})")


def test_caveats_are_values() -> None:
    """Equal when encoded alike, hashable, frozen; `repr` is how to make it again."""
    one, same = when("args.a == 1"), when("args.a == v", v=1)
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, when("args.a == 1.0"), when("args.a == true")}) == 3
    assert one != "args.a == 1"
    assert repr(one) == "when('args.a == 1')"
    with pytest.raises(AttributeError):
        one._key = ""
    with pytest.raises(ValueError, match="nodes"):
        Caveat(constant([1] * 256))


def test_constants_as_map_fields() -> None:
    """A bound map is a map: its fields and `has` read it."""
    caveat = when("has(m.a) && m.a == args.a && m['b'] == 2", m={"a": 1, "b": 2})
    assert format_expression(caveat.expression).startswith('has({"a": 1, "b": 2}.a) && ')
    values: Mapping[str, object] = {"a": 1}
    assert compile_wire(caveat.to_wire())(Scope({"args": dict(values)})) is True
