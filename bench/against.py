"""Compare this checkout with another one of this project, in one run.

    python bench/against.py OTHER [--only cold,attenuate,start] [--rounds 30] [--cases 24] [--json FILE]

OTHER is a folder, such as `git worktree add ../before v0.1.0` makes. Each tree has a process of its own, with its own
sources and, where it has a `.venv`, its own environment. The two are driven in turn, in slices of a fraction of a
second, so that the machine's moods hit both alike; within a slice, single calls take turns with the bare signature
checks that they are compared with. The bench's code is this tree's for both, and uses the library's public names.

Nothing fails when a goal is missed: a busy machine may miss it too. The floors' own ratio says how busy it was.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from statistics import mean
from subprocess import PIPE, CalledProcessError, Popen, run
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.authoring import GOALS, OF_OURS, SIGNATURE
from bench.measure import SEED, Spread, Timings, orders, spread
from bench.report import Against, Row, Section, figure, machine, print_table, write_json
from bench.starts import INTERPRETER, Command, Taken, Tree, imports

READING: dict[str, object] = {
    "figures": "µs: the median of single calls that take turns, each timed alone, the collector off within a round",
    "ratios": "of a round's medians, the median over all rounds (quartiles); best rounds: by each case's quickest call",
    "goals": "judged by the medians",
    "noise": "rows in brackets are the same work in both trees: what their ratio is off from 1 is the machine's",
}
THIS, OTHER = "this", "other"
CHECKING = 1.02  # no check may cost more than this many times the other tree's
STARTS: dict[str, float | None] = {  # of the other tree's time
    INTERPRETER: None,
    "import delegate": 0.15,
    "from delegate import Verifier": 0.45,
    "from delegate import Identity": None,
    "delegate --help": 0.45,
    "delegate mint": 0.70,
    "delegate prove": 0.70,
    "delegate verify": None,
}


class Measured(NamedTuple):
    """One row: what it is called, in which part it is measured, and what for.

    Attributes:
        what: the name that `--only` looks at.
        part: of `slices.py`.
        name: the contender's.
        floor: the bare signatures to put beside it.
        most: of the other tree's time, if that is judged.
        most_floors: of the floor, if that is judged.
    """

    what: str
    part: str
    name: str
    floor: str
    most: float | None = None
    most_floors: float | None = None


PROOF, BEARER, SEEN, NEW = "ours, proof", "ours, bearer", ", caveats seen", ", capability new too"
ROWS = (
    Measured("cold, with proof, caveats new", "cold", PROOF, "floor", CHECKING),
    Measured("cold, with proof, caveats seen", "cold", PROOF + SEEN, "floor", CHECKING),
    Measured("cold, bearer, caveats new", "cold", BEARER, "floor, bearer", CHECKING),
    Measured("cold, bearer, caveats seen", "cold", BEARER + SEEN, "floor, bearer", CHECKING),
    Measured("cold, with proof, capability new too", "capability", PROOF + NEW, "floor", CHECKING),
    Measured("cold, bearer, capability new too", "capability", BEARER + NEW, "floor, bearer", CHECKING),
    Measured("warm, with proof", "warm", PROOF, "one check", CHECKING),
    Measured("warm, bearer", "warm", BEARER, "one check", CHECKING),
    Measured("sibling, with proof, caveats new", "sibling", PROOF, "two checks", CHECKING),
    Measured("sibling, with proof, caveats seen", "sibling", PROOF + SEEN, "two checks", CHECKING),
    Measured("sibling, bearer, caveats new", "sibling", BEARER, "one check", CHECKING),
    Measured("sibling, bearer, caveats seen", "sibling", BEARER + SEEN, "one check", CHECKING),
    Measured("fleet, with proof", "fleet", PROOF, "one check", CHECKING),
    Measured("fleet, bearer", "fleet", BEARER, "one check", CHECKING),
    *(Measured(name, "authoring", name, SIGNATURE, None, GOALS.get(name)) for name in OF_OURS),
)
TITLES = {
    "cold": "Cold: five blocks of two caveats, text to decision",
    "capability": "Cold, the capability's text new as well",
    "warm": "Warm: five blocks seen before, the proof new",
    "sibling": "Sibling: four blocks seen before, a fifth new",
    "fleet": "Fleet: many requests of many agents",
    "authoring": "Making tokens",
}


class Side:
    """One tree's process."""

    def __init__(self, tree: Tree) -> None:
        """Start it."""
        script = Path(__file__).with_name("slices.py")
        command = [tree.python, str(script), str(tree.root)]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=tree.environment)  # noqa: S603 - our own

    def slice(self, part: str, cases: int) -> dict[str, list[float]]:
        """Let it measure one round of a part; nanoseconds."""
        assert self._process.stdin is not None
        print(json.dumps({"part": part, "cases": cases}), file=self._process.stdin, flush=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            message = f"the process of one tree ended: exit status {self._process.wait()}"
            raise SystemExit(message)
        answer: dict[str, list[float]] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def measured(trees: Mapping[str, Tree], rows: Iterable[Measured], *, rounds: int, cases: int) -> list[Section]:
    """Let both trees measure all parts that the rows need, in alternating slices."""
    rows = list(rows)
    parts = list(dict.fromkeys(row.part for row in rows))
    samples: dict[str, dict[str, list[float]]] = {part: {} for part in parts}
    sides = {name: Side(tree) for name, tree in trees.items()}
    try:
        for part in parts:  # the first slice of each prepares and warms
            for side in sides.values():
                side.slice(part, cases)
        for turn in range(rounds):
            order = list(sides.items())[:: 1 if turn % 2 else -1]
            for part in parts:
                for name, side in order:
                    for contender, taken in side.slice(part, cases).items():
                        samples[part].setdefault(_of(name, contender), []).extend(taken)
    finally:
        for side in sides.values():
            side.close()
    return [_section(part, samples[part], rounds, [row for row in rows if row.part == part]) for part in parts]


def started(trees: Mapping[str, Tree], names: Iterable[str], *, rounds: int) -> Section:
    """Start whole processes of both trees in turn."""
    wanted = list(dict.fromkeys([INTERPRETER, *names]))
    ready = {side: imports(tree.python) for side, tree in trees.items()}
    if not ready[THIS].keys() >= set(wanted):
        ready = {side: tree.commands() for side, tree in trees.items()}
    lanes: list[tuple[str, str, Command]] = [(side, name, ready[side][name]) for name in wanted for side in trees]
    taken: dict[tuple[str, str], list[Taken]] = {(side, name): [] for side, name, _ in lanes}
    for side, _, command in lanes:  # compiled files and the system's own caches
        trees[side].start(command)
    turns = orders(len(lanes), Random(SEED))  # noqa: S311 - an order, no secret
    for _ in range(rounds):
        for number in next(turns):
            side, name, command = lanes[number]
            taken[side, name].append(trees[side].start(command))
    rows = []
    for name in wanted:
        wall = {side: [each.wall_ms for each in taken[side, name]] for side in trees}
        processor = {side: [each.processor_ms for each in taken[side, name]] for side in trees}
        best = min(wall[THIS]) / min(wall[OTHER])
        beside = f"in processor time {figure(_paired(processor).middle)}"
        against = Against(OTHER, _paired(wall), best, STARTS[name], beside=beside)
        extra = f"{OTHER} {spread(wall[OTHER]).middle:6.1f}  "
        what = f"({name})" if name == INTERPRETER else name
        rows.append(Row(what, spread(wall[THIS]).middle, "ms", (against,), extra))
    notes = (
        f"medians of {rounds} starts each; ratios: of both trees' starts in a round, the median (quartiles)",
        "best rounds: each tree's quickest start",
        "start to end of a process, the interpreter's own time included",
    )
    return Section("Starts", tuple(rows), notes)


def _section(part: str, samples: dict[str, list[float]], rounds: int, rows: list[Measured]) -> Section:
    floors = [Measured(f"({floor})", part, floor, floor) for floor in dict.fromkeys(row.floor for row in rows)]
    if part == "fleet":
        return _fleet_section(samples, rounds, [*rows, *floors])
    timings = Timings(samples, len(next(iter(samples.values()))) // rounds)
    made = []
    for row in [*rows, *floors]:
        mine, theirs = _of(THIS, row.name), _of(OTHER, row.name)
        against = [Against(OTHER, timings.ratio(mine, theirs), timings.best_ratio(mine, theirs), row.most)]
        if row.name != row.floor:
            own, others = _of(THIS, row.floor), _of(OTHER, row.floor)
            middle, best = timings.ratio(theirs, others).middle, timings.best_ratio(theirs, others)
            beside = f"{OTHER} {figure(middle)}, best {figure(best)}"
            ratio, best = timings.ratio(mine, own), timings.best_ratio(mine, own)
            against.append(Against(row.floor, ratio, best, row.most_floors, beside=beside))
        extra = _other_us(timings.microseconds(theirs).middle)
        made.append(Row(row.what, timings.microseconds(mine).middle, "µs", tuple(against), extra))
    return Section(TITLES[part], tuple(made), (timings.counted,))


def _fleet_section(samples: dict[str, list[float]], rounds: int, rows: list[Measured]) -> Section:
    """Means, slice by slice: a median request would hide what is seldom."""
    size = len(next(iter(samples.values()))) // rounds
    means = {
        name: [mean(taken[start : start + size]) for start in range(0, len(taken), size)]
        for name, taken in samples.items()
    }

    def ratio(name: str, base: str) -> Spread:
        return spread([one / other for one, other in zip(means[name], means[base], strict=True)])

    made = []
    for row in rows:
        mine, theirs = _of(THIS, row.name), _of(OTHER, row.name)
        against = [Against(OTHER, ratio(mine, theirs), None, row.most)]
        if row.name != row.floor:
            others = ratio(theirs, _of(OTHER, row.floor)).middle
            beside = f"{OTHER} {figure(others)}"
            against.append(Against(row.floor, ratio(mine, _of(THIS, row.floor)), beside=beside))
        extra = _other_us(mean(samples[theirs]) / 1000)
        made.append(Row(row.what, mean(samples[mine]) / 1000, "µs", tuple(against), extra))
    notes = (
        f"means of processor time, of {size} requests in each of {rounds} rounds, the same for both; collector on;",
        f"ratios: of a round's means, the median of {rounds} rounds (quartiles)",
    )
    return Section(TITLES["fleet"], tuple(made), notes)


def _other_us(microseconds: float) -> str:
    return f"{OTHER} {microseconds:6.1f}  "


def _paired(milliseconds: Mapping[str, list[float]]) -> Spread:
    return spread([mine / theirs for mine, theirs in zip(milliseconds[THIS], milliseconds[OTHER], strict=True)])


def _of(side: str, name: str) -> str:
    return f"{side}: {name}"


def _chosen(what: str, words: list[str]) -> bool:
    return not words or any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", what) for word in words)


def _commit(root: Path) -> str:
    git = shutil.which("git")
    try:
        assert git is not None
        found = run([git, "-C", str(root), "describe", "--always", "--dirty"], check=True, capture_output=True)  # noqa: S603 - our own
    except (AssertionError, CalledProcessError):
        return "no commit known"
    return found.stdout.decode().strip()


def compare(
    other: Path, only: Iterable[str], folder: Path, *, rounds: int, cases: int
) -> tuple[dict[str, object], list[Section]]:
    """Compare, and give what to print.

    Args:
        other: the other checkout.
        only: words; a row is measured where its name holds one of them; all rows if there are none.
        folder: where to work: keys, tokens, compiled files.
        rounds: how many slices of each tree, and how many starts of each process.
        cases: how many calls of each contender in a slice.
    """
    words = list(only)
    rows = [row for row in ROWS if _chosen(row.what, words)]
    names = [name for name in STARTS if _chosen(f"start: {name}", words)]
    begun = time.monotonic()
    trees = {THIS: Tree(Path(__file__).resolve().parents[1], folder), OTHER: Tree(other, folder)}
    head = machine()
    for side, tree in trees.items():
        head[side] = f"{_commit(tree.root)} in {tree.root}: {tree.packages()}"
    sections = measured(trees, rows, rounds=rounds, cases=cases) if rows else []
    if names:
        sections.append(started(trees, names, rounds=rounds))
    head["load after"] = machine()["load"]
    head["took"] = f"{time.monotonic() - begun:.0f} s"
    head.update(READING)
    return head, sections


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, metavar="OTHER", help="a folder with another checkout")
    parser.add_argument("--only", default="", metavar="WORDS", help="rows whose names hold one of these: cold,start")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--cases", type=int, default=24, help="calls of each contender in a round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it there")
    options = parser.parse_args()
    words = [word for word in options.only.split(",") if word]
    with TemporaryDirectory() as folder:
        head, sections = compare(options.other, words, Path(folder), rounds=options.rounds, cases=options.cases)
    print_table(head, sections)
    if options.json:
        write_json(options.json, head, sections)


if __name__ == "__main__":
    main()
