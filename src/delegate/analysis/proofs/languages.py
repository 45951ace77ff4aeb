r"""Sets of texts as automata, by symbolic derivatives: what is left to read after each character.

The rules of this file:

- A set is a number that stands for an expression of regular languages, with intersection and complement. The same
  expression is the same number, so that each derivative is worked out once.
- Characters are code points without surrogates, as texts of the language are. Two marks beyond them stand for the
  beginning and the end of a text, for anchors alone.
- Work is counted: what would take too long ends with `TooMuchError`, never with an answer.

Source: Brzozowski, "Derivatives of regular expressions", 1964; Owens, Reppy and Turon, 2009.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

TOP: Final = 0x10FFFF
BEGIN: Final = 0x110000  # the mark before the first character, where anchors are looked for
END: Final = 0x110001
EVERY: Final[Ranges] = ((0, 0xD7FF), (0xE000, TOP))
_WIDE_STATES: Final = 2_000
_MARKS: Final[Ranges] = ((BEGIN, END),)
_SURROGATES: Final = (0xD800, 0xE000)

# Kinds of expressions; each is a tuple that begins with one.
_NONE, _EMPTY, _CHARS, _WORD, _CAT, _ALT, _BOTH, _NOT, _STAR, _TIMES, _LOWER, _BEFORE = range(12)

EMPTY: Final = 0  # no text
BLANK: Final = 1  # the empty text alone
ALL: Final = 2  # every text


class TooMuchError(Exception):
    """The work for one question is used up; `.what` says on what."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def normal(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ranges of code points and join those that touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def but(ranges: Ranges, universe: Ranges = EVERY) -> Ranges:
    """Give the code points that are in none of these ranges."""
    found: list[tuple[int, int]] = []
    for first, last in universe:
        at = first
        for start, end in ranges:
            if end < at or start > last:
                continue
            if start > at:
                found.append((at, start - 1))
            at = end + 1
        if at <= last:
            found.append((at, last))
    return tuple(found)


class Languages:
    """The sets of texts of one question, and the work that is left for them.

    Args:
        work: how many derivatives may be worked out.
    """

    def __init__(self, work: int = 400_000) -> None:
        self.left = work
        self._keys: dict[tuple[Any, ...], int] = {}
        self._nodes: list[tuple[Any, ...]] = []
        self._nullable: list[bool] = []
        self._steps: dict[tuple[int, int], int] = {}
        self._cuts: dict[int, frozenset[int]] = {}
        self._found: dict[tuple[frozenset[int], frozenset[int]], str | None] = {}
        self._make((_NONE,), nullable=False)
        self._make((_EMPTY,), nullable=True)
        self._make((_NOT, EMPTY), nullable=True)

    # Making sets.

    def chars(self, ranges: Iterable[tuple[int, int]]) -> int:
        """One character out of ranges of code points, first and last included."""
        found = normal(ranges)
        return self._make((_CHARS, found), nullable=False) if found else EMPTY

    def any_char(self) -> int:
        """One character, whichever."""
        return self.chars(EVERY)

    def word(self, text: str) -> int:
        """One text alone."""
        return self._make((_WORD, text), nullable=False) if text else BLANK

    def cat(self, *parts: int) -> int:
        """Texts of these sets, one behind the other."""
        result = BLANK
        for part in reversed(parts):
            result = self._pair(part, result)
        return result

    def _pair(self, first: int, second: int) -> int:
        if EMPTY in {first, second}:
            return EMPTY
        if first == BLANK:
            return second
        if second == BLANK or first == second == ALL:
            return first
        kind = self._nodes[first]
        if kind[0] == _CAT:
            return self._pair(kind[1], self._pair(kind[2], second))
        return self._make((_CAT, first, second), nullable=self._nullable[first] and self._nullable[second])

    def alt(self, *parts: int) -> int:
        """Texts that are in one of these sets."""
        found: set[int] = set()
        for part in parts:
            kind = self._nodes[part]
            found.update(kind[1] if kind[0] == _ALT else (part,))
        found.discard(EMPTY)
        if ALL in found:
            return ALL
        if BLANK in found and any(self._nullable[part] for part in found if part != BLANK):
            found.discard(BLANK)
        if len(found) < 2:
            return found.pop() if found else EMPTY
        return self._make((_ALT, tuple(sorted(found))), nullable=any(self._nullable[part] for part in found))

    def both(self, *parts: int) -> int:
        """Texts that are in all of these sets."""
        found: set[int] = set()
        for part in parts:
            kind = self._nodes[part]
            found.update(kind[1] if kind[0] == _BOTH else (part,))
        found.discard(ALL)
        if EMPTY in found:
            return EMPTY
        if len(found) < 2:
            return found.pop() if found else ALL
        return self._make((_BOTH, tuple(sorted(found))), nullable=all(self._nullable[part] for part in found))

    def other(self, part: int) -> int:
        """Texts that are not in this set."""
        kind = self._nodes[part]
        if kind[0] == _NOT:
            return int(kind[1])
        return self._make((_NOT, part), nullable=not self._nullable[part])

    def star(self, part: int) -> int:
        """Any number of texts of this set, one behind the other."""
        kind = self._nodes[part]
        if part in {EMPTY, BLANK}:
            return BLANK
        if kind[0] == _STAR or part == ALL:
            return part
        if kind == (_CHARS, EVERY):
            return ALL
        return self._make((_STAR, part), nullable=True)

    def times(self, part: int, least: int, most: int | None) -> int:
        """So many texts of this set, one behind the other; `most` of `None`: no bound."""
        if self._nullable[part]:
            least = 0
        if most is None:
            return self.star(part) if least == 0 else self.cat(self.times(part, least, least), self.star(part))
        if most == 0 or part == BLANK:
            return BLANK
        if part == EMPTY:
            return EMPTY if least else BLANK
        if (least, most) == (1, 1):
            return part
        return self._make((_TIMES, part, least, most), nullable=least == 0)

    def folded(self, part: int) -> int:
        """Texts that are in this set once their ASCII letters are in lower case."""
        if part in {EMPTY, BLANK, ALL}:
            return part
        return self._make((_LOWER, part), nullable=self._nullable[part])

    def before(self, part: int, behind: str) -> int:
        """Texts that are in this set once `behind` is written behind them."""
        return self._before(part, tuple(map(ord, behind)))

    def after(self, part: int, ahead: str) -> int:
        """Texts that are in this set once `ahead` is written before them."""
        for character in ahead:
            part = self.step(part, ord(character))
        return part

    def _before(self, part: int, behind: tuple[int, ...]) -> int:
        if not behind or part in {EMPTY, ALL}:
            return part
        at = part
        for point in behind:
            at = self.step(at, point)
        return self._make((_BEFORE, part, behind), nullable=self._nullable[at])

    def containing(self, part: int) -> int:
        """Texts in which there is a text of this set."""
        return self.cat(ALL, part, ALL)

    def unmarked(self, part: int) -> int:
        """Texts that are in this set once a mark is written before and behind them."""
        return self._before(self.step(part, BEGIN), (END,))

    def anywhere(self, part: int) -> int:
        """Texts, marked at their ends, in which there is a text of this set."""
        gap = self.star(self.chars((*EVERY, *_MARKS)))
        return self.cat(gap, part, gap)

    def _make(self, key: tuple[Any, ...], *, nullable: bool) -> int:
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = len(self._nodes)
            self._nodes.append(key)
            self._nullable.append(nullable)
        return found

    # Reading them.

    def step(self, part: int, point: int) -> int:
        """Give what is left to read of a set's texts behind this character."""
        if part == ALL:
            # The one set that is an expression of its own for texts alone: no mark is in any.
            return ALL if point <= TOP else EMPTY
        if part < ALL:
            return EMPTY
        known = self._steps.get((part, point))
        if known is not None:
            return known
        self.left -= 1
        if self.left < 0:
            raise TooMuchError("texts whose automata are too large")
        result = self._steps[part, point] = self._step(self._nodes[part], part, point)
        return result

    def _step(self, node: tuple[Any, ...], part: int, point: int) -> int:
        match node:
            case (kind, ranges) if kind == _CHARS:
                at = bisect_right(ranges, (point, TOP + 2)) - 1
                return BLANK if at >= 0 and ranges[at][0] <= point <= ranges[at][1] else EMPTY
            case (kind, text) if kind == _WORD:
                return self.word(text[1:]) if ord(text[0]) == point else EMPTY
            case (kind, first, second) if kind == _CAT:
                result = self._pair(self.step(first, point), second)
                return self.alt(result, self.step(second, point)) if self._nullable[first] else result
            case (kind, parts) if kind == _ALT:
                return self.alt(*(self.step(each, point) for each in parts))
            case (kind, parts) if kind == _BOTH:
                return self.both(*(self.step(each, point) for each in parts))
            case (kind, inner) if kind == _NOT:
                return self.other(self.step(inner, point)) if point <= TOP else EMPTY
            case (kind, inner) if kind == _STAR:
                return self._pair(self.step(inner, point), part)
            case (kind, inner, least, most) if kind == _TIMES:
                return self._pair(self.step(inner, point), self.times(inner, max(least - 1, 0), most - 1))
            case (kind, inner) if kind == _LOWER:
                return self.folded(self.step(inner, point + 32 if 0x41 <= point <= 0x5A else point))
        _, inner, behind = node
        return self._before(self.step(inner, point), behind)

    def cuts(self, part: int) -> frozenset[int]:
        """Give where characters begin to differ to a set: the first of each run that leads elsewhere."""
        known = self._cuts.get(part)
        if known is None:
            known = self._cuts[part] = self._cuts_of(self._nodes[part])
        return known

    def _cuts_of(self, node: tuple[Any, ...]) -> frozenset[int]:
        match node:
            case (kind, ranges) if kind == _CHARS:
                return frozenset(point for first, last in ranges for point in (first, last + 1))
            case (kind, text) if kind == _WORD:
                return frozenset((ord(text[0]), ord(text[0]) + 1))
            case (kind, first, second) if kind == _CAT:
                return self.cuts(first) | self.cuts(second) if self._nullable[first] else self.cuts(first)
            case (kind, parts) if kind in {_ALT, _BOTH}:
                return frozenset().union(*map(self.cuts, parts))
            case (kind, inner, *_) if kind in {_NOT, _STAR, _TIMES, _BEFORE}:
                return self.cuts(inner)
            case (kind, inner) if kind == _LOWER:
                found = self.cuts(inner)
                capitals = {point - 32 for point in found if 0x61 <= point <= 0x7B}
                return frozenset({*found, *capitals, 0x41, 0x5B, 0x61, 0x7B})
        return frozenset()

    def accepts(self, part: int, text: str) -> bool:
        """Say whether a text is in a set."""
        for character in text:
            part = self.step(part, ord(character))
            if part == EMPTY:
                return False
        return self._nullable[part]

    def find(self, wanted: Iterable[int], unwanted: Iterable[int] = ()) -> str | None:
        """Find a text, a short one, that is in all wanted sets and in none of the others; `None`: there is none.

        Raises:
            TooMuchError: that takes too much work.
        """
        yes, no = frozenset(wanted) - {ALL}, frozenset(unwanted) - {EMPTY}
        if (yes, no) not in self._found:
            self._found[yes, no] = None if yes & no else self._search(tuple(sorted(yes)), tuple(sorted(no)), TOP)
        return self._found[yes, no]

    def is_empty_marked(self, part: int) -> bool:
        """Say whether no text is in a set, marks being characters like others."""
        return self._search((part,), (), END) is None

    def _search(self, yes: tuple[int, ...], no: tuple[int, ...], last: int) -> str | None:
        start = yes + no
        split = len(yes)
        if EMPTY in yes or ALL in no:
            return None
        came: dict[tuple[int, ...], tuple[tuple[int, ...], int] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            # Breadth first finds a shortest text; where there are many states, depth first finds one at all.
            wide = len(came) > _WIDE_STATES
            state = waiting.pop() if wide else waiting.popleft()
            if self._accepting(state, split):
                return _spelled(state, came) if last == TOP else ""
            points = self._points(state, last)
            for point in reversed(points) if wide else points:
                after = tuple([self.step(part, point) for part in state])
                if after in came or EMPTY in after[:split] or ALL in after[split:]:
                    continue
                self.left -= 1
                came[after] = (state, point)
                waiting.append(after)
        return None

    def _accepting(self, state: tuple[int, ...], split: int) -> bool:
        nullable = self._nullable
        return all(nullable[part] for part in state[:split]) and not any(nullable[part] for part in state[split:])

    def _points(self, state: tuple[int, ...], last: int) -> list[int]:
        """One character of each run that all parts treat alike; letters and digits where there is a choice."""
        cuts = sorted({0, 0x30, 0x3A, 0x61, 0x7B, BEGIN, *_SURROGATES}.union(*map(self.cuts, state)))
        found = [
            _choice(first, following - 1)
            for first, following in zip(cuts, [*cuts[1:], last + 1], strict=True)
            if first <= last and first != _SURROGATES[0]
        ]
        return sorted(found, key=_rank)


def _choice(first: int, last: int) -> int:
    """Take a character that people can read, where a run has one."""
    return max(first, 0x20) if first < 0x20 <= last else max(first, 0xA1) if 0x7F <= first < 0xA1 <= last else first


def _rank(point: int) -> int:
    if 0x61 <= point <= 0x7A:
        return 0
    if 0x30 <= point <= 0x39:
        return 1
    return 2 if 0x21 <= point <= 0x7E else 3


def _spelled(state: tuple[int, ...], came: dict[tuple[int, ...], tuple[tuple[int, ...], int] | None]) -> str:
    points: list[int] = []
    at = came[state]
    while at is not None:
        points.append(at[1])
        at = came[at[0]]
    return "".join(map(chr, reversed(points)))


def words(languages: Languages, texts: Sequence[str]) -> int:
    """Give the set of these texts."""
    return languages.alt(*map(languages.word, texts))
