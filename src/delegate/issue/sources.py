"""Where a workload has its identity: a file, an environment variable, the SPIFFE Workload API.

The rules of this file:

- A source is asked each time: a cluster rotates the file, and CI puts a fresh token where it says.
- A token is read up to its bound, and is never shown: not in an error, not by `repr`.
- What can wait waits so long and no longer. No connection is kept: one of gRPC's would not survive a `fork`.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from delegate.core.chain.printable import shown
from delegate.core.keys.public import PublicKey
from delegate.issue.refusals import IssuerUnavailable
from delegate.issue.words import ID_TOKEN, JWT, X509_SVID

if TYPE_CHECKING:
    from spiffe import WorkloadApiClient

TOKEN_BYTES: Final = 16 * 1024
WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectToken:
    """What says who somebody is.

    Attributes:
        text: the token.
        kind: its type, as OAuth names it.
        salt: of its nonce, in base64url, where it was asked for with one (`nonce_of`).
        context: for TLS, with the certificate that it is bound to.
    """

    text: str = field(repr=False)
    kind: str = ID_TOKEN
    salt: str = field(default="", repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)


class Source(Protocol):
    """What gives a token for a key."""

    def token(self, key: PublicKey) -> SubjectToken:
        """Give a token that says who this workload is; where it can be bound to a key, to this one.

        Raises:
            IssuerUnavailable: there is none now.
        """
        ...


class TokenFile:
    """A file that holds a token, which something else rotates: a service account's in a cluster.

    Such a token names no key, so the grant must be `unbound`: the token is then used once. A later renewal waits until
    the file holds another one.
    """

    __slots__ = ("_kind", "_path")

    def __init__(self, path: str | Path, *, kind: str = ID_TOKEN) -> None:
        """Name the file, and the type of its token."""
        self._path = Path(path)
        self._kind = kind

    def token(self, key: PublicKey) -> SubjectToken:
        """Read it; see `Source.token`."""
        del key
        try:
            with self._path.open("rb") as file:
                data = file.read(TOKEN_BYTES + 1)
        except OSError as error:
            words = (error.strerror or "cannot be read").lower()
            raise IssuerUnavailable(f"{shown(str(self._path))}: {words}") from None
        return _token(data.decode("latin-1"), self._kind, shown(str(self._path)))


class TokenVariable:
    """An environment variable that holds a token, as CI systems give one to a job."""

    __slots__ = ("_environ", "_kind", "_name")

    def __init__(self, name: str, *, kind: str = ID_TOKEN, environ: Mapping[str, str] | None = None) -> None:
        """Name the variable, and the type of its token; `environ`: this process's own, if not said."""
        self._name = name
        self._kind = kind
        self._environ = environ

    def token(self, key: PublicKey) -> SubjectToken:
        """Read it; see `Source.token`."""
        del key
        given = (os.environ if self._environ is None else self._environ).get(self._name, "")
        return _token(given, self._kind, self._name)


class SpiffeJwt:
    """A JWT-SVID of the SPIFFE Workload API. It names no key: the grant must be `unbound`."""

    __slots__ = ("_audience", "_client", "_wait_s")

    def __init__(self, audience: str, *, socket: str | None = None, wait_s: float = WAIT_S) -> None:
        """Say for whom it shall be.

        Args:
            audience: the issuer's name, as its policy has it.
            socket: `unix:///run/spire/agent.sock`; `None`: as SPIFFE_ENDPOINT_SOCKET says.
            wait_s: seconds to wait for the API.
        """
        self._audience = audience
        self._client = _workload_api(socket)
        self._wait_s = wait_s

    def token(self, key: PublicKey) -> SubjectToken:
        """Fetch one; see `Source.token`."""
        del key
        found = _asked(self._client, lambda api: api.fetch_jwt_svid(audience={self._audience}, timeout=self._wait_s))
        return _token(found.token, JWT, "the Workload API")


class SpiffeX509:
    """An X.509-SVID of the SPIFFE Workload API, shown to the issuer over TLS: whoever has its key is the workload."""

    __slots__ = ("_client", "_context", "_wait_s")

    def __init__(
        self,
        *,
        socket: str | None = None,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        wait_s: float = WAIT_S,
    ) -> None:
        """Say how the issuer's own certificate is checked.

        Args:
            socket: as for `SpiffeJwt`.
            context: makes the context for TLS; the system's authorities, if not said.
            wait_s: seconds to wait for the API.
        """
        self._client = _workload_api(socket)
        self._context = context
        self._wait_s = wait_s

    def token(self, key: PublicKey) -> SubjectToken:
        """Fetch one; see `Source.token`."""
        del key
        from cryptography.hazmat.primitives import serialization as form

        found = _asked(self._client, lambda api: api.fetch_x509_svid(timeout=self._wait_s))
        chain = b"".join(each.public_bytes(form.Encoding.PEM) for each in found.cert_chain)
        secret = found.private_key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        context = self._context()
        load_pair(context, chain, secret)
        from delegate.issue.certificates import x5t

        leaf = found.leaf.public_bytes(form.Encoding.DER)
        return SubjectToken(text=x5t(leaf), kind=X509_SVID, context=context)


def source_of(given: Source | Path | str, url: str) -> Source:
    """Take a source as it is, or as a setting writes it.

    Args:
        given: a source; a path, for a `TokenFile`; or `file:/path`, `env:NAME`, `spiffe:jwt`, `spiffe:x509`.
        url: the issuer's address: for whom a JWT-SVID shall be.

    Raises:
        ValueError: another text. ImportError: the extra is not installed.
    """
    if isinstance(given, Path):
        return TokenFile(given)
    if not isinstance(given, str):
        return given
    kind, _, rest = given.partition(":")
    if kind == "file" and rest:
        return TokenFile(rest)
    if kind == "env" and rest:
        return TokenVariable(rest)
    if given == "spiffe:jwt":
        return SpiffeJwt(url)
    if given == "spiffe:x509":
        return SpiffeX509()
    message = "a source is written as file:/path, env:NAME, spiffe:jwt or spiffe:x509"
    raise ValueError(message)


def load_pair(context: ssl.SSLContext, chain: bytes, secret: bytes) -> None:
    """Load a certificate and its key, both as PEM, into a context; OpenSSL takes them from a file alone.

    The file is this user's alone, and gone when this returns.
    """
    handle, name = tempfile.mkstemp()  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret + chain)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def _token(text: str, kind: str, where: str) -> SubjectToken:
    text = text.strip()
    if not text:
        raise IssuerUnavailable(f"{where}: no token there")
    if len(text) > TOKEN_BYTES or not text.isascii() or any(each.isspace() for each in text):
        raise IssuerUnavailable(f"{where}: this is no token")
    return SubjectToken(text=text, kind=kind)


def _workload_api(socket: str | None) -> Callable[[], WorkloadApiClient]:
    try:
        from spiffe import WorkloadApiClient
    except ImportError as error:
        message = "the SPIFFE Workload API needs an extra: pip install 'delegate-token[spiffe]'"
        raise ImportError(message) from error
    return lambda: WorkloadApiClient(socket)


def _asked(client: Callable[[], WorkloadApiClient], ask: Callable[[WorkloadApiClient], Any]) -> Any:  # noqa: ANN401 - of that library
    try:
        with client() as api:
            return ask(api)
    except Exception as error:  # noqa: BLE001 - the library and gRPC raise what they like
        raise IssuerUnavailable(f"the Workload API gives nothing: {shown(type(error).__name__)}") from None
