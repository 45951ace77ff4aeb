"""The words of a refusal: which capability or caveat, and the values that it read. Built only when refusing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from delegate.core.chain.compiled import compile_capabilities
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.decide.evidence import Evidence, Where
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError
from delegate.explain.conditions import explain_failure, explain_failure_in, unnamed_arguments
from delegate.language.capability import Capability, capability_texts, decode_capabilities, decode_caveats
from delegate.language.closed import closed_names
from delegate.language.needs import decode_needs
from delegate.language.printer import format_expression as format_caveat
from delegate.language.tree import conjunction, conjuncts


def in_words(evidence: Evidence, chain: VerifiedChain, request: Request, policy: Sequence[str] = ()) -> str:
    """Put into words what refused a request.

    Args:
        evidence: what the core found.
        chain: the chain that it found it in.
        request: the request.
        policy: the service's own conditions, as text.

    Cost: evaluates the condition again, part by part, with steps of its own.
    """
    hop, place, variables, error = evidence.hop, evidence.place, evidence.variables, evidence.error
    match evidence.where:
        case Where.ROOT:
            return f"the root {chain.root.principal.name} is not trusted for this request"
        case Where.CAPABILITIES:
            return missing(chain, hop, request, variables)
        case Where.CAVEAT:
            return failed(chain, hop, place, variables, error)
        case Where.NEED:
            condition = decode_needs(chain.link.up()[hop].block.needs)[place].condition
            return f"{evidence.party}'s: {explain_failure(condition.expression, variables)}"
        case Where.POLICY:
            return f"{policy[place]}: {error}" if error else policy[place]


def missing(chain: VerifiedChain, index: int, request: Request, variables: Mapping[str, Any]) -> str:
    """Name the request, and under which capability of hop `index` it falls but for the condition, or what is there."""
    can = chain.link.up()[index].block.can
    scope = Scope(dict(variables))
    near: list[str] = []
    with suppress(CaveatError):  # no steps are left to look at more of them
        near += (unmet(capability, scope) for capability in covering(can, request, scope))
    if near:
        return f"{request_name(request)} is permitted by {'; and by '.join(near)}"
    return none_covers(can, request)


def none_covers(can: bytes, request: Request) -> str:
    """Name the request, and all that is permitted instead."""
    return f"{request_name(request)} is not among what it permits: {', '.join(capability_texts(can))}"


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


def request_name(request: Request) -> str:
    """Name the request, arguments aside."""
    if request.resource is None:
        return f"`{shown(request.action)}`"
    return f"`{shown(request.action)}` on `{shown(request.resource)}`"
