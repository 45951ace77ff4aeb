"""Workload attestation: a service serves only an agent whose running code it knows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from delegate import Holder, Identity, Reason, Request, Verifier, need
from tests.examples.attestor import code_of, serve_one

# The agent: it has its chain and key from its environment, and asks the attestor of this machine.
AGENT = """
import os, socket, sys
from delegate import Holder, Request
holder = Holder.from_env(os.environ)
request = Request("deploy", "/prod/web")
ask, = holder.asks(request)
with socket.socket(socket.AF_UNIX) as attestor:
    attestor.connect(sys.argv[1])
    with attestor.makefile("rw", encoding="ascii") as stream:
        stream.write(ask.to_text() + "\\n")
        stream.flush()
        discharge = stream.readline().strip()
        stream.write("\\n")
        stream.flush()
print(holder.prove(request, "ci.example.com", discharges=[discharge]).to_text())
"""
ALICE = Identity.generate("user:alice@example.com")
ATTESTOR = Identity.generate("spiffe://example.com/attestor")
DEPLOY = Request("deploy", "/prod/web")
pytestmark = pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="reads /proc, which this system lacks")


def presented(tmp_path: Path, holder: Holder) -> str:
    """Start the agent, attest it, and give what it presents."""
    path = tmp_path / "attestor"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)
        asked: list[int] = []
        thread = threading.Thread(
            target=lambda: asked.append(serve_one(listening, ATTESTOR, "spiffe://example.com/deployer"))
        )
        thread.start()
        environment = {**holder.to_env(), "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-c", AGENT, str(path)]
        agent = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
        thread.join()
    assert asked
    return agent.stdout.strip()


def held(code: str) -> Holder:
    """Alice's grant to a deployer that runs this code."""
    deployer = Identity.generate("agent:deployer")
    token = ALICE.mint(
        to=deployer.principal,
        can="deploy /prod/*",
        ttl="1h",
        needs=need(
            ATTESTOR.principal, condition="said.key == holder.key && said.code == code", code=code, max_age="5m"
        ),
    )
    return Holder(deployer, token)


def test_a_running_process_is_attested_and_served(tmp_path: Path) -> None:
    """The attestor hashes the executable of the real process that asks; the service knows that hash."""
    service = Verifier([ALICE.principal], audience="ci.example.com", third_parties=[ATTESTOR.principal])
    holder = held(code_of(os.getpid()))  # of this interpreter, which runs the agent too
    bare = holder.prove(DEPLOY, "ci.example.com")
    assert service.decide(bare, DEPLOY).reason is Reason.DISCHARGE_MISSING
    assert service.authorize(presented(tmp_path, holder), DEPLOY).confirmed_by == (ATTESTOR.name,)


def test_other_code_is_attested_and_refused(tmp_path: Path) -> None:
    """The same agent, where the grant is for other code: the attestor tells the truth, and that is not enough."""
    service = Verifier([ALICE.principal], audience="ci.example.com", third_parties=[ATTESTOR.principal])
    decision = service.decide(presented(tmp_path, held("0" * 64)), DEPLOY)
    assert decision.reason is Reason.DISCHARGE_REFUSED
    assert decision.hop == 0
