r"""Regular expressions of RE2 as sets of texts: those in which a pattern matches.

The rules of this file:

- What is read here means what RE2 means by it. What is not read is refused with `NotReadError`, and its outcome is then
  left open: Unicode classes, word boundaries, `(?m)`, `\C`, letters beyond ASCII where case is ignored.
- `^` and `$` are marks before and behind the text. A pattern in which one place could need a mark twice is refused: a
  mark is read once.
"""

from __future__ import annotations

from typing import Final

from delegate.analysis.proofs.languages import BEGIN, BLANK, END, EVERY, Languages, Ranges, but, normal

_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_WORDS: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Final[Ranges] = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_CLASSES: Final[dict[str, Ranges]] = {
    "d": _DIGITS,
    "w": _WORDS,
    "s": _SPACES,
    "D": but(_DIGITS),
    "W": but(_WORDS),
    "S": but(_SPACES),
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_POSIX: Final[dict[str, Ranges]] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGITS,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": _WORDS,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
# What is the same letter, beyond ASCII, as `k` and `s` where case is ignored: the Kelvin sign and the long s.
_KELVIN: Final = {0x6B: 0x212A, 0x73: 0x017F}
_COUNT_MOST: Final = 1000  # RE2's own


class NotReadError(Exception):
    """A pattern that is not read here; whether it matches is left open."""


def matching(languages: Languages, pattern: str) -> int:
    """Give the set of texts in which a pattern of RE2 matches somewhere.

    Raises:
        NotReadError: it has a part that is not read here, or RE2 would refuse it.
        TooMuchError: it takes too much work.
    """
    reader = _Reader(languages, pattern)
    found = reader.pattern()
    mark_begin, mark_end = languages.chars([(BEGIN, BEGIN)]), languages.chars([(END, END)])
    gap = languages.anywhere(BLANK)
    # Where a place would need a mark twice, or the end before the beginning.
    pairs = ((mark_begin, mark_begin), (mark_end, mark_end), (mark_end, mark_begin))
    for first, second in pairs if reader.repeats_marks else ():
        if not languages.is_empty_marked(languages.both(found, languages.cat(gap, first, gap, second, gap))):
            raise NotReadError(pattern)
    return languages.unmarked(languages.anywhere(found))


def whole(languages: Languages, pattern: str) -> int:
    """Give the set of texts that a pattern without anchors matches as a whole."""
    return _Reader(languages, pattern).pattern()


class _Reader:
    """One reading of a pattern, from the left."""

    def __init__(self, languages: Languages, text: str) -> None:
        self.languages = languages
        self.text = text
        self.at = 0
        self.folding = False
        self.dot_is_all = False
        self.marks = ""
        self.repeats_marks = False

    def mark(self, point: int) -> int:
        r"""Note an anchor: only `^` or `\A` once and then `$` or `\z` once cannot need a mark twice."""
        self.repeats_marks = self.repeats_marks or self.marks not in {"", "^"} or (self.marks == "^" and point == BEGIN)
        self.marks += "^" if point == BEGIN else "$"
        return self.languages.chars([(point, point)])

    def pattern(self) -> int:
        found = self.alternatives()
        if self.at < len(self.text):
            raise NotReadError(self.text)
        return found

    def alternatives(self) -> int:
        """Read alternatives = sequence *( "|" sequence ); flags end with the group that they are in."""
        outer = self.folding, self.dot_is_all
        found = [self.sequence()]
        while self.taken("|"):
            found.append(self.sequence())
        self.folding, self.dot_is_all = outer
        return self.languages.alt(*found)

    def sequence(self) -> int:
        """Read sequence = *( item [ count ] )."""
        parts: list[int] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            item = self.item()
            if item is not None:
                parts.append(self.counted(item))
        return self.languages.cat(*parts)

    def counted(self, item: int) -> int:
        languages = self.languages
        sign = self.text[self.at : self.at + 1]
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign)
        if bounds is not None:
            self.at += 1
        elif sign == "{":
            bounds = self.braces()
        if bounds is None:
            return item
        self.repeats_marks = self.repeats_marks or bool(self.marks)  # what is repeated may hold one
        self.taken("?")  # whether it takes few or many does not matter to whether it matches
        if self.text[self.at : self.at + 1] in {"*", "+", "?", "{"}:
            raise NotReadError(self.text)
        return languages.times(item, *bounds)

    def braces(self) -> tuple[int, int | None] | None:
        end = self.text.find("}", self.at)
        least, comma, most = self.text[self.at + 1 : end].partition(",") if end >= 0 else ("", "", "")
        if not (least.isascii() and least.isdigit()) or (most and not (most.isascii() and most.isdigit())):
            raise NotReadError(self.text)  # RE2 reads such braces as themselves
        self.at = end + 1
        low = int(least)
        high = int(most) if most else None if comma else low
        if max(low, high or 0) > _COUNT_MOST or (high is not None and high < low):
            raise NotReadError(self.text)
        return low, high

    def item(self) -> int | None:
        """Read one item; `None` for flags alone."""
        character = self.text[self.at]
        self.at += 1
        languages = self.languages
        match character:
            case "(":
                return self.group()
            case "[":
                return languages.chars(self.bracket())
            case ".":
                return languages.chars(EVERY if self.dot_is_all else but(((0x0A, 0x0A),)))
            case "^":
                return self.mark(BEGIN)
            case "$":
                return self.mark(END)
            case "\\":
                return self.escape()
            case "*" | "+" | "?" | "{":
                raise NotReadError(self.text)
        return self.letter(ord(character))

    def letter(self, point: int) -> int:
        return self.languages.chars(self.fold(((point, point),)))

    def fold(self, ranges: Ranges) -> Ranges:
        """Add the other case of each letter, where case is ignored."""
        if not self.folding:
            return ranges
        if any(last > 0x7F for _, last in ranges):
            raise NotReadError(self.text)
        found = list(ranges)
        for first, last in ranges:
            for start, by in ((0x41, 32), (0x61, -32)):
                low, high = max(first, start), min(last, start + 25)
                if low <= high:
                    found.append((low + by, high + by))
        for letter, other in _KELVIN.items():
            if any(first <= letter <= last for first, last in found):
                found.append((other, other))
        return normal(found)

    def group(self) -> int | None:
        """Read a group behind its `(`; flags alone, `(?i)`, hold to the end of the group around them."""
        outer = self.folding, self.dot_is_all
        if self.taken("?"):
            if self.taken("P<") or self.taken("<"):
                end = self.text.find(">", self.at)
                if end < 0 or not self.text[self.at : end].isidentifier():
                    raise NotReadError(self.text)
                self.at = end + 1
            else:
                self.flags()
                if self.taken(")"):
                    return None
                if not self.taken(":"):
                    raise NotReadError(self.text)
        found = self.alternatives()
        if not self.taken(")"):
            raise NotReadError(self.text)
        self.folding, self.dot_is_all = outer
        return found

    def flags(self) -> None:
        on = True
        while self.at < len(self.text) and self.text[self.at] not in ":)":
            flag = self.text[self.at]
            self.at += 1
            if flag == "-":
                on = False
            elif flag == "i":
                self.folding = on
            elif flag == "s":
                self.dot_is_all = on
            elif flag != "U":
                raise NotReadError(self.text)

    def escape(self) -> int:
        letter = self.text[self.at : self.at + 1]
        languages = self.languages
        if letter in _CLASSES:
            self.at += 1
            # No letter but of `\w` and `\W` has another case, and RE2 folds neither beyond ASCII as one expects.
            return languages.chars(self.fold(_CLASSES[letter]) if letter in "dwDs" else self.unfolded(letter))
        if letter == "A":
            self.at += 1
            return self.mark(BEGIN)
        if letter == "z":
            self.at += 1
            return self.mark(END)
        if letter == "Q":
            end = self.text.find("\\E", self.at)
            inner = self.text[self.at + 1 : end if end >= 0 else None]
            if end < 0 or len(inner) != 1:  # a count repeats the last letter alone: seldom worth reading
                following = self.text[end + 2 : end + 3] if end >= 0 else ""
                if following in {"*", "+", "?", "{"} and following:
                    raise NotReadError(self.text)
            self.at = end + 2 if end >= 0 else len(self.text)
            return languages.cat(*(self.letter(ord(each)) for each in inner)) if inner else BLANK
        return self.letter(self.escaped_point())

    def unfolded(self, letter: str) -> Ranges:
        if self.folding:
            raise NotReadError(self.text)
        return _CLASSES[letter]

    def escaped_point(self) -> int:
        r"""Read what stands behind a backslash for one character: `\n`, `\x41`, `\x{263A}`, `\.`."""
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter == "x":
            braced = self.taken("{")
            end = self.text.find("}", self.at) if braced else self.at + 2
            digits = self.text[self.at : end] if end >= 0 else ""
            if not digits or not all(each in "0123456789abcdefABCDEF" for each in digits) or len(digits) > 6:
                raise NotReadError(self.text)
            if not braced and len(digits) < 2:
                raise NotReadError(self.text)
            self.at = end + braced
            point = int(digits, 16)
            if point > EVERY[1][1] or 0xD800 <= point <= 0xDFFF:
                raise NotReadError(self.text)
            return point
        if letter in _CONTROLS:
            return ord(_CONTROLS[letter])
        if letter and letter.isascii() and not letter.isalnum() and letter != "_":
            return ord(letter)
        raise NotReadError(self.text)

    def bracket(self) -> Ranges:
        """Read a class behind its `[`."""
        negated = self.taken("^")
        found: list[tuple[int, int]] = []
        first = True
        while first or self.text[self.at : self.at + 1] != "]":
            if self.at >= len(self.text):
                raise NotReadError(self.text)
            if self.text.startswith("[:", self.at):
                found += self.posix()
            else:
                found += self.class_item(first=first)
            first = False
        self.at += 1
        ranges = self.fold(normal(found))
        return but(ranges) if negated else ranges

    def posix(self) -> Ranges:
        end = self.text.find(":]", self.at + 2)
        name = self.text[self.at + 2 : end] if end >= 0 else ""
        negated = name.startswith("^")
        ranges = _POSIX.get(name.removeprefix("^"))
        if ranges is None or (negated and self.folding):
            raise NotReadError(self.text)
        self.at = end + 2
        return but(ranges) if negated else ranges

    def class_item(self, *, first: bool) -> Ranges:
        if self.text[self.at] == "\\" and self.text[self.at + 1 : self.at + 2] in _CLASSES:
            letter = self.text[self.at + 1]
            self.at += 2
            return self.unfolded(letter) if letter not in "ds" else _CLASSES[letter]
        low = self.class_point()
        if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in {"]", ""}:
            self.at += 1
            if self.text[self.at] == "[" and self.text.startswith("[:", self.at):
                raise NotReadError(self.text)
            if self.text[self.at] == "\\" and self.text[self.at + 1 : self.at + 2] in _CLASSES:
                raise NotReadError(self.text)
            high = self.class_point()
            if high < low:
                raise NotReadError(self.text)
            return normal(_without_surrogates(low, high))
        if chr(low) == "-" and not first and self.text[self.at : self.at + 1] != "]":
            raise NotReadError(self.text)  # RE2 refuses a `-` in the middle
        return ((low, low),)

    def class_point(self) -> int:
        character = self.text[self.at]
        self.at += 1
        return self.escaped_point() if character == "\\" else ord(character)

    def taken(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False


def _without_surrogates(low: int, high: int) -> list[tuple[int, int]]:
    found = [(low, min(high, EVERY[0][1])), (max(low, EVERY[1][0]), high)]
    return [(first, last) for first, last in found if first <= last]
