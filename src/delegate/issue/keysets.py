"""Other parties' keys: where they are found, and whether one of them signed something.

Keys come from where the policy says: an issuer's discovery document, an address, a file. Never from a token. How long
they are kept is `kept.py`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from delegate.core.chain.printable import shown
from delegate.errors import Reason
from delegate.issue.compact import Jws
from delegate.issue.facts import read_object
from delegate.issue.fetch import Fetch, Unreachable
from delegate.issue.jose import KEY_SET_BYTES, KeySet, holds, read_key_set
from delegate.issue.kept import Kept
from delegate.issue.refusals import NotIssued

_DOCUMENT_BYTES: Final = 64 * 1024
_FETCH_S: Final = 5.0


class Keys:
    """The keys of one party. Safe under threads."""

    __slots__ = ("_kept",)

    def __init__(self, name: str, load: Callable[[], KeySet]) -> None:
        """`load` gives them, or raises; `name` is whose they are, for messages."""
        self._kept = Kept(f"the keys of {name}", load)

    def signed(self, jws: Jws, *, now: int) -> bool:
        """Say whether this party signed this.

        Raises:
            IssuerUnavailable: its keys cannot be had.
        """
        version = self._kept.current(now)
        found = version.value.fitting(jws)
        if holds(jws, found):
            return True
        if found and jws.header.get("kid") is not None:
            return False  # the key that it names is known, and did not sign it
        newer = self._kept.newer(version, now)
        return newer is not version and holds(jws, newer.value.fitting(jws))


def from_discovery(issuer: str, fetch: Fetch) -> Callable[[], KeySet]:
    """Find an issuer's keys by its own document (OpenID Connect Discovery 4)."""

    def load() -> KeySet:
        return _get(str(discover(issuer, fetch).get("jwks_uri", "")), fetch, "sig")

    return load


def discover(issuer: str, fetch: Fetch) -> dict[str, object]:
    """Read an issuer's discovery document.

    Raises:
        Unreachable: there is none. NotIssued: MALFORMED; UNKNOWN_ROOT: it is another issuer's.
    """
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    answer = fetch(address, most_bytes=_DOCUMENT_BYTES, deadline_s=_FETCH_S)
    if answer.status != 200:
        raise Unreachable(f"`{shown(issuer)}` has no discovery document: status {answer.status}")
    document = read_object(answer.body, "the discovery document", most_bytes=_DOCUMENT_BYTES)
    if document.get("issuer") != issuer:
        raise NotIssued(Reason.UNKNOWN_ROOT, f"the discovery document at `{shown(issuer)}` is another issuer's")
    return document


def from_place(place: str, fetch: Fetch, *, use: str = "sig") -> Callable[[], KeySet]:
    """Find keys at an address or in a file."""
    if place.startswith(("https://", "http://")):
        return lambda: _get(place, fetch, use)
    return lambda: read_key_set(_file(Path(place)), use=use)


def _get(address: str, fetch: Fetch, use: str) -> KeySet:
    answer = fetch(address, most_bytes=KEY_SET_BYTES, deadline_s=_FETCH_S)
    if answer.status != 200:
        raise Unreachable(f"there is no key set at the address that was given: status {answer.status}")
    return read_key_set(answer.body, use=use)


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(KEY_SET_BYTES + 1)
