"""Proof that whoever asks has the key that the chain shall be for: DPoP (RFC 9449).

The rules of this file:

- A proof shows a key. Whether that is the key that a token was meant for is `binding.py`'s to say.
- The checks are those of RFC 9449 §4.3, in its order. The address is the one that the issuer was configured with, never
  what the request's `Host` says.
- A proof is good once: the issuer claims its id when everything else has been checked.
- Where a nonce is wanted (RFC 9449 §8), it is this issuer's, of the last minutes: proofs that somebody made ahead,
  while they had the key in hand, are of no use later.
- The signature is checked by the code that checks chains: a key that could hold no chain proves nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from delegate.authoring.signers import Signer
from delegate.core.keys.public import PublicKey
from delegate.core.wire.armor import to_base64url
from delegate.errors import DelegateError, Reason
from delegate.issue.compact import ALGORITHMS, from_jwk, jkt, parse, sign, to_jwk
from delegate.issue.facts import read_object
from delegate.issue.refusals import INVALID_PROOF, USE_NONCE, IssuerUnavailable, NotIssued

TYPE: Final = "dpop+jwt"
WINDOW_S: Final = 60  # how old a proof may be
AHEAD_S: Final = 5  # how far ahead of ours the asker's clock may be
_PROOF_CHARACTERS: Final = 4096
_JTI_CHARACTERS: Final = 256
NONCE_S: Final = 120
_NONCE: Final = b"delegate/1 dpop nonce\0"
_PREFIX: Final = b"delegate/1 dpop\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A key that whoever asks has.

    Attributes:
        key: the public key.
        id: what names the proof, 32 bytes.
        issued: when it was made, by the asker's clock, Unix seconds.
        until: when it need not be remembered any longer.
    """

    key: PublicKey
    id: bytes
    issued: int
    until: int

    @property
    def jkt(self) -> str:
        """The key as JOSE names it."""
        return jkt(self.key)


class Nonces:
    """The nonces of one issuer: a new one every two minutes, the same in all processes that sign with its key.

    They are made of the key's signature over the time, so nothing has to be kept or shared. With a signer whose
    signatures differ each time, they are right for one process alone.
    """

    __slots__ = ("_made", "_signer")

    def __init__(self, signer: Signer) -> None:
        """Of the issuer's own key."""
        self._signer = signer
        self._made: dict[int, str] = {}

    def current(self, now: int) -> str:
        """Give the nonce to use from now on; raises IssuerUnavailable where the key does not sign."""
        return self._of(now // NONCE_S)

    def accepts(self, nonce: object, now: int) -> bool:
        """Say whether this is the newest nonce, or the one before."""
        return isinstance(nonce, str) and nonce in {self._of(now // NONCE_S), self._of(now // NONCE_S - 1)}

    def _of(self, slot: int) -> str:
        found = self._made.get(slot)
        if found is None:
            try:
                signature = self._signer.sign(_NONCE + slot.to_bytes(8, "big", signed=True))
            except Exception as error:  # noqa: BLE001 - a key that is elsewhere, by whatever signer
                detail = error.detail if isinstance(error, DelegateError) else type(error).__name__
                raise IssuerUnavailable(f"the issuer's key does not sign: {detail}") from None
            found = to_base64url(sha256(_NONCE + signature).digest())
            self._made = {slot: found, **{each: text for each, text in self._made.items() if abs(each - slot) < 2}}
        return found


def check(proofs: Sequence[str], *, method: str, url: str, now: int, nonces: Nonces | None = None) -> Proven:
    """Check a proof for one request to the issuer.

    Args:
        proofs: what the request's `DPoP` headers hold; exactly one is right.
        method: the request's, such as `POST`.
        url: the address of the endpoint, as it is configured.
        now: Unix seconds.
        nonces: which of them a proof must hold; `None`: it needs none.

    Raises:
        NotIssued: `use_dpop_nonce`: PROOF_EXPIRED: another nonce is wanted. `invalid_dpop_proof`: PROOF_MISSING,
            MALFORMED, UNSUPPORTED_ALGORITHM, WEAK_KEY, BAD_SIGNATURE, PROOF_WRONG_REQUEST, PROOF_EXPIRED.

    Cost: one signature check. Source: RFC 9449 §4.3.
    """
    if len(proofs) != 1:
        raise _no(Reason.PROOF_MISSING, f"{len(proofs)} DPoP headers, and there should be one")
    (text,) = proofs
    if len(text) > _PROOF_CHARACTERS:
        raise _no(Reason.LIMIT_EXCEEDED, f"a DPoP proof has at most {_PROOF_CHARACTERS} characters")
    jws = parse(text, "the DPoP proof", code=INVALID_PROOF)
    if jws.header.get("typ") != TYPE:
        raise _no(Reason.MALFORMED, f"its type is not {TYPE}")
    if jws.alg not in ALGORITHMS:
        raise _no(Reason.UNSUPPORTED_ALGORITHM, "its algorithm is none of EdDSA, Ed25519 and ES256")
    key = from_jwk(jws.header.get("jwk"), "the DPoP proof", code=INVALID_PROOF)
    if key.algorithm is not ALGORITHMS[jws.alg]:
        raise _no(Reason.UNSUPPORTED_ALGORITHM, "its algorithm is not its key's")
    try:
        key.verify(jws.signed, jws.signature)
        claims = read_object(jws.payload, "the DPoP proof", most_bytes=_PROOF_CHARACTERS)
    except DelegateError as error:
        raise _no(error.reason, error.detail) from None
    jti, issued = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_CHARACTERS or type(issued) is not int:
        raise _no(Reason.MALFORMED, "`jti` or `iat` is missing or is not what it should be")
    if claims.get("htm") != method or not _is_same(claims.get("htu"), url):
        raise _no(Reason.PROOF_WRONG_REQUEST, f"it is not for {method} {url}")
    if not now - WINDOW_S < issued <= now + AHEAD_S:
        raise _no(Reason.PROOF_EXPIRED, f"it was made at {issued}, and it is {now} here")
    if "exp" in claims and (type(claims["exp"]) is not int or claims["exp"] <= now):
        raise _no(Reason.PROOF_EXPIRED, "its own `exp` is over")
    if nonces is not None and not nonces.accepts(claims.get("nonce"), now):
        told = "DPoP proof: make another one, with the nonce of this answer"
        raise NotIssued(Reason.PROOF_EXPIRED, "the DPoP proof has not the newest nonce", code=USE_NONCE, told=told)
    name = sha256(_PREFIX + key.thumbprint + jti.encode()).digest()
    return Proven(key=key, id=name, issued=issued, until=issued + WINDOW_S + 1)


def make(signer: Signer, *, method: str, url: str, now: int | None = None, nonce: str = "") -> str:
    """Make a proof for one request.

    Args:
        signer: of the key to prove.
        method: such as `POST`.
        url: without query and fragment.
        now: when; the system's clock if absent.
        nonce: of the issuer's, where it wants one.
    """
    claims: dict[str, object] = {
        "jti": to_base64url(os.urandom(16)),
        "htm": method,
        "htu": url,
        "iat": int(time.time()) if now is None else now,
    }
    if nonce:
        claims["nonce"] = nonce
    return sign(signer, {"typ": TYPE, "jwk": to_jwk(signer.public_key)}, claims)


def _is_same(given: object, url: str) -> bool:
    """Compare an address after normalising both (RFC 3986 §6.2.2, §6.2.3), its query and fragment left out."""
    return isinstance(given, str) and (given == url or normal(given) == normal(url))


def normal(url: str) -> str | None:
    """Write an address in its one form; `None` where it is none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None or parts.scheme not in {"http", "https"}:
        return None
    own = {"http": 80, "https": 443}[parts.scheme]
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{'' if port in (None, own) else f':{port}'}{parts.path or '/'}"


def _no(reason: Reason, words: str) -> NotIssued:
    return NotIssued(reason, f"the DPoP proof is refused: {words}", code=INVALID_PROOF, told=f"DPoP proof: {words}")
