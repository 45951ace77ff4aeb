"""What every library is asked to do, ours among them: the same few things, each in its own documented way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from delegate import Request

AUDIENCE = "files.example.com"
ACTION = "files.read"
TTL_S = 8 * 3600

# What a library holds between two calls of its adapter is its own business.
Held: TypeAlias = Any
Recipient: TypeAlias = Any
Narrowing: TypeAlias = Any
Presented: TypeAlias = Any


class Ask(NamedTuple):
    """One request, as a service understands it.

    `request` is ours, made beforehand; the others' facts are made beforehand too where an adapter is told so.
    """

    action: str
    resource: str
    size: int
    request: Request

    @classmethod
    def of(cls, resource: str, size: int, action: str = ACTION) -> Ask:
        """Put a request together."""
        return cls(action, resource, size, Request(action, resource, {"size": size}))


Decide: TypeAlias = Callable[[Presented, Ask], bool]


class Peer(Protocol):
    """One library, used as its documentation says.

    Attributes:
        name: what the table calls it.
        version: of the package.
        differs: what it does not do that ours does, or does besides.
    """

    name: str
    version: str
    differs: str

    def recipient(self, name: str) -> Recipient:
        """Make whoever a token is handed to, with a fresh key where the library knows such."""

    def narrowing(self, prefix: str, size_below: int, suffix: str | None) -> Narrowing:
        """Write down what a hop says: one caveat on an argument and, with `suffix`, one on the resource."""

    def mint(self, person: str, to: Recipient, prefix: str, narrowing: Narrowing) -> Held:
        """Start a chain for `ACTION` on all below `prefix`."""

    def extend(self, held: Held, to: Recipient, narrowing: Narrowing) -> Held:
        """Narrow it and hand it on, token object to token object."""

    def size_bytes(self, held: Held) -> int:
        """Give the bytes that travel, in binary, without a proof."""

    def proof_bytes(self, held: Held, ask: Ask) -> int:
        """Give the bytes that a proof adds, in binary; 0 where there is none."""

    def present(self, held: Held, ask: Ask) -> Presented:
        """Give what a service receives, text, for this one request."""

    def service(self) -> Decide:
        """Set up a service that trusts every person so far and has seen nothing yet."""
