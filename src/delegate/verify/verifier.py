"""`Verifier` and `AsyncVerifier`: the drivers of one pure decision (SPEC §5).

The rules of this file:

- The decision is a generator that yields the effects it needs; the two drivers differ only in `await`.
- A store that raises anything is a store that did not answer: the request is refused.
- A call sees one generation of roots, whatever is replaced meanwhile.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final, TypeVar

from delegate.caveats import Caveat, compile_wire, to_wire
from delegate.chain.blocks import check_audience_name
from delegate.chain.capability import caveat
from delegate.chain.request import Request, normalise
from delegate.chain.rules import Compiler
from delegate.chain.times import Duration, seconds
from delegate.errors import DelegateError, Reason, StateError
from delegate.keys import Principal
from delegate.limits import Limits
from delegate.state import (
    AsyncLedger,
    AsyncReplayStore,
    AsyncRevocationStore,
    Ledger,
    MemoryReplay,
    ReplayStore,
    RevocationStore,
)
from delegate.verify.authorization import Authorization, Decision
from delegate.verify.decision import Asked, Presented, checking_chain, deciding, previewing, settling
from delegate.verify.effects import Effect, Settle
from delegate.verify.generation import generation
from delegate.verify.roots import Trusted
from delegate.verify.settings import SYSTEM_CLOCK, Clock, Settings, directory
from delegate.verify.spending import check_cost
from delegate.verify.texts import tail_bytes
from delegate.verify.verified import VerifiedChain
from delegate.wire.cose import ED25519, ESP256

T = TypeVar("T")
ALGORITHMS: Final = frozenset({ED25519, ESP256})


class _Base:
    """What the sync and the async verifier share: everything but the effects."""

    __slots__ = ("_cache_size", "_generation", "_settings")

    def __init__(
        self,
        roots: Iterable[Trusted],
        *,
        audience: str,
        tenant: str | None = None,
        policy: str | Caveat | Iterable[str | Caveat] = (),
        bearer: bool = False,
        principals: Iterable[Principal] = (),
        algorithms: Iterable[int] = ALGORITHMS,
        max_lifetime: Duration | None = None,
        leeway: Duration | None = "30s",
        proof_window: Duration = "60s",
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        cache_size: int = 4096,
        replay: ReplayStore | AsyncReplayStore | None = None,
        revocations: RevocationStore | AsyncRevocationStore | None = None,
        revokers: Iterable[Principal] = (),
        max_revocation_age: Duration | None = None,
        ledger: Ledger | AsyncLedger | None = None,
    ) -> None:
        """Set up a verifier; one serves any number of threads.

        Args:
            roots: whom to trust to start chains: principals, each for itself, or `Root`s.
            audience: this service's name; proofs and `aud` claims must name it.
            tenant: the tenant that it serves; with one, chains without are refused, and the other way round.
            policy: conditions of the service's own, as text or `when(…)`; all must hold.
            bearer: whether chains with a bearer block are taken at all.
            principals: names and keys that this verifier vouches for; only these confirm `holder.name`.
            algorithms: COSE numbers to accept: -19 Ed25519, -9 ESP256.
            max_lifetime: the longest `exp - iat` of block 0.
            leeway: how far ahead a signer's clock may be: for `iat` and `nbf`, never for `exp`. `None`: not at all.
            proof_window: how old a proof may be.
            clock: gives Unix seconds.
            limits: less than the format's own bounds.
            cache_size: how many verified blocks to keep, and as many chains by their text, each reckoned at 256 bytes;
                what is longer than 4 KiB, or stands below that, is verified every time. Of compiled lists an eighth.
                0 keeps none. A usual block takes about 3 KB of memory; at most, holders of chains can make it about
                150 KB for each of `cache_size`, 620 MB at 4096. A verdict never depends on it.
            replay: where used proofs are remembered; by default in this process's memory, see `MemoryReplay`.
            revocations: where revoked blocks and keys are looked up; none by default.
            revokers: whose word on any block or key counts. Beside them: a signer's on what it handed out, and a key's
                own on itself.
            max_revocation_age: how old the newest list of each revoker may be.
            ledger: where budgets are charged; without one, a chain with a budget is refused.

        Raises:
            ValueError, TypeError: an argument out of its bounds.
        """
        if not check_audience_name(audience):
            message = "audience is one name of 1 to 200 visible ASCII characters"
            raise ValueError(message)
        if tenant is not None and not check_audience_name(tenant):
            message = "a tenant is 1 to 200 visible ASCII characters"
            raise ValueError(message)
        accepted = frozenset(algorithms)
        if not accepted or not accepted <= ALGORITHMS:
            message = f"algorithms are among {sorted(ALGORITHMS)}"
            raise ValueError(message)
        several = (policy,) if isinstance(policy, (str, Caveat)) else tuple(policy)
        caveats = tuple(map(caveat, several))
        if replay is None:
            # A clock of the caller's own (a test, a look at old traffic) cannot be compared with this process's start.
            replay = MemoryReplay() if clock is SYSTEM_CLOCK else MemoryReplay(since=0)
        self._settings = Settings(
            audience=audience,
            tail_bytes=tail_bytes(audience),
            tenant=tenant or "",
            policy=tuple(compile_wire(to_wire(each.expression)) for each in caveats),
            policy_texts=tuple(map(str, caveats)),
            bearer=bearer,
            names=directory(principals),
            algorithms=accepted,
            max_lifetime_s=None if max_lifetime is None else seconds(max_lifetime),
            leeway_s=0 if leeway is None else seconds(leeway),
            proof_window_s=seconds(proof_window),
            clock=clock,
            limits=limits or Limits(),
            compiler=Compiler(cache_size // 8),
            revokers=directory(revokers),
            max_revocation_age_s=None if max_revocation_age is None else seconds(max_revocation_age),
            replay=replay,
            revocations=revocations,
            ledger=ledger,
        )
        self._cache_size = cache_size
        self._generation = generation(roots, cache_size)

    @property
    def roots(self) -> tuple[Trusted, ...]:
        """Whom this verifier trusts. Assign to replace them all at once; calls under way keep what they saw."""
        return tuple(self._generation.by_thumbprint.values())

    @roots.setter
    def roots(self, roots: Iterable[Trusted]) -> None:
        self._generation = generation(roots, self._cache_size)

    @property
    def audience(self) -> str:
        """This service's name."""
        return self._settings.audience

    def _asked(self, request: Request, env: Mapping[str, object] | None, cost: Mapping[str, int] | None) -> Asked:
        if type(request) is not Request:
            message = f"a request is a Request, not {type(request).__name__}"
            raise TypeError(message)
        return Asked(request, _facts(env), check_cost(cost), self._settings.now())


class Verifier(_Base):
    """Checks chains and decides requests, on the spot, with no server."""

    __slots__ = ()

    def authorize(
        self,
        presentation: Presented,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Authorization:
        """Allow this request, or raise.

        Args:
            presentation: chain and proof, or a bearer token where this verifier takes them: an object, its text
                or its bytes, at most 32 KiB.
            request: what is asked, as the service understands it; act on this same object afterwards.
            env: facts that the service vouches for, JSON values and bytes. Never what the caller said.
            cost: unit → what this request costs the budgets of its chain: integers from 0. `calls` is 1 unless said;
                every other unit that the chain has a budget in must be here.

        Returns:
            On whose authority, through whom, until when.

        Raises:
            TokenError: not a token. VerificationError: not genuine, not now, revoked, not proven.
            Denied: genuine, and not allowed; `.decision` says more.
            StateError: a store failed.
            All are `DelegateError`, with `.reason`, `.hop`, and `.public_detail` for the caller's eyes.

        Cost: one signature check a block and one for the proof. Source: SPEC §5.
        """
        asked = self._asked(request, env, cost)
        answer = self._run(deciding(presentation, asked, self._generation, self._settings))
        if type(answer) is Authorization:
            return answer
        raise _error_of(answer)

    def decide(
        self,
        presentation: Presented,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision: raises nothing for what a caller sent."""
        asked = self._asked(request, env, cost)
        return _as_decision(self._run(deciding(presentation, asked, self._generation, self._settings)))

    def verify_chain(self, token: Presented) -> VerifiedChain:
        """Check who signed this chain, from a trusted root to its last block, and that it is good now and here.

        Answers "is it genuine, in time, unrevoked and meant for this service?", never "is this request allowed?" and
        never "does whoever presents it hold the key?": a chain is no secret. To decide a request, use `authorize`.

        Args:
            token: an envelope, its text or its bytes. A proof in it is not looked at.

        Raises:
            TokenError: the form is wrong.
            VerificationError: UNKNOWN_ROOT, BAD_SIGNATURE, EXPIRED, REVOKED, …; `.hop` is the first failing block.
            StateError: the revocation store did not answer, or its data is stale.

        Cost: one signature check a block. Source: SPEC §5, steps 1 to 4.
        """
        return self._run(checking_chain(token, self._generation, self._settings, self._settings.now()))

    def preview(self, token: Presented, request: Request, *, env: Mapping[str, object] | None = None) -> Decision:
        """Say what this chain would allow, without a proof; nothing is claimed or charged. No service may act on it.

        Raises nothing for what is in the token. Source: SPEC §5 without steps 5 and 8.
        """
        return self._run(previewing(token, self._asked(request, env, None), self._generation, self._settings))

    def settle(self, granted: Authorization, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what a charge turned out not to need; once.

        Args:
            granted: what `authorize` gave.
            actual: unit → what the request really cost, at most the `cost` that was charged. A unit that is not
                named stays as charged.

        Returns:
            `True` the first time; `False` where it was settled before, or nothing was charged.

        Raises:
            ValueError: more than was charged. StateError: the ledger did not answer.

        Source: SPEC §10.3.
        """
        return self._run(settling(granted, actual, self._settings))

    def _run(self, effects: Generator[Effect, Any, T]) -> T:
        try:
            effect = next(effects)
            while True:
                try:
                    result = self._perform(effect)
                except DelegateError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(result)
        except StopIteration as done:
            answer: T = done.value
            return answer

    def _perform(self, effect: Effect) -> object:
        try:
            return effect.answer(effect.ask(self._settings))
        except DelegateError:
            raise
        except Exception as error:
            raise _failed(effect, error) from error


class AsyncVerifier(_Base):
    """`Verifier` with `await`: for stores that are awaited."""

    __slots__ = ()

    async def authorize(
        self,
        presentation: Presented,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Authorization:
        """Allow this request, or raise; see `Verifier.authorize`."""
        asked = self._asked(request, env, cost)
        answer = await self._run(deciding(presentation, asked, self._generation, self._settings))
        if type(answer) is Authorization:
            return answer
        raise _error_of(answer)

    async def decide(
        self,
        presentation: Presented,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision; see `Verifier.decide`."""
        asked = self._asked(request, env, cost)
        return _as_decision(await self._run(deciding(presentation, asked, self._generation, self._settings)))

    async def verify_chain(self, token: Presented) -> VerifiedChain:
        """Check who signed this chain, and that it is good now and here; see `Verifier.verify_chain`."""
        return await self._run(checking_chain(token, self._generation, self._settings, self._settings.now()))

    async def preview(self, token: Presented, request: Request, *, env: Mapping[str, object] | None = None) -> Decision:
        """Say what this chain would allow, without a proof; see `Verifier.preview`."""
        return await self._run(previewing(token, self._asked(request, env, None), self._generation, self._settings))

    async def settle(self, granted: Authorization, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what a charge turned out not to need; see `Verifier.settle`."""
        return await self._run(settling(granted, actual, self._settings))

    async def _run(self, effects: Generator[Effect, Any, T]) -> T:
        try:
            effect = next(effects)
            while True:
                try:
                    result = await self._perform(effect)
                except DelegateError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(result)
        except StopIteration as done:
            answer: T = done.value
            return answer

    async def _perform(self, effect: Effect) -> object:
        try:
            given = effect.ask(self._settings)
            return effect.answer(await given if inspect.isawaitable(given) else given)
        except DelegateError:
            raise
        except Exception as error:
            raise _failed(effect, error) from error


def _error_of(decision: Authorization | Decision) -> DelegateError:
    if isinstance(decision, Decision) and decision.error is not None:
        return decision.error
    message = "a decision is an authorization or an error"
    raise AssertionError(message)


def _as_decision(answer: Authorization | Decision) -> Decision:
    return answer if isinstance(answer, Decision) else answer.as_decision()


def _failed(effect: Effect, error: Exception) -> Exception:
    """Say what a store's exception comes to: it did not answer, unless the caller wanted too much back."""
    if type(effect) is Settle and isinstance(error, ValueError):
        return ValueError(*error.args)
    return StateError(Reason.STATE_UNAVAILABLE, f"a store raised {type(error).__name__}")


def _facts(env: Mapping[str, object] | None) -> Mapping[str, Any]:
    if not env:
        return {}
    try:
        return normalise(env, "env")
    except DelegateError as error:  # the service's own words: its mistake, and nobody's refusal
        raise ValueError(error.detail) from None
