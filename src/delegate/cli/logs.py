"""The log that a command writes to or reads: `--log URL` or `DELEGATE_LOG`.

The rules of this file:

- What decides makes the log where there is none: an event is not to be lost for want of a file. What reads makes none.
- A log that was named is required: what it did not take is refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.output import Failure
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.state.engines import file_of

if TYPE_CHECKING:
    from delegate.audit.log import Log

LOG_VARIABLE: Final = "DELEGATE_LOG"

log_option = click.option(
    "--log", "log_url", envvar=LOG_VARIABLE, metavar="URL", help="Log of decisions. Default: DELEGATE_LOG."
)
tenant_option = click.option("--tenant", metavar="TENANT", help="Tenant whose tree is read. Default: that of none.")


@contextmanager
def opened_log(url: str | None, *, tenant: str | None = None, may_make: bool = False) -> Iterator[Log]:
    """Open the log for as long as it takes.

    Raises:
        click.UsageError: no URL, or one of no engine. Failure: an engine that is not installed, or a file that is not
            there. StateError: it does not answer.
    """
    from delegate.audit.log import connect

    if not url:
        message = f"no log: give --log sqlite:///audit.db or postgresql://…, or set {LOG_VARIABLE}"
        raise click.UsageError(message)
    file = file_of(url)
    if file and not may_make and not os.path.lexists(file):
        raise Failure(Status.FILES, f"no such log: {shown(file)}")
    try:
        log = connect(url, required=True, tenant=tenant)
    except ValueError as error:
        message = f"--log: {error}"
        raise click.UsageError(message) from None
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    try:
        yield log
    finally:
        log.close()


@contextmanager
def audited(url: str | None) -> Iterator[Log | None]:
    """Open the log that decisions go to; `None` where none was named."""
    if not url:
        yield None
        return
    with opened_log(url, may_make=True) as log:
        yield log


def data_folder() -> Path:
    """Give the folder of this user's log keys and witness memory, and make it."""
    from delegate.journal.file import default_path

    try:
        folder = default_path().parent / "audit"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(Status.FILES, f"the data folder: {(error.strerror or '').lower()}") from None
    return folder


def progress_on_terminal(word: str) -> Callable[[int, int], None] | None:
    """Give what shows how far long work is, on a terminal; `None` where stderr is none."""
    if not sys.stderr.isatty():
        return None
    last = -1

    def show(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // max(1, total)
        if percent != last:
            last = percent
            end = "\r" if done < total else "\n"
            sys.stderr.write(f"{word}: {percent} % of {total}{end}")
            sys.stderr.flush()

    return show
