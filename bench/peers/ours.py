"""Ours: with a proof, or as a bearer token."""

from __future__ import annotations

from typing import Any, NamedTuple

from bench.peers.interface import ACTION, AUDIENCE, TTL_S, Ask, Decide

import delegate
from delegate import BearerToken, DelegateError, Identity, Principal, Request, Token, Verifier


class Held(NamedTuple):
    """A token and who holds it; a bearer token is held by whoever has it."""

    token: Token | BearerToken
    holder: Identity


class Ours:
    """The library that this bench belongs to."""

    version = getattr(delegate, "__version__", "this checkout")

    def __init__(self, *, bearer: bool = False, makes_request: bool = False) -> None:
        """`makes_request`: the service's `Request` is made within what is timed."""
        self.name = "ours, bearer" if bearer else "ours, proof"
        self.differs = "whoever has the token may use it" if bearer else "audience, nonce and replay store included"
        self._bearer = bearer
        self._makes_request = makes_request
        self._people: dict[str, Identity] = {}

    def recipient(self, name: str) -> Identity:
        """Make an identity."""
        return Identity.generate(name)

    def narrowing(self, prefix: str, size_below: int, suffix: str | None) -> tuple[str, ...]:
        """Write CEL texts."""
        del prefix
        size = f"args.size < {size_below}"
        return (size,) if suffix is None else (size, f'resource.endsWith("{suffix}")')

    def mint(self, person: str, to: Identity, prefix: str, narrowing: tuple[str, ...]) -> Held:
        """Sign block 0."""
        root = self._people.get(person)
        if root is None:
            root = self._people[person] = Identity.generate(person)
        can = f"{ACTION} {prefix}/**"
        if self._bearer:
            return Held(root.mint(bearer=True, can=can, **_said(narrowing), ttl=TTL_S, audience=AUDIENCE), to)
        return Held(root.mint(to=to.principal, can=can, **_said(narrowing), ttl=TTL_S, hops=16), to)

    def extend(self, held: Held, to: Identity, narrowing: tuple[str, ...]) -> Held:
        """Append a block."""
        token, holder = held
        if isinstance(token, BearerToken):
            return Held(token.attenuate(**_said(narrowing)), to)
        return Held(holder.attenuate(token, to=to.principal, **_said(narrowing)), to)

    def size_bytes(self, held: Held) -> int:
        """Give the size of the binary envelope."""
        return len(held.token.to_bytes())

    def proof_bytes(self, held: Held, ask: Ask) -> int:
        """Give what the presentation has more."""
        if isinstance(held.token, BearerToken):
            return 0
        presentation = held.holder.prove(held.token, ask.request, AUDIENCE)
        return len(presentation.to_bytes()) - len(held.token.to_bytes())

    def present(self, held: Held, ask: Ask) -> str:
        """Give the text: a presentation with a fresh proof, or the bearer token."""
        if isinstance(held.token, BearerToken):
            return held.token.to_text()
        return held.holder.prove(held.token, ask.request, AUDIENCE).to_text()

    def roots(self) -> list[Principal]:
        """Give every person so far."""
        return [person.principal for person in self._people.values()]

    def verifier(self) -> Verifier:
        """Make a verifier that has seen nothing."""
        return Verifier(self.roots(), audience=AUDIENCE, bearer=self._bearer)

    def service(self) -> Decide:
        """Set up a service."""
        return self.deciding(self.verifier())

    def deciding(self, verifier: Verifier) -> Decide:
        """Decide with this verifier."""
        authorize = verifier.authorize

        def decide(presented: str, ask: Ask) -> bool:
            try:
                authorize(presented, ask.request)
            except DelegateError:
                return False
            return True

        def make_and_decide(presented: str, ask: Ask) -> bool:
            try:
                authorize(presented, Request(ask.action, ask.resource, {"size": ask.size}))
            except DelegateError:
                return False
            return True

        return make_and_decide if self._makes_request else decide


def _said(narrowing: tuple[str, ...]) -> dict[str, Any]:
    """Give the conditions, where there are any, to this tree and to one in which none were said by an empty tuple."""
    return {"caveats": narrowing} if narrowing else {}
