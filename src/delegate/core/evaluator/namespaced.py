"""Functions for what tools are told to touch: paths, URLs, addresses, globs (SPEC §6.6).

Rules of this file:

- What could be read in two ways is an error, never `false`: a caveat may say `!path.within(…)`, and an error
  denies either way.
- So there is no decoding and no cleaning up: `..`, percent-encoded separators, backslashes, userinfo, short,
  octal or hexadecimal addresses, and IPv6 addresses that stand for IPv4 ones are all errors.
- Only text is looked at: no file system (what a symbolic link points to is the tool's business), no DNS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.evaluator.values import no_overload
from delegate.core.patterns.matching import compile_pattern, match_steps
from delegate.core.patterns.plain_form import plain_form
from delegate.errors import TokenError
from delegate.regular import regular

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# The longest text of an address with a prefix length.
_ADDRESS_MAX = 50
_HOST_MAX = 253
_PORT_MAX = 65_535
_BASE_STEPS = 8
# Two addresses of eight groups, or of six and four decimal numbers, take three times as long to read as a host.
_NETWORK_STEPS = 24

_SCHEME = regular(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_AUTHORITY = regular(
    r"[A-Za-z][A-Za-z0-9+.-]*://(?:\[(?=[^\]]*:)([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::([0-9]{1,5}))?"
    r"(?=[/?#]|\Z)",
    re.ASCII,
)
# What URL readers drop, or take for a slash.
_UNFIT_IN_URL = regular(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ufeff]")
_LABEL = regular(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label that makes a host an IPv4 address in the eyes of a browser.
_NUMERIC = regular(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PREFIX_LENGTH = regular(r"0|[1-9][0-9]{0,2}", re.ASCII)

# Prefixes of IPv6 addresses in which an IPv4 one is written: their first bits, and how many.
_CARRIERS = (
    (0, 96),  # ::/96, IPv4-compatible (RFC 4291 §2.5.5.1)
    (0xFFFF_0000, 96),  # ::ffff:0:0:0/96, IPv4-translated (RFC 2765)
    (0x0064_FF9B_0000_0000_0000_0000, 96),  # 64:ff9b::/96, translators (RFC 6052)
    (0x0064_FF9B_0001, 48),  # 64:ff9b:1::/48, the same, for local use (RFC 8215)
    (0x2001_0000, 32),  # 2001::/32, Teredo (RFC 4380)
    (0x2002, 16),  # 2002::/16, 6to4 (RFC 3056)
)
# The third group from the right of an ISATAP address (RFC 5214), with or without the bit for a global one.
_ISATAP, _ISATAP_MASK = 0x0000_5EFE, 0xFDFF_FFFF

_Address: TypeAlias = "IPv4Address | IPv6Address"
_Network: TypeAlias = "IPv4Network | IPv6Network"


def _texts(name: str, scope: Scope, *values: object, base: int = _BASE_STEPS) -> list[str]:
    texts = [value for value in values if type(value) is str]
    if len(texts) != len(values):
        raise no_overload(name, *values)
    scope.charge((sum(map(len, texts)) >> 4) + base)
    return texts


def path_within(path: object, directory: object, scope: Scope) -> bool:
    """`path.within(p, dir)`: is the path the directory or below it, by whole segments?

    Raises:
        EvaluationError: CAVEAT_ERROR: either is not in plain form (see `patterns.plain_form`), or one begins
            with `/` and the other does not.
    """
    inner, outer = _texts("path.within", scope, path, directory)
    if not plain_form(inner) or not plain_form(outer):
        detail = "a path that is not in plain form"
        raise EvaluationError(detail)
    if inner.startswith("/") != outer.startswith("/"):
        detail = "an absolute path and a relative one"
        raise EvaluationError(detail)
    stem = outer.removesuffix("/")
    return inner == stem or inner.startswith(f"{stem}/")


def url_scheme(url: object, scope: Scope) -> str:
    """`url.scheme(u)`: the scheme in lower case.

    Raises:
        EvaluationError: CAVEAT_ERROR: no scheme, or a blank, control character or backslash anywhere.
    """
    (text,) = _texts("url.scheme", scope, url)
    match = _SCHEME.match(text)
    if match is None or _UNFIT_IN_URL.search(text):
        detail = "text that is not a URL"
        raise EvaluationError(detail)
    return match[1].lower()


def url_host(url: object, scope: Scope) -> str:
    """`url.host(u)`: the host in lower case; an IPv6 address without its brackets, in its shortest form.

    Raises:
        EvaluationError: CAVEAT_ERROR: not `scheme://host` with an optional port from 0 to 65535; userinfo; a
            percent sign or other than ASCII in the host; an empty label, also after the last dot; a blank,
            control character or backslash anywhere; an IPv4 address that is not four decimal numbers.
    """
    (text,) = _texts("url.host", scope, url)
    match = None if _UNFIT_IN_URL.search(text) else _AUTHORITY.match(text)
    if match is None or int(match[3] or 0) > _PORT_MAX:
        detail = "text that is not a URL with a plain host"
        raise EvaluationError(detail)
    if match[1]:
        return str(_address(match[1]))
    return _host(match[2].lower())


def _host(name: str) -> str:
    labels = name.split(".")
    if len(name) > _HOST_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        detail = "a URL whose host is not a name"
        raise EvaluationError(detail)
    return str(_address(name)) if _NUMERIC.fullmatch(labels[-1]) else name


def net_within(address: object, network: object, scope: Scope) -> bool:
    """`net.within(ip, cidr)`: is the address in the network?

    An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`), as sockets give IPv4 peers, is the IPv4 one.

    Raises:
        EvaluationError: CAVEAT_ERROR: an IPv4 address that is not four decimal numbers, an IPv6 one with a zone;
            any other IPv6 address that carries an IPv4 one for a translator or tunnel to reach: a list of IPv4
            networks would not know it; a network without prefix length or with bits set behind it.
    """
    inner, outer = _texts("net.within", scope, address, network, base=_NETWORK_STEPS)
    found = _address(inner)
    if found.version == 6 and _carries_ipv4(int(found)):
        detail = "an IPv6 address that carries an IPv4 one"
        raise EvaluationError(detail)
    return found in network_of(outer)


def _carries_ipv4(address: int) -> bool:
    """Say whether an IPv4 address is written in this one; `::` and `::1` carry none."""
    if address >> 32 & _ISATAP_MASK == _ISATAP and address >> 64:
        return True
    return address > 1 and any(address >> 128 - length == prefix for prefix, length in _CARRIERS)


def _address(text: str) -> _Address:
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(text) if len(text) <= _ADDRESS_MAX and "%" not in text else None
    except ValueError:
        address = None
    if address is None:
        detail = "text that is not an IP address"
        raise EvaluationError(detail)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


_MAPPED_BITS = 96  # of ::ffff:0:0, before an IPv4 address


def network_of(text: str) -> _Network:
    """Read a network; raises EvaluationError."""
    from ipaddress import IPv4Network, IPv6Network, ip_network

    network: _Network | None = None
    _, _, length = text.partition("/")
    if len(text) <= _ADDRESS_MAX and "%" not in text and _PREFIX_LENGTH.fullmatch(length):
        try:
            network = ip_network(text)
        except ValueError:
            network = None
    if network is None:
        detail = "text that is not an IP network like `10.0.0.0/8`"
        raise EvaluationError(detail)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return IPv4Network((int(mapped), network.prefixlen - _MAPPED_BITS))
    return network


@lru_cache(maxsize=256)
def glob_of(pattern: str) -> Callable[[str], bool] | str:
    """Give the matcher of a pattern, or why it is none."""
    try:
        return compile_pattern(pattern)
    except TokenError as error:
        return error.detail


def glob_match(text: object, pattern: object, scope: Scope) -> bool:
    """`glob.match(s, pattern)`: does the pattern match the whole text? `*` within a `/` segment, `**` for segments.

    Raises:
        EvaluationError: CAVEAT_ERROR: no pattern; or a pattern with a `/`, and a text that is not in plain form:
            `/data/../etc` is for nobody to match with `/data/**`.
    """
    if type(text) is not str or type(pattern) is not str:
        raise no_overload("glob.match", text, pattern)
    scope.charge(match_steps(len(text), len(pattern)))
    matcher = glob_of(pattern)
    if isinstance(matcher, str):
        raise EvaluationError(matcher)
    if "/" in pattern and not plain_form(text):
        detail = "a path that is not in plain form"
        raise EvaluationError(detail)
    return matcher(text)


def is_host(text: str) -> bool:
    """Is this a host as `url.host` gives them? For authors."""
    try:
        return str(_address(text) if ":" in text else _host(text)) == text
    except EvaluationError:
        return False
