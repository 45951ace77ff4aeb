"""`Verifier` and `AsyncVerifier`: the drivers of one pure decision (SPEC §5).

The rules of this file:

- The decision is a generator that yields the effects it needs; the two drivers differ only in `await`.
- A store that raises anything is a store that did not answer: the request is refused.
- A call sees one generation of roots, whatever is replaced meanwhile.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from delegate.chain.request import Request
from delegate.chain.revocations import RevocationList
from delegate.errors import DelegateError
from delegate.verify.authorization import Authorization, Decision
from delegate.verify.base import Base
from delegate.verify.decision import Presented, accepting, checking_chain, deciding, previewing
from delegate.verify.effects import Effect, failure, perform
from delegate.verify.verified import VerifiedChain

T = TypeVar("T")


class Verifier(Base):
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
                or its bytes, at most 32 KiB. `None`, as a header that is not there, is refused as MALFORMED.
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

    def accept_revocations(self, source: RevocationList | str | bytes) -> int:
        """Take over a revocation list; from now on every decision heeds it. Nothing is ever un-revoked.

        Its signature is checked. Whose list it is does not matter to any verdict: a record counts only against chains
        over which its signer has a say. It does take room, so feed only lists from places that you chose. In this
        process's memory those of signers that are neither roots nor revokers take half of it at most.

        Returns:
            How many of its records are new.

        Raises:
            TokenError, VerificationError: it is no list, or its signature does not hold.
            StateError: the store did not take it.

        Source: SPEC §10.2.
        """
        return self._run(accepting(source, self._generation, self._settings))

    def _run(self, effects: Generator[Effect, Any, T]) -> T:
        try:
            effect = next(effects)
            while True:
                try:
                    result = perform(effect, self._settings)
                except DelegateError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(result)
        except StopIteration as done:
            answer: T = done.value
            return answer


class AsyncVerifier(Base):
    """`Verifier` with `await`: for stores that are awaited."""

    __slots__ = ()
    _AWAITS = True

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

    async def accept_revocations(self, source: RevocationList | str | bytes) -> int:
        """Take over a revocation list; see `Verifier.accept_revocations`."""
        return await self._run(accepting(source, self._generation, self._settings))

    async def settle(self, granted: Authorization, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what a charge turned out not to need; see `Authorization.settle`."""
        effect = granted.settlement(actual)
        return effect is not None and await self._perform(effect) is True

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
            raise failure(effect, error) from error


def _error_of(decision: Authorization | Decision) -> DelegateError:
    if isinstance(decision, Decision) and decision.error is not None:
        return decision.error
    message = "a decision is an authorization or an error"
    raise AssertionError(message)


def _as_decision(answer: Authorization | Decision) -> Decision:
    return answer if isinstance(answer, Decision) else answer.as_decision()
