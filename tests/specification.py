"""The specification as tests read it: four documents, one numbering of sections."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "spec"
DOCUMENTS = ("SPEC.md", "LANGUAGE.md", "STATE.md", "AUDIT.md")
BY_NAME = {name: (FOLDER / name).read_text("utf-8") for name in DOCUMENTS}
TEXT = "\n".join(BY_NAME.values())


def headings(text: str) -> list[str]:
    """The numbers of the sections that a text has, in its order."""
    return re.findall(r"^#{2,4} (\d+(?:\.\d+)*)\.? ", text, re.MULTILINE)


SECTIONS = frozenset(headings(TEXT))


def steps(section: str) -> set[str]:
    """The numbers of the checks of a section, in a table or a list."""
    text = re.split(r"^#{2,4} ", TEXT.partition(f"\n### {section} ")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^(?:\| (?=\d+ \|))?(\d+)(?: \||\. )", text, re.MULTILINE))


def exists(cited: str) -> bool:
    """Is there such a section, or such a step of one: `5.4.4` is step 4 of §5.4?"""
    section, _, step = cited.rpartition(".")
    return cited in SECTIONS or (section in SECTIONS and "." in section and step in steps(section))


def rows(name: str) -> list[list[str]]:
    """The cells of the table between two markers, without its head."""
    text = TEXT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 2, f"the table `{name}` is missing"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
