"""What goes where: stdout, stderr, JSON, colour, pipes; and what is never printed."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import delegate
from delegate.cli import app
from delegate.cli.output import Output, ReaderGone
from tests.cli.conftest import HERE, NOW, Desk, Prove, asking

INSTALLED = Path(delegate.__file__).parents[1]


def spawn(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run it as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DELEGATE_", "PYTHON"))}
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "delegate", *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(INSTALLED), **environment},
        capture_output=True,
        check=False,
    )


def test_json_everywhere(story: Desk, proven: Prove) -> None:
    """Every command with --json: one object with version, command and exit on stdout, and nothing on stderr."""
    proven("/data/q3/a.csv", size=10)
    story.make("b.token", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    request = asking("/data/q3/a.csv", size=10)
    for command in (
        ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "5m"),
        ("attenuate", "summarizer.token", "--key", "summarizer.key"),
        ("attenuate", "summarizer.token", "--key", "summarizer.key", "--dry-run"),
        ("seal", "b.token"),
        ("prove", "summarizer.token", "--key", "summarizer.key", *HERE, *request),
        ("inspect", "summarizer.token"),
        ("inspect", "summarizer.token", "--root", "alice.pub"),
        ("inspect", "summarizer.token", "--diff"),
        ("verify", "summarizer.token", "--root", "alice.pub"),
        ("verify", "x.proof", "--root", "alice.pub", *HERE, *request),
        ("check", "summarizer.token", "--root", "alice.pub", *request),
        ("list",),
        ("revoke", "summarizer.token", "--key", "alice.key", "--list", "revoked.dlgr"),
        ("revocations", "show", "revoked.dlgr"),
        ("revocations", "verify", "revoked.dlgr", "--signer", "alice.pub"),
        ("revocations", "merge", "revoked.dlgr", "--key", "alice.key"),
        ("demo",),
    ):
        ran = story.run(*command, "--json")
        assert (ran.status, ran.err) == (0, ""), command
        name = " ".join(command[:2]) if command[0] == "revocations" else command[0]
        assert (ran.json["version"], ran.json["command"], ran.json["exit"]) == (1, name, 0)
    for command in (("key", "new", "agent:w"), ("key", "public", "w.key"), ("key", "show", "w.pub")):
        ran = story.run(*command, "--json", now=None)
        assert (ran.json["version"], ran.json["command"], ran.json["name"]) == (1, " ".join(command[:2]), "agent:w")


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("inspect", "--json"), 2, None),
        (("nothing", "--json"), 2, None),
        (("mint", "--ttl", "x", "--json"), 2, None),
        (("inspect", "missing.token", "--json"), 5, None),
        (("inspect", "garbage", "--json"), 3, "malformed"),
        (("inspect", "dlgt_A", "--json"), 3, "truncated"),
        (("verify", "planner.token", "--root", "planner.pub", "--json"), 4, "unknown_root"),
        (("inspect", "planner.token", "--root", "planner.pub", "--json"), 4, "unknown_root"),
        (("check", "planner.token", "--root", "alice.pub", "--json", "--action", "x"), 1, "capability_missing"),
        (("attenuate", "planner.token", "--key", "alice.key", "--json"), 4, "proof_wrong_key"),
        (
            ("mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "5m", "--can", "a if (", "--json"),
            2,
            "malformed",
        ),
    ],
)
def test_json_of_failures(story: Desk, arguments: tuple[str, ...], status: int, reason: str | None) -> None:
    """A failure with --json is the same shape on stdout, and stderr is silent."""
    ran = story.run(*arguments)
    assert (ran.status, ran.err) == (status, "")
    assert (ran.json["version"], ran.json["exit"], ran.json["reason"]) == (1, status, reason)
    assert ran.json["detail"]


def test_json_of_a_chain(story: Desk) -> None:
    """A program finds in JSON what a person reads."""
    said = story.run("inspect", "summarizer.token", "--root", "alice.pub", "--json").json
    assert said["genuine"] is True
    chain = said["chain"]
    assert (chain["originator"], chain["holder"]) == ("user:alice@example.com", "agent:summarizer")
    assert (chain["audience"], chain["hops_left"]) == (["files.example.com"], 0)
    conditions = ["args.size < 1000000", 'action in ["files.read", "files.list"]']
    grant = {
        "text": f"files.read /data/q3/** if {' && '.join(conditions)}",
        "conditions": conditions,
        "arguments": None,
    }
    assert chain["effective"] == {"grants": [grant], "exact": True, "clashes": []}
    first = chain["hops"][0]
    assert first["capabilities"][1] == {"text": "pay(amount, currency) if args.amount <= 500", "arguments": "closed"}
    assert first["expires"] - first["issued"] == 8 * 3600
    assert story.run("inspect", "summarizer.token", "--json").json["genuine"] is None


def test_where_a_token_may_come_from(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, a file (text or bytes), stdin, and the environment where there is no argument."""
    text = (story.folder / "summarizer.token").read_text()
    expected = story.run("inspect", "summarizer.token").out
    assert story.run("inspect", text.strip()).out == expected
    assert story.run("inspect", "-", stdin=f"\n {text}\n".encode()).out == expected
    monkeypatch.setenv("DELEGATE_TOKEN", text.strip())
    assert story.run("inspect").out == expected
    assert story.run("inspect", "planner.token").out != expected
    monkeypatch.setenv("DELEGATE_TOKEN", "")
    assert story.run("inspect").status == 2


def test_a_token_as_bytes(story: Desk) -> None:
    """The binary form is read from a file and from stdin."""
    from delegate import Token

    data = Token.parse((story.folder / "summarizer.token").read_text()).to_bytes()
    (story.folder / "it.cbor").write_bytes(data)
    expected = story.run("inspect", "summarizer.token").out
    assert story.run("inspect", "it.cbor").out == expected
    assert story.run("inspect", "-", stdin=data).out == expected


@pytest.mark.parametrize(
    "text",
    [
        '"{}"\n',
        "'{}'",
        "$ delegate mint --key alice.key\n{}\n",
        "TOKEN={}\r\n",
        "{}\nagain\n",
        "{} {}",
        "\tit is {}.",
    ],
)
def test_a_token_among_other_words_is_called_so(story: Desk, text: str) -> None:
    """In quotes, below a shell's line, behind a name: a text that was copied with too much, and no bytes of a token."""
    token = (story.folder / "planner.token").read_text().strip()
    (story.folder / "copied").write_bytes(text.replace("{}", token).encode())
    ran = story.run("inspect", "copied")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err == "not a token: the input holds more than a token: quotes, another line or other words\n"
    (story.folder / "prose").write_text("no token\nat all\n")
    assert story.run("inspect", "prose").err == ("not a token: does not begin with dlgt_, dlgb_ or dlgp_ [malformed]\n")


def test_a_bearer_token_in_an_argument_is_warned_of(desk: Desk) -> None:
    """Every process here sees arguments; a file or stdin gives no warning."""
    text = desk.make("b", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    assert desk.run("inspect", text).err.startswith("warning: every process here can see a bearer token")
    assert desk.run("inspect", "b").err == ""


def test_secrets_are_not_printed(desk: Desk) -> None:
    """No output but the bearer token itself holds a secret, and a damaged one is not echoed."""
    text = desk.make("b", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    for command in (("inspect", "b"), ("inspect", "b", "--json"), ("attenuate", "b", "--dry-run")):
        ran = desk.run(*command)
        assert text[-40:] not in ran.out + ran.err
    ran = desk.run("inspect", text[1:])
    assert (ran.status, text[-40:] in ran.err) == (3, False)
    pem = (desk.folder / "alice.key").read_text().splitlines()[2]
    for command in (("key", "public", "alice.key"), ("key", "show", "alice.key"), ("inspect", "alice.key")):
        ran = desk.run(*command, now=None)
        assert pem not in ran.out + ran.err


def test_a_key_file_that_others_can_read_is_warned_of(desk: Desk) -> None:
    """The command goes on, and says what to do."""
    (desk.folder / "alice.key").chmod(0o644)
    ran = desk.run("key", "public", "alice.key", now=None)
    assert (ran.status, ran.err) == (0, "warning: alice.key can be read by others; chmod 600 alice.key\n")


def test_what_others_wrote_is_escaped(desk: Desk) -> None:
    """A resource that would turn the direction of text around, or clear the screen, is shown as an escape."""
    evil = "/a\u202e\x1b[2J"
    desk.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "5m", "--can", 'a exactly "/\u202eb"')
    for command in (
        ("inspect", "t"),
        ("check", "t", "--root", "alice.pub", "--action", "a", "--resource", evil),
        ("check", "t", "--root", "alice.pub", "--action", "a", "--arg", f"{evil}={evil}"),
        ("inspect", evil),
        ("key", "new", evil),
    ):
        ran = desk.run(*command, now=None)
        assert "\u202e" not in ran.out + ran.err, command
        assert "\x1b" not in ran.out + ran.err, command


def test_colour_only_on_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No terminal, NO_COLOR or TERM=dumb: not an escape."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    Output("x", as_json=False).show(["GENUINE  a ✓"])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Output("x", as_json=False).show(["GENUINE  a ✓"])
    assert "\x1b[32m✓\x1b[0m" in capsys.readouterr().out
    Output("x", as_json=False).show(["Checked  a"])
    assert capsys.readouterr().out == "Checked  a\n"
    Output("x", as_json=False).show(["0 ─▶ a   − b   + args.n + 1 < 3"])
    assert capsys.readouterr().out == "0 ─▶ a   \x1b[31m−\x1b[0m b   \x1b[32m+\x1b[0m args.n + 1 < 3\n"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
        Output("x", as_json=False).show(["GENUINE  a ✓"])
        assert "\x1b" not in capsys.readouterr().out
        monkeypatch.delenv(name)


def test_as_a_process(story: Desk) -> None:
    """`python -m delegate` is the same command."""
    ran = spawn(story.folder, "inspect", "summarizer.token", "--now", NOW, PYTHONUTF8="1")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.decode() == story.run("inspect", "summarizer.token").out


def test_a_terminal_without_unicode(story: Desk) -> None:
    """Plainer signs, and no UnicodeEncodeError."""
    ran = spawn(
        story.folder, "inspect", "summarizer.token", "--root", "alice.pub", "--now", NOW, PYTHONIOENCODING="ascii"
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b" 0 -> agent:planner" in ran.stdout
    assert b"signatures 3/3 ok" in ran.stdout


def test_nobody_reads_on(story: Desk) -> None:
    """A closed pipe ends the run without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(
            [sys.executable, "-m", "delegate", "inspect", "summarizer.token"],
            cwd=story.folder,
            env={**os.environ, "PYTHONPATH": str(INSTALLED)},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (5, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_not_success(story: Desk, unbuffered: str) -> None:
    """What could not be written is status 5, whether that shows at the first line or at the end."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "delegate", "inspect", "summarizer.token"],
            cwd=story.folder,
            env={**os.environ, "PYTHONPATH": str(INSTALLED), "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (5, b"error: the output cannot be written: no space left on device\n")


def test_help_that_nobody_reads(story: Desk) -> None:
    """The same for help: quiet, and not the status of a refusal."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(
            [sys.executable, "-m", "delegate", "--help"],
            cwd=story.folder,
            env={**os.environ, "PYTHONPATH": str(INSTALLED)},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (5, b"")


def test_streams_that_are_closed_or_cannot_be_read(story: Desk) -> None:
    """No stdin is an empty one, one that cannot be read is a file that fails, and stdout may be shut."""
    line = f"{shlex.quote(sys.executable)} -m delegate inspect"
    for command, status in (
        (f"{line} - <&-", 3),
        (f"{line} - </dev/null", 3),
        (f"{line} - 0>written", 5),
        (f"{line} summarizer.token >&-", 0),
        (f"{line} missing.token 2>&-", 5),
    ):
        ran = subprocess.run(  # noqa: S603 - our own command
            ["/bin/sh", "-c", command],
            cwd=story.folder,
            env={**os.environ, "PYTHONPATH": str(INSTALLED)},
            capture_output=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (status, b""), command
        assert b"fault" not in ran.stderr


def test_a_stdout_that_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdout is another program's object and nobody reads it, the run ends all the same."""

    def gone(**_: object) -> None:
        raise ReaderGone

    monkeypatch.setattr(app.delegate, "main", gone)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # not the runner's, whose file would be led to nowhere
    assert app.main(["demo"]) == 5
    sys.stdout.close()
    sys.stderr.close()


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is status 130 and one line."""

    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app.delegate, "main", interrupt)
    assert app.main(["demo"]) == 130
    assert capsys.readouterr().err == "interrupted: stopped before it was done\n"


def test_a_fault_of_ours_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Should we fail where we should not, one line says where."""

    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.delegate, "main", fail)
    assert app.main(["demo"]) == 5
    assert capsys.readouterr().err.startswith("internal error: ZeroDivisionError at test_terminal.py:")


def test_every_command_shows_an_example_of_itself(desk: Desk) -> None:
    """The help of each ends with one, and not with another's."""
    pending: list[tuple[tuple[str, ...], click.Command]] = [((), app.delegate)]
    while pending:
        words, command = pending.pop()
        if isinstance(command, click.Group):
            pending += [((*words, name), each) for name, each in command.commands.items()]
        else:
            shown = desk.run(*words, "--help", now=None).out.partition("Show this message and exit.")[2]
            examples = re.findall(r"^ *delegate .*$", shown, re.MULTILINE)
            own = [each for each in examples if f"delegate {' '.join(words)} " in each]
            assert own, words
            others = [each for each in examples if each not in own]  # may lead up to it: `delegate token > file`
            assert all(shown.index(each) < shown.index(own[-1]) for each in others), words


def test_help_says_where_the_journal_is_and_what_an_absent_option_means(desk: Desk) -> None:
    """`DELEGATE_DATA` beside whatever writes or reads it; how often a chain may be handed on, if nobody says."""
    for command in ("mint", "attenuate", "revoke", "list"):
        assert "DELEGATE_DATA moves" in " ".join(desk.run(command, "--help", now=None).out.split()), command
    for command in ("mint", "attenuate"):
        said = " ".join(desk.run(command, "--help", now=None).out.split())
        assert "Default: 0 for mint and exec, else all that are left" in said
    assert "ID is the beginning of a block's id" in desk.run("revoke", "--help", now=None).out


def test_help_fits(desk: Desk) -> None:
    """Every command explains itself, in lines of at most 100 columns."""
    for command in (
        (),
        ("key", "new"),
        ("revocations", "import"),
        ("budget", "show"),
        *((name,) for name in app.delegate.commands),
    ):
        ran = desk.run(*command, "--help", now=None)
        assert (ran.status, ran.err) == (0, "")
        assert max(map(len, ran.out.splitlines())) <= 100
        assert not [line for line in ran.out.splitlines()[1:] if line.endswith("...")]
