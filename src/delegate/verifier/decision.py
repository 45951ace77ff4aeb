"""What a verifier answers: `Authorization` when it allows, `Decision` either way (SPEC §9).

The rules of this file:

- An authorization is made of a `Granted` alone, which the core alone makes.
- Words are for whoever asks: nothing of `explain` is loaded or run before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from delegate.core.chain.request import Request
from delegate.core.decide.decision import Answer, Granted, Refusal
from delegate.core.decide.discharges import Confirmed
from delegate.core.decide.effects import Settle, perform
from delegate.core.decide.evaluate import Query, evaluate, variables
from delegate.core.decide.evidence import Evidence
from delegate.core.decide.possession import Proof
from delegate.core.decide.settings import Settings
from delegate.core.decide.signatures import check_now_and_here
from delegate.errors import DelegateError, Denied, Reason, rebuilt
from delegate.limits import INTEGER_MAX
from delegate.verifier.verified import VerifiedChain

if TYPE_CHECKING:
    from delegate.audit.receipts import Receipt
    from delegate.authoring.ask import Ask
    from delegate.authoring.identity import Identity
    from delegate.explain.decisions import Explanation, Inputs
    from delegate.explain.hops import Hop

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
_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE, without the 10 ms that importing inspect takes


class Authorization:
    """A request that was allowed, and on whose authority.

    Its fields are worked out when they are asked for: an allowed request pays for none of them.
    """

    __slots__ = ("_granted", "_settings")

    def __init__(self, granted: Granted, settings: Settings) -> None:
        """Made by a verifier, after every check.

        Raises:
            TypeError: `granted` is nothing that the core granted.
        """
        if type(granted) is not Granted:
            message = f"an authorization is made of what was granted, not of a {type(granted).__name__}"
            raise TypeError(message)
        self._granted = granted
        self._settings = settings

    @property
    def chain(self) -> VerifiedChain:
        """The verified chain."""
        return VerifiedChain(*self._granted.chain).with_names(names_of(self._granted.query, self._settings))

    @property
    def request(self) -> Request:
        """The request as it was normalised: act on this one."""
        return self._granted.query.request

    @property
    def proof_id(self) -> bytes | None:
        """The id of the proof, 32 bytes; `None` for a bearer token."""
        shown = self._granted.shown
        return shown.id if isinstance(shown, Proof) else None

    @property
    def originator(self) -> str:
        """Name of the person or service whose authority this is."""
        return self._granted.chain.originator

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every hop from the root's to the holder's."""
        return self.chain.hops

    @property
    def holder(self) -> str:
        """Name of who acts, as the chain gives it."""
        return self._granted.chain.link.block.holder

    @property
    def expires(self) -> int:
        """When the chain ends, Unix seconds."""
        return self._granted.chain.expires

    @property
    def audience(self) -> str:
        """Name of the service that allowed it."""
        return self._settings.audience

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, 32 bytes each: what an audit record keeps."""
        return self._granted.chain.block_ids

    @property
    def confirmed_by(self) -> tuple[str, ...]:
        """Which third parties' discharges it rests on, by the names that the verifier knows their keys by."""
        return tuple(sorted({each.name for each in self._granted.confirmed}))

    def allows(self, request: Request) -> bool:
        """Say whether the same chain also allows another request, now: for lists, and for operations of two requests.

        The proof bound one request; that the holder stands behind this one too is the service's inference. Discharges
        for one request serve no other. Only the clock is read anew: what was revoked since is not looked up, and
        nothing is charged.
        """
        try:
            settings, granted = self._settings, self._granted
            now = settings.now()
            check_now_and_here(granted.chain, settings, now)
            confirmed = still_good(granted.confirmed, request, now)
            evaluate(granted.chain, granted.query._replace(request=request, now=now), settings, confirmed)
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
        settle = getattr(self._settings.ledger, "settle", None)
        if getattr(getattr(settle, "__code__", None), "co_flags", 0) & _COROUTINE:
            message = "this ledger is awaited: await verifier.settle(granted, actual)"
            raise TypeError(message)
        effect = self.settlement(actual)
        return effect is not None and perform(effect, self._settings) is True

    def settlement(self, actual: Mapping[str, int]) -> Settle | None:
        """Give the effect that `settle` is; `None` where nothing was charged."""
        cost = check_cost(actual)
        if self.proof_id is None or not self._granted.chain.link.pools:
            return None
        return Settle(self.proof_id, cost, self._settings.now())

    def __repr__(self) -> str:
        return f"<Authorization of {self.holder} by {self.originator} for {self.request.action}>"


class Claimed(NamedTuple):
    """What a chain says of a request by its own claims, for whoever holds it: nobody has verified anything.

    Attributes:
        query: what would be asked.
        error: what refuses it; `None` where nothing in the chain does.
        depends: the answer in words, with what the service alone can judge; empty where there is an error.
    """

    query: Query
    error: DelegateError | None
    depends: str = ""
    chain: VerifiedChain | None = None  # there is none: that type says that signatures held
    confirmed: tuple[Confirmed, ...] = ()


class Decision:
    """Allowed or refused, and why. It has no truth value: ask for `allowed`.

    Attributes:
        allowed: whether the request may go ahead.
        reason: why not; `None` where it may.
        hop: the first block that refuses; `None` where no single one does.
        request: what was asked.
        authorization: where allowed by `decide`; a preview has none.
        error: what `authorize` would have raised.
    """

    __slots__ = ("_answer", "_asks", "_settings", "allowed", "authorization", "error", "hop", "reason", "request")

    def __init__(
        self,
        answer: Answer | Claimed,
        settings: Settings | None,
        policy: tuple[str, ...] = (),
        *,
        asks: Callable[[], tuple[Ask, ...]] | None = None,
    ) -> None:
        """Made by a verifier, of what the core answered; `policy` is the service's own conditions, as text.

        Without settings by a holder, of what its own chain claims; `asks` is what it would ask of others.
        """
        self._answer = answer
        self._asks = asks
        self._settings = settings
        self.request: Request = answer.query.request
        self.error: DelegateError | None = None
        self.authorization: Authorization | None = None
        if isinstance(answer, Claimed):
            self.error = answer.error
        elif isinstance(answer, Refusal):
            self.error = error = answer.error
            if isinstance(error, Denied):
                error.decision = self
                if isinstance(error.evidence, Evidence) and answer.chain is not None:
                    error.defer_detail(partial(_in_words, error.evidence, answer, policy))
                elif error.reason is Reason.DISCHARGE_MISSING and settings is not None:
                    error.defer_detail(partial(_missing, answer, settings.third_parties, error.detail))
                if answer.proven and settings is not None:
                    error.defer_holder_detail(partial(_for_holder, error, answer, settings.audience))
        elif isinstance(answer, Granted) and settings is not None:
            self.authorization = Authorization(answer, settings)
        self.allowed: bool = self.error is None
        self.reason: Reason | None = None if self.error is None else self.error.reason
        self.hop: int | None = None if self.error is None else self.error.hop

    @property
    def detail(self) -> str:
        """One line for the operator; empty where the request is allowed."""
        return "" if self.error is None else self.error.detail

    @property
    def chain(self) -> VerifiedChain | None:
        """The verified chain, where it got that far."""
        chain = self._answer.chain
        return None if chain is None else VerifiedChain(*chain).with_names(names_of(self._answer.query, self._settings))

    @property
    def proven(self) -> bool:
        """Whether whoever presented the chain showed that it is theirs. So does a holder that asks its own chain."""
        answer = self._answer
        return isinstance(answer, (Granted, Claimed)) or (isinstance(answer, Refusal) and answer.proven)

    def _inputs(self) -> Inputs | None:
        """Give what it was decided with, for explaining it."""
        answer = self._answer
        if answer.chain is None or self._settings is None:
            return None
        from delegate.explain.decisions import Inputs

        settings, query = self._settings, answer.query
        names = variables(answer.chain, query, settings)
        steps = settings.limits.evaluation_steps
        return Inputs(query.request, names, steps, answer.confirmed, settings.third_parties)

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What to ask of third parties, so that the same request could be allowed: every need that is not met yet.

        Empty where no discharge is what is missing, or where this verifier knows too few of those who could help.
        """
        if self._asks is not None:
            return self._asks()
        chain, given = self._answer.chain, self._inputs() if self.reason in _ASKING else None
        if chain is None or given is None:
            return ()
        from delegate.explain.asks import lacking

        return lacking(chain, given)

    @property
    def confirmed_by(self) -> tuple[str, ...]:
        """Who confirmed what this decision rests on, by the names that the verifier knows them by."""
        return tuple(sorted({each.name for each in self._answer.confirmed}))

    @property
    def public_detail(self) -> str:
        """What a remote caller may be told."""
        return "allowed" if self.error is None else self.error.public_detail

    @property
    def holder_detail(self) -> str:
        """What whoever proved to hold the chain may be told: what follows from the chain and the request alone.

        Never of `env`, the policy, stores or this verifier's directory. As `public_detail`, where nothing was proven,
        or nothing follows from these. Cost: evaluates the conditions of one hop again.
        """
        if self.error is None:
            return self._answer.depends if isinstance(self._answer, Claimed) else "allowed"
        return self.error.holder_detail

    @property
    def http_status(self) -> int:
        """The HTTP status that fits."""
        return 200 if self.error is None else self.error.http_status

    def explain(self) -> Explanation:
        """Say what every hop, asked alone, says to this request, and who could grant it.

        For the operator: it quotes the request. Cost: evaluates every hop again, each with the steps of a whole
        decision, and as many for its words; an allowed request that nobody asks about pays nothing. Source: SPEC §9.3.
        """
        from delegate.explain.decisions import explain

        return explain(self.error, self._answer.chain, self._inputs())

    def receipt(self, identity: Identity) -> Receipt:
        """Sign what was decided, for whoever asked to keep: that this request was allowed, or why it was refused.

        Args:
            identity: the service's own.

        Raises:
            ValueError: this is no decision of a verifier, but a preview, or one that came from another process.

        Cost: one signature. Source: AUDIT §16.9.
        """
        from delegate.audit.receipts import Receipt, Said

        answer, settings = self._answer, self._settings
        if settings is None or not isinstance(answer, (Granted, Refusal)):
            message = "only what a verifier decided has a receipt"
            raise ValueError(message)
        shown = answer.shown if isinstance(answer, Granted) else None
        said = Said(
            signer=identity.name,
            service=settings.audience,
            time=answer.query.now,
            allowed=self.allowed,
            request=self.request.digest,
            hop=self.hop,
            reason=None if self.reason is None else str(self.reason),
            last=None if answer.chain is None else answer.chain.link.id,
            proof=shown.id if isinstance(shown, Proof) else None,
        )
        return Receipt.sign(identity, said)

    def refused_by(self, error: DelegateError) -> Decision:
        """Give the decision that this would be, were it refused by what was found out beside it: for previews."""
        answer = self._answer
        if answer.chain is None:
            return self
        proven = isinstance(answer, Granted) or (isinstance(answer, Refusal) and answer.proven)
        return Decision(Refusal(error, answer.query, answer.chain, answer.confirmed, proven), self._settings)

    def hop_label(self) -> str:
        """Name the hop that refuses: `hop 2 (agent:planner → agent:researcher)`; empty where there is none."""
        if self.hop is None:
            return ""
        chain = self.chain
        return f"hop {self.hop}" if chain is None else str(chain.hops[self.hop])

    def to_json(self) -> dict[str, object]:
        """Give the decision as JSON values, in a versioned shape, for the operator."""
        chain = self.chain
        hops = chain.hops if chain is not None else ()
        return {
            "version": JSON_VERSION,
            "allowed": self.allowed,
            "reason": None if self.reason is None else str(self.reason),
            "hop": self.hop,
            "detail": self.detail,
            "public_detail": self.public_detail,
            "holder_detail": self.holder_detail,
            "originator": None if chain is None else chain.originator,
            "holder": hops[-1].holder if hops else None,
            "expires": None if chain is None else chain.expires,
            "hops": [{"signer": hop.signer, "holder": hop.holder, "block_id": hop.block_id.hex()} for hop in hops],
            "request": self.request.to_json(),
            "confirmed_by": list(self.confirmed_by),
            "asks": [each.to_text() for each in self.asks],
            "explanation": self.explain().to_json(),
        }

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as what it says; not the chain, the authorization, or what explains it."""
        bare = None if self.error is None else self.error.bare()
        return _restored, (self.request, self._answer.query.now, bare, self.holder_detail, self.asks)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __bool__(self) -> None:  # no bool, so that a type checker sees `if decision:`; no NoReturn, which would hide it
        message = "a Decision has no truth value; ask for .allowed"
        raise TypeError(message)

    def __repr__(self) -> str:
        return "<Decision: allowed>" if self.error is None else f"<Decision: {self.error.public_detail}>"


def _restored(request: Request, now: int, bare: tuple[Any, Any] | None, told: str, asks: tuple[Ask, ...]) -> Decision:
    error = None if bare is None else rebuilt(*bare)
    decision = Decision(Claimed(Query(request, {}, {}, now), error, told), None, asks=lambda: asks)
    if isinstance(error, Denied):
        error.decision = decision
    return decision


def _for_holder(error: DelegateError, refusal: Refusal, audience: str) -> str:
    from delegate.explain.holders import told

    assert refusal.chain is not None  # noqa: S101 - what was proven is a chain
    query = refusal.query
    return told(error.reason, error.hop, refusal.chain.link, query.request, query.now, audience)


def _missing(refusal: Refusal, third_parties: Mapping[bytes, str], tally: str) -> str:
    from delegate.explain.asks import missing_words

    return missing_words(refusal, third_parties, tally)


def _in_words(evidence: Evidence, refusal: Refusal, policy: tuple[str, ...]) -> str:
    from delegate.explain.refusals import in_words

    assert refusal.chain is not None  # noqa: S101 - where a condition refused, there is the chain that has it
    return in_words(evidence, refusal.chain, refusal.query.request, policy)


def names_of(query: Query, settings: Settings | None) -> Mapping[bytes, str]:
    """Give the names that a decision confirmed: thumbprint → name."""
    if query.names is not None:
        return query.names
    return {} if settings is None else settings.names


def still_good(confirmed: Iterable[Confirmed], request: Request, now: int) -> tuple[Confirmed, ...]:
    """Give those that also serve another request of the same chain, now: none that is for one other request."""
    found = []
    for each in confirmed:
        age = None if each.need is None else each.need.rule.age
        good = now < each.said.expires and (age is None or now - each.said.issued <= age)
        if good and each.said.digest in {None, request.digest}:
            found.append(each)
    return tuple(found)


def check_cost(cost: Mapping[str, int] | None) -> Mapping[str, int]:
    """Take the service's own word on what a request costs: unit → integer from 0.

    Raises:
        ValueError, TypeError: it is none.
    """
    if cost is None:
        return {}
    for unit, amount in cost.items():
        if type(unit) is not str or type(amount) is not int:
            message = "a cost is a map from units to integers"
            raise TypeError(message)
        if not 0 <= amount <= INTEGER_MAX:
            message = f"a cost is an integer from 0 to {INTEGER_MAX}"
            raise ValueError(message)
    return cost
