"""`delegate completion`: the script that a shell reads, and what it is answered when the Tab key is pressed.

The rules of this file:

- An answer is data for a shell: whatever is in the journal, it is one line, and escaped.
- Completing changes nothing, and never ends in an error: the worst answer is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from delegate.cli.options import example, json_option
from delegate.cli.output import Output
from delegate.core.chain.printable import shown
from delegate.journal.entries import Entry
from delegate.journal.file import Journal

_SHELLS: Final = ("bash", "zsh", "fish")
_PROGRAM: Final = "delegate"
_VARIABLE: Final = "_DELEGATE_COMPLETE"
_ID_DIGITS: Final = 16


@click.command(
    epilog=example(
        'eval "$(delegate completion bash)"              # in ~/.bashrc',
        'eval "$(delegate completion zsh)"               # in ~/.zshrc',
        "delegate completion fish > ~/.config/fish/completions/delegate.fish",
    )
)
@click.argument("shell", type=click.Choice(_SHELLS), metavar="SHELL")
@json_option
def completion(shell: str, as_json: bool) -> None:  # noqa: FBT001
    """Print a script that completes commands with the Tab key.

    SHELL is bash, zsh or fish. It completes commands, options, files, and ids and names from the journal.
    """
    out = Output("completion", as_json=as_json)
    text = script(shell)
    out.result({"shell": shell, "script": text}, [text])


def script(shell: str) -> str:
    """Give the script; no shell is run for it."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - a choice of three that there are
    made = kind(click.Command(_PROGRAM), {}, _PROGRAM, _VARIABLE)
    return (made.source_template % made.source_vars()).strip()


def answer(command: click.Command, instruction: str) -> None:
    """Answer a shell on stdout: `bash_complete` with the line in its environment, as the script sets it."""
    shell, _, what = instruction.partition("_")
    kind = get_completion_class(shell)
    if kind is None:
        return
    if what == "source":
        click.echo(script(shell))
    elif what == "complete":
        click.echo(kind(command, {}, _PROGRAM, _VARIABLE).complete())


def complete_ids(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete an id from the journal, newest first; else a file, as the argument may be one."""
    del ctx, parameter
    found = [
        CompletionItem(entry.block_id.hex()[:_ID_DIGITS], help=_in_words(entry))
        for entry in reversed(_entries())
        if entry.block_id.hex().startswith(incomplete.lower())
    ]
    return found or [CompletionItem(incomplete, type="file")]


def complete_files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a file."""
    del ctx, parameter
    return [CompletionItem(incomplete, type="file")]


def complete_principals(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a holder from the journal."""
    del ctx, parameter
    return _those(incomplete, (entry.to for entry in _entries()))


def complete_tenants(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a tenant from the journal."""
    del ctx, parameter
    return _those(incomplete, (entry.tenant for entry in _entries()))


def complete_originators(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an originator from the journal."""
    del ctx, parameter
    return _those(incomplete, (entry.originator for entry in _entries()))


def complete_thumbprints(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the thumbprint of a holder's key from the journal."""
    del ctx, parameter
    return _those(incomplete.lower(), (entry.key.hex() for entry in _entries()))


def _those(incomplete: str, values: Iterable[str]) -> list[CompletionItem]:
    found = sorted({shown(value) for value in values if value})
    return [CompletionItem(value) for value in found if value.startswith(incomplete)]


def _entries() -> list[Entry]:
    try:
        return Journal().read().entries
    except OSError:
        return []


def _in_words(entry: Entry) -> str:
    return shown(f"{entry.by} to {entry.to}" + (f": {entry.why}" if entry.why else ""))
