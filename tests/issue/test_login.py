"""A person logs in at a real provider with a real browser, an agent works for them, a service decides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from delegate import Holder, Identity, Principal, Request, Root, Verifier
from delegate.authoring.token import Token
from delegate.core.chain.revocations import RevocationList
from delegate.errors import Reason
from delegate.issue import logins
from tests.issue.machines import Terminal, browser, delegate, free_port, provider, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

POLICY = """
[issuer]
url = "{url}"
key = "issuer.key"
state = "sqlite:///{folder}/issuer.db"
revocations = "revoked.dlgr"

[login]
trust = "people"
client = "cli"
scope = "openid email groups offline_access"

[[trust]]
name = "people"
type = "oidc"
issuer = "{provider}"
audience = "cli"

[[grant]]
name = "reports"
if = 'claims.groups.exists(g, g == "analysts")'
for = '"user:" + claims.email'
can = ["files.read /reports/**"]
ttl = "10m"
hops = 2

[[grant]]
name = "from-a-device"
if = 'claims.groups.exists(g, g == "analysts")'
for = '"user:" + claims.email'
can = ["files.list /reports/**"]
ttl = "5m"
unbound = true
"""
READ = Request("files.read", "/reports/q3.csv")
AUDIENCE = "files.example.com"


class Place:
    """A provider and an issuer that run, and a browser."""

    def __init__(self, folder: Path, url: str, web: Page) -> None:
        """Remember where."""
        self.folder = folder
        self.url = url
        self.web = web

    def home(self, name: str) -> dict[str, str]:
        """The environment of a user who has nothing yet."""
        folder = self.folder / name
        folder.mkdir()
        return {"DELEGATE_DATA": str(folder), "NO_COLOR": "1", "DELEGATE_TOKEN": "", "DELEGATE_KEY": ""}

    def log_in(self, address: str, user: str = "alice") -> None:
        """Do what a person does: name, button, button."""
        self.web.context.clear_cookies()
        self.web.goto(address)
        self.agree(user)

    def agree(self, user: str) -> None:
        """Log in and allow."""
        self.web.fill("#user", user)
        self.web.click("#go")
        self.web.wait_for_selector("#user", state="detached")
        self.web.click("#go")
        self.web.wait_for_selector("#go", state="detached")

    def verifier(self) -> Verifier:
        """A service that trusts the issuer for the people of one domain."""
        root = Root(Principal.load(self.folder / "issuer.pub"), speaks_for=["user:*@example.com"])
        return Verifier([root], audience=AUDIENCE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All of it, once for the tests of this file."""
    folder = tmp_path_factory.mktemp("login")
    identity = Identity.generate("svc:issuer")
    identity.save(folder / "issuer.key")
    identity.principal.save(folder / "issuer.pub")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "delegate", "issuer", "serve", "--policy", "policy.toml", "--port", str(port)]
    with provider(folder) as issuer, browser() as web:
        (folder / "policy.toml").write_text(POLICY.format(url=url, provider=issuer, folder=folder))
        with running([*command, "--events", "events.jsonl"], port, folder):
            yield Place(folder, url, web)


def test_from_nothing_to_a_decided_request(place: Place) -> None:
    """Alice logs in; her program's agent reads a report and may not write one; she logs out, and nothing is allowed."""
    home = place.home("alice")
    terminal = Terminal("login", "--issuer", place.url, "--no-browser", environ=home)
    place.log_in(terminal.until(r"Log in at (\S+)")[1])
    status, out, err = terminal.end()
    assert status == 0, err
    assert out.startswith("user:alice@example.com, as agent:cli\n")
    assert "You are logged in" in place.web.content()
    assert (Path(home["DELEGATE_DATA"]) / "login.json").stat().st_mode & 0o777 == 0o600

    said = json.loads(delegate("whoami", "--json", environ=home)[1])
    assert (said["originator"], said["issuer"]) == ("user:alice@example.com", place.url)

    # Every command takes the login where nothing is named; a chain for a sub-agent as well as a proof.
    worker = Identity.generate("agent:worker")
    worker.principal.save(place.folder / "worker.pub")
    status, token, err = delegate("attenuate", "--to", str(place.folder / "worker.pub"), "--ttl", "5m", environ=home)
    assert status == 0, err
    service = place.verifier()
    holder = Holder(worker, Token.parse(token))
    decision = service.decide(holder.prove(READ, AUDIENCE), READ)
    assert decision.allowed
    assert decision.authorization is not None
    assert decision.authorization.originator == "user:alice@example.com"
    write = Request("files.write", "/reports/q3.csv")
    assert (
        service.decide(holder.identity.prove(holder.token, write, AUDIENCE), write).reason is Reason.CAPABILITY_MISSING
    )
    request = ("--action", "files.read", "--resource", "/reports/a")
    status, proof, err = delegate("prove", "--audience", AUDIENCE, *request, environ=home)
    assert status == 0, err
    assert service.decide(proof.strip(), Request("files.read", "/reports/a")).allowed

    # A later login needs no browser, and its refresh token is another one each time.
    path = Path(home["DELEGATE_DATA"]) / "login.json"
    before = logins.load(path)
    status, out, err = delegate("login", environ=home)
    after = logins.load(path)
    assert status == 0, err
    assert before is not None
    assert after is not None
    assert "Log in at" not in err
    assert after.refresh != before.refresh
    assert after.token.id != before.token.id
    assert after.identity.public_key == before.identity.public_key

    status, _, err = delegate("logout", environ=home)
    assert (status, err) == (0, "user:alice@example.com is logged out\n")
    assert delegate("whoami", environ=home)[0] == 4
    assert delegate("logout", environ=home)[0] == 4
    assert delegate("prove", "--audience", AUDIENCE, "--action", "x", environ=home)[0] == 2
    listed = RevocationList.parse((place.folder / "revoked.dlgr").read_text())
    service.accept_revocations(listed)
    late = after.identity.prove(after.token, READ, AUDIENCE)
    assert service.decide(late, READ).reason is Reason.REVOKED

    events = [json.loads(line) for line in (place.folder / "events.jsonl").read_text().splitlines()]
    assert [(each["originator"], each["binding"]) for each in events if each["issued"]][:2] == [
        ("user:alice@example.com", "nonce")
    ] * 2


def test_a_login_without_a_browser_here(place: Place) -> None:
    """The device flow: its ID token names no key, so only the grant that says `unbound` takes it."""
    home = place.home("device")
    terminal = Terminal("login", "--issuer", place.url, "--device", environ=home)
    address = terminal.until(r"Open (\S+) and enter ([A-Z-]+)")[1]
    place.web.context.clear_cookies()
    place.web.goto(address)
    place.web.click("button[type=submit]")
    place.agree("alice")
    status, out, err = terminal.end()
    assert status == 0, err
    assert out.startswith("user:alice@example.com, as agent:cli\n")
    kept = logins.load(Path(home["DELEGATE_DATA"]) / "login.json")
    assert kept is not None
    assert [str(each) for each in Holder(kept.identity, kept.token).grants()] == ["files.list /reports/**"]


def test_an_address_that_was_not_verified_is_nobody_s(place: Place) -> None:
    """Mallory wrote Alice's address into their own profile: the provider says that it was not verified."""
    home = place.home("mallory")
    terminal = Terminal("login", "--issuer", place.url, "--no-browser", environ=home)
    place.log_in(terminal.until(r"Log in at (\S+)")[1], "mallory")
    status, out, err = terminal.end()
    assert (status, out) == (1, "")
    assert "the policy gives this nothing" in err
    assert not (Path(home["DELEGATE_DATA"]) / "login.json").exists()
