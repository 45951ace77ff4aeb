"""Tenuo: warrants bound to holders, presented as a stack with a proof-of-possession signature."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode, urlsafe_b64decode
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

from bench.peers.interface import ACTION, TTL_S, Ask, Decide, Narrowing, Presented, Recipient

core: Any = import_module("tenuo_core")


class Held(NamedTuple):
    """The warrants from the root's to the last, and the key of the last one's holder."""

    chain: tuple[Any, ...]
    holder: Any


class Tenuo:
    """`Warrant.issue`, `attenuate_builder`, `encode_warrant_stack`, `sign`; the stack decoded, `check_chain`."""

    name = "tenuo"
    version = version("tenuo")
    differs = (
        "proof without nonce, replay store or audience; no program in a caveat; only the last hop's "
        "constraints are evaluated, the others compared"
    )

    def __init__(self) -> None:
        self._people: dict[str, Any] = {}

    def recipient(self, name: str) -> Recipient:
        """Make a key; a warrant knows its holder by nothing else."""
        del name
        return core.SigningKey.generate()

    def narrowing(self, prefix: str, size_below: int, suffix: str | None) -> Narrowing:
        """Write constraints by argument."""
        # A Range includes its end.
        return {"resource": core.Pattern(f"{prefix}/*{suffix or ''}"), "size": core.Range.max_value(size_below - 1)}

    def mint(self, person: str, to: Recipient, prefix: str, narrowing: Narrowing) -> Held:
        """Issue the root warrant."""
        del prefix  # in the constraint on the resource
        root = self._people.get(person)
        if root is None:
            root = self._people[person] = core.SigningKey.generate()
        warrant = core.Warrant.issue(
            keypair=root, capabilities={ACTION: narrowing}, ttl_seconds=TTL_S, holder=to.public_key
        )
        return Held((warrant,), to)

    def extend(self, held: Held, to: Recipient, narrowing: Narrowing) -> Held:
        """Delegate the last warrant."""
        chain, holder = held
        builder = chain[-1].attenuate_builder()
        builder.with_capability(ACTION, narrowing)
        builder.with_holder(to.public_key)
        return Held((*chain, builder.delegate(holder)), to)

    def size_bytes(self, held: Held) -> int:
        """Give the size of the encoded stack."""
        text = core.encode_warrant_stack(list(held.chain))
        return len(urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    def proof_bytes(self, held: Held, ask: Ask) -> int:
        """Count the signature; the time is guessed from the clock."""
        del held, ask
        return 64

    def present(self, held: Held, ask: Ask) -> Presented:
        """Give the two headers: the stack, and the signature over tool and arguments."""
        arguments = {"resource": ask.resource, "size": ask.size}
        signature = held.chain[-1].sign(held.holder, ask.action, arguments, int(time.time()))
        return core.encode_warrant_stack(list(held.chain)), b64encode(bytes(signature)).decode()

    def service(self) -> Decide:
        """Set up an authorizer."""
        check = core.Authorizer(trusted_roots=[key.public_key for key in self._people.values()]).check_chain
        decode = core.decode_warrant_stack_base64

        def decide(presented: Presented, ask: Ask) -> bool:
            stack, signature = presented
            arguments = {"resource": ask.resource, "size": ask.size}
            try:
                check(decode(stack), ask.action, arguments, signature=b64decode(signature))
            except Exception:  # noqa: BLE001 - the package raises a type of its own for each constraint
                return False
            return True

        return decide
