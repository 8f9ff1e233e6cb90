CREATE TABLE totp_factors (
    id            uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    state         text        NOT NULL,
    sealed_secret bytea       NOT NULL,
    last_step     bigint,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    confirmed_at  timestamptz,
    CONSTRAINT totp_factors_pkey PRIMARY KEY (id),
    CONSTRAINT totp_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT totp_factors_user_id_state_key UNIQUE (user_id, state),
    CONSTRAINT totp_factors_state_known CHECK (state IN ('pending', 'active')),
    CONSTRAINT totp_factors_sealed_secret_length CHECK (octet_length(sealed_secret) BETWEEN 39 AND 157),
    CONSTRAINT totp_factors_pending_expires CHECK ((state = 'pending') = (expires_at IS NOT NULL)),
    CONSTRAINT totp_factors_active_confirmed CHECK ((state = 'active') = (confirmed_at IS NOT NULL AND last_step IS NOT NULL))
);

COMMENT ON TABLE totp_factors IS 'TOTP secrets: at most one active and one pending a user.';
COMMENT ON COLUMN totp_factors.id IS 'UUIDv7; bound into sealed_secret.';
COMMENT ON COLUMN totp_factors.user_id IS 'Whose it is.';
COMMENT ON COLUMN totp_factors.state IS 'pending: waits for its first code. active: confirmed.';
COMMENT ON COLUMN totp_factors.sealed_secret IS 'The shared secret (encrypted).';
COMMENT ON COLUMN totp_factors.last_step IS 'The last time step used; only later ones are accepted (RFC 6238 section 5.2).';
COMMENT ON COLUMN totp_factors.created_at IS 'When the secret was made.';
COMMENT ON COLUMN totp_factors.expires_at IS 'Until when a pending secret may be confirmed.';
COMMENT ON COLUMN totp_factors.confirmed_at IS 'When the first code was right.';
