CREATE TABLE link_tokens (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    purpose    text        NOT NULL,
    email      text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT link_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT link_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT link_tokens_user_id_purpose_key UNIQUE (user_id, purpose),
    CONSTRAINT link_tokens_purpose_known CHECK (purpose IN ('magic_link', 'password_reset', 'email_verification'))
);

COMMENT ON TABLE link_tokens IS 'Tokens that were mailed: the one in the newest mail for a user and purpose; a row goes when its token is used.';
COMMENT ON COLUMN link_tokens.id IS 'UUIDv7; what the token names.';
COMMENT ON COLUMN link_tokens.user_id IS 'Whose account it is for.';
COMMENT ON COLUMN link_tokens.purpose IS 'What it opens.';
COMMENT ON COLUMN link_tokens.email IS 'The address that it was sent to; for email_verification, the one that it proves.';
COMMENT ON COLUMN link_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN link_tokens.expires_at IS 'Until when it counts.';
