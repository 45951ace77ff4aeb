"""The command itself: its groups, and the one place where a run ends.

Every way to end is here: a status of `status.py`, one line on stderr or one JSON object on stdout, never a
traceback.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import click

from delegate.cli.approvals import approve, ask, staple
from delegate.cli.author import attenuate, mint, prove, seal
from delegate.cli.decide import check, verify
from delegate.cli.demo import demo
from delegate.cli.handed_out import handed_out
from delegate.cli.inspect import inspect
from delegate.cli.keys import key
from delegate.cli.output import Failure, ReaderGone, failure_of, print_failure
from delegate.cli.revocations import revocations
from delegate.cli.revoke import revoke
from delegate.cli.state import budget, doctor
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.errors import DelegateError

_EPILOG: Final = """\b
TOKEN is the token itself, a file, or - for standard input; without it, DELEGATE_TOKEN is used.
Exit status: 0 done or allowed, 1 refused, 2 wrong usage, 3 not a token or not genuine,
4 untrusted root or missing key, 5 problem with a file or a store, 130 interrupted.
To see the whole story at once: delegate demo
"""


class _InOrder(click.Group):
    """A group whose help lists commands in the order of the story, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names."""
        del ctx
        return list(self.commands)


def _version() -> str:
    try:
        return version("delegate-token")
    except PackageNotFoundError:  # run from a checkout
        return "unreleased"


@click.group(
    cls=_InOrder,
    epilog=_EPILOG,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(_version(), prog_name="delegate", message="%(prog)s %(version)s")
def delegate() -> None:
    """Give agents narrow, short-lived authority that any service can verify offline."""


_AUTHORING = (key, mint, attenuate, seal, prove)
_LOOKING = (inspect, verify, check)
_CONFIRMING = (ask, approve, staple)
_TAKING_BACK = (handed_out, revoke, revocations, budget, doctor)
for _command in (*_AUTHORING, *_LOOKING, *_CONFIRMING, *_TAKING_BACK, demo):
    delegate.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; give its exit status. Never raises."""
    _open_streams()
    given = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in given
    command = " ".join(_words(given))
    try:
        status = _run(given, command, as_json=as_json)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGone):
        return _quietly()
    except OSError as error:  # stdout itself: a full disk
        sys.stderr.write(f"error: the output cannot be written: {(error.strerror or 'failed').lower()}\n")
        return _quietly()
    return int(status)


def _run(given: list[str], command: str, *, as_json: bool) -> Status:
    try:
        if any("\0" in each for each in given):
            message = "an argument contains a NUL character"
            raise click.UsageError(message)
        delegate.main(args=given, prog_name="delegate", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt, EOFError):
        failure = Failure(Status.INTERRUPTED, "stopped before it was done", label="interrupted")
    except click.ClickException as error:
        failure = _usage(error)
    except DelegateError as error:
        failure = failure_of(error)
    except Failure as ended_so:
        failure = ended_so
    except (ReaderGone, SystemExit):  # click leaves by SystemExit when it wrote help and nobody read it
        raise ReaderGone from None
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # stdout itself
            raise
        failure = Failure(Status.FILES, f"{shown(str(error.filename or 'input'))}: {(error.strerror or '').lower()}")
    except Exception as error:  # noqa: BLE001 - a fault of ours; a traceback would help nobody at a terminal
        where = traceback.extract_tb(error.__traceback__)[-1]
        line = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}; please report it"
        failure = Failure(Status.FILES, line, label="internal error")
    else:
        return Status.DONE
    print_failure(command, failure, as_json=as_json)
    return failure.status


def _usage(error: click.ClickException) -> Failure:
    """Say what is wrong with the command line, in one line and in our style."""
    text = shown(error.format_message().replace("\n", " "), 300).rstrip(".")
    text = text[:1].lower() + text[1:]
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see {context.command_path} --help" if context is not None else ""
    return Failure(Status.USAGE, text + hint, detail=text)


def _words(given: list[str]) -> list[str]:
    """Name the command that was meant, for JSON."""
    words: list[str] = []
    group: click.Command = delegate
    for word in given:
        if not isinstance(group, click.Group) or word not in group.commands:
            break
        words.append(word)
        group = group.commands[word]
    return words


def _open_streams() -> None:
    """Stand in for a stream that was closed before we began: Python has `None` there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the process ends


def _quietly() -> int:
    """End when nobody reads on: leave stdout so that the interpreter does not complain at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends
    return int(Status.FILES)
