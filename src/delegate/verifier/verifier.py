"""`Verifier` and `AsyncVerifier`: what a service calls (SPEC §5).

The rules of this file:

- Nothing is decided here: each method takes what it is given, runs the core's steps and makes the answer of them.
- A call sees one generation of roots, whatever is replaced meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from delegate.core.chain.request import Request
from delegate.core.chain.revocations import RevocationList
from delegate.core.decide.decision import Answer, Checking, Granted, Presented, accepting, checking_chain, deciding
from delegate.core.decide.drivers import drive, drive_awaiting, perform_awaiting
from delegate.core.decide.evaluate import Query
from delegate.core.decide.remembered import Generation
from delegate.core.decide.settings import Settings
from delegate.state.memory_revocations import MemoryRevocations
from delegate.verifier.configuration import Base, presented
from delegate.verifier.decision import Authorization, Decision
from delegate.verifier.verified import VerifiedChain

if TYPE_CHECKING:
    from delegate.authoring.token import ChainEnvelope
    from delegate.core.decide.stores import (
        AsyncLedger,
        AsyncReplayStore,
        AsyncRevocationStore,
        Ledger,
        ReplayStore,
        RevocationStore,
    )
    from delegate.state.asynchronous import AsyncState
    from delegate.state.engines import State

    Presentable: TypeAlias = ChainEnvelope | str | bytes | None
    _Base: TypeAlias = Base[ReplayStore, RevocationStore, Ledger, State]
    _AwaitingBase: TypeAlias = Base[
        ReplayStore | AsyncReplayStore, RevocationStore | AsyncRevocationStore, Ledger | AsyncLedger, State | AsyncState
    ]
else:  # to Python they are one
    _Base = _AwaitingBase = Base


class Verifier(_Base):
    """Checks chains and decides requests, on the spot, with no server."""

    __slots__ = ()

    def authorize(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Authorization:
        """Allow this request, or raise.

        Args:
            presentation: chain and proof, or a bearer token where this verifier takes them: an object, its text
                or its bytes, at most 32 KiB. `None`, as a header that is not there, is refused as NOTHING_PRESENTED.
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
        settings, query = self._settings, self._query(request, env, cost)
        return _granted(self._answer(presentation, query), settings, self._policy)

    def decide(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision: raises nothing for what a caller sent."""
        settings, query = self._settings, self._query(request, env, cost)
        return Decision(self._answer(presentation, query), settings, self._policy)

    def _answer(self, presentation: Presentable, query: Query) -> Answer:
        settings, given = self._settings, presented(presentation)
        answer = drive(deciding(given, query, self._generation, settings), settings)
        if self._recorder is None:
            return answer
        return self._recorder.record(answer, settings, given, self._policy)

    def verify_chain(self, token: Presentable) -> VerifiedChain:
        """Check who signed this chain, from a trusted root to its last block, and that it is good now and here.

        Answers "is it genuine, in time, unrevoked and meant for this service?", never "is this request allowed?" and
        never "does whoever presents it hold the key?": a chain is no secret. To decide a request, use `authorize`.

        Args:
            token: an envelope, its text or its bytes. A proof in it is not looked at.

        Raises:
            TokenError: the form is wrong.
            VerificationError: UNKNOWN_ROOT, BAD_SIGNATURE, EXPIRED, REVOKED, …; `.hop` is the first failing block.
            StateError: the revocation store or the directory did not answer, or its data is stale.

        Cost: one signature check a block. Source: SPEC §5, steps 1 to 4 and 5.14.
        """
        settings = self._settings
        return drive(_checking(presented(token), self._generation, settings), settings)

    def preview(self, token: Presentable, request: Request, *, env: Mapping[str, object] | None = None) -> Decision:
        """Say what this chain would allow, without a proof; nothing is claimed or charged. No service may act on it.

        Raises nothing for what is in the token. Source: SPEC §5 without steps 5 and 8.
        """
        settings, query = self._settings, self._query(request, env, None)
        steps = deciding(presented(token), query, self._generation, settings, is_preview=True)
        return Decision(drive(steps, settings), settings, self._policy)

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
        return drive(accepting(source, self._generation, self._settings), self._settings)


class AsyncVerifier(_AwaitingBase):
    """`Verifier` with `await`: for stores that are awaited."""

    __slots__ = ()
    _AWAITS = True

    async def authorize(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Authorization:
        """Allow this request, or raise; see `Verifier.authorize`."""
        settings, query = self._settings, self._query(request, env, cost)
        return _granted(await self._answer(presentation, query), settings, self._policy)

    async def decide(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision; see `Verifier.decide`."""
        settings, query = self._settings, self._query(request, env, cost)
        return Decision(await self._answer(presentation, query), settings, self._policy)

    async def _answer(self, presentation: Presentable, query: Query) -> Answer:
        settings, given = self._settings, presented(presentation)
        answer = await drive_awaiting(deciding(given, query, self._generation, settings), settings)
        recorder = self._recorder
        if recorder is None:
            return answer
        if not recorder.waits:
            return recorder.record(answer, settings, given, self._policy)
        import asyncio

        return await asyncio.to_thread(recorder.record, answer, settings, given, self._policy)

    async def verify_chain(self, token: Presentable) -> VerifiedChain:
        """Check who signed this chain, and that it is good now and here; see `Verifier.verify_chain`."""
        settings = self._settings
        return await drive_awaiting(_checking(presented(token), self._generation, settings), settings)

    async def preview(
        self, token: Presentable, request: Request, *, env: Mapping[str, object] | None = None
    ) -> Decision:
        """Say what this chain would allow, without a proof; see `Verifier.preview`."""
        settings, query = self._settings, self._query(request, env, None)
        steps = deciding(presented(token), query, self._generation, settings, is_preview=True)
        return Decision(await drive_awaiting(steps, settings), settings, self._policy)

    async def accept_revocations(self, source: RevocationList | str | bytes) -> int:
        """Take over a revocation list; see `Verifier.accept_revocations`.

        The loop goes on meanwhile: a list is read, and taken into this process's memory, in a thread.
        """
        import asyncio

        settings = self._settings
        if not isinstance(source, RevocationList):
            source = await asyncio.to_thread(RevocationList.parse, source)
        steps = accepting(source, self._generation, settings)
        if type(settings.revocations) is MemoryRevocations:
            return await asyncio.to_thread(drive, steps, settings)
        return await drive_awaiting(steps, settings)

    async def settle(self, granted: Authorization, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what a charge turned out not to need; see `Authorization.settle`."""
        effect = granted.settlement(actual)
        return effect is not None and await perform_awaiting(effect, self._settings) is True


def _checking(source: Presented, generation: Generation, settings: Settings) -> Checking[VerifiedChain]:
    """Check a chain, and whose its keys are."""
    now = settings.now()
    chain = yield from checking_chain(source, generation, settings, now)
    names = settings.names
    if settings.finding_known is not None:
        names = (yield from settings.finding_known(chain, now))["names"]
    return VerifiedChain(*chain).with_names(names)


def _granted(answer: Answer, settings: Settings, policy: tuple[str, ...]) -> Authorization:
    """Make the authorization, or raise what refuses."""
    if type(answer) is Granted:
        return Authorization(answer, settings)
    error = Decision(answer, settings, policy).error
    assert error is not None  # noqa: S101 - what was not granted has an error
    raise error
