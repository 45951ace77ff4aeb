"""A tree into CEL text, with the fewest parentheses that parse back to the same tree (SPEC §6.7).

Rules of this file:

- `parse(format(tree)) == tree`, for every tree that the codec accepts.
- Whatever is not printable is escaped: the text may go to a terminal or a log as it is.
"""

from __future__ import annotations

import json

from delegate.core.evaluator.opcodes import IDENTIFIER, KEYWORDS, LiteralValue, Op
from delegate.errors import UNPRINTABLE
from delegate.language.tree import (
    FUNCTIONS,
    MACROS,
    METHODS,
    NAMESPACED,
    Call,
    Expression,
    Fold,
    Has,
    ListOf,
    Literal,
    MapOf,
    Path,
    Select,
)

# How tightly text binds: the higher, the tighter.
_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER = range(8)

_BINARY: dict[Op, tuple[str, int]] = {
    Op.EQ: ("==", _RELATION),
    Op.NE: ("!=", _RELATION),
    Op.LT: ("<", _RELATION),
    Op.LE: ("<=", _RELATION),
    Op.GT: (">", _RELATION),
    Op.GE: (">=", _RELATION),
    Op.IN: ("in", _RELATION),
    Op.ADD: ("+", _SUM),
    Op.SUBTRACT: ("-", _SUM),
    Op.MULTIPLY: ("*", _PRODUCT),
    Op.DIVIDE: ("/", _PRODUCT),
    Op.MODULO: ("%", _PRODUCT),
}
_FUNCTION_NAMES = {op: name for name, op in FUNCTIONS.items()}
_METHOD_NAMES = {op: name for name, op in METHODS.items()}
_NAMESPACED_NAMES = {op: f"{namespace}.{name}" for (namespace, name), op in NAMESPACED.items()}
_MACRO_NAMES = {op: name for (name, _), op in MACROS.items()}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BMP_MAX = 0xFFFF


def format_expression(node: Expression) -> str:
    """The CEL text of a tree."""
    return _format(node)[0]


def format_literal(value: LiteralValue) -> str:
    """The CEL text of null, a bool, an int, a double, text or bytes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_character, value))}"'
    if isinstance(value, bytes):
        return f'b"{"".join(map(_byte, value))}"'
    return repr(value)


def format_quoted(text: str) -> str:
    """Text as a JSON string, with whatever is not printable escaped."""
    return f'"{"".join(map(_json_character, text))}"'


def _json_character(character: str) -> str:
    if character in _ESCAPES or not character.isprintable() or UNPRINTABLE.match(character):
        return json.dumps(character)[1:-1].replace("\x7f", "\\u007f")
    return character


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and not UNPRINTABLE.match(character):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= _BMP_MAX else f"\\U{code:08x}"


def _byte(byte: int) -> str:
    character = chr(byte)
    return _ESCAPES.get(character, character) if " " <= character <= "~" else f"\\x{byte:02x}"


def _format(node: Expression) -> tuple[str, int]:
    match node:
        case Literal(value=value):
            return format_literal(value), _MEMBER
        case Path(parts=parts):
            return parts[0] + "".join(map(_field, parts[1:])), _MEMBER
        case Select(operand=operand, field=field):
            return _within(operand, _MEMBER) + _field(field), _MEMBER
        case Has(target=target):
            return f"has({_quotable(target)})", _MEMBER
        case ListOf(items=items):
            return f"[{_join(items)}]", _MEMBER
        case MapOf(entries=entries):
            pairs = (f"{format_expression(key)}: {format_expression(value)}" for key, value in entries)
            return f"{{{', '.join(pairs)}}}", _MEMBER
        case Fold(op=op, source=source, variable=variable, bodies=bodies):
            return f"{_within(source, _MEMBER)}.{_MACRO_NAMES[op]}({variable}, {_join(bodies)})", _MEMBER
        case Call(op=op, operands=operands):
            return _format_call(op, operands)
    message = "a tree of an unknown function has no text"
    raise ValueError(message)


def _format_call(op: Op, operands: tuple[Expression, ...]) -> tuple[str, int]:
    if op in _BINARY:
        sign, level = _BINARY[op]
        left, right = operands
        return f"{_within(left, level)} {sign} {_within(right, level + 1)}", level
    match op:
        case Op.AND:
            return " && ".join(_within(operand, _RELATION) for operand in operands), _AND
        case Op.OR:
            return " || ".join(_within(operand, _AND) for operand in operands), _OR
        case Op.CONDITION:
            test, middle, last = operands
            return f"{_within(test, _OR)} ? {_within(middle, _OR)} : {format_expression(last)}", _TERNARY
        case Op.NOT:
            return f"!{_within(operands[0], _MEMBER)}", _UNARY
        case Op.NEGATE:
            text = _within(operands[0], _MEMBER)
            # `-1` is a literal, and so is the start of `-1.a`.
            return f"-({text})" if text[0] in "-.0123456789" else f"-{text}", _UNARY
        case Op.INDEX:
            return f"{_within(operands[0], _MEMBER)}[{format_expression(operands[1])}]", _MEMBER
    if op in _METHOD_NAMES:
        return f"{_within(operands[0], _MEMBER)}.{_METHOD_NAMES[op]}({_join(operands[1:])})", _MEMBER
    name = _NAMESPACED_NAMES.get(op) or _FUNCTION_NAMES[op]
    return f"{name}({_join(operands)})", _MEMBER


def _within(node: Expression, level: int) -> str:
    text, own = _format(node)
    return text if own >= level else f"({text})"


def _join(items: tuple[Expression, ...]) -> str:
    return ", ".join(format_expression(item) for item in items)


def _field(name: str) -> str:
    if IDENTIFIER.fullmatch(name) and name not in KEYWORDS:
        return f".{name}"
    return f"[{format_literal(name)}]"


def _quotable(target: Path | Select) -> str:
    if isinstance(target, Path):
        operand: Expression = Path(target.parts[:-1])
        field = target.parts[-1]
    else:
        operand, field = target.operand, target.field
    plain = IDENTIFIER.fullmatch(field) and field not in KEYWORDS
    return f"{_within(operand, _MEMBER)}.{field if plain else f'`{field}`'}"
