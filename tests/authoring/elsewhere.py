"""What keeps keys elsewhere: a real ssh-agent, a real token in software, and an agent that answers as a test says."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from tests.servers import _missing

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = "1234"
TOKEN = "delegate-tests"
OFFICE = "office"  # of the page on keys


class Agent:
    """An ssh-agent of OpenSSH, with a socket of its own."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        if shutil.which("ssh-agent") is None:
            _missing("ssh-agent", "openssh-client")
        self.path = folder / "agent"
        self.environment = {**os.environ, "SSH_AUTH_SOCK": str(self.path), "DISPLAY": ":none"}
        self.process = subprocess.Popen(  # noqa: S603 - our own arguments
            ["ssh-agent", "-D", "-a", str(self.path)],  # noqa: S607
            stdout=subprocess.PIPE,
            env={**os.environ, "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"},
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it is there once it has told where

    def add(self, *arguments: str, words: str = "") -> None:
        """Run ssh-add."""
        ran = subprocess.run(  # noqa: S603 - our own arguments
            ["ssh-add", "-q", *arguments],  # noqa: S607
            env=self.environment, check=False, capture_output=True, input=words.encode(),
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def ssh_keygen(path: Path, *arguments: str, passphrase: str = "") -> None:
    """Make a key as OpenSSH does."""
    if shutil.which("ssh-keygen") is None:
        _missing("ssh-keygen", "openssh-client")
    command = ["ssh-keygen", "-q", "-N", passphrase, "-f", str(path), *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments


@contextmanager
def answering(folder: Path, *answers: bytes | Callable[[socket.socket], None]) -> Iterator[Path]:
    """An agent that gives each question the next of these answers, framed, or does to it what a function does."""
    path = folder / "odd"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(8)

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(len(answer).to_bytes(4) + answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def string(data: bytes) -> bytes:
    """A string of RFC 4251."""
    return len(data).to_bytes(4) + data


@cache
def softhsm() -> str:
    """Give the module of SoftHSM, with tokens of this process's own: it reads once where they are."""
    module = next((each for each in MODULES if Path(each).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        _missing("softhsm2", "softhsm2")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed: it has no wheel for this Python")
    folder = Path(tempfile.mkdtemp(prefix="softhsm"))
    atexit.register(_remove, folder, os.getpid())
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    for label in (TOKEN, OFFICE):
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
    return module or ""


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # not at the end of a child
        shutil.rmtree(folder, ignore_errors=True)
