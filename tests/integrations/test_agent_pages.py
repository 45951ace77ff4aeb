"""The pages about agents: their code runs, and prints what they say; the lines at their head are few."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "integrations"
PAGES = ("mcp", "langchain", "openai-agents", "pydantic-ai", "opentelemetry", "processes")
WHOLE = re.compile(r"<!-- run -->\n```python\n(.*?)```\n\n```\n(.*?)```", re.DOTALL)
FIRST = re.compile(r"```python\n(.*?)```", re.DOTALL)
NEEDS = {"mcp": "mcp", "langchain": "langchain", "openai-agents": "agents", "pydantic-ai": "pydantic_ai"}


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_prints_what_the_page_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run as it stands there."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    code, printed = WHOLE.findall((DOCS / f"{name}.md").read_text())[0]
    exec(compile(code, f"{name}.md", "exec"), {"__name__": f"page_{name}"})  # noqa: S102 - the page's own code
    assert capsys.readouterr().out.rstrip("\n") == printed.rstrip("\n")


@pytest.mark.parametrize("name", [*PAGES, "a2a"])
def test_the_glue_is_three_lines_a_side(name: str) -> None:
    """The first lines of a page are all that a program needs."""
    head = (DOCS / f"{name}.md").read_text().partition("<!-- run -->")[0]
    blocks = FIRST.findall(head)
    assert blocks
    for each in blocks:
        assert len([line for line in each.splitlines() if line.strip()]) <= 3
