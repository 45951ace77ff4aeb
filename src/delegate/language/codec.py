"""A tree to and from the plain objects that the wire carries (SPEC §6.4).

Rules of this file:

- A literal is itself; every other node is an array that begins with its opcode.
- Each tree has one encoding. What is not it is refused, and nothing is mended.
- Types are compared exactly: `True` is no opcode, and `1.0` no literal but a double.
- `compiler.py` reads the same encoding on its way to closures; a test holds the two to the same verdicts.
"""

from __future__ import annotations

from delegate.core.evaluator.checks import (
    TOO_DEEP,
    TOO_MANY_NODES,
    TOO_NESTED,
    UNKNOWN,
    bad_opcode,
    check_literal,
    check_parts,
    check_quotable,
    check_variable,
    malformed,
    not_canonical,
    over_limit,
)
from delegate.core.evaluator.opcodes import ARITIES, CAVEAT_NAMES, FLAT_OPS, FOLDS, GENERAL, Op
from delegate.language.tree import Call, Expression, Fold, Has, ListOf, Literal, MapOf, Path, Select, Unknown
from delegate.limits import COMPREHENSION_DEPTH, EXPRESSION_DEPTH, EXPRESSION_NODES

_NUMBERS: dict[int, Op] = {int(op): op for op in Op}


def is_flat(op: int, left: Expression, right: Expression) -> bool:
    """Is this operator between these operands written in one flat array?"""
    if op - GENERAL not in FLAT_OPS or not isinstance(left, Path):
        return False
    if op == Op.IN:
        return isinstance(right, ListOf) and all(isinstance(item, Literal) for item in right.items)
    return isinstance(right, Literal)


def to_wire(node: Expression) -> object:
    """The object that stands for a tree: None, bool, int, float, str, bytes, or a list of such.

    Args:
        node: a tree as `parse` or the functions of `nodes` make it, without `Unknown`.
    """
    match node:
        case Literal(value=value):
            return value
        case Path(parts=parts):
            return [int(Op.PATH), *parts]
        case Select(operand=operand, field=field):
            return [int(Op.SELECT), to_wire(operand), field]
        case Has(target=Path(parts=parts)):
            return [int(Op.HAS), *parts]
        case Has(target=Select(operand=operand, field=field)):
            return [int(Op.HAS_FIELD), to_wire(operand), field]
        case ListOf(items=items):
            return [int(Op.LIST), *map(to_wire, items)]
        case MapOf(entries=entries):
            return [int(Op.MAP), *([to_wire(key), to_wire(value)] for key, value in entries)]
        case Fold(op=op, source=source, variable=variable, bodies=bodies):
            return [int(op), to_wire(source), variable, *map(to_wire, bodies)]
        case Call(op=op, operands=(Path(parts=parts), right)) if is_flat(op, *node.operands):
            literal = [to_wire(item) for item in right.items] if isinstance(right, ListOf) else to_wire(right)
            return [op - GENERAL, *parts, literal]
        case Call(op=op, operands=operands):
            return [int(op), *map(to_wire, operands)]
        case Unknown(name=name):
            return [UNKNOWN, name]
    message = "not an expression"
    raise TypeError(message)


def from_wire(encoded: object, names: frozenset[str] = CAVEAT_NAMES) -> Expression:
    """Read a tree from the object that stands for it.

    Args:
        encoded: what strict CBOR decoding yields.
        names: which variables it may read.

    Raises:
        TokenError: MALFORMED: no such opcode, wrong arity or type, a name that may not be read; NOT_CANONICAL:
            an encoding that is not the tree's own; LIMIT_EXCEEDED: too many nodes, too deep.

    Source: SPEC §6.4.
    """
    return _Reader(names).read(encoded, 1)


class _Reader:
    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.nodes_left = EXPRESSION_NODES
        self.folds = 0

    def count(self, nodes_count: int) -> None:
        self.nodes_left -= nodes_count
        if self.nodes_left < 0:
            raise over_limit(TOO_MANY_NODES)

    def read(self, encoded: object, depth: int) -> Expression:
        if depth > EXPRESSION_DEPTH:
            raise over_limit(TOO_DEEP)
        if type(encoded) is not list:
            self.count(1)
            return Literal(check_literal(encoded))
        if not encoded or type(encoded[0]) is not int or encoded[0] not in _NUMBERS:
            bad_opcode(encoded)
        op, rest = _NUMBERS[encoded[0]], encoded[1:]
        if op is Op.PATH:
            self.count(len(rest))
            return Path(check_parts(rest, self.names, 1))
        if op in FLAT_OPS:
            return self.read_flat(op, rest, depth)
        self.count(1)
        return self.read_general(op, rest, depth)

    def read_flat(self, op: Op, rest: list[object], depth: int) -> Expression:
        if not rest:
            raise malformed("an operator without operands")
        if depth == EXPRESSION_DEPTH:
            raise over_limit(TOO_DEEP)
        *parts, encoded = rest
        self.count(1 + len(parts))
        path = Path(check_parts(parts, self.names, 1))
        if op is not Op.IN_FLAT:
            if type(encoded) is list:
                raise malformed("a list where a literal belongs")
            return Call(Op(op + GENERAL), (path, self.read(encoded, depth + 1)))
        if type(encoded) is not list:
            raise malformed("no list of literals after `in`")
        self.count(1)
        if any(type(item) is list for item in encoded):
            raise malformed("a list where a literal belongs")
        return Call(Op.IN, (path, ListOf(tuple(self.read(item, depth + 2) for item in encoded))))

    def read_general(self, op: Op, rest: list[object], depth: int) -> Expression:
        match op:
            case Op.HAS:
                self.count(len(rest))
                parts = check_parts(rest, self.names, 2)
                check_quotable(parts[-1])
                if depth == EXPRESSION_DEPTH:
                    raise over_limit(TOO_DEEP)
                return Has(Path(parts))
            case Op.SELECT | Op.HAS_FIELD:
                return self.read_select(op, rest, depth)
            case Op.LIST:
                return ListOf(tuple(self.read(item, depth + 1) for item in rest))
            case Op.MAP:
                return MapOf(tuple(self.read_entry(entry, depth) for entry in rest))
        if op in FOLDS:
            return self.read_fold(op, rest, depth)
        least, most = ARITIES[op]
        if not least <= len(rest) <= most:
            raise malformed("an operator with another number of operands")
        operands = tuple(self.read(item, depth + 1) for item in rest)
        check_canonical(op, operands)
        return Call(op, operands)

    def read_select(self, op: Op, rest: list[object], depth: int) -> Expression:
        if len(rest) != 2 or type(rest[1]) is not str:
            raise malformed("a field selection without operand and field")
        operand = self.read(rest[0], depth + 1)
        if isinstance(operand, Path):
            raise not_canonical("the field of a path outside of the path")
        selected = Select(operand, rest[1])
        if op is Op.SELECT:
            return selected
        check_quotable(rest[1])
        return Has(selected)

    def read_entry(self, entry: object, depth: int) -> tuple[Expression, Expression]:
        if type(entry) is not list or len(entry) != 2:
            raise malformed("no pair of key and value in a map")
        return self.read(entry[0], depth + 1), self.read(entry[1], depth + 1)

    def read_fold(self, op: Op, rest: list[object], depth: int) -> Expression:
        if len(rest) != (4 if op is Op.MAP_SOME else 3):
            raise malformed("a comprehension with another number of operands")
        source = self.read(rest[0], depth + 1)
        variable = check_variable(rest[1])
        if self.folds == COMPREHENSION_DEPTH:
            raise over_limit(TOO_NESTED)
        outer, self.names = self.names, self.names | {variable}
        self.folds += 1
        bodies = tuple(self.read(body, depth + 1) for body in rest[2:])
        self.folds -= 1
        self.names = outer
        return Fold(op, source, variable, bodies)


def check_canonical(op: Op, operands: tuple[Expression, ...]) -> None:
    """Is this the call's own encoding?

    Raises:
        TokenError: NOT_CANONICAL.
    """
    if op in {Op.AND, Op.OR}:
        if any(isinstance(operand, Call) and operand.op is op for operand in operands):
            raise not_canonical("`&&` within `&&`, or `||` within `||`,")
    elif op is Op.INDEX:
        if isinstance(operands[1], Literal) and isinstance(operands[1].value, str):
            raise not_canonical("an index that is a field")
    elif op - GENERAL in FLAT_OPS and is_flat(op, *operands):
        raise not_canonical("the general form of a flat operator")
