"""Third-party caveats: what other parties must confirm before a block permits anything (SPEC §14.1).

The rules of this file:

- A need names keys by their thumbprints. No key travels: a verifier takes those that it knows itself.
- `need` is a byte string that holds an array, so that what it compiles to is kept by those bytes.
- One need, one encoding: keys in order and none twice, nothing said that is the default.
- A need's condition reads what a caveat reads, and `said`: what the other party says. Nothing else reads `said`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

from delegate.core.evaluator.compiler import compile_run
from delegate.core.evaluator.opcodes import CAVEAT_NAMES
from delegate.core.evaluator.scope import Run
from delegate.core.wire import cbor
from delegate.core.wire.cose import THUMBPRINT_BYTES
from delegate.errors import Reason, TokenError
from delegate.limits import NEED_KEYS, NEEDS, TIME_MAX

NEED_NAMES: Final = CAVEAT_NAMES | {"said"}
_KEYS: Final = frozenset({"by", "if", "of", "age", "standing"})
_LEAST: Final = frozenset({"by", "if", "of"})


class NeedRule(NamedTuple):
    """One need as a verifier asks it: its condition is a function, and the steps to charge before calling it.

    `standing`: whether a discharge may serve every request below the block; else each request needs its own.
    """

    by: tuple[bytes, ...]
    run: Run
    cost: int
    of: int
    age: int | None
    standing: bool


class NeedAt(NamedTuple):
    """One need in its place in a chain: the block that has it, and which of that block's needs it is."""

    hop: int
    block_id: bytes
    place: int
    rule: NeedRule


def compile_needs(data: bytes) -> tuple[NeedRule, ...]:
    """Compile the content of a `need` claim.

    Raises:
        TokenError: MALFORMED, NOT_CANONICAL, LIMIT_EXCEEDED, TRUNCATED, UNKNOWN_CLAIM.

    Source: SPEC §14.1.
    """
    return tuple(map(_rule, need_items(data)))


def need_items(data: bytes) -> list[Any]:
    """Decode the content of a `need` claim: 1 to 8 items, not yet looked at; raises TokenError."""
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
    if item.get("standing", True) is not True:
        _malformed("a need whose standing is not true")
    run, cost = compile_run(item["if"], NEED_NAMES)
    return NeedRule(tuple(by), run, cost, of, age, "standing" in item)


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
