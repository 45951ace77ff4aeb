"""Lines of at most 100 columns, and nothing lost on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from delegate.views.layout import flow, hung, titled_items, wrapped

TEXTS = st.text(alphabet=st.sampled_from('ab &|,:;if"'), max_size=300)


def test_items_flow() -> None:
    """Short items fill lines under one title; one that is too long has lines of its own."""
    lines = titled_items("Checked", ["x" * 25] * 5)
    assert [line[:12].strip() for line in lines] == ["Checked", ""]
    assert titled_items("Checked", ["y" * 100, "z"]) == [
        f"Checked     {'y' * 88}",
        f"              {'y' * 12} · z",
    ]


def test_behind_a_broken_item_a_blank_sets_nothing_apart() -> None:
    """With a mark between them the next item may follow on its last line; with mere blanks it has a new line."""
    assert flow(["x" * 12, "y", "z"], " · ", 10) == ["x" * 10, "  xx · y", "z"]
    assert flow(["x" * 12, "y", "z"], "   ", 10) == ["x" * 10, "  xx", "y   z"]


def test_conditions_break_before_an_operator() -> None:
    """Where there is none, at a blank; where there is none, anywhere."""
    assert wrapped("args.amount <= 500 && args.currency == x", 30) == ["args.amount <= 500", "  && args.currency == x"]
    assert wrapped("one two three four", 10) == ["one two", "  three", "  four"]
    assert wrapped("a.b, and c is 3", 10) == ["a.b,", "  and c is", "  3"]
    assert wrapped("x" * 25, 10) == ["x" * 10, "  " + "x" * 8, "  " + "x" * 7]


def test_a_head_that_is_too_long_has_a_line_of_its_own() -> None:
    """Beside it otherwise."""
    assert hung("ab", ["c", "d"], 4) == ["ab  c", "    d"]
    assert hung("abcd", ["c"], 4) == ["abcd", "    c"]
    assert hung("ab", [], 4) == ["ab"]


@given(TEXTS, st.integers(min_value=20, max_value=100))
def test_wrapping_keeps_the_width_and_every_character_but_blanks(text: str, width: int) -> None:
    """Whatever the text."""
    lines = wrapped(text, width)
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(line.startswith("  ") for line in lines[1:])


@given(st.lists(TEXTS, max_size=8), st.integers(min_value=20, max_value=100))
def test_flowing_keeps_the_width_and_the_order(items: list[str], width: int) -> None:
    """Whatever the items."""
    lines = flow(items, " + ", width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).replace("+", "").split()) == "".join("".join(items).split())
