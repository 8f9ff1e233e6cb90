DROP INDEX users_username_prefix_idx;
DROP INDEX users_email_prefix_idx;
ALTER TABLE audit_events DROP COLUMN actor_id;
