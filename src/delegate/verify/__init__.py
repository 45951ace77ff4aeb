"""Who signed, who presents, and whether the request is allowed (SPEC §5)."""

from delegate.verify.authorization import Authorization, Decision
from delegate.verify.explanation import Explanation, Verdict
from delegate.verify.roots import Root
from delegate.verify.verified import VerifiedChain
from delegate.verify.verifier import AsyncVerifier, Verifier

__all__ = ["AsyncVerifier", "Authorization", "Decision", "Explanation", "Root", "Verdict", "VerifiedChain", "Verifier"]
