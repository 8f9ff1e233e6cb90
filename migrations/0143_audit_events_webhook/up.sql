ALTER TABLE audit_events ADD COLUMN webhook_id uuid;

COMMENT ON COLUMN audit_events.webhook_id IS 'The webhook that it is about. It does not refer to a row, since events outlive the webhook. NULL: there is none.';
