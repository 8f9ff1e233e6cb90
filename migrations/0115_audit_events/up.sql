CREATE TABLE audit_events (
    id              uuid        NOT NULL,
    subject_id      uuid        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    event           text        NOT NULL,
    success         boolean     NOT NULL,
    reason          text,
    user_id         uuid,
    session_id      uuid,
    client_id       uuid,
    actor_id        uuid,
    identifier_hash bytea,
    request_id      uuid        NOT NULL,
    route           text,
    ip              inet,
    user_agent      text,
    -- The key of a partitioned table must contain the column of the partitions. The ids alone are unique.
    CONSTRAINT audit_events_pkey PRIMARY KEY (subject_id, id, occurred_at),
    CONSTRAINT audit_events_subject CHECK (subject_id = coalesce(user_id, id)),
    CONSTRAINT audit_events_identifier_hash_length CHECK (octet_length(identifier_hash) = 32)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX audit_events_id_idx ON audit_events (id);
CREATE INDEX audit_events_event_idx ON audit_events (event, id);

COMMENT ON TABLE audit_events IS 'What happened, written in the transaction of what it records, and never changed. One partition for each month. No foreign keys: events outlive accounts, sessions and clients.';
COMMENT ON COLUMN audit_events.id IS 'UUIDv7, so that ids order events by time.';
COMMENT ON COLUMN audit_events.subject_id IS 'The account concerned or, without one, the event itself: the key by which a distributed database places the row.';
COMMENT ON COLUMN audit_events.occurred_at IS 'When.';
COMMENT ON COLUMN audit_events.event IS 'What, in the terms of the OWASP logging vocabulary where it has one.';
COMMENT ON COLUMN audit_events.success IS 'Whether it succeeded.';
COMMENT ON COLUMN audit_events.reason IS 'Why it failed, or how it succeeded: a fixed word, never input.';
COMMENT ON COLUMN audit_events.user_id IS 'The account concerned.';
COMMENT ON COLUMN audit_events.session_id IS 'The session concerned.';
COMMENT ON COLUMN audit_events.client_id IS 'The service client that requested it, or that it is about.';
COMMENT ON COLUMN audit_events.actor_id IS 'The administrator who did it to the account; none where its owner, the service or the command line did.';
COMMENT ON COLUMN audit_events.identifier_hash IS 'HMAC-SHA-256 of the name that was given, so that guesses at one name are found together even if no account has it.';
COMMENT ON COLUMN audit_events.request_id IS 'The X-Request-Id of the response; an id of its own where no request caused it.';
COMMENT ON COLUMN audit_events.route IS 'Method and pattern of the requested route, never its parameters.';
COMMENT ON COLUMN audit_events.ip IS 'The address that the request came from.';
COMMENT ON COLUMN audit_events.user_agent IS 'Its User-Agent, cut to 256 characters.';

-- For every role, including the owner of the table, so that no role changes history by accident.
CREATE FUNCTION audit_events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

-- For each row: such a trigger exists on every partition, so that it also protects a partition that is named directly.
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_refuse_change();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    EXECUTE FUNCTION audit_events_refuse_change();

-- For rows whose month has no partition: no request fails because a partition is missing.
CREATE FUNCTION audit_events_make_default() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events_default
        EXECUTE FUNCTION audit_events_refuse_change();
END
$$;

-- Creates a partition beside the table and attaches it. Creating it in place would have to wait for all writers.
CREATE FUNCTION audit_events_make_partition(month timestamp) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := to_char(month, '"audit_events_"YYYY_MM');
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL)', part);
    EXECUTE format('CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON %I
                    EXECUTE FUNCTION audit_events_refuse_change()', part);
    EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
                   month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
END
$$;

-- Moves the rows of the default partition, if there are any, to partitions of their months.
CREATE FUNCTION audit_events_part_default() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    stray_month timestamp;
    made        integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM audit_events_default) THEN
        RETURN 0;
    END IF;
    LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE audit_events DETACH PARTITION audit_events_default;
    ALTER TABLE audit_events_default RENAME TO audit_events_stray;
    FOR stray_month IN SELECT DISTINCT date_trunc('month', occurred_at AT TIME ZONE 'UTC') FROM audit_events_stray LOOP
        PERFORM audit_events_make_partition(stray_month);
        made := made + 1;
    END LOOP;
    INSERT INTO audit_events SELECT * FROM audit_events_stray;
    DROP TABLE audit_events_stray;
    PERFORM audit_events_make_default();
    RETURN made;
END
$$;

-- Creates the partitions of a moment's month and of the next month, and drops one that is older than 400 days. Returns
-- how many it created and dropped. It runs with the rights of its owner, so that the service's role only needs to insert
-- and read. What it can be made to do is limited, therefore: nothing is dropped before its time by the database's own
-- clock, and the number of partitions has a maximum (further rows stay in the default one).
--
-- Every writer locks the table until its transaction ends. Emptying the default partition and dropping one have to wait
-- for all of them, and later writers wait for that. So it waits for a quarter of a second at most, and leaves the rest to
-- the next run. DETACH ... CONCURRENTLY cannot be used on a table with a default partition.
CREATE FUNCTION audit_events_tend(moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout = '250ms' SET TimeZone = 'UTC' AS $$
DECLARE
    this_month timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    kept_since timestamp := (least(moment, now()) - interval '400 days') AT TIME ZONE 'UTC';
    missing    timestamp;
    part       name;
    done       integer := 0;
BEGIN
    -- One instance is enough.
    IF NOT pg_try_advisory_xact_lock(8387236823645254770) THEN
        RETURN 0;
    END IF;
    IF (SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass) < 120 THEN
        BEGIN
            done := audit_events_part_default();
            FOREACH missing IN ARRAY ARRAY[this_month, this_month + interval '1 month'] LOOP
                IF to_regclass(to_char(missing, '"audit_events_"YYYY_MM')) IS NULL THEN
                    PERFORM audit_events_make_partition(missing);
                    done := done + 1;
                END IF;
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            done := 0;
        END;
    END IF;
    SELECT relname INTO part FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'audit_events'::regclass AND relname ~ '^audit_events_\d{4}_\d{2}$'
       AND to_date(right(relname, 7), 'YYYY_MM') + interval '1 month' <= kept_since
     ORDER BY relname LIMIT 1;
    IF FOUND THEN
        BEGIN
            EXECUTE format('DROP TABLE %I', part);
            done := done + 1;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END IF;
    RETURN done;
END
$$;

-- A role that may create tables in another schema must not be able to substitute them for these.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION audit_events_tend(timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION audit_events_refuse_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_events_make_default() FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_events_make_partition(timestamp) FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_events_part_default() FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_events_tend(timestamptz) FROM PUBLIC;

SELECT audit_events_make_default();
SELECT audit_events_tend(now());
