"""Every citation of a section names one that there is, whichever of the four documents it stands in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import specification

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "spec", "bench")
# Other documents have sections too: `RFC 3986 §2.1 and §6.2.2.1`.
OTHERS = re.compile(r"(?:RFC|FIPS|X\.) ?[\d-]+ (?:§|section )[\d.]+(?:(?:, | and | or )§[\d.]+)*")
CITED = re.compile(r"(?:§ ?|SPEC |[sS]ection )(\d+(?:\.\d+)*)")
# Where each document's sections are, as its index says.
HOMES = {
    "SPEC.md": {1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15},
    "LANGUAGE.md": {6},
    "STATE.md": {10},
    "AUDIT.md": {16},
}


def _files() -> list[Path]:
    inside = [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".cddl"} and "node_modules" not in path.parts
    ]
    return [*sorted(inside), *sorted(ROOT.glob("*.md"))]


def _citations(text: str) -> set[str]:
    return set(CITED.findall(OTHERS.sub("", text)))


def test_every_section_stands_once_and_in_the_document_that_the_index_names() -> None:
    """No number is given twice, so that a citation needs no document's name."""
    numbers = [number for text in specification.BY_NAME.values() for number in specification.headings(text)]
    assert len(numbers) == len(set(numbers))
    for name, text in specification.BY_NAME.items():
        found = {int(number.partition(".")[0]) for number in specification.headings(text)}
        assert found == HOMES[name]
        row = next(line for line in specification.BY_NAME["SPEC.md"].splitlines() if line.startswith(f"| `{name}`"))
        assert {int(each) for each in re.findall(r"(?<!\d)(\d+) [a-z]", row)} == found


def test_sections_are_in_their_order() -> None:
    """Each document counts upwards."""
    for text in specification.BY_NAME.values():
        order = [tuple(map(int, number.split("."))) for number in specification.headings(text)]
        assert order == sorted(order)


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_citations_resolve(path: Path) -> None:
    """Code, tests, documents and vectors cite sections that there are."""
    assert not [cited for cited in _citations(path.read_text("utf-8")) if not specification.exists(cited)]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("SPEC §6.5", {"6.5"}),
        ("(SPEC 5.3)", {"5.3"}),
        ("§5.2, step 9, and §10", {"5.2", "10"}),
        ("section 13 of it", {"13"}),
        ("RFC 9052 §4.4 and §5.1, as §3.3 says", {"3.3"}),
        ("RFC 3986 §2.1", set()),
    ],
)
def test_the_search_finds_citations(text: str, cited: set[str]) -> None:
    """Each way of citing is found, and other documents' sections are left out."""
    assert _citations(text) == cited


@pytest.mark.parametrize(
    ("cited", "there"),
    [("5.4", True), ("5.4.4", True), ("5.4.6", False), ("5.10", False), ("25", False), ("6.5.1", False)],
)
def test_a_step_is_cited_behind_its_section(cited: str, there: bool) -> None:
    """`SPEC 5.4.4` is the fourth row of the table in §5.4, and there is no sixth."""
    assert specification.exists(cited) is there
