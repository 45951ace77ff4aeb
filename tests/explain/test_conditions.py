"""What a refusal says of a condition."""

from __future__ import annotations

import pytest

from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import Timestamp
from delegate.errors import CaveatError
from delegate.explain.conditions import explain_failure, reads, show_value, trace
from delegate.language.meaning import parse

_VARIABLES: dict[str, object] = {
    "action": "files.read",
    "resource": "/data/a",
    "args": {
        "amount": 750,
        "s": "x" * 500,
        "e": "\x1b[31m\u202e",
        "l": [1, [2, "a"], {"k": None}],
        "big": [{"k": "v" * 30}] * 30,
        "odd name": 1,
    },
    "now": Timestamp.from_seconds(0),
}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("args.amount <= 1000", ""),
        ("args.amount <= 500", "args.amount <= 500, and args.amount is 750"),
        ("args.amount <= 1000 && args.amount <= 500", "args.amount <= 500, and args.amount is 750"),
        ("args.missing <= 500", "args.missing <= 500, and args.missing is missing"),
        ("args.missing <= 5 && args.amount < 5", "args.amount < 5, and args.amount is 750"),
        ("args.amount == args.missing", "args.amount == args.missing, and args.amount is 750, args.missing is missing"),
        ("args.amount == 'x' || false", 'args.amount == "x" || false, and args.amount is 750'),
        ("args.amount < 'x'", 'args.amount < "x", and args.amount is 750, `<` does not take int and string'),
        ("args.amount", "args.amount, and args.amount is 750, it is 750, not a bool"),
        ("false", "false"),
        ("args.all(k, k in ['amount', 's', 'e', 'l', 'big'])", "argument `'odd name'` is not permitted"),
        ("args.all(k, k in ['amount']) && false", "arguments `s`, `e`, `l` and 2 more are not permitted"),
        ("env.all(k, k in ['a'])", 'env.all(k, k in ["a"]), and env is what the service alone knows'),
        ("has(args.x)", "has(args.x), and args.x is missing"),
        ("action.a == 1", "action.a == 1, and action.a cannot be read: `action` is a string, not a map"),
        ("now > timestamp(1)", "now > timestamp(1), and now is 1970-01-01T00:00:00Z"),
        ("args.l.all(x, x == 1)", 'args.l.all(x, x == 1), and args.l is [1, [2, "a"], {"k": null}]'),
        ("args.e == ''", 'args.e == "", and args.e is "\\u001b[31m\\u202e"'),
        ('args["odd name"] == 2', "args[\"odd name\"] == 2, and args.'odd name' is 1"),
        ("args['a\\n'] == 2", "args[\"a\\n\"] == 2, and args.'a\\n' is missing"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    """The first conjunct that refuses, with what it read; empty where nothing refuses."""
    assert explain_failure(parse(text), _VARIABLES) == line


def test_long_values_are_cut() -> None:
    """A caller's value takes one line of bounded length, whatever it is."""
    for field in ("s", "big"):
        line = explain_failure(parse(f"args.{field} == 1"), _VARIABLES)
        assert len(line) < 120
        assert line.endswith("…")
    assert show_value([list(range(10_000))] * 10_000).endswith("…")
    assert show_value("a" * 58) == f'"{"a" * 58}"'
    assert show_value(object()) == "a value of unknown type"
    assert show_value({"a": True, "b": b"x"}) == '{"a": true, "b": b"x"}'


def test_reads() -> None:
    """The paths that are read, each once and in order, those of a comprehension's own variable not."""
    tree = parse("args.a == 1 && has(args.b.c) && aud.all(x, x == env.k && x.y == args.a) && [now] == [holder.key]")
    assert reads(tree) == (
        ("args", "a"),
        ("args", "b", "c"),
        ("aud",),
        ("env", "k"),
        ("now",),
        ("holder", "key"),
    )
    assert reads(parse("[1].all(args, args.a == 1) || args.b")) == (("args", "b"),)


def test_trace() -> None:
    """Each conjunct with its value, or the error that it ended in."""
    results = trace(parse("args.amount > 1 && args.missing == 1 && false"), Scope(dict(_VARIABLES)))
    assert [text for text, _ in results] == ["args.amount > 1", "args.missing == 1", "false"]
    assert results[0][1] is True
    assert isinstance(results[1][1], CaveatError)
    assert results[2][1] is False
