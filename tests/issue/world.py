"""A provider, an issuer and an agent, with no network between them: what the tests of this room share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from delegate import Identity, Token
from delegate.core.wire.armor import to_base64url
from delegate.issue import Issued, Issuer, Policy, nonce_of
from delegate.issue import dpop as proofs
from delegate.issue.fetch import Answer, Unreachable
from delegate.issue.issuer import Issuance
from delegate.issue.words import EXCHANGE, ID_TOKEN
from delegate.state import MemoryReplay

NOW = 1_790_000_000
URL = "https://issuer.example.com"
PROVIDER = "https://login.example.com"
SALT = b"s" * 16
ISSUER = Identity.from_seed("svc:issuer", b"i" * 32)
AGENT = Identity.from_seed("agent:planner", b"a" * 32)
THIEF = Identity.from_seed("agent:thief", b"t" * 32)
KEY = ECKey.import_key(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "kid": "k1",
    }
)

POLICY = """
[issuer]
url = "https://issuer.example.com"

[[trust]]
name = "corp"
type = "oidc"
issuer = "https://login.example.com"
audience = "delegate"
clients = ["cli"]

[[grant]]
name = "reports"
if = 'claims.groups.exists(g, g == "analysts") && agent.startsWith("agent:")'
for = '"user:" + claims.email'
can = ["files.read /reports/**"]
caveats = ["args.size < 1000000"]
ttl = "15m"
hops = 1
audience = ["files.example.com", "mail.example.com"]

[[grant]]
name = "ci"
if = 'claims.sub == "ci"'
for = '"svc:" + claims.sub'
can = ["deploy"]
ttl = "5m"
unbound = true
"""


def encoded(value: object) -> str:
    """JSON as a part of a compact JWS."""
    return to_base64url(json.dumps(value).encode())


def signed(header: Mapping[str, Any], payload: bytes | Mapping[str, Any], key: Any = KEY) -> str:  # noqa: ANN401 - the library's
    """A compact JWS, whatever it says: the header's algorithm is used as it stands."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    text = f"{encoded(header)}.{to_base64url(body)}"
    algorithm = JWSRegistry.algorithms[header["alg"]]
    return f"{text}.{to_base64url(algorithm.sign(text.encode(), key))}"


class Provider:
    """An OpenID provider: its keys, and how it answers."""

    def __init__(self, *keys: ECKey | RSAKey | OKPKey | OctKey) -> None:
        """`keys` are what its key set holds."""
        self.keys: list[dict[str, Any]] = [dict(key.as_dict(private=False)) for key in keys or (KEY,)]
        self.asked: list[str] = []
        self.down = False

    def fetch(self, url: str, *, most_bytes: int, **_: object) -> Answer:
        """Answer as it would over HTTP."""
        self.asked.append(url)
        if self.down:
            raise Unreachable("login.example.com does not answer")
        if url == f"{PROVIDER}/.well-known/openid-configuration":
            body = json.dumps({"issuer": PROVIDER, "jwks_uri": f"{PROVIDER}/jwks"}).encode()
        elif url == f"{PROVIDER}/jwks":
            body = json.dumps({"keys": self.keys}).encode()
        else:
            return Answer(status=404, body=b"")
        if len(body) > most_bytes:
            raise Unreachable("too large")
        return Answer(status=200, body=body)

    def claims(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - claims are JSON
        """What it says of Alice; a change to `None` leaves a claim out."""
        found = {
            "iss": PROVIDER,
            "aud": "delegate",
            "azp": "cli",
            "sub": "alice-17",
            "email": "alice@example.com",
            "email_verified": True,
            "groups": ["staff", "analysts"],
            "iat": NOW - 10,
            "exp": NOW + 3600,
            "nonce": nonce_of(SALT, AGENT.public_key),
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, key: Any = KEY, header: Mapping[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401
        """An ID token about Alice."""
        return signed({"alg": "ES256", "kid": "k1", **(header or {})}, self.claims(**changes), key)


class World:
    """All three, and a clock."""

    def __init__(self, policy: str = POLICY, *, folder: Path | str = ".", **more: Any) -> None:  # noqa: ANN401
        """`more` goes to the issuer."""
        self.now = NOW
        self.provider = Provider()
        self.events: list[Issuance] = []
        given: dict[str, Any] = {"audit": self.events.append, "replay": MemoryReplay(since=0), **more}
        self.policy = Policy.parse(policy, folder=folder, fetch=self.provider.fetch)
        self.issuer = Issuer(self.policy, ISSUER, clock=lambda: self.now, **given)

    def form(self, token: str | None = None, **changes: str) -> dict[str, str]:
        """The parameters of an honest request; a change to empty text leaves one out."""
        found = {
            "grant_type": EXCHANGE,
            "subject_token": self.provider.token() if token is None else token,
            "subject_token_type": ID_TOKEN,
            "nonce_salt": to_base64url(SALT),
            "agent": "agent:planner",
            **changes,
        }
        return {name: value for name, value in found.items() if value}

    def proof(self, who: Identity = AGENT, **changes: Any) -> str:  # noqa: ANN401
        """A proof of a key, for the issuer and now."""
        given: dict[str, Any] = {"method": "POST", "url": f"{URL}/token", "now": self.now, **changes}
        return proofs.make(who.signer, **given)

    def ask(
        self,
        token: str | None = None,
        *,
        who: Identity = AGENT,
        dpop: Sequence[str] | None = None,
        certificates: Sequence[bytes] = (),
        **changes: str,
    ) -> Issued:
        """Ask as an honest agent would, with changes."""
        proven = [self.proof(who)] if dpop is None else dpop
        return self.issuer.exchange(self.form(token, **changes), dpop=proven, certificates=certificates)


def words(token: Token) -> str:
    """A chain's first block in a word or two, for a table."""
    block = token.link.block
    return f"{block.originator} -> {block.holder}"
