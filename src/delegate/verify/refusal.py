"""The words of a refusal: which capability or caveat, and the values that it read. Built only when refusing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from delegate.caveats import (
    Scope,
    closed_names,
    conjunction,
    conjuncts,
    explain_failure,
    explain_failure_in,
    unnamed_arguments,
)
from delegate.caveats import format as format_caveat
from delegate.chain.capability import Capability, capability_texts, decode_capabilities, decode_caveats
from delegate.chain.request import Request
from delegate.chain.rules import compile_capabilities
from delegate.chain.text import shown
from delegate.errors import CaveatError
from delegate.verify.verified import VerifiedChain


def missing(chain: VerifiedChain, index: int, request: Request, variables: Mapping[str, Any]) -> str:
    """Say what was asked, under which capability of hop `index` it falls but for the condition, or what is there."""
    can = chain.link.up()[index].block.can
    known = Scope(dict(variables))
    near: list[str] = []
    with suppress(CaveatError):  # no steps are left to look at more of them
        near += (unmet(capability, known) for capability in covering(can, request, known))
    if near:
        return f"{asked(request)} is permitted by {'; and by '.join(near)}"
    return f"{asked(request)} is not among what it permits: {', '.join(capability_texts(can))}"


def covering(can: bytes, request: Request, scope: Scope) -> Iterator[Capability]:
    """Give the capabilities that action and resource fall under, their conditions aside, in order.

    Raises:
        CaveatError: LIMIT_EXCEEDED: the steps of the scope ran out.
    """
    for rule, capability in zip(compile_capabilities(can), decode_capabilities(can), strict=True):
        if rule.covers(request, scope):
            yield capability


def unmet(capability: Capability, scope: Scope) -> str:
    """Say under which condition alone a capability permits what falls under it, and what was read instead.

    Args:
        capability: one with a condition that does not hold.
        scope: the variables that it was evaluated with. What is evaluated again draws on its steps.
    """
    condition = conjunction(()) if capability.condition is None else capability.condition
    first, *_ = parts = conjuncts(condition)
    head = replace(capability, condition=None if closed_names(first) is None else first)
    unnamed = unnamed_arguments(first, scope.variables)
    if unnamed:
        return f"{head}, but {unnamed}"
    return f"{head} only if {explain_failure_in(condition, scope) or format_caveat(conjunction(parts))}"


def failed(chain: VerifiedChain, index: int, place: int, variables: Mapping[str, Any], error: str = "") -> str:
    """Say which caveat of hop `index` did not hold, and the values that it read, or the error that it met."""
    expression = decode_caveats(chain.link.up()[index].block.caveats)[place]
    if error:
        return f"{format_caveat(expression)}: {error}"
    return explain_failure(expression, variables)


def asked(request: Request) -> str:
    """Name what was asked for, arguments aside."""
    if request.resource is None:
        return f"`{shown(request.action)}`"
    return f"`{shown(request.action)}` on `{shown(request.resource)}`"
