"""From what was decided to the event of it, and from the event to every sink (AUDIT §16.1, §15.4).

The rules of this file:

- What a required sink did not take is not allowed, whatever was decided. Required sinks come first, so that the others
  hear what came of it.
- Of a sink that is not required, no failure reaches a request: it is counted.
- Strangers cannot fill a log: of refusals before a chain was verified so many a minute are written down, and the rest
  counted in the next. Of each tenant by itself: what one's strangers do, no other tenant's tree tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from os import urandom
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

from delegate.audit.events import ARGS_BYTES, SALT_BYTES, AuditEvent, Claimed, Kind, salted
from delegate.audit.routes import Known, Route, route_of
from delegate.core.chain.claims import decode
from delegate.core.chain.request import Request, normalise
from delegate.core.decide.decision import Answer, Granted, Presented, Refusal, framed
from delegate.core.decide.evaluate import Query
from delegate.core.decide.evidence import Evidence, Where
from delegate.core.decide.possession import Proof
from delegate.core.decide.remembered import ProcessLock, Recent
from delegate.core.decide.settings import Settings
from delegate.core.decide.spending import charges
from delegate.core.decide.verified import VerifiedChain
from delegate.core.wire import cbor, cose
from delegate.errors import DelegateError, Reason, StateError
from delegate.regular import regular

if TYPE_CHECKING:
    from collections.abc import Iterator

UNVERIFIED_A_MINUTE: Final = 60
_ROUTES_KEPT: Final = 4_096
_TRACEPARENT: Final = regular(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_traceparent: ContextVar[str | None] = ContextVar("delegate_traceparent", default=None)

Redact = Callable[[Request], Mapping[str, object] | None]


@runtime_checkable
class Sink(Protocol):
    """Takes events. Whoever writes one of their own gives it these two names."""

    required: bool
    """Whether a request is refused whose event this sink did not take."""

    def take(self, event: AuditEvent) -> None:
        """Take an event; where the sink is required, return when it is durable. Whatever it raises, it did not."""


@contextmanager
def traced(traceparent: str) -> Iterator[None]:
    """Name the trace (W3C `traceparent`) that the requests decided meanwhile are part of.

    Raises:
        ValueError: it is none.
    """
    if not _TRACEPARENT.fullmatch(traceparent):
        message = "a traceparent is four groups of hex digits, as in 00-…-…-01"
        raise ValueError(message)
    before = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(before)


class _KnownRoute(NamedTuple):
    """A route, and what was known of the names in it."""

    route: Route
    names: Mapping[bytes, str]
    known: Mapping[bytes, Any] | None


class _Allowance:
    """How many refusals of strangers one tenant's verifiers may still write down this minute."""

    __slots__ = ("left", "minute", "omitted")

    def __init__(self) -> None:
        self.minute = -1
        self.left = 0
        self.omitted = 0


class Recorder:
    """Makes an event of each decision, and gives it to every sink. Safe under threads and across `fork`.

    Attributes:
        failures: how often a sink that is not required failed.
        omitted: how many refusals before a chain was verified were counted and not written down, in all.
    """

    __slots__ = (
        *("_allowances", "_arguments", "_lock", "_look_up", "_others", "_required", "_routes", "_unverified"),
        *("failures", "omitted"),
    )

    def __init__(
        self,
        *sinks: Sink,
        arguments: Redact | None = None,
        unverified_per_minute: int = UNVERIFIED_A_MINUTE,
        look_up: Callable[[bytes], Known | None] | None = None,
    ) -> None:
        """Set up what a verifier takes as `audit`.

        Args:
            sinks: one or more.
            arguments: gives what of a request's arguments to keep, or `None`: by default nothing of them is kept.
                What it raises, and more than 32 KiB, counts as nothing.
            unverified_per_minute: how many refusals before a chain was verified to write down, of each tenant.
            look_up: tells what a directory knows of a key, by its thumbprint.

        Raises:
            TypeError: a sink that is none. ValueError: no sink; a negative number.
        """
        if not sinks:
            message = "audit is empty: name a sink, or leave audit out"
            raise ValueError(message)
        for each in sinks:
            if not isinstance(each, Sink):
                message = f"a sink has `take` and `required`; {type(each).__name__} has not"
                raise TypeError(message)
        if type(unverified_per_minute) is not int or unverified_per_minute < 0:
            message = "unverified_per_minute is an integer from 0"
            raise ValueError(message)
        self._required = tuple(each for each in sinks if each.required)
        self._others = tuple(each for each in sinks if not each.required)
        self._arguments = arguments
        self._unverified = unverified_per_minute
        self._look_up = look_up
        self._routes: Recent[_KnownRoute] = Recent(_ROUTES_KEPT)
        self._lock = ProcessLock()
        self._allowances: dict[str, _Allowance] = {}
        self.failures = 0
        self.omitted = 0

    @property
    def waits(self) -> bool:
        """Whether recording may wait for a disk: then an event loop is not to."""
        return bool(self._required)

    def record(self, answer: Answer, settings: Settings, presented: Presented, policy: tuple[str, ...] = ()) -> Answer:
        """Record a decision, and give what is to be answered: the same, or a refusal where a required sink failed."""
        omitted = 0
        if answer.chain is None:
            allowance = self._allowance(settings.tenant, answer.query.now)
            if allowance is None:
                return answer
            omitted = allowance
        event = self._event(answer, settings, presented, policy, omitted)
        for each in self._required:
            try:
                each.take(event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the sink did not take it
                answer = _not_taken(answer, error)
                event = self._event(answer, settings, presented, policy, omitted)
                break
        for each in self._others:
            try:
                each.take(event)
            except Exception:  # noqa: BLE001 - counted, and no matter of the request
                self.failures += 1
        return answer

    def _allowance(self, tenant: str, now: int) -> int | None:
        """Say how many of a tenant's were left out before this one; `None`: leave this one out too."""
        minute = now // 60
        with self._lock.mine():
            own = self._allowances.setdefault(tenant, _Allowance())
            if minute != own.minute:
                own.minute, own.left = minute, self._unverified
            if own.left <= 0:
                own.omitted += 1
                self.omitted += 1
                return None
            own.left -= 1
            omitted, own.omitted = own.omitted, 0
            return omitted

    def _event(
        self,
        answer: Answer,
        settings: Settings,
        presented: Presented,
        policy: tuple[str, ...],
        omitted: int,
    ) -> AuditEvent:
        chain, query = answer.chain, answer.query
        request = query.request
        route = None if chain is None else self._route(chain, query, settings)
        reason: str | None = None
        hop: int | None = None
        condition: tuple[int, int] | str | None = None
        proof_id: bytes | None = None
        charged: dict[str, int] = {}
        claimed: Claimed | None = None
        if type(answer) is Granted:
            if type(answer.shown) is Proof:
                proof_id = answer.shown.id
            if answer.chain.link.pools:
                each = {
                    charge.unit: charge.amount for charge in charges(answer.chain.link, query.cost, has_ledger=True)
                }
                charged = {unit: each[unit] for unit in cbor.sorted_keys(each)}
        elif isinstance(answer, Refusal):
            reason, hop = str(answer.error.reason), answer.error.hop
            condition = _condition(answer.error, policy)
            if chain is None:
                claimed = _claimed(presented)
        approvers = tuple(sorted({each.name for each in answer.confirmed})) if answer.confirmed else ()
        salt = urandom(SALT_BYTES)
        return AuditEvent(
            Kind.DECISION, query.now, settings.audience, settings.tenant, route, request.action, request.resource,
            salt, salted(salt, request.digest), None if self._arguments is None else self._kept(request),
            reason is None, reason, hop, condition, proof_id, charged, approvers, _current_trace(), claimed, omitted,
        )  # fmt: skip

    def _route(self, chain: VerifiedChain, query: Query, settings: Settings) -> Route:
        """Give the route of a chain, with what the verifier and its directory know of the names in it, now."""
        key = chain.link.id
        names = settings.names if query.names is None else query.names
        kept = self._routes.get(key)
        if kept is not None and kept.names == names and kept.known == query.known:
            return kept.route
        route = route_of(chain, names, self._look_up or _look_up_in(query.known))
        if self._look_up is None:  # of somebody's own function nobody knows when it will say something else
            self._routes.put(key, _KnownRoute(route, names, query.known))
        return route

    def _kept(self, request: Request) -> dict[str, Any] | None:
        """Give the arguments as the service wants them kept."""
        assert self._arguments is not None  # noqa: S101 - the caller looked
        try:
            given = self._arguments(request)
            kept = None if given is None else normalise(given, "arguments")
            if kept is not None and len(cbor.encode(kept)) > ARGS_BYTES:
                kept = None
        except Exception:  # noqa: BLE001 - the service's own function; what it kept of a secret, nobody knows
            self.failures += 1
            return None
        return kept


def keep_arguments(*names: str) -> Redact:
    """Give a function for `arguments` that keeps these arguments alone; without names, all of them."""
    wanted = frozenset(names)

    def keep(request: Request) -> Mapping[str, object]:
        values = request.values
        return values if not wanted else {name: value for name, value in values.items() if name in wanted}

    return keep


def as_recorder(audit: Recorder | Sink | Iterable[Sink]) -> Recorder:
    """Take what a verifier is given as `audit`.

    Raises:
        TypeError: it is none. ValueError: it is empty.
    """
    if isinstance(audit, Recorder):
        return audit
    if isinstance(audit, Sink):
        return Recorder(audit)
    if not isinstance(audit, Iterable):
        message = f"audit is a sink, several, or a Recorder, not {type(audit).__name__}"
        raise TypeError(message)
    return Recorder(*audit)


def _look_up_in(known: Mapping[bytes, Any] | None) -> Callable[[bytes], Known | None] | None:
    """Tell whom a directory knows a key as: also one that may not act now, since somebody answers for what it did."""
    if not known:
        return None

    def look_up(thumbprint: bytes) -> Known | None:
        found = known.get(thumbprint)
        if found is None:
            return None
        return Known(found.name, found.who.get("sponsor"), found.who.get("owner"), is_confirmed=not found.fault)

    return look_up


def _current_trace() -> str | None:
    found = _traceparent.get()
    if found is not None:
        return found
    import sys

    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _condition(error: DelegateError, policy: tuple[str, ...]) -> tuple[int, int] | str | None:
    evidence = getattr(error, "evidence", None)
    if not isinstance(evidence, Evidence):
        return None
    if evidence.where is Where.POLICY and evidence.place < len(policy):
        return policy[evidence.place]
    return int(evidence.where), evidence.place


def _not_taken(answer: Answer, error: Exception) -> Answer:
    words = error.detail if isinstance(error, DelegateError) else type(error).__name__
    refused = StateError(Reason.STATE_UNAVAILABLE, f"the audit log did not take this decision: {words}")
    proven = isinstance(answer, Granted) or (isinstance(answer, Refusal) and answer.proven)
    return Refusal(refused, answer.query, answer.chain, answer.confirmed, proven)


def _claimed(presented: Presented) -> Claimed | None:
    """Read whose chain this says it is, of bytes that nobody verified."""
    try:
        blocks = framed(presented).blocks
        first = decode(cose.open_signed(blocks[0]).payload, first=True)
        last = first if len(blocks) == 1 else decode(cose.open_signed(blocks[-1]).payload, first=False)
    except (DelegateError, IndexError):
        return None
    return Claimed(first.originator or first.issuer, last.holder)
