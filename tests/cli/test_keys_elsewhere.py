"""`delegate key`, and `--key`, where the key is in an ssh-agent or a token; passphrases, new keys, and root bundles."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from delegate import Identity, Principal, RootBundle
from delegate.authoring import Ed25519Signer, SshAgent
from tests.authoring.conftest import agent, module  # noqa: F401 - fixtures
from tests.authoring.elsewhere import PIN, TOKEN, Agent, ssh_keygen
from tests.cli.conftest import Desk
from tests.trust.web import Page, Web

MINT = ("mint", "--to", "planner.pub", "--can", "files.read /**", "--ttl", "8h")
ASKED = ("--action", "files.read", "--resource", "/a")


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on this machine."""
    served = Web()
    yield served
    served.close()


def decided(desk: Desk, token: str, *trust: str) -> int:
    """Prove and decide a request of this chain; gives the status."""
    Path("t.token").write_text(token)
    desk.make("t.proof", "prove", "t.token", "--key", "planner.key", "--audience", "s", *ASKED)
    return desk.run("verify", "t.proof", *trust, "--audience", "s", *ASKED).status


def test_a_key_is_made_in_the_agent_and_signs(desk: Desk, agent: Agent) -> None:  # noqa: F811 - the fixture
    """The file says where it is; every command takes that file, or the agent's name with the public one."""
    made = desk.run("key", "new", "user:zoe@example.com", "--agent", now=None)
    assert (made.status, made.out) == (0, "")
    assert Path("zoe.key").read_text().startswith("principal: user:zoe@example.com\nsigner: ssh-agent:ed25519:")
    assert [each.comment for each in SshAgent().keys()]  # noqa: SIM118 - no dict == ["user:zoe@example.com"]
    for key in ("zoe.key", "ssh-agent:zoe.pub"):
        token = desk.run(*MINT, "--key", key).out
        assert decided(desk, token, "--root", "zoe.pub") == 0
        assert desk.run("key", "public", key, now=None).out.strip() == Path("zoe.pub").read_text().strip()
    agent.stop()
    gone = desk.run(*MINT, "--key", "zoe.key")
    assert gone.status == 5
    assert "no ssh-agent" in gone.err


def test_a_key_that_the_agent_has_is_taken(desk: Desk, agent: Agent, tmp_path: Path) -> None:  # noqa: F811
    """By its comment or its fingerprint; of several, or none, those that there are are told."""
    ssh_keygen(tmp_path / "id", "-t", "ecdsa", "-C", "work")
    agent.add(str(tmp_path / "id"))
    SshAgent().add(Ed25519Signer(bytes(range(32))), "home")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", "id"], capture_output=True, text=True, check=True)  # noqa: S607
    fingerprint = shown.stdout.split()[1]
    assert desk.run("key", "new", "user:zoe", "--agent-key", fingerprint, now=None).status == 0
    assert Principal.load("zoe.pub").public_key.algorithm.label == "esp256"
    assert desk.run("key", "new", "user:yan", "--agent-key", "home", now=None).status == 0
    assert decided(desk, desk.run(*MINT, "--key", "zoe.key").out, "--root", "zoe.pub") == 0
    none = desk.run("key", "new", "user:xia", "--agent-key", "nothing", now=None)
    assert none.status == 4
    assert fingerprint in none.err
    assert not Path("xia.key").exists()


def test_a_key_is_made_in_a_token_and_signs(desk: Desk, module: str) -> None:  # noqa: F811 - the fixture
    """The PIN comes from a file; a key that is there is taken; it is never printed."""
    Path("pin").write_text(f"{PIN}\n")
    where = f"pkcs11:token={TOKEN}?module-path={module}"
    name = "user:wim@example.com"
    made = desk.run("key", "new", name, "--pkcs11", where, "--passphrase-file", "pin", now=None)
    assert (made.status, made.out) == (0, ""), made.err
    assert PIN not in Path("wim.key").read_text()
    whole = f"pkcs11:token={TOKEN};object={name}?module-path={module}"
    for key in ("wim.key", whole, f"{whole}&pin-source=file:{Path('pin').resolve()}"):
        token = desk.run(*MINT, "--key", key, "--passphrase-file", "pin").out
        assert decided(desk, token, "--root", "wim.pub") == 0
    taken = desk.run("key", "new", name, "--pkcs11", whole, "-o", "again", "--passphrase-file", "pin", now=None)
    assert taken.status == 0
    assert Path("again.pub").read_text() == Path("wim.pub").read_text()
    p256 = ("key", "new", "user:vic", "--pkcs11", where, "--esp256", "--passphrase-file", "pin")
    assert desk.run(*p256, now=None).status == 0
    assert Principal.load("vic.pub").public_key.algorithm.label == "esp256"
    twice = desk.run("key", "new", name, "--pkcs11", where, "-o", "more", "--passphrase-file", "pin", now=None)
    assert twice.status == 4
    assert "already" in twice.err
    missing = desk.run(*MINT, "--key", f"pkcs11:token={TOKEN};object=user:nobody?module-path={module}")
    assert missing.status == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("--agent", "--pkcs11", "pkcs11:token=t"),
        ("--agent", "--agent-key", "x"),
        ("--esp256",),
        ("--pkcs11", "pkcs11:"),
        ("--pkcs11", "pkcs11:token=t?pin-value=1"),
        ("--pkcs11", "pkcs11:token=t;object=o?module-path=/m", "--esp256"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(desk: Desk, arguments: tuple[str, ...]) -> None:
    """Told before anything is made."""
    assert desk.run("key", "new", "user:zoe", *arguments, now=None).status == 2
    assert not Path("zoe.key").exists()


def test_without_an_agent_a_key_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing key, with the reason; nothing is written."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for arguments in (("--agent",), ("--agent-key", "x")):
        ran = desk.run("key", "new", "user:zoe", *arguments, now=None)
        assert (ran.status, "SSH_AUTH_SOCK is not set" in ran.err) == (4, True)
    assert desk.run(*MINT, "--key", "ssh-agent:alice.pub").status == 4
    assert not Path("zoe.key").exists()


def test_without_the_extra_its_name_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install."""
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    for command in (
        ("key", "new", "user:zoe", "--pkcs11", "pkcs11:token=t?module-path=/m"),
        (*MINT, "--key", "pkcs11:token=t;object=user:zoe?module-path=/m"),
    ):
        ran = desk.run(*command, now=None)
        assert (ran.status, "delegate-token[pkcs11]" in ran.err) == (5, True)


def test_a_passphrase_is_given_changed_and_removed(desk: Desk) -> None:
    """The key stays the same, and so does the mode of its file."""
    Path("one").write_text("first\n")
    Path("two").write_text("second\n")
    key = Identity.load("alice.key").public_key
    assert desk.run("key", "passwd", "alice.key", "--new-passphrase-file", "one", now=None).status == 0
    assert Identity.load("alice.key", "first").public_key == key
    change = ("key", "passwd", "alice.key", "--passphrase-file")
    assert desk.run(*change, "two", "--new-passphrase-file", "two", now=None).status == 4
    assert desk.run(*change, "one", "--new-passphrase-file", "two", now=None).status == 0
    assert Identity.load("alice.key", "second").public_key == key
    assert Path("alice.key").stat().st_mode & 0o777 == 0o600
    assert desk.run(*change, "two", "--remove", now=None).status == 0
    assert Identity.load("alice.key").public_key == key
    assert desk.run("key", "passwd", "alice.key", "--remove", "--new-passphrase-file", "one", now=None).status == 2


def test_a_key_elsewhere_has_no_passphrase_here(desk: Desk, agent: Agent) -> None:  # noqa: F811 - the fixture
    """What protects it is the agent's."""
    desk.run("key", "new", "user:zoe", "--agent", now=None)
    assert desk.run("key", "passwd", "zoe.key", "--remove", now=None).status == 5


def test_a_new_key_for_the_same_principal(desk: Desk) -> None:
    """The old files stay; the new ones are the next in number, whatever there is already."""
    before = Path("alice.key").read_bytes()
    for file, stem in (("alice.key", "alice-2"), ("alice.pub", "alice-3"), ("alice-3.key", "alice-4")):
        ran = desk.run("key", "rotate", file, now=None)
        assert (ran.status, ran.out) == (0, "")
        assert Identity.load(f"{stem}.key").name == "user:alice@example.com"
    assert Path("alice.key").read_bytes() == before
    assert len({Path(f"alice{end}.pub").read_text() for end in ("", "-2", "-3", "-4")}) == 4
    assert desk.run("key", "rotate", "alice.key", "-o", "alice", now=None).status == 5
    assert desk.run("key", "rotate", "missing.key", now=None).status == 5


def test_a_bundle_says_whom_to_trust(desk: Desk, web: Web) -> None:
    """From a file or a URL; for whom, as a pinned key says, and nobody else's."""
    token = desk.run(*MINT, "--key", "alice.key").out
    sign = ("roots", "sign", "--key", "buyer.key", "--bundle", "roots.dlgk")
    assert desk.run(*sign, "--root", "alice.pub", "--speaks-for", "user:*", "--revoker", "clerk.pub").status == 0
    web.pages["/roots"] = Page(Path("roots.dlgk").read_bytes())
    for source in ("roots.dlgk", web.url("/roots")):
        trust = ("--roots", source, "--pinned", "buyer.pub")
        assert decided(desk, token, *trust) == 0
        assert desk.run("check", "t.token", *trust, *ASKED).status == 0
        assert desk.run("inspect", "t.token", *trust).out.startswith("GENUINE")
        assert desk.run("verify", "t.token", "--roots", source, "--pinned", "alice.pub").status == 4
    assert desk.run(*sign, "--root", "planner.pub", "--distrust", "alice.pub").status == 0
    assert desk.run("verify", "t.token", "--roots", "roots.dlgk", "--pinned", "buyer.pub").status == 4
    shown = desk.run("roots", "show", "roots.dlgk", "--pinned", "buyer.pub")
    assert (shown.status, "counts as   revoker" in shown.out, "alice" in shown.out) == (0, True, False)
    assert desk.run("roots", "show", "roots.dlgk", "--pinned", "alice.pub").status == 4
    assert "was not checked" in desk.run("roots", "show", "roots.dlgk").err


def test_a_bundle_s_revokers_and_third_parties_count(desk: Desk, web: Web) -> None:
    """A chain that a revoker of the bundle took back, by a list that is fetched; and an age that it must have."""
    token = desk.make("p.token", *MINT, "--key", "alice.key")
    desk.run("roots", "sign", "--key", "buyer.key", "--bundle", "r", "--root", "alice.pub", "--revoker", "clerk.pub")
    trust = ("--roots", "r", "--pinned", "buyer.pub")
    assert (
        desk.run(
            "revoke", "p.token", "--hop", "0", "--key", "clerk.key", "--list", "revoked.dlgr", "--no-journal"
        ).status
        == 0
    )
    web.pages["/revoked"] = Page(Path("revoked.dlgr").read_bytes())
    lists = ("--revocations", web.url("/revoked"))
    refused = desk.run("verify", "p.token", *trust, *lists, "--max-revocation-age", "1h", "--json")
    assert (refused.status, refused.json["reason"]) == (1, "revoked")
    assert desk.run("verify", "p.token", *trust, "--max-revocation-age", "1h").status == 5
    assert desk.run("revocations", "show", web.url("/revoked")).status == 0
    assert desk.run("verify", "p.token", *trust, "--revocations", web.url("/none")).status == 5
    assert desk.run("verify", "p.token", *trust, "--revocations", "http://example.com/x").status == 2
    assert decided(desk, token, *trust) == 0


@pytest.mark.parametrize(
    "trust",
    [
        ("--roots", "r"),
        ("--pinned", "buyer.pub"),
        ("--roots", "r", "--pinned", "buyer.pub", "--root", "alice.pub"),
        ("--roots", "r", "--pinned", "buyer.pub", "--speaks-for", "user:*"),
        (),
    ],
)
def test_a_bundle_goes_with_a_pinned_key_and_no_other_roots(desk: Desk, trust: tuple[str, ...]) -> None:
    """Half said is a usage error."""
    desk.make("p.token", *MINT, "--key", "alice.key")
    desk.run("roots", "sign", "--key", "buyer.key", "--bundle", "r", "--root", "alice.pub")
    assert desk.run("verify", "p.token", *trust).status == 2


def test_a_root_is_retired_and_not_forgotten(desk: Desk) -> None:
    """The tool keeps a root for as long as its chains may live; only what is distrusted leaves at once."""
    sign = ("roots", "sign", "--key", "buyer.key", "--bundle", "r")
    assert desk.run(*sign, "--root", "alice.pub", "--ttl", "30d").status == 0
    assert desk.run(*sign, "--retire", "alice.pub").status == 2
    assert desk.run(*sign, "--retire", "planner.pub", "--longest", "8h").status == 2
    assert (
        desk.run(*sign, "--root", "planner.pub", "--retire", "alice.pub", "--longest", "8h", "--ttl", "30d").status == 0
    )
    pinned = Principal.load("buyer.pub")
    found = RootBundle.parse(Path("r").read_bytes(), pinned=pinned)
    alice = next(each for each in found.keys if each.principal.name == "user:alice@example.com")
    assert alice.until == found.issued + 8 * 3600
    assert found.sequence == 2
    desk.make("old.token", *MINT, "--key", "alice.key")
    trust = ("--roots", "r", "--pinned", "buyer.pub")
    assert desk.run("verify", "old.token", *trust).status == 0
    late = desk.run("verify", "old.token", *trust, "--now", "2026-12-01T20:00:01Z", now=None)
    assert late.status == 4
    assert desk.run("roots", "sign", "--key", "alice.key", "--bundle", "r").status == 4
    Path("rubbish").write_text("rubbish")
    assert desk.run("roots", "sign", "--key", "buyer.key", "--bundle", "rubbish").status == 3
    assert desk.run("verify", "old.token", "--roots", "rubbish", "--pinned", "buyer.pub").status == 3
    assert desk.run("verify", "old.token", *trust, "--now", "2027-12-01T12:00Z", now=None).status == 1
    printed = desk.run("roots", "sign", "--key", "buyer.key", "--root", "alice.pub", "--from", "2026-12-02T12:00Z")
    assert RootBundle.parse(printed.out.strip(), pinned=pinned).keys[0].since > found.issued
    assert Path("r").stat().st_mode & 0o777 == 0o644
