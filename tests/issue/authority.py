"""A certificate authority for tests: of a trust domain, and of a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey


def der(certificate: x509.Certificate) -> bytes:
    """As bytes."""
    return certificate.public_bytes(form.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    """As text."""
    return b"".join(each.public_bytes(form.Encoding.PEM) for each in certificates)


def secret(key: PrivateKey, encoding: form.Encoding = form.Encoding.PEM) -> bytes:
    """A private key as PKCS#8."""
    return key.private_bytes(encoding, form.PrivateFormat.PKCS8, form.NoEncryption())


class Authority:
    """A certificate authority; one with a `parent` is between that one and the leaves."""

    def __init__(self, name: str = "root", *, parent: Authority | None = None, at: datetime | None = None) -> None:
        """Make its key and certificate, good for a year from `at`."""
        self.at = at or datetime.now(UTC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.parent = parent
        self.certificate = self._signed(
            name, self.key, parent or self, timedelta(days=365), is_authority=True, more=(), usages=None
        )

    def leaf(
        self,
        *uris: str,
        life: timedelta = timedelta(hours=1),
        begins: timedelta = timedelta(minutes=-1),
        is_authority: bool = False,
        usages: Sequence[x509.ObjectIdentifier] | None = (
            ExtendedKeyUsageOID.CLIENT_AUTH,
            ExtendedKeyUsageOID.SERVER_AUTH,
        ),
        address: str = "",
    ) -> tuple[x509.Certificate, PrivateKey]:
        """A leaf with these URIs, and an address where it is a server's."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(each) for each in uris]
        if address:
            names.append(x509.IPAddress(ip_address(address)))
        made = self._signed(
            "leaf", key, self, life, is_authority=is_authority, more=names, usages=usages, begins=begins
        )
        return made, key

    def _signed(
        self,
        name: str,
        key: PrivateKey,
        by: Authority,
        life: timedelta,
        *,
        is_authority: bool,
        more: Sequence[x509.GeneralName],
        usages: Sequence[x509.ObjectIdentifier] | None,
        begins: timedelta = timedelta(minutes=-1),
    ) -> x509.Certificate:
        issuer_name = by.certificate.subject if hasattr(by, "certificate") else _named(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(issuer_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.at + begins)
            .not_valid_after(self.at + begins + life)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
                    content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
        )  # fmt: skip
        if more:
            builder = builder.add_extension(x509.SubjectAlternativeName(more), critical=False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(by.key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
