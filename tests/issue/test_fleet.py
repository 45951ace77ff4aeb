"""Many agents over an hour, and several issuers behind one store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delegate import Identity
from delegate.errors import Reason
from delegate.holder import IssuedHolder
from delegate.issue import Issuer, NotIssued, Policy
from delegate.issue.client import Asking, Renewal, Wanted
from delegate.state import State, connect
from tests import servers
from tests.issue.test_client import Login, Wire
from tests.issue.world import ISSUER, NOW, POLICY, URL, Provider, World


def test_agents_over_an_hour() -> None:
    """Twenty agents renew for an hour, and the issuer is down for a while: none is ever without a chain."""
    world = World()
    wire = Wire(world)
    beside: list[Callable[[], None]] = []
    clock = lambda: world.now  # noqa: E731 - a clock is a function
    agents = []
    for number in range(20):
        identity = Identity.generate(f"agent:a{number}")
        asking = Asking(url=URL, identity=identity, source=Login(world), wanted=Wanted(), clock=clock, fetch=wire.fetch)
        share = number / 20
        renewal = Renewal(asking, clock=clock, jitter=lambda share=share: share, beside=beside.append)  # type: ignore[misc]
        agents.append(IssuedHolder(identity, renewal, may_wait=False))
    issued = len(world.events)
    for second in range(10, 3601, 10):
        world.now = NOW + second
        wire.lost = 1000 <= second < 1200  # shorter than what is left of a chain when it is due
        for agent in agents:
            assert agent.token.expires > world.now
        while beside:
            beside.pop(0)()
    renewed = len(world.events) - issued
    assert 20 * 5 <= renewed <= 20 * 7
    assert len({event.block_id for event in world.events}) == len(world.events)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store that processes share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/issuer.db"
        return
    with servers.postgres_server() as server:
        yield server.url


def test_what_one_issuer_took_the_other_does_not(url: str) -> None:
    """Two issuers behind one store: a proof and an unbound token are good once, at whichever."""

    def issuer(state: State, clock: int) -> Issuer:
        policy = Policy.parse(POLICY, fetch=Provider().fetch)
        return Issuer(policy, ISSUER, replay=state.replay, clock=lambda: clock)

    import time

    with connect(url, deadline=20.0) as one, connect(url, deadline=20.0) as two:
        world = World()
        world.now = now = int(time.time()) + 60
        issuers = [issuer(state, now) for state in (one, two)]
        bound = world.provider.token(iat=now, exp=now + 600)
        proof = world.proof()
        assert issuers[0].exchange(world.form(bound), dpop=[proof]).grant == "reports"
        with pytest.raises(NotIssued) as caught:
            issuers[1].exchange(world.form(bound), dpop=[proof])
        assert caught.value.reason is Reason.REPLAYED
        unbound = world.form(world.provider.token(sub="ci", nonce=None, iat=now, exp=now + 600), nonce_salt="")
        assert issuers[1].exchange(unbound, dpop=[world.proof()]).grant == "ci"
        with pytest.raises(NotIssued) as caught:
            issuers[0].exchange(unbound, dpop=[world.proof()])
        assert caught.value.reason is Reason.REPLAYED
