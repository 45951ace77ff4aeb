"""What a decision needs of the outside: each effect is one call of one store (SPEC §10).

The rules of this file:

- `call` calls the store, and gives what it gives: an answer, or something to await. `answer` takes the answer, and
  nothing else for one: a store that answers something of another kind has not answered.
- Whatever a store raises, but for a `DelegateError`, is no answer either: the drivers see to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from delegate.core.chain.revocations import Feed, Record, RevocationList
from delegate.core.decide.settings import Settings
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused, SettlementError
from delegate.errors import DelegateError, Reason, StateError

_RECORD: Final = (bytes, bytes, bool, int, int, str)
_FEED: Final = (bytes, int, int, int)


class Spend(NamedTuple):
    """Claim these ids and charge these pools, all of it or nothing."""

    claims: tuple[Claim, ...]
    charges: tuple[Charge, ...]
    now: int

    def call(self, settings: Settings) -> object:
        """Call the ledger where there is something to charge; it remembers ids itself. Else the replay store."""
        if self.charges and settings.ledger is not None:
            return settings.ledger.charge(self.claims, self.charges, now=self.now)
        return settings.replay.claim(self.claims, now=self.now)

    def answer(self, given: object) -> Outcome:
        """Take `True`, or why not: a claim or a charge of these, and of a charge less left than it would take."""
        if given is True:
            return True
        if type(given) is Refused and self._could_be(*given):
            return given
        _no_answer(given)

    def _could_be(self, place: object, left: object) -> bool:
        spent = self.claims if left is None else self.charges
        if type(place) is not int or not 0 <= place < len(spent):
            return False
        return left is None or (type(left) is int and 0 <= left < self.charges[place].amount)


class FindRecords(NamedTuple):
    """Find every record about any of these block ids and keys by one of these signers."""

    subjects: tuple[bytes, ...]
    signers: tuple[bytes, ...]
    now: int

    def call(self, settings: Settings) -> object:
        """Call the revocation store."""
        return settings.revocations.look_up(self.subjects, self.signers, now=self.now)

    def answer(self, given: object) -> Sequence[Record]:
        """Take records, and nothing that only looks like one: what does not compare would not count."""
        if isinstance(given, (list, tuple)) and all(_is(Record, _RECORD, each) for each in given):
            return given
        _no_answer(given)


class FindFeeds(NamedTuple):
    """Find the newest feed of each of these signers."""

    signers: tuple[bytes, ...]

    def call(self, settings: Settings) -> object:
        """Call the revocation store."""
        return settings.revocations.feeds(self.signers)

    def answer(self, given: object) -> Sequence[Feed]:
        """Take feeds, and nothing that only looks like one: a time that is no number would pass for fresh."""
        if isinstance(given, (list, tuple)) and all(_is(Feed, _FEED, each) for each in given):
            return given
        _no_answer(given)


class AddRevocations(NamedTuple):
    """Take over a revocation list."""

    found: RevocationList
    known: bool  # whether its signer is one of the verifier's roots or revokers
    now: int

    def call(self, settings: Settings) -> object:
        """Give it to the revocation store."""
        return settings.revocations.add(self.found.feed, self.found.records, now=self.now, known=self.known)

    def answer(self, given: object) -> int:
        """Take how many records are new."""
        if type(given) is int:
            return given
        _no_answer(given)


class Settle(NamedTuple):
    """Give back what a charge turned out not to need."""

    claim_id: bytes
    actual: Mapping[str, int]
    now: int

    def call(self, settings: Settings) -> object:
        """Call the ledger."""
        return False if settings.ledger is None else settings.ledger.settle(self.claim_id, self.actual, now=self.now)

    def answer(self, given: object) -> bool:
        """Take whether this was the first time."""
        if type(given) is bool:
            return given
        _no_answer(given)


Effect: TypeAlias = Spend | FindRecords | FindFeeds | AddRevocations | Settle


def perform(effect: Effect, settings: Settings) -> Any:  # noqa: ANN401 - each effect has an answer of its own
    """Call the store, and take its answer.

    Raises:
        DelegateError: the store's own refusal; STATE_UNAVAILABLE for anything else that it raised.
        SettlementError: a settlement of more than was charged.
    """
    try:
        return effect.answer(effect.call(settings))
    except DelegateError:
        raise
    except Exception as error:
        raise failure(effect, error) from error


def failure(effect: Effect, error: Exception) -> Exception:
    """Say what a store's exception comes to: it did not answer, unless the caller wanted too much back."""
    if type(effect) is Settle and isinstance(error, SettlementError):
        return SettlementError(*error.args)
    return StateError(Reason.STATE_UNAVAILABLE, f"a store raised {type(error).__name__}")


def _is(kind: type, fields: tuple[type, ...], given: object) -> bool:
    return isinstance(given, tuple) and type(given) is kind and tuple(map(type, given)) == fields


def _no_answer(given: object) -> NoReturn:
    message = f"a store answered with {type(given).__name__}"
    raise TypeError(message)
