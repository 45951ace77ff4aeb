"""Claims of other people's tokens, read strictly: JSON with one meaning, or none.

The rules of this file:

- A key that is given twice, NaN, and what is nested deeper than `DEPTH` make the whole text no JSON.
- A number that no condition can hold (beyond 64 bits, or not finite), and text with a lone surrogate, do not: such a
  claim is `Unreadable`. It is there (`has` says so), and whatever reads it is an error, so that a grant which does not
  need it can still be given, and no condition becomes true for the want of it.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from delegate.errors import Reason
from delegate.issue.refusals import NotIssued
from delegate.limits import INTEGER_MAX, INTEGER_MIN

DEPTH: Final = 16
_DIGITS: Final = 20


class Unreadable:
    """A claim that is there and has no value: no condition can compare it with anything.

    Attributes:
        why: in words.
    """

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why

    def __repr__(self) -> str:
        return f"Unreadable({self.why!r})"


def read_object(data: bytes, what: str, *, most_bytes: int) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        data: UTF-8.
        what: what it is, for messages.
        most_bytes: more are refused unread.

    Raises:
        NotIssued: MALFORMED, LIMIT_EXCEEDED.
    """
    if len(data) > most_bytes:
        raise NotIssued(Reason.LIMIT_EXCEEDED, f"{what} has {len(data)} bytes")
    try:
        found = json.loads(
            data.decode(),  # of itself, `json` would take UTF-16 and UTF-32 too
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_double,
        )
        found = _checked(found, 0)
    except (ValueError, RecursionError) as error:
        words = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise NotIssued(Reason.MALFORMED, f"{what} is not JSON: {words[:200]}") from None
    if not isinstance(found, dict):
        raise NotIssued(Reason.MALFORMED, f"{what} is no JSON object")
    return found


def unreadable_in(claims: object, at: str = "claims") -> list[tuple[str, str]]:
    """Say which claims cannot be read, and why: for people."""
    if isinstance(claims, Unreadable):
        return [(at, claims.why)]
    if isinstance(claims, dict):
        return [found for key, item in claims.items() for found in unreadable_in(item, f"{at}.{key}")]
    if isinstance(claims, list):
        return [found for place, item in enumerate(claims) for found in unreadable_in(item, f"{at}[{place}]")]
    return []


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        message = "a repeated key"
        raise ValueError(message)
    return result


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is not a JSON number"
    raise ValueError(message)


def _integer(digits: str) -> int | Unreadable:
    if len(digits) > _DIGITS or not INTEGER_MIN <= int(digits) <= INTEGER_MAX:
        return Unreadable("an integer beyond 64 bits")
    return int(digits)


def _double(text: str) -> float | Unreadable:
    value = float(text)
    return Unreadable("a number beyond what a double holds") if value in (float("inf"), float("-inf")) else value


def _checked(value: object, depth: int) -> object:
    if isinstance(value, str):
        return value if value.isascii() or _is_text(value) else Unreadable("text with a lone surrogate")
    if not isinstance(value, (dict, list)):
        return value
    if depth == DEPTH:
        raise RecursionError
    if isinstance(value, list):
        return [_checked(item, depth + 1) for item in value]
    if not all(key.isascii() or _is_text(key) for key in value):
        message = "a key with a lone surrogate"
        raise ValueError(message)
    return {key: _checked(item, depth + 1) for key, item in value.items()}


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
