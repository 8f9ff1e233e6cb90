CREATE TABLE quotas (
    key          bytea       NOT NULL,
    window_start timestamptz NOT NULL,
    used         integer     NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT quotas_pkey PRIMARY KEY (key, window_start),
    CONSTRAINT quotas_key_length CHECK (octet_length(key) = 32),
    CONSTRAINT quotas_used_counted CHECK (used > 0)
);

CREATE INDEX quotas_expires_at_idx ON quotas (expires_at);

COMMENT ON TABLE quotas IS 'How much of a limited thing was used in a window of time, such as messages to one phone.';
COMMENT ON COLUMN quotas.key IS 'HMAC-SHA-256 of the limit and of what it limits, so that the table identifies no person.';
COMMENT ON COLUMN quotas.window_start IS 'The beginning of the window. 1970-01-01 where the window begins with its first use; there is one row then.';
COMMENT ON COLUMN quotas.used IS 'How much was used in it.';
COMMENT ON COLUMN quotas.expires_at IS 'The end of the window; the row has no effect afterwards.';
