ALTER TABLE passkeys ADD COLUMN signs_in_alone boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN passkeys.signs_in_alone IS 'Whether it has shown that it signs in without anything else: it was registered for that, or was used so. An account without a password keeps one.';
