"""Workloads with SPIFFE identities, over real TLS and the real client of the Workload API.

The server of the Workload API is the tests' own: a real agent needs a host of its own. Client and protocol are real.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from spiffe._proto import workload_pb2, workload_pb2_grpc

from delegate import Holder, Identity, Request
from delegate.issue import IssuerUnavailable, NotIssued
from delegate.issue.sources import SpiffeJwt, SpiffeX509, TokenFile
from tests.issue.authority import Authority, der, pem, secret
from tests.issue.machines import free_port, running
from tests.issue.world import KEY, signed

register: Any = workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server  # generated, without types

ID = "spiffe://example.org/planner"


class WorkloadApi(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """A Workload API that gives whatever its authority signs, anew each time: it rotates."""

    def __init__(self, authority: Authority) -> None:
        """`silent`: it takes calls and never answers."""
        self.authority = authority
        self.silent = False
        self.given = 0

    def FetchX509SVID(self, _request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802 - gRPC's
        """A certificate and its key."""
        self._or_wait(context)
        leaf, key = self.authority.leaf(ID)
        self.given += 1
        found = workload_pb2.X509SVID(
            spiffe_id=ID,
            x509_svid=der(leaf),
            x509_svid_key=secret(key, Encoding.DER),
            bundle=der(self.authority.certificate),
        )
        yield workload_pb2.X509SVIDResponse(svids=[found])

    def FetchJWTSVID(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - gRPC's
        """A token for whoever is named."""
        self._or_wait(context)
        self.given += 1
        now = int(datetime.now(UTC).timestamp())
        claims = {"sub": ID, "aud": list(request.audience), "exp": now + 300, "iat": now, "jti": str(self.given)}
        token = signed({"alg": "ES256", "kid": "k1", "typ": "JWT"}, claims)
        return workload_pb2.JWTSVIDResponse(svids=[workload_pb2.JWTSVID(spiffe_id=ID, svid=token)])

    def _or_wait(self, context: Any) -> None:  # noqa: ANN401
        while self.silent and context.is_active():
            import time

            time.sleep(0.01)


class Mesh:
    """A Workload API and an issuer that trusts its domain."""

    def __init__(self, folder: Path, url: str, api: WorkloadApi, web: Authority) -> None:
        """Remember where."""
        self.folder = folder
        self.url = url
        self.api = api
        self.web = web
        self.socket = f"unix://{folder}/api.sock"

    def context(self) -> ssl.SSLContext:
        """Trust the issuer's own authority, and no other."""
        return ssl.create_default_context(cadata=pem(self.web.certificate).decode())


POLICY = """
[issuer]
url = "{url}"
key = "issuer.key"
state = "sqlite:///{folder}/issuer.db"

[[trust]]
name = "mesh"
type = "spiffe-x509"
trust_domain = "example.org"
bundle = "example.pem"

[[trust]]
name = "tokens"
type = "spiffe-jwt"
trust_domain = "example.org"
bundle = "bundle.json"

[[grant]]
name = "by-certificate"
trust = "mesh"
if = 'claims.sub == "spiffe://example.org/planner"'
for = "claims.sub"
can = ["queue.read"]
ttl = "15m"

[[grant]]
name = "by-token"
trust = "tokens"
if = 'claims.sub == "spiffe://example.org/planner"'
for = "claims.sub"
can = ["queue.peek"]
ttl = "2m"
unbound = true
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """All of it, once for the tests of this file."""
    folder = tmp_path_factory.mktemp("mesh")
    domain, web = Authority("example.org"), Authority("web")
    certificate, key = web.leaf(address="127.0.0.1")
    Identity.generate("svc:issuer").save(folder / "issuer.key")
    bundle = {"keys": [{**KEY.as_dict(private=False), "use": "jwt-svid"}]}
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    for name, content in (
        ("policy.toml", POLICY.format(url=url, folder=folder).encode()),
        ("bundle.json", json.dumps(bundle).encode()),
        ("example.pem", pem(domain.certificate)),
        ("server.pem", pem(certificate)),
        ("server.secret", secret(key)),
    ):
        (folder / name).write_bytes(content)
    api = WorkloadApi(domain)
    server = grpc.server(ThreadPoolExecutor(4))
    register(api, server)
    server.add_insecure_port(f"unix://{folder}/api.sock")
    server.start()
    command = [sys.executable, "-m", "delegate", "issuer", "serve", "--policy", "policy.toml", "--port", str(port)]
    command += ["--cert", "server.pem", "--tls-key", "server.secret", "--clients", "example.pem"]
    try:
        with running(command, port, folder):
            yield Mesh(folder, url, api, web)
    finally:
        server.stop(0).wait()


class Trusting:
    """A source as it is, over TLS that trusts the tests' authority."""

    def __init__(self, inner: Any, mesh: Mesh) -> None:  # noqa: ANN401 - any source
        """Of this mesh."""
        self.inner = inner
        self.mesh = mesh

    def token(self, key: Any) -> Any:  # noqa: ANN401 - as `Source`
        """The token, with a context."""
        from dataclasses import replace

        found = self.inner.token(key)
        return found if found.context else replace(found, context=self.mesh.context())


@pytest.fixture(autouse=True)
def trusted(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' authority is the system's, for what asks the issuer about itself."""
    made, authority = ssl.create_default_context, pem(mesh.web.certificate).decode()
    monkeypatch.setattr(ssl, "create_default_context", lambda **given: made(**(given or {"cadata": authority})))


def test_a_workload_shows_its_certificate(mesh: Mesh) -> None:
    """TLS with an SVID of the Workload API: a chain for the agent's own key, again and again, and it rotates."""
    before = mesh.api.given
    source = SpiffeX509(socket=mesh.socket, context=mesh.context)
    holder = Holder.from_issuer(mesh.url, source, name="agent:planner")
    block = holder.token.link.block
    assert (block.originator, block.holder) == (ID, "agent:planner")
    assert holder.may(Request("queue.read")).allowed
    first = holder.token
    holder.renewal.renew()
    assert holder.token.id != first.id
    assert mesh.api.given == before + 2


def test_a_workload_brings_a_token(mesh: Mesh) -> None:
    """A JWT-SVID, used once; each renewal fetches another."""
    holder = Holder.from_issuer(mesh.url, SpiffeJwt(mesh.url, socket=mesh.socket), name="agent:planner")
    assert holder.may(Request("queue.peek")).allowed
    first = holder.token
    holder.renewal.renew()
    assert holder.token.id != first.id


def test_a_certificate_of_another_domain_ends_at_the_handshake(mesh: Mesh) -> None:
    """The server asks for certificates of the authorities that it was given."""
    stranger = WorkloadApi(Authority("evil.org"))
    server = grpc.server(ThreadPoolExecutor(2))
    register(stranger, server)
    server.add_insecure_port(f"unix://{mesh.folder}/evil.sock")
    server.start()
    try:
        source = SpiffeX509(socket=f"unix://{mesh.folder}/evil.sock", context=mesh.context)
        with pytest.raises(IssuerUnavailable):
            Holder.from_issuer(mesh.url, source, name="agent:planner")
    finally:
        server.stop(0).wait()


def test_a_stolen_thumbprint_without_its_key(mesh: Mesh, tmp_path: Path) -> None:
    """Whoever knows a certificate, and has not its key, has no connection with it."""
    from delegate.issue.certificates import x5t
    from delegate.issue.words import X509_SVID

    leaf, _ = mesh.api.authority.leaf(ID)
    (tmp_path / "token").write_text(x5t(der(leaf)))
    source = Trusting(TokenFile(tmp_path / "token", kind=X509_SVID), mesh)
    with pytest.raises(NotIssued, match="no client certificate"):
        Holder.from_issuer(mesh.url, source, name="agent:planner")


def test_a_workload_api_that_says_nothing(mesh: Mesh) -> None:
    """A source waits as long as it was told, and no longer."""
    mesh.api.silent = True
    try:
        for source in (
            SpiffeJwt(mesh.url, socket=mesh.socket, wait_s=0.05),
            SpiffeX509(socket=mesh.socket, context=mesh.context, wait_s=0.05),
        ):
            with pytest.raises(IssuerUnavailable, match="the Workload API gives nothing"):
                source.token(Identity.generate("agent:a").public_key)
    finally:
        mesh.api.silent = False
    with pytest.raises(IssuerUnavailable):
        SpiffeJwt("x", socket=f"unix://{mesh.folder}/nobody.sock").token(Identity.generate("agent:a").public_key)
    assert timedelta(seconds=0.05) < timedelta(seconds=5)


def test_no_key_is_left_behind(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL takes a key from a file alone: that file is gone, whatever came of it."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    SpiffeX509(socket=mesh.socket, context=mesh.context).token(Identity.generate("agent:a").public_key)
    assert list(tmp_path.iterdir()) == []
