"""Running the issuer with uvicorn, client certificates included.

uvicorn does not tell an app which certificate its client has shown. `Protocol` does, as ASGI's TLS extension has it:
the certificates of the connection, as they came. The handshake shows that the client has the leaf's key, and that some
authority of one file vouches for it; that it is one of the leaf's own trust domain is checked by the issuer
(`certificates.py`). Authorities that are added to the file count from then on; those that are taken away count no more
for the issuer, and for handshakes when the server is started again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from delegate.issue.asgi import App, Receive, Scope, Send

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    message = "serving an issuer needs an extra: pip install 'delegate-token[issuer]'"
    raise ImportError(message) from error

if TYPE_CHECKING:
    from pathlib import Path

_CONNECTIONS: Final = 1000


class Protocol(H11Protocol):
    """HTTP/1.1, with the client's certificates in the scope of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the certificates of this connection, which has had its handshake."""
        super().connection_made(transport)
        chain = shown_certificates(transport.get_extra_info("ssl_object"))
        app = self.app

        async def with_certificates(scope: Scope, receive: Receive, send: Send) -> None:
            tls = {"server_cert": None, "client_cert_chain": chain, "client_cert_name": None}
            scope["extensions"] = {**(scope.get("extensions") or {}), "tls": tls}
            await app(scope, receive, send)

        if chain:
            self.app = with_certificates


def shown_certificates(connection: Any) -> Sequence[str]:  # noqa: ANN401 - of `ssl`, or none
    """Give the certificates that the other end has shown, as PEM, its own first."""
    leaf = None if connection is None else connection.getpeercert(binary_form=True)
    if not leaf:
        return ()
    inner: Any = connection if hasattr(connection, "get_unverified_chain") else getattr(connection, "_sslobj", None)
    found = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
    encoded = [each if isinstance(each, bytes) else each.public_bytes(2) for each in found or ()]  # 2: as DER
    return [ssl.DER_cert_to_PEM_cert(each) for each in encoded or [leaf]]


def configured(
    app: App,
    *,
    host: str = "127.0.0.1",
    port: int = 8443,
    certificate: str | Path | None = None,
    key: str | Path | None = None,
    clients: str | Path | None = None,
    fd: int | None = None,
) -> uvicorn.Config:
    """Configure the server.

    Args:
        app: of `asgi.app`.
        host: where to listen.
        port: the same; 0 for one that is free.
        certificate: the server's, for TLS; behind a proxy that ends TLS there is none.
        key: its key.
        clients: PEM file with the authorities whose client certificates are taken at the handshake; `None`: none is
            asked for.
        fd: a socket that is open already, in place of host and port.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        fd=fd,
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        ssl_certfile=certificate,
        ssl_keyfile=None if key is None else str(key),
        ssl_ca_certs=None if clients is None else str(clients),
        ssl_cert_reqs=ssl.CERT_NONE if clients is None else ssl.CERT_OPTIONAL,
    )


class _Server(uvicorn.Server):
    """A server that takes new authorities of clients from their file."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._clients = config.ssl_ca_certs
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int] | None:
        from pathlib import Path

        try:
            found = Path(self._clients or "").stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    async def on_tick(self, counter: int) -> bool:
        """Look at the file every five seconds; uvicorn calls this ten times a second."""
        if self._clients is not None and counter % 50 == 49 and self._stamp() != self._seen:
            self._seen = self._stamp()
            with suppress(OSError, ssl.SSLError):  # half written: looked at again when it changes again
                assert self.config.ssl is not None  # noqa: S101 - for the type checker
                self.config.ssl.load_verify_locations(self._clients)
        return await super().on_tick(counter)


def run(config: uvicorn.Config) -> None:
    """Serve until the process is told to end."""
    _Server(config).run()
