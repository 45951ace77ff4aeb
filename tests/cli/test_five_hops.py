"""A chain of five hops with tool arguments, as printed: shown, taken apart hop by hop, and refused."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_transcripts import text

LATER = "2026-12-01T12:18Z"
SHOP = ("--audience", "shop.example.com")
PAY = 'pay(amount, currency) if args.amount <= 500 && args.currency in ["EUR", "USD"]'
CHAIN = (
    [
        *("mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "8h", "--hops", "6", *SHOP),
        *("--can", "files.* /data/**", "--can", "mail.send", "--can", PAY, "--why", "quarterly report"),
    ],
    [
        *("attenuate", "0.token", "--key", "planner.key", "--to", "researcher.pub", "--ttl", "2h", "--hops", "3"),
        *("--can", "files.* /data/**", "--can", "pay(amount, currency)"),
    ],
    [
        *("attenuate", "1.token", "--key", "researcher.key", "--to", "buyer.pub", "--ttl", "1h"),
        *("--can", "files.read /data/q3/**", "--can", "pay", "--if", "!has(args.size) || args.size < 1000"),
    ],
    [
        *("attenuate", "2.token", "--key", "buyer.key"),
        *("--can", "pay", "--if", "args.amount <= 200", "--why", "one invoice"),
    ],
    [
        *("attenuate", "3.token", "--key", "buyer.key", "--to", "clerk.pub", "--ttl", "30m", "--hops", "0"),
        *("--if", 'args.currency == "EUR"'),
    ],
)
TAIL = """\

Grants      pay(amount, currency) if args.amount <= 200 && args.currency == "EUR"
            no other arguments · until 2026-12-01 12:30 UTC (in 12m) · at shop.example.com
            may not be handed on
Checked     signatures 5/5 ✓ · root user:alice@example.com ✓ · in time ✓ · audience not checked
            holder not proven · revocation not checked (no list given)
            names not checked (no directory)
"""


@pytest.fixture
def five(desk: Desk) -> Desk:
    """The desk with the chain in 0.token to 4.token, each a hop longer than the one before."""
    for number, command in enumerate(CHAIN):
        desk.make(f"{number}.token", *command)
    return desk


def test_inspect(five: Desk) -> None:
    """What each block says, and what all five grant together: the bounds on one argument joined to the tightest."""
    ran = five.run("inspect", "4.token", "--root", "alice.pub", now=LATER)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        text("""
            GENUINE  Token of 5 hops, 1186 bytes

            user:alice@example.com
             0 ─▶ agent:planner                      until 2026-12-01 20:00 UTC (in 7h42m)
                  may       files.* /data/**   any arguments
                            mail.send          any arguments
                            pay(amount, currency) if args.amount <= 500 && args.currency in ["EUR", "USD"]
                  at        shop.example.com
                  hands on  6 more times
                  why       "quarterly report"
             1 ─▶ agent:researcher                   until 2026-12-01 14:00 UTC (in 1h42m)
                  may       files.* /data/**        any arguments
                            pay(amount, currency)
                  hands on  3 more times
             2 ─▶ agent:buyer                        until 2026-12-01 13:00 UTC (in 42m)
                  may       files.read /data/q3/**   any arguments
                            pay                      any arguments
                  if        !has(args.size) || args.size < 1000
             3 ─▶ agent:buyer, narrowing its own chain
                  may       pay   any arguments
                  if        args.amount <= 200
                  why       "one invoice"
             4 ─▶ agent:clerk                        until 2026-12-01 12:30 UTC (in 12m)
                  if        args.currency == "EUR"
                  hands on  to nobody
        """)
        + TAIL
    )


def test_inspect_diff(five: Desk) -> None:
    """What hop 0 gives, and what every later hop took away from the hop above."""
    ran = five.run("inspect", "4.token", "--root", "alice.pub", "--diff", now=LATER)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        text("""
            GENUINE  Token of 5 hops, 1186 bytes

            user:alice@example.com
             0 ─▶ agent:planner      files.* /data/**   mail.send
                                     pay(amount, currency) if args.amount <= 500
                                       && args.currency in ["EUR", "USD"]
                                     at shop.example.com   hands on 6 more times   7h42m left of 8h
                                     "quarterly report"
             1 ─▶ agent:researcher   − mail.send   hands on 3 more times   1h42m left of 2h
             2 ─▶ agent:buyer        files.* → files.read   files.read /data/** → /data/q3/**
                                     + !has(args.size) || args.size < 1000 for files.read   42m left of 1h
             3 └─ agent:buyer        − files.read   + args.amount <= 200   "one invoice"
             4 ─▶ agent:clerk        + args.currency == "EUR"   hands on to nobody   12m left of 30m
        """)
        + TAIL
    )


def test_inspect_diff_as_json(five: Desk) -> None:
    """A program finds the same, each change in its own field."""
    said = five.run("inspect", "4.token", "--diff", "--json", now=LATER).json
    assert said["version"] == 1
    assert [each["holder"] for each in said["diff"]][:3] == ["agent:planner", "agent:researcher", "agent:buyer"]
    first, second, third, fourth, fifth = said["diff"]
    assert first["gives"][:2] == ["files.* /data/**", "mail.send"]
    assert (second["removed"], second["hops_by"], second["expires_by_s"]) == (["mail.send"], 3, 6 * 3600)
    assert third["actions"] == [{"before": "files.*", "after": ["files.read"]}]
    assert third["narrowed"] == [{"actions": ["files.read"], "before": ["/data/**"], "after": ["/data/q3/**"]}]
    assert fourth["removed"] == ["files.read"]
    assert fifth["added"] == [{"condition": 'args.currency == "EUR"', "actions": ["pay"]}]
    assert fifth["nothing_left"] is None


def test_verify_explain(five: Desk) -> None:
    """Refused by hop 3, and every hop says so for itself, with the values that it read; the buyer could grant it."""
    request = ("--action", "pay", "--arg", "amount=300", "--arg", "currency=USD")
    proof = five.run("prove", "4.token", "--key", "clerk.key", "--anyway", *SHOP, *request, now=LATER)
    asking = ("verify", "-", "--root", "alice.pub", *SHOP, *request)
    ran = five.run(*asking, "--explain", stdin=proof.out.encode(), now=LATER)
    assert ran.status == 1
    assert ran.out == text("""
        REFUSED  caveat_failed at hop 3 (agent:buyer → agent:buyer)
          request   pay with amount=300, currency="USD"
          holder    agent:clerk, on the authority of user:alice@example.com
          until     2026-12-01 12:30 UTC (in 12m)
          hop 0     agent:planner     ✓ pay(amount, currency) if args.amount <= 500
                                          && args.currency in ["EUR", "USD"]
          hop 1     agent:researcher  ✓ pay(amount, currency)
          hop 2     agent:buyer       ✓ pay · 1 caveat holds
          hop 3     agent:buyer       ✗ args.amount <= 200, and args.amount is 300
          hop 4     agent:clerk       ✗ args.currency == "EUR", and args.currency is "USD"
          agent:buyer can hand out pay without those conditions; agent:clerk cannot.
        Checked     signatures 5/5 ✓ · root user:alice@example.com ✓ · in time ✓
                    audience shop.example.com ✓ · holder proven ✓ · revocation not checked (no list given)
                    used proofs are not remembered between runs · names not checked (no directory)
    """)
    assert ran.err == (
        "refused: hop 3 (agent:buyer → agent:buyer): args.amount <= 200, and args.amount is 300 [caveat_failed]\n"
    )
    said = five.run(*asking, "--json", stdin=proof.out.encode(), now=LATER).json
    explained = said["explanation"]
    assert [each["permits"] for each in explained["verdicts"]] == [True, True, True, False, False]
    assert (explained["grantor"], explained["cannot"]) == ("agent:buyer", ["agent:clerk"])


def test_an_argument_too_many(five: Desk) -> None:
    """A list of arguments names the one that it does not have; hops that close nothing have nothing against it."""
    request = ("--action", "pay", "--arg", "amount=100", "--arg", "currency=EUR", "--arg", "evil=1")
    proof = five.run("prove", "4.token", "--key", "clerk.key", "--anyway", *SHOP, *request, now=LATER)
    asking = ("verify", "-", "--root", "alice.pub", *SHOP, *request)
    ran = five.run(*asking, "--explain", stdin=proof.out.encode(), now=LATER)
    assert ran.status == 1
    hops = [line for line in ran.out.splitlines() if line.startswith("  hop")]
    assert hops[:3] == [
        "  hop 0     agent:planner     ✗ pay(amount, currency), but argument `evil` is not permitted",
        "  hop 1     agent:researcher  ✗ pay(amount, currency), but argument `evil` is not permitted",
        "  hop 2     agent:buyer       ✓ pay · 1 caveat holds",
    ]
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): `pay` is permitted by pay(amount, currency), "
        "but argument `evil` is not permitted [capability_missing]\n"
    )


def test_what_cannot_take_effect_names_the_hop(five: Desk) -> None:
    """An author who hands out what a hop above took away is told which, and gets no token."""
    ran = five.run("attenuate", "4.token", "--key", "clerk.key", "--can", "files.read /data/q3/a", now=LATER)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 3: `files.read /data/q3/a` is nothing of what that hop permits: pay [capability_missing]\n"
    )
