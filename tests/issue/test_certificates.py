"""X.509-SVIDs: who is taken for a workload, and who is not."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from delegate.errors import Reason
from delegate.issue import IssuerUnavailable, NotIssued
from delegate.issue.certificates import read_bundle, x5t
from delegate.issue.compact import jkt
from delegate.issue.words import JWT, X509_SVID
from tests.issue.authority import Authority, der, pem
from tests.issue.world import AGENT, KEY, NOW, THIEF, World, signed

AT = datetime.fromtimestamp(NOW, UTC)
ROOT, OTHER = Authority("example.org", at=AT), Authority("evil.org", at=AT)
BETWEEN = Authority("between", parent=ROOT, at=AT)
ID = "spiffe://example.org/ns/prod/sa/planner"
POLICY = """
[issuer]
url = "https://issuer.example.com"

[[trust]]
name = "mesh"
type = "spiffe-x509"
trust_domain = "example.org"
bundle = "example.pem"

[[trust]]
name = "others"
type = "spiffe-x509"
trust_domain = "evil.org"
bundle = "evil.pem"

[[trust]]
name = "tokens"
type = "spiffe-jwt"
trust_domain = "example.org"
bundle = "bundle.json"

[[grant]]
name = "workloads"
trust = "mesh"
if = 'claims.sub.startsWith("spiffe://example.org/ns/prod/")'
for = "claims.sub"
agent = "claims.sub"
can = ["queue.read"]
ttl = "15m"

[[grant]]
name = "by-token"
trust = "tokens"
if = 'claims.sub == "spiffe://example.org/ns/prod/sa/planner"'
for = "claims.sub"
agent = "claims.sub"
can = ["queue.read"]
ttl = "5m"
unbound = true
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An issuer that knows two domains."""
    (tmp_path / "example.pem").write_bytes(pem(ROOT.certificate))
    (tmp_path / "evil.pem").write_bytes(pem(OTHER.certificate))
    key = {**KEY.as_dict(private=False), "use": "jwt-svid"}
    (tmp_path / "bundle.json").write_text(json.dumps({"keys": [key]}))
    return World(POLICY, folder=tmp_path)


def ask(world: World, *chain: x509.Certificate, token: str | None = None) -> str:
    """Ask with the certificates of a connection; gives the holder's name."""
    shown = [der(each) for each in chain]
    given = token if token is not None else x5t(shown[0]) if shown else "x"
    issued = world.ask(given, certificates=shown, subject_token_type=X509_SVID, nonce_salt="")
    return issued.token.link.block.holder


def test_a_workload_is_named_by_its_certificate(world: World) -> None:
    """Signed by its domain's authority, or by one between; the chain ends with the certificate at the latest."""
    leaf, _ = ROOT.leaf(ID)
    assert ask(world, leaf) == ID
    assert world.events[-1].binding == "certificate"
    nested, _ = BETWEEN.leaf(ID)
    assert ask(world, nested, BETWEEN.certificate) == ID
    short, _ = ROOT.leaf(ID, life=timedelta(minutes=2))
    shown = der(short)
    issued = world.ask(x5t(shown), certificates=[shown], subject_token_type=X509_SVID, nonce_salt="")
    assert issued.token.expires == NOW + 60


def of_another_domain() -> list[x509.Certificate]:
    """A name of ours, signed by an authority that is trusted for another domain alone."""
    return [OTHER.leaf(ID)[0]]


STORIES: dict[str, tuple[Callable[[], list[x509.Certificate]], Reason]] = {
    "none": (list, Reason.PROOF_MISSING),
    "by the authority of another domain": (of_another_domain, Reason.BAD_SIGNATURE),
    "by nobody who is known": (lambda: [Authority("x", at=AT).leaf(ID)[0]], Reason.BAD_SIGNATURE),
    "by one between who did not come along": (lambda: [BETWEEN.leaf(ID)[0]], Reason.BAD_SIGNATURE),
    "of a domain that nobody knows": (lambda: [ROOT.leaf("spiffe://nowhere.org/x")[0]], Reason.UNKNOWN_ROOT),
    "over": (lambda: [ROOT.leaf(ID, begins=timedelta(hours=-2))[0]], Reason.EXPIRED),
    "not valid yet": (lambda: [ROOT.leaf(ID, begins=timedelta(minutes=1))[0]], Reason.NOT_YET_VALID),
    "with two names": (lambda: [ROOT.leaf(ID, "spiffe://example.org/admin")[0]], Reason.MALFORMED),
    "without a name": (lambda: [ROOT.leaf(address="127.0.0.1")[0]], Reason.MALFORMED),
    "with no names at all": (lambda: [ROOT.leaf()[0]], Reason.MALFORMED),
    "with a name that is no SPIFFE id": (lambda: [ROOT.leaf("https://example.org/x")[0]], Reason.MALFORMED),
    "of the domain itself": (lambda: [ROOT.leaf("spiffe://example.org")[0]], Reason.MALFORMED),
    "with dots in its path": (lambda: [ROOT.leaf("spiffe://example.org/ns/../admin")[0]], Reason.MALFORMED),
    "with a query": (lambda: [ROOT.leaf(ID + "?x")[0]], Reason.MALFORMED),
    "in capitals": (lambda: [ROOT.leaf("spiffe://EXAMPLE.org/x")[0]], Reason.MALFORMED),
    "an authority's own": (lambda: [ROOT.leaf(ID, is_authority=True, usages=None)[0]], Reason.BAD_SIGNATURE),
    "for servers alone": (lambda: [ROOT.leaf(ID, usages=[ExtendedKeyUsageOID.SERVER_AUTH])[0]], Reason.BAD_SIGNATURE),
    "with a long tail": (lambda: [ROOT.leaf(ID)[0], *[ROOT.certificate] * 8], Reason.LIMIT_EXCEEDED),
    "of another part of the domain": (lambda: [ROOT.leaf("spiffe://example.org/ns/dev/x")[0]], Reason.POLICY_FAILED),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_certificate_that_is_nobody_s(world: World, story: str) -> None:
    """Refused by name."""
    made, reason = STORIES[story]
    with pytest.raises(NotIssued) as caught:
        ask(world, *made())
    assert caught.value.reason is reason


def test_a_token_must_be_the_certificate(world: World) -> None:
    """The subject token names the certificate of the connection, so that a proxy cannot mix up two clients."""
    with pytest.raises(NotIssued) as caught:
        ask(world, ROOT.leaf(ID)[0], token="another")
    assert caught.value.reason is Reason.PROOF_WRONG_KEY


def test_bytes_that_are_no_certificate(world: World) -> None:
    """Whatever a server passes on."""
    for junk in (b"", b"junk", der(ROOT.leaf(ID)[0])[:-5], bytes(20_000)):
        with pytest.raises(NotIssued):
            world.ask("x", certificates=[junk], subject_token_type=X509_SVID, nonce_salt="")


def test_whatever_the_library_raises_is_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a version that there is not; a library that fails in a way of its own, as Rust does too."""
    odd = der(ROOT.leaf(ID)[0]).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
    for chain in ([odd], [der(ROOT.leaf(ID)[0]), odd]):
        with pytest.raises(NotIssued) as caught:
            world.ask(x5t(chain[0]), certificates=chain, subject_token_type=X509_SVID, nonce_salt="")
        assert caught.value.reason is Reason.MALFORMED
    bundle = {"keys": [{"use": "x509-svid", "x5c": [b64encode(odd).decode()]}]}
    with pytest.raises(NotIssued, match="no certificate"):
        read_bundle(json.dumps(bundle).encode())
    panic = type("PanicException", (BaseException,), {})
    for error in (NotImplementedError, RecursionError, panic):

        def fail(*_: object, raised: type[BaseException] = error) -> None:
            raise raised

        monkeypatch.setattr(x509, "load_der_x509_certificate", fail)
        with pytest.raises(NotIssued):
            world.ask("x", certificates=[odd], subject_token_type=X509_SVID, nonce_salt="")
    monkeypatch.setattr(x509, "load_der_x509_certificate", lambda _: sys.exit())
    with pytest.raises(SystemExit):  # what ends a process is no fault of the bytes
        world.ask("x", certificates=[odd], subject_token_type=X509_SVID, nonce_salt="")


def svid(**changes: object) -> str:
    """A JWT-SVID."""
    claims = {"sub": ID, "aud": ["https://issuer.example.com"], "exp": NOW + 300, **changes}
    return signed(
        {"alg": "ES256", "kid": "k1", "typ": "JWT"},
        {name: value for name, value in claims.items() if value is not None},
    )


def by_token(world: World, token: str, **changes: object) -> str:
    """Ask with a JWT-SVID."""
    return world.ask(token, subject_token_type=JWT, nonce_salt="", **changes).token.link.block.holder  # type: ignore[arg-type]


def test_a_jwt_svid_is_good_once(world: World) -> None:
    """It names no key: the grant takes it unbound, for the first who brings it."""
    token = svid()
    assert by_token(world, token) == ID
    with pytest.raises(NotIssued, match="used before"):
        by_token(world, token)
    with pytest.raises(NotIssued, match="used before"):
        by_token(world, token, who=THIEF)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sub": "spiffe://evil.org/x"}, Reason.UNKNOWN_ROOT),
        ({"sub": "spiffe://example.org"}, Reason.UNKNOWN_ROOT),
        ({"sub": 5}, Reason.UNKNOWN_ROOT),
        ({"sub": "spiffe://example.org/other"}, Reason.POLICY_FAILED),
        ({"aud": ["another"]}, Reason.WRONG_AUDIENCE),
        ({"exp": NOW}, Reason.EXPIRED),
        ({"exp": None}, Reason.MALFORMED),
        ({"nbf": NOW + 60}, Reason.NOT_YET_VALID),
        ({"cnf": {"jkt": jkt(THIEF.public_key)}}, Reason.PROOF_WRONG_KEY),
    ],
)
def test_a_jwt_svid_that_is_not_taken(world: World, changes: dict[str, object], reason: Reason) -> None:
    """JWT-SVID, sections 3 and 4."""
    with pytest.raises(NotIssued) as caught:
        by_token(world, svid(**changes))
    assert caught.value.reason is reason


def test_a_token_that_is_bound_to_a_certificate(world: World) -> None:
    """RFC 8705: it is good on a connection with that certificate, for whatever key is proven there."""
    leaf, other = (der(ROOT.leaf(ID)[0]) for _ in range(2))
    token = svid(cnf={"x5t#S256": x5t(leaf)})
    for shown in ([], [other]):
        with pytest.raises(NotIssued) as caught:
            by_token(world, token, certificates=shown)
        assert caught.value.reason is Reason.PROOF_WRONG_KEY
    assert by_token(world, token, certificates=[leaf]) == ID
    assert by_token(world, token, certificates=[leaf]) == ID  # bound: it is not used up
    assert AGENT.name == "agent:planner"


def test_keys_of_a_bundle_are_for_their_use(world: World, tmp_path: Path) -> None:
    """A key that the bundle has for certificates signs no token."""
    key = {**KEY.as_dict(private=False), "use": "x509-svid"}
    (tmp_path / "bundle.json").write_text(json.dumps({"keys": [key]}))
    with pytest.raises(NotIssued) as caught:
        by_token(world, svid())
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_bundles() -> None:
    """PEM, or a SPIFFE bundle; and what is none."""
    entry = {"kty": "EC", "use": "x509-svid", "x5c": [b64encode(der(ROOT.certificate)).decode()]}
    odd = [5, {"use": "jwt-svid"}, {"use": "x509-svid"}, {"use": "x509-svid", "x5c": []}]
    text = json.dumps({"keys": [entry, *odd]}).encode()
    assert read_bundle(text) == read_bundle(pem(ROOT.certificate)) == (der(ROOT.certificate),)
    junk = json.dumps({"keys": [{**entry, "x5c": ["AAAA"]}]}).encode()
    for wrong in (
        b"",
        b"{}",
        b'{"keys": []}',
        b'{"keys": 5}',
        junk,
        b"-----BEGIN CERTIFICATE-----\n",
        b"x" * 2_000_000,
    ):
        with pytest.raises(NotIssued):
            read_bundle(wrong)


def test_authorities_that_are_none(world: World) -> None:
    """Whatever gives them gives junk."""
    from dataclasses import replace

    mesh = world.policy.trusted["mesh"]
    world.issuer.policy = replace(world.policy, trusted={"mesh": replace(mesh, authorities=lambda _: [b"junk"])})  # type: ignore[arg-type]
    with pytest.raises(IssuerUnavailable):
        ask(world, ROOT.leaf(ID)[0])


def test_without_a_bundle_nobody_is_taken(tmp_path: Path) -> None:
    """And that is not the workload's fault."""
    leaf, _ = ROOT.leaf(ID)
    with pytest.raises(IssuerUnavailable):
        ask(World(POLICY, folder=tmp_path), leaf)
