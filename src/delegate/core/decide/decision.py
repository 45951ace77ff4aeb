"""What was presented × a query → `Granted` or `Refusal`: the steps of SPEC §5 in their order.

The rules of this file:

- No I/O and no clock: time comes in, effects go out. The sync and the async driver run the same generators.
- One generator has the steps that a decision and a preview share, so that no check can be in one and not the other.
- Refusing spends nothing: every check that only reads comes first; the proof is claimed and pools are charged last.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from delegate.core.chain.binding import frame
from delegate.core.chain.links import at_hop
from delegate.core.chain.revocations import Feed, Record, RevocationList
from delegate.core.decide.discharges import Confirmed, discharged, hinted, staples
from delegate.core.decide.effects import AddRevocations, Effect, FindFeeds, FindRecords, Spend
from delegate.core.decide.evaluate import evaluate
from delegate.core.decide.generation import Generation
from delegate.core.decide.granted import DECIDING, Granted, Previewed, Query, Refusal
from delegate.core.decide.known_texts import keep, recall
from delegate.core.decide.possession import Proof, SecretShown, possession
from delegate.core.decide.revocation import check_fresh, check_revoked, needs_freshness, sought
from delegate.core.decide.settings import Settings
from delegate.core.decide.signatures import check_now_and_here, verify_blocks
from delegate.core.decide.spending import charges, claim_of, refusal, serving_once
from delegate.core.decide.stores import Claim
from delegate.core.decide.verified import VerifiedChain
from delegate.core.wire.envelope import Envelope
from delegate.errors import DelegateError, Reason, TokenError, VerificationError

Presented: TypeAlias = Envelope | str | bytes | None

T = TypeVar("T")
Checking: TypeAlias = Generator[Effect, Any, T]


class _Progress:
    """How far a request got: what a refusal tells besides its error."""

    __slots__ = ("chain", "confirmed")

    def __init__(self) -> None:
        self.chain: VerifiedChain | None = None
        self.confirmed: tuple[Confirmed, ...] = ()


def deciding(
    presented: Presented, query: Query, generation: Generation, settings: Settings
) -> Checking[Granted | Refusal]:
    """Decide one request: performs steps 1 to 8 of SPEC §5, and owes nothing.

    The driver sends back what an effect came to, or throws a `DelegateError` in where it failed.

    Raises:
        TypeError: `presented` is of no type that could hold one.
    """
    progress = _Progress()
    try:
        chain, shown = yield from _permitting(presented, query, generation, settings, progress, is_preview=False)
        if type(shown) is Proof:  # SPEC 5.8
            yield from _spending(chain, shown, query, settings, progress.confirmed)
    except DelegateError as error:
        return Refusal(error, query, progress.chain, progress.confirmed)
    assert shown is not None  # noqa: S101 - only a preview shows nothing
    return Granted(chain, query, shown, progress.confirmed, DECIDING)


def previewing(
    presented: Presented, query: Query, generation: Generation, settings: Settings
) -> Checking[Previewed | Refusal]:
    """Say what a chain would allow, without a proof: performs steps 1 to 4, 6 and 7. No service may act on it."""
    progress = _Progress()
    try:
        chain, _ = yield from _permitting(presented, query, generation, settings, progress, is_preview=True)
    except DelegateError as error:
        return Refusal(error, query, progress.chain, progress.confirmed)
    return Previewed(chain, query, progress.confirmed)


def checking_chain(
    presented: Presented, generation: Generation, settings: Settings, now: int
) -> Checking[VerifiedChain]:
    """Check who signed a chain, and that it is good now and here: performs steps 1 to 4; yields the look-up.

    Whoever calls it owes 5 to 8: nobody has proven anything, and no request was looked at.
    """
    chain = verify_blocks(framed(presented).blocks, generation, settings)[0]
    check_now_and_here(chain, settings, now)
    if chain.link.fresh is not None or settings.asks_revocations:
        yield from _checking_revocation(chain, generation, settings, now)
    return chain


def accepting(source: RevocationList | str | bytes, generation: Generation, settings: Settings) -> Checking[int]:
    """Take over a revocation list; yields the addition."""
    found = source if isinstance(source, RevocationList) else RevocationList.parse(source)
    known = found.signer in generation.by_thumbprint or found.signer in settings.revokers
    return int((yield AddRevocations(found, known, settings.now())))


def _permitting(
    presented: Presented,
    query: Query,
    generation: Generation,
    settings: Settings,
    progress: _Progress,
    *,
    is_preview: bool,
) -> Checking[tuple[VerifiedChain, Proof | SecretShown | None]]:
    """Perform steps 1 to 7: everything that only reads. Whoever calls it owes 8; of a preview, 5 as well.

    Returns:
        The chain, and how its presenter showed that it is theirs; `None` in a preview, which does not ask.
    """
    request, now = query.request, query.now
    text = presented if isinstance(presented, str) else None
    seen = False
    left: Envelope | SecretShown
    known = None if text is None else recall(text, generation, settings.tail_bytes)
    if known is not None:  # SPEC 5.9: steps 1 and 2 saw nothing but this text
        left, chain = known
    else:
        left = framed(presented)  # SPEC 5.1
        chain, seen = verify_blocks(left.blocks, generation, settings)  # SPEC 5.2
    progress.chain = chain
    check_now_and_here(chain, settings, now)  # SPEC 5.3, 5.4
    discharges = () if isinstance(left, SecretShown) else left.discharges
    records: Sequence[Record] = ()
    feeds: Sequence[Feed] = ()
    if chain.link.fresh is not None or settings.asks_revocations:  # SPEC 5.4
        records, feeds = yield from _checking_revocation(chain, generation, settings, now, discharges)
    shown: Proof | SecretShown | None = None
    if not is_preview:
        shown = left if isinstance(left, SecretShown) else possession(left, chain, request, settings, now)  # SPEC 5.5
    if seen and text is not None and not isinstance(left, SecretShown) and not is_preview:
        keep(text, left, chain, generation, settings.tail_bytes)  # from the second time on: most have none
    if discharges:  # SPEC 5.5
        progress.confirmed, fault = discharged(discharges, chain, request, records, settings, now)
        if fault is not None:
            raise fault
        check_fresh(chain, feeds, settings, now, staples(progress.confirmed))
    evaluate(chain, query, settings, progress.confirmed)  # SPEC 5.6, 5.7
    return chain, shown


def _spending(
    chain: VerifiedChain, proof: Proof, query: Query, settings: Settings, confirmed: Sequence[Confirmed]
) -> Checking[None]:
    """Claim the proof and charge every pool, all or nothing (step 8); yields that one effect.

    Raises:
        VerificationError: REPLAYED. Denied: BUDGET_UNPRICED, BUDGET_EXHAUSTED. StateError: BUDGET_UNAVAILABLE.
    """
    link = chain.link
    charged = charges(link, query.cost, has_ledger=settings.ledger is not None) if link.pools else ()
    until = proof.issued + settings.proof_window_s + settings.leeway_s
    claims: tuple[Claim, ...] = (Claim(proof.id, proof.issued, until),)
    once = serving_once(confirmed) if confirmed else []
    claims += tuple(claim_of(need, each, link) for need, each in once)
    try:
        outcome = yield Spend(claims, charged, query.now)
    except VerificationError as error:
        raise at_hop(error, link.hop) from None
    if outcome is not True:
        raise refusal(outcome, link, charged, once)


def _checking_revocation(
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
        records = yield FindRecords(wanted, signers, now)
        if records:
            check_revoked(chain, records, settings, now)
        if needs_freshness(chain, settings):
            feeds = yield FindFeeds(tuple(settings.revokers))
    if not discharges:
        check_fresh(chain, feeds, settings, now)
    return records, feeds


def framed(presented: Presented) -> Envelope:
    """Frame whatever was presented; raises TokenError."""
    blank = presented.strip(" \t\r\n") == "" if isinstance(presented, str) else presented in (None, b"")
    if blank:
        raise TokenError(Reason.NOTHING_PRESENTED, "nothing was presented")  # no header, or an empty one
    if isinstance(presented, (str, bytes)):
        return frame(presented)
    if type(presented) is Envelope:
        return presented
    message = f"a presentation is an object of this library, its text or its bytes, not {type(presented).__name__}"
    raise TypeError(message)
