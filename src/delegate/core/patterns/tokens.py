"""The text of a pattern as tokens, and back (SPEC §6.1)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NoReturn

from delegate.errors import Reason, TokenError
from delegate.limits import PATTERN_CHARACTERS
from delegate.regular import regular

RESOURCE_SEPARATOR = "/"
ACTION_SEPARATOR = "."

# What is itself in a pattern only behind a backslash: the star, the backslash, and other tools' wildcards.
ESCAPED: Final = frozenset("*\\?[]{}")
_BUT_STARS: Final = regular(r"[\\?\[\]{}]")


class Wild(Enum):
    """The wildcards; `**` is two, for what follows it: a separator, which then belongs to it, or nothing."""

    WITHIN = "*"
    SEGMENTS = "**/"  # any number of whole segments, each with the separator behind it
    ACROSS = "**"  # the last segments, whatever they are


def check_arguments(text: str, separator: str) -> None:
    """Refuse a pattern that is too long, and an unknown separator."""
    if separator not in {RESOURCE_SEPARATOR, ACTION_SEPARATOR}:
        raise ValueError("the separator of a pattern is `/` or `.`")
    if len(text) > PATTERN_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a pattern has at most {PATTERN_CHARACTERS} characters")


def is_simple(text: str) -> bool:
    """Say whether a pattern has nothing special in it but stars."""
    return _BUT_STARS.search(text) is None


def parse_tokens(text: str, separator: str = RESOURCE_SEPARATOR) -> tuple[str | Wild, ...]:
    r"""Pattern = segment *( separator segment ); segment = "**" / *( "*" / "\" special / any other character ).

    Of neighbours that are all `**` one is left: they match the same.
    """
    tokens: list[str | Wild] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "\\":
            escaped = text[place + 1 : place + 2]
            if escaped not in ESCAPED:  # nothing behind it included
                _malformed(f"the backslash at character {place + 1} escapes none of {_LISTED}")
            tokens.append(escaped)
            place += 2
        elif character == "*":
            place = _star(text, place, separator, tokens)
        elif character in ESCAPED:
            hint = f"{_NO_WILDCARD[character]}; where the character itself is meant, write `\\{character}`"
            _malformed(f"`{character}` at character {place + 1}: {hint}")
        else:
            tokens.append(character)
            place += 1
    return tuple(tokens)


def _star(text: str, place: int, separator: str, tokens: list[str | Wild]) -> int:
    """Read one or two stars; gives the place behind them, and behind the separator that belongs to `**/`."""
    end = place + 1
    while text.startswith("*", end):
        end += 1
    if end - place == 1:
        tokens.append(Wild.WITHIN)
        return end
    alone = text[max(place - 1, 0) : place] in {"", separator} and text[end : end + 1] in {"", separator}
    if end - place > 2 or not alone:
        hint = f"write `**{separator}*` for any name at any depth, and `*` within one segment"
        _malformed(f"`**` stands for whole segments, alone between two `{separator}`, at character {place + 1}: {hint}")
    if tokens[-1:] == [Wild.SEGMENTS]:
        tokens.pop()
    tokens.append(Wild.ACROSS if end == len(text) else Wild.SEGMENTS)
    return min(end + 1, len(text))


_LISTED: Final = "`* \\ ? [ ] { }`"
_NO_WILDCARD: Final = {
    "?": "there is no wildcard for one character",
    "[": "there are no sets of characters",
    "]": "there are no sets of characters",
    "{": "there are no alternatives; write several patterns",
    "}": "there are no alternatives; write several patterns",
}


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, f"not a pattern: {detail}")
