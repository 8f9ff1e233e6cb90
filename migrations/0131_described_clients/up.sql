ALTER TABLE sessions ADD COLUMN client_url text;

ALTER TABLE sessions ADD CONSTRAINT sessions_client_url_named CHECK (client_url IS NULL OR client_id IS NOT NULL) NOT VALID;

ALTER TABLE sessions VALIDATE CONSTRAINT sessions_client_url_named;

ALTER TABLE audit_events ADD COLUMN client_url text;

COMMENT ON COLUMN sessions.client_url IS 'The client_id of an application that describes itself: the URL of its document. Its client_id here is made of that URL. NULL: the application is registered.';
COMMENT ON COLUMN audit_events.client_url IS 'The client_id of an application that describes itself: the URL of its document. NULL: the client is registered, or there is none.';
