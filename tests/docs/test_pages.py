"""Every page of the documentation does what it shows, from an empty folder."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import delegate
from tests import pages

DOCS = Path(__file__).parents[2] / "docs"
# These need an agent, a token or a server, and have tests of their own: `test_keys_and_roots.py`.
OWN = frozenset({"keys.md", "roots.md"})
GUIDES = [page for page in sorted(DOCS.glob("*.md")) if any(pages.blocks(page)) and page.name not in OWN]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    """Its programs and commands, in order."""
    pages.run(page, tmp_path)


def test_the_reference_has_every_public_name() -> None:
    """What can be imported from `delegate` can be looked up."""
    reference = (DOCS / "reference" / "api.md").read_text("utf-8")
    missing = [name for name in delegate.__all__ if f"::: delegate.{name}\n" not in reference]
    assert missing == ["Constraint"]  # only made by the functions beside it


def test_every_page_is_in_the_contents() -> None:
    """No page that nobody finds."""
    contents = (DOCS.parent / "mkdocs.yml").read_text("utf-8")
    names = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {name for name in names if f" {name}\n" not in contents} == set()


def test_the_reference_of_commands_is_their_help() -> None:
    """Every command, and every command within one."""
    text = runpy.run_path(str(DOCS / "commands.py"))["reference"]()
    for name in ("mint", "inspector", "key new", "revocations show"):
        assert f"## `delegate {name}`" in text
