"""Reading claims by their known bytes says what decoding them says, or gives up."""

from __future__ import annotations

import cbor2
import pytest

from delegate import DelegateError
from delegate.core.chain import claim_rows as known
from delegate.core.chain import claims as blocks
from delegate.core.chain.claims import Block
from delegate.core.wire import cose
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


def test_most_accepted_blocks_are_read_by_their_known_bytes() -> None:
    """The quick way is not idle: it reads what is common, block 0 and others."""
    for which in (True, False):
        found = [known.read_row(payload) is not None for payload, first in _payloads() if first is which]
        assert sum(found) > len(found) // 2


def test_the_quick_way_never_reads_what_decoding_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payloads of every shape, and each of their small changes: the same block or reason, with and without it."""
    shapes: dict[tuple[bool, tuple[object, ...]], bytes] = {}
    for payload, first in _payloads():
        shapes.setdefault((first, tuple(cbor2.loads(payload))), payload)
    assert len(shapes) >= 12
    cases = [(each, first) for (first, _), payload in shapes.items() for each in (payload, *_mutations(payload))]
    swift = [_outcome(payload, first=first) for payload, first in cases]
    monkeypatch.setattr(known, "read_row", lambda *_args: None)
    slow = [_outcome(payload, first=first) for payload, first in cases]
    for (payload, first), one, other in zip(cases, swift, slow, strict=True):
        assert one == other, (payload.hex(), first)
