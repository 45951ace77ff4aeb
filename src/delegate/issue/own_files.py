"""Files that this room writes by one program at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from delegate.issue.refusals import IssuerUnavailable
from delegate.state.own_file import open_own

_LOCK_S: Final = 10.0
_AGAIN_S: Final = 0.02


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock: a file of its own beside it, which its owner alone can open.

    Raises:
        IssuerUnavailable: somebody else holds it for longer than ten seconds. OSError: it cannot be opened.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows has no such lock; there a file is still whole
        yield
        return
    handle = open_own(path.with_name(f".{path.name[:200]}.lock"), os.O_RDWR | os.O_CREAT, alone=True)
    try:
        end = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise IssuerUnavailable(f"{path.name} is held by another program") from None
                time.sleep(_AGAIN_S)
        yield
    finally:
        os.close(handle)
