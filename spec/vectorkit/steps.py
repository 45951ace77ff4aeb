"""steps.json: each charge alone, with exactly enough steps and with one short (SPEC §6.5).

`costs` makes the two vectors. What is charged on entry is counted here (`nodes`); what comes on top is written out as
the table of the specification has it.
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import ALICE, READ, WORKER, Maker, chain, listed, root, step
from vectorkit.conditions import ACCESSORS, MISSING, OPS, Conditions, call, is_, items, nodes, pairs, path
from vectorkit.weights import matching

DEAR: Any = call("STRING", 1.5)  # 2 nodes, and 4 where it is called
BAD: Any = call("DIVIDE", 1, 0)  # 3 nodes, an error
TIME: Any = call("TIMESTAMP", 0)


def make() -> Maker:
    """All vectors of the file."""
    made = Conditions("steps")
    _nodes(made)
    _junctions(made)
    _folds(made)
    _comparing(made)
    _functions(made)
    _refused_texts(made)
    _wrong_types(made)
    _ended(made)
    _decision(made)
    return made.maker


def no(condition: Any) -> Any:
    """`!condition`."""
    return call("NOT", condition)


def _nodes(made: Conditions) -> None:
    condition: Any
    args: dict[str, Any] = {"n": 1, "s": "abc", "m": {"a": {"b": 1}}, "l": [1, 2]}
    made_map = pairs(("a", 1), ("b", 2))
    for name, comment, condition in (
        ("path-deep", "a path of four parts, flat", is_(path("args", "m", "a", "b"), 1)),
        ("path-general", "two paths", is_(path("n"), path("n"))),
        ("has", "`has` of two parts", [OPS["HAS"], "args", "n"]),
        ("has-deep", "`has` of four parts", [OPS["HAS"], "args", "m", "a", "b"]),
        ("list", "two lists, which cost an item each to compare", call("NE", items(1, 2, 3), items(1))),
        ("map", "two maps of another size", call("NE", made_map, pairs(("a", 1)))),
        ("select", "a field of a map that is made", is_([OPS["SELECT"], made_map, "a"], 1)),
        ("has-field", "`has` of a field of one", [OPS["HAS_FIELD"], made_map, "a"]),
        ("index", "an index", is_(call("INDEX", path("l"), 1), 2)),
        ("not", "`!`", no(is_(path("n"), 2))),
        ("negate", "`-`", is_(call("NEGATE", path("n")), -1)),
        ("dyn", "`dyn`", is_(call("DYN", 1), 1)),
        ("size-list", "`size` of a list", is_(call("SIZE", path("l")), 2)),
        ("size-map", "`size` of a map", is_(call("SIZE", path("m")), 1)),
        ("size-bytes", "`size` of 200 bytes", is_(call("SIZE", b"x" * 200), 200)),
        ("in-map", "`in` a map", no(call("IN", 1, made_map))),
        ("string-int", "`string` of an int", is_(call("STRING", 12), "12")),
        ("string-bool", "`string` of a bool", is_(call("STRING", True), "true")),
        ("string-string", "`string` of a string of 200 characters", is_(call("SIZE", call("BYTES", call("STRING", b""))), 0)),
        ("int-double", "`int` of a double", is_(call("INT", 1.5), 1)),
        ("int-timestamp", "`int` of a timestamp of an int", is_(call("INT", TIME), 0)),
        ("double-int", "`double` of an int", is_(call("DOUBLE", 1), 1.0)),
        ("bool-string", "`bool` of a string", call("BOOL", "true")),
        ("bytes-bytes", "`bytes` of 200 bytes", is_(call("SIZE", call("BYTES", b"x" * 200)), 200)),
        ("arithmetic", "the four operations and `%`",
         is_(call("MODULO", call("DIVIDE", call("MULTIPLY", call("SUBTRACT", call("ADD", 1, 2), 1), 6), 2), 4), 2)),
        ("order-ints", "`<` of ints", call("LT", path("n"), 2)),
        ("order-times", "`<` of times", call("LE", TIME, [OPS["PATH"], "now"])),
        ("equal-types", "values of two types", call("NE", items(1), "x" * 200)),
        ("accessor", "an accessor without a zone", is_(call("GET_HOURS", TIME), 0)),
    ):  # fmt: skip
        made.costs(name, comment, condition, nodes(condition), **args)
    for op in ("EQ", "NE", "LT", "LE", "GT", "GE"):
        name = op.lower()
        condition = call(op, path("n"), 1 if op in {"EQ", "LE", "GE"} else 2 if op in {"LT", "NE"} else 0)
        made.costs(f"flat-{name}", f"{name}, flat", condition, 4, **args)
    for op, text in (("STARTS_WITH", "a"), ("ENDS_WITH", "c"), ("CONTAINS", "b")):
        made.costs(f"flat-{op.lower().replace('_', '-')}", "flat", call(op, path("s"), text), 4, **args)
    made.costs(
        "flat-in",
        "a flat `in` of three literals: six nodes and three",
        call("IN", path("n"), items(3, 2, 1)),
        10,
        **args,
    )
    made.costs("flat-in-text", "the same of texts", call("IN", path("s"), items("a", "b", "abc")), 10, **args)
    made.costs("flat-in-empty", "of none", no(call("IN", path("n"), items())), 5, **args)
    made.costs("flat-in-error", "where the path errs", call("IN", MISSING, items(3, 2, 1)), 10, "caveat_error")
    made.costs("flat-in-error-text", "the same of texts", call("IN", MISSING, items("a", "b")), 8, "caveat_error")
    long = items("y" * 64, "x" * 64, "x" * 64)
    made.costs(
        "flat-in-long",
        "of texts of 64, up to the first that is equal: one each",
        call("IN", path("x"), long),
        10 + 2,
        x="x" * 64,
    )


def _junctions(made: Conditions) -> None:
    both, either, choice = OPS["AND"], OPS["OR"], OPS["CONDITION"]
    yes, nay, err = is_(path("n"), 1), is_(path("n"), 2), is_(MISSING, 1)  # 4 each
    for name, comment, condition, steps, expect in (
        ("and", "three that are true", [both, yes, yes, yes], 13, "allow"),
        ("and-false", "the second is false", no([both, yes, nay, yes]), 10, "allow"),
        ("and-error", "the first errs: the others are asked", [both, err, yes, yes], 13, "caveat_error"),
        ("and-error-false", "the first errs, the second is false", no([both, err, nay, yes]), 10, "allow"),
        ("or", "three that are false", no([either, nay, nay, nay]), 14, "allow"),
        ("or-true", "the second is true", [either, nay, yes, nay], 9, "allow"),
        ("or-error", "the first errs: the others are asked", [either, err, nay, nay], 13, "caveat_error"),
        ("or-error-true", "the first errs, the second is true", [either, err, yes, nay], 9, "allow"),
        ("and-number", "a number first: the others are asked", [both, 1, yes, yes], 10, "caveat_error"),
        ("choice-then", "the first branch", [choice, yes, True, [OPS["LIST"], 1, 2]], 6, "allow"),
        ("choice-else", "the second branch", [choice, nay, [OPS["LIST"], 1, 2], yes], 9, "allow"),
        ("choice-error", "the test errs: no branch", [choice, err, yes, yes], 5, "caveat_error"),
        ("choice-number", "the test is a number: no branch", [choice, 1, yes, yes], 2, "caveat_error"),
        ("choice-within", "within an operator", is_([choice, yes, 1, BAD], 1), 8, "allow"),
        ("and-within-or", "one within the other", [either, [both, yes, nay], yes], 14, "allow"),
        ("deep", "in a list", is_(items([both, yes, yes]), items(True)), 14, "allow"),
    ):
        made.costs(f"junction-{name}", comment, condition, steps, expect, n=1)


def _folds(made: Conditions) -> None:
    x = [OPS["PATH"], "x"]
    args: dict[str, Any] = {"l": [1, 2, 3], "m": {"b": 1, "a": 2, "aa": 3}}
    less, more = call("LT", x, 3), call("GT", x, 0)  # 3 each

    def fold(op: str, source: Any, *bodies: Any) -> Any:
        return [OPS[op], source, "x", *bodies]

    numbers, entries = path("l"), path("m")
    for name, comment, condition, steps, expect in (
        ("all", "`all` of three", fold("ALL", numbers, more), 3 + 3 * 4, "allow"),
        ("all-false", "… up to the first `false`", no(fold("ALL", numbers, call("LT", x, 2))), 4 + 2 * 4, "allow"),
        ("all-error", "… an error does not end it", fold("ALL", numbers, is_(BAD, 1)), 3 + 3 * 6, "caveat_error"),
        ("all-number", "… nor a number", fold("ALL", numbers, 1), 3 + 3 * 2, "caveat_error"),
        ("exists", "`exists`, up to the first `true`", fold("EXISTS", numbers, is_(x, 2)), 3 + 2 * 4, "allow"),
        ("exists-none", "… of none", no(fold("EXISTS", numbers, is_(x, 4))), 4 + 3 * 4, "allow"),
        ("exists-error", "… an error does not end it", fold("EXISTS", numbers, is_(BAD, 1)), 3 + 3 * 6, "caveat_error"),
        ("one", "`exists_one` looks at all", fold("EXISTS_ONE", numbers, is_(x, 1)), 3 + 3 * 4, "allow"),
        ("one-two", "… also behind the second", no(fold("EXISTS_ONE", numbers, less)), 4 + 3 * 4, "allow"),
        ("one-error", "… an error ends it", fold("EXISTS_ONE", numbers, is_(BAD, 1)), 3 + 6, "caveat_error"),
        ("one-number", "… and a number", fold("EXISTS_ONE", numbers, 1), 3 + 2, "caveat_error"),
        ("filter", "`filter`; then two lists of two are compared", is_(fold("FILTER", numbers, less), items(1, 2)), 7 + 3 * 4 + 2, "allow"),
        ("filter-error", "… an error ends it", is_(fold("FILTER", numbers, is_(BAD, 1)), 1), 5 + 6, "caveat_error"),
        ("map", "`map`", is_(fold("MAP_EACH", numbers, call("ADD", x, 1)), items()), 5 + 3 * 4, "caveat_failed"),
        ("map-error", "… an error ends it", is_(fold("MAP_EACH", numbers, BAD), 1), 5 + 4, "caveat_error"),
        ("some", "`map` with a filter: the result where it is `true`", is_(fold("MAP_SOME", numbers, less, call("ADD", x, 1)), 1), 5 + 3 * 4 + 2 * 3, "caveat_failed"),
        ("some-error", "… a filter that errs ends it", is_(fold("MAP_SOME", numbers, is_(BAD, 1), x), 1), 5 + 6, "caveat_error"),
        ("some-number", "… and a number", is_(fold("MAP_SOME", numbers, 1, x), 1), 5 + 2, "caveat_error"),
        ("some-result", "… and a result that errs", is_(fold("MAP_SOME", numbers, True, BAD), 1), 5 + 2 + 3, "caveat_error"),
        ("empty", "over nothing", fold("ALL", items(), False), 2, "allow"),
        ("list-made", "over a list that is made", fold("ALL", items(1, 2), more), 4 + 2 * 4, "allow"),
        ("over-text", "over a text: an error", fold("ALL", "abc", more), 2, "caveat_error"),
        ("nested", "one in the other", fold("ALL", numbers, [OPS["ALL"], path("l"), "y", True]), 3 + 3 * (1 + 3 + 3 * 2), "allow"),
    ):  # fmt: skip
        made.costs(f"fold-{name}", comment, condition, steps, expect, **args)
    for op in ("ALL", "EXISTS", "EXISTS_ONE", "FILTER", "MAP_EACH", "MAP_SOME"):
        body: Any = (is_(1, 2), x) if op == "MAP_SOME" else (is_(1, 1 if op == "ALL" else 2),)
        made.costs(
            f"fold-{op.lower().replace('_', '-')}-over-map", "over a map of three: its keys are paid for first",
            no(is_(fold(op, entries, *body), 9)), 6 + 3 + 3 * 4, **args,
        )  # fmt: skip
    made.costs(
        "fold-map-short-keys",
        "the keys alone",
        is_(fold("FILTER", path("big"), False), 9),
        5 + 40 + 40 * 2,
        "caveat_failed",
        big={f"k{n:02}": 1 for n in range(40)},
    )


def _comparing(made: Conditions) -> None:
    one: Any
    other: Any

    def text(size: int, end: str = "x") -> str:
        return "x" * (size - 1) + end

    for name, size, steps in (("63", 63, 0), ("64", 64, 1), ("127", 127, 1), ("128", 128, 2), ("1000", 1000, 15)):
        same, less = text(size), text(size, "a")
        for op, one, other in (
            ("EQ", same, same),
            ("NE", same, less),
            ("LT", less, same),
            ("LE", less, same),
            ("GT", same, less),
            ("GE", same, less),
        ):
            low = op.lower()
            made.costs(f"{low}-text-{name}", f"texts of {size}", call(op, one, other), 3 + steps)
            if size in {63, 64, 128}:
                made.costs(
                    f"{low}-flat-{name}",
                    f"an argument and a text of {size}, flat",
                    call(op, path("s"), other),
                    4 + steps,
                    s=one,
                )
        if size in {63, 64}:
            made.costs(f"eq-bytes-{name}", f"bytes of {size}", is_(same.encode(), same.encode()), 3 + steps)
            made.costs(f"lt-bytes-{name}", f"bytes of {size}", call("LT", less.encode(), same.encode()), 3 + steps)
            made.costs(
                f"eq-flat-bytes-{name}",
                f"bytes of {size}, flat",
                is_(path("b"), same.encode()),
                4 + steps,
                b={"base16": same.encode().hex()},
            )
            made.costs(
                f"lt-flat-bytes-{name}",
                f"bytes of {size}, flat",
                call("LT", path("b"), same.encode()),
                4 + steps,
                b={"base16": less.encode().hex()},
            )
    made.costs("eq-text-lesser", "a text of 640 and one of 64: the lesser counts", no(is_("x" * 640, "x" * 64)), 4 + 1)
    made.costs("eq-text-lesser-first", "the other way round", no(is_("x" * 64, "x" * 640)), 4 + 1)
    made.costs("lt-text-lesser", "a text of 640 and one of 64", call("LT", "x" * 64, "x" * 640), 3 + 1)
    made.costs("eq-text-characters", "64 characters of two bytes each", is_("é" * 64, "é" * 64), 3 + 1)
    made.costs("eq-flat-short", "a long argument and a short text, flat", no(is_(path("s"), "x")), 5, s="x" * 640)
    made.costs("eq-types", "a long text and long bytes: nothing", no(is_("x" * 640, b"x" * 640)), 4)
    long = "x" * 64
    for name, comment, one, other, extra in (
        ("lists", "lists of three ints", items(1, 2, 3), items(1, 2, 3), 3),
        ("lists-texts", "lists of two texts of 64", items(long, long), items(long, long), 2 + 2),
        ("lists-first", "… up to the first difference", items("a" * 64, long), items("b" * 64, long), 2 + 1),
        ("lists-sizes", "lists of two lengths: nothing", items(long, long), items(long), 0),
        ("lists-nested", "lists in lists", items(items(1, 2), items(3)), items(items(1, 2), items(3)), 2 + 2 + 1),
        ("maps", "maps of two texts of 64", pairs(("a", long), ("b", long)), pairs(("a", long), ("b", long)), 2 + 2),
        (
            "maps-all",
            "… all of them, whatever differs",
            pairs(("a", "a" * 64), ("b", long)),
            pairs(("a", "b" * 64), ("b", long)),
            2 + 2,
        ),
        ("maps-keys", "maps of other keys", pairs(("a", long), ("b", long)), pairs(("a", long), ("c", long)), 2),
        ("maps-sizes", "maps of two sizes: nothing", pairs(("a", long), ("b", long)), pairs(("a", long)), 0),
        ("lists-empty", "two empty lists", items(), items(), 0),
        ("list-map", "a list and a map: nothing", items(1, 2), pairs((1, 2)), 0),
    ):
        condition = call("EQ", call("EQ", one, other), call("DYN", True))
        expect = "allow" if one == other else "caveat_failed"
        made.costs(f"eq-{name}", comment, condition, nodes(condition) + extra, expect)
        negated = call("EQ", call("NE", one, other), call("DYN", False))
        made.costs(f"ne-{name}", comment, negated, nodes(negated) + extra, expect)
    for name, comment, condition, extra in (
        ("three", "in a list of three", call("IN", call("DYN", 3), items(1, 2, 3)), 3),
        (
            "texts",
            "texts of 64, up to the first that is equal",
            call("IN", call("DYN", long), items("y" * 64, long, long)),
            3 + 2,
        ),
        (
            "texts-none",
            "texts of 64, and none is equal",
            no(call("IN", call("DYN", long), items("y" * 64, "z" * 64))),
            2 + 2,
        ),
        ("empty", "in an empty list", no(call("IN", call("DYN", 1), items())), 0),
        ("argument", "in an argument of three", call("IN", 2, path("l")), 3),
        ("lists", "a list in a list of lists", call("IN", items(1, 2), items(items(2, 1), items(1, 2))), 2 + 2 + 2),
    ):
        made.costs(f"in-{name}", comment, condition, nodes(condition) + extra, l=[1, 2, 3])


def _functions(made: Conditions) -> None:
    long = "x" * 100
    for name, comment, condition, extra in (
        ("add-texts", "texts of 100 and 28 joined: 128 / 64", is_(call("SIZE", call("BYTES", call("ADD", long, "y" * 28))), 128), 2 + 2),
        ("add-texts-127", "of 100 and 27", is_(call("SIZE", call("BYTES", call("ADD", long, "y" * 27))), 127), 1 + 1),
        ("add-bytes", "bytes of 100 and 28", is_(call("SIZE", call("ADD", long.encode(), b"y" * 28)), 128), 2),
        ("add-lists", "lists of two and three", is_(call("SIZE", call("ADD", items(1, 2), items(3, 4, 5))), 5), 5),
        ("starts-with", "`startsWith` of 100 and 64", call("STARTS_WITH", call("DYN", long), "x" * 64), 1),
        ("starts-with-63", "of 100 and 63", call("STARTS_WITH", call("DYN", long), "x" * 63), 0),
        ("ends-with", "`endsWith` of 100 and 64", call("ENDS_WITH", call("DYN", long), "x" * 64), 1),
        ("ends-with-63", "of 100 and 63", call("ENDS_WITH", call("DYN", long), "x" * 63), 0),
        ("starts-with-lesser", "of 64 in a text that is shorter", no(call("STARTS_WITH", call("DYN", "x" * 63), "x" * 640)), 0),
        ("ends-with-lesser", "the same", no(call("ENDS_WITH", call("DYN", "x" * 63), "x" * 640)), 0),
        ("contains", "`contains` of 100 and 50: 150 / 64 and 5000 / 4096", call("CONTAINS", call("DYN", long), "x" * 50), 2 + 1),
        ("contains-64", "of 64 and 64: 128 / 64 and 4096 / 4096", call("CONTAINS", call("DYN", "x" * 64), "x" * 64), 2 + 1),
        ("contains-63", "of 64 and 63: 127 / 64 and 4032 / 4096", call("CONTAINS", call("DYN", "x" * 64), "x" * 63), 1),
        ("size", "`size` of 128", is_(call("SIZE", "x" * 128), 128), 2),
        ("size-127", "`size` of 127", is_(call("SIZE", "x" * 127), 127), 1),
        ("string-bytes", "`string` of 64 bytes; texts of 64 are compared", is_(call("STRING", b"x" * 64), "x" * 64), 1 + 1),
        ("string-bytes-63", "`string` of 63 bytes", is_(call("STRING", b"x" * 63), "x" * 63), 0),
        ("bytes-string", "`bytes` of 64 characters", is_(call("SIZE", call("BYTES", "x" * 64)), 64), 1),
        ("bytes-string-63", "`bytes` of 63 characters", is_(call("SIZE", call("BYTES", "x" * 63)), 63), 0),
        ("int-string", "`int` of 64 digits", is_(call("INT", "0" * 63 + "7"), 7), 1),
        ("int-string-63", "`int` of 63 digits", is_(call("INT", "0" * 62 + "7"), 7), 0),
        ("double-string", "`double` of 128 digits", is_(call("DOUBLE", "0" * 127 + "7"), 7.0), 2),
        ("double-string-127", "`double` of 127 digits", is_(call("DOUBLE", "0" * 126 + "7"), 7.0), 1),
        ("timestamp", "`timestamp` of 20 characters: 4 and 5", call("LT", call("TIMESTAMP", "1970-01-01T00:00:00Z"), [OPS["PATH"], "now"]), 9),
        ("timestamp-24", "of 24 characters: 4 and 6", call("LT", call("TIMESTAMP", "1970-01-01T00:00:00.123Z"), [OPS["PATH"], "now"]), 10),
        ("timestamp-23", "of 23 characters: 4 and 5", call("LT", call("TIMESTAMP", "1970-01-01T00:00:00.12Z"), [OPS["PATH"], "now"]), 9),
        ("duration", "`duration` of 4 characters: 4 and 1", call("NE", call("DURATION", "1h1m"), 1), 5),
        ("duration-3", "of 3 characters: 4", call("NE", call("DURATION", "90s"), 1), 4),
        ("duration-zero", "of 1 character: 4", call("NE", call("DURATION", "0"), 1), 4),
        ("duration-itself", "of a duration", call("NE", call("DURATION", call("DURATION", "90s")), 1), 4),
        ("timestamp-itself", "of a timestamp of an int", call("NE", call("TIMESTAMP", TIME), 1), 0),
        ("string-double", "`string` of a double: 4", is_(DEAR, "1.5"), 4),
        ("string-nan", "`string` of NaN: 4", is_(call("STRING", call("DOUBLE", "nan")), "nan"), 4),
        ("string-timestamp", "`string` of a timestamp: 4", is_(call("STRING", TIME), "1970-01-01T00:00:00Z"), 4),
        ("string-duration", "`string` of a duration: 4", is_(call("STRING", call("DURATION", "90s")), "90s"), 4 + 4),
        ("zone", "an accessor with a zone: 4", is_(call("GET_HOURS", TIME, "UTC"), 0), 4),
        ("zone-offset", "with an offset: 4", is_(call("GET_HOURS", TIME, "+01:00"), 1), 4),
        ("path-within", "`path.within` of 16 characters in all: 1 and 8", call("PATH_WITHIN", call("DYN", "/abc/efg/hij"), "/abc"), 1 + 8),
        ("path-within-15", "of 15: 8", call("PATH_WITHIN", call("DYN", "/abc/efg/hi"), "/abc"), 8),
        ("url-host", "`url.host` of 16 characters: 1 and 8", is_(call("URL_HOST", "https://abcd.efg"), "abcd.efg"), 1 + 8),
        ("url-host-15", "of 15: 8", is_(call("URL_HOST", "https://abcd.ef"), "abcd.ef"), 8),
        ("url-scheme", "`url.scheme` of 16 characters: 1 and 8", is_(call("URL_SCHEME", "https://abcd.efg"), "https"), 1 + 8),
        ("url-scheme-15", "of 15: 8", is_(call("URL_SCHEME", "https://abcd.ef"), "https"), 8),
        ("net-within", "`net.within` of 16 characters in all: 1 and 24", call("NET_WITHIN", call("DYN", "9.9.9.9"), "0.0.0.0/0"), 1 + 24),
        ("net-within-15", "of 15: 24", call("NET_WITHIN", call("DYN", "2003::12:34"), "::/0"), 24),
        ("glob-match", "`glob.match`: (4 · 1 + 2 · 2) / 4", call("GLOB_MATCH", call("DYN", "abc"), "a*"), 2),
        ("glob-match-round", "(6 · 1 + 2 · 2) / 4, rounded down", call("GLOB_MATCH", call("DYN", "abcde"), "a*"), 2),
        ("glob-match-64", "a pattern of 64: (65 · 1 + 128) / 4", call("GLOB_MATCH", call("DYN", "x" * 64), "x" * 63 + "*"), 48),
        ("glob-match-65", "a pattern of 65: (65 · 2 + 130) / 4", no(call("GLOB_MATCH", call("DYN", "x" * 64), "x" * 64 + "y")), 65),
        ("glob-match-plain", "a pattern without a wildcard is paid for too: (2 + 2) / 4", call("GLOB_MATCH", call("DYN", "a"), "a"), 1),
    ):  # fmt: skip
        made.costs(name, comment, condition, nodes(condition) + extra)
    for op in ACCESSORS:
        condition = call("GE", call(op, TIME, "UTC"), 0)
        made.costs(f"zone-{op.lower().replace('_', '-')}", "with a zone: 4", condition, nodes(condition) + 4)
    flat: dict[str, Any] = {"s": "/abc/efg/hij", "t": "abc", "i": "9.9.9.9", "long": long, "x127": "x" * 127}
    for name, comment, condition, extra in (
        ("flat-path-within", "flat", call("PATH_WITHIN", path("s"), "/abc"), 1 + 8),
        ("flat-net-within", "flat", call("NET_WITHIN", path("i"), "0.0.0.0/0"), 1 + 24),
        ("flat-glob-match", "flat", call("GLOB_MATCH", path("t"), "a*"), 2),
        ("flat-matches", "flat", call("MATCHES", path("t"), "b"), matching("b", 1, 3)),
        ("flat-matches-127", "flat, over 127 characters", call("MATCHES", path("x127"), "x"), matching("x", 1, 127)),
        ("flat-contains-long", "flat", call("CONTAINS", path("long"), "x" * 50), 3),
        ("flat-starts-with-long", "flat", call("STARTS_WITH", path("long"), "x" * 64), 1),
        ("flat-ends-with-long", "flat", call("ENDS_WITH", path("long"), "x" * 64), 1),
        ("flat-starts-with-short", "a long argument and a short text", call("STARTS_WITH", path("long"), "x"), 0),
    ):
        made.costs(name, comment, condition, nodes(condition) + extra, **flat)


def _refused_texts(made: Conditions) -> None:
    """What has not the form that a function wants has paid for being looked at."""
    for name, comment, expression, extra in (
        ("timestamp", "`timestamp` of 8 characters", call("TIMESTAMP", "nonsense"), 4 + 2),
        ("timestamp-long", "of 200 characters", call("TIMESTAMP", "x" * 200), 4 + 50),
        ("duration", "`duration` of 8 characters", call("DURATION", "nonsense"), 4 + 2),
        ("duration-long", "of 200 characters", call("DURATION", "1h" * 100), 4 + 50),
        ("int", "`int` of 128 characters", call("INT", "x" * 128), 2),
        ("double", "`double` of 128 characters", call("DOUBLE", "x" * 128), 2),
        ("string", "`string` of 128 bytes", call("STRING", b"\xff" * 128), 2),
        ("zone", "a zone that there is not", call("GET_HOURS", TIME, "Nowhere"), 4),
        (
            "path-within",
            "`path.within` of 16 characters",
            call("PATH_WITHIN", call("DYN", "/../abcdefg/"), "/abc"),
            1 + 8,
        ),
        ("url-host", "`url.host` of 16 characters", call("URL_HOST", "x" * 16), 1 + 8),
        ("url-scheme", "`url.scheme` of 16 characters", call("URL_SCHEME", "x" * 16), 1 + 8),
        ("net-within", "`net.within` of 16 characters", call("NET_WITHIN", call("DYN", "x" * 8), "x" * 8), 1 + 24),
        ("glob-match", "`glob.match` with a pattern that is none", call("GLOB_MATCH", call("DYN", "abc"), "a?"), 2),
        (
            "glob-match-text",
            "`glob.match` of a text not in plain form",
            call("GLOB_MATCH", call("DYN", "/.."), "/*"),
            2,
        ),
        (
            "matches-refused",
            "`matches` with a pattern that RE2 refuses",
            call("MATCHES", call("DYN", "abc"), "("),
            matching("(", 1, 3),
        ),
        (
            "matches-long",
            "with one of 2,001 characters: 32 and 1,000",
            call("MATCHES", call("DYN", "abc"), "a?" * 1000 + "a"),
            32 + 1000,
        ),
        (
            "matches-heavy",
            "with one that weighs 1,001: 32 and 5",
            call("MATCHES", call("DYN", "abc"), "a{1,1001}x"),
            32 + 5,
        ),
    ):
        condition = call("EQ", call("DYN", expression), 7)
        made.costs(f"refused-{name}", comment, condition, nodes(condition) + extra, "caveat_error")


def _wrong_types(made: Conditions) -> None:
    """Types are looked at before steps are charged: a wrong one costs nothing beyond its nodes."""
    long, data = "x" * 640, b"x" * 640
    for name, expression in (
        ("add", call("ADD", long, data)),
        ("add-list", call("ADD", items(1, 2, 3), long)),
        ("lt", call("LT", long, data)),
        ("in", call("IN", 1, long)),
        ("starts-with", call("STARTS_WITH", call("DYN", long), data)),
        ("ends-with", call("ENDS_WITH", call("DYN", long), data)),
        ("contains", call("CONTAINS", call("DYN", long), data)),
        ("matches", call("MATCHES", call("DYN", data), "x")),
        ("glob-match", call("GLOB_MATCH", call("DYN", data), "x")),
        ("path-within", call("PATH_WITHIN", call("DYN", "/a"), 1)),
        ("net-within", call("NET_WITHIN", call("DYN", "10.0.0.1"), 1)),
        ("url-host", call("URL_HOST", data)),
        ("url-scheme", call("URL_SCHEME", data)),
        ("zone", call("GET_HOURS", TIME, 1)),
        ("zone-duration", call("GET_HOURS", 1, "UTC")),
        ("string", call("STRING", None)),
        ("int", call("INT", data)),
        ("double", call("DOUBLE", data)),
        ("bytes", call("BYTES", 1)),
        ("timestamp", call("TIMESTAMP", data)),
        ("duration", call("DURATION", data)),
        ("size", call("SIZE", 1)),
        ("bool", call("BOOL", 1)),
    ):
        condition = call("EQ", call("DYN", expression), 7)
        made.costs(f"type-{name}", "of a wrong type: its nodes alone", condition, nodes(condition), "caveat_error")


def _ended(made: Conditions) -> None:
    """An operand that errs ends its node: what is right of it is not evaluated."""
    binary = [name for name in OPS if OPS["EQ"] <= OPS[name] <= OPS["MODULO"]]
    for op in binary:
        condition = [OPS["OR"], call("EQ", [OPS[op], BAD, DEAR], 7), True]
        made.costs(
            f"ended-{op.lower().replace('_', '-')}",
            "the left operand errs",
            condition,
            1 + nodes([OPS[op], BAD, DEAR]) + 2 + 1,
        )
    for name, expression in (
        ("index", call("INDEX", BAD, DEAR)),
        ("list", items(BAD, DEAR)),
        ("map-key", pairs((BAD, DEAR))),
        ("map-value", pairs(("a", BAD), (DEAR, 1))),
        ("map-key-double", pairs((1.5, DEAR))),
        ("map-key-twice", pairs(("a", 1), ("a", DEAR))),
        ("zone", call("GET_HOURS", BAD, DEAR)),
        ("select", [OPS["SELECT"], items(BAD, DEAR), "a"]),
        ("has-field", [OPS["HAS_FIELD"], items(BAD, DEAR), "a"]),
    ):
        condition = [OPS["OR"], call("EQ", call("DYN", expression), 7), True]
        made.costs(
            f"ended-{name}", "what is right of an error is not evaluated", condition, 1 + nodes(expression) + 3 + 1
        )
    for name, expression in (
        ("index", call("INDEX", DEAR, BAD)),
        ("list", items(DEAR, BAD)),
        ("map-value", pairs((DEAR, BAD))),
        ("add", call("ADD", DEAR, BAD)),
    ):
        condition = [OPS["OR"], call("EQ", call("DYN", expression), 7), True]
        made.costs(f"before-{name}", "what is left of an error has been", condition, 1 + nodes(expression) + 3 + 1 + 4)


def _decision(made: Conditions) -> None:
    """One count serves the decision, in the order of §5.6; the policy has one of its own."""
    maker, four = made.maker, is_(path("n"), 1)
    asked = {**READ, "args": {"n": 1}}
    reports = ["files.read", "/reports/**"]

    def both(name: str, comment: str, what: Any, steps: int, hop: int, **more: Any) -> None:
        maker.add(
            name, "5.6", f"{comment}: {steps} steps", what, request=asked, limits={"evaluation_steps": steps}, **more
        )
        maker.add(
            f"{name}-less",
            "5.6",
            f"{comment}: a step short",
            what,
            "limit_exceeded",
            hop,
            request=asked,
            limits={"evaluation_steps": steps - 1},
            **more,
        )

    both("caveats", "two caveats", chain(step(if_=listed(four, four))), 8, 0)
    both("blocks", "two blocks", chain(step(if_=listed(four)), step(WORKER, if_=listed(four, four))), 12, 1)
    conditioned = [["files.read", "/reports/**", is_(path("n"), 2)], ["files.read", "/reports/**", four]]
    both(
        "capabilities", "a capability whose condition is false is paid for", chain(step(can=listed(*conditioned))), 8, 0
    )
    erring = [["files.read", "/reports/**", is_(MISSING, 2)], reports]
    both("capability-error", "and one whose condition errs", chain(step(can=listed(*erring))), 4, 0)
    passed = [
        ["files.write", "/reports/**", four],
        ["files.read", "/other/**", four],
        ["files.read", "/reports/**", four],
    ]
    both("capability-passed", "one that does not match is not", chain(step(can=listed(*passed))), 4, 0)
    behind = [["files.read", "/reports/**", four], ["files.read", "/reports/**", four]]
    both("capability-first", "nor one behind the first that permits", chain(step(can=listed(*behind))), 4, 0)
    then = chain(step(can=listed(["files.read", "/reports/**", four]), if_=listed(four)))
    both("capability-caveat", "a capability's condition, then a caveat", then, 8, 0)
    both(
        "root",
        "the root's own `can`, then a caveat",
        chain(step(if_=listed(four))),
        8,
        0,
        roots=[root(ALICE, can=["files.read /reports/** if args.n == 1"])],
    )
    maker.add(
        "policy-own",
        "5.7",
        "the policy has a count of its own",
        chain(step(if_=listed(four))),
        request=asked,
        policy=["args.n == 1"],
        limits={"evaluation_steps": 4},
    )
    maker.add(
        "policy-short",
        "5.7",
        "a policy that runs out",
        chain(step()),
        "policy_failed",
        request=asked,
        policy=["args.n == 1"],
        limits={"evaluation_steps": 3},
    )
    maker.add(
        "policy-two",
        "5.7",
        "two conditions of the policy draw on one count",
        chain(step()),
        "policy_failed",
        request=asked,
        policy=["args.n == 1", "args.n == 1"],
        limits={"evaluation_steps": 7},
    )
    maker.add(
        "policy-eight",
        "5.7",
        "two conditions of four steps each",
        chain(step()),
        request=asked,
        policy=["args.n == 1", "args.n == 1"],
        limits={"evaluation_steps": 8},
    )
