CREATE TABLE retired_keys (
    master_key_id smallint    NOT NULL,
    purpose       text        NOT NULL,
    sealed_key    bytea       NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT retired_keys_pkey PRIMARY KEY (master_key_id, purpose),
    CONSTRAINT retired_keys_master_key_id_byte CHECK (master_key_id BETWEEN 1 AND 255),
    CONSTRAINT retired_keys_purpose_known CHECK (
        purpose IN ('password-pepper', 'opaque-token', 'recovery-code', 'sent-code', 'client-secret')),
    CONSTRAINT retired_keys_sealed_key_length CHECK (octet_length(sealed_key) BETWEEN 61 AND 77)
);

COMMENT ON TABLE retired_keys IS 'Keys derived from master keys that may be removed: for what cannot be hashed or verified again with another one.';
COMMENT ON COLUMN retired_keys.master_key_id IS 'The master key that the key was derived from; bound into sealed_key.';
COMMENT ON COLUMN retired_keys.purpose IS 'What the key is for; bound into sealed_key.';
COMMENT ON COLUMN retired_keys.sealed_key IS 'The derived key (encrypted with a newer master key).';
COMMENT ON COLUMN retired_keys.created_at IS 'When it was stored.';
