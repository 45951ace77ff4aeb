"""Chain × request → authorization: a pure decision that yields the effects it needs (SPEC §5, steps 5 to 8).

The rules of this file:

- No I/O and no clock: time comes in, effects go out. The sync and the async verifier drive the same body.
- Refusing spends nothing: every check that only reads comes first; the proof is claimed last.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from delegate.chain.bearer import BearerToken
from delegate.chain.links import at_hop
from delegate.chain.request import Request
from delegate.chain.revocations import Feed, Record, RevocationList
from delegate.chain.token import Presentation, Token, frame
from delegate.errors import DelegateError, Reason, TokenError, VerificationError
from delegate.state import Claim
from delegate.verify.authorization import Authorization, Decision, refused
from delegate.verify.chain import check_now_and_here, verify_blocks
from delegate.verify.discharges import Confirmed, discharged, hinted, staples
from delegate.verify.effects import AddRevocations, Effect, FindFeeds, FindRecords, Spend
from delegate.verify.evaluate import asking, evaluate
from delegate.verify.generation import Generation
from delegate.verify.possession import possession
from delegate.verify.revocation import check_fresh, check_revoked, needs_freshness, sought
from delegate.verify.settings import Settings
from delegate.verify.spending import charges, claim_of, refusal, serving_once
from delegate.verify.texts import keep, recall
from delegate.verify.verified import VerifiedChain
from delegate.wire.envelope import Envelope

Presented: TypeAlias = Presentation | BearerToken | Token | str | bytes | None

_new: Final = tuple.__new__  # without the constructor that it makes, a tuple takes 0.2 µs less
T = TypeVar("T")
Checking: TypeAlias = Generator[Effect, Any, T]
Deciding: TypeAlias = Generator[Effect, Any, Authorization | Decision]


class Asked(NamedTuple):
    """What a service asks of its verifier, besides the presentation.

    Attributes:
        request: as it was normalised.
        env: facts that the service vouches for.
        cost: unit → what the request costs.
        now: the verifier's clock.
    """

    request: Request
    env: Mapping[str, Any]
    cost: Mapping[str, int]
    now: int


def deciding(presentation: Presented, asked: Asked, generation: Generation, settings: Settings) -> Deciding:
    """Decide one request: yields effects, returns an authorization, or the decision that refuses.

    The driver sends back what an effect came to, or throws a `DelegateError` in where it failed.

    Raises:
        TypeError: `presentation` is of no type that could hold one.
    """
    request, env, cost, now = asked
    chain: VerifiedChain | None = None
    confirmed: tuple[Confirmed, ...] = ()
    try:
        text = presentation if isinstance(presentation, str) else None
        seen = False
        known = None if text is None else recall(text, generation, settings.tail_bytes)
        if known is not None:  # SPEC 5.9: steps 1 and 2 saw nothing but this text
            left, chain = known
        else:
            left = framed(presentation)  # SPEC 5.1
            chain, seen = verify_blocks(left.blocks, generation, settings)  # SPEC 5.2
        link = chain.link
        check_now_and_here(chain, settings, now)  # SPEC 5.3, 5.4
        discharges = () if left is None else left.discharges
        records: Sequence[Record] = ()
        feeds: Sequence[Feed] = ()
        if link.fresh is not None or settings.asks_revocations:
            records, feeds = yield from checking_revocation(chain, generation, settings, now, discharges)  # SPEC 5.4
        proof = None if left is None else possession(left, chain, request, settings, now)  # SPEC 5.5
        if seen and text is not None and left is not None:  # from the second time on: most chains have none
            keep(text, left, chain, generation, settings.tail_bytes)
        if discharges:  # SPEC 5.5
            confirmed, fault = discharged(discharges, chain, request, records, settings, now)
            if fault is not None:
                raise fault
            check_fresh(chain, feeds, settings, now, staples(confirmed))
        evaluate(chain, request, env, settings, now, confirmed)  # SPEC 5.6, 5.7
        if proof is not None:  # SPEC 5.8
            cost_of_all = charges(link, cost, has_ledger=settings.ledger is not None) if link.pools else ()
            until = proof.issued + settings.proof_window_s + settings.leeway_s
            claims: tuple[Claim, ...] = (_new(Claim, (proof.id, proof.issued, until)),)
            once = serving_once(confirmed) if confirmed else ()
            if once:
                claims += tuple(claim_of(need, each, link) for need, each in once)
            try:
                outcome = yield _new(Spend, (claims, cost_of_all, now))
            except VerificationError as error:
                raise at_hop(error, link.hop) from None
            if outcome is not True:
                raise refusal(outcome, link, cost_of_all, once)
    except DelegateError as error:
        ask = None if chain is None else partial(asking, chain, request, env, settings, now, confirmed)
        return refused(error, request, chain, ask)
    return Authorization(chain, request, settings, env, None if proof is None else proof.id, confirmed)


def checking_chain(token: Presented, generation: Generation, settings: Settings, now: int) -> Checking[VerifiedChain]:
    """Check who signed a chain, and that it is good now and here (SPEC §5.1 to §5.4); yields the look-up."""
    chain = verify_blocks(framed(token).blocks, generation, settings)[0]
    check_now_and_here(chain, settings, now)
    if chain.link.fresh is not None or settings.asks_revocations:
        yield from checking_revocation(chain, generation, settings, now)
    return chain


def previewing(token: Presented, asked: Asked, generation: Generation, settings: Settings) -> Checking[Decision]:
    """Say what a chain would allow, without a proof, and spend nothing; yields the look-up."""
    request, env, _, now = asked
    chain: VerifiedChain | None = None
    confirmed: tuple[Confirmed, ...] = ()
    try:
        found = framed(token)
        chain = verify_blocks(found.blocks, generation, settings)[0]
        check_now_and_here(chain, settings, now)
        records: Sequence[Record] = ()
        feeds: Sequence[Feed] = ()
        if chain.link.fresh is not None or settings.asks_revocations:
            records, feeds = yield from checking_revocation(chain, generation, settings, now, found.discharges)
        if found.discharges:
            confirmed, fault = discharged(found.discharges, chain, request, records, settings, now)
            if fault is not None:
                raise fault
            check_fresh(chain, feeds, settings, now, staples(confirmed))
        evaluate(chain, request, env, settings, now, confirmed)
    except DelegateError as error:
        ask = None if chain is None else partial(asking, chain, request, env, settings, now, confirmed)
        return refused(error, request, chain, ask)
    ask = partial(asking, chain, request, env, settings, now, confirmed)
    return Decision(allowed=True, request=request, chain=chain, _asking=ask)


def accepting(
    source: RevocationList | str | bytes, generation: Generation, settings: Settings
) -> Generator[Effect, Any, int]:
    """Take over a revocation list; yields the addition."""
    found = source if isinstance(source, RevocationList) else RevocationList.parse(source)
    known = found.signer in generation.by_thumbprint or found.signer in settings.revokers
    return int((yield AddRevocations(found, known, settings.now())))


def checking_revocation(
    chain: VerifiedChain, generation: Generation, settings: Settings, now: int, discharges: Sequence[bytes] = ()
) -> Checking[tuple[Sequence[Record], Sequence[Feed]]]:
    """Refuse what was taken back, and to decide by stale data; yields the look-up.

    With discharges their keys are looked up too, and the age of the data is judged when they were: one may be a staple.

    Returns:
        The records and the feeds that were found.

    Raises:
        VerificationError: REVOKED. StateError: REVOCATION_STALE, or what the driver throws in.
    """
    records: Sequence[Record] = ()
    feeds: Sequence[Feed] = ()
    if settings.has_revocations:
        wanted, signers = sought(chain, generation, settings)
        if discharges:
            named = hinted(discharges, settings)
            wanted, signers = (*wanted, *named), (*signers, *named)
        records = yield _new(FindRecords, (wanted, signers, now))
        if records:
            check_revoked(chain, records, settings, now)
        if needs_freshness(chain, settings):
            feeds = yield FindFeeds(tuple(settings.revokers))
    if not discharges:
        check_fresh(chain, feeds, settings, now)
    return records, feeds


def framed(presentation: Presented) -> Envelope:
    """Frame whatever was presented; raises TokenError."""
    if isinstance(presentation, (str, bytes)):
        return frame(presentation)
    if isinstance(presentation, (Presentation, BearerToken, Token)):
        return presentation.envelope()
    if presentation is None:  # a header that is not there
        raise TokenError(Reason.MALFORMED, "nothing was presented")
    message = f"a presentation is an object of this library, its text or its bytes, not {type(presentation).__name__}"
    raise TypeError(message)
