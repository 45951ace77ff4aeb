"""OpenTelemetry: what was decided, on whose authority, in the traces and metrics that a service has anyway.

    guard = Guard(verifier, origin=origin, observe=record)     # or record(decision) wherever there is one

The rules of this file:

- Never a token, a key, a proof, an argument or a resource: names, counts and the closed list of reasons.
- Names stand on a span only where a verified chain gave them. Metrics have no names at all: there are too many.
- A decision that nobody traces costs no more than asking whether somebody does.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

try:
    from opentelemetry import metrics, trace
except ImportError as error:
    message = f"this needs `opentelemetry-api`: pip install 'delegate-token[otel]' ({error})"
    raise ImportError(message) from None

from delegate.verifier.decision import Decision

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram

SCOPE: Final = "delegate"
EVENT: Final = "delegate.decision"


def record(decision: Decision, *, seconds: float | None = None) -> None:
    """Record a decision: attributes and one event on the current span, and in the metrics.

    The attributes: `delegate.decision` (`allowed` or `refused`), `delegate.reason` and `delegate.hop` where it was
    refused, and where a chain was verified `delegate.origin`, `delegate.holder`, `gen_ai.agent.name` (the holder too)
    and `delegate.hops`, how many there are. The metrics: a counter `delegate.decisions` by decision and reason, a
    histogram `delegate.chain.hops`, and a histogram `delegate.decision.duration` where `seconds` is given.

    Args:
        decision: by a verifier, or by a holder that asked its own chain: that one has no names.
        seconds: how long it took, where somebody has measured it.
    """
    found: dict[str, str | int] = {"delegate.decision": "allowed" if decision.allowed else "refused"}
    if decision.reason is not None:
        found["delegate.reason"] = str(decision.reason)
    counted = dict(found)
    if decision.hop is not None:
        found["delegate.hop"] = decision.hop
    chain = decision.chain
    counter, lengths, durations = _instruments()
    if chain is not None:
        holder = chain.link.block.holder
        found |= {
            "delegate.origin": chain.originator,
            "delegate.holder": holder,
            "delegate.hops": chain.link.hop + 1,
            "gen_ai.agent.name": holder,
        }
        lengths.record(chain.link.hop + 1, counted)
    counter.add(1, counted)
    if seconds is not None:
        durations.record(seconds, counted)
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(found)
        span.add_event(EVENT, found)


@cache
def _instruments() -> tuple[Counter, Histogram, Histogram]:
    meter = metrics.get_meter(SCOPE)  # by proxy: a provider that is set later serves these too
    return (
        meter.create_counter("delegate.decisions", unit="{decision}", description="Requests decided."),
        meter.create_histogram("delegate.chain.hops", unit="{hop}", description="Hops of the chains presented."),
        meter.create_histogram("delegate.decision.duration", unit="s", description="How long a decision took."),
    )
