"""`delegate list` and `revoke` by holder, tenant, originator and thumbprint: also what a program handed out."""

from __future__ import annotations

import pytest

from delegate import Identity, Journal, Verifier
from tests.cli.conftest import NOW, Desk

NOON = 1_796_126_400
NAMES = ("user:alice@example.com", "agent:planner", "agent:researcher", "agent:summarizer")
ALICE, PLANNER, RESEARCHER, SUMMARIZER = (Identity.from_seed(name, bytes((n,)) * 32) for n, name in enumerate(NAMES, 1))
REVOKE = ("revoke", "--key", "alice.key", "--list", "r.dlgr")


@pytest.fixture
def handed(desk: Desk) -> dict[str, bytes]:
    """What a program handed out with the command's journal: ids by what they are."""
    alice = Identity("user:alice@example.com", ALICE.signer, journal=Journal())
    planner = Identity("agent:planner", PLANNER.signer, journal=Journal())
    made = {
        "acme": alice.mint(to=PLANNER.principal, can="a", ttl="8h", hops=2, tenant="acme", now=NOON),
        "bob": alice.mint(to=PLANNER.principal, can="a", ttl="8h", on_behalf_of="user:bob@example.com", now=NOON),
        "over": alice.mint(to=RESEARCHER.principal, can="a", ttl="1m", now=NOON - 3600),
    }
    made["below"] = planner.attenuate(made["acme"], to=RESEARCHER.principal, now=NOON)
    return {name: token.link.id for name, token in made.items()}


def listed(desk: Desk, *options: str) -> set[str]:
    """The ids that `list` shows."""
    return {each["id"] for each in desk.run("list", *options, "--json").json["entries"]}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), {"acme", "bob", "over", "below"}),
        (("--principal", "agent:planner"), {"acme", "bob"}),
        (("--principal", "agent:researcher"), {"over", "below"}),
        (("--principal", "agent:researcher", "--live"), {"below"}),
        (("--tenant", "acme"), {"acme", "below"}),
        (("--originator", "user:bob@example.com"), {"bob"}),
        (("--originator", "user:alice@example.com"), {"acme", "over", "below"}),
        (("--tenant", "acme", "--principal", "agent:planner"), {"acme"}),
        (("--thumbprint", RESEARCHER.public_key.thumbprint.hex()), {"over", "below"}),
        (("--thumbprint", RESEARCHER.public_key.thumbprint.hex()[:8].upper()), {"over", "below"}),
        (("--thumbprint", SUMMARIZER.public_key.thumbprint.hex()), set()),
        (("--tenant", "acm"), set()),
    ],
)
def test_what_is_listed(desk: Desk, handed: dict[str, bytes], options: tuple[str, ...], names: set[str]) -> None:
    """All that was said must fit; names and tenants whole, thumbprints from their beginning."""
    assert listed(desk, *options) == {handed[name].hex() for name in names}


@pytest.mark.parametrize(
    ("options", "names", "key"),
    [
        (("--principal", "agent:planner"), {"acme", "bob"}, False),
        (("--principal", "agent:researcher"), {"below"}, False),
        (("--tenant", "acme"), {"acme"}, False),
        (("--originator", "user:alice@example.com"), {"acme"}, False),
        (("--thumbprint", RESEARCHER.public_key.thumbprint.hex()[:8]), {"below"}, True),
        (("--thumbprint", RESEARCHER.public_key.thumbprint.hex()), {"below"}, True),
        (("--thumbprint", SUMMARIZER.public_key.thumbprint.hex()), set(), True),
        (("--thumbprint", RESEARCHER.public_key.thumbprint.hex(), "--tenant", "other"), set(), True),
    ],
)
def test_what_is_taken_back(
    desk: Desk, handed: dict[str, bytes], options: tuple[str, ...], names: set[str], key: bool
) -> None:
    """Every live block that is meant, none below another; a thumbprint is enough for the key itself."""
    said = desk.run(*REVOKE, *options, "--why", "gone", "--json").json
    assert {each["id"] for each in said["blocks"]} == {handed[name].hex() for name in names}
    assert (said["key"] is not None, said["list"]["records"]) == (key, len(names) + key)
    assert (said["block"] is not None) is (len(names) == 1)
    gone = {each["id"] for each in desk.run("list", "--json").json["entries"] if each["state"] == "revoked"}
    assert {handed[name].hex() for name in names} <= gone


def test_a_service_refuses_what_was_taken_back_so(desk: Desk, handed: dict[str, bytes]) -> None:
    """The whole way: handed out by a program, named by its tenant, refused at a verifier."""
    del handed
    alice = Identity("user:alice@example.com", ALICE.signer, journal=Journal())
    token = alice.mint(to=PLANNER.principal, can="a", ttl="8h", tenant="beta", now=NOON)
    verifier = Verifier(roots=[ALICE.principal], audience="files", tenant="beta", clock=lambda: NOON)
    assert verifier.verify_chain(token).originator == "user:alice@example.com"
    assert desk.run(*REVOKE, "--tenant", "beta").status == 0
    verifier.accept_revocations((desk.folder / "r.dlgr").read_text())
    with pytest.raises(Exception, match="revoked at hop 0"):
        verifier.verify_chain(token)
    assert desk.run(*REVOKE, "--tenant", "beta").status == 2  # nothing is left of it


def test_the_report_names_each(desk: Desk, handed: dict[str, bytes]) -> None:
    """One line a block, whom it was handed to, and a warning where this key has no say."""
    ran = desk.run("revoke", "--key", "planner.key", "--list", "p.dlgr", "--tenant", "acme")
    short = handed["acme"].hex()[:16]
    first, second = ran.err.splitlines()[:2]
    assert first == f"revoked: {short} user:alice@example.com → agent:planner, and everything below it"
    assert second.startswith("warning: agent:planner signed neither that block nor one above it: ")
    ran = desk.run(*REVOKE, "--thumbprint", RESEARCHER.public_key.thumbprint.hex())
    assert f"revoked: the key {RESEARCHER.public_key.thumbprint.hex()[:16]} of agent:researcher\n" in ran.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--principal", "agent:nobody"), "nothing that is live in the journal is --principal agent:nobody"),
        (("--tenant", "acme", "--originator", "user:bob@example.com"), "--tenant acme, --originator user:bob@"),
        (("--thumbprint", "abc"), "at least 8 digits"),
        (("--thumbprint", "xyzxyzxyz"), "is not one"),
        (("--thumbprint", "0" * 65), "is not one"),
        (("--thumbprint", "00000000"), "no thumbprint in the journal begins with 00000000"),
        (("deadbeef", "--tenant", "acme"), "cannot be used with an id or a token"),
        (("--holder", "planner.pub", "--thumbprint", "0" * 64), "by --holder or by --thumbprint"),
        (("--tenant", "acme", "--until", NOW), "--until is before the chain expires"),
        (("--tenant", "acme", "--since", NOW), "--since needs a key"),
    ],
)
def test_what_names_nothing(desk: Desk, handed: dict[str, bytes], options: tuple[str, ...], words: str) -> None:
    """Wrong usage; no list is made."""
    del handed
    ran = desk.run(*REVOKE, *options)
    assert (ran.status, ran.out, words in ran.err) == (2, "", True), ran.err
    assert not (desk.folder / "r.dlgr").exists()


def test_nothing_is_listed_with_the_words_for_it(desk: Desk, handed: dict[str, bytes]) -> None:
    """An empty journal, nothing live, and nothing of the kind are three things."""
    del handed
    assert "nothing in the journal is --tenant x" in desk.run("list", "--tenant", "x").err
    assert "nothing live in the journal is --tenant x" in desk.run("list", "--tenant", "x", "--live").err
    assert "nothing is live" in desk.run("list", "--live", now="2027-12-01T12:00Z").err


def test_lines_of_before_are_read(desk: Desk, handed: dict[str, bytes]) -> None:
    """A line without originator and tenant is still listed, and found by its holder."""
    path = desk.folder / "data" / "journal.jsonl"
    lines = path.read_text().replace(',"for":"user:alice@example.com","tenant":"acme"', "")
    path.write_text(lines)
    assert handed["acme"].hex() in listed(desk, "--principal", "agent:planner")
    assert listed(desk, "--tenant", "acme") == set()
