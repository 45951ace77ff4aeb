"""A slice of the campaign against the exchange, the same requests every time; `make fuzz` runs more of it."""

from __future__ import annotations

import pytest

from delegate.issue.words import EXCHANGE
from tests.campaigns import issuance


def test_a_slice_of_the_campaign_finds_nothing() -> None:
    """A chain as the policy says, or `NotIssued`; and every depth is reached."""
    result = issuance.run(1_000, 3)
    assert result.faults == []
    for word in (
        "issued",
        "malformed",
        "bad_signature",
        "policy_failed",
        "proof_wrong_key",
        "wrong_audience",
        "expired",
    ):
        assert result.outcomes[word] > 0, word


def test_the_campaign_would_notice_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception of another kind, and a chain for a key that the token was not meant for."""
    monkeypatch.setattr(issuance, "right", lambda *_: "wrong")
    assert issuance.main(["--count", "60", "--seed", "3"]) == 1
    assert "wrong" in capsys.readouterr().err

    def broken(*_: object) -> issuance.Request:
        return issuance.Request([("grant_type", EXCHANGE), ("subject_token", 5)], [])  # type: ignore[list-item]

    found = issuance.run(2, 1, broken)
    assert len(found.faults) + found.outcomes["malformed"] == 2
