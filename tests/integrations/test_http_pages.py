"""The pages about HTTP do what they show; each begins with its lines of glue, at most three, which stand in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import pages

FOLDER = Path(__file__).parents[2] / "docs" / "integrations"
PAGES = ["asgi", "django", "fastapi", "flask", "forward-auth", "httpx"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_shows(name: str, tmp_path: Path) -> None:
    """Its programs and commands, in order."""
    assert pages.run(FOLDER / f"{name}.md", tmp_path) > 0


@pytest.mark.parametrize("name", [name for name in PAGES if name != "forward-auth"])
def test_a_page_begins_with_three_lines_at_most(name: str) -> None:
    """They are counted, and they are those of the programs below."""
    first, *others = pages.blocks(FOLDER / f"{name}.md")
    lines = [line for line in first.body.splitlines() if line]
    assert first.language == "py"
    assert 0 < len(lines) <= 3
    written = "\n".join(block.body for block in others)
    found = [line for line in lines if line in written or line.partition(" = ")[2].split("(")[0] in written]
    assert found == lines
