"""Compare the two implementations: conditions, step limits, regular expressions, presentations.

    python -m tests.campaigns.javascript --language 1000000 --regex 100000 --presentations 100000 --seed 1

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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import cbor2

from delegate import Verifier
from delegate.core.evaluator import regex
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import BoolKey, Duration, Timestamp, to_value
from delegate.core.wire import cbor
from delegate.errors import CaveatError, CaveatSyntaxError, Reason, TokenError
from delegate.language.codec import to_wire
from delegate.language.parser import parse_expression
from delegate.limits import REGEX_WEIGHT
from tests import vectors
from tests.campaigns import fuzz
from tests.language.expressions import VARIABLES, Generator, random_variables, seeded

WORKER = Path(__file__).with_suffix(".mjs")
BATCH = 500
STEPS = 20_000
NAMES = frozenset({*VARIABLES, "args", "list", "now", "missing"})
Counts: TypeAlias = Counter[str]
Case: TypeAlias = tuple[str, Sequence[object], str]  # what is compared, what Node is asked, what Python says


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


def settings() -> list[object]:
    """The verifier and the request of `fuzz.py`, for the other implementation."""
    roots = [fuzz.ROOT.principal, *(root.principal for root in _vector_roots())]
    request = fuzz.REQUEST
    packed = cbor2.dumps(dict(request.args), canonical=True)
    return [
        {
            "roots": [{"name": root.name, "key": str(root.public_key)} for root in roots],
            "audience": fuzz.AUDIENCE,
            "bearer": True,
            "policy": ["args.amount > 0"],
        },
        {
            "action": request.action,
            "resource": request.resource,
            "args": packed.hex(),
        },
    ]


def _vector_roots() -> list[Any]:
    return list(vectors.accepted()[0].settings()["roots"])


def presentation_cases(rng: random.Random) -> Iterator[Case]:
    """What `fuzz.py` makes, at clocks around it: half of it signed anew after it was changed."""
    fuzzer = fuzz.Fuzzer(rng.randrange(2**32))
    clock = fuzz.NOW
    roots: list[Any] = [fuzz.ROOT.principal, *_vector_roots()]
    stores = vectors.EachAlone()
    verifier = Verifier(
        roots, audience=fuzz.AUDIENCE, clock=lambda: clock, bearer=True, policy="args.amount > 0", replay=stores
    )
    while True:
        source, _, is_list = fuzzer.input()
        if is_list or (isinstance(source, str) and not source.isascii() and "\ud800" in source):
            continue
        clock = fuzz.NOW + rng.choice((0, 0, 0, 0, 0, -30, -31, -61, 60, 61, 3549, 3550, 28739, 28740))
        decision = verifier.decide(source, fuzz.REQUEST, env={"ip": "::1"})
        hop = "null" if decision.hop is None else decision.hop
        said = "allow null" if decision.allowed else f"{decision.reason} {hop}"
        yield said.split(maxsplit=1)[0], [source if isinstance(source, str) else f"hex:{source.hex()}", clock], said


# --- the campaign ---


class Difference(NamedTuple):
    """A disagreement."""

    asked: Sequence[object]
    python: str
    javascript: str


_FORM = {"malformed", "not_canonical", "truncated", "limit_exceeded", "unknown_claim", "unsupported_version"}


def _any_may_be_given(kind: str, mine: str, theirs: str) -> bool:
    """Both refuse the form of one thing, which has several faults: any of their reasons may be given (SPEC §3.6)."""
    if kind == "language":
        return mine.startswith("refused") and theirs.startswith("refused")
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


def run(language: int, regexes: int, presentations: int, seed: int) -> tuple[Counts, list[Difference]]:
    """All three comparisons."""
    counts = Counts()
    found: list[Difference] = []
    with Javascript() as javascript:
        javascript.answers("settings", [settings()])
        for kind, cases, count in (
            ("language", language_cases, language),
            ("regex", regex_cases, regexes),
            ("decide", presentation_cases, presentations),
        ):
            found += compare(javascript, kind, cases(seeded(seed)), count, counts)
    return counts, found


def main(arguments: list[str]) -> int:
    """Run the campaign; the exit status is 1 if there was a disagreement that nothing explains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("language", "regex", "presentations"):
        parser.add_argument(f"--{name}", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    started = time.monotonic()
    counts, found = run(given.language, given.regex, given.presentations, given.seed)
    for name, number in sorted(counts.items()):
        sys.stdout.write(f"{number:>9}  {name}\n")
    for each in found[:40]:
        sys.stdout.write(f"{each.asked}\n  Python     {each.python}\n  JavaScript {each.javascript}\n")
    sys.stdout.write(f"seed {given.seed}, {time.monotonic() - started:.0f} s: {len(found)} differences\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
