"""What was measured, as one table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import NamedTuple

from bench.measure import Spread, Timings


class Against(NamedTuple):
    """A ratio to something measured in the same run, and what it is meant to be, if anything.

    Attributes:
        base: what it is compared with.
        ratio: by medians, with quartiles (see `bench.measure`); judged.
        best: of the best rounds; `None` where there are none.
        goal: the most that the ratio should be; with `at_least`, the base's time over this one's, the least.
        beside: what else to print with it.
    """

    base: str
    ratio: Spread
    best: float | None = None
    goal: float | None = None
    at_least: bool = False
    beside: str = ""

    @property
    def shown(self) -> Spread:
        """The ratio the way round that the goal is put."""
        if not self.at_least:
            return self.ratio
        return Spread(1 / self.ratio.high, 1 / self.ratio.middle, 1 / self.ratio.low)

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached."""
        if self.goal is None:
            return None
        return self.shown.middle >= self.goal if self.at_least else self.shown.middle <= self.goal


class Row(NamedTuple):
    """One line: a figure in its unit, and ratios."""

    what: str
    value: float | None
    unit: str = "µs"
    against: tuple[Against, ...] = ()
    extra: str = ""


class Section(NamedTuple):
    """A heading, its rows, and what to know about them."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


class Goal(NamedTuple):
    """A bound on a contender's ratio to a base."""

    base: str
    bound: float | None = None
    at_least: bool = False


def row(timings: Timings, name: str, *goals: Goal) -> Row:
    """Make the line of one contender; a base that is absent is left out."""
    against = tuple(
        Against(
            goal.base,
            timings.ratio(name, goal.base),
            timings.best_ratio(name, goal.base),
            goal.bound,
            goal.at_least,
        )
        for goal in goals
        if goal.base in timings.samples
    )
    return Row(name, timings.microseconds(name).middle, against=against)


def machine() -> dict[str, object]:
    """Say where and how this was measured."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
    }


def print_table(head: dict[str, object], sections: list[Section]) -> None:
    """Print all of it."""
    for key, value in head.items():
        print(f"{key:<12}{value}")
    for section in sections:
        print(f"\n{section.title}")
        width = max(44, *(len(each.what) for each in section.rows), 0) + 1
        for each in section.rows:
            _print_row(each, width)
        for note in section.notes:
            print(f"    {note}")
    print_goals(sections)


def print_goals(sections: list[Section]) -> None:
    """Count the goals that are reached, and name those that are not."""
    goals = [(section, each, one) for section in sections for each in section.rows for one in each.against if one.goal]
    print(f"\nGoals reached: {sum(one.reached is True for *_, one in goals)} of {len(goals)}")
    for section, each, one in goals:
        if not one.reached:
            print(f"  missed   {section.title.split(':')[0]}: {each.what}   {_ratio(one)}")


def write_json(path: Path, head: dict[str, object], sections: list[Section]) -> None:
    """Write all of it."""
    path.write_text(json.dumps({"machine": head, "sections": [_section(each) for each in sections]}, indent=1) + "\n")


def _print_row(each: Row, width: int) -> None:
    value = "" if each.value is None else f"{each.value:9.1f} {each.unit}"
    line = f"  {each.what:<{width}}{value:<15}{each.extra}"
    ratios = [_ratio(one) for one in each.against]
    print(line.rstrip() if not ratios else f"{line}{ratios[0]}")
    for ratio in ratios[1:]:
        print(" " * (width + 17 + len(each.extra)) + ratio)


def _ratio(one: Against) -> str:
    low, middle, high = one.shown
    words = f"{one.base} / this" if one.at_least else f"× {one.base}"
    best = "" if one.best is None else f"; best rounds {figure(1 / one.best if one.at_least else one.best)}"
    beside = f"; {one.beside}" if one.beside else ""
    goal = ""
    if one.goal is not None:
        goal = f"   {'✓' if one.reached else '✗'} {'≥' if one.at_least else '≤'} {one.goal:g}"
    return f"{figure(middle):>6} {words} ({figure(low)} to {figure(high)}{best}{beside}){goal}"


def figure(ratio: float) -> str:
    """Print a ratio with as many digits as it is worth."""
    return f"{ratio:.3f}" if ratio < 9.9995 else f"{ratio:.1f}"


def _section(section: Section) -> dict[str, object]:
    return {"title": section.title, "notes": section.notes, "rows": [_row(each) for each in section.rows]}


def _row(each: Row) -> dict[str, object]:
    return {
        "what": each.what,
        "value": each.value,
        "unit": each.unit,
        "extra": each.extra,
        "against": [
            {
                "base": one.base,
                "ratio": one.ratio.middle,
                "quartiles": [one.ratio.low, one.ratio.high],
                "ratio_best_rounds": one.best,
                "beside": one.beside,
                "goal": one.goal,
                "goal_is_at_least": one.at_least,
                "reached": one.reached,
            }
            for one in each.against
        ],
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
