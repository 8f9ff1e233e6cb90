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

COMMENT ON TABLE throttles IS 'Wrong passwords and wrong second factors in a row, by where they came from; passwords alike for names with and without an account.';
COMMENT ON COLUMN throttles.key IS 'HMAC-SHA-256 of the target of the guesses and of the network or session, so that the table identifies no person.';
COMMENT ON COLUMN throttles.failures IS 'Wrong ones in a row; the count restarts after a quiet time.';
COMMENT ON COLUMN throttles.last_failed_at IS 'When the last of them was.';
COMMENT ON COLUMN throttles.locked_until IS 'Until when nothing of the kind is verified from there; attempts before do not move it.';
