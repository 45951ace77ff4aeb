"""Bearer tokens: a chain whose last key travels with it (SPEC §4.5).

The rules of this file:

- `str()`, `repr()` and `vars()` never show the secret; the text form is asked for by name, `to_text()`.
- Every bearer block has a key of its own, so that cutting a block off leaves a chain whose secret nobody has.
"""

from __future__ import annotations

from typing import NoReturn, Self, Unpack, overload

from delegate.authoring.discharge import Discharges, carried
from delegate.authoring.draft import draft_next, draft_proof
from delegate.authoring.noting import Notes, noting
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.terms import Narrowing, telling
from delegate.authoring.token import ChainEnvelope, Presentation, Token
from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.chain.printable import counted
from delegate.core.chain.request import Request
from delegate.core.chain.spans import Instant
from delegate.core.keys.principal import Principal
from delegate.core.wire.envelope import Envelope, Kind
from delegate.errors import Reason, VerificationError


class BearerToken(ChainEnvelope):
    """A chain that whoever has it can use. Give it an audience and a short life, and narrow it before it travels."""

    __slots__ = ("_secret",)
    kind = Kind.BEARER

    def __init__(self, blocks: tuple[bytes, ...], secret: bytes, link: Link | None = None) -> None:
        """`secret` is the 32-byte Ed25519 seed of the last block's key."""
        super().__init__(blocks, link)
        self._secret = secret

    @classmethod
    def from_envelope(cls, found: Envelope) -> Self:
        """Take over what was framed."""
        return cls(found.blocks, found.secret)

    def envelope(self) -> Envelope:
        """Give what travels, secret included."""
        return Envelope(self.kind, self.blocks, self._secret)

    def signer(self) -> Ed25519Signer:
        """Give the signer that travels with this token.

        Raises:
            VerificationError: PROOF_WRONG_KEY where it is not the last block's; BEARER_REFUSED where the last
                block names a holder.
        """
        signer = Ed25519Signer(self._secret)
        if self.link.block.holder != BEARER:
            raise VerificationError(Reason.BEARER_REFUSED, "a bearer envelope around a named holder's chain")
        if signer.public_key != self.link.block.key:
            raise VerificationError(Reason.PROOF_WRONG_KEY, "the secret is not that of the last block's key")
        return signer

    @overload
    def attenuate(self, *, to: None = None, journal: Notes | None = ..., **terms: Unpack[Narrowing]) -> BearerToken: ...

    @overload
    def attenuate(self, *, to: Principal, journal: Notes | None = ..., **terms: Unpack[Narrowing]) -> Token: ...

    @telling(Narrowing)
    def attenuate(
        self, *, to: Principal | None = None, journal: Notes | None = None, **terms: Unpack[Narrowing]
    ) -> BearerToken | Token:
        """Append a block that narrows, under a fresh key; with `to`, bind the token to a holder from here on.

        A chain with a bearer block stays a bearer chain, in every envelope: a verifier must have been told to take
        those.

        Args:
            to: the holder; absent, it stays a bearer token.
            journal: where to note what is handed out, as for `Identity`: no identity does it here.
            terms: what the block says.

        Raises:
            As `Identity.attenuate`. OSError: the journal cannot be written; then nothing is handed out.
        """
        signer = self.signer()
        if to is not None:
            bound = draft_next(self.link, self.blocks, to, noting(journal, Token), terms)
            return bound.assemble(signer.sign(bound.to_sign))
        fresh = Ed25519Signer.generate()

        def wrap(blocks: tuple[bytes, ...], link: Link) -> BearerToken:
            return BearerToken(blocks, fresh.seed_bytes(), link)

        draft = draft_next(self.link, self.blocks, None, noting(journal, wrap), terms, bearer_key=fresh.public_key)
        return draft.assemble(signer.sign(draft.to_sign))

    def seal(self, *, now: Instant | None = None, journal: Notes | None = None) -> BearerToken:
        """Append a bearer block after which no key may change: the token can be used, and not extended.

        A token that is sealed already comes back as it is. `journal` as for `attenuate`.
        """
        if self.link.hops_left == 0:
            return self
        return self.attenuate(hops=0, now=now, journal=journal)

    def prove(
        self,
        request: Request,
        audience: str,
        *,
        discharges: Discharges = (),
        now: Instant | None = None,
        nonce: bytes | None = None,
    ) -> Presentation:
        """Present this token with a proof over one request; see `Identity.prove`.

        A thief of the presentation then has one request, not the token.
        """
        draft = draft_proof(self.link, self.blocks, request, audience, now, nonce, carried(discharges))
        return draft.assemble(self.signer().sign(draft.to_sign))

    def __reduce__(self) -> NoReturn:
        message = "a bearer token is not pickled: its secret would go along; its text is `to_text()`"
        raise TypeError(message)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<BearerToken of {counted(len(self.blocks), 'block')}, secret not shown>"
