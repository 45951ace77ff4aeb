"""What each strict operator and function does with its values (SPEC §6.2, §6.6).

Rules of this file:

- An implementation takes its operands and the scope, and charges for work that grows with them before doing it.
- Integers have 64 bits: a result beyond is an error, never wrapped.
- Division and remainder go toward zero; doubles follow IEEE 754.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from delegate.core.evaluator import timestamps as times
from delegate.core.evaluator.namespaced import glob_match, net_within, path_within, url_host, url_scheme
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.regex import matches
from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.evaluator.values import (
    CHUNK_BITS,
    SECOND_NS,
    Duration,
    Timestamp,
    duration,
    equal,
    in_order,
    is_in,
    map_key,
    no_overload,
    timestamp,
)
from delegate.limits import INTEGER_MAX, INTEGER_MIN
from delegate.regular import regular

Implementation: TypeAlias = Callable[..., object]

# One step pays for so many pairs of characters that a search may have to compare.
_SEARCH_BITS = 12
# What writing a double, a timestamp or a duration costs.
_WRITE_STEPS = 4

_INTEGER = regular(r"-?[0-9]{1,64}", re.ASCII)
_DOUBLE = regular(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,400})?", re.ASCII)
_SPECIAL_DOUBLES = {"inf", "-inf", "+inf", "Infinity", "-Infinity", "+Infinity", "nan", "NaN"}
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def checked(value: int) -> int:
    """The integer, if it has 64 bits.

    Raises:
        EvaluationError: CAVEAT_ERROR.
    """
    if INTEGER_MIN <= value <= INTEGER_MAX:
        return value
    detail = "an integer beyond 64 bits"
    raise EvaluationError(detail)


def add(left: object, right: object, scope: Scope) -> object:
    """`+`: numbers of one type, text, bytes, lists, times."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return checked(left + right)  # type: ignore[operator]
        if kind is str or kind is bytes:
            scope.charge(len(left) + len(right) >> CHUNK_BITS)  # type: ignore[arg-type]
            return left + right  # type: ignore[operator]
        if kind is float:
            return left + right  # type: ignore[operator]
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        scope.charge(len(left) + len(right))
        return [*left, *right]
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return timestamp(left.ns + right.ns)
    if isinstance(left, Duration):
        if isinstance(right, Timestamp):
            return timestamp(left.ns + right.ns)
        if isinstance(right, Duration):
            return duration(left.ns + right.ns)
    raise no_overload("+", left, right)


def subtract(left: object, right: object, _scope: Scope) -> object:
    """`-`: numbers of one type, times."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return checked(left - right)  # type: ignore[operator]
        if kind is float:
            return left - right  # type: ignore[operator]
        if isinstance(left, (Timestamp, Duration)) and isinstance(right, (Timestamp, Duration)):
            return duration(left.ns - right.ns)
    elif isinstance(left, Timestamp) and isinstance(right, Duration):
        return timestamp(left.ns - right.ns)
    raise no_overload("-", left, right)


def multiply(left: object, right: object, _scope: Scope) -> object:
    """`*`: numbers of one type."""
    if type(left) is int and type(right) is int:
        return checked(left * right)
    if type(left) is float and type(right) is float:
        return left * right
    raise no_overload("*", left, right)


def divide(left: object, right: object, _scope: Scope) -> object:
    """`/`: numbers of one type; integers toward zero."""
    if type(left) is int and type(right) is int:
        if not right:
            detail = "division by zero"
            raise EvaluationError(detail)
        quotient = abs(left) // abs(right)
        return checked(quotient if (left < 0) == (right < 0) else -quotient)
    if type(left) is float and type(right) is float:
        if right:
            return left / right
        if not left or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    raise no_overload("/", left, right)


def modulo(left: object, right: object, _scope: Scope) -> object:
    """`%`: integers; the result has the sign of the left."""
    if type(left) is not int or type(right) is not int:
        raise no_overload("%", left, right)
    if not right:
        detail = "division by zero"
        raise EvaluationError(detail)
    if right == -1:
        # The quotient must have 64 bits too, as CEL says of the least integer.
        checked(-left)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def negate(value: object, _scope: Scope) -> object:
    """`-` before a number."""
    if type(value) is int:
        return checked(-value)
    if type(value) is float:
        return -value
    raise no_overload("-", value)


def invert(value: object, _scope: Scope) -> object:
    """`!`."""
    if type(value) is bool:
        return not value
    raise no_overload("!", value)


def unequal(left: object, right: object, scope: Scope) -> bool:
    """`!=`."""
    return not equal(left, right, scope)


def _order(sign: str, test: Callable[[Any, Any], Any]) -> Implementation:
    return lambda left, right, scope: in_order(sign, test, left, right, scope)


def get_index(container: object, key: object, _scope: Scope) -> object:
    """`container[key]`: an item of a list by a whole number from 0, or the value of a map's key."""
    if isinstance(container, dict):
        found = map_key(key)
        if found is not None and found in container:
            return container[found]
        detail = "a map has no such key"
        raise EvaluationError(detail)
    if not isinstance(container, (list, tuple)):
        raise no_overload("[]", container, key)
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if type(key) is not int or not 0 <= key < len(container):
        detail = "a list has no such index"
        raise EvaluationError(detail)
    return container[key]


def get_size(value: object, scope: Scope) -> int:
    """`size`: characters, bytes, items or entries."""
    if isinstance(value, str):
        scope.charge(len(value) >> CHUNK_BITS)
        return len(value)
    if isinstance(value, (bytes, list, tuple, dict)):
        return len(value)
    raise no_overload("size", value)


def _both_text(name: str, left: object, right: object) -> tuple[str, str]:
    if type(left) is str and type(right) is str:
        return left, right
    raise no_overload(name, left, right)


def contains(text: object, part: object, scope: Scope) -> bool:
    """`contains`. The product is charged too: searching a text for a long part of it may take that long."""
    whole, piece = _both_text("contains", text, part)
    scope.charge((len(whole) + len(piece) >> CHUNK_BITS) + (len(whole) * len(piece) >> _SEARCH_BITS))
    return piece in whole


def starts_with(text: object, part: object, scope: Scope) -> bool:
    """`startsWith`."""
    whole, piece = _both_text("startsWith", text, part)
    scope.charge(min(len(whole), len(piece)) >> CHUNK_BITS)
    return whole.startswith(piece)


def ends_with(text: object, part: object, scope: Scope) -> bool:
    """`endsWith`."""
    whole, piece = _both_text("endsWith", text, part)
    scope.charge(min(len(whole), len(piece)) >> CHUNK_BITS)
    return whole.endswith(piece)


def _unreadable(what: str) -> EvaluationError:
    return EvaluationError(f"text that is not {what}")


def to_int(value: object, scope: Scope) -> int:
    """`int`: of a bool, a double (cut toward zero), text, or a timestamp (whole seconds)."""
    if type(value) is int:
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is float:
        # The ends of the range are excluded: as doubles they stand for integers on both sides.
        if not INTEGER_MIN < value < INTEGER_MAX:
            detail = "a double beyond 64-bit integers"
            raise EvaluationError(detail)
        return int(value)
    if type(value) is str:
        scope.charge(len(value) >> CHUNK_BITS)
        if not _INTEGER.fullmatch(value):
            raise _unreadable("an integer")
        return checked(int(value))
    if isinstance(value, Timestamp):
        return value.ns // SECOND_NS
    raise no_overload("int", value)


def to_double(value: object, scope: Scope) -> float:
    """`double`: of an int or text."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        scope.charge(len(value) >> CHUNK_BITS)
        if not _DOUBLE.fullmatch(value) and value not in _SPECIAL_DOUBLES:
            raise _unreadable("a double")
        return float(value)
    raise no_overload("double", value)


# Outside these powers of ten a double is written with an exponent.
_FIXED_MIN, _FIXED_MAX = -4, 5


def format_double(value: float) -> str:
    """The shortest text that reads back as this double, as CEL's C++ and Go runtimes write it."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    from decimal import Decimal

    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - for the type checker: the value is finite
    text = "".join(map(str, digits))
    point = len(text) + exponent - 1 if value else 0
    if not _FIXED_MIN <= point <= _FIXED_MAX:
        mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
        return f"{'-' * sign}{mantissa}e{'-' if point < 0 else '+'}{abs(point):02}"
    return f"{'-' * sign}{Decimal((0, digits, exponent)):f}"


def to_string(value: object, scope: Scope) -> str:
    """`string`: of anything but null, lists and maps; bytes must be UTF-8."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        scope.charge(_WRITE_STEPS)
        return format_double(value)
    if type(value) is bytes:
        scope.charge(len(value) >> CHUNK_BITS)
        try:
            return value.decode()
        except UnicodeDecodeError:
            detail = "bytes that are not UTF-8"
            raise EvaluationError(detail) from None
    if isinstance(value, Timestamp):
        scope.charge(_WRITE_STEPS)
        return times.format_timestamp(value)
    if isinstance(value, Duration):
        scope.charge(_WRITE_STEPS)
        return times.format_duration(value)
    raise no_overload("string", value)


def to_bytes(value: object, scope: Scope) -> bytes:
    """`bytes`: the UTF-8 of text."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        scope.charge(len(value) >> CHUNK_BITS)
        return value.encode()
    raise no_overload("bytes", value)


def to_bool(value: object, _scope: Scope) -> bool:
    """`bool`: of text such as `true`, `T` or `0`."""
    if type(value) is bool:
        return value
    if type(value) is not str:
        raise no_overload("bool", value)
    if value not in _BOOLS:
        raise _unreadable("a bool")
    return _BOOLS[value]


def to_timestamp(value: object, scope: Scope) -> Timestamp:
    """`timestamp`: of RFC 3339 text or Unix seconds."""
    if isinstance(value, Timestamp):
        return value
    if type(value) is int:
        return timestamp(value * SECOND_NS)
    if type(value) is str:
        scope.charge(times.PARSE_STEPS + (len(value) >> times.PARSE_BITS))
        return times.parse_timestamp(value)
    raise no_overload("timestamp", value)


def to_duration(value: object, scope: Scope) -> Duration:
    """`duration`: of text such as `1h30m`."""
    if isinstance(value, Duration):
        return value
    if type(value) is str:
        scope.charge(times.PARSE_STEPS + (len(value) >> times.PARSE_BITS))
        return times.parse_duration(value)
    raise no_overload("duration", value)


IMPLEMENTATIONS: dict[Op, Implementation] = {
    Op.NOT: invert,
    Op.EQ: equal,
    Op.NE: unequal,
    Op.LT: _order("<", operator.lt),
    Op.LE: _order("<=", operator.le),
    Op.GT: _order(">", operator.gt),
    Op.GE: _order(">=", operator.ge),
    Op.IN: is_in,
    Op.STARTS_WITH: starts_with,
    Op.ENDS_WITH: ends_with,
    Op.CONTAINS: contains,
    Op.MATCHES: matches,
    Op.GLOB_MATCH: glob_match,
    Op.PATH_WITHIN: path_within,
    Op.NET_WITHIN: net_within,
    Op.SIZE: get_size,
    Op.ADD: add,
    Op.SUBTRACT: subtract,
    Op.MULTIPLY: multiply,
    Op.DIVIDE: divide,
    Op.MODULO: modulo,
    Op.NEGATE: negate,
    Op.INDEX: get_index,
    Op.INT: to_int,
    Op.DOUBLE: to_double,
    Op.STRING: to_string,
    Op.BYTES: to_bytes,
    Op.BOOL: to_bool,
    Op.TIMESTAMP: to_timestamp,
    Op.DURATION: to_duration,
    Op.DYN: lambda value, _scope: value,
    Op.URL_HOST: url_host,
    Op.URL_SCHEME: url_scheme,
    Op.GET_FULL_YEAR: times.accessor("getFullYear"),
    Op.GET_MONTH: times.accessor("getMonth"),
    Op.GET_DATE: times.accessor("getDate"),
    Op.GET_DAY_OF_MONTH: times.accessor("getDayOfMonth"),
    Op.GET_DAY_OF_WEEK: times.accessor("getDayOfWeek"),
    Op.GET_DAY_OF_YEAR: times.accessor("getDayOfYear"),
    Op.GET_HOURS: times.accessor("getHours"),
    Op.GET_MINUTES: times.accessor("getMinutes"),
    Op.GET_SECONDS: times.accessor("getSeconds"),
    Op.GET_MILLISECONDS: times.accessor("getMilliseconds"),
}
