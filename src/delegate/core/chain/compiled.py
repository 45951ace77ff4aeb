"""Capabilities and caveats as a verifier runs them, compiled from their exact bytes (SPEC §4.3, §6).

The rules of this file:

- `can` and `if` are byte strings that hold an array, so that what they compile to is kept by those bytes:
  agents repeat the same few.
- Compiling validates everything; what compiled is only ever asked for its value.
- The order is fixed: capabilities in order up to the first match, then caveats in order. So every verifier
  spends the same steps and names the same fault.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn, TypeAlias, TypeVar

from delegate.core.chain.needs import NeedRule, compile_needs
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.evaluator.compiler import compile_run, compile_wire
from delegate.core.evaluator.flat_list import compile_flat_list
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import Condition, Scope
from delegate.core.patterns.matching import compile_priced, match_steps
from delegate.core.patterns.tokens import ACTION_SEPARATOR, RESOURCE_SEPARATOR
from delegate.core.wire import cbor
from delegate.errors import CaveatError, Reason, TokenError
from delegate.limits import CAPABILITIES, CAVEATS, RESOURCE_CHARACTERS

T = TypeVar("T")
Matcher: TypeAlias = Callable[[str], bool]

# The longest list whose compiled form is kept: it takes up to 270 times as much memory. A usual one has 20 to 60.
_KEPT_BYTES: Final = 512


class Rule(NamedTuple):
    """One capability, compiled.

    `resource` matches plain resources; `literal` is one exact resource; with neither, the request has none.
    `priced`: for how many characters of its action and of its resource a match has to pay; `None`: for none of either.
    """

    action: Matcher
    resource: Matcher | None
    literal: str | None
    condition: Condition | None
    priced: tuple[int, int] | None

    def covers(self, request: Request, scope: Scope) -> bool:
        """Say whether action and resource fall under this capability, its condition aside.

        Raises:
            CaveatError: LIMIT_EXCEEDED, where the steps of the whole decision ran out.
        """
        if self.priced is not None:
            scope.charge(match_steps(len(request.action), self.priced[0]) if self.priced[0] else 0)
        if not self.action(request.action):
            return False
        if self.resource is not None:
            if not request.resource_is_plain:
                return False
            if self.priced is not None and self.priced[1]:
                scope.charge(match_steps(len(request.resource), self.priced[1]))  # type: ignore[arg-type]
            return self.resource(request.resource)  # type: ignore[arg-type]
        return request.resource == self.literal


class Check(NamedTuple):
    """What one block demands of a request: one of its capabilities (`None`: any request), all its caveats.

    A caveat is its function and the steps that must be charged before it is called.
    """

    hop: int
    capabilities: tuple[Rule, ...] | None
    caveats: tuple[Built, ...]


def permits(rules: tuple[Rule, ...], request: Request, scope: Scope) -> bool:
    """Say whether one of these capabilities permits the request; one whose condition errs does not.

    Raises:
        CaveatError: LIMIT_EXCEEDED, where the steps of the whole decision ran out.
    """
    for rule in rules:
        if rule.covers(request, scope):
            if rule.condition is None:
                return True
            try:
                if rule.condition(scope) is True:
                    return True
            except CaveatError as error:
                if error.reason is Reason.LIMIT_EXCEEDED:
                    raise
    return False


class Compiler:
    """Compiles `can`, `if` and `need`, and keeps the outcome by the bytes: bounded, least recently used out first."""

    __slots__ = ("capabilities", "caveats", "needs")

    def __init__(self, size: int) -> None:
        """`size` entries of each are kept, those alone that were compiled from at most 512 bytes; 0 keeps none."""
        self.capabilities: Callable[[bytes], tuple[Rule, ...]] = _keeping(size, compile_capabilities)
        self.caveats: Callable[[bytes], tuple[Built, ...]] = _keeping(size, compile_caveats)
        self.needs: Callable[[bytes], tuple[NeedRule, ...]] = _keeping(size, compile_needs)


def _keeping(size: int, compiling: Callable[[bytes], T]) -> Callable[[bytes], T]:
    kept = lru_cache(size)(compiling)

    def compiled(data: bytes) -> T:
        return kept(data) if len(data) <= _KEPT_BYTES else compiling(data)

    return compiled


def compile_capabilities(data: bytes) -> tuple[Rule, ...]:
    """Compile the content of a `can` claim.

    Raises:
        TokenError: MALFORMED, NOT_CANONICAL, LIMIT_EXCEEDED, TRUNCATED.
    """
    return tuple(map(_rule, _items(data, CAPABILITIES, "capabilities")))


def compile_caveats(data: bytes) -> tuple[Built, ...]:
    """Compile the content of an `if` claim; raises as `compile_capabilities`."""
    return compile_flat_list(data) or tuple(map(compile_run, _items(data, CAVEATS, "caveats")))


def _items(data: bytes, most: int, what: str) -> list[object]:
    items = cbor.decode(data)
    if type(items) is not list or not items:
        _malformed(f"{what} are not a list of at least one")
    if len(items) > most:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(items)} {what}")
    return items


def _rule(item: object) -> Rule:
    match item:
        case [str() as action]:
            return _priced(action, None, None, None)
        case [str() as action, str() as resource]:
            return _priced(action, resource, None, None)
        case [str() as action, [str() as literal]]:
            return _priced(action, None, _literal(literal), None)
        case [str() as action, None, condition]:
            return _priced(action, None, None, compile_wire(condition))
        case [str() as action, str() as resource, condition]:
            return _priced(action, resource, None, compile_wire(condition))
        case [str() as action, [str() as literal], condition]:
            return _priced(action, None, _literal(literal), compile_wire(condition))
    _malformed("not a capability")


def _priced(action: str, resource: str | None, literal: str | None, condition: Condition | None) -> Rule:
    if not action:
        _malformed("a capability without an action")
    if resource == "":
        _malformed("a capability with an empty resource")
    act, act_price = compile_priced(action, ACTION_SEPARATOR)
    if resource is None:
        return Rule(act, None, literal, condition, (act_price, 0) if act_price else None)
    place, place_price = compile_priced(resource, RESOURCE_SEPARATOR)
    return Rule(act, place, None, condition, (act_price, place_price) if act_price or place_price else None)


def _literal(text: str) -> str:
    if len(text) > RESOURCE_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a literal resource of {len(text)} characters: `{shown(text)}`")
    return text


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
