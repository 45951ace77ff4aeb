"""The protocols of stores that a verifier talks to. A store that cannot answer raises; the request is refused."""

from __future__ import annotations

from typing import Protocol


class ReplayStore(Protocol):
    """Remembers which proofs have been used."""

    def claim(self, proof_id: bytes, *, issued: int, until: int, now: int) -> bool:
        """Claim a proof's id, atomically and once.

        Args:
            proof_id: 32 bytes.
            issued: the proof's `iat`, Unix seconds.
            until: when the id may be forgotten, Unix seconds.
            now: the verifier's clock, Unix seconds.

        Returns:
            `True` the first time, `False` where it was claimed before.

        Raises:
            StateError: STATE_UNAVAILABLE: the store cannot say, or has no room to remember.
            VerificationError: PROOF_EXPIRED: the proof is older than what the store remembers.
        """
        ...


class AsyncReplayStore(Protocol):
    """`ReplayStore`, awaited."""

    async def claim(self, proof_id: bytes, *, issued: int, until: int, now: int) -> bool:
        """Claim a proof's id; see `ReplayStore.claim`."""
        ...
