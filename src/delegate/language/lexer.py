r"""Text into tokens, by the lexical grammar of CEL (SPEC §6.7).

Rules of this file:

- A token is found by one regular expression without nested repetition, so reading is linear.
- Every token knows its place, so that an error can underline it.
- Escapes are decoded here. A code point beyond Unicode, half of a surrogate pair, or a character that a bytes
  literal cannot hold is an error, never replaced.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from delegate.core.evaluator.opcodes import KEYWORDS
from delegate.errors import CaveatSyntaxError
from delegate.limits import EXPRESSION_CHARACTERS, INTEGER_MAX

_TOKEN = re.compile(
    r"""
    (?P<space>   [\t\n\f\r ]+ | //[^\n]* )
  | (?P<raw>     (?:[rR]|[bB][rR]) (?: '{3}.*?'{3} | "{3}.*?"{3} | '[^'\n\r]*' | "[^"\n\r]*" ) )
  | (?P<text>    [bB]? (?: '{3}(?:[^\\]|\\.)*?'{3} | "{3}(?:[^\\]|\\.)*?"{3}
                         | '(?:[^\\'\n\r]|\\.)*' | "(?:[^\\"\n\r]|\\.)*" ) )
  | (?P<double>  [0-9]* \. [0-9]+ (?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ )
  | (?P<int>     0x[0-9a-fA-F]+ | [0-9]+ )
  | (?P<name>    [_a-zA-Z][_a-zA-Z0-9]* )
  | (?P<quoted>  `[a-zA-Z0-9_.\-/\ ]+` )
  | (?P<sign>    && | \|\| | [=!<>]= | [-+*/%<>!?:.,()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(
    r"""\\(?: (?P<plain>[abfnrtv"'\\?`]) | [xX](?P<byte>[0-9a-fA-F]{2}) | (?P<octal>[0-3][0-7]{2})
            | u(?P<short>[0-9a-fA-F]{4}) | U(?P<long>[0-9a-fA-F]{8}) | (?P<bad>.?) )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNICODE_MAX = 0x10FFFF


class Token(NamedTuple):
    """One token. `kind` is `int`, `double`, `text`, `name`, `quoted`, `end`, or the sign or keyword itself."""

    kind: str
    value: int | float | str | bytes
    start: int
    end: int


_new = tuple.__new__  # without the constructor that it makes, a tuple takes 0.2 µs less


def tokens(source: str) -> list[Token]:
    """The tokens of a caveat's text, ending in one of kind `end`.

    Args:
        source: at most `limits.EXPRESSION_CHARACTERS` characters.

    Raises:
        CaveatSyntaxError: MALFORMED, with the place.
    """
    if len(source) > EXPRESSION_CHARACTERS:
        detail = f"a caveat has at most {EXPRESSION_CHARACTERS} characters"
        raise CaveatSyntaxError(detail, source=source, span=(EXPRESSION_CHARACTERS, EXPRESSION_CHARACTERS + 1))
    found: list[Token] = []
    place = 0
    for match in _TOKEN.finditer(source):
        start, end = match.span()
        if start != place:
            break
        place = end
        group = match.lastgroup
        if group == "sign":  # what is commonest, without a further call
            text = match[0]
            found.append(_new(Token, (text, text, start, end)))
        elif group == "name":
            text = match[0]
            found.append(_new(Token, (text if text in KEYWORDS else "name", text, start, end)))
        elif group != "space":
            found.append(_token(source, match))
    if place != len(source):
        raise _stray(source, place)
    found.append(Token("end", "", place, place))
    return found


def _stray(source: str, place: int) -> CaveatSyntaxError:
    character = source[place]
    if character in "'\"":
        detail = "text that does not end on its line"
    elif character == "`":
        detail = "a quoted field holds letters, digits, `_`, `.`, `-`, `/` and blanks"
    else:
        detail = "a character that has no place here"
    return CaveatSyntaxError(detail, source=source, span=(place, place + 1))


def _token(source: str, match: re.Match[str]) -> Token:
    start, end = match.span()
    text = match.group()
    match match.lastgroup:
        case "quoted":
            return Token("quoted", text[1:-1], start, end)
        case "int":
            return Token("int", _integer(source, text, start, end), start, end)
        case "double":
            value = float(text)
            if value > _DOUBLE_MAX:
                raise CaveatSyntaxError("a double out of range", source=source, span=(start, end))
            return Token("double", value, start, end)
    return Token("text", _text(source, text, start), start, end)


_DOUBLE_MAX = 1.7976931348623157e308


_SAFE_DIGITS = 19  # fewer of them are below 2^63


def _integer(source: str, text: str, start: int, end: int) -> int:
    if len(text) < _SAFE_DIGITS and text.isdecimal():
        return int(text)
    digits = text.removeprefix("0x").lstrip("0")
    # The magnitude of the least int is one more than the greatest: the parser sees whether a minus precedes it.
    if len(digits) <= len(str(INTEGER_MAX)):
        value = int(text, 16 if text.startswith("0x") else 10)
        if value <= INTEGER_MAX + 1:
            return value
    raise CaveatSyntaxError("an integer beyond 64 bits", source=source, span=(start, end))


def _text(source: str, literal: str, start: int) -> str | bytes:
    quote = min(place for place in map(literal.find, ('"', "'")) if place >= 0)
    prefix = literal[:quote].lower()
    width = 3 if literal[quote : quote + 3] in {'"""', "'''"} and len(literal) >= quote + 6 else 1
    inner = literal[quote + width : -width]
    offset = start + quote + width
    for place, character in enumerate(inner):
        if "\ud800" <= character <= "\udfff":
            span = (offset + place, offset + place + 1)
            raise CaveatSyntaxError("half of a surrogate pair", source=source, span=span)
    if "r" not in prefix and "\\" in inner:
        return _unescape(source, inner, offset, as_bytes="b" in prefix)
    return inner.encode() if "b" in prefix else inner


def _unescape(source: str, inner: str, offset: int, *, as_bytes: bool) -> str | bytes:
    pieces: list[bytes] = []
    place = 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[place : match.start()].encode())
        place = match.end()
        code = _code_point(match)
        span = (offset + match.start(), offset + match.end())
        if code is None:
            raise CaveatSyntaxError("an unknown escape", source=source, span=span)
        if as_bytes and match.lastgroup in {"short", "long"}:
            raise CaveatSyntaxError("bytes have no Unicode escapes", source=source, span=span)
        if as_bytes:
            pieces.append(bytes([code]))
        elif code > _UNICODE_MAX or 0xD800 <= code <= 0xDFFF:
            raise CaveatSyntaxError("an escape that is no character", source=source, span=span)
        else:
            pieces.append(chr(code).encode())
    pieces.append(inner[place:].encode())
    joined = b"".join(pieces)
    return joined if as_bytes else joined.decode()


def _code_point(match: re.Match[str]) -> int | None:
    digits = match.group(match.lastgroup or "bad")
    match match.lastgroup:
        case "plain":
            return ord(_PLAIN_ESCAPES.get(digits, digits))
        case "octal":
            return int(digits, 8)
        case "byte" | "short" | "long":
            return int(digits, 16)
    return None
