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

import delegate
from delegate import Holder, Identity, StateError
from delegate.limits import HOPS_MAX
from delegate.state import connect

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def _python() -> list[str]:
    return [body for language, body in BLOCKS if language == "python"]


def _plain() -> list[str]:
    return [body for language, body in BLOCKS if not language]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the key files that the README's first commands make."""
    for name in ("user:alice@example.com", "agent:planner", "agent:worker"):
        Identity.generate(name).save(tmp_path / f"{re.split('[:@]', name)[1]}.key")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _printed(code: str) -> str:
    """What code prints, run by itself."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})  # noqa: S102 - the README's own code
    return printed.getvalue()


def test_the_first_python_allows_one_request_and_refuses_the_next(keys: Path) -> None:
    """The lines of the first screen, with keys from files."""
    del keys
    assert _printed(_python()[0]) == _plain()[0]
    assert _plain()[0].startswith("allowed\nrefused at hop 1: ")


def test_all_of_the_python_runs_pasted_into_one_file(keys: Path) -> None:
    """One after the other, with nothing between: what they print is what is shown below them."""
    del keys
    assert _printed("\n".join(_python())) == "".join(_plain())


def test_an_http_request_is_allowed_before_one_is_refused() -> None:
    """A newcomer sees first how it goes well."""
    (shown,) = [body for body in _plain() if body.startswith("200 allowed\n")]
    assert shown.splitlines()[1].startswith("401 proof_wrong_request")


def test_every_constraint_is_listed() -> None:
    """The table has each function that makes one."""
    from delegate.language import constraints

    made = {
        name for name in vars(constraints)
        if name in delegate.__all__ and getattr(delegate, name) is getattr(constraints, name) and name != "Constraint"
    }  # fmt: skip
    table = README[README.index("| constraint in") :].partition("\n\n")[0]
    assert made == set(re.findall(r"`?(\w+)\(", table))


def test_the_rule_of_hops_is_the_true_one() -> None:
    """None for mint and spawn unless told; what is left for attenuate, cut, and counted only where the key changes."""
    alice, planner, worker = (Identity.generate(name) for name in ("user:alice@example.com", "agent:p", "agent:w"))
    assert alice.mint(to=planner.principal, can="a", ttl="1h").link.hops_left == 0
    token = alice.mint(to=planner.principal, can="a", ttl="1h", hops=3)
    assert token.link.hops_left == 3
    assert planner.attenuate(token, to=worker.principal).link.hops_left == 2
    assert planner.attenuate(token, to=worker.principal, hops=9).link.hops_left == 2
    assert planner.attenuate(token, to=worker.principal, hops=1).link.hops_left == 1
    assert planner.attenuate(token, ttl="5m").link.hops_left == 3
    assert Holder(planner, token).spawn("agent:child").token.link.hops_left == 0
    bearer = alice.mint(bearer=True, can="a", ttl="1h", audience="files.example.com")
    assert (bearer.link.hops_left, bearer.seal().link.hops_left) == (HOPS_MAX, 0)


def test_comments_beside_capabilities_are_how_they_print() -> None:
    """`can(…)  # text`: the text is its `str()`."""
    names: dict[str, object] = {}
    exec("from delegate import can", names)  # noqa: S102
    lines = [line for line in _python()[1].splitlines() if line.startswith("can(")]
    assert len(lines) == 3
    for line in lines:
        code, _, text = line.partition("#")
        assert str(eval(code, names)) == text.strip()  # noqa: S307


def _any_day(text: str) -> str:
    """Text without what is another each time: moments, how far off they are, and ids."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC \(in [^)]*\)", "<moment>", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "<id>", text)


def test_the_commands_do_what_is_shown(tmp_path: Path) -> None:
    """All of them in a row, with real files: every line that they print, and their exit statuses."""
    here = f"{shlex.quote(sys.executable)} -m delegate"
    environment = {**os.environ, "NO_COLOR": "1", "DELEGATE_DATA": str(tmp_path / "data"), "PYTHONIOENCODING": "utf-8"}
    environment.pop("DELEGATE_STATE", None)
    statuses = []
    for body in (body for language, body in BLOCKS if language == "console" and "$ pip " not in body):
        said = ""
        for command in (line[2:] for line in body.splitlines() if line.startswith("$ ")):
            ran = subprocess.run(  # noqa: S602 - the README's own commands
                re.sub(r"^delegate ", f"{here} ", command),
                shell=True,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
            said += f"$ {command}\n{ran.stdout}"
            statuses.append(ran.returncode)
        assert _any_day(said) == _any_day(body)
    assert statuses == [0, 0, 0, 0, 0, 0, 0, 1, 0, 1]


def test_every_url_of_a_state_is_one_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's schemes are those of `connect`; one that was made up is none."""
    monkeypatch.chdir(tmp_path)
    schemes = set(re.findall(r"`(\w+):///?", README))
    assert schemes == {"memory", "sqlite", "redis", "rediss", "unix", "postgresql", "postgres"}
    places = {"memory": "", "sqlite": "/state.db"}
    for scheme in schemes:
        with contextlib.suppress(StateError):  # there is no such server here
            connect(f"{scheme}://{places.get(scheme, '127.0.0.1:1/')}").close()
    with pytest.raises(ValueError, match="a state URL is"):
        connect("mongodb://")
