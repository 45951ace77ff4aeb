"""Real parts for the tests of this room: an OpenID provider on Node, an issuer under uvicorn, a browser without a head.

All of them listen on loopback alone, and the browser resolves no other name. What is not installed skips a test, and
fails it where `DELEGATE_REQUIRE_SERVERS` is set.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import pytest

from tests.servers import REQUIRED

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROVIDER = Path(__file__).parent / "provider"
_PATIENCE_S = 90.0


def missing(what: str) -> NoReturn:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what}: needed here")
    pytest.skip(what)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it listens until it is not needed any more."""
    log = folder / f"log-{port}"
    with log.open("ab") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=folder,
            env={**os.environ, **(environ or {})},
        )  # fmt: skip
    try:
        end = time.monotonic() + _PATIENCE_S
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                message = f"{command[0]} does not start: {log.read_text('utf-8', 'replace')[-2000:]}"
                raise RuntimeError(message)
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[str]:
    """The OpenID provider: gives its `iss`."""
    from playwright._impl._driver import compute_driver_executable  # it brings a newer Node than most systems have

    node = compute_driver_executable()[0]
    if not (PROVIDER / "node_modules" / "oidc-provider").is_dir():
        missing(f"no OpenID provider; to install it: npm install --no-package-lock --prefix {PROVIDER.name}")
    port = free_port()
    with running([node, str(PROVIDER / "provider.mjs"), str(port)], port, folder, {"NODE_MODULES": str(PROVIDER)}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """Chromium without a head, which resolves no name and reaches nothing but this machine."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or missing("chromium is not installed")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        page = started.new_page()
        page.set_default_timeout(60_000)
        yield page
        started.close()


class Terminal:
    """A `delegate` command that talks while it runs."""

    def __init__(self, *arguments: str, environ: Mapping[str, str]) -> None:
        """Start it."""
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "delegate", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**os.environ, **environ},
        )  # fmt: skip
        self.said = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something on stderr."""
        stream: IO[bytes] | None = self.process.stderr
        assert stream is not None
        end = time.monotonic() + _PATIENCE_S
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            while (found := re.search(pattern, self.said)) is None:
                if not ready.select(max(0.0, end - time.monotonic())):
                    message = f"it says only: {self.said}"
                    raise RuntimeError(message)
                data = os.read(stream.fileno(), 65536)
                if not data:
                    message = f"it ended with: {self.said}"
                    raise RuntimeError(message)
                self.said += data.decode()
        return found

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: status, stdout, and all that it said on stderr."""
        out, err = self.process.communicate(timeout=_PATIENCE_S)
        return self.process.returncode, out.decode(), self.said + err.decode()


def delegate(*arguments: str, environ: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command to its end."""
    return Terminal(*arguments, environ=environ).end()
