"""What a verifier must remember: one small protocol per concern, with an embedded default (SPEC §10)."""

from delegate.state.asynchronous import AsyncState, connect_async
from delegate.state.engines import State, connect
from delegate.state.findings import Finding
from delegate.state.memory import MemoryReplay
from delegate.state.memory_ledger import MemoryLedger
from delegate.state.memory_revocations import MemoryRevocations
from delegate.state.protocols import (
    AsyncLedger,
    AsyncReplayStore,
    AsyncRevocationStore,
    Charge,
    Claim,
    Ledger,
    Outcome,
    Refused,
    ReplayStore,
    RevocationStore,
    SettlementError,
)

__all__ = [
    "AsyncLedger",
    "AsyncReplayStore",
    "AsyncRevocationStore",
    "AsyncState",
    "Charge",
    "Claim",
    "Finding",
    "Ledger",
    "MemoryLedger",
    "MemoryReplay",
    "MemoryRevocations",
    "Outcome",
    "Refused",
    "ReplayStore",
    "RevocationStore",
    "SettlementError",
    "State",
    "connect",
    "connect_async",
]
