"""Chain × request → authorization: a pure decision that yields the effects it needs (SPEC §5, steps 5 to 8).

The rules of this file:

- No I/O and no clock: time comes in, effects go out. The sync and the async verifier drive the same body.
- Refusing spends nothing: every check that only reads comes first; the proof is claimed last.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from delegate.chain.bearer import BearerToken
from delegate.chain.links import at_hop
from delegate.chain.request import Request
from delegate.chain.token import Presentation, Token, frame
from delegate.errors import DelegateError, Reason, VerificationError
from delegate.state.protocols import Charge, Claim, Outcome
from delegate.verify.authorization import Authorization, Decision, refused
from delegate.verify.chain import check_now_and_here, verify_blocks
from delegate.verify.evaluate import asking, evaluate
from delegate.verify.generation import Generation
from delegate.verify.possession import possession
from delegate.verify.settings import Settings
from delegate.verify.texts import keep, recall
from delegate.verify.verified import VerifiedChain
from delegate.wire.envelope import Envelope

Presented: TypeAlias = Presentation | BearerToken | Token | str | bytes


class Spend(NamedTuple):
    """Effect: claim these ids and charge these pools, all of it or nothing."""

    claims: tuple[Claim, ...]
    charges: tuple[Charge, ...]
    now: int


_new: Final = tuple.__new__  # without the constructor that it makes, a tuple takes 0.2 µs less
Effect: TypeAlias = Spend
Deciding: TypeAlias = Generator[Effect, Outcome, Authorization | Decision]


def deciding(
    presentation: Presented,
    request: Request,
    env: Mapping[str, Any],
    generation: Generation,
    settings: Settings,
    now: int,
) -> Deciding:
    """Decide one request: yields effects, returns an authorization, or the decision that refuses.

    The driver sends back what an effect came to, or throws a `DelegateError` in where it failed.

    Raises:
        TypeError: `presentation` is of no type that could hold one.
    """
    chain: VerifiedChain | None = None
    try:
        text = presentation if isinstance(presentation, str) else None
        seen = False
        known = None if text is None else recall(text, generation, settings.tail_bytes)
        if known is not None:  # SPEC 5.9: steps 1 and 2 saw nothing but this text
            left, chain = known
        else:
            left = framed(presentation)  # SPEC 5.1
            chain, seen = verify_blocks(left.blocks, generation, settings)  # SPEC 5.2
        check_now_and_here(chain, settings, now)  # SPEC 5.3, 5.4
        proof = None if left is None else possession(left, chain, request, settings, now)  # SPEC 5.5
        if seen and text is not None and left is not None:  # from the second time on: most chains have none
            keep(text, left, chain, generation, settings.tail_bytes)
        evaluate(chain, request, env, settings, now)  # SPEC 5.6, 5.7
        if proof is not None:  # SPEC 5.8
            until = proof.issued + settings.proof_window_s + settings.leeway_s
            try:
                claim = _new(Claim, (proof.id, proof.issued, until))
                outcome = yield _new(Spend, ((claim,), (), now))
            except VerificationError as error:
                raise at_hop(error, chain.link.hop) from None
            if outcome is not True:
                raise VerificationError(Reason.REPLAYED, "this proof has been used", hop=chain.link.hop)
    except DelegateError as error:
        ask = None if chain is None else partial(asking, chain, request, env, settings, now)
        return refused(error, request, chain, ask)
    return Authorization(chain, request, settings, env, None if proof is None else proof.id)


def framed(presentation: Presented) -> Envelope:
    """Frame whatever was presented; raises TokenError."""
    if isinstance(presentation, (str, bytes)):
        return frame(presentation)
    return presentation.envelope()
