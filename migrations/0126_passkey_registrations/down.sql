COMMENT ON COLUMN unfinished_registrations.expires_at IS 'When its pre-auth token expires. From then on an account without a way in is deleted, and its names are free.';
COMMENT ON COLUMN passkeys.signs_in_alone IS 'Whether it has shown that it signs in without anything else: it was registered for that, or was used so. An account without a password keeps one.';
COMMENT ON COLUMN passkeys.last_challenge_at IS 'When the newest challenge that it answered was made. It answers none of that moment or before.';

ALTER TABLE sessions DROP COLUMN passkey_challenge_at;
