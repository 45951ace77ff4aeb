"""Exit statuses: every `Reason` has one, in one table.

- 0: done, or allowed.
- 1: refused: genuine, and not allowed, not now, not here, not proven.
- 2: usage: the command line, or a capability or caveat that is not in the language.
- 3: not a token, or not genuine.
- 4: an untrusted root, or a missing key.
- 5: a file or a store.
- 130: interrupted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from delegate.errors import AttenuationError, CaveatSyntaxError, DelegateError, Denied, Reason, StateError


class Status(IntEnum):
    """What the command's exit says."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_GENUINE = 3
    UNTRUSTED = 4
    FILES = 5
    INTERRUPTED = 130


STATUS_OF: Final[dict[Reason, Status]] = {
    **dict.fromkeys(
        (
            Reason.NOTHING_PRESENTED,
            Reason.MALFORMED,
            Reason.TRUNCATED,
            Reason.NOT_CANONICAL,
            Reason.LIMIT_EXCEEDED,
            Reason.UNSUPPORTED_VERSION,
            Reason.UNKNOWN_CLAIM,
            Reason.UNSUPPORTED_ALGORITHM,
            Reason.BAD_SIGNATURE,
            Reason.WEAK_KEY,
            Reason.IDENTITY_SHARED,
            Reason.TOO_MANY_HOPS,
        ),
        Status.NOT_GENUINE,
    ),
    **dict.fromkeys((Reason.UNKNOWN_ROOT, Reason.ORIGINATOR_REFUSED), Status.UNTRUSTED),
    **dict.fromkeys(
        (
            Reason.EXPIRED,
            Reason.NOT_YET_VALID,
            Reason.LIFETIME_TOO_LONG,
            Reason.WRONG_AUDIENCE,
            Reason.WRONG_TENANT,
            Reason.BEARER_REFUSED,
            Reason.PRINCIPAL_UNKNOWN,
            Reason.REVOKED,
            Reason.PROOF_MISSING,
            Reason.PROOF_WRONG_KEY,
            Reason.PROOF_WRONG_REQUEST,
            Reason.PROOF_WRONG_AUDIENCE,
            Reason.PROOF_EXPIRED,
            Reason.DISCHARGE_INVALID,
            Reason.DISCHARGE_UNEXPECTED,
            Reason.DISCHARGE_EXPIRED,
            Reason.DISCHARGE_MISMATCH,
            Reason.REPLAYED,
            Reason.CAPABILITY_MISSING,
            Reason.CAVEAT_FAILED,
            Reason.CAVEAT_ERROR,
            Reason.DISCHARGE_REFUSED,
            Reason.DISCHARGE_MISSING,
            Reason.POLICY_FAILED,
            Reason.BUDGET_UNPRICED,
            Reason.BUDGET_EXHAUSTED,
        ),
        Status.REFUSED,
    ),
    **dict.fromkeys(
        (Reason.REVOCATION_STALE, Reason.BUDGET_UNAVAILABLE, Reason.STATE_UNAVAILABLE),
        Status.FILES,
    ),
}

LABELS: Final = {
    Status.REFUSED: "refused",
    Status.USAGE: "usage",
    Status.NOT_GENUINE: "not genuine",
    Status.UNTRUSTED: "not trusted",
    Status.FILES: "error",
}


def status_of(error: DelegateError) -> Status:
    """Give the exit status of an error.

    A few depend on where the reason arose: what a verifier denied is `REFUSED` whatever the reason (a caveat
    that ran out of steps is `limit_exceeded`), and so is what cannot be authored, unless the key is not the
    holder's: then the right key is missing.
    """
    if isinstance(error, CaveatSyntaxError):
        return Status.USAGE
    if isinstance(error, StateError):
        return Status.FILES
    if isinstance(error, Denied):
        return Status.REFUSED
    if isinstance(error, AttenuationError):
        return Status.UNTRUSTED if error.reason is Reason.PROOF_WRONG_KEY else Status.REFUSED
    return STATUS_OF[error.reason]
