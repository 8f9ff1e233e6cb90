ALTER TABLE audit_events DROP COLUMN client_url;

ALTER TABLE sessions DROP CONSTRAINT sessions_client_url_named;

ALTER TABLE sessions DROP COLUMN client_url;
