-- Waits after wrong second factors go by where they came from, in throttles. The previous release still reads these columns
-- of users, so they stay for now; the program neither reads nor writes them any more.
COMMENT ON TABLE throttles IS 'Wrong passwords and wrong second factors in a row, by where they came from; passwords alike for names that have an account and names that have none.';
COMMENT ON COLUMN throttles.key IS 'HMAC-SHA-256 of what was guessed at and of the network or session, so that the table names nobody.';
COMMENT ON COLUMN throttles.locked_until IS 'Until when nothing of the kind is looked at from there; attempts in that time do not move it.';
COMMENT ON COLUMN users.failed_attempts IS 'Not used any more: throttles counts wrong second factors by where they came from.';
COMMENT ON COLUMN users.last_failed_at IS 'Not used any more: see throttles.';
COMMENT ON COLUMN users.locked_until IS 'Not used any more: see throttles.';
COMMENT ON TABLE quotas IS 'How much of a bounded thing was used in a window of time, such as messages to one phone.';
COMMENT ON COLUMN quotas.window_start IS 'The beginning of the window. 1970-01-01 where the window begins with its first use, of which there is one row then.';
