"""Plain form: texts that name one place whichever way they are read (SPEC §7.2)."""

from __future__ import annotations

from delegate.regular import regular

# What makes a resource unfit for patterns: a control character or a backslash; a percent sign without two hex
# digits, or one that hides NUL, `%`, `/`, `\`, or what need not be hidden (a letter, a digit, `-`, `.`, `_`, `~`:
# RFC 3986 §2.3), so that one place would have two texts; a segment `.` or `..`, also with a query, a fragment or
# parameters behind it, which URL parsers cut off first, as they are or in percent signs; bytes that UTF-8 never has
# (RFC 3629), such as the long forms of `/` and `.`, which some servers take for these.
_NEEDLESS = "%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])"
_NEEDLESSLY_ENCODED = regular(_NEEDLESS)
_NO_UTF8 = "%(?:[Cc][01]|[Ff][5-9A-Fa-f]|[Ee]0%[89]|[Ff]0%8)"
_NOT_PLAIN = regular(
    rf"[\x00-\x1f\x7f-\x9f\\]|%(?![0-9A-Fa-f]{{2}})|%(?:00|25|2[Ff]|5[Cc])|{_NEEDLESS}|{_NO_UTF8}"
    r"|(?:\A|/)\.{1,2}(?=[/?#;]|%(?:23|3[BbFf])|\Z)"
)
_SCHEME = regular(r"[A-Za-z][A-Za-z0-9+.-]*://(?!/)")


def plain_form(resource: str) -> bool:
    r"""May a pattern match this resource? If not, only a literal can.

    Answers whether the text names one place whichever way a service reads it: no segment `.` or `..`, no
    empty segment but a leading or trailing one and the one in `scheme://`, no backslash, no control
    character, no malformed percent sign, no percent-encoded `/`, `\`, `%`, NUL, letter, digit, `-`, `.`, `_`, `~` or
    byte that UTF-8 never has. Empty text is not plain either, and `file:///x` is not, for its third slash.

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
