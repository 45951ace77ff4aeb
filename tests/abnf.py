"""The grammars that the specification holds: read out of its documents, matched, and used to make texts.

ABNF is RFC 5234 with the case-sensitive strings of RFC 7405. A *prose* value (`<…>`) is a character that words
describe; the test gives a predicate. So are the *exceptions*: what a comment in the grammar takes away from a rule.

Matching gives every place where a rule can end, so that no order of alternatives decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests import specification

# ("alt" | "cat", nodes), ("rep", least, most, node), ("rule", name), ("string", text, exact), ("range", first, last).
Node: TypeAlias = tuple[Any, ...]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
_Known: TypeAlias = dict[tuple[object, int], frozenset[int]]

_TOKEN = re.compile(
    r"""\s+ | ;[^\n]*
      | (?P<string>(?:%s)?"[^"\n]*") | (?P<number>%x[0-9A-Fa-f]+(?:-[0-9A-Fa-f]+)?) | (?P<prose><[^>\n]*>)
      | (?P<repeat>[0-9]*\*[0-9]*|[0-9]+) | (?P<name>[A-Za-z][A-Za-z0-9-]*) | (?P<sign>[()\[\]/])""",
    re.VERBOSE,
)
_CORE = """
ALPHA = %x41-5A / %x61-7A
DIGIT = %x30-39
HEXDIG = DIGIT / "A" / "B" / "C" / "D" / "E" / "F"
DQUOTE = %x22
SP = %x20
CR = %x0D
LF = %x0A
CRLF = CR LF
VCHAR = %x21-7E
"""


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        assert match, f"no ABNF: {text[place : place + 40]!r}"
        place = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match.group()))
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.place = 0

    def alternatives(self) -> Node:
        parts = [self.sequence()]
        while self.next_is("/"):
            self.place += 1
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else ("alt", tuple(parts))

    def sequence(self) -> Node:
        parts = []
        while self.place < len(self.tokens) and self.tokens[self.place][1] not in {"/", ")", "]"}:
            parts.append(self.item())
        assert parts, "an empty alternative"
        return parts[0] if len(parts) == 1 else ("cat", tuple(parts))

    def item(self) -> Node:
        kind, text = self.tokens[self.place]
        if kind != "repeat":
            return self.element()
        self.place += 1
        least, star, most = text.partition("*")
        return ("rep", int(least or 0), (int(most) if most else None) if star else int(least), self.element())

    def element(self) -> Node:
        kind, text = self.tokens[self.place]
        self.place += 1
        match kind:
            case "string":
                exact = text.startswith("%s")
                return ("string", text[3:-1] if exact else text[1:-1], exact)
            case "number":
                first, _, last = text[2:].partition("-")
                return ("range", int(first, 16), int(last or first, 16))
            case "prose":
                return ("prose", text[1:-1])
            case "name":
                return ("rule", text.lower())
        inner = self.alternatives()
        closing = {"(": ")", "[": "]"}[text]
        assert self.next_is(closing), f"no `{closing}`"
        self.place += 1
        return inner if text == "(" else ("rep", 0, 1, inner)

    def next_is(self, sign: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place][1] == sign


def rules(text: str) -> dict[str, Node]:
    """The rules of an ABNF text, by their names in lower case; a rule begins at the left edge."""
    found: dict[str, Node] = {}
    for rule in re.split(r"\n(?=[A-Za-z])", text.strip()):
        name, _, definition = rule.partition("=")
        key = name.strip().lower()
        assert key not in found, f"`{key}` is defined twice"
        reader = _Reader(definition)
        found[key] = reader.alternatives()
        assert reader.place == len(reader.tokens), key
    return found


def blocks(text: str) -> list[str]:
    """The ABNF of a document."""
    return re.findall(r"^```abnf\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


CORE = rules(_CORE)
RULES = {**rules("\n".join(block for text in specification.BY_NAME.values() for block in blocks(text))), **CORE}


def references(node: Node) -> set[str]:
    """The names of the rules that a rule uses."""
    if node[0] == "rule":
        return {node[1]}
    return set().union(*(references(part) for part in _parts(node)))


def _parts(node: Node) -> tuple[Node, ...]:
    return node[1] if node[0] in {"alt", "cat"} else (node[3],) if node[0] == "rep" else ()


@dataclass
class Grammar:
    """A grammar with what its comments and prose say.

    Args:
        exceptions: what a rule does not match although its definition does, by the rule's name.
        prose: what a prose value matches, by its words: a character at a time.
        lexemes: rules that match one whole lexeme, where a text is a list of them; then a quoted string is one too.
    """

    exceptions: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    prose: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    lexemes: frozenset[str] = frozenset()

    def matches(self, name: str, text: Sequence[str]) -> bool:
        """Does the rule match the whole text, or the whole list of lexemes?"""
        return len(text) in self.ends(name, text, 0)

    def ends(self, name: str, text: Sequence[str], start: int) -> frozenset[int]:
        """Every place where the rule, begun here, can end."""
        return self._ends(("rule", name), text, start, {})

    def _ends(self, node: Node, text: Sequence[str], start: int, known: _Known) -> frozenset[int]:
        key = (node if node[0] == "rule" else id(node), start)
        if key not in known:
            known[key] = self._find(node, text, start, known)
        return known[key]

    def _find(self, node: Node, text: Sequence[str], start: int, known: _Known) -> frozenset[int]:
        match node:
            case ("rule", name) if name in self.lexemes:
                inner = start < len(text) and Grammar(self.exceptions).matches(name, text[start])
                return frozenset({start + 1}) if inner else frozenset()
            case ("rule", name):
                found = self._ends(RULES[name], text, start, known)
                refused = self.exceptions.get(name)
                return (
                    found
                    if refused is None
                    else frozenset(end for end in found if not refused("".join(text[start:end])))
                )
            case ("alt", parts):
                return frozenset().union(*(self._ends(part, text, start, known) for part in parts))
            case ("cat", parts):
                places = frozenset({start})
                for part in parts:
                    places = frozenset().union(*(self._ends(part, text, place, known) for place in places))
                return places
            case ("rep", least, most, part):
                return self._repeated(least, most, part, text, start, known)
            case ("string", string, _) if self.lexemes:
                return frozenset({start + 1}) if start < len(text) and text[start] == string else frozenset()
            case ("string", string, exact):
                given = "".join(text[start : start + len(string)])
                same = given == string or (not exact and given.isascii() and given.lower() == string.lower())
                return frozenset({start + len(string)}) if same else frozenset()
            case ("range", first, last):
                return (
                    frozenset({start + 1}) if start < len(text) and first <= ord(text[start]) <= last else frozenset()
                )
        (_, words) = node
        return frozenset({start + 1}) if start < len(text) and self.prose[words](text[start]) else frozenset()

    def _repeated(
        self,
        least: int,
        most: int | None,
        part: Node,
        text: Sequence[str],
        start: int,
        known: _Known,
    ) -> frozenset[int]:
        seen: set[int] = set()
        places, count = frozenset({start}), 0
        while places and (most is None or count <= most):
            if count >= least:
                places -= seen
                seen |= places
            places = frozenset().union(*(self._ends(part, text, place, known) for place in places))
            count += 1
        return frozenset(seen)

    def lex(self, kinds: Sequence[str], text: str, blank: str) -> list[str] | None:
        """Cut a text into lexemes, each the longest that there is; `None` where there is none."""
        found, place = [], 0
        while place < len(text):
            end = max((end for name in (*kinds, blank) for end in self.ends(name, text, place)), default=place)
            if end == place:
                return None
            if end not in self.ends(blank, text, place):
                found.append(text[place:end])
            place = end
        return found

    def texts(self, name: str) -> st.SearchStrategy[str]:
        """Texts that the rule matches; lexemes have a blank between them."""

        @st.composite
        def made(draw: Draw) -> str:
            return (" " if self.lexemes else "").join(self._make(draw, ("rule", name), 0))

        return made()

    def _make(self, draw: Draw, node: Node, depth: int) -> list[str]:
        match node:
            case ("rule", name):
                inner = Grammar(self.exceptions, self.prose) if name in self.lexemes else self
                made = inner._make(draw, RULES[name], depth + 1)
                refused = self.exceptions.get(name)
                while refused is not None and refused("".join(made)):
                    made = inner._make(draw, RULES[name], depth + 1)
                return ["".join(made)] if name in self.lexemes else made
            case ("alt", parts):
                if depth > _DEEP:
                    least = min(map(_height, parts))
                    parts = tuple(part for part in parts if _height(part) == least)
                return self._make(draw, draw(st.sampled_from(parts)), depth)
            case ("cat", parts):
                return [piece for part in parts for piece in self._make(draw, part, depth)]
            case ("rep", least, most, part):
                room = [count for count in _MORE[bool(self.lexemes)] if most is None or count <= most - least]
                more = 0 if depth > _DEEP else draw(st.sampled_from(room))
                return [piece for _ in range(least + more) for piece in self._make(draw, part, depth)]
            case ("string", string, _):
                return [string]
            case ("range", first, last):
                return [draw(st.characters(min_codepoint=first, max_codepoint=last, exclude_categories=["Cs"]))]
        (_, words) = node
        return [draw(st.one_of(st.characters(max_codepoint=0x7E), st.characters()).filter(self.prose[words]))]


# Conditions have many levels of operators, so that nearly all of them must be absent for a text to end.
_MORE = {False: (0, 1, 2, 3), True: (0,) * 9 + (1, 2)}
_DEEP = 16
_HEIGHTS: dict[str, int] = {}


def _height(node: Node) -> int:
    """How many rules deep is the least text that a node matches?"""
    if node[0] == "rule":
        if node[1] not in _HEIGHTS:
            _HEIGHTS[node[1]] = 1000  # what needs itself
            _HEIGHTS[node[1]] = 1 + _height(RULES[node[1]])
        return _HEIGHTS[node[1]]
    if node[0] == "rep" and node[1] == 0:
        return 0
    heights = [_height(part) for part in _parts(node)]
    return min(heights) if node[0] == "alt" else max(heights, default=0)


def mutated(texts: st.SearchStrategy[str], alphabet: str) -> st.SearchStrategy[str]:
    """Texts with one to three characters dropped, doubled, exchanged or put in."""
    letters = st.one_of(st.sampled_from(alphabet), st.characters(exclude_categories=["Cs"]))

    def change(draw: Draw) -> str:
        text = str(draw(texts))
        for _ in range(draw(st.integers(1, 3))):
            place: int = draw(st.integers(0, len(text)))
            cut: int = draw(st.integers(0, 2))
            piece = draw(st.one_of(st.just(""), letters, st.just(text[place : place + 3])))
            text = f"{text[:place]}{piece}{text[place + cut :]}"
        return text

    return st.composite(change)()
