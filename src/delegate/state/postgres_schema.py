"""What PostgreSQL keeps and does in one step: tables and functions of the schema `delegate` (SPEC §10.4).

The rules of this file:

- Everything is in a schema of its own, and named with it: no search path leads elsewhere.
- Locks are taken in the order of ids and of pools, which callers sort: two requests that share some never wait for
  each other in a circle.
- What a function refuses it undoes by itself, so that one round trip is one transaction.
- The server's clock decides what is forgotten, and refuses what it would have forgotten already: it is asked after
  the rows are in, when nobody can forget them any more.
- Ids and text are bytea: nothing is collated, and no character is a special one.
"""

# ruff: noqa: S608 - what is put into the statements are constants of this module
from __future__ import annotations

from typing import Final

from delegate.state.common import CLAIMS_KEPT_S, KEPT_S

VERSION: Final = 1
LOCK: Final = 0x646C6774  # "dlgt": whoever makes the schema holds this advisory lock

FIND_VERSION: Final = "SELECT value FROM delegate.counters WHERE name = 'schema'"
HAS_TABLES: Final = "SELECT to_regclass('delegate.counters') IS NOT NULL"

TABLES: Final = f"""
CREATE SCHEMA IF NOT EXISTS delegate;

CREATE TABLE delegate.claims (id bytea PRIMARY KEY, until bigint NOT NULL);
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
CREATE INDEX ON delegate.records (until) WHERE NOT is_key;

CREATE TABLE delegate.feeds (
    signer bytea PRIMARY KEY, sequence bigint NOT NULL, issued bigint NOT NULL, expires bigint NOT NULL
);

-- The version of all this; of claims and pools what was forgotten, rounded up; how often revocations changed; and
-- when this memory began, which tables made by earlier programs lack.
CREATE TABLE delegate.counters (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO delegate.counters VALUES ('schema', {VERSION}), ('claims', -1), ('pools', -1), ('revocations', 0),
    ('since', floor(extract(epoch FROM clock_timestamp())));
"""

# Forgetting a little at each call. The counter moves in steps, so that it is no row that all wait for.
_FORGET: Final = """
CREATE FUNCTION delegate.forget_{name}(clock bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    latest bigint;
BEGIN
    WITH gone AS (
        DELETE FROM delegate.{name} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delegate.{name} WHERE until + {kept} < clock
            ORDER BY until LIMIT 4 FOR UPDATE SKIP LOCKED
        )) RETURNING until
    )
    SELECT max(until) INTO latest FROM gone;
    IF latest IS NOT NULL THEN
        UPDATE delegate.counters SET value = latest + {step} WHERE name = '{name}' AND value < latest;
    END IF;
END $$;
"""
_STEP_S: Final = 10

FUNCTIONS: Final = (
    _FORGET.format(name="claims", kept=CLAIMS_KEPT_S, step=_STEP_S)
    + _FORGET.format(name="pools", kept=KEPT_S, step=_STEP_S)
    + f"""
CREATE FUNCTION delegate.spend(
    ids bytea[], untils bigint[], id_places int[],
    blocks bytea[], units bytea[], amounts bigint[], limits bigint[], ends bigint[], pool_places int[],
    charge_id bytea, charge_until bigint,
    OUT outcome text, OUT place int, OUT remaining bigint
) LANGUAGE plpgsql AS $$
DECLARE
    clock bigint := extract(epoch FROM clock_timestamp());
    total numeric;
BEGIN
    PERFORM delegate.forget_claims(clock);
    outcome := 'done';
    BEGIN
        FOR i IN 1 .. cardinality(ids) LOOP
            INSERT INTO delegate.claims VALUES (ids[i], untils[i]) ON CONFLICT DO NOTHING;
            IF NOT FOUND AND (place IS NULL OR id_places[i] < place) THEN
                outcome := 'claimed';
                place := id_places[i];
            END IF;
        END LOOP;
        clock := extract(epoch FROM clock_timestamp());
        IF EXISTS (
            SELECT 1 FROM unnest(untils) AS each (until), delegate.counters
            WHERE name = 'claims' AND (until + {CLAIMS_KEPT_S} < clock OR until <= value)
        ) THEN
            outcome := 'lapsed';
        END IF;
        IF outcome = 'done' AND cardinality(blocks) > 0 THEN
            FOR i IN 1 .. cardinality(blocks) LOOP
                INSERT INTO delegate.pools AS pool VALUES (blocks[i], units[i], amounts[i], ends[i])
                ON CONFLICT (block_id, unit) DO UPDATE
                SET spent = pool.spent + excluded.spent, until = greatest(pool.until, excluded.until)
                RETURNING spent INTO total;
                IF total > limits[i] AND (place IS NULL OR pool_places[i] < place) THEN
                    outcome := 'short';
                    place := pool_places[i];
                    remaining := greatest(0, limits[i] - (total - amounts[i]));
                END IF;
                INSERT INTO delegate.charges VALUES (charge_id, blocks[i], units[i], amounts[i], charge_until);
            END LOOP;
            clock := extract(epoch FROM clock_timestamp());
            IF EXISTS (
                SELECT 1 FROM unnest(ends) AS each (until), delegate.counters
                WHERE name = 'pools' AND (until + {KEPT_S} < clock OR until <= value)
            ) THEN
                outcome := 'pool';
            END IF;
        END IF;
        IF outcome <> 'done' THEN
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

CREATE FUNCTION delegate.settle(settled bytea, units bytea[], actual bigint[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    each record;
BEGIN
    PERFORM 1 FROM delegate.charges WHERE claim_id = settled FOR UPDATE;
    IF NOT FOUND THEN
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
    feed_signer bytea, feed_sequence bigint, feed_issued bigint, feed_expires bigint
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    added int := 0;
BEGIN
    UPDATE delegate.counters SET value = value + 1 WHERE name = 'revocations'; -- one at a time
    DELETE FROM delegate.records WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delegate.records
        WHERE NOT is_key AND until + {KEPT_S} < extract(epoch FROM clock_timestamp())::bigint
        ORDER BY until LIMIT 16
    ));
    FOR i IN 1 .. cardinality(subjects) LOOP
        INSERT INTO delegate.records VALUES (subjects[i], signers[i], are_keys[i], sinces[i], untils[i], whys[i])
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            added := added + 1;
        ELSE
            UPDATE delegate.records SET since = least(since, sinces[i]), until = greatest(until, untils[i])
            WHERE subject = subjects[i] AND signer = signers[i] AND is_key = are_keys[i]
            AND (since > sinces[i] OR until < untils[i]);
        END IF;
    END LOOP;
    IF feed_signer IS NOT NULL THEN
        INSERT INTO delegate.feeds AS feed VALUES (feed_signer, feed_sequence, feed_issued, feed_expires)
        ON CONFLICT (signer) DO UPDATE
        SET sequence = excluded.sequence, issued = excluded.issued, expires = excluded.expires
        WHERE excluded.sequence > feed.sequence;
    END IF;
    PERFORM pg_notify('delegate', '');
    RETURN added;
END $$;
"""
)

# What may have been used before this memory began is refused, and the function not called: the condition on it is
# about no row of its own, so it is looked at first. It is not in the function, which older tables have without it.
SPEND: Final = (
    "WITH early AS (SELECT min(place)::int - 1 AS place"
    " FROM unnest(%s::bigint[]) WITH ORDINALITY AS each (issued, place), delegate.counters"
    " WHERE name = 'since' AND issued < value)"
    " SELECT 'before' AS outcome, place, NULL::bigint AS remaining FROM early WHERE place IS NOT NULL"
    " UNION ALL SELECT outcome, place, remaining FROM delegate.spend("
    "%s::bytea[], %s::bigint[], %s::int[],"
    " %s::bytea[], %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::bytea, %s::bigint)"
    " WHERE (SELECT place FROM early) IS NULL"
)
SETTLE: Final = "SELECT delegate.settle(%s::bytea, %s::bytea[], %s::bigint[])"
SPENT: Final = (
    "SELECT block_id, unit, spent::bigint FROM delegate.pools WHERE spent > 0 AND block_id = ANY (%s::bytea[])"
)
REVOKE: Final = (
    "SELECT delegate.revoke("
    "%s::bytea[], %s::bytea[], %s::boolean[], %s::bigint[], %s::bigint[], %s::bytea[],"
    " %s::bytea, %s::bigint, %s::bigint, %s::bigint)"
)
LOOK_UP: Final = (
    "SELECT subject, signer, is_key, since, until, why FROM delegate.records WHERE subject = ANY (%s::bytea[])"
)
LOOK_UP_BY: Final = LOOK_UP + " AND signer = ANY (%s::bytea[])"
FEEDS: Final = "SELECT signer, sequence, issued, expires FROM delegate.feeds"
FEEDS_BY: Final = FEEDS + " WHERE signer = ANY (%s::bytea[])"
NEWS: Final = "SELECT value FROM delegate.counters WHERE name = 'revocations'"
SETTINGS: Final = (
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
)
