"""Slices of the forking campaign; `python -m tests.campaigns.fork` runs the whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests import servers
from tests.campaigns import fork


@pytest.mark.parametrize("engine", fork.ENGINES)
def test_a_slice_of_the_campaign_finds_nothing(engine: str) -> None:
    """Run as a command, since it forks while its threads decide."""
    if engine == "redis":
        servers.found("redis-server", "redis-server")
    elif engine == "postgres":
        servers.postgres_folder()
    command = [sys.executable, "-m", "tests.campaigns.fork", engine, "--children", "24"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24  children\n" in done.stdout
    assert "24  free\n" in done.stdout
    assert "\n0 faults" in done.stdout


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"free": 1, "revoked": 1}, "allowed what is revoked"),
        ({"free": 1, "used": 1}, "had used"),
        ({"tries": 9}, "refused for good"),
        ({"fault": "ValueError: x"}, "ValueError: x"),
        ({}, "said nothing"),
    ],
)
def test_the_campaign_would_notice_a_child_that_goes_wrong(said: dict[str, object], fault: str) -> None:
    """Whatever it says, or where it says nothing."""
    service: Any = type("Service", (), {"faults": []})()
    fork._count(service, fork.Child(1, 0, 0.0, json.dumps(said).encode()), Counter())
    assert [fault in each for each in service.faults] == [True]


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_a_pool_of_forked_processes_does_every_job(engine: str) -> None:
    """Forty jobs at eight workers that are forked while threads decide: none is lost, and each decides as it should."""
    command = [sys.executable, "-m", "tests.campaigns.fork", engine, "--jobs", "40"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40  jobs done" in done.stdout
