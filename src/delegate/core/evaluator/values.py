"""The values of the language and what `==`, `<` and `in` say about them (SPEC §6.2).

Rules of this file:

- A value is `None`, `bool`, `int` (64 bits), `float`, `str`, `bytes`, `list` or `tuple`, `dict`, `Timestamp` or
  `Duration`; types are compared exactly, so Python's `True == 1 == 1.0` is never asked.
- An int and a double are compared as doubles, in equality and in order; NaN equals nothing and is in no order.
  Otherwise values of two types are unequal, and in no order (an error).
- A map has string, int and bool keys. In the `dict` that holds it, a bool key is a `BoolKey`, which equals no
  int; `to_value` and map literals see to that.
- Comparing costs steps by the size of what is compared (`scope.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.limits import INTEGER_MAX, INTEGER_MIN, VALUE_DEPTH

# One step pays for so many characters or bytes.
CHUNK_BITS: Final = 6

SECOND_NS: Final = 1_000_000_000
TIMESTAMP_MIN_NS: Final = -62_135_596_800 * SECOND_NS  # 0001-01-01T00:00:00Z
TIMESTAMP_MAX_NS: Final = 253_402_300_800 * SECOND_NS - 1  # 9999-12-31T23:59:59.999999999Z


class Timestamp:
    """A point in time: `ns` nanoseconds since 1970-01-01T00:00:00Z, within the years 1 to 9999."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    @classmethod
    def from_seconds(cls, seconds: int) -> Timestamp:
        """Make one from Unix seconds within the years 1 to 9999."""
        return cls(seconds * SECOND_NS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(("timestamp", self.ns))

    def __repr__(self) -> str:
        return f"Timestamp({self.ns})"


class Duration:
    """A length of time: `ns` nanoseconds, a signed 64-bit number (about 292 years either way)."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(("duration", self.ns))

    def __repr__(self) -> str:
        return f"Duration({self.ns})"


class BoolKey(Enum):
    """A bool as the key of a map: in a Python dict, `True` would be found by 1."""

    FALSE = "false"
    TRUE = "true"

    def __bool__(self) -> bool:
        return self is BoolKey.TRUE


_TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    tuple: "list",
    dict: "map",
    Timestamp: "timestamp",
    Duration: "duration",
}


def type_name(value: object) -> str:
    """What the language calls this value's type; for messages."""
    return _TYPE_NAMES.get(type(value), "value of no known type")


def no_overload(what: str, *values: object) -> EvaluationError:
    """The error of an operator or function that does not take such values."""
    given = " and ".join(type_name(value) for value in values)
    return EvaluationError(f"`{what}` does not take {given}")


def map_key(value: object) -> object:
    """The dict key under which a map holds an entry, for a key that was looked up.

    A double that is a whole number finds the int; any other double finds nothing (`None` is never a key).

    Raises:
        EvaluationError: bytes, null, lists, maps, times: never a key.
    """
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is bool:
        return BoolKey.TRUE if value else BoolKey.FALSE
    if isinstance(value, float):
        return int(value) if value.is_integer() and INTEGER_MIN <= value <= INTEGER_MAX else None
    detail = f"a map has no {type_name(value)} keys"
    raise EvaluationError(detail)


def key_value(key: object) -> object:
    """The value that a dict key stands for."""
    return bool(key) if type(key) is BoolKey else key


def ordered_keys(entries: dict[object, object]) -> list[object]:
    """The keys of a map in the order that comprehensions take them: bools, ints, strings, each ascending."""
    if all(type(key) is str for key in entries):
        return sorted(entries)  # type: ignore[type-var]
    return [key_value(key) for key in sorted(entries, key=_key_order)]


def _key_order(key: object) -> tuple[int, bool, int, str]:
    if isinstance(key, BoolKey):
        return 0, bool(key), 0, ""
    if isinstance(key, int):
        return 1, False, key, ""
    if isinstance(key, str):
        return 2, False, 0, key
    detail = f"a map has no {type_name(key)} keys"
    raise EvaluationError(detail)


def equal(left: object, right: object, scope: Scope) -> bool:
    """Are two values the same to `==`?

    Raises:
        EvaluationError: CAVEAT_ERROR: something that is no value of the language.
        StepsExhaustedError: LIMIT_EXCEEDED.

    Cost: see `scope.py`; at most linear in the lesser.
    """
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is bytes:
            steps = min(len(left), len(right)) >> CHUNK_BITS  # type: ignore[arg-type]
            if steps:
                scope.charge(steps)
            return left == right
        if kind in _SCALARS:
            return left == right
    if kind in _NUMBERS and type(right) in _NUMBERS:
        return float(left) == float(right)  # type: ignore[arg-type]
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        if len(left) != len(right):
            return False
        scope.charge(len(left))
        return all(equal(mine, theirs, scope) for mine, theirs in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return _equal_maps(left, right, scope)
    if kind not in _TYPE_NAMES or type(right) not in _TYPE_NAMES:
        raise no_overload("==", left, right)
    return False


_SCALARS = frozenset({type(None), bool, int, float, Timestamp, Duration})
_NUMBERS = frozenset({int, float})


def _equal_maps(left: dict[object, object], right: dict[object, object], scope: Scope) -> bool:
    if len(left) != len(right):
        return False
    scope.charge(len(left))
    if left.keys() != right.keys():
        return False
    # No early end: so the cost does not depend on the order of the entries.
    results = [equal(value, right[key], scope) for key, value in left.items()]
    return all(results)


def is_in(item: object, container: object, scope: Scope) -> bool:
    """What `item in container` says: an element of a list, a key of a map.

    Raises:
        EvaluationError: CAVEAT_ERROR: neither list nor map; a value that is never a key.
        StepsExhaustedError: LIMIT_EXCEEDED.
    """
    if isinstance(container, (list, tuple)):
        scope.charge(len(container))
        return any(equal(item, element, scope) for element in container)
    if isinstance(container, dict):
        return map_key(item) in container
    raise no_overload("in", item, container)


def in_order(sign: str, test: Callable[[Any, Any], Any], left: object, right: object, scope: Scope) -> Any:  # noqa: ANN401
    """What `<`, `<=`, `>` or `>=` says of two values.

    `sign` is the operator, for the message, and `test` the same of Python's `operator`.

    Raises:
        EvaluationError: CAVEAT_ERROR: types that have no order, or none with each other.
        StepsExhaustedError: LIMIT_EXCEEDED.
    """
    kind, other = type(left), type(right)
    if kind is other:
        if kind is str or kind is bytes:
            steps = min(len(left), len(right)) >> CHUNK_BITS  # type: ignore[arg-type]
            if steps:
                scope.charge(steps)
            return test(left, right)
        if kind is int or kind is float or kind is bool:
            return test(left, right)
        if isinstance(left, (Timestamp, Duration)) and isinstance(right, (Timestamp, Duration)):
            return test(left.ns, right.ns)
    elif kind in _NUMBERS and other in _NUMBERS:
        return test(float(left), float(right))  # type: ignore[arg-type]
    raise no_overload(sign, left, right)


def to_value(given: object, depth: int = 0) -> object:
    """The value of the language that a program's value stands for.

    Args:
        given: None, bool, int, float, str, bytes, list, tuple, a mapping with string, int or bool keys, an aware
            datetime, a timedelta, or a `Timestamp` or `Duration`; nested at most `limits.VALUE_DEPTH` deep. A list that
            needs no change is not copied.
        depth: how deep it is nested already.

    Raises:
        EvaluationError: CAVEAT_ERROR: anything else.
    """
    kind = type(given)
    if kind is int:
        if not INTEGER_MIN <= given <= INTEGER_MAX:  # type: ignore[operator]
            detail = "an integer beyond 64 bits"
            raise EvaluationError(detail)
        return given
    if kind is str:
        return _check_text(given)  # type: ignore[arg-type]
    if kind in _TYPE_NAMES and kind not in {list, tuple, dict}:
        return given
    if depth == VALUE_DEPTH:
        detail = f"values are nested more than {VALUE_DEPTH} deep"
        raise EvaluationError(detail)
    if isinstance(given, (list, tuple)):
        items = [to_value(item, depth + 1) for item in given]
        return given if all(new is old for new, old in zip(items, given, strict=True)) else items
    if isinstance(given, Mapping):
        return {_to_key(key): to_value(item, depth + 1) for key, item in given.items()}
    from datetime import UTC, datetime, timedelta

    if isinstance(given, datetime) and given.tzinfo is not None:
        return Timestamp((given - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000)
    if isinstance(given, timedelta):
        return duration(given // timedelta(microseconds=1) * 1000)
    detail = f"a {kind.__name__} is not a value of the language"
    raise EvaluationError(detail)


def _to_key(key: object) -> object:
    if type(key) is float or type(key) not in {str, int, bool, BoolKey}:
        detail = f"a map has no {type_name(key)} keys"
        raise EvaluationError(detail)
    return key if type(key) is BoolKey else map_key(to_value(key))


def _check_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        detail = "text with a lone surrogate"
        raise EvaluationError(detail) from None
    return text


def duration(ns: int) -> Duration:
    """A duration, checked for its range.

    Raises:
        EvaluationError: CAVEAT_ERROR: more than 64 bits of nanoseconds.
    """
    if not INTEGER_MIN <= ns <= INTEGER_MAX:
        detail = "a duration out of range"
        raise EvaluationError(detail)
    return Duration(ns)


def timestamp(ns: int) -> Timestamp:
    """A timestamp, checked for its range.

    Raises:
        EvaluationError: CAVEAT_ERROR: not within the years 1 to 9999.
    """
    if not TIMESTAMP_MIN_NS <= ns <= TIMESTAMP_MAX_NS:
        detail = "a timestamp out of range"
        raise EvaluationError(detail)
    return Timestamp(ns)
