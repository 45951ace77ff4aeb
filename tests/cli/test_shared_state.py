"""`--state`: what verifiers share, at the terminal: proofs that serve once, budgets, revocations that apply at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from types import SimpleNamespace
from typing import TypeVar

import pytest

from delegate import Identity, Reason, RevocationList, StateError
from delegate.core.chain.printable import shown
from delegate.core.chain.revocations import Feed, Record
from delegate.state import Charge, Claim, MemoryLedger, MemoryReplay, MemoryRevocations, Outcome, connect
from delegate.state.sqlite import SqliteStore
from tests.cli.conftest import HERE, Desk, Ran, asking

T = TypeVar("T")
NOON = 1_796_126_400  # 2026-12-01T12:00Z
TRUST = ("--root", "alice.pub")
READ = asking("/data/a.csv")
STATE = ("--state", "sqlite:///state.db")
VERIFY = ("verify", "x.proof", *TRUST, *HERE, *READ)
MINT = ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "files.read /data/**", "--ttl", "8h")


@pytest.fixture
def clerk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk at noon: with a state, the system's clock is what counts."""
    monkeypatch.setattr("delegate.cli.options.time", SimpleNamespace(time=lambda: NOON))
    SqliteStore(desk.folder / "state.db", since=0).close()  # whatever the time of the test: before noon
    return desk


def ask(desk: Desk, *options: str, file: str = "t") -> Ran:
    """Prove with the planner's key, and verify."""
    desk.make("x.proof", "prove", file, "--key", "planner.key", *HERE, *READ)
    return desk.run(*VERIFY, *options, now=None)


def test_three_calls_and_no_fourth(clerk: Desk) -> None:
    """A budget of three calls: three are allowed, the fourth is refused; what is left can be looked up."""
    clerk.make("t", *MINT, "--budget", "calls=3")
    ran = ask(clerk, *STATE)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == dedent("""\
        ALLOWED
          request   files.read on /data/a.csv
          holder    agent:planner, on the authority of user:alice@example.com
          until     2026-12-01 20:00 UTC (in 8h)
        Checked     signatures 1/1 ✓ · root user:alice@example.com ✓ · in time ✓
                    audience files.example.com ✓ · holder proven ✓
                    revocation not checked (no list by anyone whose word counts)
                    used proofs are remembered ✓ · budget charged: 1 calls ✓
                    names not checked (no directory)
        """)
    assert ask(clerk, *STATE).status == 0
    assert clerk.run("budget", "show", "t", *STATE, now=None).out == (
        " 0  user:alice@example.com → agent:planner\n    calls: 2 of 3 spent, 1 left\n"
    )
    assert ask(clerk, *STATE).status == 0
    ran = ask(clerk, *STATE)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): calls: 1 needed, and 0 of 3 left [budget_exhausted]\n"
    )
    explained = clerk.run(*VERIFY, *STATE, "--explain", now=None).out
    assert "\n  because   calls: 1 needed, and 0 of 3 left\n" in explained
    assert " · budget exhausted ✗\n" in explained


def test_what_a_request_costs(clerk: Desk) -> None:
    """`--cost` is the service's word; a unit of the chain that it leaves out denies, and says what helps."""
    clerk.make("t", *MINT, "--budget", "usd_cents=1000", "--budget", "calls=50")
    ran = ask(clerk, *STATE)
    assert ran.status == 1
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): "
        "the service gave no cost in usd_cents [budget_unpriced]\n"
        "say what the request costs: --cost UNIT=AMOUNT\n"
    )
    ran = ask(clerk, *STATE, "--cost", "usd_cents=320")
    assert (ran.status, "budget charged: 1 calls, 320 usd_cents ✓" in ran.out) == (0, True)
    ran = ask(clerk, *STATE, "--cost", "usd_cents=600", "--cost", "calls=2", "--cost", "tokens=9", "--json")
    assert ran.json["charged"] == {"calls": 2, "usd_cents": 600}
    spent = clerk.run("budget", "show", "t", *STATE, "--json", now=None).json["pools"]
    assert [(pool["unit"], pool["spent"], pool["left"]) for pool in spent] == [
        ("calls", 3, 47),
        ("usd_cents", 920, 80),
    ]
    ran = ask(clerk, *STATE, "--cost", "usd_cents=81", "--json")
    assert (ran.status, ran.json["reason"], ran.json["charged"]) == (1, "budget_exhausted", {})


def test_a_budget_needs_a_state(clerk: Desk) -> None:
    """Nowhere to count is no allowance; a look at the chain says only that nothing was charged."""
    clerk.make("t", *MINT, "--budget", "calls=3")
    ran = ask(clerk)
    assert (ran.status, ran.out) == (5, "")
    assert ran.err == (
        "error: hop 0 (user:alice@example.com → agent:planner): "
        "this verifier has no ledger to charge budgets in [budget_unavailable]\n"
        "budgets are charged in a store: --state sqlite:///state.db, redis://… or postgresql://…\n"
    )
    assert "budget unavailable ✗" in clerk.run(*VERIFY, "--explain", now=None).out
    connect(STATE[1]).close()
    assert "budget" not in clerk.run("inspect", "t", *TRUST, *STATE, now=None).out.partition("Checked")[2]
    assert clerk.run("budget", "show", "t", *STATE, now=None).out.endswith("0 of 3 spent, 3 left\n")


def test_check_says_whether_enough_is_left(clerk: Desk) -> None:
    """Nothing is charged; without a state a pool is as full as it was made; of a unit nobody priced nothing is said."""
    clerk.make("t", *MINT, "--budget", "usd_cents=1000", "--budget", "calls=1")
    check = ("check", "t", *TRUST, *READ)
    ran = clerk.run(*check, now=None)
    assert (ran.status, " · budget not charged\n" in ran.out) == (0, True)
    assert clerk.run(*check, "--cost", "usd_cents=1000", now=None).status == 0
    assert clerk.run(*check, "--cost", "usd_cents=1001", now=None).status == 1
    connect(STATE[1]).close()
    ran = clerk.run(*check, *STATE, now=None)
    assert (ran.status, "budget not charged (enough is left)" in ran.out) == (0, True)
    ran = clerk.run(*check, "--cost", "calls=1", now=None)
    assert (ran.status, ran.err.endswith("\nsay what the request costs: --cost UNIT=AMOUNT\n")) == (1, True)
    assert ask(clerk, *STATE, "--cost", "usd_cents=320").status == 0
    ran = clerk.run(*check, *STATE, now=None)
    assert ran.status == 1
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): calls: 1 needed, and 0 of 1 left [budget_exhausted]\n"
    )
    said = clerk.run(*check, *STATE, "--cost", "usd_cents=681", "--cost", "calls=0", "--json", now=None).json
    assert said["detail"] == "usd_cents: 681 needed, and 680 of 1000 left"
    assert clerk.run(*check, *STATE, "--cost", "usd_cents=680", "--cost", "calls=0", now=None).status == 0
    refused = clerk.run("check", "t", *TRUST, *asking("/elsewhere"), *STATE, now=None)
    assert "[capability_missing]" in refused.err


def test_budgets_in_what_a_chain_grants(clerk: Desk) -> None:
    """Each hop's, the least of each unit in the sum, and in what a hop took away."""
    clerk.make("t", *MINT, "--budget", "usd_cents=1000", "--budget", "calls=50")
    clerk.make("t", "attenuate", "t", "--key", "planner.key", "--budget", "usd_cents=300", "--fresh", "15m")
    clerk.make("wider", "attenuate", "t", "--key", "planner.key", "--budget", "usd_cents=900")
    shown = clerk.run("inspect", "t", now=None).out
    assert "      spends    at most 50 calls, 1000 usd_cents, by all below together\n" in shown
    assert "Spends      at most 50 calls, 300 usd_cents\nFresh       revocation data at most 15m old\n" in shown
    taken = clerk.run("inspect", "t", "--diff", now=None).out
    assert " 1 └─ agent:planner   spends at most 300 usd_cents   revocation data at most 15m old\n" in taken
    said = clerk.run("inspect", "t", "--diff", "--json", now=None).json
    assert said["chain"]["budget"] == {"calls": 50, "usd_cents": 300}
    assert said["chain"]["fresh"] == 900
    assert "Spends      at most 50 calls, 300 usd_cents\n" in clerk.run("inspect", "wider", now=None).out
    assert [(each["budget"], each["fresh"]) for each in said["diff"]] == [
        ({"calls": 50, "usd_cents": 1000}, None),
        ({"usd_cents": 300}, 900),
    ]


def test_a_narrower_pool_charges_those_above(clerk: Desk) -> None:
    """The planner's own two calls count against the three that Alice gave."""
    clerk.make("t", *MINT, "--budget", "calls=3")
    clerk.make("narrower", "attenuate", "t", "--key", "planner.key", "--budget", "calls=2")
    assert [ask(clerk, *STATE, file=each).status for each in ("narrower", "t", "narrower", "t")] == [0, 0, 0, 1]
    assert clerk.run("budget", "show", "narrower", *STATE, now=None).out == (
        " 0  user:alice@example.com → agent:planner\n    calls: 3 of 3 spent, 0 left\n"
        " 1  agent:planner, narrowing its own chain\n    calls: 2 of 2 spent, 0 left\n"
    )


def test_a_proof_serves_once(clerk: Desk) -> None:
    """With a state the second use is refused, in another run too; without one, that it may be is said."""
    clerk.make("t", *MINT)
    ran = ask(clerk)
    assert "used proofs are not remembered between runs · names" in ran.out
    assert clerk.run(*VERIFY, now=None).status == 0
    assert clerk.run(*VERIFY, *STATE, now=None).status == 0
    ran = clerk.run(*VERIFY, *STATE, now=None)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == ("refused: hop 0 (user:alice@example.com → agent:planner): this proof has been used [replayed]\n")
    explained = clerk.run(*VERIFY, *STATE, "--explain", now=None).out
    assert "\n  because   this proof has been used\n" in explained
    assert "holder proven ✓\n" in explained
    assert "this proof was used before ✗" in explained


def test_a_refused_request_spends_nothing(clerk: Desk) -> None:
    """Refused by the service's policy: the proof serves when that is mended, and nothing was said of its use."""
    clerk.make("t", *MINT, "--budget", "calls=1")
    ran = ask(clerk, *STATE, "--policy", "args.size > 1", "--explain")
    assert (ran.status, "used proofs" in ran.out, "budget not charged" in ran.out) == (1, False, True)
    assert clerk.run(*VERIFY, *STATE, now=None).status == 0


def test_a_revocation_applies_at_once_in_another_process(desk: Desk) -> None:
    """One process revokes, the next refuses: nothing is carried but what the state holds."""
    SqliteStore(desk.folder / "state.db").close()  # before there is any proof to be taken
    (desk.folder / "t").write_text(desk.run(*MINT, now=None).out)

    def process(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "delegate", *arguments]
        return subprocess.run(  # noqa: S603 - this very command
            command,
            capture_output=True,
            text=True,
            check=False,
            encoding="utf-8",
        )

    def proven() -> subprocess.CompletedProcess[str]:
        proof = desk.run("prove", "t", "--key", "planner.key", *HERE, *READ, now=None)
        (desk.folder / "x.proof").write_text(proof.out)
        return process(*VERIFY, *STATE)

    before = proven()
    assert (before.returncode, before.stderr) == (0, "")
    taken = process("revoke", "t", "--key", "alice.key", "--list", "alice.dlgr", "--why", "laptop stolen", *STATE)
    assert (taken.returncode, taken.stdout) == (0, "")
    assert taken.stderr.endswith("state: 1 new record\n")
    after = proven()
    assert (after.returncode, after.stdout) == (1, "")
    assert after.stderr == (
        "refused: hop 0 (user:alice@example.com → agent:planner): "
        "it was revoked by user:alice@example.com: laptop stolen [revoked]\n"
    )


def test_an_imported_list_keeps_the_word_fresh(clerk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state's lists are whose age is told; all that looks heeds them, from DELEGATE_STATE as well."""
    clerk.make("t", *MINT)
    revoke = ("revoke", "--holder", "clerk.pub", "--key", "alice.key", "--list", "alice.dlgr")
    assert clerk.run(*revoke, now="2026-12-01T10:00Z").status == 0
    bound = ("--revoker", "alice.pub", "--max-revocation-age", "1h")
    ran = ask(clerk, *STATE, *bound)
    assert (ran.status, ran.err) == (5, "error: no list by user:alice@example.com has been seen [revocation_stale]\n")
    assert clerk.run("revocations", "import", "alice.dlgr", *STATE, now=None).status == 0
    assert clerk.run(*VERIFY, *STATE, *bound, now=None).status == 5
    merge = ("revocations", "merge", "alice.dlgr", "--key", "alice.key", "--list", "alice.dlgr")
    assert clerk.run(*merge, now="2026-12-01T11:30Z").status == 0
    assert clerk.run("revocations", "import", "alice.dlgr", *STATE, now=None).status == 0
    ran = clerk.run(*VERIFY, *STATE, *bound, now=None)
    assert (ran.status, "not revoked ✓ (1 list, 30m old)" in ran.out) == (0, True)
    monkeypatch.setenv("DELEGATE_STATE", STATE[1])
    assert "not revoked ✓ (1 list, 30m old)" in clerk.run("inspect", "t", *TRUST).out
    assert "not revoked ✓ (1 list, 30m old)" in clerk.run("check", "t", *TRUST, *READ).out


def test_lists_from_files_count_beside_the_state_and_stay_out_of_it(clerk: Desk) -> None:
    """Looking changes nothing that others rely on; of two lists of one signer the newer tells the age."""
    clerk.make("t", *MINT)
    key = ("--key", "alice.key", "--list")
    clerk.run("revoke", "--holder", "clerk.pub", *key, "old.dlgr", now="2026-12-01T10:00Z")
    clerk.run("revocations", "import", "old.dlgr", *STATE, now=None)
    (clerk.folder / "new.dlgr").write_text((clerk.folder / "old.dlgr").read_text())
    clerk.run("revoke", "--holder", "buyer.pub", *key, "new.dlgr")
    both = (*STATE, "--revocations", "new.dlgr")
    assert "not revoked ✓ (1 list, 0s old)" in ask(clerk, *both).out
    (clerk.folder / "newest.dlgr").write_text((clerk.folder / "new.dlgr").read_text())
    clerk.run("revoke", "t", *key, "newest.dlgr")
    assert ask(clerk, *STATE, "--revocations", "newest.dlgr").status == 1
    ran = ask(clerk, *STATE)
    assert (ran.status, "not revoked ✓ (1 list, 2h old)" in ran.out) == (0, True)
    with connect(STATE[1]) as state:
        feeds = state.revocations.feeds()
    old = RevocationList.parse((clerk.folder / "old.dlgr").read_text().strip())
    assert list(feeds) == [old.feed]
    clerk.run("revocations", "import", "new.dlgr", *STATE, now=None)
    assert "not revoked ✓ (1 list, 0s old)" in ask(clerk, *STATE, "--revocations", "old.dlgr").out
    clerk.run("revocations", "import", "newest.dlgr", *STATE, now=None)
    assert ask(clerk, *STATE, "--revocations", "old.dlgr").status == 1


def test_a_clock_of_one_s_own_does_not_reach_the_state(desk: Desk) -> None:
    """A state forgets by the clock: one request far ahead, and honest proofs would be refused everywhere."""
    desk.make("t", *MINT)
    desk.make("x.proof", "prove", "t", "--key", "planner.key", *HERE, *READ)
    ran = desk.run(*VERIFY, *STATE)
    assert (ran.status, ran.out) == (2, "")
    assert "--now cannot be used with --state" in ran.err
    assert not (desk.folder / "state.db").exists()
    connect(STATE[1]).close()
    assert desk.run("inspect", "t", *TRUST, *STATE).status == 0
    assert desk.run("verify", "t", *TRUST, *STATE).status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cost", "usd_cents"), "name=value"),
        (("--cost", "usd_cents=-1"), "not an amount"),
        (("--cost", "usd_cents=1.5"), "not an amount"),
        (("--cost", "usd_cents=9223372036854775808"), "not an amount"),
        (("--cost", "usd_cents=١"), "not an amount"),
        (("--cost", "calls=1", "--cost", "calls=2"), "--cost gives `calls` twice"),
        (("--state", "memory://"), "ends with this command"),
        (("--state", "nothing://user:secret@x"), "not a URL like"),
    ],
)
def test_usage(clerk: Desk, options: Sequence[str], words: str) -> None:
    """Amounts that are none, one unit twice, a state that nobody could share."""
    clerk.make("t", *MINT)
    ran = ask(clerk, *options)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--budget", "calls=x"), "not an amount"),
        (("--budget", "calls"), "name=value"),
        (("--budget", "c d=1"), "unit"),
        (("--budget", "calls=1", "--budget", "calls=2"), "--budget gives `calls` twice"),
        (("--fresh", "0s"), "not a duration"),
        (("--fresh", "5y"), "not a duration"),
        (tuple(part for n in range(9) for part in ("--budget", f"u{n}=1")), "9 units"),
    ],
)
def test_what_cannot_be_minted(desk: Desk, options: Sequence[str], words: str) -> None:
    """A budget or a bound that no block may have."""
    ran = desk.run(*MINT, *options)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err


def test_a_cost_is_of_a_request(clerk: Desk) -> None:
    """Without one there is nothing to charge."""
    clerk.make("t", *MINT)
    ran = clerk.run("verify", "t", *TRUST, "--cost", "calls=1")
    assert (ran.status, "--cost needs a request" in ran.err) == (2, True)


def test_a_bearer_token_cannot_have_a_budget(clerk: Desk) -> None:
    """It leaves no proof that could be charged once: it is presented with one."""
    clerk.make(
        *("b", "mint", "--key", "alice.key", "--bearer", "--can", "files.read /data/**", "--ttl", "5m"),
        *(*HERE, "--budget", "calls=3"),
    )
    ask_bearer = ("verify", "b", *TRUST, *HERE, *READ, "--bearer", *STATE)
    ran = clerk.run(*ask_bearer, now=None)
    assert (ran.status, "[proof_missing]" in ran.err) == (1, True)
    clerk.make("x.proof", "prove", "b", *HERE, *READ)
    assert clerk.run(*VERIFY, "--bearer", *STATE, now=None).status == 0


def test_doctor_of_a_file(clerk: Desk) -> None:
    """What is looked at in a state that is well."""
    clerk.make("t", *MINT)
    ask(clerk, *STATE)
    ran = clerk.run("doctor", *STATE, now=None)
    assert (ran.status, ran.err) == (0, "")
    assert all(line.startswith("✓ ") for line in ran.out.splitlines())


@dataclass(slots=True)
class Failing:
    """Stores of which one does not answer."""

    part: str
    known: list[Feed] = field(default_factory=list)

    def state(self) -> SimpleNamespace:
        """All three, as `connect` gives them."""
        return SimpleNamespace(revocations=self, replay=self, ledger=self, close=lambda: None)

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        """Take over a list."""
        raise NotImplementedError

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        """Say what was revoked."""
        return self._answer("look_up", MemoryRevocations().look_up)(subjects, signers, now=now)

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Say how fresh that is."""
        return self._answer("feeds", lambda: self.known)()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim a proof."""
        return self._answer("claim", MemoryReplay(since=0).claim)(claims, now=now)

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Charge a budget."""
        return self._answer("charge", MemoryLedger().charge)(claims, charges, now=now)

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what was charged."""
        return self._answer("spent", MemoryLedger().spent)(block_ids)

    def _answer(self, part: str, real: Callable[..., T]) -> Callable[..., T]:
        if part == self.part:
            raise StateError(Reason.STATE_UNAVAILABLE, "the server did not answer in 0.25 s")
        return real


@pytest.mark.parametrize("part", ["look_up", "claim", "charge", "feeds"])
def test_a_state_that_does_not_answer_allows_nothing(clerk: Desk, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Whichever of its parts fails: status 5, the error's own words, and no word of a check that was not made."""
    monkeypatch.setattr("delegate.cli.stores.connect", lambda url, deadline: Failing(part).state())
    clerk.make("t", *MINT, *(("--budget", "calls=3") if part == "charge" else ()))
    ran = ask(clerk, "--state", "redis://somewhere", "--explain")
    assert ran.status == 5
    assert "the server did not answer in 0.25 s [state_unavailable]\n" in ran.err
    assert "✓ allowed" not in ran.out
    assert "not revoked ✓" not in ran.out


def test_a_look_that_got_no_answer_says_so(clerk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """How old the lists are was known, what they say was not: `inspect` shows the chain, and ends in status 5."""
    failing = Failing("look_up")
    monkeypatch.setattr("delegate.cli.stores.connect", lambda url, deadline: failing.state())
    clerk.make("t", *MINT)
    alice = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
    failing.known.append(alice.revoke(now=NOON).feed)
    ran = clerk.run("inspect", "t", *TRUST, "--state", "redis://somewhere", now=None)
    assert (ran.status, ran.err) == (5, "error: the server did not answer in 0.25 s [state_unavailable]\n")
    assert "revocation not checked (the store did not answer)" in ran.out


def test_a_ledger_that_cannot_say_what_is_left(clerk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then `check` does not say that the request would be allowed."""
    monkeypatch.setattr("delegate.cli.stores.connect", lambda url, deadline: Failing("spent").state())
    clerk.make("t", *MINT, "--budget", "calls=3")
    ran = clerk.run("check", "t", *TRUST, *READ, "--state", "redis://somewhere", now=None)
    assert (ran.status, "WOULD be allowed" in ran.out) == (5, False)


@pytest.mark.parametrize(
    "command",
    [
        ("budget", "show", "t"),
        ("doctor",),
        ("inspect", "t", *TRUST),
        ("check", "t", *TRUST, *READ),
        ("verify", "t", *TRUST),
        ("verify", "t", *TRUST, *READ, *HERE),
        ("revoke", "t", "--key", "alice.key", "--list", "new.dlgr"),
        ("revocations", "import", "a.dlgr"),
        ("staple", "t", "--key", "alice.key"),
    ],
    ids=lambda command: command[0],
)
def test_no_command_makes_a_state_by_itself(clerk: Desk, command: tuple[str, ...]) -> None:
    """A typing error in `--state` is told, and answered by no empty file; in an absolute path and with escapes too.

    A revocation that went into it would have reached nobody; nor was the list made, which says that it was.
    """
    clerk.make("t", *MINT, "--budget", "calls=3")
    clerk.run("revoke", "t", "--key", "alice.key", "--list", "a.dlgr")
    for url, name in (
        ("sqlite:///stat.db", "stat.db"),
        (f"sqlite:///{clerk.folder}/stat.db", f"{clerk.folder}/stat.db"),
        ("sqlite:///no%20state.db", "no state.db"),
    ):
        ran = clerk.run(*command, "--state", url, now=None)
        assert (ran.status, ran.out, ran.err) == (
            *(5, ""),
            f"error: no such state file: {shown(name)} (to make it: delegate doctor --state URL --create)\n",
        )
    assert not (clerk.folder / "new.dlgr").exists()
    assert not [each for each in clerk.folder.glob("*.db*") if each.name != "state.db"]  # that one is the desk's


def test_create_makes_a_state(clerk: Desk) -> None:
    """Where it is said: to revoke into it, to import into it, or to look at it. Where it is there, it is as it was."""
    clerk.make("t", *MINT)
    revoke = ("revoke", "t", "--key", "alice.key", "--list", "revoked.dlgr")
    assert clerk.run(*revoke, "--state", "sqlite:///one.db", "--create", now=None).status == 0
    imported = ("revocations", "import", "revoked.dlgr", "--create", "--json")
    news = [clerk.run(*imported, "--state", "sqlite:///two.db", now=None).json["new_in_state"] for _ in range(2)]
    assert news == [1, 0]
    assert clerk.run("doctor", "--state", "sqlite:///three.db", "--create", now=None).status == 0
    assert sorted(each.name for each in clerk.folder.glob("*.db")) == ["one.db", "state.db", "three.db", "two.db"]
