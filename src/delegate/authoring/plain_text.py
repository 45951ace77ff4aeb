"""Text for people, as an author is told what is wrong with it (SPEC §4.2). What decides has fewer words for it."""

from __future__ import annotations

from typing import Final

from delegate.core.chain.printable import is_plain

_JOINERS: Final = "\u200c\u200d"


def check_plain(text: str, what: str) -> None:
    """Refuse a text with a character that has no place in text for people, and name the first such one.

    Args:
        text: to be looked at.
        what: what to call it: `why`.

    Raises:
        ValueError: with the character's code point, its name and its place, counted from 1.
    """
    if is_plain(text):
        return
    import unicodedata

    place, found = next((number, each) for number, each in enumerate(text, 1) if not is_plain(each))
    name = unicodedata.name(found, "a control character" if ord(found) < 0xA0 else "a character without a name")
    message = f"{what} has U+{ord(found):04X} ({name}) as its character {place}; it may hold none that shows as nothing"
    if found in _JOINERS:
        message += ", joiners of letters and of emoji among them: leave it out, or write a space"
    raise ValueError(message)
