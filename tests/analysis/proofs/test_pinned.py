"""A slice of the campaign of pinned cases; and that it catches a translation that is wrong."""

from __future__ import annotations

import pytest

from tests.campaigns.proofs import MUTANTS, is_caught, run


def test_what_the_evaluator_says_is_possible_in_the_translation() -> None:
    """Random conditions and requests; `python -m tests.campaigns.proofs` runs as many as one likes."""
    told = run(300, seed=5, use_z3=False)
    assert told["unsound"] == 0
    assert told["true"] > 25
    assert told["false"] > 70
    assert told["error"] > 70


def test_z3_allows_what_the_evaluator_says() -> None:
    """The same with z3, where it is asked."""
    pytest.importorskip("z3", reason="the extra `proofs` is not installed")
    assert run(80, seed=6)["unsound"] == 0


@pytest.mark.parametrize(
    "name", ["an error is false", "what is there is not", "no comprehension decides", "lists and texts have no length"]
)
def test_a_wrong_rule_is_caught(name: str) -> None:
    """Each rule changed on purpose makes something impossible that the evaluator says; the campaign changes all."""
    assert name in MUTANTS
    assert is_caught(name, count=400, seed=5)
