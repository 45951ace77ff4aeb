"""Validates what travels against `spec/delegate.cddl`.

`check` reads the schema with a small matcher of the part of CDDL (RFC 8610) that the schema uses: rules, choices,
arrays and maps with occurrences, ranges, and the controls `.size`, `.regexp` and `.cbor`. As in RFC 8610, a choice
takes its first match and an occurrence as many items as match, without going back.

`pycddl_check` asks pycddl the same of claims and headers. Of arrays it cannot be asked: in its release 0.6.4 an
occurrence or a `.cbor` within an array is applied to every item of that array.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cbor2
import pycddl

SCHEMA: Final = (Path(__file__).parent.parent / "spec" / "delegate.cddl").read_text("utf-8")

_TOKEN = re.compile(
    r"""\s+ | ;[^\n]*
      | (?P<token> "[^"]*" | => | \.\.(?!\.) | \.[a-z]+ | -?\d+ | [a-z][a-z0-9-]* | [=/\[\]{}(),?*+:] )""",
    re.VERBOSE,
)
_PRELUDE: Final[dict[str, Callable[[object], bool]]] = {
    "bstr": lambda value: type(value) is bytes,
    "tstr": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) is float,
    "bool": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "true": lambda value: value is True,
}
_MANY: Final = 1 << 30
_NOTHING: Final = object()  # matches no rule

_ANY_NEED: Final = {"by": [bytes(32)], "if": True, "of": 1}

Match = Callable[[object], bool]


class Entry(NamedTuple):
    """An entry of an array or map: how often, under which key (maps), what."""

    least: int
    most: int
    key: Match | None
    value: Match


@cache
def rules() -> dict[str, Match]:
    """The rules of the schema, each a function that says whether a value matches."""
    return _Reader(SCHEMA).rules()


def check(rule: str, data: bytes) -> bool:
    """Say whether an encoded item matches a rule."""
    return rules()[rule](cbor2.loads(data))


@cache
def _pycddl_schema(rule: str) -> pycddl.Schema:
    return pycddl.Schema(f"start = {rule}\n{SCHEMA}")


def pycddl_check(rule: str, data: bytes) -> bool:
    """Say whether pycddl takes claims or a header, whatever `can`, `if` and `need` hold: those are arrays."""
    claims = cbor2.loads(data)
    for name, simplest in (("can", ["any"]), ("if", None), ("need", _ANY_NEED)):
        if name in claims:
            claims[name] = cbor2.dumps([simplest])
    try:
        _pycddl_schema(rule).validate_cbor(cbor2.dumps(claims))
    except pycddl.ValidationError:
        return False
    return True


class _Reader:
    """One reading of the schema: recursive descent, each method one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            assert match, f"no CDDL that this reads: {text[place : place + 30]!r}"
            if match["token"]:
                self.tokens.append(match["token"])
            place = match.end()
        self.place = 0
        self.made: dict[str, Match] = {}

    def rules(self) -> dict[str, Match]:
        """Read rules = *( name "=" type )."""
        while self.place < len(self.tokens):
            name = self.next()
            self.expect("=")
            assert name not in self.made, f"{name} is defined twice"
            self.made[name] = self.type()
        return self.made

    def type(self) -> Match:
        """Read type = one *( "/" one )."""
        choices = [self.one()]
        while self.take("/"):
            choices.append(self.one())
        return choices[0] if len(choices) == 1 else lambda value: any(choice(value) for choice in choices)

    def one(self) -> Match:
        """Read one = primary [ ".." int / ".size" bounds / ".regexp" text / ".cbor" primary ]."""
        token = self.peek()
        matched = self.primary()
        if self.take(".."):
            least, most = int(token), int(self.next())
            return lambda value: type(value) is int and least <= value <= most
        if self.take(".size"):
            least, most = self.bounds()
            return lambda value: matched(value) and least <= _size(value) <= most
        if self.take(".regexp"):
            pattern = re.compile(self.next()[1:-1])
            return lambda value: type(value) is str and pattern.fullmatch(value) is not None
        if self.take(".cbor"):
            inner = self.primary()
            return lambda value: type(value) is bytes and inner(_decoded(value))
        return matched

    def bounds(self) -> tuple[int, int]:
        """Read bounds = int / "(" int ".." int ")"."""
        if not self.take("("):
            exact = int(self.next())
            return exact, exact
        least = int(self.next())
        self.expect("..")
        most = int(self.next())
        self.expect(")")
        return least, most

    def primary(self) -> Match:
        """Read primary = int / text / name / "[" entries "]" / "{" entries "}"."""
        token = self.next()
        if token == "[":
            return self.array()
        if token == "{":
            return self.map()
        if token[0] == '"':
            return lambda value: value == token[1:-1]
        if token.lstrip("-").isdigit():
            return lambda value: type(value) is int and value == int(token)
        if token in _PRELUDE:
            return _PRELUDE[token]
        return lambda value: self.made[token](value)  # noqa: PLW0108 - the rule may come later

    def array(self) -> Match:
        entries = self.entries("]")

        def matches(value: object) -> bool:
            if type(value) is not list:
                return False
            place = 0
            for entry in entries:
                count = 0
                while count < entry.most and place < len(value) and entry.value(value[place]):
                    count += 1
                    place += 1
                if count < entry.least:
                    return False
            return place == len(value)

        return matches

    def map(self) -> Match:
        entries = self.entries("}")

        def matches(value: object) -> bool:
            if type(value) is not dict:
                return False
            left = dict(value)
            for entry in entries:
                assert entry.key is not None, "an entry of a map without a key"
                found = [key for key, item in left.items() if entry.key(key) and entry.value(item)]
                if not entry.least <= len(found) <= entry.most:
                    return False
                for key in found:
                    del left[key]
            return not left

        return matches

    def entries(self, closing: str) -> list[Entry]:
        """Read entries = *( [ occurrence ] [ type "=>" ] type [ "," ] ) closing."""
        found: list[Entry] = []
        while not self.take(closing):
            least, most = self.occurrence()
            key, value = None, self.type()
            if self.take("=>"):
                key, value = value, self.type()
            found.append(Entry(least, most, key, value))
            self.take(",")
        return found

    def occurrence(self) -> tuple[int, int]:
        """Read occurrence = "?" / "+" / [ int ] "*" [ int ]."""
        if self.take("?"):
            return 0, 1
        if self.take("+"):
            return 1, _MANY
        if self.peek() != "*" and not (self.peek().isdigit() and self.tokens[self.place + 1] == "*"):
            return 1, 1
        least = int(self.next()) if self.peek() != "*" else 0
        self.expect("*")
        # A number directly behind the star is its bound: no array of the schema repeats a number.
        return least, int(self.next()) if self.peek().isdigit() else _MANY

    def peek(self) -> str:
        return self.tokens[self.place]

    def next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def take(self, token: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place] == token:
            self.place += 1
            return True
        return False

    def expect(self, token: str) -> None:
        found = self.next()
        assert found == token, f"expected {token}, found {found}"


def _decoded(data: bytes) -> object:
    try:
        return cbor2.loads(data)
    except cbor2.CBORDecodeError:
        return _NOTHING


def _size(value: object) -> int:
    return len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else -1
