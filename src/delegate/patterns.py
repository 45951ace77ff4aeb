r"""Patterns over resources and actions (SPEC §6): what matches, what contains what, what they share.

Rules of this file:

- In a resource the separator is `/`, in an action `.`. `*` is any run, also empty, of characters other than
  the separator; `**` is any run of characters.
- A pattern that ends in the separator and `**` also matches without them: `/data/**` covers `/data`.
- `\*` is a star and `\\` a backslash. Any other backslash, and three stars in a row, are refused.
- Every other character is itself: `/crypto` is not a prefix of anything, and case matters.
- A pattern is text, and so is what it is matched with. That `/data/../etc` is no file of `/data` is the
  business of `plain_form`, which every resource must pass before a pattern may match it.

Matching is linear in the text: either a handful of string searches, or one pass over a bit-parallel
automaton (bit *i* is set when the first *i* tokens may just have been matched). Nothing backtracks.

A bad pattern is a `TokenError` here, because the wire side meets it most; code that authors patterns turns it
into a `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from operator import eq, methodcaller

from delegate.errors import Reason, TokenError
from delegate.limits import PATTERN_CHARACTERS

RESOURCE_SEPARATOR = "/"
ACTION_SEPARATOR = "."

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


class Wild(Enum):
    """The two wildcards."""

    WITHIN = "*"
    ACROSS = "**"


_WILDCARDS = {"*": Wild.WITHIN, "**": Wild.ACROSS}  # a look-up costs a fifth of `Wild(text)`


def glob_match(pattern: str, text: str, separator: str = RESOURCE_SEPARATOR) -> bool:
    """Does the pattern match the whole text?

    Args:
        pattern: at most `limits.PATTERN_CHARACTERS` characters.
        text: any text; it is not checked for plain form.
        separator: `/` or `.`.

    Raises:
        TokenError: MALFORMED or LIMIT_EXCEEDED, for the pattern.
        ValueError: another separator.

    Cost: linear in both. Source: SPEC §6.
    """
    return compile_pattern(pattern, separator)(text)


def compile_pattern(text: str, separator: str = RESOURCE_SEPARATOR) -> Callable[[str], bool]:
    """Make the function that answers "does this pattern match the whole of that text?".

    Patterns with at most one wildcard, which is nearly all, become one or two string searches; they are not
    even split into tokens, which saves about 2 µs of a cold check each.

    Raises:
        TokenError: MALFORMED for a bad escape or three stars in a row, LIMIT_EXCEEDED for too long a pattern.
        ValueError: a separator other than `/` or `.`.

    Cost: linear in the pattern; the function's is linear in its text. Source: SPEC §6.
    """
    return compile_priced(text, separator)[0]


def compile_priced(text: str, separator: str) -> tuple[Callable[[str], bool], int]:
    """Compile as `compile_pattern`, and say how many characters of the pattern each match has to pay for.

    None where string searches do; all of them where an automaton is needed: see `match_steps`.
    """
    _check_arguments(text, separator)
    if "\\" not in text:
        start = text.find("*")
        if start < 0:
            return partial(eq, text), 0
        end = text.rfind("*") + 1
        wild = text[start:end]
        if wild in _WILDCARDS:
            return _single_wildcard(text[:start], _WILDCARDS[wild], text[end:], separator), 0
    tokens = _parse_tokens(text)
    several = sum(isinstance(token, Wild) for token in tokens) > 1
    return _compile_tokens(tokens, separator), len(text) if several else 0


def match_steps(text_characters: int, pattern_characters: int) -> int:
    """How many steps does a match by an automaton cost? One for four characters of text, more for a long pattern.

    Source: SPEC §6.5.
    """
    return (text_characters + 1) * ((pattern_characters + 63) >> 6) + 2 * pattern_characters >> 2


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
        _check_arguments(text, separator)
        tokens = _parse_tokens(text)
        return cls(text, separator, tokens, _compile_tokens(tokens, separator))

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
        mine = _Automaton(self.tokens, self.separator)
        theirs = other.tokens
        accepting = _Automaton(theirs, self.separator).accepting
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
        mine = _Automaton(self.tokens, self.separator).accepting
        theirs = _Automaton(other.tokens, self.separator).accepting
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
        return Pattern(_print_tokens(tokens), self.separator, tokens, _compile_tokens(tokens, self.separator))

    def _check_comparable(self, other: Pattern) -> None:
        if self.separator != other.separator:
            message = "patterns over actions and patterns over resources cannot be compared"
            raise ValueError(message)


# What makes a resource unfit for patterns: a control character or a backslash; a percent sign without two hex
# digits, or one that hides NUL, `%`, `/`, `\`, or what need not be hidden (a letter, a digit, `-`, `.`, `_`, `~`:
# RFC 3986 §2.3), so that one place would have two texts; a segment `.` or `..`, also with a query, a fragment or
# parameters behind it, which URL parsers cut off first.
_NEEDLESS = "%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])"
_NEEDLESSLY_ENCODED = re.compile(_NEEDLESS)
_NOT_PLAIN = re.compile(
    rf"[\x00-\x1f\x7f-\x9f\\]|%(?![0-9A-Fa-f]{{2}})|%(?:00|25|2[Ff]|5[Cc])|{_NEEDLESS}|(?:\A|/)\.{{1,2}}(?=[/?#;]|\Z)"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?!/)")


def plain_form(resource: str) -> bool:
    r"""May a pattern match this resource? If not, only a literal can.

    Answers whether the text names one place whichever way a service reads it: no segment `.` or `..`, no
    empty segment but a leading or trailing one and the one in `scheme://`, no backslash, no control
    character, no malformed percent sign, no percent-encoded `/`, `\`, `%`, NUL, letter, digit, `-`, `.`, `_` or
    `~`. Empty text is not plain either, and `file:///x` is not, for its third slash.

    Cost: linear. Source: SPEC §6.
    """
    if not resource or _NOT_PLAIN.search(resource):
        return False
    if "//" not in resource:
        return True
    scheme = _SCHEME.match(resource)
    return scheme is not None and "//" not in resource[scheme.end() :]


def needlessly_encoded(text: str) -> bool:
    """Does this text hide a character behind a percent sign that it may hold as it is? (RFC 3986 §2.3)."""
    return _NEEDLESSLY_ENCODED.search(text) is not None


def _check_arguments(text: str, separator: str) -> None:
    if separator not in {RESOURCE_SEPARATOR, ACTION_SEPARATOR}:
        message = "the separator of a pattern is `/` or `.`"
        raise ValueError(message)
    if len(text) > PATTERN_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"a pattern has at most {PATTERN_CHARACTERS} characters")


def _parse_tokens(text: str) -> tuple[str | Wild, ...]:
    r"""Pattern = *( "**" / "*" / "\*" / "\\" / any other character ), no three stars in a row."""
    tokens: list[str | Wild] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "\\":
            escaped = text[place + 1 : place + 2]
            if escaped not in {"*", "\\"}:
                detail = f"the backslash at character {place + 1} of a pattern escapes no star and no backslash"
                raise TokenError(Reason.MALFORMED, detail)
            tokens.append(escaped)
            place += 2
        elif character != "*":
            tokens.append(character)
            place += 1
        elif text.startswith("***", place):
            raise TokenError(Reason.MALFORMED, f"three stars in a row at character {place + 1} of a pattern")
        elif text.startswith("**", place):
            tokens.append(Wild.ACROSS)
            place += 2
        else:
            tokens.append(Wild.WITHIN)
            place += 1
    return tuple(tokens)


def _print_tokens(tokens: tuple[str | Wild, ...]) -> str:
    return "".join(
        token.value if isinstance(token, Wild) else f"\\{token}" if token in {"*", "\\"} else token for token in tokens
    )


def _compile_tokens(tokens: tuple[str | Wild, ...], separator: str) -> Callable[[str], bool]:
    wild_places = [place for place, token in enumerate(tokens) if isinstance(token, Wild)]
    if len(wild_places) > 1:
        return _Automaton(tokens, separator).matches
    literal = "".join(token for token in tokens if isinstance(token, str))
    if not wild_places:
        return partial(eq, literal)
    place = wild_places[0]
    wild = tokens[place]
    assert isinstance(wild, Wild)  # noqa: S101 - for the type checker
    return _single_wildcard(literal[:place], wild, literal[place:], separator)


def _single_wildcard(head: str, wild: Wild, tail: str, separator: str) -> Callable[[str], bool]:
    if wild is Wild.ACROSS:
        if not tail:
            if not head.endswith(separator):
                return methodcaller("startswith", head)
            stem = head[:-1]
            return lambda text: text.startswith(head) or text == stem
        if not head:
            return methodcaller("endswith", tail)
        shortest = len(head) + len(tail)
        return lambda text: len(text) >= shortest and text.startswith(head) and text.endswith(tail)
    start, cut = len(head), len(tail)

    def within(text: str) -> bool:
        end = len(text) - cut
        return end >= start and text.startswith(head) and text.endswith(tail) and text.find(separator, start, end) < 0

    return within


class _Automaton:
    """The automaton of a pattern; its states are sets of places, as bits of one integer.

    INVARIANT: two wildcards are never neighbours (that would be three stars), so skipping wildcards takes one
    shift and no loop.
    """

    __slots__ = ("accepting", "across", "literals", "separator", "skippable", "start", "within")

    def __init__(self, tokens: tuple[str | Wild, ...], separator: str) -> None:
        self.separator = separator
        self.literals: dict[str | None, int] = {}
        self.across = 0  # places of `**`: they stay on any character
        self.skippable = 0  # places of either wildcard: they stay on any character but the separator
        for place, token in enumerate(tokens):
            if isinstance(token, str):
                self.literals[token] = self.literals.get(token, 0) | 1 << place
            else:
                self.skippable |= 1 << place
                self.across |= (token is Wild.ACROSS) << place
        self.accepting = 1 << len(tokens)
        if tokens[-2:] == (separator, Wild.ACROSS):
            self.accepting |= 1 << (len(tokens) - 2)
        self.start = 1 | (self.skippable & 1) << 1

    def step(self, state: int, letter: str | None) -> int:
        """Read one character; `None` stands for every character that the pattern does not name."""
        staying = state & (self.across if letter == self.separator else self.skippable)
        state = (state & self.literals.get(letter, 0)) << 1 | staying
        return state | (state & self.skippable) << 1

    def matches(self, text: str) -> bool:
        """One step a character, and none to spare: the work does not depend on where the stars are."""
        # `step`, written out: a call for each character would double the time.
        literals, skippable, across, separator = self.literals.get, self.skippable, self.across, self.separator
        state = self.start
        for character in text:
            staying = state & (across if character == separator else skippable)
            state = (state & literals(character, 0)) << 1 | staying
            if not state:
                return False
            state |= (state & skippable) << 1
        return bool(state & self.accepting)

    def dominant(self, state: int) -> int:
        """The same state without the places below its last `**`: whatever they still match, that one does."""
        last = (state & self.across).bit_length()
        return state >> (last - 1) << (last - 1) if last else state


def _shared_places(first: Pattern, second: Pattern) -> list[int]:
    """Row *i*, bit *j*: some text brings the first pattern to place *i* and the second to place *j*.

    Places never decrease, so one pass over the rows settles it; within a row, runs of allowed moves to the
    next place are filled by the carry of one addition.
    """
    theirs = _Automaton(second.tokens, first.separator)
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
    ends = _Automaton(mine, first.separator).accepting, _Automaton(theirs, first.separator).accepting
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
    return len(tokens), _print_tokens(tokens)
