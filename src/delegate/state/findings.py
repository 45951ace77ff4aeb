"""What a look at a store found: one line a setting, for the operator (SPEC §10.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CLOCKS_S: Final = 30  # what a proof may be ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: whether it is as it should be.
        what: its name, a few words.
        detail: how it is and, where it is not as it should be, what follows; one line.
    """

    ok: bool
    what: str
    detail: str


def clock_finding(server: float, own: float) -> Finding:
    """Compare a server's clock with this machine's, both in Unix seconds."""
    apart = round(server - own)
    detail = f"{abs(apart)} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    if abs(apart) <= _CLOCKS_S:
        return Finding(ok=True, what="clock", detail=detail)
    return Finding(ok=False, what="clock", detail=f"{detail}; proofs are refused until both agree")


def beginning_finding(since: int, clock: float) -> Finding:
    """Say when a memory began, Unix seconds; ahead of the clock it refuses every proof until then."""
    if since <= clock + _CLOCKS_S:
        return Finding(ok=True, what="beginning", detail=f"remembers since {since}")
    detail = f"began at {since}, by a clock that was ahead; every proof is refused until then"
    return Finding(ok=False, what="beginning", detail=detail)
