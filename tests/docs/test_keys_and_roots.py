"""The pages on keys and roots do what they say: their Python runs in order, and prints what is shown."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from delegate import Identity
from delegate.authoring import Ed25519Signer, SshAgent
from tests.authoring.conftest import agent, module  # noqa: F401 - fixtures
from tests.authoring.elsewhere import Agent

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str) -> tuple[list[str], str]:
    """The Python of a page, and all that it is to print."""
    found = re.findall(r"```(\w*)\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    return [body for language, body in found if language == "python"], "".join(b for kind, b in found if not kind)


def printed(code: list[str], names: dict[str, Any]) -> str:
    """What the blocks print, one after the other."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("\n".join(code), names)  # noqa: S102 - the project's own page
    return out.getvalue()


@contextlib.contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


class KeyService(BaseHTTPRequestHandler):
    """A key service: it tells its public key, and signs what is sent to it."""

    signer = Ed25519Signer(bytes(range(32)))

    def do_GET(self) -> None:
        """Tell the public key."""
        self.answer(self.signer.public_key.to_text().encode())

    def do_POST(self) -> None:
        """Sign."""
        self.answer(self.signer.sign(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body: bytes) -> None:
        """Give it."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Files(SimpleHTTPRequestHandler):
    """The files of the current folder."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_page_on_keys(
    agent: Agent,  # noqa: F811 - the fixture
    module: str,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a real agent, a real token in software, and a key service behind HTTP."""
    monkeypatch.chdir(tmp_path)
    signer = Ed25519Signer.generate()
    SshAgent(agent.path).add(signer, "alice")
    Identity("user:alice@example.com", signer).principal.save("alice.pub")
    code, expected = blocks("keys.md")
    with serving(KeyService) as url:
        assert printed(
            [each.replace("/usr/lib/softhsm/libsofthsm2.so", module) for each in code], {"SERVICE": url}
        ) == (expected)


def test_the_page_on_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server of files."""
    monkeypatch.chdir(tmp_path)
    code, expected = blocks("roots.md")
    with serving(Files) as url:
        assert printed(code, {"URL": url}) == expected
