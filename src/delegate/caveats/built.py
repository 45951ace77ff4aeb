"""What a part of an expression compiles to, and how paths are read (SPEC §10.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from delegate.caveats.scope import EvaluationError, Run, Variables
from delegate.caveats.values import type_name


class Built(NamedTuple):
    """A compiled part.

    `cost` is what its segment costs; whoever calls `run` charges that first. `settled`: it charges nothing more.
    """

    run: Run
    cost: int
    settled: bool


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
    """A path for a message: one line, whatever its fields are called."""
    return ".".join(part if part.isidentifier() else ascii(part) for part in parts)


def reader(parts: tuple[str, ...]) -> Callable[[Variables], object]:
    """The function that reads a path.

    It raises `EvaluationError` for what is missing or is no map.
    """
    if len(parts) == 1:
        (name,) = parts

        def read_name(variables: Variables) -> object:
            try:
                return variables[name]
            except KeyError:
                raise unreadable(variables, parts) from None

        return read_name

    name, *fields = parts

    def read(variables: Variables) -> object:
        try:
            value = variables[name]
            for field in fields:
                value = value[field]  # type: ignore[index] # what has no fields is a TypeError
        except (KeyError, TypeError):
            raise unreadable(variables, parts) from None
        return value

    return read
