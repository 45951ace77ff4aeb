"""Which principals are used, by what a log knows (SPEC §10.5).

The rules of this file:

- Not used is said only of what the log could have seen: of a principal that is younger than the question, or of a log
  that does not reach so far back, it is unknown.
- A principal is used when any key that ever was its own acted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from delegate.directory.entries import Entry


class Use(StrEnum):
    """What a log knows of a principal."""

    USED = "used"
    UNUSED = "unused"
    UNKNOWN = "unknown"


class UsageLog(Protocol):
    """What a log must be able to say, for `delegate principal list --unused`."""

    def complete_since(self) -> int | None:
        """Say from when on every event is still in it, Unix seconds; `None`: it has none."""
        ...

    def last_used(self, thumbprints: Sequence[bytes]) -> Mapping[bytes, int]:
        """Say when each of these keys was last part of an allowed request, Unix seconds; those never seen are left out.

        Args:
            thumbprints: 32 bytes each.
        """
        ...


def use_of(entry: Entry, last_used: Mapping[bytes, int], *, complete_since: int | None, before: int) -> Use:
    """Say whether a principal was used since a time.

    Args:
        entry: the principal.
        last_used: thumbprint → when that key was last used, Unix seconds.
        complete_since: from when on the log has everything, Unix seconds; `None`: it has nothing.
        before: the beginning of what is asked about, Unix seconds.
    """
    seen = [last_used[key.public_key.thumbprint] for key in entry.keys if key.public_key.thumbprint in last_used]
    if any(at >= before for at in seen):
        return Use.USED
    if entry.added > before or complete_since is None or complete_since > before:
        return Use.UNKNOWN
    return Use.UNUSED
