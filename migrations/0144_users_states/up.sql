-- Administrators list the accounts in these states, which are few among many. Not CONCURRENTLY: that waits for every open
-- snapshot, so also for that of an instance that waits for this migration to end.
CREATE INDEX users_disabled_idx ON users (id) WHERE status = 'disabled';
CREATE INDEX users_password_disabled_idx ON users (id) WHERE password_disabled_at IS NOT NULL;
CREATE INDEX users_codes_disabled_idx ON users (id) WHERE codes_disabled_at IS NOT NULL;
CREATE INDEX users_unverified_idx ON users (id) WHERE email IS NOT NULL AND email_verified_at IS NULL;
