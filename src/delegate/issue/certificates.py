"""X.509-SVIDs: a workload's certificate, shown on the connection (SPIFFE X.509-SVID, RFC 8705).

The rules of this file:

- TLS has shown that whoever is connected has the certificate's key; nothing else is taken from TLS. The certificate is
  checked here against the authorities of *its* trust domain: those of another domain vouch for nobody in it.
- Whatever the library raises over a certificate is a refusal of it.
- An SVID is a leaf with one URI and no more, which is a SPIFFE id with a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from delegate.authoring.foreign import foreign
from delegate.core.wire.armor import to_base64url
from delegate.errors import Reason
from delegate.issue.facts import read_object
from delegate.issue.fetch import Fetch, Unreachable
from delegate.issue.refusals import IssuerUnavailable, NotIssued
from delegate.issue.subjects import Subject, spiffe_domain

CERTIFICATE_BYTES: Final = 16 * 1024
CHAIN: Final = 8
BUNDLE_BYTES: Final = 1024 * 1024
_AUTHORITIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDomain:
    """A SPIFFE trust domain whose X.509-SVIDs are taken.

    Attributes:
        name: what the policy calls it.
        trust_domain: `example.org`.
        authorities: gives the certificates, as DER, of those who sign for it.
    """

    name: str
    trust_domain: str
    authorities: Callable[[int], Sequence[bytes]] = field(repr=False, compare=False)
    source: str = ""


def x5t(certificate: bytes) -> str:
    """Give the thumbprint by which JOSE names a certificate, given as DER (RFC 8705 §3.1)."""
    return to_base64url(sha256(certificate).digest())


def check_certificate(chain: Sequence[bytes], trusted: Sequence[CertificateDomain], *, now: int) -> Subject:
    """Check the certificate of a connection as an X.509-SVID.

    Args:
        chain: the leaf and what came with it, as DER.
        trusted: whose workloads count.
        now: Unix seconds.

    Raises:
        NotIssued: MALFORMED, UNKNOWN_ROOT, BAD_SIGNATURE, EXPIRED, NOT_YET_VALID.
        IssuerUnavailable: the domain's authorities cannot be had.
    """
    from cryptography import x509
    from cryptography.x509 import verification

    if not chain:
        raise _no(Reason.PROOF_MISSING, "the connection has no client certificate")
    if len(chain) > CHAIN or any(len(each) > CERTIFICATE_BYTES for each in chain):
        raise _no(Reason.LIMIT_EXCEEDED, "too many certificates, or too large ones")
    with foreign(lambda: _no(Reason.MALFORMED, "it is no X.509-SVID")):
        leaf, *between = [x509.load_der_x509_certificate(each) for each in chain]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        ids = names.get_values_for_type(x509.UniformResourceIdentifier)
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        serial = leaf.serial_number
    domain = spiffe_domain(ids[0]) if len(ids) == 1 else ""
    if not domain:
        raise _no(Reason.MALFORMED, "an X.509-SVID has one URI, a SPIFFE id with a path")
    party = next((each for each in trusted if each.trust_domain == domain), None)
    if party is None:
        raise _no(Reason.UNKNOWN_ROOT, "its trust domain is not trusted here")
    at = datetime.fromtimestamp(now, UTC)
    if at < begins:
        raise _no(Reason.NOT_YET_VALID, "it is not valid yet")
    if at >= ends:
        raise _no(Reason.EXPIRED, "it has expired")
    with foreign(lambda: IssuerUnavailable(f"the authorities of {party.name} are no certificates")):
        roots = [x509.load_der_x509_certificate(each) for each in party.authorities(now)]
        policy = verification.PolicyBuilder().store(verification.Store(roots)).time(at).max_chain_depth(CHAIN)
        verifier = policy.build_client_verifier()
    with foreign(lambda: _no(Reason.BAD_SIGNATURE, "no authority of its trust domain vouches for it")):
        verifier.verify(leaf, between)
    name = sha256(chain[0]).digest()
    issued, expires = int(begins.timestamp()), int(ends.timestamp())
    claims: dict[str, Any] = {"sub": ids[0], "iat": issued, "exp": expires, "serial": f"{serial:x}"}
    return Subject(trust=party.name, claims=claims, issued=issued, expires=expires, id=name, by_certificate=True)


def from_bundle(place: str, fetch: Fetch) -> Callable[[], tuple[bytes, ...]]:
    """Find a trust domain's authorities: PEM in a file, or a SPIFFE bundle in a file or at an address."""

    def load() -> tuple[bytes, ...]:
        if place.startswith(("https://", "http://")):
            answer = fetch(place, most_bytes=BUNDLE_BYTES)
            if answer.status != 200:
                raise Unreachable(f"there is no bundle at the address that was given: status {answer.status}")
            return read_bundle(answer.body)
        with open(place, "rb") as file:  # noqa: PTH123 - one way to open files
            return read_bundle(file.read(BUNDLE_BYTES + 1))

    return load


def read_bundle(data: bytes) -> tuple[bytes, ...]:
    """Read authorities, as DER: PEM, or the `x509-svid` keys of a SPIFFE bundle (SPIFFE Trust Domain and Bundle 4).

    Raises:
        NotIssued: MALFORMED, LIMIT_EXCEEDED.
    """
    from base64 import b64decode

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    with foreign(lambda: NotIssued(Reason.MALFORMED, "the bundle holds something that is no certificate")):
        if data.lstrip().startswith(b"-----BEGIN"):
            found = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(data)]
        else:
            keys = read_object(data, "the bundle", most_bytes=BUNDLE_BYTES).get("keys")
            if not isinstance(keys, list):
                raise NotIssued(Reason.MALFORMED, "the bundle has no list of keys")
            found = [
                b64decode(each["x5c"][0], validate=True)
                for each in keys
                if isinstance(each, dict) and each.get("use") == "x509-svid" and isinstance(each.get("x5c"), list)
                and each["x5c"] and isinstance(each["x5c"][0], str)
            ]  # fmt: skip
            for each in found:
                x509.load_der_x509_certificate(each)
    if not 0 < len(found) <= _AUTHORITIES:
        raise NotIssued(Reason.MALFORMED, f"a bundle holds 1 to {_AUTHORITIES} authorities")
    return tuple(found)


def _no(reason: Reason, words: str) -> NotIssued:
    return NotIssued(reason, f"the client certificate is refused: {words}", told=f"client certificate: {words}")
