r"""Plain form: texts that name one place whichever way they are read (SPEC §7.2).

The rules of this file, each for a reader that is out there:

- What ends a path, or is cut out of it: `?`, `#`, `;`. What some take for a slash: a backslash, and what Unicode's
  compatibility forms turn into a slash or backslash.
- A percent sign stands for what a URL's path cannot hold as it is, in the one spelling of RFC 3986 §2.1 and §6.2.2.1:
  two hex digits, in capitals. Never for what it can hold (RFC 3986 §3.3), so that a place has one text; nor for what
  would mean something else once decoded: a separator, a percent sign, a control character, bytes that are not UTF-8.
- A segment of dots and blanks climbs, stays or vanishes; a drive letter below the start begins anew.
- Behind `scheme://` stands a host in its one writing: no user, no capitals, no dot at its end, no port of its own.
"""

from __future__ import annotations

from typing import Final

from delegate.regular import regular

# U+2100, 2101, 2105, 2106, FF0F have a slash in their compatibility form (NFKC), FE68 and FF3C are backslashes.
_SLASHES: Final = "\u2100\u2101\u2105\u2106\uff0f\ufe68\uff3c"
# These are one to three full stops there.
_DOTS: Final = "\u2024\u2025\u2026\ufe19\ufe30\ufe52\uff0e"


def _escaped(characters: str) -> str:
    """Give the characters as alternatives, each as percent signs have it."""
    return "|".join("".join(f"%{byte:02X}" for byte in character.encode()) for character in characters)


# What nearly all resources are: told at once, and by the rest of this file too.
_ORDINARY: Final = regular(r"/?[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?")
_SEGMENT: Final = rf"(?:[. {_DOTS}]|%20|{_escaped(_DOTS)})+"
_NOT_PLAIN: Final = regular(
    rf"[\x00-\x1f\x7f-\x9f\\?#;{_SLASHES}]|{_escaped(_SLASHES)}|(?:\A|/){_SEGMENT}(?=/|\Z)|(?<!/)/[A-Za-z]:"
)
# A space and `"<>[]^`{|}`, which a path cannot hold; and UTF-8 (RFC 3629) from U+00A0.
_ESCAPE: Final = (
    "%(?:2[02]|3[CE]|5[BDE]|60|7[BCD]"
    "|(?:C2%[AB]|C[3-9A-F]%[89AB]|D[0-9A-F]%[89AB]"
    "|(?:E0%[AB]|E[1-9A-CEF]%[89AB]|ED%[89])[0-9A-F]%[89AB]"
    "|(?:F0%[9AB]|F[1-3]%[89AB]|F4%8)[0-9A-F]%[89AB][0-9A-F]%[89AB])[0-9A-F])"
)
_ESCAPES: Final = regular(f"[^%]*(?:{_ESCAPE}[^%]*)*")
_AUTHORITY: Final = regular(
    r"(?!(?:http|ws)://[^/]*:80(?:/|\Z)|(?:https|wss)://[^/]*:443(?:/|\Z)|[^/]*//[^/]*:0[0-9]*(?:/|\Z))"
    r"[a-z][a-z0-9+.-]*://(?!/)(?:[!-$&-,0-9<-?\[-~-]|\.(?![/:]|\Z)|:(?!/|\Z))*(?=/|\Z)"
)


def plain_form(resource: str) -> bool:
    r"""May a pattern match this resource? If not, only a literal can.

    Answers whether the text names one place whichever way a service reads it: no `?`, `#` or `;`, no segment of dots
    and blanks, no empty segment but a leading or trailing one and the one in `scheme://`, no backslash, no control
    character, no drive letter below the start, no percent sign but before what a path cannot hold as it is, and no host
    that has another writing. Empty text is not plain either, and `file:///x` is not, for its third slash.

    It does not promise that two plain texts name two places: see SPEC §7.2.

    Cost: linear. Source: SPEC §7.2.
    """
    if _ORDINARY.fullmatch(resource):
        return True
    if not resource or _NOT_PLAIN.search(resource) or ("%" in resource and not _ESCAPES.fullmatch(resource)):
        return False
    if "//" not in resource:
        return True
    start = _AUTHORITY.match(resource)
    return start is not None and "//" not in resource[start.end() :]
