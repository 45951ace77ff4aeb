"""What a trace and a metric say of a decision, and what they never say."""

from __future__ import annotations

import json

import pytest

from delegate import Request
from tests.integrations import world

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delegate.integrations import opentelemetry
from delegate.integrations.guard import CallGuard

PAY = Request.tool("pay", {"amount": 90071992, "note": "s3cret"})


def spans(*presented: object) -> tuple[ReadableSpan, ...]:
    """Decide within a span each, and give the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    guard = CallGuard(world.verifier(), observe=opentelemetry.record)
    for each in presented:
        with provider.get_tracer("test").start_as_current_span("call"):
            guard.decide(each, PAY)
    provider.shutdown()
    return exporter.get_finished_spans()


def test_a_span_says_who_acts_for_whom_and_what_was_decided() -> None:
    """As attributes, and as one event."""
    allowed, refused = world.holder("pay"), world.holder("pay if args.amount <= 500")
    yes, no, nothing = spans(world.proof(allowed, PAY), world.proof(refused, PAY), None)
    names = {
        "delegate.origin": "user:alice@example.com",
        "delegate.holder": "agent:worker",
        "delegate.hops": 2,
        "gen_ai.agent.name": "agent:worker",
    }
    assert dict(yes.attributes or {}) == {"delegate.decision": "allowed", **names}
    why = {"delegate.decision": "refused", "delegate.reason": "capability_missing", "delegate.hop": 1}
    assert dict(no.attributes or {}) == why | names
    assert dict(nothing.attributes or {}) == {"delegate.decision": "refused", "delegate.reason": "nothing_presented"}
    for each in (yes, no, nothing):
        assert [event.name for event in each.events] == ["delegate.decision"]
        assert dict(each.events[0].attributes or {}) == dict(each.attributes or {})


def test_names_that_no_signature_bears_out_are_not_recorded() -> None:
    """A chain of nobody's root, and a token that is cut off."""
    worker = world.holder("pay")
    text = world.proof(worker, PAY).to_text()
    eve = world.MALLORY.mint(to=world.WORKER.principal, can="pay", ttl="1h")
    for span in spans(world.WORKER.prove(eve, PAY, world.AUDIENCE), text[:-20], "dlgt_x"):
        assert "delegate.origin" not in (span.attributes or {})
        assert "delegate.holder" not in (span.attributes or {})


def test_nothing_of_the_request_or_the_token_is_recorded() -> None:
    """Traces are read by many."""
    holder = world.holder("pay if args.amount <= 500")
    presentation = world.proof(holder, PAY)
    (span,) = spans(presentation)
    said = span.to_json()
    for secret in ("s3cret", "90071992", presentation.to_text()[5:60], holder.token.to_text()[5:60]):
        assert secret not in said


def test_metrics_count_by_reason_and_have_no_names() -> None:
    """Whichever provider is set, and whenever."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    guard = CallGuard(world.verifier())
    outcome = guard.decide(world.proof(world.holder("pay"), PAY), PAY)
    assert outcome.decision is not None
    opentelemetry.record(outcome.decision, seconds=0.25)
    opentelemetry.record(outcome.decision)
    opentelemetry.record(world.holder("pay if args.amount <= 5").may(PAY))
    data = reader.get_metrics_data()
    assert data is not None
    said = json.loads(data.to_json())["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    found = {each["name"]: each["data"]["data_points"] for each in said}
    assert {(each["attributes"]["delegate.decision"], each["value"]) for each in found["delegate.decisions"]} == {
        ("allowed", 2),
        ("refused", 1),
    }
    assert [each["sum"] for each in found["delegate.decision.duration"]] == [0.25]
    assert [each["sum"] for each in found["delegate.chain.hops"]] == [4]
    assert "alice" not in data.to_json()
    assert "worker" not in data.to_json()
