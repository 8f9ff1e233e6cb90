-- The release before knows none of the schemes that have no pepper, whatever number stands beside them.
UPDATE users SET password_key_id = 1 WHERE password_key_id = 0;

ALTER TABLE users
    DROP CONSTRAINT users_password_key_id_byte,
    ADD CONSTRAINT users_password_key_id_byte CHECK (password_key_id BETWEEN 1 AND 255);

COMMENT ON COLUMN users.password_scheme IS 'How password_hash was made.';
COMMENT ON COLUMN users.password_key_id IS 'The master key whose pepper is in password_hash.';
COMMENT ON COLUMN users.password_hash IS 'Modular crypt form; tells the cost.';
