"""A real HTTP server for tests: uvicorn in a thread of this process, on a port of the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn


@contextlib.contextmanager
def serving(make: Callable[[str], Any], **more: Any) -> Iterator[str]:
    """Serve the application that `make` gives for its origin; give the origin."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # asyncio sets TCP_NODELAY for this alone
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(make(origin), log_level="critical", lifespan="off", access_log=False, **more)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.002)
            if not thread.is_alive():
                message = "uvicorn did not start"
                raise RuntimeError(message)
        try:
            yield origin
        finally:
            server.should_exit = True
            thread.join(30)


def exchange(origin: str, sent: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes as they are; give all that comes back until the server closes."""
    host, _, port = origin.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
