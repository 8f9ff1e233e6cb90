CREATE OR REPLACE FUNCTION audit_events_part_default() RETURNS integer LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION audit_events_tend(moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
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

-- Replacing a function resets its settings.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION audit_events_tend(timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;
