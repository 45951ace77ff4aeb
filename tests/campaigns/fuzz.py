"""Random and mutated inputs: nothing but results or `DelegateError`.

`python -m tests.campaigns.fuzz --count 200000 --seed 1`. Half of the inputs are mutated below the signatures and
signed again with the right keys, so that what reads claims, capabilities and conditions meets them; the other half are
mutated envelopes, and noise. What was mutated above the signatures must never be allowed. One input in ten is a
revocation list, mutated in the same two ways; every input is offered to the reader of lists too.
"""

# ruff: noqa: ANN401, T201 - what is mutated may be anything; a command prints
from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2

from delegate import (
    DelegateError,
    Identity,
    Principal,
    Request,
    RevocationList,
    RevokedBlock,
    RevokedKey,
    Root,
    UnverifiedToken,
    Verifier,
    can,
    when,
)
from delegate.core.chain.binding import block_aad, frame, proof_aad
from delegate.core.chain.printable import is_plain
from delegate.core.wire import armor, cose, envelope
from delegate.core.wire.envelope import Envelope, Kind
from tests import vectors

NOW = 1_790_000_000
AUDIENCE = "files.example.com"
PEOPLE = [Identity.from_seed(f"agent:a{n}", bytes((n + 1,)) * 32) for n in range(5)]
ROOT, HOLDERS = PEOPLE[0], PEOPLE[1:]
REQUEST = Request(
    "files.read", "/reports/q3.csv", {"amount": 10, "to": "bob", "tags": ["a", 1, None], "deep": {"b": b"\0", "f": 1.5}}
)
CAPABILITIES = [
    "files.read /reports/**",
    "pay(amount, currency) if args.amount <= 500",
    "**  **",
    "** ** if args.to == 'bob'",
]
LIST_AAD = b"\x58\x37delegate/1 revocations\0"
CONDITIONS = [
    "args.amount <= 500 && action in ['files.read', 'files.list']",
    "resource.startsWith('/reports/') || args.missing == 1",
    "args.tags.all(t, t != 'x') && size(args.tags) < 9",
    "args.tags.exists(t, args.tags.exists(u, t == u))",
    "!(args.to in ['eve', 'mallory']) ? has(args.deep.f) : false",
    "args.to.matches('^[a-z]+$') && now < timestamp('2030-01-01T00:00:00Z')",
    "path.within(resource, '/reports') && glob.match(args.to, 'b*')",
    "int({'a': 1, 'b': [2, 3]}['a']) + int(args.amount) * 2 - 7 / 3 % 2 > 0",
    "holder.key != '' && origin.contains(':') && string(args.deep.f) == '1.5'",
    "duration('1h') > duration('10s') && double(args.deep.f) + 1.0 < 3.0",
]


class Result(NamedTuple):
    """What came of a campaign."""

    outcomes: Counter[str]
    faults: list[str]  # what should not have happened, each with what reproduces it
    seconds: float


class Input(NamedTuple):
    """One input, whether its signatures are right, and whether it is meant for the reader of lists."""

    source: str | bytes
    signed: bool
    is_list: bool = False


class Fuzzer:
    """Makes inputs; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - inputs, not secrets
        self.envelopes = [envelope.build(frame(vector.source)) for vector in vectors.accepted()]
        self.issued = set(self.envelopes)
        self.depths = {depth: self.chain(depth) for depth in range(1, 5)}
        self.lists = [
            ROOT.revoke(
                blocks=[RevokedBlock(bytes((n, size)) * 16, NOW + n, "why" * n) for n in range(size)] or None,
                keys=[RevokedKey(bytes((size, n)) * 16, n) for n in range(size // 2)] or None,
                now=NOW,
            ).to_bytes()
            for size in range(4)
        ]
        self.issued |= set(self.lists)

    def chain(self, depth: int) -> Envelope:
        """A presentation whose chain has every claim somewhere."""
        token = ROOT.mint(
            to=HOLDERS[0].principal,
            can=[*CAPABILITIES, can("x.*", "/a*/**", when="args.n > 1")],
            caveats=CONDITIONS[:5],
            ttl="8h",
            hops=5,
            who={"run": "7"},
            why="a purpose",
            audience=[AUDIENCE, "mail.example.com"],
            not_before=NOW - 60,
            now=NOW - 60,
        )
        for index in range(1, depth):
            bound = when("args.amount < most", most=100 + index)
            token = HOLDERS[index - 1].attenuate(
                token,
                to=HOLDERS[index].principal,
                caveats=[*CONDITIONS[5:], bound],
                can=CAPABILITIES,
                ttl="1h",
                now=NOW - 50,
            )
        return HOLDERS[depth - 1].prove(token, REQUEST, AUDIENCE, now=NOW).envelope()

    def input(self) -> Input:
        """One input: signed again in half of the cases."""
        pick = self.random.random()
        if pick < 0.05:
            return Input(self.resigned_list(), signed=True, is_list=True)
        if pick < 0.1:
            data = self.mutate(self.random.choice(self.lists))
            return Input(
                data if self.random.random() < 0.5 else armor.encode_revocations(data), signed=False, is_list=True
            )
        if pick < 0.55:
            return Input(self.resigned(), signed=True)
        return Input(self.unsigned(), signed=False)

    def unsigned(self) -> str | bytes:
        """An envelope mutated from outside, or noise."""
        pick = self.random.random()
        if pick < 0.05:
            return self.random.randbytes(self.random.choice((0, 1, 2, 8, 60, 400, 40_000)))
        if pick < 0.1:
            return bytes((0x82 + self.random.randrange(3), self.random.randrange(5))) + cbor2.dumps([self.value(0)])
        if pick < 0.15:
            return "dlgp_" + "".join(self.random.choices("Aa0-_=+/ \n\0\udc80\u0430", k=self.random.randrange(60)))
        data = self.random.choice(self.envelopes)
        for _ in range(self.random.choice((1, 1, 1, 2, 5))):
            data = self.mutate(data)
        if self.random.random() < 0.5:
            return data
        text = armor.encode(self.random.choice(list(Kind)), data)
        at = self.random.randrange(len(text))
        return text[:at] + self.random.choice(("", "=", " ", "\ud800", "A")) + text[at:] if pick < 0.3 else text

    def mutate(self, data: bytes) -> bytes:
        """Bytes with one fault more."""
        at, other = sorted((self.random.randrange(len(data) + 1), self.random.randrange(len(data) + 1)))
        match self.random.randrange(7):
            case 0:
                return data[:at] + self.random.randbytes(1) + data[at + 1 :]
            case 1:
                return data[:at] + self.random.randbytes(self.random.randrange(1, 9)) + data[at:]
            case 2:
                return data[:at] + data[at + self.random.randrange(1, 9) :]
            case 3:
                return data[:other] + data[at:]
            case 4:
                return data[:at]
            case 5:
                return data[:at] + data[other:]
        return (
            data[:at] + bytes((data[at] ^ 1 << self.random.randrange(8),)) + data[at + 1 :] if at < len(data) else data
        )

    def resigned(self) -> bytes:
        """A chain with a mutated payload or proof, every signature right."""
        depth = self.random.randrange(1, 5)
        found = self.depths[depth]
        target = self.random.randrange(depth + 1)  # the last one is the proof
        signers = [ROOT, *HOLDERS[:depth]]
        above = ROOT.public_key.thumbprint
        signed: list[bytes] = []
        for index, (block, signer) in enumerate(zip((*found.blocks, found.proof), signers, strict=True)):
            parts = cose.open_signed(block)
            payload = self.mutated_payload(parts.payload) if index == target else parts.payload
            item = cbor2.dumps(payload)
            aad = proof_aad(above) if index == depth else block_aad(above)
            structure = cose.sig_structure(parts.protected, aad, item)
            above = cose.structure_id(structure)
            signed.append(cose.assemble(parts.protected, item, signer.signer.sign(structure)))
        return cbor2.dumps([3, signed[:-1], signed[-1], []])

    def resigned_list(self) -> bytes:
        """A revocation list with mutated claims, its signature right."""
        parts = cose.open_list(envelope.parse_revocations(self.random.choice(self.lists)))
        claims: dict[Any, Any] = cbor2.loads(parts.payload)
        arrays = [name for name in ("keys", "blocks") if name in claims]
        if arrays and self.random.random() < 0.7:
            name = self.random.choice(arrays)
            claims[name] = self.mutated_tree(claims[name], 0)
        elif self.random.random() < 0.7:
            claims[self.random.choice([*claims, "keys", "blocks", 5, "x"])] = self.value(0)
        payload = cbor2.dumps(claims, canonical=self.random.random() < 0.9)
        item = cbor2.dumps(self.mutate(payload) if self.random.random() < 0.2 else payload)
        structure = cose.sig_structure(parts.protected, LIST_AAD + parts.kid, item)
        return cbor2.dumps([6, cose.assemble(parts.protected, item, ROOT.signer.sign(structure))])

    def mutated_payload(self, payload: bytes) -> bytes:
        """Claims with a fault: in their bytes, in a value, in a key, or deep in a capability or condition."""
        if self.random.random() < 0.2:
            return self.mutate(payload)
        claims: dict[Any, Any] = cbor2.loads(payload)
        key = self.random.choice(list(claims))
        match self.random.randrange(6):
            case 0:
                claims[self.random.choice((True, 1.0, None, -1, 9, 255, "need", "if", "x" * 300, b"k", 2**70))] = (
                    self.value(0)
                )
            case 1:
                del claims[key]
            case 2:
                claims[key] = self.value(0)
            case _:
                name = self.random.choice([each for each in ("can", "if") if each in claims] or [key])
                inner = claims[name]
                if name in ("can", "if"):
                    tree = self.mutated_tree(cbor2.loads(inner), 0)
                    claims[name] = cbor2.dumps(tree, canonical=True)
                    if self.random.random() < 0.1:
                        claims[name] = self.mutate(claims[name])
        return cbor2.dumps(claims, canonical=self.random.random() < 0.9)

    def mutated_tree(self, tree: Any, depth: int) -> Any:
        """The same lists with one item changed, somewhere."""
        if not isinstance(tree, list):
            return self.literal() if self.random.random() < 0.8 else self.value(depth)
        if not tree or self.random.random() < 0.05:
            return self.value(depth)
        tree = list(tree)
        # Rather an operand than the opcode: most trees then stay trees, and are evaluated.
        at = self.random.randrange(min(len(tree) - 1, self.random.choice((0, 1, 1, 1))), len(tree))
        match self.random.randrange(12):
            case 0:
                del tree[at]
            case 1:
                tree.insert(at, self.value(depth))
            case 2:
                tree[at], tree[-1] = tree[-1], tree[at]
            case 3 if type(tree[0]) is int:
                tree[0] = self.random.randrange(-2, 75)
            case 4:
                for _ in range(self.random.choice((1, 14, 38, 60))):
                    tree = [3, tree]
            case _:
                tree[at] = self.mutated_tree(tree[at], depth + 1)
        return tree

    def literal(self) -> Any:
        """A literal of the caveat language, or the name of something."""
        kinds = [
            0,
            1,
            -1,
            10,
            500,
            2**63 - 1,
            -(2**63),
            0.5,
            1.0,
            1e308,
            True,
            False,
            None,
            "",
            "b*",
            "args",
            "tags",
            "x",
            "t",
            "/",
            b"a",
            "1h",
        ]
        return self.random.choice(kinds)

    def value(self, depth: int) -> Any:
        """Any value that CBOR has, odd ones rather than plain ones."""
        plain: list[Callable[[], Any]] = [
            lambda: self.random.choice(
                (0, 1, -1, 23, 24, 255, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**200)
            ),
            lambda: self.random.choice((0.0, -0.0, 1.0, 1.5, 1e300, float("nan"), float("inf"), -19.0)),
            lambda: self.random.choice((True, False, None, cbor2.undefined, cbor2.CBORSimpleValue(200))),
            lambda: self.random.choice(("", "a", "args", "bearer:", "\u202e", "x" * 300, "/a/***", "(a+)+$", "\\")),
            lambda: self.random.choice((b"", b"\x80", b"\x81" * 5000, bytes(32), self.random.randbytes(9))),
            lambda: self.random.randrange(75),
            lambda: cbor2.CBORTag(self.random.choice((0, 1, 2, 28, 29, 35, 100, 258, 55799)), "x"),
        ]
        nested: list[Callable[[], Any]] = [
            lambda: [self.value(depth + 1) for _ in range(self.random.randrange(5))],
            lambda: {self.random.choice((1, 4, "a", "bb", -1)): self.value(depth + 1) for _ in range(3)},
            lambda: [
                self.random.randrange(72),
                "args",
                self.random.choice(("amount", "tags", "to")),
                self.value(depth + 1),
            ],
            lambda: [self.random.randrange(72), [0, "args", "tags"], "x", self.value(depth + 1)],
        ]
        return self.random.choice(plain if depth > 3 else [*plain, *nested])()


def run(count: int, seed: int) -> Result:
    """Put `count` inputs through every door that takes bytes from outside."""
    fuzzer = Fuzzer(seed)
    roots: list[Root | Principal] = [ROOT.principal, *vectors.accepted()[0].settings()["roots"]]
    verifier = Verifier(roots, audience=AUDIENCE, clock=lambda: NOW, bearer=True, policy="args.amount > 0")
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    began = time.monotonic()
    for number in range(count):
        source, signed, is_list = fuzzer.input()
        half = "signed" if signed else "unsigned"
        try:
            word = _through(verifier, source, allowable=signed and not is_list, issued=fuzzer.issued)
            listed = _as_list(source, acceptable=signed and is_list, issued=fuzzer.issued)
            outcomes[f"list {half} {listed}" if is_list else f"{half} {word}"] += 1
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            shown = source if isinstance(source, str) else source.hex()
            faults.append(f"seed {seed} number {number}: {type(error).__name__}: {error}: {shown!r}")
    return Result(outcomes, faults, time.monotonic() - began)


def _through(verifier: Verifier, source: str | bytes, *, allowable: bool, issued: set[bytes]) -> str:
    """Every door; gives the outcome of the decision."""
    decision = verifier.decide(source, REQUEST, env={"ip": "::1"})
    json.dumps(decision.to_json())
    if not is_plain(decision.detail + decision.public_detail + decision.hop_label()):
        message = f"outside text that is not escaped: {decision.detail!r}"
        raise AssertionError(message)
    if decision.allowed and not allowable and envelope.build(frame(source)) not in issued:
        message = "allowed, though nobody signed it"
        raise AssertionError(message)
    try:
        parsed = UnverifiedToken.parse(source)
        str(parsed.hops)
    except DelegateError as error:
        str(error)
    try:
        verifier.verify_chain(source)
    except DelegateError as error:
        str(error)
    verifier.preview(source, REQUEST)
    return "allow" if decision.allowed else str(decision.reason)


def _as_list(source: str | bytes, *, acceptable: bool, issued: set[bytes]) -> str:
    """The door for revocation lists."""
    try:
        found = RevocationList.parse(source)
    except DelegateError as error:
        if not is_plain(str(error)):
            message = f"outside text that is not escaped: {error.detail!r}"
            raise AssertionError(message) from None
        return str(error.reason)
    if not acceptable and found.to_bytes() not in issued:
        message = "a list, though nobody signed it"
        raise AssertionError(message)
    if RevocationList.parse(found.to_text()) != found:
        message = "a list that reads differently as text"
        raise AssertionError(message)
    return "accept"


def main(arguments: list[str]) -> int:
    """Run a campaign and print what came of it; 1 where something came that should not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None, help="the clock's, if absent")
    given = parser.parse_args(arguments)
    seed = time.time_ns() if given.seed is None else given.seed
    result = run(given.count, seed)
    print(f"{given.count} inputs, seed {seed}, {result.seconds:.0f} s")
    for word, count in sorted(result.outcomes.items()):
        print(f"{count:>9}  {word}")
    for fault in result.faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{len(result.faults)} faults")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
