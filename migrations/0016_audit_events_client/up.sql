-- No foreign key, like the table's other ids: the trail of a client outlives the client.
ALTER TABLE audit_events ADD COLUMN client_id uuid;

COMMENT ON COLUMN audit_events.client_id IS 'The service client that asked for it, or that it is about.';
COMMENT ON COLUMN audit_events.request_id IS 'The X-Request-Id of the answer; of its own where no request asked.';
