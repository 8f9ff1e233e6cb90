-- The trail becomes append-only, and is kept in one partition a month, so that its end is dropped and never deleted row by
-- row. The rows there are move over, while nobody writes: up to a minute for each million.
LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE;
ALTER TABLE audit_events RENAME TO audit_events_unparted;
ALTER TABLE audit_events_unparted RENAME CONSTRAINT audit_events_pkey TO audit_events_unparted_pkey;
ALTER INDEX audit_events_user_id_idx RENAME TO audit_events_unparted_user_id_idx;

CREATE TABLE audit_events (
    id              uuid        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    event           text        NOT NULL,
    success         boolean     NOT NULL,
    reason          text,
    user_id         uuid,
    session_id      uuid,
    request_id      uuid        NOT NULL,
    ip              inet,
    user_agent      text,
    client_id       uuid,
    identifier_hash bytea,
    route           text,
    -- What a partitioned table is parted by has to be in its key. Ids are unique by themselves.
    CONSTRAINT audit_events_pkey PRIMARY KEY (id, occurred_at),
    CONSTRAINT audit_events_identifier_hash_length CHECK (octet_length(identifier_hash) = 32)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, id);
CREATE INDEX audit_events_event_idx ON audit_events (event, id);

COMMENT ON TABLE audit_events IS 'What happened, written in the transaction of what it records, and never changed. One partition a month. No foreign keys: events outlive accounts.';
COMMENT ON COLUMN audit_events.id IS 'UUIDv7, so that ids order events by time.';
COMMENT ON COLUMN audit_events.occurred_at IS 'When.';
COMMENT ON COLUMN audit_events.event IS 'What, in OWASP''s logging vocabulary where it has a word.';
COMMENT ON COLUMN audit_events.success IS 'Whether it succeeded.';
COMMENT ON COLUMN audit_events.reason IS 'Why not, or how: a fixed word, never input.';
COMMENT ON COLUMN audit_events.user_id IS 'The account concerned.';
COMMENT ON COLUMN audit_events.session_id IS 'The session concerned.';
COMMENT ON COLUMN audit_events.request_id IS 'The X-Request-Id of the answer; of its own where no request asked.';
COMMENT ON COLUMN audit_events.ip IS 'Where the request came from.';
COMMENT ON COLUMN audit_events.user_agent IS 'What it came from, cut to 256 characters.';
COMMENT ON COLUMN audit_events.client_id IS 'The service client that asked for it, or that it is about.';
COMMENT ON COLUMN audit_events.identifier_hash IS 'HMAC-SHA-256 of the name that was given, so that guesses at one name are found together though no account has it.';
COMMENT ON COLUMN audit_events.route IS 'Method and pattern of the route that was asked, never its parameters.';

-- For everybody, the owner of the table included: a role that may do everything else still rewrites no history by accident.
CREATE FUNCTION audit_events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Row by row, since such a trigger is there on every partition, also for whoever names that and not the table.
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_refuse_change();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    EXECUTE FUNCTION audit_events_refuse_change();

-- Where a row goes whose month has no partition: nothing that is asked for fails because nobody made one.
CREATE FUNCTION audit_events_make_default() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events_default
        EXECUTE FUNCTION audit_events_refuse_change();
END
$$;

-- Made beside the table and attached: that waits for nobody who writes, as making it in place would.
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

-- Gives the rows of the default partition, if there are any, partitions of their own.
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

-- Makes the partitions of a moment's month and the next, and drops one that is older than 400 days as a whole. Returns how
-- many it made and dropped. It runs as its owner, so that the service may do without any right but to insert and to read;
-- what it can be asked for is bounded, therefore: nothing is dropped before its time by the database's own clock, and only
-- so many partitions are made (rows beyond them stay in the default one).
--
-- Whoever writes holds the table for the length of a transaction. Parting the default and dropping have to wait for all of
-- them, and all who come later wait for that, so it waits a quarter of a second and leaves it to the next time. DETACH ...
-- CONCURRENTLY is no way out: there is none with a default partition.
CREATE FUNCTION audit_events_tend(moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout = '250ms' SET TimeZone = 'UTC' AS $$
DECLARE
    this_month timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    kept_since timestamp := (least(moment, now()) - interval '400 days') AT TIME ZONE 'UTC';
    wanted     timestamp;
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
            FOREACH wanted IN ARRAY ARRAY[this_month, this_month + interval '1 month'] LOOP
                IF to_regclass(to_char(wanted, '"audit_events_"YYYY_MM')) IS NULL THEN
                    PERFORM audit_events_make_partition(wanted);
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

-- Whoever may make tables must not be able to put theirs in the place of ours.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION audit_events_tend(timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION audit_events_refuse_change(), audit_events_make_default(), audit_events_make_partition(timestamp),
    audit_events_part_default(), audit_events_tend(timestamptz) FROM PUBLIC;

SELECT audit_events_make_default();
-- The months of these rows first, so that each is written once.
SELECT audit_events_make_partition(month) FROM (
    SELECT DISTINCT date_trunc('month', occurred_at AT TIME ZONE 'UTC') AS month FROM audit_events_unparted) months;
INSERT INTO audit_events (id, occurred_at, event, success, reason, user_id, session_id, request_id, ip, user_agent, client_id)
SELECT id, occurred_at, event, success, reason, user_id, session_id, request_id, ip, user_agent, client_id
  FROM audit_events_unparted;
DROP TABLE audit_events_unparted;
SELECT audit_events_tend(now());
