"""What is shown of a chain: each thing that a block may say, whether arguments are open, and what all adds up to."""

from __future__ import annotations

from typing import Unpack

from delegate import Identity, Token, can, when
from delegate.chain.mint import Authority
from delegate.explain import Setting, titled_items, view

NOW = 1_796_126_400
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)


def mint(**terms: Unpack[Authority]) -> Token:
    """A token of one block for the planner."""
    given: Authority = {"can": "a", "ttl": 60, "now": NOW, **terms}
    return ALICE.mint(to=PLANNER.principal, **given)


def lines(token: Token) -> list[str]:
    """What is printed of the hops."""
    return view(token.link).hop_lines(NOW)


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
    assert lines(token)[-2] == " 1 ─▶ agent:planner, narrowing its own"


def test_the_originator_and_who_signs_for_them() -> None:
    """An issuing service does not pass for the person."""
    token = mint(on_behalf_of="user:bob@example.com")
    assert lines(token)[0] == "user:bob@example.com, for whom user:alice@example.com signs"


def test_open_and_closed_arguments() -> None:
    """A chain is closed where some hop closes every capability that it has."""
    opened, closed = can("a", when="args.n < 3"), can("a", args={"n": 1})
    assert view(mint(can=[opened]).link).arguments is Setting.OPEN
    assert view(mint(can=[closed, opened]).link).arguments is Setting.OPEN
    token = mint(can=[closed])
    assert view(token.link).arguments is Setting.CLOSED
    narrowed = PLANNER.attenuate(token, can=[opened], now=NOW)
    assert view(narrowed.link).arguments is Setting.CLOSED
    assert view(narrowed.link).hops[1].arguments == (Setting.OPEN,)
    assert lines(mint(can=[opened]))[2].endswith("any other arguments")


def test_hops_that_disagree_about_the_service() -> None:
    """A chain that is good nowhere says so."""
    token = PLANNER.attenuate(mint(audience="one"), audience="two", now=NOW)
    assert "Good at     no service: the hops name different ones" in view(token.link).sum_lines(NOW)
    assert "Good at     any service: no hop names one" in view(mint().link).sum_lines(NOW)


def test_what_begins_later_says_when() -> None:
    """A chain that is not valid yet."""
    token = mint(not_before=NOW + 10, tenant="acme")
    summary = view(token.link).sum_lines(NOW)
    assert "Not before  2026-12-01 12:00:10 UTC (in 10s)" in summary
    assert "Tenant      acme" in summary
    assert not [line for line in view(token.link).sum_lines(NOW + 10) if line.startswith("Not before")]


def test_items_wrap() -> None:
    """Short items fill lines of at most 100 columns, under one title."""
    wrapped = titled_items("Checked", ["x" * 25] * 5)
    assert [line[:12].strip() for line in wrapped] == ["Checked", ""]
    assert max(map(len, wrapped)) <= 100
    assert titled_items("Checked", ["y" * 200]) == [f"Checked     {'y' * 200}"]
