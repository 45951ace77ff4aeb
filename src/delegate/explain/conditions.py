"""Why a condition did not hold: what it read, and what it found (SPEC §9.3). For eyes alone.

Rules of this file:

- Nothing here is on the way to a decision; it evaluates a second time, with steps of its own: as many as a decision
  has, so that whoever is refused does not cost more than twice what a decision may.
- Values are shown escaped and shortened: they are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from delegate.core.evaluator.paths import show_path, unreadable
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.timestamps import format_duration, format_timestamp
from delegate.core.evaluator.values import BoolKey, Duration, Timestamp
from delegate.errors import CaveatError
from delegate.language import tree as nodes
from delegate.language.closed import closed_names
from delegate.language.meaning import compile_tree
from delegate.language.printer import format_expression, format_literal
from delegate.language.tree import Expression, Fold, Has, Path, conjuncts

# How many characters of a value are shown.
SHOWN_CHARACTERS = 60
# How many arguments that are not named are told by name.
_SHOWN_ARGUMENTS = 3
# Of a name that is none of the variables: of those that a service decides with, all are there.
_UNTOLD = "is what the service alone knows"


def reads(expression: Expression) -> tuple[tuple[str, ...], ...]:
    """Which paths does an expression read? In order, each once; not those of its own variables."""
    found: dict[tuple[str, ...], None] = {}
    _collect(expression, frozenset(), found)
    return tuple(found)


def _collect(node: Expression, local: frozenset[str], found: dict[tuple[str, ...], None]) -> None:
    path = node.target if isinstance(node, Has) else node
    if isinstance(path, Path):
        if path.parts[0] not in local:
            found[path.parts] = None
    elif isinstance(node, Fold):
        _collect(node.source, local, found)
        for body in node.bodies:
            _collect(body, local | {node.variable}, found)
    else:
        for child in nodes.children(node):
            _collect(child, local, found)


def trace(expression: Expression, scope: Scope) -> tuple[tuple[str, object], ...]:
    """Each conjunct's text, and its value or the `CaveatError` that it ended in."""
    results: list[tuple[str, object]] = []
    for part in conjuncts(expression):
        try:
            value = compile_tree(part)(scope)
        except CaveatError as error:
            results.append((format_expression(part), error))
        else:
            results.append((format_expression(part), value))
    return tuple(results)


def explain_failure(expression: Expression, variables: Mapping[str, object]) -> str:
    """One line on the first conjunct that does not hold, such as `args.amount <= 500, and args.amount is 750`.

    A conjunct that is false comes before one that is an error: the false one decided. Empty text if all hold. Of a
    closed list of arguments, such as `pay(amount)` stands for: which argument is not named.

    Args:
        expression: a condition.
        variables: what it was evaluated with.
    """
    return explain_failure_in(expression, Scope(dict(variables)))


def explain_failure_in(expression: Expression, scope: Scope) -> str:
    """Give the same within the steps of a scope, for a caller that wants several conditions explained."""
    parts = conjuncts(expression)
    outcomes = [value for _, value in trace(expression, scope)]
    failing = [
        *(number for number, value in enumerate(outcomes) if value is False),
        *sorted(
            (number for number, value in enumerate(outcomes) if type(value) is not bool),
            key=lambda number: any(path[0] not in scope.variables for path in reads(parts[number])),
        ),
    ]
    if not failing:
        return ""
    part, outcome = parts[failing[0]], outcomes[failing[0]]
    unnamed = unnamed_arguments(part, scope.variables)
    if unnamed:
        return unnamed
    text = format_expression(part)
    notes = [f"{show_path(path)} {_found(path, scope.variables)}" for path in reads(part)]
    if isinstance(outcome, CaveatError):
        if not any(note.endswith((" is missing", _UNTOLD, outcome.detail)) for note in notes):
            notes.append(outcome.detail)
    elif not isinstance(outcome, bool):
        notes.append(f"it is {show_value(outcome)}, not a bool")
    return f"{text}, and {', '.join(notes)}" if notes else text


def unnamed_arguments(expression: Expression, variables: Mapping[str, object]) -> str:
    """Which arguments does a closed list not name? Empty text where it names all, and for any other condition."""
    names = closed_names(expression)
    given = variables.get("args")
    if names is None or not isinstance(given, dict):
        return ""
    extra = [f"`{show_path((key,))}`" for key in given if isinstance(key, str) and key not in names]
    if len(extra) < 2:
        return f"argument {extra[0]} is not permitted" if extra else ""
    more = f" and {len(extra) - _SHOWN_ARGUMENTS} more" if len(extra) > _SHOWN_ARGUMENTS else ""
    return f"arguments {', '.join(extra[:_SHOWN_ARGUMENTS])}{more} are not permitted"


def _found(path: tuple[str, ...], variables: dict[str, object]) -> str:
    if path[0] not in variables:
        return _UNTOLD
    here: object = variables
    for part in path:
        if not isinstance(here, dict) or part not in here:
            detail = unreadable(variables, path).detail
            return "is missing" if detail.endswith("is missing") else f"cannot be read: {detail}"
        here = here[part]
    return f"is {show_value(here)}"


def show_value(value: object) -> str:
    """A value for a message: one line, escaped, at most about `SHOWN_CHARACTERS` characters."""
    text = _show(value, SHOWN_CHARACTERS)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _show(value: object, room: int) -> str:
    match value:
        case str() | bytes():
            # One character more than fits, so that the cut shows.
            return format_literal(value[: max(room, 0) + 1])
        case None | bool() | int() | float():
            return format_literal(value)
        case Timestamp():
            return format_timestamp(value)
        case Duration():
            return format_duration(value)
        case BoolKey():
            return value.value
        case list() | tuple():
            return f"[{_show_items([(item,) for item in value[:room]], room)}]"
        case dict():
            return f"{{{_show_items(list(value.items())[:room], room)}}}"
    return "a value of unknown type"


def _show_items(items: Sequence[tuple[object, ...]], room: int) -> str:
    shown: list[str] = []
    for item in items:
        if room <= 0:
            break
        shown.append(": ".join(_show(side, room) for side in item))
        room -= len(shown[-1]) + 2
    return ", ".join(shown)
