"""Revocations in memory: one process, for tests and for services that load a list when they start (SPEC §10.2).

The rules of this file:

- Records only add. The two words of one signer about one subject become one: the earlier `since`, the later `until`.
- Full means refuse: a list is taken over whole, or not at all. Strangers' lists fill half of the room at most: they
  never keep out those of a root or a revoker.
- The child of a `fork` keeps them. Each step of an addition leaves what was there before: one that another thread had
  not ended is there in part, which does no harm.
- Records stay for good, whatever their `until` says: that is the signer's word, and a chain may outlive it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.remembered import ProcessLock
from delegate.state.common import distinct, merge, unavailable

_CAPACITY: Final = 1_000_000  # about 600 MB
_Word: TypeAlias = tuple[bytes, bool]  # signer, and whether it is about a key


class _Room:
    """Counts what each signer takes of the room. Signers that were never called known share half of it."""

    __slots__ = ("_capacity", "_known", "_of_strangers", "_strange", "kept")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: set[bytes] = set()
        self._of_strangers: Counter[bytes] = Counter()
        self._strange = 0  # the sum of these
        self.kept = 0

    def know(self, signers: set[bytes]) -> None:
        """From now on these may take all of it; what they have is no longer reckoned as strangers'."""
        for signer in signers - self._known:
            self._strange -= self._of_strangers.pop(signer, 0)
        self._known |= signers

    def take(self, new: Counter[bytes]) -> None:
        """Take room for so many of each signer's, or raise STATE_UNAVAILABLE and take none."""
        strange = {signer: count for signer, count in new.items() if signer not in self._known}
        added, theirs = new.total(), sum(strange.values())
        if self.kept + added > self._capacity:
            message = f"{self.kept} revocations and feeds are kept; no room for {added} more"
            raise unavailable(message)
        if theirs and self._strange + theirs > self._capacity // 2:
            message = (
                f"{self._strange} revocations and feeds of strangers are kept; no room for {theirs} more of theirs"
            )
            raise unavailable(message)
        self.kept += added
        self._strange += theirs
        self._of_strangers.update(strange)


class MemoryRevocations:
    """Keeps what has been revoked, in this process. Safe under threads; a decision's look-up takes no lock."""

    __slots__ = ("_feeds", "_lock", "_records", "_room")

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        """Start with nothing revoked; `capacity` is how many records and feeds to keep at most."""
        self._room = _Room(capacity)
        self._records: dict[bytes, dict[_Word, Record]] = {}
        self._feeds: dict[bytes, Feed] = {}
        self._lock = ProcessLock()

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - records stay whatever the time
        """Take over a list whose signature held, in one step, for good; see `RevocationStore.add`.

        Signers that were never `known` may take half of the room, all of them together.

        Raises:
            StateError: STATE_UNAVAILABLE: no room.
        """
        taken = distinct(records)
        with self._lock.mine():
            if known:
                self._room.know({feed.signer, *(each.signer for each in taken)})
            new = Counter(
                each.signer for each in taken if (each.signer, each.is_key) not in self._records.get(each.subject, ())
            )
            added = new.total()
            if feed.signer not in self._feeds:
                new[feed.signer] += 1
            self._room.take(new)
            for each in taken:
                self._keep(each)
            latest = self._feeds.get(feed.signer)
            if latest is None or latest.sequence < feed.sequence:
                self._feeds[feed.signer] = feed
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - nothing is forgotten, so nothing depends on it
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        found: list[Record] = []
        for subject in subjects:
            words = self._records.get(subject)
            if words is not None:
                found += self._words(words, signers)
        return found

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        if signers is None:
            with self._lock.mine():
                return tuple(self._feeds.values())
        return tuple(feed for signer in signers if (feed := self._feeds.get(signer)) is not None)

    def __len__(self) -> int:
        """Count records and feeds: a verifier asks nothing of a store that holds neither."""
        return self._room.kept

    def _words(self, words: dict[_Word, Record], signers: Sequence[bytes] | None) -> list[Record]:
        if signers is None:
            with self._lock.mine():  # to go through all of them, none may be added meanwhile
                return list(words.values())
        asked = ((signer, is_key) for signer in signers for is_key in (False, True))
        return [record for word in asked if (record := words.get(word)) is not None]

    def _keep(self, record: Record) -> None:
        word = (record.signer, record.is_key)
        words = self._records.setdefault(record.subject, {})
        known = words.get(word)
        words[word] = record if known is None else merge(known, record)
