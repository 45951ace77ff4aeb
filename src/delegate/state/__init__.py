"""What a verifier must remember: one small protocol per concern, with an embedded default (SPEC §10).

Each name is loaded when it is first used, so that a service loads the engine that it opens and no other.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.core.decide.stores import (
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
    from delegate.state.asynchronous import AsyncState, connect_async
    from delegate.state.engines import State, connect
    from delegate.state.findings import Finding
    from delegate.state.memory_ledger import MemoryLedger
    from delegate.state.memory_replay import MemoryReplay
    from delegate.state.memory_revocations import MemoryRevocations
else:
    from delegate.faces import face

    _HOMES = {
        "core.decide.stores": (
            *("AsyncLedger", "AsyncReplayStore", "AsyncRevocationStore", "Charge", "Claim", "Ledger", "Outcome"),
            *("Refused", "ReplayStore", "RevocationStore", "SettlementError"),
        ),
        "state.asynchronous": ("AsyncState", "connect_async"),
        "state.engines": ("State", "connect"),
        "state.findings": ("Finding",),
        "state.memory_ledger": ("MemoryLedger",),
        "state.memory_replay": ("MemoryReplay",),
        "state.memory_revocations": ("MemoryRevocations",),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

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
