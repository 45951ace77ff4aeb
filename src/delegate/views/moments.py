"""Times as people read them: absolute in UTC, and relative to a given now."""

from __future__ import annotations

from datetime import UTC, datetime

from delegate.core.chain.spans import span


def moment(seconds: int) -> str:
    """Write Unix seconds as `2026-12-01 12:00 UTC`; seconds only where there are any."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def when_from(seconds: int, now: int) -> str:
    """Write a moment both ways: `2026-12-01 12:00 UTC (in 8h)`, `… (5m ago)`."""
    if seconds > now:
        relative = f"in {span(seconds - now)}"
    elif seconds < now:
        relative = f"{span(now - seconds)} ago"
    else:
        relative = "now"
    return f"{moment(seconds)} ({relative})"
