"""Flat caveats are compiled from their bytes to what the long way compiles them to, or not at all."""

from __future__ import annotations

from functools import partial
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator.compiler import compile_run
from delegate.core.evaluator.flat_list import compile_flat_list
from delegate.core.evaluator.scope import Run
from delegate.core.wire import cbor
from delegate.errors import TokenError

FLAT: list[list[list[Any]]] = [
    [[6, "args", "size", 1000]],
    [[6, "args", "size", 999_999], [12, "resource", ".csv"]],
    [[4, "action", ""], [5, "args", "", 0], [7, "args", "a", 23], [8, "args", "a", 24], [9, "args", "a", 255]],
    [[6, "args", "a", 256], [6, "args", "a", 65_535], [6, "args", "a", 65_536], [6, "args", "a", 2**32 - 1]],
    [[11, "args", "s", "x" * 23], [13, "env", "\u00fc", "\u00fc"], [14, "args", "s", "x+"], [15, "args", "p", "/x/**"]],
    [[17, "args", "ip", "10.0.0.0/8"], [16, "args", "p", "/x"], [4, "holder", "key", "00"], [4, "now", 5]],
]
OTHER: list[list[Any]] = [
    [[10, "action", ["a", "b"]]],
    [[1, [6, "args", "a", 1], [6, "args", "b", 1]]],
    [[6, "args", "a", -1]],
    [[6, "args", "a", 2**32]],
    [[6, "args", "a", 1.5]],
    [[4, "args", "a", True]],
    [[4, "args", "a", None]],
    [[4, "args", "a", b"x"]],
    [[11, "args", "s", "x" * 24]],
    [[6, "args", "a", "b", 1]],
    [[6, "other", "a", 1]],
    [[3, "args", "a", 1]],
    [[24, "args", "a", 1]],
    [[6, "args", 1, 1]],
    [True],
    [],
    [[6, "args", "a", 1]] * 17,
]


def _shape(run: Run, cost: int) -> tuple[Any, ...]:
    """All that the function of a flat operator is made of; `repr` tells `1` from `True`."""
    assert isinstance(run, partial)
    return run.func, repr(run.args), cost


def _long_way(data: bytes) -> list[tuple[Any, ...]] | None:
    try:
        items = cbor.decode(data)
        assert isinstance(items, list)
        return [_shape(*compile_run(item)) for item in items]
    except TokenError:
        return None


def _mutations(data: bytes) -> list[bytes]:
    """Cut, lengthen, drop, double, and change each byte in many ways."""
    changed = [data[:-1], data + b"\0", b""]
    for place, byte in enumerate(data):
        before, after = data[:place], data[place + 1 :]
        changed += [before + after, before + bytes([byte, byte]) + after]
        changed += [
            before + bytes([other % 256]) + after for other in (*range(byte - 4, byte + 5), byte ^ 0x20, byte ^ 0x80)
        ]
        changed += [before + head + bytes([byte]) + after for head in (b"\x18", b"\x19\0", b"\x1a\0\0\0", b"\x78")]
    return changed


@pytest.mark.parametrize("items", FLAT)
def test_flat_caveats_are_taken(items: list[list[Any]]) -> None:
    """With every kind of literal that it reads, and the same closures come out."""
    data = cbor2.dumps(items)
    found = compile_flat_list(data)
    assert found is not None
    assert [_shape(*each) for each in found] == _long_way(data)


@pytest.mark.parametrize("items", OTHER, ids=repr)
def test_anything_else_is_given_up_on(items: list[Any]) -> None:
    """It names no fault: the long way does."""
    assert compile_flat_list(cbor2.dumps(items)) is None


@pytest.mark.parametrize("items", FLAT)
def test_it_takes_nothing_that_the_long_way_refuses(items: list[list[Any]]) -> None:
    """Every small change of each: what it takes, the long way takes, and compiles to the same."""
    for data in _mutations(cbor2.dumps(items)):
        found = compile_flat_list(data)
        if found is not None:
            assert [_shape(*each) for each in found] == _long_way(data), data.hex()


@given(
    st.lists(st.sampled_from([data for items in FLAT for data in map(cbor2.dumps, items)]), max_size=4),
    st.binary(max_size=3),
)
def test_whatever_is_put_together(parts: list[bytes], tail: bytes) -> None:
    """Lists of flat operators in any order, with something behind them or not."""
    data = bytes((0x80 + len(parts),)) + b"".join(parts) + tail
    found = compile_flat_list(data)
    if found is not None:
        assert [_shape(*each) for each in found] == _long_way(data)
    assert (found is None) == (not parts or tail != b"")
