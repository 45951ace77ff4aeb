"""Lines of at most `WIDTH` columns: titles in a column, short items that flow, long texts that wrap.

The rules of this file:

- Nothing is cut off: whoever reads a chain reads all of it.
- What goes on is indented, so that no text from outside can begin a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from delegate.core.chain.printable import shown

WIDTH: Final = 100
ITEM: Final = " · "
CHANGE: Final = "   "

_TITLE: Final = 12
_FURTHER: Final = "  "
# Where a text may go on below, best first, and how much of it stays above.
_BREAKS: Final = ((" && ", 0), (" || ", 0), ("; ", 1), (", and ", 1), (": ", 1), (" if ", 0), (" ", 0))
# A blank behind a blank; what shows as one or as nothing, and is none of the format characters that are always escaped.
_BLANKS: Final = re.compile(
    "(?<= ) |[\xa0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000"
    "\u3164\ufe00-\ufe0f\uffa0]"
)
_ENOUGH: Final = 1 << 20  # longer than any text in a token: escape, never shorten


def escaped(text: str) -> str:
    """Escape what came from outside, whole."""
    return shown(text, _ENOUGH)


def spaced(text: str) -> str:
    """Write out every blank behind another, and what looks like a blank: with them a value could draw columns."""
    return _BLANKS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii").replace(" ", r"\x20"), text)


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` characters: before an operator, else at a blank, else anywhere."""
    lines: list[str] = []
    room = width
    while len(text) > room:
        cut, skip = _cut(text, room)
        lines.append(text[:cut])
        text = text[cut + skip :]
        room = width - len(_FURTHER)
    return [line if number == 0 else _FURTHER + line for number, line in enumerate([*lines, text])]


def _cut(text: str, room: int) -> tuple[int, int]:
    """Say where to break, and how many characters to leave out there."""
    for mark, kept in _BREAKS:
        at = text.rfind(mark, room // 3, room + 1 - kept)
        if at > 0:
            return at + kept, 1
    return room, 0


def flow(items: Iterable[str], between: str, width: int) -> list[str]:
    """Fill lines of at most `width` characters with items; one that is too long for a line has lines of its own.

    Behind the last of these nothing follows that a mere blank would set apart: it would read as part of the item.
    """
    lines: list[str] = []
    closed = False
    for item in items:
        if lines and not closed and len(lines[-1]) + len(between) + len(item) <= width:
            lines[-1] += between + item
        else:
            broken = wrapped(item, width)
            lines += broken
            closed = len(broken) > 1 and between.isspace()
    return lines


def hung(head: str, lines: Iterable[str], column: int) -> list[str]:
    """Hang lines beside a head, from `column` on; below it where the head is longer than that."""
    body = [" " * column + line for line in lines]
    if len(head) < column and body:
        body[0] = f"{head:<{column}}{body[0][column:]}"
        return body
    return [*wrapped(head, WIDTH), *body]


def titled(title: str, lines: Iterable[str]) -> list[str]:
    """Write lines behind a title."""
    return hung(title, lines, _TITLE)


def titled_items(title: str, items: Iterable[str]) -> list[str]:
    """Write short items behind a title, ` · ` between them."""
    return titled(title, flow(items, ITEM, WIDTH - _TITLE))
