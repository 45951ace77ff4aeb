"""A slice of the fuzzing campaign, the same inputs every time; `make fuzz` runs the whole."""

from __future__ import annotations

import pytest

from tests.campaigns import discharges, fuzz


@pytest.mark.parametrize("seed", [3, 4])
def test_a_slice_of_the_campaign_finds_nothing(seed: int) -> None:
    """Random, mutated and re-signed inputs give results or `DelegateError`; both halves reach the decision's depths."""
    result = fuzz.run(1_500, seed)
    assert result.faults == []
    assert sum(result.outcomes.values()) == 1_500
    for word in (
        "signed malformed",
        "signed unknown_claim",
        "signed caveat_error",
        "signed allow",
        "unsigned bad_signature",
        "list signed accept",
        "list signed not_canonical",
        "list signed malformed",
        "list unsigned truncated",
        "list unsigned bad_signature",
    ):
        assert result.outcomes[word] > 0, word


def test_the_campaign_would_notice_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception of another kind is counted, printed with what reproduces it, and ends with status 1."""

    def fail(*_: object, **__: object) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(fuzz, "_through", fail)
    assert fuzz.main(["--count", "3", "--seed", "7"]) == 1
    printed = capsys.readouterr()
    assert "seed 7 number 0: RecursionError: too deep" in printed.err
    assert "3 faults" in printed.out


def test_the_campaign_prints_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the number of inputs, the seed, and how many had which outcome."""
    assert fuzz.main(["--count", "20", "--seed", "7"]) == 0
    assert "20 inputs, seed 7" in capsys.readouterr().out


def test_a_slice_of_the_campaign_of_discharges_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Random needs, discharges and asks give results or `DelegateError`; every refusal of a discharge is reached."""
    assert discharges.main(["--count", "400", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    for word in ("allowed", "discharge_expired", "discharge_mismatch", "discharge_invalid", "discharge_refused"):
        assert f"discharge {word}\n" in printed
    assert "need discharge_missing\n" in printed
    assert "ask read\n" in printed
    assert "400 inputs of each kind, seed 3: 0 faults\n" in printed


def test_the_campaign_of_discharges_would_notice_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another kind is counted, and ends with status 1."""

    def fail(*_: object) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(discharges, "_asked", fail)
    assert discharges.main(["--count", "2", "--seed", "7"]) == 1
