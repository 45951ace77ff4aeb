"""What a verifier was told when it was made; shared by the sync and the async one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from delegate.core.chain.compiled import Compiler
from delegate.core.decide.stores import (
    AsyncLedger,
    AsyncReplayStore,
    AsyncRevocationStore,
    Ledger,
    ReplayStore,
    RevocationStore,
)
from delegate.core.evaluator.scope import Condition
from delegate.core.keys.principal import Principal
from delegate.frozen import Frozen
from delegate.limits import Limits

Clock = Callable[[], float]


class Settings(Frozen):
    """A verifier's configuration, checked and compiled. Times in seconds."""

    __slots__ = (
        *("algorithms", "audience", "bearer", "clock", "compiler", "dischargers", "due", "finding_known", "leeway_s"),
        *("ledger", "limits", "max_lifetime_s", "max_revocation_age_s", "names", "policy", "proof_head"),
        *("proof_window_s", "replay", "revocations", "revocations_held", "revokers", "tail_bytes", "tenant"),
        "third_parties",
    )

    audience: str
    proof_head: bytes  # how the payload of a proof for this audience begins
    tail_bytes: int  # of a presentation for this audience, behind its blocks
    tenant: str
    policy: tuple[Condition, ...]
    bearer: bool
    names: Mapping[bytes, str]  # thumbprint → name, as its own configuration has it
    finding_known: Callable[..., Any] | None  # a generator: (chain, now) → what a query gets of a directory
    algorithms: frozenset[int]
    max_lifetime_s: int | None
    leeway_s: int
    proof_window_s: int
    clock: Clock
    limits: Limits
    compiler: Compiler
    revokers: Mapping[bytes, str]  # thumbprint → name: whose word on any block or key counts
    due: Mapping[bytes, str]  # those of them whose newest list must be fresh
    third_parties: Mapping[bytes, str]  # thumbprint → name: whose discharges count
    dischargers: Mapping[bytes, Principal]  # kid → third party or revoker
    max_revocation_age_s: int | None
    replay: ReplayStore | AsyncReplayStore
    revocations: RevocationStore | AsyncRevocationStore
    ledger: Ledger | AsyncLedger | None
    revocations_held: Callable[[], int] | None  # counts the records, where that is free; `None`: always look up

    @property
    def has_revocations(self) -> bool:
        """Whether there may be anything to look up: an empty store of this process is not called."""
        held = self.revocations_held
        return held is None or held() > 0

    @property
    def checks_revocations(self) -> bool:
        """Whether every chain is to be looked up, or every decision to rest on fresh data."""
        held = self.revocations_held
        return held is None or held() > 0 or self.max_revocation_age_s is not None

    def now(self) -> int:
        """Read the verifier's clock, in whole Unix seconds."""
        return int(self.clock())


SYSTEM_CLOCK: Clock = time.time
