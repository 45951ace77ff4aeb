r"""`matches`: RE2 regular expressions, with a bound on what they may cost (SPEC §6.6).

Rules of this file:

- RE2 matches in time linear in the text, whatever the pattern; google-re2 is RE2 itself, and is imported when
  the first chain uses `matches`.
- What a pattern costs is told from its text alone, by its *weight*, so that every implementation charges alike:
  a character or escape weighs 1, or 4 where several bytes are to be told apart (a character beyond ASCII, `\x{…}`,
  `.`, `\D`, `\S`, `\W`, `\C`); `\p…` and `\P…` 256; a character class as much as the weightiest of its parts, 8 if
  it goes beyond ASCII, and more for every four of its characters and every one beyond ASCII; a group what is in it,
  at least 1; and a counted repetition, `x{n,m}`, its larger count (at least 1) times x. `*`, `+`, `?`, flags and an
  empty `\Q\E` weigh 1 and are not what a count behind them repeats: in `x+(?s){9}` that is `x+`. Behind a flag `i` the
  most is four times as heavy: each letter is all its cases then.
- A pattern of more than `REGEX_CHARACTERS`, or that weighs more than `REGEX_WEIGHT`, is an error before RE2 sees it.
- What was compiled belongs to the process: RE2 locks a pattern while it matches, and a `fork` may come then.
- A pattern matches anywhere in the text, unless it is anchored.
"""

from __future__ import annotations

import os
import re
from functools import cache, lru_cache
from typing import Any, Final

from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.evaluator.values import no_overload
from delegate.limits import REGEX_CHARACTERS, REGEX_WEIGHT
from delegate.regular import regular

# What a pattern costs to read and make ready, besides what its length and weight add.
_BASE_STEPS = 32
# For each state: it is made once to find the end of a match, and once more, from behind, to find its beginning.
_WEIGHT_STEPS = 8
_WIDE = 4
_BEYOND = 8  # a class with characters beyond ASCII: its ranges are cut where the number of bytes changes
_HEAVY = 256
_FOLDED = 4  # what ignoring case multiplies with
# One step pays for so many pairs of a state and a character.
_PAIR_BITS = 7
# RE2's own memory for a pattern and its automata. What weighs at most REGEX_WEIGHT fits, and what does not fit is
# an error.
_MEMORY_BYTES = 1 << 21

# What has no end runs to the end of the pattern, so that no text is scanned twice; RE2 refuses it anyway.
_PIECE = regular(
    r"""\\[pP](?:\{[^}]*(?:\}|\Z)|.)? | \\Q.*?(?:\\E|\Z) | \\x\{[^}]*(?:\}|\Z) | \\.
      | \[\^?\]?(?:\[:\^?[a-z]{1,12}:\]|\\.|[^\]\\])*+(?:\]|\\?\Z)
      | \(\?[a-zA-Z-]*[:)] | \(\?P?<[^()<>]*> | \{(?P<least>[0-9]+),?(?P<most>[0-9]*)\} | .""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
# What a count repeats is before these.
_BESIDE = frozenset({"*", "+", "?", "\\Q", "\\Q\\E"})
_HEAVY_PART = regular(r"\\[pP]", re.ASCII)
_WIDE_PART = regular(r"\[\^|\[:\^|\\[DSWC]", re.ASCII)
_BEYOND_PART = regular(r"[^\x00-\x7f]|\\x", re.ASCII)


def weight(pattern: str) -> int:
    """What a pattern weighs: about how many states its automaton has. Linear in the pattern.

    Capped a little above `REGEX_WEIGHT`, so that no text can make the numbers grow.
    """
    groups = [0]
    last = 0  # the weight of what a count would repeat
    times = 1
    for match in _PIECE.finditer(pattern):
        piece = match.group()
        if match["least"] is not None:
            # `last` is counted already.
            count = max(_count(match["least"]), _count(match["most"]), 1)
            last = min(last * count, REGEX_WEIGHT + 1)
            groups[-1] += last - last // count
            continue
        if piece == ")" and len(groups) > 1:
            last = max(1, groups.pop())
        elif piece[0] == "(":
            if piece.startswith("(?") and "<" not in piece and "i" in piece.partition("-")[0]:
                times = _FOLDED  # to the end of the pattern, wherever the group ends
            if piece.endswith(")"):  # flags alone, `(?i)`
                groups[-1] += 1
            else:
                groups.append(0)
            continue
        elif piece in _BESIDE:
            groups[-1] += 1
            continue
        else:
            last = _piece_weight(piece, times)
        groups[-1] = min(groups[-1] + last, REGEX_WEIGHT + 1)
    return min(max(1, sum(groups)), REGEX_WEIGHT + 1)


def _count(digits: str) -> int:
    return int(digits.lstrip("0")[:6] or 0)  # more of them are too many anyway


def _piece_weight(piece: str, times: int) -> int:
    if piece.startswith("\\Q"):
        text = piece.removesuffix("\\E")[2:]
        return (len(text) + (_WIDE - 1) * _beyond_ascii(text)) * times
    heavy = _HEAVY if _HEAVY_PART.search(piece) else 0
    if piece[0] == "[" and len(piece) > 1:
        base = _BEYOND if _BEYOND_PART.search(piece) else _WIDE if _WIDE_PART.search(piece) else 1
        return heavy + (base + (len(piece) - 2) // 4 + 2 * _beyond_ascii(piece)) * times
    if heavy:
        return heavy
    wide = piece == "." or _WIDE_PART.search(piece) or _BEYOND_PART.match(piece)
    return (_WIDE if wide else 1) * times


def _beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else sum(character > "\x7f" for character in text)


def _prepare(pattern: str) -> tuple[int, Any]:
    """The weight of a pattern and its compiled form, `None` where there is none."""
    heavy = weight(pattern)
    if heavy > REGEX_WEIGHT:
        return heavy, None
    re2, options = _library()
    try:
        return heavy, re2.compile(pattern, options)
    except re2.error:
        return heavy, None


# As many as the library keeps itself: each may hold its memory, so 128 of them 256 MiB, whatever chains ask for.
_keep: Final = lru_cache(maxsize=128)
prepared = _keep(_prepare)
_OF_PARENTS: Final[list[object]] = []


def _forked() -> None:
    """Compile anew in the child of a `fork`: a thread of its parent may have been matching, and hold a lock."""
    global prepared  # noqa: PLW0603 - what is kept is the process's own
    _OF_PARENTS.append(prepared)  # a lock that is held is not destroyed
    prepared = _keep(_prepare)
    if _library.cache_info().currsize:
        _library()[0].purge()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@cache
def _library() -> tuple[Any, Any]:
    """RE2 and the options for every pattern; raises EvaluationError where it is not installed: it has no musl wheel."""
    try:
        import re2
    except ImportError:
        detail = "a regular expression, and google-re2 is not installed here"
        raise EvaluationError(detail) from None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    options.never_capture = True
    return re2, options


def matches(text: object, pattern: object, scope: Scope) -> bool:
    """Does the pattern match anywhere in the text?

    Raises:
        EvaluationError: CAVEAT_ERROR: not two strings, no pattern of RE2, or one too heavy.
        StepsExhaustedError: LIMIT_EXCEEDED.

    Cost: linear in the text times the pattern's weight; see `scope.py`. It is the same whether the pattern was
    compiled before or not.
    """
    if type(text) is not str or type(pattern) is not str:
        raise no_overload("matches", text, pattern)
    scope.charge(_BASE_STEPS + (len(pattern) >> 1))
    heavy, compiled = prepared(pattern) if len(pattern) <= REGEX_CHARACTERS else (REGEX_WEIGHT + 1, None)
    if heavy > REGEX_WEIGHT:
        detail = "a regular expression that is too large"
        raise EvaluationError(detail)
    scope.charge(_WEIGHT_STEPS * heavy + ((len(text) + 1) * (heavy + 15) >> _PAIR_BITS))
    if compiled is None:
        detail = "no regular expression of RE2"
        raise EvaluationError(detail)
    return compiled.search(text) is not None
