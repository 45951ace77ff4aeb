"""Discharges only ever narrow, none can be left out, and their order changes nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from delegate import Discharge, Identity, MemoryReplay, Request, Token, Verifier, need
from delegate.authoring.ask import asks
from delegate.verifier.decision import Decision
from tests.properties.strategies import AUDIENCE, NOW, ROOT, caveats, environments, requests

PARTIES = [Identity.from_seed(f"user:p{n}@example.com", bytes((60 + n,)) * 32) for n in range(4)]
HOLDER = Identity.from_seed("agent:holder", b"\x21" * 32)
CONDITIONS = ["said.ok == true", "said.n >= 3 || said.ok == true", "!(said.ok == false)", "args.n <= said.n"]

Env = dict[str, str]
YES = {"ok": True, "n": 9}
statements = st.sampled_from([YES] * 8 + [{}, {"ok": False, "n": 9}, {"ok": True, "n": 0}])


@st.composite
def needs(draw: st.DrawFn) -> dict[str, Any]:
    """The terms of a need: some of the parties, how many of them, and what else it asks."""
    by = draw(st.lists(st.sampled_from(PARTIES), min_size=1, max_size=4, unique=True))
    return {
        "by": [each.principal for each in by],
        "of": draw(st.integers(1, len(by))),
        "condition": draw(st.sampled_from(CONDITIONS)),
        "max_age": draw(st.sampled_from([None, None, 100])),
        "standing": draw(st.booleans()),
    }


@st.composite
def chains(draw: st.DrawFn) -> tuple[Token, Token]:
    """The same chain with needs and without: now and then with a caveat."""
    terms: dict[str, Any] = {"can": ["**", "** **"], "ttl": 3600, "now": NOW - 30}
    if draw(st.integers(0, 3)) == 0:
        terms["caveats"] = [draw(caveats())]
    wanted = [need(**each) for each in draw(st.lists(needs(), min_size=1, max_size=2))]
    return ROOT.mint(to=HOLDER.principal, needs=wanted, **terms), ROOT.mint(to=HOLDER.principal, **terms)


@st.composite
def brought(draw: st.DrawFn, token: Token, asked: Request) -> list[Discharge]:
    """What parties say of the token's needs: mostly to the point, now and then old, or for another request."""
    found = []
    for ask in asks(token.link, draw(st.sampled_from([asked] * 6 + [Request("other")]))):
        for party in PARTIES:
            if party.public_key.thumbprint in ask.by and draw(st.integers(0, 4)):
                made = draw(st.sampled_from([NOW - 10] * 12 + [NOW - 200, NOW - 5000]))
                found.append(party.discharge(ask, says=draw(statements), ttl=600, now=made))
    return found


def service(env: Env, token: Token, asked: Request, discharges: list[Discharge]) -> Decision:
    """A service that sees all this for the first time."""
    verifier = Verifier(
        [ROOT.principal],
        audience=AUDIENCE,
        clock=lambda: NOW,
        third_parties=[each.principal for each in PARTIES],
        replay=MemoryReplay(since=0),
    )
    presentation = HOLDER.prove(token, asked, AUDIENCE, discharges=discharges, now=NOW)
    return verifier.decide(presentation, asked, env=env)


def verdict(decision: Decision) -> tuple[Any, ...]:
    """What is said, in a word and a hop."""
    return decision.allowed, decision.reason, decision.hop


@settings(max_examples=150)
@given(pair=chains(), asked=requests, env=environments, data=st.data())
def test_a_discharge_never_widens(pair: tuple[Token, Token], asked: Request, env: Env, data: st.DataObject) -> None:
    """What a chain with needs allows, whatever is brought, the same chain without them allows."""
    token, plain = pair
    decision = service(env, token, asked, data.draw(brought(token, asked)))
    event(f"{decision.reason or 'allowed'}")
    if decision.allowed:
        assert service(env, plain, asked, []).allowed


@settings(max_examples=150)
@given(pair=chains(), asked=requests, env=environments, data=st.data())
def test_their_order_never_matters(pair: tuple[Token, Token], asked: Request, env: Env, data: st.DataObject) -> None:
    """Any order gives the same verdict, reason, hop and words."""
    discharges = data.draw(brought(pair[0], asked))
    shuffled = data.draw(st.permutations(discharges))
    one, other = service(env, pair[0], asked, discharges), service(env, pair[0], asked, shuffled)
    assert (*verdict(one), one.detail) == (*verdict(other), other.detail)
    assert set(one.asks) == set(other.asks)


def test_of_two_needs_of_one_block_the_first_is_told() -> None:
    """Both lack a confirmation in the same words but for their number: whichever discharge comes first."""
    wanted = [need(PARTIES[0].principal), need([each.principal for each in PARTIES[:2]])]
    token = PARTIES[3].mint(to=HOLDER.principal, can="**", ttl=600, needs=wanted, now=NOW - 100)
    asked, other = Request("files.read"), Request("files.write")
    wrong = [PARTIES[0].discharge(ask, says=YES, ttl=600, now=NOW - 10) for ask in asks(token.link, other)]
    shop = Verifier(
        [PARTIES[3].principal], audience="s", clock=lambda: NOW, replay=MemoryReplay(since=0),
        third_parties=[each.principal for each in PARTIES[:2]],
    )  # fmt: skip
    told = {
        shop.decide(HOLDER.prove(token, asked, "s", discharges=brought_, now=NOW), asked).detail
        for brought_ in (wrong, wrong[::-1])
    }
    assert told == {"needs 1 of 1 confirmations, has none; the discharge by user:p0@example.com is for another request"}


@settings(max_examples=150)
@given(pair=chains(), asked=requests, env=environments, data=st.data())
def test_leaving_one_out_never_allows(pair: tuple[Token, Token], asked: Request, env: Env, data: st.DataObject) -> None:
    """Of discharges that are each good, fewer never meet a need that all of them do not."""
    token = pair[0]
    good = [
        party.discharge(ask, says=YES, ttl=600, now=NOW - 10)
        for ask in asks(token.link, asked)
        for party in PARTIES
        if party.public_key.thumbprint in ask.by and data.draw(st.booleans())
    ]
    whole = service(env, token, asked, good).allowed
    for place in range(len(good)):
        fewer = service(env, token, asked, good[:place] + good[place + 1 :]).allowed
        assert whole or not fewer


@settings(max_examples=60)
@given(pair=chains(), asked=requests, env=environments)
def test_without_discharges_no_need_is_met(pair: tuple[Token, Token], asked: Request, env: Env) -> None:
    """A chain with a need allows nothing by itself; and what it asks for is what it lacks."""
    decision = service(env, pair[0], asked, [])
    assert not decision.allowed
    if decision.asks:
        assert [each.block_id for each in decision.asks] == [pair[0].link.id] * len(asks(pair[0].link, asked))
