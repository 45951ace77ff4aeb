"""Whether a text matches a pattern, in time linear in the text (SPEC §6.1).

Rules of this file:

- Either a handful of string searches, or one pass over a bit-parallel automaton (bit *i* is set when the first *i*
  tokens may just have been matched). Nothing backtracks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq

from delegate.core.patterns.tokens import RESOURCE_SEPARATOR, Wild, check_arguments, is_simple, parse_tokens


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
        TokenError: MALFORMED for what is no pattern, LIMIT_EXCEEDED for too long a pattern.
        ValueError: a separator other than `/` or `.`.

    Cost: linear in the pattern; the function's is linear in its text. Source: SPEC §6.
    """
    return compile_priced(text, separator)[0]


def compile_priced(text: str, separator: str) -> tuple[Callable[[str], bool], int]:
    """Compile as `compile_pattern`, and say how many characters of the pattern each match has to pay for.

    None where string searches do; all of them where an automaton is needed: see `match_steps`.
    """
    check_arguments(text, separator)
    if is_simple(text):
        start, end = text.find("*"), text.rfind("*") + 1
        if start < 0:
            return partial(eq, text), 0
        head, tail = text[:start], text[end:]
        if end - start == 1:
            return _single_wildcard(head, Wild.WITHIN, tail, separator), 0
        if text[start:end] == "**" and head[-1:] in {"", separator}:
            if not tail:
                return _single_wildcard(head, Wild.ACROSS, tail, separator), 0
            if tail[0] == separator:
                return _single_wildcard(head, Wild.SEGMENTS, tail[1:], separator), 0
    tokens = parse_tokens(text, separator)
    several = sum(isinstance(token, Wild) for token in tokens) > 1
    return compile_tokens(tokens, separator), len(text) if several else 0


def match_steps(text_characters: int, pattern_characters: int) -> int:
    """How many steps does a match by an automaton cost? One for four characters of text, more for a long pattern.

    Source: SPEC §6.5.
    """
    return (text_characters + 1) * ((pattern_characters + 63) >> 6) + 2 * pattern_characters >> 2


def compile_tokens(tokens: tuple[str | Wild, ...], separator: str) -> Callable[[str], bool]:
    """Make the function that says whether a whole text matches."""
    wild_places = [place for place, token in enumerate(tokens) if isinstance(token, Wild)]
    if len(wild_places) > 1:
        return Automaton(tokens, separator).matches
    literal = "".join(token for token in tokens if isinstance(token, str))
    if not wild_places:
        return partial(eq, literal)
    place = wild_places[0]
    wild = tokens[place]
    assert isinstance(wild, Wild)  # noqa: S101 - for the type checker
    return _single_wildcard(literal[:place], wild, literal[place:], separator)


def _single_wildcard(head: str, wild: Wild, tail: str, separator: str) -> Callable[[str], bool]:
    if wild is Wild.ACROSS:
        stem = head[:-1]
        return lambda text: text.startswith(head) or text == stem  # a `**` alone has neither: all begins with nothing
    if wild is Wild.SEGMENTS:
        # `head` is empty or ends in the separator, which may be the one before `tail`.
        last = separator + tail
        shortest = len(head) + len(tail)
        if not head:
            return lambda text: text.endswith(last) or text == tail
        return lambda text: len(text) >= shortest and text.startswith(head) and text.endswith(last)
    start, cut = len(head), len(tail)

    def within(text: str) -> bool:
        end = len(text) - cut
        return end >= start and text.startswith(head) and text.endswith(tail) and text.find(separator, start, end) < 0

    return within


class Automaton:
    """The automaton of a pattern; its states are sets of places, as bits of one integer.

    INVARIANT: of two neighbouring wildcards the first is `**` and a separator, and the second is none such. So skipping
    wildcards takes two shifts and no loop.
    """

    __slots__ = ("accepting", "across", "literals", "segments", "separator", "skippable", "start", "within")

    def __init__(self, tokens: tuple[str | Wild, ...], separator: str) -> None:
        self.separator = separator
        self.literals: dict[str | None, int] = {}
        self.across = 0  # places of `**` with or without a separator: they stay on any character
        self.segments = 0  # those with one: they are left, or skipped, where a segment begins
        self.skippable = 0  # places of `*`, and of `**` at the end: they are left, or skipped, anywhere
        self.within = 0  # places that stay on any character but the separator
        for place, token in enumerate(tokens):
            if isinstance(token, str):
                self.literals[token] = self.literals.get(token, 0) | 1 << place
            else:
                self.within |= 1 << place
                self.across |= (token is not Wild.WITHIN) << place
                self.segments |= (token is Wild.SEGMENTS) << place
                self.skippable |= (token is not Wild.SEGMENTS) << place
        self.accepting = 1 << len(tokens)
        if tokens[-2:] == (separator, Wild.ACROSS):
            self.accepting |= 1 << (len(tokens) - 2)
        state = 1 | (self.segments & 1) << 1
        self.start = state | (state & self.skippable) << 1

    def step(self, state: int, letter: str | None) -> int:
        """Read one character; `None` stands for every character that the pattern does not name."""
        ahead = (state & self.literals.get(letter, 0)) << 1
        if letter == self.separator:
            state = ahead | state & self.across
            state |= (state & self.segments) << 1
        else:
            state = ahead | state & self.within
        return state | (state & self.skippable) << 1

    def matches(self, text: str) -> bool:
        """One step a character, and none to spare: the work does not depend on where the stars are."""
        # `step`, written out: a call for each character would double the time.
        literals, skippable, within, separator = self.literals.get, self.skippable, self.within, self.separator
        across, segments = self.across, self.segments
        state = self.start
        for character in text:
            if character == separator:
                state = (state & literals(character, 0)) << 1 | state & across
                state |= (state & segments) << 1
            else:
                state = (state & literals(character, 0)) << 1 | state & within
            if not state:
                return False
            state |= (state & skippable) << 1
        return bool(state & self.accepting)

    def dominant(self, state: int) -> int:
        """The same state without the places below its last `**`: whatever they still match, that one does."""
        last = (state & self.across).bit_length()
        return state >> (last - 1) << (last - 1) if last else state
