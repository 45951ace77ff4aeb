"""What type checkers see of the library, in a program that uses it: mistakes are errors, and what is right is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from delegate import Decision, Denied, errors
from delegate.authoring import minted
from delegate.authoring.terms import AUTHORITY, Authority
from delegate.verifier import denied

ROOT: Final = Path(__file__).parents[1]
# Every line that ends in `# wrong` is an error, and no other; in `# wrong to pyright`, to that one alone.
PROGRAM: Final = """
from datetime import UTC, datetime
from typing import assert_type

from delegate import AsyncVerifier, BearerToken, Decision, Denied, Identity, MemoryReplay, Request, Token, Verifier
from delegate.state import AsyncState, State

ALICE = Identity.generate("user:alice@example.com")
AGENT = Identity.generate("agent:a")


def verifiers(state: State, awaited: AsyncState) -> None:
    Verifier([ALICE.principal], audience="s", state=state, replay=MemoryReplay())
    Verifier([ALICE.principal], audience="s", state=awaited)  # wrong
    Verifier([ALICE.principal], audience="s", replay=awaited.replay)  # wrong
    Verifier([ALICE.principal], audience="s", revocations=awaited.revocations)  # wrong
    Verifier([ALICE.principal], audience="s", ledger=awaited.ledger)  # wrong
    AsyncVerifier([ALICE.principal], audience="s", state=awaited)
    AsyncVerifier([ALICE.principal], audience="s", state=state, ledger=awaited.ledger)


def lifetimes() -> None:
    assert_type(ALICE.mint(to=AGENT.principal, can="x", ttl="1h"), Token)
    assert_type(ALICE.mint(to=AGENT.principal, can="x", expires=datetime.now(UTC), tenant="t"), Token)
    assert_type(ALICE.mint(bearer=True, can="x", ttl=60, audience="s"), BearerToken)
    ALICE.draft_mint(to=AGENT.principal, can="x", ttl="1h")
    ALICE.mint(to=AGENT.principal, can="x")  # wrong
    ALICE.mint(to=AGENT.principal, can="x", ttl=None)  # wrong
    ALICE.mint(to=AGENT.principal, can="x", ttl=60, expires=datetime.now(UTC))  # wrong
    ALICE.mint(bearer=True, can="x", audience="s")  # wrong
    ALICE.mint(to="agent:a", can="x", ttl=60)  # wrong
    ALICE.mint(can="x", ttl=60)  # wrong
    ALICE.draft_mint(to=AGENT.principal, can="x")  # wrong


def decisions(verifier: Verifier) -> str | None:
    decision = verifier.decide(None, Request("x"))
    if decision:  # wrong to pyright
        return None
    try:
        verifier.authorize(None, Request("x"))
    except Denied as error:
        assert_type(error.decision, Decision | None)
        return error.decision.holder_detail  # wrong
    return None
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, as a file."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.lstrip())
    return path


def wrong(*endings: str) -> set[int]:
    """The lines that are to be errors."""
    lines = enumerate(PROGRAM.lstrip().splitlines(), 1)
    return {number for number, line in lines if line.endswith(tuple(f"# {each}" for each in endings))}


def test_mypy_refuses_what_the_library_refuses(program: Path) -> None:
    """A state that must be awaited, a chain without a lifetime, a decision that may not be there."""
    pytest.importorskip("mypy", reason="mypy is a tool of `make lint`, and not here")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-error-summary",
        "--hide-error-context",
        "--output=json",
        str(program),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    found = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert {each["line"] for each in found if each["severity"] == "error"} == wrong("wrong"), ran.stdout + ran.stderr


def test_pyright_refuses_what_the_library_refuses(program: Path) -> None:
    """The same, and a decision that is taken for a truth value."""
    pyright = shutil.which("pyright")
    if pyright is None:
        pytest.skip("pyright is not here: npm install pyright")
    command = [pyright, "--outputjson", "--pythonpath", sys.executable, str(program)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    found = [each for each in json.loads(ran.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    lines = {each["range"]["start"]["line"] + 1 for each in found}
    assert lines == wrong("wrong", "wrong to pyright"), ran.stdout


def test_a_first_block_has_the_same_terms_to_type_checkers() -> None:
    """What they are told of `mint` is what it takes, of the same kinds; and one lifetime must be there."""
    for kind, life, other in ((minted.Lasting, "ttl", "expires"), (minted.Ending, "expires", "ttl")):
        assert "Required[" in str(kind.__annotations__[life])
        assert set(kind.__annotations__) == AUTHORITY
        told, meant = (
            {name: said.__forward_arg__ for name, said in each.__annotations__.items() if name not in {life, other}}
            for each in (kind, Authority)
        )
        assert told == meant


def test_there_is_one_denied() -> None:
    """Whoever catches one catches the other; and a decision is no truth value when the program runs, either."""
    assert Denied is errors.Denied is denied.Denied
    with pytest.raises(TypeError, match=r"ask for \.allowed"):
        bool(Decision.__new__(Decision))
