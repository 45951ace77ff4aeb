"""HTTP methods and URLs as requests have them (SPEC §7.4): one text for one target, or a refusal.

The rules of this file:

- What clients and servers drop, decode or read each in their own way is refused first: user names, fragments,
  backslashes, dot segments, a second slash at the start, a percent sign for a slash, for what needs none, or for
  nothing.
- What they write in several ways and read in one is written in one way: scheme and host in lower case, a path in
  ASCII, in which whatever a path cannot hold stands behind percent signs with capital digits, and nothing else does.
- The authority is put together again from what was read: where that is not what was written, it is refused.
- ASCII alone is lowered: beyond it, lowering makes other letters (the sign for Kelvin becomes `k`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from delegate.core.chain.printable import has_space, is_plain, shown
from delegate.core.evaluator.namespaced import is_host
from delegate.errors import DelegateError, Reason
from delegate.regular import regular

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_TOKEN: Final = regular(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_IN_PATHS: Final = "/!$&'()*+,;=:@"  # what `quote` leaves as it is, beside the unreserved (RFC 3986 §3.3)
_BAD_ESCAPE: Final = regular("%(?![0-9A-Fa-f]{2})")
# A control character; `/` and `;`, which servers take for separators once decoded; a letter, a digit, `-._~` (RFC 3986
# §2.3), which some clients decode before they send; a segment `.` or `..`, which they resolve; a second slash at the
# start, which makes a host of what follows.
_UNFIT_PATH: Final = regular(
    "%(?:[01][0-9A-Fa-f]|7[Ff]|2[Ff]|3[Bb]|2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])"
    r"|/\.{1,2}(?:[/;]|\Z)|\A//"
)


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
    if _BAD_ESCAPE.search(url):
        _refuse(f"a percent sign without two hex digits: `{shown(url)}`")
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
    if port == _DEFAULT_PORTS.get(parts.scheme):
        authority = host
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return f"{parts.scheme}://{authority}{_path(parts.path) or '/'}", values


def join_target(origin: str, target: str | bytes) -> str:
    """Put the public origin of a service before the target of a request line, in origin form (RFC 9112 §3.2.1).

    Raises:
        DelegateError: MALFORMED for any other target: a whole URL, an authority, `*`, or what is not visible ASCII.
        ValueError: no origin.
    """
    try:
        found, query = split_url(origin)
    except DelegateError as error:
        raise ValueError(f"an origin is like `https://files.example.com`: {error.detail}") from None
    scheme, _, rest = found.partition("://")
    if scheme not in _DEFAULT_PORTS or rest.find("/") != len(rest) - 1 or query or "?" in origin:
        raise ValueError(f"an origin is like `https://files.example.com`, with no path: `{shown(origin)}`")
    text = target.decode("latin-1") if isinstance(target, bytes) else target
    if not text.startswith("/") or not text.isascii():
        _refuse(f"a target that is not a path and a query in ASCII: `{shown(text)}`")
    return found[:-1] + text


def _host(parts: SplitResult) -> str:
    """Give the host as a resource has it; empty where it has none, or none in its one writing."""
    host = parts.hostname or ""
    if not parts.netloc.isascii() or not is_host(host):
        return ""
    return f"[{host}]" if ":" in host else host


def _path(path: str) -> str:
    """Give a path in its one writing."""
    from urllib.parse import quote, unquote_to_bytes

    if _UNFIT_PATH.search(path):
        _refuse(f"a path that servers or clients read in several ways: `{shown(path)}`")
    try:
        return quote(unquote_to_bytes(path).decode(), _IN_PATHS)
    except UnicodeDecodeError:
        _refuse(f"a path with percent signs that are not UTF-8: `{shown(path)}`")


def _refuse(detail: str) -> NoReturn:
    raise DelegateError(Reason.MALFORMED, detail)
