"""A block as people and programs look at it: one hop, with its words as text (SPEC §4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delegate.authoring.token import claimed_names
from delegate.core.chain.claims import Block
from delegate.core.chain.links import Link
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.language.capability import capability_texts, caveat_texts
from delegate.language.needs import need_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One hop: `signer` hands to `holder`.

    Names are the word of whoever signed the block above: see `VerifiedChain` and the directory for what bears
    them out.

    Attributes:
        index: from 0.
        block_id: 32 bytes; names the block and all above it.
        signer, holder: names; a bearer block's holder is `bearer:`.
        key: the holder's public key.
        handed_on: whether the key changed here; `False` where the holder only narrowed its own.
        issued, expires, not_before: Unix seconds, as this block says; `None` where it says nothing.
        audience: names of services; empty where this block says nothing.
        capabilities, caveats: as text; empty where this block says nothing.
        hops: how many later blocks may change the key; `None` where this block says nothing.
        who, why: facts about the holder, and the purpose, as the signer says.
        budget: unit → how much all that is done below may spend of it together; empty where this block says nothing.
        fresh: how old a verifier's revocation data may be, seconds; `None` where this block says nothing.
        needs: what other parties must confirm, as text; keys by the names that the chain gives them, and by the
            beginning of their thumbprints.
        confirmed: whether the verifier's own directory or configuration has the holder's name for its key; `False`
            where nobody looked.
    """

    index: int
    block_id: bytes
    signer: str
    holder: str
    key: PublicKey
    handed_on: bool
    issued: int
    expires: int | None
    not_before: int | None
    audience: tuple[str, ...]
    capabilities: tuple[str, ...]
    caveats: tuple[str, ...]
    hops: int | None
    who: tuple[tuple[str, str], ...]
    why: str
    budget: tuple[tuple[str, int], ...]
    fresh: int | None
    needs: tuple[str, ...] = ()
    confirmed: bool = False

    def __str__(self) -> str:
        return f"hop {self.index} ({self.signer} → {self.holder})"


def hops_of(
    last: Link,
    root: bytes | None = None,
    known: Iterable[Principal] = (),
    *,
    confirmed: Mapping[bytes, str] | None = None,
) -> tuple[Hop, ...]:
    """Show every block of a chain, from block 0.

    Args:
        last: the last block.
        root: the thumbprint of the root's key, where it is known.
        known: whose keys the reader knows: in needs they have these names, before those that the chain gives them.
        confirmed: thumbprint → name, as a verifier confirms it.
    """
    names: dict[bytes, str] = {}
    if any(each.block.needs for each in last.up()):
        names = claimed_names(last, root) | {each.public_key.thumbprint: each.name for each in known}
    return tuple(_hop(each, names, confirmed or {}) for each in last.up())


def _hop(link: Link, names: Mapping[bytes, str], confirmed: Mapping[bytes, str]) -> Hop:
    block: Block = link.block
    return Hop(
        index=link.hop,
        block_id=link.id,
        signer=link.signer,
        holder=block.holder,
        key=block.key,
        handed_on=link.handed_on,
        issued=block.issued,
        expires=block.expires,
        not_before=block.not_before,
        audience=block.audience,
        capabilities=capability_texts(block.can),
        caveats=caveat_texts(block.caveats),
        hops=block.hops,
        who=block.who,
        why=block.why,
        budget=block.budget,
        fresh=block.fresh,
        needs=need_texts(block.needs, names),
        confirmed=confirmed.get(block.key.thumbprint) == block.holder,
    )
