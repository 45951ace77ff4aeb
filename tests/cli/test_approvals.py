"""`delegate ask`, `approve`, `staple`: four stories at the terminal, and how each is refused, stolen or old."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from delegate import Ask, Identity
from delegate.cli.app import main
from delegate.state.sqlite import SqliteStore
from tests.cli.conftest import HERE, NOW, Desk, Ran

PAY = ("--action", "pay", "--arg", "amount=500")
DEAR = ("--action", "pay", "--arg", "amount=50000")
TRUST = ("--root", "alice.pub")
TEAM = [part for stem in ("clerk", "researcher", "summarizer") for part in ("--third-party", f"{stem}.pub")]
NOON = 1_796_126_400  # 2026-12-01T12:00Z
LATER = "2026-12-01T12:10Z"


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A buyer that may pay what two of three confirm."""
    need = "2 of clerk.pub,researcher.pub,summarizer.pub within 15m if said.approved == true"
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay(amount)", "--ttl", "8h",
        "--why", "office chairs", "--need", need,
    )  # fmt: skip
    return desk


def keep(desk: Desk, file: str, *arguments: str, now: str | None = NOW) -> Ran:
    """Run what prints lines for somebody else, and keep them."""
    ran = desk.run(*arguments, now=now)
    assert ran.status == 0, ran.err
    (desk.folder / file).write_text(ran.out)
    return ran


def present(
    desk: Desk, *options: str, request: tuple[str, ...] = PAY, now: str | None = NOW, key: str = "buyer"
) -> Ran:
    """Prove with a holder's key, and verify as the service."""
    files = [option for option in options if option.endswith(".d")]
    rest = [option for option in options if not option.endswith(".d")]
    brought = [part for file in files for part in ("--discharge", file)]
    made = desk.run("prove", f"{key}.token", "--key", f"{key}.key", "--anyway", *HERE, *request, *brought, now=now)
    assert made.status == 0, made.err
    (desk.folder / "x.proof").write_text(made.out)
    return desk.run("verify", "x.proof", *TRUST, *HERE, *TEAM, *request, *rest, now=now)


def approve(desk: Desk, stem: str, *options: str, asks: str = "pay.asks", now: str | None = NOW) -> Ran:
    """Somebody's yes, kept as theirs."""
    return keep(desk, f"{stem}.d", "approve", asks, "--key", f"{stem}.key", "--yes", *options, now=now)


def test_a_payment_is_approved_by_two(shop: Desk) -> None:
    """Refused; asked; approved by two; allowed; refused for another amount, and when the approvals are old."""
    refused = present(shop)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == (
        "refused: hop 0 (user:alice@example.com → agent:buyer): needs 2 of 3 confirmations, has none; could come from "
        "agent:clerk, agent:researcher, agent:summarizer [discharge_missing]\n"
        "others must confirm this: delegate ask writes what to send them, delegate approve answers it\n"
    )
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    approve(shop, "clerk")
    one = present(shop, "clerk.d")
    assert (one.status, "has 1 (agent:clerk); could come from agent:researcher, agent:summarizer [" in one.err) == (
        1,
        True,
    )
    approve(shop, "researcher")
    allowed = present(shop, "clerk.d", "researcher.d")
    assert (allowed.status, allowed.err) == (0, "")
    assert (
        "  until     2026-12-01 20:00 UTC (in 8h)\n  confirmed agent:clerk, agent:researcher\nChecked     "
        in allowed.out
    )
    dear = present(shop, "clerk.d", "researcher.d", request=DEAR)
    assert (dear.status, "by agent:clerk is for another request [discharge_mismatch]" in dear.err) == (1, True)
    old = present(shop, "clerk.d", "researcher.d", now=LATER)
    assert (old.status, "by agent:clerk expired 5m ago [discharge_expired]" in old.err) == (1, True)


def test_whoever_names_no_third_party_is_told_the_option(shop: Desk) -> None:
    """An approval by a key that the service does not know; and a staple, where it knows no revoker."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    approve(shop, "clerk")
    shop.make("x.proof", "prove", "buyer.token", "--key", "buyer.key", *HERE, *PAY, "--discharge", "clerk.d")
    ran = shop.run("verify", "x.proof", *TRUST, *HERE, *PAY)
    assert ran.status == 1
    assert ran.err.startswith("refused: ")
    assert ran.err.endswith("[discharge_unexpected]\nsay whose confirmations count: --third-party bob.pub\n")
    assert "name whom" not in present(shop, "clerk.d", "--third-party", "planner.pub").err
    shop.make(
        "planner.token", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "pay", "--ttl", "8h",
        "--fresh", "5m",
    )  # fmt: skip
    keep(shop, "s.d", "staple", "planner.token", "--key", "alice.key", "--yes")
    ran = present(shop, "s.d", key="planner")
    assert ran.err.startswith("refused: ")
    assert ran.err.endswith("\nsay whose staples count: --revoker alice.pub\n")


def test_an_approval_serves_once(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state that services share, the same approvals pay once."""
    monkeypatch.setattr("delegate.cli.options.time", SimpleNamespace(time=lambda: NOON))
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    approve(shop, "clerk")
    approve(shop, "researcher")
    state = ("--state", "sqlite:///state.db")
    SqliteStore(shop.folder / "state.db", since=0).close()  # whatever the time of the test: before noon
    assert present(shop, "clerk.d", "researcher.d", *state, now=None).status == 0
    again = present(shop, "clerk.d", "researcher.d", *state, now=None)
    assert (again.status, "agent:clerk's discharge has been used [replayed]" in again.err) == (1, True)


def test_what_an_approver_reads(shop: Desk) -> None:
    """All of the request, whole; what is claimed is called so; the answer is on the terminal."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", stdin=b"y\n")
    assert ran.status == 0
    assert ran.out.startswith("dlgd_")
    key = Identity.from_seed("agent:buyer", bytes([5]) * 32).public_key
    block = Ask.parse((shop.folder / "pay.asks").read_text()).block_id[:8]
    assert ran.err == (
        "agent:clerk is asked for one of 2 confirmations that the holder still needs:\n"
        "  Binds     this one request, under this one chain, once:\n"
        "    action  pay\n"
        '    with    "amount": 500\n'
        f"    block   {block.hex()}…, need 1 of that block\n"
        "  Claims    who asks, on whose behalf and why: only claimed, and not checked\n"
        f"    holder  agent:buyer, key {key.thumbprint[:8].hex()}…\n"
        "    for     user:alice@example.com\n"
        '    why     "office chairs"\n'
        "  Wants     said.approved == true\n"
        "            and no older than 15m\n"
        '  You say   {"approved": true}\n'
        "            valid for 5m\n"
        "Confirm pay with 1 argument? [y/N]: confirmed by agent:clerk, valid until 2026-12-01 12:05 UTC (in 5m)\n"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"n\n", "refused: not confirmed\n"),
        (b"\n", "refused: not confirmed\n"),
        (b"", "\nrefused: not confirmed; a script can use --yes\n"),
    ],
    ids=["no", "silence", "end"],
)
def test_nothing_is_signed_without_a_yes(shop: Desk, answer: bytes, words: str) -> None:
    """No, nothing, or nobody there: no discharge."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", stdin=answer)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.endswith(f"Confirm pay with 1 argument? [y/N]: {words}")


@pytest.mark.parametrize("answer", [b"maybe\ny\n", b"\xff\xfe\nYES\n"], ids=["a word", "no text"])
def test_an_answer_that_is_none_is_asked_for_again(shop: Desk, answer: bytes) -> None:
    """What is neither yes nor no confirms nothing and refuses nothing."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", stdin=answer)
    assert (ran.status, ran.out[:5], ran.out.count("\n")) == (0, "dlgd_", 1)
    question = "Confirm pay with 1 argument? [y/N]: "
    assert f"{question}please answer y or n\n{question}confirmed by agent:clerk" in ran.err


def test_a_request_cannot_draw_lines_of_its_own(shop: Desk) -> None:
    """Line ends, escapes and direction marks in an argument are shown as what they are, behind their own label."""
    evil = '5\n    with    "amount": 1\x1b[2J\u202e'
    (ask,) = [
        Ask.parse(line)
        for line in keep(
            shop, "pay.asks", "ask", "buyer.token", "--action", "pay", "--arg-text", f"amount={evil}", now=None
        ).out.split()
    ]
    assert ask.request is not None
    assert ask.request.args["amount"] == evil
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", "--yes")
    lines = ran.err.splitlines()
    assert [line for line in lines if line.startswith("    with ")] == [
        '    with    "amount": "5\\n \\x20\\x20\\x20with \\x20\\x20\\x20\\"amount\\": 1\\u001b[2J\\u202e"'
    ]
    assert all(character.isprintable() or character == "\n" for character in ran.err)


def test_blanks_draw_nothing(shop: Desk) -> None:
    """A value of blanks, or of what looks like one, is written out; what is confirmed is said again at the end."""
    value = "a" + "  " * 30 + "\u3164\u2800\xa0\ufe0f"
    keep(shop, "pay.asks", "ask", "buyer.token", "--action", "pay", "--arg-text", f"amount={value}", now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", stdin=b"n\n")
    shown = ran.err.partition("    with    ")[2].partition("    block")[0]
    shown = "".join(line.strip() for line in shown.splitlines())
    assert "  " not in shown
    assert "\\u3164\\u2800\\xa0\\ufe0f" in shown
    assert "Confirm pay with 1 argument? [y/N]: " in ran.err


def test_what_is_confirmed_is_shown_with_json_too(shop: Desk) -> None:
    """Stdout is the object alone; whoever answers reads the question."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", "--json", stdin=b"y\n")
    assert ran.status == 0
    assert json.loads(ran.out)["by"] == "agent:clerk"
    assert '    with    "amount": 500\n' in ran.err
    assert shop.run("approve", "pay.asks", "--key", "clerk.key", "--json", "--yes").err == ""


def test_an_approval_at_the_end_of_time(shop: Desk) -> None:
    """No discharge is good for longer than there are times; none is a fault."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "clerk.key", "--yes", "--ttl", "5m", now="253402300700")
    assert (ran.status, "fault" in ran.err) == (0, False)


def test_an_ask_as_an_argument_and_a_resource(desk: Desk) -> None:
    """A short ask need be in no file; what a request is asked of is shown too."""
    desk.make(
        "planner.token", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "files.read /data/**", "--ttl",
        "8h", "--need", "clerk.pub",
    )  # fmt: skip
    ran = desk.run("ask", "planner.token", "--action", "files.read", "--resource", "/data/a", now=None)
    ran = desk.run("approve", ran.out.strip(), "--key", "clerk.key", "--yes")
    assert ran.status == 0
    assert "    action  files.read\n    on      /data/a\n    block   " in ran.err


def test_an_ask_for_every_request_shows_what_the_chain_permits(desk: Desk) -> None:
    """No request: all that the chain permits. With one, that one, though the need is standing; and once."""
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay(amount) if args.amount <= 500",
        "--can", "mail.send", "--ttl", "8h", "--need", "clerk.pub standing",
    )  # fmt: skip
    ran = keep(desk, "a.asks", "ask", "buyer.token", now=None)
    ran = desk.run("approve", "a.asks", "--key", "clerk.key", stdin=b"n\n")
    assert (
        "  Binds     this need of this block, and every request below it until it expires:\n"
        "    any of  pay(amount) if args.amount <= 500\n"
        "            mail.send\n"
    ) in ran.err
    keep(desk, "a.asks", "ask", "buyer.token", *PAY, now=None)
    ran = desk.run("approve", "a.asks", "--key", "clerk.key", stdin=b"n\n")
    assert "this one request, under this one chain, once:\n    action  pay\n" in ran.err
    ran = desk.run("mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay", "--ttl", "8h", "--standing")
    assert (ran.status, "--standing is about --need, and there is none" in ran.err) == (2, True)


def test_bytes_and_an_object_that_looks_like_them_are_shown_apart(desk: Desk) -> None:
    """`{"base16": "00"}` is bytes, `{"$base16": "00"}` an object; whoever approves sees which."""
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay", "--ttl", "8h",
        "--need", "clerk.pub",
    )  # fmt: skip
    for given, line in (('{"base16": "00"}', "h'00'"), ('{"$base16": "00"}', '{"base16": "00"}')):
        keep(desk, "a.asks", "ask", "buyer.token", "--action", "pay", "--arg", f"x={given}", now=None)
        ran = desk.run("approve", "a.asks", "--key", "clerk.key", stdin=b"n\n")
        assert f'    with    "x": {line}\n' in ran.err
    ran = desk.run("ask", "buyer.token", "--action", "pay", "--arg", 'x={"base16": "0"}', now=None)
    assert (ran.status, "`base16` is not pairs of hex digits" in ran.err) == (2, True)


def test_who_is_not_asked_signs_nothing(shop: Desk) -> None:
    """Alice is not among the three; junk is no ask; stdin cannot be ask and answer."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)
    ran = shop.run("approve", "pay.asks", "--key", "alice.key", "--yes")
    assert (ran.status, ran.err) == (1, "refused: none of these asks is for user:alice@example.com\n")
    (shop.folder / "junk").write_text("dlga_AAAA")
    assert shop.run("approve", "junk", "--key", "clerk.key", "--yes").status == 3
    (shop.folder / "empty").write_text("")
    assert shop.run("approve", "empty", "--key", "clerk.key", "--yes").status == 3
    assert shop.run("approve", "-", "--key", "clerk.key").status == 2
    assert shop.run("approve", "missing", "--key", "clerk.key", "--yes").status == 5
    ran = shop.run("approve", "-", "--key", "clerk.key", "--yes", stdin=(shop.folder / "pay.asks").read_bytes())
    assert (ran.status, ran.out[:5]) == (0, "dlgd_")
    assert shop.run("approve", "pay.asks", "--key", "clerk.key", "--yes", "--says", f"n={'x' * 9000}").status == 2


def test_asking_needs_the_request_and_a_need(shop: Desk, story: Desk) -> None:
    """Where a need is for each request, which one; where there is none, that is said."""
    ran = shop.run("ask", "buyer.token", now=None)
    assert (ran.status, "give the request: --action pay" in ran.err) == (2, True)
    ran = story.run("ask", "planner.token", now=None)
    assert (ran.status, ran.out, ran.err) == (0, "", "this chain needs no confirmation by others\n")
    asked = shop.run("ask", "buyer.token", *PAY, "--json", now=None).json["asks"]
    assert [(each["of"], len(each["by"]), each["permits"]) for each in asked] == [(2, 3, [])]
    assert asked[0]["request"] == {"action": "pay", "resource": None, "args": {"amount": 500}}


@pytest.mark.parametrize(
    "need", ["", "3 of clerk.pub", "0 of clerk.pub", "clerk.pub within ever", "clerk.pub,clerk.pub"]
)
def test_a_need_that_is_none_is_a_usage_error(desk: Desk, need: str) -> None:
    """More than there are, no file, a word that is not a duration, one key twice."""
    ran = desk.run("mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay", "--ttl", "1h", "--need", need)
    assert (ran.status, ran.out) == (2, "")


def test_a_workload_is_attested(desk: Desk) -> None:
    """An attestor says which code a real process runs; refused for other code, and for another's key."""
    code = hashlib.sha256(Path(sys.executable).read_bytes()).hexdigest()
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay(amount)", "--ttl", "8h",
        "--hops", "1", "--standing", "--need", f"clerk.pub if said.key == holder.key && said.code == '{code}'",
    )  # fmt: skip
    assert present(desk).status == 1
    ask = Ask.parse(keep(desk, "a.asks", "ask", "buyer.token", now=None).out)
    key = ask.holder_key.hex()
    approve(desk, "clerk", "--says", f"key={key}", "--says", f"code={code}", asks="a.asks")
    assert present(desk, "clerk.d").status == 0
    desk.make("planner.token", "attenuate", "buyer.token", "--key", "buyer.key", "--to", "planner.pub")
    other = present(desk, "clerk.d", key="planner")
    assert (other.status, "[discharge_refused]" in other.err) == (1, True)
    approve(desk, "clerk", "--says", f"key={key}", "--says", f"code={'0' * 64}", asks="a.asks")
    assert "[discharge_refused]" in present(desk, "clerk.d").err


def test_a_member_is_told_by_the_identity_provider(desk: Desk) -> None:
    """Whoever is in the group; refused for another group, and where the claims are by somebody else."""
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay(amount)", "--ttl", "8h",
        "--need", "clerk.pub standing within 1h if 'oncall' in said.groups",
    )  # fmt: skip
    keep(desk, "a.asks", "ask", "buyer.token", now=None)
    approve(desk, "clerk", "--says", 'groups=["staff","oncall"]', asks="a.asks")
    assert present(desk, "clerk.d").status == 0
    stolen = present(desk, "clerk.d", request=DEAR)
    assert stolen.status == 0  # a membership is for every request of this chain
    desk.make(
        "planner.token", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "pay(amount)", "--ttl", "8h",
        "--standing", "--need", "clerk.pub if 'oncall' in said.groups",
    )  # fmt: skip
    assert "is for another block or need [discharge_mismatch]" in present(desk, "clerk.d", key="planner").err
    approve(desk, "clerk", "--says", 'groups=["staff"]', asks="a.asks")
    assert "[discharge_refused]" in present(desk, "clerk.d").err


def test_a_staple_stands_in_for_a_list(desk: Desk) -> None:
    """Refused as stale; looked up and stapled; allowed; refused when it is old, or something was revoked."""
    desk.make(
        "buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay(amount)", "--ttl", "8h",
        "--fresh", "5m",
    )  # fmt: skip
    heeding = ("--revoker", "alice.pub")
    assert "[revocation_stale]" in present(desk, *heeding).err
    ran = desk.run("staple", "buyer.token", "--key", "alice.key")
    assert (ran.status, "say where to look it up:" in ran.err) == (2, True)
    ran = keep(desk, "s.d", "staple", "buyer.token", "--key", "alice.key", "--yes")
    assert ran.err == "user:alice@example.com: nothing in it is revoked as of now, down to agent:buyer\n"
    allowed = present(desk, "s.d", *heeding, now="2026-12-01T12:00:03Z")
    assert allowed.status == 0
    assert " not revoked ✓ (stapled by user:alice@example.com, 3s old)\n" in allowed.out
    desk.run("revoke", "--holder", "clerk.pub", "--key", "clerk.key", "--list", "r.dlgr")
    strangers = present(desk, "s.d", *heeding, "--revocations", "r.dlgr")
    assert "not revoked ✓ (stapled by user:alice@example.com, 0s old)" in strangers.out
    unmet = present(desk, "s.d", *heeding, "--explain", "--policy", "args.amount < 5")
    assert (unmet.status, "not revoked ✓ (stapled by user:alice@example.com, 0s old)" in unmet.out) == (1, True)
    keep(desk, "odd.d", "staple", "buyer.token", "--key", "planner.key", "--yes")
    odd = present(desk, "s.d", "odd.d", *heeding, "--explain")
    assert (odd.status, "revocation not checked" in odd.out) == (1, True)
    assert "[revocation_stale]" in present(desk, "s.d", *heeding, now=LATER).err
    assert "[discharge_unexpected]" in present(desk, "s.d", "--revoker", "planner.pub").err


def test_nobody_vouches_by_a_list_that_says_nothing_of_now(desk: Desk) -> None:
    """Of the key that staples, and of each revoker named, the newest list must be there, in time and young enough."""
    desk.make("buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay", "--ttl", "8h")
    desk.run("revoke", "--holder", "clerk.pub", "--key", "clerk.key", "--list", "clerk.dlgr")
    desk.run("revoke", "--holder", "clerk.pub", "--key", "alice.key", "--list", "alice.dlgr")
    staple = ("staple", "buyer.token", "--key", "alice.key", "--revocations")
    for options, now, words in (
        (("clerk.dlgr",), NOW, "no list by user:alice@example.com was checked"),
        (("alice.dlgr", "--revoker", "planner.pub"), NOW, "no list by agent:planner was checked"),
        (("alice.dlgr",), "2026-12-03T12:00:00Z", "the list by user:alice@example.com expired 1d ago"),
        (
            ("alice.dlgr", "--revoker", "alice.pub", "--max-revocation-age", "5m"),
            "2026-12-01T12:06:00Z",
            "the list by user:alice@example.com is 6m old",
        ),
    ):
        ran = desk.run(*staple, *options, now=now)
        assert (ran.status, ran.out) == (5, "")
        assert ran.err == f"error: {words}; sign a newer one first, or use --yes\n"
    assert desk.run(*staple, "clerk.dlgr", "--yes").status == 0
    assert desk.run(*staple, "alice.dlgr", "--revocations", "clerk.dlgr").status == 0


def test_a_staple_is_refused_where_something_was_revoked(desk: Desk) -> None:
    """The revoker's own list is looked at before it signs."""
    desk.make("buyer.token", "mint", "--key", "alice.key", "--to", "buyer.pub", "--can", "pay", "--ttl", "8h")
    assert desk.run("revoke", "buyer.token", "--key", "alice.key", "--why", "lost", "--list", "r.dlgr").status == 0
    ran = desk.run("staple", "buyer.token", "--key", "alice.key", "--revocations", "r.dlgr")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.endswith("… was revoked: lost\n")
    desk.make("other.token", "mint", "--key", "alice.key", "--to", "clerk.pub", "--can", "pay", "--ttl", "8h")
    assert desk.run("staple", "other.token", "--key", "alice.key", "--revocations", "r.dlgr").status == 0


def test_inspect_shows_what_a_hop_needs(shop: Desk) -> None:
    """How many of whom, and what they must say."""
    ran = shop.run("inspect", "buyer.token")
    assert "      needs     2 of 3 (" in ran.out
    assert shop.run("inspect", "buyer.token", "--json").json["chain"]["hops"][0]["needs"][0].startswith("2 of 3 (")


def test_what_a_hop_needs_is_among_what_it_takes_away(shop: Desk) -> None:
    """In a diff, in what a dry run says would come of it, and in what the hops add up to; and as JSON."""
    shop.make(
        "pair.token", "attenuate", "buyer.token", "--key", "buyer.key", "--need", "clerk.pub within 1h",
    )  # fmt: skip
    keys = {
        stem: Identity.from_seed(f"agent:{stem}", bytes([number]) * 32).public_key.thumbprint
        for number, stem in ((3, "researcher"), (4, "summarizer"), (6, "clerk"))
    }
    team = ", ".join(f"{key[:8].hex()}…" for key in sorted(keys.values()))
    whole = f"2 of 3 ({team}) that said.approved == true, at most 900 s old, for each request"
    one = f"1 of 1 ({keys['clerk'][:8].hex()}…) that said.approved == true, at most 3600 s old, for each request"
    shown = shop.run("inspect", "pair.token", "--diff").out
    dry = shop.run("attenuate", "buyer.token", "--key", "buyer.key", "--need", "clerk.pub within 1h", "--dry-run").out
    for text in (shown, dry.partition("The chain would then be")[2]):
        flat = " ".join(text.split())
        assert flat.count(f"needs {whole}") == 1
        assert flat.count(f" 1 └─ agent:buyer needs {one} ") == 1
        assert f" Needs {whole} {one}" in flat
    said = shop.run("inspect", "pair.token", "--diff", "--json").json
    assert [hop["needs"] for hop in said["diff"]] == [[whole], [one]]
    assert said["chain"]["needs"] == [whole, one]


def test_explain_and_json_say_what_to_ask(shop: Desk) -> None:
    """A refusal as JSON holds the asks that would help; the hop says what it lacks."""
    made = shop.run("prove", "buyer.token", "--key", "buyer.key", *HERE, *PAY)
    (shop.folder / "x.proof").write_text(made.out)
    ran = shop.run("verify", "x.proof", *TRUST, *HERE, *TEAM, *PAY, "--explain")
    assert "  hop 0     agent:buyer  ✗ needs 2 of 3 confirmations, has none\n" in ran.out
    said = shop.run("verify", "x.proof", *TRUST, *HERE, *TEAM, *PAY, "--json").json
    (ask,) = [Ask.parse(each) for each in said["asks"]]
    assert (said["reason"], ask.of, ask.originator) == ("discharge_missing", 2, "user:alice@example.com")


def test_a_closed_terminal_stops_it(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the question: 130, and no discharge."""
    keep(shop, "pay.asks", "ask", "buyer.token", *PAY, now=None)

    class Terminal(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Terminal()))
    assert main(["approve", "pay.asks", "--key", "clerk.key", "--now", NOW]) == 130
