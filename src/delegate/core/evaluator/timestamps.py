"""Timestamps and durations: their text, their parts, time zones (SPEC §6.6).

Rules of this file:

- Text is strict: RFC 3339 with capital `T` and `Z`, seconds below 60, at most nine digits of a second; a
  duration in `h m s ms us ns`, nothing finer than a nanosecond. What other readers forgive is refused here, so
  that no two verifiers read one text differently.
- A zone is an offset like `+05:30` or `02:00`, or a name of the tz database that is in `zones.txt`, read as the
  `tzdata` package has it: what a caveat means does not depend on the machine.
- The calendar is the proleptic Gregorian one, computed here: a zone may move an instant out of Python's years.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.evaluator.values import SECOND_NS, Duration, Timestamp, duration, no_overload, timestamp
from delegate.regular import regular

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# What reading a timestamp or duration costs, besides a step for every four characters, and looking into a zone.
PARSE_STEPS = 4
PARSE_BITS = 2
ZONE_STEPS = 4

DAY_S = 86_400
_TIMESTAMP = regular(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION = regular(r"[+-]?(?:(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:h|ms|m|s|us|ns))+", re.ASCII)
_DURATION_PART = regular(r"(\d*)(?:\.(\d*))?(h|ms|m|s|us|ns)", re.ASCII)
_UNIT_NS = {"h": 3600 * SECOND_NS, "m": 60 * SECOND_NS, "s": SECOND_NS, "ms": 1_000_000, "us": 1000, "ns": 1}
_OFFSET = regular(r"([+-]?)([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
# The longest text that is read at all.
_TEXT_MAX = 128


def parse_timestamp(text: str) -> Timestamp:
    """Read RFC 3339.

    Raises:
        EvaluationError: CAVEAT_ERROR: not that, or not within the years 1 to 9999.
    """
    match = _TIMESTAMP.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if match is None:
        detail = "not a timestamp like `2027-01-31T12:00:00Z`"
        raise EvaluationError(detail)
    from datetime import UTC, datetime

    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = match.group(7, 8, 9, 10)
    try:
        days = datetime(year, month, day, hour, minute, second, tzinfo=UTC).toordinal() - _EPOCH_DAY
        offset = _offset_seconds(sign, int(offset_hours), int(offset_minutes)) if sign else 0
    except ValueError:
        detail = "a date or time that does not exist"
        raise EvaluationError(detail) from None
    seconds = days * DAY_S + hour * 3600 + minute * 60 + second - offset
    return timestamp(seconds * SECOND_NS + int((fraction or "").ljust(9, "0")))


_EPOCH_DAY = 719_163  # of 1970-01-01, counted from 0001-01-01


def _offset_seconds(sign: str, hours: int, minutes: int) -> int:
    if hours >= 24 or minutes >= 60:
        raise ValueError
    seconds = hours * 3600 + minutes * 60
    return -seconds if sign == "-" else seconds


def parse_duration(text: str) -> Duration:
    """Read a duration such as `1h30m` or `-1.5s`; without unit only `0`, also signed.

    Raises:
        EvaluationError: CAVEAT_ERROR: not that, finer than a nanosecond, or out of range.
    """
    if text in {"0", "+0", "-0"}:
        return Duration(0)
    if len(text) > _TEXT_MAX or not _DURATION.fullmatch(text):
        detail = "not a duration like `1h30m` or `1.5s`"
        raise EvaluationError(detail)
    total = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        scale = 10 ** len(fraction)
        parts, rest = divmod(int((whole + fraction) or "0") * _UNIT_NS[unit], scale)
        if rest:
            detail = "a duration finer than a nanosecond"
            raise EvaluationError(detail)
        total += parts
    return duration(-total if text.startswith("-") else total)


def format_timestamp(value: Timestamp) -> str:
    """RFC 3339 in UTC, with three, six or nine digits of a second where there are any."""
    seconds, fraction = divmod(value.ns, SECOND_NS)
    date = _civil(seconds // DAY_S)
    clock = seconds % DAY_S
    text = f"{date.year:04}-{date.month:02}-{date.day:02}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}"
    return f"{text}{_format_fraction(fraction)}Z"


def format_duration(value: Duration) -> str:
    """Seconds, with three, six or nine digits after the point where there are any."""
    seconds, fraction = divmod(abs(value.ns), SECOND_NS)
    return f"{'-' if value.ns < 0 else ''}{seconds}{_format_fraction(fraction)}s"


def _format_fraction(ns: int) -> str:
    if not ns:
        return ""
    digits = f"{ns:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


class _Date(NamedTuple):
    year: int
    month: int
    day: int
    day_of_year: int


# Days from 0000-03-01 to 1970-01-01, and in 400 years.
_ERA_START, _ERA_DAYS = 719_468, 146_097


def _civil(days: int) -> _Date:
    """The date so many days after 1970-01-01, also before the year 1 and after 9999."""
    era, day_of_era = divmod(days + _ERA_START, _ERA_DAYS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    # From here years begin in March, so that a leap day is a year's last.
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    since_january = day_of_year - 306 if month <= 2 else day_of_year + 59 + leap
    return _Date(year, month, day_of_year - (153 * shifted + 2) // 5 + 1, since_january)


@cache
def _zone_names() -> frozenset[str]:
    from importlib import resources

    # Our own list, as the specification has it: no release of the database adds a name to the language.
    return frozenset((resources.files(__package__) / "zones.txt").read_text("utf-8").split())


@cache
def _zone(name: str) -> ZoneInfo:
    """The zone of that name, which must be one of `_zone_names`; so there are some hundred at most."""
    from importlib import resources
    from zoneinfo import ZoneInfo

    *folders, last = name.split("/")
    with resources.files("tzdata.zoneinfo").joinpath(*folders, last).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def _offset(name: str, seconds: int) -> int:
    """How many seconds a zone is ahead of UTC at an instant."""
    match = _OFFSET.fullmatch(name) if len(name) <= _TEXT_MAX else None
    if match:
        return _offset_seconds(match[1], int(match[2]), int(match[3]))
    if name not in _zone_names():
        detail = "not a time zone like `UTC`, `+05:30` or `Europe/Berlin`"
        raise EvaluationError(detail)
    from datetime import UTC, datetime, timedelta

    # A day from the ends of Python's calendar, where no zone changes its clocks.
    near = min(max(seconds, _FIRST_S), _LAST_S)
    offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=near)).astimezone(_zone(name)).utcoffset()
    assert offset is not None  # noqa: S101 - for the type checker: the instant is aware
    return offset // timedelta(seconds=1)


_FIRST_S = -62_135_596_800 + 2 * DAY_S
_LAST_S = 253_402_300_799 - 2 * DAY_S


def _quotient(ns: int, unit: int) -> int:
    """Toward zero, as durations are cut."""
    return -(-ns // unit) if ns < 0 else ns // unit


_OF_DURATION: dict[str, Callable[[int], int]] = {
    "getHours": lambda ns: _quotient(ns, 3600 * SECOND_NS),
    "getMinutes": lambda ns: _quotient(ns, 60 * SECOND_NS),
    "getSeconds": lambda ns: _quotient(ns, SECOND_NS),
    "getMilliseconds": lambda ns: _quotient(ns, 1_000_000) - 1000 * _quotient(ns, SECOND_NS),
}
_OF_CLOCK: dict[str, Callable[[int], int]] = {
    "getHours": lambda seconds: seconds % DAY_S // 3600,
    "getMinutes": lambda seconds: seconds // 60 % 60,
    "getSeconds": lambda seconds: seconds % 60,
    "getDayOfWeek": lambda seconds: (seconds // DAY_S + 4) % 7,
}
_OF_DATE: dict[str, Callable[[_Date], int]] = {
    "getFullYear": lambda date: date.year,
    "getMonth": lambda date: date.month - 1,
    "getDate": lambda date: date.day,
    "getDayOfMonth": lambda date: date.day - 1,
    "getDayOfYear": lambda date: date.day_of_year,
}


def accessor(name: str) -> Callable[..., int]:
    """The function behind one of `getFullYear` … `getMilliseconds`; its last argument is the scope."""

    def get(value: object, *rest: object) -> int:
        *zones, scope = rest
        assert isinstance(scope, Scope)  # noqa: S101 - for the type checker
        if isinstance(value, Duration) and name in _OF_DURATION and not zones:
            return _OF_DURATION[name](value.ns)
        if not isinstance(value, Timestamp) or not all(isinstance(zone, str) for zone in zones):
            raise no_overload(name, value, *zones)
        seconds = value.ns // SECOND_NS
        if zones:
            scope.charge(ZONE_STEPS)
            seconds += _offset(str(zones[0]), seconds)
        if name == "getMilliseconds":
            return value.ns // 1_000_000 % 1000
        clock = _OF_CLOCK.get(name)
        return clock(seconds) if clock else _OF_DATE[name](_civil(seconds // DAY_S))

    return get
