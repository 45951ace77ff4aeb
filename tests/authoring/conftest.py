"""An agent and a token for the tests of keys that are elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authoring.elsewhere import Agent, softhsm


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An ssh-agent of OpenSSH, which is this session's."""
    with tempfile.TemporaryDirectory(prefix="dlg") as folder:  # the path of a socket is short
        started = Agent(Path(folder))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(started.path))
        yield started
        started.stop()


@pytest.fixture
def module() -> str:
    """The module of SoftHSM, with a token that is this process's own."""
    return softhsm()
