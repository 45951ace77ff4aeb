"""The claims of one block ⇄ the bytes of its payload (SPEC §4).

The rules of this file:

- The claims are CWT's integers (RFC 8392) and a closed list of words. Any other key denies: it may have been
  a restriction.
- Every key and value is checked for its exact type: Python finds `True == 1 == 1.0`, and `a1f501` must not be
  found as claim 1.
- One block, one encoding: keys in order, nothing empty, nothing said twice.
"""

from __future__ import annotations

from delegate.core.chain.claims import AUD, CNF, CTI, EXP, IAT, ISS, NBF, SUB, Block
from delegate.core.wire import cbor


def encode(block: Block, *, first: bool) -> bytes:
    """Encode a block's claims; `block` has been put together by code of ours that checked them."""
    claims: dict[int | str, object] = {}
    if first:
        claims[ISS] = block.issuer
    claims[SUB] = block.holder
    if block.audience:
        claims[AUD] = list(block.audience)
    if block.expires is not None:
        claims[EXP] = block.expires
    if block.not_before is not None:
        claims[NBF] = block.not_before
    claims[IAT] = block.issued
    if first:
        claims[CTI] = block.token_id
    claims[CNF] = {1: block.key.cose_map}
    if block.caveats:
        claims["if"] = block.caveats
    if block.can:
        claims["can"] = block.can
    if block.originator:
        claims["for"] = block.originator
    if block.who:
        claims["who"] = dict(block.who)
    if block.why:
        claims["why"] = block.why
    if block.hops is not None:
        claims["hops"] = block.hops
    if block.needs:
        claims["need"] = block.needs
    if block.fresh is not None:
        claims["fresh"] = block.fresh
    if block.budget:
        claims["budget"] = dict(block.budget)
    if block.tenant:
        claims["tenant"] = block.tenant
    return cbor.encode_sorted(claims)
