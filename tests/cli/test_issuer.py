"""`delegate issuer check`, and what the commands around a login say without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delegate.cli import main
from delegate.issue.events import EventFile
from delegate.issue.issuer import Issuance
from tests.issue.world import ISSUER, POLICY, Provider

AT = "files.example.com, mail.example.com"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a policy, and claims of Alice's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DELEGATE_DATA", str(tmp_path / "data"))
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "known.toml").write_text(POLICY.replace("hops = 1", "known = true"))
    ISSUER.save(tmp_path / "issuer.key")
    (tmp_path / "alice.json").write_text(json.dumps(Provider().claims()))
    return tmp_path


def test_a_policy_without_mistakes(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; and what is probably not meant as a warning."""
    assert main(["issuer", "check", "--policy", "policy.toml"]) == 0
    assert capsys.readouterr().out == "policy.toml: 2 grants, 1 trusted party; no mistakes found\n"
    (policy / "policy.toml").write_text(POLICY.replace('claims.sub == "ci"', 'claims.sub.matches("ci")'))
    assert main(["issuer", "check", "--policy", "policy.toml"]) == 0
    assert "finds its pattern anywhere" in capsys.readouterr().err


def test_what_somebody_would_get_and_why_not_more(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each grant, with what it comes to or what does not hold."""
    command = ["issuer", "check", "--policy", "policy.toml", "--claims", "alice.json", "--agent", "agent:planner"]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"✓ reports: user:alice@example.com → agent:planner, for 15m, 1 hop left, at {AT}",
        "    files.read /reports/**",
        "    if args.size < 1000000",
        '✗ ci: claims.sub == "ci", and claims.sub is "alice-17"',
    ]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["chosen"], [each["given"] for each in said["grants"]]) == ("reports", [True, False])
    (policy / "alice.json").write_text(json.dumps(Provider().claims(email_verified=False, groups=[2**64])))
    assert main(command) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "warning: claims.email cannot be read: its provider does not say that this address was verified",
        "warning: claims.groups[0] cannot be read: an integer beyond 64 bits",
        "refused: the policy gives this nothing",
    ]
    assert printed.out.startswith("✗ reports: claims.groups.exists")
    assert main([*command[:-2]]) == 1  # the agent names itself


def test_a_mistake_is_shown_with_a_mark(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, the line, and where in it; the same as data."""
    (policy / "policy.toml").write_text(POLICY.replace("claims.sub ==", "claims.sub ="))
    assert main(["issuer", "check", "--policy", "policy.toml"]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == ['  claims.sub = "ci"', "             ^"]
    assert main(["issuer", "check", "--policy", "policy.toml", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["span"]) == ('claims.sub = "ci"', [11, 12])


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["issuer", "check"], 2, "--policy"),
        (["issuer", "check", "--policy", "nothing.toml"], 5, "no such file"),
        (["issuer", "check", "--policy", "policy.toml", "--claims", "nothing.json"], 5, "no such file"),
        (["issuer", "check", "--policy", "policy.toml", "--claims", "policy.toml"], 2, "not JSON"),
        (
            ["issuer", "check", "--policy", "policy.toml", "--claims", "alice.json", "--trust", "x"],
            2,
            "nobody is called",
        ),
        (["issuer", "serve", "--policy", "policy.toml"], 2, "--key"),
        (["issuer", "serve", "--policy", "policy.toml", "--cert", "x"], 2, "give --cert and --tls-key"),
        (["issuer", "serve", "--policy", "policy.toml", "--clients", "x"], 2, "needs --cert"),
        (["issuer", "serve", "--policy", "known.toml", "--key", "issuer.key"], 5, "give directory="),
        (
            ["issuer", "serve", "--policy", "known.toml", "--key", "issuer.key", "--directory", "sqlite:///no.db"],
            5,
            "no such directory file",
        ),
        (["login"], 2, "say where"),
        (["login", "--issuer", "http://issuer.example.com"], 5, "https is needed"),
        (["login", "--issuer", "https://127.0.0.1:1"], 5, "does not answer"),
        (["login", "--issuer", "https://127.0.0.1:1", "--name", "x"], 2, "--name"),
        (["whoami"], 4, "nobody is logged in"),
        (["logout"], 4, "nobody is logged in"),
    ],
)
def test_how_it_goes_wrong(
    policy: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, told: str
) -> None:
    """A status, and one line that says what to do."""
    del policy
    assert main(arguments) == status
    assert told in capsys.readouterr().err


def test_a_login_that_cannot_be_read(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told with its name; a command that names its own token does not look at it."""
    (policy / "data").mkdir()
    (policy / "data" / "login.json").write_text("{}")
    (policy / "data" / "login.json").chmod(0o600)
    for command in (["whoami"], ["inspect"]):
        assert main(command) == 5
        assert "login.json" in capsys.readouterr().err


def test_events_are_a_line_each(tmp_path: Path) -> None:
    """Whole, flushed, and the owner's alone; what others may write is not extended."""
    file = EventFile(tmp_path / "events")
    for at in (1, 2):
        file(Issuance(time=at, issued=True, originator="user:alice"))
    lines = (tmp_path / "events").read_text().splitlines()
    assert [json.loads(line)["time"] for line in lines] == [1, 2]
    assert (tmp_path / "events").stat().st_mode & 0o777 == 0o600
    with (tmp_path / "events").open("a") as half:
        half.write('{"half')
    file(Issuance(time=3, issued=True))
    assert json.loads((tmp_path / "events").read_text().splitlines()[-1])["time"] == 3
    (tmp_path / "events").chmod(0o666)
    with pytest.raises(OSError, match="others may write"):
        file(Issuance(time=3, issued=True))
