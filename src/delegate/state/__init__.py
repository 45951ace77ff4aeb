"""What a verifier must remember: one small protocol per concern, with an embedded default (SPEC §10)."""

from delegate.state.memory import MemoryReplay
from delegate.state.protocols import AsyncReplayStore, ReplayStore

__all__ = ["AsyncReplayStore", "MemoryReplay", "ReplayStore"]
