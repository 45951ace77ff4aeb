"""Trees to objects and back: one encoding each, and everything else refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator import compiler
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import CAVEAT_NAMES, Op
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError, CaveatSyntaxError, Reason, TokenError
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
    """Each of these has one fault, and both readers name it alike."""
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
def test_both_readers_agree(seed: int) -> None:
    """`from_wire` and `compile_wire` accept the same objects and refuse the rest for the same reason.

    And whatever they accept is the one encoding of its tree, and prints to text that parses to it.
    """
    rng = seeded(seed)
    encoded = to_wire(_random_tree(seed))
    for _ in range(rng.randint(1, 3)):
        encoded = _mutate(rng, encoded)
    verdict = _verdict(from_wire, encoded)
    assert _verdict(compile_wire, encoded) == verdict
    if verdict is None:
        tree = from_wire(encoded, frozenset(_NAMES))
        assert repr(to_wire(tree)) == repr(encoded)
        assert parse(format_expression(tree), names=frozenset(_NAMES)) == tree


_QUICK: list[object] = [
    [4, "action", "read"],
    [5, "args", "a", 1],
    [9, "args", "a", 2**63 - 1],
    [10, "action", ["read"]],
    [10, "args", "a", ["x"] * 16],
    [11, "resource", "x" * 70],
    [15, "args", "a", "/x/**"],
    [1, [4, "action", "read"], [11, "resource", "/"]],
    [1, [10, "action", ["read", "list"]], [11, "resource", "/"], [7, "args", "n", 5]],
    [1, *[[10, "args", "a", ["x", "y", "z", "v"] * 4]] * 8],
    [1, [14, "resource", "a+"], [7, "args", "n", 5], [4, "args", "a", "x"], [13, "args", "a", "x"]],
]


def _outcome(built: Built, args: object, steps: int) -> tuple[str, int]:
    scope = Scope({"action": "read", "resource": "/aa", "args": args}, steps)
    try:
        value = repr(compiler.finish(built)(scope))
    except CaveatError as error:
        value = error.detail
    return value, scope.steps_left


@pytest.mark.parametrize("encoded", _QUICK)
@pytest.mark.parametrize("args", [{"a": "x", "n": 5}, {"a": 1, "n": 6}, {}])
def test_the_quick_way_and_the_walk_make_the_same(encoded: object, args: object) -> None:
    """What is compiled without a walk: same value or error, same steps, with enough of them and with too few."""
    built = compiler._quickly(encoded, CAVEAT_NAMES)
    assert built is not None
    walked = compiler.Walk(CAVEAT_NAMES).build(encoded, 1)
    assert built[1:] == walked[1:]
    for steps in (20_000, 12, 3):
        assert _outcome(built, args, steps) == _outcome(walked, args, steps)


_flat_paths = st.sampled_from([["action"], ["resource"], ["args"], ["args", "a"], ["args", "n"], ["args", "missing"]])
_flat_literals = st.sampled_from(["read", "/", "", "5", "x" * 70, 0, 5, -1, 2**63 - 1])
_flats = st.one_of(
    st.builds(lambda op, path, literal: [op, *path, literal], st.integers(4, 9), _flat_paths, _flat_literals),
    st.builds(lambda op, path, literal: [op, *path, literal], st.integers(11, 17), _flat_paths, _flat_literals),
    st.builds(
        lambda path, literals: [10, *path, literals],
        _flat_paths,
        st.lists(st.sampled_from(["read", "", "5", "x" * 70]), min_size=1, max_size=16),
    ),
)


@given(
    st.lists(_flats, min_size=1, max_size=8),
    st.fixed_dictionaries({}, optional={"a": st.sampled_from(["read", 5, True, None]), "n": st.integers(-1, 6)}),
    st.integers(0, 60),
)
def test_any_few_flat_operators_are_compiled_as_by_the_walk(
    flats: list[list[object]], args: object, steps: int
) -> None:
    """Random ones, one alone or several joined, over values of right and wrong types."""
    encoded = flats[0] if len(flats) == 1 else [1, *flats]
    built = compiler._quickly(encoded, CAVEAT_NAMES)
    assert built is not None
    walked = compiler.Walk(CAVEAT_NAMES).build(encoded, 1)
    assert built[1:] == walked[1:]
    for each in (20_000, steps):
        assert _outcome(built, args, each) == _outcome(walked, args, each)


@pytest.mark.parametrize(
    "encoded",
    [
        [True, [4, "action", "a"], [4, "action", "b"]],
        [1.0, [4, "action", "a"], [4, "action", "b"]],
        [4.0, "action", "a"],
        [1, [4, "action", "a"]],
        [1, [4, "action", "a"], [4.0, "action", "b"]],
        [1, [4, "action", "a"], [1, [4, "action", "a"], [4, "action", "b"]]],
        [1, *[[4, "action", "a"]] * 9],
        [10, "action", []],
        [10, "action", ["a", 1]],
        [10, "action", ["a"] * 17],
        [4, "action", True],
        [4, "action", 2**63],
        [4, "action", -(2**63) - 1],
        [4, "args", "a", "b", 1],
        [4, "args", 1, 1],
        [4, "foo", 1],
        [4, ["args"], 1],
        [3, "args", 1],
        [],
        None,
    ],
)
def test_what_is_not_plainly_right_is_left_to_the_walk(encoded: object) -> None:
    """The quick way takes exact types within the limits, and answers for nothing else."""
    assert compiler._quickly(encoded, CAVEAT_NAMES) is None


_objects = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 75) | st.floats() | st.sampled_from(["args", "a", "x"]) | st.binary(),
    lambda children: st.lists(children, max_size=5),
    max_leaves=12,
)


@given(_objects)
def test_any_object_is_read_or_refused(encoded: object) -> None:
    """Whatever strict decoding yields gives a tree or a TokenError, the same from both readers."""
    assert _verdict(compile_wire, encoded) == _verdict(from_wire, encoded)


def test_opcodes_do_not_move() -> None:
    """The numbers are the format: a new operator gets a new one."""
    assert [op.value for op in Op] == list(range(72))
    assert (Op.PATH, Op.EQ_FLAT, Op.ALL, Op.EQ, Op.ADD, Op.GET_MILLISECONDS) == (0, 4, 19, 24, 38, 71)
