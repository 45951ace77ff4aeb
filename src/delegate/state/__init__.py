"""What a verifier must remember: one small protocol per concern, with an embedded default (SPEC §10)."""

from delegate.state.memory import MemoryReplay
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
)

__all__ = [
    "AsyncLedger",
    "AsyncReplayStore",
    "AsyncRevocationStore",
    "Charge",
    "Claim",
    "Ledger",
    "MemoryReplay",
    "Outcome",
    "Refused",
    "ReplayStore",
    "RevocationStore",
]
