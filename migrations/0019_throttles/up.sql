CREATE TABLE throttles (
    key            bytea       NOT NULL,
    failures       integer     NOT NULL,
    last_failed_at timestamptz NOT NULL,
    locked_until   timestamptz,
    CONSTRAINT throttles_pkey PRIMARY KEY (key),
    CONSTRAINT throttles_key_length CHECK (octet_length(key) = 32),
    CONSTRAINT throttles_failures_counted CHECK (failures > 0)
);

CREATE INDEX throttles_last_failed_at_idx ON throttles (last_failed_at);

COMMENT ON TABLE throttles IS 'Wrong passwords in a row, alike for names that have an account and names that have none.';
COMMENT ON COLUMN throttles.key IS 'HMAC-SHA-256 of the bound and of the name, so that the table names nobody.';
COMMENT ON COLUMN throttles.failures IS 'Wrong ones in a row; after a quiet time the count begins anew.';
COMMENT ON COLUMN throttles.last_failed_at IS 'When the last of them was.';
COMMENT ON COLUMN throttles.locked_until IS 'Until when no password is looked at; attempts in that time do not move it.';
