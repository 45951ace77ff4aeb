"""What the types that are known when a condition is written say of it (SPEC §6.7).

The rules of this file:

- It is for authors alone: what arrives on the wire is never refused by it.
- It refuses what can only be an error, whatever the request: operands of types that the operator does not take, a field
  of what has none, a constant that comes to no value. And what compares two known types that are never equal.
- And it refuses arithmetic on a number whose kind the request decides. There, `10.0` is the integer 10 and 10.5 a
  double; `+ - * /` take two of one kind, and `/` of integers cuts. `double(…)` or `int(…)` says which is meant. `%` is
  free: it takes integers alone, so that no kind can change what it says.
- A type is the set of kinds that a value may have. Of what a service or a caller sends, all that JSON has, and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NoReturn, TypeAlias

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import type_name
from delegate.errors import CaveatError
from delegate.language.codec import to_wire
from delegate.language.printer import format_expression
from delegate.language.tree import (
    FUNCTIONS,
    METHODS,
    NAMESPACED,
    Call,
    Expression,
    Fold,
    Has,
    ListOf,
    Literal,
    MapOf,
    Path,
    Select,
    Unknown,
    children,
)

Type: TypeAlias = frozenset[str]


def _type(*kinds: str) -> Type:
    return frozenset(kinds)


_BOOL, _INT, _DOUBLE, _STRING, _BYTES, _LIST, _MAP = map(
    _type, ("bool", "int", "double", "string", "bytes", "list", "map")
)
_TIMESTAMP, _DURATION = _type("timestamp"), _type("duration")
_NUMBER: Final = _INT | _DOUBLE
_SENT: Final = _type("null") | _BOOL | _NUMBER | _STRING | _BYTES | _LIST | _MAP
_ANY: Final = _SENT | _TIMESTAMP | _DURATION
_NAMES: Final[dict[str, Type]] = {
    "action": _STRING,
    "resource": _STRING | _type("null"),
    "args": _MAP,
    "env": _MAP,
    "now": _TIMESTAMP,
    "aud": _STRING,
    "origin": _STRING,
    "holder": _MAP,
    "said": _MAP,
    "claims": _MAP,  # these three in an issuer's policy
    "agent": _STRING,
    "key": _MAP,
}
_HOLDER: Final = {"key": _STRING, "name": _STRING, "who": _MAP}
_WHO: Final = frozenset({"kind", "sponsor", "owner", "code", "model", "version"})  # texts, all of them

Signature: TypeAlias = tuple[tuple[Type, ...], Type]
_SAME_NUMBERS: Final[tuple[Signature, ...]] = (((_INT, _INT), _INT), ((_DOUBLE, _DOUBLE), _DOUBLE))
_ORDERED: Final[tuple[Signature, ...]] = (
    *(((kind, kind), _BOOL) for kind in (_STRING, _BYTES, _BOOL, _TIMESTAMP, _DURATION)),
    ((_NUMBER, _NUMBER), _BOOL),
)
_TEXTS: Final[tuple[Signature, ...]] = (((_STRING, _STRING), _BOOL),)
_OF_MOMENTS: Final[tuple[Signature, ...]] = (((_TIMESTAMP,), _INT), ((_TIMESTAMP, _STRING), _INT))
# What each operator takes, and what comes of it. `==` and `!=` take anything, `dyn` too.
_SIGNATURES: Final[dict[Op, tuple[Signature, ...]]] = {
    Op.NOT: (((_BOOL,), _BOOL),),
    **dict.fromkeys((Op.LT, Op.LE, Op.GT, Op.GE), _ORDERED),
    Op.IN: (((_ANY, _LIST), _BOOL), ((_STRING | _NUMBER | _BOOL, _MAP), _BOOL)),
    **dict.fromkeys(
        (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS, Op.MATCHES, Op.GLOB_MATCH, Op.PATH_WITHIN, Op.NET_WITHIN), _TEXTS
    ),
    Op.ADD: (
        *_SAME_NUMBERS,
        *(((kind, kind), kind) for kind in (_STRING, _BYTES, _LIST, _DURATION)),
        ((_TIMESTAMP, _DURATION), _TIMESTAMP),
        ((_DURATION, _TIMESTAMP), _TIMESTAMP),
    ),
    Op.SUBTRACT: (
        *_SAME_NUMBERS,
        ((_TIMESTAMP, _TIMESTAMP), _DURATION),
        ((_DURATION, _DURATION), _DURATION),
        ((_TIMESTAMP, _DURATION), _TIMESTAMP),
    ),
    Op.MULTIPLY: _SAME_NUMBERS,
    Op.DIVIDE: _SAME_NUMBERS,
    Op.MODULO: (((_INT, _INT), _INT),),
    Op.NEGATE: (((_INT,), _INT), ((_DOUBLE,), _DOUBLE)),
    Op.SIZE: (((_STRING | _BYTES | _LIST | _MAP,), _INT),),
    Op.INDEX: (((_LIST, _NUMBER), _ANY), ((_MAP, _STRING | _NUMBER | _BOOL), _ANY)),
    Op.INT: (((_NUMBER | _BOOL | _STRING | _TIMESTAMP,), _INT),),
    Op.DOUBLE: (((_NUMBER | _STRING,), _DOUBLE),),
    Op.STRING: (((_ANY - _LIST - _MAP - _type("null"),), _STRING),),
    Op.BYTES: (((_BYTES | _STRING,), _BYTES),),
    Op.BOOL: (((_BOOL | _STRING,), _BOOL),),
    Op.TIMESTAMP: (((_TIMESTAMP | _INT | _STRING,), _TIMESTAMP),),
    Op.DURATION: (((_DURATION | _STRING,), _DURATION),),
    Op.URL_HOST: (((_STRING,), _STRING),),
    Op.URL_SCHEME: (((_STRING,), _STRING),),
    **{op: _OF_MOMENTS for op in Op if Op.GET_FULL_YEAR <= op <= Op.GET_DAY_OF_YEAR},
    **{op: (*_OF_MOMENTS, ((_DURATION,), _INT)) for op in Op if Op.GET_HOURS <= op <= Op.GET_MILLISECONDS},
}
_SIGNS: Final = {
    Op.ADD: "+", Op.SUBTRACT: "-", Op.MULTIPLY: "*", Op.DIVIDE: "/", Op.MODULO: "%", Op.LT: "<", Op.LE: "<=",
    Op.GT: ">", Op.GE: ">=", Op.EQ: "==", Op.NE: "!=", Op.IN: "in", Op.NOT: "!", Op.NEGATE: "-", Op.INDEX: "[]",
    **{op: name for name, op in (*FUNCTIONS.items(), *METHODS.items())},
    **{op: f"{space}.{name}" for (space, name), op in NAMESPACED.items()},
}  # fmt: skip
_KIND_MATTERS: Final = frozenset({Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE})
_ABOUT_TIME: Final = {
    "timestamp": '`timestamp("2030-01-01T00:00:00Z")` is a moment',
    "duration": '`duration("24h")` is a length of time',
}
_WRITE: Final = {Op.TIMESTAMP: _ABOUT_TIME["timestamp"], Op.DURATION: _ABOUT_TIME["duration"]}


class WrongTypeError(Exception):
    """Something in a condition can only ever be an error.

    Attributes:
        detail: why, and how to write it.
        node: where.
    """

    def __init__(self, detail: str, node: Expression) -> None:
        """Keep both."""
        super().__init__(detail)
        self.detail = detail
        self.node = node


def check_types(tree: Expression, wanted: str = "bool") -> None:
    """Refuse an expression of which some part can only be an error, or which can never come to what is wanted.

    Args:
        tree: the expression.
        wanted: `bool` for a condition; else the type of a value, or empty text: any.

    Raises:
        WrongTypeError: the first such part.
    """
    found = _Reader().read(tree)
    if wanted == "bool" and "bool" not in found:
        _refuse(f"a condition comes to true or false, and this is {_named(found)}", tree)
    if wanted and wanted not in found:
        _refuse(f"a {wanted} is wanted here, and this is {_named(found)}", tree)


def _refuse(detail: str, node: Expression) -> NoReturn:
    raise WrongTypeError(detail, node)


def _named(kinds: Type) -> str:
    if kinds == _STRING | _type("null"):
        return "a string or null"
    if len(kinds) > 2:
        return "a value of a kind that the request decides"
    return " or ".join(("an " if kind[0] == "i" else "" if kind == "null" else "a ") + kind for kind in sorted(kinds))


class _Reader:
    """One reading of an expression; `local` has the types of the variables of comprehensions around."""

    def __init__(self, local: Mapping[str, Type] | None = None) -> None:
        self.local = dict(local or {})

    def read(self, node: Expression) -> Type:
        match node:
            case Literal(value=value):
                return _type(type_name(value))
            case Path(parts=parts):
                return self._path(parts, node)
            case Select(operand=operand, field=field):
                return self._constant(node, self._field(self.read(operand), field, node))
            case Has(target=target):
                self._has(target)
                return _BOOL
            case ListOf(items=items):
                for item in items:
                    self.read(item)
                return _LIST
            case MapOf(entries=entries):
                for key, item in entries:
                    if not self.read(key) & (_STRING | _INT | _BOOL):
                        _refuse("the keys of a map are strings, ints or bools", key)
                    self.read(item)
                return self._constant(node, _MAP)
            case Fold():
                return self._fold(node)
            case Call(op=op, operands=operands):
                return self._call(op, operands, node)
            case Unknown():
                return _ANY
        return _ANY

    def _has(self, target: Path | Select) -> None:
        if isinstance(target, Select):
            self._fields_of(self.read(target.operand), target)
        elif len(target.parts) > 1:
            self._fields_of(self._path(target.parts[:-1], target), target)

    def _path(self, parts: tuple[str, ...], node: Expression) -> Type:
        name, *fields = parts
        kinds = self.local.get(name) or _NAMES.get(name, _ANY)
        for place, field in enumerate(fields):
            if name == "holder" and name not in self.local and place == 0:
                if field not in _HOLDER:
                    _refuse(f"there is no `holder.{field}`: `holder` has `key`, `name` and `who`", node)
                kinds = _HOLDER[field]
            elif name == "holder" and name not in self.local and fields[0] == "who" and place == 1:
                if field not in _WHO:
                    _refuse(f"there is no `holder.who.{field}`: it has {', '.join(sorted(_WHO))}", node)
                kinds = _STRING
            else:
                kinds = self._field(kinds, field, node)
        return kinds

    def _field(self, kinds: Type, _field: str, node: Expression) -> Type:
        self._fields_of(kinds, node)
        return _SENT

    def _fields_of(self, kinds: Type, node: Expression) -> None:
        if "map" not in kinds:
            hint = ""
            if kinds & _TIMESTAMP:
                hint = "; its parts are `.getFullYear()`, `.getHours()` and so on"
            elif kinds & _STRING:
                hint = "; `.startsWith(…)`, `.contains(…)` and `.matches(…)` look into it"
            _refuse(f"{_named(kinds)} has no fields{hint}", node)

    def _fold(self, node: Fold) -> Type:
        source = self.read(node.source)
        if not source & (_LIST | _MAP):
            _refuse(f"a list or map can be gone through, and this is {_named(source)}", node.source)
        items = _ANY
        if source == _MAP:
            items = _STRING if isinstance(node.source, Path) else _STRING | _INT | _BOOL
        elif isinstance(node.source, ListOf):
            items = _join(map(self.read, node.source.items)) or _ANY
        elif isinstance(node.source, Path):
            items = _SENT
        inner = _Reader({**self.local, node.variable: items})
        kinds = [inner.read(body) for body in node.bodies]
        tests = kinds if node.op is not Op.MAP_EACH else []
        if node.op is Op.MAP_SOME:
            tests = kinds[:1]
        for body, found in zip(node.bodies, tests, strict=False):
            self._boolean(found, body)
        return _LIST if node.op in {Op.MAP_EACH, Op.MAP_SOME, Op.FILTER} else _BOOL

    def _boolean(self, kinds: Type, node: Expression) -> None:
        if "bool" not in kinds:
            _refuse(f"a bool is wanted here, and this is {_named(kinds)}", node)

    def _call(self, op: Op, operands: tuple[Expression, ...], node: Call) -> Type:
        kinds = [self.read(operand) for operand in operands]
        if op in {Op.AND, Op.OR}:
            for operand, found in zip(operands, kinds, strict=True):
                self._boolean(found, operand)
            return _BOOL
        if op is Op.CONDITION:
            self._boolean(kinds[0], operands[0])
            return kinds[1] | kinds[2]
        if op in {Op.EQ, Op.NE}:
            return self._equality(op, kinds, node)
        if op is Op.DYN:
            return kinds[0]
        fitting = _fitting(op, kinds)
        if not fitting:
            self._no_overload(op, kinds, node)
        last = operands[-1]
        if op in {Op.DIVIDE, Op.MODULO} and last == Literal(0):
            _refuse("division by zero", last)
        if op in _KIND_MATTERS and any(found >= _NUMBER for found in kinds):
            numbers = [each for each in fitting if each[1] <= _NUMBER]
            if numbers:
                self._no_kind(op, operands, kinds, node)
        if Op.GET_FULL_YEAR <= op <= Op.GET_MILLISECONDS and len(operands) > 1 and isinstance(last, Literal):
            # Which moment does not matter: a zone is one, or it is none.
            self._value_of(Call(op, (Call(Op.TIMESTAMP, (Literal(0),)), last)), last)
        found = _join(result for _, result in fitting)
        if op is Op.INDEX and isinstance(operands[0], Path) and operands[0].parts[0] not in self.local:
            return _SENT  # whatever is in what was sent was sent
        return self._constant(node, found)

    def _equality(self, op: Op, kinds: list[Type], node: Call) -> Type:
        left, right = kinds
        if _SENT not in kinds and not left & right and not (left & _NUMBER and right & _NUMBER):
            what = "never" if op is Op.EQ else "always"
            _refuse(f"{what} true: {_named(left)} is not equal to {_named(right)}{_hint(kinds)}", node)
        return _BOOL

    def _no_overload(self, op: Op, kinds: list[Type], node: Call) -> NoReturn:
        given = " and ".join(map(_named, kinds))
        _refuse(f"`{_SIGNS[op]}` does not take {given}{_hint(kinds)}", node)

    def _no_kind(self, op: Op, operands: tuple[Expression, ...], kinds: list[Type], node: Call) -> NoReturn:
        written = [
            f"double({format_expression(operand)})"
            if found >= _NUMBER or (found == _INT and not isinstance(operand, Literal))
            else _as_double(operand)
            for operand, found in zip(operands, kinds, strict=True)
        ]
        detail = f"10.5 is a double and 10.0 an int here, and `{_SIGNS[op]}` takes two of one kind"
        text = ", `string(…)` for text" if op is Op.ADD else ""
        if op is Op.DIVIDE:
            detail += ", cutting the rest of ints"
        _refuse(f"{detail}: write `{f' {_SIGNS[op]} '.join(written)}`, or `int(…)` for whole numbers{text}", node)

    def _constant(self, node: Expression, kinds: Type) -> Type:
        """Refuse what reads nothing and comes to no value."""
        if not _reads(node):
            self._value_of(node, node)
        return kinds

    def _value_of(self, node: Expression, at: Expression) -> None:
        try:
            compile_wire(to_wire(node))(Scope({}))
        except CaveatError as error:
            how = _WRITE.get(node.op) if isinstance(node, Call) else None
            _refuse(f"{error.detail}; {how}" if how else error.detail, at)


def _fitting(op: Op, kinds: list[Type]) -> list[Signature]:
    return [
        (taken, result)
        for taken, result in _SIGNATURES[op]
        if len(taken) == len(kinds) and all(one & other for one, other in zip(taken, kinds, strict=True))
    ]


def _hint(kinds: Iterable[Type]) -> str:
    """Say how to write what one of these wants beside it."""
    given = tuple(kinds)
    if len(given) == 2 and set(given) == {_INT, _DOUBLE}:
        return "; a whole double is written with a point, as in `2.0`"
    if _SENT in given and (_TIMESTAMP in given or _DURATION in given):
        return "; `timestamp(…)` or `duration(…)` reads one from text"
    for kind, words in _ABOUT_TIME.items():
        if any(found == {kind} for found in given):
            return f"; {words}"
    return ""


def _as_double(operand: Expression) -> str:
    if isinstance(operand, Literal) and type(operand.value) is int:
        return format_expression(Literal(float(operand.value)))
    return format_expression(operand)


def _join(kinds: Iterable[Type]) -> Type:
    return frozenset().union(*kinds)


def _reads(node: Expression) -> bool:
    """Say whether an expression reads any name, of the request or of a comprehension around it."""
    if isinstance(node, Path) or (isinstance(node, Has) and isinstance(node.target, Path)) or isinstance(node, Unknown):
        return True
    return any(map(_reads, children(node)))
