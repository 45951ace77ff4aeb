"""trees.json: which arrays are an expression, and in which encoding (SPEC §6.3, §6.4)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import READ, Maker, chain, listed, step
from vectorkit.conditions import ACCESSORS, OPS, Conditions, call, is_, items, pairs, path
from vectorkit.encode import Raw, cbor

ONE = (
    "NOT",
    "SIZE",
    "NEGATE",
    "INT",
    "DOUBLE",
    "STRING",
    "BYTES",
    "BOOL",
    "TIMESTAMP",
    "DURATION",
    "DYN",
    "URL_HOST",
    "URL_SCHEME",
)
TWO = (*(name for name, number in OPS.items() if OPS["EQ"] <= number <= OPS["MODULO"]), "INDEX")
FLAT = tuple(name for name, number in OPS.items() if OPS["EQ_FLAT"] <= number <= OPS["NET_WITHIN_FLAT"])
FOLDS = ("ALL", "EXISTS", "EXISTS_ONE", "MAP_EACH", "FILTER")
RESERVED = "in true false null as break const continue else for function if import let loop package namespace return var void while"
NAMES = ("action", "resource", "args", "env", "now", "aud", "origin", "holder")


def make() -> Maker:
    """All vectors of the file."""
    made = Conditions("tree")
    _accepted(made)
    _arrays(made)
    _counts(made)
    _paths(made)
    _literals(made)
    _variables(made)
    _canonical(made)
    _bytes(made)
    _capabilities(made)
    return made.maker


def low(name: str) -> str:
    """An opcode's name as part of a vector's."""
    return name.lower().replace("_", "-")


def _accepted(made: Conditions) -> None:
    names = [call("GE", call("SIZE", items([OPS["PATH"], name])), 0) for name in NAMES if name != "env"]
    x: dict[str, Any] = {"x y": {"": 1}, "if": 2, "é": 3, "a": [1]}
    made.holds(
        "accepted", "6.4", "names, fields of any text, keywords for fields; operands of any type",
        *names, is_(path("args", "x y", ""), 1), is_(path("if"), 2), is_(path("é"), 3), [OPS["HAS"], "args", "if"],
        [OPS["HAS"], "args", "x y"], call("NOT", [OPS["HAS"], "args", "a.b/c-d_0 Z9"]), call("GE", 3, path("if")),
        is_(call("INDEX", path("a"), 0), 1), call("IN", 1, path("a")), call("EQ", items(1), path("a")), call("IN", path("if"), items(call("ADD", 1, 1))),
        [OPS["ALL"], items(), "_", False], [OPS["ALL"], items(), "aZ_9", False], [OPS["ALL"], items(), "args", False], [OPS["ALL"], items(), "In", False],
        [OPS["OR"], [OPS["AND"], True, True], False], [OPS["AND"], [OPS["OR"], True, False], True],
        **x,
    )  # fmt: skip


def _arrays(made: Conditions) -> None:
    def refuse(name: str, comment: str, condition: Any) -> None:
        made.refused(name, "6.4", comment, condition, "malformed")

    refuse("empty", "an array of nothing", [])
    refuse("text-first", "a text where the opcode is", ["args", "a"])
    refuse("null-first", "null where the opcode is", [None])
    refuse("array-first", "an array where the opcode is", [[OPS["PATH"], "args"]])
    refuse("bool-first", "true for the opcode 1", [True, True, True])
    refuse("double-first", "1.0 for the opcode 1", [1.0, True, True])
    refuse("bytes-first", "bytes where the opcode is", [b"\x01", True, True])
    refuse("unknown-72", "the opcode behind the last", [72, True])
    refuse("unknown-negative", "a negative opcode", [-1, True])
    refuse("unknown-1000", "an opcode far beyond", [1000, True])
    refuse("map", "a map", {"a": 1})
    refuse("map-within", "a map within", call("NOT", {"a": 1}))
    refuse("empty-within", "an array of nothing within", call("NOT", []))
    refuse("unknown-within", "an unknown opcode within a flat list's place", is_(call("SIZE", [72]), 1))


def _counts(made: Conditions) -> None:
    def refuse(name: str, comment: str, condition: Any) -> None:
        made.refused(f"count-{name}", "6.4", comment, condition, "malformed")

    for op in ONE:
        refuse(f"{low(op)}-0", "no operand", [OPS[op]])
        refuse(f"{low(op)}-2", "two operands", [OPS[op], 1, 1])
    for op in TWO:
        refuse(f"{low(op)}-1", "one operand", [OPS[op], 1])
        refuse(f"{low(op)}-3", "three operands", [OPS[op], 1, 1, 1])
    for op in ACCESSORS:
        refuse(f"{low(op)}-0", "no operand", [OPS[op]])
        refuse(f"{low(op)}-3", "three operands", [OPS[op], 1, "UTC", 1])
    refuse("condition-2", "two operands", [OPS["CONDITION"], True, 1])
    refuse("condition-4", "four operands", [OPS["CONDITION"], True, 1, 1, 1])
    for op in FLAT:
        rest: Any = [1] if op == "IN_FLAT" else "x"
        refuse(f"{low(op)}-0", "no operand", [OPS[op]])
        refuse(f"{low(op)}-literal", "a literal alone", [OPS[op], rest])
        refuse(f"{low(op)}-name", "a name alone", [OPS[op], "args"])
    for op in FOLDS:
        refuse(f"{low(op)}-2", "no body", [OPS[op], items(), "x"])
        refuse(f"{low(op)}-4", "two bodies", [OPS[op], items(), "x", True, True])
        refuse(f"{low(op)}-1", "a range alone", [OPS[op], items()])
    refuse("map-some-1", "one body", [OPS["MAP_SOME"], items(), "x", True])
    refuse("map-some-3", "three bodies", [OPS["MAP_SOME"], items(), "x", True, 1, 1])
    for op in ("SELECT", "HAS_FIELD"):
        refuse(f"{low(op)}-1", "no field", [OPS[op], items()])
        refuse(f"{low(op)}-3", "two fields", [OPS[op], items(), "a", "b"])
        refuse(f"{low(op)}-number", "a number for the field", [OPS[op], items(), 1])
        refuse(f"{low(op)}-null", "null for the field", [OPS[op], items(), None])
        refuse(f"{low(op)}-0", "nothing", [OPS[op]])
    refuse("has-1", "`has` of a name alone", [OPS["HAS"], "args"])
    refuse("has-0", "`has` of nothing", [OPS["HAS"]])
    refuse("path-0", "a path of nothing", [OPS["PATH"]])
    for name, entry in (
        ("key", ["a"]),
        ("three", ["a", 1, 1]),
        ("none", []),
        ("text", "ab"),
        ("null", None),
        ("map", {"a": 1}),
    ):
        refuse(f"map-entry-{name}", "an entry of a map that is no pair", call("SIZE", [OPS["MAP"], entry]))


def _paths(made: Conditions) -> None:
    field: Any

    def refuse(name: str, comment: str, condition: Any) -> None:
        made.refused(name, "6.4", comment, condition, "malformed")

    for name, first in (
        ("unknown", "arguments"),
        ("said", "said"),
        ("empty", ""),
        ("capital", "Args"),
        ("number", 1),
        ("null", None),
        ("bytes", b"args"),
        ("true", True),
        ("array", ["args"]),
        ("holder-key", "holder.key"),
        ("prefix", "arg"),
    ):
        refuse(f"path-{name}", f"a path from {first!r}", is_(call("SIZE", [OPS["PATH"], first, "a"]), 1))
        refuse(f"has-{name}", f"`has` from {first!r}", [OPS["HAS"], first, "a"])
        refuse(f"flat-{name}", f"a flat operator from {first!r}", [OPS["EQ_FLAT"], first, "a", 1])
        refuse(f"flat-in-{name}", f"a flat `in` from {first!r}", [OPS["IN_FLAT"], first, "a", [1]])
    for name, field in (("number", 0), ("null", None), ("bytes", b"a"), ("true", True), ("array", ["a"])):
        refuse(f"field-{name}", f"a field that is {name}", is_(call("SIZE", [OPS["PATH"], "args", field]), 1))
        refuse(f"field-has-{name}", f"a field of `has` that is {name}", [OPS["HAS"], "args", "a", field])
        refuse(f"field-has-first-{name}", f"a field before it that is {name}", [OPS["HAS"], "args", field, "a"])
        refuse(f"field-flat-{name}", f"a field of a flat operator that is {name}", [OPS["EQ_FLAT"], "args", field, 1])
    for name, field in (
        ("empty", ""),
        ("letter", "é"),
        ("quote", '"'),
        ("backtick", "`"),
        ("tab", "\t"),
        ("plus", "a+b"),
        ("line-end", "a\n"),
        ("colon", "a:b"),
        ("arabic", "\u0661"),
        ("bracket", "a[0]"),
    ):
        refuse(f"quotable-{name}", "`has` of a field that has no text", [OPS["HAS"], "args", field])
        refuse(f"quotable-has-field-{name}", "HAS_FIELD of one", [OPS["HAS_FIELD"], items(), field])
    made.holds(
        "quotable-before",
        "6.4",
        "the fields before may be any",
        call("NOT", [OPS["HAS"], "args", "é", "a"]),
        é={},
    )


def _literals(made: Conditions) -> None:
    value: Any

    def refuse(name: str, comment: str, condition: Any, reason: str = "malformed") -> None:
        made.refused(name, "6.4", comment, condition, reason)

    for name, value in (
        ("nan", Raw(b"\xf9\x7e\x00")),
        ("infinite", Raw(b"\xf9\x7c\x00")),
        ("undefined", Raw(b"\xf7")),
        ("simple", Raw(b"\xf0")),
        ("map", {}),
        ("tag", Raw(b"\xc1\x01")),
        ("65-bits", 2**63),
        ("65-bits-negative", -(2**63) - 1),
        ("64-bits", 2**64 - 1),
        ("bignum", Raw(b"\xc2\x41\x01")),
    ):
        refuse(f"literal-{name}", f"{name} for a literal", call("NOT", value))
        refuse(
            f"literal-flat-{name}", f"{name} for the literal of a flat operator", [OPS["EQ_FLAT"], "args", "a", value]
        )
        refuse(f"literal-in-{name}", f"{name} in the list of a flat `in`", [OPS["IN_FLAT"], "args", "a", [value]])
        refuse(f"literal-list-{name}", f"{name} in a list", is_(call("SIZE", items(value)), 1))
    for op in FLAT:
        if op != "IN_FLAT":
            refuse(
                f"literal-array-{low(op)}",
                "a node for the literal of a flat operator",
                [OPS[op], "args", "a", [OPS["PATH"], "args"]],
            )
            refuse(f"literal-list-{low(op)}", "a list for it", [OPS[op], "args", "a", items(1)])
    for name, value in (("text", "ab"), ("number", 1), ("null", None), ("map", {}), ("bytes", b"a")):
        refuse(f"in-{name}", "no list behind a flat `in`", [OPS["IN_FLAT"], "args", "a", value])
    refuse(
        "in-node",
        "a list node behind a flat `in`: its opcode counts as a literal, its items are",
        [OPS["IN_FLAT"], "args", "a", [OPS["LIST"], [1]]],
    )
    refuse("in-path", "a path within it", [OPS["IN_FLAT"], "args", "a", [1, [OPS["PATH"], "args"]]])
    made.add(
        "in-opcode",
        "6.4",
        "22 within the list of a flat `in` is the number",
        call("IN", path("a"), items(22, 1)),
        "allow",
        {"a": 22},
    )


def _variables(made: Conditions) -> None:
    variable: Any
    bodies: Any
    for op in (*FOLDS, "MAP_SOME"):
        bodies = (True, 1) if op == "MAP_SOME" else (True,)
        for name, variable in (("number", 1), ("null", None), ("empty", ""), ("digit", "1a"), ("dot", "a.b")):
            made.refused(
                f"variable-{low(op)}-{name}",
                "6.4",
                f"a variable that is {variable!r}",
                [OPS[op], items(), variable, *bodies],
                "malformed",
            )
    for word in RESERVED.split():
        made.refused(
            f"variable-word-{word}",
            "6.4",
            f"the word `{word}` for a variable",
            [OPS["ALL"], items(), word, True],
            "malformed",
        )
    for name, variable in (
        ("blank", "a b"),
        ("hyphen", "a-b"),
        ("letter", "é"),
        ("line-end", "a\n"),
        ("bytes", b"a"),
        ("path", [OPS["PATH"], "a"]),
        ("true", True),
        ("dollar", "$a"),
    ):
        made.refused(
            f"variable-{name}",
            "6.4",
            f"a variable that is {variable!r}",
            [OPS["ALL"], items(), variable, True],
            "malformed",
        )
    x = [OPS["PATH"], "x"]
    for op in (*FOLDS, "MAP_SOME"):
        bodies = (True, 1) if op == "MAP_SOME" else (True,)
        made.refused(
            f"scope-range-{low(op)}", "6.4", "a variable in its own range", [OPS[op], x, "x", *bodies], "malformed"
        )
        made.refused(
            f"scope-beside-{low(op)}",
            "6.4",
            "a variable behind its comprehension",
            is_(items([OPS[op], items(), "x", *bodies], x), 1),
            "malformed",
        )
    for bodies, name in (((is_(x, 1), x), "both"), ((True, x), "result"), ((is_(x, 1), 1), "filter")):
        made.add(
            f"scope-map-some-{name}",
            "6.4",
            "in either body of `map`",
            [OPS["GE"], call("SIZE", [OPS["MAP_SOME"], items(1), "x", *bodies]), 0],
        )
    inner = [OPS["ALL"], items(1), "x", [OPS["ALL"], items(x), "y", is_(call("ADD", x, [OPS["PATH"], "y"]), 2)]]
    made.add("scope-nested", "6.4", "one within the other, in its range too", inner)


def _canonical(made: Conditions) -> None:
    def refuse(name: str, comment: str, condition: Any) -> None:
        made.refused(f"canonical-{name}", "6.4", comment, condition, "not_canonical")

    for op in FLAT:
        general = OPS[op] + 20
        right: Any = items("x") if op == "IN_FLAT" else "x"
        refuse(f"{low(op)}", "the general form between a path and a literal", [general, path("a"), right])
        refuse(f"{low(op)}-name", "the same of a name alone", [general, [OPS["PATH"], "action"], right])
    refuse("in-empty", "the general form of `in` an empty list", [OPS["IN"], path("a"), items()])
    refuse("in-many", "of two literals", [OPS["IN"], path("a"), items(1, None)])
    for op in ("AND", "OR"):
        for place in range(3):
            operands: list[Any] = [True, True, True]
            operands[place] = [OPS[op], True, True]
            refuse(f"{low(op)}-{place}", f"one within the other, at place {place}", [OPS[op], *operands])
    refuse("select", "SELECT of a path", is_([OPS["SELECT"], path("a"), "b"], 1))
    refuse("has-field", "HAS_FIELD of a path", [OPS["HAS_FIELD"], path("a"), "b"])
    refuse("select-name", "SELECT of a name", is_([OPS["SELECT"], [OPS["PATH"], "args"], "b"], 1))
    refuse("index", "INDEX by a text literal", is_([OPS["INDEX"], path("a"), "b"], 1))
    refuse("index-of-call", "of what is no path", is_([OPS["INDEX"], pairs(("b", 1)), "b"], 1))
    args: dict[str, Any] = {"a": "x", "l": ["x"]}
    made.holds(
        "general", "6.4", "the general form where it must be",
        [OPS["EQ"], "x", path("a")], [OPS["EQ"], path("a"), path("a")], [OPS["EQ"], call("DYN", path("a")), "x"], [OPS["EQ"], path("l"), items("x")],
        [OPS["IN"], path("a"), path("l")], [OPS["IN"], "x", items("x")], [OPS["IN"], path("a"), items(path("a"))], [OPS["NE"], path("l"), items()],
        [OPS["STARTS_WITH"], "x", path("a")], [OPS["EQ"], [OPS["INDEX"], path("l"), 0], "x"], [OPS["GLOB_MATCH"], "x", path("a")],
        [OPS["EQ"], [OPS["INDEX"], pairs(("x", 1)), path("a")], 1], [OPS["IN"], path("a"), pairs(("x", 1))], [OPS["EQ"], [OPS["ADD"], path("a"), "y"], "xy"],
        **args,
    )  # fmt: skip


def _bytes(made: Conditions) -> None:
    """The list of caveats is read by the strictest of decoders (§3.6)."""

    def refuse(name: str, comment: str, content: bytes, reason: str) -> None:
        made.maker.add(f"bytes-{name}", "3.6", comment, chain(step(if_=content)), reason, 0)

    flat = cbor(is_(path("a"), 1))
    refuse("head", "a list whose head is longer than it need be", b"\x98\x01" + flat, "not_canonical")
    refuse("head-inner", "an expression whose head is", b"\x81\x98\x04" + flat[1:], "not_canonical")
    refuse("opcode", "an opcode in two bytes", b"\x81\x84\x18\x04" + flat[2:], "not_canonical")
    refuse("number", "a number in two bytes", b"\x81" + flat[:-1] + b"\x18\x01", "not_canonical")
    refuse("number-3", "a number in three bytes", b"\x81" + flat[:-1] + b"\x19\x00\x01", "not_canonical")
    refuse("number-5", "a number in five bytes", b"\x81" + flat[:-1] + b"\x1a\x00\x00\x00\x01", "not_canonical")
    refuse("number-5-high", "65,535 in five bytes", b"\x81" + flat[:-1] + b"\x1a\x00\x00\xff\xff", "not_canonical")
    refuse("number-9", "a number in nine bytes", b"\x81" + flat[:-1] + b"\x1b" + bytes(7) + b"\x01", "not_canonical")
    refuse("number-23", "23 in two bytes", b"\x81" + flat[:-1] + b"\x18\x17", "not_canonical")
    refuse("number-255", "255 in three bytes", b"\x81" + flat[:-1] + b"\x19\x00\xff", "not_canonical")
    refuse(
        "text", "a text whose head is longer than it need be", b"\x81\x84\x04\x78\x04args" + flat[7:], "not_canonical"
    )
    refuse("text-field", "the same of a field", b"\x81\x84\x04\x64args\x78\x01a\x01", "not_canonical")
    refuse("text-literal", "the same of a literal", b"\x81\x84\x04\x64args\x61a\x78\x01x", "not_canonical")
    refuse("text-pieces", "a text in pieces", b"\x81\x84\x04\x64args\x7f\x61a\xff\x01", "not_canonical")
    refuse("indefinite", "an expression without a length", b"\x81\x9f" + flat[1:] + b"\xff", "not_canonical")
    refuse(
        "double", "a double that a shorter one equals", b"\x81" + flat[:-1] + b"\xfa\x3f\xc0\x00\x00", "not_canonical"
    )
    refuse("double-8", "the same in eight bytes", b"\x81" + flat[:-1] + b"\xfb\x3f\xf8" + bytes(6), "not_canonical")
    refuse("more", "a byte behind the list", b"\x81" + flat + b"\x00", "not_canonical")
    refuse("cut", "a list that is cut off", (b"\x81" + flat)[:-1], "truncated")
    refuse("cut-list", "a list of two that has one", b"\x82" + flat, "truncated")
    refuse("not-utf8", "a field that is not UTF-8", b"\x81\x84\x04\x64args\x61\xff\x01", "malformed")
    refuse("not-utf8-literal", "a literal that is not", b"\x81\x84\x04\x64args\x61a\x61\xff", "malformed")
    refuse("seventeen", "33 short conditions", b"\x98\x21" + flat * 33, "limit_exceeded")
    seventeen = [is_(path("a"), 1)] * 17
    made.add("bytes-17-flat", "6.1", "17 short conditions", tuple(seventeen), "allow", {"a": 1})
    made.add(
        "bytes-two-parts",
        "6.4",
        "flat operators over a name, a field and two",
        (is_([OPS["PATH"], "action"], "files.read"), is_(path("args", "m", "b"), 1)),
        "allow",
        {"m": {"b": 1}},
    )
    for size in (23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32):
        made.add(
            f"bytes-flat-number-{size}",
            "3.6",
            f"the number {size}, flat and alone",
            is_(path("a"), size),
            "allow",
            {"a": size},
        )


def _capabilities(made: Conditions) -> None:
    maker = made.maker

    def refuse(name: str, comment: str, *can: Any, reason: str = "malformed") -> None:
        maker.add(f"capability-{name}", "6.1", comment, chain(step(can=listed(*can))), reason, 0)

    refuse("empty", "an array of nothing", [])
    refuse("text", "a text", "files.read")
    refuse("null", "null", None)
    refuse("four", "four parts", ["files.read", "/a", True, True])
    refuse("action-number", "a number for the action", [1])
    refuse("action-null", "null for the action", [None])
    refuse("action-list", "a list for the action", [["files.read"]])
    refuse("action-bytes", "bytes for the action", [b"files.read"])
    refuse("action-empty", "an empty action", [""])
    refuse("resource-null-alone", "null for the resource, and no condition", ["files.read", None])
    refuse("resource-number", "a number for the resource", ["files.read", 1])
    refuse("resource-empty", "an empty resource", ["files.read", ""])
    refuse("resource-empty-condition", "the same with a condition", ["files.read", "", True])
    refuse("literal-none", "a literal of no parts", ["files.read", []])
    refuse("literal-two", "of two parts", ["files.read", ["/a", "/b"]])
    refuse("literal-number", "a number for a literal", ["files.read", [1]])
    refuse("literal-number-condition", "the same with a condition", ["files.read", [1], True])
    refuse("literal-map", "a map for a resource", ["files.read", {"a": 1}])
    refuse("resource-true-condition", "true for a resource", ["files.read", True, True])
    refuse("condition-tree", "a condition that is none", ["files.read", "/a", []])
    refuse("condition-tree-null", "the same without a resource", ["files.read", None, [72]])
    refuse("condition-tree-literal", "the same with a literal", ["files.read", ["/a"], [72]])
    refuse(
        "condition-canonical",
        "a condition in another encoding",
        ["files.read", "/a", [OPS["EQ"], path("a"), 1]],
        reason="not_canonical",
    )
    refuse("condition-deep", "a condition too deep", ["files.read", "/a", _not(16)], reason="limit_exceeded")
    refuse("second", "the second of two", ["files.read", "/reports/**"], ["files.read", ""])
    for name, can, request, expect in (
        ("no-resource", ["a"], {"resource": None}, "allow"),
        ("no-resource-asked", ["a"], {"resource": "/x"}, "capability_missing"),
        ("resource-not-asked", ["a", "**"], {"resource": None}, "capability_missing"),
        ("null-resource", ["a", None, True], {"resource": None}, "allow"),
        ("null-resource-asked", ["a", None, True], {"resource": "/x"}, "capability_missing"),
        ("literal", ["a", ["/x//y"]], {"resource": "/x//y"}, "allow"),
        ("literal-other", ["a", ["/x"]], {"resource": "/x/"}, "capability_missing"),
        ("literal-none-asked", ["a", ["/x"]], {"resource": None}, "capability_missing"),
        ("literal-condition", ["a", ["/x"], True], {"resource": "/x"}, "allow"),
        ("literal-condition-false", ["a", ["/x"], False], {"resource": "/x"}, "capability_missing"),
        ("literal-star", ["a", ["/*"]], {"resource": "/x"}, "capability_missing"),
        ("not-plain", ["a", "**"], {"resource": "/x//y"}, "capability_missing"),
        ("condition-number", ["a", None, 1], {"resource": None}, "capability_missing"),
        ("condition-null", ["a", None, None], {"resource": None}, "capability_missing"),
        ("condition-error", ["a", None, is_(path("z"), 1)], {"resource": None}, "capability_missing"),
        ("empty-asked", ["a", "**"], {"resource": ""}, "capability_missing"),
    ):
        asked = {**READ, "action": "a", **request}
        maker.add(
            f"capability-{name}",
            "6.1",
            "which request it permits",
            chain(step(can=listed(can))),
            expect,
            None if expect == "allow" else 0,
            request=asked,
        )


def _not(depth: int) -> Any:
    return call("NOT", _not(depth - 1)) if depth else True
