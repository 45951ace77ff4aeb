"""`Verifier` and `AsyncVerifier`: what a service calls (SPEC §5).

The rules of this file:

- Nothing is decided here: each method takes what it is given, runs the core's steps and makes the answer of them.
- A call sees one configuration, roots and all, whatever is replaced meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from delegate.core.chain.request import Request
from delegate.core.chain.revocations import RevocationList
from delegate.core.decide.decision import Answer, Checking, Granted, Presented, accepting, checking_chain, deciding
from delegate.core.decide.drivers import drive, drive_awaiting, perform_awaiting
from delegate.core.decide.remembered import Generation
from delegate.core.decide.settings import Settings
from delegate.state.memory_revocations import MemoryRevocations
from delegate.verifier.configuration import Base, presented
from delegate.verifier.decision import Authorization, Decision
from delegate.verifier.verified import VerifiedChain

if TYPE_CHECKING:
    from os import PathLike
    from ssl import SSLContext

    from delegate.authoring.token import ChainEnvelope
    from delegate.core.chain.spans import Span
    from delegate.core.decide.stores import (
        AsyncLedger,
        AsyncReplayStore,
        AsyncRevocationStore,
        Ledger,
        ReplayStore,
        RevocationStore,
    )
    from delegate.core.keys.principal import Principal
    from delegate.core.keys.public import PublicKey
    from delegate.state.asynchronous import AsyncState
    from delegate.state.engines import State
    from delegate.verifier.following import Following

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
        answer, settings = self._answer(presentation, request, env, cost)
        return _granted(answer, settings, self._policy)

    def decide(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision: raises nothing for what a caller sent."""
        answer, settings = self._answer(presentation, request, env, cost)
        return Decision(answer, settings, self._policy)

    def _answer(
        self,
        presentation: Presentable,
        request: Request,
        env: Mapping[str, object] | None,
        cost: Mapping[str, int] | None,
    ) -> tuple[Answer, Settings]:
        settings, held, now = self._current()
        given = presented(presentation)
        answer = drive(deciding(given, self._query(request, env, cost, now), held, settings), settings)
        if self._recorder is not None:
            answer = self._recorder.record(answer, settings, given, self._policy)
        return answer, settings

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
        settings, held, now = self._current()
        return drive(_checking(presented(token), held, settings, now), settings)

    def preview(self, token: Presentable, request: Request, *, env: Mapping[str, object] | None = None) -> Decision:
        """Say what this chain would allow, without a proof; nothing is claimed or charged. No service may act on it.

        Raises nothing for what is in the token. Source: SPEC §5 without steps 5 and 8.
        """
        settings, held, now = self._current()
        query = self._query(request, env, None, now)
        steps = deciding(presented(token), query, held, settings, is_preview=True)
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
        settings, held, _ = self._current()
        return drive(accepting(source, held, settings), settings)

    def follow(
        self,
        *,
        roots: str | None = None,
        revocations: str | Iterable[str] | None = None,
        pinned: Principal | PublicKey | Iterable[Principal | PublicKey] | None = None,
        interval: Span = "60s",
        deadline: Span = "10s",
        cache: str | PathLike[str] | None = None,
        tls: SSLContext | None = None,
    ) -> Following:
        """Follow a root bundle, and revocation lists, by URL: fetch them now and again, and take over what is new.

        Nothing is fetched on the way to a decision. What cannot be fetched is decided by what was taken over before,
        for as long as `max_revocation_age` and the bundle's own end allow.

        Args:
            roots: of a root bundle; `https:`, or `http:` on this machine. See `accept_roots` for what it replaces.
            revocations: of one or several revocation lists. Whose records count is not said by where they come from.
            pinned: whose signature makes a root bundle count: needed with `roots`.
            interval: how long after one answer the next is fetched, less a tenth at random.
            deadline: for one answer in all.
            cache: a file of this service's own, in which the newest root bundle is kept: it begins with that one, and
                takes none that is older.
            tls: whom to trust for `https:`; what the system trusts, if not said.

        Returns:
            What follows, until it is closed: `with verifier.follow(…) as following: following.wait(10)`.

        Raises:
            TypeError, ValueError: an argument out of its bounds; no such URL; `roots` without `pinned`.
            OSError: `cache` cannot be read.
        """
        from delegate.verifier.following import follow

        return follow(
            self,
            self.accept_revocations,
            roots=roots,
            revocations=revocations,
            pinned=pinned,
            interval=interval,
            deadline=deadline,
            cache=cache,
            tls=tls,
            loop=None,
        )


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
        answer, settings = await self._answer(presentation, request, env, cost)
        return _granted(answer, settings, self._policy)

    async def decide(
        self,
        presentation: Presentable,
        request: Request,
        *,
        env: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
    ) -> Decision:
        """Decide as `authorize`, and return the decision; see `Verifier.decide`."""
        answer, settings = await self._answer(presentation, request, env, cost)
        return Decision(answer, settings, self._policy)

    async def _answer(
        self,
        presentation: Presentable,
        request: Request,
        env: Mapping[str, object] | None,
        cost: Mapping[str, int] | None,
    ) -> tuple[Answer, Settings]:
        settings, held, now = self._current()
        given = presented(presentation)
        steps = deciding(given, self._query(request, env, cost, now), held, settings)
        answer = await drive_awaiting(steps, settings)
        recorder = self._recorder
        if recorder is None:
            return answer, settings
        if not recorder.waits:
            return recorder.record(answer, settings, given, self._policy), settings
        import asyncio

        return await asyncio.to_thread(recorder.record, answer, settings, given, self._policy), settings

    async def verify_chain(self, token: Presentable) -> VerifiedChain:
        """Check who signed this chain, and that it is good now and here; see `Verifier.verify_chain`."""
        settings, held, now = self._current()
        return await drive_awaiting(_checking(presented(token), held, settings, now), settings)

    async def preview(
        self, token: Presentable, request: Request, *, env: Mapping[str, object] | None = None
    ) -> Decision:
        """Say what this chain would allow, without a proof; see `Verifier.preview`."""
        settings, held, now = self._current()
        query = self._query(request, env, None, now)
        steps = deciding(presented(token), query, held, settings, is_preview=True)
        return Decision(await drive_awaiting(steps, settings), settings, self._policy)

    async def accept_revocations(self, source: RevocationList | str | bytes) -> int:
        """Take over a revocation list; see `Verifier.accept_revocations`.

        The loop goes on meanwhile: a list is read, and taken into this process's memory, in a thread.
        """
        import asyncio

        if not isinstance(source, RevocationList):
            source = await asyncio.to_thread(RevocationList.parse, source)
        settings, held, _ = self._current()
        steps = accepting(source, held, settings)
        if type(settings.revocations) is MemoryRevocations:
            return await asyncio.to_thread(drive, steps, settings)
        return await drive_awaiting(steps, settings)

    def follow(
        self,
        *,
        roots: str | None = None,
        revocations: str | Iterable[str] | None = None,
        pinned: Principal | PublicKey | Iterable[Principal | PublicKey] | None = None,
        interval: Span = "60s",
        deadline: Span = "10s",
        cache: str | PathLike[str] | None = None,
        tls: SSLContext | None = None,
    ) -> Following:
        """Follow a root bundle, and revocation lists, by URL; see `Verifier.follow`.

        To be called in the event loop that the verifier's stores are of, if they are awaited. It is not awaited itself:
        `async with verifier.follow(…) as following: await following.ready(10)`.
        """
        from delegate.verifier.following import follow, taking

        loop = None
        take: Callable[[RevocationList], object] = self._accept_in_thread
        if type(self._settings.revocations) is not MemoryRevocations:
            import asyncio

            loop = asyncio.get_running_loop()
            take = taking(self.accept_revocations, loop)
        return follow(
            self,
            take,
            roots=roots,
            revocations=revocations,
            pinned=pinned,
            interval=interval,
            deadline=deadline,
            cache=cache,
            tls=tls,
            loop=loop,
        )

    def _accept_in_thread(self, found: RevocationList) -> int:
        settings, held, _ = self._current()
        return drive(accepting(found, held, settings), settings)

    async def settle(self, granted: Authorization, actual: Mapping[str, int]) -> bool:
        """Give back to the budgets what a charge turned out not to need; see `Authorization.settle`."""
        effect = granted.settlement(actual)
        return effect is not None and await perform_awaiting(effect, self._settings) is True


def _checking(source: Presented, generation: Generation, settings: Settings, now: int) -> Checking[VerifiedChain]:
    """Check a chain, and whose its keys are."""
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
