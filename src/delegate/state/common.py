"""What every engine checks and keeps alike (SPEC §10).

The rules of this file:

- What a caller got wrong is said before a store is asked: it changes nothing, anywhere.
- Text goes to a store as bytes and comes back the same, whatever is in it: no store has a say over characters.
- A bound says what it protects against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from delegate.core.chain.revocations import Record
from delegate.core.decide.stores import Charge, Claim, SettlementError
from delegate.errors import Reason, StateError, VerificationError
from delegate.limits import INTEGER_MAX, WHY_CHARACTERS

# How much longer than asked a server keeps a claim: so far may its clock be ahead of a verifier's before a proof is
# refused for it. Short, since every request leaves a claim.
CLAIMS_KEPT_S: Final = 60
# The same for pools and for records of blocks, which are few.
KEPT_S: Final = 86_400
# How many records go into one transaction: a list of any length holds nobody else up for longer than this takes.
BATCH_COUNT: Final = 1_000


def twice(claims: Sequence[Claim]) -> int | None:
    """Give the place of the first id that stands in this call for the second time."""
    seen: set[bytes] = set()
    for place, each in enumerate(claims):
        if each.id in seen:
            return place
        seen.add(each.id)
    return None


def check_current(claims: Sequence[Claim], now: int) -> None:
    """Refuse ids that have lapsed by the verifier's own clock.

    Raises:
        VerificationError: PROOF_EXPIRED.
    """
    if any(each.until < now for each in claims):
        raise lapsed()


def check_charges(claims: Sequence[Claim], charges: Sequence[Charge]) -> None:
    """Refuse what no ledger can mean.

    Raises:
        ValueError: no claim; an amount or limit that is not from 0 to 2^63−1; one pool twice.
    """
    if not claims:
        message = "a charge needs a claim: it is remembered under its id"
        raise ValueError(message)
    for each in charges:
        if not (_is_amount(each.amount) and _is_amount(each.limit)):
            message = "amounts and limits are integers from 0 to 2^63−1"
            raise ValueError(message)
    if len({(each.block_id, each.unit) for each in charges}) != len(charges):
        message = "a pool is charged once in a call"
        raise ValueError(message)


def check_actual(actual: Mapping[str, int]) -> None:
    """Refuse a settlement that is no count of anything.

    Raises:
        ValueError: an amount that is not from 0 to 2^63−1.
    """
    if not all(map(_is_amount, actual.values())):
        message = "amounts are integers from 0 to 2^63−1"
        raise ValueError(message)


def refunds(charged: Sequence[tuple[bytes, str, int]], actual: Mapping[str, int]) -> list[tuple[bytes, str, int]]:
    """Say what each pool gets back: block id, unit, amount; pools that get nothing are left out.

    Raises:
        SettlementError: more than was charged.
    """
    least: dict[str, int] = {}
    for _, unit, amount in charged:
        least[unit] = min(amount, least.get(unit, amount))
    if any(amount > least.get(unit, 0) for unit, amount in actual.items()):
        raise too_much()
    back = [(block_id, unit, amount - actual.get(unit, amount)) for block_id, unit, amount in charged]
    return [each for each in back if each[2]]


def _is_amount(value: object) -> bool:
    return type(value) is int and 0 <= value <= INTEGER_MAX


def lapsed() -> VerificationError:
    """Make the refusal of an id that the store may have seen and forgotten."""
    return VerificationError(Reason.PROOF_EXPIRED, "older than proofs that have lapsed already")


def from_before(place: int) -> VerificationError:
    """Make the refusal of an id that may have been used before the store began; `place` 0 is the proof's."""
    if place:
        detail = "a discharge that serves once was made before this store began to remember: ask for it again"
        return VerificationError(Reason.PROOF_EXPIRED, detail)
    return VerificationError(Reason.PROOF_EXPIRED, "made before this store began to remember proofs")


def pool_lapsed() -> StateError:
    """Make the refusal to charge a pool that the ledger may have forgotten."""
    return unavailable("the pool's chain has expired; what was spent is forgotten")


def too_much() -> SettlementError:
    """Make the refusal to settle more than was charged."""
    return SettlementError("a request cannot have cost more than it was charged")


def unavailable(detail: str) -> StateError:
    """Make the refusal of a store that cannot say."""
    return StateError(Reason.STATE_UNAVAILABLE, detail)


def pack(text: str) -> bytes:
    """Write text as bytes; any text, lone surrogates and NUL included."""
    return text.encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> str:
    """Read what `pack` wrote; raises StateError where somebody else wrote it."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        message = "there is a text that is not UTF-8"
        raise unavailable(message) from None


def distinct(records: Sequence[Record]) -> list[Record]:
    """Make one of several words of one signer about one subject."""
    kept: dict[tuple[bytes, bytes, bool], Record] = {}
    for each in records:
        word = (each.subject, each.signer, each.is_key)
        kept[word] = merge(kept[word], each) if word in kept else each
    return list(kept.values())


def merge(known: Record, record: Record) -> Record:
    """Make one of two words of one signer about one subject; what it says for people stays as it was."""
    return known._replace(since=min(known.since, record.since), until=max(known.until, record.until))


def batches(records: Sequence[Record]) -> Iterator[tuple[Sequence[Record], bool]]:
    """Cut a list into what one transaction takes, and say which is the last one.

    Records only add, so a list that was taken over in part does no harm; its feed moves with the last batch.
    """
    last = max(0, len(records) - 1) // BATCH_COUNT
    for number in range(last + 1):
        yield records[number * BATCH_COUNT : (number + 1) * BATCH_COUNT], number == last


# What an engine is given when it is opened, and must give back: every byte there is, nothing, and the longest text.
PROOF_TEXTS: Final = (bytes(range(256)), b"", b"\xf4\x8f\xbf\xbf" * WHY_CHARACTERS)
PROOF_IDS: Final = tuple(bytes(range(first, first + 32)) for first in range(0, 256, 32))


def gave_back_another(where: str) -> StateError:
    """Make the refusal to open a store that does not keep what it is given."""
    return unavailable(f"{where} does not give back the bytes that it was given: it cannot be used")
