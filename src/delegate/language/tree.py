"""The tree of an expression, and how calls are written (SPEC §6.3).

Rules of this file:

- Two trees are equal when they are encoded alike: `1`, `1.0` and `true` are three literals, `0.0` and `-0.0` two.
- A tree has one form: a path is never inside a `Select`, `&&` never directly inside `&&`, `||` never directly
  inside `||`, and `m["k"]` is the field `k` of `m`. The functions `select`, `index` and `junction` see to that;
  whoever builds trees builds with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from delegate.core.evaluator.opcodes import LiteralValue, Op
from delegate.limits import COMPREHENSION_DEPTH, EXPRESSION_DEPTH, EXPRESSION_NODES

# How calls are written: as a function, as a method of the first operand, or as a function of a name space.
FUNCTIONS: dict[str, Op] = {
    "size": Op.SIZE,
    "int": Op.INT,
    "double": Op.DOUBLE,
    "string": Op.STRING,
    "bytes": Op.BYTES,
    "bool": Op.BOOL,
    "timestamp": Op.TIMESTAMP,
    "duration": Op.DURATION,
    "dyn": Op.DYN,
}
METHODS: dict[str, Op] = {
    "contains": Op.CONTAINS,
    "startsWith": Op.STARTS_WITH,
    "endsWith": Op.ENDS_WITH,
    "matches": Op.MATCHES,
    "getFullYear": Op.GET_FULL_YEAR,
    "getMonth": Op.GET_MONTH,
    "getDate": Op.GET_DATE,
    "getDayOfMonth": Op.GET_DAY_OF_MONTH,
    "getDayOfWeek": Op.GET_DAY_OF_WEEK,
    "getDayOfYear": Op.GET_DAY_OF_YEAR,
    "getHours": Op.GET_HOURS,
    "getMinutes": Op.GET_MINUTES,
    "getSeconds": Op.GET_SECONDS,
    "getMilliseconds": Op.GET_MILLISECONDS,
}
NAMESPACED: dict[tuple[str, str], Op] = {
    ("path", "within"): Op.PATH_WITHIN,
    ("url", "host"): Op.URL_HOST,
    ("url", "scheme"): Op.URL_SCHEME,
    ("net", "within"): Op.NET_WITHIN,
    ("glob", "match"): Op.GLOB_MATCH,
}
# Comprehensions by name and number of arguments in parentheses.
MACROS: dict[tuple[str, int], Op] = {
    ("all", 2): Op.ALL,
    ("exists", 2): Op.EXISTS,
    ("exists_one", 2): Op.EXISTS_ONE,
    ("map", 2): Op.MAP_EACH,
    ("map", 3): Op.MAP_SOME,
    ("filter", 2): Op.FILTER,
}


class Expression:
    """A tree. What it may be made of: `Literal`, `Path`, `Select`, `Has`, `Call`, `ListOf`, `MapOf`, `Fold`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Expression):
    """null, a bool, an int of 64 bits, a finite double, text or bytes."""

    value: LiteralValue

    def _key(self) -> tuple[type, str]:
        return type(self.value), repr(self.value)

    def __eq__(self, other: object) -> bool:
        """Type and sign count: Python's `True == 1` and `0.0 == -0.0` do not hold here."""
        return isinstance(other, Literal) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, slots=True)
class Path(Expression):
    """A name and the fields selected from it: `args.amount` is `("args", "amount")`."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Select(Expression):
    """A field of what is not a path."""

    operand: Expression
    field: str


@dataclass(frozen=True, slots=True)
class Has(Expression):
    """`has(…)`: is there such a field? A path has at least two parts."""

    target: Path | Select


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """An operator or function with its operands, `&&`, `||` and `?:` included."""

    op: Op
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ListOf(Expression):
    """A list written out."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Expression):
    """A map written out."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Fold(Expression):
    """A comprehension. `bodies` is one expression over `variable`; two (filter, result) for `MAP_SOME`."""

    op: Op
    source: Expression
    variable: str
    bodies: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Unknown(Expression):
    """A call of a function that is unknown: only in what `evaluate` reads, and an error where it is evaluated."""

    name: str


def select(operand: Expression, field: str) -> Expression:
    """The field of an operand, in its one form."""
    return Path((*operand.parts, field)) if isinstance(operand, Path) else Select(operand, field)


def index(operand: Expression, key: Expression) -> Expression:
    """`operand[key]`, in its one form: with text as the key, it is a field."""
    if isinstance(key, Literal) and isinstance(key.value, str):
        return select(operand, key.value)
    return Call(Op.INDEX, (operand, key))


def junction(op: Op, operands: Iterable[Expression]) -> Expression:
    """`&&` or `||` of operands, in its one form: operands of the same operator are taken apart.

    A single operand is itself; without any, the result is the literal `true` or `false`.
    """
    flat: list[Expression] = []
    for operand in operands:
        flat.extend(operand.operands if isinstance(operand, Call) and operand.op is op else (operand,))
    if len(flat) > 1:
        return Call(op, tuple(flat))
    return flat[0] if flat else Literal(op is Op.AND)


def conjunction(operands: Iterable[Expression]) -> Expression:
    """What holds when all of these do."""
    return junction(Op.AND, operands)


def conjuncts(node: Expression) -> tuple[Expression, ...]:
    """The parts that must all hold for this to hold."""
    return node.operands if isinstance(node, Call) and node.op is Op.AND else (node,)


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside, in the order in which they are written."""
    match node:
        case Select(operand=operand) | Has(target=Select(operand=operand)):
            return (operand,)
        case Call(operands=operands):
            return operands
        case ListOf(items=items):
            return items
        case MapOf(entries=entries):
            return tuple(side for entry in entries for side in entry)
        case Fold(source=source, bodies=bodies):
            return (source, *bodies)
    return ()


def own_nodes(node: Expression) -> int:
    """How many nodes this one counts for, without what is inside it."""
    if isinstance(node, Path):
        return len(node.parts)
    if isinstance(node, Has):
        return 1 + (len(node.target.parts) if isinstance(node.target, Path) else 0)
    return 1


def excess(node: Expression, depth: int = EXPRESSION_DEPTH, folds: int = COMPREHENSION_DEPTH) -> str | None:
    """Which limit does the tree exceed, if any?

    Returns:
        A sentence for a message, or `None`.
    """
    total = 0
    pending = [(node, 1, 0)]
    while pending:
        here, level, nested = pending.pop()
        total += own_nodes(here)
        # `has` of a path is an operator over a path, though both are one node of the tree.
        if level > depth or (level == depth and isinstance(here, Has) and isinstance(here.target, Path)):
            return f"an expression is at most {depth} levels deep"
        if total > EXPRESSION_NODES:
            return f"an expression has at most {EXPRESSION_NODES} nodes"
        if isinstance(here, Fold):
            if nested == folds:
                return f"comprehensions are nested at most {folds} deep"
            pending.append((here.source, level + 1, nested))
            pending.extend((body, level + 1, nested + 1) for body in here.bodies)
        else:
            pending.extend((child, level + 1, nested) for child in children(here))
    return None
