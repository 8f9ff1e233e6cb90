CREATE TABLE users (
    id                   uuid        NOT NULL,
    email                text,
    email_verified_at    timestamptz,
    username             text,
    password_scheme      text        NOT NULL,
    password_key_id      smallint    NOT NULL,
    password_hash        text        NOT NULL,
    password_changed_at  timestamptz NOT NULL,
    password_version     integer     NOT NULL DEFAULT 0,
    password_disabled_at timestamptz,
    failed_passwords     integer     NOT NULL DEFAULT 0,
    codes_disabled_at    timestamptz,
    failed_codes         integer     NOT NULL DEFAULT 0,
    roles                text[]      NOT NULL DEFAULT '{}',
    status               text        NOT NULL DEFAULT 'active',
    locale               text        NOT NULL DEFAULT 'en',
    created_at           timestamptz NOT NULL,
    first_signed_in_at   timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_named CHECK (email IS NOT NULL OR username IS NOT NULL),
    CONSTRAINT users_email_canonical CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_username_canonical CHECK (username = lower(username) AND length(username) BETWEEN 3 AND 32),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'disabled')),
    CONSTRAINT users_password_key_id_byte CHECK (password_key_id BETWEEN 0 AND 255),
    CONSTRAINT users_failed_passwords_counted CHECK (failed_passwords >= 0),
    CONSTRAINT users_failed_codes_counted CHECK (failed_codes >= 0),
    CONSTRAINT users_locale_short CHECK (length(locale) BETWEEN 2 AND 35)
);

-- Operators find accounts by the beginning of a name, in any collation of the database.
CREATE INDEX users_email_prefix_idx ON users (email text_pattern_ops);
CREATE INDEX users_username_prefix_idx ON users (username text_pattern_ops);

COMMENT ON TABLE users IS 'Accounts. The table account_names decides which account has an address or a user name.';
COMMENT ON COLUMN users.id IS 'UUIDv7; the sub of tokens, never reused.';
COMMENT ON COLUMN users.email IS 'Canonical address: ASCII, lower case, domain as A-labels.';
COMMENT ON COLUMN users.email_verified_at IS 'When the owner proved that the address is theirs.';
COMMENT ON COLUMN users.username IS 'Canonical user name: ASCII, lower case.';
COMMENT ON COLUMN users.password_scheme IS 'How password_hash was made: by this program, by another one until the next login, or none.';
COMMENT ON COLUMN users.password_key_id IS 'The master key whose pepper is in password_hash; 0 where there is none.';
COMMENT ON COLUMN users.password_hash IS 'In the form of its scheme, which contains the cost.';
COMMENT ON COLUMN users.password_changed_at IS 'When the password was set.';
COMMENT ON COLUMN users.password_version IS 'How often another password was set. The result of a comparison with one password does not count for the next.';
COMMENT ON COLUMN users.password_disabled_at IS 'When there were a hundred wrong passwords in a row: none is accepted until a new one is set.';
COMMENT ON COLUMN users.failed_passwords IS 'Wrong passwords in a row, from all networks and however long ago; a right one resets the count.';
COMMENT ON COLUMN users.codes_disabled_at IS 'When there were a hundred wrong second factors in a row: only recovery codes are accepted until a factor is confirmed again.';
COMMENT ON COLUMN users.failed_codes IS 'Wrong second factors in a row, however long ago; a right one of a device resets the count.';
COMMENT ON COLUMN users.roles IS 'Granted by operators; copied into tokens.';
COMMENT ON COLUMN users.status IS 'active, or disabled: all sessions are ended and no login succeeds.';
COMMENT ON COLUMN users.locale IS 'The language of messages to the user (BCP 47).';
COMMENT ON COLUMN users.created_at IS 'When the account was created.';
COMMENT ON COLUMN users.first_signed_in_at IS 'When the first login was completed. Rows of sessions are deleted, so that no session may be left of an account in use.';
