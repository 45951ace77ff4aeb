"""Trees to objects and back: one encoding each, and everything else refused by the one walk that checks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import CAVEAT_NAMES, Op
from delegate.errors import CaveatSyntaxError, Reason, TokenError
from delegate.language.codec import from_wire, to_wire
from delegate.language.meaning import parse
from delegate.language.printer import format_expression
from delegate.language.tree import Expression
from tests.language.expressions import VARIABLES, Generator, seeded

_NAMES = CAVEAT_NAMES | VARIABLES.keys()


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("args.amount <= 500", [7, "args", "amount", 500]),
        ('action in ["a", 1, null]', [10, "action", ["a", 1, None]]),
        ("action in []", [10, "action", []]),
        ('resource.startsWith("/a")', [11, "resource", "/a"]),
        ("args.a", [0, "args", "a"]),
        ("args.a == args.b", [24, [0, "args", "a"], [0, "args", "b"]]),
        ("500 >= args.a", [29, 500, [0, "args", "a"]]),
        ('"admin" in args.roles', [30, "admin", [0, "args", "roles"]]),
        ("action in [action]", [30, [0, "action"], [22, [0, "action"]]]),
        ('action in "abc"', [30, [0, "action"], "abc"]),
        ("has(args.a)", [18, "args", "a"]),
        ("has(aud[0].a)", [46, [44, [0, "aud"], 0], "a"]),
        ("aud[0].a", [45, [44, [0, "aud"], 0], "a"]),
        ("true && false", [1, True, False]),
        ('{"a": 1}', [47, ["a", 1]]),
        ("aud.all(x, x == 1)", [19, [0, "aud"], "x", [4, "x", 1]]),
        ("aud.map(x, x > 1, -x)", [50, [0, "aud"], "x", [8, "x", 1], [43, [0, "x"]]]),
        ('path.within(args.p, "/d")', [16, "args", "p", "/d"]),
        ("size(aud) > 1", [28, [23, [0, "aud"]], 1]),
        ("-5", -5),
        ("null", None),
        ('b"a"', b"a"),
    ],
)
def test_encodings(text: str, encoded: object) -> None:
    """The format: these trees and these objects stand for each other."""
    assert repr(to_wire(parse(text))) == repr(encoded)
    assert from_wire(encoded) == parse(text)
    compile_wire(encoded)


def _deep(levels: int) -> object:
    expression: object = 1
    for _ in range(levels):
        expression = [22, expression]
    return expression


def _flat_at(levels: int, flat: list[Any]) -> object:
    expression: object = flat
    for _ in range(levels):
        expression = [3, expression]
    return expression


_REFUSED: list[tuple[str, object, Reason]] = [
    ("no opcode", [], Reason.MALFORMED),
    ("a bool as opcode", [True, "args", "a"], Reason.MALFORMED),
    ("a double as opcode", [4.0, "args", "a", 1], Reason.MALFORMED),
    ("text as opcode", ["args", "a"], Reason.MALFORMED),
    ("an unknown opcode", [72, 1], Reason.MALFORMED),
    ("a negative opcode", [-1, "f"], Reason.MALFORMED),
    ("an array as opcode", [[4], 1], Reason.MALFORMED),
    ("a map", {"a": 1}, Reason.MALFORMED),
    ("a tuple", (4, "args", 1), Reason.MALFORMED),
    ("an integer beyond 64 bits", 2**63, Reason.MALFORMED),
    ("the same in a flat operator", [4, "action", 2**63], Reason.MALFORMED),
    ("the same in a list of literals", [10, "action", [-(2**63) - 1]], Reason.MALFORMED),
    ("NaN", float("nan"), Reason.MALFORMED),
    ("infinity in a flat operator", [4, "action", float("inf")], Reason.MALFORMED),
    ("an unknown name", [0, "foo"], Reason.MALFORMED),
    ("an unknown name, flat", [4, "foo", 1], Reason.MALFORMED),
    ("an unknown name in has", [18, "foo", "a"], Reason.MALFORMED),
    ("a variable outside of its body", [1, [19, [0, "aud"], "x", True], [4, "x", 1]], Reason.MALFORMED),
    ("an empty path", [0], Reason.MALFORMED),
    ("an integer in a path", [0, "args", 1], Reason.MALFORMED),
    ("an integer in a flat path", [4, "args", 1, 1], Reason.MALFORMED),
    ("a flat operator without literal", [4, "args"], Reason.MALFORMED),
    ("a flat operator alone", [4], Reason.MALFORMED),
    ("a list as the literal", [4, "args", "a", [1]], Reason.MALFORMED),
    ("no list after in", [10, "action", "read"], Reason.MALFORMED),
    ("a list in a list of literals", [10, "action", [[22]]], Reason.MALFORMED),
    ("one operand for &&", [1, True], Reason.MALFORMED),
    ("two operands for !", [3, True, True], Reason.MALFORMED),
    ("one operand for ==", [24, 1], Reason.MALFORMED),
    ("two operands for ?:", [21, True, 1], Reason.MALFORMED),
    ("has of a name", [18, "args"], Reason.MALFORMED),
    ("has of a field that cannot be written", [18, "args", 'a"b'], Reason.MALFORMED),
    ("the same of a selection", [46, [22], "\n"], Reason.MALFORMED),
    ("a selection without field", [45, [22]], Reason.MALFORMED),
    ("a selection by an integer", [45, [22], 1], Reason.MALFORMED),
    ("a comprehension without body", [19, [0, "aud"], "x"], Reason.MALFORMED),
    ("a variable that is a keyword", [19, [0, "aud"], "true", True], Reason.MALFORMED),
    ("a variable that is reserved", [19, [0, "aud"], "if", True], Reason.MALFORMED),
    ("a variable that is no identifier", [19, [0, "aud"], "a b", True], Reason.MALFORMED),
    ("a variable that is no text", [19, [0, "aud"], 1, True], Reason.MALFORMED),
    ("a map entry without value", [47, ["a"]], Reason.MALFORMED),
    ("a map entry that is no pair", [47, "ab"], Reason.MALFORMED),
    ("the general form of a flat operator", [24, [0, "args", "a"], 1], Reason.NOT_CANONICAL),
    ("the same of in", [30, [0, "action"], [22, "a"]], Reason.NOT_CANONICAL),
    ("the same of in an empty list", [30, [0, "action"], [22]], Reason.NOT_CANONICAL),
    ("the same of startsWith", [31, [0, "action"], "a"], Reason.NOT_CANONICAL),
    ("&& within &&", [1, True, [1, True, False]], Reason.NOT_CANONICAL),
    ("|| within ||", [2, [2, True, False], True], Reason.NOT_CANONICAL),
    ("a field of a path", [45, [0, "args"], "a"], Reason.NOT_CANONICAL),
    ("has a field of a path", [46, [0, "args"], "a"], Reason.NOT_CANONICAL),
    ("an index that is a field", [44, [0, "args"], "a"], Reason.NOT_CANONICAL),
    ("257 nodes", [22, *([1] * 256)], Reason.LIMIT_EXCEEDED),
    ("257 nodes in a list of literals", [10, "action", [1] * 254], Reason.LIMIT_EXCEEDED),
    ("257 nodes in a path", [0, "args", *(["a"] * 256)], Reason.LIMIT_EXCEEDED),
    ("17 levels", _deep(16), Reason.LIMIT_EXCEEDED),
    ("17 levels, the last a flat operator's", _flat_at(15, [4, "action", 1]), Reason.LIMIT_EXCEEDED),
    ("17 levels, the last of in", _flat_at(14, [10, "action", [1]]), Reason.LIMIT_EXCEEDED),
    ("17 levels, the last of has", _flat_at(15, [18, "args", "a"]), Reason.LIMIT_EXCEEDED),
    (
        "three comprehensions",
        [19, [0, "aud"], "x", [19, [0, "aud"], "y", [19, [0, "aud"], "z", True]]],
        Reason.LIMIT_EXCEEDED,
    ),
]


@pytest.mark.parametrize(("encoded", "reason"), [row[1:] for row in _REFUSED], ids=[row[0] for row in _REFUSED])
def test_refused(encoded: object, reason: Reason) -> None:
    """Each of these has one fault: named by the walk, and so by the reader of trees, which has it walk first."""
    with pytest.raises(TokenError) as caught:
        from_wire(encoded)
    assert caught.value.reason is reason
    with pytest.raises(TokenError) as caught:
        compile_wire(encoded)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "encoded",
    [
        _deep(15),
        _flat_at(14, [4, "action", 1]),
        _flat_at(13, [10, "action", [1]]),
        _flat_at(14, [10, "action", []]),
        _flat_at(14, [18, "args", "a"]),
        [22, *([1] * 255)],
        [10, "action", [1] * 253],
        [0, "args", *(["a"] * 255)],
    ],
)
def test_just_within_the_limits(encoded: object) -> None:
    """256 nodes and 16 levels are accepted by both readers, and by the parser when printed."""
    compile_wire(encoded)
    tree = from_wire(encoded)
    assert parse(format_expression(tree)) == tree


def _random_tree(seed: int) -> Expression:
    rng = seeded(seed)
    while True:
        text = Generator(rng, untyped=0.2).expression(None, rng.randint(0, 6))
        try:
            return parse(text, names=frozenset(_NAMES))
        except CaveatSyntaxError as error:
            # Generated text is in the language; only the limits may refuse it.
            if "at most" not in error.detail:
                raise


@given(st.integers(0, 2**32))
def test_round_trips(seed: int) -> None:
    """Text to tree to object and back are stable, each in one form."""
    tree = _random_tree(seed)
    encoded = to_wire(tree)
    text = format_expression(tree)
    assert from_wire(encoded, frozenset(_NAMES)) == tree
    assert parse(text, names=frozenset(_NAMES)) == tree
    assert repr(to_wire(parse(text, names=frozenset(_NAMES)))) == repr(encoded)
    compile_wire(encoded, frozenset(_NAMES))


def _verdict(reader: Callable[[object, frozenset[str]], object], encoded: object) -> object:
    try:
        reader(encoded, frozenset(_NAMES))
    except TokenError as error:
        return error.reason
    return None


def _mutate(rng: random.Random, encoded: object) -> object:
    """Change one place of an object: another opcode, type, number of items or place."""
    if isinstance(encoded, list) and encoded and rng.random() < 0.8:
        place = rng.randrange(len(encoded))
        copy = list(encoded)
        match rng.randrange(6):
            case 0:
                del copy[place]
            case 1:
                copy.insert(place, rng.choice([1, "args", [0, "args"], None, [22]]))
            case 2:
                copy[0] = rng.choice([*map(int, Op), True, -1, 99, 4.0, "x"])
            case 3:
                copy[place] = copy
                copy = list(encoded)
                copy[place] = encoded
            case _:
                copy[place] = _mutate(rng, copy[place])
        return copy
    return rng.choice([0, True, 1.5, "args", "a", b"", None, [0, "args", "a"], [22, 1], 2**64, [10, "i", [1]]])


@given(st.integers(0, 2**32))
def test_what_the_walk_passes_is_a_tree_s_one_encoding(seed: int) -> None:
    """Whatever small change the walk passes is read as a tree, in its one encoding, and prints to text that gives it.

    So the walk lets nothing through that stands for no tree, and the reader of trees needs no check of its own.
    """
    rng = seeded(seed)
    encoded = to_wire(_random_tree(seed))
    for _ in range(rng.randint(1, 3)):
        encoded = _mutate(rng, encoded)
    verdict = _verdict(compile_wire, encoded)
    assert _verdict(from_wire, encoded) == verdict
    if verdict is None:
        tree = from_wire(encoded, frozenset(_NAMES))
        assert repr(to_wire(tree)) == repr(encoded)
        assert parse(format_expression(tree), names=frozenset(_NAMES)) == tree


_objects = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 75) | st.floats() | st.sampled_from(["args", "a", "x"]) | st.binary(),
    lambda children: st.lists(children, max_size=5),
    max_leaves=12,
)


@given(_objects)
def test_any_object_is_read_or_refused(encoded: object) -> None:
    """Whatever strict decoding yields gives a tree, in its one encoding, or a TokenError."""
    verdict = _verdict(compile_wire, encoded)
    assert _verdict(from_wire, encoded) == verdict
    if verdict is None:
        assert repr(to_wire(from_wire(encoded, frozenset(_NAMES)))) == repr(encoded)


def test_opcodes_do_not_move() -> None:
    """The numbers are the format: a new operator gets a new one."""
    assert [op.value for op in Op] == list(range(72))
    assert (Op.PATH, Op.EQ_FLAT, Op.ALL, Op.EQ, Op.ADD, Op.GET_MILLISECONDS) == (0, 4, 19, 24, 38, 71)
