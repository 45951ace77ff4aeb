"""What a verifier remembers of chains that held (SPEC §5.9): `Generation`, and the bounded map that it is made of.

The rules of this file:

- Only success is remembered, and only what depends on bytes and roots alone: signatures, claims, how blocks
  follow each other. The clock, the service, the proof, caveats and policy are checked anew every time, so a verdict
  never depends on what is in here.
- A block is found by all its bytes, signature included, and counts only below the very block that it was verified
  under.
- It belongs to one generation of roots and goes with it.
- Bounded by entries and by bytes: what a block comes to takes up to some 270 times its bytes, and its holder chooses
  them. What is too long is not kept, nor what stands below it, which would hold it.
- The least recently used goes first. A look-up takes no lock: each step is one operation of a dict, and a race costs
  at most a second verification. Keeping takes one, for the sum of the bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final, Generic, NamedTuple, TypeVar

from delegate.core.decide.verified import Anchor, VerifiedChain

T = TypeVar("T")

# What an entry is reckoned at, in bytes of its key, and the longest key that is kept. A usual block has 160 to 280; the
# text of a usual chain has up to 1500 characters, and keeps nothing alive but itself.
ENTRY_BYTES: Final = 256
TEXT_BYTES: Final = 1536
KEY_BYTES: Final = 4096


class Recent(Generic[T]):
    """A bounded map from bytes or text to what they verified as; the least recently used goes first."""

    __slots__ = ("_entries", "_left", "_lock", "_size")

    def __init__(self, size: int, entry_bytes: int = ENTRY_BYTES) -> None:
        """`size` entries are kept, with keys of `entry_bytes` each on average; 0 keeps none."""
        self._size = size
        self._left = size * entry_bytes
        self._lock = Lock()
        self._entries: OrderedDict[bytes | str, T] = OrderedDict()

    def get(self, key: bytes | str) -> T | None:
        """Look up, and count as a use."""
        found = self._entries.get(key)
        if found is not None:
            try:  # noqa: SIM105 - contextlib.suppress takes 0.25 µs, once a block
                self._entries.move_to_end(key)
            except KeyError:  # another thread has just evicted it
                pass
        return found

    def put(self, key: bytes | str, value: T) -> bool:
        """Keep it, evict whatever is too much, and say whether it was kept."""
        size = len(key)
        if size > KEY_BYTES or not self._size:
            return False
        entries = self._entries
        with self._lock:
            if key not in entries:
                self._left -= size
            entries[key] = value
            entries.move_to_end(key)
            while self._left < 0 or len(entries) > self._size:
                self._left += len(entries.popitem(last=False)[0])
        return key in entries

    def __len__(self) -> int:
        return len(self._entries)


class RememberedText(NamedTuple):
    """A chain that is remembered by its text. It is not kept alive by it: it is found by its last block.

    Attributes:
        last, id: the last block as it travels, and its id.
        rest: the last 0 to 2 bytes of the blocks, which share a quantum with the proof.
    """

    last: bytes
    id: bytes
    rest: bytes


class Sought(NamedTuple):
    """What is to be looked up of a chain: block ids and thumbprints, and of whom a record about them could count."""

    subjects: tuple[bytes, ...]
    signers: tuple[bytes, ...]


class Generation(NamedTuple):
    """One set of roots, and what held under it. A call of the verifier sees one generation from beginning to end."""

    by_thumbprint: dict[bytes, Anchor]
    blocks: Recent[VerifiedChain]
    sought: Recent[Sought]  # by the id of the last block
    texts: Recent[RememberedText]  # by the text of a bearer token, or the head of a presentation's


def generation(anchors: Iterable[Anchor], cache_size: int) -> Generation:
    """Put anchors in order.

    Raises:
        ValueError: one key twice.
    """
    found: dict[bytes, Anchor] = {}
    for anchor in anchors:
        thumbprint = anchor.principal.public_key.thumbprint
        if thumbprint in found:
            message = f"the key of {anchor.principal.name} is a root twice"
            raise ValueError(message)
        found[thumbprint] = anchor
    return Generation(found, Recent(cache_size), Recent(cache_size), Recent(cache_size, TEXT_BYTES))
