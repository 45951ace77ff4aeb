"""`delegate revocations`, `budget`, `doctor`: lists looked at, checked, joined, and given to the verifiers' store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from delegate import Identity, Reason, RevocationList, RevokedBlock, RevokedKey, StateError, Token
from delegate.core.chain.revocations import Feed, Record
from tests.cli.conftest import Desk

NOON = 1_796_126_400  # 2026-12-01T12:00Z
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
BLOCK = RevokedBlock(bytes(range(32)), NOON + 8 * 3600, "laptop stolen")
KEY = RevokedKey(bytes(range(32, 64)), 0)
SPARING = RevokedKey(bytes(range(64, 96)), NOON - 3600, "handed in")
URL = "fake://user:secret@host/db"


@dataclass(slots=True, kw_only=True)
class Store:
    """What verifiers share, as far as commands use it."""

    known: list[Feed] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    totals: dict[tuple[bytes, str], int] = field(default_factory=dict)
    findings: list[SimpleNamespace] = field(default_factory=list)
    down: bool = False
    closed: int = 0
    now: int = 0

    @property
    def revocations(self) -> Store:
        """The same object keeps everything."""
        return self

    @property
    def ledger(self) -> Store:
        """The same object keeps everything."""
        return self

    def add(self, feed: Feed, records: Sequence[Record], *, now: int) -> int:
        """Take over a list."""
        self._answer()
        self.now = now
        new = [record for record in records if record not in self.records]
        self.records += new
        self.known.append(feed)
        return len(new)

    def feeds(self) -> Sequence[Feed]:
        """Every feed so far."""
        self._answer()
        return self.known

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """What was charged."""
        self._answer()
        return {place: amount for place, amount in self.totals.items() if place[0] in block_ids}

    def check(self) -> Sequence[SimpleNamespace]:
        """What was found."""
        self._answer()
        return self.findings

    def close(self) -> None:
        """Count it: whatever was opened is closed."""
        self.closed += 1

    def _answer(self) -> None:
        if self.down:
            raise StateError(Reason.STATE_UNAVAILABLE, "the store does not answer")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store behind one URL; other URLs are unknown, and one has no driver."""
    made = Store()

    def connect(url: str, *, deadline: float) -> Store:
        assert deadline > 0
        if url == "missing://":
            raise ImportError("redis is not installed: pip install 'delegate-token[redis]'")
        if url != URL:
            raise ValueError(url)
        return made

    monkeypatch.setattr("delegate.cli.stores.connect", connect)
    return made


@pytest.fixture
def listed(desk: Desk) -> Desk:
    """The desk with alice's list of a block and two keys, in a.dlgr."""
    found = ALICE.revoke(blocks=[BLOCK], keys=[KEY, SPARING], now=NOON - 300)
    (desk.folder / "a.dlgr").write_text(found.to_text() + "\n")
    return desk


HEAD = f"""\
issuer  user:alice@example.com, as it calls itself
key     {ALICE.public_key.thumbprint.hex()}
number  1
made    2026-12-01 11:55 UTC (5m ago)
until   2026-12-02 11:55 UTC (in 23h55m)
"""


def test_show(listed: Desk) -> None:
    """Whose, how old, and every record with its whole id."""
    ran = listed.run("revocations", "show", "a.dlgr")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == HEAD + dedent(
        f"""
        key     {KEY.thumbprint.hex()}
                from the beginning

        key     {SPARING.thumbprint.hex()}
                since 2026-12-01 11:00 UTC
                "handed in"

        block   {BLOCK.id.hex()}
                until 2026-12-01 20:00 UTC
                "laptop stolen"
        """
    )
    assert listed.run("revocations", "show", "a.dlgr", "--json").json["records"] == [
        {"key": KEY.thumbprint.hex(), "since": 0, "why": None},
        {"key": SPARING.thumbprint.hex(), "since": NOON - 3600, "why": "handed in"},
        {"block": BLOCK.id.hex(), "until": NOON + 8 * 3600, "why": "laptop stolen"},
    ]


def test_a_list_is_read_as_text_as_bytes_and_from_stdin(listed: Desk) -> None:
    """Whichever way it came."""
    text = (listed.folder / "a.dlgr").read_text()
    (listed.folder / "b.dlgr").write_bytes(RevocationList.parse(text).to_bytes())
    shown = listed.run("revocations", "show", "a.dlgr").out
    assert listed.run("revocations", "show", "b.dlgr").out == shown
    assert listed.run("revocations", "show", "-", stdin=f"  {text}\n".encode()).out == shown


def test_verify(listed: Desk) -> None:
    """The signature holds, the list is fresh; whose key it is only with --signer."""
    ran = listed.run("revocations", "verify", "a.dlgr", "--signer", "alice.pub")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"GENUINE  3 records, number 1; signed by {ALICE.name}\n" + HEAD
    ran = listed.run("revocations", "verify", "a.dlgr")
    assert ran.out.startswith("GENUINE  3 records, number 1; who signed it was not checked; use --signer\n")
    said = listed.run("revocations", "verify", "a.dlgr", "--json").json
    assert (said["signer_checked"], said["sequence"], said["expires"]) == (False, 1, NOON - 300 + 86_400)


@pytest.mark.parametrize(
    ("arguments", "now", "status", "reason", "words"),
    [
        (("--signer", "planner.pub"), "2026-12-01T12:00Z", 4, None, "not trusted: not signed by the key of agent"),
        ((), "2026-12-02T11:55Z", 1, "expired", "refused: the list expired on 2026-12-02 11:55 UTC (now)"),
        ((), "2026-12-01T11:54Z", 1, "not_yet_valid", "refused: the list is dated in the future: 2026-12-01 11:55 UTC"),
    ],
)
def test_verify_refuses(
    listed: Desk, arguments: tuple[str, ...], now: str, status: int, reason: str | None, words: str
) -> None:
    """Another's key, a list that is over, one from the future: each with its status, and the same as JSON."""
    ran = listed.run("revocations", "verify", "a.dlgr", *arguments, now=now)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(words)
    ran = listed.run("revocations", "verify", "a.dlgr", *arguments, "--json", now=now)
    assert (ran.status, ran.err, ran.json["reason"], ran.json["sequence"]) == (status, "", reason, 1)


@pytest.mark.parametrize("command", ["show", "verify", "import"])
def test_what_is_no_list_is_told_with_its_file(listed: Desk, store: Store, command: str) -> None:
    """Changed, cut off, or another thing altogether: status 3; not there: status 5."""
    text = (listed.folder / "a.dlgr").read_text().strip()
    token = ALICE.mint(to=PLANNER.principal, can="a", ttl="1h").to_text()
    options = ("--state", URL) if command == "import" else ()
    for content, word in (
        (text[:80] + ("A" if text[80] != "A" else "B") + text[81:], ""),
        (text[:80], "truncated"),
        (token, "malformed"),
        ("", ""),
        ("é", ""),
    ):
        (listed.folder / "odd").write_text(content)
        ran = listed.run("revocations", command, "odd", *options)
        assert ran.status == 3
        assert ran.err.startswith("not a revocation list: odd: ")
        assert word in ran.err
    assert listed.run("revocations", command, "missing", *options).status == 5
    (listed.folder / "huge").write_bytes(b"A" * (9 << 20))
    assert listed.run("revocations", command, "huge", *options).status == 5
    assert store.records == []


def test_merge(listed: Desk) -> None:
    """Two lists of one key become one, with the next number above both; printed, or into a file."""
    other = ALICE.revoke(blocks=[RevokedBlock(bytes(32), NOON + 60)], after=6, now=NOON)
    (listed.folder / "b.dlgr").write_text(other.to_text())
    ran = listed.run("revocations", "merge", "a.dlgr", "b.dlgr", "--key", "alice.key")
    assert ran.err == "list: number 8, 4 records; sign it again before 2026-12-02 12:00 UTC (in 1d)\n"
    merged = RevocationList.parse(ran.out)
    assert len(merged.records) == 4
    ran = listed.run(
        "revocations", "merge", "a.dlgr", "b.dlgr", "--key", "alice.key", "--list", "c.dlgr", "--ttl", "2h"
    )
    assert (ran.out, ran.err.startswith("list: c.dlgr, number 8, 4 records")) == ("", True)
    written = RevocationList.parse((listed.folder / "c.dlgr").read_text())
    assert (written.records, written.expires) == (merged.records, NOON + 7200)
    said = listed.run("revocations", "merge", "a.dlgr", "b.dlgr", "--key", "alice.key", "--json").json
    assert RevocationList.parse(said["list"]).records == merged.records


def test_merge_of_one_signs_it_again(listed: Desk) -> None:
    """In place: the same records, fresh."""
    ran = listed.run("revocations", "merge", "a.dlgr", "--key", "alice.key", "--list", "a.dlgr")
    assert ran.status == 0
    again = RevocationList.parse((listed.folder / "a.dlgr").read_text())
    assert (again.sequence, again.issued, len(again.records)) == (2, NOON, 3)


def test_merge_signs_nothing_of_another_s(listed: Desk) -> None:
    """Under this signature it might count where it did not under the other's."""
    (listed.folder / "p.dlgr").write_text(PLANNER.revoke(now=NOON).to_text())
    ran = listed.run("revocations", "merge", "a.dlgr", "p.dlgr", "--key", "alice.key", "--list", "a.dlgr")
    assert ran.status == 4
    assert ran.err == ("missing key: p.dlgr is signed by another key, agent:planner, and only that can sign it\n")
    assert RevocationList.parse((listed.folder / "a.dlgr").read_text()).sequence == 1


def test_a_list_that_can_have_no_successor_is_told(listed: Desk) -> None:
    """The greatest number there is."""
    (listed.folder / "z.dlgr").write_text(ALICE.revoke(after=2**63 - 2, now=NOON).to_text())
    assert listed.run("revocations", "merge", "z.dlgr", "--key", "alice.key").status == 2


def test_import(listed: Desk, store: Store) -> None:
    """All records and the feed go to the store, once; it is closed again."""
    ran = listed.run("revocations", "import", "a.dlgr", "--state", URL)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "state: 3 new records\n"
    found = RevocationList.parse((listed.folder / "a.dlgr").read_text())
    assert (store.records, store.known, store.closed) == (list(found.records), [found.feed], 1)
    ran = listed.run("revocations", "import", "a.dlgr", "--state", URL, "--json")
    assert (ran.json["new_in_state"], ran.json["signer"], ran.err) == (0, found.signer.hex(), "")


def test_import_of_an_old_list_says_that_it_is_not_fresh(listed: Desk, store: Store) -> None:
    """Its records count for good."""
    old = ALICE.revoke(blocks=[BLOCK], now=NOON - 90_000)
    (listed.folder / "old.dlgr").write_text(old.to_text())
    ran = listed.run("revocations", "import", "old.dlgr", "--state", URL)
    assert ran.status == 0
    assert ran.err.startswith("warning: the list expired on 2026-12-01 11:00 UTC (1h ago)")
    assert len(store.records) == 1


def test_revoke_applies_at_once(listed: Desk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--state`, or the environment: the file first, then the store."""
    listed.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    revoke = ("revoke", "t", "--key", "alice.key", "--list", "a.dlgr")
    ran = listed.run(*revoke, "--state", URL)
    assert ran.err.endswith("state: 4 new records\n")
    monkeypatch.setenv("DELEGATE_STATE", URL)
    said = listed.run(*revoke, "--json").json
    assert (said["new_in_state"], said["list"]["sequence"]) == (0, 3)
    assert [feed.sequence for feed in store.known] == [2, 3]
    assert "secret" not in ran.err + ran.out


def test_a_store_goes_by_the_system_s_clock(listed: Desk, store: Store) -> None:
    """`--now` dates the list; a store that took it for the time would forget what other verifiers still need."""
    before = int(time.time())
    assert listed.run("revocations", "import", "a.dlgr", "--state", URL, now="2090-01-01T00:00Z").status == 0
    assert before <= store.now <= int(time.time())


def test_revoke_numbers_on_from_what_verifiers_have_seen(listed: Desk, store: Store) -> None:
    """A list that was lost and begun anew would be older than itself: the store knows the number."""
    store.known += [Feed(ALICE.public_key.thumbprint, 41, NOON, NOON + 60), Feed(bytes(32), 99, NOON, NOON + 60)]
    listed.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    listed.run("revoke", "t", "--key", "alice.key", "--list", "new.dlgr", "--state", URL)
    assert RevocationList.parse((listed.folder / "new.dlgr").read_text()).sequence == 42


def test_a_store_that_is_down_keeps_no_list_from_being_written(listed: Desk, store: Store) -> None:
    """The list is there to be carried by other means; the failure is told."""
    store.down = True
    listed.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    ran = listed.run("revoke", "t", "--key", "alice.key", "--list", "a.dlgr", "--state", URL)
    assert ran.status == 5
    assert "list: a.dlgr, number 2, 4 records" in ran.err
    assert ran.err.endswith("error: the store does not answer [state_unavailable]\n")
    ran = listed.run("revoke", "t", "--key", "alice.key", "--list", "a.dlgr", "--state", URL, "--json")
    assert (ran.json["reason"], ran.json["list"]["sequence"]) == ("state_unavailable", 3)


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ((), 2, "no store: give --state"),
        (("--state", "fake://user:secret@elsewhere"), 2, "not a URL like sqlite:///"),
        (("--state", "memory://"), 2, "ends with this command"),
        (("--state", "missing://"), 5, "redis is not installed"),
    ],
)
@pytest.mark.parametrize(
    "command", [("revocations", "import", "a.dlgr"), ("doctor",), ("budget", "show", "t")], ids=" ".join
)
def test_a_store_that_cannot_be_opened(
    listed: Desk, store: Store, command: tuple[str, ...], options: tuple[str, ...], status: int, words: str
) -> None:
    """No URL, an unknown one, a missing driver: each told, and no password printed."""
    listed.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h")
    ran = listed.run(*command, *options, now=None)
    assert ran.status == status
    assert words in ran.err
    assert "secret" not in ran.err


@pytest.fixture
def pooled(desk: Desk) -> Desk:
    """The desk with a chain of three hops in t: the first has two pools, the second one, the last none."""
    desk.make(
        *("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "1h", "--hops", "2"),
        *("--budget", "usd_cents=10000", "--budget", "calls=50"),
    )
    hand_on = ("attenuate", "t", "--key", "planner.key", "--to", "researcher.pub")
    desk.make("t", *hand_on, "--budget", "usd_cents=500")
    desk.make("t", "attenuate", "t", "--key", "researcher.key", "--to", "summarizer.pub")
    return desk


def test_budget_show(pooled: Desk, store: Store) -> None:
    """Each pool: what is spent, of how much, and what is left."""
    links = Token.parse((pooled.folder / "t").read_text()).link.up()
    store.totals = {(links[0].id, "usd_cents"): 320, (links[1].id, "usd_cents"): 320, (bytes(32), "calls"): 7}
    ran = pooled.run("budget", "show", "t", "--state", URL, now=None)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        " 0  user:alice@example.com → agent:planner",
        "    calls: 0 of 50 spent, 50 left",
        "    usd_cents: 320 of 10000 spent, 9680 left",
        " 1  agent:planner → agent:researcher",
        "    usd_cents: 320 of 500 spent, 180 left",
    ]
    said = pooled.run("budget", "show", "t", "--state", URL, "--json", now=None).json
    assert said["pools"][2] == {
        "hop": 1,
        "block_id": links[1].id.hex(),
        "unit": "usd_cents",
        "spent": 320,
        "limit": 500,
        "left": 180,
    }
    assert store.closed == 2


def test_budget_show_of_a_chain_without(story: Desk, store: Store) -> None:
    """It says so."""
    ran = story.run("budget", "show", "summarizer.token", "--state", URL, now=None)
    assert (ran.status, ran.out, ran.err) == (0, "", "no block of this chain has a budget\n")


def findings(*good: bool) -> list[SimpleNamespace]:
    """Findings about one setting each."""
    return [SimpleNamespace(ok=ok, what=f"setting {n}", detail=f"is {ok}") for n, ok in enumerate(good)]


def test_doctor(desk: Desk, store: Store) -> None:
    """All as it should be: status 0."""
    store.findings = findings(True, True)
    ran = desk.run("doctor", "--state", URL, now=None)
    assert (ran.status, ran.out, ran.err) == (0, "✓ setting 0: is True\n✓ setting 1: is True\n", "")
    assert desk.run("doctor", "--state", URL, "--json", now=None).json["findings"] == [
        {"ok": True, "what": f"setting {n}", "detail": "is True"} for n in range(2)
    ]


def test_doctor_finds_something(desk: Desk, store: Store) -> None:
    """One that is not: status 5, and all of them are shown; a store that is down: the same status."""
    store.findings = findings(True, False)
    ran = desk.run("doctor", "--state", URL, now=None)
    assert (ran.status, ran.out) == (5, "✓ setting 0: is True\n✗ setting 1: is False\n")
    assert ran.err == "error: 1 of 2 settings should be changed\n"
    said: dict[str, Any] = desk.run("doctor", "--state", URL, "--json", now=None).json
    assert [each["ok"] for each in said["findings"]] == [True, False]
    store.down = True
    assert desk.run("doctor", "--state", URL, now=None).status == 5
