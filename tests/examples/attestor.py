"""A small attestor: it says which code a process runs, to whoever asks from that process.

It listens on a Unix socket. The kernel tells it which process connected; it hashes that process's executable, as it
runs, and answers an ask with a discharge. What it says holds for the code: code that is known to ask for its own key
alone is what `said.key == holder.key && said.code == …` trusts.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from pathlib import Path

from delegate import Ask, Discharge, Identity

ASK_BYTES = 1 << 17


def code_of(pid: int) -> str:
    """Hash what a process runs: SHA-256 of its executable, also where the file was replaced meanwhile."""
    return hashlib.sha256(Path(f"/proc/{pid}/exe").read_bytes()).hexdigest()


def peer(connection: socket.socket) -> int:
    """Say which process is at the other end, by the kernel's word."""
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def attest(attestor: Identity, ask: Ask, pid: int, spiffe_id: str) -> Discharge:
    """Say which key asks, and which code runs there."""
    says = {"key": ask.holder_key.hex(), "code": code_of(pid), "spiffe_id": spiffe_id}
    return attestor.discharge(ask, says=says, ttl="5m")


def serve_one(listening: socket.socket, attestor: Identity, spiffe_id: str) -> int:
    """Answer one process: an ask's text comes in, a discharge's text goes out; gives the process that asked."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rw", encoding="ascii") as stream:
        pid = peer(connection)
        ask = Ask.parse(stream.readline(ASK_BYTES))
        stream.write(attest(attestor, ask, pid, spiffe_id).to_text() + "\n")
        stream.flush()
        stream.readline()  # the process is still there, and so is its code, until it has its answer
    return pid
