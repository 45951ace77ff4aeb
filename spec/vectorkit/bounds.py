"""bounds.json: each limit of §8 that a vector can reach, and one beyond it; what limits.json has is not repeated."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vectorkit.build import (
    ALICE,
    AUDIENCE,
    BEARER_1,
    BOB,
    HELPER,
    LEFT_OUT,
    NOW,
    PLANNER,
    READ,
    WORKER,
    Chain,
    Maker,
    chain,
    listed,
    prove,
    root,
    step,
)
from vectorkit.conditions import MISSING, OPS, call, is_, items, pairs, path
from vectorkit.discharges import APPROVED, YES, held, needing, party, say
from vectorkit.encode import cbor
from vectorkit.revocation import revoking

TIME_MAX = 253_402_300_799
REPORTS: list[Any] = ["files.read", "/reports/**"]


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("bound")
    _bytes(maker)
    _texts(maker)
    _claims(maker)
    _hops(maker)
    _needs(maker)
    _requests(maker)
    _depth(maker)
    _nodes(maker)
    _nested(maker)
    _containers(maker)
    _heads(maker)
    _regexes(maker)
    _policy(maker)
    _time(maker)
    return maker


def filled(size: int, make: Callable[[int], bytes]) -> bytes:
    """What is made with so many characters that it has just this size."""
    guess = size - len(make(0)) - 40
    return make(guess + size - len(make(guess)))


def _fat(extra: int, *more: Any, **claims: Any) -> Chain:
    """A chain whose capabilities have so many characters more than need be, in literals of at most 8,000."""
    words = []
    while extra > 0:
        words.append(["files.write", ["x" * min(extra, 8000)]])
        extra -= 8000
    return chain(step(can=listed(REPORTS, *words), **claims), *more)


def _bytes(maker: Maker) -> None:
    def add(name: str, comment: str, what: bytes, expect: str, hop: int | None = None, **more: Any) -> None:
        maker.add(name, "8", comment, what, expect, hop, authorize=True, **more)

    for beyond in (0, 1):
        token = filled(16384 + beyond, lambda extra: _fat(extra).token())
        add(
            f"token-{16384 + beyond}",
            f"a token of {16384 + beyond} bytes",
            token,
            "limit_exceeded" if beyond else "proof_missing",
            None if beyond else 0,
        )
        bearer = filled(16384 + beyond, lambda extra: _bearer(extra).bearer())
        add(
            f"bearer-{16384 + beyond}",
            f"a bearer token of {16384 + beyond} bytes",
            bearer,
            "limit_exceeded" if beyond else "allow",
            bearer=True,
        )
        blocks = filled(16384 + beyond, lambda extra: cbor(list(_fat(extra).blocks)))
        fat = _fat(_extra_for(blocks))
        add(
            f"blocks-{16384 + beyond}",
            f"a presentation whose blocks have {16384 + beyond} bytes, their head included",
            fat.present(),
            "limit_exceeded" if beyond else "allow",
        )
        whole = filled(
            32768 + beyond, lambda extra: chain(step()).present(discharges=[bytes(2000)] * 15 + [bytes(extra)])
        )
        add(
            f"presentation-{32768 + beyond}",
            f"a presentation of {32768 + beyond} bytes: its discharges are looked at, or not",
            whole,
            "limit_exceeded" if beyond else "discharge_unexpected",
        )
    one = chain(step())
    add(
        "discharges-16",
        "16 discharges, which nothing asks for",
        one.present(discharges=[b"\0"] * 16),
        "discharge_unexpected",
    )
    add("discharges-0", "none", one.present(discharges=[]), "allow")


def _bearer(extra: int) -> Chain:
    words = []
    while extra > 0:
        words.append(["files.write", ["x" * min(extra, 8000)]])
        extra -= 8000
    return chain(step(BEARER_1, can=listed(REPORTS, *words), aud=[AUDIENCE]))


def _extra_for(blocks: bytes) -> int:
    """The characters that make a chain whose array of blocks has this size."""
    size = len(blocks)
    return next(extra for extra in range(size - 700, size) if len(cbor(list(_fat(extra).blocks))) == size)


def _texts(maker: Maker) -> None:
    """The characters of a text form are bounded before it is decoded: ⌊m · 4/3⌋ + 3 behind the prefix (§3.2)."""
    for prefix, most in (("dlgt_", 21848), ("dlgb_", 21848), ("dlgp_", 43693)):
        for beyond in (0, 1):
            what = prefix + "A" * (most + beyond - 1) + "!"
            comment = f"{most + beyond} characters behind {prefix}, the last of them no base64url"
            maker.add(
                f"text-{prefix[:4]}-{most + beyond}",
                "3.2",
                comment,
                what,
                "limit_exceeded" if beyond else "malformed",
                authorize=True,
            )


def _claims(maker: Maker) -> None:
    def both(
        name: str, comment: str, good: dict[str, Any], bad: dict[str, Any], reason: str = "malformed", **more: Any
    ) -> None:
        maker.add(name, "4.1", comment, chain(step(**good)), **more)
        maker.add(f"{name}-beyond", "4.1", f"{comment}, and one more", chain(step(**bad)), reason, 0)

    both("why-256", "256 characters of `why`", {"why": "é" * 256}, {"why": "é" * 257}, "limit_exceeded")
    both(
        "who-16",
        "16 entries of `who`",
        {"who": {f"k{n:02}": "v" for n in range(16)}},
        {"who": {f"k{n:02}": "v" for n in range(17)}},
        "limit_exceeded",
    )
    both(
        "who-key-256",
        "a key of `who` of 256 characters",
        {"who": {"k" * 256: "v"}},
        {"who": {"k" * 257: "v"}},
        "limit_exceeded",
    )
    both(
        "who-value-256",
        "a value of `who` of 256 characters",
        {"who": {"k": "é" * 256}},
        {"who": {"k": "é" * 257}},
        "limit_exceeded",
    )
    units = {f"u{n}": 9 for n in range(8)}
    both(
        "budget-8",
        "8 units of `budget`",
        {"budget": units},
        {"budget": {**units, "u8": 9}},
        "limit_exceeded",
        cost=dict.fromkeys(units, 1),
        ledger=True,
    )
    both(
        "budget-most",
        "the greatest amount",
        {"budget": {"calls": 2**63 - 1}},
        {"budget": {"calls": 2**63}},
        ledger=True,
    )
    both("hops-16", "`hops` of 16", {"hops": 16}, {"hops": 17})
    both("exp-most", "the greatest `exp`", {"exp": TIME_MAX}, {"exp": TIME_MAX + 1})
    both(
        "fresh-most",
        "the greatest `fresh`",
        {"fresh": TIME_MAX},
        {"fresh": TIME_MAX + 1},
        revokers=party(BOB),
        revocations=[revoking(BOB)],
    )
    maker.add("nbf-beyond", "4.1", "`nbf` beyond the greatest time", chain(step(nbf=TIME_MAX + 1)), "malformed", 0)
    maker.add("nbf-most", "4.1", "the greatest `nbf`", chain(step(nbf=TIME_MAX)), "not_yet_valid", 0)
    maker.add("iat-beyond", "4.1", "`iat` beyond the greatest time", chain(step(iat=TIME_MAX + 1)), "malformed", 0)
    maker.add("iat-most", "4.1", "the greatest `iat`", chain(step(iat=TIME_MAX)), "not_yet_valid", 0)
    maker.add("zero", "4.1", "times of 0", chain(step(nbf=0, iat=0)))
    maker.add("exp-zero", "4.1", "an `exp` of 0", chain(step(exp=0)), "expired", 0)
    maker.add("hops-zero", "4.1", "`hops` of 0", chain(step(hops=0)))
    maker.add(
        "fresh-one",
        "4.1",
        "`fresh` of 1",
        chain(step(fresh=1)),
        revokers=party(BOB),
        revocations=[revoking(BOB, iat=NOW - 1)],
    )
    maker.add(
        "budget-zero", "4.1", "a pool of nothing", chain(step(budget={"calls": 0})), "budget_exhausted", 0, ledger=True
    )
    maker.add(
        "budget-zero-cost",
        "5.8",
        "a pool of nothing, and a cost of nothing",
        chain(step(budget={"calls": 0})),
        cost={"calls": 0},
        ledger=True,
    )
    maker.add("cti-8", "4.1", "8 bytes of `cti`", chain(step(cti=b"\xff" * 8)))
    literal = ["files.read", ["x" * 8192]]
    maker.add(
        "literal-8192",
        "6.1",
        "a literal of 8,192 characters",
        chain(step(can=listed(literal))),
        request={**READ, "resource": "x" * 8192},
    )
    maker.add(
        "literal-8193",
        "6.1",
        "a literal of 8,193 characters",
        chain(step(can=listed(["files.read", ["x" * 8193]]))),
        "limit_exceeded",
        0,
    )
    maker.add(
        "literal-empty",
        "6.1",
        "an empty literal is the empty resource",
        chain(step(can=listed(["files.read", [""]]))),
        request={**READ, "resource": ""},
    )
    maker.add(
        "literal-condition-8193",
        "6.1",
        "the same with a condition",
        chain(step(can=listed(["files.read", ["x" * 8193], True]))),
        "limit_exceeded",
        0,
    )


def _hops(maker: Maker) -> None:
    three = (step(PLANNER), step(WORKER), step(HELPER))

    def hops(name: str, comment: str, counts: tuple[int | None, ...], hop: int | None = None) -> None:
        steps = [
            step(each.holder, hops=LEFT_OUT if count is None else count)
            for each, count in zip(three, counts, strict=False)
        ]
        maker.add(f"hops-{name}", "4.4", comment, chain(*steps), "allow" if hop is None else "too_many_hops", hop)

    hops("two", "two changes, and two are left", (2, None, None))
    hops("one", "two changes, and one is left", (1, None, None), 2)
    hops("none", "one change, and none is left", (0, None), 1)
    hops("lowered", "lowered on the way", (5, 0, None), 2)
    hops("raised", "raised on the way: it is not", (1, 5, None), 2)
    hops("lowered-enough", "lowered to what is used", (5, 1, None))
    kept = chain(step(PLANNER, hops=0), step(PLANNER), step(PLANNER))
    maker.add("hops-kept", "4.4", "no change of key needs none", kept)
    back = chain(step(PLANNER, hops=2), step(WORKER), step(PLANNER))
    maker.add("hops-back", "4.4", "back to a key that was there is a change too", back)
    back = chain(step(PLANNER, hops=1), step(WORKER), step(PLANNER))
    maker.add("hops-back-beyond", "4.4", "and needs one that is left", back, "too_many_hops", 2)


def _needs(maker: Maker) -> None:
    keys = [*(bytes((n,)) * 32 for n in range(15)), BOB.thumbprint]
    sixteen = held(need=listed({"by": sorted(keys), "if": APPROVED, "of": 1, "standing": True}))
    known: dict[str, Any] = {"third_parties": party(BOB)}

    def shown(
        name: str, comment: str, made: Any, discharge: bytes, expect: str = "allow", hop: int | None = None, **more: Any
    ) -> None:
        maker.add(
            name, "14.2", comment, made.two.present(prove(made.two), [discharge]), expect, hop, **{**known, **more}
        )

    shown("need-16-keys", "16 keys, of which one confirms", sixteen, say(BOB, sixteen.first))
    all_of = held(need=listed({"by": sorted(keys), "if": APPROVED, "of": 16, "standing": True}))
    shown("need-of-16", "as many as there are", all_of, say(BOB, all_of.first), "discharge_missing", 0)
    aged = held(needing(BOB, age=TIME_MAX))
    shown("age-most", "the greatest age", aged, say(BOB, aged.first))
    maker.add("age-beyond", "14.1", "beyond it", held(needing(BOB, age=TIME_MAX + 1)).two.token(), "malformed", 0)
    one = held(needing(BOB))
    shown("discharge-exp-most", "the greatest `exp`", one, say(BOB, one.first, claims={4: TIME_MAX}))
    shown("discharge-exp-beyond", "beyond it", one, say(BOB, one.first, claims={4: TIME_MAX + 1}), "discharge_invalid")
    shown("discharge-iat-zero", "an `iat` of 0", one, say(BOB, one.first, claims={6: 0}))
    shown(
        "discharge-iat-beyond",
        "an `iat` beyond the greatest time",
        one,
        say(BOB, one.first, claims={6: TIME_MAX + 1}),
        "discharge_invalid",
    )
    eight = held(*[needing(BOB)] * 7, needing(BOB))
    discharges = [say(BOB, eight.first, place=place) for place in range(7)]
    what = eight.two.present(prove(eight.two), [*discharges, say(BOB, eight.first, place=7)])
    maker.add("place-7", "14.2", "the last place that there is", what, **known)
    stranger = (b"\x01" * 8, 12_288)
    for beyond in (0, 1):
        data = filled(
            stranger[1] + beyond, lambda extra: say(BOB, one.first, kid=stranger[0], payload=bytes(max(extra, 24)))
        )
        comment = f"a stranger's discharge of {len(data)} bytes"
        shown(f"discharge-{len(data)}", comment, one, data, "discharge_invalid" if beyond else "discharge_unexpected")
    for depth, expect in ((16, "allow"), (17, "discharge_invalid")):
        nested: Any = 1
        for _ in range(depth - 1):
            nested = [nested]
        shown(
            f"says-depth-{depth}",
            f"what is said nested {depth} deep",
            one,
            say(BOB, one.first, says={"x": nested, **YES}),
            expect,
        )


def _requests(maker: Maker) -> None:
    everything = chain(step(can=listed(["**", "**"], ["**"], ["a" * 256])))
    for name, comment, asked in (
        ("action-256", "an action of 256 characters", {"action": "a" * 256, "resource": None, "args": {}}),
        ("action-256-beyond-ascii", "256 characters of two bytes", {"action": "é" * 256, "resource": None, "args": {}}),
        ("resource-8192", "a resource of 8,192 characters", {"action": "a", "resource": "/" + "é" * 8191, "args": {}}),
        ("args-depth-16", "arguments nested 16 deep", {"action": "a", "resource": None, "args": {"x": _lists(15)}}),
        (
            "integers",
            "the least and the greatest integer",
            {"action": "a", "resource": None, "args": {"x": -(2**63), "y": 2**63 - 1}},
        ),
        (
            "exact",
            "doubles up to 2^53 are integers",
            {
                "action": "a",
                "resource": None,
                "args": {"x": 2.0**53, "y": -(2.0**53), "z": 2.0**53 + 2, "u": -(2.0**53) - 2, "v": 0.5},
            },
        ),
    ):
        maker.add(name, "7.1", comment, everything, request=asked)
    exact = every_of(
        is_(call("STRING", path("x")), "9007199254740992"), is_(call("STRING", path("z")), "9.007199254740994e+15")
    )
    args = {"x": 2.0**53, "z": 2.0**53 + 2}
    maker.add(
        "exact-conditions",
        "7.1",
        "as conditions read them",
        chain(step(if_=listed(*exact))),
        request={**READ, "args": args},
    )


def every_of(*conditions: Any) -> tuple[Any, ...]:
    """Each a caveat of its own."""
    return conditions


def _lists(depth: int) -> Any:
    return [_lists(depth - 1)] if depth else 1


def _not(depth: int, inner: Any) -> Any:
    """`inner` below so many `!`."""
    return [OPS["NOT"], _not(depth - 1, inner)] if depth else inner


def _depth(maker: Maker) -> None:
    """A node of each kind at level 16, with what is one level below it at 16 and at 17 (§6.3)."""
    args = {"n": 1, "m": {"a": 1}, "s": "a"}

    def level(name: str, comment: str, node: Any, own: int, spec: str = "6.3") -> None:
        # `own` levels are in the node; it stands so deep that the last of them is 16, then 17.
        for beyond in (0, 1):
            depth = 16 - own + beyond
            condition = _not(depth, node)
            expect = "limit_exceeded" if beyond else ("caveat_error" if depth else "allow")
            maker.add(
                f"depth-{name}{'-beyond' * beyond}",
                spec,
                f"{comment}, its last level at {16 + beyond}",
                chain(step(if_=listed(condition))),
                expect,
                0 if expect != "allow" else None,
                request={**READ, "args": args},
            )

    # Under an odd number of `!` a literal is an error: what is asked here is the depth alone.
    level("literal", "a literal", 7, 1)
    level("path", "a path", path("n"), 1)
    level("flat", "a flat operator", call("ADD", 1, 1), 2)
    level(
        "flat-equal", "a flat `==`: its path is a level below it", [OPS["CONDITION"], MISSING, is_(path("n"), 1), 1], 3
    )
    level(
        "flat-in",
        "a flat `in`: its literals are two levels below it",
        [OPS["CONDITION"], MISSING, call("IN", path("n"), items(1, 2)), 1],
        4,
    )
    level(
        "flat-in-empty",
        "a flat `in` of nothing: its list is one level below it",
        [OPS["CONDITION"], MISSING, call("IN", path("n"), items()), 1],
        3,
    )
    level("has", "`has`: its path is a level below it", [OPS["CONDITION"], MISSING, [OPS["HAS"], "args", "n"], 1], 3)
    level("select", "SELECT: its operand is a level below it", [OPS["SELECT"], pairs(), "a"], 2)
    level("list", "a list and its items", call("SIZE", items(1)), 3)
    level("list-empty", "an empty list", call("SIZE", items()), 2)
    level("map", "a map, its keys and values", call("SIZE", pairs(("a", 1))), 3)
    level("map-key", "a key of a map, deeper than its value", call("SIZE", pairs((call("DYN", "a"), 1))), 4)
    level("map-value", "a value, deeper than its key", call("SIZE", pairs(("a", call("DYN", 1)))), 4)
    level(
        "fold-range",
        "the range of a comprehension, deeper than its body",
        [OPS["FILTER"], call("DYN", items()), "x", True],
        3,
    )
    level("fold-body", "its body, deeper than its range", [OPS["FILTER"], items(), "x", call("DYN", True)], 3)
    level(
        "some-result",
        "the result of a `map`, deeper than its filter",
        [OPS["MAP_SOME"], items(), "x", True, call("DYN", True)],
        3,
    )
    level("fold", "a comprehension and its body", [OPS["FILTER"], items(), "x", True], 2)
    level("choice", "`?:` and its branches", [OPS["CONDITION"], True, 1, 2], 2)
    level("index", "an index", call("INDEX", items(1), 0), 3)


def _nodes(maker: Maker) -> None:
    """256 nodes and 257, made of each kind of node; a list holds what fills up."""
    args = {"n": 1, "m": {"a": {"b": 1}}}
    made_map = pairs(("a", 1), ("b", 2))
    for name, comment, node, own in (
        ("literals", "literals", 1, 1),
        ("path", "a path of four parts", path("args", "m", "a", "b"), 4),
        ("flat", "a flat operator over three parts", is_(path("args", "m", "a"), 1), 5),
        ("flat-in", "a flat `in` over two parts and three literals", call("IN", path("n"), items(1, 2, 3)), 7),
        ("has", "`has` of three parts", [OPS["HAS"], "args", "m", "a"], 4),
        ("select", "SELECT of a map of two entries", [OPS["SELECT"], made_map, "a"], 6),
        ("has-field", "HAS_FIELD of the same", [OPS["HAS_FIELD"], made_map, "a"], 6),
        ("map", "a map of two entries", made_map, 5),
        ("list", "a list of two", items(1, 2), 3),
        ("call", "an operator", call("ADD", 1, 2), 3),
        ("function", "a function", call("SIZE", "a"), 2),
        ("and", "`&&` of three", [OPS["AND"], True, True, True], 4),
        ("or", "`||` of two", [OPS["OR"], True, True], 3),
        ("choice", "`?:`", [OPS["CONDITION"], True, 1, 2], 4),
        ("all", "`all`", [OPS["ALL"], items(), "x", True], 3),
        ("map-some", "`map` with a filter", [OPS["MAP_SOME"], items(), "x", True, 1], 4),
        ("accessor", "an accessor with a zone", call("GET_HOURS", call("TIMESTAMP", 0), "UTC"), 4),
    ):
        for total in (256, 257):
            # `size([…]) == n` is 4 nodes, and 1 for each literal that fills up.
            rest = total - 4 - own
            condition = is_(call("SIZE", items(node, *[0] * rest)), rest + 1)
            expect = "allow" if total == 256 else "limit_exceeded"
            maker.add(
                f"nodes-{name}-{total}",
                "6.3",
                f"{comment} among {total} nodes",
                chain(step(if_=listed(condition))),
                expect,
                None if total == 256 else 0,
                request={**READ, "args": args},
            )
    for op in ("AND", "OR"):
        for count in (2, 255):
            operands = [op == "AND"] * count if op == "AND" else [False] * (count - 1) + [True]
            maker.add(
                f"operands-{op.lower()}-{count}",
                "6.4",
                f"`{op.lower()}` of {count} operands",
                chain(step(if_=listed([OPS[op], *operands]))),
            )
        maker.add(
            f"operands-{op.lower()}-256",
            "6.4",
            "of 256, which are 257 nodes",
            chain(step(if_=listed([OPS[op], *[True] * 256]))),
            "limit_exceeded",
            0,
        )
        for count in (0, 1):
            maker.add(
                f"operands-{op.lower()}-{count}",
                "6.4",
                f"of {count}",
                chain(step(if_=listed([OPS[op], *[True] * count]))),
                "malformed",
                0,
            )


def _nested(maker: Maker) -> None:
    """Comprehensions in one another, of each kind; what is in the range is not inside."""
    for op in ("ALL", "EXISTS", "EXISTS_ONE", "MAP_EACH", "FILTER", "MAP_SOME"):
        last: Any = (True, 1) if op == "MAP_SOME" else (True,)
        low = op.lower().replace("_", "-")

        def within(body: Any, op: str = op) -> Any:
            return [OPS[op], items(), "x", body, body] if op == "MAP_SOME" else [OPS[op], items(), "x", body]

        one = [OPS[op], items(), "x", *last]
        two, three = within(one), within(within(one))
        for name, node, expect in (("two", two, "allow"), ("three", three, "limit_exceeded")):
            condition = is_(call("SIZE", items(node)), 1)
            maker.add(
                f"nested-{low}-{name}",
                "6.3",
                f"{name} comprehensions in one another",
                chain(step(if_=listed(condition))),
                expect,
                None if expect == "allow" else 0,
            )
        ranged: Any = items()
        for _ in range(4):
            ranged = [OPS["FILTER"], ranged, "x", True]
        condition = is_(call("SIZE", items([OPS[op], ranged, "x", *last])), 1)
        maker.add(
            f"nested-{low}-ranges", "6.3", "the range of one is not inside it", chain(step(if_=listed(condition)))
        )
        side = is_(call("SIZE", items(two, two, two)), 3)
        maker.add(f"nested-{low}-beside", "6.3", "several beside one another", chain(step(if_=listed(side))))


def _containers(maker: Maker) -> None:
    """What is at level 41, the outermost item being at 1, is read; what it means is another matter (§3.6)."""
    for level, expect in ((41, "limit_exceeded"), (42, "malformed")):
        condition: Any = True
        for _ in range(level - 2):
            condition = [OPS["NOT"], condition]
        comment = f"a literal at level {level}, the list of caveats being at 1"
        maker.add(f"level-{level}", "3.6", comment, chain(step(if_=listed(condition))), expect, 0)
    for level, expect in ((41, "unknown_claim"), (42, "malformed")):
        for name, inner in (("number", 1), ("empty", []), ("map", {})):
            nested: Any = inner
            for _ in range(level - 2):
                nested = [nested]
            comment = f"{name} at level {level} of the claims, in one that there is not"
            maker.add(f"level-claims-{name}-{level}", "3.6", comment, chain(step(more={"zz": nested})), expect, 0)


def _heads(maker: Maker) -> None:
    """Numbers and lengths on both sides of each longer head (§3.6)."""
    numbers = [23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1]
    args = {f"p{n}": value for n, value in enumerate(numbers)} | {
        f"q{n}": -1 - value for n, value in enumerate(numbers)
    }
    conditions = [is_(path(name), value) for name, value in args.items()]
    maker.add(
        "heads-integers",
        "3.6",
        "integers on both sides of each longer head",
        chain(step(if_=listed(*conditions))),
        request={**READ, "args": args},
    )
    for size in (0, 23, 24, 255, 256):
        texts = {"s": "x" * size, "b": {"base16": "00" * size}}
        same = [
            is_(path("s"), "x" * size),
            is_(path("b"), bytes(size)),
            is_(call("SIZE", items(*[0] * min(size, 200))), min(size, 200)),
        ]
        maker.add(
            f"heads-texts-{size}",
            "3.6",
            f"a text and bytes of {size}",
            chain(step(if_=listed(*same))),
            request={**READ, "args": texts},
        )
    floats = [1.5, 100000.5, 1.1, 65504.5, 5.960464477539063e-08, 3.4028234663852886e38, 1e300, -0.5]
    doubles = {f"d{n}": value for n, value in enumerate(floats)}
    maker.add(
        "heads-floats",
        "3.6",
        "doubles of two, four and eight bytes",
        chain(step(if_=listed(*[is_(path(name), value) for name, value in doubles.items()]))),
        request={**READ, "args": doubles},
    )
    for size in (255, 256):
        held = chain(step(), step(WORKER, can=listed(REPORTS, ["x", ["y" * (size - _payload_bytes(100) + 100)]])))
        maker.add(f"heads-payload-{size}", "3.3", f"a payload of {size} bytes", held)
    for size, expect in ((23, "malformed"), (24, "malformed")):
        held = chain(step(payload=lambda _, size=size: cbor("x" * (size - (1 if size < 25 else 2)))))  # type: ignore[misc]
        comment = f"a payload of {size} bytes, which is a text"
        maker.add(f"heads-payload-{size}", "3.3", comment, held, expect, 0)


def _payload_bytes(characters: int) -> int:
    said = {2: WORKER.name, 6: NOW, 8: {1: WORKER.cose}, "can": listed(REPORTS, ["x", ["y" * characters]])}
    return len(cbor(said))


def _regexes(maker: Maker) -> None:
    for size, expect in ((2000, "allow"), (2001, "caveat_error")):
        pattern = f"[{'a' * (size - 2)}]"
        maker.add(
            f"regex-{size}",
            "6.6",
            f"a pattern of {size} characters",
            chain(step(if_=listed(call("MATCHES", path("s"), pattern)))),
            expect,
            None if expect == "allow" else 0,
            request={**READ, "args": {"s": "a"}},
        )
    wide = "é" * 249 + "xyyy"  # 4 · 249 and 4: 1,000
    maker.add(
        "regex-1000-wide",
        "6.6",
        "1,000 by characters beyond ASCII",
        chain(step(if_=listed(call("MATCHES", path("s"), wide)))),
        request={**READ, "args": {"s": wide}},
    )
    maker.add(
        "regex-1001-wide",
        "6.6",
        "and one more",
        chain(step(if_=listed(call("MATCHES", path("s"), wide + "y")))),
        "caveat_error",
        0,
        request={**READ, "args": {"s": wide}},
    )


def _policy(maker: Maker) -> None:
    """What an author's text may hold at most; what has more is no policy, so no vector has it (§6.7)."""
    one = chain(step())
    maker.add("policy-8192", "6.7", "a condition of 8,192 characters", one, policy=["true" + " " * 8188])
    maker.add(
        "policy-nested",
        "6.7",
        "31 parentheses in one another: the condition itself is the first level",
        one,
        policy=["(" * 31 + "true" + ")" * 31],
    )
    maker.add("policy-false", "5.7", "a policy that is false", one, "policy_failed", policy=["true", "false"])
    maker.add("policy-error", "5.7", "a policy that errs", one, "policy_failed", policy=["args.missing == 1"])
    maker.add(
        "policy-number",
        "5.7",
        "a policy that is no bool",
        one,
        "policy_failed",
        policy=["args.n"],
        request={**READ, "args": {"n": 1}},
    )


def _time(maker: Maker) -> None:
    one = chain(step())
    maker.add(
        "root-from", "5.3", "the first second in which a root is trusted", one, roots=[root(ALICE, not_before=NOW)]
    )
    maker.add("iat-leeway", "5.3", "`iat` ahead by just the leeway", chain(step(iat=NOW + 30)))
    maker.add("iat-same", "5.2", "issued in the second of the block above", chain(step(), step(WORKER, iat=NOW - 600)))
    maker.add("leeway-none", "5.3", "no leeway is one of 0 seconds: `nbf` is now", chain(step(nbf=NOW)), leeway=None)
    maker.add(
        "leeway-none-iat",
        "5.3",
        "without leeway, `iat` a second ahead",
        chain(step(iat=NOW + 1)),
        "not_yet_valid",
        0,
        leeway=None,
    )
    proof = prove(one, claims={6: NOW + 1})
    maker.add(
        "leeway-none-proof",
        "5.5",
        "without leeway, a proof a second ahead",
        one.present(proof),
        "proof_expired",
        0,
        leeway=None,
    )
    maker.add(
        "leeway-none-proof-now", "5.5", "and one of this second", one.present(prove(one, claims={6: NOW})), leeway=None
    )
    maker.add(
        "window-edge",
        "5.5",
        "just as old as this verifier's window",
        one.present(prove(one, claims={6: NOW - 10})),
        proof_window=10,
    )
    short = chain(step(), step(WORKER, exp=NOW + 1))
    maker.add("exp-last", "5.3", "in the last second of block 1", short)
    fresh = chain(step(fresh=100))

    def listed_at(
        name: str, comment: str, expect: str = "allow", hop: int | None = None, what: Chain = fresh, **more: Any
    ) -> None:
        said = {key: more.pop(key) for key in ("iat", "exp") if key in more}
        maker.add(
            f"fresh-{name}",
            "5.4",
            comment,
            what,
            expect,
            hop,
            revokers=party(BOB),
            revocations=[revoking(BOB, **said)],
            **more,
        )

    listed_at("edge", "a list just as old as the chain allows", iat=NOW - 100, exp=NOW + 60)
    listed_at("beyond", "a second older", "revocation_stale", 0, iat=NOW - 101, exp=NOW + 60)
    listed_at("expires", "a list in its last second", iat=NOW - 5, exp=NOW + 1)
    listed_at("expired", "a list that is over since this second", "revocation_stale", 0, iat=NOW - 5, exp=NOW)
    listed_at("ahead", "a list ahead by just the leeway", iat=NOW + 30, exp=NOW + 60)
    listed_at("ahead-beyond", "a second more", "revocation_stale", 0, iat=NOW + 31, exp=NOW + 60)
    listed_at("own", "just as old as this verifier allows", what=one, iat=NOW - 50, exp=NOW + 60, max_revocation_age=50)
    listed_at(
        "own-beyond", "a second older", "revocation_stale", None, one, iat=NOW - 51, exp=NOW + 60, max_revocation_age=50
    )
    listed_at(
        "tie",
        "chain and verifier allow the same: the verifier's bound is the one that is named",
        "revocation_stale",
        None,
        iat=NOW - 101,
        exp=NOW + 60,
        max_revocation_age=100,
    )
    listed_at(
        "tie-less",
        "the chain allows a second less",
        "revocation_stale",
        0,
        iat=NOW - 101,
        exp=NOW + 60,
        max_revocation_age=101,
    )
    two = chain(step(fresh=200), step(WORKER, fresh=100), step(HELPER, fresh=100))
    listed_at(
        "least",
        "of several blocks the first that has the least",
        "revocation_stale",
        1,
        two,
        iat=NOW - 101,
        exp=NOW + 60,
    )
    for since, expect in ((NOW - 600, "revoked"), (NOW - 599, "allow")):
        lists = [revoking(ALICE, keys=(ALICE,), since=since)]
        name = "since-iat" if expect == "revoked" else "since-behind"
        maker.add(
            name,
            "10.2",
            "a key revoked since the second of a block, or the next",
            one,
            expect,
            0 if expect == "revoked" else None,
            revocations=lists,
        )
    for since, expect in ((NOW, "revoked"), (NOW + 1, "allow")):
        lists = [revoking(PLANNER, keys=(PLANNER,), since=since)]
        name = "since-now" if expect == "revoked" else "since-later"
        maker.add(
            name,
            "10.2",
            "the holder's key revoked since now, or a second later",
            one,
            expect,
            0 if expect == "revoked" else None,
            revocations=lists,
        )
