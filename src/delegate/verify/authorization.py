"""What a verifier answers: `Authorization` when it allows, `Decision` either way (SPEC §9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final, NoReturn

from delegate.chain.ask import Ask
from delegate.chain.hop import Hop
from delegate.chain.request import Request
from delegate.errors import DelegateError, Denied, Reason
from delegate.verify.chain import check_now_and_here
from delegate.verify.discharges import Confirmed, still_good
from delegate.verify.effects import Settle, perform
from delegate.verify.evaluate import asking, evaluate
from delegate.verify.explanation import Asking, Explanation, explain
from delegate.verify.lacking import lacking
from delegate.verify.settings import Settings
from delegate.verify.spending import check_cost
from delegate.verify.verified import VerifiedChain

JSON_VERSION: Final = 1
# What another, or a further, discharge may mend.
_ASKING: Final = frozenset(
    {
        Reason.DISCHARGE_MISSING,
        Reason.DISCHARGE_REFUSED,
        Reason.DISCHARGE_EXPIRED,
        Reason.DISCHARGE_MISMATCH,
    }
)


class Authorization:
    """A request that was allowed, and on whose authority.

    Its fields are worked out when they are asked for: an allowed request pays for none of them.

    Attributes:
        chain: the verified chain.
        request: the request as it was normalised: act on this one.
        proof_id: 32 bytes; `None` for a bearer token.
    """

    __slots__ = ("_confirmed", "_env", "_settings", "chain", "proof_id", "request")

    def __init__(
        self,
        chain: VerifiedChain,
        request: Request,
        settings: Settings,
        env: Mapping[str, Any],
        proof_id: bytes | None,
        confirmed: tuple[Confirmed, ...] = (),
    ) -> None:
        """Made by a verifier, after every check."""
        self.chain = chain
        self.request = request
        self.proof_id = proof_id
        self._settings = settings
        self._env = env
        self._confirmed = confirmed

    @property
    def originator(self) -> str:
        """Name of the person or service whose authority this is."""
        return self.chain.originator

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every hop from the root's to the holder's."""
        return self.chain.hops

    @property
    def holder(self) -> str:
        """Name of who acts, as the chain gives it."""
        return self.chain.link.block.holder

    @property
    def expires(self) -> int:
        """When the chain ends, Unix seconds."""
        return self.chain.expires

    @property
    def audience(self) -> str:
        """Name of the service that allowed it."""
        return self._settings.audience

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, 32 bytes each: what an audit record keeps."""
        return self.chain.block_ids

    @property
    def confirmed_by(self) -> tuple[str, ...]:
        """Which third parties' discharges it rests on, by the names that the verifier knows their keys by."""
        return tuple(sorted({each.name for each in self._confirmed}))

    def allows(self, request: Request) -> bool:
        """Say whether the same chain also allows another request, now: for lists, and for operations of two requests.

        The proof bound one request; that the holder stands behind this one too is the service's inference. Discharges
        for one request serve no other. Only the clock is read anew: what was revoked since is not looked up, and
        nothing is charged.
        """
        try:
            now = self._settings.now()
            check_now_and_here(self.chain, self._settings, now)
            confirmed = still_good(self._confirmed, request, now)
            evaluate(self.chain, request, self._env, self._settings, now, confirmed)
        except DelegateError:
            return False
        return True

    def settle(self, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what the charge turned out not to need; once.

        With a ledger that is awaited: `await verifier.settle(granted, actual)`.

        Args:
            actual: unit → what the request really cost, at most the `cost` that was charged. A unit that is not
                named stays as charged.

        Returns:
            `True` the first time; `False` where it was settled before, or nothing was charged.

        Raises:
            ValueError: more than was charged. StateError: the ledger did not answer. TypeError: it is awaited.

        Source: SPEC §10.3.
        """
        if iscoroutinefunction(getattr(self._settings.ledger, "settle", None)):
            message = "this ledger is awaited: await verifier.settle(granted, actual)"
            raise TypeError(message)
        effect = self.settlement(actual)
        return effect is not None and perform(effect, self._settings) is True

    def settlement(self, actual: Mapping[str, int]) -> Settle | None:
        """Give the effect that `settle` is; `None` where nothing was charged."""
        cost = check_cost(actual)
        if self.proof_id is None or not self.chain.link.pools:
            return None
        return Settle(self.proof_id, cost, self._settings.now())

    def as_decision(self) -> Decision:
        """Give the decision that this authorization is."""
        settings = self._settings
        return Decision(
            allowed=True,
            request=self.request,
            authorization=self,
            chain=self.chain,
            _asking=partial(asking, self.chain, self.request, self._env, settings, settings.now(), self._confirmed),
        )

    def __repr__(self) -> str:
        return f"<Authorization of {self.holder} by {self.originator} for {self.request.action}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Allowed or refused, and why. It has no truth value: ask for `allowed`.

    Attributes:
        allowed: whether the request may go ahead.
        reason: why not; `None` where it may.
        hop: the first block that refuses; `None` where no single one does.
        detail: one line for the operator.
        request: what was asked.
        authorization: where allowed by `decide`; a preview has none.
        chain: the verified chain, where it got that far.
        error: what `authorize` would have raised.
    """

    allowed: bool
    request: Request
    reason: Reason | None = None
    hop: int | None = None
    detail: str = ""
    authorization: Authorization | None = None
    chain: VerifiedChain | None = field(default=None, repr=False)
    error: DelegateError | None = field(default=None, repr=False)
    _asking: Callable[[], Asking] | None = field(default=None, repr=False, compare=False)

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What to ask of third parties, so that the same request could be allowed: every need that is not met yet.

        Empty where no discharge is what is missing, or where this verifier knows too few of those who could help.
        """
        if self.reason not in _ASKING or self.chain is None or self._asking is None:
            return ()
        return lacking(self.chain, self._asking())

    @property
    def confirmed_by(self) -> tuple[str, ...]:
        """Who confirmed what this decision rests on, by the names that the verifier knows them by."""
        confirmed = () if self._asking is None else self._asking().confirmed
        return tuple(sorted({each.name for each in confirmed}))

    @property
    def public_detail(self) -> str:
        """What a remote caller may be told."""
        return "allowed" if self.error is None else self.error.public_detail

    @property
    def http_status(self) -> int:
        """The HTTP status that fits."""
        return 200 if self.error is None else self.error.http_status

    def explain(self) -> Explanation:
        """Say what every hop, asked alone, says to this request, and who could grant it.

        For the operator: it quotes the request. Cost: evaluates every hop again, each with the steps of a whole
        decision, and as many for its words; an allowed request that nobody asks about pays nothing. Source: SPEC §9.3.
        """
        return explain(self.error, self.chain, None if self._asking is None else self._asking())

    def hop_label(self) -> str:
        """Name the hop that refuses: `hop 2 (agent:planner → agent:researcher)`; empty where there is none."""
        if self.hop is None:
            return ""
        if self.chain is None:
            return f"hop {self.hop}"
        return str(self.chain.hops[self.hop])

    def to_json(self) -> dict[str, object]:
        """Give the decision as JSON values, in a versioned shape, for the operator."""
        hops = self.chain.hops if self.chain is not None else ()
        return {
            "version": JSON_VERSION,
            "allowed": self.allowed,
            "reason": None if self.reason is None else str(self.reason),
            "hop": self.hop,
            "detail": self.detail,
            "public_detail": self.public_detail,
            "originator": None if self.chain is None else self.chain.originator,
            "holder": hops[-1].holder if hops else None,
            "expires": None if self.chain is None else self.chain.expires,
            "hops": [{"signer": hop.signer, "holder": hop.holder, "block_id": hop.block_id.hex()} for hop in hops],
            "request": self.request.to_json(),
            "confirmed_by": list(self.confirmed_by),
            "asks": [each.to_text() for each in self.asks],
            "explanation": self.explain().to_json(),
        }

    def __bool__(self) -> NoReturn:
        message = "a Decision has no truth value; ask for .allowed"
        raise TypeError(message)


def refused(
    error: DelegateError,
    request: Request,
    chain: VerifiedChain | None,
    asking: Callable[[], Asking] | None,
) -> Decision:
    """Make the decision that refuses; `asking` gives what it was decided with, should anybody want it explained."""
    decision = Decision(
        allowed=False,
        request=request,
        reason=error.reason,
        hop=error.hop,
        detail=error.detail,
        chain=chain,
        error=error,
        _asking=asking,
    )
    if isinstance(error, Denied):
        error.decision = decision
    return decision
