"""What is issued is an event, and what was done with it leads back to the person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from delegate import Identity, Request, Root, Verifier
from delegate.audit import connect
from delegate.audit.events import Kind
from delegate.audit.notes_of import NotesToLog
from tests.issue.world import AGENT, ISSUER, World

READ = Request("files.read", "/reports/q3.csv", {"size": 10})


def test_a_trace_names_the_person(tmp_path: Path) -> None:
    """From nothing but a login to a decision, and from the decision to Alice."""
    log = connect(f"sqlite:///{tmp_path}/audit.db", required=True)
    world = World(folder=tmp_path)
    world.issuer = type(world.issuer)(
        world.policy,
        Identity(ISSUER.name, ISSUER.signer, journal=NotesToLog(log, name=ISSUER.name)),
        clock=lambda: world.now,
    )
    issued = world.ask()
    verifier = Verifier(
        roots=[Root(ISSUER.principal, speaks_for=["user:*@example.com"])],
        audience="files.example.com",
        clock=lambda: world.now,
        audit=log,
    )
    presentation = AGENT.prove(issued.token, READ, "files.example.com", now=world.now)
    assert verifier.decide(presentation, READ).allowed
    minted, decided = log
    assert (minted.kind, decided.kind) == (Kind.MINT, Kind.DECISION)
    assert minted.originator == decided.originator == "user:alice@example.com"
    assert decided.block_ids == (issued.token.link.id,)
    log.close()
    command = [sys.executable, "-m", "delegate", "audit", "trace", "user:alice@example.com"]
    told = subprocess.run(  # noqa: S603 - our own command
        [*command, "--log", f"sqlite:///{tmp_path}/audit.db"], capture_output=True, text=True, check=True
    ).stdout
    assert "agent:planner" in told
    assert "files.read" in told
