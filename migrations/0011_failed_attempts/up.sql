ALTER TABLE users
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD COLUMN failed_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN last_failed_at timestamptz,
    ADD COLUMN locked_until timestamptz,
    ADD CONSTRAINT users_failed_attempts_counted CHECK (failed_attempts >= 0),
    ADD CONSTRAINT users_locale_short CHECK (length(locale) BETWEEN 2 AND 35);

COMMENT ON COLUMN users.locale IS 'The language of messages to the user (BCP 47).';
COMMENT ON COLUMN users.failed_attempts IS 'Wrong second factors in a row, over all logins and all kinds, and wrong proofs of a step-up.';
COMMENT ON COLUMN users.last_failed_at IS 'When the last of them was; after a quiet day the count begins anew.';
COMMENT ON COLUMN users.locked_until IS 'Until when no second factor is looked at; attempts in that time do not move it.';
