"""Who the stories are about, and how an attacker forges."""

from __future__ import annotations

from typing import Any

import cbor2

from delegate import Identity, MemoryReplay, Presentation, Principal, Reason, Request, Root, Token, Verifier
from delegate.authoring.signers import Signer
from delegate.core.chain.binding import block_aad, proof_aad
from delegate.core.wire import cose
from delegate.errors import DelegateError

NOW = 1_790_000_000
AUDIENCE = "files.example.com"
ALICE, PLANNER, WORKER, HELPER, MALLORY = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(
        ("user:alice@example.com", "agent:planner", "agent:worker", "agent:helper", "agent:mallory"), 1
    )
)
READ = Request("files.read", "/reports/q3.csv")
WRITE = Request("files.write", "/reports/q3.csv")


def verifier(*roots: Root | Principal, **settings: Any) -> Verifier:  # noqa: ANN401 - a verifier's own
    """The service: trusts alice, and its clock stands still."""
    return Verifier(
        roots or (ALICE.principal,),
        **{"audience": AUDIENCE, "clock": lambda: NOW, "replay": MemoryReplay(since=0), **settings},
    )


def minted(**terms: Any) -> Token:  # noqa: ANN401 - terms of `mint`
    """Alice's grant to planner: reading reports for eight hours, handed on twice at most."""
    usual = {"to": PLANNER.principal, "can": ["files.read /reports/**"], "ttl": "8h", "hops": 2, "now": NOW - 600}
    token: Token = ALICE.mint(**{**usual, **terms})
    return token


def refusal(service: Verifier, presented: Any, request: Request = READ) -> tuple[Reason, int | None]:  # noqa: ANN401
    """Why the service refuses, and which hop; it is a fault of the test if it does not."""
    try:
        service.authorize(presented, request)
    except DelegateError as error:
        return error.reason, error.hop
    raise AssertionError("allowed")


def claims_of(block: bytes) -> dict[Any, Any]:
    """What a block says."""
    claims: dict[Any, Any] = cbor2.loads(cbor2.loads(block)[2])
    return claims


def forged_proof(signer: Signer, token: Token, request: Request = READ) -> Presentation:
    """A chain with anybody's proof for it."""
    claims = {3: AUDIENCE, 6: NOW, "n": bytes(16), "req": request.digest}
    protected = cose.protected_header(signer.public_key.algorithm)
    payload = cose.byte_string(cbor2.dumps(claims, canonical=True))
    structure = cose.sig_structure(protected, proof_aad(token.link.id), payload)
    return Presentation(token.blocks, cose.assemble(protected, payload, signer.sign(structure)))


def forged(signer: Signer, claims: dict[Any, Any], above: bytes, *, kid: bytes = b"") -> bytes:
    """A block that says anything, signed by anybody, for any place."""
    protected = cose.protected_header(signer.public_key.algorithm, kid)
    payload = cose.byte_string(cbor2.dumps(claims, canonical=True))
    structure = cose.sig_structure(protected, block_aad(above), payload)
    return cose.assemble(protected, payload, signer.sign(structure))
