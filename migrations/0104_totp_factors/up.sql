CREATE TABLE totp_factors (
    id            uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    state         text        NOT NULL,
    session_id    uuid,
    sealed_secret bytea       NOT NULL,
    last_step     bigint,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    confirmed_at  timestamptz,
    CONSTRAINT totp_factors_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT totp_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT totp_factors_state_known CHECK (state IN ('pending', 'active')),
    CONSTRAINT totp_factors_session_pending CHECK (session_id IS NULL OR state = 'pending'),
    CONSTRAINT totp_factors_sealed_secret_length CHECK (octet_length(sealed_secret) BETWEEN 39 AND 157),
    CONSTRAINT totp_factors_pending_expires CHECK ((state = 'pending') = (expires_at IS NOT NULL)),
    CONSTRAINT totp_factors_active_confirmed CHECK ((state = 'active') = (confirmed_at IS NOT NULL AND last_step IS NOT NULL))
);

CREATE UNIQUE INDEX totp_factors_user_id_active_key ON totp_factors (user_id) WHERE state = 'active';
-- One pending secret for each session. With one for each account, an attacker who has the password of an account without
-- a factor could replace the owner's secret before its first code.
CREATE UNIQUE INDEX totp_factors_user_id_session_id_key ON totp_factors (user_id, session_id);

COMMENT ON TABLE totp_factors IS 'TOTP secrets: at most one active secret for each account, and one pending secret for each session.';
COMMENT ON COLUMN totp_factors.id IS 'UUIDv7; bound into sealed_secret.';
COMMENT ON COLUMN totp_factors.user_id IS 'The account that it is a factor of.';
COMMENT ON COLUMN totp_factors.state IS 'pending: no code was verified yet. active: confirmed.';
COMMENT ON COLUMN totp_factors.session_id IS 'While pending, the session that began the enrolment; no other session can confirm it. No foreign key: a deleted session confirms nothing, and a pending row is valid for ten minutes.';
COMMENT ON COLUMN totp_factors.sealed_secret IS 'The shared secret (encrypted).';
COMMENT ON COLUMN totp_factors.last_step IS 'The last time step used; only later ones are accepted (RFC 6238 section 5.2).';
COMMENT ON COLUMN totp_factors.created_at IS 'When the secret was created.';
COMMENT ON COLUMN totp_factors.expires_at IS 'Until when a pending secret can be confirmed.';
COMMENT ON COLUMN totp_factors.confirmed_at IS 'When the first code was verified.';
