"""Key files (SPEC §2.4).

A private file is `principal: agent:planner` on its first line, then PKCS#8 PEM, encrypted or not. PEM readers
skip what precedes their first line, so other tools read the same file. A public file is one line (see
`Principal`).

- A file is made with its final mode from the start, and never overwrites another: what a key has signed
  would be lost with it.
- The name in a private file is the word of whoever could write the file, and so is its key.
- Problems with the file itself are `OSError`; problems with what it says are `DelegateError`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike

from delegate.errors import Reason, TokenError

PUBLIC_MODE = 0o644
FILE_BYTES = 16 * 1024  # many times what any key file needs; a wrong path to a large file is not read whole


def read_text(path: str | PathLike[str]) -> str:
    """Read a small ASCII file whole.

    Raises:
        TokenError: MALFORMED, too long or not ASCII.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib would take longer than reading the file
        content = file.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise TokenError(Reason.MALFORMED, f"a key file has at most {FILE_BYTES} bytes")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise TokenError(Reason.MALFORMED, "a key file is ASCII text") from None


def write_new(path: str | PathLike[str], content: bytes, mode: int) -> None:
    """Create a file with this mode and content; leave nothing behind if the content cannot be written.

    Raises:
        FileExistsError: there is a file of that name, or a link, wherever it points.
        OSError: the file cannot be written.
    """
    # The mode is given at creation: between creating and changing a mode, others could open the file.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - as above
        raise
