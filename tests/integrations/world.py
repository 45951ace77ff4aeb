"""One story for all integrations: Alice lets a planner use a shop, and the planner lets a worker pay up to 500."""

from __future__ import annotations

from typing import Any

from delegate import Holder, Identity, Presentation, Request, Verifier
from delegate.verifier.verifier import AsyncVerifier

ORIGIN = "https://shop.example.com"
AUDIENCE = "shop.example.com"

ALICE = Identity.from_seed("user:alice@example.com", b"A" * 32)
BOB = Identity.from_seed("user:bob@example.com", b"B" * 32)
PLANNER = Identity.from_seed("agent:planner", b"P" * 32)
WORKER = Identity.from_seed("agent:worker", b"W" * 32)
MALLORY = Identity.from_seed("agent:mallory", b"M" * 32)


def holder(*can: str, caveats: list[str] | None = None, **terms: Any) -> Holder:
    """A worker whose chain permits `can` below the planner's own, wider one."""
    wide = ALICE.mint(
        to=PLANNER.principal, can=["pay", "http.* https://**", "http.* http://**"], ttl="1h", hops=2, **terms
    )
    narrow = PLANNER.attenuate(wide, to=WORKER.principal, can=list(can), caveats=caveats, ttl="30m")
    return Holder(WORKER, narrow)


def verifier(**more: Any) -> Verifier:
    """A shop that trusts Alice."""
    return Verifier([ALICE.principal], audience=AUDIENCE, **more)


def async_verifier(**more: Any) -> AsyncVerifier:
    """The same, awaited."""
    return AsyncVerifier([ALICE.principal], audience=AUDIENCE, **more)


def proof(of: Holder, request: Request, audience: str = AUDIENCE, **more: Any) -> Presentation:
    """A presentation for one request."""
    return of.prove(request, audience, **more)
