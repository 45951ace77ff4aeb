"""What a hop took away, each kind of change in its own words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack, cast

import pytest

from delegate import Identity, Token, exactly
from delegate.authoring.terms import Authority, Narrowing
from delegate.language.capability import can, encode_capabilities
from delegate.views.difference import change_lines, changes

if TYPE_CHECKING:
    from delegate.authoring.minted import Lasting

NOW = 1_796_126_400
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)


def mint(**terms: Unpack[Authority]) -> Token:
    """A token of one block for the planner."""
    given = cast("Lasting", {"ttl": "8h", "now": NOW, "hops": 3, **terms})
    return ALICE.mint(to=PLANNER.principal, **given)


def taken(above: list[str], **terms: Unpack[Narrowing]) -> list[str]:
    """What the second block of a chain takes away from `above`, item by item."""
    given: Narrowing = {"now": NOW, **terms}
    token = PLANNER.attenuate(mint(can=above), to=WORKER.principal, **given)
    return changes(token.link)[1].items(NOW)


@pytest.mark.parametrize(
    ("above", "terms", "items"),
    [
        (["a", "b", "c"], {"can": ["c"]}, ["− a b"]),
        (["a", "b"], {}, ["takes nothing away"]),
        (["a", "b"], {"can": ["a", "b"]}, ["takes nothing away"]),
        (["a /x/**"], {"can": ["a /x/y/**"]}, ["/x/** → /x/y/**"]),
        (["a /x/**", "b /x/**"], {"can": ["* /x/y/**"]}, ["/x/** → /x/y/**"]),
        (["a /x/**", "b /x/**"], {"can": ["a /x/y/**", "b /x/**"]}, ["a /x/** → /x/y/**"]),
        (["a /x/**", "a /z/**"], {"can": ["a /x/**"]}, ["− /z/**"]),
        (["a /x/**", "a /z/**", "b"], {"can": ["a /x/**", "b"]}, ["− a /z/**"]),
        (["a /x/**", "a"], {"can": ["a"]}, ["− /x/**"]),
        (["a /x/**", "a"], {"can": ["a /x/**"]}, ["− (none)"]),
        (["a.* /x/**"], {"can": ["a.b /x/**", "a.c /x/**"]}, ["a.* → a.b a.c"]),
        (["a.* /x/**"], {"can": ["a.b /x/y"]}, ["a.* → a.b", "/x/** → /x/y"]),
        (["a"], {"caveats": "args.n < 3"}, ["+ args.n < 3"]),
        (["a", "b"], {"can": ["a if args.n < 3", "b"]}, ["+ args.n < 3 for a"]),
        (["a if args.n < 3"], {"caveats": "args.n < 2"}, ["+ args.n < 2"]),
        (["a if args.n < 3"], {"caveats": "args.n < 4"}, ["takes nothing away"]),
        (["a"], {"can": ["a(n)"]}, ["a(any) → (n)"]),
        (["a(n, m)", "b"], {"can": ["a(n)", "b"]}, ["a(n, m) → (n)"]),
        (["a(n)"], {"can": ["a()"]}, ["a(n) → ()"]),
        (["a"], {"audience": ["one"]}, ["at one"]),
        (["a"], {"not_before": NOW + 60}, ["from 2026-12-01 12:01 UTC (in 1m)"]),
        (["a"], {"hops": 0}, ["hands on to nobody"]),
        (["a"], {"hops": 2}, ["takes nothing away"]),
        (["a"], {"ttl": "22m"}, ["22m left"]),
        (["a"], {"ttl": "9h"}, ["takes nothing away"]),
        (["a"], {"why": "for \u0394"}, ["takes nothing away", '"for \u0394"']),
    ],
)
def test_each_change_has_its_words(above: list[str], terms: Narrowing, items: list[str]) -> None:
    """And what did not change has none; handing on by itself takes one hand-over, which goes without saying."""
    assert taken(above, **terms) == items


def test_what_the_first_hop_gives() -> None:
    """Actions together that share a resource and have no condition; what all must satisfy once, at the end."""
    token = mint(
        can=["a /x/**", "b /x/**", "c if args.n < 3", "d"], caveats="args.m < 2", audience=["two", "one"], why="x"
    )
    assert changes(token.link)[0].items(NOW + 3600) == [
        "a b /x/**",
        "c if args.n < 3",
        "d",
        "+ args.m < 2",
        "at one, two",
        "hands on 3 more times",
        "7h left of 8h",
        '"x"',
    ]
    alone = mint(can="a if args.n < 3", caveats="args.m < 2", hops=16)
    assert changes(alone.link)[0].items(NOW) == ["a if args.n < 3 && args.m < 2", "8h left"]
    assert changes(alone.link, encode_capabilities(can("b")))[0].items(NOW)[0] == (
        "nothing: no action and resource is permitted by every hop"
    )


def test_literal_resources_are_quoted_and_escaped() -> None:
    """A literal is told from a pattern, and cannot turn the line around."""
    token = mint(can=[can("a", exactly("/x/\u202e*")), can("a", "/y")])
    narrowed = PLANNER.attenuate(token, can=[can("a", "/y")], now=NOW)
    assert changes(narrowed.link)[1].items(NOW) == ['− exactly "/x/\\u202e*"']


def test_a_hop_that_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is gone, and why; a hop below it has nothing to take."""
    monkeypatch.setattr("delegate.authoring.draft.check_effect", lambda *_: None)  # an author who does not check
    first, second = changes(PLANNER.attenuate(mint(can="a", audience="one"), audience="two", now=NOW).link)
    why = "the hops name different services, and no service is named by all"
    assert second.items(NOW) == [f"− everything: {why}"]
    assert second.to_json()["nothing_left"] == why
    assert replace(second, before=second.after).items(NOW) == ["takes nothing away"]
    clash = replace(first.after, grants=(), clashes=("args.n > 9 && args.n < 3",))
    assert replace(second, before=first.after, after=clash).items(NOW)[0] == (
        "− everything: args.n > 9 && args.n < 3 cannot hold"
    )


def test_a_life_that_is_over() -> None:
    """By how much."""
    token = mint(can="a", ttl="1h")
    assert changes(token.link)[0].items(NOW + 3660)[-1] == "1h, expired 1m ago"


def test_lines_are_as_wide_as_asked() -> None:
    """Names beside changes; a holder who narrows its own has no arrow, and a bearer block no name."""
    token = PLANNER.attenuate(mint(can=["a", "b"]), to=WORKER.principal, can="a", now=NOW)
    token = WORKER.attenuate(token, caveats=["args.n < 3", f'args.m != "{"z " * 60}"'], now=NOW)
    lines = change_lines("head", changes(token.link), NOW, 60)
    assert lines[:4] == [
        "head",
        " 0 ─▶ agent:planner   a b   hands on 3 more times   8h left",
        " 1 ─▶ agent:worker    − b",
        " 2 └─ agent:worker    + args.n < 3",
    ]
    assert max(map(len, lines)) <= 60
    bearer = ALICE.mint(bearer=True, can="a", ttl="5m", audience="one", now=NOW)
    assert change_lines("head", changes(bearer.link), NOW)[1] == " 0 ─▶ whoever has it   a   at one   5m left"


def test_as_json() -> None:
    """Every change in its own field, and JSON values alone."""
    token = PLANNER.attenuate(
        mint(can=["a.*", "b", "c /x/**"]),
        to=WORKER.principal,
        can=["a.d(n) if args.n < 3", "c /x/y"],
        audience=["one"],
        now=NOW,
    )
    first, second = (json.loads(json.dumps(each.to_json())) for each in changes(token.link))
    assert first == {
        "hop": 0,
        "holder": "agent:planner",
        "why": None,
        "budget": {},
        "fresh": None,
        "needs": [],
        "gives": ["a.*", "b", "c /x/**"],
    }
    assert second == {
        "hop": 1,
        "holder": "agent:worker",
        "why": None,
        "budget": {},
        "fresh": None,
        "needs": [],
        "nothing_left": None,
        "removed": ["b"],
        "actions": [{"before": "a.*", "after": ["a.d"]}],
        "narrowed": [{"actions": ["c"], "before": ["/x/**"], "after": ["/x/y"]}],
        "added": [{"condition": "args.n < 3", "actions": ["a.d"]}],
        "closed": [{"action": "a.d", "before": None, "after": ["n"]}],
        "expires_by_s": 0,
        "hops_by": 1,
        "audience": ["one"],
    }
