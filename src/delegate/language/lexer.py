r"""Text into lexemes, by the lexical grammar of CEL (SPEC §6.7).

Rules of this file:

- A lexeme is found by one regular expression without nested repetition, so reading is linear. Nothing is skipped: what
  is no lexeme is found as such.
- Every lexeme knows where it stands, so that an error can underline it.
- Escapes are decoded here. A code point beyond Unicode, half of a surrogate pair, or a character that a bytes
  literal cannot hold is an error, never replaced.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from delegate.core.evaluator.opcodes import KEYWORDS
from delegate.errors import CaveatSyntaxError
from delegate.limits import EXPRESSION_CHARACTERS, INTEGER_MAX

# What is commonest comes first, and says by itself what it is not: that halves the time.
_LEXEME = re.compile(
    r"""
    [\t\n\f\r ]*
  (?: (?P<sign>    && | \|\| | [=!<>]= | [-+*%<>!?:,()\[\]{}] | /(?!/) | \.(?![0-9]) )
    | (?P<name>    [_ac-qs-zAC-QS-Z][_a-zA-Z0-9]* | [bB](?![rR]?['"])[_a-zA-Z0-9]* | [rR](?!['"])[_a-zA-Z0-9]* )
    | (?P<text>    [bB]? (?: '{3}(?:[^\\]|\\.)*?'{3} | "{3}(?:[^\\]|\\.)*?"{3}
                           | '(?:[^\\'\n\r]|\\.)*' | "(?:[^\\"\n\r]|\\.)*" ) )
    | (?P<double>  [0-9]* \. [0-9]+ (?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ )
    | (?P<int>     0x[0-9a-fA-F]+ | [0-9]+ )
    | (?P<raw>     (?:[rR]|[bB][rR]) (?: '{3}.*?'{3} | "{3}.*?"{3} | '[^'\n\r]*' | "[^"\n\r]*" ) )
    | (?P<quoted>  `[a-zA-Z0-9_.\-/\ ]+` )
    | (?P<comment> //[^\n]* )
    | (?P<end>     \Z )
    | (?P<word>    [bBrR][_a-zA-Z0-9]* )  # a name before text that has no end
    | (?P<stray>   . )
  )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_SIGN, _NAME, _COMMENT, _END, _INT, _DOUBLE, _QUOTED, _WORD, _STRAY = map(
    _LEXEME.groupindex.__getitem__, ("sign", "name", "comment", "end", "int", "double", "quoted", "word", "stray")
)
_ESCAPE = re.compile(
    r"""\\(?: (?P<plain>[abfnrtv"'\\?`]) | [xX](?P<byte>[0-9a-fA-F]{2}) | (?P<octal>[0-3][0-7]{2})
            | u(?P<short>[0-9a-fA-F]{4}) | U(?P<long>[0-9a-fA-F]{8}) | (?P<bad>.?) )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNICODE_MAX = 0x10FFFF


class Lexemes(NamedTuple):
    """The lexemes of a text, each by its position in these lists: one object a lexeme would double the time.

    A kind is `int`, `double`, `text`, `name`, `quoted`, `end`, or the sign or keyword itself.
    """

    kinds: list[str]
    values: list[int | float | str | bytes]
    starts: list[int]
    ends: list[int]


def lexemes(source: str) -> Lexemes:
    """The lexemes of a caveat's text, ending in one of kind `end`.

    Args:
        source: at most `limits.EXPRESSION_CHARACTERS` characters.

    Raises:
        CaveatSyntaxError: MALFORMED; its `span` is where.
    """
    if len(source) > EXPRESSION_CHARACTERS:
        detail = f"a caveat has at most {EXPRESSION_CHARACTERS} characters"
        raise CaveatSyntaxError(detail, source=source, span=(EXPRESSION_CHARACTERS, EXPRESSION_CHARACTERS + 1))
    found = kinds, values, starts, ends = Lexemes([], [], [], [])
    for match in _LEXEME.finditer(source):
        group: int = match.lastindex  # type: ignore[assignment] # one of the groups is always there
        start, end = match.span(group)
        text = match[group]
        value: int | float | str | bytes = text
        if group == _SIGN:
            kind = text
        elif group == _NAME:
            kind = text if text in KEYWORDS else "name"
        elif group == _COMMENT:
            continue
        else:
            kind, value = _read(source, group, text, start)
        kinds.append(kind)
        values.append(value)
        starts.append(start)
        ends.append(end)
        if group == _END:
            break
    return found


def _stray(source: str, position: int) -> CaveatSyntaxError:
    character = source[position]
    if character in "'\"":
        detail = "text without a closing quote"
    elif character == "`":
        detail = "a quoted field holds letters, digits, `_`, `.`, `-`, `/` and blanks"
    else:
        detail = "an unexpected character"
    return CaveatSyntaxError(detail, source=source, span=(position, position + 1))


def _read(source: str, group: int, text: str, start: int) -> tuple[str, int | float | str | bytes]:
    """Give the kind and the value of a lexeme that is not its own value."""
    if group == _INT:
        return "int", _integer(source, text, start, start + len(text))
    if group == _DOUBLE:
        value = float(text)
        if value > _DOUBLE_MAX:
            raise CaveatSyntaxError("a number beyond 64 bits", source=source, span=(start, start + len(text)))
        return "double", value
    if group == _QUOTED:
        return "quoted", text[1:-1]
    if group == _END:
        return "end", ""
    if group == _WORD:
        return "name", text
    if group == _STRAY:
        raise _stray(source, start)
    return "text", _text(source, text, start)


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
    quote = 0
    while literal[quote] not in "'\"":
        quote += 1
    prefix = literal[:quote].lower()
    width = 3 if literal[quote : quote + 3] in {'"""', "'''"} and len(literal) >= quote + 6 else 1
    inner = literal[quote + width : -width]
    offset = start + quote + width
    if not inner.isascii():
        for position, character in enumerate(inner):
            if "\ud800" <= character <= "\udfff":
                span = (offset + position, offset + position + 1)
                raise CaveatSyntaxError("half of a surrogate pair", source=source, span=span)
    if "r" not in prefix and "\\" in inner:
        return _unescape(source, inner, offset, as_bytes="b" in prefix)
    return inner.encode() if "b" in prefix else inner


def _unescape(source: str, inner: str, offset: int, *, as_bytes: bool) -> str | bytes:
    pieces: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[position : match.start()].encode())
        position = match.end()
        code = _code_point(match)
        span = (offset + match.start(), offset + match.end())
        if code is None:
            raise CaveatSyntaxError("an unknown escape", source=source, span=span)
        if as_bytes and match.lastgroup in {"short", "long"}:
            raise CaveatSyntaxError("bytes have no Unicode escapes", source=source, span=span)
        if as_bytes:
            pieces.append(bytes([code]))
        elif code > _UNICODE_MAX or 0xD800 <= code <= 0xDFFF:
            raise CaveatSyntaxError("an escape that is not a character", source=source, span=span)
        else:
            pieces.append(chr(code).encode())
    pieces.append(inner[position:].encode())
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
