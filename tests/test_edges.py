"""The edges of the API: what travels between processes, what never does, and what a mistake is told."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from enum import IntEnum, StrEnum

import pytest

from delegate import (
    Ask,
    CaveatSyntaxError,
    Decision,
    DelegateError,
    Denied,
    Holder,
    Identity,
    MemoryReplay,
    Request,
    RevocationList,
    Token,
    Verifier,
    need,
    when,
)

NOW = 1_800_000_000
ALICE, AGENT, BOSS = (
    Identity.from_seed(name, bytes([n]) * 32) for n, name in enumerate(("user:alice", "agent:a", "user:boss"), 1)
)
PAY = Request("pay", None, {"amount": 700, "blob": b"\0"})


class Verb(StrEnum):
    """An action as programs have it."""

    PAY = "pay"


class Size(IntEnum):
    """A number as programs have it."""

    LARGE = 700


def refused(caveats: str = "args.amount <= 500", *, needs: bool = False) -> Decision:
    """A decision that refuses, with its words not asked for yet."""
    wanted = need(BOSS.principal) if needs else None
    token = ALICE.mint(to=AGENT.principal, can="pay", caveats=caveats, ttl="1h", needs=wanted, now=NOW)
    third = [BOSS.principal]
    memory = MemoryReplay(since=0)
    service = Verifier([ALICE.principal], audience="a", clock=lambda: NOW, replay=memory, third_parties=third)
    return service.decide(AGENT.prove(token, PAY, "a", now=NOW), PAY)


def broken() -> Token:
    """What a worker of a pool does with junk."""
    return Token.parse("dlgt_junk")


def test_an_error_comes_back_from_a_pool() -> None:
    """The worker's error, with all that it says: the pool goes on."""
    with ProcessPoolExecutor(1) as pool:
        for _ in range(2):
            with pytest.raises(DelegateError) as caught:
                pool.submit(broken).result()
            assert caught.value.reason in {"malformed", "truncated", "not_canonical"}


def errors() -> list[DelegateError]:
    """One of each shape."""
    found: list[DelegateError] = []
    for attempt in (broken, lambda: when("now < 5"), lambda: Request("")):
        with pytest.raises(DelegateError) as caught:
            attempt()
        found.append(caught.value)
    denied = refused().error
    assert denied is not None
    return [*found, denied]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
def test_errors_travel_and_are_copied(error: DelegateError) -> None:
    """Class, reason, hop, words, the mark below a text: all as before."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - ours
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert (again.reason, again.hop, again.detail) == (error.reason, error.hop, error.detail)
        assert again.holder_detail == error.holder_detail
        if isinstance(error, CaveatSyntaxError):
            assert vars(again)["span"] == error.span
        if isinstance(error, Denied):
            assert isinstance(vars(again)["decision"], Decision)


@pytest.mark.parametrize("needs", [False, True])
def test_a_decision_travels_as_what_it_says(needs: bool) -> None:
    """Not the chain, which was verified elsewhere."""
    decision = refused("true", needs=True) if needs else refused()
    again = pickle.loads(pickle.dumps(decision))  # noqa: S301 - ours
    assert (again.allowed, again.reason, again.hop) == (decision.allowed, decision.reason, decision.hop)
    assert (again.detail, again.holder_detail, again.asks) == (decision.detail, decision.holder_detail, decision.asks)
    assert (again.chain, again.authorization) == (None, None)
    assert again.error.decision is again
    assert copy.deepcopy(decision) is decision


def test_what_authors_make_travels() -> None:
    """Requests, caveats, needs, asks, tokens."""
    token = ALICE.mint(to=AGENT.principal, can="pay", ttl="1h", needs=need(BOSS.principal), now=NOW)
    (ask,) = Holder(AGENT, token).asks(PAY)
    for made in (PAY, when("args.a < 5"), need(BOSS.principal), ask, token, AGENT.prove(token, PAY, "a")):
        assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - ours
        assert copy.deepcopy(made) == made


def test_secrets_do_not_travel_and_do_not_print() -> None:
    """A bearer token, an identity, a holder: refused by name; and the envelope shows no secret."""
    bearer = ALICE.mint(bearer=True, can="pay", ttl="1h", audience="a")
    token = ALICE.mint(to=AGENT.principal, can="pay", ttl="1h")
    for secret in (bearer, ALICE, Holder(AGENT, token), ALICE.signer):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    shown = repr(bearer.envelope())
    assert repr(bearer.envelope().secret) not in shown
    assert "secret not shown" in shown
    assert copy.deepcopy(bearer) == bearer


def test_mistakes_are_told_what_was_meant() -> None:
    """A name for a principal, a map for a request, one root, no leeway."""
    token = ALICE.mint(to=AGENT.principal, can="pay", ttl="1h")
    with pytest.raises(TypeError, match="to is a principal, a name with a key"):
        ALICE.mint(to="agent:b", can="pay", ttl="1h")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"to=identity\.principal"):
        AGENT.attenuate(token, to=BOSS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="to is a Principal, not int"):
        AGENT.attenuate(token, to=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a request is a Request, not dict"):
        AGENT.prove(token, {"action": "pay"}, "a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"roots=\[principal\]"):
        Verifier(ALICE.principal, audience="a")  # type: ignore[arg-type]
    assert Verifier([ALICE.principal], audience="a", leeway=0).audience == "a"


def test_text_as_bytes_is_text() -> None:
    """What a file or a header gives."""
    token = ALICE.mint(to=AGENT.principal, can="pay", ttl="1h", needs=need(BOSS.principal))
    assert Token.parse(token.to_text().encode() + b"\n") == token
    (ask,) = Holder(AGENT, token).asks(PAY)
    assert Ask.parse(ask.to_text().encode()) == ask
    listed = ALICE.revoke()
    assert RevocationList.parse(listed.to_text().encode()).to_bytes() == listed.to_bytes()


def test_subclasses_of_text_and_numbers_are_what_they_are() -> None:
    """Members of enumerations in every place of a request: the same digest."""
    plain = Request("pay", "pay", {"pay": ["pay", 700, b"x"]})
    made = Request(Verb.PAY, Verb.PAY, {Verb.PAY: [Verb.PAY, Size.LARGE, b"x"]})
    assert made == plain
    assert type(made.action) is type(made.resource) is str
    assert {type(key) for key in made.values} == {str}
    assert json.dumps(made.to_json()["args"]) == '{"pay": ["pay", 700, {"base16": "78"}]}'


def test_a_token_says_what_it_claims() -> None:
    """Its id, its end, its originator."""
    token = ALICE.mint(to=AGENT.principal, can="pay", ttl="1h", now=NOW)
    assert (token.id, token.expires, token.originator) == (token.link.id, NOW + 3600, "user:alice")
