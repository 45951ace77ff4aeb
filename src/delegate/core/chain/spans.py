"""Spans of time and instants as callers write them, as integer seconds, and lengths of time for people (SPEC §2.3).

A `Span` is int seconds, `"10m"`, or a timedelta of whole seconds; an `Instant` is int Unix seconds or an
aware datetime. A naive datetime is refused: nobody can say which moment it means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from delegate.limits import TIME_MAX
from delegate.regular import regular

if TYPE_CHECKING:
    from datetime import datetime, timedelta

Span: TypeAlias = "int | str | timedelta"
Instant: TypeAlias = "int | datetime"

_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = regular(r"(?:[0-9]{1,9}[smhdw])+")
_SPANS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_PART: Final = regular(r"([0-9]+)([smhdw])")


def seconds(duration: Span) -> int:
    """Read a duration as a positive number of seconds: `90`, `"90s"`, `"15m"`, `"1h30m"`, `"7d"`, a timedelta.

    Raises:
        ValueError: not a duration, not positive, or not whole seconds.
        TypeError: of another type.
    """
    if isinstance(duration, str):
        if not _DURATION.fullmatch(duration):
            raise ValueError(f"not a duration such as 90s, 15m, 8h or 7d: {duration!r}")
        value = sum(int(count) * _UNIT_S[unit] for count, unit in _PART.findall(duration))
    elif type(duration) is int:
        value = duration
    else:
        from datetime import timedelta

        if not isinstance(duration, timedelta):
            raise TypeError(f"a duration is an int, a str or a timedelta, not {type(duration).__name__}")
        value, rest = divmod(duration, timedelta(seconds=1))
        if rest:
            raise ValueError("a duration is whole seconds")
    if not 0 < value <= TIME_MAX:
        raise ValueError("a duration is positive")
    return value


def instant(moment: Instant) -> int:
    """Read an instant as Unix seconds; a part of a second is cut off.

    Raises:
        ValueError: a naive datetime, or a time before 1970 or after 9999.
        TypeError: of another type.
    """
    if type(moment) is int:
        value = moment
    else:
        from datetime import UTC, datetime, timedelta

        if not isinstance(moment, datetime):
            raise TypeError(f"an instant is an int or an aware datetime, not {type(moment).__name__}")
        if moment.tzinfo is None:
            raise ValueError("a datetime without a time zone is not an instant; use datetime(..., tzinfo=UTC)")
        value = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    if not 0 <= value <= TIME_MAX:
        raise ValueError("an instant lies between 1970 and 9999")
    return value


def span(length_s: int) -> str:
    """Write a length of time in its two largest units, cut off: `7h59m`, `3d`, `42s`."""
    for place, (size, unit) in enumerate(_SPANS):
        if length_s >= size:
            count, rest = divmod(length_s, size)
            if place + 1 == len(_SPANS):
                return f"{count}{unit}"
            next_size, next_unit = _SPANS[place + 1]
            more = rest // next_size
            return f"{count}{unit}{more}{next_unit}" if more else f"{count}{unit}"
    return "0s"
