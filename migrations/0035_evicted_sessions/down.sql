UPDATE sessions SET end_reason = 'revoked' WHERE end_reason = 'evicted';
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_known,
    ADD CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'refresh_reuse', 'session_limit', 'password_changed', 'account_disabled', 'expired'));
