"""A log as static files, which any server can serve and any tool for tlog-tiles can read (AUDIT §16.8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from delegate.audit.tree.checkpoints import Checkpoint
from delegate.audit.tree.merkle import HASH_BYTES, TILE_WIDTH, levels
from delegate.errors import Reason, VerificationError

if TYPE_CHECKING:
    from delegate.audit.log import Log
    from delegate.audit.tree.notes import Note


def export(log: Log, note: Note, folder: Path, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Write the tree of a checkpoint into a folder; give how many files.

    Events whose bodies were dropped have no bundle: they are below the log's minimum index, which stands in
    `minimum-index`.

    Raises:
        VerificationError: BAD_SIGNATURE: the log's tree does not begin with that of the checkpoint.
        OSError: a file cannot be written.
    """
    checkpoint = Checkpoint.parse(note.text)
    tiles = log.tiles()
    if checkpoint.size > tiles.size or tiles.root(checkpoint.size) != checkpoint.root:
        raise VerificationError(Reason.BAD_SIGNATURE, "the log is not the one of its last checkpoint")
    tenant, count = log.tenant or "", 0
    for level, width in levels(checkpoint.size):
        for number, many in _widths(width):
            hashes = log.engine.tile(tenant, level, number)[: many * HASH_BYTES]
            if len(hashes) != many * HASH_BYTES:
                raise VerificationError(Reason.BAD_SIGNATURE, f"tile {number} of level {level} is too short")
            _put(folder / "tile" / str(level) / tile_path(number, many), hashes)
            count += 1
    bundle: list[bytes] = []
    routes: set[bytes] = set()
    kept = log.kept_from
    for logged in log.events(0, checkpoint.size):
        if logged.event.route is not None and logged.event.route.id not in routes:
            routes.add(logged.event.route.id)
            _put(folder / "routes" / logged.event.route.id.hex(), logged.event.route.encoded)
            count += 1
        bundle.append(len(logged.data).to_bytes(2) + logged.data)
        at = logged.number + 1
        if at % TILE_WIDTH == 0 or at == checkpoint.size:
            number = logged.number // TILE_WIDTH
            if number * TILE_WIDTH >= kept:
                _put(folder / "tile" / "entries" / tile_path(number, len(bundle)), b"".join(bundle))
                count += 1
            bundle = []
            if progress is not None:
                progress(at, checkpoint.size)
    if kept:
        _put(folder / "minimum-index", json.dumps(-(-kept // TILE_WIDTH) * TILE_WIDTH).encode())
        count += 1
    _put(folder / "checkpoint", note.to_text().encode())
    return count + 1


def tile_path(number: int, width: int) -> str:
    """Write a tile's number in groups of three digits, and its width where it is not full."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    path = "/".join(reversed(groups))
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _widths(width: int) -> Iterator[tuple[int, int]]:
    for number in range(-(-width // TILE_WIDTH)):
        yield number, min(TILE_WIDTH, width - number * TILE_WIDTH)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
