COMMENT ON COLUMN passkeys.last_challenge_at IS 'When the newest challenge that it answered was made. It answers none of that moment or before.';

ALTER TABLE sessions DROP COLUMN passkey_challenge_at;
