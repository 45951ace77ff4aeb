"""`Journal`: the file in which what was handed out is noted.

The rules of this file:

- One line, one JSON object, one appending write: two programs at once do not tear each other's lines.
- It is its owner's alone: no link is followed, and what others may write is neither read nor extended.
- What is wrong with the file is an `OSError`; what is wrong with a line is skipped and counted.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from delegate.authoring.token import ChainEnvelope
from delegate.core.chain.revocations import Record
from delegate.journal.entries import Contents, Entry, Revoked, entry_in, entry_of
from delegate.state.own_file import open_own
from delegate.views.layout import escaped

DATA_VARIABLE: Final = "DELEGATE_DATA"
_FILE: Final = "journal.jsonl"
_LINE_BYTES: Final = 1 << 19  # no token comes to as much text


class Journal:
    """A file that says what was handed out from here, by the ids of blocks: never the tokens.

    Given to an `Identity`, it notes what that identity mints, hands on, narrows and takes back. `delegate list` shows
    it, and `delegate revoke` finds in it what a person names.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        """Name the file; it is made when something is first noted, for its owner alone.

        Args:
            path: `None`: the journal of the `delegate` command, in the folder `DELEGATE_DATA` or in the user's data
                folder.
        """
        self._path = None if path is None else Path(path)

    @property
    def path(self) -> Path:
        """Where it is.

        Raises:
            FileNotFoundError: nobody said where, and this user has no home folder.
        """
        return default_path() if self._path is None else self._path

    def note(self, token: ChainEnvelope) -> None:
        """Note the last block of a chain that was made here.

        Raises:
            OSError: the file cannot be written, or others may write it.
        """
        self._append(entry_of(token).to_json())

    def note_revoked(self, records: Iterable[Record], file: str, at: int) -> None:
        """Note what was taken back, a line each.

        Args:
            records: as the list has them.
            file: the name of the list; empty where it has none.
            at: when, Unix seconds.

        Raises:
            OSError: as `note`.
        """
        for record in records:
            self._append(Revoked(record=record, file=escaped(file), made=at).to_json())

    def read(self) -> Contents:
        """Read it; a file that is not there holds nothing.

        Raises:
            OSError: it is there and cannot be read, or is not its owner's alone to write.
        """
        entries: dict[bytes, Entry] = {}
        revoked: list[Revoked] = []
        skipped = 0
        try:
            with os.fdopen(open_own(self.path, os.O_RDONLY), "rb") as file:
                for line in iter(lambda: file.readline(_LINE_BYTES), b""):
                    found = entry_in(line)
                    if isinstance(found, Entry):
                        earlier = entries.get(found.block_id)
                        if earlier is None or earlier.until < found.until:  # a line of less must not end it early
                            entries[found.block_id] = found
                    elif found is not None:
                        revoked.append(found)
                    elif line.strip():
                        skipped += 1
        except FileNotFoundError:
            return Contents([], [], 0)
        return Contents(list(entries.values()), revoked, skipped)

    def _append(self, said: Mapping[str, object]) -> None:
        path = self.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        append_line(path, json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode() + b"\n")

    def __repr__(self) -> str:
        return "Journal()" if self._path is None else f"Journal({str(self._path)!r})"


def default_path() -> Path:
    """Say where the command's journal is: in the folder `DELEGATE_DATA`, else in the user's data folder.

    Raises:
        FileNotFoundError: this user has no home folder.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        return Path(folder) / _FILE
    import platformdirs

    try:
        path = platformdirs.user_data_path("delegate", appauthor=False)
    except RuntimeError:  # no HOME, and no user of this number
        path = Path("~")
    if not path.is_absolute():  # some releases leave the "~" as it is
        message = f"this user has no home folder; {DATA_VARIABLE} names another"
        raise FileNotFoundError(errno.ENOENT, message)
    return path / _FILE


def append_line(path: Path, line: bytes) -> None:
    """Append one line in one write; raises OSError."""
    handle = open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        # Behind a torn line, begin a new one: else this one would be lost with it.
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
