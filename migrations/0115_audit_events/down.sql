-- Its partitions and triggers are dropped with it.
DROP TABLE audit_events;
DROP FUNCTION audit_events_tend(timestamptz);
DROP FUNCTION audit_events_part_default();
DROP FUNCTION audit_events_make_partition(timestamp);
DROP FUNCTION audit_events_make_default();
DROP FUNCTION audit_events_refuse_change();
