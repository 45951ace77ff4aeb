"""A slice of the kit of mutants, the same every time; `make mutants` runs the whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import specification, vectors
from tests.campaigns.mutants import mutations
from tests.campaigns.mutants.__main__ import Same, listed
from tests.campaigns.mutants.mutations import Mutant, apply, mutants

ROOT = Path(__file__).parents[1]
SOURCE = b'''\
"""Words."""
MOST = 9


def read(value, scope):
    if value < 0 or value > MOST:
        raise EvaluationError("out of range")
    if not value:
        raise EvaluationError("none")
    scope.charge(value + 1)
    return value
'''


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The campaign in a process of its own, which forks."""
    command = [sys.executable, "-m", "tests.campaigns.mutants", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own


def test_the_vectors_notice_every_charge_of_a_regular_expression() -> None:
    """With the vectors of weights alone, no change of a charge of `matches` survives that is not listed."""
    done = run("--files", "weights.json", "steps.json", "--only", "evaluator.regex", "--kind", "charges", "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(r"charges +\d\d +\d\d +\d+ +0\n", done.stdout)


def test_what_no_vector_reaches_survives() -> None:
    """Without those vectors each of these changes survives, is told, and ends with status 1."""
    done = run("--files", "requests.json", "--only", "evaluator.regex", "--kind", "charges", "--share", "1/9")
    assert (done.returncode, done.stderr) == (1, "")
    assert "unreached core.evaluator.regex:" in done.stdout


def changes(source: bytes = SOURCE, module: str = "delegate.core.evaluator.example") -> list[Mutant]:
    """The mutants of a small module."""
    return mutants(module, source)


def test_each_mutant_changes_one_place_and_can_be_compiled() -> None:
    """None is the source, none is there twice, and Python takes each."""
    made = [apply(SOURCE, mutant) for mutant in changes()]
    assert SOURCE not in made
    assert len(set(made)) == len(made) > 15
    for text in made:
        compile(text, "example", "exec")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (mutations.BOUNDS, "9 → 10"),
        (mutations.BOUNDS, "value < 0 → ((value) <= (0))"),
        (mutations.ERRORS, "value < 0 or value > MOST → False"),
        (mutations.ERRORS, "value < 0 or value > MOST → ((value < 0))"),
        (mutations.ERRORS, 'raise EvaluationError("none") → return False'),
        (mutations.CHARGES, "scope.charge(value + 1) → pass"),
        (mutations.CHARGES, "value + 1 → value + 1 - 1"),
        (mutations.ORDER, "`if value < 0 or value > MOST: …` behind `if not value: …`"),
    ],
)
def test_a_check_a_bound_a_charge_an_error_and_an_order_are_changed(kind: str, what: str) -> None:
    """Each of them is among the mutants, under its kind, and within its function or at the module's level."""
    found = {(mutant.kind, mutant.what): mutant for mutant in changes()}
    assert found[kind, what].function == ("" if what.startswith("9") else "read")


def test_every_entry_of_the_list_is_about_mutants_that_there_are() -> None:
    """What is listed as beyond any vector names a module, and covers some change of it; each has its reason."""
    entries = listed()
    by_module: dict[str, list[Mutant]] = {}
    for entry in entries:
        path = ROOT / "src" / "delegate" / f"{entry.module.replace('.', '/')}.py"
        name = f"delegate.{entry.module}"
        if name not in by_module:
            by_module[name] = mutants(name, path.read_bytes())
        assert any(entry.covers(mutant) for mutant in by_module[name]), entry
        assert entry.why
    assert len(set(entries)) == len(entries)


def test_an_entry_covers_its_change_alone() -> None:
    """One change of one function, or with a star all of either."""
    mutant = next(each for each in changes(module="delegate.core.example") if each.function)
    entry = Same("core.example", mutant.function, mutant.what, "why")
    assert entry.covers(mutant)
    assert Same("core.example", "*", "*", "why").covers(mutant)
    assert not entry._replace(what="another").covers(mutant)
    assert not entry._replace(function="another").covers(mutant)
    assert not entry._replace(module="core").covers(mutant)


def test_every_point_that_could_be_read_in_two_ways_has_its_vectors() -> None:
    """The README's table names sections and vectors that there are."""
    text = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- points -->")[2].partition("<!-- /points -->")[0]
    names = {
        vector.name for group in (vectors.load(), vectors.load_lists(), vectors.load_requests()) for vector in group
    }
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.strip().splitlines()[2:]]
    assert len(rows) >= 30
    for _, section, written in rows:
        assert section in specification.SECTIONS
        found = re.findall(r"`([^`]+)`", written)
        assert found
        assert set(found) <= names, set(found) - names
