"""Pages at the command line: written whole, and never over what is something else."""

from __future__ import annotations

import stat

from tests.cli.conftest import Desk


def test_the_page_is_written_to_a_file_or_to_stdout(story: Desk) -> None:
    """The same page; one that was written before is replaced."""
    ran = story.run("inspector", "-o", "page.html", now=None)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "written to page.html; open it in a browser\n"
    assert (story.folder / "page.html").read_text() == story.run("inspector", now=None).out
    assert story.run("inspector", "-o", "page.html", "--json", now=None).json["file"] == "page.html"


def test_a_chain_as_a_page(story: Desk) -> None:
    """The token, its roots and its lists are in it; the status is that of looking."""
    ran = story.run("inspect", "planner.token", "--root", "alice.pub", "--html", "-o", "chain.html")
    assert ran.status == 0
    page = (story.folder / "chain.html").read_text()
    assert (story.folder / "planner.token").read_text().strip() in page
    assert (story.folder / "alice.pub").read_text().strip() in page
    expired = story.run("inspect", "planner.token", "--root", "alice.pub", "--html", now="2099-01-01T00:00:00Z")
    assert expired.status != 0
    assert expired.out.startswith("<!doctype html>")


def test_a_page_replaces_nothing_else(story: Desk) -> None:
    """Not a key, and nothing that is not known; and -o alone is a mistake."""
    for name in ("alice.key", "other.html"):
        if name == "other.html":
            (story.folder / name).write_text("<!doctype html><title>Mine</title>")
        before = (story.folder / name).read_bytes()
        assert story.run("inspector", "-o", name, now=None).status == 5
        assert (story.folder / name).read_bytes() == before
    assert story.run("inspect", "planner.token", "-o", "x.html").status == 2


def test_a_bearer_token_in_a_page_is_its_owner_s_alone(story: Desk) -> None:
    """Whoever reads the page may act with it."""
    story.run(
        "mint",
        "--key",
        "alice.key",
        "--bearer",
        "--can",
        "files.read **",
        "--ttl",
        "1h",
        "--audience",
        "files.example.com",
        "-o",
        "b.token",
    )
    assert story.run("inspect", "b.token", "--html", "-o", "b.html").status == 0
    assert stat.S_IMODE((story.folder / "b.html").stat().st_mode) == 0o600
