"""What was handed out is taken back, in lists that are carried as files: as somebody at a terminal sees it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from delegate.views import checked
from tests.cli.conftest import HERE, Desk, Prove, asking

TRUST = ("--root", "alice.pub")
READ = asking("/data/q3/a.csv", size=10)
VERIFY = ("verify", "x.proof", *TRUST, *HERE, *READ)
INSPECT = ("inspect", "summarizer.token", *TRUST)
LATER = "2026-12-01T12:20Z"


def revoke(desk: Desk, *arguments: str, by: str = "alice", at: str = "2026-12-01T12:00Z") -> None:
    """Extend the list that is named after its signer."""
    ran = desk.run("revoke", *arguments, "--key", f"{by}.key", "--list", f"{by}.dlgr", now=at)
    assert ran.status == 0, ran.err


def word(desk: Desk, *options: str, now: str = "2026-12-01T12:00Z") -> str:
    """What `inspect` says of revocation."""
    ran = desk.run(*INSPECT, *options, "--json", now=now)
    found = next(each for each in ran.json["checked"] if each["what"] == "revocation")
    return f"{found['words']}, {found['result']}, {found['note']}"


def test_from_handing_out_to_taking_back(story: Desk, proven: Prove) -> None:
    """Allowed; looked up in what was handed out; revoked; refused, in the words of who took it back."""
    proven("/data/q3/a.csv", size=10)
    assert story.run(*VERIFY).status == 0
    listed = story.run("list").out
    first = listed.split()[0]
    assert f"{first}  user:alice@example.com → agent:planner\n          live until 2026-12-01 20:00 UTC" in listed
    ran = story.run("revoke", first, "--key", "alice.key", "--list", "alice.dlgr", "--why", "laptop stolen")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.endswith(
        "user:alice@example.com → agent:planner, and everything below it\n"
        "list: alice.dlgr, number 1, 1 record; sign it again before 2026-12-02 12:00 UTC (in 1d)\n"
    )
    ran = story.run(*VERIFY, "--revocations", "alice.dlgr")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): "
        "it was revoked by user:alice@example.com: laptop stolen [revoked]\n"
    )
    assert story.run("list", "--live", "--revocations", "alice.dlgr").err == "nothing is live\n"


def test_what_a_middle_hop_takes_back(story: Desk, proven: Prove) -> None:
    """The planner takes back what it handed on: that falls, and what stays above still stands."""
    proven("/data/q3/a.csv", size=10)
    revoke(story, "summarizer.token", by="planner")
    ran = story.run(*VERIFY, "--revocations", "planner.dlgr")
    assert ran.status == 1
    assert ran.err == ("refused: hop 1 (agent:planner → agent:researcher): it was revoked by agent:planner [revoked]\n")
    above = story.run("verify", "planner.token", *TRUST, "--revocations", "planner.dlgr")
    assert (above.status, "· not revoked ✓ (1 list, 0s old)" in above.out) == (0, True)


def test_everything_that_checks_heeds_a_list(story: Desk, proven: Prove) -> None:
    """`inspect` shows all the same and ends in the refusal; `verify` of a chain alone and `check` refuse too."""
    proven("/data/q3/a.csv", size=10)
    revoke(story, "summarizer.token")
    for command in (INSPECT, ("verify", "summarizer.token", *TRUST), ("check", "summarizer.token", *TRUST, *READ)):
        ran = story.run(*command, "--revocations", "alice.dlgr")
        assert (ran.status, ran.err.endswith("it was revoked by user:alice@example.com [revoked]\n")) == (1, True)
    ran = story.run(*INSPECT, "--revocations", "alice.dlgr")
    assert ran.out.startswith("GENUINE  Token of 3 hops")
    assert ran.out.endswith("            holder not proven · revoked ✗ · names not checked (no directory)\n")
    ran = story.run(*VERIFY, "--revocations", "alice.dlgr", "--explain")
    assert ran.out == dedent("""\
        REFUSED  revoked at hop 0 (user:alice@example.com → agent:planner)
          request   files.read on /data/q3/a.csv with size=10
          because   it was revoked by user:alice@example.com
          holder    agent:summarizer, on the authority of user:alice@example.com
          until     2026-12-01 12:22 UTC (in 22m)
        Checked     signatures 3/3 ✓ · root user:alice@example.com ✓ · in time ✓
                    audience files.example.com ✓ · holder not proven · revoked ✗
                    names not checked (no directory)
        """)
    said = story.run(*VERIFY, "--revocations", "alice.dlgr", "--json").json
    assert (said["exit"], said["allowed"], said["reason"], said["hop"]) == (1, False, "revoked", 0)
    assert {"what": "revocation", "result": "failed", "words": "revoked", "note": None} in said["checked"]


def test_a_key_takes_itself_back(story: Desk, proven: Prove) -> None:
    """Whoever lost its key says so under that very key: every chain that it holds or signs falls."""
    proven("/data/q3/a.csv", size=10)
    revoke(story, "--holder", "summarizer.pub", "--why", "key lost", by="summarizer")
    ran = story.run(*VERIFY, "--revocations", "summarizer.dlgr")
    assert ran.status == 1
    assert ran.err == (
        "refused: hop 2 (agent:researcher → agent:summarizer): "
        "a key in it was revoked by agent:summarizer: key lost [revoked]\n"
    )
    revoke(story, "--holder", "researcher.pub", by="researcher")
    ran = story.run(*VERIFY, "--revocations", "researcher.dlgr")
    assert ran.err.startswith("refused: hop 2 (agent:researcher → agent:summarizer): a key in it was revoked by ")


def test_another_s_key_falls_by_a_revoker_s_word_alone(story: Desk, proven: Prove) -> None:
    """Alice has no say over the researcher's key, unless the service gave her one."""
    proven("/data/q3/a.csv", size=10)
    revoke(story, "--holder", "researcher.pub")
    assert story.run(*VERIFY, "--revocations", "alice.dlgr").status == 0
    ran = story.run(*VERIFY, "--revocations", "alice.dlgr", "--revoker", "alice.pub")
    assert (ran.status, "a key in it was revoked by user:alice@example.com [revoked]" in ran.err) == (1, True)


def test_what_was_checked_says_whose_lists_and_how_old(story: Desk) -> None:
    """None, one, several, one that is overdue; a stranger's is no check, unless the service listens to it."""
    assert word(story) == "revocation not checked, not checked, no list given"
    revoke(story, "--holder", "clerk.pub", at="2026-12-01T10:00Z")
    assert word(story, "--revocations", "alice.dlgr") == "not revoked, held, 1 list, 2h old"
    revoke(story, "--holder", "clerk.pub", "--ttl", "15m", by="planner")
    both = ("--revocations", "alice.dlgr", "--revocations", "planner.dlgr")
    assert word(story, *both) == "not revoked, held, 2 lists, the oldest 2h old"
    assert word(story, *both, now=LATER) == "not revoked, held, 2 lists, the oldest 2h20m old, overdue"
    revoke(story, "--holder", "clerk.pub", by="buyer")
    stranger = ("--revocations", "buyer.dlgr")
    assert word(story, *stranger) == "revocation not checked, not checked, no list by anyone whose word counts"
    assert word(story, *stranger, "--revoker", "buyer.pub") == "not revoked, held, 1 list, 0s old"


def test_a_newer_list_stands_for_the_older(story: Desk) -> None:
    """Two lists of one signer are one word, as old as the newer; what either takes back is taken back."""
    revoke(story, "--holder", "clerk.pub", at="2026-12-01T10:00Z")
    (story.folder / "old.dlgr").write_text((story.folder / "alice.dlgr").read_text())
    revoke(story, "--holder", "buyer.pub")
    for files in (("old.dlgr", "alice.dlgr"), ("alice.dlgr", "old.dlgr")):
        options = [part for file in files for part in ("--revocations", file)]
        assert word(story, *options) == "not revoked, held, 1 list, 0s old"


def test_a_check_behind_the_one_that_refused_was_not_made(story: Desk, proven: Prove) -> None:
    """Expired, or for another service: nobody was asked whether it was revoked."""
    revoke(story, "--holder", "clerk.pub")
    listed = ("--revocations", "alice.dlgr")
    assert word(story, *listed, now="2026-12-01T13:00Z") == "revocation not checked, not checked, None"
    proven("/data/q3/a.csv", size=10)
    elsewhere = ("verify", "x.proof", *TRUST, "--audience", "other.example.com", *READ, *listed, "--explain")
    ran = story.run(*elsewhere)
    assert "audience other.example.com ✗ · holder not proven · revocation not checked\n" in ran.out
    assert "· audience not checked\n" in story.run(*elsewhere, now="2026-12-01T13:00Z").out


def test_stale(story: Desk, proven: Prove) -> None:
    """Whose lists must be fresh, how fresh, and what is said where they are not: status 5, with what helps."""
    proven("/data/q3/a.csv", size=10)
    revoke(story, "--holder", "clerk.pub", at="2026-12-01T10:00Z")
    bound = ("--revoker", "alice.pub", "--max-revocation-age")
    listed = ("--revocations", "alice.dlgr")
    assert story.run(*VERIFY, *listed, *bound, "2h").status == 0
    ran = story.run(*VERIFY, *listed, *bound, "1h")
    assert (ran.status, ran.out, ran.err) == (
        5,
        "",
        "error: the list by user:alice@example.com is 7200 s old; 3600 s is the most allowed [revocation_stale]\n",
    )
    ran = story.run(*VERIFY, *bound, "1h")
    assert ran.status == 5
    assert ran.err == (
        "error: no list by user:alice@example.com has been seen [revocation_stale]\n"
        "say where their lists are: --revocations FILE or --state URL\n"
    )
    assert word(story, *listed, *bound, "1h") == "revocation data is stale, failed, None"
    assert story.run(*INSPECT, *listed, *bound, "1h").status == 5


def test_a_chain_that_asks_for_fresh_data(desk: Desk) -> None:
    """`--fresh`: a service that listens to nobody is told so; one with a fresh list decides."""
    mint = ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "files.read /data/**", "--ttl", "8h")
    desk.make("t", *mint, "--fresh", "1h")
    desk.make("x.proof", "prove", "t", "--key", "planner.key", *HERE, *READ)
    ran = desk.run(*VERIFY)
    assert ran.status == 5
    assert ran.err == (
        "error: hop 0 (user:alice@example.com → agent:planner): "
        "this verifier has no revokers whose lists could be fresh [revocation_stale]\n"
        "say whose lists must be fresh: --revoker alice.pub, with --revocations or --state\n"
    )
    revoke(desk, "--holder", "clerk.pub")
    assert desk.run(*VERIFY, "--revocations", "alice.dlgr", "--revoker", "alice.pub").status == 0
    assert "\n      fresh     revocation data at most 1h old\n" in desk.run("inspect", "t").out
    desk.make("narrower", "attenuate", "t", "--key", "planner.key", "--fresh", "5m")
    assert "\n      fresh     revocation data at most 5m old\n" in desk.run("inspect", "narrower").out


def test_a_list_from_stdin(story: Desk) -> None:
    """As everywhere: `-`; but stdin is one thing."""
    revoke(story, "summarizer.token")
    content = (story.folder / "alice.dlgr").read_bytes()
    assert story.run(*INSPECT, "--revocations", "-", stdin=content).status == 1
    assert story.run(*INSPECT, "--revocations", "-", stdin=b"x").err.startswith("not a revocation list: stdin: ")
    for more in (("inspect", "-", *TRUST), (*INSPECT, "--revocations", "-")):
        ran = story.run(*more, "--revocations", "-", stdin=content)
        assert (ran.status, "standard input can hold only one thing" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((*INSPECT, "--max-revocation-age", "1h"), 2, "say whose lists: --revoker"),
        ((*INSPECT, "--revocations", "missing.dlgr"), 5, "no such file: missing.dlgr"),
        ((*INSPECT, "--revoker", "missing.pub"), 5, "missing.pub: "),
        ((*INSPECT, "--revocations", "alice.pub"), 3, "not a revocation list: alice.pub: "),
        ((*INSPECT, "--revoker", "alice.pub", "--revoker", "alias.pub"), 2, "one key under two names"),
        (("inspect", "summarizer.token", "--revocations", "x"), 2, "give --root"),
        (("inspect", "summarizer.token", "--revoker", "alice.pub"), 2, "give --root"),
    ],
)
def test_what_is_refused(story: Desk, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Options that do not go together, and files that are not what they should be."""
    line = (story.folder / "alice.pub").read_text()
    (story.folder / "alias.pub").write_text(line.replace("user:alice@example.com", "user:alias@example.com"))
    ran = story.run(*arguments)
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.err


def test_ages_are_told_as_people_tell_them() -> None:
    """The item alone: the note stands behind the mark."""
    assert str(checked.not_revoked(1, 7300, overdue=False)) == "not revoked ✓ (1 list, 2h1m old)"
    assert str(checked.revocation_unchecked("no list given")) == "revocation not checked (no list given)"
    assert str(checked.revocation_unchecked()) == "revocation not checked"
