"""What the specification of the language works out: steps, weights and zones (SPEC §6.5, §6.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delegate.core.evaluator import regex, timestamps
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import EvaluationError, Scope, StepsExhaustedError
from delegate.core.evaluator.values import Timestamp
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from tests import specification

ARGUMENTS = {"a": 1, "b": 2, "s": "abc", "l": [1, 2, 3], "m": {"x": 1, "y": 2}}


def _code(cell: str) -> str:
    found = re.fullmatch(r"`(.*)`", cell)
    assert found, cell
    return found[1].replace("\\|", "|")


def _comes_to(condition: str, steps: int) -> str:
    scope = Scope({"args": ARGUMENTS, "now": Timestamp(0)}, steps)
    try:
        value = compile_wire(to_wire(parse(condition)))(scope)
    except EvaluationError:
        value = "error"
    assert scope.steps_left == 0
    return str(value).lower()


EXAMPLES = specification.rows("step-examples")


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: row[0])
def test_examples_of_steps_are_exact(row: list[str]) -> None:
    """Each comes to its value with exactly its steps, and with one less runs out."""
    condition, value, steps, _ = row
    assert _comes_to(_code(condition), int(steps)) == value
    with pytest.raises(StepsExhaustedError):
        _comes_to(_code(condition), int(steps) - 1)


def _algorithm() -> Callable[[str], int]:
    """The weight of a pattern as the document computes it."""
    text = specification.BY_NAME["LANGUAGE.md"].partition("<!-- weight -->\n```python\n")[2].partition("```")[0]
    found: dict[str, Callable[[str], int]] = {}
    exec(text, found)  # noqa: S102 - our own document
    return found["weight"]


WEIGHT = _algorithm()


@pytest.mark.parametrize("row", specification.rows("weights"), ids=lambda row: row[0])
def test_examples_of_weights_are_exact(row: list[str]) -> None:
    """The table, the document's algorithm and the code say the same."""
    pattern = _code(row[0])
    assert (regex.weight(pattern), WEIGHT(pattern)) == (int(row[1]), int(row[1]))


PIECES = [
    *"\\pPQExC{}[]^()?i-:<>a10,*+.éDb|$",
    "\\Q",
    "\\E",
    "\\p{",
    "[:",
    "alpha",
    ":]",
    "(?i",
    "(?P<",
    "{2}",
    "{2,3}",
    "{00999}",
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.characters()), max_size=14).map("".join))
@example("[[:alphaalphaabc:]]")
@example("[\\")
@example("[]")
@example("(?")
@example("(?<a")
@example("\\")
@example("{1,2,3}")
def test_the_algorithm_of_the_document_is_the_code_s(pattern: str) -> None:
    """For any text, also what RE2 refuses."""
    assert WEIGHT(pattern) == regex.weight(pattern)


ZONES = (specification.FOLDER / "zones.txt").read_text("utf-8").split()
# One is no place; of the others releases of the database say two things.
LEFT_OUT = {"Factory", "CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"}


def _is_zone(name: str) -> bool:
    try:
        timestamps._offset(name, 0)
    except EvaluationError:
        return False
    return True


def test_every_zone_of_the_list_is_taken() -> None:
    """The list is sorted, none twice, and the tz database that is installed has each."""
    assert sorted(set(ZONES)) == ZONES
    assert timestamps._zone_names() == set(ZONES)
    assert all(_is_zone(name) for name in ZONES)


def test_no_other_name_is_a_zone() -> None:
    """What else the database has, now or in another release, is refused; so is another case, and an empty text."""
    known = set((resources.files("tzdata") / "zones").read_text("utf-8").split())
    assert known >= LEFT_OUT
    assert not LEFT_OUT & set(ZONES)
    others = known - set(ZONES) | {"", "utc", "europe/berlin", "localtime", "Europe", "Europe/Berlin ", "../tzdata.zi"}
    assert not [name for name in others if _is_zone(name)]
    named = re.search(r"but for `Factory`, .* and `([A-Z0-9 ]+)`", specification.BY_NAME["LANGUAGE.md"])
    assert named
    assert set(named[1].split()) | {"Factory"} == LEFT_OUT
