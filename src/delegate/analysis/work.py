"""Comparing patterns for people and authors, within one amount of work for a whole question (SPEC §6.9).

The rules of this file:

- Whoever makes a chain chooses its patterns, so what comparing them costs is counted, and ends.
- When the work is used up, the answer is the one that shows more: patterns share something, and are not intersected.
"""

from __future__ import annotations

from delegate.analysis.patterns import Pattern, Work
from delegate.limits import PATTERN_CHARACTERS


class Comparing:
    """One question's patterns, each read once, and the work that is left for it."""

    __slots__ = ("_patterns", "work")

    def __init__(self) -> None:
        self.work = Work()
        self._patterns: dict[tuple[str, str], Pattern] = {}

    def spend(self, steps: int) -> bool:
        """Count other work, and say whether there was as much left."""
        return self.work.spend(steps)

    def meet(self, one: str, other: str, separator: str) -> bool:
        """Is there a text that both patterns match? Yes, also where that cannot be told any more."""
        if one == other or not self.spend(1 + len(one) + len(other)):
            return True
        return self._read(one, separator).intersects(self._read(other, separator))

    def shared(self, one: str, other: str, separator: str) -> tuple[tuple[str, ...], bool]:
        """Which patterns match what both match? And is that exact? If not, it is the other."""
        if one == other:
            return (one,), True
        shared = None
        if self.spend(1):
            shared = self._read(one, separator).intersection(self._read(other, separator), self.work)
        # What two long patterns share can be longer than a pattern may be.
        if shared is None or any(len(each.text) > PATTERN_CHARACTERS for each in shared):
            return (other,), False
        # Where `*` meets `/**`, they share nothing but the empty text: no action is that, nor a resource in plain form.
        return tuple(each.text for each in shared if each.text), True

    def matches(self, pattern: str, text: str, separator: str) -> bool:
        """Does the pattern match? Yes, also where that cannot be told any more."""
        return not self.spend(1 + len(text)) or self._read(pattern, separator).matches(text)

    def _read(self, text: str, separator: str) -> Pattern:
        found = self._patterns.get((text, separator))
        if found is None:
            self.spend(len(text) // 2)
            found = self._patterns[text, separator] = Pattern.parse(text, separator)
        return found
