"""Whether a chain, or a key in it, was taken back, and how old the word on that may be (SPEC §5.4, §10.2).

The rules of this file:

- A record counts by who signed it, never by who brought it: of a block, if its signer signed that block or one above it
  in *this* chain; of a key, if it is that key's own; of either, if it is one of the verifier's revokers.
- `iat` is a signer's own word, so a revoked key takes everything, from the beginning, unless the record itself gives a
  date.
- Nothing here calls a store: it says what to look up, and judges what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from delegate.core.chain.printable import shown
from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.remembered import Generation, Sought
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import VerifiedChain
from delegate.errors import Reason, StateError, VerificationError


def sought(chain: VerifiedChain, generation: Generation, settings: Settings) -> Sought:
    """List what is to be looked up, and by whom a record of it could count.

    That is the id of every block, and the thumbprint of every key, the root's first; by these keys and the revokers. It
    is remembered with the generation of roots: for a warm chain that saves 4 µs.
    """
    found = generation.sought.get(chain.link.id)
    if found is None:
        found = _sought(chain, settings.revokers)
        generation.sought.put(chain.link.id, found)
    return found


def _sought(chain: VerifiedChain, revokers: Iterable[bytes]) -> Sought:
    links = chain.link.up()
    keys = [chain.root.principal.public_key.thumbprint]
    last = b""
    for link in links:
        key = link.block.key
        if key.raw != last:  # a block that only narrows keeps the key
            keys.append(key.thumbprint)
            last = key.raw
    return Sought((*(link.id for link in links), *keys), tuple(dict.fromkeys((*keys, *revokers))))


def check_revoked(chain: VerifiedChain, records: Iterable[Record], settings: Settings, now: int) -> None:
    """Refuse a chain that a record counts against.

    Performs line 4 of SPEC §5.4 on the records that were found. Whoever calls it owes line 5.

    Raises:
        VerificationError: REVOKED; `.hop` is the first block that falls.
    """
    found = [(hop, record) for record in records if (hop := _falls(record, chain, settings, now)) is not None]
    if found:
        hop, record = min(found, key=lambda each: each[0])
        what = "a key in it was revoked" if record.is_key else "it was revoked"
        why = f": {shown(record.why)}" if record.why else ""
        raise VerificationError(Reason.REVOKED, f"{what} by {_word(record.signer, chain, settings)}{why}", hop=hop)


def needs_freshness(chain: VerifiedChain, settings: Settings) -> bool:
    """Say whether chain or verifier bound the age of revocation data."""
    return chain.link.fresh is not None or settings.max_revocation_age_s is not None


def check_fresh(
    chain: VerifiedChain, feeds: Sequence[Feed], settings: Settings, now: int, staples: Sequence[Feed] = ()
) -> None:
    """Refuse to decide by revocation data that is older than chain or verifier allow.

    Performs line 5 of SPEC §5.4; with staples of discharges that held, line 13 of §5.5.

    What counts is the oldest feed among the verifier's revokers; with none, or one that has expired, the data is stale.
    A revoker's staple, made for this very chain, does where its list does not (SPEC §14.4).

    Raises:
        StateError: REVOCATION_STALE; `.hop` is the block that bounds the age, if the verifier does not.
    """
    own, chains = settings.max_revocation_age_s, chain.link.fresh
    if own is None and chains is None:
        return
    hop, most = None, own
    if chains is not None and (own is None or chains < own):
        most = chains
        hop = next(link.hop for link in chain.link.up() if link.block.fresh == chains)
    by_signer = {feed.signer: feed for feed in feeds}
    if not settings.due:
        raise StateError(Reason.REVOCATION_STALE, "this verifier has no revokers whose lists could be fresh", hop=hop)
    for signer, name in settings.due.items():
        if any(each.signer == signer and not _stale(each, most, settings, now) for each in staples):
            continue
        feed = by_signer.get(signer)
        if feed is None:
            raise StateError(Reason.REVOCATION_STALE, f"no list by {name} has been seen", hop=hop)
        words = _stale(feed, most, settings, now)
        if words:
            raise StateError(Reason.REVOCATION_STALE, f"the list by {name} {words}", hop=hop)


def _stale(feed: Feed, most: int | None, settings: Settings, now: int) -> str:
    """Say why a signer's word is too old to decide by; no words where it is not."""
    if now >= feed.expires:
        return "expired"
    if feed.issued > now + settings.leeway_s:
        return "is dated ahead"
    if most is not None and now - feed.issued > most:
        return f"is {now - feed.issued} s old; {most} s is the most allowed"
    return ""


def _falls(record: Record, chain: VerifiedChain, settings: Settings, now: int) -> int | None:
    """Give the first block that a record takes; `None` where it does not count here."""
    signer = chain.root.principal.public_key.thumbprint
    may = record.signer in settings.revokers or (record.is_key and record.signer == record.subject)
    links = chain.link.up()
    for link in links:
        if record.is_key:
            if may and signer == record.subject and link.block.issued >= record.since:
                return link.hop
        else:
            may = may or record.signer == signer
            if may and link.id == record.subject:
                return link.hop
        signer = link.block.key.thumbprint
    if may and record.is_key and signer == record.subject and now >= record.since:
        return chain.link.hop  # it holds the chain, and would prove now
    return None


def _word(signer: bytes, chain: VerifiedChain, settings: Settings) -> str:
    """Name who signed a record, as the verifier or the chain knows it."""
    name = settings.revokers.get(signer) or settings.names.get(signer)
    if name is not None:
        return name
    root = chain.root.principal
    if root.public_key.thumbprint == signer:
        return root.name
    holders = (link.block for link in chain.link.up())
    return next((block.holder for block in holders if block.key.thumbprint == signer), f"the key {signer[:8].hex()}…")
