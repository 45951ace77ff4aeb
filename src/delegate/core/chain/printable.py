"""What human text in a claim may hold: nothing that a terminal or a log would act on (SPEC §4.2).

The ranges are spelled out here, and not taken from Python's own Unicode tables: two verifiers of different
age must say the same of the same bytes.
"""

from __future__ import annotations

from typing import Final

from delegate.regular import regular

# Control characters, surrogates, the format characters of Unicode 15.1 (bidirectional overrides and
# zero-width ones among them), line and paragraph separators, and the whole plane-14 tag and selector block.
_UNPRINTABLE: Final = regular(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPACE: Final = regular("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # Unicode's space separators
_SHOWN_CHARACTERS: Final = 80


def is_plain(text: str) -> bool:
    """Say whether a text holds no control, format, separator or surrogate character."""
    return _UNPRINTABLE.search(text) is None


def has_space(text: str) -> bool:
    """Say whether a plain text holds a space of any kind."""
    return _SPACE.search(text) is not None


def counted(number: int, noun: str) -> str:
    """Count things in words: `1 block`, `2 blocks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """Escape and shorten outside text for a message or a terminal."""
    cut = text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), cut)
