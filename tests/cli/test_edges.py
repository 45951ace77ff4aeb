"""What commands are given by shells, editors and other tools: pipes, encodings, the wrong file, full disks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import Holder, Identity, Token
from delegate.cli.options import json_pair, moment
from tests.cli.conftest import HERE, MINT, NOW, Desk, asking

ROOT = Path(__file__).parents[2]
PERMITTED = asking("/data/q3/a.csv", size=10)
PROVE = ("prove", "summarizer.token", *HERE, *PERMITTED)
posix = pytest.mark.skipif(os.name != "posix", reason="this system has no such files")


def fifo(desk: Desk, name: str, content: bytes) -> str:
    """A pipe that gives its content once, as `<(…)` does."""
    path = desk.folder / name
    os.mkfifo(path, 0o600)
    threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
    return name


@posix
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_key_from_a_pipe(desk: Desk, passphrase: str | None) -> None:
    """It is read once, encrypted or not, and a passphrase likewise."""
    Identity.from_seed("agent:planner", b"\2" * 32).save(desk.folder / "k", passphrase)
    options = [] if passphrase is None else ["--passphrase-file", fifo(desk, "words", passphrase.encode() + b"\n")]
    key = fifo(desk, "pipe", (desk.folder / "k").read_bytes())
    ran = desk.run("key", "public", key, *options, now=None)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (desk.folder / "planner.pub").read_text()


@posix
def test_public_keys_and_tokens_from_pipes(story: Desk) -> None:
    """Whatever a command reads may be a pipe."""
    names = ("alice.pub", "summarizer.token", "summarizer.key")
    root, token, key = (fifo(story, f"{name}.pipe", (story.folder / name).read_bytes()) for name in names)
    proof = story.run("prove", token, "--key", key, *HERE, *PERMITTED)
    assert proof.status == 0, proof.err
    pipe = fifo(story, "proof.pipe", proof.out.encode())
    assert story.run("verify", pipe, "--root", root, *HERE, *PERMITTED).status == 0


@posix
def test_the_wrong_file_from_a_pipe_is_named_as_such(desk: Desk) -> None:
    """Naming it does not need a second reading, which would wait for ever."""
    key = fifo(desk, "a", (desk.folder / "alice.key").read_bytes())
    public = fifo(desk, "b", (desk.folder / "alice.pub").read_bytes())
    assert "a: this is a private key; give the .pub file" in desk.run("key", "show", key, now=None).err
    assert "b: this is a public key; give the .key file" in desk.run("key", "public", public, now=None).err


def test_the_key_in_the_environment(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`DELEGATE_KEY` as `Holder.to_env` sets it: wherever a command signs; `--key` goes before it."""
    worker = Identity.from_seed("agent:summarizer", b"\4" * 32)
    token = Token.parse((story.folder / "summarizer.token").read_text())
    for name, value in Holder(worker, token).to_env().items():
        monkeypatch.setenv(name, value)
    proof = story.run("prove", *HERE, *PERMITTED)
    assert (proof.status, proof.out[:5]) == (0, "dlgp_")
    assert story.run("attenuate", "--ttl", "1m").status == 0
    assert story.run("mint", *MINT[3:]).status == 0
    assert story.run("revoke", "--holder", "summarizer.pub", "--list", "r").status == 0
    assert story.run("revocations", "merge", "r").status == 0
    ran = story.run("prove", "--key", "planner.key", *HERE, *PERMITTED)
    assert (ran.status, ran.err.startswith("missing key: ")) == (4, True)
    for wrong in ("agent:summarizer", "agent:summarizer x", "x AAAA", "agent:summarizer " + "A" * 42):
        monkeypatch.setenv("DELEGATE_KEY", wrong)
        ran = story.run("prove", *HERE, *PERMITTED)
        assert (ran.status, ran.err) == (
            4,
            "missing key: DELEGATE_KEY is not a name and a key [malformed]\n"[:-13] + "\n",
        )
    monkeypatch.setenv("DELEGATE_KEY", "")
    ran = story.run("prove", *HERE, *PERMITTED)
    assert (ran.status, "give the private key with --key FILE, or set DELEGATE_KEY" in ran.err) == (2, True)


def test_a_bearer_token_ignores_the_key_in_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It carries its own."""
    desk.make("b", "mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE)
    monkeypatch.setenv("DELEGATE_KEY", "agent:x " + "A" * 43)
    assert desk.run("prove", "b", *HERE, "--action", "a").status == 0


@pytest.mark.parametrize(
    "given",
    [
        "2027-12-01",
        "2027-W48-3",
        "2027-12-01T12",
        "2027-12-01 12:00",
        "2027-12-01T12:00:30",
        "20271201T120000",
    ],
)
def test_the_time_that_is_advised_is_one_that_is_taken(given: str) -> None:
    """Without a time zone, the advice is the same moment in UTC."""
    with pytest.raises(click.BadParameter, match="has no time zone; for UTC, write ") as caught:
        moment(given)
    advised = str(caught.value.message).rpartition(" ")[2]
    assert moment(advised) >= moment("2027-12-01T00:00Z")
    assert advised.endswith("Z")


@given(st.datetimes())
def test_every_advice_about_a_time_is_taken(at: object) -> None:
    """Whatever is a time but for its zone."""
    text = str(at)
    try:
        moment(text)
    except click.BadParameter as error:
        if "for UTC, write " in str(error.message):
            advised = str(error.message).rpartition(" ")[2]
            try:
                assert moment(advised) >= 0
            except click.BadParameter:
                assert not "1970" <= text[:4] <= "9999"  # of no time that there could be


@pytest.mark.parametrize(
    "text",
    [
        *("12345678901234567890", "-9223372036854775809", "9" * 5000, "NaN", "Infinity", "-Infinity", "[NaN]"),
        *('{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', "[" * 2000 + "]" * 2000, "[99999999999999999999]"),
    ],
)
def test_what_is_written_as_json_and_is_none_is_refused_everywhere(desk: Desk, text: str) -> None:
    """In an option as in a file: never another value, and never text without a word."""
    with pytest.raises(click.BadParameter, match="to give it as text, write it in double quotes"):
        json_pair(f"n={text}")
    (desk.folder / "args.json").write_text(f'{{"n": {text}}}')
    (desk.folder / "request.json").write_text(f'{{"action": "a", "args": {{"n": {text}}}}}')
    mint = ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "5m")
    for options in (
        (*mint, "--if", "args.x == n", "--let", f"n={text}"),
        ("check", "t", "--root", "alice.pub", "--action", "a", "--arg", f"n={text}"),
        ("check", "t", "--root", "alice.pub", "--action", "a", "--env", f"n={text}"),
        ("check", "t", "--root", "alice.pub", "--action", "a", "--args", "args.json"),
        ("check", "t", "--root", "alice.pub", "--request", "request.json"),
        ("check", "t", "--root", "alice.pub", "--http", "POST", "https://h/", "--json-body", "args.json"),
        ("approve", "dlga_x", "--key", "alice.key", "--yes", "--says", f"n={text}"),
    ):
        ran = desk.run(*options)
        assert (ran.status, ran.out) == (2, ""), options


def test_what_is_text_stays_text() -> None:
    """What no reader of JSON would take, and what is quoted."""
    for text in ("nan", "true story", "2026-12-01", "01", "+5", "1_000", "", "{a}", "0x10", "user:alice@example.com"):
        assert json_pair(f"n={text}") == ("n", text)
    assert json_pair('n="NaN"') == ("n", "NaN")
    assert json_pair("n=[1,2.5,null]") == ("n", [1, 2.5, None])
    assert json_pair("n=9223372036854775807") == ("n", 2**63 - 1)


ENCODINGS = (
    ("utf-8-sig", "it begins with a byte order mark; save it as UTF-8 without one"),
    ("utf-16", "it is UTF-16 text, as some shells write it; save it as UTF-8"),
    ("utf-16-le", "it is UTF-16 text, as some shells write it; save it as UTF-8"),
    ("utf-16-be", "it is UTF-16 text, as some shells write it; save it as UTF-8"),
    ("utf-32", "it is UTF-16 text, as some shells write it; save it as UTF-8"),
)


@pytest.mark.parametrize(("encoding", "words"), ENCODINGS)
def test_another_encoding_is_named_as_such(story: Desk, encoding: str, words: str) -> None:
    """Whatever kind of file it is."""
    story.run("revoke", "--holder", "alice.pub", "--key", "alice.key", "--list", "r.dlgr")
    (story.folder / "args.json").write_text('{"size": 10}')
    (story.folder / "request.json").write_text('{"action": "a"}')
    (story.folder / "words.txt").write_text("correct horse\n")
    Identity.generate("agent:x").save(story.folder / "x.key", "correct horse")
    (story.folder / "x.asks").write_text("dlga_AAAA\n")
    (story.folder / "x.discharge").write_text("dlgd_AAAA\n")
    story.make("x.proof", *PROVE, "--key", "summarizer.key")
    check = ("check", "summarizer.token", "--root", "alice.pub")
    for file, status, command in (
        ("summarizer.token", 3, ("inspect", "odd")),
        ("x.proof", 3, ("inspect", "odd")),
        ("alice.key", 5, ("key", "public", "odd")),
        ("alice.pub", 5, ("key", "show", "odd")),
        ("alice.pub", 5, ("inspect", "summarizer.token", "--root", "odd")),
        ("words.txt", 5, ("key", "public", "x.key", "--passphrase-file", "odd")),
        ("r.dlgr", 3, ("revocations", "show", "odd")),
        ("args.json", 2, (*check, "--action", "a", "--args", "odd")),
        ("args.json", 2, (*check, "--http", "GET", "https://h/", "--json-body", "odd")),
        ("request.json", 2, (*check, "--request", "odd")),
        ("x.asks", 3, ("approve", "odd", "--key", "alice.key", "--yes")),
        ("x.discharge", 3, (*PROVE, "--key", "summarizer.key", "--discharge", "odd")),
    ):
        text = (story.folder / file).read_text()
        (story.folder / "odd").write_bytes(text.encode(encoding))
        (story.folder / "odd").chmod(0o600)
        ran = story.run(*command, now=None if command[0] == "key" else NOW)
        assert (ran.status, ran.out) == (status, ""), command
        assert words in ran.err, command


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("alice.key", "this is a private key"),
        ("locked.key", "this is a private key"),
        ("openssh", "this is a private key"),
        ("alice.pub", "this is a public key"),
        ("r.dlgr", "this is a revocation list"),
        ("x.asks", "this is an ask"),
        ("x.discharge", "this is a confirmation"),
        ("cert.pem", "this is another PEM file"),
    ],
)
def test_the_wrong_file_is_called_what_it_is(story: Desk, file: str, kind: str) -> None:
    """Where a token is wanted, and where a list, an ask or a confirmation is; its content is not repeated."""
    Identity.generate("agent:x").save(story.folder / "locked.key", "correct horse")
    story.run("revoke", "--holder", "alice.pub", "--key", "alice.key", "--list", "r.dlgr")
    (story.folder / "x.asks").write_text("dlga_AAAA\n")
    (story.folder / "x.discharge").write_text("dlgd_AAAA\n")
    (story.folder / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    (story.folder / "openssh").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    content = (story.folder / file).read_text()
    for ran in (
        story.run("inspect", file),
        story.run("inspect", "-", stdin=content.encode()),
        story.run("prove", file, "--key", "planner.key", *HERE, "--action", "a"),
        *([] if content.startswith("-") else [story.run("inspect", content.strip())]),  # else it would be options
    ):
        assert (ran.status, ran.out) == (3, "")
        assert ran.err.splitlines()[0] == f"not a token: {kind}, where a token is wanted"
        assert len(ran.err.splitlines()) == 1 + (file in {"r.dlgr", "x.asks", "x.discharge"})
    if file == "r.dlgr":
        return
    assert f"{kind}, where a revocation list is wanted" in story.run("revocations", "show", file).err
    if file != "x.asks":
        ran = story.run("approve", file, "--key", "alice.key", "--yes")
        assert (ran.status, f"{kind}; it should begin with dlga_" in ran.err) == (3, True)


def test_a_token_where_a_key_is_wanted(story: Desk) -> None:
    """The other way round."""
    (story.folder / "summarizer.token").chmod(0o600)
    for command in (("key", "public", "summarizer.token"), ("key", "show", "summarizer.token")):
        ran = story.run(*command, now=None)
        assert (ran.status, "this is a token, where a" in ran.err) == (5, True)


def files(desk: Desk) -> set[str]:
    """All that is in the folder, what is hidden too."""
    return {path.name for path in desk.folder.iterdir()}


def mode(desk: Desk, name: str) -> int:
    """The mode of a file."""
    return (desk.folder / name).stat().st_mode & 0o777


def test_a_token_in_a_file(desk: Desk) -> None:
    """`-o` wherever a token is written: what would be on stdout is in the file, and stdout is empty."""
    old = os.umask(0o022)
    try:
        before = files(desk)
        for file, command, kept in (
            ("p", (*MINT, "--need", "clerk.pub"), 0o644),
            ("r", ("attenuate", "p", "--key", "planner.key", "--to", "researcher.pub", "--ttl", "1h"), 0o644),
            ("b", ("mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE), 0o600),
            ("c", ("attenuate", "b", "--ttl", "1m"), 0o600),
            ("s", ("seal", "c"), 0o600),
            ("x", ("prove", "r", "--key", "researcher.key", *HERE, *PERMITTED), 0o600),
            ("a", ("ask", "r", *PERMITTED), 0o644),
            ("d", ("approve", "a", "--key", "clerk.key", "--yes"), 0o644),
            ("f", ("staple", "r", "--key", "alice.key", "--yes"), 0o644),
        ):
            now = None if command[0] == "ask" else NOW
            ran = desk.run(*command, "-o", file, now=now)
            assert (ran.status, ran.out) == (0, ""), ran.err
            assert f"written to {file}\n" in ran.err
            assert mode(desk, file) == kept, file
            text = (desk.folder / file).read_text()
            assert (text.startswith("dlg"), text.count("\n")) == (True, 1)
            again = desk.run(*command, "--output", file, "--json", now=now)
            assert (again.json["file"], again.json["exit"]) == (file, 0)
            assert ("token" in again.json) is (file in {"p", "r"})
        assert files(desk) - before == {"p", "r", "b", "c", "s", "x", "a", "d", "f", "data"}
        assert desk.run("verify", "x", "--root", "alice.pub", *HERE, *PERMITTED).status == 1  # the clerk's is not in it
    finally:
        os.umask(old)


def test_what_is_no_text_of_ours_is_not_overwritten(desk: Desk) -> None:
    """A key most of all; a token may be replaced by the next one, also through a link, and a secret stays one."""
    (desk.folder / "notes.txt").write_text("remember\n")
    for file, words in (
        ("alice.key", "alice.key is a private key, and is not overwritten; choose another name with -o"),
        ("alice.pub", "alice.pub is a public key, and"),
        ("notes.txt", "notes.txt holds something else, and"),
    ):
        before = (desk.folder / file).read_bytes()
        ran = desk.run(*MINT, "-o", file)
        assert (ran.status, ran.out, words in ran.err) == (5, "", True)
        assert (desk.folder / file).read_bytes() == before
    assert not (desk.folder / "data").exists()  # nothing was handed out
    (desk.folder / "t").write_text("")
    (desk.folder / "link").symlink_to("t")
    assert desk.run(*MINT, "-o", "link").status == 0
    assert (desk.folder / "link").is_symlink()
    first = (desk.folder / "t").read_text()
    assert desk.run(*MINT, "-o", "t").status == 0
    assert (desk.folder / "t").read_text() != first
    assert desk.run("mint", "--key", "alice.key", "--bearer", "--can", "a", "--ttl", "5m", *HERE, "-o", "t").status == 0
    assert mode(desk, "t") == 0o600


@posix
def test_nothing_is_left_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, a folder, a name that is too long, a disk that fills up: status 5, and every file as it was."""
    (desk.folder / "folder").mkdir()
    before = files(desk)
    for file in ("missing/t", "folder", "n" * 300, "alice.key/t"):
        ran = desk.run(*MINT, "--no-journal", "-o", file)
        assert (ran.status, ran.out) == (5, ""), file
        assert files(desk) == before
    (desk.folder / "t").write_text("dlgt_old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("delegate.cli.files.os.fsync", full)
    ran = desk.run(*MINT, "--no-journal", "-o", "t")
    assert (ran.status, ran.err.endswith("error: t: no space left on device\n")) == (5, True)
    assert files(desk) == before | {"t"}
    assert (desk.folder / "t").read_text() == "dlgt_old\n"


@posix
def test_a_device_is_written_to_as_it_is(desk: Desk) -> None:
    """`-o /dev/null` makes no file of a device."""
    ran = desk.run(*MINT, "-o", os.devnull)
    assert (ran.status, ran.out, Path(os.devnull).is_char_device()) == (0, "", True)
    if Path("/dev/full").exists():
        ran = desk.run(*MINT, "-o", "/dev/full")
        assert (ran.status, "no space left on device" in ran.err) == (5, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("mint", *MINT[1:], "--no-journal"),
        ("inspect", "planner.token"),
        ("inspect", "missing.token"),
        ("nothing",),
        ("check", "planner.token", "--root", "alice.pub", "--action", "x"),
        ("check", "planner.token", "--root", "alice.pub", "--action", "x", "--json"),
        ("--help",),
        ("--version",),
        ("completion", "bash"),
    ],
)
def test_a_stream_that_is_full(story: Desk, stream: str, arguments: tuple[str, ...]) -> None:
    """Whatever was to be said on it, and whatever the status would have been, it is 5."""
    says_nothing = arguments[0] in {"--help", "--version", "completion"} or arguments == ("inspect", "planner.token")
    quiet = stream == "stderr" and (says_nothing or "--json" in arguments)
    on_stderr = arguments[0] == "nothing" or "missing.token" in arguments
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "delegate", *arguments],
            cwd=story.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=full if stream == "stdout" else subprocess.PIPE,
            stderr=full if stream == "stderr" else subprocess.PIPE,
            check=False,
        )
    if quiet:
        assert ran.returncode in {0, 1}
    elif stream == "stdout" and on_stderr:
        assert ran.returncode in {2, 5}  # nothing is for stdout
    else:
        assert ran.returncode == 5
    for each in (ran.stdout, ran.stderr):
        assert b"Traceback" not in (each or b"")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read whatever there is")
def test_a_file_that_may_not_be_read(story: Desk) -> None:
    """Status 5, whatever kind of file it is."""
    (story.folder / "closed").write_text("x")
    (story.folder / "closed").chmod(0)
    for words in FILE_COMMANDS:
        assert story.run(*with_file(words, "closed"), now=None).status == 5, words


FILE_COMMANDS = (
    ("inspect", "FILE"),
    ("key", "show", "FILE"),
    ("key", "public", "FILE"),
    ("key", "public", "locked.key", "--passphrase-file", "FILE"),
    ("inspect", "planner.token", "--root", "FILE"),
    ("inspect", "planner.token", "--root", "alice.pub", "--revocations", "FILE"),
    ("check", "planner.token", "--root", "alice.pub", "--action", "a", "--args", "FILE"),
    ("check", "planner.token", "--root", "alice.pub", "--request", "FILE"),
    ("check", "planner.token", "--root", "alice.pub", "--http", "GET", "https://h/", "--json-body", "FILE"),
    ("prove", "planner.token", "--key", "FILE", *HERE, *PERMITTED),
    ("prove", "planner.token", "--key", "planner.key", *HERE, *PERMITTED, "--discharge", "FILE"),
    ("approve", "FILE", "--key", "alice.key", "--yes"),
    ("revoke", "planner.token", "--key", "alice.key", "--list", "FILE"),
    ("mint", "--key", "alice.key", "--to", "FILE", "--can", "a", "--ttl", "5m"),
    ("mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "5m", "--need", "FILE"),
    ("revocations", "show", "FILE"),
)


def with_file(words: tuple[str, ...], file: str) -> list[str]:
    """The command with this file in its place."""
    return [file if word == "FILE" else word for word in words]


@pytest.mark.parametrize("words", FILE_COMMANDS)
def test_a_folder_where_a_file_is_wanted(story: Desk, words: tuple[str, ...]) -> None:
    """Status 5, whatever kind of file it is."""
    (story.folder / "folder").mkdir()
    Identity.generate("agent:x").save(story.folder / "locked.key", "x")
    ran = story.run(*with_file(words, "folder"), now=None)
    assert (ran.status, ran.out) == (5, ""), ran.err


SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_a_shell(desk: Desk, shell: str) -> None:
    """It is printed, also as JSON, and the shell can read it."""
    ran = desk.run("completion", shell, now=None)
    assert (ran.status, ran.err, "_DELEGATE_COMPLETE" in ran.out) == (0, "", True)
    assert desk.run("completion", shell, "--json", now=None).json["script"] + "\n" == ran.out
    if shutil.which(shell):
        option = "--no-execute" if shell == "fish" else "-n"
        checked = subprocess.run([shell, option], input=ran.out.encode(), capture_output=True, check=False)  # noqa: S603
        assert (checked.returncode, checked.stderr) == (0, b"")


def completed(desk: Desk, monkeypatch: pytest.MonkeyPatch, *words: str, of: str = "bash") -> list[str]:
    """What a shell is answered for the last of these words."""
    monkeypatch.setenv("_DELEGATE_COMPLETE", f"{of}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["delegate", *words]))
    monkeypatch.setenv("COMP_CWORD", words[-1] if of == "fish" else str(len(words)))
    ran = desk.run(now=None)
    monkeypatch.delenv("_DELEGATE_COMPLETE")
    assert (ran.status, ran.err) == (0, "")
    return ran.out.split("\n")


def test_what_a_shell_is_answered(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options, ids and names from the journal, files for the rest; always status 0."""
    ids = [json.loads(line)["id"][:16] for line in (story.folder / "data" / "journal.jsonl").read_text().splitlines()]

    def answers(*words: str, of: str = "bash") -> list[str]:
        return [line for line in completed(story, monkeypatch, *words, of=of) if line]

    assert answers("rev") == ["plain,revoke", "plain,revocations"]
    assert answers("revoke", "") == [f"plain,{each}" for each in reversed(ids)]
    assert answers("revoke", ids[1][:5]) == [f"plain,{ids[1]}"]
    assert answers("revoke", "planner.tok") == ["file,planner.tok"]
    assert answers("revoke", "--principal", "agent:r") == ["plain,agent:researcher"]
    assert answers("list", "--originator", "") == ["plain,user:alice@example.com"]
    assert answers("list", "--tenant", "") == []
    assert "plain,--thumbprint" in answers("list", "--th")
    assert answers("inspect", "pl") == ["file,pl"]
    assert answers("mint", "--key", "al") == ["file,al"]
    assert answers("completion", "") == ["plain,bash", "plain,zsh", "plain,fish"]
    assert "user:alice@example.com to agent:planner: quarterly report" in answers("revoke", "", of="zsh")
    assert answers("rev", of="csh") == []


def test_completing_never_ends_in_an_error(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with a journal that others may write, nor with one that holds anything."""
    path = story.folder / "data" / "journal.jsonl"
    entry = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps({**entry, "why": "a\nplain,rm -rf\u202e", "to": "x\ny"}) + "\n\0\n")
    found = completed(story, monkeypatch, "revoke", "", of="zsh")
    assert found[:2] == ["plain", entry["id"][:16]]
    assert not any(line.startswith("plain,rm") for line in found)
    assert completed(story, monkeypatch, "list", "--principal", "")[0] == r"plain,x\ny"
    path.chmod(0o666)
    assert completed(story, monkeypatch, "revoke", "")[0] == "file,"
    monkeypatch.setenv("COMP_CWORD", "x")
    monkeypatch.setenv("_DELEGATE_COMPLETE", "bash_complete")
    assert story.run(now=None).status == 0
