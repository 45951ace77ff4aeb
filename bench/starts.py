"""Whole processes, from start to end: the bare interpreter, imports, and the command line at its daily work.

The wall clock, and beside it the processor time that the system reckons to the process: of the two the steadier one
on a machine with others' work on it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import DEVNULL, Popen, run
from tempfile import mkdtemp
from time import perf_counter_ns
from typing import NamedTuple, TypeAlias

Command: TypeAlias = tuple[str, ...]
INTERPRETER = "bare interpreter"
_REQUEST = (
    *("--audience", "files.example.com", "--action", "files.read", "--resource", "/reports/q3.csv"),
    *("--arg", "size=10"),
)
_MINT = (
    *("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "files.read /reports/**"),
    *("--if", "args.size < 1000", "--ttl", "8h", "--no-journal"),
)
_PACKAGES = """
from importlib.metadata import version
from platform import python_version
print(f"python {python_version()}", *(f"{name} {version(name)}" for name in ("pynacl", "cbor2")), sep=", ")
"""
# A proof is good for a minute: what is made here is as of this time, and judged as of then.
_NOW = ("--now", "2026-12-01T12:00Z")


def imports(python: str) -> dict[str, Command]:
    """Give the bare interpreter, and what programs import first."""
    lines = {
        name: name for name in ("import delegate", "from delegate import Verifier", "from delegate import Identity")
    }
    return {name: (python, "-c", code) for name, code in {INTERPRETER: "pass", **lines}.items()}


class Taken(NamedTuple):
    """What one process took, in milliseconds."""

    wall_ms: float
    processor_ms: float


class Tree:
    """One checkout: its interpreter, its sources, and a folder with keys and tokens to work on."""

    def __init__(self, root: Path, folder: Path, python: str | None = None) -> None:
        """Work in a new folder inside `folder`; by this interpreter, else the checkout's own, else the one running.

        Compiled files are kept in `folder` too, whatever the caller's environment says: a start pays for them once,
        and nothing is written into the checkout.
        """
        self.root = root.resolve()
        own = self.root / ".venv" / "bin" / "python"
        self.python = python or (str(own) if own.exists() else sys.executable)
        self._work = Path(mkdtemp(dir=folder))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DELEGATE_"))},
            "PYTHONPATH": str(self.root / "src"),
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
            "DELEGATE_DATA": str(self._work),
        }

    def commands(self) -> dict[str, Command]:
        """Give what to start, by name; what `prove` and `verify` read is made first, by the same command line."""
        line = (self.python, "-m", "delegate")
        for stem, name in {"alice": "user:alice@example.com", "planner": "agent:planner"}.items():
            self.output((*line, "key", "new", name, "--output", stem, "--json"))
        mint = (*line, *_MINT, *_NOW)
        prove = (*line, "prove", "planner.token", "--key", "planner.key", *_REQUEST, *_NOW)
        self._write("planner.token", self.output(mint))
        self._write("planner.proof", self.output(prove))
        return {
            **imports(self.python),
            "delegate --help": (*line, "--help"),
            "delegate mint": mint,
            "delegate prove": prove,
            "delegate verify": (*line, "verify", "planner.proof", "--root", "alice.pub", *_REQUEST, *_NOW),
        }

    def packages(self) -> str:
        """Name the interpreter and the packages that a check rests on, with their versions."""
        return self.output((self.python, "-c", _PACKAGES)).decode().strip()

    def output(self, command: Command) -> bytes:
        """Run it and give what it prints."""
        done = run(command, check=False, capture_output=True, cwd=self._work, env=self.environment)  # noqa: S603 - our own command
        if done.returncode:
            message = f"{' '.join(command)}: {done.stderr.decode()}"
            raise AssertionError(message)
        return done.stdout

    def start(self, command: Command) -> Taken:
        """Run it to its end, measured."""
        started = perf_counter_ns()
        process = Popen(  # noqa: S603 - our own command
            command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd=self._work, env=self.environment
        )
        _, status, used = os.wait4(process.pid, 0)
        taken = (perf_counter_ns() - started) / 1e6
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            message = f"{' '.join(command)}: exit status {process.returncode}"
            raise AssertionError(message)
        return Taken(taken, (used.ru_utime + used.ru_stime) * 1000)

    def _write(self, name: str, data: bytes) -> None:
        (self._work / name).write_bytes(data)
