"""Biscuit, by its Python binding: blocks of Datalog checks under one root key, authorized against facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bench.peers.interface import TTL_S, Ask, Decide, Held, Presented

biscuit: Any = import_module("biscuit_auth")

_AUTHORITY = """
user({person}); right("files.read");
check if time($t), $t < {until}; check if resource($r), $r.starts_with({prefix}); """
_FACTS = "time({now}); operation({action}); resource({resource}); size({size}); allow if right($o), operation($o)"


class Biscuit:
    """`BiscuitBuilder.build`, `append`, `from_base64`, `AuthorizerBuilder.build`, `authorize`."""

    name = "biscuit-python"
    version = version("biscuit-python")
    differs = "a bearer token: no proof, no holder at a hop, no audience, no replay store"

    def __init__(self, *, makes_request: bool = False) -> None:
        """`makes_request`: the authorizer's facts are made within what is timed, else beforehand."""
        self._makes_request = makes_request
        self._people: dict[str, tuple[int, Any]] = {}
        # By default an authorization that is held up for a millisecond fails; here that would be noise.
        self._limits = biscuit.AuthorizerBuilder().limits()
        self._limits.max_time = timedelta(seconds=1)

    def recipient(self, name: str) -> None:
        """Name nobody: a Biscuit is handed on by copying it."""
        del name

    def narrowing(self, prefix: str, size_below: int, suffix: str | None) -> str:
        """Write Datalog checks."""
        del prefix
        size = f"check if size($s), $s < {size_below};"
        return size if suffix is None else f'{size} check if resource($r), $r.ends_with("{suffix}");'

    def mint(self, person: str, to: None, prefix: str, narrowing: str) -> Held:
        """Build the authority block: who, what, until when, and this hop's checks."""
        del to
        number, root = self._people.setdefault(person, (len(self._people), biscuit.KeyPair()))
        terms = {"person": person, "until": datetime.now(UTC) + timedelta(seconds=TTL_S), "prefix": f"{prefix}/"}
        builder = biscuit.BiscuitBuilder(_AUTHORITY + narrowing, terms)
        builder.set_root_key_id(number)
        return builder.build(root.private_key)

    def extend(self, held: Held, to: None, narrowing: str) -> Held:
        """Append a block of checks."""
        del to
        return held.append(biscuit.BlockBuilder(narrowing))

    def size_bytes(self, held: Held) -> int:
        """Give the serialized size."""
        return len(held.to_bytes())

    def proof_bytes(self, held: Held, ask: Ask) -> int:
        """Count none."""
        del held, ask
        return 0

    def present(self, held: Held, ask: Ask) -> Presented:
        """Give the text, and the authorizer's facts where they are made beforehand."""
        return held.to_base64(), None if self._makes_request else self._builder(ask)

    def service(self) -> Decide:
        """Set up a service that finds the root key by its number."""
        keys = {number: pair.public_key for number, pair in self._people.values()}
        find = keys.__getitem__
        parse, refused, build = biscuit.Biscuit.from_base64, biscuit.AuthorizationError, self._builder

        def decide(presented: Presented, ask: Ask) -> bool:
            text, builder = presented
            token = parse(text, find)
            try:
                (builder or build(ask)).build(token).authorize()
            except refused:
                return False
            return True

        return decide

    def _builder(self, ask: Ask) -> Any:  # noqa: ANN401 - the package's type, as it is
        facts = {"now": datetime.now(UTC), "action": ask.action, "resource": ask.resource, "size": ask.size}
        builder = biscuit.AuthorizerBuilder(_FACTS, facts)
        builder.set_limits(self._limits)
        return builder
