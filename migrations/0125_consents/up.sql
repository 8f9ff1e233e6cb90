CREATE TABLE consents (
    user_id    uuid        NOT NULL,
    client_id  uuid        NOT NULL,
    scopes     text[]      NOT NULL,
    granted_at timestamptz NOT NULL,
    CONSTRAINT consents_pkey PRIMARY KEY (user_id, client_id),
    CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

COMMENT ON TABLE consents IS 'What users allowed applications, so that they are not asked again.';
COMMENT ON COLUMN consents.user_id IS 'The user who allowed it.';
COMMENT ON COLUMN consents.client_id IS 'The application. No foreign key: an application is deleted by itself, and a consent to one that is gone counts for nothing.';
COMMENT ON COLUMN consents.scopes IS 'Every scope that was ever allowed and not withdrawn.';
COMMENT ON COLUMN consents.granted_at IS 'When scopes were last added.';
