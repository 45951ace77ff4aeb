"""`Issuer`: turns an identity that somebody has into a short chain for a key that they have proven (RFC 8693).

The rules of this file:

- The order is: the request's form, the proof of the key, the token's signature and times, whether it is for that key,
  the policy, the block. All of that only reads. Then what may be used once is claimed, in one step, and last of all the
  event is written. What fails gives nothing, and what cannot be written down is not handed out.
- A refusal spends nothing: neither the proof nor an unbound token.
- The policy is read once for a request: a new one never decides half of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Self

from delegate.authoring.identity import Identity
from delegate.authoring.token import Token
from delegate.core.chain.printable import shown
from delegate.core.chain.spans import seconds
from delegate.core.decide.stores import Claim, Refused, ReplayStore
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.errors import DelegateError, Reason
from delegate.issue import binding, taking_back
from delegate.issue import dpop as proofs
from delegate.issue.binding import Binding
from delegate.issue.certificates import check_certificate, x5t
from delegate.issue.conditions import NoValue
from delegate.issue.grants import Asked, Finder, Grant, KnownAgent
from delegate.issue.policy import Policy
from delegate.issue.refusals import (
    INVALID_SCOPE,
    INVALID_TARGET,
    UNSUPPORTED_GRANT,
    IssuerUnavailable,
    NotIssued,
    PolicyError,
)
from delegate.issue.subjects import LEEWAY_S, TYPES, Subject, check_token
from delegate.issue.words import CHAIN, EXCHANGE, X509_SVID
from delegate.state.engines import State, connect
from delegate.state.memory_replay import MemoryReplay

TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
REVOKE_PATH: Final = "/revoke"
_SEVERAL: Final = frozenset({"audience", "resource"})  # what RFC 8693 §2.1 lets a request repeat
_PARAMETERS: Final = 50
_SUBJECT: Final = b"delegate/1 subject token\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """What the issuer did with one request: for an audit log. It holds no token and no proof.

    Attributes:
        time: Unix seconds.
        issued: whether a chain was handed out.
        reason: why not; `None` where it was.
        detail: the same in words, for the operator.
        trust: whose word about the subject it was; empty where nobody's was believed.
        subject: the token's `sub`.
        subject_token: SHA-256 of what is signed of it, in hex; of a certificate, its own.
        binding: how the token was bound to the key.
        key: thumbprint of the agent's key, in hex.
        agent: the holder's name.
        originator: whose authority the chain carries.
        grant: which grant it was given by.
        block_id: the chain's, in hex.
        expires: when the chain ends.
    """

    time: int
    issued: bool
    reason: str | None = None
    detail: str = ""
    trust: str = ""
    subject: str = ""
    subject_token: str = ""
    binding: str = ""
    key: str = ""
    agent: str = ""
    originator: str = ""
    grant: str = ""
    block_id: str = ""
    expires: int = 0

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


Sink = Callable[[Issuance], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A chain that was issued.

    Attributes:
        token: the chain.
        grant: the name of the grant that it was given by.
        expires_in_s: seconds that it is good.
    """

    token: Token = field(repr=False)
    grant: str
    expires_in_s: int

    def to_json(self) -> dict[str, object]:
        """Give the answer of RFC 8693 §2.2.1."""
        return {
            "access_token": self.token.to_text(),
            "issued_token_type": CHAIN,
            "token_type": "N_A",  # no access token of OAuth: it is presented with a proof for each request
            "expires_in": self.expires_in_s,
            "scope": self.grant,
        }


class Issuer:
    """Issues chains by a policy. Safe under threads.

    Attributes:
        policy: the one that decides now.
        principal: name and public key under which chains are signed: the root to trust, with `speaks_for`.
    """

    __slots__ = ("_audit", "_clock", "_directory", "_identity", "_nonces", "_replay", "_state", "policy")

    def __init__(
        self,
        policy: Policy,
        identity: Identity | None = None,
        *,
        replay: ReplayStore | None = None,
        directory: Finder | None = None,
        audit: Sink | Sequence[Sink] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Put together an issuer.

        Args:
            policy: who is trusted, and what they get.
            identity: what signs; `None`: the key file that the policy names.
            replay: remembers proofs and tokens that were used; `None`: the policy's `state`, and where it names none,
                this process's memory, which is right for one process alone.
            directory: whose keys are whose, for a policy with `known` or `sponsored`.
            audit: what is given each `Issuance`; an exception of it means that nothing is issued.
            clock: Unix seconds.

        Raises:
            ValueError: no key, or no directory for a policy that asks one.
            OSError, TokenError: the key file cannot be read. StateError: the store cannot be opened.
        """
        if identity is None:
            if policy.key is None:
                message = 'no key: give an identity, or name a key file in the policy: [issuer] key = "issuer.key"'
                raise ValueError(message)
            identity = Identity.load(policy.key)
        if policy.asks_directory and directory is None:
            message = "this policy asks a directory (known, sponsored): give directory=…"
            raise ValueError(message)
        self.policy = policy
        self._identity = identity
        self._state: State | None = None
        if replay is None and policy.state is not None:
            self._state = connect(policy.state)
            replay = self._state.replay
        self._replay: ReplayStore = MemoryReplay() if replay is None else replay
        self._directory = directory
        sinks = () if audit is None else (audit,) if callable(audit) else tuple(audit)
        self._audit: tuple[Sink, ...] = sinks
        self._clock = clock
        self._nonces = proofs.Nonces(identity.signer)

    @property
    def principal(self) -> Principal:
        """Name and public key of what signs."""
        return self._identity.principal

    @property
    def token_url(self) -> str:
        """Where chains are asked for: what a proof names."""
        return self.policy.url + TOKEN_PATH

    def dpop_nonce(self) -> str:
        """Give the nonce that a proof must hold now; empty text where none is needed.

        Raises:
            IssuerUnavailable: the issuer's key is elsewhere, and does not sign.
        """
        return self._nonces.current(int(self._clock())) if self.policy.dpop_nonce else ""

    def close(self) -> None:
        """Close the store, where this opened it."""
        if self._state is not None:
            self._state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Issuer {self.principal.name} at {self.policy.url}>"

    def reload(self) -> None:
        """Read the policy's file again: whole, or the old one goes on.

        Raises:
            PolicyError: something in it is wrong, or asks for what only a new start can change. OSError: no file.
        """
        if self.policy.path is None:
            raise PolicyError("policy", "this one was not read from a file")
        self.replace(Policy.load(self.policy.path))

    def replace(self, policy: Policy) -> None:
        """Take another policy from now on; raises PolicyError."""
        if policy.asks_directory and self._directory is None:
            raise PolicyError("policy", "a grant asks a directory (known, sponsored), and there is none")
        self.policy = policy.after(self.policy)

    def exchange(
        self,
        form: Iterable[tuple[str, str]] | Mapping[str, str],
        *,
        dpop: Sequence[str] = (),
        certificates: Sequence[bytes] = (),
    ) -> Issued:
        """Exchange a token for a chain.

        Args:
            form: the request's parameters (RFC 8693 §2.1), and ours: `agent`, `nonce_salt`, `ttl`.
            dpop: what its `DPoP` headers hold.
            certificates: of the connection, as DER, where TLS asked for them: the leaf first.

        Raises:
            NotIssued: why not. IssuerUnavailable: something that is needed for it does not answer.

        Cost: two signature checks, one signature, one claim. Source: spec/ISSUER.md.
        """
        now = int(self._clock())
        facts: dict[str, Any] = {}
        try:
            issued, claims = self._decided(dict(_once(form)), dpop, certificates, now, facts)
            self._claim(claims, now)
        except NotIssued as error:
            if "trust" in facts:  # somebody was believed to be somebody: that is worth a line, and costs a token
                self._tell(Issuance(time=now, issued=False, reason=str(error.reason), detail=error.detail, **facts))
            raise
        self._tell(Issuance(time=now, issued=True, **facts))
        return issued

    def take_back(self, form: Iterable[tuple[str, str]] | Mapping[str, str], *, dpop: Sequence[str] = ()) -> None:
        """Take a chain back, at the wish of its holder: it goes onto the list that the policy names.

        What is on the list already, or over, changes nothing.

        Args:
            form: `token`: the chain, as it was issued.
            dpop: a proof of its key, for this endpoint.

        Raises:
            NotIssued: it is no chain of this issuer's, or another's; LIMIT_EXCEEDED: too many of its originator's are
                on the list. IssuerUnavailable: the list cannot be written, or is full.
        """
        now, policy = int(self._clock()), self.policy
        given = dict(_once(form))
        if policy.revocations is None:
            raise _refused(Reason.MALFORMED, "this issuer keeps no list of revocations")
        proven = proofs.check(
            dpop,
            method="POST",
            url=policy.url + REVOKE_PATH,
            now=now,
            nonces=self._nonces if policy.dpop_nonce else None,
        )
        block, originator = taking_back.issued_by(given.get("token", ("",))[0], self._identity, proven.key)
        self._claim([Claim(proven.id, proven.issued, proven.until)], now)
        taking_back.take_back(self._identity, policy.revocations, block, originator, now=now)

    def consider(self, asked: Asked) -> Iterable[tuple[Grant, str]]:
        """Say of each grant why somebody does not get it; empty text where they would. For people."""
        return [(each, each.refusal(asked)) for each in self.policy.grants]

    def _decided(
        self,
        form: dict[str, tuple[str, ...]],
        given: Sequence[str],
        chain: Sequence[bytes],
        now: int,
        facts: dict[str, Any],
    ) -> tuple[Issued, list[Claim]]:
        """Do everything that only reads, and sign."""
        policy = self.policy
        ask = _Form(form)
        proven = proofs.check(
            given,
            method="POST",
            url=policy.url + TOKEN_PATH,
            now=now,
            nonces=self._nonces if policy.dpop_nonce else None,
        )
        subject = self._subject(policy, ask, chain, now)
        facts["trust"], facts["subject"] = subject.trust, shown(str(subject.claims.get("sub", "")), 200)
        facts["subject_token"], facts["key"] = subject.id.hex(), proven.key.thumbprint.hex()
        how = binding.bound(subject, proven.key, salt=ask.salt, chain=chain)
        facts["binding"] = str(how)
        known = self._known(proven.key, now) if policy.asks_directory else None
        asked = Asked(subject=subject, key=proven.key, agent=ask.agent, known=known)
        grant = _granted(policy, asked, ask, how)
        facts["grant"] = grant.name
        issued = self._signed(grant, asked, ask, now, facts)
        claims = [Claim(proven.id, proven.issued, proven.until)]
        if how is Binding.UNBOUND:
            name = sha256(_SUBJECT + subject.id).digest()
            claims.append(Claim(name, min(subject.issued, now), subject.expires + LEEWAY_S))
        return issued, claims

    def _known(self, key: PublicKey, now: int) -> KnownAgent | None:
        assert self._directory is not None  # noqa: S101 - a policy that asks for one is not taken without
        try:
            return self._directory.find((key.thumbprint,), now=now).get(key.thumbprint)
        except Exception as error:  # noqa: BLE001 - whatever it raises, it did not answer
            detail = error.detail if isinstance(error, DelegateError) else type(error).__name__
            raise IssuerUnavailable(f"the directory does not answer: {detail}") from None

    def _subject(self, policy: Policy, ask: _Form, chain: Sequence[bytes], now: int) -> Subject:
        if ask.kind == X509_SVID:
            subject = check_certificate(chain, policy.certificates_of(), now=now)
            if ask.token != x5t(chain[0]):
                raise _refused(Reason.PROOF_WRONG_KEY, "the subject token is not the certificate's thumbprint")
            return subject
        if ask.kind not in TYPES.values():
            raise _refused(Reason.MALFORMED, "subject_token_type is none that is taken here")
        return check_token(ask.token, ask.kind, policy.tokens_of(), now=now)

    def _signed(self, grant: Grant, asked: Asked, ask: _Form, now: int, facts: dict[str, Any]) -> Issued:
        allowed = grant.audience
        if ask.audience and allowed is not None and not set(ask.audience) <= set(allowed):
            told = "the grant is not for the audience that was asked for"
            raise NotIssued(Reason.WRONG_AUDIENCE, told, code=INVALID_TARGET, told=told)
        try:
            holder = grant.held_by(asked)
            terms = grant.terms(asked, now=now, audience=ask.audience, ttl_s=ask.ttl_s)
            facts["agent"], facts["originator"] = holder, terms["on_behalf_of"]
            token = self._identity.mint(to=Principal(holder, asked.key), **terms)
        except NoValue as error:
            raise NotIssued(
                Reason.POLICY_FAILED, f"grant {grant.name}: {error}", told="the policy gives this nothing"
            ) from None
        except (DelegateError, ValueError) as error:
            detail = error.detail if isinstance(error, DelegateError) else str(error)
            if isinstance(error, DelegateError) and error.reason is Reason.STATE_UNAVAILABLE:
                raise IssuerUnavailable(f"the issuer's key does not sign: {detail}") from None
            raise NotIssued(Reason.POLICY_FAILED, f"grant {grant.name}: {shown(detail, 300)}") from None
        except OSError as error:  # its journal
            raise IssuerUnavailable(f"what is handed out cannot be noted: {error.strerror}") from None
        facts["block_id"], facts["expires"] = token.id.hex(), token.expires
        return Issued(token=token, grant=grant.name, expires_in_s=token.expires - now)

    def _claim(self, claims: list[Claim], now: int) -> None:
        """Use up what may be used once: all of it, or nothing."""
        try:
            outcome = self._replay.claim(claims, now=now)
        except DelegateError as error:
            if error.reason is Reason.STATE_UNAVAILABLE:
                raise IssuerUnavailable(f"the store does not answer: {error.detail}") from None
            told = "used before, or too old"
            if any(each.issued == 0 for each in claims):
                told = "the token names no key, and does not say when it was made (iat): it may have been used before"
            raise _refused(error.reason, f"the store refuses: {error.detail}", told) from None
        if outcome is True:
            return
        if isinstance(outcome, Refused) and outcome.place == 1:
            raise _refused(Reason.REPLAYED, "this token was used before; it is bound to no key, and good once")
        raise NotIssued(
            Reason.REPLAYED, "this DPoP proof was used before", code="invalid_dpop_proof",
            told="this DPoP proof was used before",
        )  # fmt: skip

    def _tell(self, event: Issuance) -> None:
        for each in self._audit:
            try:
                each(event)
            except Exception as error:  # noqa: BLE001 - whatever a sink raises, nothing was written
                if event.issued:
                    raise IssuerUnavailable(f"the event cannot be written: {type(error).__name__}") from None


class _Form:
    """The parameters of a request for a chain."""

    __slots__ = ("agent", "audience", "kind", "salt", "scope", "token", "ttl_s")

    def __init__(self, given: dict[str, tuple[str, ...]]) -> None:
        def one(name: str) -> str:
            return given.get(name, ("",))[0]

        if one("grant_type") != EXCHANGE:
            raise NotIssued(
                Reason.MALFORMED, "another grant type than token exchange", code=UNSUPPORTED_GRANT,
                told=f"grant_type is {EXCHANGE}",
            )  # fmt: skip
        if one("requested_token_type") not in {"", CHAIN}:
            raise _refused(Reason.MALFORMED, "requested_token_type is not what is issued here")
        if "actor_token" in given:
            raise _refused(Reason.MALFORMED, "actor_token is not taken here: the DPoP proof says who acts")
        if "resource" in given:
            told = "name services by audience, not by resource"
            raise NotIssued(Reason.MALFORMED, told, code=INVALID_TARGET, told=told)
        self.token, self.kind = one("subject_token"), one("subject_token_type")
        if not self.token or not self.kind:
            raise _refused(Reason.MALFORMED, "subject_token or subject_token_type is missing")
        self.audience = given.get("audience", ())
        self.scope = one("scope")
        if len(self.scope.split()) > 1:
            raise NotIssued(Reason.MALFORMED, "several grants asked for", code=INVALID_SCOPE, told="ask for one grant")
        self.agent, self.salt = one("agent"), one("nonce_salt")
        self.ttl_s: int | None = None
        if one("ttl"):
            try:
                self.ttl_s = seconds(one("ttl"))
            except ValueError:
                raise _refused(Reason.MALFORMED, "ttl is a length of time such as 15m") from None


def _once(form: Iterable[tuple[str, str]] | Mapping[str, str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Gather parameters; one that is given twice, where that has no meaning, is refused."""
    found: dict[str, tuple[str, ...]] = {}
    pairs = form.items() if isinstance(form, Mapping) else form
    for number, (name, value) in enumerate(pairs):
        if number >= _PARAMETERS:
            raise _refused(Reason.LIMIT_EXCEEDED, "too many parameters")
        if name in found and name not in _SEVERAL:
            raise _refused(Reason.MALFORMED, "a parameter is given twice")
        found[name] = (*found.get(name, ()), value)
    return found.items()


def _granted(policy: Policy, asked: Asked, ask: _Form, how: Binding) -> Grant:
    """Choose the grant: the first that is given, of those that were asked for.

    Raises:
        NotIssued: there is none.
    """
    unbound = False
    reasons = []
    for each in policy.grants:
        if ask.scope and each.name != ask.scope:
            continue
        refusal = each.refusal(asked)
        if refusal:
            reasons.append(f"{each.name}: {refusal}")
        elif how is Binding.UNBOUND and not each.unbound:
            unbound = True
            reasons.append(f"{each.name}: the token names no key")
        else:
            return each
    if unbound:
        raise _refused(
            Reason.PROOF_WRONG_KEY, "; ".join(reasons),
            "the token does not say for which key it is: ask for it with a nonce or a confirmation of your key",
        )  # fmt: skip
    code = INVALID_SCOPE if ask.scope else "invalid_request"
    detail = "; ".join(reasons) or f"there is no grant `{shown(ask.scope)}`"
    raise NotIssued(Reason.POLICY_FAILED, detail, code=code, told="the policy gives this nothing")


def _refused(reason: Reason, detail: str, told: str = "") -> NotIssued:
    return NotIssued(reason, detail, told=told or detail)
