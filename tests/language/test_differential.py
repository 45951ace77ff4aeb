"""A slice of the campaign against CEL's official C++ runtime (see `tests/campaigns/cel_differential.py`)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.campaigns.cel_differential import disagreements


def test_the_official_runtime_says_the_same() -> None:
    """Three thousand random expressions: the same value or both an error, apart from deliberate differences."""
    pytest.importorskip("cel_expr_python", reason="the official runtime is not installed: no wheel for this Python")
    counts: Counter[str] = Counter()
    assert list(disagreements(3_000, 1, counts)) == []
    # Most must have come to a value, else the comparison would show little.
    assert counts["same value"] > 1_500
    assert counts["same error"] > 300
