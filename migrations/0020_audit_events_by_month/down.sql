LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE;
ALTER TABLE audit_events RENAME TO audit_events_parted;
ALTER TABLE audit_events_parted RENAME CONSTRAINT audit_events_pkey TO audit_events_parted_pkey;
ALTER INDEX audit_events_user_id_idx RENAME TO audit_events_parted_user_id_idx;

CREATE TABLE audit_events (
    id          uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event       text        NOT NULL,
    success     boolean     NOT NULL,
    reason      text,
    user_id     uuid,
    session_id  uuid,
    request_id  uuid        NOT NULL,
    ip          inet,
    user_agent  text,
    client_id   uuid,
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);
INSERT INTO audit_events
SELECT id, occurred_at, event, success, reason, user_id, session_id, request_id, ip, user_agent, client_id
  FROM audit_events_parted;
CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, id);

COMMENT ON TABLE audit_events IS 'What happened, written in the transaction of what it records. No foreign keys: events outlive accounts.';
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

-- Its partitions and triggers go with it.
DROP TABLE audit_events_parted;
DROP FUNCTION audit_events_tend(timestamptz);
DROP FUNCTION audit_events_part_default();
DROP FUNCTION audit_events_make_partition(timestamp);
DROP FUNCTION audit_events_make_default();
DROP FUNCTION audit_events_refuse_change();
