"""What a verifier must remember: one small protocol per concern, with an embedded default (SPEC §10).

Each name is loaded when it is first used, so that a service loads the engine that it opens and no other.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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

# Where each name stands; a test holds this list to the imports above.
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
_HOME = {name: home for home, names in _HOMES.items() for name in names}

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


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    found = getattr(import_module(f"delegate.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
