"""What a look at a store found: one line a setting, for the operator (SPEC §10.4)."""

from __future__ import annotations

from dataclasses import dataclass


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
