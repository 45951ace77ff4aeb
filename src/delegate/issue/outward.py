"""Outward: an allowed request as a JWT, for services that speak only that (RFC 8693 §4.1, RFC 9396, RFC 7800).

**What is lost.** A JWT cannot be narrowed offline, so whoever holds it can only use it as it is. Its reader sees one
signature, of whoever translated, and takes their word for every hop: no chain back to the person, no keys but the last.
Conditions, budgets, needs and later revocations of the chain do not travel. So a JWT is made of one decision that
allowed one request; it says that request and no more, for one service, for minutes.

The rules of this file:

- It is made of an `Authorization`, which a verifier alone makes: what was not allowed cannot be told outward.
- It is bound to the holder's key (`cnf.jkt`); a bearer token, which has none, is not translated.
- It ends with the chain at the latest, and names no service that the chain was not for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

from delegate.authoring.identity import Identity
from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.request import to_jsonable
from delegate.core.chain.spans import Span, seconds
from delegate.core.wire.armor import to_base64url
from delegate.errors import AttenuationError, Reason
from delegate.issue.compact import jkt, sign, to_jwk
from delegate.verifier.decision import Authorization

LIFE_S: Final = 600
DETAIL: Final = "urn:delegate-token:request"
TYPE: Final = "at+jwt"


def to_jwt(
    granted: Authorization,
    translator: Identity,
    *,
    issuer: str,
    audience: str,
    ttl: Span = 120,
    now: int | None = None,
) -> str:
    """Say outward what was allowed.

    Args:
        granted: what a verifier allowed.
        translator: who says so: its key signs, Ed25519 as `EdDSA`, P-256 as `ES256`.
        issuer: what the readers know the translator by: the JWT's `iss`.
        audience: the one service that it is for.
        ttl: how long it is good: at most ten minutes, and cut to what is left of the chain.
        now: the moment to start from; the system's clock if absent.

    Returns:
        A compact JWS with `iss sub aud iat exp jti act cnf authorization_details`.

    Raises:
        ValueError: a longer life; no such name of a service; not an `Authorization`: TypeError.
        AttenuationError: BEARER_REFUSED: the chain has no holder's key. WRONG_AUDIENCE: the chain names services, and
            this is none of them. EXPIRED: it is over.

    Cost: one signature. Source: spec/ISSUER.md.
    """
    if type(granted) is not Authorization:
        message = f"a JWT is made of an Authorization, not of a {type(granted).__name__}"
        raise TypeError(message)
    life, at = seconds(ttl), int(time.time()) if now is None else now
    if life > LIFE_S:
        message = f"a JWT cannot be taken back: it is good for at most {LIFE_S} s"
        raise ValueError(message)
    if not check_audience_name(audience) or not issuer:
        message = "an audience is 1 to 200 visible ASCII characters, and an issuer is not empty"
        raise ValueError(message)
    chain = granted.chain
    if chain.is_bearer or granted.proof_id is None:
        detail = "a bearer token has no holder's key that a JWT could be bound to"
        raise AttenuationError(detail, reason=Reason.BEARER_REFUSED)
    named = chain.link.audience
    if named is not None and audience not in named:
        raise AttenuationError(f"the chain is not for {audience}", reason=Reason.WRONG_AUDIENCE)
    if at >= chain.expires:
        raise AttenuationError("the chain is over", reason=Reason.EXPIRED)
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": granted.originator,
        "aud": audience,
        "iat": at,
        "exp": min(at + life, chain.expires),
        "jti": to_base64url(os.urandom(16)),
        "act": acting([hop.holder for hop in chain.hops if hop.handed_on or not hop.index]),
        "cnf": {"jkt": jkt(chain.link.block.key)},
        "authorization_details": [_detail(granted, audience)],
    }
    return sign(translator.signer, {"typ": TYPE, "kid": jkt(translator.public_key)}, claims)


def acting(holders: list[str]) -> Mapping[str, object]:
    """Nest who acts: the last holder outside, those before it within (RFC 8693 §4.1)."""
    found: dict[str, object] = {}
    for name in holders:
        found = {"sub": name, "act": found} if found else {"sub": name}
    return found


def _detail(granted: Authorization, audience: str) -> dict[str, object]:
    """Say the request that was allowed (RFC 9396 §2.2)."""
    request = granted.request
    said: dict[str, object] = {"type": DETAIL, "locations": [audience], "actions": [request.action]}
    if request.resource is not None:
        said["identifier"] = request.resource
    if request.values:
        said["args"] = to_jsonable(request.values)
    return said


def key_set(translator: Identity) -> dict[str, object]:
    """Give the JWK Set that the readers check such JWTs with (RFC 7517)."""
    key = translator.public_key
    return {"keys": [{**to_jwk(key), "use": "sig", "kid": jkt(key)}]}
