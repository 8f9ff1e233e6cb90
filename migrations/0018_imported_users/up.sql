-- Wider than before, so no row can be in the way and the release before goes on as it is.
ALTER TABLE users
    DROP CONSTRAINT users_password_key_id_byte,
    ADD CONSTRAINT users_password_key_id_byte CHECK (password_key_id BETWEEN 0 AND 255);

COMMENT ON COLUMN users.password_scheme IS 'How password_hash was made; other programs'' schemes until the next login.';
COMMENT ON COLUMN users.password_key_id IS 'The master key whose pepper is in password_hash; 0 where there is none.';
COMMENT ON COLUMN users.password_hash IS 'As the scheme writes it; tells the cost.';
