"""What is shown of a chain: each thing that a block may say, whether arguments are open, and what all adds up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack, cast

import pytest

from delegate import Identity, Token, can, when
from delegate.authoring.terms import Authority
from delegate.language.capability import encode_capabilities
from delegate.views.chain import Setting, setting, view
from delegate.views.grants import grant_lines

if TYPE_CHECKING:
    from delegate.authoring.minted import Lasting

NOW = 1_796_126_400
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)


def mint(**terms: Unpack[Authority]) -> Token:
    """A token of one block for the planner."""
    given = cast("Lasting", {"can": "a", "ttl": 60, "now": NOW, **terms})
    return ALICE.mint(to=PLANNER.principal, **given)


def lines(token: Token) -> list[str]:
    """What is printed of the hops."""
    return view(token.link).hop_lines(NOW)


def grants(token: Token) -> list[str]:
    """What is printed of all hops together."""
    return view(token.link).sum_lines(NOW)


def test_each_thing_that_a_block_says_has_its_line() -> None:
    """And what it does not say has none."""
    token = mint(
        can=[can("a", "/x/**")],
        caveats=[when("args.n < 3")],
        audience=["one", "two"],
        not_before=NOW + 10,
        hops=1,
        who={"run": "7", "code": "abc"},
        why="a reason",
    )
    assert lines(token) == [
        "user:alice@example.com",
        " 0 ─▶ agent:planner                      until 2026-12-01 12:01 UTC (in 1m)",
        "      may       a /x/**   any arguments",
        "      if        args.n < 3",
        "      at        one, two",
        "      from      2026-12-01 12:00:10 UTC (in 10s)",
        "      hands on  once more",
        "      who       run: 7, code: abc",
        '      why       "a reason"',
    ]
    bare = PLANNER.attenuate(token, to=WORKER.principal, now=NOW)
    assert lines(bare)[9:] == [" 1 ─▶ agent:worker"]


def test_a_block_that_keeps_the_key_says_so() -> None:
    """Narrowing one's own chain is not handing it on."""
    token = PLANNER.attenuate(mint(), caveats="args.n < 3", now=NOW)
    assert lines(token)[-2] == " 1 ─▶ agent:planner, narrowing its own chain"


def test_the_originator_and_who_signs_for_them() -> None:
    """An issuing service does not pass for the person."""
    token = mint(on_behalf_of="user:bob@example.com")
    assert lines(token)[0] == "user:bob@example.com, for whom user:alice@example.com signs"


def test_open_and_closed_arguments() -> None:
    """Beside each capability whether arguments that it does not name may be given, as what is granted has it."""
    token = mint(can=[can("a", when="args.n < 3"), can("b", args={"n": 1}), can("c"), can("d", args={})])
    assert lines(token)[2:6] == [
        "      may       a if args.n < 3       any other arguments",
        "                b(n) if args.n == 1",
        "                c                     any arguments",
        "                d()",
    ]
    assert grants(token)[:4] == [
        "Grants      a if args.n < 3 · any other arguments",
        "            b(n) if args.n == 1 · no other arguments",
        "            c · any arguments",
        "            d() · no arguments",
    ]
    assert [setting(each) for each in view(token.link).hops[0].capabilities] == [
        Setting.OPEN,
        Setting.CLOSED,
        Setting.OPEN,
        Setting.CLOSED,
    ]


def test_a_condition_on_something_else_leaves_any_arguments() -> None:
    """`other` is said only where the condition reads arguments: a text that spells `args` is no argument."""
    assert grants(mint(can='a /x/** if resource != "args.n"'))[0].startswith(
        'Grants      a /x/** if resource != "args.n" · any arguments'
    )


def test_hops_that_disagree_about_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that is good nowhere grants nothing, and says so."""
    monkeypatch.setattr("delegate.authoring.draft.check_effect", lambda *_: None)  # an author who does not check
    token = PLANNER.attenuate(mint(audience="one"), audience="two", now=NOW)
    assert grants(token) == ["Grants      nothing: the hops name different services, and no service is named by all"]
    assert grants(mint())[0].endswith(" · at any service")


def test_what_begins_later_says_when() -> None:
    """A chain that is not valid yet; and once it is, nothing of it."""
    token = mint(not_before=NOW + 10, tenant="acme")
    assert grants(token)[0].startswith("Grants      a · any arguments · from 2026-12-01 12:00:10 UTC (in 10s)")
    assert grants(token)[-1] == "Tenant      acme"
    assert not [line for line in view(token.link).sum_lines(NOW + 10) if "from" in line]


@pytest.mark.parametrize(
    ("hops", "words"),
    [
        (0, "may not be handed on"),
        (1, "may be handed on once more"),
        (3, "may be handed on 3 more times"),
        (16, "may be handed on as often as a chain can"),
    ],
)
def test_how_often_it_may_be_handed_on(hops: int, words: str) -> None:
    """In words."""
    assert words in " ".join(grants(mint(hops=hops)))


def test_a_root_that_is_trusted_for_less() -> None:
    """What its root is not trusted for is not granted."""
    token = mint(can=["a /x/**", "b"])
    found = view(token.link, encode_capabilities(can("a", "/x/y/**")))
    assert [str(grant) for grant in found.effective.grants] == ["a /x/y/**"]
    assert [str(grant) for grant in view(token.link, encode_capabilities(can("c"))).effective.grants] == []
    assert view(token.link, encode_capabilities(can("c"))).sum_lines(NOW) == [
        "Grants      nothing: no action and resource is permitted by every hop"
    ]


def test_conditions_that_clash() -> None:
    """Where nothing can satisfy them nothing is granted, and they are named; where something else is, both show."""
    effective = view(mint().link).effective
    text = "args.n > 9 && args.n < 3"
    nothing = replace(effective, grants=(), clashes=(text,))
    assert grant_lines(nothing, NOW) == [f"Grants      nothing: {text} cannot hold"]
    some = replace(effective, clashes=(text,))
    assert grant_lines(some, NOW)[:2] == [
        "Grants      a · any arguments",
        f"            {text} cannot hold, so that part grants nothing",
    ]


def test_what_shows_more_than_the_chain_allows_says_so() -> None:
    """Patterns without a common form are shown as the last hop's, and the reader is told."""
    token = mint(can="a /" + "*" + "x" * 700)
    wide = PLANNER.attenuate(token, can="a /" + "y" * 700 + "*", now=NOW)
    found = view(wide.link)
    assert found.to_json()["effective"] == {
        "grants": [{"text": "a /" + "y" * 700 + "*", "conditions": [], "arguments": None}],
        "exact": False,
        "clashes": [],
    }
    assert "shows more than the chain allows" in " ".join(found.sum_lines(NOW))
    assert "shows more" not in " ".join(grants(token))
