"""Capabilities as authors write them and people read them (SPEC §6).

    capability = action [ "(" [ name *( "," name ) ] ")" ] [ blank resource ] [ blank "if" blank condition ]
    resource   = [ "exactly" blank ] ( bare / quoted )

`files.read /reports/**` · `files.read "/My Documents/**"` · `pay(amount, currency) if args.amount <= 500` ·
`files.read exactly "/odd//name"`. A list of names closes the arguments: no other may be given. Without it they
are open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn

from delegate.core.chain.printable import shown
from delegate.core.evaluator.opcodes import Op
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR, check_arguments, is_simple, parse_tokens
from delegate.core.wire import cbor, cose
from delegate.errors import CaveatSyntaxError, TokenError
from delegate.language.closed import closed_names, only_arguments, only_arguments_wire
from delegate.language.codec import from_wire, to_wire
from delegate.language.conditions import Caveat, constant, read, wrap
from delegate.language.constraints import constrain
from delegate.language.printer import format_expression as format_caveat
from delegate.language.printer import format_quoted
from delegate.language.shortcut import read_plain
from delegate.language.tree import Expression, conjunction, conjuncts
from delegate.limits import CAPABILITIES, CAVEATS, RESOURCE_CHARACTERS

_BARE: Final = re.compile(r'[^\s"(),]+')
_ACTION: Final = re.compile(r'[^\s"(),]+')
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
# A blank is one of the language's (`lexer.py`): what else is white space is no part of a bare word, and no blank.
_IF: Final = re.compile(r"if(?:[\t\n\f\r ]|\Z)")
_EXACTLY: Final = re.compile(r"exactly[\t\n\f\r ]+")
_SPACE: Final = re.compile(r"[\t\n\f\r ]*")
# The same in one look, where every word is bare.
_B: Final = r"[\t\n\f\r ]"
_PLAIN: Final = re.compile(
    rf"""{_B}* ([^\s"(),]+) (?: \( {_B}* ( [^\s"(),]+ (?: {_B}*,{_B}* [^\s"(),]+ )* )? {_B}* (?P<closed>\)) )?
        (?: {_B}+ (?! (?:if|exactly) (?:{_B}|\Z) ) ([^\s"(),]+) )? (?: {_B}+ if ({_B}.*) | {_B}* )""",
    re.VERBOSE | re.DOTALL,
)
_AND: Final = int(Op.AND)
_ARRAY: Final = 0x80
_NULL: Final = b"\xf6"
_WORDS: Final = frozenset({"if", "exactly"})  # of a capability's own grammar


@dataclass(frozen=True, slots=True)
class Exactly:
    """A literal resource: this text and no other, whatever its form."""

    text: str


def exactly(text: str) -> Exactly:
    """Name one resource literally: no character is special, and the resource need not be in plain form.

    Raises:
        ValueError: longer than a resource can be, or with a lone surrogate.
    """
    if len(text) > RESOURCE_CHARACTERS:
        message = f"a resource has at most {RESOURCE_CHARACTERS} characters"
        raise ValueError(message)
    text.encode()  # a UnicodeEncodeError is a ValueError
    return Exactly(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a block permits: an action pattern, a resource pattern, literal or none, and a condition or none.

    Make one with `can`, or read one with `Capability.parse`.
    """

    action: str
    resource: str | Exactly | None = None
    condition: Expression | None = None

    def __post_init__(self) -> None:
        """Refuse a pattern that no verifier would take."""
        check_patterns(self.action, self.resource)

    @classmethod
    def parse(cls, text: str, /, **values: object) -> Capability:
        """Read a capability from text; `values` are bound into its condition.

        Raises:
            CaveatSyntaxError: with the place at fault.
        """
        return _Reader(text, values).capability()

    def __str__(self) -> str:
        rest = list(conjuncts(self.condition)) if self.condition is not None else []
        words = _word(self.action, _ACTION)
        names = closed_names(rest[0]) if rest else None
        if names is not None:
            words += f"({', '.join(_word(name, _ACTION) for name in names)})"
            rest = rest[1:]
        if isinstance(self.resource, Exactly):
            words += f" exactly {format_quoted(self.resource.text)}"
        elif self.resource is not None:
            words += f" {_word(self.resource, _BARE)}"
        if rest:
            words += f" if {format_caveat(conjunction(rest))}"
        return words

    def to_wire(self) -> list[object]:
        """Give the CBOR value: `[action]`, `[action, resource]` or `[action, resource, expr]`."""
        item: list[object] = [self.action]
        resource = [self.resource.text] if isinstance(self.resource, Exactly) else self.resource
        if resource is not None or self.condition is not None:
            item.append(resource)
        if self.condition is not None:
            item.append(to_wire(self.condition))
        return item

    @classmethod
    def from_wire(cls, item: list[object]) -> Capability:
        """Read what a verifier has compiled, or would; raises TokenError for anything else."""
        resource = item[1] if len(item) > 1 else None
        return cls(
            action=str(item[0]),
            resource=Exactly(str(resource[0])) if isinstance(resource, list) else resource,  # type: ignore[arg-type]
            condition=from_wire(item[2]) if len(item) > 2 else None,
        )


def check_pattern(text: str, separator: str) -> None:
    """Refuse what is no pattern; raises TokenError, MALFORMED or LIMIT_EXCEEDED."""
    check_arguments(text, separator)
    head = text.removesuffix(f"{separator}**")
    if "**" in head or not is_simple(head):  # nothing else makes a text no pattern
        parse_tokens(text, separator)


def check_patterns(action: str, resource: str | Exactly | None) -> None:
    """Refuse a pattern that no verifier would take; raises ValueError."""
    try:
        if not action or resource == "":
            message = "an empty pattern"
            raise ValueError(message)
        check_pattern(action, ACTION_SEPARATOR)
        if isinstance(resource, str):
            check_pattern(resource, RESOURCE_SEPARATOR)
    except TokenError as error:
        raise ValueError(error.detail) from None


def can(
    action: str,
    resource: str | Exactly | None = None,
    *,
    args: Mapping[str, object] | None = None,
    when: str | Caveat | None = None,
    more: bool = False,
) -> Capability:
    """Author a capability.

    Args:
        action: a pattern; `*` matches within a `.` segment, `**` any number of segments.
        resource: a pattern over `/` segments, `exactly(text)`, or `None`: then it matches only requests without
            a resource. Any resource is `**`.
        args: what each argument must be: a constraint such as `at_most(500)`, or a value that it must equal. No
            other argument may be given, unless `more`; with `{}`, none at all.
        when: a further condition.
        more: whether arguments that `args` does not name may be given.

    Raises:
        ValueError: a bad pattern; `more` without `args`.
        CaveatSyntaxError: `when` is not in the language.
    """
    conditions: list[Expression] = []
    if args is not None:
        if not more:
            conditions.append(only_arguments(args))
        for name, constraint in args.items():
            conditions += constrain(name, constraint)
    elif more:
        message = "more=True means something only together with args"
        raise ValueError(message)
    if when is not None:
        conditions.append(caveat(when).expression)
    return Capability(action=action, resource=resource, condition=conjunction(conditions) if conditions else None)


def caveat(given: str | Caveat) -> Caveat:
    """Take a caveat as text or as `when(…)` made it."""
    return given if isinstance(given, Caveat) else wrap(read(given)[0])


def encode_capabilities(given: str | Capability | Iterable[str | Capability]) -> bytes:
    """Encode a `can` claim.

    Raises:
        ValueError: none, or more than 32.
        CaveatSyntaxError: a text that is no capability.
    """
    items: tuple[str | Capability, ...] = several(given, "can", (str, Capability))
    if len(items) > CAPABILITIES:
        message = f"a block has at most {CAPABILITIES} capabilities"
        raise ValueError(message)
    return cbor.head(_ARRAY, len(items)) + b"".join(map(_written, items))


def capabilities(given: str | Capability | Iterable[str | Capability]) -> tuple[Capability, ...]:
    """Take capabilities as text or as `can(…)` made them, one or several; raises as `encode_capabilities`."""
    items: tuple[str | Capability, ...] = several(given, "can", (str, Capability))
    return tuple(Capability.parse(item) if isinstance(item, str) else item for item in items)


def encode_caveats(given: str | Caveat | Iterable[str | Caveat]) -> tuple[list[object], bytes]:
    """Give the objects that stand for caveats, not to be changed, and the content of an `if` claim.

    Raises as `encode_capabilities`.
    """
    items: tuple[str | Caveat, ...] = several(given, "caveats", (str, Caveat))
    if len(items) > CAVEATS:
        message = f"a block has at most {CAVEATS} caveats"
        raise ValueError(message)
    objects, content = [], cbor.head(_ARRAY, len(items))
    for item in items:
        wire, data = _caveat_written(item)
        objects.append(wire)
        content += data
    return objects, content


def several(given: Any, term: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:  # noqa: ANN401 - its caller knows
    """Take one or several of what a term may hold.

    Raises:
        ValueError: none. Leaving the term out says that it restricts nothing; being empty is a mistake.
    """
    items = (given,) if isinstance(given, kinds) else tuple(given)
    if not items or not items[0]:
        message = f"{term} is empty: name at least one, or leave {term} out"
        raise ValueError(message)
    return items


def _caveat_written(item: str | Caveat) -> tuple[object, bytes]:
    """Give the object that stands for a caveat, not to be changed, and its bytes; raises CaveatSyntaxError."""
    if isinstance(item, str):
        return _text_written(item)
    wire = item.to_wire()
    return wire, cbor.encode(wire)


@lru_cache(512)  # an agent writes the same few caveats: saves 1.5 µs each, and 20 where one has to be parsed
def _text_written(text: str) -> tuple[object, bytes]:
    plain = read_plain(text)
    if plain is not None:
        return plain
    wire = to_wire(read(text)[0])
    return wire, cbor.encode(wire)


def _written(item: str | Capability) -> bytes:
    """Encode the array that stands for a capability."""
    if isinstance(item, str):
        return _plain_written(item) or cbor.encode(Capability.parse(item).to_wire())
    return cbor.encode(item.to_wire())


def _plain_written(text: str) -> bytes | None:
    """Encode a capability without a tree; `None` for one that has to be parsed, or that is none.

    Saves 10 to 20 µs. What both write is the same: a test says so.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    action, listed, closed, resource, text_of_condition = plain.groups()
    try:
        check_patterns(action, resource)
        condition, data = (None, b"") if text_of_condition is None else _caveat_written(text_of_condition)
    except (ValueError, CaveatSyntaxError):
        return None
    if closed is not None:
        names = () if listed is None else tuple(map(str.strip, listed.split(",")))
        if len(set(names)) != len(names):
            return None
        only = only_arguments_wire(names)
        condition = only if text_of_condition is None else [_AND, only, *_conjuncts(condition)]
        data = cbor.encode(condition)
    size = 3 if data else 1 if resource is None else 2
    place = b"" if size == 1 else _NULL if resource is None else cose.text_string(resource)
    return cbor.head(_ARRAY, size) + cose.text_string(action) + place + data


def _conjuncts(wire: object) -> list[object]:
    return wire[1:] if type(wire) is list and wire[0] == _AND else [wire]


def decode_capabilities(data: bytes) -> tuple[Capability, ...]:
    """Read a `can` claim that compiled."""
    return tuple(map(Capability.from_wire, _items(data)))


def decode_caveats(data: bytes) -> tuple[Expression, ...]:
    """Read an `if` claim that compiled."""
    return tuple(map(from_wire, _items(data)))


def capability_texts(data: bytes) -> tuple[str, ...]:
    """Give a `can` claim as text."""
    return tuple(map(str, decode_capabilities(data)))


def caveat_texts(data: bytes) -> tuple[str, ...]:
    """Give an `if` claim as CEL text."""
    return tuple(map(format_caveat, decode_caveats(data)))


def _items(data: bytes) -> list[Any]:
    items = cbor.decode(data) if data else []
    return items if isinstance(items, list) else []


def _word(text: str, bare: re.Pattern[str]) -> str:
    """Print a word bare where it reads back as itself, else quoted."""
    if bare.fullmatch(text) and text not in _WORDS and shown(text, len(text)) == text:
        return text
    return format_quoted(text)


class _Reader:
    """Reads one capability from text."""

    __slots__ = ("at", "text", "values")

    def __init__(self, text: str, values: dict[str, Any]) -> None:
        self.text = text
        self.values = values
        self.at = 0

    def capability(self) -> Capability:
        """Read capability = action [ "(" names ")" ] [ resource ] [ "if" condition ]."""
        self.space()
        start = self.at
        action = self.word(_ACTION, "an action")
        conditions: list[Expression] = []
        if self.text.startswith("(", self.at):
            conditions.append(only_arguments(self.names()))
        resource = self.resource()
        self.space()
        if _IF.match(self.text, self.at):
            conditions.append(self.condition())
        elif self.at < len(self.text):
            self.fail("expected `if` and a condition, or the end", self.at, len(self.text))
        try:
            return Capability(
                action=action, resource=resource, condition=conjunction(conditions) if conditions else None
            )
        except ValueError as error:
            self.fail(str(error), start, self.at)

    def names(self) -> list[str]:
        """Read names = "(" [ name *( "," name ) ] ")"."""
        self.at += 1
        names: list[str] = []
        self.space()
        while not self.text.startswith(")", self.at):
            if names:
                self.expect(",")
            start = self.at
            name = self.word(_ACTION, "the name of an argument")
            if name in names:
                self.fail(f"`{shown(name)}` is named twice", start, self.at)
            names.append(name)
            self.space()
        self.at += 1
        return names

    def resource(self) -> str | Exactly | None:
        """Read resource = [ "exactly" ] ( bare / quoted ), with a blank before it."""
        before = self.at
        self.space()
        if self.at == len(self.text):
            return None
        if self.at == before:
            self.fail("expected a blank, or the end", self.at, self.at + 1)
        if _IF.match(self.text, self.at):
            return None
        literal = _EXACTLY.match(self.text, self.at)
        if literal:
            self.at = literal.end()
        start = self.at
        word = self.word(_BARE, "a resource")
        if word in _WORDS and self.text[start] != '"':
            self.fail(f"expected a resource, not `{word}`; where that is its name, quote it", start, self.at)
        if self.at < len(self.text) and _SPACE.match(self.text, self.at).end() == self.at:  # type: ignore[union-attr]
            self.fail("expected a blank, or the end", self.at, self.at + 1)
        return Exactly(word) if literal else word

    def condition(self) -> Expression:
        start = self.at + 2
        try:
            values = {name: constant(value) for name, value in self.values.items()}
            return read(self.text[start:], constants=values)[0]
        except CaveatSyntaxError as error:
            first, last = error.span
            raise CaveatSyntaxError(error.detail, source=self.text, span=(start + first, start + last)) from None

    def word(self, bare: re.Pattern[str], what: str) -> str:
        """Read a bare or quoted word."""
        self.space()
        quoted = _QUOTED.match(self.text, self.at)
        found = quoted or bare.match(self.text, self.at)
        if found is None:
            self.fail(f"expected {what}", self.at, self.at + 1)
        self.at = found.end()
        if not quoted:
            return found[0]
        try:
            word = json.loads(found[0])
            word.encode()
        except ValueError:
            self.fail("a quoted word that is not a JSON string", found.start(), found.end())
        return str(word)

    def expect(self, character: str) -> None:
        self.space()
        if not self.text.startswith(character, self.at):
            self.fail(f"expected `{character}`", self.at, self.at + 1)
        self.at += 1
        self.space()

    def space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def fail(self, detail: str, start: int, end: int) -> NoReturn:
        raise CaveatSyntaxError(detail, source=self.text, span=(start, max(end, start + 1)))
