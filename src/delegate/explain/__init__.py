"""What a chain says, what was checked of it, and why a request was refused: for eyes, never for a decision.

Everything here is pure: data and lines of text out, no terminal, no clock. Whatever came from outside is escaped.
"""

from delegate.explain.chain import ChainView, HopView, Setting, titled_items, view
from delegate.explain.checked import Checked, Mark
from delegate.explain.decision import Verdict, asked, decision_lines, refusal, verdicts
from delegate.explain.moments import moment, span, when_from

__all__ = [
    "ChainView",
    "Checked",
    "HopView",
    "Mark",
    "Setting",
    "Verdict",
    "asked",
    "decision_lines",
    "moment",
    "refusal",
    "span",
    "titled_items",
    "verdicts",
    "view",
    "when_from",
]
