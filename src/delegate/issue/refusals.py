"""Why nothing was issued: the words that OAuth has for it, and ours.

The rules of this file:

- `reason` is one of the closed list (SPEC §9), as for every other refusal.
- `told` is for whoever asks: it speaks of their own token, proof and request, never of the policy, of other grants or
  of what the issuer keeps. `detail` is the operator's.
"""

from __future__ import annotations

from typing import Final

from delegate.errors import CaveatSyntaxError, DelegateError, Reason, one_line

INVALID_REQUEST: Final = "invalid_request"
INVALID_TARGET: Final = "invalid_target"
INVALID_SCOPE: Final = "invalid_scope"
INVALID_PROOF: Final = "invalid_dpop_proof"
USE_NONCE: Final = "use_dpop_nonce"
UNSUPPORTED_GRANT: Final = "unsupported_grant_type"
UNAVAILABLE: Final = "temporarily_unavailable"


class NotIssued(DelegateError):  # noqa: N818 - what happened, in a word, as `Denied`
    """Nothing was issued.

    Attributes:
        code: the error's name in OAuth (RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 9449 §5).
        told: one line for whoever asked.
    """

    def __init__(self, reason: Reason, detail: str, *, code: str = INVALID_REQUEST, told: str = "") -> None:
        """Keep both sentences; without `told`, whoever asked hears the reason alone."""
        super().__init__(reason, detail)
        self.code = code
        self.told = one_line(told) if told else str(reason)

    @property
    def public_detail(self) -> str:
        """What whoever asked is told."""
        return str(self.reason) if self.told == str(self.reason) else f"{self.reason}: {self.told}"


class IssuerUnavailable(NotIssued):
    """Nothing was issued because something that the issuer needs did not answer: ask again later."""

    http_status = 503

    def __init__(self, detail: str) -> None:
        """The reason is STATE_UNAVAILABLE; whoever asked hears no more."""
        super().__init__(Reason.STATE_UNAVAILABLE, detail, code=UNAVAILABLE)


class PolicyError(DelegateError):
    """A policy file says something that has no meaning, or not the one that was meant.

    Attributes:
        where: the place: `policy.toml:14, grant 2, if`.
        syntax: what is wrong with a condition, and where in it; `None` for any other mistake.
    """

    def __init__(self, where: str, detail: str, *, syntax: CaveatSyntaxError | None = None) -> None:
        """The reason is MALFORMED."""
        super().__init__(Reason.MALFORMED, f"{where}: {detail}")
        self.where = where
        self.syntax = syntax

    def __str__(self) -> str:
        return f"{self.where}: {self.syntax}" if self.syntax else self.detail
