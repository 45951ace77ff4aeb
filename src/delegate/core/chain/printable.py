"""What human text in a claim may hold: nothing that a terminal or a log would act on (SPEC §4.2)."""

from __future__ import annotations

from typing import Final

from delegate.errors import UNPRINTABLE, one_line
from delegate.regular import regular

_SPACE: Final = regular("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # Unicode's space separators
_SHOWN_CHARACTERS: Final = 80


def is_plain(text: str) -> bool:
    """Say whether a text holds no control, format, separator or surrogate character."""
    return UNPRINTABLE.search(text) is None


def has_space(text: str) -> bool:
    """Say whether a plain text holds a space of any kind."""
    return _SPACE.search(text) is not None


def counted(number: int, noun: str) -> str:
    """Count things in words: `1 block`, `2 blocks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """Escape and shorten outside text for a message or a terminal."""
    return one_line(text, most)
