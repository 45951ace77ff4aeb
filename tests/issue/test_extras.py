"""What is not installed is named, with how to install it; and nothing of it is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_start import heavy, loaded, ours

CASES = {
    "joserfc": ("from delegate.issue import Issuer", "delegate-token[issuer]"),
    "httpx": ("from delegate.issue.fetch import fetch; fetch('https://x.example.com', most_bytes=1)", "[issuer]"),
    "uvicorn": ("import delegate.issue.serving", "delegate-token[issuer]"),
    "spiffe": ("from delegate.issue.sources import SpiffeJwt; SpiffeJwt('x')", "delegate-token[spiffe]"),
}


@pytest.mark.parametrize("missing", CASES)
def test_what_is_missing_is_named(missing: str) -> None:
    """An ImportError that says what to type."""
    code, told = CASES[missing]
    script = f"import sys; sys.path[:] = {sys.path!r}; sys.modules[{missing!r}] = None\n{code}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ImportError: ")
    assert told in ran.stderr.splitlines()[-1]


def test_a_command_says_so_too() -> None:
    """One line, status 5."""
    script = f"import sys; sys.path[:] = {sys.path!r}; sys.modules['joserfc'] = None\nfrom delegate.cli import main\n"
    script += "sys.exit(main(['issuer', 'check', '--policy', 'x']))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    assert (ran.returncode, ran.stdout) == (5, "")
    assert ran.stderr == "error: the issuer needs an extra: pip install 'delegate-token[issuer]'\n"


def test_a_holder_loads_nothing_of_it() -> None:
    """The room of the issuer is there for whoever asks one."""
    found = loaded("from delegate import Holder")
    assert not {each for each in ours(found) if each.startswith("delegate.issue")}
    assert "asyncio" not in heavy(found)
    assert loaded("import delegate.issue") == {"delegate", "delegate.faces", "delegate.issue"}
