"""The stores that a command speaks to: `--state URL` or `DELEGATE_STATE`.

The rules of this file:

- A URL may hold a password: none of it is printed.
- No file is made without `--create`: one that is not there is most likely a typing error. An empty one would answer: a
  revocation that went into it would reach nobody, and a proof that it took could be used where it counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from delegate.cli.output import Failure
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.state.engines import State, connect, file_of

STATE_VARIABLE: Final = "DELEGATE_STATE"
_OF_A_PROCESS: Final = "memory:"
_DEADLINE_S: Final = 2.0  # a person waits longer than a request, and a revocation is not to fail for a slow disk

state_option = click.option(
    "--state", "state_url", envvar=STATE_VARIABLE, metavar="URL", help="The verifiers' store. Default: DELEGATE_STATE."
)

create_option = click.option(
    "--create", "may_make", is_flag=True, help="Make the state file if there is none, which is an error otherwise."
)


@contextmanager
def opened(url: str | None, *, may_make: bool = False) -> Iterator[State]:
    """Open the stores for as long as it takes.

    Args:
        url: what `--state` says.
        may_make: whether a file that is not there is made.

    Raises:
        click.UsageError: no URL, or one of no engine, or of none that outlives this command.
        Failure: an engine that is not installed, or a file that is not there.
        StateError: it does not answer.
    """
    if not url:
        message = f"no store: give --state sqlite:///…, redis://… or postgresql://…, or set {STATE_VARIABLE}"
        raise click.UsageError(message)
    if url.startswith(_OF_A_PROCESS):
        message = "--state: what is in memory ends with this command; for one machine, use sqlite:///state.db"
        raise click.UsageError(message)
    file = file_of(url)
    if file and not may_make and not os.path.lexists(file):
        raise Failure(
            Status.FILES, f"no such state file: {shown(file)} (to make it: delegate doctor --state URL --create)"
        )
    try:
        state = connect(url, deadline=_DEADLINE_S)
    except ValueError:
        message = "--state: not a URL like sqlite:///…, redis://… or postgresql://…"
        raise click.UsageError(message) from None
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    try:
        yield state
    finally:
        state.close()
