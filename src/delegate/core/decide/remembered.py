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
- What was being kept at the moment of a `fork` is half kept in the child, and the lock may be held by a thread that the
  child does not have: it begins with a free lock, and with nothing kept.
"""

from __future__ import annotations

import os
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


class Process:
    """Which process this is: the child of a `fork` is another one, whatever their numbers are."""

    __slots__ = ("making",)

    def __init__(self) -> None:
        self.making = Lock()


_this = Process()


def this_process() -> Process:
    """Give the same object for as long as no `fork` made another process of this one."""
    return _this


def _forked() -> None:
    global _this  # noqa: PLW0603 - a fact of the process, which changes here alone
    _this = Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class ProcessLock:
    """A lock of one process: the child of a `fork` finds it free, whoever held it."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        """Begin with a free one."""
        self._held = (_this, Lock())

    def mine(self) -> Lock:
        """Give this process's lock; one `with` takes and releases the same."""
        process, lock = self._held
        if process is not _this:
            with _this.making:  # of the child's own threads, one makes it
                if self._held[0] is not _this:
                    self._held = (_this, Lock())
                lock = self._held[1]
        return lock


class Recent(Generic[T]):
    """A bounded map from bytes or text to what they verified as; the least recently used goes first."""

    __slots__ = ("_entries", "_left", "_lock", "_of", "_size", "_total")

    def __init__(self, size: int, entry_bytes: int = ENTRY_BYTES) -> None:
        """`size` entries are kept, with keys of `entry_bytes` each on average; 0 keeps none."""
        self._size = size
        self._total = self._left = size * entry_bytes
        self._lock = ProcessLock()
        self._of = _this
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
        with self._lock.mine():
            if self._of is not _this:
                self._of, self._left, self._entries = _this, self._total, OrderedDict()
            entries = self._entries
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
