"""HTTP methods and URLs as requests have them (SPEC §7.4): one text for one thing, or a refusal.

The rules of this file:

- What a URL library would drop, decode or read in its own way is refused first.
- The authority is put together again from what was read: where that is not what was written, it is refused.
- ASCII alone is lowered: beyond it, lowering makes other letters (the sign for Kelvin becomes `k`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from delegate.core.chain.printable import has_space, is_plain, shown
from delegate.core.patterns.plain_form import needlessly_encoded
from delegate.errors import DelegateError, Reason
from delegate.regular import regular

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_TOKEN: Final = regular(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_HOST: Final = regular(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def http_action(method: str) -> str:
    """Name the action of an HTTP method; DelegateError: MALFORMED for what is none."""
    if not _TOKEN.fullmatch(method):
        _refuse(f"not an HTTP method: `{shown(method)}`")
    return f"http.{method.lower()}"


def split_url(url: str) -> tuple[str, dict[str, list[str]]]:
    """Give the resource that an absolute URL names, and the values of each name of its query, in order.

    Raises:
        DelegateError: MALFORMED.
    """
    from urllib.parse import parse_qsl, urlsplit

    if not is_plain(url) or has_space(url) or "\\" in url or "#" in url:
        _refuse(f"not a URL without spaces, backslashes and fragment: `{shown(url)}`")
    try:
        parts = urlsplit(url)
        port = parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, errors="strict")
    except ValueError:  # a UnicodeDecodeError is one
        _refuse(f"not a URL: `{shown(url)}`")
    host = _host(parts)
    # Userinfo, brackets, a bare colon, anything odd, and it is not the same.
    authority = host if port is None else f"{host}:{port}"
    if not parts.scheme or not host or authority != parts.netloc.lower():
        _refuse(f"not an absolute URL with a plain host and no userinfo: `{shown(url)}`")
    if needlessly_encoded(parts.path):
        _refuse(f"a path with letters, digits or `-._~` behind percent signs: `{shown(url)}`")
    if port == _DEFAULT_PORTS.get(parts.scheme):
        authority = host
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return f"{parts.scheme}://{authority}{parts.path or '/'}", values


def _host(parts: SplitResult) -> str:
    """Give the host as a resource has it; empty where it has none."""
    host = parts.hostname or ""
    if not parts.netloc.isascii():
        return ""
    if ":" not in host:
        return host if _HOST.fullmatch(host) else ""
    return f"[{host}]" if _is_address(host) else ""


def _is_address(text: str) -> bool:
    """Say whether this is an IPv6 address in its one text.

    Without a zone, which is the sender's own, and no IPv4 address in disguise: that has another text.
    """
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(text)
    except ValueError:
        return False
    return address.scope_id is None and address.ipv4_mapped is None and str(address) == text


def _refuse(detail: str) -> NoReturn:
    raise DelegateError(Reason.MALFORMED, detail)
