"""Reading claims by their known bytes says what decoding them says, or gives up."""

from __future__ import annotations

import pytest

from delegate import DelegateError
from delegate.chain import blocks, known
from delegate.chain.blocks import Block
from delegate.wire import cose
from tests import vectors


def _payloads() -> list[tuple[bytes, bool]]:
    """Every distinct payload of the accepted vectors' blocks, and whether it is block 0's."""
    found: dict[tuple[bytes, bool], None] = {}
    for vector in vectors.accepted():
        for index, block in enumerate(vectors.blocks(vector)):
            found[cose.open_signed(block).payload, index == 0] = None
    return list(found)


def _outcome(payload: bytes, *, first: bool) -> Block | str:
    try:
        return blocks.decode(payload, first=first)
    except DelegateError as error:
        return str(error.reason)


def _mutations(payload: bytes) -> list[bytes]:
    """Cut, lengthen, drop, double, and change each byte in four ways."""
    changed = [payload[:-1], payload + b"\0", b""]
    for place, byte in enumerate(payload):
        before, after = payload[:place], payload[place + 1 :]
        changed += [before + after, before + bytes([byte, byte]) + after]
        for other in (byte + 1, byte - 1, byte ^ 0x20, byte ^ 0x80):
            changed.append(before + bytes([other % 256]) + after)
    return changed


def test_every_accepted_block_below_the_first_is_read_by_its_known_bytes() -> None:
    """The quick ways are not idle: they read what is common, and all that they read is what decoding reads."""
    quick = [payload for payload, first in _payloads() if not first and known.read_narrowing(payload) is not None]
    assert len(quick) > len([1 for _, first in _payloads() if not first]) // 2


def test_the_quick_ways_never_read_what_decoding_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each payload, and each of its small changes: the same block, or the same reason, with and without them."""
    cases = [(each, first) for payload, first in _payloads()[:24] for each in (payload, *_mutations(payload))]
    swift = [_outcome(payload, first=first) for payload, first in cases]
    monkeypatch.setattr(known, "read", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(known, "read_narrowing", lambda *_args: None)
    slow = [_outcome(payload, first=first) for payload, first in cases]
    for (payload, first), one, other in zip(cases, swift, slow, strict=True):
        assert one == other, (payload.hex(), first)
