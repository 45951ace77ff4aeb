"""The claims of one block → the bytes of its payload (SPEC §4), as `core.chain.claims` lists them."""

from __future__ import annotations

from typing import Final

from delegate.core.chain.claims import CLAIMS, Block
from delegate.core.wire import cbor

_ROWS: Final = tuple((claim.key, claim.absent) for claim in CLAIMS)
_WHO, _BUDGET, _CNF = (next(each.key for each in CLAIMS if each.field == field) for field in ("who", "budget", "key"))


def encode(block: Block) -> bytes:
    """Encode a block's claims; `block` has been put together by code of ours that checked them."""
    claims: dict[int | str, object] = {
        key: value for (key, absent), value in zip(_ROWS, block, strict=True) if value != absent
    }
    claims[_CNF] = {1: block.key.cose_map}
    if block.who:
        claims[_WHO] = dict(block.who)
    if block.budget:
        claims[_BUDGET] = dict(block.budget)
    return cbor.encode_sorted(claims)
