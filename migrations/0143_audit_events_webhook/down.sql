ALTER TABLE audit_events DROP COLUMN webhook_id;
