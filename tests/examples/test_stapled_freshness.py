"""Stapled freshness: a service without a list hears from the holder, in a revoker's words, that nothing was revoked."""

from __future__ import annotations

import pytest

from delegate import Holder, Identity, Reason, Request, RevokedBlock, StateError, Verifier

NOW = 1_790_000_000
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
REVOKER = Identity.from_seed("svc:revoker.example.com", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)
READ = Request("files.read", "/reports/q3.csv")


def service(now: int = NOW) -> Verifier:
    """A service that knows the revoker, and has no list of its."""
    return Verifier([ALICE.principal], audience="files", revokers=[REVOKER.principal], clock=lambda: now)


def held() -> Holder:
    """A chain that wants to be looked up within the hour."""
    token = ALICE.mint(to=WORKER.principal, can="files.read **", ttl="8h", hops=1, fresh="1h", now=NOW)
    return Holder(WORKER, token)


def test_a_staple_stands_in_for_a_list() -> None:
    """Refused without; allowed with it until it is an hour old."""
    holder = held()
    with pytest.raises(StateError) as caught:
        service().authorize(holder.prove(READ, "files", now=NOW), READ)
    assert (caught.value.reason, caught.value.hop) == (Reason.REVOCATION_STALE, 0)
    staple = REVOKER.staple(holder.token, ttl="2h", now=NOW)
    for now, allowed in ((NOW, True), (NOW + 3600, True), (NOW + 3601, False)):
        presentation = holder.prove(READ, "files", discharges=[staple], now=now)
        decision = service(now).decide(presentation, READ)
        assert decision.allowed == allowed
        assert allowed or decision.reason is Reason.REVOCATION_STALE


def test_a_staple_is_for_the_chain_that_was_looked_up() -> None:
    """A sub-agent was revoked; the staple of the chain above it, which was not, does not serve it."""
    holder = held()
    child = holder.spawn("agent:helper", now=NOW)
    staple = REVOKER.staple(holder.token, ttl="2h", now=NOW)
    presentation = child.prove(READ, "files", discharges=[staple], now=NOW)
    assert service().decide(presentation, READ).reason is Reason.DISCHARGE_MISMATCH


def test_a_record_counts_whatever_a_staple_says() -> None:
    """The service has an old list that takes the block back: newer words do not undo it."""
    holder = held()
    block = RevokedBlock(holder.token.link.id, until=holder.token.link.expires)
    old = REVOKER.revoke(blocks=[block], ttl="30m", now=NOW)
    files = service(NOW + 3000)
    files.accept_revocations(old)
    staple = REVOKER.staple(holder.token, ttl="2h", now=NOW + 3000)
    presentation = holder.prove(READ, "files", discharges=[staple], now=NOW + 3000)
    assert files.decide(presentation, READ).reason is Reason.REVOKED
