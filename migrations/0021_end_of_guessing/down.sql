UPDATE sessions SET end_reason = 'revoked' WHERE end_reason = 'expired';
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_known,
    ADD CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'refresh_reuse', 'session_limit', 'password_changed', 'account_disabled'));
ALTER TABLE users
    DROP COLUMN password_version,
    DROP COLUMN failed_passwords,
    DROP COLUMN password_disabled_at,
    DROP COLUMN failed_codes,
    DROP COLUMN codes_disabled_at;
