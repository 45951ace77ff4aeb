"""Random CEL text over the profile, with random variables: what properties and the campaign share.

Mostly well typed, so that values come out; sometimes not, so that errors do. Plain `random`, seeded: a million
expressions are to be made in minutes, and any of them again from its seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

Kind: TypeAlias = str

KINDS: tuple[Kind, ...] = ("bool", "int", "double", "string", "bytes", "list", "map", "timestamp", "duration", "null")
VARIABLES: dict[str, Kind] = {
    "i": "int",
    "j": "int",
    "d": "double",
    "s": "string",
    "t": "string",
    "b": "bool",
    "y": "bytes",
    "l": "list",
    "k": "list",
    "m": "map",
}
# What variables may be. The official runtime's Python binding takes no times, loses references to None, and cuts
# bytes at a NUL: these come from literals alone.
VARIABLE_KINDS = tuple(kind for kind in KINDS if kind not in {"timestamp", "duration", "null"})
_INTS = (0, 1, 2, 3, 7, 10, -1, -2, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1, 2**62)
_DOUBLES = (0.0, -0.0, 1.0, 0.5, -1.5, 2.0, 3.0, 1e-7, 1e6, 123456.75, 1e19, 9007199254740992.0, 1e308, -9.3e18)
_STRINGS = ("", "a", "b", "ab", "abc", "A", "é", "😀", "a b", "a/b", "1", "-7", "1.5", "true", "x\\y", '"', "\a", "0")
_BYTES = (b"", b"a", b"ab", b"\x00", b"\xff", b"\xc3\xa9")
_TIMESTAMPS = (
    *("1970-01-01T00:00:00Z", "2009-02-13T23:31:30Z", "2024-02-29T12:00:00.5Z", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z", "2027-06-30T23:30:00+05:30", "2000-12-31T23:59:59Z"),
)
_DURATIONS = ("0", "1s", "-1.5s", "1h2m3s", "90m", "1ms", "250us", "-36h", "8760h", "2500000h", "-2500000h")
_PATTERNS = ("", "a", "^a", "b$", "a.c", "[a-c]+", "(a|b)*c", "a{2,3}", "[", "(?i)A", r"\d+", "é", "^$", r"\pL")
_ZONES = ("UTC", "+05:30", "-02:30", "02:00", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "No/Where")
_FIELDS = ("a", "b", "c", "size")
_DATE_PARTS = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear")
_CLOCK_PARTS = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")


def seeded(seed: int) -> random.Random:
    """A source of randomness that can be had again; nothing here is to be secret."""
    return random.Random(seed)  # noqa: S311


def quote(text: str) -> str:
    """A string literal, escaped without the printer that is under test."""
    return '"' + "".join(c if c.isalnum() or c in " /.-" else f"\\U{ord(c):08x}" for c in text) + '"'


def random_value(rng: random.Random, kind: Kind, depth: int = 2) -> object:
    """A variable's value, as a program would give it."""
    match kind:
        case "bool":
            return rng.random() < 0.5
        case "int":
            return rng.choice(_INTS) if rng.random() < 0.7 else rng.randint(-50, 50)
        case "double":
            return rng.choice(_DOUBLES)
        case "string":
            return rng.choice(_STRINGS)
        case "bytes":
            return rng.choice(_BYTES).replace(b"\x00", b"b")
    simple = [kind for kind in VARIABLE_KINDS if kind not in {"list", "map"} or depth > 0]
    values = [random_value(rng, rng.choice(simple), depth - 1) for _ in range(rng.randint(0, 3))]
    return values if kind == "list" else dict(zip(_FIELDS, values, strict=False))


def random_variables(rng: random.Random) -> dict[str, object]:
    """Values for all of `VARIABLES`; now and then one is missing or of another type."""
    values = {
        name: random_value(rng, rng.choice(VARIABLE_KINDS) if rng.random() < 0.05 else kind)
        for name, kind in VARIABLES.items()
    }
    if rng.random() < 0.1:
        del values[rng.choice(list(values))]
    return values


class Generator:
    """Makes one expression after the other from one source of randomness."""

    def __init__(self, rng: random.Random, *, untyped: float = 0.06) -> None:
        """`untyped`: how often an operand is of any type instead of the one that belongs there."""
        self.rng = rng
        self.untyped = untyped
        self.local: dict[str, Kind] = {}
        self.folds = 0

    def expression(self, kind: Kind | None = None, depth: int = 4) -> str:
        """An expression that mostly is of this kind."""
        rng = self.rng
        if kind is None or rng.random() < self.untyped:
            kind = rng.choice(KINDS)
        if depth <= 0 or rng.random() < 0.15:
            return self._leaf(kind)
        makers = [*_MAKERS[kind], Generator._conditional(kind), Generator._wrapped(kind)]
        return rng.choice(makers)(self, depth - 1)

    def _leaf(self, kind: Kind) -> str:
        names = [name for name, its in {**VARIABLES, **self.local}.items() if its in {kind, "any"}]
        if names and self.rng.random() < 0.5:
            return self.rng.choice(names)
        return self._literal(kind)

    def _literal(self, kind: Kind) -> str:
        rng = self.rng
        match kind:
            case "bool":
                return rng.choice(("true", "false"))
            case "int":
                return str(random_value(rng, "int"))
            case "double":
                return repr(rng.choice(_DOUBLES))
            case "string":
                return quote(rng.choice(_STRINGS))
            case "bytes":
                return 'b"' + "".join(f"\\x{byte:02x}" for byte in rng.choice(_BYTES)) + '"'
            case "timestamp":
                return f'timestamp("{rng.choice(_TIMESTAMPS)}")'
            case "duration":
                return f'duration("{rng.choice(_DURATIONS)}")'
            case "null":
                return "null"
            case "list":
                return f"[{', '.join(self._literal(self._scalar()) for _ in range(rng.randint(0, 3)))}]"
        keys = rng.sample(('"a"', '"b"', '"c"', "1", "2", "7", "true"), rng.randint(0, 3))
        return f"{{{', '.join(f'{key}: {self._literal(self._scalar())}' for key in keys)}}}"

    def _scalar(self) -> Kind:
        return self.rng.choice(("bool", "int", "int", "double", "string", "string", "bytes", "null"))

    @staticmethod
    def _conditional(kind: Kind) -> Callable[[Generator, int], str]:
        """`?:` of a kind."""
        return lambda self, depth: (
            f"({self.expression('bool', depth)} ? {self.expression(kind, depth - 1)}"
            f" : {self.expression(kind, depth - 1)})"
        )

    @staticmethod
    def _wrapped(kind: Kind) -> Callable[[Generator, int], str]:
        """A kind out of a list, a map or `dyn`."""

        def make(self: Generator, depth: int) -> str:
            inner = self.expression(kind, depth)
            form = self.rng.choice(("dyn({})", "[{}][0]", "{{'a': {}}}.a", "{{1: {}}}[1]", "({})", "[{}][0.0]"))
            return form.format(inner)

        return make

    def _binary(self, depth: int, kind: Kind, operators: str, other: Kind | None = None) -> str:
        operator = self.rng.choice(operators.split())
        return f"({self.expression(kind, depth)} {operator} {self.expression(other or kind, depth)})"

    def _compared(self, depth: int) -> str:
        kind = self.rng.choice(KINDS)
        return self._binary(depth, kind, "== !=", self.rng.choice((kind, kind, None)) or self.rng.choice(KINDS))

    def _ordered(self, depth: int) -> str:
        kind = self.rng.choice(("int", "double", "string", "bytes", "bool", "timestamp", "duration"))
        other = self.rng.choice(("int", "double")) if kind in {"int", "double"} else kind
        return self._binary(depth, kind, "< <= > >=", other)

    def _junction(self, depth: int) -> str:
        operator = self.rng.choice((" && ", " || "))
        return f"({operator.join(self.expression('bool', depth) for _ in range(self.rng.randint(2, 3)))})"

    def _inverted(self, depth: int) -> str:
        operand = self.expression("bool", depth)
        # `!-x` is not in the grammar.
        return f"!({operand})" if operand[0] == "-" else f"!{operand}"

    def _member(self, depth: int) -> str:
        kind = self.rng.choice(("list", "map"))
        item = self._scalar() if kind == "list" else self.rng.choice(("int", "string", "double", "bool"))
        return f"({self.expression(item, depth)} in {self.expression(kind, depth)})"

    def _text_test(self, depth: int) -> str:
        method = self.rng.choice(("startsWith", "endsWith", "contains"))
        return f"{self.expression('string', depth)}.{method}({self.expression('string', depth)})"

    def _matched(self, depth: int) -> str:
        return f"{self.expression('string', depth)}.matches({quote(self.rng.choice(_PATTERNS))})"

    def _has(self, depth: int) -> str:
        operand = self.expression("map", depth)
        # A sign in front would be applied last: `-x.a` is no field of anything.
        operand = f"({operand})" if operand[0] in "-!" else operand
        return f"has({operand}.{self.rng.choice(_FIELDS)})"

    def _fold(self, depth: int, macro: str, body: Kind, source: Kind) -> str:
        if self.folds == 2:
            return self._leaf("bool" if macro in {"all", "exists", "exists_one"} else "list")
        source_text = self.expression(source, depth)
        if macro in {"map", "filter"}:
            # Where the order of keys would show, no map: the official runtime takes them in any order.
            source_text = f"({source_text} + [])"
        variable = self.rng.choice(("v", "w", "i"))
        outer, self.local = self.local, {**self.local, variable: "any"}
        self.folds += 1
        inner = self.expression(body, depth)
        self.folds -= 1
        self.local = outer
        return f"{source_text}.{macro}({variable}, {inner})"

    def _decided(self, depth: int) -> str:
        macro = self.rng.choice(("all", "exists", "exists_one"))
        return self._fold(depth, macro, "bool", self.rng.choice(("list", "map")))

    def _mapped(self, depth: int) -> str:
        macro, body = ("filter", "bool") if self.rng.random() < 0.5 else ("map", self._scalar())
        return self._fold(depth, macro, body, "list")

    def _accessed(self, depth: int) -> str:
        if self.rng.random() < 0.3:
            return f"{self.expression('duration', depth)}.{self.rng.choice(_CLOCK_PARTS)}()"
        zone = f'"{self.rng.choice(_ZONES)}"' if self.rng.random() < 0.4 else ""
        return f"{self.expression('timestamp', depth)}.{self.rng.choice(_DATE_PARTS + _CLOCK_PARTS)}({zone})"

    def _sized(self, depth: int) -> str:
        kind = self.rng.choice(("string", "bytes", "list", "map"))
        inner = self.expression(kind, depth)
        return f"size({inner})" if self.rng.random() < 0.5 else f"{inner}.size()"

    def _converted(self, depth: int, function: str, *kinds: Kind) -> str:
        return f"{function}({self.expression(self.rng.choice(kinds), depth)})"


_MAKERS: dict[Kind, list[Callable[[Generator, int], str]]] = {
    "bool": [
        Generator._compared,
        Generator._ordered,
        Generator._ordered,
        Generator._junction,
        Generator._junction,
        Generator._member,
        Generator._text_test,
        Generator._matched,
        Generator._has,
        Generator._decided,
        Generator._decided,
        Generator._inverted,
        lambda self, depth: self._converted(depth, "bool", "bool", "string"),
    ],
    "int": [
        lambda self, depth: self._binary(depth, "int", "+ - * / %"),
        lambda self, depth: self._binary(depth, "int", "+ - * / %"),
        lambda self, depth: f"-({self.expression('int', depth)})",
        Generator._sized,
        Generator._accessed,
        lambda self, depth: self._converted(depth, "int", "int", "double", "string", "timestamp", "bool"),
    ],
    "double": [
        lambda self, depth: self._binary(depth, "double", "+ - * /"),
        lambda self, depth: f"-({self.expression('double', depth)})",
        lambda self, depth: self._converted(depth, "double", "int", "double", "string"),
    ],
    "string": [
        lambda self, depth: self._binary(depth, "string", "+"),
        lambda self, depth: self._converted(depth, "string", *KINDS),
        lambda self, depth: self._converted(depth, "string", "double", "int", "bytes"),
    ],
    "bytes": [
        lambda self, depth: self._binary(depth, "bytes", "+"),
        lambda self, depth: self._converted(depth, "bytes", "string", "bytes"),
    ],
    "list": [
        lambda self, depth: self._binary(depth, "list", "+"),
        lambda self, depth: f"[{self.expression(self._scalar(), depth)}, {self.expression(None, depth)}]",
        Generator._mapped,
        Generator._mapped,
    ],
    "map": [
        lambda self, depth: (
            f"{{{self.expression(self.rng.choice(('string', 'int', 'bool')), depth)}: {self.expression(None, depth)}}}"
        ),
        lambda self, depth: f"{{'a': {self.expression('map', depth)}}}.a",
    ],
    "timestamp": [
        lambda self, depth: self._binary(depth, "timestamp", "+ -", "duration"),
        lambda self, depth: self._binary(depth, "duration", "+", "timestamp"),
        lambda self, depth: self._converted(depth, "timestamp", "timestamp", "int"),
    ],
    "duration": [
        lambda self, depth: self._binary(depth, "duration", "+ -"),
        lambda self, depth: self._binary(depth, "timestamp", "-"),
        lambda self, depth: self._converted(depth, "duration", "duration"),
    ],
    "null": [lambda _self, _depth: "{'a': null}.a"],
}
