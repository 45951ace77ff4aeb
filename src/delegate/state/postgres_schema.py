"""What PostgreSQL keeps and does in one step: tables and functions of the schema `delegate` (SPEC §10.4).

The rules of this file:

- Everything is in a schema of its own, and named with it. What is named without is the server's own: every function
  runs with `search_path = pg_catalog, pg_temp`, so that no operator or function of another's is called.
- Locks are taken in the order of ids and of pools, which callers sort: two requests that share some never wait for
  each other in a circle.
- What a function refuses it undoes by itself, so that one round trip is one transaction.
- A conflict is named by its columns: where the key is missing, it is an error and not a second row.
- The memory has a home: this server, its timeline, this database and the files of these tables. Every call looks
  whether it is still there, at the end, when its locks keep the tables from being emptied; else it fails, whatever
  it was. Only a connection that is opened, and finds all tables whole, begins the memory anew at another home.
- The version of what is revoked is a random token: it never comes back, as a count would.
- The server's clock decides what is forgotten, and refuses what it would have forgotten already: it is asked after
  the rows are in, when nobody can forget them any more. What was forgotten stands in a counter, for each table: a
  clock that jumped ahead and came back refuses, and takes nothing twice.
- Ids and text are bytea: nothing is collated, and no character is a special one. Outcomes are numbers.
"""

# ruff: noqa: S608 - what is put into the statements are constants of this module
from __future__ import annotations

import re
from typing import Final

from delegate.state.common import CLAIMS_KEPT_S, KEPT_S

VERSION: Final = 2
LOCK: Final = 0x646C6774  # "dlgt": whoever makes the schema, or begins the memory anew, holds this advisory lock
DONE: Final = 1
CLAIMED: Final = 2
SHORT: Final = 3
LAPSED: Final = 4
POOL_LAPSED: Final = 5
BEFORE: Final = 6

# What a transaction depends on, and a server, a database, a role or a URL may have set otherwise.
PINS: Final = {
    "search_path": "pg_catalog, pg_temp",
    "row_security": "off",  # an error, where it would hide rows
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "datestyle": "ISO, MDY",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}

HAS_TABLES: Final = (  # of the catalogue, which asks for no privilege
    "SELECT EXISTS (SELECT FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace"
    " WHERE space.nspname = 'delegate' AND class.relname = 'counters')"
)

# The primary key of each table.
KEYS: Final = {
    "charges": "claim_id block_id unit",
    "claims": "id",
    "counters": "name",
    "feeds": "signer",
    "memory": "only_one",
    "pools": "block_id unit",
    "records": "subject signer is_key",
}
# Of these an empty one, or another one, is another memory.
_HELD: Final = tuple(name for name in KEYS if name != "memory")

TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS delegate;

-- `proved`: the `iat` of a proof, -1 of a discharge.
CREATE TABLE delegate.claims (id bytea PRIMARY KEY, until bigint NOT NULL, proved bigint NOT NULL);
CREATE INDEX ON delegate.claims (until);

CREATE TABLE delegate.pools (
    block_id bytea, unit bytea, spent numeric NOT NULL, until bigint NOT NULL, PRIMARY KEY (block_id, unit)
);
CREATE INDEX ON delegate.pools (until);

CREATE TABLE delegate.charges (
    claim_id bytea, block_id bytea, unit bytea, amount bigint NOT NULL, until bigint NOT NULL,
    PRIMARY KEY (claim_id, block_id, unit)
);
CREATE INDEX ON delegate.charges (until);

CREATE TABLE delegate.records (
    subject bytea, signer bytea, is_key boolean, since bigint NOT NULL, until bigint NOT NULL, why bytea NOT NULL,
    PRIMARY KEY (subject, signer, is_key)
);

CREATE TABLE delegate.feeds (
    signer bytea PRIMARY KEY, sequence bigint NOT NULL, issued bigint NOT NULL, expires bigint NOT NULL
);

-- The version of all this; of claims and pools what was forgotten, and of proofs the latest `iat` among it, rounded up;
-- and when this memory began.
CREATE TABLE delegate.counters (name text PRIMARY KEY, value bigint NOT NULL);

-- Where this memory began, and a token that is another one after every addition to records and feeds.
CREATE TABLE delegate.memory (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), home text NOT NULL, version bytea NOT NULL
);
"""

# Begins the memory here, now, with the counters that are missing; the home's own comes first.
BEGIN_COUNTERS: Final = (
    "INSERT INTO delegate.counters (name, value)"
    f" VALUES ('schema', {VERSION}), ('claims', -1), ('proofs', -1), ('pools', -1),"
    " ('since', floor(extract(epoch FROM clock_timestamp())))"
    " ON CONFLICT (name) DO UPDATE SET value = greatest(delegate.counters.value, excluded.value)"
    " WHERE excluded.name = 'since'"
)
BEGIN_HOME: Final = (
    "INSERT INTO delegate.memory (home, version) VALUES (delegate.home(), %b)"
    " ON CONFLICT (only_one) DO UPDATE SET home = excluded.home, version = excluded.version"
)
IS_BEGUN: Final = (
    "SELECT EXISTS (SELECT FROM delegate.memory WHERE home = delegate.home())"
    " AND (SELECT count(*) FROM delegate.counters WHERE name IN ('schema', 'claims', 'proofs', 'pools', 'since')) = 5"
)

_OPTIONS: Final = "LANGUAGE plpgsql {volatility} SET search_path = pg_catalog, pg_temp AS $$\n#variable_conflict error"

# Forgetting a little at each call. The counter moves in steps, so that it is no row that all wait for.
_FORGET: Final = """
CREATE FUNCTION delegate.forget_{name}(clock bigint) RETURNS void {options}
DECLARE
    latest bigint;{declared}
BEGIN
    WITH gone AS (
        DELETE FROM delegate.{name} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delegate.{name} WHERE until + {kept} < clock
            ORDER BY until LIMIT {count} FOR UPDATE SKIP LOCKED
        )) RETURNING *
    )
    {found} FROM gone;
    IF latest IS NOT NULL THEN
        UPDATE delegate.counters SET value = latest + {step} WHERE name = '{name}' AND value < latest;{noted}
    END IF;
END $$;
"""
_STEP_S: Final = 10
_ENDS: Final = {"declared": "", "found": "SELECT max(until) INTO latest", "noted": ""}
_ENDS_AND_PROOFS: Final = {
    "declared": "\n    youngest bigint;",
    "found": "SELECT max(until), max(proved) INTO latest, youngest",
    "noted": f"\n        UPDATE delegate.counters SET value = youngest + {_STEP_S}"
    " WHERE name = 'proofs' AND value < youngest;",
}
_CHANGES: Final = _OPTIONS.format(volatility="VOLATILE")
_LOOKS: Final = _OPTIONS.format(volatility="STABLE")  # with the snapshot of whoever calls it

FUNCTIONS: Final = (
    _FORGET.format(name="claims", kept=CLAIMS_KEPT_S, count=4, step=_STEP_S, options=_CHANGES, **_ENDS_AND_PROOFS)
    + _FORGET.format(name="pools", kept=KEPT_S, count=4, step=_STEP_S, options=_CHANGES, **_ENDS)
    + f"""
CREATE FUNCTION delegate.home() RETURNS text {_LOOKS}
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed'
    OR current_setting('row_security') <> 'off' OR current_setting('synchronous_commit') <> 'on' THEN
        RAISE EXCEPTION 'the settings of this program do not hold: is there a pooler that does not keep transactions?';
    END IF;
    RETURN (SELECT system_identifier FROM pg_control_system())
        || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
        || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())"""
    + "".join(f"\n        || ' ' || pg_relation_filenode(to_regclass('delegate.{name}'))" for name in _HELD)
    + f""";
END $$;

CREATE FUNCTION delegate.version(
    OUT since bigint, OUT home text, OUT token bytea, OUT started bigint
) {_LOOKS}
BEGIN
    SELECT beginning.value, memory.home, memory.version,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
    INTO since, home, token, started
    FROM delegate.memory AS memory
    JOIN delegate.counters AS beginning ON beginning.name = 'since'
    WHERE memory.home = delegate.home();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this memory has no beginning here: it was emptied, moved or is being restored'
        USING ERRCODE = 'DL002';
    END IF;
END $$;

CREATE FUNCTION delegate.spend(
    ids bytea[], issued bigint[], untils bigint[], id_places int[],
    blocks bytea[], units bytea[], amounts bigint[], limits bigint[], ends bigint[], pool_places int[],
    charge_id bytea, charge_until bigint,
    OUT outcome int, OUT place int, OUT remaining bigint
) {_CHANGES}
DECLARE
    clock bigint := extract(epoch FROM clock_timestamp());
    total numeric;
    began bigint;
BEGIN
    PERFORM delegate.forget_claims(clock);
    outcome := {DONE};
    BEGIN
        FOR i IN 1 .. cardinality(ids) LOOP
            INSERT INTO delegate.claims (id, until, proved)
            VALUES (ids[i], untils[i], CASE id_places[i] WHEN 0 THEN issued[i] ELSE -1 END)
            ON CONFLICT (id) DO NOTHING;
            IF NOT FOUND AND (place IS NULL OR id_places[i] < place) THEN
                outcome := {CLAIMED};
                place := id_places[i];
            END IF;
        END LOOP;
        clock := extract(epoch FROM clock_timestamp());
        IF EXISTS (
            SELECT 1 FROM unnest(untils) AS each (until), delegate.counters
            WHERE name = 'claims' AND (until + {CLAIMS_KEPT_S} < clock OR until <= value)
        ) OR EXISTS ( -- of another's window, which may have been shorter
            SELECT 1 FROM unnest(issued, id_places) AS each (moment, number), delegate.counters
            WHERE name = 'proofs' AND number = 0 AND moment <= value
        ) THEN
            outcome := {LAPSED};
        END IF;
        IF outcome = {DONE} AND cardinality(blocks) > 0 THEN
            FOR i IN 1 .. cardinality(blocks) LOOP
                INSERT INTO delegate.pools AS pool (block_id, unit, spent, until)
                VALUES (blocks[i], units[i], amounts[i], ends[i])
                ON CONFLICT (block_id, unit) DO UPDATE
                SET spent = pool.spent + excluded.spent, until = greatest(pool.until, excluded.until)
                RETURNING spent INTO total;
                IF total > limits[i] AND (place IS NULL OR pool_places[i] < place) THEN
                    outcome := {SHORT};
                    place := pool_places[i];
                    remaining := greatest(0, limits[i] - (total - amounts[i]));
                END IF;
                INSERT INTO delegate.charges (claim_id, block_id, unit, amount, until)
                VALUES (charge_id, blocks[i], units[i], amounts[i], charge_until);
            END LOOP;
            clock := extract(epoch FROM clock_timestamp());
            IF EXISTS (
                SELECT 1 FROM unnest(ends) AS each (until), delegate.counters
                WHERE name = 'pools' AND (until + {KEPT_S} < clock OR until <= value)
            ) THEN
                outcome := {POOL_LAPSED};
            END IF;
        END IF;
        SELECT since INTO began FROM delegate.version();
        IF EXISTS (SELECT 1 FROM unnest(issued) AS each (moment) WHERE moment < began) THEN
            outcome := {BEFORE};
            SELECT min(number) INTO place FROM unnest(issued, id_places) AS each (moment, number) WHERE moment < began;
        END IF;
        IF outcome <> {DONE} THEN
            RAISE EXCEPTION 'refused' USING ERRCODE = 'DL001';
        END IF;
    EXCEPTION WHEN SQLSTATE 'DL001' THEN
        NULL; -- all since the inner BEGIN is undone
    END;
    IF cardinality(blocks) > 0 THEN
        PERFORM delegate.forget_pools(clock);
        DELETE FROM delegate.charges WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delegate.charges WHERE until + {KEPT_S} < clock
            ORDER BY until LIMIT 8 FOR UPDATE SKIP LOCKED
        ));
    END IF;
END $$;

CREATE FUNCTION delegate.settle(settled bytea, units bytea[], actual bigint[]) RETURNS int {_CHANGES}
DECLARE
    each record;
BEGIN
    PERFORM 1 FROM delegate.charges WHERE claim_id = settled FOR UPDATE;
    PERFORM delegate.version();
    IF NOT EXISTS (SELECT 1 FROM delegate.charges WHERE claim_id = settled) THEN
        RETURN 0;
    END IF;
    IF EXISTS (
        SELECT 1 FROM unnest(units, actual) AS real (unit, cost)
        LEFT JOIN delegate.charges AS charge ON charge.claim_id = settled AND charge.unit = real.unit
        WHERE real.cost > coalesce(charge.amount, 0)
    ) THEN
        RETURN -1;
    END IF;
    FOR each IN
        SELECT charge.block_id, charge.unit, charge.amount - real.cost AS back
        FROM delegate.charges AS charge
        JOIN unnest(units, actual) AS real (unit, cost) ON charge.unit = real.unit
        WHERE charge.claim_id = settled
        ORDER BY charge.block_id, charge.unit
    LOOP
        UPDATE delegate.pools AS pool SET spent = spent - each.back
        WHERE pool.block_id = each.block_id AND pool.unit = each.unit;
    END LOOP;
    DELETE FROM delegate.charges WHERE claim_id = settled;
    RETURN 1;
END $$;

CREATE FUNCTION delegate.revoke(
    subjects bytea[], signers bytea[], are_keys boolean[], sinces bigint[], untils bigint[], whys bytea[],
    feed_signer bytea, feed_sequence bigint, feed_issued bigint, feed_expires bigint, token bytea
) RETURNS int {_CHANGES}
DECLARE
    added int := 0;
BEGIN
    UPDATE delegate.memory SET version = token; -- one at a time
    FOR i IN 1 .. cardinality(subjects) LOOP
        INSERT INTO delegate.records (subject, signer, is_key, since, until, why)
        VALUES (subjects[i], signers[i], are_keys[i], sinces[i], untils[i], whys[i])
        ON CONFLICT (subject, signer, is_key) DO NOTHING;
        IF FOUND THEN
            added := added + 1;
        ELSE
            UPDATE delegate.records SET since = least(since, sinces[i]), until = greatest(until, untils[i])
            WHERE subject = subjects[i] AND signer = signers[i] AND is_key = are_keys[i]
            AND (since > sinces[i] OR until < untils[i]);
        END IF;
    END LOOP;
    IF feed_signer IS NOT NULL THEN
        INSERT INTO delegate.feeds AS feed (signer, sequence, issued, expires)
        VALUES (feed_signer, feed_sequence, feed_issued, feed_expires)
        ON CONFLICT (signer) DO UPDATE
        SET sequence = excluded.sequence, issued = excluded.issued, expires = excluded.expires
        WHERE excluded.sequence > feed.sequence;
    END IF;
    PERFORM delegate.version();
    PERFORM pg_notify('delegate', '');
    RETURN added;
END $$;
"""
)
# What stands between the `$$` of each function, by its name.
SOURCES: Final = dict(re.findall(r"CREATE FUNCTION delegate\.(\w+)\(.*?AS \$\$(.*?)\$\$;", FUNCTIONS, re.DOTALL))

SPEND: Final = (
    "SELECT outcome, place, remaining FROM delegate.spend("
    "%b::bytea[], %b::bigint[], %b::bigint[], %b::int[],"
    " %b::bytea[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[], %b::int[], %b::bytea, %b::bigint)"
)
SETTLE: Final = "SELECT delegate.settle(%b::bytea, %b::bytea[], %b::bigint[])"
SPENT: Final = (
    "SELECT pool.block_id, pool.unit, pool.spent::bigint FROM delegate.version() AS memory"
    " LEFT JOIN delegate.pools AS pool ON pool.spent > 0 AND pool.block_id = ANY (%b::bytea[])"
)
REVOKE: Final = (
    "SELECT delegate.revoke("
    "%b::bytea[], %b::bytea[], %b::boolean[], %b::bigint[], %b::bigint[], %b::bytea[],"
    " %b::bytea, %b::bigint, %b::bigint, %b::bigint, %b::bytea)"
)
# What is found, behind the version of which it is: both in one snapshot.
_VERSION: Final = "SELECT memory.home, memory.token, memory.started"
NEWS: Final = f"{_VERSION} FROM delegate.version() AS memory"
LOOK_UP: Final = (
    f"{_VERSION}, found.subject, found.signer, found.is_key, found.since, found.until, found.why"
    " FROM delegate.version() AS memory"
    " LEFT JOIN delegate.records AS found ON found.subject = ANY (%b::bytea[])"
)
LOOK_UP_BY: Final = LOOK_UP + " AND found.signer = ANY (%b::bytea[])"
FEEDS: Final = (
    f"{_VERSION}, found.signer, found.sequence, found.issued, found.expires"
    " FROM delegate.version() AS memory LEFT JOIN delegate.feeds AS found ON true"
)
FEEDS_BY: Final = FEEDS + " AND found.signer = ANY (%b::bytea[])"

# What is looked at when a connection is opened: the server's role, and of the schema, its tables and its functions what
# says whether they are as this program makes them. It reads nothing but the catalogue.
_SEEN: Final = """
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') <> 'off',
(
    SELECT json_build_array(
        owner.rolname,
        owner.rolname = current_user OR owner.rolsuper OR owner.oid = base.datdba
            OR (NOT self.rolsuper AND pg_has_role(current_user, owner.oid, 'MEMBER')),
        EXISTS (
            SELECT FROM aclexplode(space.nspacl) AS each
            WHERE each.privilege_type = 'CREATE' AND each.grantee <> space.nspowner
        )
    )
    FROM pg_namespace AS space
    JOIN pg_roles AS owner ON owner.oid = space.nspowner
    JOIN pg_database AS base ON base.datname = current_database()
    JOIN pg_roles AS self ON self.rolname = current_user
    WHERE space.nspname = 'delegate'
),
(
    SELECT json_object_agg(class.relname, json_build_object(
        'is_plain', class.relkind = 'r' AND NOT class.relhasrules AND NOT class.relhassubclass
            AND NOT class.relispartition AND class.relowner = space.nspowner
            AND NOT EXISTS (SELECT FROM pg_trigger AS each WHERE each.tgrelid = class.oid AND NOT each.tgisinternal),
        'key', (
            SELECT string_agg(field.attname, ' ' ORDER BY key.place)
            FROM pg_constraint AS held
            CROSS JOIN unnest(held.conkey) WITH ORDINALITY AS key (number, place)
            JOIN pg_attribute AS field ON field.attrelid = class.oid AND field.attnum = key.number
            WHERE held.conrelid = class.oid AND held.contype = 'p'
        ),
        'is_logged', class.relpersistence = 'p',
        'is_open', EXISTS (
            SELECT FROM aclexplode(class.relacl) AS each
            WHERE each.grantee = 0 AND each.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        )
    ))
    FROM pg_class AS class
    JOIN pg_namespace AS space ON space.oid = class.relnamespace
    WHERE space.nspname = 'delegate' AND class.relkind IN ('r', 'p', 'v', 'm', 'f')
),
(
    SELECT json_agg(json_build_array(
        function.proname, function.prosrc,
        function.proowner = space.nspowner AND NOT function.prosecdef
            AND function.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
    ) ORDER BY function.proname)
    FROM pg_proc AS function
    JOIN pg_namespace AS space ON space.oid = function.pronamespace
    WHERE space.nspname = 'delegate'
)
"""


def seen(schema: str) -> str:
    """Give the question for what is in a schema of that name, a constant of a program."""
    return _SEEN.replace("'delegate'", f"'{schema}'")


SEEN: Final = seen("delegate")
FIND_VERSION: Final = "SELECT value FROM delegate.counters WHERE name = 'schema'"

# For the operator. `pg_stat_replication` shows everybody how many there are.
SETTINGS: Final = (
    "SELECT name, setting FROM pg_settings"
    " WHERE name IN ('fsync', 'full_page_writes', 'zero_damaged_pages', 'synchronous_standby_names')"
)
SERVER: Final = (
    "SELECT current_setting('server_version'), pg_is_in_recovery(),"
    " (SELECT count(*) FROM pg_stat_replication), extract(epoch FROM clock_timestamp())::bigint"
)
BEGAN: Final = "SELECT since FROM delegate.version()"
