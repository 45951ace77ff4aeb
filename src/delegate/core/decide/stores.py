"""The protocols of what a verifier must remember: one small one a concern (SPEC §10).

The rules of this file:

- A store that cannot answer in time raises; the request is refused. No method answers with a guess.
- What is claimed or charged together is claimed and charged in one step, all of it or nothing.
- Times are Unix seconds; `now` is the verifier's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from delegate.core.chain.revocations import Feed, Record


class Claim(NamedTuple):
    """An id that may be used once: a proof's, or that of a discharge that serves once.

    Attributes:
        id: 32 bytes.
        issued: its `iat`.
        until: when it may be forgotten.
    """

    id: bytes
    issued: int
    until: int


class Charge(NamedTuple):
    """What one request costs one pool.

    Attributes:
        block_id: 32 bytes; the block that has the budget.
        unit: what is counted.
        amount: 0 or more.
        limit: what the pool holds in all.
        until: the expiry of the chain down to this block, which is the latest that any chain through it can have: from
            then on the pool may be forgotten. The expiry of one whole chain would be too early: a longer-lived sibling
            would find the pool full again.
        origin: the id of the chain's block 0; empty where nobody says. It changes nothing about the pool: a ledger that
            has little room may give the chains below one block 0 a share of it.
    """

    block_id: bytes
    unit: str
    amount: int
    limit: int
    until: int
    origin: bytes = b""


class Refused(NamedTuple):
    """Why nothing was claimed and nothing charged.

    Attributes:
        place: of the claim that had been made before; or of the first charge that its pool has not enough for.
        left: what that pool still holds; `None` where it is a claim.
    """

    place: int
    left: int | None = None


# Whether it was done. Only `True` says so: a store that answers nothing has done nothing.
Outcome: TypeAlias = Literal[True] | Refused


class SettlementError(ValueError):
    """More was settled than was charged: the caller's mistake, and nothing is given back.

    A ledger says it with this and nothing else: any other exception means that it did not answer.
    """


class ReplayStore(Protocol):
    """Remembers which ids have been used."""

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim all of these ids, the proof's first, or none: atomically, each only once (STATE §10.1).

        Returns:
            `True` where all were claimed; else which had been claimed before.

        Raises:
            StateError: STATE_UNAVAILABLE: the store cannot say, or has no room to remember.
            VerificationError: PROOF_EXPIRED: an id is older than what the store remembers.
        """
        ...


class Ledger(Protocol):
    """Counts what has been spent, and remembers for what: it is its own replay store."""

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing.

        What was charged is remembered under the id of the first claim until the latest `until` among the charges,
        for `settle`.

        Returns:
            `True` where all was done; else why nothing was.

        Raises:
            StateError, VerificationError: as `ReplayStore.claim`.
        """
        ...

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Give back to every pool what a charge turned out not to need; once.

        Args:
            claim_id: the first claim of that charge.
            actual: unit → what it really cost, at most what was charged; a unit that is not named stays as charged.
            now: the verifier's clock.

        Returns:
            `True` the first time; `False` where it was settled before, or there was no such charge.

        Raises:
            StateError: STATE_UNAVAILABLE. SettlementError: more than was charged; nothing is given back.
        """
        ...

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks: (block id, unit) → amount; 0 is left out."""
        ...


class RevocationStore(Protocol):
    """Keeps what has been revoked, and how fresh each signer's word is."""

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        """Take over a list whose signature held, in one step, for good.

        Records only ever add: one that is there already stays, with the earlier `since` and the later `until` of the
        two. The signer's feed moves to this one only if its sequence is greater. Block records whose `until` has
        passed may be forgotten.

        Args:
            feed: how fresh this makes its signer's word.
            records: what it takes back.
            now: the verifier's clock.
            known: whether its signer is a root or a revoker of the verifier's. Where room is bounded, the lists of all
                others together may take a part of it, and never what is left for these.

        Returns:
            How many records were not there before.

        Raises:
            StateError: STATE_UNAVAILABLE: the store cannot take it, or has no room.
        """
        ...

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        """Give every record about any of these block ids and key thumbprints that one of `signers` signed.

        Anyone can sign records about anything. A verifier names whose could count, so that it pays for no others;
        `None`, whoever signed them, is for people who look at a store.

        Raises:
            StateError: STATE_UNAVAILABLE: the store cannot say; or by `now`, the verifier's clock, it has forgotten
                records of chains that are not over, since a clock was ahead.
        """
        ...

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers` that a list was taken from; of every signer where it is `None`."""
        ...


class AsyncReplayStore(Protocol):
    """`ReplayStore`, awaited."""

    async def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim all of these ids, or none; see `ReplayStore.claim`."""
        ...


class AsyncLedger(Protocol):
    """`Ledger`, awaited."""

    async def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools; see `Ledger.charge`."""
        ...

    async def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Give back what a charge turned out not to need; see `Ledger.settle`."""
        ...

    async def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged; see `Ledger.spent`."""
        ...


class AsyncRevocationStore(Protocol):
    """`RevocationStore`, awaited."""

    async def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        """Take over a list; see `RevocationStore.add`."""
        ...

    async def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        ...

    async def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        ...
