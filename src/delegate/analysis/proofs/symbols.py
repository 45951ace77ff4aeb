"""What a value may be while it is not known: a symbol, with where it is that (`Cases`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from delegate.analysis.proofs.formulas import (
    SENT,
    Formula,
    Sum,
    Term,
)

SECOND_NS: Final = 1_000_000_000
ANY: Final = SENT | {"timestamp", "duration", "nan"}
ELEMENTS_MOST: Final = 24


class Constant:
    """A value that is known."""

    __slots__ = ("_key", "value")

    def __init__(self, value: object) -> None:
        self.value = value
        self._key = (type(value).__name__, repr(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True, slots=True)
class Ref:
    """Whatever stands at a term."""

    term: Term


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a kind: `int`, `double`, or nanoseconds of a `timestamp` or `duration`."""

    kind: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class Around:
    """A text with something written before and behind it."""

    inner: Symbol
    ahead: str
    behind: str


@dataclass(frozen=True, slots=True)
class OfUrl:
    """The host (not of IPv6) or scheme of a text that is a URL."""

    inner: Symbol
    host: bool


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a text has."""

    inner: Symbol


Symbol: TypeAlias = "Constant | Ref | Number | Around | OfUrl | Length"
Cases: TypeAlias = list[tuple[Formula, Symbol]]
Outcome: TypeAlias = tuple[Formula, Formula]  # where true, where false
Names: TypeAlias = tuple[tuple[str, Symbol], ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the request; `None`: nothing is.

    Attributes:
        begins, ends: when the chain is good, Unix seconds: from, and up to but not at.
        audience: services that it is for.
        origin: the originator.
        key: the last key's thumbprint, in hex.
        holder: the last block's `sub`.
    """

    begins: int = 0
    ends: int | None = None
    audience: tuple[str, ...] | None = None
    origin: str | None = None
    key: str | None = None
    holder: str | None = None
