"""The journal: what was handed out from here, so that a person can name it later and take it back.

The rules of this file:

- Never a token, never a secret: ids, names, times, and what was permitted, as text.
- One line, one JSON object, one appending write: two commands at once do not tear each other's lines.
- A line that is torn or somebody else's is skipped and counted; no line is an error.
- A journal that cannot be written is a warning: what was asked for is the token.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import platformdirs

from delegate.chain.blocks import BEARER
from delegate.chain.hop import hops_of
from delegate.chain.records import Record
from delegate.chain.request import parse_json
from delegate.chain.text import shown
from delegate.chain.token import ChainEnvelope
from delegate.cli.output import Output, file_failure
from delegate.errors import DelegateError
from delegate.limits import BLOCKS, TIME_MAX
from delegate.wire import cose

DATA_VARIABLE: Final = "DELEGATE_DATA"
_FILE: Final = "journal.jsonl"
_VERSION: Final = 1
_LINE_BYTES: Final = 1 << 19  # no token comes to as much text
_ID_BYTES: Final = 32
_TEXTS: Final = ("by", "to", "why")
_LISTS: Final = ("may", "if")
_TIMES: Final = ("until", "made")

journal_option = click.option(
    "--journal/--no-journal", default=True, help="Note what is handed out, never the token, for delegate list."
)


class Place(NamedTuple):
    """One block of a chain, and whose signature it has.

    Attributes:
        block_id: 32 bytes.
        signer: thumbprint of the key that signed it, as the chain claims.
    """

    block_id: bytes
    signer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One block that was handed out.

    Attributes:
        places: every block down to this one.
        by, to: names of its signer and its holder; a bearer block's holder is `bearer:`.
        key: thumbprint of the holder's key.
        may, conditions: what it permits and what must hold, as text; empty where it says nothing.
        until: when the chain is over at this block, Unix seconds.
        why: the purpose.
        made: when it was signed.
    """

    places: tuple[Place, ...]
    by: str
    to: str
    key: bytes
    may: tuple[str, ...]
    conditions: tuple[str, ...]
    until: int
    why: str
    made: int

    @property
    def block_id(self) -> bytes:
        """The block's id."""
        return self.places[-1].block_id

    @property
    def hop(self) -> int:
        """Which block of its chain it is."""
        return len(self.places) - 1

    def to_json(self) -> dict[str, object]:
        """Give the entry as its line has it."""
        return {
            "journal": _VERSION,
            "id": self.block_id.hex(),
            "hop": self.hop,
            "by": self.by,
            "signer": self.places[-1].signer.hex(),
            "to": self.to,
            "key": self.key.hex(),
            "may": list(self.may),
            "if": list(self.conditions),
            "until": self.until,
            "why": self.why,
            "made": self.made,
            "above": [[place.block_id.hex(), place.signer.hex()] for place in self.places[:-1]],
        }


def journal_path() -> Path:
    """Say where the journal is: `DELEGATE_DATA`, else the user's data folder."""
    folder = os.environ.get(DATA_VARIABLE)
    return (Path(folder) if folder else platformdirs.user_data_path("delegate", appauthor=False)) / _FILE


def places_of(token: ChainEnvelope) -> tuple[Place, ...]:
    """List the blocks of a chain with who signed each, as the chain claims."""
    links = token.link.up()
    signers = [cose.open_signed(token.blocks[0]).kid, *(link.block.key.thumbprint for link in links)]
    return tuple(Place(link.id, signer) for link, signer in zip(links, signers, strict=False))


def has_say(signer: bytes, places: Iterable[Place]) -> bool:
    """Say whether a key has a say over the last of these blocks: it signed that block or one above it."""
    return any(place.signer == signer for place in places)


def handing_on(signer: str, holder: str) -> str:
    """Name who handed to whom."""
    if signer == holder != BEARER:
        return f"{shown(holder)}, narrowing its own"
    return " → ".join("whoever has it" if name == BEARER else shown(name) for name in (signer, holder))


def entry_of(token: ChainEnvelope) -> Entry:
    """Note the last block of a chain that was made here."""
    link = token.link
    hop = hops_of(link)[-1]
    return Entry(
        places=places_of(token),
        by=hop.signer,
        to=hop.holder,
        key=hop.key.thumbprint,
        may=hop.capabilities,
        conditions=hop.caveats,
        until=link.expires,
        why=hop.why,
        made=hop.issued,
    )


def is_revoked(entry: Entry, records: Iterable[Record]) -> bool:
    """Say whether a record that has a say over it takes a block back; what a verifier's revokers say is not known."""
    keys = {place.signer for place in entry.places}
    for record in records:
        if record.is_key:
            if record.subject == record.signer and (
                record.subject == entry.key or (record.subject in keys and record.since <= entry.made)
            ):
                return True
        else:
            for number, place in enumerate(entry.places, start=1):
                if place.block_id == record.subject and has_say(record.signer, entry.places[:number]):
                    return True
    return False


def note(out: Output, token: ChainEnvelope) -> None:
    """Append what was handed out; warn where that cannot be."""
    path = journal_path()
    line = json.dumps(entry_of(token).to_json(), ensure_ascii=True, separators=(",", ":"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append(path, line.encode() + b"\n")
    except OSError as error:
        out.warn(f"not in the journal: {shown(str(path))}: {(error.strerror or 'failed').lower()}")


def _append(path: Path, line: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        # Behind a torn line, begin a new one: else this one would be lost with it.
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read() -> tuple[list[Entry], int]:
    """Read the journal: its entries, oldest first, and how many lines were skipped.

    Raises:
        Failure: it is there and cannot be read.
    """
    path = journal_path()
    entries: dict[bytes, Entry] = {}
    skipped = 0
    try:
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(_LINE_BYTES), b""):
                entry = _entry(line)
                if entry is not None:
                    entries[entry.block_id] = entry
                elif line.strip():
                    skipped += 1
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise file_failure(path, error) from None
    return list(entries.values()), skipped


def _entry(line: bytes) -> Entry | None:
    """Read one line; `None` for whatever is not one of ours."""
    try:
        said = parse_json(line)
        if _checked(said["journal"], int) != _VERSION:
            return None
        above = [Place(_id(block_id), _id(signer)) for block_id, signer in said["above"]]
        by, to, why = (_checked(said[name], str) for name in _TEXTS)
        may, conditions = (tuple(_checked(each, str) for each in said[name]) for name in _LISTS)
        until, made = (_checked(said[name], int) for name in _TIMES)
        entry = Entry(
            places=(*above, Place(_id(said["id"]), _id(said["signer"]))),
            by=by,
            to=to,
            key=_id(said["key"]),
            may=may,
            conditions=conditions,
            until=until,
            why=why,
            made=made,
        )
    except (DelegateError, KeyError, TypeError, ValueError):
        return None
    fits = len(entry.places) <= BLOCKS and 0 <= until <= TIME_MAX and 0 <= made <= TIME_MAX
    return entry if fits else None


def _checked(value: Any, kind: Callable[..., Any]) -> Any:  # noqa: ANN401 - JSON is any of its types
    if type(value) is not kind:
        raise TypeError
    return value


def _id(value: Any) -> bytes:  # noqa: ANN401 - JSON is any of its types
    data = bytes.fromhex(value)
    if len(data) != _ID_BYTES:
        raise ValueError
    return data
