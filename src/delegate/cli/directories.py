"""The directory that a command speaks to: `--directory URL` or `DELEGATE_DIRECTORY`.

The rules of this file:

- A URL may hold a password: none of it is printed.
- A file that is not there is most likely a typing error: only what puts principals into it makes one, and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.options import combined
from delegate.cli.output import Failure, Output
from delegate.cli.status import Status
from delegate.core.chain.printable import shown

if TYPE_CHECKING:
    from delegate.directory.directory import Directory

DIRECTORY_VARIABLE: Final = "DELEGATE_DIRECTORY"
_DEADLINE_S: Final = 2.0  # a person waits longer than a request
_FORMS: Final = "sqlite:///… or postgresql://…"

directory_option = click.option(
    "--directory",
    "directory_url",
    envvar=DIRECTORY_VARIABLE,
    metavar="URL",
    help="The directory of principals. Default: DELEGATE_DIRECTORY.",
)
tenant_option = click.option("--tenant", metavar="TENANT", help="Tenant whose principals these are.")
deciding_options = combined(
    directory_option,
    click.option(
        "--require-known",
        "require_known",
        is_flag=True,
        help="Refuse a hop whose key is not known under its name, or who was disabled.",
    ),
)


@contextmanager
def known_by(url: str | None, tenant: str | None) -> Iterator[Directory | None]:
    """Open the directory that a verifier asks, where there is one; raises as `opened_directory`."""
    if not url:
        yield None
        return
    with opened_directory(url, tenant) as directory:
        yield directory


@contextmanager
def opened_directory(
    url: str | None, tenant: str | None = None, *, now: int | None = None, makes: Output | None = None
) -> Iterator[Directory]:
    """Open the directory for as long as it takes.

    Args:
        url: what `--directory` says.
        tenant: what `--tenant` says.
        now: the time that changes are dated by; `None`: the system's.
        makes: where to say that the file was made; `None`: one that is not there is an error.

    Raises:
        click.UsageError: no URL, or one that has no sense. Failure: an engine that is not installed, or a file that is
            not there. StateError: it does not answer.
    """
    from delegate.directory.directory import connect
    from delegate.state.engines import file_of

    if not url:
        message = f"no directory: give --directory {_FORMS}, or set {DIRECTORY_VARIABLE}"
        raise click.UsageError(message)
    file = file_of(url)
    is_new = bool(file) and not os.path.lexists(file or "")
    if is_new and makes is None:
        raise Failure(
            Status.FILES, f"no such directory file: {shown(file or '')} (delegate principal add, or import, makes it)"
        )
    clock: Callable[[], float] = time.time if now is None else lambda: now
    try:
        directory = connect(url, tenant=tenant or None, deadline=_DEADLINE_S, clock=clock)
    except ValueError as error:
        if "tenant" in str(error):
            raise click.UsageError(f"--tenant: {error}") from None
        raise click.UsageError(f"--directory: not a URL like {_FORMS}") from None
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    try:
        if is_new and makes is not None:
            makes.note(f"made the directory file {shown(file or '')}")
        yield directory
    finally:
        directory.close()
