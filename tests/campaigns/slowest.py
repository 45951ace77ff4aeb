"""Search for the condition that takes longest within its steps, and for the block that takes longest to compile.

    python -m tests.campaigns.slowest --seconds 300 --seed 1

An attacker who holds a chain chooses both the condition, which must fit in a token, and the arguments of the request,
at most 64 KiB. The search starts with the slowest that are known (`KNOWN`) and with random expressions, and keeps
changing what has been slowest so far. Time is that of this thread alone, the least of several runs, each with
patterns yet to be compiled; it is compared with `HAND_MADE`, measured in the same run.
"""

# ruff: noqa: T201 - a command prints
from __future__ import annotations

import argparse
import gc
import itertools
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from delegate import DelegateError, Request
from delegate.core.chain import compiled as rules
from delegate.core.evaluator import namespaced as places
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.regex import _library, prepared, weight
from delegate.core.evaluator.scope import Condition, Scope
from delegate.core.wire import cbor
from delegate.errors import CaveatError, Reason
from delegate.language.codec import to_wire
from delegate.language.parser import parse_expression
from delegate.language.printer import format_expression
from delegate.language.tree import Expression, Path
from delegate.limits import CAPABILITIES, CAVEATS, EVALUATION_STEPS, EXPRESSION_NODES, TOKEN_BYTES
from tests.language.expressions import VARIABLES, Generator, seeded

_READ: Final = {name: Path(("args", name)) for name in VARIABLES}
_KEPT: Final = 40
_SHOWN: Final = 160
# What a block and its signature take of a token at least.
_BLOCK_BYTES: Final = 240


class Candidate(NamedTuple):
    """A condition in text over the variables of `VARIABLES`, each an argument, and the arguments."""

    text: str
    arguments: dict[str, object]


class Measured(NamedTuple):
    """What evaluating a candidate took."""

    candidate: Candidate
    seconds: float
    steps: int
    ended: str

    @property
    def milliseconds_per_thousand(self) -> float:
        """Milliseconds for each 1000 steps."""
        return self.seconds * 1e6 / max(self.steps, 1)

    @property
    def fitness(self) -> float:
        """What the search maximises: the time, and what it would be if all steps were used at the same rate."""
        rate = self.milliseconds_per_thousand * EVALUATION_STEPS / 1000 if self.steps > 200 else 0.0
        return self.seconds * 1000 + 0.3 * rate


HAND_MADE: Final = Candidate('s.matches("[ab]*a[ab]{60}!")', {"s": "".join(seeded(5).choices("ab", k=31_500))})


def _numbered(text: str, count: int) -> list[str]:
    return [text.replace("#", str(number)) for number in range(count)]


# The slowest by hand or by the search, one for each operation that was, or might be, charged too little.
KNOWN: Final[tuple[Candidate, ...]] = (
    HAND_MADE,
    Candidate('l.all(x, net.within(x, "2001:db8::/32"))', {"l": ["2001:db8:1111:2222:3333:4444:5555:6666"] * 1500}),
    Candidate('l.all(x, net.within(x, "::ffff:1.2.3.4/128"))', {"l": ["1:2:3:4:5:6:1.2.3.4"] * 1500}),
    Candidate('l.all(x, url.host(s) != "h")', {"l": [0] * 5000, "s": f"h://{'.'.join('a' * 126)}/"}),
    # An error's message is made, though the error is absorbed.
    Candidate("l.all(x, x.a)", {"l": [0] * 7000}),
    Candidate(f'l.all(x, m["{"ā" * 7000}"])', {"l": [0] * 7000, "m": {}}),
    Candidate(f'l.all(x, m["{"ā" * 7000}"] == 1)', {"l": [0] * 7000, "m": {}}),
    # A search that compares half of the part at every place.
    Candidate("l.all(x, s.contains(t) || true)", {"l": [0] * 999, "s": "a" * 2499, "t": f"{'a' * 1000}b{'a' * 200}"}),
    Candidate("l.all(x, s.contains(t) || true)", {"l": [0] * 999, "s": "a" * 29_999, "t": f"{'a' * 49}b{'a' * 49}"}),
    Candidate('l.all(x, duration(s) != duration("0"))', {"l": [0] * 5000, "s": "1h" * 64}),
    Candidate("l.map(x, string(x)) == []", {"l": [1.2345678901234567e-5] * 6000}),
    Candidate("l.map(x, string(timestamp(x))) == []", {"l": [123_456_789] * 6000}),
    Candidate("l.map(x, double(s)) == []", {"l": [0] * 6000, "s": f"{'9' * 400}.{'9' * 400}e-300"}),
    Candidate('l.all(x, timestamp(x).getFullYear("America/New_York") > 0)', {"l": [2**35] * 3000}),
    Candidate("l == k", {"l": [{} for _ in range(19_000)], "k": [{} for _ in range(19_000)]}),
    Candidate("l.all(x, glob.match(s, x) || true)", {"s": "a", "l": _numbered(f"{'*a' * 29}#", 900)}),
    # What takes memory: the same text again and again, each time another.
    Candidate("l.map(x, s + x) == []", {"l": _numbered("#", 300), "s": "😀" * 4000}),
    Candidate('glob.match(s, "**a**/b**")', {"s": "a" * 65_000}),
    Candidate("path.within(s, t) || true", {"s": "a.%41" * 10_000, "t": "a"}),
    # Each pattern is compiled once.
    Candidate("l.all(x, s.matches(x) || true)", {"s": "a", "l": _numbered("#", 900)}),
    Candidate("l.all(x, s.matches(x) || true)", {"s": "a", "l": _numbered("[\\pL\\pN\\pP\\pS]#", 100)}),
    # What matches is searched from its end as well, so that the pattern is made ready twice.
    Candidate("l.all(x, s.matches(x) || true)", {"s": "0123456789", "l": _numbered("(?i)[\\pL\\pN\\pS\\pM]#", 100)}),
    Candidate("l.all(x, s.matches(x) || true)", {"s": "a", "l": _numbered("(?i)[k-\u3000#]{30}", 100)}),
    Candidate("l.all(x, s.matches(x) || true)", {"s": "a", "l": _numbered(f"{'(' * 1900}#", 33)}),
    Candidate('s.matches("(?s)a.{60}!")', {"s": "".join(seeded(6).choices("ab", k=9_400))}),
    Candidate('s.matches("😀(?:😀|😁){15}!")', {"s": "".join(seeded(7).choices("😀😁", k=16_000))}),
    Candidate('s.matches("(?i)k(?:k|s){30}!")', {"s": "".join(seeded(8).choices("kKsSſ", k=6_000))}),
)


def condition(text: str) -> Condition:
    """Compile a candidate's text as a token would carry it; its variables are arguments.

    Raises:
        DelegateError: not in the language, or beyond a limit.
    """
    return compile_wire(to_wire(_tree(text)))


def _tree(text: str) -> Expression:
    return parse_expression(text, constants=_READ)[0]


def evaluate(candidate: Candidate, repeat: int = 3) -> Measured:
    """Evaluate with the steps of a whole decision, `repeat` times; the least time counts.

    Raises:
        DelegateError: the text does not fit in a token, or the arguments in a request.
    """
    run = condition(candidate.text)
    size = len(cbor.encode([to_wire(_tree(candidate.text))])) + _BLOCK_BYTES
    if size > TOKEN_BYTES:
        raise DelegateError(Reason.LIMIT_EXCEEDED, f"a condition of {size} bytes")
    request = Request("x", None, candidate.arguments)
    least, steps, ended = float("inf"), 0, ""
    for _ in range(repeat):
        _forget()
        scope = Scope({"args": request.values, "action": "x", "resource": None})
        began = time.thread_time()
        try:
            ended = type(run(scope)).__name__
        except CaveatError as error:
            ended = str(error.reason)
        least = min(least, time.thread_time() - began)
        steps = EVALUATION_STEPS - scope.steps_left
    return Measured(candidate, least, steps, ended)


def _forget() -> None:
    """Drop what compiled patterns are kept, so that compiling them is measured too."""
    prepared.cache_clear()
    places.glob_of.cache_clear()
    library, _ = _library()
    library.purge()


class Search:
    """Makes candidates: random ones, and changes of those that were slow."""

    def __init__(self, seed: int) -> None:
        self.random = seeded(seed)
        self.kept: list[Measured] = []

    def candidates(self) -> Iterator[Candidate]:
        """One candidate after the other: first what is known, then without end what is made."""
        yield from KNOWN
        while True:
            yield (
                self.changed(self.random.choice(self.kept).candidate)
                if (self.kept and self.random.random() < 0.6)
                else self.fresh()
            )

    def keep(self, measured: Measured) -> None:
        """Remember it if it is among the slowest."""
        # One a text: else all soon are children of one.
        rivals = [each for each in self.kept if each.candidate.text == measured.candidate.text]
        if rivals and rivals[0].fitness >= measured.fitness:
            return
        others = (each for each in self.kept if each not in rivals)
        self.kept = sorted([*others, measured], key=lambda each: -each.fitness)[:_KEPT]

    def fresh(self) -> Candidate:
        """A random expression, mostly in a loop, over adversarial arguments."""
        if self.random.random() < 0.2:
            return self.matched()
        text = self.text()
        return Candidate(text, {name: self.value(kind) for name, kind in VARIABLES.items() if name in text})

    def text(self) -> str:
        """A loop that goes on whatever its body comes to, around one operation or a random expression."""
        body = self.body()
        chance = self.random.random()
        if chance < 0.15:
            return f"{body} == 0 || true"
        body = f"k.all(y, {body} == 0 || true)" if chance < 0.35 else f"{body} == 0 || true"
        form = self.random.choice(("l.all(x, {})", "l.all(x, {})", "l.map(x, {}) == []", "m.all(x, {})"))
        return form.format(body)

    def body(self) -> str:
        """What is done for each item."""
        if self.random.random() < 0.4:
            generator = Generator(self.random, untyped=0.15)
            generator.local, generator.folds = {"x": "any"}, 1
            return f"({generator.expression(None, self.random.randint(1, 4))})"
        left, right = (self.random.choice(("x", "x", "s", "t", "l", "m", "k", "i", "d")) for _ in range(2))
        return self.random.choice(_OPERATIONS).format(left, right)

    def value(self, kind: str) -> object:
        """One adversarial argument of a kind; the sizes of all must share 64 KiB, so most are small."""
        size = int(self.random.choice((0, 1, 8, 60, 64, 100, 128, 500, 1200, 2499, 9000, 20_000, 29_999)))
        match kind:
            case "string":
                return self.string(size)
            case "bytes":
                return self.string(size // 4).encode()
            case "int":
                return self.random.choice((0, 1, -1, 2**35, 2**62, -(2**63)))
            case "double":
                return self.random.choice((0.5, 1.2345678901234567e-5, 1.7976931348623157e308, 5e-324))
            case "bool":
                return True
            case "map":
                return {f"{self.string(6)}{number}": self.item(number) for number in range(min(size, 3000))}
        if self.random.random() < 0.5:
            item = self.item(0)
            return [item] * size
        return [self.item(number) for number in range(min(size, 5000))]

    def item(self, number: int) -> object:
        """One item of a list; with its number in it, where it is text, so that no two are alike."""
        length = self.random.choice((1, 4, 20, 40, 128, 1000))
        return self.random.choice(
            ([], {}, [[]], {"a": 1}, None, number, 2**35, 1.2345678901234567e-5, self.string(length), f"{number}")
        )

    def string(self, size: int) -> str:
        """Text of about that size that is hard on one operation or another."""
        part = self.random.choice(_PARTS)
        half = size // 2
        repeated = (part * (size // len(part) + 1))[:size]
        return self.random.choice(
            (
                repeated,
                repeated,
                f"{repeated[:half]}!{repeated[half:]}",
                "".join(self.random.choices(part, k=size)),
                part,
                self.pattern(),
            )
        )

    def pattern(self) -> str:
        """A regular expression or glob out of pieces."""
        pieces = self.random.choices(_PIECES, k=self.random.randint(1, 5))
        count = self.random.choice((2, 10, 30, 60, 200))
        return f"{self.random.choice(('', '(?i)', '(?s)'))}{pieces[0]}(?:{''.join(pieces)}){{{count}}}!"

    def changed(self, candidate: Candidate) -> Candidate:
        """The same with one thing changed: its text, one argument, or an argument's size."""
        arguments = dict(candidate.arguments)
        read = [name for name in arguments if name in candidate.text] or list(VARIABLES)
        name = self.random.choice(read)
        match self.random.randrange(3):
            case 0:
                return Candidate(self.text(), arguments)
            case 1:
                arguments[name] = self.value(VARIABLES[name])
            case _:
                arguments[name] = self.resized(arguments.get(name, 0))
        return Candidate(candidate.text, arguments)

    def matched(self) -> Candidate:
        """A regular expression that remembers much of its text, and as long a text as the steps allow."""
        pattern = self.pattern()
        heavy = weight(pattern)
        letters = self.random.choice(("ab", "abx", "aé", "漢字", "😀😁", "kKſs", "a\u2000\u2c01", "a -"))
        # The formula of the cost table, backwards.
        room = (EVALUATION_STEPS - 64 - len(pattern) // 2 - 8 * heavy) * 128 // (heavy + 15)
        size = max(0, min(room, 65_000 // max(len(letter.encode()) for letter in letters)))
        return Candidate("s.matches(t)", {"s": "".join(self.random.choices(letters, k=size)), "t": pattern})

    def resized(self, value: object) -> object:
        """Twice as long, half as long, or another mixture of the same characters."""
        if isinstance(value, str):
            half = len(value) // 2
            return self.random.choice(
                (value * 2, value[:half], value[half:], "".join(self.random.sample(value, len(value))))
            )
        if isinstance(value, list):
            return self.random.choice((value * 2, value[: len(value) // 2], value[1:]))
        return value


_OPERATIONS: Final = (
    *("{0} == {1}", "{0} < {1}", "{0} in {1}", "{0} + {1}", "{0} - {1}", "{0} % {1}", "{0}[{1}]", "{0}.a", "-{0}"),
    *("{0}.contains({1})", "{0}.startsWith({1})", "{0}.endsWith({1})", "{0}.matches({1})", "glob.match({0}, {1})"),
    *("path.within({0}, {1})", "net.within({0}, {1})", "url.host({0})", "url.scheme({0})", "size({0})", "has({0}.a)"),
    *("int({0})", "double({0})", "string({0})", "bytes({0})", "bool({0})", "timestamp({0})", "duration({0})"),
    *("timestamp({0}).getHours({1})", "timestamp({0}).getFullYear()", "[{0}, {1}]", "{{'a': {0}}}", "dyn({0})"),
    *("s.matches({0})", "s.contains({0})", "glob.match(s, {0})", "string(double({0}))", "bytes({0}) == bytes({1})"),
)
_PARTS: Final = (
    *("a", "ab", "1h", "9", "0.", "a/", "%41", "a.", "-", "é", "漢字", "😀😁", "kKs", "*a", "**a/", ":", "1:", "\0"),
    *(
        "2001:db8:1:2:3:4:5:6",
        "10.0.0.1",
        "10.0.0.0/8",
        "h://a.b.c/",
        "Europe/Berlin",
        "2024-02-29T23:59:59.123456789Z",
    ),
)
_PIECES: Final = (
    *(
        "a",
        "b",
        "[ab]",
        "(?:a|b)",
        ".",
        "\\pL",
        "\\W",
        "[^x]",
        "[k-\u3000]",
        "é",
        "漢",
        "[漢字]",
        "a?",
        "a*",
        "\\b",
        "$",
    ),
    *("(?:a|ab)", "[[:^alpha:]]", "\\C", "|", "[\\pL\\pN]", "(?:|a)*", "(a)", "ſ", "\\x{1F600}"),
)


def compilations() -> Iterator[tuple[str, bytes, bytes]]:
    """Name, `if` and `can` of blocks that fill a token: each shape of node as often as limits and bytes let it."""
    args = [0, "args"]
    shapes: dict[str, Callable[[int], list[Any]]] = {
        "literals in a list": lambda count: [22, *itertools.repeat(0, count - 1)],
        "empty lists in a list": lambda count: [22, *itertools.repeat([22], count - 1)],
        "empty maps in a list": lambda count: [22, *itertools.repeat([47], count - 1)],
        "a map": lambda count: [47, *([0, 0] for _ in range((count - 1) // 2))],
        "paths": lambda count: [1, *itertools.repeat([0, "now"], count - 1)],
        "a conjunction of comparisons": lambda count: [1, *([4, "now", 0] for _ in range((count - 1) // 3))],
        "a conjunction of memberships": lambda count: [1, *([10, "now", []] for _ in range((count - 1) // 3))],
        "signs": lambda count: [22, *(_nested(43, 14) for _ in range((count - 1) // 15))],
        "sums": lambda count: [22, *([38, 0, 0] for _ in range((count - 1) // 3))],
        "members": lambda count: [10, "now", list(itertools.repeat("", count - 3))],
        "comprehensions": lambda count: [22, *([49, args, "x", 0] for _ in range((count - 1) // 3))],
    }
    room = TOKEN_BYTES - _BLOCK_BYTES
    for name, shape in shapes.items():
        # As many nodes as limits allow, then as many expressions as fit.
        expression = next(shape(count) for count in range(EXPRESSION_NODES, 0, -1) if _compiles(shape(count)))
        single = len(cbor.encode(expression))
        count = min(CAVEATS + CAPABILITIES, room // single)
        if not count:
            continue
        caveats = [expression] * min(count, CAVEATS)
        capabilities = [["a", None, expression]] * min(count - len(caveats), CAPABILITIES)
        yield name, cbor.encode(caveats), cbor.encode(capabilities) if capabilities else b""
    many: list[Any] = [["*a" * 120, "*a" * 120]] * CAPABILITIES
    yield "patterns", b"", cbor.encode(many)


def _nested(op: int, depth: int) -> list[Any]:
    node: Any = 0
    for _ in range(depth):
        node = [op, node]
    return [op, node]


def _compiles(expression: list[Any]) -> bool:
    try:
        compile_wire(expression)
    except DelegateError:
        return False
    return True


def slowest_compilation(repeat: int = 5) -> tuple[str, float, int, int]:
    """Name, seconds, bytes of expressions, and peak bytes of memory of the block that takes longest to compile."""
    found = []
    for name, caveats, capabilities in compilations():
        least = float("inf")
        for _ in range(repeat):
            began = time.thread_time()
            kept = _compile(caveats, capabilities)
            least = min(least, time.thread_time() - began)
            del kept
        tracemalloc.start()
        kept = _compile(caveats, capabilities)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del kept
        found.append((name, least, len(caveats) + len(capabilities), peak))
    return max(found, key=lambda each: each[1])


def _compile(caveats: bytes, capabilities: bytes) -> object:
    return (
        rules.compile_caveats(caveats) if caveats else (),
        rules.compile_capabilities(capabilities) if capabilities else (),
    )


def peak_memory(candidate: Candidate) -> int:
    """How many bytes of Python's memory evaluating a candidate takes at most, above what it was given."""
    run = condition(candidate.text)
    scope = Scope({"args": Request("x", None, candidate.arguments).values, "action": "x", "resource": None})
    gc.collect()
    tracemalloc.start()
    with suppress(CaveatError):
        run(scope)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def search(seconds: float, seed: int) -> tuple[list[Measured], int]:
    """Search for so long; the slowest first, and how many candidates were evaluated."""
    found = Search(seed)
    ends = time.monotonic() + seconds
    tried = 0
    for candidate in found.candidates():
        if time.monotonic() > ends:
            break
        try:
            measured = evaluate(candidate, 1)
            if not found.kept or measured.fitness > found.kept[-1].fitness:
                measured = evaluate(candidate)
        except DelegateError:
            continue  # beyond a limit: no attacker can send it
        tried += 1
        found.keep(measured)
    return found.kept, tried


def shape(value: object) -> str:
    """What an argument looks like, shortly."""
    if isinstance(value, (str, bytes)):
        return repr(value) if len(value) <= 24 else f"{value[:16]!r}... ({len(value)})"
    if isinstance(value, list):
        return f"[{shape(value[0])}, ...] ({len(value)})" if value else "[]"
    if isinstance(value, dict):
        return f"{{{shape(next(iter(value)))}: ...}} ({len(value)})" if value else "{}"
    return repr(value)


def describe(measured: Measured) -> str:
    """The lines that tell a reader what was slow, and how slow."""
    text = format_expression(_tree(measured.candidate.text))
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
    read = {name: value for name, value in measured.candidate.arguments.items() if name in measured.candidate.text}
    return (
        f"{measured.seconds * 1000:8.1f} ms  {measured.steps:6} steps  "
        f"{measured.milliseconds_per_thousand:5.2f} ms/1000 steps  {measured.ended}\n"
        f"            {text}\n"
        f"            {', '.join(f'{name} = {shape(value)}' for name, value in read.items())}"
    )


def main(arguments: list[str]) -> int:
    """Search, and print the slowest condition and the slowest block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="how many of the slowest to print")
    options = parser.parse_args(arguments)
    kept, tried = search(options.seconds, options.seed)
    # Once more, side by side: a machine's speed changes while a search runs.
    ranked = sorted((evaluate(each.candidate, 5) for each in kept), key=lambda each: -each.seconds)
    hand_made = evaluate(HAND_MADE, 5)
    for measured in ranked[: options.show]:
        print(describe(measured))
    print(f"hand-made:\n{describe(hand_made)}")
    print(f"slowest / hand-made: {ranked[0].seconds / hand_made.seconds:.2f}")
    most = max(map(peak_memory, itertools.chain(KNOWN, (each.candidate for each in ranked))))
    print(f"most memory: {most / 1e6:.1f} MB")
    name, seconds, size, peak = slowest_compilation()
    print(f"slowest block to compile: {seconds * 1000:.1f} ms, {peak / 1e6:.1f} MB: {name}, {size} bytes")
    print(f"{tried} candidates, seed {options.seed}, {options.seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
