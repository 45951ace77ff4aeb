"""Random needs, discharges and asks, rightly signed and not: a result or a `DelegateError`, and nothing else.

    python -m tests.campaigns.discharges [--count 20000] [--seed 1]

Most inputs are needs, discharges or asks whose content was mutated and, where it is signed, signed again by who should;
the others are bytes mutated from outside. Ends with status 1 if anything else came out, or a request was allowed by
what nobody said.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cbor2

from delegate import Ask, DelegateError, Discharge, Identity, Presentation, Request, Token, Verifier, need
from delegate.authoring.ask import asks
from delegate.core.chain.binding import block_aad
from delegate.core.chain.discharge import discharge_aad
from delegate.core.wire import cose
from tests.campaigns.fuzz import Fuzzer, Result

NOW = 1_790_000_000
AUDIENCE = "shop"
REQUEST = Request("pay", None, {"amount": 500, "rate": 1.5})
ALICE, WORKER, BOB, REVOKER = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(("user:alice@example.com", "agent:worker", "user:bob@example.com", "svc:revoker"), 1)
)
NEEDS = [
    need(BOB.principal, max_age="15m"),
    need(
        [BOB.principal, ALICE.principal], condition="said.limit >= args.amount || said.approved == true", standing=True
    ),
]
TOKEN = ALICE.mint(to=WORKER.principal, can="pay", ttl="8h", needs=NEEDS, fresh="1h", now=NOW - 600)
SAID = [BOB.discharge(ask, says={"approved": True}, ttl="1h", now=NOW - 60) for ask in asks(TOKEN.link, REQUEST)]
STAPLE = REVOKER.staple(TOKEN, ttl="1h", now=NOW - 60)
GOOD = [*SAID, STAPLE]
# Entries of a discharge, of a need or of an ask, and what might well be there.
PLAUSIBLE: list[tuple[int | str, list[Any]]] = [
    (1, [BOB.name, ALICE.name]),
    (4, [NOW - 1, NOW, NOW + 1, NOW + 99]),
    (6, [NOW - 9999, NOW - 900, NOW - 901, NOW + 30, NOW + 31]),
    ("to", [[TOKEN.link.id, place] for place in (0, 1, 2, "fresh")]),
    ("req", [REQUEST.digest, bytes(32)]),
    ("last", [TOKEN.link.id, bytes(32)]),
    ("says", [{"limit": 500}, {"limit": 499}, {"approved": False}, {"approved": 1.0}, {"revoked": False}, {}]),
    ("of", [1, 2, 3]),
    ("age", [1, 60, 900]),
    ("standing", [True, False]),
    ("if", [True, [4, "said", "approved", True], [4, "saying", 1], [0, "said", "limit"]]),
]


class Mutator:
    """Makes inputs; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - inputs, not secrets
        self.fuzzer = Fuzzer.__new__(Fuzzer)
        self.fuzzer.random = self.random

    def payload(self, payload: bytes) -> bytes:
        """The encoding of a map in which one thing, however deep, is another."""
        return self._encoded(self.mutated(cbor2.loads(payload)))

    def mutated(self, said: dict[Any, Any]) -> dict[Any, Any]:
        """A map in which one thing is another: plausible in half of the cases."""
        if self.random.random() < 0.5:
            key, values = self.random.choice(PLAUSIBLE)
            return {**said, key: self.random.choice(values)}
        key = self.random.choice(list(said))
        match self.random.randrange(5):
            case 0:
                del said[key]
            case 1:
                said[self.random.choice((True, 1.0, 9, "only", "req", "last", -1))] = self.fuzzer.value(0)
            case 2 if isinstance(said[key], list) and said[key]:
                said[key][self.random.randrange(len(said[key]))] = self.fuzzer.value(1)
            case 3 if isinstance(said[key], dict):
                said[key][self.random.choice(("approved", "limit", "x"))] = self.fuzzer.value(1)
            case _:
                said[key] = self.fuzzer.value(0)
        return said

    def _encoded(self, said: Any) -> bytes:  # noqa: ANN401 - what is encoded may be anything
        try:
            return cbor2.dumps(said, canonical=True)
        except (TypeError, cbor2.CBOREncodeError):
            return cbor2.dumps(said)

    def discharge(self) -> Discharge:
        """Right, signed again over another payload, or mutated from outside."""
        good = self.random.choice(GOOD)
        signer = REVOKER if good is STAPLE else BOB
        if self.random.random() < 0.3:
            return Discharge(self.fuzzer.mutate(good.signed))
        parts = cose.open_signed(good.signed)
        item = cose.byte_string(self.payload(parts.payload))
        structure = cose.sig_structure(parts.protected, discharge_aad(signer.public_key.thumbprint), item)
        return Discharge(cose.assemble(parts.protected, item, signer.signer.sign(structure)))

    def token(self) -> Token:
        """A chain whose needs are others, rightly signed."""
        parts = cose.open_signed(TOKEN.blocks[0])
        claims = cbor2.loads(parts.payload)
        needs = cbor2.loads(claims["need"])
        place = self.random.randrange(len(needs))
        if self.random.random() < 0.2:
            claims["need"] = self.fuzzer.mutate(claims["need"])
        elif self.random.random() < 0.2:
            claims["need"] = self._encoded(self.fuzzer.value(0))
        else:
            needs[place] = self.mutated(needs[place])
            claims["need"] = self._encoded(needs)
        item = cose.byte_string(cbor2.dumps(claims, canonical=True))
        structure = cose.sig_structure(parts.protected, block_aad(parts.kid), item)
        return Token((cose.assemble(parts.protected, item, ALICE.signer.sign(structure)),))

    def ask(self) -> bytes:
        """An ask whose content is another's, or bytes."""
        data = self.random.choice(asks(TOKEN.link, REQUEST)).to_bytes()
        if self.random.random() < 0.4:
            return self.fuzzer.mutate(data)
        number, content = cbor2.loads(data)
        return cbor2.dumps([number, self.payload(content)])


def run(count: int, seed: int) -> Result:
    """Put `count` inputs of each kind through what reads them."""
    mutator = Mutator(seed)
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    doors: dict[str, Callable[[Mutator], str]] = {"discharge": _discharged, "need": _needed, "ask": _asked}
    for number in range(count):
        for what, door in doors.items():
            try:
                outcomes[f"{what} {door(mutator)}"] += 1
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                faults.append(f"seed {seed} number {number} {what}: {type(error).__name__}: {error}")
    return Result(outcomes, faults, 0.0)


def _verifier() -> Verifier:
    parties = [BOB.principal, ALICE.principal]
    return Verifier(
        [ALICE.principal],
        audience=AUDIENCE,
        clock=lambda: NOW,
        third_parties=parties,
        revokers=[REVOKER.principal],
    )


def _decided(presentation: Presentation) -> str:
    decision = _verifier().decide(presentation.to_bytes(), REQUEST)
    json.dumps(decision.to_json())
    for each in decision.asks:
        assert Ask.parse(each.to_text()) == each
    return str(decision.reason or "allowed")


def _discharged(mutator: Mutator) -> str:
    mutated = mutator.discharge()
    try:
        Discharge.parse(mutated.to_text())
    except DelegateError as error:
        str(error)
    kept = [each for each in GOOD if mutator.random.random() < 0.8]
    word = _decided(_presented(TOKEN, [*kept, mutated]))
    assert word != "allowed" or len(kept) >= len(GOOD) - 1, "allowed without what it needs"
    return word


def _needed(mutator: Mutator) -> str:
    token = mutator.token()
    try:
        asks(token.link, REQUEST)
    except DelegateError as error:
        str(error)
    return _decided(_presented(token, [*SAID[1:], STAPLE]))


def _presented(token: Token, discharges: list[Discharge]) -> Presentation:
    proof = WORKER.prove(TOKEN, REQUEST, AUDIENCE, now=NOW).proof
    with suppress(DelegateError):
        proof = WORKER.prove(token, REQUEST, AUDIENCE, now=NOW).proof
    return Presentation(token.blocks, proof, tuple(each.signed for each in discharges))


def _asked(mutator: Mutator) -> str:
    try:
        ask = Ask.parse(mutator.ask())
    except DelegateError as error:
        return str(error.reason)
    assert Ask.parse(ask.to_text()) == ask
    return "read"


def main(arguments: list[str]) -> int:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    result = run(options.count, options.seed)
    for word, times in sorted(result.outcomes.items()):
        sys.stdout.write(f"{times:8} {word}\n")
    for fault in result.faults[:20]:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(f"{options.count} inputs of each kind, seed {options.seed}: {len(result.faults)} faults\n")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
