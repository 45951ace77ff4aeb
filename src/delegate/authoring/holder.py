"""`Holder`: what an agent carries: its identity and a chain (SPEC §2)."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Final, Unpack

from delegate.authoring.ask import Ask, asks
from delegate.authoring.discharge import Discharges
from delegate.authoring.identity import Identity
from delegate.authoring.noting import Notes
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.terms import Narrowing, telling
from delegate.authoring.token import Presentation, Token
from delegate.core.chain.request import Request
from delegate.core.chain.spans import Instant
from delegate.core.keys.principal import Principal
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import AttenuationError, Reason, TokenError

TOKEN_VARIABLE: Final = "DELEGATE_TOKEN"  # noqa: S105 - the name of a variable
KEY_VARIABLE: Final = "DELEGATE_KEY"  # holds a secret: `name base64url-seed`


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
