"""The claims of one block → the bytes of its payload (SPEC §4), as `core.chain.claims` lists them.

The rules of this file:

- One way to write each kind of claim, from the one list of claims; what decides reads the bytes back by a way of its
  own, and tests hold the two to each other.
- What is absent is falsy in every field, and of what is said only the number 0 is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from delegate.core.chain.claims import CLAIMS, Block
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cbor, cose

_UINT: Final = 0x00
_MAP: Final = 0xA0
_CNF_HEAD: Final = bytes.fromhex("a1 01")  # {1: COSE_Key}


def encode(block: Block) -> bytes:
    """Encode a block's claims; `block` has been put together by code of ours that checked them."""
    items = [write(value) for write, value in zip(_WRITERS, block, strict=True) if value or type(value) is int]
    return cbor.head(_MAP, len(items)) + b"".join(items)


def _writer(key: int | str, kind: type, field: str) -> Callable[[Any], bytes]:
    """Give what writes one claim: its key, and a value as `Block` has it."""
    begin = cbor.encode(key)

    def number(value: int) -> bytes:
        return begin + cbor.head(_UINT, value)

    def text(value: str) -> bytes:
        return begin + cose.text_string(value)

    def content(value: bytes) -> bytes:
        return begin + cose.byte_string(value)

    def texts(value: tuple[str, ...]) -> bytes:
        return begin + cbor.encode(list(value))

    def pairs(value: tuple[tuple[str, object], ...]) -> bytes:
        return begin + cbor.encode_sorted(dict(value))

    def cnf(value: PublicKey) -> bytes:
        return begin + _CNF_HEAD + value.cose_key

    if field == "key":
        return cnf
    writers: dict[type, Callable[[Any], bytes]] = {int: number, str: text, bytes: content, list: texts, dict: pairs}
    return writers[kind]


_WRITERS: Final = tuple(_writer(claim.key, claim.kind, claim.field) for claim in CLAIMS)
