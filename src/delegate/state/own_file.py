"""Files that are their owner's alone: none is followed to elsewhere, and none taken that others may write.

The rules of this file:

- A link is no file: what it points to may be anybody's.
- Whoever may write a file may make it say anything: its owner is whoever runs this program, or root.
- What is wrong is an `OSError`, as for any file that cannot be opened, with words for its reader.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final

_IS_POSIX: Final = os.name == "posix"
_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)  # of a pipe, open waits
    | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_MODE: Final = 0o600
_NAME_CHARACTERS: Final = 200
_OTHERS_WRITE: Final = 0o022
_OTHERS: Final = 0o077


def check_own(status: os.stat_result, *, alone: bool = False) -> None:
    """Refuse what is no file of this user's; `alone`: also one that others may read.

    Raises:
        OSError: with the reason as its words.
    """
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link")
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    if not _IS_POSIX:
        return
    if status.st_uid not in {os.geteuid(), 0}:
        raise PermissionError(errno.EPERM, "it belongs to another user, who may change it")
    mode = status.st_mode & 0o777
    if mode & _OTHERS_WRITE:
        raise PermissionError(errno.EPERM, f"others may write it, mode {mode:03o}; chmod 600")
    if alone and mode & _OTHERS:
        raise PermissionError(errno.EPERM, f"others may open it, mode {mode:03o}; chmod 600")


def add_line(handle: int, line: bytes) -> None:
    """Add a line to a file that is open for reading and adding to; behind half a line, begin with a line end.

    A disk that was full leaves half a line, of what nobody was told is there. What is added later stands by itself.

    Raises:
        OSError: it was not written, or not whole.
    """
    if os.lseek(handle, 0, os.SEEK_END):
        os.lseek(handle, -1, os.SEEK_END)
        if os.read(handle, 1) != b"\n":
            line = b"\n" + line
    if os.write(handle, line) != len(line):
        raise OSError(errno.ENOSPC, "the line was written in part")


def replace_whole(path: str | os.PathLike[str], content: bytes, mode: int) -> None:
    """Write a file in place of what was there, whole or not at all: beside it, and renamed.

    Args:
        path: of the file; a link is replaced, not followed.
        content: all of it.
        mode: with which it is made.

    Raises:
        OSError: it cannot be written; then the old one is still there, and nothing else is left behind.
    """
    folder, name = os.path.split(os.fspath(path))
    # A long name has room for what is added.
    beside = os.path.join(folder, f".{name[:_NAME_CHARACTERS]}.{os.urandom(8).hex()}")  # noqa: PTH118 - no pathlib here
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)  # noqa: PTH105 - as above
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)  # noqa: PTH108 - as above
        raise


def open_own(path: str | os.PathLike[str], flags: int, *, alone: bool = False) -> int:
    """Open a file of this user's, and make it with mode 0600 where `flags` say so; gives its descriptor.

    Raises:
        OSError: as `os.open`, and as `check_own`.
    """
    try:
        handle = os.open(path, flags | _FLAGS, _MODE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link") from None
        raise
    try:
        check_own(os.fstat(handle), alone=alone)
    except BaseException:
        os.close(handle)
        raise
    return handle
