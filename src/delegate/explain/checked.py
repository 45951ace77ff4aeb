"""What was checked of a chain and what was not, item by item: so that nobody takes a look for a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from delegate.errors import Reason


class Mark(StrEnum):
    """What came of one check."""

    HELD = "held"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


_SIGNS = {Mark.HELD: " ✓", Mark.FAILED: " ✗", Mark.NOT_CHECKED: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check: what it is about, what came of it, and the words for it.

    Attributes:
        what: one word: `signatures`, `root`, `time`, `holder`, `revocation`, `names`, …
        mark: what came of it.
        words: for people, the mark aside: `signatures 3/3`, `holder not proven`.
    """

    what: str
    mark: Mark
    words: str

    def __str__(self) -> str:
        return f"{self.words}{_SIGNS[self.mark]}"

    def to_json(self) -> dict[str, str]:
        """Give the check as JSON values."""
        return {"what": self.what, "result": str(self.mark), "words": self.words}


# What this version cannot check at all, and says so every time.
REVOCATION = Checked(what="revocation", mark=Mark.NOT_CHECKED, words="revocation not checked")
NAMES = Checked(what="names", mark=Mark.NOT_CHECKED, words="names: as handed down, no directory")
HOLDER = Checked(what="holder", mark=Mark.NOT_CHECKED, words="holder not proven")


def signatures(held: int, total: int) -> Checked:
    """Say how many blocks' signatures held, counted from the root."""
    mark = Mark.HELD if held == total else Mark.FAILED
    return Checked(what="signatures", mark=mark, words=f"signatures {held}/{total}")


def no_root() -> Checked:
    """Say that no trusted root signed the chain: then no signature was looked at."""
    return Checked(what="root", mark=Mark.FAILED, words="root is none of those given")


def root(name: str) -> Checked:
    """Say which root the chain goes back to."""
    return Checked(what="root", mark=Mark.HELD, words=f"root {name}")


def in_time(reason: Reason | None) -> Checked:
    """Say whether a chain is in time, by the reason that a verifier gave, if any."""
    if reason in {Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.LIFETIME_TOO_LONG}:
        words = str(reason).replace("_", " ")
        return Checked(what="time", mark=Mark.FAILED, words=words)
    return Checked(what="time", mark=Mark.HELD, words="in time")
