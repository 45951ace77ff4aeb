"""What a witness cosigned last, or a log's key signed, in a file (AUDIT §16.5, §16.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from delegate.audit.tree.checkpoints import Checkpoint
from delegate.audit.tree.notes import Note
from delegate.state.common import pack, unpack
from delegate.state.sqlite_file import Shape, SqliteFile

_TABLES: Final = """
CREATE TABLE identity (id BLOB PRIMARY KEY) WITHOUT ROWID, STRICT;
INSERT INTO identity VALUES (randomblob(16));
CREATE TABLE seen (origin BLOB PRIMARY KEY, note BLOB NOT NULL) STRICT
"""
_WITNESS_FILE: Final = Shape(
    word="witness file",
    application_id=0x646C6777,  # "dlgw"
    version=1,
    schema=(*_TABLES.split(";"), f"PRAGMA application_id = {0x646C6777}", "PRAGMA user_version = 1"),
    identity="SELECT id FROM identity",
)
_FIND: Final = "SELECT note FROM seen WHERE origin = ?"
_KEEP: Final = "INSERT INTO seen VALUES (?, ?) ON CONFLICT (origin) DO UPDATE SET note = excluded.note"


class WitnessFile:
    """A witness's memory in one SQLite file. Safe under threads, processes and `fork`."""

    __slots__ = ("_file",)

    def __init__(self, path: Path | str, *, deadline: float = 5.0) -> None:
        """Open or make the file; raises StateError."""
        self._file = SqliteFile(Path(path), deadline, None, _WITNESS_FILE)

    def note(self, origin: str) -> Note | None:
        """Give the checkpoint that was cosigned last, with the log's and the witness's signatures."""
        row = self._file.read(lambda reader: reader.execute(_FIND, (pack(origin),)).fetchone())
        return None if row is None else Note.parse(unpack(row[0]))

    def latest(self, origin: str) -> Checkpoint | None:
        """Give the checkpoint that was cosigned last; `None`: never."""
        note = self.note(origin)
        return None if note is None else Checkpoint.parse(note.text)

    def advance(self, before: Checkpoint | None, note: Note) -> bool:
        """Remember this checkpoint, durably, if `before` is still what was cosigned last; say whether it was."""
        origin = pack(Checkpoint.parse(note.text).origin)
        with self._file.transaction(durable=True) as writer:
            row = writer.execute(_FIND, (origin,)).fetchone()
            now = None if row is None else Checkpoint.parse(Note.parse(unpack(row[0])).text)
            if now != before:
                return False
            writer.execute(_KEEP, (origin, pack(note.to_text())))
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
