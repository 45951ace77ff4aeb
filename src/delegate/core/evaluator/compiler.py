"""The objects of the wire into closures, checked in one strict walk (SPEC §6.4, §6.5).

Rules of this file:

- This walk alone knows what an expression's form is: whoever reads expressions for another purpose than evaluating them
  has it walk over them first, and checks nothing again.
- No `eval`, no `exec`, no tree in between: this is the hot path of a cold check. What repeats is kept by its
  bytes (the verifier does that).
- A closure's own segment is charged by who calls it (`scope.py`, `paths.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from delegate.core.evaluator import checks
from delegate.core.evaluator.checks import (
    check_literal,
    check_parts,
    check_quotable,
    check_variable,
)
from delegate.core.evaluator.flat import build_flat, build_flat_in
from delegate.core.evaluator.folds import build_fold
from delegate.core.evaluator.functions import IMPLEMENTATIONS
from delegate.core.evaluator.junctions import build_condition, build_junction
from delegate.core.evaluator.opcodes import ARITIES, CAVEAT_NAMES, FLAT_OPS, GENERAL, Op
from delegate.core.evaluator.paths import Built, read_path, show_path
from delegate.core.evaluator.scope import Condition, EvaluationError, Run, Scope, Variables
from delegate.core.evaluator.values import map_key, type_name
from delegate.limits import (
    COMPREHENSION_DEPTH,
    EXPRESSION_DEPTH,
    EXPRESSION_NODES,
)


def compile_wire(encoded: object, names: frozenset[str] = CAVEAT_NAMES) -> Condition:
    """Make the function that evaluates an expression from the object that stands for it.

    Args:
        encoded: what strict CBOR decoding yields; never changed, and not kept but for its literals.
        names: which variables it may read.

    Returns:
        A function of a `Scope`: it returns the expression's value (a caveat holds if that `is True`), or raises
        `CaveatError`, CAVEAT_ERROR or LIMIT_EXCEEDED.

    Raises:
        TokenError: MALFORMED: no such opcode, wrong arity or type, a name that may not be read; NOT_CANONICAL: another
            encoding than the expression's own; LIMIT_EXCEEDED: too many nodes, too deep.

    Cost: one walk, about 1 µs a flat operator. Source: SPEC §6.4.
    """
    return finish(compile_run(encoded, names))


def compile_run(encoded: object, names: frozenset[str] = CAVEAT_NAMES) -> Built:
    """As `compile_wire`, for a caller that charges for itself: the function, and the steps to charge before it."""
    return Walk(names).build(encoded, 1)


def finish(built: Built) -> Condition:
    """The function of a `Scope` that a compiled whole is called by."""
    run, cost = built
    if not cost:
        return lambda scope: run(scope.variables, scope)

    def condition(scope: Scope) -> object:
        left = scope.steps_left - cost
        if left < 0:
            scope.charge(cost)
        scope.steps_left = left
        return run(scope.variables, scope)

    return condition


# Checks and compiles one node, an array that begins with its opcode, at its level.
Builder: TypeAlias = "Callable[[Walk, list[object], int], Built]"


class Walk:
    """One walk over one expression: what may be read, and how much of the limits is left.

    Args:
        names: which variables it may read.
        depth_max: how many levels it may have.
        folds_max: how deep comprehensions may be nested.
        builders: what makes each operator's closure. The defaults of these are the format's: no other walk is for what
            came over the wire.
    """

    __slots__ = ("builders", "depth_max", "folds_left", "names", "nodes_left")

    def __init__(
        self,
        names: frozenset[str],
        *,
        depth_max: int = EXPRESSION_DEPTH,
        folds_max: int = COMPREHENSION_DEPTH,
        builders: Mapping[int, Builder] | None = None,
    ) -> None:
        self.names = names
        self.nodes_left = EXPRESSION_NODES
        self.folds_left = folds_max
        self.depth_max = depth_max
        self.builders = BUILDERS if builders is None else builders

    def build(self, encoded: object, depth: int) -> Built:
        """Check and compile one node and what is inside it, at this level."""
        if depth > self.depth_max:
            raise checks.over_limit(checks.TOO_DEEP)
        if type(encoded) is not list:
            self.count(1)
            return _build_constant(check_literal(encoded))
        if not encoded or type(encoded[0]) is not int:
            raise checks.malformed("an array without opcode")
        builder = self.builders.get(encoded[0])
        if builder is None:
            raise checks.malformed("an unknown opcode")
        return builder(self, encoded, depth)

    def count(self, nodes: int) -> None:
        """Take nodes off what is left."""
        self.nodes_left -= nodes
        if self.nodes_left < 0:
            raise checks.over_limit(checks.TOO_MANY_NODES)


def _build_constant(value: object) -> Built:
    return lambda _variables, _scope: value, 1


def _build_path(walk: Walk, encoded: list[object], _depth: int) -> Built:
    parts = check_parts(encoded[1:], walk.names, 1)
    walk.count(len(parts))
    return lambda variables, _scope: read_path(variables, parts), len(parts)


def _flat_parts(walk: Walk, encoded: list[object], depth: int) -> tuple[str, ...]:
    if len(encoded) < 3:
        raise checks.malformed("an operator without operands")
    if depth == walk.depth_max:
        raise checks.over_limit(checks.TOO_DEEP)
    walk.count(len(encoded))
    return check_parts(encoded[1:-1], walk.names, 1)


def _build_flat(walk: Walk, encoded: list[object], depth: int) -> Built:
    parts = _flat_parts(walk, encoded, depth)
    return build_flat(encoded[0], parts, check_literal(encoded[-1]))  # type: ignore[arg-type]


def _build_flat_in(walk: Walk, encoded: list[object], depth: int) -> Built:
    parts = _flat_parts(walk, encoded, depth)
    literals = encoded[-1]
    if type(literals) is not list:
        raise checks.malformed("no list of literals after `in`")
    walk.count(len(literals))
    if literals and depth + 2 > walk.depth_max:
        raise checks.over_limit(checks.TOO_DEEP)
    return build_flat_in(parts, [check_literal(literal) for literal in literals])


def _operands(walk: Walk, encoded: list[object], depth: int) -> list[Built]:
    walk.count(1)
    least, most = _ARITIES[encoded[0]]  # type: ignore[index]
    if not least < len(encoded) <= most + 1:
        raise checks.malformed("an operator with another number of operands")
    return [walk.build(operand, depth + 1) for operand in encoded[1:]]


def _build_junction(walk: Walk, encoded: list[object], depth: int) -> Built:
    operands = _operands(walk, encoded, depth)
    op: int = encoded[0]  # type: ignore[assignment]
    for operand in encoded[1:]:
        if type(operand) is list and operand[0] == op:
            raise checks.not_canonical("`&&` within `&&`, or `||` within `||`,")
    return build_junction(op, operands)


def _build_conditional(walk: Walk, encoded: list[object], depth: int) -> Built:
    return build_condition(_operands(walk, encoded, depth))


def _build_call(walk: Walk, encoded: list[object], depth: int) -> Built:
    operands = _operands(walk, encoded, depth)
    op = Op(encoded[0])  # type: ignore[arg-type]
    _check_canonical(op, encoded)
    implementation = IMPLEMENTATIONS[op]
    if len(operands) == 1:
        ((only, cost),) = operands
        return lambda variables, scope: implementation(only(variables, scope), scope), 1 + cost
    (first, first_cost), (second, second_cost) = operands

    def run(variables: Variables, scope: Scope) -> object:
        return implementation(first(variables, scope), second(variables, scope), scope)

    return run, 1 + first_cost + second_cost


def _check_canonical(op: Op, encoded: list[object]) -> None:
    if op is Op.INDEX and type(encoded[2]) is str:
        raise checks.not_canonical("an index that is a field")
    if op - GENERAL in FLAT_OPS:
        left, right = encoded[1:]
        if type(left) is list and left[0] == Op.PATH and _is_literal(right, of_in=op is Op.IN):
            raise checks.not_canonical("the general form of a flat operator")


def _is_literal(right: object, *, of_in: bool) -> bool:
    """Is this what a flat operator has on its right: a literal, for `in` a list of such?"""
    if type(right) is not list:
        return not of_in
    return of_in and right[0] == Op.LIST and all(type(item) is not list for item in right[1:])


def _build_has(walk: Walk, encoded: list[object], depth: int) -> Built:
    walk.count(len(encoded))
    parts = check_parts(encoded[1:], walk.names, 2)
    check_quotable(parts[-1])
    if depth == walk.depth_max:
        raise checks.over_limit(checks.TOO_DEEP)
    outer, field = parts[:-1], parts[-1]
    return lambda variables, _scope: _has_field(read_path(variables, outer), field), len(encoded)


def _has_field(value: object, field: str) -> bool:
    if isinstance(value, dict):
        return field in value
    detail = f"`has` of a field of a {type_name(value)}"
    raise EvaluationError(detail)


def _get_field(value: object, field: str) -> object:
    if isinstance(value, dict) and field in value:
        return value[field]
    what = "is missing" if isinstance(value, dict) else f"of a {type_name(value)}"
    detail = f"the field `{show_path((field,))}` {what}"
    raise EvaluationError(detail)


def _build_select(walk: Walk, encoded: list[object], depth: int) -> Built:
    walk.count(1)
    if len(encoded) != 3 or type(encoded[2]) is not str:
        raise checks.malformed("a field selection without operand and field")
    operand, field = encoded[1], encoded[2]
    run, cost = walk.build(operand, depth + 1)
    if type(operand) is list and operand[0] == Op.PATH:
        raise checks.not_canonical("the field of a path outside of the path")
    get: Callable[[object, str], object] = _get_field
    if encoded[0] == Op.HAS_FIELD:
        check_quotable(field)
        get = _has_field
    return lambda variables, scope: get(run(variables, scope), field), 1 + cost


def _build_list(walk: Walk, encoded: list[object], depth: int) -> Built:
    walk.count(1)
    items = [walk.build(item, depth + 1) for item in encoded[1:]]
    cost = 1 + sum(item_cost for _, item_cost in items)
    if all(type(item) is not list for item in encoded[1:]):
        constant = list(encoded[1:])
        return lambda _variables, _scope: constant, cost
    runs = [run for run, _ in items]
    return lambda variables, scope: [run(variables, scope) for run in runs], cost


def _build_map(walk: Walk, encoded: list[object], depth: int) -> Built:
    walk.count(1)
    entries: list[tuple[Run, Run]] = []
    cost = 1
    for entry in encoded[1:]:
        if type(entry) is not list or len(entry) != 2:
            raise checks.malformed("no pair of key and value in a map")
        key, key_cost = walk.build(entry[0], depth + 1)
        value, value_cost = walk.build(entry[1], depth + 1)
        cost += key_cost + value_cost
        entries.append((key, value))

    def run(variables: Variables, scope: Scope) -> object:
        result: dict[object, object] = {}
        for run_key, run_value in entries:
            given = run_key(variables, scope)
            key = map_key(given)
            if type(given) is float or key in result:
                detail = "a map with a double as a key, or with one key twice"
                raise EvaluationError(detail)
            result[key] = run_value(variables, scope)
        return result

    return run, cost


def _build_comprehension(walk: Walk, encoded: list[object], depth: int) -> Built:
    walk.count(1)
    op: int = encoded[0]  # type: ignore[assignment]
    if len(encoded) != (5 if op == Op.MAP_SOME else 4):
        raise checks.malformed("a comprehension with another number of operands")
    source = walk.build(encoded[1], depth + 1)
    variable = check_variable(encoded[2])
    if not walk.folds_left:
        raise checks.over_limit(checks.TOO_NESTED)
    outer, walk.names = walk.names, walk.names | {variable}
    walk.folds_left -= 1
    bodies = [walk.build(body, depth + 1) for body in encoded[3:]]
    walk.folds_left += 1
    walk.names = outer
    return build_fold(op, source, variable, bodies)


_ARITIES: dict[int, tuple[int, int]] = {int(op): arity for op, arity in ARITIES.items()}
BUILDERS: Final[Mapping[int, Builder]] = {
    **{int(op): _build_call for op in IMPLEMENTATIONS},
    **dict.fromkeys(FLAT_OPS, _build_flat),
    int(Op.PATH): _build_path,
    int(Op.IN_FLAT): _build_flat_in,
    **dict.fromkeys((int(Op.AND), int(Op.OR)), _build_junction),
    int(Op.CONDITION): _build_conditional,
    int(Op.HAS): _build_has,
    **dict.fromkeys((int(Op.SELECT), int(Op.HAS_FIELD)), _build_select),
    int(Op.LIST): _build_list,
    int(Op.MAP): _build_map,
    **{int(op): _build_comprehension for op in (Op.ALL, Op.EXISTS, Op.EXISTS_ONE, Op.MAP_EACH, Op.MAP_SOME, Op.FILTER)},
}
