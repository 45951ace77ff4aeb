"""What must hold of the literals, paths, fields and variables of an expression, and the errors otherwise (SPEC §6.4).

How they are put together is checked by the walk (`compiler.py`). Types are compared exactly: `True` is no integer.
"""

from __future__ import annotations

import math

from delegate.core.evaluator.opcodes import IDENTIFIER, KEYWORDS, QUOTABLE_FIELD, RESERVED, LiteralValue
from delegate.errors import Reason, TokenError
from delegate.limits import COMPREHENSION_DEPTH, EXPRESSION_DEPTH, EXPRESSION_NODES, INTEGER_MAX, INTEGER_MIN


def malformed(detail: str) -> TokenError:
    """The error of an object that is no expression."""
    return TokenError(Reason.MALFORMED, f"{detail} in an expression")


def not_canonical(detail: str) -> TokenError:
    """The error of an expression in another encoding than its own."""
    return TokenError(Reason.NOT_CANONICAL, f"{detail} in an expression")


def over_limit(detail: str) -> TokenError:
    """The error of an expression that is too large."""
    return TokenError(Reason.LIMIT_EXCEEDED, detail)


TOO_MANY_NODES = f"an expression has at most {EXPRESSION_NODES} nodes"
TOO_DEEP = f"an expression is at most {EXPRESSION_DEPTH} levels deep"
TOO_NESTED = f"comprehensions are nested at most {COMPREHENSION_DEPTH} deep"


def check_literal(encoded: object) -> LiteralValue:
    """Is it a literal? An int has 64 bits, a double is finite.

    Raises:
        TokenError: MALFORMED.
    """
    if encoded is None or type(encoded) in {bool, str, bytes}:
        return encoded  # type: ignore[return-value]
    if type(encoded) is int and INTEGER_MIN <= encoded <= INTEGER_MAX:
        return encoded
    if type(encoded) is float and math.isfinite(encoded):
        return encoded
    raise malformed("no literal of the language")


def check_parts(parts: list[object], names: frozenset[str], least: int) -> tuple[str, ...]:
    """Are these a name that may be read, and fields?

    Raises:
        TokenError: MALFORMED.
    """
    if len(parts) < least:
        raise malformed("no path")
    for part in parts:
        if type(part) is not str:
            raise malformed("no path")
    if parts[0] not in names:
        raise malformed("a name that may not be read")
    return tuple(parts)  # type: ignore[arg-type]


def check_quotable(field: str) -> None:
    """Can the field be written within `has(…)`? CEL has no text for others there.

    Raises:
        TokenError: MALFORMED.
    """
    if not QUOTABLE_FIELD.fullmatch(field):
        raise malformed("a field that cannot be written within `has`")


def check_variable(name: object) -> str:
    """Is this the name of a variable?

    Raises:
        TokenError: MALFORMED.
    """
    if type(name) is not str or not IDENTIFIER.fullmatch(name) or name in KEYWORDS or name in RESERVED:
        raise malformed("no name of a variable")
    return name
