"""Slices of the killing campaign; `python -m tests.campaigns.kill` runs the whole."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from delegate.state import connect
from tests import servers
from tests.campaigns import kill


@pytest.mark.parametrize(("engine", "kills"), [("sqlite", 8), ("redis", 1), ("postgres", 1)])
def test_a_slice_of_the_campaign_loses_nothing(engine: str, kills: int) -> None:
    """Run as a command, since its writers are forks; some of them were in the middle of something."""
    if engine == "redis":
        servers.found("redis-server", "redis-server")
    elif engine == "postgres":
        servers.postgres_folder()
    command = [sys.executable, "-m", "tests.campaigns.kill", engine, "--kills", str(kills), "--no-flush"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills}  kills\n" in done.stdout
    assert "charge done" in done.stdout
    assert "\n0 faults" in done.stdout


def test_the_campaign_would_notice_what_is_lost(tmp_path: Path) -> None:
    """A charge, a settlement and a revocation that were never made, a pool that holds another amount."""
    began = int(time.time())
    with connect("memory://") as state:
        asked = [kill.Asked("charge", 1, 5, "done"), kill.Asked("revoke", 2, 1, "done")]
        faults = kill._differences(state, began, iter(asked), Counter())
        assert [fault.partition(" ")[0] for fault in faults] == ["charge", "revocation"]
    with connect(f"sqlite:///{tmp_path}/state.db") as state:
        began = int(time.time())
        charge, settlement = kill.Asked("charge", 1, 5, "done"), kill.Asked("settle", 1, 2, "done")
        assert kill.ask(state, began, charge) is True
        assert kill._differences(state, began, iter([charge]), Counter()) == []
        assert "could be done again" in kill._differences(state, began, iter([charge, settlement]), Counter())[0]
        assert "5 spent" not in str(kill._differences(state, began, iter([charge]), Counter()))
        assert "2 spent, and charges come to 5" in kill._differences(state, began, iter([charge]), Counter())[0]


def test_a_writer_that_fails_is_a_fault(tmp_path: Path) -> None:
    """Its last words are among the faults; a cut line among its notes is none."""
    (tmp_path / "fault-1").write_text("Traceback\nValueError: x\n")
    (tmp_path / "notes-1").write_text(json.dumps(kill.Asked("charge", 1, 5, None)) + '\n["cha')
    url = f"sqlite:///{tmp_path}/state.db"
    connect(url).close()
    result = kill._looked(url, tmp_path, int(time.time()), Counter(), 0.0)
    assert result.faults == ["ValueError: x"]
    assert result.counts["charge unanswered"] == 1
