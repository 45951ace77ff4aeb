"""Conditions by the names of their operators, and vectors that are about one condition (SPEC §6.4).

Rules of this file:

- The numbers are the table of the specification, written down once more.
- `call` gives an operator the form that it must have: flat between a path and a literal, general elsewhere.
- `nodes` counts what a condition without `&&`, `||`, `?:` and comprehensions is charged on entry (§6.3).
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import READ, Maker, chain, listed, step

_NAMES = (
    "PATH AND OR NOT EQ_FLAT NE_FLAT LT_FLAT LE_FLAT GT_FLAT GE_FLAT IN_FLAT STARTS_WITH_FLAT ENDS_WITH_FLAT "
    "CONTAINS_FLAT MATCHES_FLAT GLOB_MATCH_FLAT PATH_WITHIN_FLAT NET_WITHIN_FLAT HAS ALL EXISTS CONDITION LIST "
    "SIZE EQ NE LT LE GT GE IN STARTS_WITH ENDS_WITH CONTAINS MATCHES GLOB_MATCH PATH_WITHIN NET_WITHIN ADD "
    "SUBTRACT MULTIPLY DIVIDE MODULO NEGATE INDEX SELECT HAS_FIELD MAP EXISTS_ONE MAP_EACH MAP_SOME FILTER INT "
    "DOUBLE STRING BYTES BOOL TIMESTAMP DURATION DYN URL_HOST URL_SCHEME GET_FULL_YEAR GET_MONTH GET_DATE "
    "GET_DAY_OF_MONTH GET_DAY_OF_WEEK GET_DAY_OF_YEAR GET_HOURS GET_MINUTES GET_SECONDS GET_MILLISECONDS"
)
OPS = {name: number for number, name in enumerate(_NAMES.split())}
GENERAL = OPS["EQ"] - OPS["EQ_FLAT"]
ACCESSORS = tuple(name for name in OPS if name.startswith("GET_"))
MISSING: Any = [OPS["PATH"], "args", "missing"]  # an error: no such argument


def path(*parts: str) -> list[Any]:
    """`args.x`, or a path from another name if it has more parts than one."""
    return [OPS["PATH"], *(("args", *parts) if len(parts) == 1 else parts)]


def call(name: str, *operands: Any) -> list[Any]:
    """An operator or function in the form that it must have."""
    number = OPS[name]
    flat = number - GENERAL
    if OPS["EQ_FLAT"] <= flat <= OPS["NET_WITHIN_FLAT"] and _is_path(operands[0]):
        left, right = operands
        if name == "IN" and isinstance(right, list) and right[0] == OPS["LIST"] and not any(map(_is_node, right[1:])):
            return [flat, *left[1:], right[1:]]
        if name != "IN" and not _is_node(right):
            return [flat, *left[1:], right]
    return [number, *operands]


def items(*values: Any) -> list[Any]:
    """A list."""
    return [OPS["LIST"], *values]


def pairs(*entries: tuple[Any, Any]) -> list[Any]:
    """A map."""
    return [OPS["MAP"], *([key, value] for key, value in entries)]


def every(*conditions: Any) -> Any:
    """`&&` of at most 16 at a time: one level of it, or the one condition."""
    return [OPS["AND"], *conditions] if len(conditions) > 1 else conditions[0]


def is_(value: Any, expected: Any) -> Any:
    """`value == expected`."""
    return call("EQ", value, expected)


def _is_node(value: Any) -> bool:
    return isinstance(value, list)


def _is_path(value: Any) -> bool:
    return _is_node(value) and value[0] == OPS["PATH"]


def nodes(condition: Any) -> int:
    """The nodes of a condition (§6.3)."""
    if not _is_node(condition):
        return 1
    number, *rest = condition
    if number == OPS["PATH"]:
        return len(rest)
    if number == OPS["HAS"]:
        return 1 + len(rest)
    if number == OPS["IN_FLAT"]:
        return 1 + len(rest[:-1]) + 1 + len(rest[-1])
    if OPS["EQ_FLAT"] <= number <= OPS["NET_WITHIN_FLAT"]:
        return 1 + len(rest)
    if number in {OPS["SELECT"], OPS["HAS_FIELD"]}:
        return 1 + nodes(rest[0])
    if number == OPS["MAP"]:
        return 1 + sum(nodes(key) + nodes(value) for key, value in rest)
    folds = {OPS[name] for name in ("ALL", "EXISTS", "EXISTS_ONE", "MAP_EACH", "MAP_SOME", "FILTER")}
    if number in folds:
        return 1 + nodes(rest[0]) + sum(map(nodes, rest[2:]))
    return 1 + sum(map(nodes, rest))


class Conditions:
    """Makes vectors each of which is about one condition of one block."""

    def __init__(self, prefix: str) -> None:
        """`prefix` begins each name."""
        self.maker = Maker(prefix)

    def add(
        self, name: str, spec: str, comment: str, condition: Any, expect: str = "allow", args: Any = None, **more: Any
    ) -> None:
        """Add a vector with a condition, or a list of several for `if`."""
        conditions = condition if isinstance(condition, tuple) else (condition,)
        self.maker.add(
            name,
            spec,
            comment,
            chain(step(if_=listed(*conditions))),
            expect,
            None if expect == "allow" else 0,
            request={**READ, "args": args or {}},
            **more,
        )

    def holds(self, name: str, spec: str, comment: str, *conditions: Any, **args: Any) -> None:
        """All of these are true, each a caveat of its own; some 20 to a vector."""
        for place in range(0, len(conditions), 24):
            part = "" if len(conditions) <= 24 else f"-{place // 24 + 1}"
            self.add(name + part, spec, comment, conditions[place : place + 24], args=args)

    def errs(self, name: str, spec: str, comment: str, expression: Any, **args: Any) -> None:
        """The expression is an error. It is compared, so that any value in its place gives `false`."""
        self.add(name, spec, comment, call("EQ", call("DYN", expression), 7), "caveat_error", args)

    def refused(self, name: str, spec: str, comment: str, condition: Any, reason: str) -> None:
        """No expression of the language."""
        self.add(name, spec, comment, condition, reason)

    def costs(self, name: str, comment: str, condition: Any, steps: int, expect: str = "allow", **args: Any) -> None:
        """The condition takes just so many steps: with them it comes to what is expected, one short runs out."""
        for suffix, limit, answer in (("", steps, expect), ("-less", steps - 1, "limit_exceeded")):
            words = f"{comment}: {steps} steps" if not suffix else f"{comment}: a step short"
            limits = {"evaluation_steps": limit}
            if limit:
                self.add(name + suffix, "6.5", words, condition, answer, args, limits=limits)
