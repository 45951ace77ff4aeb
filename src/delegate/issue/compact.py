"""JSON Web Signatures in their compact form, taken apart and put together (RFC 7515 §3.1).

The rules of this file:

- What is read here is the word of nobody: no signature has been checked.
- Nothing in a header is obeyed but `alg`, `kid` and `typ`; no key and no address comes from one. `crit` is refused:
  of what it could demand, nothing is understood here.
- One text, one meaning: base64url without padding and without stray bits, JSON as `facts` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from delegate.authoring.signers import Signer
from delegate.core.keys.public import Algorithm, PublicKey
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import DelegateError, Reason
from delegate.issue.facts import read_object
from delegate.issue.refusals import INVALID_REQUEST, NotIssued

JWS_BYTES: Final = 16 * 1024
_HEADER_BYTES: Final = 4 * 1024
_CURVE: Final = {Algorithm.ED25519: ("OKP", "Ed25519"), Algorithm.ESP256: ("EC", "P-256")}
_ALG: Final = {Algorithm.ED25519: "EdDSA", Algorithm.ESP256: "ES256"}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# With which words a key of ours may be used. `EdDSA` is the older one (RFC 8037), `Ed25519` that of RFC 9864.
ALGORITHMS: Final = {"EdDSA": Algorithm.ED25519, "Ed25519": Algorithm.ED25519, "ES256": Algorithm.ESP256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """A token that nobody has checked.

    Attributes:
        header: its JSON, read strictly.
        payload: the bytes that are signed.
        signed: what the signature is over.
        signature: as it came.
    """

    header: Mapping[str, Any]
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str:
        """The algorithm that it claims."""
        return str(self.header["alg"])

    @property
    def id(self) -> bytes:
        """What names it, 32 bytes: over what is signed, since of some signatures there are two."""
        return sha256(self.signed).digest()


def parse(text: str, what: str, *, code: str = INVALID_REQUEST) -> Jws:
    """Take a compact JWS apart.

    Raises:
        NotIssued: MALFORMED, LIMIT_EXCEEDED: no such thing. UNSUPPORTED_ALGORITHM: `crit`, or no algorithm.
    """
    try:
        if len(text) > JWS_BYTES:
            raise NotIssued(Reason.LIMIT_EXCEEDED, f"{what} has {len(text)} characters")
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise NotIssued(Reason.MALFORMED, f"{what} is no signed JWT: three parts with a dot between")
        head, payload, signature = map(from_base64url, parts)
        header = read_object(head, f"the header of {what}", most_bytes=_HEADER_BYTES)
    except DelegateError as error:
        told = f"{what} is no signed JWT"
        raise NotIssued(error.reason, error.detail, code=code, told=told) from None
    if type(header.get("alg")) is not str:
        raise NotIssued(Reason.MALFORMED, f"{what} names no algorithm", code=code)
    if "crit" in header or "b64" in header:
        raise NotIssued(Reason.UNSUPPORTED_ALGORITHM, f"{what} demands an extension (`crit`)", code=code)
    if not isinstance(header.get("kid", ""), str) or not isinstance(header.get("typ", ""), str):
        raise NotIssued(Reason.MALFORMED, f"`kid` and `typ` of {what} are texts", code=code)
    signed = text.rpartition(".")[0].encode("ascii")
    return Jws(header=header, payload=payload, signed=signed, signature=signature)


def sign(signer: Signer, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """Make a compact JWS; `alg` follows from the signer's key."""
    full = {"alg": _ALG[signer.public_key.algorithm], **header}
    signed = ".".join(to_base64url(json.dumps(each, separators=(",", ":")).encode()) for each in (full, claims))
    return f"{signed}.{to_base64url(signer.sign(signed.encode('ascii')))}"


def to_jwk(key: PublicKey) -> dict[str, str]:
    """Write a public key as a JWK (RFC 7517, RFC 8037)."""
    kind, curve = _CURVE[key.algorithm]
    if key.algorithm is Algorithm.ED25519:
        return {"kty": kind, "crv": curve, "x": to_base64url(key.raw)}
    return {"kty": kind, "crv": curve, "x": to_base64url(key.raw[:32]), "y": to_base64url(key.raw[32:])}


def from_jwk(jwk: object, what: str, *, code: str = INVALID_REQUEST) -> PublicKey:
    """Read a JWK as a key that can hold a chain.

    Raises:
        NotIssued: MALFORMED, UNSUPPORTED_ALGORITHM, WEAK_KEY; and MALFORMED for a private key.
    """
    if not isinstance(jwk, Mapping):
        raise NotIssued(Reason.MALFORMED, f"{what} has no key", code=code)
    if _PRIVATE & jwk.keys():
        told = f"{what} shows a private key; never use that key again"
        raise NotIssued(Reason.MALFORMED, told, code=code, told=told)
    curve = (jwk.get("kty"), jwk.get("crv"))
    algorithm = next((each for each, kind in _CURVE.items() if kind == curve), None)
    if algorithm is None:
        told = f"the key of {what} is neither Ed25519 nor P-256"
        raise NotIssued(Reason.UNSUPPORTED_ALGORITHM, told, code=code, told=told)
    try:
        raw = b"".join(
            _coordinate(jwk.get(each)) for each in (("x",) if algorithm is Algorithm.ED25519 else ("x", "y"))
        )
        return PublicKey(algorithm, raw)
    except (DelegateError, ValueError) as error:
        reason = error.reason if isinstance(error, DelegateError) else Reason.MALFORMED
        raise NotIssued(reason, f"the key of {what} is none that can be used", code=code) from None


def _coordinate(text: object) -> bytes:
    if not isinstance(text, str):
        message = "no text"
        raise ValueError(message)  # noqa: TRY004 - it is outside input
    return from_base64url(text)


def jkt(key: PublicKey) -> str:
    """Give the thumbprint by which JOSE names a key (RFC 7638): what `cnf.jkt` holds."""
    text = json.dumps(to_jwk(key), separators=(",", ":"), sort_keys=True)
    return to_base64url(sha256(text.encode("ascii")).digest())
