"""A small attestor: it says which code a process runs, to whoever asks from that process.

It listens on a Unix socket. The kernel tells it which process connected; it measures what that process runs, and
answers an ask with a discharge. What it says holds for the code: code that is known to ask for its own key alone is
what `said.key == holder.key && said.executable == …` trusts.

Three measures, of which a grant asks for those that fit:

- `executable`: SHA-256 of the program, as it runs, also where the file was replaced meanwhile. Of a Python program that
  is the interpreter: what it interprets is not in it.
- `wheel`: of an installed Python distribution every file, each by the hash in its RECORD, and the RECORD's own. It is
  what is on the disk now: a process that loaded something else before, or loads more, is not caught by it.
- `image`: the digest of the container's image, as the runtime that started it gives it. The attestor believes the
  runtime, and the kernel for which container a process is in.

None is taken of a process that is not the same before and after: one that ended, or another under its number.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from delegate import Ask, Discharge, Identity

ASK_BYTES = 1 << 17
DEADLINE_S = 30.0
FILES = 20_000
_CONTAINER = re.compile(r"([0-9a-f]{64})(?:\.scope)?$")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Measure = Callable[[int], str]


class MeasureError(Exception):
    """A process, or what it runs, cannot be measured: nothing is said of it."""


def executable(pid: int) -> str:
    """Hash what a process runs: SHA-256 of its executable, also where the file was replaced meanwhile."""
    try:
        with Path(f"/proc/{pid}/exe").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MeasureError(str(error)) from None


def wheel(dist_info: Path) -> Measure:
    """Hash an installed distribution, by the folder `….dist-info` in which its RECORD is."""

    def measure(pid: int) -> str:
        # As the process sees its files: it may have a root of its own.
        root = Path(f"/proc/{pid}/root")
        try:
            return _distribution(root / dist_info.resolve().relative_to("/"))
        except (OSError, ValueError, UnicodeDecodeError, csv.Error) as error:
            raise MeasureError(f"{dist_info.name}: {error}") from None

    return measure


def _distribution(dist_info: Path) -> str:
    record = dist_info / "RECORD"
    rows = list(csv.reader(record.read_text("utf-8").splitlines()))
    if not 0 < len(rows) <= FILES:
        message = f"{len(rows)} files"
        raise ValueError(message)
    for path, told, _ in rows:
        if path.startswith(f"{dist_info.name}/RECORD") or (not told and path.endswith(".pyc")):
            continue  # its own hash cannot be in it, nor that of what Python compiles afterwards
        found = hashlib.sha256((dist_info.parent / path).read_bytes()).digest()
        if told != f"sha256={base64.urlsafe_b64encode(found).rstrip(b'=').decode()}":
            message = f"{path} is not what was installed"
            raise ValueError(message)
    return hashlib.sha256(record.read_bytes()).hexdigest()


def image(inspect: Sequence[str]) -> Measure:
    """Ask a container's runtime for the digest of its image.

    Args:
        inspect: the runtime's command, to which the container's id is put: `("podman", "inspect", "--format",
            "{{.ImageDigest}}")`.
    """

    def measure(pid: int) -> str:
        try:
            groups = Path(f"/proc/{pid}/cgroup").read_text("ascii").split()
            (container,) = {found[1] for each in groups if (found := _CONTAINER.search(each))}
            command = [*inspect, container]
            ran = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE_S)  # noqa: S603 - as configured
            digest = ran.stdout.decode("ascii").strip()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            message = f"process {pid} is in no container that the runtime knows: {type(error).__name__}"
            raise MeasureError(message) from None
        if not _DIGEST.fullmatch(digest):
            message = "the runtime gave something other than a digest"
            raise MeasureError(message)
        return digest

    return measure


def started(pid: int) -> str:
    """Say when a process was started, in ticks since the machine was: with its number it is that process alone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError) as error:
        raise MeasureError(str(error)) from None


def peer(connection: socket.socket) -> int:
    """Say which process is at the other end, by the kernel's word."""
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def attest(attestor: Identity, ask: Ask, pid: int, measures: Mapping[str, Measure]) -> Discharge:
    """Say which key asks, and what runs there; raises MeasureError, and then nothing is said."""
    before = started(pid)
    says = {"key": ask.holder_key.hex(), **{name: measure(pid) for name, measure in measures.items()}}
    if started(pid) != before:
        message = "another process has its number now"
        raise MeasureError(message)
    return attestor.discharge(ask, says=says, ttl="5m")


def serve_one(listening: socket.socket, attestor: Identity, measures: Mapping[str, Measure]) -> int:
    """Answer one process: an ask's text comes in, a discharge's text goes out; gives the process that asked."""
    connection, _ = listening.accept()
    connection.settimeout(DEADLINE_S)
    with connection, connection.makefile("rw", encoding="ascii") as stream:
        pid = peer(connection)
        ask = Ask.parse(stream.readline(ASK_BYTES))
        try:
            answer = attest(attestor, ask, pid, measures).to_text()
        except MeasureError:
            answer = ""  # why not is the attestor's to know
        stream.write(f"{answer}\n")
        stream.flush()
        stream.readline()  # the process is still there, and so is its code, until it has its answer
    return pid
