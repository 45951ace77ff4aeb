"""What a store answered, kept in the process for as long as nothing was added to the store (SPEC §10.4).

The rules of this file:

- An answer is kept under the version that was known *before* the store was asked: it is never older than that
  version says. A version that has moved on drops every answer at once.
- That nothing is revoked is an answer like another, and the usual one.
- Whether the version is the newest one is the business of whoever passes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, TypeAlias

from delegate.chain.revocations import Feed, Record

_CAPACITY: Final = 100_000  # subjects; about 20 MB
Ask: TypeAlias = Callable[[Sequence[bytes]], Iterable[Record]]


class Memo:
    """Keeps answers to look-ups. Safe under threads: each works on the answers of the version that it began with."""

    __slots__ = ("_capacity", "_feeds", "_kept")

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        """Start with no answer; beyond `capacity` subjects it starts again."""
        self._capacity = capacity
        self._kept: tuple[Hashable, dict[bytes, tuple[Record, ...]]] = (None, {})
        self._feeds: tuple[Hashable, Sequence[Feed]] = (None, ())

    def look_up(self, version: Hashable, subjects: Sequence[bytes], ask: Ask) -> list[Record]:
        """Give every record about any of these subjects, and ask the store only about those not seen before."""
        kept = self._kept
        if kept[0] != version:
            self._kept = kept = (version, {})
        answers = kept[1]
        found: list[Record] = []
        missing: list[bytes] = []
        for subject in subjects:
            records = answers.get(subject)
            if records is None:
                missing.append(subject)
            elif records:
                found.extend(records)
        if missing:
            fresh: dict[bytes, tuple[Record, ...]] = dict.fromkeys(missing, ())
            for record in ask(missing):
                fresh[record.subject] += (record,)
                found.append(record)
            if len(answers) + len(fresh) > self._capacity:
                answers.clear()
            answers.update(fresh)
        return found

    def feeds(self, version: Hashable, ask: Callable[[], Sequence[Feed]]) -> Sequence[Feed]:
        """Give the newest feed of every signer, and ask the store only the first time."""
        kept = self._feeds
        if kept[0] != version:
            self._feeds = kept = (version, ask())
        return kept[1]
