"""What the sync and the async verifier share: their configuration, checked once (SPEC §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeAlias, TypeVar

from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.compiled import Compiler
from delegate.core.chain.request import Request, normalise
from delegate.core.chain.spans import Span, seconds
from delegate.core.decide.decision import Presented
from delegate.core.decide.evaluate import Query
from delegate.core.decide.remembered import Generation, ProcessLock, Recent, generation
from delegate.core.decide.remembered_texts import proof_head, tail_bytes
from delegate.core.decide.settings import SYSTEM_CLOCK, Clock, Settings
from delegate.core.decide.stores import (
    AsyncLedger,
    AsyncReplayStore,
    AsyncRevocationStore,
    Ledger,
    ReplayStore,
    RevocationStore,
)
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Condition
from delegate.core.keys.principal import Principal
from delegate.core.wire.cose import ED25519, ESP256
from delegate.errors import DelegateError
from delegate.limits import TIME_MAX, Limits
from delegate.state.memory_replay import MemoryReplay
from delegate.state.memory_revocations import MemoryRevocations
from delegate.verifier.decision import check_cost
from delegate.verifier.roots import Root, Trusted, anchor_of, given

if TYPE_CHECKING:
    from delegate.audit.recorder import Recorder, Sink
    from delegate.directory.directory import Directory
    from delegate.directory.known import Finder
    from delegate.language.conditions import Caveat
    from delegate.state.asynchronous import AsyncState
    from delegate.state.engines import State
    from delegate.trust.bundle import RootBundle

_NOTHING: Final[dict[str, Any]] = {}  # shared, and only ever read
ALGORITHMS: Final = frozenset({ED25519, ESP256})


# What a verifier can drive: the sync one takes no store that must be awaited, and type checkers say so.
ReplayT = TypeVar("ReplayT", bound="ReplayStore | AsyncReplayStore")
RevocationsT = TypeVar("RevocationsT", bound="RevocationStore | AsyncRevocationStore")
LedgerT = TypeVar("LedgerT", bound="Ledger | AsyncLedger")
StateT = TypeVar("StateT", bound="State | AsyncState")


Finding: TypeAlias = Callable[[Mapping[bytes, str]], Any]


class Parties(NamedTuple):
    """Whose word counts for what, beside the roots'."""

    revokers: tuple[Principal, ...] = ()
    third_parties: tuple[Principal, ...] = ()
    principals: tuple[Principal, ...] = ()
    finding: Finding | None = None  # makes the step that asks the directory, of the names that are known beside it

    def indexed(self) -> dict[str, Any]:
        """Index them as `Settings` has it.

        Raises:
            ValueError: one key under two names would be two parties; or two keys have one `kid`.
        """
        confirming = (*self.third_parties, *self.revokers)
        by_thumbprint(confirming)
        revokers = by_thumbprint(self.revokers)
        names = by_thumbprint(self.principals)
        return {
            "names": names,
            "finding_known": None if self.finding is None else self.finding(names),
            "revokers": revokers,
            "due": revokers,
            "third_parties": by_thumbprint(self.third_parties),
            "dischargers": by_kid(confirming),
        }


class Configured(NamedTuple):
    """What a verifier goes by, replaced as one: a call sees one of these from beginning to end.

    Attributes:
        settings: what it was told, but for its roots.
        generation: its roots, and what held under them.
        roots: the same, as they were given.
        bundle: the root bundle that they are from, if any.
        until: the moment by its clock at which the bundle says something else.
    """

    settings: Settings
    generation: Generation
    roots: tuple[Trusted, ...]
    bundle: RootBundle | None = None
    until: int = TIME_MAX + 1


class Base(Generic[ReplayT, RevocationsT, LedgerT, StateT]):
    """What the sync and the async verifier share: everything but the effects."""

    __slots__ = ("_cache_size", "_configured", "_made_with", "_policy", "_recorder", "_replacing")
    _AWAITS: ClassVar[bool] = False

    def __init__(
        self,
        roots: Iterable[Trusted],
        *,
        audience: str,
        tenant: str | None = None,
        policy: str | Caveat | Iterable[str | Caveat] | None = None,
        bearer: bool = False,
        principals: Iterable[Principal] | None = None,
        algorithms: Iterable[int] = ALGORITHMS,
        max_lifetime: Span | None = None,
        leeway: Span | None = "30s",
        proof_window: Span = "60s",
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        cache_size: int = 4096,
        replay: ReplayT | None = None,
        revocations: RevocationsT | None = None,
        revokers: Iterable[Principal] | None = None,
        max_revocation_age: Span | None = None,
        ledger: LedgerT | None = None,
        state: StateT | None = None,
        third_parties: Iterable[Principal] | None = None,
        directory: Directory | Finder | None = None,
        require_known: bool = False,
        audit: Recorder | Sink | Iterable[Sink] | None = None,
    ) -> None:
        """Set up a verifier; one serves any number of threads.

        Args:
            roots: whom to trust to start chains: principals, each for itself, or `Root`s. At least one.
            audience: this service's name; proofs and `aud` claims must name it.
            tenant: the tenant that it serves; with one, chains without are refused, and the other way round.
            policy: conditions of the service's own, as text or `when(…)`; all must hold. None, if not said.
            bearer: whether chains with a bearer block are taken at all.
            principals: names and keys that this verifier vouches for; only these, and `directory`, confirm
                `holder.name`. None, if not said.
            algorithms: COSE numbers to accept: -19 Ed25519, -9 ESP256.
            max_lifetime: the longest `exp - iat` of block 0.
            leeway: how far ahead a signer's clock may be: for `iat` and `nbf`, never for `exp`. `None` or 0: none.
            proof_window: how old a proof may be. Verifiers that share a memory of used proofs should have one window
                and one leeway: of several, the shortest comes to hold for all, since no proof is taken that is as old
                as one that was forgotten.
            clock: gives Unix seconds. It changes nothing about the memory of used proofs, which began when the process
                did: what was made before then, by this clock, is refused. A test that takes older proofs, or a look at
                old traffic, gives `replay=MemoryReplay(since=0)` too.
            limits: less than the format's own bounds.
            cache_size: how many verified blocks to keep, and as many chains by their text, each reckoned at 256 bytes;
                what is longer than 4 KiB, or stands below that, is verified every time. Of compiled lists an eighth.
                0 keeps none. A usual block takes about 3 KB of memory; at most, holders of chains can make it about
                150 KB for each of `cache_size`, 620 MB at 4096. A verdict never depends on it.
            replay: where used proofs are remembered; by default in this process's memory, which all its verifiers
                share, see `MemoryReplay`. Several processes need a store.
            revocations: where revoked blocks and keys are looked up; by default what `accept_revocations` has put into
                this process's memory.
            revokers: whose word on any block or key counts. Beside them: a signer's on what it handed out, and a key's
                own on itself.
            max_revocation_age: how old the newest list of each revoker may be.
            ledger: where budgets are charged; without one, a chain with a budget is refused.
            state: all three stores at once, as `delegate.state.connect(url)` opens them; each may still be given alone.
                Whoever opened it closes it.
            third_parties: whose discharges count, where a need of a chain names their keys. No key of theirs comes
                from a token.
            directory: who is who, as `delegate.directory.connect(url)` opens it: it confirms names beside `principals`,
                and is asked for this verifier's tenant. Whoever opened it closes it.
            require_known: whether to refuse a chain with a hop whose key neither `directory` nor `principals` knows
                under the name that the chain gives it, or who may not act: disabled, or with a newer key.
            audit: where each decision is recorded: a sink of `delegate.audit`, several, or a `Recorder`. What a sink
                that is required does not take is refused, though its proof is used up and its cost charged. Whoever
                opened a sink closes it.

        Raises:
            ValueError, TypeError: an argument out of its bounds, or a collection that is empty.
        """
        if isinstance(roots, (Root, Principal)):
            message = "roots is several: roots=[principal]"
            raise TypeError(message)
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
        self._policy, policy_conditions = _compiled_policy(policy)
        known, takers = given(third_parties, "third_parties"), given(revokers, "revokers")
        used: ReplayStore | AsyncReplayStore | None = replay
        taken_back: RevocationStore | AsyncRevocationStore | None = revocations
        spent: Ledger | AsyncLedger | None = ledger
        if state is not None:
            self._check_state(state)
            used = state.replay if used is None else used
            taken_back = state.revocations if taken_back is None else taken_back
            spent = state.ledger if spent is None else spent
        if used is None:
            used = MemoryReplay() if clock is SYSTEM_CLOCK else MemoryReplay.by(clock)
        if taken_back is None:
            taken_back = MemoryRevocations()
        finding_known: Finding | None = None
        if directory is not None or require_known:
            from delegate.verifier.known import finding

            def finding_known(names: Mapping[bytes, str]) -> Any:  # noqa: ANN401 - a step of the core's
                return finding(directory, names, tenant, require_known=require_known, awaits=self._AWAITS)

        made_with = Parties(takers, known, given(principals, "principals"), finding_known)
        settings = Settings(
            audience=audience,
            proof_head=proof_head(audience),
            tail_bytes=tail_bytes(audience),
            tenant=tenant or "",
            policy=policy_conditions,
            bearer=bearer,
            **made_with.indexed(),
            algorithms=accepted,
            max_lifetime_s=None if max_lifetime is None else seconds(max_lifetime),
            leeway_s=0 if leeway is None or leeway == 0 else seconds(leeway),
            proof_window_s=seconds(proof_window),
            clock=clock,
            limits=limits or Limits(),
            compiler=Compiler(cache_size // 8),
            max_revocation_age_s=None if max_revocation_age is None else seconds(max_revocation_age),
            replay=used,
            revocations=taken_back,
            ledger=spent,
            revocations_held=taken_back.__len__ if type(taken_back) is MemoryRevocations else None,
        )
        self._recorder: Recorder | None = None
        if audit is not None:
            from delegate.audit.recorder import as_recorder

            self._recorder = as_recorder(audit)
        self._cache_size = cache_size
        self._replacing = ProcessLock()
        trusted = tuple(roots)
        if not trusted:
            message = "roots is empty: a verifier that trusts nobody refuses every chain"
            raise ValueError(message)
        self._made_with = made_with
        self._configured = Configured(settings, generation(map(anchor_of, trusted), cache_size), trusted)

    def _check_state(self, state: object) -> None:
        """Take a state that this verifier can drive; raises TypeError."""
        from delegate.state.asynchronous import AsyncState
        from delegate.state.engines import State

        if not isinstance(state, (State, AsyncState)):
            message = f"state is what delegate.state.connect(url) gives, not {type(state).__name__}"
            raise TypeError(message)
        if isinstance(state, AsyncState) and not self._AWAITS:
            message = "a state of connect_async is for AsyncVerifier; Verifier takes one of connect"
            raise TypeError(message)

    @property
    def roots(self) -> tuple[Trusted, ...]:
        """Whom this verifier trusts. Assign to replace them all at once; calls under way keep what they saw.

        Assigning none withdraws all trust: from then on every chain is refused.
        """
        return self._configured.roots

    @roots.setter
    def roots(self, roots: Iterable[Trusted]) -> None:
        trusted = tuple(roots)
        with self._replacing.mine():
            held = generation(map(anchor_of, trusted), self._cache_size)
            self._configured = self._configured._replace(generation=held, roots=trusted)

    def replace(
        self,
        *,
        roots: Iterable[Trusted] | None = None,
        revokers: Iterable[Principal] | None = None,
        third_parties: Iterable[Principal] | None = None,
        principals: Iterable[Principal] | None = None,
    ) -> None:
        """Replace whom this verifier goes by, all in one step; calls under way keep what they saw.

        What is not said stays as it is, and so does what is remembered of chains, where the roots stay. What a root
        bundle said beside the roots ends with this, until the next one is taken over.

        Args:
            roots: as for the verifier itself.
            revokers: the same.
            third_parties: the same.
            principals: the same.

        Raises:
            ValueError, TypeError: as for the verifier itself; then nothing is replaced.
        """
        trusted = None if roots is None else given(roots, "roots")
        named = {"revokers": revokers, "third_parties": third_parties, "principals": principals}
        said: dict[str, Any] = {term: given(each, term) for term, each in named.items() if each is not None}
        with self._replacing.mine():
            made_with = self._made_with._replace(**said)
            changed = made_with.indexed()
            before = self._configured
            held = before.generation if trusted is None else generation(map(anchor_of, trusted), self._cache_size)
            if changed["revokers"] != before.settings.revokers:  # what is looked up for a chain names them
                held = held._replace(sought=Recent(self._cache_size))
            settings = before.settings.__replace__(**changed)
            self._made_with = made_with
            self._configured = Configured(settings, held, before.roots if trusted is None else trusted)

    @property
    def bundle(self) -> RootBundle | None:
        """The newest root bundle that was taken over; `None` where there was none."""
        return self._configured.bundle

    def accept_roots(self, bundle: RootBundle) -> bool:
        """Take over a root bundle: from now on it alone says who is a root.

        Revokers, third parties and principals that the verifier was given stay beside the bundle's. Once the bundle has
        expired no root is left, and every chain is refused.

        Args:
            bundle: what a pinned key signed: of `RootBundle.parse`, not of `parse_unpinned`.

        Returns:
            Whether it is another one than before; if not, what is remembered of chains stays too.

        Raises:
            VerificationError: UNKNOWN_ROOT: it was read without a pinned key; REPLAYED: an older one than was taken
                over before, or another with the same number; EXPIRED, NOT_YET_VALID.
            TokenError: MALFORMED: it names a key as this verifier does not.

        Source: SPEC §15.
        """
        from delegate.verifier.bundled import configured

        with self._replacing.mine():
            before = self._configured
            self._configured = configured(bundle, before, self._made_with, self._cache_size, before.settings.now())
            return self._configured is not before

    @property
    def _settings(self) -> Settings:
        return self._configured.settings

    @property
    def _generation(self) -> Generation:
        return self._configured.generation

    def _current(self) -> tuple[Settings, Generation, int]:
        """Give what to go by, as one, and the moment: a bundle may say something else from a moment on."""
        held = self._configured
        now = held.settings.now()
        if now >= held.until:
            from delegate.verifier.bundled import moved_on

            with self._replacing.mine():
                held = self._configured = moved_on(self._configured, self._made_with, self._cache_size, now)
        return held.settings, held.generation, now

    @property
    def revocations(self) -> RevocationStore | AsyncRevocationStore:
        """Where revoked blocks and keys are looked up."""
        return self._settings.revocations

    @property
    def audience(self) -> str:
        """This service's name."""
        return self._settings.audience

    @property
    def is_in_memory(self) -> bool:
        """Whether all that it remembers is in this process's memory, so that no decision waits for anything."""
        from delegate.state.memory_ledger import MemoryLedger

        settings = self._settings
        used = (type(settings.replay), type(settings.revocations))
        in_memory = used == (MemoryReplay, MemoryRevocations) and type(settings.ledger) in {type(None), MemoryLedger}
        return in_memory and settings.finding_known is None  # a directory is a store

    def _query(
        self, request: Request, env: Mapping[str, object] | None, cost: Mapping[str, int] | None, now: int
    ) -> Query:
        if type(request) is not Request:
            message = f"a request is a Request, not {type(request).__name__}"
            raise TypeError(message)
        facts = _facts(env) if env else _NOTHING
        return Query(request, facts, check_cost(cost) if cost else _NOTHING, now)


def _compiled_policy(
    policy: str | Caveat | Iterable[str | Caveat] | None,
) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """Compile the service's own conditions, and give each as text; without any, the language is not loaded."""
    if policy is None:
        return (), ()
    alone = policy != "" if isinstance(policy, str) else not isinstance(policy, Iterable)
    several: tuple[str | Caveat, ...] = (policy,) if alone else given(policy, "policy")  # type: ignore[assignment, arg-type]
    from delegate.language.capability import caveat

    caveats = tuple(map(caveat, several))
    return tuple(map(str, caveats)), tuple(compile_wire(each.to_wire()) for each in caveats)


def presented(given: object) -> Presented:
    """Take what was presented: text, bytes, or an object of this library, as it travels."""
    if isinstance(given, (str, bytes)):
        return given
    envelope = getattr(given, "envelope", None)
    return envelope() if callable(envelope) else given  # type: ignore[return-value]


def _facts(env: Mapping[str, object]) -> Mapping[str, Any]:
    try:
        return normalise(env, "env")
    except DelegateError as error:  # the service's own words: its mistake, and nobody's refusal
        raise ValueError(error.detail) from None


def by_thumbprint(principals: Iterable[Principal]) -> dict[bytes, str]:
    """Index principals by thumbprint.

    Raises:
        ValueError: one key under two names.
    """
    names: dict[bytes, str] = {}
    for principal in principals:
        thumbprint = principal.public_key.thumbprint
        if names.setdefault(thumbprint, principal.name) != principal.name:
            message = f"one key under two names: {names[thumbprint]} and {principal.name}"
            raise ValueError(message)
    return names


def by_kid(principals: Iterable[Principal]) -> dict[bytes, Principal]:
    """Index principals by the hint that a header has room for.

    Raises:
        ValueError: two keys with one hint: a discharge could not say whose it is.
    """
    found: dict[bytes, Principal] = {}
    for principal in principals:
        other = found.setdefault(principal.public_key.kid, principal)
        if other.public_key != principal.public_key:
            message = f"the keys of {other.name} and {principal.name} have one kid"
            raise ValueError(message)
    return found
