"""How one block follows another: what must hold between the blocks of a chain (SPEC §5.2).

The rules of this file:

- A link is a block together with what all blocks up to it add up to, so that a verifier can keep it and the
  next sibling costs its own block only.
- Nothing here looks at signatures, roots or the clock: that is the verifier's. An author uses the same rules,
  so that no chain is made that no verifier would take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from delegate.core.chain.claims import BEARER, Block
from delegate.core.chain.compiled import Check, Compiler
from delegate.core.chain.needs import NeedAt
from delegate.core.keys.public import PublicKey
from delegate.core.wire.cose import Signed
from delegate.errors import DelegateError, Reason, TokenError, VerificationError
from delegate.limits import HOPS_MAX

UNLIMITED_HOPS: Final = HOPS_MAX


class Pool(NamedTuple):
    """What one block's budget holds of one unit, for all that is done below it.

    Attributes:
        hop, block_id: the block that has it.
        unit: what is counted.
        limit: how much there is in all.
        until: when the chain down to that block is over.
    """

    hop: int
    block_id: bytes
    unit: str
    limit: int
    until: int


class Link(NamedTuple):
    """One block and what the chain up to it adds up to. A tuple: built once a block on a cold check.

    Attributes:
        parent: the link above; `None` for block 0.
        hop: index of the block, from 0.
        id: the block id: 32 bytes, SHA-256 of its Sig_structure.
        block: what it says.
        handed_on: whether this block changed the key.
        expires: the least `exp` so far.
        not_before: the greatest `nbf` and `iat` so far.
        hops_left: how many later blocks may change the key.
        audience: services that every `aud` so far names; `None` where there was none.
        names: name of every key so far, by its raw bytes.
        is_bearer: whether any block so far is a bearer block.
        checks: what each block so far demands of a request; blocks that demand nothing are left out. Empty under
            an author.
        pools: of every budget so far.
        fresh: the least `fresh` so far: how old a verifier's revocation data may be, in seconds.
        needs: of every block so far, in order. Empty under an author.
    """

    parent: Link | None
    hop: int
    id: bytes
    block: Block
    handed_on: bool
    expires: int
    not_before: int
    hops_left: int
    audience: frozenset[str] | None
    names: Mapping[bytes, str]
    is_bearer: bool
    checks: tuple[Check, ...]
    pools: tuple[Pool, ...] = ()
    fresh: int | None = None
    needs: tuple[NeedAt, ...] = ()

    def up(self) -> list[Link]:
        """List the links from block 0 to this one."""
        links = [self]
        while links[-1].parent is not None:
            links.append(links[-1].parent)
        links.reverse()
        return links

    @property
    def signer(self) -> str:
        """Name of whoever signed this block, as the block above or the root gave it."""
        return self.block.issuer if self.parent is None else self.parent.block.holder


def first_link(block: Block, block_id: bytes, root: PublicKey | None, compiler: Compiler | None) -> Link:
    """Make the link of block 0; `block` was read with `first=True`.

    `root` is the key that signed it; an author who only has the token does not know it. `compiler` is `None` for a
    block that is being authored: nobody is going to ask what it demands.

    Raises:
        VerificationError: IDENTITY_SHARED.
        TokenError: for a capability or caveat that is not in the language.
    """
    expires = block.expires
    if expires is None:  # blocks.decode has refused it already
        raise TokenError(Reason.MALFORMED, "block 0 lacks exp", hop=0)
    key = block.key.raw
    names = {key: block.holder} if root is None else {root.raw: block.issuer, key: block.holder}
    if root is not None and key == root.raw and block.holder != block.issuer:
        raise VerificationError(Reason.IDENTITY_SHARED, "the root's key under another name", hop=0)
    begins = block.issued
    if block.not_before is not None and block.not_before > begins:
        begins = block.not_before
    return Link(
        None, 0, block_id, block, True, expires, begins, UNLIMITED_HOPS if block.hops is None else block.hops,
        frozenset(block.audience) if block.audience else None, names, block.holder == BEARER,
        () if compiler is None else (_check(0, block, compiler),),
        _pools(0, block_id, block, expires) if block.budget else (), block.fresh,
        _needs(0, block_id, block, compiler) if block.needs and compiler is not None else (),
    )  # fmt: skip


def next_link(parent: Link, block: Block, block_id: bytes, compiler: Compiler | None) -> Link:
    """Add a block below `parent`; `block` was read with `first=False`. `compiler` as for `first_link`.

    Raises:
        VerificationError: IDENTITY_SHARED, TOO_MANY_HOPS, BEARER_REFUSED.
        TokenError: MALFORMED; also for a capability or caveat that is not in the language.
    """
    index = parent.hop + 1
    above = parent.block
    holder = block.holder
    key = block.key.raw
    names = parent.names
    if block.issued < above.issued:
        raise TokenError(Reason.MALFORMED, "issued before the block above it", hop=index)
    named = names.get(key)
    handed_on = key != above.key.raw
    hops_left = parent.hops_left
    if holder == BEARER:
        if above.holder != BEARER:
            raise VerificationError(Reason.BEARER_REFUSED, "a bearer block below a named one", hop=index)
        if named is not None:
            raise VerificationError(Reason.BEARER_REFUSED, "a bearer key that occurs earlier", hop=index)
    elif named is not None and named != holder:
        raise VerificationError(Reason.IDENTITY_SHARED, "one key under two names", hop=index)
    if handed_on:
        if hops_left == 0:
            raise VerificationError(Reason.TOO_MANY_HOPS, _no_hops_left(parent), hop=index)
        hops_left -= 1
        if named is None:
            names = {**names, key: holder}
    elif block.who:
        raise TokenError(Reason.MALFORMED, "who in a block that keeps the key", hop=index)
    audience = parent.audience
    if block.audience:
        audience = frozenset(block.audience) if audience is None else audience.intersection(block.audience)
    expires = parent.expires
    if block.expires is not None and block.expires < expires:
        expires = block.expires
    begins = max(parent.not_before, block.issued)
    if block.not_before is not None and block.not_before > begins:
        begins = block.not_before
    if block.hops is not None and block.hops < hops_left:
        hops_left = block.hops
    checks = parent.checks
    if compiler is not None and (block.caveats or block.can):
        checks = (*checks, _check(index, block, compiler))
    pools, fresh, needs = parent.pools, parent.fresh, parent.needs
    if block.budget:
        pools = (*pools, *_pools(index, block_id, block, expires))
    if block.fresh is not None and (fresh is None or block.fresh < fresh):
        fresh = block.fresh
    if compiler is not None and block.needs:
        needs = (*needs, *_needs(index, block_id, block, compiler))
    return Link(
        parent, index, block_id, block, handed_on, expires, begins, hops_left, audience, names, parent.is_bearer,
        checks, pools, fresh, needs,
    )  # fmt: skip


def _pools(index: int, block_id: bytes, block: Block, expires: int) -> tuple[Pool, ...]:
    return tuple(Pool(index, block_id, unit, limit, expires) for unit, limit in block.budget)


def _needs(index: int, block_id: bytes, block: Block, compiler: Compiler) -> tuple[NeedAt, ...]:
    try:
        rules = compiler.needs(block.needs)
    except DelegateError as error:
        raise at_hop(error, index) from None
    return tuple(NeedAt(index, block_id, place, rule) for place, rule in enumerate(rules))


def at_hop(error: DelegateError, index: int) -> DelegateError:
    """Say which block an error is about, where it does not say so yet."""
    if error.hop is None:
        error.hop = index
    return error


def check_header(signed: Signed, index: int) -> None:
    """Block 0 names its root by the whole thumbprint; no other block names a key."""
    if len(signed.kid) != (32 if index == 0 else 0):
        raise TokenError(Reason.MALFORMED, "kid is the root's thumbprint in block 0, and nowhere else", hop=index)


def _check(index: int, block: Block, compiler: Compiler) -> Check:
    try:
        capabilities = compiler.capabilities(block.can) if block.can else None
        return Check(index, capabilities, compiler.caveats(block.caveats) if block.caveats else ())
    except DelegateError as error:
        raise at_hop(error, index) from None


def _no_hops_left(parent: Link) -> str:
    """Say which block forbids handing on: the first below which no change of key was left."""
    for link in parent.up():
        if link.hops_left == 0:
            return f"hop {link.hop} lets nobody below it hand on; its signer would have to allow it (hops=1, --hops 1)"
    return "no change of key is left"
