"""How far long work has come, for somebody who waits at a terminal; nothing anywhere else."""

from __future__ import annotations

import sys
from typing import Final

from delegate.cli.output import Output

_CLEAR: Final = "\r\x1b[K"


class Progress:
    """One line on stderr that is written over, and gone in the end: only on a terminal, and never with `--json`."""

    __slots__ = ("_is_shown", "_word")

    def __init__(self, out: Output, word: str) -> None:
        """`word` says what was done: `imported`."""
        self._word = word
        self._is_shown = not out.json and sys.stderr.isatty()

    def __call__(self, done: int, of: int) -> None:
        """Say how many are done."""
        if self._is_shown:
            sys.stderr.write(f"{_CLEAR}{self._word} {done} of {of}")
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
