"""Which peers are here, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import NamedTuple

from bench.peers.interface import Ask, Peer

_PREFIX = "/reports"
# name in the table → module, class, and with what it is made
_KNOWN: dict[str, tuple[str, str, dict[str, bool]]] = {
    "ours, proof": ("ours", "Ours", {}),
    "ours, bearer": ("ours", "Ours", {"bearer": True}),
    "biscuit-python": ("biscuit", "Biscuit", {}),
    "tenuo": ("tenuo", "Tenuo", {}),
    "pymacaroons": ("macaroons", "Macaroons", {}),
}
_MAKES_REQUEST = frozenset({"ours, proof", "ours, bearer", "biscuit-python"})
OTHERS = tuple(name for name in _KNOWN if not name.startswith("ours"))


class Peers(NamedTuple):
    """Every library that works here, by name; and of the others, why not."""

    found: dict[str, Peer]
    absent: dict[str, str]


def load(names: Iterable[str] = tuple(_KNOWN), *, makes_request: bool = False) -> Peers:
    """Import each adapter and try it out.

    Args:
        names: which.
        makes_request: what a library wants to know of a request is made within what is timed, by all alike.
    """
    found: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    for name in names:
        module, kind, options = _KNOWN[name]
        if makes_request and name in _MAKES_REQUEST:
            options = {**options, "makes_request": True}
        try:
            peer: Peer = getattr(import_module(f"bench.peers.{module}"), kind)(**options)
            _try_out(peer)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is why it is not in the table
            absent[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = peer
    return Peers(found, absent)


def _try_out(peer: Peer) -> None:
    """Hand a chain on, and ask what must be allowed and what must be refused."""
    chain = peer.mint("user:bench@example.com", peer.recipient("agent:a"), _PREFIX, narrowing(peer, 100))
    chain = peer.extend(chain, peer.recipient("agent:b"), narrowing(peer, 90))
    decide = peer.service()
    for resource, size, allowed in (
        (f"{_PREFIX}/q3.csv", 10, True),
        (f"{_PREFIX}/q3.csv", 95, False),
        (f"{_PREFIX}/q3.txt", 10, False),
        ("/elsewhere/q3.csv", 10, False),
    ):
        ask = Ask.of(resource, size)
        if decide(peer.present(chain, ask), ask) is not allowed:
            message = f"{resource} of size {size}: allowed is not {allowed}"
            raise AssertionError(message)


def narrowing(peer: Peer, size_below: int) -> object:
    """Give the two caveats of a hop in the try-out's own chain."""
    return peer.narrowing(_PREFIX, size_below, ".csv")
