"""An exchange as it should go: what is issued, for whom, for how long."""

from __future__ import annotations

import pytest

from delegate import Request, Root, StateError, Verifier
from delegate.core.decide.stores import Claim, Outcome
from delegate.errors import Reason
from delegate.issue import IssuerUnavailable, NotIssued
from delegate.issue.words import CHAIN
from tests.issue.world import AGENT, ISSUER, NOW, POLICY, SALT, THIEF, World, signed

READ = Request("files.read", "/reports/q3.csv", {"size": 10})


def verifier() -> Verifier:
    """A service that lets the issuer speak for the people of one domain."""
    root = Root(ISSUER.principal, speaks_for=["user:*@example.com"])
    return Verifier([root], audience="files.example.com", clock=lambda: NOW)


def test_a_login_becomes_a_chain_that_a_service_takes() -> None:
    """For Alice, by the issuer, to the agent's own key; what the policy does not permit is refused."""
    world = World()
    issued = world.ask()
    block = issued.token.link.block
    assert (block.issuer, block.originator, block.holder) == ("svc:issuer", "user:alice@example.com", "agent:planner")
    assert block.key == AGENT.public_key
    assert issued.token.expires == NOW + 900
    service = verifier()
    granted = service.authorize(AGENT.prove(issued.token, READ, "files.example.com", now=NOW), READ)
    assert granted.originator == "user:alice@example.com"
    large = Request("files.read", "/reports/q3.csv", {"size": 5_000_000})
    refused = service.decide(AGENT.prove(issued.token, large, "files.example.com", now=NOW), large)
    assert refused.reason is Reason.CAVEAT_FAILED


def test_the_answer_is_that_of_the_rfc() -> None:
    """The members of RFC 8693 §2.2.1, and nothing of the policy but the grant's name."""
    found = World().ask().to_json()
    assert found.keys() == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert (found["issued_token_type"], found["token_type"]) == (CHAIN, "N_A")
    assert (found["expires_in"], found["scope"]) == (900, "reports")


def test_a_chain_is_never_good_for_longer_than_the_token() -> None:
    """The token has a minute left, and so has the chain."""
    world = World()
    issued = world.ask(world.provider.token(exp=NOW + 60))
    assert (issued.token.expires, issued.expires_in_s) == (NOW + 60, 60)


@pytest.mark.parametrize(("asked", "given"), [("5m", 300), ("90", 90), ("9h", 900)])
def test_a_life_that_is_asked_for_is_cut(asked: str, given: int) -> None:
    """Shorter is given as asked; longer is as long as the policy says."""
    world = World()
    if asked == "90":
        with pytest.raises(NotIssued, match="ttl is a length of time"):
            world.ask(ttl=asked)
    else:
        assert world.ask(ttl=asked).expires_in_s == given


def test_an_audience_narrows_and_never_widens() -> None:
    """One of the grant's two services; a third is refused, and so is one of each."""
    world = World()
    assert world.ask(audience="mail.example.com").token.link.block.audience == ("mail.example.com",)
    assert world.ask().token.link.block.audience == ("files.example.com", "mail.example.com")
    for wanted in (["pay.example.com"], ["mail.example.com", "pay.example.com"]):
        form = [*world.form().items(), *(("audience", each) for each in wanted)]
        with pytest.raises(NotIssued) as caught:
            world.issuer.exchange(form, dpop=[world.proof()])
        assert (caught.value.code, caught.value.reason) == ("invalid_target", Reason.WRONG_AUDIENCE)


def test_a_grant_can_be_asked_for_by_name() -> None:
    """What somebody does not get is not given in its place."""
    world = World()
    assert world.ask(scope="reports").grant == "reports"
    for scope in ("ci", "nothing", "reports ci"):
        with pytest.raises(NotIssued) as caught:
            world.ask(scope=scope)
        assert caught.value.code == "invalid_scope"


def test_every_issuance_is_an_event() -> None:
    """Who, by whose word, bound how, to what key, and which chain: no token, no proof."""
    world = World()
    issued = world.ask()
    (event,) = world.events
    assert event.issued
    assert (event.trust, event.subject, event.binding) == ("corp", "alice-17", "nonce")
    assert (event.originator, event.agent, event.grant) == ("user:alice@example.com", "agent:planner", "reports")
    assert (event.key, event.block_id) == (AGENT.public_key.thumbprint.hex(), issued.token.id.hex())
    text = str(event.to_json())
    assert "dlgt_" not in text
    assert world.provider.token().rpartition(".")[2] not in text


def test_what_cannot_be_written_down_is_not_issued() -> None:
    """A sink that fails: the asker gets nothing."""

    def full(_: object) -> None:
        raise OSError

    with pytest.raises(IssuerUnavailable):
        World(audit=full).ask()


class _Broken:
    """A store that does not answer."""

    def claim(self, claims: list[Claim], *, now: int) -> Outcome:
        del claims, now
        raise StateError(Reason.STATE_UNAVAILABLE, "gone")


def test_without_its_store_nothing_is_issued() -> None:
    """Nobody can say whether a proof was used before."""
    with pytest.raises(IssuerUnavailable):
        World(replay=_Broken()).ask()


def test_an_unbound_token_is_good_once_and_for_one_key() -> None:
    """CI's token names no key: the grant says so, and the second to bring it gets nothing, whoever it is."""
    world = World()
    token = world.provider.token(sub="ci", nonce=None)
    assert world.ask(token, nonce_salt="").grant == "ci"
    for who in (AGENT, THIEF):
        with pytest.raises(NotIssued, match="used before") as caught:
            world.ask(token, who=who, nonce_salt="")
        assert caught.value.reason is Reason.REPLAYED
    again = signed({"alg": "ES256", "kid": "k1"}, world.provider.claims(sub="ci", nonce=None))
    assert again != token  # another signature over the same: ECDSA has many
    with pytest.raises(NotIssued, match="used before"):
        world.ask(again, nonce_salt="")


def test_a_refusal_spends_nothing() -> None:
    """A token that was brought for the wrong service is good for the right one, with the same proof."""
    world = World()
    proof = world.proof()
    with pytest.raises(NotIssued):
        world.ask(dpop=[proof], audience="pay.example.com")
    assert world.ask(dpop=[proof]).grant == "reports"
    with pytest.raises(NotIssued, match="DPoP proof was used before"):
        world.ask(dpop=[proof])


def test_keys_rotate() -> None:
    """A new key is found when a token names it; the old one stops counting when it is taken away."""
    from joserfc.jwk import OKPKey

    world = World()
    world.ask()
    new = OKPKey.generate_key("Ed25519", {"kid": "k2"})
    world.provider.keys = [dict(new.as_dict(private=False))]
    world.now += 20
    fresh = world.provider.token(new, {"alg": "EdDSA", "kid": "k2"})
    assert world.ask(fresh).grant == "reports"
    with pytest.raises(NotIssued) as caught:
        world.ask(world.provider.token())
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_made_up_key_names_are_not_passed_on() -> None:
    """A flood of tokens with unknown keys asks the provider once in ten seconds, not once a token."""
    world = World()
    world.ask()
    before = len(world.provider.asked)
    world.now += 20
    for number in range(50):
        with pytest.raises(NotIssued):
            world.ask(world.provider.token(header={"kid": f"made-up-{number}"}))
    assert len(world.provider.asked) - before == 2  # its document and its keys


def test_a_provider_that_is_down_is_ridden_out_for_an_hour() -> None:
    """Its keys go on while they are known; then nothing is issued, and that is nobody's fault who asks."""
    world = World()
    world.ask()
    world.provider.down = True
    world.now += 1800
    assert world.ask().grant == "reports"
    world.now = NOW + 3599
    world.ask()
    world.now = NOW + 3601
    with pytest.raises(IssuerUnavailable):
        world.ask(world.provider.token(exp=NOW + 9000))


def test_p256_agents_are_taken() -> None:
    """An agent whose key is in hardware proves it with ES256."""
    from delegate import Identity
    from delegate.authoring.signers import Esp256Signer
    from delegate.core.wire.armor import to_base64url
    from delegate.issue import nonce_of

    agent = Identity("agent:planner", Esp256Signer.from_scalar(b"\1" * 32))
    world = World()
    token = world.provider.token(nonce=nonce_of(SALT, agent.public_key))
    issued = world.ask(token, who=agent, nonce_salt=to_base64url(SALT))
    assert issued.token.link.block.key == agent.public_key


def test_a_reload_is_whole_or_not_at_all() -> None:
    """A new policy counts from the next request; what it cannot change at run time is refused, and the old goes on."""
    from delegate.issue import Policy, PolicyError

    world = World()
    shorter = Policy.parse(POLICY.replace('ttl = "15m"', 'ttl = "1m"'), fetch=world.provider.fetch)
    world.ask()
    asked = len(world.provider.asked)
    world.issuer.replace(shorter)
    assert world.ask().expires_in_s == 60
    assert len(world.provider.asked) == asked  # what was known of the provider is still known
    moved = Policy.parse(POLICY.replace("issuer.example.com", "other.example.com"), fetch=world.provider.fetch)
    with pytest.raises(PolicyError, match="started again"):
        world.issuer.replace(moved)
    assert world.issuer.policy.url == "https://issuer.example.com"
