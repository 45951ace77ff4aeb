"""The tables of a directory, and the statements over them: one schema for both engines (SPEC §10.5).

The rules of this file:

- The tenant is the first column of every key and every reference, and every statement names it: no row, number or
  uniqueness of one tenant depends on another's.
- Nothing counts up but the events of one principal. Nothing is ever deleted: no statement here does.
- Names, keys and text are bytes: no engine has a say over characters, and the order of names is that of their bytes.
- `@` stands for the engine's place of the tables, `?` for an argument.
"""

# ruff: noqa: S608 - what is put into the statements are constants, and question marks
from __future__ import annotations

from functools import cache
from typing import Final

APPLICATION_ID: Final = 0x646C6770  # "dlgp"
VERSION: Final = 1
SPACE: Final = "delegate_directory"  # the schema in PostgreSQL

# The primary key of each table.
KEYS: Final = {
    "about": "only_one",
    "events": "tenant name place",
    "keys": "tenant thumbprint",
    "principals": "tenant name",
}

_TABLES: Final = """
CREATE TABLE @principals (
    tenant {bytes} NOT NULL, name {bytes} NOT NULL,
    sponsor {bytes} NOT NULL, owner {bytes} NOT NULL, code {bytes} NOT NULL, model {bytes} NOT NULL,
    version {bytes} NOT NULL, note {bytes} NOT NULL,
    added {integer} NOT NULL, disabled {integer},
    PRIMARY KEY (tenant, name)
){options};

CREATE TABLE @keys (
    tenant {bytes} NOT NULL, thumbprint {bytes} NOT NULL, name {bytes} NOT NULL, public_key {bytes} NOT NULL,
    since {integer} NOT NULL, until {integer},
    PRIMARY KEY (tenant, thumbprint),
    FOREIGN KEY (tenant, name) REFERENCES @principals (tenant, name)
){options};
CREATE INDEX keys_name ON @keys (tenant, name);

CREATE TABLE @events (
    tenant {bytes} NOT NULL, name {bytes} NOT NULL, place {integer} NOT NULL,
    at {integer} NOT NULL, what {bytes} NOT NULL, detail {bytes} NOT NULL,
    PRIMARY KEY (tenant, name, place),
    FOREIGN KEY (tenant, name) REFERENCES @principals (tenant, name)
){options};

CREATE TABLE @about (
    only_one {integer} PRIMARY KEY CHECK (only_one = 1), version {integer} NOT NULL, id {bytes} NOT NULL
){options}
"""


def tables(space: str, *, binary: str, integer: str, options: str = "") -> tuple[str, ...]:
    """Write the statements that make the tables, in an engine's own names for types."""
    made = _TABLES.format(bytes=binary, integer=integer, options=options).replace("@", space)
    return tuple(each.strip() for each in made.split(";"))


_FACTS: Final = "sponsor, owner, code, model, version, note"
ADD_PRINCIPAL: Final = (
    f"INSERT INTO @principals (tenant, name, {_FACTS}, added, disabled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_KEY: Final = "INSERT INTO @keys (tenant, thumbprint, name, public_key, since, until) VALUES (?, ?, ?, ?, ?, ?)"
ADD_EVENT: Final = "INSERT INTO @events (tenant, name, place, at, what, detail) VALUES (?, ?, ?, ?, ?, ?)"
SET_FACTS: Final = (
    "UPDATE @principals SET sponsor = ?, owner = ?, code = ?, model = ?, version = ?, note = ?"
    " WHERE tenant = ? AND name = ?"
)
SET_DISABLED: Final = "UPDATE @principals SET disabled = ? WHERE tenant = ? AND name = ?"
END_KEY: Final = "UPDATE @keys SET until = ? WHERE tenant = ? AND name = ? AND (until IS NULL OR until > ?)"

# A principal, whether its sponsor is one too and may act, and its keys: a row for each key, or one with none.
_ENTRY: Final = (
    f"SELECT each.name, {', '.join(f'each.{name.strip()}' for name in _FACTS.split(','))}, each.added, each.disabled,"
    " sponsor.name, sponsor.disabled, key.public_key, key.thumbprint, key.since, key.until FROM {each} AS each"
    " LEFT JOIN @principals AS sponsor ON sponsor.tenant = each.tenant AND sponsor.name = each.sponsor"
    " LEFT JOIN @keys AS key ON key.tenant = each.tenant AND key.name = each.name"
)
_ORDER: Final = " ORDER BY each.name, key.since, key.until IS NULL, key.until, key.thumbprint"
ENTRY: Final = _ENTRY.format(each="@principals") + " WHERE each.tenant = ? AND each.name = ?" + _ORDER
ENTRIES: Final = (
    _ENTRY.format(each="(SELECT * FROM @principals WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?)") + _ORDER
)
EVENTS: Final = "SELECT at, what, detail FROM @events WHERE tenant = ? AND name = ? ORDER BY place"
EVENTS_AMONG: Final = (
    "SELECT name, at, what, detail FROM @events WHERE tenant = ? AND name > ? AND name <= ? ORDER BY name, place"
)
LAST_PLACE: Final = "SELECT max(place) FROM @events WHERE tenant = ? AND name = ?"
OWNER_OF_KEY: Final = "SELECT name FROM @keys WHERE tenant = ? AND thumbprint = ?"
IDENTITY: Final = "SELECT id FROM @about"
BEGIN_FILE: Final = f"INSERT INTO about VALUES (1, {VERSION}, randomblob(16))"


@cache
def find(count: int) -> str:
    """Give the statement that finds whose so many keys are."""
    return (
        "SELECT key.thumbprint, key.name, key.until, each.disabled,"
        f" {', '.join(f'each.{name.strip()}' for name in _FACTS.split(',')[:-1])}"
        " FROM @keys AS key JOIN @principals AS each ON each.tenant = key.tenant AND each.name = key.name"
        f" WHERE key.tenant = ? AND key.thumbprint IN ({', '.join('?' * count)})"
    )


@cache
def names_among(count: int) -> str:
    """Give the statement that finds which of so many names are principals."""
    return f"SELECT name, disabled FROM @principals WHERE tenant = ? AND name IN ({', '.join('?' * count)})"


@cache
def keys_among(count: int) -> str:
    """Give the statement that finds which of so many keys are known, and whose they are."""
    return f"SELECT thumbprint, name FROM @keys WHERE tenant = ? AND thumbprint IN ({', '.join('?' * count)})"
