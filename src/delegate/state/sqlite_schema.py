"""The tables of a state file, and the statements over them (SPEC §10.4).

The rules of this file:

- Ids and text are BLOBs: SQLite compares and collates nothing of ours.
- A table is its primary key: one search finds a row.
- Whatever changes here raises `VERSION`; a file of a later version is refused, never guessed at.
"""

from __future__ import annotations

from functools import cache
from typing import Final

APPLICATION_ID: Final = 0x646C6774  # "dlgt"
VERSION: Final = 3

_TABLES: Final = """
-- `proved`: the `iat` of a proof, -1 of a discharge.
CREATE TABLE claims (id BLOB PRIMARY KEY, until INTEGER NOT NULL, proved INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE INDEX claims_until ON claims (until);

CREATE TABLE pools (
    block_id BLOB, unit BLOB, spent INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (block_id, unit)
) WITHOUT ROWID, STRICT;
CREATE INDEX pools_until ON pools (until);

CREATE TABLE charges (
    claim_id BLOB, block_id BLOB, unit BLOB, amount INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (claim_id, block_id, unit)
) WITHOUT ROWID, STRICT;
CREATE INDEX charges_until ON charges (until);

CREATE TABLE records (
    subject BLOB, signer BLOB, is_key INTEGER, since INTEGER NOT NULL, until INTEGER NOT NULL, why BLOB NOT NULL,
    PRIMARY KEY (subject, signer, is_key)
) WITHOUT ROWID, STRICT;

CREATE TABLE feeds (
    signer BLOB PRIMARY KEY, sequence INTEGER NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Of claims and pools: the latest `until` among those forgotten. `proofs`: the latest `iat` of these. Of revocations:
-- another random number after each change. `since`: when this memory began.
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO counters VALUES ('claims', -1), ('proofs', -1), ('pools', -1), ('revocations', random());

-- Which file this is: 16 random bytes.
CREATE TABLE identity (id BLOB PRIMARY KEY) WITHOUT ROWID, STRICT;
INSERT INTO identity VALUES (randomblob(16))
"""
SCHEMA: Final = (
    *_TABLES.split(";"),
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

COUNTER: Final = "SELECT value FROM counters WHERE name = ?"
SET_COUNTER: Final = "UPDATE counters SET value = max(value, ?) WHERE name = ?"
# Counting up would come to the same number again in two copies of a file that went on apart.
CHANGE_COUNTER: Final = "UPDATE counters SET value = random() WHERE name = ?"

IDENTITY: Final = "SELECT id FROM identity"

BEGIN_MEMORY: Final = "INSERT INTO counters VALUES ('since', ?)"
# When the memory began, the latest `until` among the claims that were forgotten, and the latest `iat` of the proofs.
CLAIM_BOUNDS: Final = (
    "SELECT since.value, gone.value, proved.value FROM counters AS since, counters AS gone, counters AS proved"
    " WHERE since.name = 'since' AND gone.name = 'claims' AND proved.name = 'proofs'"
)

LAPSED_CLAIMS: Final = "SELECT until, id, proved FROM claims WHERE until < ? ORDER BY until LIMIT ?"
DROP_CLAIM: Final = "DELETE FROM claims WHERE id = ?"
FIND_CLAIM: Final = "SELECT 1 FROM claims WHERE id = ?"
ADD_CLAIM: Final = "INSERT INTO claims VALUES (?, ?, ?)"

LAPSED_POOLS: Final = "SELECT until, block_id, unit FROM pools WHERE until < ? ORDER BY until LIMIT ?"
DROP_POOL: Final = "DELETE FROM pools WHERE block_id = ? AND unit = ?"
FIND_POOL: Final = "SELECT spent FROM pools WHERE block_id = ? AND unit = ?"
SPEND: Final = (
    "INSERT INTO pools VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET spent = spent + excluded.spent, until = max(until, excluded.until)"
)
GIVE_BACK: Final = "UPDATE pools SET spent = spent - ? WHERE block_id = ? AND unit = ?"
SPENT: Final = "SELECT unit, spent FROM pools WHERE block_id = ? AND spent > 0"

ADD_CHARGE: Final = "INSERT INTO charges VALUES (?, ?, ?, ?, ?)"
FIND_CHARGES: Final = "SELECT block_id, unit, amount FROM charges WHERE claim_id = ?"
DROP_CHARGES: Final = "DELETE FROM charges WHERE claim_id = ?"
LAPSED_CHARGES: Final = "SELECT DISTINCT claim_id FROM charges WHERE until < ? ORDER BY until LIMIT ?"

ADD_RECORD: Final = "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?)"
# Takes since, until, subject, signer, is_key, since, until: to Python 3.12 and later a `?4` is a name, not a place.
MERGE_RECORD: Final = (
    "UPDATE records SET since = min(since, ?), until = max(until, ?)"
    " WHERE subject = ? AND signer = ? AND is_key = ? AND (since > ? OR until < ?)"
)
ADD_FEED: Final = (
    "INSERT INTO feeds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET sequence = excluded.sequence, issued = excluded.issued, expires = excluded.expires"
    " WHERE excluded.sequence > sequence"
)
FEEDS: Final = "SELECT signer, sequence, issued, expires FROM feeds"
FIND_FEED: Final = FEEDS + " WHERE signer = ?"


@cache
def find_records(subjects: int, signers: int | None) -> str:
    """Give the statement that finds the records of so many subjects by so many signers; `None`: by whomever."""
    which = f"subject IN ({_places(subjects)})"
    by = "" if signers is None else f" AND signer IN ({_places(signers)})"
    return f"SELECT subject, signer, is_key, since, until, why FROM records WHERE {which}{by}"  # noqa: S608 - question marks alone


def _places(count: int) -> str:
    return ",".join("?" * count)
