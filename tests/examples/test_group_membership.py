"""Group membership: an identity provider says who is on call, and the grant is for those."""

from __future__ import annotations

from delegate import Discharge, Holder, Identity, Reason, Request, Verifier, need

NOW = 1_790_000_000
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PROVIDER = Identity.from_seed("svc:idp.example.com", b"\x02" * 32)
CAROL = Identity.from_seed("user:carol@example.com", b"\x03" * 32)
RESTART = Request("restart", "/prod/web")
ON_CALL = "said.key == holder.key && 'oncall' in said.groups"


def service(now: int = NOW) -> Verifier:
    """The service knows the identity provider's key."""
    return Verifier([ALICE.principal], audience="ops", third_parties=[PROVIDER.principal], clock=lambda: now)


def member(holder: Holder, groups: list[str]) -> Discharge:
    """The provider's claims about who asks, signed."""
    says = {"key": holder.identity.public_key.thumbprint.hex(), "sub": holder.identity.name, "groups": groups}
    return PROVIDER.discharge(holder.asks()[0], says=says, ttl="1h", now=NOW)


def test_whoever_is_on_call_may_restart() -> None:
    """Refused without the claims; allowed with them, for an hour, as often as wanted; refused without the group."""
    wanted = need(PROVIDER.principal, condition=ON_CALL, max_age="1h", standing=True)
    token = ALICE.mint(to=CAROL.principal, can="restart /prod/*", ttl="8h", needs=wanted, now=NOW)
    holder = Holder(CAROL, token)
    ops = service()
    assert ops.decide(holder.prove(RESTART, "ops", now=NOW), RESTART).reason is Reason.DISCHARGE_MISSING
    claims = member(holder, ["staff", "oncall"])
    for _ in range(2):
        assert ops.decide(holder.prove(RESTART, "ops", discharges=[claims], now=NOW), RESTART).allowed
    staff = member(holder, ["staff"])
    assert (
        ops.decide(holder.prove(RESTART, "ops", discharges=[staff], now=NOW), RESTART).reason
        is Reason.DISCHARGE_REFUSED
    )
    later = NOW + 3600
    expired = service(later).decide(holder.prove(RESTART, "ops", discharges=[claims], now=later), RESTART)
    assert expired.reason is Reason.DISCHARGE_EXPIRED


def test_membership_is_not_handed_on() -> None:
    """An agent below carol brings her claims: they are about her key."""
    wanted = need(PROVIDER.principal, condition=ON_CALL, standing=True)
    token = ALICE.mint(to=CAROL.principal, can="restart /prod/*", ttl="8h", hops=1, needs=wanted, now=NOW)
    holder = Holder(CAROL, token)
    child = holder.spawn("agent:helper", now=NOW)
    presentation = child.prove(RESTART, "ops", discharges=[member(holder, ["oncall"])], now=NOW)
    assert service().decide(presentation, RESTART).reason is Reason.DISCHARGE_REFUSED
