"""Closed arguments: that no other argument may be given (SPEC §6.7).

`args.all(k, k in ["amount", "currency"])` is what the list in `pay(amount, currency)` stands for.
"""

from __future__ import annotations

from collections.abc import Iterable

from delegate.core.evaluator.opcodes import Op
from delegate.language.tree import Call, Expression, Fold, ListOf, Literal, Path

_ARGS = Path(("args",))
_VARIABLE = "k"


def only_arguments(names: Iterable[str]) -> Expression:
    """Build the condition that no argument but these is given; each of them may be missing."""
    items = ListOf(tuple(Literal(name) for name in names))
    return Fold(Op.ALL, _ARGS, _VARIABLE, (Call(Op.IN, (Path((_VARIABLE,)), items)),))


def only_arguments_wire(names: Iterable[str]) -> list[object]:
    """Give the object that stands for `only_arguments(names)`."""
    return [int(Op.ALL), [int(Op.PATH), "args"], _VARIABLE, [int(Op.IN_FLAT), _VARIABLE, [*names]]]


def closed_names(expression: Expression) -> tuple[str, ...] | None:
    """Give the names that `only_arguments` built an expression from; `None` for any other expression."""
    match expression:
        case Fold(
            op=Op.ALL,
            source=source,
            variable=variable,
            bodies=(Call(op=Op.IN, operands=(item, ListOf() as names)),),
        ):
            if source == _ARGS and item == Path((variable,)):
                found = [each.value for each in names.items if isinstance(each, Literal)]
                texts = [value for value in found if isinstance(value, str)]
                return tuple(texts) if len(texts) == len(names.items) else None
    return None
