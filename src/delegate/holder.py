"""`Holder`: what an agent carries, an identity and a chain, and what it may ask of it (SPEC §2, §9.4)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from delegate.authoring.ask import Ask, asks
from delegate.authoring.discharge import Discharges
from delegate.authoring.identity import Identity
from delegate.authoring.noting import Notes
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.terms import Narrowing, telling
from delegate.authoring.token import Presentation, Token
from delegate.core.chain.request import Request
from delegate.core.chain.spans import Instant, instant
from delegate.core.keys.principal import Principal
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import AttenuationError, DelegateError, Denied, Reason, TokenError

if TYPE_CHECKING:
    from pathlib import Path

    from delegate.issue.client import Renewal
    from delegate.issue.sources import Source
    from delegate.language.capability import Capability
    from delegate.verifier.decision import Decision

TOKEN_VARIABLE: Final = "DELEGATE_TOKEN"  # noqa: S105 - the name of a variable
KEY_VARIABLE: Final = "DELEGATE_KEY"  # holds a secret: `name base64url-seed`


class FromIssuer(TypedDict, total=False):
    """What `Holder.from_issuer` takes by name."""

    name: str | None
    identity: Identity | None
    audience: Iterable[str]
    grant: str
    ttl: str
    journal: Notes | None
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Holder:
    """An agent's identity and a chain that it holds.

    Raises on construction:
        AttenuationError: PROOF_WRONG_KEY: the chain is another's.
    """

    identity: Identity
    token: Token = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a chain that this identity could not use."""
        if self.token.link.block.key != self.identity.public_key:
            raise AttenuationError(
                f"{self.identity.name} is not the holder of this chain", reason=Reason.PROOF_WRONG_KEY
            )

    def prove(
        self,
        request: Request,
        audience: str,
        *,
        discharges: Discharges = (),
        now: Instant | None = None,
        nonce: bytes | None = None,
    ) -> Presentation:
        """Prove possession over one request; see `Identity.prove`."""
        return self.identity.prove(self.token, request, audience, discharges=discharges, now=now, nonce=nonce)

    def asks(self, request: Request | None = None) -> tuple[Ask, ...]:
        """Ask for every confirmation that this chain needs, before anybody refuses; see `Ask`.

        Raises:
            ValueError: a confirmation is for each request, and no request was given.
        """
        return asks(self.token.link, request)

    def may(self, request: Request, *, audience: str | None = None, now: Instant | None = None) -> Decision:
        """Say whether this chain permits a request, without a service and without a proof.

        It goes by what the chain itself claims and trusts no root: no signature is checked. A service may refuse for
        reasons of its own (its roots, policy, revocations, budgets), and never allows what this refuses.

        Args:
            request: what is about to be asked.
            audience: the service's name; if not said, what reads `aud` is left open.
            now: when; the system's clock if not said.

        Returns:
            A decision without `chain` and `authorization`: `allowed` where nothing in the chain refuses. What depends
            on facts that the service alone knows (`env`, `holder.name`) refuses nothing; `holder_detail` names it.
            Where others must confirm the request first, the reason is DISCHARGE_MISSING, and `asks` is what to ask.

        Cost: evaluates every condition of the chain. Source: SPEC §9.4.
        """
        from delegate.core.decide.evaluate import Query
        from delegate.verifier.decision import Claimed, Decision

        moment = int(time.time()) if now is None else instant(now)
        query = Query(request, {}, {}, moment)
        try:
            depends = self._depends(request, audience, moment)
        except DelegateError as error:
            refusing = error
            refusing.defer_holder_detail(lambda: refusing.detail)
            missing = error.reason is Reason.DISCHARGE_MISSING
            decision = Decision(Claimed(query, error), None, asks=partial(self.asks, request) if missing else None)
            if isinstance(error, Denied):
                error.decision = decision
            return decision
        return Decision(Claimed(query, None, depends), None)

    def _depends(self, request: Request, audience: str | None, now: int) -> str:
        """Raise what in this chain refuses a request, or say on what of the service's it depends."""
        from delegate.core.decide import signatures
        from delegate.explain.holders import judged, known, needed

        link = self.token.link
        if now < link.not_before:
            signatures.refuse_early(link, now)
        if now >= link.expires:
            signatures.refuse_late(link, now)
        if link.audience is not None and audience not in link.audience and (audience or not link.audience):
            signatures.refuse_audience(link, audience or "any one service")
        depends = []
        for found in judged(link, request, known(link, request, now, audience)):
            if isinstance(found, Denied):
                raise found
            depends.append(f"hop {found.hop}: {found.words}")
        for each in link.up():
            if each.block.needs:
                raise Denied(Reason.DISCHARGE_MISSING, needed(each), hop=each.hop)
        return "allowed, as far as the chain says" + "".join(f"; {each}" for each in depends)

    def grants(self) -> tuple[Capability, ...]:
        """Work out what this chain permits, all hops together, as it claims; each with its whole condition.

        It never shows less than the chain allows, and sometimes more: `may` answers for one request. Without any,
        nothing is permitted. Cost: milliseconds; see `delegate.analysis.effective`.
        """
        from delegate.analysis.effective import effective

        return effective(self.token.link).grants

    @telling(Narrowing)
    def attenuate(self, *, to: Principal | None = None, **terms: Unpack[Narrowing]) -> Token:
        """Append a block that narrows; see `Identity.attenuate` for the errors."""
        return self.identity.attenuate(self.token, to=to, **terms)

    @telling(Narrowing)
    def spawn(self, name: str, **terms: Unpack[Narrowing]) -> Holder:
        """Make a sub-agent: a new key under `name`, and this chain narrowed and handed to it.

        `hops` is 0 unless said otherwise: a spawned agent does not hand on. What notes for this identity notes for the
        new one too. Errors are those of `Identity.attenuate`.
        """
        child = Identity.generate(name, journal=self.identity.journal)
        if terms.get("hops") is None:
            terms["hops"] = 0
        return Holder(child, self.attenuate(to=child.principal, **terms))

    def to_env(self) -> dict[str, str]:
        """Give the two variables that a child process needs. One holds the secret key.

        Raises:
            TypeError: the key cannot leave its signer.
        """
        signer = self.identity.signer
        if not isinstance(signer, Ed25519Signer):
            message = "only a local Ed25519 key can travel in the environment"
            raise TypeError(message)
        return {
            TOKEN_VARIABLE: self.token.to_text(),
            KEY_VARIABLE: f"{self.identity.name} {to_base64url(signer.seed_bytes())}",
        }

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, journal: Notes | None = None) -> Holder:
        """Take what `to_env` gave out of the environment: what is started later does not inherit the key.

        Args:
            environ: `None`: this process's own environment. Both variables are removed from a mapping that can be
                changed, whatever comes of them; of another they are only read. What the system shows of a process as it
                was started (`/proc/PID/environ`) it shows still, to the same user.
            journal: where the identity notes what it hands out, as for `Identity`.

        Raises:
            TokenError: MALFORMED: a variable is missing or is not what it should be.
            AttenuationError: PROOF_WRONG_KEY: the two do not belong together.
        """
        given = os.environ if environ is None else environ
        said, text = given.get(KEY_VARIABLE), given.get(TOKEN_VARIABLE)
        if isinstance(given, MutableMapping):
            given.pop(KEY_VARIABLE, None)
            given.pop(TOKEN_VARIABLE, None)
        if " " not in (said or "") or text is None:
            raise TokenError(Reason.MALFORMED, f"{TOKEN_VARIABLE} and {KEY_VARIABLE} must both be set")
        return cls(identity_of(said or "", journal=journal), Token.parse(text))

    @classmethod
    def from_issuer(
        cls,
        url: str,
        source: Source | Path | str,
        *,
        name: str | None = None,
        identity: Identity | None = None,
        audience: Iterable[str] = (),
        grant: str = "",
        ttl: str = "",
        journal: Notes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> IssuedHolder:
        """Get a chain from an issuer for a key of this process's own, and go on getting the next one in time.

        It asks once, and waits for that; later it renews beside what goes on (see `IssuedHolder`).

        Args:
            url: the issuer's address, as its policy has it.
            source: says who this workload is: a `TokenFile`, `TokenVariable`, `SpiffeJwt`, `SpiffeX509` of
                `delegate.issue.sources`, or anything with their method; or as a setting writes it: `file:/path`,
                `env:NAME`, `spiffe:jwt`, `spiffe:x509`.
            name: how the agent is called: `agent:planner`. A new key is made for it.
            identity: in place of a name: an identity with its key.
            audience: services where the chain shall be good; as the policy says, if not said.
            grant: the name of the grant to ask for; the first that is given, if not said.
            ttl: how long a chain shall be good, such as `5m`; as the policy says, if not said.
            journal: where the identity notes what it hands on, as for `Identity`.
            clock: Unix seconds.

        Raises:
            NotIssued: the issuer refuses. IssuerUnavailable: it, or the source, does not answer.
            TypeError: neither a name nor an identity, or both. ValueError: a text that is no source.
            ImportError: the extra is not installed.
        """
        from delegate.issue.client import Asking, Renewal, Wanted
        from delegate.issue.sources import source_of

        if (name is None) == (identity is None):
            message = "from_issuer needs either a name or an identity: name='agent:planner'"
            raise TypeError(message)
        mine = identity or Identity.generate(name or "", journal=journal)
        services = (audience,) if isinstance(audience, str) else tuple(audience)
        wanted = Wanted(audience=services, grant=grant, ttl=ttl)
        asking = Asking(url=url, identity=mine, source=source_of(source, url), wanted=wanted, clock=clock)
        return IssuedHolder(mine, Renewal(asking, clock=clock))

    @classmethod
    async def from_issuer_async(cls, url: str, source: Source | Path | str, **more: Unpack[FromIssuer]) -> IssuedHolder:
        """Do what `from_issuer` does without blocking the event loop; arguments and errors are its own.

        Such a holder never waits where it is used: call `await holder.ready()` where it may have been idle for longer
        than a chain is good.
        """
        import asyncio

        found = await asyncio.to_thread(partial(cls.from_issuer, url, source, **more))
        return IssuedHolder(found.identity, found.renewal, may_wait=False)


class IssuedHolder(Holder):
    """A holder whose chain an issuer renews.

    `token` is the chain that is good now. When it is due, each use sees to the next one in a thread beside; while the
    issuer is down, the old one goes on to its end. After that a use waits for the issuer, or says why there is none.
    """

    __slots__ = ("_may_wait", "renewal")

    renewal: Renewal
    _may_wait: bool

    def __init__(self, identity: Identity, renewal: Renewal, *, may_wait: bool = True) -> None:
        """Made by `Holder.from_issuer`."""
        put = object.__setattr__
        put(self, "identity", identity)
        put(self, "renewal", renewal)
        put(self, "_may_wait", may_wait)

    @property
    def token(self) -> Token:
        """The chain that is good now.

        Raises:
            DelegateError: there is none, and why the issuer gave none.
        """
        if self._may_wait:
            return self.renewal.current()
        found = self.renewal.good()
        if found is None:
            from delegate.issue.refusals import IssuerUnavailable

            message = "the chain is over, and the next one is on its way: await holder.ready()"
            raise self.renewal.failure or IssuerUnavailable(message)
        return found

    async def ready(self) -> None:
        """Wait until there is a chain that is good; at once where there is one.

        Raises:
            DelegateError: the issuer gives none.
        """
        if self.renewal.good() is None:
            import asyncio

            await asyncio.to_thread(self.renewal.renew)


def identity_of(said: str, *, journal: Notes | None = None) -> Identity:
    """Read what `Holder.to_env` puts into `DELEGATE_KEY`: a name, a blank and the key.

    Raises:
        TokenError: MALFORMED: it is not that.
    """
    name, _, seed = said.partition(" ")
    try:
        return Identity.from_seed(name, from_base64url(seed), journal=journal)
    except (TokenError, ValueError):
        raise TokenError(Reason.MALFORMED, f"{KEY_VARIABLE} is not a name and a key") from None
