"""What a store answered, kept in the process for a moment, while nothing is added to the store (SPEC §10.4).

The rules of this file:

- An answer is kept under the version that came with it, from one look at the store; and it is given only while that
  very version is the one that was heard last. So a listener that hears of another server than the one that answers
  makes no answer be kept.
- It is given for a second, and then asked for again, whatever was heard: what a server was made to forget without a
  word of it is noticed within that second.
- That nothing is revoked is an answer like another, and the usual one.
- A question is kept whole, with whose records were asked for: what was answered to one is no answer to another.
- Whether the version is the newest one is the business of whoever passes it in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from delegate.core.chain.revocations import Record

_CAPACITY: Final = 20_000  # questions, one a chain; about 20 MB
_RELIED_ON_S: Final = 1.0
_T = TypeVar("_T")
_Signers: TypeAlias = tuple[bytes, ...] | None
Ask: TypeAlias = Callable[[Sequence[bytes], Sequence[bytes] | None], Sequence[Record]]


class Memo:
    """Keeps answers. Safe under threads: each works on the answers of the version that it began with."""

    __slots__ = ("_capacity", "_kept")

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        """Start with no answer; beyond `capacity` questions it starts again."""
        self._capacity = capacity
        self._kept: tuple[Hashable, dict[Hashable, tuple[float, Any]]] = (None, {})

    def forget(self) -> None:
        """Start again; an answer that is under way now is not kept either."""
        self._kept = (None, {})

    def ask(self, heard: Hashable | None, question: Hashable, ask: Callable[[], tuple[Hashable, _T]]) -> _T:
        """Give an answer, of this process if it may; else ask the store for it and its version.

        Args:
            heard: the version that was heard last, and lately; `None` where nobody knows.
            question: all that the answer depends on.
            ask: asks the store; gives the version that the answer is of, and the answer.
        """
        if heard is None:
            self.forget()
            return ask()[1]
        kept = self._kept
        if kept[0] != heard:
            self._kept = kept = (heard, {})
        answers = kept[1]
        asked = time.monotonic()
        found = answers.get(question)
        if found is not None and asked - found[0] <= _RELIED_ON_S:
            known: _T = found[1]
            return known
        version, answer = ask()
        if version == heard:
            if len(answers) >= self._capacity:
                answers.clear()
            answers[question] = asked, answer
        return answer

    def look_up(
        self, version: Hashable, subjects: Sequence[bytes], signers: Sequence[bytes] | None, ask: Ask
    ) -> list[Record]:
        """Give every record about any of these subjects by one of these signers, of a store that has this version."""
        about, by = question = (tuple(subjects), frozen(signers))
        return list(self.ask(version, question, lambda: (version, tuple(ask(about, by)))))


def frozen(signers: Sequence[bytes] | None) -> _Signers:
    """Make of signers what a question can hold."""
    return None if signers is None else tuple(signers)
