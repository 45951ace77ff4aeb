"""`Identity`: a principal together with its signer; what mints, narrows, hands on and proves (SPEC §2)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Literal, Unpack, overload

from delegate.authoring.ask import Ask
from delegate.authoring.bearer import BearerToken
from delegate.authoring.discharge import Discharge, Discharges, carried, draft_discharge, not_revoked
from delegate.authoring.draft import Draft, draft_first, draft_next, draft_proof
from delegate.authoring.key_files import save_private
from delegate.authoring.noting import Notes, noting
from delegate.authoring.revoke import LIFE, RevokedBlock, RevokedKey, draft_list
from delegate.authoring.signers import Ed25519Signer, Signer
from delegate.authoring.terms import Authority, Narrowing, telling
from delegate.authoring.token import Presentation, Token
from delegate.core.chain.discharge import Statement
from delegate.core.chain.links import Link
from delegate.core.chain.request import Request
from delegate.core.chain.revocations import RevocationList
from delegate.core.chain.spans import Instant, Span, instant, seconds
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.errors import AttenuationError, Reason
from delegate.limits import TIME_MAX

if TYPE_CHECKING:
    from delegate.authoring.minted import Ending, Lasting
    from delegate.trust.bundle import RootBundle, TrustedKey


class Identity:
    """A named party with its key: what acts.

    Attributes:
        name: `user:alice@example.com`, `agent:planner`.
        principal: name and public key: what others may know.
    """

    __slots__ = ("_journal", "_signer", "principal")

    def __init__(self, name: str, signer: Signer, *, journal: Notes | None = None) -> None:
        """Put a name to a signer; the signer may be a file's key, a cloud's or a piece of hardware.

        Args:
            name: of the principal.
            signer: what signs for it.
            journal: a `Journal` in which to note what is handed out and taken back, so that it can be found and
                revoked later. It never has the tokens. What it cannot note is not handed out: `OSError`.

        Raises:
            ValueError: not a name: a scheme, `:`, and 1 to 200 visible ASCII characters.
        """
        self.principal = Principal(name, signer.public_key)
        self._signer = signer
        self._journal = journal

    @classmethod
    def generate(cls, name: str, *, journal: Notes | None = None) -> Identity:
        """Make a new Ed25519 key from the system's entropy. `journal` as for `Identity`."""
        return cls(name, Ed25519Signer.generate(), journal=journal)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, *, journal: Notes | None = None) -> Identity:
        """Take a 32-byte Ed25519 seed: for tests and for keys that another tool keeps. `journal` as for `Identity`."""
        return cls(name, Ed25519Signer(seed), journal=journal)

    @classmethod
    def load(
        cls, path: str | PathLike[str], passphrase: str | bytes | None = None, *, journal: Notes | None = None
    ) -> Identity:
        """Read a private key file, or find a key that is elsewhere.

        Args:
            path: of the file: PKCS#8 PEM, or a private key of OpenSSH, with the principal's name on the line before; or
                one that says where the key is. `ssh-agent:alice.pub` and `pkcs11:token=…;object=…?module-path=…` name
                a key that is not in a file.
            passphrase: needed if the key is encrypted; of a token, its PIN.
            journal: as for `Identity`: `journal=Journal()` is the one that `delegate list` shows.

        Raises:
            OSError: the file cannot be read.
            TokenError: MALFORMED: not such a file, or the passphrase is wrong or missing.
            StateError: STATE_UNAVAILABLE: the ssh-agent or the token does not have the key.
            ImportError: an extra is not installed.
        """
        from delegate.authoring.key_sources import load

        return cls(*load(path, passphrase), journal=journal)

    def save(self, path: str | PathLike[str], passphrase: str | bytes | None = None) -> None:
        """Write the private key file, mode 0600; an existing file is never overwritten.

        Raises:
            FileExistsError: there is one; OSError: it cannot be written.
            TypeError: the signer's key cannot leave it.
        """
        save_private(path, self.name, self._signer, passphrase)

    @property
    def name(self) -> str:
        """The principal's name."""
        return self.principal.name

    @property
    def public_key(self) -> PublicKey:
        """The principal's public key."""
        return self.principal.public_key

    @property
    def signer(self) -> Signer:
        """What signs for this identity."""
        return self._signer

    @property
    def journal(self) -> Notes | None:
        """Where it notes what it hands out; `None`: nowhere."""
        return self._journal

    @overload
    def mint(self, *, to: Principal, bearer: Literal[False] = ..., **terms: Unpack[Lasting]) -> Token: ...

    @overload
    def mint(self, *, to: Principal, bearer: Literal[False] = ..., **terms: Unpack[Ending]) -> Token: ...

    @overload
    def mint(self, *, bearer: Literal[True], **terms: Unpack[Lasting]) -> BearerToken: ...

    @overload
    def mint(self, *, bearer: Literal[True], **terms: Unpack[Ending]) -> BearerToken: ...

    @telling(Narrowing, Authority)
    def mint(
        self, *, to: Principal | None = None, bearer: bool = False, **terms: Unpack[Authority]
    ) -> Token | BearerToken:
        """Start a chain: sign block 0, which hands a piece of this identity's authority to `to`.

        Args:
            to: the holder: only its key can use or extend the chain. Absent for a bearer token.
            bearer: make a bearer token: no proof is needed to use it.
            terms: what the block says: `can`, a lifetime, and whatever else it shall say.

        Raises:
            TypeError: no lifetime or two; a holder for a bearer token, or none for another; no such term.
            ValueError: an argument out of its bounds, or empty.
            CaveatSyntaxError: a text that is not in the language.
            OSError: this identity's journal cannot be written.

        Cost: one signature. Source: SPEC §4.
        """
        _check_holder(to)
        if bearer != (to is None):
            message = "a bearer token has no holder" if bearer else "mint needs a holder: to=principal"
            raise TypeError(message)
        if to is not None:
            draft = draft_first(self.principal, to, noting(self._journal, Token), _not_handed_on(terms))
            return draft.assemble(self._signer.sign(draft.to_sign))
        if terms.get("audience") is None:
            message = "a bearer token needs an audience: no service takes one without"
            raise ValueError(message)
        key = Ed25519Signer.generate()

        def wrap(blocks: tuple[bytes, ...], link: Link) -> BearerToken:
            return BearerToken(blocks, key.seed_bytes(), link)

        bearer_draft = draft_first(self.principal, None, noting(self._journal, wrap), terms, bearer_key=key.public_key)
        return bearer_draft.assemble(self._signer.sign(bearer_draft.to_sign))

    @telling(Narrowing)
    def attenuate(
        self, token: Token | str | bytes, *, to: Principal | None = None, **terms: Unpack[Narrowing]
    ) -> Token:
        """Append a block that narrows; with `to`, also hand the chain to another principal. Needs no server.

        Args:
            token: a chain that this identity holds.
            to: the new holder; this identity keeps it if absent.
            terms: what the block says; what it does not say stays as above.

        Raises:
            AttenuationError: the chain is not this identity's; a capability that no block above permits any of;
                no hop or no time is left. `.hop` is the block that forbids it.
            TokenError, VerificationError: `token` is no chain.
            TypeError, ValueError, CaveatSyntaxError, OSError: as in `mint`.

        Cost: one signature. Source: SPEC §5.2.
        """
        _check_holder(to)
        mine = self._held(token)
        draft = draft_next(mine.link, mine.blocks, to, noting(self._journal, Token), terms)
        return draft.assemble(self._signer.sign(draft.to_sign))

    def prove(
        self,
        token: Token | str | bytes,
        request: Request,
        audience: str,
        *,
        discharges: Discharges = (),
        now: Instant | None = None,
        nonce: bytes | None = None,
    ) -> Presentation:
        """Prove possession of the holder's key over one request to one service.

        Args:
            token: a chain that this identity holds.
            request: what is about to be asked, arguments and all.
            audience: the service's name, as the service knows itself.
            discharges: what other parties confirmed: at most 16. They restrict nothing, so there may be none. The proof
                does not cover them.
            now: when; the system's clock if absent. A service takes a proof for a minute or so.
            nonce: 16 bytes, for reproducible tests only; fresh ones if absent.

        Raises:
            AttenuationError: PROOF_WRONG_KEY: the chain is not this identity's; LIMIT_EXCEEDED: too large.
            ValueError: more than 16 discharges. TokenError: a text or bytes that are none.

        Cost: one signature. Source: SPEC §7.3.
        """
        draft = self.draft_proof(token, request, audience, discharges=discharges, now=now, nonce=nonce)
        return draft.assemble(self._signer.sign(draft.to_sign))

    def discharge(self, ask: Ask, *, says: Mapping[str, object], ttl: Span, now: Instant | None = None) -> Discharge:
        """Confirm what an ask is about, in this identity's name.

        All that an ask shows is the word of whoever brought it: look at it, and say only what is known to be so.

        Args:
            ask: what is to be confirmed. Where it has a request, the discharge is for that one, once.
            says: what the need's condition reads as `said`: JSON values and bytes, at most 8 KiB.
            ttl: how long the discharge is good.
            now: the moment to start from; the system's clock if absent.

        Raises:
            AttenuationError: DISCHARGE_UNEXPECTED: the ask does not name this identity's key.
            DelegateError: MALFORMED, LIMIT_EXCEEDED: `says` has no single meaning, or is too long.

        Cost: one signature. Source: SPEC §14.2.
        """
        draft = self.draft_discharge(ask, says=says, ttl=ttl, now=now)
        return draft.assemble(self._signer.sign(draft.to_sign))

    def staple(self, token: Token | str | bytes, *, ttl: Span, now: Instant | None = None) -> Discharge:
        """Say that nothing of a chain has been revoked, as of now: for a service without a fresh list of this revoker.

        This signs, and looks nothing up: whoever calls it has looked.

        Args:
            token: the chain, down to the block whose holder will present it.
            ttl: how long the statement is good; how old it may be is the chain's and the verifier's to say.
            now: the moment that it is true of; the system's clock if absent.

        Cost: one signature. Source: SPEC §14.4.
        """
        draft = self.draft_staple(token, ttl=ttl, now=now)
        return draft.assemble(self._signer.sign(draft.to_sign))

    def draft_staple(self, token: Token | str | bytes, *, ttl: Span, now: Instant | None = None) -> Draft[Discharge]:
        """Draft what `staple` makes, for a signer that is asynchronous or elsewhere."""
        link = (token if isinstance(token, Token) else Token.parse(token)).link
        issued = int(time.time()) if now is None else instant(now)
        until = min(issued + seconds(ttl), TIME_MAX)
        return draft_discharge(
            self.principal, Statement(self.name, until, issued, link.id, None, None, None, not_revoked())
        )

    def revoke(
        self,
        *,
        blocks: Iterable[RevokedBlock] | None = None,
        keys: Iterable[RevokedKey] | None = None,
        previous: RevocationList | Iterable[RevocationList] | None = None,
        after: int = 0,
        ttl: Span = LIFE,
        now: Instant | None = None,
    ) -> RevocationList:
        """Sign a revocation list: everything that this identity takes back.

        A block of an earlier list is left out once its chain has been over for a day; a key never. Without blocks and
        keys the list says that there is nothing new as of now.

        Args:
            blocks: what to revoke; nothing new, if not said. One that is listed already keeps the later `until`.
            keys: the same. One that is listed already keeps the earlier `since`. A list counts only where this
                identity's key has a say.
            previous: this identity's newest list, or several of its lists that were made apart: the new one keeps
                their records and is newer than each.
            after: the greatest sequence that verifiers have seen of it, where that list is lost.
            ttl: for how long verifiers may rely on it; sign the next one before.
            now: the moment to start from; the system's clock if absent.

        Raises:
            ValueError: an argument out of its bounds, or empty; `previous` is another signer's.
            TokenError: LIMIT_EXCEEDED: more than a list holds.
            OSError: this identity's journal cannot be written.

        Cost: one signature and one check. Source: SPEC §10.2.
        """
        draft = self.draft_revoke(blocks=blocks, keys=keys, previous=previous, after=after, ttl=ttl, now=now)
        return draft.assemble(self._signer.sign(draft.to_sign))

    def draft_revoke(
        self,
        *,
        blocks: Iterable[RevokedBlock] | None = None,
        keys: Iterable[RevokedKey] | None = None,
        previous: RevocationList | Iterable[RevocationList] | None = None,
        after: int = 0,
        ttl: Span = LIFE,
        now: Instant | None = None,
    ) -> Draft[RevocationList]:
        """Draft what `revoke` makes, for a signer that is asynchronous or elsewhere."""
        taken_back = None if blocks is None else list(blocks)
        distrusted = None if keys is None else list(keys)
        draft = draft_list(
            self.principal, blocks=taken_back, keys=distrusted, previous=previous, after=after, ttl=ttl, now=now
        )
        if self._journal is None:
            return draft
        journal = self._journal
        subjects = {each.id for each in taken_back or ()} | {each.thumbprint for each in distrusted or ()}

        def noted(signature: bytes) -> RevocationList:
            made = draft.assemble(signature)
            journal.note_revoked([each for each in made.records if each.subject in subjects], "", made.issued)
            return made

        return draft._replace(assemble=noted)

    def sign_roots(
        self,
        keys: Iterable[TrustedKey],
        *,
        previous: RootBundle | None = None,
        after: int = 0,
        longest: Span | None = None,
        distrust: Iterable[Principal] | None = None,
        ttl: Span = "7d",
        now: Instant | None = None,
    ) -> RootBundle:
        """Sign a root bundle: whom the verifiers that pin this identity's key are to trust from now on.

        Args:
            keys: all of them, as `trusted(…)` makes them: 1 to 256.
            previous: the bundle before; the new one is the next in number.
            after: the greatest number that verifiers have seen, where the bundle before is lost.
            longest: the longest life of a chain of the roots: a root of the bundle before stays for as long at least.
            distrust: whose keys leave at once all the same: their chains are refused, their records do not count.
            ttl: for how long verifiers may go by it; sign the next one before. Then they trust no root at all.
            now: the moment to start from; the system's clock if absent.

        Raises:
            ValueError: an argument out of its bounds; a root or a revoker would be forgotten too early.

        Cost: one signature and one check. Source: SPEC §15.
        """
        draft = self.draft_roots(
            keys, previous=previous, after=after, longest=longest, distrust=distrust, ttl=ttl, now=now
        )
        return draft.assemble(self._signer.sign(draft.to_sign))

    def draft_roots(
        self,
        keys: Iterable[TrustedKey],
        *,
        previous: RootBundle | None = None,
        after: int = 0,
        longest: Span | None = None,
        distrust: Iterable[Principal] | None = None,
        ttl: Span = "7d",
        now: Instant | None = None,
    ) -> Draft[RootBundle]:
        """Draft what `sign_roots` makes, for a signer that is asynchronous or elsewhere."""
        from delegate.authoring.root_bundle import draft_bundle

        return draft_bundle(
            self.principal,
            keys,
            previous=previous,
            after=after,
            longest=longest,
            distrust=distrust,
            ttl=ttl,
            now=now,
        )

    def draft_discharge(
        self, ask: Ask, *, says: Mapping[str, object], ttl: Span, now: Instant | None = None
    ) -> Draft[Discharge]:
        """Draft what `discharge` makes, for a signer that is asynchronous or elsewhere."""
        if self.public_key.thumbprint not in ask.by:
            detail = f"this ask is not for {self.name}"
            raise AttenuationError(detail, reason=Reason.DISCHARGE_UNEXPECTED)
        issued = int(time.time()) if now is None else instant(now)
        until = min(issued + seconds(ttl), TIME_MAX)
        digest = None if ask.request is None else ask.request.digest
        said = Statement(self.name, until, issued, ask.block_id, ask.place, digest, ask.last, dict(says))
        return draft_discharge(self.principal, said)

    @overload
    def draft_mint(self, *, to: Principal, **terms: Unpack[Lasting]) -> Draft[Token]: ...

    @overload
    def draft_mint(self, *, to: Principal, **terms: Unpack[Ending]) -> Draft[Token]: ...

    @telling(Narrowing, Authority)
    def draft_mint(self, *, to: Principal, **terms: Unpack[Authority]) -> Draft[Token]:
        """Draft what `mint` makes, for a signer that is asynchronous or elsewhere.

        Arguments and errors are those of `mint`.
        """
        return draft_first(self.principal, to, noting(self._journal, Token), _not_handed_on(terms))

    @telling(Narrowing)
    def draft(
        self, token: Token | str | bytes, *, to: Principal | None = None, **terms: Unpack[Narrowing]
    ) -> Draft[Token]:
        """Draft what `attenuate` makes, for a signer that is asynchronous or elsewhere.

        Arguments and errors are those of `attenuate`.
        """
        mine = self._held(token)
        return draft_next(mine.link, mine.blocks, to, noting(self._journal, Token), terms)

    def draft_proof(
        self,
        token: Token | str | bytes,
        request: Request,
        audience: str,
        *,
        discharges: Discharges = (),
        now: Instant | None = None,
        nonce: bytes | None = None,
    ) -> Draft[Presentation]:
        """Draft what `prove` makes, for a signer that is asynchronous or elsewhere."""
        if type(request) is not Request:
            message = f"a request is a Request, not {type(request).__name__}: Request('pay', args={{'amount': 5}})"
            raise TypeError(message)
        mine = self._held(token)
        return draft_proof(mine.link, mine.blocks, request, audience, now, nonce, carried(discharges))

    def _held(self, token: Token | str | bytes) -> Token:
        """Take a token of which this identity is the holder."""
        mine = token if isinstance(token, Token) else Token.parse(token)
        block = mine.link.block
        if block.key != self.principal.public_key:
            raise AttenuationError(
                f"{self.name} is not the holder: that is {block.holder}, with another key",
                reason=Reason.PROOF_WRONG_KEY,
                hop=mine.link.hop,
            )
        return mine

    def __repr__(self) -> str:
        return f"<Identity {self.name}>"


def _check_holder(to: object) -> None:
    """Refuse what is no principal, and say what was meant; raises TypeError."""
    if to is None or isinstance(to, Principal):
        return
    if isinstance(to, Identity):
        message = "to is a principal: to=identity.principal, without the private key"
    elif isinstance(to, str):
        message = "to is a principal, a name with a key: to=Principal.load('agent.pub'), or identity.principal"
    else:
        message = f"to is a Principal, not {type(to).__name__}"
    raise TypeError(message)


def _not_handed_on(terms: Authority) -> Authority:
    """Let a chain for a holder be narrowed and not handed on, unless more was said."""
    if terms.get("hops") is None:
        terms["hops"] = 0
    return terms
