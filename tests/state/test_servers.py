"""What tests do where a server is not installed: skip and say so, or fail where nothing may be skipped."""

from __future__ import annotations

import pytest

from tests import servers


@pytest.mark.parametrize("required", [False, True])
def test_a_missing_server_is_said(required: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    if required:
        monkeypatch.setenv(servers.REQUIRED, "1")
    else:
        monkeypatch.delenv(servers.REQUIRED, raising=False)
    with pytest.raises(pytest.fail.Exception if required else pytest.skip.Exception, match="apt-get install x-server"):
        servers.found("x", "x-server")
