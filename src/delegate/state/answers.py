"""What a store answered, kept in the process for as long as nothing was added to the store (SPEC §10.4).

The rules of this file:

- An answer is kept under the version that was known *before* the store was asked: it is never older than that
  version says. A version that has moved on drops every answer at once.
- That nothing is revoked is an answer like another, and the usual one.
- A question is kept whole, with whose records were asked for: what was answered to one is no answer to another.
- Whether the version is the newest one is the business of whoever passes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeAlias

from delegate.core.chain.revocations import Feed, Record

_CAPACITY: Final = 20_000  # questions, one a chain; about 20 MB
_Signers: TypeAlias = tuple[bytes, ...] | None
_Question: TypeAlias = tuple[tuple[bytes, ...], _Signers]
Ask: TypeAlias = Callable[[Sequence[bytes], Sequence[bytes] | None], Sequence[Record]]
AskFeeds: TypeAlias = Callable[[Sequence[bytes] | None], Sequence[Feed]]


class Memo:
    """Keeps answers to look-ups. Safe under threads: each works on the answers of the version that it began with."""

    __slots__ = ("_capacity", "_feeds", "_kept")

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        """Start with no answer; beyond `capacity` questions it starts again."""
        self._capacity = capacity
        self._kept: tuple[Hashable, dict[_Question, Sequence[Record]]] = (None, {})
        self._feeds: tuple[Hashable, Sequence[Feed]] = (None, ())

    def look_up(
        self, version: Hashable, subjects: Sequence[bytes], signers: Sequence[bytes] | None, ask: Ask
    ) -> list[Record]:
        """Give every record about any of these subjects by one of these signers; ask the store only the first time."""
        kept = self._kept
        if kept[0] != version:
            self._kept = kept = (version, {})
        answers = kept[1]
        question = (tuple(subjects), _frozen(signers))
        answer = answers.get(question)
        if answer is None:
            answer = tuple(ask(*question))
            if len(answers) >= self._capacity:
                answers.clear()
            answers[question] = answer
        return list(answer)

    def feeds(self, version: Hashable, signers: Sequence[bytes] | None, ask: AskFeeds) -> Sequence[Feed]:
        """Give the newest feed of each of these signers, and ask the store only the first time."""
        key = (version, _frozen(signers))
        kept = self._feeds
        if kept[0] != key:
            self._feeds = kept = (key, ask(signers))
        return kept[1]


def _frozen(signers: Sequence[bytes] | None) -> _Signers:
    return None if signers is None else tuple(signers)
