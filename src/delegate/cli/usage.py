"""What a log knows of who acted, for `delegate principal list --unused`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from delegate.cli.output import Failure
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.directory.entries import Entry
from delegate.directory.usage import UsageLog, Use, use_of
from delegate.state.engines import file_of


def uses_of(entries: Sequence[Entry], url: str, tenant: str | None, *, before: int) -> Mapping[str, Use]:
    """Say of each principal whether it was used since a time, by name.

    Raises:
        click.UsageError: a URL that has no sense. Failure: there is no log to ask. StateError: it does not answer.
    """
    log = _log(url, tenant)
    try:
        thumbprints = [key.public_key.thumbprint for entry in entries for key in entry.keys]
        last_used = log.last_used(thumbprints)
        since = log.complete_since()
    finally:
        log.close()
    return {entry.name: use_of(entry, last_used, complete_since=since, before=before) for entry in entries}


class _Log(UsageLog):
    """A log that was opened here."""

    def close(self) -> None:
        """Close it."""


def _log(url: str, tenant: str | None) -> _Log:
    try:
        connect: Any = import_module("delegate.audit").connect
    except ImportError:
        raise Failure(Status.FILES, "this installation has no log to ask") from None
    file = file_of(url)
    if file and not os.path.lexists(file):  # a log that is made by asking knows of nobody
        raise Failure(Status.FILES, f"no such log file: {shown(file)}")
    try:
        found: _Log = connect(url) if tenant is None else connect(url, tenant=tenant)
    except ValueError as error:
        raise click.UsageError(f"--log: {shown(str(error), 300)}") from None
    return found
