"""A tree to and from the plain objects that the wire carries (SPEC §6.4).

Rules of this file:

- A literal is itself; every other node is an array that begins with its opcode.
- Each tree has one encoding, and `to_wire` gives it.
- Nothing is checked here: what comes from the wire has passed the one walk that verifiers trust too (`compiler.py`).
"""

from __future__ import annotations

from typing import Any, Final

from delegate.core.evaluator.compiler import compile_run
from delegate.core.evaluator.opcodes import CAVEAT_NAMES, FLAT_OPS, FOLDS, GENERAL, Op
from delegate.language.tree import Call, Expression, Fold, Has, ListOf, Literal, MapOf, Path, Select, Unknown

# Not an opcode: how `evaluate` hands an unknown function to the walk, which knows it there alone.
UNKNOWN: Final = -1


def _is_flat(op: int, left: Expression, right: Expression) -> bool:
    """Is this operator between these operands written in one flat array?"""
    if op - GENERAL not in FLAT_OPS or not isinstance(left, Path):
        return False
    if op == Op.IN:
        return isinstance(right, ListOf) and all(isinstance(item, Literal) for item in right.items)
    return isinstance(right, Literal)


def to_wire(node: Expression) -> object:
    """The object that stands for a tree: None, bool, int, float, str, bytes, or a list of such.

    Args:
        node: a tree as `parse` or the functions of `tree.py` make it.
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
        case Call(op=op, operands=(Path(parts=parts), right)) if _is_flat(op, *node.operands):
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
        TokenError: as `compile_run`, which checks it: whatever a verifier refuses, and nothing else.

    Source: SPEC §6.4.
    """
    compile_run(encoded, names)
    return _tree(encoded)


def _tree(encoded: Any) -> Expression:  # noqa: ANN401 - what the walk has passed: its form is certain
    if type(encoded) is not list:
        return Literal(encoded)
    op, rest = Op(encoded[0]), encoded[1:]
    match op:
        case Op.PATH:
            return Path(tuple(rest))
        case Op.SELECT:
            return Select(_tree(rest[0]), rest[1])
        case Op.HAS:
            return Has(Path(tuple(rest)))
        case Op.HAS_FIELD:
            return Has(Select(_tree(rest[0]), rest[1]))
        case Op.LIST:
            return ListOf(tuple(map(_tree, rest)))
        case Op.MAP:
            return MapOf(tuple((_tree(key), _tree(value)) for key, value in rest))
        case Op.IN_FLAT:
            *parts, literals = rest
            return Call(Op.IN, (Path(tuple(parts)), ListOf(tuple(map(Literal, literals)))))
    if op in FLAT_OPS:
        *parts, literal = rest
        return Call(Op(op + GENERAL), (Path(tuple(parts)), Literal(literal)))
    if op in FOLDS:
        source, variable, *bodies = rest
        return Fold(op, _tree(source), variable, tuple(map(_tree, bodies)))
    return Call(op, tuple(map(_tree, rest)))
