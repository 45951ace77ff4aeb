"""The journal as commands use it: one that cannot be written is a warning, one that cannot be read is a failure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from delegate.authoring.token import ChainEnvelope
from delegate.cli.output import Failure, Output, file_failure
from delegate.cli.status import Status
from delegate.core.chain.claims import BEARER
from delegate.core.chain.printable import shown
from delegate.core.chain.revocations import Record
from delegate.journal.entries import Contents
from delegate.journal.file import Journal


def note(out: Output, token: ChainEnvelope) -> None:
    """Append what was handed out; warn where that cannot be: what was asked for is the token."""
    try:
        Journal().note(token)
    except OSError as error:
        _warn(out, error)


def note_revoked(out: Output, records: Iterable[Record], file: str, at: int) -> None:
    """Append what was taken back, in a list or, without one, in a store; warn where that cannot be."""
    try:
        Journal().note_revoked(records, str(Path(file).resolve()) if file else "", at)
    except OSError as error:
        _warn(out, error)


def read() -> Contents:
    """Read the journal.

    Raises:
        Failure: it is there and cannot be read, or is not its owner's alone to write.
    """
    journal = Journal()
    try:
        path = journal.path
    except OSError as error:
        raise Failure(Status.FILES, f"the journal: {error.strerror}") from None
    try:
        return journal.read()
    except OSError as error:
        raise file_failure(path, error) from None


def handing_on(signer: str, holder: str) -> str:
    """Name who handed to whom."""
    if signer == holder != BEARER:
        return f"{shown(holder)}, narrowing its own chain"
    return " → ".join("whoever has it" if name == BEARER else shown(name) for name in (signer, holder))


def _warn(out: Output, error: OSError) -> None:
    words = (error.strerror or "failed").lower()
    try:
        where = f"{shown(str(Journal().path))}: "
    except OSError:
        where, words = "", error.strerror or words
    out.warn(f"the journal could not be written: {where}{words}")
