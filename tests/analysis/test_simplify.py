"""Conditions said shortly: nothing that they allow may be missing from what a reader is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delegate.analysis.simplify import simplify
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import CAVEAT_NAMES
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError
from delegate.language.closed import closed_names, only_arguments
from delegate.language.codec import from_wire, to_wire
from delegate.language.meaning import parse
from delegate.language.printer import format_expression
from delegate.language.tree import Expression, conjunction

_MISSING = object()
# Few values, so that literals meet each other and the arguments; the last integers are where doubles are no longer
# exact: 2^53 + 1 and 2^53 are one double.
_NUMBERS = (0, 1, 2, 5, -1, 0.5, 1.0, 2.0, -0.0, 4.5, 2**53, 2**53 + 1, 2.0**53, 2**53 - 1, 2**63 - 1, 2.0**63)
_TEXTS = ("", "a", "b", "ab", "abc", "ba", "aba", "é")
_VALUES = (*_NUMBERS, *_TEXTS, True, False, None, b"", b"a", b"ab")
_NAMES = ("p", "q", "r")
_PATHS = tuple(f"args.{name}" for name in _NAMES)


def _literal(value: object) -> str:
    words = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, bytes):
        return f'b"{value.decode()}"'
    return f'"{value}"' if isinstance(value, str) else repr(value)


_literals = st.sampled_from(_VALUES).map(_literal)
_paths = st.sampled_from(_PATHS)
_compared = st.builds(
    lambda path, sign, literal, turned: f"{literal} {sign} {path}" if turned else f"{path} {sign} {literal}",
    _paths,
    st.sampled_from(("==", "!=", "<", "<=", ">", ">=")),
    # Most of a kind, so that bounds meet bounds.
    st.one_of(st.sampled_from(_NUMBERS).map(_literal), _literals),
    st.booleans(),
)
_members = st.builds(
    lambda path, literals: f"{path} in [{', '.join(literals)}]", _paths, st.lists(_literals, max_size=4)
)
_tested = st.builds(
    lambda path, method, text: f'{path}.{method}("{text}")',
    _paths,
    st.sampled_from(("startsWith", "endsWith", "contains")),
    st.sampled_from(_TEXTS),
)
_closed = st.builds(
    lambda names: format_expression(only_arguments(names)), st.lists(st.sampled_from(_NAMES), max_size=3, unique=True)
)
_others = st.sampled_from(("true", "false", "args.p", "args.p == args.q", "size(args.q) > 1", "has(args.r)"))
_given = st.sampled_from(_NAMES).map("has(args.{})".format)
_plain = st.one_of(_compared, _compared, _members, _tested, _tested, _closed, _others)
_maybe = st.builds(
    lambda one, sign, other, turned: f"!({one}) {sign} {other}" if turned else f"{one} {sign} ({other})",
    _given,
    st.sampled_from(("||", "&&")),
    st.one_of(_plain, st.builds("{} || {}".format, _given, _plain)),
    st.booleans(),
)
_conditions = st.one_of(_plain, _plain, _plain, _maybe, st.one_of(_plain, _maybe).map(lambda text: f"!({text})"))
_arguments = st.fixed_dictionaries(
    {name: st.one_of(st.sampled_from(_VALUES), st.just(_MISSING), st.just([1, "a"])) for name in _NAMES}
)


def _holds(conditions: Sequence[Expression], arguments: dict[str, object]) -> bool:
    """Do all hold, as a verifier asks it? An error denies."""
    for condition in conditions:
        scope = Scope({"args": arguments})
        try:
            if compile_wire(to_wire(condition))(scope) is not True:
                return False
        except CaveatError:
            return False
    return True


def _worlds(wanted: list[dict[str, object]]) -> list[dict[str, object]]:
    """Arguments without the missing ones, and each value once in each place, so that little goes untried."""
    tried = [*wanted, *(dict.fromkeys(_NAMES, value) for value in _VALUES)]
    return [{name: value for name, value in world.items() if value is not _MISSING} for world in tried]


@settings(max_examples=400)
@given(st.lists(_conditions, min_size=1, max_size=6), st.lists(_arguments, min_size=1, max_size=12))
def test_simplified_says_what_all_say(texts: list[str], worlds: list[dict[str, object]]) -> None:
    """Over random arguments, missing ones and ones of wrong types too, what is left holds just where all hold."""
    originals = [parse(text) for text in texts]
    simplified = simplify(originals)
    for world in _worlds(worlds):
        if _holds(originals, world):
            assert not simplified.contradiction, (texts, world)
            assert _holds(simplified.conjuncts, world), (texts, world)
        elif not simplified.contradiction:
            assert not _holds(simplified.conjuncts, world), (texts, world)


@settings(max_examples=200)
@given(st.lists(_conditions, min_size=1, max_size=6))
def test_simplified_twice_is_simplified_once(texts: list[str]) -> None:
    """What is left has nothing more to leave out, is a condition of its own, and is found joined or one by one."""
    originals = [parse(text) for text in texts]
    once = simplify(originals)
    assert simplify([conjunction(originals)]) == once
    for each in once.conjuncts:
        assert from_wire(to_wire(each), CAVEAT_NAMES) == each
    if not once.contradiction:
        assert simplify(once.conjuncts) == once


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("args.a <= 500 && args.a <= 200", "args.a <= 200"),
        ("args.a < 500 && args.a <= 500", "args.a < 500"),
        ("500 > args.a && args.a >= 1 && args.a > 1.0", "args.a > 1.0 && args.a < 500"),
        ('args.a in ["x", "y"] && args.a != "x"', 'args.a == "y"'),
        ('args.a in ["x", "y", 1] && args.a in [1.0, "x"]', 'args.a in ["x", 1]'),
        ('args.a.startsWith("/a") && args.a.startsWith("/a/b") && args.a.contains("b")', 'args.a.startsWith("/a/b")'),
        ('args.a.endsWith("bc") && args.a.endsWith("c")', 'args.a.endsWith("bc")'),
        ('args.a.contains("b") && args.a.contains("abc")', 'args.a.contains("abc")'),
        ("args.a != 1 && args.a != 1 && true", "args.a != 1"),
        ("args.a == args.b && args.a == args.b", "args.a == args.b"),
        ("true", "true"),
        # What asks for an argument that a closed list does not name.
        ('args.all(k, k in ["a"]) && (!has(args.b) || args.b < 9)', 'args.all(k, k in ["a"])'),
        ('args.all(k, k in ["a"]) && (has(args.b) || args.a == 1)', 'args.all(k, k in ["a"]) && args.a == 1'),
        (
            'args.all(k, k in ["a"]) && (has(args.b) && args.b == 1 || args.a == 1 && args.c == 1)',
            'args.all(k, k in ["a"]) && args.a == 1 && args.c == 1',
        ),
        ('args.all(k, k in ["a"]) && !(has(args.b) && args.b)', 'args.all(k, k in ["a"])'),
        ('args.all(k, k in ["a"]) && (has(args.a) || has(args.a.b))', None),
        ("has(args.b) || args.a == 1", None),
        ('args.all(k, k in ["a", "b"]) && (has(args.b) || args.all(k, k in ["a"]))', None),
        (
            'args.all(k, k in ["a"]) && (has(args.b) || args.all(k, k in ["c"])) && !has(args.a)',
            "args.all(k, k in [])",
        ),
        # Where doubles are no longer exact, both stay.
        (
            "args.a <= 9007199254740992 && args.a <= 9007199254740992.0",
            "args.a <= 9007199254740992 && args.a <= 9007199254740992.0",
        ),
    ],
)
def test_what_others_imply_is_left_out(given: str, expected: str | None) -> None:
    """One line where several say it; the tightest of bounds, the intersection of lists, the longest of texts."""
    expected = given if expected is None else expected
    found = simplify([parse(given)])
    assert not found.contradiction
    assert format_expression(conjunction(found.conjuncts)) == expected


@pytest.mark.parametrize(
    ("given", "clash"),
    [
        ("args.a < 1 && args.a > 1", 2),
        ("args.a < 1 && args.a >= 1.0", 2),
        ('args.a == "x" && args.a == "y"', 2),
        ("args.a in []", 1),
        ("args.a == 1 && args.a > 5 && args.b == 1", 2),
        ('args.a.startsWith("x") && args.a.startsWith("y")', 2),
        ('args.a < 5 && args.a.contains("x")', 2),
        ("args.a && !args.a", 2),
        ("!args.a && args.a", 2),
        ("args.b == 1 && false", 1),
        ('args.all(k, k in ["a"]) && has(args.b) && args.a == 1', 1),
    ],
)
def test_a_contradiction_names_what_clashes(given: str, clash: int) -> None:
    """Where nothing can satisfy all, those that clash are given, and no others."""
    found = simplify([parse(given)])
    assert found.contradiction
    assert len(found.conjuncts) == clash


def test_two_doubles_that_are_one_integer_are_no_contradiction() -> None:
    """2^53 + 1 equals itself, and as a double it equals 2^53: a chain that says both grants that integer."""
    both = parse("args.a == 9007199254740993 && args.a == 9007199254740992.0")
    assert _holds([both], {"a": 2**53 + 1})
    assert not simplify([both]).contradiction


def test_closed_arguments_are_intersected() -> None:
    """Two lists of names leave the names in both, and stand first; none may leave none at all."""
    lists = [only_arguments(("a", "b")), parse("args.a == 1"), only_arguments(("b", "c"))]
    found = simplify(lists)
    assert [format_expression(each) for each in found.conjuncts] == ['args.all(k, k in ["b"])', "args.a == 1"]
    (none,) = simplify([only_arguments(("a",)), only_arguments(("b",))]).conjuncts
    assert closed_names(none) == ()
    assert _holds([none], {})
    assert not _holds([none], {"a": 1})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('args.all(k, k in ["a", "b"])', ("a", "b")),
        ('args.all(name, name in ["a"])', ("a",)),
        ("args.all(k, k in [])", ()),
        ('args.all(k, k in ["a", 1])', None),
        ('args.all(k, k in ["a", args.b])', None),
        ('args.all(k, action in ["a"])', None),
        ('args.m.all(k, k in ["a"])', None),
        ('args.exists(k, k in ["a"])', None),
        ("args.all(k, k in args.l)", None),
        ('args.all(k, k == "a")', None),
        ("args.a == 1", None),
    ],
)
def test_closed_names_are_told_from_their_tree(text: str, names: tuple[str, ...] | None) -> None:
    """Whoever wrote it, the condition that closes the arguments is known by its form; nothing else is."""
    assert closed_names(parse(text)) == names


@given(st.lists(st.sampled_from((*_NAMES, "x", "")), unique=True), _arguments)
def test_closed_arguments_allow_these_names_and_no_other(names: list[str], world: dict[str, object]) -> None:
    """`only_arguments` holds just where every argument is one of the names; each may be missing."""
    condition = only_arguments(names)
    assert closed_names(condition) == tuple(names)
    arguments = {name: value for name, value in world.items() if value is not _MISSING}
    assert _holds([condition], arguments) == (arguments.keys() <= set(names))
