ALTER TABLE sessions ADD COLUMN passkey_challenge_at timestamptz;

COMMENT ON COLUMN sessions.passkey_challenge_at IS 'When the newest challenge that registered a passkey in this session was made. None of that moment or before registers another.';
COMMENT ON COLUMN passkeys.last_challenge_at IS 'When the newest challenge that it answered was made; at first, when it was registered. It answers none of that moment or before.';
COMMENT ON COLUMN unfinished_registrations.expires_at IS 'When its pre-auth token expires, or a day after a registration that only a mail answered. From then on an account without a way in is deleted, and its names are free.';
COMMENT ON COLUMN passkeys.signs_in_alone IS 'Whether it has shown that it signs in without anything else: it was used so. An account without a password keeps one.';
