"""Text to trees and back: grammar, places of errors, fewest parentheses."""

from __future__ import annotations

import pytest

from delegate.core.evaluator.opcodes import Op
from delegate.errors import CaveatError, CaveatSyntaxError
from delegate.language.meaning import evaluate, parse
from delegate.language.printer import format_expression
from delegate.language.tree import Call, Fold, Has, Literal, Path, Select
from delegate.limits import EXPRESSION_CHARACTERS

_ROUND_TRIPS = [
    "args.amount <= 500",
    'action in ["read", "list"] && resource.startsWith("/reports/")',
    "args.a || args.b && args.c",
    "(args.a || args.b) && args.c",
    "args.a ? args.b : args.c ? 1 : 2",
    "args.a ? (args.b ? 1 : 2) : 3",
    "(args.a ? args.b : args.c) ? 1 : 2",
    "!(args.a && args.b)",
    "!(!args.a)",
    "!has(args.a)",
    "-args.a",
    "-(1)",
    "-(-1)",
    "-(1.5)",
    "-(1.a)",
    "!-1",
    "-1.a",
    "1 - -1",
    "1 - (2 - 3)",
    "1 - 2 - 3",
    "1 * (2 + 3) % 4",
    "(1 + 2) * 3",
    "1 < 2 == true",
    "1 < (2 == true)",
    "args.l.all(x, x > 0 && args.m.exists(y, y == x))",
    "args.l.map(x, x > 0, x * 2)",
    "args.l.filter(x, has(x.a))",
    "size(args.s) == 1",
    "args.l[0]",
    "(args.l + [1])[0].a",
    '{"a": 1, 2: [true, null], false: b"\\xff"}',
    '{"a": 1}.a',
    "[]",
    "{}",
    'args["content-type"] == "x"',
    'args["in"].if',
    "has(args.`content-type`)",
    "has(args.`in`)",
    "has((args.l + []).a)",
    'path.within(args.p, "/data")',
    'url.host(args.u) == "example.com"',
    'glob.match(args.s, "**/*.csv")',
    'net.within(args.ip, "10.0.0.0/8")',
    'timestamp("2027-01-01T00:00:00Z") - duration("1h") > now',
    'now.getHours("Europe/Berlin") < 18',
    '"a\\n\\"\\\\\\u0001\\u2028"',
    "1e+16 < 1.5",
    "-0.0",
    "-9223372036854775808",
    "1 in [1] in [true]",
    "dyn(args.a) == 1",
]


@pytest.mark.parametrize("text", _ROUND_TRIPS)
def test_text_comes_back(text: str) -> None:
    """The printer writes what the parser read, with no parenthesis more."""
    assert format_expression(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("!!args.a", "args.a"),
        ("---1", "-(1)"),
        ("((1 + 2)) + 3", "1 + 2 + 3"),
        ("args.a && (args.b && args.c)", "args.a && args.b && args.c"),
        ('args["a"]', "args.a"),
        ("'it\\'s'", '"it\'s"'),
        ("0x1F", "31"),
        ("args.s.size()", "size(args.s)"),
        ('matches(args.s, "a")', 'args.s.matches("a")'),
        ("r'\\d'", '"\\\\d"'),
        ("[1, 2,]", "[1, 2]"),
        ("1 // one\n + 2", "1 + 2"),
        ('has(args["a"].b)', "has(args.a.b)"),
    ],
)
def test_one_form(text: str, printed: str) -> None:
    """Several writings of one tree are printed in one way."""
    assert format_expression(parse(text)) == printed
    assert format_expression(parse(printed)) == printed


def test_trees() -> None:
    """Paths are flat, `&&` has all operands at once, a method's receiver is its first operand."""
    assert parse("args.a.b") == Path(("args", "a", "b"))
    assert parse("(args.l + []).a") == Select(Call(Op.ADD, (Path(("args", "l")), parse("[]"))), "a")
    assert parse("true && false && true") == Call(Op.AND, (Literal(True), Literal(False), Literal(True)))
    assert parse("has(args.a)") == Has(Path(("args", "a")))
    assert parse("aud.all(x, x == env)") == Fold(
        Op.ALL, Path(("aud",)), "x", (Call(Op.EQ, (Path(("x",)), Path(("env",)))),)
    )


def test_literals_are_told_apart() -> None:
    """Python's `1 == 1.0 == True` and `0.0 == -0.0` do not make trees equal."""
    texts = ["1", "1.0", "true", "0.0", "-0.0", "0", "false", '"1"', 'b"1"', "null"]
    trees = {parse(text) for text in texts}
    assert len(trees) == len(texts)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ""),
        ("1 +", ""),
        ("(1", ""),
        ("1)", ")"),
        ("1 2", "2"),
        ("foo.bar", "foo"),
        ("args.a == amount", "amount"),
        ("args.f(1)", "f"),
        ("frob(1)", "frob"),
        ("size(1, 2)", "size"),
        ("args.a = 1", "="),
        ("args.a & 1", "&"),
        ("'abc", "'"),
        ('"a\nb"', '"'),
        ("'\\q'", "\\q"),
        ("'\\ud800'", "\\ud800"),
        ("'\\U00110000'", "\\U00110000"),
        ("b'\\u0041'", "\\u0041"),
        ("'\ud800'", "\ud800"),
        ("9223372036854775808", "9223372036854775808"),
        ("--9223372036854775808", "9223372036854775808"),
        ("-9223372036854775809", "9223372036854775809"),
        ("1e400", "1e400"),
        ("1u", "u"),
        ("true ? true ? 1 : 2 : 3", "?"),
        ("[1].all(args.x, true)", "args"),
        ("[1].all(1, true)", "1"),
        ("[1].all(if, true)", "if"),
        ("has(args)", "has"),
        ("has(args['a'])", "has"),
        ("has(1 + 2)", "has"),
        ("has(size(args.a))", "has"),
        ("if", "if"),
        ("args.in", "in"),
        ("size(1,)", ")"),
        ("[,]", ","),
        ("-!true", "!"),
        ("args.`a b", "`"),
        ("`args`", "`args`"),
        (".args", "."),
        ("Foo{a: 1}", "Foo"),
        ("args.?a", "?"),
        ("#", "#"),
        ("[1].existsOne(x, true)", "existsOne"),
        ("[1].all(x, true, false)", "all"),
    ],
)
def test_errors_underline_the_place(text: str, place: str) -> None:
    """What is not in the language is refused, and the span covers what is at fault."""
    with pytest.raises(CaveatSyntaxError) as caught:
        parse(text)
    start, end = caught.value.span
    assert text[start:end] == place
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "[" * 5000,
        "-(" * 2500,
        "!" * 8000,
        "a." * 4000,
        "{1:" * 2000,
        "true?1:" * 1000,
        "1+" * 4000 + "1",
        "f(" * 2000,
        "[1].all(x," * 700,
        "(" * 40 + "1" + ")" * 40,
        " " * (EXPRESSION_CHARACTERS + 1),
        "true && " * 300 + "true",
    ],
)
def test_nothing_exhausts_the_stack(text: str) -> None:
    """Deep or long text is refused as such: no RecursionError gets out."""
    with pytest.raises(CaveatSyntaxError):
        parse(text)
    with pytest.raises(CaveatSyntaxError):
        evaluate(text, {})


NESTED = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "lists": lambda n: "[" * n + "]" * n,
    "maps": lambda n: "{1: " * (n - 1) + "{}" + "}" * (n - 1),
    "calls": lambda n: "string(" * n + "1" + ")" * n,
    "methods": lambda n: "args.l.size(" * (n - 1) + "args.l.size()" + ")" * (n - 1),
    "indices": lambda n: "args.l[" * n + "0" + "]" * n,
    "not": lambda n: "!" * n + "true",
    "minus": lambda n: "-" * n + "args.n",
    "minus, and that of a number": lambda n: "-" * (n + 1) + "5",
    "else": lambda n: "true ? 1 : " * n + "2",
    "signs and parentheses": lambda n: "!(" * (n // 2) + "(" * (n % 2) + "true" + ")" * (n - n // 2),
    "a sign before a call": lambda n: "-string(" * (n // 2) + "(" * (n % 2) + "1" + ")" * (n - n // 2),
    "then": lambda n: "true ? " + "(" * (n - 1) + "1" + ")" * (n - 1) + " : 2",
}


def is_too_deep(text: str, *, alone: bool) -> bool:
    """Whether a text is refused for its nesting, and for nothing that comes before."""
    try:
        evaluate(text, {"args": {"n": 1, "l": [0]}}) if alone else parse(text)
    except CaveatSyntaxError as error:
        return "nested more than 32 deep" in error.detail
    except CaveatError:
        return False
    return False


@pytest.mark.parametrize("kind", NESTED)
def test_text_is_nested_32_deep_and_no_deeper(kind: str) -> None:
    """Of brackets, signs and branches 32 are read, and one more is refused, for `evaluate` and in a caveat."""
    for alone in (True, False):
        assert [is_too_deep(NESTED[kind](n), alone=alone) for n in (31, 32, 33, 34)] == [False, False, True, True]


def test_what_is_beside_one_another_is_not_nested() -> None:
    """Any number of brackets, signs and branches that are closed again."""
    for one in (
        "(true)",
        "!!true",
        "args.l == [1]",
        "args.l[0] == 1",
        "(true ? true : true)",
        "{1: 2} == {}",
        "-args.n == 1",
    ):
        assert not is_too_deep(" && ".join([one] * 40), alone=True)


def test_limits_of_a_caveat() -> None:
    """256 nodes, 16 levels and two nested comprehensions are accepted, one more of each is not."""
    parse("[" + ", ".join(["1"] * 255) + "]")
    with pytest.raises(CaveatSyntaxError, match="nodes"):
        parse("[" + ", ".join(["1"] * 256) + "]")
    parse("[" * 15 + "1" + "]" * 15)
    with pytest.raises(CaveatSyntaxError, match="deep"):
        parse("[" * 16 + "1" + "]" * 16)
    parse("aud.all(x, aud.all(y, x == y))")
    with pytest.raises(CaveatSyntaxError, match="nested"):
        parse("aud.all(x, aud.all(y, aud.all(z, true)))")
    parse("aud.map(x, x).map(x, x).all(x, true)")


def test_names_are_a_parameter() -> None:
    """Other places than caveats read other names."""
    assert parse("said.key == 'a'", names=frozenset({"said"})) == Call(Op.EQ, (Path(("said", "key")), Literal("a")))
    with pytest.raises(CaveatSyntaxError):
        parse("args.a == 1", names=frozenset({"said"}))


def test_variables_of_comprehensions() -> None:
    """A variable is known inside its body alone, and hides what has its name."""
    with pytest.raises(CaveatSyntaxError):
        parse("aud.all(x, true) && x")
    with pytest.raises(CaveatSyntaxError):
        parse("aud.filter(x, true).all(y, x == y)")
    assert evaluate("[1].all(args, args == 1) && args == 2", {"args": 2}) is True
    assert evaluate("[1].all(x, [2].all(x, x == 2) && x == 1)", {}) is True


def test_a_namespace_is_no_name() -> None:
    """`path.within(…)` is the function, also where a value is called `path`; other methods are the value's."""
    tree = parse("path.within(path, '/d') && path.startsWith('/')", path="/d/x")
    assert format_expression(tree) == 'path.within("/d/x", "/d") && "/d/x".startsWith("/")'
