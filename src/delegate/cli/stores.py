"""The stores that a command speaks to: `--state URL` or `DELEGATE_STATE`.

A URL may hold a password: none of it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol

import click

from delegate.chain.text import shown
from delegate.cli.output import Failure
from delegate.cli.status import Status
from delegate.state import Ledger, RevocationStore

STATE_VARIABLE = "DELEGATE_STATE"

state_option = click.option(
    "--state", "state_url", envvar=STATE_VARIABLE, metavar="URL", help="The verifiers' store; or DELEGATE_STATE."
)


class Finding(Protocol):
    """One thing that a store was asked about itself."""

    @property
    def ok(self) -> bool:
        """Whether it is as it should be."""

    @property
    def what(self) -> str:
        """What it is about."""

    @property
    def detail(self) -> str:
        """One line about it."""


class State(Protocol):
    """The stores behind one URL."""

    @property
    def revocations(self) -> RevocationStore:
        """What has been revoked."""

    @property
    def ledger(self) -> Ledger:
        """What has been spent."""

    def check(self) -> Sequence[Finding]:
        """Look at the settings that matter."""

    def close(self) -> None:
        """Let go of it."""


@contextmanager
def opened(url: str | None) -> Iterator[State]:
    """Open the stores for as long as it takes.

    Raises:
        click.UsageError: no URL, or none that is known. Failure: an engine that is not installed.
        StateError: it does not answer.
    """
    if not url:
        message = f"which state? --state sqlite:///…, redis://… or postgresql://…, or {STATE_VARIABLE}"
        raise click.UsageError(message)
    try:
        state: State = import_module("delegate.state").connect(url)
    except ValueError:
        message = "--state: no URL such as sqlite:///…, redis://… or postgresql://…"
        raise click.UsageError(message) from None
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    try:
        yield state
    finally:
        state.close()
