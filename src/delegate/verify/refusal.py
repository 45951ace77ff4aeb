"""The words of a refusal: which capability or caveat, and the values that it read. Built only when refusing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegate.caveats import explain_failure
from delegate.caveats import format as format_caveat
from delegate.chain.capability import capability_texts, decode_caveats
from delegate.chain.request import Request
from delegate.chain.text import shown
from delegate.verify.verified import VerifiedChain


def missing(chain: VerifiedChain, index: int, request: Request) -> str:
    """Say what was asked, and what hop `index` permits instead."""
    permitted = ", ".join(capability_texts(chain.link.up()[index].block.can))
    return f"{asked(request)} is not among what it permits: {permitted}"


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
