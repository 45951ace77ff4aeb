"""What a pattern contains and what two of them share: for authors and readers, never for a decision (SPEC §6.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from delegate.core.patterns.matching import Automaton, compile_tokens
from delegate.core.patterns.tokens import RESOURCE_SEPARATOR, Wild, check_arguments, parse_tokens, print_tokens

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
        tokens = parse_tokens(text)
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
        theirs = other.tokens
        accepting = Automaton(theirs, self.separator).accepting
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
            if accepting >> place & 1 and not state & mine.accepting:
                return False
            if place == len(theirs):
                continue
            token = theirs[place]
            if isinstance(token, Wild):
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
        rows = _shared_places(self, other)
        mine = Automaton(self.tokens, self.separator).accepting
        theirs = Automaton(other.tokens, self.separator).accepting
        return any(mine >> place & 1 and row & theirs for place, row in enumerate(rows))

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
        found = _shared_writings(self, other, work)
        if found is None:
            return None
        # Drop what another one covers; of two that cover each other the first stays.
        kept: list[Pattern] = []
        for tokens in sorted(found, key=_by_length):
            pattern = self._written(tokens)
            if not (self.contains(pattern, work) and other.contains(pattern, work)):
                # `x/**` would bring in `x`, which one of the two does not match; this is `x/**` without `x`.
                pattern = self._written((*tokens[:-1], Wild.WITHIN, *tokens[-2:]))
            if not any(earlier.contains(pattern, work) for earlier in kept):
                kept = [earlier for earlier in kept if not pattern.contains(earlier, work)]
                kept.append(pattern)
        return tuple(kept) if len(kept) <= INTERSECTION_PATTERNS and work.left >= 0 else None

    def _written(self, tokens: tuple[str | Wild, ...]) -> Pattern:
        return Pattern(print_tokens(tokens), self.separator, tokens, compile_tokens(tokens, self.separator))

    def _check_comparable(self, other: Pattern) -> None:
        if self.separator != other.separator:
            message = "patterns over actions and patterns over resources cannot be compared"
            raise ValueError(message)


def _shared_places(first: Pattern, second: Pattern) -> list[int]:
    """Row *i*, bit *j*: some text brings the first pattern to place *i* and the second to place *j*.

    Places never decrease, so one pass over the rows settles it; within a row, runs of allowed moves to the
    next place are filled by the carry of one addition.
    """
    theirs = Automaton(second.tokens, first.separator)
    separator = first.separator
    separators = theirs.literals.get(separator, 0)
    others = sum(theirs.literals.values()) & ~separators
    rows = [0] * (len(first.tokens) + 1)
    rows[0] = 1
    for place, token in enumerate((*first.tokens, None)):
        moves = theirs.skippable
        if isinstance(token, Wild):
            moves |= others | (separators if token is Wild.ACROSS else 0)
        row = rows[place]
        row |= ((row & moves) + moves) ^ moves
        rows[place] = row
        if isinstance(token, Wild):
            rows[place + 1] |= row
        elif token is not None:
            staying = row & (theirs.across if token == separator else theirs.skippable)
            rows[place + 1] |= (row & theirs.literals.get(token, 0)) << 1 | staying
    return rows


def _shared_writings(first: Pattern, second: Pattern, work: Work) -> set[tuple[str | Wild, ...]] | None:
    """The tokens of every way through both patterns at once, or `None` when there are too many.

    Here a last `/**` does not match nothing: a text that needs that is a way of its own.
    """
    mine, theirs = first.tokens, second.tokens
    ends = Automaton(mine, first.separator).accepting, Automaton(theirs, first.separator).accepting
    writings: set[tuple[str | Wild, ...]] = set()
    pending: list[tuple[int, int, tuple[str | Wild, ...]]] = [(0, 0, ())]
    ways = 0
    while pending:
        i, j, written = pending.pop()
        ways += 1
        if ways > INTERSECTION_WAYS or not work.spend(1 + len(written) // 64):
            return None
        left = mine[i] if i < len(mine) else None
        right = theirs[j] if j < len(theirs) else None
        if isinstance(left, Wild) and isinstance(right, Wild):
            written = (*written, left if left is Wild.WITHIN else right)
        if ends[0] >> i & 1 and ends[1] >> j & 1:
            writings.add(written)
        pending.extend(
            (next_i, next_j, written if letter is None else (*written, letter))
            for next_i, next_j, letter in _moves(left, right, i, j, first.separator)
        )
    return writings


def _moves(
    left: str | Wild | None, right: str | Wild | None, i: int, j: int, separator: str
) -> list[tuple[int, int, str | None]]:
    """Where two patterns can go together from places *i* and *j*, by which character (`None`: by none)."""
    moves: list[tuple[int, int, str | None]] = []
    if isinstance(left, Wild):
        moves.append((i + 1, j, None))
        if isinstance(right, str) and (left is Wild.ACROSS or right != separator):
            moves.append((i, j + 1, right))
    if isinstance(right, Wild):
        moves.append((i, j + 1, None))
        if isinstance(left, str) and (right is Wild.ACROSS or left != separator):
            moves.append((i + 1, j, left))
    if isinstance(left, str) and left == right:
        moves.append((i + 1, j + 1, left))
    return moves


def _by_length(tokens: tuple[str | Wild, ...]) -> tuple[int, str]:
    return len(tokens), print_tokens(tokens)
