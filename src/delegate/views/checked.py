"""What was checked of a chain and what was not, item by item: so that nobody takes a look for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from delegate.core.chain.spans import span
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
        note: on what it rests, or why it was not checked; may be empty.
    """

    what: str
    mark: Mark
    words: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.words}{_SIGNS[self.mark]}{f' ({self.note})' if self.note else ''}"

    def to_json(self) -> dict[str, str | None]:
        """Give the check as JSON values."""
        return {"what": self.what, "result": str(self.mark), "words": self.words, "note": self.note or None}


NAMES = Checked(what="names", mark=Mark.NOT_CHECKED, words="names not checked (no directory)")
HOLDER = Checked(what="holder", mark=Mark.NOT_CHECKED, words="holder not proven")


def signatures(held: int, total: int) -> Checked:
    """Say how many blocks' signatures held, counted from the root."""
    mark = Mark.HELD if held == total else Mark.FAILED
    return Checked(what="signatures", mark=mark, words=f"signatures {held}/{total}")


def no_root() -> Checked:
    """Say that no trusted root signed the chain: then no signature was looked at."""
    return Checked(what="root", mark=Mark.FAILED, words="not signed by a given root")


def root(name: str) -> Checked:
    """Say which root the chain goes back to."""
    return Checked(what="root", mark=Mark.HELD, words=f"root {name}")


def in_time(reason: Reason | None) -> Checked:
    """Say whether a chain is in time, by the reason that a verifier gave, if any."""
    if reason in {Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.LIFETIME_TOO_LONG}:
        words = str(reason).replace("_", " ")
        return Checked(what="time", mark=Mark.FAILED, words=words)
    return Checked(what="time", mark=Mark.HELD, words="in time")


def not_revoked(count: int, age_s: int, *, overdue: bool) -> Checked:
    """Say by how many signers' lists nothing was taken back, how old the oldest is, and whether one has run out."""
    age = f"1 list, {span(age_s)} old" if count == 1 else f"{count} lists, the oldest {span(age_s)} old"
    note = f"{age}, overdue" if overdue else age
    return Checked(what="revocation", mark=Mark.HELD, words="not revoked", note=note)


def stapled(name: str, age_s: int) -> Checked:
    """Say who said of this very chain that nothing of it was taken back, and how long ago."""
    note = f"stapled by {name}, {span(age_s)} old"
    return Checked(what="revocation", mark=Mark.HELD, words="not revoked", note=note)


def revocation_failed(reason: Reason) -> Checked:
    """Say that a block or key was taken back, or that nobody's word on that is fresh enough."""
    words = "revoked" if reason is Reason.REVOKED else "revocation data is stale"
    return Checked(what="revocation", mark=Mark.FAILED, words=words)


def revocation_unchecked(why: str = "") -> Checked:
    """Say that nobody looked up whether something was taken back, and why."""
    return Checked(what="revocation", mark=Mark.NOT_CHECKED, words="revocation not checked", note=why)


def charged(amounts: Mapping[str, int]) -> Checked:
    """Say what a request cost the budgets of its chain: unit → amount."""
    words = ", ".join(f"{amount} {unit}" for unit, amount in amounts.items())
    return Checked(what="budget", mark=Mark.HELD, words=f"budget charged: {words}")


def not_charged(reason: Reason | None, note: str = "") -> Checked:
    """Say that no budget was charged; by the reason that a verifier gave, if any."""
    if reason in {Reason.BUDGET_EXHAUSTED, Reason.BUDGET_UNPRICED, Reason.BUDGET_UNAVAILABLE}:
        return Checked(what="budget", mark=Mark.FAILED, words=str(reason).replace("_", " "))
    return Checked(what="budget", mark=Mark.NOT_CHECKED, words="budget not charged", note=note)
