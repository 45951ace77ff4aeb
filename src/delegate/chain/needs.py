"""Third-party caveats: what other parties must confirm before a block permits anything (SPEC §14.1).

The rules of this file:

- A need names keys by their thumbprints. No key travels: a verifier takes those that it knows itself.
- `need` is a byte string that holds an array, so that what it compiles to is kept by those bytes.
- One need, one encoding: keys in order and none twice, nothing said that is the default.
- A need's condition reads what a caveat reads, and `said`: what the other party says. Nothing else reads `said`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from delegate.caveats import CAVEAT_NAMES, Caveat, Run, compile_run, from_wire
from delegate.caveats import condition as bound_condition
from delegate.chain.times import Duration, seconds
from delegate.errors import Reason, TokenError
from delegate.keys import Principal
from delegate.limits import NEED_KEYS, NEEDS, TIME_MAX
from delegate.wire import cbor
from delegate.wire.cose import THUMBPRINT_BYTES

NEED_NAMES: Final = CAVEAT_NAMES | {"said"}
APPROVED: Final = "said.approved == true"
Parties: TypeAlias = Principal | Iterable[Principal]

_KEYS: Final = frozenset({"by", "if", "of", "age", "each"})
_LEAST: Final = frozenset({"by", "if", "of"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What must be confirmed, by whom. Make one with `need`.

    Attributes:
        by: thumbprints of the keys that may confirm it: 1 to 16, in order, none twice.
        condition: what must come to `true` of each discharge, which it reads as `said`.
        of: how many different keys must confirm it.
        max_age_s: how old a discharge may be; `None`: as old as its own expiry lets it be.
        each: whether every request needs discharges of its own.
    """

    by: tuple[bytes, ...]
    condition: Caveat
    of: int = 1
    max_age_s: int | None = None
    each: bool = False

    def __post_init__(self) -> None:
        """Refuse what no verifier would take."""
        if not 0 < len(self.by) <= NEED_KEYS or any(len(each) != THUMBPRINT_BYTES for each in self.by):
            message = f"a need names 1 to {NEED_KEYS} keys by their thumbprints"
            raise ValueError(message)
        if list(self.by) != sorted(set(self.by)):
            message = "the keys of a need are in order, and none is named twice"
            raise ValueError(message)
        if type(self.of) is not int or not 0 < self.of <= len(self.by):
            message = f"of is a whole number from 1 to the {len(self.by)} parties that are named"
            raise ValueError(message)

    def to_wire(self) -> dict[str, object]:
        """Give the CBOR value, its keys in order."""
        said: dict[str, object] = {"by": list(self.by), "if": self.condition.to_wire(), "of": self.of}
        if self.max_age_s is not None:
            said["age"] = self.max_age_s
        if self.each:
            said["each"] = True
        return said

    @classmethod
    def from_wire(cls, item: dict[str, Any]) -> Need:
        """Read what a verifier has compiled, or would; raises TokenError for anything else."""
        return cls(
            by=tuple(item["by"]),
            condition=Caveat(from_wire(item["if"], NEED_NAMES)),
            of=item["of"],
            max_age_s=item.get("age"),
            each="each" in item,
        )

    def __str__(self) -> str:
        keys = ", ".join(f"{each[:8].hex()}…" for each in self.by)
        words = f"{self.of} of {len(self.by)} ({keys}) that {self.condition}"
        if self.max_age_s is not None:
            words += f", at most {self.max_age_s} s old"
        return words + (", for each request" if self.each else "")


def need(
    by: Parties,
    *,
    of: int = 1,
    condition: str = APPROVED,
    max_age: Duration | None = None,
    each_request: bool = False,
    **values: object,
) -> Need:
    """Author a third-party caveat: somebody else must confirm it.

    Args:
        by: who may confirm; only the thumbprints of their keys travel. A verifier must know the keys itself.
        of: how many of them must.
        condition: CEL that reads what a caveat reads, and `said`: what the other party says. It must come to `true`
            for each of them.
        max_age: how old a discharge may be.
        each_request: whether a discharge serves one request, once; else it serves the block and all below it until it
            expires.
        values: what other names in `condition` stand for, as in `when`.

    Raises:
        ValueError: no party, more than 16, one key twice, or `of` beyond their number.
        CaveatSyntaxError: `condition` is not in the language.

    Source: SPEC §14.1.
    """
    parties = (by,) if isinstance(by, Principal) else tuple(by)
    keys = sorted(each.public_key.thumbprint for each in parties)
    return Need(
        by=tuple(keys),
        condition=bound_condition(condition, NEED_NAMES, values),
        of=of,
        max_age_s=None if max_age is None else seconds(max_age),
        each=each_request,
    )


class NeedRule(NamedTuple):
    """One need as a verifier asks it: its condition is a function, and the steps to charge before calling it."""

    by: tuple[bytes, ...]
    run: Run
    cost: int
    of: int
    age: int | None
    each: bool


class NeedAt(NamedTuple):
    """One need in its place in a chain: the block that has it, and which of that block's needs it is."""

    hop: int
    block_id: bytes
    place: int
    rule: NeedRule


def encode_needs(given: Need | Iterable[Need]) -> bytes:
    """Encode a `need` claim; empty where there is none.

    Raises:
        ValueError: more than 8. TypeError: something that is no need.
    """
    several = (given,) if isinstance(given, Need) else tuple(given)
    if not all(isinstance(each, Need) for each in several):
        message = "needs are made by need(…)"
        raise TypeError(message)
    if len(several) > NEEDS:
        message = f"a block has at most {NEEDS} needs"
        raise ValueError(message)
    return cbor.encode([each.to_wire() for each in several]) if several else b""


def decode_needs(data: bytes) -> tuple[Need, ...]:
    """Read a `need` claim that compiled."""
    return tuple(map(Need.from_wire, _items(data))) if data else ()


def need_texts(data: bytes) -> tuple[str, ...]:
    """Give a `need` claim as text."""
    return tuple(map(str, decode_needs(data)))


def compile_needs(data: bytes) -> tuple[NeedRule, ...]:
    """Compile the content of a `need` claim.

    Raises:
        TokenError: MALFORMED, NOT_CANONICAL, LIMIT_EXCEEDED, TRUNCATED, UNKNOWN_CLAIM.

    Source: SPEC §14.1.
    """
    return tuple(map(_rule, _items(data)))


def _items(data: bytes) -> list[Any]:
    items = cbor.decode(data)
    if type(items) is not list or not items:
        _malformed("needs are not a list of at least one")
    if len(items) > NEEDS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(items)} needs")
    return items


def _rule(item: object) -> NeedRule:
    if type(item) is not dict or not item.keys() >= _LEAST:
        _malformed("not a need")
    unknown = item.keys() - _KEYS
    if unknown:
        raise TokenError(Reason.UNKNOWN_CLAIM, "a need with a further entry")
    by, of, age = item["by"], item["of"], item.get("age")
    check_keys(by)
    if type(of) is not int or not 0 < of <= len(by):
        _malformed("a need of more, or fewer, than it names")
    if "age" in item and (type(age) is not int or not 0 < age <= TIME_MAX):
        _malformed("a need with an age out of range")
    if item.get("each", True) is not True:
        _malformed("a need whose each is not true")
    run, cost = compile_run(item["if"], NEED_NAMES)
    return NeedRule(tuple(by), run, cost, of, age, "each" in item)


def check_keys(by: object) -> None:
    """Refuse what is no list of thumbprints; raises TokenError."""
    if type(by) is not list or not by or any(type(each) is not bytes or len(each) != THUMBPRINT_BYTES for each in by):
        _malformed("a need that names no keys by thumbprints")
    if len(by) > NEED_KEYS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a need that names {len(by)} keys")
    if by != sorted(set(by)):
        raise TokenError(Reason.NOT_CANONICAL, "the keys of a need out of order")


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
