"""What is known of a condition when it is written: what can only be an error is refused, with its place."""

from __future__ import annotations

import pytest

from delegate import Capability, CaveatError, CaveatSyntaxError, Identity, Verifier, can, need, when
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.language import evaluate, parse
from delegate.language.codec import to_wire

ALICE, BOB = Identity.from_seed("user:alice", bytes(32)), Identity.from_seed("user:bob", b"b" * 32)

# The condition, what of it is marked, and a word of why or of how to write it.
REFUSED = [
    ('now < timestamp("2030-01-01")', 'timestamp("2030-01-01")', '`timestamp("2030-01-01T00:00:00Z")` is a moment'),
    ('now - now < duration("1d")', 'duration("1d")', '`duration("24h")` is a length of time'),
    ('int("x") == args.a', 'int("x")', "not an integer"),
    ('bool("x") || args.a', 'bool("x")', "not a bool"),
    ("args.a == 9223372036854775807 + 1", "9223372036854775807 + 1", "beyond 64 bits"),
    ("[1, 2][5] == args.a", "[1, 2][5]", "no such index"),
    ('{"a": 1}.b == args.a', '{"a": 1}.b', ""),
    ('{"a": 1, "a": 2} == args.a', '{"a": 1, "a": 2}', "twice"),
    ('url.host("x") == args.a', 'url.host("x")', "not a URL"),
    ('now.getHours("Europe/Nowhere") < 3', '"Europe/Nowhere"', "not a time zone"),
    ('timestamp(args.t).getDayOfWeek("CEST") == 1', '"CEST"', "not a time zone"),
    ('resource.matches("(")', '"("', "not a regular expression"),
    ('path.within(resource, "/a/../b")', '"/a/../b"', "not a path in plain form"),
    ('net.within(args.ip, "10.0.0.1")', '"10.0.0.1"', "not a network"),
    ('resource.name == "x"', "resource.name", "a string or null has no fields"),
    ('resource["name"] == "x"', 'resource["name"]', "has no fields"),
    ("has(resource.name)", "resource.name", "has no fields"),
    ("now.year == 2030", "now.year", ".getFullYear()"),
    ("holder.key.name == 'x'", "holder.key.name", "has no fields"),
    ('holder.who == "x"', 'holder.who == "x"', "never true: a map is not equal to a string"),
    ('holder.run == "x"', "holder.run", "`holder` has `key`, `name` and `who`"),
    ('holder.who.run == "x"', "holder.who.run", "there is no `holder.who.run`"),
    ('holder.who.model.x == "x"', "holder.who.model.x", "has no fields"),
    ("now < 1999", "now < 1999", "`<` does not take a timestamp and an int"),
    ("now < '2030-01-01T00:00:00Z'", "now < '2030-01-01T00:00:00Z'", '`timestamp("2030-01-01T00:00:00Z")`'),
    ("now < args.deadline", "now < args.deadline", "`timestamp(…)` or `duration(…)` reads one"),
    ("now - args.age < now", "now - args.age", "`timestamp(…)` or `duration(…)` reads one"),
    ("action == 5", "action == 5", "never true: a string is not equal to an int"),
    ("now != 5", "now != 5", "always true"),
    ("action < 5", "action < 5", "a string and an int"),
    ("5 in action", "5 in action", "`in` does not take an int and a string"),
    ('now.startsWith("x")', 'now.startsWith("x")', "`startsWith` does not take"),
    ("now.size() < 3", "now.size()", "`size` does not take a timestamp"),
    ("args.x.startsWith(5)", "args.x.startsWith(5)", "and an int"),
    ("args.x < null", "args.x < null", "and null"),
    ("!resource", "!resource", "`!` does not take"),
    ("action && args.a", "action", "a bool is wanted"),
    ("args.a || now", "now", "a bool is wanted"),
    ("size(args.a) ? true : false", "size(args.a)", "a bool is wanted"),
    ("args.l.all(x, 5)", "5", "a bool is wanted"),
    ("args.all(k, k < 5)", "k < 5", "a string and an int"),
    ("[1, 2].exists(x, x.startsWith('a'))", "x.startsWith('a')", "an int and a string"),
    ("action.exists(x, true)", "action", "gone through"),
    ("size(args.x)", "size(args.x)", "a condition comes to true or false"),
    ("'x'", "'x'", "a condition comes to true or false"),
    ("int(args.x) / 0 == 1", "0", "division by zero"),
    ("args.x % 0 == 1", "0", "division by zero"),
    ("args.x / 0 < 1", "0", "division by zero"),
    ("double(args.a) * 2 < 3.0", "double(args.a) * 2", "`2.0`"),
    ("args.ok && resource.startsWith('/x') && now < 1999", "now < 1999", "a timestamp and an int"),
    ("amount <= 5", "amount", "did you mean `args.amount`?"),
]


@pytest.mark.parametrize(("text", "marked", "words"), REFUSED, ids=[text for text, _, _ in REFUSED])
def test_what_can_only_be_an_error_is_refused(text: str, marked: str, words: str) -> None:
    """With a mark below the very part, wherever an author writes: a caveat, a capability, a policy, a need."""
    with pytest.raises(CaveatSyntaxError) as caught:
        when(text)
    start, end = caught.value.span
    assert (text[start:end], words in caught.value.detail) == (marked, True), caught.value.detail
    for write in (
        lambda: Capability.parse(f"pay if {text}"),
        lambda: can("pay", when=text),
        lambda: ALICE.mint(to=BOB.principal, can="pay", caveats=text, ttl="1h"),
        lambda: ALICE.mint(to=BOB.principal, can=f"pay if {text}", ttl="1h"),
        lambda: Verifier([ALICE.principal], audience="a", policy=text),
        lambda: need(BOB.principal, condition=f"said.ok && ({text})"),
    ):
        with pytest.raises(CaveatSyntaxError):
            write()


# The condition, and how the message says to write it.
NO_KIND = [
    ("args.total / args.count <= 5", "double(args.total) / double(args.count)"),
    ("args.price * 1.5 < 16.0", "double(args.price) * 1.5"),
    ("args.price * 2 < 16", "double(args.price) * 2.0"),
    ("2 - env.spent > 0", "2.0 - double(env.spent)"),
    ("args.a + args.b < 5", "double(args.a) + double(args.b)"),
    ("size(args.l) * args.n < 5", "double(size(args.l)) * double(args.n)"),
    ("args.l.exists(x, x.p * x.q < 5)", "double(x.p) * double(x.q)"),
    ("args.m['k'] * 2 < 5", "double(args.m.k) * 2.0"),
    ("args.l[0] * 2 < 5", "double(args.l[0]) * 2.0"),
    ("(args.a > 1 ? 1 : 2.5) * 2 < 5", "* 2.0"),
    ("-args.a * 2 < 5", "double(-args.a) * 2.0"),
]


@pytest.mark.parametrize(("text", "written"), NO_KIND, ids=[text for text, _ in NO_KIND])
def test_arithmetic_on_a_number_without_a_kind_is_refused(text: str, written: str) -> None:
    """11.0 / 2.0 is 5 of ints, and 10.5 * 2 an error: who writes says which is meant, and is told how."""
    with pytest.raises(CaveatSyntaxError) as caught:
        when(text)
    assert "10.5 is a double and 10.0 an int" in caught.value.detail
    assert written in caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "double(args.total) / double(args.count) <= 5.0",
        "int(args.n) * 2 < 5",
        "size(args.x) * 2 < 5",
        "args.n % 2 == 0",
        "-args.a < 5",
        "args.name + 'x' == 'yx'",
        "[1] + args.l == [1, 2]",
        "now - duration(args.age) > timestamp(0)",
        "now < timestamp(args.deadline)",
        "now.getHours('Europe/Berlin') < 18",
        "resource == null || resource.startsWith('/x')",
        "action in ['a', 'b']",
        "args.x == 5 || args.x == 'five'",
        "1.0 == 1",
        "args.a < 5.5",
        "double(args.x) / 0.0 > 1.0",
        "has(args.x) && args.x",
        "args.flag",
        "args.m.all(k, k != 'x')",
        "[1, 'a', null].exists(x, x == args.a)",
        "dyn(args.x) == 5",
        "holder.name == 'agent:a' && holder.key.size() == 64",
        "args.a == timestamp('2030-01-01T00:00:00Z')",
    ],
)
def test_what_may_come_to_a_value_is_taken(text: str) -> None:
    """Nothing is refused that some request could make true."""
    assert str(when(text))


def test_what_is_written_as_told_says_what_is_meant() -> None:
    """11.0 of 2.0 is 5.5, and 10.0 and 10.5 are multiplied alike."""
    ratio = compile_wire(when("double(args.total) / double(args.count) <= 5.0").to_wire())
    product = compile_wire(when("double(args.price) * 1.5 < 16.0").to_wire())
    assert ratio(Scope({"args": {"total": 11, "count": 2}})) is False
    assert [product(Scope({"args": {"price": price}})) for price in (10, 10.5, 11)] == [True, True, False]


def test_what_arrives_is_never_refused_for_its_types() -> None:
    """The wire's own rules hold: such a condition compiles, and is an error where it is evaluated."""
    tree = parse("now < 1999 || args.total / args.count <= 5")
    with pytest.raises(CaveatError):
        compile_wire(to_wire(tree))(Scope({"now": "", "args": {}}))
    assert evaluate("1 / 0 == 1 || true", {}) is True


def test_bound_values_are_looked_at_too() -> None:
    """A value of a wrong type is found where its name stands."""
    with pytest.raises(CaveatSyntaxError) as caught:
        when("args.ok && now < limit", limit=5)
    assert caught.value.span == (11, 22)
