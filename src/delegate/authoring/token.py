"""Envelopes with a chain in them, as bytes and as text (SPEC §3). The bearer one is in `bearer`.

The rules of this file:

- These types say what *travels*, never that it is genuine. `UnverifiedToken` shows what is claimed.
- What an author needs of a chain (the last block's id, what is left of it) is worked out once and handed on
  to the longer chain.
"""

from __future__ import annotations

from typing import Final, Self

from delegate.core.chain.binding import block_aad, frame, word
from delegate.core.chain.claims import decode
from delegate.core.chain.compiled import Compiler
from delegate.core.chain.links import Link, at_hop, check_header, first_link, next_link
from delegate.core.chain.printable import counted
from delegate.core.wire import armor, cose, envelope
from delegate.core.wire.envelope import Envelope, Kind
from delegate.errors import DelegateError, Reason, TokenError

# For whoever reads or extends chains without deciding anything: a memo of a pure function.
AUTHORS: Final = Compiler(256)


def claimed_link(blocks: tuple[bytes, ...]) -> Link:
    """Work out the last link as the blocks claim it, with no signature checked.

    Raises:
        TokenError, VerificationError: as a verifier would for the chain's form, with the hop.
    """
    link: Link | None = None
    for index, data in enumerate(blocks):
        link = extend_claimed(link, data, index)
    if link is None:
        raise TokenError(Reason.MALFORMED, "a chain without blocks")
    return link


def extend_claimed(parent: Link | None, data: bytes, index: int) -> Link:
    """Add one block below `parent`, with no signature checked; raises as `claimed_link`."""
    try:
        signed = cose.open_signed(data)
        check_header(signed, index)
        above = signed.kid if parent is None else parent.id
        block_id = cose.structure_id(cose.sig_structure(signed.protected, block_aad(above), signed.payload_item))
        block = decode(signed.payload, first=parent is None)
        if parent is None:
            return first_link(block, block_id, None, AUTHORS)
        return next_link(parent, block, block_id, AUTHORS)
    except DelegateError as error:
        raise at_hop(error, index) from None


class ChainEnvelope:
    """What the three envelopes share: a chain on its way. Nobody has checked it.

    Attributes:
        blocks: 1 to 16 signed blocks, as they travel.
    """

    __slots__ = ("_link", "blocks")
    kind: Kind

    def __init__(self, blocks: tuple[bytes, ...], link: Link | None = None) -> None:
        """`link` is the claimed last link, where it is known already."""
        self.blocks = blocks
        self._link = link

    @classmethod
    def parse(cls, source: str | bytes) -> Self:
        """Read the text form or the bytes of this very kind; `UnverifiedToken.parse` reads any.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION.
        """
        found = frame(source)
        if found.kind is not cls.kind:
            raise TokenError(Reason.MALFORMED, f"a {word(found.kind)}, where a {word(cls.kind)} is wanted")
        return cls.from_envelope(found)

    @classmethod
    def from_envelope(cls, found: Envelope) -> Self:
        """Take over what was framed."""
        return cls(found.blocks)

    @property
    def link(self) -> Link:
        """The last link as claimed (see `claimed_link`)."""
        if self._link is None:
            self._link = claimed_link(self.blocks)
        return self._link

    @property
    def id(self) -> bytes:
        """The id of the last block, as claimed: 32 bytes; it names the whole chain."""
        return self.link.id

    @property
    def expires(self) -> int:
        """When the chain ends, as claimed: Unix seconds."""
        return self.link.expires

    @property
    def originator(self) -> str:
        """Name whose authority the chain says it carries."""
        return originator_of(self.link)

    @property
    def root(self) -> bytes:
        """The thumbprint of the key that signed block 0, as it claims: 32 bytes."""
        return cose.open_signed(self.blocks[0]).kid

    def envelope(self) -> Envelope:
        """Give what travels."""
        return Envelope(self.kind, self.blocks)

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return envelope.build(self.envelope())

    def to_text(self) -> str:
        """Give the text form: `dlgt_`, `dlgb_` or `dlgp_` and base64url. A bearer token's holds its secret."""
        return armor.encode(self.kind, self.to_bytes())

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).parse, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChainEnvelope) and self.envelope() == other.envelope()

    def __hash__(self) -> int:
        return hash(self.blocks)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {counted(len(self.blocks), 'block')}>"


class Token(ChainEnvelope):
    """A chain that needs a proof by its holder to be used. Not a secret."""

    __slots__ = ()
    kind = Kind.TOKEN


class Presentation(ChainEnvelope):
    """Chain, proof and discharges: what a service receives."""

    __slots__ = ("discharges", "proof")
    kind = Kind.PRESENTATION

    def __init__(
        self,
        blocks: tuple[bytes, ...],
        proof: bytes,
        discharges: tuple[bytes, ...] = (),
        link: Link | None = None,
    ) -> None:
        """`proof` and `discharges` are COSE_Sign1 as they travel."""
        super().__init__(blocks, link)
        self.proof = proof
        self.discharges = discharges

    @classmethod
    def from_envelope(cls, found: Envelope) -> Self:
        """Take over what was framed."""
        return cls(found.blocks, found.proof, found.discharges)

    def envelope(self) -> Envelope:
        """Give what travels."""
        return Envelope(self.kind, self.blocks, b"", self.proof, self.discharges)

    @property
    def token(self) -> Token:
        """The chain without its proof."""
        return Token(self.blocks, self._link)


def originator_of(link: Link) -> str:
    """Name whose authority the chain says it carries: `for` of block 0, else `iss`."""
    first = link.up()[0].block
    return first.originator or first.issuer


def claimed_names(link: Link, root: bytes | None = None) -> dict[bytes, str]:
    """Name the keys that a chain names: thumbprint → the name and the beginning of the key's thumbprint.

    A name is the word of whoever signed it, and the key is what counts: so both are given.

    Args:
        link: the last block.
        root: the thumbprint of the root's key, as block 0 names it, where it is known.
    """
    blocks = [each.block for each in link.up()]
    found = {each.key.thumbprint: each.holder for each in reversed(blocks)}
    if root is not None:
        found[root] = blocks[0].issuer
    return {key: f"{name} {key[:8].hex()}…" for key, name in found.items()}
