CREATE TABLE api_keys (
    user_id      uuid        NOT NULL,
    id           uuid        NOT NULL,
    name         text        NOT NULL,
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- Retention finds rows by the time in their id.
CREATE INDEX api_keys_id_idx ON api_keys (id);

COMMENT ON TABLE api_keys IS 'Keys of users for their scripts: at most twenty for each account. A key is a token that names its row, so nothing secret is stored.';
COMMENT ON COLUMN api_keys.user_id IS 'The account that the script acts for.';
COMMENT ON COLUMN api_keys.id IS 'UUIDv7.';
COMMENT ON COLUMN api_keys.name IS 'The name that the owner gave it.';
COMMENT ON COLUMN api_keys.scopes IS 'What the owner allowed it. A role counts only while the account has it.';
COMMENT ON COLUMN api_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN api_keys.expires_at IS 'The end that use does not move.';
COMMENT ON COLUMN api_keys.last_used_at IS 'When it was last exchanged for an access token, to within a minute.';
