r"""`matches`: RE2 regular expressions, with a bound on what they may cost (SPEC §6.6).

Rules of this file:

- RE2 matches in time linear in the text, whatever the pattern; google-re2 is RE2 itself, and is imported when
  the first chain uses `matches`.
- What a pattern costs is told from its text alone, by its *weight*, so that every implementation charges alike:
  a character or escape weighs 1; `.`, `\D`, `\S`, `\W` and `\C`, which take many bytes apart, 4; `\p…` and `\P…`
  256; a character class as much as the weightiest of its parts (4 if it begins with `^`), and 1 more for every
  four of its characters; a group what is in it; `\Q…\E` its characters; and a counted repetition, `x{n,m}`, its
  larger count (at least 1) times x.
- A pattern of more than `PATTERN_CHARACTERS`, or that weighs more than `WEIGHT_MAX`, is an error before RE2 sees it.
- A pattern matches anywhere in the text, unless it is anchored.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from delegate.caveats.scope import EvaluationError, Scope
from delegate.caveats.values import no_overload

WEIGHT_MAX = 1000
PATTERN_CHARACTERS = 2000
# What a pattern costs to read and make ready, besides what its length and weight add.
_BASE_STEPS = 16
_WIDE = 4
_HEAVY = 256
# RE2's own memory for a pattern and its automata. What weighs at most WEIGHT_MAX fits, and what does not fit is
# an error.
_MEMORY_BYTES = 1 << 21

# What has no end runs to the end of the pattern, so that no text is scanned twice; RE2 refuses it anyway.
_PIECE = re.compile(
    r"""\\[pP](?:\{[^}]*(?:\}|\Z)|.)? | \\Q.*?(?:\\E|\Z) | \\x\{[^}]*(?:\}|\Z) | \\.
      | \[\^?\]?(?:\[:\^?[a-z]{1,12}:\]|\\.|[^\]\\])*+(?:\]|\\?\Z)
      | \(\?[a-zA-Z-]*[:)] | \(\?P?<[^()<>]*> | \{(?P<least>[0-9]+),?(?P<most>[0-9]*)\} | .""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_HEAVY_PART = re.compile(r"\\[pP]", re.ASCII)
_WIDE_PART = re.compile(r"\[\^|\[:\^|\\[DSWC]", re.ASCII)


def weight(pattern: str) -> int:
    """What a pattern weighs: about how many states its automaton has. Linear in the pattern.

    Capped a little above `WEIGHT_MAX`, so that no text can make the numbers grow.
    """
    groups = [0]
    last = 0  # the weight of what a repetition would repeat
    for match in _PIECE.finditer(pattern):
        piece = match.group()
        if match["least"] is not None:
            # `last` is counted already.
            count = max(int(match["least"][:6]), int(match["most"][:6] or 0), 1)
            last = min(last * count, WEIGHT_MAX + 1)
            groups[-1] += last - last // count
            continue
        if piece == ")" and len(groups) > 1:
            last = groups.pop()
        elif piece[0] == "(":
            # Flags alone, `(?i)`, open no group.
            if not piece.endswith(")"):
                groups.append(0)
            continue
        else:
            last = _piece_weight(piece)
        groups[-1] = min(groups[-1] + last, WEIGHT_MAX + 1)
    return min(max(1, sum(groups)), WEIGHT_MAX + 1)


def _piece_weight(piece: str) -> int:
    if piece.startswith("\\Q"):
        return max(1, len(piece.removesuffix("\\E")) - 2)
    base = _HEAVY if _HEAVY_PART.search(piece) else _WIDE if piece == "." or _WIDE_PART.search(piece) else 1
    return base + (len(piece) - 2) // 4 if piece[0] == "[" and len(piece) > 1 else base


@lru_cache(maxsize=256)
def _prepared(pattern: str) -> tuple[int, Any]:
    """The weight of a pattern and its compiled form, `None` where there is none."""
    heavy = weight(pattern)
    if heavy > WEIGHT_MAX:
        return heavy, None
    import re2  # noqa: PLC0415 - a megabyte that most chains need not

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    options.never_capture = True
    try:
        return heavy, re2.compile(pattern, options)
    except re2.error:
        return heavy, None


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
    scope.charge(_BASE_STEPS + (len(pattern) >> 2))
    heavy, compiled = _prepared(pattern) if len(pattern) <= PATTERN_CHARACTERS else (WEIGHT_MAX + 1, None)
    if heavy > WEIGHT_MAX:
        detail = "a regular expression that is too large"
        raise EvaluationError(detail)
    scope.charge(heavy + ((len(text) + 1) * (heavy + 15) >> 8))
    if compiled is None:
        detail = "no regular expression of RE2"
        raise EvaluationError(detail)
    return compiled.search(text) is not None


def is_pattern(pattern: str) -> bool:
    """Is this a regular expression that `matches` takes? For authors."""
    return len(pattern) <= PATTERN_CHARACTERS and _prepared(pattern)[1] is not None
