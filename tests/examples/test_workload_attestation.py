"""Workload attestation: a service serves only an agent whose running code it knows."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from delegate import Holder, Identity, Reason, Request, Verifier, need
from tests.examples import attestor as module
from tests.examples.attestor import Measure, MeasureError, attest, executable, image, serve_one, started, wheel

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
print(holder.prove(request, "ci.example.com", discharges=[discharge] if discharge else []).to_text())
"""
ALICE = Identity.generate("user:alice@example.com")
ATTESTOR = Identity.generate("spiffe://example.com/attestor")
DEPLOY = Request("deploy", "/prod/web")
EXECUTABLE: dict[str, Measure] = {"executable": executable}
pytestmark = pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="reads /proc, which this system lacks")


def presented(tmp_path: Path, holder: Holder, measures: Mapping[str, Measure]) -> str:
    """Start the agent, attest it, and give what it presents."""
    path = tmp_path / "attestor"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)
        asked: list[int] = []
        thread = threading.Thread(target=lambda: asked.append(serve_one(listening, ATTESTOR, measures)))
        thread.start()
        environment = {**holder.to_env(), "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-c", AGENT, str(path)]
        agent = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
        thread.join()
    assert asked
    return agent.stdout.strip()


def held(**measured: str) -> Holder:
    """Alice's grant to a deployer of which this is measured."""
    deployer = Identity.generate("agent:deployer")
    same = " && ".join(["said.key == holder.key", *(f"said.{name} == {name}" for name in measured)])
    bound: dict[str, Any] = dict(measured)
    attested = need(ATTESTOR.principal, condition=same, max_age="5m", **bound)
    token = ALICE.mint(to=deployer.principal, can="deploy /prod/*", ttl="1h", needs=attested)
    return Holder(deployer, token)


def service() -> Verifier:
    """A service that knows the attestor."""
    return Verifier([ALICE.principal], audience="ci.example.com", third_parties=[ATTESTOR.principal])


def test_a_running_process_is_attested_and_served(tmp_path: Path) -> None:
    """The attestor hashes the executable of the real process that asks; the service knows that hash."""
    holder = held(executable=executable(os.getpid()))  # of this interpreter, which runs the agent too
    bare = holder.prove(DEPLOY, "ci.example.com")
    assert service().decide(bare, DEPLOY).reason is Reason.DISCHARGE_MISSING
    assert service().authorize(presented(tmp_path, holder, EXECUTABLE), DEPLOY).confirmed_by == (ATTESTOR.name,)


def test_other_code_is_attested_and_refused(tmp_path: Path) -> None:
    """The same agent, where the grant is for other code: the attestor tells the truth, and that is not enough."""
    decision = service().decide(presented(tmp_path, held(executable="0" * 64), EXECUTABLE), DEPLOY)
    assert decision.reason is Reason.DISCHARGE_REFUSED
    assert decision.hop == 0


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A distribution as an installer leaves it: its files, and a RECORD of them."""
    files = {"tool/__init__.py": b"", "tool/run.py": b"print('hello')\n"}
    rows = []
    for name, content in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}")
    folder = tmp_path / "site" / "tool-1.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_text("\n".join([*rows, "tool-1.0.dist-info/RECORD,,", "tool/run.pyc,,"]) + "\n")
    return folder


def test_a_wheel_is_attested_and_served(tmp_path: Path, installed: Path) -> None:
    """The interpreter and what it interprets, both."""
    measures = {**EXECUTABLE, "wheel": wheel(installed)}
    holder = held(executable=executable(os.getpid()), wheel=wheel(installed)(os.getpid()))
    assert service().authorize(presented(tmp_path, holder, measures), DEPLOY).confirmed_by == (ATTESTOR.name,)


def test_an_altered_wheel_is_not_attested(tmp_path: Path, installed: Path) -> None:
    """One file of it is not what was installed: the attestor says nothing at all."""
    holder = held(wheel=wheel(installed)(os.getpid()))
    (installed.parent / "tool" / "run.py").write_text("print('something else')\n")
    decision = service().decide(presented(tmp_path, holder, {"wheel": wheel(installed)}), DEPLOY)
    assert decision.reason is Reason.DISCHARGE_MISSING


def test_a_wheel_with_another_record_is_another_wheel(installed: Path) -> None:
    """Files and RECORD altered together give another digest; a file that is missing, or too many, give none."""
    here = os.getpid()
    before = wheel(installed)(here)
    record = installed / "RECORD"
    text = record.read_text()
    record.write_text(text + "tool/more.pyc,,\n")
    assert wheel(installed)(here) != before
    for wrong in ("", "tool/gone.py,sha256=x,1\n", "a,b\n", "x.pyc,,\n" * 20_001):
        record.write_text(wrong)
        with pytest.raises(MeasureError):
            wheel(installed)(here)


def test_an_image_is_what_the_runtime_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel tells the container, and the runtime its image. No runtime is here: a stand-in answers for one."""
    container, digest = "ab" * 32, f"sha256:{'cd' * 32}"
    groups = tmp_path / "cgroup"
    read = Path.read_text

    def read_text(path: Path, *arguments: str) -> str:
        return read(groups if path.name == "cgroup" else path, *arguments)

    monkeypatch.setattr(Path, "read_text", read_text)
    answer = f"import sys; print({digest!r} if sys.argv[1] == {container!r} else 'nothing')"
    measure = image((sys.executable, "-c", answer))
    for line in (f"0::/system.slice/docker-{container}.scope\n", f"0::/kubepods/pod1/{container}\n"):
        groups.write_text(line)
        assert measure(os.getpid()) == digest
    for line in ("0::/user.slice\n", f"0::/{'ef' * 32}\n", f"0::/{container}\n1:x:/{'ef' * 32}\n"):
        groups.write_text(line)
        with pytest.raises(MeasureError):
            measure(os.getpid())
    groups.write_text(f"0::/{container}\n")
    with pytest.raises(MeasureError):
        image(("/nowhere/podman",))(os.getpid())


def test_a_process_that_is_gone_or_another_is_not_attested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that the kernel gives to somebody else between the two looks."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder = held()
    (ask,) = holder.asks(DEPLOY)
    for measure in (started, executable):
        with pytest.raises(MeasureError):
            measure(gone.pid)
    moments = iter(["1", "2"])
    monkeypatch.setattr(module, "started", lambda _: next(moments))
    with pytest.raises(MeasureError, match="another process"):
        attest(ATTESTOR, ask, os.getpid(), EXECUTABLE)
