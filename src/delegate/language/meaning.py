"""Text in, values out: the language as a whole (SPEC §6).

`parse` is for authors and readers; `evaluate` says what a text means, outside of any token. A verifier uses neither: it
goes from the wire to closures (`compiler.py`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from delegate.core.evaluator.compiler import BUILDERS, Walk, finish
from delegate.core.evaluator.opcodes import CAVEAT_NAMES
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import Condition, EvaluationError, Scope, Variables
from delegate.core.evaluator.values import BoolKey, to_value
from delegate.language.codec import UNKNOWN, to_wire
from delegate.language.conditions import constant
from delegate.language.parser import parse_expression
from delegate.language.tree import Expression
from delegate.limits import EVALUATION_STEPS, SYNTAX_DEPTH


class _AnyName(frozenset[str]):
    """Every name: in `evaluate`, an unknown name is an error where it is read."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True

    def __or__(self, other: Container[object]) -> _AnyName:
        return self


_ANY_NAME = _AnyName()


def parse(text: str, /, *, names: frozenset[str] = CAVEAT_NAMES, **values: object) -> Expression:
    """Read a caveat's text.

    Args:
        text: CEL, at most `limits.EXPRESSION_CHARACTERS` characters.
        names: which variables it may read.
        values: constants by name (see `authoring.when`); here they may be unused.

    Raises:
        CaveatSyntaxError: MALFORMED, with the place: not CEL, no such name or function, too large.
        ValueError, TypeError: a value that cannot be a constant.
    """
    return parse_expression(text, names=names, constants={name: constant(value) for name, value in values.items()})[0]


def evaluate(text: str, variables: Mapping[str, object]) -> object:
    """What does this text say of these variables?

    As CEL has it, an unknown name or function is an error only if it is evaluated, and the depth of an
    expression is bounded by its text alone; so this accepts more than a caveat may say.

    Args:
        text: CEL, at most `limits.EXPRESSION_CHARACTERS` characters.
        variables: names to values (see `values.to_value`).

    Returns:
        A value of the language: None, bool, int, float, str, bytes, list, dict, `Timestamp` or `Duration`. In a
        dict a bool key is a bool, except beside the int that Python takes for the same: there it is a `BoolKey`.

    Raises:
        CaveatSyntaxError: MALFORMED, with the place.
        CaveatError: CAVEAT_ERROR: no value; LIMIT_EXCEEDED: more than `limits.EVALUATION_STEPS` steps.
    """
    tree, _ = parse_expression(text, names=_ANY_NAME, lenient=True)
    given = {name: to_value(value) for name, value in variables.items()}
    return _export(compile_tree(tree)(Scope(given, EVALUATION_STEPS)))


def compile_tree(tree: Expression) -> Condition:
    """The function that evaluates a tree, whatever names it reads; not for what came over the wire."""
    walk = Walk(_ANY_NAME, depth_max=SYNTAX_DEPTH, folds_max=SYNTAX_DEPTH, builders=_BUILDERS)
    return finish(walk.build(to_wire(tree), 1))


def _build_unknown(_walk: Walk, encoded: list[object], _depth: int) -> Built:
    def run(_variables: Variables, _scope: Scope) -> object:
        detail = f"there is no function `{encoded[1]}`"
        raise EvaluationError(detail)

    return run, 1


_BUILDERS = {**BUILDERS, UNKNOWN: _build_unknown}


def _export(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_export(item) for item in value]
    if isinstance(value, dict):
        clash = {int(bool(key)) for key in value if isinstance(key, BoolKey)} & value.keys()
        return {
            bool(key) if isinstance(key, BoolKey) and int(bool(key)) not in clash else key: _export(item)
            for key, item in value.items()
        }
    return value


__all__ = ["EvaluationError", "compile_tree", "evaluate", "parse"]
