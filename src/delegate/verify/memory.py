"""What a verifier remembers of chains that held: the verified prefixes (SPEC §5.9).

The rules of this file:

- Only success is remembered, and only what depends on bytes and roots alone: signatures, claims, how blocks
  follow each other. The clock, the place, the proof, caveats and policy are asked anew every time, so a verdict
  never depends on what is in here.
- A block is found by all its bytes, signature included, and counts only below the very block that it was verified
  under.
- It belongs to one generation of roots and goes with it.
- Bounded; the least recently used goes first. Safe under threads: each step is one operation of a dict, and a
  race costs at most a second verification.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """A bounded map from bytes or text to what they verified as; the least recently used goes first."""

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        """`size` entries are kept; 0 keeps none."""
        self._size = size
        self._entries: OrderedDict[bytes | str, T] = OrderedDict()

    def get(self, key: bytes | str) -> T | None:
        """Look up, and count as a use."""
        found = self._entries.get(key)
        if found is not None:
            try:  # noqa: SIM105 - contextlib.suppress takes 0.25 µs, once a block
                self._entries.move_to_end(key)
            except KeyError:  # another thread has just put it out
                pass
        return found

    def put(self, key: bytes | str, value: T) -> None:
        """Keep, and put out whatever is too much."""
        if self._size:
            entries = self._entries
            entries[key] = value
            while len(entries) > self._size:
                try:
                    entries.popitem(last=False)
                except KeyError:  # another thread has emptied it
                    break

    def __len__(self) -> int:
        return len(self._entries)
