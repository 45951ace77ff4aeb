"""Revocations in memory: one process, for tests and for services that load a list when they start (SPEC §10.2).

The rules of this file:

- Records only add. The two words of one signer about one subject become one: the earlier `since`, the later `until`.
- Full means refuse: a list is taken over whole, or not at all.
- Records of keys stay for good; records of blocks until a day after their chain is over.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from threading import Lock
from typing import Final, TypeAlias

from delegate.chain.revocations import Feed, Record
from delegate.state.rules import KEPT_S, current, merge, unavailable

_CAPACITY: Final = 1_000_000  # about 600 MB
_Word: TypeAlias = tuple[bytes, bool]  # signer, and whether it is about a key


class MemoryRevocations:
    """Keeps what has been revoked, in this process. Safe under threads; a look-up takes no lock."""

    __slots__ = ("_capacity", "_count", "_feeds", "_lapsing", "_lock", "_records")

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        """Start with nothing revoked; `capacity` is how many records to keep at most."""
        self._capacity = capacity
        self._records: dict[bytes, dict[_Word, Record]] = {}
        self._count = 0
        self._feeds: dict[bytes, Feed] = {}
        self._lapsing: list[tuple[int, bytes, _Word]] = []
        self._lock = Lock()

    def add(self, feed: Feed, records: Sequence[Record], *, now: int) -> int:
        """Take over a list whose signature held, in one step, for good; see `RevocationStore.add`."""
        taken = current(records, now)
        with self._lock:
            self._forget(now)
            added = sum((each.signer, each.is_key) not in self._records.get(each.subject, ()) for each in taken)
            if self._count + added > self._capacity:
                message = f"{self._count} revocations are kept; no room for {added} more"
                raise unavailable(message)
            for each in taken:
                self._keep(each)
            self._count += added
            known = self._feeds.get(feed.signer)
            if known is None or known.sequence < feed.sequence:
                self._feeds[feed.signer] = feed
        return added

    def look_up(self, subjects: Sequence[bytes]) -> Sequence[Record]:
        """Give every record about any of these; see `RevocationStore.look_up`."""
        found: list[Record] = []
        for subject in subjects:
            words = self._records.get(subject)
            if words is not None:
                found.extend(words.values())
        return found

    def feeds(self) -> Sequence[Feed]:
        """Give the newest feed of every signer; see `RevocationStore.feeds`."""
        return tuple(self._feeds.values())

    def __len__(self) -> int:
        """Count records and feeds: a verifier asks nothing of a store that holds neither."""
        return self._count + len(self._feeds)

    def _keep(self, record: Record) -> None:
        word = (record.signer, record.is_key)
        words = self._records.get(record.subject, {})
        known = words.get(word)
        merged = record if known is None else merge(known, record)
        # A new inner dict: whoever is looking up meanwhile goes on in the old one.
        self._records[record.subject] = {**words, word: merged}
        if not record.is_key and (known is None or known.until < merged.until):
            heapq.heappush(self._lapsing, (merged.until, record.subject, word))

    def _forget(self, now: int) -> None:
        while self._lapsing and self._lapsing[0][0] + KEPT_S < now:
            until, subject, word = heapq.heappop(self._lapsing)
            words = self._records.get(subject, {})
            if word in words and words[word].until == until:  # else it was prolonged since
                self._count -= 1
                left = {each: record for each, record in words.items() if each != word}
                if left:
                    self._records[subject] = left
                else:
                    del self._records[subject]
