"""The bench measures what it says: who takes turns with whom, what is judged, and that all of it runs. No times."""

from __future__ import annotations

import ast
import gc
import json
from collections.abc import Iterator
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest
from bench import against, authoring, chains, fleet, run
from bench.measure import Spread, Timings, fixed, interleaved, orders
from bench.peers.load import Peers, load
from bench.report import Against, Goal, Row, Section, print_table, row, write_json
from bench.slices import OURS, parts
from bench.starts import Tree

ROOT = Path(__file__).parents[1]
RANDOM = Random(1)  # noqa: S311 - an order, no secret


@pytest.fixture(scope="module")
def ours() -> Peers:
    """Ours, with a proof and as a bearer token."""
    return load(OURS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes work; what is compiled for one test is for the others too."""
    return tmp_path_factory.mktemp("bench")


def test_turns_are_shuffled_and_nobody_has_two_running() -> None:
    """Each order has all; over many, everybody follows everybody else, and nobody themselves."""
    several = list(islice(orders(3, RANDOM), 200))
    assert all(sorted(order) == [0, 1, 2] for order in several)
    flat = [number for order in several for number in order]
    assert set(pairwise(flat)) == {(a, b) for a in range(3) for b in range(3) if a != b}


def test_two_contenders_alternate_and_one_is_alone() -> None:
    """The fewest."""
    flat = [number for order in islice(orders(2, RANDOM), 20) for number in order]
    assert all(one != other for one, other in pairwise(flat))
    assert list(islice(orders(1, RANDOM), 2)) == [[0], [0]]


def test_calls_take_turns_one_by_one_without_the_collector() -> None:
    """Every call is followed by another contender's, and the collector is as it was afterwards."""
    seen: list[str] = []
    collecting: list[bool] = []

    def call(name: str) -> None:
        seen.append(name)
        collecting.append(gc.isenabled())

    contenders = {name: fixed([partial(call, name)] * 4) for name in "abc"}
    timings = interleaved(contenders, rounds=2)
    assert len(seen) == 24
    assert all(one != other for one, other in pairwise(seen[:12]))
    assert not any(collecting)
    assert gc.isenabled()
    assert {name: len(taken) for name, taken in timings.samples.items()} == {"a": 8, "b": 8, "c": 8}
    assert timings.counted == "medians of 8 calls each, 4 in each of 2 rounds"


def test_the_collector_is_back_after_a_contender_that_refuses() -> None:
    """A contender that refuses what it must allow ends the run, and leaves no process without its collector."""
    with pytest.raises(AssertionError, match="refused what it must allow"):
        interleaved({"a": fixed([lambda: False])}, rounds=1)
    assert gc.isenabled()


# Three cases in three rounds: each case was quick once, and slow otherwise.
UNEVEN = Timings({"mine": [1, 3, 3, 3, 1, 3, 3, 3, 1], "base": [1] * 9}, 3)


def test_the_median_is_what_a_ratio_is_and_the_best_rounds_stand_beside_it() -> None:
    """Where best rounds say 1 and the usual call takes 3, the ratio is 3."""
    assert UNEVEN.ratio("mine", "base") == Spread(3, 3, 3)
    assert UNEVEN.best_ratio("mine", "base") == 1


def test_a_change_of_speed_between_rounds_divides_out() -> None:
    """Twice as slow a machine in the second round is no difference between two contenders."""
    timings = Timings({"mine": [2, 2, 4, 4], "base": [1, 1, 2, 2]}, 2)
    assert timings.ratio("mine", "base") == Spread(2, 2, 2)


@pytest.mark.parametrize(("bound", "reached"), [(2, False), (3, True)])
def test_goals_are_judged_by_the_median(bound: float, *, reached: bool) -> None:
    """A goal of 2 is missed by what takes 3 as a rule and 1 at best."""
    (one,) = row(UNEVEN, "mine", Goal("base", bound)).against
    assert one.reached is reached
    assert one.best == 1


def test_a_goal_the_other_way_round_is_shown_and_judged_the_other_way_round(capsys: pytest.CaptureFixture[str]) -> None:
    """`at_least`: how many times as quick."""
    one = Against("base", Spread(0.2, 0.25, 0.5), 0.125, 5, at_least=True, beside="more")
    assert one.reached is False
    print_table({"head": 1}, [Section("A title", (Row("this one", 1.0, against=(one,)),))])
    printed = capsys.readouterr().out
    assert "4.000 base / this (2.000 to 5.000; best rounds 8.000; more)   ✗ ≥ 5" in printed
    assert "Goals reached: 0 of 1" in printed


def test_each_kind_of_check_is_measured_next_to_its_floor(ours: Peers) -> None:
    """Two cases and two rounds of each; every contender allows what it must, or this raises."""
    for contenders, floors in (
        (chains.cold(ours, 2, cases=2), {"floor", "floor, bearer"}),
        (chains.capability_new(ours, 2, cases=2), {"floor", "floor, bearer"}),
        (chains.warm(ours, 2, cases=2), {"one check"}),
        (chains.sibling(ours, cases=2), {"one check", "two checks"}),
        (authoring.contenders(ours, cases=2), {authoring.SIGNATURE}),
        (authoring.of_ours(cases=2), {authoring.SIGNATURE}),
    ):
        timings = interleaved(contenders, rounds=2)
        assert floors <= set(timings.samples)
        assert all(len(taken) == 4 for taken in timings.samples.values())


def test_what_an_author_does_has_all_rows_and_each_goal_a_row() -> None:
    """A goal for a name that nothing has would never be judged."""
    made = set(authoring.of_ours(cases=1))
    assert made == {authoring.SIGNATURE, *authoring.OF_OURS}
    assert set(authoring.GOALS) <= made


def test_the_fleet_decides_as_it_must(ours: Peers) -> None:
    """Every request is decided by every library, with the verdict that was meant; the last batch may be short."""
    outcomes, mix = fleet.measure(ours, 60)
    assert set(outcomes) == set(OURS)
    assert mix["requests"] == 60


def test_the_table_has_a_section_of_each_part(ours: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make bench` prints of ours, with fewer rounds still than `--quick`."""
    one_round = partial(_one_round, interleaved)
    monkeypatch.setattr(run, "interleaved", one_round)
    titles = [each.title.split(":")[0] for each in run.chain_sections(ours, quick=True)]
    assert titles == ["Cold, 2 blocks", "Cold, 5 blocks", "Cold, 5 blocks", "Warm, 5 blocks", "Sibling"]
    made, detailed, _ = run.authoring_sections(ours, quick=True)
    assert {len(made.rows), len(detailed.rows)} == {17, 9}


def _one_round(measure: object, contenders: object, *, rounds: int) -> object:
    del rounds
    assert callable(measure)
    return measure(contenders, rounds=1)


def test_two_checkouts_are_compared_row_by_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This one with itself, in processes of their own: each row has both figures, and the file has them too."""
    head, sections = against.compare(ROOT, ["warm", "fleet", "mint", "import delegate"], folder, rounds=2, cases=2)
    rows = {each.what for section in sections for each in section.rows}
    wanted = {"warm, with proof", "fleet, bearer", "mint, a new capability", "import delegate", "(bare interpreter)"}
    assert wanted | {"(one check)", "(one signature)"} <= rows
    assert "cold, with proof, caveats new" not in rows
    print_table(head, sections)
    assert "medians of 4 calls each, 2 in each of 2 rounds" in capsys.readouterr().out
    write_json(folder / "all.json", head, sections)
    assert json.loads((folder / "all.json").read_text())["sections"]


def test_every_row_of_a_comparison_names_what_a_slice_has() -> None:
    """A row of a contender or floor that is not measured would fail at the end of a long run."""
    for part, measure in parts().items():
        names = set(measure(1))
        wanted = {name for each in against.ROWS if each.part == part for name in (each.name, each.floor)}
        assert wanted <= names


def test_each_process_that_is_started_ends_well(folder: Path) -> None:
    """The command lines are those of today, and each does its work in a folder of its own."""
    tree = Tree(ROOT, folder)
    commands = tree.commands()
    assert set(against.STARTS) == set(commands)
    assert all(tree.start(command).wall_ms > 0 for command in commands.values())
    with pytest.raises(AssertionError, match="exit status 1"):
        tree.start((tree.python, "-c", "raise SystemExit(1)"))


def test_what_measures_an_older_checkout_uses_public_names_alone() -> None:
    """An older checkout has the modules of `delegate` elsewhere, and its public names where they are."""
    inside = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in _reached(ROOT / "bench" / "slices.py", set())
        for name in _imported(path)
        if name.startswith("delegate.")
    ]
    assert not inside


def _reached(path: Path, seen: set[Path]) -> set[Path]:
    seen.add(path)
    for name in _imported(path):
        found = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if name.startswith("bench.") and found.exists() and found not in seen:
            _reached(found, seen)
    return seen


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names if node.module == "bench")
