"""Merkle trees over a list of entries, and what proves something about them (RFC 9162 §2.1).

The rules of this file:

- A tree is read through its tiles, as tlog-tiles has them: 256 hashes of 32 bytes, entry `i` of level `l` standing for
  the `256^l` leaves from `i × 256^l` on. What is proven from tiles is as good as the tiles: who proves checks the root.
- A proof is exactly as long as it must be. One hash more or less refuses, whatever it hashes to.
- Nothing is in a tree of no entries: no proof of inclusion holds there, and none of consistency begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from delegate.errors import Reason, VerificationError

HASH_BYTES: Final = 32
TILE_WIDTH: Final = 256
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
SIZE_MAX: Final = 2**63 - 1
PROOF_HASHES: Final = 63
_TILE_BITS: Final = 8
EMPTY_ROOT: Final = sha256(b"").digest()

# Gives the hashes of tile `n` of level `l`, as many as there are.
ReadTile: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry, so that no leaf can pass for a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into the one above them."""
    return sha256(b"\x01" + left + right).digest()


def joined(hashes: bytes) -> bytes:
    """Hash a full subtree: a power of two of hashes, one behind the other."""
    row = hashes
    while len(row) > HASH_BYTES:
        row = b"".join(
            [sha256(b"\x01" + row[at : at + 2 * HASH_BYTES]).digest() for at in range(0, len(row), 2 * HASH_BYTES)]
        )
    return row


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Give the root of a tree of these leaf hashes, without keeping them: for whoever has all of them."""
    growing = Growing()
    for each in leaves:
        growing.add(each)
    return growing.root()


class Growing:
    """A tree of which only the right edge is kept: enough to add leaves and to say the root."""

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        """Begin with no leaf."""
        self.size = 0
        self._edge: list[bytes] = []  # the roots of the full subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        edge, size = self._edge, self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\x01" + edge.pop() + leaf).digest()
            size >>= 1
        edge.append(leaf)

    def add_full(self, count_log2: int, root: bytes) -> None:
        """Add a full subtree of `2^count_log2` leaves; the size so far is a multiple of that.

        Raises:
            ValueError: it is not.
        """
        size = self.size >> count_log2
        if size << count_log2 != self.size:
            message = "a subtree begins at a multiple of its size"
            raise ValueError(message)
        self.size += 1 << count_log2
        while size & 1:
            root = node_hash(self._edge.pop(), root)
            size >>= 1
        self._edge.append(root)

    def root(self) -> bytes:
        """Give the root."""
        if not self._edge:
            return EMPTY_ROOT
        found = self._edge[-1]
        for each in reversed(self._edge[:-1]):
            found = node_hash(each, found)
        return found


def levels(size: int) -> Iterator[tuple[int, int]]:
    """Give each level of tiles of a tree, and how many hashes stand in it."""
    level = 0
    while size > 0:
        yield level, size
        size >>= _TILE_BITS
        level += 1


class Tiles:
    """A tree of `size` leaves, read through its tiles.

    Raises:
        VerificationError: BAD_SIGNATURE, from any method: a tile is shorter than the tree says.
    """

    __slots__ = ("_read", "size")

    def __init__(self, size: int, read: ReadTile) -> None:
        """`read` may give more hashes than a tree of this size has: a later one has the same, and more."""
        self.size = size
        self._read = read

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the first `size` leaves."""
        return self._range(0, self.size if size is None else size)

    def leaf(self, index: int) -> bytes:
        """Give the hash of one leaf."""
        return self._full(0, index)

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Prove that leaf `index` is in the tree of `size` leaves (RFC 9162 §2.1.3.1).

        Raises:
            ValueError: there is no such leaf in it.
        """
        end = self.size if size is None else size
        if not 0 <= index < end <= self.size:
            message = f"no entry {index} in a tree of {end}"
            raise ValueError(message)
        found: list[bytes] = []
        start = 0
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                found.append(self._range(middle, end))
                end = middle
            else:
                found.append(self._range(start, middle))
                start = middle
        return tuple(reversed(found))

    def consistency(self, first: int, second: int | None = None) -> tuple[bytes, ...]:
        """Prove that the tree of `second` leaves begins with that of `first` (RFC 9162 §2.1.4.1).

        From nothing to anything, and from a tree to itself, there is nothing to prove: the proof is empty.

        Raises:
            ValueError: the first is larger than the second, or that than this tree.
        """
        end = self.size if second is None else second
        if not 0 <= first <= end <= self.size:
            message = f"no tree of {first} in one of {end}"
            raise ValueError(message)
        if first in {0, end}:
            return ()
        found: list[bytes] = []
        start, is_whole = 0, True
        while first != end:
            middle = start + _split(end - start)
            if first <= middle:
                found.append(self._range(middle, end))
                end = middle
            else:
                found.append(self._range(start, middle))
                start, is_whole = middle, False
        if not is_whole:
            found.append(self._range(start, end))
        return tuple(reversed(found))

    def _range(self, start: int, end: int) -> bytes:
        """Hash the leaves from `start` to `end`; `start` is a multiple of the largest power of two that fits."""
        if start == end:
            return EMPTY_ROOT
        count = end - start
        if count & (count - 1) == 0:
            return self._full(count.bit_length() - 1, start)
        middle = start + _split(count)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _full(self, count_log2: int, start: int) -> bytes:
        level, rest = divmod(count_log2, _TILE_BITS)
        place = start >> (level * _TILE_BITS)
        number, at = divmod(place, TILE_WIDTH)
        count = 1 << rest
        tile = self._read(level, number)
        hashes = tile[at * HASH_BYTES : (at + count) * HASH_BYTES]
        if len(hashes) != count * HASH_BYTES:
            raise VerificationError(Reason.BAD_SIGNATURE, f"tile {number} of level {level} is too short")
        return joined(hashes)


def grow(size: int, edges: Sequence[bytes], leaves: bytes) -> dict[tuple[int, int], bytes]:
    """Say which tiles change when leaves are added to a tree.

    Args:
        size: of the tree before.
        edges: its last tile of each level that is not full, from level 0; empty where it is.
        leaves: the hashes of the new leaves, one behind the other.

    Returns:
        (level, number) → the tile as it is now.
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, width, added = 0, size, leaves
    while added:
        number, held = divmod(width, TILE_WIDTH)
        tile = (edges[level] if held else b"") + added
        full = len(tile) // TILE_BYTES
        above = []
        for place in range(full):
            part = tile[place * TILE_BYTES : (place + 1) * TILE_BYTES]
            changed[level, number + place] = part
            above.append(joined(part))
        rest = tile[full * TILE_BYTES :]
        if rest:
            changed[level, number + full] = rest
        added = b"".join(above)
        level += 1
        width >>= _TILE_BITS
    return changed


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands at `index` in the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).

    Args:
        leaf: the leaf's hash.
        index: where it stands, from 0.
        size: how many leaves the tree has.
        proof: hashes of 32 bytes, from the leaf up.
        root: of the tree.

    Raises:
        VerificationError: BAD_SIGNATURE; it does not, or the proof is longer or shorter than it must be.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise _unproven(f"no entry {index} in a tree of {size}")
    _check_hashes((leaf, root, *proof))
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise _unproven("a proof longer than it must be")
        if place & 1 or place == last:
            found = node_hash(each, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, each)
        place >>= 1
        last >>= 1
    if last:
        raise _unproven("a proof shorter than it must be")
    if found != root:
        raise _unproven("the proof leads to another root")


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that one tree begins with another (RFC 9162 §2.1.4.2).

    Raises:
        VerificationError: BAD_SIGNATURE; it does not, it begins with nothing, or the proof has not the right length.
    """
    if not 0 < first <= second <= SIZE_MAX:
        raise _unproven(f"nothing can be proven from a tree of {first} to one of {second}")
    if first == second:
        if proof or first_root != second_root:
            raise _unproven("two trees of one size differ, or a proof where there is nothing to prove")
        return
    _check_hashes((first_root, second_root, *proof))
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        raise _unproven("a proof shorter than it must be")
    place, last = first - 1, second - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old = new = path[0]
    for each in path[1:]:
        if last == 0:
            raise _unproven("a proof longer than it must be")
        if place & 1 or place == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new = node_hash(new, each)
        place >>= 1
        last >>= 1
    if last:
        raise _unproven("a proof shorter than it must be")
    if old != first_root or new != second_root:
        raise _unproven("the second tree does not begin with the first")


def _split(count: int) -> int:
    """Give the largest power of two that is less than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise _unproven("a hash is not 32 bytes")


def _unproven(detail: str) -> VerificationError:
    return VerificationError(Reason.BAD_SIGNATURE, detail)
