"""Agents that get their chains from an issuer, and go on getting them."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from delegate import DelegateError, Holder, Identity, Request, Token
from delegate.core.keys.public import PublicKey
from delegate.errors import Reason
from delegate.holder import IssuedHolder
from delegate.issue import IssuerUnavailable, NotIssued, asgi
from delegate.issue.client import Asking, Renewal, Wanted, metadata
from delegate.issue.fetch import Answer, Unreachable
from delegate.issue.sources import SubjectToken, TokenFile, TokenVariable, source_of
from tests.issue.world import NOW, POLICY, SALT, URL, World

READ = Request("files.read", "/reports/q3.csv", {"size": 10})


class Wire:
    """Carries an agent's requests to the issuer's app, or loses them."""

    def __init__(self, world: World) -> None:
        """Not lost, at first."""
        self.world = world
        self.app = asgi.app(world.issuer)
        self.lost = False
        self.sent = 0
        self.alter: Callable[[Answer], Answer] = lambda answer: answer

    def fetch(self, url: str, *, most_bytes: int, form: Any = None, headers: Any = None, **_: object) -> Answer:  # noqa: ANN401
        """As `delegate.issue.fetch.fetch`."""
        del most_bytes
        if self.lost:
            raise Unreachable("issuer.example.com does not answer")
        self.sent += 1

        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=URL) as client:
                return await client.request("GET" if form is None else "POST", url, data=form, headers=headers)

        found = asyncio.run(go())
        return self.alter(Answer(status=found.status_code, body=found.content, headers=dict(found.headers)))


class Login:
    """A source that asks the provider for a token with a nonce, for whatever key."""

    def __init__(self, world: World) -> None:
        """Of this world's provider."""
        self.world = world

    def token(self, key: PublicKey) -> SubjectToken:
        """Alice's ID token for this key."""
        from delegate.core.wire.armor import to_base64url
        from delegate.issue import nonce_of

        now = self.world.now
        text = self.world.provider.token(nonce=nonce_of(SALT, key), iat=now, exp=now + 3600)
        return SubjectToken(text=text, salt=to_base64url(SALT))


class Agent:
    """An agent on a wire, with its renewals run when the test says."""

    def __init__(self, *, jitter: float = 0.0, wanted: Wanted | None = None, policy: str = POLICY) -> None:
        """Get the first chain."""
        self.world = World(policy)
        self.wire = Wire(self.world)
        self.beside: list[Callable[[], None]] = []
        identity = Identity.generate("agent:planner")
        clock = lambda: self.world.now  # noqa: E731 - a clock is a function
        asking = Asking(
            url=URL, identity=identity, source=Login(self.world), wanted=wanted or Wanted(), clock=clock,
            fetch=self.wire.fetch,
        )  # fmt: skip
        renewal = Renewal(asking, clock=clock, jitter=lambda: jitter, beside=self.beside.append)
        self.holder = IssuedHolder(identity, renewal)

    def work(self) -> None:
        """Run what was to be run beside."""
        while self.beside:
            self.beside.pop(0)()


def test_a_holder_of_an_issuer_is_a_holder() -> None:
    """It proves, narrows, spawns and says what it may, like any other; and shows no secret."""
    agent = Agent()
    holder: Holder = agent.holder
    assert holder.prove(READ, "files.example.com", now=NOW).link.block.holder == "agent:planner"
    assert holder.may(READ, audience="files.example.com", now=NOW).allowed
    child = holder.spawn("agent:child", can=["files.read /reports/2026/**"], now=NOW)
    assert child.token.link.block.holder == "agent:child"
    assert str(holder.grants()[0]).startswith("files.read /reports/**")
    assert "dlgt_" not in repr(holder)
    assert holder == holder  # noqa: PLR0124 - that it can be compared
    with pytest.raises(TypeError):
        pickle.dumps(holder)


def test_a_chain_is_renewed_beside_before_it_ends() -> None:
    """At 60 to 75 parts of 100 of its life; the use that sees it gets the old one and does not wait."""
    agent = Agent()
    first = agent.holder.token
    agent.world.now = NOW + 539
    assert agent.holder.token is first
    assert agent.beside == []
    agent.world.now = NOW + 540
    assert agent.holder.token is first
    assert agent.holder.token is first
    assert len(agent.beside) == 1  # one renewal, however many ask
    agent.work()
    second = agent.holder.token
    assert second.expires == NOW + 540 + 900
    assert second.link.block.key == first.link.block.key


def test_agents_that_were_started_together_do_not_come_together() -> None:
    """Their renewals are spread over 15 parts of 100 of a life."""
    due = [Agent(jitter=number / 10).holder.renewal.due for number in range(10)]
    assert due == sorted(due)
    assert due[-1] - due[0] == pytest.approx(900 * 0.15 * 0.9)
    assert min(due) == NOW + 540


def test_an_outage_is_ridden_out() -> None:
    """The old chain goes on to its end; it is asked again after pauses that grow, and taken up when it is back."""
    agent = Agent()
    first = agent.holder.token
    agent.wire.lost = True
    pauses = []
    agent.world.now = NOW + 540
    for _ in range(9):
        assert agent.holder.token is first
        agent.work()
        pauses.append(agent.holder.renewal.due - agent.world.now)
        agent.world.now = min(int(agent.holder.renewal.due) + 1, NOW + 890)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert isinstance(agent.holder.renewal.failure, IssuerUnavailable)
    agent.wire.lost = False
    agent.holder.token  # noqa: B018 - a use
    agent.work()
    assert agent.holder.token.expires == agent.world.now + 900
    assert agent.holder.renewal.failure is None


def test_a_chain_that_is_over_is_not_used() -> None:
    """A use waits for the issuer; where there is none, it says so, and nothing old is given."""
    agent = Agent()
    agent.wire.lost = True
    agent.world.now = NOW + 900
    with pytest.raises(IssuerUnavailable):
        agent.holder.prove(READ, "files.example.com")
    agent.wire.lost = False
    assert agent.holder.token.expires == NOW + 1800


def test_a_refusal_is_told_in_the_issuer_s_words() -> None:
    """With its reason; the policy is not in it."""
    with pytest.raises(NotIssued) as caught:
        Agent(wanted=Wanted(grant="ci"))
    assert (caught.value.reason, caught.value.code) == (Reason.POLICY_FAILED, "invalid_scope")
    assert "the policy gives this nothing" in caught.value.detail
    assert Agent(wanted=Wanted(ttl="5m", audience=("mail.example.com",))).holder.token.expires == NOW + 300


ANSWERS: dict[str, tuple[int, bytes, type[DelegateError]]] = {
    "a page": (200, b"<html>", IssuerUnavailable),
    "a page of a proxy's": (502, b"<html>", IssuerUnavailable),
    "an error of its own": (500, b'{"error": "server_error"}', IssuerUnavailable),
    "a list": (200, b"[]", IssuerUnavailable),
    "no token": (200, b"{}", DelegateError),
    "a token that is none": (200, b'{"access_token": "hello"}', DelegateError),
    "a token that is a list": (200, b'{"access_token": []}', DelegateError),
    "an error that is a list": (400, b'{"error": [], "reason": {}, "error_description": [5]}', NotIssued),
    "an error with an escape": (400, b'{"error": "\\u001b[31m"}', NotIssued),
}


@pytest.mark.parametrize("story", ANSWERS)
def test_whatever_an_issuer_answers(story: str) -> None:
    """A chain, or an error of the tree."""
    status, body, kind = ANSWERS[story]
    agent = Agent()
    agent.wire.alter = lambda _: Answer(status=status, body=body)
    agent.world.now = NOW + 900
    with pytest.raises(kind) as caught:
        agent.holder.token  # noqa: B018 - a use
    assert "\x1b" not in str(caught.value)


def test_a_chain_for_another_key_is_not_taken() -> None:
    """An issuer, or somebody in its place, hands out what this agent could not use, or what is another's."""
    agent, other = Agent(), Agent()
    text = json.dumps({"access_token": other.holder.token.to_text()}).encode()
    agent.wire.alter = lambda _: Answer(status=200, body=text)
    agent.world.now = NOW + 900
    with pytest.raises(DelegateError) as caught:
        agent.holder.token  # noqa: B018 - a use
    assert caught.value.reason is Reason.PROOF_WRONG_KEY


def test_an_issuer_that_says_it_is_another() -> None:
    """RFC 8414 §3.3."""
    wire = Wire(World())
    wire.alter = lambda answer: Answer(status=200, body=answer.body.replace(b"issuer.example", b"issuer.evil"))
    with pytest.raises(NotIssued):
        metadata(URL, fetch=wire.fetch)
    wire.alter = lambda _: Answer(status=404, body=b"")
    with pytest.raises(IssuerUnavailable):
        metadata(URL, fetch=wire.fetch)


def test_a_child_of_a_fork_renews_by_itself() -> None:
    """Also where its parent was in the middle of a renewal."""
    agent = Agent()
    agent.world.now = NOW + 540
    agent.holder.token  # noqa: B018 - begins a renewal that the parent never ends
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        agent.beside.clear()
        agent.holder.token  # noqa: B018
        os.write(writing, bytes([len(agent.beside)]))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 1) == b"\1"
    os.close(reading)


def test_an_asynchronous_holder_never_waits_where_it_is_used() -> None:
    """It says that the chain is over; `ready` waits, beside the event loop."""
    agent = Agent()
    holder = IssuedHolder(agent.holder.identity, agent.holder.renewal, may_wait=False)
    assert holder.token.expires == NOW + 900
    agent.world.now = NOW + 900
    with pytest.raises(IssuerUnavailable, match="on its way"):
        holder.token  # noqa: B018 - a use
    agent.beside.pop(0)()
    assert holder.token.expires == NOW + 1800
    agent.world.now = NOW + 1800

    async def go() -> Token:
        await holder.ready()
        await holder.ready()
        return holder.token

    agent.holder.renewal._beside = lambda work: Thread(target=work).start()
    assert asyncio.run(go()).expires == NOW + 2700


def test_what_from_issuer_is_told() -> None:
    """A name or an identity, and not both."""
    source = TokenVariable("NOTHING")
    with pytest.raises(TypeError, match="either a name or an identity"):
        Holder.from_issuer(URL, source)
    with pytest.raises(TypeError, match="either a name or an identity"):
        asyncio.run(Holder.from_issuer_async(URL, source, name="agent:a", identity=Identity.generate("agent:a")))
    with pytest.raises(IssuerUnavailable, match="https is needed"):
        Holder.from_issuer("http://issuer.example.com", source, name="agent:a")


def test_a_file_that_rotates(tmp_path: Path) -> None:
    """Read anew each time; what is no token is told with the file's name, and none of it."""
    key = Identity.generate("agent:a").public_key
    file = tmp_path / "token"
    source = TokenFile(file)
    with pytest.raises(IssuerUnavailable, match="no such file"):
        source.token(key)
    for text in ("a.b.c", "d.e.f\n"):
        file.write_text(text)
        assert source.token(key).text == text.strip()
    for wrong in (b"", b" \n", b"two words", b"\xff", b"a" * 20_000, b"a\nb"):
        file.write_bytes(wrong)
        with pytest.raises(IssuerUnavailable) as caught:
            source.token(key)
        assert "two words" not in str(caught.value)
    assert "a.b.c" not in repr(SubjectToken(text="a.b.c", salt="s4lt"))
    assert "s4lt" not in repr(SubjectToken(text="a.b.c", salt="s4lt"))


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI sets it; of this process, or of a mapping."""
    key = Identity.generate("agent:a").public_key
    monkeypatch.setenv("CI_TOKEN", "a.b.c")
    assert TokenVariable("CI_TOKEN").token(key).text == "a.b.c"
    with pytest.raises(IssuerUnavailable, match="CI_TOKEN: no token"):
        TokenVariable("CI_TOKEN", environ={}).token(key)


def test_a_nonce_of_the_issuer_s_is_taken_up() -> None:
    """RFC 9449 §8: the first proof is refused, and the second, with the answer's nonce, is good; but not a third."""
    policy = POLICY.replace("[[trust]]", "dpop_nonce = true\n\n[[trust]]", 1)
    agent = Agent(policy=policy)
    assert agent.holder.token.expires == NOW + 900
    assert agent.wire.sent == 3  # the issuer's own description, and two proofs
    agent.world.now = NOW + 900
    agent.wire.alter = lambda _: Answer(
        status=400, body=b'{"error": "use_dpop_nonce"}', headers={"dpop-nonce": "another"}
    )
    with pytest.raises(NotIssued):
        agent.holder.token  # noqa: B018 - a use
    assert agent.wire.sent == 5


def test_a_source_as_a_setting_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a variable; another text is a mistake, told at once."""
    key = Identity.generate("agent:a").public_key
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("CI_TOKEN", "d.e.f")
    for given, text in ((tmp_path / "token", "a.b.c"), (f"file:{tmp_path}/token", "a.b.c"), ("env:CI_TOKEN", "d.e.f")):
        assert source_of(given, URL).token(key).text == text
    own = TokenVariable("CI_TOKEN")
    assert source_of(own, URL) is own
    for wrong in ("", "a.b.c", "file:", "env:", "spiffe:", "https://x"):
        with pytest.raises(ValueError, match="a source is written as"):
            source_of(wrong, URL)


def test_an_unbound_token_is_renewed_when_it_was_rotated(tmp_path: Path) -> None:
    """The used one is refused, the old chain goes on; when the cluster has written another, that is taken."""
    world = World()
    wire = Wire(world)
    file = tmp_path / "token"
    file.write_text(world.provider.token(sub="ci", nonce=None))
    beside: list[Callable[[], None]] = []
    identity = Identity.generate("agent:job")
    asking = Asking(
        url=URL, identity=identity, source=TokenFile(file), wanted=Wanted(), clock=lambda: world.now, fetch=wire.fetch
    )
    renewal = Renewal(asking, clock=lambda: world.now, jitter=lambda: 0, beside=beside.append)
    first = renewal.current()
    world.now += 200
    assert renewal.current() is first
    beside.pop(0)()
    assert renewal.failure is not None
    assert renewal.failure.reason is Reason.REPLAYED
    file.write_text(world.provider.token(sub="ci", nonce=None, iat=world.now))
    world.now += 2
    assert renewal.current() is first
    beside.pop(0)()
    assert renewal.current().expires == world.now + 300
