"""From an event to what takes its authority back: `delegate revoke` commands, the narrowest first (AUDIT §16.6)."""

from __future__ import annotations

import re
from shlex import quote
from typing import Final, NamedTuple

from delegate.audit.log import Logged
from delegate.core.chain.claims import BEARER

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")


class TakeBack(NamedTuple):
    """One way to take something back.

    Attributes:
        command: to run, by whoever has the originator's key.
        words: what it ends.
    """

    command: str
    words: str


def take_back(logged: Logged, list_file: str = "revoked.dlgr") -> tuple[TakeBack, ...]:
    """Say how to take back what an event rested on, the narrowest first.

    Any signer at or above a block may revoke it; the commands are for the root, which may revoke them all. Key files
    are named as `delegate key new` names them.
    """
    route = logged.event.route
    if route is None:
        return ()
    found = []
    expires = None
    ends = []
    for hop in route.hops:
        if hop.expires is not None:
            expires = hop.expires if expires is None else min(expires, hop.expires)
        ends.append(expires)
    for place in range(len(route.hops) - 1, -1, -1):
        hop = route.hops[place]
        until = "" if ends[place] is None else f" --until {ends[place]}"
        command = (
            f"delegate revoke {hop.block_id.hex()} --key {quote(stem(route.root))}.key --list {quote(list_file)}"
            f"{until} --why {quote(f'event {logged.number}')}"
        )
        holder = "whoever has the bearer token" if hop.name == BEARER else hop.name
        below = "" if place == len(route.hops) - 1 else ", and everything below"
        found.append(TakeBack(command, f"hop {place}, {hop.signer} → {holder}{below}"))
    last = route.hops[-1]
    if last.name != BEARER:
        command = (
            f"delegate revoke --thumbprint {last.thumbprint.hex()} --key {quote(stem(last.name))}.key "
            f"--list {quote(stem(last.name))}.dlgr --why {quote(f'event {logged.number}')}"
        )
        found.append(TakeBack(command, f"the key of {last.name}, wherever it is used; by that key, or by a revoker's"))
    return tuple(found)


def stem(name: str) -> str:
    """Name a key's files after its principal, as `delegate key new` does: `user:alice@example.com` → alice."""
    last = re.split(r"[:/]", name.rstrip("/"))[-1].split("@")[0]
    return _UNFIT.sub("-", last).strip("-") or "key"
