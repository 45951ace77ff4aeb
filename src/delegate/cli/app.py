"""The command itself: its groups, and the one place where a run ends.

Every way to end is here: a status of `status.py`, one line on stderr or one JSON object on stdout, never a
traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.output import Ended, Failure, ReaderGone, StreamFull, failure_of, print_failure, shown_path
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.errors import DelegateError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMPLETE_VARIABLE: Final = "_DELEGATE_COMPLETE"  # set by the shell whose Tab was pressed
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})

# Each command, in the order of the headings below: its module, its name there, and the first sentence of its help. A
# run loads the module of the one command that it is about, and `--help` none; a test holds the sentences to theirs.
_COMMANDS: Final = {
    "key": ("keys", "key", "Make and show keys: new, public, show, passwd, rotate."),
    "mint": ("author", "mint", "Start a chain: hand a piece of your authority to an agent."),
    "attenuate": ("author", "attenuate", "Narrow a chain that you hold; with --to, also hand it on."),
    "seal": ("author", "seal", "Seal a bearer token: it stays usable, but cannot be extended."),
    "inspect": ("inspect", "inspect", "Show a chain: who handed what to whom, and what it grants."),
    "inspector": ("inspector", "inspector", "Write a page that shows chains in a browser."),
    "check": ("decide", "check", "Show what a chain would allow, without a proof."),
    "can": ("proofs", "can", "Prove that a chain can never do something, or show that it can."),
    "diff": ("proofs", "diff", "Show what each hop of a chain took away."),
    "list": ("handed_out", "handed_out", "List what was handed out from here."),
    "revoke": ("revoke", "revoke", "Take back a block and everything below it, or a key."),
    "prove": ("author", "prove", "Prove that you hold a chain, for one request to one service."),
    "exec": ("execute", "execute", "Run a command with a fresh key and a narrower chain of its own."),
    "ask": ("approvals", "ask", "Write an ask for each need of a chain."),
    "login": ("login", "login", "Log in, and get a chain for a new key of this user's."),
    "whoami": ("login", "whoami", "Show who is logged in here, for what, and until when."),
    "logout": ("login", "logout", "Log out: take the chain back, and forget key and login."),
    "approve": ("approvals", "approve", "Confirm what somebody asks for, after reading it."),
    "staple": ("approvals", "staple", "Certify that nothing in a chain has been revoked as of now."),
    "verify": ("decide", "verify", "Decide a request as a service would: allowed or refused."),
    "serve": ("serve", "serve", "Decide requests for a proxy that stands before a service."),
    "budget": ("state", "budget", "Work with budgets: show."),
    "doctor": ("state", "doctor", "Check the settings of a store."),
    "roots": ("roots", "roots", "Say whom verifiers trust, in a signed bundle: sign, show."),
    "revocations": ("revocations", "revocations", "Work with revocation lists: show, verify, merge, import."),
    "principal": ("principals", "principal", "Keep the directory of principals: who is who, and who answers for whom."),
    "issuer": ("issuer", "issuer", "Run an issuer, or try out its policy: serve, check."),
    "audit": ("audit", "audit", "Work with logs of decisions: trace, verify, checkpoint, prove, witness, and more."),
    "receipt": ("receipts", "receipt", "Work with receipts: show, verify."),
    "completion": ("completion", "completion", "Print a script that completes commands with the Tab key."),
    "demo": ("demo", "demo", "Play the story: one request allowed, four refused, and why."),
}
# Under which heading `--help` shows each: who mostly runs it.
_GROUPS: Final = {
    "People and their agents": (
        "key",
        "mint",
        "attenuate",
        "seal",
        "inspect",
        "inspector",
        "check",
        "can",
        "diff",
        "list",
        "revoke",
    ),
    "Agents": ("prove", "exec", "ask", "login", "whoami", "logout"),
    "Whoever confirms": ("approve", "staple"),
    "Services": ("verify", "serve", "budget", "doctor"),
    "Security teams": ("roots", "revocations", "principal", "issuer", "audit", "receipt"),
    "Besides": ("completion", "demo"),
}
_WIDEST: Final = max(map(len, _COMMANDS))

_EPILOG: Final = """\b
TOKEN is the token itself, a file, or - for standard input; without it, DELEGATE_TOKEN is used.
Exit status: 0 done or allowed, 1 refused, 2 wrong usage, 3 not a token or not genuine,
4 untrusted root or missing key, 5 problem with a file or a store, 130 interrupted.
To see the whole story at once: delegate demo
"""


class _Commands(Mapping[str, click.Command]):
    """The commands by their names; each is loaded when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        module, attribute, _ = _COMMANDS[name]
        command: click.Command = getattr(import_module(f"delegate.cli.{module}"), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class _OnDemand(click.Group):
    """A group whose help lists commands under who mostly runs them, and loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names."""
        del ctx
        return list(_COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command out of the table."""
        from click.shell_completion import CompletionItem

        del ctx
        return [
            CompletionItem(name, help=line) for name, (_, _, line) in _COMMANDS.items() if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what `click` would, out of the table."""
        del ctx
        for heading, names in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(_WIDEST), _COMMANDS[name][2]) for name in names])


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("delegate-token")
    except PackageNotFoundError:  # run from a checkout
        found = "unreleased"
    click.echo(f"delegate {found}")
    ctx.exit()


@click.group(
    cls=_OnDemand,
    commands=_Commands(),
    epilog=_EPILOG,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def delegate() -> None:
    """Give agents narrow, short-lived authority that any service can verify offline."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; give its exit status. Never raises."""
    _open_streams()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if COMPLETE_VARIABLE in os.environ:
            return _complete()
        ours = given[: given.index("--")] if "--" in given else given  # behind it stands another command's line
        status = _run(given, as_json="--json" in ours)
        sys.stdout.flush()
        sys.stderr.flush()
    except (BrokenPipeError, ReaderGone):
        return _quietly()
    except (OSError, StreamFull) as error:  # stdout or stderr itself: a full disk
        words = (error.strerror or "failed").lower() if isinstance(error, OSError) else str(error)
        with suppress(OSError):
            sys.stderr.write(f"error: the output cannot be written: {words}\n")
        return _quietly()
    return status


def _complete() -> int:
    """Answer a shell that completes a line; what goes wrong there must not reach the line."""
    from delegate.cli.completion import answer

    with suppress(Exception):
        answer(delegate, os.environ[COMPLETE_VARIABLE])
    return int(Status.DONE)


def _run(given: list[str], *, as_json: bool) -> int:
    command = ""
    try:
        if as_json:
            command = " ".join(_words(given))
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
    except Ended as ended:
        return ended.status
    except Failure as ended_so:
        failure = ended_so
    except StreamFull:
        raise
    except (ReaderGone, SystemExit):  # click leaves by SystemExit when it wrote help and nobody read it
        raise ReaderGone from None
    except OSError as error:
        if error.errno in _FULL and error.filename is None:  # stdout itself
            raise
        failure = Failure(Status.FILES, f"{shown_path(error.filename or 'input')}: {(error.strerror or '').lower()}")
    except Exception as error:  # noqa: BLE001 - a fault of ours; a traceback would help nobody at a terminal
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        file = os.path.basename(where.filename)  # noqa: PTH119 - no need of pathlib for that
        line = f"{type(error).__name__} at {file}:{where.lineno}; please report it"
        failure = Failure(Status.FILES, line, label="internal error")
    else:
        return Status.DONE
    print_failure(command, failure, as_json=as_json)
    return failure.status


def _usage(error: click.ClickException) -> Failure:
    """Say what is wrong with the command line, in one line and in our style."""
    text = shown(" ".join(error.format_message().split()), 300).rstrip(".")
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
    """End when nobody reads on: leave the streams so that the interpreter does not complain at its end."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    for name in ("stdout", "stderr"):
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())
        except (OSError, ValueError):
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - until the process ends
    return int(Status.FILES)
