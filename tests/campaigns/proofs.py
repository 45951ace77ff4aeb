"""Pinned cases: whatever the evaluator says of a request must be possible in the translation (SPEC §6.9).

    python -m tests.campaigns.proofs --count 100000 --seed 1

Each case is a random condition and a random request. The request is pinned, value by value, onto the translation of the
condition; then what the evaluator says (true, false, an error) must have a way to be true there. Where it has none, a
proof of "never" could be wrong. Besides, a condition that is said never to be true is tried with further requests.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from delegate import Request
from delegate.analysis.proofs import comparing
from delegate.analysis.proofs.formulas import (
    MISSING,
    Formula,
    InText,
    Kinds,
    Term,
    Truth,
    conj,
    disj,
    equal_sums,
    fact,
    number,
    variable,
)
from delegate.analysis.proofs.languages import ALL, Languages, TooMuchError
from delegate.analysis.proofs.search import Cases, Found, WithZ3, solve_sums
from delegate.analysis.proofs.symbols import Names, Outcome, Surroundings
from delegate.analysis.proofs.texts import Texts
from delegate.analysis.proofs.theory import Theory
from delegate.analysis.proofs.translate import Translation
from delegate.core.chain.compiled import compile_capabilities, permits
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import EvaluationError, Scope, StepsExhaustedError
from delegate.core.evaluator.values import Timestamp, type_name
from delegate.errors import DelegateError
from delegate.language.capability import Capability, Exactly, encode_capabilities
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from delegate.language.tree import Expression

NOW = 1_790_000_000
KEY = "ab" * 32
TEXTS = (
    "", "a", "ab", "eve", "ann", "/a", "/a/b", "a/b", "/a/../b", "/a//b", "x.csv", "https://a.example.com/x",
    "HTTP://A.example.com:80", "http://[::1]/", "ftp://10.0.0.1", "10.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "5",
    "2.5", "-7", "true", "T", "é", "K", "\u212a", "k", "\n", "1h", "2030-01-01T00:00:00Z", "nan", "inf", "%20", "a b",
    "*",
)  # fmt: skip
INTS = (0, 1, 2, 3, 5, 7, -1, -7, 60, 500, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
DOUBLES = (0.5, -0.5, 2.5, 499.5, 1e17, -1e17, 1e300, 9007199254740994.0)
FIELDS = ("a", "b", "s", "t", "l", "m")
PATTERNS = (
    "a",
    "^a",
    "b$",
    "^(a|eve)$",
    "[a-z]+",
    "(?i)k",
    "a.b",
    "\\\\d+",
    "^$",
    "(^|/)b",
    "x*",
    "[^a]",
    "\\\\.csv$",
    "(",
)
GLOBS = ("**", "/a/**", "*", "a*", "/*/b", "**/b", "*.csv", "/a", "a?")
HOSTS = ("a.example.com", "::1", "10.0.0.1")
NETS = ("10.0.0.0/8", "10.0.0.1/32", "::/0", "0.0.0.0/0", "10.0.0.1/8")


@dataclass(frozen=True)
class Case:
    """One condition and what it is about."""

    text: str
    request: Request
    env: dict[str, Any]
    holder_name: str
    capability: tuple[str, str | Exactly | None] | None  # the condition is one of this


class Maker:
    """Conditions and requests out of one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def value(self, depth: int = 0) -> object:
        """A value that a request may hold."""
        roll = self.chance.randrange(14 if depth < 2 else 9)
        if roll < 3:
            return self.chance.choice(TEXTS)
        if roll < 5:
            return self.chance.choice(INTS)
        if roll == 5:
            return self.chance.choice(DOUBLES)
        if roll == 6:
            return self.chance.random() < 0.5
        if roll == 7:
            return None
        if roll == 8:
            return b"ab"
        if roll < 12:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        return {self.chance.choice((*FIELDS, "k")): self.value(depth + 1) for _ in range(self.chance.randrange(3))}

    def request(self) -> Request:
        """A request."""
        action = self.chance.choice(("pay", "files.read", "a", "mail.send"))
        resource = self.chance.choice((None, "/a", "/a/b", "a/b", "/a/../b", "x.csv", "https://a.example.com/x"))
        args = {name: self.typed(name) for name in FIELDS if self.chance.random() < 0.85}
        return Request(action, resource, args)

    def typed(self, name: str) -> object:
        """A value that its name leads one to expect, mostly."""
        if self.chance.random() < 0.25:
            return self.value()
        if name in {"a", "b"}:
            return self.chance.choice(INTS) if self.chance.random() < 0.7 else self.chance.choice(DOUBLES)
        if name in {"s", "t"}:
            return self.chance.choice(TEXTS)
        if name == "l":
            items = TEXTS if self.chance.random() < 0.6 else INTS
            return [self.chance.choice(items) for _ in range(self.chance.randrange(4))]
        return {self.chance.choice(("a", "b", "s", "k")): self.value(1) for _ in range(self.chance.randrange(3))}

    def path(self, names: Sequence[str]) -> str:
        """A path."""
        roll = self.chance.random()
        if names and roll < 0.5:
            name = self.chance.choice(names)
            return name if self.chance.random() < 0.8 else f"{name}.{self.chance.choice(FIELDS)}"
        if roll < 0.6:
            return self.chance.choice(("action", "resource", "origin", "aud", "holder.key", "holder.name", "env.a"))
        found = f"args.{self.chance.choice(FIELDS)}"
        if self.chance.random() < 0.15:
            found += self.chance.choice((".a", "[0]", "[1]", '["b"]', "[0].a"))
        return found

    def literal(self) -> str:
        """A literal."""
        roll = self.chance.randrange(8)
        if roll < 3:
            return _quoted(self.chance.choice(TEXTS))
        if roll < 5:
            return str(self.chance.choice(INTS))
        if roll == 5:
            return repr(self.chance.choice(DOUBLES))
        return self.chance.choice(("true", "false", "null", 'b"ab"', "1.0", "[1, 2]", '["a", "eve"]', '{"a": 1}'))

    def term(self, names: Sequence[str], depth: int) -> str:
        """Something that comes to a value."""
        roll = self.chance.randrange(26 if depth else 10)
        if roll < 7:
            return self.path(names)
        if roll < 10:
            return self.literal()
        inner = self.term(names, depth - 1)
        if roll < 13:
            return f"{self.chance.choice(('size', 'int', 'double', 'string', 'bool', 'dyn', 'bytes'))}({inner})"
        if roll < 18:
            return f"({inner} {self.chance.choice(('+', '-', '*', '/', '%'))} {self.term(names, depth - 1)})"
        if roll < 20:
            return f"{self.chance.choice(('url.host', 'url.scheme'))}({inner})"
        if roll == 20:
            return f"-({inner})"
        if roll == 21:
            return f"({self.test(names, depth - 1)} ? {inner} : {self.term(names, depth - 1)})"
        if roll == 22:
            return f"now.{self.chance.choice(('getHours', 'getDayOfWeek', 'getFullYear'))}()"
        if roll == 23:
            return f"timestamp({inner})" if self.chance.random() < 0.5 else f"duration({inner})"
        if roll == 24 and len(names) < 2:
            name = f"q{len(names)}"
            fold = self.chance.choice(("filter", "map"))
            return f"{self.path(names)}.{fold}({name}, {self.test([*names, name], 0)})"
        return f"[{inner}, {self.term(names, 0)}]"

    def fitting(self) -> str:
        """A test whose types fit, mostly."""
        number_, text = f"args.{self.chance.choice('ab')}", f"args.{self.chance.choice('st')}"
        order = self.chance.choice(("==", "!=", "<", "<=", ">", ">="))
        value = self.chance.choice(INTS) if self.chance.random() < 0.7 else self.chance.choice(DOUBLES)
        quoted = _quoted(self.chance.choice(TEXTS))
        ways = (
            f"{number_} {order} {value}",
            f"int({number_}) {self.chance.choice('+-*')} {self.chance.choice((1, 2, 3, -7))} {order} {value}",
            f"int({number_}) {self.chance.choice('/%')} {self.chance.choice((1, 2, 3, 7, -2))} {order} {value}",
            f"double({number_}) {order} {float(self.chance.choice(INTS))}",
            f"args.a {order} args.b",
            f"int(args.a) + int(args.b) {order} {self.chance.choice(INTS)}",
            f"{text} {order} {quoted}",
            f"args.s {self.chance.choice(('==', '!='))} args.t",
            f"{text} {self.chance.choice(('==', '!='))} {quoted} + args.{self.chance.choice('st')}",
            f"size({text}) {order} {self.chance.choice((0, 1, 2, 3, 5))}",
            f"size(args.l) {order} {self.chance.choice((0, 1, 2, 3))}",
            f"{text}.{self.chance.choice(('startsWith', 'endsWith', 'contains'))}({quoted})",
            f'{text}.matches("{self.chance.choice(PATTERNS)}")',
            f'glob.match({text}, "{self.chance.choice(GLOBS)}")',
            f"path.within({text}, {_quoted(self.chance.choice(('/a', '/a/', 'a', '/')))})",
            f'net.within({text}, "{self.chance.choice(NETS)}")',
            f"url.host({text}) {self.chance.choice(('==', '!='))} '{self.chance.choice(HOSTS)}'",
            f"url.scheme({text}) == {_quoted(self.chance.choice(('http', 'https', 'ftp')))}",
            f"{quoted} in args.l",
            f"args.l == [{quoted}]",
            f"args.l[{self.chance.randrange(3)}] == {quoted}",
            f"args.l.{self.chance.choice(('all', 'exists'))}(x, x {self.chance.choice(('==', '!='))} {quoted})",
            f"args.l.{self.chance.choice(('all', 'exists'))}(x, x == {text} || size(x) > 2)",
            f"args.m.{self.chance.choice(('all', 'exists'))}(k, k in ['a', 'k'])",
            f"args.{self.chance.choice(('all', 'exists'))}(k, k in ['a', 'b', 's', 'l'])",
            f"has(args.{self.chance.choice(FIELDS)})",
            f"has(args.m.{self.chance.choice(('a', 'k'))})",
            f"args.m.a {order} {value}",
            f"resource {self.chance.choice(('==', '!='))} {_quoted(self.chance.choice(('/a/b', 'x.csv')))}",
            f"int({text}) {order} {value}",
            f"timestamp({text}) > now",
            f"env.a {order} {value}",
        )
        return self.chance.choice(ways)

    def test(self, names: Sequence[str], depth: int) -> str:
        """Something that comes to true or false, mostly."""
        if depth and self.chance.random() < 0.45:
            return self.fitting()
        roll = self.chance.randrange(30 if depth else 18)
        one = self.term(names, min(depth, 1) if self.chance.random() < 0.5 else 0)
        if roll < 6:
            return f"{one} {self.chance.choice(('==', '!=', '<', '<=', '>', '>='))} {self.term(names, min(depth, 1))}"
        if roll < 9:
            method = self.chance.choice(("startsWith", "endsWith", "contains"))
            other = _quoted(self.chance.choice(TEXTS)) if self.chance.random() < 0.85 else self.path(names)
            return f"{one}.{method}({other})"
        if roll < 11:
            return f'{one}.matches("{self.chance.choice(PATTERNS)}")'
        if roll == 11:
            return f'glob.match({one}, "{self.chance.choice(GLOBS)}")'
        if roll == 12:
            return f"path.within({one}, {_quoted(self.chance.choice(('/a', '/a/', 'a', '/', '/a/../b')))})"
        if roll == 13:
            return f'net.within({one}, "{self.chance.choice(NETS)}")'
        if roll < 16:
            items = ", ".join(self.literal() for _ in range(self.chance.randrange(4)))
            return f"{one} in [{items}]" if self.chance.random() < 0.7 else f"{one} in {self.path(names)}"
        if roll == 16:
            whole = self.chance.choice(("args", "env", "args.m", "holder", "args.a"))
            return f"has({whole}.{self.chance.choice((*FIELDS, 'name', 'key'))})"
        if roll == 17:
            return one
        inner = self.test(names, depth - 1)
        if roll < 21:
            return f"({inner} {self.chance.choice(('&&', '||'))} {self.test(names, depth - 1)})"
        if roll < 23:
            return f"!({inner})"
        if roll == 23:
            return f"({inner} ? {self.test(names, depth - 1)} : {self.test(names, depth - 1)})"
        if len(names) < 2:
            name = f"q{len(names)}"
            fold = self.chance.choice(("all", "exists", "all", "exists", "exists_one"))
            source = self.chance.choice(
                ("args.l", "args.l", "args.m", "args", self.path(names), '["a", "eve", 5]', "env")
            )
            return f"{source}.{fold}({name}, {self.test([*names, name], depth - 1)})"
        return inner

    def case(self) -> Case:
        """One case."""
        env = {"a": self.value()} if self.chance.random() < 0.7 else {}
        name = self.chance.choice(("", "agent:a"))
        capability = None
        if self.chance.random() < 0.2:
            resource = self.chance.choice((None, Exactly("/a/../b"), Exactly("/a"), *GLOBS[:-1]))
            capability = (self.chance.choice(("**", "pay", "files.*", "*", "files.**", "mail.send")), resource)
        known = dict(Request("a", None, env).values)
        return Case(self.test((), self.chance.randrange(1, 4)), self.request(), known, name, capability)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


def variables(case: Case) -> dict[str, Any]:
    """What a condition reads, as a verifier makes it."""
    holder = {"key": KEY, **({"name": case.holder_name} if case.holder_name else {})}
    return {
        "action": case.request.action, "resource": case.request.resource, "args": case.request.values, "env": case.env,
        "now": Timestamp.from_seconds(NOW), "aud": "files", "origin": "user:alice", "holder": holder,
    }  # fmt: skip


def verdict(tree: Expression, names: dict[str, Any]) -> bool | None:
    """What the evaluator says: true, false, or `None`: neither.

    Raises:
        StepsExhaustedError: the steps did not suffice.
    """
    try:
        value = compile_wire(to_wire(tree))(Scope(names))
    except EvaluationError:
        return None
    return value if isinstance(value, bool) else None


def permitted(case: Case, tree: Expression) -> bool:
    """Whether a capability with this condition permits the request.

    Raises:
        DelegateError: the steps did not suffice.
    """
    action, resource = case.capability or ("", None)
    given = Capability(action=action, resource=resource, condition=tree)
    return permits(compile_capabilities(encode_capabilities(given)), case.request, Scope(variables(case)))


class Pins:
    """A request as formulas over the terms that a translation speaks of."""

    def __init__(self, translation: Translation) -> None:
        self.translation = translation

    def value(self, term: Term, value: Any) -> Formula:  # noqa: ANN401 - whatever a request may hold
        """Say that a term is this value."""
        translation = self.translation
        kind = type_name(value)
        found: list[Formula] = [fact(Kinds(term, translation.kinds[term] & {kind}))]
        if kind == "string":
            found.append(fact(InText(term, translation.languages.word(value))))
        elif kind in {"int", "double"}:
            found.append(equal_sums(variable(term, kind), number(value)))
        elif kind == "bool":
            truth = fact(Truth(term))
            found.append(truth if value else translation.negate(truth))
        elements = translation.elements
        for field in translation.fields(term):
            there = kind == "map" and field[-1] in value
            found.append(self.value(field, value[field[-1]]) if there else self.missing(field))
        for each in elements.get((term, "map"), []):
            keys = value if kind == "map" else ()
            found.append(disj(self.missing(each), *(self.value(each, key) for key in keys)))
        items = value if kind == "list" else []
        for each in elements.get((term, "list"), []):
            place = each[-1]
            if isinstance(place, int):
                found.append(self.value(each, items[place]) if place < len(items) else self.missing(each))
            else:
                found.append(disj(self.missing(each), *(self.value(each, item) for item in items)))
        if kind == "list":
            found.append(equal_sums(variable(term, "size"), number(len(items))))
        return conj(*found)

    def missing(self, term: Term) -> Formula:
        """Say that a term is not there."""
        return fact(Kinds(term, frozenset({MISSING})))


def is_possible(case: Case, tree: Expression, said: bool | None, *, use_z3: bool) -> Found:
    """Whether the translation allows what the evaluator said."""
    around = Surroundings(begins=0, ends=2**40, audience=("files",), origin="user:alice", key=KEY, holder="agent:a")
    translation = Translation(Languages(150_000), around)
    if case.capability is None:
        yes, no = translation.outcome(tree)
    else:
        action, resource = case.capability
        yes = translation.covers(Capability(action=action, resource=resource, condition=tree))
        no = translation.negate(yes)
    outcome = yes if said else no if said is False else conj(translation.negate(yes), translation.negate(no))
    translation.cases_of_name("now")
    axioms = translation.close()
    pins = Pins(translation)
    names = variables(case)
    pinned: list[Formula] = [equal_sums(variable(("now",), "int"), number(NOW))]
    pinned += [
        pins.value((name,), names[name])
        for name in ("action", "resource", "args", "env", "aud")
        if (name,) in translation.kinds
    ]
    if ("holder", "name") in translation.kinds:
        term: Term = ("holder", "name")
        pinned.append(pins.value(term, case.holder_name) if case.holder_name else pins.missing(term))
    formula = conj(*pinned, outcome, *axioms)
    theory = Theory(translation.languages, translation.kinds, solve_sums if use_z3 else None)
    found = Cases(theory, lambda _: True).search(formula)
    if use_z3 and (found is Found.GIVEN_UP or (found is Found.REQUEST and len(case.text) % 8 == 0)):
        found = WithZ3(theory, lambda _: True).search(formula)
    return found


def run(count: int, seed: int, *, use_z3: bool = True, stop: bool = True) -> Counter[str]:
    """Try so many cases; count what came of them.

    Raises:
        AssertionError: the translation does not allow what the evaluator said.
    """
    maker = Maker(random.Random(seed))  # noqa: S311 - no secret
    told: Counter[str] = Counter()
    while told["cases"] < count:
        case = maker.case()
        try:
            tree = parse(case.text)
            said = permitted(case, tree) if case.capability else verdict(tree, variables(case))
        except (DelegateError, StepsExhaustedError):
            told["no condition"] += 1
            continue
        told["cases"] += 1
        told["error" if said is None else str(said).lower()] += 1
        try:
            found = is_possible(case, tree, said, use_z3=use_z3)
        except RecursionError:
            sys.stdout.write(f"recursion: {case.text}\n")
            raise
        except TooMuchError:
            told["too much"] += 1
            continue
        if found is Found.NOTHING:
            told["unsound"] += 1
            line = (
                f"{case.text}   {said}   {case.request!r} env={case.env!r} name={case.holder_name!r} {case.capability}"
            )
            if stop:
                raise AssertionError(line)
            sys.stdout.write(f"{line}\n")
        elif found is not Found.REQUEST:
            told[found.name.lower()] += 1
    return told


_RELATION = comparing._relation
_LESS = Texts.less
_OUTCOME = Translation.outcome


def _no(*_: object, **__: object) -> bool:
    return False


# Rules of the translation, each changed on purpose: where it is, its name, and what stands there instead.
MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "`<=` is `<`": (comparing, "_relation", lambda op, one, other: _RELATION(Op.LT if op is Op.LE else op, one, other)),
    "every text is plain": (Texts, "plain", lambda _: ALL),
    "below is the directory alone": (Texts, "below", lambda self, text: self.languages.word(text.removesuffix("/"))),
    "a pattern is its own text": (Texts, "pattern", lambda self, text, _: self.languages.word(text)),
    "before is at or before": (
        Texts, "less", lambda self, text: self.languages.alt(_LESS(self, text), self.languages.word(text))
    ),
    "hosts keep their case": (Languages, "folded", lambda _, part: part),
    "`contains` is `startsWith`": (Languages, "containing", lambda self, part: self.cat(part, ALL)),
    "what is there is not": (Translation, "present", lambda self, term: self.of_kind(term, MISSING)),
    "an error is false": (Translation, "outcome", lambda self, node, names=(): _two_valued(self, node, names)),
    "a double is no int": (Translation, "_int_to_double", _no),
    "no list is equal": (Translation, "_equal_list", _no),
    "no two texts are one": (Translation, "_same_text", _no),
    "addresses are never within": (Translation, "_net_within", lambda *_: (False, False)),
    "no comprehension decides": (Translation, "_fold", lambda *_: (False, False)),
    "what is joined is never false": (Translation, "_joined", lambda _self, items, fits, decisive: (fits, False)),
    "lists and texts have no length": (Translation, "_size", lambda *_: []),
    "sums are the first part": (Translation, "_plus", lambda _self, _op, one, _other, _why: [(True, one)]),
    "nothing is divided": (Translation, "_divided", lambda *_: []),
    "texts are no numbers": (Translation, "_parsed", lambda *_: []),
    "doubles are not cut": (Translation, "_cut", lambda *_: []),
}  # fmt: skip


def _two_valued(translation: Translation, node: Expression, names: Names) -> Outcome:
    yes, _ = _OUTCOME(translation, node, names)
    return yes, translation.negate(yes)


def is_caught(name: str, count: int, seed: int) -> bool:
    """Say whether pinned cases show that a rule was changed."""
    where, what, instead = MUTANTS[name]
    with mock.patch.object(where, what, instead):
        try:
            run(count, seed, use_z3=False)
        except AssertionError:
            return True
    return False


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument(
        "--mutants", action="store_true", help="change each rule on purpose, and say which cases do not see"
    )
    given = parser.parse_args()
    if given.mutants:
        missed = [name for name in MUTANTS if not is_caught(name, given.count, given.seed)]
        sys.stdout.write(f"{len(MUTANTS) - len(missed)} of {len(MUTANTS)} wrong rules caught\n")
        sys.stdout.writelines(f"not caught: {name}\n" for name in missed)
        return 1 if missed else 0
    told = run(given.count, given.seed, stop=not given.keep_going)
    sys.stdout.write(", ".join(f"{name}: {number_}" for name, number_ in told.most_common()) + "\n")
    return 1 if told["unsound"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
