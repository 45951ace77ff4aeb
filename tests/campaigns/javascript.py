"""Compare the two implementations: conditions, step limits, regular expressions, presentations, lists, texts.

    python -m tests.campaigns.javascript --language 1000000 --presentations 100000 --regex 100000 --seed 1

A process of Node answers for `src/delegate/js` (`javascript.mjs`). Everything random follows from the seed. Prints how
many agreed on what, and every disagreement that `_any_may_be_given` does not account for; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import cbor2

from delegate import Capability, DelegateError, Identity, Request, RevocationList, RevokedBlock, RevokedKey
from delegate.core.chain.binding import block_aad, proof_aad
from delegate.core.evaluator import regex
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import BoolKey, Duration, Timestamp, to_value
from delegate.core.wire import cbor, cose, envelope
from delegate.errors import CaveatError, CaveatSyntaxError, Reason, TokenError
from delegate.language.codec import to_wire
from delegate.language.parser import parse_expression
from delegate.limits import REGEX_WEIGHT
from tests import vectors
from tests.campaigns import discharges, fuzz
from tests.language.expressions import VARIABLES, Generator, random_variables, seeded

WORKER = Path(__file__).with_suffix(".mjs")
BATCH = 500
STEPS = 20_000
NAMES = frozenset({*VARIABLES, "args", "list", "now", "missing"})
Counts: TypeAlias = Counter[str]
Case: TypeAlias = tuple[str, object, str]  # what is compared, what Node is asked, what Python says


class Javascript:
    """The process that answers for the other implementation."""

    def __init__(self, node: str = "node") -> None:
        """Start it."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [shutil.which(node) or node, "--no-warnings", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def answers(self, kind: str, cases: Sequence[object]) -> list[str]:
        """What it says of each case."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([kind, cases]) + "\n")
        self._process.stdin.flush()
        answers: list[str] = json.loads(self._process.stdout.readline())
        return answers


# --- conditions ---


def shown(value: object) -> str:
    """A value as text that tells types and signs apart, as `javascript.mjs` has it."""
    match value:
        case None:
            return "n"
        case bool() | BoolKey():
            return "t" if value else "f"
        case int():
            return f"i{value}"
        case float():
            return "dnan" if value != value else f"d{struct.pack('>d', value).hex()}"  # noqa: PLR0124 - NaN
        case str():
            return f"s{value.encode().hex()}"
        case bytes():
            return f"b{value.hex()}"
        case list() | tuple():
            return f"[{','.join(map(shown, value))}]"
        case dict():
            return f"{{{','.join(sorted(f'{shown(key)}:{shown(item)}' for key, item in value.items()))}}}"
        case Timestamp():
            return f"T{value.ns}"
        case Duration():
            return f"D{value.ns}"
    message = f"no value of the language: {value!r}"
    raise TypeError(message)


def outcome(wire: bytes, variables: dict[str, Any], limit: int) -> tuple[str, int]:
    """What the Python implementation says, and the steps that it took."""
    try:
        condition = compile_wire(cbor.decode(wire), NAMES)
    except TokenError as error:
        return f"refused {error.reason}", 0
    scope = Scope({name: to_value(value) for name, value in variables.items()}, limit)
    try:
        value = shown(condition(scope))
    except CaveatError as error:
        if error.reason is Reason.LIMIT_EXCEEDED:
            return "steps", limit
        value = "error"
    return f"{value} {scope.steps_left}", limit - scope.steps_left


# Texts that mean something to a function, or nearly.
_POOLS: dict[str, list[str]] = json.loads(WORKER.with_name("javascript_pools.json").read_text(encoding="utf-8"))
_URLS, _ADDRESSES, _NETWORKS = _POOLS["urls"], _POOLS["addresses"], _POOLS["networks"]
_PATHS, _GLOBS, _PATTERNS = _POOLS["paths"], _POOLS["globs"], _POOLS["patterns"]
_TIMES, _LENGTHS, _NUMBERS, _ZONES = _POOLS["times"], _POOLS["lengths"], _POOLS["numbers"], _POOLS["zones"]
_PIECES, _LETTERS = _POOLS["pieces"], _POOLS["letters"]
_FUNCTIONS: tuple[tuple[int, Sequence[str], Sequence[str]], ...] = (
    (Op.STARTS_WITH, _PATHS, _PATHS),
    (Op.ENDS_WITH, _PATHS, _PATHS),
    (Op.CONTAINS, _PATHS, _PATHS),
    (Op.MATCHES, _PATHS, _PATTERNS),
    (Op.GLOB_MATCH, _PATHS, _GLOBS),
    (Op.PATH_WITHIN, _PATHS, _PATHS),
    (Op.NET_WITHIN, _ADDRESSES, _NETWORKS),
)
_READERS: tuple[tuple[int, Sequence[str]], ...] = (
    (Op.URL_HOST, _URLS),
    (Op.URL_SCHEME, _URLS),
    (Op.TIMESTAMP, _TIMES),
    (Op.DURATION, _LENGTHS),
    (Op.INT, _NUMBERS),
    (Op.DOUBLE, _NUMBERS),
    (Op.BOOL, _NUMBERS),
    (Op.SIZE, _PATHS),
    (Op.BYTES, _PATHS),
    (Op.STRING, _NUMBERS),
)


class Trees:
    """Conditions as they travel: what text generators make seldom, long values, and every function."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.folds = 0
        self.scope: list[str] = []

    def variables(self) -> dict[str, Any]:
        """What conditions read here."""
        rng = self.rng
        texts = [rng.choice(pool) for pool in (_URLS, _ADDRESSES, _PATHS, _TIMES, _LENGTHS, _NUMBERS, _ZONES)]
        long = rng.choice(("a", "ab", "é", "😀")) * (
            rng.choice((500, 4000)) if rng.random() < 0.02 else rng.choice((63, 64, 65))
        )
        numbers: list[Any] = [1, 1.0, True, -1, 2**53 + 1, float(2**53), 0.5, 2**63 - 1, None]
        fields: dict[str, Any] = dict(zip("uiptlnz", texts, strict=True))
        fields |= {"long": long, "other": long[:-1] + "b", "bytes": long.encode()[: rng.choice((0, 64, 700))]}
        fields["list"] = rng.choices([*numbers, long, "a", [1, "a"], {"a": 1}], k=rng.choice((0, 1, 3, 9, 70)))
        fields["map"] = {key: rng.choice(numbers) for key in rng.sample("abcde", rng.randrange(5))}
        fields["number"] = rng.choice(numbers)
        return {"args": fields, "s": long, "list": rng.choices(numbers, k=3), "now": rng.choice(numbers)}

    def path(self) -> list[Any]:
        """A path, mostly to something."""
        rng = self.rng
        pick = rng.random()
        if self.scope and pick < 0.3:
            return [0, rng.choice(self.scope), *rng.choices(("a", "b"), k=rng.choice((0, 0, 0, 1)))]
        if pick < 0.9:
            fields = ("u", "i", "p", "t", "l", "n", "z", "long", "other", "bytes", "list", "map", "number", "none")
            return [0, "args", rng.choice(fields), *rng.choices(("a", "b"), k=rng.choice((0, 0, 0, 1)))]
        return [0, rng.choice(("s", "list", "now", "missing", "args"))]

    def literal(self) -> Any:  # noqa: ANN401 - any literal
        """A literal."""
        rng = self.rng
        texts = rng.choice((_URLS, _ADDRESSES, _PATHS, _GLOBS, _PATTERNS, _TIMES, _LENGTHS, _NUMBERS, _ZONES))
        plain: list[Any] = [None, True, False, 0, 1, -1, 2, 63, 2**63 - 1, -(2**63), 0.0, -0.0, 1.0, 1.5, 1e22, 1e-5]
        return rng.choice([*plain, rng.choice(texts), "a", "b", b"", b"a", b"\xff"])

    def binary(self, op: int, left: Any, right: Any) -> list[Any]:  # noqa: ANN401 - any trees
        """An operator in its one form."""
        is_path = isinstance(left, list) and left[0] == 0
        literals = isinstance(right, list) and right[0] == Op.LIST and not any(isinstance(x, list) for x in right[1:])
        if op == Op.IN and is_path and literals:
            return [op - 20, *left[1:], right[1:]]
        if op <= Op.NET_WITHIN and op != Op.IN and is_path and not isinstance(right, list):
            return [op - 20, *left[1:], right]
        return [op, left, right]

    def tree(self, depth: int) -> Any:  # noqa: ANN401 - a tree
        """A tree of at most so many levels."""
        rng = self.rng
        if depth <= 1 or rng.random() < 0.1:
            return self.path() if rng.random() < 0.6 else self.literal()

        def below() -> Any:  # noqa: ANN401 - a tree
            return self.tree(depth - 1)

        pick = rng.random()
        if pick < 0.15:
            op, lefts, rights = rng.choice(_FUNCTIONS)
            left = rng.choice(lefts) if rng.random() < 0.4 else below()
            return self.binary(op, left, rng.choice(rights) if rng.random() < 0.8 else below())
        if pick < 0.27:
            op, texts = rng.choice(_READERS)
            return [int(op), rng.choice(texts) if rng.random() < 0.6 else below()]
        if pick < 0.32:
            zone = [rng.choice(_ZONES)] if rng.random() < 0.6 else []
            moment = [int(Op.TIMESTAMP), rng.choice((rng.randrange(-(2**36), 2**38), rng.choice(_TIMES)))]
            receiver = rng.choice((moment, moment, [int(Op.DURATION), rng.choice(_LENGTHS)], below()))
            return [rng.randrange(62, 72), receiver, *zone]
        if pick < 0.47:
            op = rng.choice((Op.AND, Op.OR))
            operands = [below() for _ in range(rng.randrange(2, 5))]
            operands = [[3, x] if isinstance(x, list) and x[0] == op else x for x in operands]
            return [int(op), *operands]
        if pick < 0.52:
            return [int(Op.CONDITION), below(), below(), below()]
        if pick < 0.64:
            return self.fold(depth)
        if pick < 0.85:
            return self.binary(rng.randrange(Op.EQ, Op.MODULO + 1), below(), below())
        return self.rest(below)

    def fold(self, depth: int) -> Any:  # noqa: ANN401 - a tree
        """A comprehension, where one may be."""
        rng = self.rng
        if self.folds == 2:
            return self.path()
        op = rng.choice((Op.ALL, Op.EXISTS, Op.EXISTS_ONE, Op.MAP_EACH, Op.MAP_SOME, Op.FILTER))
        source = rng.choice(([0, "args", "list"], [0, "args", "map"], [0, "list"], self.tree(depth - 1)))
        variable = rng.choice(("x", "y", "args"))
        self.scope.append(variable)
        self.folds += 1
        bodies = [self.tree(depth - 1) for _ in range(2 if op == Op.MAP_SOME else 1)]
        self.folds -= 1
        self.scope.pop()
        return [int(op), source, variable, *bodies]

    def rest(self, below: Callable[[], Any]) -> Any:  # noqa: ANN401 - a tree
        """The nodes that are left."""
        rng = self.rng
        unary = (Op.NOT, Op.SIZE, Op.NEGATE, Op.INT, Op.DOUBLE, Op.STRING, Op.STRING, Op.BYTES, Op.BOOL, Op.DYN)
        match rng.randrange(7):
            case 0:
                return [int(Op.LIST), *(below() for _ in range(rng.randrange(4)))]
            case 1:
                return [int(Op.MAP), *([below(), below()] for _ in range(rng.randrange(3)))]
            case 2:
                key = below()
                return [int(Op.INDEX), below(), 0 if isinstance(key, str) else key]
            case 3:
                operand = below()
                is_path = isinstance(operand, list) and operand[0] == 0
                op = rng.choice((Op.SELECT, Op.HAS_FIELD))
                return [*operand, "a"] if is_path else [int(op), operand, "a"]
            case 4:
                return [18, "args", *rng.choices(("list", "map", "a", "none"), k=rng.randrange(1, 3))]
        return [int(rng.choice(unary)), below()]


def language_cases(rng: random.Random) -> Iterator[Case]:
    """Conditions made as text and as trees, over two sets of variables: with all steps, with just enough, or fewer."""
    trees = Trees(rng)
    while True:
        text: str | None = None
        encoded: object
        if rng.random() < 0.3:
            text = Generator(rng).expression("bool" if rng.random() < 0.5 else None, rng.randint(1, 5))
            try:
                tree = parse_expression(text, names=frozenset({*VARIABLES, "missing"}))[0]
            except CaveatSyntaxError:
                continue
            encoded = to_wire(tree)
            sets = [random_variables(rng), random_variables(rng)]
        else:
            encoded = trees.tree(rng.randrange(2, 7))
            sets = [trees.variables(), trees.variables()]
        wire = cbor2.dumps(encoded, canonical=True)
        for variables in sets:
            packed = cbor2.dumps(variables, canonical=True).hex()
            said, used = outcome(wire, variables, STEPS)
            yield _kind(said), [wire.hex(), text, packed, STEPS], said
            text = None
            if 0 < used < STEPS:
                limit = rng.choice((used, used - 1, rng.randrange(used)))
                said, _ = outcome(wire, variables, limit)
                yield _kind(said), [wire.hex(), None, packed, limit], said


def _kind(said: str) -> str:
    """What kind of answer this is, for the counts."""
    kinds = {"[": "list", "{": "map", "s": "string", "b": "bytes", "d": "double", "i": "int", "T": "timestamp"}
    kinds |= {"D": "duration", "n": "null", "t": "true", "f": "false"}
    word = said.split(maxsplit=1)[0]
    return word if word in {"steps", "error", "refused"} else kinds[said[0]]


# --- regular expressions ---


def regex_cases(rng: random.Random) -> Iterator[Case]:
    """Patterns of pieces that mean something, and texts that some of them match."""
    while True:
        pieces = [rng.choice(_PIECES) for _ in range(rng.choice((1, 2, 3, 4, 6, 9)))]
        if rng.random() < 0.3:
            pieces = [piece if rng.random() < 0.8 else chr(rng.randrange(0x250)) for piece in pieces]
        pattern = "".join(pieces)
        if rng.random() < 0.5:
            pattern += ")" * (pattern.count("(") - pattern.count(")"))
        text = "".join(rng.choices(_LETTERS, k=rng.choice((0, 1, 2, 3, 8, 20))))
        if rng.random() < 0.2:
            text += chr(rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000))))
        weight = regex.weight(pattern)
        library, options = regex._library()
        try:
            found = str(library.compile(pattern, options).search(text) is not None).lower()
        except library.error:
            found = "error"
        if weight > REGEX_WEIGHT:
            found = "too heavy"  # neither compiles it: only that both weigh it so is compared
        yield found, [pattern, text], f"{weight} {found}"


# --- presentations ---

AUDIENCE = "files.example.com"
NOW = 1_790_000_000
PEOPLE = [Identity.from_seed(f"agent:a{n}", bytes((n + 1,)) * 32) for n in range(6)]
REVOKER = Identity.from_seed("svc:revoker", bytes((99,)) * 32)
ASKED: dict[str, Any] = {"action": "files.read", "resource": "/reports/q3.csv", "args": {"amount": 10, "to": "bob"}}
REQUEST = Request(ASKED["action"], ASKED["resource"], ASKED["args"])
CAPABILITIES: list[Any] = [
    ["files.read"],
    ["files.*", "/reports/**"],
    ["**", "**/*.csv"],
    ["files.read", ["/reports/q3.csv"]],
    ["files.read", "/reports/*", [6, "args", "amount", 11]],
    ["pay", None, True],
]
CONDITIONS: list[Any] = [
    True,
    [6, "args", "amount", 11],
    [4, "args", "to", "bob"],
    [4, "origin", "agent:a0"],
    [18, "args", "missing"],
    [0, "args", "missing"],
    [4, "holder", "name", "agent:a2"],
    [26, [0, "now"], [57, NOW + 100]],
    [19, [0, "args"], "k", [33, [0, "k"], "o"]],
    [14, "resource", "^/reports/.*[.]csv$"],
]


class Chains:
    """Presentations as vectors: chains that are rightly signed and mostly right, to verifiers of many settings."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lists = [REVOKER.revoke(now=NOW - age, ttl="1h").to_text() for age in (10, 500, 4000)] + [
            REVOKER.revoke(keys=[RevokedKey(PEOPLE[4].public_key.thumbprint, since)], now=NOW - 10, ttl="1h").to_text()
            for since in (0, NOW - 300)
        ]

    def maybe(self, chance: float) -> bool:
        """Whether something that has this chance happens."""
        return self.rng.random() < chance

    def claims(self, place: int, holder: Identity, above: int) -> dict[Any, Any]:
        """What a block says: mostly what it may."""
        rng = self.rng
        iat = above + rng.choice((0, 0, 1, 50, 50, -1 if self.maybe(0.1) else 0))
        name = "bearer:" if self.maybe(0.12) else holder.name if self.maybe(0.97) else "agent:other"
        said: dict[Any, Any] = {2: name, 6: iat, 8: {1: cbor.decode(holder.public_key.cose_key)}}
        if not place:
            said |= {
                1: PEOPLE[0].name if self.maybe(0.98) else "agent:other",
                4: NOW + rng.choice((1, 60, 9000)),
                7: bytes(8),
            }
        optional: list[tuple[Any, float, Callable[[], Any]]] = [
            (3, 0.15, lambda: rng.choice(([AUDIENCE], ["x", AUDIENCE], ["x"]))),
            (4, 0.3, lambda: NOW + rng.choice((0, 1, 30, 3600))),
            (5, 0.1, lambda: NOW + rng.choice((-1, 0, 29, 30, 31))),
            ("can", 0.3 if place else 0.98, lambda: rng.sample(CAPABILITIES, rng.choice((1, 2, 6)))),
            ("if", 0.3, lambda: rng.sample(CONDITIONS, rng.choice((1, 1, 2)))),
            ("who", 0.1, lambda: {"run": "7"}),
            ("hops", 0.4, lambda: rng.choice((0, 1, 2, 2, 3, 16))),
            ("fresh", 0.1, lambda: rng.choice((1, 100, 1000, 5000))),
            ("budget", 0.1, lambda: rng.choice(({"calls": 1}, {"calls": 0}, {"eur": 5}, {"eur": 2, "calls": 9}))),
            ("tenant", 0 if place else 0.1, lambda: rng.choice(("acme", "other"))),
            ("for", 0 if place else 0.15, lambda: rng.choice(("user:dana@example.com", "user:eve"))),
        ]
        for key, chance, value in optional:
            if key not in said and self.maybe(chance):
                chosen = value()
                said[key] = cbor2.dumps(chosen, canonical=True) if key in {"can", "if"} else chosen
        return said

    def presentation(self) -> tuple[str, list[bytes]]:
        """A chain with a proof, without one, or with its secret; and its block ids."""
        rng = self.rng
        signers = [PEOPLE[0]]
        blocks: list[bytes] = []
        ids = [PEOPLE[0].public_key.thumbprint]
        iat = NOW - 600
        for place in range(rng.choice((1, 1, 2, 2, 3, 4))):
            keeps = place and self.maybe(0.25)
            holder = signers[-1] if keeps else PEOPLE[place + 1] if self.maybe(0.9) else rng.choice(PEOPLE)
            said = self.claims(place, holder, iat)
            iat = said[6]
            protected = b"\xa1\x01\x32" if place else b"\xa2\x01\x32\x04\x58\x20" + ids[0]
            signer = signers[-1] if self.maybe(0.99) else rng.choice(PEOPLE)
            blocks.append(self.signed(protected, block_aad(ids[-1]), said, signer, ids))
            signers.append(holder)
        kind = rng.random()
        if kind < 0.06:
            return f"hex:{cbor2.dumps([1, blocks]).hex()}", ids[1:]
        if kind < 0.16:
            seed = bytes((PEOPLE.index(signers[-1]) + 1,)) * 32 if self.maybe(0.9) else bytes(32)
            return f"hex:{cbor2.dumps([2, blocks, seed]).hex()}", ids[1:]
        proof = {3: AUDIENCE, 6: NOW + rng.choice((0, 0, 0, -60, -61, 30, 31)), "n": rng.randbytes(16)}
        proof["req"] = REQUEST.digest if self.maybe(0.97) else bytes(32)
        prover = signers[-1] if self.maybe(0.97) else rng.choice(PEOPLE)
        signed = self.signed(b"\xa1\x01\x32", proof_aad(ids[-1]), proof, prover, [])
        return f"hex:{cbor2.dumps([3, blocks, signed, []]).hex()}", ids[1:]

    def signed(self, protected: bytes, aad: bytes, said: dict[Any, Any], signer: Identity, ids: list[bytes]) -> bytes:
        """The bytes of a signed thing; its id goes to the end of the list."""
        item = cose.byte_string(cbor2.dumps(said, canonical=True))
        header = cose.byte_string(protected)
        structure = cose.sig_structure(header, aad, item)
        ids.append(cose.structure_id(structure))
        return cose.assemble(header, item, signer.signer.sign(structure))

    def settings(self) -> dict[str, Any]:
        """What the verifier is told, where it is not the default."""
        rng = self.rng
        options: dict[str, tuple[float, Sequence[Any]]] = {
            "bearer": (0.5, [True]),
            "policy": (0.2, [["args.amount < 11"], ["env.ip == '::1'"], ["holder.name == 'agent:a1'"]]),
            "principals": (0.3, [[self.principal(PEOPLE[1]), self.principal(PEOPLE[2])]]),
            "max_lifetime": (0.1, [700, 10_000]),
            "leeway": (0.2, [None, 31]),
            "proof_window": (0.1, [59, 61]),
            "limits": (0.1, [{"blocks": 2}, {"evaluation_steps": 9}, {"evaluation_steps": 30}]),
            "revokers": (0.6, [[self.principal(REVOKER)]]),
            "max_revocation_age": (0.05, [100, 1000]),
            "ledger": (0.7, [True]),
        }
        return {name: rng.choice(values) for name, (chance, values) in options.items() if self.maybe(chance)}

    @staticmethod
    def principal(identity: Identity) -> dict[str, str]:
        """A name and a key, as vectors have them."""
        return {"name": identity.name, "key": str(identity.public_key)}

    def root(self) -> dict[str, Any]:
        """The root, with what it may."""
        options: dict[str, tuple[float, Any]] = {
            "speaks_for": (0.5, ["user:*@example.com"]),
            "tenants": (0.2, ["acme"]),
            "can": (0.15, ["files.* /reports/** if args.amount <= 10", "pay(amount, to)"]),
            "not_before": (0.05, NOW + self.rng.choice((0, 1))),
            "not_after": (0.05, NOW - self.rng.choice((0, 1))),
        }
        return self.principal(PEOPLE[0]) | {
            name: value for name, (chance, value) in options.items() if self.maybe(chance)
        }

    def vector(self) -> dict[str, Any]:
        """One presentation, and who judges it."""
        presented, ids = self.presentation()
        revocations = self.rng.sample(self.lists, self.rng.choice((0, 1, 1, 2)))
        if self.maybe(0.1):
            signer = self.rng.choice((*PEOPLE[:3], REVOKER))
            block = RevokedBlock(self.rng.choice(ids), NOW + 9000)
            revocations.append(signer.revoke(blocks=[block], now=NOW - 5, ttl="1h").to_text())
        return {
            "presentation": presented,
            "roots": [self.root()],
            "audience": AUDIENCE,
            "tenant": self.rng.choice((None, None, None, None, "acme")),
            "now": NOW,
            "request": ASKED,
            "env": {"ip": "::1"},
            "verifier": self.settings(),
            "cost": self.rng.choice(({}, {"eur": 3}, {"eur": 2, "calls": 2})),
            "revocations": revocations,
        }


def presentation_cases(rng: random.Random) -> Iterator[Case]:
    """Chains that were made here, envelopes that `fuzz.py` changed, and discharges that `discharges.py` did."""
    chains = Chains(rng)
    fuzzer = fuzz.Fuzzer(rng.randrange(2**32))
    mutator = discharges.Mutator(rng.randrange(2**32))
    fuzzed = {"name": "agent:a0", "key": str(fuzz.ROOT.public_key)}
    asked = {"action": "files.read", "resource": "/reports/q3.csv", "args": _plain(fuzz.REQUEST.args)}
    plain: dict[str, Any] = {"audience": AUDIENCE, "tenant": None, "env": {"ip": "::1"}, "verifier": {"bearer": True}}
    while True:
        pick = rng.random()
        if pick < 0.5:
            fields = chains.vector()
        elif pick < 0.75:
            source, _, is_list = fuzzer.input()
            if is_list or (isinstance(source, str) and "\ud800" in source):
                continue
            now = NOW + rng.choice((0, 0, 0, 0, 0, -30, -31, -61, 60, 61, 3549, 3550, 28739, 28740))
            shown = source if isinstance(source, str) else f"hex:{source.hex()}"
            fields = {**plain, "presentation": shown, "roots": [fuzzed], "now": now, "request": asked}
        else:
            fields = {**_discharged(rng, mutator), "env": {}}
        mine, hop = vectors.outcome(lambda fields=fields: _authorized(vectors.Vector("", fields)))  # type: ignore[misc]
        yield mine, json.dumps(fields), f"{mine} {'null' if hop is None else hop}"


def list_cases(rng: random.Random) -> Iterator[Case]:
    """Revocation lists that `fuzz.py` changed, and long ones, signed anew in half of the cases."""
    fuzzer = fuzz.Fuzzer(rng.randrange(2**32))
    keys = [RevokedKey(n.to_bytes(32, "big"), n) for n in range(1700)]
    blocks = [RevokedBlock(n.to_bytes(32, "big"), NOW + n, "why") for n in range(1700)]
    long = [
        fuzz.ROOT.revoke(keys=keys, blocks=blocks, now=NOW),
        fuzz.ROOT.revoke(keys=keys, now=NOW),
        fuzz.ROOT.revoke(blocks=blocks, now=NOW),
    ]
    while True:
        source: str | bytes
        if rng.random() < 0.2:
            parts = cose.open_list(envelope.parse_revocations(rng.choice(long).to_bytes()))
            payload = parts.payload
            # Rather where claims and records begin than among their bytes.
            at = rng.choice(
                (0, rng.randrange(120), payload.find(b"dkeys"), payload.find(b"fblocks"), rng.randrange(len(payload)))
            )
            at = max(at, 0) + rng.randrange(9)
            changed = bytes((rng.choice((0, 0x80, 0x82, 0x83, 0x99, 0xA5, 0xA6, 0xA7, 0xF6, rng.randrange(256))),))
            payload = (
                payload[:at] + changed + payload[at + rng.choice((0, 1, 1, 1)) :] if rng.random() < 0.8 else payload
            )
            item = cose.byte_string(payload)
            structure = cose.sig_structure(parts.protected, fuzz.LIST_AAD + parts.kid, item)
            source = cbor2.dumps([6, cose.assemble(parts.protected, item, fuzz.ROOT.signer.sign(structure))])
        else:
            source, _, is_list = fuzzer.input()
            if not is_list:
                continue
        try:
            found = RevocationList.parse(source)
            records = [
                f"{each.subject.hex()} {each.since if each.is_key else each.until} {each.why or 'null'}"
                for each in found.records
            ]
            said = f"accept {found.sequence} {sha256(','.join(records).encode()).hexdigest()}"
        except DelegateError as error:
            said = str(error.reason)
        yield said.split(maxsplit=1)[0], source if isinstance(source, str) else f"hex:{source.hex()}", said


def text_cases(rng: random.Random) -> Iterator[Case]:
    """URLs and targets of HTTP requests, and capabilities as text, of pieces that mean something there."""
    while True:
        asked: list[object]
        pick = rng.random()
        try:
            if pick < 0.7:
                rest = "".join(rng.choices(_POOLS["url_pieces"], k=rng.randrange(7)))
                path = rng.choice(("", "/", "/")) + rest
                origin = rng.choice(_POOLS["origins"]) if rng.random() < 0.5 else "https://h"
                method = rng.choice(("GET", "GET", "GET", "pOst", "M-SEARCH", "", "A B", "Gé", "x" * 300))
                if pick < 0.4:
                    asked = ["url", method, origin + path]
                    said = Request.http(method, origin + path).describe()
                else:
                    asked = ["target", method, origin, path]
                    said = Request.from_target(origin, method, path).describe()
            else:
                text = "".join(rng.choices(_POOLS["capability_pieces"], k=rng.randrange(1, 9)))
                asked = ["capability", text, None]
                asked[2] = cbor2.dumps([Capability.parse(text).to_wire()], canonical=True).hex()
                said = "accept"
        except (DelegateError, ValueError) as error:
            said = str(error.reason) if isinstance(error, DelegateError) else "malformed"
        yield f"{asked[0]} {'accept' if said[0] == '[' else said}", asked, said


def _authorized(vector: vectors.Vector) -> object:
    return vector.verifier().authorize(vector.source, vector.request, **vector.facts)


def _discharged(rng: random.Random, mutator: discharges.Mutator) -> dict[str, Any]:
    """A chain with needs, or a changed one; discharges that are right, changed, missing or twice."""
    token = discharges.TOKEN if rng.random() < 0.7 else mutator.token()
    brought = [each for each in discharges.GOOD if rng.random() < 0.9]
    if rng.random() < 0.6:
        brought.append(mutator.discharge())
    rng.shuffle(brought)
    shown = discharges._presented(token, brought).to_bytes()
    parties = [Chains.principal(discharges.BOB), Chains.principal(discharges.ALICE)]
    settings: dict[str, Any] = {"third_parties": parties[: rng.choice((1, 2, 2, 2))]}
    if rng.random() < 0.9:
        settings["revokers"] = [Chains.principal(discharges.REVOKER)]
    return {
        "presentation": f"hex:{shown.hex()}",
        "roots": [Chains.principal(discharges.ALICE)],
        "audience": discharges.AUDIENCE,
        "tenant": None,
        "now": NOW + rng.choice((0, 0, 0, -61, 30, 1000)),
        "request": {"action": "pay", "resource": None, "args": {"amount": 500, "rate": 1.5}},
        "verifier": settings,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    """A value as vectors write it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return {"base16": value.hex()} if isinstance(value, bytes) else value


# --- the campaign ---


class Difference(NamedTuple):
    """A disagreement."""

    asked: object
    python: str
    javascript: str


_FORM = {"malformed", "not_canonical", "truncated", "limit_exceeded", "unknown_claim", "unsupported_version"}


def _any_may_be_given(kind: str, mine: str, theirs: str) -> bool:
    """Both refuse the form of one thing, which has several faults: any of their reasons may be given (SPEC §3.6)."""
    if kind == "language":
        return mine.startswith("refused") and theirs.startswith("refused")
    if kind == "list":
        return {mine, theirs} <= _FORM
    if kind != "decide":
        return False
    mine_word, mine_hop = mine.split()
    theirs_word, theirs_hop = theirs.split()[:2]
    return mine_hop == theirs_hop and {mine_word, theirs_word} <= _FORM


def compare(
    javascript: Javascript, kind: str, cases: Iterator[Case], count: int, counts: Counts
) -> Iterator[Difference]:
    """Compare so many cases; yield what differs."""
    sizes = [min(BATCH, count - start) for start in range(0, count, BATCH)]
    with ThreadPoolExecutor(1) as other:
        batch: list[Case] = []
        waiting: Future[list[str]] | None = None
        for size in [*sizes, 0]:
            # The next cases are made while the other process works on those before.
            following = [next(cases) for _ in range(size)]
            for (word, asked, mine), theirs in zip(batch, waiting.result() if waiting else (), strict=True):
                if mine == theirs:
                    counts[f"{kind} {word}"] += 1
                elif _any_may_be_given(kind, mine, theirs):
                    counts[f"{kind} two faults: {mine} {theirs}"] += 1
                else:
                    counts[f"{kind} DIFFERENT"] += 1
                    yield Difference(asked, mine, theirs)
            batch = following
            waiting = other.submit(javascript.answers, kind, [asked for _, asked, _ in batch])


def run(
    language: int, regexes: int, presentations: int, lists: int, texts: int, seed: int
) -> tuple[Counts, list[Difference]]:
    """All comparisons."""
    counts = Counts()
    found: list[Difference] = []
    with Javascript() as javascript:
        for kind, cases, count in (
            ("language", language_cases, language),
            ("regex", regex_cases, regexes),
            ("decide", presentation_cases, presentations),
            ("list", list_cases, lists),
            ("text", text_cases, texts),
        ):
            found += compare(javascript, kind, cases(seeded(seed)), count, counts)
    return counts, found


def main(arguments: list[str]) -> int:
    """Run the campaign; the exit status is 1 if there was a disagreement that nothing explains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("language", "regex", "presentations", "lists", "texts"):
        parser.add_argument(f"--{name}", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    started = time.monotonic()
    counts, found = run(given.language, given.regex, given.presentations, given.lists, given.texts, given.seed)
    for name, number in sorted(counts.items()):
        sys.stdout.write(f"{number:>9}  {name}\n")
    for each in found[:40]:
        sys.stdout.write(f"{each.asked}\n  Python     {each.python}\n  JavaScript {each.javascript}\n")
    sys.stdout.write(f"seed {given.seed}, {time.monotonic() - started:.0f} s: {len(found)} differences\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
