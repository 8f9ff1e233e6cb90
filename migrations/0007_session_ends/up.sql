ALTER TABLE sessions
    ADD COLUMN delivery text NOT NULL DEFAULT 'body',
    ADD CONSTRAINT sessions_delivery_known CHECK (delivery IN ('body', 'cookie')),
    ADD CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'refresh_reuse', 'session_limit', 'password_changed', 'account_disabled'));

COMMENT ON COLUMN sessions.delivery IS 'Where its refresh tokens go: into the body of answers, or into a cookie.';
