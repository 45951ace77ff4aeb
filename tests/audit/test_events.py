"""Events: one a decision, with all that says on whose authority and through whom, and nothing that acts."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delegate import AsyncVerifier, Identity, Request, RevokedBlock, StateError, directory, need
from delegate.audit import (
    AuditEvent,
    JsonLines,
    Known,
    Log,
    Logging,
    NotesToLog,
    OpenTelemetry,
    Recorder,
    keep_arguments,
    traced,
)
from delegate.audit.events import Claimed, Kind, read, salted
from delegate.audit.narrowing import granted_by
from delegate.audit.routes import Route
from delegate.core.wire import cbor
from delegate.errors import DelegateError, Reason, TokenError
from delegate.state import connect
from tests.audit.conftest import (
    ALICE,
    NOW,
    PLANNER,
    READ,
    ROUTE,
    SERVICE,
    TOKEN,
    TOO_LARGE,
    WORKER,
    event,
    proof,
    refused,
    verifier,
)


class Kept:
    """A sink that keeps what it takes."""

    required = False

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def take(self, event: AuditEvent) -> None:
        """Keep it."""
        self.events.append(event)


class Broken(Kept):
    """A sink that takes nothing."""

    def __init__(self, *, required: bool, error: Exception) -> None:
        super().__init__()
        self.required = required
        self.error = error

    def take(self, event: AuditEvent) -> None:
        """Fail."""
        raise self.error


@pytest.fixture
def kept() -> Kept:
    """A sink."""
    return Kept()


def test_an_allowed_request_gives_an_event(kept: Kept) -> None:
    """With all that an investigator asks for."""
    presented = proof()
    granted = verifier(audit=kept).authorize(presented, READ)
    (found,) = kept.events
    assert (found.kind, found.time, found.service, found.tenant) == (Kind.DECISION, NOW + 10, SERVICE, "")
    assert (found.originator, found.holder, found.purpose) == (ALICE.name, WORKER.name, "quarterly report")
    assert (found.action, found.resource, found.args) == ("files.read", "/reports/q3.csv", None)
    assert (found.outcome, found.reason, found.hop, found.condition) == ("allowed", None, None, None)
    assert (found.proof_id, found.block_ids) == (granted.proof_id, granted.block_ids)
    assert [(hop.signer, hop.name, hop.vouched) for hop in found.hops] == [
        (ALICE.name, PLANNER.name, None),
        (PLANNER.name, WORKER.name, None),
    ]
    assert found.is_of(READ.digest)
    assert not found.is_of(TOO_LARGE.digest)
    assert found.claimed is None


def test_a_refused_request_gives_an_event_that_says_why(kept: Kept) -> None:
    """Which hop, and which of its conditions; none of the values that it read."""
    with pytest.raises(DelegateError):
        verifier(audit=kept).authorize(proof(TOO_LARGE), TOO_LARGE)
    (found,) = kept.events
    assert (found.outcome, found.reason, found.hop) == ("refused", "caveat_failed", 1)
    assert found.condition_text() == "args.size < 1000"
    assert "5000" not in json.dumps(found.to_json())


def test_a_service_s_own_condition_is_named(kept: Kept) -> None:
    """As the service wrote it."""
    with pytest.raises(DelegateError):
        verifier(audit=kept, policy=["!has(args.size)"]).authorize(proof(), READ)
    assert kept.events[0].reason == "policy_failed"
    assert kept.events[0].condition_text() == "!has(args.size)"


def test_no_token_key_or_signature_is_in_an_event(kept: Kept) -> None:
    """Nor in any form of it: neither bytes, nor JSON, nor lines."""
    presented = proof()
    verifier(audit=kept).authorize(presented, READ)
    found = kept.events[0]
    assert found.route is not None
    forms = found.encode() + found.route.encoded
    text = json.dumps(found.to_json()) + repr(found)
    secrets = [signed[-64:] for signed in TOKEN.blocks]
    secrets += [each.public_key.raw for each in (ALICE, PLANNER, WORKER)]
    for secret in secrets:
        assert secret not in forms
        assert secret.hex() not in text
    assert presented[5:60] not in text


def test_names_say_who_bears_them_out(kept: Kept) -> None:
    """The root's by itself, the verifier's principals, a directory; others are their signer's word."""
    token = ALICE.mint(to=ALICE.principal, can="files.read /**", ttl="1h", hops=1, now=NOW)
    token = ALICE.attenuate(token, to=WORKER.principal, now=NOW)
    known = Known("agent:worker", sponsor="user:bob@example.com", owner="team:files")
    one = verifier(audit=Recorder(kept, look_up={WORKER.public_key.thumbprint: known}.get))
    two = verifier(audit=kept, principals=[WORKER.principal])
    for each in (one, two):
        each.authorize(proof(token=token), READ)
    first, second = kept.events
    assert [hop.vouched for hop in first.hops] == ["root", "directory"]
    assert [hop.vouched for hop in second.hops] == ["root", "verifier"]
    assert (first.hops[1].sponsor, first.hops[1].owner) == ("user:bob@example.com", "team:files")


def test_a_directory_says_who_answers_for_a_hop(kept: Kept, tmp_path: Path) -> None:
    """Sponsor and owner of every hop that it knows; a name that may no longer act is not borne out."""
    clock = [NOW + 10]
    with directory.connect(f"sqlite:///{tmp_path}/who.db", clock=lambda: clock[0], deadline=20.0) as who:
        who.add(PLANNER.principal, sponsor="user:bob@example.com", owner="svc:platform")
        one = verifier(audit=kept, directory=who, clock=lambda: clock[0], proof_window="1h")
        one.authorize(proof(), READ)
        who.disable("agent:planner", why="laptop stolen")
        clock[0] += 61
        one.authorize(proof(), READ)
    first, second = kept.events
    assert [(hop.vouched, hop.sponsor, hop.owner) for hop in first.hops] == [
        ("directory", "user:bob@example.com", "svc:platform"),
        (None, None, None),
    ]
    assert [(hop.vouched, hop.sponsor) for hop in second.hops] == [
        (None, "user:bob@example.com"),
        (None, None),
    ]


def test_facts_charges_and_approvers_are_in_an_event(kept: Kept, tmp_path: Path) -> None:
    """Code, model and run as the chain says them, what was charged, who confirmed."""
    bob = Identity.generate("user:bob@example.com")
    token = ALICE.mint(
        to=WORKER.principal,
        can="pay",
        ttl="1h",
        now=NOW,
        who={"code": "sha256:ab", "model": "m-1", "run": "r-7"},
        budget={"usd_cents": 1000, "calls": 5},
        needs=[need([bob.principal])],
    )
    request = Request("pay", args={"amount": 5})
    with connect(f"sqlite:///{tmp_path}/state.db", deadline=20.0) as state:
        shop = verifier(audit=kept, state=state, third_parties=[bob.principal], replay=None)
        asks = shop.decide(WORKER.prove(token, request, SERVICE, now=NOW + 10), request, cost={"usd_cents": 20}).asks
        discharge = bob.discharge(asks[0], says={"approved": True}, ttl="5m", now=NOW + 10)
        presented = WORKER.prove(token, request, SERVICE, discharges=[discharge], now=NOW + 10)
        allowed = shop.decide(presented, request, cost={"usd_cents": 20})
    found = kept.events[-1]
    assert found.allowed is allowed.allowed
    if allowed.allowed:
        assert found.charges == {"calls": 1, "usd_cents": 20}
    assert found.approvers == ("user:bob@example.com",)
    assert found.hops[0].who == {"code": "sha256:ab", "model": "m-1", "run": "r-7"}


def test_arguments_are_kept_where_the_service_asks_and_as_it_redacts(kept: Kept) -> None:
    """All, some, none; and none where its function fails or keeps too much."""
    request = Request("files.read", "/reports/q3.csv", {"size": 10, "password": "hunter2", "ratio": 0.5})

    def fails(request: Request) -> dict[str, object]:
        raise RuntimeError(request.action)

    cases = [
        (None, None),
        (keep_arguments("size"), {"size": 10}),
        (keep_arguments(), {"size": 10, "password": "hunter2", "ratio": 0.5}),
        (lambda _: None, None),
        (fails, None),
        (lambda _: {"size": object()}, None),
        (lambda _: {"size": "x" * 40_000}, None),
    ]
    for arguments, expected in cases:
        recorder = Recorder(kept, arguments=arguments)
        verifier(audit=recorder).authorize(proof(request), request)
        assert kept.events[-1].args == expected
        assert read(kept.events[-1].encode()).event(ROUTE).args == expected


def test_a_preview_and_a_look_at_a_chain_are_no_decisions(kept: Kept) -> None:
    """Nobody acts on them."""
    one = verifier(audit=kept)
    one.preview(TOKEN, READ)
    one.verify_chain(TOKEN)
    assert kept.events == []


def test_strangers_cannot_fill_a_log(kept: Kept) -> None:
    """Of refusals before a chain was verified so many a minute are written; the rest is counted in the next."""
    clock = [NOW]
    recorder = Recorder(kept, unverified_per_minute=3)
    one = verifier(audit=recorder, clock=lambda: clock[0])
    stranger = Identity.generate("user:mallory@example.com")
    token = stranger.mint(to=WORKER.principal, can="files.read /**", ttl="1h", now=NOW)
    for _ in range(10):
        assert not one.decide(WORKER.prove(token, READ, SERVICE, now=NOW), READ).allowed
    assert len(kept.events) == 3
    assert recorder.omitted == 7
    assert all(each.claimed == Claimed("user:mallory@example.com", "agent:worker") for each in kept.events)
    assert all(each.originator is None and each.hops == () for each in kept.events)
    clock[0] += 60
    for rubbish in ("dlgp_", "", "dlgt_AAAA", b"\xff", None):
        one.decide(rubbish, READ)
    assert [each.omitted for each in kept.events[3:]] == [7, 0, 0]
    assert [each.claimed for each in kept.events[3:]] == [None, None, None]
    one.decide(proof(), READ)
    assert kept.events[-1].route is not None


def test_what_a_required_sink_did_not_take_is_refused(kept: Kept) -> None:
    """And the other sinks hear that it was."""
    errors = [
        RuntimeError("secret words"),
        StateError(Reason.STATE_UNAVAILABLE, "the disk is full"),
        OSError(28, "full"),
    ]
    for error in errors:
        broken = Broken(required=True, error=error)
        decision = verifier(audit=[kept, broken]).decide(proof(), READ)
        assert (decision.allowed, decision.reason) == (False, Reason.STATE_UNAVAILABLE)
        assert decision.http_status == 503
        assert "secret words" not in decision.detail
        assert (kept.events[-1].allowed, kept.events[-1].reason) == (False, "state_unavailable")
        with pytest.raises(StateError):
            verifier(audit=broken).authorize(proof(), READ)


def test_a_sink_that_is_not_required_is_counted_and_no_matter_of_the_request(kept: Kept) -> None:
    """The others still hear of it."""
    recorder = Recorder(Broken(required=False, error=RuntimeError()), kept)
    assert verifier(audit=recorder).decide(proof(), READ).allowed
    assert recorder.failures == 1
    assert len(kept.events) == 1


def test_an_async_verifier_does_the_same(kept: Kept, log: Log) -> None:
    """With sinks that wait and without, and the loop goes on meanwhile."""
    log.required = True

    async def run() -> list[bool]:
        given_ = {"audience": SERVICE, "clock": lambda: NOW + 10}
        found = []
        for audit in (kept, [kept, log], [kept, Broken(required=True, error=OSError())]):
            one = AsyncVerifier([ALICE.principal], audit=audit, **given_)  # type: ignore[arg-type]
            found.append((await one.decide(proof(), READ)).allowed)
        return found

    assert asyncio.run(run()) == [True, True, False]
    assert [each.allowed for each in kept.events] == [True, True, False]
    assert log.size == 1


@pytest.mark.parametrize("audit", [[], 5, "log", [5], object()])
def test_what_is_no_sink(audit: object) -> None:
    """Is said when the verifier is made."""
    with pytest.raises((TypeError, ValueError), match=r"sink|audit"):
        verifier(audit=audit)


def test_recorders_are_set_up_sensibly(kept: Kept) -> None:
    """A number of refusals that is none."""
    with pytest.raises(ValueError, match="unverified_per_minute"):
        Recorder(kept, unverified_per_minute=-1)


def test_what_is_handed_out_and_taken_back_gives_events_too(kept: Kept) -> None:
    """By identities that have a journal: with the block, who signed it, and who got it."""
    notes = NotesToLog(kept, name=ALICE.name, clock=lambda: NOW)
    alice = Identity.from_seed(ALICE.name, bytes(32), journal=notes)
    planner = Identity.from_seed(PLANNER.name, b"p" * 32, journal=notes)
    token = alice.mint(to=PLANNER.principal, can="files.read /**", ttl="1h", hops=1, now=NOW)
    narrower = planner.attenuate(token, to=WORKER.principal, now=NOW)
    alice.revoke(blocks=[RevokedBlock.of(narrower)], now=NOW)
    assert [(each.kind, each.service, each.action) for each in kept.events] == [
        (Kind.MINT, ALICE.name, "delegate.mint"),
        (Kind.ATTENUATE, PLANNER.name, "delegate.attenuate"),
        (Kind.REVOKE, ALICE.name, "delegate.revoke"),
    ]
    assert kept.events[0].resource == token.link.id.hex()
    assert kept.events[2].resource == narrower.link.id.hex()
    assert [hop.name for hop in kept.events[1].hops] == [PLANNER.name, WORKER.name]
    assert all(read(each.encode()).event(each.route) == each for each in kept.events)
    broken = Broken(required=True, error=StateError(Reason.STATE_UNAVAILABLE, "full"))
    with pytest.raises(StateError):
        Identity.from_seed(ALICE.name, bytes(32), journal=NotesToLog(broken)).mint(
            to=PLANNER.principal, can="files.read /**", ttl="1h"
        )


# Sinks.


def test_json_lines_go_to_files_and_streams(tmp_path: Path) -> None:
    """One line an event, added to what is there, in a file that is its owner's alone."""
    path = tmp_path / "audit.jsonl"
    for required in (False, True):
        with JsonLines(path, required=required) as sink:
            verifier(audit=sink).authorize(proof(), READ)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["allowed", "allowed"]
    assert path.stat().st_mode & 0o777 == 0o600
    stream = io.StringIO()
    verifier(audit=JsonLines(stream)).authorize(proof(), READ)
    assert json.loads(stream.getvalue())["originator"] == ALICE.name
    with pytest.raises(ValueError, match="give a path"):
        JsonLines(stream, required=True)


def test_json_lines_refuse_what_cannot_be_written(tmp_path: Path) -> None:
    """A file that is closed, a disk that is full, a link."""
    sink = JsonLines(tmp_path / "audit.jsonl", required=True)
    sink.close()
    assert not verifier(audit=sink).decide(proof(), READ).allowed
    if os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        full = JsonLines(tmp_path / "other.jsonl", required=True)
        os.dup2(os.open("/dev/full", os.O_WRONLY), full._handle or 0)
        assert not verifier(audit=full).decide(proof(), READ).allowed
        full.close()
    (tmp_path / "link").symlink_to(tmp_path / "audit.jsonl")
    with pytest.raises(OSError, match="link"):
        JsonLines(tmp_path / "link")


def test_half_a_line_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk was full for a moment: what was acknowledged before and after stands in lines of its own."""
    path = tmp_path / "audit.jsonl"
    sink = JsonLines(path, required=True)
    sink.take(event(1))
    whole = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: whole(handle, data[:40]))
    with pytest.raises(OSError, match="in part"):
        sink.take(event(2))
    monkeypatch.undo()
    for number in (3, 4):
        sink.take(event(number))
    lines = path.read_text().splitlines()
    assert [json.loads(lines[at])["time"] - NOW for at in (0, 2, 3)] == [1, 3, 4]
    assert len(lines) == 4


def test_logging_gets_a_line_and_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Allowed as information, refused as a warning."""
    caplog.set_level(logging.INFO)
    one = verifier(audit=Logging())
    one.decide(proof(), READ)
    one.decide(proof(TOO_LARGE), TOO_LARGE)
    one.decide("dlgp_AAAA", READ)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert caplog.messages[0] == (
        "allowed: user:alice@example.com → agent:planner → agent:worker: files.read /reports/q3.csv"
    )
    assert "caveat_failed at hop 1" in caplog.messages[1]
    assert "somebody" in caplog.messages[2]
    assert caplog.records[0].delegate["holder"] == WORKER.name  # type: ignore[attr-defined]


def test_open_telemetry_gets_a_span(kept: Kept) -> None:
    """Below the current one, whose trace the event names."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    one = verifier(audit=[kept, OpenTelemetry(tracer)])
    with tracer.start_as_current_span("request") as outer:
        one.decide(proof(), READ)
        one.decide(proof(TOO_LARGE), TOO_LARGE)
        context = outer.get_span_context()
    allowed, refusal, _ = exporter.get_finished_spans()
    assert allowed.name == "delegate.decision"
    assert allowed.attributes is not None
    assert refusal.attributes is not None
    assert allowed.attributes["delegate.originator"] == ALICE.name
    assert "delegate.reason" not in allowed.attributes
    assert refusal.attributes["delegate.reason"] == "caveat_failed"
    assert allowed.context is not None
    assert allowed.context.trace_id == context.trace_id
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert [each.traceparent for each in kept.events] == [expected, expected]
    assert otel.get_current_span().get_span_context().is_valid is False
    assert OpenTelemetry().required is False


def test_a_trace_can_be_named(kept: Kept) -> None:
    """Where there is no OpenTelemetry."""
    name = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    one = verifier(audit=kept)
    with traced(name):
        one.decide(proof(), READ)
    one.decide(proof(), READ)
    assert [each.traceparent for each in kept.events] == [name, None]
    with pytest.raises(ValueError, match="traceparent"), traced("00-xyz"):
        pass


# Bytes.


@pytest.mark.parametrize(
    "made",
    [
        event(1),
        refused(2, condition=(2, 0)),
        refused(3, reason="policy_failed", hop=None, condition="!has(args.force)"),
        event(4, charges={"calls": 1}, approvers=("user:bob@example.com",), args={"a": [1, None, b"x", 0.5]}),
        refused(5, reason="unknown_root", route=None, claimed=Claimed("user:a@b.example", "agent:x"), omitted=9),
        event(6, tenant="acme", resource=None, traceparent="00-" + "0" * 32 + "-" + "0" * 16 + "-01"),
    ],
)
def test_an_event_reads_as_it_was_written(made: AuditEvent) -> None:
    """Every field of it."""
    assert read(made.encode()).event(made.route) == made
    assert json.dumps(made.to_json())


def test_an_event_has_a_bound() -> None:
    """An entry bundle counts lengths in two bytes."""
    with pytest.raises(ValueError, match="bytes"):
        event(0, action="x" * 70_000).encode()


def changed(place: int, value: object) -> bytes:
    """An event's bytes with one field changed."""
    row = cbor.decode(event(0).encode())
    assert isinstance(row, list)
    return cbor.encode([*row[:place], value, *row[place + 1 :]])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2), (0, True), (1, 9), (1, -1), (2, "x"), (5, b"short"), (6, None), (8, b""), (9, b"x" * 31), (10, []),
        (11, False), (12, "caveat_failed"), (13, True), (14, [1]), (14, [1, "x"]), (15, b""), (16, {"calls": "1"}),
        (17, []), (17, [1]), (19, ["one"]), (20, -1), (20, None),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(place: int, value: object) -> None:
    """Each field of another type, out of its bounds, or against another."""
    with pytest.raises(TokenError):
        read(changed(place, value))


@given(st.binary())
def test_any_bytes_are_an_event_a_route_or_refused(data: bytes) -> None:
    """Never another error."""
    for reading in (read, lambda given_: Route(given_).hops):
        try:
            reading(data)
        except DelegateError:
            continue


def test_a_salted_digest_hides_the_request() -> None:
    """Two events of one request have nothing in common by which somebody could tell."""
    assert salted(b"a" * 16, READ.digest) != salted(b"b" * 16, READ.digest)
    assert event(0).encode()[:4] == event(1).encode()[:4]


LONG = "\U00010000"


def test_every_decision_has_an_event_that_fits(tmp_path: Path) -> None:
    """Arguments give way first; the request is allowed, and in the log."""
    token = ALICE.mint(to=PLANNER.principal, can="files.read **", ttl="8h", now=NOW)
    request = Request("files.read", "/" + LONG * 8_190, {"a": "x" * 32_710})
    for required in (True, False):
        log = Log(f"sqlite:///{tmp_path}/{required}.db", required=required)
        recorder = Recorder(log, arguments=keep_arguments())
        shown = PLANNER.prove(token, request, SERVICE, now=NOW + 10)
        verifier(audit=recorder).authorize(shown, request)
        log.flush()
        found = log.event(0).event
        assert (found.args, found.resource, found.is_of(request.digest)) == (None, request.resource, True)
        assert (log.dropped, recorder.failures, log.verify().ok) == (0, 0, True)


def test_texts_are_shortened_after_that() -> None:
    """Whatever is long in it: it fits, and says where it was cut."""
    long = event(
        resource=LONG * 8_192, condition=LONG * 8_192, allowed=False, reason="caveat_failed", hop=0, args={"a": "b"},
        approvers=tuple(f"{number}{LONG * 2_000}" for number in range(40)), traceparent=LONG * 9_000,
        claimed=Claimed(LONG * 9_000, "x"), charges={f"{number:03}": 1 for number in range(5_000)},
    )  # fmt: skip
    data = long.encode()
    assert len(data) < 65_535
    found = read(data).event(ROUTE)
    assert found == long.fitted()
    assert (found.args, found.resource, found.digest) == (None, LONG * 512 + "…", long.digest)
    assert (len(found.approvers), len(found.charges)) == (16, 16)
    assert event().fitted() == event()


def test_strangers_of_one_tenant_are_no_other_tenant_s(kept: Kept) -> None:
    """One recorder, several tenants' verifiers: limits and counts are each one's own."""
    recorder = Recorder(kept, unverified_per_minute=2)
    clock = [NOW]
    first, second = (verifier(audit=recorder, tenant=name, clock=lambda: clock[0]) for name in ("a", "b"))
    for _ in range(10):
        first.decide("dlgt_AAAA", READ)
    second.decide("dlgt_AAAA", READ)
    clock[0] += 60
    second.decide("dlgt_AAAA", READ)
    first.decide("dlgt_AAAA", READ)
    assert [(each.tenant, each.omitted) for each in kept.events] == [*[("a", 0)] * 2, *[("b", 0)] * 2, ("a", 8)]
    assert recorder.omitted == 8


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (2, -1), (2, 2**63 - 1), (10, {1: 2}), (10, {"a": {1: b"x"}}), (10, {"a": [{5: 5}]}), (13, -1), (14, [99, 0]),
        (14, [2, -7]), (16, {}), (16, {1: 5}), (16, {"calls": -1}), (16, {"calls": True}),
    ],
)  # fmt: skip
def test_an_event_is_read_as_it_is_written_down(place: int, value: object) -> None:
    """Every type and range of it: what is read can be shown."""
    row = cbor.decode(refused(0).encode())
    assert isinstance(row, list)
    with pytest.raises(TokenError):
        read(cbor.encode([*row[:place], value, *row[place + 1 :]]))


@pytest.mark.parametrize(
    "claim", [b"\x80", b"\x81\x00", b"\xff", b"\x81\x82\x00\x01", cbor.encode([["a", None, 1]]), b"\x00"]
)
def test_a_route_s_claims_are_shown_or_refused(claim: bytes) -> None:
    """Whoever wrote them: a text, or an error of this library."""
    row = cbor.decode(ROUTE.encoded)
    assert isinstance(row, list)
    for place in (9, 10):
        hops = [[*row[4][0][:place], claim, *row[4][0][place + 1 :]]]
        hostile = Route(cbor.encode([*row[:4], hops]))
        found = refused(0, hop=0, condition=(2, 0), route=hostile)
        granted_by(hostile)
        for tried in (found.to_json, found.condition_text):
            with contextlib.suppress(DelegateError):
                tried()
    hops = [[*row[4][0][:11], -1, *row[4][0][12:]]]
    with pytest.raises(TokenError):
        assert Route(cbor.encode([*row[:4], hops])).hops
