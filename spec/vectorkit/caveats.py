"""caveats.json: conditions that must hold for every request (SPEC §5.6, §5.7, §6.2 to §6.6)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import AUDIENCE, PLANNER, READ, WORKER, Maker, chain, listed, step
from vectorkit.encode import Raw, cbor

MISSING = [0, "args", "missing"]  # an error: no such argument
(PATH, AND, OR, NOT, EQ_FLAT, NE_FLAT, LT_FLAT, LE_FLAT, GT_FLAT, GE_FLAT, IN_FLAT) = range(11)
STARTS_WITH_FLAT, MATCHES_FLAT, GLOB_FLAT, WITHIN_FLAT, NET_FLAT, HAS, ALL, EXISTS, CONDITION = (
    11,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
)
LIST, SIZE, EQ, LT, ADD, DIVIDE, INDEX, MAP, EXISTS_ONE, TIMESTAMP, URL_HOST = (
    22,
    23,
    24,
    26,
    38,
    41,
    44,
    47,
    48,
    57,
    60,
)


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("caveat")
    _values(maker)
    _errors(maker)
    _types(maker)
    _functions(maker)
    _names(maker)
    _places(maker)
    _encoding(maker)
    return maker


def _add(
    maker: Maker,
    name: str,
    spec: str,
    comment: str,
    condition: Any,
    expect: str = "allow",
    *,
    args: dict[str, Any] | None = None,
    **more: Any,
) -> None:
    hop = None if expect == "allow" else 0
    maker.add(
        name,
        spec,
        comment,
        chain(step(if_=listed(condition))),
        expect,
        hop,
        request={**READ, "args": args or {}},
        **more,
    )


def _values(maker: Maker) -> None:
    _add(maker, "true", "5.6", "a condition that holds", [LE_FLAT, "args", "amount", 500], args={"amount": 500})
    _add(
        maker,
        "false",
        "5.6",
        "a condition that does not",
        [LE_FLAT, "args", "amount", 500],
        "caveat_failed",
        args={"amount": 501},
    )
    _add(maker, "literal-false", "5.6", "the literal false", False, "caveat_failed")
    _add(maker, "number", "5.6", "a caveat that is the number 1", 1, "caveat_error")
    _add(maker, "text", "5.6", "a caveat that is the text `true`", "true", "caveat_error")
    _add(maker, "null", "5.6", "a caveat that is null", None, "caveat_error")
    _add(maker, "list", "5.6", "a caveat that is a list", [LIST, True], "caveat_error")
    _add(
        maker,
        "action",
        "6.2",
        "action and resource",
        [AND, [EQ_FLAT, "action", "files.read"], [STARTS_WITH_FLAT, "resource", "/reports/"]],
    )


def _errors(maker: Maker) -> None:
    _add(maker, "missing", "5.6", "a missing argument", [EQ_FLAT, "args", "missing", 1], "caveat_error")
    _add(
        maker,
        "missing-not-equal",
        "5.6",
        "`!=` over a missing argument",
        [NE_FLAT, "args", "missing", 1],
        "caveat_error",
    )
    _add(
        maker,
        "missing-negated",
        "5.6",
        "a negated condition over a missing argument",
        [NOT, [EQ_FLAT, "args", "missing", 1]],
        "caveat_error",
    )
    _add(
        maker,
        "missing-not-in",
        "5.6",
        "`!(… in …)` over a missing argument",
        [NOT, [IN_FLAT, "args", "missing", ["eve"]]],
        "caveat_error",
    )
    _add(
        maker, "missing-has", "6.5", "`has` over a missing argument is false", [HAS, "args", "missing"], "caveat_failed"
    )
    _add(
        maker,
        "missing-env",
        "6.2",
        "a fact that the service did not vouch for",
        [EQ_FLAT, "env", "ip", "::1"],
        "caveat_error",
    )
    _add(
        maker,
        "overflow",
        "6.5",
        "an overflow",
        [EQ, [ADD, [PATH, "args", "n"], 1], 0],
        "caveat_error",
        args={"n": 2**63 - 1},
    )
    _add(
        maker,
        "zero",
        "6.5",
        "a division by zero",
        [EQ, [DIVIDE, 1, [PATH, "args", "n"]], 0],
        "caveat_error",
        args={"n": 0},
    )
    _add(
        maker,
        "index",
        "6.5",
        "an index beyond the list",
        [EQ, [INDEX, [PATH, "args", "xs"], 1], 0],
        "caveat_error",
        args={"xs": [0]},
    )
    _add(maker, "false-and-error", "6.5", "false and an error: false", [AND, False, MISSING], "caveat_failed")
    _add(maker, "error-and-false", "6.5", "an error and false: false", [AND, MISSING, False], "caveat_failed")
    _add(maker, "error-and-true", "6.5", "an error and true: an error", [AND, MISSING, True], "caveat_error")
    _add(maker, "true-or-error", "6.5", "true or an error: true", [OR, True, MISSING])
    _add(maker, "error-or-false", "6.5", "an error or false: an error", [OR, MISSING, False], "caveat_error")
    _add(
        maker,
        "error-condition",
        "6.5",
        "an error for the condition of `?:`",
        [CONDITION, MISSING, True, True],
        "caveat_error",
    )
    xs: dict[str, Any] = {"xs": []}
    _add(
        maker,
        "exists-empty",
        "6.5",
        "`exists` over an empty list is false",
        [EXISTS, [PATH, "args", "xs"], "x", True],
        "caveat_failed",
        args=xs,
    )
    _add(
        maker,
        "exists-one-empty",
        "6.5",
        "`exists_one` over an empty list is false",
        [EXISTS_ONE, [PATH, "args", "xs"], "x", True],
        "caveat_failed",
        args=xs,
    )
    _add(
        maker, "all-empty", "6.5", "`all` over an empty list is true", [ALL, [PATH, "args", "xs"], "x", False], args=xs
    )
    _add(maker, "all-missing", "6.5", "`all` over a missing list", [ALL, MISSING, "x", True], "caveat_error")
    _add(
        maker,
        "all-text",
        "6.5",
        "`all` over text",
        [ALL, [PATH, "args", "xs"], "x", True],
        "caveat_error",
        args={"xs": "abc"},
    )
    _add(
        maker,
        "in-empty",
        "6.5",
        "`in` an empty list is false",
        [IN_FLAT, "args", "to", []],
        "caveat_failed",
        args={"to": "bob"},
    )


def _types(maker: Maker) -> None:
    _add(maker, "one-equals-true", "6.6", "1 is not true", [EQ_FLAT, "args", "n", True], "caveat_failed", args={"n": 1})
    _add(maker, "true-equals-one", "6.6", "true is not 1", [EQ_FLAT, "args", "n", 1], "caveat_failed", args={"n": True})
    _add(
        maker,
        "true-in-one",
        "6.6",
        "true is not in [1]",
        [IN_FLAT, "args", "n", [1]],
        "caveat_failed",
        args={"n": True},
    )
    _add(
        maker,
        "zero-in-false",
        "6.6",
        "0 is not in [false]",
        [IN_FLAT, "args", "n", [False]],
        "caveat_failed",
        args={"n": 0},
    )
    _add(
        maker,
        "text-equals-number",
        "6.6",
        "`500` as text is not 500",
        [EQ_FLAT, "args", "n", 500],
        "caveat_failed",
        args={"n": "500"},
    )
    _add(
        maker,
        "text-less",
        "6.6",
        "text and a number have no order",
        [LE_FLAT, "args", "n", 500],
        "caveat_error",
        args={"n": "1"},
    )
    _add(
        maker,
        "true-less",
        "6.6",
        "true and a number have no order",
        [LE_FLAT, "args", "n", 500],
        "caveat_error",
        args={"n": True},
    )
    _add(maker, "double-equals", "6.6", "1.5 and 1.5", [EQ_FLAT, "args", "n", 1.5], args={"n": 1.5})
    _add(
        maker,
        "bytes-equals-text",
        "6.6",
        "bytes are not text",
        [EQ_FLAT, "args", "n", "ab"],
        "caveat_failed",
        args={"n": {"base16": "6162"}},
    )
    _add(maker, "null-equals", "6.6", "null is null", [EQ_FLAT, "args", "n", None], args={"n": None})


def _functions(maker: Maker) -> None:
    _add(
        maker, "path-within", "6.6", "a path in its folder", [WITHIN_FLAT, "args", "p", "/data"], args={"p": "/data/x"}
    )
    _add(
        maker,
        "path-dot-dot",
        "6.6",
        "a path that leaves its folder, which is not in plain form",
        [WITHIN_FLAT, "args", "p", "/data"],
        "caveat_error",
        args={"p": "/data/../etc"},
    )
    _add(
        maker,
        "path-prefix",
        "6.6",
        "a path that begins alike",
        [WITHIN_FLAT, "args", "p", "/data"],
        "caveat_failed",
        args={"p": "/database"},
    )
    _add(
        maker,
        "net-within",
        "6.6",
        "an address in its net",
        [NET_FLAT, "env", "ip", "10.0.0.0/8"],
        env={"ip": "10.1.2.3"},
    )
    _add(
        maker,
        "net-other",
        "6.6",
        "an address in another net",
        [NET_FLAT, "env", "ip", "10.0.0.0/8"],
        "caveat_failed",
        env={"ip": "11.1.2.3"},
    )
    _add(
        maker,
        "url-userinfo",
        "6.6",
        "a host that is only a user name",
        [EQ, [URL_HOST, [PATH, "args", "u"]], "example.com"],
        "caveat_error",
        args={"u": "https://example.com@evil.org/"},
    )
    _add(
        maker,
        "glob",
        "6.6",
        "a star does not cross a slash",
        [GLOB_FLAT, "args", "s", "/a/*"],
        "caveat_failed",
        args={"s": "/a/b/c"},
    )
    for name, comment, pattern, text in (
        ("glob-braces", "braces, which are no alternatives: no pattern", "/a/*.{key,pem}", "/a/x.key"),
        ("glob-brackets", "brackets, which are no set: no pattern", "/a/[a-z]", "/a/b"),
        ("glob-question-mark", "a question mark, which is no wildcard: no pattern", "/a/?", "/a/b"),
        ("glob-across-part", "`**` beside another character: no pattern", "/a/**.key", "/a/x.key"),
        ("glob-query", "a text with a query is not in plain form", "/a/*/b", "/a/x?/b"),
        ("glob-host-query", "a query that looks like a host's end", "https://*.b/**", "https://x?y.b/z"),
    ):
        _add(maker, name, "6.6", comment, [3, [GLOB_FLAT, "args", "s", pattern]], "caveat_error", args={"s": text})
    _add(
        maker,
        "glob-folders-none",
        "6.6",
        "`**` between segments is none",
        [GLOB_FLAT, "args", "s", "/a/**/b"],
        args={"s": "/a/b"},
    )
    for name, comment, address in (
        ("translated", "an address for a translator", "64:ff9b::a00:1"),
        ("translated-local", "the same, for local use", "64:ff9b:1::a00:1"),
        ("translated-old", "an IPv4-translated address", "::ffff:0:a00:1"),
        ("compatible", "an IPv4-compatible address", "::a00:1"),
        ("6to4", "an address of 6to4", "2002:a00:1::"),
        ("teredo", "an address of Teredo", "2001:0:1::1"),
        ("isatap", "an address of ISATAP", "fe80::200:5efe:a00:1"),
    ):
        _add(
            maker,
            f"net-{name}",
            "6.6",
            f"{comment}, which carries an IPv4 one",
            [3, [NET_FLAT, "args", "a", "10.0.0.0/8"]],
            "caveat_error",
            args={"a": address},
        )
    _add(
        maker,
        "net-loopback",
        "6.6",
        "`::1` carries no IPv4 address",
        [3, [NET_FLAT, "args", "a", "0.0.0.0/8"]],
        args={"a": "::1"},
    )
    _add(maker, "regex", "6.6", "a regular expression", [MATCHES_FLAT, "args", "s", "^[a-z]+$"], args={"s": "abc"})
    _add(
        maker,
        "regex-backtracking",
        "6.6",
        "one that takes others seconds",
        [MATCHES_FLAT, "args", "s", "^(a+)+$"],
        "caveat_failed",
        args={"s": "a" * 5000 + "b"},
    )
    _add(
        maker,
        "regex-not-one",
        "6.6",
        "a regular expression that is none",
        [MATCHES_FLAT, "args", "s", "("],
        "caveat_error",
        args={"s": "a"},
    )
    _add(
        maker,
        "regex-backreference",
        "6.6",
        "a regular expression that refers back",
        [MATCHES_FLAT, "args", "s", r"(a)\1"],
        "caveat_error",
        args={"s": "aa"},
    )
    _add(
        maker,
        "regex-heavy",
        "6.6",
        "a regular expression that takes more memory than one may",
        [MATCHES_FLAT, "args", "s", "((a{100}){100})"],
        "caveat_error",
        args={"s": "aa"},
    )
    for name, between in (("flags", "+(?s)"), ("quotation", r"+\Q\E")):
        _add(
            maker,
            f"regex-heavy-behind-{name}",
            "6.6",
            f"a repetition counted behind an empty {name}: what it repeats is before that",
            [MATCHES_FLAT, "args", "s", f"(?:a{{100}}){between}{{11}}"],
            "caveat_error",
            args={"s": "a" * 2000},
        )
    _add(
        maker,
        "regex-behind-flags",
        "6.6",
        "the same, as heavy as a pattern may be: 100 letters, a repetition, flags, 8 times more, 198 letters",
        [MATCHES_FLAT, "args", "s", f"(?:a{{100}})+(?s){{8}}{'b' * 198}"],
        args={"s": "a" * 800 + "b" * 198},
    )
    _add(maker, "now", "6.2", "the clock", [LT, [PATH, "now"], [TIMESTAMP, "2030-01-01T00:00:00Z"]])
    _add(
        maker,
        "now-past",
        "6.2",
        "the clock, too late",
        [LT, [PATH, "now"], [TIMESTAMP, "2020-01-01T00:00:00Z"]],
        "caveat_failed",
    )


def _names(maker: Maker) -> None:
    _add(maker, "aud", "6.2", "the service's name", [EQ_FLAT, "aud", AUDIENCE])
    _add(maker, "holder-key", "6.2", "the holder's thumbprint", [EQ_FLAT, "holder", "key", PLANNER.thumbprint.hex()])
    _add(
        maker,
        "holder-key-other",
        "6.2",
        "another key's thumbprint",
        [EQ_FLAT, "holder", "key", WORKER.thumbprint.hex()],
        "caveat_failed",
    )
    directory = [{"name": PLANNER.name, "key": PLANNER.line}]
    _add(
        maker,
        "holder-name",
        "6.2",
        "a name that the verifier's directory confirms",
        [EQ_FLAT, "holder", "name", PLANNER.name],
        principals=directory,
    )
    _add(
        maker,
        "holder-name-unconfirmed",
        "6.2",
        "a name that only the chain gives",
        [EQ_FLAT, "holder", "name", PLANNER.name],
        "caveat_error",
    )
    elsewhere = [{"name": "agent:other", "key": PLANNER.line}]
    _add(
        maker,
        "holder-name-contradicted",
        "6.2",
        "a name that the directory gives otherwise",
        [EQ_FLAT, "holder", "name", "agent:other"],
        "caveat_error",
        principals=elsewhere,
    )
    _add(
        maker,
        "holder-who",
        "6.2",
        "facts about the holder that only the chain gives",
        [EQ_FLAT, "holder", "who", "run", "17"],
        "caveat_error",
    )
    _add(maker, "env", "6.2", "a fact of the service's own", [EQ_FLAT, "env", "ip", "::1"], env={"ip": "::1"})


def _places(maker: Maker) -> None:
    maker.add(
        "first-of-two",
        "5.6",
        "the first of two caveats fails, the second errs",
        chain(step(if_=listed(False, MISSING))),
        "caveat_failed",
        0,
    )
    maker.add(
        "second-of-two",
        "5.6",
        "the second of two caveats fails",
        chain(step(if_=listed(True, False))),
        "caveat_failed",
        0,
    )
    maker.add(
        "block-1",
        "5.6",
        "block 1's caveat fails",
        chain(step(if_=listed(True)), step(WORKER, if_=listed(False))),
        "caveat_failed",
        1,
    )
    maker.add(
        "block-0-below",
        "5.6",
        "block 0's caveat binds the holder of block 1",
        chain(
            step(if_=listed([LE_FLAT, "args", "amount", 5])), step(WORKER, if_=listed([LE_FLAT, "args", "amount", 500]))
        ),
        "caveat_failed",
        0,
        request={**READ, "args": {"amount": 100}},
    )
    maker.add(
        "policy", "5.7", "the service's own policy holds", chain(step()), policy=['action == "files.read"', "true"]
    )
    maker.add(
        "policy-false",
        "5.7",
        "the service's own policy fails",
        chain(step()),
        "policy_failed",
        policy=["true", "args.size() > 0"],
    )
    maker.add(
        "policy-error",
        "5.7",
        "the service's own policy errs",
        chain(step()),
        "policy_failed",
        policy=["args.missing == 1"],
    )
    maker.add(
        "policy-last",
        "5.7",
        "a chain's caveat is asked before the policy",
        chain(step(if_=listed(False))),
        "caveat_failed",
        0,
        policy=["args.missing == 1"],
    )


def _encoding(maker: Maker) -> None:
    def refuse(name: str, comment: str, condition: Any, reason: str = "malformed") -> None:
        maker.add(f"encoding-{name}", "6.4", comment, chain(step(if_=listed(condition))), reason, 0)

    eq = [EQ_FLAT, "args", "n", 1]
    refuse("opcode", "an unknown opcode", [200, True])
    refuse("opcode-negative", "a negative opcode", [-1, "size"])
    refuse("opcode-true", "true for the opcode 1", [True, True, True])
    refuse("opcode-double", "1.0 for the opcode 1", [1.0, True, True])
    refuse("opcode-text", "a word for an opcode", ["and", True, True])
    refuse("opcode-none", "an array without opcode", [])
    refuse("map", "a map", {0: 1})
    refuse("or-empty", "a disjunction of nothing", [OR])
    refuse("and-empty", "a conjunction of nothing", [AND])
    refuse("or-one", "a disjunction of one", [OR, eq])
    refuse("not-two", "two operands for `!`", [NOT, True, True])
    refuse("path-empty", "a path without a name", [PATH])
    refuse("path-number", "a path with a number", [PATH, "args", 0])
    refuse("name", "a name that there is not", [EQ_FLAT, "request", "n", 1])
    refuse(
        "variable-outside",
        "a variable outside of its comprehension",
        [AND, [ALL, [PATH, "args", "xs"], "x", True], [PATH, "x"]],
    )
    refuse("variable-keyword", "a keyword for a variable", [ALL, [PATH, "args", "xs"], "in", True])
    refuse("flat-list", "a list where `==` wants a literal", [EQ_FLAT, "args", "n", [1]])
    refuse("in-literal", "a literal where `in` wants a list", [IN_FLAT, "args", "n", 1])
    refuse("nan", "a literal that is not a number", [EQ_FLAT, "args", "n", float("nan")])
    refuse("nan-payload", "a NaN of another payload", [EQ_FLAT, "args", "n", Raw(b"\xf9\x7c\x01")])
    refuse("nan-long-payload", "a NaN that takes five bytes", [EQ_FLAT, "args", "n", Raw(b"\xfa\x7f\xc0\x00\x01")])
    refuse("infinite", "a literal that is infinite", [EQ_FLAT, "args", "n", float("inf")])
    refuse("64-bits", "a literal of 2^63", [EQ_FLAT, "args", "n", 2**63])
    refuse("bignum", "a literal as a bignum", [EQ_FLAT, "args", "n", Raw(b"\xc2\x49\x01" + bytes(8))])
    refuse("tag", "a literal with a tag", [EQ_FLAT, "args", "n", Raw(b"\xc1\x01")])
    refuse("undefined", "undefined for a literal", [EQ_FLAT, "args", "n", Raw(b"\xf7")])
    refuse("general", "the general form where the flat one serves", [EQ, [PATH, "args", "n"], 1], "not_canonical")
    refuse("general-in", "the general form of `in`", [30, [PATH, "args", "n"], [LIST, 1]], "not_canonical")
    refuse("and-in-and", "`&&` within `&&`", [AND, True, [AND, True, True]], "not_canonical")
    refuse("or-in-or", "`||` within `||`", [OR, [OR, True, True], True], "not_canonical")
    refuse("select-path", "a field of a path outside of the path", [45, [PATH, "args"], "n"], "not_canonical")
    refuse("index-field", "an index that is a field", [EQ, [INDEX, [PATH, "args"], "n"], 1], "not_canonical")
    refuse(
        "long-double",
        "a double longer than it need be",
        [EQ_FLAT, "args", "n", Raw(b"\xfb\x3f\xf8" + bytes(6))],
        "not_canonical",
    )
    refuse("long-number", "a number longer than it need be", [EQ_FLAT, "args", "n", Raw(b"\x18\x01")], "not_canonical")
    refuse("long-list", "an array longer than it need be", Raw(b"\x98\x04" + cbor(eq)[1:]), "not_canonical")
    refuse("map-literal", "a map literal with an entry of one", [MAP, [1]])
