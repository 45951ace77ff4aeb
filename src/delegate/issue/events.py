"""A file of what was issued and refused, a JSON object a line: an audit sink that needs nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

from delegate.issue.issuer import Issuance
from delegate.state.own_file import add_line, open_own


class EventFile:
    """Appends each event to a file, whole and flushed, before anything is handed out. Safe under threads and processes.

    Raises, when it is called:
        OSError: the file cannot be written, or others may write it.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is made with mode 0600."""
        self._path = Path(path)

    def __call__(self, event: Issuance) -> None:
        """Append one event."""
        line = json.dumps(event.to_json(), separators=(",", ":")).encode() + b"\n"
        handle = open_own(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            add_line(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
