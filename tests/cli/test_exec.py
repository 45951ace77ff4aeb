"""`delegate exec`: what the command gets, what it does not, and how both of them end. All in real processes."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from delegate import Holder, MemoryReplay, Reason, Request, Token, TokenError, Verifier
from delegate.authoring.identity import Identity
from delegate.holder import FD_VARIABLE, KEY_VARIABLE, TOKEN_VARIABLE, identity_of
from delegate.state import connect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")

ALICE = Identity.from_seed("user:alice@example.com", b"\1" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\2" * 32)
READ = Request("files.read", "/data/a.csv")
SHOW = ("sh", "-c", 'cat <&"$DELEGATE_FD"')
PATIENCE_S = 60


class Started:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def status(self) -> int:
        """Wait for its end."""
        return self.process.wait(PATIENCE_S)


class Desk:
    """A folder with a planner's key and chain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        PLANNER.save(folder / "planner.key")
        token = ALICE.mint(to=PLANNER.principal, can="files.read /data/**", ttl="8h", hops=1)
        (folder / "planner.token").write_text(token.to_text())
        self.environment = {**os.environ, "DELEGATE_DATA": str(folder / "data")}
        for each in (TOKEN_VARIABLE, KEY_VARIABLE, FD_VARIABLE, "DELEGATE_STATE"):
            self.environment.pop(each, None)

    def line(self, *words: str) -> list[str]:
        """The command line of `delegate exec`."""
        given = ("--token", "planner.token", "--key", "planner.key", "--as", "agent:worker")
        return [sys.executable, "-m", "delegate", "exec", *given, *words]

    def run(
        self, *words: str, environment: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(  # noqa: S603 - our own command
            self.line(*words),
            cwd=cwd or self.folder,
            env=self.environment | (environment or {}),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    @contextlib.contextmanager
    def start(self, *words: str, stdin: int | None = None) -> Iterator[Started]:
        """Run it, with its output to be read line by line."""
        with subprocess.Popen(  # noqa: S603 - our own command
            self.line(*words), cwd=self.folder, env=self.environment, stdin=stdin, stdout=subprocess.PIPE, text=True
        ) as process:
            yield Started(process)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder of its own."""
    return Desk(tmp_path)


def holder_in(text: str) -> Holder:
    """What a command printed of its pipe."""
    token, said = text.splitlines()
    return Holder(identity_of(said), Token.parse(token))


def decide(holder: Holder, state: str) -> Reason | None:
    """What a service with that store says to its first request."""
    with connect(state) as stores:
        shop = Verifier(
            [ALICE.principal], audience="files", revocations=stores.revocations, replay=MemoryReplay(since=0)
        )
        return shop.decide(holder.prove(READ, "files"), READ).reason


def gone(pid: int) -> bool:
    """Whether a process is no more: what nobody has waited for yet counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def until(true: object) -> None:
    """Wait for it."""
    end = time.monotonic() + PATIENCE_S
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_command_gets_a_narrower_chain_and_a_key_of_its_own(desk: Desk) -> None:
    """In a pipe; the chain is the planner's, one hop longer, and no longer handed on."""
    ran = desk.run("--can", "files.read /data/a.csv", "--ttl", "5m", "--", *SHOW)
    assert (ran.returncode, ran.stderr) == (0, "")
    child = holder_in(ran.stdout)
    assert child.identity.name == "agent:worker"
    assert child.identity.public_key != PLANNER.public_key
    assert [str(each) for each in child.grants()] == ["files.read /data/a.csv"]
    assert child.token.link.expires < time.time() + 301
    with pytest.raises(Exception, match="hop"):
        child.spawn("agent:more", ttl="1m")


def test_a_python_program_takes_it_by_one_call_and_leaves_nothing(desk: Desk) -> None:
    """`Holder.from_env()` reads the pipe and closes it; what the program starts inherits neither pipe nor variable."""
    program = (
        "import os, subprocess, delegate\n"
        "fd = int(os.environ['DELEGATE_FD'])\n"
        "held = delegate.Holder.from_env()\n"
        "print(held.identity.name, 'DELEGATE_FD' in os.environ)\n"
        "try: os.fstat(fd)\n"
        "except OSError: print('closed')\n"
        "subprocess.run(['sh', '-c', 'env | grep -c DELEGATE'], close_fds=False)\n"
    )
    ran = desk.run("--", sys.executable, "-u", "-c", program)
    assert ran.stdout.splitlines() == ["agent:worker False", "closed", "0"], ran.stderr


def test_what_reads_the_pipe_a_second_time_finds_nothing(desk: Desk) -> None:
    """Of two readers, one has all of it."""
    ran = desk.run("--", "sh", "-c", 'cat <&"$DELEGATE_FD"; echo -; cat <&"$DELEGATE_FD"')
    first, second = ran.stdout.split("-\n")
    assert holder_in(first).identity.name == "agent:worker"
    assert second == ""


def test_the_environment_is_a_list_of_what_may_pass(desk: Desk) -> None:
    """No secret of ours, no library to load, none of our own variables; what is named comes too."""
    secrets = {"OPENAI_API_KEY": "s3cret", "LD_PRELOAD_X": "x", "PYTHONPATH": "", "WANTED": "yes", "LC_ALL": "C"}
    ran = desk.run("--pass-env", "WANTED", "--", "env", environment=secrets)
    names = {line.partition("=")[0] for line in ran.stdout.splitlines()}
    assert {"PATH", "WANTED", "LC_ALL", FD_VARIABLE} <= names
    assert not names & {"OPENAI_API_KEY", "LD_PRELOAD_X", "PYTHONPATH", "DELEGATE_DATA", TOKEN_VARIABLE, KEY_VARIABLE}
    assert "s3cret" not in ran.stdout


def test_by_variables_if_asked(desk: Desk) -> None:
    """For shells, which can read them more than once."""
    ran = desk.run("--by-env", "--", "env")
    given = dict(line.split("=", 1) for line in ran.stdout.splitlines())
    assert FD_VARIABLE not in given
    assert Holder.from_env(given).identity.name == "agent:worker"


def test_our_own_key_is_not_handed_on_with_the_environment(desk: Desk) -> None:
    """The chain and the key may come from our environment; the command never gets those."""
    ours = Holder(PLANNER, Token.parse((desk.folder / "planner.token").read_text())).to_env()
    line = [sys.executable, "-m", "delegate", "exec", "--as", "agent:worker", "--by-env", "--", "env"]
    ran = subprocess.run(line, env=desk.environment | ours, capture_output=True, text=True, check=True)  # noqa: S603
    assert ours[KEY_VARIABLE] not in ran.stdout
    assert ours[TOKEN_VARIABLE] not in ran.stdout.splitlines()
    for name in (KEY_VARIABLE, TOKEN_VARIABLE, FD_VARIABLE):
        ran = desk.run("--pass-env", name, "--", "env", environment={name: "x"})
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "the command gets one of its own" in ran.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--", "no-such-command"), 127, "there is no such command"),
        (("--", "./planner.key"), 126, "cannot be run"),
        (("--pass-env", "NOT_THERE", "--", "true"), 2, "there is no such variable"),
        (("--ttl", "1h", "--until", "2030-01-01T00:00Z", "--", "true"), 2, "either --ttl or --until"),
        (("--can", "pay", "--", "touch", "ran"), 1, "hop 0"),
        (("--state", "sqlite:///none.db", "--", "touch", "ran"), 5, "no such state file"),
        (("--state", "memory://", "--", "touch", "ran"), 2, "memory"),
        ((), 2, "COMMAND"),
    ],
)
def test_what_is_refused_before_anything_runs(desk: Desk, words: Sequence[str], status: int, said: str) -> None:
    """And nothing is noted as handed out."""
    ran = desk.run(*words)
    assert ran.returncode == status
    assert said.lower() in ran.stderr.lower()
    assert not (desk.folder / "ran").exists()
    assert not (desk.folder / "data").exists()


def test_without_a_store_it_becomes_the_command(desk: Desk) -> None:
    """The process that was started is the command: no other one stands between it and whoever waits."""
    with desk.start("--", "sh", "-c", "echo $$; exit 7") as started:
        assert int(started.line()) == started.pid
        assert started.status() == 7


def test_options_of_the_command_are_its_own(desk: Desk) -> None:
    """Also `--json`, which would change how we speak, and those before which there is no `--`."""
    assert desk.run("--", "echo", "--json", "--help").stdout == "--json --help\n"
    assert desk.run("echo", "--can", "x").stdout == "--can x\n"
    assert desk.run("--can", "pay", "--", "echo", "--json").stderr.startswith("refused: ")


STATE = "sqlite:///state.db"
WITH_STATE = ("--state", STATE, "--create")


@pytest.fixture
def url(desk: Desk) -> str:
    """The store's URL, from anywhere."""
    return f"sqlite:///{desk.folder}/state.db"


def test_with_a_store_the_chain_ends_with_the_command(desk: Desk, url: str) -> None:
    """While it runs its chain is good; when it has ended the store says that it is revoked. The status is its own."""
    inputs, output = os.pipe()
    line = 'cat <&"$DELEGATE_FD"; read x; exit 3'
    with desk.start(*WITH_STATE, "--", "sh", "-c", line, stdin=inputs) as started:
        child = holder_in(started.line() + started.line())
        assert decide(child, url) is None
        os.close(output)
        assert started.status() == 3
    os.close(inputs)
    assert decide(child, url) is Reason.REVOKED
    listed = subprocess.run(
        [sys.executable, "-m", "delegate", "list"], env=desk.environment, capture_output=True, text=True, check=True
    )
    assert "revoked" in listed.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGSEGV])
def test_when_we_are_killed_the_command_dies_and_its_chain_is_revoked(
    desk: Desk, url: str, ended_by: signal.Signals
) -> None:
    """An attacker, or the system, kills the process that would have revoked; another one does."""
    line = 'cat <&"$DELEGATE_FD"; echo $$; exec sleep 600'
    with desk.start(*WITH_STATE, "--", "sh", "-c", line) as started:
        child = holder_in(started.line() + started.line())
        command = int(started.line())
        assert command != started.pid
        os.kill(started.pid, ended_by)
        assert started.status() == -ended_by
        until(lambda: gone(command))
        until(lambda: decide(child, url) is Reason.REVOKED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_that_is_sent_to_us_reaches_the_command(desk: Desk, number: signal.Signals) -> None:
    """It may handle it as it would without us."""
    name = number.name.removeprefix("SIG")
    line = f"trap 'echo got; exit 9' {name}; echo on; while :; do sleep 0.05; done"
    with desk.start(*WITH_STATE, "--", "sh", "-c", line) as started:
        assert started.line() == "on\n"
        os.kill(started.pid, number)
        assert started.line() == "got\n"
        assert started.status() == 9


def test_we_end_as_the_command_ends(desk: Desk) -> None:
    """Killed by a signal, we are killed by the same one: whoever waits cannot tell the difference."""
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGABRT):
        with desk.start(*WITH_STATE, "--", "sh", "-c", f"ulimit -c 0; kill -{int(number)} $$") as started:
            assert started.status() == -number


def test_a_command_that_stops_stops_us_and_goes_on_with_us(desk: Desk) -> None:
    """So a shell sees a stopped job; waking us wakes it."""
    with desk.start(*WITH_STATE, "--", "sh", "-c", "kill -STOP $$; exit 4") as started:
        pid, status = os.waitpid(started.pid, os.WUNTRACED)
        assert (pid, os.WIFSTOPPED(status)) == (started.pid, True)
        os.kill(pid, signal.SIGCONT)
        assert started.status() == 4


def test_the_terminal_is_the_commands(desk: Desk) -> None:
    """It has a controlling terminal, reads what is typed, and an interrupt typed there reaches it once."""
    line = 'trap "echo caught" INT; test -t 0 && echo tty; read x; echo "read $x"; exit 5'
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(desk.folder)
        os.execve(sys.executable, desk.line(*WITH_STATE, "--", "sh", "-c", line), desk.environment)  # noqa: S606
    seen = ""

    def wait_for(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + PATIENCE_S
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([fd], [], [], 1)[0]:
                with contextlib.suppress(OSError):
                    seen += os.read(fd, 4096).decode()

    wait_for("tty")
    os.write(fd, b"\x03")
    wait_for("caught")
    os.write(fd, b"hello\n")
    wait_for("read")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 5
    assert seen.count("caught") == 1
    os.close(fd)


def test_a_store_that_fails_at_the_end_is_told(desk: Desk) -> None:
    """The chain may still be good: a command that ended well does not make that a success."""
    for status, expected in ((0, 5), (6, 6)):
        ran = desk.run(*WITH_STATE, "--", "sh", "-c", f"rm -f state.db*; echo no > state.db; exit {status}")
        assert ran.returncode == expected
        assert "was not taken back" in ran.stderr
        (desk.folder / "state.db").unlink()


# Ends or stops every other child of its parent: the keeper.
AGAINST_THE_KEEPER = """
import os, sys
from delegate import Holder
print(Holder.from_env().token.to_text(), flush=True)
for each in filter(str.isdigit, os.listdir('/proc')):
    try: parent = open(f'/proc/{each}/stat').read().rpartition(')')[2].split()[1]
    except OSError: continue
    if int(parent) == os.getppid() and int(each) != os.getpid(): os.kill(int(each), int(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=("ended", "stopped"))
def test_a_command_that_ends_or_stops_the_keeper_gains_nothing(desk: Desk, number: signal.Signals) -> None:
    """Silence is no success: we take the chain back ourselves."""
    state = f"sqlite:///{desk.folder}/s.db"
    with connect(state):
        pass
    ran = desk.run("--state", state, "--", sys.executable, "-c", AGAINST_THE_KEEPER, str(number.value))
    assert (ran.returncode, ran.stderr) == (0, "")
    with connect(state) as stores:
        (feed,) = stores.revocations.feeds()
    assert feed.signer == PLANNER.public_key.thumbprint


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_keeper_and_store_it_says_so_and_ends_with_five(desk: Desk) -> None:
    """The command ended the one, and took the other away."""
    with connect(f"sqlite:///{desk.folder}/s.db"):
        pass
    program = AGAINST_THE_KEEPER + "os.remove('s.db')\n"
    ran = desk.run("--state", "sqlite:///s.db", "--", sys.executable, "-c", program, "9")
    assert ran.returncode == 5
    assert "was not taken back" in ran.stderr


@pytest.mark.parametrize("by", [(), ("--state", "sqlite:///s.db", "--create")], ids=("become", "attended"))
def test_descriptors_are_a_list_of_what_may_pass(desk: Desk, by: tuple[str, ...]) -> None:
    """An inherited file is closed to the command unless it is named, and our own unread pipe is in any case."""
    secret, wanted = (os.open(desk.folder / name, os.O_RDWR | os.O_CREAT) for name in ("secret", "wanted"))
    own = Holder(PLANNER, Token.parse((desk.folder / "planner.token").read_text())).to_fd()
    program = (
        "import os\n"
        "for n in map(int, os.listdir('/dev/fd')):\n"
        "    try: n > 2 and print(os.readlink(f'/dev/fd/{n}'))\n"
        "    except OSError: pass  # the one with which the folder was listed\n"
    )
    kept = [secret, wanted, own]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            desk.line(*by, *words),
            cwd=desk.folder,
            env={**desk.environment, FD_VARIABLE: str(own)},
            pass_fds=kept,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    try:
        for named in ((), ("--pass-fd", str(wanted))):
            ran = run(*named, "--", sys.executable, "-c", program)
            assert (ran.returncode, ran.stderr) == (0, "")
            names = ran.stdout.split()
            assert [Path(each).name for each in names if not each.startswith("pipe:")] == ["wanted"] * bool(named)
            assert len(names) == 1 + bool(named)
            held = run(*named, "--", *SHOW)
            assert holder_in(held.stdout).identity.name == "agent:worker"
        for bad in (str(own), "999", "1", "x"):
            assert run("--pass-fd", bad, "--", "true").returncode == 2
    finally:
        for each in kept:
            os.close(each)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("setpriv") is None, reason="needs /proc and setpriv")
@pytest.mark.parametrize("what", ["environ", "mem", "fd/0"])
def test_who_waits_for_the_command_cannot_be_read_by_it(desk: Desk, what: str) -> None:
    """We hold a key and our own variables. The superuser's right to look everywhere is given up before."""
    program = f"import os; open(f'/proc/{{os.getppid()}}/{what}', 'rb')"
    line = desk.line("--state", "sqlite:///s.db", "--create", "--", sys.executable, "-c", program)
    less = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    ran = subprocess.run(  # noqa: S603 - our own command
        [*less, *line], cwd=desk.folder, env=desk.environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "PermissionError" in ran.stderr


def test_what_is_in_a_pipe_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    """A token and a key; anything else is no holder, and raises nothing but what we say."""
    holder = Holder(PLANNER, Token.parse((desk.folder / "planner.token").read_text()))
    fd = holder.to_fd()
    assert not os.get_inheritable(fd)
    assert Holder.from_fd(fd).token == holder.token
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    monkeypatch.setenv(FD_VARIABLE, str(fd := holder.to_fd()))
    assert Holder.from_fd().token == holder.token
    assert FD_VARIABLE not in os.environ
    good = f"{holder.token.to_text()}\n{holder.to_env()[KEY_VARIABLE]}\n".encode()
    for content in (
        b"",
        b"\n\n",
        good[:-1],
        good + b"\n",
        good + good,
        b"\xff\n\xff\n",
        good[:40],
        b"a" * 70_000,
        b"a\nb\n",
    ):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        os.write(writing, content)
        os.close(writing)
        with pytest.raises(TokenError) as refused:
            Holder.from_fd(reading)
        assert "seed" not in str(refused.value)
    stranger = Identity.generate("agent:other")
    reading, writing = os.pipe()
    mixed = Holder.to_env(Holder(stranger, ALICE.mint(to=stranger.principal, can="a", ttl="1m")))[KEY_VARIABLE]
    os.write(writing, f"{holder.token.to_text()}\n{mixed}\n".encode())
    os.close(writing)
    with pytest.raises(Exception, match="not the holder"):
        Holder.from_fd(reading)


@pytest.mark.parametrize("number", ["x", "-1", "", "99999", "9999999999", "\N{SUPERSCRIPT TWO}", "3 ", "1.0"])
def test_a_number_that_names_no_pipe_is_refused(number: str) -> None:
    """It comes from the environment: whatever is there raises no other error."""
    environ = {FD_VARIABLE: number}
    with pytest.raises(TokenError):
        Holder.from_env(environ)
    assert environ == {}


def test_what_is_no_pipe_is_not_read(desk: Desk) -> None:
    """A file or a terminal would not be read once, or for ever."""
    with (desk.folder / "planner.token").open() as file:
        with pytest.raises(TokenError, match="not a pipe"):
            Holder.from_fd(file.fileno())
        assert file.read()


def test_a_pipe_beside_variables_is_refused() -> None:
    """Somebody put one of the two there for us to use it; the pipe is closed all the same."""
    held = ALICE.mint(to=PLANNER.principal, can="a", ttl="1m")
    holder = Holder(PLANNER, held)
    fd = holder.to_fd()
    with pytest.raises(TokenError, match="which is it"):
        Holder.from_env({**holder.to_env(), FD_VARIABLE: str(fd)})
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
