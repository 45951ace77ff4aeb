"""`delegate prove`: what it says before it proves, how an HTTP request is named, and which request it was."""

from __future__ import annotations

import json

import pytest

from delegate import Request
from tests.cli.conftest import HERE, NOW, Desk, asking

KEY = ("--key", "summarizer.key")
PERMITTED = asking("/data/q3/a.csv", size=10)


def prove(
    desk: Desk, *options: str, now: str = NOW, file: str = "summarizer.token", stem: str = "summarizer"
) -> tuple[object, ...]:
    """Status, reason and hop of proving with `--json`; the token where there is one."""
    said = desk.run("prove", file, "--key", f"{stem}.key", *options, "--json", now=now).json
    return said["exit"], said.get("reason"), said.get("hop"), "token" in said


@pytest.mark.parametrize(
    ("options", "now", "expected"),
    [
        ((*HERE, *PERMITTED), NOW, (0, None, None, True)),
        ((*HERE, *PERMITTED), "2026-12-01T12:21:59Z", (0, None, None, True)),
        ((*HERE, *PERMITTED), "2026-12-01T12:22Z", (1, "expired", 2, False)),
        ((*HERE, *PERMITTED), "2026-12-02T12:00Z", (1, "expired", 0, False)),
        ((*HERE, *PERMITTED), "2026-12-01T11:59:30Z", (0, None, None, True)),
        ((*HERE, *PERMITTED), "2026-12-01T11:59:29Z", (1, "not_yet_valid", 0, False)),
        (("--audience", "shop.example.com", *PERMITTED), NOW, (1, "wrong_audience", 0, False)),
        ((*HERE, *asking("/data/q4/a.csv", size=10)), NOW, (1, "capability_missing", 2, False)),
        ((*HERE, "--action", "mail.send", "--arg", "size=10"), NOW, (1, "capability_missing", 1, False)),
        ((*HERE, *asking("/data/q3/a.csv", size=2000000)), NOW, (1, "caveat_failed", 0, False)),
        ((*HERE, *asking("/data/q3/a.csv")), NOW, (1, "caveat_error", 0, False)),
    ],
)
def test_what_the_chain_refuses_is_said_first(
    story: Desk, options: tuple[str, ...], now: str, expected: tuple[object, ...]
) -> None:
    """Reason, hop and status are those of a service; nothing is proven unless it is wanted anyway."""
    assert prove(story, *options, now=now) == expected
    assert prove(story, *options, "--anyway", now=now) == (0, None, None, True)
    if expected[0] == 0:
        return
    proof = story.run("prove", "summarizer.token", *KEY, *options, "--anyway", now=now)
    (story.folder / "x.proof").write_text(proof.out)
    told = story.run("verify", "x.proof", "--root", "alice.pub", *options, "--json", now=now).json
    assert (told["exit"], told["reason"], told["hop"]) == expected[:3]


def test_it_is_said_in_words(story: Desk) -> None:
    """One line on stderr with who refuses and why, and what to do; stdout stays empty."""
    ran = story.run("prove", "summarizer.token", *KEY, *HERE, *asking("/data/q3/a.csv", size=2000000))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): "
        "args.size < 1000000, and args.size is 2000000 [caveat_failed]\n"
        "no proof was made; to make one in spite of this, use --anyway\n"
    )
    ran = story.run("prove", "summarizer.token", *KEY, *HERE, *asking("/data/q3/a.csv", size=2000000), "--anyway")
    assert (ran.status, ran.out[:5]) == (0, "dlgp_")
    assert ran.err.startswith("warning: this is sure to be refused: hop 0 (user:alice@example.com → agent:planner): ")


@pytest.mark.parametrize(
    ("term", "status"),
    [
        (("--can", "a", "--if", "env.region == 'eu'"), 0),
        (("--can", "a", "--if", "has(env.region)"), 0),
        (("--can", "a", "--if", "holder.name == 'agent:planner'"), 0),
        (("--can", "a if env.region == 'eu'"), 0),
        (("--can", "a if env.region == 'eu' && args.n < 5"), 1),
        (("--can", "a", "--if", "env.region == 'eu' && args.n < 5"), 1),
        (("--can", "a", "--if", "env.region == 'eu' || args.n < 5"), 0),
        (("--can", "a if args.n < 5", "--can", "a if env.region == 'eu'"), 0),
        (("--can", "a", "--if", "origin == 'user:alice@example.com' && aud == 'files.example.com'"), 0),
        (("--can", "a", "--if", "origin == 'user:bob@example.com'"), 1),
        (("--can", "a", "--if", "now < timestamp('2026-12-01T12:00:00Z')"), 1),
        (("--can", "a(m)"), 1),
        (("--can", "a", "--budget", "calls=1", "--fresh", "1h", "--tenant", "acme"), 0),
    ],
)
def test_only_what_follows_from_the_chain_is_foreseen(desk: Desk, term: tuple[str, ...], status: int) -> None:
    """What a service alone knows is left to it, and the rest of the same condition is not."""
    desk.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "5m", *term)
    got = prove(desk, *HERE, "--action", "a", "--arg", "n=7", file="t", stem="planner")
    assert (got[0], *got[2:]) == ((0, None, True) if status == 0 else (1, 0, False))


def test_a_bearer_token_is_looked_at_too(desk: Desk) -> None:
    """It has no key file, and expires as well."""
    desk.make("b", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    assert desk.run("prove", "b", *HERE, "--action", "a").status == 0
    assert desk.run("prove", "b", *HERE, "--action", "b").status == 1
    assert desk.run("prove", "b", *HERE, "--action", "a", now="2026-12-01T12:05Z").status == 1


def test_what_others_confirm_is_foreseen(desk: Desk) -> None:
    """A confirmation that is missing can be added to a proof, so it is a note; one that is old or another's is not."""
    desk.make(
        *("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "8h", "--can", "pay"),
        *("--need", "clerk.pub"),
    )
    asked = desk.run("ask", "t", "--action", "pay", "--arg", "n=5", now=None)
    (desk.folder / "asks").write_text(asked.out)
    desk.make("d", "approve", "asks", "--key", "clerk.key", "--yes", "--ttl", "5m")
    here = ("prove", "t", "--key", "planner.key", *HERE, "--action", "pay")
    ran = desk.run(*here, "--arg", "n=5")
    assert ran.status == 0
    assert ran.err.startswith("others must confirm this request: 1 confirmation missing; delegate ask writes")
    assert "confirm" not in desk.run(*here, "--arg", "n=5", "--discharge", "d").err
    for options, now, reason in (
        (("--arg", "n=6"), NOW, "discharge_mismatch"),
        (("--arg", "n=5"), "2026-12-01T12:05Z", "discharge_expired"),
    ):
        said = desk.run(*here, *options, "--discharge", "d", "--json", now=now).json
        assert (said["exit"], said["reason"], said["hop"]) == (1, reason, 0)


HTTP = "https://files.example.com/reports/q3.csv?page=2"


def web(desk: Desk) -> None:
    """A chain for HTTP requests, in w.token."""
    desk.make(
        *("w.token", "mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "8h"),
        *("--can", "http.get https://files.example.com/reports/**"),
        *("--can", "http.post https://files.example.com/pay if args.amount <= 500"),
    )


def test_an_http_request_is_named_as_it_is_sent(desk: Desk) -> None:
    """Method and URL, and the members of a JSON body as arguments: what `Request.http` gives."""
    web(desk)
    (desk.folder / "body.json").write_text('{"amount": 5, "to": "printer"}')
    request = ("--http", "POST", "https://files.example.com/pay", "--json-body", "body.json")
    for options, expected in (
        (("--http", "GET", HTTP), Request.http("GET", HTTP)),
        (request, Request.http("POST", "https://files.example.com/pay", {"amount": 5, "to": "printer"})),
    ):
        ran = desk.run("prove", "w.token", "--key", "planner.key", *HERE, *options, "--json")
        assert ran.json["request"] == expected.to_json()
        assert ran.json["request_text"] == expected.describe()
        (desk.folder / "w.proof").write_text(ran.json["token"])
        assert desk.run("verify", "w.proof", "--root", "alice.pub", *HERE, *options).status == 0
    (desk.folder / "body.json").write_text('{"amount": 5, "to": "thief"}')
    assert desk.run("verify", "w.proof", "--root", "alice.pub", *HERE, *request, "--json").json["reason"] == (
        "proof_wrong_request"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--http", "GET", "/reports"), "not a request"),
        (("--http", "G T", HTTP), "not a request"),
        (("--http", "GET", HTTP, "--action", "a"), "leave out --action"),
        (("--http", "GET", HTTP, "--resource", "/a"), "leave out --action"),
        (("--http", "GET", HTTP, "--request", "body.json"), "--request gives the whole request"),
        (("--action", "a", "--json-body", "body.json"), "--json-body needs --http"),
        (("--http", "GET", HTTP, "--json-body", "body.json", "--args", "body.json"), "not by both"),
        (("--http", "GET", HTTP, "--json-body", "list.json"), "not a JSON object"),
        (("--http", "GET", HTTP, "--json-body", "query.json"), "query"),
        (("--http", "GET", HTTP, "--json-body", "body.json", "--arg", "n=1"), "twice|and so does"),
    ],
)
def test_what_is_no_http_request(desk: Desk, options: tuple[str, ...], words: str) -> None:
    """Wrong usage, in words of the command line."""
    web(desk)
    (desk.folder / "body.json").write_text('{"n": 5}')
    (desk.folder / "list.json").write_text("[5]")
    (desk.folder / "query.json").write_text('{"query": 5}')
    ran = desk.run("prove", "w.token", "--key", "planner.key", *HERE, *options)
    assert (ran.status, ran.out) == (2, "")
    assert any(word in ran.err for word in words.split("|"))


def test_which_request_was_proven_can_be_found_out(story: Desk) -> None:
    """Both sides say the same canonical text; where they differ, verify shows its own."""
    proof = story.run("prove", "summarizer.token", *KEY, *HERE, *PERMITTED)
    (story.folder / "x.proof").write_text(proof.out)
    text = Request("files.read", "/data/q3/a.csv", {"size": 10}).describe()
    assert f"request: {text}\n" in proof.err
    other = asking("/data/q3/a.csv", size="10.5")
    ran = story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *other)
    seen = Request("files.read", "/data/q3/a.csv", {"size": 10.5}).describe()
    assert f"the request here: {seen}\n" in ran.err
    said = json.loads(story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *other, "--json").out)
    assert (said["reason"], said["request_text"]) == ("proof_wrong_request", seen)
    assert "the request here" not in story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *PERMITTED).err
