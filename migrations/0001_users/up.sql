CREATE TABLE users (
    id                  uuid        NOT NULL,
    email               text,
    email_verified_at   timestamptz,
    username            text,
    password_scheme     text        NOT NULL,
    password_key_id     smallint    NOT NULL,
    password_hash       text        NOT NULL,
    password_changed_at timestamptz NOT NULL,
    roles               text[]      NOT NULL DEFAULT '{}',
    status              text        NOT NULL DEFAULT 'active',
    created_at          timestamptz NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_named CHECK (email IS NOT NULL OR username IS NOT NULL),
    CONSTRAINT users_email_canonical CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_username_canonical CHECK (username = lower(username) AND length(username) BETWEEN 3 AND 32),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'disabled')),
    CONSTRAINT users_password_key_id_byte CHECK (password_key_id BETWEEN 1 AND 255)
);

COMMENT ON TABLE users IS 'Accounts.';
COMMENT ON COLUMN users.id IS 'UUIDv7; the sub of tokens, never reused.';
COMMENT ON COLUMN users.email IS 'Canonical address: ASCII, lower case, domain as A-labels.';
COMMENT ON COLUMN users.email_verified_at IS 'When the owner proved that the address is theirs.';
COMMENT ON COLUMN users.username IS 'Canonical name: ASCII, lower case.';
COMMENT ON COLUMN users.password_scheme IS 'How password_hash was made.';
COMMENT ON COLUMN users.password_key_id IS 'The master key whose pepper is in password_hash.';
COMMENT ON COLUMN users.password_hash IS 'Modular crypt form; tells the cost.';
COMMENT ON COLUMN users.password_changed_at IS 'When the password was set.';
COMMENT ON COLUMN users.roles IS 'Granted by operators; copied into tokens.';
COMMENT ON COLUMN users.status IS 'active, or disabled: no way in, sessions ended.';
COMMENT ON COLUMN users.created_at IS 'When the account was made.';
