"""`delegate exec`: another command runs with a key and a chain of its own, and with nothing else of ours.

The rules of this file:

- The environment that the command gets is a list of what may pass, never what we have less what may not. So are its
  descriptors: the three streams, the pipe with its chain, and what was named.
- Nothing is signed before it is known that there is such a command, and that the store answers.
- Without a store we become the command. With one we wait, and what was handed to it is taken back at its end.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

import click

from delegate.authoring.bearer import BearerToken
from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock
from delegate.authoring.terms import Narrowing
from delegate.authoring.token import Token
from delegate.cli.author import authored, terms_of
from delegate.cli.options import (
    clock,
    example,
    journal_option,
    key_option,
    narrowing_options,
    now_option,
    passphrase_options,
)
from delegate.cli.output import Ended, Failure, Output
from delegate.cli.sources import chain_only, read_identity, read_token
from delegate.cli.status import Status
from delegate.cli.stores import create_option, opened, state_option
from delegate.core.chain.printable import shown
from delegate.holder import FD_VARIABLE, KEY_VARIABLE, TOKEN_VARIABLE, Holder

# What a program needs to find its way: where things are, whose it is, how to write. None of it opens anything.
PASSED: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "TZ", "TERM", "COLORTERM", "NO_COLOR"),
        *("LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC"),
        *("LC_TIME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "USERNAME"),
    }
)
_OURS: Final = frozenset({TOKEN_VARIABLE, KEY_VARIABLE, FD_VARIABLE})
NOT_FOUND: Final = 127  # what shells and `env` say
NOT_RUN: Final = 126
_IS_WINDOWS: Final = os.name == "nt"


@click.command(
    name="exec",
    context_settings={"allow_interspersed_args": False},
    epilog=example(
        "delegate exec --token planner.token --key planner.key --as agent:worker \\",
        "    --can 'files.read /reports/**' --ttl 1h -- python worker.py",
    ),
)
@click.option("--token", metavar="TOKEN", help="The chain to narrow. Default: the one in DELEGATE_TOKEN.")
@key_option("The holder's private key.")
@click.option("--as", "name", required=True, metavar="NAME", help="Name of the new agent: agent:worker.")
@narrowing_options
@click.option(
    "--pass-env",
    "passed",
    multiple=True,
    metavar="NAME",
    help="A variable that the command also gets. May be repeated.",
)
@click.option(
    "--pass-fd",
    "passed_fds",
    multiple=True,
    metavar="N",
    type=click.IntRange(min=3),
    help="An open descriptor that the command also gets, beside its three streams. May be repeated.",
)
@click.option(
    "--by-env", is_flag=True, help="Hand chain and key over in DELEGATE_TOKEN and DELEGATE_KEY instead of in a pipe."
)
@state_option
@create_option
@journal_option
@passphrase_options
@now_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(
    token: str | None,
    key_file: str | None,
    name: str,
    passed: tuple[str, ...],
    passed_fds: tuple[int, ...],
    by_env: bool,  # noqa: FBT001
    state_url: str | None,
    may_make: bool,  # noqa: FBT001
    noted: bool,  # noqa: FBT001
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    command: tuple[str, ...],
    **narrowing: Any,  # noqa: ANN401
) -> None:
    """Run a command with a fresh key and a narrower chain of its own.

    The command finds both in a pipe that DELEGATE_FD names and that is read once: in Python, Holder.from_env() does so.
    Of our environment it gets PATH, HOME, TERM, the language and the like, and what --pass-env names; no other
    variable, so no secret of ours. Of our open files it gets the three streams, and what --pass-fd names. With --state,
    what was handed to it is taken back there when it ends, however it ends, and it does not outlive us.
    """
    out = Output("exec", as_json=False)
    if narrowing["ttl"] is not None and narrowing["until"] is not None:
        message = "give either --ttl or --until, not both"
        raise click.UsageError(message)
    if _IS_WINDOWS and not by_env:
        message = "on Windows, chain and key are handed over in the environment: add --by-env"
        raise click.UsageError(message)
    environment = _environment(passed)
    _check_fds(passed_fds)
    program = _program(command[0], environment)
    at = clock(now)
    terms = terms_of(narrowing, at)
    held = chain_only(read_token(token, out))
    if isinstance(held, BearerToken):
        message = "exec narrows a chain whose key you hold; this is a bearer token: use attenuate --to"
        raise click.UsageError(message)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    _keep_fds(passed_fds)
    if state_url is None:
        child = _spawn(out, identity, held, name, terms, noted=noted)
        _become(program, command, environment, child, by_env=by_env)
    with opened(state_url, may_make=may_make) as state:  # before anything is signed: a store that is down ends it here
        state.revocations.feeds()
    child = _spawn(out, identity, held, name, terms, noted=noted)

    from delegate.cli.attended import attend

    status = attend(
        program,
        command,
        environment,
        lambda: _hand_over(child, by_env=by_env),
        lambda: _take_back(out, identity, child.token, state_url, noted=noted),
    )
    raise Ended(status)


def _take_back(out: Output, identity: Identity, token: Token, state_url: str, *, noted: bool) -> None:
    """Revoke what the command was handed, in the store; by the system's clock, whatever `--now` says."""
    at = clock(None)
    block = RevokedBlock.of(token, why="the command ended")
    mine = identity.public_key.thumbprint
    with opened(state_url) as state:
        seen = max((feed.sequence for feed in state.revocations.feeds() if feed.signer == mine), default=0)
        made = identity.revoke(blocks=[block], after=seen, now=at)
        state.revocations.add(made.feed, made.records, now=at)
    if noted:
        from delegate.cli.journal import note_revoked

        note_revoked(out, made.records, "", at)


def _environment(passed: tuple[str, ...]) -> dict[str, str]:
    """Give the command's environment: what may always pass, and what was named; raises click.UsageError."""
    for each in passed:
        if each in _OURS:
            message = f"--pass-env {each}: that is our own chain or key, and the command gets one of its own"
            raise click.UsageError(message)
        if each not in os.environ:
            message = f"--pass-env {shown(each)}: there is no such variable"
            raise click.UsageError(message)
    wanted = PASSED | set(passed)
    return {each: value for each, value in os.environ.items() if (each.upper() if _IS_WINDOWS else each) in wanted}


def _check_fds(passed: tuple[int, ...]) -> None:
    """Raise click.UsageError for a descriptor that is not open, or that brought our own chain."""
    if passed and _IS_WINDOWS:
        message = "--pass-fd: there are no descriptors to hand on, on Windows"
        raise click.UsageError(message)
    for each in passed:
        if str(each) == os.environ.get(FD_VARIABLE):
            message = f"--pass-fd {each}: that is our own chain and key, and the command gets one of its own"
            raise click.UsageError(message)
        try:
            os.fstat(each)
        except OSError:
            message = f"--pass-fd {each}: there is no such open descriptor"
            raise click.UsageError(message) from None


def _keep_fds(passed: tuple[int, ...]) -> None:
    """Have the command inherit what was named and nothing else; what brought our own chain, read or not, is closed."""
    if _IS_WINDOWS:
        return
    own = os.environ.pop(FD_VARIABLE, "")
    if own.isascii() and own.isdigit() and 2 < int(own) < 1 << 20:
        with suppress(OSError):
            os.close(int(own))
    try:
        there = [int(each) for each in os.listdir("/dev/fd")]  # noqa: PTH208 - pathlib takes 4 ms to load
    except (OSError, ValueError):
        there = list(range(3, min(os.sysconf("SC_OPEN_MAX"), 1 << 20)))
    for each in there:
        if each > 2:
            with suppress(OSError):  # the one with which the folder was listed
                os.set_inheritable(each, each in passed)


def _program(word: str, environment: dict[str, str]) -> str:
    """Find the command, as a shell would; raises Ended after saying why not."""
    found = shutil.which(word, path=environment.get("PATH"))
    if found is not None:
        return found
    is_there = os.path.dirname(word) and os.path.lexists(word)  # noqa: PTH120 - pathlib takes 4 ms to load
    why, status = ("cannot be run", NOT_RUN) if is_there else ("there is no such command", NOT_FOUND)
    _end(word, why, status)


def _end(word: str, why: str, status: int) -> NoReturn:
    sys.stderr.write(f"error: {shown(word)}: {why}\n")
    raise Ended(status)


def _spawn(out: Output, identity: Identity, held: Token, name: str, terms: Narrowing, *, noted: bool) -> Holder:
    """Make the new agent, and note it: noted first, so that nothing is out that cannot be found."""
    child = authored(lambda: Holder(identity, held).spawn(name, **terms))
    if noted:
        from delegate.cli.journal import note

        note(out, child.token)
    return child


def _hand_over(child: Holder, *, by_env: bool) -> tuple[dict[str, str], int | None]:
    """Give the variables that hand chain and key over, and the pipe that the command inherits; raises Failure."""
    if by_env:
        return child.to_env(), None
    try:
        fd = child.to_fd()
    except OSError as error:
        raise Failure(Status.FILES, str(error)) from None
    return {FD_VARIABLE: str(fd)}, fd


def _become(
    program: str, command: tuple[str, ...], environment: dict[str, str], child: Holder, *, by_env: bool
) -> NoReturn:
    """Become the command: nothing of ours is left; raises Ended where the system does not let us."""
    variables, fd = _hand_over(child, by_env=by_env)
    sys.stdout.flush()
    sys.stderr.flush()
    if _IS_WINDOWS:  # its exec does not become anything: whoever waits for us would not wait for the command
        import subprocess

        raise Ended(subprocess.run(command, executable=program, env=environment | variables, check=False).returncode)  # noqa: S603 - what the user asked for
    from delegate.cli.attended import default_signals

    if fd is not None:
        os.set_inheritable(fd, True)
    default_signals()
    try:
        os.execve(program, command, environment | variables)  # noqa: S606 - what the user asked for
    except OSError as error:
        _end(
            program,
            (error.strerror or "it cannot be run").lower(),
            NOT_FOUND if error.errno == errno.ENOENT else NOT_RUN,
        )
