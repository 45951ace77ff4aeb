"""Regular expressions that are compiled when they are first used.

To compile those that what decides has takes as long as to load ten of its modules, and a process uses a few of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub")


class _Regular:
    """Stands for a compiled expression; from the first use on, its methods are that expression's own."""

    __slots__ = ("_flags", "_source", *_METHODS)

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> object:  # of a method that is not there yet
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self._source, self._flags)
        for each in _METHODS:  # two threads may both do so, and do the same
            setattr(self, each, getattr(compiled, each))
        return getattr(compiled, name)


if TYPE_CHECKING:

    def regular(source: str, flags: int = 0) -> re.Pattern[str]:
        """As `re.compile`, at the first use of `search`, `fullmatch` or another method; a test compiles all."""
else:
    regular = _Regular
