ALTER TABLE audit_events ADD COLUMN actor_id uuid;
COMMENT ON COLUMN audit_events.actor_id IS 'The administrator who did it to the account; none where its owner, the service or the command line did.';

-- Operators find accounts by the beginning of a name; the unique indexes serve that in the C locale only.
CREATE INDEX users_email_prefix_idx ON users (email text_pattern_ops);
CREATE INDEX users_username_prefix_idx ON users (username text_pattern_ops);
