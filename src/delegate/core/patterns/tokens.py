"""The text of a pattern as tokens, and back (SPEC §6.1)."""

from __future__ import annotations

from enum import Enum

from delegate.errors import Reason, TokenError
from delegate.limits import PATTERN_CHARACTERS

RESOURCE_SEPARATOR = "/"
ACTION_SEPARATOR = "."


class Wild(Enum):
    """The two wildcards."""

    WITHIN = "*"
    ACROSS = "**"


def check_arguments(text: str, separator: str) -> None:
    """Refuse a pattern that is too long, and an unknown separator."""
    if separator not in {RESOURCE_SEPARATOR, ACTION_SEPARATOR}:
        message = "the separator of a pattern is `/` or `.`"
        raise ValueError(message)
    if len(text) > PATTERN_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a pattern has at most {PATTERN_CHARACTERS} characters")


def parse_tokens(text: str) -> tuple[str | Wild, ...]:
    r"""Pattern = *( "**" / "*" / "\*" / "\\" / any other character ), no three stars in a row."""
    tokens: list[str | Wild] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "\\":
            escaped = text[place + 1 : place + 2]
            if escaped not in {"*", "\\"}:
                detail = f"the backslash at character {place + 1} of a pattern escapes no star and no backslash"
                raise TokenError(Reason.MALFORMED, detail)
            tokens.append(escaped)
            place += 2
        elif character != "*":
            tokens.append(character)
            place += 1
        elif text.startswith("***", place):
            raise TokenError(Reason.MALFORMED, f"three stars in a row at character {place + 1} of a pattern")
        elif text.startswith("**", place):
            tokens.append(Wild.ACROSS)
            place += 2
        else:
            tokens.append(Wild.WITHIN)
            place += 1
    return tuple(tokens)


def check_pattern(text: str, separator: str) -> None:
    """Refuse what is no pattern; raises TokenError, MALFORMED or LIMIT_EXCEEDED."""
    check_arguments(text, separator)
    parse_tokens(text)


def print_tokens(tokens: tuple[str | Wild, ...]) -> str:
    """Write what `parse_tokens` reads."""
    return "".join(
        token.value if isinstance(token, Wild) else f"\\{token}" if token in {"*", "\\"} else token for token in tokens
    )
