"""The files that revocation lists are kept in.

The rules of this file:

- A file is replaced whole or not at all: written beside, synced, renamed.
- Whoever extends a list holds its folder's lock from reading to renaming: no record is lost between two commands.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from delegate.cli.output import Failure, file_failure
from delegate.cli.sources import read_file
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.chain.revocations import RevocationList
from delegate.errors import DelegateError
from delegate.limits import REVOCATIONS_BYTES

_FILE_BYTES: Final = REVOCATIONS_BYTES * 2  # its text form, with white space around


def read_list(path: str) -> RevocationList:
    """Read a list from a file, text or bytes; `-` is stdin.

    Raises:
        Failure: a file that cannot be read, or whose list does not hold: with its name.
    """
    content = sys.stdin.buffer.read(_FILE_BYTES + 1) if path == "-" else read_file(path, _FILE_BYTES)
    text = content.decode("latin-1").strip()
    try:
        return RevocationList.parse(text if text.isascii() and text.isprintable() else content)
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE,
            f"{'stdin' if path == '-' else shown(path)}: {error.detail} [{error.reason}]",
            label="not a revocation list",
            reason=error.reason,
            detail=error.detail,
        ) from None


def read_earlier(path: str) -> RevocationList | None:
    """Read the list that is to be extended; `None` where there is no such file."""
    return read_list(path) if os.path.lexists(path) else None


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of the file's folder, where the system has such locks."""
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        handle = os.open(Path(path).resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise file_failure(path, error) from None
    try:
        with suppress(OSError):  # a file system without locks: better no lock than no revocation
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_list(path: str, revocations: RevocationList) -> None:
    """Write a list, mode 0644, in place of what was there; raises Failure, and then the old one is still there."""
    target = Path(path).resolve()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(revocations.to_text().encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        _sync(target.parent)
    except OSError as error:
        raise file_failure(path, error) from None


def _sync(folder: Path) -> None:
    """Make the new name last, where a folder can be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
