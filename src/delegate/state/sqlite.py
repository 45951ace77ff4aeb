"""One SQLite file for all that a verifier must remember: every process of one machine may share it (SPEC §10.4).

The rules of this file:

- Every change is one transaction that takes the write lock before it looks: what it saw still holds when it writes.
- Charges, settlements and revocations are on the disk before they are answered. Claims alone are not flushed one by
  one: a killed process loses none, a loss of power the last ones, whose proofs could then be used again for what is
  left of their window.
- A version of the revocations is a random number and the file's id: whatever else a path comes to hold, an answer that
  was kept under another version is no answer.
- Time is the verifiers' `now`: they share a machine and its clock. What lapsed is forgotten a little at each call,
  and what was forgotten once is refused from then on, whatever the clock says. When the file was made is in it, by
  the machine's clock: what is older may have been used at a file that is gone, and is refused.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.errors import StateError
from delegate.state import sqlite_schema as sql
from delegate.state.answers import Memo
from delegate.state.common import (
    batches,
    check_actual,
    check_charges,
    distinct,
    from_before,
    lapsed,
    pack,
    pool_lapsed,
    refunds,
    twice,
    unavailable,
    unpack,
)
from delegate.state.findings import Finding
from delegate.state.sqlite_file import SqliteFile

_FORGOTTEN_AT_ONCE: Final = 16  # of what has lapsed, at each call: more than a call can add
_ASKED_AT_ONCE: Final = 100  # subjects, and signers, in one statement
_FREE_BYTES: Final = 64 * 1024 * 1024


class SqliteStore:
    """Replay protection, budgets and revocations in one file. Safe under threads, processes and `fork`."""

    __slots__ = ("_file", "_memo")

    def __init__(self, path: Path | str, *, deadline: float = 0.25, since: int | None = None) -> None:
        """Open or make the file.

        Args:
            path: where it is; it is made with mode 0600. A relative one is taken from where the process is now. From
                then on it is this one file: removed, replaced or moved, it refuses.
            deadline: seconds that a call may wait for others.
            since: if the file is made here, proofs made before this are refused, Unix seconds; `None`: made before now,
                by the machine's clock. 0 takes any that is within the verifier's window, which is right only for a
                clock of one's own, or where no other store served the same audience before.

        Raises:
            StateError: it cannot be opened and written, or is no state file.
        """
        self._file = SqliteFile(Path(path), deadline, since)
        self._memo = Memo()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        if (place := twice(claims)) is not None:
            return Refused(place)
        with self._file.transaction(durable=False) as writer:
            refused = _claim_refusal(writer, claims, now)
            if refused is not None:
                return refused
            _keep(writer, claims)
        return True

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing; see `Ledger.charge`."""
        check_charges(claims, charges)
        if (place := twice(claims)) is not None:
            return Refused(place)
        with self._file.transaction(durable=True) as writer:
            refused = _claim_refusal(writer, claims, now) or _charge_refusal(writer, charges, now)
            if refused is not None:
                return refused
            _keep(writer, claims)
            until = max((each.until for each in charges), default=0)
            for each in charges:
                unit = pack(each.unit)
                writer.execute(sql.SPEND, (each.block_id, unit, each.amount, each.until))
                writer.execute(sql.ADD_CHARGE, (claims[0].id, each.block_id, unit, each.amount, until))
        return True

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        with self._file.transaction(durable=True) as writer:
            _forget_charges(writer, now)
            rows = writer.execute(sql.FIND_CHARGES, (claim_id,)).fetchall()
            charged = [(block_id, unpack(unit), amount) for block_id, unit, amount in rows]
            for block_id, unit, amount in refunds(charged, actual) if charged else ():
                writer.execute(sql.GIVE_BACK, (amount, block_id, pack(unit)))
            writer.execute(sql.DROP_CHARGES, (claim_id,))
        return bool(charged)

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""

        def ask(reader: sqlite3.Connection) -> dict[tuple[bytes, str], int]:
            return {
                (block_id, unpack(unit)): amount
                for block_id in block_ids
                for unit, amount in reader.execute(sql.SPENT, (block_id,))
            }

        return self._file.read(ask)

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - room is not bounded here
        """Take over a list whose signature held, for good; see `RevocationStore.add`.

        There is no bound but the disk's room: whoever may have lists taken over may fill it.
        """
        added = 0
        for batch, is_last in batches(distinct(records)):
            with self._file.transaction(durable=True) as writer:
                rows = [
                    (each.subject, each.signer, each.is_key, each.since, each.until, pack(each.why)) for each in batch
                ]
                before = writer.total_changes
                writer.executemany(sql.ADD_RECORD, rows)
                added += writer.total_changes - before
                writer.executemany(
                    sql.MERGE_RECORD,
                    [
                        (each.since, each.until, each.subject, each.signer, each.is_key, each.since, each.until)
                        for each in batch
                    ],
                )
                if is_last:
                    writer.execute(sql.ADD_FEED, feed)
                writer.execute(sql.CHANGE_COUNTER, ("revocations",))
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - nothing is forgotten, so nothing depends on it
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`.

        One small read says whether anything was added since the last call, by whichever process.
        """
        return self._file.read(partial(self._look_up, subjects, signers))

    def _look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None,
        reader: sqlite3.Connection,
    ) -> Sequence[Record]:
        version = reader.execute(sql.COUNTER, ("revocations",)).fetchone()[0]
        return self._memo.look_up((self._file.which, version), subjects, signers, partial(_find, reader))

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        return self._file.read(partial(_feeds, signers))

    def check(self) -> tuple[Finding, ...]:
        """Look at the file for the operator. Reads all of it."""
        path = self._file.path
        try:
            journal = self._file.read(lambda reader: str(reader.execute("PRAGMA journal_mode").fetchone()[0]))
            verdict = self._file.read(lambda reader: str(reader.execute("PRAGMA quick_check(1)").fetchone()[0]))
            with self._file.transaction(durable=True) as writer:
                flushed = writer.execute("PRAGMA synchronous").fetchone()[0]
            mode = path.stat().st_mode & 0o777
            free = shutil.disk_usage(path.parent).free
        except (StateError, OSError) as error:
            return (Finding(ok=False, what="answers", detail=str(error)),)
        return (
            Finding(ok=True, what="answers", detail="the state file can be read and written"),
            Finding(ok=journal == "wal", what="journal_mode", detail=journal),
            Finding(ok=flushed >= 2, what="synchronous", detail=f"{flushed}; 2 for charges and revocations"),
            Finding(ok=verdict == "ok", what="quick_check", detail=verdict.splitlines()[0]),
            Finding(ok=mode & 0o077 == 0, what="mode", detail=f"{mode:03o}; others should have no access"),
            Finding(ok=free >= _FREE_BYTES, what="free disk space", detail=f"{free // 2**20} MiB"),
        )


def _find(reader: sqlite3.Connection, subjects: Sequence[bytes], signers: Sequence[bytes] | None) -> Sequence[Record]:
    found = []
    for some in _some(subjects):
        for by in (None,) if signers is None else _some(signers):
            statement = sql.find_records(len(some), None if by is None else len(by))
            rows = reader.execute(statement, (*some, *(by or ())))
            found += [
                Record(subject, signer, bool(is_key), since, until, unpack(why))
                for subject, signer, is_key, since, until, why in rows
            ]
    return found


def _feeds(signers: Sequence[bytes] | None, reader: sqlite3.Connection) -> Sequence[Feed]:
    if signers is None:
        return [Feed(*row) for row in reader.execute(sql.FEEDS)]
    rows = (reader.execute(sql.FIND_FEED, (signer,)).fetchone() for signer in signers)
    return [Feed(*row) for row in rows if row is not None]


def _some(items: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(items), _ASKED_AT_ONCE):
        yield items[start : start + _ASKED_AT_ONCE]


def _claim_refusal(writer: sqlite3.Connection, claims: Sequence[Claim], now: int) -> Refused | None:
    gone = writer.execute(sql.LAPSED_CLAIMS, (now, _FORGOTTEN_AT_ONCE)).fetchall()
    if gone:
        writer.execute(sql.SET_COUNTER, (gone[-1][0], "claims"))
        writer.execute(sql.SET_COUNTER, (max(proved for _, _, proved in gone), "proofs"))
        writer.executemany(sql.DROP_CLAIM, [(id_,) for _, id_, _ in gone])
    bounds = writer.execute(sql.CLAIM_BOUNDS).fetchone()
    if bounds is None:
        message = "the state file does not say when it began, nor what it has forgotten"
        raise unavailable(message)
    since, forgotten, proved = bounds
    floor = max(now - 1, forgotten)
    for place, each in enumerate(claims):
        if each.issued < since:
            raise from_before(place)
        if each.until <= floor or (not place and each.issued <= proved):  # another's window may have been shorter
            raise lapsed()
        if writer.execute(sql.FIND_CLAIM, (each.id,)).fetchone():
            return Refused(place)
    return None


def _charge_refusal(writer: sqlite3.Connection, charges: Sequence[Charge], now: int) -> Refused | None:
    _forget_charges(writer, now)
    gone = writer.execute(sql.LAPSED_POOLS, (now, _FORGOTTEN_AT_ONCE)).fetchall()
    if gone:
        writer.execute(sql.SET_COUNTER, (gone[-1][0], "pools"))
        writer.executemany(sql.DROP_POOL, [(block_id, unit) for _, block_id, unit in gone])
    forgotten = writer.execute(sql.COUNTER, ("pools",)).fetchone()[0]
    for place, each in enumerate(charges):
        if each.until <= forgotten:
            raise pool_lapsed()
        found = writer.execute(sql.FIND_POOL, (each.block_id, pack(each.unit))).fetchone()
        left = each.limit - (found[0] if found else 0)
        if each.amount > left:
            return Refused(place, max(0, left))
    return None


def _forget_charges(writer: sqlite3.Connection, now: int) -> None:
    gone = writer.execute(sql.LAPSED_CHARGES, (now, _FORGOTTEN_AT_ONCE)).fetchall()
    writer.executemany(sql.DROP_CHARGES, gone)


def _keep(writer: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    rows = [(each.id, each.until, -1 if place else each.issued) for place, each in enumerate(claims)]
    writer.executemany(sql.ADD_CLAIM, rows)
