"""Macaroons: caveats under one chain of HMACs; whoever verifies could also have made them."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bench.peers.interface import ACTION, AUDIENCE, TTL_S, Ask, Decide, Held

pymacaroons: Any = import_module("pymacaroons")


class Macaroons:
    """`Macaroon`, `add_first_party_caveat`, `serialize`; `deserialize`, `Verifier.satisfy_general`, `verify`."""

    name = "pymacaroons"
    version = version("pymacaroons")
    differs = "one secret shared by all who make and verify: no public key, no holder, no proof, caveats only"

    def __init__(self) -> None:
        self._people: dict[str, str] = {}

    def recipient(self, name: str) -> None:
        """Name nobody: a macaroon is handed on by copying it."""
        del name

    def narrowing(self, prefix: str, size_below: int, suffix: str | None) -> tuple[str, ...]:
        """Write caveats in the words of the service below."""
        del prefix
        size = f"size < {size_below}"
        return (size,) if suffix is None else (size, f"resource ends {suffix}")

    def mint(self, person: str, to: None, prefix: str, narrowing: tuple[str, ...]) -> Held:
        """Make a macaroon under the person's secret."""
        del to
        secret = self._people.setdefault(person, f"the secret of {person}, shared with all services")
        made = pymacaroons.Macaroon(location=AUDIENCE, identifier=person, key=secret)
        for caveat in (f"action = {ACTION}", f"resource under {prefix}/", f"time < {int(time.time()) + TTL_S}"):
            made.add_first_party_caveat(caveat)
        return self._with(made, narrowing)

    def extend(self, held: Held, to: None, narrowing: tuple[str, ...]) -> Held:
        """Add caveats to a copy."""
        del to
        return self._with(held.copy(), narrowing)

    def size_bytes(self, held: Held) -> int:
        """Give the size of the binary form."""
        text = held.serialize()
        return len(urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    def proof_bytes(self, held: Held, ask: Ask) -> int:
        """Count none."""
        del held, ask
        return 0

    def present(self, held: Held, ask: Ask) -> str:
        """Give the text."""
        del ask
        text: str = held.serialize()
        return text

    def service(self) -> Decide:
        """Set up a service that knows every secret and the four words of its caveats."""
        secrets = dict(self._people)
        parse, new_verifier = pymacaroons.Macaroon.deserialize, pymacaroons.Verifier
        refused: Any = import_module("pymacaroons.exceptions").MacaroonException

        def decide(presented: str, ask: Ask) -> bool:
            now = time.time()

            def holds(caveat: str) -> bool:
                word, relation, value = caveat.split(" ", 2)
                if word == "size":
                    return relation == "<" and ask.size < int(value)
                if word == "resource":
                    return ask.resource.endswith(value) if relation == "ends" else ask.resource.startswith(value)
                if word == "time":
                    return now < int(value)
                return word == "action" and ask.action == value

            macaroon = parse(presented)
            verifier = new_verifier()
            verifier.satisfy_general(holds)
            try:
                return bool(verifier.verify(macaroon, secrets[macaroon.identifier]))
            except refused:
                return False

        return decide

    @staticmethod
    def _with(made: Any, narrowing: tuple[str, ...]) -> Held:  # noqa: ANN401 - the package has no types
        for caveat in narrowing:
            made.add_first_party_caveat(caveat)
        return made
