"""weights.json: what a regular expression weighs, told by the steps that it costs (SPEC §6.5, §6.6).

A pattern of weight w takes 32 and n / 2, then 8 · w and (n of the text + 1) · (w + 15) / 128: with so many steps beside
the nodes it comes to an answer, and with one less it does not. The numbers here are written out, not worked out.
"""

from __future__ import annotations

from vectorkit.build import Maker
from vectorkit.conditions import Conditions, call, path

YES, NO, ERROR = "allow", "caveat_failed", "caveat_error"  # what RE2 says of it and the text `x`

PATTERNS = (
    ("empty", "", 1, YES, "nothing: the least weight"),
    ("character", "x", 1, YES, "a character"),
    ("repeated", "x+y?z*", 6, YES, "1 each, the signs too"),
    ("dot", ".", 4, YES, "a dot"),
    ("count", ".{10}", 40, NO, "a count repeats the 4"),
    ("count-range", "x{2,7}", 7, NO, "of two numbers the greater"),
    ("count-range-back", "x{7,2}", 7, ERROR, "also where it is the first, which RE2 refuses"),
    ("count-open", "x{3,}", 3, NO, "a count without an end"),
    ("count-zero", "x{0}", 1, YES, "a count of nothing counts as one"),
    ("count-zeros", "x{00012}", 12, NO, "leading zeros are nothing"),
    ("count-zeros-many", "x{0000000012}", 12, NO, "nor are eight of them"),
    ("count-blank", "x{ 2}", 5, NO, "no count: five characters"),
    ("count-comma", "x{,2}", 5, NO, "no count either"),
    ("count-unclosed", "x{2", 3, NO, "nor is this"),
    ("count-count", "x{2}{3}", 6, ERROR, "a count after a count"),
    ("count-first", "{3}", 1, ERROR, "a count after nothing; the least weight"),
    ("count-first-then", "{3}x", 1, ERROR, "and what follows"),
    ("count-plus", "x+{3}", 4, ERROR, "a count repeats what is before the sign"),
    ("group", "(xy){3}z", 7, NO, "a group, three times"),
    ("group-empty", "()", 1, YES, "a group weighs at least 1"),
    ("group-empty-count", "(){5}", 5, YES, "five times"),
    ("group-nested", "((x){2}){3}", 6, NO, "a group in a group"),
    ("group-open", "(x", 1, ERROR, "a group that is not closed"),
    ("group-open-twice", "((x{2}", 2, ERROR, "nor are two"),
    ("group-closed", "x)", 2, ERROR, "a closing bracket alone is a character"),
    ("group-plain", "(?:x)", 1, YES, "a group without a name"),
    ("group-named", "(?P<n>x){2}", 2, NO, "a group with one"),
    ("group-named-short", "(?<i>x){2}", 2, NO, "and in the other writing: no flag"),
    ("flag", "(?i)xy", 9, NO, "1 for the flag, 4 each behind it"),
    ("flag-group", "(?i:x)y", 8, NO, "to the end of the pattern, wherever the group ends"),
    ("flag-off", "(?-i)xy", 3, NO, "an `i` behind the minus turns it off: nothing is heavier"),
    ("flag-off-again", "(?i)x(?-i)y", 10, NO, "and is not lighter again"),
    ("flag-others", "(?ms)x", 2, YES, "other flags"),
    ("flag-several", "(?sim)x", 5, YES, "among others"),
    ("flag-off-behind", "(?i-s)x", 5, YES, "on, and another one off"),
    ("flag-group-empty", "(?i)()", 2, YES, "a group's least is not four times as heavy"),
    ("flag-dot", "(?i).", 17, YES, "a dot is"),
    ("flag-class", "(?i)[x-z]", 5, YES, "a class is"),
    ("flag-heavy", "(?i)\\pL", 257, YES, "`\\p` is not"),
    ("flag-quoted", "(?i)\\Qxy\\E", 9, NO, "what is quoted is"),
    ("flag-repeat", "x+(?s){9}", 11, NO, "a count behind a flag repeats what is before it"),
    ("class", "[x-z]", 1, YES, "1 and 3 / 4"),
    ("class-four", "[wxyz]", 2, YES, "1 and 4 / 4"),
    ("class-not", "[^a-c]", 5, YES, "4 and 4 / 4"),
    ("class-name", "[[:alpha:]]", 3, YES, "1 and 9 / 4"),
    ("class-name-not", "[[:^alpha:]x]", 6, YES, "4 and 11 / 4"),
    ("class-beyond", "[éx]", 10, YES, "8, 2 / 4 and 2"),
    ("class-beyond-two", "[éàx]", 12, YES, "8, 3 / 4 and 4"),
    ("class-hex", "[\\x78]", 9, YES, "8 and 4 / 4"),
    ("class-perl", "[\\Dx]", 4, YES, "4 and 3 / 4"),
    ("class-perl-small", "[\\dx]", 1, YES, "1 and 3 / 4"),
    ("class-heavy", "[\\pLx]", 258, YES, "256, 1 and 4 / 4"),
    ("class-looks-heavy", "[\\\\px]", 258, YES, "what looks like `\\p` counts as one"),
    ("class-bracket", "[]x]", 1, YES, "a bracket first is a member"),
    ("class-not-bracket", "[^]a]", 4, YES, "also behind `^`: 4 and 3 / 4"),
    ("class-escaped", "[x\\]]", 1, YES, "and behind a backslash"),
    ("class-open", "[xyz", 1, ERROR, "a class without end: 1 and 2 / 4"),
    ("class-open-name", "[[:x", 1, ERROR, "also within what looks like a name"),
    ("class-count", "[xy]{4}", 4, NO, "a class, four times"),
    ("heavy", "\\pL", 256, YES, "a property"),
    ("heavy-name", "\\p{Greek}", 256, NO, "with its name"),
    ("heavy-not", "\\PN", 256, YES, "that does not hold"),
    ("heavy-count", "\\pL{3}", 768, NO, "three times"),
    ("heavy-open", "\\p{Gr", 256, ERROR, "without its end"),
    ("heavy-alone", "\\p", 256, ERROR, "at the end of the pattern"),
    ("perl", "\\w\\d\\s\\b", 4, NO, "escapes of ASCII"),
    ("perl-not", "\\W\\D\\S", 12, NO, "and those that mean all but that"),
    ("perl-byte", "\\C", 4, YES, "a byte"),
    ("perl-boundary-not", "\\Bx", 2, NO, "no boundary is a character"),
    ("hex", "\\x78", 6, YES, "4, and two digits that are characters of their own"),
    ("hex-braces", "\\x{78}", 4, YES, "in braces"),
    ("hex-open", "\\x{78", 4, ERROR, "without an end"),
    ("hex-heavy", "\\x{\\pL}", 256, ERROR, "what looks like `\\p` counts, as everywhere"),
    ("quoted", "\\Qx.y\\E", 3, NO, "quoted: its characters"),
    ("quoted-count", "\\Qxyz\\E{2}", 6, NO, "the count repeats all that is quoted"),
    ("quoted-empty", "\\Q\\E", 1, YES, "nothing quoted"),
    ("quoted-empty-count", "x\\Q\\E{3}", 4, NO, "a count behind it repeats what is before"),
    ("quoted-open", "\\Qxyz", 3, NO, "without an end"),
    ("quoted-beyond", "\\Qé\\E", 4, NO, "a character beyond ASCII"),
    ("quoted-sign", "\\Q", 1, YES, "the sign alone"),
    ("beyond", "é", 4, NO, "a character beyond ASCII"),
    ("beyond-count", "é{5}", 20, NO, "five times"),
    ("backslash", "\\", 1, ERROR, "a backslash at the end"),
    ("anchors", "^x$", 3, YES, "anchors are characters"),
    ("or", "x|y", 3, YES, "and so is `|`"),
    ("group-capped", "(x{900}){2}", 1001, ERROR, "too heavy, and never more than 1,001"),
    ("count-most", "x{1000}", 1000, NO, "1,000 is the most"),
    ("count-more", "x{1001}", 1001, ERROR, "1,001 is too heavy"),
    ("sum-most", "x{500}y{500}", 1000, NO, "a sum of 1,000"),
    ("sum-more", "x{500}y{500}z", 1001, ERROR, "and one more"),
    ("count-zeros-heavy", ".{0000999}", 1001, ERROR, "4 · 999: too heavy"),
    ("count-digits", "x{9999999999}", 1001, ERROR, "many digits"),
)  # fmt: skip
"""Name, pattern, weight, what comes of matching the text `x`, and why it weighs that."""


def matching(pattern: str, weight: int, text: int) -> int:
    """The steps of `matches`, beside the nodes, for a pattern of this weight over a text of so many characters."""
    first = 32 + len(pattern) // 2
    return first if weight > 1000 else first + 8 * weight + (text + 1) * (weight + 15) // 128


def make() -> Maker:
    """All vectors of the file."""
    made = Conditions("weight")
    for name, pattern, weight, answer, why in PATTERNS:
        condition = call("MATCHES", path("s"), pattern)
        comment = f"`{pattern if len(pattern) < 24 else pattern[:20] + '…'}` weighs {weight}: {why}"
        made.costs(name, comment, condition, 4 + matching(pattern, weight, 1), answer, s="x")
    return made.maker
