"""What was allowed, told to services that speak only JWT."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from delegate import Authorization, DelegateError, Identity, Request, Root, Verifier
from delegate.authoring.signers import Esp256Signer
from delegate.core.wire.armor import from_base64url
from delegate.errors import Reason
from delegate.issue.compact import jkt
from delegate.issue.outward import key_set, to_jwt
from tests.issue.world import AGENT, ISSUER, NOW, World

GATEWAY = Identity.from_seed("svc:gateway", b"g" * 32)
WORKER = Identity.from_seed("agent:worker", b"w" * 32)
READ = Request("files.read", "/reports/q3.csv", {"size": 10, "mark": b"\1"})
OUT: dict[str, Any] = {"issuer": "https://gateway.example.com", "audience": "mail.example.com", "now": NOW}


def allowed(request: Request = READ, **terms: Any) -> Authorization:  # noqa: ANN401 - the terms of a block
    """A request by a worker, for a planner, for Alice."""
    token = AGENT.attenuate(World().ask().token, to=WORKER.principal, now=NOW, **terms)
    root = Root(ISSUER.principal, speaks_for=["user:*@example.com"])
    service = Verifier([root], audience="files.example.com", clock=lambda: NOW)
    return service.authorize(WORKER.prove(token, request, "files.example.com", now=NOW), request)


def read(text: str, translator: Identity = GATEWAY) -> dict[str, Any]:
    """Its claims, by another library and the key set."""
    keys = KeySet.import_key_set(json.loads(json.dumps(key_set(translator))))
    return dict(jwt.decode(text, keys, algorithms=["Ed25519", "ES256", "EdDSA"]).claims)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_a_jwt_says_who_acts_for_whom_and_what() -> None:
    """The person, the hops one within the other, the key, and the one request."""
    found = read(to_jwt(allowed(), GATEWAY, ttl="2m", **OUT))
    assert found.pop("jti")
    assert found == {
        "iss": "https://gateway.example.com",
        "sub": "user:alice@example.com",
        "aud": "mail.example.com",
        "iat": NOW,
        "exp": NOW + 120,
        "act": {"sub": "agent:worker", "act": {"sub": "agent:planner"}},
        "cnf": {"jkt": jkt(WORKER.public_key)},
        "authorization_details": [
            {
                "type": "urn:delegate-token:request",
                "locations": ["mail.example.com"],
                "actions": ["files.read"],
                "identifier": "/reports/q3.csv",
                "args": {"size": 10, "mark": {"base16": "01"}},
            }
        ],
    }


def test_the_header_names_a_type_and_a_key() -> None:
    """So that it is taken for no ID token; P-256 as well as Ed25519."""
    hard = Identity("svc:gateway", Esp256Signer.from_scalar(b"\2" * 32))
    for translator, alg in ((GATEWAY, "EdDSA"), (hard, "ES256")):
        text = to_jwt(allowed(), translator, **OUT)
        header = json.loads(from_base64url(text.partition(".")[0]))
        assert header == {"alg": alg, "typ": "at+jwt", "kid": jkt(translator.public_key)}
    assert read(to_jwt(allowed(), hard, **OUT), hard)["sub"] == "user:alice@example.com"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_it_ends_with_the_chain() -> None:
    """At most ten minutes, and never later than the chain."""
    assert read(to_jwt(allowed(ttl="1m"), GATEWAY, ttl="10m", **OUT))["exp"] == NOW + 60
    with pytest.raises(ValueError, match="at most 600 s"):
        to_jwt(allowed(), GATEWAY, ttl="11m", **OUT)
    with pytest.raises(DelegateError) as caught:
        to_jwt(allowed(ttl="1m"), GATEWAY, **{**OUT, "now": NOW + 60})
    assert caught.value.reason is Reason.EXPIRED


def test_it_is_for_one_service_that_the_chain_is_for() -> None:
    """The grant names two; a third is told nothing."""
    for audience in ("pay.example.com", "files.example.com.evil"):
        with pytest.raises(DelegateError) as caught:
            to_jwt(allowed(), GATEWAY, **{**OUT, "audience": audience})
        assert caught.value.reason is Reason.WRONG_AUDIENCE
    for wrong in ({"audience": ""}, {"audience": "a b"}, {"issuer": ""}):
        with pytest.raises(ValueError, match="an audience is"):
            to_jwt(allowed(), GATEWAY, **{**OUT, **wrong})


def test_what_was_refused_is_not_told() -> None:
    """There is no `Authorization` of it, and nothing else is taken."""
    for other in (None, "allowed", World().ask().token):
        with pytest.raises(TypeError, match="made of an Authorization"):
            to_jwt(other, GATEWAY, **OUT)  # type: ignore[arg-type]


def test_a_bearer_token_is_not_translated() -> None:
    """It has no holder's key, and would be one more token that anybody may use."""
    alice = Identity.from_seed("user:alice@example.com", b"A" * 32)
    bearer = alice.mint(bearer=True, can="files.read /**", ttl="5m", audience="files.example.com", now=NOW)
    service = Verifier([alice.principal], audience="files.example.com", bearer=True, clock=lambda: NOW)
    granted = service.authorize(bearer.to_text(), READ)
    with pytest.raises(DelegateError) as caught:
        to_jwt(granted, GATEWAY, **OUT)
    assert caught.value.reason is Reason.BEARER_REFUSED
