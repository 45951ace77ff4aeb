"""The README does what it says: its Python runs in order, its printed lines and its commands come out as shown."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from delegate import Denied, Identity, StateError
from delegate.state import connect

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def _python() -> list[str]:
    return [body for language, body in BLOCKS if language == "python"]


def _plain() -> list[str]:
    return [body for language, body in BLOCKS if not language]


def test_the_first_python_allows_one_request_and_ends_in_the_refusal_that_is_shown() -> None:
    """The dozen lines of the first screen: what is printed, and the last line of the traceback."""
    shown = _plain()[0].splitlines()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(Denied) as refusal:
        exec(_python()[0], {})  # noqa: S102 - the README's own code
    assert printed.getvalue().splitlines() == shown[:1]
    assert shown[-1] == f"delegate.errors.Denied: {refusal.value}"


def test_the_rest_of_the_python_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each later block builds on the ones before; what they print is what is shown below them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        with contextlib.suppress(Denied):
            exec(_python()[0], names)  # noqa: S102
        printed.truncate(0)
        printed.seek(0)
        for block in _python()[1:]:
            exec(block, names)  # noqa: S102
    assert printed.getvalue() == "".join(_plain()[1:])


def test_comments_beside_capabilities_are_how_they_print() -> None:
    """`can(…)  # text`: the text is its `str()`."""
    names: dict[str, object] = {}
    exec("from delegate import can", names)  # noqa: S102
    lines = [line for line in _python()[1].splitlines() if line.startswith("can(")]
    assert len(lines) == 3
    for line in lines:
        code, _, text = line.partition("#")
        assert str(eval(code, names)) == text.strip()  # noqa: S307


def test_the_commands_do_what_is_shown(tmp_path: Path) -> None:
    """All of them in a row, with real files and a real pipe: what they print, and their exit statuses."""
    for name in ("user:alice@example.com", "agent:planner", "agent:worker"):
        stem = re.split(r"[:@]", name)[1]
        identity = Identity.generate(name)
        identity.save(tmp_path / f"{stem}.key")
        identity.principal.save(tmp_path / f"{stem}.pub")
    lines = [
        line
        for language, body in BLOCKS
        if language == "console"
        for line in body.splitlines()
        if not line.startswith("$ pip ")
    ]
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    said: list[str] = []
    statuses = []
    for command in commands:
        here = f"{shlex.quote(sys.executable)} -m delegate"
        result = subprocess.run(  # noqa: S602 - the README's own commands
            re.sub(r"\bdelegate (?=mint|attenuate|prove|verify|revoke)", f"{here} ", command),
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        statuses.append(result.returncode)
        said += [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("refused")]
    assert said == [line for line in lines if not line.startswith("$ ")]
    assert statuses == [0, 0, 1, 0, 1]


def test_every_url_of_a_state_is_one_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's schemes are those of `connect`; one that was made up is none."""
    monkeypatch.chdir(tmp_path)
    schemes = set(re.findall(r"`(\w+):///?", README))
    assert schemes == {"memory", "sqlite", "redis", "postgresql"}
    places = {"memory": "", "sqlite": "/state.db"}
    for scheme in schemes:
        with contextlib.suppress(StateError):  # there is no such server here
            connect(f"{scheme}://{places.get(scheme, '127.0.0.1:1/')}").close()
    with pytest.raises(ValueError, match="a state URL is"):
        connect("mongodb://")
