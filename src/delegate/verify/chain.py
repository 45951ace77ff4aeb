"""Bytes → `VerifiedChain`: who signed this chain, from a trusted root to its last block (SPEC §5, steps 1 to 4).

The order of the checks is the spec's; each line that obeys a step names it:

1. form: size, envelope, framing;
2. for each block from 0: its header, its key, its signature, and only then its claims, and how it follows the
   block above;
3. the clock: not before, expiry, lifetime;
4. the place: tenant, audience, bearer.

Steps 1 and 2 depend on the bytes and the roots alone. Step 3 and 4 are taken anew for every request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from delegate.chain.blocks import Block, decode
from delegate.chain.difference import Difference, difference
from delegate.chain.effective import Effective, effective
from delegate.chain.hop import Hop, hops_of
from delegate.chain.links import Link, at_hop, check_header, first_link, next_link
from delegate.chain.text import shown
from delegate.chain.token import block_aad
from delegate.errors import DelegateError, Reason, TokenError, VerificationError
from delegate.keys import PublicKey
from delegate.verify.roots import Generation, Prefix, Root
from delegate.verify.settings import Settings
from delegate.wire import cose
from delegate.wire.cose import Signed


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """A chain whose every signature held, from a trusted root to the last block.

    It says who signed, never who presents it: without a proof, whoever copied the chain has it too. To decide a
    request, call `Verifier.authorize`.

    Attributes:
        link: the last block and what the chain adds up to.
        root: the root that signed block 0.
        first: what block 0 says.
    """

    link: Link
    root: Root
    first: Block = field(repr=False)

    @property
    def originator(self) -> str:
        """Name of the person or service whose authority this is; the root may speak for it."""
        return self.first.originator or self.first.issuer

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every block, from 0. Names are the word of whoever signed them."""
        return hops_of(self.link)

    @property
    def expires(self) -> int:
        """When the chain ends, Unix seconds: the least `exp`."""
        return self.link.expires

    @property
    def hops_left(self) -> int:
        """How many times the key may still change."""
        return self.link.hops_left

    @property
    def is_bearer(self) -> bool:
        """Whether any block is a bearer block."""
        return self.link.is_bearer

    def effective(self) -> Effective:
        """Work out what survives all hops: for people to see, never for a decision.

        Cost: milliseconds for long lists of capabilities. Source: SPEC §6.9.
        """
        return effective(self.link, self.root.can)

    def diff(self, other: VerifiedChain) -> Difference:
        """Say what this chain takes away from another: from the same chain some hops earlier, say."""
        return difference(other.effective(), self.effective())

    def up_to(self, hop: int) -> VerifiedChain:
        """Give the chain as it was down to block `hop`; its holder was another then.

        Raises:
            IndexError: there is no such block.
        """
        return VerifiedChain(self.link.up()[hop], self.root, self.first)

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, from 0; 32 bytes each."""
        return tuple(link.id for link in self.link.up())


def verify_blocks(blocks: tuple[bytes, ...], generation: Generation, settings: Settings) -> tuple[Prefix, bool]:
    """Check every signature from the root down, and that each block may follow the one above (SPEC §5, step 2).

    Returns:
        The chain, and whether all of it had been seen before.

    Raises:
        TokenError, VerificationError: `.hop` is the first block that fails.

    Cost: one signature check a block that has not been seen in this place before.
    """
    if len(blocks) > settings.limits.blocks:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(blocks)} blocks; this verifier takes {settings.limits.blocks}")
    prefix: Prefix | None = None
    seen = True
    for index, data in enumerate(blocks):
        known = generation.prefixes.get(data)
        if known is not None and _continues(known, prefix):
            prefix = known
            continue
        try:
            prefix = _first_block(data, generation, settings) if prefix is None else _next_block(data, prefix, settings)
        except DelegateError as error:
            raise at_hop(error, index) from None
        generation.prefixes.put(data, prefix)
        seen = False
    if prefix is None:
        raise TokenError(Reason.MALFORMED, "a chain without blocks")
    return prefix, seen


def _continues(known: Prefix, prefix: Prefix | None) -> bool:
    """Say whether a remembered block was verified in this very place."""
    parent = known.link.parent
    if prefix is None or parent is None:
        return prefix is None and parent is None
    return parent is prefix.link or parent.id == prefix.link.id


def _first_block(data: bytes, generation: Generation, settings: Settings) -> Prefix:
    signed = cose.open_signed(data)
    check_header(signed, 0)
    root = _root(signed, generation, settings)
    key = root.principal.public_key
    block, block_id = _signed_block(signed, key.thumbprint, key, settings, first=True)
    _check_originator(block, root)
    return Prefix(first_link(block, block_id, key, settings.compiler), root, block)


def _next_block(data: bytes, prefix: Prefix, settings: Settings) -> Prefix:
    link = prefix.link
    signed = cose.open_signed(data)
    check_header(signed, link.hop + 1)
    block, block_id = _signed_block(signed, link.id, link.block.key, settings, first=False)
    return Prefix(next_link(link, block, block_id, settings.compiler), prefix.root, prefix.first)


def check_now_and_here(chain: VerifiedChain, settings: Settings, now: int) -> None:
    """Check the clock and the place (SPEC §5, steps 3 and 4).

    Raises:
        VerificationError: UNKNOWN_ROOT, NOT_YET_VALID, EXPIRED, LIFETIME_TOO_LONG, WRONG_TENANT,
            WRONG_AUDIENCE, BEARER_REFUSED.
    """
    link, root = chain.link, chain.root
    # SPEC 5.3
    if root.not_before is not None and now < root.not_before:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is not trusted yet", hop=0)
    if root.not_after is not None and now > root.not_after:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is not trusted any more", hop=0)
    if now + settings.leeway_s < link.not_before:
        _refuse_early(link, now + settings.leeway_s)
    if now >= link.expires:
        _refuse_late(link, now)
    first = chain.first
    if settings.max_lifetime_s is not None and (first.expires or 0) - first.issued > settings.max_lifetime_s:
        detail = f"lives longer than the {settings.max_lifetime_s} s that this verifier takes"
        raise VerificationError(Reason.LIFETIME_TOO_LONG, detail, hop=0)
    # SPEC 5.4
    if first.tenant != settings.tenant:
        detail = f"for tenant `{shown(first.tenant)}`" if first.tenant else "for no tenant"
        raise VerificationError(Reason.WRONG_TENANT, detail, hop=0)
    if link.audience is not None and settings.audience not in link.audience:
        _refuse_audience(link, settings.audience)
    if link.is_bearer:
        if not settings.bearer:
            raise VerificationError(Reason.BEARER_REFUSED, "this verifier takes no bearer chains", hop=0)
        if link.audience is None:
            raise VerificationError(Reason.BEARER_REFUSED, "a bearer chain without an audience", hop=0)


def _root(signed: Signed, generation: Generation, settings: Settings) -> Root:
    root = generation.by_thumbprint.get(signed.kid)
    if root is None:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"no root has the key {signed.kid[:8].hex()}…")
    if settings.tenant and root.tenants is not None and settings.tenant not in root.tenants:
        raise VerificationError(Reason.UNKNOWN_ROOT, f"{root.principal.name} is no root for this tenant")
    return root


def _signed_block(
    signed: Signed, above: bytes, key: PublicKey, settings: Settings, *, first: bool
) -> tuple[Block, bytes]:
    """Check one block's signature in its place, then read its claims: never the other way round."""
    if signed.algorithm != key.algorithm or signed.algorithm not in settings.algorithms:
        raise TokenError(Reason.UNSUPPORTED_ALGORITHM, f"alg is {signed.algorithm}, the key's {int(key.algorithm)}")
    structure = cose.sig_structure(signed.protected, block_aad(above), signed.payload_item)
    key.verify(structure, signed.signature)
    return decode(signed.payload, first=first), cose.structure_id(structure)


def _check_originator(block: Block, root: Root) -> None:
    if block.issuer != root.principal.name:
        detail = f"`{shown(block.issuer)}` signs with the key of {root.principal.name}"
        raise VerificationError(Reason.UNKNOWN_ROOT, detail)
    if block.originator and not root.may_speak_for(block.originator):
        detail = f"{root.principal.name} does not speak for `{shown(block.originator)}`"
        raise VerificationError(Reason.ORIGINATOR_REFUSED, detail)


def _refuse_early(link: Link, latest: int) -> NoReturn:
    for each in link.up():
        if latest < max(each.block.not_before or 0, each.block.issued):
            begins = max(each.block.not_before or 0, each.block.issued)
            raise VerificationError(Reason.NOT_YET_VALID, f"begins in {begins - latest} s", hop=each.hop)
    raise VerificationError(Reason.NOT_YET_VALID)  # unreachable: some block began the chain's latest beginning


def _refuse_late(link: Link, now: int) -> NoReturn:
    for each in link.up():
        if each.block.expires is not None and now >= each.block.expires:
            raise VerificationError(Reason.EXPIRED, f"expired {now - each.block.expires} s ago", hop=each.hop)
    raise VerificationError(Reason.EXPIRED)


def _refuse_audience(link: Link, audience: str) -> NoReturn:
    for each in link.up():
        if each.block.audience and audience not in each.block.audience:
            detail = f"for {', '.join(each.block.audience)}, not for {audience}"
            raise VerificationError(Reason.WRONG_AUDIENCE, detail, hop=each.hop)
    raise VerificationError(Reason.WRONG_AUDIENCE)
