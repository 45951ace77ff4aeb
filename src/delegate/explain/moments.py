"""Times as people read them: absolute in UTC, and relative to a given now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def moment(seconds: int) -> str:
    """Write Unix seconds as `2026-12-01 12:00 UTC`; seconds only where there are any."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def span(seconds: int) -> str:
    """Write a length of time in its two largest units, cut off: `7h59m`, `3d`, `42s`."""
    for place, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            count, rest = divmod(seconds, size)
            if place + 1 == len(_UNITS):
                return f"{count}{unit}"
            next_size, next_unit = _UNITS[place + 1]
            more = rest // next_size
            return f"{count}{unit}{more}{next_unit}" if more else f"{count}{unit}"
    return "0s"


def when_from(seconds: int, now: int) -> str:
    """Write a moment both ways: `2026-12-01 12:00 UTC (in 8h)`, `… (5m ago)`."""
    if seconds > now:
        relative = f"in {span(seconds - now)}"
    elif seconds < now:
        relative = f"{span(now - seconds)} ago"
    else:
        relative = "now"
    return f"{moment(seconds)} ({relative})"
