"""What a part of an expression compiles to, and how paths are read (SPEC §6.5)."""

from __future__ import annotations

from typing import TypeAlias

from delegate.core.evaluator.scope import EvaluationError, Run, Variables
from delegate.core.evaluator.values import type_name

# A compiled part: its function, and the steps of its segment, which whoever calls the function charges first.
Built: TypeAlias = tuple[Run, int]

# How much of a field's name a message shows.
_SHOWN_CHARACTERS = 40


def read_path(variables: Variables, parts: tuple[str, ...]) -> object:
    """The value at a path.

    Raises:
        EvaluationError: CAVEAT_ERROR: a part is missing, or has no fields.
    """
    value: object = variables
    try:
        for part in parts:
            value = value[part]  # type: ignore[index] # what has no fields is a TypeError
    except (KeyError, TypeError):
        raise unreadable(variables, parts) from None
    return value


def unreadable(variables: Variables, parts: tuple[str, ...]) -> EvaluationError:
    """Why a path cannot be read: the error that names the first part which is not there."""
    here: object = variables
    for place, part in enumerate(parts):
        if not isinstance(here, dict):
            return EvaluationError(f"`{show_path(parts[:place])}` is a {type_name(here)}, not a map")
        if part not in here:
            return EvaluationError(f"`{show_path(parts[: place + 1])}` is missing")
        here = here[part]
    return EvaluationError(f"`{show_path(parts)}` cannot be read")


def show_path(parts: tuple[str, ...]) -> str:
    """A path for a message: one line, whatever its fields are called, and short, however long they are.

    A message is made for every error, also for those that are absorbed: its cost is no more than a step's.
    """
    return ".".join(map(_show_part, parts))


def _show_part(part: str) -> str:
    if len(part) > _SHOWN_CHARACTERS:
        return f"{part[:_SHOWN_CHARACTERS]!a}..."
    return part if part.isidentifier() and part.isascii() else ascii(part)
