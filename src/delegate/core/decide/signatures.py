"""Blocks → `VerifiedChain`: who signed this chain, from a trusted root to its last block (SPEC §5.2 to §5.4).

The rules of this file:

- Of each block from 0: its header, its key, its signature, and only then its claims, and how it follows the one above.
- What depends on the bytes and the roots alone (`verify_blocks`) is apart from what is taken anew for every request
  (`check_now_and_here`).
- The order of the checks is the spec's; each line that obeys a step names it.
"""

from __future__ import annotations

from typing import NoReturn

from delegate.core.chain.binding import COMMON_BLOCK, block_aad
from delegate.core.chain.claims import Block, decode
from delegate.core.chain.links import Link, at_hop, check_header, first_link, next_link
from delegate.core.chain.printable import shown
from delegate.core.chain.spans import span
from delegate.core.decide.remembered import Generation
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import Anchor, VerifiedChain
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cose
from delegate.core.wire.cose import ED25519, Signed
from delegate.errors import DelegateError, Reason, TokenError, VerificationError


def verify_blocks(blocks: tuple[bytes, ...], generation: Generation, settings: Settings) -> tuple[VerifiedChain, bool]:
    """Check every signature from the root down, and that each block may follow the one above.

    Performs step 2 of SPEC §5. Whoever calls it has performed 1 (`blocks` came out of an envelope), and owes 3 to 8:
    the chain is genuine, and may be over, for another service, taken back, or in a thief's hands.

    Returns:
        The chain, and whether all of it had been seen before.

    Raises:
        TokenError, VerificationError: `.hop` is the first block that fails.

    Cost: one signature check a block that has not been seen in this place before.
    """
    if len(blocks) > settings.limits.blocks:  # SPEC 5.2, before the table
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(blocks)} blocks; this verifier takes {settings.limits.blocks}")
    chain: VerifiedChain | None = None
    seen = kept = True
    remembered = generation.blocks
    for index, data in enumerate(blocks):
        before = remembered.get(data)  # SPEC 5.9
        # The very parent that is remembered: else old blocks would live on below their children.
        if before is not None and before.link.parent is (None if chain is None else chain.link):
            chain = before
            continue
        try:
            chain = _first_block(data, generation, settings) if chain is None else _next_block(data, chain, settings)
        except DelegateError as error:
            raise at_hop(error, index) from None
        kept = kept and remembered.put(data, chain)
        seen = False
    if chain is None:
        raise TokenError(Reason.MALFORMED, "a chain without blocks")
    return chain, seen


def _first_block(data: bytes, generation: Generation, settings: Settings) -> VerifiedChain:
    signed = cose.frame_first(data)
    if signed is None:
        signed = cose.open_signed(data)  # SPEC 5.2.1
        check_header(signed, 0)  # SPEC 5.2.2
    root = _root(signed, generation, settings)  # SPEC 5.2.3
    key = root.principal.public_key
    _check_algorithm(signed, key, settings)  # SPEC 5.2.4
    structure = cose.sig_structure(signed.protected, block_aad(key.thumbprint), signed.payload_item)
    key.verify(structure, signed.signature)  # SPEC 5.2.5
    block = decode(signed.payload, first=True)  # SPEC 5.2.6
    _check_originator(block, root)  # SPEC 5.2.7
    link = first_link(block, cose.structure_id(structure), key, settings.compiler)  # SPEC 5.2.8, 5.2.9
    return VerifiedChain(link, root, block)


def _next_block(data: bytes, chain: VerifiedChain, settings: Settings) -> VerifiedChain:
    """Check one block's signature, bound to the block above, then read its claims: never the other way round."""
    above, root, first = chain
    key = above.block.key
    common = cose.frame_common(data)
    if common is not None and key.algorithm == ED25519 and ED25519 in settings.algorithms:  # SPEC 5.2.1, .2, .4
        payload_item, signature = common
        payload = payload_item[2:]
        structure = COMMON_BLOCK + above.id + payload_item
    else:
        signed = cose.open_signed(data)  # SPEC 5.2.1
        check_header(signed, above.hop + 1)  # SPEC 5.2.2
        _check_algorithm(signed, key, settings)  # SPEC 5.2.4
        payload, signature = signed.payload, signed.signature
        structure = cose.sig_structure(signed.protected, block_aad(above.id), signed.payload_item)
    key.verify(structure, signature)  # SPEC 5.2.5
    block = decode(payload, first=False)  # SPEC 5.2.6
    link = next_link(above, block, cose.structure_id(structure), settings.compiler)  # SPEC 5.2.8, 5.2.9
    return VerifiedChain(link, root, first)


def check_now_and_here(chain: VerifiedChain, settings: Settings, now: int) -> None:
    """Check that a chain is good now, and for this service.

    Performs step 3 of SPEC §5, and of step 4 the lines 1 to 3: tenant, audience, bearer. Whoever calls it has performed
    1 and 2, and owes the rest of 4 (what was taken back, and how fresh the word on that is) and 5 to 8.

    Raises:
        VerificationError: UNKNOWN_ROOT, NOT_YET_VALID, EXPIRED, LIFETIME_TOO_LONG, WRONG_TENANT,
            WRONG_AUDIENCE, BEARER_REFUSED.
    """
    link, root = chain.link, chain.root
    if root.not_before is not None and now < root.not_before:  # SPEC 5.3.1
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is not trusted yet", hop=0)
    if root.not_after is not None and now > root.not_after:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is not trusted any more", hop=0)
    if now + settings.leeway_s < link.not_before:  # SPEC 5.3.2
        refuse_early(link, now + settings.leeway_s)
    if now >= link.expires:  # SPEC 5.3.3
        refuse_late(link, now)
    first = chain.first  # SPEC 5.3.4
    if settings.max_lifetime_s is not None and (first.expires or 0) - first.issued > settings.max_lifetime_s:
        detail = f"lives longer than the {settings.max_lifetime_s} s that this verifier takes"
        raise VerificationError(Reason.LIFETIME_TOO_LONG, detail, hop=0)
    if first.tenant != settings.tenant:  # SPEC 5.4.1
        detail = f"for tenant `{shown(first.tenant)}`" if first.tenant else "for no tenant"
        raise VerificationError(Reason.WRONG_TENANT, detail, hop=0)
    if link.audience is not None and settings.audience not in link.audience:  # SPEC 5.4.2
        refuse_audience(link, settings.audience)
    if link.is_bearer:  # SPEC 5.4.3
        if not settings.bearer:
            raise VerificationError(Reason.BEARER_REFUSED, "this verifier takes no bearer chains", hop=0)
        if link.audience is None:
            raise VerificationError(Reason.BEARER_REFUSED, "a bearer chain without an audience", hop=0)


def _root(signed: Signed, generation: Generation, settings: Settings) -> Anchor:
    root = generation.by_thumbprint.get(signed.kid)
    if root is None:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"no root has the key {signed.kid[:8].hex()}…")
    if settings.tenant and root.tenants is not None and settings.tenant not in root.tenants:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is no root for this tenant")
    return root


def _check_algorithm(signed: Signed, key: PublicKey, settings: Settings) -> None:
    if signed.algorithm != key.algorithm or signed.algorithm not in settings.algorithms:
        raise TokenError(Reason.UNSUPPORTED_ALGORITHM, f"alg is {signed.algorithm}, the key's {int(key.algorithm)}")


def _check_originator(block: Block, root: Anchor) -> None:
    if block.issuer != root.principal.name:
        detail = f"`{shown(block.issuer)}` signs with the key of {root.principal.name}"
        raise VerificationError(Reason.UNKNOWN_ROOT, detail)
    if block.originator and not root.may_speak_for(block.originator):
        detail = f"{root.principal.name} does not speak for `{shown(block.originator)}`"
        raise VerificationError(Reason.ORIGINATOR_REFUSED, detail)


def refuse_early(link: Link, latest: int) -> NoReturn:
    """Name the first block that is not valid yet; raises VerificationError."""
    for each in link.up():
        if latest < max(each.block.not_before or 0, each.block.issued):
            begins = max(each.block.not_before or 0, each.block.issued)
            raise VerificationError(Reason.NOT_YET_VALID, f"begins in {span(begins - latest)}", hop=each.hop)
    raise VerificationError(Reason.NOT_YET_VALID)  # unreachable: some block began the chain's latest beginning


def refuse_late(link: Link, now: int) -> NoReturn:
    """Name the first block that is over; raises VerificationError."""
    for each in link.up():
        if each.block.expires is not None and now >= each.block.expires:
            raise VerificationError(Reason.EXPIRED, f"expired {span(now - each.block.expires)} ago", hop=each.hop)
    raise VerificationError(Reason.EXPIRED)


def refuse_audience(link: Link, audience: str) -> NoReturn:
    """Name the first block that is for other services; raises VerificationError."""
    for each in link.up():
        if each.block.audience and audience not in each.block.audience:
            detail = f"for {', '.join(each.block.audience)}, not for {audience}"
            raise VerificationError(Reason.WRONG_AUDIENCE, detail, hop=each.hop)
    raise VerificationError(Reason.WRONG_AUDIENCE)
