"""Trees and proofs: against a plain definition, another library, and published test data."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle.hasher import MerkleHasher

from delegate.audit.tree import merkle
from delegate.audit.tree.merkle import (
    EMPTY_ROOT,
    Growing,
    Tiles,
    check_consistency,
    check_inclusion,
    grow,
    leaf_hash,
    levels,
    root_of,
)
from delegate.errors import Reason, VerificationError

PUBLISHED = Path(__file__).parent / "published"
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(1200)]


def plain_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 9162, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


def tiles_of(count: int, steps: list[int]) -> Tiles:
    """Grow a tree in these steps, over and over."""
    kept: dict[tuple[int, int], bytes] = {}
    size = turn = 0
    while size < count:
        step = min(steps[turn % len(steps)], count - size)
        edges = [kept.get((level, width // 256), b"") for level, width in levels(size)]
        kept.update(grow(size, edges, b"".join(LEAVES[size : size + step])))
        size += step
        turn += 1
    return Tiles(count, lambda level, number: kept.get((level, number), b""))


TREE = tiles_of(1200, [1, 7, 300, 255, 1])


@given(st.integers(0, 700), st.lists(st.sampled_from([1, 2, 3, 255, 256, 257, 600]), min_size=1, max_size=4))
def test_a_tree_is_the_same_however_it_grew(count: int, steps: list[int]) -> None:
    """In one step or in many, of whatever sizes; and it is the tree of the definition."""
    tree = tiles_of(count, steps)
    assert tree.root() == root_of(LEAVES[:count]) == plain_root(LEAVES[:count])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 511, 513, 1024, 1200])
def test_every_proof_of_inclusion_holds_and_no_changed_one_does(size: int) -> None:
    """For every leaf of small trees, and for the edges of large ones."""
    root = TREE.root(size)
    for index in range(size) if size < 300 else (0, 1, 255, 256, size // 2, size - 2, size - 1):
        hashes = TREE.inclusion(index, size)
        check_inclusion(LEAVES[index], index, size, hashes, root)
        for wrong in (
            (LEAVES[index - 1], index, size, hashes, root),
            (LEAVES[index], index + 1, size, hashes, root),
            (LEAVES[index], index, size, (*hashes, root), root),
            (LEAVES[index], index, size, hashes, EMPTY_ROOT),
        ):
            with pytest.raises(VerificationError):
                check_inclusion(*wrong)
        if hashes:
            with pytest.raises(VerificationError):
                check_inclusion(LEAVES[index], index, size, hashes[:-1], root)


def test_every_proof_of_consistency_holds_and_no_changed_one_does() -> None:
    """Between all trees of up to 40 leaves, and larger ones around the width of a tile."""
    sizes = [*range(1, 41), 255, 256, 257, 512, 1000, 1200]
    for first in sizes:
        for second in (size for size in sizes if size >= first):
            hashes = TREE.consistency(first, second)
            old, new = TREE.root(first), TREE.root(second)
            check_consistency(first, old, second, new, hashes)
            if first < second:
                for wrong in (
                    (first, new, second, new, hashes),
                    (first, old, second, old, hashes),
                    (first, old, second, new, hashes[1:]),
                    (first, old, second, new, (*hashes, old)),
                ):
                    with pytest.raises(VerificationError):
                        check_consistency(*wrong)


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_the_published_data(kind: str) -> None:
    """Each case of the transparency project comes out as it says."""
    cases: dict[str, dict[str, Any]] = json.loads((PUBLISHED / f"{kind}.json").read_text())
    assert len(cases) == {"inclusion": 98, "consistency": 98}[kind]
    wrong = []
    for name, case in cases.items():
        hashes = [b64decode(each) for each in case["proof"] or ()]
        try:
            if kind == "inclusion":
                leaf, root = b64decode(case["leafHash"] or ""), b64decode(case["root"] or "")
                check_inclusion(leaf, case["leafIdx"], case["treeSize"], hashes, root)
            else:
                roots = [b64decode(case[each] or "") for each in ("root1", "root2")]
                check_consistency(case["size1"], roots[0], case["size2"], roots[1], hashes)
        except VerificationError:
            if not case["wantErr"]:
                wrong.append(name)
        else:
            if case["wantErr"]:
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 100])
def test_another_library_has_the_same_trees(size: int) -> None:
    """The roots and the paths of pymerkle, which was written apart from ours."""
    other = InmemoryTree(algorithm="sha256")
    entries = [b"entry %d" % number for number in range(size)]
    for entry in entries:
        other.append_entry(entry)
    assert MerkleHasher("sha256", security=True).hash_buff(entries[0]) == LEAVES[0]
    assert other.get_root() == TREE.root(size)
    for index in range(size):
        theirs = other.prove_inclusion(index + 1, size)
        assert sorted({*theirs.path} - {LEAVES[index]}) == sorted(TREE.inclusion(index, size))
    for first in range(1, size):
        check_consistency(first, other.get_root(first), size, other.get_root(), TREE.consistency(first, size))


def test_nothing_is_in_a_tree_of_none() -> None:
    """Size 0 is refused on either side, as everywhere."""
    assert root_of([]) == EMPTY_ROOT == Growing().root()
    with pytest.raises(VerificationError):
        check_inclusion(EMPTY_ROOT, 0, 0, (), EMPTY_ROOT)
    with pytest.raises(VerificationError):
        check_consistency(0, EMPTY_ROOT, 1, LEAVES[0], ())


def test_a_tile_that_is_cut_short_proves_nothing() -> None:
    """A tree whose tiles do not reach as far as it says."""
    short = Tiles(10, lambda level, number: b"".join(LEAVES[:9]) if (level, number) == (0, 0) else b"")
    with pytest.raises(VerificationError) as refusal:
        short.root()
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_full_subtrees_can_be_added_whole() -> None:
    """Where they begin at a multiple of their size, and nowhere else."""
    growing = Growing()
    growing.add_full(8, TREE.root(256))
    growing.add(LEAVES[256])
    assert growing.root() == TREE.root(257)
    with pytest.raises(ValueError, match="multiple of its size"):
        growing.add_full(1, LEAVES[0])


def test_what_there_is_not_cannot_be_proven() -> None:
    """An entry or a tree beyond the end is the caller's mistake."""
    for prove, first, second in ((TREE.inclusion, 5, 5), (TREE.consistency, 6, 5), (TREE.inclusion, 0, 1201)):
        with pytest.raises(ValueError, match="no "):
            prove(first, second)
    assert TREE.consistency(0, 5) == TREE.consistency(5, 5) == ()
    assert merkle.PROOF_HASHES == 63
