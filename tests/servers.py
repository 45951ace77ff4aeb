"""Real servers for tests: started from what the machine has installed, in a temporary folder, on a socket in it.

The rules of this file:

- Nothing listens on a network.
- A server that is not installed skips the test that needs it, and says so; where `DELEGATE_REQUIRE_SERVERS` is set it
  fails instead: continuous integration must not go green on what was not run.
- Processes are ended by their ids, and only those that were started here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

REQUIRED: Final = "DELEGATE_REQUIRE_SERVERS"
_PATIENCE_S: Final = 120.0  # a disk that others write to may take its time


class Server:
    """A server in a folder of its own. `start` may follow `kill` or `stop`: its data is still there."""

    def __init__(self, folder: Path, url: str) -> None:
        """Remember where; start nothing."""
        self.folder = folder
        self.url = url
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """Give what is run."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Give what it runs with."""
        return dict(os.environ)

    def answers(self) -> bool:
        """Whether it takes requests now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=self.environment(),
            )
        end = time.monotonic() + _PATIENCE_S
        while not self.answers():
            if time.monotonic() > end or self.process.poll() is not None:
                said = (self.folder / "log").read_text("utf-8", "replace")[-2000:]
                message = f"{self.command()[0]} does not start: {said}"
                raise RuntimeError(message)
            time.sleep(0.02)

    def pids(self) -> list[int]:
        """Give the process and its children."""
        assert self.process is not None
        found = [self.process.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
                if int(words[1]) == self.process.pid:
                    found.append(int(stat.parent.name))
        return found

    def freeze(self) -> None:
        """Stop every process of it where it stands: connections stay open and nothing answers."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(_PATIENCE_S)

    def stop(self) -> None:
        """End it, and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()


class RedisServer(Server):
    """Redis on a socket. `durable`: every write is on the disk before it is answered."""

    def __init__(self, folder: Path, *, durable: bool = False, password: str = "", options: Sequence[str] = ()) -> None:
        """Remember how; `options` go to the server as they are."""
        self._program = found("redis-server", "redis-server")
        self.socket = folder / "redis.sock"
        super().__init__(folder, f"unix://{self.socket}")
        keep = ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")
        self._options = (*keep, *(("--requirepass", password) if password else ()), *options)

    def environment(self) -> dict[str, str]:
        """Give what it runs with: a clock as far ahead as the file `clock` says, where there is one in its folder."""
        clock = self.folder / "clock"
        if not clock.exists():
            return dict(os.environ)
        return {**os.environ, "LD_PRELOAD": other_clock(self.folder), "SECONDS_AHEAD": str(clock)}

    def command(self) -> Sequence[str]:
        """Give what is run."""
        place = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "")
        return (self._program, *place, *self._options)

    def answers(self) -> bool:
        """Whether it takes requests now."""
        import socket

        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.settimeout(1)
            probe.connect(str(self.socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(100).startswith((b"+PONG", b"-NOAUTH"))
        return False


class PostgresServer(Server):
    """PostgreSQL on a socket, as a user of its own where the tests run as root, which it refuses to."""

    def __init__(self, folder: Path, *, durable: bool = False, follows: PostgresServer | None = None) -> None:
        """Make the data folder, as it is at the one that this one `follows`; start nothing."""
        self._bin = postgres_folder()
        self._as = as_postgres()
        self._durable = durable
        super().__init__(folder, f"postgresql://delegate@/postgres?host={folder}")
        if _is_root():
            shutil.chown(folder, "postgres", "postgres")
        if follows is not None:
            self.run("pg_basebackup", "-D", f"{folder}/data", "-h", str(follows.folder), "-U", "delegate", "-R", "-N")
            return
        made = (f"{self._bin}/initdb", "-D", f"{folder}/data", "-U", "delegate", "-A", "trust", "--no-sync")
        locale = ("-E", "UTF8", "--locale=C")
        subprocess.run((*self._as, *made, *locale), check=True, capture_output=True, cwd=folder)  # noqa: S603 - ours

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's own programs; give what it says."""
        command = (*self._as, f"{self._bin}/{program}", *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.folder).stdout  # noqa: S603 - ours

    def command(self) -> Sequence[str]:
        """Give what is run."""
        place = ("-D", f"{self.folder}/data", "-k", str(self.folder), "-c", "listen_addresses=")
        size = ("-c", "max_connections=200", "-c", "shared_buffers=32MB")
        speed = () if self._durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
        return (*self._as, f"{self._bin}/postgres", *place, *size, *speed)

    def answers(self) -> bool:
        """Whether it takes requests now."""
        asked = (f"{self._bin}/pg_isready", "-q", "-U", "delegate", "-d", "postgres", "-h", str(self.folder))
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - ours

    def kill(self) -> None:
        """End it at once; its children end themselves when they notice, and it cannot start before."""
        assert self.process is not None
        children = self.pids()[1:]
        super().kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + _PATIENCE_S
        while any(map(_is_running, children)) and time.monotonic() < end:
            time.sleep(0.005)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)


class Pooler(Server):
    """PgBouncer in front of a PostgreSQL, on a socket in the folder of its own."""

    def __init__(self, folder: Path, behind: PostgresServer, mode: str) -> None:
        """Write its settings; start nothing."""
        self._program = found("pgbouncer", "pgbouncer")
        super().__init__(folder, f"postgresql://delegate@/postgres?host={folder}&port=6432")
        (folder / "settings.ini").write_text(
            f"[databases]\npostgres = host={behind.folder} dbname=postgres user=delegate\n"
            f"[pgbouncer]\nunix_socket_dir = {folder}\nlisten_addr =\nlisten_port = 6432\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = 3\nmax_client_conn = 100\n"
        )
        if _is_root():
            shutil.chown(folder, "postgres", "postgres")

    def command(self) -> Sequence[str]:
        """Give what is run."""
        return (*as_postgres(), self._program, str(self.folder / "settings.ini"))

    def answers(self) -> bool:
        """Whether it takes requests now."""
        asked = (f"{postgres_folder()}/pg_isready", "-q", "-h", str(self.folder), "-p", "6432", "-d", "postgres")
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - ours


def as_postgres() -> tuple[str, ...]:
    """Give what a command begins with where it may not be run as root."""
    return ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups") if _is_root() else ()


_OTHER_CLOCK: Final = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && clock == CLOCK_REALTIME) {
        char digits[32] = {0};
        int file = open(getenv("SECONDS_AHEAD"), O_RDONLY);
        if (file >= 0 && read(file, digits, sizeof digits - 1) > 0) at->tv_sec += atol(digits);
        if (file >= 0) close(file);
    }
    return failed;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


def other_clock(folder: Path) -> str:
    """Make the library that lets a program see another time."""
    library, source = folder / "clock.so", folder / "clock.c"
    if not library.exists():
        source.write_text(_OTHER_CLOCK)
        made = (found("gcc", "gcc"), "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source))
        subprocess.run(made, check=True)  # noqa: S603 - ours
    return str(library)


def found(program: str, package: str) -> str:
    """Give the path of a program, or skip (or fail) the test that needs it."""
    path = shutil.which(program)
    if path is None:
        _missing(program, package)
    return str(path)


def postgres_folder() -> str:
    """Give the folder of PostgreSQL's programs, the newest that there is."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if folders:
        return str(folders[-1].parent)
    return str(Path(found("initdb", "postgresql")).parent)


def _missing(program: str, package: str) -> None:
    message = f"{program} is not installed (Debian: apt-get install {package})"
    if os.environ.get(REQUIRED):
        pytest.fail(message)
    pytest.skip(message)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _is_root() -> bool:
    return os.geteuid() == 0


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that another user can enter, with a path short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="delegate-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def redis_server(
    *, durable: bool = False, password: str = "", options: Sequence[str] = (), clock_ahead_s: int | None = None
) -> Iterator[RedisServer]:
    """A Redis of one's own, running; with a clock that is so far ahead, as its file `clock` goes on to say."""
    with folder() as place:
        if clock_ahead_s is not None:
            (place / "clock").write_text(str(clock_ahead_s))
        server = RedisServer(place, durable=durable, password=password, options=options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A PostgreSQL of one's own, running."""
    with folder() as place:
        server = PostgresServer(place, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A PostgreSQL that follows another one, running."""
    with folder() as place:
        server = PostgresServer(place, follows=primary)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def pooler(behind: PostgresServer, mode: str) -> Iterator[Pooler]:
    """A PgBouncer in front of a PostgreSQL, running."""
    with folder() as place:
        server = Pooler(place, behind, mode)
        try:
            server.start()
            yield server
        finally:
            server.stop()
