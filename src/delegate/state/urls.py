"""What of a state URL may be shown, and what may not (SPEC §10.4).

The rules of this file:

- A URL is taken apart by the driver that opens it: nobody takes for a host what the driver takes for a password.
- Only scheme, host, port and database are shown, and only where they look like it.
- A URL in which a password may have been cut in two is refused, without a word of it: what stands behind the cut would
  be shown as a host, a port or a database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

_SECRET: Final = re.compile("pass|secret|key|token|user_?info", re.IGNORECASE)
_HOST: Final = re.compile(r"[A-Za-z0-9._:,/-]*")
_PORT: Final = re.compile(r"[0-9,]*")
_BASE: Final = re.compile(r"(\?db=)?[A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a URL leads.

    Attributes:
        shown: scheme, host, port and database; of what does not look like it a `…`.
        secrets: what no message may show.
    """

    shown: str
    secrets: tuple[str, ...]


def place(scheme: str, host: str, port: str, base: str, parts: Mapping[str, object]) -> Place:
    """Say what to show of a URL that a driver has taken apart into `parts`, and what of it to keep.

    Raises:
        ValueError: a host with an `@` in it, or a port that is no number.
    """
    if "@" in host or "@" in base or not _PORT.fullmatch(port):
        raise unreadable(scheme)
    where = host if _HOST.fullmatch(host) else "…"
    where = f"[{where}]" if ":" in where and "," not in where else where
    slash = "/" if base and not base.startswith("?") else ""
    shown = f"{scheme}://{where}{':' if port else ''}{port}{slash}{base if _BASE.fullmatch(base) else '…'}"
    values = {str(value) for name, value in parts.items() if value and _SECRET.search(name)}
    both = values | {quote(value, safe="") for value in values}
    return Place(shown=shown, secrets=tuple(sorted(both, key=len, reverse=True)))


def unreadable(scheme: str) -> ValueError:
    """Make the refusal of a URL that has no sense, or not only one."""
    message = f"a state URL {scheme}://… cannot be read; in a password write %23 for #, %3F for ?, %2F for /, %40 for @"
    return ValueError(message)
