"""What a chain says, what was checked of it, and why a request was refused: for eyes, never for a decision.

Everything here is pure: data and lines of text out, no terminal, no clock. Whatever came from outside is escaped.
"""

from delegate.chain.times import span
from delegate.explain.chain import ChainView, HopView, Setting, view
from delegate.explain.checked import Checked, Mark
from delegate.explain.decision import asked, decision_lines, refusal
from delegate.explain.difference import HopChange, change_lines, changes
from delegate.explain.grants import grant_lines
from delegate.explain.layout import WIDTH, titled_items
from delegate.explain.moments import moment, when_from

__all__ = [
    "WIDTH",
    "ChainView",
    "Checked",
    "HopChange",
    "HopView",
    "Mark",
    "Setting",
    "asked",
    "change_lines",
    "changes",
    "decision_lines",
    "grant_lines",
    "moment",
    "refusal",
    "span",
    "titled_items",
    "view",
    "when_from",
]
