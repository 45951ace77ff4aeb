"""Steps: every line of the cost table, exactly, and that nothing escapes them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import EvaluationError, Scope, StepsExhaustedError
from delegate.core.evaluator.values import Timestamp, to_value
from delegate.errors import CaveatError, CaveatSyntaxError, Reason
from delegate.language.codec import to_wire
from delegate.language.meaning import compile_tree, parse
from tests.language.expressions import VARIABLES, Generator, random_variables, seeded

_VARIABLES: dict[str, object] = {
    "action": "read",
    "resource": "/a/b",
    "now": Timestamp(0),
    "args": {
        "n": 5,
        "s": "x" * 128,
        "t": "x" * 127 + "y",
        "b": b"x" * 640,
        "l": [1, 2, 3],
        "m": {"a": 1, "b": [1, 2]},
        "long": ["x" * 64, "y" * 64],
        "u": "https://example.com/" + "p" * 44,
    },
}


def _steps(text: str) -> int:
    scope = Scope(_VARIABLES, 10**6)
    # An expression that errs has its cost as well; a million steps suffice for all.
    with suppress(EvaluationError):
        compile_wire(to_wire(parse(text)))(scope)
    return 10**6 - scope.steps_left


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        # nodes
        ("true", 1),
        ("args.n", 2),
        ("args.n <= 5", 4),
        ("5 >= args.n", 4),
        ("has(args.n)", 3),
        ("!has(args.n)", 4),
        ("[1, args.n]", 4),
        ('{"a": 1, "b": args.n}', 6),
        ("args.l[0]", 4),
        ('{"a": 1}.a', 4),
        ('has({"a": 1}.a)', 4),
        ("size(args.l) == 3", 5),
        # a segment is charged whole, also when it fails on the way
        ("args.missing + 1 + 2", 6),
        ("args.missing <= 5", 4),
        # && and ||: 1, and the operands that are reached
        ("args.n <= 5 && args.n >= 5", 9),
        ("args.n <= 4 && args.n >= 5", 5),
        ("args.missing <= 4 && args.n >= 5", 9),
        ("args.n <= 5 || args.n >= 5", 5),
        ("args.n <= 4 || args.n >= 5", 9),
        ("args.n == 5 && args.n == 5 && args.n == 5", 13),
        ("args.n == 5 && args.n == 5 && args.n == 6 && args.n == 5", 13),
        ("args.n == 5 && args.n == 5 && args.n == 5 && args.n == 5", 17),
        ("!(args.n <= 5 && true)", 7),
        # ?:
        ("args.n <= 5 ? 1 : [1, 2]", 6),
        ("args.n <= 4 ? 1 : [1, 2]", 8),
        # comprehensions
        ("args.l.all(x, x > 0)", 3 + 3 * 4),
        ("args.l.all(x, x > 1)", 3 + 1 * 4),
        ("args.l.exists(x, x > 1)", 3 + 2 * 4),
        ("args.l.exists_one(x, x > 1)", 3 + 3 * 4),
        ("args.l.map(x, x)", 3 + 3 * 2),
        ("args.l.map(x, x > 1, x + 1)", 3 + 3 * 4 + 2 * 3),
        ("args.l.filter(x, x > 1)", 3 + 3 * 4),
        ("args.m.all(k, true)", 3 + 2 + 2 * 2),
        ("args.l.all(x, args.l.exists(y, y == x))", 3 + 3 * 4 + (1 + 2 + 3) * (1 + 3)),
        # equality
        ("args.s == args.t", 5 + 127 // 64 + (128 // 64 - 127 // 64)),
        (f'args.s == "{"x" * 63}"', 4),
        (f'args.s == "{"x" * 64}"', 4 + 1),
        (f'args.s != "{"x" * 64}"', 4 + 1),
        ("args.b == args.b", 5 + 10),
        ("args.l == args.l", 5 + 3),
        ("args.l == [1, 2]", 3 + 3),
        ("args.l == [2, 2, 3]", 3 + 4 + 3),
        ("args.long == args.long", 5 + 2 + 1 + 1),
        ("args.m == args.m", 5 + 2 + 2),
        ("args.n == args.l", 5),
        # order
        ("args.s < args.t", 5 + 2),
        (f'args.s < "{"x" * 64}"', 4 + 1),
        ("args.b <= args.b", 5 + 10),
        # in
        ("1 in args.l", 4 + 3),
        ("args.n in [1, 2]", 3 + 1 + 2 + 2),
        ('action in ["read", "list"]', 2 + 1 + 2 + 2),
        ("args.n in [args.n]", 3 + 3 + 1),
        ('"a" in args.m', 4),
        (f'args.s in ["{"y" * 64}", "{"x" * 128}"]', 3 + 1 + 2 + 2 + 1 + 2),
        ("args.long[1] in args.long", 7 + 2 + 1 + 1),
        # joining
        ("args.s + args.t", 5 + 4),
        ("args.b + args.b", 5 + 20),
        ("args.l + args.l", 5 + 6),
        # text
        ('args.s.startsWith("x")', 4),
        (f'args.s.startsWith("{"x" * 64}")', 4 + 1),
        ("args.s.endsWith(args.t)", 5 + 2),
        ('args.s.contains("x")', 4 + 129 // 64),
        ("args.s.contains(args.t)", 5 + 4 + 128 * 128 // 4096),
        ("size(args.s)", 3 + 2),
        ("size(args.b)", 3),
        ("bytes(args.s)", 3 + 2),
        ("string(args.b)", 3 + 10),
        ("int(args.s)", 3 + 2),
        ("string(args.n)", 3),
        ("string(1.5)", 2 + 4),
        ("string(now)", 2 + 4),
        ("string(now - now)", 4 + 4),
        ("double(args.s)", 3 + 2),
        # times
        ('timestamp("2027-01-01T00:00:00Z")', 2 + 4 + 20 // 4),
        ('duration("1s")', 2 + 4),
        ("duration(args.s)", 3 + 4 + 128 // 4),
        ("timestamp(0).getHours()", 3),
        ('timestamp(0).getHours("UTC")', 4 + 4),
        # patterns and places
        ('args.s.matches("x+")', 4 + 32 + 1 + 8 * 2 + 129 * 17 // 128),
        ('args.s.matches("[0-9a-f]{8}")', 4 + 32 + 5 + 8 * 16 + 129 * 31 // 128),
        ('args.s.matches("(?i)x+")', 4 + 32 + 3 + 8 * 6 + 129 * 21 // 128),
        ('glob.match(args.s, "x*")', 4 + (129 * 1 + 2 * 2) // 4),
        ('path.within(resource, "/a")', 3 + 6 // 16 + 8),
        ("url.host(args.u)", 3 + 64 // 16 + 8),
        ("url.scheme(args.u)", 3 + 64 // 16 + 8),
        ('net.within("10.0.0.1", "10.0.0.0/8")', 3 + 18 // 16 + 24),
    ],
)
def test_cost_table(text: str, steps: int) -> None:
    """Each line of the table in `scope.py`, to the step."""
    assert _steps(text) == steps


@pytest.mark.parametrize(
    "text",
    [
        "args.n <= 5 && args.n >= 5",
        "args.n <= 5 && args.n >= 5 && true",
        "args.n <= 5 && args.n >= 5 && true && true",
        "args.l.all(x, x > 0)",
        "args.l.map(x, args.l.map(y, x + y)) == []",
        "args.s + args.t == args.s",
        "args.n == 5 ? args.n : 0",
        'args.s.matches("^x*y$") || args.l.exists(x, x == 3)',
    ],
)
def test_exactly_enough_and_one_too_few(text: str) -> None:
    """With the steps that it costs an expression comes to its value, with one less it does not."""
    needed = _steps(text)
    condition = compile_wire(to_wire(parse(text)))
    scope = Scope(_VARIABLES, needed)
    condition(scope)
    assert scope.steps_left == 0
    scope = Scope(_VARIABLES, needed - 1)
    with pytest.raises(CaveatError) as caught:
        condition(scope)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert scope.steps_left >= 0


@pytest.mark.parametrize(
    "text",
    [
        "args.l.map(x, args.l.map(y, 1)) == [] || true",
        "true && (args.l.map(x, args.l.map(y, 1)) == [] || true)",
        "[1, 2].exists(x, x == 2 || args.l.all(y, y > 0))",
        "!(args.l.all(y, y > 0) && false)",
        "[1].all(x, args.l.all(y, y > 0)) ? true : true",
    ],
)
def test_running_out_is_not_absorbed(text: str) -> None:
    """`error || true` is true in CEL; running out of steps is not such an error, wherever it happens."""
    needed = _steps(text)
    for steps in range(needed):
        with pytest.raises(StepsExhaustedError):
            compile_wire(to_wire(parse(text)))(Scope(_VARIABLES, steps))


def test_steps_are_shared() -> None:
    """All conditions of a decision draw on one scope, and once it is empty nothing passes."""
    condition = compile_wire(to_wire(parse("args.n == 5")))
    scope = Scope(_VARIABLES, 9)
    assert condition(scope) is True
    assert condition(scope) is True
    assert scope.steps_left == 1
    with pytest.raises(StepsExhaustedError):
        condition(scope)
    with pytest.raises(StepsExhaustedError):
        compile_wire(True)(scope)


def test_twenty_thousand() -> None:
    """A decision has 20,000 steps: an expression of so many comes to its value, one of 20,001 does not."""
    scope = Scope({"args": {"l": [0] * 9_998}})
    assert compile_wire(to_wire(parse("!args.l.all(x, true)")))(scope) is False
    assert scope.steps_left == 0
    with pytest.raises(StepsExhaustedError):
        compile_wire(to_wire(parse("args.l.all(x, true) == true")))(Scope(scope.variables))


def test_long_maps_and_lists_are_paid_for_first() -> None:
    """Sorting keys and comparing lists is charged before it is done: too few steps, and nothing was looked at."""

    class Trap(list[object]):
        def __iter__(self) -> None:  # type: ignore[override]
            raise AssertionError

    scope = Scope({"args": {"l": Trap([1] * 100)}}, 50)
    with pytest.raises(StepsExhaustedError):
        compile_wire(to_wire(parse("args.l == args.l")))(scope)


@given(st.integers(0, 2**32))
def test_fewer_steps_never_change_the_verdict(seed: int) -> None:
    """For random expressions: with enough steps the same value or error, with fewer LIMIT_EXCEEDED, never else."""
    rng = seeded(seed)
    names = frozenset(VARIABLES)
    try:
        tree = parse(Generator(rng).expression("bool", rng.randint(1, 4)), names=names)
    except CaveatSyntaxError:
        return
    variables: dict[str, object] = {name: to_value(value) for name, value in random_variables(rng).items()}
    condition = compile_wire(to_wire(tree), names)

    def outcome(steps: int) -> tuple[str, int]:
        scope = Scope(variables, steps)
        try:
            result = repr(condition(scope))
        except CaveatError as error:
            result = str(error.reason)
        return result, steps - scope.steps_left

    whole, needed = outcome(20_000)
    if whole == Reason.LIMIT_EXCEEDED:
        return
    assert outcome(needed) == (whole, needed)
    for steps in {0, needed // 2, needed - 1} - {-1, needed}:
        assert outcome(steps)[0] == Reason.LIMIT_EXCEEDED
    # The lenient way of `evaluate` charges the same.
    scope = Scope(variables, 20_000)
    with suppress(CaveatError):
        compile_tree(tree)(scope)
    assert 20_000 - scope.steps_left == needed
