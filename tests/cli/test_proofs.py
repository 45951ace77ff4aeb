"""`delegate can` and `diff`: what a chain can ever do, shown or proved."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Desk

PATIENT = ("--time-limit", "60")  # whether a machine is busy must not matter
ROOT = ("--root", "alice.pub", *PATIENT)


def test_never_with_a_proof(story: Desk) -> None:
    """Status 0 of `--never` means proved."""
    ran = story.run("can", "planner.token", *ROOT, "--never", "args.amount > 500 && action == 'pay'")
    assert (ran.status, ran.out) == (0, "NEVER  no request does that: proved, exact\n")


def test_yes_with_an_example_that_the_verifier_allows(story: Desk) -> None:
    """And what the example would be asked with; the request is one that `check` allows."""
    condition = "action == 'mail.send' && args.size > 400"
    ran = story.run("can", "planner.token", *ROOT, "--ever", condition)
    assert ran.status == 0
    assert ran.out.startswith('YES  for example:\n  ["mail.send", null, {"size": 401}]')
    assert "asked at files.example.com at 2026-" in ran.out
    found = story.run("can", "planner.token", *ROOT, "--ever", condition, "--json").json
    assert (found["verdict"], found["genuine"], found["still_wanted"]) == ("yes", True, None)
    (story.folder / "request.json").write_text(json.dumps(found["example"]["request"]))
    assert story.run("check", "planner.token", "--root", "alice.pub", "--request", "request.json").status == 0


def test_never_fails_where_there_is_such_a_request(story: Desk) -> None:
    """With the request; and `--ever` fails where there is none."""
    ran = story.run("can", "planner.token", *ROOT, "--never", "args.amount == 500")
    assert ran.status == 1
    assert ran.out.startswith("YES  for example:")
    assert "there is such a request" in ran.err
    ran = story.run("can", "planner.token", *ROOT, "--ever", "args.amount == 501 && action == 'pay'", "--json")
    assert ran.status == 1
    assert (ran.json["verdict"], ran.json["exact"], ran.json["detail"]) == ("never", True, "there is no such request")


def test_what_cannot_be_told_fails_both(story: Desk) -> None:
    """And says what stood in the way."""
    long = "args.s.matches('(a|b)*a(a|b){40}c') && !args.s.matches('(a|b)*a(a|b){20}(a|b){20}c')"
    for way in ("--ever", "--never"):
        ran = story.run("can", "planner.token", *ROOT, way, f"action == 'mail.send' && {long}", "--time-limit", "0.6")
        assert ran.status == 1
        assert ran.out == "CANNOT TELL\n  it takes more than 0.6 s\n"
        assert "neither" in ran.err


def test_without_a_root_it_is_about_what_is_claimed(story: Desk) -> None:
    """And says so; a root that did not sign is no root."""
    ran = story.run("can", "planner.token", *PATIENT, "--never", "args.amount > 500 && action == 'pay'")
    assert ran.status == 0
    assert "CLAIMED, not checked" in ran.out
    ran = story.run("can", "planner.token", *PATIENT, "--never", "false || args.x == 1 && args.x == 2", "--json")
    assert ran.json["genuine"] is None
    ran = story.run("can", "planner.token", "--root", "planner.pub", "--never", "args.amount > 500")
    assert ran.status == 4
    assert "NEVER" not in ran.out


def test_what_a_service_wants_beside_the_conditions_is_said(desk: Desk) -> None:
    """A confirmation by somebody else, a budget: no condition forbids it."""
    desk.make(
        "need.token",
        *("mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "1h", "--can", "pay", "--need", "clerk.pub"),
    )
    ran = desk.run("can", "need.token", *ROOT, "--ever", "action == 'pay'")
    assert ran.status == 0
    assert "a service would still want" in ran.out
    found = desk.run("can", "need.token", *ROOT, "--ever", "action == 'pay'", "--json").json
    assert found["still_wanted"] == "discharge_missing"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--ever CONDITION, or --never CONDITION"),
        (("--ever", "true", "--never", "true"), "--ever CONDITION, or --never CONDITION"),
        (("--ever", "args.amount >"), "args.amount >"),
        (("--ever", "nonsense == 1"), "nonsense"),
        (("--ever", "action == 'a'", "--time-limit", "0"), "time-limit"),
    ],
)
def test_what_is_not_asked_is_a_usage_error(story: Desk, options: tuple[str, ...], words: str) -> None:
    """By where it is wrong."""
    ran = story.run("can", "planner.token", *ROOT, *options)
    assert ran.status == 2
    assert words in ran.err


def test_diff_shows_what_each_hop_took_away(story: Desk) -> None:
    """As `inspect --diff` does, and with `--proof` an example of it, or that it is nothing."""
    ran = story.run("diff", "summarizer.token", *ROOT)
    assert ran.status == 0
    assert "agent:summarizer" in ran.out
    assert "takes away" not in ran.out
    ran = story.run("diff", "summarizer.token", *ROOT, "--proof")
    assert ran.status == 0
    assert ran.out.count("takes away, for example:") == 2
    found = story.run("diff", "summarizer.token", *ROOT, "--proof", "--json").json
    assert [(each["hop"], each["verdict"]) for each in found["proof"]] == [(1, "yes"), (2, "yes")]
    assert len(found["diff"]) == 3


def test_a_hop_that_takes_nothing_away(desk: Desk) -> None:
    """Is proved to."""
    desk.make(
        "a.token",
        *(
            "mint",
            "--key",
            "alice.key",
            "--to",
            "planner.pub",
            "--ttl",
            "1h",
            "--hops",
            "2",
            "--can",
            "files.read /a/**",
        ),
    )
    desk.make(
        "b.token",
        *("attenuate", "a.token", "--key", "planner.key", "--to", "researcher.pub", "--can", "files.* /**"),
        *("--can", "files.read /a/**"),
    )
    ran = desk.run("diff", "b.token", *PATIENT, "--proof")
    assert ran.status == 0
    assert "CLAIMED, not checked" in ran.out
    assert "hop 1 takes nothing away: proved\n" in ran.out
