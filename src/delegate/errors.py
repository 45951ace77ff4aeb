"""The error tree and `Reason`, the one closed list of words for a refusal.

Rules of this file:

- Every error that bytes from outside can cause is a `DelegateError`. Misuse by the calling program is a
  plain `TypeError` or `ValueError` and is not in this tree.
- `reason` is one word that the spec, the vectors, Python and the command line share.
- `public_detail` is what a remote caller may be told: reason and hop. `holder_detail` is for whoever proved to hold the
  chain: what follows from it and the request. `detail` is for the operator.
- No message carries a key, a signature or a token. One line, lower case, no full stop, outside input in
  backticks. What `detail` gives is escaped and bounded here, whoever put it together.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, Final

from delegate.regular import regular

if TYPE_CHECKING:
    from re import Match

# What a terminal or a log would act on (SPEC §4.2): control characters, surrogates, the format characters of Unicode
# 15.1 (bidirectional overrides and zero-width ones among them), line and paragraph separators, and the whole plane-14
# tag and selector block. The ranges are spelled out here, and not taken from Python's own Unicode tables: two verifiers
# of different age must say the same of the same bytes.
UNPRINTABLE: Final = regular(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
DETAIL_CHARACTERS: Final = 2_000


def one_line(text: str, most: int = DETAIL_CHARACTERS) -> str:
    """Escape text for a message, a log or a terminal, and cut it off after `most` characters."""
    escaped = UNPRINTABLE.sub(_escape, text[: most + 1])
    return escaped if len(escaped) <= most else escaped[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _escape(match: Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")


class Reason(StrEnum):
    """Why something was refused. Closed: a verifier never answers with another word (SPEC §9)."""

    # Not a token.
    NOTHING_PRESENTED = "nothing_presented"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    NOT_CANONICAL = "not_canonical"
    LIMIT_EXCEEDED = "limit_exceeded"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_CLAIM = "unknown_claim"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    # Not genuine.
    UNKNOWN_ROOT = "unknown_root"
    BAD_SIGNATURE = "bad_signature"
    WEAK_KEY = "weak_key"
    IDENTITY_SHARED = "identity_shared"
    ORIGINATOR_REFUSED = "originator_refused"
    TOO_MANY_HOPS = "too_many_hops"
    PRINCIPAL_UNKNOWN = "principal_unknown"
    # Not now, not here.
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_TENANT = "wrong_tenant"
    BEARER_REFUSED = "bearer_refused"
    # Taken back.
    REVOKED = "revoked"
    REVOCATION_STALE = "revocation_stale"
    # Not proven.
    PROOF_MISSING = "proof_missing"
    PROOF_WRONG_KEY = "proof_wrong_key"
    PROOF_WRONG_REQUEST = "proof_wrong_request"
    PROOF_WRONG_AUDIENCE = "proof_wrong_audience"
    PROOF_EXPIRED = "proof_expired"
    DISCHARGE_INVALID = "discharge_invalid"
    DISCHARGE_UNEXPECTED = "discharge_unexpected"
    DISCHARGE_EXPIRED = "discharge_expired"
    DISCHARGE_MISMATCH = "discharge_mismatch"
    REPLAYED = "replayed"
    # Genuine, and not allowed.
    CAPABILITY_MISSING = "capability_missing"
    CAVEAT_FAILED = "caveat_failed"
    CAVEAT_ERROR = "caveat_error"
    DISCHARGE_REFUSED = "discharge_refused"
    DISCHARGE_MISSING = "discharge_missing"
    POLICY_FAILED = "policy_failed"
    # Not paid for.
    BUDGET_UNPRICED = "budget_unpriced"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BUDGET_UNAVAILABLE = "budget_unavailable"
    # A store did not answer.
    STATE_UNAVAILABLE = "state_unavailable"


class DelegateError(Exception):
    """Base of everything that outside input can cause.

    Attributes:
        reason: the shared word.
        hop: index of the block at fault, from 0; `None` where no single block is.
        detail: one line for the operator, escaped, of at most `DETAIL_CHARACTERS` characters; may quote the request,
            never a secret.
    """

    http_status: ClassVar[int] = 400

    def __init__(self, reason: Reason, detail: str = "", *, hop: int | None = None) -> None:
        """Keep the evidence; the message is put together when it is asked for."""
        super().__init__(reason, detail, hop)
        self.reason = reason
        self.hop = hop
        self._detail = detail
        self._in_words: Callable[[], str] | None = None
        self._for_holder: Callable[[], str] | None = None

    @property
    def detail(self) -> str:
        """One line for the operator; put together when it is first asked for."""
        in_words = self._in_words
        if in_words is not None:  # two threads may both ask: both make the same words
            self._detail = in_words()
            self._in_words = None
        return one_line(self._detail)

    @detail.setter
    def detail(self, detail: str) -> None:
        self._detail, self._in_words = detail, None

    def defer_detail(self, in_words: Callable[[], str]) -> None:
        """Let `detail` be what this function gives, should anybody ask for it."""
        self._in_words = in_words

    @property
    def public_detail(self) -> str:
        """What a remote caller may be told: the reason and the hop, nothing of the request or policy."""
        return str(self.reason) if self.hop is None else f"{self.reason} at hop {self.hop}"

    @property
    def holder_detail(self) -> str:
        """What whoever proved to hold the chain may be told: what follows from the chain and the request alone.

        As `public_detail`, where nothing was proven, or nothing follows from these.
        """
        found = self._for_holder() if self._for_holder else ""
        return f"{self.public_detail}: {one_line(found)}" if found else self.public_detail

    def defer_holder_detail(self, in_words: Callable[[], str]) -> None:
        """Let `holder_detail` say what this function gives, should anybody ask for it."""
        self._for_holder = in_words

    def __str__(self) -> str:
        return f"{self.public_detail}: {self.detail}" if self.detail else self.public_detail

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as words: evidence may hold what does not travel."""
        decision = self.__dict__.get("decision")
        return (rebuilt, self.bare()) if decision is None else (attrgetter("error"), (decision,))

    def bare(self) -> tuple[type[DelegateError], dict[str, object]]:
        """Give the class and the fields of this error in words, without decision and evidence."""
        told = self.holder_detail.removeprefix(self.public_detail).removeprefix(": ")
        words = {"_detail": self.detail, "_in_words": None, "_for_holder": told and partial(str, told)}
        state = self.__dict__ | words
        return type(self), {name: None if name in {"decision", "evidence"} else value for name, value in state.items()}


def rebuilt(kind: type[DelegateError], state: dict[str, object]) -> DelegateError:
    """Make an error again of what `bare` gave."""
    error = kind.__new__(kind)
    error.args = (state["reason"], state["_detail"], state["hop"])
    error.__dict__.update(state)
    return error


class TokenError(DelegateError):
    """These bytes are not a token: cut off, not canonical, over a limit, of another version."""

    http_status = 401


class VerificationError(DelegateError):
    """A token, but not genuine, not valid now or here, or not proven by its holder."""

    http_status = 401


class Denied(DelegateError):  # noqa: N818 - what happened, in a word, as the field says it
    """Genuine and proven, and this request is not allowed.

    `decision` holds the whole decision when a verifier raised this, else `None`; `evidence` which condition refused,
    where one did.
    """

    http_status = 403

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        hop: int | None = None,
        evidence: object = None,
        decision: object = None,
    ) -> None:
        """Keep the evidence and the decision that it comes from."""
        super().__init__(reason, detail, hop=hop)
        self.evidence = evidence
        self.decision = decision


class StateError(DelegateError):
    """A store failed, was full or did not answer in time; the request is refused."""

    http_status = 503


class CaveatError(DelegateError):
    """A caveat did not come to a value: a missing argument, an overflow, a type that does not fit."""

    http_status = 403

    def __init__(self, detail: str = "", *, reason: Reason = Reason.CAVEAT_ERROR, hop: int | None = None) -> None:
        """`reason` is CAVEAT_ERROR, or LIMIT_EXCEEDED where the steps ran out."""
        super().__init__(reason, detail, hop=hop)


class CaveatSyntaxError(DelegateError):
    """A caveat's text is not in the language.

    Attributes:
        source: the text as given.
        span: start and end of the place at fault, in characters of `source`.
    """

    def __init__(self, detail: str, *, source: str, span: tuple[int, int]) -> None:
        """Keep the place, so that the message can underline it."""
        super().__init__(Reason.MALFORMED, detail)
        self.source = source
        self.span = span

    def __str__(self) -> str:
        start, end = self.span
        line_start = self.source.rfind("\n", 0, start) + 1
        line_end = self.source.find("\n", start)
        line = self.source[line_start : line_end if line_end >= 0 else len(self.source)]
        width = max(1, min(end, line_start + len(line)) - start)
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
        return f"{self.detail}\n  {shown}\n  {' ' * (start - line_start)}{'^' * width}"


class AttenuationError(DelegateError):
    """What was to be authored cannot take effect: an earlier hop forbids it (`hop` says which)."""

    def __init__(self, detail: str, *, reason: Reason = Reason.CAPABILITY_MISSING, hop: int | None = None) -> None:
        """`reason` is what a verifier would refuse such a chain with."""
        super().__init__(reason, detail, hop=hop)
