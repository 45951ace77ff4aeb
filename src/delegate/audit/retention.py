"""Which events are old enough to drop (AUDIT §16.7)."""

from __future__ import annotations

from delegate.audit.engine import Sought
from delegate.audit.log import Log

_AT_ONCE = 256


def first_since(log: Log, since: int) -> int:
    """Give the first event at or after a moment: what is before it may be dropped, and nothing that is younger.

    A clock may have run back: then some that are older stay, with those that are not.
    """
    rows = log.engine.tallies(log.tenant or "", Sought(since=since))
    firsts = [row.first for row in rows]
    return min(firsts) if firsts else log.size
