CREATE TABLE recovery_codes (
    user_id    uuid        NOT NULL,
    code_hash  bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT recovery_codes_code_hash_length CHECK (octet_length(code_hash) = 32)
);

COMMENT ON TABLE recovery_codes IS 'The recovery codes of an account: one set at a time.';
COMMENT ON COLUMN recovery_codes.user_id IS 'The account that they are for.';
COMMENT ON COLUMN recovery_codes.code_hash IS 'HMAC-SHA-256 of the user id and the code.';
COMMENT ON COLUMN recovery_codes.created_at IS 'When the set was created.';
COMMENT ON COLUMN recovery_codes.used_at IS 'When the code was used.';
