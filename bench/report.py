"""What was measured, as one table and as JSON."""

from __future__ import annotations

import gc
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
        ratio: of the quickest runs, case by case.
        as_it_came: the median over all single runs; `None` where there is one figure only.
        goal: the most that the ratio should be; with `at_least`, the base's time over this one's, the least.
    """

    base: str
    ratio: Spread
    as_it_came: float | None = None
    goal: float | None = None
    at_least: bool = False

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
            timings.ratio_as_it_came(name, goal.base).middle,
            goal.bound,
            goal.at_least,
        )
        for goal in goals
        if goal.base in timings.samples
    )
    return Row(name, timings.microseconds(name).middle, against=against)


def machine(*, collector: str) -> dict[str, object]:
    """Say where and how this was measured."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "gc": f"{collector}, thresholds {gc.get_threshold()}",
    }


def print_table(head: dict[str, object], sections: list[Section]) -> None:
    """Print all of it."""
    for key, value in head.items():
        print(f"{key:<12}{value}")
    for section in sections:
        print(f"\n{section.title}")
        for each in section.rows:
            _print_row(each)
        for note in section.notes:
            print(f"    {note}")
    goals = [(section, each, one) for section in sections for each in section.rows for one in each.against if one.goal]
    print(f"\nGoals reached: {sum(one.reached is True for *_, one in goals)} of {len(goals)}")
    for section, each, one in goals:
        if not one.reached:
            print(f"  missed   {section.title.split(':')[0]}: {each.what}   {_ratio(one)}")


def write_json(path: Path, head: dict[str, object], sections: list[Section]) -> None:
    """Write all of it."""
    path.write_text(json.dumps({"machine": head, "sections": [_section(each) for each in sections]}, indent=1) + "\n")


def _print_row(each: Row) -> None:
    value = "" if each.value is None else f"{each.value:9.1f} {each.unit}"
    line = f"  {each.what:<44}{value:<15}{each.extra}"
    ratios = [_ratio(one) for one in each.against]
    print(line.rstrip() if not ratios else f"{line}{ratios[0]}")
    for ratio in ratios[1:]:
        print(" " * 61 + ratio)


def _ratio(one: Against) -> str:
    low, middle, high = one.shown
    words = f"{one.base} / this" if one.at_least else f"× {one.base}"
    every = "" if one.as_it_came is None else f", all runs {1 / one.as_it_came if one.at_least else one.as_it_came:.2f}"
    goal = ""
    if one.goal is not None:
        goal = f"   {'✓' if one.reached else '✗'} {'≥' if one.at_least else '≤'} {one.goal:g}"
    return f"{middle:6.2f} {words} ({low:.2f} to {high:.2f}{every}){goal}"


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
                "ratio_all_runs": one.as_it_came,
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
