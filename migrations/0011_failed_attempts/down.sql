ALTER TABLE users
    DROP COLUMN locale,
    DROP COLUMN failed_attempts,
    DROP COLUMN last_failed_at,
    DROP COLUMN locked_until;
