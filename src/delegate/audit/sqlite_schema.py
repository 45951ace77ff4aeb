"""The tables of a log in a file, and the statements over them (AUDIT §16.3).

The rules of this file:

- The tenant's tree is the first column of every key.
- Text is kept as its bytes: SQLite compares and collates nothing of ours.
"""

from __future__ import annotations

from typing import Final

from delegate.state.sqlite_file import Shape

APPLICATION_ID: Final = 0x646C676C  # "dlgl"
VERSION: Final = 1

_TABLES: Final = """
CREATE TABLE identity (id BLOB PRIMARY KEY) WITHOUT ROWID, STRICT;
INSERT INTO identity VALUES (randomblob(16));

-- `kept`: the first entry whose body is there still.
CREATE TABLE trees (
    tree INTEGER PRIMARY KEY, tenant BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, kept INTEGER NOT NULL
) STRICT;

CREATE TABLE batches (
    tree INTEGER NOT NULL REFERENCES trees, first INTEGER NOT NULL, count INTEGER NOT NULL, bodies BLOB NOT NULL,
    PRIMARY KEY (tree, first)
) STRICT;

CREATE TABLE tiles (
    tree INTEGER NOT NULL REFERENCES trees, level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
    PRIMARY KEY (tree, level, number)
) STRICT;

CREATE TABLE routes (
    tree INTEGER NOT NULL REFERENCES trees, number INTEGER NOT NULL, id BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (tree, number), UNIQUE (tree, id)
) STRICT;

CREATE TABLE labels (
    tree INTEGER NOT NULL, kind BLOB NOT NULL, value BLOB NOT NULL, route INTEGER NOT NULL,
    PRIMARY KEY (tree, kind, value, route), FOREIGN KEY (tree, route) REFERENCES routes (tree, number)
) WITHOUT ROWID, STRICT;

CREATE TABLE tallies (
    tree INTEGER NOT NULL REFERENCES trees, route INTEGER NOT NULL, action BLOB NOT NULL, reason BLOB NOT NULL,
    first INTEGER NOT NULL, count INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (tree, route, action, reason, first)
) WITHOUT ROWID, STRICT;
CREATE INDEX tallies_first ON tallies (tree, first);

CREATE TABLE checkpoints (
    tree INTEGER NOT NULL REFERENCES trees, size INTEGER NOT NULL, note BLOB NOT NULL, PRIMARY KEY (tree, size)
) STRICT
"""
LOG_FILE: Final = Shape(
    word="log file",
    application_id=APPLICATION_ID,
    version=VERSION,
    schema=(
        *_TABLES.split(";"),
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {VERSION}",
    ),
    identity="SELECT id FROM identity",
)

FIND_TREE: Final = "SELECT tree, size, kept FROM trees WHERE tenant = ?"
ADD_TREE: Final = "INSERT INTO trees (tenant, size, kept) VALUES (?, 0, 0) RETURNING tree, size, kept"
SET_SIZE: Final = "UPDATE trees SET size = ? WHERE tree = ? AND size = ?"
SET_KEPT: Final = "UPDATE trees SET kept = ? WHERE tree = ?"

ADD_BATCH: Final = "INSERT INTO batches VALUES (?, ?, ?, ?)"
BATCH_OF: Final = "SELECT max(first) FROM batches WHERE tree = ? AND first <= ?"
FIND_BATCHES: Final = (
    "SELECT first, count, bodies FROM batches WHERE tree = ? AND first >= ? AND first < ? ORDER BY first LIMIT ?"
)
DROP_BATCHES: Final = "DELETE FROM batches WHERE tree = ? AND first + count <= ?"
FIRST_BATCH: Final = "SELECT min(first) FROM batches WHERE tree = ?"

SET_TILE: Final = (
    "INSERT INTO tiles VALUES (?, ?, ?, ?) ON CONFLICT (tree, level, number) DO UPDATE SET hashes = excluded.hashes"
)
FIND_TILE: Final = "SELECT hashes FROM tiles WHERE tree = ? AND level = ? AND number = ?"

FIND_ROUTE: Final = "SELECT number FROM routes WHERE tree = ? AND id = ?"
ADD_ROUTE: Final = (
    "INSERT INTO routes SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM routes WHERE tree = ? RETURNING number"
)
ROUTES: Final = "SELECT number, body FROM routes WHERE tree = ? AND number > ? ORDER BY number LIMIT ?"
ROUTE: Final = "SELECT number, body FROM routes WHERE tree = ? AND number = ?"
ROUTE_BY_ID: Final = "SELECT body FROM routes WHERE tree = ? AND id = ?"
ADD_LABEL: Final = "INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)"
LABELLED: Final = "SELECT route FROM labels WHERE tree = ? AND kind = ? AND value = ?"
LABELS: Final = "SELECT route, kind, value FROM labels WHERE tree = ?"

ADD_TALLY: Final = "INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DROP_TALLIES: Final = "DELETE FROM tallies WHERE tree = ? AND first < ?"
INDEX: Final = (
    "SELECT route, action, reason, first, count, since, until FROM tallies WHERE tree = ? AND first >= ? "
    "ORDER BY first LIMIT ?"
)
# Of what is sought: routes are joined from a list of numbers, or all are taken.
SUMS: Final = (
    "SELECT route, action, reason, min(first), sum(count), min(since), max(until) FROM tallies"
    " WHERE tree = :tree AND until >= :since AND since <= :until AND first < :before"
    " AND (:refused IS NULL OR (reason <> x'') = :refused)"
    " AND (:cut IS NULL OR (since < :since OR until > :until) = :cut) {routes} GROUP BY route, action, reason"
)
FIRSTS: Final = (
    "SELECT DISTINCT first FROM tallies"
    " WHERE tree = :tree AND until >= :since AND since <= :until AND first < :before"
    " AND (:refused IS NULL OR (reason <> x'') = :refused)"
    " AND (:cut IS NULL OR (since < :since OR until > :until) = :cut) {routes} ORDER BY first DESC LIMIT :limit"
)
OF_ROUTES: Final = "AND route IN (SELECT value FROM json_each(:routes))"

ADD_CHECKPOINT: Final = (
    "INSERT INTO checkpoints VALUES (?, ?, ?) ON CONFLICT (tree, size) DO UPDATE SET note = excluded.note"
)
CHECKPOINTS: Final = "SELECT size, note FROM checkpoints WHERE tree = ? ORDER BY size"
