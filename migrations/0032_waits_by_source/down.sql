COMMENT ON COLUMN quotas.window_start IS 'The beginning of the window.';
COMMENT ON TABLE quotas IS 'How much of a bounded thing was used in a fixed window of time, such as messages to one phone.';
COMMENT ON COLUMN users.locked_until IS 'Until when no second factor is looked at; attempts in that time do not move it.';
COMMENT ON COLUMN users.last_failed_at IS 'When the last of them was; after a quiet day the count begins anew.';
COMMENT ON COLUMN users.failed_attempts IS 'Wrong second factors in a row, over all logins and all kinds, and wrong proofs of a step-up.';
COMMENT ON COLUMN throttles.locked_until IS 'Until when no password is looked at; attempts in that time do not move it.';
COMMENT ON COLUMN throttles.key IS 'HMAC-SHA-256 of the bound and of the name, so that the table names nobody.';
COMMENT ON TABLE throttles IS 'Wrong passwords in a row, alike for names that have an account and names that have none.';
