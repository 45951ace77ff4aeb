"""A command that is waited for: with its signals, its terminal and its status, and with something to do at its end.

The rules of this file:

- Three processes. The command; we, its parent, whom the caller knows; and a keeper, in a session of its own, who does
  what is to be done at the end. The keeper sees our end by a socket that closes, so it acts too when we are killed.
- The command dies with us, where the system can promise that (Linux); elsewhere the keeper ends it.
- The command has the terminal, the process group and the signals that it would have without us. A signal from the
  terminal reaches it by itself; one that was sent to us is passed on. We stop when it stops, and die as it dies.
- What only the keeper could say, it says to us; if we are gone, on stderr. Its one word of success counts, and nothing
  else: where it is silent, because the command ended or stopped it, we do what it should have done.
- Neither our memory nor our environment nor our descriptors are there for the command to read, where the system lets us
  say so (Linux): we hold a key that it must not have.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from delegate.cli.output import Failure, failure_of
from delegate.cli.status import Status
from delegate.errors import DelegateError

HandOver = Callable[[], tuple[dict[str, str], int | None]]

_READY: Final = b"ready"
_DONE: Final = b"taken back"
_PATIENCE_S: Final = 60
_LOOK_S: Final = 0.05
_DUMPABLE: Final = 4  # prctl's option: whether another process of the same user may read this one
_LINE_BYTES: Final = 4096
_NOT_RUN: Final = 126
_PDEATHSIG: Final = 1  # prctl's option: the signal to get when the parent dies
_IS_LINUX: Final = sys.platform == "linux"
# Every signal that may be passed on. What a fault of our own raises is none of these, and no process can hold the rest.
_PASSED_ON: Final = frozenset(signal.valid_signals()) - {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGCHLD,
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTTIN,
    signal.SIGTTOU,
}


def default_signals() -> None:
    """Give back to a command what Python ignores for itself."""
    for each in ("SIGPIPE", "SIGXFZ", "SIGXFSZ"):
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), signal.SIG_DFL)


def attend(
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    hand_over: HandOver,
    at_the_end: Callable[[], None],
) -> int:
    """Run a command to its end, and then do what is to be done.

    Args:
        program: the path of the command.
        command: its name and arguments.
        environment: all of its variables but those of `hand_over`.
        hand_over: gives further variables, and a pipe that the command inherits; called once.
        at_the_end: done in another process; may raise DelegateError or Failure.

    Returns:
        The command's status. Where a signal ended it, the same one ends us.

    Raises:
        Failure: the keeper could not do it, and the command itself ended well.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    prctl = _prctl()
    if prctl is not None and prctl(_DUMPABLE, 0):
        raise Failure(Status.FILES, "this process cannot be closed to others, and the command could read its key")
    ours, keepers = socket.socketpair()
    keeper = os.fork()
    if keeper == 0:
        ours.close()
        _keep(keepers, at_the_end)
    keepers.close()
    if _told(ours) != _READY:
        os.waitpid(keeper, 0)
        raise Failure(Status.FILES, "the process that is to take the chain back did not start")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | {signal.SIGCHLD})
    variables, pipe = hand_over()
    us = os.getpid()
    child = os.fork()
    if child == 0:
        _run(us, prctl, before, program, command, {**environment, **variables}, pipe)
    if pipe is not None:
        os.close(pipe)
    with suppress(OSError):
        ours.sendall(str(child).encode())
    status = _wait(child)
    with suppress(OSError):
        ours.shutdown(socket.SHUT_WR)
    said = _last_word(ours, keeper)
    problem = "" if said == _DONE else said.decode("utf-8", "replace") or _problem(at_the_end)
    if problem:
        if status == 0:
            raise Failure(Status.FILES, problem)
        sys.stderr.write(f"error: {problem}\n")
        sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return status if status >= 0 else _die_of(-status)


def _keep(keepers: socket.socket, at_the_end: Callable[[], None]) -> NoReturn:
    """Wait for our parent's end, and do what is to be done; in a process of its own, which never returns."""
    status = 1
    try:
        os.setsid()  # no signal of the terminal comes here
        for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
            signal.signal(each, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):  # whoever waits for the end of the command's output does not wait for us
            os.dup2(nothing, stream)
        keepers.sendall(_READY)
        said = b""
        while more := keepers.recv(64):
            said += more
        if said.isdigit() and not _IS_LINUX:
            _end_orphan(int(said))
        problem = _problem(at_the_end)
        try:
            keepers.sendall(problem.encode()[:_LINE_BYTES] or _DONE)
        except OSError:
            if problem:
                os.write(2, f"error: {problem}\n".encode())
        status = 0
    finally:
        os._exit(status)


def _problem(at_the_end: Callable[[], None]) -> str:
    """Do what is to be done; gives why it could not be, or nothing."""
    try:
        at_the_end()
    except DelegateError as error:
        problem = failure_of(error).line
    except Failure as failure:
        problem = failure.line
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told: the chain may still be good
        problem = type(error).__name__
    else:
        return ""
    return f"what the command was handed was not taken back: {problem}"


def _last_word(ours: socket.socket, keeper: int) -> bytes:
    """Wait for what the keeper says at the end, and for its own end.

    Gives nothing where it was ended or stopped, or does not answer in time: it is then ended, if it was not yet.
    """
    said = b""
    end = time.monotonic() + _PATIENCE_S
    ours.settimeout(_LOOK_S)
    while time.monotonic() < end:
        try:
            said = ours.recv(_LINE_BYTES)
        except TimeoutError:
            pid, status = _waited(keeper, os.WNOHANG | os.WUNTRACED)
            if pid == keeper and os.WIFSTOPPED(status):
                break
            if pid == keeper:
                return said
            continue
        except OSError:
            pass
        break
    if not said:
        with suppress(OSError):
            os.kill(keeper, signal.SIGKILL)
    _waited(keeper, 0)
    return said


def _end_orphan(child: int) -> None:
    """End a command whose parent is gone, where the system did not; one that has ended is not there."""
    with suppress(OSError):
        os.kill(child, signal.SIGKILL)


def _told(ours: socket.socket) -> bytes:
    """Read what the keeper says: its first word, or all of its last."""
    with suppress(OSError):
        return ours.recv(_LINE_BYTES)
    return b""


def _prctl() -> Callable[[int, int], int] | None:
    """Find the system call that binds a process's life to its parent's, before the fork: after it, little is safe."""
    if not _IS_LINUX:
        return None
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).prctl
    return lambda option, value: int(call(option, ctypes.c_ulong(value), 0, 0, 0))


def _run(
    parent: int,
    prctl: Callable[[int, int], int] | None,
    mask: set[signal.Signals] | set[int],
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    pipe: int | None,
) -> NoReturn:
    """Become the command, in the new process; never returns."""
    try:
        if prctl is not None and (prctl(_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent):
            os._exit(_NOT_RUN)  # what could outlive its parent does not start
        default_signals()
        if pipe is not None:
            os.set_inheritable(pipe, True)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execve(program, list(command), environment)  # noqa: S606 - what the user asked for
    except OSError as error:
        os.write(2, f"error: {program}: {(error.strerror or 'it cannot be run').lower()}\n".encode("utf-8", "replace"))
    finally:
        os._exit(_NOT_RUN)


def _wait(child: int) -> int:
    """Wait for the command to end, and pass signals on meanwhile; gives its status, negative for a signal."""
    while True:
        number, sent = _next_signal()
        if number in _PASSED_ON and sent:
            with suppress(OSError):  # it has just ended
                os.kill(child, number)
        while True:
            pid, status = _waited(child, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                break
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            os.kill(os.getpid(), signal.SIGSTOP)  # the shell sees a stopped job, and wakes all of it
            with suppress(OSError):
                os.kill(child, signal.SIGCONT)


def _next_signal() -> tuple[int, bool]:
    """Wait for a signal; says whether a process sent it. What the terminal sent, the command got as well."""
    wanted = _PASSED_ON | {signal.SIGCHLD}
    if hasattr(signal, "sigwaitinfo"):
        got = signal.sigwaitinfo(wanted)
        return got.si_signo, got.si_code <= 0
    number = signal.sigwait(wanted)  # macOS, which does not tell the two apart
    return number, number not in {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}


def _waited(pid: int, options: int) -> tuple[int, int]:
    while True:
        try:
            return os.waitpid(pid, options)
        except InterruptedError:
            continue


def _die_of(number: int) -> int:
    """End as the command did: by the same signal, without a second core file."""
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # SIGKILL, which nobody can handle
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    return 128 + number
