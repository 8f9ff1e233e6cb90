ALTER TABLE users
    ADD COLUMN password_version integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_passwords integer NOT NULL DEFAULT 0,
    ADD COLUMN password_disabled_at timestamptz,
    ADD COLUMN failed_codes integer NOT NULL DEFAULT 0,
    ADD COLUMN codes_disabled_at timestamptz,
    ADD CONSTRAINT users_failed_passwords_counted CHECK (failed_passwords >= 0),
    ADD CONSTRAINT users_failed_codes_counted CHECK (failed_codes >= 0);

COMMENT ON COLUMN users.password_version IS 'How often another password was set: what was compared with one is worth nothing for the next.';
COMMENT ON COLUMN users.failed_passwords IS 'Wrong passwords in a row, from everywhere and however long ago; a right one begins anew.';
COMMENT ON COLUMN users.password_disabled_at IS 'When there were a hundred: no password fits until a new one is set.';
COMMENT ON COLUMN users.failed_codes IS 'Wrong second factors in a row, however long ago; a right one of something held begins anew.';
COMMENT ON COLUMN users.codes_disabled_at IS 'When there were a hundred: none but recovery codes are looked at until a factor is confirmed anew.';

-- Checked on the rows to come: the new set holds all of the old.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_known,
    ADD CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'refresh_reuse', 'session_limit', 'password_changed', 'account_disabled', 'expired')) NOT VALID;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;
