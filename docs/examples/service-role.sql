-- What the service's own role needs when the tables belong to another. Run as their owner after each `vestibule migrate`;
-- it may be repeated.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vestibule_service') THEN
        CREATE ROLE vestibule_service LOGIN;    -- then: \password vestibule_service
    END IF;
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;     -- as since PostgreSQL 15
GRANT USAGE ON SCHEMA public TO vestibule_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO vestibule_service;

-- The trail is written and read, through the whole table only; partitions are made and dropped by the owner's function.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT 'audit_events'::regclass UNION ALL SELECT inhrelid FROM pg_inherits
                 WHERE inhparent = 'audit_events'::regclass LOOP
        EXECUTE format('REVOKE ALL ON %s FROM vestibule_service', part);
    END LOOP;
END
$$;
GRANT SELECT, INSERT ON audit_events TO vestibule_service;
GRANT EXECUTE ON FUNCTION audit_events_tend(timestamptz) TO vestibule_service;
REVOKE INSERT, UPDATE, DELETE ON __diesel_schema_migrations FROM vestibule_service;
