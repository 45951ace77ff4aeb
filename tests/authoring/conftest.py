"""An agent and a token for the tests of keys that are elsewhere."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authoring.elsewhere import PIN, TOKEN, Agent, softhsm


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An ssh-agent of OpenSSH, which is this session's."""
    with tempfile.TemporaryDirectory(prefix="dlg") as folder:  # the path of a socket is short
        started = Agent(Path(folder))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(started.path))
        yield started
        started.stop()


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The module of SoftHSM, with one token: this process initialises it once, as the module does."""
    found = softhsm()
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # read when the module is loaded, which is once
    command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "12345678", "--pin", PIN]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
    return found
