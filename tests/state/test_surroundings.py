"""A slice of the campaign of what happens around a shared engine; `python -m tests.campaigns.surroundings` runs all."""

from __future__ import annotations

import pytest

from tests.campaigns import surroundings

# These start several servers, or wait out a second many times.
LONG = {
    "postgres_settings",
    "postgres_truncated",
    "postgres_listener_elsewhere",
    "postgres_failover_to_one_that_lags",
    "postgres_told_to_the_operator",
    "postgres_restore_elsewhere",
}


@pytest.mark.parametrize("name", sorted(surroundings.CASES.keys() - LONG))
def test_a_case_of_the_campaign(name: str) -> None:
    """What a verifier says that ran all the while is what a new one says, or it refuses."""
    surroundings.CASES[name]()


def test_the_campaign_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, and in its status."""

    def fails() -> None:
        message = "a used proof was taken again"
        raise AssertionError(message)

    monkeypatch.setattr(surroundings, "CASES", {"one": fails, "two": lambda: None})
    assert surroundings.main([]) == 1
    assert surroundings.main(["--only", "two"]) == 0
    said = capsys.readouterr()
    assert "FAULT  one" in said.out
    assert "taken again" in said.err
    assert said.out.endswith("0 faults\n")
