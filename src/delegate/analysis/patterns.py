"""What a pattern contains and what two of them share: for authors and readers, never for a decision (SPEC §6.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from delegate.core.patterns.matching import Automaton, compile_tokens
from delegate.core.patterns.tokens import ESCAPED, RESOURCE_SEPARATOR, Wild, check_arguments, parse_tokens

# What `contains` may spend before it gives up. Containment of expressions with wildcards has no good bound in
# general; patterns that people write need some hundred steps.
CONTAINS_STEPS = 20_000
# How many patterns an intersection may have, and how many ways may be tried for them: it is read by eyes.
INTERSECTION_PATTERNS = 16
INTERSECTION_WAYS = 2_000
# What one question about a chain may spend on comparing, all comparisons together: some tenths of a second. Chains that
# people make need some thousand.
COMPARING_STEPS = 250_000


class Work:
    """What comparing patterns may still take, all comparisons of one question together; about a microsecond a step."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = COMPARING_STEPS

    def spend(self, steps: int) -> bool:
        """Count work, and say whether there was as much left."""
        self.left -= steps
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be compared with others, for authors and readers; never needed for a decision.

    Make one with `Pattern.parse`. Two patterns are equal when their text and separator are; patterns that are
    written differently and match the same texts, like `**` and `**/**`, contain each other.

    Its tokens are those of the matcher, in which a `**` between segments is left where a segment ends. For walking
    through two patterns at once such a token stands as three places: see `_unfolded`.
    """

    text: str
    separator: str
    tokens: tuple[str | Wild, ...] = field(repr=False, compare=False)
    _matcher: Callable[[str], bool] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, separator: str = RESOURCE_SEPARATOR) -> Pattern:
        """Read a pattern.

        Args:
            text: at most `limits.PATTERN_CHARACTERS` characters.
            separator: `/` for resources, `.` for actions.

        Raises:
            TokenError: MALFORMED or LIMIT_EXCEEDED.
            ValueError: another separator.

        Source: SPEC §6.
        """
        check_arguments(text, separator)
        tokens = parse_tokens(text, separator)
        return cls(text, separator, tokens, compile_tokens(tokens, separator))

    def __str__(self) -> str:
        return self.text

    def matches(self, text: str) -> bool:
        """Does this pattern match the whole text? Linear in the text."""
        return self._matcher(text)

    def contains(self, other: Pattern, work: Work | None = None) -> bool:
        """Does this pattern match everything that the other matches?

        True is exact. False may also mean that `CONTAINS_STEPS`, or the work that is left, did not suffice to settle
        it, which takes two long patterns full of wildcards: a reader is then told of two patterns where one would do.

        Raises:
            ValueError: the other has another separator.

        Cost: at most `CONTAINS_STEPS` steps of the automaton, and what is left of `work`.
        """
        self._check_comparable(other)
        work = work or Work()
        if not work.spend(len(self.tokens) + len(other.tokens)):
            return False
        mine = Automaton(self.tokens, self.separator)
        theirs = _unfolded(other.tokens, self.separator)
        ends = _ends(theirs, self.separator)
        # Letters: those that this pattern names, and `None` for all others alike.
        within = [*(letter for letter in mine.literals if letter != self.separator), None]
        across = [*within, self.separator]
        # Per place of the other: the smallest states met there. A state that holds one of them needs no
        # visit of its own, for it accepts whatever that one does.
        met: list[list[int]] = [[] for _ in range(len(theirs) + 1)]
        # A pair says: some text brings the other to `place` and this pattern to the set `state` of places.
        pending = [(0, mine.dominant(mine.start))]
        steps = 0
        while pending:
            place, state = pending.pop()
            steps += 1 + len(met[place])
            if steps > CONTAINS_STEPS or not work.spend(1 + len(met[place])):
                return False
            if any(smaller & state == smaller for smaller in met[place]):
                continue
            met[place] = [smaller for smaller in met[place] if smaller & state != state] + [state]
            if ends >> place & 1 and not state & mine.accepting:
                return False
            if place == len(theirs):
                continue
            token = theirs[place]
            if token is _SKIP:
                pending += ((place + 1, state), (place + 3, state))
            elif isinstance(token, Wild):
                pending.append((place + 1, state))
                letters = across if token is Wild.ACROSS else within
                if not work.spend(len(letters)):
                    return False
                pending.extend((place, mine.dominant(mine.step(state, letter))) for letter in letters)
            else:
                pending.append((place + 1, mine.dominant(mine.step(state, token))))
        return True

    def intersects(self, other: Pattern) -> bool:
        """Is there a text that both match? Exact.

        Raises:
            ValueError: the other has another separator.

        Cost: one pass over this pattern's tokens, each a few operations on as many bits as the other has
        tokens.
        """
        self._check_comparable(other)
        mine, theirs = _unfolded(self.tokens, self.separator), _unfolded(other.tokens, self.separator)
        rows = _shared_places(mine, theirs, self.separator)
        ends, their_ends = _ends(mine, self.separator), _ends(theirs, self.separator)
        return any(ends >> place & 1 and row & their_ends for place, row in enumerate(rows))

    def intersection(self, other: Pattern, work: Work | None = None) -> tuple[Pattern, ...] | None:
        """Which patterns together match exactly what both match? For display.

        Returns:
            No pattern when they share nothing; `None` when it would take more than `INTERSECTION_PATTERNS`, or more
            work than is left.

        Raises:
            ValueError: the other has another separator.

        Cost: at most `INTERSECTION_WAYS` ways through both patterns, and what is left of `work`.
        """
        work = work or Work()
        if not work.spend(len(self.tokens) + len(other.tokens)):
            return None
        if not self.intersects(other):
            return ()
        if self.contains(other, work):
            return (other,)
        if other.contains(self, work):
            return (self,)
        ways = _Ways(work)
        found = ways.through(_segments(self), _segments(other))
        if ways.left < 0 or work.left < 0:
            return None
        # Drop what another one covers; of two that cover each other the first stays.
        kept: list[Pattern] = []
        for text in sorted(map(self.separator.join, found), key=lambda each: (len(each), each)):
            pattern = Pattern.parse(text, self.separator)
            if not any(earlier.contains(pattern, work) for earlier in kept):
                kept = [earlier for earlier in kept if not pattern.contains(earlier, work)]
                kept.append(pattern)
        return tuple(kept) if len(kept) <= INTERSECTION_PATTERNS and work.left >= 0 else None

    def _check_comparable(self, other: Pattern) -> None:
        if self.separator != other.separator:
            message = "patterns over actions and patterns over resources cannot be compared"
            raise ValueError(message)


_SKIP: Final = None  # the place before a `**` between segments, which may be gone past: by three places
_Places: TypeAlias = tuple[str | Wild | None, ...]


def _unfolded(tokens: tuple[str | Wild, ...], separator: str) -> _Places:
    """Spell out each `**` with its separator: it may be skipped; else it is any run, and a separator."""
    places: list[str | Wild | None] = []
    for token in tokens:
        places += (_SKIP, Wild.ACROSS, separator) if token is Wild.SEGMENTS else (token,)
    return tuple(places)


def _ends(places: _Places, separator: str) -> int:
    """Give the places where a text may end, as bits: the last, and before a separator and `**`."""
    last = len(places)
    return 1 << last | (1 << (last - 2) if places[-2:] == (separator, Wild.ACROSS) else 0)


def _shared_places(first: _Places, second: _Places, separator: str) -> list[int]:
    """Row *i*, bit *j*: some text brings the first pattern to place *i* and the second to place *j*.

    Places never decrease, so one pass over the rows settles it; within a row, runs of allowed moves to the
    next place are filled by the carry of one addition. What may be skipped comes before what it skips, so it is
    looked at once, before the runs: a run that goes through it goes through all of it.
    """
    bits: dict[str | Wild | None, int] = {}
    for place, token in enumerate(second):
        bits[token] = bits.get(token, 0) | 1 << place
    skips, across = bits.get(_SKIP, 0), bits.get(Wild.ACROSS, 0)
    free = across | bits.get(Wild.WITHIN, 0)
    separators = bits.get(separator, 0)
    others = (1 << len(second)) - 1 & ~(free | skips | separators)
    rows = [0] * (len(first) + 4)
    rows[0] = 1
    for place, token in enumerate((*first, "")):
        wild = isinstance(token, Wild)
        moves = free | skips
        if wild:
            moves |= others | (separators if token is Wild.ACROSS else 0)
        row = rows[place]
        row |= (row & skips) << 3
        row |= ((row & moves) + moves) ^ moves
        rows[place] = row
        if wild:
            rows[place + 1] |= row
        elif token is _SKIP:
            rows[place + 1] |= row
            rows[place + 3] |= row
        elif token:
            staying = row & (across if token == separator else free)
            rows[place + 1] |= (row & bits.get(token, 0)) << 1 | staying
    return rows[: len(first) + 1]


def _segments(pattern: Pattern) -> tuple[str, ...]:
    """Give the segments of a pattern, as text; of neighbours that are all `**`, one."""
    return tuple(print_tokens(pattern.tokens, pattern.separator).split(pattern.separator))


class _Ways:
    """Every way through two patterns at once, by whole segments, and within them by characters."""

    __slots__ = ("left", "work")

    def __init__(self, work: Work) -> None:
        self.left = INTERSECTION_WAYS
        self.work = work

    def _another(self, written: int) -> bool:
        self.left -= 1
        return self.left >= 0 and self.work.spend(1 + written // 64)

    def through(self, first: tuple[str, ...], second: tuple[str, ...]) -> set[tuple[str, ...]]:
        """Give the segments of every pattern that a way writes; together they match just what both match.

        Of no use where the ways, or the work, ran out.
        """
        found: set[tuple[str, ...]] = set()
        pending: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, ())]
        while pending:
            i, j, written = pending.pop()
            if not self._another(8 * len(written)):
                break
            left, right = first[i : i + 1], second[j : j + 1]
            if left == right == ("**",):
                written = (*written, "**")
            if not (left or right):
                found.add(written)
            if left == ("**",):
                pending.append((i + 1, j, written))
                if right and right != left:
                    pending.append((i, j + 1, written + right))
            if right == ("**",):
                pending.append((i, j + 1, written))
                if left and left != right:
                    pending.append((i + 1, j, written + left))
            elif left and right and left != ("**",):
                pending += ((i + 1, j + 1, (*written, each)) for each in self._within(left[0], right[0]))
        return found

    def _within(self, first: str, second: str) -> set[str]:
        """Give what two segments share, as segments: the same, for characters and `*`."""
        mine, theirs = parse_tokens(first), parse_tokens(second)
        found: set[str] = set()
        pending: list[tuple[int, int, tuple[str | Wild, ...]]] = [(0, 0, ())]
        while pending:
            i, j, written = pending.pop()
            if not self._another(len(written)):
                break
            left = mine[i] if i < len(mine) else None
            right = theirs[j] if j < len(theirs) else None
            if left is right is Wild.WITHIN:
                written = (*written, Wild.WITHIN)
            if left is right is None:
                found.add(print_tokens(written))
            if left is Wild.WITHIN:
                pending.append((i + 1, j, written))
                if isinstance(right, str):
                    pending.append((i, j + 1, (*written, right)))
            if right is Wild.WITHIN:
                pending.append((i, j + 1, written))
                if isinstance(left, str):
                    pending.append((i + 1, j, (*written, left)))
            elif isinstance(left, str) and left == right:
                pending.append((i + 1, j + 1, (*written, left)))
        return found


def print_tokens(tokens: tuple[str | Wild, ...], separator: str = RESOURCE_SEPARATOR) -> str:
    """Write what `parse_tokens` reads."""
    written: dict[str | Wild, str] = {token: f"\\{token}" for token in ESCAPED}
    written |= {Wild.WITHIN: "*", Wild.ACROSS: "**", Wild.SEGMENTS: f"**{separator}"}
    return "".join(str(written.get(token, token)) for token in tokens)
