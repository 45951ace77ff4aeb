"""What a token claims, for a look at it; nothing here decides (SPEC §2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from delegate.authoring.bearer import BearerToken
from delegate.authoring.token import Presentation, Token, originator_of
from delegate.core.chain.binding import frame
from delegate.core.wire.envelope import Kind
from delegate.explain.hops import Hop, hops_of

AnyToken: TypeAlias = Token | BearerToken | Presentation


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """What a token claims; nobody has checked a signature, a root or the clock.

    For a look at a token, and for nothing that decides. A service calls `Verifier.authorize`.

    Attributes:
        token: the envelope: `Token`, `BearerToken` or `Presentation`.
        hops: each block's claims, from block 0.
        originator: whose authority the chain says it carries.
        expires: the least `exp`, Unix seconds.
    """

    token: AnyToken
    hops: tuple[Hop, ...]
    originator: str
    expires: int

    @classmethod
    def parse(cls, source: str | bytes | AnyToken) -> UnverifiedToken:
        """Read text, bytes or an envelope of any kind, and what its blocks claim.

        Raises:
            TokenError, VerificationError: the form is wrong, as a verifier would say it, with the hop.
        """
        token = parse(source) if isinstance(source, (str, bytes)) else source
        link = token.link
        return cls(token=token, hops=hops_of(link, token.root), originator=originator_of(link), expires=link.expires)


def parse(source: str | bytes) -> AnyToken:
    """Read an envelope, text or bytes, into the type that it is.

    Raises:
        TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION.
    """
    found = frame(source)
    kinds: dict[Kind, type[AnyToken]] = {
        Kind.TOKEN: Token,
        Kind.BEARER: BearerToken,
        Kind.PRESENTATION: Presentation,
    }
    return kinds[found.kind].from_envelope(found)
