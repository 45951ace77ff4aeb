"""What a newcomer reads when something is mistaken: which file, which option, and what helps."""

from __future__ import annotations

import pytest

from delegate import Identity, Token, advice
from tests.cli.conftest import Desk

MINT = ("mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "8h")


def test_what_a_token_grants_beyond_the_usual_is_said(desk: Desk) -> None:
    """On stderr, beside the token; further down a chain, only as far as the hops above permit it."""
    ran = desk.run(*MINT, "--can", "**", "--can", "files.read reports/**", "--hops", "1", "-o", "p.token")
    assert ran.status == 0
    warned = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
    assert warned == [
        "warning: `**` permits every action without a resource",
        "warning: `reports/**` has no slash at its start: it covers no path such as `/reports/…`",
    ]
    token = Token.parse((desk.folder / "p.token").read_text().strip())
    assert [f"warning: {words}" for words in advice(token)] == warned
    ran = desk.run("attenuate", "p.token", "--key", "planner.key", "--can", "**", "--dry-run")
    assert "warning" not in ran.err
    ran = desk.run("attenuate", "p.token", "--key", "planner.key", "--can", "files.read **")
    assert "permits `files.read` on every resource, as far as the hops above permit it\n" in ran.err
    assert "warning" not in desk.run(*MINT, "--can", "files.read /reports/**").err
    with_json = desk.run(*MINT, "--can", "**", "--json")
    assert "warning: `**` permits every action" in with_json.err
    assert with_json.json["kind"] == "token"


def test_an_argument_that_is_missing_is_told_on_one_line(desk: Desk) -> None:
    """Without tabs, and with what could be given."""
    ran = desk.run("completion", now=None)
    assert ran.err == "usage: missing argument 'SHELL'. Choose from: bash, zsh, fish; see delegate completion --help\n"


def test_a_passphrase_for_a_key_that_has_none_is_not_passed_over(desk: Desk) -> None:
    """The key works, and whoever believed it protected is told that it is not."""
    (desk.folder / "secret").write_text("hunter2\n")
    ran = desk.run(*MINT, "--can", "a", "--passphrase-file", "secret")
    assert ran.status == 0
    assert "warning: alice.key has no passphrase: --passphrase and --passphrase-file are not used\n" in ran.err
    assert "passphrase" not in desk.run(*MINT, "--can", "a").err


def test_another_file_is_named_with_what_it_is_for(desk: Desk) -> None:
    """A list of revocations is no token: the command that shows it is said."""
    desk.make("p.token", *MINT, "--can", "a")
    desk.run("revoke", "p.token", "--key", "alice.key", "--list", "revoked.dlgr")
    ran = desk.run("inspect", "revoked.dlgr")
    assert (ran.status, ran.err) == (
        3,
        (
            "not a token: this is a revocation list, where a token is wanted\n"
            "to look at a revocation list: delegate revocations show FILE\n"
        ),
    )


def test_a_chain_that_cannot_be_handed_on_says_how_it_could(desk: Desk) -> None:
    """The option that was not given, by its name."""
    desk.make("p.token", *MINT, "--can", "a")
    ran = desk.run("attenuate", "p.token", "--key", "planner.key", "--to", "researcher.pub")
    assert ran.status != 0
    assert "hop 0 lets nobody below it hand on; its signer would have to allow it (hops=1, --hops 1)" in ran.err


@pytest.mark.parametrize(
    "command",
    [("key", "show"), ("revocations", "show"), ("inspect", "p.token", "--root"), ("ask", "p.token", "--request")],
)
def test_a_long_path_keeps_both_of_its_ends(desk: Desk, command: tuple[str, ...]) -> None:
    """What tells files apart stands at the end, and where they are at the beginning."""
    path = f"/begin/{'middle/' * 60}the-file-itself"
    desk.make("p.token", *MINT, "--can", "a")
    ran = desk.run(*command, path, now=None)
    assert "/begin/middle/" in ran.err
    assert "…" in ran.err
    assert "middle/the-file-itself" in ran.err


def test_whoever_could_confirm_is_named_as_the_reader_knows_them(desk: Desk) -> None:
    """In an ask, with how old the answer may be, and where a chain is shown; else by the beginning of the key."""
    desk.make("p.token", *MINT, "--can", "pay", "--need", "1 of clerk.pub,researcher.pub within 15m")
    plain = desk.run("ask", "p.token", "--action", "pay", now=None).err
    assert plain.count("…") == 2
    assert plain.startswith("1 of ")
    assert plain.endswith(" must confirm: said.approved == true, at most 15m old\n")
    known = ("--third-party", "clerk.pub", "--third-party", "researcher.pub")
    named = desk.run("ask", "p.token", "--action", "pay", *known, now=None).err
    assert "agent:clerk" in named
    assert "agent:researcher" in named
    assert "agent:clerk" in desk.run("inspect", "p.token", *known).out
    assert "agent:clerk" not in desk.run("inspect", "p.token").out


def test_a_key_that_is_known_by_two_names_is_shown_by_the_readers(desk: Desk) -> None:
    """The reader's own files come before what the chain says."""
    planner = Identity.load(desk.folder / "planner.key")
    Identity(f"{planner.name}-2", planner.signer).principal.save(desk.folder / "other.pub")
    desk.make("p.token", *MINT, "--can", "pay", "--need", "planner.pub")
    assert "agent:planner-2" in desk.run("inspect", "p.token", "--third-party", "other.pub").out
