"""What was presented × a query → `Granted`, `Previewed` or `Refusal`: the steps of SPEC §5 in their order.

The rules of this file:

- No I/O and no clock: time comes in, effects go out. The sync and the async driver run the same generators.
- One generator has the steps of a decision and of a preview, so that no check can be in one and not in the other.
- Refusing spends nothing: every check that only reads comes first; the proof is claimed and pools are charged last.
- A `Granted` is made in this file alone, after the last step; whatever acts for a request demands one. A `Previewed`
  looks like one and is none: nothing was proven, claimed or charged.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from delegate.core.chain.binding import frame
from delegate.core.chain.links import at_hop
from delegate.core.chain.revocations import Feed, Record, RevocationList
from delegate.core.decide.discharges import Confirmed, discharged, hinted, staples
from delegate.core.decide.effects import AddRevocations, Effect, FindFeeds, FindRecords
from delegate.core.decide.evaluate import Query, evaluate
from delegate.core.decide.possession import Proof, SecretShown, possession
from delegate.core.decide.remembered import Generation
from delegate.core.decide.remembered_texts import keep, recall
from delegate.core.decide.revocation import check_fresh, check_revoked, needs_freshness, sought
from delegate.core.decide.settings import Settings
from delegate.core.decide.signatures import check_now_and_here, verify_blocks
from delegate.core.decide.spending import refusal, to_spend
from delegate.core.decide.verified import VerifiedChain
from delegate.core.wire.envelope import Envelope
from delegate.errors import DelegateError, Reason, TokenError, VerificationError

Presented: TypeAlias = Envelope | str | bytes | None

T = TypeVar("T")
Checking: TypeAlias = Generator[Effect, Any, T]

_HERE: Final = object()


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
        made: object,
    ) -> None:
        """Made by `deciding`, which alone has what `made` must be."""
        if made is not _HERE:
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
        proven: whether its presenter showed that the chain is theirs.
    """

    error: DelegateError
    query: Query
    chain: VerifiedChain | None
    confirmed: tuple[Confirmed, ...]
    proven: bool = False


Answer: TypeAlias = Granted | Previewed | Refusal


def deciding(
    presented: Presented, query: Query, generation: Generation, settings: Settings, *, is_preview: bool = False
) -> Checking[Answer]:
    """Decide one request: performs steps 1 to 8 of SPEC §5, and owes nothing.

    The driver sends back what an effect came to, or throws a `DelegateError` in where it failed.

    Args:
        presented: an envelope, or its text or bytes.
        query: what the service wants to know.
        generation: whom it trusts, and what held before.
        settings: its configuration.
        is_preview: say what the chain would allow, without a proof: step 5 is left out but for discharges, and step 8.
            The answer is never a `Granted`, and no service may act on it.

    Raises:
        TypeError: `presented` is of no type that could hold one.
    """
    request, now = query.request, query.now
    text = presented if isinstance(presented, str) and not is_preview else None
    chain: VerifiedChain | None = None
    confirmed: tuple[Confirmed, ...] = ()
    shown: Proof | SecretShown | None = None
    seen = False
    try:
        recalled = None if text is None else recall(text, generation, settings.tail_bytes)
        if recalled is not None:  # SPEC 5.9: steps 1 and 2, and a bearer token's 5, saw nothing but this text
            found, chain, shown = recalled
        else:
            found = framed(presented)  # SPEC 5.1
            chain, seen = verify_blocks(found.blocks, generation, settings)  # SPEC 5.2
        check_now_and_here(chain, settings, now)  # SPEC 5.3, 5.4.1 to 5.4.3
        records: Sequence[Record] = ()
        feeds: Sequence[Feed] = ()
        if chain.link.fresh is not None or settings.checks_revocations:  # SPEC 5.4.4, 5.4.5
            records, feeds = yield from _finding_revoked(chain, generation, settings, now, found.discharges)
        if shown is None and not is_preview:
            shown = possession(found, chain, request, settings, now)  # SPEC 5.5.1 to 5.5.11
            if text is not None and seen:  # from the second time on: most have none
                keep(text, found, chain, generation, settings.tail_bytes)
        if found.discharges:
            confirmed, fault = discharged(found.discharges, chain, request, records, settings, now)  # SPEC 5.5.12
            if fault is not None:
                raise fault
            check_fresh(chain, feeds, settings, now, staples(confirmed))  # SPEC 5.5.13
        if settings.finding_known is not None:  # SPEC 5.5.14
            query = query._replace(**(yield from settings.finding_known(chain, now)))
        evaluate(chain, query, settings, confirmed)  # SPEC 5.6, 5.7
        if shown is None:
            return Previewed(chain, query, confirmed)
        if type(shown) is Proof:  # SPEC 5.8
            spend = to_spend(chain.link, shown, query, settings, confirmed)
            try:
                outcome = yield spend
            except VerificationError as error:  # a store that does not remember so far back
                raise at_hop(error, chain.link.hop) from None
            if outcome is not True:
                raise refusal(outcome, chain.link, spend.charges, confirmed)
    except DelegateError as error:
        return Refusal(error, query, chain, confirmed, shown is not None)
    return Granted(chain, query, shown, confirmed, _HERE)


def checking_chain(
    presented: Presented, generation: Generation, settings: Settings, now: int
) -> Checking[VerifiedChain]:
    """Check who signed a chain, and that it is good now and here: performs steps 1 to 4; yields the look-ups.

    Whoever calls it owes 5 to 8: nobody has proven anything, and no request was looked at.
    """
    chain, _ = verify_blocks(framed(presented).blocks, generation, settings)
    check_now_and_here(chain, settings, now)
    if chain.link.fresh is not None or settings.checks_revocations:
        yield from _finding_revoked(chain, generation, settings, now)
    return chain


def accepting(source: RevocationList | str | bytes, generation: Generation, settings: Settings) -> Checking[int]:
    """Take over a revocation list; yields the addition."""
    found = source if isinstance(source, RevocationList) else RevocationList.parse(source)
    known = found.signer in generation.by_thumbprint or found.signer in settings.revokers
    return int((yield AddRevocations(found, known, settings.now())))


def _finding_revoked(
    chain: VerifiedChain, generation: Generation, settings: Settings, now: int, discharges: Sequence[bytes] = ()
) -> Checking[tuple[Sequence[Record], Sequence[Feed]]]:
    """Refuse what was taken back, and to decide by stale data: performs 5.4.4 and 5.4.5; yields the look-ups.

    With discharges, their keys are looked up too, and 5.4.5 is left out: whoever calls it owes it as 5.5.13, when they
    were judged, since one may be a staple.

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
    """Frame whatever was presented: performs step 1; raises TokenError."""
    blank = presented.strip(" \t\r\n") == "" if isinstance(presented, str) else presented in (None, b"")
    if blank:
        raise TokenError(Reason.NOTHING_PRESENTED, "nothing was presented")  # no header, or an empty one
    if isinstance(presented, (str, bytes)):
        return frame(presented)
    if type(presented) is Envelope:
        return presented
    message = f"a presentation is an object of this library, its text or its bytes, not {type(presented).__name__}"
    raise TypeError(message)
