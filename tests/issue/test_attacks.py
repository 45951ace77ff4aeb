"""What an attacker brings to an issuer, by name: nothing is issued, nothing spent, nothing told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from delegate import DelegateError
from delegate.authoring.signers import Esp256Signer
from delegate.core.wire.armor import to_base64url
from delegate.errors import Reason
from delegate.issue import IssuerUnavailable, NotIssued, Policy, nonce_of
from delegate.issue.compact import jkt, sign, to_jwk
from delegate.issue.dpop import make
from delegate.issue.fetch import Answer
from delegate.issue.jose import read_key_set
from delegate.issue.words import ACCESS_TOKEN, EXCHANGE, JWT
from delegate.state import MemoryReplay
from tests.issue.world import AGENT, KEY, NOW, POLICY, PROVIDER, SALT, THIEF, URL, World, encoded, signed

RSA = RSAKey.generate_key(2048, {"kid": "k1"})
OTHER = ECKey.generate_key("P-256", {"kid": "k1"})


def refusal(world: World, token: str | None = None, **changes: Any) -> NotIssued:  # noqa: ANN401 - as `World.ask`
    """Why nothing was issued; nothing was spent for it either."""
    with pytest.raises(NotIssued) as caught:
        world.ask(token, **changes)
    assert not any(event.issued for event in world.events)
    return caught.value


# --- The token ---

TOKENS: dict[str, tuple[dict[str, Any], Reason]] = {
    "it has expired": ({"exp": NOW}, Reason.EXPIRED),
    "it has expired, by a fraction": ({"exp": NOW - 0.5}, Reason.EXPIRED),
    "it never expires": ({"exp": None}, Reason.MALFORMED),
    "its expiry is text": ({"exp": str(NOW + 60)}, Reason.MALFORMED),
    "its expiry is true": ({"exp": True}, Reason.MALFORMED),
    "its expiry is beyond all times": ({"exp": 2**62}, Reason.MALFORMED),
    "its expiry is beyond 64 bits": ({"exp": 2**70}, Reason.MALFORMED),
    "it does not say when it was made": ({"iat": None}, Reason.MALFORMED),
    "it is from the future": ({"iat": NOW + 60}, Reason.NOT_YET_VALID),
    "it is not valid yet": ({"nbf": NOW + 60}, Reason.NOT_YET_VALID),
    "it is good for a year, and old": ({"iat": NOW - 90_000, "exp": NOW + 9_000_000}, Reason.EXPIRED),
    "it is for another service": ({"aud": "mail"}, Reason.WRONG_AUDIENCE),
    "it is for several, and does not say whom it was given to": (
        {"aud": ["delegate", "mail"], "azp": None},
        Reason.WRONG_AUDIENCE,
    ),
    "it is for nobody": ({"aud": []}, Reason.MALFORMED),
    "it is for nobody that it says": ({"aud": None}, Reason.MALFORMED),
    "its audience is a map": ({"aud": {"delegate": True}}, Reason.MALFORMED),
    "its audience begins like ours": ({"aud": "delegate.evil"}, Reason.WRONG_AUDIENCE),
    "it was given to another client": ({"azp": "evil-app"}, Reason.WRONG_AUDIENCE),
    "its client is a list": ({"azp": ["cli"]}, Reason.MALFORMED),
    "it is of another issuer": ({"iss": "https://login.evil.com"}, Reason.UNKNOWN_ROOT),
    "its issuer has a slash more": ({"iss": PROVIDER + "/"}, Reason.UNKNOWN_ROOT),
    "it has no issuer": ({"iss": None}, Reason.UNKNOWN_ROOT),
    "its issuer is a list": ({"iss": [PROVIDER]}, Reason.UNKNOWN_ROOT),
    "it is about nobody": ({"sub": None}, Reason.MALFORMED),
    "it is about nobody by name": ({"sub": ""}, Reason.MALFORMED),
    "it is for another key": ({"cnf": {"jkt": jkt(THIEF.public_key)}}, Reason.PROOF_WRONG_KEY),
    "its key is a list": ({"cnf": {"jkt": ["x"]}}, Reason.MALFORMED),
    "it is bound to what nobody knows": ({"cnf": {"jwk": {}}}, Reason.PROOF_WRONG_KEY),
    "it is bound to nothing": ({"cnf": {}}, Reason.PROOF_WRONG_KEY),
    "it is bound to a certificate": ({"cnf": {"x5t#S256": "x"}}, Reason.PROOF_WRONG_KEY),
    "its nonce is another's": ({"nonce": nonce_of(SALT, THIEF.public_key)}, Reason.PROOF_WRONG_KEY),
    "its nonce is not text": ({"nonce": 5}, Reason.MALFORMED),
    "it has no nonce, and a salt came": ({"nonce": None}, Reason.PROOF_WRONG_KEY),
    "its e-mail address was not verified": ({"email_verified": False}, Reason.POLICY_FAILED),
    "nobody says that its address was verified": ({"email_verified": None}, Reason.POLICY_FAILED),
    "its address was verified in words": ({"email_verified": "true"}, Reason.POLICY_FAILED),
    "its address is no name": ({"email": "a b"}, Reason.POLICY_FAILED),
    "its address is a list": ({"email": ["alice@example.com"]}, Reason.POLICY_FAILED),
    "its groups are one text": ({"groups": "analysts"}, Reason.POLICY_FAILED),
    "its groups are missing": ({"groups": None}, Reason.POLICY_FAILED),
    "its groups are others": ({"groups": ["staff"]}, Reason.POLICY_FAILED),
}


@pytest.mark.parametrize("story", TOKENS)
def test_a_token_that_says_the_wrong_thing(story: str) -> None:
    """It is genuine, and not what is taken here."""
    changes, reason = TOKENS[story]
    world = World()
    assert refusal(world, world.provider.token(**changes)).reason is reason


def hmac_with_the_public_key() -> str:
    """The provider's public key as a shared secret."""
    pem = KEY.as_pem(private=False)
    return signed({"alg": "HS256", "kid": "k1"}, World().provider.claims(), OctKey.import_key(pem.hex()))


def none() -> str:
    """No signature at all."""
    return f"{encoded({'alg': 'none', 'kid': 'k1'})}.{encoded(World().provider.claims())}."


def with_payload(payload: bytes, **header: Any) -> Callable[[], str]:  # noqa: ANN401 - headers are JSON
    """A genuine signature over whatever bytes."""
    return lambda: signed({"alg": "ES256", "kid": "k1", **header}, payload)


def claims_text(extra: str) -> bytes:
    """Alice's claims with more text inside the object."""
    return json.dumps(World().provider.claims())[:-1].encode() + extra.encode() + b"}"


def altered() -> str:
    """Alice's token with another group, under the old signature."""
    head, _, tail = World().provider.token().split(".")
    return f"{head}.{encoded(World().provider.claims(groups=['analysts', 'admins']))}.{tail}"


FORGED: dict[str, tuple[Callable[[], str], Reason]] = {
    "alg none": (none, Reason.MALFORMED),
    "alg none with a signature": (lambda: none() + "AAAA", Reason.UNSUPPORTED_ALGORITHM),
    "HMAC with the public key": (hmac_with_the_public_key, Reason.UNSUPPORTED_ALGORITHM),
    "another key of the same name": (lambda: World().provider.token(OTHER), Reason.BAD_SIGNATURE),
    "a key that the provider does not have": (
        lambda: World().provider.token(OTHER, {"kid": "k9"}),
        Reason.BAD_SIGNATURE,
    ),
    "a key out of the token's own header": (
        lambda: World().provider.token(OTHER, {"kid": "k9", "jwk": dict(OTHER.as_dict(private=False))}),
        Reason.BAD_SIGNATURE,
    ),
    "keys at an address in the header": (
        lambda: World().provider.token(OTHER, {"jku": "https://evil.com/jwks", "x5u": "https://evil.com"}),
        Reason.BAD_SIGNATURE,
    ),
    "an algorithm that is not configured": (
        lambda: signed({"alg": "RS512", "kid": "k1"}, World().provider.claims(), RSA),
        Reason.UNSUPPORTED_ALGORITHM,
    ),
    "an algorithm of another kind of key": (
        lambda: signed({"alg": "RS256", "kid": "k1"}, World().provider.claims(), RSA),
        Reason.BAD_SIGNATURE,
    ),
    "an algorithm in small letters": (
        lambda: altered_header(alg="es256"),
        Reason.UNSUPPORTED_ALGORITHM,
    ),
    "an algorithm that is a list": (lambda: altered_header(alg=["ES256"]), Reason.MALFORMED),
    "changed claims": (altered, Reason.BAD_SIGNATURE),
    "an extension that must be understood": (with_payload(claims_text(""), crit=["exp"]), Reason.UNSUPPORTED_ALGORITHM),
    "an unencoded payload": (with_payload(claims_text(""), b64=False), Reason.UNSUPPORTED_ALGORITHM),
    "a logout token": (with_payload(claims_text(""), typ="logout+jwt"), Reason.MALFORMED),
    "a proof in a token's place": (with_payload(claims_text(""), typ="dpop+jwt"), Reason.MALFORMED),
    "an access token in an ID token's place": (with_payload(claims_text(""), typ="at+jwt"), Reason.MALFORMED),
    "a claim twice": (with_payload(claims_text(', "groups": ["analysts"]')), Reason.MALFORMED),
    "NaN": (with_payload(claims_text(', "score": NaN')), Reason.MALFORMED),
    "a deep payload": (with_payload(claims_text(', "deep": ' + "[" * 5000 + "]" * 5000)), Reason.MALFORMED),
    "a payload of seventeen levels": (
        with_payload(claims_text(', "deep": ' + "[" * 16 + "]" * 16)),
        Reason.MALFORMED,
    ),
    "UTF-16": (
        lambda: signed({"alg": "ES256", "kid": "k1"}, claims_text("").decode().encode("utf-16")),
        Reason.MALFORMED,
    ),
    "a list of claims": (with_payload(b"[]"), Reason.MALFORMED),
    "an empty payload": (with_payload(b""), Reason.MALFORMED),
    "a token of five parts": (lambda: World().provider.token() + ".AA.AA", Reason.MALFORMED),
    "a token in JSON": (lambda: "{}", Reason.MALFORMED),
    "padding": (lambda: World().provider.token() + "=", Reason.NOT_CANONICAL),
    "a blank at its end": (lambda: World().provider.token() + " ", Reason.MALFORMED),
    "a token beyond ASCII": (lambda: World().provider.token() + "é", Reason.MALFORMED),
    "a vast token": (lambda: "a" * 20_000, Reason.LIMIT_EXCEEDED),
    "a vast header": (lambda: altered_header(x="y" * 8000), Reason.LIMIT_EXCEEDED),
}


def altered_header(**header: Any) -> str:  # noqa: ANN401 - headers are JSON
    """Alice's token under another header."""
    _, body, tail = World().provider.token().split(".")
    return f"{encoded({'alg': 'ES256', 'kid': 'k1', **header})}.{body}.{tail}"


@pytest.mark.parametrize("story", FORGED)
def test_a_token_that_is_not_genuine(story: str) -> None:
    """Nobody's word, or the word of nobody who counts."""
    made, reason = FORGED[story]
    assert refusal(World(), made()).reason is reason


def test_a_token_of_another_kind_than_its_type_says() -> None:
    """An ID token brought as an access token, or as a workload's."""
    for kind in (ACCESS_TOKEN, JWT, "urn:ietf:params:oauth:token-type:saml2", "id_token"):
        assert refusal(World(), subject_token_type=kind).reason in {Reason.UNKNOWN_ROOT, Reason.MALFORMED}


# --- Claims that no condition can hold ---


def test_a_claim_beyond_64_bits_is_an_error_of_its_own() -> None:
    """Whoever's policy does not read it gets what it gives; whoever's does, does not, whatever way it is read."""
    token = World().provider.token(employee=2**64, groups=["analysts"])
    assert World().ask(token).grant == "reports"
    reads = (
        "claims.employee == 5",
        "claims.employee != 5",
        "!(claims.employee == 5)",
        "!(claims.employee in [5])",
        "claims.employee > 5",
        'string(claims.employee) != ""',
        "claims.employee != claims.employee",
        "[claims.employee].all(n, n != 5)",
        "!claims.employee",
    )
    for condition in reads:
        world = World(POLICY.replace('claims.groups.exists(g, g == "analysts")', condition))
        assert refusal(world, token).reason is Reason.POLICY_FAILED, condition


# --- Whom a proof is of ---


def test_a_stolen_token_is_of_no_use_with_another_key() -> None:
    """A thief with Alice's ID token and a proof of their own key gets nothing: with her salt, another, or none."""
    for salt in (to_base64url(SALT), to_base64url(b"x" * 16), ""):
        caught = refusal(World(), who=THIEF, nonce_salt=salt)
        assert caught.reason is Reason.PROOF_WRONG_KEY
    assert refusal(World(), nonce_salt="AA").reason is Reason.MALFORMED
    assert refusal(World(), nonce_salt="not base64!").reason is Reason.MALFORMED
    assert refusal(World(), nonce_salt=to_base64url(b"s" * 65)).reason is Reason.MALFORMED


def test_a_stolen_token_with_a_nonce_is_not_taken_unbound_either() -> None:
    """CI's grant takes tokens that name no key. One that was asked for with a nonce is for somebody's."""
    world = World()
    assert refusal(world, world.provider.token(sub="ci"), who=THIEF, nonce_salt="").reason is Reason.PROOF_WRONG_KEY


def test_a_token_that_names_no_key_is_nobody_s() -> None:
    """Alice's grant is for bound tokens: an access token that a thief read from a log does not become a chain."""
    world = World()
    caught = refusal(world, world.provider.token(nonce=None), who=THIEF, nonce_salt="")
    assert caught.reason is Reason.PROOF_WRONG_KEY
    assert "for which key" in caught.told


def test_what_a_token_says_of_its_key_holds_beside_a_nonce() -> None:
    """Right nonce, other key in `cnf`: refused. Right key: taken, without any salt."""
    world = World()
    assert world.ask(world.provider.token(cnf={"jkt": jkt(AGENT.public_key)}), nonce_salt="").grant == "reports"


# --- The proof ---


def proof(**changes: Any) -> str:  # noqa: ANN401 - claims are JSON
    """A proof of the agent's key with other claims; `None` leaves one out."""
    claims = {"jti": "j", "htm": "POST", "htu": f"{URL}/token", "iat": NOW, **changes}
    header = {"typ": "dpop+jwt", "jwk": to_jwk(AGENT.public_key)}
    return sign(AGENT.signer, header, {name: value for name, value in claims.items() if value is not None})


def headed(**changes: Any) -> str:  # noqa: ANN401 - headers are JSON
    """A proof of the agent's key with another header."""
    header = {"typ": "dpop+jwt", "jwk": to_jwk(AGENT.public_key), **changes}
    claims = {"jti": "j", "htm": "POST", "htu": f"{URL}/token", "iat": NOW}
    return sign(AGENT.signer, {name: value for name, value in header.items() if value is not None}, claims)


def low_order() -> str:
    """A key of low order, for which anybody can sign."""
    return headed(jwk={"kty": "OKP", "crv": "Ed25519", "x": to_base64url(bytes([1]) + bytes(31))})


def symmetric() -> str:
    """A shared secret as the key."""
    secret = OctKey.import_key("secret" * 8)
    claims = {"jti": "j", "htm": "POST", "htu": f"{URL}/token", "iat": NOW}
    return signed({"alg": "HS256", "typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}, claims, secret)


def another_s() -> str:
    """The agent's key in the header, and a thief's signature."""
    header = {"typ": "dpop+jwt", "jwk": to_jwk(AGENT.public_key)}
    return sign(THIEF.signer, header, {"jti": "j", "htm": "POST", "htu": f"{URL}/token", "iat": NOW})


def mixed() -> str:
    """A P-256 key under the algorithm of an Ed25519 one."""
    return headed(jwk=to_jwk(Esp256Signer.from_scalar(b"\1" * 32).public_key))


PROOFS: dict[str, tuple[Callable[[], list[str]], Reason]] = {
    "none": (list, Reason.PROOF_MISSING),
    "two": (lambda: [proof(), proof(jti="k")], Reason.PROOF_MISSING),
    "no proof but text": (lambda: ["hello"], Reason.MALFORMED),
    "vast": (lambda: ["a" * 5000], Reason.LIMIT_EXCEEDED),
    "of another type": (lambda: [headed(typ="jwt")], Reason.MALFORMED),
    "of no type": (lambda: [headed(typ=None)], Reason.MALFORMED),
    "without a key": (lambda: [headed(jwk=None)], Reason.MALFORMED),
    "with a private key": (lambda: [headed(jwk={**to_jwk(AGENT.public_key), "d": "AAAA"})], Reason.MALFORMED),
    "with a key of low order": (lambda: [low_order()], Reason.WEAK_KEY),
    "with a key that is too short": (
        lambda: [headed(jwk={"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})],
        Reason.MALFORMED,
    ),
    "with a key of another curve": (
        lambda: [headed(jwk={"kty": "OKP", "crv": "Ed448", "x": "AAAA"})],
        Reason.UNSUPPORTED_ALGORITHM,
    ),
    "with a key that is a list": (lambda: [headed(jwk=[])], Reason.MALFORMED),
    "with a shared secret": (lambda: [symmetric()], Reason.UNSUPPORTED_ALGORITHM),
    "of a P-256 key under EdDSA": (lambda: [mixed()], Reason.UNSUPPORTED_ALGORITHM),
    "with alg none": (lambda: [headed(alg="none")], Reason.UNSUPPORTED_ALGORITHM),
    "by another key": (lambda: [another_s()], Reason.BAD_SIGNATURE),
    "for GET": (lambda: [proof(htm="GET")], Reason.PROOF_WRONG_REQUEST),
    "for post in small letters": (lambda: [proof(htm="post")], Reason.PROOF_WRONG_REQUEST),
    "for another service": (lambda: [proof(htu="https://evil.example.com/token")], Reason.PROOF_WRONG_REQUEST),
    "for another path": (lambda: [proof(htu=f"{URL}/revoke")], Reason.PROOF_WRONG_REQUEST),
    "for the same over http": (lambda: [proof(htu="http://issuer.example.com/token")], Reason.PROOF_WRONG_REQUEST),
    "for no address": (lambda: [proof(htu=None)], Reason.PROOF_WRONG_REQUEST),
    "for a broken address": (lambda: [proof(htu="https://[::1")], Reason.PROOF_WRONG_REQUEST),
    "with a user in its address": (
        lambda: [proof(htu="https://a@issuer.example.com/token")],
        Reason.PROOF_WRONG_REQUEST,
    ),
    "without an id": (lambda: [proof(jti=None)], Reason.MALFORMED),
    "with an id that is a number": (lambda: [proof(jti=5)], Reason.MALFORMED),
    "with a vast id": (lambda: [proof(jti="j" * 300)], Reason.MALFORMED),
    "without a time": (lambda: [proof(iat=None)], Reason.MALFORMED),
    "with a time that is true": (lambda: [proof(iat=True)], Reason.MALFORMED),
    "a minute old": (lambda: [proof(iat=NOW - 60)], Reason.PROOF_EXPIRED),
    "from the future": (lambda: [proof(iat=NOW + 6)], Reason.PROOF_EXPIRED),
    "over by its own word": (lambda: [proof(exp=NOW)], Reason.PROOF_EXPIRED),
    "with an extension": (lambda: [headed(crit=["x"])], Reason.UNSUPPORTED_ALGORITHM),
}


@pytest.mark.parametrize("story", PROOFS)
def test_a_proof_that_proves_nothing(story: str) -> None:
    """RFC 9449 §4.3, check by check."""
    made, reason = PROOFS[story]
    caught = refusal(World(), dpop=made())
    assert (caught.reason, caught.code) == (reason, "invalid_dpop_proof")


def test_a_proof_names_the_address_in_whatever_form() -> None:
    """Its default port, capital letters of its host, a query and a fragment change nothing (RFC 9449 §4.3)."""
    for number, address in enumerate(("https://ISSUER.example.com:443/token", f"{URL}/token?x=1", f"{URL}/token#x")):
        world = World()
        assert world.ask(dpop=[make(AGENT.signer, method="POST", url=address, now=NOW)]).grant == "reports", number


def test_a_replayed_proof_is_refused() -> None:
    """Somebody who saw the whole request sends it again."""
    world = World()
    seen = world.proof()
    world.ask(dpop=[seen])
    with pytest.raises(NotIssued) as caught:
        world.ask(dpop=[seen])
    assert (caught.value.reason, caught.value.code) == (Reason.REPLAYED, "invalid_dpop_proof")
    world.now += 61
    with pytest.raises(NotIssued) as caught:
        world.ask(dpop=[seen])
    assert caught.value.reason is Reason.PROOF_EXPIRED


def test_a_proof_that_was_made_ahead() -> None:
    """Whoever had the key for a minute made proofs for tomorrow. Where a nonce is wanted, they are of no use."""
    policy = POLICY.replace("[[trust]]", "dpop_nonce = true\n\n[[trust]]", 1)
    world, other = World(policy), World(policy)
    for nonce in ("", "guessed", 5):
        given = {} if nonce == "" else {"nonce": nonce}
        caught = refusal(world, dpop=[proof(**given)])
        assert (caught.code, caught.reason) == ("use_dpop_nonce", Reason.PROOF_EXPIRED)
    today = world.issuer.dpop_nonce()
    assert today == other.issuer.dpop_nonce()  # another process with the same key
    assert world.ask(dpop=[proof(nonce=today)]).grant == "reports"
    world.now += 120
    assert world.ask(dpop=[proof(nonce=today, iat=world.now, jti="k")]).grant == "reports"
    world.now += 120
    with pytest.raises(NotIssued) as late:
        world.ask(dpop=[proof(nonce=today, iat=world.now, jti="l")])
    assert late.value.code == "use_dpop_nonce"
    assert World().issuer.dpop_nonce() == ""


# --- Who an agent says it is, and what it asks for ---


def test_an_agent_cannot_call_itself_a_person() -> None:
    """The holder's name is of the scheme `agent:`, unless the policy itself gives it."""
    for name in ("", "user:alice@example.com", "svc:issuer", "agent:", "bearer:x", "agent:a b", "agent:\u202e"):
        assert refusal(World(), agent=name).reason is Reason.POLICY_FAILED


FORMS: dict[str, tuple[dict[str, str], str]] = {
    "another grant": ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    "no grant": ({"grant_type": ""}, "unsupported_grant_type"),
    "another token": ({"requested_token_type": ACCESS_TOKEN}, "invalid_request"),
    "no token": ({"subject_token": ""}, "invalid_request"),
    "a token of no type": ({"subject_token_type": ""}, "invalid_request"),
    "an actor": ({"actor_token": "x"}, "invalid_request"),
    "a resource": ({"resource": "https://x"}, "invalid_target"),
    "a life that is none": ({"ttl": "-5m"}, "invalid_request"),
}


@pytest.mark.parametrize("story", FORMS)
def test_a_request_that_is_none(story: str) -> None:
    """In the words of RFC 6749 and RFC 8693."""
    changes, code = FORMS[story]
    assert refusal(World(), **changes).code == code


def test_a_parameter_that_is_given_twice_is_refused() -> None:
    """Of two tokens, a reader before us may have looked at the other one."""
    world = World()
    pairs = [*world.form().items(), ("subject_token", world.provider.token(sub="ci"))]
    with pytest.raises(NotIssued, match="given twice"):
        world.issuer.exchange(pairs, dpop=[world.proof()])
    many = [(f"x{number}", "") for number in range(100)]
    with pytest.raises(NotIssued, match="too many"):
        world.issuer.exchange(many, dpop=[world.proof()])
    assert {"grant_type": EXCHANGE}.items() <= world.form().items()


# --- The provider ---


def test_odd_keys_break_nothing() -> None:
    """Keys that are odd, private, symmetric, weak or for another use are left out; the good one still counts."""
    world = World()
    (good,) = world.provider.keys
    weak = {"kty": "RSA", "kid": "weak", "n": to_base64url(bytes([255]) * 128), "e": "AQAB"}
    odd: list[Any] = [
        5, "key", None, [], {}, {"kty": 5}, {"kty": "EC"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "oct", "k": "AAAA", "kid": "k1"}, weak,
        {**good, "use": "enc", "kid": "enc"}, {**good, "key_ops": ["encrypt"]}, {**good, "key_ops": "verify"},
        {**good, "kid": 5}, {**good, "alg": 5}, {**good, "d": "AAAA", "kid": "private"},
        {**good, "x5c": 5, "kid": "k1"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA"}, {**good, "crv": "secp256k1"}, {**good, "alg": "RS256"},
    ]  # fmt: skip
    world.provider.keys = [*odd, good]
    assert world.ask().grant == "reports"
    found = read_key_set(json.dumps({"keys": [*odd, good]}).encode())
    assert {key.kid for key in found.keys} == {"k1"}


def test_two_keys_of_one_name_are_both_tried() -> None:
    """A provider that rotates badly: the second of two keys called k1 signed it. But not a hundredth."""
    world = World()
    (good,) = world.provider.keys
    other = [dict(ECKey.generate_key("P-256", {"kid": "k1"}).as_dict(private=False)) for _ in range(5)]
    world.provider.keys = [other[0], good]
    assert world.ask().grant == "reports"
    crowded = World()
    crowded.provider.keys = [*other, good]
    assert refusal(crowded).reason is Reason.BAD_SIGNATURE


def test_a_weak_rsa_key_signs_for_nobody() -> None:
    """RSA of 1024 bits, as some libraries take it."""
    with _quiet():
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    world = World()
    world.provider.keys = [dict(weak.as_dict(private=False))]
    token = signed({"alg": "RS256", "kid": "weak"}, world.provider.claims(), weak)
    assert refusal(world, token).reason is Reason.BAD_SIGNATURE


class _quiet:  # noqa: N801 - reads as a word
    """The library warns of such a key; that is not what is tested."""

    def __enter__(self) -> None:
        import warnings

        self._catch = warnings.catch_warnings()
        self._catch.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *error: object) -> None:
        self._catch.__exit__(*error)  # type: ignore[arg-type]


def test_an_rsa_provider_is_taken() -> None:
    """RS256 and PS256 with 2048 bits; a key that says it is for PS256 signs no RS256."""
    world = World()
    world.provider.keys = [dict(RSA.as_dict(private=False))]
    for alg in ("RS256", "PS256"):
        assert world.ask(signed({"alg": alg, "kid": "k1"}, world.provider.claims(), RSA)).grant == "reports"
    told = World()
    told.provider.keys = [{**RSA.as_dict(private=False), "alg": "PS256"}]
    token = signed({"alg": "RS256", "kid": "k1"}, told.provider.claims(), RSA)
    assert refusal(told, token).reason is Reason.BAD_SIGNATURE


def test_key_sets_are_bounded() -> None:
    """Ten megabytes, or ten thousand keys: nothing is issued, and that is the provider's fault."""
    for keys in ([{"kty": "RSA", "n": "A" * 10_000_000}], [{"kty": "x"}] * 101):
        world = World()
        world.provider.keys = keys
        with pytest.raises(IssuerUnavailable):
            world.ask()


def test_a_document_of_another_issuer_is_not_taken() -> None:
    """The provider's document names somebody else (OpenID Connect Discovery 4.3)."""
    world = World()
    fetch = world.provider.fetch

    def evil(url: str, **given: Any) -> Any:  # noqa: ANN401 - as `Fetch`
        answer = fetch(url, **given)
        if url.endswith("openid-configuration"):
            from dataclasses import replace

            return replace(answer, body=answer.body.replace(b"login.example", b"login.evil"))
        return answer

    from delegate.issue import Issuer, Policy
    from delegate.state import MemoryReplay
    from tests.issue.world import ISSUER

    issuer = Issuer(Policy.parse(POLICY, fetch=evil), ISSUER, replay=MemoryReplay(since=0), clock=lambda: NOW)
    with pytest.raises(IssuerUnavailable):
        issuer.exchange(world.form(), dpop=[world.proof()])


def test_a_token_of_another_tenant_is_refused() -> None:
    """One provider, many tenants: the policy says which, and of which type the claim is."""
    policy = POLICY.replace('clients = ["cli"]', 'clients = ["cli"]\nrequire = { tid = "acme", level = 1 }')
    assert World(policy).ask(World().provider.token(tid="acme", level=1)).grant == "reports"
    for changes in (
        {"tid": "evil"},
        {},
        {"tid": ["acme"]},
        {"tid": "acme", "level": True},
        {"tid": "acme", "level": "1"},
    ):
        claims: dict[str, Any] = {"level": 1, **changes}
        token = World().provider.token(**claims)
        assert refusal(World(policy), token).reason is Reason.WRONG_TENANT


def test_without_named_clients_a_token_was_given_to_us() -> None:
    """The policy names no clients: an ID token was given to one of its audience, or it is refused."""
    policy = POLICY.replace('clients = ["cli"]\n', "")
    assert World(policy).ask(World().provider.token(azp="delegate")).grant == "reports"
    assert World(policy).ask(World().provider.token(azp=None)).grant == "reports"
    assert refusal(World(policy), World().provider.token(azp="cli")).reason is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize("answer", [(404, b"{}"), (200, b"{}"), (200, b"[]"), (200, b'{"keys": 5}'), (200, b"\xff")])
@pytest.mark.parametrize("document", [True, False])
def test_a_provider_that_answers_nonsense(answer: tuple[int, bytes], document: bool) -> None:
    """In place of its document, or of its keys: nothing is issued, and that is not the asker's fault."""
    world = World()
    fetch = world.provider.fetch

    def odd(url: str, **given: Any) -> Answer:  # noqa: ANN401 - as `Fetch`
        if url.endswith("openid-configuration") is document:
            return Answer(status=answer[0], body=answer[1])
        return fetch(url, **given)

    made = World()
    made.issuer.policy = Policy.parse(POLICY, fetch=odd)
    with pytest.raises(IssuerUnavailable):
        made.ask()


# --- What is told ---


def test_an_undated_token_is_not_good_again_after_a_restart() -> None:
    """A JWT-SVID need not say when it was made: a memory that began later may have forgotten its use."""
    policy = """
[issuer]
url = "https://issuer.example.com"

[[trust]]
name = "mesh"
type = "spiffe-jwt"
trust_domain = "example.org"
audience = "delegate"
bundle = "https://login.example.com/jwks"

[[grant]]
name = "w"
if = 'true'
for = '"svc:x"'
can = ["deploy"]
ttl = "5m"
unbound = true
"""
    claims = {"sub": "spiffe://example.org/ci", "aud": "delegate", "exp": NOW + 3600}
    undated, dated = (signed({"alg": "ES256", "kid": "k1"}, each) for each in (claims, {**claims, "iat": NOW + 100}))
    given: dict[str, Any] = {"subject_token_type": JWT, "nonce_salt": ""}

    def world() -> World:
        found = World(policy, replay=MemoryReplay(since=NOW + 100))
        found.provider.keys = [{**each, "use": "jwt-svid"} for each in found.provider.keys]
        found.now = NOW + 100
        return found

    with pytest.raises(NotIssued, match="does not say when it was made") as caught:
        world().ask(undated, who=THIEF, **given)
    assert "does not say when it was made" in caught.value.told
    assert world().ask(dated, **given).grant == "w"
    old = World(policy)
    old.provider.keys = [{**each, "use": "jwt-svid"} for each in old.provider.keys]
    assert old.ask(undated, **given).grant == "w"  # one whose memory reaches back to the beginning can tell
    with pytest.raises(NotIssued, match="used before"):
        old.ask(undated, who=THIEF, **given)


def test_a_refusal_tells_nothing_of_the_policy() -> None:
    """The asker hears a reason; the operator which condition of which grant did not hold."""
    world = World()
    caught = refusal(world, world.provider.token(groups=["staff"]))
    assert caught.told == "the policy gives this nothing"
    assert "claims.groups" in caught.detail
    assert "claims" not in caught.public_detail
    (event,) = world.events
    assert (event.issued, event.reason, event.subject) == (False, "policy_failed", "alice-17")


def test_what_nobody_vouches_for_is_no_event() -> None:
    """A flood of forged tokens fills no log."""
    world = World()
    for _ in range(10):
        refusal(world, World().provider.token(OTHER))
    assert world.events == []


def test_no_other_algorithm_of_the_library_can_be_reached() -> None:
    """Each that it knows and that is not taken is refused by its name, before any key is looked at."""
    from delegate.issue.jose import KINDS

    for name in JWSRegistry.algorithms:
        if name not in KINDS:
            assert refusal(World(), altered_header(alg=name)).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("key", [OKPKey.generate_key("Ed25519", {"kid": "k1"}), RSA])
def test_a_key_of_another_kind_under_a_known_name_does_not_count(key: OKPKey | RSAKey) -> None:
    """The token says ES256 and k1; the set's k1 is now of another kind."""
    world = World()
    world.provider.keys = [dict(key.as_dict(private=False))]
    assert refusal(world).reason is Reason.BAD_SIGNATURE


def test_errors_are_of_the_tree() -> None:
    """Whatever is refused is a `DelegateError`, with a status for HTTP."""
    assert issubclass(NotIssued, DelegateError)
    assert (refusal(World(), agent="").http_status, IssuerUnavailable("x").http_status) == (400, 503)
