"""values.json: what operators and functions come to, and which errors they are (SPEC §6.2, §6.5, §6.6).

An allowed vector holds up to 24 caveats, all true; a refused one a single error.
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import Maker
from vectorkit.conditions import ACCESSORS, MISSING, OPS, Conditions, call, is_, items, pairs, path

MIN, MAX = -(2**63), 2**63 - 1
NAN: Any = call("DOUBLE", "nan")
INF: Any = call("DOUBLE", "inf")
TIME: Any = call("TIMESTAMP", "2027-01-31T12:00:00Z")
SPAN: Any = call("DURATION", "90s")
# One of each type, and what it is called. A list and a map are written out, a time is made.
TYPES: dict[str, Any] = {
    "null": None,
    "bool": True,
    "int": 1,
    "double": 1.5,
    "string": "1",
    "bytes": b"1",
    "list": items(1),
    "map": pairs((1, 1)),
    "timestamp": TIME,
    "duration": SPAN,
}


def make() -> Maker:
    """All vectors of the file."""
    made = Conditions("value")
    _equality(made)
    _order(made)
    _membership(made)
    _numbers(made)
    _arithmetic_errors(made)
    _joined(made)
    _texts(made)
    _conversions(made)
    _times(made)
    _accessors(made)
    _containers(made)
    _absorbed(made)
    _folds(made)
    _wrong_types(made)
    _first_operand(made)
    return made.maker


def no(condition: Any) -> Any:
    """`!condition`."""
    return call("NOT", condition)


def _equality(made: Conditions) -> None:
    def unequal(*values: Any) -> list[Any]:
        return [no(call("EQ", one, other)) for one in values for other in values if one is not other]

    def ne(*values: Any) -> list[Any]:
        return [call("NE", one, other) for one in values for other in values if one is not other]

    kinds = [value for name, value in TYPES.items() if name not in {"int", "double"}]
    made.holds("equal-types", "6.2", "values of two types are unequal", *unequal(*kinds))
    made.holds("unequal-types", "6.2", "the same with `!=`", *ne(*kinds))
    made.holds(
        "equal-numbers", "6.2", "an int and a double are compared as doubles; NaN equals nothing",
        is_(1, 1.0), is_(1.0, 1), is_(2**53 + 1, float(2**53)), no(is_(1, 1.5)), call("NE", 1, 1.5),
        no(is_(True, 1)), no(is_(1, True)), no(is_(True, 1.0)), no(is_(0, False)), no(is_(None, False)),
        no(is_(NAN, NAN)), call("NE", NAN, NAN), is_(0.0, call("NEGATE", 0.0)), is_(INF, INF),
        no(is_(2**53 + 1, 2**53)), is_(MAX, float(2**63)),
    )  # fmt: skip
    made.holds(
        "equal-lists", "6.2", "lists item by item; maps by their keys, with equal values",
        is_(items(1, items("a")), items(1.0, items("a"))), no(is_(items(1, 2), items(1))),
        no(is_(items(1, 2), items(2, 1))), is_(items(), items()), no(is_(items(), pairs())),
        is_(pairs(("a", 1), ("b", 2)), pairs(("b", 2.0), ("a", 1))), no(is_(pairs(("a", 1)), pairs(("b", 1)))),
        no(is_(pairs(("a", 1)), pairs(("a", 2)))), no(is_(pairs(("a", 1)), pairs(("a", 1), ("b", 1)))),
        no(is_(pairs((True, 1)), pairs((1, 1)))), is_(pairs((True, 1)), pairs((True, 1))), is_(pairs(), pairs()),
        no(is_(items(NAN), items(NAN))), no(is_(items(1), items(True))), no(is_(items(None), items(1))),
        call("NE", items(1), items(2)), no(is_(pairs(("a", 1), ("b", 2)), pairs(("a", 1), ("b", 3)))),
        no(is_(pairs(("a", 3), ("b", 2)), pairs(("a", 1), ("b", 2)))),
    )  # fmt: skip
    made.holds(
        "equal-same", "6.2", "texts, bytes and times",
        is_("é", "é"), no(is_("é", "e\u0301")), is_(b"\0", b"\0"), no(is_(b"a", b"b")), no(is_("a" * 70, "a" * 71)),
        is_("b" * 70, "b" * 70), is_(b"c" * 70, b"c" * 70), no(is_(b"c" * 70, b"d" * 70)), is_(None, None),
        is_(TIME, call("TIMESTAMP", "2027-01-31T13:00:00+01:00")), is_(SPAN, call("DURATION", "1m30s")),
        no(is_(TIME, call("TIMESTAMP", "2027-01-31T12:00:00.000000001Z"))), no(is_(SPAN, call("DURATION", "90.1s"))),
    )  # fmt: skip
    flat: dict[str, Any] = {"s": "x", "n": 1, "t": True, "z": None, "l": [1], "d": 1.5, "b": {"base16": "31"}}
    made.holds(
        "equal-flat", "6.4", "flat, between an argument and a literal",
        is_(path("s"), "x"), no(is_(path("s"), "y")), call("NE", path("s"), "y"), no(call("NE", path("s"), "x")),
        is_(path("n"), 1.0), is_(path("d"), 1.5), no(is_(path("d"), 1)), no(is_(path("t"), 1)), is_(path("t"), True),
        is_(path("z"), None), no(is_(path("z"), False)), call("NE", path("z"), 0), no(is_(path("l"), 1)),
        is_(path("b"), b"1"), no(is_(path("b"), "1")), no(is_(path("s"), "x" * 70)), no(is_(path("n"), True)),
        call("NE", path("l"), "x"), no(is_(path("s"), b"x")), no(is_(path("n"), "1")), is_(path("n"), 1),
        **flat,
    )  # fmt: skip


def _order(made: Conditions) -> None:
    pairs_in_order: list[tuple[Any, Any]] = [
        (1, 2), (1.0, 1.5), (1, 1.5), (0.5, 1), ("a", "b"), ("B", "a"), ("a", "aa"), ("\uffff", "\U00010000"),
        (b"a", b"b"), (b"a", b"aa"), (False, True),
        (TIME, call("TIMESTAMP", "2027-01-31T12:00:00.000000001Z")), (SPAN, call("DURATION", "91s")),
        ("a" * 70, "b" * 70), (b"a" * 70, b"b" * 70),
    ]  # fmt: skip
    conditions = []
    for less, more in pairs_in_order:
        conditions += [
            call("LT", less, more), no(call("LT", more, less)), no(call("LT", less, less)),
            call("GT", more, less), no(call("GT", less, more)), no(call("GT", less, less)),
            call("LE", less, more), call("LE", less, less), no(call("LE", more, less)),
            call("GE", more, less), call("GE", less, less), no(call("GE", less, more)),
        ]  # fmt: skip
    made.holds("order", "6.2", "less, equal, greater, of each type that has an order", *conditions)
    nan = [no(call(op, *two)) for op in ("LT", "LE", "GT", "GE") for two in ((NAN, 1.0), (1.0, NAN), (NAN, 1))]
    made.holds("order-nan", "6.2", "with NaN all four are false", *nan)
    flat = {"n": 5, "d": 5.5, "s": "m", "t": True, "b": {"base16": "6d"}}
    conditions = [
        test
        for name, below, above in (("n", 4, 6), ("n", 4.5, 5.5), ("d", 5, 6), ("s", "l", "n"), ("b", b"l", b"n"))
        for test in (
            call("LT", path(name), above), call("LE", path(name), above), call("GT", path(name), below),
            call("GE", path(name), below), no(call("LT", path(name), below)), no(call("GT", path(name), above)),
            no(call("LE", path(name), below)), no(call("GE", path(name), above)),
        )
    ]  # fmt: skip
    same = [
        test
        for name, value in (("n", 5), ("s", "m"), ("t", True), ("b", b"m"), ("d", 5.5))
        for test in (
            call("LE", path(name), value), call("GE", path(name), value), no(call("LT", path(name), value)),
            no(call("GT", path(name), value)),
        )
    ]  # fmt: skip
    made.holds("order-flat", "6.4", "flat, between an argument and a literal", *conditions, *same, **flat)
    one = {"n": 1}
    mixed: list[tuple[str, Any, Any]] = [
        ("string-int", "1", 2), ("int-string", 1, "2"), ("bool-int", False, 2), ("int-bool", 0, True),
        ("string-bytes", "a", b"b"), ("bytes-string", b"a", "b"), ("timestamp-duration", TIME, SPAN),
        ("duration-timestamp", SPAN, TIME), ("timestamp-int", TIME, 1), ("double-string", 1.5, "2"),
        ("null", None, None), ("list", items(1), items(2)), ("map", pairs(("a", 1)), pairs(("b", 1))),
        ("duration-int", SPAN, 1), ("bool-double", False, 1.5), ("null-int", None, 1),
    ]  # fmt: skip
    for op in ("LT", "LE", "GT", "GE"):
        for name, left, right in mixed:
            made.errs(f"{op.lower()}-{name}", "6.2", "two types that have no order", call(op, left, right))
        made.errs(
            f"{op.lower()}-flat", "6.4", "an argument and a literal of another type", call(op, path("n"), "2"), **one
        )
        made.errs(f"{op.lower()}-flat-null", "6.4", "nothing is less than null", call(op, path("n"), None), **one)


def _membership(made: Conditions) -> None:
    args: dict[str, Any] = {"s": "a", "n": 1, "l": ["a", 2, [3], None], "m": {"a": 1, "1": 2}, "t": True, "z": None}
    long = "x" * 70
    made.holds(
        "in", "6.2", "in a list: is an item equal? In a map: is it a key?",
        call("IN", path("s"), items("a", "b")), no(call("IN", path("s"), items("b"))), no(call("IN", path("s"), items())),
        call("IN", path("n"), items("a", 1.0)), no(call("IN", path("t"), items(1))), call("IN", path("z"), items(None)),
        no(call("IN", path("n"), items("1", True))), call("IN", path("t"), items(True)), no(call("IN", path("l"), items("a"))),
        call("IN", "a", path("l")), call("IN", 2.0, path("l")), call("IN", items(3), path("l")), no(call("IN", 3, path("l"))),
        call("IN", None, path("l")), call("IN", "a", path("m")), no(call("IN", "b", path("m"))), no(call("IN", 1, path("m"))),
        call("IN", path("s"), path("m")), call("IN", path("s"), items(long, "a")), no(call("IN", path("s"), items(long))),
        call("IN", path("s"), items(1, "a")), call("IN", "a" * 70, items("b", "a" * 70)), no(call("IN", 1, items())),
        call("IN", path("s"), items(path("s"))),
        **args,
    )  # fmt: skip
    numbers = pairs((1, "i"), (True, "t"), ("1", "s"))
    made.holds(
        "in-keys", "6.2", "`true`, `1` and `1.0` as keys",
        call("IN", 1, numbers), call("IN", True, numbers), no(call("IN", False, numbers)), call("IN", 1.0, numbers),
        no(call("IN", 1.5, numbers)), no(call("IN", NAN, numbers)), no(call("IN", INF, numbers)),
        no(call("IN", float(2**63), pairs((MAX, 1)))), call("IN", float(-(2**63)), pairs((MIN, 1))),
        is_(call("INDEX", numbers, 1), "i"), is_(call("INDEX", numbers, True), "t"),
        is_(call("INDEX", numbers, call("ADD", "", "1")), "s"), is_(call("INDEX", numbers, 1.0), "i"),
        no(call("IN", 0, pairs((False, 1)))), no(call("IN", False, pairs((0, 1)))),
        is_(call("INDEX", pairs((False, 2)), False), 2), call("IN", float(2**53), pairs((2**53, 1))),
    )  # fmt: skip
    for name, key in (
        ("bytes", b"a"),
        ("null", None),
        ("list", items(1)),
        ("map", pairs()),
        ("timestamp", TIME),
        ("duration", SPAN),
    ):
        made.errs(f"in-key-{name}", "6.2", f"no map has a {name} for a key", call("IN", key, numbers))
        made.errs(f"index-key-{name}", "6.2", f"no map has a {name} for a key", call("INDEX", numbers, key))
        made.errs(f"map-key-{name}", "6.5", f"a map with a {name} for a key", pairs((key, 1)))
    for name in ("null", "bool", "int", "double", "string", "bytes", "timestamp", "duration"):
        made.errs(f"in-{name}", "6.2", f"`in` a {name}", call("IN", 1, TYPES[name]))
    made.errs("in-text-in-text", "6.2", "a text in a text", call("IN", "a", "abc"))
    made.errs("map-key-double", "6.5", "a map with a double for a key, though it is whole", pairs((1.0, 1)))
    made.errs("map-key-twice", "6.5", "a key twice", pairs(("a", 1), ("a", 1)))
    made.holds("map-keys-three", "6.2", '`true`, `1` and `"1"` are three keys', is_(call("SIZE", numbers), 3))


def _numbers(made: Conditions) -> None:
    made.holds(
        "integers", "6.6", "integers: the quotient toward zero, the remainder with the sign of the left",
        is_(call("DIVIDE", 7, 2), 3), is_(call("DIVIDE", -7, 2), -3), is_(call("DIVIDE", 7, -2), -3),
        is_(call("DIVIDE", -7, -2), 3), is_(call("MODULO", 7, 3), 1), is_(call("MODULO", -7, 3), -1),
        is_(call("MODULO", 7, -3), 1), is_(call("MODULO", -7, -3), -1), is_(call("MODULO", 7, -1), 0),
        is_(call("ADD", MAX, 0), MAX), is_(call("ADD", MAX - 1, 1), MAX), is_(call("SUBTRACT", MIN + 1, 1), MIN),
        is_(call("MULTIPLY", -(2**62), 2), MIN), is_(call("MULTIPLY", 3, -4), -12), is_(call("NEGATE", call("DYN", 5)), -5),
        is_(call("NEGATE", MAX), -MAX), is_(call("DIVIDE", MIN, 1), MIN), is_(call("MODULO", MIN, 2), 0),
        is_(call("DIVIDE", 0, 5), 0), is_(call("SUBTRACT", 5, 7), -2), is_(call("ADD", 2, 3), 5),
    )  # fmt: skip
    zero, minus = 0.0, call("NEGATE", 0.0)
    made.holds(
        "doubles", "6.6", "doubles, as IEEE 754 says",
        is_(call("DIVIDE", 1.0, zero), INF), is_(call("DIVIDE", 1.0, minus), call("NEGATE", INF)),
        is_(call("DIVIDE", -1.0, zero), call("NEGATE", INF)), is_(call("DIVIDE", -1.0, minus), INF),
        call("NE", call("DIVIDE", zero, zero), 0.0), is_(call("STRING", call("DIVIDE", zero, zero)), "nan"),
        is_(call("STRING", call("DIVIDE", NAN, zero)), "nan"), is_(call("DIVIDE", 7.0, 2.0), 3.5),
        is_(call("MULTIPLY", 1e200, 1e200), INF), is_(call("ADD", 0.5, 0.25), 0.75), is_(call("SUBTRACT", 0.5, 0.75), -0.25),
        is_(call("MULTIPLY", 1.5, -2.0), -3.0), is_(call("NEGATE", call("DYN", 1.5)), -1.5),
        is_(call("STRING", call("SUBTRACT", INF, INF)), "nan"), is_(call("DIVIDE", INF, zero), INF),
        is_(call("STRING", call("MULTIPLY", -1.0, zero)), "-0"), is_(call("DIVIDE", 1.0, 4.0), 0.25),
    )  # fmt: skip


def _arithmetic_errors(made: Conditions) -> None:
    for name, comment, expression in (
        ("add-overflow", "beyond the greatest int", call("ADD", MAX, 1)),
        ("add-underflow", "below the least int", call("ADD", MIN, -1)),
        ("subtract-overflow", "beyond the greatest int", call("SUBTRACT", MAX, -1)),
        ("subtract-underflow", "below the least int", call("SUBTRACT", MIN, 1)),
        ("multiply-overflow", "beyond the greatest int", call("MULTIPLY", 2**62, 2)),
        ("multiply-underflow", "below the least int", call("MULTIPLY", 2**62, -3)),
        ("divide-overflow", "the least int by -1", call("DIVIDE", MIN, -1)),
        ("divide-zero", "by zero", call("DIVIDE", 1, 0)),
        ("modulo-zero", "by zero", call("MODULO", 1, 0)),
        ("modulo-overflow", "the least int by -1, though the remainder would be 0", call("MODULO", MIN, -1)),
        ("negate-overflow", "of the least int", call("NEGATE", MIN)),
        ("modulo-doubles", "of doubles", call("MODULO", 7.0, 2.0)),
        ("index-negative", "an index below 0", call("INDEX", items(1, 2), -1)),
        ("index-size", "an index that is the size", call("INDEX", items(1, 2), 2)),
        ("index-fraction", "an index between two", call("INDEX", items(1, 2), 0.5)),
        ("index-nan", "an index that is NaN", call("INDEX", items(1, 2), NAN)),
        ("index-infinite", "an index that is infinite", call("INDEX", items(1, 2), INF)),
        ("index-bool", "true for an index", call("INDEX", items(1, 2), True)),
        ("index-null", "null for an index", call("INDEX", items(1, 2), None)),
        ("index-text", "an index of a text", call("INDEX", "abc", 0)),
        ("index-bytes", "an index of bytes", call("INDEX", b"abc", 0)),
        ("index-key", "a key that is not there", call("INDEX", pairs(("a", 1)), 1)),
        ("index-key-double", "a double that is no whole number, for a key", call("INDEX", pairs((1, 1)), 1.5)),
        ("index-key-far", "a double beyond 64 bits, for a key", call("INDEX", pairs((MAX, 1)), float(2**63))),
        ("index-int", "an index of an int", call("INDEX", 1, 0)),
        ("duration-sum", "durations beyond 64 bits", call("ADD", call("DURATION", "2562047h"), call("DURATION", "1h"))),
        (
            "duration-difference", "durations below 64 bits",
            call("SUBTRACT", call("DURATION", "-2562047h"), call("DURATION", "1h")),
        ),
        ("timestamp-sum", "beyond the year 9999", call("ADD", call("TIMESTAMP", "9999-12-31T23:59:59Z"), call("DURATION", "1s"))),
        ("timestamp-sum-other", "the same, the duration first", call("ADD", call("DURATION", "1s"), call("TIMESTAMP", "9999-12-31T23:59:59Z"))),
        (
            "timestamp-less", "before the year 1",
            call("SUBTRACT", call("TIMESTAMP", "0001-01-01T00:00:00Z"), call("DURATION", "1ns")),
        ),
        (
            "timestamps-apart", "two timestamps further apart than a duration",
            call("SUBTRACT", call("TIMESTAMP", "9999-01-01T00:00:00Z"), call("TIMESTAMP", "1999-01-01T00:00:00Z")),
        ),
        (
            "timestamps-apart-back", "the same, backwards",
            call("SUBTRACT", call("TIMESTAMP", "1999-01-01T00:00:00Z"), call("TIMESTAMP", "9999-01-01T00:00:00Z")),
        ),
    ):  # fmt: skip
        made.errs(name, "6.6", comment, expression)


def _joined(made: Conditions) -> None:
    def time(text: str) -> Any:
        return call("TIMESTAMP", text)

    def span(text: str) -> Any:
        return call("DURATION", text)

    made.holds(
        "sums", "6.6", "texts, bytes, lists and times",
        is_(call("ADD", "a", "b"), "ab"), is_(call("ADD", b"a", b"b"), b"ab"), is_(call("ADD", items(1), items(2)), items(1, 2)),
        is_(call("ADD", items(), items()), items()), is_(call("ADD", "", "é"), "é"),
        is_(call("ADD", time("2027-01-31T12:00:00Z"), span("12h")), time("2027-02-01T00:00:00Z")),
        is_(call("ADD", span("12h"), time("2027-01-31T12:00:00Z")), time("2027-02-01T00:00:00Z")),
        is_(call("ADD", span("1h"), span("-30m")), span("30m")),
        is_(call("SUBTRACT", time("2027-02-01T00:00:00Z"), time("2027-01-31T12:00:00Z")), span("12h")),
        is_(call("SUBTRACT", time("2027-02-01T00:00:00Z"), span("12h")), time("2027-01-31T12:00:00Z")),
        is_(call("SUBTRACT", span("1h"), span("90m")), span("-30m")),
        is_(call("ADD", time("9999-12-31T23:59:59Z"), span("999999999ns")), time("9999-12-31T23:59:59.999999999Z")),
        is_(call("SUBTRACT", time("0001-01-01T00:00:01Z"), span("1s")), time("0001-01-01T00:00:00Z")),
        is_(call("ADD", span("9223372036854775806ns"), span("1ns")), span("9223372036854775807ns")),
        is_(call("SUBTRACT", span("-9223372036854775807ns"), span("1ns")), span("-9223372036854775808ns")),
        is_(call("ADD", path("s"), 1), 6),
        s=5,
    )  # fmt: skip


def _texts(made: Conditions) -> None:
    made.holds(
        "texts", "6.6", "size, contains, startsWith, endsWith",
        is_(call("SIZE", "aé😀"), 3), is_(call("SIZE", b"abc"), 3), is_(call("SIZE", items(1, 2)), 2),
        is_(call("SIZE", pairs(("a", 1))), 1), is_(call("SIZE", ""), 0), is_(call("SIZE", "e\u0301"), 2),
        call("CONTAINS", "abc", "b"), no(call("CONTAINS", "abc", "B")), call("CONTAINS", "abc", ""),
        call("STARTS_WITH", "abc", "ab"), no(call("STARTS_WITH", "abc", "b")), call("STARTS_WITH", "abc", ""),
        call("ENDS_WITH", "abc", "bc"), no(call("ENDS_WITH", "abc", "b")), no(call("ENDS_WITH", "a", "aa")),
        call("CONTAINS", path("s"), "b"), call("STARTS_WITH", path("s"), "a"), call("ENDS_WITH", path("s"), "c"),
        no(call("CONTAINS", path("s"), "x")), no(call("STARTS_WITH", path("s"), "c")), no(call("ENDS_WITH", path("s"), "a")),
        call("STARTS_WITH", path("long"), "l" * 70), call("ENDS_WITH", path("long"), "l" * 70),
        s="abc", long="l" * 80,
    )  # fmt: skip
    for op in ("CONTAINS", "STARTS_WITH", "ENDS_WITH", "MATCHES", "GLOB_MATCH", "PATH_WITHIN", "NET_WITHIN"):
        low = op.lower().replace("_", "-")
        made.errs(f"{low}-int", "6.6", "an int for the text", call(op, 1, "1"))
        made.errs(f"{low}-int-part", "6.6", "an int for the second", call(op, "1", 1))
        made.errs(f"{low}-bytes", "6.6", "bytes for both", call(op, b"1", b"1"))
        made.errs(f"{low}-null", "6.6", "null for the text", call(op, None, "1"))
        made.errs(f"{low}-flat", "6.4", "an argument that is an int, and a text", call(op, path("n"), "1"), n=1)
        made.errs(f"{low}-flat-int", "6.4", "an argument, and an int for the second", call(op, path("s"), 1), s="1")


def _conversions(made: Conditions) -> None:
    value: Any
    below = 9223372036854774784.0  # the greatest double below 2^63
    made.holds(
        "to-int", "6.6", "int",
        is_(call("INT", 5), 5), is_(call("INT", True), 1), is_(call("INT", False), 0), is_(call("INT", 1.9), 1),
        is_(call("INT", -1.9), -1), is_(call("INT", "-7"), -7), is_(call("INT", "007"), 7), is_(call("INT", TIME), 1801396800),
        is_(call("INT", call("TIMESTAMP", "1969-12-31T23:59:59.5Z")), -1), is_(call("INT", str(MAX)), MAX),
        is_(call("INT", str(MIN)), MIN), is_(call("INT", below), int(below)), is_(call("INT", -below), -int(below)),
        is_(call("INT", "0" * 64), 0), is_(call("INT", "-" + "0" * 63 + "1"), -1), is_(call("INT", "-0"), 0),
    )  # fmt: skip
    made.holds(
        "to-double", "6.6", "double",
        is_(call("DOUBLE", 1.5), 1.5), is_(call("DOUBLE", 2), 2.0), is_(call("DOUBLE", "1.5"), 1.5), is_(call("DOUBLE", "1e3"), 1000.0), is_(call("DOUBLE", "1e+3"), 1000.0),
        is_(call("DOUBLE", "+.5"), 0.5), is_(call("DOUBLE", "-1."), -1.0), is_(call("DOUBLE", "1E-2"), 0.01),
        is_(call("DOUBLE", "1e400"), INF), is_(call("DOUBLE", "-1e400"), call("NEGATE", INF)), is_(call("DOUBLE", "inf"), INF),
        is_(call("DOUBLE", "+inf"), INF), is_(call("DOUBLE", "-inf"), call("NEGATE", INF)), is_(call("DOUBLE", "Infinity"), INF),
        is_(call("DOUBLE", "+Infinity"), INF), is_(call("DOUBLE", "-Infinity"), call("NEGATE", INF)),
        is_(call("STRING", call("DOUBLE", "nan")), "nan"), is_(call("STRING", call("DOUBLE", "NaN")), "nan"),
        is_(call("DOUBLE", "1e-400"), 0.0), is_(call("STRING", call("DOUBLE", "-0")), "-0"), is_(call("DOUBLE", "1" + "0" * 399), INF),
        is_(call("DOUBLE", "." + "0" * 399 + "1"), 0.0), is_(call("DOUBLE", "1." + "0" * 400), 1.0),
        is_(call("DOUBLE", "1e" + "0" * 400), 1.0), is_(call("DOUBLE", "9007199254740993"), 9007199254740992.0),
    )  # fmt: skip
    made.holds(
        "to-string", "6.6", "string",
        is_(call("STRING", "a"), "a"), is_(call("STRING", True), "true"), is_(call("STRING", False), "false"),
        is_(call("STRING", -7), "-7"), is_(call("STRING", "é".encode()), "é"), is_(call("STRING", TIME), "2027-01-31T12:00:00Z"),
        is_(call("STRING", SPAN), "90s"), is_(call("STRING", 1.0), "1"), is_(call("STRING", 0.1), "0.1"),
        is_(call("STRING", 123456.0), "123456"), is_(call("STRING", 999999.0), "999999"), is_(call("STRING", 1000000.0), "1e+06"),
        is_(call("STRING", 1234567.0), "1.234567e+06"), is_(call("STRING", 0.0001), "0.0001"), is_(call("STRING", 0.00001), "1e-05"),
        is_(call("STRING", 1e22), "1e+22"), is_(call("STRING", 1.5e300), "1.5e+300"), is_(call("STRING", -2.5), "-2.5"),
        is_(call("STRING", INF), "inf"), is_(call("STRING", call("NEGATE", INF)), "-inf"), is_(call("STRING", 0.0), "0"),
        is_(call("STRING", 5e-324), "5e-324"), is_(call("STRING", 0.00012345), "0.00012345"), is_(call("STRING", 100000.5), "100000.5"),
        is_(call("STRING", MIN), str(MIN)), is_(call("STRING", -0.00001), "-1e-05"),
    )  # fmt: skip
    words = {"1": True, "t": True, "T": True, "true": True, "TRUE": True, "True": True}
    words |= {"0": False, "f": False, "F": False, "false": False, "FALSE": False, "False": False}
    made.holds(
        "to-bool", "6.6", "bool, bytes, dyn",
        *(is_(call("BOOL", word), value) for word, value in words.items()), call("BOOL", True), is_(call("BYTES", "é"), "é".encode()),
        is_(call("BYTES", b"\xff"), b"\xff"), is_(call("DYN", 1), 1), is_(call("DYN", "a"), "a"),
    )  # fmt: skip
    for name, value in (
        ("empty", ""), ("plus", "+1"), ("blank", " 1"), ("blank-behind", "1 "), ("hex", "0x10"), ("point", "1.0"),
        ("beyond", str(MAX + 1)), ("below", str(MIN - 1)), ("65-digits", "0" * 64 + "1"), ("minus-alone", "-"),
        ("arabic", "\u0661"), ("two", "--1"), ("grouped", "1_000"), ("line-end", "1\n"),
    ):  # fmt: skip
        made.errs(f"int-text-{name}", "6.6", f"`int` of {value!r}", call("INT", value))
    for name, value in (
        ("2-63", 2.0**63), ("2-63-less", -(2.0**63)), ("nan", NAN), ("infinite", INF),
    ):  # fmt: skip
        made.errs(f"int-double-{name}", "6.6", "`int` of a double beyond", call("INT", value))
    for name, value in (
        ("empty", ""), ("blank", " 1"), ("hex", "0x1p3"), ("point", "."), ("exponent", "e5"), ("exponent-empty", "1e"),
        ("word", "infinity"), ("word-capitals", "INF"), ("nan-capitals", "NAN"), ("nan-signed", "-nan"), ("grouped", "1_0"),
        ("401-digits", "0" * 400 + "1"), ("401-behind", "1." + "0" * 401), ("401-alone", "." + "0" * 401), ("401-exponent", "1e" + "0" * 401),
        ("two-signs", "+-1"), ("arabic", "\u0661"), ("line-end", "1\n"), ("exponent-sign", "1e+"), ("comma", "1,5"),
        ("infinity-short", "Inf"), ("nan-plus", "+NaN"),
    ):  # fmt: skip
        made.errs(f"double-text-{name}", "6.6", f"`double` of {value[:20]!r}", call("DOUBLE", value))
    for value in ("yes", "tRUE", "2", "", " true", "on", "tr", "00"):
        made.errs(f"bool-text-{value.strip() or 'empty'}", "6.6", f"`bool` of {value!r}", call("BOOL", value))
    for name, value in (
        ("ff", b"\xff"),
        ("cut", b"\xc3"),
        ("surrogate", b"\xed\xa0\x80"),
        ("long-form", b"\xc0\x80"),
        ("beyond", b"\xf4\x90\x80\x80"),
    ):
        made.errs(f"string-bytes-{name}", "6.6", "bytes that are no UTF-8", call("STRING", value))
    taken = {
        "INT": {"bool", "int", "double", "string", "timestamp"},
        "DOUBLE": {"int", "double", "string"},
        "STRING": {"bool", "int", "double", "string", "bytes", "timestamp", "duration"},
        "BYTES": {"string", "bytes"},
        "BOOL": {"bool", "string"},
        "TIMESTAMP": {"int", "string", "timestamp"},
        "DURATION": {"string", "duration"},
        "SIZE": {"string", "bytes", "list", "map"},
        "NOT": {"bool"},
        "NEGATE": {"int", "double"},
        "URL_HOST": {"string"},
        "URL_SCHEME": {"string"},
    }
    for op, kinds in taken.items():
        for kind, value in TYPES.items():
            if kind not in kinds:
                made.errs(f"{op.lower().replace('_', '-')}-of-{kind}", "6.6", f"of a {kind}", call(op, value))


def _times(made: Conditions) -> None:
    made.holds(
        "to-time", "6.6", "timestamp and duration of numbers and of themselves",
        is_(call("TIMESTAMP", 0), call("TIMESTAMP", "1970-01-01T00:00:00Z")), is_(call("TIMESTAMP", TIME), TIME),
        is_(call("TIMESTAMP", -62135596800), call("TIMESTAMP", "0001-01-01T00:00:00Z")),
        is_(call("TIMESTAMP", 253402300799), call("TIMESTAMP", "9999-12-31T23:59:59Z")), is_(call("DURATION", SPAN), SPAN),
        call("EQ", path("now", "x")[:2], call("TIMESTAMP", 1_790_000_000)), call("LT", [OPS["PATH"], "now"], TIME),
    )  # fmt: skip
    for name, value in (("before", -62135596801), ("after", 253402300800), ("least", MIN), ("greatest", MAX)):
        made.errs(f"timestamp-int-{name}", "6.6", f"`timestamp({value})`", call("TIMESTAMP", value))


def _accessors(made: Conditions) -> None:
    def of(name: str, text: str, *zone: str) -> Any:
        return call(name, call("TIMESTAMP", text), *zone)

    leap = "2024-02-29T23:59:58.123456789Z"
    expected = {
        "GET_FULL_YEAR": 2024, "GET_MONTH": 1, "GET_DATE": 29, "GET_DAY_OF_MONTH": 28, "GET_DAY_OF_WEEK": 4,
        "GET_DAY_OF_YEAR": 59, "GET_HOURS": 23, "GET_MINUTES": 59, "GET_SECONDS": 58, "GET_MILLISECONDS": 123,
    }  # fmt: skip
    ahead = {
        **expected,
        "GET_MONTH": 2,
        "GET_DATE": 1,
        "GET_DAY_OF_MONTH": 0,
        "GET_DAY_OF_WEEK": 5,
        "GET_DAY_OF_YEAR": 60,
    }
    ahead |= {"GET_HOURS": 5, "GET_MINUTES": 29}
    made.holds(
        "accessors", "6.6", "a leap day, in UTC and half past five hours ahead",
        *(is_(of(name, leap), value) for name, value in expected.items()),
        *(is_(of(name, leap, "+05:30"), value) for name, value in ahead.items()),
    )  # fmt: skip
    made.holds(
        "accessors-ends", "6.6", "the ends of years, of centuries and of the calendar; before 1970",
        is_(of("GET_DAY_OF_YEAR", "2024-12-31T00:00:00Z"), 365), is_(of("GET_DAY_OF_YEAR", "2023-12-31T00:00:00Z"), 364),
        is_(of("GET_DAY_OF_YEAR", "1900-03-01T00:00:00Z"), 59), is_(of("GET_DAY_OF_YEAR", "2000-03-01T00:00:00Z"), 60),
        is_(of("GET_DAY_OF_YEAR", "2023-01-01T00:00:00Z"), 0), is_(of("GET_DAY_OF_WEEK", "1970-01-01T00:00:00Z"), 4),
        is_(of("GET_DAY_OF_WEEK", "2026-09-20T00:00:00Z"), 0), is_(of("GET_DAY_OF_WEEK", "2026-09-26T00:00:00Z"), 6),
        is_(of("GET_FULL_YEAR", "0001-01-01T00:00:00Z"), 1), is_(of("GET_FULL_YEAR", "0001-01-01T00:00:00Z", "-01:00"), 0),
        is_(of("GET_MONTH", "0001-01-01T00:00:00Z", "-01:00"), 11), is_(of("GET_FULL_YEAR", "9999-12-31T23:59:59Z", "+00:01"), 10000),
        is_(of("GET_SECONDS", "1969-12-31T23:59:59.5Z"), 59), is_(of("GET_MILLISECONDS", "1969-12-31T23:59:59.5Z"), 500),
        is_(of("GET_HOURS", "1969-12-31T23:00:00Z"), 23), is_(of("GET_MONTH", "2026-12-31T00:00:00Z"), 11),
        is_(of("GET_MONTH", "2026-01-01T00:00:00Z"), 0), is_(of("GET_DATE", "2026-01-31T00:00:00Z"), 31),
        is_(of("GET_DAY_OF_YEAR", "2024-02-29T00:00:00Z"), 59), is_(of("GET_DAY_OF_YEAR", "2100-12-31T00:00:00Z"), 364),
        is_(of("GET_DATE", "2400-02-29T00:00:00Z"), 29), is_(of("GET_DATE", "1600-12-31T00:00:00Z"), 31),
        is_(of("GET_DAY_OF_YEAR", "0004-12-31T00:00:00Z"), 365), is_(of("GET_DATE", "2000-02-29T12:00:00Z"), 29),
    )  # fmt: skip

    def span(name: str, text: str) -> Any:
        return call(name, call("DURATION", text))

    made.holds(
        "accessors-durations", "6.6", "a whole duration, toward zero; its milliseconds less its whole seconds",
        is_(span("GET_HOURS", "1h59m"), 1), is_(span("GET_HOURS", "-1h59m"), -1), is_(span("GET_MINUTES", "1h30m59s"), 90),
        is_(span("GET_MINUTES", "-90m59s"), -90), is_(span("GET_SECONDS", "1m1.9s"), 61), is_(span("GET_SECONDS", "-1.9s"), -1),
        is_(span("GET_MILLISECONDS", "1.2345s"), 234), is_(span("GET_MILLISECONDS", "-1.2345s"), -234),
        is_(span("GET_MILLISECONDS", "999999ns"), 0), is_(span("GET_HOURS", "-59m"), 0), is_(span("GET_HOURS", "49h"), 49),
    )  # fmt: skip
    for name in ACCESSORS:
        low = name.lower().replace("_", "-")
        made.errs(f"{low}-int", "6.6", "of an int", call(name, 0))
        made.errs(f"{low}-text", "6.6", "of a text", call(name, "2027-01-31T12:00:00Z"))
        made.errs(f"{low}-zone-int", "6.6", "an int for the zone", call(name, TIME, 1))
        made.errs(f"{low}-zone-null", "6.6", "null for the zone", call(name, TIME, None))
        made.errs(f"{low}-duration-zone", "6.6", "a zone for a duration", call(name, SPAN, "UTC"))
    for name in ACCESSORS[:6]:
        made.errs(f"{name.lower().replace('_', '-')}-duration", "6.6", "of a duration", call(name, SPAN))


def _containers(made: Conditions) -> None:
    args: dict[str, Any] = {"m": {"a": {"b": 1}, "n": None}, "s": "x", "l": [1, 2], "": {"": 2}}
    made_map = pairs(("a", 1))
    made.holds(
        "containers", "6.5", "fields, indices and `has`",
        is_(path("args", "m", "a", "b"), 1), is_(path("args", "", ""), 2), [OPS["HAS"], "args", "m"], no([OPS["HAS"], "args", "x"]),
        [OPS["HAS"], "args", "m", "n"], no([OPS["HAS"], "args", "m", "z"]), is_([OPS["SELECT"], made_map, "a"], 1),
        [OPS["HAS_FIELD"], made_map, "a"], no([OPS["HAS_FIELD"], made_map, "b"]), is_(call("INDEX", path("l"), 1), 2),
        is_(call("INDEX", path("l"), 1.0), 2), is_(call("INDEX", path("l"), 0), 1), is_(call("INDEX", items(4, 5), 1), 5),
        is_([OPS["SELECT"], call("INDEX", items(made_map), 0), "a"], 1), is_(path("holder", "key"), path("holder", "key")),
        is_(call("SIZE", path("holder", "key")), 64), is_(call("SIZE", path("args", "m")), 2), is_(path("args", "m", "n"), None),
        [OPS["HAS"], "holder", "key"], no([OPS["HAS"], "holder", "name"]),
        **args,
    )  # fmt: skip
    for name, comment, expression in (
        ("path-missing", "a field that is not there", path("args", "m", "z")),
        ("path-text", "a field of a text", path("args", "s", "z")),
        ("path-null", "a field of null", path("args", "m", "n", "z")),
        ("path-list", "a field of a list", path("args", "l", "0")),
        ("has-text", "`has` of a field of a text", [OPS["HAS"], "args", "s", "z"]),
        ("has-null", "`has` of a field of null", [OPS["HAS"], "args", "m", "n", "z"]),
        ("has-list", "`has` of a field of a list", [OPS["HAS"], "args", "l", "0"]),
        ("has-missing", "`has` of a field of what is not there", [OPS["HAS"], "args", "z", "z"]),
        ("has-resource", "`has` of a field of a text that is no argument", [OPS["HAS"], "resource", "z"]),
        ("select-missing", "SELECT of a field that is not there", [OPS["SELECT"], made_map, "b"]),
        ("select-list", "SELECT of a list", [OPS["SELECT"], items(1), "a"]),
        ("select-text", "SELECT of a text", [OPS["SELECT"], call("STRING", 1), "a"]),
        ("select-error", "SELECT of an error", [OPS["SELECT"], call("DIVIDE", 1, 0), "a"]),
        ("has-field-list", "HAS_FIELD of a list", [OPS["HAS_FIELD"], items(1), "a"]),
        ("has-field-text", "HAS_FIELD of a text", [OPS["HAS_FIELD"], call("STRING", 1), "a"]),
        ("has-field-error", "HAS_FIELD of an error", [OPS["HAS_FIELD"], call("DIVIDE", 1, 0), "a"]),
        ("list-error", "an item that errs", call("SIZE", items(1, MISSING))),
        ("map-value-error", "a value that errs", call("SIZE", pairs(("a", MISSING)))),
        ("map-key-error", "a key that errs", call("SIZE", pairs((MISSING, 1)))),
        ("now-field", "a field of the clock", path("now", "x")),
        ("holder-name", "the holder's name, where nobody confirmed it", path("holder", "name")),
        ("index-error", "an index that errs", call("INDEX", items(1), MISSING)),
        ("indexed-error", "an index of an error", call("INDEX", MISSING, 0)),
    ):
        made.errs(name, "6.5", comment, expression, **args)


def _absorbed(made: Conditions) -> None:
    yes, nay, err = is_(path("n"), 1), is_(path("n"), 2), is_(MISSING, 1)
    both, either, choice = OPS["AND"], OPS["OR"], OPS["CONDITION"]
    made.holds(
        "absorbed", "6.5", "what absorbs an error, and what is not reached",
        no([both, nay, err]), no([both, err, nay]), no([both, err, yes, nay]), [either, yes, err], [either, err, yes],
        [either, err, nay, yes], [choice, yes, True, err], [choice, nay, err, True], no([both, 1, nay]), [either, "x", yes],
        no([both, None, nay]), [either, items(), yes], no([both, nay, 1]), [either, yes, 1], [both, yes, yes, yes],
        no([either, nay, nay, nay]), is_([choice, yes, 1, 2], 1), is_([choice, nay, 1, 2], 2),
        n=1,
    )  # fmt: skip
    for name, comment, expression in (
        ("and-true-error", "`true && error`", [both, yes, err]),
        ("and-error-true", "`error && true`", [both, err, yes]),
        ("and-number", "`true && 1`", [both, yes, 1]),
        ("and-number-first", "`1 && true`", [both, 1, yes]),
        ("and-null", "`null && true`", [both, None, yes]),
        ("and-text", '`"true" && true`', [both, "true", yes]),
        ("or-false-error", "`false || error`", [either, nay, err]),
        ("or-error-false", "`error || false`", [either, err, nay]),
        ("or-number", "`false || 0`", [either, nay, 0]),
        ("or-number-first", "`0 || false`", [either, 0, nay]),
        ("or-null", "`null || false`", [either, None, nay]),
        ("choice-error", "`error ? true : true`", [choice, err, True, True]),
        ("choice-number", "`1 ? true : true`", [choice, 1, True, True]),
        ("choice-null", "`null ? true : true`", [choice, None, True, True]),
        ("choice-text", '`"true" ? true : true`', [choice, "true", True, True]),
        ("choice-then-error", "`true ? error : true`", [choice, yes, err, True]),
        ("choice-else-error", "`false ? true : error`", [choice, nay, True, err]),
        ("not-error", "`!error`", no(err)),
        ("not-number", "`!0`", no(0)),
        ("not-null", "`!null`", no(None)),
        ("not-text", '`!"false"`', no("false")),
        ("equal-error", "`error == 1`, flat", err),
        ("unequal-error", "`error != 1`, flat", call("NE", MISSING, 1)),
        ("equal-error-general", "`1 == error`", call("EQ", 1, MISSING)),
        ("unequal-error-general", "`error != error`", call("NE", MISSING, MISSING)),
        ("in-error", "`error in [1]`, flat", call("IN", MISSING, items(1))),
        ("in-error-list", "`1 in error`", call("IN", 1, MISSING)),
        ("in-error-empty", "`error in []`", call("IN", MISSING, items())),
        ("dyn-error", "`dyn(error)`", call("DYN", MISSING)),
    ):
        made.errs(name, "6.5", comment, expression, n=1)


def _folds(made: Conditions) -> None:
    x = [OPS["PATH"], "x"]

    def fold(op: str, source: Any, *bodies: Any) -> Any:
        return [OPS[op], source, "x", *bodies]

    numbers, entries = path("l"), path("m")
    args: dict[str, Any] = {"l": [1, 2, 3], "m": {"b": 1, "a": 2, "aa": 3}, "x": "outer", "e": [], "o": {}}
    less, same = call("LT", x, 3), is_(x, 2)
    keys = pairs(("b", 1), (2, 1), (False, 1), ("a", 1), (-1, 1), (True, 1), ("é", 1), ("Z", 1))
    made.holds(
        "folds", "6.5", "comprehensions over lists and maps",
        fold("ALL", numbers, call("GT", x, 0)), no(fold("ALL", numbers, less)), fold("EXISTS", numbers, same),
        no(fold("EXISTS", numbers, is_(x, 4))), fold("EXISTS_ONE", numbers, same), no(fold("EXISTS_ONE", numbers, less)),
        no(fold("EXISTS_ONE", numbers, is_(x, 4))), is_(fold("FILTER", numbers, less), items(1, 2)),
        is_(fold("MAP_EACH", numbers, call("MULTIPLY", x, 2)), items(2, 4, 6)),
        is_(fold("MAP_SOME", numbers, less, call("ADD", x, 1)), items(2, 3)), fold("ALL", path("e"), False),
        no(fold("EXISTS", path("e"), True)), no(fold("EXISTS_ONE", path("e"), True)), is_(fold("FILTER", path("e"), True), items()),
        is_(fold("MAP_EACH", path("e"), 1), items()), is_(fold("MAP_EACH", entries, x), items("a", "aa", "b")),
        is_(fold("MAP_EACH", keys, x), items(False, True, -1, 2, "Z", "a", "b", "é")), fold("ALL", path("o"), False),
        fold("ALL", entries, call("STARTS_WITH", call("STRING", x), "")), is_(fold("FILTER", entries, is_(x, "a")), items("a")),
        fold("EXISTS_ONE", entries, is_(x, "aa")), fold("EXISTS", entries, is_(x, "b")),
        is_(fold("MAP_SOME", entries, call("NE", x, "a"), x), items("aa", "b")),
        **args,
    )  # fmt: skip
    error, late = is_(call("DIVIDE", 1, call("SUBTRACT", x, 1)), 1), is_(call("DIVIDE", 1, call("SUBTRACT", x, 3)), 7)
    made.holds(
        "folds-absorbed", "6.5", "`all` and `exists` absorb an error of a body as `&&` and `||` do; the variable hides a name",
        no(fold("ALL", numbers, [OPS["AND"], error, call("LT", x, 2)])), fold("EXISTS", numbers, [OPS["OR"], late, same]),
        fold("EXISTS", numbers, error), [OPS["EXISTS"], numbers, "args", is_([OPS["PATH"], "args"], 2)],
        [OPS["ALL"], numbers, "now", call("GT", [OPS["PATH"], "now"], 0)], no(fold("ALL", numbers, late)),
        fold("EXISTS", numbers, [OPS["CONDITION"], same, True, 1]),
        [OPS["EXISTS"], numbers, "y", [OPS["EXISTS"], numbers, "z", is_(call("ADD", [OPS["PATH"], "y"], [OPS["PATH"], "z"]), 6)]],
        [OPS["EXISTS"], numbers, "x", [OPS["EXISTS"], items(9), "x", is_(x, 9)]],
        **args,
    )  # fmt: skip
    for op in ("ALL", "EXISTS", "EXISTS_ONE", "MAP_EACH", "FILTER", "MAP_SOME"):
        low = op.lower().replace("_", "-")
        bodies = (True, 1) if op == "MAP_SOME" else (True,)
        for name, source in (
            ("int", 1),
            ("null", None),
            ("text", "abc"),
            ("bytes", b"abc"),
            ("missing", MISSING),
            ("timestamp", TIME),
        ):
            made.errs(f"{low}-over-{name}", "6.5", f"over what is {name}", fold(op, source, *bodies))
        if op != "MAP_EACH":
            for name, body in (("int", 1), ("null", None), ("text", "true"), ("error", is_(MISSING, 1))):
                rest = (1,) if op == "MAP_SOME" else ()
                made.errs(f"{low}-body-{name}", "6.5", f"a body that is {name}", fold(op, numbers, body, *rest), **args)
    made.errs("map-each-error", "6.5", "a result that errs", fold("MAP_EACH", numbers, call("DIVIDE", 1, 0)), **args)
    made.errs(
        "map-some-result-error",
        "6.5",
        "a result that errs",
        fold("MAP_SOME", numbers, True, call("DIVIDE", 1, 0)),
        **args,
    )
    made.errs(
        "all-error-true",
        "6.5",
        "an error, then `true`: the error",
        fold("ALL", numbers, [OPS["OR"], error, False]),
        l=[1, 2],
    )
    made.errs(
        "exists-error-false", "6.5", "an error, then `false`: the error", fold("EXISTS", numbers, error), l=[1, 4]
    )
    made.errs(
        "exists-one-error",
        "6.5",
        "an error, though another item is the one",
        fold("EXISTS_ONE", numbers, [OPS["OR"], error, same]),
        l=[2, 1],
    )


def _wrong_types(made: Conditions) -> None:
    taken = {
        "ADD": {("int", "int"), ("double", "double"), ("string", "string"), ("bytes", "bytes"), ("list", "list")},
        "SUBTRACT": {("int", "int"), ("double", "double")},
        "MULTIPLY": {("int", "int"), ("double", "double")},
        "DIVIDE": {("int", "int"), ("double", "double")},
        "MODULO": {("int", "int")},
    }
    times = {"timestamp", "duration"}
    for op, kinds in taken.items():
        for one, other in (
            ("int", "double"), ("double", "int"), ("bool", "bool"), ("bool", "int"), ("int", "bool"), ("int", "string"),
            ("string", "int"), ("string", "bytes"), ("bytes", "string"), ("null", "null"), ("map", "map"), ("list", "map"),
            ("list", "int"), ("int", "list"), ("map", "list"), ("string", "string"), ("bytes", "bytes"), ("list", "list"), ("timestamp", "timestamp"),
            ("timestamp", "duration"), ("duration", "timestamp"), ("duration", "duration"), ("timestamp", "int"),
            ("int", "timestamp"), ("duration", "int"), ("int", "duration"), ("double", "duration"),
        ):  # fmt: skip
            both_times = {one, other} <= times
            if (one, other) in kinds or (op == "ADD" and both_times and (one, other) != ("timestamp", "timestamp")):
                continue
            if op == "SUBTRACT" and both_times and (one, other) != ("duration", "timestamp"):
                continue
            made.errs(
                f"{op.lower()}-{one}-{other}", "6.6", f"a {one} and a {other}", call(op, TYPES[one], TYPES[other])
            )


def _first_operand(made: Conditions) -> None:
    """An operand that errs ends its node, whichever it is; nothing but what §6.5 lists absorbs it."""
    others = {"IN": items(1), "INDEX": items(1), "PATH_WITHIN": "/a", "NET_WITHIN": "10.0.0.0/8"}
    for op in ("ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "MODULO", "LT", "LE", "GT", "GE", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "MATCHES", "GLOB_MATCH", "PATH_WITHIN", "NET_WITHIN"):  # fmt: skip
        low = op.lower().replace("_", "-")
        other = others.get(op, "a")
        made.errs(f"{low}-left-error", "6.5", "the left operand errs", call(op, call("DIVIDE", 1, 0), other))
        made.errs(f"{low}-right-error", "6.5", "the right operand errs", call(op, "a", call("STRING", MISSING)))
        if OPS["LT"] <= OPS[op] <= OPS["NET_WITHIN"]:
            made.errs(f"{low}-flat-error", "6.5", "the path errs", call(op, MISSING, other))
