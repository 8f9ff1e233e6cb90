ALTER TABLE audit_events DROP COLUMN client_id;
COMMENT ON COLUMN audit_events.request_id IS 'The X-Request-Id of the answer.';
