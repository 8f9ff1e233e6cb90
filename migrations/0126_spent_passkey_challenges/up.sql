ALTER TABLE sessions ADD COLUMN passkey_challenge_at timestamptz;

COMMENT ON COLUMN sessions.passkey_challenge_at IS 'When the newest challenge that registered a passkey in this session was made. None of that moment or before registers another.';
COMMENT ON COLUMN passkeys.last_challenge_at IS 'When the newest challenge that it answered was made; at first, when it was registered. It answers none of that moment or before.';
