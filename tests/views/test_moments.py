"""Times as people read them."""

from __future__ import annotations

import pytest

from delegate.core.chain.spans import span
from delegate.limits import TIME_MAX
from delegate.views.moments import moment, when_from

NOON = 1_796_126_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m1s"),
        (3599, "59m59s"),
        (3600, "1h"),
        (3661, "1h1m"),
        (3601, "1h"),
        (86_400, "1d"),
        (90_000, "1d1h"),
        (86_460, "1d"),
    ],
)
def test_spans_are_two_units_at_most(seconds: int, text: str) -> None:
    """The two largest units, cut off, and no zero."""
    assert span(seconds) == text


def test_moments_are_utc_with_seconds_where_there_are_any() -> None:
    """Absolute and unmistakable, to the last second that a token may name."""
    assert moment(NOON) == "2026-12-01 12:00 UTC"
    assert moment(NOON + 1) == "2026-12-01 12:00:01 UTC"
    assert moment(0) == "1970-01-01 00:00 UTC"
    assert moment(TIME_MAX) == "9999-12-31 23:59:59 UTC"


def test_both_ways() -> None:
    """Absolute, and from now: before, after and at it."""
    assert when_from(NOON, NOON - 60) == "2026-12-01 12:00 UTC (in 1m)"
    assert when_from(NOON, NOON + 60) == "2026-12-01 12:00 UTC (1m ago)"
    assert when_from(NOON, NOON) == "2026-12-01 12:00 UTC (now)"
