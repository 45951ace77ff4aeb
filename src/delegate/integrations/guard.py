"""A framework's call → a request → one decision → what may run, and what to tell whoever called. No I/O, no framework.

The rules of this file:

- What is decided is what runs. A request is decided as it came; where a framework converts the arguments, what will
  run is compared with that *as a request*, in which `true` is not 1 and `"666"` is not 666, and a difference refuses.
- One call is one decision. One that did not lead to a run gives back what it charged (`release`).
- A caller is told reason and hop; whoever proved to hold the chain, also what follows from chain and request, and who
  could confirm it. Nobody is told of `env`, policy, stores or the directory.
- Whatever comes from outside ends in an `Outcome`. What the service itself does wrong (an `env` that raises) is its own
  error, and nothing runs.

An integration builds a request, calls `decide` (or `await adecide`) once, and runs the call if `outcome.allowed`:

    outcome = guard.decide(presentation, Request.tool("pay", arguments), runs=validated)
    if not outcome.allowed:
        return refusal(outcome.told())
    granted = outcome.authorization
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request, describe
from delegate.core.chain.urls import join_target
from delegate.errors import DelegateError, Reason, StateError, TokenError
from delegate.integrations import http
from delegate.verifier.decision import Authorization, Decision
from delegate.verifier.verifier import AsyncVerifier, Verifier


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it is about to be decided: what `env` and `cost` are worked out from.

    Attributes:
        request: what is asked.
        context: the framework's own object for it, such as Starlette's `Request`; `None` where there is none.
    """

    request: Request
    context: Any = None


Facts: TypeAlias = (
    Mapping[str, object] | Callable[[Call], Mapping[str, object] | Awaitable[Mapping[str, object]] | None] | None
)
Costs: TypeAlias = Mapping[str, int] | Callable[[Call], Mapping[str, int] | Awaitable[Mapping[str, int]] | None] | None


class ConvertedError(DelegateError):
    """What would run is another request than the one that was decided: a framework converted its arguments."""

    http_status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the caller may be told of a refusal.

    Attributes:
        reason: the shared word.
        hop: index of the block that refuses, from 0; `None` where no single one does.
        detail: one line: reason and hop, and where the caller proved to hold the chain, what follows from it.
        asks: what to ask of third parties so that the request could be allowed, each as text (`dlga_…`).
        request: where the proof is for another request, the canonical text of the one that the service saw.
    """

    reason: Reason
    hop: int | None
    detail: str
    asks: tuple[str, ...] = ()
    request: str | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values; what there is not is left out."""
        found: dict[str, object] = {"reason": str(self.reason), "detail": self.detail}
        if self.hop is not None:
            found["hop"] = self.hop
        if self.asks:
            found["asks"] = list(self.asks)
        if self.request is not None:
            found["request"] = self.request
        return found


class Outcome:
    """What became of one call: it may run, or what to tell the caller. It has no truth value: ask for `allowed`.

    Attributes:
        decision: the whole decision; `None` where the call was no request that could be decided.
        error: why it may not run; `None` where it may.
        authorization: on whose authority it runs; `None` where it may not, and of a decision that nobody verified
            (`Holder.may`).
    """

    __slots__ = ("authorization", "decision", "error")

    def __init__(self, decision: Decision | None = None, error: DelegateError | None = None) -> None:
        """Made of a decision, or of the error that kept the call from being decided, or of both.

        Raises:
            ValueError: of neither, which would allow what nobody decided.
        """
        if decision is None and error is None:
            message = "an outcome is made of a decision or of an error"
            raise ValueError(message)
        self.decision = decision
        self.error = error if error is not None or decision is None else decision.error
        self.authorization = decision.authorization if decision is not None and self.error is None else None

    @property
    def allowed(self) -> bool:
        """Whether the call may run."""
        return self.error is None

    @property
    def reason(self) -> Reason | None:
        """Why it may not; `None` where it may."""
        return None if self.error is None else self.error.reason

    @property
    def http_status(self) -> int:
        """The HTTP status that fits: 200, 401 not genuine, 403 refused, 503 a store; 400, 422 no fit request."""
        return 200 if self.error is None else self.error.http_status

    def told(self) -> Told:
        """Say what the caller may be told of a refusal.

        Raises:
            ValueError: the call may run, and there is nothing to tell.

        Cost: evaluates the conditions of one hop again where the caller proved to hold the chain.
        """
        error, decision = self.error, self.decision
        if error is None:
            message = "this call is allowed"
            raise ValueError(message)
        if decision is None or decision.error is not error:  # it follows from what the caller sent, and from that alone
            detail = error.public_detail if isinstance(error, StateError) else str(error)
            return Told(reason=error.reason, hop=error.hop, detail=detail)
        return Told(
            reason=error.reason,
            hop=error.hop,
            detail=error.holder_detail,
            asks=tuple(each.to_text() for each in decision.asks) if decision.proven else (),
            request=decision.request.describe() if error.reason is Reason.PROOF_WRONG_REQUEST else None,
        )

    def __bool__(self) -> None:  # no bool, so that a type checker sees `if outcome:`
        message = "an Outcome has no truth value; ask for .allowed"
        raise TypeError(message)

    def __repr__(self) -> str:
        return "<Outcome: allowed>" if self.error is None else f"<Outcome: {self.error.public_detail}>"


NOTHING: Final = Outcome(error=TokenError(Reason.NOTHING_PRESENTED))  # a call that brought no chain


class CallGuard:
    """Decides calls for an integration: one verifier, and what the service knows beside the call."""

    def __init__(
        self,
        verifier: Verifier | AsyncVerifier,
        *,
        env: Facts = None,
        cost: Costs = None,
        observe: Callable[[Decision], object] | None = None,
    ) -> None:
        """Set up a guard; one serves any number of threads and tasks.

        Args:
            verifier: decides. An `AsyncVerifier` serves `adecide` alone.
            env: facts that the service vouches for, as for `Verifier.authorize`; or a function of the call. Never what
                the caller said.
            cost: what a call costs the budgets of its chain: unit → integer from 0; or a function of the call.
            observe: is given every decision, allowed or not, before anything runs; what it raises stops the call.

        Raises:
            TypeError: no verifier, or an argument of another type.
        """
        if not isinstance(verifier, (Verifier, AsyncVerifier)):
            message = f"a guard needs a Verifier or an AsyncVerifier, not a {type(verifier).__name__}"
            raise TypeError(message)
        for name, given in (("env", env), ("cost", cost)):
            if given is not None and not isinstance(given, Mapping) and not callable(given):
                message = f"{name} is a map, or a function of the call, not a {type(given).__name__}"
                raise TypeError(message)
        if observe is not None and not callable(observe):
            message = f"observe is a function of a decision, not a {type(observe).__name__}"
            raise TypeError(message)
        self.verifier = verifier
        self._answers_at_once = isinstance(verifier, Verifier) and verifier.is_in_memory
        self._env = env
        self._cost = cost
        self._observe = observe

    @property
    def audience(self) -> str:
        """This service's name, as a proof must have it."""
        return self.verifier.audience

    def decide(
        self,
        presentation: object,
        request: Request,
        *,
        runs: Mapping[str, object] | None = None,
        context: object = None,
    ) -> Outcome:
        """Decide one call. Claims its proof and charges its budgets, so call it once, and then run the call.

        Args:
            presentation: chain and proof, or a bearer token, as they came: text, bytes, or an object of this library.
                `None` where the call brought none. Anything else is refused as MALFORMED.
            request: the call as it came, before any conversion.
            runs: the arguments with which the call will run, where a framework has converted them; a different
                request refuses it, with a `ConvertedError`, before anything is claimed. `None`: as in `request`.
            context: what a function given as `env` or `cost` finds as `call.context`.

        Returns:
            The outcome: raises nothing for what a caller sent.

        Raises:
            TypeError: the verifier is an `AsyncVerifier`; or `env` or `cost` gave something to await.
        """
        verifier = self.verifier
        if isinstance(verifier, AsyncVerifier):
            message = "an AsyncVerifier is awaited: await guard.adecide(…), or give the guard a Verifier"
            raise TypeError(message)
        try:
            given, call = _call(presentation, request, runs, context)
        except DelegateError as error:
            return Outcome(error=error)
        env, cost = _worked_out(self._env, call), _worked_out(self._cost, call)
        return self._outcome(verifier.decide(given, request, env=_now(env), cost=_now(cost)))

    async def adecide(
        self,
        presentation: object,
        request: Request,
        *,
        runs: Mapping[str, object] | None = None,
        context: object = None,
    ) -> Outcome:
        """Decide one call, and let the event loop go on while a store is waited for; see `decide`.

        An `AsyncVerifier` is awaited. A `Verifier` that keeps everything in this process's memory answers on the
        spot; one with a store of its own answers in a thread.
        """
        try:
            given, call = _call(presentation, request, runs, context)
        except DelegateError as error:
            return Outcome(error=error)
        env, cost = _worked_out(self._env, call), _worked_out(self._cost, call)
        facts = await env if isawaitable(env) else env
        costs = await cost if isawaitable(cost) else cost
        verifier = self.verifier
        if isinstance(verifier, AsyncVerifier):
            decision = await verifier.decide(given, request, env=facts, cost=costs)
        elif self._answers_at_once:
            decision = verifier.decide(given, request, env=facts, cost=costs)
        else:
            decision = await asyncio.to_thread(verifier.decide, given, request, env=facts, cost=costs)
        return self._outcome(decision)

    def release(self, granted: Authorization) -> bool:
        """Give back all that a decision charged: for a call that was allowed and did not run.

        The proof stays used. Returns as `Authorization.settle`; a chain without a budget has nothing to give back.

        Raises:
            StateError: the ledger did not answer. TypeError: the verifier is an `AsyncVerifier`.
        """
        if isinstance(self.verifier, AsyncVerifier):
            message = "an AsyncVerifier is awaited: await guard.arelease(granted)"
            raise TypeError(message)
        return granted.settle(_nothing_of(granted))

    async def arelease(self, granted: Authorization) -> bool:
        """Give back all that a decision charged; see `release`."""
        if isinstance(self.verifier, AsyncVerifier):
            return await self.verifier.settle(granted, _nothing_of(granted))
        if self.verifier.is_in_memory:
            return granted.settle(_nothing_of(granted))
        return await asyncio.to_thread(granted.settle, _nothing_of(granted))

    def _outcome(self, decision: Decision) -> Outcome:
        if self._observe is not None:
            self._observe(decision)
        return Outcome(decision)


class Guard(CallGuard):
    """A guard of HTTP requests, which knows where clients reach the service."""

    def __init__(
        self,
        verifier: Verifier | AsyncVerifier,
        *,
        origin: str,
        env: Facts = None,
        cost: Costs = None,
        observe: Callable[[Decision], object] | None = None,
        max_body_bytes: int = http.BODY_BYTES,
        any_host: bool | None = None,
    ) -> None:
        """Set up a guard.

        Args:
            verifier: decides.
            origin: where clients reach this service, `https://files.example.com`; no path. It is configured, never
                taken from a request: whoever sends one chooses its `Host`.
            env: as for `CallGuard`.
            cost: as for `CallGuard`.
            observe: as for `CallGuard`.
            max_body_bytes: the largest body that is read, and held in memory until it is decided; a larger one is
                answered with 413. A JSON body is bounded by the size of a request too, 64 KiB (SPEC §8).
            any_host: whether requests may name another `Host` than the origin's, which is no part of what is proven.
                `None`: not where the application is seen to route by it (`Host` of Starlette, `host_matching` and
                `subdomain_matching` of Flask). `False`: nowhere. `True`: everywhere, such as behind a proxy that
                writes its own.

        Raises:
            ValueError: `origin` is none, or a body may have less than no bytes. TypeError: as for `CallGuard`.
        """
        if not isinstance(origin, str):
            message = f"an origin is text like `https://files.example.com`, not a {type(origin).__name__}"
            raise TypeError(message)
        join_target(origin, "/")
        if type(max_body_bytes) is not int or max_body_bytes < 0:
            message = "max_body_bytes is an integer from 0"
            raise ValueError(message)
        super().__init__(verifier, env=env, cost=cost, observe=observe)
        self.origin = origin
        self.max_body_bytes = max_body_bytes
        self.any_host = any_host

    def request(
        self, method: str, target: str | bytes, head: http.Head, body: bytes = b"", *, upgrade: str | None = None
    ) -> Request:
        """Make the request that came; raises DelegateError as `http.service_request`, and for a body that is too large.

        Args:
            method: of the request line.
            target: of the request line, undecoded: path and query.
            head: what `http.read_head` gives of the headers.
            body: all of it.
            upgrade: the protocol that the connection changes to.
        """
        self.check_size(len(body))
        return http.service_request(self.origin, method, target, head, body, upgrade=upgrade)

    def serves_as(self, other: CallGuard) -> bool:
        """Whether a decision of another guard is one of this guard's: all that either decides by is the other's."""
        return isinstance(other, Guard) and (
            self is other
            or (
                self.verifier is other.verifier
                and self.origin == other.origin
                and self.any_host == other.any_host
                and _same(self._env, other._env)  # noqa: SLF001 - of this very class
                and _same(self._cost, other._cost)  # noqa: SLF001 - the same
                and _same(self._observe, other._observe)  # noqa: SLF001 - the same
            )
        )

    def check_host(self, headers: http.Headers, *, is_routed: bool = False) -> None:
        """Refuse another `Host` than the origin's, where that counts; raises DelegateError as `http.check_host`.

        Args:
            headers: of the request.
            is_routed: whether the application is seen to route by it.
        """
        if self.any_host is False or (self.any_host is None and is_routed):
            http.check_host(self.origin, headers)

    def check_size(self, size: int | None) -> None:
        """Refuse a body of so many bytes, as declared or read so far: `http.TooLargeError`."""
        if size is not None and size > self.max_body_bytes:
            raise http.TooLargeError(
                Reason.LIMIT_EXCEEDED, f"a body of more than the {self.max_body_bytes} bytes that this service takes"
            )

    def decide_http(
        self, method: str, target: str | bytes, headers: http.Headers, body: bytes = b"", *, context: object = None
    ) -> Outcome:
        """Decide an HTTP request as it came, all of it at hand; see `decide`.

        Where nothing is presented that is the answer, whatever else is wrong.
        """
        try:
            headers = tuple(headers)
            head = http.read_head(headers)
            if head.presentation is None:
                return NOTHING
            self.check_host(headers)
            request = self.request(method, target, head, body)
        except DelegateError as error:
            return Outcome(error=error)
        return self.decide(head.presentation, request, context=context)

    async def adecide_http(
        self, method: str, target: str | bytes, headers: http.Headers, body: bytes = b"", *, context: object = None
    ) -> Outcome:
        """Decide an HTTP request as it came; see `decide_http`."""
        try:
            headers = tuple(headers)
            head = http.read_head(headers)
            if head.presentation is None:
                return NOTHING
            self.check_host(headers)
            request = self.request(method, target, head, body)
        except DelegateError as error:
            return Outcome(error=error)
        return await self.adecide(head.presentation, request, context=context)

    def answer(self, outcome: Outcome) -> http.Answer:
        """Give the HTTP answer to a request that may not run (SPEC §11); raises ValueError where it may."""
        return http.answer(outcome.http_status, outcome.told().to_json(), self.audience)


def _same(one: object, other: object) -> bool:
    # A method is made anew each time that it is asked for. Maps that are equal may mean different things: True and 1.
    return one is other or (callable(one) and one == other)


def tool_request(name: object, arguments: object = None) -> Request:
    """Make the request that a tool call is (SPEC §7.4), of whatever came: `Request.tool`, but for outside input.

    Args:
        name: the tool's name.
        arguments: the call's arguments, as they came; `None` for none.

    Raises:
        DelegateError: MALFORMED for a name that is no text, arguments that are no object, or a value that JSON does
            not have; LIMIT_EXCEEDED for size and depth.
    """
    if not isinstance(name, str):
        raise DelegateError(Reason.MALFORMED, f"a tool's name is text, not a {type(name).__name__}")
    if arguments is not None and not isinstance(arguments, Mapping):
        raise DelegateError(Reason.MALFORMED, f"a tool's arguments are an object, not a {type(arguments).__name__}")
    try:
        return Request.tool(name, arguments)
    except TypeError as error:
        raise DelegateError(Reason.MALFORMED, str(error)) from None


def check_runs(request: Request, runs: Mapping[str, object]) -> None:
    """Refuse arguments that are not those of a request, compared as requests are.

    Args:
        request: what was asked, as it came.
        runs: with which arguments it will run.

    Raises:
        ConvertedError: another request, or none at all. Its detail names the first arguments that differ.
    """
    try:
        other = Request(request.action, request.resource, runs)
    except (DelegateError, TypeError, RecursionError) as error:
        words = error.detail if isinstance(error, DelegateError) else str(error)
        raise ConvertedError(Reason.MALFORMED, f"what would run cannot be compared: {words}") from None
    if other == request:
        return
    asked, ran = request.values, other.values
    differ = [key for key in {**asked, **ran} if key not in asked or key not in ran or _differ(asked[key], ran[key])]
    words = "; ".join(
        f"`{shown(key)}` is {_told(asked, key)} in the request and would run as {_told(ran, key)}"
        for key in sorted(differ)[:3]
    )
    raise ConvertedError(Reason.MALFORMED, f"the arguments would be converted: {words}")


def _differ(one: object, other: object) -> bool:
    return describe(one) != describe(other)


def _told(values: Mapping[str, object], key: str) -> str:
    return shown(describe(values[key])) if key in values else "absent"


def _call(
    presentation: object, request: Request, runs: Mapping[str, object] | None, context: object
) -> tuple[Any, Call]:
    """Check what can be checked before anything else.

    Raises:
        TokenError: MALFORMED: nothing that could be a presentation. ConvertedError: as `check_runs`.
        TypeError: `request` is none.
    """
    if type(request) is not Request:
        message = f"a request is a Request, not a {type(request).__name__}"
        raise TypeError(message)
    if presentation is not None and not isinstance(presentation, (str, bytes)):
        envelope = getattr(presentation, "envelope", None)
        if not callable(envelope):
            raise TokenError(Reason.MALFORMED, "what was presented is neither text nor bytes")
    if runs is not None:
        check_runs(request, runs)
    return presentation, Call(request, context)


def _worked_out(given: Any, call: Call) -> Any:  # noqa: ANN401 - facts and costs, or what is awaited for them
    return given(call) if callable(given) else given


def _now(given: Any) -> Any:  # noqa: ANN401 - facts or costs
    if isawaitable(given):
        if hasattr(given, "close"):  # a coroutine that nobody will await
            given.close()
        message = "`env` and `cost` may be awaited by `adecide` alone"
        raise TypeError(message)
    return given


def _nothing_of(granted: Authorization) -> dict[str, int]:
    return {pool.unit: 0 for pool in granted.chain.link.pools}
