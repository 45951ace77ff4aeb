"""What the core answers: `Granted`, `Previewed` or `Refusal` (SPEC §5).

The rules of this file:

- A `Granted` is made by `deciding` alone, after its last step; whatever acts for a request demands one.
- A `Previewed` looks like one and is none: nothing was proven, claimed or charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from delegate.core.chain.request import Request
from delegate.core.decide.discharges import Confirmed
from delegate.core.decide.possession import Proof, SecretShown
from delegate.core.decide.verified import VerifiedChain
from delegate.errors import DelegateError


class Query(NamedTuple):
    """What a service wants to know, besides what was presented.

    Attributes:
        request: as it was normalised.
        env: facts that the service vouches for.
        cost: unit → what the request costs.
        now: the verifier's clock, Unix seconds.
    """

    request: Request
    env: Mapping[str, Any]
    cost: Mapping[str, int]
    now: int


class Granted:
    """A request that every step of SPEC §5 allowed, its proof claimed and its pools charged.

    Attributes:
        chain: the verified chain.
        query: what was asked.
        shown: how its presenter showed that the chain is theirs: a proof, or the secret of a bearer token.
        confirmed: the discharges that it rests on.
    """

    __slots__ = ("chain", "confirmed", "query", "shown")

    def __init__(
        self,
        chain: VerifiedChain,
        query: Query,
        shown: Proof | SecretShown,
        confirmed: tuple[Confirmed, ...],
        made_by: object,
    ) -> None:
        """Made by `deciding`, which alone has what `made_by` must be."""
        if made_by is not DECIDING:
            message = "a Granted is what deciding a request comes to; nothing else makes one"
            raise TypeError(message)
        self.chain = chain
        self.query = query
        self.shown = shown
        self.confirmed = confirmed


class Previewed(NamedTuple):
    """A request that would be allowed, as far as can be told without a proof."""

    chain: VerifiedChain
    query: Query
    confirmed: tuple[Confirmed, ...]


class Refusal(NamedTuple):
    """A request that is refused.

    Attributes:
        error: the reason and the hop; `error.evidence` where a condition refused.
        query: what was asked.
        chain: the verified chain; `None` where it did not get that far.
        confirmed: the discharges that held.
    """

    error: DelegateError
    query: Query
    chain: VerifiedChain | None
    confirmed: tuple[Confirmed, ...]


DECIDING: Final = object()
