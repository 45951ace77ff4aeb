"""The files that revocation lists are kept in.

The rules of this file:

- A file is replaced whole or not at all: written beside, synced, renamed.
- Whoever extends a list holds its lock from reading to renaming: no record is lost between two commands. The lock is a
  file of its own beside the list, which its owner alone can open: nobody else can hold it, and who waits gives up.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from delegate.cli.contents import mistaken
from delegate.cli.files import replace_file
from delegate.cli.output import Failure, file_failure, shown_path
from delegate.cli.sources import read_anywhere
from delegate.cli.status import Status
from delegate.core.chain.revocations import RevocationList
from delegate.errors import DelegateError
from delegate.limits import REVOCATIONS_BYTES
from delegate.state.own_file import open_own

_LOCK_S: Final = 10.0  # a list is read, signed and written in a second
_LOCK_AGAIN_S: Final = 0.02
_FILE_BYTES: Final = REVOCATIONS_BYTES * 2  # its text form, with white space around


def read_list(path: str) -> RevocationList:
    """Read a list from a file or a URL, text or bytes; `-` is stdin.

    Raises:
        Failure: a file that cannot be read, or whose list does not hold: with its name.
    """
    content = sys.stdin.buffer.read(_FILE_BYTES + 1) if path == "-" else read_anywhere(path, _FILE_BYTES)
    text = content.decode("latin-1").strip()
    try:
        return RevocationList.parse(text if text.isascii() and text.isprintable() else content)
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE,
            f"{'stdin' if path == '-' else shown_path(path)}: {mistaken(content, 'a revocation list') or error.detail} "
            f"[{error.reason}]",
            label="not a revocation list",
            reason=error.reason,
            detail=error.detail,
        ) from None


def read_earlier(path: str) -> RevocationList | None:
    """Read the list that is to be extended; `None` where there is no such file."""
    return read_list(path) if os.path.lexists(path) else None


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the list's lock, where the system has such locks; raises Failure where another command holds it for long."""
    if os.name != "posix":
        yield
        return
    target = Path(path).resolve()
    lock = target.with_name(f".{target.name}.lock")
    end = time.monotonic() + _LOCK_S
    try:
        while (handle := _taken(lock)) is None:
            if time.monotonic() > end:
                message = (
                    f"{shown_path(path)}: another command has been extending it for {_LOCK_S:.0f} s; nothing was done"
                )
                raise Failure(Status.FILES, message)
            time.sleep(_LOCK_AGAIN_S)
    except OSError as error:
        raise file_failure(lock, error) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # while it is held: whoever waits for it sees that it is gone
        os.close(handle)


def _taken(lock: Path) -> int | None:
    """Take a lock and give its descriptor; `None` where another command has it, or has just removed it."""
    import fcntl

    handle = open_own(lock, os.O_RDWR | os.O_CREAT, alone=True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks: better no lock than no revocation
            pass
        if os.path.samestat(os.fstat(handle), lock.lstat()):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(handle)
    return None


def write_list(path: str, revocations: RevocationList) -> None:
    """Write a list, mode 0644, in place of what was there; raises Failure, and then the old one is still there."""
    replace_file(path, revocations.to_text().encode("ascii") + b"\n", 0o644, is_exact=True)
    _sync(Path(path).resolve().parent)


def _sync(folder: Path) -> None:
    """Make the new name last, where a folder can be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
