"""What all tests share: property tests that run the same way everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from delegate.state import claims, memory_replay

# The same examples on every run and machine: a red run can be repeated. No deadline: a slow machine is no
# fault.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    max_examples=100,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
# `make fuzz`: other examples on every run, and many more of them.
settings.register_profile("fuzz", parent=settings.get_profile("suite"), derandomize=False, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(autouse=True)
def memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's verifiers share one memory of used proofs, and with those of no other test.

    It begins at 0: tests have clocks of their own, which go by no machine's. When a memory begins is tested in
    `state/test_memory.py`.
    """
    monkeypatch.setattr(claims, "_OF_THIS_PROCESS", claims.Claims(since=0))
    monkeypatch.setattr(memory_replay, "began_by", lambda _: 0)


@pytest.fixture(autouse=True, scope="session")
def own_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No command of a test notes anything in its user's journal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DELEGATE_DATA", str(tmp_path_factory.mktemp("data")))
        yield
